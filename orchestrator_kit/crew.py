"""The crew: makes every call of a run within its limits and writes down every event.

At most `workers` worker calls are in flight, plus the orchestrator's own. Subtasks start as soon
as what they need has ended, the one with the longest path ahead first. A worker's failure becomes
a report with a failure, so that nobody's finished work is lost. Knows no prompts.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from orchestrator_kit.agenda import Agenda
from orchestrator_kit.answer import Failure, Report
from orchestrator_kit.errors import (
    BudgetSpent,
    MalformedReply,
    ModelError,
    PlanRefused,
    RunError,
    TruncatedReply,
)
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallRefused,
    CallStarted,
    Event,
    NotRead,
    SubtaskEnded,
    SubtaskStarted,
)
from orchestrator_kit.plan import Plan, Subtask, unsound

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model, Reply, Request
    from orchestrator_kit.roles.ask import Ask, Block
    from orchestrator_kit.tasks import Task

T = TypeVar("T")
Brief = Callable[[Subtask, Sequence[Report]], "Ask[Report]"]


class Crew:
    """The workers of one run, and the book of what they did.

    `models` are those that specialists name as their own; all else goes to `model`. `record` is
    called with each event as it happens. Times are seconds since the crew was made.
    """

    def __init__(
        self,
        task: Task,
        model: Model,
        *,
        workers: int,
        record: Callable[[Event], None],
        models: Mapping[str, Model] | None = None,
    ) -> None:
        self.task = task
        self.workers = workers
        self._model = model
        self._models = models or {}
        self._record = record
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._calls = 0
        self._slots = asyncio.Semaphore(workers)
        self._free = list(range(1, workers + 1))
        self._desk = asyncio.Lock()  # the centre is one, and makes one call at a time
        self._spent = 0  # tokens of ended calls
        self._reserved = 0  # the most that the calls in flight may still use
        self._reports: list[Report] = []
        self.failure: Failure | None = None  # the last call's that failed or was refused
        self._read: set[str] = set()  # sections that reached a model
        self._left_out: dict[str, None] = {}  # reports that did not; an ordered set

    @property
    def now(self) -> float:
        """Seconds since the run began, on the loop's clock, to the microsecond."""
        return round(self._loop.time() - self._began, 6)

    @property
    def plan_limit(self) -> int:
        """The most subtasks a plan may have: two for each specialist, or for each worker."""
        return 2 * max(len(self.task.specialists), self.workers)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text by the run's model."""
        return self._model.count_tokens(text)

    def note(self, event: Event) -> None:
        """Write an event into the record."""
        self._record(event)

    async def ask(self, ask: Ask[T]) -> T:
        """Make a call of the centre's own, outside the workers' slots, one at a time.

        Raises the RunError that befell it.
        """
        async with self._desk:
            return await self._call(ask, None)

    async def turn(self, ask: Ask[T]) -> T:
        """Make one call in a worker's slot, waiting for a free one. Raises its RunError."""
        return await self._in_slot(lambda worker: self._call(ask, worker))

    async def report(self, ask: Ask[Report]) -> Report:
        """Have a worker report, in a slot; what goes wrong is a report with a failure."""
        return await self._in_slot(lambda worker: self._work(ask, worker))

    async def reports(self, asks: Iterable[Ask[Report]]) -> list[Report]:
        """Have workers report on independent asks, `workers` at a time; in the asks' order."""
        jobs = enumerate(asks)
        done: dict[int, Report] = {}

        async def work() -> None:
            for n, ask in jobs:  # one iterator for all: each job goes to whoever is free
                done[n] = await self.report(ask)

        async with asyncio.TaskGroup() as group:
            for _ in range(self.workers):
                group.create_task(work())
        return [done[n] for n in range(len(done))]

    async def dispatch(self, plan: Plan, brief: Brief) -> list[Report]:
        """Work through a sound plan; the reports come in its order.

        A subtask starts when all it needs have ended, well or not; `brief` makes its ask from the
        reports that there are. An unsound plan is a PlanRefused.
        """
        if faults := unsound(plan):
            raise PlanRefused(f"the plan cannot be worked through: {'; '.join(faults[:5])}")
        workers = min(self.workers, len(plan.subtasks))
        agenda = Agenda(plan, self._weights(plan), workers)

        async def work() -> None:
            while (subtask := await agenda.next()) is not None:
                ask = brief(subtask, agenda.received(subtask))
                if plan.call is not None:  # the plan is a cause of all that is done for it
                    ask = replace(ask, uses=(plan.call, *ask.uses))
                agenda.close(subtask, await self.report(ask))

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
        return [agenda.reports[s.id] for s in plan.subtasks]

    def gaps(self) -> list[str]:
        """What the answer must declare: failed or empty reports, and what nobody read."""
        found = [gap for r in self._reports if (gap := r.gap())]
        found += [f"{b} was left out: too long for the window" for b in self._left_out]
        unread = [s.id for s in self.task.sections if s.id not in self._read]
        if unread:
            shown = ", ".join(unread[:6]) + (", …" if len(unread) > 6 else "")
            found.append(f"{len(unread)} of {len(self.task.sections)} sections unread: {shown}")
        return found

    async def _in_slot(self, job: Callable[[int], Awaitable[T]]) -> T:
        async with self._slots:
            worker = heapq.heappop(self._free)
            try:
                return await job(worker)
            finally:
                heapq.heappush(self._free, worker)

    async def _work(self, ask: Ask[Report], worker: int) -> Report:
        if ask.subtask:
            self.note(SubtaskStarted(self.now, ask.subtask, ask.agent, worker))
        try:
            report = await self._call(ask, worker)
        except RunError as e:
            report = Report(ask.agent, subtask=ask.subtask, failure=Failure(e.kind, str(e)))
        self._reports.append(report)
        if ask.subtask:
            kind = report.failure.kind if report.failure else None
            self.note(SubtaskEnded(self.now, ask.subtask, ask.agent, len(report.findings), kind))
        return report

    async def _call(self, ask: Ask[T], worker: int | None) -> T:
        model = self._models.get(ask.model or "", self._model)
        try:
            request, left_out = ask.request(model)
            estimate = self._reserve(ask, request, model)
        except RunError as e:
            self.failure = Failure(e.kind, str(e))
            self.note(CallRefused(self.now, ask.role, ask.agent, ask.subtask, e.kind, str(e)))
            raise
        self._calls += 1
        call = self._calls
        self.note(
            CallStarted(
                self.now,
                call,
                ask.role,
                ask.agent,
                worker,
                ask.subtask,
                ask.uses,
                request.format.name if request.format else None,
                request.messages,
                request.max_output_tokens,
            )
        )
        if left_out:
            self.note(NotRead(self.now, call, tuple(b.id for b in left_out)))
        try:
            reply = await model.complete(request)
            self._spent += reply.usage.total
            self.note(
                CallEnded(self.now, call, reply.text, reply.usage, reply.cost_usd, reply.finish)
            )
            value = self._parsed(ask, reply, call)
        except asyncio.CancelledError:
            self.note(CallFailed(self.now, call, "cancelled", "cancelled before it ended"))
            raise
        except ModelError as e:
            self.failure = Failure(e.kind, str(e))
            if e.usage:
                self._spent += e.usage.total
            self.note(CallFailed(self.now, call, e.kind, str(e), e.usage, e.cost_usd))
            raise
        finally:
            self._reserved -= estimate
        self._take_note_of(ask, left_out)
        return value

    @staticmethod
    def _parsed(ask: Ask[T], reply: Reply, call: int) -> T:
        try:
            return ask.parse(reply.text, call)
        except MalformedReply as e:
            if reply.finish == "length":
                raise TruncatedReply(f"cut off at the output limit; {e}") from None
            raise

    def _reserve(self, ask: Ask[T], request: Request, model: Model) -> int:
        """Set aside the most that a call may use; BudgetSpent where it is not there."""
        budget = self.task.budget.tokens
        if budget is None:
            return 0
        size = sum(model.count_tokens(m.content) for m in request.messages)
        estimate = size + request.max_output_tokens
        left = budget - self._spent - self._reserved
        if estimate > left:
            raise BudgetSpent(
                f"the call may take {estimate:,} tokens, {max(0, left):,} of {budget:,} are left"
            )
        self._reserved += estimate
        return estimate

    def _take_note_of(self, ask: Ask[T], left_out: Sequence[Block]) -> None:
        self._read.update(b.id for b in ask.blocks if b.tag == "section" and b not in left_out)
        reports = [f"{b.tag} {b.id}" for b in left_out if b.tag in ("report", "draft", "post")]
        self._left_out.update(dict.fromkeys(reports))

    def _weights(self, plan: Plan) -> dict[str, float]:
        """How long each subtask may take: what it has to read, in words, plus a fixed start."""
        words = {s.id: s.words for s in self.task.sections}
        whole = sum(words.values())
        return {
            s.id: 200.0 + (sum(words.get(i, 0) for i in s.sections) if s.sections else whole)
            for s in plan.subtasks
        }
