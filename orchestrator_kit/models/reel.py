"""The reel: the file of a tape. Requests and what became of them, in SQLite, a transaction each.

Knows nothing of models at work or of time; `tape` does. A recording reel holds its file for
itself, from opening to closing; at rest it is one file, which many can read at a time. While it
records it keeps a write-ahead log beside the file: storing a call then costs about a tenth of a
millisecond (docs/performance.md), so it is done inline, and a process that is killed loses nothing
that was committed. A machine that loses its power may lose the last calls, for a commit does not
wait for the disk; the file stays sound. What is read is checked: SQLite's own check of its pages,
and a checksum in every row. Nothing of a connection (key, header, address) ever comes here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from orchestrator_kit.errors import TapeError
from orchestrator_kit.models.reel_file import (
    APPLICATION,
    FORMAT,
    clearly,
    connected,
    held,
    integrity,
    is_empty,
    is_recorded,
    place,
    was_cut_off,
)

CUT = "cut"  # the kind of a call that had no outcome: the caller cut it off
_TABLES = """
CREATE TABLE models (id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE, checksum BLOB NOT NULL);
CREATE TABLE runs (id INTEGER PRIMARY KEY, settings BLOB NOT NULL UNIQUE, checksum BLOB NOT NULL);
CREATE TABLE texts (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, text BLOB NOT NULL);
CREATE TABLE calls (
  id INTEGER PRIMARY KEY, key BLOB NOT NULL, ordinal INTEGER NOT NULL, run INTEGER NOT NULL,
  request BLOB NOT NULL, outcome BLOB NOT NULL, checksum BLOB NOT NULL, UNIQUE (key, ordinal)
);
CREATE TABLE counts (
  digest BLOB PRIMARY KEY, tokens INTEGER NOT NULL, checksum BLOB NOT NULL
) WITHOUT ROWID;
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
    `beats` are its signs of life, if somebody wanted them: seconds from its start, tokens written.
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
    beats: list[tuple[float, int]] | None = None

    @property
    def cut(self) -> bool:
        """Whether the caller cut it off before anything came."""
        return self.kind == CUT

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
    data = [part if isinstance(part, bytes) else _bytes(part) for part in parts]
    sizes = ",".join([str(len(part)) for part in data])
    return blake2b(b"".join([sizes.encode(), b";", *data]), digest_size=16).digest()


@lru_cache(maxsize=4_096)
def text_digest(text: str) -> bytes:
    """The digest of one text; requests share theirs, and are long."""
    return digest(text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # replies may hold any half of a pair


def _text(data: bytes) -> str:
    return bytes(data).decode("utf-8", "surrogatepass")


class Reel:
    """A tape's file. With `record` it can be added to, and nobody else may have it meanwhile.

    A missing or empty file is a new reel. TapeError for any other that is not a sound reel of
    this or an older format, which is then left as it was. `played` counts the calls that were
    played back.
    """

    def __init__(self, path: str | Path, *, record: bool = False) -> None:
        self.path = Path(path)
        self.played = 0
        self._record = record
        self._db: sqlite3.Connection | None = None
        self._uncommitted: dict[bytes, int] = {}  # counts that wait for the next transaction
        self._load()

    def __enter__(self) -> Reel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Reel({str(self.path)!r}, {len(self.calls)} calls)"

    # ---- opening and closing ----

    def open(self) -> None:
        """Take a recording reel's file again, where it was put to rest."""
        if self._record and self._db is None:
            self._load()

    def _load(self) -> None:
        self.models: dict[str, ModelOnTape] = {}
        self.runs: dict[str, int] = {}
        self.calls: dict[tuple[bytes, int], Taken] = {}
        self.counts: dict[bytes, int] = {}
        self._texts: set[bytes] = set()
        if not is_recorded(self.path) and not self._record:
            raise TapeError(f"{self.path}: there is nothing recorded")
        with clearly(self.path):
            if not self._record:
                with self._reading() as db:
                    if is_empty(db):
                        raise TapeError(f"{self.path}: there is nothing recorded")
                    self._read(db)
                return
            self._db = connected(self.path)
            try:
                self._take(self._db)
            except BaseException:
                self._db.close()
                self._db = None
                raise
        held[place(self.path)] = self

    def _take(self, db: sqlite3.Connection) -> None:
        """Take the file for ourselves, and make it a reel if there is nothing yet."""
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA synchronous=OFF")  # of a file without anything, nothing can be lost
        db.execute("BEGIN EXCLUSIVE")
        if is_empty(db):
            db.execute(f"PRAGMA application_id={APPLICATION}")
            db.execute(f"PRAGMA user_version={FORMAT}")
            for statement in _TABLES.strip().split(";\n"):
                db.execute(statement)
        else:
            self._read(db)  # before anything is changed
        db.execute("COMMIT")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=10000")  # pages; each time the disk is waited for

    def _read(self, db: sqlite3.Connection) -> None:
        """All but the texts, which only a reader of requests needs. TapeError for any damage.

        Rows are fetched before they are checked: a query that an error left half read would hold
        the file for as long as somebody keeps the error's traceback, as notebooks do.
        """
        if faults := integrity(db):
            raise TapeError(f"{self.path}: is damaged ({faults[0]})")
        rows = db.execute("SELECT id, body, checksum FROM models ORDER BY id").fetchall()
        for number, body, checksum in rows:
            self._check(checksum, f"model {number}", body)
            model = ModelOnTape(**json.loads(body.decode()))
            self.models[model.name] = model
        names = {}
        rows = db.execute("SELECT id, settings, checksum FROM runs ORDER BY id").fetchall()
        for number, settings, checksum in rows:
            self._check(checksum, f"run {number}", str(number), settings)
            names[number] = _text(settings)
            self.runs[names[number]] = number
        rows = db.execute(
            "SELECT id, key, ordinal, run, request, outcome, checksum FROM calls ORDER BY id"
        ).fetchall()
        for number, key, ordinal, run, request, outcome, checksum in rows:
            self._check(checksum, f"call {number}", key, f"{ordinal} {run}", request, outcome)
            taken = Taken(key, ordinal, names[run], Outcome(**json.loads(outcome.decode())))
            self.calls[key, ordinal] = taken
        rows = db.execute("SELECT digest, tokens, checksum FROM counts").fetchall()
        for name, tokens, checksum in rows:
            self._check(checksum, f"count {name.hex()}", name, str(tokens))
            self.counts[name] = tokens
        self.counts.update(self._uncommitted)
        self._texts.update(d for (d,) in db.execute("SELECT digest FROM texts").fetchall())

    def _check(self, checksum: bytes, what: str, *parts: str | bytes) -> None:
        if digest(*parts) != checksum:
            raise TapeError(f"{self.path}: is damaged ({what} is not what was recorded)")

    def close(self) -> None:
        """Put the file to rest; it may be opened again, by us or by others."""
        if self._db is None:
            return
        with closing(self._db) as db, clearly(self.path):
            try:
                with self._transaction():  # for the counts; the next line wants one as well, since
                    pass  # after an integrity check SQLite takes the file for being read
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # and wait for the disk, once
                db.execute("PRAGMA synchronous=OFF")
                db.execute("PRAGMA journal_mode=DELETE")
            finally:
                self._db = None
                for where in [where for where, reel in held.items() if reel is self]:
                    del held[where]

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
        body = _json(asdict(model))
        with self._transaction() as db:
            db.execute("INSERT INTO models (body, checksum) VALUES (?, ?)", (body, digest(body)))
        self.models[model.name] = model

    def add_run(self, settings: str) -> int:
        """The number of the run of these settings, which is noted if it is a new one."""
        if settings not in self.runs:
            number, data = len(self.runs) + 1, _bytes(settings)
            row = number, data, digest(str(number), data)
            with self._transaction() as db:
                db.execute("INSERT INTO runs VALUES (?, ?, ?)", row)
            self.runs[settings] = number
        return self.runs[settings]

    def add_count(self, name: bytes, tokens: int) -> None:
        """Note how long a text is; it is stored with the next call, or when the reel is closed."""
        self.counts[name] = self._uncommitted[name] = tokens

    def add(self, taken: Taken, request: dict[str, Any], texts: Iterable[str]) -> None:
        """Store what became of a call, all or nothing; it takes the place of an earlier failure."""
        self.open()  # somebody else may have added to it meanwhile
        run = self.add_run(taken.settings)
        new = {d: t for t in texts if (d := text_digest(t)) not in self._texts}
        asked, outcome = _json(request), _json(_body(taken.outcome))
        checksum = digest(taken.key, f"{taken.ordinal} {run}", asked, outcome)
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO texts (digest, text) VALUES (?, ?)",
                [(d, _bytes(t)) for d, t in new.items()],
            )
            db.execute(
                "INSERT OR REPLACE INTO calls (key, ordinal, run, request, outcome, checksum) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (taken.key, taken.ordinal, run, asked, outcome, checksum),
            )
        self.calls[taken.key, taken.ordinal] = taken
        self._texts.update(new)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self._record:
            raise TapeError(f"{self.path}: was opened to be replayed, not to be recorded on")
        self.open()
        assert self._db is not None
        db, counts = self._db, list(self._uncommitted.items())
        with clearly(self.path):
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.executemany(
                    "INSERT OR REPLACE INTO counts VALUES (?, ?, ?)",
                    [(name, tokens, digest(name, str(tokens))) for name, tokens in counts],
                )
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        self._uncommitted.clear()

    # ---- reading ----

    def texts(self) -> dict[bytes, str]:
        """All texts of requests, by their digests. TapeError names one that is damaged."""
        found = {}
        with clearly(self.path), self._reading() as db:
            rows = db.execute("SELECT digest, text FROM texts ORDER BY digest").fetchall()
            for name, text in rows:
                self._check(name, f"text {name.hex()}", text)
                found[name] = _text(text)
        return found

    def requests(self) -> Iterator[tuple[Taken, dict[str, Any]]]:
        """Every call with its request; texts are named by their digests in hexadecimal."""
        with clearly(self.path), self._reading() as db:
            rows = db.execute("SELECT key, ordinal, request FROM calls ORDER BY id").fetchall()
        for key, ordinal, request in rows:
            yield self.calls[key, ordinal], json.loads(request.decode())

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._db is not None:
            yield self._db
            return
        if was_cut_off(self.path):
            with closing(connected(self.path)) as db:
                db.execute("PRAGMA locking_mode=EXCLUSIVE")
                db.execute("PRAGMA journal_mode=DELETE")
        with closing(connected(self.path, mode="ro")) as db:
            db.execute("BEGIN")
            yield db


def _body(outcome: Outcome) -> dict[str, Any]:
    """Its fields by name, which `asdict` would take three times as long to copy."""
    return {name: getattr(outcome, name) for name in Outcome.__slots__}


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
