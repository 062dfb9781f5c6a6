"""What can be wrong with a request; said as JSON to programs, and as a page to people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.templating import Jinja2Templates


class LoungeError(Exception):
    """Something is wrong with what was asked; the text is for whoever asked."""

    status = 400


class BadInput(LoungeError):
    """A value that the lounge does not take."""


class Unknown(LoungeError):
    """There is no such room, message or person."""

    status = 404


class NameTaken(LoungeError):
    """Somebody else was first."""

    status = 409


class ErrorPages:
    """Exception handlers that know which language the client speaks."""

    def __init__(self, templates: Jinja2Templates) -> None:
        self.templates = templates

    def handlers(self) -> dict[Any, Any]:
        return {LoungeError: self.refused, HTTPException: self.http, Exception: self.broken}

    async def refused(self, request: Request, exc: LoungeError) -> Response:
        return self.say(request, exc.status, str(exc))

    async def http(self, request: Request, exc: HTTPException) -> Response:
        return self.say(request, exc.status_code, exc.detail, exc.headers)

    async def broken(self, request: Request, exc: Exception) -> Response:
        # The traceback goes to the server's log, never to the client.
        return self.say(request, 500, "Something broke. It is in our log.")

    def say(self, request: Request, status: int, text: str, headers: Any = None) -> Response:
        if status in (204, 304):
            return Response(status_code=status, headers=headers)
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": text}, status, headers)
        context = {"title": HTTPStatus(status).phrase, "text": text}
        return self.templates.TemplateResponse(request, "error.html", context, status, headers)
