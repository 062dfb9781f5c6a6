"""The page that a developer sees in debug mode when an endpoint raises."""

from __future__ import annotations

import html
import inspect
import traceback

__all__ = ["frame_html", "line_html", "page_html", "plain_text"]

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8884; --mark: #e5484d33; --quiet: #8a8f98; }}
body {{ margin: 2rem auto; max-width: 64rem; padding: 0 1rem;
  font: 15px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1rem; font-weight: 500; color: var(--quiet); margin: 0; }}
h2 {{ font-size: 1.4rem; margin: .25rem 0 1.5rem; overflow-wrap: anywhere; white-space: pre-wrap; }}
details {{ border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; overflow: hidden; }}
summary {{ cursor: pointer; padding: .5rem .75rem; }}
summary code {{ font-weight: 600; }}
pre {{ margin: 0; padding: .5rem 0; overflow-x: auto; border-top: 1px solid var(--line);
  font: 13px/1.6 ui-monospace, monospace; }}
.line {{ display: block; padding: 0 .75rem; min-width: max-content; }}
.line.error {{ background: var(--mark); }}
.number {{ display: inline-block; width: 4ch; margin-right: 2ch; text-align: right;
  color: var(--quiet); user-select: none; }}
</style>
</head>
<body>
<h1>500 Server Error</h1>
<h2>{error}</h2>
<main>
{frames}
</main>
</body>
</html>
"""

_FRAME = """\
<details{opened}>
<summary><code>{function}</code> in {filename}, line <b>{line_number}</b></summary>
<pre>{lines}</pre>
</details>
"""


def page_html(title: str, exc: BaseException, *, limit: int) -> str:
    """Give the whole page.

    Args:
        title: The title of the page.
        exc: The exception to show.
        limit: How many frames to show at the most, from where it was raised outwards.
    """
    lines = "".join(traceback.format_exception_only(type(exc), exc)).strip()
    frames: list[inspect.FrameInfo] = []
    if exc.__traceback__ is not None:
        frames = inspect.getinnerframes(exc.__traceback__, context=9)[-limit:]
    shown = (
        frame_html(frame, opened=position == 0) for position, frame in enumerate(reversed(frames))
    )
    return _PAGE.format(title=html.escape(title), error=html.escape(lines), frames="".join(shown))


def frame_html(frame: inspect.FrameInfo, *, opened: bool) -> str:
    """Give one frame with the source around its line."""
    at = frame.index or 0
    lines = [
        line_html(text, number=frame.lineno - at + position, is_error=position == at)
        for position, text in enumerate(frame.code_context or [])
    ]
    return _FRAME.format(
        opened=" open" if opened else "",
        function=html.escape(frame.function),
        filename=html.escape(frame.filename),
        line_number=frame.lineno,
        lines="".join(lines),
    )


def line_html(text: str, *, number: int, is_error: bool) -> str:
    """Give one line of source."""
    css = "line error" if is_error else "line"
    return (
        f'<span class="{css}"><span class="number">{number}</span>'
        f"{html.escape(text.rstrip())}\n</span>"
    )


def plain_text(exc: BaseException) -> str:
    """Give the traceback as Python prints it."""
    return "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
