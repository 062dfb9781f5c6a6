"""Redirects and the Host header: nobody is sent to another origin, and hosts can be told apart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from bolide.applications import Bolide, Starlette
from bolide.authentication import requires
from bolide.middleware import Middleware
from bolide.middleware.cors import CORSMiddleware
from bolide.middleware.forwarded import ForwardedMiddleware
from bolide.middleware.trustedhost import TrustedHostMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route, WebSocketRoute
from bolide.staticfiles import StaticFiles
from bolide.testclient import TestClient, WebSocketDenialResponse
from bolide.types import ASGIApp, Message
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

EVIL = b"evil.example"


async def home(request: Request) -> Response:
    return PlainTextResponse(str(request.url_for("home")))


@requires("signed in", redirect="home")
async def private(request: Request) -> Response:
    raise AssertionError


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def routes() -> list[Any]:
    return [
        Route("/", home),
        Route("/page/", home, name="page"),
        Route("/{path:path}/there/", home, name="there"),
        Route("/private", private),
        Mount("/mount", routes=[Route("/", home, name="inner")]),
        WebSocketRoute("/chat", chat),
    ]


async def ask(
    app: ASGIApp, path: str = "/", hosts: tuple[bytes, ...] = (b"localhost",), **more: Any
) -> tuple[int, dict[str, str], str]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"accept", b"text/plain"), *((b"host", host) for host in hosts)],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
        **more,
    }
    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"].decode()


# Redirects


@pytest.fixture
def files(tmp_path: Path) -> StaticFiles:
    for folder in (tmp_path, tmp_path / "evil.example"):
        folder.mkdir(exist_ok=True)
        (folder / "index.html").write_text("index")
    return StaticFiles(directory=tmp_path, html=True)


PATHS = [
    "/page",
    "/mount",
    "//evil.example/there",
    "///evil.example/there",
    "/\\evil.example/there",
    "/\\/evil.example/there",
    "//evil.example:80@localhost/there",
    "/%2f/evil.example/there",
    "/http://evil.example/there",
    "/\tevil.example/there",
    "/.//evil.example/there",
    "/static",
    "/static//evil.example",
    "/private",
]


@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("path", PATHS)
async def test_no_redirect_leads_to_another_origin(
    cls: type[Starlette], path: str, files: StaticFiles
) -> None:
    app = cls(routes=[Mount("/static", files), *routes()])
    status, headers, _ = await ask(app, path, auth=Nobody())
    if "location" in headers:
        assert 300 < status < 400
        target = urljoin("http://localhost" + path, headers["location"])
        assert urlsplit(target)[:2] == ("http", "localhost")
        # Nor where a browser would take a backslash for a slash.
        assert urlsplit(urljoin("http://localhost/", target.replace("\\", "/"))).netloc == (
            "localhost"
        )


class Nobody:
    scopes: tuple[str, ...] = ()


@pytest.mark.parametrize("path", ["/page", "/mount", "/private"])
async def test_a_redirect_does_not_name_the_host_that_the_client_claims(path: str) -> None:
    _, headers, _ = await ask(Bolide(routes=routes()), path, (EVIL,), auth=Nobody())
    assert headers["location"].startswith("/")
    _, headers, _ = await ask(Starlette(routes=routes()), path, (EVIL,), auth=Nobody())
    assert headers["location"].startswith("http://evil.example/")


# One host


@pytest.mark.parametrize("hosts", [(b"localhost", EVIL), (b"localhost", b"localhost")])
async def test_two_host_headers_are_refused(hosts: tuple[bytes, ...]) -> None:
    status, _, body = await ask(Bolide(routes=routes()), hosts=hosts)
    assert (status, body) == (400, "More than one Host header")


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(Starlette(routes=routes()), id="starlette"),
        pytest.param(Bolide(routes=routes(), refuse_double_hosts=False), id="bolide"),
    ],
)
async def test_on_starlette_the_first_one_counts(app: Starlette) -> None:
    status, _, body = await ask(app, hosts=(b"localhost", EVIL))
    assert (status, body) == (200, "http://localhost/")


async def test_a_request_without_a_host_is_taken() -> None:
    # HTTP/1.0 has none; URLs have the address of the server then.
    status, _, body = await ask(Bolide(routes=routes()), hosts=())
    assert (status, body) == (200, "http://127.0.0.1/")


# Hosts that are allowed


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"example.org", 200),
        (b"EXAMPLE.org:8000", 200),
        (b"api.example.org", 200),
        (EVIL, 400),
        (b"example.org.evil.example", 400),
        (b"evilexample.org", 400),
        (b"example.org/@evil.example", 400),
        (b"", 400),
    ],
)
async def test_other_hosts_are_refused(host: bytes, status: int) -> None:
    app = Bolide(routes=routes(), allowed_hosts=["example.org", "*.example.org"])
    assert (await ask(app, hosts=(host,)))[0] == status


async def test_by_default_and_with_a_star_any_host_is_taken() -> None:
    for app in (Bolide(routes=routes()), Bolide(routes=routes(), allowed_hosts=["*"])):
        assert (await ask(app, hosts=(EVIL,)))[0] == 200


def test_websockets_have_hosts_too(client_for: ClientFor) -> None:
    app = Bolide(routes=routes(), allowed_hosts=["example.org"])
    client = client_for(app)
    with client.websocket_connect("ws://example.org/chat"):
        pass
    with pytest.raises(WebSocketDenialResponse) as refusal:
        client.websocket_connect("ws://evil.example/chat").__enter__()
    assert refusal.value.status_code == 400


async def test_the_host_is_the_one_that_a_proxy_was_asked_for() -> None:
    app = Bolide(
        routes=routes(),
        middleware=[
            Middleware(ForwardedMiddleware, ["127.0.0.1"], headers=["x-forwarded-host"]),
            Middleware(CORSMiddleware, allow_origins=["https://example.org"]),
        ],
        allowed_hosts=["example.org"],
    )
    for claim, status in ((b"example.org", 200), (EVIL, 400)):
        headers = [(b"host", b"backend:8000"), (b"x-forwarded-host", claim)]
        assert (await ask(app, headers=headers))[0] == status


def test_a_text_where_a_list_belongs_is_refused() -> None:
    # Each of its letters would be a host.
    with pytest.raises(TypeError, match=r"such as \['example.org'\]"):
        Bolide(allowed_hosts="example.org")
    with pytest.raises(AssertionError):
        Bolide(allowed_hosts=["ex*mple.org"])


# The advice


@pytest.fixture
def advice(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    return lambda: [
        record.getMessage() for record in caplog.records if record.name == "bolide.hosts"
    ]


def test_an_application_that_says_nothing_of_its_hosts_is_told_once(
    client_for: ClientFor, advice: Callable[[], list[str]]
) -> None:
    app = Bolide(routes=[*routes(), Mount("/inner", app=Bolide(routes=routes()))])
    for _ in range(2):
        with client_for(app) as client:
            client.get("/")
            client.get("/inner/")
    (line,) = advice()
    assert "allowed_hosts" in line


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(lambda: Starlette(), id="starlette"),
        pytest.param(lambda: Bolide(debug=True), id="debug"),
        pytest.param(lambda: Bolide(allowed_hosts=["*"]), id="any"),
        pytest.param(lambda: Bolide(allowed_hosts=["testserver"]), id="some"),
        pytest.param(lambda: Bolide(advise_on_hosts=False), id="not wanted"),
        pytest.param(
            lambda: Bolide(middleware=[Middleware(TrustedHostMiddleware, ["testserver"])]),
            id="middleware",
        ),
    ],
)
def test_who_has_thought_of_it_is_not_told(
    client_for: ClientFor,
    advice: Callable[[], list[str]],
    app: Callable[[], Starlette],
) -> None:
    with client_for(app()):
        pass
    assert advice() == []


def test_the_advice_is_a_line_in_the_log(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    # A Python warning would be an error in the tests of who runs them like we do.
    with client_for(Bolide()):
        pass
    (record,) = [record for record in caplog.records if record.name == "bolide.hosts"]
    assert record.levelno == logging.WARNING
