"""Quart, as its documentation writes it."""

from __future__ import annotations

from functools import partial
from typing import Any

from quart import Quart, Response, jsonify, request

from benchmarks.apps import static_directory, wrapped
from benchmarks.scenarios import CHUNKS, SMALL

OUTLIVES = True
"""An app of Quart returns when the server says that the client has left."""

PLAIN = {"content-type": "text/plain"}


def made() -> Quart:
    return Quart(__name__, static_folder=None)


def one(endpoint: Any, path: str = "/", method: str = "GET") -> Quart:
    app = made()
    app.add_url_rule(path, "one", endpoint, methods=[method])
    return app


def many(path: str, endpoint: Any, size: int) -> Quart:
    app = made()
    for index in range(size):
        app.add_url_rule(path.format(index), f"endpoint{index}", endpoint)
    return app


async def hello() -> Any:
    return "Hello, world!", PLAIN


async def small_json() -> Any:
    return jsonify(SMALL)


async def item(id: int) -> Any:
    return f"item {id}", PLAIN


async def read() -> Any:
    arguments, headers = request.args, request.headers
    return (
        f"{arguments['q']} {arguments['page']} {headers['accept-language']}"
        f" {headers['x-request-id']} {request.cookies['user']}"
    ), PLAIN


async def echo() -> Any:
    return jsonify(await request.get_json())


async def take_form() -> Any:
    return f"{len(await request.form)} fields", PLAIN


async def take_upload() -> Any:
    file = (await request.files)["file"]
    return f"{len(await request.form)} fields, {len(file.read())} bytes", PLAIN


def static() -> Quart:
    return Quart(__name__, static_folder=static_directory(), static_url_path="/static")


async def stream() -> Any:
    async def chunks() -> Any:
        for chunk in CHUNKS:
            yield chunk

    return Response(chunks(), content_type="text/plain")


def in_thread() -> Any:
    return "Hello, world!", PLAIN


async def length_of_path(name: str) -> Any:
    return str(len(name)), PLAIN


async def host_header() -> Any:
    return request.headers["host"], PLAIN


def no_ops(size: int) -> Quart:
    app = one(hello)
    app.asgi_app = wrapped(app.asgi_app, size)
    return app


SCENARIOS = {
    "S1": partial(one, hello),
    "S2": partial(one, small_json),
    "S3": partial(one, item, "/items/<int:id>"),
    "S4": partial(many, "/route/{}", hello, 1000),
    "S4p": partial(many, "/{}/<id>", item, 100),
    "S5": partial(one, hello),
    "S5h": partial(many, "/route/{}", hello, 100),
    "S6": partial(one, read),
    "S7": partial(one, echo, method="POST"),
    "S8": partial(one, take_form, method="POST"),
    "S9": partial(one, take_upload, method="POST"),
    "S10": static,
    "S10l": static,
    "S11n": partial(no_ops, 5),
    "S12": partial(one, stream),
    "S14": partial(one, in_thread),
}

CURVES = {
    "literal": partial(many, "/route/{}", hello),
    "parametrised": partial(many, "/{}/<id>", item),
    "middlewares": no_ops,
    "headers": lambda size: one(host_header),
    "fields": lambda size: one(take_form, method="POST"),
    "path": lambda size: one(length_of_path, "/items/<name>"),
}
