"""What a message holds: as it is, or checked."""

from __future__ import annotations

import types
from typing import Any

import pytest

from bolide._policy import BOLIDE, STARLETTE
from bolide._settings import ACTIVE, Settings
from bolide._websocket_data import MalformedMessage, UnexpectedMessage, data_of, json_of

CHECKED = {"app": types.SimpleNamespace(policy=BOLIDE)}
PLAIN = {"app": types.SimpleNamespace(policy=STARLETTE)}


@pytest.mark.parametrize("scope", [CHECKED, PLAIN])
@pytest.mark.parametrize("message", [{"text": "x"}, {"text": "x", "bytes": None}])
def test_what_is_there_is_given(scope: Any, message: Any) -> None:
    assert data_of(scope, message, "text") == "x"


def test_what_is_not_there_is_an_error_with_a_code() -> None:
    with pytest.raises(UnexpectedMessage) as error:
        data_of(CHECKED, {"text": "x", "bytes": None}, "bytes")
    assert (error.value.code, str(error.value)) == (1003, "1003: A binary message was expected.")


def test_unchecked_it_is_whatever_the_server_says() -> None:
    assert data_of(PLAIN, {"text": "x", "bytes": None}, "bytes") is None
    with pytest.raises(KeyError):
        data_of(PLAIN, {"text": "x"}, "bytes")


@pytest.mark.parametrize("scope", [CHECKED, PLAIN])
@pytest.mark.parametrize("data", ['{"a": "\N{SNOWMAN}"}', '{"a": "\N{SNOWMAN}"}'.encode()])
def test_json_comes_as_text_or_as_bytes(scope: Any, data: Any) -> None:
    assert json_of(scope, data) == {"a": "\N{SNOWMAN}"}


class Codec:
    def dumps(self, value: Any) -> bytes:
        return repr(value).encode()

    def loads(self, data: bytes | str) -> Any:
        assert isinstance(data, bytes)
        return {"loaded": data}


@pytest.mark.parametrize("scope", [CHECKED, PLAIN])
@pytest.mark.parametrize("data", ["{}", b"{}"])
def test_the_codec_of_the_application_reads_it(scope: Any, data: Any) -> None:
    token = ACTIVE.set(Settings(codec=Codec()))
    try:
        assert json_of(scope, data) == {"loaded": b"{}"}
    finally:
        ACTIVE.reset(token)


@pytest.mark.parametrize("data", ["{", b"\xff", "\ud800", "[NaN]", "[" * 200 + "]" * 200])
def test_what_is_no_json_is_an_error_with_a_code(data: Any) -> None:
    with pytest.raises(MalformedMessage) as error:
        json_of(CHECKED, data)
    assert error.value.code == 1007
    assert isinstance(error.value, ValueError)
