"""Runs one of the long runs: `python -m reliability soak`."""

from __future__ import annotations

import sys
from importlib import import_module

KINDS = ("soak", "fuzz", "stalls")


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in KINDS:
        print(f"usage: python -m reliability {{{','.join(KINDS)}}} ...", file=sys.stderr)
        return 2
    main_of_kind = import_module(f"reliability.{sys.argv[1]}").main
    return int(main_of_kind(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
