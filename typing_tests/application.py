"""What users write, as type checkers have to take it: this is checked, and never run."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from bolide import (
    Bolide,
    HTTPException,
    JSONResponse,
    Middleware,
    Mount,
    PlainTextResponse,
    Request,
    Response,
    Route,
    Router,
    WebSocket,
    WebSocketException,
    WebSocketRoute,
)
from bolide.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from bolide.middleware.forwarded import X_FORWARDED, ForwardedMiddleware
from bolide.middleware.http import HTTPMiddleware, ResponseStart
from bolide.types import ASGIApp, ExceptionHandler


class OutOfStock(Exception):
    item: str


class State(TypedDict):
    number: int


async def of_a_subclass(request: Request, exc: HTTPException) -> JSONResponse:
    return JSONResponse({"error": exc.detail}, exc.status_code)


def of_my_own(request: Request, exc: OutOfStock) -> Response:
    return PlainTextResponse(exc.item, 409)


async def of_anything(request: Request, exc: Exception) -> Response:
    return PlainTextResponse(repr(exc), 500)


async def of_a_websocket(websocket: WebSocket, exc: WebSocketException) -> None:
    await websocket.close(exc.code, exc.reason)


HANDLERS: dict[Any, ExceptionHandler] = {
    HTTPException: of_a_subclass,
    OutOfStock: of_my_own,
    404: of_a_subclass,
    Exception: of_anything,
    WebSocketException: of_a_websocket,
}


async def typed_state(request: Request[State]) -> Response:
    number: int = request.state["number"]
    return PlainTextResponse(f"{request.path_for('typed_state')}: {number}")


def blocking(request: Request) -> Response:
    return PlainTextResponse(str(request.url_for("blocking")))


async def stopping(request: Request) -> Response:
    async with request.cancel_on_disconnect():
        await request.draining.wait()
    return Response()


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


class Hooks(HTTPMiddleware):
    def __init__(self, app: ASGIApp, name: str) -> None:
        super().__init__(app)
        self.name = name

    async def on_request(self, request: Request) -> Response | None:
        return None

    def on_response_start(self, request: Request, start: ResponseStart) -> None:
        start.headers["x-name"] = self.name


class Around(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


@asynccontextmanager
async def lifespan(app: Bolide) -> AsyncGenerator[State]:
    yield {"number": 1}


@asynccontextmanager
async def stateless(app: Bolide) -> AsyncGenerator[None]:
    yield


routes = [
    Route("/", typed_state),
    Route("/blocking", blocking, exception_handlers={OutOfStock: of_my_own}),
    Route("/stopping", stopping),
    WebSocketRoute("/socket", socket, exception_handlers={WebSocketException: of_a_websocket}),
    Mount("/inner", Bolide(lifespan=stateless), lifespan=False, exception_handlers=HANDLERS),
    Mount("/router", Router(exception_handlers=HANDLERS, redirect_slashes="strict")),
]

app = Bolide(
    routes=routes,
    middleware=[
        Middleware(ForwardedMiddleware, trusted=["10.0.0.0/8"], headers=X_FORWARDED),
        Middleware(Hooks, name="typed"),
        Middleware(Around),
    ],
    exception_handlers=HANDLERS,
    lifespan=lifespan,
    redirect_slashes="ignore",
    max_endpoint_threads=10,
)
inferred = Bolide(
    exception_handlers={HTTPException: of_a_subclass, 404: of_a_subclass, 500: of_anything}
)
app.add_exception_handler(OutOfStock, of_my_own)
app.add_exception_handler(HTTPException, of_a_subclass)
