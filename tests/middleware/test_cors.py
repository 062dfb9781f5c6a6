"""Headers that let pages of other origins read responses, and the answers to preflights."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._policy import Policy
from bolide.applications import Starlette
from bolide.datastructures import Headers
from bolide.middleware import Middleware
from bolide.middleware.cors import (
    ALL_METHODS,
    SAFELISTED_HEADERS,
    CORSMiddleware,
    find_fault,
)
from bolide.middleware.gzip import GZipMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient
from bolide.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]
Pairs = list[tuple[str, str]]

ORIGIN = "https://example.org"
SAFELISTED = "Accept, Accept-Language, Content-Language, Content-Type"


def answering(
    response_headers: Sequence[tuple[str, str]] = (), calls: list[str] | None = None
) -> Any:
    """Make an application that answers 200 with these headers."""
    raw = [(name.encode(), value.encode()) for name, value in response_headers]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if calls is not None:
            calls.append(scope["method"])
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": b"from the app"})

    return app


async def call(app: Any, method: str, headers: dict[str, str]) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise RuntimeError("nothing is to be received")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    return sent


def pairs(start: Message) -> Pairs:
    return [(name.decode(), value.decode()) for name, value in start["headers"]]


async def preflight(
    middleware: CORSMiddleware,
    origin: str = ORIGIN,
    method: str = "GET",
    headers: str | None = None,
    private_network: str | None = None,
) -> tuple[int, str, Pairs]:
    request = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers is not None:
        request["Access-Control-Request-Headers"] = headers
    if private_network is not None:
        request["Access-Control-Request-Private-Network"] = private_network
    start, body = await call(middleware, "OPTIONS", request)
    return start["status"], body["body"].decode(), pairs(start)


async def simple(
    middleware: CORSMiddleware, origin: str | None = ORIGIN, method: str = "GET"
) -> Pairs:
    start, body = await call(middleware, method, {} if origin is None else {"Origin": origin})
    assert (start["status"], body["body"]) == (200, b"from the app")
    return pairs(start)


def test_the_constants_are_those_of_the_fetch_standard() -> None:
    assert ALL_METHODS == ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
    assert {"Accept", "Accept-Language", "Content-Language", "Content-Type"} == SAFELISTED_HEADERS


# Preflights: which requests are some, and what the answer looks like


async def test_a_preflight_is_answered_without_the_application() -> None:
    calls: list[str] = []
    middleware = CORSMiddleware(answering(calls=calls), allow_origins=[ORIGIN])

    status, text, headers = await preflight(middleware)

    assert (status, text) == (200, "OK")
    assert ("content-type", "text/plain; charset=utf-8") in headers
    assert ("content-length", "2") in headers
    assert calls == []


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", {}),
        ("OPTIONS", {"Origin": ORIGIN}),
        ("OPTIONS", {"Access-Control-Request-Method": "GET"}),
        ("GET", {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}),
    ],
)
async def test_what_is_no_preflight_goes_to_the_application(
    method: str, headers: dict[str, str]
) -> None:
    calls: list[str] = []
    await call(CORSMiddleware(answering(calls=calls), allow_origins=["*"]), method, headers)

    assert calls == [method]


async def test_the_headers_of_an_answer_for_any_origin_come_in_order() -> None:
    middleware = CORSMiddleware(
        answering(), allow_origins=["*"], allow_headers=["*"], allow_private_network=True
    )

    _, _, headers = await preflight(middleware, headers="X-One, x-two", private_network="true")

    assert headers == [
        (
            "vary",
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers,"
            " Access-Control-Request-Private-Network",
        ),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET"),
        ("access-control-max-age", "600"),
        ("access-control-allow-headers", "X-One, x-two"),
        ("access-control-allow-private-network", "true"),
        ("content-length", "2"),
        ("content-type", "text/plain; charset=utf-8"),
    ]


async def test_the_headers_of_an_answer_for_one_origin_come_in_order() -> None:
    middleware = CORSMiddleware(
        answering(),
        allow_origins=[ORIGIN],
        allow_methods=["POST", "GET"],
        allow_headers=["X-Two", "X-One"],
        allow_credentials=True,
        allow_private_network=True,
        max_age=5,
    )

    _, _, headers = await preflight(middleware, headers="x-one", private_network="true")

    assert headers[1:] == [
        ("access-control-allow-methods", "POST, GET"),
        ("access-control-max-age", "5"),
        ("access-control-allow-headers", f"{SAFELISTED}, X-One, X-Two"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-origin", ORIGIN),
        ("access-control-allow-private-network", "true"),
        ("content-length", "2"),
        ("content-type", "text/plain; charset=utf-8"),
    ]


async def test_any_origin_with_credentials_is_answered_with_the_one_that_asks() -> None:
    middleware = CORSMiddleware(answering(), allow_origins=["*"], allow_credentials=True)

    _, _, headers = await preflight(middleware, origin="https://a.example")

    assert dict(headers)["access-control-allow-origin"] == "https://a.example"
    assert dict(headers)["access-control-allow-credentials"] == "true"


async def test_all_failures_of_a_preflight_are_named_once_and_in_order() -> None:
    middleware = CORSMiddleware(answering(), allow_origins=[ORIGIN])

    status, text, headers = await preflight(
        middleware,
        origin="https://evil.example",
        method="POST",
        headers="X-Nope, X-Neither",
        private_network="true",
    )

    assert status == 400
    assert text == "Disallowed CORS origin, method, headers, private-network"
    names = [name for name, _ in headers]
    assert "access-control-allow-origin" not in names
    assert "access-control-allow-private-network" not in names
    # A cache must not give the refusal to other pages.
    assert headers[0] == (
        "vary",
        "Origin, Access-Control-Request-Method, Access-Control-Request-Headers,"
        " Access-Control-Request-Private-Network",
    )


async def test_a_refusal_for_other_reasons_tells_an_allowed_page_why() -> None:
    middleware = CORSMiddleware(answering(), allow_origins=[ORIGIN])

    status, text, headers = await preflight(middleware, method="POST")

    assert (status, text) == (400, "Disallowed CORS method")
    assert dict(headers)["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("method", ALL_METHODS)
async def test_a_star_among_methods_stands_for_the_usual_ones(method: str) -> None:
    middleware = CORSMiddleware(answering(), allow_origins=["*"], allow_methods=["*", "CUSTOM"])

    status, _, headers = await preflight(middleware, method=method)

    assert status == 200
    assert dict(headers)["access-control-allow-methods"] == ", ".join(ALL_METHODS)


@pytest.mark.parametrize("method", ["CUSTOM", "get", "*"])
async def test_a_star_among_methods_does_not_stand_for_others(method: str) -> None:
    middleware = CORSMiddleware(answering(), allow_origins=["*"], allow_methods=["*"])

    assert (await preflight(middleware, method=method))[:2] == (400, "Disallowed CORS method")


@pytest.mark.parametrize(
    "requested",
    ["accept", "ACCEPT-LANGUAGE", "content-language,content-type", " X-Own , Accept ", "x-own"],
)
async def test_requested_headers_are_compared_without_case_and_space(requested: str) -> None:
    middleware = CORSMiddleware(answering(), allow_origins=["*"], allow_headers=("X-Own",))

    status, _, headers = await preflight(middleware, headers=requested)

    assert status == 200
    assert dict(headers)["access-control-allow-headers"] == f"{SAFELISTED}, X-Own"


@pytest.mark.parametrize("requested", ["X-Other", "X-Own, X-Other", "X-Ow", "X-Own X-Own"])
async def test_other_headers_are_refused(requested: str) -> None:
    middleware = CORSMiddleware(answering(), allow_origins=["*"], allow_headers=("X-Own",))

    result = await preflight(middleware, headers=requested)

    assert result[:2] == (400, "Disallowed CORS headers")


async def test_a_star_among_headers_gives_back_what_is_requested() -> None:
    middleware = CORSMiddleware(answering(), allow_origins=["*"], allow_headers=["*"])

    _, _, mirrored = await preflight(middleware, headers="X-b,x-A , *")
    _, _, without = await preflight(middleware)

    assert dict(mirrored)["access-control-allow-headers"] == "X-b,x-A , *"
    assert "access-control-allow-headers" not in dict(without)


@pytest.mark.parametrize("value", ["true", "false", ""])
async def test_a_private_network_is_open_only_if_said_so(value: str) -> None:
    shut = CORSMiddleware(answering(), allow_origins=["*"])
    opened = CORSMiddleware(answering(), allow_origins=["*"], allow_private_network=True)

    status, text, headers = await preflight(opened, private_network=value)
    assert (status, text) == (200, "OK")
    assert dict(headers)["access-control-allow-private-network"] == "true"
    assert (await preflight(shut, private_network=value))[:2] == (
        400,
        "Disallowed CORS private-network",
    )


async def test_a_private_network_that_nobody_asks_about_is_not_mentioned() -> None:
    opened = CORSMiddleware(answering(), allow_origins=["*"], allow_private_network=True)

    assert "access-control-allow-private-network" not in dict((await preflight(opened))[2])


# Other requests


async def test_any_origin_may_read() -> None:
    middleware = CORSMiddleware(answering(), allow_origins=["*"])

    assert await simple(middleware) == [("access-control-allow-origin", "*"), ("vary", "Origin")]


async def test_any_origin_may_read_with_credentials_when_named() -> None:
    middleware = CORSMiddleware(
        answering(), allow_origins=["*"], allow_credentials=True, expose_headers=("X-A", "X-B")
    )

    assert await simple(middleware) == [
        ("access-control-allow-origin", ORIGIN),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "X-A, X-B"),
        ("vary", "Origin"),
    ]


async def test_one_origin_may_read() -> None:
    middleware = CORSMiddleware(answering(), allow_origins=[ORIGIN])

    assert await simple(middleware) == [("access-control-allow-origin", ORIGIN), ("vary", "Origin")]


async def test_another_origin_is_answered_but_may_not_read() -> None:
    middleware = CORSMiddleware(
        answering(), allow_origins=[ORIGIN], allow_credentials=True, expose_headers=["X-A"]
    )

    assert await simple(middleware, "https://evil.example") == [
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "X-A"),
        ("vary", "Origin"),
    ]


@pytest.mark.parametrize("allow_origins", [["*"], [ORIGIN], []])
@pytest.mark.parametrize("allow_credentials", [True, False])
async def test_a_request_without_an_origin_says_only_that_it_depends_on_it(
    allow_origins: list[str], allow_credentials: bool
) -> None:
    middleware = CORSMiddleware(
        answering(),
        allow_origins=allow_origins,
        allow_credentials=allow_credentials,
        expose_headers=["X-A"],
    )

    assert await simple(middleware, None) == [("vary", "Origin")]


@pytest.mark.parametrize("allow_origins", [["*"], [ORIGIN], []])
@pytest.mark.parametrize("origin", [None, ORIGIN])
async def test_origin_is_added_to_what_the_response_depends_on(
    allow_origins: list[str], origin: str | None
) -> None:
    app = answering([("vary", "Accept-Encoding"), ("x-between", "1"), ("vary", "Accept-Language")])

    headers = await simple(CORSMiddleware(app, allow_origins=allow_origins), origin)

    varies = [value for name, value in headers if name == "vary"]
    assert varies == ["Accept-Encoding, Accept-Language, Origin"]


async def test_headers_of_the_application_are_replaced() -> None:
    app = answering(
        [
            ("access-control-allow-origin", "https://app.example"),
            ("access-control-expose-headers", "X-App"),
            ("x-app", "1"),
        ]
    )
    middleware = CORSMiddleware(app, allow_origins=["*"], expose_headers=["X-A"])

    assert await simple(middleware) == [
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "X-A"),
        ("x-app", "1"),
        ("vary", "Origin"),
    ]


async def test_the_list_of_the_response_object_is_not_touched() -> None:
    response = PlainTextResponse("again and again")
    before = list(response.raw_headers)
    middleware = CORSMiddleware(response, allow_origins=["*"])

    first = await call(middleware, "GET", {"Origin": ORIGIN})
    second = await call(middleware, "GET", {"Origin": ORIGIN})

    assert response.raw_headers == before
    assert first == second


async def test_a_start_without_headers_gets_some() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    start, body = await call(CORSMiddleware(app, allow_origins=[ORIGIN]), "GET", {"Origin": ORIGIN})

    assert pairs(start) == [("access-control-allow-origin", ORIGIN), ("vary", "Origin")]
    assert start["status"] == 204
    assert body == {"type": "http.response.body"}


async def test_other_messages_pass_as_they_are() -> None:
    early: Message = {"type": "http.response.early_hint", "links": []}
    trailers: Message = {"type": "http.response.trailers", "headers": []}
    body: Message = {"type": "http.response.body", "body": b"x"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(early)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send(body)
        await send(trailers)

    sent = await call(CORSMiddleware(app, allow_origins=["*"]), "GET", {"Origin": ORIGIN})

    assert sent[0] is early
    assert sent[2] is body
    assert sent[3] is trailers


async def test_a_subclass_may_send_messages_of_its_own() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    body: Message = {"type": "http.response.body"}
    middleware = CORSMiddleware(answering(), allow_origins=["*"])
    for message in (start, body):
        await middleware.send(message, send, Headers({"Origin": ORIGIN}))

    assert pairs(sent[0]) == [("access-control-allow-origin", "*"), ("vary", "Origin")]
    assert start["headers"] == []
    assert sent[1] is body


class Readable(CORSMiddleware):
    """Has the middleware do without its shorter way, as for any subclass that changes a step."""

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        await super().send(message, send, request_headers)


@given(
    config=st.fixed_dictionaries(
        {
            "allow_origins": st.sampled_from([["*"], [ORIGIN], []]),
            "allow_credentials": st.booleans(),
            "expose_headers": st.sampled_from([(), ("X-A", "X-B")]),
        }
    ),
    origin=st.sampled_from([None, ORIGIN, "https://other.example", "https://a\rb.example"]),
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    b"content-type",
                    b"vary",
                    b"access-control-allow-origin",
                    b"access-control-allow-credentials",
                    b"access-control-expose-headers",
                ]
            ),
            st.sampled_from([b"1", b"2", b"*"]),
        )
    ),
)
def test_both_ways_of_adding_headers_add_the_same(
    config: dict[str, Any], origin: str | None, headers: list[tuple[bytes, bytes]]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": tuple(headers)})
        await send({"type": "http.response.body", "body": b"from the app"})

    async def both() -> None:
        short = await simple(CORSMiddleware(app, **config), origin)
        assert short == await simple(Readable(app, **config), origin)

    anyio.run(both)


@pytest.mark.parametrize("step", ["is_allowed_origin", "allow_explicit_origin", "simple_response"])
async def test_a_subclass_may_change_any_step(step: str) -> None:
    asked: list[str] = []

    def noting(*args: Any) -> Any:
        asked.append(step)
        return getattr(CORSMiddleware, step)(*args)

    changed = staticmethod(noting) if step == "allow_explicit_origin" else noting
    middleware = type("Own", (CORSMiddleware,), {step: changed})(answering(), [ORIGIN])

    assert ("access-control-allow-origin", ORIGIN) in await simple(middleware)
    assert asked == [step]


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_only_http_is_touched(kind: str) -> None:
    calls: list[tuple[Any, ...]] = []

    async def app(*args: Any) -> None:
        calls.append(args)

    async def channel(*args: Any) -> Any: ...

    scope: Scope = {"type": kind}
    await CORSMiddleware(app, allow_origins=["*"])(scope, channel, channel)

    assert calls == [(scope, channel, channel)]


# Which origins


@pytest.mark.parametrize("collection", [list, tuple, set, frozenset])
async def test_any_collection_will_do(collection: Callable[[list[str]], Collection[str]]) -> None:
    middleware = CORSMiddleware(
        answering(),
        allow_origins=collection([ORIGIN]),
        allow_methods=collection(["POST"]),
        allow_headers=collection(["X-Own"]),
        expose_headers=collection(["X-Mine"]),
    )

    assert (await preflight(middleware, method="POST", headers="x-own"))[0] == 200
    assert dict(await simple(middleware))["access-control-expose-headers"] == "X-Mine"


ORIGINS = [
    ("https://example.org", True),
    ("https://Example.org", False),
    ("http://example.org", False),
    ("https://example.org:443", False),
    ("https://example.org.evil.example", False),
    ("https://api.example.com", True),
    ("https://api.v2.example.com", True),
    ("https://API.example.com", False),
    ("https://api.example.com.evil.example", False),
    ("evil://https://api.example.com", False),
    ("https://api.example.com\n", False),
    ("null", False),
    ("", False),
]


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS)
async def test_an_origin_is_one_of_the_list_or_matches_the_expression_as_a_whole(
    origin: str, allowed: bool
) -> None:
    middleware = CORSMiddleware(
        answering(),
        allow_origins=["https://example.org"],
        allow_origin_regex=r"https://[a-z0-9.]+\.example\.com",
    )

    assert middleware.is_allowed_origin(origin) is allowed
    status, text, headers = await preflight(middleware, origin=origin)
    assert (status, text) == ((200, "OK") if allowed else (400, "Disallowed CORS origin"))
    assert dict(headers).get("access-control-allow-origin") == (origin if allowed else None)
    found = dict(await simple(middleware, origin))
    assert found.get("access-control-allow-origin") == (origin if allowed else None)


async def test_an_expression_of_alternatives_has_to_match_as_a_whole() -> None:
    middleware = CORSMiddleware(answering(), allow_origin_regex="https://a|https://ab")

    assert middleware.is_allowed_origin("https://ab")
    assert not middleware.is_allowed_origin("https://abc")


# All of it against an oracle


def oracle(config: dict[str, Any], request: dict[str, str]) -> tuple[int, str, dict[str, str]]:
    """Say what has to come, naively; the keys of `request` are in lower case."""
    origin = request.get("origin")
    any_origin = "*" in config["allow_origins"]
    methods = list(ALL_METHODS) if "*" in config["allow_methods"] else config["allow_methods"]
    allowed = any_origin or origin in config["allow_origins"]
    if origin and config["allow_origin_regex"]:
        allowed = allowed or bool(re.match(f"(?:{config['allow_origin_regex']})\\Z", origin))
    answer_origin = origin if config["allow_credentials"] or not any_origin else "*"
    headers: dict[str, str] = {}
    if config["allow_credentials"] and origin is not None:
        headers["access-control-allow-credentials"] = "true"
    if allowed and origin is not None and answer_origin is not None:
        headers["access-control-allow-origin"] = answer_origin

    if origin is None or request["method"] != "OPTIONS" or "request-method" not in request:
        headers["vary"] = "Origin"
        if origin is not None and config["expose_headers"]:
            headers["access-control-expose-headers"] = ", ".join(config["expose_headers"])
        return 200, "from the app", headers

    headers["access-control-allow-methods"] = ", ".join(methods)
    headers["access-control-max-age"] = str(config["max_age"])
    headers["vary"] = (
        "Origin, Access-Control-Request-Method, Access-Control-Request-Headers,"
        " Access-Control-Request-Private-Network"
    )
    failures = []
    if not allowed:
        failures.append("origin")
    if request["request-method"] not in methods:
        failures.append("method")
    wanted = request.get("request-headers")
    everything = sorted({*SAFELISTED_HEADERS, *config["allow_headers"]})
    if "*" not in config["allow_headers"]:
        headers["access-control-allow-headers"] = ", ".join(everything)
        known = [name.lower() for name in everything]
        if wanted is not None and [w for w in wanted.lower().split(",") if w.strip() not in known]:
            failures.append("headers")
    elif wanted is not None:
        headers["access-control-allow-headers"] = wanted
    if "request-private-network" in request:
        if config["allow_private_network"]:
            headers["access-control-allow-private-network"] = "true"
        else:
            failures.append("private-network")
    text = f"Disallowed CORS {', '.join(failures)}" if failures else "OK"
    headers["content-length"] = str(len(text))
    headers["content-type"] = "text/plain; charset=utf-8"
    return 400 if failures else 200, text, headers


def some(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), unique=True)


CONFIGS = st.fixed_dictionaries(
    {
        "allow_origins": some("*", "https://a.example", "https://b.example"),
        "allow_methods": some("*", "GET", "POST", "CUSTOM"),
        "allow_headers": some("*", "X-One", "x-two", "Accept", "content-type"),
        "allow_credentials": st.booleans(),
        "allow_origin_regex": st.sampled_from(
            [None, r"https://.\.example", "https://a|https://ab"]
        ),
        "allow_private_network": st.booleans(),
        "expose_headers": some("X-One", "X-Two"),
        "max_age": st.integers(0, 1000),
    }
)
REQUESTS = st.fixed_dictionaries(
    {"method": st.sampled_from(["OPTIONS", "OPTIONS", "GET"])},
    optional={
        "origin": st.sampled_from(
            ["https://a.example", "https://A.example", "https://c.example", "https://ab", "*", "x"]
        ),
        "request-method": st.sampled_from(["GET", "POST", "CUSTOM", "OTHER", "*"]),
        "request-headers": st.one_of(
            st.just(""),
            st.lists(
                st.sampled_from(["x-one", "X-TWO", " accept", "Content-Type ", "x-three", "*"]),
                min_size=1,
            ).map(",".join),
        ),
        "request-private-network": st.just("true"),
    },
)


@given(CONFIGS, st.lists(REQUESTS, min_size=1, max_size=3))
def test_every_answer_is_that_of_a_naive_reading_of_the_rules(
    config: dict[str, Any], requests: list[dict[str, str]]
) -> None:
    # Several requests to one middleware: nothing may leak from one to another.
    middleware = CORSMiddleware(answering(), **config)
    for request in requests:
        headers = {
            name if name == "origin" else f"access-control-{name}": value
            for name, value in request.items()
            if name != "method"
        }
        start, body = anyio.run(call, middleware, request["method"], headers)
        found = pairs(start)
        assert len(found) == len(dict(found))
        assert (start["status"], body["body"].decode(), dict(found)) == oracle(config, request)


# In an application


def test_nothing_leaks_from_one_request_to_another(client_for: ClientFor) -> None:
    async def homepage(request: Request) -> Response:
        return PlainTextResponse("Homepage")

    app = Starlette(
        routes=[Route("/", homepage)],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_headers=["*"],
                allow_credentials=True,
            )
        ],
    )
    with client_for(app) as client:
        for origin, header in itertools.product(("https://a.example", "https://b.example"), "xy"):
            request = {
                "Origin": origin,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": header,
            }
            answer = client.options("/", headers=request)
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["access-control-allow-headers"] == header

            response = client.get("/", headers={"Origin": origin})
            assert response.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-origin" not in client.get("/").headers


def test_responses_to_errors_are_covered_from_outside_of_the_application(
    client_for: ClientFor,
) -> None:
    async def fail(request: Request) -> Response:
        raise RuntimeError("broken")

    app = CORSMiddleware(Starlette(routes=[Route("/", fail)]), allow_origins=["*"])
    client = client_for(app, raise_server_exceptions=False)

    for path, status in [("/", 500), ("/missing", 404)]:
        response = client.get(path, headers={"Origin": ORIGIN})
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("cors_first", [True, False])
def test_gzip_and_cors_add_to_what_the_response_depends_on(
    client_for: ClientFor, cors_first: bool
) -> None:
    async def homepage(request: Request) -> Response:
        return PlainTextResponse("x" * 4000, headers={"Vary": "Cookie"})

    middleware = [
        Middleware(CORSMiddleware, allow_origins=[ORIGIN]),
        Middleware(GZipMiddleware),
    ]
    if not cors_first:
        middleware.reverse()
    app = Starlette(routes=[Route("/", homepage)], middleware=middleware)

    response = client_for(app).get("/", headers={"Origin": ORIGIN, "Accept-Encoding": "gzip"})

    added = ["Accept-Encoding", "Origin"] if cors_first else ["Origin", "Accept-Encoding"]
    assert response.headers["vary"] == ", ".join(["Cookie", *added])
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.text == "x" * 4000


# A safe middleware


@pytest.mark.parametrize(
    ("expression", "is_bare"),
    [
        (r"https://app\.example\.org", False),
        (r"https://.*\.example\.org", False),
        (r"https://.+|https://.?|https://.{1,3}", False),
        (r"[.]|[^.]|[]. ]|[\].]|\\\.", False),
        (r"example.org", True),
        (r".", True),
        (r"\\.", True),
        (r"[.].", True),
        (r"a.*b.c", True),
    ],
)
def test_a_dot_is_bare_if_it_matches_any_one_character(expression: str, is_bare: bool) -> None:
    fault = find_fault({"allow_origins": []}, expression, False)

    assert (fault is not None) is is_bare


@pytest.mark.parametrize(
    ("origins", "expression", "message"),
    [
        ("https://example.org", None, "allow_origins has to be a list"),
        (["*"], None, "Name the origins"),
        (["https://example.org/"], None, "is no origin"),
        ([], ".*", "Name the origins"),
        ([], "http://[^/]*", "Name the origins"),
    ],
)
def test_a_fault_with_credentials_is_named(
    origins: Any, expression: str | None, message: str
) -> None:
    fault = find_fault({"allow_origins": origins}, expression, True)

    assert fault is not None
    assert message in fault
    with pytest.raises(ValueError, match=message):
        CORSMiddleware(
            PlainTextResponse("home"),
            allow_origins=origins,
            allow_origin_regex=expression,
            allow_credentials=True,
            safe=True,
        )


def test_what_is_safe_has_no_fault() -> None:
    assert find_fault({"allow_origins": ["*"]}, None, False) is None
    assert find_fault({"allow_origins": ["https://a.example"]}, r"https://b\.example", True) is None


def test_a_safe_middleware_compares_origins_in_their_normal_form() -> None:
    middleware = CORSMiddleware(
        PlainTextResponse("home"),
        allow_origins=["https://example.org:443"],
        allow_origin_regex=r"https://[a-z]*\.example\.org",
        safe=True,
    )
    for origin in ("https://example.org", "HTTPS://EXAMPLE.ORG", "https://app.example.org"):
        assert middleware.is_allowed_origin(origin)
    for origin in ("https://evil.example/.example.org", "null", "", "https://example.org\n"):
        assert not middleware.is_allowed_origin(origin)


@pytest.mark.parametrize("safe", [False, True])
def test_the_application_says_whether_it_is_safe(client_for: Any, safe: bool) -> None:
    class App:
        policy = Policy(safe_cors=safe)

    middleware = CORSMiddleware(PlainTextResponse("home"), allow_methods="GET")

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        await middleware({**scope, "app": App()}, receive, send)

    if safe:
        with pytest.raises(ValueError, match="allow_methods has to be a list"):
            client_for(inside).get("/")
    else:
        assert client_for(inside).get("/").text == "home"


@pytest.mark.parametrize("bad", ["\r", "\n", "\0"])
def test_what_would_end_a_header_is_not_asked_for(bad: str) -> None:
    middleware = CORSMiddleware(PlainTextResponse("home"), ["*"], allow_headers=["*"])
    headers = {
        "origin": "https://a.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": f"x-a{bad}",
    }
    response = middleware.preflight_response(Headers(headers))

    assert (response.status_code, response.body) == (400, b"Disallowed CORS headers")
