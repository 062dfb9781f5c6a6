"""Keeps what was measured, in `results.json`, so that parts can be measured again one by one."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("results.json")


def load() -> dict[str, Any]:
    """Give all that was measured so far."""
    if not FILE.exists():
        return {}
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Put new figures over old ones, at whatever depth they are."""
    both = {**old, **new}
    for name in old.keys() & new.keys():
        if isinstance(old[name], dict) and isinstance(new[name], dict):
            both[name] = merged(old[name], new[name])
    return both


def store(part: str, data: dict[str, Any], load_before: float, partial: bool = False) -> None:
    """Keep what was measured in one part, and note when and on what machine.

    Args:
        part: `inprocess`, `instructions`, and so on.
        data: What `report.py` and `plot.py` read.
        load_before: The load average, of a minute, before the part began.
        partial: Leave what was measured before and is not in the data.
    """
    everything = load()
    kept = merged(everything.get(part, {}), data) if partial else data
    everything[part] = {
        **kept,
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "load": [round(load_before, 2), round(os.getloadavg()[0], 2)],
    }
    FILE.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def machine() -> str:
    """Describe the processor, without a name that would tell whose it is."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{os.cpu_count()} cores, {model}, {platform.system()}"
