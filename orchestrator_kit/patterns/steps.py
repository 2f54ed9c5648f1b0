"""Steps that several patterns share: a plan that is checked before it costs, and the synthesis."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_kit.answer import Report
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import MalformedReply, PlanRefused, RunError, TruncatedReply
from orchestrator_kit.events import ConflictFound, PlanRejected
from orchestrator_kit.plan import Plan, complaints
from orchestrator_kit.roles import orchestrator, review
from orchestrator_kit.tasks import Task


async def make_plan(crew: Crew, task: Task) -> Plan:
    """A sound plan: an unsound one is sent back once with the complaints, then refused."""
    roster = [s.name for s in task.specialists]
    plan: Plan | None = None
    faults: list[str] = []
    for _ in range(2):
        ask = orchestrator.plan(
            task,
            limit=crew.plan_limit,
            workers=crew.workers,
            rejected=plan,
            complaints=faults,
        )
        try:
            plan = await crew.ask(ask, blindly=False)
        except (MalformedReply, TruncatedReply) as e:
            faults = [str(e)]
            continue
        faults = complaints(
            plan, specialists=roster, sections=task.section_by_id, limit=crew.plan_limit
        )
        if not faults:
            return plan
        crew.note(PlanRejected(crew.now, plan, tuple(faults)))
    raise PlanRefused("no sound plan after one repair: " + "; ".join(faults[:5]))


async def settle(crew: Crew, task: Task, reports: Sequence[Report]) -> list[Report]:
    """The reports without what cannot hold beside other findings; what stays open is declared."""
    try:
        found = await crew.ask(review.conflicts(task, reports))
    except RunError as e:
        crew.declare(f"conflicts: not looked for ({e.kind})")
        return list(reports)
    for c in found:
        crew.note(ConflictFound(crew.now, c.call, c.first, c.second, c.kept, c.reason))
        if gap := c.gap():
            crew.declare(gap)
    return review.settled(reports, found)
