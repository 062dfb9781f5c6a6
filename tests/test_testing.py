"""Scopes made by hand, and the names of `bolide.testing`."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from bolide import testing
from bolide.requests import Request
from bolide.testing import http_scope, lifespan_scope, websocket_scope
from bolide.websockets import WebSocket


def test_a_scope_of_http_is_complete() -> None:
    assert http_scope() == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"testserver")],
        "client": ("testclient", 50000),
        "server": ["testserver", 80],
        "state": {},
        "extensions": {},
    }


def test_a_scope_of_a_websocket_is_complete() -> None:
    assert websocket_scope() == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"testserver")],
        "client": ("testclient", 50000),
        "server": ["testserver", 80],
        "subprotocols": [],
        "state": {},
        "extensions": {},
    }


def test_a_scope_of_a_lifespan_is_complete() -> None:
    asgi = {"version": "3.0", "spec_version": "2.0"}
    assert lifespan_scope() == {"type": "lifespan", "asgi": asgi, "state": {}}
    state: dict[str, Any] = {}
    assert lifespan_scope(state)["state"] is state


@pytest.mark.parametrize(
    ("url", "host", "path", "raw_path", "query"),
    [
        ("", b"testserver", "/", b"/", b""),
        ("/a/b?c=d", b"testserver", "/a/b", b"/a/b", b"c=d"),
        ("?c=d", b"testserver", "/", b"/", b"c=d"),
        ("//other:99/a", b"other:99", "/a", b"/a", b""),
        ("/a%20b", b"testserver", "/a b", b"/a%20b", b""),
        ("/a b/é", b"testserver", "/a b/é", b"/a%20b/%C3%A9", b""),
        ("/?ü", b"testserver", "/", b"/", b"%C3%BC"),
    ],
)
@pytest.mark.parametrize("build", [http_scope, websocket_scope])
def test_a_url_is_joined_and_quoted(
    build: Any, url: str, host: bytes, path: str, raw_path: bytes, query: bytes
) -> None:
    scope = build(url)
    assert scope["headers"] == [(b"host", host)]
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)


def test_a_url_may_be_absolute() -> None:
    assert str(Request(http_scope("https://other/a")).url) == "https://other/a"
    websocket: Any = WebSocket(websocket_scope("wss://other/a"), None, None)  # type: ignore[arg-type]
    assert str(websocket.url) == "wss://other/a"


@pytest.mark.parametrize(
    ("build", "url"), [(http_scope, "ws://h/"), (websocket_scope, "http://h/"), (http_scope, "a:b")]
)
def test_another_url_is_an_error(build: Any, url: str) -> None:
    with pytest.raises(ValueError, match="Expected a URL with scheme") as raised:
        build(url)
    assert repr(url) in str(raised.value)


@pytest.mark.parametrize("build", [http_scope, websocket_scope])
@pytest.mark.parametrize("headers", [{"X-A": "é"}, [("X-A", "é")], ((b"X-A", b"\xe9"),)])
def test_headers_come_in_many_forms(build: Any, headers: Any) -> None:
    assert build(headers=headers)["headers"][-1] == (b"x-a", b"\xe9")


def test_everything_can_be_said() -> None:
    state = {"a": 1}
    given: dict[str, Any] = {
        "root_path": "/root",
        "http_version": "2",
        "client": None,
        "state": state,
        "extensions": {"e": {}},
        "app": object(),
        "server": None,
    }
    for scope in (http_scope("/", method="PUT", **given), websocket_scope("/", **given)):
        assert {key: scope[key] for key in given} == given
        assert scope["state"] is not state
    assert http_scope(method="PUT")["method"] == "PUT"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"subprotocols": ["a", "b"]}, ["a", "b"]),
        ({"headers": {"sec-websocket-protocol": "a, b"}}, ["a", "b"]),
    ],
)
def test_subprotocols_come_by_themselves_or_in_a_header(options: Any, expected: Any) -> None:
    assert websocket_scope(**options)["subprotocols"] == expected


@pytest.mark.parametrize("name", testing.__all__)
def test_the_names_live_in_the_public_module(name: str) -> None:
    assert getattr(testing, name).__module__ == "bolide.testing"


def test_no_http_library_is_needed() -> None:
    code = (
        "import sys; sys.modules['httpx2'] = sys.modules['httpx'] = None;"
        "from bolide.testing import *; print(http_scope()['path'])"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "/\n"
