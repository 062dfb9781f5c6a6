"""Names that other packages import from the private module of the API."""

from __future__ import annotations

import importlib

import pytest

from bolide import _utils

HOMES = {
    "AwaitableCallable": "bolide._async",
    "AwaitableOrContextManager": "bolide._async",
    "AwaitableOrContextManagerWrapper": "bolide._async",
    "SupportsAsyncClose": "bolide._async",
    "SupportsAsyncCloseType": "bolide._async",
    "T": "bolide._async",
    "T_co": "bolide._async",
    "create_collapsing_task_group": "bolide._async",
    "get_route_path": "bolide._routing.base",
    "is_async_callable": "bolide._async",
    "parse_host_header": "bolide._http.host",
}


def test_it_offers_the_names_of_the_api_and_no_others() -> None:
    assert _utils.__all__ == sorted(HOMES)


@pytest.mark.parametrize(("name", "home"), HOMES.items())
def test_a_name_is_the_same_object_as_at_home(name: str, home: str) -> None:
    assert getattr(_utils, name) is getattr(importlib.import_module(home), name)
