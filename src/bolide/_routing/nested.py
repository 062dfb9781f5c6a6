"""The lifespans of mounted applications, run together with that of the application around them.

RULES

- Startup goes in order of declaration, the outer application before the ones in it; shutdown in
  reverse order. What is mounted while the application starts up is not run.
- An application is run once, however often it is mounted, and not at all if the outer one has
  entered its `router.lifespan_context`, or has the same lifespan. Of an application of another make
  that is noticed only if the attribute is read while the outer one starts.
- What fails to start stops the start of all. An application that does not take lifespans is left
  alone.
- A request has the state of the outer application, and over it that of the one that it reaches.

THEORY OF OPERATION

Each mounted application is called with a lifespan scope, like a server would do it, in a task of
its own: task groups and cancel scopes may span the whole time, and it may be an application of any
make. An application of ours finds in its scope the `Tree` that it is a part of, and goes on with
what is mounted in it. The states are kept under one key of the state of the outermost application,
since that is the only thing that a server hands on to requests.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from typing import Any, Final, cast

import anyio

from bolide._async import CLEANUP_SECONDS, create_collapsing_task_group
from bolide._drain import DRAINING_KEY, DrainControl
from bolide._policy import policy_of
from bolide._routing.lifespan import ENTERED, NoLifespan, NotedLifespan, bare
from bolide.exceptions import BolideError
from bolide.types import ASGIApp, Lifespan, Message, Scope

__all__ = ["STATES_KEY", "NestedLifespanFailed", "overlaid", "with_what_is_nested"]

STATES_KEY: Final = "bolide.states"
"""Where the state of the outermost application keeps those of the mounted ones."""

_TREE_KEY: Final = "bolide.lifespans"


class NestedLifespanFailed(BolideError, RuntimeError):
    """The lifespan of a mounted application failed.

    Args:
        mount: Where it is mounted.
        phase: In what it failed.
        reason: What it said, or raised.
    """

    def __init__(self, mount: str, phase: str, reason: str) -> None:
        super().__init__(f"The {phase} of the application at {mount} failed: {reason}")
        if phase == "startup":
            self.add_note(
                "If something else starts this application, mount it with lifespan=False."
            )


class _Tree:
    """An application with all that is mounted in it, for the time of one lifespan.

    Attributes:
        entered: Which lifespans have been entered, by the id of what has them.
        states: What the lifespans of the mounted applications have yielded, by their ids.
    """

    def __init__(self) -> None:
        self.entered: set[int] = set()
        self.states: dict[int, dict[str, Any]] = {}

    @contextmanager
    def watching(self, routes: Sequence[object]) -> Generator[None, None, None]:
        """Notice whoever enters the lifespan of a mounted application."""
        replaced: list[tuple[Any, NotedLifespan]] = []
        seen: set[int] = set()
        ahead = list(_mounted(routes))
        while ahead:
            _, app = ahead.pop()
            owner = _owner(app)
            if id(owner) in seen:
                continue
            seen.add(id(owner))
            ahead += _mounted(getattr(app, "routes", ()))
            lifespan = getattr(owner, "lifespan_context", None)
            if lifespan is None or isinstance(lifespan, NoLifespan):
                continue
            # Routers of ours note it by themselves, unless their lifespan has been replaced.
            if getattr(lifespan, "owner_id", None) != id(owner):
                noted = NotedLifespan(lifespan, owner)
                owner.lifespan_context = noted
                replaced.append((owner, noted))
        try:
            yield
        finally:
            for owner, noted in replaced:
                # Not if somebody has replaced it since.
                if owner.lifespan_context is noted:
                    owner.lifespan_context = noted.lifespan


class _Guest:
    """The lifespan of one mounted application, and the server that it sees."""

    def __init__(self, mount: str, app: ASGIApp, scope: Scope) -> None:
        self._mount = mount
        self._app = app
        self._scope = scope
        self._phase = "startup"
        self._told: str | None = None  # that it failed
        self._failure: NestedLifespanFailed | None = None
        self._has_received = False
        self._answered = anyio.Event()
        self._stopping = anyio.Event()
        self._ended = anyio.Event()

    async def run(self) -> None:
        """Call the application; the body of a task."""
        error: Exception | None = None
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as exc:
            error = exc
        finally:
            self._ended.set()
            self._answered.set()
        if self._phase == "startup" and self._told is None:
            import logging

            log = logging.getLogger("bolide.lifespan")
            log.info("The application at %s does not take lifespans: %r", self._mount, error)
        elif error is not None or self._told is not None:
            self._fail(error)
            if self._phase == "running":
                assert self._failure is not None
                raise self._failure

    async def start(self) -> None:
        """Wait until the application has started; or cannot be started, since it is not able to."""
        await self._answered.wait()
        if self._told is not None:
            # What it said is a traceback; what it is about to raise says more.
            with anyio.move_on_after(CLEANUP_SECONDS):
                await self._ended.wait()
            raise self._failure or self._fail(None)

    async def stop(self) -> None:
        """Tell the application to shut down, and wait until it has."""
        self._phase = "shutdown" if self._phase == "running" else self._phase
        self._stopping.set()
        await self._ended.wait()
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: Exception | None) -> NestedLifespanFailed:
        reason = (
            _describe(error) if error else (self._told or "").strip().rpartition("\n")[2].strip()
        )
        phase = "lifespan" if self._phase == "running" else self._phase
        self._failure = NestedLifespanFailed(self._mount, phase, reason)
        self._failure.__cause__ = error
        return self._failure

    async def _receive(self) -> Message:
        if not self._has_received:
            self._has_received = True
            return {"type": "lifespan.startup"}
        await self._stopping.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            self._phase = "running"
        elif kind in ("lifespan.startup.failed", "lifespan.shutdown.failed"):
            self._told = message.get("message", "")
        elif kind != "lifespan.shutdown.complete":
            raise RuntimeError(f"A lifespan has no {kind!r}.")
        self._answered.set()


class LayeredState(MutableMapping[str, Any]):
    """The state of a mounted application over that of the one around it.

    A key that the inner state has is the inner one's; all else is shared with layers further out.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, inner: dict[str, Any], outer: MutableMapping[str, Any]) -> None:
        self._inner = inner
        self._outer = outer

    def __getitem__(self, key: str) -> Any:
        return self._layer(key)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._layer(key)[key] = value

    def __delitem__(self, key: str) -> None:
        del self._layer(key)[key]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._outer, **self._inner})

    def __len__(self) -> int:
        return len({**self._outer, **self._inner})

    def _layer(self, key: str) -> MutableMapping[str, Any]:
        return self._inner if key in self._inner else self._outer


def overlaid(state: MutableMapping[str, Any], app: ASGIApp) -> MutableMapping[str, Any]:
    """Give the state of a request that reaches a mounted application."""
    inner = state[STATES_KEY].get(id(_owner(app)))
    return LayeredState(dict(inner), state) if inner else state


def with_what_is_nested(
    lifespan: Lifespan[Any], routes: Sequence[object], scope: Scope
) -> Lifespan[Any]:
    """Give the lifespan of an application with all that lives as long as it does.

    Args:
        lifespan: Its own.
        routes: Its routes.
        scope: The scope of its lifespan.
    """
    tree: _Tree | None = scope.get(_TREE_KEY)
    if tree is not None or policy_of(scope).nested_lifespans:
        lifespan = _with_guests(lifespan, routes, scope, tree)
    draining = getattr(scope.get("app"), "draining", None)
    outer = scope.get(DRAINING_KEY)
    # A router that is mounted without an application of its own has that around it in its scope.
    if not isinstance(draining, DrainControl) or (draining is outer and tree is not None):
        return lifespan
    return _draining(lifespan, draining, outer)


def _draining(
    lifespan: Lifespan[Any], own: DrainControl, outer: DrainControl | None
) -> Lifespan[Any]:
    @asynccontextmanager
    async def draining(app: Any) -> AsyncGenerator[Any, None]:
        own.reset()
        with nullcontext() if outer is None or outer is own else outer.followed_by(own):
            watched = own.watched() if outer is own else nullcontext()
            async with lifespan(app) as state, watched:
                yield state

    return draining


def _with_guests(
    own: Lifespan[Any], routes: Sequence[object], scope: Scope, outer_tree: _Tree | None
) -> Lifespan[Any]:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncGenerator[Any, None]:
        tree = outer_tree or _Tree()
        mounted = list(_mounted(routes))
        try:
            with tree.watching(routes) if outer_tree is None else nullcontext():
                async with AsyncExitStack() as stack:
                    entered_outside = ENTERED.set(tree.entered)
                    try:
                        state = await stack.enter_async_context(own(app))
                    finally:
                        ENTERED.reset(entered_outside)
                    await stack.enter_async_context(_running(mounted, own, tree, scope))
                    if outer_tree is None and tree.states:
                        state = {**(state or {}), STATES_KEY: tree.states}
                    yield state
        except BaseExceptionGroup as group:
            # Where the lifespan around it has a task group, that has wrapped the failure.
            failure = _unwrapped(group)
            if isinstance(failure, NestedLifespanFailed):
                raise failure from failure.__cause__
            raise

    return lifespan


@asynccontextmanager
async def _running(
    mounted: list[tuple[str, ASGIApp]], own: Lifespan[Any], tree: _Tree, scope: Scope
) -> AsyncGenerator[None, None]:
    async with create_collapsing_task_group() as task_group, AsyncExitStack() as stack:
        for mount, app in mounted:
            owner = _owner(app)
            lifespan = getattr(owner, "lifespan_context", None)
            if id(owner) in tree.entered or bare(lifespan) == bare(own):
                continue
            tree.entered.add(id(owner))
            inner = {key: scope[key] for key in ("app", DRAINING_KEY) if key in scope}
            asgi = scope.get("asgi", {"version": "3.0"})
            inner |= {"type": "lifespan", "asgi": asgi, _TREE_KEY: tree}
            if "state" in scope:
                inner["state"] = {}
            guest = _Guest(mount, app, inner)
            task_group.start_soon(guest.run)
            await guest.start()
            stack.push_async_callback(guest.stop)
            if state := inner.get("state"):
                tree.states[id(owner)] = state
        yield


def _mounted(
    routes: Sequence[object], where: str = "", around: frozenset[int] = frozenset()
) -> Iterator[tuple[str, ASGIApp]]:
    """Give the applications that are mounted, and those mounted in routers without a lifespan."""
    for route in routes:
        app = getattr(route, "lifespan_app", None)
        if app is None or id(app) in around:
            continue
        name = getattr(route, "path", None) or getattr(route, "host", "")
        mount = f"{where}{type(route).__name__}({name!r})"
        if isinstance(bare(getattr(app, "lifespan_context", None)), NoLifespan):
            yield from _mounted(app.routes, f"{mount} > ", around | {id(app)})
        else:
            yield mount, app


def _owner(app: Any) -> Any:
    """Give what has the lifespan of an application: its router, or itself."""
    return getattr(app, "router", app)


def _describe(error: BaseException) -> str:
    error = _unwrapped(error)
    return f"{type(error).__name__}: {error}"


def _unwrapped(error: BaseException) -> BaseException:
    """Give what task groups have wrapped; the first error if there are several."""
    if isinstance(error, BaseExceptionGroup):
        return _unwrapped(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])
    return error
