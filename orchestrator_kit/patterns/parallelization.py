"""Parallelization: the split is fixed in code before anything is read, and so is the merging.

Two forms: sectioning (each specialist has its own part of the question) and voting (the same
question several times, and what the majority says).
"""

from __future__ import annotations

from orchestrator_kit.answer import Answer, majority, merge
from orchestrator_kit.crew import Crew
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Task


async def parallelization(crew: Crew, task: Task) -> Answer:
    """Sectioning: every specialist on the roster reads everything; code merges the reports."""
    asks = [worker.report(task, task.sections, specialist=s) for s in task.specialists]
    reports = await crew.reports(asks)
    return merge(reports, crew.count_tokens, task.budget.answer_tokens)


async def voting(crew: Crew, task: Task, *, voters: int = 3) -> Answer:
    """The single call several times over; the answer is what more than half of them say."""
    votes = await crew.reports(worker.answer(task, sample=n) for n in range(1, voters + 1))
    return majority(votes)
