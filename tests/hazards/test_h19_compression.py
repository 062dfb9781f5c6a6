"""H19: compression that ignores what clients and responses say, and that tells of secrets."""

from __future__ import annotations

from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response, StreamingResponse
from bolide.routing import Route

pytestmark = pytest.mark.anyio

FACES = [Bolide, Starlette]
BODY = "text " * 1000


def app_of(face: type[Starlette], response: Response, **options: Any) -> Starlette:
    async def endpoint(request: Request) -> Response:
        return response

    return face(routes=[Route("/", endpoint)], middleware=[Middleware(GZipMiddleware, **options)])


def get(client: Any, accepted: str = "gzip") -> Any:
    response = client.get("/", headers={"accept-encoding": accepted})
    assert response.text == BODY
    return response


@pytest.mark.parametrize(
    ("accepted", "by_bolide", "by_starlette"),
    [
        ("gzip", True, True),
        ("gzip;q=0.5, br", True, True),
        ("gzip;q=0", False, True),
        ("gzip;q=0.5, identity", False, True),
        ("x-gzipped", False, True),
        ("*", True, False),
        ("*, gzip;q=0", False, True),
        ("", False, False),
    ],
)
def test_bolide_follows_qualities(
    client_for: Any, accepted: str, by_bolide: bool, by_starlette: bool
) -> None:
    for face, compresses in ((Bolide, by_bolide), (Starlette, by_starlette)):
        response = get(client_for(app_of(face, PlainTextResponse(BODY))), accepted)
        assert ("content-encoding" in response.headers) == compresses
        assert response.headers["vary"] == "Accept-Encoding"


async def accept_encoding_twice(app: Any) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"accept-encoding", b"br"), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize(("face", "compresses"), [(Bolide, True), (Starlette, False)])
async def test_bolide_reads_all_of_several_headers(face: type[Starlette], compresses: bool) -> None:
    sent = await accept_encoding_twice(app_of(face, PlainTextResponse(BODY)))

    assert ((b"content-encoding", b"gzip") in sent[0]["headers"]) == compresses


@pytest.mark.parametrize(
    ("etag", "by_bolide", "by_starlette"),
    [('"a"', 'W/"a"', '"a"'), ('W/"a"', 'W/"a"', 'W/"a"')],
)
def test_bolide_weakens_the_entity_tag_of_what_it_compresses(
    client_for: Any, etag: str, by_bolide: str, by_starlette: str
) -> None:
    for face, expected in ((Bolide, by_bolide), (Starlette, by_starlette)):
        client = client_for(app_of(face, PlainTextResponse(BODY, headers={"etag": etag})))
        assert get(client).headers["etag"] == expected
        assert get(client, "identity").headers["etag"] == etag


@pytest.mark.parametrize(
    "cache_control", ["no-transform", "public, No-Transform ,max-age=60", "no-transform,private"]
)
def test_bolide_obeys_no_transform(client_for: Any, cache_control: str) -> None:
    response = PlainTextResponse(BODY, headers={"cache-control": cache_control, "etag": '"a"'})

    by_bolide = get(client_for(app_of(Bolide, response)))
    assert "content-encoding" not in by_bolide.headers
    assert by_bolide.headers["etag"] == '"a"'
    by_starlette = get(client_for(app_of(Starlette, response)))
    assert by_starlette.headers["content-encoding"] == "gzip"


def test_other_directives_do_not_keep_bolide_from_compressing(client_for: Any) -> None:
    response = PlainTextResponse(BODY, headers={"cache-control": "private, max-age=60"})

    assert "content-encoding" in get(client_for(app_of(Bolide, response))).headers


@pytest.mark.parametrize("is_stream", [False, True])
def test_bolide_leaves_responses_alone_that_set_cookies(client_for: Any, is_stream: bool) -> None:
    def make() -> Response:
        response = StreamingResponse([BODY]) if is_stream else PlainTextResponse(BODY)
        response.set_cookie("session", "secret")
        return response

    assert "content-encoding" not in get(client_for(app_of(Bolide, make()))).headers
    asked = app_of(Bolide, make(), compress_with_cookies=True)
    assert "content-encoding" in get(client_for(asked)).headers
    assert "content-encoding" in get(client_for(app_of(Starlette, make()))).headers


@pytest.mark.parametrize("face", FACES)
def test_a_parameter_wins_over_the_application(client_for: Any, face: type[Starlette]) -> None:
    strict = client_for(app_of(face, PlainTextResponse(BODY), strict=True))
    assert "content-encoding" not in get(strict, "gzip;q=0").headers
    lax = client_for(app_of(face, PlainTextResponse(BODY), strict=False))
    assert "content-encoding" in get(lax, "gzip;q=0").headers
