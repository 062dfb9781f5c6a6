"""A plain response: how body and headers are made, and what goes out."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Mapping
from http.cookies import CookieError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._exchange import Exchange
from bolide._policy import Policy
from bolide._response import (
    BODILESS,
    HTMLResponse,
    PlainTextResponse,
    Response,
    denial,
    without_body,
)
from bolide._settings import ACTIVE, Settings
from bolide.background import BackgroundTask
from bolide.testclient import TestClient
from bolide.types import Message, Scope

SENT_LENGTH_2 = (b"content-length", b"2")


class Recorder:
    """A `send` that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)


async def no_receive() -> Message:
    raise AssertionError("A plain response has nothing to receive.")


async def sent_by(response: Response, scope_type: str = "http") -> list[Message]:
    send = Recorder()
    scope: Scope = {"type": scope_type}
    await response(scope, no_receive, send)
    return send.messages


# The body


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (None, b""),
        ("", b""),
        ("I ♥ tests", "I ♥ tests".encode()),
        (b"\xff\x00", b"\xff\x00"),
        (memoryview(b"abc"), b"abc"),
        (memoryview(b""), b""),
        (memoryview(bytes(8)).cast("I"), bytes(8)),
        (memoryview(b"abcdef")[::2], b"ace"),
        (memoryview(bytes(range(12))).cast("B", (3, 4)), bytes(range(12))),
        (memoryview(b"").cast("I"), b""),
    ],
)
def test_content_becomes_bytes(content: Any, body: bytes) -> None:
    response = Response(content)
    assert bytes(response.body) == body
    assert response.headers["content-length"] == str(len(body))
    assert len(response.body) == len(body)


@given(st.binary(), st.sampled_from("bBhHiIqQ"), st.integers(-3, 3).filter(bool))
def test_the_length_of_any_view_counts_bytes(data: bytes, kind: str, step: int) -> None:
    whole = memoryview(data[: len(data) // 8 * 8])
    view = whole.cast(kind)[::step]  # type: ignore[call-overload]
    response = Response(view)
    assert bytes(response.body) == view.tobytes()
    assert response.headers["content-length"] == str(view.nbytes)


def test_a_text_of_a_subclass_is_encoded_too() -> None:
    class Text(str):
        __slots__ = ()

    assert Response(Text("é")).body == "é".encode()


def test_what_cannot_be_encoded_is_an_error() -> None:
    with pytest.raises(AttributeError):
        Response(1)


def test_text_is_encoded_in_the_charset_of_the_class() -> None:
    class Latin(PlainTextResponse):
        charset = "latin-1"

    response = Latin("é")
    assert response.body == b"\xe9"
    assert response.headers["content-type"] == "text/plain; charset=latin-1"


def test_a_subclass_may_render_in_its_own_way() -> None:
    class Upper(Response):
        media_type = "text/upper"

        def render(self, content: Any) -> bytes:
            return bytes(content.upper(), "ascii")

    response = Upper("ab")
    assert response.body == b"AB"
    assert response.raw_headers == [
        SENT_LENGTH_2,
        (b"content-type", b"text/upper; charset=utf-8"),
    ]


def test_a_subclass_may_make_headers_in_its_own_way() -> None:
    given_headers: list[object] = []

    class Bare(Response):
        def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
            given_headers.append(headers)
            self.raw_headers = []

    assert Bare("ab").raw_headers == []
    assert Bare("ab", headers={"a": "b"}).raw_headers == []
    assert given_headers == [None, {"a": "b"}]


def test_headers_can_be_made_before_there_is_a_body() -> None:
    class Later(Response):
        def __init__(self) -> None:
            self.status_code = 200
            self.init_headers()

    assert Later().raw_headers == []


# The headers


@pytest.mark.parametrize("headers", [None, {}])
def test_length_and_type_are_added(headers: dict[str, str] | None) -> None:
    assert Response("ab", headers=headers, media_type="a/b").raw_headers == [
        SENT_LENGTH_2,
        (b"content-type", b"a/b"),
    ]


@pytest.mark.parametrize("headers", [None, {}])
def test_an_empty_response_has_no_type(headers: dict[str, str] | None) -> None:
    assert Response(headers=headers).raw_headers == [(b"content-length", b"0")]


def test_the_headers_of_the_caller_come_first_in_their_order() -> None:
    response = PlainTextResponse("ab", headers={"X-B": "é", "X-A": "1"})
    assert response.raw_headers == [
        (b"x-b", b"\xe9"),
        (b"x-a", b"1"),
        SENT_LENGTH_2,
        (b"content-type", b"text/plain; charset=utf-8"),
    ]


def test_length_and_type_of_the_caller_win() -> None:
    response = PlainTextResponse("ab", headers={"Content-Type": "a/b", "Content-Length": "7"})
    assert response.raw_headers == [(b"content-type", b"a/b"), (b"content-length", b"7")]


@pytest.mark.parametrize("headers", [{"x": "♥"}, {"♥": "x"}])
def test_headers_are_latin_1(headers: dict[str, str]) -> None:
    with pytest.raises(UnicodeEncodeError):
        Response(headers=headers)


@pytest.mark.parametrize("status", [100, 103, 199, 204, 304])
def test_a_status_without_body_has_no_length(status: int) -> None:
    assert Response(status_code=status).raw_headers == []


@pytest.mark.parametrize("status", [200, 201, 205, 206, 301, 400, 418, 499, 599])
def test_any_other_status_has_a_length(status: int) -> None:
    assert Response("ab", status_code=status).raw_headers == [SENT_LENGTH_2]


@pytest.mark.parametrize(
    ("media_type", "header"),
    [
        ("text/css", "text/css; charset=utf-8"),
        ("text/css; charset=latin-1", "text/css; charset=latin-1"),
        ("text/css; Charset=latin-1", "text/css; Charset=latin-1"),
        ("application/json", "application/json"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_text_tells_its_charset_once(media_type: str, header: str) -> None:
    response = Response("ab", media_type=media_type)
    assert response.headers["content-type"] == header
    assert response.media_type == media_type


def test_the_media_type_of_the_class_stays_without_another() -> None:
    assert HTMLResponse("", media_type=None).media_type == "text/html"
    assert HTMLResponse("", media_type="a/b").media_type == "a/b"
    assert HTMLResponse.media_type == "text/html"
    assert (Response.media_type, Response.charset) == (None, "utf-8")


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        (HTMLResponse, "text/html; charset=utf-8"),
        (PlainTextResponse, "text/plain; charset=utf-8"),
    ],
)
def test_the_classes_of_text_say_what_they_are(kind: type[Response], header: str) -> None:
    assert kind("ab").headers["content-type"] == header


def test_changed_headers_go_out() -> None:
    response = Response()
    assert response.headers is response.headers
    response.headers["x-a"] = "1"
    response.headers.append("vary", "b")
    assert response.raw_headers == [(b"content-length", b"0"), (b"x-a", b"1"), (b"vary", b"b")]


def test_raw_headers_may_be_replaced_before_headers_are_used() -> None:
    response = Response()
    response.raw_headers = [(b"x-a", b"1")]
    response.headers["x-b"] = "2"
    assert response.raw_headers == [(b"x-a", b"1"), (b"x-b", b"2")]


# Cookies


def cookie_of(response: Response) -> str:
    (value,) = response.headers.getlist("set-cookie")
    return value


def test_a_cookie_has_a_path_and_is_lax() -> None:
    response = Response()
    response.set_cookie("mycookie", "myvalue")
    assert response.raw_headers[-1] == (b"set-cookie", b"mycookie=myvalue; Path=/; SameSite=lax")


def test_a_cookie_says_all_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.datetime(2037, 1, 22, 12, 0, 0, tzinfo=datetime.UTC)
    monkeypatch.setattr(time, "time", moment.timestamp)
    response = Response()
    response.set_cookie(
        "mycookie",
        "myvalue",
        max_age=10,
        expires=10,
        path="/",
        domain="localhost",
        secure=True,
        httponly=True,
        samesite="none",
    )
    assert cookie_of(response) == (
        "mycookie=myvalue; Domain=localhost; expires=Thu, 22 Jan 2037 12:00:10 GMT; HttpOnly; "
        "Max-Age=10; Path=/; SameSite=none; Secure"
    )


@pytest.mark.parametrize(
    "expires",
    [
        datetime.datetime(2037, 1, 22, 12, 0, 10, tzinfo=datetime.UTC),
        "Thu, 22 Jan 2037 12:00:10 GMT",
    ],
)
def test_a_cookie_expires_at_a_time(expires: datetime.datetime | str) -> None:
    response = Response()
    response.set_cookie("a", "b", expires=expires, path=None, samesite=None)
    assert cookie_of(response) == "a=b; expires=Thu, 22 Jan 2037 12:00:10 GMT"


@pytest.mark.parametrize(
    "zone", [None, datetime.timezone(datetime.timedelta(hours=1))], ids=["none", "other"]
)
def test_a_time_in_another_zone_is_refused(zone: datetime.tzinfo | None) -> None:
    response = Response()
    with pytest.raises(ValueError, match="usegmt option requires a UTC datetime"):
        response.set_cookie("a", expires=datetime.datetime(2037, 1, 22, tzinfo=zone))
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("arguments", "cookie"),
    [
        ({"path": None}, "a=b; SameSite=lax"),
        ({"samesite": None}, "a=b; Path=/"),
        ({"samesite": "Strict"}, "a=b; Path=/; SameSite=Strict"),
        ({"max_age": 0}, "a=b; Max-Age=0; Path=/; SameSite=lax"),
        ({"value": 'b c;"'}, 'a="b c\\073\\""; Path=/; SameSite=lax'),
        ({"value": "é"}, 'a="\\351"; Path=/; SameSite=lax'),
    ],
)
def test_a_cookie_can_say_less_or_something_else(arguments: dict[str, Any], cookie: str) -> None:
    response = Response()
    response.set_cookie("a", **{"value": "b", **arguments})
    assert cookie_of(response) == cookie


def test_cookies_add_up() -> None:
    response = Response()
    response.set_cookie("a", "1")
    response.set_cookie("a", "2")
    assert [cookie[:3] for cookie in response.headers.getlist("set-cookie")] == ["a=1", "a=2"]


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "a\r\nb", "path"])
def test_an_illegal_name_adds_nothing(name: str) -> None:
    response = Response()
    with pytest.raises(CookieError):
        response.set_cookie(name)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("attribute", ["path", "domain", "expires"])
@pytest.mark.parametrize("text", ["/\r\nx: y", "/; Domain=example.org"])
def test_an_attribute_cannot_begin_another(attribute: str, text: str) -> None:
    response = Response()
    with pytest.raises(ValueError):
        response.set_cookie("a", **{attribute: text})  # type: ignore[arg-type]
    assert "set-cookie" not in response.headers


def test_another_word_for_samesite_is_a_mistake() -> None:
    response = Response()
    with pytest.raises(AssertionError, match="samesite must be either 'strict', 'lax' or 'none'"):
        response.set_cookie("a", samesite="invalid")  # type: ignore[arg-type]
    assert "set-cookie" not in response.headers


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python knows the attribute")
@pytest.mark.parametrize("method", [Response.set_cookie, Response.delete_cookie])
def test_an_old_python_cannot_write_partitioned(method: Callable[..., None]) -> None:
    response = Response()
    message = r"Partitioned cookies are only supported in Python 3\.14 and above\."
    with pytest.raises(ValueError, match=message):
        method(response, "a", partitioned=True)
    assert "set-cookie" not in response.headers


@pytest.mark.skipif(sys.version_info < (3, 14), reason="this Python lacks the attribute")
def test_a_new_python_writes_partitioned() -> None:
    response = Response()
    response.set_cookie("a", "b", partitioned=True)
    assert cookie_of(response) == "a=b; Partitioned; Path=/; SameSite=lax"


def test_a_deleted_cookie_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.datetime(2037, 1, 22, 12, 0, 0, tzinfo=datetime.UTC)
    monkeypatch.setattr(time, "time", moment.timestamp)
    response = Response()
    response.delete_cookie("a")
    assert cookie_of(response) == (
        'a=""; expires=Thu, 22 Jan 2037 12:00:00 GMT; Max-Age=0; Path=/; SameSite=lax'
    )


def test_a_cookie_is_deleted_where_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.datetime(2037, 1, 22, 12, 0, 0, tzinfo=datetime.UTC)
    monkeypatch.setattr(time, "time", moment.timestamp)
    response = Response()
    response.delete_cookie("a", "/b", "example.org", secure=True, httponly=True, samesite="strict")
    assert cookie_of(response) == (
        'a=""; Domain=example.org; expires=Thu, 22 Jan 2037 12:00:00 GMT; HttpOnly; Max-Age=0; '
        "Path=/b; SameSite=strict; Secure"
    )


def test_a_client_keeps_a_cookie_and_forgets_it(client_for: Callable[..., TestClient]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        response = Response()
        if scope["path"] == "/in":
            response.set_cookie("a", "b")
        else:
            response.delete_cookie("a")
        await response(scope, receive, send)

    client = client_for(app)
    client.get("/in")
    assert dict(client.cookies) == {"a": "b"}
    client.get("/out")
    assert dict(client.cookies) == {}


# The wire


@pytest.mark.anyio
async def test_a_response_is_a_start_and_a_body() -> None:
    response = Response("ab", status_code=499, headers={"x-a": "1"})
    messages = await sent_by(response)
    assert messages == [
        {
            "type": "http.response.start",
            "status": 499,
            "headers": [(b"x-a", b"1"), SENT_LENGTH_2],
        },
        {"type": "http.response.body", "body": b"ab"},
    ]
    assert messages[0]["headers"] is response.raw_headers


@pytest.mark.anyio
async def test_a_response_can_be_sent_again() -> None:
    response = Response("ab")
    assert await sent_by(response) == await sent_by(response)


@pytest.mark.anyio
async def test_a_websocket_is_denied_with_the_same_messages() -> None:
    calls: list[str] = []
    response = Response("ab", 403, background=BackgroundTask(calls.append, "later"))
    assert await sent_by(response, "websocket") == [
        {"type": "websocket.http.response.start", "status": 403, "headers": [SENT_LENGTH_2]},
        {"type": "websocket.http.response.body", "body": b"ab"},
    ]
    assert calls == ["later"]


@pytest.mark.anyio
async def test_a_denial_leaves_the_message_of_the_caller_alone() -> None:
    send = Recorder()
    message: Message = {"type": "http.response.body", "body": b""}
    await denial(send)(message)
    assert message["type"] == "http.response.body"
    assert send.messages == [{"type": "websocket.http.response.body", "body": b""}]


@pytest.mark.anyio
@pytest.mark.parametrize(("scope_type", "started"), [("http", True), ("websocket", False)])
async def test_an_exchange_learns_that_a_response_has_started(
    scope_type: str, started: bool
) -> None:
    send = Recorder()
    exchange = Exchange(send)
    await Response("ab")({"type": scope_type}, no_receive, exchange)
    assert exchange.response_started is started
    assert len(send.messages) == 2


@pytest.mark.anyio
async def test_a_start_that_fails_counts_as_sent() -> None:
    async def broken(message: Message) -> None:
        raise OSError

    exchange = Exchange(broken)
    with pytest.raises(OSError):
        await Response()({"type": "http"}, no_receive, exchange)
    assert exchange.response_started


@pytest.mark.anyio
async def test_the_background_task_runs_when_all_is_sent() -> None:
    send = Recorder()
    seen: list[int] = []

    async def later() -> None:
        seen.append(len(send.messages))

    await Response(background=BackgroundTask(later))({"type": "http"}, no_receive, send)
    assert seen == [2]


@pytest.mark.anyio
async def test_the_failure_of_a_background_task_comes_out() -> None:
    async def fail() -> None:
        raise LookupError

    send = Recorder()
    with pytest.raises(LookupError):
        await Response(background=BackgroundTask(fail))({"type": "http"}, no_receive, send)
    assert len(send.messages) == 2


@pytest.mark.anyio
async def test_a_background_task_may_be_set_later() -> None:
    calls: list[str] = []
    response = Response()
    response.background = BackgroundTask(calls.append, "later")
    await sent_by(response)
    assert calls == ["later"]


@pytest.mark.anyio
async def test_no_background_task_runs_after_a_send_that_fails() -> None:
    async def broken(message: Message) -> None:
        raise OSError

    calls: list[str] = []
    response = Response(background=BackgroundTask(calls.append, "later"))
    with pytest.raises(OSError):
        await response({"type": "http"}, no_receive, broken)
    assert calls == []


@pytest.mark.anyio
async def test_the_body_is_sent_whatever_the_method() -> None:
    send = Recorder()
    await Response("ab")({"type": "http", "method": "HEAD"}, no_receive, send)
    assert send.messages[1] == {"type": "http.response.body", "body": b"ab"}


def test_a_client_sees_status_headers_and_body(client_for: Callable[..., TestClient]) -> None:
    response = client_for(PlainTextResponse("é", status_code=202)).get("/")
    assert response.status_code == 202
    assert response.headers["content-length"] == "2"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text == "é"


@pytest.mark.parametrize("status", [123, 204, 304])
def test_a_client_sees_a_status_without_a_body(
    client_for: Callable[..., TestClient], status: int
) -> None:
    response = client_for(Response(status_code=status)).get("/")
    assert response.status_code == status
    assert "content-length" not in response.headers
    assert "content-type" not in response.headers


# What would end a header, and what browsers drop


@pytest.mark.parametrize("bad", ["\r", "\n", "\0"])
def test_a_media_type_that_would_end_its_header_is_refused_each_time(bad: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="The header 'content-type'"):
            Response(media_type=f"text/plain{bad}")


@pytest.mark.parametrize("headers", [{"x-a": "1\n"}, {"x\n": "1"}])
def test_a_header_that_would_end_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="The header 'x"):
        Response(headers=headers)


def test_the_policy_that_is_active_says_which_cookies_may_be_set() -> None:
    response = Response()
    response.set_cookie("a", "x" * 5000, samesite="none")
    token = ACTIVE.set(Settings(Policy(check_cookies=True)))
    try:
        response.set_cookie("b", "x" * 5000)
        with pytest.raises(ValueError, match="'c' has to be Secure"):
            response.set_cookie("c", samesite="none")
        with pytest.raises(ValueError, match="'__Host-c' has to be Secure"):
            response.delete_cookie("__Host-c")
        ACTIVE.set(Settings(Policy(max_cookie_size=4093)))
        response.set_cookie("d", samesite="none")
        with pytest.raises(ValueError, match="'e' takes 5"):
            response.set_cookie("e", "x" * 5000)
    finally:
        ACTIVE.reset(token)

    assert [value[:1] for name, value in response.raw_headers if name == b"set-cookie"] == [
        b"a",
        b"b",
        b"d",
    ]


HEADERS = [(b"a", b"1"), (b"content-length", b"6"), (b"b", b"2")]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (204, [(b"a", b"1"), (b"b", b"2")]),
        (205, [(b"a", b"1"), (b"b", b"2"), (b"content-length", b"0")]),
        (304, HEADERS),
    ],
)
def test_a_status_that_forbids_a_body_has_its_own_length(status: int, expected: object) -> None:
    headers = list(HEADERS)
    assert status in BODILESS
    assert without_body(status, headers) == expected
    assert headers == HEADERS


@pytest.mark.anyio
@pytest.mark.parametrize(("cut", "body"), [(True, b""), (False, b"ab")])
async def test_the_application_says_whether_such_a_body_is_sent(cut: bool, body: bytes) -> None:
    class App:
        policy = Policy(cut_forbidden_bodies=cut)

    send = Recorder()
    await Response("ab", 205)({"type": "http", "app": App()}, no_receive, send)
    assert send.messages[1]["body"] == body
    assert send.messages[0]["headers"] == [(b"content-length", b"%d" % len(body))]
