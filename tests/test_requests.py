"""Requests: the body as bytes, JSON, a form or a stream, and what a server can do besides."""

from __future__ import annotations

import gc
import itertools
import json
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide.applications import Bolide, Starlette
from bolide.datastructures import FormData, UploadFile
from bolide.endpoints import HTTPEndpoint
from bolide.exceptions import HTTPException
from bolide.formparsers import MultiPartException
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.requests import (
    SERVER_PUSH_HEADERS_TO_COPY,
    ClientDisconnect,
    Request,
    cookie_parser,
    empty_receive,
    empty_send,
)
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

GONE: Message = {"type": "http.disconnect"}


class Client:
    """A client of whom the messages are known, as the receive channel of a request."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self.calls = 0

    async def __call__(self) -> Message:
        self.calls += 1
        await anyio.lowlevel.checkpoint()
        if not self._messages:
            await anyio.sleep_forever()
        return self._messages.pop(0)


def chunks(*bodies: bytes) -> list[Message]:
    """Make the messages of a body that arrives like this."""
    return [
        {"type": "http.request", "body": body, "more_body": number < len(bodies)}
        for number, body in enumerate(bodies, 1)
    ]


def http_scope(**more: Any) -> Scope:
    return {"type": "http", "method": "POST", "path": "/", "headers": [], **more}


def request_with(*bodies: bytes, **more: Any) -> Request[Any]:
    return Request(http_scope(**more), Client(*chunks(*bodies)))


async def read(stream: AsyncGenerator[bytes, None]) -> list[bytes]:
    return [chunk async for chunk in stream]


# Cookies


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("chips=ahoy; vienna=finger", {"chips": "ahoy", "vienna": "finger"}),
        (
            'keebler="E=mc2; L=\\"Loves\\"; fudge=\\012;"',
            {"keebler": '"E=mc2', "L": '\\"Loves\\"', "fudge": "\\012", "": '"'},
        ),
        ("keebler=E=mc2", {"keebler": "E=mc2"}),
        ("key:term=value:term", {"key:term": "value:term"}),
        ("a=b; c=[; d=r; f=h", {"a": "b", "c": "[", "d": "r", "f": "h"}),
        ("a=b; Domain=example.com", {"a": "b", "Domain": "example.com"}),
        ("a=b; h=i; a=c", {"a": "c", "h": "i"}),
        ("abc=def; unnamed; x=en", {"abc": "def", "": "unnamed", "x": "en"}),
        ("a b c=d e = f; gh=i", {"a b c": "d e = f", "gh": "i"}),
        ('a   b,c<>@:/[]?{}=d  "  =e,f g', {"a   b,c<>@:/[]?{}": 'd  "  =e,f g'}),
        ("  =  b  ;  ;  =  ;   c  =  ;  ", {"": "b", "c": ""}),
        ('a="b"', {"a": "b"}),
        ('a="b\\"c\\134\\054"', {"a": 'b"c\\,'}),
        ('a="b', {"a": '"b'}),
        ('okta={"id":"1","url":"https://a/?b=c"}', {"okta": '{"id":"1","url":"https://a/?b=c"}'}),
    ],
)
def test_a_cookie_header_is_read_as_browsers_mean_it(header: str, cookies: dict[str, str]) -> None:
    assert cookie_parser(header) == cookies


# Making a request


def test_a_request_shows_its_method_and_channel() -> None:
    receive = Client()
    request: Request[Any] = Request(http_scope(), receive)

    assert request.method == "POST"
    assert request.receive is receive


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_a_scope_of_another_type_is_refused(kind: str) -> None:
    with pytest.raises(AssertionError, match=f"Expected an http scope, got '{kind}'"):
        Request({"type": kind})


def test_only_the_properties_that_are_asked_for_need_the_scope() -> None:
    request: Request[Any] = Request({"type": "http"})

    for name in ("method", "url", "headers"):
        with pytest.raises(KeyError):
            getattr(request, name)


@pytest.mark.parametrize("read", ["body", "json", "form", "stream"])
async def test_a_request_without_a_channel_has_no_body(read: str) -> None:
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    request: Request[Any] = Request(http_scope(headers=headers))
    assert request.receive is empty_receive

    with pytest.raises(RuntimeError, match="^Receive channel has not been made available$"):
        await (anext(request.stream()) if read == "stream" else getattr(request, read)())


def test_a_request_knows_its_url(client_for: ClientFor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request: Request[Any] = Request(scope, receive)
        await PlainTextResponse(f"{request.method} {request.url}")(scope, receive, send)

    client = client_for(app)

    assert client.get("/123?a=abc").text == "GET http://testserver/123?a=abc"
    assert client.put("https://example.org:123/").text == "PUT https://example.org:123/"


def test_a_request_knows_the_path_as_it_was_sent(client_for: ClientFor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request: Request[Any] = Request(scope, receive)
        paths = [request["path"], request["raw_path"].decode()]
        await JSONResponse(paths)(scope, receive, send)

    assert client_for(app).get("/he%2Fllo?a=b").json() == ["/he/llo", "/he%2Fllo"]


def test_a_request_knows_its_headers_cookies_and_client(client_for: ClientFor) -> None:
    async def endpoint(request: Request[Any]) -> Response:
        assert request.client is not None
        return JSONResponse([request.headers["x-a"], request.cookies, request.client.host])

    client = client_for(Starlette(routes=[Route("/", endpoint)]), cookies={"a": "b"})

    assert client.get("/", headers={"X-A": "1"}).json() == ["1", {"a": "b"}, "testclient"]


# The stream


@pytest.mark.parametrize(
    ("messages", "pieces"),
    [
        (chunks(b""), [b""]),
        (chunks(b"abc"), [b"abc", b""]),
        (chunks(b"a", b"b", b"c"), [b"a", b"b", b"c", b""]),
        (chunks(b"", b"a", b"", b"b", b""), [b"a", b"b", b""]),
        ([{"type": "http.request"}], [b""]),
        ([{"type": "http.request", "body": b"a"}], [b"a", b""]),
        ([{"type": "http.request", "more_body": True}, *chunks(b"a")], [b"a", b""]),
        ([{"type": "http.unheard.of"}, *chunks(b"a")], [b"a", b""]),
    ],
)
async def test_a_stream_gives_the_pieces_and_an_empty_one_last(
    messages: list[Message], pieces: list[bytes]
) -> None:
    receive = Client(*messages)

    assert await read(Request(http_scope(), receive).stream()) == pieces
    assert receive.calls == len(messages)


async def test_a_stream_gives_a_piece_before_the_next_one_is_there() -> None:
    receive = Client(*chunks(b"a", b"b"))
    stream = Request[Any](http_scope(), receive).stream()

    assert await anext(stream) == b"a"
    assert receive.calls == 1
    assert await read(stream) == [b"b", b""]


async def test_a_stream_can_be_read_once() -> None:
    request = request_with(b"a")
    await read(request.stream())

    for again in (anext(request.stream()), request.body(), request.json()):
        with pytest.raises(RuntimeError, match="^Stream consumed$"):
            await again


async def test_two_readers_share_one_stream() -> None:
    receive = Client(*chunks(b"a", b"b", b"c"))
    request: Request[Any] = Request(http_scope(), receive)
    one, other = request.stream(), request.stream()

    assert await anext(one) == b"a"
    assert await anext(other) == b"b"
    assert await anext(one) == b"c"
    # Nothing is left, so neither asks the server for more.
    assert await read(other) == [b""]
    assert await read(one) == [b""]
    assert receive.calls == 3


async def test_a_client_that_leaves_ends_the_stream() -> None:
    receive = Client({"type": "http.request", "body": b"a", "more_body": True}, GONE)
    request: Request[Any] = Request(http_scope(), receive)
    stream = request.stream()

    assert await anext(stream) == b"a"
    with pytest.raises(ClientDisconnect):
        await anext(stream)
    assert await request.is_disconnected()
    assert receive.calls == 2


@pytest.mark.parametrize("read", ["body", "json", "form"])
async def test_a_client_that_leaves_ends_the_reading(read: str) -> None:
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    receive = Client({"type": "http.request", "body": b"a", "more_body": True}, GONE)

    with pytest.raises(ClientDisconnect):
        await getattr(Request(http_scope(headers=headers), receive), read)()


# The body


async def test_the_body_is_kept() -> None:
    receive = Client(*chunks(b"a", b"", b"b"))
    request: Request[Any] = Request(http_scope(), receive)

    body = await request.body()

    assert body == b"ab"
    assert await request.body() is body
    assert receive.calls == 3


async def test_a_kept_body_can_be_streamed_as_often_as_wanted() -> None:
    request = request_with(b"a", b"b")
    await request.body()

    assert await read(request.stream()) == [b"ab", b""]
    assert await read(request.stream()) == [b"ab", b""]


@pytest.mark.parametrize("bodies", [[b"a=1"], [b"a", b"=1"], [b"", b"a=1"], [b"a=1", b""]])
@pytest.mark.parametrize("application", [Starlette, Bolide])
async def test_a_body_and_a_form_are_the_same_in_one_piece_and_in_several(
    application: Any, bodies: list[bytes]
) -> None:
    more = {
        "app": application(),
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
    }

    assert await request_with(*bodies, **more).body() == b"a=1"
    form = await request_with(*bodies, **more).form()
    assert form.multi_items() == [("a", "1")]
    await form.close()


async def test_a_body_that_a_form_was_made_of_has_been_read() -> None:
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    request = request_with(b"a=1", headers=headers)
    await request.form()

    assert await request.form() == FormData({"a": "1"})
    with pytest.raises(RuntimeError, match="Stream consumed"):
        await request.body()


@pytest.mark.parametrize("bodies", [[b"a=12345"], [b"a=12", b"345"]])
@pytest.mark.parametrize("part", ["body", "form"])
async def test_a_body_over_a_limit_is_refused_in_one_piece_and_in_several(
    part: str, bodies: list[bytes]
) -> None:
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    app = Bolide(max_buffer_size=6, max_form_size=6)
    request = request_with(*bodies, app=app, headers=headers)

    with pytest.raises(HTTPException, match="larger than 6 bytes") as caught:
        await getattr(request, part)()
    assert caught.value.status_code == 413


async def test_bodies_and_forms_are_made_of_what_a_subclass_streams() -> None:
    class Shouting(Request[Any]):
        async def stream(self) -> AsyncGenerator[bytes, None]:
            async for chunk in super().stream():
                yield chunk.upper()

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    for bodies in ([b"a=b"], [b"a=", b"b"]):
        receive = Client(*chunks(*bodies))
        assert await Shouting(http_scope(headers=headers), receive).body() == b"A=B"
        receive = Client(*chunks(*bodies))
        form = await Shouting(http_scope(headers=headers), receive).form()
        assert form.multi_items() == [("A", "B")]


async def test_what_a_stream_left_is_the_body() -> None:
    request = request_with(b"a", b"b", b"c")
    stream = request.stream()
    await anext(stream)

    assert await request.body() == b"bc"
    await stream.aclose()


@given(st.lists(st.binary(max_size=5), min_size=1))
def test_any_chunking_gives_the_same_body(bodies: list[bytes]) -> None:
    async def body() -> bytes:
        return await request_with(*bodies).body()

    assert anyio.run(body) == b"".join(bodies)


def test_a_body_of_unknown_length_arrives_whole(client_for: ClientFor) -> None:
    async def endpoint(request: Request[Any]) -> Response:
        return JSONResponse([chunk.decode() async for chunk in request.stream()])

    def content() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    client = client_for(Starlette(routes=[Route("/", endpoint, methods=["POST"])]))

    assert client.post("/", content=content()).json() == ["a", "b", ""]
    assert client.post("/", content=b"ab").json() == ["ab", ""]


# JSON


async def test_json_is_read_from_the_body_and_kept() -> None:
    request = request_with(b'{"a": ', b"[1]}")

    value = await request.json()

    assert value == {"a": [1]}
    assert await request.json() is value
    assert await request.body() == b'{"a": [1]}'


async def test_the_value_null_is_kept_like_any_other() -> None:
    request = request_with(b"null")
    assert await request.json() is None

    request._body = b"1"
    assert await request.json() is None


@pytest.mark.parametrize("body", [b"", b"{", b"nothing"])
async def test_a_body_that_is_not_json_is_an_error(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        await request_with(body).json()


def test_bad_json_is_not_turned_into_a_response(client_for: ClientFor) -> None:
    async def endpoint(request: Request[Any]) -> Response:
        return JSONResponse(await request.json())

    client = client_for(Starlette(routes=[Route("/", endpoint, methods=["POST"])]))

    assert client.post("/", json=["é"]).json() == ["é"]
    with pytest.raises(json.JSONDecodeError):
        client.post("/", content=b"{")


# Forms

URLENCODED = [(b"content-type", b"application/x-www-form-urlencoded")]
MULTIPART = [(b"content-type", b"multipart/form-data; boundary=b")]
A_FIELD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
A_FILE = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\ntext\r\n'
END = b"--b--\r\n"


@pytest.mark.parametrize(
    ("content_type", "body", "items"),
    [
        (b"application/x-www-form-urlencoded", b"a=1&a=2&b=%C3%A9", "a=1&a=2&b=é"),
        (b"Application/X-WWW-Form-Urlencoded; charset=utf-8", b"a=1", "a=1"),
        (b"multipart/form-data; boundary=b", A_FIELD + END, "a=1"),
        (b"Multipart/Form-Data; boundary=b", A_FIELD + END, "a=1"),
        (b"application/json", b"a=1", ""),
        (b"text/plain", b"a=1", ""),
        (b"", b"a=1", ""),
    ],
)
async def test_a_form_is_read_as_its_media_type_says(
    content_type: bytes, body: bytes, items: str
) -> None:
    request = request_with(body, headers=[(b"content-type", content_type)])

    form = await request.form()

    assert isinstance(form, FormData)
    assert "&".join(f"{name}={value}" for name, value in form.multi_items()) == items


async def test_without_a_media_type_the_form_is_empty_and_the_body_untouched() -> None:
    receive = Client(*chunks(b"a=1"))
    request: Request[Any] = Request(http_scope(), receive)

    assert await request.form() == FormData()
    assert receive.calls == 0
    assert await request.body() == b"a=1"


@pytest.mark.parametrize(
    ("headers", "body"), [(URLENCODED, b"a=1&b=2"), (MULTIPART, A_FIELD + A_FIELD + END)]
)
async def test_a_form_is_read_once_whatever_the_limits_are_later(
    headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    request = request_with(body, headers=headers)

    form = await request.form()

    assert await request.form(max_fields=1) is form
    async with request.form(max_fields=1) as again:
        assert again is form


async def test_a_form_can_be_read_from_a_kept_body() -> None:
    request = request_with(b"a=1", headers=URLENCODED)

    assert await request.body() == b"a=1"
    assert (await request.form())["a"] == "1"
    assert await request.body() == b"a=1"


async def test_a_form_gives_the_body_away() -> None:
    request = request_with(b"a=1", headers=URLENCODED)
    await request.form()

    with pytest.raises(RuntimeError, match="Stream consumed"):
        await request.body()


async def test_leaving_the_context_of_a_form_closes_its_files() -> None:
    async with request_with(A_FILE + END, headers=MULTIPART).form() as form:
        upload = form["f"]
        assert isinstance(upload, UploadFile)
        assert await upload.read() == b"text"

    assert upload.file.closed


async def test_a_failure_in_the_context_of_a_form_closes_its_files_too() -> None:
    uploads: list[Any] = []

    async def fail() -> None:
        async with request_with(A_FILE + END, headers=MULTIPART).form() as form:
            uploads.append(form["f"])
            raise ValueError

    with pytest.raises(ValueError):
        await fail()
    assert [upload.file.closed for upload in uploads] == [True]


async def test_closing_a_request_closes_the_files_of_its_form() -> None:
    request = request_with(A_FILE + END, headers=MULTIPART)
    form: Any = await request.form()
    assert not form["f"].file.closed

    await request.close()

    assert form["f"].file.closed


async def test_closing_a_request_without_a_form_does_nothing() -> None:
    receive = Client(*chunks(b"a=1"))
    request: Request[Any] = Request(http_scope(headers=URLENCODED), receive)

    await request.close()

    assert receive.calls == 0


LIMITS: list[tuple[list[tuple[bytes, bytes]], bytes, dict[str, int], str]] = [
    (
        URLENCODED,
        b"a=1&b=2",
        {"max_fields": 1},
        "Too many fields. Maximum number of fields is 1.",
    ),
    (URLENCODED, b"a=123", {"max_part_size": 2}, "Field exceeded maximum size of 0KB."),
    (
        MULTIPART,
        A_FIELD + A_FIELD + END,
        {"max_fields": 1},
        "Too many fields. Maximum number of fields is 1.",
    ),
    (
        MULTIPART,
        A_FILE + A_FILE + END,
        {"max_files": 1},
        "Too many files. Maximum number of files is 1.",
    ),
    (MULTIPART, A_FIELD + END, {"max_part_size": 0}, "Part exceeded maximum size of 0KB."),
    ([(b"content-type", b"multipart/form-data")], b"", {}, "Missing boundary in multipart."),
]


@pytest.mark.parametrize(("headers", "body", "limits", "text"), LIMITS)
async def test_a_form_that_is_wrong_is_an_error_of_its_own_outside_an_application(
    headers: list[tuple[bytes, bytes]], body: bytes, limits: Any, text: str
) -> None:
    with pytest.raises(MultiPartException) as caught:
        await request_with(body, headers=headers).form(**limits)

    assert caught.value.message == text


@pytest.mark.parametrize(("headers", "body", "limits", "text"), LIMITS)
async def test_a_form_that_is_wrong_is_a_bad_request_inside_an_application(
    headers: list[tuple[bytes, bytes]], body: bytes, limits: Any, text: str
) -> None:
    request = request_with(body, headers=headers, app=Starlette())

    with pytest.raises(HTTPException) as caught:
        await request.form(**limits)

    assert (caught.value.status_code, caught.value.detail) == (400, text)
    assert isinstance(caught.value.__cause__, MultiPartException)


def field_of(size: int) -> bytes:
    return A_FIELD.replace(b"1", b"x" * size) + END


@pytest.mark.parametrize(
    ("headers", "enough", "too_much", "text"),
    [
        (URLENCODED, b"a=1&" * 1000, b"a=1&" * 1001, "number of fields is 1000"),
        (MULTIPART, A_FIELD * 1000 + END, A_FIELD * 1001 + END, "number of fields is 1000"),
        (MULTIPART, A_FILE * 1000 + END, A_FILE * 1001 + END, "number of files is 1000"),
        (MULTIPART, field_of(1024 * 1024), field_of(1024 * 1024 + 1), "size of 1024KB"),
    ],
    ids=["urlencoded fields", "multipart fields", "files", "size"],
)
async def test_a_form_has_limits_if_nothing_is_said_about_them(
    headers: list[tuple[bytes, bytes]], enough: bytes, too_much: bytes, text: str
) -> None:
    async with request_with(enough, headers=headers).form() as form:
        assert len(form.multi_items()) in (1, 1000)
    with pytest.raises(MultiPartException, match=text):
        await request_with(too_much, headers=headers).form()


async def test_the_stream_is_closed_before_a_wrong_form_is_reported() -> None:
    events: list[str] = []

    class Watched(Request[Any]):
        async def stream(self) -> AsyncGenerator[bytes, None]:
            try:
                yield A_FIELD * 3
                events.append("asked for more")
            finally:
                events.append("closed")

    request = Watched(http_scope(headers=MULTIPART), Client())
    with pytest.raises(MultiPartException):
        await request.form(max_fields=1)

    assert events == ["closed"]


def test_a_form_of_a_browser_arrives(client_for: ClientFor) -> None:
    async def endpoint(request: Request[Any]) -> Response:
        async with request.form() as form:
            upload = form["file"]
            assert isinstance(upload, UploadFile)
            content = (await upload.read()).decode()
            return JSONResponse([form["a"], upload.filename, content])

    client = client_for(Starlette(routes=[Route("/", endpoint, methods=["POST"])]))
    response = client.post("/", data={"a": "1"}, files={"file": ("f.txt", b"text")})

    assert response.json() == ["1", "f.txt", "text"]


# Private names that other packages use


async def test_a_form_that_someone_put_there_is_the_form() -> None:
    request: Request[Any] = Request(http_scope())
    request._form = FormData([("a", "1")])

    assert await request.form() is request._form


async def test_private_names_that_others_read_are_there() -> None:
    receive, sent = Client(*chunks(b"1")), Sent()
    request: Request[Any] = Request(http_scope(), receive, sent)
    assert (request._receive, request._send) == (receive, sent)
    assert (request._stream_consumed, request._form, hasattr(request, "_json")) == (
        False,
        None,
        False,
    )

    await request.json()

    assert (request._stream_consumed, request._json) == (True, 1)


# Whether the client is still there


async def test_a_client_that_says_nothing_is_there() -> None:
    request: Request[Any] = Request(http_scope(), Client())

    assert await request.is_disconnected() is False
    assert await request.is_disconnected() is False


async def test_a_client_that_left_stays_away() -> None:
    calls: list[str] = []

    async def receive() -> Message:
        calls.append("receive")
        return GONE

    request: Request[Any] = Request(http_scope(), receive)

    assert await request.is_disconnected() is True
    assert await request.is_disconnected() is True
    assert calls == ["receive"]


async def test_asking_takes_nothing_away_from_the_body() -> None:
    messages = [*chunks(b"a", b"b"), GONE]

    async def receive() -> Message:
        return messages.pop(0)

    request: Request[Any] = Request(http_scope(), receive)

    assert await request.is_disconnected() is False
    assert await request.body() == b"ab"
    assert await request.is_disconnected() is True


def test_the_client_leaves_when_it_has_its_response(client_for: ClientFor) -> None:
    answers: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request: Request[Any] = Request(scope, receive)
        await request.body()
        answers.append(await request.is_disconnected())
        await PlainTextResponse("")(scope, receive, send)
        answers.append(await request.is_disconnected())

    client_for(app).get("/")

    assert answers == [False, True]


async def test_whoever_waits_for_the_client_to_leave_learns_it() -> None:
    client = Client(*chunks(b"a", b"b"), GONE)
    scope = http_scope()
    requests: list[Request[Any]] = [Request(scope, client) for _ in range(3)]

    async with anyio.create_task_group() as task_group:
        for request in requests:
            task_group.start_soon(request.disconnected)

    assert client.calls == 3
    assert [await request.is_disconnected() for request in requests] == [True] * 3
    assert await requests[1].body() == b"ab"


async def test_work_goes_on_while_the_client_is_there() -> None:
    request = request_with(b"a", b"b")

    async with request.cancel_on_disconnect():
        await anyio.wait_all_tasks_blocked()
        body = await request.body()

    assert body == b"ab"
    assert await request.is_disconnected() is False


async def test_work_is_cancelled_when_the_client_leaves() -> None:
    request: Request[Any] = Request(http_scope(), Client(*chunks(b"a"), GONE))
    log: list[str] = []

    async def work() -> None:
        async with request.cancel_on_disconnect():
            try:
                await anyio.sleep_forever()
            finally:
                log.append("cancelled")

    with pytest.raises(ClientDisconnect):
        await work()

    assert log == ["cancelled"]
    assert await request.body() == b"a"


# Who comes while a request waits for its body alone


class Line:
    """A channel on which messages come when they are put there; it fails if two ask at a time."""

    def __init__(self) -> None:
        self._messages: list[Message | Exception] = []
        self._arrived = anyio.Event()
        self._busy = False

    def put(self, *messages: Message | Exception) -> None:
        self._messages += messages
        self._arrived.set()
        self._arrived = anyio.Event()

    async def __call__(self) -> Message:
        assert not self._busy
        self._busy = True
        try:
            while not self._messages:
                await self._arrived.wait()
        finally:
            self._busy = False
        message = self._messages.pop(0)
        if isinstance(message, Exception):
            raise message
        return message


@pytest.mark.parametrize("bodies", [(b"ab",), (b"a", b"b"), (b"", b"ab")])
@pytest.mark.parametrize("is_shared", [True, False])
async def test_who_watches_for_the_client_takes_nothing_from_a_body_that_is_awaited(
    bodies: tuple[bytes, ...], is_shared: bool
) -> None:
    scope, line = http_scope(), Line()
    request: Request[Any] = Request(scope, line)
    watcher: Request[Any] = request if is_shared else Request(scope, line)
    log: list[Any] = []

    async def read_body() -> None:
        log.append(await request.body())

    async def watch() -> None:
        assert await watcher.is_disconnected() is False
        await watcher.disconnected()
        log.append("gone")

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(read_body)
        await anyio.wait_all_tasks_blocked()
        task_group.start_soon(watch)
        await anyio.wait_all_tasks_blocked()
        for message in chunks(*bodies):
            line.put(message)
            await anyio.wait_all_tasks_blocked()
        assert log == [b"ab"]
        line.put(GONE)

    assert log == [b"ab", "gone"]
    assert await watcher.is_disconnected() is True


@pytest.mark.parametrize("bodies", [(b"ab",), (b"a", b"b")])
async def test_two_who_await_one_body_have_all_of_it(bodies: tuple[bytes, ...]) -> None:
    line = Line()
    request: Request[Any] = Request(http_scope(), line)
    found: list[bytes] = []

    async def read_body() -> None:
        found.append(await request.body())

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(read_body)
        await anyio.wait_all_tasks_blocked()
        task_group.start_soon(read_body)
        await anyio.wait_all_tasks_blocked()
        line.put(*chunks(*bodies))

    assert found == [b"".join(bodies)] * 2


async def test_a_watcher_goes_on_when_who_awaits_a_body_is_cancelled() -> None:
    scope, line = http_scope(), Line()
    request: Request[Any] = Request(scope, line)

    async with anyio.create_task_group() as task_group:
        with anyio.CancelScope() as reading:
            task_group.start_soon(request.disconnected)

            async def cancel() -> None:
                await anyio.wait_all_tasks_blocked()
                reading.cancel()

            task_group.start_soon(cancel)
            await request.body()
        assert reading.cancelled_caught
        line.put(*chunks(b"a"), GONE)

    assert await request.body() == b"a"


async def test_a_body_that_nobody_else_awaits_can_be_awaited_again_after_a_cancellation() -> None:
    scope, line = http_scope(), Line()
    request: Request[Any] = Request(scope, line)

    with anyio.move_on_after(0) as reading:
        await request.body()

    assert reading.cancelled_caught
    line.put(*chunks(b"a"))
    assert await Request(scope, line).body() == b"a"


async def test_an_error_of_the_channel_is_everybodys() -> None:
    line = Line()
    request: Request[Any] = Request(http_scope(), line)
    errors: list[str] = []

    async def attempt(work: Callable[[], Awaitable[Any]]) -> None:
        try:
            await work()
        except OSError as exc:
            errors.append(str(exc))

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(attempt, request.body)
        await anyio.wait_all_tasks_blocked()
        task_group.start_soon(attempt, request.disconnected)
        await anyio.wait_all_tasks_blocked()
        line.put(OSError("broken"))

    assert errors == ["broken"] * 2


async def test_a_client_that_leaves_before_its_body_is_gone_for_whoever_watches() -> None:
    line = Line()
    line.put(GONE)
    request: Request[Any] = Request(http_scope(), line)

    with pytest.raises(ClientDisconnect):
        await request.body()

    assert await request.is_disconnected() is True


async def test_nothing_stays_in_the_scope_that_holds_a_request() -> None:
    scope = http_scope()
    request: Request[Any] = Request(scope, Client(*chunks(b"a")))
    watched = weakref.ref(request)

    assert await request.body() == b"a"
    gc.disable()
    try:
        del request
        assert watched() is None
    finally:
        gc.enable()


# Reading the body again, where the application keeps it

Reader = Callable[[Request[Any]], Awaitable[Any]]


async def by_stream(request: Request[Any]) -> Any:
    return b"".join(await read(request.stream()))


async def by_form(request: Request[Any]) -> Any:
    return dict(await request.form())


FORM_BODY = b"a=1"
READERS: dict[str, tuple[Reader, Any]] = {
    "body": (lambda request: request.body(), FORM_BODY),
    "stream": (by_stream, FORM_BODY),
    "form": (by_form, {"a": "1"}),
}

WAYS = list(itertools.permutations([*READERS, *READERS], 3))


def keeping(size: int) -> Scope:
    """Make a scope inside an application that keeps bodies up to a size."""
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    return http_scope(headers=headers, app=Bolide(max_replay_size=size))


@pytest.mark.parametrize("way", sorted(set(WAYS)))
async def test_a_body_can_be_read_in_any_order_and_again(way: tuple[str, ...]) -> None:
    client = Client(*chunks(FORM_BODY[:1], FORM_BODY[1:]))
    request: Request[Any] = Request(keeping(10), client)

    for name in way:
        reader, expected = READERS[name]
        assert await reader(request) == expected


@pytest.mark.parametrize("first", READERS)
@pytest.mark.parametrize("second", READERS)
async def test_so_it_can_by_another_request(first: str, second: str) -> None:
    client = Client(*chunks(FORM_BODY[:1], FORM_BODY[1:]))
    scope = keeping(10)
    reader, expected = READERS[first]
    assert await reader(Request(scope, client)) == expected

    reader, expected = READERS[second]
    assert await reader(Request({**scope}, client)) == expected


async def test_json_can_be_read_after_a_stream() -> None:
    request: Request[Any] = Request(keeping(10), Client(*chunks(b"[1", b"]")))

    assert await read(request.stream()) == [b"[1", b"]", b""]
    assert await request.json() == [1]


async def test_a_stream_that_was_left_begins_anew() -> None:
    request: Request[Any] = Request(keeping(10), Client(*chunks(b"a", b"b")))

    async with aclosing(request.stream()) as stream:
        assert await anext(stream) == b"a"

    assert await request.body() == b"ab"


async def test_two_streams_of_a_kept_body_each_have_all_of_it() -> None:
    request: Request[Any] = Request(keeping(10), Client(*chunks(b"a", b"b")))
    found: list[bytes] = []

    async def reader() -> None:
        found.append(await by_stream(request))

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(reader)
        task_group.start_soon(reader)

    assert found == [b"ab", b"ab"]


async def test_the_body_of_a_multipart_form_can_be_read_after_the_form() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\ndata\r\n--x--\r\n'
    scope = keeping(1000)
    scope["headers"] = [(b"content-type", b"multipart/form-data; boundary=x")]
    request: Request[Any] = Request(scope, Client(*chunks(body[:40], body[40:])))

    async with request.form() as form:
        assert await form["f"].read() == b"data"

    assert await request.body() == body


@pytest.mark.parametrize("first", ["stream", "form"])
@pytest.mark.parametrize("second", ["body", "stream"])
async def test_a_larger_body_can_be_read_once(first: str, second: str) -> None:
    request: Request[Any] = Request(keeping(2), Client(*chunks(FORM_BODY)))
    reader, expected = READERS[first]
    assert await reader(request) == expected

    with pytest.raises(RuntimeError, match=r"^Stream consumed: .* 2 bytes \(max_replay_size\)"):
        await READERS[second][0](request)


async def test_a_larger_body_that_was_kept_by_the_request_can_be_read_again() -> None:
    request: Request[Any] = Request(keeping(2), Client(*chunks(FORM_BODY)))

    assert await request.body() == FORM_BODY
    assert await by_stream(request) == FORM_BODY
    assert await by_form(request) == {"a": "1"}


async def test_who_puts_another_channel_in_reads_another_body() -> None:
    request: Request[Any] = Request(keeping(10), Client(*chunks(b"a")))
    assert await by_stream(request) == b"a"

    request._receive = Client(*chunks(b"another"))

    assert await by_stream(request) == b"another"
    assert await request.body() == b"another"


async def test_a_body_that_was_dropped_cannot_be_read() -> None:
    messages = [*chunks(bytes(200_000), bytes(200_000)), GONE]

    async def receive() -> Message:
        return messages.pop(0)

    request: Request[Any] = Request(http_scope(), receive)
    assert [await request.is_disconnected() for _ in range(3)] == [False, False, True]

    with pytest.raises(RuntimeError, match="^Stream consumed: the body was dropped"):
        await request.body()


# What a server can do besides


class Sent(list[Message]):
    """A send channel that keeps what it was given."""

    async def __call__(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        self.append(message)


async def test_a_push_copies_the_headers_that_matter() -> None:
    sent = Sent()
    copied = [(name.encode(), b"1") for name in SERVER_PUSH_HEADERS_TO_COPY]
    headers = [*copied, (b"accept", b"\xe9"), (b"cookie", b"a=b"), (b"host", b"example.org")]
    scope = http_scope(headers=headers, extensions={"http.response.push": {}})

    await Request[Any](scope, send=sent).send_push_promise("/style.css")

    assert [(message["type"], message["path"]) for message in sent] == [
        ("http.response.push", "/style.css")
    ]
    assert sorted(sent[0]["headers"]) == sorted([*copied, (b"accept", b"\xe9")])


def test_the_headers_that_a_push_copies_are_known() -> None:
    assert (
        {"accept", "accept-encoding", "accept-language", "cache-control", "user-agent"}
    ) == SERVER_PUSH_HEADERS_TO_COPY


async def test_early_hints_are_links_in_bytes() -> None:
    sent = Sent()
    scope = http_scope(extensions={"http.response.early_hint": {}})
    request: Request[Any] = Request(scope, send=sent)

    await request.send_early_hints("</é.css>; rel=preload")
    await request.send_early_hints("</a>", "</b>", "</c>")

    assert sent == [
        {"type": "http.response.early_hint", "links": [b"</\xe9.css>; rel=preload"]},
        {"type": "http.response.early_hint", "links": [b"</a>", b"</b>", b"</c>"]},
    ]


CALLS: list[tuple[str, Callable[[Request[Any]], Any]]] = [
    ("http.response.push", lambda request: request.send_push_promise("/style.css")),
    ("http.response.early_hint", lambda request: request.send_early_hints("</style.css>")),
]


@pytest.mark.parametrize(("extension", "call"), CALLS, ids=["push", "early hint"])
async def test_without_a_channel_a_server_that_could_is_an_error(
    extension: str, call: Callable[[Request[Any]], Any]
) -> None:
    with pytest.raises(RuntimeError, match="^Send channel has not been made available$"):
        await call(Request(http_scope(extensions={extension: {}})))
    with pytest.raises(RuntimeError, match="^Send channel has not been made available$"):
        await empty_send({"type": extension})


@pytest.mark.parametrize("more", [{}, {"extensions": {}}, {"extensions": {"tls": {}}}])
@pytest.mark.parametrize(("extension", "call"), CALLS, ids=["push", "early hint"])
async def test_a_server_that_cannot_is_not_asked(
    extension: str, call: Callable[[Request[Any]], Any], more: dict[str, Any]
) -> None:
    sent = Sent()

    await call(Request(http_scope(**more), send=sent))
    await call(Request(http_scope(**more)))

    assert sent == []


async def hinting(request: Request[Any]) -> Response:
    await request.send_early_hints("</style.css>")
    return PlainTextResponse("")


class Hinting(HTTPEndpoint):
    async def get(self, request: Request[Any]) -> Response:
        return await hinting(request)


class HintingMiddleware(BaseHTTPMiddleware):
    async def dispatch(self, request: Request[Any], call_next: Any) -> Response:
        await request.send_early_hints("</style.css>")
        response: Response = await call_next(request)
        return response


async def plain(request: Request[Any]) -> Response:
    return PlainTextResponse("")


@pytest.mark.parametrize(
    "app",
    [
        Starlette(routes=[Route("/", hinting)]),
        Starlette(routes=[Route("/", Hinting)]),
        Starlette(routes=[Route("/", plain)], middleware=[Middleware(HintingMiddleware)]),
        Starlette(
            routes=[Route("/", hinting)],
            middleware=[Middleware(BaseHTTPMiddleware, dispatch=lambda r, n: n(r))],
        ),
    ],
    ids=["function", "class", "middleware", "under middleware"],
)
async def test_early_hints_come_before_the_response(app: ASGIApp) -> None:
    sent = Sent()
    scope = http_scope(method="GET", extensions={"http.response.early_hint": {}})

    await app({**scope, "query_string": b""}, Client(*chunks(b"")), sent)

    assert sent[0] == {"type": "http.response.early_hint", "links": [b"</style.css>"]}
    assert sent[1]["type"] == "http.response.start"
