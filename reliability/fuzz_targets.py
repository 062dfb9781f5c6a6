"""What is fuzzed: each target takes bytes, and fails if a parser breaks a promise.

A parser may refuse its input with the errors that it documents. It may not raise anything else,
and what it gives has to keep the laws that are asserted here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio

from bolide._http.accept import best_match
from bolide._http.conditional import if_range_matches, is_not_modified
from bolide._http.cookie_header import parse_cookies
from bolide._http.dates import format_date, parse_date
from bolide._http.event_stream import EventStreamParser, EventTooLarge
from bolide._http.forwarded import read_forwarded, read_x_forwarded
from bolide._http.host import parse_host_header
from bolide._http.media import parse_media_type
from bolide._http.origin import parse_origin
from bolide._http.peers import TrustedPeers, parse_address
from bolide._http.ranges import MalformedRangeHeader, RangeNotSatisfiable, parse_range
from bolide._http.urlencoded import decode_pairs
from bolide.applications import Bolide
from bolide.datastructures import Headers
from bolide.formparsers import FormParser, MultiPartException, MultiPartParser
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Mount, Route
from bolide.types import Message

EVERYBODY = TrustedPeers(["0.0.0.0/0", "::/0", "unix"])


def text(data: bytes) -> str:
    return data.decode("latin-1")


def cookies(data: bytes) -> None:
    for name, value in parse_cookies(text(data)).items():
        assert isinstance(name, str)
        assert isinstance(value, str)


def media_type(data: bytes) -> None:
    essence, params = parse_media_type(text(data))
    assert essence == essence.strip()
    assert all(name == name.lower() for name in params)


def accept(data: bytes) -> None:
    offers = ("text/html", "application/json", "application/problem+json")
    assert best_match(text(data), offers) in (None, *offers)


def host(data: bytes) -> None:
    parsed = parse_host_header(text(data))
    if parsed is not None:
        assert not set(parsed.host) & set("/?#@\\ \r\n\t")
        assert parsed.port is None or parsed.port.isascii()


def origin(data: bytes) -> None:
    parse_origin(text(data))


def byte_ranges(data: bytes) -> None:
    for size in (0, 1, 10, 10_000):
        try:
            found = parse_range(text(data), size)
        except (MalformedRangeHeader, RangeNotSatisfiable):
            continue
        for start, end in found or ():
            assert 0 <= start < end <= size


def conditions(data: bytes) -> None:
    header = text(data)
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    is_not_modified(if_none_match=header, if_modified_since=header, etag='"a"', last_modified=date)
    if_range_matches(header, etag='"a"', last_modified=date)


def dates(data: bytes) -> None:
    moment = parse_date(text(data))
    if moment is not None:
        assert parse_date(format_date(moment)) == moment


def forwarded(data: bytes) -> None:
    value = text(data)
    for claim in (
        read_forwarded(value, EVERYBODY, 5),
        read_x_forwarded(
            {f"x-forwarded-{name}": value for name in ("for", "proto", "host", "port", "prefix")},
            EVERYBODY,
            5,
        ),
    ):
        if claim is not None and claim.prefix:
            assert claim.prefix.startswith("/")
            assert not claim.prefix.startswith("//")
            assert not claim.prefix.endswith("/")
    parse_address(value)


def event_stream(data: bytes) -> None:
    def events(pieces: list[bytes]) -> list[Any]:
        parser = EventStreamParser(max_event_size=1000)
        found: list[Any] = []
        try:
            for piece in pieces:
                found.extend(parser.feed(piece))
        except EventTooLarge:
            found.append("too large")
        return found

    assert events([data]) == events([data[at : at + 1] for at in range(len(data))])


def query(data: bytes) -> None:
    for name, value in decode_pairs(text(data)):
        assert isinstance(name, str)
        assert isinstance(value, str)


def parse_form(kind: str, data: bytes, size: int) -> Any:
    async def stream() -> Any:
        for at in range(0, len(data), size):
            yield data[at : at + size]

    async def parse() -> Any:
        parser = FormParser if kind == "application/x-www-form-urlencoded" else MultiPartParser
        try:
            form = await parser(Headers({"content-type": kind}), stream()).parse()
        except MultiPartException:
            return None
        pairs = [
            (name, value if isinstance(value, str) else (value.filename, await value.read()))
            for name, value in form.multi_items()
        ]
        await form.close()
        return pairs

    return anyio.run(parse)


def urlencoded_form(data: bytes) -> None:
    kind = "application/x-www-form-urlencoded"
    assert parse_form(kind, data, len(data) or 1) == parse_form(kind, data, 1)


def multipart_form(data: bytes) -> None:
    kind = "multipart/form-data; boundary=b"
    assert parse_form(kind, data, len(data) or 1) == parse_form(kind, data, 1)


async def echo(request: Request) -> Response:
    query = request.query_params.multi_items()
    facts = [str(request.url), request.path_params, query, request.cookies]
    if request.method == "POST":
        facts.append(await request.json())
    return JSONResponse(json.loads(json.dumps(facts, default=str)))


application_under_test = Bolide(
    routes=[
        Route("/items/{number:int}", echo, methods=["GET", "POST"]),
        Route("/files/{path:path}", echo),
        Mount("/{tenant}", routes=[Route("/{name}", echo)]),
    ]
)


def application(data: bytes) -> None:
    """Take bytes apart into a request: none may get a status of 500 or above."""
    path, _, rest = data.partition(b"\n")
    headers, _, body = rest.partition(b"\n\n")
    raw_path, _, raw_query = path.partition(b"?")
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST" if body else "GET",
        "scheme": "http",
        "path": "/" + raw_path.decode("utf-8", "replace"),
        "raw_path": b"/" + raw_path,
        "query_string": raw_query,
        "root_path": "",
        "headers": [
            (name.strip().lower(), value.strip())
            for name, _, value in (line.partition(b":") for line in headers.split(b"\n") if line)
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    anyio.run(application_under_test, scope, receive, send)
    assert 200 <= status < 500, status


TARGETS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "cookies": (cookies, [b"a=b; c=d", b'a="\\073\\""; b', b"=;=; ="]),
    "media_type": (media_type, [b'text/html; charset="utf-8"', b"a/b;c=d;e", b';;="\\']),
    "accept": (accept, [b"text/html;q=0.8, */*;q=0.1", b'a/b;c="d,e";q=0,application/json']),
    "host": (host, [b"example.org:80", b"[::1]:8000", b"[v1.a]"]),
    "origin": (origin, [b"https://example.org:443", b"null", b"http://[::1]"]),
    "byte_ranges": (byte_ranges, [b"bytes=0-1,5-,-3", b"bytes=9-9", b"bytes=-"]),
    "conditions": (conditions, [b'W/"a", "b"', b"Sun, 06 Nov 1994 08:49:37 GMT", b"*"]),
    "dates": (dates, [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT"]),
    "forwarded": (forwarded, [b'for="[::1]:80";proto=https, for=_x', b"1.2.3.4, ::1", b"/a/b"]),
    "event_stream": (event_stream, [b"data: a\r\ndata: b\n\nid: 1\nretry: 5\n\n", b":"]),
    "query": (query, [b"a=1&b=%zz&c", b"a+b=%ff&&="]),
    "urlencoded_form": (urlencoded_form, [b"a=1&b=%zz&c", b"&&a=b=c"]),
    "multipart_form": (
        multipart_form,
        [
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n'
            b"Content-Type: a/b\r\n\r\n\r\n--b--",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 3 + b"--b--",
        ],
    ),
    "application": (
        application,
        [
            b"items/1?a=b\nhost: h\ncookie: a=b\n\n",
            b'items/1\nhost: [::1]:99999\n\n{"a": [1, NaN]}',
            b"files/../x?%ff\nhost: a\nhost: b\n\n",
            b"tenant/name\n\n\n",
        ],
    ),
}  # fmt: skip
