"""The style of the debug page, which stands in the page as it is."""

from __future__ import annotations

from bolide._debug_style import STYLE


def test_the_style_needs_nothing_from_elsewhere() -> None:
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_the_style_does_not_end_its_element() -> None:
    assert "<" not in STYLE


def test_the_style_is_written_in_full() -> None:
    assert STYLE.count("{") == STYLE.count("}")
