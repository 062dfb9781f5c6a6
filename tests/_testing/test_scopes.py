"""Scopes: what a method, a URL and headers become."""

from __future__ import annotations

from typing import Any

import pytest

from bolide._testing.scopes import http_scope, lifespan_scope, websocket_scope

CLIENT = ("testclient", 50000)


def http(url: str, headers: list[tuple[bytes, bytes]] | None = None, **changes: Any) -> Any:
    options: dict[str, Any] = {"root_path": "", "client": CLIENT, "state": {}, **changes}
    return http_scope("GET", url, headers or [], **options)


def websocket(url: str, headers: list[tuple[bytes, bytes]] | None = None) -> Any:
    return websocket_scope(url, headers or [], root_path="/r", client=CLIENT, state={"a": 1})


def test_an_http_scope_has_these_keys_and_no_others() -> None:
    scope = http_scope(
        "PUT",
        "http://example.org/a%20b/%C3%A9?x=1&y=%20",
        [(b"Host", b"example.org"), (b"X-A", b"\xe9")],
        root_path="/r",
        client=CLIENT,
        state={"key": "value"},
    )
    assert scope == {
        "type": "http",
        "http_version": "1.1",
        "method": "PUT",
        "path": "/a b/é",
        "raw_path": b"/a%20b/%C3%A9",
        "root_path": "/r",
        "scheme": "http",
        "query_string": b"x=1&y=%20",
        "headers": [(b"host", b"example.org"), (b"x-a", b"\xe9")],
        "client": CLIENT,
        "server": ["example.org", 80],
        "extensions": {"http.response.debug": {}, "http.response.trailers": {}},
        "state": {"key": "value"},
    }


def test_a_websocket_scope_has_these_keys_and_no_others() -> None:
    headers = [(b"host", b"h"), (b"Sec-WebSocket-Protocol", b"a, b"), (b"x-a", b"1")]
    assert websocket("wss://h/p?q", headers) == {
        "type": "websocket",
        "path": "/p",
        "raw_path": b"/p",
        "root_path": "/r",
        "scheme": "wss",
        "query_string": b"q",
        "headers": [(b"host", b"h"), (b"sec-websocket-protocol", b"a, b"), (b"x-a", b"1")],
        "client": CLIENT,
        "server": ["h", 443],
        "subprotocols": ["a", "b"],
        "extensions": {"websocket.http.response": {}},
        "state": {"a": 1},
    }


@pytest.mark.parametrize(
    ("url", "server", "host"),
    [
        ("http://h/", ["h", 80], b"h"),
        ("https://h/", ["h", 443], b"h"),
        ("http://h:8000/", ["h", 8000], b"h:8000"),
        ("http://h:0/", ["h", 0], b"h:0"),
        ("http://[::1]:8000/", ["::1", 8000], b"[::1]:8000"),
        ("http://[::1]/", ["::1", 80], b"[::1]"),
        ("http://user:pass@h/", ["h", 80], b"h"),
    ],
)
def test_server_and_host_come_from_the_url(url: str, server: list[Any], host: bytes) -> None:
    scope = http(url)
    assert scope["server"] == server
    assert scope["headers"] == [(b"host", host)]


def test_a_host_header_is_put_first_only_if_there_is_none() -> None:
    assert http("http://h/", [(b"a", b"1")])["headers"] == [(b"host", b"h"), (b"a", b"1")]
    given = [(b"a", b"1"), (b"Host", b"other")]
    assert http("http://h/", given)["headers"] == [(b"a", b"1"), (b"host", b"other")]


@pytest.mark.parametrize(
    ("url", "path", "raw_path"),
    [
        ("http://h", "/", b"/"),
        ("http://h?a=1", "/", b"/"),
        ("http://h/a%2Fb", "/a/b", b"/a%2Fb"),
        ("http://h/x;y", "/x;y", b"/x;y"),
        ("http://h/x#fragment", "/x", b"/x"),
        ("http://h/%ff", "/\N{REPLACEMENT CHARACTER}", b"/%ff"),
    ],
)
def test_the_path_is_decoded_and_the_raw_path_is_not(url: str, path: str, raw_path: bytes) -> None:
    scope = http(url)
    assert (scope["path"], scope["raw_path"]) == (path, raw_path)


@pytest.mark.parametrize(
    ("headers", "subprotocols"),
    [
        ([], []),
        ([(b"sec-websocket-protocol", b"a,b ,  c")], ["a", "b", "c"]),
        ([(b"sec-websocket-protocol", b"a"), (b"sec-websocket-protocol", b"b")], ["a", "b"]),
        ([(b"sec-websocket-protocol", b"")], []),
    ],
)
def test_subprotocols_are_a_list(
    headers: list[tuple[bytes, bytes]], subprotocols: list[str]
) -> None:
    assert websocket("ws://h/", headers)["subprotocols"] == subprotocols


def test_each_connection_gets_a_shallow_copy_of_the_state() -> None:
    state = {"shared": [1]}
    scope = http("http://h/", state=state)
    assert scope["state"] == state
    assert scope["state"] is not state
    assert scope["state"]["shared"] is state["shared"]


def test_the_lifespan_gets_the_state_itself() -> None:
    state: dict[str, Any] = {}
    scope = lifespan_scope(state)
    assert scope == {"type": "lifespan", "state": {}}
    assert scope["state"] is state


def test_another_scheme_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="'ftp://h/'"):
        http("ftp://h/")
