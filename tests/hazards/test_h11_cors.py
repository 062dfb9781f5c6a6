"""H11: cross-origin sharing that is wider than was meant, and that browsers do not get to see."""

from __future__ import annotations

from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware.cors import CORSMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route

pytestmark = pytest.mark.anyio

FACES = [Bolide, Starlette]


async def home(request: Request) -> Response:
    return PlainTextResponse("home")


async def fail(request: Request) -> Response:
    raise RuntimeError("bug")


ROUTES = [Route("/", home), Route("/fail", fail)]


def app_of(face: type[Starlette], **options: Any) -> Starlette:
    return face(routes=ROUTES, middleware=[Middleware(CORSMiddleware, **options)])


def allowed(client: Any, origin: str, path: str = "/") -> str | None:
    response = client.get(path, headers={"origin": origin})
    value: str | None = response.headers.get("access-control-allow-origin")
    return value


UNSAFE: list[tuple[dict[str, Any], str]] = [
    ({"allow_origins": ["*"], "allow_credentials": True}, "Name the origins"),
    ({"allow_origin_regex": ".*", "allow_credentials": True}, "Name the origins"),
    ({"allow_origin_regex": "http://.*", "allow_credentials": True}, "Name the origins"),
    ({"allow_origins": "*"}, "allow_origins has to be a list"),
    ({"allow_origins": "https://example.org"}, "allow_origins has to be a list"),
    ({"allow_methods": "GET"}, "allow_methods has to be a list"),
    ({"allow_headers": "X-A"}, "allow_headers has to be a list"),
    ({"expose_headers": "X-A"}, "expose_headers has to be a list"),
    ({"allow_origins": ["https://example.org/"]}, "is no origin"),
    ({"allow_origins": ["example.org"]}, "is no origin"),
    ({"allow_origins": ["https://*.example.org"]}, "is no origin"),
    ({"allow_origins": ["null"]}, "is no origin"),
    ({"allow_origin_regex": r"https://app.example\.org"}, "has a dot"),
    ({"allow_origin_regex": r"https://[a-z.]+\.example.org"}, "has a dot"),
]


@pytest.mark.parametrize(("options", "message"), UNSAFE)
def test_bolide_refuses_what_is_not_safe(
    client_for: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CORSMiddleware(Starlette(), safe=True, **options)
    with pytest.raises(ValueError, match=message):
        client_for(app_of(Bolide, **options)).get("/")
    with pytest.raises(ValueError, match=message):
        client_for(app_of(Bolide, **options)).__enter__()


@pytest.mark.parametrize(("options", "message"), UNSAFE)
def test_starlette_takes_it(client_for: Any, options: dict[str, Any], message: str) -> None:
    for app in (app_of(Starlette, **options), app_of(Bolide, safe=False, **options)):
        assert client_for(app).get("/", headers={"origin": "https://a.example"}).text == "home"


def test_starlette_still_finds_a_part_of_a_text(client_for: Any) -> None:
    client = client_for(app_of(Starlette, allow_origins="https://example.org"))

    assert allowed(client, "https://example.o") == "https://example.o"


@pytest.mark.parametrize(
    "expression",
    [r"https://.*\.example\.org", r"https://[^.]+\.example\.org", r"https://.{1,9}\.example\.org"],
)
def test_bolide_takes_dots_that_are_meant(client_for: Any, expression: str) -> None:
    client = client_for(app_of(Bolide, allow_origin_regex=expression, allow_credentials=True))

    assert allowed(client, "https://app.example.org") == "https://app.example.org"
    assert allowed(client, "https://example.org") is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example/.example.org",
        "https://evil.example?.example.org",
        "https://evil.example#.example.org",
        "https://user@evil.example:1.example.org",
        "https://evil.example\\.example.org",
        "null",
        "",
    ],
)
def test_an_expression_of_bolide_sees_origins_only(client_for: Any, origin: str) -> None:
    options = {"allow_origin_regex": r"https://.*\.example\.org|null|"}

    assert allowed(client_for(app_of(Bolide, **options)), origin) is None


def test_starlette_gives_an_expression_any_text(client_for: Any) -> None:
    client = client_for(app_of(Starlette, allow_origin_regex=r"https://.*\.example\.org"))

    assert allowed(client, "https://evil.example/.example.org") is not None


@pytest.mark.parametrize(
    ("origin", "by_bolide"),
    [
        ("https://example.org", True),
        ("HTTPS://Example.org", True),
        ("https://example.org:443", True),
        ("https://example.org:8443", False),
        ("http://example.org", False),
        ("https://example.org.evil.example", False),
        ("https://exampleXorg", False),
    ],
)
def test_bolide_compares_origins_in_their_normal_form(
    client_for: Any, origin: str, by_bolide: bool
) -> None:
    client = client_for(app_of(Bolide, allow_origins=["https://example.org:443"]))

    assert allowed(client, origin) == (origin if by_bolide else None)


def test_any_origin_is_allowed_without_credentials(client_for: Any) -> None:
    assert allowed(client_for(app_of(Bolide, allow_origins=["*"])), "https://a.example") == "*"


@pytest.mark.parametrize(("face", "expected"), [(Bolide, "*"), (Starlette, None)])
def test_a_server_error_of_bolide_has_the_headers(
    client_for: Any, face: type[Starlette], expected: str | None
) -> None:
    app = app_of(face, allow_origins=["*"])
    client = client_for(app, raise_server_exceptions=False)

    assert client.get("/fail").status_code == 500
    assert allowed(client, "https://a.example", "/fail") == expected
    # Other errors have them in both.
    assert allowed(client, "https://a.example", "/missing") == "*"


@pytest.mark.parametrize("face", FACES)
def test_middleware_of_a_mount_does_what_its_application_says(
    client_for: Any, face: type[Starlette]
) -> None:
    layers = [Middleware(CORSMiddleware, allow_origins="https://example.org")]
    client = client_for(face(routes=[Mount("/in", routes=ROUTES, middleware=layers)]))

    if face is Starlette:
        assert client.get("/in/").text == "home"
    else:
        with pytest.raises(ValueError, match="has to be a list"):
            client.get("/in/")


def test_middleware_around_an_application_is_told_by_its_parameter(client_for: Any) -> None:
    around = CORSMiddleware(Bolide(routes=ROUTES), allow_origins="https://example.org")

    assert client_for(around).get("/").text == "home"
    with pytest.raises(ValueError, match="has to be a list"):
        CORSMiddleware(Bolide(routes=ROUTES), allow_origins="https://example.org", safe=True)
