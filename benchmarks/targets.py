"""What bolide must reach: limits on ratios to raw, on fractions of Starlette's, and on counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

RATIOS: Final = {
    "S1": 2.2,
    "S2": 1.6,
    "S3": 3.0,
    "S5": 3.0,
    "S5h": 3.0,
    "S7": 1.15,
    "S11n": 2.0,
    "S11": 4.0,
    "S12": 2.0,
    "S16": 4.0,
}
"""Paired time, as a multiple of raw's."""

AS_MUCH_AS: Final = {"S4": ("S1", 1.1), "S4p": ("S3", 1.1)}
"""Paired time, as a multiple of bolide's own in another scenario."""

OF_STARLETTE: Final = {
    # Set as 7.0, 6.0 and 9.0 times a raw that read less of the request than ours, next to which
    # Starlette took 22.1, 28.9 and 17.1.
    "S6": 0.32,
    "S8": 0.21,
    "S9": 0.53,
    "S10": 0.25,
    "S10l": 0.45,
    "S13": 0.35,
    "S13f": 0.35,
    "S14": 0.75,
    "S15": 0.7,
    "S17": 0.3,
}
"""Paired time, as a fraction of Starlette's."""

INSTRUCTIONS: Final[dict[str, float]] = {
    "S1": 36_000,
    "S3": 45_000,
    "S4": 38_000,
    "S4p": 47_000,
    "S5h": 45_000,
    "S6": 80_000,
    "S11n": 45_000,
}
"""Instructions per request, with raw's part of about 15,000."""

ON_THE_WIRE: Final = {"S1": 0.80, "S11": 0.65}
"""Fraction of raw's requests per second, at least, on uvicorn and on granian."""

BUILD_MILLISECONDS: Final = 1_000.0
"""CPU time of an application of 10,000 routes, until its first answer is there."""

ROUTE_BYTES: Final = 4096.0


_LAYERS: Final = """\
What is left is about 390 bytecodes, half of whose instructions are the interpreter's own work, and
five objects: the coroutine, the request, the response, its list of headers and the parameters of
the path. A call of `Response` with fewer arguments than it has parameters is one that CPython does
not specialise, and so is a look at `__call__` of a class, by which we notice what users have
replaced; see `docs/explanation/decisions/straight-way.md`. Next: nothing known in Python source. A
way to be told that a class has been changed would spare a thousand instructions, a compiler in
CPython itself the interpreter's half."""

_CODEC: Final = """\
Next: nothing on `Starlette`, whose bytes have to stay; `Bolide` takes msgspec or orjson where they
are installed, and is measured without them."""

REASONS: Final[dict[str, str]] = {
    "S1": _LAYERS,
    "S3": _LAYERS,
    "S4": _LAYERS,
    "S4p": _LAYERS,
    "S11n": _LAYERS,
    "S2": f"""\
Encoding takes what it takes raw, with the same codec of the standard library, and what is above it
is S1. {_CODEC}""",
    "S5": """\
The layers of S1 but for the endpoint and its response. That neither form of the path has a route is
seen in two dictionaries, and the answer is ready, but for a list of headers of its own.""",
    "S5h": "As S5: it does not grow with the routes.",
    "S6": """\
The layers of S1, and what raw does by hand, take 59 thousand instructions, which is 0.30 of
Starlette's; what is above it are `Headers`, `QueryParams` and the cookies, objects with the whole
interface of a mapping. An index of the headers takes as long to make as three searches. Next:
nothing known but a request that is no mapping.""",
    "S7": f"""\
To parse and to write takes three quarters of it, with the same codec as raw's. The limit leaves
room for little more than the layers of S1, and the body has to be read as well. {_CODEC}""",
    "S8": """\
The layers of S1, a body that has to be counted, decoding the pairs, which takes raw 28 thousand
instructions and us 33, and a `FormData` that has to close its files. Next: nothing known but
a form whose files, which it has none of, need not be closed.""",
    "S9": """\
The parser alone takes half of it. Next: to hand the pieces of the body to the parser without the
generator of `Request.stream`, which anybody may use.""",
    "S11": """\
CORS, GZip, sessions and hosts each read headers of the request, and the first three have to see the
start of the response before it leaves. Next: nothing known; a dictionary of the headers for all of
them takes longer than their four searches.""",
    "S12": """\
An asynchronous generator and a `send` for each piece take 2.05 of raw, with the check of the type
and a look at the clock 2.2. The rest is a task group, which has to be there before the stream
begins, in case it has to wait while the client leaves: AnyIO's takes 0.7 to be left. Next: a task
group of AnyIO's that is left as quickly as a cancel scope as long as no task was started, which
would bring it to 2.6.""",
    "S14": """\
The way to a thread and back is most of it, and AnyIO's threads are kept, whose floor is 0.65 to
0.7: see `docs/explanation/decisions/threads.md`. Next: a quicker `run_sync` in AnyIO itself.""",
    "S16": """\
The layers of S1, and nine thousand instructions: to see that nothing on the way through the mounts
has been changed, and to write what applications inside may read (`root_path`, `app_root_path`).
Next: nothing known that would still notice what users replace.""",
}
"""Why a target is missed, and what could be tried next; said only where it is.

A key is all that `Verdict.what` says, or the scenario that it begins with."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, and what was measured."""

    what: str
    limit: float
    measured: float
    at_least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def reason(self) -> str:
        """Why it is missed, if it is; empty where nobody has said so."""
        scenario = self.what.replace(",", " ").split()[0]
        reason = REASONS.get(self.what, REASONS.get(scenario, ""))
        return reason.replace("\n", " ")


def verdicts(found: dict[str, Any]) -> Iterator[Verdict]:
    """Hold what was measured against the targets; what was not measured gives nothing."""
    yield from _times(found.get("inprocess", {}).get("figures", {}))
    counted = found.get("instructions", {}).get("figures", {})
    for name, limit in INSTRUCTIONS.items():
        if "bolide" in counted.get(name, {}):
            measured = counted[name]["bolide"]["own"] / 1000
            yield Verdict(f"{name}, instructions", limit / 1000, measured, unit=" k")
    loads = found.get("wire", {}).get("figures", {})
    for name, limit in ON_THE_WIRE.items():
        for server in ("uvicorn", "granian"):
            each = loads.get(name, {}).get(server, {})
            if "bolide" in each:
                measured = each["bolide"]["fraction"]
                yield Verdict(f"{name} on {server}, of raw", limit, measured, at_least=True)
    yield from _footprint(found)


def _times(times: dict[str, Any]) -> Iterator[Verdict]:
    ours = {name: each["bolide"]["ratio"] for name, each in times.items() if "bolide" in each}
    theirs = {
        name: each["starlette"]["ratio"] for name, each in times.items() if "starlette" in each
    }
    for name, limit in RATIOS.items():
        if name in ours:
            yield Verdict(f"{name}, ratio to raw", limit, ours[name])
    for name, (other, factor) in AS_MUCH_AS.items():
        if name in ours and other in ours:
            yield Verdict(f"{name}, of {other}", factor, ours[name] / ours[other])
    for name, limit in OF_STARLETTE.items():
        if name in ours and name in theirs:
            yield Verdict(f"{name}, of Starlette's", limit, ours[name] / theirs[name])


def _footprint(found: dict[str, Any]) -> Iterator[Verdict]:
    started = found.get("startup", {}).get("figures", {})
    if "bolide" in started and "starlette" in started:
        for what, title in (("import", "import"), ("literal/1000", "1,000 routes built")):
            limit, measured = (started[who][what] for who in ("starlette", "bolide"))
            yield Verdict(f"S18, {title}", limit, measured, unit=" ms")
        measured = max(started["bolide"][f"{kind}/10000"] for kind in ("literal", "parametrised"))
        yield Verdict("10,000 routes built", BUILD_MILLISECONDS, measured, unit=" ms")
    held = found.get("memory", {}).get("figures", {})
    if "bolide" in held:
        measured = max(held["bolide"][f"{kind}/10000"] for kind in ("literal", "parametrised"))
        yield Verdict("memory of a route", ROUTE_BYTES, measured, unit=" B")
        for kind, title in (("websocket", "an idle WebSocket"), ("stream", "an open stream")):
            limit, measured = (held[who][kind] for who in ("starlette", "bolide"))
            yield Verdict(f"memory of {title}", limit, measured, unit=" B")
