"""A Jinja2 environment that makes the same pages in half the time.

THEORY OF OPERATION

Most of what a page takes are three things that can be done with less: for each page, to make one
dictionary of all global names; for each `item.name`, to look for an attribute before the item of a
dictionary, and to find none by an exception; for each value, to make a `Markup` of it, which then
is joined to the page as text. Jinja2 leaves them to the classes of the environment and the
template; what is here does them in the same order, with the same results. All else stays Jinja2's.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping
from types import CodeType
from typing import Any, Final, cast

import jinja2
import jinja2.runtime
from markupsafe import Markup, escape

__all__ = ["QuickEnvironment", "QuickTemplate"]

_NOTHING: Final = object()


class QuickTemplate(jinja2.Template):
    """A template that finds its globals, and escapes its values, in a fraction of the time."""

    @classmethod
    def from_code(
        cls,
        environment: jinja2.Environment,
        code: CodeType,
        globals: MutableMapping[str, Any],
        uptodate: Callable[[], bool] | None = None,
    ) -> jinja2.Template:
        """Make a template of compiled code."""
        template = super().from_code(environment, code, globals, uptodate)
        # PERF: S15, `Markup` is a class of Python's, and has a constructor that is, too.
        template.root_render_func.__globals__["escape"] = escape_piece
        return template

    def new_context(
        self,
        vars: dict[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> jinja2.runtime.Context:
        """Give what the template is rendered with: the globals, and these values before them."""
        if type(self.globals) is not ChainMap:
            return super().new_context(vars, shared, locals)
        # PERF: S15, a dictionary is made of a ChainMap name by name, in Python.
        names: dict[str, Any] = {}
        for mapping in reversed(cast("ChainMap[str, Any]", self.globals).maps):
            names.update(mapping)
        return jinja2.runtime.new_context(
            self.environment, self.name, self.blocks, vars, shared, names, locals
        )


class QuickEnvironment(jinja2.Environment):
    """An environment whose templates are quick; see `jinja2.Environment` for the arguments."""

    template_class = QuickTemplate

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Give an attribute, or else an item, for `obj.attribute` in a template."""
        # PERF: S15, many are items of dictionaries, and an exception takes longer than all else.
        value = getattr(obj, attribute, _NOTHING)
        if value is not _NOTHING:
            return value
        try:
            return obj[attribute]
        except (TypeError, LookupError, AttributeError):
            return self.undefined(obj=obj, name=attribute)


def escape_piece(value: object) -> str:
    """Escape a value as `markupsafe.escape` does, for code that joins the text to a page.

    What it gives is not always a `Markup`: whoever goes on with it, escapes it again.
    """
    if type(value) is str:
        if "&" in value or "<" in value or ">" in value or '"' in value or "'" in value:
            return escape(value)
        return value
    if type(value) is Markup:
        return value
    if type(value) is float or type(value) is int:
        return str(value)
    return escape(value)
