"""Media types: what a file name suggests, and what a Content-Type header says."""

from __future__ import annotations

import functools
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mimetypes

__all__ = ["guess_media_type", "guess_type", "parse_media_type"]

_Guess = tuple[str | None, str | None]

# What some or all Pythons from 3.11 on lack, or have under a name that was replaced since. The
# types are those of the IANA registry; .map has none and gets what ECMA-426 says.
_ADDED_TYPES = {
    ".7z": "application/x-7z-compressed",
    ".atom": "application/atom+xml",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".geojson": "application/geo+json",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".jsonld": "application/ld+json",
    ".jxl": "image/jxl",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".map": "application/json",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".otf": "font/otf",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".rss": "application/rss+xml",
    ".rtf": "application/rtf",
    ".toml": "application/toml",
    ".ttc": "font/collection",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".weba": "audio/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}


@functools.cache
def _own_registry() -> mimetypes.MimeTypes:
    """Return Python's built-in types and ours: the same on every machine."""
    import mimetypes

    registry = mimetypes.MimeTypes()
    for extension, media_type in _ADDED_TYPES.items():
        registry.add_type(media_type, extension)
    return registry


@functools.cache
def _machine_registry() -> mimetypes.MimeTypes:
    """Return what the operating system says; what the process has beyond that, it was told."""
    import mimetypes

    registry = mimetypes.MimeTypes()
    registry.read_windows_registry()
    for name in mimetypes.knownfiles:
        with suppress(OSError):
            registry.read(name)
    return registry


# One parameter of a header. In quotes a backslash makes the next character plain, and quotes that
# are left open reach to the end. Every text from `;` on matches, so nothing is ever tried twice.
# Most types have none, so both are compiled when they are needed.
_PARAMETER = r"""(?sx)
    ;  ([^;=]*)
    (?: = [ \t]*
        (?: "  ([^"\\]* (?: \\. [^"\\]* )*)  [^;]*
        |   ([^;]*)
        )
    )?
"""
_ESCAPED = r"(?s)\\(.)"


def guess_type(path: str | os.PathLike[str]) -> tuple[str | None, str | None]:
    """Guess the media type of a file and how it is encoded, from its name alone.

    The answer does not depend on the machine (`/etc/mime.types`, the Windows registry): what is
    an image here is an image in production. A type that the application has registered with
    `mimetypes.add_type` comes first.

    Args:
        path: A file name or path; the file need not exist.

    Returns:
        The type, or None if the name says nothing, and the encoding, such as gzip, or None.
    """
    import mimetypes

    registered = mimetypes.guess_type(path)
    own, machine = _known_types(os.fspath(path))
    return own if registered == machine else registered


@functools.lru_cache(maxsize=1024)
def _known_types(path: str) -> tuple[_Guess, _Guess]:
    """Give what we say, and what the machine said at first. PERF: S10, neither ever changes."""
    return _own_registry().guess_type(path), _machine_registry().guess_type(path)


def guess_media_type(path: str | os.PathLike[str]) -> str | None:
    """Guess the media type of a file from its name; `guess_type` without the encoding."""
    return guess_type(path)[0]


def parse_media_type(header: str) -> tuple[str, dict[str, str]]:
    """Take a Content-Type header apart (RFC 9110, section 8.3.1). Nothing is an error.

    The time and the result grow with the length of the header and no faster.

    Args:
        header: The value of the header.

    Returns:
        The media type in lower case, such as `text/html`, possibly empty; and its parameters by
        name, in lower case. Values keep their case and lose their quotes. Of two parameters with
        one name the first counts, and one without a name or without a value does not.
    """
    essence, semicolon, rest = header.partition(";")
    parameters: dict[str, str] = {}
    for match in re.finditer(_PARAMETER, semicolon + rest) if semicolon else ():
        name, quoted, token = match.groups()
        name = name.strip().lower()
        value = (token or "").strip() if quoted is None else re.sub(_ESCAPED, r"\1", quoted)
        if name and (value or quoted is not None):
            parameters.setdefault(name, value)
    return essence.strip().lower(), parameters
