"""Bad input to every parser: the error that is due, every temporary file closed, nothing leaked."""

from __future__ import annotations

import gc
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import itsdangerous
import pytest
import yaml

from bolide import formparsers
from bolide.applications import Starlette
from bolide.middleware import Middleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Mount, Route
from bolide.schemas import SchemaGenerator
from bolide.staticfiles import StaticFiles
from bolide.testclient import TestClient

MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
MIB = 1024 * 1024
DESCRIPTORS = Path("/proc/self/fd")


def field(name: str = "a", value: bytes = b"v", **params: str) -> bytes:
    more = "".join(f'; {key}="{text}"' for key, text in params.items())
    disposition = f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return b"--b\r\n" + disposition.encode() + value + b"\r\n"


def a_file(value: bytes = b"v") -> bytes:
    return field("f", value, filename="f")


END = b"--b--\r\n"

# The headers, the body, and the status: 400, or what is accepted as it is on Starlette.
FORMS: dict[str, tuple[dict[str, str], bytes, int]] = {
    "no boundary": ({"content-type": "multipart/form-data"}, field() + END, 400),
    "an empty boundary": ({"content-type": 'multipart/form-data; boundary=""'}, b"--", 400),
    "a long boundary": (
        {"content-type": f"multipart/form-data; boundary={'b' * 5000}"},
        b"--" + b"b" * 5000,
        400,
    ),
    "100,000 fields": (MULTIPART, field() * 100_000 + END, 400),
    "100,000 files": (MULTIPART, a_file() * 100_000 + END, 400),
    "a field that is too large": (MULTIPART, field(value=b"x" * (MIB + 1)) + END, 400),
    "a huge file, then a part without a name": (
        MULTIPART,
        a_file(b"x" * 3 * MIB) + b"--b\r\nContent-Disposition: form-data\r\n\r\n\r\n" + END,
        400,
    ),
    "a large file, then garbage": (MULTIPART, a_file(b"x" * 3 * MIB) + b"--b\r\n?\r\n\r\n", 400),
    "many files, then one too many": (MULTIPART, a_file() * 1001 + END, 400),
    "a part without a disposition": (MULTIPART, b"--b\r\n\r\nx\r\n" + END, 400),
    "a part with a huge header": (MULTIPART, b"--b\r\nX: " + b"x" * 100_000, 400),
    "a part with 1,000 headers": (MULTIPART, b"--b\r\n" + b"x: y\r\n" * 1000 + b"\r\n", 400),
    "a header without a colon": (MULTIPART, b"--b\r\nnonsense\r\n\r\n\r\n" + END, 400),
    "something before the first boundary": (MULTIPART, b"x" * 1000 + field() + END, 400),
    "no multipart at all": (MULTIPART, b"hello", 400),
    "the other kind of form": (MULTIPART, b"a=b&c=d", 400),
    "100,000 urlencoded fields": (URLENCODED, b"a=b&" * 100_000, 400),
    "a urlencoded field that is too large": (URLENCODED, b"a=" + b"x" * (MIB + 1), 400),
    "a urlencoded name that is too large": (URLENCODED, b"x" * (MIB + 1), 400),
    # A form that breaks off is what has arrived of it, as on Starlette.
    "a file that breaks off": (MULTIPART, a_file(b"x" * 3 * MIB)[:-10], 200),
    "nothing at all": (URLENCODED, b"", 200),
    "percent signs that encode nothing": (URLENCODED, b"%=%zz&%f=%", 200),
    "bytes that are no text": (URLENCODED, b"%ff=\xfe", 200),
}

COOKIES = [
    b"session=",
    b"session=.",
    b"session=bm90IHNpZ25lZA==",
    b"session=" + b"x" * 100_000,
    b"session=\xff\xfe",
    b"=; ; =session; session",
    b'session="unterminated',
    b"session=a.b.c; session=d.e.f",
    b"; " * 10_000,
]

PATHS = [
    "/static/../secret",
    "/static/%2e%2e/secret",
    "/static/..%2fsecret",
    "/static/%2e%2e%2fsecret",
    "/static/..%5csecret",
    "/static/....//secret",
    "/static//secret",
    "/static/%2fetc/passwd",
    "/static/file/../../secret",
    "/static/%00",
    "/static/file%00.txt",
    "/static/" + "x" * 5000,
    "/static/" + "x/" * 2500,
    "/static/%ff%fe",
    "/static/link-out",
]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Remember the temporary files that are made."""
    made: list[Any] = []

    class Remembered(tempfile.SpooledTemporaryFile[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", Remembered)
    return made


async def take_form(request: Request) -> Response:
    async with request.form() as form:
        return JSONResponse(len(form))


async def show_session(request: Request) -> Response:
    return JSONResponse(dict(request.session))


@pytest.fixture
def client(client_for: Callable[..., TestClient], tmp_path: Path) -> Iterator[TestClient]:
    public = tmp_path / "public"
    public.mkdir()
    (public / "file").write_text("public")
    (tmp_path / "secret").write_text("secret")
    (public / "link-out").symlink_to(tmp_path / "secret")
    app = Starlette(
        routes=[
            Route("/form", take_form, methods=["POST"]),
            Route("/session", show_session),
            Mount("/static", StaticFiles(directory=public)),
        ],
        middleware=[Middleware(SessionMiddleware, secret_key="a key that nobody knows")],
    )
    with client_for(app) as client:
        # What is opened once and stays open.
        client.get("/static/file")
        client.post("/form", headers=MULTIPART, content=a_file(b"x" * 3 * MIB) + END)
        yield client


def open_descriptors() -> int:
    gc.collect()
    return len(list(DESCRIPTORS.iterdir()))


def in_pieces(body: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


needs_proc = pytest.mark.skipif(not DESCRIPTORS.exists(), reason="needs /proc")


@needs_proc
@pytest.mark.parametrize("name", FORMS)
def test_a_bad_form_is_refused_and_leaves_nothing_open(
    client: TestClient, files: list[Any], name: str
) -> None:
    headers, body, status = FORMS[name]
    before = open_descriptors()
    answer = client.post("/form", headers=headers, content=in_pieces(body))
    assert answer.status_code == status
    assert all(file.closed for file in files)
    assert open_descriptors() == before


@needs_proc
@pytest.mark.parametrize("cookie", COOKIES, ids=range(len(COOKIES)))
def test_a_bad_cookie_is_no_session(client: TestClient, cookie: bytes) -> None:
    before = open_descriptors()
    answer = client.get("/session", headers=[(b"cookie", cookie)])
    assert (answer.status_code, answer.json()) == (200, {})
    assert open_descriptors() == before


@pytest.mark.parametrize("payload", [b"[1]", b"1", b"null", b"{", b"\xff", b'{"a": 1}x', b""])
def test_a_signed_session_that_is_none_is_empty(client: TestClient, payload: bytes) -> None:
    signer = itsdangerous.TimestampSigner("a key that nobody knows")
    cookie = signer.sign(b64encode(payload))
    answer = client.get("/session", headers=[(b"cookie", b"session=" + cookie)])
    assert (answer.status_code, answer.json()) == (200, {})


@needs_proc
@pytest.mark.parametrize("path", PATHS)
def test_a_bad_path_reaches_no_file(client: TestClient, path: str) -> None:
    before = open_descriptors()
    answer = client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text
    assert open_descriptors() == before


@pytest.mark.parametrize("text", ["a: [", "\t- x", "a: b: c", "!!python/object:os.system x"])
def test_a_docstring_that_is_no_yaml_raises_what_yaml_raises(text: str) -> None:
    async def endpoint(request: Request) -> Response:
        return Response()

    endpoint.__doc__ = f"Summary\n---\n{text}"
    with pytest.raises(yaml.YAMLError):
        SchemaGenerator({}).get_schema([Route("/", endpoint)])
