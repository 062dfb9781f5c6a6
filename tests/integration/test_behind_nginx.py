"""A real proxy in front of a real server: what is believed of a request, and by whom."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.sync.client import connect

APPS = Path(__file__).parent / "apps"
MAX_SECONDS = 30
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CLIENT = "127.0.0.2"
"""Another address of this machine than that of the proxy, so that they can be told apart."""

pytestmark = pytest.mark.skipif(
    NGINX is None or not Path("/proc/sys/net/ipv4").exists(),
    reason="needs nginx (apt-get install nginx), and Linux, where all of 127.0.0.0/8 is local",
)

CONFIG = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}

    # The outer proxy, which ends TLS and takes a prefix off the path.
    server {{
        listen 127.0.0.1:{outer};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto https;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Port 443;
        proxy_set_header X-Forwarded-Prefix /shop;
        proxy_set_header Forwarded
            '$http_forwarded, for="$remote_addr:$remote_port";proto=https;host="$http_host"';
        location /shop/ {{ proxy_pass http://127.0.0.1:{port}/; }}
        location /shop/twice/ {{ proxy_pass http://127.0.0.1:{inner}/; }}
    }}

    # An inner one, which adds to what the outer one says.
    server {{
        listen 127.0.0.1:{inner};
        proxy_set_header Host inside;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Prefix "$http_x_forwarded_prefix, /twice";
        location / {{ proxy_pass http://127.0.0.1:{port}; }}
    }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def nginx(directory: Path, port: int) -> Iterator[int]:
    """Run nginx in front of a server, and give the port of the outer proxy."""
    assert NGINX is not None
    outer, inner = free_port(), free_port()
    config = directory / "nginx.conf"
    config.write_text(CONFIG.format(directory=directory, port=port, outer=outer, inner=inner))
    process = subprocess.Popen(
        [NGINX, "-p", str(directory), "-c", str(config), "-e", "stderr"],
        stderr=subprocess.PIPE,
        text=True,
    )
    log: list[str] = []
    started = threading.Event()

    def read_log() -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                log.append(line)
                if "start worker process " in line:
                    started.set()
        started.set()

    reader = threading.Thread(target=read_log)
    reader.start()
    try:
        assert started.wait(MAX_SECONDS)
        assert process.poll() is None, "".join(log)
        yield outer
    finally:
        process.terminate()
        process.wait(MAX_SECONDS)
        reader.join()


@pytest.fixture
def behind(serve: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[[str], httpx2.Client]]:
    """Serve an application of `apps/proxied.py` behind nginx, and give a client of that."""
    contexts: list[Any] = []

    def start(name: str) -> httpx2.Client:
        server = serve(
            *("-m", "uvicorn", f"proxied:{name}", "--app-dir", str(APPS), "--port", "0"),
            "--no-proxy-headers",
        )
        context = nginx(tmp_path, server.port)
        port = context.__enter__()
        contexts.append(context)
        client = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}/shop",
            headers={"host": "shop.example"},
            transport=httpx2.HTTPTransport(local_address=CLIENT),
            timeout=MAX_SECONDS,
        )
        contexts.append(client)
        return client

    yield start
    for context in reversed(contexts):
        context.__exit__(None, None, None)


LIES = {
    "X-Forwarded-For": "1.2.3.4, 127.0.0.1",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": 'for=1.2.3.4;host=evil.example, for="',
}
RIGHT = {
    "client": CLIENT,
    "url": "https://shop.example/shop/users/bob?a=b",
    "url_for": "https://shop.example/shop/users/ada",
    "path_for": "/shop/users/ada",
}


@pytest.mark.parametrize("lies", [{}, LIES], ids=["honest", "lying"])
def test_urls_and_the_client_are_right(
    behind: Callable[[str], httpx2.Client], lies: dict[str, str]
) -> None:
    client = behind("app")
    assert client.get("/users/bob?a=b", headers=lies).json() == RIGHT
    answer = client.get("/users/bob/?a=b", headers=lies)
    assert (answer.status_code, answer.headers["location"]) == (307, "/shop/users/bob?a=b")
    assert client.get(answer.headers["location"].removeprefix("/shop")).json() == RIGHT


@pytest.mark.parametrize("lies", [{}, LIES], ids=["honest", "lying"])
def test_they_are_right_behind_two_proxies(
    behind: Callable[[str], httpx2.Client], lies: dict[str, str]
) -> None:
    seen = behind("app").get("/twice/users/bob?a=b", headers=lies).json()
    assert seen == {name: value.replace("/shop/", "/shop/twice/") for name, value in RIGHT.items()}


@pytest.mark.parametrize("lies", [{}, LIES], ids=["honest", "lying"])
def test_so_they_are_with_the_standard_header(
    behind: Callable[[str], httpx2.Client], lies: dict[str, str]
) -> None:
    seen = behind("standard").get("/users/bob?a=b", headers=lies).json()
    # It has no word for a prefix.
    assert seen == {name: value.replace("/shop/", "/") for name, value in RIGHT.items()}


def test_a_peer_that_is_not_trusted_is_not_believed(
    behind: Callable[[str], httpx2.Client],
) -> None:
    client = behind("distrustful")
    assert client.get("/users/bob?a=b", headers=LIES).json() == {
        "client": "127.0.0.1",
        "url": "http://shop.example/users/bob?a=b",
        "url_for": "http://shop.example/users/ada",
        "path_for": "/users/ada",
    }
    answer = client.get("/users/bob/", headers=LIES)
    assert (answer.status_code, answer.headers["location"]) == (307, "/users/bob")


def test_a_websocket_is_secure_behind_the_proxy(behind: Callable[[str], httpx2.Client]) -> None:
    port = behind("app").base_url.port
    with connect(
        f"ws://127.0.0.1:{port}/shop/socket", additional_headers={"X-Forwarded-Proto": "http"}
    ) as websocket:
        assert websocket.recv(MAX_SECONDS) == f"wss://127.0.0.1:{port}/shop/socket"
