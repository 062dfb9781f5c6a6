"""The HTTP response that an application refuses a WebSocket with."""

from __future__ import annotations

from bolide._testing.chosen import httpx
from bolide._testing.speech import ABNORMAL_CLOSURE
from bolide._testing.websocket import Denied, Refused
from bolide.websockets import WebSocketDisconnect


class WebSocketDenialResponse(httpx.Response, WebSocketDisconnect):  # type: ignore[misc]
    """The HTTP response that an application refused a WebSocket with; raised on entering.

    A response of the HTTP library, and an exception like any other refusal.
    """

    code = ABNORMAL_CLOSURE
    reason = ""

    def __str__(self) -> str:
        return f"{self.status_code} {self.reason_phrase}"


def refusal(answer: Refused | Denied | None) -> Exception:
    """Make the exception for a handshake that did not open the WebSocket."""
    if isinstance(answer, Refused):
        return WebSocketDisconnect(answer.code, answer.reason)
    if isinstance(answer, Denied):
        return WebSocketDenialResponse(
            status_code=answer.status, headers=answer.headers, content=answer.body
        )
    return AssertionError("The application ended without answering the WebSocket handshake.")
