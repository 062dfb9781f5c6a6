"""Make the names of a public module say that they live there, wherever the code is.

The code of a public module may be spread over private ones. Users meet the public path in
tracebacks, `repr`, pickles and documentation, so that is the path a class or function reports.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import FunctionType
from typing import Any


def publish(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Set `__module__` of classes and functions that come from a private module.

    Args:
        namespace: The `globals()` of the public module, called at its end.
        names: Those that live there. A module may offer others too, which live elsewhere.
    """
    package = __name__.partition(".")[0]
    for name in names:
        value = namespace[name]
        # Other values have the `__module__` of their class, which is not theirs to change.
        if isinstance(value, type | FunctionType) and value.__module__.startswith(f"{package}._"):
            value.__module__ = namespace["__name__"]
