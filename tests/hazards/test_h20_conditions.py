"""H20: conditional requests for files: what the client has already, or takes to be there."""

from __future__ import annotations

import os
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTask
from bolide.requests import Request
from bolide.responses import FileResponse, Response
from bolide.routing import Route

pytestmark = pytest.mark.anyio

CHANGED = 1_700_000_000
BEFORE, THEN, AFTER = (formatdate(CHANGED + by, usegmt=True) for by in (-1, 0, 1))
CONTENT = b"content of the file"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "report.txt"
    path.write_bytes(CONTENT)
    os.utime(path, (CHANGED, CHANGED))
    return path


def app_of(face: type[Starlette], path: Path, **options: Any) -> Starlette:
    async def endpoint(request: Request) -> Response:
        return FileResponse(path, **options)

    return face(routes=[Route("/", endpoint, methods=["GET", "POST"])])


def etag_of(client: Any) -> str:
    etag: str = client.get("/").headers["etag"]
    return etag


CONDITIONS: list[tuple[dict[str, str], int]] = [
    ({"if-none-match": "ETAG"}, 304),
    ({"if-none-match": "W/ETAG"}, 304),
    ({"if-none-match": '"other", ETAG'}, 304),
    ({"if-none-match": "*"}, 304),
    ({"if-none-match": '"other"'}, 200),
    ({"if-modified-since": THEN}, 304),
    ({"if-modified-since": AFTER}, 304),
    ({"if-modified-since": BEFORE}, 200),
    ({"if-modified-since": "no date"}, 200),
    # If-None-Match alone decides.
    ({"if-none-match": '"other"', "if-modified-since": AFTER}, 200),
    ({"if-match": "ETAG"}, 200),
    ({"if-match": '"other", ETAG'}, 200),
    ({"if-match": "*"}, 200),
    ({"if-match": '"other"'}, 412),
    ({"if-match": "W/ETAG"}, 412),
    ({"if-match": ""}, 412),
    ({"if-unmodified-since": THEN}, 200),
    ({"if-unmodified-since": AFTER}, 200),
    ({"if-unmodified-since": BEFORE}, 412),
    ({"if-unmodified-since": "no date"}, 200),
    # If-Match alone decides.
    ({"if-match": "ETAG", "if-unmodified-since": BEFORE}, 200),
    # Both kinds: first what the client takes to be there, then what it has.
    ({"if-match": '"other"', "if-none-match": "ETAG"}, 412),
    ({"if-match": "ETAG", "if-none-match": "ETAG"}, 304),
    ({"if-unmodified-since": BEFORE, "if-modified-since": AFTER}, 412),
    # Conditions come before ranges.
    ({"if-none-match": "ETAG", "range": "bytes=0-1"}, 304),
    ({"if-match": '"other"', "range": "bytes=0-1"}, 412),
    ({"if-match": "ETAG", "range": "bytes=0-1"}, 206),
    ({"if-none-match": "ETAG", "range": "nonsense"}, 304),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
def test_bolide_answers_conditions(
    client_for: Any, file: Path, headers: dict[str, str], status: int, method: str
) -> None:
    client = client_for(app_of(Bolide, file))
    etag = etag_of(client)

    response = client.request(
        method, "/", headers={name: value.replace("ETAG", etag) for name, value in headers.items()}
    )

    assert response.status_code == status
    if status == 304:
        assert response.content == b""
        assert response.headers["etag"] == etag


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
def test_starlette_sends_the_file_whatever_the_conditions(
    client_for: Any, file: Path, headers: dict[str, str], status: int
) -> None:
    client = client_for(app_of(Starlette, file))
    etag = etag_of(client)
    given = {name: value.replace("ETAG", etag) for name, value in headers.items()}
    given.pop("range", None)

    response = client.get("/", headers=given)

    assert (response.status_code, response.content) == (200, CONTENT)


def test_several_headers_are_one_list(client_for: Any, file: Path) -> None:
    client = client_for(app_of(Bolide, file))
    etag = etag_of(client)

    twice = [("if-none-match", '"other"'), ("if-none-match", etag)]
    assert client.get("/", headers=twice).status_code == 304
    twice = [("if-match", '"other"'), ("if-match", etag)]
    assert client.get("/", headers=twice).status_code == 200


def test_what_is_not_modified_has_no_headers_of_a_body(client_for: Any, file: Path) -> None:
    headers = {"cache-control": "max-age=60", "vary": "Cookie", "content-language": "en"}
    client = client_for(app_of(Bolide, file, headers=headers, filename="report.txt"))

    response = client.get("/", headers={"if-none-match": "*"})

    assert dict(response.headers) == {
        "cache-control": "max-age=60",
        "vary": "Cookie",
        "etag": etag_of(client),
    }


@pytest.mark.parametrize("condition", [{"if-none-match": "*"}, {"if-match": '"other"'}])
def test_the_background_task_runs_all_the_same(
    client_for: Any, file: Path, condition: dict[str, str]
) -> None:
    ran: list[bool] = []
    task = BackgroundTask(ran.append, True)

    client_for(app_of(Bolide, file, background=task)).get("/", headers=condition)

    assert ran == [True]


@pytest.mark.parametrize(
    ("method", "options"),
    [("POST", {}), ("GET", {"status_code": 404}), ("GET", {"status_code": 201})],
)
def test_conditions_bear_on_successful_reading_only(
    client_for: Any, file: Path, method: str, options: dict[str, Any]
) -> None:
    client = client_for(app_of(Bolide, file, **options))

    response = client.request(method, "/", headers={"if-none-match": "*", "if-match": '"other"'})

    assert response.content == CONTENT


def test_the_tag_that_an_application_sets_is_the_one_that_counts(
    client_for: Any, file: Path
) -> None:
    client = client_for(app_of(Bolide, file, headers={"etag": 'W/"mine"'}))

    assert client.get("/", headers={"if-none-match": '"mine"'}).status_code == 304
    # A weak tag vouches for no byte.
    assert client.get("/", headers={"if-match": 'W/"mine"'}).status_code == 412


def test_it_can_be_chosen(client_for: Any, file: Path) -> None:
    async def endpoint(request: Request) -> Response:
        return FileResponse(file)

    app = Bolide(routes=[Route("/", endpoint)], answer_conditions=False)

    assert client_for(app).get("/", headers={"if-none-match": "*"}).status_code == 200
