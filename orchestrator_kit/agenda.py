"""The agenda of a plan being worked through: what is ready, and which of it is the most urgent.

Knows no model, no prompt and no clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from orchestrator_kit.answer import Report
from orchestrator_kit.plan import Plan, Subtask, followers, urgency


class Agenda:
    """The subtasks of a plan: hands out the most urgent that is ready, to so many workers."""

    def __init__(self, plan: Plan, weights: Mapping[str, float], workers: int) -> None:
        self.reports: dict[str, Report] = {}
        self._workers = workers
        self._subtasks = {s.id: s for s in plan.subtasks}
        self._missing = {s.id: len(s.needs) for s in plan.subtasks}
        self._followers = followers(plan)
        urgent = urgency(plan, weights)
        self._rank = {s.id: (-urgent[s.id], n, s.id) for n, s in enumerate(plan.subtasks)}
        self._ready: asyncio.PriorityQueue[tuple[float, int, str]] = asyncio.PriorityQueue()
        for s in plan.subtasks:
            if not s.needs:
                self._ready.put_nowait(self._rank[s.id])

    async def next(self) -> Subtask | None:
        """The next subtask, as soon as one is ready; None when all have ended."""
        *_, name = await self._ready.get()
        return None if self._ended else self._subtasks[name]

    @property
    def _ended(self) -> bool:
        return len(self.reports) == len(self._subtasks)

    def received(self, subtask: Subtask) -> list[Report]:
        """The reports that a subtask builds on."""
        return [self.reports[need] for need in subtask.needs]

    def close(self, subtask: Subtask, report: Report) -> None:
        """Note a report, and set free what waited for it."""
        self.reports[subtask.id] = report
        for follower in self._followers[subtask.id]:
            self._missing[follower] -= 1
            if not self._missing[follower]:
                self._ready.put_nowait(self._rank[follower])
        if self._ended:
            for _ in range(self._workers):
                self._ready.put_nowait((0.0, 0, ""))  # wakes those who wait, to go home
