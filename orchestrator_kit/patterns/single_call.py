"""Single call: one worker reads everything and answers. The baseline of every comparison."""

from __future__ import annotations

from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Task


async def single_call(crew: Crew, task: Task) -> Answer:
    """Put all documents and all viewpoints into one request, and take its reply."""
    report = await crew.report(worker.answer(task))
    return Answer(report.findings)
