"""The file of a reel: whether it is one, how it is opened, and what goes wrong in clear words.

Knows SQLite and the system; what stands in the tables is `reel`'s.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from orchestrator_kit.errors import TapeError

FORMAT = 1
APPLICATION = 0x6F6B6974  # "okit"
_MAGIC = b"SQLite format 3\0"
_PATIENCE_S = 2.0  # for another process to let go of the file

# Who in this process records on which file. Where a process opens a file a second time and closes
# it, the system takes away the locks of the first time (POSIX), so we must not look into these.
held: WeakValueDictionary[tuple[int, int], object] = WeakValueDictionary()


def place(path: Path) -> tuple[int, int]:
    """What tells a file from all others, by whatever name."""
    found = path.stat()
    return found.st_dev, found.st_ino


def is_recorded(path: Path) -> bool:
    """Whether a file has something on it. TapeError if that is no reel; it is not touched."""
    try:
        if path.exists() and not path.is_file():
            raise TapeError(f"{path}: is no file; name one to record on")
        if place(path) in held:
            raise TapeError(f"{path}: is in use by this very program; close what records on it")
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise TapeError(f"{path}: there is no such folder") from None
        return False
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else e
        raise TapeError(f"{path}: cannot be read ({reason})") from None
    if not head:
        return False
    if head[:16] != _MAGIC or int.from_bytes(head[68:72], "big") != APPLICATION:
        raise TapeError(f"{path}: is no tape of this kit; it was left as it is")
    number = int.from_bytes(head[60:64], "big")
    if number > FORMAT:
        raise TapeError(
            f"{path}: was written by a newer version of the kit (format {number}, this one "
            f"reads up to {FORMAT}); update the kit"
        )
    if not number:
        raise TapeError(f"{path}: is damaged (there is no format 0)")
    return True


def was_cut_off(path: Path) -> bool:
    """Whether a process that recorded on it was killed, and left it for others to put in order."""
    with path.open("rb") as file:
        in_order = file.read(20)[19:] != b"\2"  # SQLite's sign of a write-ahead log
    return not in_order or path.with_name(f"{path.name}-journal").exists()


def connected(path: Path, mode: str = "rwc") -> sqlite3.Connection:
    """A connection without transactions of its own making; it waits a while for others."""
    where = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        where, uri=True, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
    )


def is_empty(db: sqlite3.Connection) -> bool:
    """Whether whoever made it was killed before it was a reel."""
    return bool(db.execute("PRAGMA application_id").fetchone() == (0,))


def integrity(db: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with its pages, a line each."""
    rows = db.execute("PRAGMA integrity_check").fetchall()
    return [" ".join(str(row[0]).split()) for row in rows if row[0] != "ok"]


@contextmanager
def clearly(path: Path) -> Iterator[None]:
    """SQLite's errors, and those of what it read, as one clear line."""
    try:
        yield
    except sqlite3.Error as e:
        code = getattr(e, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            why = "is in use by another process; wait for it to end, or use another file"
        elif code == sqlite3.SQLITE_FULL:
            why = "the disk is full; what was recorded before is safe"
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM) or (
            code == sqlite3.SQLITE_IOERR and path.exists() and not os.access(path, os.W_OK)
        ):
            why = "cannot be opened for writing here; copy it to where it can"
            if path.with_name(f"{path.name}-wal").exists():
                why = (
                    "its recording was cut off, and it can only be put in order where its folder "
                    f"can be written to; copy it there, together with {path.name}-wal"
                )
        elif code == sqlite3.SQLITE_IOERR:
            why = "cannot be written (no room, or the disk fails); what was recorded is safe"
        else:
            why = f"is damaged ({e})"
        raise TapeError(f"{path}: {why}") from None
    except (ValueError, TypeError, KeyError, UnicodeError) as e:
        raise TapeError(f"{path}: is damaged ({e})") from None
