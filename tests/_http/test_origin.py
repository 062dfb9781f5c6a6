"""Origins: what is one, which are the same, and which are a server's own."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.origin import MAX_ORIGIN, Origin, OriginList, parse_origin

# Parsing


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTPS://Example.COM", "https://example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("http://example.com:0080", "http://example.com"),
        ("http://example.com:443", "http://example.com:443"),
        ("https://example.com:80", "https://example.com:80"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("https://example.com:65535", "https://example.com:65535"),
        ("https://example.com.", "https://example.com."),
        ("https://under_score.example", "https://under_score.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]", "http://[::1]"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"),
        ("https://[2001:DB8::A]:443", "https://[2001:db8::a]"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("app+1.0://host:80", "app+1.0://host:80"),
    ],
)
def test_an_origin_has_one_normal_form(text: str, normal: str) -> None:
    assert str(parse_origin(text)) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "example.com",
        "//example.com",
        "://example.com",
        "https:",
        "https:example.com",
        "https:/example.com",
        "https://",
        "https://:443",
        "https://example.com:",
        "https://example.com:http",
        "https://example.com:-1",
        "https://example.com:65536",
        "https://example.com:123456",
        "https://example.com:\u0664\u0664\u0663",
        "https://example.com/",
        "https://example.com/path",
        "https://example.com?query",
        "https://example.com#fragment",
        "https://user@example.com",
        "https://example.com@evil.example",
        "https://*.example.com",
        "https://example.com, https://evil.example",
        "https://example.com https://evil.example",
        "https://example.com\\evil.example",
        "https://exa%6dple.com",
        "https://ex\u00e4mple.com",
        "https://example.com\n",
        "\nhttps://example.com",
        " https://example.com",
        "1https://example.com",
        "ht_tp://example.com",
        "https://[::1",
        "https://::1",
        "https://[]",
        "https://[:::1]",
        "https://[fe80::1%25eth0]",
        "https://[1.2.3.4]",
    ],
)
def test_anything_else_is_no_origin(text: str) -> None:
    assert parse_origin(text) is None


def test_an_origin_has_a_limited_length() -> None:
    longest = "https://" + "a" * (MAX_ORIGIN - len("https://"))

    assert parse_origin(longest) is not None
    assert parse_origin(longest + "a") is None


HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{2,4})?", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
PORTS = st.one_of(st.none(), st.integers(0, 65535))
SCHEMES = st.sampled_from(["http", "https"])


def written(scheme: str, host: str, port: int | None) -> str:
    return f"{scheme}://{host}" + ("" if port is None else f":{port}")


@given(SCHEMES, HOSTS, PORTS)
def test_a_normal_form_is_its_own_normal_form(scheme: str, host: str, port: int | None) -> None:
    origin = parse_origin(written(scheme, host, port))

    assert origin is not None
    assert parse_origin(str(origin)) == origin


@given(SCHEMES, HOSTS, PORTS)
def test_letter_case_makes_no_difference(scheme: str, host: str, port: int | None) -> None:
    text = written(scheme, host, port)

    assert parse_origin(text.upper()) == parse_origin(text)


@given(st.tuples(SCHEMES, HOSTS, PORTS), st.tuples(SCHEMES, HOSTS, PORTS))
def test_origins_are_the_same_if_scheme_host_and_port_are(
    first: tuple[str, str, int | None], second: tuple[str, str, int | None]
) -> None:
    def meaning(scheme: str, host: str, port: int | None) -> tuple[object, ...]:
        default = 443 if scheme == "https" else 80
        address = IPv6Address(host[1:-1]) if host.startswith("[") else host
        return scheme, address, default if port is None else port

    same = meaning(*first) == meaning(*second)

    assert (parse_origin(written(*first)) == parse_origin(written(*second))) is same


@given(st.text())
def test_any_text_is_an_origin_or_none(text: str) -> None:
    origin = parse_origin(text)

    assert origin is None or parse_origin(str(origin)) == origin


# A server's own


@pytest.mark.parametrize(
    ("origin", "host", "is_secure"),
    [
        ("https://example.com", "example.com", True),
        ("https://example.com", "example.com", False),
        ("http://example.com", "example.com", False),
        ("https://example.com", "EXAMPLE.com", True),
        ("https://example.com", "example.com:443", True),
        ("http://example.com", "example.com:80", False),
        ("https://example.com:8443", "example.com:8443", True),
        ("http://[::1]:8000", "[::1]:8000", False),
        ("http://[::1]:8000", "[0::1]:8000", False),
    ],
)
def test_an_origin_is_the_servers_own(origin: str, host: str, is_secure: bool) -> None:
    assert OriginList().allows(origin, [host], is_secure=is_secure)


@pytest.mark.parametrize(
    ("origin", "host", "is_secure"),
    [
        ("https://evil.example", "example.com", True),
        ("https://example.com.evil.example", "example.com", True),
        ("https://evilexample.com", "example.com", True),
        ("https://sub.example.com", "example.com", True),
        ("https://example.com.", "example.com", True),
        ("https://example.com:8443", "example.com", True),
        ("https://example.com", "example.com:8443", True),
        ("https://example.com", "example.com:80", True),
        ("http://example.com", "example.com:443", False),
        # A page that came in plain text may come from anybody.
        ("http://example.com", "example.com", True),
        # Not the origins of pages.
        ("ws://example.com", "example.com", False),
        ("wss://example.com", "example.com", True),
        ("capacitor://localhost", "localhost", False),
        ("null", "null", False),
        ("null", "", False),
        ("", "", False),
        ("https://", "", False),
        ("https://example.com", "", False),
        ("https://example.com", "example.com/", False),
        ("https://example.com", "user@example.com", False),
    ],
)
def test_an_origin_is_not_the_servers_own(origin: str, host: str, is_secure: bool) -> None:
    assert not OriginList().allows(origin, [host], is_secure=is_secure)


@pytest.mark.parametrize(
    "hosts", [[], ["example.com", "evil.example"], ["evil.example", "example.com"]]
)
def test_without_exactly_one_host_nothing_is_the_servers_own(hosts: list[str]) -> None:
    assert not OriginList().allows("https://example.com", hosts, is_secure=True)
    trusting = OriginList(["https://example.com"])
    assert trusting.allows("https://example.com", hosts, is_secure=True)


@given(SCHEMES, HOSTS, PORTS)
def test_what_a_browser_sends_to_its_own_server_is_allowed(
    scheme: str, host: str, port: int | None
) -> None:
    origin = parse_origin(written(scheme, host, port))
    assert origin is not None

    assert OriginList().allows(str(origin), [origin.authority], is_secure=scheme == "https")


@given(st.text(), st.text())
def test_a_server_without_a_proper_host_has_no_origin(origin: str, host: str) -> None:
    allowed = OriginList().allows(origin, [host], is_secure=False)

    assert not allowed or parse_origin(f"https://{host}") is not None


# Trusted ones


def test_trusted_origins_are_allowed_whatever_the_host() -> None:
    origins = OriginList(["https://App.example.com:443", "capacitor://localhost"])

    assert origins.allows("https://app.example.com", ["example.com"], is_secure=True)
    assert origins.allows("capacitor://localhost", [], is_secure=True)
    assert not origins.allows("http://app.example.com", ["example.com"], is_secure=False)
    assert not origins.allows("https://app.example.com:8443", ["example.com"], is_secure=True)
    assert not origins.allows("https://appxexample.com", ["example.com"], is_secure=True)


def test_a_trusted_origin_in_plain_text_is_trusted_by_a_secure_server() -> None:
    origins = OriginList(["http://localhost:3000"])

    assert origins.allows("http://localhost:3000", ["example.com"], is_secure=True)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "example.com",
        "https://example.com/",
        "https://*.example.com",
        "wss://a.example",
    ],
)
def test_what_is_no_origin_of_a_page_cannot_be_trusted(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        OriginList([origin])


def test_one_text_is_not_a_list_of_origins() -> None:
    with pytest.raises(ValueError, match="A list of origins"):
        OriginList("https://example.com")


def test_origins_are_values() -> None:
    assert parse_origin("https://a.example") == Origin("https", "a.example")
