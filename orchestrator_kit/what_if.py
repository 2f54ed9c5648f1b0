"""What if: a recorded run made again with other workers, faults or limits, without paying again.

The run is executed as any other, on virtual time; only its replies come from the tape. What the
tape lacks is named, and the figures then end where it was first needed. Draws nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from orchestrator_kit import tables
from orchestrator_kit.cases import (
    Case,
    Missing,
    WhatIf,
    callers,
    calls_in_words,
    known_of,
    missing_of,
)
from orchestrator_kit.errors import BudgetSpent, NotOnTape, TapeError, UsageError
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallRefused,
    Event,
    PlanMade,
    RunStarted,
)
from orchestrator_kit.experiments import MOST_WORKERS, run
from orchestrator_kit.metrics import measure
from orchestrator_kit.models import recorded_name
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.rerun import Rerun
from orchestrator_kit.models.tape import Tape
from orchestrator_kit.patterns import Pattern
from orchestrator_kit.record import Run
from orchestrator_kit.recorded import as_for, pattern_of, recorded_run, recovery_of, task_of
from orchestrator_kit.recovery import Recovery, policy_named
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Budget, Task

WORKERS = (1, 2, 4, 8)
_USELESS = ("malformed", "truncated")  # kinds of failure of a reply that came


def what_if(
    tape: Tape | Reel | str | Path,
    task: Task | None = None,
    *,
    workers: int | Iterable[int] | None = None,
    faults: Iterable[Fault | str] | None = None,
    budget: Budget | None = None,
    recovery: Recovery | str | None = None,
    seed: int | None = None,
    which: int | str | None = None,
    pattern: Pattern | None = None,
    models: Mapping[str, str] | None = None,
) -> WhatIf:
    """What a recorded run would have taken with so many `workers`, these `faults`, this `budget`.

    One row for each number of workers, after the recorded run: 1, 2, 4 and 8 where nothing at all
    is asked, else as many as were recorded. What is not given (faults, the `seed` of their
    chances, recovery, and each limit that the budget leaves open) stays as recorded. Nothing is
    bought and no key is needed.

    Requests are those that were recorded, word for word. Where they depend on the number of
    workers (a plan, the shards of a master), they are made as for the recorded number: the plan is
    kept. A call that the tape lacks is named, and its row is incomplete. A recorded latency is
    taken to be the same however many calls are in flight.

    `task` may be left out for a scenario. Of several runs on a tape, `which` says which: its number
    in `okit tape show`, or its pattern. `pattern` is one that is not the kit's own; `models` say
    which recorded model (by its name there) works under a specialist's or role's name.

    TapeError for a tape that is missing, is none, or does not have the whole run; UsageError for
    settings that no run could have.
    """
    counts = _counts(workers)
    path = tape.reel.path if isinstance(tape, Tape) else tape
    reel = Reel(path.path if isinstance(path, Reel) else path)
    start = recorded_run(reel, which)
    question = _Question(
        reel,
        start,
        task_of(start, task),
        pattern_of(start, pattern),
        recovery_of(start),
        tuple(map(Fault.parse, start.faults)),
        start.fault_seed or 0,
        models or {},
    )
    recorded = question.answered(start.workers)
    _check(recorded, start, reel)
    asked = replace(
        question,
        task=_within(question.task, budget),
        recovery=_policy(recovery) or question.recovery,
        faults=question.faults if faults is None else _plan(faults),
        seed=question.seed if seed is None else seed,
        useless=_useless(recorded.run),
    )
    if not counts:
        nothing = (faults, recovery, seed) == (None,) * 3 and asked.task == question.task
        counts = WORKERS if nothing else (start.workers,)
    rows = recorded, *(asked.answered(n) for n in counts)
    return WhatIf(str(reel.path), question.task, rows, _notes(reel, start, asked))


@dataclass(frozen=True)
class _Question:
    """All but the number of workers that determines a run from a tape.

    `useless` are the replies that nothing may get a second time; None: none is given twice.
    """

    reel: Reel
    start: RunStarted
    task: Task
    pattern: Pattern
    recovery: Recovery
    faults: tuple[Fault, ...]
    seed: int
    models: Mapping[str, str]
    useless: frozenset[str] | None = None

    def answered(self, workers: int) -> Case:
        """The run with so many workers, as far as the tape goes."""
        own = {s.model: recorded_name(s.model) for s in self.task.specialists if s.model}
        tapes = {
            name: self._tape(theirs)
            for name, theirs in {"": self.start.model, **own, **self.models}.items()
        }
        made: dict[str, Model] = {
            name: Faults(tape, self.faults, self.seed) if self.faults else tape
            for name, tape in tapes.items()
        }
        told: set[str] = set()
        planned = self.start.workers
        pattern = self.pattern if workers == planned else as_for(planned, self.pattern, told)
        heard: list[Event] = []
        unknown: list[Missing] = []
        model, models = made.pop(""), made
        try:
            record = run(
                self.task,
                pattern,
                model,
                workers=workers,
                models=models,
                recovery=self.recovery,
                listen=heard.append,
            )
        except NotOnTape as e:  # where code counts tokens, outside of any call
            record, unknown = Run(tuple(heard)), [Missing("code", "code", None, str(e))]
        missing = (*missing_of(record), *unknown)
        known = Run(known_of(record))
        kept = [f"asked as for {planned} workers: what depends on that, as a plan does, is kept"]
        faulty = [m for m in (model, *models.values()) if isinstance(m, Faults)]
        again = sum(len(tape.again) for tape in tapes.values() if isinstance(tape, Rerun))
        return Case(
            record,
            measure(known),
            None if missing else score(self.task, record.answer).recall,
            missing,
            (
                *(kept if told else ()),
                *_of_plan(known, planned),
                *_of_faults(faulty),
                *_of_budget(known),
                *_of_repetitions(again),
                *_of_missing(missing, known),
            ),
        )

    def _tape(self, name: str) -> Tape:
        if self.useless is None:
            return Tape(self.reel, name=name)
        return Rerun(self.reel, name=name, useless=self.useless)


def _useless(record: Run) -> frozenset[str]:
    """The replies of a run that could not be read."""
    failed = {e.call for e in record.events if isinstance(e, CallFailed) and e.kind in _USELESS}
    return frozenset(e.text for e in record.events if isinstance(e, CallEnded) and e.call in failed)


def _check(recorded: Case, start: RunStarted, reel: Reel) -> None:
    """TapeError or UsageError where this is not the run that was recorded, all of it."""
    ours = recorded.run.started
    for f in fields(start):
        was, now = getattr(start, f.name), getattr(ours, f.name)
        if was != now:
            raise UsageError(f"{reel.path}: was recorded with {f.name} {was!r}, not {now!r}")
    if recorded.missing:
        lacks = callers(recorded.missing)
        if not any(isinstance(e, CallEnded) for e in recorded.run.events):
            raise TapeError(
                f"{reel.path}: has no reply to the first request of this task ({lacks}); were its "
                "documents or its specialists others?"
            )
        raise TapeError(
            f"{reel.path}: does not have the whole run, it lacks {lacks}; the command that "
            "recorded it goes on where it was"
        )


def _counts(workers: int | Iterable[int] | None) -> tuple[int, ...]:
    """The numbers of workers that are asked for, each once; UsageError for one that cannot be."""
    if workers is None:
        return ()
    if isinstance(workers, str) or not isinstance(workers, int | Iterable):
        raise UsageError(f"workers is {workers!r}; it is a number, or several")
    found = tuple(dict.fromkeys([workers] if isinstance(workers, int) else workers))
    for n in found:
        if type(n) is not int or not 1 <= n <= MOST_WORKERS:
            raise UsageError(f"workers is {n!r}; 1 to {MOST_WORKERS:,} can be had")
    if not found:
        raise UsageError("there is no number of workers to ask about")
    return found


def _within(task: Task, budget: Budget | None) -> Task:
    """The task with the limits that a budget has; UsageError for one that is not above 0."""
    names = ("tokens", "usd", "seconds")
    limits = {n: v for n in names if (v := getattr(budget, n, None)) is not None}
    for name, limit in limits.items():
        if not limit > 0:  # nor is it nan
            raise UsageError(f"the budget's {name} is {limit}; it must be more than 0")
    return replace(task, budget=replace(task.budget, **limits))


def _policy(recovery: Recovery | str | None) -> Recovery | None:
    return policy_named(recovery) if isinstance(recovery, str) else recovery


def _plan(faults: Iterable[Fault | str]) -> tuple[Fault, ...]:
    lines = [faults] if isinstance(faults, str) else faults
    return tuple(f if isinstance(f, Fault) else Fault.parse(f) for f in lines)


# ---- what a row rests on, in words ----


def _of_plan(known: Run, planned: int) -> list[str]:
    wanted = {e.plan.workers for e in known.events if isinstance(e, PlanMade)}
    return [
        f"the plan wants {tables.workers(n)} at a time, of {planned} that it might have; more have "
        "nothing to do"
        for n in sorted(n for n in wanted if n is not None)
        if n < min(planned, known.workers)
    ]


def _of_faults(models: Sequence[Faults]) -> list[str]:
    struck = sum((m.struck for m in models), Counter[str]())
    idle = [f for f in (models[0].plan if models else ()) if all(f in m.idle for m in models)]
    told = ", ".join(f"{kind} {n}" for kind, n in sorted(struck.items()))
    return [
        *([f"faults that struck: {told}"] if told else []),
        *(f"the fault {fault} struck no call" for fault in idle),
    ]


def _of_budget(known: Run) -> list[str]:
    kind = BudgetSpent.kind
    refused = sum(isinstance(e, CallRefused) and e.kind == kind for e in known.events)
    cut = sum(isinstance(e, CallFailed) and e.kind == kind for e in known.events)
    return [
        *([f"the budget refused {calls_in_words(refused)}"] if refused else []),
        *([f"the budget's time was over in the middle of {calls_in_words(cut)}"] if cut else []),
    ]


def _of_repetitions(n: int) -> list[str]:
    made = f"{calls_in_words(n)} made once more than recorded, and answered with the same reply"
    return [made] if n else []


def _of_missing(missing: Sequence[Missing], known: Run) -> list[str]:
    lacks = f"not on the tape: {calls_in_words(len(missing))} ({callers(missing)})"
    since = tables.seconds(known.events[-1].t)
    return [f"{lacks}; the figures are of what was before the first, at {since}"] if missing else []


def _notes(reel: Reel, start: RunStarted, asked: _Question) -> tuple[str, ...]:
    """What every row rests on."""
    about = [m for m in reel.models.values() if m.name == start.model]
    notes = ["Recorded latencies are taken to be the same however many calls are in flight."]
    notes += [
        f"{m.name} served {m.parallel} calls at a time; beyond that they would have had to wait."
        for m in about
        if m.parallel is not None
    ]
    if not all(m.virtual for m in about):
        notes.append(
            "Recorded on real time: the recorded row has in it the time between calls, the others "
            "have not."
        )
    if asked.faults:
        notes.append(
            "The attempt after an injected fault gets the reply that was recorded for the request."
        )
    return tuple(notes)
