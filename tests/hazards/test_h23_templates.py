"""Templates whose names do not tell that they are for browsers: a `Bolide` escapes in all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import jinja2
import pytest

from bolide.applications import Bolide, Starlette
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route
from bolide.templating import Jinja2Templates
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]
Get = Callable[..., str]

EVIL = "<script>"
ESCAPED = "&lt;script&gt;"
FACES = [Starlette, Bolide]
NAMES = ["page.html.j2", "page.jinja", "image.svg", "page.txt", "page"]

PAGES = {
    "extends": "{% extends 'PART' %}{% block body %}{{ super() }}{{ text }}{% endblock %}",
    "include": "{{ text }}{% include 'PART' %}",
    "import": "{% from 'PART' import show %}{{ show(text) }}",
    "import with context": "{% import 'PART' as part with context %}{{ part.show(text) }}",
    "include of several": "{% include ['missing.html', 'PART'] %}",
}
PART = "{% macro show(it) %}{{ it }}{% endmacro %}{% block body %}{{ text }}{% endblock %}"


@pytest.fixture
def get(tmp_path: Path, client_for: ClientFor) -> Get:
    """Render a template with what a client might send, in an application."""

    def get(
        name: str, face: type[Starlette] = Bolide, *, source: str = "{{ text }}", **options: Any
    ) -> str:
        (tmp_path / name).write_text(source)
        templates = Jinja2Templates(tmp_path, **options)
        return text_of(client_for, face, templates, name)

    return get


def text_of(
    client_for: ClientFor, face: type[Starlette], templates: Jinja2Templates, name: str, **more: Any
) -> str:
    def home(request: Request) -> Response:
        return templates.TemplateResponse(request, name, {"text": EVIL})

    response: Any = client_for(face(routes=[Route("/", home)], **more)).get("/")
    assert response.template.name == name
    assert response.context["text"] == EVIL
    text: str = response.text
    return text


@pytest.mark.parametrize("name", NAMES)
def test_the_name_does_not_decide(get: Get, name: str) -> None:
    assert get(name, Bolide) == ESCAPED
    assert get(name, Starlette) == EVIL


@pytest.mark.parametrize("name", ["page.html", "page.htm", "page.xml", "page.HTML"])
@pytest.mark.parametrize("face", FACES)
def test_a_page_is_escaped_everywhere(get: Get, name: str, face: type[Starlette]) -> None:
    assert get(name, face) == ESCAPED


@pytest.mark.parametrize("part", NAMES)
@pytest.mark.parametrize("source", PAGES.values(), ids=PAGES)
def test_what_a_template_is_made_of_is_escaped(
    get: Get, tmp_path: Path, part: str, source: str
) -> None:
    (tmp_path / part).write_text(PART)
    name = f"all.{part}"
    assert set(get(name, source=source.replace("PART", part)).split("&lt;")[1:]) == {"script&gt;"}
    assert ESCAPED not in get(name, Starlette, source=source.replace("PART", part))


@pytest.mark.parametrize("name", [*NAMES, "page.html"])
@pytest.mark.parametrize("face", FACES)
def test_what_one_says_holds(get: Get, name: str, face: type[Starlette]) -> None:
    assert get(name, face, autoescape=True) == ESCAPED
    assert get(name, face, autoescape=False) == EVIL


@pytest.mark.parametrize("face", FACES)
def test_a_function_leaves_mails_out(get: Get, face: type[Starlette]) -> None:
    def is_escaped(name: str | None) -> bool:
        return name is None or not name.endswith(".txt")

    assert get("mail.txt", face, autoescape=is_escaped) == EVIL
    assert get("page.jinja", face, autoescape=is_escaped) == ESCAPED


def test_the_policy_decides(tmp_path: Path, client_for: ClientFor) -> None:
    (tmp_path / "page.jinja").write_text("{{ text }}")
    templates = Jinja2Templates(tmp_path)
    as_before = text_of(client_for, Bolide, templates, "page.jinja", escape_templates=False)
    assert as_before == EVIL
    # The same templates may be those of several applications.
    assert text_of(client_for, Bolide, templates, "page.jinja") == ESCAPED
    assert text_of(client_for, Starlette, templates, "page.jinja") == EVIL


def test_the_innermost_application_decides(tmp_path: Path, client_for: ClientFor) -> None:
    (tmp_path / "page.jinja").write_text("{{ text }}")
    templates = Jinja2Templates(tmp_path)

    def home(request: Request) -> Response:
        return templates.TemplateResponse(request, "page.jinja", {"text": EVIL})

    routes = [Route("/", home, max_body_size=1)]
    app = Bolide(routes=[*routes, Mount("/inner", Starlette(routes=routes))])
    assert client_for(app).get("/").text == ESCAPED
    assert client_for(app).get("/inner/").text == EVIL
    app_around = Starlette(routes=[*routes, Mount("/inner", Bolide(routes=routes))])
    assert client_for(app_around).get("/").text == EVIL
    assert client_for(app_around).get("/inner/").text == ESCAPED


def test_an_environment_is_left_alone(client_for: ClientFor) -> None:
    loader = jinja2.DictLoader({"page.jinja": "{{ text }}"})
    for autoescape, text in [(False, EVIL), (jinja2.select_autoescape(), EVIL), (True, ESCAPED)]:
        env = jinja2.Environment(loader=loader, autoescape=autoescape)
        templates = Jinja2Templates(env=env)
        assert text_of(client_for, Bolide, templates, "page.jinja") == text
        assert templates.env is env


def test_an_environment_decides_for_itself() -> None:
    with pytest.raises(AssertionError, match="autoescape"):
        Jinja2Templates(env=jinja2.Environment(autoescape=True), autoescape=True)


# What one adds to the environment


def test_what_is_added_before_and_after_is_there(tmp_path: Path, client_for: ClientFor) -> None:
    (tmp_path / "page.jinja").write_text(
        "{% if text is evil %}{{ text | shout }}{{ site }}{{ url_for('home') }}{% endif %}"
    )
    templates = Jinja2Templates(tmp_path)

    def home(request: Request) -> Response:
        return templates.TemplateResponse(request, "page.jinja", {"text": EVIL})

    clients = [client_for(face(routes=[Route("/", home)])) for face in FACES]
    templates.env.tests["evil"] = lambda text: text == EVIL
    templates.env.filters["shout"] = str.upper
    for site in ("first", "second"):
        # The second time, it has been used.
        templates.env.globals["site"] = site
        pages = [client.get("/").text for client in clients]
        assert pages == [
            f"<SCRIPT>{site}http://testserver/",
            f"&lt;SCRIPT&gt;{site}http://testserver/",
        ]


def test_what_is_added_while_the_application_runs_is_there(
    tmp_path: Path, client_for: ClientFor
) -> None:
    (tmp_path / "page.jinja").write_text("{{ text | shout }}")
    templates = Jinja2Templates(tmp_path)

    def add(request: Request) -> Response:
        templates.env.filters["shout"] = str.upper
        return templates.TemplateResponse(request, "page.jinja", {"text": EVIL})

    assert client_for(Bolide(routes=[Route("/", add)])).get("/").text == "&lt;SCRIPT&gt;"
    assert templates.get_template("page.jinja").render(text=EVIL) == "<SCRIPT>"


def test_options_hold_in_both(tmp_path: Path, client_for: ClientFor) -> None:
    (tmp_path / "page.jinja").write_text("{% if true %}\n{{ text }}{{ missing.name }}{% endif %}")
    templates = Jinja2Templates(tmp_path)
    templates.env.trim_blocks = True
    templates.env.undefined = jinja2.ChainableUndefined
    templates.env.add_extension("jinja2.ext.do")
    assert text_of(client_for, Bolide, templates, "page.jinja") == ESCAPED
    assert text_of(client_for, Starlette, templates, "page.jinja") == EVIL


@pytest.mark.parametrize("face", FACES)
def test_escaping_may_be_chosen_in_the_environment(
    tmp_path: Path, client_for: ClientFor, face: type[Starlette]
) -> None:
    for name in ("page.jinja", "page.txt"):
        (tmp_path / name).write_text("{{ text }}")
    templates = Jinja2Templates(tmp_path)
    templates.env.autoescape = jinja2.select_autoescape(["jinja"])
    assert text_of(client_for, face, templates, "page.jinja") == ESCAPED
    assert text_of(client_for, face, templates, "page.txt") == EVIL


@pytest.mark.parametrize("face", FACES)
def test_another_environment_may_be_set(
    tmp_path: Path, client_for: ClientFor, face: type[Starlette]
) -> None:
    (tmp_path / "page.jinja").write_text("{{ text }}")
    templates = Jinja2Templates(tmp_path)
    text_of(client_for, face, templates, "page.jinja")
    templates.env = jinja2.Environment(loader=jinja2.DictLoader({"page.jinja": "as it is"}))
    assert text_of(client_for, face, templates, "page.jinja") == "as it is"


def test_compiled_code_that_does_not_escape_is_not_taken(
    tmp_path: Path, client_for: ClientFor
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "page.jinja").write_text("{{ text }}")
    templates = Jinja2Templates(tmp_path)
    templates.env.bytecode_cache = jinja2.FileSystemBytecodeCache(str(tmp_path / "cache"))
    assert text_of(client_for, Starlette, templates, "page.jinja") == EVIL
    assert [*(tmp_path / "cache").iterdir()]
    assert text_of(client_for, Bolide, templates, "page.jinja") == ESCAPED
    assert text_of(client_for, Starlette, templates, "page.jinja") == EVIL


@pytest.mark.parametrize("face", FACES)
def test_a_template_that_changes_is_read_again(
    tmp_path: Path, client_for: ClientFor, face: type[Starlette]
) -> None:
    file = tmp_path / "page.html"
    templates = Jinja2Templates(tmp_path)
    for number, source in enumerate(["one", "two"]):
        file.write_text(source)
        # However coarse the clock of the file system is.
        os.utime(file, (number, number))
        assert text_of(client_for, face, templates, "page.html") == source


# Without TemplateResponse, and without an application


def test_a_template_is_escaped_wherever_it_comes_from(
    tmp_path: Path, client_for: ClientFor
) -> None:
    (tmp_path / "page.jinja").write_text("{{ text }}")
    templates = Jinja2Templates(tmp_path)
    ways: list[Callable[[], jinja2.Template]] = [
        lambda: templates.get_template("page.jinja"),
        lambda: templates.env.get_template("page.jinja"),
        lambda: templates.env.select_template(["none", "page.jinja"]),
        lambda: templates.env.from_string("{{ text }}"),
    ]

    def home(request: Request) -> Response:
        return PlainTextResponse(" ".join(way().render(text=EVIL) for way in ways))

    pages = [client_for(face(routes=[Route("/", home)])).get("/").text for face in FACES]
    assert pages == [f"{EVIL} {EVIL} {EVIL} {ESCAPED}", " ".join([ESCAPED] * 4)]
    # No application is running here.
    assert templates.get_template("page.jinja").render(text=EVIL) == EVIL


def test_a_subclass_may_look_for_templates_in_its_own_way(
    tmp_path: Path, client_for: ClientFor
) -> None:
    class Short(Jinja2Templates):
        def get_template(self, name: str) -> jinja2.Template:
            return super().get_template(f"{name}.jinja")

    (tmp_path / "page.jinja").write_text("{{ text }}")
    templates = Short(tmp_path)

    def home(request: Request) -> Response:
        return templates.TemplateResponse(request, "page", {"text": EVIL})

    pages = [client_for(face(routes=[Route("/", home)])).get("/").text for face in FACES]
    assert pages == [EVIL, ESCAPED]


@pytest.mark.parametrize(("face", "text"), [(Starlette, EVIL), (Bolide, ESCAPED)])
def test_a_thread_that_knows_nothing_of_the_application_escapes(
    tmp_path: Path, face: type[Starlette], text: str
) -> None:
    (tmp_path / "page.jinja").write_text("{{ text }}")
    templates = Jinja2Templates(tmp_path)
    request = Request({"type": "http", "app": face(), "method": "GET", "path": "/", "headers": []})
    bodies: list[Any] = []

    def render() -> None:
        response = templates.TemplateResponse(request, "page.jinja", {"text": EVIL})
        bodies.append(response.body)

    thread = Thread(target=render)
    thread.start()
    thread.join()
    assert bodies == [text.encode()]


def test_a_test_needs_no_request(tmp_path: Path) -> None:
    (tmp_path / "page.jinja").write_text("{{ text }}")
    request: Any = object()
    response = Jinja2Templates(tmp_path).TemplateResponse(request, "page.jinja", {"text": EVIL})
    assert response.body == EVIL.encode()
