"""URLs: from scopes and strings, changed, and made from paths."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._data.url import URL, Address, URLPath


def scope(path: str = "/", host: str | None = None, **more: Any) -> dict[str, Any]:
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    return {"type": "http", "path": path, "headers": headers, **more}


def test_the_parts_of_a_url() -> None:
    url = URL("https://example.org:123/path/to/somewhere?abc=123#anchor")
    assert (url.scheme, url.hostname, url.port) == ("https", "example.org", 123)
    assert (url.netloc, url.username, url.password) == ("example.org:123", None, None)
    assert (url.path, url.query, url.fragment) == ("/path/to/somewhere", "abc=123", "anchor")
    assert url.components is url.components
    assert str(url) == "https://example.org:123/path/to/somewhere?abc=123#anchor"


@pytest.mark.parametrize(
    ("text", "secure"),
    [("https://h", True), ("wss://h", True), ("http://h", False), ("ws://h", False), ("/", False)],
)
def test_https_and_wss_are_secure(text: str, secure: bool) -> None:
    assert URL(text).is_secure is secure


def test_a_port_out_of_range_is_told_when_asked_for() -> None:
    url = URL("http://h:99999/")
    with pytest.raises(ValueError, match="Port out of range 0-65535"):
        url.port  # noqa: B018


def test_a_url_equals_its_text() -> None:
    assert URL("http://h") == URL("http://h")
    assert URL("http://h") == "http://h"
    assert URL("http://h") != "http://h/"
    assert URL("1") != 1
    assert URL.__hash__ is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://h/p", "URL('http://h/p')"),
        ("http://u:secret@h/p", "URL('http://u:********@h/p')"),
        ("http://u@h/p", "URL('http://u@h/p')"),
        ("http://u:@h/p", "URL('http://u:@h/p')"),
        ("http://:secret@h/p", "URL('http://:********@h/p')"),
        ("http://u:secret@h:99999/p", "URL('http://u:********@h:99999/p')"),
    ],
)
def test_repr_hides_a_password(text: str, shown: str) -> None:
    assert repr(URL(text)) == shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("x", {"path": "/"}), 'Cannot set both "url" and "scope".'),
        (("x",), 'Cannot set both "url" and "**components".'),
        (("", {"path": "/"}), 'Cannot set both "scope" and "**components".'),
    ],
)
def test_there_is_one_source(args: tuple[Any, ...], message: str) -> None:
    components = {} if "url" in message and "scope" in message else {"path": "/"}
    with pytest.raises(AssertionError) as caught:
        URL(*args, **components)
    assert str(caught.value) == message


def test_a_url_of_components() -> None:
    assert URL(scheme="http", hostname="h", port=3, path="/x") == "http://h:3/x"
    assert URL(path="/x", query="a=1") == "/x?a=1"
    assert URL() == ""


@pytest.mark.parametrize(
    ("url", "changes", "result"),
    [
        ("http://h/p", {"scheme": "https"}, "https://h/p"),
        ("http://h/p", {"path": "/q", "query": "a", "fragment": "f"}, "http://h/q?a#f"),
        ("http://h/p", {"netloc": "i:8"}, "http://i:8/p"),
        ("http://h:8/p", {"port": None}, "http://h/p"),
        ("http://h/p", {"port": 9}, "http://h:9/p"),
        ("http://u:p@h:8/p", {"hostname": "i"}, "http://u:p@i:8/p"),
        ("http://u:p@h:8/p", {"username": "v"}, "http://v:p@h:8/p"),
        ("http://u:p@h:8/p", {"username": None}, "http://h:8/p"),
        ("http://u:p@h:8/p", {"password": None}, "http://u@h:8/p"),
        ("http://u:p@h:8/p", {"password": "q"}, "http://u:q@h:8/p"),
        ("http://u@h/p", {"password": "q"}, "http://u:q@h/p"),
        ("http://h/p", {"password": "q"}, "http://h/p"),
        ("http://h/p", {"username": "u", "password": "q"}, "http://u:q@h/p"),
        ("http://:p@h/p", {"port": 9}, "http://:p@h:9/p"),
        ("http://@h/p", {"port": 9}, "http://@h:9/p"),
        ("http://u:p@h/p", {"username": ""}, "http://:p@h/p"),
        ("http://:p@h/p", {"username": None}, "http://h/p"),
        ("http://u@h/p", {"password": ""}, "http://u:@h/p"),
        ("http://u@v:p@h/p", {"port": 9}, "http://u@v:p@h:9/p"),
        ("http://h:99999/p", {"port": 9}, "http://h:9/p"),
        ("http://h:08/p", {"username": "u"}, "http://u@h:08/p"),
        ("http://h:/p", {"username": "u"}, "http://u@h/p"),
        ("http://h/p", {"hostname": "::1"}, "http://[::1]/p"),
        ("http://h/p", {"hostname": "[::1]"}, "http://[::1]/p"),
        ("http://h/p", {"hostname": "fe80::1%eth0"}, "http://[fe80::1%eth0]/p"),
        ("http://h/p", {"hostname": "v1.x"}, "http://v1.x/p"),
        ("http://h:8/p", {"hostname": ""}, "http://:8/p"),
        ("http://h/p", {"hostname": None, "port": 3}, "http://h:3/p"),
        ("http://[::1]:8/p", {"port": 9}, "http://[::1]:9/p"),
        ("http://[::1]/p", {"username": "u"}, "http://u@[::1]/p"),
        (
            "http://h:8/p",
            {"hostname": "example.org:8080", "port": None},
            "http://example.org:8080/p",
        ),
        ("/path?a=1", {"port": 8080}, "//:8080/path?a=1"),
        ("/path?a=1", {"username": "u"}, "//u@/path?a=1"),
    ],
)
def test_replacing_parts(url: str, changes: dict[str, Any], result: str) -> None:
    assert str(URL(url).replace(**changes)) == result


def test_a_subclass_stays_one() -> None:
    class Mine(URL):
        pass

    assert type(Mine("http://h").replace(path="/x")) is Mine
    assert type(Mine("http://h").include_query_params(a=1)) is Mine


def test_query_parameters_are_included_replaced_and_removed() -> None:
    url = URL("http://h/?b=&a=1&a=2")
    assert str(url.include_query_params(a=5, c="x y")) == "http://h/?b=&a=5&c=x+y"
    assert str(url.replace_query_params(c=None)) == "http://h/?c=None"
    assert str(url.remove_query_params("a")) == "http://h/?b="
    assert str(url.remove_query_params(["a", "b", "nope"])) == "http://h/"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (
            scope("/path", server=("example.org", 123), scheme="https"),
            "https://example.org:123/path",
        ),
        (scope("/path", server=("example.org", 443), scheme="https"), "https://example.org/path"),
        (scope("/path", server=["example.org", 80], scheme="ws"), "ws://example.org/path"),
        (scope("/", server=("::1", 8000)), "http://[::1]:8000/"),
        (scope("/", server=("[::1]", 8000)), "http://[::1]:8000/"),
        (scope("/x", server=("h", 80), host="h", scheme=""), "//h/x"),
        (scope("/path", host="example.org", server=("other", 1)), "http://example.org/path"),
        (scope("/path", query_string=b"a=1&b=%20", host="h"), "http://h/path?a=1&b=%20"),
        (scope("/p", query_string=b"a=\xff%zz&b", host="h"), "http://h/p?a=%FF%zz&b"),
        (scope("/p", query_string="a=é".encode(), host="h"), "http://h/p?a=é"),
        (scope("/", query_string="é".encode(), host="h"), "http://h/?é"),
        (scope("/a?b#c\\d é", host="h"), "http://h/a%3Fb%23c%5Cd é"),
        (scope("/", host="h:000080"), "http://h:000080/"),
        (scope("/", host="h:65536", server=("s", 80)), "http://s/"),
        (scope("/", host="a b", server=("s", 80)), "http://s/"),
        (scope("/", host="", server=("s", 80)), "http://s/"),
        (scope("/", host="[v1.foo]"), "http://[v1.foo]/"),
        (scope("@google.com", host="h"), "http://h/@google.com"),
        (scope("http://google.com/x", host="h"), "http://h/http://google.com/x"),
        (scope("//google.com/x", host="h"), "http://h//google.com/x"),
        (scope("", host="h"), "http://h"),
        (scope("/path", query_string=b"a=1"), "/path?a=1"),
        (scope("//example.org/a"), "/%2Fexample.org/a"),
        (scope("/\\example.org/a"), "/%5Cexample.org/a"),
        (scope("/", host="bad host"), "/"),
    ],
)
def test_a_url_of_a_scope(given: dict[str, Any], url: str) -> None:
    assert str(URL(scope=given)) == url


def test_the_first_host_header_counts() -> None:
    given = scope("/", server=("s", 80))
    given["headers"] = [[b"a", b"1"], [b"host", b"first"], [b"host", b"second"]]
    assert str(URL(scope=given)) == "http://first/"
    given["headers"][1] = [b"host", b"not a host"]
    assert str(URL(scope=given)) == "http://s/"


def test_a_scope_is_only_read() -> None:
    given = scope("/", host="h")
    given["headers"] = headers = tuple(given["headers"])
    URL(scope=given)
    assert given["headers"] is headers


def test_an_unknown_scheme_has_no_default_port() -> None:
    with pytest.raises(KeyError):
        URL(scope=scope("/", server=("h", 80), scheme="ftp"))


hosts = st.text("ab.:[]@/?#\\ 1v", max_size=12) | st.text(max_size=8)


@given(path=st.text(max_size=20), host=hosts)
def test_no_path_and_no_host_header_can_name_another_authority(path: str, host: str) -> None:
    given = scope(path, server=("good.example", 80))
    given["headers"] = [(b"host", host.encode("latin-1", "ignore"))]
    parsed = urlsplit(str(URL(scope=given)))
    said = host.encode("latin-1", "ignore").decode("latin-1")
    assert parsed.netloc in (said, "good.example")
    assert "@" not in parsed.netloc


@pytest.mark.parametrize(
    ("path", "text"),
    [("/a", "/a"), ("//x", "/%2Fx"), ("/\\x", "/%5Cx"), ("\\\\x", "%5C%5Cx"), ("", "")],
)
def test_a_url_path_cannot_be_read_as_an_authority(path: str, text: str) -> None:
    assert URLPath(path) == text


@pytest.mark.parametrize(
    ("path", "base", "url"),
    [
        (URLPath("/x"), "https://h/base/?q=1", "https://h/base/x"),
        (URLPath("/x"), "ftp://h", "ftp://h/x"),
        (URLPath("/x", protocol="http"), "wss://h", "https://h/x"),
        (URLPath("/x", protocol="http"), "ws://h", "http://h/x"),
        (URLPath("/x", protocol="websocket"), "https://h", "wss://h/x"),
        (URLPath("/x", protocol="websocket"), "http://h/", "ws://h/x"),
        (URLPath("/x", host="o:1"), "ws://h/", "ws://o:1/x"),
        (URLPath("@evil.example"), "http://h", "http://h/@evil.example"),
        (URLPath(".evil.example"), "http://h/", "http://h/.evil.example"),
        (URLPath("/x\r\nSet-Cookie: a"), "http://h", "http://h/xSet-Cookie: a"),
    ],
)
def test_a_url_path_becomes_absolute_below_a_base(path: URLPath, base: str, url: str) -> None:
    assert path.make_absolute_url(base) == url
    assert path.make_absolute_url(base_url=URL(base)) == url


@given(st.text("@:/\\?#.[]\n\t e", max_size=12))
def test_no_url_path_can_name_another_authority(path: str) -> None:
    url = URLPath(path).make_absolute_url("https://good.example")
    assert (url.scheme, url.netloc) == ("https", "good.example")


def test_a_url_path_knows_its_protocol_and_host() -> None:
    path = URLPath("/x", protocol="websocket", host="h")
    assert (path.protocol, path.host, URLPath("/x").protocol) == ("websocket", "h", "")
    with pytest.raises(AssertionError):
        URLPath("/x", protocol="ftp")  # type: ignore[arg-type]


def test_an_address_is_a_named_pair() -> None:
    assert Address("h", 1) == ("h", 1)
    assert Address(host="h", port=1).port == 1


parts = st.fixed_dictionaries(
    {},
    optional={
        "username": st.none() | st.text("ab", min_size=1, max_size=2),
        "password": st.none() | st.text("ab", min_size=1, max_size=2),
        "hostname": st.sampled_from(["h", "example.org", "::1", "[::1]"]),
        "port": st.none() | st.integers(0, 65535),
        "path": st.sampled_from(["/", "/a", "/a/b"]),
    },
)


@given(parts)
def test_what_was_replaced_is_what_is_there_then(changes: dict[str, Any]) -> None:
    url = URL("http://u:p@h:8/p?q=1").replace(**changes)
    expected = {
        "username": "u",
        "password": "p",
        "hostname": "h",
        "port": 8,
        "path": "/p",
    } | changes
    expected["hostname"] = expected["hostname"].strip("[]")
    if expected["username"] is None:
        expected["password"] = None
    assert {name: getattr(url, name) for name in expected} == expected
    assert url.query == "q=1"
