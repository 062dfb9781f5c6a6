"""Files as responses: what is told of them, whole or in ranges, and that they are closed."""

from __future__ import annotations

import functools
import hashlib
import io
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from bolide import _files
from bolide._async import create_collapsing_task_group
from bolide._files import FileResponse, FileTooShort
from bolide._policy import Policy
from bolide.background import BackgroundTask
from bolide.exceptions import BolideError
from bolide.testclient import TestClient
from bolide.types import Message, Scope

SIZE = 526
DATA = bytes(range(256)) * 2 + bytes(14)
MTIME = 1_000_000_000.5
LAST_MODIFIED = "Sun, 09 Sep 2001 01:46:40 GMT"
ETAG = '"' + hashlib.md5(f"{MTIME}-{SIZE}".encode(), usedforsecurity=False).hexdigest() + '"'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "data.txt"
    file.write_bytes(DATA)
    os.utime(file, (MTIME, MTIME))
    return file


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The files that are opened while the test runs."""
    files: list[Any] = []
    open_file: Any = anyio.open_file

    async def open_and_note(path: Any, *, mode: str) -> Any:
        files.append(await open_file(path, mode=mode))
        return files[-1]

    monkeypatch.setattr(anyio, "open_file", open_and_note)
    return files


def assert_opened_and_closed(opened: list[Any]) -> None:
    assert [file.wrapped.closed for file in opened] == [True]
    assert opened[0].wrapped.mode == "rb"


async def forever() -> None:
    """Wait to be cancelled; a test in which that does not happen fails."""
    with anyio.fail_after(5):
        await anyio.sleep_forever()


class Recorder:
    """A `send` that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        await checkpoint()
        self.messages.append(message)

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        raw = self.messages[0]["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
        assert len(headers) == len(raw)
        return headers

    @property
    def pieces(self) -> list[bytes]:
        *more, last = (message.get("more_body", False) for message in self.messages[1:])
        assert all(more)
        assert not last
        return [message["body"] for message in self.messages[1:]]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


class BrokenSend(Recorder):
    """A `send` that fails at one message."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.error = OSError("gone")

    async def __call__(self, message: Message) -> None:
        if len(self.messages) == self.at:
            raise self.error
        await super().__call__(message)


class Stuck(Recorder):
    """A `send` that waits for ever at one message, as servers do when the client reads nothing."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.reached = anyio.Event()

    async def __call__(self, message: Message) -> None:
        if len(self.messages) == self.at:
            self.reached.set()
            await forever()
        await super().__call__(message)


class Client:
    """A `receive` that says what it is told to say, once `ready`, and then nothing more."""

    def __init__(self, *types: str, ready: anyio.Event | None = None) -> None:
        self.types = list(types)
        self.ready = ready

    async def __call__(self) -> Message:
        if self.ready is not None:
            await self.ready.wait()
        if self.types:
            return {"type": self.types.pop(0)}
        await forever()
        raise AssertionError("unreachable")


async def no_receive() -> Message:
    raise AssertionError("This response has nothing to receive.")


def scope_for(
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    *,
    spec_version: str = "2.4",
    **more: Any,
) -> Scope:
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return {
        "type": "http",
        "method": method,
        "headers": raw,
        "asgi": {"spec_version": spec_version},
        **more,
    }


async def reply(response: FileResponse, scope: Scope | None = None) -> Recorder:
    send = Recorder()
    await response(scope or scope_for(), no_receive, send)
    return send


# What is told of a file


def test_a_file_that_was_not_looked_at_says_what_its_name_says(tmp_path: Path) -> None:
    response = FileResponse(tmp_path / "missing.png", headers={"X-A": "1"})
    assert response.raw_headers == [
        (b"x-a", b"1"),
        (b"content-type", b"image/png"),
        (b"accept-ranges", b"bytes"),
    ]
    assert response.media_type == "image/png"
    assert not hasattr(response, "body")
    assert (response.chunk_size, response.max_ranges) == (65536, 100)


def test_a_file_that_was_looked_at_says_all(path: Path) -> None:
    response = FileResponse(path, filename="a.txt", stat_result=path.stat())
    assert response.raw_headers == [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"accept-ranges", b"bytes"),
        (b"content-disposition", b'attachment; filename="a.txt"'),
        (b"content-length", b"526"),
        (b"last-modified", LAST_MODIFIED.encode()),
        (b"etag", ETAG.encode()),
    ]


def test_the_headers_of_the_caller_win(path: Path) -> None:
    given_headers = {
        "etag": '"mine"',
        "last-modified": "yesterday",
        "content-length": "7",
        "content-disposition": "inline",
        "accept-ranges": "none",
        "content-type": "a/b",
    }
    response = FileResponse(path, headers=given_headers, filename="a.txt", stat_result=path.stat())
    assert dict(response.headers) == given_headers
    assert len(response.raw_headers) == len(given_headers)


@pytest.mark.parametrize(
    ("name", "filename", "media_type", "result"),
    [
        ("a.png", None, None, "image/png"),
        ("a.unknown", None, None, "application/octet-stream"),
        ("a", None, None, "application/octet-stream"),
        ("a.png", "b.css", None, "text/css; charset=utf-8"),
        ("a.png", None, "c/d", "c/d"),
    ],
)
def test_the_type_is_given_or_guessed(
    name: str, filename: str | None, media_type: str | None, result: str
) -> None:
    for path in (name, Path(name)):
        response = FileResponse(path, media_type=media_type, filename=filename)
        assert response.headers["content-type"] == result


@pytest.mark.parametrize(
    ("filename", "parameter"),
    [
        ("a.txt", 'filename="a.txt"'),
        ("a b.txt", "filename*=utf-8''a%20b.txt"),
        ("你好.txt", "filename*=utf-8''%E4%BD%A0%E5%A5%BD.txt"),
        ('a".txt', "filename*=utf-8''a%22.txt"),
        ("a\r\nb: c", "filename*=utf-8''a%0D%0Ab%3A%20c"),
        ("", 'filename=""'),
    ],
)
@pytest.mark.parametrize("kind", ["attachment", "inline"])
def test_a_file_is_given_a_name(filename: str, parameter: str, kind: str) -> None:
    response = FileResponse("a", filename=filename, content_disposition_type=kind)
    assert response.headers["content-disposition"] == f"{kind}; {parameter}"


def test_a_file_without_a_name_has_no_disposition() -> None:
    assert "content-disposition" not in FileResponse("a.txt").headers


# The whole file


def chunked(size: int) -> type[FileResponse]:
    class Chunked(FileResponse):
        chunk_size = size

    return Chunked


@pytest.mark.anyio
@pytest.mark.parametrize("with_stat", [False, True])
@pytest.mark.parametrize("kind", [str, Path])
async def test_a_file_is_sent(path: Path, with_stat: bool, kind: Callable[[Path], Any]) -> None:
    stat_result = await anyio.Path(path).stat() if with_stat else None
    send = await reply(FileResponse(kind(path), stat_result=stat_result))
    assert send.messages == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"accept-ranges", b"bytes"),
                (b"content-length", b"526"),
                (b"last-modified", LAST_MODIFIED.encode()),
                (b"etag", ETAG.encode()),
            ],
        },
        {"type": "http.response.body", "body": DATA, "more_body": False},
    ]


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is called in worker threads while the test runs."""
    calls: list[Any] = []
    run_sync: Any = anyio.to_thread.run_sync

    def run_and_note(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return run_sync(*args, **kwargs)

    monkeypatch.setattr(anyio.to_thread, "run_sync", run_and_note)
    return calls


@pytest.mark.anyio
@pytest.mark.parametrize("with_stat", [False, True])
async def test_a_small_file_takes_one_trip_to_a_thread(
    path: Path, trips: list[Any], with_stat: bool
) -> None:
    stat_result = await anyio.Path(path).stat() if with_stat else None
    trips.clear()
    assert (await reply(FileResponse(path, stat_result=stat_result))).body == DATA
    assert len(trips) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "start", "end", "number"),
    [({}, 0, 1_000_000, 7), ({"range": "bytes=1-300000"}, 1, 300_001, 5)],
)
async def test_of_a_large_file_several_chunks_are_read_at_a_time(
    tmp_path: Path, trips: list[Any], headers: Any, start: int, end: int, number: int
) -> None:
    content = bytes(range(250)) * 4000
    file = anyio.Path(tmp_path / "large.bin")
    await file.write_bytes(content)
    trips.clear()
    send = await reply(FileResponse(file), scope_for(headers=headers))
    assert send.body == content[start:end]
    assert {len(piece) for piece in send.pieces[:-1]} == {64 * 1024}
    # One to look, one to open it, one to close it.
    assert len(trips) == number


@pytest.mark.anyio
async def test_of_tiny_chunks_no_great_number_is_held(path: Path, trips: list[Any]) -> None:
    send = await reply(chunked(1)(path))
    assert len(send.pieces) == 527
    assert len(trips) == 3 + math.ceil(527 / 16)


@pytest.mark.anyio
async def test_a_response_that_is_sent_twice_looks_twice(path: Path) -> None:
    response = FileResponse(path)
    response.preload(path, await anyio.Path(path).stat(), b"of another state")
    assert (await reply(response)).body == DATA
    stat_result = await anyio.Path(path).stat()
    response = FileResponse(path, stat_result=stat_result)
    response.preload(path, stat_result, b"read before")
    assert (await reply(response)).body == b"read before"
    assert (await reply(response)).body == DATA


@pytest.mark.anyio
async def test_a_file_that_cannot_be_read_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbid(path: Any, *, mode: str) -> Any:
        raise PermissionError

    monkeypatch.setattr(anyio, "open_file", forbid)
    monkeypatch.setattr(_files, "read_small", lambda path, size: None)
    with pytest.raises(PermissionError):
        await reply(FileResponse(path))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("chunk_size", "lengths"),
    [(527, [526]), (526, [526, 0]), (525, [525, 1]), (263, [263, 263, 0]), (200, [200, 200, 126])],
)
async def test_a_file_is_sent_in_chunks(path: Path, chunk_size: int, lengths: list[int]) -> None:
    send = await reply(chunked(chunk_size)(path))
    assert [len(piece) for piece in send.pieces] == lengths
    assert send.body == DATA


@pytest.mark.anyio
async def test_an_empty_file_is_one_empty_message(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    await anyio.Path(file).touch()
    send = await reply(FileResponse(file))
    assert send.headers["content-length"] == "0"
    assert send.pieces == [b""]


@pytest.mark.anyio
async def test_a_file_that_is_not_there_is_an_error_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    send = Recorder()
    file = tmp_path / "missing.txt"
    with pytest.raises(RuntimeError, match=f"^File at path {file} does not exist\\.$"):
        await FileResponse(file)(scope_for(), no_receive, send)
    assert send.messages == []


@pytest.mark.anyio
async def test_a_directory_is_no_file(tmp_path: Path) -> None:
    send = Recorder()
    with pytest.raises(RuntimeError, match=f"^File at path {tmp_path} is not a file\\.$"):
        await FileResponse(tmp_path)(scope_for(), no_receive, send)
    assert send.messages == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.anyio
async def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    file = tmp_path / "pipe"
    os.mkfifo(file)
    with pytest.raises(RuntimeError, match="is not a file"):
        await FileResponse(file)(scope_for(), no_receive, Recorder())


@pytest.mark.anyio
async def test_a_known_state_is_not_checked_again(path: Path, tmp_path: Path) -> None:
    send = Recorder()
    stat_result = await anyio.Path(path).stat()
    response = FileResponse(tmp_path / "missing", stat_result=stat_result)
    with pytest.raises(FileNotFoundError):
        await response(scope_for(), no_receive, send)
    assert [message["type"] for message in send.messages] == ["http.response.start"]


@pytest.mark.anyio
async def test_a_response_can_be_sent_again(path: Path) -> None:
    response = FileResponse(path)
    partial = await reply(response, scope_for(headers={"range": "bytes=1-2"}))
    several = await reply(response, scope_for(headers={"range": "bytes=1-2,5-6"}))
    whole = await reply(response)
    assert (partial.status, several.status, whole.status) == (206, 206, 200)
    assert whole.messages == (await reply(FileResponse(path))).messages
    assert whole.messages == (await reply(response)).messages


@pytest.mark.anyio
async def test_what_the_first_call_said_of_a_file_stays(path: Path) -> None:
    response = FileResponse(path)
    first = await reply(response)
    os.utime(path, (0, 0))
    assert (await reply(response)).headers == first.headers


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["HEAD", "head"])
@pytest.mark.parametrize("range_header", [None, "bytes=1-2", "bytes=1-2,5-6"])
@pytest.mark.parametrize("spec_version", ["2.0", "2.4"])
async def test_head_has_the_headers_of_get_and_does_not_open_the_file(
    path: Path,
    opened: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    range_header: str | None,
    spec_version: str,
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "x" * 2 * size)
    headers = {} if range_header is None else {"range": range_header}
    extensions: dict[str, Any] = {"http.response.pathsend": {}}
    head = await reply(
        FileResponse(path),
        scope_for(method, headers, spec_version=spec_version, extensions=extensions),
    )
    assert head.messages[1:] == [{"type": "http.response.body", "body": b"", "more_body": False}]
    assert opened == []
    get = await reply(FileResponse(path), scope_for("GET", headers))
    assert head.messages[0] == get.messages[0]


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [str, Path])
async def test_a_server_that_can_send_files_is_told_the_path(
    path: Path, opened: list[Any], kind: Callable[[Path], Any]
) -> None:
    # An old server: with nothing to stream there is nothing to listen for.
    scope = scope_for(spec_version="2.0", extensions={"http.response.pathsend": {}})
    send = await reply(FileResponse(kind(path), status_code=201), scope)
    assert send.status == 201
    assert send.headers["content-length"] == "526"
    assert send.messages[1:] == [{"type": "http.response.pathsend", "path": str(path)}]
    assert opened == []


@pytest.mark.anyio
async def test_a_server_that_can_send_files_gets_ranges_as_bytes(path: Path) -> None:
    scope = scope_for(headers={"range": "bytes=1-2"}, extensions={"http.response.pathsend": {}})
    assert (await reply(FileResponse(path), scope)).pieces == [DATA[1:3]]


def test_a_client_gets_a_file(path: Path, client_for: Callable[..., TestClient]) -> None:
    client = client_for(FileResponse(path, filename="a b.txt"))
    response = client.get("/")
    assert response.content == DATA
    assert response.headers["content-disposition"] == "attachment; filename*=utf-8''a%20b.txt"
    assert client.head("/").headers == response.headers
    assert client.head("/").content == b""


# Ranges


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-100", 0, 101),
        ("bytes=500-", 500, SIZE),
        ("bytes=-26", 500, SIZE),
        ("bytes=-9999", 0, SIZE),
        ("bytes=0-9999", 0, SIZE),
        ("BYTES = 0-0", 0, 1),
        ("bytes=525-", 525, SIZE),
        ("bytes=0-100, 50-200", 0, 201),
        ("bytes=101-200,0-100", 0, 201),
        ("bytes=no, -, 7-7,", 7, 8),
    ],
)
async def test_one_range_is_sent(
    path: Path, opened: list[Any], header: str, start: int, end: int
) -> None:
    send = await reply(
        FileResponse(path, headers={"x-a": "1"}), scope_for(headers={"range": header})
    )
    assert send.status == 206
    assert send.headers == {
        "x-a": "1",
        "content-type": "text/plain; charset=utf-8",
        "accept-ranges": "bytes",
        "content-length": str(end - start),
        "last-modified": LAST_MODIFIED,
        "etag": ETAG,
        "content-range": f"bytes {start}-{end - 1}/{SIZE}",
    }
    assert send.body == DATA[start:end]
    assert_opened_and_closed(opened)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("header", "lengths"),
    [("bytes=0-9", [4, 4, 2]), ("bytes=0-7", [4, 4]), ("bytes=0-3", [4]), ("bytes=3-3", [1])],
)
async def test_one_range_is_sent_in_chunks(path: Path, header: str, lengths: list[int]) -> None:
    send = await reply(chunked(4)(path), scope_for(headers={"range": header}))
    assert [len(piece) for piece in send.pieces] == lengths


@pytest.mark.anyio
async def test_several_ranges_are_parts_of_one_body(path: Path, opened: list[Any]) -> None:
    send = await reply(chunked(64)(path), scope_for(headers={"range": "bytes=200-300, 0-100"}))
    assert send.status == 206
    assert send.headers["content-length"] == "448"
    assert "content-range" not in send.headers
    media_type, _, boundary = send.headers["content-type"].partition("; boundary=")
    assert media_type == "multipart/byteranges"
    assert len(boundary) == 26
    assert set(boundary) <= set("0123456789abcdef")

    def part(start: int, end: int) -> bytes:
        return (
            f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Range: bytes {start}-{end}/{SIZE}\r\n\r\n"
        ).encode()

    assert send.pieces == [
        *(part(0, 100), DATA[:64], DATA[64:101], b"\r\n"),
        *(part(200, 300), DATA[200:264], DATA[264:301], b"\r\n"),
        f"--{boundary}--".encode(),
    ]
    assert len(send.body) == 448
    assert_opened_and_closed(opened)


@pytest.mark.anyio
async def test_every_reply_of_several_ranges_has_a_boundary_of_its_own(path: Path) -> None:
    scope = scope_for(headers={"range": "bytes=0-0,2-2"})
    types = {(await reply(FileResponse(path), scope)).headers["content-type"] for _ in range(5)}
    assert len(types) == 5


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("header", "content"),
    [
        ("bytes", "Malformed range header."),
        ("", "Malformed range header."),
        ("lines=0-1", "Only support bytes range"),
        ("bytes=", "Range header: range must be requested"),
        ("bytes=a-b,-,1", "Range header: range must be requested"),
        ("bytes=5-4", "Range header: start must be less than end"),
        ("bytes=0-1,9-3", "Range header: start must be less than end"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_header_that_makes_no_sense_is_400(
    path: Path, opened: list[Any], header: str, content: str, method: str
) -> None:
    calls: list[str] = []
    response = FileResponse(
        path, headers={"x-a": "1"}, background=BackgroundTask(calls.append, "later")
    )
    send = await reply(response, scope_for(method, {"range": header}))
    assert send.status == 400
    assert send.headers == {
        "content-length": str(len(content)),
        "content-type": "text/plain; charset=utf-8",
    }
    assert send.body == content.encode()
    assert (calls, opened) == ([], [])


@pytest.mark.anyio
@pytest.mark.parametrize("header", ["bytes=526-", "bytes=0-1,526-527", "bytes=-0", "bytes=600-1"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_range_outside_the_file_is_416(path: Path, header: str, method: str) -> None:
    calls: list[str] = []
    response = FileResponse(path, background=BackgroundTask(calls.append, "later"))
    send = await reply(response, scope_for(method, {"range": header}))
    assert send.status == 416
    assert send.headers == {
        "content-range": "bytes */526",
        "content-length": "0",
        "content-type": "text/plain; charset=utf-8",
    }
    assert send.body == b""
    assert calls == []


@pytest.mark.anyio
@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])
async def test_no_range_lies_in_an_empty_file(tmp_path: Path, header: str) -> None:
    file = tmp_path / "empty"
    await anyio.Path(file).touch()
    send = await reply(FileResponse(file), scope_for(headers={"range": header}))
    assert (send.status, send.headers["content-range"]) == (416, "bytes */0")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers",
    [
        {"range": "bytes=0-1", "if-range": ETAG},
        {"range": "bytes=0-1", "if-range": LAST_MODIFIED},
    ],
)
async def test_a_range_is_sent_if_the_file_has_not_changed(
    path: Path, headers: dict[str, str]
) -> None:
    assert (await reply(FileResponse(path), scope_for(headers=headers))).status == 206


@pytest.mark.anyio
@pytest.mark.parametrize(
    "if_range",
    ['"other"', f"W/{ETAG}", "Sun, 09 Sep 2001 01:46:41 GMT", "", ETAG.strip('"')],
)
async def test_a_file_that_has_changed_is_sent_whole(path: Path, if_range: str) -> None:
    # The range is not even looked at.
    headers = {"range": "nonsense", "if-range": if_range}
    send = await reply(FileResponse(path), scope_for(headers=headers))
    assert (send.status, send.body) == (200, DATA)


@pytest.mark.anyio
async def test_a_weak_tag_vouches_for_no_range(path: Path) -> None:
    response = FileResponse(path, headers={"etag": 'W/"a"'})
    headers = {"range": "bytes=0-1", "if-range": 'W/"a"'}
    assert (await reply(response, scope_for(headers=headers))).status == 200


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
async def test_only_get_and_head_have_ranges(path: Path, method: str) -> None:
    send = await reply(FileResponse(path), scope_for(method, {"range": "bytes=0-1"}))
    assert (send.status, send.body) == (200, DATA)


@pytest.mark.anyio
async def test_the_case_of_the_method_does_not_matter(path: Path) -> None:
    send = await reply(FileResponse(path), scope_for("get", {"range": "bytes=0-1"}))
    assert (send.status, send.body) == (206, DATA[:2])


@pytest.mark.anyio
@pytest.mark.parametrize("status_code", [201, 206, 404])
async def test_another_status_has_no_ranges(path: Path, status_code: int) -> None:
    send = await reply(FileResponse(path, status_code), scope_for(headers={"range": "bytes=0-1"}))
    assert (send.status, send.body) == (status_code, DATA)


@pytest.mark.anyio
@pytest.mark.parametrize(("count", "status"), [(100, 206), (101, 200)])
async def test_a_hundred_ranges_are_enough(path: Path, count: int, status: int) -> None:
    header = "bytes=" + ",".join(f"{i * 3}-{i * 3}" for i in range(count))
    send = await reply(FileResponse(path), scope_for(headers={"range": header}))
    assert send.status == status
    assert send.headers["content-length"] == str(len(send.body))


@pytest.mark.anyio
async def test_a_subclass_says_how_many_ranges_are_enough(path: Path) -> None:
    class Single(FileResponse):
        max_ranges = 1

    for header, status in [("bytes=0-0", 206), ("bytes=0-0,2-2", 200)]:
        assert (await reply(Single(path), scope_for(headers={"range": header}))).status == status


@pytest.mark.anyio
async def test_a_file_that_has_shrunk_cannot_give_several_ranges(
    path: Path, opened: list[Any]
) -> None:
    stat_result = await anyio.Path(path).stat()
    await anyio.Path(path).write_bytes(DATA[:10])
    calls: list[str] = []
    send = Recorder()
    response = FileResponse(
        path, stat_result=stat_result, background=BackgroundTask(calls.append, "later")
    )
    with pytest.raises(
        RuntimeError, match=f"^File at path {path} is shorter than expected\\.$"
    ) as caught:
        await response(scope_for(headers={"range": "bytes=0-5,8-20"}), no_receive, send)
    assert isinstance(caught.value, FileTooShort)
    assert isinstance(caught.value, BolideError)
    assert all(message["more_body"] for message in send.messages[1:])
    assert calls == []
    assert_opened_and_closed(opened)


@pytest.mark.anyio
async def test_one_range_of_a_file_that_has_shrunk_ends_early(path: Path) -> None:
    stat_result = await anyio.Path(path).stat()
    await anyio.Path(path).write_bytes(DATA[:10])
    response = FileResponse(path, stat_result=stat_result)
    send = await reply(response, scope_for(headers={"range": "bytes=8-20"}))
    assert send.pieces == [DATA[8:10], b""]


ranges_of_any_kind = st.lists(
    st.one_of(
        st.tuples(st.integers(0, SIZE - 1), st.integers(0, 600)).map(
            lambda pair: f"{pair[0]}-{pair[0] + pair[1]}"
        ),
        st.integers(0, SIZE - 1).map(lambda start: f"{start}-"),
        st.integers(1, 600).map(lambda length: f"-{length}"),
    ),
    min_size=1,
    max_size=8,
)


# A slow machine is no fault of the ranges.
@settings(deadline=None)
@given(
    ranges_of_any_kind,
    st.integers(1, 600),
    st.sampled_from(["asyncio", "trio"]),
)
def test_ranges_are_slices_of_the_file_and_lengths_are_exact(
    tmp_path_factory: pytest.TempPathFactory, items: list[str], chunk_size: int, backend: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "ranges.bin"
    if not file.exists():
        file.write_bytes(DATA)
    scope = scope_for(headers={"range": "bytes=" + ",".join(items)})
    send = anyio.run(reply, chunked(chunk_size)(file), scope, backend=backend)

    assert send.status == 206
    assert send.headers["content-length"] == str(len(send.body))
    covered: set[int] = set()
    for content_range, data in parts_of(send):
        first, last = map(int, content_range.removesuffix(f"/{SIZE}").split("-"))
        assert data == DATA[first : last + 1]
        assert covered.isdisjoint(range(first, last + 1))
        covered.update(range(first, last + 1))
    assert covered == set().union(*(set(asked_for(item)) for item in items))


def asked_for(item: str) -> range:
    """Say what a range means, in the simplest words."""
    first, _, last = item.partition("-")
    if not first:
        return range(SIZE)[-int(last) :]
    return range(SIZE)[int(first) : int(last) + 1 if last else SIZE]


def parts_of(send: Recorder) -> list[tuple[str, bytes]]:
    """Take a reply of ranges apart, of one or several."""
    content_range = send.headers.get("content-range")
    if content_range is not None:
        return [(content_range.removeprefix("bytes "), send.body)]
    delimiter = b"--" + send.headers["content-type"].partition("boundary=")[2].encode()
    nothing, *parts, end = send.body.split(delimiter)
    assert (nothing, end) == (b"", b"--")
    found = []
    for part in parts:
        head, _, data = part.partition(b"\r\n\r\n")
        found.append((head.decode().rpartition("bytes ")[2], data.removesuffix(b"\r\n")))
    return found


def test_a_client_resumes_a_download(path: Path, client_for: Callable[..., TestClient]) -> None:
    client = client_for(FileResponse(path))
    etag = client.head("/").headers["etag"]
    first = client.get("/", headers={"range": "bytes=0-99"})
    rest = client.get("/", headers={"range": "bytes=100-", "if-range": etag})
    assert first.content + rest.content == DATA
    assert client.get("/", headers={"range": "bytes=526-"}).status_code == 416
    assert client.get("/", headers={"range": "lines=1-2"}).text == "Only support bytes range"


def test_the_parts_of_a_body_can_be_made_by_hand() -> None:
    response = FileResponse("a.txt")
    length, part_header = response.generate_multipart([(0, 5), (8, 10)], "b", 10, "a/b")
    headers = [part_header(0, 5), part_header(8, 10)]
    assert headers[0] == b"--b\r\nContent-Type: a/b\r\nContent-Range: bytes 0-4/10\r\n\r\n"
    assert length == sum(map(len, headers)) + 5 + 2 + 2 * len(b"\r\n") + len(b"--b--")


# WebSockets


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "status", "body"), [({}, 200, DATA), ({"range": "bytes=1-2"}, 206, DATA[1:3])]
)
async def test_a_websocket_is_denied_with_a_file(
    path: Path, opened: list[Any], headers: dict[str, str], status: int, body: bytes
) -> None:
    calls: list[str] = []
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {
        "type": "websocket",
        "headers": raw,
        "extensions": {"http.response.pathsend": {}},
    }
    send = await reply(FileResponse(path, background=BackgroundTask(calls.append, "later")), scope)
    assert [message["type"] for message in send.messages] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert (send.status, send.body) == (status, body)
    assert calls == ["later"]
    assert [file.wrapped.closed for file in opened] == [True] * (status == 206)


@pytest.mark.anyio
async def test_a_websocket_is_told_of_a_range_outside_the_file(path: Path) -> None:
    scope: Scope = {"type": "websocket", "headers": [(b"range", b"bytes=999-")]}
    send = await reply(FileResponse(path), scope)
    assert send.messages[0]["type"] == "websocket.http.response.start"
    assert send.status == 416


# Clients that leave, and other ends

TRANSFERS = [{}, {"range": "bytes=0-99"}, {"range": "bytes=0-9,20-29"}]


@pytest.fixture(params=TRANSFERS, ids=["whole", "range", "ranges"])
def transfer(request: pytest.FixtureRequest) -> Callable[..., Scope]:
    return functools.partial(scope_for, "GET", request.param)


@pytest.mark.anyio
@pytest.mark.parametrize("spec_version", ["2.0", "2.3"])
async def test_a_client_that_leaves_ends_the_transfer(
    path: Path, opened: list[Any], transfer: Callable[..., Scope], spec_version: str
) -> None:
    closed: list[bool] = []

    async def later() -> None:
        closed.extend(file.wrapped.closed for file in opened)

    send = Stuck(at=2)
    client = Client("http.request", "other", "http.disconnect", ready=send.reached)
    response = chunked(8)(path, background=BackgroundTask(later))
    await response(transfer(spec_version=spec_version), client, send)
    assert len(send.messages) == 2
    assert closed == [True]


@pytest.mark.anyio
async def test_a_scope_that_does_not_tell_its_version_is_of_an_old_server(path: Path) -> None:
    send = Stuck(at=1)
    scope: Scope = {"type": "http", "method": "GET", "headers": []}
    await chunked(8)(path)(scope, Client("http.disconnect", ready=send.reached), send)
    assert len(send.messages) == 1


@pytest.mark.anyio
async def test_the_listening_ends_with_the_transfer(
    path: Path, transfer: Callable[..., Scope]
) -> None:
    send = Recorder()
    await FileResponse(path)(transfer(spec_version="2.0"), Client("http.request"), send)
    assert send.headers["content-length"] == str(len(send.body))


@pytest.mark.anyio
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("spec_version", ["2.0", "2.4"])
async def test_a_send_that_fails_closes_the_file_and_comes_out(
    path: Path, opened: list[Any], transfer: Callable[..., Scope], at: int, spec_version: str
) -> None:
    calls: list[str] = []
    send = BrokenSend(at)
    response = chunked(8)(path, background=BackgroundTask(calls.append, "later"))
    with pytest.raises(OSError) as caught:
        await response(transfer(spec_version=spec_version), Client(), send)
    assert caught.value is send.error
    assert [file.wrapped.closed for file in opened] == [True] * bool(at)
    assert calls == []


@pytest.mark.anyio
@pytest.mark.parametrize("spec_version", ["2.0", "2.4"])
async def test_a_transfer_that_is_cancelled_from_outside_closes_the_file(
    path: Path, opened: list[Any], transfer: Callable[..., Scope], spec_version: str
) -> None:
    calls: list[str] = []
    send = Stuck(at=2)
    response = chunked(8)(path, background=BackgroundTask(calls.append, "later"))
    async with create_collapsing_task_group() as task_group:
        scope = transfer(spec_version=spec_version)
        task_group.start_soon(response, scope, Client(), send)
        await send.reached.wait()
        task_group.cancel_scope.cancel()
    assert_opened_and_closed(opened)
    assert calls == []


@pytest.mark.anyio
async def test_the_closing_of_a_file_is_not_cancelled(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = anyio.Event()

    class SlowToClose:
        wrapped = io.BytesIO(DATA)

        async def aclose(self) -> None:
            await checkpoint()
            closed.set()

    async def open_slow(path: Any, *, mode: str) -> Any:
        return SlowToClose()

    monkeypatch.setattr(anyio, "open_file", open_slow)
    send = Stuck(at=1)
    async with create_collapsing_task_group() as task_group:
        task_group.start_soon(chunked(8)(path), scope_for(), no_receive, send)
        await send.reached.wait()
        task_group.cancel_scope.cancel()
    assert closed.is_set()


@pytest.mark.anyio
async def test_a_file_whose_opening_is_cancelled_is_closed(
    path: Path, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file: Any = anyio.open_file
    opening = anyio.Event()

    async def slow(path: Any, *, mode: str) -> Any:
        opening.set()
        await checkpoint()
        await checkpoint()
        return await open_file(path, mode=mode)

    monkeypatch.setattr(anyio, "open_file", slow)
    async with create_collapsing_task_group() as task_group:
        task_group.start_soon(chunked(8)(path), scope_for(), no_receive, Recorder())
        await opening.wait()
        task_group.cancel_scope.cancel()
    assert_opened_and_closed(opened)


@pytest.mark.anyio
async def test_the_background_task_runs_when_the_file_is_closed(
    path: Path, opened: list[Any], transfer: Callable[..., Scope]
) -> None:
    closed: list[bool] = []

    async def later() -> None:
        closed.extend(file.wrapped.closed for file in opened)

    await reply(chunked(8)(path, background=BackgroundTask(later)), transfer())
    assert closed == [True]


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_background_task_runs_without_a_transfer_too(path: Path, method: str) -> None:
    calls: list[str] = []
    scope = scope_for(method, extensions={"http.response.pathsend": {}})
    await reply(FileResponse(path, background=BackgroundTask(calls.append, "later")), scope)
    assert calls == ["later"]


# What the application wants


class Wanting:
    """Stands for an application that wants files to be what was announced, and conditions."""

    policy = Policy(exact_file_lengths=True, answer_conditions=True)


@pytest.mark.anyio
@pytest.mark.parametrize("length", [0, 1, 4, 5, 12])
async def test_no_more_is_sent_than_was_announced(tmp_path: Path, length: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    response = FileResponse(path, headers={"content-length": str(length)})
    response.chunk_size = 4
    send = Recorder()

    async def receive() -> Message:
        raise AssertionError("This server says by itself that the client is gone.")

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "asgi": {"spec_version": "2.4"},
        "headers": [],
        "app": Wanting(),
    }
    if length > 10:
        with pytest.raises(FileTooShort):
            await response(scope, receive, send)
        return
    await response(scope, receive, send)
    assert send.body == b"0123456789"[:length]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("header", "status"),
    [(b"if-match", 412), (b"if-unmodified-since", 412), (b"if-none-match", 200)],
)
async def test_conditions_are_answered(tmp_path: Path, header: bytes, status: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    send = Recorder()

    async def receive() -> Message:
        raise AssertionError("This server says by itself that the client is gone.")

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "asgi": {"spec_version": "2.4"},
        "headers": [(header, b"Sun, 06 Nov 1994 08:49:37 GMT")],
        "app": Wanting(),
    }
    await FileResponse(path)(scope, receive, send)
    assert send.status == status
