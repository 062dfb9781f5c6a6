"""Cookies, written into responses."""

from __future__ import annotations

import string
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from http.cookies import CookieError, Morsel
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.cookie_header import parse_cookies
from bolide._http.cookies import (
    CookieTooLarge,
    DroppedCookie,
    IllegalCookieAttribute,
    format_cookie,
    refuse_dropped,
    refuse_large,
)
from bolide.exceptions import BolideError

TOKEN_CHARACTERS = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"

names = st.text(TOKEN_CHARACTERS, min_size=1).filter(
    lambda name: not Morsel().isReservedKey(name.lower())
)


@given(names, st.text())
def test_what_is_written_is_read_again(name: str, value: str) -> None:
    header = format_cookie(name, value, path=None, samesite=None)

    assert parse_cookies(header) == {name: value}


def test_a_cookie_is_for_the_whole_site_and_lax_by_default() -> None:
    assert format_cookie("mycookie", "myvalue") == "mycookie=myvalue; Path=/; SameSite=lax"


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"path": None}, "a=b; SameSite=lax"),
        ({"path": ""}, "a=b; SameSite=lax"),
        ({"samesite": None}, "a=b; Path=/"),
        ({"samesite": "Strict"}, "a=b; Path=/; SameSite=Strict"),
        ({"samesite": "none", "secure": True}, "a=b; Path=/; SameSite=none; Secure"),
        ({"httponly": True}, "a=b; HttpOnly; Path=/; SameSite=lax"),
        ({"httponly": False, "secure": False}, "a=b; Path=/; SameSite=lax"),
        ({"domain": "example.com"}, "a=b; Domain=example.com; Path=/; SameSite=lax"),
        ({"max_age": 10}, "a=b; Max-Age=10; Path=/; SameSite=lax"),
        ({"max_age": 0}, "a=b; Max-Age=0; Path=/; SameSite=lax"),
        ({"max_age": -1}, "a=b; Max-Age=-1; Path=/; SameSite=lax"),
        ({"expires": "never"}, "a=b; expires=never; Path=/; SameSite=lax"),
        (
            {"expires": datetime(2037, 1, 22, 12, 0, 10, tzinfo=UTC)},
            "a=b; expires=Thu, 22 Jan 2037 12:00:10 GMT; Path=/; SameSite=lax",
        ),
        (
            {"expires": datetime(2037, 1, 22, 12, 0, 10, tzinfo=timezone(timedelta(0)))},
            "a=b; expires=Thu, 22 Jan 2037 12:00:10 GMT; Path=/; SameSite=lax",
        ),
    ],
)
def test_an_attribute_is_written(options: dict[str, Any], header: str) -> None:
    assert format_cookie("a", "b", **options) == header


def test_attributes_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 2116238400.0)

    header = format_cookie(
        "mycookie",
        "myvalue",
        max_age=10,
        expires=10,
        domain="localhost",
        secure=True,
        httponly=True,
        samesite="none",
    )

    assert header == (
        "mycookie=myvalue; Domain=localhost; expires=Thu, 22 Jan 2037 12:00:10 GMT; "
        "HttpOnly; Max-Age=10; Path=/; SameSite=none; Secure"
    )


def test_an_expiry_of_zero_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)

    assert format_cookie("a", max_age=0, expires=0) == (
        'a=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=lax'
    )


@pytest.mark.parametrize(
    ("value", "coded"),
    [
        ("", '""'),
        ("b c;", r'"b c\073"'),
        ('say "hi"', r'"say \"hi\""'),
        ("a\r\nb", r'"a\015\012b"'),
        ("caf\xe9", r'"caf\351"'),
        (5, "5"),
    ],
)
def test_a_value_is_quoted_where_it_must_be(value: Any, coded: str) -> None:
    assert format_cookie("a", value, path=None, samesite=None) == f"a={coded}"


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "a\n", "\xe9", "path", "Secure"])
def test_an_illegal_name_is_refused(name: str) -> None:
    with pytest.raises(CookieError):
        format_cookie(name)


@pytest.mark.parametrize("samesite", ["", "loose", " lax"])
def test_another_word_for_samesite_is_refused(samesite: Literal["lax"]) -> None:
    with pytest.raises(AssertionError) as caught:
        format_cookie("a", samesite=samesite)

    assert str(caught.value) == "samesite must be either 'strict', 'lax' or 'none'"


@pytest.mark.parametrize(
    "expires",
    [datetime(2037, 1, 1), datetime(2037, 1, 1, tzinfo=timezone(timedelta(hours=1)))],
    ids=["no zone", "another zone"],
)
def test_an_expiry_outside_utc_is_refused(expires: datetime) -> None:
    with pytest.raises(ValueError, match="usegmt option requires a UTC datetime"):
        format_cookie("a", expires=expires)


@pytest.mark.parametrize("attribute", ["path", "domain", "expires", "max_age"])
@pytest.mark.parametrize("character", [";", "\r", "\n", "\0", "\x7f", "\t"])
def test_an_attribute_cannot_smuggle_in_another(attribute: str, character: str) -> None:
    with pytest.raises(IllegalCookieAttribute, match="Take out the semicolons"):
        format_cookie("a", **{attribute: f"x{character} Domain=example.com"})  # type: ignore[arg-type]


def test_an_illegal_attribute_can_be_caught_as_what_it_is() -> None:
    assert issubclass(IllegalCookieAttribute, BolideError)
    assert issubclass(IllegalCookieAttribute, CookieError)
    assert issubclass(IllegalCookieAttribute, ValueError)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python writes Partitioned")
def test_an_old_python_refuses_partitioned_cookies() -> None:
    with pytest.raises(ValueError) as caught:
        format_cookie("a", partitioned=True)

    assert str(caught.value) == ("Partitioned cookies are only supported in Python 3.14 and above.")


def test_a_new_python_writes_partitioned_cookies(monkeypatch: pytest.MonkeyPatch) -> None:
    # What Python 3.14 has; older ones are taught it for the time of this test.
    monkeypatch.setattr(Morsel, "_reserved", {**Morsel._reserved, "partitioned": "Partitioned"})  # type: ignore[attr-defined]
    monkeypatch.setattr(Morsel, "_flags", {*Morsel._flags, "partitioned"})  # type: ignore[attr-defined]

    header = format_cookie("a", "b", partitioned=True, secure=True)

    assert header == "a=b; Partitioned; Path=/; SameSite=lax; Secure"


# Cookies that browsers drop


@pytest.mark.parametrize(
    ("name", "options", "because"),
    [
        ("a", {"samesite": "none"}, "SameSite=None"),
        ("a", {"samesite": "None"}, "SameSite=None"),
        ("a", {"partitioned": True}, "Partitioned"),
        ("__Secure-a", {}, "its prefix"),
        ("__HOST-a", {}, "its prefix"),
    ],
)
def test_what_has_to_be_secure_is_refused_without(
    name: str, options: dict[str, Any], because: str
) -> None:
    with pytest.raises(DroppedCookie, match=f"{name!r} has to be Secure because of {because}"):
        refuse_dropped(name, **options)
    refuse_dropped(name, secure=True, **options)


@pytest.mark.parametrize("options", [{"path": "/a"}, {"path": None}, {"domain": "example.org"}])
def test_a_cookie_of_one_host_is_for_all_of_it_and_for_no_other(options: dict[str, Any]) -> None:
    with pytest.raises(DroppedCookie, match="the path '/', and no domain"):
        refuse_dropped("__Host-a", secure=True, **options)
    refuse_dropped("__Secure-a", secure=True, **options)
    refuse_dropped("a", **options)


@pytest.mark.parametrize("samesite", [None, "lax", "Strict"])
def test_most_cookies_need_not_be_secure(samesite: str | None) -> None:
    refuse_dropped("a", samesite=samesite)
    refuse_dropped("host-__Host-", samesite=samesite)


def test_a_cookie_may_be_as_large_as_the_limit() -> None:
    refuse_large("a", 10, 10)
    with pytest.raises(CookieTooLarge, match="'a' takes 11 bytes.*max_cookie_size, 10 bytes"):
        refuse_large("a", 11, 10)


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a\nb", "a=b", "path"])
def test_an_illegal_name_is_an_error_of_both_kinds(name: str) -> None:
    with pytest.raises(IllegalCookieAttribute) as caught:
        format_cookie(name)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, CookieError)
