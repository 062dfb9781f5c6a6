"""What proxies say: read from the right, as far as those who wrote it are trusted."""

from __future__ import annotations

import ipaddress
import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.forwarded import Claim, Node, read_forwarded, read_x_forwarded
from bolide._http.peers import TrustedPeers

PROXIES = TrustedPeers(["10.0.0.0/8", "fd00::/8"])


def forwarded(value: str, max_hops: int = 10) -> Claim | None:
    return read_forwarded(value, PROXIES, max_hops)


def x_forwarded(values: dict[str, str], max_hops: int = 10) -> Claim:
    return read_x_forwarded(values, PROXIES, max_hops)


def client(host: str | None, port: int = 0) -> Claim:
    return Claim(client=Node(host, port))


# Forwarded


@pytest.mark.parametrize(
    ("value", "claim"),
    [
        # The examples of RFC 7239, section 4.
        ('for="_gazonk"', client(None)),
        ('For="[2001:db8:cafe::17]:4711"', client("2001:db8:cafe::17", 4711)),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", Claim(Node("192.0.2.60", 0), "http")),
        ("for=192.0.2.43, for=198.51.100.17", client("198.51.100.17")),
        # Those of section 6.
        ('for="192.0.2.43:47011"', client("192.0.2.43", 47011)),
        ('for="[2001:db8:cafe::17]:_port"', client("2001:db8:cafe::17")),
        ("for=unknown", client(None)),
        ("for=_SEVKISEK", client(None)),
        # Everything in one element.
        (
            'for="1.2.3.4:5";proto=https;host="a.org:8443";by=_me;secret="x, y"',
            Claim(Node("1.2.3.4", 5), "https", "a.org:8443"),
        ),
        ("PROTO=HTTPS;Host=A.org", Claim(None, "https", "A.org")),
        ("proto=wss", Claim(None, "wss")),
        ("for=unknown;proto=https", Claim(Node(None, 0), "https")),
        # Quotes that are not needed, escapes, and quotes that are needed but not there.
        ('for="\\1.2\\.3.4"', client("1.2.3.4")),
        ('by="\\"";for="1.2.3.4"', client("1.2.3.4")),
        ("for=[::1]:80;host=a.org:81", Claim(Node("::1", 80), None, "a.org:81")),
        ("for=1.2.3.4:80", client("1.2.3.4", 80)),
        # Space and nothing where they may be.
        ("for=1.2.3.4 ; proto=http", Claim(Node("1.2.3.4", 0), "http")),
        (";for=1.2.3.4;;", client("1.2.3.4")),
        ("for=1.2.3.4, , \t", client("1.2.3.4")),
        # Commas in quotes.
        ('by="a,b";for=1.2.3.4', client("1.2.3.4")),
        ('for=10.0.0.1;by="a,b" , by=",,";for=10.0.0.2', client("10.0.0.1")),
        ('by="' + "," * 8 + '";for=1.2.3.4', client("1.2.3.4")),
        # Addresses are written in one way.
        ('for="[2001:DB8::0:1]"', client("2001:db8::1")),
        ('for="[::ffff:1.2.3.4]"', client("1.2.3.4")),
    ],
)
def test_an_element_is_read(value: str, claim: Claim) -> None:
    assert forwarded(value) == claim


@pytest.mark.parametrize(
    ("value", "claim"),
    [
        ("for=1.1.1.1;host=a, for=2.2.2.2;host=b, for=10.0.0.1;host=c", (Node("2.2.2.2", 0), "b")),
        ("for=10.0.0.2;host=a, for=10.0.0.1;host=b", (Node("10.0.0.2", 0), "a")),
        ('for="[fd00::1]";host=a, for="10.0.0.1:80";host=b', (Node("fd00::1", 0), "a")),
        ('for=1.1.1.1;host=a, for="[::ffff:10.0.0.1]"', (Node("1.1.1.1", 0), "a")),
        ("for=1.1.1.1;host=a, for=unknown;host=b, for=10.0.0.1", (Node(None, 0), "b")),
        ("for=1.1.1.1;host=a, host=b, for=10.0.0.1", (Node("10.0.0.1", 0), "b")),
        ("for=1.1.1.1;host=a, for=10.0.0.1", (Node("1.1.1.1", 0), "a")),
        ("for=1.1.1.1, for=10.0.0.1;host=b", (Node("1.1.1.1", 0), None)),
    ],
)
def test_the_first_from_the_right_that_is_not_trusted_is_the_client(
    value: str, claim: tuple[Node, str | None]
) -> None:
    found = forwarded(value)
    assert found is not None
    assert (found.client, found.host) == claim


def test_no_more_than_the_number_of_hops_are_read() -> None:
    value = ", ".join(f"for=10.0.0.{number}" for number in (4, 3, 2, 1))
    assert forwarded(value, max_hops=1) == client("10.0.0.1")
    assert forwarded(value, max_hops=3) == client("10.0.0.3")
    assert forwarded(value, max_hops=9) == client("10.0.0.4")
    assert forwarded(f"garbage, {value}", max_hops=4) == client("10.0.0.4")


@pytest.mark.parametrize(
    "element",
    [
        "for",
        "for=",
        "=1.2.3.4",
        "for =1.2.3.4",
        "for= 1.2.3.4",
        "for=1.2.3.4 proto=http",
        'for="1.2.3.4',
        'for=1.2.3.4"',
        'for="1.2.3.4"x',
        'for="1.2.3.4\\"',
        'for="1.2.3.4\x7f"',
        'for="\u20ac"',
        "for=1.2.3.4;for=1.2.3.4",
        "for=1.2.3.4;FOR=1.2.3.4",
        "for=1.2.3",
        "for=1.2.3.4.5",
        "for=01.2.3.4",
        "for=1.2.3.256",
        "for=a.example.org",
        'for=""',
        'for="::1"',
        'for="[::1"',
        'for="[[::1]]"',
        'for="[1.2.3.4]"',
        'for="[fe80::1%eth0]"',
        'for="[::1]80"',
        'for="1.2.3.4:"',
        'for="1.2.3.4:65536"',
        'for="1.2.3.4:123456"',
        'for="1.2.3.4:-1"',
        'for=" 1.2.3.4"',
        "for=_",
        'for="_a b"',
        'for="unknown:x"',
        "proto=gopher",
        'proto=""',
        'host=""',
        'host="a b"',
        'host="a.org/"',
        'host="evil@a.org"',
        "host=a.org:65536",
        'host="a\\,b\n"',
        'by="' + "," * 9 + '";for=1.2.3.4',
    ],
)  # fmt: skip
def test_a_malformed_element_makes_the_header_say_nothing(element: str) -> None:
    assert forwarded(element) is None
    assert forwarded(f"for=1.1.1.1, {element}") is None


def test_so_does_one_that_is_reached_through_trusted_proxies() -> None:
    assert forwarded("for=bad, for=10.0.0.1") is None
    assert forwarded('for="1.1.1.1, for=10.0.0.1') is None


@pytest.mark.parametrize("value", ["", " ", ",", ", ,", ";", ";,;", "by=_me", "for", "a=b;c=d"])
def test_a_header_may_say_nothing(value: str) -> None:
    assert forwarded(value) is None


# Anything that can stand in a header, and most of all what means something there.
said = st.one_of(
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")),
    st.text(st.sampled_from(list(',;="\\ \t_:[]forprth10.a'))),
)
in_quotes = st.text(st.sampled_from(list(',;= \tfor10.a"\\')), max_size=12)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(said, in_quotes.filter(lambda text: text.count(",") <= 8), st.booleans())
def test_nothing_that_a_client_sends_changes_what_the_proxy_appends(
    sent: str, remark: str, is_first: bool
) -> None:
    remark = f"by={quoted(remark)}"
    appended = f"{remark};for=9.9.9.9" if is_first else f"for=9.9.9.9;{remark}"
    assert forwarded(f"{sent},{appended}") == client("9.9.9.9")
    assert forwarded(f"{sent}, {appended}") == client("9.9.9.9")


@given(said)
def test_whatever_is_claimed_is_well_formed(value: str) -> None:
    for claim in (
        forwarded(value),
        x_forwarded(dict.fromkeys(["for", "proto", "host", "port", "prefix"], value)),
    ):
        if claim is None:
            continue
        assert claim.client is None or 0 <= claim.client.port <= 65535
        if claim.client is not None and claim.client.host is not None:
            ipaddress.ip_address(claim.client.host)
        assert claim.scheme in (None, "http", "https", "ws", "wss")
        assert claim.host is None or set(claim.host).isdisjoint('/?#@\\ \t"')
        assert claim.port is None or 0 < claim.port < 65536
        if claim.prefix is not None:
            assert claim.prefix.startswith("/")
            assert not claim.prefix.endswith("/")
            assert {"", ".", ".."}.isdisjoint(claim.prefix.split("/")[1:])


def is_not_mapped(address: object) -> bool:
    return getattr(address, "ipv4_mapped", None) is None


nodes = st.builds(
    Node,
    st.one_of(st.none(), st.ip_addresses().filter(is_not_mapped).map(str)),
    st.integers(0, 65535),
)


def written(node: Node) -> str:
    host = "unknown" if node.host is None else node.host
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{node.port}" if node.port else host


@given(nodes)
def test_a_node_that_was_written_is_read_back(node: Node) -> None:
    assert forwarded(f'for="{written(node)}"', max_hops=1) == Claim(client=node)
    assert x_forwarded({"for": written(node)}, max_hops=1) == Claim(client=node)


@pytest.mark.parametrize(
    "unit", ['"', '",', 'a="', "\\", ";", "; ", "a=b;", ',a="b', ",for=10.0.0.1", "for=x,", " "]
)
def test_the_work_does_not_grow_faster_than_the_header(unit: str) -> None:
    def work(size: int) -> int:
        value = (unit * size)[:size] + '"'
        frames = 0

        def count(frame: FrameType, event: str, arg: object) -> None:
            nonlocal frames
            frames += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            forwarded(value, max_hops=10)
        finally:
            sys.setprofile(None)
        return frames

    assert work(4000) <= 2.5 * work(2000)


# X-Forwarded-*


@pytest.mark.parametrize(
    ("value", "node"),
    [
        ("1.2.3.4", Node("1.2.3.4", 0)),
        ("1.2.3.4:567", Node("1.2.3.4", 567)),
        ("2001:DB8::7", Node("2001:db8::7", 0)),
        ("[2001:db8::7]", Node("2001:db8::7", 0)),
        ("[2001:db8::7]:567", Node("2001:db8::7", 567)),
        ("unknown", Node(None, 0)),
        ("_hidden", Node(None, 0)),
        (" 1.2.3.4\t", Node("1.2.3.4", 0)),
        ("8.8.8.8, 1.2.3.4", Node("1.2.3.4", 0)),
        ("8.8.8.8, 1.2.3.4, 10.0.0.1", Node("1.2.3.4", 0)),
        ("garbage, 1.2.3.4, 10.0.0.1", Node("1.2.3.4", 0)),
        ('"1.2.3.4, 5.6.7.8', Node("5.6.7.8", 0)),
        ("8.8.8.8, unknown, 10.0.0.1", Node(None, 0)),
        ("10.0.0.3, 10.0.0.2, , 10.0.0.1, ", Node("10.0.0.3", 0)),
        ("8.8.8.8,fd00::1,::ffff:10.0.0.1", Node("8.8.8.8", 0)),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_not_trusted(value: str, node: Node) -> None:
    assert x_forwarded({"for": value}) == Claim(client=node)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " , ",
        "garbage",
        "1.2.3.4, garbage",
        "garbage, 10.0.0.1",
        "1.2.3.4:99999",
        '"1.2.3.4"',
        "1.2.3",
        "[1.2.3.4]",
        "::1]:80",
        "fe80::1%eth0",
        "1" * 5000,
    ],
)
def test_a_malformed_list_of_addresses_says_nothing(value: str) -> None:
    assert x_forwarded({"for": value}) == Claim()
    assert x_forwarded({"for": value, "proto": "https"}) == Claim(scheme="https")


def test_no_more_than_the_number_of_hops_are_read_of_addresses() -> None:
    value = {"for": "garbage, 10.0.0.3, 10.0.0.2, 10.0.0.1"}
    assert x_forwarded(value, max_hops=1) == client("10.0.0.1")
    assert x_forwarded(value, max_hops=3) == client("10.0.0.3")
    assert x_forwarded(value, max_hops=4) == Claim()


ONE = "1.2.3.4"
TWO = "1.2.3.4, 10.0.0.1"


@pytest.mark.parametrize(
    ("addresses", "value", "expected"),
    [
        (ONE, "a", "a"),
        (ONE, "evil, a", "a"),
        (TWO, "a, inner", "a"),
        (TWO, "evil, a, inner", "a"),
        (TWO, "a", "a"),
        ("evil, 1.2.3.4, 10.0.0.1", "evil, a, inner", "a"),
        ("", "evil, a", "a"),
        ("garbage", "evil, a", "a"),
        (TWO, "", None),
        (TWO, " , ", None),
        (ONE, "a, b c", None),
    ],
)
def test_other_headers_are_counted_like_the_addresses(
    addresses: str, value: str, expected: str | None
) -> None:
    assert x_forwarded({"for": addresses, "host": value}).host == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("proto", "https", "https"),
        ("proto", "HTTP", "http"),
        ("proto", "wss", "wss"),
        ("proto", "gopher", None),
        ("proto", "http s", None),
        ("proto", "", None),
        ("host", "a.org:80", "a.org:80"),
        ("host", "[::1]:80", "[::1]:80"),
        ("host", "a.org/x", None),
        ("host", "a.org:99999", None),
        ("port", "8443", 8443),
        ("port", "0", None),
        ("port", "65536", None),
        ("port", "-1", None),
        ("port", "８０", None),
        ("port", "9" * 5000, None),
        ("prefix", "/shop", "/shop"),
        ("prefix", "/a/b-c~d", "/a/b-c~d"),
        ("prefix", "/shop/", "/shop"),
        ("prefix", "/caf%C3%A9%20x", "/caf%C3%A9%20x"),
        ("prefix", "/.well-known/..x", "/.well-known/..x"),
        ("prefix", "/", None),
        ("prefix", "shop", None),
        ("prefix", "//evil.example", None),
        ("prefix", "/a//b", None),
        ("prefix", "/shop//", None),
        ("prefix", "/%2Fevil.example", None),
        ("prefix", "/\\evil.example", None),
        ("prefix", "/%5cevil.example", None),
        ("prefix", "/.", None),
        ("prefix", "/../x", None),
        ("prefix", "/%2e%2E/x", None),
        ("prefix", "/a%0d%0ab", None),
        ("prefix", "/a%7F", None),
        ("prefix", "/a%zz", None),
        ("prefix", "/a?b", None),
        ("prefix", "/a#b", None),
        ("prefix", "/a b", None),
        ("prefix", "/é", None),
        ("prefix", "https://evil.example/", None),
    ],
)
def test_a_value_is_well_formed_or_says_nothing(
    name: str, value: str, expected: str | int | None
) -> None:
    assert getattr(x_forwarded({name: value}), name.replace("proto", "scheme")) == expected


@pytest.mark.parametrize(
    ("addresses", "value", "expected"),
    [
        (ONE, "/a, /b", "/b"),
        (TWO, "/a, /b", "/a/b"),
        (TWO, "/evil, /a/, /b/", "/a/b"),
        (TWO, "/a", "/a"),
        (TWO, "/a, /", "/a"),
        (TWO, "//a, /b", None),
        (ONE, "//a, /b", "/b"),
    ],
)
def test_what_several_proxies_took_off_the_path_is_put_together(
    addresses: str, value: str, expected: str | None
) -> None:
    assert x_forwarded({"for": addresses, "prefix": value}).prefix == expected


def test_all_of_them_together() -> None:
    values = {"for": "1.2.3.4", "proto": "https", "host": "a.org", "port": "444", "prefix": "/x"}
    assert x_forwarded(values) == Claim(Node("1.2.3.4", 0), "https", "a.org", 444, "/x")
