"""The sweep: one run for each point of a grid, in as many processes as there are, as a tidy table.

What is done is written down as it is done, so an interrupted sweep goes on where it was; the table
is in the grid's order, whoever was first. Simulated models only: a sweep makes its own.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from orchestrator_kit.errors import RecordError
from orchestrator_kit.experiments import run
from orchestrator_kit.grid import AXES, Point, grid
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.simulated import PROFILES, SimulatedModel
from orchestrator_kit.patterns import pattern_named
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.scoring import score
from orchestrator_kit.sheet import COLUMNS, Outcome, Row, Sheet
from orchestrator_kit.tasks import Task

CHUNK = 25  # trials that go to a process at a time
_FORM = 2  # of the journal: another number where a row has other columns


def trial(task: Task, point: Point) -> Row:
    """The run of one point, as one row: the point's values, then what came of it."""
    model = Faults(_model(point.seed, point.profile, point.window), point.plan, point.seed)
    if point.budget_tokens is not None:
        task = replace(task, budget=replace(task.budget, tokens=point.budget_tokens))
    pattern = pattern_named(point.pattern)
    if point.decisions is not None:
        pattern = partial(orchestrator_worker, decides=point.decisions)
    record = run(task, pattern, model, workers=point.workers, recovery=point.recovery)
    m, s = measure(record), score(task, record.answer)
    outcome = Outcome(
        record.status,
        s.recall,
        s.groundedness,
        m.calls,
        m.input_tokens,
        m.output_tokens,
        m.cost_usd,
        m.latency_s,
        m.critical_path_s,
        m.work_s,
        len(m.failures),
        len(record.answer.gaps),
    )
    return asdict(point) | asdict(outcome)


@lru_cache(maxsize=1)
def _model(seed: int, profile: str, window: int | None) -> SimulatedModel:
    """The same model for the trials that follow each other: it knows what it has worked out."""
    chosen = PROFILES[profile]
    return SimulatedModel(seed, chosen if window is None else replace(chosen, window=window))


def sweep(
    task: Task,
    axes: Mapping[str, Iterable[Any]],
    *,
    journal: str | Path | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sheet:
    """A row for each point of the grid, in its order.

    With a `journal` (JSON Lines) each row is written down as soon as it is there, and rows that it
    has are not made again. `executor` is any executor of concurrent.futures, a pool of processes
    where none is given; it is given chunks of trials. `progress` hears (done, all).
    """
    points = grid(axes)
    known = _Journal(journal, task) if journal else None
    rows = dict(known.rows) if known else {}
    todo = [p for p in dict.fromkeys(points) if p not in rows]
    # Trials that read with the same model stand together; the table has the grid's order.
    todo.sort(key=lambda p: (p.seed, p.profile, p.window or 0))
    tell = progress or (lambda done, of: None)
    done = len(points) - len(todo)
    tell(done, len(points))
    with known or nullcontext(), _pool(executor, len(todo)) as pool:
        for found in _made(pool, task, todo):
            rows.update((Point(**{name: row[name] for name in AXES}), row) for row in found)
            if known:
                known.add(found)
            done += len(found)
            tell(done, len(points))
    return Sheet(rows[p] for p in points)


def _chunk(task: bytes, points: Sequence[Point]) -> list[Row]:
    return [trial(_unpacked(task), p) for p in points]


@lru_cache(maxsize=1)
def _unpacked(task: bytes) -> Task:
    """The same object for every chunk of a process, so that what was read once is known."""
    found: Task = pickle.loads(task)  # noqa: S301 - packed by this very sweep
    return found


def _pool(executor: Executor | None, trials: int) -> AbstractContextManager[Executor]:
    """The executor that was given, which its owner shuts down; or one of our own."""
    if executor is not None:
        return nullcontext(executor)
    processes = max(1, min(os.cpu_count() or 1, -(-trials // CHUNK)))
    return ProcessPoolExecutor(processes, initializer=_deaf)


def _deaf() -> None:
    """Leave Ctrl-C to the process that owns the pool: it ends the others, and says so once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _made(pool: Executor, task: Task, points: Sequence[Point]) -> Iterator[list[Row]]:
    """The rows of chunks of points, as they are there; on an error the rest is not begun."""
    chunks = [points[i : i + CHUNK] for i in range(0, len(points), CHUNK)]
    packed = pickle.dumps(task)
    futures: list[Future[list[Row]]] = [pool.submit(_chunk, packed, chunk) for chunk in chunks]
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


class _Journal:
    """A file of rows, a line each, the first line saying of which task they are."""

    def __init__(self, path: str | Path, task: Task) -> None:
        self.path = Path(path)
        self.rows: dict[Point, Row] = {}
        told = (task.prompt, task.facts, task.specialists, task.budget)
        name = blake2b(repr(told).encode(), digest_size=8)
        for document in task.documents:
            name.update(document.text.encode("utf-8", "surrogatepass"))
        self._head = {"sweep": _FORM, "task": name.hexdigest()}
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            text = ""
        except (OSError, UnicodeDecodeError) as e:
            raise RecordError(f"{self.path}: cannot be read ({e})") from None
        self._sound = self._read(text)

    def _read(self, text: str) -> int:
        """Take in the whole lines; how many bytes they are. What a kill cut off is made again."""
        lines = text.splitlines(keepends=True)
        sound = 0
        for n, line in enumerate(lines):
            if not line.endswith("\n"):
                break
            try:
                row = json.loads(line)
                if n == 0:
                    if row != self._head:
                        raise RecordError(
                            f"{self.path}: is the journal of another sweep; name a new file"
                        )
                elif list(row) != list(COLUMNS):
                    raise ValueError("its columns are others")
                else:
                    self.rows[Point(**{name: row[name] for name in AXES})] = row
            except (ValueError, KeyError, TypeError) as e:
                where = f"{self.path}, line {n + 1}"
                raise RecordError(f"{where}: is no row of a sweep ({e})") from None
            sound += len(line.encode())
        return sound

    def __enter__(self) -> _Journal:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
            self._file.truncate(self._sound)
        except OSError as e:
            raise RecordError(f"{self.path}: cannot be written ({e.strerror})") from None
        if not self._sound:
            self._write([self._head])
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows down, at once."""
        self._write(rows)

    def _write(self, rows: Sequence[Row]) -> None:
        text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        try:
            self._file.write(text.encode())
            self._file.flush()
        except OSError as e:
            raise RecordError(f"{self.path}: cannot be written ({e.strerror})") from None
