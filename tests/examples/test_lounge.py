"""The lounge in the process: what each of its parts promises, on both event loops."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bolide.testclient import TestClient, WebSocketDisconnect
from examples.lounge.accounts import MAX_PICTURE, PICTURES, hashed
from examples.lounge.app import MAX_BODY_SIZE, create_app
from examples.lounge.hub import MAX_WAITING, Hub
from examples.lounge.store import MAX_TEXT, Message, Store

PASSWORD = "correct horse"


@pytest.fixture
def client(client_for: Callable[..., TestClient], tmp_path: Path) -> Iterator[TestClient]:
    """A lounge that is open, and somebody at its door."""
    with client_for(create_app(database=tmp_path / "lounge.db")) as client:
        yield client


@pytest.fixture
def ada(client: TestClient) -> TestClient:
    """Somebody who is logged in."""
    client.post("/register", data={"name": "ada", "password": PASSWORD})
    return client


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


def message(number: int, room: str = "lobby") -> Message:
    return Message(id=number, room=room, author="ada", text=str(number), at="")


# Pages


def test_everybody_can_read(client: TestClient) -> None:
    assert "lobby" in client.get("/").text
    assert "Log in" in client.get("/rooms/lobby").text
    assert client.get("/api/rooms").json() == [{"name": "lobby", "topic": "Say hello"}]
    assert client.get("/static/lounge.css").headers["content-type"] == "text/css; charset=utf-8"


def test_what_is_mounted_lives_with_the_lounge(client: TestClient) -> None:
    health = client.get("/operations/health").json()
    # The rooms are from the state of the lounge, the time is from that of the mounted application.
    assert health == {"status": "ok", "rooms": 1, "seconds": health["seconds"]}
    assert health["seconds"] >= 0


def test_nobody_is_sent_to_a_lounge_that_is_about_to_stop(
    client_for: Callable[..., TestClient], tmp_path: Path
) -> None:
    app = create_app(database=tmp_path / "lounge.db")
    with client_for(app) as client:
        assert client.get("/operations/ready").json() == {"ready": True}
        app.drain()
        assert client.get("/operations/ready").status_code == 503


def test_links_need_no_host_and_know_what_is_in_front(
    client_for: Callable[..., TestClient], tmp_path: Path
) -> None:
    app = create_app(database=tmp_path / "lounge.db")
    with client_for(app, base_url="http://10.0.0.1", root_path="/club") as client:
        page = client.get("/club/rooms/lobby", headers={"host": "10.0.0.1:8000"}).text
        assert 'href="/club/login?next=' in page
        assert 'data-live="/club/rooms/lobby/live"' in page
        assert "10.0.0.1" not in page
        refused = client.post("/club/logout", follow_redirects=False)
        assert refused.headers["location"] == "/club/"


def test_an_error_is_a_page_for_people_and_json_for_programs(client: TestClient) -> None:
    page = client.get("/rooms/attic")
    assert page.status_code == 404
    assert "There is no room named &#39;attic&#39;." in page.text
    assert client.get("/api/rooms/attic/messages").json() == {
        "error": "There is no room named 'attic'."
    }
    assert client.get("/api/nothing").json() == {"error": "Not Found"}
    refused = client.delete("/api/rooms")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_a_crash_tells_the_client_nothing(
    client_for: Callable[..., TestClient], tmp_path: Path
) -> None:
    app = create_app(database=tmp_path / "lounge.db")
    # No lifespan: there is no store.
    client = client_for(app, raise_server_exceptions=False)
    answer = client.get("/api/rooms")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something broke. It is in our log."}


# Accounts


def test_a_person_registers_and_logs_out_and_in(client: TestClient) -> None:
    answer = client.post("/register", data={"name": "ada", "password": PASSWORD})
    assert answer.url.path == "/"
    assert "ada" in answer.text
    assert client.get("/api/me").json() == {"name": "ada", "mentions": 0}
    assert "Register" in client.post("/logout").text
    assert client.get("/api/me").status_code == 403
    asked = client.get("/profile")
    assert asked.url.path == "/login"
    answer = client.post(str(asked.url), data={"name": "ada", "password": PASSWORD})
    assert answer.url.path == "/profile"


@pytest.mark.parametrize("target", ["//evil.example/x", "https:evil", "/\\evil.example", ""])
def test_logging_in_never_leads_to_another_site(ada: TestClient, target: str) -> None:
    answer = ada.post(
        "/login",
        params={"next": target},
        data={"name": "ada", "password": PASSWORD},
        follow_redirects=False,
    )
    assert answer.next_request is not None
    assert answer.next_request.url.host == "testserver"


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        ("Ada", PASSWORD, 400),
        ("-", PASSWORD, 400),
        ("a" * 33, PASSWORD, 400),
        ("", PASSWORD, 400),
        ("bob", "short", 400),
        ("bob", "x" * 201, 400),
        ("ada", PASSWORD, 409),
    ],
)
def test_a_bad_registration_is_refused_on_the_page(
    ada: TestClient, name: str, password: str, status: int
) -> None:
    answer = ada.post("/register", data={"name": name, "password": password})
    assert answer.status_code == status
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("ada", "x" * 201)]
)
def test_wrong_credentials_are_refused_alike(ada: TestClient, name: str, password: str) -> None:
    answer = ada.post("/login", data={"name": name, "password": password})
    assert answer.status_code == 400
    assert "Wrong name or password." in answer.text


def test_a_program_sends_its_credentials_each_time(ada: TestClient) -> None:
    ada.cookies.clear()
    assert ada.get("/api/me", headers=basic("ada")).json()["name"] == "ada"
    for headers in (basic("ada", "wrong"), {"Authorization": "Basic =="}):
        answer = ada.get("/api/me", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert ada.get("/api/me", headers={"Authorization": "Bearer x"}).status_code == 403


def test_a_password_is_not_kept_as_it_is() -> None:
    assert PASSWORD not in hashed(PASSWORD)
    assert hashed(PASSWORD) != hashed(PASSWORD)


@pytest.mark.parametrize("start", PICTURES)
def test_a_picture_is_kept_with_the_type_that_it_has(ada: TestClient, start: bytes) -> None:
    assert ada.get("/people/ada/picture").status_code == 404
    answer = ada.post("/profile/picture", files={"picture": ("me.html", start + b"...")})
    assert answer.url.path == "/profile"
    picture = ada.get("/people/ada/picture")
    assert picture.content == start + b"..."
    assert picture.headers["content-type"] == PICTURES[start]
    assert picture.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "form",
    [
        {"data": {"picture": "text"}},
        {"files": {"picture": ("empty.png", b"")}},
        {"files": {"picture": ("me.png", b"<html>")}},
        {"files": {"picture": ("me.png", b"GIF8" + bytes(MAX_PICTURE))}},
    ],
)
def test_what_is_no_picture_is_not_kept(ada: TestClient, form: Any) -> None:
    assert ada.post("/profile/picture", **form).status_code == 400
    assert ada.get("/people/ada/picture").status_code == 404


# The API


def test_rooms_are_opened_by_form_and_by_the_api(ada: TestClient) -> None:
    assert ada.post("/rooms", data={"name": "attic", "topic": "Dust"}).url.path == "/rooms/attic"
    assert ada.post("/api/rooms", json={"name": "cellar"}).json() == {"name": "cellar", "topic": ""}
    assert [room["name"] for room in ada.get("/api/rooms").json()] == ["attic", "cellar", "lobby"]
    assert ada.post("/api/rooms", json={"name": "attic"}).status_code == 409
    assert ada.post("/api/rooms", json={"name": "x", "topic": "x" * 201}).status_code == 400


def test_strangers_cannot_write(client: TestClient) -> None:
    assert client.post("/api/rooms", json={"name": "attic"}).status_code == 403
    assert client.post("/api/rooms/lobby/messages", json={"text": "x"}).status_code == 403
    assert client.post("/rooms", data={"name": "attic"}).url.path == "/login"
    assert len(client.get("/api/rooms").json()) == 1


def test_messages_are_read_in_pages_and_one_by_one(ada: TestClient) -> None:
    posted = [ada.post("/api/rooms/lobby/messages", json={"text": str(n)}).json() for n in range(3)]
    assert ada.get("/api/rooms/lobby/messages").json() == posted
    after = ada.get("/api/rooms/lobby/messages", params={"after": posted[0]["id"]})
    assert after.json() == posted[1:]
    assert ada.get(f"/api/messages/{posted[1]['id']}").json() == posted[1]
    assert ada.get(f"/api/messages/{10**18}").status_code == 404
    for wrong in ("-1", "x", "²", "9" * 30):
        assert ada.get("/api/rooms/lobby/messages", params={"after": wrong}).status_code == 400


def test_an_export_has_every_message_in_order(ada: TestClient) -> None:
    for n in range(205):
        ada.post("/api/rooms/lobby/messages", json={"text": str(n)})
    export = ada.get("/api/rooms/lobby/export")
    assert export.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["text"] for line in export.text.splitlines()] == [
        str(n) for n in range(205)
    ]


@pytest.mark.parametrize("text", ["", " ", "x" * (MAX_TEXT + 1), None, 1, ["x"], "\ud800"])
def test_what_is_no_message_is_refused(ada: TestClient, text: Any) -> None:
    answer = ada.post(
        "/api/rooms/lobby/messages",
        content=json.dumps({"text": text}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert ada.get("/api/rooms/lobby/messages").json() == []


def test_those_who_are_mentioned_are_counted_in_the_background(ada: TestClient) -> None:
    ada.post("/api/rooms/lobby/messages", json={"text": "I, @ada, and again @ada, and @nobody"})
    assert ada.get("/api/me").json()["mentions"] == 1


def test_a_body_over_the_limit_is_refused(ada: TestClient) -> None:
    answer = ada.post("/api/rooms", content=b" " * (MAX_BODY_SIZE + 1))
    assert answer.status_code == 413


def test_other_origins_may_read_but_without_cookies(client: TestClient) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    answer = client.get("/api/rooms", headers=headers)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in client.get("/", headers=headers).headers


def test_a_long_page_is_compressed(client: TestClient) -> None:
    assert client.get("/").headers["content-encoding"] == "gzip"


# Live


def test_a_listener_gets_the_past_and_then_the_present(ada: TestClient) -> None:
    first, second = (
        ada.post("/api/rooms/lobby/messages", json={"text": text}).json() for text in "ab"
    )
    with ada.websocket_connect(f"/rooms/lobby/live?after={first['id']}") as socket:
        assert socket.receive_json() == second
        third = ada.post("/api/rooms/lobby/messages", json={"text": "c"}).json()
        assert socket.receive_json() == third
        socket.send_json({"text": "@ada d"})
        assert socket.receive_json()["text"] == "@ada d"
        socket.send_json({"text": ""})
        assert "error" in socket.receive_json()
    assert len(ada.get("/api/rooms/lobby/messages").json()) == 4


@pytest.mark.parametrize(
    ("path", "code"), [("/rooms/attic/live", 4404), ("/rooms/lobby/live?after=-1", 4400)]
)
def test_a_bad_connection_is_closed_with_a_code(client: TestClient, path: str, code: int) -> None:
    with client.websocket_connect(path) as socket, pytest.raises(WebSocketDisconnect) as caught:
        socket.receive_json()
    assert caught.value.code == code


@pytest.mark.anyio
async def test_a_listener_that_is_too_slow_is_let_go() -> None:
    hub = Hub()
    with hub.listen("lobby") as slow, hub.listen("lobby") as quick, hub.listen("attic") as other:
        for number in range(MAX_WAITING + 5):
            hub.tell(message(number))
            assert (await quick.receive())["id"] == number
        assert [news["id"] async for news in slow] == list(range(MAX_WAITING))
        with pytest.raises(anyio.WouldBlock):
            other.receive_nowait()


@pytest.mark.anyio
async def test_nobody_is_told_who_has_left() -> None:
    hub = Hub()
    with hub.listen("lobby"):
        pass
    hub.tell(message(1))
    assert not hub._listeners


# The store


@pytest.mark.anyio
async def test_what_was_kept_is_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "lounge.db"
    async with Store.open(path) as store:
        await store.add_person("ada", hashed(PASSWORD))
        kept = await store.add_message("lobby", "ada", "Hello")
    async with Store.open(path) as store:
        assert await store.messages("lobby") == [kept]
        assert await store.latest("lobby", limit=1) == [kept]


@pytest.mark.anyio
async def test_a_message_that_is_being_kept_is_kept_whole_when_its_sender_leaves(
    tmp_path: Path,
) -> None:
    async with Store.open(tmp_path / "lounge.db") as store:
        await store.add_person("ada", hashed(PASSWORD))
        async with anyio.create_task_group() as task_group:
            for text in "abc":
                task_group.start_soon(store.add_message, "lobby", "ada", text)
            await anyio.lowlevel.checkpoint()
            task_group.cancel_scope.cancel()
        kept = [message["text"] for message in await store.messages("lobby")]
        assert kept == sorted(set(kept))
