"""JSON from a client: what is none is answered with 400, and says where."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._json_body import MalformedJSON, decode_json
from bolide._policy import Policy
from bolide.applications import Bolide, Starlette
from bolide.exceptions import HTTPException
from bolide.requests import MalformedJSON as PublicName
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Route

ClientFor = Callable[..., Any]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
).filter(lambda value: not (isinstance(value, float) and math.isinf(value)))


@given(value=VALUES, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_what_json_has_written_is_read(value: Any, encoding: str) -> None:
    try:
        data = json.dumps(value, allow_nan=False, ensure_ascii=False).encode(encoding)
    except ValueError:
        # An infinity further in, or half of a surrogate pair.
        return
    assert decode_json(data) == json.loads(data)


@given(data=st.binary(max_size=50) | st.text('{}[]":,0NaInfity\\\n', max_size=50).map(str.encode))
def test_any_bytes_are_json_or_malformed(data: bytes) -> None:
    malformed: MalformedJSON | None = None
    try:
        decode_json(data)
    except MalformedJSON as exc:
        malformed = exc
    assert malformed is None or 0 <= malformed.pos <= len(data)


MALFORMED = [
    (b"", "Expecting value (line 1, column 1)"),
    (b"{", "Expecting property name enclosed in double quotes (line 1, column 2)"),
    (b'{"a": 1}\n]', "Extra data (line 2, column 1)"),
    (b'["\xff"]', "Not UTF-8 (line 1, column 3)"),
    (b'["\xc3\xa4",\n"\xed\xa0\x80"]', "Not UTF-8 (line 2, column 2)"),
    (b"\xef\xbb\xbf\xff", "Not UTF-8 (line 1, column 1)"),
    ('["x"'.encode("utf-16-le") + b"\x00", "Not UTF-16-LE (line 1, column 5)"),
    (b"NaN", "NaN is not allowed (line 1, column 1)"),
    (b'["NaN", "\\"Infinity",\n -Infinity]', "-Infinity is not allowed (line 2, column 2)"),
    (b"[1e5, Infinity]", "Infinity is not allowed (line 1, column 7)"),
    (b"[" * 200_000, "Nested too deeply"),
    (b'{"a":' * 200_000, "Nested too deeply"),
    (b"[" + b"1" * 5000 + b"]", "A number is too long"),
]


@pytest.mark.parametrize(("data", "what"), MALFORMED, ids=[what for _, what in MALFORMED])
def test_a_malformed_body_is_told_with_its_place(
    client_for: ClientFor, data: bytes, what: str
) -> None:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(await request.json())

    routes = [Route("/", endpoint, methods=["POST"])]
    policy = Policy(refuse_bad_json=True)
    unlimited = Bolide(routes=routes, max_json_depth=None, max_json_values=None)
    for app in (unlimited, Starlette(routes=routes, policy=policy)):
        response = client_for(app).post("/", content=data, headers={"accept": "text/plain"})
        assert response.status_code == 400
        assert f"The body is not valid JSON: {what}." in response.text


def test_starlette_raises_what_the_json_module_raises(client_for: ClientFor) -> None:
    raised: list[type[Exception]] = []

    async def endpoint(request: Request) -> Response:
        try:
            value = await request.json()
        except ValueError as exc:
            raised.append(type(exc))
            value = None
        return JSONResponse(str(value))

    client = client_for(Starlette(routes=[Route("/", endpoint, methods=["POST"])]))
    assert [client.post("/", content=data).json() for data in (b"{", b"NaN")] == ["None", "nan"]
    assert raised == [json.JSONDecodeError]


def test_the_error_can_be_caught_as_what_one_knows(client_for: ClientFor) -> None:
    for kind in (PublicName, HTTPException, json.JSONDecodeError, ValueError):
        with pytest.raises(kind) as caught:
            decode_json(b'["a",\n x]')
        exc: Any = caught.value
        assert (exc.msg, exc.doc, exc.pos) == ("Expecting value", '["a",\n x]', 7)
        assert (exc.lineno, exc.colno, exc.status_code) == (2, 2, 400)
    assert MalformedJSON.__module__ == "bolide.requests"


def test_the_error_can_be_pickled() -> None:
    exc = MalformedJSON("Expecting value", "[x]", 1)
    again = pickle.loads(pickle.dumps(exc))
    assert (again.detail, again.pos) == (exc.detail, 1)


def test_a_value_is_kept(client_for: ClientFor) -> None:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(await request.json() is await request.json())

    client = client_for(Bolide(routes=[Route("/", endpoint, methods=["POST"])]))
    assert client.post("/", json=[1]).json() is True


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"max_depth": 2}, "Nested more than 2 deep (max_json_depth)"),
        ({"max_values": 3}, "More than 3 values (max_json_values)"),
    ],
)
def test_what_is_over_a_limit_is_malformed(limits: dict[str, int], what: str) -> None:
    with pytest.raises(MalformedJSON) as caught:
        decode_json(b"[[[1]]]", **limits)
    assert caught.value.detail == f"The body is not valid JSON: {what}."
    assert decode_json(b"[[1]]", **limits) == [[1]]
