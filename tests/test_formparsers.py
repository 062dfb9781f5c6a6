"""Forms, urlencoded and multipart: what they become, their limits, and the files on the way."""

from __future__ import annotations

import errno
import functools
import gc
import itertools
import math
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import parse_qsl

import anyio
import anyio.lowlevel
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bolide import formparsers
from bolide._policy import Policy
from bolide.applications import Starlette
from bolide.exceptions import MissingExtra, StarletteDeprecationWarning
from bolide.formparsers import (
    FormData,
    FormMessage,
    FormParser,
    Headers,
    MultiPartException,
    MultiPartParser,
    MultipartPart,
    UploadFile,
)
from bolide.requests import ClientDisconnect, Request
from bolide.responses import JSONResponse
from bolide.routing import Route
from bolide.testclient import TestClient
from bolide.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio

MULTIPART = "multipart/form-data; boundary=b"
URLENCODED = "application/x-www-form-urlencoded"
KIB = 1024
INVALID = "Invalid multipart data."


async def stream_of(*chunks: bytes) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk


async def failing_stream(error: Exception, *chunks: bytes) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk
    raise error


async def parse_urlencoded(*chunks: bytes, **limits: Any) -> FormData:
    async with aclosing(stream_of(*chunks)) as stream:
        return await FormParser(Headers(), stream, **limits).parse()


async def parse_multipart(
    *chunks: bytes,
    content_type: str = MULTIPART,
    parser_class: type[MultiPartParser] = MultiPartParser,
    **limits: Any,
) -> FormData:
    async with aclosing(stream_of(*chunks)) as stream:
        headers = Headers({"content-type": content_type})
        return await parser_class(headers, stream, **limits).parse()


def part(
    value: bytes, name: bytes = b"a", *, filename: bytes | None = None, headers: bytes = b""
) -> bytes:
    """Write a part of a form; `headers` end with line breaks."""
    disposition = b'Content-Disposition: form-data; name="' + name + b'"'
    if filename is not None:
        disposition += b'; filename="' + filename + b'"'
    return b"--b\r\n" + disposition + b"\r\n" + headers + b"\r\n" + value + b"\r\n"


def body_of(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


FIELD = part(b"1")
FILE = part(b"content", b"f", filename=b"f.txt")


def bytewise(body: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in body]


class TempFile(SpooledTemporaryFile[bytes]):
    """A temporary file that tells in which threads what was done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.rolled_over_in: list[int] = []
        self.used_in: set[int] = set()
        self.disk_used_in: set[int] = set()
        super().__init__(*args, **kwargs)

    def rollover(self) -> None:
        self.rolled_over_in.append(threading.get_ident())
        super().rollover()

    def write(self, data: Any) -> int:
        written = super().write(data)
        self._note()
        return written

    def seek(self, *args: Any) -> int:
        self._note()
        return super().seek(*args)

    def _note(self) -> None:
        self.used_in.add(threading.get_ident())
        if self._rolled:
            self.disk_used_in.add(threading.get_ident())


@pytest.fixture
def temp_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[TempFile]]:
    """Keep every temporary file that is made, and close them in the end."""
    made: list[TempFile] = []

    def make(*args: Any, **kwargs: Any) -> TempFile:
        made.append(TempFile(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", make)
    yield made
    for file in made:
        file.close()


def open_descriptors() -> int:
    # What earlier tests have left must not go away between two counts.
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc"
)


# Urlencoded forms


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", []),
        (b"a=1&b=2", [("a", "1"), ("b", "2")]),
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a=&b&=c", [("a", ""), ("b", ""), ("", "c")]),
        (b"a+b=c%20d%2B", [("a b", "c d+")]),
        (b"n%C3%A9=%E2%82%AC", [("né", "€")]),
        (b"a=\xe9", [("a", "é")]),
        (b"a=%ff", [("a", "\ufffd")]),
        (b"&&a=1&", [("a", "1")]),
        (b"a=b%26c%3Dd=e", [("a", "b&c=d=e")]),
    ],
)
async def test_an_urlencoded_form_is_decoded(body: bytes, fields: list[tuple[str, str]]) -> None:
    assert (await parse_urlencoded(body)).multi_items() == fields
    assert (await parse_urlencoded(*bytewise(body))).multi_items() == fields


async def test_empty_chunks_mean_nothing() -> None:
    form = await parse_urlencoded(b"", b"a", b"", b"=1", b"")

    assert form.multi_items() == [("a", "1")]


async def test_a_form_that_never_comes_is_empty() -> None:
    assert (await parse_urlencoded()).multi_items() == []


async def test_what_the_stream_of_an_urlencoded_form_raises_comes_out() -> None:
    error = ClientDisconnect()
    async with aclosing(failing_stream(error, b"a=1")) as stream:
        with pytest.raises(ClientDisconnect) as caught:
            await FormParser(Headers(), stream).parse()

    assert caught.value is error


@pytest.mark.parametrize("chunking", [lambda body: [body], bytewise], ids=["whole", "bytewise"])
async def test_as_many_fields_as_allowed_and_no_more(chunking: Any) -> None:
    assert len(await parse_urlencoded(*chunking(b"a&b&c"), max_fields=3)) == 3
    with pytest.raises(MultiPartException) as caught:
        await parse_urlencoded(*chunking(b"a&b&c&d"), max_fields=3)

    assert caught.value.message == "Too many fields. Maximum number of fields is 3."


async def test_no_fields_at_all_may_be_allowed() -> None:
    assert (await parse_urlencoded(b"&", max_fields=0)).multi_items() == []
    with pytest.raises(MultiPartException, match="Maximum number of fields is 0"):
        await parse_urlencoded(b"a", max_fields=0)


async def test_only_what_holds_something_counts_as_a_field() -> None:
    form = await parse_urlencoded(b"&" * 5000 + b"a=1" + b"&" * 5000)

    assert form.multi_items() == [("a", "1")]


async def test_a_thousand_fields_are_allowed_by_default() -> None:
    assert len((await parse_urlencoded(b"a&" * 1000)).multi_items()) == 1000
    with pytest.raises(MultiPartException, match="Maximum number of fields is 1000"):
        await parse_urlencoded(b"a&" * 1001)
    assert len((await parse_urlencoded(b"a&" * 2000, max_fields=math.inf)).multi_items()) == 2000


async def test_one_huge_chunk_of_fields_is_read_up_to_the_limit_only() -> None:
    async with aclosing(stream_of(b"a=1&" * 100_000)) as stream:
        parser = FormParser(Headers(), stream, max_fields=10)
        with pytest.raises(MultiPartException, match="Too many fields"):
            await parser.parse()

    assert parser._current_fields == 11


@pytest.mark.parametrize("chunking", [lambda body: [body], bytewise], ids=["whole", "bytewise"])
@pytest.mark.parametrize(
    ("exact", "over"),
    [(b"a=" + b"v" * 2047, b"a=" + b"v" * 2048), (b"n" * 2048, b"n" * 2049)],
    ids=["name and value", "name alone"],
)
async def test_a_field_may_be_as_large_as_allowed(exact: bytes, over: bytes, chunking: Any) -> None:
    limit = 2 * KIB
    form = await parse_urlencoded(b"x=1", *chunking(b"&" + exact), max_part_size=limit)
    assert sum(len(text) for text in form.multi_items()[1]) == limit

    with pytest.raises(MultiPartException) as caught:
        await parse_urlencoded(b"x=1", *chunking(b"&" + over), max_part_size=limit)
    assert caught.value.message == "Field exceeded maximum size of 2KB."


async def test_a_field_counts_as_it_was_sent() -> None:
    assert (await parse_urlencoded(b"a=%41", max_part_size=4))["a"] == "A"
    with pytest.raises(MultiPartException):
        await parse_urlencoded(b"a=%41", max_part_size=3)


async def test_the_size_is_that_of_one_field_not_of_the_form() -> None:
    form = await parse_urlencoded(b"a=1&" * 100, max_part_size=2)

    assert len(form.multi_items()) == 100


async def test_a_field_is_not_kept_beyond_its_limit() -> None:
    async with aclosing(stream_of(b"a=", b"v" * 5000, b"v" * 5000, b"v" * 10_000_000)) as stream:
        parser = FormParser(Headers(), stream, max_part_size=8 * KIB)
        with pytest.raises(MultiPartException, match="Field exceeded maximum size of 8KB"):
            await parser.parse()

    assert len(parser._field_value) == 5000


query_texts = st.text("ab&=%+;1\xff", max_size=40).map(lambda text: text.encode("latin-1"))


def cut(body: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in itertools.pairwise(ends)]


@given(body=query_texts, places=st.lists(st.integers(0, 100), max_size=8))
def test_any_chunking_of_an_urlencoded_form_gives_the_same_form(
    body: bytes, places: list[int]
) -> None:
    form = anyio.run(functools.partial(parse_urlencoded, *cut(body, places)))

    assert form.multi_items() == parse_qsl(body.decode("latin-1"), keep_blank_values=True)


async def outcome_of(parsing: Callable[[], Any]) -> Any:
    try:
        form = await parsing()
    except MultiPartException as error:
        return error.message
    found = [
        (
            name,
            value
            if isinstance(value, str)
            else (value.filename, value.size, await value.read(), value.headers.raw),
        )
        for name, value in form.multi_items()
    ]
    await form.close()
    return found


@given(
    body=query_texts,
    places=st.lists(st.integers(0, 100), max_size=8),
    max_fields=st.integers(0, 5),
    max_part_size=st.integers(0, 6),
)
def test_any_chunking_of_an_urlencoded_form_meets_the_same_limit(
    body: bytes, places: list[int], max_fields: int, max_part_size: int
) -> None:
    parse = functools.partial(parse_urlencoded, max_fields=max_fields, max_part_size=max_part_size)
    whole = anyio.run(outcome_of, functools.partial(parse, body))

    assert anyio.run(outcome_of, functools.partial(parse, *cut(body, places))) == whole
    fields = [field for field in body.split(b"&") if field]
    is_over = len(fields) > max_fields or any(
        len(field.replace(b"=", b"", 1)) > max_part_size for field in fields
    )
    assert isinstance(whole, str) == is_over


# Multipart forms


async def test_parts_without_a_file_name_are_texts() -> None:
    form = await parse_multipart(body_of(part(b"1"), part(b"two", b"b"), part(b"", b"c")))

    assert form.multi_items() == [("a", "1"), ("b", "two"), ("c", "")]


async def test_a_part_with_a_file_name_is_a_file() -> None:
    form = await parse_multipart(
        body_of(part(b"<b>", b"f", filename=b"f.html", headers=b"Content-Type: text/html\r\n"))
    )
    upload = form["f"]

    assert isinstance(upload, UploadFile)
    assert (upload.filename, upload.size, upload.content_type) == ("f.html", 3, "text/html")
    assert isinstance(upload.file, SpooledTemporaryFile)
    assert await upload.read() == b"<b>"
    await form.close()
    assert upload.file.closed


async def test_a_file_has_all_headers_of_its_part_in_order_with_lower_case_names() -> None:
    headers = b"X-Custom: One\r\nCONTENT-TYPE: text/Plain\r\n"
    form = await parse_multipart(body_of(part(b"", filename=b"F", headers=headers)))
    upload = form["a"]

    assert isinstance(upload, UploadFile)
    assert upload.headers.raw == [
        (b"content-disposition", b'form-data; name="a"; filename="F"'),
        (b"x-custom", b"One"),
        (b"content-type", b"text/Plain"),
    ]
    await form.close()


@pytest.mark.parametrize("filename", [b"", b"empty.txt"])
async def test_an_empty_file_is_a_file(filename: bytes) -> None:
    form = await parse_multipart(body_of(part(b"", filename=filename)))
    upload = form["a"]

    assert isinstance(upload, UploadFile)
    assert (upload.filename, upload.size, upload.content_type) == (filename.decode(), 0, None)
    assert await upload.read() == b""
    await form.close()


async def test_fields_and_files_keep_their_order_and_may_share_a_name() -> None:
    form = await parse_multipart(
        body_of(FIELD, part(b"x", filename=b"1"), part(b"2"), part(b"y", filename=b"2"))
    )
    items = form.multi_items()

    assert [name for name, _ in items] == ["a"] * 4
    assert [value if isinstance(value, str) else value.filename for _, value in items] == [
        *("1", "1", "2", "2")
    ]
    await form.close()


async def test_data_may_look_like_a_boundary() -> None:
    value = b"\r\n--\r\n-b\r\n--a\r\r\n\n--b"
    form = await parse_multipart(*bytewise(body_of(part(value), part(value, filename=b"f"))))
    text, upload = form.getlist("a")

    assert text == value.decode()
    assert isinstance(upload, UploadFile)
    assert await upload.read() == value
    await form.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"--b--", b"--b--\r\n", b"\r\n--b--\r\n", b"--b--\r\nwhat comes after does not count"],
)
async def test_a_form_may_be_empty(body: bytes) -> None:
    assert (await parse_multipart(body)).multi_items() == []


async def test_the_part_of_a_form_starts_empty() -> None:
    first, second = MultipartPart(), MultipartPart()

    assert first == second == MultipartPart(None, "", bytearray(), None, [])
    assert first.data is not second.data
    assert first.item_headers is not second.item_headers


async def test_only_the_span_named_is_taken_of_the_data() -> None:
    async with aclosing(stream_of()) as stream:
        parser = MultiPartParser(Headers(), stream)
    parser.on_part_begin()
    parser.on_part_data(b"xabx", 1, 3)
    parser.on_part_data(b"cx", 0, 1)
    parser.on_part_data(b"xd", 1, 2)

    assert parser._part.data == b"abcd"


def test_the_old_message_kinds_are_deprecated() -> None:
    assert [(kind.name, kind.value) for kind in FormMessage] == [
        *(("FIELD_START", 1), ("FIELD_NAME", 2), ("FIELD_DATA", 3), ("FIELD_END", 4), ("END", 5))
    ]
    with pytest.warns(StarletteDeprecationWarning) as caught:
        assert FormMessage(1) is FormMessage.FIELD_START  # type: ignore[comparison-overlap]

    assert str(caught[0].message) == (
        "`FormMessage` is deprecated and will be removed in a future version."
    )
    assert caught[0].filename == __file__


async def test_multipart_forms_need_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "multipart", None)
    with pytest.raises(AssertionError, match="must be installed to use form parsing") as caught:
        await parse_multipart(body_of(FIELD))

    assert isinstance(caught.value, MissingExtra)
    assert (await parse_urlencoded(b"a=1"))["a"] == "1"


# Charsets


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("", "né€".encode(), "né€"),
        ("; charset=utf-8", "né€".encode(), "né€"),
        ('; charset="UTF-8"', "né€".encode(), "né€"),
        ("", b"\xe9", "é"),
        ("; charset=utf-8", b"\xe9", "é"),
        ("; charset=latin-1", b"\xe9", "é"),
        ("; charset=cp1251", b"\xe9", "й"),
        ("; charset=shift_jis", "日本".encode("shift_jis"), "日本"),
        ("; charset=nobody-knows", b"\xe9", "é"),
        ('; charset=""', b"\xe9", "é"),
        ("; charset=é", b"\xe9", "é"),
        ('; charset="utf-8\0"', b"\xe9", "é"),
        # Codecs, but not of text, or none that ever succeeds.
        ("; charset=hex", b"e9\xe9", "e9é"),
        ("; charset=rot13", b"e9\xe9", "e9é"),
        ("; charset=undefined", b"\xe9", "é"),
    ],
)
async def test_names_values_and_file_names_are_decoded_with_the_charset_of_the_form(
    charset: str, raw: bytes, text: str
) -> None:
    form = await parse_multipart(
        body_of(part(raw, raw), part(b"", raw, filename=raw)),
        content_type=MULTIPART + charset,
    )
    (name, value), (file_name, upload) = form.multi_items()

    assert (name, value, file_name) == (text, text, text)
    assert isinstance(upload, UploadFile)
    assert upload.filename == text
    await form.close()


# The limits of multipart forms


@pytest.mark.parametrize(
    ("parts", "limits", "message"),
    [
        ([FIELD] * 3, {"max_fields": 2}, "Too many fields. Maximum number of fields is 2."),
        ([FILE] * 3, {"max_files": 2}, "Too many files. Maximum number of files is 2."),
        (
            [part(b"", bytes([97 + i]), filename=b"f") for i in range(3)],
            {"max_files": 2},
            "Too many files. Maximum number of files is 2.",
        ),
        ([FIELD], {"max_fields": 0}, "Too many fields. Maximum number of fields is 0."),
        ([FILE], {"max_files": 0}, "Too many files. Maximum number of files is 0."),
        (
            [part(b"v" * 2049)],
            {"max_part_size": 2 * KIB},
            "Part exceeded maximum size of 2KB.",
        ),
        ([part(b"v" * (KIB * KIB + 1))], {}, "Part exceeded maximum size of 1024KB."),
        ([FIELD] * 1001, {}, "Too many fields. Maximum number of fields is 1000."),
        ([FILE] * 1001, {}, "Too many files. Maximum number of files is 1000."),
        ([FILE, FIELD] * 1001, {}, "Too many files. Maximum number of files is 1000."),
        ([FIELD, FILE] * 1001, {}, "Too many fields. Maximum number of fields is 1000."),
    ],
)
@pytest.mark.parametrize("chunk_size", [2**40, 4096], ids=["whole", "chunked"])
async def test_what_is_over_a_limit_is_refused(
    parts: list[bytes],
    limits: dict[str, int],
    message: str,
    chunk_size: int,
    temp_files: list[TempFile],
) -> None:
    body = body_of(*parts)
    chunks = [body[at : at + chunk_size] for at in range(0, len(body), chunk_size)]
    with pytest.raises(MultiPartException) as caught:
        await parse_multipart(*chunks, **limits)

    assert caught.value.message == message
    assert all(file.closed for file in temp_files)


async def test_exactly_the_limits_are_allowed() -> None:
    size = 2 * KIB
    form = await parse_multipart(
        body_of(*[part(b"v" * size)] * 5, *[FILE] * 3),
        max_files=3,
        max_fields=5,
        max_part_size=size,
    )
    await form.close()

    assert len(form.multi_items()) == 8


async def test_two_thousand_files_and_fields_are_fine_if_allowed() -> None:
    form = await parse_multipart(body_of(*[FIELD, FILE] * 2000), max_files=2000, max_fields=2000)
    await form.close()

    assert len(form.multi_items()) == 4000


async def test_a_part_of_a_mebibyte_is_allowed_by_default() -> None:
    form = await parse_multipart(body_of(part(b"v" * KIB * KIB)))

    assert form["a"] == "v" * KIB * KIB


async def test_a_file_may_be_larger_than_a_field() -> None:
    form = await parse_multipart(body_of(part(b"v" * 100, filename=b"f")), max_part_size=10)
    upload = form["a"]
    await form.close()

    assert isinstance(upload, UploadFile)
    assert upload.size == 100


async def test_one_huge_chunk_of_parts_is_read_up_to_the_limit_only(
    temp_files: list[TempFile],
) -> None:
    async with aclosing(stream_of(body_of(*[FILE] * 100_000))) as stream:
        parser = MultiPartParser(Headers({"content-type": MULTIPART}), stream, max_files=10)
        with pytest.raises(MultiPartException, match="Too many files"):
            await parser.parse()

    assert parser._current_files == 11
    assert len(temp_files) == 10
    assert all(file.closed for file in temp_files)


async def test_a_part_is_not_kept_beyond_its_limit() -> None:
    chunks = [b"v" * 3000] * 5
    async with aclosing(stream_of(part(b"").removesuffix(b"\r\n"), *chunks)) as stream:
        headers = Headers({"content-type": MULTIPART})
        parser = MultiPartParser(headers, stream, max_part_size=8 * KIB)
        with pytest.raises(MultiPartException, match="Part exceeded maximum size of 8KB"):
            await parser.parse()

    assert len(parser._part.data) == 6000


@needs_proc
@pytest.mark.parametrize("one_part", [FIELD, FILE], ids=["fields", "files"])
async def test_a_hundred_thousand_parts_are_refused_and_leave_nothing_behind(
    one_part: bytes, temp_files: list[TempFile]
) -> None:
    before = open_descriptors()
    kind = "files" if one_part is FILE else "fields"
    with pytest.raises(MultiPartException) as caught:
        await parse_multipart(body_of(*[one_part] * 100_000))

    assert caught.value.message == f"Too many {kind}. Maximum number of {kind} is 1000."
    assert len(temp_files) == (1000 if one_part is FILE else 0)
    assert all(file.closed for file in temp_files)
    assert open_descriptors() == before


# Malformed multipart forms


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; charset=utf-8", ""]
)
async def test_a_form_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(MultiPartException) as caught:
        await parse_multipart(body_of(FIELD), content_type=content_type)

    assert caught.value.message == "Missing boundary in multipart."


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"multipart/form-data; boundary={'b' * 257}", b""),
        ('multipart/form-data; boundary=""', b""),
        (MULTIPART, b"hello"),
        (MULTIPART, b"--c\r\n"),
        (MULTIPART, body_of(FILE, FIELD.replace(b"\r\n\r\n", b"\n\r\n\r\n"))),
        (MULTIPART, body_of(FILE, part(b"", headers=b"X: y\r\n" * 8))),
        (MULTIPART, body_of(FILE, part(b"", headers=b"X: " + b"y" * 5000 + b"\r\n"))),
        (MULTIPART, body_of(FILE, part(b"", headers=b"no header\r\n"))),
        (MULTIPART, FILE + b"--bxx"),
        (MULTIPART, body_of(part(b"", filename=b"f", headers=b"Content-Length: 9\r\n"))),
    ],
    ids=[
        "long boundary",
        "empty boundary",
        "no form",
        "other boundary",
        "line break",
        "nine headers",
        "long header",
        "no header",
        "boundary goes on",
        "wrong length",
    ],
)
async def test_a_malformed_form_is_refused_and_its_files_are_closed(
    content_type: str, body: bytes, temp_files: list[TempFile]
) -> None:
    with pytest.raises(MultiPartException) as caught:
        await parse_multipart(body, content_type=content_type)

    assert caught.value.message == INVALID
    assert caught.value.__cause__ is not None
    assert len(temp_files) == int(b"filename" in body)
    assert all(file.closed for file in temp_files)


async def test_a_part_without_a_name_is_refused(temp_files: list[TempFile]) -> None:
    with pytest.raises(MultiPartException) as caught:
        await parse_multipart(FILE + b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--")

    assert caught.value.message == 'The Content-Disposition header field "name" must be provided.'
    assert [file.closed for file in temp_files] == [True]


BEGUN_FILE = part(b"begun", b"g", filename=b"g.txt").removesuffix(b"\r\n")


@needs_proc
@pytest.mark.parametrize("spool_max_size", [3, 1024], ids=["on disk", "in memory"])
@pytest.mark.parametrize(
    ("end", "unfinished"),
    [
        (b"", 0),
        (b"--b", 0),
        (b"--b\r\nContent-Dispo", 0),
        (part(b"2").removesuffix(b"\r\n"), 0),
        (BEGUN_FILE, 1),
        (BEGUN_FILE + b"\r\n", 1),
        (BEGUN_FILE + b"\r\n--", 1),
        (BEGUN_FILE[: -len(b"begun")], 1),
    ],
)
async def test_of_a_form_that_ends_early_the_complete_parts_count_and_no_file_stays_open(
    end: bytes, unfinished: int, spool_max_size: int, temp_files: list[TempFile]
) -> None:
    class Parser(MultiPartParser):
        pass

    Parser.spool_max_size = spool_max_size
    before = open_descriptors()
    form = await parse_multipart(FIELD, FILE, FIELD, end, parser_class=Parser)

    # The end of a part is known when the boundary after it has come, line break and all.
    complete = ["a", "f"] if end in (b"", b"--b") else ["a", "f", "a"]
    assert [name for name, _ in form.multi_items()] == complete
    assert [file.closed for file in temp_files] == [False] + [True] * unfinished
    upload = form["f"]
    assert isinstance(upload, UploadFile)
    assert await upload.read() == b"content"
    await form.close()
    assert all(file.closed for file in temp_files)
    assert open_descriptors() == before


async def test_a_form_whose_only_file_is_unfinished_is_empty(temp_files: list[TempFile]) -> None:
    assert (await parse_multipart(BEGUN_FILE)).multi_items() == []
    assert [file.closed for file in temp_files] == [True]


@given(
    st.lists(
        st.sampled_from(
            [FIELD, FILE, b"--b", b"\r\n", b"--", b'; filename="x"', b"\r\n--b--", b": ", b"\x00"]
        )
        | st.binary(max_size=4),
        max_size=12,
    )
)
def test_no_input_gives_another_error(pieces: list[bytes]) -> None:
    outcome = anyio.run(outcome_of, functools.partial(parse_multipart, FIELD, *pieces))

    assert isinstance(outcome, list) or outcome in (
        INVALID,
        'The Content-Disposition header field "name" must be provided.',
    )


# Files, and the disk


async def test_a_file_up_to_the_spool_size_stays_in_memory(temp_files: list[TempFile]) -> None:
    size = MultiPartParser.spool_max_size
    form = await parse_multipart(body_of(part(b"v" * size, filename=b"f")))

    assert size == KIB * KIB
    assert temp_files[0].rolled_over_in == []
    assert temp_files[0].used_in == {threading.get_ident()}
    assert temp_files[0]._max_size == size
    await form.close()


@pytest.mark.parametrize("chunk_size", [2**40, 64 * KIB, 100_001])
async def test_a_larger_file_is_moved_to_disk_once_and_in_another_thread(
    chunk_size: int, temp_files: list[TempFile]
) -> None:
    content = bytes(range(256)) * 4 * KIB + b"!"
    body = body_of(part(content, filename=b"f"), FIELD)
    chunks = [body[at : at + chunk_size] for at in range(0, len(body), chunk_size)]
    form = await parse_multipart(*chunks)
    upload, field = form.getlist("a")

    assert len(temp_files[0].rolled_over_in) == 1
    assert threading.get_ident() not in temp_files[0].rolled_over_in
    assert threading.get_ident() not in temp_files[0].disk_used_in
    assert temp_files[0].disk_used_in
    assert isinstance(upload, UploadFile)
    assert upload.size == len(content)
    assert await upload.read() == content
    assert field == "1"
    await form.close()


async def test_a_spool_size_of_zero_keeps_every_file_in_memory(temp_files: list[TempFile]) -> None:
    class InMemory(MultiPartParser):
        spool_max_size = 0

    content = b"v" * 3 * KIB * KIB
    form = await parse_multipart(body_of(part(content, filename=b"f")), parser_class=InMemory)
    upload = form["a"]

    assert temp_files[0].rolled_over_in == []
    assert temp_files[0].used_in == {threading.get_ident()}
    assert isinstance(upload, UploadFile)
    assert await upload.read() == content
    await form.close()


async def test_what_waits_for_the_disk_is_written_before_more_is_taken() -> None:
    waiting: list[int] = []

    async def chunks() -> AsyncGenerator[bytes, None]:
        yield part(b"", filename=b"f").removesuffix(b"\r\n")
        for _ in range(100):
            waiting.append(parser._disk._pending_size)
            yield b"v" * 64 * KIB
        yield b"\r\n--b--"

    async with aclosing(chunks()) as stream:
        parser = MultiPartParser(Headers({"content-type": MULTIPART}), stream)
        form = await parser.parse()
    upload = form["a"]
    await form.close()

    assert isinstance(upload, UploadFile)
    assert upload.size == 6400 * KIB
    assert max(waiting) == parser.max_pending_size - 64 * KIB
    assert waiting.count(0) > 6


@pytest.mark.parametrize("chunk_size", [2**40, 64 * KIB], ids=["whole", "chunked"])
async def test_other_tasks_get_their_turn_while_a_large_form_is_read(chunk_size: int) -> None:
    class InMemory(MultiPartParser):
        spool_max_size = 0

    turns = 0
    is_done = False

    async def count() -> None:
        nonlocal turns
        while not is_done:
            turns += 1
            await anyio.lowlevel.checkpoint()

    body = body_of(part(b"v" * 8 * KIB * KIB, filename=b"f"))
    chunks = [body[at : at + chunk_size] for at in range(0, len(body), chunk_size)]
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(count)
        form = await parse_multipart(*chunks, parser_class=InMemory)
        is_done = True
    await form.close()

    # Once for each mebibyte, and perhaps not after the last.
    assert turns >= 7


# Failures, which leave no file open


class FailingFile(TempFile):
    """A temporary file on a full disk."""

    def rollover(self) -> None:
        raise OSError(errno.ENOSPC, "no space left")


class FailingMemory(TempFile):
    def write(self, data: Any) -> int:
        raise OSError(errno.ENOMEM, "no memory left")


@pytest.mark.parametrize("file_class", [FailingFile, FailingMemory])
@pytest.mark.parametrize("more", [b"", b"v" * 3 * KIB * KIB], ids=["at the end", "on the way"])
async def test_an_error_of_the_disk_closes_every_file_and_comes_out(
    file_class: type[TempFile], more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[TempFile] = []

    def make(*args: Any, **kwargs: Any) -> TempFile:
        # The first one works.
        made.append((file_class if made else TempFile)(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", make)
    content = b"v" * (KIB * KIB + 1) + more
    with pytest.raises(OSError, match="left") as caught:
        await parse_multipart(body_of(FILE, part(content, filename=b"g")))

    assert caught.value.errno in (errno.ENOSPC, errno.ENOMEM)
    assert [file.closed for file in made] == [True, True]


@needs_proc
@pytest.mark.parametrize("error", [ClientDisconnect(), RuntimeError("no more")])
async def test_an_error_of_the_stream_closes_every_file_and_comes_out(
    error: Exception, temp_files: list[TempFile]
) -> None:
    before = open_descriptors()
    large = part(b"v" * 2 * KIB * KIB, filename=b"g")
    async with aclosing(failing_stream(error, FILE, large, BEGUN_FILE)) as stream:
        parser = MultiPartParser(Headers({"content-type": MULTIPART}), stream)
        with pytest.raises(type(error)) as caught:
            await parser.parse()

    assert caught.value is error
    assert [file.closed for file in temp_files] == [True, True, True]
    assert open_descriptors() == before


async def test_cancellation_closes_every_file(temp_files: list[TempFile]) -> None:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield FILE + BEGUN_FILE
        scope.cancel()
        await anyio.lowlevel.checkpoint()

    with anyio.CancelScope() as scope:
        async with aclosing(chunks()) as stream:
            await MultiPartParser(Headers({"content-type": MULTIPART}), stream).parse()

    assert scope.cancelled_caught
    assert [file.closed for file in temp_files] == [True, True]


async def test_cancellation_while_the_disk_is_written_closes_every_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[TempFile] = []

    class Cancelling(TempFile):
        def rollover(self) -> None:
            anyio.from_thread.run_sync(scope.cancel)
            super().rollover()

    def make(*args: Any, **kwargs: Any) -> TempFile:
        made.append(Cancelling(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", make)
    with anyio.CancelScope() as scope:
        await parse_multipart(
            body_of(FILE, part(b"v" * 2 * KIB * KIB, filename=b"g"), FILE, FILE),
            b"x" * 10_000_000,
        )

    assert scope.cancelled_caught
    assert len(made) >= 2
    assert all(file.closed for file in made)


@needs_proc
async def test_closing_the_form_gives_every_descriptor_back() -> None:
    before = open_descriptors()
    large = part(b"v" * (KIB * KIB + 1), filename=b"g")
    form = await parse_multipart(body_of(large, large, FILE))

    assert open_descriptors() == before + 2
    await form.close()
    assert open_descriptors() == before


# Any chunking gives the same form


class Spooling(MultiPartParser):
    """Goes to disk soon, and often."""

    spool_max_size = 6
    max_pending_size = 4


names = st.text(st.characters(codec="utf-8", exclude_characters='"\\%\r\n'), max_size=5)
values = st.lists(
    st.sampled_from([b"\r\n", b"--b", b"\r", b"\n", b"-", b"--b--", b"\r\n-", b"\r\n--"])
    | st.binary(max_size=6),
    max_size=5,
).map(b"".join)
parts_of_forms = st.lists(
    st.tuples(
        names, values.filter(lambda value: b"\r\n--b" not in b"\r\n" + value), st.none() | names
    ),
    max_size=5,
)


@given(parts=parts_of_forms, places=st.lists(st.integers(0, 1000), max_size=12))
@example(parts=[("a", b"v" * 20, "f"), ("b", b"w" * 20, "g")], places=[110, 115, 120])
@example(parts=[("", b"\x00--b--", None), ("", b"", None)], places=[1, 62])
@settings(deadline=None)
def test_any_chunking_of_a_multipart_form_gives_the_same_form(
    parts: list[tuple[str, bytes, str | None]], places: list[int]
) -> None:
    body = body_of(
        *(
            part(value, name.encode(), filename=None if filename is None else filename.encode())
            for name, value, filename in parts
        )
    )
    pieces = cut(body, places)
    parse = functools.partial(parse_multipart, parser_class=Spooling)
    found = anyio.run(outcome_of, functools.partial(parse, *pieces))

    assert found == anyio.run(outcome_of, functools.partial(parse, body))
    # The one that everybody uses does not call the callbacks for fields that look familiar.
    assert found == anyio.run(outcome_of, functools.partial(parse_multipart, *pieces))
    assert found == anyio.run(outcome_of, functools.partial(parse_multipart, body))
    assert len(found) == len(parts)
    for (name, item), (expected_name, value, filename) in zip(found, parts, strict=True):
        assert name == expected_name
        if filename is None:
            try:
                assert item == value.decode()
            except UnicodeDecodeError:
                assert item == value.decode("latin-1")
        else:
            assert item[1:3] == (len(value), value)


@given(
    end=st.integers(0, 400),
    places=st.lists(st.integers(0, 400), max_size=8),
    limits=st.fixed_dictionaries(
        {},
        optional={
            "max_files": st.integers(0, 3),
            "max_fields": st.integers(0, 3),
            "max_part_size": st.integers(0, 6),
        },
    ),
)
@settings(deadline=None)
def test_any_chunking_of_a_truncated_form_meets_the_same_end(
    end: int, places: list[int], limits: dict[str, int]
) -> None:
    body = body_of(FIELD, FILE, part(b"12345", b"b"), part(b"12", b"g", filename=b"g"), FIELD)
    parse = functools.partial(parse_multipart, **limits)
    whole = anyio.run(outcome_of, functools.partial(parse, body[:end]))

    assert anyio.run(outcome_of, functools.partial(parse, *cut(body[:end], places))) == whole


# Through a request


async def form_endpoint(request: Request) -> JSONResponse:
    async with request.form() as form:
        found = []
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                content = (await value.read()).decode()
                value = f"{value.filename} {value.content_type} {value.size} {content}"
            found.append([name, value])
    return JSONResponse(found)


async def form_app(scope: Scope, receive: Receive, send: Send) -> None:
    response = await form_endpoint(Request(scope, receive))
    await response(scope, receive, send)


@pytest.mark.parametrize(
    ("content_type", "body", "found"),
    [
        (URLENCODED, b"a=1", [["a", "1"]]),
        (f"{URLENCODED}; charset=utf-8", b"a=1", [["a", "1"]]),
        (URLENCODED.upper(), b"a=1", [["a", "1"]]),
        (MULTIPART, body_of(FIELD, FILE), [["a", "1"], ["f", "f.txt None 7 content"]]),
        ("Multipart/Form-Data; boundary=b", body_of(FIELD), [["a", "1"]]),
        ("text/plain", b"a=1", []),
        ("multipart/mixed; boundary=b", body_of(FIELD), []),
        ("", b"a=1", []),
        (None, b"a=1", []),
    ],
)
def test_the_content_type_of_a_request_says_how_its_form_is_read(
    client_for: Callable[..., TestClient], content_type: str | None, body: bytes, found: Any
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    response = client_for(form_app).post("/", content=body, headers=headers)

    assert response.json() == found


def test_what_is_no_form_is_not_read(client_for: Callable[..., TestClient]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def unexpected() -> Any:
            raise AssertionError

        form = await Request(scope, unexpected).form()
        await JSONResponse(form.multi_items())(scope, receive, send)

    response = client_for(app).post("/", content=b"a=1", headers={"content-type": "text/plain"})

    assert response.json() == []


@pytest.mark.parametrize(
    ("content_type", "body"), [(URLENCODED, b"a=1"), (MULTIPART, body_of(FIELD))]
)
def test_a_body_that_was_read_before_is_read_again_as_a_form(
    client_for: Callable[..., TestClient], content_type: str, body: bytes
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        length = len(await request.body())
        form = await request.form()
        await JSONResponse([length, form["a"]])(scope, receive, send)

    response = client_for(app).post("/", content=body, headers={"content-type": content_type})

    assert response.json() == [len(body), "1"]


BAD_FORMS = [
    (URLENCODED, b"a&" * 1001, "Too many fields. Maximum number of fields is 1000."),
    (URLENCODED, b"a" * (KIB * KIB + 1), "Field exceeded maximum size of 1024KB."),
    (MULTIPART, body_of(*[FILE] * 1001), "Too many files. Maximum number of files is 1000."),
    (MULTIPART, b"hello", INVALID),
    ("multipart/form-data", body_of(FIELD), "Missing boundary in multipart."),
]


@pytest.mark.parametrize(("content_type", "body", "message"), BAD_FORMS)
def test_in_an_application_a_bad_form_is_answered(
    client_for: Callable[..., TestClient], content_type: str, body: bytes, message: str
) -> None:
    app = Starlette(routes=[Route("/", form_endpoint, methods=["POST"])])
    response = client_for(app).post("/", content=body, headers={"content-type": content_type})

    assert (response.status_code, response.text) == (400, message)


@pytest.mark.parametrize(("content_type", "body", "message"), BAD_FORMS)
def test_outside_an_application_the_error_of_a_bad_form_comes_out(
    client_for: Callable[..., TestClient], content_type: str, body: bytes, message: str
) -> None:
    with pytest.raises(MultiPartException) as caught:
        client_for(form_app).post("/", content=body, headers={"content-type": content_type})

    assert caught.value.message == message


def test_files_of_a_client_arrive_with_their_types(client_for: Callable[..., TestClient]) -> None:
    response = client_for(form_app).post(
        "/",
        data={"field": "1"},
        files=[
            ("f", ("a.txt", b"<a>", "text/plain")),
            ("f", ("b.png", b"<b>")),
            ("g", ("ü.bin", b"", "x/y")),
        ],
    )

    assert response.json() == [
        ["field", "1"],
        ["f", "a.txt text/plain 3 <a>"],
        ["f", "b.png image/png 3 <b>"],
        ["g", "ü.bin x/y 0 "],
    ]


async def test_closing_the_request_closes_its_files(temp_files: list[TempFile]) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": body_of(FILE, FIELD)}

    headers = [(b"content-type", MULTIPART.encode())]
    request = Request({"type": "http", "headers": headers}, receive)
    await request.form()
    assert [file.closed for file in temp_files] == [False]
    await request.close()
    assert [file.closed for file in temp_files] == [True]


# What a policy limits


async def test_fields_of_a_query_string_have_a_limit_together() -> None:
    policy = Policy(max_form_fields_size=5)
    limits: dict[str, Any] = {"max_part_size": 4, "policy": policy}
    assert (await parse_urlencoded(b"a=1", b"&b", **limits)).multi_items() == [
        ("a", "1"),
        ("b", ""),
    ]
    with pytest.raises(MultiPartException, match="too large together"):
        await parse_urlencoded(b"a=1", b"&bc", **limits)


async def test_fields_of_a_multipart_form_have_a_limit_together() -> None:
    limits: dict[str, Any] = {"max_part_size": 2, "policy": Policy(max_form_fields_size=3)}
    form = await parse_multipart(body_of(part(b"12"), part(b"3"), FILE), **limits)
    assert form.getlist("a") == ["12", "3"]
    await form.close()
    with pytest.raises(MultiPartException, match="too large together"):
        await parse_multipart(*bytewise(body_of(part(b"12"), part(b"34"))), **limits)


async def test_a_file_goes_to_disk_where_there_is_no_more_memory(
    temp_files: list[TempFile],
) -> None:
    policy = Policy(max_form_memory=10)
    small, large = part(b"z" * 6, b"f", filename=b"f"), part(b"y" * 4, b"f", filename=b"f")
    form = await parse_multipart(*bytewise(body_of(small, small, large)), policy=policy)

    # What has gone to disk leaves its place to the next one.
    assert [len(file.rolled_over_in) for file in temp_files] == [0, 1, 0]
    uploads = [item for item in form.getlist("f") if isinstance(item, UploadFile)]
    assert [await upload.read() for upload in uploads] == [b"z" * 6, b"z" * 6, b"y" * 4]
    await form.close()


async def test_a_form_that_is_refused_leaves_no_file_open(temp_files: list[TempFile]) -> None:
    policy = Policy(max_form_memory=0, max_form_disk_files=1)
    with pytest.raises(MultiPartException, match="Maximum number of files on disk is 1"):
        await parse_multipart(body_of(FILE, FILE), policy=policy)
    assert [file.closed for file in temp_files] == [True, True]


@pytest.mark.parametrize("chunking", [lambda body: [body], bytewise], ids=["whole", "bytewise"])
async def test_what_follows_the_last_boundary_has_a_limit(
    chunking: Callable[[bytes], list[bytes]],
) -> None:
    policy, body = Policy(max_form_epilogue=4), body_of(FIELD)
    await parse_multipart(*chunking(body + b"ab"), policy=policy)
    with pytest.raises(MultiPartException, match="Maximum size is 4 bytes"):
        await parse_multipart(*chunking(body + b"abc"), policy=policy)


async def test_a_strict_form_has_an_end_and_a_safe_charset() -> None:
    policy = Policy(strict_forms=True)
    with pytest.raises(MultiPartException, match="ends early"):
        await parse_multipart(FIELD, policy=policy)
    with pytest.raises(MultiPartException, match="charset"):
        await parse_multipart(
            body_of(FIELD), content_type=f"{MULTIPART}; charset=utf-7", policy=policy
        )
    await parse_multipart(body_of(FIELD), content_type=f"{MULTIPART}; charset=utf8", policy=policy)


async def test_the_raw_name_of_a_file_is_kept_apart() -> None:
    body = body_of(part(b"", b"f", filename=b"../a.txt"))
    for policy, name in ((Policy(safe_filenames=True), "a.txt"), (Policy(), "../a.txt")):
        upload = (await parse_multipart(body, policy=policy))["f"]
        assert isinstance(upload, UploadFile)
        assert (upload.filename, upload.raw_filename) == (name, "../a.txt")
        await upload.close()


async def test_control_characters_in_the_name_of_a_file_are_refused(
    temp_files: list[TempFile],
) -> None:
    body = body_of(part(b"", b"f", filename=b"a\x00b"))
    with pytest.raises(MultiPartException, match="control characters"):
        await parse_multipart(body, policy=Policy(safe_filenames=True))
    assert temp_files[0].closed
