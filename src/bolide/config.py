"""Settings from environment variables and a `.env` file, read and checked one by one.

`Config` looks a setting up in the environment first, then in the file, then falls back on the
default, and casts what it found. `environ` is the process environment, guarded: a variable that
has been read cannot be changed any more, so a test cannot set it too late without noticing.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TypeVar, overload

from bolide._data.secret import Secret
from bolide.exceptions import BolideError

__all__ = [
    "Config",
    "Environ",
    "EnvironError",
    "InvalidSetting",
    "MissingSetting",
    "Secret",
    "environ",
    "undefined",
]

T = TypeVar("T")
D = TypeVar("D")


class undefined:  # noqa: N801 - the name is given by the API
    """Stands for "no default was given", since `None` is a default like any other."""


class EnvironError(BolideError):
    """A variable was set or deleted after it had been read."""


class MissingSetting(BolideError, KeyError):
    """A setting has no value and no default."""


class InvalidSetting(BolideError, ValueError):
    """A setting has a value that its cast does not take."""


class Environ(MutableMapping[str, str]):
    """An environment in which a variable that was read can no longer be changed.

    Asking whether a variable exists counts as reading it.

    Args:
        environ: The environment underneath; by default that of the process.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._read: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self._read.add(key)
        return self._environ[key]

    def __setitem__(self, key: str, value: str) -> None:
        self._refuse_if_read(key, "set")
        self._environ[key] = value

    def __delitem__(self, key: str) -> None:
        self._refuse_if_read(key, "delete")
        del self._environ[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def _refuse_if_read(self, key: str, verb: str) -> None:
        if key in self._read:
            raise EnvironError(
                f"Attempting to {verb} environ['{key}'], but the value has already been read."
            )


environ: Environ = Environ()
"""The environment of the process, guarded; where `Config` looks by default."""


class Config:
    """Looks settings up by name.

    Args:
        env_file: A file of `KEY=value` lines for what the environment lacks. Quotes around a
            value are dropped and lines that begin with `#` are skipped; nothing else is special.
            If there is no such file, a `UserWarning` says so.
        environ: The environment, read at each look-up.
        env_prefix: Put before every name that is looked up.
        encoding: The encoding of the file.

    Attributes:
        environ: As given.
        env_prefix: As given.
        file_values: What the file said, by name.
    """

    def __init__(
        self,
        env_file: str | Path | None = None,
        environ: Mapping[str, str] = environ,
        env_prefix: str = "",
        encoding: str = "utf-8",
    ) -> None:
        self.environ = environ
        self.env_prefix = env_prefix
        self.file_values: dict[str, str] = {}
        if env_file is not None:
            path = Path(env_file)
            if path.is_file():
                self.file_values = _read_env_file(path, encoding)
            else:
                warnings.warn(f"Config file '{env_file}' not found.", stacklevel=2)

    @overload
    def __call__(self, key: str, cast: None = None) -> str: ...
    @overload
    def __call__(self, key: str, cast: None = None, *, default: D) -> str | D: ...
    @overload
    def __call__(self, key: str, cast: None, default: D) -> str | D: ...
    @overload
    def __call__(self, key: str, cast: Callable[[Any], T]) -> T: ...
    @overload
    def __call__(self, key: str, cast: Callable[[Any], T], default: None) -> T | None: ...
    @overload
    def __call__(self, key: str, cast: Callable[[Any], T], default: Any) -> T: ...
    def __call__(
        self, key: str, cast: Callable[[Any], Any] | None = None, default: Any = undefined
    ) -> Any:
        """Look a setting up; the same as `get`, with a result that type checkers know."""
        return self.get(key, cast, default)

    def get(
        self, key: str, cast: Callable[[Any], Any] | None = None, default: Any = undefined
    ) -> Any:
        """Look a setting up.

        Args:
            key: Its name, without the prefix.
            cast: Called with the value, or with the default unless that is None. `bool` takes
                the texts true, 1, false and 0, in any case. By default values stay texts.
            default: Used if there is no value.

        Raises:
            MissingSetting: If there is neither a value nor a default (a KeyError).
            InvalidSetting: If `cast` raises TypeError or ValueError (a ValueError).
        """
        name = self.env_prefix + key
        value = self._find(name, default)
        if cast is None or value is None:
            return value
        if cast is bool and isinstance(value, str):
            return _parse_bool(name, value)
        try:
            return cast(value)
        except (TypeError, ValueError) as error:
            kind = getattr(cast, "__name__", repr(cast))
            raise InvalidSetting(
                f"Config '{name}' has value '{value}'. Not a valid {kind}."
            ) from error

    def _find(self, name: str, default: Any) -> Any:
        if name in self.environ:
            return self.environ[name]
        if name in self.file_values:
            return self.file_values[name]
        if default is undefined:
            raise MissingSetting(f"Config '{name}' is missing, and has no default.")
        return default


def _parse_bool(name: str, text: str) -> bool:
    word = text.lower()
    if word in ("true", "1"):
        return True
    if word in ("false", "0"):
        return False
    raise InvalidSetting(f"Config '{name}' has value '{word}'. Not a valid bool.")


def _read_env_file(path: Path, encoding: str) -> dict[str, str]:
    values: dict[str, str] = {}
    with path.open(encoding=encoding) as lines:
        for line in map(str.strip, lines):
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                values[name.strip()] = _without_quotes(value.strip())
    return values


def _without_quotes(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
