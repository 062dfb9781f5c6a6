"""What every route is: the interface, running one alone, and the path that is left for routes."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from bolide._routing.base import (
    BaseRoute,
    Match,
    NoMatchFound,
    PatternRoute,
    get_route_path,
)
from bolide.types import Message, Scope

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("path", "root_path", "expected"),
    [
        ("/a", "", "/a"),
        ("/foo/bar", "/foo", "/bar"),
        ("/foo/", "/foo", "/"),
        ("/foo", "/foo", ""),
        ("/foo-123/bar", "/foo", "/foo-123/bar"),
        ("/foobar", "/foo", "/foobar"),
        ("/foo/bar", "/bar", "/foo/bar"),
        ("/foo/foo", "/foo", "/foo"),
    ],
)
def test_the_route_path_is_what_is_left_below_the_root_path(
    path: str, root_path: str, expected: str
) -> None:
    assert get_route_path({"path": path, "root_path": root_path}) == expected


def test_the_root_path_may_be_missing() -> None:
    assert get_route_path({"path": "/a"}) == "/a"


async def test_the_interface_is_to_be_implemented() -> None:
    route = BaseRoute()
    with pytest.raises(NotImplementedError):
        route.matches({})
    with pytest.raises(NotImplementedError):
        route.url_path_for("name")
    with pytest.raises(NotImplementedError):
        await route.handle({}, None, None)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError):
        PatternRoute().accept({}, "/", {})


class Always(BaseRoute):
    """Matches as it is told, and writes down what it handled."""

    def __init__(self, match: Match) -> None:
        self.match = match
        self.handled: Scope | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return self.match, {"found": True}

    async def handle(self, scope: Scope, receive: Any, send: Any) -> None:
        self.handled = dict(scope)


async def run_alone(route: BaseRoute, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    await route(scope, receive, send)
    return sent


@pytest.mark.parametrize("match", [Match.FULL, Match.PARTIAL])
async def test_a_route_that_matches_handles_the_request_without_a_router(match: Match) -> None:
    route = Always(match)
    assert await run_alone(route, {"type": "http"}) == []
    assert route.handled == {"type": "http", "found": True}


async def test_a_route_that_does_not_match_answers_404_without_a_router() -> None:
    route = Always(Match.NONE)
    start, body = await run_alone(route, {"type": "http"})
    assert (start["status"], body["body"]) == (404, b"Not Found")
    assert route.handled is None


async def test_a_route_that_does_not_match_closes_a_websocket_without_a_router() -> None:
    assert await run_alone(Always(Match.NONE), {"type": "websocket"}) == [
        {"type": "websocket.close", "code": 1000, "reason": ""}
    ]


def test_no_match_found_names_the_name_and_the_parameters() -> None:
    error = NoMatchFound("user", {"a": 1, "b": 2})
    assert str(error) == 'No route exists for name "user" and params "a, b".'
    assert error.__notes__ == []


@pytest.mark.parametrize(
    ("known", "note"),
    [
        (["users", "post"], 'Did you mean "users"?'),
        (["user"], 'There is a route "user", but it takes other parameters.'),
    ],
)
def test_no_match_found_hints_at_what_was_meant(known: list[str], note: str) -> None:
    error = NoMatchFound("user", {}, known_names=known)
    assert "".join(traceback.format_exception(error)).rstrip().endswith(note)


def test_the_hint_is_worked_out_once_and_only_when_somebody_looks() -> None:
    looked = []

    def names() -> Any:
        looked.append(True)
        yield "users"

    error = NoMatchFound("user", {}, known_names=names())
    assert str(error)
    assert looked == []
    error.add_note("seen in the template")
    assert error.__notes__ == ['Did you mean "users"?', "seen in the template"]
    assert looked == [True]
