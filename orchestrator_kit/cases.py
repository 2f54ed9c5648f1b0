"""The cases of a what-if: a recorded run and what it would have been, as figures and in words.

Knows no tapes and makes no runs. Draws nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator_kit import tables
from orchestrator_kit.comparison import SCHEMA
from orchestrator_kit.errors import NotOnTape
from orchestrator_kit.events import CallFailed, CallRefused, CallStarted, Event
from orchestrator_kit.metrics import Measures
from orchestrator_kit.models.rerun import Rerun
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Task

_SETTINGS = {
    "faults": "faults",
    "fault_seed": "seed of the faults",
    "recovery": "recovery",
    "budget_tokens": "tokens at most",
    "budget_usd": "US dollars at most",
    "budget_seconds": "seconds at most",
}


@dataclass(frozen=True, slots=True)
class Missing:
    """A call that the tape has no reply to: who made it, for which subtask, and why not."""

    role: str
    agent: str
    subtask: str | None
    why: str

    def __str__(self) -> str:
        return f"{self.agent} for {self.subtask}" if self.subtask else self.agent


@dataclass(frozen=True)
class Case:
    """The run under one setting.

    `run` is all that was made of it. `measures` are what is known: the whole of it or, where calls
    are `missing`, what there was until the first of those was made, which the true run exceeds in
    everything. `recall` is None there, and without gold facts. `notes` are sentences.
    """

    run: Run
    measures: Measures
    recall: float | None
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all of it was on the tape."""
        return not self.missing

    @property
    def workers(self) -> int:
        return self.run.workers


@dataclass(frozen=True)
class WhatIf:
    """A recorded run and what it would have been: the first of the rows is the recorded one.

    `notes` are what all rows rest on, a sentence each.
    """

    tape: str
    task: Task
    rows: tuple[Case, ...]
    notes: tuple[str, ...]

    @property
    def recorded(self) -> Case:
        return self.rows[0]

    def runs(self) -> dict[int, Run]:
        """The complete runs by their number of workers, as `svg.curve` draws them.

        The recorded run is among them unless another one has as many workers.
        """
        return {c.workers: c.run for c in sorted(self.rows, key=lambda c: c.workers) if c.complete}

    def words(self) -> list[str]:
        """What is asked, and all notes; before those of some rows, the workers that these have."""
        by_note: dict[str, list[str]] = {}
        for case in self.rows:
            for note in case.notes:
                by_note.setdefault(note, []).append(str(case.workers))
        own = [
            f"{', '.join(dict.fromkeys(whose))} worker{'s' * (whose != ['1'])}: {note}"
            for note, whose in by_note.items()
        ]
        return [*self._asked(), *own, *self.notes]

    def _asked(self) -> list[str]:
        """What the rows have that the recorded run had not, their workers apart."""
        was, now = self.recorded.run.started, self.rows[-1].run.started
        changed = [
            (said, getattr(now, name))
            for name, said in _SETTINGS.items()
            if getattr(now, name) != getattr(was, name)
        ]
        told = [f"{said} {_shown(value)}" for said, value in changed]
        return [f"What if: {'; '.join(told)}."] if told else []

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain data, by the kit's contract for scripts (docs/architecture.md)."""
        start = self.recorded.run.started
        return {
            "schema": SCHEMA,
            "tape": self.tape,
            "task": {"title": self.task.title, "prompt": self.task.prompt},
            "model": start.model,
            "pattern": start.pattern,
            "options": list(start.options),
            "seed": start.seed,
            "rows": [_plain(case) for case in self.rows],
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text; the same question gives the same bytes."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"

    def __repr__(self) -> str:
        return f"WhatIf({self.recorded.run.pattern}, {len(self.rows) - 1} rows and the recorded)"

    def __str__(self) -> str:
        return "\n".join([tables.as_text(*table(self)), *self.words()])

    def _repr_html_(self) -> str:
        lines = tables.as_html(["notes"], [[line] for line in self.words()])
        return tables.as_html(*table(self)) + lines


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or tables.NONE
    return f"{value:,}" if isinstance(value, int) else tables.NONE if value is None else str(value)


def table(found: WhatIf) -> tuple[tables.Columns, tables.Rows]:
    """A row for each setting, the recorded one first; a "+" says that it would be more."""
    columns = [
        "run",
        "workers",
        "calls",
        "input",
        "output",
        "cost",
        "latency",
        "critical",
        "recall",
    ]
    rows = []
    for n, case in enumerate(found.rows):
        m, more = case.measures, "" if case.complete else "+"
        mark = "~" if m.estimated else ""
        cells = [str(m.calls), f"{mark}{m.input_tokens:,}", f"{mark}{m.output_tokens:,}"]
        cells += [tables.money(m.cost_usd), tables.seconds(m.latency_s)]
        cells += [tables.seconds(m.critical_path_s)]
        rows.append(
            [
                "what if" if n else "recorded",
                str(case.workers),
                *(cell if cell == tables.NONE else f"{cell}{more}" for cell in cells),
                tables.percent(case.recall),
                str(len(case.run.answer.gaps)) if case.complete else tables.NONE,
                str(len(case.missing)),
            ]
        )
    return [*columns, "gaps", "not on tape"], rows


def _plain(case: Case) -> dict[str, Any]:
    """One row as plain data."""
    m, start = case.measures, case.run.started
    return {
        "workers": case.workers,
        "faults": list(start.faults),
        "fault_seed": start.fault_seed,
        "recovery": start.recovery,
        "budget_tokens": start.budget_tokens,
        "budget_usd": start.budget_usd,
        "budget_seconds": start.budget_seconds,
        "complete": case.complete,
        "missing": [asdict(m) for m in case.missing],
        "status": case.run.status if case.complete else None,
        "gaps": list(case.run.answer.gaps) if case.complete else None,
        **m.to_dict(),
        "recall": case.recall,
        "notes": list(case.notes),
    }


def missing_of(record: Run) -> list[Missing]:
    """The calls that failed, or were not even made, because the tape lacks something."""
    calls = {e.call: e for e in record.events if isinstance(e, CallStarted)}
    found = []
    for event in record.events:
        if isinstance(event, CallFailed | CallRefused) and event.kind == NotOnTape.kind:
            call = calls[event.call] if isinstance(event, CallFailed) else event
            found.append(Missing(call.role, call.agent, call.subtask, event.message))
    return found


def known_of(record: Run) -> tuple[Event, ...]:
    """The events before the first call that the tape lacks: what comes after rests on nothing."""
    began = {e.call: e.t for e in record.events if isinstance(e, CallStarted)}
    for n, event in enumerate(record.events):
        if isinstance(event, CallFailed | CallRefused) and event.kind == NotOnTape.kind:
            until = event.t
            if isinstance(event, CallFailed) and began[event.call] < until:
                until -= Rerun.late_s  # it was cut off: until then it was as recorded
            return tuple(e for e in record.events[:n] if e.t <= until)
    return record.events


def callers(missing: Sequence[Missing]) -> str:
    """Who made the calls, the first few of them."""
    times = Counter(map(str, missing))
    told = [f"{name} x{n}" if n > 1 else name for name, n in times.items()]
    return "; ".join(told[:6]) + ("; …" if len(told) > 6 else "")


def calls_in_words(n: int) -> str:
    """A number of calls."""
    return "1 call" if n == 1 else f"{n} calls"
