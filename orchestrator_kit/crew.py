"""The crew: has the calls of a run made, within its limits, and does what it can when they fail.

At most `workers` workers are at work, plus the orchestrator's own calls, one at a time. Subtasks
start as soon as what they need has ended, the one with the longest path ahead first. A call that
fails is remedied by the run's policy (`recovery`); what is given up becomes a report with a
failure, so that nobody's finished work is lost. Knows no prompts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from orchestrator_kit.agenda import Agenda
from orchestrator_kit.answer import Failure, Report
from orchestrator_kit.caller import Caller, InFlight
from orchestrator_kit.errors import (
    CalledOff,
    CentreGone,
    ContextOverflow,
    Killed,
    ModelError,
    NotOnTape,
    PlanRefused,
    RunError,
)
from orchestrator_kit.events import (
    Event,
    PlanRevised,
    Reported,
    Staffed,
    Step,
    SubtaskEnded,
    TookOver,
)
from orchestrator_kit.group import together
from orchestrator_kit.plan import Plan, Revision, Subtask, unsound
from orchestrator_kit.record import taken_down
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.remedies import Job, Remedies
from orchestrator_kit.staff import Staff

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model
    from orchestrator_kit.roles.ask import Ask
    from orchestrator_kit.tasks import Section, Task

T = TypeVar("T")
Brief = Callable[[Subtask, Sequence[Report]], "Ask[Report]"]
# What the orchestrator makes of a report that came in: the one to keep, and a change of plan.
Supervise = Callable[[Subtask, Report, Agenda], Awaitable[tuple[Report, Revision]]]


class Crew:
    """The workers of one run, and the record of what they did.

    `models` are those that specialists name as their own, and a role's by its name ("worker",
    "synthesizer"); all else goes to `model`. `events` grows with the run; `listen` hears each
    event as it happens.
    """

    def __init__(
        self,
        task: Task,
        model: Model,
        *,
        workers: int,
        models: Mapping[str, Model] | None = None,
        recovery: Recovery | None = None,
        listen: Callable[[Event], None] | None = None,
    ) -> None:
        self.task = task
        self.workers = workers
        self.recovery = recovery or Recovery()
        self.events: list[Event] = []
        self._listen = listen
        self._caller = Caller(task, model, models or {}, self.recovery, self.note)
        self._staff = Staff(workers, self._staffed)
        self._remedies = Remedies(self._caller, self._staff, self.recovery)
        self._desk = asyncio.Lock()  # the centre is one, and makes one call at a time
        self._centre = ""  # "standby " once the first one was killed
        self._reports: dict[object, Report] = {}
        self._lost: list[str] = []  # what is missing though no report says so

    @property
    def now(self) -> float:
        """Seconds since the run began, on the loop's clock, to the microsecond."""
        return self._caller.now

    @property
    def plan_limit(self) -> int:
        """The most subtasks a plan may have: two for each specialist, or for each worker.

        However many workers there are, no reply of a planner has room for more than some forty.
        """
        return 2 * max(len(self.task.specialists), min(self.workers, 20))

    @property
    def failure(self) -> Failure | None:
        """The last call's that failed or was refused."""
        return self._caller.failure

    @property
    def reported(self) -> list[Report]:
        """What was reported so far, the latest of each piece of work."""
        return list(self._reports.values())

    @property
    def unread(self) -> list[Section]:
        """The sections that no call has read so far."""
        return [s for s in self.task.sections if s.id not in self._caller.read]

    def declare(self, gap: str) -> None:
        """Have the answer name something that is missing."""
        self._lost.append(gap)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text by the run's model."""
        return self._caller.model.count_tokens(text)

    def fits(self, ask: Ask[T]) -> bool:
        """Whether an ask fits its model's window with all its material."""
        try:
            return not ask.request(self._caller.model_of(ask))[1]
        except ContextOverflow:
            return False

    def room_for(self, ask: Ask[T]) -> int:
        """The most tokens that the reply to an ask may have."""
        return ask.output(self._caller.model_of(ask))

    def note(self, event: Event) -> None:
        """Write an event into the record."""
        self.events.append(event)
        if self._listen:
            self._listen(event)

    async def ask(self, ask: Ask[T], *, blindly: bool = True) -> T:
        """Make a call of the centre's own, outside the workers' slots, one at a time.

        Raises the RunError that retries could not help, or CentreGone. A reply that cannot be
        read is asked for once more in the same words, unless not `blindly`: who asks can say what
        was wrong.
        """
        if self._centre:
            ask = replace(ask, agent=self._centre + ask.agent)
        async with self._desk:
            try:
                return await self._remedies.by_one(ask, None, Job(blindly=blindly))
            except Killed as e:
                raise CentreGone(str(e)) from None

    async def turn(self, ask: Ask[T], step: Step = "first") -> T | None:
        """Have a worker make one call, in a slot; None where it was given up."""
        try:
            return await self._remedies.by_workers(ask, Job(step))
        except RunError as e:
            self._give_up(ask, e)
            return None

    async def report(self, ask: Ask[Report]) -> Report:
        """Have a worker report, in a slot; what was given up is a report with a failure."""
        try:
            report = await self._remedies.by_workers(ask, Job())
        except RunError as e:
            report = await self._divided(ask, e, self.recovery.split)
        self.accept(report)
        if ask.subtask:
            kind = report.failure.kind if report.failure else None
            self.note(SubtaskEnded(self.now, ask.subtask, ask.agent, len(report.findings), kind))
        return report

    def accept(self, report: Report) -> None:
        """Keep a report; it takes the place of an earlier one of the same subtask."""
        self._reports[report.subtask or len(self._reports)] = report
        self.note(Reported(self.now, report))

    async def reports(self, asks: Iterable[Ask[Report]]) -> list[Report]:
        """Have workers report on independent asks, `workers` at a time; in the asks' order."""
        jobs = enumerate(asks)
        done: dict[int, Report] = {}

        async def work() -> None:
            for n, ask in jobs:  # one iterator for all: each job goes to whoever is free
                done[n] = await self.report(ask)

        async with together() as group:
            for _ in range(self.workers):
                group.create_task(work())
        return [done[n] for n in range(len(done))]

    async def dispatch(
        self,
        plan: Plan,
        brief: Brief,
        *,
        supervise: Supervise | None = None,
        known: Mapping[str, Report] | None = None,
    ) -> list[Report]:
        """Work through a sound plan, by as many workers as it wants; the reports in its order.

        A subtask starts when all it needs have ended, well or not; `brief` makes its ask from the
        reports that there are. `supervise` may better each report and change the plan; what is
        `known` is not done again. An unsound plan is a PlanRefused.
        """
        if faults := unsound(plan):
            raise PlanRefused(f"the plan cannot be worked through: {'; '.join(faults[:5])}")
        for report in (known or {}).values():
            self._reports[report.subtask] = report
        agenda = Agenda(plan, self._weight(), (known or {}).values())
        hands = min(self.workers, plan.workers or self.workers, len(plan.subtasks))

        async def work() -> None:
            while (subtask := await agenda.next()) is not None:
                ask = brief(subtask, agenda.received(subtask))
                if agenda.plan.call is not None:  # the plan is a cause of all done for it
                    ask = replace(ask, uses=(agenda.plan.call, *ask.uses))
                report = await self.report(ask)
                if supervise:  # while this worker goes on to the next subtask
                    group.create_task(oversee(supervise, subtask, report))
                else:
                    agenda.close(subtask.id, report)

        async def oversee(supervise: Supervise, subtask: Subtask, report: Report) -> None:
            nonlocal hands
            report, change = await supervise(subtask, report, agenda)
            if change.add or change.drop:
                done = agenda.revise(change, self.running())
                added = tuple(s.id for s in done.add)
                for name in done.drop:
                    self.cancel(name, f"dropped from the plan: {done.why}")
                self.note(PlanRevised(self.now, agenda.plan, added, done.drop, done.why, done.call))
                for _ in range(min(self.workers - hands, len(added))):
                    hands += 1
                    self.note(Staffed(self.now, hands, "added", "the plan has grown"))
                    group.create_task(work())
            agenda.close(subtask.id, report)

        async with together() as group:
            for _ in range(hands):
                group.create_task(work())
        return [agenda.reports[s.id] for s in agenda.plan.subtasks if s.id in agenda.reports]

    def status(self) -> tuple[InFlight, ...]:
        """The calls under way: who is at what, since when, and when it was last heard of."""
        return tuple(replace(state) for state in self._caller.in_flight.values())

    def running(self) -> dict[str, float]:
        """The subtasks at which somebody is and that have no report yet: since when, in seconds."""
        at_work = ((c.subtask, c.since) for c in self._caller.in_flight.values())
        return {name: t for name, t in at_work if name is not None and name not in self._reports}

    def cancel(self, subtask: str, why: str) -> bool:
        """Call off what is under way for a subtask, for good; whether there was something."""
        calls = [c.call for c in self._caller.in_flight.values() if c.subtask == subtask]
        for call in calls:
            self._caller.call_off(call, why)
        return bool(calls)

    def take_over(self, error: CentreGone) -> tuple[Plan | None, dict[str, Report]]:
        """Put a standby in the centre's place: the plan and the reports that the record has.

        Raises the error where the policy has no standby, or that one is gone as well.
        """
        if not self.recovery.standby or self._centre:
            raise error
        self._centre = "standby "
        plan, reports = taken_down(self.events)
        self.note(TookOver(self.now, "standby orchestrator", error.kind, tuple(reports)))
        return plan, reports

    def gaps(self) -> list[str]:
        """What the answer must declare: failed or empty reports, and what nobody read."""
        found = [gap for r in self._reports.values() if (gap := r.gap())] + self._lost
        found += [f"{b} was left out: too long for the window" for b in self._caller.left_out]
        if unread := [s.id for s in self.unread]:
            shown = ", ".join(unread[:6]) + (", …" if len(unread) > 6 else "")
            found.append(f"{len(unread)} of {len(self.task.sections)} sections unread: {shown}")
        return found

    def _give_up(self, ask: Ask[T], error: RunError) -> None:
        """The end of all remedies: go on without it, or end the run, as the policy says."""
        self._remedies.note(ask, error.call, error.kind, self.recovery.then)
        if self.recovery.then == "stop":
            raise error

    async def _divided(self, ask: Ask[Report], error: RunError, depth: int) -> Report:
        """What becomes of work that failed: its halves' findings, or a failure."""
        final = CalledOff, NotOnTape  # half of the work is neither wanted nor on the tape
        may = depth and isinstance(error, ModelError) and not isinstance(error, final)
        halves = ask.halves() if may else ()
        if not halves:
            self._give_up(ask, error)
            failure = Failure(error.kind, str(error))
            return Report(ask.agent, subtask=ask.subtask, failure=failure)
        self._remedies.note(ask, error.call, error.kind, "split")

        async def part(half: Ask[Report]) -> Report:
            try:
                return await self._remedies.by_workers(half, Job("split"))
            except RunError as e:
                return await self._divided(half, e, depth - 1)

        async with together() as group:
            tasks = [group.create_task(part(half)) for half in halves]
        parts = [task.result() for task in tasks]
        for half, found in zip(halves, parts, strict=True):
            if found.failure:
                lost = ", ".join(b.id for b in half.blocks if b.tag == "section")
                self.declare(f"{found.gap()}, on {lost}")
        return Report.of_parts(parts)

    def _staffed(self, worker: int, change: str, why: str) -> None:
        self.note(Staffed(self.now, worker, "added" if change == "added" else "retired", why))

    def _weight(self) -> Callable[[Subtask], float]:
        """How long a subtask may take: what it has to read, in words, plus a fixed start."""
        words = {s.id: s.words for s in self.task.sections}
        whole = sum(words.values())
        return lambda s: 200.0 + (sum(words.get(i, 0) for i in s.sections) if s.sections else whole)
