"""`AsyncTestClient`: a client of the HTTP library for tests that are async themselves."""

# Names that only the HTTP library's annotations have are named in ours, too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self

from bolide._async import create_collapsing_task_group
from bolide._http.event_stream import DEFAULT_MAX_EVENT_SIZE
from bolide._testing.asgi2 import ASGI3App, as_asgi3
from bolide._testing.async_http import AsyncTransport, Upgrade
from bolide._testing.async_session import AsyncWebSocketTestSession
from bolide._testing.chosen import httpx
from bolide._testing.event_source import EventSource, read_events
from bolide._testing.lifespan import LifespanConversation
from bolide._testing.scopes import DEFAULT_BASE_URL, DEFAULT_CLIENT
from bolide._testing.speech import add_handshake_headers
from bolide._testing.websocket import DEFAULT_TIMEOUT
from bolide.types import ASGIApp

WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class AsyncTestClient(httpx.AsyncClient):
    """An async client of the HTTP library whose requests go to an application directly.

    The application runs in the event loop of the test, asyncio or trio. As an async context manager
    the client runs the application's lifespan, too, and the context must be left by the task that
    has entered it, as with every task group.

    The client leaves as a real one does: at the end of a block of `stream`, `sse` or
    `websocket_connect`, when a request is cancelled inside the context of the client, and when the
    content of a request raises an exception, which comes out of the request. The application hears
    of the disconnect, and is cancelled if it goes on nevertheless. A `timeout` of a request does
    nothing; `anyio.fail_after` does.

    Args:
        app: An ASGI application, of version 3 or 2.
        base_url: What relative URLs are joined to, those of WebSockets as well.
        raise_server_exceptions: Whether exceptions of the application are raised here. If False, an
            application that fails before it starts a response gives an empty one with status 500.
        root_path: The path that the application is mounted at.
        cookies: Cookies to send with each request.
        headers: Headers to send with each request; `user-agent: testclient` by default.
        follow_redirects: Whether to follow redirects.
        client: Host and port that the application sees as its client.
        validate_events: Whether the application gets an error (`bolide.testing.InvalidEvent`) for
            each event that the ASGI specification forbids.
        websocket_timeout: How many seconds a WebSocket waits for an event of the application before
            it raises `bolide.testing.ReceiveTimeout`; `math.inf` waits for ever.

    Attributes:
        app: The application, wrapped if it is of version 2.
        app_state: The state of the lifespan, of which each request gets a shallow copy.
    """

    __test__ = False

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = DEFAULT_BASE_URL,
        raise_server_exceptions: bool = True,
        root_path: str = "",
        *,
        cookies: httpx._types.CookieTypes | None = None,
        headers: httpx._types.HeaderTypes | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] = DEFAULT_CLIENT,
        validate_events: bool = True,
        websocket_timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.app: ASGI3App = as_asgi3(app)
        self.app_state: dict[str, Any] = {}
        self.validate_events = validate_events
        self._asgi = AsyncTransport(
            self.app,
            raise_server_exceptions=raise_server_exceptions,
            root_path=root_path,
            client=client,
            app_state=self.app_state,
            validate_events=validate_events,
            websocket_timeout=websocket_timeout,
        )
        default_headers = httpx.Headers(headers)
        default_headers.setdefault("user-agent", "testclient")
        super().__init__(
            base_url=base_url,
            headers=default_headers,
            transport=self._asgi,
            follow_redirects=follow_redirects,
            cookies=cookies,
        )

    async def __aenter__(self) -> Self:
        """Start the application's lifespan.

        Raises:
            AssertionError: The application does not follow the lifespan protocol.
            BaseException: What the application raised.
        """
        async with AsyncExitStack() as stack:
            task_group = await stack.enter_async_context(create_collapsing_task_group())
            lifespan = LifespanConversation(
                self.app, self.app_state, validate_events=self.validate_events
            )
            task_group.start_soon(lifespan.run)
            await lifespan.startup()
            lifespan.raise_error()
            stack.push_async_callback(_shut_down, lifespan)
            stack.push_async_exit(self._close_unclosed)
            stack.callback(setattr, self._asgi, "task_group", None)
            self._asgi.task_group = task_group
            self._exit_stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._exit_stack.__aexit__(exc_type, exc_value, traceback)

    @asynccontextmanager
    async def stream(
        self, method: str, url: httpx._types.URLTypes, **kwargs: Any
    ) -> AsyncGenerator[httpx.Response]:
        """Send a request and give the response before its body, which comes as it is read.

        Leaving the block early is a disconnect: the application hears `http.disconnect`, and is
        cancelled if it goes on nevertheless. An exception from the block is not replaced by one of
        the application, which becomes a note on it.

        Args:
            method: The method.
            url: The URL.
            **kwargs: The arguments of the HTTP library.
        """
        async with super().stream(method, url, **kwargs) as response:
            try:
                yield response
            except BaseException as error:
                await _close_after(error, response)
                raise

    @asynccontextmanager
    async def websocket_connect(
        self, url: str, subprotocols: Iterable[str] | None = None, **kwargs: Any
    ) -> AsyncGenerator[AsyncWebSocketTestSession]:
        """Open a WebSocket for a block.

        Args:
            url: The URL, joined to the base URL of the client.
            subprotocols: The subprotocols to offer.
            **kwargs: Arguments of `request`, such as `headers`, `params`, `cookies`, `auth`.

        Raises:
            ValueError: The URL is no HTTP or WebSocket URL.
            WebSocketDisconnect: The application closed instead of accepting.
            WebSocketDenialResponse: It answered with an HTTP response.
            AssertionError: It did not answer.
            ReceiveTimeout: It took too long.
        """
        joined = self.build_request("GET", url).url
        if joined.scheme not in WEBSOCKET_SCHEMES:
            raise ValueError(f"Expected a ws or wss URL, got {url!r}.")
        headers = httpx.Headers(kwargs.pop("headers", None))
        add_handshake_headers(headers, subprotocols)
        target = joined.copy_with(scheme=WEBSOCKET_SCHEMES[joined.scheme])
        try:
            await self.request("GET", target, headers=headers, **kwargs)
        except Upgrade as upgrade:
            session = upgrade.session
        else:
            raise RuntimeError("Another transport answered instead of opening a WebSocket.")
        async with session:
            yield session

    @asynccontextmanager
    async def sse(  # type: ignore[override]  # that of httpx2 reads streams a little differently
        self,
        url: httpx._types.URLTypes,
        *,
        method: str = "GET",
        last_event_id: str = "",
        max_event_size: int = DEFAULT_MAX_EVENT_SIZE,
        **kwargs: Any,
    ) -> AsyncGenerator[EventSource]:
        """Read server-sent events for a block; leaving it is a disconnect, as with `stream`.

        Args:
            url: The URL.
            method: The method.
            last_event_id: The id of the last event that was seen, to go on after it.
            max_event_size: How many bytes an event may have.
            **kwargs: The arguments of the HTTP library.

        Raises:
            NoEventStream: The response has another status than 200, or another media type.
        """
        headers = httpx.Headers(kwargs.pop("headers", None))
        headers.setdefault("accept", "text/event-stream")
        headers.setdefault("cache-control", "no-store")
        if last_event_id:
            headers.setdefault("last-event-id", last_event_id)
        async with (
            self.stream(method, url, headers=headers, **kwargs) as response,
            read_events(response, max_event_size=max_event_size) as events,
        ):
            yield events

    async def _close_unclosed(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cancel what is still open when the block ends."""
        if exc_value is None:
            await self._asgi.aclose()
        else:
            await _close_after(exc_value, self._asgi)


async def _shut_down(lifespan: LifespanConversation) -> None:
    await lifespan.shutdown()
    lifespan.raise_error()


async def _close_after(error: BaseException, closable: httpx.Response | AsyncTransport) -> None:
    """Close something after an error that an exception of the application must not hide."""
    try:
        await closable.aclose()
    except Exception as app_error:
        error.add_note(f"The application failed, too: {app_error!r}")
