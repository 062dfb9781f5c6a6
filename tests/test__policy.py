"""The values in which the two faces differ."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from bolide._policy import (
    BOLIDE,
    STARLETTE,
    Policy,
    PolicyOptions,
    UnknownChoice,
    UnknownOption,
    policy_of,
)
from bolide.applications import Bolide, Starlette


def test_every_choice_is_an_option_of_the_same_type() -> None:
    assert PolicyOptions.__annotations__ == Policy.__annotations__


def test_every_choice_is_described() -> None:
    assert Policy.__doc__ is not None
    for name in Policy.__annotations__:
        assert f"    {name}: " in Policy.__doc__


def test_what_starlette_does_is_the_default() -> None:
    assert Policy() == STARLETTE == Starlette().policy


def test_a_policy_is_a_value() -> None:
    policy, other = Policy(strict_forms=True), Policy(strict_forms=True)

    assert policy == other
    assert hash(policy) == hash(other)
    assert policy != STARLETTE
    assert policy != "Policy(strict_forms=True)"
    assert repr(policy) == "Policy(strict_forms=True)"


def test_a_policy_is_copied_and_pickled_as_what_it_is() -> None:
    policy = Policy(strict_forms=True)

    assert copy.deepcopy(policy) == policy
    assert pickle.loads(pickle.dumps(policy)) == policy


def test_a_policy_does_not_change() -> None:
    with pytest.raises(AttributeError, match="cannot be changed"):
        STARLETTE.strict_forms = True
    with pytest.raises(AttributeError, match="has no other 'strict_from'"):
        STARLETTE.strict_from = True
    with pytest.raises(AttributeError, match="cannot be changed"):
        del STARLETTE.strict_forms
    assert STARLETTE.strict_forms is False


def test_bolide_differs_in_its_policy() -> None:
    assert Bolide().policy == BOLIDE != STARLETTE
    assert Bolide(max_replay_size=5).policy == BOLIDE.changed({"max_replay_size": 5})


def test_starlette_can_be_given_a_policy() -> None:
    policy = Policy(refuse_bad_json=True)
    assert Starlette(policy=policy).policy is policy


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max_replay_sizes", "There is no option 'max_replay_sizes'; did you mean 'max_replay_si"),
        ("zebra", "There is no option 'zebra'."),
    ],
)
def test_an_unknown_option_is_an_error_that_helps(name: str, text: str) -> None:
    options: Any = {name: 1}
    for make in (Bolide, Policy):
        with pytest.raises(UnknownOption) as caught:
            make(**options)
        assert str(caught.value).startswith(text)
        assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (
            {"redirect_slashes": "ignored"},
            "redirect_slashes is one of 'redirect', 'strict', 'ignore'; got 'ignored'.",
        ),
        (
            {"redirect_slashes": False},
            "redirect_slashes is one of 'redirect', 'strict', 'ignore'; got False.",
        ),
        ({"debug_for": "me"}, "debug_for is one of 'anyone', 'loopback'; got 'me'."),
    ],
)
def test_a_word_that_there_is_not_is_an_error_that_helps(option: Any, text: str) -> None:
    for make in (Bolide, Policy):
        with pytest.raises(UnknownChoice) as caught:
            make(**option)
        assert str(caught.value) == text
        assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("scope", [{}, {"app": None}, {"app": object()}])
def test_who_has_no_policy_has_that_of_starlette(scope: dict[str, Any]) -> None:
    assert policy_of(scope) is STARLETTE


def test_the_policy_of_a_connection_is_that_of_its_application() -> None:
    app = Bolide()
    assert policy_of({"app": app}) is app.policy
