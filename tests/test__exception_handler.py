"""The private names that other packages import are there, and are the ones in use."""

from __future__ import annotations

from typing import Any

import pytest

from bolide import _dispatch, _exception_handler, concurrency
from bolide.exceptions import HTTPException, WebSocketException
from bolide.middleware import exceptions
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.types import Message, Receive, Scope, Send


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (_dispatch, "ExceptionHandlers"),
        (_dispatch, "StatusHandlers"),
        (_dispatch, "wrap_app_handling_exceptions"),
        (concurrency, "run_in_threadpool"),
        (exceptions, "ExceptionHandlers"),
        (exceptions, "StatusHandlers"),
        (exceptions, "wrap_app_handling_exceptions"),
    ],
)
def test_a_name_is_the_same_wherever_it_is_imported_from(module: Any, name: str) -> None:
    assert getattr(_exception_handler, name) is getattr(module, name)


def test_the_lookup_of_handlers_goes_by_class() -> None:
    async def handler(conn: Any, exc: Exception) -> None: ...

    lookup: Any = _exception_handler._lookup_exception_handler
    assert lookup({LookupError: handler}, KeyError()) is handler
    assert lookup({LookupError: handler}, ValueError()) is None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("scope_type", "exc"),
    [
        ("http", HTTPException(404)),
        ("websocket", HTTPException(403)),
        ("websocket", WebSocketException(1008)),
    ],
)
async def test_the_default_handlers_need_no_thread(
    scope_type: str, exc: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_threads(*args: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(_exception_handler, "run_in_threadpool", no_threads)
    monkeypatch.setattr(_dispatch, "run_endpoint", no_threads)
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise exc

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    extensions: dict[str, Any] = {"websocket.http.response": {}}
    await ExceptionMiddleware(app)({"type": scope_type, "extensions": extensions}, receive, send)
    assert sent
