"""A learner's diary: what was predicted, tried and found, a line of JSON each, on this machine.

The file is `diary.jsonl` in the user's data folder, or where OKIT_DIARY says; OKIT_DIARY=off keeps
none. Every line holds a hash of itself and the line before it, so that an edited or reordered line
shows; the first has an id drawn at random, so that no two diaries have a line in common. Nothing is
sent anywhere. Knows nothing of what the entries mean.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import orchestrator_kit
from orchestrator_kit.errors import RecordError

VARIABLE = "OKIT_DIARY"
BEGIN = "begin"  # the kind of the first line: a random id, and the version of the kit
_START = "0" * 16
_BLOCK = 1 << 16  # bytes that are read at a time, from the end
_PATIENCE_S = 2.0  # for another notebook to have written its line


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when (UTC, ISO 8601), what kind, its data; `sound` is False where edited.

    `seal` is the line's own; two diaries that share one share all lines up to it.
    """

    at: str
    kind: str
    data: Mapping[str, Any]
    sound: bool = True
    seal: str = ""


def place() -> Path | None:
    """Where the diary is kept; None where none is wanted."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen.strip().lower() == "off":
        return None
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("orchestrator-kit", appauthor=False)) / "diary.jsonl"


def note(kind: str, data: Mapping[str, Any], path: Path | None = None) -> bool:
    """Add an entry; False where none is kept or it cannot be written: a lesson goes on without."""
    path = path or place()
    if path is None:
        return False
    from filelock import Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _held(path), path.open("ab+") as file:
            before, within = _end(file)
            lines = []
            if before is None:
                about = {"id": secrets.token_hex(16), "kit": orchestrator_kit.__version__}
                before, line = _sealed(BEGIN, about, _START)
                lines.append(line)
            lines.append(_sealed(kind, data, before)[1])
            # What an interrupted write left unfinished must not swallow this line too.
            file.write(("\n" * within + "".join(lines)).encode())
    except (OSError, ValueError, Timeout):
        return False
    return True


def content(path: Path) -> bytes:
    """The diary's file as it is, between two entries. RecordError where it cannot be read."""
    from filelock import Timeout

    try:
        with _held(path):
            return path.read_bytes()
    except Timeout:
        raise RecordError(f"{path}: is being written to; try again") from None
    except OSError as e:
        raise RecordError(f"{path}: cannot be read ({e.strerror})") from None


def read(path: Path | None = None) -> tuple[Entry, ...]:
    """All entries in their order, none where there is no diary; RecordError where it is unreadable.

    A line that is no entry, or whose seal does not fit, comes with `sound` False.
    """
    path = path or place()
    if path is None or not path.exists():
        return ()
    try:
        return entries(path.read_bytes())
    except (OSError, ValueError) as e:
        raise RecordError(f"{path}: cannot be read as a diary ({e})") from None


def entries(data: bytes) -> tuple[Entry, ...]:
    """The entries of a diary's file; ValueError where it is no text."""
    found, before = [], _START
    # Not splitlines(): an answer may hold marks that only a text would end a line at.
    for line in data.decode("utf-8-sig").replace("\r\n", "\n").split("\n"):
        if not line.strip():
            continue
        row = _row(line)
        if row is None:
            found.append(Entry("", "unreadable", {"line": line[:200]}, sound=False))
            continue
        sealed = row["seal"]
        # The hash is of the text as it stands, so that every letter of it counts.
        body = line.removesuffix(_tail(sealed))
        sound = body != line and sealed == _seal(body, before)
        found.append(Entry(row["at"], row["kind"], row["data"], sound, sealed))
        before = sealed
    return tuple(found)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Nobody else writes to it meanwhile, on this machine."""
    from filelock import FileLock

    with FileLock(path.with_name(path.name + ".lock"), timeout=_PATIENCE_S):
        yield


def _end(file: BinaryIO) -> tuple[str | None, bool]:
    """The seal of the last entry, if there is one, and whether the file ends within a line.

    Reads from the end, so that a long diary costs no more than a short one.
    """
    at, tail = file.seek(0, os.SEEK_END), b""
    within = False
    while at:
        step = min(at, _BLOCK)
        at = file.seek(at - step)
        block = file.read(step)
        within = within if tail else not block.endswith(b"\n")
        tail = block + tail
        lines = tail.split(b"\n")
        for line in reversed(lines[1:] if at else lines):  # the first may be half a line
            if row := _row(line.decode("utf-8", "replace")):
                return str(row["seal"]), within
    return None, within


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    known = {"at": str, "kind": str, "data": dict, "seal": str}
    if not isinstance(row, dict) or set(row) != set(known):
        return None
    return row if all(isinstance(row[k], t) for k, t in known.items()) else None


def _sealed(kind: str, data: Mapping[str, Any], before: str) -> tuple[str, str]:
    """The seal of a new entry, and its line."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    row = {"at": now, "kind": kind, "data": dict(data)}
    body = json.dumps(row, ensure_ascii=False, sort_keys=True, default=_plain)[:-1]
    seal = _seal(body, before)
    return seal, f"{body}{_tail(seal)}\n"


def _plain(value: object) -> object:
    """A number of numpy's as Python's own; TypeError for what is no number."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{value!r} cannot be written down")


def _tail(seal: str) -> str:
    """How a line ends: "seal" is the last of its sorted keys."""
    return f', "seal": "{seal}"}}'


def _seal(body: str, before: str) -> str:
    text = f"{before}{body}}}"
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
