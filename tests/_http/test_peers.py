"""Who is trusted, who is not, and what is refused as a way to say it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.peers import BadPeer, Peer, TrustedPeers, parse_address
from bolide.exceptions import BolideError


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.0.0.0/255.0.0.0", "10.1.2.3"),
        (ipaddress.ip_network("10.0.0.0/8"), "10.1.2.3"),
        (ipaddress.ip_address("10.1.2.3"), "10.1.2.3"),
        ("::1", "::1"),
        ("2001:DB8::/32", "2001:db8::7"),
        ("fe80::/10", "fe80::1%eth0"),
        ("0.0.0.0/0", "255.255.255.255"),
        ("::/0", "ffff::"),
        ("10.0.0.0/8", "::ffff:10.1.2.3"),
        ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3"),
        ("testclient", "testclient"),
        ("TestClient", "tESTcLIENT"),
        ("unix", None),
        ("unix", ""),
    ],
)
def test_a_peer_is_trusted_by_address_name_or_socket(peer: Peer, host: str | None) -> None:
    assert TrustedPeers([peer]).has_peer(host)
    assert TrustedPeers(["192.0.2.1", peer, "elsewhere"]).has_peer(host)
    assert not TrustedPeers(["192.0.2.1", "elsewhere"]).has_peer(host)


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("10.0.0.0/8", "11.0.0.0"),
        ("10.1.2.3", "10.1.2.4"),
        ("0.0.0.0/0", "::1"),
        ("::/0", "10.1.2.3"),
        ("0.0.0.0/0", None),
        ("0.0.0.0/0", "testclient"),
        ("0.0.0.0/0", "10.1.2"),
        ("unix", "10.1.2.3"),
        ("unix", "unix"),
        ("testclient", None),
        ("testclient", "testclient.example.org"),
    ],
)
def test_anybody_else_is_not(peer: Peer, host: str | None) -> None:
    assert not TrustedPeers([peer]).has_peer(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "testclient", "", None])
def test_by_default_nobody_is_trusted(host: str | None) -> None:
    assert not TrustedPeers().has_peer(host)


def test_a_single_peer_needs_no_list() -> None:
    assert TrustedPeers("10.0.0.0/8").has_peer("10.0.0.1")


@pytest.mark.parametrize(
    "peer", ["10.0.0.1/8", "10.0.0.256", "*", "", "a b", "10.0.0", "::g", "[::1]", "1.2.3.4:80"]
)
def test_what_is_no_peer_is_an_error(peer: str) -> None:
    with pytest.raises(BadPeer) as caught:
        TrustedPeers(["127.0.0.1", peer])
    assert isinstance(caught.value, BolideError | ValueError)
    assert str(caught.value).startswith(f"Cannot trust {peer!r}: expected a network such as")
    assert ("whoever can connect" in str(caught.value)) == (peer == "*")


@pytest.mark.parametrize(
    "text", ["1.2.3.4", "::1", "2001:db8::ffff:1.2.3.4", "f" * 4 + (":" + "f" * 4) * 7]
)
def test_an_address_is_read(text: str) -> None:
    assert parse_address(text) == ipaddress.ip_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.256",
        "[::1]",
        "fe80::1%eth0",
        "1.2.3.４",
        "0" * 99,
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


@given(st.ip_addresses())
def test_an_address_that_was_written_is_read_back(address: ipaddress.IPv4Address) -> None:
    assert parse_address(str(address)) == address


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    address = parse_address(text)
    assert address is None or text.isascii()
    assert not TrustedPeers(["10.0.0.0/8", "::1"]).has_peer(text) or address is not None
