"""The lounge under uvicorn: real clients, bad input, and an end in the middle of everything."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from examples.lounge.store import SCHEMA

MAX_SECONDS = 30

Start = Callable[..., Any]


@contextmanager
def register(url: str, name: str) -> Iterator[httpx2.Client]:
    """Register a person, and give a client that is logged in."""
    with httpx2.Client(base_url=url, timeout=MAX_SECONDS) as client:
        answer = client.post("/register", data={"name": name, "password": "correct horse"})
        assert answer.status_code == 303
        yield client


def cookie(client: httpx2.Client) -> dict[str, str]:
    return {"Cookie": f"session={client.cookies['session']}"}


def contents(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def test_two_people_talk_live(serve_lounge: Start, tmp_path: Path) -> None:
    server = serve_lounge(tmp_path / "lounge.db")
    with register(server.url, "ada") as ada, register(server.url, "bob") as bob:
        assert ada.post("/api/rooms", json={"name": "engines"}).status_code == 201
        room = f"{server.websocket_url}/rooms/engines/live"
        with (
            connect(room, additional_headers=cookie(ada)) as hers,
            connect(room, additional_headers=cookie(bob)) as his,
        ):
            hers.send(json.dumps({"text": "Hello @bob"}))
            first = json.loads(his.recv(MAX_SECONDS))
            assert (first["author"], first["text"]) == ("ada", "Hello @bob")
            assert json.loads(hers.recv(MAX_SECONDS)) == first
            answer = bob.post("/api/rooms/engines/messages", json={"text": "Hello yourself"})
            assert answer.status_code == 201
            assert json.loads(hers.recv(MAX_SECONDS)) == answer.json()
        with connect(f"{room}?after={first['id']}") as latecomer:
            assert json.loads(latecomer.recv(MAX_SECONDS))["text"] == "Hello yourself"
        assert bob.get("/api/me").json() == {"name": "bob", "mentions": 1}
        assert ada.get("/api/rooms/engines/messages").json()[0] == first
        assert "Hello @bob" in ada.get("/rooms/engines").text
        # The seconds are of the lifespan of a mounted application.
        health = ada.get("/operations/health").json()
        assert health == {"status": "ok", "rooms": 2, "seconds": health["seconds"]}
        assert ada.get("/operations/ready").json() == {"ready": True}


def fill(database: Path, messages: int) -> None:
    """Make a lobby that takes megabytes to export."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO people (name, password) VALUES ('eve', '')")
        connection.executemany(
            "INSERT INTO messages (room, author, text, at) VALUES ('lobby', 'eve', ?, '')",
            [("é" * 2000,) for _ in range(messages)],
        )


@pytest.mark.parametrize(
    ("end", "exit_codes"), [(signal.SIGTERM, {0, -signal.SIGTERM}), (signal.SIGKILL, {-9})]
)
def test_an_end_in_mid_stream_leaves_the_database_whole(
    serve_lounge: Start, tmp_path: Path, end: signal.Signals, exit_codes: set[int]
) -> None:
    database = tmp_path / "lounge.db"
    fill(database, messages=1000)
    server = serve_lounge(database, "--grace", "1")
    acknowledged: list[dict[str, Any]] = []
    heard: list[dict[str, Any]] = []
    enough = threading.Event()

    def write() -> None:
        with register(server.url, "ada") as client:
            try:
                while True:
                    text = f"number {len(acknowledged)}"
                    answer = client.post("/api/rooms/lobby/messages", json={"text": text})
                    if answer.status_code != 201:
                        return
                    acknowledged.append(answer.json())
                    if len(acknowledged) == 50:
                        enough.set()
            except httpx2.TransportError:
                pass

    def listen() -> None:
        with connect(f"{server.websocket_url}/rooms/lobby/live?after=1000") as socket:
            try:
                while True:
                    heard.append(json.loads(socket.recv(MAX_SECONDS)))
            except ConnectionClosed:
                pass

    threads = [threading.Thread(target=write), threading.Thread(target=listen)]
    # Not compressed: it has to be larger than all the buffers on the way.
    export = httpx2.Client(
        base_url=server.url, timeout=MAX_SECONDS, headers={"Accept-Encoding": "identity"}
    )
    with export, export.stream("GET", "/api/rooms/lobby/export") as stream:
        chunks = stream.iter_bytes()
        next(chunks)
        for thread in threads:
            thread.start()
        assert enough.wait(MAX_SECONDS)
        server.process.send_signal(end)
        # The stream stands still meanwhile: it cannot have ended.
        assert server.process.wait(MAX_SECONDS) in exit_codes
        for thread in threads:
            thread.join()
        with pytest.raises(httpx2.TransportError):
            for _ in chunks:
                pass

    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = connection.execute(
            "SELECT id, text FROM messages WHERE author = 'ada' ORDER BY id"
        ).fetchall()
    expected = [(message["id"], message["text"]) for message in acknowledged]
    assert kept[: len(expected)] == expected
    # One more may have been written whose acknowledgement was cut off.
    assert len(kept) <= len(expected) + 1
    assert [(message["id"], message["text"]) for message in heard] == kept[: len(heard)]


LENGTH = b"Content-Type: application/json\r\nContent-Length: "

# What is said, as bytes on the wire, and the status of the answer.
BAD_REQUESTS = {
    "malformed JSON": (b"POST /api/rooms", LENGTH + b'9\r\n\r\n{"name": ', 400),
    "JSON that is no object": (b"POST /api/rooms", LENGTH + b'7\r\n\r\n["room"', 400),
    "JSON that is not UTF-8": (b"POST /api/rooms", LENGTH + b'4\r\n\r\n"\xff\xfe"', 400),
    "JSON nested too deep": (b"POST /api/rooms", LENGTH + b"60000\r\n\r\n" + b"[" * 60000, 400),
    "half a surrogate pair": (
        b"POST /api/rooms/lobby/messages",
        LENGTH + b'18\r\n\r\n{"text": "\\ud800"}',
        400,
    ),
    "a name that is none": (b"POST /api/rooms", LENGTH + b'15\r\n\r\n{"name": "A B"}', 400),
    "a name that is taken": (b"POST /api/rooms", LENGTH + b'17\r\n\r\n{"name": "lobby"}', 409),
    "a body that is too large": (b"POST /api/rooms", LENGTH + b"9999999\r\n\r\n", 413),
    "a form where JSON is due": (
        b"POST /api/rooms",
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n\r\nname=x",
        400,
    ),
    "a multipart body without boundary": (
        b"POST /rooms",
        b"Content-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\n-",
        400,
    ),
    "a multipart body that is cut off": (
        b"POST /rooms",
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5\r\n\r\n--b\r\n",
        400,
    ),
    "a wrong method": (b"DELETE /api/rooms", b"\r\n", 405),
    "a method of another protocol": (b"PROPFIND /api/rooms", b"\r\n", 405),
    "an unknown path": (b"POST /api/attic", b"\r\n", 404),
    "an unknown room": (
        b"POST /api/rooms/attic/messages",
        LENGTH + b'13\r\n\r\n{"text": "x"}',
        404,
    ),
    "percent signs alone": (b"POST /api/rooms/%zz/messages", LENGTH + b"0\r\n\r\n", 400),
    "a path that is not UTF-8": (b"GET /rooms/%ff%fe", b"\r\n", 404),
    "a path with a null byte": (b"GET /static/%00", b"\r\n", 404),
    "a path that leaves its directory": (b"GET /static/%2e%2e/app.py", b"\r\n", 404),
    "a file name that is too long": (b"GET /static/" + b"x" * 5000, b"\r\n", 404),
    "a number that is too long": (b"GET /api/messages/" + b"9" * 5000, b"\r\n", 404),
    "a number that is too large": (b"GET /api/messages/" + b"9" * 30, b"\r\n", 404),
    "a query that is no number": (b"GET /api/rooms/lobby/messages?after=%zz", b"\r\n", 400),
    "a range beyond the file": (b"GET /static/lounge.js", b"Range: bytes=999999-\r\n\r\n", 416),
    "credentials that are none": (b"GET /api/me", b"Authorization: Basic \xff\r\n\r\n", 401),
    "a password that is wrong": (b"GET /api/me", b"Authorization: Basic ZXZlOngg\r\n\r\n", 401),
    "a header without colon": (b"GET /api/me", b"Authorization\r\n\r\n", 400),
}  # fmt: skip


def test_a_bad_request_gets_a_clear_answer_and_writes_nothing(
    serve_lounge: Start, tmp_path: Path
) -> None:
    database = tmp_path / "lounge.db"
    server = serve_lounge(database)
    with register(server.url, "eve") as client:
        session = f"Cookie: session={client.cookies['session']}\r\n".encode()
    before = contents(database)
    answers: dict[str, int] = {}
    for name, (line, rest, _) in BAD_REQUESTS.items():
        # Credentials are looked at where there is no session.
        who = b"" if b"Authorization" in rest else session
        answer = server.say(
            line + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + who + rest
        )
        answers[name] = int(answer.split(b" ", 2)[1])
    assert answers == {name: status for name, (_, _, status) in BAD_REQUESTS.items()}
    assert contents(database) == before
    assert "Traceback" not in "".join(server.log)


@pytest.mark.parametrize(
    ("path", "code"), [("/rooms/attic/live", 4404), ("/rooms/lobby/live?after=x", 4400)]
)
def test_a_bad_websocket_is_closed_with_a_reason(
    serve_lounge: Start, tmp_path: Path, path: str, code: int
) -> None:
    server = serve_lounge(tmp_path / "lounge.db")
    with connect(server.websocket_url + path) as socket, pytest.raises(ConnectionClosed) as caught:
        socket.recv(MAX_SECONDS)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == code
    assert caught.value.rcvd.reason


def test_a_websocket_message_that_is_refused_is_not_kept(
    serve_lounge: Start, tmp_path: Path
) -> None:
    database = tmp_path / "lounge.db"
    server = serve_lounge(database)
    with register(server.url, "eve") as client:
        before = contents(database)
        room = f"{server.websocket_url}/rooms/lobby/live"
        with connect(room, additional_headers=cookie(client)) as socket:
            for said in ("{", "[]", "{}", '{"text": 1}', json.dumps({"text": "x" * 2001})):
                socket.send(said)
                assert set(json.loads(socket.recv(MAX_SECONDS))) == {"error"}
        with connect(room) as socket:
            socket.send('{"text": "I am nobody"}')
            assert json.loads(socket.recv(MAX_SECONDS)) == {"error": "Log in to say something."}
            socket.send(b"bytes")
            with pytest.raises(ConnectionClosed):
                socket.recv(MAX_SECONDS)
    assert contents(database) == before


def test_who_is_in_a_room_is_told_of_a_restart(serve_lounge: Start, tmp_path: Path) -> None:
    server = serve_lounge(tmp_path / "lounge.db")
    with connect(f"{server.websocket_url}/rooms/lobby/live") as socket:
        socket.ping().wait(MAX_SECONDS)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(MAX_SECONDS)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1012
    assert "Traceback" not in server.wait()
