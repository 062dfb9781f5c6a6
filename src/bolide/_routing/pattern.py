"""Path and host patterns: parsed once, then matched and filled in.

RULES

- A parameter is written `{name}` or `{name:convertor}`, without spaces; everything else is literal.
- A pattern that begins with a slash is for paths and has to match the whole path. Any other is for
  hosts: case does not matter, and a `:port` at its end is kept for URLs but not matched.

THEORY OF OPERATION

`parse` gives a frozen `Pattern`. Its regular expression decides what matches. Its segments only
help to find it among others: a segment is literal text, or WILD where a parameter stands in it, or
TAIL where a parameter may go on over the following slashes, which ends the list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bolide._callsite import registration_site
from bolide.convertors import (
    CONVERTOR_TYPES,
    Convertor,
    ConvertorMismatch,
    FloatConvertor,
    IntegerConvertor,
    StringConvertor,
    UUIDConvertor,
)

__all__ = [
    "PARAM_FORMAT_REGEX",
    "PARAM_REGEX",
    "TAIL",
    "WILD",
    "Pattern",
    "bind",
    "fill",
    "parse",
]

PARAM_REGEX: Final = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)(:[a-zA-Z_][a-zA-Z0-9_]*)?}")
PARAM_FORMAT_REGEX: Final = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)}")

WILD: Final = "*"
"""A segment that a parameter stands in. No literal segment: those are kept apart by type."""

TAIL: Final = "**"
"""The rest of a path, from a parameter on that may hold slashes."""

# These expressions cannot match a slash. A subclass may have another one, and so may a class that
# somebody has changed, or a convertor of the user's own.
_ONE_SEGMENT: Final[dict[type[Convertor[Any]], str]] = {
    cls: cls.regex for cls in (FloatConvertor, IntegerConvertor, StringConvertor, UUIDConvertor)
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern.

    Attributes:
        source: What was written.
        regex: What decides; its groups are the parameters.
        format: The pattern with `{name}` for each parameter, to fill in.
        convertors: The convertor of each parameter, as registered when the pattern was parsed.
        segments: Pairs of kind ("" for literal text, WILD or TAIL) and text, for paths only.
        registered_at: File and line of the code that wrote it.
    """

    source: str
    regex: re.Pattern[str]
    format: str
    convertors: dict[str, Convertor[Any]]
    segments: tuple[tuple[str, str], ...]
    registered_at: tuple[str, int]


def parse(source: str) -> Pattern:
    """Parse a pattern.

    Raises:
        AssertionError: A convertor is not registered.
        ValueError: A parameter is named twice.
    """
    tokens = _tokens(source)
    params = [token for token in tokens if isinstance(token, tuple)]
    names = [name for name, _ in params]
    if duplicated := sorted({name for name in names if names.count(name) > 1}):
        plural = "s" if len(duplicated) > 1 else ""
        raise ValueError(f"Duplicated param name{plural} {', '.join(duplicated)} at path {source}")
    is_host = not source.startswith("/")
    matched = [*tokens[:-1], _without_port(tokens[-1])] if is_host else tokens
    expression = "".join(
        re.escape(token) if isinstance(token, str) else f"(?P<{token[0]}>{token[1].regex})"
        for token in matched
    )
    return Pattern(
        source=source,
        regex=re.compile(rf"^{expression}\Z", re.IGNORECASE if is_host else 0),
        format="".join(token if isinstance(token, str) else f"{{{token[0]}}}" for token in tokens),
        convertors=dict(params),
        segments=() if is_host else _segments(tokens),
        registered_at=registration_site(),
    )


def bind(
    regex: re.Pattern[str], convertors: Mapping[str, Convertor[Any]], text: str
) -> dict[str, Any] | None:
    """Match a text and convert its parameters; None if it does not match.

    An exception of a convertor goes on to the caller, but for ConvertorMismatch.
    """
    match = regex.match(text)
    if match is None:
        return None
    try:
        return {name: convertor.convert(match[name]) for name, convertor in convertors.items()}
    except ConvertorMismatch:
        return None


def fill(
    format: str, convertors: Mapping[str, Convertor[Any]], params: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Put parameters into a format; give the text, and the parameters that had no place in it.

    A place whose parameter is not given stays as it is.
    """
    remaining = dict(params)

    def value_of(place: re.Match[str]) -> str:
        name = place[1]
        if name not in params:
            return place[0]
        remaining.pop(name, None)
        return convertors[name].to_string(params[name])

    return PARAM_FORMAT_REGEX.sub(value_of, format), remaining


_Token = str | tuple[str, Convertor[Any]]


def _tokens(source: str) -> list[_Token]:
    """Split a pattern into literal texts and parameters, in turn, a text first and last."""
    tokens: list[_Token] = []
    at = 0
    for match in PARAM_REGEX.finditer(source):
        name, suffix = match.groups(default=":str")
        key = suffix[1:]
        if key not in CONVERTOR_TYPES:
            raise AssertionError(f"Unknown path convertor '{key}'")
        tokens += [source[at : match.start()], (name, CONVERTOR_TYPES[key])]
        at = match.end()
    return [*tokens, source[at:]]


def _without_port(text: _Token) -> str:
    """Drop the port from the end of a host; the colons of an IPv6 literal are inside brackets."""
    assert isinstance(text, str)
    return text if text.endswith("]") or ":" not in text else text.rpartition(":")[0]


def _segments(tokens: list[_Token]) -> tuple[tuple[str, str], ...]:
    segments: list[tuple[str, str]] = []
    kind = text = ""
    for token in tokens:
        if isinstance(token, str):
            head, *rest = token.split("/")
            text += head
            for part in rest:
                segments.append((kind, text))
                kind, text = "", part
        elif _ONE_SEGMENT.get(type(token[1])) == token[1].regex:
            kind = WILD
        else:
            return (*segments[1:], (TAIL, ""))
    # A path begins with a slash, so that the first segment is the nothing in front of it.
    return (*segments[1:], (kind, text))
