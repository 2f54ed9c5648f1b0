"""Supervision: the orchestrator reviews what comes in, asks for better, and may change the plan."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from orchestrator_kit.agenda import Agenda
from orchestrator_kit.answer import Report
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import RunError
from orchestrator_kit.events import PlanRejected, Reviewed
from orchestrator_kit.plan import Plan, Revision, Subtask, complaints
from orchestrator_kit.roles import review
from orchestrator_kit.tasks import Section, Task

AGAIN = "Go over it once more: correct what does not hold and add what it lacks."


@dataclass
class Supervision:
    """What becomes of a report: at most `rounds` of review, and `revisions` of the plan in all.

    Where the model does not decide when to `stop`, every report is gone over `rounds` times and
    the plan stays as it is.
    """

    crew: Crew
    task: Task
    rounds: int
    revisions: int
    stop: bool = True
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)  # each revision sees the last

    async def __call__(
        self, subtask: Subtask, report: Report, agenda: Agenda
    ) -> tuple[Report, Revision]:
        """The report to keep, and what is to change about the plan."""
        for n in range(1, self.rounds + 1):
            better = await self._bettered(subtask, report, n)
            if better is None:
                break
            report = better
        async with self.one_at_a_time:
            return report, await self._revision(subtask, report, agenda)

    async def _bettered(self, subtask: Subtask, report: Report, n: int) -> Report | None:
        """A better report; None where this one is good enough or nobody can better it."""
        if not report.findings or report.call is None:
            return None  # nothing that could be reviewed: a matter for the plan
        verdict = review.Verdict(accepted=False, reason=AGAIN, call=report.call)
        if self.stop:
            try:
                ask = review.verdict(self.task, subtask, report, round=n)
                verdict = await self.crew.ask(ask)
            except RunError as e:
                self.crew.declare(f"{subtask.id} ({report.agent}): not reviewed ({e.kind})")
                return None
            word: Literal["accept", "improve"] = "accept" if verdict.accepted else "improve"
            self.crew.note(
                Reviewed(self.crew.now, verdict.call, subtask.id, n, word, verdict.reason)
            )
            if verdict.accepted:
                return None
        sections = [self.task.section_by_id[i] for i in subtask.sections] or self.task.sections
        better = await self.crew.turn(
            review.improvement(
                self.task,
                sections,
                specialist=self.task.specialist(subtask.specialist),
                subtask=subtask,
                draft=report,
                verdict=verdict,
            ),
            "improve",
        )
        if better is not None:
            self.crew.accept(better)
        return better

    async def _revision(self, subtask: Subtask, report: Report, agenda: Agenda) -> Revision:
        """A change of plan: considered where a subtask failed, and when the last one ends."""
        due = report.failure is not None or agenda.open == {subtask.id}
        if not (due and self.stop and self.revisions):
            return Revision()
        self.revisions -= 1
        ask = review.revision(
            self.task,
            agenda.plan,
            [*agenda.reports.values(), report],
            waiting=agenda.waiting,
            running={
                i: self.crew.now - t for i, t in self.crew.running().items() if i in agenda.open
            },
            unread=self._unread(subtask, agenda),
            limit=self.crew.plan_limit,
        )
        try:
            change = await self.crew.ask(ask)
        except RunError as e:
            self.crew.declare(f"plan: not revised ({e.kind})")
            return Revision()
        if faults := self._faults(change, agenda.plan):
            self.crew.note(PlanRejected(self.crew.now, Plan(change.add, change.why), faults))
            return Revision()
        return change

    def _unread(self, subtask: Subtask, agenda: Agenda) -> list[Section]:
        """The sections that nobody has read, nor is to read by the plan as it is."""
        ahead = [s for s in agenda.plan.subtasks if s.id in agenda.open - {subtask.id}]
        if not all(s.sections for s in ahead):
            return []
        given = {i for s in ahead for i in s.sections}
        return [s for s in self.crew.unread if s.id not in given]

    def _faults(self, change: Revision, plan: Plan) -> tuple[str, ...]:
        """What is wrong with the plan that this change would make."""
        if not change.add:
            return ()
        whole = Plan((*plan.subtasks, *change.add))
        found = complaints(
            whole,
            specialists=[s.name for s in self.task.specialists],
            sections=self.task.section_by_id,
            limit=len(plan.subtasks) + self.crew.plan_limit,
        )
        return tuple(f for f in found if "overlap" not in f)  # a second look is what it is for
