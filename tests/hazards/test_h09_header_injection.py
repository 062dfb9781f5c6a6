"""H9: what an application puts into headers and cookies can neither end them nor begin others.

ATTEMPTS is the table of attempts: each tries to have one character in a header where it does harm.
Both faces refuse all of them: servers would, too, or would send two headers for one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.exceptions import HTTPException
from bolide.middleware.cors import CORSMiddleware
from bolide.middleware.security_headers import SecurityHeadersMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.requests import Request
from bolide.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from bolide.routing import Route, WebSocketRoute
from bolide.types import Message, Scope
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio

FACES = [Bolide, Starlette]
BAD = {"CR": "\r", "LF": "\n", "NUL": "\0"}


def with_headers(change: Callable[[Response, str], object]) -> Callable[[str], Response]:
    def attempt(bad: str) -> Response:
        response = PlainTextResponse("body")
        change(response, bad)
        return response

    return attempt


def with_media_type_of_class(bad: str) -> Response:
    class Odd(Response):
        media_type = bad

    return Odd("body")


def with_charset_of_class(bad: str) -> Response:
    class Odd(HTMLResponse):
        # A codec's name may hold such things: it is normalised before it is looked up.
        charset = f"utf{bad}8"

    return Odd(b"body", headers={})


def with_merged_headers(response: Response, bad: str) -> None:
    headers = response.headers
    headers |= {"x-a": bad}


def raising(bad: str) -> Response:
    raise HTTPException(400, headers={"x-a": bad})


ATTEMPTS: dict[str, Callable[[str], Response]] = {
    "a header's value": lambda bad: Response("body", headers={"x-a": bad}),
    "a header's name": lambda bad: Response("body", headers={bad: "1"}),
    "a media type": lambda bad: Response("body", media_type=bad),
    "a text's media type": lambda bad: Response("body", media_type=f"text/{bad}"),
    "a class's media type": with_media_type_of_class,
    "a class's charset": with_charset_of_class,
    "JSON's header": lambda bad: JSONResponse({}, headers={"x-a": bad}),
    "a stream's header": lambda bad: StreamingResponse([b"body"], headers={"x-a": bad}),
    "a stream's media type": lambda bad: StreamingResponse([b"body"], media_type=bad),
    "a redirect's target": lambda bad: RedirectResponse(f"/{bad}"),
    "a redirect's header": lambda bad: RedirectResponse("/", headers={"x-a": bad}),
    "a file's header": lambda bad: FileResponse(__file__, headers={"x-a": bad}),
    "a file's media type": lambda bad: FileResponse(__file__, media_type=bad),
    "a file's name": lambda bad: FileResponse(__file__, filename=bad),
    "a file's disposition": lambda bad: FileResponse(
        __file__, filename="a", content_disposition_type=bad
    ),
    "an exception's header": raising,
    "an assigned value": with_headers(lambda to, bad: to.headers.__setitem__("x-a", bad)),
    "an assigned name": with_headers(lambda to, bad: to.headers.__setitem__(bad, "1")),
    "an appended value": with_headers(lambda to, bad: to.headers.append("x-a", bad)),
    "an appended name": with_headers(lambda to, bad: to.headers.append(bad, "1")),
    "a default value": with_headers(lambda to, bad: to.headers.setdefault("x-a", bad)),
    "a default name": with_headers(lambda to, bad: to.headers.setdefault(bad, "1")),
    "an updated value": with_headers(lambda to, bad: to.headers.update({"x-a": bad})),
    "a merged value": with_headers(with_merged_headers),
    "Vary": with_headers(lambda to, bad: to.headers.add_vary_header(bad)),
    "a cookie's name": with_headers(lambda to, bad: to.set_cookie(bad)),
    "a cookie's value": with_headers(lambda to, bad: to.set_cookie("a", bad)),
    "a cookie's path": with_headers(lambda to, bad: to.set_cookie("a", path=bad)),
    "a cookie's domain": with_headers(lambda to, bad: to.set_cookie("a", domain=bad)),
    "a cookie's date": with_headers(lambda to, bad: to.set_cookie("a", expires=bad)),
    "a deleted cookie's name": with_headers(lambda to, bad: to.delete_cookie(bad)),
    "a deleted cookie's path": with_headers(lambda to, bad: to.delete_cookie("a", path=bad)),
    "a deleted cookie's domain": with_headers(lambda to, bad: to.delete_cookie("a", domain=bad)),
}

# These write what they are given in another form, which is what one wants of them.
WRITTEN_OTHERWISE = {"a redirect's target", "a file's name", "a cookie's value"}


def http_scope(*headers: tuple[bytes, bytes], method: str = "GET") -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def headers_of(app: Any, scope: Scope) -> tuple[list[tuple[bytes, bytes]], Exception | None]:
    """Give the headers that an application sends, and what it raises."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    error: Exception | None = None
    try:
        await app(scope, receive, send)
    except Exception as exc:
        error = exc
    return [pair for message in sent for pair in message.get("headers", ())], error


def is_clean(headers: list[tuple[bytes, bytes]]) -> bool:
    return not any(
        bad.encode() in part for pair in headers for part in pair for bad in BAD.values()
    )


def test_there_are_as_many_attempts_as_were_promised() -> None:
    assert len(ATTEMPTS) * len(BAD) >= 78


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("name", ATTEMPTS)
@pytest.mark.parametrize("face", FACES)
async def test_no_attempt_is_sent(face: type[Starlette], name: str, bad: str) -> None:
    async def endpoint(request: Request) -> Response:
        return ATTEMPTS[name](f"a{bad}x-injected: 1")

    headers, error = await headers_of(face(routes=[Route("/", endpoint)]), http_scope())

    assert headers
    assert is_clean(headers)
    if name not in WRITTEN_OTHERWISE:
        assert isinstance(error, ValueError)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize(
    "name", sorted(set(ATTEMPTS) - WRITTEN_OTHERWISE - {"an exception's header"})
)
async def test_an_attempt_fails_where_it_is_made_and_without_an_application(
    name: str, bad: str
) -> None:
    with pytest.raises(ValueError, match=r"header|cookie"):
        ATTEMPTS[name](f"a{bad}x-injected: 1")


async def test_the_error_names_the_header() -> None:
    with pytest.raises(ValueError, match=r"The header 'x-report' has the value 'a\\r\\nb'"):
        Response(headers={"X-Report": "a\r\nb"})
    with pytest.raises(ValueError, match="The header 'content-type' has the value"):
        Response(media_type="text/plain\n")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\tb", "\x7f"])
async def test_a_name_that_would_be_another_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="illegal name"):
        Response(headers={name: "1"})


@pytest.mark.parametrize("bad", [*BAD.values(), ";"])
@pytest.mark.parametrize("parameter", ["session_cookie", "path", "domain", "same_site"])
async def test_a_session_refuses_what_would_end_its_cookie(parameter: str, bad: str) -> None:
    options: dict[str, Any] = {parameter: f"a{bad}b"}

    with pytest.raises(ValueError, match="semicolons and control characters"):
        SessionMiddleware(Starlette(), "secret", **options)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("header", [b"origin", b"access-control-request-headers"])
async def test_cors_does_not_send_back_what_would_end_a_header(
    face: type[Starlette], header: bytes, bad: str
) -> None:
    app = CORSMiddleware(
        face(), allow_origin_regex=r"(?s:.*)", allow_headers=["*"], allow_credentials=True
    )
    given = {b"origin": b"http://a.example", b"access-control-request-method": b"GET"}
    given[header] = f"http://a{bad}.example".encode()

    for method in ("OPTIONS", "GET"):
        headers, _ = await headers_of(app, http_scope(*given.items(), method=method))
        assert headers
        assert is_clean(headers)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_security_headers_refuse_it(bad: str) -> None:
    with pytest.raises(ValueError, match="content-security-policy"):
        SecurityHeadersMiddleware(Starlette(), content_security_policy=f"a{bad}b")


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("place", ["name", "value", "subprotocol"])
async def test_a_handshake_refuses_it(face: type[Starlette], place: str, bad: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        pair = (b"x-a", b"1")
        if place == "name":
            pair = (f"x{bad}".encode(), b"1")
        elif place == "value":
            pair = (b"x-a", bad.encode())
        await websocket.accept(f"a{bad}" if place == "subprotocol" else None, [pair])

    scope = {**http_scope(), "type": "websocket", "scheme": "ws", "subprotocols": []}
    del scope["method"]
    headers, error = await headers_of(face(routes=[WebSocketRoute("/", endpoint)]), scope)

    assert is_clean(headers)
    assert isinstance(error, ValueError)


# Cookies that browsers drop

DROPPED: list[tuple[dict[str, Any], str]] = [
    ({"key": "a", "samesite": "none"}, "Secure because of SameSite=None"),
    ({"key": "__Secure-a"}, "Secure because of its prefix"),
    ({"key": "__Host-a"}, "Secure because of its prefix"),
    ({"key": "__host-a", "secure": True, "path": "/a"}, "path '/'"),
    ({"key": "__Host-a", "secure": True, "domain": "example.org"}, "no domain"),
    ({"key": "a", "value": "x" * 4093}, "4093"),
]

KEPT: list[dict[str, Any]] = [
    {"key": "a", "samesite": "none", "secure": True},
    {"key": "__Secure-a", "secure": True, "path": "/a", "domain": "example.org"},
    {"key": "__Host-a", "secure": True},
    {"key": "__Hosted"},
    {"key": "a", "value": "x" * 3900},
]


def setting(options: dict[str, Any]) -> list[Route]:
    async def by_async(request: Request) -> Response:
        response = Response()
        response.set_cookie(**options)
        return response

    def by_blocking(request: Request) -> Response:
        response = Response()
        response.set_cookie(**options)
        return response

    return [Route("/", by_async), Route("/blocking", by_blocking)]


@pytest.mark.parametrize("path", ["/", "/blocking"])
@pytest.mark.parametrize(("options", "message"), DROPPED)
def test_bolide_refuses_a_cookie_that_browsers_drop(
    client_for: Any, options: dict[str, Any], message: str, path: str
) -> None:
    client = client_for(Bolide(routes=setting(options)))

    with pytest.raises(ValueError, match=message):
        client.get(path)


@pytest.mark.parametrize(("options", "message"), DROPPED)
def test_starlette_sets_it_unless_it_is_asked_not_to(
    client_for: Any, options: dict[str, Any], message: str
) -> None:
    assert "set-cookie" in client_for(Starlette(routes=setting(options))).get("/").headers

    lenient = Bolide(routes=setting(options), check_cookies=False, max_cookie_size=None)
    assert "set-cookie" in client_for(lenient).get("/").headers


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("options", KEPT)
def test_a_cookie_that_browsers_keep_is_set(
    client_for: Any, face: type[Starlette], options: dict[str, Any]
) -> None:
    assert "set-cookie" in client_for(face(routes=setting(options))).get("/").headers


def test_the_innermost_application_decides(client_for: Any) -> None:
    routes = setting({"key": "a", "samesite": "none"})
    inner, outer = Starlette(routes=routes), Bolide()
    outer.mount("/inner", inner)
    assert "set-cookie" in client_for(outer).get("/inner/").headers

    inner, outer = Bolide(routes=routes), Starlette()
    outer.mount("/inner", inner)
    with pytest.raises(ValueError, match="SameSite=None"):
        client_for(outer).get("/inner/")
