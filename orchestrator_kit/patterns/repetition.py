"""Repetition: what one reader makes of more tokens, without anybody to coordinate.

Several passes over everything, and going over one's own answer: the humbler uses of a budget, which
any pattern of many agents has to be held against.
"""

from __future__ import annotations

from orchestrator_kit.answer import Answer, merge
from orchestrator_kit.crew import Crew
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import GENERALIST, Task


async def passes(crew: Crew, task: Task, *, times: int = 3) -> Answer:
    """The single call several times over; code merges what was found."""
    reports = await crew.reports(worker.answer(task, sample=n) for n in range(1, times + 1))
    return merge(reports, crew.count_tokens, task.budget.answer_tokens)


async def self_review(crew: Crew, task: Task, *, rounds: int = 1) -> Answer:
    """The single call, which then goes over its own answer so many times."""
    draft = await crew.report(worker.answer(task))
    for _ in range(rounds):
        report = await crew.report(worker.stage(task, GENERALIST, draft))
        if report.findings:  # a round that failed leaves the draft as it was
            draft = report
    return Answer(draft.findings)
