"""Bytes that do not belong into a path, a query, a header or a cookie: never a fault of ours."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware.cors import CORSMiddleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.requests import Request
from bolide.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from bolide.routing import Host, Mount, Route
from bolide.staticfiles import StaticFiles
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

REQUESTS = 3000


async def everything(request: Request) -> Response:
    """Look at all that a request can tell."""
    async with request.form() as form:
        names = sorted(form)
    request.session["seen"] = True
    return JSONResponse(
        {
            "path": request.url.path,
            "url": str(request.url),
            "base": str(request.base_url),
            "query": request.query_params.multi_items(),
            "headers": request.headers.items(),
            "cookies": request.cookies,
            "params": {name: str(value) for name, value in request.path_params.items()},
            "form": names,
            "hostname": request.url.hostname,
        }
    )


async def json(request: Request) -> Response:
    return JSONResponse(await request.json())


async def file(request: Request) -> Response:
    return FileResponse(Path(__file__), filename="a.txt")


def application(app_class: Any = Bolide) -> Any:
    routes = [
        Route("/", everything, methods=["GET", "POST"]),
        Route("/i/{i:int}", everything),
        Route("/f/{f:float}", everything),
        Route("/u/{u:uuid}", everything),
        Route("/s/{s}", everything),
        Route("/p/{p:path}", everything),
        Route("/json", json, methods=["POST"]),
        Route("/file", file),
        Mount("/static", StaticFiles(directory=Path(__file__).parent, html=True)),
        Host("{sub}.example.org", app=Route("/", everything)),
    ]
    middleware = [
        Middleware(SessionMiddleware, secret_key="a key of more than sixteen bytes"),
        Middleware(CORSMiddleware, allow_origins=["https://example.org"]),
        Middleware(GZipMiddleware, minimum_size=10),
    ]
    return app_class(routes=routes, middleware=middleware)


APP = application()

PIECES = [
    *(bytes([byte]) for byte in range(256)),
    *(b"%%%02x" % byte for byte in range(256)),
    *(b"/", b"//", b"..", b"./", b"\\", b"%", b"%2", b"%zz", b"\r\n", b"\n", b"?", b"#", b";"),
    *(b"1" * 5000, b"1e999", b"nan", b"-1", b"\xd9\xa3", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80"),
    *(b"=", b"&", b"+", b",", b'"', b'"\\', b"a=b", b"bytes=0-1,5-", b"W/", b"*", b"text/html"),
    *(b"gzip;q=0", b"session=", b"e30=.a.b", b"multipart/form-data; boundary=", b"[::1]:80"),
    *(b"application/x-www-form-urlencoded", b"charset=", b"--b\r\n", b"{", b"[", b"null"),
]
PATHS = ["/", "/i/", "/f/", "/u/", "/s/", "/p/", "/json", "/file", "/static/", "/i/3"]
HEADERS = [
    *("accept", "accept-encoding", "cookie", "content-type", "content-length", "host", "range"),
    *("if-range", "if-none-match", "if-modified-since", "if-match", "origin", "referer"),
    *("access-control-request-method", "access-control-request-headers", "x-forwarded-for"),
    *("content-disposition", "expect", "transfer-encoding", "authorization"),
]
METHODS = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "get", "__init__", ""]


def garbage(dice: random.Random) -> bytes:
    return b"".join(dice.choices(PIECES, k=dice.randrange(6)))


def random_scope(dice: random.Random) -> dict[str, Any]:
    """Make a scope as a server does of what it got, which it has not looked at closely."""
    raw_path = dice.choice(PATHS).encode() + dice.choice([b"", garbage(dice)])
    headers = [(dice.choice(HEADERS).encode(), garbage(dice)) for _ in range(dice.randrange(6))]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": dice.choice(METHODS[:3] if dice.random() < 0.7 else METHODS),
        "scheme": "http",
        "path": unquote_to_bytes(raw_path).decode("utf-8", dice.choice(["replace", "ignore"])),
        "raw_path": raw_path,
        "root_path": dice.choice(["", "", "", "/root", "/i"]),
        "query_string": garbage(dice),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def ask(app: Any, scope: dict[str, Any], body: bytes = b"") -> int:
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


async def test_no_request_is_an_error_of_the_server() -> None:
    dice = random.Random(20)
    statuses: dict[int, int] = {}
    for _ in range(REQUESTS):
        scope = random_scope(dice)
        status = await ask(APP, scope, garbage(dice))
        assert 200 <= status < 500, scope
        statuses[status] = statuses.get(status, 0) + 1
    # All of it would be worth nothing if hardly a request got anywhere.
    assert statuses[200] > REQUESTS / 10
    assert {200, 400, 404, 405} <= set(statuses)


@pytest.mark.parametrize("path", ["/i/3%0a", "/f/1.5%0a", "/file%0a", "/i/3%0d%0a", "/json%0a"])
@pytest.mark.parametrize("app_class", [Bolide, Starlette])
def test_a_newline_at_the_end_of_a_path_is_part_of_it(
    client_for: ClientFor, path: str, app_class: Any
) -> None:
    assert client_for(application(app_class)).get(path).status_code == 404


@pytest.mark.parametrize("digits", ["1" * 4301, "9" * 60_000])
def test_more_digits_than_a_number_has_are_not_found(client_for: ClientFor, digits: str) -> None:
    client = client_for(application(), raise_server_exceptions=False)
    assert client.get(f"/i/{digits}").status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cookie", b"\xff\xfe=\x80; a"),
        ("content-type", b'multipart/form-data; boundary="\xff'),
        ("content-type", b"multipart/form-data"),
        ("host", b"a\x00b:99999999"),
        ("host", b"[::1"),
        ("range", b"bytes=9" + b"9" * 5000 + b"-"),
        ("if-modified-since", b"\xff"),
        ("content-length", b"\xb2"),
    ],
)
async def test_headers_that_are_nonsense_are_no_error_of_the_server(
    name: str, value: bytes, anyio_backend: str
) -> None:
    scope = random_scope(random.Random(1))
    for path, method in (("/", "POST"), ("/file", "GET"), ("/i/1", "GET")):
        changed = {"path": path, "method": method, "headers": [(name.encode(), value)]}
        status = await ask(APP, {**scope, "root_path": "", **changed})
        assert status in (200, 206, 400, 413, 416)


def test_plain_responses_can_hold_what_a_client_sent(client_for: ClientFor) -> None:
    async def echo(request: Request) -> Response:
        return PlainTextResponse(request.url.path + str(request.query_params))

    client = client_for(Bolide(routes=[Route("/{p:path}", echo)]))
    assert client.get("/%ff%fe?%ff=%80").status_code == 200
