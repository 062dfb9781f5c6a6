"""What an application does where there is more than one good way.

`Starlette` and `Bolide` are one implementation. Where they differ, they differ in a value, and all
these values stand here: the defaults of the class are Starlette's, and `BOLIDE` has Bolide's.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NoReturn, TypeVar, Unpack, cast

from bolide.exceptions import BolideError

if TYPE_CHECKING:
    from typing import TypedDict
else:
    # PERF: S18, for so many keys the checks of typing take a millisecond.
    class TypedDict(dict):
        def __init_subclass__(cls, total: bool) -> None: ...


__all__ = [
    "BOLIDE",
    "OWN_POLICY_KEY",
    "STARLETTE",
    "Policy",
    "PolicyOptions",
    "UnknownChoice",
    "UnknownOption",
    "policy_of",
]

T = TypeVar("T")

_WORDS: Final = {
    "redirect_slashes": ("redirect", "strict", "ignore"),
    "debug_for": ("anyone", "loopback"),
}


def _with_slots(cls: type[T]) -> type[T]:
    """Make a class again, with its fields in slots, and their defaults in `_defaults`.

    PERF: S1 on Bolide. An instance of so many attributes keeps them in a dictionary, which CPython
    searches anew each time.
    """
    namespace = {
        name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")
    }
    fields = {name: hint for name, hint in cls.__annotations__.items() if name in namespace}
    namespace |= {
        "__slots__": tuple(fields),
        "__annotations__": fields,
        "_defaults": {name: namespace.pop(name) for name in fields},
    }
    return types.new_class(cls.__name__, cls.__bases__, {}, lambda made: made.update(namespace))


@_with_slots
class Policy:
    """Choices of an application; the defaults are what Starlette does.

    Attributes:
        nested_lifespans: Run the lifespans of mounted applications, too, at any depth.
        errors_inside_middleware: Answer an error that nothing else handles inside the user's
            middleware, so that this sees the 500 like any other response.
        max_replay_size: How many bytes of a body are kept so that it can be read again, by
            `stream()` or by an application behind middleware. 0 keeps none.
        max_buffer_size: How many bytes a body may have that is read as a whole, by `body()` or
            `json()`. Where `max_body_size` is set for an application, a mount or a route, that
            holds instead of this and of `max_form_size`. None for any size.
        max_form_size: How many bytes a form may have, with its files. None for any size.
        max_form_fields_size: How many bytes all fields of a form that are no files may have; or
            `max_part_size`, if that is larger. None for any size.
        max_form_memory: How many bytes of all files of a form may be in memory; a file that would
            be too much goes to disk. None for any number.
        max_form_disk_files: How many files of a form may be on disk, and so be open. None for any
            number that `max_files` allows.
        max_form_epilogue: How many bytes may follow the last boundary of a multipart form. None for
            any number.
        strict_forms: Refuse a multipart form that ends early, or in another charset than UTF-8,
            US-ASCII and ISO 8859-1.
        safe_filenames: Let `filename` of an upload be only the last component of the name that the
            client gave, which is in `raw_filename`; refuse control characters in it.
        max_json_depth: How deeply arrays and objects of a JSON body may be nested; with
            `refuse_bad_json` only. None for as deep as Python takes.
        max_json_values: How many values a JSON body may hold; likewise. None for any number.
        guard_static_files: Hide files whose name, or that of a directory above, begins with a dot,
            but for `.well-known`; ask the operating system for no name that has a meaning of its
            own, such as a device of Windows; tell browsers to believe the media type.
        escape_templates: Escape text in all templates of a `Jinja2Templates` that was not told its
            `autoescape`, and not only in those whose names end in `.html`, `.htm` or `.xml`.
        redirect_slashes: What becomes of a path that has a slash at its end, or lacks one, where
            the other form has a route: `"redirect"` sends the client there, `"ignore"` answers
            right away, `"strict"` says 404.
        relative_redirects: Redirect to a path, not to a URL with the host that the client claims.
        allowed_hosts: The hosts that requests may be for, such as `["example.org"]`; others get
            status 400. `*.example.org` is for all subdomains, `*` for any host. None for any.
        refuse_double_hosts: Answer a request with more than one Host header with status 400.
        advise_on_hosts: Write a warning to the log, once when the application starts, if it is not
            in debug mode and says nothing of its hosts.
        answer_options: Answer OPTIONS with the methods of all routes of a path, and name them all
            where a method is refused.
        cut_head_bodies: Send no body to a HEAD request, and stop what would produce it. A route for
            HEAD alone comes before one for GET of the same path.
        refuse_bad_json: Answer a malformed JSON body with status 400.
        negotiate_errors: Answer errors in the form that the client accepts: JSON, HTML or text.
        debug_for: Who sees tracebacks in debug mode: `"anyone"`, or only `"loopback"` clients, on
            the machine itself.
        max_endpoint_threads: How many blocking endpoints run at a time; by default they share
            AnyIO's limit with everything else that blocks.
        reserved_endpoint_threads: How many more there are when all of these are taken, for
            endpoints of which no call is running. So those that hang leave a thread to others.
        max_waiting_endpoints: How many requests may wait for one of these threads; others get
            status 503 and Retry-After. None for any number.
        max_file_threads: How many operations on files run at a time; likewise.
        isolate_background_tasks: Log an error of a background task, and go on with the next one.
        body_idle_seconds: How long each piece of a request body may take to come, once it is
            asked for; then the answer is 408. 0 for any time.
        quiet_disconnects: Write one line to the log where a client leaves early, instead of having
            the server write a traceback.
        validate_events: Let `TestClient` check each event that the application sends, where its
            own `validate_events` is unset.
        check_websockets: Close a WebSocket with code 1003 where a message is text that should be
            binary, or the other way round, with 1007 where it is not the JSON that it should be,
            and with 1008 or 1011 where an `HTTPException` comes too late for a response.
        max_message_size: The largest message of a WebSocket, in bytes; a larger one closes it with
            code 1009. None for any.
        websocket_origins: Whose pages, besides the server's own, may open WebSockets with cookies
            or a password, as in `["https://app.example.com"]`. None for any.
        background_drain_seconds: How long background tasks may go on when the server is told to
            stop. 0 does not stop them.
        drain_seconds: How long streams and WebSockets may go on then; they are told at once. 0 does
            not end them.
        request_drain_seconds: How long other requests may go on then; what has not begun to answer
            gets status 503, and what has is broken off. 0 does not end them.
        cleanup_seconds: How long code that is cancelled by a cancel scope may wait in its cleanup:
            behind a `BaseHTTPMiddleware` or a `TimeoutMiddleware`, in the iterator of a stream, and
            when draining is over. 0 cancels each of its awaits, as scopes do by themselves.
        check_cookies: Refuse to set a cookie that browsers drop: with SameSite=None or Partitioned
            and not Secure, or against the rules of the prefixes `__Host-` and `__Secure-`.
        max_cookie_size: How many bytes a Set-Cookie header may have; browsers drop larger ones.
            For the cookie of a safe `SessionMiddleware` it is 4,093 where this is None.
        safe_sessions: What `SessionMiddleware` does with its `safe` unset.
        safe_cors: What `CORSMiddleware` does with its `safe` unset.
        strict_compression: What `GZipMiddleware` does with its `strict` unset.
        answer_conditions: Answer conditional requests for files with 304 or 412.
        cut_forbidden_bodies: Send no body where the status forbids one: 204, 205 and 304.
        exact_file_lengths: Break off a response if its file has become shorter than announced, and
            send no more than that if it has become longer.
        break_off_bodies: Behind a `BaseHTTPMiddleware`, raise an error in the middle of a response
            body where the body is read, and leave it without its end, so that the client notices.

    Raises:
        UnknownChoice: One of the choices that are words is none of them.
    """

    nested_lifespans: bool = False
    errors_inside_middleware: bool = False
    max_replay_size: int = 0
    max_buffer_size: int | None = None
    max_form_size: int | None = None
    max_form_fields_size: int | None = None
    max_form_memory: int | None = None
    max_form_disk_files: int | None = None
    max_form_epilogue: int | None = None
    strict_forms: bool = False
    safe_filenames: bool = False
    max_json_depth: int | None = None
    max_json_values: int | None = None
    guard_static_files: bool = False
    escape_templates: bool = False
    redirect_slashes: Literal["redirect", "strict", "ignore"] = "redirect"
    relative_redirects: bool = False
    allowed_hosts: Collection[str] | None = None
    refuse_double_hosts: bool = False
    advise_on_hosts: bool = False
    answer_options: bool = False
    cut_head_bodies: bool = False
    refuse_bad_json: bool = False
    negotiate_errors: bool = False
    debug_for: Literal["anyone", "loopback"] = "anyone"
    max_endpoint_threads: int | None = None
    reserved_endpoint_threads: int = 0
    max_waiting_endpoints: int | None = None
    max_file_threads: int | None = None
    isolate_background_tasks: bool = False
    body_idle_seconds: float = 0.0
    quiet_disconnects: bool = False
    validate_events: bool = False
    check_websockets: bool = False
    max_message_size: int | None = None
    websocket_origins: Collection[str] | None = None
    background_drain_seconds: float = 0.0
    drain_seconds: float = 0.0
    request_drain_seconds: float = 0.0
    cleanup_seconds: float = 0.0
    check_cookies: bool = False
    max_cookie_size: int | None = None
    safe_sessions: bool = False
    safe_cors: bool = False
    strict_compression: bool = False
    answer_conditions: bool = False
    cut_forbidden_bodies: bool = False
    exact_file_lengths: bool = False
    break_off_bodies: bool = False

    _defaults: ClassVar[Mapping[str, Any]]

    # PERF: S18, a dataclass of so many fields takes three milliseconds to make.

    def __init__(self, **options: Unpack[PolicyOptions]) -> None:
        names = self._defaults
        for name in options:
            if name not in names:
                raise UnknownOption(name, list(names))
        for name, value in {**names, **options}.items():
            object.__setattr__(self, name, value)
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                raise UnknownChoice(name, getattr(self, name), words)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"A policy cannot be changed, and has no other {name!r}.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"A policy cannot be changed, and needs its {name!r}.")

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Policy) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._values().values()))

    def __repr__(self) -> str:
        changed = (
            f"{name}={value!r}"
            for name, value in self._values().items()
            if value != self._defaults[name]
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    def changed(self, options: Mapping[str, Any]) -> Policy:
        """Give a policy with some choices changed.

        Raises:
            UnknownChoice: A word is none of those that there are for a choice.
            UnknownOption: There is no such choice.
        """
        return Policy(**{**self._values(), **options})

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._defaults}

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Policy, **self._values()), ()


class PolicyOptions(TypedDict, total=False):
    """The fields of `Policy` as keyword arguments."""

    nested_lifespans: bool
    errors_inside_middleware: bool
    max_replay_size: int
    max_buffer_size: int | None
    max_form_size: int | None
    max_form_fields_size: int | None
    max_form_memory: int | None
    max_form_disk_files: int | None
    max_form_epilogue: int | None
    strict_forms: bool
    safe_filenames: bool
    max_json_depth: int | None
    max_json_values: int | None
    guard_static_files: bool
    escape_templates: bool
    redirect_slashes: Literal["redirect", "strict", "ignore"]
    relative_redirects: bool
    allowed_hosts: Collection[str] | None
    refuse_double_hosts: bool
    advise_on_hosts: bool
    answer_options: bool
    cut_head_bodies: bool
    refuse_bad_json: bool
    negotiate_errors: bool
    debug_for: Literal["anyone", "loopback"]
    max_endpoint_threads: int | None
    reserved_endpoint_threads: int
    max_waiting_endpoints: int | None
    max_file_threads: int | None
    isolate_background_tasks: bool
    body_idle_seconds: float
    quiet_disconnects: bool
    validate_events: bool
    check_websockets: bool
    max_message_size: int | None
    websocket_origins: Collection[str] | None
    background_drain_seconds: float
    drain_seconds: float
    request_drain_seconds: float
    cleanup_seconds: float
    check_cookies: bool
    max_cookie_size: int | None
    safe_sessions: bool
    safe_cors: bool
    strict_compression: bool
    answer_conditions: bool
    cut_forbidden_bodies: bool
    exact_file_lengths: bool
    break_off_bodies: bool


class UnknownOption(BolideError, TypeError):
    """An application was given an option that there is not."""

    def __init__(self, name: str, names: list[str]) -> None:
        super().__init__(name)
        self.name = name
        self.names = names

    def __str__(self) -> str:
        from difflib import get_close_matches

        close = get_close_matches(self.name, self.names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        return f"There is no option {self.name!r}{hint}"


class UnknownChoice(BolideError, ValueError):
    """An option of an application was given a word that is none of its choices."""

    def __init__(self, name: str, value: object, words: tuple[str, ...]) -> None:
        super().__init__(name, value)
        self.name = name
        self.value = value
        self.words = words

    def __str__(self) -> str:
        words = ", ".join(map(repr, self.words))
        return f"{self.name} is one of {words}; got {self.value!r}."


STARLETTE: Final = Policy()

BOLIDE: Final = Policy(
    nested_lifespans=True,
    errors_inside_middleware=True,
    max_replay_size=2 * 1024 * 1024,
    max_buffer_size=2 * 1024 * 1024,
    max_form_size=32 * 1024 * 1024,
    max_form_fields_size=8 * 1024 * 1024,
    max_form_memory=32 * 1024 * 1024,
    max_form_disk_files=20,
    max_form_epilogue=1024,
    strict_forms=True,
    safe_filenames=True,
    # Deeper than what people write, and far from where Python's own recursion ends.
    max_json_depth=128,
    # What takes about 50 milliseconds, during which nothing else is done.
    max_json_values=100_000,
    guard_static_files=True,
    escape_templates=True,
    relative_redirects=True,
    refuse_double_hosts=True,
    advise_on_hosts=True,
    answer_options=True,
    cut_head_bodies=True,
    refuse_bad_json=True,
    negotiate_errors=True,
    debug_for="loopback",
    max_endpoint_threads=40,
    reserved_endpoint_threads=4,
    # A second for each is five for the last one of them, at forty a time.
    max_waiting_endpoints=200,
    max_file_threads=20,
    isolate_background_tasks=True,
    body_idle_seconds=30.0,
    quiet_disconnects=True,
    validate_events=True,
    check_websockets=True,
    max_message_size=1024 * 1024,
    websocket_origins=(),
    # Less than the ten seconds that container runtimes wait before they kill.
    background_drain_seconds=5.0,
    drain_seconds=5.0,
    # Less than the thirty seconds of most orchestrators: there is work to lose.
    request_drain_seconds=25.0,
    cleanup_seconds=5.0,
    check_cookies=True,
    # What all browsers take: 4,096 bytes less what some of them add.
    max_cookie_size=4093,
    safe_sessions=True,
    safe_cors=True,
    strict_compression=True,
    answer_conditions=True,
    cut_forbidden_bodies=True,
    exact_file_lengths=True,
    break_off_bodies=True,
)

OWN_POLICY_KEY: Final = "bolide.own_policy"
"""Where a scope keeps the policy of a route or a mount, behind the application that it is of."""


def policy_of(scope: Mapping[str, Any]) -> Policy:
    """Give the policy of the innermost application, or part of one, that a scope is in."""
    app = scope.get("app")
    if OWN_POLICY_KEY in scope:
        owner, own = scope[OWN_POLICY_KEY]
        # Further in, another application may have been reached.
        if owner is app:
            return cast("Policy", own)
    # PERF: S11, half of what `getattr` takes with a default.
    try:
        policy = app.policy  # type: ignore[union-attr]
    except AttributeError:
        return STARLETTE
    return policy if type(policy) is Policy or isinstance(policy, Policy) else STARLETTE
