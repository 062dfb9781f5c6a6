"""bolide: an ASGI toolkit with the public API of Starlette, fast and safe.

The names that most applications use can be imported from here: `from bolide import Bolide, Route`.
Nothing is imported before it is asked for.
"""

# Type checkers know this name; importing `typing` would be all the work that there is here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from bolide.applications import Bolide as Bolide
    from bolide.applications import Policy as Policy
    from bolide.applications import Starlette as Starlette
    from bolide.background import BackgroundTask as BackgroundTask
    from bolide.background import BackgroundTasks as BackgroundTasks
    from bolide.config import Config as Config
    from bolide.datastructures import Secret as Secret
    from bolide.datastructures import UploadFile as UploadFile
    from bolide.endpoints import HTTPEndpoint as HTTPEndpoint
    from bolide.endpoints import WebSocketEndpoint as WebSocketEndpoint
    from bolide.exceptions import HTTPException as HTTPException
    from bolide.exceptions import WebSocketException as WebSocketException
    from bolide.middleware import Middleware as Middleware
    from bolide.problems import Problem as Problem
    from bolide.requests import ClientDisconnect as ClientDisconnect
    from bolide.requests import Request as Request
    from bolide.responses import FileResponse as FileResponse
    from bolide.responses import HTMLResponse as HTMLResponse
    from bolide.responses import JSONResponse as JSONResponse
    from bolide.responses import PlainTextResponse as PlainTextResponse
    from bolide.responses import RedirectResponse as RedirectResponse
    from bolide.responses import Response as Response
    from bolide.responses import StreamingResponse as StreamingResponse
    from bolide.routing import Host as Host
    from bolide.routing import Mount as Mount
    from bolide.routing import Route as Route
    from bolide.routing import Router as Router
    from bolide.routing import WebSocketRoute as WebSocketRoute
    from bolide.staticfiles import StaticFiles as StaticFiles
    from bolide.testclient import AsyncTestClient as AsyncTestClient
    from bolide.testclient import TestClient as TestClient
    from bolide.websockets import WebSocket as WebSocket
    from bolide.websockets import WebSocketDisconnect as WebSocketDisconnect

__version__ = "0.1.0"

_MODULES = {
    "applications": ("Bolide", "Policy", "Starlette"),
    "background": ("BackgroundTask", "BackgroundTasks"),
    "config": ("Config",),
    "datastructures": ("Secret", "UploadFile"),
    "endpoints": ("HTTPEndpoint", "WebSocketEndpoint"),
    "exceptions": ("HTTPException", "WebSocketException"),
    "middleware": ("Middleware",),
    "problems": ("Problem",),
    "requests": ("ClientDisconnect", "Request"),
    "responses": (
        "FileResponse",
        "HTMLResponse",
        "JSONResponse",
        "PlainTextResponse",
        "RedirectResponse",
        "Response",
        "StreamingResponse",
    ),
    "routing": ("Host", "Mount", "Route", "Router", "WebSocketRoute"),
    "staticfiles": ("StaticFiles",),
    "testclient": ("AsyncTestClient", "TestClient"),
    "websockets": ("WebSocket", "WebSocketDisconnect"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

# Not as a list for type checkers: they see the imports above.
globals()["__all__"] = sorted(_HOMES)


def __getattr__(name: str) -> "Any":
    """Import a name from the module that it lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
