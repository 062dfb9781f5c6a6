"""Draws the results into the documentation, as SVG, with nothing but strings.

Colours are such that they read on a light and on a dark page; bolide's is the documentation's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from benchmarks import layers, results
from benchmarks.peers import PEERS, ROOT
from benchmarks.scenarios import CURVES, SCENARIOS

DIRECTORY: Final = ROOT / "docs" / "_static"

COLOURS: Final = {
    "bolide": "#d9622b",
    "starlette": "#3b82c4",
    "fastapi": "#12a594",
    "fastapi_on_bolide": "#e5a13c",
    "litestar": "#b58b00",
    "falcon": "#8e6fd1",
    "blacksheep": "#8a8f98",
    "quart": "#c4578f",
}

LAYERS: Final = {
    "exchange": "#8a8f98",
    "sending": "#3b82c4",
    "endpoint": "#12a594",
    "request": "#e5a13c",
    "choosing": "#8e6fd1",
    "ExceptionMiddleware": "#d9622b",
    "ServerErrorMiddleware": "#c4578f",
    "BodyKeeper": "#6a994e",
    "DrainBoundary": "#b58b00",
    "application": "#5b6ee1",
}

STYLE: Final = (
    "text{font-family:system-ui,sans-serif;font-size:12px;fill:#808080}"
    ".title{font-size:15px;font-weight:600}.grid{stroke:#8884;stroke-width:1}"
    ".end{text-anchor:end}.middle{text-anchor:middle}"
)


def document(width: int, height: int, label: str, parts: Iterator[str]) -> str:
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escape(label)}">'
    )
    return "\n".join([opening, f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n"


def text(x: float, y: float, content: str, kind: str = "", colour: str = "") -> str:
    style = f' style="fill:{colour}"' if colour else ""
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{name}{style}>{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def powers(low: float, high: float) -> list[float]:
    """Give the powers of ten that enclose a range."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def position(value: float, ticks: list[float], start: float, end: float) -> float:
    """Place a value on a logarithmic axis."""
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    return start + (math.log10(value) - low) / (high - low) * (end - start)


def legend(x: float, y: float, who: list[str]) -> Iterator[str]:
    for name in who:
        yield f'<circle cx="{x:.1f}" cy="{y - 4:.1f}" r="5" fill="{COLOURS[name]}"/>'
        yield text(x + 10, y, PEERS[name].title)
        # Room for the widest letters that a reader's font may have.
        x += 34 + 7.5 * len(PEERS[name].title)


def ratios(figures: dict[str, Any]) -> Iterator[str]:
    """Draw a row of dots for each scenario."""
    left, right, top, row = 320, 920, 74, 26
    names = [name for name in SCENARIOS if name in figures]
    who = [name for name in PEERS if any(name in figures[each] for each in names)]
    values = [found["ratio"] for each in names for found in figures[each].values()]
    ticks = powers(min(1.0, *values), max(values))
    bottom = top + row * len(names)
    yield text(
        20, 24, "Time per request, as a multiple of raw ASGI's; further left is faster", "title"
    )
    yield from legend(24, 48, who)
    for tick in ticks:
        x = position(tick, ticks, left, right)
        yield line(x, top, x, bottom)
        yield text(x, bottom + 18, f"{tick:g}", "middle")
    for index, name in enumerate(names):
        y = top + row * (index + 0.5)
        label = f"{name}  {SCENARIOS[name].title.replace('`', '')}"
        yield text(left - 12, y + 4, label, "end")
        yield line(left, y, right, y)
        # Drawn last, bolide is on top.
        for peer in reversed(who):
            if peer in figures[name]:
                x = position(figures[name][peer]["ratio"], ticks, left, right)
                size = 6.5 if peer == "bolide" else 5
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{COLOURS[peer]}"/>'


def curve(name: str, points: dict[str, Any]) -> Iterator[str]:
    """Draw time against size, both logarithmic."""
    left, right, top, bottom = 70, 640, 74, 360
    # A logarithm needs something: no middleware at all is drawn at one half.
    sizes = {size: float(size) or 0.5 for size in points}
    who = [peer for peer in PEERS if any(peer in found for found in points.values())]
    values = [each["ratio"] for found in points.values() for each in found.values()]
    across, up = powers(min(sizes.values()), max(sizes.values())), powers(min(values), max(values))
    yield text(20, 24, f"Time per request against {CURVES[name][0]}", "title")
    yield from legend(24, 48, who)
    yield text(left, top - 6, "as a multiple of raw ASGI's for GET /")
    for tick in up:
        y = position(tick, up, bottom, top)
        yield line(left, y, right, y)
        yield text(left - 8, y + 4, f"{tick:,g}", "end")
    for size, value in sizes.items():
        x = position(value, across, left, right)
        yield line(x, top, x, bottom)
        yield text(x, bottom + 18, f"{int(size):,}", "middle")
    for peer in reversed(who):
        found = [
            (
                position(sizes[size], across, left, right),
                position(each[peer]["ratio"], up, bottom, top),
            )
            for size, each in points.items()
            if peer in each
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in found)
        colour = COLOURS[peer]
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in found)


def peeled(figures: dict[str, Any], starlette: float | None) -> Iterator[str]:
    """Draw a bar for raw ASGI, and for each face one that is made of its layers.

    Args:
        figures: What was counted for each face.
        starlette: The instructions of Starlette, if they were counted.
    """
    left, right, top, row, bar = 140, 800, 40, 34, 20
    names = layers.ordered(figures)
    raw = next(iter(figures.values()))["raw"]
    bars = [("raw ASGI", {"raw": raw})]
    bars += [
        (f"bolide: {face}", {name: found.get(name, 0) for name in names})
        for face, found in figures.items()
    ]
    if starlette is not None:
        bars.append(("Starlette itself", {"raw": starlette}))
    longest = max(sum(parts.values()) for _, parts in bars)
    yield text(20, 24, "Instructions of GET /, layer by layer; shorter is faster", "title")
    for index, (label, parts) in enumerate(bars):
        y = top + row * index
        yield text(left - 12, y + 14, label, "end")
        x = float(left)
        for name, number in parts.items():
            width = max(number, 0) / longest * (right - left)
            # A gap between two parts, which shows on any page.
            yield (
                f'<rect x="{x:.1f}" y="{y}" width="{max(width - 1.5, 0):.1f}" height="{bar}"'
                f' fill="{LAYERS.get(name, LAYERS["exchange"])}"/>'
            )
            x += width
        yield text(x + 8, y + 14, f"{sum(parts.values()) / 1000:.0f}k")
    y = top + row * len(bars) + 24
    columns = [490.0 + 90 * index for index in range(len(figures))]
    yield text(left, y, "in thousands, from the left to the right")
    yield from (text(x, y, face, "end") for x, face in zip(columns, figures, strict=True))
    for name in names:
        y += 20
        title = layers.TITLES.get(name, name).replace("`", "")
        colour = LAYERS.get(name, LAYERS["exchange"])
        yield f'<rect x="{left}" y="{y - 10}" width="11" height="11" fill="{colour}"/>'
        yield text(left + 20, y, title)
        for x, found in zip(columns, figures.values(), strict=True):
            shown = f"{found[name] / 1000:.1f}" if name in found else "\N{EN DASH}"
            yield text(x, y, shown, "end")


def main() -> None:
    """Draw what was measured; leave alone what was not."""
    found = results.load()
    if "inprocess" in found:
        figures = found["inprocess"]["figures"]
        height = 74 + 26 * len(figures) + 30
        drawn = document(950, height, "Time per request by scenario", ratios(figures))
        (DIRECTORY / "benchmarks.svg").write_text(drawn, encoding="utf-8")
    if "layers" in found:
        figures = {face: found["layers"]["figures"][face] for face in layers.FACES}
        counted = found.get("instructions", {}).get("figures", {}).get("S1", {})
        height = 40 + 34 * (len(figures) + 2) + 24 + 20 * len(layers.ordered(figures)) + 16
        drawn = document(
            880,
            height,
            "Instructions of a request, layer by layer",
            peeled(figures, counted.get("starlette", {}).get("own")),
        )
        (DIRECTORY / "benchmarks-layers.svg").write_text(drawn, encoding="utf-8")
    for name, points in found.get("scale", {}).get("figures", {}).items():
        label = f"Time per request against {CURVES[name][0]}"
        drawn = document(680, 390, label, curve(name, points))
        (DIRECTORY / f"benchmarks-{name}.svg").write_text(drawn, encoding="utf-8")
