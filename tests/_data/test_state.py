"""State: attributes and items over one dict."""

from __future__ import annotations

import copy
import pickle

import pytest

from bolide._data.state import State


def test_attributes_and_items_are_the_same_things() -> None:
    state = State()
    state.a = 1
    state["b"] = 2
    assert (state["a"], state.b) == (1, 2)
    assert (list(state), len(state), "a" in state) == (["a", "b"], 2, True)
    del state.a
    del state["b"]
    assert len(state) == 0


def test_the_given_dict_is_used_itself() -> None:
    source = {"a": 1}
    state = State(source)
    state.b = 2
    assert source == {"a": 1, "b": 2}


def test_what_is_missing_is_an_attribute_error_or_a_key_error() -> None:
    class Mine(State):
        pass

    with pytest.raises(AttributeError, match="^'Mine' object has no attribute 'x'$"):
        Mine().x  # noqa: B018
    for remove in (lambda: State()["x"], lambda: State().__delattr__("x")):
        with pytest.raises(KeyError):
            remove()


def test_states_are_not_compared() -> None:
    assert State({"a": 1}) != State({"a": 1})


def test_a_state_can_be_copied_and_pickled() -> None:
    state = State({"a": [1]})
    assert copy.copy(state).a is state.a
    assert copy.deepcopy(state).a == [1]
    assert pickle.loads(pickle.dumps(state)).a == [1]
