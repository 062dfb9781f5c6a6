"""An application that shows what it knows of a request; once behind a trusted proxy, once not."""

from bolide.applications import Bolide
from bolide.middleware import Middleware
from bolide.middleware.forwarded import FORWARDED, X_FORWARDED, ForwardedMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import BaseRoute, Mount, Route, WebSocketRoute
from bolide.websockets import WebSocket


async def show(request: Request) -> Response:
    return JSONResponse(
        {
            "client": request.client and request.client.host,
            "url": str(request.url),
            "url_for": str(request.url_for("users:detail", name="ada")),
            "path_for": request.path_for("users:detail", name="ada"),
        }
    )


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(str(websocket.url_for("socket")))
    await websocket.close()


routes: list[BaseRoute] = [
    Mount("/users", routes=[Route("/{name}", show, name="detail")], name="users"),
    WebSocketRoute("/socket", socket),
]


def trusting(trusted: list[str], headers: tuple[str, ...]) -> Bolide:
    middleware = Middleware(ForwardedMiddleware, trusted=trusted, headers=headers)
    return Bolide(routes=routes, middleware=[middleware])


app = trusting(["127.0.0.1", "unix"], X_FORWARDED)
standard = trusting(["127.0.0.1"], FORWARDED)
distrustful = trusting(["192.0.2.0/24"], (*FORWARDED, *X_FORWARDED))
