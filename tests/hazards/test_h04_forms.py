"""Forms made to hurt: many parts, large sums, no end, and text in odd encodings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest

from bolide._multipart import event_source, multipart_library
from bolide.applications import Bolide, Starlette
from bolide.datastructures import UploadFile
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

KIB, MIB = 1024, 1024 * 1024
MULTIPART = "multipart/form-data; boundary=b"
HEADERS = {"accept": "text/plain"}
TOO_MANY_ON_DISK = "Too many large files. Maximum number of files on disk is 20."


async def descriptors() -> int:
    """Count the open file descriptors, where that can be done."""
    if sys.platform != "linux":
        return 0
    return len(await anyio.to_thread.run_sync(os.listdir, "/proc/self/fd"))


class Seen:
    """What an endpoint saw."""

    on_disk = 0
    descriptors = 0


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def routes(seen: Seen) -> list[Route]:
    async def read(request: Request) -> Response:
        before = await descriptors()
        try:
            async with request.form(max_fields=500) as form:
                uploads = [item for _, item in form.multi_items() if isinstance(item, UploadFile)]
                seen.on_disk = sum(not upload._in_memory for upload in uploads)
                seen.descriptors = await descriptors() - before
                for upload in uploads:
                    assert set(await upload.read()) <= {ord("z")}
                values = [item for _, item in form.multi_items() if isinstance(item, str)]
                return JSONResponse([len(uploads), *values[:3]])
        finally:
            assert await descriptors() == before

    return [Route("/", read, methods=["POST"])]


def part(value: bytes, filename: bytes | None = None) -> bytes:
    disposition = b'Content-Disposition: form-data; name="a"'
    if filename is not None:
        disposition += b'; filename="' + filename + b'"'
    return b"--b\r\n" + disposition + b"\r\n\r\n" + value + b"\r\n"


def post(client: TestClient, body: bytes, content_type: str = MULTIPART) -> Any:
    return client.post("/", content=body, headers={**HEADERS, "content-type": content_type})


END = b"--b--\r\n"
LARGE_FILE = part(b"z" * (MIB + 1), b"f")


def test_as_many_files_as_may_be_are_on_disk(
    client_for: ClientFor, routes: list[Route], seen: Seen
) -> None:
    client = client_for(Bolide(routes=routes))
    assert post(client, LARGE_FILE * 20 + END).json() == [20]
    assert seen.on_disk == 20
    assert seen.descriptors <= 25


def test_one_more_is_refused(client_for: ClientFor, routes: list[Route]) -> None:
    response = post(client_for(Bolide(routes=routes)), LARGE_FILE * 21 + END)
    assert (response.status_code, response.text) == (400, TOO_MANY_ON_DISK)
    client = client_for(Bolide(routes=routes, max_form_disk_files=21))
    assert post(client, LARGE_FILE * 21 + END).json() == [21]


def test_many_small_files_are_in_memory(
    client_for: ClientFor, routes: list[Route], seen: Seen
) -> None:
    files = part(b"z" * (30 * KIB), b"f") * 900
    assert post(client_for(Bolide(routes=routes)), files + END).json() == [900]
    assert (seen.on_disk, seen.descriptors) == (0, 0)


def test_files_that_would_be_too_much_for_the_memory_go_to_disk(
    client_for: ClientFor, routes: list[Route], seen: Seen
) -> None:
    files = part(b"z" * 1000, b"f") * 10
    client = client_for(Bolide(routes=routes, max_form_memory=5000))
    assert post(client, files + END).json() == [10]
    assert seen.on_disk == 5
    client = client_for(Bolide(routes=routes, max_form_memory=5000, max_form_disk_files=4))
    assert post(client, files + END).status_code == 400


def test_the_sum_of_fields_has_a_limit(client_for: ClientFor, routes: list[Route]) -> None:
    fields = part(b"z" * MIB) * 9
    client = client_for(Bolide(routes=routes))
    response = post(client, fields + END)
    assert response.status_code == 400
    assert response.text == "The fields of the form are too large together."
    assert post(client, part(b"z" * MIB) * 8 + END).status_code == 200


def test_a_larger_field_may_be_allowed_where_it_is_read(client_for: ClientFor) -> None:
    async def read(request: Request) -> Response:
        async with request.form(max_part_size=10 * MIB) as form:
            return JSONResponse(len(str(form["a"])))

    client = client_for(Bolide(routes=[Route("/", read, methods=["POST"])]))
    assert post(client, part(b"z" * (9 * MIB)) + END).json() == 9 * MIB
    pair = b"a=" + b"z" * (9 * MIB)
    assert post(client, pair, "application/x-www-form-urlencoded").json() == 9 * MIB


TRUNCATED = [b"", b"--b", b"--b\r\nContent-Dis", part(b"z"), part(b"z") + b"--b", part(b"z", b"f")]


@pytest.mark.parametrize("body", TRUNCATED)
def test_a_form_that_ends_early_is_refused(
    client_for: ClientFor, routes: list[Route], body: bytes
) -> None:
    response = post(client_for(Bolide(routes=routes)), body)
    assert response.status_code == 400
    assert response.text == "The form ends early: its last boundary is missing."
    assert post(client_for(Starlette(routes=routes)), body).status_code == 200


def test_little_may_follow_a_form(client_for: ClientFor, routes: list[Route]) -> None:
    client = client_for(Bolide(routes=routes))
    body = part(b"1") + END
    assert post(client, body + b"x" * 1022).json() == [0, "1"]
    response = post(client, body + b"x" * 1023)
    assert response.status_code == 400
    assert response.text == "Too much follows the last boundary. Maximum size is 1024 bytes."


@pytest.mark.parametrize(("before", "after"), [(b"x" * KIB, b""), (b"", b"x" * KIB)])
async def test_what_surrounds_a_form_and_has_no_end_is_not_read_on(
    routes: list[Route], before: bytes, after: bytes, anyio_backend: str
) -> None:
    asked = 0
    status = 0
    chunks = iter([before, part(b"1") + END, after])

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        assert asked < 10
        return {"type": "http.request", "body": next(chunks, b"x" * KIB), "more_body": True}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", MULTIPART.encode())],
    }
    await Bolide(routes=routes)(scope, receive, send)
    assert status == 400


def test_starlette_ignores_what_follows(client_for: ClientFor, routes: list[Route]) -> None:
    response = post(client_for(Starlette(routes=routes)), part(b"1") + END + b"x" * MIB)
    assert response.json() == [0, "1"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii", "latin-1", "ISO-8859-1"])
def test_what_a_form_may_be_written_in(
    client_for: ClientFor, routes: list[Route], charset: str
) -> None:
    response = post(
        client_for(Bolide(routes=routes)), part(b"1") + END, f"{MULTIPART}; charset={charset}"
    )
    assert response.json() == [0, "1"]


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "punycode", "idna", "rot13", "x", "cp037"])
def test_other_charsets_are_refused(
    client_for: ClientFor, routes: list[Route], charset: str
) -> None:
    body, content_type = part(b"1+") + END, f"{MULTIPART}; charset={charset}"
    response = post(client_for(Bolide(routes=routes)), body, content_type)
    assert (response.status_code, response.text) == (400, "The charset of a form has to be UTF-8.")
    assert post(client_for(Starlette(routes=routes)), body, content_type).status_code == 200


COUNTS = [part(b"1") * 501, part(b"", b"f") * 1001, b"--b\r\n" + b"X: y\r\n" * 100_000]


@pytest.mark.parametrize("body", COUNTS, ids=["fields", "files", "headers"])
@pytest.mark.parametrize("app_class", [Bolide, Starlette])
def test_counts_have_limits(
    client_for: ClientFor, routes: list[Route], body: bytes, app_class: Any
) -> None:
    assert post(client_for(app_class(routes=routes)), body + END).status_code == 400


def calls_for(work: Callable[[], object]) -> int:
    """Count what is called, which is the same at every run."""
    calls = 0

    def note(frame: Any, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def parse(pieces: Iterator[bytes]) -> None:
    events = event_source(multipart_library(), "b")
    for piece in pieces:
        for _ in events(piece):
            pass


PIECES = [b"\r", b"\n", b"\r\n", b"-", b"\r\n-", b"\r\n--", b"z", b"--b"]


@pytest.mark.parametrize("piece", PIECES)
def test_twice_the_input_is_twice_the_work(piece: bytes) -> None:
    def work(count: int) -> Callable[[], None]:
        def run() -> None:
            parse(iter([part(b"")[:-2], *[piece + b"z"] * count]))

        return run

    once, twice = calls_for(work(500)), calls_for(work(1000))
    assert twice <= 2.5 * once
