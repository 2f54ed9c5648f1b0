"""The run record: the events of one run, in files and back, and the plainest readings of them.

A run's only output; every table, figure and check is a reading of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator_kit.answer import Answer, Report
from orchestrator_kit.errors import RecordError
from orchestrator_kit.events import (
    Answered,
    Event,
    PlanMade,
    PlanRevised,
    Reported,
    RunEnded,
    RunStarted,
    Status,
    from_json,
    to_json,
)
from orchestrator_kit.plan import Plan
from orchestrator_kit.provenance import Explanation, explain


@dataclass(frozen=True)
class Run:
    """A finished or interrupted run: its events, and the plainest readings of them."""

    events: tuple[Event, ...]

    @cached_property
    def started(self) -> RunStarted:
        first = self.events[0]
        if not isinstance(first, RunStarted):
            raise RecordError("a record begins with RunStarted; this one does not")
        return first

    @property
    def pattern(self) -> str:
        return self.started.pattern

    @property
    def workers(self) -> int:
        return self.started.workers

    @cached_property
    def answer(self) -> Answer:
        """The answer given, or an empty one that declares why there is none."""
        for event in reversed(self.events):
            if isinstance(event, Answered):
                return event.answer
        end = self.ended
        return Answer(gaps=(f"no answer: {end.kind or end.status}",) if end else ("no answer",))

    @cached_property
    def ended(self) -> RunEnded | None:
        last = self.events[-1]
        return last if isinstance(last, RunEnded) else None

    @property
    def status(self) -> Status:
        """done, failed or interrupted; a record that just stops was interrupted."""
        return self.ended.status if self.ended else "interrupted"

    def explain(self, text: str) -> Explanation:
        """What is behind the statement of the answer that is nearest to a text."""
        return explain(self.events, self.answer, text)

    def __hash__(self) -> int:  # in keeping with equality, without reading all events
        return hash((self.events[0], self.events[-1], len(self.events)))

    def __repr__(self) -> str:
        return f"Run({self.pattern}, {self.workers} workers, {self.status}, {self.answer!r})"

    def to_jsonl(self) -> str:
        """One JSON object a line, first the schema's number and the settings."""
        return "".join(to_json(event) + "\n" for event in self.events)

    @classmethod
    def from_jsonl(cls, text: str, *, origin: str = "record") -> Run:
        """The run that `to_jsonl` wrote; RecordError names the first bad line."""
        events = []
        lines = text.split("\n")  # not at other line breaks: those may stand in a text
        for n, line in enumerate(lines if lines[-1] else lines[:-1], 1):
            try:
                events.append(from_json(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
                raise RecordError(f"{origin}, line {n}: not an event of this kit ({e})") from None
        if not events or not isinstance(events[0], RunStarted):
            raise RecordError(f"{origin}: is not a run record; it does not begin with RunStarted")
        return cls(tuple(events))

    def save(self, path: str | Path) -> Path:
        """Write the record as JSON Lines, all or nothing."""
        return write_atomic(path, self.to_jsonl())

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Read a saved record; RecordError where it is missing or not one."""
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as e:
            raise RecordError(f"{path}: cannot be read ({e})") from None
        return cls.from_jsonl(text, origin=str(path))


def taken_down(events: Iterable[Event]) -> tuple[Plan | None, dict[str, Report]]:
    """The plan as it is now, and the reports by subtask, as far as the events tell of them."""
    plan: Plan | None = None
    reports: dict[str, Report] = {}
    for event in events:
        if isinstance(event, PlanMade | PlanRevised):
            plan = event.plan
        elif isinstance(event, Reported) and event.report.subtask and not event.report.failure:
            reports[event.report.subtask] = event.report
    return plan, reports


def write_atomic(path: str | Path, content: str | bytes) -> Path:
    """Write a whole file or nothing: a reader never sees half of it. RecordError says why not.

    A device or a pipe is written to, not replaced.
    """
    path = Path(path)
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    half = None
    try:
        if _is_device(path):
            path.write_bytes(data)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name[:200]}.{os.getpid()}")
        half.write_bytes(data)
        half.replace(path)
    except (OSError, ValueError) as e:
        if half:
            with suppress(OSError, ValueError):
                half.unlink()
        raise _unwritable(path, e) from None
    return path


def check_writable(path: str | Path) -> None:
    """RecordError if `write_atomic` could not write there: asked before anything is spent."""
    path = Path(path)
    try:
        if _is_device(path):
            folder = path
        else:
            folder = path.parent
            while not folder.exists():
                folder = folder.parent
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        if not (folder.is_dir() or _is_device(folder)):
            raise NotADirectoryError(0, f"{folder} is no folder")
        if not os.access(folder, os.W_OK):
            raise PermissionError(0, "permission denied")
        if "\0" in str(path):
            raise ValueError("embedded null byte")
    except (OSError, ValueError) as e:
        raise _unwritable(path, e) from None


def _is_device(path: Path) -> bool:
    """Whether it is there and neither a file nor a folder; OSError for an impossible name."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _unwritable(path: Path, error: OSError | ValueError) -> RecordError:
    reason = error.strerror if isinstance(error, OSError) else error
    return RecordError(f"{path}: cannot be written ({reason})")
