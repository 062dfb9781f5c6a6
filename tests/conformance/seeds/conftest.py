"""What the patterns of the seeds find around them: files, a remote service, a name to put back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from blockbuster import BlockBuster

from bolide.convertors import CONVERTOR_TYPES
from bolide.requests import Request
from bolide.responses import JSONResponse
from bolide.routing import Route, Router

DOTENV = """\
DEBUG=True
SECRET_KEY=my-secret-key
DATABASE_URL=postgresql://user:pass@localhost/db
ALLOWED_HOSTS=127.0.0.1,localhost
"""

FILES = {
    ".env": DOTENV,
    "bootstrap4/__init__.py": "",
    "bootstrap4/statics/bootstrap.css": "b {}",
    "build/404.html": "<h1>Nothing here</h1>",
    "build/docs/index.html": "<h1>Docs</h1>",
    "build/index.html": "<h1>Build</h1>",
    "favicon.ico": "an icon",
    "mypackage/__init__.py": "",
    "mypackage/assets/app.js": "let a",
    "photo.jpg": "a photo",
    "reports/annual.pdf": "%PDF",
    "static/css/base.css": "html {}",
    "static/css/style.css": "body {}",
    "templates/index.html": (
        "<title>{{ title }}</title>"
        "<link href=\"{{ url_for('static', path='/css/style.css') }}\" rel=\"stylesheet\" />"
    ),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the patterns name, in a directory that is the current one."""
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for line in DOTENV.splitlines():
        monkeypatch.delenv(line.partition("=")[0], raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def templates_are_read(no_blocking_calls: BlockBuster) -> None:
    """Let an async endpoint read a template, as the patterns have it."""
    for function in ("os.stat", "io.TextIOWrapper.read", "io.BufferedReader.read"):
        no_blocking_calls.functions[function].can_block_in("templating.py", "get_template")


@pytest.fixture
def httpx() -> Any:
    """Stands in for the library: its client asks an application of ours, not the network."""

    async def answer(request: Request) -> JSONResponse:
        return JSONResponse({"url": str(request.url)})

    httpbin = Router(routes=[Route("/{path:path}", answer)])

    class AsyncClient(httpx2.AsyncClient):
        def __init__(self) -> None:
            super().__init__(transport=httpx2.ASGITransport(app=httpbin))

    return SimpleNamespace(AsyncClient=AsyncClient)


@pytest.fixture
def convertors() -> Iterator[None]:
    """Take the convertors that a test registers away afterwards."""
    before = dict(CONVERTOR_TYPES)
    yield
    CONVERTOR_TYPES.clear()
    CONVERTOR_TYPES.update(before)
