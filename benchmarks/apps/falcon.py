"""Falcon's ASGI app, from its compiled wheel."""

from __future__ import annotations

from functools import partial
from typing import Any

import falcon
import falcon.asgi

from benchmarks.apps import static_directory, wrapped
from benchmarks.scenarios import CHUNKS, SMALL


class Hello:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, world!"


class SmallJson:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.media = SMALL


class Item:
    async def on_get(self, req: Any, resp: Any, id: Any) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"item {id}"


class Read:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = (
            f"{req.get_param('q')} {req.get_param('page')} {req.get_header('Accept-Language')}"
            f" {req.get_header('X-Request-Id')} {req.get_cookie_values('user')[0]}"
        )


class Echo:
    async def on_post(self, req: Any, resp: Any) -> None:
        resp.media = await req.get_media()


class Form:
    async def on_post(self, req: Any, resp: Any) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"{len(await req.get_media())} fields"


class Upload:
    async def on_post(self, req: Any, resp: Any) -> None:
        fields = size = 0
        async for part in await req.get_media():
            if part.filename:
                size += len(await part.stream.read())
            else:
                await part.text
                fields += 1
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"{fields} fields, {size} bytes"


class Stream:
    async def on_get(self, req: Any, resp: Any) -> None:
        async def chunks() -> Any:
            for chunk in CHUNKS:
                yield chunk

        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = chunks()


class LengthOfPath:
    async def on_get(self, req: Any, resp: Any, name: str) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = str(len(name))


class HostHeader:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = req.get_header("Host")


def one(resource: Any, path: str = "/") -> falcon.asgi.App:
    app = falcon.asgi.App()
    app.add_route(path, resource)
    return app


def many(path: str, resource: Any, size: int) -> falcon.asgi.App | None:
    # The compiled router takes 50 seconds to build for 10,000.
    if size > 1_000:
        return None
    app = falcon.asgi.App()
    for index in range(size):
        app.add_route(path.format(index), resource)
    return app


def upload() -> falcon.asgi.App:
    app = one(Upload())
    handler = falcon.media.MultipartFormHandler()
    handler.parse_options.max_body_part_buffer_size = 2 * 1024 * 1024
    app.req_options.media_handlers[falcon.MEDIA_MULTIPART] = handler
    return app


def static() -> falcon.asgi.App:
    app = falcon.asgi.App()
    app.add_static_route("/static", static_directory())
    return app


SCENARIOS = {
    "S1": partial(one, Hello()),
    "S2": partial(one, SmallJson()),
    "S3": partial(one, Item(), "/items/{id:int}"),
    "S4": partial(many, "/route/{}", Hello(), 1000),
    "S4p": partial(many, "/{}/{{id}}", Item(), 100),
    "S5": partial(one, Hello()),
    "S5h": partial(many, "/route/{}", Hello(), 100),
    "S6": partial(one, Read()),
    "S7": partial(one, Echo()),
    "S8": partial(one, Form()),
    "S9": upload,
    "S10": static,
    "S10l": static,
    "S11n": lambda: wrapped(one(Hello()), 5),
    "S12": partial(one, Stream()),
}

CURVES = {
    "literal": partial(many, "/route/{}", Hello()),
    "parametrised": partial(many, "/{}/{{id}}", Item()),
    "middlewares": lambda size: wrapped(one(Hello()), size),
    "headers": lambda size: one(HostHeader()),
    "fields": lambda size: one(Form()),
    "path": lambda size: one(LengthOfPath(), "/items/{name}"),
}
