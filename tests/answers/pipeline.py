"""Answers to the exercises of 02_pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any

from orchestrator_kit.answer import Answer, Report, Statement
from orchestrator_kit.events import Event, Reported
from orchestrator_kit.tasks import Specialist
from tests.answers import right, wrong

Has = Callable[[Report], bool]
Stage = Callable[[Specialist, Report | None], Awaitable[Report]]


def _drafts(events: Sequence[Event]) -> list[Report]:
    return [e.report for e in events if isinstance(e, Reported) and e.report.findings]


# --- lost-1, right ---


@right("lost-1")
def forward(events: Sequence[Event], has: Has) -> str | None:
    loser: str | None = None
    had = False
    for draft in _drafts(events):
        now = has(draft)
        if now:
            loser = None
        elif had:
            loser = draft.agent
        had = now
    return loser


@right("lost-1")
def by_the_last_that_had_it(events: Sequence[Event], has: Has) -> str | None:
    drafts = _drafts(events)
    having = [n for n, draft in enumerate(drafts) if has(draft)]
    after = drafts[having[-1] + 1 :] if having else []
    return after[0].agent if after else None


# --- lost-1, plausible and wrong ---


@wrong("lost-1", "returned None. But the fact stood in a draft")
def not_written(events: Sequence[Event], has: Has) -> None: ...


@wrong("lost-1", "but a later draft has it again")
def the_first_loss(events: Sequence[Event], has: Has) -> str | None:
    drafts = _drafts(events)
    if not drafts or has(drafts[-1]):
        return None
    return next((b.agent for a, b in pairwise(drafts) if has(a) and not has(b)), None)


@wrong("lost-1", "But the fact stands in the last draft")
def any_loss(events: Sequence[Event], has: Has) -> str | None:
    lost = [b.agent for a, b in pairwise(_drafts(events)) if has(a) and not has(b)]
    return lost[-1] if lost else None


@wrong("lost-1", "still has the fact")
def who_had_it_last(events: Sequence[Event], has: Has) -> str | None:
    drafts = _drafts(events)
    having = [draft.agent for draft in drafts if has(draft)]
    return having[-1] if having and not has(drafts[-1]) else None


@wrong("lost-1", "no draft ever had the fact")
def who_lacks_it(events: Sequence[Event], has: Has) -> str | None:
    return next((d.agent for d in _drafts(events) if not has(d)), None)


@wrong("lost-1", "whose stage failed")
def failures_lose(events: Sequence[Event], has: Has) -> str | None:
    reports = [e.report for e in events if isinstance(e, Reported)]
    for before, after in reversed(list(pairwise(reports))):
        if has(after):
            return None
        if has(before):
            return after.agent
    return None


@wrong("lost-1", "it was lost before")
def the_last_of_all(events: Sequence[Event], has: Has) -> str | None:
    drafts = _drafts(events)
    return drafts[-1].agent if any(map(has, drafts)) and not has(drafts[-1]) else None


@wrong("lost-1", "Expected is the name of the specialist")
def the_report(events: Sequence[Event], has: Has) -> Report | None:
    lost = [b for a, b in pairwise(_drafts(events)) if has(a) and not has(b)]
    return lost[-1] if lost else None


# --- stages-1, right ---


@right("stages-1")
async def with_a_list_of_reports(roster: Sequence[Specialist], stage: Stage) -> Answer:
    reports: list[Report] = []
    for specialist in roster:
        good = [report for report in reports if report.findings]
        reports.append(await stage(specialist, good[-1] if good else None))
    good = [report for report in reports if report.findings]
    gaps = (f"nothing from the {r.agent}" for r in reports if not r.findings)
    return Answer(good[-1].findings if good else (), tuple(gaps))


@right("stages-1")
async def by_recursion(
    roster: Sequence[Specialist],
    stage: Stage,
    draft: Report | None = None,
    gaps: tuple[str, ...] = (),
) -> Answer:
    if not roster:
        return Answer(draft.findings if draft else (), gaps)
    first, *rest = roster
    report = await stage(first, draft)
    if not report.findings:
        return await by_recursion(rest, stage, draft, (*gaps, first.name))
    return await by_recursion(rest, stage, report, gaps)


# --- stages-1, plausible and wrong ---


@wrong("stages-1", "No stage was ever begun")
async def nothing_yet(roster: Sequence[Specialist], stage: Stage) -> None: ...


@wrong("stages-1", "which has no findings")
async def whatever_came(roster: Sequence[Specialist], stage: Stage) -> Answer:
    draft, gaps = None, []
    for specialist in roster:
        draft = await stage(specialist, draft)
        if not draft.findings:
            gaps.append(specialist.name)
    return Answer(draft.findings if draft else (), tuple(gaps))


@wrong("stages-1", "which has no findings")
async def only_failures_count(roster: Sequence[Specialist], stage: Stage) -> Answer:
    draft, gaps = None, []
    for specialist in roster:
        report = await stage(specialist, draft)
        if report.failure:
            gaps.append(specialist.name)
        else:
            draft = report
    return Answer(draft.findings if draft else (), tuple(gaps))


@wrong("stages-1", "no gap of the answer says so")
async def silent_about_it(roster: Sequence[Specialist], stage: Stage) -> Answer:
    draft = None
    for specialist in roster:
        report = await stage(specialist, draft)
        draft = report if report.findings else draft
    return Answer(draft.findings if draft else ())


@wrong("stages-1", "was still at work")
async def all_at_once(roster: Sequence[Specialist], stage: Stage) -> Answer:
    reports = await asyncio.gather(*(stage(s, None) for s in roster))
    gaps = tuple(s.name for s, r in zip(roster, reports, strict=True) if not r.findings)
    return Answer(next((r.findings for r in reversed(reports) if r.findings), ()), gaps)


@wrong("stages-1", "was given None, though the draft")
async def nobody_gets_a_draft(roster: Sequence[Specialist], stage: Stage) -> Answer:
    reports = [await stage(s, None) for s in roster]
    gaps = tuple(s.name for s, r in zip(roster, reports, strict=True) if not r.findings)
    return Answer(next((r.findings for r in reversed(reports) if r.findings), ()), gaps)


@wrong("stages-1", "the latest is that of")
async def always_the_first(roster: Sequence[Specialist], stage: Stage) -> Answer:
    reports: list[Report] = []
    for specialist in roster:
        good = [r for r in reports if r.findings]
        reports.append(await stage(specialist, good[0] if good else None))
    good = [r for r in reports if r.findings]
    gaps = (r.agent for r in reports if not r.findings)
    return Answer(good[-1].findings if good else (), tuple(gaps))


@wrong("stages-1", "Expected is the report of a stage before")
async def hands_on_the_findings(roster: Sequence[Specialist], stage: Any) -> Answer:
    notes, gaps = None, []
    for specialist in roster:
        report = await stage(specialist, notes)
        if report.findings:
            notes = report.findings
        else:
            gaps.append(specialist.name)
    return Answer(notes or (), tuple(gaps))


@wrong("stages-1", "Expected are the findings of the last draft")
async def everything_ever_said(roster: Sequence[Specialist], stage: Stage) -> Answer:
    draft, gaps = None, []
    said: list[Statement] = []
    for specialist in roster:
        report = await stage(specialist, draft)
        said += report.findings
        if report.findings:
            draft = report
        else:
            gaps.append(specialist.name)
    return Answer(tuple(said), tuple(gaps))


@wrong("stages-1", "of the stages brought nothing")
async def gaps_for_all(roster: Sequence[Specialist], stage: Stage) -> Answer:
    draft = None
    for specialist in roster:
        report = await stage(specialist, draft)
        draft = report if report.findings else draft
    return Answer(draft.findings if draft else (), tuple(s.name for s in roster))


@wrong("stages-1", "was worked on 0 times")
async def stops_at_a_failure(roster: Sequence[Specialist], stage: Stage) -> Answer:
    draft = None
    for specialist in roster:
        report = await stage(specialist, draft)
        if not report.findings:
            break
        draft = report
    return Answer(draft.findings if draft else ())


@wrong("stages-1", "raised AttributeError")
async def there_is_always_a_draft(roster: Sequence[Specialist], stage: Stage) -> Answer:
    draft: Any = None
    gaps = []
    for specialist in roster:
        report = await stage(specialist, draft)
        if report.findings:
            draft = report
        else:
            gaps.append(specialist.name)
    return Answer(draft.findings, tuple(gaps))


@wrong("stages-1", "was never awaited")
async def forgets_to_await(roster: Sequence[Specialist], stage: Stage) -> Answer:
    reports = [stage(s, None) for s in roster]
    return Answer((), tuple(f"{s.name}" for s, _ in zip(roster, reports, strict=True)))


@wrong("stages-1", "Expected an `Answer`")
async def the_draft(roster: Sequence[Specialist], stage: Stage) -> Report | None:
    draft = None
    for specialist in roster:
        report = await stage(specialist, draft)
        draft = report if report.findings else draft
    return draft


@wrong("stages-1", "Expected is the roster's")
async def from_the_last_to_the_first(roster: Sequence[Specialist], stage: Stage) -> Answer:
    return await with_a_list_of_reports(list(roster)[::-1], stage)
