"""Orchestrator-worker: a model splits the task, chooses specialists, and one answer comes back.

It may also review what they report, change its plan, and settle what contradicts itself; how far
it may is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from orchestrator_kit.answer import Answer, Report
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import CentreGone
from orchestrator_kit.patterns.discretion import DECISIONS, decided_plan
from orchestrator_kit.patterns.steps import settle
from orchestrator_kit.patterns.supervision import Supervision
from orchestrator_kit.patterns.synthesis import Shape, synthesize
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.roles import worker
from orchestrator_kit.roles.ask import Ask
from orchestrator_kit.tasks import Task


async def orchestrator_worker(
    crew: Crew,
    task: Task,
    *,
    rounds: int = 0,
    revisions: int = 0,
    conflicts: bool = False,
    synthesis: Shape = "auto",
    decides: Collection[str] = DECISIONS,
) -> Answer:
    """Plan, dispatch the subtasks to specialists as they become ready, synthesize.

    Each report has at most `rounds` of review, the plan at most `revisions`; `conflicts` looks
    for findings that cannot both hold. `decides` names what the model decides, code the rest.
    """
    supervise = Supervision(crew, task, rounds, revisions, "stop" in decides)

    def brief(subtask: Subtask, received: Sequence[Report]) -> Ask[Report]:
        return worker.report(
            task,
            [task.section_by_id[i] for i in subtask.sections] or task.sections,
            specialist=task.specialist(subtask.specialist),
            subtask=subtask,
            received=received,
        )

    async def carry_on(plan: Plan, known: Mapping[str, Report]) -> Answer:
        watch = supervise if rounds or revisions else None
        reports = await crew.dispatch(plan, brief, supervise=watch, known=known)
        if conflicts:
            reports = await settle(crew, task, reports)
        return await synthesize(crew, task, reports, shape=synthesis)

    try:
        return await carry_on(await decided_plan(crew, task, decides), {})
    except CentreGone as e:  # a standby, if there is one, goes on from the record
        plan, known = crew.take_over(e)
        return await carry_on(plan or await decided_plan(crew, task, decides), known)
