"""Answers to the exercises of 03_parallelization."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from orchestrator_kit.answer import Failure, Report, Statement
from orchestrator_kit.errors import ModelError
from orchestrator_kit.tasks import Section, Specialist
from tests.answers import right, wrong

Sections = Sequence[Section]
Ask = Callable[[Specialist], Awaitable[tuple[Statement, ...]]]

# --- sections-1, right ---


@right("sections-1")
def with_divmod(sections: Sections, n: int) -> list[Sections]:
    size, extra = divmod(len(sections), n)
    found, begin = [], 0
    for k in range(n):
        end = begin + size + (k < extra)
        found.append(sections[begin:end])
        begin = end
    return found


@right("sections-1")
def one_by_one(sections: Sections, n: int) -> tuple[list[Section], ...]:
    """Each section to the share in which its place falls."""
    found: tuple[list[Section], ...] = tuple([] for _share in range(n))
    for k, section in enumerate(sections):
        found[k * n // len(sections)].append(section)
    return found


# --- sections-1, plausible and wrong ---


@wrong("sections-1", "returned None, not the shares")
def not_written(sections: Sections, n: int) -> None: ...


@wrong("sections-1", "is in no share")
def forgets_the_remainder(sections: Sections, n: int) -> list[Sections]:
    size = len(sections) // n
    return [sections[k * size : (k + 1) * size] for k in range(n)]


@wrong("sections-1", "None may have two more than another")
def the_last_gets_the_rest(sections: Sections, n: int) -> list[Sections]:
    size = len(sections) // n
    shares = [sections[k * size : (k + 1) * size] for k in range(n - 1)]
    return [*shares, sections[(n - 1) * size :]]


@wrong("sections-1", "do not give the sections in their order")
def dealt_like_cards(sections: Sections, n: int) -> list[Sections]:
    return [sections[k::n] for k in range(n)]


@wrong("sections-1", "Shares expected: 1")
def in_packs_of_n(sections: Sections, n: int) -> list[Sections]:
    return [sections[k : k + n] for k in range(0, len(sections), n)]


@wrong("sections-1", "None may have two more than another")
def rounded_up(sections: Sections, n: int) -> list[Sections]:
    size = -(-len(sections) // n)
    return [sections[k * size : (k + 1) * size] for k in range(n)]


@wrong("sections-1", "is in more than one share")
def with_an_overlap(sections: Sections, n: int) -> list[Sections]:
    size = len(sections) // n
    return [sections[max(k * size - 1, 0) : (k + 1) * size] for k in range(n)]


@wrong("sections-1", "which is no section")
def only_the_ids(sections: Sections, n: int) -> list[list[str]]:
    return [[s.id for s in share] for share in with_divmod(sections, n)]


@wrong("sections-1", "Expected a list of shares")
def all_in_one(sections: Sections, n: int) -> list[Section]:
    return list(sections)


@wrong("sections-1", "also where some remain empty")
def no_empty_shares(sections: Sections, n: int) -> list[Sections]:
    return [share for share in with_divmod(sections, n) if share] or [[]]


# --- siblings-1, right ---


@right("siblings-1")
async def caught_by_each(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    reports: dict[str, Report] = {}

    async def one(specialist: Specialist) -> None:
        try:
            reports[specialist.name] = Report(specialist.name, await ask(specialist))
        except ModelError as e:
            reports[specialist.name] = Report(specialist.name, failure=Failure(e.kind, f"{e}"))

    async with asyncio.TaskGroup() as group:
        for specialist in roster:
            group.create_task(one(specialist))
    return [reports[s.name] for s in roster]


@right("siblings-1")
async def by_returned_exceptions(roster: Sequence[Specialist], ask: Ask) -> tuple[Report, ...]:
    results = await asyncio.gather(*map(ask, roster), return_exceptions=True)
    return tuple(_report(s, result) for s, result in zip(roster, results, strict=True))


def _report(specialist: Specialist, result: Any) -> Report:
    if isinstance(result, ModelError):
        return Report(specialist.name, failure=Failure(result.kind, str(result)))
    return Report(specialist.name, result)


# --- siblings-1, plausible and wrong ---


@wrong("siblings-1", "Nobody was ever asked")
async def nothing_yet(roster: Sequence[Specialist], ask: Ask) -> None: ...


@wrong("siblings-1", "its exception came out")
async def one_for_all(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    found = await asyncio.gather(*map(ask, roster))
    return [Report(s.name, f) for s, f in zip(roster, found, strict=True)]


@wrong("siblings-1", "Nobody ever worked at the same time")
async def one_after_another(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    reports = []
    for specialist in roster:
        try:
            reports.append(Report(specialist.name, await ask(specialist)))
        except ModelError as e:
            reports.append(Report(specialist.name, failure=Failure(e.kind, str(e))))
    return reports


@wrong("siblings-1", "never more than 2")
async def two_at_a_time(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    slots = asyncio.Semaphore(2)

    async def one(specialist: Specialist) -> tuple[Statement, ...]:
        async with slots:
            return await ask(specialist)

    results = await asyncio.gather(*map(one, roster), return_exceptions=True)
    return [_report(s, result) for s, result in zip(roster, results, strict=True)]


@wrong("siblings-1", "is no finding")
async def the_error_as_a_finding(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    results = await asyncio.gather(*map(ask, roster), return_exceptions=True)
    return [
        Report(s.name, (Statement(f"Error: {r}"),) if isinstance(r, BaseException) else r)
        for s, r in zip(roster, results, strict=True)
    ]


@wrong("siblings-1", "who failed: otherwise nobody notices")
async def only_those_who_succeeded(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    results = await asyncio.gather(*map(ask, roster), return_exceptions=True)
    return [
        Report(s.name, r)
        for s, r in zip(roster, results, strict=True)
        if not isinstance(r, BaseException)
    ]


@wrong("siblings-1", "says nothing of it")
async def a_failure_looks_like_nothing(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    results = await asyncio.gather(*map(ask, roster), return_exceptions=True)
    return [
        Report(s.name, () if isinstance(r, BaseException) else r)
        for s, r in zip(roster, results, strict=True)
    ]


@wrong("siblings-1", "Expected is the kind of the error")
async def another_kind(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    reports = await by_returned_exceptions(roster, ask)
    return [
        Report(r.agent, r.findings, failure=r.failure and Failure("error", r.failure.message))
        for r in reports
    ]


@wrong("siblings-1", "But that call did not fail")
async def nothing_found_is_a_failure(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    reports = await by_returned_exceptions(roster, ask)
    empty = Failure("empty", "nothing")
    return [r if r.findings or r.failure else Report(r.agent, failure=empty) for r in reports]


@wrong("siblings-1", "whoever is ready first")
async def as_they_come(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    async def one(specialist: Specialist) -> Report:
        try:
            return Report(specialist.name, await ask(specialist))
        except ModelError as e:
            return Report(specialist.name, failure=Failure(e.kind, str(e)))

    return [await done for done in asyncio.as_completed(list(map(one, roster)))]


@wrong("siblings-1", "no reason to call off work")
async def the_siblings_are_called_off(roster: Sequence[Specialist], ask: Ask) -> list[Report]:
    tasks: list[asyncio.Task[Any]] = []
    with suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(s)) for s in roster]  # type: ignore[arg-type]
    return [
        _report(s, () if t.cancelled() else t.exception() or t.result())
        for s, t in zip(roster, tasks, strict=True)
    ]


@wrong("siblings-1", "Expected a list of `Report`s")
async def findings_only(roster: Sequence[Specialist], ask: Ask) -> list[Any]:
    return await asyncio.gather(*map(ask, roster), return_exceptions=True)


@wrong("siblings-1", "was never awaited")
async def forgets_to_await(roster: Sequence[Specialist], ask: Ask) -> list[Any]:
    return [Report(s.name, ask(s)) for s in roster]  # type: ignore[arg-type]


@wrong("siblings-1", "was asked 2 times")
async def asked_twice(roster: Sequence[Specialist], ask: Ask) -> tuple[Report, ...]:
    await asyncio.gather(*map(ask, roster), return_exceptions=True)
    return await by_returned_exceptions(roster, ask)
