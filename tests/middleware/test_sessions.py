"""Sessions in signed cookies: what is read, what is written, and when."""

from __future__ import annotations

import importlib
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import anyio
import itsdangerous
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bolide._policy import Policy
from bolide.applications import Starlette
from bolide.datastructures import Secret
from bolide.exceptions import MissingExtra
from bolide.middleware import Middleware
from bolide.middleware.sessions import Session, SessionMiddleware
from bolide.requests import HTTPConnection, Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Mount, Route, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]
Use = Callable[[Any], object]

REMOVED = "session=null; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly; samesite=lax"


# The session itself


def set_item(session: Session) -> None:
    session["new"] = 1


def set_item_again(session: Session) -> None:
    session["a"] = 1


def delete_item(session: Session) -> None:
    del session["a"]


def merge(session: Session) -> None:
    same = session
    session |= {"new": 1}
    assert session is same


CHANGES: list[tuple[Use, dict[str, int]]] = [
    (set_item, {"a": 1, "b": 2, "new": 1}),
    (set_item_again, {"a": 1, "b": 2}),
    (delete_item, {"b": 2}),
    (merge, {"a": 1, "b": 2, "new": 1}),
    (lambda session: session.clear(), {}),
    (lambda session: session.update({"a": 5}, c=6), {"a": 5, "b": 2, "c": 6}),
    (lambda session: session.update([("a", 5)]), {"a": 5, "b": 2}),
    (lambda session: session.update(b=7), {"a": 1, "b": 7}),
    (lambda session: session.pop("a"), {"b": 2}),
    (lambda session: session.pop("a", None), {"b": 2}),
    (lambda session: session.popitem(), {"a": 1}),
    (lambda session: session.setdefault("new", 3), {"a": 1, "b": 2, "new": 3}),
    (lambda session: session.setdefault("new"), {"a": 1, "b": 2, "new": None}),
    (lambda session: session.mark_modified(), {"a": 1, "b": 2}),
]


@pytest.mark.parametrize(("change", "result"), CHANGES)
def test_every_change_is_seen(change: Use, result: dict[str, int]) -> None:
    session = Session(a=1, b=2)
    change(session)

    assert session == result
    assert (session.accessed, session.modified) == (True, True)


NO_CHANGES: list[Use] = [
    lambda session: session["a"],
    lambda session: session.get("a"),
    lambda session: "a" in session,
    lambda session: list(session.items()),
    lambda session: len(session),
    lambda session: session.copy(),
    lambda session: session | {"new": 1},
    lambda session: session.pop("missing", None),
    lambda session: session.setdefault("a", 3),
    lambda session: session.setdefault("a"),
]


@pytest.mark.parametrize("use", NO_CHANGES)
def test_what_leaves_it_as_it_is_is_no_change(use: Use) -> None:
    session = Session(a=1, b=2)
    use(session)

    assert session == {"a": 1, "b": 2}
    assert (session.accessed, session.modified) == (False, False)


def test_methods_give_what_those_of_a_dict_give() -> None:
    session = Session(a=1, b=2)

    assert session.pop("missing", "default") == "default"
    assert session.setdefault("a", 3) == 1
    assert session.setdefault("c", 3) == 3
    assert session.pop("a") == 1
    assert session.popitem() == ("c", 3)


def test_what_is_not_there_cannot_be_removed() -> None:
    session = Session()
    with pytest.raises(KeyError):
        session.pop("missing")
    with pytest.raises(KeyError):
        session.popitem()

    assert (session.accessed, session.modified) == (False, False)
    with pytest.raises(KeyError):
        delete_item(session)


def test_every_method_that_changes_a_dict_is_among_them() -> None:
    changing = {
        "__setitem__",
        "__delitem__",
        "__ior__",
        "clear",
        "pop",
        "popitem",
        "setdefault",
        "update",
    }

    assert changing <= set(vars(Session))


def test_looking_is_no_change() -> None:
    session = Session(a=1)
    session.mark_accessed()

    assert (session.accessed, session.modified) == (True, False)
    assert (Session.accessed, Session.modified) == (False, False)


def test_a_session_is_a_dict_that_can_be_written_as_json() -> None:
    assert isinstance(Session(), dict)
    assert json.dumps(Session(a=[1])) == '{"a": [1]}'


# The middleware


def using(use: Use) -> Any:
    """Make an application that does something with the session, and then answers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        use(HTTPConnection(scope).session)
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", b"own=1")]}
        )
        await send({"type": "http.response.body", "body": b"OK"})

    return app


def nothing(session: Any) -> None:
    pass


async def call(app: Any, cookie: str | None = None) -> dict[str, list[str]]:
    """Call an application and give the headers of its response."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise RuntimeError("nothing is to be received")

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if cookie is None else [(b"cookie", cookie.encode("latin-1"))]
    await app({"type": "http", "headers": headers}, receive, send)
    start, body = sent
    assert body == {"type": "http.response.body", "body": b"OK"}
    found: dict[str, list[str]] = {}
    for name, value in start["headers"]:
        found.setdefault(name.decode(), []).append(value.decode())
    assert found["set-cookie"].pop(0) == "own=1"
    return found


def signed(session: object, key: str = "secret") -> str:
    """Make a cookie the way that Starlette does."""
    data = b64encode(json.dumps(session).encode())
    return itsdangerous.TimestampSigner(key).sign(data).decode()


async def load(cookie: str | None, secret_key: Any = "secret", **options: Any) -> dict[str, Any]:
    """Give what the application sees in its session for a cookie."""
    seen: list[dict[str, Any]] = []
    app = SessionMiddleware(using(seen.append), secret_key, **options)
    await call(app, None if cookie is None else f"session={cookie}")
    assert type(seen[0]) is Session
    return seen[0]


async def store(session: dict[str, Any], secret_key: Any = "secret", **options: Any) -> str:
    """Give the cookie that a session is written to."""
    app = SessionMiddleware(using(lambda found: found.update(session)), secret_key, **options)
    headers = await call(app)
    (cookie,) = headers["set-cookie"]
    return cookie.partition(";")[0].partition("=")[2]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SESSIONS = st.dictionaries(st.text(), JSON_VALUES, min_size=1, max_size=4)


@given(SESSIONS)
def test_what_was_written_is_what_is_read(session: dict[str, Any]) -> None:
    assert anyio.run(load, anyio.run(store, session)) == session


@given(SESSIONS)
def test_cookies_are_those_of_starlette(session: dict[str, Any]) -> None:
    assert anyio.run(load, signed(session)) == session

    cookie = anyio.run(store, session)
    payload = itsdangerous.TimestampSigner("secret").unsign(cookie.encode(), max_age=5)
    assert payload == b64encode(json.dumps(session).encode())


SECRETS = {"user": "anna", "admin": False}
# No comma, semicolon, quote or space: what ends a cookie would only make it shorter.
CHARACTERS = "abcXYZ019-_=./+~"


@given(data=st.data())
def test_a_cookie_whose_content_was_changed_gives_an_empty_session(data: st.DataObject) -> None:
    cookie = signed(SECRETS)
    content, _, signature = cookie.rpartition(".")
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 8)))
    inserted = data.draw(st.text(CHARACTERS, max_size=8))
    changed = content[:start] + inserted + content[end:]
    assume(changed != content)

    assert anyio.run(load, f"{changed}.{signature}") == {}


@given(data=st.data())
def test_whatever_was_changed_nothing_else_can_be_read(data: st.DataObject) -> None:
    cookie = signed(SECRETS)
    start = data.draw(st.integers(0, len(cookie)))
    end = data.draw(st.integers(start, len(cookie)))
    changed = cookie[:start] + data.draw(st.text(CHARACTERS, max_size=8)) + cookie[end:]

    # The last character of a signature has two bits that mean nothing.
    assert anyio.run(load, changed) in ({}, SECRETS)


@given(SESSIONS, st.text(min_size=1).filter(lambda key: key != "secret"))
def test_a_cookie_signed_with_another_key_gives_an_empty_session(
    session: dict[str, Any], key: str
) -> None:
    assert anyio.run(load, signed(session, key)) == {}


def sign(payload: bytes) -> str:
    return itsdangerous.TimestampSigner("secret").sign(payload).decode()


@pytest.mark.parametrize(
    "cookie",
    [
        None,
        "",
        "null",
        "no-signature",
        b64encode(b'{"a": 1}').decode(),
        itsdangerous.Signer("secret").sign(b64encode(b'{"a": 1}')).decode(),
        "\xe9\xff.\xe9.\xff",
        # Signed by us, but not a session.
        sign(b"a"),
        sign(b64encode(b"{")),
        sign(b64encode(b"\xff\xfe\xfd")),
        sign(b64encode(b"[1]")),
        sign(b64encode(b"null")),
        sign(b64encode(b'"text"')),
        sign(b""),
    ],
)
async def test_what_is_no_session_of_ours_gives_an_empty_one(cookie: str | None) -> None:
    assert await load(cookie) == {}


async def test_the_session_is_put_into_the_scope() -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    async def channel(*args: Any) -> Any: ...

    scope: Scope = {"type": "http", "headers": [(b"cookie", f"session={signed(SECRETS)}".encode())]}
    await SessionMiddleware(app, "secret")(scope, channel, channel)

    assert scopes[0] is scope
    session = scope["session"]
    assert type(session) is Session
    assert session == SECRETS
    assert (session.accessed, session.modified) == (False, False)


async def test_other_scopes_pass_untouched() -> None:
    calls: list[tuple[Any, ...]] = []

    async def app(*args: Any) -> None:
        calls.append(args)

    async def channel(*args: Any) -> Any: ...

    scope: Scope = {"type": "lifespan"}
    await SessionMiddleware(app, "secret")(scope, channel, channel)

    assert calls == [({"type": "lifespan"}, channel, channel)]


# When a cookie is written


async def test_a_session_that_nobody_looks_at_leaves_no_trace() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": b"OK"})

    start: Message = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"set-cookie", b"own=1")],
    }
    for cookie in (None, f"session={signed(SECRETS)}", "session=broken"):
        assert await call(SessionMiddleware(app, "secret"), cookie) == {"set-cookie": []}


@pytest.mark.parametrize("cookie", [None, f"session={signed(SECRETS)}", "session=broken"])
async def test_a_session_that_is_read_is_not_written(cookie: str | None) -> None:
    headers = await call(SessionMiddleware(using(nothing), "secret"), cookie)

    assert headers == {"set-cookie": [], "vary": ["Cookie"]}


async def test_a_session_that_is_changed_is_written() -> None:
    headers = await call(
        SessionMiddleware(using(set_item), "secret"), f"session={signed({'old': [1, None]})}"
    )

    (cookie,) = headers["set-cookie"]
    assert headers["vary"] == ["Cookie"]
    value, *attributes = cookie.split("; ")
    assert attributes == ["path=/", "Max-Age=1209600", "httponly", "samesite=lax"]
    assert await load(value.removeprefix("session=")) == {"old": [1, None], "new": 1}


async def test_a_change_inside_a_value_is_not_seen_but_can_be_told() -> None:
    def append(session: Any) -> None:
        session["list"].append(2)

    def append_and_tell(session: Any) -> None:
        append(session)
        session.mark_modified()

    cookie = f"session={signed({'list': [1]})}"
    assert (await call(SessionMiddleware(using(append), "secret"), cookie))["set-cookie"] == []
    told = await call(SessionMiddleware(using(append_and_tell), "secret"), cookie)
    value = told["set-cookie"][0].partition(";")[0].removeprefix("session=")
    assert await load(value) == {"list": [1, 2]}


async def test_a_session_that_was_emptied_is_removed() -> None:
    for stored in ({"a": 1}, {}):
        headers = await call(
            SessionMiddleware(using(lambda session: session.clear()), "secret"),
            f"session={signed(stored)}",
        )
        assert headers == {"set-cookie": [REMOVED], "vary": ["Cookie"]}


@pytest.mark.parametrize("cookie", [None, "session=broken", f"session={signed({}, 'other')}"])
async def test_a_session_that_was_never_stored_needs_no_removal(cookie: str | None) -> None:
    app = SessionMiddleware(using(lambda session: session.clear()), "secret")

    assert await call(app, cookie) == {"set-cookie": [], "vary": ["Cookie"]}


async def test_cookie_is_added_to_what_the_response_depends_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert HTTPConnection(scope).session == {}
        headers = [(b"set-cookie", b"own=1"), (b"vary", b"Origin"), (b"vary", b"Accept")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"OK"})
        assert len(headers) == 3

    headers = await call(SessionMiddleware(app, "secret"))

    assert headers["vary"] == ["Origin, Accept, Cookie"]


async def test_a_start_without_headers_gets_some() -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        await send({"type": "http.response.start", "status": 200})

    async def receive() -> Message:
        raise RuntimeError("nothing is to be received")

    async def send(message: Message) -> None:
        sent.append(message)

    await SessionMiddleware(app, "secret")({"type": "http", "headers": []}, receive, send)

    assert [name for name, _ in sent[0]["headers"]] == [b"vary", b"set-cookie"]


@pytest.mark.parametrize("kind", ["early_hint", "body", "trailers"])
async def test_other_messages_pass_as_they_are(kind: str) -> None:
    sent: list[Message] = []
    other: Message = {"type": f"http.response.{kind}"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        await send(other)

    async def receive() -> Message:
        raise RuntimeError("nothing is to be received")

    async def send(message: Message) -> None:
        sent.append(message)

    await SessionMiddleware(app, "secret")({"type": "http", "headers": []}, receive, send)

    assert len(sent) == 1
    assert sent[0] is other
    assert other == {"type": f"http.response.{kind}"}


# How it is written


FLAGS: list[tuple[dict[str, Any], str]] = [
    ({}, "httponly; samesite=lax"),
    ({"same_site": "strict"}, "httponly; samesite=strict"),
    ({"same_site": "none", "https_only": True}, "httponly; samesite=none; secure"),
    ({"domain": ".example.com"}, "httponly; samesite=lax; domain=.example.com"),
    ({"partitioned": True}, "httponly; samesite=lax; partitioned"),
    (
        {"partitioned": True, "domain": "a.example", "https_only": True},
        "httponly; samesite=lax; secure; domain=a.example; partitioned",
    ),
]


@pytest.mark.parametrize(("options", "flags"), FLAGS)
async def test_flags_stand_on_a_cookie_and_on_its_removal(
    options: dict[str, Any], flags: str
) -> None:
    written = SessionMiddleware(using(set_item), "secret", path="/sub", **options)
    removed = SessionMiddleware(using(lambda session: session.clear()), "secret", **options)

    assert written.security_flags == flags
    (cookie,) = (await call(written))["set-cookie"]
    assert cookie.partition("; ")[2] == f"path=/sub; Max-Age=1209600; {flags}"
    (cookie,) = (await call(removed, f"session={signed({})}"))["set-cookie"]
    assert cookie == REMOVED.replace("httponly; samesite=lax", flags)


async def test_the_cookie_can_have_another_name_and_path() -> None:
    app = SessionMiddleware(
        using(lambda session: session.clear()), "secret", session_cookie="sid", path="/sub"
    )

    headers = await call(app, f"session={signed({'a': 1})}; sid={signed({'b': 1})}")
    assert headers["set-cookie"] == [
        REMOVED.replace("session=", "sid=").replace("path=/", "path=/sub")
    ]
    headers = await call(app, f"session={signed({'a': 1})}")
    assert headers["set-cookie"] == []


@pytest.mark.parametrize(
    ("max_age", "text"), [(None, ""), (0, "Max-Age=0; "), (3600, "Max-Age=3600; ")]
)
async def test_the_lifetime_stands_on_the_cookie(max_age: int | None, text: str) -> None:
    app = SessionMiddleware(using(set_item), "secret", max_age=max_age)

    (cookie,) = (await call(app))["set-cookie"]

    assert cookie.partition("; ")[2] == f"path=/; {text}httponly; samesite=lax"


@pytest.mark.parametrize(
    ("max_age", "age", "valid"),
    [
        (1209600, 1209600, True),
        (1209600, 1209601, False),
        (10, 11, False),
        (0, 0, True),
        (0, 1, False),
        (None, 10**9, True),
    ],
)
async def test_a_session_ends_when_it_is_too_old(
    max_age: int | None, age: int, valid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = signed(SECRETS)
    made = itsdangerous.TimestampSigner("secret").unsign(cookie, return_timestamp=True)[1]
    monkeypatch.setattr(
        itsdangerous.TimestampSigner,
        "get_timestamp",
        lambda self: int(made.timestamp()) + age,
    )

    assert await load(cookie, max_age=max_age) == (SECRETS if valid else {})


# Keys


async def test_a_key_may_be_a_secret() -> None:
    cookie = await store(SECRETS, Secret("secret"))

    assert await load(cookie) == SECRETS
    assert await load(cookie, Secret("secret")) == SECRETS


async def test_of_several_keys_the_first_signs_and_all_are_accepted() -> None:
    keys = [Secret("new"), "old", "older"]

    assert await load(await store(SECRETS, keys), "new") == SECRETS
    for key in ("new", "old", "older"):
        assert await load(await store(SECRETS, key), keys) == SECRETS
    assert await load(await store(SECRETS, "other"), keys) == {}
    assert await load(await store(SECRETS, keys), "old") == {}


def test_there_has_to_be_a_key() -> None:
    with pytest.raises(ValueError, match="at least one secret key"):
        SessionMiddleware(using(nothing), [])


def test_the_library_that_signs_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "itsdangerous", None)
    monkeypatch.delitem(sys.modules, "bolide.middleware.sessions")

    with pytest.raises(ImportError) as caught:
        importlib.import_module("bolide.middleware.sessions")

    assert isinstance(caught.value, MissingExtra)
    assert caught.value.extra == "sessions"
    assert "itsdangerous" in str(caught.value)


# In an application


async def view(request: Request) -> Response:
    return JSONResponse(request.session)


async def update(request: Request) -> Response:
    request.session.update(await request.json())
    return JSONResponse(request.session)


async def clear(request: Request) -> Response:
    request.session.clear()
    return JSONResponse(request.session)


async def ws(websocket: WebSocket) -> None:
    websocket.session["changed"] = True
    await websocket.accept()
    await websocket.send_json(websocket.session)
    await websocket.close()


ROUTES = [
    Route("/view", view),
    Route("/update", update, methods=["POST"]),
    Route("/clear", clear, methods=["POST"]),
    WebSocketRoute("/ws", ws),
]


def test_a_browser_keeps_its_session_until_it_is_cleared(client_for: ClientFor) -> None:
    app = Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, secret_key="secret")])
    with client_for(app) as client:
        assert client.get("/view").json() == {}

        response = client.post("/update", json={"some": "data"})
        assert response.json() == {"some": "data"}
        assert b64decode(client.cookies["session"].partition(".")[0]) == b'{"some": "data"}'
        response = client.get("/view")
        assert response.json() == {"some": "data"}
        assert "set-cookie" not in response.headers

        assert client.post("/clear").json() == {}
        assert "session" not in client.cookies
        assert client.get("/view").json() == {}


def test_two_browsers_have_sessions_of_their_own(client_for: ClientFor) -> None:
    app = Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, secret_key="secret")])
    first, second = client_for(app), client_for(app)
    first.post("/update", json={"who": "first"})
    second.post("/update", json={"who": "second"})

    assert first.get("/view").json() == {"who": "first"}
    assert second.get("/view").json() == {"who": "second"}


def test_a_secure_session_is_sent_over_https_only(client_for: ClientFor) -> None:
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(SessionMiddleware, secret_key="secret", https_only=True)],
    )
    secure = client_for(app, base_url="https://testserver")
    assert secure.post("/update", json={"a": 1}).json() == {"a": 1}
    assert secure.get("/view").json() == {"a": 1}

    assert secure.get("http://testserver/view").json() == {}


def test_a_session_of_a_path_is_not_sent_elsewhere(client_for: ClientFor) -> None:
    middleware = [Middleware(SessionMiddleware, secret_key="secret", path="/second")]
    app = Starlette(
        routes=[Mount("/first", routes=ROUTES), Mount("/second", routes=ROUTES)],
        middleware=middleware,
    )
    client = client_for(app, base_url="http://testserver/second")
    assert client.post("/update", json={"a": 1}).json() == {"a": 1}

    assert client.get("/view").json() == {"a": 1}
    assert client_for(app, cookies=client.cookies).get("/first/view").json() == {}


def test_a_websocket_can_use_the_session_but_not_store_it(client_for: ClientFor) -> None:
    app = Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, secret_key="secret")])
    client = client_for(app)
    client.post("/update", json={"some": "data"})
    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_json() == {"some": "data", "changed": True}
        assert not websocket.extra_headers

    assert client.get("/view").json() == {"some": "data"}


# A safe middleware


LONG_KEY = "a key of more than sixteen bytes"


def safe_client(client_for: ClientFor, **options: Any) -> TestClient:
    async def put(request: Request) -> Response:
        request.session.update(await request.json())
        return JSONResponse(request.session)

    async def append(request: Request) -> Response:
        if "list" in request.session:
            request.session["list"].append(1)
        return JSONResponse(request.session)

    async def rotate(request: Request) -> Response:
        request.session.rotate(keep=["list"])
        return JSONResponse(request.session)

    app = Starlette(routes=[Route("/put", put, methods=["POST"]), Route("/append", append)])
    app.add_route("/rotate", rotate)
    return client_for(SessionMiddleware(app, LONG_KEY, safe=True, **options))


def test_a_safe_middleware_sees_changes_inside_values(client_for: ClientFor) -> None:
    client = safe_client(client_for)
    assert "set-cookie" not in client.get("/append").headers
    client.post("/put", json={"list": [], "other": 1})

    assert client.get("/append").json() == {"list": [1], "other": 1}
    assert client.get("/rotate").json() == {"list": [1]}
    assert client.get("/append").json() == {"list": [1, 1]}


def test_a_safe_middleware_signs_with_the_name_of_the_cookie(client_for: ClientFor) -> None:
    first = safe_client(client_for, session_cookie="first")
    first.post("/put", json={"list": []})
    signed = first.cookies["first"]

    second = safe_client(client_for, session_cookie="second")
    assert second.get("/append", headers={"cookie": f"second={signed}"}).json() == {}


@pytest.mark.parametrize(("accept", "expected"), [(True, {"list": [1]}), (False, {})])
def test_a_safe_middleware_reads_cookies_of_one_that_is_not(
    client_for: ClientFor, accept: bool, expected: object
) -> None:
    payload = b64encode(json.dumps({"list": []}).encode())
    signed = itsdangerous.TimestampSigner(LONG_KEY).sign(payload).decode()
    client = safe_client(client_for, accept_unsalted=accept)

    assert client.get("/append", headers={"cookie": f"session={signed}"}).json() == expected


def test_a_safe_middleware_does_not_lose_a_session_silently(client_for: ClientFor) -> None:
    with pytest.raises(ValueError, match="'session' takes"):
        safe_client(client_for).post("/put", json={"text": "x" * 4000})


def test_a_safe_cookie_is_secure_over_https(client_for: ClientFor) -> None:
    client = safe_client(client_for)
    secure = client.post("https://testserver/put", json={"a": 1}).headers["set-cookie"]

    assert secure.endswith("; secure")
    assert "secure" not in client.post("/put", json={"a": 1}).headers["set-cookie"]


@pytest.mark.parametrize(
    ("key", "options", "message"),
    [
        ("x" * 15, {}, "has 15 bytes"),
        ([LONG_KEY, ""], {}, "has 0 bytes"),
        (LONG_KEY, {"same_site": "none"}, "SameSite=None"),
    ],
)
def test_a_fault_is_raised_as_soon_as_it_is_known_to_be_one(
    client_for: ClientFor, key: Any, options: dict[str, Any], message: str
) -> None:
    class App:
        policy = Policy(safe_sessions=True)

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await Response()(scope, receive, send)

    with pytest.raises(ValueError, match=message):
        SessionMiddleware(inner, key, safe=True, **options)
    middleware = SessionMiddleware(inner, key, **options)

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        await middleware({**scope, "app": App()}, receive, send)

    assert client_for(middleware).get("/").status_code == 200
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            client_for(inside).get("/")


def test_what_to_keep_is_a_list() -> None:
    session = Session(a=1, b=2)
    with pytest.raises(ValueError, match="the text 'ab'"):
        session.rotate(keep="ab")
    assert not session.modified
    session.rotate()
    assert (dict(session), session.modified) == ({"a": 1, "b": 2}, True)


def test_what_would_end_the_cookie_is_refused() -> None:
    with pytest.raises(ValueError, match="semicolons"):
        SessionMiddleware(Starlette(), "key", path="/; Domain=example.org")


def test_a_safe_session_that_is_only_looked_at_is_not_set_again(client_for: ClientFor) -> None:
    client = safe_client(client_for)
    client.post("/put", json={"other": 1})

    assert "set-cookie" not in client.get("/append").headers
