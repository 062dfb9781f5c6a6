"""H6: a file that changes after its length was announced: never more, never less without a sign."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bolide._files import FileTooShort
from bolide.applications import Bolide, Starlette
from bolide.requests import Request
from bolide.responses import FileResponse, Response
from bolide.routing import Route
from bolide.types import Message, Scope

pytestmark = pytest.mark.anyio

ANNOUNCED = b"0123456789"
CHUNK_SIZES = [1, 3, 4, 5, 10, 11, 64]
RANGES = ["bytes=0-9", "bytes=2-", "bytes=-8"]


class Chunked(FileResponse):
    """A file in chunks of another size."""

    def __init__(self, path: Path, chunk_size: int, **options: Any) -> None:
        super().__init__(path, **options)
        self.chunk_size = chunk_size


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "log.txt"
    path.write_bytes(ANNOUNCED)
    return path


class Sent:
    """What a request for a file has got, the file being changed after its length was looked up."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.is_complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        else:
            assert not self.is_complete
            self.body += message["body"]
            self.is_complete = not message["more_body"]


async def ask(
    face: type[Starlette],
    path: Path,
    content: bytes,
    chunk_size: int = 4,
    *,
    range_header: str | None = None,
    options: dict[str, Any] | None = None,
    **policy: Any,
) -> tuple[Sent, Exception | None]:
    before = os.stat(path)  # noqa: PTH116

    async def endpoint(request: Request) -> Response:
        return Chunked(path, chunk_size, stat_result=before, **(options or {}))

    path.write_bytes(content)  # noqa: ASYNC240
    sent = Sent()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [] if range_header is None else [(b"range", range_header.encode())]
    spec = {"version": "3.0", "spec_version": "2.4"}
    scope: Scope = {"type": "http", "asgi": spec, "method": "GET", "path": "/", "headers": headers}
    error: Exception | None = None
    try:
        await face(routes=[Route("/", endpoint)], **policy)(scope, receive, sent)
    except Exception as exc:
        error = exc
    return sent, error


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
async def test_bolide_sends_what_was_announced_of_a_file_that_grew(
    file: Path, chunk_size: int
) -> None:
    sent, error = await ask(Bolide, file, ANNOUNCED + b"and more", chunk_size)

    assert error is None
    assert (sent.body, sent.is_complete) == (ANNOUNCED, True)
    assert sent.headers[b"content-length"] == b"10"


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize("content", [b"", b"0", b"01234567", b"012345678"])
async def test_bolide_breaks_off_when_a_file_has_shrunk(
    file: Path, content: bytes, chunk_size: int
) -> None:
    sent, error = await ask(Bolide, file, content, chunk_size)

    assert isinstance(error, FileTooShort)
    assert content.startswith(sent.body)
    assert not sent.is_complete


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
async def test_a_file_that_stays_is_sent(file: Path, chunk_size: int) -> None:
    sent, error = await ask(Bolide, file, ANNOUNCED, chunk_size)

    assert error is None
    assert (sent.body, sent.is_complete) == (ANNOUNCED, True)


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize("range_header", RANGES)
async def test_a_range_of_a_file_that_grew_is_the_range(
    file: Path, range_header: str, chunk_size: int
) -> None:
    grown = ANNOUNCED + b"and more"
    sent, error = await ask(Bolide, file, grown, chunk_size, range_header=range_header)

    assert error is None
    assert sent.status == 206
    assert sent.body == (ANNOUNCED if range_header == "bytes=0-9" else ANNOUNCED[2:])
    assert sent.is_complete


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize("range_header", [*RANGES, "bytes=0-1,4-9"])
async def test_bolide_breaks_off_a_range_of_a_file_that_has_shrunk(
    file: Path, range_header: str, chunk_size: int
) -> None:
    sent, error = await ask(Bolide, file, b"01234567", chunk_size, range_header=range_header)

    assert isinstance(error, FileTooShort)
    assert not sent.is_complete


async def test_the_length_that_an_application_sets_is_the_one_announced(file: Path) -> None:
    options = {"headers": {"content-length": "4"}}
    sent, error = await ask(Bolide, file, ANNOUNCED, options=options)

    assert error is None
    assert (sent.body, sent.is_complete) == (b"0123", True)


async def test_a_length_without_sense_bounds_nothing(file: Path) -> None:
    options = {"headers": {"content-length": "unknown"}}
    sent, error = await ask(Bolide, file, b"0123", options=options)

    assert error is None
    assert (sent.body, sent.is_complete) == (b"0123", True)


@pytest.mark.parametrize("content", [b"01234567", ANNOUNCED + b"and more"])
@pytest.mark.parametrize(
    ("face", "policy"), [(Starlette, {}), (Bolide, {"exact_file_lengths": False})]
)
async def test_starlette_sends_what_is_there(
    file: Path, face: type[Starlette], policy: dict[str, Any], content: bytes
) -> None:
    sent, error = await ask(face, file, content, **policy)

    assert error is None
    assert (sent.body, sent.is_complete) == (content, True)


async def test_starlette_ends_a_range_where_the_file_ends(file: Path) -> None:
    sent, error = await ask(Starlette, file, b"01234567", range_header="bytes=2-")

    assert error is None
    assert (sent.body, sent.is_complete) == (b"234567", True)
