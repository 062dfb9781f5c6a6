"""What is remembered of headers is what the function gives, and there is an end to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bolide._http.memo import MAX_KEY_LENGTH, MAX_KEYS, Memo


def counting(calls: list[bytes]) -> Memo[bytes, int]:
    def length(key: bytes) -> int:
        calls.append(key)
        return len(key)

    return Memo(length)


def test_the_function_is_asked_once_for_a_key() -> None:
    calls: list[bytes] = []
    memo = counting(calls)

    assert [memo[b"ab"], memo[b"ab"], memo[b""]] == [2, 2, 0]
    assert calls == [b"ab", b""]


def test_a_long_key_is_not_kept() -> None:
    calls: list[bytes] = []
    memo = counting(calls)
    longest = b"x" * MAX_KEY_LENGTH

    assert [memo[longest], memo[longest + b"x"]] == [MAX_KEY_LENGTH, MAX_KEY_LENGTH + 1]
    assert list(memo) == [longest]


def test_no_more_keys_are_kept_than_allowed() -> None:
    memo = counting([])
    for number in range(3 * MAX_KEYS):
        assert memo[b"%d" % number] == len(str(number))
        assert len(memo) <= MAX_KEYS


@given(st.lists(st.binary(max_size=2)))
def test_what_is_remembered_is_what_the_function_gives(keys: list[bytes]) -> None:
    memo: Memo[bytes, bytes] = Memo(bytes.upper)

    assert [memo[key] for key in keys] == [key.upper() for key in keys]
