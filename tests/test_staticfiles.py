"""Files from directories: what is found, what is refused, and what the client has already."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide import staticfiles
from bolide.applications import Bolide, Starlette
from bolide.datastructures import Headers
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.requests import Request
from bolide.responses import FileResponse, Response
from bolide.routing import Mount
from bolide.staticfiles import NotModifiedResponse, StaticFiles
from bolide.testclient import TestClient
from bolide.types import Message, Scope
from bolide.websockets import WebSocketDisconnect

GET: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
PAST = 1_000_000_000
LAST_MODIFIED = "Sun, 09 Sep 2001 01:46:40 GMT"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a file, in company of one that is nobody's business."""
    root = tmp_path / "static"
    write(root / "example.txt", "<file content>")
    write(root / "css" / "style.css", "p {}")
    write(tmp_path / "secret.txt", "secret")
    write(tmp_path / "static_disallow" / "secret.txt", "secret")
    return root


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    os.utime(file, (PAST, PAST))
    return file


ClientFor = Callable[..., TestClient]


def mounted(static: StaticFiles, path: str = "/") -> Starlette:
    return Starlette(routes=[Mount(path, static, name="static")])


async def no_receive() -> Message:
    raise AssertionError("There is nothing to receive.")


async def no_send(message: Message) -> None:
    raise AssertionError("There is nothing to send.")


async def made(kind: type[StaticFiles] = StaticFiles, **arguments: Any) -> StaticFiles:
    """Make an application in another thread, since it looks at its directory."""
    return await anyio.to_thread.run_sync(functools.partial(kind, **arguments))


async def refusal(static: StaticFiles, path: str, method: str = "GET") -> HTTPException:
    """Give what is raised for a path, as a server sends it."""
    scope: Scope = {"type": "http", "path": path, "method": method, "headers": []}
    with pytest.raises(HTTPException) as caught:
        await static(scope, no_receive, no_send)
    return caught.value


# Which directories there are


def test_a_directory_is_kept_as_it_was_given(root: Path) -> None:
    static = StaticFiles(directory=root)
    assert static.directory is root
    assert static.all_directories == [root]
    assert (static.packages, static.html, static.follow_symlink) == (None, False, False)
    assert static.config_checked is False


def test_no_directory_is_nothing_to_find(client_for: ClientFor) -> None:
    static = StaticFiles()
    assert static.all_directories == []
    assert client_for(mounted(static)).get("/a").status_code == 404
    assert static.config_checked is True


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(RuntimeError, match=f"^Directory '{missing}' does not exist$"):
        StaticFiles(directory=missing)


@pytest.mark.anyio
async def test_a_directory_that_is_still_not_there_is_an_error_at_each_request(
    tmp_path: Path,
) -> None:
    missing = tmp_path / "missing"
    static = await made(directory=str(missing), check_dir=False)
    message = f"^StaticFiles directory '{missing}' does not exist\\.$"
    for _ in range(2):
        with pytest.raises(RuntimeError, match=message):
            await static(GET, no_receive, no_send)
    assert static.config_checked is False


@pytest.mark.anyio
async def test_a_directory_that_is_a_file_is_an_error_at_the_first_request(root: Path) -> None:
    file = root / "example.txt"
    static = await made(directory=file, check_dir=False)
    with pytest.raises(RuntimeError, match=f"^StaticFiles path '{file}' is not a directory\\.$"):
        await static(GET, no_receive, no_send)


def test_a_directory_may_come_later(tmp_path: Path, client_for: ClientFor) -> None:
    static = StaticFiles(directory=tmp_path / "later", check_dir=False)
    write(tmp_path / "later" / "a.txt", "a")
    assert client_for(mounted(static)).get("/a.txt").text == "a"


def test_the_directory_is_checked_once(root: Path, client_for: ClientFor) -> None:
    checks: list[bool] = []

    class Counting(StaticFiles):
        async def check_config(self) -> None:
            checks.append(self.config_checked)
            await super().check_config()

    static = Counting(directory=root)
    client = client_for(mounted(static))
    for _ in range(2):
        assert client.get("/example.txt").status_code == 200
    assert (checks, static.config_checked) == ([False], True)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that holds files."""
    write(tmp_path / "lib" / "lorry" / "__init__.py", "")
    write(tmp_path / "lib" / "lorry" / "inner" / "__init__.py", "")
    write(tmp_path / "lib" / "lorry" / "statics" / "example.txt", "of the package")
    write(tmp_path / "lib" / "lorry" / "statics" / "other.txt", "other")
    write(tmp_path / "lib" / "lorry" / "files" / "special.txt", "special")
    (tmp_path / "lib" / "namespace" / "statics").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "lib")
    for name in [name for name in sys.modules if name.partition(".")[0] == "lorry"]:
        monkeypatch.delitem(sys.modules, name)
    return "lorry"


def test_a_package_has_a_directory(package: str, client_for: ClientFor) -> None:
    client = client_for(mounted(StaticFiles(packages=[package])))
    assert client.get("/example.txt").text == "of the package"
    assert client.get("/special.txt").status_code == 404


def test_a_package_may_have_another_directory(package: str, client_for: ClientFor) -> None:
    packages: list[str | tuple[str, str]] = [(package, "files"), package]
    static = StaticFiles(packages=packages)
    assert static.packages is packages
    client = client_for(mounted(static))
    assert client.get("/special.txt").text == "special"
    assert client.get("/other.txt").text == "other"


def test_the_directory_comes_before_packages(
    package: str, root: Path, client_for: ClientFor
) -> None:
    client = client_for(mounted(StaticFiles(directory=root, packages=[package])))
    assert client.get("/example.txt").text == "<file content>"
    assert client.get("/other.txt").text == "other"


@pytest.mark.parametrize("name", ["no_such_package", "namespace"])
def test_a_package_has_to_exist(package: str, name: str) -> None:
    with pytest.raises(AssertionError, match=f"^Package '{name}' could not be found\\.$"):
        StaticFiles(packages=[package, name])


@pytest.mark.parametrize(
    ("entry", "directory", "name"),
    [
        ("lorry.inner", "statics", "lorry.inner"),
        (("lorry", "nothing"), "nothing", "lorry"),
        (("lorry", "statics/example.txt"), "statics/example.txt", "lorry"),
    ],
)
def test_the_directory_of_a_package_has_to_exist(
    package: str, entry: str | tuple[str, str], directory: str, name: str
) -> None:
    message = f"^Directory ''{directory}'' in package '{name}' could not be found\\.$"
    with pytest.raises(AssertionError, match=message):
        StaticFiles(packages=[entry])


def test_a_subclass_says_where_to_look(root: Path, client_for: ClientFor) -> None:
    class Elsewhere(StaticFiles):
        def get_directories(
            self, directory: Any = None, packages: Any = None
        ) -> list[staticfiles.PathLike]:
            return [root]

    assert client_for(mounted(Elsewhere())).get("/example.txt").text == "<file content>"


# What is found


def test_a_file_is_sent(root: Path, client_for: ClientFor) -> None:
    response = client_for(mounted(StaticFiles(directory=root))).get("/example.txt")
    assert (response.status_code, response.text) == (200, "<file content>")
    assert response.headers["content-length"] == "14"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["last-modified"] == LAST_MODIFIED


@pytest.mark.parametrize(
    "path",
    [
        "/css/style.css",
        "/css//style.css",
        "/css/./style.css",
        "/x/../css/style.css",
        "/css/style.css/",
    ],
)
def test_a_path_is_made_plain(root: Path, client_for: ClientFor, path: str) -> None:
    response = client_for(mounted(StaticFiles(directory=str(root)))).get(path)
    assert (response.status_code, response.text) == (200, "p {}")


def test_under_a_mount_only_the_rest_of_the_path_counts(root: Path, client_for: ClientFor) -> None:
    client = client_for(mounted(StaticFiles(directory=root), "/static"))
    assert client.get("/static/css/style.css").text == "p {}"
    assert client.get("/css/style.css").status_code == 404
    assert client.get("/static/static/css/style.css").status_code == 404


def test_head_tells_without_sending(root: Path, client_for: ClientFor) -> None:
    client = client_for(mounted(StaticFiles(directory=root)))
    head, get = client.head("/example.txt"), client.get("/example.txt")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


def test_head_keeps_the_length_through_middleware(root: Path, client_for: ClientFor) -> None:
    async def dispatch(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app = Starlette(
        routes=[Mount("/", StaticFiles(directory=root))],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)],
    )
    assert client_for(app).head("/example.txt").headers["content-length"] == "14"


def test_a_part_of_a_file_is_sent(root: Path, client_for: ClientFor) -> None:
    client = client_for(mounted(StaticFiles(directory=root)))
    response = client.get("/example.txt", headers={"range": "bytes=1-4"})
    assert (response.status_code, response.text) == (206, "file")


@pytest.mark.anyio
async def test_files_are_looked_up_in_another_thread(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def lookup_path(self: StaticFiles, path: str) -> tuple[str, os.stat_result | None]:
        threads.append(threading.get_ident())
        return original(self, path)

    original = StaticFiles.lookup_path
    monkeypatch.setattr(StaticFiles, "lookup_path", lookup_path)
    static = await made(directory=root)
    response = await static.get_response("example.txt", GET)
    assert isinstance(response, FileResponse)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "headers", "number"),
    [
        ("/example.txt", {}, 1),
        ("/css/", {}, 2),
        ("/missing", {}, 2),
        ("/example.txt", {"if-none-match": "*"}, 1),
        ("/example.txt", {"if-none-match": '"other"'}, 2),
    ],
)
async def test_a_small_file_takes_one_trip_to_a_thread(
    root: Path, monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str], number: int
) -> None:
    for page in (root / "css" / "index.html", root / "404.html"):
        await anyio.to_thread.run_sync(write, page, "a page")
    static = await made(directory=root, html=True)
    run_sync: Any = anyio.to_thread.run_sync
    trips: list[Any] = []

    def run_and_note(*args: Any, **kwargs: Any) -> Any:
        trips.append(args)
        return run_sync(*args, **kwargs)

    async def send(message: Message) -> None:
        pass

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "http", "method": "GET", "path": path, "headers": raw}
    await static.check_config()
    static.config_checked = True
    monkeypatch.setattr(anyio.to_thread, "run_sync", run_and_note)
    await static(scope, no_receive, send)
    assert len(trips) == number


def test_what_was_read_is_not_given_to_a_response_of_another_file(
    root: Path, client_for: ClientFor
) -> None:
    write(root / "example.txt.gz", "other content!")

    class Variants(StaticFiles):
        def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
            return FileResponse(f"{full_path}.gz")

    assert client_for(mounted(Variants(directory=root))).get("/example.txt").text == (
        "other content!"
    )


@given(
    st.lists(st.sampled_from(["a", "b", "link", "out", ".", "..", "", "file"]), max_size=5),
)
def test_what_is_resolved_is_the_real_path(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    base = tmp_path_factory.getbasetemp() / "resolving"
    if not base.exists():
        (base / "root" / "a" / "b").mkdir(parents=True)
        for place in ("root/file", "root/a/file", "root/a/b/file", "file"):
            (base / place).touch()
        (base / "root" / "link").symlink_to("a")
        (base / "root" / "a" / "link").symlink_to("../b")
        (base / "root" / "b").symlink_to("a/b")
        (base / "root" / "out").symlink_to("..")
        (base / "alias").symlink_to("root")
    path = "/".join(names).lstrip("/")
    for directory in (base / "root", base / "alias"):
        real = os.path.realpath(f"{directory}/{path}")
        try:
            root, full_path, stat_result = staticfiles._resolve(directory, path)
        except (FileNotFoundError, NotADirectoryError):
            assert not Path(real).exists()
        else:
            assert (root, full_path) == (os.path.realpath(base / "root"), real)
            assert stat_result is None or stat_result == Path(real).stat()


def test_a_subclass_changes_the_response(root: Path, client_for: ClientFor) -> None:
    class Cached(StaticFiles):
        def file_response(self, *args: Any, **kwargs: Any) -> Response:
            response = super().file_response(*args, **kwargs)
            response.headers["cache-control"] = "max-age=60"
            return response

    response = client_for(mounted(Cached(directory=root))).get("/example.txt")
    assert response.headers["cache-control"] == "max-age=60"


def test_a_file_can_have_another_status(root: Path) -> None:
    static = StaticFiles(directory=root)
    full_path, stat_result = static.lookup_path("example.txt")
    assert stat_result is not None
    assert static.file_response(full_path, stat_result, GET, 418).status_code == 418
    assert Path(full_path) == (root / "example.txt").resolve()


# What is refused


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_files_can_only_be_read(root: Path, client_for: ClientFor, method: str) -> None:
    client = client_for(mounted(StaticFiles(directory=root)))
    for path in ("/example.txt", "/missing"):
        response = client.request(method, path)
        assert (response.status_code, response.text) == (405, "Method Not Allowed")
        assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.anyio
async def test_alone_an_application_of_files_raises(root: Path) -> None:
    static = await made(directory=root)
    error = await refusal(static, "/example.txt", "POST")
    assert (error.status_code, error.headers) == (405, {"Allow": "GET, HEAD"})
    assert (await refusal(static, "/missing")).status_code == 404


REFUSED = [
    "/missing.txt",
    "/",
    "/css",
    "/css/",
    "/example.txt/foo",
    "/example.txt/../../secret.txt",
    "/../secret.txt",
    "/../../../../../../../../etc/passwd",
    "/css/../../secret.txt",
    "/../static_disallow/secret.txt",
    "/..\\secret.txt",
    "/\\secret.txt",
    "/\\\\server\\share",
    "//etc/passwd",
    "/example.txt\0",
    "/\0",
    "/css\0/../example.txt/x",
    "/" + "a" * 5000,
    "/" + "a/" * 3000,
    "/\ud800",
    "/~",
    "/..",
    "/.",
    "",
]


@pytest.mark.anyio
@pytest.mark.parametrize("path", REFUSED, ids=lambda path: ascii(path[:40]))
@pytest.mark.parametrize("follow_symlink", [False, True])
@pytest.mark.parametrize("html", [False, True])
async def test_what_is_no_file_inside_is_404(
    root: Path, path: str, follow_symlink: bool, html: bool
) -> None:
    static = await made(directory=root, follow_symlink=follow_symlink, html=html)
    error = await refusal(static, path)
    assert (error.status_code, error.detail, error.headers) == (404, "Not Found", None)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fstatic_disallow/secret.txt",
        "/css/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/example.txt%00",
        "/%00",
        "/%2fetc/passwd",
        "/%ff",
        "/" + "%61" * 5000,
    ],
    ids=lambda path: path[:40],
)
@pytest.mark.parametrize("prefix", ["", "/static"])
def test_a_client_does_not_get_out(
    root: Path, client_for: ClientFor, path: str, prefix: str
) -> None:
    client = client_for(mounted(StaticFiles(directory=root), prefix or "/"))
    response = client.get(prefix + path)
    assert (response.status_code, response.text) == (404, "Not Found")


def test_absolute_paths_are_not_looked_up(root: Path) -> None:
    static = StaticFiles(directory=root)
    for path in (str(root / "example.txt"), "\\example.txt", "/etc/passwd"):
        assert static.lookup_path(path) == ("", None)


@pytest.mark.skipif(os.name != "posix", reason="no name can have a backslash in it")
def test_a_backslash_at_the_start_is_refused_even_where_it_is_an_ordinary_character(
    root: Path, client_for: ClientFor
) -> None:
    write(root / "\\a.txt", "a")
    write(root / "b\\a.txt", "b")
    client = client_for(mounted(StaticFiles(directory=root)))
    assert client.get("/%5ca.txt").status_code == 404
    assert client.get("/b%5ca.txt").text == "b"


def test_everything_lies_in_the_root_directory(root: Path) -> None:
    file = root.resolve() / "example.txt"
    static = StaticFiles(directory=file.anchor)
    full_path, stat_result = static.lookup_path(str(file.relative_to(file.anchor)))
    assert (Path(full_path), stat_result) == (file, file.stat())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.anyio
@pytest.mark.parametrize("html", [False, True])
async def test_a_pipe_is_no_file(root: Path, html: bool) -> None:
    os.mkfifo(root / "pipe")
    static = await made(directory=root, html=html)
    assert (await refusal(static, "/pipe")).status_code == 404


def failing(error: Exception) -> type[StaticFiles]:
    class Failing(StaticFiles):
        def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
            raise error

    return Failing


def test_a_file_that_may_not_be_read_is_401(root: Path, client_for: ClientFor) -> None:
    client = client_for(mounted(failing(PermissionError())(directory=root)))
    response = client.get("/example.txt")
    assert (response.status_code, response.text) == (401, "Unauthorized")


@pytest.mark.anyio
@pytest.mark.parametrize("error", [TimeoutError(), OSError("disk"), LookupError()])
async def test_other_failures_come_out(root: Path, error: Exception) -> None:
    static = await made(failing(error), directory=root)
    with pytest.raises(type(error)) as caught:
        await static(GET, no_receive, no_send)
    assert caught.value is error


def test_other_failures_are_500(root: Path, client_for: ClientFor) -> None:
    app = mounted(failing(TimeoutError())(directory=root))
    response = client_for(app, raise_server_exceptions=False).get("/example.txt")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


def test_a_websocket_is_closed(root: Path, client_for: ClientFor) -> None:
    client = client_for(mounted(StaticFiles(directory=root)))
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/example.txt"):
        pass
    assert caught.value.code == 1000


@pytest.mark.anyio
async def test_another_kind_of_scope_is_a_mistake(root: Path) -> None:
    static = await made(directory=root)
    with pytest.raises(AssertionError, match="lifespan"):
        await static({"type": "lifespan"}, no_receive, no_send)


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/../x", "/a/../../x"])
async def test_the_steps_can_be_taken_one_by_one(root: Path, path: str) -> None:
    static = await made(directory=root)
    inner = static.get_path({"path": path})
    assert inner == str(Path("..", "x"))
    with pytest.raises(HTTPException) as caught:
        await static.get_response(inner, {"method": "GET"})
    assert caught.value.status_code == 404


@given(
    st.lists(
        st.sampled_from(
            ["..", ".", "", "css", "link", "out", "example.txt", "secret.txt", "\\", "\0", "~"]
        )
        | st.text(max_size=4),
        max_size=8,
    ),
    st.booleans(),
)
def test_no_path_leads_out(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], follow_symlink: bool
) -> None:
    base = tmp_path_factory.getbasetemp() / "no_path_leads_out"
    root = base / "static"
    if not root.exists():
        write(root / "css" / "example.txt", "inside")
        write(base / "secret.txt", "secret")
        (root / "link").symlink_to("css")
        (root / "out").symlink_to(base)
    static = StaticFiles(directory=root, follow_symlink=follow_symlink)
    try:
        full_path, stat_result = static.lookup_path(
            static.get_path({"path": "/" + "/".join(parts)})
        )
    except ValueError:
        return
    if stat_result is None:
        assert full_path == ""
    elif follow_symlink:
        # Out through a link that lies inside, and not up from there.
        assert Path(full_path).is_relative_to(root)
    else:
        assert Path(full_path).resolve().is_relative_to(root.resolve())


# Links


def test_a_link_out_is_refused_unless_links_are_followed(root: Path, client_for: ClientFor) -> None:
    (root / "file.txt").symlink_to(root.parent / "secret.txt")
    (root / "dir").symlink_to(root.parent / "static_disallow", target_is_directory=True)
    for follow_symlink, status in [(False, 404), (True, 200)]:
        static = StaticFiles(directory=root, follow_symlink=follow_symlink)
        client = client_for(mounted(static))
        assert client.get("/file.txt").status_code == status
        assert client.get("/dir/secret.txt").status_code == status
        assert client.get("/dir/../secret.txt").status_code == 404
        assert client.get("/%2e%2e/secret.txt").status_code == 404


@pytest.mark.parametrize("follow_symlink", [False, True])
def test_a_link_inside_is_a_file(root: Path, client_for: ClientFor, follow_symlink: bool) -> None:
    (root / "link.txt").symlink_to("example.txt")
    client = client_for(mounted(StaticFiles(directory=root, follow_symlink=follow_symlink)))
    assert client.get("/link.txt").text == "<file content>"


@pytest.mark.parametrize("follow_symlink", [False, True])
def test_a_link_to_nothing_is_404(root: Path, client_for: ClientFor, follow_symlink: bool) -> None:
    (root / "link.txt").symlink_to("missing.txt")
    client = client_for(mounted(StaticFiles(directory=root, follow_symlink=follow_symlink)))
    assert client.get("/link.txt").status_code == 404


@pytest.mark.parametrize("follow_symlink", [False, True])
def test_the_directory_may_be_a_link_or_relative(
    root: Path, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch, follow_symlink: bool
) -> None:
    (root.parent / "link").symlink_to(root, target_is_directory=True)
    monkeypatch.chdir(root.parent)
    for directory in (root.parent / "link", "link", "static", "./static/", "static/../static"):
        static = StaticFiles(directory=directory, follow_symlink=follow_symlink)
        client = client_for(mounted(static))
        assert client.get("/example.txt").text == "<file content>", directory
        assert client.get("/%2e%2e/secret.txt").status_code == 404, directory


# HTML mode


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    write(site / "index.html", "<h1>Home</h1>")
    write(site / "404.html", "<h1>Nothing</h1>")
    write(site / "dir" / "index.html", "<h1>Directory</h1>")
    write(site / "dir" / "about.html", "<h1>About</h1>")
    write(site / "bare" / "page.html", "<h1>Page</h1>")
    (site / "odd" / "index.html").mkdir(parents=True)
    return site


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "<h1>Home</h1>"),
        ("/index.html", "<h1>Home</h1>"),
        ("/dir/", "<h1>Directory</h1>"),
        ("/dir/index.html", "<h1>Directory</h1>"),
        ("/dir/about.html", "<h1>About</h1>"),
        ("/bare/page.html", "<h1>Page</h1>"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_directory_is_its_index(
    site: Path, client_for: ClientFor, method: str, path: str, text: str
) -> None:
    client = client_for(mounted(StaticFiles(directory=site, html=True)))
    response = client.request(method, path, follow_redirects=False)
    assert response.status_code == 200
    assert response.headers["content-length"] == str(len(text))
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == (text if method == "GET" else "")


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/dir", "http://testserver/dir/"),
        ("/dir?a=b&c", "http://testserver/dir/?a=b&c"),
    ],
)
def test_a_directory_without_a_slash_is_elsewhere(
    site: Path, client_for: ClientFor, url: str, location: str
) -> None:
    client = client_for(mounted(StaticFiles(directory=site, html=True)))
    response = client.get(url, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, location)
    assert client.get(url).text == "<h1>Directory</h1>"


def test_a_directory_under_a_mount_is_elsewhere_under_it(site: Path, client_for: ClientFor) -> None:
    client = client_for(mounted(StaticFiles(directory=site, html=True), "/docs"))
    response = client.get("/docs/dir", follow_redirects=False)
    assert response.headers["location"] == "http://testserver/docs/dir/"
    assert client.get("/docs/").text == "<h1>Home</h1>"


@pytest.mark.parametrize(
    ("mode", "path", "location"),
    [
        ("redirect", "/docs/dir?a=b", "/docs/dir/?a=b"),
        ("redirect", "/docs", "/docs/"),
        ("ignore", "/docs/dir", "/docs/dir/"),
        # The links of the page would lead elsewhere without the slash.
        ("ignore", "/docs", "/docs/"),
    ],
)
def test_a_directory_is_elsewhere_on_the_same_host(
    site: Path, client_for: ClientFor, mode: Any, path: str, location: str
) -> None:
    static = StaticFiles(directory=site, html=True)
    client = client_for(Bolide(routes=[Mount("/docs", static)], redirect_slashes=mode))
    response = client.get(path, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, location)


@pytest.mark.parametrize("path", ["/missing", "/bare", "/bare/", "/odd/", "/dir/about", "/%00"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_not_there_is_a_page_of_its_own(
    site: Path, client_for: ClientFor, method: str, path: str
) -> None:
    client = client_for(mounted(StaticFiles(directory=site, html=True)))
    response = client.request(method, path)
    assert response.status_code == 404
    # What cannot be a path at all gets no page.
    expected = "Not Found" if "%" in path else "<h1>Nothing</h1>"
    assert response.headers["content-length"] == str(len(expected))
    assert response.text == (expected if method == "GET" else "")


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_without_the_page_there_is_a_plain_404(
    site: Path, client_for: ClientFor, kind: str
) -> None:
    (site / "404.html").unlink()
    if kind == "directory":
        (site / "404.html").mkdir()
    client = client_for(mounted(StaticFiles(directory=site, html=True)))
    response = client.get("/missing")
    assert (response.status_code, response.text) == (404, "Not Found")


def test_without_html_there_are_no_pages(site: Path, client_for: ClientFor) -> None:
    client = client_for(mounted(StaticFiles(directory=site)))
    for path in ("/", "/dir", "/dir/", "/missing"):
        response = client.get(path, follow_redirects=False)
        assert (response.status_code, response.text) == (404, "Not Found")


def test_an_index_that_links_out_is_refused(root: Path, client_for: ClientFor) -> None:
    (root / "css" / "index.html").symlink_to(root.parent / "secret.txt")
    for follow_symlink, status in [(False, 404), (True, 200)]:
        static = StaticFiles(directory=root, html=True, follow_symlink=follow_symlink)
        assert client_for(mounted(static)).get("/css/").status_code == status


# What the client has already


@pytest.fixture
def etag(root: Path, client_for: ClientFor) -> str:
    client = client_for(mounted(StaticFiles(directory=root)))
    found: str = client.head("/example.txt").headers["etag"]
    return found


@pytest.mark.parametrize(
    "tags",
    ["{etag}", "W/{etag}", '"foo", {etag}', '{etag},"foo"', '"foo" ,  W/{etag} ', "*", " * "],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_that_the_client_has_is_not_sent(
    root: Path, client_for: ClientFor, etag: str, tags: str, method: str
) -> None:
    client = client_for(mounted(StaticFiles(directory=root)))
    headers = {"if-none-match": tags.format(etag=etag), "range": "bytes=0-1"}
    response = client.request(method, "/example.txt", headers=headers)
    assert (response.status_code, response.content) == (304, b"")
    assert dict(response.headers) == {"etag": etag}


@pytest.mark.parametrize("tags", ['"foo"', '"*"', '"foo,*,bar"', '*, "foo"', "W/"])
def test_other_tags_are_of_another_file(root: Path, client_for: ClientFor, tags: str) -> None:
    client = client_for(mounted(StaticFiles(directory=root)))
    # The date would say otherwise, but the tags decide.
    headers = {"if-none-match": tags, "if-modified-since": LAST_MODIFIED}
    assert client.get("/example.txt", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (LAST_MODIFIED, 304),
        ("Sun, 09 Sep 2001 01:46:41 GMT", 304),
        ("Sun, 09 Sep 2001 01:46:39 GMT", 200),
        ("nonsense", 200),
        ("", 200),
        ("Sun, 09 Sep 99999 01:46:41 GMT", 200),
    ],
)
def test_a_file_that_has_not_changed_since_is_not_sent(
    root: Path, client_for: ClientFor, since: str, status: int
) -> None:
    client = client_for(mounted(StaticFiles(directory=root)))
    response = client.get("/example.txt", headers={"if-modified-since": since, "if-none-match": ""})
    assert response.status_code == status


def test_a_file_that_has_changed_has_another_tag(
    root: Path, client_for: ClientFor, etag: str
) -> None:
    write(root / "example.txt", "something else")
    os.utime(root / "example.txt", (PAST + 1, PAST + 1))
    client = client_for(mounted(StaticFiles(directory=root)))
    response = client.get("/example.txt", headers={"if-none-match": etag})
    assert (response.status_code, response.text) == (200, "something else")


def test_a_page_that_is_gone_is_404_and_not_304(site: Path, client_for: ClientFor) -> None:
    client = client_for(mounted(StaticFiles(directory=site, html=True)))
    first = client.get("/dir/about.html")
    (site / "dir" / "about.html").unlink()
    headers = {
        "if-none-match": first.headers["etag"],
        "if-modified-since": first.headers["last-modified"],
    }
    assert client.get("/dir/about.html", headers=headers).status_code == 404
    page = client.get("/dir/about.html")
    again = client.get("/dir/about.html", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.text) == (404, "<h1>Nothing</h1>")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-match": '"other"', "if-none-match": "*"}, 412),
        ({"if-unmodified-since": "Sat, 08 Sep 2001 01:46:40 GMT", "if-none-match": "*"}, 412),
        ({"if-match": "*", "if-none-match": "*"}, 304),
        ({"if-match": "*"}, 200),
    ],
)
def test_what_must_not_have_changed_is_asked_first(
    root: Path, client_for: ClientFor, headers: dict[str, str], status: int
) -> None:
    routes = [Mount("/", StaticFiles(directory=root))]
    response = client_for(Bolide(routes=routes)).get("/example.txt", headers=headers)
    assert response.status_code == status
    # Starlette knows no conditions but those of caches.
    response = client_for(Starlette(routes=routes)).get("/example.txt", headers=headers)
    assert response.status_code == (304 if "if-none-match" in headers else 200)


def test_an_index_that_the_client_has_is_not_sent(site: Path, client_for: ClientFor) -> None:
    client = client_for(mounted(StaticFiles(directory=site, html=True)))
    headers = {"if-none-match": client.get("/dir/").headers["etag"]}
    assert client.get("/dir/", headers=headers).status_code == 304


def test_not_modified_keeps_what_matters_to_a_cache() -> None:
    kept = {name: name.upper() for name in NotModifiedResponse.NOT_MODIFIED_HEADERS}
    dropped = {"content-type": "a/b", "content-length": "7", "last-modified": "x", "x-a": "1"}
    response = NotModifiedResponse(Headers({**dropped, **kept}))
    assert response.status_code == 304
    assert dict(response.headers) == kept
    assert response.body == b""
    assert sorted(kept) == ["cache-control", "content-location", "date", "etag", "expires", "vary"]
    assert NotModifiedResponse(Headers()).raw_headers == []


def test_a_subclass_decides_what_a_client_has(root: Path, client_for: ClientFor) -> None:
    class Forgetful(StaticFiles):
        def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
            return False

    client = client_for(mounted(Forgetful(directory=root)))
    assert client.get("/example.txt", headers={"if-none-match": "*"}).status_code == 200


def test_a_policy_guards_them(client_for: Any, tmp_path: Path) -> None:
    for name in (".env", "a.txt", "404.html"):
        (tmp_path / name).write_text(name)
    routes = [Mount("/", StaticFiles(directory=tmp_path, html=True))]
    client = client_for(Bolide(routes=routes))
    assert [client.get(path).text for path in ("/a.txt", "/.env")] == ["a.txt", "404.html"]
    assert client.get("/a.txt").headers["x-content-type-options"] == "nosniff"
    response = client_for(Starlette(routes=routes)).get("/.env")
    assert response.text == ".env"
    assert "x-content-type-options" not in response.headers
