"""A shop in debug mode, where paying fails, and whose pages may load and run nothing."""

from __future__ import annotations

from dataclasses import dataclass

from bolide.applications import Bolide
from bolide.datastructures import MutableHeaders
from bolide.middleware import Middleware
from bolide.problems import Problem
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import Route
from bolide.types import ASGIApp, Message, Receive, Scope, Send


class PaymentError(Exception):
    """A payment could not be made."""


@dataclass
class Order:
    """What somebody wants to buy."""

    number: int
    items: list[str]
    cents: int


def currency_of(settings: dict[str, str]) -> str:
    return settings["currency"]


def charge(order: Order) -> None:
    settings = {"country": "FR", "api_key": "sk-live-2f6c9d"}
    try:
        currency = currency_of(settings)
    except KeyError as exc:
        raise PaymentError(f"Cannot charge order {order.number}.") from exc
    print(f"{order.cents} {currency}")


async def pay(request: Request) -> Response:
    card_token = "tok-7d31e0"  # noqa: F841 - to see that it is masked
    order = Order(request.path_params["number"], ["book", "pen"], 1250)
    charge(order)
    return Response(status_code=204)


async def order(request: Request) -> Response:
    raise Problem(410, "This order <was> cancelled.", cancelled=["book", "pen"])


class StrictMiddleware:
    """Sends a policy that allows nothing, where a response has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.setdefault("content-security-policy", "default-src 'none'")
            await send(message)

        await self.app(scope, receive, send_strictly)


app = Bolide(
    debug=True,
    routes=[Route("/orders/{number:int}", order), Route("/orders/{number:int}/pay", pay)],
    middleware=[Middleware(StrictMiddleware)],
)
