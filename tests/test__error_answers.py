"""Errors in the form that the client accepts."""

from __future__ import annotations

import html.parser
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._error_answers import ProblemResponse, error_answer, missing_answer, negotiated
from bolide._exchange import Exchange
from bolide._problems import Problem
from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTask
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.trustedhost import TrustedHostMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route, WebSocketRoute
from bolide.testclient import WebSocketDenialResponse
from bolide.types import ASGIApp, Message, Scope
from bolide.websockets import WebSocket

ClientFor = Callable[..., Any]

PROBLEM = "application/problem+json"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def scope_of(*accept: str, **more: Any) -> Scope:
    headers = [(b"accept", value.encode("latin-1")) for value in accept]
    return {"type": "http", "method": "GET", "path": "/", "headers": headers, **more}


def shown(response: Response) -> str:
    return bytes(response.body).decode()


# --- nothing is there ---


async def messages_of(app: ASGIApp, scope: Scope, exchange: bool) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise NotImplementedError

    channel = Exchange(send)
    await app(scope, receive, channel if exchange else send)
    assert channel.response_started is exchange
    return sent


@pytest.mark.anyio
@pytest.mark.parametrize("exchange", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("app", [Starlette(), Bolide(), Bolide(negotiate_errors=False)])
@pytest.mark.parametrize("accept", ["", "application/json", "text/html"])
async def test_a_404_that_is_ready_is_like_one_that_is_made(
    accept: str, app: Starlette, method: str, exchange: bool
) -> None:
    scope = scope_of(accept, app=app) | {"method": method}
    ready = await messages_of(missing_answer(scope), scope, exchange)
    made = error_answer(scope, HTTPException(404, "Not Found"))
    assert ready == await messages_of(made, scope, exchange)


@pytest.mark.anyio
async def test_headers_that_middleware_adds_to_a_404_are_not_in_the_next_one() -> None:
    scope = scope_of(app=Starlette())
    [start, _] = await messages_of(missing_answer(scope), scope, True)
    before = list(start["headers"])
    start["headers"].append((b"x-a", b"b"))
    [start, _] = await messages_of(missing_answer(scope), scope, True)
    assert start["headers"] == before


# --- choosing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/*", TEXT),
        ("text/plain", TEXT),
        ("image/png", TEXT),
        ("*/*;q=0", TEXT),
        ("application/problem+json", PROBLEM),
        ("application/json", PROBLEM),
        ("application/json; charset=utf-8", PROBLEM),
        ("application/vnd.api+json", PROBLEM),
        ('application/ld+json;profile="a \\"b\\", c";q=0.5', PROBLEM),
        ("application/*", PROBLEM),
        ("application/json, text/plain, */*", PROBLEM),
        ("text/plain;q=0, */*", PROBLEM),
        ("text/html", HTML),
        ("text/html;charset=UTF-8", HTML),
        (FIREFOX, HTML),
        ("application/json, text/html;q=0.9", PROBLEM),
        ("application/json;q=0.8, text/html;q=0.9", HTML),
        ("application/json;q=0, text/html;q=0.1", HTML),
        ("application/problem+json;q=0, application/json;q=0", TEXT),
        ("nonsense", TEXT),
    ],
)
def test_accept_chooses_the_form(accept: str, content_type: str) -> None:
    response = negotiated(scope_of(accept), HTTPException(404, "No such thing."))

    assert response.status_code == 404
    assert response.headers["content-type"] == content_type
    assert response.headers["vary"] == "Accept"
    assert response.headers["content-length"] == str(len(response.body))
    assert "No such thing." in shown(response)


def test_accept_may_be_spread_over_headers() -> None:
    response = negotiated(scope_of("image/png", "text/html"), HTTPException(404))
    assert response.headers["content-type"] == HTML


def test_a_scope_without_headers_gets_text() -> None:
    response = negotiated({"type": "http", "method": "GET"}, HTTPException(404))
    assert (shown(response), response.headers["content-type"]) == ("Not Found", TEXT)


# --- each form ------------------------------------------------------------------------------

INVALID = Problem(
    422, "Bad <b>item</b>.", title="Invalid", type="/t", instance="/i", errors=[{"é": 1}]
)


def test_a_problem_document() -> None:
    response = negotiated(scope_of("application/json"), INVALID)
    assert json.loads(response.body) == INVALID.members
    assert "é" in shown(response)


def test_text_is_the_detail() -> None:
    assert shown(negotiated(scope_of(), INVALID)) == "Bad <b>item</b>."
    assert shown(negotiated(scope_of(), HTTPException(404))) == "Not Found"


def test_a_page_shows_everything_and_escapes_it() -> None:
    page = shown(negotiated(scope_of("text/html"), INVALID))

    assert "<title>422 Invalid</title>" in page
    assert "<h1>422 Invalid</h1>\n<p>Bad &lt;b&gt;item&lt;/b&gt;.</p>" in page
    assert "<dt>type</dt>\n<dd><pre>/t</pre></dd>" in page
    assert "<dt>instance</dt>\n<dd><pre>/i</pre></dd>" in page
    assert "<dt>errors</dt>\n<dd><pre>[\n  {\n    &quot;é&quot;: 1\n  }\n]</pre></dd>" in page


def test_a_page_of_a_plain_error_is_plain() -> None:
    page = shown(negotiated(scope_of("text/html"), HTTPException(404)))
    assert "<main>\n<h1>404 Not Found</h1>\n</main>" in page


class Tags(html.parser.HTMLParser):
    """Notes the tags of a page and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_nothing_in_a_page_becomes_markup_or_needs_the_network(text: str) -> None:
    def tags(text: str) -> list[tuple[str, tuple[str, ...]]]:
        problem = Problem(400, f"x{text}", title=f"x{text}y", instance=text, more=[text])
        page = negotiated(scope_of("text/html"), problem)
        return Tags(shown(page)).tags

    found = tags(text)
    assert found == tags("plain")
    assert {tag for tag, _ in found}.isdisjoint({"script", "style", "link", "img", "a"})
    assert {name for _, names in found for name in names} <= {"lang", "charset", "name", "content"}


# --- headers and bodies ---------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/plain"])
def test_headers_of_the_error_go_out(accept: str) -> None:
    exc = HTTPException(405, headers={"Allow": "GET", "Vary": "Origin", "Content-Length": "7"})
    response = negotiated(scope_of(accept), exc)

    assert response.headers["allow"] == "GET"
    assert response.headers["vary"] == "Origin, Accept"
    assert response.headers.getlist("content-length") == [str(len(response.body))]


def test_an_error_that_has_its_form_is_left_in_it() -> None:
    exc = HTTPException(400, "<e/>", headers={"Content-Type": "application/xml"})
    response = negotiated(scope_of("text/html"), exc)

    assert shown(response) == "<e/>"
    assert response.headers["content-type"] == "application/xml"
    assert "vary" not in response.headers


@pytest.mark.parametrize("status_code", [204, 304])
def test_a_status_without_a_body_has_none(status_code: int) -> None:
    response = negotiated(
        scope_of("text/html"), HTTPException(status_code, headers={"etag": '"x"'})
    )

    assert (response.status_code, response.body) == (status_code, b"")
    assert dict(response.headers) == {"etag": '"x"'}


@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/plain"])
def test_head_gets_the_headers_of_get(accept: str) -> None:
    get = negotiated(scope_of(accept), HTTPException(404))
    head = negotiated(scope_of(accept, method="HEAD"), HTTPException(404))

    assert head.raw_headers == get.raw_headers
    assert (head.body, head.status_code) == (b"", 404)


def test_a_problem_response_needs_no_accept() -> None:
    response = ProblemResponse(HTTPException(409, "Twice.", {"a": "1"}), headers={"b": "2"})

    assert response.status_code == 409
    assert json.loads(response.body)["detail"] == "Twice."
    assert (response.headers["a"], response.headers["b"]) == ("1", "2")
    assert response.headers["content-type"] == PROBLEM


def test_a_problem_response_may_have_a_background_task() -> None:
    task = BackgroundTask(print)
    assert ProblemResponse(Problem(409), background=task).background is task


# --- in an application ----------------------------------------------------------------------


async def fail(request: Request) -> Response:
    kind = request.path_params["kind"]
    if kind == "bug":
        raise RuntimeError("secret")
    if kind == "body":
        return PlainTextResponse(await request.body())
    raise Problem(422, "No.", errors=[kind])


ROUTES = [Route("/fail/{kind}", fail, methods=["GET", "HEAD", "POST"])]

ERRORS = [
    ("GET", "/nowhere", 404, "Not Found"),
    ("DELETE", "/fail/x", 405, "Method Not Allowed"),
    ("POST", "/fail/body", 413, "Content Too Large"),
    ("GET", "/fail/x", 422, "Unprocessable Content"),
    ("GET", "/fail/bug", 500, "Internal Server Error"),
]


@pytest.mark.parametrize(("method", "path", "status", "title"), ERRORS)
@pytest.mark.parametrize("middleware", [False, True])
def test_every_error_has_the_same_shape(
    client_for: ClientFor, method: str, path: str, status: int, title: str, middleware: bool
) -> None:
    layers = [Middleware(TrustedHostMiddleware)] if middleware else []
    app = Bolide(routes=ROUTES, middleware=layers, max_body_size=2)
    client = client_for(app, raise_server_exceptions=False)

    content = b"abc" if method == "POST" else b""
    response = client.request(method, path, content=content, headers={"accept": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    assert response.headers["vary"] == "Accept"
    members = {"type": "about:blank", "title": title, "status": status}
    assert members.items() <= response.json().items()
    assert "secret" not in response.text

    response = client.request(method, path, content=content, headers={"accept": FIREFOX})
    assert response.status_code == status
    assert f"<h1>{status} {title}</h1>" in response.text
    assert "secret" not in response.text


@pytest.mark.parametrize(("method", "path", "status", "title"), ERRORS)
def test_starlette_answers_in_text(
    client_for: ClientFor, method: str, path: str, status: int, title: str
) -> None:
    client = client_for(Starlette(routes=ROUTES, max_body_size=2), raise_server_exceptions=False)
    content = b"abc" if method == "POST" else b""
    response = client.request(method, path, content=content, headers={"accept": "application/json"})

    assert (response.status_code, response.headers["content-type"]) == (status, TEXT)
    assert "vary" not in response.headers


def test_a_websocket_that_is_refused_is_answered_by_accept(client_for: ClientFor) -> None:
    async def refuse(websocket: WebSocket) -> None:
        raise HTTPException(403, "Members only.")

    client = client_for(Bolide(routes=[WebSocketRoute("/", refuse)]))
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        client.websocket_connect("/", headers={"accept": "application/json"}),
    ):
        raise NotImplementedError
    assert caught.value.json()["detail"] == "Members only."


def test_the_policy_of_the_application_decides() -> None:
    exc = HTTPException(404)
    for app, content_type in ((Starlette(), TEXT), (Bolide(), PROBLEM)):
        response = error_answer(scope_of("application/json", app=app), exc)
        assert response.headers["content-type"] == content_type
    app = Bolide(negotiate_errors=False)
    assert "vary" not in error_answer(scope_of("application/json", app=app), exc).headers
