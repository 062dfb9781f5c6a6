"""The blocking test client: requests, streamed responses, lifespans, event loops."""

from __future__ import annotations

import functools
import gc
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bolide
from bolide import testclient
from bolide._testing.lifespan import LifespanFailed
from bolide._testing.validation import InvalidEvent
from bolide.applications import Bolide, Starlette
from bolide.exceptions import MissingExtra, StarletteDeprecationWarning
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import Route
from bolide.testclient import (
    TestClient,
    WebSocketDenialResponse,
    WebSocketDisconnect,
    WebSocketTestSession,
)

START = {"type": "http.response.start", "status": 200, "headers": []}
ACCEPT = {"type": "websocket.accept", "headers": []}

ClientFactory = Callable[..., TestClient]


def body(chunk: Any = b"", more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def sending(*messages: Any, then: BaseException | None = None) -> Any:
    """Make an application that sends these events, and raises then."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if then is not None:
            raise then

    return app


hello = sending(START, body(b"hello"))


async def serve_lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def with_lifespan(app: Any) -> Any:
    """Give an application a lifespan in which nothing happens."""

    async def wrapper(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
        else:
            await app(scope, receive, send)

    return wrapper


def cancellable(log: list[str], *messages: Any) -> Any:
    """Make an application that sends these events, and logs how it ends."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await sending(*messages)(scope, receive, send)
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            log.append("cancelled")
            raise

    return app


class Recorder:
    """An application that keeps the scope of each connection, and answers."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await send(ACCEPT)
        else:
            await hello(scope, receive, send)

    @property
    def scope(self) -> Any:
        return self.scopes[-1]

    def header(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.scope["headers"] if key == name]


def open_stream(client: TestClient, path: str = "/") -> httpx2.Response:
    return client.send(client.build_request("GET", path), stream=True)


# The HTTP library


def test_the_client_is_one_of_httpx2() -> None:
    assert issubclass(TestClient, httpx2.Client)
    assert issubclass(WebSocketDenialResponse, httpx2.Response)
    assert issubclass(WebSocketDenialResponse, WebSocketDisconnect)


def test_pytest_does_not_collect_the_client() -> None:
    assert TestClient.__test__ is False


@pytest.fixture
def fresh_import(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Have the module imported anew, and everything restored afterwards."""
    monkeypatch.setattr(bolide, "testclient", testclient)
    monkeypatch.delitem(sys.modules, "bolide.testclient")
    monkeypatch.setitem(sys.modules, "httpx2", None)
    return monkeypatch


def test_without_httpx2_the_client_is_one_of_httpx(fresh_import: pytest.MonkeyPatch) -> None:
    fresh_import.setitem(sys.modules, "httpx", httpx2)
    with pytest.warns(StarletteDeprecationWarning, match=r"`bolide\.testclient`") as caught:
        import bolide.testclient as fresh
    assert caught[0].filename == __file__
    assert fresh is not testclient
    assert fresh.TestClient(hello).get("/").text == "hello"


def test_without_either_the_import_fails(fresh_import: pytest.MonkeyPatch) -> None:
    fresh_import.setitem(sys.modules, "httpx", None)
    with pytest.raises(RuntimeError, match=r"The bolide\.testclient module requires") as raised:
        import bolide.testclient  # noqa: F401
    assert isinstance(raised.value, MissingExtra)


# Making a client


async def asgi3(scope: Any, receive: Any, send: Any) -> None:
    await hello(scope, receive, send)


class AwaitableInstances:
    """An application whose instances are awaited."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.arguments = (scope, receive, send)

    def __await__(self) -> Iterator[Any]:
        return asgi3(*self.arguments).__await__()


class CallableInstance:
    """An application with state."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)


def asgi2(scope: Any) -> Any:
    return functools.partial(asgi3, scope)


class Asgi2:
    """An application of version 2 that is a class."""

    def __init__(self, scope: Any) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await hello(self.scope, receive, send)


@pytest.mark.parametrize(
    "app", [asgi3, AwaitableInstances, CallableInstance(), functools.partial(asgi3)]
)
def test_an_asgi_3_application_is_taken_as_it_is(client_for: ClientFactory, app: Any) -> None:
    client = client_for(app)
    assert client.app is app
    assert client.get("/").text == "hello"


@pytest.mark.parametrize("app", [asgi2, Asgi2])
def test_an_asgi_2_application_is_wrapped(client_for: ClientFactory, app: Any) -> None:
    client = client_for(app)
    assert isinstance(client.app, testclient._WrapASGI2)
    assert client.app.app is app
    assert client.get("/").text == "hello"


def test_the_user_agent_is_that_of_the_client_unless_given() -> None:
    assert TestClient(hello).headers["user-agent"] == "testclient"
    assert TestClient(hello, headers={"a": "b"}).headers["user-agent"] == "testclient"
    assert TestClient(hello, headers={"User-Agent": "x"}).headers.get_list("user-agent") == ["x"]


def test_a_client_knows_its_backend() -> None:
    client = TestClient(hello, backend="trio", backend_options={"strict_exception_groups": True})
    assert client.async_backend == {
        "backend": "trio",
        "backend_options": {"strict_exception_groups": True},
    }
    assert TestClient(hello).async_backend == {"backend": "asyncio", "backend_options": {}}
    assert client.app_state == {}
    assert client.portal is None


def test_backend_options_reach_the_backend() -> None:
    import asyncio

    debug: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        debug.append(asyncio.get_running_loop().get_debug())
        await hello(scope, receive, send)

    TestClient(app, backend_options={"debug": True}).get("/")
    assert debug == [True]


# The scope


def test_the_scope_of_a_request(client_for: ClientFactory) -> None:
    app = Recorder()
    client_for(app, root_path="/root", client=("h", 1)).get("/a b?x=1")
    assert app.scope.pop("headers") == [
        (b"host", b"testserver"),
        (b"accept", b"*/*"),
        (b"accept-encoding", TestClient(app).headers["accept-encoding"].encode()),
        (b"connection", b"keep-alive"),
        (b"user-agent", b"testclient"),
    ]
    assert app.scope == {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "root_path": "/root",
        "scheme": "http",
        "query_string": b"x=1",
        "client": ("h", 1),
        "server": ["testserver", 80],
        "extensions": {"http.response.debug": {}, "http.response.trailers": {}},
        "state": {},
    }


def test_the_client_is_a_made_up_pair_by_default(client_for: ClientFactory) -> None:
    app = Recorder()
    client_for(app).get("/")
    assert app.scope["client"] == ("testclient", 50000)


@pytest.mark.parametrize(
    ("base_url", "url", "seen"),
    [
        ("http://testserver/api/v1/", "/bar", ("http", "/api/v1/bar", ["testserver", 80])),
        ("https://testserver:99/api", "bar", ("https", "/api/bar", ["testserver", 99])),
        ("http://testserver", "https://h/bar", ("https", "/bar", ["h", 443])),
        ("http://testserver", "http://[::1]:8000/", ("http", "/", ["::1", 8000])),
        ("http://testserver:0", "/", ("http", "/", ["testserver", 0])),
    ],
)
def test_urls_are_joined_to_the_base_url(
    client_for: ClientFactory, base_url: str, url: str, seen: Any
) -> None:
    app = Recorder()
    client_for(app, base_url=base_url).get(url)
    assert (app.scope["scheme"], app.scope["path"], app.scope["server"]) == seen


def test_any_method_can_be_used(client_for: ClientFactory) -> None:
    app = Recorder()
    client_for(app).request("QUERY", "/")
    assert app.scope["method"] == "QUERY"


def test_headers_of_the_request_win_over_those_of_the_client(client_for: ClientFactory) -> None:
    app = Recorder()
    client = client_for(app, headers={"x-a": "client"})
    client.headers = {"x-b": "set"}
    client.get("/", headers={"X-B": "request"})
    assert (app.header(b"x-a"), app.header(b"x-b")) == ([], [b"request"])
    client.get("/", headers=[("x-c", "1"), ("x-c", "2")])
    assert (app.header(b"x-b"), app.header(b"x-c")) == ([b"set"], [b"1", b"2"])


def test_query_parameters_and_auth_and_cookies_are_sent(client_for: ClientFactory) -> None:
    app = Recorder()
    client_for(app, cookies={"a": "b"}).get("/", params={"q": "é"}, auth=("user", "pass"))
    assert app.scope["query_string"] == b"q=%C3%A9"
    assert app.header(b"cookie") == [b"a=b"]
    assert app.header(b"authorization") == [b"Basic dXNlcjpwYXNz"]


def test_context_variables_flow_in_and_not_out(client_for: ClientFactory) -> None:
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("test")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(START, body(variable.get().encode()))(scope, receive, send)
        variable.set("app")

    assert client_for(app).get("/").text == "test"
    assert variable.get() == "test"


@pytest.mark.parametrize(
    ("domain", "kept"), [("testserver", True), ("testserver.local", True), ("example.com", False)]
)
def test_only_cookies_for_this_server_are_kept(
    client_for: ClientFactory, domain: str, kept: bool
) -> None:
    cookie = (b"set-cookie", f"a=b; Domain={domain}".encode())
    client = client_for(sending({**START, "headers": [cookie]}, body()))
    client.get("/")
    assert dict(client.cookies) == ({"a": "b"} if kept else {})


# The body of the request


def echo_events(events: list[Any]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            events.append(await receive())
            more = events[-1]["more_body"]
        await hello(scope, receive, send)

    return app


@pytest.mark.parametrize(
    ("content", "expected"), [(None, b""), (b"abc", b"abc"), ("é", "é".encode())]
)
def test_a_body_is_one_event(client_for: ClientFactory, content: Any, expected: bytes) -> None:
    events: list[Any] = []
    client_for(echo_events(events)).post("/", content=content)
    assert events == [{"type": "http.request", "body": expected, "more_body": False}]


def test_the_body_of_a_generator_comes_in_its_chunks(client_for: ClientFactory) -> None:
    events: list[Any] = []
    response = client_for(echo_events(events)).post("/", content=(c for c in (b"a", b"", b"b")))
    assert [(event["body"], event["more_body"]) for event in events] == [
        (b"a", True),
        (b"", True),
        (b"b", True),
        (b"", False),
    ]
    assert response.request.content == b"ab"


def test_a_multipart_body_comes_whole(client_for: ClientFactory) -> None:
    events: list[Any] = []
    client_for(echo_events(events)).post("/", data={"a": "1"}, files={"f": ("n", b"content")})
    (event,) = events
    assert b'name="a"' in event["body"]
    assert b"content" in event["body"]


def test_an_error_in_a_generator_reaches_the_application(client_for: ClientFactory) -> None:
    def content() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        client_for(echo_events([])).post("/", content=content())


def test_a_file_is_read_where_blocking_is_allowed(
    client_for: ClientFactory, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    events: list[Any] = []
    with path.open("rb") as file:
        client_for(echo_events(events)).post("/", content=file)
    with path.open("rb") as file:
        client_for(echo_events(events)).post("/", files={"f": file})
    assert events[0]["body"] == b"x" * 100_000
    assert b"x" * 100_000 in events[1]["body"]


@pytest.mark.parametrize("generated", [True, False])
def test_a_redirect_sends_the_body_again(client_for: ClientFactory, generated: bool) -> None:
    content = (chunk for chunk in (b"da", b"ta")) if generated else b"data"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        data, more = b"", True
        while more:
            message = await receive()
            data += message["body"]
            more = message["more_body"]
        if scope["path"] == "/from":
            headers = [(b"location", b"/to")]
            await sending({**START, "status": 307, "headers": headers}, body())(
                scope, receive, send
            )
        else:
            await sending(START, body(data))(scope, receive, send)

    response = client_for(app).post("/from", content=content)
    assert (response.text, len(response.history)) == ("data", 1)


def test_redirects_are_followed_unless_forbidden(client_for: ClientFactory) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        status = 302 if scope["path"] == "/from" else 200
        headers = [(b"location", b"/to")]
        await sending({**START, "status": status, "headers": headers}, body())(scope, receive, send)

    assert client_for(app).get("/from").status_code == 200
    assert client_for(app).get("/from", follow_redirects=False).status_code == 302
    assert client_for(app, follow_redirects=False).get("/from").status_code == 302


# The response


def test_a_response_has_status_headers_and_body(client_for: ClientFactory) -> None:
    start = {**START, "status": 201, "headers": [[b"X-A", b"1"], (b"x-a", b"2")]}
    response = client_for(sending(start, body(b"he", more=True), body(b"llo"))).get("/")
    assert response.status_code == 201
    assert response.headers.get_list("x-a") == ["1", "2"]
    assert response.text == "hello"
    assert response.extensions == {}
    assert response.url == "http://testserver/"


def test_trailers_are_an_extension(client_for: ClientFactory) -> None:
    trailers = {"type": "http.response.trailers", "headers": [(b"a", b"1")]}
    app = sending({**START, "trailers": True}, body(b"x"), trailers)
    response = client_for(app).get("/")
    assert response.extensions == {"http.response.trailers": [(b"a", b"1")]}
    assert "a" not in response.headers


@pytest.mark.parametrize("late", [True, False])
def test_debug_information_is_an_extension(client_for: ClientFactory, late: bool) -> None:
    info = {"template": "t", "context": {"c": 1}, "other": 2}
    messages = [{"type": "http.response.debug", "info": info}, START]
    response: Any = client_for(sending(*(reversed(messages) if late else messages), body())).get(
        "/"
    )
    assert response.extensions["http.response.debug"] == info
    assert (response.template, response.context) == ("t", {"c": 1})
    assert not hasattr(response, "other")


def test_debug_information_needs_no_template(client_for: ClientFactory) -> None:
    app = sending({"type": "http.response.debug", "info": {"other": 2}}, START, body())
    response = client_for(app).get("/")
    assert response.extensions["http.response.debug"] == {"other": 2}
    assert not hasattr(response, "template")


@settings(max_examples=20, deadline=None)
@given(chunks=st.lists(st.binary(max_size=20), max_size=6))
def test_any_chunking_arrives_whole_and_in_order(chunks: list[bytes]) -> None:
    messages = [START, *(body(chunk, more=True) for chunk in chunks), body()]
    client = TestClient(with_lifespan(sending(*messages)))
    with client, client.stream("GET", "/") as response:
        assert list(response.iter_raw()) == [chunk for chunk in chunks if chunk]


# Exceptions of the application


def test_an_exception_is_raised_at_the_request(client_for: ClientFactory) -> None:
    for messages in ([], [START], [START, body(b"x", more=True)], [START, body(b"x")]):
        with pytest.raises(ValueError, match="mine"):
            client_for(sending(*messages, then=ValueError("mine"))).get("/")


@pytest.mark.parametrize(
    ("messages", "status", "content"),
    [
        ([], 500, b""),
        ([START], 200, b""),
        ([START, body(b"x", more=True)], 200, b"x"),
        ([START, body(b"x")], 200, b"x"),
    ],
)
@pytest.mark.parametrize("error", [ValueError("mine"), None])
def test_without_raising_the_client_gets_what_was_sent(
    client_for: ClientFactory,
    messages: list[Any],
    status: int,
    content: bytes,
    error: Exception | None,
) -> None:
    client = client_for(sending(*messages, then=error), raise_server_exceptions=False)
    response = client.get("/")
    assert (response.status_code, response.content) == (status, content)
    assert dict(response.headers) == {}


def test_no_answer_is_an_error(client_for: ClientFactory) -> None:
    with pytest.raises(AssertionError) as raised:
        client_for(sending()).get("/")
    assert str(raised.value) == "TestClient did not receive any response."


@pytest.mark.parametrize("raise_server_exceptions", [True, False])
def test_an_interrupt_in_the_application_is_raised_and_harms_nothing_else(
    client_for: ClientFactory, raise_server_exceptions: bool
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/interrupt":
            raise KeyboardInterrupt
        await hello(scope, receive, send)

    client = client_for(with_lifespan(app), raise_server_exceptions=raise_server_exceptions)
    with client:
        with pytest.raises(KeyboardInterrupt):
            client.get("/interrupt")
        assert client.get("/").text == "hello"


def test_a_portal_that_is_stopped_cancels_the_application(client_for: ClientFactory) -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert client.portal is not None
        await client.portal.stop(cancel_remaining=True)
        await cancellable(log)(scope, receive, send)

    client = client_for(with_lifespan(app))
    with pytest.raises(RuntimeError, match="portal is not running"), client:
        client.get("/")
    assert log == ["cancelled"]
    assert client.portal is None


# Streamed responses


def test_a_streamed_response_is_there_before_its_body(client_for: ClientFactory) -> None:
    sent: list[bytes] = []
    second = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"one", more=True))
        sent.append(b"one")
        second.set()
        await send(body(b"two"))
        sent.append(b"two")

    with client_for(app).stream("GET", "/") as response:
        assert response.status_code == 200
        assert sent == []
        chunks = response.iter_raw()
        assert next(chunks) == b"one"
        assert second.wait(10)
        assert sent == [b"one"]
        assert list(chunks) == [b"two"]
        assert sent == [b"one", b"two"]


def test_the_body_of_a_head_response_is_dropped(client_for: ClientFactory) -> None:
    response = client_for(sending(START, body(b"x", more=True), body(b"y"))).head("/")
    assert response.content == b""


@pytest.mark.parametrize("chunks", [0, 1])
def test_closing_an_unfinished_response_cancels_the_application(
    client_for: ClientFactory, chunks: int
) -> None:
    log: list[str] = []
    app = cancellable(log, START, body(b"x", more=True), body(b"y", more=True))
    with client_for(app).stream("GET", "/") as response:
        for _, chunk in zip(range(chunks), response.iter_raw(), strict=False):
            assert chunk == b"x"
    assert log == ["cancelled"]


def slow_to_end(log: list[str], error: Exception | None = None) -> Any:
    """Make an application that does something after its response."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        await anyio.to_thread.run_sync(time.sleep, 0.01)
        log.append("ended")
        if error is not None:
            raise error

    return app


def read_one_chunk(client: TestClient, error: BaseException | None = None) -> None:
    """Read the only chunk of a response, but not its end, and leave; raising, if so wanted."""
    with client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"hello"
        if error is not None:
            raise error


def test_closing_a_complete_response_waits_for_the_application(client_for: ClientFactory) -> None:
    log: list[str] = []
    read_one_chunk(client_for(slow_to_end(log)))
    assert log == ["ended"]


def test_closing_a_complete_response_raises_the_exception(client_for: ClientFactory) -> None:
    app = slow_to_end([], ValueError("mine"))
    with pytest.raises(ValueError, match="mine"):
        read_one_chunk(client_for(app))
    read_one_chunk(client_for(app, raise_server_exceptions=False))


def test_an_unrelated_exception_being_handled_changes_nothing(client_for: ClientFactory) -> None:
    app = slow_to_end([], ValueError("mine"))
    try:
        raise KeyError("unrelated")
    except KeyError:
        with pytest.raises(ValueError, match="mine"):
            read_one_chunk(client_for(app))
        response = open_stream(client_for(app))
        chunks = response.iter_raw()
        assert next(chunks) == b"hello"
        with pytest.raises(ValueError, match="mine"):
            response.close()


def test_an_exception_of_the_block_is_not_hidden(client_for: ClientFactory) -> None:
    app = slow_to_end([], ValueError("mine"))
    with pytest.raises(KeyError) as raised:
        read_one_chunk(client_for(app), error=KeyError("block"))
    assert raised.value.__notes__ == ["The application failed, too: ValueError('mine')"]


def test_an_exception_after_the_start_is_raised_at_the_end_of_the_body(
    client_for: ClientFactory,
) -> None:
    client = client_for(sending(START, body(b"x", more=True), then=ValueError("mine")))
    response = open_stream(client)
    chunks = response.iter_raw()
    assert next(chunks) == b"x"
    with pytest.raises(ValueError, match="mine"):
        next(chunks)
    response.close()


def test_an_exception_after_the_start_is_raised_at_closing(client_for: ClientFactory) -> None:
    response = open_stream(client_for(sending(START, then=ValueError("mine"))))
    with pytest.raises(ValueError, match="mine"):
        response.close()
    response.close()


def test_an_exception_while_being_cancelled_is_raised_at_closing(
    client_for: ClientFactory,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("cleanup")

    with pytest.raises(ValueError, match="cleanup"):
        open_stream(client_for(app)).close()
    with pytest.raises(ValueError, match="cleanup"), closing(client_for(app)) as client:
        open_stream(client)
    with pytest.raises(ValueError, match="cleanup"), client_for(with_lifespan(app)) as client:
        open_stream(client)


@pytest.mark.parametrize("more", [True, False])
def test_closing_the_client_cancels_what_is_open(client_for: ClientFactory, more: bool) -> None:
    log: list[str] = []
    client = client_for(cancellable(log, START, body(b"x", more=more)))
    response = open_stream(client)
    chunks = response.iter_raw()
    assert next(chunks) == b"x"
    client.close()
    assert log == ["cancelled"]
    response.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get("/")


@pytest.mark.parametrize("more", [True, False])
def test_leaving_the_block_cancels_what_is_open(client_for: ClientFactory, more: bool) -> None:
    log: list[str] = []
    app = cancellable(log, START, body(b"x", more=more))

    async def logging_lifespan(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
            log.append("shut down")
        else:
            await app(scope, receive, send)

    with client_for(logging_lifespan) as client:
        chunks = open_stream(client).iter_raw()
        assert next(chunks) == b"x"
        unread = open_stream(client)
    assert log == ["cancelled", "cancelled", "shut down"]
    with pytest.raises(httpx2.StreamClosed):
        unread.read()


def test_leaving_the_block_with_an_exception_does_not_hide_it(client_for: ClientFactory) -> None:
    app = with_lifespan(sending(START, then=ValueError("mine")))

    def leave_block() -> None:
        with client_for(app) as client:
            open_stream(client)
            raise KeyError("block")

    with pytest.raises(KeyError) as raised:
        leave_block()
    assert raised.value.__notes__ == ["The application failed, too: ValueError('mine')"]


def test_a_response_that_is_read_is_no_longer_open(client_for: ClientFactory) -> None:
    with client_for(with_lifespan(hello)) as client:
        client.get("/")
        assert client._transport._unclosed == set()  # type: ignore[attr-defined]


# Event loops and threads


def test_requests_of_a_block_share_a_thread_with_the_lifespan(client_for: ClientFactory) -> None:
    threads: list[tuple[str, int]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        threads.append((scope["type"], threading.get_ident()))
        if scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send(ACCEPT)
        else:
            await hello(scope, receive, send)

    client = client_for(app)
    with client as entered:
        assert entered is client
        client.get("/")
        with client.websocket_connect("/"):
            pass
    assert [kind for kind, _ in threads] == ["lifespan", "http", "websocket"]
    assert len({thread for _, thread in threads}) == 1
    assert threading.get_ident() not in {thread for _, thread in threads}


def test_outside_a_block_each_request_has_its_own_loop(client_for: ClientFactory) -> None:
    loops: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        loops.append(anyio.lowlevel.current_token())
        await hello(scope, receive, send)

    client = client_for(app)
    with client.stream("GET", "/") as response:
        client.get("/")
        response.read()
    assert len(loops) == 2
    assert loops[0] != loops[1]


def test_a_block_can_be_entered_again(client_for: ClientFactory) -> None:
    starts: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            starts.append(anyio.lowlevel.current_token())
            await serve_lifespan(receive, send)
        else:
            await hello(scope, receive, send)

    client = client_for(app)
    for _ in range(2):
        with client:
            assert client.get("/").text == "hello"
        assert client.get("/").text == "hello"
    assert len(starts) == 2
    assert starts[0] != starts[1]


def test_a_client_can_be_used_by_many_threads(client_for: ClientFactory) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(START, body(scope["path"].encode()))(scope, receive, send)

    paths = [f"/{number}" for number in range(20)]
    with client_for(with_lifespan(app)) as client, ThreadPoolExecutor(4) as executor:
        assert [response.text for response in executor.map(client.get, paths)] == paths


@pytest.mark.parametrize("inner_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("in_worker_thread", [True, False])
def test_the_client_can_be_used_inside_an_application(
    client_for: ClientFactory, inner_backend: Any, in_worker_thread: bool
) -> None:
    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await (echo if scope["type"] == "websocket" else hello)(scope, receive, send)

    def use() -> bytes:
        client = TestClient(with_lifespan(inner), backend=inner_backend)
        data = client.get("/").content
        with client, client.stream("GET", "/") as response:
            data += b"".join(response.iter_raw())
            with client.websocket_connect("/") as websocket:
                websocket.send_text("!")
                data += websocket.receive_text().encode()
        return data

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        data = await anyio.to_thread.run_sync(use) if in_worker_thread else use()
        await sending(START, body(data))(scope, receive, send)

    assert client_for(outer).get("/").text == "hellohello!"


@pytest.mark.anyio
async def test_the_client_can_be_used_in_an_async_test(anyio_backend: Any) -> None:
    with TestClient(with_lifespan(hello), backend=anyio_backend) as client:
        assert client.get("/").text == "hello"


async def interrupt_main_thread(function: str) -> None:
    """Press Ctrl-C as soon as the main thread waits in this function."""
    thread = threading.main_thread().ident
    assert thread is not None
    names: set[str] = set()
    while not names >= {function, "wait"}:
        await anyio.sleep(0.001)
        frame = sys._current_frames().get(thread)
        names = {frame.f_code.co_name for frame, _ in traceback.walk_stack(frame)}
    signal.pthread_kill(thread, signal.SIGINT)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals for threads")
@pytest.mark.parametrize("block", [True, False])
@pytest.mark.parametrize(
    ("wait", "waits_in", "messages"),
    [
        (lambda client: client.get("/"), "open", []),
        (lambda client: client.get("/"), "_next_chunk", [START]),
        (lambda client: client.get("/"), "_next_chunk", [START, body()]),
        (read_one_chunk, "close", [START, body(b"hello")]),
        (lambda client: client.websocket_connect("/").__enter__(), "__enter__", []),
    ],
)
def test_an_interrupt_of_the_test_cancels_the_application(
    client_for: ClientFactory, block: bool, wait: Any, waits_in: str, messages: list[Any]
) -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(*messages)(scope, receive, send)
        await interrupt_main_thread(waits_in)
        await cancellable(log)(scope, receive, send)

    client = client_for(with_lifespan(app))
    with pytest.raises(KeyboardInterrupt), client if block else closing(client):
        wait(client)
    assert log == ["cancelled"]


def test_a_forgotten_response_leaves_no_thread_behind(client_for: ClientFactory) -> None:
    before = threading.active_count()
    client = client_for(cancellable([], START))
    open_stream(client)
    assert threading.active_count() > before
    del client
    gc.collect()
    assert threading.active_count() == before


# Lifespan


def test_the_lifespan_of_a_block(client_for: ClientFactory) -> None:
    log: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.append(scope)
        log.append(await receive())
        await send({"type": "lifespan.startup.complete"})
        log.append(await receive())
        await send({"type": "lifespan.shutdown.complete"})

    client = client_for(app)
    with client:
        assert log == [{"type": "lifespan", "state": {}}, {"type": "lifespan.startup"}]
        assert log[0]["state"] is client.app_state
        assert isinstance(client.portal, anyio.from_thread.BlockingPortal)
        assert not client.task.done()
        assert client.stream_send is not client.stream_receive
        assert client.exit_stack is not None
    assert log[2:] == [{"type": "lifespan.shutdown"}]
    assert client.task.done()
    assert client.portal is None


def test_requests_get_shallow_copies_of_the_state(client_for: ClientFactory) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            scope["state"].update(count=0, items=[])
            await serve_lifespan(receive, send)
        else:
            scope["state"]["count"] += 1
            scope["state"]["items"].append(scope["type"])
            await (sending(ACCEPT) if scope["type"] == "websocket" else hello)(scope, receive, send)

    with client_for(app) as client:
        client.get("/")
        with client.websocket_connect("/"):
            pass
        assert client.app_state == {"count": 0, "items": ["http", "websocket"]}


def failing_lifespan(at: str, error: BaseException) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if at == "once":
            raise error
        await receive()
        if at == "startup":
            raise error
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise error

    return app


@pytest.mark.parametrize("at", ["once", "startup"])
@pytest.mark.parametrize("error", [RuntimeError("Startup error"), KeyboardInterrupt()])
def test_an_exception_of_the_startup_is_raised_from_entering(
    client_for: ClientFactory, at: str, error: BaseException
) -> None:
    client = client_for(failing_lifespan(at, error))
    with pytest.raises(type(error)) as raised, client:
        pytest.fail("entered")  # pragma: no cover
    assert raised.value is error
    assert client.portal is None


@pytest.mark.parametrize("error", [RuntimeError("Shutdown error"), KeyboardInterrupt()])
def test_an_exception_of_the_shutdown_is_raised_from_leaving(
    client_for: ClientFactory, error: BaseException
) -> None:
    client = client_for(failing_lifespan("shutdown", error))
    with pytest.raises(type(error)) as raised, client:
        pass
    assert raised.value is error
    assert client.portal is None


def test_the_shutdown_happens_after_an_exception_of_the_block(client_for: ClientFactory) -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await serve_lifespan(receive, send)
        log.append("shut down")

    with pytest.raises(KeyError), client_for(app):
        raise KeyError("block")
    assert log == ["shut down"]


def test_a_failed_startup_that_is_not_raised_is_an_error(client_for: ClientFactory) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(LifespanFailed, match="no database"), client_for(app):
        pytest.fail("entered")  # pragma: no cover


def test_an_application_without_a_lifespan_cannot_be_entered(client_for: ClientFactory) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError(scope["type"])

    with pytest.raises(NotImplementedError, match="lifespan"), client_for(app):
        pytest.fail("entered")  # pragma: no cover


# Odds and ends


def test_a_timeout_only_warns(client_for: ClientFactory) -> None:
    with pytest.warns(StarletteDeprecationWarning) as caught:
        assert client_for(hello).get("/", timeout=1).text == "hello"
    assert str(caught[0].message) == (
        "You should not use the 'timeout' argument with the TestClient. "
        "See https://github.com/Kludex/starlette/issues/1108 for more information."
    )


def test_no_timeout_does_not_warn(client_for: ClientFactory) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client_for(hello).get("/")


def test_the_transport_can_be_used_by_itself(client_for: ClientFactory) -> None:
    app = Recorder()
    transport = testclient._TestClientTransport(
        app, client_for(app)._portal_factory, client=("h", 1), app_state={"a": 1}
    )
    response = transport.handle_request(httpx2.Request("GET", "http://h/"))
    assert response.read() == b"hello"
    transport.close()
    assert (app.scope["client"], app.scope["state"]) == (("h", 1), {"a": 1})
    with pytest.raises(testclient._Upgrade) as raised:
        transport.handle_request(httpx2.Request("GET", "ws://h/"))
    assert isinstance(raised.value.session, WebSocketTestSession)


def test_a_portal_is_that_of_the_block_or_its_own(client_for: ClientFactory) -> None:
    client = client_for(with_lifespan(hello))
    with client, client._portal_factory() as portal:
        assert portal is client.portal
    with client._portal_factory() as portal:
        assert client.portal is None
        assert portal.call(anyio.lowlevel.checkpoint) is None


@pytest.mark.anyio
async def test_applications_work_with_the_transport_of_the_library() -> None:
    transport = httpx2.ASGITransport(app=hello)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        assert (await client.get("/")).text == "hello"


async def shouting(request: Request) -> Response:
    response = Response()
    response.raw_headers.append((b"X-Upper-Case", b"1"))
    return response


@pytest.mark.parametrize(
    ("app_class", "validate_events", "checks"),
    [
        (Bolide, None, True),
        (Bolide, False, False),
        (Starlette, None, False),
        (Starlette, True, True),
    ],
)
def test_events_are_checked_as_the_policy_says(
    client_for: ClientFactory,
    app_class: type[Starlette],
    validate_events: bool | None,
    checks: bool,
) -> None:
    app = app_class(routes=[Route("/", shouting)])
    client = client_for(app, validate_events=validate_events)
    with pytest.raises(InvalidEvent) if checks else nullcontext():
        assert client.get("/").status_code == 200
