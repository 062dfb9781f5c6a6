"""The suites, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conformance.results import Deviation, read_table

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Suite:
    """Somebody's tests. A directory with its name has what else is to know of it.

    In `requirements.txt` there is what its tests need beside bolide with all its extras, and in
    `deviations.toml` where bolide differs, and why.

    Attributes:
        name: The name of the suite, and of the source distribution that has it.
        version: The version of the source distribution.
        sha256: The digest of the source distribution.
        at_least: How many tests have to run, so that some of them cannot get lost unnoticed.
        tests: Where they are in the source distribution.
        settings: The file there that has pytest's settings.
    """

    name: str
    version: str
    sha256: str
    at_least: int
    tests: str = "tests"
    settings: str = "pyproject.toml"

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def requirements(self) -> Path:
        return HERE / self.name / "requirements.txt"

    @property
    def deviations(self) -> list[Deviation]:
        return read_table(HERE / self.name / "deviations.toml")


SUITES = {
    suite.name: suite
    for suite in [
        Suite(
            name="starlette",
            version="1.10.0",
            sha256="b8399098d4c1e3522734f7235dc79b1fc967f96cf139c81e0fa30479e0685f9b",
            at_least=1416,
        ),
    ]
}
