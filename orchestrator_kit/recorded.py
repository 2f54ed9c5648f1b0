"""The recorded run: which runs are on a reel, and what it takes to make one of them again.

A reel holds requests and replies, and for each run the first line of its record. From that line
come the pattern with its options, the policy and the limits; the task itself is not on it.
Knows nothing of models at work.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import Any, cast, get_args, get_type_hints

from orchestrator_kit.answer import Answer, Report
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import TapeError, UnknownName, UsageError
from orchestrator_kit.events import RunStarted, from_json
from orchestrator_kit.loading import load_task, scenarios
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.patterns import Pattern, pattern_named
from orchestrator_kit.plan import Plan
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.tables import workers
from orchestrator_kit.tasks import Task


def recorded_run(reel: Reel, which: int | str | None = None) -> RunStarted:
    """The settings of a run on a reel: the only one, or the one of that number or pattern.

    Runs are counted from 1, as `okit tape show` lists them. TapeError where there is none,
    UsageError where it is not clear which one is meant.
    """
    runs = {n: run for n, text in enumerate(reel.runs, 1) if (run := _started(text))}
    if not runs:
        raise TapeError(f"{reel.path}: has no run on it that could be made again")
    meant = [r for n, r in runs.items() if which is None or which in (n, r.pattern)]
    if len(meant) == 1:
        return meant[0]
    there = "; ".join(
        f"{n}: {r.pattern}, {workers(r.workers)}, {r.task[:40]}" for n, r in runs.items()
    )
    asked = "which run? it has" if which is None or meant else f"has no run {which!r}, but"
    raise UsageError(f"{reel.path}: {asked} {there}")


def _started(settings: str) -> RunStarted | None:
    """The first line of a run's record, or None for calls made outside of runs."""
    try:
        found = from_json(settings)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return found if isinstance(found, RunStarted) else None


def pattern_of(run: RunStarted, given: Pattern | None = None) -> Pattern:
    """The pattern of a run with its options, which stand in its record as texts.

    `given` is a pattern that is not the kit's, or that has options which no text tells.
    """
    if given is not None:
        return given
    try:
        pattern = pattern_named(run.pattern)
        known = signature(pattern).parameters
        told = (option.partition("=") for option in run.options)
        options = {name: _read(known[name].default, text) for name, _, text in told}
    except (UnknownName, KeyError, ValueError):
        what = ", ".join((run.pattern, *run.options))
        raise UsageError(
            f"it was recorded with a pattern of its own ({what}); give that as `pattern`"
        ) from None
    return partial(pattern, **options) if options else pattern


def _read(default: object, text: str) -> object:
    """An option's value, of the type of its default; ValueError or KeyError where it is none."""
    if isinstance(default, bool):
        return {"True": True, "False": False}[text]
    if isinstance(default, int):
        return int(text)
    if isinstance(default, Set):
        return frozenset(text.split(",") if text else ())
    if isinstance(default, str):
        return text
    raise ValueError(text)


def recovery_of(run: RunStarted) -> Recovery:
    """The policy of a run: the inverse of `str(Recovery)`."""
    hints = get_type_hints(Recovery)
    *told, then = run.recovery.split(", ")
    values: dict[str, Any] = {"retries": 0, "then": then}
    for name, _, text in (word.partition("=") for word in told):
        kinds = get_args(hints[name]) or (hints[name],)
        values[name] = text == "True" if bool in kinds else kinds[0](text)
    return Recovery(**values)


def task_of(run: RunStarted, given: Task | None = None) -> Task:
    """The task of a run, with the limits that it had: the one that is `given`, or a scenario.

    UsageError where no scenario has its title, or the task that was given has another one.
    """
    if given is None:
        for name in scenarios():
            if (known := load_task(name)).title == run.task:
                given = known
                break
        else:
            raise UsageError(
                f"it was recorded on {run.task!r}, which is no scenario; give that task as well"
            )
    if (given.title or given.prompt) != run.task:
        raise UsageError(f"it was recorded on {run.task!r}, not on {given.title or given.prompt!r}")
    limits = replace(
        given.budget, tokens=run.budget_tokens, usd=run.budget_usd, seconds=run.budget_seconds
    )
    return replace(given, budget=limits)


def as_for(workers: int, pattern: Pattern, told: set[str]) -> Pattern:
    """The pattern, asking as it would if it had so many `workers`, however many are at work.

    `told` gets the name of each thing that it was told of them. The record names the number as
    the option `planned_for`.
    """
    options: dict[str, Any] = {}
    inner = pattern
    while isinstance(inner, partial):
        options = inner.keywords | options
        inner = inner.func

    async def asking(crew: Crew, task: Task, **_: object) -> Answer:
        return await pattern(cast(Crew, _AsFor(workers, crew, told)), task)

    asking.__name__ = getattr(inner, "__name__", repr(inner))
    return partial(asking, **options, planned_for=workers)


class _AsFor:
    """A crew that says of its workers what the recorded one said, and is otherwise as it is."""

    def __init__(self, workers: int, crew: Crew, told: set[str]) -> None:
        self._workers = workers
        self._crew = crew
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._crew, name)

    @property
    def workers(self) -> int:
        self._told.add("workers")
        return self._workers

    @property
    def plan_limit(self) -> int:
        found: int = vars(Crew)["plan_limit"].__get__(self)  # by the number above
        return found

    async def dispatch(self, plan: Plan, *args: Any, **more: Any) -> list[Report]:
        """As the crew does. A plan that wanted all workers it might have wants all there are.

        One that wanted fewer made a choice, which is kept.
        """
        if plan.workers == self._workers:
            plan = replace(plan, workers=None)
        return await self._crew.dispatch(plan, *args, **more)
