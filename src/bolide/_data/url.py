"""URLs: taken from a scope or a string, taken apart, and changed (RFC 3986)."""

from __future__ import annotations

import ipaddress
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import SplitResult, quote_from_bytes, urlencode, urlsplit

from bolide._data.multidict import MultiDict
from bolide._http.host import parse_host_header
from bolide._http.urlencoded import decode_pairs
from bolide.types import Scope

__all__ = ["URL", "Address", "URLPath"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_VISIBLE_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
_AUTHORITY_PARTS: Final = frozenset({"username", "password", "hostname", "port"})


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int


class URL:
    """A URL, which is its text; everything else is worked out from that.

    Give one source at the most.

    Args:
        url: The text.
        scope: The scope of a request or a WebSocket.
        components: Parts, as `replace` takes them.
    """

    _url: str
    _components: SplitResult

    def __init__(self, url: str = "", scope: Scope | None = None, **components: Any) -> None:
        if scope is not None:
            if url:
                raise AssertionError('Cannot set both "url" and "scope".')
            if components:
                raise AssertionError('Cannot set both "scope" and "**components".')
            url = _url_of_scope(scope)
        elif components:
            if url:
                raise AssertionError('Cannot set both "url" and "**components".')
            url = URL("").replace(**components)._url
        self._url = url

    @property
    def components(self) -> SplitResult:
        """The parts, as `urllib.parse.urlsplit` gives them."""
        if not hasattr(self, "_components"):
            self._components = urlsplit(self._url)
        return self._components

    @property
    def scheme(self) -> str:
        """The scheme, such as `https`."""
        return self.components.scheme

    @property
    def netloc(self) -> str:
        """Host, port and credentials as they are written (the authority)."""
        return self.components.netloc

    @property
    def path(self) -> str:
        """The path."""
        return self.components.path

    @property
    def query(self) -> str:
        """The query string, without the question mark."""
        return self.components.query

    @property
    def fragment(self) -> str:
        """The fragment, without the hash sign."""
        return self.components.fragment

    @property
    def username(self) -> str | None:
        """The user name, if there is one."""
        return self.components.username

    @property
    def password(self) -> str | None:
        """The password, if there is one."""
        return self.components.password

    @property
    def hostname(self) -> str | None:
        """The host in lower case, without brackets, if there is one."""
        return self.components.hostname

    @property
    def port(self) -> int | None:
        """The port, if there is one.

        Raises:
            ValueError: It is not a number, or not one that a port can have.
        """
        return self.components.port

    @property
    def is_secure(self) -> bool:
        """Whether the scheme is `https` or `wss`."""
        return self.scheme in ("https", "wss")

    def replace(self, **kwargs: Any) -> URL:
        """Give a URL with other parts.

        Args:
            kwargs: Any of scheme, netloc, path, query, fragment; or parts of the authority:
                username, password, hostname, port. None takes a part of the authority away.
        """
        if not _AUTHORITY_PARTS.isdisjoint(kwargs):
            parts = {name: kwargs.pop(name) for name in _AUTHORITY_PARTS & kwargs.keys()}
            kwargs["netloc"] = _changed_authority(self.netloc, parts)
        return type(self)(self.components._replace(**kwargs).geturl())

    def include_query_params(self, **kwargs: Any) -> URL:
        """Give a URL whose query string has these parameters, and the others that it had."""
        params = MultiDict(decode_pairs(self.query))
        params.update({name: str(value) for name, value in kwargs.items()})
        return self.replace(query=urlencode(params.multi_items()))

    def replace_query_params(self, **kwargs: Any) -> URL:
        """Give a URL whose query string has these parameters only."""
        return self.replace(query=urlencode([(name, str(value)) for name, value in kwargs.items()]))

    def remove_query_params(self, keys: str | list[str] | tuple[str, ...]) -> URL:
        """Give a URL whose query string lacks these parameters."""
        params = MultiDict(decode_pairs(self.query))
        for key in [keys] if isinstance(keys, str) else keys:
            params.pop(key, None)
        return self.replace(query=urlencode(params.multi_items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, URL | str) and self._url == str(other)

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        url = str(self)
        if self.password:
            url = str(self.replace(password="********"))  # noqa: S106 - a mask
        return f"{type(self).__name__}({url!r})"


class URLPath(str):
    """A path that can be made an absolute URL.

    Args:
        path: The text.
        protocol: What answers there; decides on the scheme of the URL.
        host: The host, if it is not that of the base.
    """

    protocol: Literal["http", "websocket", ""]
    host: str

    def __new__(
        cls, path: str, protocol: Literal["http", "websocket", ""] = "", host: str = ""
    ) -> URLPath:
        if protocol not in ("http", "websocket", ""):
            raise AssertionError(f"Expected the protocol http or websocket, got {protocol!r}.")
        return str.__new__(cls, _not_an_authority(path))

    def __init__(
        self, path: str, protocol: Literal["http", "websocket", ""] = "", host: str = ""
    ) -> None:
        self.protocol = protocol
        self.host = host

    def make_absolute_url(self, base_url: str | URL) -> URL:
        """Give the URL of this path below a base.

        Args:
            base_url: Gives the security, the host unless there is one here, and a path to go in
                front of this one.
        """
        base = base_url.components if isinstance(base_url, URL) else urlsplit(base_url)
        scheme = base.scheme
        if self.protocol:
            is_secure = scheme in ("https", "wss")
            plain = "http" if self.protocol == "http" else "ws"
            scheme = f"{plain}s" if is_secure else plain
        netloc = self.host or base.netloc
        path = base.path.rstrip("/") + str(self)
        # SECURITY: putting the parts together adds a slash before a path that begins without one,
        # which could otherwise go on with the host (`http://example.org` and `@evil.example`);
        # taking them apart once more drops line breaks and tabs, as every reader of URLs does.
        text = SplitResult(scheme, netloc, path, "", "").geturl()
        return URL(urlsplit(text).geturl())


def _url_of_scope(scope: Scope) -> str:
    # What a path may hold, but a URL would read as the end of it.
    path: str = scope["path"].replace("?", "%3F").replace("#", "%23").replace("\\", "%5C")
    query: bytes = scope.get("query_string", b"")
    suffix = f"?{_text_of_query(query)}" if query else ""
    scheme: str = scope.get("scheme", "http")
    netloc = _netloc_of_scope(scope, scheme)
    if netloc is None:
        return _not_an_authority(path) + suffix
    if path and not path.startswith("/"):
        path = f"/{path}"
    prefix = f"{scheme}://" if scheme else "//"
    return f"{prefix}{netloc}{path}{suffix}"


def _text_of_query(query: bytes) -> str:
    try:
        return query.decode()
    except UnicodeDecodeError:
        # What is no text is spelled as the client should have sent it.
        return quote_from_bytes(query, safe=_VISIBLE_ASCII)


def _netloc_of_scope(scope: Scope, scheme: str) -> str | None:
    for name, value in scope["headers"]:
        if name == b"host":
            header: str = value.decode("latin-1")
            host = parse_host_header(header)
            if host is not None and host.has_possible_port:
                return header
            break
    server = scope.get("server")
    if server is None:
        return None
    hostname, port = server
    if ":" in hostname and not hostname.startswith("["):
        hostname = f"[{hostname}]"
    return hostname if port == _DEFAULT_PORTS[scheme] else f"{hostname}:{port}"


def _not_an_authority(path: str) -> str:
    """Make sure that a path is read as one: `//host` would be a host (RFC 3986, section 4.2)."""
    path = path.replace("\\", "%5C")
    return f"/%2F{path[2:]}" if path.startswith("//") else path


def _changed_authority(netloc: str, changes: dict[str, Any]) -> str:
    userinfo, has_userinfo, address = netloc.rpartition("@")
    username, has_password, password = userinfo.partition(":")
    # The colons of an IPv6 address are none before a port.
    end_of_literal = address.rfind("]") + 1
    name, _, port = address[end_of_literal:].partition(":")
    parts: dict[str, Any] = {
        "username": username if has_userinfo else None,
        "password": password if has_password else None,
        "hostname": address[:end_of_literal] + name,
        "port": port,
    }
    if changes.get("hostname") is not None:
        parts["hostname"] = _bracketed(changes["hostname"])
    for part in ("username", "password", "port"):
        parts[part] = changes.get(part, parts[part])

    authority: str = parts["hostname"]
    if parts["port"] not in (None, ""):
        authority += f":{parts['port']}"
    if parts["username"] is not None:
        secret = "" if parts["password"] is None else f":{parts['password']}"
        authority = f"{parts['username']}{secret}@{authority}"
    return authority


def _bracketed(hostname: str) -> str:
    """Put an IPv6 address into brackets; leave anything else as it is."""
    try:
        ipaddress.IPv6Address(hostname)
    except ValueError:
        return hostname
    return f"[{hostname}]"
