"""Steps that several patterns share: a plan that is checked before it costs, and the synthesis."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_kit.answer import Answer, Report, merge
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import MalformedReply, PlanRefused, RunError, TruncatedReply
from orchestrator_kit.events import PlanMade, PlanRejected
from orchestrator_kit.plan import Plan, complaints
from orchestrator_kit.roles import orchestrator, synthesizer
from orchestrator_kit.tasks import Task


async def make_plan(crew: Crew, task: Task) -> Plan:
    """A sound plan: an unsound one is sent back once with the complaints, then refused."""
    roster = [s.name for s in task.specialists]
    plan: Plan | None = None
    faults: list[str] = []
    for _ in range(2):
        ask = orchestrator.plan(task, limit=crew.plan_limit, rejected=plan, complaints=faults)
        try:
            plan = await crew.ask(ask)
        except (MalformedReply, TruncatedReply) as e:
            faults = [str(e)]
            continue
        faults = complaints(
            plan, specialists=roster, sections=task.section_by_id, limit=crew.plan_limit
        )
        if not faults:
            crew.note(PlanMade(crew.now, plan))
            return plan
        crew.note(PlanRejected(crew.now, plan, tuple(faults)))
    raise PlanRefused("no sound plan after one repair: " + "; ".join(faults[:5]))


async def synthesize(crew: Crew, task: Task, reports: Sequence[Report]) -> Answer:
    """One answer of the reports; without a synthesizer, code puts them together and says so."""
    try:
        return await crew.ask(synthesizer.answer(task, reports))
    except RunError as e:
        merged = merge(reports, crew.count_tokens, task.budget.answer_tokens)
        return merged.declaring([f"synthesis: none ({e.kind}); reports put together by code"])
