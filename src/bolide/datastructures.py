"""The values that applications handle: URLs, headers, query strings, forms, state and secrets."""

from __future__ import annotations

from bolide._data.headers import Headers, MutableHeaders
from bolide._data.multidict import ImmutableMultiDict, MultiDict, QueryParams
from bolide._data.secret import CommaSeparatedStrings, Secret
from bolide._data.state import State
from bolide._data.uploads import FormData, UploadFile
from bolide._data.url import URL, Address, URLPath
from bolide._exports import publish

__all__ = [
    "URL",
    "Address",
    "CommaSeparatedStrings",
    "FormData",
    "Headers",
    "ImmutableMultiDict",
    "MultiDict",
    "MutableHeaders",
    "QueryParams",
    "Secret",
    "State",
    "URLPath",
    "UploadFile",
]

publish(globals(), __all__)
