"""HTTP requests of a test that is async: bodies both ways while the application runs.

THEORY OF OPERATION

The application runs in a task beside that of the client, and the conversation between them makes
both wait for each other. The client leaves as a real one does: when it closes a response before it
is complete, when it is cancelled, and when the body of its request breaks off with an exception,
which comes out of the request then. In each case the application hears `http.disconnect`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Self, cast

from anyio.abc import TaskGroup

from bolide._async import close_iterator
from bolide._testing.async_session import AsyncWebSocketTestSession
from bolide._testing.chosen import httpx
from bolide._testing.extras import show_extras
from bolide._testing.http import HTTPConversation
from bolide._testing.scopes import ASGI_VERSION, http_scope, websocket_scope
from bolide._testing.tasks import running_task
from bolide.types import ASGIApp


class Upgrade(Exception):
    """Carries a session past the HTTP library, which would want a response."""

    def __init__(self, session: AsyncWebSocketTestSession) -> None:
        self.session = session


class AsyncRequestBody:
    """The body of a request, read when the application asks for it.

    Attributes:
        error: What broke it off.
    """

    def __init__(self, request: httpx.Request) -> None:
        self.error: Exception | None = None
        self._request = request
        self._chunks: AsyncIterator[bytes] | None = None
        self._sent: list[bytes] = []

    async def receive(self) -> tuple[bytes, bool] | None:
        """Give the next chunk, and whether more may come; None if the body breaks off."""
        try:
            if self._chunks is None:
                self._chunks = aiter(cast(httpx.AsyncByteStream, self._request.stream))
            chunk = await anext(self._chunks, None)
        except Exception as error:
            self.error = error
            return None
        if chunk is not None:
            self._sent.append(bytes(chunk))
            return self._sent[-1], True
        # A redirect may send the body again, and tests look at `response.request.content`.
        self._request.stream = httpx.ByteStream(b"".join(self._sent))
        await self._request.aread()
        return b"", False

    async def aclose(self) -> None:
        """Close what an application has not read to its end."""
        await close_iterator(self._chunks)


class AsyncResponseStream(httpx.AsyncByteStream):
    """The body of a response, taken from the application when it is read."""

    def __init__(
        self, conversation: HTTPConversation, body: AsyncRequestBody | None, unclosed: set[Any]
    ) -> None:
        self._conversation = conversation
        self._body = body
        self._unclosed = unclosed
        self._exit_stack = AsyncExitStack()
        self._closed = False
        self._response: httpx.Response | None = None

    async def open(self, request: httpx.Request, task_group: TaskGroup | None) -> httpx.Response:
        """Start the application and wait until it starts the response."""
        conversation = self._conversation
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running_task(conversation, task_group))
            if self._body is not None:
                stack.push_async_callback(self._body.aclose)
            stack.push_async_callback(conversation.hang_up)
            await conversation.started()
            await self._raise_break()
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

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._closed:
            raise httpx.StreamClosed
        chunk = await self._conversation.read()
        await self._raise_break()
        show_extras(self._response, self._conversation)
        if chunk is None:
            await self.aclose()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Wait for the application after a complete response, leave before that."""
        if self._closed:
            return
        self._closed = True
        await self._exit_stack.aclose()
        self._conversation.raise_error()

    async def abort(self) -> None:
        """Cancel the application, even after a complete response."""
        await self._conversation.abort()
        await self.aclose()

    async def _raise_break(self) -> None:
        """Let the client leave, if the body of its request has broken off."""
        if self._body is not None and self._body.error is not None:
            self._closed = True
            await self._exit_stack.aclose()
            raise self._body.error


class AsyncTransport(httpx.AsyncBaseTransport):
    """Hands the requests of the HTTP library to an application.

    Args:
        app: An ASGI 3 application.
        raise_server_exceptions: Whether exceptions of the application are raised here.
        root_path: The path that the application is mounted at.
        client: Host and port of the client.
        app_state: The state that requests get shallow copies of.
        validate_events: Whether the application may send only what the ASGI specification allows.
        websocket_timeout: How many seconds a WebSocket waits for an event of the application.

    Attributes:
        task_group: Where applications run; None for a task group for each call.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        raise_server_exceptions: bool,
        root_path: str,
        client: tuple[str, int],
        app_state: dict[str, Any],
        validate_events: bool,
        websocket_timeout: float,
    ) -> None:
        self.app = app
        self.raise_server_exceptions = raise_server_exceptions
        self.root_path = root_path
        self.client = client
        self.app_state = app_state
        self.validate_events = validate_events
        self.websocket_timeout = websocket_timeout
        self.task_group: TaskGroup | None = None
        self._unclosed: set[AsyncResponseStream] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Call the application and wait until it starts a response.

        Raises:
            Upgrade: The URL is that of a WebSocket.
        """
        if request.url.scheme in ("ws", "wss"):
            raise Upgrade(self._session(request))
        scope = http_scope(
            request.method,
            str(request.url),
            request.headers.raw,
            root_path=self.root_path,
            client=self.client,
            state=self.app_state,
        )
        scope["asgi"] = dict(ASGI_VERSION)
        body = None
        if not isinstance(request.stream, httpx.ByteStream):
            body = AsyncRequestBody(request)
        conversation = HTTPConversation(
            self.app,
            scope,
            await request.aread() if body is None else body.receive,
            raise_app_exceptions=self.raise_server_exceptions,
            validate_events=self.validate_events,
        )
        stream = AsyncResponseStream(conversation, body, self._unclosed)
        return await stream.open(request, self.task_group)

    def _session(self, request: httpx.Request) -> AsyncWebSocketTestSession:
        scope = websocket_scope(
            str(request.url),
            request.headers.raw,
            root_path=self.root_path,
            client=self.client,
            state=self.app_state,
        )
        scope["asgi"] = dict(ASGI_VERSION)
        return AsyncWebSocketTestSession(
            self.app,
            scope,
            task_group=self.task_group,
            timeout=self.websocket_timeout,
            validate_events=self.validate_events,
        )

    async def aclose(self) -> None:
        """Cancel the applications of all responses that are still open."""
        async with AsyncExitStack() as stack:
            for unclosed in tuple(self._unclosed):
                stack.push_async_callback(unclosed.abort)
