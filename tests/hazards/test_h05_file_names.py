"""File names that clients give: only a name is left of them, and nothing invisible."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bolide.applications import Bolide, Starlette
from bolide.datastructures import UploadFile
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

FORM = {"content-type": "multipart/form-data; boundary=b"}


async def names(request: Request) -> Response:
    async with request.form() as form:
        upload = form["f"]
        assert isinstance(upload, UploadFile)
        return JSONResponse([upload.filename, upload.raw_filename])


ROUTES = [Route("/", names, methods=["POST"])]


def body_with(filename: bytes) -> bytes:
    disposition = b'Content-Disposition: form-data; name="f"; filename="' + filename + b'"'
    return b"--b\r\n" + disposition + b"\r\n\r\nx\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("filename", "safe", "raw"),
    [
        (b"photo.jpg", "photo.jpg", "photo.jpg"),
        (b"../../etc/passwd", "passwd", "../../etc/passwd"),
        (b"temp\\a.txt", "a.txt", "temp\\a.txt"),
        ("Türen/ä.txt".encode(), "ä.txt", "Türen/ä.txt"),
        (b"..", "", ".."),
        (b"", "", ""),
    ],
)
def test_bolide_gives_the_last_component_and_keeps_the_raw_name_apart(
    client_for: ClientFor, filename: bytes, safe: str, raw: str
) -> None:
    response = client_for(Bolide(routes=ROUTES)).post(
        "/", content=body_with(filename), headers=FORM
    )
    assert response.json() == [safe, raw]


@pytest.mark.parametrize("filename", [b"a\x00.txt", b"a\x1b[31m", "exe.\u202egpj".encode()])
def test_bolide_refuses_control_characters(client_for: ClientFor, filename: bytes) -> None:
    response = client_for(Bolide(routes=ROUTES)).post(
        "/", content=body_with(filename), headers=FORM
    )
    assert response.status_code == 400


@pytest.mark.parametrize("filename", [b"../../etc/passwd", "exe.\u202egpj".encode()])
def test_starlette_hands_the_name_over_as_it_is(client_for: ClientFor, filename: bytes) -> None:
    for app in (Starlette(routes=ROUTES), Bolide(routes=ROUTES, safe_filenames=False)):
        response = client_for(app).post("/", content=body_with(filename), headers=FORM)
        assert response.json() == [filename.decode(), filename.decode()]
