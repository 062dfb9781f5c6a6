"""What an application may send, as the ASGI specification has it."""

from __future__ import annotations

import http
from typing import Any

import pytest

from bolide._testing.validation import (
    EXTENSIONS,
    FIELDS,
    MORE,
    ORDER,
    OWED,
    EventValidator,
    InvalidEvent,
    Stage,
)
from bolide.exceptions import BolideError

ALL_EXTENSIONS: dict[str, Any] = {name: {} for name in EXTENSIONS.values()}

START = {"type": "http.response.start", "status": 200}
START_WITH_TRAILERS = {**START, "trailers": True}
BODY = {"type": "http.response.body"}
MORE_BODY = {**BODY, "more_body": True}
TRAILERS = {"type": "http.response.trailers"}
ACCEPT = {"type": "websocket.accept"}
TEXT = {"type": "websocket.send", "text": ""}
CLOSE = {"type": "websocket.close"}
DENIAL = {"type": "websocket.http.response.start", "status": 403}
DENIAL_BODY = {"type": "websocket.http.response.body"}
UP = {"type": "lifespan.startup.complete"}
DOWN = {"type": "lifespan.shutdown.complete"}


def validator(kind: str, extensions: Any = ALL_EXTENSIONS) -> EventValidator:
    return EventValidator({"type": kind, "extensions": extensions})


def kind_of(event: Any) -> str:
    """Give the type of the scope that an event belongs to."""
    return str(event["type"]).partition(".")[0]


def check(*events: Any, kind: str | None = None, extensions: Any = ALL_EXTENSIONS) -> Any:
    """Let a new validator see events, and give the last one as it came back."""
    subject = validator(kind or kind_of(events[0]), extensions)
    return [subject.checked(event) for event in events][-1]


def rule(*events: Any, **options: Any) -> str:
    """Give the rule that the last of some events breaks."""
    with pytest.raises(InvalidEvent) as raised:
        check(*events, **options)
    assert raised.value.event is events[-1]
    return raised.value.rule


# Order


@pytest.mark.parametrize(
    "events",
    [
        [START, BODY],
        [START, MORE_BODY, MORE_BODY, BODY],
        [START_WITH_TRAILERS, MORE_BODY, BODY, {**TRAILERS, "more_trailers": True}, TRAILERS],
        [{"type": "http.response.early_hint", "links": [b"</a>"]}, START, BODY],
        [{"type": "http.response.push", "path": "/a", "headers": []}, START, BODY],
        [{"type": "http.response.debug", "info": {}}, START, BODY],
        [START, {"type": "http.response.debug", "info": {}}, BODY],
        [START, {"type": "http.response.pathsend", "path": "/a"}],
        [START_WITH_TRAILERS, {"type": "http.response.pathsend", "path": "/a"}, TRAILERS],
        [START, {"type": "http.response.zerocopysend", "file": 3, "more_body": True}, BODY],
        # `more_body` means nothing here.
        [{**START, "more_body": True}, BODY],
        [ACCEPT, TEXT, TEXT, CLOSE],
        [{**ACCEPT, "subprotocol": "a", "headers": [(b"a", b"b")]}],
        [CLOSE],
        [DENIAL, {**DENIAL_BODY, "more_body": True}, DENIAL_BODY],
        [UP, DOWN],
        [{"type": "lifespan.startup.failed"}],
        [UP, {"type": "lifespan.shutdown.failed", "message": "no"}],
    ],
)
def test_legal_events_pass_and_the_application_may_end_then(events: list[Any]) -> None:
    subject = validator(kind_of(events[0]))
    for event in events:
        assert subject.checked(event) == event
    subject.finish()


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([BODY], "only 'http.response.start'"),
        ([START, START], "only 'http.response.body'"),
        ([START, BODY, BODY], "nothing"),
        ([START, BODY, TRAILERS], "nothing"),
        ([START_WITH_TRAILERS, BODY, BODY], "only 'http.response.trailers'"),
        ([START, MORE_BODY, TRAILERS], "only 'http.response.body'"),
        ([START, {"type": "http.response.early_hint"}], "only 'http.response.body'"),
        ([TEXT], "only 'websocket.accept' or 'websocket.close'"),
        ([ACCEPT, ACCEPT], "only 'websocket.send' or 'websocket.close'"),
        ([ACCEPT, DENIAL], "only 'websocket.send' or 'websocket.close'"),
        ([ACCEPT, CLOSE, TEXT], "nothing"),
        ([CLOSE, ACCEPT], "nothing"),
        ([DENIAL, ACCEPT], "only 'websocket.http.response.body'"),
        ([DENIAL, DENIAL_BODY, DENIAL_BODY], "nothing"),
        ([DOWN], "only 'lifespan.startup.complete' or 'lifespan.startup.failed'"),
        ([{"type": "lifespan.startup.failed"}, DOWN], "nothing"),
    ],
)
def test_an_event_out_of_order_is_told_what_may_come(events: list[Any], expected: str) -> None:
    broken = rule(*events)
    assert broken.startswith(expected)
    assert broken.endswith(" may come next")


def test_only_what_the_server_offers_is_said_to_be_possible() -> None:
    assert rule(BODY, extensions={}) == "only 'http.response.start' may come next"
    assert rule(BODY, extensions=None) == "only 'http.response.start' may come next"
    with_debug = rule(BODY, extensions={"http.response.debug": {}})
    assert with_debug == "only 'http.response.start' or 'http.response.debug' may come next"


def test_an_event_of_another_protocol_is_out_of_order() -> None:
    assert rule(ACCEPT, kind="http", extensions={}) == "only 'http.response.start' may come next"


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([], {"type": "http.response.early_hint"}),
        ([], {"type": "http.response.push", "path": "/", "headers": []}),
        ([], {"type": "http.response.debug", "info": {}}),
        ([START], {"type": "http.response.pathsend", "path": "/"}),
        ([START], {"type": "http.response.zerocopysend", "file": 1}),
        ([START_WITH_TRAILERS, BODY], TRAILERS),
        ([], DENIAL),
    ],
)
def test_an_extension_must_be_in_the_scope(before: list[Any], event: Any) -> None:
    extension = EXTENSIONS[event["type"]]
    assert rule(*before, event, extensions={}) == f"the scope has no extension {extension!r}"
    check(*before, event, extensions={extension: {}})


@pytest.mark.parametrize(
    ("kind", "events", "missing"),
    [
        ("http", [], "it has not started a response"),
        ("http", [START], "its response is not complete: the last part of the body is missing"),
        ("http", [START, MORE_BODY], OWED[Stage.RESPONSE_BODY]),
        (
            "http",
            [START_WITH_TRAILERS, BODY],
            "its response is not complete: the last trailers are missing",
        ),
        ("websocket", [], "it has neither accepted nor closed the WebSocket"),
        ("websocket", [DENIAL], "its answer to the WebSocket handshake is not complete"),
        ("lifespan", [], "it has said nothing about its startup"),
        ("lifespan", [UP], "it has said nothing about its shutdown"),
    ],
)
def test_an_application_may_not_end_early(kind: str, events: list[Any], missing: str) -> None:
    subject = validator(kind)
    for event in events:
        subject.checked(event)
    with pytest.raises(InvalidEvent) as raised:
        subject.finish()
    assert str(raised.value) == f"The application has ended, but {missing}."


def test_an_event_that_breaks_a_rule_does_not_count() -> None:
    subject = validator("http")
    for _ in range(2):
        with pytest.raises(InvalidEvent):
            subject.checked({"type": "http.response.start", "status": "200"})
    assert subject.checked(START) == START


# Events


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (None, "an event must be a dict"),
        ([], "an event must be a dict"),
        ({}, "the `type` of an event must be a str"),
        ({"type": b"http.response.start"}, "the `type` of an event must be a str"),
        ({"type": "unheard.of"}, "there is no such event"),
        (
            {"type": "http.response.begin"},
            "there is no such event; did you mean 'http.response.debug'?",
        ),
        (
            {"type": "http.respones.start"},
            "there is no such event; did you mean 'http.response.start'?",
        ),
    ],
)
def test_an_event_is_a_dict_of_a_known_type(event: Any, expected: str) -> None:
    assert rule(event, kind="http") == expected


PAIRS = "must be an iterable of pairs"


@pytest.mark.parametrize(
    ("event", "key", "value", "expected"),
    [
        (START, "status", "200", "must be an int from 100 to 599, not '200'"),
        (START, "status", True, "must be an int from 100 to 599, not True"),
        (START, "status", 99, "must be an int from 100 to 599, not 99"),
        (START, "status", 600, "must be an int from 100 to 599, not 600"),
        (START, "trailers", 1, "must be a bool, not 1"),
        (START, "headers", None, f"{PAIRS} or items, not None"),
        (START, "headers", {b"a": b"b"}, f"{PAIRS} or items, not {{b'a': b'b'}}"),
        (START, "headers", b"a: b", f"{PAIRS} or items, not b'a: b'"),
        (START, "headers", "a: b", f"{PAIRS} or items, not 'a: b'"),
        (START, "headers", ["a: b"], f"{PAIRS} or items, not 'a: b'"),
        (START, "headers", [(b"a",)], f"{PAIRS} of bytes, but has (b'a',) in it"),
        (START, "headers", [("a", b"b")], f"{PAIRS} of bytes, but has ('a', b'b') in it"),
        (START, "headers", [(b"a", "b")], f"{PAIRS} of bytes, but has (b'a', 'b') in it"),
        (START, "headers", [(b"A", b"b")], "must have tokens in lower case as names, not b'A'"),
        (START, "headers", [(b"", b"b")], "must have tokens in lower case as names, not b''"),
        (START, "headers", [(b":a", b"b")], "must have tokens in lower case as names, not b':a'"),
        (START, "headers", [(b"a b", b"")], "must have tokens in lower case as names, not b'a b'"),
        (
            START,
            "headers",
            [(b"a", b"b\r\nc: d")],
            r"must have values without line breaks and NUL, not b'b\r\nc: d'",
        ),
        (BODY, "body", "text", "must be bytes, not 'text'"),
        (BODY, "body", None, "must be bytes, not None"),
        (BODY, "more_body", None, "must be a bool, not None"),
        (TRAILERS, "headers", 1, f"{PAIRS} or items, not 1"),
        (TRAILERS, "more_trailers", 0, "must be a bool, not 0"),
        ({"type": "http.response.debug"}, "info", [], "must be a dict, not []"),
        (
            {"type": "http.response.early_hint"},
            "links",
            ["</a>"],
            "must be an iterable of bytes, not ['</a>']",
        ),
        ({"type": "http.response.pathsend"}, "path", b"/a", "must be a str, not b'/a'"),
        (
            {"type": "http.response.zerocopysend", "file": 1},
            "count",
            "1",
            "must be an int or None, not '1'",
        ),
        (ACCEPT, "subprotocol", b"a", "must be a str or None, not b'a'"),
        (
            ACCEPT,
            "headers",
            [(b"sec-websocket-protocol", b"a")],
            "must not have `sec-websocket-protocol`; that is what `subprotocol` is for",
        ),
        (TEXT, "text", b"", "must be a str or None, not b''"),
        (TEXT, "bytes", "", "must be bytes or None, not ''"),
        (CLOSE, "code", "1000", "must be an int, not '1000'"),
        (CLOSE, "code", True, "must be an int, not True"),
        (CLOSE, "reason", 1, "must be a str or None, not 1"),
        ({"type": "lifespan.startup.failed"}, "message", None, "must be a str, not None"),
    ],
)
def test_a_value_is_what_it_must_be(event: Any, key: str, value: Any, expected: str) -> None:
    before: dict[str, list[Any]] = {
        "http.response.body": [START],
        "http.response.pathsend": [START],
        "http.response.zerocopysend": [START],
        "http.response.trailers": [START_WITH_TRAILERS, BODY],
        "websocket.send": [ACCEPT],
    }
    events = [*before.get(event["type"], []), {**event, key: value}]
    assert rule(*events) == f"`{key}` {expected}"


@pytest.mark.parametrize(
    ("events", "key"),
    [
        ([{"type": "http.response.start"}], "status"),
        ([{"type": "http.response.debug"}], "info"),
        ([START, {"type": "http.response.pathsend"}], "path"),
        ([START, {"type": "http.response.zerocopysend"}], "file"),
        ([{"type": "http.response.push", "path": "/"}], "headers"),
        ([{"type": "websocket.http.response.start"}], "status"),
    ],
)
def test_a_required_key_must_be_there(events: list[Any], key: str) -> None:
    assert rule(*events) == f"it lacks `{key}`"


@pytest.mark.parametrize("data", [{}, {"text": None}, {"text": "a", "bytes": b"a"}])
def test_a_websocket_message_is_either_text_or_binary(data: dict[str, Any]) -> None:
    broken = rule(ACCEPT, {"type": "websocket.send", **data})
    assert broken == "exactly one of `text` and `bytes` must not be None"


@pytest.mark.parametrize("value", [b"", bytearray(b"a"), memoryview(b"a")])
def test_a_body_is_anything_like_bytes(value: Any) -> None:
    assert check(START, {**BODY, "body": value})["body"] is value
    assert check(ACCEPT, {"type": "websocket.send", "bytes": value})["bytes"] is value


def test_a_status_may_be_one_of_an_enumeration() -> None:
    assert check({**START, "status": http.HTTPStatus.NOT_FOUND})["status"] == 404


def test_headers_that_can_be_read_once_come_back_as_a_list() -> None:
    event = {**START, "headers": iter([[b"a", b"b"]])}
    assert check(event)["headers"] == [(b"a", b"b")]


def test_unknown_keys_are_nobodys_business() -> None:
    event = {**START, "framework.extra": object()}
    assert check(event) == event


# The error


def test_the_error_names_the_event_and_the_rule() -> None:
    with pytest.raises(AssertionError) as raised:
        check(BODY, extensions={})
    assert isinstance(raised.value, BolideError)
    assert str(raised.value) == (
        "The application sent the event 'http.response.body',"
        " but only 'http.response.start' may come next."
    )


def test_the_error_shows_what_is_no_event() -> None:
    assert str(InvalidEvent(7, "so")) == "The application sent 7 as an event, but so."
    assert str(InvalidEvent({"type": 1}, "so")) == (
        "The application sent {'type': 1} as an event, but so."
    )


# The tables


def test_the_tables_know_the_same_events() -> None:
    ordered = {kind for stage in ORDER.values() for kind in stage}
    assert ordered == set(FIELDS)
    assert set(ORDER) == set(Stage)
    assert set(EXTENSIONS) <= set(FIELDS)
    assert all(MORE[kind] in FIELDS[kind].optional for kind in MORE)
