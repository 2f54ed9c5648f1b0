"""Answers to the exercises of 05_orchestrator_worker."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterator, Mapping
from math import ceil

from orchestrator_kit import clock
from orchestrator_kit.agenda import Agenda
from orchestrator_kit.answer import Report
from orchestrator_kit.plan import Plan, followers, urgency
from orchestrator_kit.roles.review import Verdict
from tests.answers import right, wrong

Review = Callable[[Report], Awaitable[Verdict]]
Revise = Callable[[Report, Verdict], Awaitable[Report | None]]
Worth = Callable[[Report], int]
Took = Mapping[str, int]

# --- hub-1, right ---


@right("hub-1")
async def by_recursion(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    if not rounds:
        return draft
    verdict = await review(draft)
    if verdict.accepted:
        return draft
    new = await revise(draft, verdict)
    if new is None or worth(new) <= worth(draft):
        return draft
    return await by_recursion(new, review, revise, worth, rounds - 1)


@right("hub-1")
async def by_while(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    versions = [draft]
    while len(versions) <= rounds and not (verdict := await review(versions[-1])).accepted:
        better = await revise(versions[-1], verdict)
        if not better or not worth(better) > worth(versions[-1]):
            break
        versions.append(better)
    return max(versions, key=worth)


# --- hub-1, plausible and wrong ---


@wrong("hub-1", "Nothing was reviewed")
async def no_loop_yet(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> None:
    """The stub of the exercise."""


@wrong("hub-1", "Nothing was reviewed")
async def content_with_the_draft(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    return draft


@wrong("hub-1", "this many calls to review")
async def reviews_once_more(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    """Looks at the last version as well, though nothing can come of it."""
    verdict = await review(draft)
    for _ in range(rounds):
        if verdict.accepted:
            break
        new = await revise(draft, verdict)
        if new is None or worth(new) <= worth(draft):
            break
        draft = new
        verdict = await review(draft)
    return draft


@wrong("hub-1", "With the acceptance it is decided")
async def revises_what_is_accepted(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    for _ in range(rounds):
        verdict = await review(draft)
        new = await revise(draft, verdict)
        if verdict.accepted or new is None or worth(new) <= worth(draft):
            break
        draft = new
    return draft


@wrong("hub-1", "nothing is left to pay for")
async def goes_on_whatever_comes(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    best = draft
    for _ in range(rounds):
        verdict = await review(draft)
        if verdict.accepted:
            return draft
        draft = await revise(draft, verdict) or draft
        best = max(best, draft, key=worth)
    return best


@wrong("hub-1", "though there was one worth")
async def keeps_the_last(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    for _ in range(rounds):
        verdict = await review(draft)
        if verdict.accepted:
            break
        before, draft = draft, await revise(draft, verdict) or draft
        if worth(draft) <= worth(before):
            break
    return draft


@wrong("hub-1", "a revision that was given up is None")
async def trusts_every_call(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    for _ in range(rounds):
        verdict = await review(draft)
        if verdict.accepted:
            break
        new = await revise(draft, verdict)
        if worth(new) <= worth(draft):  # type: ignore[arg-type]
            break
        draft = new  # type: ignore[assignment]
    return draft


@wrong("hub-1", "nothing is left to pay for")
async def equal_is_better(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    for _ in range(rounds):
        verdict = await review(draft)
        if verdict.accepted:
            break
        new = await revise(draft, verdict)
        if new is None or worth(new) < worth(draft):
            break
        draft = new
    return draft


@wrong("hub-1", "It ended after 1 of 2 rounds")
async def one_round_will_do(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    return await by_recursion(draft, review, revise, worth, min(rounds, 1))


@wrong("hub-1", "not awaited")
async def waits_for_nothing(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    for _ in range(rounds):
        if not review(draft):
            break
    return draft


@wrong("hub-1", "something else than its own verdict")
async def first_verdict_for_all(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    first: Verdict | None = None
    for _ in range(rounds):
        verdict = await review(draft)
        first = first or verdict
        if verdict.accepted:
            break
        new = await revise(draft, first)
        if new is None or worth(new) <= worth(draft):
            break
        draft = new
    return draft


@wrong("hub-1", "nobody was asked to revise")
async def only_reviews(
    draft: Report, review: Review, revise: Revise, worth: Worth, rounds: int
) -> Report:
    if rounds:
        await review(draft)
    return draft


# --- hub-2, right ---


def ends(plan: Plan, took: Took, workers: int, urgent: Mapping[str, float] | None = None) -> int:
    """When a plan ends, by a list of free times and one of what is ready."""
    rank = urgent or urgency(plan, took)
    order = [s.id for s in plan.subtasks]
    waits = {s.id: len(s.needs) for s in plan.subtasks}
    after = followers(plan)
    ready = [(-rank[i], n, i) for n, i in enumerate(order) if not waits[i]]
    heapq.heapify(ready)
    busy: list[tuple[int, str]] = []
    now = 0
    while ready or busy:
        while ready and len(busy) < workers:
            *_, name = heapq.heappop(ready)
            heapq.heappush(busy, (now + took[name], name))
        now, name = heapq.heappop(busy)
        for other in after[name]:
            waits[other] -= 1
            if not waits[other]:
                heapq.heappush(ready, (-rank[other], order.index(other), other))
    return now


@right("hub-2")
def by_the_longest_path(plan: Plan, took: Took) -> int:
    """The first number with which the plan takes no longer than its longest path."""
    workers = 1
    while ends(plan, took, workers) > max(urgency(plan, took).values()):
        workers += 1
    return workers


@right("hub-2")
def by_the_kits_agenda(plan: Plan, took: Took) -> int:
    async def dispatched(workers: int) -> float:
        agenda = Agenda(plan, lambda s: took[s.id])

        async def work() -> None:
            while subtask := await agenda.next():
                await asyncio.sleep(took[subtask.id])
                agenda.close(subtask.id, Report("anybody", subtask=subtask.id))

        await asyncio.gather(*(work() for _ in range(workers)))
        return asyncio.get_running_loop().time()

    def spans() -> Iterator[tuple[float, int]]:
        for n in range(1, len(plan.subtasks) + 1):
            yield clock.run(lambda n=n: dispatched(n), virtual=True), n  # type: ignore[misc]

    return min(spans())[1]


# --- hub-2, plausible and wrong ---


@wrong("hub-2", "returned None")
def no_number_yet(plan: Plan, took: Took) -> None:
    """The stub of the exercise."""


@wrong("hub-2", "ends just as soon")
def one_for_each(plan: Plan, took: Took) -> int:
    return len(plan.subtasks)


@wrong("hub-2", "One more changes nothing")
def until_one_brings_nothing(plan: Plan, took: Took) -> int:
    workers = 1
    while ends(plan, took, workers + 1) < ends(plan, took, workers):
        workers += 1
    return workers


@wrong("hub-2", "cannot be cut into pieces")
def by_the_bound(plan: Plan, took: Took) -> int:
    return ceil(sum(took.values()) / max(urgency(plan, took).values()))


@wrong("hub-2", "some of them may wait")
def by_the_width(plan: Plan, took: Took) -> int:
    begins: dict[str, int] = {}
    for _ in plan.subtasks:
        for s in plan.subtasks:
            begins[s.id] = max((begins.get(n, 0) + took[n] for n in s.needs), default=0)
    spans = [(t, t + took[i]) for i, t in begins.items()]
    return max(sum(a <= t < b for a, b in spans) for t in begins.values())


@wrong("hub-2", "longest path ahead of it, in time")
def in_the_plans_order(plan: Plan, took: Took) -> int:
    flat = {s.id: 0.0 for s in plan.subtasks}
    spans = [ends(plan, took, n, flat) for n in range(1, len(plan.subtasks) + 1)]
    return spans.index(min(spans)) + 1


@wrong("hub-2", "longest path ahead of it, in time")
def urgent_by_count(plan: Plan, took: Took) -> int:
    steps = urgency(plan)
    spans = [ends(plan, took, n, steps) for n in range(1, len(plan.subtasks) + 1)]
    return spans.index(min(spans)) + 1


@wrong("hub-2", "with more of them it ends after")
def always_one(plan: Plan, took: Took) -> int:
    return 1


@wrong("hub-2", "never have anything to do")
def one_too_many(plan: Plan, took: Took) -> int:
    return by_the_longest_path(plan, took) + 1


@wrong("hub-2", "Expected a whole number of workers")
def counts_from_nought(plan: Plan, took: Took) -> int:
    return by_the_longest_path(plan, took) - 1


@wrong("hub-2", "Expected a whole number of workers")
def the_time_and_the_number(plan: Plan, took: Took) -> tuple[int, int]:
    return ends(plan, took, 99), by_the_longest_path(plan, took)
