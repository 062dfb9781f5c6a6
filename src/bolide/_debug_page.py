"""The page that a developer sees in debug mode when an endpoint raises.

RULES

- What was raised comes first, with its newest frame on top; then what caused it, and the parts of
  a group; then the request; last the traceback as text, to be copied.
- SECURITY: everything that is inserted is escaped, and secrets are masked as well as they can be
  guessed. The page has no script and nothing from elsewhere, and its own Content-Security-Policy
  allows nothing but its one style, by the hash of it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import inspect
import os
import platform
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, cast

from bolide._debug_style import STYLE
from bolide._debug_values import MASK, is_secret_name, mask_text, safe_repr, shown_variables
from bolide.responses import HTMLResponse, PlainTextResponse, Response

__all__ = [
    "frame_html",
    "line_html",
    "page_headers",
    "page_html",
    "page_response",
    "plain_text",
    "text_response",
]

MAX_EXCEPTIONS: Final = 12
"""How many exceptions of a chain or group are shown."""
MAX_FRAMES: Final = 7
"""How many frames of an exception are shown."""
_COMMON_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_MAX_TEXT: Final = 100_000
_MAX_FACT: Final = 2_000
_MAX_HEADERS: Final = 100
_CONTEXT_LINES: Final = 9

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>500 Server Error</h1>
<h2>{error}</h2>
{request_line}</header>
<main>
{frames}{related}{facts}<section>
<h3>Traceback as text</h3>
<textarea readonly rows="14" spellcheck="false" aria-label="Traceback as text">
{text}</textarea>
</section>
</main>
<footer>{footer}</footer>
</body>
</html>
"""

_FRAME: Final = """\
<details{opened}>
<summary><code>{function}</code> in <span title="{filename}">{short}</span>, \
line <b>{line_number}</b></summary>
<pre>{lines}</pre>
{variables}</details>
"""


def page_html(
    title: str,
    exc: BaseException,
    *,
    limit: int,
    scope: Mapping[str, Any] | None = None,
) -> str:
    """Give the whole page.

    Args:
        title: The title of the page.
        exc: The exception to show.
        limit: How many frames of an exception to show at the most, from where it was raised
            outwards.
        scope: The scope of the request, if it is to be shown.
    """
    related = "".join(
        f"<section>\n<h3>{relation}</h3>\n<p>{_headline(other)}</p>\n"
        f"{_frames(other, limit, newest_opened=False)}</section>\n"
        for relation, other in _related_to(exc)
    )
    return _PAGE.format(
        title=html.escape(title),
        style=STYLE,
        error=_headline(exc),
        request_line="" if scope is None else _request_line(scope),
        frames=_frames(exc, limit, newest_opened=True),
        related=related,
        facts="" if scope is None else _facts(scope),
        text=html.escape(mask_text(plain_text(exc)[-_MAX_TEXT:])),
        footer=f"Python {platform.python_version()}. Never use debug mode in production.",
    )


def page_response(scope: Mapping[str, Any], exc: BaseException) -> Response:
    """Answer a request with the page."""
    title = f"{type(exc).__name__} at {scope.get('path', '')[:_MAX_FACT]}"
    page = page_html(title, exc, limit=MAX_FRAMES, scope=scope)
    return HTMLResponse(page, 500, page_headers())


def text_response(text: str) -> Response:
    """Answer a request with a traceback as text."""
    return PlainTextResponse(mask_text(text), 500, _COMMON_HEADERS)


@functools.cache
def page_headers() -> dict[str, str]:
    """Give the headers that the page is to be sent with."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return {
        **_COMMON_HEADERS,
        "content-security-policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none';"
            " form-action 'none'; frame-ancestors 'none'"
        ),
    }


def frame_html(frame: inspect.FrameInfo, *, opened: bool) -> str:
    """Give one frame with the source around its line, and its variables."""
    at = frame.index or 0
    lines = [
        line_html(text, number=frame.lineno - at + position, is_error=position == at)
        for position, text in enumerate(frame.code_context or [])
    ]
    return _FRAME.format(
        opened=" open" if opened else "",
        function=html.escape(frame.function),
        filename=html.escape(frame.filename),
        short=html.escape(_without_root(frame.filename)),
        line_number=frame.lineno,
        lines="".join(lines),
        variables=_table("Variables", shown_variables(frame.frame.f_locals)),
    )


def line_html(text: str, *, number: int, is_error: bool) -> str:
    """Give one line of source."""
    css = "line error" if is_error else "line"
    return (
        f'<span class="{css}"><span class="number">{number}</span>'
        f"{html.escape(mask_text(text.rstrip()))}\n</span>"
    )


def plain_text(exc: BaseException) -> str:
    """Give the traceback as Python prints it."""
    return "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))


def _without_root(filename: str) -> str:
    """Give the path of a source file from where modules are looked for, or from here."""
    here = str(Path.cwd())
    # The longest one: an environment often stands in the directory of its project.
    for root in sorted({here, *sys.path}, key=len, reverse=True):
        if root and filename.startswith(root + os.sep):
            return filename[len(root) + 1 :]
    return filename


def _headline(exc: BaseException) -> str:
    text = "".join(traceback.format_exception_only(type(exc), exc)).strip()
    return html.escape(mask_text(text[:_MAX_TEXT]))


def _frames(exc: BaseException, limit: int, *, newest_opened: bool) -> str:
    """Give the innermost frames of an exception, the newest one first."""
    steps: list[TracebackType] = []
    step = exc.__traceback__
    while step is not None:
        steps.append(step)
        step = step.tb_next
    shown = [
        frame_html(_frame_info(step), opened=newest_opened and position == 0)
        for position, step in enumerate(reversed(steps[-limit:]))
    ]
    if len(steps) > limit:
        shown.append(f'<p class="quiet">{len(steps) - limit} older frames are not shown.</p>\n')
    return "".join(shown)


def _frame_info(step: TracebackType) -> inspect.FrameInfo:
    info = inspect.getframeinfo(step, context=_CONTEXT_LINES)
    return inspect.FrameInfo(step.tb_frame, *info)


def _related_to(exc: BaseException) -> Iterator[tuple[str, BaseException]]:
    """Give the exceptions that led to one, or that it is a group of, each once."""
    seen = {id(exc)}
    waiting = list(_directly_related_to(exc))
    while waiting and len(seen) <= MAX_EXCEPTIONS:
        relation, other = waiting.pop(0)
        if id(other) not in seen:
            seen.add(id(other))
            yield relation, other
            waiting[:0] = _directly_related_to(other)


def _directly_related_to(exc: BaseException) -> Iterator[tuple[str, BaseException]]:
    if isinstance(exc, BaseExceptionGroup):
        parts = cast("BaseExceptionGroup[BaseException]", exc).exceptions
        for number, part in enumerate(parts, start=1):
            yield f"Part {number} of {len(parts)} of the group", part
    if exc.__cause__ is not None:
        yield "Caused by", exc.__cause__
    elif exc.__context__ is not None and not exc.__suppress_context__:
        yield "Raised while handling", exc.__context__


def _request_line(scope: Mapping[str, Any]) -> str:
    text = f"{scope.get('method', '')} {scope.get('path', '')}"
    return f'<p class="quiet">{html.escape(text[:_MAX_FACT])}</p>\n'


def _facts(scope: Mapping[str, Any]) -> str:
    """Give what is known of the request."""
    client = scope.get("client")
    query = scope.get("query_string", b"").decode("latin-1")
    endpoint = scope.get("endpoint")
    facts = {
        "Method": scope.get("method", ""),
        "Path": scope.get("path", ""),
        "Query": mask_text(f"?{query}") if query else "",
        "Path parameters": safe_repr(scope["path_params"]) if scope.get("path_params") else "",
        "Endpoint": _name_of(endpoint) if endpoint is not None else "",
        "Client": ":".join(map(str, client)) if client else "",
        "HTTP version": scope.get("http_version", ""),
    }
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in list(scope.get("headers", []))[:_MAX_HEADERS]
    ]
    return "<section>\n<h3>Request</h3>\n{}{}</section>\n".format(
        _table("", [(name, str(value)) for name, value in facts.items() if value]),
        _table(
            "Headers",
            [(name, MASK if is_secret_name(name) else mask_text(value)) for name, value in headers],
        ),
    )


def _name_of(endpoint: object) -> str:
    name = getattr(endpoint, "__qualname__", None) or type(endpoint).__qualname__
    return f"{getattr(endpoint, '__module__', '')}.{name}"


def _table(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        f"<td>{html.escape(text[:_MAX_FACT])}</td></tr>\n"
        for name, text in rows
    )
    head = f"<caption>{caption}</caption>\n" if caption else ""
    return f"<table>\n{head}{cells}</table>\n" if cells else ""
