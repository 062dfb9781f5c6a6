"""WSGI applications inside ASGI ones: what they see, and what becomes of their answer."""

from __future__ import annotations

import importlib
import io
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bolide.middleware
from bolide.applications import Bolide, Starlette
from bolide.exceptions import StarletteDeprecationWarning
from bolide.routing import Mount
from bolide.testclient import TestClient
from bolide.types import Message, Scope

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from bolide.middleware.wsgi import WSGIMiddleware, WSGIResponder, build_environ

pytestmark = pytest.mark.anyio

StartResponse = Callable[..., Any]
SCOPE: Scope = {
    "type": "http",
    "http_version": "1.1",
    "method": "GET",
    "path": "/",
    "query_string": b"",
    "headers": [],
}


async def call(app: Callable[..., Any], *bodies: bytes) -> list[Message]:
    """Call a WSGI application with a body in pieces; give the messages that it has sent."""
    sent: list[Message] = []
    waiting = [{"body": body, "more_body": True} for body in bodies] + [{"body": b""}]

    async def receive() -> Message:
        return {"type": "http.request", **waiting.pop(0)}

    async def send(message: Message) -> None:
        sent.append(message)

    await WSGIMiddleware(app)(dict(SCOPE), receive, send)
    assert waiting == []
    return sent


def hello(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello ", b"world"]


def echo(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


def test_importing_the_module_warns_the_importer(monkeypatch: pytest.MonkeyPatch) -> None:
    # Both are put back afterwards.
    monkeypatch.setattr(bolide.middleware, "wsgi", None)
    monkeypatch.delitem(sys.modules, "bolide.middleware.wsgi")
    with pytest.warns(StarletteDeprecationWarning) as caught:
        importlib.import_module("bolide.middleware.wsgi")

    assert [str(warning.message) for warning in caught] == [
        "bolide.middleware.wsgi is deprecated and will be removed in a future release. Please"
        " refer to https://github.com/abersheeran/a2wsgi as a replacement."
    ]


# The environment


def test_the_environment_of_a_plain_request() -> None:
    environ = build_environ(SCOPE, b"body")

    assert environ.pop("wsgi.input").read() == b"body"
    assert environ == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": 80,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stdout,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def test_the_environment_of_a_full_request() -> None:
    scope = {
        **SCOPE,
        "method": "POST",
        "scheme": "https",
        "http_version": "2",
        "path": "/app/a/b",
        "root_path": "/app",
        "query_string": b"a=1&b=%20",
        "server": ("example.com", 8443),
        "client": ("192.0.2.1", 5000),
        "headers": [
            (b"host", b"example.com"),
            (b"content-type", b"text/plain"),
            (b"content-length", b"4"),
            (b"x-one-two", b"\xe9"),
            (b"accept", b"a"),
            (b"accept", b"b"),
        ],
    }
    environ = build_environ(scope, b"body")

    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/app",
        "PATH_INFO": "/a/b",
        "QUERY_STRING": "a=1&b=%20",
        "SERVER_PROTOCOL": "HTTP/2",
        "SERVER_NAME": "example.com",
        "SERVER_PORT": 8443,
        "REMOTE_ADDR": "192.0.2.1",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "example.com",
        "HTTP_X_ONE_TWO": "é",
        "HTTP_ACCEPT": "a,b",
        "wsgi.url_scheme": "https",
    }
    assert {name: environ[name] for name in expected} == expected
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & environ.keys()


@pytest.mark.parametrize(
    ("root_path", "path", "path_info"),
    [
        ("", "/a", "/a"),
        ("/app", "/app/users", "/users"),
        ("/app", "/app", ""),
        ("/app", "/app/", "/"),
        ("/app", "/application", "/application"),
        ("/app", "/other", "/other"),
        ("/app/", "/app/users", "users"),
        ("/app", "/app/app/users", "/app/users"),
        ("/", "/a", "a"),
    ],
)
def test_the_path_info_is_what_follows_the_script_name(
    root_path: str, path: str, path_info: str
) -> None:
    environ = build_environ({**SCOPE, "root_path": root_path, "path": path}, b"")

    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (root_path, path_info)


@given(root_path=st.text("/ab", max_size=4), rest=st.text("/ab", max_size=4))
def test_the_script_name_and_the_path_info_make_the_path(root_path: str, rest: str) -> None:
    path = f"{root_path}/{rest}"
    environ = build_environ({**SCOPE, "root_path": root_path, "path": path}, b"")

    assert environ["SCRIPT_NAME"] + environ["PATH_INFO"] == path


@given(st.text(st.characters(codec="utf-8")))
def test_paths_are_utf_8_seen_as_latin_1(text: str) -> None:
    environ = build_environ({**SCOPE, "root_path": "/é", "path": f"/é/{text}"}, b"")

    assert environ["SCRIPT_NAME"].encode("latin-1").decode() == "/é"
    assert environ["PATH_INFO"].encode("latin-1").decode() == f"/{text}"


@pytest.mark.parametrize(
    ("server", "name", "port"),
    [
        (None, "localhost", 80),
        (("10.0.0.1", 8000), "10.0.0.1", 8000),
        (["::1", 80], "::1", 80),
        (("/run/socket", None), "/run/socket", None),
    ],
)
def test_the_server_is_named_as_it_is(server: Any, name: str, port: int | None) -> None:
    environ = build_environ({**SCOPE, "server": server}, b"")

    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)


def test_a_client_that_is_not_known_has_no_address() -> None:
    assert "REMOTE_ADDR" not in build_environ({**SCOPE, "client": None}, b"")


def test_the_input_is_a_file_in_memory() -> None:
    assert isinstance(build_environ(SCOPE, b"")["wsgi.input"], io.BytesIO)


# The response


async def test_the_body_is_sent_as_the_application_gives_it() -> None:
    assert await call(hello) == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/plain")],
        },
        {"type": "http.response.body", "body": b"hello ", "more_body": True},
        {"type": "http.response.body", "body": b"world", "more_body": True},
        {"type": "http.response.body", "body": b""},
    ]


@pytest.mark.parametrize("bodies", [(), (b"12",), (b"1", b"", b"2")])
async def test_the_whole_body_of_the_request_can_be_read(bodies: tuple[bytes, ...]) -> None:
    sent = await call(echo, *bodies)

    assert sent[1]["body"] == b"".join(bodies)


async def test_a_client_that_leaves_ends_its_body() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"1", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await WSGIMiddleware(echo)(dict(SCOPE), receive, send)

    assert sent[1]["body"] == b"1"


@pytest.mark.parametrize(
    ("status", "code"),
    [("404 Not Found", 404), ("299 Any words  at all", 299), ("204", 204), ("500 ", 500)],
)
async def test_the_status_is_the_number_before_the_space(status: str, code: int) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [(" X-Header ", " Value\t"), ("x-header", "b")])
        return []

    assert await call(app) == [
        {
            "type": "http.response.start",
            "status": code,
            "headers": [(b"x-header", b"Value"), (b"x-header", b"b")],
        },
        {"type": "http.response.body", "body": b""},
    ]


async def test_headers_are_ascii() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("x-header", "é")])
        raise AssertionError

    with pytest.raises(UnicodeEncodeError):
        await call(app)


async def test_only_the_first_start_counts() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        start_response("201 Created", [])
        return [b"1"]

    sent = await call(app)

    assert [message.get("status") for message in sent] == [200, None, None]


async def test_the_application_and_its_iterable_run_outside_the_event_loop() -> None:
    threads: list[int] = []

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        threads.append(threading.get_ident())
        start_response("200 OK", [])
        yield b"1"
        threads.append(threading.get_ident())
        yield b"2"

    sent = await call(app)

    assert [message.get("body") for message in sent] == [None, b"1", b"2", b""]
    assert threading.get_ident() not in threads
    assert len(threads) == 2


async def test_context_variables_flow_into_the_application() -> None:
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("outside")

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [variable.get().encode()]

    assert (await call(app))[1]["body"] == b"outside"


async def test_a_piece_is_sent_before_the_next_one_is_made() -> None:
    first_was_sent = threading.Event()

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"1"
        yield b"yes" if first_was_sent.wait(timeout=10) else b"no"

    sent: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            sent.append(message["body"])
            first_was_sent.set()

    await WSGIMiddleware(app)(dict(SCOPE), receive, send)

    assert sent == [b"1", b"yes", b""]


async def test_a_slow_client_holds_a_fast_application_back() -> None:
    made = 0
    made_when_sent: list[int] = []

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        nonlocal made
        start_response("200 OK", [])
        for _ in range(200):
            made += 1
            yield b"1"

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        made_when_sent.append(made)

    await WSGIMiddleware(app)(dict(SCOPE), receive, send)

    assert len(made_when_sent) == 202
    # Sixteen wait, one is being sent, and one or two are on their way.
    assert all(made <= sent + 20 for sent, made in enumerate(made_when_sent))


class Closable:
    """An iterable that notes whether it was closed."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks = chunks
        self.error = error
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("error", [None, ValueError("late")])
async def test_an_iterable_that_can_be_closed_is_closed_in_the_end(error: Exception | None) -> None:
    iterable = Closable(b"1", error=error)

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return iterable

    if error is None:
        await call(app)
    else:
        with pytest.raises(ValueError, match="late") as caught:
            await call(app)
        assert caught.value is error
    assert iterable.closed == 1


# Errors


async def test_an_error_of_the_application_comes_out_as_it_is() -> None:
    error = RuntimeError("no")

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        raise error

    with pytest.raises(RuntimeError) as caught:
        await call(app)

    assert caught.value is error
    assert error.__cause__ is None


async def test_an_error_that_comes_late_follows_what_was_sent() -> None:
    error = RuntimeError("no")
    sent: list[Message] = []

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"1"
        all_sent.wait(timeout=10)
        raise error

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 2:
            all_sent.set()

    all_sent = threading.Event()
    with pytest.raises(RuntimeError) as caught:
        await WSGIMiddleware(app)(dict(SCOPE), receive, send)

    assert caught.value is error
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


async def test_an_error_of_sending_comes_out_and_ends_the_application() -> None:
    iterable = Closable(*[b"1"] * 1000)

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return iterable

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await WSGIMiddleware(app)(dict(SCOPE), receive, send)

    assert iterable.closed == 1


async def test_an_error_handed_to_start_response_is_raised_after_the_response() -> None:
    error = RuntimeError("no")
    sent: list[Message] = []

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            raise error
        except RuntimeError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return [b"sorry"]

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError) as caught:
        await WSGIMiddleware(app)(dict(SCOPE), receive, send)

    assert caught.value is error
    assert [message.get("status") for message in sent] == [500, None, None]
    assert sent[1]["body"] == b"sorry"


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_there_is_nothing_but_http(kind: str) -> None:
    async def never(*args: object) -> Any:
        raise RuntimeError

    with pytest.raises(AssertionError, match=kind):
        await WSGIMiddleware(hello)({**SCOPE, "type": kind}, never, never)


async def test_a_responder_knows_how_its_response_began() -> None:
    responder = WSGIResponder(hello, dict(SCOPE))
    assert responder.response_started is False

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None: ...

    await responder(receive, send)

    assert responder.response_started is True
    assert responder.exc_info is None


def test_a_wsgi_application_can_be_mounted(client_for: Callable[..., TestClient]) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        names = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_LENGTH")
        yield " ".join(environ[name] for name in names).encode()
        yield b" " + environ["wsgi.input"].read()

    client = client_for(Starlette(routes=[Mount("/wsgi", app=WSGIMiddleware(app))]))
    response = client.post("/wsgi/a?b=1", content=b"body")

    assert response.text == "POST /wsgi /a b=1 4 body"


def test_the_policy_limits_the_body_that_is_put_together(client_for: Callable[..., Any]) -> None:
    routes = [Mount("/", WSGIMiddleware(echo))]
    client = client_for(Bolide(routes=routes, max_buffer_size=3))
    assert client.post("/", content=b"abc").content == b"abc"
    assert client.post("/", content=b"abcd").status_code == 413
    assert client_for(Starlette(routes=routes)).post("/", content=b"abcd").content == b"abcd"
