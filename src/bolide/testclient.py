"""Clients that call an application directly, without a server: for tests, async or not.

THEORY OF OPERATION

`AsyncTestClient` runs the application in the event loop of the test. What follows is the other one,
`TestClient`.

The work is done by the conversations of `bolide._testing`, which are async and know nothing of
threads. Here they are run in the event loop of an AnyIO portal, in another thread: one portal for a
`with client:` block, otherwise one for each request or WebSocket, which a streamed response keeps
until it is closed. Each blocking method is one call into that portal.

This file is longer than others because everything that touches the HTTP library is in it: base
classes are chosen when the module is imported, between httpx2 and httpx.
"""

# Names that only the HTTP library's annotations have are named in ours, too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast
from urllib.parse import urljoin

import anyio.from_thread

from bolide._async import is_async_callable
from bolide._exports import publish
from bolide._policy import policy_of
from bolide._testing.asgi2 import ASGI2App, ASGI3App, ASGIInstance, WrapASGI2, as_asgi3, is_asgi3
from bolide._testing.async_client import AsyncTestClient
from bolide._testing.async_session import AsyncWebSocketTestSession
from bolide._testing.denial import WebSocketDenialResponse
from bolide._testing.event_source import EventSource, NoEventStream
from bolide._testing.extras import show_extras
from bolide._testing.http import BodySource, HTTPConversation
from bolide._testing.library import import_http_library
from bolide._testing.lifespan import EventStream, LifespanConversation
from bolide._testing.portals import running
from bolide._testing.scopes import DEFAULT_BASE_URL, DEFAULT_CLIENT, http_scope, websocket_scope
from bolide._testing.session import WebSocketTestSession
from bolide._testing.speech import add_handshake_headers
from bolide._testing.threads import off_the_loop
from bolide._testing.websocket import DEFAULT_TIMEOUT
from bolide.exceptions import StarletteDeprecationWarning
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocketDisconnect

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    httpx = import_http_library()

__all__ = [
    "ASGI2App",
    "ASGI3App",
    "ASGIApp",
    "ASGIInstance",
    "AsyncTestClient",
    "AsyncWebSocketTestSession",
    "EventSource",
    "Message",
    "NoEventStream",
    "Receive",
    "Scope",
    "Send",
    "StarletteDeprecationWarning",
    "TestClient",
    "WebSocketDenialResponse",
    "WebSocketDisconnect",
    "WebSocketTestSession",
    "is_async_callable",
]

# Other libraries know these by their names in Starlette.
_WrapASGI2 = WrapASGI2
_is_asgi3 = is_asgi3

_PortalFactoryType = Callable[[], AbstractContextManager[anyio.from_thread.BlockingPortal]]
_RequestData = Mapping[str, str | Iterable[str] | bytes]

WEBSOCKET_BASE_URL = "ws://testserver"


class _AsyncBackend(TypedDict):
    backend: str
    backend_options: dict[str, Any]


class _Upgrade(Exception):
    """Carries a session past the HTTP library, which would want a response."""

    def __init__(self, session: WebSocketTestSession) -> None:
        self.session = session


class _RequestBody:
    """The body of a request, read when the application asks for it.

    It comes whole if its length is known, else in the chunks that the iterator has.
    """

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._chunks: Iterator[bytes] | None = None
        self._sent: list[bytes] = []

    async def receive(self) -> tuple[bytes, bool]:
        """Give the next chunk, and whether more may come.

        A file is read on the event loop, which blocks it. Detectors of blocking calls know this
        place by the name of the function and of the file.
        """
        if "content-length" in self._request.headers:
            return self._request.read(), False
        if self._chunks is None:
            self._chunks = iter(cast(httpx.SyncByteStream, self._request.stream))
        chunk = next(self._chunks, None)
        if chunk is not None:
            self._sent.append(bytes(chunk))
            return self._sent[-1], True
        # A redirect may send the body again, and tests look at `response.request.content`.
        self._request.stream = httpx.ByteStream(b"".join(self._sent))
        self._request.read()
        return b"", False


class _ResponseStream(httpx.SyncByteStream):
    """The body of a response, taken from the application when it is read.

    Holds the portal that the application runs in until the response is closed.
    """

    def __init__(self, conversation: HTTPConversation, unclosed: set[Any]) -> None:
        self._conversation = conversation
        self._unclosed = unclosed
        self._exit_stack = ExitStack()
        self._closed = False
        self._response: httpx.Response | None = None

    def open(self, portal_factory: _PortalFactoryType, request: httpx.Request) -> httpx.Response:
        """Start the application and wait until it starts the response."""
        conversation = self._conversation
        with ExitStack() as stack:
            self._portal = stack.enter_context(running(conversation, portal_factory))
            self._portal.call(conversation.started)
            if not conversation.response_started:
                conversation.raise_error()
            self._response = httpx.Response(
                conversation.status, headers=conversation.headers, stream=self, request=request
            )
            show_extras(self._response, conversation)
            self._unclosed.add(self)
            stack.callback(self._unclosed.discard, self)
            self._exit_stack = stack.pop_all()
        return self._response

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._next_chunk()) is not None:
            yield chunk

    @off_the_loop
    def close(self) -> None:
        """Wait for the application after a complete response, cancel it before that."""
        if self._closed:
            return
        self._closed = True
        if isinstance(sys.exception(), KeyboardInterrupt | SystemExit):
            # Whoever presses Ctrl-C does not want to wait for a background task.
            self._exit_stack.close()
            return
        with self._exit_stack:
            if not self._conversation.ended:
                self._portal.call(self._conversation.aclose)
        self._conversation.raise_error()

    @off_the_loop
    def abort(self) -> None:
        """Cancel the application, even after a complete response."""
        self._closed = True
        self._exit_stack.close()
        self._conversation.raise_error()

    @off_the_loop
    def _next_chunk(self) -> bytes | None:
        if self._closed:
            raise httpx.StreamClosed
        chunk = self._portal.call(self._conversation.read)
        show_extras(self._response, self._conversation)
        if chunk is None:
            self.close()
        return chunk


class _TestClientTransport(httpx.BaseTransport):
    """Hands the requests of the HTTP library to an application.

    Args:
        app: An ASGI 3 application.
        portal_factory: Makes the context manager that gives the portal to run the application in.
        raise_server_exceptions: Whether exceptions of the application are raised here.
        root_path: The path that the application is mounted at.
        client: Host and port of the client.
        app_state: The state that requests get shallow copies of.
        validate_events: Whether the application may send only what the ASGI specification allows.
        websocket_timeout: How many seconds a WebSocket waits for an event of the application.
    """

    def __init__(
        self,
        app: ASGI3App,
        portal_factory: _PortalFactoryType,
        raise_server_exceptions: bool = True,
        root_path: str = "",
        *,
        client: tuple[str, int],
        app_state: dict[str, Any],
        validate_events: bool = False,
        websocket_timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.app = app
        self.raise_server_exceptions = raise_server_exceptions
        self.root_path = root_path
        self.portal_factory = portal_factory
        self.app_state = app_state
        self.client = client
        self.validate_events = validate_events
        self.websocket_timeout = websocket_timeout
        self._unclosed: set[_ResponseStream | WebSocketTestSession] = set()

    @off_the_loop
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Call the application and wait until it starts a response.

        Raises:
            _Upgrade: The URL is that of a WebSocket.
        """
        url = str(request.url)
        headers = request.headers.raw
        if request.url.scheme in ("ws", "wss"):
            scope = websocket_scope(
                url,
                headers,
                root_path=self.root_path,
                client=self.client,
                state=self.app_state,
            )
            session = WebSocketTestSession(
                self.app,
                scope,
                self.portal_factory,
                timeout=self.websocket_timeout,
                validate_events=self.validate_events,
            )
            session._unclosed = self._unclosed
            raise _Upgrade(session)
        scope = http_scope(
            request.method,
            url,
            headers,
            root_path=self.root_path,
            client=self.client,
            state=self.app_state,
        )
        conversation = HTTPConversation(
            self.app,
            scope,
            _request_body(request),
            raise_app_exceptions=self.raise_server_exceptions,
            validate_events=self.validate_events,
        )
        return _ResponseStream(conversation, self._unclosed).open(self.portal_factory, request)

    @off_the_loop
    def close(self) -> None:
        """Cancel the applications of all responses and WebSockets that are still open."""
        with ExitStack() as stack:
            for unclosed in tuple(self._unclosed):
                stack.callback(unclosed.abort)


class TestClient(httpx.Client):
    """A client of the HTTP library whose requests go to an application directly.

    As a context manager it runs the application's lifespan, and all requests of the block share its
    event loop. Otherwise there is no lifespan, and each request has an event loop of its own.

    Args:
        app: An ASGI application, of version 3 or 2.
        base_url: What relative URLs are joined to.
        raise_server_exceptions: Whether exceptions of the application are raised here. If False, an
            application that fails before it starts a response gives an empty one with status 500.
        root_path: The path that the application is mounted at.
        backend: The event loop, `"asyncio"` or `"trio"`.
        backend_options: Options for it, as `anyio.run` takes them.
        cookies: Cookies to send with each request.
        headers: Headers to send with each request; `user-agent: testclient` by default.
        follow_redirects: Whether to follow redirects.
        client: Host and port that the application sees as its client.
        validate_events: Whether the application gets an error (`bolide.testing.InvalidEvent`) for
            each event that the ASGI specification forbids. By default its policy says so: a
            `Bolide` does, a `Starlette` does not.
        websocket_timeout: How many seconds a WebSocket waits for an event of the application before
            it raises `bolide.testing.ReceiveTimeout`; `math.inf` waits for ever.

    Attributes:
        app: The application, wrapped if it is of version 2.
        app_state: The state of the lifespan, of which each request gets a shallow copy.
        portal: The AnyIO portal into the event loop of the block; None outside.
    """

    __test__ = False

    portal: anyio.from_thread.BlockingPortal | None = None
    task: Future[None]
    stream_send: EventStream
    stream_receive: EventStream
    exit_stack: ExitStack

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = DEFAULT_BASE_URL,
        raise_server_exceptions: bool = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: dict[str, Any] | None = None,
        cookies: httpx._types.CookieTypes | None = None,
        headers: dict[str, str] | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] = DEFAULT_CLIENT,
        *,
        validate_events: bool | None = None,
        websocket_timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        if validate_events is None:
            validate_events = policy_of({"app": app}).validate_events
        self.async_backend: _AsyncBackend = _AsyncBackend(
            backend=backend, backend_options=backend_options or {}
        )
        self.app: ASGI3App = as_asgi3(app)
        self.app_state: dict[str, Any] = {}
        self.validate_events = validate_events
        default_headers = httpx.Headers(headers)
        default_headers.setdefault("user-agent", "testclient")
        super().__init__(
            base_url=base_url,
            headers=default_headers,
            transport=_TestClientTransport(
                self.app,
                self._portal_factory,
                raise_server_exceptions,
                root_path,
                client=client,
                app_state=self.app_state,
                validate_events=validate_events,
                websocket_timeout=websocket_timeout,
            ),
            follow_redirects=follow_redirects,
            cookies=cookies,
        )

    def request(
        self,
        method: str,
        url: httpx._types.URLTypes,
        *,
        content: httpx._types.RequestContent | None = None,
        data: _RequestData | None = None,
        files: httpx._types.RequestFiles | None = None,
        json: Any = None,
        params: httpx._types.QueryParamTypes | None = None,
        headers: httpx._types.HeaderTypes | None = None,
        cookies: httpx._types.CookieTypes | None = None,
        auth: httpx._types.AuthTypes
        | httpx._client.UseClientDefault
        | None = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: bool | httpx._client.UseClientDefault = httpx.USE_CLIENT_DEFAULT,
        timeout: httpx._types.TimeoutTypes
        | httpx._client.UseClientDefault = httpx.USE_CLIENT_DEFAULT,
        extensions: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """Send a request and read the response; the arguments are those of the HTTP library.

        `timeout` does nothing but warn.

        Raises:
            AssertionError: The application did not answer, or broke the order of ASGI events.
            BaseException: What the application raised.
        """
        if timeout is not httpx.USE_CLIENT_DEFAULT:
            warnings.warn(
                "You should not use the 'timeout' argument with the TestClient. "
                "See https://github.com/Kludex/starlette/issues/1108 for more information.",
                StarletteDeprecationWarning,
                stacklevel=2,
            )
        return super().request(
            method,
            url,
            content=content,
            data=data,
            files=files,
            json=json,
            params=params,
            headers=headers,
            cookies=cookies,
            auth=auth,
            follow_redirects=follow_redirects,
            timeout=timeout,
            extensions=extensions,
        )

    @contextmanager
    def stream(
        self, method: str, url: httpx._types.URLTypes, **kwargs: Any
    ) -> Generator[httpx.Response]:
        """Send a request and give the response before its body, which comes as it is read.

        Leaving the block early cancels the application. An exception from the block is not replaced
        by one of the application, which becomes a note on it.

        Args:
            method: The method.
            url: The URL.
            **kwargs: The arguments of the HTTP library.
        """
        with super().stream(method, url, **kwargs) as response:
            try:
                yield response
            except BaseException as error:
                _close_after(error, response.close)
                raise

    def websocket_connect(
        self, url: str, subprotocols: Iterable[str] | None = None, **kwargs: Any
    ) -> WebSocketTestSession:
        """Prepare a WebSocket; entering the session opens it.

        Args:
            url: The URL, joined to `ws://testserver`.
            subprotocols: The subprotocols to offer.
            **kwargs: Arguments of `request`, such as `headers`, `params`, `cookies`, `auth`.

        Raises:
            ValueError: The URL has another scheme than `ws` or `wss`.
        """
        url = urljoin(WEBSOCKET_BASE_URL, url)
        if not url.lower().startswith(("ws:", "wss:")):
            raise ValueError(f"Expected a ws or wss URL, got {url!r}.")
        headers = httpx.Headers(kwargs.pop("headers", None))
        add_handshake_headers(headers, subprotocols)
        try:
            self.request("GET", url, headers=headers, **kwargs)
        except _Upgrade as upgrade:
            return upgrade.session
        raise RuntimeError("Another transport answered instead of opening a WebSocket.")

    @off_the_loop
    def __enter__(self) -> TestClient:
        """Start an event loop and the application's lifespan.

        Raises:
            AssertionError: The application does not follow the lifespan protocol.
            BaseException: What the application raised.
        """
        with ExitStack() as stack:
            portal = stack.enter_context(
                anyio.from_thread.start_blocking_portal(**self.async_backend)
            )
            stack.callback(setattr, self, "portal", None)
            self.portal = portal
            self._lifespan = LifespanConversation(
                self.app, self.app_state, validate_events=self.validate_events
            )
            self.stream_send = self._lifespan.from_app
            self.stream_receive = self._lifespan.to_app
            self.task = portal.start_task_soon(self.lifespan)
            portal.call(self.wait_startup)
            self._lifespan.raise_error()
            stack.callback(self._shut_down, portal)
            stack.push(self._close_unclosed)
            self.exit_stack = stack.pop_all()
        return self

    @off_the_loop
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.exit_stack.__exit__(exc_type, exc_value, traceback)

    async def lifespan(self) -> None:
        """Run the application's lifespan; the body of a task of the block."""
        await self._lifespan.run()

    async def wait_startup(self) -> None:
        """Start the application up."""
        await self._lifespan.startup()

    async def wait_shutdown(self) -> None:
        """Shut the application down."""
        await self._lifespan.shutdown()

    def _shut_down(self, portal: anyio.from_thread.BlockingPortal) -> None:
        portal.call(self.wait_shutdown)
        self._lifespan.raise_error()

    def _close_unclosed(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cancel what is still open when the block ends."""
        if exc_value is None:
            self._transport.close()
        else:
            _close_after(exc_value, self._transport.close)

    @contextmanager
    def _portal_factory(self) -> Generator[anyio.from_thread.BlockingPortal, None, None]:
        """Give the portal of the block, or one that lives as long as the context."""
        if self.portal is not None:
            yield self.portal
        else:
            with anyio.from_thread.start_blocking_portal(**self.async_backend) as portal:
                yield portal


def _request_body(request: httpx.Request) -> bytes | BodySource:
    if isinstance(request.stream, httpx.ByteStream):
        return request.read()
    return _RequestBody(request).receive


def _close_after(error: BaseException, close: Callable[[], None]) -> None:
    """Close something after an error that an exception of the application must not hide."""
    try:
        close()
    except Exception as app_error:
        error.add_note(f"The application failed, too: {app_error!r}")


publish(
    globals(),
    [
        "AsyncTestClient",
        "AsyncWebSocketTestSession",
        "EventSource",
        "NoEventStream",
        "WebSocketDenialResponse",
        "WebSocketTestSession",
    ],
)
