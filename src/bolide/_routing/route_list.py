"""The list of routes: an ordinary list to the user, whose changes do not go unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from bolide._routing.base import BaseRoute, EndpointRoute

if TYPE_CHECKING:
    from bolide._routing.passage import Passage
    from bolide._routing.reverse import NameIndex

__all__ = ["RouteList"]


class RouteList(list[BaseRoute]):
    """A list that notes its changes, so that what was derived from it can be made anew.

    Attributes:
        version: Another one after every change; no other list has ever had it.
        plain: Kept here by `table`: the routes that take a path at first sight.
        passages: Kept here by the router: ways through mounts, see `passage`. Any change replaces
            this and `plain` by empty ones.
        name_index: Kept here by `reverse`.
    """

    __slots__ = ("name_index", "passages", "plain", "version")

    def __init__(self, routes: Iterable[BaseRoute] = ()) -> None:
        super().__init__(routes)
        self.version = next(_VERSIONS)
        self.plain: dict[str, EndpointRoute] = {}
        self.passages: dict[str, Passage] = {}
        self.name_index: NameIndex | None = None


_VERSIONS: Final = count()


def _counting(name: str) -> Callable[..., Any]:
    change = getattr(list, name)

    def method(self: RouteList, *args: Any, **kwargs: Any) -> Any:
        try:
            return change(self, *args, **kwargs)
        finally:
            # Also after an error: `extend` may have taken a part.
            self.version = next(_VERSIONS)
            self.plain = {}
            self.passages = {}

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
