"""What a WebSocket client says and hears, without a connection."""

from __future__ import annotations

from typing import Any

import pytest

from bolide._testing import speech
from bolide.websockets import WebSocketDisconnect


def test_messages_are_events() -> None:
    assert speech.text_event("a") == {"type": "websocket.receive", "text": "a"}
    assert speech.bytes_event(b"a") == {"type": "websocket.receive", "bytes": b"a"}
    assert speech.disconnect_event(1001, None) == {
        "type": "websocket.disconnect",
        "code": 1001,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("mode", "key", "data"),
    [("text", "text", '{"a":["é"]}'), ("binary", "bytes", '{"a":["é"]}'.encode())],
)
def test_json_goes_and_comes_in_either_mode(mode: Any, key: str, data: Any) -> None:
    value = {"a": ["é"]}
    assert speech.json_event(value, mode) == {"type": "websocket.receive", key: data}
    assert speech.read_json({"type": "websocket.send", key: data}, mode) == value


def test_there_is_no_third_mode() -> None:
    mode: Any = "other"
    with pytest.raises(RuntimeError, match='should be "text" or "binary"'):
        speech.json_event({}, mode)


@pytest.mark.parametrize(
    ("given", "subprotocols", "added"),
    [
        ({}, None, {}),
        ({}, [], {}),
        ({}, ["a", "b"], {"sec-websocket-protocol": "a, b"}),
        ({"sec-websocket-protocol": "c"}, ["a"], {"sec-websocket-protocol": "c"}),
        ({"connection": "keep-alive"}, None, {"connection": "keep-alive"}),
    ],
)
def test_a_handshake_has_its_headers(given: Any, subprotocols: Any, added: Any) -> None:
    headers = dict(given)
    speech.add_handshake_headers(headers, subprotocols)
    assert headers == {
        "connection": "upgrade",
        "sec-websocket-key": "testserver==",
        "sec-websocket-version": "13",
        **added,
    }


@pytest.mark.parametrize(
    ("event", "code", "reason"),
    [
        ({"type": "websocket.close"}, 1000, ""),
        ({"type": "websocket.close", "code": 1011, "reason": "no"}, 1011, "no"),
    ],
)
def test_a_close_is_heard_once_and_remembered(event: Any, code: int, reason: str) -> None:
    hearing = speech.Hearing()
    hearing.check_open()
    assert hearing.heard(event) is event
    with pytest.raises(WebSocketDisconnect) as raised:
        hearing.check_open()
    assert (raised.value.code, raised.value.reason) == (code, reason)


def test_silence_for_ever_is_an_abnormal_end() -> None:
    with pytest.raises(WebSocketDisconnect) as raised:
        speech.Hearing().heard(None)
    assert raised.value.code == 1006
