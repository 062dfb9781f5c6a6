"""The command `bolide` as `python -m bolide`."""

from __future__ import annotations

import sys

from bolide._cli import main

if __name__ == "__main__":
    sys.exit(main())
