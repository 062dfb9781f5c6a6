"""WebSockets: messages of the wrong kind, large ones, other sites, and clients that leave."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from bolide.applications import Bolide, Starlette
from bolide.endpoints import WebSocketEndpoint
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.origin import WebSocketOriginMiddleware
from bolide.responses import PlainTextResponse
from bolide.routing import Mount, WebSocketRoute
from bolide.testclient import TestClient
from bolide.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

LOGGER = "bolide.disconnects"


async def text(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())


async def binary(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_bytes(await websocket.receive_bytes())


async def data(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_json(await websocket.receive_json())


async def binary_data(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_json(await websocket.receive_json("binary"))


async def until_the_end(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket.iter_bytes():
        await websocket.send_bytes(message)


class Text(WebSocketEndpoint):
    encoding = "text"


class Binary(WebSocketEndpoint):
    encoding = "bytes"


class Data(WebSocketEndpoint):
    encoding = "json"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_json(data)


def app_of(endpoint: Any, cls: type[Starlette] = Bolide, **options: Any) -> Starlette:
    return cls(routes=[WebSocketRoute("/", endpoint)], **options)


WRONG_KIND = [(text, b"x"), (binary, "x"), (data, b"{}"), (binary_data, "{}")]
WRONG_KIND_FOR_CLASSES = [(Text, b"x"), (Binary, "x")]
NO_JSON = [
    (data, "{"),
    (data, "NaN"),
    (data, "[" * 100_000),
    (data, "9" * 5_000),
    (data, ""),
    (binary_data, b"\xff"),
    (Data, "{"),
    (Data, b"\xff"),
]


def refused(client: TestClient, message: str | bytes) -> tuple[int, str]:
    with client.websocket_connect("/") as websocket:
        if isinstance(message, str):
            websocket.send_text(message)
        else:
            websocket.send_bytes(message)
        event = websocket.receive()
    assert event["type"] == "websocket.close"
    return event["code"], event["reason"]


@pytest.mark.parametrize(("endpoint", "message"), WRONG_KIND + WRONG_KIND_FOR_CLASSES)
def test_a_message_of_the_wrong_kind_closes_with_1003(
    client_for: ClientFor, endpoint: Any, message: str | bytes
) -> None:
    wanted = "text" if isinstance(message, bytes) else "binary"
    reason = f"A {wanted} message was expected."
    assert refused(client_for(app_of(endpoint)), message) == (1003, reason)


@pytest.mark.parametrize(("endpoint", "message"), WRONG_KIND)
def test_starlette_raises_a_key_error_for_it(
    client_for: ClientFor, endpoint: Any, message: str | bytes
) -> None:
    with pytest.raises(KeyError):
        refused(client_for(app_of(endpoint, Starlette)), message)


@pytest.mark.parametrize(("endpoint", "message"), WRONG_KIND_FOR_CLASSES)
def test_an_endpoint_class_of_starlette_closes_and_raises(
    client_for: ClientFor, endpoint: Any, message: str | bytes
) -> None:
    with pytest.raises(RuntimeError, match="Expected .* websocket messages"):
        refused(client_for(app_of(endpoint, Starlette)), message)


@pytest.mark.parametrize(("endpoint", "message"), NO_JSON)
def test_what_is_no_json_closes_with_1007(
    client_for: ClientFor, endpoint: Any, message: str | bytes
) -> None:
    client = client_for(app_of(endpoint))
    assert refused(client, message) == (1007, "The message is not valid JSON.")


@pytest.mark.parametrize(("endpoint", "message"), NO_JSON[:1] + NO_JSON[5:6])
def test_starlette_raises_a_value_error_for_it(
    client_for: ClientFor, endpoint: Any, message: str | bytes
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        refused(client_for(app_of(endpoint, Starlette)), message)


def test_what_is_wrong_can_be_caught_as_before(client_for: ClientFor) -> None:
    async def patient(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(KeyError):
            await websocket.receive_text()
        with pytest.raises(ValueError, match="not valid JSON"):
            await websocket.receive_json()
        await websocket.send_text("never mind")

    with client_for(app_of(patient)).websocket_connect("/") as websocket:
        websocket.send_bytes(b"")
        websocket.send_text("{")
        assert websocket.receive_text() == "never mind"


LARGE: list[Any] = ["x" * 11, b"x" * 11, "\N{SNOWMAN}" * 4, "\N{SLICE OF PIZZA}" * 3]


@pytest.mark.parametrize("message", LARGE)
def test_a_message_over_the_limit_closes_with_1009(client_for: ClientFor, message: Any) -> None:
    endpoint = text if isinstance(message, str) else binary
    client = client_for(app_of(endpoint, max_message_size=10))
    assert refused(client, message) == (1009, "Messages may have 10 bytes.")


@pytest.mark.parametrize("message", ["", "x" * 10, "\N{SNOWMAN}" * 3, b"x" * 10])
def test_a_message_at_the_limit_is_taken(client_for: ClientFor, message: Any) -> None:
    class Echo(WebSocketEndpoint):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await websocket.send_json(len(data))

    with client_for(app_of(Echo, max_message_size=10)).websocket_connect("/") as websocket:
        if isinstance(message, str):
            websocket.send_text(message)
        else:
            websocket.send_bytes(message)
        assert websocket.receive_json() == len(message)


def test_the_limit_is_a_mebibyte_and_starlette_has_none(client_for: ClientFor) -> None:
    message = b"x" * (1024 * 1024 + 1)
    assert refused(client_for(app_of(binary)), message)[0] == 1009
    for app in (app_of(until_the_end, Starlette), app_of(until_the_end, max_message_size=None)):
        with client_for(app).websocket_connect("/") as websocket:
            websocket.send_bytes(message)
            assert websocket.receive_bytes() == message


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, 1008, "Forbidden"),
        (404, 1008, "Not Found"),
        (500, 1011, "Internal Server Error"),
        (599, 1011, ""),
    ],
)
def test_an_http_exception_after_the_handshake_closes(
    client_for: ClientFor, status: int, code: int, reason: str
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        raise HTTPException(status)

    assert refused(client_for(app_of(endpoint)), "x") == (code, reason)


def test_on_starlette_it_is_an_error_of_the_server(client_for: ClientFor) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise HTTPException(403)

    with client_for(app_of(endpoint, Starlette)).websocket_connect("/") as websocket:
        # The client of the tests hands on what no server would.
        assert websocket.receive()["type"] == "websocket.http.response.start"


def test_before_the_handshake_it_is_the_answer(client_for: ClientFor) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        raise HTTPException(404)

    def not_found(websocket: WebSocket, exc: Exception) -> Any:
        return PlainTextResponse("gone", 404)

    client = client_for(app_of(endpoint, exception_handlers={404: not_found}))
    with pytest.raises(WebSocketDisconnect) as denied, client.websocket_connect("/"):
        pass
    assert getattr(denied.value, "status_code", None) == 404


HOSTILE = {"origin": "https://evil.example", "cookie": "session=1"}


def accepts(client: TestClient, headers: dict[str, str], path: str = "/") -> bool:
    url = f"wss://example.org{path}"
    try:
        with client.websocket_connect(url, headers=headers):
            return True
    except WebSocketDisconnect:
        return False


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": "https://example.org", "cookie": "session=1"}, True),
        ({"origin": "https://evil.example"}, True),
        (HOSTILE, False),
        ({"origin": "https://evil.example", "authorization": "Basic x"}, False),
        ({"origin": "http://example.org", "cookie": "session=1"}, False),
        ({"origin": "https://example.org.evil.example", "cookie": "session=1"}, False),
        ({"origin": "null", "cookie": "session=1"}, False),
    ],
)
def test_a_page_of_another_site_cannot_use_the_cookies(
    client_for: ClientFor, headers: dict[str, str], allowed: bool
) -> None:
    assert accepts(client_for(app_of(until_the_end)), headers) == allowed


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: app_of(until_the_end, Starlette), id="starlette"),
        pytest.param(lambda: app_of(until_the_end, websocket_origins=None), id="off"),
        pytest.param(
            lambda: app_of(until_the_end, websocket_origins=["https://evil.example"]), id="listed"
        ),
        pytest.param(
            lambda: app_of(
                until_the_end,
                middleware=[Middleware(WebSocketOriginMiddleware, ["https://evil.example"])],
            ),
            id="allowed by middleware",
        ),
    ],
)
def test_other_sites_are_let_in_where_somebody_says_so(
    client_for: ClientFor, make: Callable[[], Starlette]
) -> None:
    assert accepts(client_for(make()), HOSTILE)


def test_the_outermost_application_decides(client_for: ClientFor) -> None:
    inner = app_of(until_the_end)
    app = Bolide(routes=[Mount("/in", inner)], websocket_origins=["https://evil.example"])
    assert accepts(client_for(app), HOSTILE, "/in/")
    assert not accepts(client_for(Starlette(routes=[Mount("/in", inner)])), HOSTILE, "/in/")


def test_an_origin_that_is_none_is_refused_at_construction() -> None:
    with pytest.raises(ValueError, match="is no origin"):
        Bolide(websocket_origins=["example.org"])


@pytest.mark.parametrize("cls", [Bolide, Starlette])
def test_a_client_that_leaves_is_one_line_in_the_log(
    client_for: ClientFor, cls: type[Starlette], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    errors: list[Exception] = []

    async def watch(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except WebSocketDisconnect as exc:
            errors.append(exc)

    app = app_of(text, cls)
    with client_for(watch).websocket_connect("/") as websocket:
        websocket.close(1001, "bye\n")
    lines = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    if cls is Bolide:
        assert (errors, lines) == ([], ["WebSocket '/': the client has left ('1001: bye\\n')"])
    else:
        assert (len(errors), lines) == (1, [])


def test_so_is_one_that_leaves_a_task_group(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(websocket.receive_text)

    with client_for(app_of(endpoint)).websocket_connect("/"):
        pass
    assert len(caplog.records) == 1


def test_an_error_of_the_endpoint_is_still_one(client_for: ClientFor) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("of the endpoint")

    with (
        pytest.raises(ValueError, match="of the endpoint"),
        client_for(app_of(endpoint)).websocket_connect("/"),
    ):
        pass


@pytest.mark.parametrize("cls", [Bolide, Starlette])
def test_an_encoding_that_there_is_not_is_a_mistake_of_the_endpoint(
    client_for: ClientFor, cls: type[Starlette]
) -> None:
    class Unknown(WebSocketEndpoint):
        encoding: Any = "yaml"

    with pytest.raises(AssertionError, match="Unsupported 'encoding' attribute yaml"):
        refused(client_for(app_of(Unknown, cls)), "x")
