"""The public face of the values: every name, where users look for it."""

from __future__ import annotations

import copy
import pickle

import pytest

from bolide import datastructures
from bolide.datastructures import Address, Headers, MultiDict, QueryParams, URLPath


def test_the_names_are_these() -> None:
    assert set(datastructures.__all__) == {
        "Address",
        "CommaSeparatedStrings",
        "FormData",
        "Headers",
        "ImmutableMultiDict",
        "MultiDict",
        "MutableHeaders",
        "QueryParams",
        "Secret",
        "State",
        "URL",
        "URLPath",
        "UploadFile",
    }


def test_every_name_says_that_it_lives_here() -> None:
    for name in datastructures.__all__:
        value = getattr(datastructures, name)
        assert (value.__module__, value.__qualname__) == ("bolide.datastructures", name)


@pytest.mark.parametrize(
    "value",
    [
        Address("h", 1),
        Headers({"a": "1"}),
        MultiDict([("a", 1), ("a", 2)]),
        QueryParams("a=1&a=2"),
        URLPath("/x", protocol="http", host="h"),
        datastructures.URL("http://h/x"),
    ],
)
def test_a_value_survives_a_copy_and_a_pickle(value: object) -> None:
    for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (type(again), again) == (type(value), value)


def test_generic_values_can_be_subscripted() -> None:
    for name in ("FormData", "Headers", "ImmutableMultiDict", "MultiDict", "QueryParams"):
        assert getattr(datastructures, name)[str, str].__origin__ is getattr(datastructures, name)
