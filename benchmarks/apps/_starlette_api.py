"""The apps of whatever has Starlette's API, from the name of its package."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.apps import PAGE, NoOp, static_directory, template_directory
from benchmarks.scenarios import CHUNKS, SMALL


class Apps:
    """Makes the apps with the classes of one package.

    Args:
        package: Its name.
        face: The name of its class of applications.
    """

    def __init__(self, package: str, face: str = "Starlette") -> None:
        def name(module: str, attribute: str) -> Any:
            return getattr(import_module(f"{package}.{module}"), attribute)

        self.name = name
        self.Starlette = name("applications", face)
        self.Middleware = name("middleware", "Middleware")
        self.Route = name("routing", "Route")
        self.Mount = name("routing", "Mount")
        self.PlainTextResponse = name("responses", "PlainTextResponse")
        self.JSONResponse = name("responses", "JSONResponse")
        self.SCENARIOS = {
            "S1": partial(self.one, self.hello),
            "S2": partial(self.one, self.small_json),
            "S3": partial(self.one, self.item, "/items/{id:int}"),
            "S4": partial(self.literal, 1000),
            "S4p": partial(self.parametrised, 100),
            "S5": partial(self.one, self.hello),
            "S5h": partial(self.literal, 100),
            "S6": partial(self.one, self.read),
            "S7": partial(self.one, self.echo, methods=["POST"]),
            "S8": self.form,
            "S9": self.upload,
            "S10": self.static,
            "S10l": self.static,
            "S11n": partial(self.middlewares, 5),
            "S11": self.full_stack,
            "S12": self.stream,
            "S13": partial(self.base_middlewares, 1),
            "S13f": partial(self.base_middlewares, 5),
            "S14": self.in_thread,
            "S15": self.page,
            "S16": self.three_mounts,
            "S17": self.url_for,
        }
        self.CURVES = {
            "literal": self.literal,
            "parametrised": self.parametrised,
            "mounted": self.mounted,
            "middlewares": self.middlewares,
            "headers": lambda size: self.one(self.host_header),
            "fields": lambda size: self.form(),
            "path": lambda size: self.one(self.length_of_path, "/items/{name}"),
        }

    def one(self, endpoint: Any, path: str = "/", **options: Any) -> Any:
        return self.Starlette(routes=[self.Route(path, endpoint, **options)])

    async def hello(self, request: Any) -> Any:
        return self.PlainTextResponse("Hello, world!")

    async def small_json(self, request: Any) -> Any:
        return self.JSONResponse(SMALL)

    async def item(self, request: Any) -> Any:
        return self.PlainTextResponse(f"item {request.path_params['id']}")

    async def read(self, request: Any) -> Any:
        query, headers = request.query_params, request.headers
        return self.PlainTextResponse(
            f"{query['q']} {query['page']} {headers['accept-language']}"
            f" {headers['x-request-id']} {request.cookies['user']}"
        )

    async def echo(self, request: Any) -> Any:
        return self.JSONResponse(await request.json())

    async def host_header(self, request: Any) -> Any:
        return self.PlainTextResponse(request.headers["host"])

    async def length_of_path(self, request: Any) -> Any:
        return self.PlainTextResponse(str(len(request.path_params["name"])))

    def literal(self, size: int) -> Any:
        return self.Starlette(
            routes=[self.Route(f"/route/{index}", self.hello) for index in range(size)]
        )

    def parametrised(self, size: int) -> Any:
        return self.Starlette(
            routes=[self.Route(f"/{index}/{{id}}", self.item) for index in range(size)]
        )

    def mounted(self, size: int) -> Any:
        def mount(number: int) -> Any:
            routes = [self.Route(f"/{index}/{{id}}", self.item) for index in range(10)]
            return self.Mount(f"/{number}", routes=routes)

        return self.Starlette(routes=[mount(number) for number in range(size)])

    def form(self) -> Any:
        async def endpoint(request: Any) -> Any:
            async with request.form(max_fields=10_000) as form:
                return self.PlainTextResponse(f"{len(form)} fields")

        return self.one(endpoint, methods=["POST"])

    def upload(self) -> Any:
        async def endpoint(request: Any) -> Any:
            async with request.form() as form:
                size = form["file"].size
                return self.PlainTextResponse(f"{len(form) - 1} fields, {size} bytes")

        return self.one(endpoint, methods=["POST"])

    def static(self) -> Any:
        files = self.name("staticfiles", "StaticFiles")(directory=static_directory())
        return self.Starlette(routes=[self.Mount("/static", files)])

    def middlewares(self, number: int) -> Any:
        stack = [self.Middleware(NoOp) for _ in range(number)]
        return self.Starlette(routes=[self.Route("/", self.hello)], middleware=stack)

    def full_stack(self) -> Any:
        names = {
            "cors": "CORSMiddleware",
            "gzip": "GZipMiddleware",
            "sessions": "SessionMiddleware",
            "trustedhost": "TrustedHostMiddleware",
        }
        cors, gzip, session, host = (
            self.name(f"middleware.{module}", name) for module, name in names.items()
        )
        stack = [
            *(self.Middleware(NoOp) for _ in range(5)),
            self.Middleware(cors, allow_origins=["https://example.org"]),
            self.Middleware(gzip),
            self.Middleware(session, secret_key="a secret for the benchmark, 32 bytes"),
            self.Middleware(host, allowed_hosts=["localhost", "127.0.0.1"]),
        ]
        return self.Starlette(routes=[self.Route("/", self.hello)], middleware=stack)

    def stream(self) -> Any:
        response = self.name("responses", "StreamingResponse")

        async def chunks() -> Any:
            for chunk in CHUNKS:
                yield chunk

        async def endpoint(request: Any) -> Any:
            return response(chunks(), media_type="text/plain")

        return self.one(endpoint)

    def base_middlewares(self, number: int) -> Any:
        base: Any = self.name("middleware.base", "BaseHTTPMiddleware")

        async def dispatch(request: Any, call_next: Any) -> Any:
            response = await call_next(request)
            response.headers["x-seen"] = "yes"
            return response

        stack = [self.Middleware(base, dispatch=dispatch) for _ in range(number)]
        return self.Starlette(routes=[self.Route("/", self.hello)], middleware=stack)

    def in_thread(self) -> Any:
        def endpoint(request: Any) -> Any:
            return self.PlainTextResponse("Hello, world!")

        return self.one(endpoint)

    def page(self) -> Any:
        templates = self.name("templating", "Jinja2Templates")(directory=template_directory())

        async def endpoint(request: Any) -> Any:
            return templates.TemplateResponse(request, "page.html", dict(PAGE))

        return self.one(endpoint)

    def three_mounts(self) -> Any:
        inner = self.Mount("/c", routes=[self.Route("/item", self.hello)])
        return self.Starlette(routes=[self.Mount("/a", routes=[self.Mount("/b", routes=[inner])])])

    def url_for(self) -> Any:
        async def endpoint(request: Any) -> Any:
            return self.PlainTextResponse(str(request.url_for("name99", id=42)))

        named = [
            self.Route(f"/{index}/{{id:int}}", self.item, name=f"name{index}")
            for index in range(100)
        ]
        return self.Starlette(routes=[self.Route("/", endpoint), *named])
