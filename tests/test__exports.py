"""Public names report the public module."""

from __future__ import annotations

from typing import Any

import pytest

from bolide._exports import publish


class Private: ...


def private() -> None: ...


class Value:
    """A class whose instances are public, but not the class."""


@pytest.fixture(autouse=True)
def from_a_private_module(monkeypatch: pytest.MonkeyPatch) -> None:
    for thing in (Private, private, Value):
        monkeypatch.setattr(thing, "__module__", "bolide._private.deep")


def facade(**names: Any) -> dict[str, Any]:
    """The globals of a public module with these public names."""
    return {"__name__": "bolide.facade", "__all__": list(names), **names}


def test_a_class_and_a_function_report_the_public_module() -> None:
    publish(facade(Private=Private, private=private))

    assert Private.__module__ == "bolide.facade"
    assert private.__module__ == "bolide.facade"


def test_a_name_that_is_not_public_keeps_its_module() -> None:
    namespace = facade(Private=Private)
    namespace["private"] = private

    publish(namespace)

    assert private.__module__ == "bolide._private.deep"


@pytest.mark.parametrize("module", ["bolide.other", "bolide", "bolide_plugin._x", "other._x"])
def test_a_name_from_elsewhere_keeps_its_module(module: str) -> None:
    Private.__module__ = module

    publish(facade(Private=Private))

    assert Private.__module__ == module


def test_a_public_value_keeps_the_module_of_its_class() -> None:
    value = Value()

    publish(facade(value=value, number=5, alias=list[int]))

    assert value.__module__ == "bolide._private.deep"
    assert "__module__" not in vars(value)


def test_the_first_public_module_stays() -> None:
    publish(facade(Private=Private))
    publish({**facade(Private=Private), "__name__": "bolide.second"})

    assert Private.__module__ == "bolide.facade"
