"""Running patterns on tasks and putting their measures side by side. Draws nothing.

`run` and `compare` are plain calls that work in a script, a thread and a notebook cell;
`run_async` and `compare_async` are the same to await. A simulated model runs on virtual time,
any other on the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial

from orchestrator_kit import clock
from orchestrator_kit.answer import Answer, merge
from orchestrator_kit.comparison import Comparison, Row
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import CentreGone, Deadlock, RunError, RunInterrupted, UsageError
from orchestrator_kit.events import Answered, Event, RunEnded, RunStarted, to_json
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.base import Model, Usage, for_run
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS, Pattern, pattern_named
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import Recovery, policy_named
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task

WORKERS, MOST_WORKERS = 4, 10_000
Listener = Callable[[Event], None]


def run(
    task: Task,
    pattern: Pattern | str = "orchestrator_worker",
    model: Model | None = None,
    *,
    workers: int = WORKERS,
    models: Mapping[str, Model] | None = None,
    recovery: Recovery | str = "retry",
    listen: Listener | None = None,
) -> Run:
    """Run one pattern on a task, and return its record.

    `pattern` may be a `functools.partial` of one, with options of its own. `model` is the
    simulated one where none is given; `models` are those that specialists name as their own, or a
    role's by its name ("orchestrator", "worker", "synthesizer", "peer"). `recovery` says what is
    done about calls that fail (a `Recovery`, or a name in `POLICIES`), `listen` is called with
    every event as it happens. A run that cannot be answered has the status "failed"; Ctrl-C
    raises RunInterrupted with the record so far.
    """
    return _to_the_end(_Series(task, [pattern], model, workers, models, recovery, listen))[0]


async def run_async(
    task: Task,
    pattern: Pattern | str = "orchestrator_worker",
    model: Model | None = None,
    *,
    workers: int = WORKERS,
    models: Mapping[str, Model] | None = None,
    recovery: Recovery | str = "retry",
    listen: Listener | None = None,
) -> Run:
    """`run`, to be awaited; cancelling it cancels the calls in flight."""
    return (await _awaited(_Series(task, [pattern], model, workers, models, recovery, listen)))[0]


def compare(
    task: Task,
    model: Model | None = None,
    *,
    patterns: Iterable[Pattern | str] = (),
    workers: int = WORKERS,
    models: Mapping[str, Model] | None = None,
    recovery: Recovery | str = "retry",
    listen: Listener | None = None,
) -> Comparison:
    """Run several patterns (the six, if none are named) on one task, one after another."""
    series = _Series(task, patterns, model, workers, models, recovery, listen)
    return _compared(series, _to_the_end(series))


async def compare_async(
    task: Task,
    model: Model | None = None,
    *,
    patterns: Iterable[Pattern | str] = (),
    workers: int = WORKERS,
    models: Mapping[str, Model] | None = None,
    recovery: Recovery | str = "retry",
    listen: Listener | None = None,
) -> Comparison:
    """`compare`, to be awaited; cancelling it cancels the calls in flight."""
    series = _Series(task, patterns, model, workers, models, recovery, listen)
    return _compared(series, await _awaited(series))


class _Series:
    """Runs to be made one after another, and those made so far."""

    def __init__(
        self,
        task: Task,
        patterns: Iterable[Pattern | str],
        model: Model | None,
        workers: int,
        models: Mapping[str, Model] | None,
        recovery: Recovery | str,
        listen: Listener | None,
    ) -> None:
        if not 1 <= workers <= MOST_WORKERS:
            raise UsageError(f"workers is {workers}; 1 to {MOST_WORKERS:,} can be had")
        for s in task.specialists:
            if s.model and s.model not in (models or {}):
                raise UsageError(f"{s.name} names the model {s.model!r}; give it under `models`")
        self.task = task
        chosen = [pattern_named(p) if isinstance(p, str) else p for p in patterns]
        self.patterns = list(dict.fromkeys(chosen or PATTERNS.values()))
        self.model = model or SimulatedModel()
        self.workers = workers
        self.models = models or {}
        self.recovery = policy_named(recovery) if isinstance(recovery, str) else recovery
        if task.budget.usd is not None:
            for m in (self.model, *self.models.values()):
                if m.price(Usage(1, 1)) is None:
                    raise UsageError(f"a budget in dollars needs a price, and {m.name} has none")
        self.listen = listen
        self.records: list[list[Event]] = []

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(Run(tuple(events)) for events in self.records)

    @property
    def virtual(self) -> bool:
        """Whether no model of these runs takes real time."""
        return all(m.virtual for m in (self.model, *self.models.values()))

    async def play(self) -> None:
        """Make the runs that are still to be made."""
        try:
            for pattern in self.patterns[len(self.records) :]:
                await self._play(pattern)
        finally:
            for model in (self.model, *self.models.values()):
                await model.aclose()

    async def _play(self, pattern: Pattern) -> None:
        task, budget = self.task, self.task.budget
        name, options = _described(pattern)
        start = RunStarted(
            0.0,
            name,
            task.title or task.prompt,
            self.model.name,
            self.workers,
            getattr(self.model, "seed", None),
            budget.tokens,
            budget.usd,
            budget.seconds,
            options,
            str(self.recovery),
            tuple(map(str, getattr(self.model, "plan", ()))),
            getattr(self.model, "fault_seed", None),
        )
        settings = to_json(start)
        crew = Crew(
            task,
            for_run(self.model, settings),
            workers=self.workers,
            models={name: for_run(m, settings) for name, m in self.models.items()},
            recovery=self.recovery,
            listen=self.listen,
        )
        self.records.append(crew.events)
        crew.note(start)
        try:
            answer = await pattern(crew, task)
            end = RunEnded(0.0, "done")
            if not answer.statements and crew.failure:
                kind = crew.failure.kind
                end = RunEnded(0.0, "failed", kind, f"no call brought a result: {kind}")
        except (RunError, CentreGone) as e:
            answer, end = _saved(crew, e), RunEnded(0.0, "failed", e.kind, str(e))
        except BaseException as e:  # written down, and then raised: it is no business of ours
            crew.note(RunEnded(crew.now, "interrupted", type(e).__name__, str(e)))
            raise
        crew.note(Answered(crew.now, answer.declaring(crew.gaps())))
        crew.note(replace(end, t=crew.now))

    def deadlocked(self, error: Deadlock) -> None:
        """Put the true end to a record that was cut because its pattern waits for itself."""
        events = self.records[-1]
        cut = events.pop()
        events += [
            Answered(cut.t, Answer(gaps=(f"no answer: {error.kind}",))),
            RunEnded(cut.t, "failed", error.kind, str(error)),
        ]


def _described(pattern: Pattern) -> tuple[str, tuple[str, ...]]:
    """A pattern's name and its options, a text each."""
    options: dict[str, object] = {}
    while isinstance(pattern, partial):
        options = pattern.keywords | options
        pattern = pattern.func
    told = (
        f"{name}={','.join(sorted(map(str, v))) if isinstance(v, Set) else v}"
        for name, v in options.items()
    )
    return getattr(pattern, "__name__", repr(pattern)), tuple(sorted(told))


def _saved(crew: Crew, error: RunError | CentreGone) -> Answer:
    """What the workers had finished when the run failed, put together by code.

    Nothing, where the centre itself is gone: it held the reports.
    """
    none = f"no answer: {error.kind}"
    if isinstance(error, CentreGone) or not any(r.findings for r in crew.reported):
        return Answer(gaps=(none,))
    saved = merge(crew.reported, crew.count_tokens, crew.task.budget.answer_tokens)
    return saved.declaring([f"{none}; what was reported until then is put together by code"])


def _to_the_end(series: _Series) -> tuple[Run, ...]:
    while len(series.records) < len(series.patterns):
        try:
            clock.run(series.play, virtual=series.virtual)
        except Deadlock as e:
            series.deadlocked(e)
        except KeyboardInterrupt:
            raise RunInterrupted(series.runs) from None
    return series.runs


async def _awaited(series: _Series) -> tuple[Run, ...]:
    if series.virtual:  # it takes no time worth waiting for, and needs a clock of its own
        return _to_the_end(series)
    await series.play()
    return series.runs


def _compared(series: _Series, runs: Sequence[Run]) -> Comparison:
    model = series.model
    return Comparison(
        series.task,
        {"name": model.name, "window": model.window, "simulated": model.virtual},
        series.workers,
        getattr(model, "seed", None),
        tuple(Row(r, measure(r), score(series.task, r.answer)) for r in runs),
    )
