"""Pages from templates: what a template sees, and what a test sees of it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest

from bolide import templating
from bolide.applications import Starlette
from bolide.background import BackgroundTask
from bolide.exceptions import MissingExtra
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.requests import Request
from bolide.responses import HTMLResponse, Response
from bolide.routing import Mount, Route, Router
from bolide.templating import Jinja2Templates
from bolide.testclient import TestClient
from bolide.types import Message, Scope

ClientFor = Callable[..., TestClient]


def env_of(**templates: str) -> jinja2.Environment:
    """An environment that has the templates `{name}.html`, and reads no files."""
    sources = {f"{name}.html": source for name, source in templates.items()}
    return jinja2.Environment(
        loader=jinja2.DictLoader(sources), autoescape=jinja2.select_autoescape()
    )


def app_of(
    templates: Jinja2Templates, context: dict[str, Any] | None = None, **more: Any
) -> Starlette:
    """An application whose only page is made of `index.html`."""

    def homepage(request: Request) -> Response:
        return templates.TemplateResponse(request, "index.html", context)

    return Starlette(routes=[Route("/", homepage, name="homepage")], **more)


def a_request(**more: Any) -> Request:
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [], **more})


# Where templates come from


def test_templates_are_read_from_a_directory(tmp_path: Path, client_for: ClientFor) -> None:
    (tmp_path / "index.html").write_text("<html>{{ url_for('homepage') }}</html>")
    for directory in (tmp_path, str(tmp_path), [tmp_path]):
        response = client_for(app_of(Jinja2Templates(directory))).get("/")
        assert response.text == "<html>http://testserver/</html>"
        assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_of_several_directories_the_first_counts(tmp_path: Path) -> None:
    for directory, names in [("a", ["one"]), ("b", ["one", "two"])]:
        for name in names:
            file = tmp_path / directory / f"{name}.html"
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{name} of {directory}")
    directories: list[str | os.PathLike[str]] = [tmp_path / "a", str(tmp_path / "b")]
    templates = Jinja2Templates(directory=directories)
    assert templates.get_template("one.html").render() == "one of a"
    assert templates.get_template("two.html").render() == "two of b"


def test_a_template_does_not_come_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.html").write_text("secret")
    templates = Jinja2Templates(tmp_path / "inside")
    with pytest.raises(jinja2.TemplateNotFound):
        templates.get_template("../secret.html")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", "&lt;b&gt;"),
        ("a.htm", "&lt;b&gt;"),
        ("a.xml", "&lt;b&gt;"),
        ("a.HTML", "&lt;b&gt;"),
        ("a.txt", "<b>"),
    ],
)
def test_pages_are_escaped(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text("{{ value }}")
    response = Jinja2Templates(tmp_path).TemplateResponse(a_request(), name, {"value": "<b>"})
    assert response.body == text.encode()


def test_an_environment_is_used_as_it_is() -> None:
    env = env_of(index="{{ value | shout }}")
    templates = Jinja2Templates(env=env)
    templates.env.filters["shout"] = str.upper
    assert templates.env is env
    response = templates.TemplateResponse(a_request(), "index.html", {"value": "a"})
    assert response.body == b"A"


@pytest.mark.parametrize("function", ["url_for", "path_for"])
def test_an_environment_may_have_functions_of_its_own(function: str) -> None:
    env = env_of(index=f"{{{{ {function}('x') }}}}")
    env.globals[function] = lambda name: f"to {name}"
    response = Jinja2Templates(env=env).TemplateResponse(a_request(), "index.html")
    assert response.body == b"to x"


@pytest.mark.parametrize("both", [True, False])
def test_either_a_directory_or_an_environment(tmp_path: Path, both: bool) -> None:
    arguments: dict[str, Any] = {"directory": tmp_path, "env": env_of()} if both else {}
    with pytest.raises(
        AssertionError, match="^either 'directory' or 'env' arguments must be passed$"
    ):
        Jinja2Templates(**arguments)


def test_a_template_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    templates = Jinja2Templates(tmp_path)
    with pytest.raises(jinja2.TemplateNotFound):
        templates.get_template("missing.html")
    with pytest.raises(jinja2.TemplateNotFound):
        templates.TemplateResponse(a_request(), "missing.html")


# What a template sees


def test_a_template_links_to_routes(client_for: ClientFor) -> None:
    def homepage(request: Request) -> Response:
        return templates.TemplateResponse(request, "index.html")

    # A parameter may have the name of the first argument of `url_for`.
    source = (
        "{{ url_for('homepage') }} {{ url_for('user', name='a') }} "
        "{{ url_for('static', path='/css/style.css') }}"
    )
    templates = Jinja2Templates(env=env_of(index=source))
    app = Starlette(
        routes=[
            Route("/", homepage, name="homepage"),
            Route("/users/{name}", homepage, name="user"),
            Mount("/static", Router(), name="static"),
        ]
    )
    assert client_for(app).get("/").text == (
        "http://testserver/ http://testserver/users/a http://testserver/static/css/style.css"
    )


def test_a_template_links_to_paths(client_for: ClientFor) -> None:
    def homepage(request: Request) -> Response:
        return templates.TemplateResponse(request, "index.html")

    source = (
        "{{ path_for('homepage') }} {{ path_for('user', name='a&b') }} "
        "{{ path_for('static', path='/css/style.css') }}"
    )
    templates = Jinja2Templates(env=env_of(index=source))
    app = Starlette(
        routes=[
            Route("/", homepage, name="homepage"),
            Route("/users/{name}", homepage, name="user"),
            Mount("/static", Router(), name="static"),
        ]
    )
    assert client_for(app, root_path="/root").get("/root/").text == (
        "/root/ /root/users/a&amp;b /root/static/css/style.css"
    )


def test_a_url_is_one_of_the_request_in_the_context() -> None:
    class Elsewhere:
        def url_for(self, name: str, /, **path_params: Any) -> str:
            return f"{name}, {path_params}"

    templates = Jinja2Templates(env=env_of(index="{{ url_for('x', a=1) }}"))
    context = {"request": Elsewhere()}
    response = templates.TemplateResponse(a_request(), "index.html", context)
    assert response.body == b"x, {&#39;a&#39;: 1}"


def test_processors_add_to_the_context_in_order(client_for: ClientFor) -> None:
    def first(request: Request) -> dict[str, Any]:
        return {"a": "first", "b": request.url.path}

    def second(request: Request) -> dict[str, Any]:
        return {"a": "second"}

    templates = Jinja2Templates(
        env=env_of(index="{{ a }} {{ b }} {{ c }}"), context_processors=[first, second]
    )
    response: Any = client_for(app_of(templates, {"a": "given", "c": "d"})).get("/")
    assert response.text == "second / d"
    assert set(response.context) == {"request", "a", "b", "c"}


def test_the_context_that_was_given_is_completed() -> None:
    templates = Jinja2Templates(env=env_of(index=""), context_processors=[lambda _: {"b": 2}])
    request = a_request()
    context: dict[str, Any] = {"a": 1}
    response = templates.TemplateResponse(request, "index.html", context)
    assert response.context is context
    assert context == {"request": request, "a": 1, "b": 2}


def test_without_a_context_each_response_has_its_own() -> None:
    templates = Jinja2Templates(env=env_of(index=""))
    assert templates.context_processors == []
    first, second = (templates.TemplateResponse(a_request(), "index.html") for _ in range(2))
    assert first.context is not second.context
    assert set(first.context) == {"request"}


# The response


def test_a_template_becomes_a_response() -> None:
    task = BackgroundTask(str)
    templates = Jinja2Templates(env=env_of(index="é"))
    response = templates.TemplateResponse(
        a_request(),
        "index.html",
        status_code=404,
        headers={"x-a": "1"},
        media_type="text/plain",
        background=task,
    )
    assert isinstance(response, HTMLResponse)
    assert (response.status_code, response.background) == (404, task)
    assert response.raw_headers == [
        (b"x-a", b"1"),
        (b"content-length", b"2"),
        (b"content-type", b"text/plain; charset=utf-8"),
    ]
    assert response.template is templates.get_template("index.html")


def test_a_template_is_rendered_at_once() -> None:
    templates = Jinja2Templates(env=env_of(index="{{ 1 / 0 }}"))
    with pytest.raises(ZeroDivisionError):
        templates.TemplateResponse(a_request(), "index.html")


async def sent_by(response: Response, scope: Scope) -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        raise AssertionError("There is nothing to receive.")

    await response(scope, receive, send)
    return messages


@pytest.mark.anyio
async def test_whoever_wants_to_know_is_told_of_the_template_first() -> None:
    templates = Jinja2Templates(env=env_of(index="a"))
    calls: list[str] = []
    task = BackgroundTask(calls.append, "later")
    response = templates.TemplateResponse(a_request(), "index.html", background=task)
    ordinary = await sent_by(response, {"type": "http", "extensions": {}})
    assert [message["type"] for message in ordinary] == [
        "http.response.start",
        "http.response.body",
    ]
    assert await sent_by(response, {"type": "http"}) == ordinary

    scope: Scope = {"type": "http", "extensions": {"http.response.debug": {}}}
    debug, *rest = await sent_by(response, scope)
    assert debug == {
        "type": "http.response.debug",
        "info": {"template": response.template, "context": response.context},
    }
    assert rest == ordinary
    assert calls == ["later"] * 3


def test_a_test_sees_template_and_context(client_for: ClientFor) -> None:
    templates = Jinja2Templates(env=env_of(index="{{ a }}"))
    response: Any = client_for(app_of(templates, {"a": "b"})).get("/")
    assert response.text == "b"
    assert response.template.name == "index.html"
    assert set(response.context) == {"request", "a"}
    assert response.context["a"] == "b"


def test_a_test_sees_them_through_middleware(client_for: ClientFor) -> None:
    async def dispatch(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    middleware = [Middleware(BaseHTTPMiddleware, dispatch=dispatch)]
    templates = Jinja2Templates(env=env_of(index="{{ a }}"))
    app = app_of(templates, {"a": "b"}, middleware=middleware)
    response: Any = client_for(app).get("/")
    assert response.text == "b"
    assert response.template.name == "index.html"
    assert response.context["a"] == "b"


# Without the library


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert templating.__file__ is not None
    # Not under its name, so that the module that others use stays what it is.
    spec = importlib.util.spec_from_file_location("templating_alone", templating.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError) as caught:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert str(caught.value) == "jinja2 must be installed to use Jinja2Templates"
    assert isinstance(caught.value, MissingExtra)
    assert caught.value.extra == "templates"
