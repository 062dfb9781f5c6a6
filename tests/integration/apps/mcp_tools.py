"""An MCP server, mounted in a bolide application beside an ordinary page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

from bolide.applications import Starlette
from bolide.requests import Request
from bolide.responses import PlainTextResponse
from bolide.routing import Mount, Route

server = MCPServer("tools")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def count(to: int, ctx: Context) -> str:
    """Count, and report how far."""
    for number in range(1, to + 1):
        await ctx.report_progress(number, to)
    return "done"


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("no luck")


@server.resource("greeting://{name}")
def greeting(name: str) -> str:
    return f"Hello, {name}!"


@server.prompt()
def ask(topic: str) -> str:
    return f"Tell me about {topic}."


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse("home")


tools = server.streamable_http_app(streamable_http_path="/")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    # The lifespan of a mounted application is not run: its sessions need to be.
    async with server.session_manager.run():
        yield


app = Starlette(routes=[Route("/", home), Mount("/mcp", tools)], lifespan=lifespan)
assert isinstance(tools, Starlette), "the alias is missing"
