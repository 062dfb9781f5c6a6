"""Raw ASGI: the least that gives the right answer, by hand. What all ratios are to."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from benchmarks.apps import PAGE, static_directory, template_directory, wrapped
from benchmarks.scenarios import BOUNDARY, CHUNKS, SMALL

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
decode = json.JSONDecoder().decode

DELIMITER = b"--" + BOUNDARY

TEXT = (b"content-type", b"text/plain; charset=utf-8")
JSON = (b"content-type", b"application/json")
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def answer(send: Send, body: bytes, kind: Any = TEXT, status: int = 200) -> None:
    headers = [(b"content-length", str(len(body)).encode()), kind]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def body_of(receive: Receive) -> bytes:
    pieces = []
    more = True
    while more:
        message = await receive()
        pieces.append(message["body"])
        more = message["more_body"]
    return b"".join(pieces)


async def hello(scope: Any, receive: Receive, send: Send) -> None:
    body = b"Hello, world!"
    headers = [(b"content-length", str(len(body)).encode()), TEXT]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def small_json(scope: Any, receive: Receive, send: Send) -> None:
    await answer(send, encode(SMALL).encode(), JSON)


async def item(scope: Any, receive: Receive, send: Send) -> None:
    await answer(send, b"item %d" % int(scope["path"].rpartition("/")[2]))


async def missing(scope: Any, receive: Receive, send: Send) -> None:
    await answer(send, b"Not Found", status=404)


async def read(scope: Any, receive: Receive, send: Send) -> None:
    query = dict(pair.split(b"=") for pair in scope["query_string"].split(b"&"))
    headers = dict(scope["headers"])
    cookies = dict(pair.split(b"=") for pair in headers[b"cookie"].split(b"; "))
    parts = (query[b"q"], query[b"page"], headers[b"accept-language"], headers[b"x-request-id"])
    await answer(send, b" ".join((*parts, cookies[b"user"])))


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    data = decode((await body_of(receive)).decode())
    await answer(send, encode(data).encode(), JSON)


async def form(scope: Any, receive: Receive, send: Send) -> None:
    fields = dict(pair.split(b"=") for pair in (await body_of(receive)).split(b"&"))
    await answer(send, b"%d fields" % len(fields))


async def upload(scope: Any, receive: Receive, send: Send) -> None:
    # The fields are in the first piece, and the file takes all the rest: nothing is searched there.
    first = (await receive())["body"]
    fields = first.count(DELIMITER) - 1
    size = len(first) - first.index(b"\r\n\r\n", first.index(b"filename=")) - 4
    more = True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    size -= len(b"\r\n" + DELIMITER + b"--\r\n")
    await answer(send, b"%d fields, %d bytes" % (fields, size))


async def static(scope: Any, receive: Receive, send: Send) -> None:
    with open(static_directory() + scope["path"].removeprefix("/static"), "rb") as file:  # noqa: ASYNC230, PTH123
        size = os.fstat(file.fileno()).st_size
        headers = [
            (b"content-length", str(size).encode()),
            (b"content-type", b"application/octet-stream"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while piece := file.read(256 * 1024):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def stream(scope: Any, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [TEXT]})
    for chunk in CHUNKS:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def page() -> Any:
    import jinja2

    loader = jinja2.FileSystemLoader(template_directory())
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("page.html")

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        body = template.render(PAGE).encode()
        await answer(send, body, (b"content-type", b"text/html; charset=utf-8"))

    return app


async def url(scope: Any, receive: Receive, send: Send) -> None:
    host = next(value for name, value in scope["headers"] if name == b"host")
    await answer(send, b"http://%b/%d/%b" % (host, 99, b"42"))


async def host_header(scope: Any, receive: Receive, send: Send) -> None:
    await answer(send, next(value for name, value in scope["headers"] if name == b"host"))


async def length_of_path(scope: Any, receive: Receive, send: Send) -> None:
    await answer(send, b"%d" % len(scope["path"].removeprefix("/items/")))


def given(app: Any) -> Any:
    return lambda: app


SCENARIOS = {
    "S1": given(hello),
    "S2": given(small_json),
    "S3": given(item),
    "S4": given(hello),
    "S4p": given(item),
    "S5": given(missing),
    "S5h": given(missing),
    "S6": given(read),
    "S7": given(echo),
    "S8": given(form),
    "S9": given(upload),
    "S10": given(static),
    "S10l": given(static),
    "S11n": partial(wrapped, hello, 5),
    "S11": partial(wrapped, hello, 5),
    "S12": given(stream),
    "S13": given(hello),
    "S13f": given(hello),
    "S14": given(hello),
    "S15": page,
    "S16": given(hello),
    "S17": given(url),
}

CURVES = {
    "literal": lambda size: hello,
    "parametrised": lambda size: item,
    "mounted": lambda size: item,
    "middlewares": partial(wrapped, hello),
    "headers": lambda size: host_header,
    "fields": lambda size: form,
    "path": lambda size: length_of_path,
}
