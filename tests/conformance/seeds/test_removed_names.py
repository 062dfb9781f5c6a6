"""Names that the seeds say were removed, and that are not here either."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bolide.applications import Starlette
from bolide.requests import Request
from bolide.responses import FileResponse
from bolide.routing import Router
from bolide.templating import Jinja2Templates


@pytest.mark.parametrize("parameter", ["on_startup", "on_shutdown"])
@pytest.mark.parametrize("owner", [Starlette, Router])
def test_startup_and_shutdown_are_no_parameters(owner: Callable[..., Any], parameter: str) -> None:
    with pytest.raises(TypeError, match=parameter):
        owner(**{parameter: [lambda: None]})


@pytest.mark.parametrize(
    "name",
    ["on_event", "add_event_handler", "route", "websocket_route", "middleware"],
)
def test_an_application_has_no_decorators(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(Starlette(), name)


def test_an_application_has_no_decorator_for_exception_handlers() -> None:
    with pytest.raises(AttributeError, match="'exception_handler'"):
        Starlette().exception_handler  # noqa: B018


@pytest.mark.parametrize("name", ["on_event", "add_event_handler", "route", "websocket_route"])
def test_a_router_has_no_decorators(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(Router(), name)


def test_templates_take_no_options_of_their_environment(site: Path) -> None:
    with pytest.raises(TypeError, match="trim_blocks"):
        Jinja2Templates("templates", trim_blocks=True)


def test_a_template_response_takes_the_request_first(site: Path) -> None:
    templates = Jinja2Templates(directory="templates")
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})

    with pytest.raises(TypeError):
        templates.TemplateResponse("index.html", {"request": request})


def test_a_file_response_takes_no_method(site: Path) -> None:
    with pytest.raises(TypeError, match="method"):
        FileResponse("favicon.ico", method="GET")


def test_an_application_has_no_templates_of_its_own() -> None:
    with pytest.raises(AttributeError, match="templates"):
        Starlette.templates  # noqa: B018
