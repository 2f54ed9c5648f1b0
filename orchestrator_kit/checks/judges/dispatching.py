"""The judge of the exercise on the dispatcher, which stands in the notebook on the primitives."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import TopologicalSorter
from random import Random
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.floor import CLOSE, Floor, Stay, told
from orchestrator_kit.checks.judges.primitives import Plan, drawn, size
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import Outcome, not_a_function, quoted, watched
from orchestrator_kit.errors import Crashed
from orchestrator_kit.events import PlanMade
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls


@dataclass(frozen=True)
class _Job:
    """A plan to dispatch: how long each subtask takes, by how many workers, and which fail."""

    plan: Plan
    seconds: Mapping[str, float]
    workers: int
    failing: frozenset[str] = field(default=frozenset())

    def __str__(self) -> str:
        text = f"{self.plan!r}, workers={self.workers}, seconds={dict(self.seconds)!r}"
        return text + (f", failing={sorted(self.failing)!r}" if self.failing else "")

    @property
    def lost(self) -> set[str]:
        """Those that fail, and those that can then never have all that they need."""
        lost = set(self.failing)
        for name in TopologicalSorter(self.plan).static_order():
            if lost.intersection(self.plan[name]):
                lost.add(name)
        return lost


@exercise(
    "dispatch-1",
    title=N_("A dispatcher that respects needs"),
    level=3,
    notebook="01_primitives",
    hints=(
        N_(
            "Two things may keep a subtask from starting: a need that has not ended, and workers "
            "that are all busy. Treat them apart. Which of the two must it wait for first, if it "
            "is not to hold a worker while it only waits?"
        ),
        N_(
            "One way: a task of asyncio for each subtask, all created at once; each waits for the "
            "tasks of its own needs and then for a place in a `Semaphore`. Another way: as many "
            "loops as workers, and a queue of what is ready, to which whoever ends a subtask adds "
            "what has become ready by it."
        ),
        N_(
            "Catch the exception right where you await `work`, so that whoever waits for this "
            "subtask learns that it has ended, and that there is no report. A subtask that lacks "
            "one of its reports then ends in the same way, without having been started."
        ),
    ),
)
def dispatch_1(dispatch: object) -> Iterator[Part]:
    """An async function that has every subtask of a plan done, in an order that its needs allow."""
    yield Part(_("a function"), not_a_function(dispatch), needed=True)
    assert callable(dispatch)
    rng = stream("dispatch-1")
    sound = sorted(_jobs(rng), key=lambda job: size(job.plan))
    seen = _Trials(dispatch, sound)
    asks = _("{n} plans: every subtask once, and none before its needs have ended")
    yield _held(asks, _fault_in_order, seen)
    asks = _("as many at once as there are workers, no more, and nobody waits without a reason")
    yield _held(asks, _fault_in_pace, seen)
    asks = _("each gets the reports that it needs, and all reports come back")
    yield _held(asks, _fault_in_reports, seen)
    failing = sorted(_failing_jobs(rng), key=lambda job: size(job.plan))
    seen = _Trials(dispatch, failing)
    asks = _("{n} plans in which subtasks fail, and what does not need them goes on")
    yield _held(asks, _fault_after_failure, seen)


class _Trials:
    """Jobs as a learner's function does them: each once, and only when it is looked at."""

    def __init__(self, dispatch: Callable[..., Any], jobs: Sequence[_Job]) -> None:
        self.jobs = jobs
        self._dispatch = dispatch
        self._done: list[tuple[Floor, Outcome]] = []

    def __iter__(self) -> Iterator[tuple[_Job, Floor, Outcome]]:
        for n, job in enumerate(self.jobs):
            if n == len(self._done):
                self._done.append(self._tried(job))
            yield job, *self._done[n]

    def _tried(self, job: _Job) -> tuple[Floor, Outcome]:
        results = {
            name: Crashed(f"{name} broke down") if name in job.failing else _report(name)
            for name in job.plan
        }
        floor = Floor(job.seconds, results)
        return floor, watched(self._dispatch, copy.deepcopy(job.plan), floor.work, job.workers)


def _report(name: str) -> tuple[str, ...]:
    """What a subtask finds: something, or (every third) nothing."""
    return () if int(name[1:]) % 3 == 0 else (f"finding of {name}",)


def _held(asks: str, fault: Callable[[_Job, Floor, Outcome], str | None], seen: _Trials) -> Part:
    asks = asks.format(n=len(seen.jobs))
    for job, floor, outcome in seen:
        complaint = _fault_at_all(job, floor, outcome) or fault(job, floor, outcome)
        if complaint:
            return Part(asks, complaint, str(job))
    return Part(asks)


def _fault_at_all(job: _Job, floor: Floor, outcome: Outcome) -> str | None:
    """What makes looking further pointless."""
    if isinstance(outcome.error, Crashed):
        return _(
            "A subtask failed, and its exception came out of the function. One failure must not "
            "end the whole: those that do not need it are still to be done."
        )
    if complaint := floor.trouble or outcome.complaint:
        return complaint
    if job.plan and not floor.stays:
        return _(
            "No subtask was ever started. Is the function written already, and is it an "
            "`async def`?"
        )
    return None


def _fault_in_order(job: _Job, floor: Floor, outcome: Outcome) -> str | None:
    for name in job.plan:
        if len(floor.of(name)) > 1:
            return _(
                "{name} was started {n} times. Every subtask is paid for, and is to be done once, "
                "also if several others need it."
            ).format(name=name, n=len(floor.of(name)))
    for stay in floor.stays:
        for need in job.plan[stay.name]:
            if need not in stay.before:
                return _(
                    "{name} was started at {t} s, before {need} had ended. It needs the report of "
                    "that one."
                ).format(name=stay.name, t=told(stay.began), need=need)
    return _fault_in_presence(job, floor)


def _fault_in_presence(job: _Job, floor: Floor) -> str | None:
    """Whether somebody never came, or was still there at the end."""
    for name in job.plan:
        if name not in job.lost and not floor.of(name):
            return _(
                "{name} was never started, though nothing that it needs has failed. Every subtask "
                "is to be done. (A report without findings is a report, too.)"
            ).format(name=name)
    for stay in floor.stays:
        if stay.ended is None:
            return _(
                "The function came to its end while {name} was still under way; its report is "
                "lost. Wait for all of them."
            ).format(name=stay.name)
    return None


def _fault_in_pace(job: _Job, floor: Floor, outcome: Outcome) -> str | None:
    if complaint := _fault_in_presence(job, floor):
        return complaint
    if floor.most > job.workers:
        return _(
            "At one time {n} subtasks were under way. The number of workers is {workers}."
        ).format(n=floor.most, workers=job.workers)
    ended: dict[str, float] = {s.name: s.ended for s in floor.stays if s.ended is not None}
    for stay in floor.stays:
        ready = max((ended[need] for need in job.plan[stay.name]), default=0.0)
        idle = floor.idle(ready, stay.began, job.workers)
        if idle is not None:
            return _why_late(stay, idle, job, floor)
    if outcome.seconds > max(ended.values(), default=0.0) + CLOSE:
        return _(
            "The last subtask ended at {end} s, but the function only at {t} s. What did it wait "
            "for?"
        ).format(end=told(max(ended.values(), default=0.0)), t=told(outcome.seconds))
    return None


def _why_late(stay: Stay, idle: float, job: _Job, floor: Floor) -> str:
    """The message for a subtask that was ready, with a worker free, and was not started."""
    running = [s for s in floor.stays if s.began < stay.began - CLOSE]
    last = [s.name for s in running if s.ended and abs(s.ended - stay.began) < CLOSE]
    if floor.most == 1 and last:
        text = _(
            "Nothing ever ran at the same time as something else, though there are {workers} "
            "workers: {name} could have been started at {idle} s, and was only at {t} s. Is every "
            "subtask awaited before the next one is begun?"
        )
    elif last and _in_waves(job, floor):
        text = _(
            "{name} had all that it needs at {idle} s, and a worker was free. But it was only "
            "started at {t} s, when {other} had ended as well, which it does not need. That is "
            "work in waves: the slowest of each holds up all of the next."
        )
    elif last:
        text = _(
            "{name} had all that it needs at {idle} s, and fewer than {workers} were at work. But "
            "it was only started at {t} s, when {other} ended, which it does not need. Does "
            "something hold a worker while it only waits?"
        )
    else:
        text = _(
            "{name} had all that it needs at {idle} s, and a worker was free. But it was only "
            "started at {t} s. Let the end of a need start it, not a look at the clock."
        )
    return text.format(
        name=stay.name,
        idle=told(idle),
        t=told(stay.began),
        workers=job.workers,
        other=last[0] if last else "",
    )


def _in_waves(job: _Job, floor: Floor) -> bool:
    """Whether all that is at one depth of the plan ended before anything deeper began."""
    depth: dict[str, int] = {}
    for name in TopologicalSorter(job.plan).static_order():
        depth[name] = 1 + max((depth[need] for need in job.plan[name]), default=0)
    return all(
        first.ended is not None and first.ended <= then.began + CLOSE
        for first, then in itertools.product(floor.stays, repeat=2)
        if depth[first.name] < depth[then.name]
    )


def _fault_in_reports(job: _Job, floor: Floor, outcome: Outcome) -> str | None:
    if complaint := _fault_in_presence(job, floor):
        return complaint
    for stay in floor.stays:
        if complaint := _fault_in_given(stay, job):
            return complaint
    return _fault_in_returned(job, outcome)


def _fault_in_given(stay: Stay, job: _Job) -> str | None:
    """What is wrong with the reports that a subtask was given."""
    given = stay.given[0] if len(stay.given) == 1 else stay.given
    if not isinstance(given, dict):
        return _(
            "{name} was given {given}. Expected is one dict, from the ids of its needs to their "
            "reports."
        ).format(name=stay.name, given=quoted(given))
    for need in job.plan[stay.name]:
        if given.get(need) != _report(need):
            return _("{name} needs the report of {need}, and was given {given}.").format(
                name=stay.name, need=need, given=quoted(given)
            )
    if strange := [name for name in given if name not in job.plan[stay.name]]:
        return _(
            "{name} was also given {other}, which it does not need. Every report that is passed on "
            "without need is paid for, and fills the window."
        ).format(name=stay.name, other=quoted(strange[0]))
    return None


def _fault_in_returned(job: _Job, outcome: Outcome) -> str | None:
    """What is wrong with the reports that come back."""
    found = outcome.value
    if not isinstance(found, dict):
        return _(
            "Expected a dict from the ids of subtasks to their reports; the function returned "
            "{found}."
        ).format(found=quoted(found))
    for name in job.plan:
        if name in job.lost and name in found:
            return _(
                "The function returned {report} as the report of {name}. But that one failed, or "
                "lacked a report that it needs: it has none. A failure is no report."
            ).format(report=quoted(found[name]), name=name)
        if name not in job.lost and found.get(name) != _report(name):
            return _(
                "The report of {name} did not come back as it was: the function returned {found}."
            ).format(name=name, found=quoted(found))
    if strange := [name for name in found if name not in job.plan]:
        return _("{name} is not the id of a subtask of this plan.").format(name=quoted(strange[0]))
    return None


def _fault_after_failure(job: _Job, floor: Floor, outcome: Outcome) -> str | None:
    for stay in floor.stays:
        if not job.lost.isdisjoint(job.plan[stay.name]):
            return _(
                "{name} was started, although a subtask that it needs, directly or by way of "
                "others, has failed. It would work without the report it is to build on."
            ).format(name=stay.name)
    return (
        _fault_in_order(job, floor, outcome)
        or _fault_in_pace(job, floor, outcome)
        or _fault_in_returned(job, outcome)
    )


def _jobs(rng: Random) -> Iterator[_Job]:
    """Plans in which all goes well, small ones of every shape and larger ones, and real ones."""
    yield _Job({}, {}, 1)
    for n in (1, 2, 3):
        pairs = [(b, a) for a, b in itertools.combinations(range(n), 2)]
        for kept in itertools.product((False, True), repeat=len(pairs)):
            needs = [pair for pair, keep in zip(pairs, kept, strict=True) if keep]
            for workers in range(1, n + 1):
                yield _job(rng, n, needs, workers)
    for _k in range(25):
        n = rng.randint(4, 9)
        ordered = [(b, a) for a, b in itertools.combinations(range(n), 2)]
        yield _job(rng, n, rng.sample(ordered, rng.randint(1, n)), rng.randint(1, 4))
    yield from _real_jobs()


def _job(rng: Random, n: int, needs: Sequence[tuple[int, int]], workers: int) -> _Job:
    plan = drawn(rng, n, needs)
    return _Job(plan, {name: rng.choice((0, 1, 2, 3, 5, 8)) for name in plan}, workers)


def _failing_jobs(rng: Random) -> Iterator[_Job]:
    """The same with failures: at the beginning, at the end, in the middle, several, all."""
    for job in _jobs(rng):
        if job.plan:
            names = list(job.plan)
            struck = rng.sample(names, min(len(names), rng.choice((1, 1, 1, 2))))
            yield _Job(job.plan, job.seconds, job.workers, frozenset(struck))


@lru_cache
def _real_jobs() -> tuple[_Job, ...]:
    """The plans of real runs, with the seconds that their subtasks took."""
    found = []
    for scene in scenes("dispatch-1", 2):
        record = run(scene.task, "orchestrator_worker", scene.model)
        plan = next(e.plan for e in record.events if isinstance(e, PlanMade))
        seconds = {c.subtask: c.seconds for c in calls(record) if c.subtask}
        needs = {s.id: list(s.needs) for s in plan.subtasks}
        found.append(_Job(needs, {name: seconds.get(name, 1.0) for name in needs}, 2))
    return tuple(found)
