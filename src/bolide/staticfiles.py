"""Files from directories, as an application.

RULES

Only GET and HEAD. What is asked for has to lie inside one of the directories, links followed or
not as configured; anything else that goes wrong with a path is the same 404, so that answers tell
nothing about the disk. A client that has the current state of a file is told so with 304.

Where the application's policy guards static files, some paths are not looked for at all; see
`_http.public_path`.
"""

from __future__ import annotations

import errno
import importlib.util
import os
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import ClassVar, Final, NamedTuple

from bolide._data.headers import Headers
from bolide._file_transfer import read_small
from bolide._files import asks_for_all, forbidden_by
from bolide._http.conditional import is_not_modified
from bolide._http.public_path import is_public
from bolide._policy import policy_of
from bolide._routing.base import get_route_path
from bolide._routing.slashes import lacks_slash, redirect_to
from bolide._threads import run_file
from bolide.exceptions import HTTPException
from bolide.responses import FileResponse, Response
from bolide.types import Receive, Scope, Send
from bolide.websockets import WebSocketClose

__all__ = ["NotModifiedResponse", "PathLike", "StaticFiles"]

PathLike = str | os.PathLike[str]
"""A path, as text or as an object."""


class _Found(NamedTuple):
    """What there is at a path: the full path, its state, and what it holds, where it is read."""

    path: str
    stat_result: os.stat_result
    content: bytes | None

    @property
    def is_file(self) -> bool:
        return S_ISREG(self.stat_result.st_mode)

    def preload(self, response: Response) -> Response:
        """Let a response have what has been read."""
        if isinstance(response, FileResponse):
            response.preload(self.path, self.stat_result, self.content)
        return response


class NotModifiedResponse(Response):
    """Tells a client that what it has is current (RFC 9110, section 15.4.5).

    Args:
        headers: The headers of the full response; those that matter to a cache are kept.
    """

    NOT_MODIFIED_HEADERS: ClassVar = (
        "cache-control",
        "content-location",
        "date",
        "etag",
        "expires",
        "vary",
    )

    def __init__(self, headers: Headers) -> None:
        kept = {name: headers[name] for name in self.NOT_MODIFIED_HEADERS if name in headers}
        super().__init__(status_code=304, headers=kept)


class StaticFiles:
    """An application that answers with files.

    Args:
        directory: A directory of files.
        packages: Names of packages whose directory `statics` to search too, or pairs of a package
            and a directory in it; after `directory`.
        html: Answer for a directory with its `index.html`, and with the `404.html` of the top
            directory where there is nothing.
        check_dir: Whether `directory` has to exist already.
        follow_symlink: Whether links inside may lead outside.

    Raises:
        AssertionError: A package, or a directory in it, does not exist.
        RuntimeError: `directory` does not exist, or at the first request: is no directory.
    """

    _on_windows: ClassVar[bool] = os.name == "nt"

    def __init__(
        self,
        *,
        directory: PathLike | None = None,
        packages: list[str | tuple[str, str]] | None = None,
        html: bool = False,
        check_dir: bool = True,
        follow_symlink: bool = False,
    ) -> None:
        self.directory = directory
        self.packages = packages
        self.all_directories: list[PathLike] = self.get_directories(directory, packages)
        self.html = html
        self.config_checked: bool = False
        self.follow_symlink = follow_symlink
        if check_dir and directory is not None and not Path(directory).is_dir():
            raise RuntimeError(f"Directory '{directory}' does not exist")

    def get_directories(
        self,
        directory: PathLike | None = None,
        packages: list[str | tuple[str, str]] | None = None,
    ) -> list[PathLike]:
        """Give the directories to search, in order."""
        directories: list[PathLike] = [] if directory is None else [directory]
        for entry in packages or []:
            package, statics_dir = (entry, "statics") if isinstance(entry, str) else entry
            spec = importlib.util.find_spec(package)
            if spec is None or spec.origin is None:
                raise AssertionError(f"Package {package!r} could not be found.")
            found = Path(spec.origin).parent / statics_dir
            if not found.is_dir():
                raise AssertionError(
                    f"Directory '{statics_dir!r}' in package {package!r} could not be found."
                )
            directories.append(str(found))
        return directories

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        if scope["type"] != "http":
            raise AssertionError(f"Static files do not know {scope['type']!r} scopes.")
        if not self.config_checked:
            await self.check_config()
            self.config_checked = True
        response = await self.get_response(self.get_path(scope), scope)
        await response(scope, receive, send)

    def get_path(self, scope: Scope) -> str:
        """Give the path that is asked for, relative and in the form of the operating system."""
        return os.path.normpath(os.path.join(*get_route_path(scope).split("/")))  # noqa: PTH118

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Give the response for a path.

        Raises:
            HTTPException: There is no such file, or it may not be read, or the method is wrong.
        """
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(status_code=405, headers={"Allow": "GET, HEAD"})
        found = None
        # SECURITY: before anything asks the operating system for it.
        if not policy_of(scope).guard_static_files or is_public(path, windows=self._on_windows):
            found = await self._look_up(path, scope)
        if found is not None and found.is_file:
            return found.preload(self.file_response(found.path, found.stat_result, scope))
        if self.html:
            if found is not None and S_ISDIR(found.stat_result.st_mode):
                index = os.path.join(path, "index.html")  # noqa: PTH118
                found = await self._look_up(index, scope)
                if found is not None and found.is_file:
                    if lacks_slash(scope):
                        # Relative links of the page are relative to a directory.
                        return redirect_to(scope, scope["path"].removesuffix("/") + "/")
                    return found.preload(self.file_response(found.path, found.stat_result, scope))
            found = await self._look_up("404.html", scope)
            if found is not None and found.is_file:
                response = FileResponse(found.path, stat_result=found.stat_result, status_code=404)
                _forbid_guesses(response, scope)
                return found.preload(response)
        raise HTTPException(status_code=404)

    async def _look_up(self, path: str, scope: Scope) -> _Found | None:
        try:
            return await run_file(self._look_up_now, path, asks_for_all(scope))
        except PermissionError:
            raise HTTPException(status_code=401) from None
        except OSError as exc:
            if exc.errno == errno.ENAMETOOLONG:
                raise HTTPException(status_code=404) from None
            raise
        except ValueError:
            # A null byte, or text that the file system cannot encode.
            raise HTTPException(status_code=404) from None

    def _look_up_now(self, path: str, wants_content: bool) -> _Found | None:
        """Look a path up, and read the file along with that if it is small. Blocks."""
        full_path, stat_result = self.lookup_path(path)
        if stat_result is None:
            return None
        found = _Found(full_path, stat_result, None)
        size = stat_result.st_size
        if wants_content and found.is_file and size < FileResponse.chunk_size:
            return found._replace(content=read_small(full_path, size))
        return found

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Give the full path and state of a file or directory, or `("", None)`. Blocks.

        Args:
            path: A relative path.
        """
        # SECURITY: joined to a directory, an absolute path would replace it; a backslash at the
        # start is one on some systems.
        if os.path.isabs(path) or path.startswith("\\"):  # noqa: PTH117
            return "", None
        for directory in self.all_directories:
            try:
                if self.follow_symlink:
                    root, stat_result = os.path.abspath(directory), None  # noqa: PTH100
                    full_path = os.path.abspath(os.path.join(directory, path))  # noqa: PTH100, PTH118
                else:
                    root, full_path, stat_result = _resolve(directory, path)
                # SECURITY: by parts, not by text: "/static_private" begins with "/static".
                if not _lies_in(root, full_path):
                    continue
                return full_path, stat_result or os.stat(full_path)  # noqa: PTH116
            except (FileNotFoundError, NotADirectoryError):
                continue
        return "", None

    def file_response(
        self,
        full_path: PathLike,
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Give the response for a file: the file, or that the client has it already."""
        response = FileResponse(full_path, status_code=status_code, stat_result=stat_result)
        _forbid_guesses(response, scope)
        request_headers = Headers(scope=scope)
        answers_conditions = status_code == 200 and policy_of(scope).answer_conditions
        if answers_conditions and forbidden_by(request_headers, response):
            # It says so itself, whatever the other conditions are (RFC 9110, section 13.2.2).
            return response
        if self.is_not_modified(response.headers, request_headers):
            return NotModifiedResponse(response.headers)
        return response

    async def check_config(self) -> None:
        """Check, at the first request, that `directory` is one.

        Raises:
            RuntimeError: It is not.
        """
        if self.directory is None:
            return
        path = Path(self.directory)
        if not await run_file(path.exists):
            raise RuntimeError(f"StaticFiles directory '{self.directory}' does not exist.")
        if not await run_file(path.is_dir):
            raise RuntimeError(f"StaticFiles path '{self.directory}' is not a directory.")

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Say whether the client has the current state (RFC 9110, section 13.2.2)."""
        return is_not_modified(
            if_none_match=request_headers.get("if-none-match"),
            if_modified_since=request_headers.get("if-modified-since"),
            etag=response_headers.get("etag"),
            last_modified=response_headers.get("last-modified"),
        )


def _resolve(directory: PathLike, path: str) -> tuple[str, str, os.stat_result | None]:
    """Give the real paths of a directory and of something in it, and its state if that is known.

    Raises:
        FileNotFoundError: It is not there.
        NotADirectoryError: It would lie in what is no directory.
    """
    root = os.path.realpath(directory)
    names = path.split("/")
    stat_result: os.stat_result | None = None
    if os.name == "posix" and not _UNUSUAL_NAMES.intersection(names):
        # PERF: S10. Where no part of it is a link, there is nothing to resolve, and the last look
        # gives the state. Elsewhere than on POSIX there are other things than links that lead away.
        full_path = root.rstrip("/")
        for name in names:
            full_path = f"{full_path}/{name}"
            stat_result = os.lstat(full_path)
            if S_ISLNK(stat_result.st_mode):
                break
        else:
            return root, full_path, stat_result
    return root, os.path.realpath(os.path.join(directory, path)), None  # noqa: PTH118


_UNUSUAL_NAMES: Final = frozenset({"", ".", ".."})


def _lies_in(root: str, full_path: str) -> bool:
    # On some systems, names that differ in their case alone are the same.
    root, full_path = os.path.normcase(root), os.path.normcase(full_path)
    return full_path == root or full_path.startswith(
        root if root.endswith(os.sep) else root + os.sep
    )


def _forbid_guesses(response: Response, scope: Scope) -> None:
    """Tell browsers to believe the media type (WHATWG Fetch, section 3.6)."""
    # Else a text that somebody has uploaded could be taken for a page or a script.
    if policy_of(scope).guard_static_files:
        response.headers.setdefault("x-content-type-options", "nosniff")
