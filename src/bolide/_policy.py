"""What an application does where there is more than one good way.

`Starlette` and `Bolide` are one implementation. Where they differ, they differ in a value, and all
these values stand here: the defaults of the class are Starlette's, and `BOLIDE` has Bolide's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, Final, Literal, TypedDict

from bolide.exceptions import BolideError

__all__ = ["BOLIDE", "STARLETTE", "Policy", "PolicyOptions", "UnknownOption", "policy_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Choices of an application; the defaults are what Starlette does.

    Attributes:
        nested_lifespans: Run the lifespans of mounted applications, too.
        errors_inside_middleware: Answer an error that nothing else handles inside the user's
            middleware, so that this sees the 500 like any other response.
        max_replay_size: How many bytes of a body are kept so that it can be read again, by
            `stream()` or by an application behind middleware. 0 keeps none.
        redirect_slashes: What becomes of a path that has a slash at its end, or lacks one, where
            the other form has a route: `"redirect"` sends the client there, `"ignore"` answers
            right away, `"strict"` says 404.
        relative_redirects: Redirect to a path, not to a URL with the host that the client claims.
        answer_options: Answer OPTIONS with the methods of a path.
        cut_head_bodies: Send no body to a HEAD request, and stop what would produce it.
        refuse_bad_json: Answer a malformed JSON body with status 400.
        max_endpoint_threads: How many blocking endpoints run at a time; by default they share
            AnyIO's limit with everything else that blocks.
        max_file_threads: How many operations on files run at a time; likewise.
        isolate_background_tasks: Log an error of a background task, and go on with the next one.
        background_drain_seconds: How long background tasks may go on at shutdown.
        drain_seconds: How long streams and WebSockets may go on after they were told that the
            server is to stop. 0 does not tell them.
    """

    nested_lifespans: bool = False
    errors_inside_middleware: bool = False
    max_replay_size: int = 0
    redirect_slashes: Literal["redirect", "strict", "ignore"] = "redirect"
    relative_redirects: bool = False
    answer_options: bool = False
    cut_head_bodies: bool = False
    refuse_bad_json: bool = False
    max_endpoint_threads: int | None = None
    max_file_threads: int | None = None
    isolate_background_tasks: bool = False
    background_drain_seconds: float = 0.0
    drain_seconds: float = 0.0

    def changed(self, options: Mapping[str, Any]) -> Policy:
        """Give a policy with some choices changed.

        Raises:
            UnknownOption: There is no such choice.
        """
        names = [field.name for field in fields(self)]
        for name in options:
            if name not in names:
                raise UnknownOption(name, names)
        return replace(self, **options)


class PolicyOptions(TypedDict, total=False):
    """The fields of `Policy` as keyword arguments."""

    nested_lifespans: bool
    errors_inside_middleware: bool
    max_replay_size: int
    redirect_slashes: Literal["redirect", "strict", "ignore"]
    relative_redirects: bool
    answer_options: bool
    cut_head_bodies: bool
    refuse_bad_json: bool
    max_endpoint_threads: int | None
    max_file_threads: int | None
    isolate_background_tasks: bool
    background_drain_seconds: float
    drain_seconds: float


class UnknownOption(BolideError, TypeError):
    """An application was given an option that there is not."""

    def __init__(self, name: str, names: list[str]) -> None:
        super().__init__(name)
        self.name = name
        self.names = names

    def __str__(self) -> str:
        close = get_close_matches(self.name, self.names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        return f"There is no option {self.name!r}{hint}"


STARLETTE: Final = Policy()

BOLIDE: Final = Policy(
    nested_lifespans=True,
    errors_inside_middleware=True,
    max_replay_size=2 * 1024 * 1024,
    relative_redirects=True,
    answer_options=True,
    cut_head_bodies=True,
    refuse_bad_json=True,
    max_endpoint_threads=40,
    max_file_threads=20,
    isolate_background_tasks=True,
    background_drain_seconds=10.0,
    drain_seconds=10.0,
)


def policy_of(scope: Mapping[str, Any]) -> Policy:
    """Give the policy of the innermost application that a connection has reached."""
    policy = getattr(scope.get("app"), "policy", STARLETTE)
    return policy if isinstance(policy, Policy) else STARLETTE
