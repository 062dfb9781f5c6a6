"""Reading the body of a request more than once."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio

JSON = b'{"a": 1}'


async def by_stream(request: Any) -> bytes:
    return b"".join([piece async for piece in request.stream()])


async def by_body(request: Any) -> Any:
    return await request.body()


class Plain:
    """Middleware that makes a request of its own, and passes on what it was given."""

    def __init__(self, app: Any, api: Any, read: Any) -> None:
        self.app = app
        self.api = api
        self.read = read

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert await self.read(self.api("requests").Request(scope, receive)) == JSON
        await self.app(scope, receive, send)


def app_with(api: Any, endpoint: Any, *middleware: Any) -> Any:
    return api.App(
        routes=[api("routing").Route("/", endpoint, methods=["POST"])], middleware=middleware
    )


def test_the_body_can_be_read_after_a_stream(api: Any, client_for: Any) -> None:
    async def endpoint(request: Any) -> Any:
        await by_stream(request)
        return api("responses").JSONResponse(await request.json())

    assert client_for(app_with(api, endpoint)).post("/", content=JSON).json() == {"a": 1}


def test_the_body_can_be_read_after_the_form(api: Any, client_for: Any) -> None:
    async def endpoint(request: Any) -> Any:
        async with request.form() as form:
            assert form["field"] == "value"
            assert await form["file"].read() == b"data"
        return api("responses").PlainTextResponse(await request.body())

    answer = client_for(app_with(api, endpoint)).post(
        "/", data={"field": "value"}, files={"file": b"data"}
    )
    assert answer.content.count(b"Content-Disposition") == 2


@pytest.mark.parametrize("read", [by_stream, by_body])
async def test_reading_the_body_in_asgi_middleware_hangs(api: Any, read: Any) -> None:
    """The second one waits for a client that waits for it, or learns that the client has left."""
    events = [{"type": "http.request", "body": JSON}]
    sent: list[Any] = []

    async def receive() -> Any:
        if not events:
            pytest.fail("waits for what never comes")
        return events.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    async def endpoint(request: Any) -> Any:
        return api("responses").JSONResponse(await request.json())

    middleware = api("middleware").Middleware(Plain, api=api, read=read)
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    await app_with(api, endpoint, middleware, middleware)(scope, receive, send)
    assert sent[-1]["body"] == b'{"a":1}'


def test_a_stream_read_by_base_http_middleware_is_not_lost(api: Any, client_for: Any) -> None:
    async def dispatch(request: Any, call_next: Any) -> Any:
        assert await by_stream(request) == JSON
        response = await call_next(request)
        assert await request.json() == {"a": 1}
        return response

    async def endpoint(request: Any) -> Any:
        return api("responses").JSONResponse(await request.json())

    base = api("middleware.base").BaseHTTPMiddleware
    middleware = api("middleware").Middleware(base, dispatch=dispatch)
    client = client_for(app_with(api, endpoint, middleware))
    assert client.post("/", content=JSON).json() == {"a": 1}


def test_middleware_that_changes_the_body_is_obeyed_by_all_further_in(
    api: Any, client_for: Any
) -> None:
    class Upper:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def changed() -> Any:
                message = dict(await receive())
                if message["type"] == "http.request":
                    message["body"] = message["body"].upper()
                return message

            await self.app(scope, changed, send)

    async def endpoint(request: Any) -> Any:
        first = await by_stream(request)
        return api("responses").JSONResponse([first.decode(), (await request.body()).decode()])

    middleware = [
        api("middleware").Middleware(Plain, api=api, read=by_body),
        api("middleware").Middleware(Upper),
    ]
    client = client_for(app_with(api, endpoint, *middleware[1:]))
    assert client.post("/", content=b"abc").json() == ["ABC", "ABC"]
    client = client_for(app_with(api, endpoint, *middleware))
    assert client.post("/", content=JSON).json() == ['{"A": 1}'] * 2


def test_a_stream_that_is_too_large_to_be_kept_says_so(api: Any, client_for: Any) -> None:
    async def endpoint(request: Any) -> Any:
        await by_stream(request)
        with pytest.raises(RuntimeError, match="^Stream consumed.*2097152 bytes"):
            await request.body()
        return api("responses").Response()

    client = client_for(app_with(api, endpoint))
    assert client.post("/", content=bytes(2 * 1024 * 1024 + 1)).status_code == 200
