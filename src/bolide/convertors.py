"""Convertors: what a path parameter such as `{user_id:int}` matches, and the value it stands for.

A convertor is a regular expression and two functions, from text to value and back. Which text
reaches `convert` is decided by the regex alone; `convert` may still turn a text down by raising
`ConvertorMismatch`, and the route then does not match. Any other exception is a mistake in the
convertor and goes up to whoever handles errors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from bolide.exceptions import BolideError

if TYPE_CHECKING:
    import uuid

__all__ = [
    "CONVERTOR_TYPES",
    "Convertor",
    "ConvertorMismatch",
    "FloatConvertor",
    "IntegerConvertor",
    "PathConvertor",
    "StringConvertor",
    "UUIDConvertor",
    "register_url_convertor",
]

T = TypeVar("T")


class ConvertorMismatch(BolideError, ValueError):
    """The text is not a value of this convertor, although its regex matched.

    Raised by `Convertor.convert`. The route is passed over, as if the regex had not matched, so a
    client meets 404 and not 500.
    """


class Convertor(Generic[T]):
    """What one kind of path parameter matches and means; the base of all convertors.

    Attributes:
        regex: The text that a parameter of this kind matches. It may contain groups. A `/` may
            be matched, too: then the parameter spans several segments of the path.
    """

    regex: ClassVar[str] = ""

    def convert(self, value: str) -> T:
        """Return what `value` stands for.

        Args:
            value: A text that the regex matches, already percent-decoded.

        Raises:
            ConvertorMismatch: If no value is written like that. The route does not match.
        """
        raise NotImplementedError

    def to_string(self, value: T) -> str:
        """Return the text that stands for `value` in a URL, not yet percent-encoded."""
        raise NotImplementedError


class StringConvertor(Convertor[str]):
    """`{name}` or `{name:str}`: one segment of a path, not empty."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Return the text itself."""
        return value

    def to_string(self, value: str) -> str:
        """Return the text itself.

        Raises:
            AssertionError: If it is empty or holds a `/`, so that no path could match it.
        """
        text = str(value)
        if "/" in text:
            raise AssertionError("May not contain path separators")
        if not text:
            raise AssertionError("Must not be empty")
        return text


class PathConvertor(Convertor[str]):
    """`{name:path}`: the rest of a path, slashes included, possibly empty."""

    regex = ".*"

    def convert(self, value: str) -> str:
        """Return the text itself."""
        return str(value)

    def to_string(self, value: str) -> str:
        """Return the text itself."""
        return str(value)


class IntegerConvertor(Convertor[int]):
    """`{name:int}`: a whole number that is not negative, in decimal digits.

    Attributes:
        max_digits: The longest text that is a number, in digits; what is longer does not match.
            Python itself may have been told to stop earlier (`sys.set_int_max_str_digits`), and
            then its limit holds.
    """

    regex = "[0-9]+"
    # SECURITY: the time to read a number grows with the square of its length. This is Python's
    # own limit, which a process may have lifted for other reasons.
    max_digits: ClassVar[int] = 4300

    def convert(self, value: str) -> int:
        """Return the number.

        Raises:
            ConvertorMismatch: If there are too many digits.
        """
        if len(value) > self.max_digits:
            raise ConvertorMismatch(
                f"{len(value)} digits are more than max_digits={self.max_digits}"
            )
        try:
            return int(value)
        except ValueError as error:
            raise ConvertorMismatch(str(error)) from error

    def to_string(self, value: int) -> str:
        """Return the digits of `value`.

        Raises:
            AssertionError: If it is negative.
        """
        number = int(value)
        if number < 0:
            raise AssertionError("Negative integers are not supported")
        return str(number)


class FloatConvertor(Convertor[float]):
    """`{name:float}`: a number that is not negative, in digits with or without a fraction.

    Attributes:
        max_length: The longest text that is a number, in characters; what is longer does not
            match. The longest that `to_string` writes is 330: 309 digits, a dot and 20 decimals.
    """

    regex = r"[0-9]+(\.[0-9]+)?"
    max_length: ClassVar[int] = 330

    def convert(self, value: str) -> float:
        """Return the number, always a finite one.

        Raises:
            ConvertorMismatch: If the text is too long, or the number too large for a float.
        """
        if len(value) > self.max_length:
            raise ConvertorMismatch(
                f"{len(value)} characters are more than max_length={self.max_length}"
            )
        try:
            number = float(value)
        except ValueError as error:
            raise ConvertorMismatch(str(error)) from error
        if not math.isfinite(number):
            raise ConvertorMismatch(f"{value!r} is too large for a float")
        return number

    def to_string(self, value: float) -> str:
        """Return `value` rounded to 20 decimals, without the zeros at their end.

        Raises:
            AssertionError: If it is negative, infinite or not a number.
        """
        number = float(value)
        if math.isnan(number):
            raise AssertionError("NaN values are not supported")
        if math.isinf(number):
            raise AssertionError("Infinite values are not supported")
        if number < 0.0:
            raise AssertionError("Negative floats are not supported")
        # Adding zero takes the sign off a negative zero, which the regex would not match.
        return f"{number + 0.0:.20f}".rstrip("0").rstrip(".")


class UUIDConvertor(Convertor["uuid.UUID"]):
    """`{name:uuid}`: a UUID in hexadecimal digits of either case, each dash optional."""

    regex = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"

    def convert(self, value: str) -> uuid.UUID:
        """Return the UUID."""
        from uuid import UUID

        return UUID(value)

    def to_string(self, value: uuid.UUID) -> str:
        """Return the UUID in lower case with dashes."""
        return str(value)


CONVERTOR_TYPES: dict[str, Convertor[Any]] = {
    "str": StringConvertor(),
    "path": PathConvertor(),
    "int": IntegerConvertor(),
    "float": FloatConvertor(),
    "uuid": UUIDConvertor(),
}
"""The convertors, by the name that stands after the colon of a parameter."""


def register_url_convertor(key: str, convertor: Convertor[Any]) -> None:
    """Make `{name:key}` stand for `convertor` in routes made from now on.

    Args:
        key: The name after the colon; one of the built-in names replaces that convertor.
        convertor: An instance, shared by all routes that use it.
    """
    CONVERTOR_TYPES[key] = convertor
