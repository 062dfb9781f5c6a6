"""Settings from the environment, from a file, and from defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bolide import config as config_module
from bolide.config import (
    Config,
    Environ,
    EnvironError,
    InvalidSetting,
    MissingSetting,
    Secret,
    undefined,
)
from bolide.exceptions import BolideError


@pytest.fixture
def env_file(tmp_path: Path) -> Callable[[str], Path]:
    """Write an env file."""

    def write(text: str) -> Path:
        path = tmp_path / "settings.env"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# Where a value comes from


def test_the_environment_comes_before_the_file(env_file: Callable[[str], Path]) -> None:
    config = Config(env_file("A=file\nB=file"), environ={"A": "environment"})

    assert config("A") == "environment"
    assert config("B", default="default") == "file"
    assert config("C", default="default") == "default"


def test_call_and_get_are_the_same() -> None:
    config = Config(environ={"N": "5"})

    assert config("N", cast=int) == config.get("N", cast=int) == 5


def test_the_environment_is_read_at_each_look_up() -> None:
    environ = {"A": "1"}
    config = Config(environ=environ)
    environ["A"] = "2"

    assert config("A") == "2"


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOLIDE_TEST_SETTING", "x")

    assert Config()("BOLIDE_TEST_SETTING") == "x"
    assert Config().environ is config_module.environ


def test_a_prefix_is_put_before_every_name() -> None:
    config = Config(environ={"APP_A": "1", "A": "2"}, env_prefix="APP_")

    assert config("A") == "1"
    with pytest.raises(KeyError, match="Config 'APP_B' is missing"):
        config("B")


def test_a_missing_setting_is_a_key_error() -> None:
    with pytest.raises(MissingSetting) as caught:
        Config(environ={})("A")

    assert caught.value.args == ("Config 'A' is missing, and has no default.",)
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, BolideError)


def test_undefined_means_no_default() -> None:
    with pytest.raises(MissingSetting):
        Config(environ={})("A", default=undefined)


# Casts


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("cast", "text", "value"),
    [
        (None, "5", "5"),
        (str, "5", "5"),
        (int, "5", 5),
        (Colour, "red", Colour.RED),
        (lambda text: text.split(), "a b", ["a", "b"]),
        (bool, "true", True),
        (bool, "TRUE", True),
        (bool, "1", True),
        (bool, "false", False),
        (bool, "False", False),
        (bool, "0", False),
    ],
)
def test_a_value_is_cast(cast: Callable[[Any], Any] | None, text: str, value: object) -> None:
    assert Config(environ={"A": text})("A", cast) == value


@pytest.mark.parametrize(
    ("cast", "default", "value"),
    [(int, "5", 5), (bool, "true", True), (bool, 2, True), (int, None, None), (None, 5, 5)],
)
def test_a_default_is_cast_unless_it_is_none(
    cast: Callable[[Any], Any] | None, default: object, value: object
) -> None:
    assert Config(environ={})("A", cast, default) == value


def test_a_secret_is_one_of_the_casts() -> None:
    secret = Config(environ={"KEY": "x"})("KEY", cast=Secret)

    assert str(secret) == "x"
    assert repr(secret) == "Secret('**********')"


@pytest.mark.parametrize(
    ("cast", "text", "message"),
    [
        (bool, "Maybe", "Config 'P_A' has value 'maybe'. Not a valid bool."),
        (bool, "", "Config 'P_A' has value ''. Not a valid bool."),
        (int, "x", "Config 'P_A' has value 'x'. Not a valid int."),
        (Colour, "blue", "Config 'P_A' has value 'blue'. Not a valid Colour."),
        (len, 5, "Config 'P_A' has value '5'. Not a valid len."),
    ],
)
def test_a_value_that_cannot_be_cast_is_a_value_error(
    cast: Callable[[Any], Any], text: Any, message: str
) -> None:
    config = Config(environ={"P_A": text}, env_prefix="P_")

    with pytest.raises(InvalidSetting) as caught:
        config("A", cast)

    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, BolideError)


def test_a_cast_without_a_name_is_named_by_its_repr() -> None:
    with pytest.raises(InvalidSetting, match=r"Not a valid functools.partial\(<class 'int'>\)\."):
        Config(environ={"A": "x"})("A", partial(int))


def test_other_errors_of_a_cast_go_up() -> None:
    with pytest.raises(ZeroDivisionError):
        Config(environ={"A": "0"})("A", lambda text: 1 // int(text))


# The file


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("A=1", {"A": "1"}),
        ("  A  =  1  ", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=b=c", {"A": "b=c"}),
        ("# A=1", {}),
        ("  # A=1", {}),
        ("A=1 # one", {"A": "1 # one"}),
        ("A", {}),
        ("", {}),
        ("=1", {"": "1"}),
        ("export A=1", {"export A": "1"}),
        ("A=$B", {"A": "$B"}),
        (r"A=a\nb", {"A": r"a\nb"}),
        ('A="a b"', {"A": "a b"}),
        ("A='a b'", {"A": "a b"}),
        ('A=" a "', {"A": " a "}),
        ("A='say \"hi\"'", {"A": 'say "hi"'}),
        ('A="it\'s"', {"A": "it's"}),
        ("A=\"secret'", {"A": "\"secret'"}),
        ('A="', {"A": '"'}),
        ('A=""', {"A": ""}),
        ('A=""x""', {"A": '"x"'}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=1\r\nB=2", {"A": "1", "B": "2"}),
    ],
)
def test_a_line_of_the_file(
    env_file: Callable[[str], Path], line: str, values: dict[str, str]
) -> None:
    assert Config(env_file(line), environ={}).file_values == values


def test_the_file_may_be_named_by_a_text(env_file: Callable[[str], Path]) -> None:
    assert Config(str(env_file("A=1")), environ={})("A") == "1"


def test_the_file_is_read_in_the_given_encoding(tmp_path: Path) -> None:
    path = tmp_path / "latin.env"
    path.write_bytes("A=é".encode("latin-1"))

    assert Config(path, environ={}, encoding="latin-1")("A") == "é"
    with pytest.raises(UnicodeDecodeError):
        Config(path, environ={})


@pytest.mark.parametrize("name", ["missing.env", "."])
def test_a_missing_file_warns_and_counts_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    message = re.escape(f"Config file '{name}' not found.")

    with pytest.warns(UserWarning, match=f"^{message}$") as caught:
        config = Config(name, environ={})

    assert [warning.filename for warning in caught] == [__file__]
    assert config.file_values == {}


def test_without_a_file_there_are_no_file_values() -> None:
    assert Config(environ={}).file_values == {}


# The guarded environment


def test_an_environ_is_a_view_of_the_mapping_underneath() -> None:
    underneath = {"A": "1"}
    environ = Environ(underneath)
    environ["B"] = "2"
    del environ["A"]

    assert underneath == {"B": "2"}
    assert len(environ) == 1
    assert list(environ) == ["B"]
    assert environ["B"] == "2"


def test_an_environ_is_that_of_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOLIDE_TEST_SETTING", "x")

    assert Environ()["BOLIDE_TEST_SETTING"] == "x"
    assert len(Environ()) == len(os.environ)


@pytest.mark.parametrize(
    "read",
    [
        lambda environ: environ["A"],
        lambda environ: environ.get("A"),
        lambda environ: "A" in environ,
    ],
    ids=["item", "get", "in"],
)
@pytest.mark.parametrize("contents", [{"A": "1"}, {}], ids=["present", "missing"])
def test_a_variable_that_was_read_cannot_be_changed(
    read: Callable[[Environ], object], contents: dict[str, str]
) -> None:
    environ = Environ(dict(contents))
    try:
        read(environ)
    except KeyError:
        assert "A" not in contents

    with pytest.raises(EnvironError) as set_error:
        environ["A"] = "2"
    with pytest.raises(EnvironError) as delete_error:
        del environ["A"]

    assert str(set_error.value) == (
        "Attempting to set environ['A'], but the value has already been read."
    )
    assert str(delete_error.value) == (
        "Attempting to delete environ['A'], but the value has already been read."
    )
    assert dict(environ) == contents


def test_a_setting_that_was_looked_up_cannot_be_changed() -> None:
    environ = Environ({})
    Config(environ=environ)("A", default="")

    with pytest.raises(EnvironError):
        environ["A"] = "late"
