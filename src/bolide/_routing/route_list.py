"""The list of routes: an ordinary list to the user, whose changes do not go unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from bolide._routing.base import BaseRoute

if TYPE_CHECKING:
    from bolide._routing.reverse import NameIndex

__all__ = ["RouteList"]


class RouteList(list[BaseRoute]):
    """A list that counts its changes, so that what was derived from it can be made anew.

    Attributes:
        version: Grows with every change.
        name_index: Kept here by `reverse`.
    """

    def __init__(self, routes: Iterable[BaseRoute] = ()) -> None:
        super().__init__(routes)
        self.version = 0
        self.name_index: NameIndex | None = None


def _counting(name: str) -> Callable[..., Any]:
    change = getattr(list, name)

    def method(self: RouteList, *args: Any, **kwargs: Any) -> Any:
        try:
            return change(self, *args, **kwargs)
        finally:
            # Also after an error: `extend` may have taken a part.
            self.version += 1

    method.__name__ = name
    method.__qualname__ = f"{RouteList.__qualname__}.{name}"
    method.__doc__ = change.__doc__
    return method


for _name in (
    "__delitem__",
    "__iadd__",
    "__imul__",
    "__setitem__",
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "remove",
    "reverse",
    "sort",
):
    setattr(RouteList, _name, _counting(_name))
