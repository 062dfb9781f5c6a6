"""An MCP server, mounted in one line: nobody starts its sessions but the mount."""

from mcp.server import MCPServer

from bolide.applications import Bolide
from bolide.routing import Mount

server = MCPServer("tools")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


app = Bolide(
    routes=[Mount("/mcp", app=server.streamable_http_app(streamable_http_path="/"))],
    drain_seconds=1,
)
