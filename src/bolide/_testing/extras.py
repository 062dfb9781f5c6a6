"""What an application says beside its response, put on the response of the HTTP library."""

from __future__ import annotations

from typing import Any

from bolide._testing.http import HTTPConversation


def show_extras(response: Any, conversation: HTTPConversation) -> None:
    """Put trailers and debug information on a response, as far as they have come.

    Trailers go to `extensions["http.response.trailers"]`, a list that grows. What the application
    sent as `http.response.debug` goes to `extensions["http.response.debug"]`, and the `template`
    and `context` in there become attributes. It may come after the start of the response.
    """
    if conversation.trailers is not None:
        response.extensions["http.response.trailers"] = conversation.trailers
    info = conversation.debug
    if info is None or "http.response.debug" in response.extensions:
        return
    response.extensions["http.response.debug"] = info
    for name in ("template", "context"):
        if name in info:
            setattr(response, name, info[name])
