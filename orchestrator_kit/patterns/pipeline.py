"""Pipeline: sequential stages in a fixed order, each goes over what the last one left."""

from __future__ import annotations

from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Task


async def pipeline(crew: Crew, task: Task) -> Answer:
    """Hand a draft from specialist to specialist; the last one's draft is the answer."""
    draft = None
    for specialist in task.specialists:
        report = await crew.report(worker.stage(task, specialist, draft))
        if report.findings:  # a stage that failed hands on the draft that it got
            draft = report
    return Answer(draft.findings) if draft else Answer()
