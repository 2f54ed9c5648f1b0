"""Judges of the exercises on the primitives: plans, dispatching."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from random import Random
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.floor import CLOSE, Floor, Stay, told
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import Outcome, not_a_function, quoted, watched
from orchestrator_kit.errors import Crashed
from orchestrator_kit.events import PlanMade
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls

Plan = dict[str, list[str]]


@exercise(
    "plan-1",
    title=N_("Find a circle in a plan"),
    level=2,
    notebook="01_primitives",
    hints=(
        N_(
            "Walk along the needs, as a worker would who asks: what do I wait for, and what does "
            "that wait for? When does such a walk tell you that nobody on it can ever start?"
        ),
        N_(
            "Start a walk at every subtask, and remember the walk itself, in order, not only which "
            "subtasks were seen: two walks may meet in one subtask without any harm."
        ),
        N_(
            "When the next step leads to a subtask that is already on the walk, only the part of "
            "the walk from that subtask on is a circle; what came before merely leads there."
        ),
    ),
)
def plan_1(find_cycle: object) -> Iterator[Part]:
    """A function that finds a circle of needs in a plan, or says that there is none."""
    yield Part(_("a function"), not_a_function(find_cycle), needed=True)
    assert callable(find_cycle)
    plans = sorted(_plans(stream("plan-1")), key=_size)  # so that the first fault is easy to see
    small = [plan for plan in plans if len(plan) <= 3]
    large = [plan for plan in plans if len(plan) > 3]
    asks = _("{n} plans of up to three subtasks, {circles} of them with a circle")
    yield _part(asks, find_cycle, small)
    asks = _("{n} larger plans, {circles} of them with a circle")
    yield _part(asks, find_cycle, large)


def _part(asks: str, find_cycle: Callable[..., Any], plans: Sequence[Plan]) -> Part:
    asks = asks.format(n=len(plans), circles=sum(map(_waits_for_itself, plans)))
    for plan in plans:
        if complaint := _fault_in_cycle(find_cycle, plan):
            return Part(asks, complaint, repr(plan))
    return Part(asks)


def _fault_in_cycle(find_cycle: Callable[..., Any], plan: Plan) -> str | None:
    """What is wrong with what a function says about a plan; None if it is right."""
    given = copy.deepcopy(plan)
    outcome = watched(find_cycle, given)
    if outcome.complaint:
        return outcome.complaint
    if given != plan:
        return _(
            "The function changed the plan that it was given, to {changed}. Only read it."
        ).format(changed=quoted(given))
    found = outcome.value
    if found is None:
        return _(
            "The function returned None, not a list. Is it written already, and does every way "
            "through it end in a return?"
        )
    if not isinstance(found, list | tuple):
        return _("Expected a list of ids; the function returned {found}.").format(
            found=quoted(found)
        )
    cyclic = _waits_for_itself(plan)
    if not found:
        return (
            _(
                "The function returned an empty list: no circle. But in this plan a subtask waits, "
                "directly or by way of others, for itself, and could never start."
            )
            if cyclic
            else None
        )
    return _fault_in_circle(list(found), plan, cyclic)


def _fault_in_circle(found: list[Any], plan: Plan, cyclic: bool) -> str | None:
    """What is wrong with a circle that a function claims to have found."""
    if not cyclic:
        return _(
            "The function returned {found}. But nobody in this plan waits for itself: there is an "
            "order in which all its subtasks can start, so an empty list is expected. (Needs that "
            "are no subtasks of the plan cannot close a circle.)"
        ).format(found=quoted(found))
    if len(found) > 1 and found[0] == found[-1]:
        found = found[:-1]  # the first said again at the end, to close the circle
    for name in found:
        if not isinstance(name, str) or name not in plan:
            return _(
                "The function returned {found}. {name} is not the id of a subtask of this plan."
            ).format(found=quoted(found), name=quoted(name))
    if len(set(found)) < len(found):
        return _(
            "The function returned {found}. Each subtask of a circle is named once; here one "
            "comes several times."
        ).format(found=quoted(found))
    steps = list(zip(found, [*found[1:], found[0]], strict=True))
    if all(b in plan[a] for a, b in steps) or all(a in plan[b] for a, b in steps):
        return None  # either way round is a fair reading
    a, b = next((a, b) for a, b in steps if b not in plan[a])
    return _(
        "The function returned {found}. Expected ids of which each needs the next, and the last "
        "the first; but {one} does not need {other}, so this is not a circle."
    ).format(found=quoted(found), one=quoted(a), other=quoted(b))


def _waits_for_itself(plan: Mapping[str, Sequence[str]]) -> bool:
    try:
        TopologicalSorter(plan).prepare()
    except CycleError:
        return True
    return False


def _plans(rng: Random) -> Iterator[Plan]:
    """Plans with and without circles: every shape of up to three subtasks, and larger ones."""
    for n in range(4):
        pairs = [(a, b) for a in range(n) for b in range(n)]
        for kept in itertools.product((False, True), repeat=len(pairs)):
            yield _plan(rng, n, [pair for pair, keep in zip(pairs, kept, strict=True) if keep])
    for _k in range(120):  # acyclic: needs go one way only; some are diamonds, some fall apart
        n = rng.randint(4, 9)
        ordered = [(b, a) for a, b in itertools.combinations(range(n), 2)]
        needs = rng.sample(ordered, rng.randint(2, min(len(ordered), 2 * n)))
        yield _plan(rng, n, needs, stray=rng.random() < 0.3)
        length = rng.randint(1, n)  # the same, with one circle closed through some of them
        ring = rng.sample(range(n), length)
        closed = [(ring[i], ring[(i + 1) % length]) for i in range(length)]
        yield _plan(rng, n, list(dict.fromkeys(needs + closed)), stray=rng.random() < 0.3)
    for n in (1, 2, 4):  # needs that are no subtasks
        yield _plan(rng, n, [], stray=True)
    yield _plan(rng, 60, [(i, i + 1) for i in range(59)])  # a long chain
    yield _plan(rng, 60, [(i, (i + 1) % 60) for i in range(60)])  # a long circle


def _plan(rng: Random, n: int, needs: Sequence[tuple[int, int]], *, stray: bool = False) -> Plan:
    """A plan of n subtasks under random ids, in random order."""
    ids = [f"s{k}" for k in rng.sample(range(1, 10 if n < 9 else 100), n)]
    plan: Plan = {ids[k]: [] for k in rng.sample(range(n), n)}
    for a, b in rng.sample(needs, len(needs)):
        plan[ids[a]].append(ids[b])
    if stray:
        rng.choice(list(plan.values())).append("s0")
    return plan


def _size(plan: Plan) -> tuple[int, int]:
    return len(plan), sum(map(len, plan.values()))


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
    sound = sorted(_jobs(rng), key=lambda job: _size(job.plan))
    seen = _Trials(dispatch, sound)
    asks = _("{n} plans: every subtask once, and none before its needs have ended")
    yield _held(asks, _fault_in_order, seen)
    asks = _("as many at once as there are workers, no more, and nobody waits without a reason")
    yield _held(asks, _fault_in_pace, seen)
    asks = _("each gets the reports that it needs, and all reports come back")
    yield _held(asks, _fault_in_reports, seen)
    failing = sorted(_failing_jobs(rng), key=lambda job: _size(job.plan))
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
    plan = _plan(rng, n, needs)
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
