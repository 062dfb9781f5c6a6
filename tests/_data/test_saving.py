"""Uploads get a name on disk: whole, without a copy where that can be, and never by accident."""

from __future__ import annotations

import os
import stat
import tempfile
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest

from bolide._data import saving
from bolide._data.saving import save_file
from bolide._data.spooled import SpooledFile

DATA = b"0123456789"

HAS_UNNAMED_FILES = hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").exists()


@pytest.fixture(autouse=True)
def one_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let temporary files be where the saved ones will be."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def make(kind: str) -> Any:
    if kind == "bytes":
        return BytesIO(DATA)
    kinds: dict[str, Any] = {"of tempfile": SpooledTemporaryFile}
    file: Any = kinds.get(kind, SpooledFile)(max_size=100)
    file.write(DATA)
    if kind != "in memory":
        file.rollover()
    return file


@pytest.fixture(params=["bytes", "in memory", "on disk", "of tempfile"])
def file(request: pytest.FixtureRequest) -> Any:
    with make(request.param) as file:
        yield file


@pytest.fixture(params=[False, True])
def overwrite(request: pytest.FixtureRequest) -> Any:
    return request.param


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_saved_and_can_still_be_read(file: Any, overwrite: bool, tmp_path: Path) -> None:
    file.seek(3)
    save_file(file, tmp_path / "saved", overwrite=overwrite)
    assert (tmp_path / "saved").read_bytes() == DATA
    assert file.read() == DATA[3:]
    assert names(tmp_path) == ["saved"]


def test_what_is_buffered_is_saved(file: Any, tmp_path: Path) -> None:
    file.seek(0, os.SEEK_END)
    file.write(b"more")
    save_file(file, tmp_path / "saved", overwrite=False)
    assert (tmp_path / "saved").read_bytes() == DATA + b"more"


def test_a_saved_file_has_the_permissions_of_any_new_file(file: Any, tmp_path: Path) -> None:
    save_file(file, tmp_path / "saved", overwrite=False)
    (tmp_path / "other").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("saved", "other")]
    assert modes[0] == modes[1]


def test_another_file_is_not_replaced(file: Any, tmp_path: Path) -> None:
    (tmp_path / "saved").write_bytes(b"another")
    with pytest.raises(FileExistsError) as caught:
        save_file(file, tmp_path / "saved", overwrite=False)
    assert caught.value.filename == str(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == b"another"
    assert names(tmp_path) == ["saved"]


def test_nor_is_one_that_is_made_meanwhile(
    file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "lexists", lambda path: False)
    (tmp_path / "saved").write_bytes(b"another")
    with pytest.raises(FileExistsError):
        save_file(file, tmp_path / "saved", overwrite=False)
    assert (tmp_path / "saved").read_bytes() == b"another"
    assert names(tmp_path) == ["saved"]


def test_another_file_is_replaced_if_that_is_asked_for(file: Any, tmp_path: Path) -> None:
    (tmp_path / "saved").write_bytes(b"another")
    save_file(file, tmp_path / "saved", overwrite=True)
    assert (tmp_path / "saved").read_bytes() == DATA
    assert names(tmp_path) == ["saved"]


def test_what_cannot_be_replaced_leaves_nothing_behind(file: Any, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    with pytest.raises(OSError):
        save_file(file, tmp_path / "saved", overwrite=True)
    assert names(tmp_path) == ["saved"]


def test_a_directory_that_is_not_there_is_an_error(
    file: Any, overwrite: bool, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        save_file(file, tmp_path / "nowhere" / "saved", overwrite=overwrite)


def test_an_error_on_the_way_leaves_nothing_behind(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: Any, copy: Any, size: int) -> None:
        copy.write(b"some")
        raise OSError("disk full")

    monkeypatch.setattr(saving.shutil, "copyfileobj", fail)
    file = BytesIO(DATA)
    with pytest.raises(OSError, match="disk full"):
        save_file(file, tmp_path / "saved", overwrite=overwrite)
    assert names(tmp_path) == []
    assert file.tell() == 0


def no_links(*args: Any, **kwargs: Any) -> None:
    raise PermissionError("no links here")


def test_without_links_a_file_is_copied(
    file: Any, overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", no_links)
    save_file(file, tmp_path / "saved", overwrite=overwrite)
    assert (tmp_path / "saved").read_bytes() == DATA
    assert names(tmp_path) == ["saved"]


def test_without_links_another_file_is_not_replaced(
    file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os.path, "lexists", lambda path: False)
    (tmp_path / "saved").write_bytes(b"another")
    with pytest.raises(FileExistsError):
        save_file(file, tmp_path / "saved", overwrite=False)
    assert (tmp_path / "saved").read_bytes() == b"another"


def test_without_links_an_error_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(Path, "replace", no_links)
    with pytest.raises(PermissionError):
        save_file(BytesIO(DATA), tmp_path / "saved", overwrite=False)
    assert names(tmp_path) == []


@pytest.mark.skipif(not HAS_UNNAMED_FILES, reason="the platform names files when they are made")
def test_a_file_on_disk_is_not_copied(overwrite: bool, tmp_path: Path) -> None:
    with make("on disk") as file:
        inode = os.fstat(file.fileno()).st_ino
        save_file(file, tmp_path / "saved", overwrite=overwrite)
        assert (tmp_path / "saved").stat().st_ino == inode


def test_files_that_are_saved_twice_are_two(file: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_file(file, tmp_path / name, overwrite=False)
    (tmp_path / "one").write_bytes(b"changed")
    assert (tmp_path / "two").read_bytes() == DATA
