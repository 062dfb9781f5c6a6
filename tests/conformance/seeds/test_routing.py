"""Patterns of the seeds: paths, their parameters, mounts, hosts, and addresses from names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from bolide.applications import Starlette
from bolide.convertors import Convertor, register_url_convertor
from bolide.endpoints import HTTPEndpoint
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse
from bolide.routing import Host, Mount, Route, Router, WebSocketRoute
from bolide.staticfiles import StaticFiles
from bolide.testclient import TestClient
from bolide.websockets import WebSocketDisconnect

ClientFor = Callable[..., TestClient]


async def homepage(request):
    return PlainTextResponse("Home")


async def user_detail(request):
    username = request.path_params["username"]
    return PlainTextResponse(f"Hello, {username}")


async def users_list(request):
    return PlainTextResponse(f"{request.method} users")


async def current_user(request):
    return PlainTextResponse("me")


async def params(request):
    values = request.path_params
    return JSONResponse({name: [type(v).__name__, str(v)] for name, v in values.items()})


def test_an_integer_in_a_path_is_given_as_an_integer(client_for: ClientFor) -> None:
    client = client_for(Starlette(routes=[Route("/users/{user_id:int}", params)]))

    assert client.get("/users/12").json() == {"user_id": ["int", "12"]}
    assert client.get("/users/ada").status_code == 404


def test_a_specific_route_stands_before_a_general_one(client_for: ClientFor) -> None:
    routes = [
        Route("/users/me", current_user),  # Specific first
        Route("/users/{username}", user_detail),  # General second
    ]
    client = client_for(Starlette(routes=routes))
    other_way_round = client_for(Starlette(routes=routes[::-1]))

    assert client.get("/users/me").text == "me"
    assert client.get("/users/ada").text == "Hello, ada"
    assert other_way_round.get("/users/me").text == "Hello, me"


def test_a_list_of_routes_mixes_all_kinds(client_for: ClientFor, site: Path) -> None:
    async def health_check(request):
        return JSONResponse({"status": "healthy"})

    routes = [
        Route("/users/me", current_user),  # More specific first
        Route("/users/{user_id:int}", params),  # Less specific after
        Route("/api/v1/health", health_check, methods=["GET"]),
        Mount("/static", StaticFiles(directory="static"), name="static"),
    ]
    client = client_for(Starlette(routes=routes))

    assert client.get("/users/me").text == "me"
    assert client.get("/users/1").json() == {"user_id": ["int", "1"]}
    assert client.get("/api/v1/health").json() == {"status": "healthy"}
    assert client.get("/static/css/style.css").text == "body {}"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_route_answers_to_its_methods_only(method: str, client_for: ClientFor) -> None:
    async def create_user(request):
        return PlainTextResponse("done")

    client = client_for(Starlette(routes=[Route("/users", create_user, methods=[method])]))
    other = {"GET": "POST", "POST": "GET"}[method]

    assert client.request(method, "/users").text == "done"
    assert client.request(other, "/users").status_code == 405


def test_a_mount_takes_its_application_by_place_or_by_name(
    client_for: ClientFor, site: Path
) -> None:
    by_place = Mount("/static", StaticFiles(directory="static"), name="static")
    by_name = Mount("/static", app=StaticFiles(directory="static"), name="static")

    for mount in (by_place, by_name):
        response = client_for(Starlette(routes=[mount])).get("/static/css/style.css")
        assert response.text == "body {}"


@pytest.mark.usefixtures("convertors")
def test_a_convertor_of_our_own_reads_and_writes_dates(client_for: ClientFor) -> None:
    class DateTimeConvertor(Convertor):
        regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"

        def convert(self, value: str) -> datetime:
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S")

        def to_string(self, value: datetime) -> str:
            return value.strftime("%Y-%m-%dT%H:%M:%S")

    register_url_convertor("datetime", DateTimeConvertor())

    app = Starlette(routes=[Route("/history/{date:datetime}", params, name="history")])
    client = client_for(app)

    assert client.get("/history/2026-03-22T10:20:30").json() == {
        "date": ["datetime", "2026-03-22 10:20:30"]
    }
    assert client.get("/history/yesterday").status_code == 404
    date = datetime(2026, 3, 22, 10, 20, 30)
    assert app.url_path_for("history", date=date) == "/history/2026-03-22T10:20:30"


def test_a_name_in_a_path_is_given_as_text(client_for: ClientFor) -> None:
    routes = [
        Route("/", homepage),
        Route("/users/{username}", user_detail, methods=["GET"]),
    ]
    client = client_for(Starlette(routes=routes))

    assert client.get("/").text == "Home"
    assert client.get("/users/alice").text == "Hello, alice"


UUID = "12345678-1234-5678-1234-567812345678"


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/foo/{bar}", "/foo/x", {"bar": ["str", "x"]}),
        ("/items/{item_id:int}", "/items/5", {"item_id": ["int", "5"]}),
        ("/files/{file_path:path}", "/files/a/b.txt", {"file_path": ["str", "a/b.txt"]}),
        ("/values/{val:float}", "/values/1.5", {"val": ["float", "1.5"]}),
        ("/objects/{obj_id:uuid}", f"/objects/{UUID}", {"obj_id": ["UUID", UUID]}),
    ],
)
def test_five_convertors_are_built_in(
    pattern: str, path: str, expected: dict[str, list[str]], client_for: ClientFor
) -> None:
    client = client_for(Starlette(routes=[Route(pattern, params)]))

    assert client.get(path).json() == expected


def test_routes_can_be_mounted_below_a_path(client_for: ClientFor, site: Path) -> None:
    routes = [
        Route("/", homepage),
        Mount(
            "/users",
            routes=[
                Route("/", users_list, methods=["GET", "POST"]),
                Route("/{username}", user_detail),
            ],
        ),
        Mount("/static", app=StaticFiles(directory="static"), name="static"),
    ]
    client = client_for(Starlette(routes=routes))

    assert client.get("/").text == "Home"
    assert client.get("/users/").text == "GET users"
    assert client.post("/users/").text == "POST users"
    assert client.get("/users/alice").text == "Hello, alice"
    assert client.get("/static/css/base.css").text == "html {}"


def test_an_api_is_mounted_with_its_methods(client_for: ClientFor) -> None:
    async def create_user(request):
        return JSONResponse(await request.json(), status_code=201)

    routes = [
        Mount(
            "/api",
            routes=[
                Route("/users", create_user, methods=["POST"]),
                Route("/users/{user_id:int}", params, methods=["GET"]),
            ],
        ),
    ]
    client = client_for(Starlette(routes=routes))

    assert client.post("/api/users", json={"email": "a@b.org"}).status_code == 201
    assert client.get("/api/users/7").json() == {"user_id": ["int", "7"]}
    assert client.post("/api/users/7").status_code == 405


def test_a_request_gives_the_full_address_of_a_route(client_for: ClientFor) -> None:
    async def address(request):
        url = request.url_for("user_detail", username="alice")
        return PlainTextResponse(str(url))

    app = Starlette(routes=[Route("/", address), Route("/users/{username}", user_detail)])

    assert client_for(app).get("/").text == "http://testserver/users/alice"


def test_the_name_of_a_mount_stands_before_the_name_of_a_route(client_for: ClientFor) -> None:
    async def addresses(request):
        url = request.url_for("users:user_detail", username="alice")
        return JSONResponse([str(url), str(request.url_for("users:user_list"))])

    routes = [
        Route("/", addresses),
        Mount(
            "/users",
            name="users",
            routes=[
                Route("/", users_list, name="user_list"),
                Route("/{username}", user_detail, name="user_detail"),
            ],
        ),
    ]

    assert client_for(Starlette(routes=routes)).get("/").json() == [
        "http://testserver/users/alice",
        "http://testserver/users/",
    ]


def test_an_application_gives_the_path_of_a_route() -> None:
    app = Starlette(routes=[Route("/user/{username}", user_detail, name="user_detail")])

    path = app.url_path_for("user_detail", username="foo")

    assert path == "/user/foo"


def test_a_path_is_added_to_the_address_of_a_mount(client_for: ClientFor, site: Path) -> None:
    async def address(request):
        url = request.url_for("static", path="/css/base.css")
        return PlainTextResponse(str(url))

    routes = [
        Route("/", address),
        Mount("/static", app=StaticFiles(directory="static"), name="static"),
    ]

    text = client_for(Starlette(routes=routes)).get("/").text
    assert text == "http://testserver/static/css/base.css"


def test_hosts_choose_between_routers(client_for: ClientFor) -> None:
    async def api_home(request):
        return PlainTextResponse("api")

    async def sub_home(request):
        return PlainTextResponse(request.path_params["subdomain"])

    api = Router(routes=[Route("/", api_home)])

    routes = [
        Host("api.example.org", app=api, name="api"),
        Host("{subdomain}.example.org", name="sub", app=Router(routes=[Route("/", sub_home)])),
    ]
    app = Starlette(routes=routes)

    assert client_for(app, base_url="http://api.example.org").get("/").text == "api"
    assert client_for(app, base_url="http://blog.example.org").get("/").text == "blog"
    assert client_for(app, base_url="http://example.com").get("/").status_code == 404
    assert app.url_path_for("sub", subdomain="blog", path="/").host == "blog.example.org"


def test_a_router_is_an_application(client_for: ClientFor) -> None:
    app = Router(
        routes=[
            Route("/", homepage),
            Mount("/api", routes=[Route("/users", users_list)]),
        ]
    )
    client = client_for(app)

    assert client.get("/").text == "Home"
    assert client.get("/api/users").text == "GET users"


def test_websockets_have_routes_with_parameters(client_for: ClientFor) -> None:
    async def ws_endpoint(websocket):
        await websocket.accept()
        await websocket.send_text("Hello, WebSocket!")
        await websocket.close()

    async def ws_user(websocket):
        await websocket.accept()
        await websocket.send_json(websocket.path_params)
        await websocket.close()

    routes = [
        WebSocketRoute("/ws", ws_endpoint),
        WebSocketRoute("/ws/{room_id:int}", ws_user),
        WebSocketRoute("/ws/{name}", ws_user),
    ]
    client = client_for(Starlette(routes=routes))

    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_text() == "Hello, WebSocket!"
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
        assert closed.value.code == 1000
    with client.websocket_connect("/ws/3") as websocket:
        assert websocket.receive_json() == {"room_id": 3}
    with client.websocket_connect("/ws/alice") as websocket:
        assert websocket.receive_json() == {"name": "alice"}


def test_an_endpoint_is_a_function_of_either_kind_or_a_class(client_for: ClientFor) -> None:
    def blocking(request):
        return PlainTextResponse("function")

    class Plain:
        def __init__(self, scope, receive, send) -> None:
            self.arguments = scope, receive, send

        def __await__(self):
            return PlainTextResponse("class").__call__(*self.arguments).__await__()

    class Home(HTTPEndpoint):
        async def get(self, request):
            return PlainTextResponse("endpoint class")

    class Instance:
        async def __call__(self, scope, receive, send) -> None:
            await PlainTextResponse("instance")(scope, receive, send)

    endpoints = {
        "/async": homepage,
        "/sync": blocking,
        "/class": Plain,
        "/endpoint": Home,
        "/instance": Instance(),
    }
    client = client_for(Starlette(routes=[Route(path, e) for path, e in endpoints.items()]))

    assert [client.get(path).text for path in endpoints] == [
        "Home",
        "function",
        "class",
        "endpoint class",
        "instance",
    ]


@pytest.mark.parametrize("pattern", ["/user/{ username }", "/foo/{ bar }", "/{ foo_id:int }"])
def test_braces_with_spaces_inside_are_literal_text(pattern: str, client_for: ClientFor) -> None:
    client = client_for(Starlette(routes=[Route(pattern, params)]))

    assert client.get(pattern).json() == {}
    assert client.get("/user/alice").status_code == 404
    assert client.get("/foo/1").status_code == 404
    assert client.get("/1").status_code == 404


@pytest.mark.parametrize(
    "parameter", [{"methods": ["GET"]}, {"include_in_schema": True}, {"max_body_size": 1}]
)
def test_a_websocket_route_lacks_what_only_http_has(parameter: dict[str, object]) -> None:
    async def endpoint(websocket):
        await websocket.accept()

    with pytest.raises(TypeError, match=next(iter(parameter))):
        WebSocketRoute("/ws", endpoint, **parameter)  # type: ignore[arg-type]


def test_a_route_without_methods_and_name_is_for_get_and_has_that_of_its_function() -> None:
    route = Route("/", homepage)

    assert route.methods == {"GET", "HEAD"}
    assert route.name == "homepage"


def test_static_files_stand_after_the_routes_that_they_would_hide(
    client_for: ClientFor, site: Path
) -> None:
    async def api(request: Request) -> PlainTextResponse:
        return PlainTextResponse("api")

    route = Route("/api", api)
    files = Mount("/", app=StaticFiles(directory="static"))

    assert client_for(Starlette(routes=[route, files])).get("/api").text == "api"
    assert client_for(Starlette(routes=[files, route])).get("/api").status_code == 404
