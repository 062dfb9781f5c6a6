"""The application that `bolide run` has a server serve, loaded in the server's own process.

THEORY OF OPERATION

Servers start other processes: workers, and a new one for each reload. So they are not given the
user's application but the name `bolide._served:app`, and what it stands for is in an environment
variable, which those processes inherit. Looking up `app` installs the alias, if that was asked for,
and loads the user's application.

Whatever goes wrong up to the end of the lifespan's startup is said in one line.
"""

from __future__ import annotations

import difflib
import importlib
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn, cast

from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["EXIT_CODE", "Order", "say"]

EXIT_CODE: Final = 3
"""How a process exits that failed to start: uvicorn knows by it not to try again."""

_VARIABLE: Final = "BOLIDE_RUN"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be served, and how.

    Attributes:
        target: Where the application is, as `module:attribute`.
        directory: Where modules are looked for first, from the root.
        factory: Whether the attribute is a function that makes the application.
        as_starlette: Whether bolide goes by the name `starlette`.
        verbose: Whether a failure shows its traceback.
        failure: A file that the first process that fails makes, so that of several workers one
            speaks, and the command knows. Empty if each of them shall speak.
    """

    target: str
    directory: str
    factory: bool = False
    as_starlette: bool = False
    verbose: bool = False
    failure: str = ""

    def place(self) -> None:
        """Leave the order to this process and its children."""
        os.environ[_VARIABLE] = json.dumps(asdict(self))

    @classmethod
    def find(cls) -> Order:
        """Read the order that was left.

        Raises:
            RuntimeError: There is none.
        """
        text = os.environ.get(_VARIABLE)
        if text is None:
            raise RuntimeError("bolide._served:app is for the use of `bolide run` only.")
        return cls(**json.loads(text))


def say(line: str) -> None:
    """Say one line on standard error."""
    sys.stderr.write(f"bolide: {line}\n")
    sys.stderr.flush()


def __getattr__(name: str) -> Any:
    # A server looks it up once, outside of its event loop if it can.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    order = Order.find()
    app = globals()["app"] = _Watched(_load(order), order)
    return app


class _Watched:
    """The application, with an eye on how its lifespan starts."""

    __slots__ = ("_app", "_order")

    def __init__(self, app: ASGIApp, order: Order) -> None:
        self._app = app
        self._order = order

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # PERF: not a coroutine function, so that a request passes no further frame.
        if scope["type"] == "lifespan":
            return self._live(scope, receive, send)
        return self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        failed = False

        async def watch(message: Message) -> None:
            nonlocal failed
            if message["type"] == "lifespan.startup.failed":
                failed = True
                text = message.get("message", "").strip()
                # Applications tell of the failure while they handle it.
                error = sys.exc_info()[1]
                reason = _describe(error, self._order) if error else text.rpartition("\n")[2]
                _report(f"{self._order.target} failed in its lifespan: {reason}", text, self._order)
                message = {"type": "lifespan.startup.failed", "message": ""}
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception:
            # What was reported need not be shown again by the server.
            if not failed:
                raise


def _load(order: Order) -> ASGIApp:
    """Give the user's application, or end the process."""
    sys.path.insert(0, order.directory)
    if order.as_starlette:
        # Here, because the alias is nothing that an import of bolide may bring along.
        from bolide.compat import StarletteAlreadyImported, install_as_starlette

        try:
            install_as_starlette()
        except StarletteAlreadyImported as error:
            _give_up(str(error), order)
    module_name, _, attribute = order.target.partition(":")
    found: Any = _import(module_name, order)
    for part in attribute.split("."):
        if not hasattr(found, part):
            _give_up(_missing(found, part), order)
        found = getattr(found, part)
    if order.factory:
        try:
            found = found()
        except Exception as error:
            _give_up(f"{order.target}() failed: {_describe(error, order)}", order)
    if not callable(found):
        kind = type(found).__name__
        _give_up(f"{order.target} is no ASGI application: it is of type {kind!r}", order)
    return cast("ASGIApp", found)


def _import(name: str, order: Order) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            _give_up(f"importing {name!r} failed: {_describe(error, order)}", order)
        _give_up(f"there is no module {error.name!r} in {order.directory}", order)
    except Exception as error:
        _give_up(f"importing {name!r} failed: {_describe(error, order)}", order)


def _missing(owner: Any, name: str) -> str:
    label = f"module {owner.__name__!r}" if isinstance(owner, ModuleType) else repr(owner)
    close = difflib.get_close_matches(name, dir(owner), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{label} has no attribute {name!r}{hint}"


def _describe(error: BaseException, order: Order) -> str:
    """Say in one line what was raised, and where in the user's code."""
    inner = _wrapped(error)
    while len(inner) == 1:
        error = inner[0]
        inner = _wrapped(error)
    lines = [str(error), *getattr(error, "__notes__", ())]
    text = " ".join(" ".join(lines).split())
    kind = type(error).__name__
    return (f"{kind}: {text}" if text else kind) + _place(error, order)


def _wrapped(error: BaseException) -> Sequence[BaseException]:
    """Give what a task group has wrapped."""
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).exceptions
    return ()


def _place(error: BaseException, order: Order) -> str:
    """Say where in the user's own code the error came up, if it did."""
    if isinstance(error, SyntaxError):
        return ""
    directory = order.directory.rstrip(os.sep) + os.sep
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(directory) and "site-packages" not in frame.filename:
            return f" ({frame.filename.removeprefix(directory)}, line {frame.lineno})"
    return ""


def _give_up(line: str, order: Order) -> NoReturn:
    _report(line, traceback.format_exc() if sys.exc_info()[1] else "", order)
    raise SystemExit(EXIT_CODE)


def _report(line: str, details: str, order: Order) -> None:
    if order.failure:
        try:
            Path(order.failure).touch(exist_ok=False)
        except FileExistsError:
            return
    if order.verbose and details:
        sys.stderr.write(details.rstrip() + "\n")
    say(line)
