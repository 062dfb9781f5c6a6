"""Values and source on the debug page: short, and without secrets."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._debug_values import (
    MASK,
    MAX_VARIABLES,
    is_secret_name,
    mask_text,
    safe_repr,
    shown_variables,
)
from bolide.datastructures import Headers, Secret


@pytest.mark.parametrize(
    "name",
    [
        *("password", "PASSWORD", "db_password", "passwd", "pwd", "secret", "client_secret"),
        *("token", "accessToken", "csrf", "xsrfToken", "credentials", "Authorization"),
        *("cookie", "Set-Cookie", "sessionid", "session_id", "key", "keys", "api_key", "apiKey"),
        *("signingKey", "X-API-Key", "SECRET_KEY", "private_key", "auth", "otp", b"cookie"),
    ],
)
def test_the_name_of_a_secret(name: object) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["user", "keyboard", "monkey", "author", "passed", "spinner", "Keyword", "", b"x", 7, None],
)
def test_the_name_of_something_else(name: object) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('password = "x"', f'password = "{MASK}"'),
        ("password: str = 'x'", f"password: str = '{MASK}'"),
        ('token = rb"x"', f'token = rb"{MASK}"'),
        ('f(api_key="x", name="y")', f'f(api_key="{MASK}", name="y")'),
        ('{"secret": "x\\"y", "a": "b"}', f'{{"secret": "{MASK}", "a": "b"}}'),
        ('environ["API_KEY"] = "x"', f'environ["API_KEY"] = "{MASK}"'),
        ('{"id": 7, "token": "x"}', f'{{"id": 7, "token": "{MASK}"}}'),
        ("password='a=\\'b', token='c'", f"password='{MASK}', token='{MASK}'"),
        ('password="key=\\"x\\""', f'password="{MASK}"'),
        ("""password='key="x"'""", f"password='{MASK}'"),
        ('getenv("API_KEY", "x")', f'getenv("API_KEY", "{MASK}")'),
        ("(b'authorization', b'x y')", f"(b'authorization', b'{MASK}')"),
        ('if password != "x":', f'if password != "{MASK}":'),
        ('password = "open', f'password = "{MASK}'),
        ("postgres://me:x@host/db", f"postgres://me:{MASK}@host/db"),
        ("/path?a=b&token=x&c=d", f"/path?a=b&token={MASK}&c=d"),
        ("Bearer abc.def-123", f"Bearer {MASK}"),
        ("basic dXNlcjpwYXNz", f"basic {MASK}"),
    ],
)
def test_secrets_in_text_are_masked(text: str, expected: str) -> None:
    assert mask_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *('name = "x"', "secret = make()", "token", 'KeyError: "token"', "http://host:80/a@b"),
        *("?a=b", "Basic idea", "'password': 7, 'n': 'x'", 'def f(key): return "x"'),
    ],
)
def test_other_text_stays(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "piece", ["a", 'a="', 'key="', "key:", "://a", "?key=", "Basic ", '"', "\\"]
)
def test_masking_takes_no_more_than_linear_time(piece: str) -> None:
    # Quadratic time would be hours.
    start = time.process_time()
    mask_text(piece * 200_000)
    assert time.process_time() - start < 10


class Broken:
    def __repr__(self) -> str:
        raise ValueError("no")


class Elusive:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("no")


class Wordy:
    def __repr__(self) -> str:
        return "x" * 10_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, "7"),
        ("x", "'x'"),
        (b"x", "b'x'"),
        (bytearray(b"x"), "bytearray(b'x')"),
        (None, "None"),
        ([1, (2, {3: {4}})], "[1, (2, {3: {4}})]"),
        ({"a": 1, "password": [1]}, f"{{'a': 1, 'password': {MASK}}}"),
        ([(b"cookie", b"x"), (b"a", b"b")], f"[(b'cookie', {MASK}), (b'a', b'b')]"),
        (("token", "x", "y"), f"('token', '{MASK}', 'y')"),
        (Secret("x"), f"Secret('{MASK}')"),
        (Headers({"cookie": "x", "a": "b"}), f"Headers({{'cookie': '{MASK}', 'a': 'b'}})"),
        ([[[[[1]]]]], "[[[[[…]]]]]"),
        ({1: {2: {3: {4: {5: 6}}}}}, "{1: {2: {3: {4: {…}}}}}"),
        (Broken(), "<Broken object, whose repr raises ValueError>"),
        ([Broken()], "[<Broken object, whose repr raises ValueError>]"),
        ([10**5000], "[<int object, whose repr raises ValueError>]"),
        (Wordy(), "x" * 300 + "…"),
    ],
)
def test_a_value(value: object, expected: str) -> None:
    assert safe_repr(value) == expected


def test_a_value_that_will_not_be_looked_at() -> None:
    assert safe_repr(Elusive()) == "<Elusive object, whose repr raises RuntimeError>"


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        b"x" * 10**6,
        bytearray(10**6),
        list(range(10**5)),
        dict.fromkeys(range(10**5)),
        {"x" * 500: "y" * 500, "z" * 500: "z" * 500},
        [10**5000],
    ],
)
def test_what_is_long_is_cut(value: object) -> None:
    assert len(safe_repr(value)) < 700


@given(st.recursive(st.none() | st.text() | st.binary() | st.floats(), st.lists))
def test_any_value_can_be_shown(value: object) -> None:
    assert len(safe_repr(value)) < 1000


def test_variables_are_shown_by_name() -> None:
    variables = {"__name__": "x", "order": 7, "password": "x", "__x": 1}
    assert shown_variables(variables) == [("order", "7"), ("password", MASK), ("__x", "1")]


def test_only_so_many_variables_are_shown() -> None:
    variables = {f"name{number}": number for number in range(1000)}
    assert len(shown_variables(variables)) == MAX_VARIABLES
