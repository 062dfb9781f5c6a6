"""Everything that is kept: people, rooms and messages in one SQLite database.

THEORY OF OPERATION

SQLite blocks, so every call runs in a worker thread. There is one connection, and a limiter of one
makes the threads take turns with it. A call that has begun is not cancelled: when a client leaves,
or the server stops, what was being written is written whole, and then the call returns.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import anyio
import anyio.to_thread

from examples.lounge.errors import BadInput, NameTaken, Unknown

MAX_TEXT = 2_000
MAX_TOPIC = 200
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
MENTION = re.compile(r"@([a-z0-9][a-z0-9-]{0,31})")

SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    name TEXT PRIMARY KEY, password TEXT NOT NULL, avatar BLOB, avatar_type TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS rooms (
    name TEXT PRIMARY KEY, topic TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL REFERENCES rooms (name),
    author TEXT NOT NULL REFERENCES people (name),
    text TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_room ON messages (room, id);
CREATE TABLE IF NOT EXISTS mentions (
    message INTEGER NOT NULL REFERENCES messages (id),
    person TEXT NOT NULL REFERENCES people (name),
    PRIMARY KEY (message, person)
) STRICT;
INSERT OR IGNORE INTO rooms VALUES ('lobby', 'Say hello');
"""

T = TypeVar("T")


class Room(TypedDict):
    name: str
    topic: str


class Message(TypedDict):
    id: int
    room: str
    author: str
    text: str
    at: str


class Store:
    """The database of one lounge; `Store.open` makes one.

    Every method raises `Unknown` for a room, message or person that is not there.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._one_at_a_time = anyio.CapacityLimiter(1)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: str | Path) -> AsyncIterator[Store]:
        """Open a database, made if it is not there, until the block ends."""
        connection = await anyio.to_thread.run_sync(_connect, path)
        try:
            yield cls(connection)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(connection.close)

    async def _run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        def in_a_transaction() -> T:
            with self._connection as connection:
                return function(connection)

        return await anyio.to_thread.run_sync(in_a_transaction, limiter=self._one_at_a_time)

    async def _rows(self, query: str, *values: Any) -> list[Any]:
        return await self._run(lambda db: db.execute(query, values).fetchall())

    # Rooms

    async def rooms(self) -> list[Room]:
        """Give all rooms, by name."""
        rows = await self._rows("SELECT name, topic FROM rooms ORDER BY name")
        return [Room(name=name, topic=topic) for name, topic in rows]

    async def room(self, name: str) -> Room:
        """Give one room."""
        rows = await self._rows("SELECT name, topic FROM rooms WHERE name = ?", name)
        if not rows:
            raise Unknown(f"There is no room named {name!r}.")
        return Room(name=rows[0][0], topic=rows[0][1])

    async def add_room(self, name: object, topic: object = "") -> Room:
        """Open a room.

        Raises:
            BadInput: That is no name, or no topic.
            NameTaken: There is a room of that name.
        """
        name = _checked_name(name)
        if not isinstance(topic, str) or len(topic) > MAX_TOPIC:
            raise BadInput(f"A topic is a text of at most {MAX_TOPIC} characters.")
        await self._insert("INSERT INTO rooms VALUES (?, ?)", name, topic)
        return Room(name=name, topic=topic)

    async def _insert(self, statement: str, name: str, *values: Any) -> None:
        try:
            await self._run(lambda db: db.execute(statement, (name, *values)))
        except sqlite3.IntegrityError:
            raise NameTaken(f"The name {name!r} is taken.") from None

    # Messages

    async def messages(self, room: str, *, after: int = 0, limit: int = 100) -> list[Message]:
        """Give the messages of a room that came after the one with an id, oldest first."""
        await self.room(room)
        rows = await self._rows(
            "SELECT id, room, author, text, at FROM messages"
            " WHERE room = ? AND id > ? ORDER BY id LIMIT ?",
            *(room, after, limit),
        )
        return [_message(row) for row in rows]

    async def latest(self, room: str, *, limit: int = 50) -> list[Message]:
        """Give the newest messages of a room, oldest first."""
        await self.room(room)
        rows = await self._rows(
            "SELECT id, room, author, text, at FROM messages"
            " WHERE room = ? ORDER BY id DESC LIMIT ?",
            *(room, limit),
        )
        return [_message(row) for row in reversed(rows)]

    async def message(self, number: int) -> Message:
        """Give one message."""
        try:
            rows = await self._rows(
                "SELECT id, room, author, text, at FROM messages WHERE id = ?", number
            )
        except OverflowError:
            rows = []
        if not rows:
            raise Unknown("There is no such message.")
        return _message(rows[0])

    async def add_message(self, room: str, author: str, text: object) -> Message:
        """Keep a message; when this returns, it is on the disk.

        Raises:
            BadInput: That is no text, an empty one, or one that is too long.
        """
        if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT:
            raise BadInput(f"A message is a text of 1 to {MAX_TEXT} characters.")
        if not _is_unicode(text):
            raise BadInput("A message may not hold half a surrogate pair.")
        await self.room(room)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")

        def insert(db: sqlite3.Connection) -> int:
            cursor = db.execute(
                "INSERT INTO messages (room, author, text, at) VALUES (?, ?, ?, ?)",
                (room, author, text, at),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

        number = await self._run(insert)
        return Message(id=number, room=room, author=author, text=text, at=at)

    async def note_mentions(self, message: Message) -> None:
        """Remember who is addressed with an @ in a message."""
        names = set(MENTION.findall(message["text"]))
        await self._run(
            lambda db: db.executemany(
                "INSERT OR IGNORE INTO mentions SELECT ?, name FROM people WHERE name = ?",
                [(message["id"], name) for name in names],
            )
        )

    # People

    async def add_person(self, name: object, password: str) -> str:
        """Register a person, whose password is hashed already; gives the name.

        Raises:
            BadInput: That is no name.
            NameTaken: There is a person of that name.
        """
        name = _checked_name(name)
        await self._insert("INSERT INTO people (name, password) VALUES (?, ?)", name, password)
        return name

    async def password(self, name: str) -> str | None:
        """Give the hashed password of a person; None if there is no such person."""
        rows = await self._rows("SELECT password FROM people WHERE name = ?", name)
        return rows[0][0] if rows else None

    async def mentions(self, name: str) -> int:
        """Count the messages in which a person is addressed."""
        rows = await self._rows("SELECT count(*) FROM mentions WHERE person = ?", name)
        return int(rows[0][0])

    async def avatar(self, name: str) -> tuple[bytes, str]:
        """Give the picture of a person, and its media type."""
        rows = await self._rows(
            "SELECT avatar, avatar_type FROM people WHERE name = ? AND avatar NOT NULL", name
        )
        if not rows:
            raise Unknown(f"There is no picture of {name!r}.")
        data, media_type = rows[0]
        return data, media_type

    async def set_avatar(self, name: str, picture: bytes, media_type: str) -> None:
        """Keep the picture of a person."""
        await self._rows(
            "UPDATE people SET avatar = ?, avatar_type = ? WHERE name = ?",
            *(picture, media_type, name),
        )


def _connect(path: str | Path) -> sqlite3.Connection:
    # Other threads may use it, one at a time.
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # What is committed is on the disk, also when the power fails.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(SCHEMA)
    return connection


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadInput(
            "A name is 1 to 32 characters of a-z, 0-9 and '-', and does not begin with '-'."
        )
    return name


def _is_unicode(text: str) -> bool:
    # JSON can spell a lone surrogate, which no database takes.
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _message(row: tuple[int, str, str, str, str]) -> Message:
    number, room, author, text, at = row
    return Message(id=number, room=room, author=author, text=text, at=at)
