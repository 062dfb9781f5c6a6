"""Signals that are held back, raised again, and left as they were found."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bolide._signals import STOPPING, HeldSignals


class Server:
    """Handles signals, in both ways that there are."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.reader, self.writer = socket.socketpair()
        self.reader.setblocking(False)
        self.writer.setblocking(False)

    def handle(self, number: int, frame: object) -> None:
        self.heard.append(number)

    def read(self) -> bytes:
        try:
            return self.reader.recv(100)
        except BlockingIOError:
            return b""


@pytest.fixture
def server() -> Iterator[Server]:
    """Have signals handled, and the handlers put back after the test."""
    server = Server()
    before = [(number, signal.getsignal(number)) for number in STOPPING]
    for number in STOPPING:
        signal.signal(number, server.handle)
    before_fd = signal.set_wakeup_fd(server.writer.fileno())
    yield server
    signal.set_wakeup_fd(before_fd)
    for number, handler in before:
        signal.signal(number, handler)
    server.reader.close()
    server.writer.close()


@pytest.fixture
def ours() -> Iterator[tuple[socket.socket, socket.socket]]:
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        yield reader, writer


Pair = tuple[socket.socket, socket.socket]


def fill(writer: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            writer.send(b"x" * 1000)


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_is_held_back_and_then_raised_again(
    server: Server, ours: Pair, number: signal.Signals
) -> None:
    signals = HeldSignals(ours[1])
    signals.install()
    signal.raise_signal(number)
    assert signals.pending == [number]
    assert number in ours[0].recv(100)
    assert server.heard == []
    assert server.read() == b""

    signals.release()
    assert server.heard == [number]
    assert server.read() == bytes([number])
    assert signals.pending == []


def test_after_the_release_everything_is_as_before(server: Server, ours: Pair) -> None:
    signals = HeldSignals(ours[1])
    signals.install()
    signals.release()
    assert [signal.getsignal(number) for number in STOPPING] == [server.handle] * 2
    assert signal.set_wakeup_fd(server.writer.fileno()) == server.writer.fileno()
    signals.release()
    assert server.heard == []


def test_different_signals_are_held_back_together(server: Server, ours: Pair) -> None:
    signals = HeldSignals(ours[1])
    signals.install()
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    assert server.heard == []
    signals.release()
    assert server.heard == [signal.SIGINT, signal.SIGTERM]


def test_the_same_signal_twice_is_impatience(server: Server, ours: Pair) -> None:
    signals = HeldSignals(ours[1])
    signals.install()
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    assert server.heard == [signal.SIGINT]
    signal.raise_signal(signal.SIGINT)
    assert server.heard == [signal.SIGINT, signal.SIGINT]


def test_other_signals_are_passed_on(server: Server, ours: Pair) -> None:
    signals = HeldSignals(ours[1])
    signals.install()
    signal.raise_signal(signal.SIGTERM)
    signals.pass_on(bytes([0, signal.SIGTERM, signal.SIGCHLD]))
    assert server.read() == bytes([signal.SIGCHLD])
    signals.release()


def test_where_nobody_reads_signals_none_are_passed_on(server: Server, ours: Pair) -> None:
    signal.set_wakeup_fd(-1)
    signals = HeldSignals(ours[1])
    signals.install()
    signals.pass_on(bytes([signal.SIGCHLD]))
    signals.release()
    assert signal.set_wakeup_fd(server.writer.fileno()) == -1
    assert server.read() == b""


def test_a_reader_that_is_full_misses_nothing_new(server: Server, ours: Pair) -> None:
    signals = HeldSignals(ours[1])
    signals.install()
    fill(server.writer)
    signals.pass_on(bytes([signal.SIGCHLD]))
    signals.release()


def test_a_file_descriptor_that_an_event_loop_took_is_taken_again(
    server: Server, ours: Pair
) -> None:
    signals = HeldSignals(ours[1])
    signals.install()
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno())
        signals.hold()
        signal.raise_signal(signal.SIGTERM)
        signals.pass_on(bytes([signal.SIGCHLD]))
        assert reader.recv(100) == bytes([signal.SIGCHLD])
        signals.release()
        assert reader.recv(100) == bytes([signal.SIGTERM])
        assert signal.set_wakeup_fd(server.writer.fileno()) == writer.fileno()


def test_what_others_have_put_in_our_place_is_left_there(server: Server, ours: Pair) -> None:
    def handler(number: int, frame: object) -> None: ...

    signals = HeldSignals(ours[1])
    signals.install()
    signal.signal(signal.SIGTERM, handler)
    signal.set_wakeup_fd(server.writer.fileno())
    signals.release()
    assert signal.getsignal(signal.SIGTERM) is handler
    assert signal.getsignal(signal.SIGINT) == server.handle
    assert signal.set_wakeup_fd(-1) == server.writer.fileno()


def test_a_file_descriptor_that_is_closed_is_not_put_back(server: Server, ours: Pair) -> None:
    signals = HeldSignals(ours[1])
    signals.install()
    server.reader.close()
    server.writer.close()
    signals.release()
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_that_finds_the_socket_full_is_held_back_too(server: Server, ours: Pair) -> None:
    signals = HeldSignals(ours[1])
    signals.install()
    fill(ours[1])
    signal.raise_signal(signal.SIGTERM)
    assert signals.pending == [signal.SIGTERM]
    signals.release()


@pytest.mark.parametrize(
    "handler", [signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler], ids=str
)
def test_a_signal_that_no_server_handles_is_left_alone(
    server: Server, ours: Pair, handler: Any
) -> None:
    for number in STOPPING:
        signal.signal(number, handler)
    signals = HeldSignals(ours[1])
    signals.install()
    assert [signal.getsignal(number) for number in STOPPING] == [handler] * 2
    assert signal.set_wakeup_fd(server.writer.fileno()) == server.writer.fileno()


def test_other_threads_have_no_signals(server: Server, ours: Pair) -> None:
    signals = HeldSignals(ours[1])
    thread = threading.Thread(target=signals.install)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == server.handle
    signals.install()
    thread = threading.Thread(target=signals.hold)
    thread.start()
    thread.join()
    os.kill(os.getpid(), signal.SIGTERM)
    assert signals.pending == [signal.SIGTERM]
    signals.release()
    assert server.heard == [signal.SIGTERM]
