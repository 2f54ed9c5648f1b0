"""A learner's diary: what was predicted, tried and found, a line of JSON each, on this machine.

The file is `diary.jsonl` in the user's data folder, or where OKIT_DIARY says; OKIT_DIARY=off keeps
none. Every line holds a hash of itself and the line before it, so that an edited or reordered line
shows. Nothing is sent anywhere. Knows nothing of what the entries mean.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from orchestrator_kit.errors import RecordError

VARIABLE = "OKIT_DIARY"
_START = "0" * 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when (UTC, ISO 8601), what kind, its data; `sound` is False where edited."""

    at: str
    kind: str
    data: Mapping[str, Any]
    sound: bool = True


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
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"), timeout=2)
        with lock, path.open("a+", encoding="utf-8") as file:
            file.seek(0)
            lines = file.read().splitlines()
            now = datetime.now(UTC).isoformat(timespec="seconds")
            row: dict[str, Any] = {"at": now, "kind": kind, "data": dict(data)}
            row["seal"] = _seal(row, _last_seal(lines))
            # What an interrupted write left unfinished must not swallow this line too.
            file.write("\n" * bool(lines and not _row(lines[-1])))
            file.write(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n")
    except (OSError, ValueError, Timeout):
        return False
    return True


def read(path: Path | None = None) -> tuple[Entry, ...]:
    """All entries in their order, none where there is no diary; RecordError where it is unreadable.

    A line that is no entry, or whose seal does not fit, comes with `sound` False.
    """
    path = path or place()
    if path is None or not path.exists():
        return ()
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as e:
        raise RecordError(f"{path}: cannot be read as a diary ({e})") from None
    found, before = [], _START
    for line in filter(str.strip, lines):
        row = _row(line)
        if row is None:
            found.append(Entry("", "unreadable", {"line": line[:200]}, sound=False))
            continue
        sealed = row.pop("seal")
        sound = sealed == _seal(row, before)
        found.append(Entry(row["at"], row["kind"], row["data"], sound))
        before = sealed
    return tuple(found)


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    known = {"at": str, "kind": str, "data": dict, "seal": str}
    if not isinstance(row, dict) or set(row) != set(known):
        return None
    return row if all(isinstance(row[k], t) for k, t in known.items()) else None


def _last_seal(lines: list[str]) -> str:
    rows = (row for line in reversed(lines) if (row := _row(line)))
    return str(next(rows, {"seal": _START})["seal"])


def _seal(row: Mapping[str, Any], before: str) -> str:
    text = before + json.dumps(row, ensure_ascii=False, sort_keys=True)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
