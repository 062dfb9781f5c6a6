"""An MCP server mounted in a bolide application, and a real MCP client (streamable HTTP)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

APPS = Path(__file__).parent / "apps"

mcp = pytest.importorskip("mcp", reason="mcp is not installed")
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run the client on asyncio: on trio, it leaves generators behind that nobody closes."""
    return "asyncio"


@pytest.fixture(scope="module")
def server(serve_module: Callable[..., Any]) -> Iterator[Any]:
    return serve_module(
        *("-m", "bolide", "run", "--as-starlette", "mcp_tools:app", "--app-dir", str(APPS)),
        *("--port", "0"),
    )


@pytest.fixture(params=["auto", "legacy"])
def connected(server: Any, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Connect, by the newest protocol and by the former one, which has sessions."""

    @asynccontextmanager
    async def connected(**options: Any) -> AsyncIterator[Any]:
        async with mcp.Client(f"{server.url}/mcp/", mode=request.param, **options) as client:
            yield client

    return connected


async def test_a_tool_is_found_and_called(connected: Callable[..., Any]) -> None:
    async with connected() as client:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["add", "count", "fail"]
        result = await client.call_tool("add", {"a": 2, "b": 3})
        assert result.structured_content == {"result": 5}
        assert not result.is_error


async def test_progress_arrives_while_a_tool_runs(connected: Callable[..., Any]) -> None:
    heard: list[tuple[float, float | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total))

    async with connected() as client:
        result = await client.call_tool("count", {"to": 3}, progress_callback=hear)
    assert result.content[0].text == "done"
    assert heard == [(1, 3), (2, 3), (3, 3)]


async def test_a_tool_that_fails_says_so(connected: Callable[..., Any]) -> None:
    async with connected() as client:
        result = await client.call_tool("fail", {})
        assert result.is_error
        assert result.content[0].text == "Error executing tool fail"
        # And the connection goes on.
        assert (await client.call_tool("add", {"a": 1, "b": 1})).structured_content == {"result": 2}


async def test_resources_and_prompts_are_read(connected: Callable[..., Any]) -> None:
    async with connected() as client:
        resource = await client.read_resource("greeting://Ada")
        assert resource.contents[0].text == "Hello, Ada!"
        prompt = await client.get_prompt("ask", {"topic": "engines"})
        assert prompt.messages[0].content.text == "Tell me about engines."


async def test_the_page_beside_it_is_served(server: Any) -> None:
    async with httpx2.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/")).text == "home"
        # Not a host that the server knows itself by: the protection of mcp holds.
        answer = await client.post("/mcp/", headers={"Host": "evil.example"}, json={})
        assert answer.status_code == 421
