"""Judge of the exercise on how many workers a plan deserves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from math import ceil
from random import Random
from typing import Any

from orchestrator_kit import clock
from orchestrator_kit.agenda import Agenda
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import no_number, not_a_function, quoted, watched
from orchestrator_kit.events import PlanMade
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls
from orchestrator_kit.plan import Plan, Subtask


@exercise(
    "hub-2",
    title=N_("How many workers a plan deserves"),
    level=2,
    notebook="05_orchestrator_worker",
    hints=(
        N_(
            "First find out, by hand, when a small plan ends with one worker, with two, with "
            "three. What do you have to keep on paper while you do that?"
        ),
        N_(
            "Go from end to end: whenever somebody is free, the most urgent of what is ready "
            "begins (`urgency` says which); then jump to the time at which the next one ends, and "
            "see what that sets free."
        ),
        N_(
            "With as many workers as subtasks nobody ever waits for a worker. Compare all numbers "
            "up to that: a number that brings nothing may be followed by one that does."
        ),
    ),
)
def hub_2(enough: object) -> Iterator[Part]:
    """A function that says with how few workers a plan ends as soon as it ever can."""
    yield Part(_("a function"), not_a_function(enough), needed=True)
    assert callable(enough)
    plans = sorted(_plans(), key=lambda p: (len(p[0].subtasks), _needs(p[0])))
    free = [p for p in plans if not _needs(p[0])]
    small = [p for p in plans if _needs(p[0]) and len(p[0].subtasks) <= 4]
    large = [p for p in plans if _needs(p[0]) and len(p[0].subtasks) > 4]
    yield _enough_part(_("{n} plans in which nothing waits for anything"), enough, free)
    yield _enough_part(_("{n} plans of up to four subtasks, with needs"), enough, small)
    yield _enough_part(_("{n} larger plans, some of them from real runs"), enough, large)


Timed = tuple[Plan, Mapping[str, int]]


def _enough_part(asks: str, function: Callable[..., Any], plans: Sequence[Timed]) -> Part:
    asks = asks.format(n=len(plans))
    for plan, took in plans:
        found, complaint = _number(function, plan, took)
        if found is not None and (complaint := _fault_in_number(found, _ends(plan, took))):
            complaint = f"{complaint} {_idea(function, plans)}".strip()
        if complaint:
            needs = {s.id: list(s.needs) for s in plan.subtasks}
            return Part(asks, complaint, f"{needs}, {dict(took)}")
    return Part(asks)


def _number(
    function: Callable[..., Any], plan: Plan, took: Mapping[str, int]
) -> tuple[int | None, str | None]:
    """The number that a function says, or what is wrong if it says none."""
    given = dict(took)
    outcome = watched(function, plan, given)
    found = outcome.value
    if outcome.complaint:
        return None, outcome.complaint
    if given != took:
        return None, _("The function changed the durations that it was given. Only read them.")
    if found is None:
        return None, no_number()
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        return None, _(
            "Expected a whole number of workers, at least 1; the function returned {found}."
        ).format(found=quoted(found))
    return found, None


def _fault_in_number(found: int, ends: Sequence[float]) -> str | None:
    """What is wrong with a number of workers, given when the plan ends with 1, 2 and so on."""
    soonest = min(ends)
    if found > len(ends):
        return _(
            "The function says {found}. The plan has fewer subtasks than that, {n}: the other "
            "workers would never have anything to do."
        ).format(found=found, n=len(ends))
    if found == _first_best(ends):
        return None
    here = ends[found - 1]
    if here == soonest:
        return _(
            "The function says {found}. With so many workers the plan ends after {here:g}; but "
            "with fewer of them it ends just as soon."
        ).format(found=found, here=here)
    return _too_few(found, ends)


def _too_few(found: int, ends: Sequence[float]) -> str:
    here, after = ends[found - 1], ends[found]
    if after == here:
        return _(
            "The function says {found}. With so many workers the plan ends after {here:g}. One "
            "more "
            "changes nothing; but with several more it ends after {soonest:g}."
        ).format(found=found, here=here, soonest=min(ends))
    return _(
        "The function says {found}. With so many workers the plan ends after {here:g}; but with "
        "more "
        "of them it ends after {soonest:g}."
    ).format(found=found, here=here, soonest=min(ends))


def _idea(function: Callable[..., Any], plans: Sequence[Timed]) -> str:
    """What a function seems to do that is wrong: an idea that explains all that it says."""
    says: list[object] = []
    for plan, took in plans:
        outcome = watched(function, plan, dict(took))
        if not isinstance(outcome.value, int):
            return ""  # it does not even come to an end, or says something else
        says.append(outcome.value)
    ideas: tuple[tuple[Callable[[Plan, Mapping[str, int]], int], str], ...] = (
        (
            lambda plan, took: ceil(sum(took.values()) / min(_ends(plan, took))),
            _(
                "The work divided by the longest path is a bound that no plan can go below; not "
                "every plan reaches it, since subtasks cannot be cut into pieces."
            ),
        ),
        (
            _most_at_once,
            _(
                "So many are at work at once if each subtask begins as early as it can; but some "
                "of them may wait without making the whole any later."
            ),
        ),
        *(
            (
                lambda plan, took, weight=weight: _first_best(
                    _ends(plan, took, dict.fromkeys(took, weight))
                ),
                _(
                    "Which of the subtasks that are ready begins first makes a difference: the kit "
                    "takes the one with the longest path ahead of it, in time."
                ),
            )
            for weight in (0, 1)
        ),
    )
    for idea, said in ideas:
        if says == [idea(plan, took) for plan, took in plans]:
            return said
    return ""


def _first_best(ends: Sequence[float]) -> int:
    return ends.index(min(ends)) + 1


def _most_at_once(plan: Plan, took: Mapping[str, int]) -> int:
    starts: dict[str, int] = {}
    while len(starts) < len(plan.subtasks):
        for s in plan.subtasks:
            if s.id not in starts and all(need in starts for need in s.needs):
                starts[s.id] = max((starts[n] + took[n] for n in s.needs), default=0)
    return max(
        sum(starts[other] <= t < starts[other] + took[other] for other in starts)
        for t in starts.values()
    )


def _ends(
    plan: Plan, took: Mapping[str, int], weights: Mapping[str, int] | None = None
) -> tuple[float, ...]:
    """When the kit's own agenda ends a plan, with one worker, two, and so on, on virtual time."""
    return _ends_of(plan, tuple(took.items()), tuple((weights or took).items()))


@lru_cache(maxsize=4_096)
def _ends_of(
    plan: Plan, took: tuple[tuple[str, int], ...], weights: tuple[tuple[str, int], ...]
) -> tuple[float, ...]:
    seconds, weight = dict(took), dict(weights)

    async def dispatched(workers: int) -> float:
        agenda = Agenda(plan, lambda s: weight[s.id])

        async def work() -> None:
            while (subtask := await agenda.next()) is not None:
                await asyncio.sleep(seconds[subtask.id])
                agenda.close(subtask.id, None)

        await asyncio.gather(*(work() for _n in range(workers)))
        return asyncio.get_running_loop().time()

    return tuple(
        clock.run(lambda n=n: dispatched(n), virtual=True)  # type: ignore[misc]
        for n in range(1, len(plan.subtasks) + 1)
    )


def _needs(plan: Plan) -> int:
    return sum(len(s.needs) for s in plan.subtasks)


@lru_cache
def _plans() -> tuple[Timed, ...]:
    return tuple(_drawn(stream("hub-2")))


def _drawn(rng: Random) -> Iterator[Timed]:
    """Plans with durations: small ones, wide ones, long ones, and those of real runs."""
    for n in (1, 2, 3, 4, 6, 7):  # nothing waits, all take as long, or not
        yield _timed(rng, n, [], [2] * n)
        yield _timed(rng, n, [], [rng.randint(1, 3) for _k in range(n)])
    for n in (2, *[3] * 6, *[4] * 18):
        pairs = list(combinations(range(n), 2))
        needs = rng.sample(pairs, rng.randint(1, len(pairs)))
        yield _timed(rng, n, needs, [rng.randint(1, 4) for _k in range(n)])
    for _k in range(24):  # durations that hardly ever add up to the same time
        n = rng.randint(5, 9)
        pairs = list(combinations(range(n), 2))
        needs = rng.sample(pairs, rng.randint(2, n))
        yield _timed(rng, n, needs, [rng.randint(1_000, 9_999) for _j in range(n)])
    for scene in scenes("hub-2"):
        record = run(scene.task, "orchestrator_worker", scene.model)
        (plan,) = (e.plan for e in record.events if isinstance(e, PlanMade))
        yield plan, {c.subtask: round(1_000 * c.seconds) for c in calls(record) if c.subtask}


def _timed(
    rng: Random, n: int, needs: Sequence[tuple[int, int]], durations: Sequence[int]
) -> Timed:
    """A plan of n subtasks, of which the second of each pair needs the first, in any order."""
    ids = [f"s{k}" for k in rng.sample(range(1, 10), n)]
    subtasks = [
        Subtask(ids[k], "lawyer", "Read.", needs=tuple(ids[a] for a, b in needs if b == k))
        for k in range(n)
    ]
    rng.shuffle(subtasks)
    return Plan(tuple(subtasks)), dict(zip(ids, durations, strict=True))
