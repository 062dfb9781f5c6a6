"""Path and host patterns: parsed once, then matched and filled in.

RULES

- A parameter is written `{name}` or `{name:convertor}`, without spaces; everything else is literal.
- A pattern that begins with a slash is for paths and has to match the whole path. Any other is for
  hosts: case does not matter, and a `:port` at its end is kept for URLs but not matched.

THEORY OF OPERATION

`parse` gives a `Pattern`. Its regular expression decides what matches. Its segments only help to
find it among others: a segment is literal text, or WILD where a parameter stands in it, or TAIL
where a parameter may go on over the following slashes, which ends the list.

An application has more routes than it is asked for at once, and to compile an expression takes
longer than all else about a route. So it is compiled when it is first asked for; but at once if a
convertor of the user's own takes part, whose mistakes are to be known before the first request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from bolide.convertors import (
    CONVERTOR_TYPES,
    Convertor,
    ConvertorMismatch,
    FloatConvertor,
    IntegerConvertor,
    PathConvertor,
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

# These expressions cannot match a slash.
_ONE_SEGMENT: Final = frozenset(
    cls.regex for cls in (FloatConvertor, IntegerConvertor, StringConvertor, UUIDConvertor)
)
_OWN: Final = _ONE_SEGMENT | {PathConvertor.regex}


class Pattern:
    """A parsed pattern.

    Attributes:
        source: What was written.
        format: The pattern with `{name}` for each parameter, to fill in.
        convertors: The convertor of each parameter, as registered when the pattern was parsed.
    """

    __slots__ = ("_expressions", "_regex", "convertors", "format", "source")

    def __init__(self, source: str, format: str, convertors: dict[str, Convertor[Any]]) -> None:
        self.source: str = source
        self.format: str = format
        self.convertors: dict[str, Convertor[Any]] = convertors
        # As they are now: the attribute of a convertor, and this dictionary, may be changed.
        self._expressions = tuple([convertor.regex for convertor in convertors.values()])
        self._regex: re.Pattern[str] | None = None
        if not _OWN.issuperset(self._expressions):
            self._regex = _compile(source, self._expressions)

    @property
    def regex(self) -> re.Pattern[str]:
        """What decides; its groups are the parameters."""
        regex = self._regex
        if regex is None:
            regex = self._regex = _compile(self.source, self._expressions)
        return regex

    def describes(self, regex: object) -> bool:
        """Say whether this is the regular expression of the pattern, which is not compiled."""
        text, flags = _expression(self.source, self._expressions)
        # An expression for text has this flag without being asked.
        expected = (text, flags | re.UNICODE)
        return (getattr(regex, "pattern", None), getattr(regex, "flags", None)) == expected

    @property
    def segments(self) -> tuple[tuple[str, str], ...]:
        """Pairs of kind ("" for literal text, WILD or TAIL) and text, for paths only."""
        return _segments(self.source, self._expressions) if self.source[:1] == "/" else ()


def parse(source: str) -> Pattern:
    """Parse a pattern.

    Raises:
        AssertionError: A convertor is not registered.
        ValueError: A parameter is named twice.
        re.error: The expression of a convertor is none.
    """
    # PERF: S18, most patterns hold no parameter.
    if "{" not in source:
        return Pattern(source, source, {})
    parts = PARAM_REGEX.split(source)
    names, suffixes = parts[1::3], parts[2::3]
    convertors = {name: _convertor(suffix) for name, suffix in zip(names, suffixes, strict=True)}
    if len(convertors) < len(names):
        duplicated = sorted(name for name in convertors if names.count(name) > 1)
        plural = "s" if len(duplicated) > 1 else ""
        raise ValueError(f"Duplicated param name{plural} {', '.join(duplicated)} at path {source}")
    format = PARAM_REGEX.sub(r"{\1}", source) if any(suffixes) else source
    return Pattern(source, format, convertors)


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


def _convertor(suffix: str | None) -> Convertor[Any]:
    key = "str" if suffix is None else suffix[1:]
    if key not in CONVERTOR_TYPES:
        raise AssertionError(f"Unknown path convertor '{key}'")
    return CONVERTOR_TYPES[key]


def _compile(source: str, expressions: tuple[str, ...]) -> re.Pattern[str]:
    """Make the regular expression of a pattern from those of its parameters."""
    return re.compile(*_expression(source, expressions))


def _expression(source: str, expressions: tuple[str, ...]) -> tuple[str, re.RegexFlag]:
    """Give the text of the regular expression of a pattern, and its flags."""
    parts = PARAM_REGEX.split(source)
    is_host = not source.startswith("/")
    if is_host:
        parts[-1] = _without_port(parts[-1])
    texts = map(re.escape, parts[0::3])
    body = next(texts)
    for name, expression, text in zip(parts[1::3], expressions, texts, strict=True):
        body += f"(?P<{name}>{expression}){text}"
    return rf"^{body}\Z", re.IGNORECASE if is_host else re.NOFLAG


def _without_port(text: str) -> str:
    """Drop the port from the end of a host; the colons of an IPv6 literal are inside brackets."""
    return text if text.endswith("]") or ":" not in text else text.rpartition(":")[0]


def _segments(source: str, expressions: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    segments: list[tuple[str, str]] = []
    kind = text = ""
    for number, literal in enumerate(PARAM_REGEX.split(source)[0::3]):
        if number:
            if expressions[number - 1] not in _ONE_SEGMENT:
                return (*segments[1:], (TAIL, ""))
            kind = WILD
        head, *rest = literal.split("/")
        text += head
        for part in rest:
            segments.append((kind, text))
            kind, text = "", part
    # A path begins with a slash, so that the first segment is the nothing in front of it.
    return (*segments[1:], (kind, text))
