"""The lifespans of mounted applications: order, state, failures, and who is left alone."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest

from bolide._routing.lifespan import NoLifespan
from bolide._routing.nested import LayeredState, NestedLifespanFailed
from bolide.applications import Bolide, Starlette
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Host, Mount, Route, Router
from bolide.types import Lifespan, Message, Receive, Scope, Send

ClientFor = Callable[..., Any]


async def state(request: Request) -> Response:
    shown = {key: value for key, value in request.scope["state"].items() if isinstance(value, str)}
    return JSONResponse(shown)


class Log(list[str]):
    """Makes lifespans that write down when they start and stop."""

    def lifespan(self, name: str, /, **state: Any) -> Lifespan[Any]:
        @asynccontextmanager
        async def lifespan(app: object) -> AsyncIterator[dict[str, Any]]:
            self.append(f"{name} starts")
            yield state
            self.append(f"{name} stops")

        return lifespan

    def app(self, name: str, *routes: Any, **state: Any) -> Starlette:
        return Starlette(routes=routes, lifespan=self.lifespan(name, **state))


@pytest.fixture
def log() -> Log:
    return Log()


def test_they_start_in_order_and_stop_in_reverse(log: Log, client_for: ClientFor) -> None:
    app = Bolide(
        routes=[
            Mount("/a", app=log.app("a")),
            Host("b.example", app=log.app("b", Mount("/c", app=log.app("c")))),
            Mount("/d", app=Router(lifespan=log.lifespan("d"))),
        ],
        lifespan=log.lifespan("outer"),
    )
    names = ["outer", "a", "b", "c", "d"]
    with client_for(app):
        assert log == [f"{name} starts" for name in names]
        log.clear()
    assert log == [f"{name} stops" for name in reversed(names)]


def test_they_run_again_with_the_next_start(log: Log, client_for: ClientFor) -> None:
    app = Bolide(routes=[Mount("/a", app=log.app("a"))])
    for _ in range(2):
        with client_for(app):
            pass
    assert log == ["a starts", "a stops"] * 2


@pytest.mark.parametrize(
    "routes",
    [
        lambda inner: [Mount("/a", routes=[Mount("/b", app=inner)])],
        lambda inner: [Mount("/a", app=Router([Host("b", app=Router([Mount("/c", inner)]))]))],
        lambda inner: [Mount("/a", app=Starlette(routes=[Mount("/b", app=inner)]))],
    ],
)
def test_they_are_found_at_any_depth(routes: Any, log: Log, client_for: ClientFor) -> None:
    with client_for(Bolide(routes=routes(log.app("inner")))):
        assert log == ["inner starts"]


@pytest.mark.parametrize(
    "app",
    [
        lambda routes: Starlette(routes=routes),
        lambda routes: Bolide(routes=routes, nested_lifespans=False),
        lambda routes: Router(routes),
    ],
)
def test_they_do_not_run_where_the_policy_does_not_say_so(
    app: Any, log: Log, client_for: ClientFor
) -> None:
    with client_for(app([Mount("/a", app=log.app("a"))])):
        pass
    assert log == []


def test_a_mount_and_a_host_can_be_left_out(log: Log, client_for: ClientFor) -> None:
    routes = [
        Mount("/a", app=log.app("a"), lifespan=False),
        Host("b", app=log.app("b"), lifespan=False),
        Mount("/c", routes=[Mount("/d", app=log.app("d"))], lifespan=False),
    ]
    with client_for(Bolide(routes=routes)):
        pass
    assert log == []


def test_an_application_that_is_mounted_twice_runs_once(log: Log, client_for: ClientFor) -> None:
    inner = log.app("inner", Route("/", state), db="inner db")
    routes = [Mount("/a", app=inner), Mount("/b", app=Router([Mount("/c", app=inner)]))]
    with client_for(Bolide(routes=routes)) as client:
        assert client.get("/a/").json() == client.get("/b/c/").json() == {"db": "inner db"}
    assert log == ["inner starts", "inner stops"]


def test_what_the_outer_lifespan_enters_is_not_run_again(log: Log, client_for: ClientFor) -> None:
    deep = log.app("deep")
    inner = log.app("inner", Mount("/", app=deep))

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        async with inner.router.lifespan_context(inner), deep.router.lifespan_context(deep):
            yield

    before = inner.router.lifespan_context
    app = Bolide(routes=[Mount("/a", app=inner), Mount("/b", app=deep)], lifespan=lifespan)
    with client_for(app):
        assert log == ["inner starts", "deep starts"]
    assert inner.router.lifespan_context is before


def test_the_lifespan_of_the_outer_application_is_not_run_again(
    log: Log, client_for: ClientFor
) -> None:
    inner = log.app("inner")
    app = Bolide(routes=[Mount("/", app=inner)], lifespan=inner.router.lifespan_context)
    with client_for(app):
        assert log == ["inner starts"]


def combined(*lifespans: Any) -> Any:
    """Put lifespans together, as helpers of other packages do it."""

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as stack:
            states = [await stack.enter_async_context(each(app)) for each in lifespans]
            yield {key: state[key] for state in states if state for key in state}

    return lifespan


def test_what_a_helper_has_got_hold_of_before_is_not_run_again(
    log: Log, client_for: ClientFor
) -> None:
    inner = log.app("inner", Route("/", state), db="inner db")
    deep = log.app("deep")
    both = combined(log.lifespan("own"), inner.router.lifespan_context)
    middle = Bolide(
        routes=[Mount("/deep", app=deep)],
        lifespan=combined(log.lifespan("middle"), deep.router.lifespan_context),
    )
    app = Bolide(routes=[Mount("/inner", app=inner), Mount("/middle", app=middle)], lifespan=both)
    for _ in range(2):
        with client_for(app) as client:
            assert log == ["own starts", "inner starts", "middle starts", "deep starts"]
            assert client.get("/inner/").json() == {"db": "inner db"}
        log.clear()


def test_a_lifespan_that_two_routers_share_is_noted_for_the_one_that_was_entered(
    log: Log, client_for: ClientFor
) -> None:
    first, second = log.app("first"), log.app("second")
    second.router.lifespan_context = first.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        async with second.router.lifespan_context(second):
            yield

    app = Bolide(routes=[Mount("/", app=second)], lifespan=lifespan)
    with client_for(app):
        assert log == ["first starts"]


def test_what_is_mounted_during_startup_is_not_run(log: Log, client_for: ClientFor) -> None:
    @asynccontextmanager
    async def lifespan(app: Bolide) -> AsyncIterator[None]:
        inner = log.app("inner")
        async with inner.router.lifespan_context(inner):
            app.mount("/inner", inner)
            yield

    with client_for(Bolide(lifespan=lifespan)):
        assert log == ["inner starts"]


@pytest.mark.parametrize("replaced_before", [False, True])
def test_a_lifespan_that_is_replaced_meanwhile_stays_replaced(
    log: Log, client_for: ClientFor, replaced_before: bool
) -> None:
    inner, other = log.app("inner"), log.lifespan("other")
    if replaced_before:
        inner.router.lifespan_context = log.lifespan("before")

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        inner.router.lifespan_context = other
        yield

    with client_for(Bolide(routes=[Mount("/", app=inner)], lifespan=lifespan)):
        assert log == ["other starts"]
    assert inner.router.lifespan_context is other


def test_a_router_in_itself_is_looked_at_once(log: Log, client_for: ClientFor) -> None:
    router = Router([Mount("/a", app=log.app("a"))])
    router.mount("/again", router)
    with client_for(Bolide(routes=[Mount("/r", app=router)])):
        assert log == ["a starts"]


def test_a_mounted_router_is_given_the_application_around_it(client_for: ClientFor) -> None:
    given = []

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        given.append(app)
        yield

    app = Bolide(routes=[Mount("/", app=Router(lifespan=lifespan))])
    with client_for(app):
        assert given == [app]
        assert not app.draining.is_set()


class TestState:
    def test_the_state_inside_lies_over_the_one_outside(
        self, log: Log, client_for: ClientFor
    ) -> None:
        inner = log.app("inner", Route("/", state), db="inner db", only="inside")
        deep = log.app("deep", Route("/", state), db="deep db")
        inner.mount("/deep", deep)
        app = Bolide(
            routes=[
                Mount("/inner", app=inner),
                Host("inner.example", app=inner),
                Mount("/none", routes=[Route("/", state)]),
                Route("/", state),
            ],
            lifespan=log.lifespan("outer", db="outer db", shared="yes"),
        )
        outside = {"db": "outer db", "shared": "yes"}
        inside = {**outside, "db": "inner db", "only": "inside"}
        with client_for(app) as client:
            assert client.get("/inner/").json() == inside
            assert client.get("/inner/deep/").json() == {**inside, "db": "deep db"}
            assert client.get("/", headers={"host": "inner.example"}).json() == inside
            assert client.get("/none/").json() == outside
            assert client.get("/").json() == outside

    def test_what_is_set_inside_is_seen_outside_and_in_no_other_request(
        self, log: Log, client_for: ClientFor
    ) -> None:
        async def endpoint(request: Request) -> Response:
            assert not hasattr(request.state, "user")
            assert request.state.db == "inner"
            request.state.user = "ada"
            request.state.db = "changed"
            return Response()

        seen = []

        class Look:
            def __init__(self, app: Any) -> None:
                self.app = app

            async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
                outside = Request(scope).state if scope["type"] == "http" else None
                await self.app(scope, receive, send)
                if outside is not None:
                    seen.append((outside.user, outside.db))

        app = Bolide(
            routes=[Mount("/", app=log.app("inner", Route("/", endpoint), db="inner"))],
            lifespan=log.lifespan("outer", db="outer"),
        )
        app.add_middleware(Look)  # type: ignore[arg-type]
        with client_for(app) as client:
            for _ in range(2):
                assert client.get("/").status_code == 200
        assert seen == [("ada", "outer")] * 2

    def test_a_state_without_mounted_ones_has_nothing_added(
        self, log: Log, client_for: ClientFor
    ) -> None:
        app = Bolide(
            routes=[Mount("/inner", app=log.app("inner")), Route("/", state)],
            lifespan=log.lifespan("outer", a="1"),
        )
        with client_for(app) as client:
            assert set(client.app_state) == {"a"}

    @pytest.mark.anyio
    async def test_a_server_that_keeps_no_state_cannot_start_what_yields_some(
        self, log: Log
    ) -> None:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "lifespan.startup"}

        async def send(message: Message) -> None:
            sent.append(message)

        app = Bolide(routes=[Mount("/a", app=log.app("a", db="db"))])
        with pytest.raises(NestedLifespanFailed, match="does not support"):
            await app({"type": "lifespan"}, receive, send)
        assert [message["type"] for message in sent] == ["lifespan.startup.failed"]

    def test_layers_are_one_mapping(self) -> None:
        outer: dict[str, Any] = {"a": 1, "b": 2}
        layers = LayeredState({"b": 3}, outer)
        assert dict(layers) == {"a": 1, "b": 3}
        assert len(layers) == 2
        layers.update(a=4, b=5, c=6)
        assert outer == {"a": 4, "b": 2, "c": 6}
        assert layers.pop("c") == 6
        del layers["b"]
        assert layers["b"] == 2
        with pytest.raises(KeyError):
            layers["d"]


class Broken(Exception):
    pass


def broken(*, at: str, error: Exception | None = None) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        if at == "startup":
            raise error or Broken("no\nluck")
        yield
        raise error or Broken("no\nluck")

    return Starlette(lifespan=lifespan)


class TestFailures:
    def test_one_that_fails_stops_the_start(self, log: Log, client_for: ClientFor) -> None:
        app = Bolide(
            routes=[
                Mount("/a", app=log.app("a")),
                Mount("/b", routes=[Mount("/c", app=broken(at="startup"))]),
                Mount("/d", app=log.app("d")),
            ],
            lifespan=log.lifespan("outer"),
        )
        with pytest.raises(NestedLifespanFailed) as caught, client_for(app):
            pass
        assert str(caught.value) == (
            "The startup of the application at Mount('/b') > Mount('/c') failed: Broken: no\nluck"
        )
        assert "lifespan=False" in caught.value.__notes__[0]
        assert isinstance(caught.value.__cause__, Broken)
        assert log == ["outer starts", "a starts", "a stops"]

    def test_what_a_task_group_has_wrapped_is_named(self, client_for: ClientFor) -> None:
        error = ExceptionGroup("unhandled errors", [ExceptionGroup("more", [Broken("inside")])])
        app = Bolide(routes=[Host("a", app=broken(at="startup", error=error))])
        with pytest.raises(NestedLifespanFailed, match=r"Host\('a'\) failed: Broken: inside"):
            client_for(app).__enter__()

    def test_a_task_group_around_it_does_not_hide_it(self, client_for: ClientFor) -> None:
        @asynccontextmanager
        async def lifespan(app: object) -> AsyncIterator[None]:
            async with anyio.create_task_group(), anyio.create_task_group():
                yield

        app = Bolide(routes=[Mount("/a", app=broken(at="startup"))], lifespan=lifespan)
        with pytest.raises(NestedLifespanFailed, match="Broken") as caught:
            client_for(app).__enter__()
        assert isinstance(caught.value.__cause__, Broken)

    def test_another_group_of_errors_is_left_as_it_is(self, client_for: ClientFor) -> None:
        @asynccontextmanager
        async def lifespan(app: object) -> AsyncIterator[None]:
            yield
            raise ExceptionGroup("mine", [Broken(), Broken()])

        client = client_for(Bolide(lifespan=lifespan))
        with pytest.raises(ExceptionGroup, match="mine"), client:
            pass

    def test_one_that_fails_to_stop_lets_the_others_stop(
        self, log: Log, client_for: ClientFor
    ) -> None:
        routes = [Mount("/a", app=log.app("a")), Mount("/b", app=broken(at="shutdown"))]
        client = client_for(Bolide(routes=routes))
        client.__enter__()
        log.clear()
        with pytest.raises(NestedLifespanFailed, match=r"^The shutdown of .*'/b'") as caught:
            client.__exit__(None, None, None)
        assert not hasattr(caught.value, "__notes__")
        assert log == ["a stops"]

    def test_one_that_ends_with_an_error_in_between_ends_all(
        self, log: Log, client_for: ClientFor
    ) -> None:
        crash = anyio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await crash.wait()
            raise Broken("crashed")

        routes = [Mount("/a", app=log.app("a")), Mount("/b", app=app)]
        client = client_for(Bolide(routes=routes))
        client.__enter__()
        client.portal.call(crash.set)
        client.portal.call(anyio.wait_all_tasks_blocked)
        with pytest.raises(NestedLifespanFailed, match=r"^The lifespan of .*: Broken: crashed"):
            client.__exit__(None, None, None)
        assert log == ["a starts"]

    @pytest.mark.parametrize("phase", ["startup", "shutdown"])
    def test_one_may_say_that_it_failed_without_an_error(
        self, phase: str, client_for: ClientFor
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            if phase == "shutdown":
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": f"lifespan.{phase}.failed", "message": "Traceback:\n  No luck."})

        client = client_for(Bolide(routes=[Mount("/a", app=app)]))
        message = rf"^The {phase} of .*'/a'\) failed: No luck\."
        with pytest.raises(NestedLifespanFailed, match=message), client:
            pass

    def test_one_that_fails_and_does_not_end_is_ended(
        self, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bolide._routing.nested.CLEANUP_SECONDS", 0.01)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.failed"})
            await anyio.sleep_forever()

        with pytest.raises(NestedLifespanFailed, match="^The startup of"):
            client_for(Bolide(routes=[Mount("/a", app=app)])).__enter__()


class TestOthers:
    async def refuses(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"

    async def ignores(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def answers_anything(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    @pytest.mark.parametrize("kind", ["refuses", "ignores", "answers_anything"])
    def test_an_application_that_knows_no_lifespans_is_left_alone(
        self, kind: str, log: Log, client_for: ClientFor, caplog: pytest.LogCaptureFixture
    ) -> None:
        routes = [Mount("/a", app=getattr(self, kind)), Mount("/b", app=log.app("b"))]
        with caplog.at_level(logging.INFO, "bolide.lifespan"), client_for(Bolide(routes=routes)):
            assert log == ["b starts"]
        assert "at Mount('/a') does not take lifespans" in caplog.text

    def test_an_application_of_any_make_is_run_as_by_a_server(self, client_for: ClientFor) -> None:
        events, scopes = [], []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scopes.append(scope)
            for answer in ("startup", "shutdown"):
                events.append((await receive())["type"])
                await send({"type": f"lifespan.{answer}.complete"})

        inner = Mount("/a", app=app)
        with client_for(Bolide(routes=[inner, inner])):
            assert events == ["lifespan.startup"]
        assert events == ["lifespan.startup", "lifespan.shutdown"]
        assert scopes[0]["type"] == "lifespan"
        assert scopes[0]["asgi"]["version"] == "3.0"

    def test_one_may_end_early(self, client_for: ClientFor) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})

        with client_for(Bolide(routes=[Mount("/a", app=app)])):
            pass

    def test_a_route_of_another_make_is_passed_over(self, client_for: ClientFor) -> None:
        routes: Any = [Route("/", state)]
        with client_for(Bolide(routes=routes)) as client:
            assert client.get("/").status_code == 200

    def test_no_lifespan_stays_one(self, client_for: ClientFor) -> None:
        inner = Starlette()
        with client_for(Bolide(routes=[Mount("/a", app=inner)])):
            assert isinstance(inner.router.lifespan_context, NoLifespan)


def test_an_inner_application_drains_with_the_outer_one(client_for: ClientFor) -> None:
    inner = Starlette()
    outer = Bolide(routes=[Mount("/a", app=inner)])
    with client_for(outer) as client:
        assert not inner.draining.is_set()
        client.portal.call(outer.drain)
        client.portal.call(inner.draining.wait)
        assert inner.draining.is_set()
    with client_for(outer):
        assert not inner.draining.is_set()
