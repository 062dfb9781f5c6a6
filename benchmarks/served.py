"""What servers import: `app`, of the framework and the scenario that the environment names."""

from __future__ import annotations

import os

from benchmarks.contest import make

app = make(os.environ["BENCHMARK_FRAMEWORK"], os.environ["BENCHMARK_SCENARIO"])
