"""The debug page: the newest frames first, their source around them, and nothing unescaped."""

from __future__ import annotations

import html.parser
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._debug_page import frame_html, line_html, page_html, plain_text


def outer(value: str) -> None:
    inner(value)


def inner(value: str) -> None:
    raise ValueError(value)


def raised(value: str) -> ValueError:
    try:
        outer(value)
    except ValueError as exc:
        return exc
    raise NotImplementedError


class Reader(html.parser.HTMLParser):
    """Reads a page: its tags, and the text in each kind of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data


def frames_of(page: str) -> list[str]:
    return page.split("<details")[1:]


def test_the_newest_frame_is_first_and_open() -> None:
    newest, middle, oldest = frames_of(page_html("Title", raised("x"), limit=7))

    assert "<code>inner</code>" in newest
    assert "<code>outer</code>" in middle
    assert "<code>raised</code>" in oldest
    assert newest.startswith(" open>")
    assert middle.startswith(">")
    assert oldest.startswith(">")


def test_a_frame_names_its_file_and_line() -> None:
    newest = frames_of(page_html("Title", raised("x"), limit=7))[0]
    line = inspect.getsourcelines(inner)[1] + 1

    assert f"</code> in {__file__}, line <b>{line}</b>" in newest
    marked = (
        f'<span class="line error"><span class="number">{line}</span>    raise ValueError(value)\n'
    )
    assert newest.count(marked) == newest.count("line error") == 1


def test_a_frame_shows_the_source_around_its_line() -> None:
    newest = frames_of(page_html("Title", raised("x"), limit=7))[0]
    assert newest.count('<span class="line') == 9
    assert "def inner(value: str) -&gt; None:" in newest


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (2, 2), (3, 3), (100, 3)])
def test_the_oldest_frames_are_left_out(limit: int, expected: int) -> None:
    frames = frames_of(page_html("Title", raised("x"), limit=limit))
    assert len(frames) == expected
    assert "<code>inner</code>" in frames[0]


def test_an_exception_that_was_never_raised_has_no_frames() -> None:
    reader = Reader(page_html("Title", ValueError("x"), limit=7))
    assert "details" not in reader.tags
    assert reader.texts["h2"] == ["ValueError: x"]


def test_an_exception_without_a_message_is_shown_by_its_type() -> None:
    assert Reader(page_html("Title", ValueError(), limit=7)).texts["h2"] == ["ValueError"]


def test_notes_are_shown() -> None:
    error = ValueError("x")
    error.add_note("Did you mean y?")
    heading = Reader(page_html("Title", error, limit=7)).texts["h2"]
    assert heading == ["ValueError: x\nDid you mean y?"]


def test_code_without_source_is_shown_without_lines() -> None:
    try:
        exec(compile("1 / 0", "<made & up>", "exec"))
    except ZeroDivisionError as exc:
        newest = frames_of(page_html("Title", exc, limit=1))[0]
    assert "in &lt;made &amp; up&gt;, line <b>1</b>" in newest
    assert '<span class="line' not in newest


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1))
def test_nothing_that_is_shown_becomes_markup(text: str) -> None:
    expected = Reader(page_html("Title", raised("x"), limit=7)).tags
    reader = Reader(page_html(text, raised(text), limit=7))

    assert reader.tags == expected
    assert reader.texts["title"] == [text]
    assert reader.texts["h2"] == [f"ValueError: {text}".strip()]


def test_the_page_says_what_it_is() -> None:
    reader = Reader(page_html("Some <Title>", raised("x"), limit=7))
    assert reader.texts["title"] == ["Some <Title>"]
    assert reader.texts["h1"] == ["500 Server Error"]


@pytest.mark.parametrize(
    ("is_error", "expected"),
    [
        (False, '<span class="line"><span class="number">7</span>  a &lt; b\n</span>'),
        (True, '<span class="line error"><span class="number">7</span>  a &lt; b\n</span>'),
    ],
)
def test_a_line(is_error: bool, expected: str) -> None:
    assert line_html("  a < b  \n", number=7, is_error=is_error) == expected


def test_a_frame_may_be_closed() -> None:
    exc = raised("x")
    assert exc.__traceback__ is not None
    frame = inspect.getinnerframes(exc.__traceback__)[-1]
    assert frame_html(frame, opened=True).startswith("<details open>")
    assert frame_html(frame, opened=False).startswith("<details>")


def test_plain_text_is_the_traceback_with_its_causes() -> None:
    error = raised("x")
    error.__cause__ = LookupError("the cause")
    text = plain_text(error)
    assert text.startswith("LookupError: the cause\n")
    assert "\nTraceback (most recent call last):\n" in text
    assert text.endswith("\nValueError: x\n")
