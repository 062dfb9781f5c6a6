"""Patterns of the seeds: pages from templates, and files of directories and packages."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest

from bolide.applications import Starlette
from bolide.routing import Mount, Route
from bolide.staticfiles import StaticFiles
from bolide.templating import Jinja2Templates
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]

pytestmark = pytest.mark.usefixtures("templates_are_read")


def test_a_page_takes_all_its_parts_by_name(client_for: ClientFor, site: Path) -> None:
    templates = Jinja2Templates(directory="templates")

    async def homepage(request):
        return templates.TemplateResponse(
            request=request, name="index.html", context={"title": "Home Page"}
        )

    routes = [
        Route("/", homepage),
        Mount("/static", StaticFiles(directory="static"), name="static"),
        Mount("/assets", StaticFiles(packages=["bootstrap4"]), name="assets"),
    ]
    client = client_for(Starlette(routes=routes))

    assert "<title>Home Page</title>" in client.get("/").text
    assert client.get("/static/css/style.css").text == "body {}"
    assert client.get("/assets/bootstrap.css").text == "b {}"


def page_app(templates: Jinja2Templates) -> Starlette:
    async def homepage(request):
        return templates.TemplateResponse(request, "index.html", context={"title": "Home"})

    routes = [
        Route("/", homepage),
        Mount("/static", StaticFiles(directory="static"), name="static"),
    ]
    return Starlette(routes=routes)


def test_a_page_takes_request_and_name_by_place(client_for: ClientFor, site: Path) -> None:
    app = page_app(Jinja2Templates(directory="templates"))

    assert client_for(app).get("/").text.startswith("<title>Home</title>")


def test_a_template_gives_addresses(client_for: ClientFor, site: Path) -> None:
    app = page_app(Jinja2Templates(directory="templates"))

    link = '<link href="http://testserver/static/css/style.css" rel="stylesheet" />'
    assert link in client_for(app).get("/").text


def test_an_environment_of_our_own_is_used(client_for: ClientFor, site: Path) -> None:
    env = jinja2.Environment(loader=jinja2.FileSystemLoader("templates"), autoescape=True)
    templates = Jinja2Templates(env=env)

    assert templates.env is env
    assert client_for(page_app(templates)).get("/").text.startswith("<title>Home</title>")


def test_a_filter_is_added_to_the_environment(client_for: ClientFor, site: Path) -> None:
    def my_markdown_filter(text):
        return f"*{text}*"

    (site / "templates" / "index.html").write_text("{{ title | markdown }}")

    templates = Jinja2Templates(directory="templates")
    templates.env.filters["markdown"] = my_markdown_filter

    assert client_for(page_app(templates)).get("/").text == "*Home*"


def test_a_context_processor_adds_to_every_page(client_for: ClientFor, site: Path) -> None:
    def app_context(request):
        return {"app_name": "MyApp", "user": request.state.user}

    (site / "templates" / "index.html").write_text("{{ app_name }}: {{ user }}, {{ title }}")
    templates = Jinja2Templates(directory="templates", context_processors=[app_context])

    class Login:
        def __init__(self, app) -> None:
            self.app = app

        async def __call__(self, scope, receive, send) -> None:
            scope.setdefault("state", {})["user"] = "ada"
            await self.app(scope, receive, send)

    app = page_app(templates)
    app.add_middleware(Login)

    assert client_for(app).get("/").text == "MyApp: ada, Home"


def test_a_test_sees_template_and_context(client_for: ClientFor, site: Path) -> None:
    app = page_app(Jinja2Templates(directory="templates"))

    client = client_for(app)
    response: Any = client.get("/")
    assert response.template.name == "index.html"
    assert "title" in response.context


def test_files_come_from_packages(client_for: ClientFor, site: Path) -> None:
    by_default = Mount("/static", app=StaticFiles(packages=["bootstrap4"]), name="static")
    # Or with custom subdirectory:
    named = Mount("/static", app=StaticFiles(packages=[("mypackage", "assets")]), name="static")

    client = client_for(Starlette(routes=[by_default]))
    assert client.get("/static/bootstrap.css").text == "b {}"
    client = client_for(Starlette(routes=[named]))
    assert client.get("/static/app.js").text == "let a"


def test_a_directory_is_not_listed(client_for: ClientFor, site: Path) -> None:
    app = Starlette(routes=[Mount("/static", StaticFiles(directory="static", html=True))])
    client = client_for(app)

    response = client.get("/static/css/")
    assert response.status_code == 404
    assert "style.css" not in response.text


def test_pages_of_a_build_are_served_with_index_and_404(client_for: ClientFor, site: Path) -> None:
    routes = [Mount("/", app=StaticFiles(directory="build", html=True), name="spa")]
    client = client_for(Starlette(routes=routes))

    assert client.get("/").text == "<h1>Build</h1>"
    assert client.get("/docs/").text == "<h1>Docs</h1>"
    assert client.get("/docs").url.path == "/docs/"
    missing = client.get("/missing")
    assert (missing.status_code, missing.text) == (404, "<h1>Nothing here</h1>")


def test_static_files_have_five_parameters_by_name(client_for: ClientFor, site: Path) -> None:
    parameters = inspect.signature(StaticFiles).parameters

    assert list(parameters) == ["directory", "packages", "html", "check_dir", "follow_symlink"]
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    with pytest.raises(RuntimeError, match="missing"):
        StaticFiles(directory="missing")
    StaticFiles(directory="missing", check_dir=False)

    (site / "outside.txt").write_text("outside")
    (site / "static" / "link.txt").symlink_to(site / "outside.txt")
    for follow, status_code in ((False, 404), (True, 200)):
        files = StaticFiles(directory="static", follow_symlink=follow)
        client = client_for(Starlette(routes=[Mount("/", app=files)]))
        assert client.get("/link.txt").status_code == status_code


@pytest.mark.parametrize(
    ("answer", "question"), [("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")]
)
def test_a_known_file_is_not_sent_again(
    answer: str, question: str, client_for: ClientFor, site: Path
) -> None:
    app = Starlette(routes=[Mount("/static", StaticFiles(directory="static"), name="static")])
    client = client_for(app)

    known = client.get("/static/css/style.css").headers[answer]
    again = client.get("/static/css/style.css", headers={question: known})

    assert (again.status_code, again.content) == (304, b"")
