"""Cleanup that may wait: who is cancelled by a scope is told so once, and then has some seconds.

RULES

- What is cancelled from outside is told at the `await` where it is, as promptly as ever.
- From then on its awaits are not cancelled again, until the seconds are over; then each of them is.
- What comes out of it is the same as without all this. Above all, a cancellation goes on outwards.
- Scopes and task groups that it has opened itself cancel what is in them as they always do.

THEORY OF OPERATION

A cancel scope cancels each `await` inside, again and again, until it has been left. Whoever wants
to wait in a block `finally` has to shield that, and few know. So we shield it for them: the code
runs inside a scope of ours that does nothing, until the code is told; then that scope becomes a
shield with a deadline. What is hard is to notice the moment. A driver steps the coroutine by hand,
and so sees what the event loop lets it know before the code does.

On asyncio a cancellation is an exception that is thrown in. There is one kind that AnyIO's scopes
take for theirs, and another, that of `Task.cancel()`, which they let pass. Behind the shield only
the latter will do: a task group of the code, which cancels itself when it is told, would take the
former for its own and go on. So the code is given the latter, and the driver turns it back.

On trio a cancellation is the outcome of a wait, and there is but one kind. Thus it must be visible
from outside while a task group that has been told is left, and the shield is lowered for that. And
`checkpoint()` asks by itself whether it is cancelled, where a driver comes too late. Therefore code
whose surroundings were cancelled while it did not wait is shielded up to its next wait, which is
then cancelled. What remains to the law of trio is what does not wait: a loop of nothing but
`checkpoint()`, code that has just left a task group of its own, and code that cancels its own
surroundings. Their cleanup is shielded from its first real wait on, if it gets there.

A driver is a gap in the chain of awaits by which debuggers show what a task waits for.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Awaitable, Coroutine, Generator
from math import inf
from typing import Any, Final, Protocol, TypeVar, cast

import anyio

__all__ = ["is_cancellation", "note_passing", "runs_on_trio", "told_once"]

T = TypeVar("T")

_TOLD: Final = "Cancelled, with some seconds to clean up"

MAX_SPINS: Final = 16
"""How many turns in a row code may have that is cancelled and does not wait."""


def told_once(
    awaitable: Awaitable[T], seconds: float, scope: anyio.CancelScope | None = None
) -> Awaitable[T]:
    """Let something clean up for so many seconds, if it is cancelled from outside.

    Args:
        awaitable: What is to be awaited; await what is returned instead of it.
        seconds: How long its cleanup may take. 0 for what cancel scopes do by themselves.
        scope: What becomes the shield: the innermost cancel scope that the caller is in, which has
            no deadline. Without one, a scope is made.
    """
    if not seconds:
        return awaitable
    # PERF: S13, no coroutine of our own where it can be spared.
    is_coroutine = isinstance(awaitable, Coroutine)
    coroutine = cast("Coroutine[Any, Any, T]", awaitable) if is_coroutine else _await(awaitable)
    if scope is None:
        return _with_a_scope(coroutine, seconds)
    return _drive(coroutine, _Shield(scope, seconds))


def note_passing(error: BaseException) -> None:
    """Note an error that passes on its way outwards: where it is a cancellation, shield what comes.

    Only trio needs it. If the code inside had a task group, nobody else knows in time.
    """
    if _TURNS and runs_on_trio() and (turns := _TURNS.get(_trio_task())):
        turns.note_passing(error)


def is_cancellation(error: BaseException) -> bool:
    """Say whether an error tells of a cancellation."""
    # What may be raised where there is no event loop comes first.
    return not isinstance(error, Exception | GeneratorExit) and isinstance(
        error, anyio.get_cancelled_exc_class()
    )


def runs_on_trio() -> bool:
    """Say whether a task of trio is what runs now."""
    # Not to be imported where it is not what runs us.
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_task()


async def _with_a_scope(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    error: BaseException | None = None
    with anyio.CancelScope() as scope:
        try:
            return await _drive(coroutine, _Shield(scope, seconds))
        except BaseException as exc:
            # Not for this scope, even if the seconds are over.
            error = exc
    assert error is not None
    try:
        raise error
    finally:
        # Else it would keep itself alive, by its traceback.
        del error


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable


class _Shield:
    """A scope that becomes a shield.

    Attributes:
        is_up: Whether it has become one, for the cleanup.
    """

    __slots__ = ("_scope", "_seconds", "_was_raised", "_was_up", "is_up")

    def __init__(self, scope: anyio.CancelScope, seconds: float) -> None:
        self._scope = scope
        self._seconds = seconds
        self._was_raised = False
        self._was_up = False
        self.is_up = False

    def helps(self) -> bool:
        """Shield the code, if what cancels it now is outside, and not also inside."""
        if not _is_cancelled():
            return False
        self._scope.shield = self._was_raised = True
        if not _is_cancelled():
            return True
        self._scope.shield = False
        return False

    def put_up(self) -> bool:
        """Shield the code for its cleanup, if that helps."""
        if self.helps():
            self.put_up_anyway()
        return self.is_up

    def put_up_anyway(self) -> None:
        """Shield the code for its cleanup, whatever is still to come."""
        self.is_up = self._scope.shield = self._was_raised = True
        if not self._was_up:
            self._was_up = True
            self._scope.deadline = anyio.current_time() + self._seconds

    def lower(self) -> None:
        """Let cancellations through again."""
        self.is_up = False
        self._scope.shield = False

    def take_down(self) -> None:
        """Undo everything: the code has come to its end."""
        if self._was_up:
            self._scope.deadline = inf
        if self._was_raised:
            self.lower()


def _is_cancelled() -> bool:
    """Say whether a scope cancels the next wait."""
    return anyio.current_effective_deadline() == -inf


def _drive(coroutine: Coroutine[Any, Any, T], shield: _Shield) -> Awaitable[T]:
    if runs_on_trio():
        return _drive_on_trio(coroutine, shield)
    return _drive_on_asyncio(coroutine, shield)


@types.coroutine
def _drive_on_asyncio(coroutine: Coroutine[Any, Any, T], shield: _Shield) -> Generator[Any, Any, T]:
    outer: BaseException | None = None  # the cancellation that the code was told in other words
    again: BaseException | None = None  # one that is not of a scope, and came later
    thrown: BaseException | None = None
    try:
        waits_for = coroutine.send(None)
        while True:
            try:
                yield waits_for
            except BaseException as exc:
                thrown = exc
            if thrown is None:
                waits_for = coroutine.send(None)
                continue
            give, thrown = thrown, None
            if is_cancellation(give):
                if shield.is_up:
                    again = again if _is_cancelled() else give
                elif shield.put_up() or (give.args and not _is_cancelled()):
                    # By now a driver further out, perhaps in another task, has put up its shield.
                    # A task group in between may still want to tell the code once more.
                    shield.put_up_anyway()
                    outer, give = give, type(give)(_TOLD)
            # Not while the other one is handled, which would be its context, and tell what it is.
            waits_for = coroutine.throw(give)
    except StopIteration as done:
        shield.take_down()
        return cast("T", done.value)
    except BaseException as exc:
        shield.take_down()
        if outer is None or exc is again or not is_cancellation(exc):
            raise
    raise outer


@types.coroutine
def _drive_on_trio(coroutine: Coroutine[Any, Any, T], shield: _Shield) -> Generator[Any, Any, T]:
    task = _trio_task()
    turns = _Turns(shield, task)
    further_out = _TURNS.get(task)
    _TURNS[task] = turns
    try:
        trap = coroutine.send(None)
        while True:
            turns.end(trap)
            try:
                outcome = yield trap
            except BaseException as exc:
                # By whoever closes this, or for something that was written for another event loop.
                trap = coroutine.throw(exc)
                continue
            turns.begin(getattr(outcome, "error", None))
            trap = coroutine.send(outcome)
    except StopIteration as done:
        return cast("T", done.value)
    except BaseException as exc:
        if further_out is not None:
            shield.take_down()
            further_out.note_passing(exc)
        raise
    finally:
        shield.take_down()
        if further_out is None:
            del _TURNS[task]
        else:
            _TURNS[task] = further_out


class _TrioGroup(Protocol):
    """What is asked of a nursery of trio."""

    cancel_scope: anyio.CancelScope


class _TrioTask(Protocol):
    """What is asked of a task of trio."""

    child_nurseries: list[_TrioGroup]


def _trio_task() -> _TrioTask:
    return cast("_TrioTask", sys.modules["trio"].lowlevel.current_task())


class _Turns:
    """The turns of some code on trio, each from the end of one wait to the next."""

    __slots__ = (
        "_groups",
        "_may_shield",
        "_outside",
        "_shield",
        "_shielded",
        "_spins",
        "_task",
        "_told",
    )

    def __init__(self, shield: _Shield, task: _TrioTask) -> None:
        self._shield = shield
        self._task = task
        self._outside = len(task.child_nurseries)
        self._groups: list[_TrioGroup] = []  # that the code had open when it was told
        self._told = False
        self._shielded = False  # for this turn only
        self._may_shield = True
        self._spins = 0

    def begin(self, error: BaseException | None) -> None:
        """Shield the code for its cleanup, if it is about to be told; else perhaps for a turn."""
        if self._shield.is_up:
            if self._leaves_a_group():
                self._shield.lower()
        elif _TURNS[self._task] is not self:
            # It is up to another driver, further in.
            return
        elif error is not None and is_cancellation(error):
            if not _is_cancelled():
                # By now a driver further out, in another task, has put up its shield.
                self._shield.put_up_anyway()
            self._put_up()
            self._told = True
        elif self._may_shield and self._spins < MAX_SPINS:
            self._shielded = self._shield.helps()
            self._spins += self._shielded

    def end(self, trap: object) -> None:
        """Let the code be told while it waits; unless it has been, and waits in its cleanup."""
        if self._shield.is_up:
            return
        is_wait = hasattr(trap, "abort_func")
        was_shielded, self._shielded = self._shielded, False
        if was_shielded:
            self._shield.lower()
        is_cancelled = _is_cancelled()
        # Else it was told by a scope of its own, which it has left.
        self._told = self._told and is_cancelled
        # If it has seen that it is cancelled, it may be in a `checkpoint()`, which relies on that.
        self._may_shield = was_shielded or is_wait or not is_cancelled
        if self._told and is_wait:
            self._put_up()

    def note_passing(self, error: BaseException) -> None:
        """Shield the code that an error comes to, if that is a cancellation."""
        if is_cancellation(error):
            self._told = self._told or _is_cancelled()
            if not self._shield.is_up:
                self._put_up()

    def _put_up(self) -> None:
        if self._shield.is_up or self._shield.put_up():
            self._told = True
            self._groups = self._task.child_nurseries[self._outside :]

    def _leaves_a_group(self) -> bool:
        """Say whether the code was told in a task group that has been cancelled since."""
        groups = self._task.child_nurseries[self._outside :]
        return bool(groups) and groups[-1] in self._groups and groups[-1].cancel_scope.cancel_called


_TURNS: Final[dict[_TrioTask, _Turns]] = {}
"""The turns of what each task runs, of the innermost driver."""
