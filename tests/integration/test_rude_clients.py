"""Clients that leave without a word, on a real server: nothing is left of them but a line each."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from reliability.server import Server, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

APP = "rude:app"
OPTIONS = ("--app-dir", str(Path(__file__).parent / "apps"), "--timeout-graceful-shutdown", "5")
LINE = "bolide.disconnects: "
RESET = struct.pack("ii", 1, 0)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def lines(server: Server) -> list[str]:
    return [line for line in server.log if line.startswith(LINE)]


def say_and_reset(server: Server, data: bytes, *, answer: bool) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(data)
        if answer:
            connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


HALF_A_BODY = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"


def test_half_a_body_and_a_reset_is_one_line_in_the_log() -> None:
    with serving(APP, *OPTIONS) as server:
        say_and_reset(server, HALF_A_BODY, answer=False)
        wait_for(lambda: len(lines(server)) == 1)
        before = server.descriptors()
        for _ in range(30):
            say_and_reset(server, HALF_A_BODY, answer=False)
        wait_for(lambda: len(lines(server)) == 31 and server.descriptors() <= before)
        after = server.descriptors()
    assert lines(server) == [f"{LINE}POST '/upload': the client has left\n"] * 31
    assert "Traceback" not in "".join(server.log)
    assert after <= before


def test_a_reset_in_the_middle_of_a_response_is_no_traceback() -> None:
    with serving(APP, *OPTIONS) as server:
        request = b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"
        before = server.descriptors()
        for _ in range(30):
            say_and_reset(server, request, answer=True)
        wait_for(lambda: server.descriptors() <= before)
        after = server.descriptors()
    assert "Traceback" not in "".join(server.log)
    assert len(lines(server)) <= 30
    assert after <= before


def test_an_error_in_the_middle_of_a_response_is_logged_once() -> None:
    with (
        serving(APP, *OPTIONS) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
    ):
        connection.sendall(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while received := connection.recv(1000):
            answer += received
    assert answer.startswith(b"HTTP/1.1 200")
    # Whoever reads it learns that it is not whole.
    assert not answer.endswith(b"0\r\n\r\n")
    log = "".join(server.log)
    assert log.count("Traceback (most recent call last)") == 1
    assert log.count("ValueError: in the middle") == 1


async def talk(port: int, number: int) -> None:
    """Say something, and leave: with a goodbye, without one, or while the answer is on its way."""
    with contextlib.suppress(OSError, EOFError):
        websocket = await connect(f"ws://127.0.0.1:{port}/talk", compression=None)
        await websocket.send("hello")
        if number % 3:
            assert await websocket.recv() == "hello"
        if number % 2:
            websocket.transport.abort()
        await websocket.close()


async def crowd(port: int, count: int) -> None:
    for first in range(0, count, 100):
        await asyncio.gather(*(talk(port, number) for number in range(first, first + 100)))


def test_a_thousand_websockets_leave_nothing_but_a_line_each() -> None:
    with serving(APP, *OPTIONS) as server:
        asyncio.run(crowd(server.port, 100))
        wait_for(lambda: len(lines(server)) == 100)
        before = server.descriptors()
        asyncio.run(crowd(server.port, 1000))
        wait_for(lambda: len(lines(server)) == 1100 and server.descriptors() <= before)
        after = server.descriptors()
    assert after <= before
    assert "Traceback" not in "".join(server.log)
    assert len(lines(server)) == 1100
