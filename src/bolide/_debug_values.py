"""Values and source as the debug page shows them: short, and without secrets.

SECURITY: what a secret is can only be guessed. It is guessed by name (of a variable, a key, a
header, a query parameter), and by the two forms in which secrets stand in other text: credentials
in a URL, and `Bearer` or `Basic` in front of one.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from bolide._data.secret import Secret

__all__ = ["MASK", "MAX_VARIABLES", "is_secret_name", "mask_text", "safe_repr", "shown_variables"]

MASK: Final = "********"
MAX_VARIABLES: Final = 40
"""How many local variables of a frame are shown."""
_MAX_REPR: Final = 600
_MAX_NAME: Final = 200

_SECRET_NAME: Final = re.compile(
    r"""
    passw | passphrase | passcode | pwd | secret | token | credential | authori[sz]ation | cookie
    | csrf | xsrf | signature | private | session_?id | api_?key
    | (?<![a-z]) (?:auth|keys?|otp|pin|salt) (?![a-z])
    """,
    re.IGNORECASE | re.VERBOSE,
)
# As in `signingKey`, where no border is left when the case is ignored.
_CAMEL_KEY: Final = re.compile(r"[a-z]Keys?(?![a-z])")

# A name and what stands between it and a quoted string that belongs to it, as in `name = "…"`,
# `"name": '…'` and `(b"name", b"…")`.
# PERF: no quantifier gives back much of what it took, so that the time grows with the length of the
# text and no faster.
_NAME_OF_STRING: Final = re.compile(
    r"""
    (?<![\w-]) (?P<name>[\w-]++)
    ["']? \]? [ \t]*+
    (?: : [^=\n"',]{1,60} = | [=!:,]{1,2} )  # perhaps with an annotation
    [ \t]*+ [a-zA-Z]{0,2} (?=["'])
    """,
    re.VERBOSE,
)
_STRING: Final = re.compile(r"""(["'])(?:(?!\1)[^\\\n]|\\.)*+""")
_NAMED_PARAMETER: Final = re.compile(r"(?P<start>[?&;](?P<name>[\w.-]++)=)[^&;\s\"'#<>]++")
_USERINFO: Final = re.compile(r"(://[^\s/:@\"']{0,100}:)[^\s/@\"']{1,200}(?=@)")
_CREDENTIALS: Final = re.compile(r"\b(Bearer|Basic)( +)[\w.~+/=-]{6,}+", re.IGNORECASE)


def is_secret_name(name: object) -> bool:
    """Say whether what has this name is likely to be a secret."""
    if isinstance(name, bytes):
        name = name[:_MAX_NAME].decode("latin-1")
    if not isinstance(name, str):
        return False
    name = name[:_MAX_NAME]
    return bool(_SECRET_NAME.search(name) or _CAMEL_KEY.search(name))


def mask_text(text: str) -> str:
    """Mask what looks like a secret in source code, a traceback or other text."""
    text = _mask_strings(text)
    text = _NAMED_PARAMETER.sub(_mask_parameter, text)
    text = _USERINFO.sub(rf"\g<1>{MASK}", text)
    return _CREDENTIALS.sub(rf"\g<1>\g<2>{MASK}", text)


def _mask_strings(text: str) -> str:
    parts: list[str] = []
    done = 0
    for match in _NAME_OF_STRING.finditer(text):
        if match.start() < done or not is_secret_name(match["name"]):
            continue
        string = _STRING.match(text, match.end())
        assert string is not None
        parts += [text[done : string.start()], string[1], MASK]
        done = string.end()
    return "".join([*parts, text[done:]])


def _mask_parameter(match: re.Match[str]) -> str:
    return f"{match['start']}{MASK}" if is_secret_name(match["name"]) else match[0]


def shown_variables(variables: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the names of variables with what is shown of their values.

    Args:
        variables: The variables of a frame. Those that Python has put into every module, and what
            is more than `MAX_VARIABLES`, are left out.
    """
    names = (name for name in variables if not (name.startswith("__") and name.endswith("__")))
    return [
        (name, MASK if is_secret_name(name) else safe_repr(variables[name]))
        for name in islice(names, MAX_VARIABLES)
    ]


def safe_repr(value: object) -> str:
    """Give the `repr` of a value, cut to a readable length; never an exception."""
    try:
        text = _Repr().repr(value)
    except Exception as exc:
        # A subclass of a built-in container may do anything when it is looked at.
        text = _unshowable(value, exc)
    if len(text) > _MAX_REPR:
        text = f"{text[:_MAX_REPR]}…"
    return mask_text(text)


def _unshowable(value: object, exc: Exception) -> str:
    return f"<{type(value).__name__} object, whose repr raises {type(exc).__name__}>"


class _Repr(reprlib.Repr):
    """Cuts what is long before it is written, and masks what has the name of a secret.

    The method for a type has its name in its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fillvalue = "…"
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 20
        self.maxstring = self.maxother = 300

    def repr_str(self, x: str, level: int) -> str:
        return repr(x) if len(x) <= self.maxstring else f"{x[: self.maxstring]!r}…"

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x) if len(x) <= self.maxstring else f"{x[: self.maxstring]!r}…"

    def repr_bytearray(self, x: bytearray, level: int) -> str:
        return f"bytearray({self.repr_bytes(bytes(x[: self.maxstring + 1]), level)})"

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write very large ones.
        return self.repr_instance(x, level)

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        if level <= 0:
            return "{…}"
        items = [
            f"{self.repr1(key, level - 1)}: "
            + (MASK if is_secret_name(key) else self.repr1(value, level - 1))
            for key, value in islice(x.items(), self.maxdict)
        ]
        if len(x) > self.maxdict:
            items.append("…")
        return f"{{{', '.join(items)}}}"

    def repr_tuple(self, x: tuple[Any, ...], level: int) -> str:
        # Raw headers are such pairs.
        if len(x) == 2 and is_secret_name(x[0]):
            return f"({self.repr1(x[0], level - 1)}, {MASK})"
        return super().repr_tuple(x, level)

    def repr_instance(self, x: Any, level: int) -> str:
        if isinstance(x, Secret):
            return f"{type(x).__name__}({MASK!r})"
        try:
            text = repr(x)
        except Exception as exc:
            return _unshowable(x, exc)
        return text if len(text) <= self.maxother else f"{text[: self.maxother]}…"
