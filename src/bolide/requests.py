"""HTTP requests: the scope, and the body as bytes, JSON, a form or a stream.

RULES

A body can be taken from the server once. `body()` keeps what it read, so it may be called again
and also feeds `json()`, `form()` and `stream()`; a `stream()` that was read to its end has given
the body away. Where the policy of the application says how much of a body is to be kept
(`max_replay_size`), whatever reads it may do so in any order, and again; see `_replay`.

Nobody who asks whether the client has left takes anything of the body away; see `_inbox`.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from bolide._async import AwaitableOrContextManager, OnItsWay
from bolide._body_limits import BodyTooLarge, LimitName, limited, max_size_of
from bolide._body_timeout import in_time
from bolide._connection import ClientDisconnect, HTTPConnection, StateT
from bolide._data.headers import find_header
from bolide._data.url import URL, Address
from bolide._disconnect import cancel_on_disconnect
from bolide._exchange import Exchange
from bolide._exports import publish
from bolide._http.cookie_header import parse_cookies
from bolide._inbox import LOST, Inbox, OnceInbox, StreamConsumed, is_whole
from bolide._json_body import MalformedJSON, decode_json
from bolide._policy import STARLETTE, Policy, policy_of
from bolide._replay import INBOXES_KEY, KeptBody, Replay, inbox_of
from bolide._settings import current_settings
from bolide.exceptions import HTTPException
from bolide.types import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from bolide._data.uploads import FormData
    from bolide.formparsers import FormParser, MultiPartParser

__all__ = [
    "URL",
    "Address",
    "ClientDisconnect",
    "HTTPConnection",
    "MalformedJSON",
    "Request",
    "StateT",
    "cookie_parser",
    "empty_receive",
    "empty_send",
]

SERVER_PUSH_HEADERS_TO_COPY = {
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "user-agent",
}


def cookie_parser(cookie_string: str) -> dict[str, str]:
    """Take a Cookie header apart; of cookies with one name the last one counts."""
    return parse_cookies(cookie_string)


async def empty_receive() -> NoReturn:
    """Stand in for the receive channel of a request that was made without one."""
    raise RuntimeError("Receive channel has not been made available")


async def empty_send(message: Message) -> NoReturn:
    """Stand in for the send channel of a request that was made without one."""
    raise RuntimeError("Send channel has not been made available")


class Request(HTTPConnection[StateT]):
    """An HTTP request.

    Args:
        scope: The scope of the request.
        receive: Where the body comes from.
        send: Needed only for server push and early hints.
    """

    # Other packages read these names (`_receive`, `_send`, `_stream_consumed`, `_json`, `_form`).
    _body: bytes
    _json: Any
    _stream_consumed = False
    _is_disconnected = False
    _form: FormData | None = None
    _inbox: Inbox | None = None

    # PERF: S1, most endpoints send nothing themselves, so their channel is only wrapped when it is
    # asked for. Whoever makes a request without calling `__init__` sets both.
    _sender: Send | None
    _wire: Send

    def __init__(
        self, scope: Scope, receive: Receive = empty_receive, send: Send = empty_send
    ) -> None:
        # PERF: S1, what the base class does, without its frame.
        if scope["type"] != "http":
            raise AssertionError(f"Expected an http scope, got {scope['type']!r}.")
        self.scope = scope
        self._receive = receive
        self._sender = send

    @property
    def _send(self) -> Send:
        """The ASGI send channel, which notes whether a response has started."""
        if self._sender is None:
            self._sender = Exchange(self._wire)
        return self._sender

    @_send.setter
    def _send(self, send: Send) -> None:
        self._sender = send

    @property
    def method(self) -> str:
        """The request method, such as `GET`."""
        return cast(str, self.scope["method"])

    @property
    def receive(self) -> Receive:
        """The ASGI receive channel."""
        return self._receive

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Give the body in pieces as they arrive, and an empty one last.

        Raises:
            ClientDisconnect: The client went away before the body was complete.
            HTTPException: Status 408: it has not come for as long as the policy allows.
            RuntimeError: The body has already been given away, and was not kept, or not all of it.
        """
        if hasattr(self, "_body"):
            yield self._body
            yield b""
            return
        inbox = self._shared_inbox()
        # After a refusal, what is left would be taken for the whole.
        if not inbox.replays and (self._stream_consumed or inbox.refusal is not None):
            raise _lost(inbox, "Stream consumed")
        receive = in_time(self.scope, inbox.again())
        more_body = True
        # Another iterator may be waiting for the same body, and get the end of it.
        while more_body and (inbox.replays or not self._stream_consumed):
            message = await receive()
            if message["type"] == "http.request":
                if LOST in message:
                    raise _lost(inbox, message[LOST])
                more_body = message.get("more_body", False)
                if not more_body:
                    self._stream_consumed = True
                if chunk := message.get("body", b""):
                    yield chunk
            elif message["type"] == "http.disconnect":
                self._is_disconnected = True
                raise ClientDisconnect
        yield b""

    async def body(self) -> bytes:
        """Read the whole body, and keep it.

        Raises:
            ClientDisconnect: The client went away before the body was complete.
            HTTPException: Status 413: it is over the limit of the application's policy.
            RuntimeError: The body was already given away by `stream()`.
        """
        if hasattr(self, "_body"):
            return self._body
        body = await self._whole_body("max_buffer_size")
        if body is None:
            body = await self._gathered_body()
        self._body = body
        if isinstance(self._inbox, KeptBody):
            self._inbox.put_together(body)
        return body

    def _whole_body(self, limit: LimitName) -> Awaitable[bytes | None]:
        """Give the body if it comes in one piece; else leave it to `stream`.

        PERF: S7, S8. An asynchronous generator takes twice the time.

        Raises:
            BodyTooLarge: It is over a limit.
        """
        # Others override `stream`, to give something else.
        if self._stream_consumed or type(self).stream is not _STREAM:
            return _nothing()
        policy, receive = policy_of(self.scope), self._receive
        if isinstance(receive, Replay):
            return self._whole_body_in_limits(receive.whole, policy, limit)
        if policy is STARLETTE and self._inbox is None and INBOXES_KEY not in self.scope:
            return self._whole_body_alone()
        return self._whole_body_in_limits(self._shared_inbox().whole, policy, limit)

    async def _whole_body_alone(self) -> bytes | None:
        """Read as long as nobody else listens: then nobody has to hold anything.

        PERF: S7, S8, half of what it takes with an inbox. Whoever comes meanwhile gets one.
        """
        listening = self.scope[INBOXES_KEY] = [self._begin_sharing]
        try:
            message = await self._receive()
        except BaseException as exc:
            if self._inbox is None:
                listening.clear()
            else:
                self._inbox.end_turn(exc)
            raise
        inbox = self._inbox
        if inbox is None:
            if is_whole(message):
                listening.clear()
                self._stream_consumed = True
                whole: bytes = message.get("body", b"")
                return whole
            inbox = self._begin_sharing()
        inbox.take(message)
        inbox.end_turn()
        body = inbox.take_whole() if inbox.complete and inbox.loss is None else None
        if body is not None:
            self._stream_consumed = True
        return body

    def _begin_sharing(self) -> Inbox:
        """Make the inbox of those who have come while this has been waiting for an event."""
        inbox = self._inbox = OnceInbox(self._receive)
        inbox.begin_turn()
        self.scope[INBOXES_KEY][:] = [weakref.ref(inbox)]
        return inbox

    async def _whole_body_in_limits(
        self, whole: Callable[[], Awaitable[bytes | None]], policy: Policy, limit: LimitName
    ) -> bytes | None:
        if policy.body_idle_seconds:
            whole = in_time(self.scope, whole)
        body = await whole()
        if body is not None:
            self._stream_consumed = True
            most: int | None = getattr(policy, limit)
            # PERF: S7, the limit that may hold instead is seldom looked for.
            if most is not None and len(body) > most:
                max_size = max_size_of(self.scope, limit)
                if len(body) > max_size:
                    raise self._refused(max_size, limit)
        return body

    async def _gathered_body(self) -> bytes:
        max_size = max_size_of(self.scope, "max_buffer_size")
        left, chunks = max_size, list[bytes]()
        async with aclosing(self.stream()) as stream:
            async for chunk in stream:
                left -= len(chunk)
                if left < 0:
                    raise self._refused(max_size, "max_buffer_size")
                chunks.append(chunk)
        return b"".join(chunks)

    def _refused(self, max_size: float, limit: LimitName) -> BodyTooLarge:
        """Give the error for a body that is too large, now and whenever it is asked for again."""
        refusal = self._shared_inbox().refusal = partial(BodyTooLarge, max_size, limit)
        return refusal()

    async def json(self) -> Any:
        """Read the whole body as JSON, and keep the value.

        Raises:
            json.JSONDecodeError: The body is not JSON.
            MalformedJSON: Likewise, with status 400, where the application's policy has it so.
            ClientDisconnect: The client went away before the body was complete.
        """
        if hasattr(self, "_json"):
            return self._json
        body = await self.body()
        codec = current_settings().codec
        policy = policy_of(self.scope)
        if policy.refuse_bad_json:
            value = decode_json(
                body, codec, max_depth=policy.max_json_depth, max_values=policy.max_json_values
            )
        else:
            value = codec.loads(body)
        self._json = value
        return value

    def form(
        self,
        *,
        max_files: int | float = 1000,
        max_fields: int | float = 1000,
        max_part_size: int = 1024 * 1024,
    ) -> AwaitableOrContextManager[FormData]:
        """Read the body as a form, and keep it: `await` it, or `async with` it.

        Leaving the context closes the uploaded files. A body of any other media type than
        `multipart/form-data` and `application/x-www-form-urlencoded` is an empty form.

        Args:
            max_files: How many files a form may bring.
            max_fields: How many other fields a form may bring.
            max_part_size: How many bytes a field that is not a file may have.

        Raises:
            HTTPException: Status 400, inside an application: malformed, or over a limit; 413: over
                the limit of the application's policy on forms.
            MultiPartException: The same outside an application.
        """
        # What is awaited need not be a coroutine for `async with`.
        return OnItsWay(  # pyright: ignore[reportReturnType]
            self._get_form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size),
            self.close,
        )

    async def _get_form(
        self,
        *,
        max_files: int | float = 1000,
        max_fields: int | float = 1000,
        max_part_size: int = 1024 * 1024,
    ) -> FormData:
        if self._form is not None:
            return self._form
        parsers = _formparsers()
        if type(self).headers is _HEADERS and not hasattr(self, "_headers"):
            # PERF: S8, an object for all of them would be made for this one.
            content_type = (find_header(self.scope, b"content-type") or b"").decode("latin-1")
        else:
            content_type = self.headers.get("content-type", "")
        media_type, _ = parsers.MEDIA_TYPES[content_type]
        form: FormData
        if media_type == "multipart/form-data":
            form = await self._parsed_form(
                parsers.MultiPartParser,
                self.stream(),
                max_files=max_files,
                max_fields=max_fields,
                max_part_size=max_part_size,
            )
        elif media_type == "application/x-www-form-urlencoded":
            known = hasattr(self, "_body")
            body = None if known else await self._whole_body("max_form_size")
            small = None if body is None else parsers.small_form(body, max_fields, max_part_size)
            if small is not None:
                form = small
            else:
                form = await self._parsed_form(
                    parsers.FormParser,
                    self.stream() if body is None else _stream_of(body),
                    max_fields=max_fields,
                    max_part_size=max_part_size,
                )
        else:
            form = parsers.FormData()
        self._form = form
        return form

    async def _parsed_form(
        self,
        parser: type[MultiPartParser | FormParser],
        body: AsyncGenerator[bytes, None],
        **limits: Any,
    ) -> FormData:
        max_size = max_size_of(self.scope, "max_form_size")
        async with (
            aclosing(body) as stream,
            aclosing(limited(stream, max_size, "max_form_size")) as pieces,
        ):
            reader = parser(self.headers, pieces, policy=policy_of(self.scope), **limits)
            try:
                return await reader.parse()
            except BodyTooLarge as exc:
                raise self._refused(exc.max_size, exc.limit) from None
            except _formparsers().MultiPartException as exc:
                if "app" in self.scope:
                    raise HTTPException(status_code=400, detail=exc.message) from exc
                raise

    async def close(self) -> None:
        """Close the uploaded files of a form that was read; otherwise do nothing."""
        if self._form is not None:
            await self._form.close()

    async def is_disconnected(self) -> bool:
        """Say whether the client is known to be gone, without waiting.

        A body that nobody has begun to read is dropped if it is larger than 64 KiB; nothing else
        that has arrived gets lost.
        """
        if not self._is_disconnected:
            self._is_disconnected = await self._shared_inbox().poll()
        return self._is_disconnected

    async def disconnected(self) -> None:
        """Return when the client has left.

        A body that nobody reads is held up to 64 KiB. While more of it is on its way, nobody can
        know whether the client is still there: then this waits until it is read.
        """
        await self._shared_inbox().wait_until_gone()
        self._is_disconnected = True

    def cancel_on_disconnect(self) -> AbstractAsyncContextManager[None]:
        """Cancel what is done in the context when the client leaves: `async with` it.

        It is cancelled like by a cancel scope of AnyIO: blocks `finally` are run, but to wait for
        something in one of them takes a shield. What was done before the client left stays done,
        and a context that comes to its end is not made to fail. See `disconnected` for bodies.

        Raises:
            ClientDisconnect: On leaving the context: it has been cancelled.
        """
        return cancel_on_disconnect(self.disconnected)

    def _shared_inbox(self) -> Inbox:
        """Give what all share who read the body or watch for the client to leave."""
        # Others replace `_receive`, to put another body in.
        inbox = self._inbox
        if inbox is None or inbox.source is not self._receive:
            inbox = self._inbox = inbox_of(self.scope, self._receive)
        return inbox

    async def send_push_promise(self, path: str) -> None:
        """Offer the resource at `path` by HTTP/2 server push, where the server can (RFC 9113, 8.4).

        Args:
            path: The path of the resource to push.
        """
        if "http.response.push" in self.scope.get("extensions", {}):
            headers = [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name in SERVER_PUSH_HEADERS_TO_COPY
                for value in self.headers.getlist(name)
            ]
            await self._send({"type": "http.response.push", "path": path, "headers": headers})

    async def send_early_hints(self, link: str, /, *additional_links: str) -> None:
        """Tell the client what it will need before the response is ready (RFC 8297).

        Does nothing where the server cannot.

        Args:
            link: The value of a Link header, such as `</style.css>; rel=preload; as=style`.
            additional_links: More of them.
        """
        if "http.response.early_hint" in self.scope.get("extensions", {}):
            links = [text.encode("latin-1") for text in (link, *additional_links)]
            await self._send({"type": "http.response.early_hint", "links": links})


def _lost(inbox: Inbox, why: str) -> Exception:
    """Give the error for a body that is not there any more, be it that it has been refused."""
    return StreamConsumed(why) if inbox.refusal is None else inbox.refusal()


_STREAM: Final = Request.stream
_HEADERS: Final = Request.headers


@cache
def _formparsers() -> Any:
    """Import what it takes to read a form, for those who do."""
    from bolide import formparsers

    return formparsers


async def _nothing() -> None:
    """Leave the body to `stream`."""


async def _stream_of(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


publish(globals(), ["ClientDisconnect", "HTTPConnection", "MalformedJSON"])
