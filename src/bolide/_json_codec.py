"""How values become JSON and come back (RFC 8259): one codec for all of an application.

An application has a codec, `app.json`, and while it handles a connection, that is the one in force.
So a response that is made in an endpoint, in a handler or in middleware is written by the codec of
the application that they belong to, without being told.

A codec is anything with `dumps`, which gives text or bytes, and `loads`, which takes bytes: the
module `json` is one, and so is `orjson`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from json.encoder import encode_basestring
from typing import Any, Final, Protocol

__all__ = [
    "STANDARD",
    "JSONCodec",
    "MsgspecCodec",
    "OrjsonCodec",
    "StandardCodec",
    "encode_standard",
    "fastest_codec",
    "scan_all",
    "scanner",
]


class JSONCodec(Protocol):
    """Writes and reads JSON."""

    def dumps(self, value: Any, /) -> str | bytes:
        """Give a value as JSON.

        Raises:
            TypeError: There is something in it that JSON does not know.
            ValueError: Likewise.
        """
        ...

    def loads(self, data: bytes, /) -> Any:
        """Give the value of a JSON text in UTF-8.

        Raises:
            ValueError: It is not JSON.
        """
        ...


_encoder: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _kept_encoder() -> Callable[[Any], str]:
    """Give a function that does what `json.dumps` does with the options of `_encoder`.

    PERF: S2, S7, where `json.dumps` makes two encoders a call, and `JSONEncoder.encode` one.
    """
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    # Each notes the containers that it is in, so it is for one value at a time. Without its notes,
    # a value of a megabyte that has itself in it would become gigabytes before that fails.
    idle: list[Any] = []

    def encode(value: Any) -> str:
        try:
            writer = idle.pop()
        except IndexError:
            writer = make(
                {}, _encoder.default, encode_basestring, None, ":", ",", False, False, False
            )
        # One that fails still has its notes.
        text = "".join(writer(value, 0))
        idle.append(writer)
        return text

    return encode


encode_standard: Final = _kept_encoder()
"""Give a value as JSON, in the text that `json.dumps` gives with the options of `_encoder`."""

Scan = Callable[[str, int], tuple[Any, int]]
"""Reads the value that begins at a place in a text, and says where it ends."""


def scanner(**options: Any) -> Scan:
    """Give the core of a `json.JSONDecoder` with some options."""
    decoder: Any = json.JSONDecoder(**options)
    scan: Scan = decoder.scan_once
    return scan


def scan_all(scan: Scan, data: bytes) -> Any:
    """Give the value of a JSON text, if it is UTF-8 and begins with the value.

    PERF: S7, without what the standard library does before and after. It takes nothing else than
    that does: in another encoding nothing is a whole value, for there are null bytes in between.

    Args:
        scan: What reads the value.
        data: The text.

    Raises:
        StopIteration: It is something else.
        ValueError: Likewise.
    """
    text = data.decode()
    value, end = scan(text, 0)
    if end < len(text) and text[end:].strip(" \t\n\r"):
        raise ValueError(end)
    return value


_scan: Final = scanner()


class StandardCodec:
    """JSON as the standard library does it, and as Starlette writes it: compact, and as UTF-8.

    NaN and infinities are refused with a ValueError when they are written.
    """

    def dumps(self, value: Any, /) -> bytes:
        """Give a value as JSON."""
        return encode_standard(value).encode("utf-8")

    def loads(self, data: bytes, /) -> Any:
        """Give the value of a JSON text."""
        try:
            return scan_all(_scan, data)
        except (ValueError, StopIteration):
            pass
        # Without the failure above for a context, which would be read as the cause of another.
        return json.loads(data)


class MsgspecCodec:
    """JSON by msgspec, in a fraction of the time.

    It writes datetimes, UUIDs, decimals, dataclasses and more; NaN and infinities become `null`.
    It reads neither NaN nor text that is not UTF-8.
    """

    def __init__(self) -> None:
        import msgspec

        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder()

    def dumps(self, value: Any, /) -> bytes:
        """Give a value as JSON."""
        return self._encoder.encode(value)

    def loads(self, data: bytes, /) -> Any:
        """Give the value of a JSON text."""
        return self._decoder.decode(data)


class OrjsonCodec:
    """JSON by orjson, in a fraction of the time.

    It writes datetimes, UUIDs, dataclasses and more; NaN and infinities become `null`, and integers
    are limited to 64 bits.
    """

    def __init__(self) -> None:
        import orjson

        self._dumps = orjson.dumps
        self._loads = orjson.loads
        self._option = orjson.OPT_NON_STR_KEYS

    def dumps(self, value: Any, /) -> bytes:
        """Give a value as JSON."""
        return self._dumps(value, None, self._option)

    def loads(self, data: bytes, /) -> Any:
        """Give the value of a JSON text."""
        return self._loads(data)


STANDARD: Final[JSONCodec] = StandardCodec()


@cache
def fastest_codec() -> JSONCodec:
    """Give the fastest codec that is installed: msgspec's, else orjson's, else the standard one."""
    if find_spec("msgspec") is not None:
        return MsgspecCodec()
    if find_spec("orjson") is not None:
        return OrjsonCodec()
    return STANDARD
