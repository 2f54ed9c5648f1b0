"""Answers to the exercises of 09_budgets_context_synthesis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from orchestrator_kit.errors import ContextOverflow
from orchestrator_kit.tasks import Section
from tests.answers import right, wrong

Count = Callable[[str], int]
Merge = Callable[[list[str]], Awaitable[str]]
Sections = list[Section]

# --- fits-1, right ---


@right("fits-1")
def by_striking_out(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    size = {s.id: count(s.text) for s in sections}
    kept: set[str] = set()
    for name in rank:
        if sum(size[n] for n in kept | {name}) <= budget:
            kept |= {name}
    return [s for s in sections if s.id in kept]


@right("fits-1")
def by_recursion_on_rank(
    sections: Sections, rank: list[str], count: Count, budget: int
) -> tuple[Section, ...]:
    if not rank:
        return ()
    (best,) = (s for s in sections if s.id == rank[0])
    left = budget - count(best.text)
    rest = by_recursion_on_rank(sections, rank[1:], count, budget if left < 0 else left)
    return rest if left < 0 else tuple(sorted((best, *rest), key=sections.index))


# --- fits-1, plausible and wrong ---


@wrong("fits-1", "returned None")
def fits_not_written(sections: Sections, rank: list[str], count: Count, budget: int) -> None:
    """The stub of the exercise."""


@wrong("fits-1", "was left out. A section before it in rank is too long")
def stops_at_the_first(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    size = {s.id: count(s.text) for s in sections}
    kept = []
    for name in rank:
        if size[name] > budget:
            break
        budget -= size[name]
        kept.append(name)
    return [s for s in sections if s.id in kept]


@wrong("fits-1", "in the order in which")
def in_order_of_rank(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    return sorted(by_striking_out(sections, rank, count, budget), key=lambda s: rank.index(s.id))


@wrong("fits-1", "all that is ahead of it in rank leaves room")
def by_place(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    """The first that come, whatever their rank."""
    return by_striking_out(sections, [s.id for s in sections], count, budget)


@wrong("fits-1", "all that is ahead of it in rank leaves room")
def the_last_first(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    return by_striking_out(sections, rank[::-1], count, budget)


@wrong("fits-1", "leaves room for 4 tokens, and it has 4")
def less_than(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    return by_striking_out(sections, rank, count, budget - 1)


@wrong("fits-1", "the budget is")
def until_it_is_full(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    """Looks whether there is room, and not for how much."""
    size = {s.id: count(s.text) for s in sections}
    kept = []
    for name in rank:
        if budget > 0:
            budget -= size[name]
            kept.append(name)
    return [s for s in sections if s.id in kept]


@wrong("fits-1", "the budget is")
def each_for_itself(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    return [s for s in sections if count(s.text) <= budget]


@wrong("fits-1", "leaves room")
def counts_letters(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    return by_striking_out(sections, rank, len, budget)


@wrong("fits-1", "is none of them")
def ids_only(sections: Sections, rank: list[str], count: Count, budget: int) -> list[str]:
    return [s.id for s in by_striking_out(sections, rank, count, budget)]


@wrong("fits-1", "changed a list")
def uses_up_the_rank(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    kept = by_striking_out(sections, rank, count, budget)
    while rank:
        rank.pop()
    return kept


@wrong("fits-1", "Expected a list of sections")
def fits_one_by_one(
    sections: Sections, rank: list[str], count: Count, budget: int
) -> Iterator[Section]:
    yield from by_striking_out(sections, rank, count, budget)


@wrong("fits-1", "twice")
def as_often_as_it_fits(sections: Sections, rank: list[str], count: Count, budget: int) -> Sections:
    return by_striking_out(sections, rank, count, budget) * 2


# --- tree-1, right ---


@right("tree-1")
async def by_levels(reports: list[str], merge: Merge, count: Count, window: int) -> str:
    """Level upon level, by recursion, in a task group."""
    if len(reports) == 1:
        return reports[0]
    cuts = [0]
    for end in range(1, len(reports)):
        if sum(count(r) for r in reports[cuts[-1] : end + 1]) > window:
            cuts.append(end)
    groups = [reports[a:b] for a, b in zip(cuts, [*cuts[1:], len(reports)], strict=True)]
    if all(len(group) == 1 for group in groups):
        raise ContextOverflow("stuck")
    async with asyncio.TaskGroup() as together:
        tasks = [
            None if len(group) == 1 else together.create_task(_of(merge, group)) for group in groups
        ]
    level = [task.result() if task else group[0] for task, group in zip(tasks, groups, strict=True)]
    return await by_levels(level, merge, count, window)


async def _of(merge: Merge, group: list[str]) -> str:
    return await merge(group)


@right("tree-1")
async def from_behind(reports: list[str], merge: Merge, count: Count, window: int) -> str:
    """Fills groups from the last report on, so that the first one may be small."""
    level = list(reports)
    while len(level) > 1:
        groups: list[list[str]] = []
        for text in reversed(level):
            if groups and sum(map(count, [text, *groups[0]])) <= window:
                groups[0].insert(0, text)
            else:
                groups.insert(0, [text])
        if len(groups) == len(level):
            raise ContextOverflow("stuck")
        merges = {n: merge(group) for n, group in enumerate(groups) if len(group) > 1}
        made = dict(zip(merges, await asyncio.gather(*merges.values()), strict=True))
        level = [made.get(n, group[0]) for n, group in enumerate(groups)]
    return level[0]


# --- tree-1, plausible and wrong ---


def _tree(
    *,
    room: int = 0,
    most: int = 1_000,
    serial: bool = False,
    singles: bool = False,
    raises: bool = True,
    sort: bool = False,
    drop_last: bool = False,
    overlap: int = 0,
) -> Callable[..., Any]:
    """A tree with a fault that is named by an argument."""

    async def tree(reports: list[str], merge: Merge, count: Count, window: int) -> str:
        level = list(reports)
        while len(level) > 1:
            if sort:
                level.sort(key=count)
            groups: list[list[str]] = []
            for text in level:
                full = not groups or len(groups[-1]) >= most
                if full or sum(map(count, groups[-1])) + count(text) > window + room:
                    groups.append([*groups[-1][len(groups[-1]) - overlap :]] if groups else [])
                groups[-1].append(text)
            if drop_last and len(groups[-1]) == 1:
                groups.pop()
            if raises and len(groups) == len(level):
                raise ContextOverflow("stuck")

            async def one(group: list[str]) -> str:
                return group[0] if len(group) == 1 and not singles else await merge(group)

            if serial:
                level = [await one(group) for group in groups]
            else:
                level = await asyncio.gather(*map(one, groups))
        return level[0]

    return tree


@wrong("tree-1", "Is it written already")
async def tree_not_written(reports: list[str], merge: Merge, count: Count, window: int) -> None:
    """The stub of the exercise."""


@wrong("tree-1", "the window holds")
async def flat(reports: list[str], merge: Merge, count: Count, window: int) -> str:
    return await merge(reports)


@wrong("tree-1", "the window holds")
async def always_two_levels(reports: list[str], merge: Merge, count: Count, window: int) -> str:
    middle = len(reports) // 2
    halves = [half for half in (reports[:middle], reports[middle:]) if half]
    parts = [half[0] if len(half) == 1 else await merge(half) for half in halves]
    return await merge(parts)


@wrong("tree-1", "and so should a level")
async def one_after_the_other(reports: list[str], merge: Merge, count: Count, window: int) -> str:
    """A chain in place of a tree, and a merge for each pair."""
    level = list(reports)
    while len(level) > 1:
        after = []
        for n in range(0, len(level) - 1, 2):
            after.append(await merge(level[n : n + 2]))
        level = after + level[len(level) - len(level) % 2 :]
    return level[0]


@wrong("tree-1", "would do")
async def a_chain(reports: list[str], merge: Merge, count: Count, window: int) -> str:
    """Each report is merged into what there is so far."""
    whole = reports[0]
    for report in reports[1:]:
        whole = await merge([whole, report])
    return whole


@wrong("tree-1", "was not awaited")
async def merges_unawaited(reports: list[str], merge: Merge, count: Count, window: int) -> Any:
    return merge(reports)


wrong("tree-1", "the window holds", _tree(room=1))
wrong("tree-1", "A ContextOverflow was expected", _tree(raises=False))
wrong("tree-1", "raised ContextOverflow", _tree(room=-1))
wrong("tree-1", "would do", _tree(most=2))
wrong("tree-1", "and so should a level", _tree(serial=True))
wrong("tree-1", "no call is paid", _tree(singles=True))
wrong("tree-1", "not in their order", _tree(sort=True))
wrong("tree-1", "did not get into the result", _tree(drop_last=True))
wrong("tree-1", "more than once", _tree(overlap=1))
