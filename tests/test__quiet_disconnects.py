"""Which exceptions tell of a client that has left, and what the log says then."""

from __future__ import annotations

import logging

import pytest

from bolide._quiet_disconnects import is_disconnect, note_disconnect
from bolide.requests import ClientDisconnect
from bolide.websockets import WebSocketDisconnect

LEFT = ClientDisconnect()
CLOSED = WebSocketDisconnect(1001, "bye")
MISTAKE = ValueError()


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (LEFT, True),
        (CLOSED, True),
        (MISTAKE, False),
        (OSError(), False),
        (ExceptionGroup("", [LEFT, ExceptionGroup("", [CLOSED])]), True),
        (ExceptionGroup("", [LEFT, MISTAKE]), False),
        (BaseExceptionGroup("", [LEFT, KeyboardInterrupt()]), False),
    ],
)
def test_only_a_disconnect_is_one(exc: BaseException, expected: bool) -> None:
    assert is_disconnect(exc) == expected


@pytest.mark.parametrize(
    ("exc", "line"),
    [
        (LEFT, "PUT '/a\\nb': the client has left"),
        (CLOSED, "PUT '/a\\nb': the client has left ('1001: bye')"),
        (ExceptionGroup("", [CLOSED]), "PUT '/a\\nb': the client has left ('1001: bye')"),
    ],
)
def test_the_line_cannot_be_made_into_two(
    caplog: pytest.LogCaptureFixture, exc: BaseException, line: str
) -> None:
    caplog.set_level(logging.INFO, "bolide.disconnects")
    note_disconnect({"type": "http", "method": "PUT", "path": "/a\nb"}, exc)
    assert [record.getMessage() for record in caplog.records] == [line]
    assert caplog.records[0].exc_info is None
