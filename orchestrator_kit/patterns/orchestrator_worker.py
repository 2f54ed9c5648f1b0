"""Orchestrator-worker: a model splits the task, chooses specialists, and one answer comes back."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_kit.answer import Answer, Report
from orchestrator_kit.crew import Crew
from orchestrator_kit.patterns.steps import make_plan, synthesize
from orchestrator_kit.plan import Subtask
from orchestrator_kit.roles import worker
from orchestrator_kit.roles.ask import Ask
from orchestrator_kit.tasks import Task


async def orchestrator_worker(crew: Crew, task: Task) -> Answer:
    """Plan, dispatch the subtasks to specialists as they become ready, synthesize."""
    plan = await make_plan(crew, task)

    def brief(subtask: Subtask, received: Sequence[Report]) -> Ask[Report]:
        return worker.report(
            task,
            [task.section_by_id[i] for i in subtask.sections] or task.sections,
            specialist=task.specialist(subtask.specialist),
            subtask=subtask,
            received=received,
        )

    return await synthesize(crew, task, await crew.dispatch(plan, brief))
