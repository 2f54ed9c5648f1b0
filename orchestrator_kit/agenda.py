"""The agenda of a plan being worked through: what is ready, and which of it is the most urgent.

The plan may be revised while it runs. Knows no model, no prompt and no clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from orchestrator_kit.answer import Report
from orchestrator_kit.plan import Plan, Revision, Subtask, followers, urgency


class Agenda:
    """The subtasks of a plan: hands out the most urgent that is ready, to whoever asks.

    `weight` says how long a subtask may take, in any unit; `known` are reports that there are
    already, whose subtasks are not handed out.
    """

    def __init__(
        self, plan: Plan, weight: Callable[[Subtask], float], known: Iterable[Report] = ()
    ) -> None:
        self.plan = plan
        self.reports: dict[str, Report] = {}
        self._weight = weight
        self._left: set[str] = set()  # neither ended nor dropped
        self._given: set[str] = set()
        self._ready: asyncio.PriorityQueue[tuple[float, int, str]] = asyncio.PriorityQueue()
        self.reports.update((r.subtask, r) for r in known if r.subtask)
        self._arrange({s.id for s in plan.subtasks} - self.reports.keys())

    def _arrange(self, new: set[str]) -> None:
        """Work out who follows whom, and hand out what is ready among what is new."""
        self._subtasks = {s.id: s for s in self.plan.subtasks}
        self._followers = followers(self.plan)
        urgent = urgency(self.plan, {s.id: self._weight(s) for s in self.plan.subtasks})
        self._rank = {s.id: (-urgent[s.id], n, s.id) for n, s in enumerate(self.plan.subtasks)}
        self._left |= new
        self._missing = {
            s.id: sum(need in self._left for need in s.needs) for s in self.plan.subtasks
        }
        for s in self.plan.subtasks:
            if s.id in new and not self._missing[s.id]:
                self._ready.put_nowait(self._rank[s.id])
        if not self._left:
            self._ready.put_nowait((0.0, 0, ""))

    async def next(self) -> Subtask | None:
        """The next subtask, as soon as one is ready; None when all have ended."""
        while True:
            place = await self._ready.get()
            if not self._left:
                self._ready.put_nowait(place)  # for whoever else waits, to go home as well
                return None
            if place[2] in self._left:  # and was not dropped meanwhile
                self._given.add(place[2])
                return self._subtasks[place[2]]

    @property
    def waiting(self) -> tuple[str, ...]:
        """The ids of the subtasks that nobody has begun, in the plan's order."""
        return tuple(
            s.id for s in self.plan.subtasks if s.id in self._left and s.id not in self._given
        )

    @property
    def open(self) -> frozenset[str]:
        """The ids of the subtasks that have not ended."""
        return frozenset(self._left)

    def received(self, subtask: Subtask) -> list[Report]:
        """The reports that a subtask builds on; a subtask that was dropped has none."""
        return [self.reports[need] for need in subtask.needs if need in self.reports]

    def close(self, subtask: str, report: Report | None) -> None:
        """Note a report (None: it was dropped), and set free what waited for it."""
        if subtask not in self._left:
            return  # it was dropped meanwhile
        if report:
            self.reports[subtask] = report
        self._left.discard(subtask)
        for follower in self._followers[subtask]:
            self._missing[follower] -= 1
            if not self._missing[follower] and follower in self._left:
                self._ready.put_nowait(self._rank[follower])
        if not self._left:
            self._ready.put_nowait((0.0, 0, ""))  # wakes those who wait

    def revise(self, revision: Revision, running: Collection[str] = ()) -> Revision:
        """Change the plan; returns what of the revision could be done.

        Only what nobody has begun, or is still `running`, can be dropped, and only what fits the
        plan be added: an id of its own, and needs that exist.
        """
        droppable = {*self.waiting, *(i for i in running if i in self._left)}
        dropped = tuple(i for i in revision.drop if i in droppable)
        known = set(self._subtasks)
        added: list[Subtask] = []
        for s in revision.add:
            if s.id not in known and known.issuperset(s.needs):
                added.append(s)
                known.add(s.id)
        self.plan = replace(self.plan, subtasks=(*self.plan.subtasks, *added))
        self._arrange({s.id for s in added})
        for i in dropped:
            self.close(i, None)
        return replace(revision, add=tuple(added), drop=dropped)
