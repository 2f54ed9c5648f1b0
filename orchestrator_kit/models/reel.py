"""The reel: the file of a tape. Requests and what became of them, in SQLite, a transaction each.

Knows nothing of models at work or of time; `tape` does. A recording reel holds its file for
itself, from opening to closing; at rest it is one file, which many can read at a time. While it
records it keeps a write-ahead log beside the file: a commit then costs some ten microseconds
(docs/performance.md), so it is made inline, and a process that is killed loses nothing that was
committed. Nothing of a connection (key, header, address) ever comes here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

from orchestrator_kit.errors import TapeError

FORMAT = 1
_MAGIC, _APPLICATION = b"SQLite format 3\0", 0x6F6B6974  # "okit"
_PATIENCE_S = 2.0  # for another process to let go of the file
_TABLES = """
CREATE TABLE models (id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE);
CREATE TABLE runs (id INTEGER PRIMARY KEY, settings BLOB NOT NULL UNIQUE);
CREATE TABLE texts (digest BLOB PRIMARY KEY, text BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE calls (
  id INTEGER PRIMARY KEY, key BLOB NOT NULL, ordinal INTEGER NOT NULL, run INTEGER NOT NULL,
  request BLOB NOT NULL, outcome BLOB NOT NULL, checksum BLOB NOT NULL, UNIQUE (key, ordinal)
);
CREATE TABLE counts (digest BLOB PRIMARY KEY, tokens INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class ModelOnTape:
    """What a recording must know of a model to stand in for it.

    `counter` says how it counts tokens: as the simulated model, as OpenAI's tokenizer for that
    name ("named"), or in a way that is only known from the counts on the tape ("recorded").
    """

    name: str
    window: int
    max_output_tokens: int
    parallel: int | None
    beats: bool
    virtual: bool
    seed: int | None
    counter: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: a reply, or (where `kind` is set) a failure.

    `seconds` is how long it took; `started` and `ended` count from the beginning of its run.
    """

    started: float
    ended: float
    seconds: float
    text: str = ""
    finish: str = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    estimated: bool = False
    cost_usd: float | None = None
    kind: str | None = None
    retry_after: float | None = None

    @property
    def paid(self) -> bool:
        """Whether an answer came, of use or not: it is never asked for again."""
        return self.kind is None or self.input_tokens is not None


@dataclass(frozen=True, slots=True)
class Taken:
    """One call on the reel."""

    key: bytes
    ordinal: int
    settings: str
    outcome: Outcome


def digest(*parts: str | bytes) -> bytes:
    """A digest of texts in their order."""
    found = blake2b(digest_size=16)
    for part in parts:
        data = part if isinstance(part, bytes) else _bytes(part)
        found.update(len(data).to_bytes(8, "big") + data)
    return found.digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # replies may hold any half of a pair


def _text(data: bytes) -> str:
    return bytes(data).decode("utf-8", "surrogatepass")


class Reel:
    """A tape's file. With `record` it can be added to, and nobody else may have it meanwhile.

    A missing or empty file is a new reel. TapeError for any other that is not a sound reel of
    this or an older format, which is then left as it was.
    """

    def __init__(self, path: str | Path, *, record: bool = False) -> None:
        self.path = Path(path)
        self._record = record
        self._db: sqlite3.Connection | None = None
        self._load()

    def __enter__(self) -> Reel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Reel({str(self.path)!r}, {len(self.calls)} calls)"

    # ---- opening and closing ----

    def _load(self) -> None:
        self.models: dict[str, ModelOnTape] = {}
        self.runs: dict[str, int] = {}
        self.calls: dict[tuple[bytes, int], Taken] = {}
        self.counts: dict[bytes, int] = {}
        self._texts: set[bytes] = set()
        new = _is_new(self.path)
        if new and not self._record:
            raise TapeError(f"{self.path}: there is nothing recorded")
        with _clearly(self.path):
            self._db = _connected(self.path, self._record)
            try:
                if self._record:
                    self._prepare()
                self._read(self._db)
            except BaseException:
                self._db.close()
                self._db = None
                raise
            if not self._record:
                self.close()

    def _prepare(self) -> None:
        """Take the file for ourselves, and make it a reel if it is a new one."""
        db = self._db
        assert db is not None
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("BEGIN IMMEDIATE")
        if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
            db.execute(f"PRAGMA application_id={_APPLICATION}")
            db.execute(f"PRAGMA user_version={FORMAT}")
            for statement in _TABLES.strip().split(";\n"):
                db.execute(statement)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")

    def _read(self, db: sqlite3.Connection) -> None:
        for (body,) in db.execute("SELECT body FROM models"):
            model = ModelOnTape(**json.loads(_text(body)))
            self.models[model.name] = model
        names = {}
        for number, settings in db.execute("SELECT id, settings FROM runs"):
            names[number] = _text(settings)
            self.runs[names[number]] = number
        for key, ordinal, run, outcome, checksum in db.execute(
            "SELECT key, ordinal, run, outcome, checksum FROM calls ORDER BY id"
        ):
            if digest(key, outcome) != checksum:
                raise TapeError(f"{self.path}: is damaged (a call is not what was recorded)")
            taken = Taken(key, ordinal, names[run], Outcome(**json.loads(_text(outcome))))
            self.calls[key, ordinal] = taken
        self.counts.update(db.execute("SELECT digest, tokens FROM counts"))
        self._texts.update(d for (d,) in db.execute("SELECT digest FROM texts"))

    def close(self) -> None:
        """Put the file to rest; it may be opened again, by us or by others."""
        if self._db is None:
            return
        db, self._db = self._db, None
        with _clearly(self.path), closing(db):
            if self._record:
                db.execute("PRAGMA journal_mode=DELETE")

    # ---- recording ----

    def add_model(self, model: ModelOnTape) -> None:
        """Note a model; TapeError where another one of its name was recorded."""
        known = self.models.get(model.name)
        if known == model:
            return
        if known is not None:
            changed = [
                f.name for f in fields(model) if getattr(known, f.name) != getattr(model, f.name)
            ]
            raise TapeError(
                f"{self.path}: was recorded with another {model.name} ({', '.join(changed)} "
                "differ); use another file"
            )
        with self._transaction() as db:
            db.execute("INSERT INTO models (body) VALUES (?)", (_json(asdict(model)),))
        self.models[model.name] = model

    def add(
        self,
        taken: Taken,
        request: dict[str, Any],
        texts: Iterable[str],
        counts: dict[bytes, int],
    ) -> None:
        """Store what became of a call, all or nothing; it takes the place of an earlier failure."""
        new = {d: t for t in texts if (d := digest(t)) not in self._texts}
        outcome = _json(asdict(taken.outcome))
        with self._transaction() as db:
            run = self.runs.get(taken.settings)
            if run is None:
                settings = (_bytes(taken.settings),)
                run = db.execute("INSERT INTO runs (settings) VALUES (?)", settings).lastrowid
            db.executemany(
                "INSERT INTO texts VALUES (?, ?)", [(d, _bytes(t)) for d, t in new.items()]
            )
            db.executemany("INSERT OR IGNORE INTO counts VALUES (?, ?)", counts.items())
            db.execute(
                "INSERT OR REPLACE INTO calls (key, ordinal, run, request, outcome, checksum) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(taken.key, taken.ordinal, run, _json(request), outcome),
                    digest(taken.key, outcome),
                ),
            )
        assert run is not None
        self.runs[taken.settings] = run
        self.calls[taken.key, taken.ordinal] = taken
        self.counts.update(counts)
        self._texts.update(new)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self._record:
            raise TapeError(f"{self.path}: was opened to be replayed, not to be recorded on")
        if self._db is None:
            self._load()  # somebody else may have added to it meanwhile
        assert self._db is not None
        db = self._db
        with _clearly(self.path):
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    # ---- reading ----

    def last_end(self, settings: str) -> float:
        """Until when the run of these settings was recorded, in seconds from its beginning."""
        ends = (t.outcome.ended for t in self.calls.values() if t.settings == settings)
        return max(ends, default=0.0)

    def integrity(self) -> list[str]:
        """What SQLite finds wrong with the file, a line each."""
        with _clearly(self.path), self._reading() as db:
            rows = db.execute("PRAGMA integrity_check").fetchall()
        return [row[0] for row in rows if row[0] != "ok"]

    def texts(self) -> dict[bytes, str]:
        """All texts of requests, by their digests."""
        with _clearly(self.path), self._reading() as db:
            return {d: _text(t) for d, t in db.execute("SELECT digest, text FROM texts")}

    def requests(self) -> Iterator[tuple[Taken, dict[str, Any]]]:
        """Every call with its request; texts are named by their digests in hexadecimal."""
        with _clearly(self.path), self._reading() as db:
            rows = db.execute("SELECT key, ordinal, request FROM calls ORDER BY id").fetchall()
        for key, ordinal, request in rows:
            yield self.calls[key, ordinal], json.loads(_text(request))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._db is not None:
            yield self._db
            return
        with closing(_connected(self.path, record=False)) as db:
            yield db


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _is_new(path: Path) -> bool:
    """Whether there is nothing yet. The head is read before SQLite may touch the file."""
    try:
        if path.exists() and not path.is_file():
            raise TapeError(f"{path}: is no file; name one to record on")
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise TapeError(f"{path}: there is no such folder") from None
        return True
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else e
        raise TapeError(f"{path}: cannot be read ({reason})") from None
    if not head:
        return True
    if head[:16] != _MAGIC or int.from_bytes(head[68:72], "big") != _APPLICATION:
        raise TapeError(f"{path}: is no tape of this kit; it was left as it is")
    if (number := int.from_bytes(head[60:64], "big")) > FORMAT:
        raise TapeError(
            f"{path}: was written by a newer version of the kit (format {number}, this one "
            f"reads up to {FORMAT}); update the kit"
        )
    return False


def _connected(path: Path, record: bool) -> sqlite3.Connection:
    mode = "rwc" if record else "ro"
    where = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(where, uri=True, timeout=_PATIENCE_S, isolation_level=None)


@contextmanager
def _clearly(path: Path) -> Iterator[None]:
    """SQLite's errors, and those of what it read, as one clear line."""
    try:
        yield
    except sqlite3.Error as e:
        code = getattr(e, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            why = "is in use by another process; wait for it to end, or use another file"
        elif code == sqlite3.SQLITE_FULL:
            why = "the disk is full; what was recorded before is safe"
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            why = "cannot be opened for writing here; copy it to where it can"
        elif code == sqlite3.SQLITE_IOERR:
            why = "cannot be written (no room, or the disk fails); what was recorded is safe"
        else:
            why = f"is damaged ({e}); okit tape check says more"
        raise TapeError(f"{path}: {why}") from None
    except (ValueError, TypeError, KeyError, UnicodeError) as e:
        raise TapeError(f"{path}: is damaged ({e})") from None
