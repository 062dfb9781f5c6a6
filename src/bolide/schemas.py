"""OpenAPI schemas from the docstrings of endpoints. Needs the extra `schemas`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, cast

from bolide.exceptions import MissingExtra
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import BaseRoute, Host, Mount, Route

__all__ = ["BaseSchemaGenerator", "EndpointInfo", "OpenAPIResponse", "SchemaGenerator"]

_VERBS: Final = ("get", "post", "put", "patch", "delete", "options", "query")
_CONVERTOR: Final = re.compile(r":\w+}")


class _MissingYAML(MissingExtra, AssertionError):
    """PyYAML is not installed."""


def _yaml(user: str) -> Any:
    """Give the library, or say who needs it."""
    try:
        import yaml
    except ModuleNotFoundError:
        message = f"`pyyaml` must be installed to use {user}."
        raise _MissingYAML(message, extra="schemas") from None
    return yaml


class OpenAPIResponse(Response):
    """A schema as YAML; see `Response` for the arguments."""

    media_type: str | None = "application/vnd.oai.openapi"

    def render(self, content: Any) -> bytes:
        """Write the schema, a dict, as YAML."""
        yaml = _yaml("OpenAPIResponse")
        if not isinstance(content, dict):
            raise AssertionError("The schema passed to OpenAPIResponse should be a dictionary.")
        text: str = yaml.dump(content, default_flow_style=False)
        return text.encode("utf-8")


class EndpointInfo(NamedTuple):
    """What can be called, and how.

    Attributes:
        path: The path, with `{name}` for each parameter.
        http_method: The method, in lower case.
        func: What is called.
    """

    path: str
    http_method: str
    func: Callable[..., Any]


class BaseSchemaGenerator:
    """Collects endpoints and reads docstrings; a subclass makes a schema of them."""

    def get_schema(self, routes: list[BaseRoute]) -> dict[str, Any]:
        """Override to give the schema of these routes."""
        raise NotImplementedError

    def get_endpoints(self, routes: list[BaseRoute]) -> list[EndpointInfo]:
        """Give every endpoint that wants to be in the schema, in order, those in mounts too."""
        return list(self._endpoints(routes))

    def _endpoints(self, routes: list[BaseRoute]) -> Iterator[EndpointInfo]:
        for route in routes:
            if isinstance(route, Mount | Host):
                prefix = _without_convertors(route.path) if isinstance(route, Mount) else ""
                for info in self._endpoints(route.routes):
                    yield info._replace(path=prefix + info.path)
            elif isinstance(route, Route) and route.include_in_schema:
                path = _without_convertors(route.path)
                if inspect.isfunction(route.endpoint) or inspect.ismethod(route.endpoint):
                    for method in route.methods or ["GET"]:
                        if method != "HEAD":
                            yield EndpointInfo(path, method.lower(), route.endpoint)
                else:
                    for verb in _VERBS:
                        func = getattr(route.endpoint, verb, None)
                        if func is not None:
                            yield EndpointInfo(path, verb, func)

    def parse_docstring(self, func_or_method: Callable[..., Any]) -> dict[str, Any]:
        """Read the YAML in a docstring: all of it, or what follows the last `---`.

        Raises:
            yaml.YAMLError: It is not YAML.
        """
        docstring = func_or_method.__doc__
        if not docstring:
            return {}
        parsed: Any = _yaml("parse_docstring").safe_load(docstring.split("---")[-1])
        # A docstring that is prose is a string to YAML.
        return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}

    def OpenAPIResponse(self, request: Request) -> Response:  # noqa: N802 - the name of the API
        """Give the schema of the application as a response."""
        return OpenAPIResponse(self.get_schema(routes=request.app.routes))


class SchemaGenerator(BaseSchemaGenerator):
    """Makes a schema of a base and the docstrings of endpoints.

    Args:
        base_schema: Everything but the paths.
    """

    def __init__(self, base_schema: dict[str, Any]) -> None:
        self.base_schema = base_schema

    def get_schema(self, routes: list[BaseRoute]) -> dict[str, Any]:
        """Give the schema of these routes; endpoints that say nothing are left out."""
        schema = dict(self.base_schema)
        paths = schema.setdefault("paths", {})
        has_query = _version(schema.get("openapi")) >= (3, 2)
        for path, method, func in self.get_endpoints(routes):
            # OpenAPI knows the method since 3.2.
            if method == "query" and not has_query:
                continue
            parsed = self.parse_docstring(func)
            if parsed:
                paths.setdefault(path, {})[method] = parsed
        return schema


def _without_convertors(path: str) -> str:
    return _CONVERTOR.sub("}", path)


def _version(text: object) -> tuple[int, ...]:
    parts = str(text).split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
