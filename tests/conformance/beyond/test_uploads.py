"""Uploads that are used after the request."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import anyio
import pytest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("size", [4, 2_000_000])
def test_io_operation_on_closed_file_in_a_background_task(
    api: Any, client_for: Any, size: int
) -> None:
    found: list[bytes] = []

    async def process(upload: Any) -> None:
        found.append(await upload.read())
        await upload.close()

    async def endpoint(request: Any) -> Any:
        async with request.form() as form:
            upload = form["file"]
            if hasattr(upload, "detach"):
                upload = upload.detach()
            background = api("background").BackgroundTask(process, upload)
        return api("responses").Response(background=background)

    app = api.App(routes=[api("routing").Route("/", endpoint, methods=["POST"])])
    client = client_for(app, raise_server_exceptions=False)
    client.post("/", files={"file": bytes(size)})
    assert found == [bytes(size)]


@pytest.mark.parametrize("size", [4, 2_000_000])
def test_saving_an_upload_copies_it_and_can_overwrite_another(
    api: Any, client_for: Any, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def endpoint(request: Any) -> Any:
        async with request.form() as form:
            upload = form["file"]
            target = anyio.Path(tmp_path / "saved")
            save = getattr(upload, "save", None)
            if save is None:
                async with await target.open("wb") as file:
                    await file.write(await upload.read())
            else:
                with pytest.raises(FileExistsError):
                    await save(target)
                await save(target, overwrite=True)
            if size > 1024 * 1024 and hasattr(__import__("os"), "O_TMPFILE"):
                inode = upload.file._file.fileno()
                stat_result = await anyio.to_thread.run_sync(__import__("os").fstat, inode)
                assert (await target.stat()).st_ino == stat_result.st_ino
            else:
                assert save is not None
        return api("responses").Response()

    (tmp_path / "saved").write_bytes(b"another")
    app = api.App(routes=[api("routing").Route("/", endpoint, methods=["POST"])])
    client_for(app).post("/", files={"file": bytes(size)})
    assert (tmp_path / "saved").read_bytes() == bytes(size)
