"""BlackSheep, from its compiled wheel."""

from __future__ import annotations

from functools import partial
from typing import Any

from blacksheep import Application, Request, Response, StreamedContent, json, text
from blacksheep.server.routing import Router

from benchmarks.apps import wrapped
from benchmarks.scenarios import CHUNKS, SMALL


def made(*routes: tuple[str, str, Any]) -> Application:
    # A router of its own: the default one is shared by all applications.
    app = Application(router=Router())
    for method, path, handler in routes:
        app.router.add(method, path, handler)
    return app


async def hello(request: Request) -> Response:
    return text("Hello, world!")


async def small_json(request: Request) -> Response:
    return json(SMALL)


async def item(request: Request) -> Response:
    return text(f"item {int(request.route_values['id'])}")


async def read(request: Request) -> Response:
    query = request.query
    language, request_id = (
        request.get_first_header(name).decode() for name in (b"accept-language", b"x-request-id")
    )
    user = request.cookies["user"]
    return text(f"{query['q'][0]} {query['page'][0]} {language} {request_id} {user}")


async def echo(request: Request) -> Response:
    return json(await request.json())


async def take_form(request: Request) -> Response:
    return text(f"{len(await request.form())} fields")


async def take_upload(request: Request) -> Response:
    form = await request.form()
    file = form["file"]
    part = file[0] if isinstance(file, list) else file
    data = part.data if isinstance(part.data, bytes) else part.data.read()
    return text(f"{len(form) - 1} fields, {len(data)} bytes")


async def stream(request: Request) -> Response:
    async def chunks() -> Any:
        for chunk in CHUNKS:
            yield chunk

    return Response(200, content=StreamedContent(b"text/plain", chunks))


async def host_header(request: Request) -> Response:
    return text(request.get_first_header(b"host").decode())


async def length_of_path(request: Request) -> Response:
    return text(str(len(request.route_values["name"])))


def many(path: str, handler: Any, size: int) -> Application:
    return made(*(("GET", path.format(index), handler) for index in range(size)))


SCENARIOS = {
    "S1": partial(made, ("GET", "/", hello)),
    "S2": partial(made, ("GET", "/", small_json)),
    "S3": partial(made, ("GET", "/items/{int:id}", item)),
    "S4": partial(many, "/route/{}", hello, 1000),
    "S4p": partial(many, "/{}/{{id}}", item, 100),
    "S5": partial(made, ("GET", "/", hello)),
    "S5h": partial(many, "/route/{}", hello, 100),
    "S6": partial(made, ("GET", "/", read)),
    "S7": partial(made, ("POST", "/", echo)),
    "S8": partial(made, ("POST", "/", take_form)),
    "S9": partial(made, ("POST", "/", take_upload)),
    "S11n": lambda: wrapped(made(("GET", "/", hello)), 5),
    "S12": partial(made, ("GET", "/", stream)),
}

CURVES = {
    "literal": partial(many, "/route/{}", hello),
    "parametrised": partial(many, "/{}/{{id}}", item),
    "middlewares": lambda size: wrapped(made(("GET", "/", hello)), size),
    "headers": lambda size: made(("GET", "/", host_header)),
    "fields": lambda size: made(("POST", "/", take_form)),
    "path": lambda size: made(("GET", "/items/{name}", length_of_path)),
}
