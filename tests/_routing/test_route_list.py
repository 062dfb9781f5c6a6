"""The list of routes counts its changes, and is an ordinary list otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bolide._routing.base import BaseRoute
from bolide._routing.route_list import RouteList

A, B, C = BaseRoute(), BaseRoute(), BaseRoute()


def delete(routes: RouteList) -> None:
    del routes[0]


def set_item(routes: RouteList) -> None:
    routes[0] = C


def set_slice(routes: RouteList) -> None:
    routes[:1] = [C, A]


def add(routes: RouteList) -> None:
    routes += [C]


def repeat(routes: RouteList) -> None:
    routes *= 2


CHANGES: list[tuple[Callable[[RouteList], object], list[BaseRoute]]] = [
    (lambda routes: routes.append(C), [A, B, C]),
    (lambda routes: routes.clear(), []),
    (lambda routes: routes.extend([C, C]), [A, B, C, C]),
    (lambda routes: routes.insert(0, C), [C, A, B]),
    (lambda routes: routes.pop(), [A]),
    (lambda routes: routes.remove(A), [B]),
    (lambda routes: routes.reverse(), [B, A]),
    (lambda routes: routes.sort(key=lambda route: route is A), [B, A]),
    (delete, [B]),
    (set_item, [C, B]),
    (set_slice, [C, A, B]),
    (add, [A, B, C]),
    (repeat, [A, B, A, B]),
]


@pytest.mark.parametrize(("change", "result"), CHANGES)
def test_every_change_is_counted(
    change: Callable[[RouteList], object], result: list[BaseRoute]
) -> None:
    routes = RouteList([A, B])
    version = routes.version
    change(routes)
    assert routes == result
    assert routes.version > version


def test_every_method_that_changes_a_list_is_among_them() -> None:
    reading = {"copy", "count", "index"} | {
        name for name in vars(list) if name.startswith("__")
    } - {"__delitem__", "__iadd__", "__imul__", "__setitem__"}
    for name in set(vars(list)) - reading:
        assert name in vars(RouteList), name


def test_reading_is_no_change() -> None:
    routes = RouteList([A, B])
    version = routes.version
    assert (list(routes), routes[0], len(routes), A in routes) == ([A, B], A, 2, True)
    assert (routes.index(B), routes.count(A), [*routes, C]) == (1, 1, [A, B, C])
    assert routes.version == version


def test_a_change_that_fails_halfway_is_counted() -> None:
    def broken() -> object:
        yield C
        raise LookupError

    routes = RouteList()
    version = routes.version
    with pytest.raises(LookupError):
        routes.extend(broken())  # type: ignore[arg-type]
    assert routes == [C]
    assert routes.version != version


def test_results_and_errors_are_those_of_a_list() -> None:
    routes = RouteList([A])
    assert routes.pop() is A
    with pytest.raises(IndexError):
        routes.pop()
