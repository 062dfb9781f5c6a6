"""Puts the lounge together: what there is, in which order, and what lives as long as it does."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bolide.applications import Bolide
from bolide.config import Config
from bolide.datastructures import CommaSeparatedStrings, Secret
from bolide.middleware import Middleware
from bolide.middleware.authentication import AuthenticationMiddleware
from bolide.middleware.body_limit import RequestBodyLimitMiddleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.routing import Mount, WebSocketRoute
from bolide.staticfiles import StaticFiles
from bolide.templating import Jinja2Templates
from examples.lounge.accounts import AccountPages, SessionOrBasic
from examples.lounge.api import api
from examples.lounge.errors import ErrorPages
from examples.lounge.hub import Hub
from examples.lounge.live import live
from examples.lounge.operations import create_operations
from examples.lounge.pages import Pages
from examples.lounge.store import Store

HERE = Path(__file__).parent
MAX_BODY_SIZE = 1024 * 1024
MAX_DRAIN_SECONDS = 3


def load_templates() -> Jinja2Templates:
    """Read all templates now: later, that would keep the event loop waiting for the disk."""
    templates = Jinja2Templates(HERE / "templates", autoescape=True)
    templates.env.auto_reload = False
    for name in templates.env.list_templates():
        templates.get_template(name)
    return templates


def create_app(
    *,
    database: str | Path = "lounge.db",
    secret: str | Secret | None = None,
    hosts: Sequence[str] = ("*",),
) -> Bolide:
    """Make a lounge.

    Args:
        database: Where the SQLite file is, or shall be.
        secret: Signs the sessions; without one, sessions end when the server does.
        hosts: The names that it is served under.
    """
    templates = load_templates()
    middleware = [
        Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_SIZE),
        Middleware(GZipMiddleware),
        Middleware(SessionMiddleware, secret_key=secret or secrets.token_urlsafe()),
        Middleware(
            AuthenticationMiddleware, backend=SessionOrBasic(), on_error=SessionOrBasic.on_error
        ),
    ]
    routes = [
        *Pages(templates).routes(),
        *AccountPages(templates).routes(),
        WebSocketRoute("/rooms/{room}/live", live),
        api,
        Mount("/operations", create_operations()),
        Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
    ]

    @asynccontextmanager
    async def lifespan(app: Bolide) -> AsyncIterator[dict[str, Any]]:
        async with Store.open(database) as store:
            yield {"store": store, "hub": Hub()}

    return Bolide(
        routes=routes,
        middleware=middleware,
        exception_handlers=ErrorPages(templates).handlers(),
        lifespan=lifespan,
        allowed_hosts=hosts,
        drain_seconds=MAX_DRAIN_SECONDS,
        background_drain_seconds=MAX_DRAIN_SECONDS,
    )


config = Config()
app = create_app(
    database=config("LOUNGE_DATABASE", default="lounge.db"),
    secret=config("LOUNGE_SECRET", cast=Secret, default=None),
    hosts=config("LOUNGE_HOSTS", cast=CommaSeparatedStrings, default="*"),
)
