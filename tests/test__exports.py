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


def publish_in(module: str, **names: Any) -> None:
    """Publish these names in a module."""
    publish({"__name__": module, **names}, names)


def test_a_class_and_a_function_report_the_public_module() -> None:
    publish_in("bolide.facade", Private=Private, private=private)

    assert Private.__module__ == "bolide.facade"
    assert private.__module__ == "bolide.facade"


def test_a_name_that_is_only_offered_keeps_its_module() -> None:
    namespace = {"__name__": "bolide.facade", "Private": Private, "private": private}

    publish(namespace, ["Private"])

    assert private.__module__ == "bolide._private.deep"


@pytest.mark.parametrize("module", ["bolide.other", "bolide", "bolide_plugin._x", "other._x"])
def test_a_name_from_elsewhere_keeps_its_module(module: str) -> None:
    Private.__module__ = module

    publish_in("bolide.facade", Private=Private)

    assert Private.__module__ == module


def test_a_public_value_keeps_the_module_of_its_class() -> None:
    value = Value()

    publish_in("bolide.facade", value=value, number=5, alias=list[int])

    assert value.__module__ == "bolide._private.deep"
    assert "__module__" not in vars(value)


def test_the_first_public_module_stays() -> None:
    publish_in("bolide.facade", Private=Private)
    publish_in("bolide.second", Private=Private)

    assert Private.__module__ == "bolide.facade"
