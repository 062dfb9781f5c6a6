"""The other form of a path, and which of the ways to treat it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide._policy import Policy
from bolide._routing.slashes import (
    SLASH_ADDED,
    SlashMode,
    UnknownSlashMode,
    check_slash_mode,
    lacks_slash,
    other_form,
    redirect_to,
    slash_mode,
)
from bolide.applications import Bolide, Starlette
from bolide.exceptions import BolideError
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import Message
from bolide.websockets import WebSocket

ClientFor = Callable[..., TestClient]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"path": "/a"}, "/a/"),
        ({"path": "/a/"}, "/a"),
        ({"path": "/a//"}, "/a"),
        ({"path": "//"}, ""),
        ({"path": "/"}, None),
        ({"path": ""}, "/"),
        ({"path": "*"}, "*/"),
        ({"path": "/root", "root_path": "/root"}, "/root/"),
        ({"path": "/root/", "root_path": "/root"}, None),
        ({"path": "/root/a/", "root_path": "/root"}, "/root/a"),
        ({"path": "/a/", "root_path": "/root"}, "/a"),
    ],
)
def test_a_path_has_one_other_form_at_most(scope: dict[str, Any], expected: str | None) -> None:
    assert other_form(scope) == expected


@pytest.mark.parametrize("setting", [True, False, "redirect", "strict", "ignore"])
def test_a_bool_or_a_mode_is_a_setting(setting: bool | SlashMode) -> None:
    check_slash_mode(setting)


@pytest.mark.parametrize("setting", ["", "ingore", "Redirect"])
def test_anything_else_is_an_error(setting: str) -> None:
    with pytest.raises(UnknownSlashMode) as caught:
        check_slash_mode(setting)
    assert isinstance(caught.value, BolideError)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == (
        "redirect_slashes is True, False, or one of 'redirect', 'strict', 'ignore';"
        f" got {setting!r}."
    )


@pytest.mark.parametrize("of_app", ["redirect", "strict", "ignore"])
def test_a_router_that_says_nothing_does_what_the_application_says(of_app: SlashMode) -> None:
    scope = {"app": Starlette(policy=Policy(redirect_slashes=of_app))}
    assert slash_mode(True, scope) == of_app
    assert slash_mode(False, scope) == "strict"
    for mode in ("redirect", "strict", "ignore"):
        assert slash_mode(mode, scope) == mode


def test_without_an_application_there_are_redirects() -> None:
    assert slash_mode(True, {}) == "redirect"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [({"path": "/a"}, True), ({"path": "/a/"}, False), ({"path": "/a/", SLASH_ADDED: True}, True)],
)
def test_a_slash_that_was_added_was_not_asked_for(scope: dict[str, Any], expected: bool) -> None:
    assert lacks_slash(scope) is expected


@pytest.mark.parametrize(
    ("app", "location"),
    [
        (None, "https://example.org/root/a/?b=c"),
        (Starlette(), "https://example.org/root/a/?b=c"),
        (Starlette(policy=Policy(relative_redirects=True)), "/root/a/?b=c"),
        (Bolide(), "/root/a/?b=c"),
        (Bolide(relative_redirects=False), "https://example.org/root/a/?b=c"),
    ],
)
def test_a_redirect_is_relative_if_the_application_says_so(
    app: Starlette | None, location: str
) -> None:
    scope = {
        "type": "http",
        "app": app,
        "scheme": "https",
        "path": "/root/a",
        "root_path": "/root",
        "query_string": b"b=c",
        "headers": [(b"host", b"example.org")],
    }
    response = redirect_to(scope, "/root/a/")
    assert (response.status_code, response.headers["location"]) == (307, location)


# In routers and applications


async def show(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} {request.url.path} {request.scope['root_path']}")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.url.path)
    await websocket.close()


def routes() -> list[BaseRoute]:
    return [
        Route("/a", show, methods=["GET", "POST"]),
        Route("/b/", show),
        WebSocketRoute("/ws/", socket),
        Mount("/mount", routes=[Route("/", show, methods=["GET", "POST"]), Route("/in", show)]),
        Mount("/other", app=Starlette(routes=[Route("/", show)])),
    ]


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("GET", "/a", "GET /a "),
        ("GET", "/a/", "GET /a/ "),
        ("POST", "/a/", "POST /a/ "),
        ("GET", "/b", "GET /b "),
        ("GET", "/mount/", "GET /mount/ /mount"),
        ("GET", "/mount", "GET /mount/ /mount"),
        ("POST", "/mount", "POST /mount/ /mount"),
        ("GET", "/mount/in/", "GET /mount/in/ /mount"),
        ("GET", "/other", "GET /other/ /other"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda: Bolide(routes=routes(), redirect_slashes="ignore"),
        lambda: Starlette(routes=routes(), policy=Policy(redirect_slashes="ignore")),
    ],
    ids=["Bolide", "Starlette"],
)
def test_slashes_are_ignored_in_the_application_and_its_mounts(
    client_for: ClientFor, make: Callable[[], Starlette], method: str, path: str, text: str
) -> None:
    response = client_for(make(), follow_redirects=False).request(method, path)
    assert (response.status_code, response.text) == (200, text)


def test_they_are_ignored_for_websockets(client_for: ClientFor) -> None:
    client = client_for(Bolide(routes=routes(), redirect_slashes="ignore"))
    for path in ("/ws", "/ws/"):
        with client.websocket_connect(path) as session:
            assert session.receive_text() == path


def test_a_wrong_method_is_still_one(client_for: ClientFor) -> None:
    app = Starlette(routes=routes(), policy=Policy(redirect_slashes="ignore"))
    client = client_for(app)
    response = client.delete("/a/")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, POST"
    assert client.get("/nothing/").status_code == 404


@pytest.mark.parametrize("path", ["/a/", "/b", "/mount", "/mount/in/"])
def test_where_routes_are_strict_there_is_nothing(client_for: ClientFor, path: str) -> None:
    client = client_for(Bolide(routes=routes(), redirect_slashes="strict"))
    assert client.get(path, follow_redirects=False).status_code == 404


def test_a_router_may_differ_from_its_application(client_for: ClientFor) -> None:
    app = Bolide(
        redirect_slashes="ignore",
        routes=[
            Mount("/strict", Router([Route("/a", show)], redirect_slashes="strict")),
            Mount("/no", Router([Route("/a", show)], redirect_slashes=False)),
            Mount("/redirect", Router([Route("/a", show)], redirect_slashes="redirect")),
            Mount("/same", Router([Route("/a", show)])),
        ],
    )
    client = client_for(app, follow_redirects=False)
    answers = [client.get(f"/{name}/a/") for name in ("strict", "no", "redirect", "same")]
    assert [answer.status_code for answer in answers] == [404, 404, 307, 200]
    assert answers[2].headers["location"] == "/redirect/a"


def test_the_setting_may_be_changed(client_for: ClientFor) -> None:
    app = Starlette(routes=[Route("/a", show)])
    client = client_for(app, follow_redirects=False)
    for setting, status in [(True, 307), (False, 404), ("ignore", 200), ("strict", 404)]:
        app.router.redirect_slashes = setting  # type: ignore[assignment]
        assert client.get("/a/").status_code == status


def test_a_router_is_not_made_with_a_setting_that_is_none() -> None:
    with pytest.raises(UnknownSlashMode):
        Router(redirect_slashes="ingore")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("root_path", "path", "location"),
    [
        ("", "/a/?x=1&y=%2F", "/a?x=1&y=%2F"),
        ("", "/b", "/b/"),
        ("", "/mount", "/mount/"),
        ("/root", "/root/a/", "/root/a"),
        ("/root", "/root/mount/in/", "/root/mount/in"),
        ("/root", "/a/", "/root/a"),
    ],
)
def test_a_relative_redirect_is_a_path(
    client_for: ClientFor, root_path: str, path: str, location: str
) -> None:
    client = client_for(Bolide(routes=routes()), root_path=root_path, follow_redirects=False)
    response = client.get(path, headers={"host": "evil.example"})
    assert (response.status_code, response.headers["location"]) == (307, location)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("//evil.example/end/", "/%2Fevil.example/end"),
        ("/\\evil.example/end/", "/%5Cevil.example/end"),
        ("/\t/evil.example/end/", "/%09/evil.example/end"),
        ("/100%/?#/end/", "/100%25/%3F%23/end"),
        ("https://evil.example/end/", None),
    ],
)
@pytest.mark.anyio
async def test_a_relative_redirect_never_leads_to_another_host(
    path: str, location: str | None
) -> None:
    app = Bolide(routes=[Route("/{p:path}/end", show)])
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)
    found = dict(sent[0]["headers"]).get(b"location")
    assert found == (None if location is None else location.encode())
