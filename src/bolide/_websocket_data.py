"""What a message of a WebSocket holds, when it is not what was asked for.

RULES

Where the policy of the application has messages checked, what is wrong is an error that closes the
WebSocket unless it is caught (RFC 6455, section 7.4.1):

    binary where text was asked for, or the other way round    1003, unsupported data
    no JSON                                                    1007, invalid payload data

Elsewhere it is whatever Python says about it.
"""

from __future__ import annotations

import json
from typing import Any, Final

from bolide._json_body import MalformedJSON, decode_json
from bolide._json_codec import STANDARD
from bolide._policy import policy_of
from bolide._settings import current_settings
from bolide.exceptions import WebSocketException
from bolide.types import Message, Scope

__all__ = ["MalformedMessage", "UnexpectedMessage", "data_of", "json_of"]

UNSUPPORTED_DATA: Final = 1003
INVALID_PAYLOAD: Final = 1007


class UnexpectedMessage(WebSocketException, KeyError):
    """A message is binary that should be text, or the other way round.

    Args:
        wanted: What it should be.
    """

    def __init__(self, wanted: str) -> None:
        super().__init__(UNSUPPORTED_DATA, f"A {wanted} message was expected.")


class MalformedMessage(WebSocketException, ValueError):
    """A message is not the JSON that it should be."""

    def __init__(self) -> None:
        super().__init__(INVALID_PAYLOAD, "The message is not valid JSON.")


def data_of(scope: Scope, message: Message, kind: str) -> Any:
    """Give the `text` or the `bytes` of a message.

    Raises:
        UnexpectedMessage: It has none, and messages are checked.
        KeyError: It has none.
    """
    data = message.get(kind)
    if data is None:
        if policy_of(scope).check_websockets:
            raise UnexpectedMessage("text" if kind == "text" else "binary")
        # Some servers name both, and give one of them.
        data = message[kind]
    return data


def json_of(scope: Scope, data: str | bytes) -> Any:
    """Give the value that text or UTF-8 holds as JSON.

    Raises:
        MalformedMessage: It holds none, and messages are checked.
        ValueError: It holds none.
    """
    codec = current_settings().codec
    policy = policy_of(scope)
    if policy.check_websockets:
        encoded = data.encode(errors="surrogatepass") if isinstance(data, str) else data
        try:
            return decode_json(
                encoded,
                codec,
                max_depth=policy.max_json_depth,
                max_values=policy.max_json_values,
            )
        except MalformedJSON as exc:
            raise MalformedMessage from exc
    if codec is STANDARD:
        return json.loads(data if isinstance(data, str) else data.decode("utf-8"))
    return codec.loads(data.encode() if isinstance(data, str) else data)
