"""What is asked of every framework: one `Scenario` for each of S1 to S18, and for each curve.

A scenario is data: a request and the answer to it. `exchange` gives it to an app as a server would.
The same scenarios serve the paired times, the instructions and the load over the wire.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

Header = tuple[bytes, bytes]

SMALL: Final = {"id": 42, "name": "bolide", "price": 9.5, "tags": ["fast", "safe"], "stock": True}
"""What S2 gives, as JSON."""

KILOBYTE: Final = {
    "users": [
        {"id": index, "name": f"user {index}", "mail": f"user{index}@example.org", "active": True}
        for index in range(13)
    ]
}
"""What S7 takes and gives: about 1 KB of JSON."""

CHUNKS: Final = [b"a line of the stream, number %03d\n" % index for index in range(100)]
"""What S12 streams."""

SMALL_FILE: Final = 10 * 1024
LARGE_FILE: Final = 10 * 1024 * 1024
UPLOAD_CHUNK: Final = 64 * 1024
BOUNDARY: Final = b"0123456789abcdef"

COMMON: Final[tuple[Header, ...]] = (
    (b"Host", b"localhost:8000"),
    (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"),
    (b"Accept", b"text/html,application/json,*/*;q=0.8"),
    (b"Accept-Encoding", b"gzip, deflate, br"),
    (b"Connection", b"keep-alive"),
)
"""What every request has in its head."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A request, and what has to come back."""

    name: str
    title: str
    method: str = "GET"
    target: bytes = b"/"
    headers: tuple[Header, ...] = ()
    body: tuple[bytes, ...] = ()
    status: int = 200
    answer: bytes | None = None
    """`None` where frameworks may word it as they like."""
    by_hand: bool = True
    """Whether an app can answer without an event loop."""

    scope: dict[str, Any] = field(init=False, repr=False, compare=False)
    """Copied for each request, as apps write into theirs."""
    pieces: tuple[bytes, ...] = field(init=False, repr=False, compare=False)
    """What the server receives one after the other; an empty body is a message, too."""

    def __post_init__(self) -> None:
        path, _, query = self.target.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": path.decode("ascii"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in COMMON + self.headers],
            "client": ("127.0.0.1", 51234),
            "server": ("127.0.0.1", 8000),
        }
        object.__setattr__(self, "scope", scope)
        object.__setattr__(self, "pieces", self.body or (b"",))

    def matches(self, status: int, body: bytes) -> bool:
        """Tell if this is the answer; JSON may have other white space."""
        if status != self.status:
            return False
        if self.answer is None or body == self.answer:
            return True
        if self.answer[:1] in (b"{", b"["):
            return bool(json.loads(body) == json.loads(self.answer))
        return body.split() == self.answer.split()


class Exchange:
    """The server's side of one request, with as little as possible of what a server does.

    What it costs is part of every figure, of raw's as well, so the less it is, the more a ratio
    tells of the framework.
    """

    __slots__ = ("_pieces", "_stay")

    def __init__(self, pieces: tuple[bytes, ...], stay: Any = None) -> None:
        self._pieces = pieces
        self._stay = stay

    async def receive(self) -> dict[str, Any]:
        if self._pieces:
            body, *rest = self._pieces
            self._pieces = tuple(rest)
            return {"type": "http.request", "body": body, "more_body": bool(rest)}
        # The client stays until the answer is complete.
        if self._stay is None:
            raise RuntimeError("waits for the client to leave, which takes an event loop")
        await self._stay()
        return {"type": "http.disconnect"}


async def send(message: dict[str, Any]) -> None:
    """Take a message and drop it."""


def read_answer(messages: list[dict[str, Any]]) -> tuple[int, bytes]:
    """Give status and body, after a check that the messages are one whole response."""
    start, *bodies = messages
    kinds = {message["type"] for message in bodies}
    more = [message.get("more_body", False) for message in bodies]
    if start["type"] != "http.response.start" or kinds != {"http.response.body"}:
        raise RuntimeError(f"not a response: {start['type']}, then {kinds}")
    if more != [True] * (len(more) - 1) + [False]:
        raise RuntimeError("the response does not end, or goes on after its end")
    return start["status"], b"".join(message.get("body", b"") for message in bodies)


def _form(fields: int) -> bytes:
    return b"&".join(b"field%d=some+value+%d" % (index, index) for index in range(fields))


def _multipart(fields: int, size: int) -> tuple[bytes, ...]:
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="field%d"\r\n\r\nvalue %d\r\n'
        % (BOUNDARY, index, index)
        for index in range(fields)
    ]
    # Neither text nor repetitive: a parser must not find it easier than a picture.
    content = bytes((index * 7919 + (index >> 8)) & 0xFF for index in range(65536)) * (
        size // 65536
    )
    parts.append(
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n%b\r\n--%b--\r\n"
        % (BOUNDARY, content, BOUNDARY)
    )
    body = b"".join(parts)
    return tuple(body[at : at + UPLOAD_CHUNK] for at in range(0, len(body), UPLOAD_CHUNK))


def _length(body: tuple[bytes, ...]) -> Header:
    return (b"Content-Length", str(sum(map(len, body))).encode())


def _all() -> Iterator[Scenario]:
    hello = b"Hello, world!"
    yield Scenario("S1", "`GET /`, text", answer=hello)
    yield Scenario("S2", "small JSON", answer=json.dumps(SMALL).encode())
    yield Scenario("S3", "`/items/{id:int}`", target=b"/items/42", answer=b"item 42")
    yield Scenario("S4", "1,000 literal routes, the last", target=b"/route/999", answer=hello)
    yield Scenario("S4p", "100 parametrised routes, the last", target=b"/99/42", answer=b"item 42")
    yield Scenario("S5", "404, 1 route", target=b"/missing", status=404)
    yield Scenario("S5h", "404, 100 routes", target=b"/missing", status=404)
    yield Scenario(
        "S6",
        "2 query parameters, 2 headers, 1 cookie read",
        target=b"/?q=bolide&page=2",
        headers=((b"Accept-Language", b"en"), (b"X-Request-Id", b"abc"), (b"Cookie", b"user=ann")),
        answer=b"bolide 2 en abc ann",
    )
    body: tuple[bytes, ...] = (json.dumps(KILOBYTE).encode(),)
    yield Scenario(
        "S7",
        "POST 1 KB JSON, parsed and echoed",
        method="POST",
        headers=((b"Content-Type", b"application/json"), _length(body)),
        body=body,
        answer=body[0],
    )
    yield form_of(10, "S8", "urlencoded form, 10 fields")
    body = _multipart(10, 1024 * 1024)
    kind = b"multipart/form-data; boundary=" + BOUNDARY
    yield Scenario(
        "S9",
        "multipart, a file of 1 MB and 10 fields",
        method="POST",
        headers=((b"Content-Type", kind), _length(body)),
        body=body,
        answer=b"10 fields, 1048576 bytes",
        by_hand=False,
    )
    yield Scenario("S10", "static file, 10 KB", target=b"/static/small.bin", by_hand=False)
    yield Scenario("S10l", "static file, 10 MB", target=b"/static/large.bin", by_hand=False)
    yield Scenario("S11n", "5 no-op ASGI middlewares", answer=hello)
    yield Scenario(
        "S11",
        "those, CORS, GZip, Session, TrustedHost",
        headers=((b"Origin", b"https://example.org"),),
        answer=hello,
    )
    yield Scenario("S12", "streaming, 100 chunks", answer=b"".join(CHUNKS), by_hand=False)
    yield Scenario("S13", "1 `BaseHTTPMiddleware`", answer=hello, by_hand=False)
    yield Scenario("S13f", "5 `BaseHTTPMiddleware`", answer=hello, by_hand=False)
    yield Scenario("S14", "`def` endpoint in the thread pool", answer=hello, by_hand=False)
    yield Scenario("S15", "Jinja2 page", by_hand=False)
    yield Scenario("S16", "three Mounts deep", target=b"/a/b/c/item", answer=hello)
    yield Scenario("S17", "`url_for` among 100 names", answer=b"http://localhost:8000/99/42")


def form_of(fields: int, name: str, title: str) -> Scenario:
    body = (_form(fields),)
    return Scenario(
        name,
        title,
        method="POST",
        headers=((b"Content-Type", b"application/x-www-form-urlencoded"), _length(body)),
        body=body,
        answer=b"%d fields" % fields,
    )


SCENARIOS: Final = {scenario.name: scenario for scenario in _all()}

CURVES: Final = {
    "literal": ("number of literal routes, the last asked", (1, 10, 100, 1_000, 10_000)),
    "parametrised": ("number of parametrised routes, the last asked", (1, 10, 100, 1_000, 10_000)),
    "mounted": ("number of mounts with 10 routes each, the last asked", (1, 10, 100, 1_000)),
    "middlewares": ("number of no-op ASGI middlewares", (0, 1, 2, 5, 10, 20, 50)),
    "headers": ("number of request headers, one read", (5, 10, 20, 50, 100)),
    "fields": ("number of form fields", (1, 10, 100, 1_000)),
    "path": ("length of a path parameter in bytes", (10, 100, 1_000, 8_000)),
}
"""What a curve counts, and where it is measured."""


def scaled(curve: str, size: int) -> Scenario:
    """Give the request for one point of a curve; its name is the curve's and the size."""
    name = f"{curve}/{size}"
    plain = Scenario(name, CURVES[curve][0], answer=b"Hello, world!")
    if curve == "literal":
        return replace(plain, target=b"/route/%d" % (size - 1))
    if curve == "parametrised":
        return replace(plain, target=b"/%d/42" % (size - 1), answer=b"item 42")
    if curve == "mounted":
        return replace(plain, target=b"/%d/9/42" % (size - 1), answer=b"item 42")
    if curve == "headers":
        extra = tuple((b"X-Header-%d" % index, b"value") for index in range(size - len(COMMON)))
        return replace(plain, headers=extra, answer=b"localhost:8000")
    if curve == "fields":
        return form_of(size, name, plain.title)
    if curve == "path":
        return replace(plain, target=b"/items/" + b"x" * size, answer=b"%d" % size)
    return plain


def find(name: str) -> Scenario:
    """Give a scenario, or a point of a curve, by its name."""
    curve, slash, size = name.partition("/")
    return scaled(curve, int(size)) if slash else SCENARIOS[name]
