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
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    # It keeps no note of what it has met, which two threads could not do at the same time.
    parts: Callable[[Any, int], tuple[str, ...]] = make(
        None, _encoder.default, encode_basestring, None, ":", ",", False, False, False
    )

    def encode(value: Any) -> str:
        try:
            return "".join(parts(value, 0))
        except RecursionError:
            # Somebody else can tell whether it is only deep, or has itself in it.
            return _encoder.encode(value)

    return encode


# PERF: S2, S7, where `json.dumps` makes two encoders a call, and `JSONEncoder.encode` one.
encode_standard: Final = _kept_encoder()
"""Give a value as JSON, in the text that `json.dumps` gives with the options of `_encoder`."""

_decode: Final = json.JSONDecoder().decode


class StandardCodec:
    """JSON as the standard library does it, and as Starlette writes it: compact, and as UTF-8.

    NaN and infinities are refused with a ValueError when they are written.
    """

    def dumps(self, value: Any, /) -> bytes:
        """Give a value as JSON."""
        return encode_standard(value).encode("utf-8")

    def loads(self, data: bytes, /) -> Any:
        """Give the value of a JSON text."""
        # PERF: S7, UTF-8 that begins with ASCII, without asking which encoding it is.
        if len(data) > 1 and 0 < data[0] < 128 and data[1]:
            return _decode(data.decode("utf-8", "surrogatepass"))
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
