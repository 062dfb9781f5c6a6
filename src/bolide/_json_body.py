"""JSON from a client (RFC 8259): what is none is the client's fault."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from bolide._http.json_shape import find_excess
from bolide._json_codec import STANDARD, JSONCodec, scan_all, scanner
from bolide.exceptions import HTTPException

__all__ = ["MalformedJSON", "decode_json"]


class MalformedJSON(HTTPException, json.JSONDecodeError):
    """The body of a request is not JSON; status 400 if nobody catches it.

    Args:
        msg: What is wrong.
        doc: The text.
        pos: Where in it something is wrong, or None where that is not known.

    Attributes:
        lineno: The line of the position, from 1.
        colno: The column of the position, from 1.
    """

    def __init__(self, msg: str, doc: str, pos: int | None) -> None:
        json.JSONDecodeError.__init__(self, msg, doc, pos or 0)
        where = "" if pos is None else f" (line {self.lineno}, column {self.colno})"
        HTTPException.__init__(self, 400, f"The body is not valid JSON: {msg}{where}.")


def decode_json(
    data: bytes,
    codec: JSONCodec = STANDARD,
    *,
    max_depth: int | None = None,
    max_values: int | None = None,
) -> Any:
    """Give the value that a body holds as JSON.

    Args:
        data: The body.
        codec: Reads it; whatever is wrong is said by the standard library.
        max_depth: How deeply values may be nested; None for as deep as the codec takes.
        max_values: How many values there may be; None for any number.

    Raises:
        MalformedJSON: It holds none; or NaN or an infinity, which Python would take; or it is over
            a limit.
    """
    excess = find_excess(data, max_depth, max_values)
    if excess is not None:
        raise MalformedJSON(excess, "", None)
    if codec is STANDARD:
        return _decode(data)
    try:
        return codec.loads(data)
    except (ValueError, RecursionError) as exc:
        # The codec has its own words; the standard library says where it is.
        _decode(data)
        raise MalformedJSON(str(exc), "", None) from None


def _decode(data: bytes) -> Any:
    try:
        return scan_all(_scan, data)
    except (ValueError, StopIteration, RecursionError, _NoNumber):
        return _decode_slowly(data)


def _decode_slowly(data: bytes) -> Any:
    """Say what is wrong, if anything is."""
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        before = data[: exc.start].decode(encoding, "replace")
        name = encoding.removesuffix("-sig").upper()
        raise MalformedJSON(f"Not {name}", before, len(before)) from None
    try:
        return _decoder.decode(text)
    except _NoNumber as exc:
        raise MalformedJSON(f"{exc} is not allowed", text, _find_constant(text)) from None
    except json.JSONDecodeError as exc:
        raise MalformedJSON(exc.msg, text, exc.pos) from None
    except RecursionError:
        raise MalformedJSON("Nested too deeply", text, None) from None
    except ValueError:
        # SECURITY: `int` takes no number that it would take long to read.
        raise MalformedJSON("A number is too long", text, None) from None


class _NoNumber(Exception):
    """The text holds NaN or an infinity."""


def _refuse(constant: str) -> NoReturn:
    raise _NoNumber(constant)


_decoder = json.JSONDecoder(parse_constant=_refuse)
_scan = scanner(parse_constant=_refuse)

# Seldom needed, so that it is compiled then.
_STRING_OR_CONSTANT = r'(?s:"(?:[^"\\]|\\.)*")|(NaN|-?Infinity)'


def _find_constant(text: str) -> int | None:
    # All that is before it is JSON, so each string has its end.
    found = (match.start() for match in re.finditer(_STRING_OR_CONSTANT, text) if match[1])
    return next(found, None)
