"""Litestar, as its documentation writes it; its JSON is msgspec's."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from litestar import Litestar, MediaType, Request, get, post
from litestar.params import Parameter
from litestar.response import Stream

from benchmarks.apps import NoOp
from benchmarks.scenarios import CHUNKS, SMALL

OUTLIVES = frozenset({"S12"})
"""A stream of Litestar returns when the server says that the client has left."""


def made(*handlers: Any, middleware: Any = ()) -> Litestar:
    return Litestar(route_handlers=list(handlers), middleware=list(middleware), openapi_config=None)


@get("/", media_type=MediaType.TEXT)
async def hello() -> str:
    return "Hello, world!"


@get("/")
async def small_json() -> dict[str, Any]:
    return SMALL


@get("/items/{id:int}", media_type=MediaType.TEXT)
async def item(id: int) -> str:
    return f"item {id}"


def literal(size: int) -> Litestar:
    @get([f"/route/{index}" for index in range(size)], media_type=MediaType.TEXT)
    async def endpoint() -> str:
        return "Hello, world!"

    return made(endpoint)


def parametrised(size: int) -> Litestar:
    @get([f"/{index}/{{id:int}}" for index in range(size)], media_type=MediaType.TEXT)
    async def endpoint(id: int) -> str:
        return f"item {id}"

    return made(endpoint)


@get("/", media_type=MediaType.TEXT)
async def read(
    q: str,
    page: int,
    language: Annotated[str, Parameter(header="Accept-Language")],
    request_id: Annotated[str, Parameter(header="X-Request-Id")],
    user: Annotated[str, Parameter(cookie="user")],
) -> str:
    return f"{q} {page} {language} {request_id} {user}"


@post("/", status_code=200)
async def echo(data: dict[str, Any]) -> dict[str, Any]:
    return data


@post("/", status_code=200, media_type=MediaType.TEXT)
async def take_form(request: Request[Any, Any, Any]) -> str:
    return f"{len(await request.form())} fields"


@post("/", status_code=200, media_type=MediaType.TEXT)
async def take_upload(request: Request[Any, Any, Any]) -> str:
    form = await request.form()
    content = await form["file"].read()
    return f"{len(form) - 1} fields, {len(content)} bytes"


@get("/", media_type=MediaType.TEXT)
async def stream() -> Stream:
    async def chunks() -> Any:
        for chunk in CHUNKS:
            yield chunk

    return Stream(chunks())


@get("/", media_type=MediaType.TEXT, sync_to_thread=True)
def in_thread() -> str:
    return "Hello, world!"


@get("/items/{name:str}", media_type=MediaType.TEXT)
async def length_of_path(name: str) -> str:
    return str(len(name))


@get("/", media_type=MediaType.TEXT)
async def host_header(request: Request[Any, Any, Any]) -> str:
    return request.headers["host"]


SCENARIOS = {
    "S1": partial(made, hello),
    "S2": partial(made, small_json),
    "S3": partial(made, item),
    "S4": partial(literal, 1000),
    "S4p": partial(parametrised, 100),
    "S5": partial(made, hello),
    "S5h": partial(literal, 100),
    "S6": partial(made, read),
    "S7": partial(made, echo),
    "S8": partial(made, take_form),
    "S9": partial(made, take_upload),
    "S11n": lambda: made(hello, middleware=[NoOp] * 5),
    "S12": partial(made, stream),
    "S14": partial(made, in_thread),
}

CURVES = {
    "literal": literal,
    "parametrised": parametrised,
    "middlewares": lambda size: made(hello, middleware=[NoOp] * size),
    "headers": lambda size: made(host_header),
    "path": lambda size: made(length_of_path),
}
