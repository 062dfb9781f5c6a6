"""The Host header: what is one, what is none, and its port."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.host import HostHeader, parse_host_header


@pytest.mark.parametrize(
    ("value", "host", "port"),
    [
        ("example.org", "example.org", None),
        ("EXAMPLE.org:8000", "EXAMPLE.org", "8000"),
        ("api_service", "api_service", None),
        ("a-b.c~d%20", "a-b.c~d%20", None),
        ("!$&'()*+,;=", "!$&'()*+,;=", None),
        ("example.org:000080", "example.org", "000080"),
        ("example.org:65536", "example.org", "65536"),
        ("[::1]", "[::1]", None),
        ("[2001:db8::1]:443", "[2001:db8::1]", "443"),
        ("[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", None),
        ("[v1.foo]", "[v1.foo]", None),
        ("[vF.a:b]:1", "[vF.a:b]", "1"),
    ],
)
def test_a_well_formed_host_is_taken_apart(value: str, host: str, port: str | None) -> None:
    assert parse_host_header(value) == HostHeader(host, port)


@pytest.mark.parametrize(
    "value",
    [
        "",
        ":80",
        "foo:",
        "foo:80:90",
        "foo:-1",
        "foo:８０",
        "foo bar",
        " foo",
        "foo\n",
        "foo/bar",
        "foo?bar",
        "foo#bar",
        "foo\\bar",
        "user@foo",
        "é.org",
        "::1",
        "[:::]",
        "[]",
        "[::1",
        "::1]",
        "[::1]:",
        "[::1]:evil",
        "[::1].",
        "[::1]evil.example.com",
        "[::1]@attacker",
        "[::1%eth0]",
        "[::ffff:999.999.999.999]",
        "[127.0.0.1]",
        "[V1.foo]",
        "[v.foo]",
        "[vg.foo]",
        "[v1.]",
        "[v1.a/b]",
        "[[::1]]",
    ],
)
def test_anything_else_is_no_host(value: str) -> None:
    assert parse_host_header(value) is None


@pytest.mark.parametrize(
    ("port", "possible"),
    [
        (None, True),
        ("0", True),
        ("65535", True),
        ("65536", False),
        ("0000065535", True),
        ("99999", False),
        ("000", True),
        ("9" * 5000, False),
    ],
)
def test_a_port_is_possible_up_to_65535(port: str | None, possible: bool) -> None:
    assert HostHeader("h", port).has_possible_port is possible


@given(st.text())
def test_what_is_parsed_is_the_whole_text_or_nothing(value: str) -> None:
    parsed = parse_host_header(value)
    if parsed is not None:
        suffix = "" if parsed.port is None else f":{parsed.port}"
        assert parsed.host + suffix == value
        assert set(value).isdisjoint("/?#@\\ \r\n\t")
