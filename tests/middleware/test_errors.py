"""Whatever goes wrong, the client gets a response and the server learns it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from bolide._body_limits import BodyTooLarge
from bolide._exchange import Exchange
from bolide.background import BackgroundTask
from bolide.exceptions import HTTPException
from bolide.middleware.errors import ServerErrorMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., Any]


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("Something <went> wrong")


async def fail_after_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("Something <went> wrong")


async def call(app: Any, scope: Scope | None = None, send: Send | None = None) -> list[Message]:
    """Call an application that fails, and give what it has sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError

    async def note(message: Message) -> None:
        sent.append(message)

    scope = (
        {"type": "http", "method": "GET", "path": "/", "headers": []} if scope is None else scope
    )
    with pytest.raises(RuntimeError, match="Something <went> wrong"):
        await app(scope, receive, send or note)
    return sent


async def test_the_client_learns_no_more_than_that_something_went_wrong() -> None:
    start, body = await call(ServerErrorMiddleware(fail))

    assert (start["status"], body["body"]) == (500, b"Internal Server Error")
    assert (b"content-type", b"text/plain; charset=utf-8") in start["headers"]


async def test_an_application_that_does_not_fail_is_left_alone() -> None:
    sent: list[Message] = []
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await PlainTextResponse("fine")(scope, receive, send)

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http"}
    await ServerErrorMiddleware(app)(scope, receive, send)

    assert [message.get("status") for message in sent] == [200, None]
    assert scopes[0] is scope


def test_the_exception_is_raised_again_for_the_server(client_for: ClientFor) -> None:
    with pytest.raises(RuntimeError, match="Something <went> wrong"):
        client_for(ServerErrorMiddleware(fail)).get("/")


def test_an_http_exception_is_an_exception_like_any_other(client_for: ClientFor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(404)

    client = client_for(ServerErrorMiddleware(app), raise_server_exceptions=False)
    response = client.get("/")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


async def test_an_async_handler_answers() -> None:
    seen: list[tuple[Scope, Exception]] = []

    async def handler(request: Request, exc: Exception) -> Response:
        seen.append((request.scope, exc))
        return JSONResponse({"detail": str(exc)}, status_code=503)

    scope: Scope = {"type": "http", "headers": []}
    start, body = await call(ServerErrorMiddleware(fail, handler=handler), scope)

    assert (start["status"], body["body"]) == (503, b'{"detail":"Something <went> wrong"}')
    assert seen[0][0] is scope


async def test_a_blocking_handler_answers_from_a_worker_thread() -> None:
    threads: list[int] = []

    def handler(request: Request, exc: Exception) -> Response:
        threads.append(threading.get_ident())
        return PlainTextResponse("sorry", 500)

    _, body = await call(ServerErrorMiddleware(fail, handler=handler))

    assert body["body"] == b"sorry"
    assert threads != [threading.get_ident()]


async def test_the_request_of_a_handler_can_neither_receive_nor_send() -> None:
    async def handler(request: Request, exc: Exception) -> Response:
        with pytest.raises(RuntimeError, match="Receive"):
            await request.body()
        return PlainTextResponse("sorry", 500)

    _, body = await call(ServerErrorMiddleware(fail, handler=handler))
    assert body["body"] == b"sorry"


async def test_what_a_handler_raises_is_raised_in_place_of_the_exception() -> None:
    async def handler(request: Request, exc: Exception) -> Response:
        raise RuntimeError("Something <went> wrong with the handler") from exc

    assert await call(ServerErrorMiddleware(fail, handler=handler)) == []


@pytest.mark.parametrize("debug", [False, True])
async def test_a_response_that_has_started_stays_alone(debug: bool) -> None:
    sent = await call(ServerErrorMiddleware(fail_after_start, debug=debug))
    assert sent == [{"type": "http.response.start", "status": 200, "headers": []}]


async def test_the_handler_is_called_even_if_the_response_has_started() -> None:
    seen: list[str] = []

    async def handler(request: Request, exc: Exception) -> Response:
        seen.append(str(exc))
        return PlainTextResponse("too late", 500)

    sent = await call(ServerErrorMiddleware(fail_after_start, handler=handler))

    assert seen == ["Something <went> wrong"]
    assert len(sent) == 1


def test_an_error_in_a_background_task_reaches_the_handler(client_for: ClientFor) -> None:
    seen: list[str] = []

    async def handler(request: Request, exc: Exception) -> Response:
        seen.append(str(exc))
        return PlainTextResponse("too late", 500)

    async def task() -> None:
        raise LookupError("no such thing")

    app = Response(status_code=204, background=BackgroundTask(task))
    client = client_for(ServerErrorMiddleware(app, handler=handler), raise_server_exceptions=False)

    assert client.get("/").status_code == 204
    assert seen == ["no such thing"]


async def test_an_exchange_from_further_out_is_shared() -> None:
    sent: list[Message] = []

    async def note(message: Message) -> None:
        sent.append(message)

    exchange = Exchange(note)
    exchange.response_started = True
    await call(ServerErrorMiddleware(fail), send=exchange)

    assert sent == []


async def test_cancellation_is_not_answered() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    async def unused(*args: Any) -> Any:
        raise NotImplementedError

    with anyio.CancelScope() as cancel_scope:
        cancel_scope.cancel()
        await ServerErrorMiddleware(app)({"type": "http"}, unused, unused)
    assert cancel_scope.cancelled_caught


async def test_what_is_no_request_passes_through_untouched() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope, receive, send))

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        raise NotImplementedError

    given = ({"type": "lifespan"}, receive, send)
    await ServerErrorMiddleware(app)(*given)
    assert all(one is other for one, other in zip(seen, given, strict=True))


def test_an_error_of_a_websocket_propagates(client_for: ClientFor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket: WebSocket = WebSocket(scope, receive, send)
        await websocket.accept()
        raise RuntimeError("Something went wrong")

    with (
        pytest.raises(RuntimeError, match="Something went wrong"),
        client_for(ServerErrorMiddleware(app, debug=True)).websocket_connect("/"),
    ):
        pass  # what the application raises comes out when the session ends


# --- in debug mode --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/html", "text/html; charset=utf-8"),
        ("application/json, text/html;q=0.9", "text/html; charset=utf-8"),
        ("*/*", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
    ],
)
def test_a_browser_gets_a_page_and_anything_else_text(
    client_for: ClientFor, accept: str, content_type: str
) -> None:
    app = ServerErrorMiddleware(fail, debug=True)
    client = client_for(app, raise_server_exceptions=False)
    response = client.get("/", headers={"accept": accept})

    assert (response.status_code, response.headers["content-type"]) == (500, content_type)
    if content_type.startswith("text/html"):
        assert "<title>RuntimeError at /</title>" in response.text
        assert "<h1>500 Server Error</h1>" in response.text
        assert "<h2>RuntimeError: Something &lt;went&gt; wrong</h2>" in response.text
        assert "raise RuntimeError(&quot;Something &lt;went&gt; wrong&quot;)" in response.text
        assert "<went>" not in response.text
    else:
        assert response.text.startswith("Traceback (most recent call last):")
        assert response.text.rstrip().endswith("RuntimeError: Something <went> wrong")


async def test_a_scope_without_headers_gets_text() -> None:
    start, body = await call(ServerErrorMiddleware(fail, debug=True), {"type": "http"})
    assert start["status"] == 500
    assert body["body"].startswith(b"Traceback (most recent call last):")


async def test_debug_mode_wins_over_a_handler() -> None:
    async def handler(request: Request, exc: Exception) -> Response:
        raise NotImplementedError

    _, body = await call(ServerErrorMiddleware(fail, handler=handler, debug=True))
    assert body["body"].startswith(b"Traceback")


async def test_the_page_is_made_in_a_worker_thread() -> None:
    threads: list[int] = []

    class Quiet(ServerErrorMiddleware):
        def debug_response(self, request: Request, exc: Exception) -> Response:
            threads.append(threading.get_ident())
            return PlainTextResponse("in debug mode", status_code=500)

    _, body = await call(Quiet(fail, debug=True))

    assert body["body"] == b"in debug mode"
    assert threads != [threading.get_ident()]


async def test_the_response_to_an_error_may_be_overridden() -> None:
    class Polite(ServerErrorMiddleware):
        def error_response(self, request: Request, exc: Exception) -> Response:
            return PlainTextResponse(f"sorry for {exc}", status_code=500)

    _, body = await call(Polite(fail))
    assert body["body"] == b"sorry for Something <went> wrong"


def test_the_page_may_be_overridden(client_for: ClientFor) -> None:
    class Own(ServerErrorMiddleware):
        def generate_html(self, exc: Exception, limit: int = 7) -> str:
            return f"<style>b {{color: red}}</style><b>{type(exc).__name__}</b>"

    client = client_for(Own(fail, debug=True), raise_server_exceptions=False)
    response = client.get("/", headers={"accept": "text/html"})

    assert response.text.endswith("<b>RuntimeError</b>")
    assert "content-security-policy" not in response.headers


def raised_at_depth(depth: int) -> Exception:
    def descend(left: int) -> None:
        if left == 0:
            raise RuntimeError("at the bottom")
        descend(left - 1)

    try:
        descend(depth)
    except RuntimeError as exc:
        return exc
    raise NotImplementedError


def test_the_page_shows_the_innermost_frames() -> None:
    middleware = ServerErrorMiddleware(fail)
    exc = raised_at_depth(20)

    assert middleware.generate_html(exc).count("<details") == 7
    assert middleware.generate_html(exc, limit=3).count("<details") == 3
    assert middleware.generate_html(exc).count("<details open>") == 1


def test_the_parts_of_the_page_are_methods() -> None:
    middleware = ServerErrorMiddleware(fail)
    exc = raised_at_depth(0)
    assert exc.__traceback__ is not None
    frame = inspect.getinnerframes(exc.__traceback__)[-1]

    opened = middleware.generate_frame_html(frame, is_collapsed=False)
    collapsed = middleware.generate_frame_html(frame, is_collapsed=True)
    assert "<details open>" in opened
    assert collapsed == opened.replace("<details open>", "<details>")

    line = middleware.format_line(3, "<x>", frame_lineno=10, frame_index=2)
    assert ">11</span>" in line
    assert "&lt;x&gt;" in line
    assert "error" not in line
    marked = middleware.format_line(2, "<x>", frame_lineno=10, frame_index=2)
    assert ">10</span>" in marked
    assert "error" in marked


def test_the_text_is_the_traceback_of_python() -> None:
    text = ServerErrorMiddleware(fail).generate_plain_text(raised_at_depth(1))
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("\nRuntimeError: at the bottom\n")


async def test_a_body_that_is_too_large_for_middleware_is_no_error_of_the_server() -> None:
    sent: list[Message] = []

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        raise BodyTooLarge(3, "max_buffer_size")

    async def reads_late(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await reads(scope, receive, send)

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await ServerErrorMiddleware(reads)(scope, receive, send)
    assert sent[0]["status"] == 413
    with pytest.raises(BodyTooLarge):
        await ServerErrorMiddleware(reads_late)(scope, receive, send)
