"""The debug page: the newest frames first, their source around them, and nothing unescaped."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import inspect
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._debug_page import (
    MAX_EXCEPTIONS,
    frame_html,
    line_html,
    page_headers,
    page_html,
    page_response,
    plain_text,
    text_response,
)
from bolide.types import Scope


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


def test_a_frame_names_its_file_and_line(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__)
    monkeypatch.setattr(sys, "path", [str(here.parents[1]), "", str(here.parents[0])])
    newest = frames_of(page_html("Title", raised("x"), limit=7))[0]
    line = inspect.getsourcelines(inner)[1] + 1

    assert f'</code> in <span title="{here}">{here.name}</span>, line <b>{line}</b>' in newest
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
    assert '">&lt;made &amp; up&gt;</span>, line <b>1</b>' in newest
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


# --- what led to it -------------------------------------------------------------------------


def chained(newest: Exception, *older: Exception) -> Exception:
    exc = newest
    for cause in older:
        exc.__cause__ = cause
        exc = cause
    return newest


def relations(page: str) -> list[tuple[str, str]]:
    """Give what is said of other exceptions."""
    reader = Reader(page)
    return list(zip(reader.texts["h3"], [*reader.texts.get("p", []), ""], strict=False))[:-1]


def test_causes_are_shown_with_their_frames() -> None:
    page = page_html("Title", chained(raised("x"), raised("y"), KeyError("z")), limit=7)

    assert relations(page) == [("Caused by", "ValueError: y"), ("Caused by", "KeyError: 'z'")]
    assert len(frames_of(page)) == 6
    assert page.count("<details open>") == 1


def test_what_was_being_handled_is_shown() -> None:
    error = raised("x")
    error.__context__ = KeyError("y")
    assert relations(page_html("Title", error, limit=7)) == [
        ("Raised while handling", "KeyError: 'y'")
    ]
    error.__suppress_context__ = True
    assert relations(page_html("Title", error, limit=7)) == []


def test_the_parts_of_a_group_are_shown_each_with_its_cause() -> None:
    group = ExceptionGroup("both", [chained(ValueError("a"), KeyError("b")), TypeError("c")])
    assert relations(page_html("Title", group, limit=7)) == [
        ("Part 1 of 2 of the group", "ValueError: a"),
        ("Caused by", "KeyError: 'b'"),
        ("Part 2 of 2 of the group", "TypeError: c"),
    ]


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert relations(page_html("Title", one, limit=7)) == [("Caused by", "ValueError: other")]


def test_a_long_chain_is_cut() -> None:
    error = chained(*(ValueError(str(number)) for number in range(50)))
    assert len(relations(page_html("Title", error, limit=7))) == MAX_EXCEPTIONS


# --- variables, request, text ---------------------------------------------------------------


def fail_with_secrets() -> None:
    password = "hunter2"  # noqa: F841 - they are there to be shown
    order = {"id": 7, "api_key": "sk-live"}  # noqa: F841
    raise ValueError("no")


def test_variables_are_shown_and_secrets_masked() -> None:
    with pytest.raises(ValueError, match="no") as caught:
        fail_with_secrets()
    page = page_html("Title", caught.value, limit=1)

    assert '<tr><th scope="row">password</th><td>********</td></tr>' in page
    assert (
        '<tr><th scope="row">order</th><td>'
        "{&#x27;id&#x27;: 7, &#x27;api_key&#x27;: ********}</td></tr>" in page
    )
    assert "hunter2" not in page
    assert "sk-live" not in page


def test_a_frame_without_variables_has_no_table_of_them() -> None:
    def without() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x") as caught:
        without()
    assert "<table>" not in page_html("Title", caught.value, limit=1)


def test_older_frames_are_counted() -> None:
    assert "2 older frames are not shown." in page_html("Title", raised("x"), limit=1)
    assert "older frames" not in page_html("Title", raised("x"), limit=3)


def endpoint() -> None: ...


SCOPE: Scope = {
    "type": "http",
    "http_version": "1.1",
    "method": "POST",
    "path": "/orders/<7>",
    "query_string": b"page=2&token=abcdef",
    "client": ("127.0.0.1", 1234),
    "endpoint": endpoint,
    "path_params": {"order": 7},
    "headers": [
        (b"host", b"example.com"),
        (b"cookie", b"session=xyz"),
        (b"authorization", b"Basic xyz"),
        (b"x-note", b"<b>\xe9</b>"),
    ],
}


def facts(scope: Scope) -> dict[str, str]:
    reader = Reader(page_html("Title", ValueError("x"), limit=7, scope=scope))
    return dict(zip(reader.texts["th"], reader.texts["td"], strict=True))


def test_the_request_is_shown_and_its_secrets_masked() -> None:
    assert facts(SCOPE) == {
        "Method": "POST",
        "Path": "/orders/<7>",
        "Query": "?page=2&token=********",
        "Path parameters": "{'order': 7}",
        "Endpoint": f"{__name__}.endpoint",
        "Client": "127.0.0.1:1234",
        "HTTP version": "1.1",
        "host": "example.com",
        "cookie": "********",
        "authorization": "********",
        "x-note": "<b>é</b>",
    }


def test_what_a_request_does_not_have_is_left_out() -> None:
    assert "table" not in Reader(page_html("T", ValueError("x"), limit=7, scope={})).tags
    assert facts({"method": "GET", "path": "/", "endpoint": Reader("")}) == {
        "Method": "GET",
        "Path": "/",
        "Endpoint": f"{__name__}.Reader",
    }


def test_the_traceback_can_be_copied() -> None:
    error = raised("</textarea><b>")
    reader = Reader(page_html("Title", error, limit=7))
    assert reader.texts["textarea"] == ["\n" + plain_text(error)]


# --- as a response --------------------------------------------------------------------------


def test_the_page_allows_nothing_but_its_own_style() -> None:
    response = page_response(SCOPE, raised("x"))
    page = bytes(response.body).decode()
    style = page.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    policy = response.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.status_code == 500
    assert "<title>ValueError at /orders/&lt;7&gt;</title>" in page
    assert {"script", "link", "img", "form", "a"}.isdisjoint(Reader(page).tags)
    assert " style=" not in page


def test_the_headers_are_those_of_each_page() -> None:
    page_response({}, raised("x")).headers["x-one"] = "1"
    assert "x-one" not in page_headers()


def test_text_is_masked_and_not_kept() -> None:
    response = text_response('password = "hunter2"')
    assert (response.status_code, response.body) == (500, b'password = "********"')
    assert response.headers["cache-control"] == "no-store"
