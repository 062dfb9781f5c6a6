"""Pages from Jinja2 templates. Needs the extra `templates`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final, cast

from bolide._data.url import URL
from bolide._policy import STARLETTE, policy_of
from bolide._settings import Settings, current_settings, enter_settings, leave_settings
from bolide.background import BackgroundTask
from bolide.exceptions import MissingExtra
from bolide.requests import HTTPConnection, Request
from bolide.responses import HTMLResponse
from bolide.types import Receive, Scope, Send


class _MissingJinja2(MissingExtra, ImportError):
    """Jinja2 is not installed."""


try:
    import jinja2

    from bolide._jinja import QuickEnvironment
except ModuleNotFoundError:
    raise _MissingJinja2(
        "jinja2 must be installed to use Jinja2Templates", extra="templates"
    ) from None

__all__ = ["Jinja2Templates"]

ContextProcessor = Callable[[Request], dict[str, Any]]
"""Gives values that every template shall have."""


class _TemplateResponse(HTMLResponse):
    """A rendered template.

    Attributes:
        template: The template.
        context: What it was rendered with.
    """

    def __init__(
        self,
        template: Any,
        context: dict[str, Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self.template = template
        self.context = context
        super().__init__(template.render(context), status_code, headers, media_type, background)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page: run as an ASGI application."""
        if "http.response.debug" in scope.get("extensions", {}):
            # A test client asks what the page was made of.
            info = {"template": self.template, "context": self.context}
            await send({"type": "http.response.debug", "info": info})
        await super().__call__(scope, receive, send)


_BY_NAME: Final = jinja2.select_autoescape()
"""Escapes by the end of the name. It is there for as long as nobody has chosen anything else."""


class Jinja2Templates:
    """Templates of an application; `url_for` and `path_for` are there in all of them.

    Give `directory` or `env`, not both.

    Args:
        directory: Where templates are looked for; of several, in order.
        context_processors: Functions that take the request and give values for every template.
        env: A Jinja2 environment of one's own.
        autoescape: Whether text is escaped in the templates of `directory`, or a function that says
            so of the name of a template. By default it is in all templates while an application
            runs whose policy has `escape_templates`, as that of `Bolide`; else, and where none
            runs, in those whose names end in `.html`, `.htm` or `.xml`.

    Raises:
        AssertionError: Both, or none, of `directory` and `env` are given; or `autoescape` with
            `env`, which has its own.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        *,
        context_processors: list[ContextProcessor] | None = None,
        env: jinja2.Environment | None = None,
        autoescape: bool | Callable[[str | None], bool] | None = None,
    ) -> None:
        if (directory is None) == (env is None):
            raise AssertionError("either 'directory' or 'env' arguments must be passed")
        if env is not None and autoescape is not None:
            raise AssertionError("'autoescape' is for 'directory'; an 'env' has its own")
        self.context_processors: list[ContextProcessor] = context_processors or []
        if env is None:
            assert directory is not None
            loader = jinja2.FileSystemLoader(directory)
            if autoescape is None:
                autoescape = _BY_NAME
            env = QuickEnvironment(loader=loader, autoescape=autoescape)
        self._env = env
        self._escaping: jinja2.Environment | None = None
        env_globals = cast("MutableMapping[str, Any]", env.globals)
        env_globals.setdefault("url_for", _url_for)
        env_globals.setdefault("path_for", _path_for)

    @property
    def env(self) -> jinja2.Environment:
        """The environment of the templates, for filters and the like.

        Where all templates are escaped it is an overlay of the one that there is otherwise: both
        have the same filters, tests and globals, but options have to be set before the first use.
        """
        env = self._env
        if env.autoescape is not _BY_NAME or not current_settings().policy.escape_templates:
            return env
        if self._escaping is None:
            # SECURITY: compiled code does not tell whether it escapes, so that a cache of it could
            # give that of the other environment.
            self._escaping = env.overlay(autoescape=True, bytecode_cache=None)
        return self._escaping

    @env.setter
    def env(self, env: jinja2.Environment) -> None:
        self._env, self._escaping = env, None

    def get_template(self, name: str) -> jinja2.Template:
        """Give a template.

        Raises:
            jinja2.TemplateNotFound: There is none of that name.
        """
        return self.env.get_template(name)

    def TemplateResponse(  # noqa: N802 - the name of the API
        self,
        request: Request,
        name: str,
        context: dict[str, Any] | None = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> _TemplateResponse:
        """Render a template into a response.

        Args:
            request: The request; the template has it under that name.
            name: The name of the template.
            context: Values for the template; `request` and those of the processors are added.
            status_code: The status of the response.
            headers: More headers.
            media_type: The media type, if it is not that of HTML.
            background: A task to run when the response has been sent.

        Raises:
            jinja2.TemplateNotFound: There is no template of that name.
        """
        context = {} if context is None else context
        context.setdefault("request", request)
        for processor in self.context_processors:
            context.update(processor(request))
        if current_settings().policy.escape_templates:
            template = self.get_template(name)
        else:
            template = self._get_template_for(request, name)
        return _TemplateResponse(template, context, status_code, headers, media_type, background)

    def _get_template_for(self, request: object, name: str) -> jinja2.Template:
        # What a test gives instead of a request may have no scope.
        policy = policy_of(request.scope) if isinstance(request, HTTPConnection) else STARLETTE
        if not policy.escape_templates:
            return self.get_template(name)
        # SECURITY: this is a thread that was started without the context of the request.
        before = enter_settings(Settings(policy))
        try:
            return self.get_template(name)
        finally:
            leave_settings(before)


@jinja2.pass_context
def _url_for(context: jinja2.runtime.Context, name: str, /, **path_params: Any) -> URL:
    request: Request = context["request"]
    return request.url_for(name, **path_params)


@jinja2.pass_context
def _path_for(context: jinja2.runtime.Context, name: str, /, **path_params: Any) -> str:
    request: Request = context["request"]
    return request.path_for(name, **path_params)
