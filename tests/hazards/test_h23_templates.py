"""Templates whose names do not tell that they are for browsers: escaped where one says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

from bolide.applications import Bolide
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import Route
from bolide.templating import Jinja2Templates
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

EVIL = "<script>"
NAMES = ["page.html.j2", "page.jinja", "image.svg", "page.html"]


@pytest.fixture
def page(tmp_path: Path, client_for: Callable[..., TestClient]) -> Callable[..., str]:
    """Render a template with what a client might send."""

    def render(name: str, **options: object) -> str:
        (tmp_path / name).write_text("{{ text }}")
        templates = Jinja2Templates(tmp_path, **options)  # type: ignore[arg-type]

        def home(request: Request) -> Response:
            return templates.TemplateResponse(request, name, {"text": EVIL})

        return client_for(Bolide(routes=[Route("/", home)])).get("/").text

    return render


@pytest.mark.parametrize("name", NAMES)
def test_every_template_is_escaped_where_one_says_so(page: Callable[..., str], name: str) -> None:
    assert page(name, autoescape=True) == "&lt;script&gt;"


@pytest.mark.parametrize("name", NAMES)
def test_by_default_the_end_of_the_name_decides(page: Callable[..., str], name: str) -> None:
    assert page(name) == ("&lt;script&gt;" if name == "page.html" else EVIL)


def test_a_function_may_decide(page: Callable[..., str]) -> None:
    def is_escaped(name: str | None) -> bool:
        return name != "mail.txt"

    assert page("mail.txt", autoescape=is_escaped) == EVIL
    assert page("page.jinja", autoescape=is_escaped) == "&lt;script&gt;"


def test_an_environment_decides_for_itself() -> None:
    with pytest.raises(AssertionError, match="autoescape"):
        Jinja2Templates(env=jinja2.Environment(autoescape=True), autoescape=True)
