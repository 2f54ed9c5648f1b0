"""Synthesis: reports to one answer, by one call or, where they do not fit, by a tree of calls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

from orchestrator_kit.answer import Answer, Report, merge
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import ContextOverflow, RunError, UnknownName
from orchestrator_kit.group import together
from orchestrator_kit.roles import synthesizer
from orchestrator_kit.tasks import Task

Shape = Literal["auto", "flat", "tree"]
# The replies of a level may be so many times as long as the answer in all, since few of them use
# up their limit; at 1.0 answers came out too short (benchmarks/synthesis.py).
ENOUGH = 1.25
SHRINKS = 0.9  # a level must come down to this share of what it reads, or the tree would not end


async def synthesize(
    crew: Crew, task: Task, reports: Sequence[Report], *, shape: Shape = "auto"
) -> Answer:
    """One answer of the reports; without a synthesizer, code puts them together and says so.

    flat: one call that reads all reports, or refuses. tree: level by level, calls that each read
    as many as fit. auto: flat where that is possible.
    """
    if shape not in get_args(Shape):
        raise UnknownName.among("shape of a synthesis", shape, get_args(Shape))
    gaps = [r.gap() for r in reports]
    if not any(r.findings for r in reports):
        return Answer().declaring(gaps)  # of nothing a model could only make something up
    whole = synthesizer.answer(task, reports)
    try:
        if shape == "flat" or (shape == "auto" and crew.fits(whole)):
            return (await crew.ask(whole)).declaring(gaps)
        return (await _by_levels(crew, task, reports)).declaring(gaps)
    except RunError as e:
        if crew.recovery.then == "stop":
            raise
        merged = merge(reports, crew.count_tokens, task.budget.answer_tokens)
        none = f"synthesis: none ({e.kind}); reports put together by code"
        return merged.declaring([none, *gaps])


async def _by_levels(crew: Crew, task: Task, reports: Sequence[Report]) -> Answer:
    """Make fewer and fewer reports of the reports, until one call can make the answer of them.

    Where no single reply of this model may be as long as the answer, each of the last calls writes
    a portion of it, and code joins these: a small window then costs coherence, but not what was
    found. In a very small one a level may write as much as it read: that ends the tree as well.
    """
    level = [r for r in reports if r.findings]
    failed = [r for r in reports if not r.findings]
    before = math.inf
    while True:
        last = synthesizer.answer(task, [*level, *failed])
        one_reply = crew.room_for(last) >= task.budget.answer_tokens
        if one_reply and crew.fits(last):
            return await crew.ask(last)
        pieces = [piece for report in level for piece in _pieces(crew, task, report)]
        portions = 1 if one_reply else _portions(crew, task)
        batches = _batches(crew, task, pieces, max(1, len(pieces) // portions))
        size = sum(crew.count_tokens(f.text) for report in level for f in report.findings)
        stuck, before = size > SHRINKS * before, size
        if stuck or all(len(batch) < 2 for batch in batches):
            if one_reply and (stuck or pieces == level):
                raise ContextOverflow("not even two reports fit the window together")
            return merge(level, crew.count_tokens, task.budget.answer_tokens)
        async with together() as group:
            tasks = [group.create_task(_part(crew, task, batch)) for batch in batches]
        level = [t.result() for t in tasks]


async def _part(crew: Crew, task: Task, batch: Sequence[Report]) -> Report:
    """One report of several, by a worker; if that fails, their findings as they are."""
    if len(batch) == 1:
        return batch[0]
    part = await crew.turn(synthesizer.part(task, batch))
    if part is not None and part.findings:
        return part
    crew.declare(f"synthesis: {len(batch)} reports not condensed")
    # As short as the call would have had it, or no level above could take it in.
    return replace(
        Report.of_parts(batch),
        findings=merge(batch, crew.count_tokens, task.budget.answer_tokens // 2).statements,
    )


def _portions(crew: Crew, task: Task) -> int:
    """In how many replies the answer has to be written, for them to be as long as it may be."""
    room = crew.room_for(synthesizer.part(task, ()))
    return math.ceil(ENOUGH * task.budget.answer_tokens / room)


def _batches(crew: Crew, task: Task, pieces: Sequence[Report], most: int) -> list[list[Report]]:
    """Neighbouring reports, as many in a batch as one call can read, `most` of them at the most.

    The batches are about equally full.
    """
    full = _packed(crew, task, pieces, most)
    even = -(-len(pieces) // len(full))
    evenly = _packed(crew, task, pieces, even)
    return evenly if len(evenly) == len(full) else full


def _packed(crew: Crew, task: Task, pieces: Sequence[Report], most: int) -> list[list[Report]]:
    batches: list[list[Report]] = []
    for piece in pieces:
        wider = [*batches[-1], piece] if batches else []
        if wider and len(wider) <= most and crew.fits(synthesizer.part(task, wider)):
            batches[-1] = wider
        else:
            batches.append([piece])
    return batches


def _pieces(crew: Crew, task: Task, report: Report) -> list[Report]:
    """A report in parts so small that two of them fit one call, where it can be divided."""
    if len(report.findings) < 2 or crew.fits(synthesizer.part(task, [report, report])):
        return [report]
    middle = len(report.findings) // 2
    halves = report.findings[:middle], report.findings[middle:]
    return [p for half in halves for p in _pieces(crew, task, replace(report, findings=half))]
