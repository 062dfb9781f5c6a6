"""What an application may send: the ASGI specification as tables, and a machine that checks events.

RULES

The stage of a connection says which events may come next, `ORDER` has which, and what stage follows
the last event of its kind: a `more_body` or `more_trailers` that is true lets the stage be. After
the body, trailers come only if the start announced them. Some events exist only where the scope
names their extension (`EXTENSIONS`). `FIELDS` has the keys of each event, what their values must
be, and which are required. Further keys are not looked at, as the specification wants it.

THEORY OF OPERATION

The machine sees the events of one connection, one after the other, and knows nothing of who sends
them. An event that breaks a rule does not count: the stage stays. An iterable of headers can only
be read once, so `checked` gives the event back, with a list in its place.

A body may be any bytes-like object, though the specification says byte string: applications for
Starlette send memory views, and so do servers' own examples. Header names and values are `bytes`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeGuard

from bolide.exceptions import BolideError
from bolide.types import Message, Scope


class InvalidEvent(BolideError, AssertionError):
    """An application sent an event that the ASGI specification forbids, or ended without one.

    Attributes:
        event: The event; None if the application has ended.
        rule: What is wrong with it.
    """

    def __init__(self, event: object, rule: str) -> None:
        super().__init__(event, rule)
        self.event = event
        self.rule = rule

    def __str__(self) -> str:
        if self.event is None:
            return f"The application has ended, but {self.rule}."
        kind = self.event.get("type") if _is_dict(self.event) else None
        name = f"the event {kind!r}" if isinstance(kind, str) else f"{self.event!r} as an event"
        return f"The application sent {name}, but {self.rule}."


class Stage(enum.Enum):
    """How far a connection is."""

    RESPONSE_START = enum.auto()
    RESPONSE_BODY = enum.auto()
    RESPONSE_TRAILERS = enum.auto()
    RESPONSE_DONE = enum.auto()
    HANDSHAKE = enum.auto()
    DENIAL = enum.auto()
    OPEN = enum.auto()
    CLOSED = enum.auto()
    STARTUP = enum.auto()
    RUNNING = enum.auto()
    ENDED = enum.auto()


ORDER: Final[dict[Stage, dict[str, Stage]]] = {
    Stage.RESPONSE_START: {
        "http.response.start": Stage.RESPONSE_BODY,
        "http.response.debug": Stage.RESPONSE_START,
        "http.response.early_hint": Stage.RESPONSE_START,
        "http.response.push": Stage.RESPONSE_START,
    },
    Stage.RESPONSE_BODY: {
        "http.response.body": Stage.RESPONSE_DONE,
        "http.response.pathsend": Stage.RESPONSE_DONE,
        "http.response.zerocopysend": Stage.RESPONSE_DONE,
        "http.response.debug": Stage.RESPONSE_BODY,
        "http.response.push": Stage.RESPONSE_BODY,
    },
    Stage.RESPONSE_TRAILERS: {"http.response.trailers": Stage.RESPONSE_DONE},
    Stage.RESPONSE_DONE: {},
    Stage.HANDSHAKE: {
        "websocket.accept": Stage.OPEN,
        "websocket.close": Stage.CLOSED,
        "websocket.http.response.start": Stage.DENIAL,
    },
    Stage.DENIAL: {"websocket.http.response.body": Stage.CLOSED},
    Stage.OPEN: {"websocket.send": Stage.OPEN, "websocket.close": Stage.CLOSED},
    Stage.CLOSED: {},
    Stage.STARTUP: {
        "lifespan.startup.complete": Stage.RUNNING,
        "lifespan.startup.failed": Stage.ENDED,
    },
    Stage.RUNNING: {
        "lifespan.shutdown.complete": Stage.ENDED,
        "lifespan.shutdown.failed": Stage.ENDED,
    },
    Stage.ENDED: {},
}

OWED: Final = {
    Stage.RESPONSE_START: "it has not started a response",
    Stage.RESPONSE_BODY: "its response is not complete: the last part of the body is missing",
    Stage.RESPONSE_TRAILERS: "its response is not complete: the last trailers are missing",
    Stage.HANDSHAKE: "it has neither accepted nor closed the WebSocket",
    Stage.DENIAL: "its answer to the WebSocket handshake is not complete",
    Stage.STARTUP: "it has said nothing about its startup",
    Stage.RUNNING: "it has said nothing about its shutdown",
}
"""What is missing when an application ends at a stage."""

MORE: Final = {
    "http.response.body": "more_body",
    "http.response.trailers": "more_trailers",
    "http.response.zerocopysend": "more_body",
    "websocket.http.response.body": "more_body",
}
"""The key by which an event says that another one of its kind follows."""

FIRST: Final = {
    "http": Stage.RESPONSE_START,
    "websocket": Stage.HANDSHAKE,
    "lifespan": Stage.STARTUP,
}

EXTENSIONS: Final = {
    "http.response.debug": "http.response.debug",
    "http.response.early_hint": "http.response.early_hint",
    "http.response.pathsend": "http.response.pathsend",
    "http.response.push": "http.response.push",
    "http.response.trailers": "http.response.trailers",
    "http.response.zerocopysend": "http.response.zerocopysend",
    "websocket.http.response.body": "websocket.http.response",
    "websocket.http.response.start": "websocket.http.response",
}

# A field name is a token (RFC 9110, section 5.6.2), and here in lower case. That keeps out the
# pseudo-headers of HTTP/2, too.
HEADER_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
# SECURITY: whoever can put a line break into a header value writes headers of their own
# (RFC 9110, section 5.5).
BAD_VALUE: Final = re.compile(rb"[\r\n\0]")


def _is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


class _Wrong(Exception):
    """A value is not what it must be; the argument says so, after the name of the key."""


Check = Callable[[Any], Any]
"""Gives the value, or raises `_Wrong`."""


def _is_a(*types: type, called: str) -> Check:
    def check(value: Any) -> Any:
        # A bool is an int for Python, and nowhere else.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise _Wrong(f"must be {called}, not {value!r}")
        return value

    return check


def _status(value: Any) -> Any:
    if not isinstance(value, int) or isinstance(value, bool) or not 100 <= value <= 599:
        raise _Wrong(f"must be an int from 100 to 599, not {value!r}")
    return value


def _headers(value: Any) -> list[tuple[bytes, bytes]]:
    return [_header(pair) for pair in _items(value)]


def _header(pair: Any) -> tuple[bytes, bytes]:
    parts = _items(pair)
    if len(parts) != 2 or not all(isinstance(part, bytes) for part in parts):
        raise _Wrong(f"must be an iterable of pairs of bytes, but has {pair!r} in it")
    name, value = parts
    if not HEADER_NAME.fullmatch(name):
        raise _Wrong(f"must have tokens in lower case as names, not {name!r}")
    if BAD_VALUE.search(value):
        raise _Wrong(f"must have values without line breaks and NUL, not {value!r}")
    return (name, value)


def _accept_headers(value: Any) -> list[tuple[bytes, bytes]]:
    headers = _headers(value)
    if any(name == b"sec-websocket-protocol" for name, _ in headers):
        raise _Wrong("must not have `sec-websocket-protocol`; that is what `subprotocol` is for")
    return headers


def _links(value: Any) -> list[bytes]:
    links = _items(value)
    if not all(isinstance(link, bytes) for link in links):
        raise _Wrong(f"must be an iterable of bytes, not {value!r}")
    return links


def _items(value: Any) -> list[Any]:
    if isinstance(value, str | bytes) or _is_dict(value) or not hasattr(value, "__iter__"):
        raise _Wrong(f"must be an iterable of pairs or items, not {value!r}")
    return list(value)


_BOOL = _is_a(bool, called="a bool")
_BYTES = _is_a(bytes, bytearray, memoryview, called="bytes")
_BYTES_OR_NONE = _is_a(bytes, bytearray, memoryview, type(None), called="bytes or None")
_TEXT = _is_a(str, called="a str")
_TEXT_OR_NONE = _is_a(str, type(None), called="a str or None")
_INT = _is_a(int, called="an int")
_INT_OR_NONE = _is_a(int, type(None), called="an int or None")
_DICT = _is_a(dict, called="a dict")
_ANYTHING = _is_a(object, bool, called="anything")


@dataclass(frozen=True, slots=True)
class Fields:
    """The keys of an event beside its type."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check]


_START = Fields({"status": _status}, {"headers": _headers, "trailers": _BOOL})
_BODY = Fields({}, {"body": _BYTES, "more_body": _BOOL})
_FAILED = Fields({}, {"message": _TEXT})
_NOTHING = Fields({}, {})

FIELDS: Final[dict[str, Fields]] = {
    "http.response.start": _START,
    "http.response.body": _BODY,
    "http.response.trailers": Fields({}, {"headers": _headers, "more_trailers": _BOOL}),
    "http.response.debug": Fields({"info": _DICT}, {}),
    "http.response.early_hint": Fields({}, {"links": _links}),
    "http.response.pathsend": Fields({"path": _TEXT}, {}),
    "http.response.push": Fields({"path": _TEXT, "headers": _headers}, {}),
    "http.response.zerocopysend": Fields(
        {"file": _ANYTHING}, {"offset": _INT_OR_NONE, "count": _INT_OR_NONE, "more_body": _BOOL}
    ),
    "websocket.accept": Fields({}, {"subprotocol": _TEXT_OR_NONE, "headers": _accept_headers}),
    "websocket.send": Fields({}, {"bytes": _BYTES_OR_NONE, "text": _TEXT_OR_NONE}),
    "websocket.close": Fields({}, {"code": _INT, "reason": _TEXT_OR_NONE}),
    "websocket.http.response.start": _START,
    "websocket.http.response.body": _BODY,
    "lifespan.startup.complete": _NOTHING,
    "lifespan.startup.failed": _FAILED,
    "lifespan.shutdown.complete": _NOTHING,
    "lifespan.shutdown.failed": _FAILED,
}


class EventValidator:
    """Checks the events that an application sends on one connection.

    Args:
        scope: The scope that the application was called with.
    """

    def __init__(self, scope: Scope) -> None:
        self._stage = FIRST[scope["type"]]
        self._extensions: frozenset[str] = frozenset(scope.get("extensions") or ())
        self._trailers = False

    def checked(self, event: Message) -> Message:
        """Check the next event, and give it with its iterables as lists.

        Raises:
            InvalidEvent: The event breaks a rule; it does not count.
        """
        kind = self._kind(event)
        self._check_order(event, kind)
        checked = _with_checked_fields(event, FIELDS[kind])
        if kind == "websocket.send" and (event.get("text") is None) == (event.get("bytes") is None):
            raise InvalidEvent(event, "exactly one of `text` and `bytes` must not be None")
        self._advance(checked, kind)
        return checked

    def finish(self) -> None:
        """Check that an application may end now.

        Raises:
            InvalidEvent: It owes an event.
        """
        if self._stage in OWED:
            raise InvalidEvent(None, OWED[self._stage])

    @staticmethod
    def _kind(event: object) -> str:
        if not _is_dict(event):
            raise InvalidEvent(event, "an event must be a dict")
        kind = event.get("type")
        if not isinstance(kind, str):
            raise InvalidEvent(event, "the `type` of an event must be a str")
        if kind not in FIELDS:
            close = get_close_matches(kind, FIELDS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InvalidEvent(event, f"there is no such event{hint}")
        return kind

    def _check_order(self, event: Message, kind: str) -> None:
        if kind not in ORDER[self._stage]:
            names = [name for name in ORDER[self._stage] if self._is_supported(name)]
            may = f"only {' or '.join(map(repr, names))} may" if names else "nothing may"
            raise InvalidEvent(event, f"{may} come next")
        if not self._is_supported(kind):
            extension = EXTENSIONS[kind]
            raise InvalidEvent(event, f"the scope has no extension {extension!r}")

    def _is_supported(self, kind: str) -> bool:
        return kind not in EXTENSIONS or EXTENSIONS[kind] in self._extensions

    def _advance(self, event: Message, kind: str) -> None:
        if kind in MORE and event.get(MORE[kind], False):
            return
        if kind == "http.response.start":
            self._trailers = event.get("trailers", False)
        next_stage = ORDER[self._stage][kind]
        if next_stage is Stage.RESPONSE_DONE and self._trailers:
            self._trailers = False
            next_stage = Stage.RESPONSE_TRAILERS
        self._stage = next_stage


def _with_checked_fields(event: Message, fields: Fields) -> Message:
    for name in fields.required:
        if name not in event:
            raise InvalidEvent(event, f"it lacks `{name}`")
    checked = dict(event)
    for name, check in (*fields.required.items(), *fields.optional.items()):
        if name not in event:
            continue
        try:
            checked[name] = check(event[name])
        except _Wrong as wrong:
            raise InvalidEvent(event, f"`{name}` {wrong}") from None
    return checked
