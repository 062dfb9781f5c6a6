"""H10: sessions in cookies: weak keys, other cookies, lost changes, cookies that browsers drop."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import itsdangerous
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Mount, Route
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

KEY = "a key of more than sixteen bytes"
FACES = [Bolide, Starlette]


async def put(request: Request) -> Response:
    request.session.update(await request.json())
    return JSONResponse(request.session)


async def show(request: Request) -> Response:
    return JSONResponse(request.session)


async def append(request: Request) -> Response:
    request.session["list"].append(1)
    return JSONResponse(request.session)


async def rotate(request: Request) -> Response:
    request.session.rotate(**await request.json())
    return JSONResponse(request.session)


ROUTES = [
    Route("/put", put, methods=["POST"]),
    Route("/show", show),
    Route("/append", append),
    Route("/rotate", rotate, methods=["POST"]),
]


def app_of(face: type[Starlette], **options: Any) -> Starlette:
    options.setdefault("secret_key", KEY)
    return face(routes=ROUTES, middleware=[Middleware(SessionMiddleware, **options)])


def starlette_cookie(data: object, key: str = KEY) -> str:
    signer = itsdangerous.TimestampSigner(key)
    return signer.sign(b64encode(json.dumps(data).encode())).decode()


# Keys


@pytest.mark.parametrize("key", ["", "fifteen bytes..", [KEY, "short"]])
def test_bolide_refuses_a_short_key(client_for: Any, key: Any) -> None:
    with pytest.raises(ValueError, match="16 at the least"):
        client_for(app_of(Bolide, secret_key=key)).get("/show")
    with pytest.raises(ValueError, match="16 at the least"):
        SessionMiddleware(Starlette(), key, safe=True)


def test_bolide_refuses_a_short_key_when_it_starts(client_for: Any) -> None:
    with (
        pytest.raises(ValueError, match="16 at the least"),
        client_for(app_of(Bolide, secret_key="short", same_site="lax")) as client,
    ):
        client.get("/show")


@pytest.mark.parametrize("key", ["", "short"])
def test_starlette_takes_any_key(client_for: Any, key: str) -> None:
    assert client_for(app_of(Starlette, secret_key=key)).get("/show").status_code == 200
    assert client_for(app_of(Bolide, secret_key=key, safe=False)).get("/show").status_code == 200


@pytest.mark.parametrize(
    "options",
    [
        {"same_site": "none"},
        {"session_cookie": "__Host-session"},
        {"session_cookie": "__Secure-session"},
        {"session_cookie": "__Host-session", "https_only": True, "path": "/app"},
        {"partitioned": True},
    ],
)
def test_bolide_refuses_a_cookie_that_browsers_drop(
    client_for: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="cookie"):
        client_for(app_of(Bolide, **options)).get("/show")

    assert client_for(app_of(Starlette, **options)).get("/show").status_code == 200


# Other cookies of the same key


def test_a_session_of_bolide_is_none_under_another_name(client_for: Any) -> None:
    client = client_for(app_of(Bolide, session_cookie="first"))
    client.post("/put", json={"role": "admin"})
    value = client.cookies["first"]

    other = client_for(app_of(Bolide, session_cookie="second"), cookies={"second": value})
    assert other.get("/show").json() == {}
    # Nor is it one for an application that knows nothing of names.
    plain = client_for(app_of(Starlette, session_cookie="first"), cookies={"first": value})
    assert plain.get("/show").json() == {}


def test_a_session_of_starlette_is_one_under_any_name(client_for: Any) -> None:
    client = client_for(app_of(Starlette, session_cookie="first"))
    client.post("/put", json={"role": "admin"})
    value = client.cookies["first"]

    other = client_for(app_of(Starlette, session_cookie="second"), cookies={"second": value})
    assert other.get("/show").json() == {"role": "admin"}


def test_bolide_reads_sessions_of_starlette_until_it_is_told_not_to(client_for: Any) -> None:
    cookies = {"session": starlette_cookie({"user": "u"})}

    assert client_for(app_of(Bolide), cookies=cookies).get("/show").json() == {"user": "u"}
    strict = client_for(app_of(Bolide, accept_unsalted=False), cookies=cookies)
    assert strict.get("/show").json() == {}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("data", [None, 1, "text", ["list"], [["a", 1]], True])
def test_a_signed_value_that_is_no_object_is_an_empty_session(
    client_for: Any, face: type[Starlette], data: object
) -> None:
    client = client_for(app_of(face), cookies={"session": starlette_cookie(data)})

    response = client.get("/show")

    assert (response.status_code, response.json()) == (200, {})


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("payload", [b"", b"{", b"not base64!", b64encode(b"\xff\xfe{")])
def test_a_signed_value_that_is_no_json_is_an_empty_session(
    client_for: Any, face: type[Starlette], payload: bytes
) -> None:
    signed = itsdangerous.TimestampSigner(KEY).sign(payload).decode("latin-1")

    response = client_for(app_of(face)).get("/show", headers={"cookie": f"session={signed}"})

    assert (response.status_code, response.json()) == (200, {})


@pytest.mark.parametrize("face", FACES)
def test_no_tampering_is_accepted(face: type[Starlette]) -> None:
    client = TestClient(app_of(face))
    client.post("/put", json={"role": "user"})
    value = client.cookies["session"]
    client.cookies.clear()

    @settings(deadline=None)
    @given(st.integers(0, len(value) - 1), st.characters(codec="ascii", exclude_characters=";"))
    def tamper(place: int, character: str) -> None:
        changed = value[:place] + character + value[place + 1 :]
        # The last character of a signature stands for fewer bits than it has.
        if changed != value and place != len(value) - 1 and character.isprintable():
            response = client.get("/show", headers={"cookie": f"session={changed}"})
            assert response.json() == {}

    tamper()


# Changes


@pytest.mark.parametrize(("face", "seen"), [(Bolide, [1, 1]), (Starlette, [])])
def test_a_change_inside_a_value_is_saved_by_bolide(
    client_for: Any, face: type[Starlette], seen: list[int]
) -> None:
    client = client_for(app_of(face))
    client.post("/put", json={"list": []})
    client.get("/append")
    client.get("/append")

    assert client.get("/show").json() == {"list": seen}


@pytest.mark.parametrize("face", FACES)
def test_a_session_that_is_only_looked_at_is_not_set_again(
    client_for: Any, face: type[Starlette]
) -> None:
    client = client_for(app_of(face))
    client.post("/put", json={"list": [], "text": "\u00e9\U0001f600"})

    response = client.get("/show")

    assert "set-cookie" not in response.headers
    assert response.headers["vary"] == "Cookie"


def test_a_session_that_came_from_starlette_is_not_set_again(client_for: Any) -> None:
    client = client_for(app_of(Bolide), cookies={"session": starlette_cookie({"a": [1]})})

    assert "set-cookie" not in client.get("/show").headers


@pytest.mark.parametrize("face", FACES)
def test_rotating_sets_the_cookie_again_and_keeps_what_it_is_told_to(
    client_for: Any, face: type[Starlette]
) -> None:
    client = client_for(app_of(face))
    client.post("/put", json={"cart": [1], "draft": 2})

    response = client.post("/rotate", json={})
    assert "set-cookie" in response.headers
    assert response.json() == {"cart": [1], "draft": 2}

    response = client.post("/rotate", json={"keep": ["cart", "other"]})
    assert response.json() == client.get("/show").json() == {"cart": [1]}

    response = client.post("/rotate", json={"keep": []})
    assert "session=null" in response.headers["set-cookie"]
    with pytest.raises(ValueError, match="A list of keys"):
        client.post("/rotate", json={"keep": "cart"})


# What browsers drop


def test_bolide_raises_when_a_session_is_too_large(client_for: Any) -> None:
    client = client_for(app_of(Bolide))
    with pytest.raises(ValueError, match="max_cookie_size, 4093 bytes"):
        client.post("/put", json={"text": "x" * 4000})

    quiet = client_for(app_of(Bolide), raise_server_exceptions=False)
    response = quiet.post("/put", json={"text": "x" * 4000})
    assert response.status_code == 500
    assert "set-cookie" not in response.headers


def test_bolide_keeps_a_session_that_just_fits(client_for: Any) -> None:
    client = client_for(app_of(Bolide))
    response = client.post("/put", json={"text": "x" * 2900})

    assert 3900 < len(response.headers["set-cookie"]) <= 4093
    assert client.get("/show").json() == {"text": "x" * 2900}


def test_another_limit_can_be_set(client_for: Any) -> None:
    app = Bolide(
        routes=ROUTES,
        middleware=[Middleware(SessionMiddleware, secret_key=KEY)],
        max_cookie_size=200,
    )
    with pytest.raises(ValueError, match="max_cookie_size, 200 bytes"):
        client_for(app).post("/put", json={"text": "x" * 100})


def test_starlette_sends_a_session_of_any_size(client_for: Any) -> None:
    response = client_for(app_of(Starlette)).post("/put", json={"text": "x" * 8000})

    assert len(response.headers["set-cookie"]) > 8000


@pytest.mark.parametrize(
    ("face", "url", "secure"),
    [
        (Bolide, "https://testserver", True),
        (Bolide, "http://testserver", False),
        (Starlette, "https://testserver", False),
    ],
)
def test_the_cookie_of_bolide_is_secure_over_https(
    client_for: Any, face: type[Starlette], url: str, secure: bool
) -> None:
    client = client_for(app_of(face), base_url=url)

    set_cookie = client.post("/put", json={"a": 1}).headers["set-cookie"]
    assert ("secure" in set_cookie) == secure
    removed = client.post("/rotate", json={"keep": []}).headers["set-cookie"]
    assert ("secure" in removed) == secure


def test_https_only_is_said_once(client_for: Any) -> None:
    client = client_for(app_of(Bolide, https_only=True), base_url="https://testserver")

    assert client.post("/put", json={"a": 1}).headers["set-cookie"].count("secure") == 1


def test_middleware_of_a_mount_does_what_its_application_says(client_for: Any) -> None:
    layers = [Middleware(SessionMiddleware, secret_key="short")]
    routes = [Mount("/in", routes=ROUTES, middleware=layers)]

    assert client_for(Starlette(routes=routes)).get("/in/show").status_code == 200
    with pytest.raises(ValueError, match="16 at the least"):
        client_for(Bolide(routes=routes)).get("/in/show")
