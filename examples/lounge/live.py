"""A room, live: messages as they come over a WebSocket, and one's own the other way."""

from __future__ import annotations

import anyio

from bolide.websockets import WebSocket, WebSocketDisconnect
from examples.lounge.api import number, parsed_object, publish
from examples.lounge.errors import BadInput, LoungeError
from examples.lounge.hub import Hub
from examples.lounge.store import Store

# Close codes of our own (RFC 6455, section 7.4.2).
BAD_INPUT = 4400
UNKNOWN_ROOM = 4404
# "Try again later", from the IANA registry of WebSocket close codes.
TOO_SLOW = 1013


async def live(websocket: WebSocket) -> None:
    """Send the messages after `?after=`, then each as it comes; take `{"text": ...}`.

    A client whose connection broke comes back with the number of the last message that it has, and
    misses nothing.
    """
    store: Store = websocket.state.store
    hub: Hub = websocket.state.hub
    room = websocket.path_params["room"]
    await websocket.accept()
    try:
        last = number(websocket, "after", 0)
        await store.room(room)
    except LoungeError as exc:
        code = BAD_INPUT if isinstance(exc, BadInput) else UNKNOWN_ROOM
        await websocket.close(code, str(exc))
        return
    # Listening begins before the past is read, so that nothing falls between the two.
    with hub.listen(room) as news:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(_hear, websocket, store, hub, room, task_group.cancel_scope)
            task_group.start_soon(_leave, websocket, task_group.cancel_scope)
            try:
                while missed := await store.messages(room, after=last):
                    for message in missed:
                        await websocket.send_json(message)
                    last = missed[-1]["id"]
                async for message in news:
                    if message["id"] > last:
                        await websocket.send_json(message)
                await websocket.close(TOO_SLOW)
            except WebSocketDisconnect:
                pass
            task_group.cancel_scope.cancel()


async def _hear(
    websocket: WebSocket, store: Store, hub: Hub, room: str, scope: anyio.CancelScope
) -> None:
    """Take what the client says, until it leaves."""
    try:
        while True:
            text = await websocket.receive_text()
            try:
                if not websocket.user.is_authenticated:
                    raise BadInput("Log in to say something.")
                said = parsed_object(text).get("text")
                message = await publish(store, hub, room, websocket.user.identity, said)
                await store.note_mentions(message)
            except LoungeError as exc:
                await websocket.send_json({"error": str(exc)})
    except (WebSocketDisconnect, KeyError):
        # A KeyError: the client sent bytes.
        scope.cancel()


async def _leave(websocket: WebSocket, scope: anyio.CancelScope) -> None:
    """End when the server is about to stop; the client, who is told so, comes to the next one."""
    await websocket.draining.wait()
    scope.cancel()
