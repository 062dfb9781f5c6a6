"""People: registering, logging in by form or by HTTP Basic, and pictures."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode
from urllib.parse import urlsplit

from bolide.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
    requires,
)
from bolide.concurrency import run_in_threadpool
from bolide.datastructures import UploadFile
from bolide.requests import HTTPConnection, Request
from bolide.responses import PlainTextResponse, RedirectResponse, Response
from bolide.routing import Route
from bolide.templating import Jinja2Templates
from examples.lounge.errors import BadInput, LoungeError
from examples.lounge.store import Store

MIN_PASSWORD = 8
MAX_PASSWORD = 200
MAX_PICTURE = 256 * 1024

# A picture is what its first bytes say, whatever the browser or the name of the file says.
PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


class SessionOrBasic(AuthenticationBackend):
    """A browser has a session, a program sends name and password each time."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        name = conn.session.get("name")
        if name is None:
            scheme, _, credentials = conn.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "basic":
                return None
            try:
                name, _, password = b64decode(credentials, validate=True).decode().partition(":")
            except ValueError:
                raise AuthenticationError("That is no HTTP Basic authorization.") from None
            if not await is_password_of(conn.state.store, name, password):
                raise AuthenticationError("Wrong name or password.")
        return AuthCredentials(["authenticated"]), SimpleUser(name)

    @staticmethod
    def on_error(conn: HTTPConnection, exc: AuthenticationError) -> Response:
        headers = {"WWW-Authenticate": 'Basic realm="lounge", charset="UTF-8"'}
        return PlainTextResponse(str(exc), 401, headers)


class AccountPages:
    """The pages on which people register, log in and out, and show themselves."""

    def __init__(self, templates: Jinja2Templates) -> None:
        self.templates = templates

    def routes(self) -> list[Route]:
        return [
            Route("/register", self.register, methods=["GET", "POST"]),
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/logout", self.logout, methods=["POST"]),
            Route("/profile", self.profile),
            Route("/profile/picture", self.set_picture, methods=["POST"]),
            Route("/people/{name}/picture", self.picture),
        ]

    async def register(self, request: Request) -> Response:
        if request.method == "GET":
            return self.templates.TemplateResponse(request, "register.html")
        store: Store = request.state.store
        async with request.form(max_files=0) as form:
            name, password = form.get("name"), form.get("password")
        try:
            if not isinstance(password, str) or not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
                raise BadInput(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
            name = await store.add_person(name, await run_in_threadpool(hashed, password))
        except LoungeError as exc:
            return self._again(request, "register.html", exc)
        return self._logged_in(request, name)

    async def login(self, request: Request) -> Response:
        if request.method == "GET":
            return self.templates.TemplateResponse(request, "login.html")
        async with request.form(max_files=0) as form:
            name, password = str(form.get("name", "")), str(form.get("password", ""))
        if not await is_password_of(request.state.store, name, password):
            return self._again(request, "login.html", BadInput("Wrong name or password."))
        return self._logged_in(request, name)

    async def logout(self, request: Request) -> Response:
        request.session.clear()
        return RedirectResponse(request.path_for("home"), 303)

    @requires("authenticated", redirect="login")
    async def profile(self, request: Request) -> Response:
        mentions = await request.state.store.mentions(request.user.identity)
        return self.templates.TemplateResponse(request, "profile.html", {"mentions": mentions})

    @requires("authenticated", redirect="login")
    async def set_picture(self, request: Request) -> Response:
        async with request.form(max_files=1) as form:
            upload = form.get("picture")
            if not isinstance(upload, UploadFile) or not upload.size:
                raise BadInput("Choose a picture first.")
            if upload.size > MAX_PICTURE:
                raise BadInput(f"A picture has at most {MAX_PICTURE // 1024} KiB.")
            data = await upload.read()
        media_type = next((kind for start, kind in PICTURES.items() if data.startswith(start)), "")
        if not media_type:
            raise BadInput("A picture is a PNG, a JPEG or a GIF.")
        await request.state.store.set_avatar(request.user.identity, data, media_type)
        return RedirectResponse(request.path_for("profile"), 303)

    async def picture(self, request: Request) -> Response:
        data, media_type = await request.state.store.avatar(request.path_params["name"])
        # The browser shall not think that it knows better what this is.
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        return Response(data, headers=headers, media_type=media_type)

    def _again(self, request: Request, template: str, exc: LoungeError) -> Response:
        return self.templates.TemplateResponse(
            request, template, {"problem": str(exc)}, status_code=exc.status
        )

    def _logged_in(self, request: Request, name: str) -> Response:
        # Nothing of what a stranger had in this session goes over to the person.
        request.session.clear()
        request.session["name"] = name
        return RedirectResponse(next_page(request), 303)


def next_page(request: Request) -> str:
    """Give where to go after logging in: a path of ours, never another site."""
    path = urlsplit(request.query_params.get("next", "")).path
    if not path.startswith("/") or path.startswith(("//", "/\\")):
        return request.path_for("home")
    return path


def hashed(password: str, salt: bytes | None = None) -> str:
    """Give a password in the form in which it is kept (scrypt, RFC 7914)."""
    salt = secrets.token_bytes(16) if salt is None else salt
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    return f"{salt.hex()}${digest.hex()}"


# Checked when there is no such person, so that the time taken does not tell who is registered.
NOBODY = "00" * 16 + "$"


async def is_password_of(store: Store, name: str, password: str) -> bool:
    """Say whether a password is that of a person."""
    if len(password) > MAX_PASSWORD:
        return False
    kept = await store.password(name) or NOBODY
    salt = bytes.fromhex(kept.partition("$")[0])
    return hmac.compare_digest(await run_in_threadpool(hashed, password, salt), kept)
