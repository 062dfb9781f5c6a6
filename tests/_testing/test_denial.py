"""The exception for each way not to open a WebSocket."""

from __future__ import annotations

import httpx2

from bolide._testing.denial import WebSocketDenialResponse, refusal
from bolide._testing.websocket import Denied, Refused
from bolide.websockets import WebSocketDisconnect


def test_a_refusal_has_code_and_reason() -> None:
    error = refusal(Refused(1008, "no"))
    assert type(error) is WebSocketDisconnect
    assert (error.code, error.reason) == (1008, "no")


def test_a_denial_is_a_response() -> None:
    error = refusal(Denied(403, [(b"x-a", b"b")], b"no"))
    assert isinstance(error, WebSocketDenialResponse)
    assert isinstance(error, WebSocketDisconnect)
    assert isinstance(error, httpx2.Response)
    assert (error.status_code, error.headers["x-a"], error.text) == (403, "b", "no")
    assert (error.code, error.reason) == (1006, "")
    assert str(error) == "403 Forbidden"


def test_no_answer_is_a_mistake_of_the_application() -> None:
    assert isinstance(refusal(None), AssertionError)
