"""Uploads: what is in memory is touched at once, what is on disk in a worker thread."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import anyio
import pytest

from bolide._data.headers import Headers
from bolide._data.uploads import FormData, UploadFile

pytestmark = pytest.mark.anyio


class Watched:
    """A file that writes down in which threads it is touched."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.threads: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.file, name)
        if not callable(attribute) or name == "tell":
            return attribute

        def call(*args: Any) -> Any:
            self.threads.add(threading.get_ident())
            return attribute(*args)

        return call


def upload(file: Any, **kwargs: Any) -> tuple[UploadFile, Watched]:
    watched = Watched(file)
    return UploadFile(cast(BinaryIO, watched), **kwargs), watched


@pytest.fixture
def spooled() -> Iterator[Any]:
    with SpooledTemporaryFile(max_size=10) as file:
        yield file


async def test_a_file_in_memory_is_touched_at_once(spooled: Any) -> None:
    file, watched = upload(spooled, size=0)
    await file.write(b"0123456789")
    await file.seek(2)
    assert await file.read(3) == b"234"
    assert await file.read() == b"56789"
    await file.close()
    assert watched.threads == {threading.get_ident()}
    assert file.size == 10


async def test_the_write_that_moves_a_file_to_disk_is_left_to_a_thread(spooled: Any) -> None:
    file, watched = upload(spooled, size=0)
    await file.write(b"0123456789")
    watched.threads.clear()
    await file.write(b"x")
    assert spooled._rolled
    assert watched.threads.isdisjoint({threading.get_ident()})


async def test_a_file_on_disk_is_left_to_a_thread(spooled: Any) -> None:
    spooled.rollover()
    file, watched = upload(spooled)
    await file.write(b"abc")
    await file.seek(0)
    assert await file.read() == b"abc"
    await file.close()
    assert watched.threads
    assert watched.threads.isdisjoint({threading.get_ident()})
    assert file.size is None


async def test_an_ordinary_file_is_left_to_a_thread() -> None:
    file, watched = upload(io.BytesIO(b"data"))
    assert await file.read() == b"data"
    assert watched.threads.isdisjoint({threading.get_ident()})


async def test_a_spooled_file_without_a_limit_stays_in_memory() -> None:
    with SpooledTemporaryFile() as spooled:
        file, watched = upload(spooled)
        await file.write(b"x" * 100_000)
        assert watched.threads == {threading.get_ident()}


def test_an_upload_tells_what_the_client_said() -> None:
    headers = Headers({"content-type": "text/plain"})
    file = UploadFile(io.BytesIO(), size=4, filename="f.txt", headers=headers)
    assert (file.filename, file.size, file.content_type) == ("f.txt", 4, "text/plain")
    assert repr(file) == (
        "UploadFile(filename='f.txt', size=4, headers=Headers({'content-type': 'text/plain'}))"
    )
    bare = UploadFile(io.BytesIO())
    assert (bare.filename, bare.size, bare.content_type) == (None, None, None)
    assert bare.headers == Headers()


async def test_closing_a_form_closes_its_files() -> None:
    files = [io.BytesIO(), io.BytesIO()]
    form = FormData([("a", UploadFile(files[0])), ("text", "x"), ("a", UploadFile(files[1]))])
    assert form["text"] == "x"
    await form.close()
    assert [file.closed for file in files] == [True, True]


async def test_one_that_cannot_be_closed_keeps_no_other_open() -> None:
    class Full(io.BytesIO):
        def close(self) -> None:
            super().close()
            raise OSError("no space left")

    files: list[io.BytesIO] = [Full(), io.BytesIO(), Full()]
    form = FormData([("a", UploadFile(cast(BinaryIO, file))) for file in files])
    with pytest.raises(OSError, match="no space left"):
        await form.close()
    assert [file.closed for file in files] == [True] * 3


async def test_files_are_closed_although_the_request_was_cancelled() -> None:
    files = [io.BytesIO(), io.BytesIO()]
    form = FormData([("a", UploadFile(cast(BinaryIO, file))) for file in files])
    with anyio.CancelScope() as scope:
        scope.cancel()
        await form.close()
    assert [file.closed for file in files] == [True] * 2


async def test_a_form_of_fields_has_nothing_to_close() -> None:
    fields: list[tuple[str, str | UploadFile]] = [("a", "1"), ("b", "2")]
    form = FormData.of_pairs(fields)
    await form.close()

    assert form == FormData([("a", "1"), ("b", "2")])


async def test_a_file_that_was_handed_over_outlives_its_form(spooled: Any) -> None:
    file = UploadFile(spooled, filename="name", size=0, headers=Headers({"a": "b"}))
    form = FormData([("file", file)])

    detached = file.detach()
    await form.close()

    await detached.write(b"data")
    await detached.seek(0)
    assert await detached.read() == b"data"
    assert (detached.filename, detached.size, detached.headers) == ("name", 4, file.headers)
    await detached.close()
    assert spooled.closed


async def test_a_file_of_a_subclass_is_handed_over_as_such(spooled: Any) -> None:
    class Special(UploadFile):
        pass

    detached = Special(spooled).detach()
    assert isinstance(detached, Special)
    assert await detached.detach().read() == b""


@pytest.mark.parametrize("on_disk", [False, True])
async def test_a_file_is_saved(spooled: Any, tmp_path: Path, on_disk: bool) -> None:
    file, watched = upload(spooled)
    await file.write(b"data")
    if on_disk:
        spooled.rollover()
    watched.threads.clear()

    await file.save(tmp_path / "saved")
    with pytest.raises(FileExistsError):
        await file.save(str(tmp_path / "saved"))
    await file.save(tmp_path / "saved", overwrite=True)

    assert await anyio.Path(tmp_path / "saved").read_bytes() == b"data"
    assert watched.threads.isdisjoint({threading.get_ident()})
