"""Writes `RESULTS.md` from `results.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks import layers, results
from benchmarks.peers import OWN_SERVERS, PEERS
from benchmarks.scenarios import CURVES, SCENARIOS
from benchmarks.targets import Verdict, verdicts

FILE: Final = Path(__file__).with_name("RESULTS.md")

ABSENT: Final = "\N{EN DASH}"

NOISE: Final = """\
The machine is a virtual one with two cores: a time is good to about 10 %, and a figure over the
wire to about 20 %. Instructions and memory are exact."""

INTRODUCTION: Final = """\
# Results

Written by `python -m benchmarks report` from `results.json`; what is measured and how is in
[README.md](README.md). All ratios are to raw ASGI in the same process and the same moment.
"""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * (len(heads) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def title(name: str) -> str:
    return (PEERS | OWN_SERVERS)[name].title if name != "raw" else "raw ASGI"


def circumstances(part: dict[str, Any], more: str = "") -> Iterator[str]:
    low, high = part["load"]
    yield (
        f"Measured on {part['day']}, {part['machine']}; load average {low} before and {high}"
        f" after{more}."
    )
    yield ""


def cells(
    found: dict[str, Any], who: Iterable[str], cell: Callable[[dict[str, Any]], str]
) -> list[str]:
    return [cell(found[name]) if name in found else ABSENT for name in who]


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 20 else f"{value:.2f}"


def those_in(figures: dict[str, Any], order: Iterable[str]) -> list[str]:
    return [name for name in order if any(name in found for found in figures.values())]


def paired(part: dict[str, Any]) -> Iterator[str]:
    figures = part["figures"]
    who = those_in(figures, PEERS)
    yield "## Paired time, as a multiple of raw's"
    yield ""
    yield from circumstances(part, f"; {part['rounds']} rounds, medians")
    rows = (
        [f"{name}: {scenario.title}", *cells(figures[name], who, lambda x: number(x["ratio"]))]
        for name, scenario in SCENARIOS.items()
        if name in figures
    )
    yield from table(["scenario", *map(title, who)], rows)
    yield "### Microseconds per request"
    yield ""
    raw = {name: next(iter(found.values()))["raw"] for name, found in figures.items() if found}
    rows = (
        [name, number(raw[name]), *cells(figures[name], who, lambda x: number(x["microseconds"]))]
        for name in SCENARIOS
        if name in figures
    )
    yield from table(["scenario", "raw", *map(title, who)], rows)
    yield "### Quartiles of bolide's ratio, which say how noisy the machine was"
    yield ""
    rows = (
        [name, *(number(figures[name]["bolide"][which]) for which in ("low", "ratio", "high"))]
        for name in SCENARIOS
        if "bolide" in figures.get(name, {})
    )
    yield from table(["scenario", "lower", "median", "upper"], rows)


def instructions(part: dict[str, Any]) -> Iterator[str]:
    figures = part["figures"]
    who = those_in(figures, PEERS)
    yield "## Instructions per request, in thousands"
    yield ""
    yield from circumstances(part)
    yield "Raw's are part of each figure. A star: the app does not run without an event loop, whose"
    yield "instructions are counted, too."
    yield ""

    def cell(found: dict[str, Any]) -> str:
        return number(found["own"] / 1000) + ("*" if found["loop"] else "")

    rows = (
        [
            f"{name}: {scenario.title}",
            number(next(iter(figures[name].values()))["raw"] / 1000),
            *cells(figures[name], who, cell),
        ]
        for name, scenario in SCENARIOS.items()
        if name in figures
    )
    yield from table(["scenario", "raw", *map(title, who)], rows)


def peeled(part: dict[str, Any]) -> Iterator[str]:
    figures = {face: part["figures"][face] for face in layers.FACES}
    yield "## Instructions of each layer, for S1 on bolide, in thousands"
    yield ""
    yield from circumstances(part)
    raw = number(figures["Starlette"]["raw"] / 1000)
    yield "From the inside out, for both faces of bolide. Raw ASGI does what the first two lines"
    yield f"say, and makes its two headers, in {raw} thousand."
    yield ""
    names = {name: layers.TITLES.get(name, f"`{name}`") for name in layers.ordered(figures)}
    rows = (
        [
            label,
            *(
                number(figures[face][name] / 1000) if name in figures[face] else ABSENT
                for face in figures
            ),
        ]
        for name, label in {**names, "whole": "the whole"}.items()
    )
    yield from table(["layer", *(f"`{face}`" for face in figures)], rows)


def wire(part: dict[str, Any]) -> Iterator[str]:
    yield "## Over the wire, as a fraction of raw's requests per second"
    yield ""
    more = f"; {part['rounds']} rounds of {part['load_from']}, medians"
    yield from circumstances(part, more)
    yield "One process and one processor for the server, another for the load. Requests per second"
    yield "in brackets. Own servers are held against raw on uvicorn. Differences under 15 % say"
    yield "nothing."
    yield ""

    def cell(found: dict[str, Any]) -> str:
        return f"{found['fraction']:.2f} ({found['per_second']:,})"

    for server in ("uvicorn", "granian", "own"):
        figures = {
            name: found[server] for name, found in part["figures"].items() if server in found
        }
        who = those_in(figures, ["raw", *PEERS, *OWN_SERVERS])
        rows = (
            [f"{name}: {SCENARIOS[name].title}", *cells(found, who, cell)]
            for name, found in figures.items()
        )
        yield f"### {'On their own servers' if server == 'own' else f'On {server}'}"
        yield ""
        yield from table(["scenario", *map(title, who)], rows)


def scale(part: dict[str, Any]) -> Iterator[str]:
    yield "## Scale: time per request, as a multiple of raw's for `GET /`"
    yield ""
    yield from circumstances(part, f"; {part['rounds']} rounds, medians")
    yield "The unit is the same all along a curve, about a microsecond here."
    yield ""
    for curve, (what, _) in CURVES.items():
        if curve not in part["figures"]:
            continue
        points = part["figures"][curve]
        who = those_in(points, PEERS)
        rows = (
            [f"{int(size):,}", *cells(found, who, lambda x: number(x["ratio"]))]
            for size, found in points.items()
        )
        yield from table([what, *map(title, who)], rows)


def startup(part: dict[str, Any]) -> Iterator[str]:
    figures = part["figures"]
    what = {
        "import": "import",
        "literal/1000": "1,000 literal routes",
        "parametrised/1000": "1,000 parametrised routes",
        "literal/10000": "10,000 literal routes",
        "parametrised/10000": "10,000 parametrised routes",
    }
    yield "## S18: import, and building applications, in CPU milliseconds"
    yield ""
    yield from circumstances(part, f"; {part['rounds']} imports and 3 builds, medians")
    yield "Building includes the startup and the first answers: some put work off until then."
    yield ""
    rows = (
        [title(who), *(number(found[key]) if key in found else ABSENT for key in what)]
        for who, found in figures.items()
    )
    yield from table(["", *what.values()], rows)


def memory(part: dict[str, Any]) -> Iterator[str]:
    what = {
        "literal/10000": "a literal route, of 10,000",
        "parametrised/10000": "a parametrised route, of 10,000",
        "websocket": "an idle WebSocket, of 500",
        "stream": "an open stream, of 500",
    }
    yield "## Memory, in bytes (tracemalloc)"
    yield ""
    yield from circumstances(part)
    rows = (
        [title(who), *(f"{found[key]:,}" for key in what)] for who, found in part["figures"].items()
    )
    yield from table(["", *what.values()], rows)


def goals(found: dict[str, Any]) -> Iterator[str]:
    yield "## Targets"
    yield ""
    yield NOISE
    yield ""
    judged = list(verdicts(found))
    rows = (
        [
            verdict.what,
            f"{'>=' if verdict.at_least else '<='} {number(verdict.limit)}{verdict.unit}",
            f"{number(verdict.measured)}{verdict.unit}",
            "met" if verdict.met else "**missed**",
        ]
        for verdict in judged
    )
    yield from table(["target", "must be", "is", ""], rows)
    yield from explained([verdict for verdict in judged if not verdict.met])


def explained(missed: list[Verdict]) -> Iterator[str]:
    """Say why targets were missed, and what could be tried next; one reason may be for several."""
    targets: dict[str, list[str]] = {}
    for verdict in missed:
        if verdict.reason:
            targets.setdefault(verdict.reason, []).append(verdict.what)
    if targets:
        yield "### Why some are missed, and the next idea"
        yield ""
        yield from (f"- **{'; '.join(what)}.** {reason}" for reason, what in targets.items())
        yield ""


def versions(found: dict[str, Any]) -> Iterator[str]:
    known = found["inprocess"]["versions"]
    listed = ", ".join(f"{title(name)} {known[name]}" for name in PEERS if name in known)
    yield f"CPython {known['python']}: {listed}."
    yield "All versions, with those of dependencies and of servers, are in `requirements/`."
    yield ""


def main() -> None:
    """Write the file anew."""
    found = results.load()
    lines = [*INTRODUCTION.splitlines(), ""]
    if "inprocess" in found:
        lines += versions(found)
    lines += goals(found)
    parts = {
        "inprocess": paired,
        "instructions": instructions,
        "layers": peeled,
        "wire": wire,
        "scale": scale,
        "startup": startup,
        "memory": memory,
    }
    for name, section in parts.items():
        if name in found:
            lines += section(found[name])
    FILE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
