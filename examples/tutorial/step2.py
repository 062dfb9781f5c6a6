"""Step 2: a guest book, with a page, a form, and errors that people can read."""

from pathlib import Path

from bolide.applications import Bolide
from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import RedirectResponse, Response
from bolide.routing import Route
from bolide.templating import Jinja2Templates
from examples.tutorial.step1 import GREETINGS, greet

templates = Jinja2Templates(Path(__file__).parent / "templates")
entries: list[dict[str, str]] = []


def show_book(request: Request) -> Response:
    context = {"entries": entries, "languages": list(GREETINGS)}
    return templates.TemplateResponse(request, "book.html", context)


async def read_entry(request: Request) -> dict[str, str]:
    """Take an entry from a form, or refuse it."""
    async with request.form(max_files=0, max_fields=2, max_part_size=1000) as form:
        name, language = form.get("name"), form.get("language")
    if not name:
        raise HTTPException(400, "Please give your name.")
    if language not in GREETINGS:
        raise HTTPException(400, f"I do not speak {language!r}.")
    return {"name": str(name), "greeting": GREETINGS[language]}


async def sign_book(request: Request) -> Response:
    entries.append(await read_entry(request))
    return RedirectResponse(request.path_for("book"), status_code=303)


def show_error(request: Request, exc: HTTPException) -> Response:
    context = {"status": exc.status_code, "text": exc.detail}
    return templates.TemplateResponse(
        request, "error.html", context, exc.status_code, headers=exc.headers
    )


app = Bolide(
    routes=[
        Route("/", show_book, name="book"),
        Route("/", sign_book, methods=["POST"]),
        Route("/greet/{language}", greet),
    ],
    exception_handlers={HTTPException: show_error},
)
