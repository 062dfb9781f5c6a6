"""A file as a response: all of it, one range, or several (RFC 9110, section 14).

RULES

The file is opened once a transfer and closed whatever happens, also when the task is cancelled.
The last message of a transfer says `more_body` False. Errors of the Range header are answered
before the file is opened, by plain responses without any of the file's headers.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from stat import S_ISREG
from typing import Final
from urllib.parse import quote

import anyio

from bolide._background import run_background
from bolide._data.headers import Headers, MutableHeaders
from bolide._disconnect import (
    reports_disconnect_on_send,
    run_until_disconnect,
    wait_until_client_left,
)
from bolide._http.conditional import (
    etag_of,
    if_range_matches,
    is_not_modified,
    precondition_fails,
)
from bolide._http.dates import format_date
from bolide._http.media import guess_media_type
from bolide._http.ranges import (
    MalformedRangeHeader,
    MultipartRanges,
    RangeNotSatisfiable,
    parse_range,
)
from bolide._policy import policy_of
from bolide._response import PlainTextResponse, Response, denial
from bolide._threads import open_file, run_file
from bolide.background import BackgroundTask
from bolide.exceptions import BolideError
from bolide.types import Receive, Scope, Send

__all__ = ["FileResponse", "FileTooShort"]

FilePath = str | os.PathLike[str]


class FileTooShort(BolideError, RuntimeError):
    """A file has shrunk since its length was announced."""


class FileResponse(Response):
    """A file, or the ranges of it that the client asks for (RFC 9110, section 14).

    Where the application wants it (`Policy.answer_conditions`), a client that has the file already
    is told so with 304, and one that has something else in mind with 412.

    Args:
        path: The file.
        status_code: The status; ranges are answered only under 200.
        headers: More headers; they win over the ones that would be added.
        media_type: The media type; by default guessed from the name.
        background: A task to run when the response has been sent.
        filename: The name that the client shall save it under.
        stat_result: What `os.stat` says of the file, if it is known already.
        content_disposition_type: `"attachment"` to save it, `"inline"` to show it.

    Raises:
        RuntimeError: When sent: the file does not exist, or is not a regular file.
    """

    chunk_size = 64 * 1024
    """How many bytes are read and sent at a time."""

    max_ranges = 100
    """How many ranges a request may ask for; with more of them it gets the whole file."""

    def __init__(
        self,
        path: FilePath,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
        filename: str | None = None,
        stat_result: os.stat_result | None = None,
        content_disposition_type: str = "attachment",
    ) -> None:
        self.path = path
        self.status_code = status_code
        self.filename = filename
        if media_type is None:
            media_type = guess_media_type(filename or path) or "application/octet-stream"
        self.media_type: str | None = media_type
        self.background = background
        self.init_headers(headers)
        self.headers.setdefault("accept-ranges", "bytes")
        if filename is not None:
            disposition = f"{content_disposition_type}; {_filename_parameter(filename)}"
            self.headers.setdefault("content-disposition", disposition)
        self.stat_result = stat_result
        if stat_result is not None:
            self.set_stat_headers(stat_result)

    def set_stat_headers(self, stat_result: os.stat_result) -> None:
        """Add the headers that come from the state of the file, where they are missing."""
        self.headers.setdefault("content-length", str(stat_result.st_size))
        self.headers.setdefault("last-modified", format_date(stat_result.st_mtime))
        self.headers.setdefault("etag", etag_of(stat_result.st_mtime, stat_result.st_size))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file: run as an ASGI application."""
        stat_result = self.stat_result
        if stat_result is None:
            stat_result = await run_file(_stat_file, self.path)
            self.set_stat_headers(stat_result)
        size = stat_result.st_size
        is_websocket = scope["type"] == "websocket"
        method = "GET" if is_websocket else scope["method"].upper()
        policy = policy_of(scope)
        if policy.answer_conditions and self.status_code == 200 and method in ("GET", "HEAD"):
            answer = self._answer_to_conditions(Headers(scope=scope))
            if answer is not None:
                answer.background = self.background
                await answer(scope, receive, send)
                return
        try:
            ranges = self._requested_ranges(method, Headers(scope=scope), size)
        except MalformedRangeHeader as exc:
            await PlainTextResponse(exc.content, status_code=400)(scope, receive, send)
            return
        except RangeNotSatisfiable as exc:
            headers = {"content-range": f"bytes */{exc.max_size}"}
            await PlainTextResponse(status_code=416, headers=headers)(scope, receive, send)
            return

        status, raw_headers = self.status_code, self.raw_headers
        send_body: Callable[[Send], Awaitable[None]]
        announced = self._announced_length() if policy.exact_file_lengths else None
        send_body = functools.partial(_send_whole, self.path, self.chunk_size, announced)
        streams = True
        if ranges is not None:
            status = 206
            raw_headers, send_body = self._partial_content(
                ranges, size, exact=policy.exact_file_lengths
            )
        if method == "HEAD":
            send_body, streams = _send_nothing, False
        elif ranges is None and not is_websocket and _reads_files(scope):
            send_body, streams = functools.partial(_send_path, self.path), False

        async def transfer() -> None:
            out = denial(send) if is_websocket else send
            await out({"type": "http.response.start", "status": status, "headers": raw_headers})
            await send_body(out)

        if streams and not is_websocket and not reports_disconnect_on_send(scope):
            left = functools.partial(wait_until_client_left, scope, receive)
            await run_until_disconnect(transfer, left)
        else:
            await transfer()
        if self.background is not None:
            await run_background(self.background, scope)

    def generate_multipart(
        self,
        ranges: Sequence[tuple[int, int]],
        boundary: str,
        max_size: int,
        content_type: str,
    ) -> tuple[int, Callable[[int, int], bytes]]:
        """Give the length of a multipart body, and what makes the header of each part.

        Args:
            ranges: Half-open ranges, in order.
            boundary: What sets the parts apart.
            max_size: The length of the file in bytes.
            content_type: The media type of the file.
        """
        multipart = MultipartRanges(ranges, max_size, content_type, boundary)
        return multipart.content_length, multipart.part_header

    def _requested_ranges(
        self, method: str, request_headers: Headers, size: int
    ) -> list[tuple[int, int]] | None:
        """Give the ranges to answer with, or None for the whole file."""
        header = request_headers.get("range")
        if header is None or self.status_code != 200 or method not in ("GET", "HEAD"):
            return None
        if_range = request_headers.get("if-range")
        etag, last_modified = self.headers.get("etag"), self.headers.get("last-modified")
        if not if_range_matches(if_range, etag=etag, last_modified=last_modified):
            return None
        return parse_range(header, size, max_ranges=self.max_ranges)

    def _answer_to_conditions(self, request_headers: Headers) -> Response | None:
        """Give the answer to a request whose conditions spare the file (section 13.2.2)."""

        def joined(name: str) -> str | None:
            values = request_headers.getlist(name)
            return ", ".join(values) if values else None

        etag, last_modified = self.headers.get("etag"), self.headers.get("last-modified")
        if precondition_fails(
            if_match=joined("if-match"),
            if_unmodified_since=request_headers.get("if-unmodified-since"),
            etag=etag,
            last_modified=last_modified,
        ):
            return PlainTextResponse("Precondition Failed", status_code=412)
        if not is_not_modified(
            if_none_match=joined("if-none-match"),
            if_modified_since=request_headers.get("if-modified-since"),
            etag=etag,
            last_modified=last_modified,
        ):
            return None
        response = Response(status_code=304)
        response.raw_headers = [
            pair for pair in self.raw_headers if pair[0] not in _NOT_IN_NOT_MODIFIED
        ]
        return response

    def _announced_length(self) -> int | None:
        length = self.headers.get("content-length", "")
        return int(length) if length.isdecimal() and length.isascii() else None

    def _partial_content(
        self, ranges: list[tuple[int, int]], size: int, *, exact: bool
    ) -> tuple[list[tuple[bytes, bytes]], Callable[[Send], Awaitable[None]]]:
        """Give the headers of a reply of these ranges, and what sends its body."""
        headers = MutableHeaders(raw=list(self.raw_headers))
        if len(ranges) == 1:
            start, end = ranges[0]
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
            headers["content-length"] = str(end - start)
            send_body = functools.partial(
                _send_range, self.path, self.chunk_size, start, end, exact
            )
            return headers.raw, send_body
        from secrets import token_hex

        multipart = MultipartRanges(ranges, size, headers["content-type"], token_hex(13))
        headers["content-type"] = multipart.media_type
        headers["content-length"] = str(multipart.content_length)
        return headers.raw, functools.partial(_send_ranges, self.path, self.chunk_size, multipart)


# What tells of a body (RFC 9110, section 15.4.5); the entity tag is enough to know the file by.
_NOT_IN_NOT_MODIFIED: Final = {
    b"accept-ranges",
    b"content-disposition",
    b"content-encoding",
    b"content-language",
    b"content-length",
    b"content-type",
    b"last-modified",
}


def _stat_file(path: FilePath) -> os.stat_result:
    try:
        stat_result = os.stat(path)  # noqa: PTH116 - pathlib takes long to import
    except FileNotFoundError:
        raise RuntimeError(f"File at path {path} does not exist.") from None
    if not S_ISREG(stat_result.st_mode):
        raise RuntimeError(f"File at path {path} is not a file.")
    return stat_result


def _filename_parameter(filename: str) -> str:
    """Give the parameter of Content-Disposition that names a file (RFC 6266, section 4.3)."""
    quoted = quote(filename)
    if quoted == filename:
        return f'filename="{filename}"'
    return f"filename*=utf-8''{quoted}"


def _reads_files(scope: Scope) -> bool:
    """Say whether the server can send a file by itself (ASGI path send extension)."""
    return "http.response.pathsend" in scope.get("extensions", {})


@asynccontextmanager
async def _open(path: FilePath) -> AsyncGenerator[anyio.AsyncFile[bytes], None]:
    """Open a file for reading, for as long as the context lasts."""
    file: anyio.AsyncFile[bytes] | None = None
    # Shielded, since what a cancelled worker thread has opened would never be closed.
    with anyio.CancelScope(shield=True):
        file = await open_file(path)
    assert file is not None
    try:
        yield file
    finally:
        with anyio.CancelScope(shield=True):
            await file.aclose()


async def _send_nothing(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_path(path: FilePath, send: Send) -> None:
    await send({"type": "http.response.pathsend", "path": str(path)})


async def _send_whole(path: FilePath, chunk_size: int, announced: int | None, send: Send) -> None:
    """Send a file to its end, or as much as was announced.

    Every full chunk says that there is more, so that a file of just so many chunks ends with an
    empty one.
    """
    left = math.inf if announced is None else announced
    async with _open(path) as file:
        more_body = True
        while more_body:
            chunk = await file.read(chunk_size)
            more_body = len(chunk) == chunk_size
            if len(chunk) > left:
                # The file has grown, and the client was told where the response ends.
                chunk, more_body = chunk[: int(left)], False
            left -= len(chunk)
            if not more_body and announced is not None and left > 0:
                raise FileTooShort(f"File at path {path} is shorter than expected.")
            await send({"type": "http.response.body", "body": chunk, "more_body": more_body})


async def _send_range(
    path: FilePath, chunk_size: int, start: int, end: int, exact: bool, send: Send
) -> None:
    async with _open(path) as file:
        await file.seek(start)
        more_body = True
        while more_body:
            chunk = await file.read(min(chunk_size, end - start))
            if exact and not chunk:
                raise FileTooShort(f"File at path {path} is shorter than expected.")
            start += len(chunk)
            more_body = bool(chunk) and start < end
            await send({"type": "http.response.body", "body": chunk, "more_body": more_body})


async def _send_ranges(
    path: FilePath, chunk_size: int, multipart: MultipartRanges, send: Send
) -> None:
    """Send several ranges, each as a part of a multipart body (RFC 9110, section 14.6)."""

    async def send_piece(piece: bytes, *, more_body: bool = True) -> None:
        await send({"type": "http.response.body", "body": piece, "more_body": more_body})

    async with _open(path) as file:
        for start, end in multipart.ranges:
            await send_piece(multipart.part_header(start, end))
            await file.seek(start)
            at = start
            while at < end:
                chunk = await file.read(min(chunk_size, end - at))
                if not chunk:
                    raise FileTooShort(f"File at path {path} is shorter than expected.")
                at += len(chunk)
                await send_piece(chunk)
            await send_piece(multipart.PART_END)
        await send_piece(multipart.closing, more_body=False)
