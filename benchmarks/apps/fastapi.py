"""FastAPI, as its documentation writes it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import Cookie, FastAPI, Header, Request
from fastapi.middleware import Middleware
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware

from benchmarks.apps import PAGE, NoOp, static_directory, template_directory
from benchmarks.scenarios import CHUNKS, SMALL


async def hello() -> str:
    return "Hello, world!"


async def item(id: int) -> str:
    return f"item {id}"


def one(
    endpoint: Any, path: str = "/", middleware: Any = (), method: str = "GET", **options: Any
) -> FastAPI:
    app = FastAPI(middleware=list(middleware))
    options.setdefault("response_class", PlainTextResponse)
    app.add_api_route(path, endpoint, methods=[method], **options)
    return app


def small_json() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def endpoint() -> dict[str, Any]:
        return SMALL

    return app


def many(path: str, endpoint: Any, size: int) -> FastAPI:
    app = FastAPI()
    for index in range(size):
        app.add_api_route(path.format(index), endpoint, response_class=PlainTextResponse)
    return app


async def read(
    q: str,
    page: int,
    accept_language: Annotated[str, Header()],
    x_request_id: Annotated[str, Header()],
    user: Annotated[str, Cookie()],
) -> str:
    return f"{q} {page} {accept_language} {x_request_id} {user}"


def echo() -> FastAPI:
    app = FastAPI()

    @app.post("/")
    async def endpoint(data: dict[str, Any]) -> dict[str, Any]:
        return data

    return app


async def take_form(request: Request) -> str:
    async with request.form(max_fields=10_000) as form:
        return f"{len(form)} fields"


async def take_upload(request: Request) -> str:
    async with request.form() as form:
        file: Any = form["file"]
        return f"{len(form) - 1} fields, {file.size} bytes"


def static() -> FastAPI:
    app = FastAPI()
    app.mount("/static", StaticFiles(directory=static_directory()))
    return app


def no_ops(number: int) -> list[Middleware]:
    return [Middleware(NoOp) for _ in range(number)]


def full_stack() -> FastAPI:
    stack = [
        *no_ops(5),
        Middleware(CORSMiddleware, allow_origins=["https://example.org"]),
        Middleware(GZipMiddleware),
        Middleware(SessionMiddleware, secret_key="a secret for the benchmark, 32 bytes"),
        Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"]),
    ]
    return one(hello, middleware=stack)


async def stream() -> StreamingResponse:
    async def chunks() -> Any:
        for chunk in CHUNKS:
            yield chunk

    return StreamingResponse(chunks(), media_type="text/plain")


def base_middlewares(number: int) -> FastAPI:
    async def dispatch(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-seen"] = "yes"
        return response

    stack = [Middleware(BaseHTTPMiddleware, dispatch=dispatch) for _ in range(number)]
    return one(hello, middleware=stack)


def hello_in_thread() -> str:
    return "Hello, world!"


def page() -> FastAPI:
    templates = Jinja2Templates(directory=template_directory())

    async def endpoint(request: Request) -> Any:
        return templates.TemplateResponse(request, "page.html", dict(PAGE))

    return one(endpoint, response_class=HTMLResponse, response_model=None)


def three_mounts() -> FastAPI:
    app = one(hello, "/item")
    for path in ("/c", "/b", "/a"):
        outer = FastAPI()
        outer.mount(path, app)
        app = outer
    return app


def url_for() -> FastAPI:
    async def endpoint(request: Request) -> str:
        return str(request.url_for("name99", id=42))

    app = one(endpoint)
    for index in range(100):
        app.add_api_route(f"/{index}/{{id}}", item, name=f"name{index}")
    return app


async def host_header(host: Annotated[str, Header()]) -> str:
    return host


async def length_of_path(name: str) -> str:
    return str(len(name))


SCENARIOS = {
    "S1": partial(one, hello),
    "S2": small_json,
    "S3": partial(one, item, "/items/{id}"),
    "S4": partial(many, "/route/{}", hello, 1000),
    "S4p": partial(many, "/{}/{{id}}", item, 100),
    "S5": partial(one, hello),
    "S5h": partial(many, "/route/{}", hello, 100),
    "S6": partial(one, read),
    "S7": echo,
    "S8": partial(one, take_form, method="POST"),
    "S9": partial(one, take_upload, method="POST"),
    "S10": static,
    "S10l": static,
    "S11n": lambda: one(hello, middleware=no_ops(5)),
    "S11": full_stack,
    "S12": partial(one, stream, response_model=None),
    "S13": partial(base_middlewares, 1),
    "S13f": partial(base_middlewares, 5),
    "S14": partial(one, hello_in_thread),
    "S15": page,
    "S16": three_mounts,
    "S17": url_for,
}

CURVES = {
    "literal": partial(many, "/route/{}", hello),
    "parametrised": partial(many, "/{}/{{id}}", item),
    "middlewares": lambda size: one(hello, middleware=no_ops(size)),
    "headers": lambda size: one(host_header),
    "fields": lambda size: one(take_form, method="POST"),
    "path": lambda size: one(length_of_path, "/items/{name}"),
}
