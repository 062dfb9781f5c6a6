"""Step 1: two pages, a parameter, and an error."""

from bolide.applications import Bolide
from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse
from bolide.routing import Route

GREETINGS = {"en": "Hello", "fr": "Bonjour", "ja": "こんにちは"}


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Try /greet/en")


async def greet(request: Request) -> JSONResponse:
    language = request.path_params["language"]
    if language not in GREETINGS:
        raise HTTPException(404, f"I do not speak {language!r}.")
    name = request.query_params.get("name", "world")
    return JSONResponse({"greeting": f"{GREETINGS[language]}, {name}!"})


app = Bolide(
    routes=[
        Route("/", home),
        Route("/greet/{language}", greet),
    ]
)
