"""The pages: the list of rooms, and a room."""

from __future__ import annotations

from bolide.authentication import requires
from bolide.requests import Request
from bolide.responses import RedirectResponse, Response
from bolide.routing import Route
from bolide.templating import Jinja2Templates


class Pages:
    """The pages that everybody sees."""

    def __init__(self, templates: Jinja2Templates) -> None:
        self.templates = templates

    def routes(self) -> list[Route]:
        return [
            Route("/", self.home),
            Route("/rooms", self.open_room, methods=["POST"]),
            Route("/rooms/{room}", self.room),
        ]

    async def home(self, request: Request) -> Response:
        rooms = await request.state.store.rooms()
        return self.templates.TemplateResponse(request, "home.html", {"rooms": rooms})

    @requires("authenticated", redirect="login")
    async def open_room(self, request: Request) -> Response:
        async with request.form(max_files=0) as form:
            name, topic = form.get("name"), form.get("topic", "")
        room = await request.state.store.add_room(name, topic)
        return RedirectResponse(request.path_for("room", room=room["name"]), 303)

    async def room(self, request: Request) -> Response:
        room = await request.state.store.room(request.path_params["room"])
        messages = await request.state.store.latest(room["name"])
        return self.templates.TemplateResponse(
            request, "room.html", {"room": room, "messages": messages}
        )
