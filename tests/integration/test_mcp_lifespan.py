"""An MCP server that is mounted in one line, and started by nothing but the mount."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bolide.applications import Bolide
from bolide.routing import Mount
from bolide.testclient import TestClient

APPS = Path(__file__).parent / "apps"

mcp = pytest.importorskip("mcp", reason="mcp is not installed")


@pytest.fixture
def anyio_backend() -> str:
    """Run the client on asyncio: on trio, it leaves generators behind that nobody closes."""
    return "asyncio"


@pytest.fixture(params=[(), ("--as-starlette",)], ids=["with Starlette", "as Starlette"])
def server(serve: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    """Serve it; what `mcp` makes is an application of Starlette, or of bolide by the alias."""
    if not request.param:
        pytest.importorskip("starlette", reason="Starlette is not installed")
    return serve(
        *("-m", "bolide", "run", *request.param, "mcp_mounted:app", "--app-dir", str(APPS)),
        *("--port", "0"),
    )


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_tool_is_called_and_the_server_stops(server: Any, mode: str) -> None:
    async with mcp.Client(f"{server.url}/mcp/", mode=mode) as client:
        result = await client.call_tool("add", {"a": 2, "b": 3})
        assert result.structured_content == {"result": 5}
        # The client of the former protocol keeps a stream open for what the server may say.
        server.process.send_signal(signal.SIGTERM)
        assert "Traceback" not in server.wait()


def make_mcp_app() -> tuple[Any, Any]:
    server = mcp.server.MCPServer("tools")
    return server, server.streamable_http_app(streamable_http_path="/")


def test_a_parent_that_enters_its_lifespan_is_the_only_one_to() -> None:
    _, inner = make_mcp_app()

    @asynccontextmanager
    async def lifespan(app: Bolide) -> AsyncIterator[None]:
        async with inner.router.lifespan_context(inner):
            yield

    for given in (lifespan, None):
        _, inner = make_mcp_app()
        app = Bolide(routes=[Mount("/mcp", inner)], lifespan=given or inner.router.lifespan_context)
        with TestClient(app, base_url="http://127.0.0.1:8000") as client:
            # Without its lifespan it would raise that its task group is not initialized.
            assert client.post("/mcp/", json={}).status_code in (400, 406)


def test_one_that_is_started_elsewhere_says_what_to_do() -> None:
    server, inner = make_mcp_app()

    @asynccontextmanager
    async def lifespan(app: Bolide) -> AsyncIterator[None]:
        async with server.session_manager.run():
            yield

    app = Bolide(routes=[Mount("/mcp", inner)], lifespan=lifespan)
    with pytest.raises(RuntimeError, match=r"Mount\('/mcp'\).* can only be called once") as caught:
        TestClient(app).__enter__()
    assert "lifespan=False" in caught.value.__notes__[0]

    server, inner = make_mcp_app()
    app = Bolide(routes=[Mount("/mcp", inner, lifespan=False)], lifespan=lifespan)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        assert client.post("/mcp/", json={}).status_code in (400, 406)
