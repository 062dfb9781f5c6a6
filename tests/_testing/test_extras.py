"""Trailers and debug information on a response."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bolide._testing.extras import show_extras


def shown(response: Any = None, **said: Any) -> Any:
    """Put what an application said on a response."""
    response = response or SimpleNamespace(extensions={})
    conversation: Any = SimpleNamespace(**{"trailers": None, "debug": None, **said})
    show_extras(response, conversation)
    return response


def test_most_responses_have_none() -> None:
    assert vars(shown()) == {"extensions": {}}


def test_trailers_are_the_list_that_grows() -> None:
    trailers: list[Any] = []
    assert shown(trailers=trailers).extensions["http.response.trailers"] is trailers


def test_template_and_context_become_attributes() -> None:
    info = {"template": "t", "context": {"a": 1}, "other": 2}
    assert vars(shown(debug=info)) == {
        "extensions": {"http.response.debug": info},
        "template": "t",
        "context": {"a": 1},
    }


def test_the_first_information_stays() -> None:
    response = shown(debug={"template": "first"})
    assert vars(shown(response, debug={"template": "second"})) == {
        "extensions": {"http.response.debug": {"template": "first"}},
        "template": "first",
    }
