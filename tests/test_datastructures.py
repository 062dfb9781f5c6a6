"""The public face of the values: every name, where users look for it."""

from __future__ import annotations

from bolide import datastructures


def test_every_name_says_that_it_lives_here() -> None:
    for name in datastructures.__all__:
        assert getattr(datastructures, name).__module__ == "bolide.datastructures"
