"""A FastAPI application that knows nothing of bolide."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import starlette
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    File,
    Form,
    HTTPException,
    Query,
    Request,
    Response,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
    status,
)
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials, OAuth2PasswordBearer
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.routing import Mount, Route

HERE = Path(__file__).parent


class Item(BaseModel):
    name: str = Field(min_length=1)
    price: float = Field(gt=0)
    tags: list[str] = []


class OutOfStock(Exception):
    def __init__(self, name: str) -> None:
        self.name = name


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, object]]:
    app.state.log = []
    yield {"greeting": "open"}
    app.state.log.append("closed")


app = FastAPI(title="The shop", version="1.2.3", lifespan=lifespan)
app.add_middleware(CORSMiddleware, allow_origins=["https://example.org"])
app.add_middleware(GZipMiddleware, minimum_size=1000)


class Stamp(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-stamp"] = request.url.path
        return response


app.add_middleware(Stamp)


# Dependencies and security

bearer = OAuth2PasswordBearer(tokenUrl="token")
basic = HTTPBasic()
closed: list[str] = []


async def connection() -> AsyncIterator[str]:
    try:
        yield "connection"
    finally:
        closed.append("connection")


def customer(token: Annotated[str, Depends(bearer)]) -> str:
    if token != "secret":
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED, "bad token", headers={"WWW-Authenticate": "Bearer"}
        )
    return "ada"


@app.get("/me")
async def me(
    who: Annotated[str, Depends(customer)], db: Annotated[str, Depends(connection)]
) -> dict[str, str]:
    return {"name": who, "db": db}


@app.get("/closed")
async def closed_connections() -> int:
    return len(closed)


@app.get("/basic")
def with_basic(credentials: Annotated[HTTPBasicCredentials, Depends(basic)]) -> str:
    return credentials.username


# Routers

items = APIRouter(prefix="/items", tags=["items"])
stock: dict[int, Item] = {1: Item(name="lamp", price=9.5)}


@items.get("/")
async def list_items(limit: Annotated[int, Query(ge=1, le=100)] = 10) -> list[Item]:
    return list(stock.values())[:limit]


@items.get("/{item_id}")
async def read_item(item_id: int) -> Item:
    if item_id not in stock:
        raise HTTPException(status_code=404, detail="no such item")
    return stock[item_id]


@items.post("/", status_code=201)
async def create_item(item: Item, request: Request, response: Response) -> dict[str, str]:
    if item.name == "unicorn":
        raise OutOfStock(item.name)
    stock[len(stock) + 1] = item
    response.headers["x-made"] = "yes"
    url = str(request.url_for("read_item", item_id=len(stock)))
    return {"url": url}


app.include_router(items)


@app.exception_handler(OutOfStock)
async def out_of_stock(request: Request, exc: OutOfStock) -> PlainTextResponse:
    return PlainTextResponse(f"no {exc.name} left", status_code=409)


@app.get("/broken")
async def broken() -> None:
    raise RuntimeError("broken on purpose")


# Forms and files


@app.post("/upload")
async def upload(
    title: Annotated[str, Form()], picture: Annotated[UploadFile, File()]
) -> dict[str, object]:
    content = await picture.read()
    return {"title": title, "name": picture.filename, "size": len(content)}


# Background tasks, streams, WebSockets, files, other applications

notes: list[str] = []


@app.post("/notes/{text}", status_code=202)
async def note(text: str, tasks: BackgroundTasks) -> dict[str, str]:
    tasks.add_task(notes.append, text)
    return {"accepted": text}


@app.get("/notes")
def read_notes(request: Request) -> dict[str, object]:
    return {"notes": notes, "state": request.state.greeting}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def numbers() -> AsyncIterator[str]:
        for number in range(5):
            yield f"{number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(numbers(), media_type="text/plain")


@app.websocket("/ws/{room}")
async def chat(websocket: WebSocket, room: str, db: Annotated[str, Depends(connection)]) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            await websocket.send_json({"room": room, "text": text, "db": db})
    except WebSocketDisconnect:
        notes.append(f"left {room}")


async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("a plain route")


inner = FastAPI()


@inner.get("/where")
async def where(request: Request) -> dict[str, str]:
    return {"root_path": request.scope["root_path"]}


app.mount("/static", StaticFiles(directory=HERE), name="static")
app.mount("/inner", inner)
app.router.routes.append(Mount("/plain", routes=[Route("/", plain)]))


@app.get("/version")
async def version(request: Request) -> dict[str, str]:
    return {"starlette": starlette.__version__, "request": Request.__mro__[0].__module__}
