"""A file as a response: all of it, one range, or several (RFC 9110, section 14).

RULES

Errors of the Range header are answered before the file is opened, by plain responses without any of
the file's headers. A file that is smaller than a chunk is read on a single trip to a thread, and if
its state has to be looked up, on the same one.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from stat import S_ISREG
from typing import Final
from urllib.parse import quote

from bolide._background import run_background
from bolide._data.headers import Headers, MutableHeaders
from bolide._disconnect import (
    reports_disconnect_on_send,
    run_until_disconnect,
    wait_until_client_left,
)
from bolide._file_transfer import (
    FilePath,
    FileTooShort,
    read_small,
    send_content,
    send_path,
    send_range,
    send_ranges,
    send_whole,
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
from bolide._threads import run_file
from bolide.background import BackgroundTask
from bolide.types import Receive, Scope, Send

__all__ = ["FileResponse", "FileTooShort", "asks_for_all", "forbidden_by"]


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

    _content: bytes | None = None

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
        given = {name for name, _ in self.raw_headers}
        for header in _state_headers(stat_result.st_mtime, stat_result.st_size):
            if header[0] not in given:
                self.raw_headers.append(header)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file: run as an ASGI application."""
        content, self._content = self._content, None
        size = 0 if self.stat_result is None else self.stat_result.st_size
        if self.stat_result is None:
            max_size = self.chunk_size if asks_for_all(scope) else 0
            stat_result, content = await run_file(_look_at, self.path, max_size)
            self.set_stat_headers(stat_result)
            size = stat_result.st_size
        is_websocket = scope["type"] == "websocket"
        method = "GET" if is_websocket else scope["method"].upper()
        policy = policy_of(scope)
        request_headers = Headers(scope=scope)
        if policy.answer_conditions and self.status_code == 200 and method in ("GET", "HEAD"):
            answer = self._answer_to_conditions(request_headers)
            if answer is not None:
                answer.background = self.background
                await answer(scope, receive, send)
                return
        try:
            ranges = self._requested_ranges(method, request_headers, size)
        except MalformedRangeHeader as exc:
            await PlainTextResponse(exc.content, status_code=400)(scope, receive, send)
            return
        except RangeNotSatisfiable as exc:
            headers = {"content-range": f"bytes */{exc.max_size}"}
            await PlainTextResponse(status_code=416, headers=headers)(scope, receive, send)
            return

        status, raw_headers, streams = self.status_code, self.raw_headers, False
        exact = policy.exact_file_lengths
        send_body: Callable[[Send], Awaitable[None]] | None = None
        if ranges is not None:
            status = 206
            raw_headers, send_body = self._partial_content(ranges, size, exact=exact)
            streams = True
        if method == "HEAD":
            send_body, streams = functools.partial(send_content, self.path, b"", None), False
        elif send_body is None and not is_websocket and _reads_files(scope):
            send_body = functools.partial(send_path, self.path)
        elif send_body is None:
            if content is None and size < self.chunk_size:
                content = await run_file(read_small, self.path, size)
            streams = content is None or len(content) >= self.chunk_size
            send_body = self._whole_content(None if streams else content, exact=exact)

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

    def preload(self, path: FilePath, stat_result: os.stat_result, content: bytes | None) -> None:
        """Take what a file holds, so as not to read it, if this is a response of that file."""
        if self.path == path and self.stat_result is stat_result:
            self._content = content

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
        if forbidden_by(request_headers, self):
            return PlainTextResponse("Precondition Failed", status_code=412)
        etag, last_modified = self.headers.get("etag"), self.headers.get("last-modified")
        if not is_not_modified(
            if_none_match=_joined(request_headers, "if-none-match"),
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

    def _whole_content(
        self, content: bytes | None, *, exact: bool
    ) -> Callable[[Send], Awaitable[None]]:
        """Give what sends all of the file, which may have been read already."""
        length = self.headers.get("content-length", "") if exact else ""
        announced = int(length) if length.isdecimal() and length.isascii() else None
        if content is not None:
            return functools.partial(send_content, self.path, content, announced)
        return functools.partial(send_whole, self.path, self.chunk_size, announced)

    def _partial_content(
        self, ranges: list[tuple[int, int]], size: int, *, exact: bool
    ) -> tuple[list[tuple[bytes, bytes]], Callable[[Send], Awaitable[None]]]:
        """Give the headers of a reply of these ranges, and what sends its body."""
        headers = MutableHeaders(raw=list(self.raw_headers))
        if len(ranges) == 1:
            start, end = ranges[0]
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
            headers["content-length"] = str(end - start)
            send_body = functools.partial(send_range, self.path, self.chunk_size, start, end, exact)
            return headers.raw, send_body
        from secrets import token_hex

        multipart = MultipartRanges(ranges, size, headers["content-type"], token_hex(13))
        headers["content-type"] = multipart.media_type
        headers["content-length"] = str(multipart.content_length)
        return headers.raw, functools.partial(send_ranges, self.path, self.chunk_size, multipart)


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


# What makes another response of a request for a file (RFC 9110, sections 13.1 and 14.2).
_ASKS_FOR_LESS: Final = {
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-unmodified-since",
    b"range",
}


@functools.lru_cache(maxsize=1024)
def _state_headers(mtime: float, size: int) -> tuple[tuple[bytes, bytes], ...]:
    """Give the headers that come from the state of a file. PERF: S10, they take a while to make."""
    return (
        (b"content-length", b"%d" % size),
        (b"last-modified", format_date(mtime).encode("latin-1")),
        (b"etag", etag_of(mtime, size).encode("latin-1")),
    )


def asks_for_all(scope: Scope) -> bool:
    """Say whether a request will be answered with all of a file, if it is there, read by us."""
    return (
        scope.get("method") == "GET"
        and _ASKS_FOR_LESS.isdisjoint([name for name, _ in scope.get("headers", ())])
        and not _reads_files(scope)
    )


def forbidden_by(request_headers: Headers, response: Response) -> bool:
    """Say whether a request has a condition that what would be sent does not meet."""
    return precondition_fails(
        if_match=_joined(request_headers, "if-match"),
        if_unmodified_since=request_headers.get("if-unmodified-since"),
        etag=response.headers.get("etag"),
        last_modified=response.headers.get("last-modified"),
    )


def _joined(headers: Headers, name: str) -> str | None:
    values = headers.getlist(name)
    return ", ".join(values) if values else None


def _look_at(path: FilePath, max_size: int) -> tuple[os.stat_result, bytes | None]:
    """Give the state of a file, and what it holds if that is less than `max_size`. Blocks."""
    try:
        stat_result = os.stat(path)  # noqa: PTH116 - pathlib takes long to import
    except FileNotFoundError:
        raise RuntimeError(f"File at path {path} does not exist.") from None
    if not S_ISREG(stat_result.st_mode):
        raise RuntimeError(f"File at path {path} is not a file.")
    size = stat_result.st_size
    return stat_result, read_small(path, size) if size < max_size else None


def _filename_parameter(filename: str) -> str:
    """Give the parameter of Content-Disposition that names a file (RFC 6266, section 4.3)."""
    quoted = quote(filename)
    if quoted == filename:
        return f'filename="{filename}"'
    return f"filename*=utf-8''{quoted}"


def _reads_files(scope: Scope) -> bool:
    """Say whether the server can send a file by itself (ASGI path send extension)."""
    return "http.response.pathsend" in scope.get("extensions", {})
