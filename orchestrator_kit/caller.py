"""The caller: makes one call within the window, the budget and the time, and writes it down.

What goes wrong is raised as the RunError that it is; what to do about it is the crew's part.
Knows no prompts.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, TypeVar

from orchestrator_kit.answer import Failure
from orchestrator_kit.errors import (
    BudgetSpent,
    CalledOff,
    MalformedReply,
    ModelError,
    ModelTimeout,
    RunError,
    Silent,
    TruncatedReply,
)
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallRefused,
    CallStarted,
    Event,
    Heartbeat,
    NotRead,
    Step,
)
from orchestrator_kit.models.base import Pulse, Purpose, Usage
from orchestrator_kit.purse import Estimate, Purse
from orchestrator_kit.recovery import Patience, Recovery

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model, Reply, Request
    from orchestrator_kit.roles.ask import Ask, Block
    from orchestrator_kit.tasks import Task

T = TypeVar("T")
BEATS_TO_MISS = 3  # in a row, before it is taken for silence


@dataclass(slots=True)
class InFlight:
    """A call under way: who makes it and for what, since when, and when it was last heard of.

    Times are seconds since the run began, `tokens` what it had written when last heard.
    """

    call: int
    role: str
    agent: str
    worker: int | None
    subtask: str | None
    since: float
    heard: float
    tokens: int = 0
    called_off: str | None = None  # why, where somebody did
    cut: bool = False  # by us, before a reply came
    limit: asyncio.Timeout | None = None


class Caller:
    """Makes the calls of one run and keeps their book; `note` hears every event.

    Times are seconds since the caller was made.
    """

    def __init__(
        self,
        task: Task,
        model: Model,
        models: Mapping[str, Model],
        recovery: Recovery,
        note: Callable[[Event], None],
    ) -> None:
        self.model = model
        self.note = note
        self.in_flight: dict[int, InFlight] = {}
        self.failure: Failure | None = None  # the last call's that failed or was refused
        self.read: set[str] = set()  # sections that reached a model
        self.left_out: dict[str, None] = {}  # reports that did not; an ordered set
        self._models = models
        self._recovery = recovery
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._seconds = task.budget.seconds
        self._purse = Purse(task.budget)
        self._calls = 0
        self._stretch: dict[str, float] = {}  # input tokens stated, over those counted here
        self._patience: dict[str, Patience] = defaultdict(lambda: Patience(recovery.hedge or 0.5))
        self._written = 0  # output tokens of the calls that ended, and their seconds
        self._writing_s = 0.0
        self._longest: dict[str, int] = {}  # output tokens of the longest reply of each kind

    @property
    def now(self) -> float:
        """Seconds since the run began, on the loop's clock, to the microsecond."""
        return round(self._loop.time() - self._began, 6)

    @property
    def left_s(self) -> float:
        """Seconds that the budget still has; infinite where it has no limit."""
        return float("inf") if self._seconds is None else self._seconds - self.now

    def model_of(self, ask: Ask[T]) -> Model:
        """The model that an ask goes to: the specialist's own, the role's, or the run's."""
        return self._models.get(ask.model or ask.role, self.model)

    def slow_after(self, ask: Ask[T]) -> float | None:
        """After how many seconds a call of this kind is slow; None where nobody can say."""
        return self._patience[ask.format.name].seconds

    def call_off(self, call: int, why: str) -> None:
        """Cut a call under way, which then fails as "cancelled"."""
        state = self.in_flight[call]
        state.called_off = why
        if state.limit:
            state.limit.reschedule(self._loop.time())

    async def call(
        self, ask: Ask[T], worker: int | None = None, step: Step = "first", attempt: int = 1
    ) -> T:
        """Make one call and return what its reply means. Raises the RunError that befell it."""
        model = self.model_of(ask)
        request, left_out, estimate = self._prepared(ask, model)
        state = self._begin(ask, request, worker, step, attempt)
        if left_out:
            self.note(NotRead(self.now, state.call, tuple(b.id for b in left_out)))
        purpose = Purpose(ask.role, ask.agent, worker, ask.subtask, attempt, state.call)
        patience = self._patience[ask.format.name]
        patience.begin()
        usage: Usage | None = None
        cost = took = None
        try:
            reply = await self._reply(model, replace(request, purpose=purpose), state)
            usage, cost = reply.usage, reply.cost_usd
            self.note(CallEnded(self.now, state.call, reply.text, usage, cost, reply.finish))
            value = _understood(ask, reply, state.call)
            took = self.now - state.since
            self._take_note_of(ask, left_out)
            self._learn(ask.format.name, usage, took)
            if estimate and not usage.estimated:
                stretch = usage.input_tokens / max(1, _size(request, model))
                self._stretch[model.name] = max(stretch, self._stretch.get(model.name, 1.0))
            return value
        except (RunError, asyncio.CancelledError) as e:
            paid: tuple[Usage | None, float | None] = None, None
            if usage is None:  # otherwise the reply came, and stands in the record
                most = self._longest.get(ask.format.name, request.max_output_tokens)
                paid = usage, cost = self._paid(e, model, request, state, most)
            self._fail(state, e, *paid)
            raise
        finally:
            self._purse.settle(estimate, usage, cost)
            patience.end(took)
            del self.in_flight[state.call]

    def _prepared(
        self, ask: Ask[T], model: Model
    ) -> tuple[Request, tuple[Block, ...], Estimate | None]:
        """The request that fits the window, what it leaves out, and what is set aside for it."""
        try:
            if self.left_s <= 0:
                raise BudgetSpent(f"the {self._seconds:g} s of the budget are over")
            request, left_out = ask.request(model)
            if not self._purse.limited:
                return request, left_out, None
            # Servers add marks of their own, and count by other tokenizers: their count is learnt.
            size = ceil(self._stretch.get(model.name, 1.0) * _size(request, model))
            most = Usage(size, request.max_output_tokens)
            return request, left_out, self._purse.reserve(model, most)
        except RunError as e:
            self.failure = Failure(e.kind, str(e))
            self.note(CallRefused(self.now, ask.role, ask.agent, ask.subtask, e.kind, str(e)))
            raise

    def _begin(
        self, ask: Ask[T], request: Request, worker: int | None, step: Step, attempt: int
    ) -> InFlight:
        self._calls += 1
        call, now = self._calls, self.now
        form = request.format.name if request.format else None
        self.note(
            CallStarted(
                *(now, call, ask.role, ask.agent, worker, ask.subtask, ask.uses, form),
                *(request.messages, request.max_output_tokens, step, attempt),
            )
        )
        state = InFlight(call, ask.role, ask.agent, worker, ask.subtask, now, now)
        self.in_flight[call] = state
        return state

    async def _reply(self, model: Model, request: Request, state: InFlight) -> Reply:
        """The model's reply, unless it is silent or slow for too long, or is called off."""
        loop, silence_s = self._loop, self._recovery.silence_s
        end = loop.time() + min(self._recovery.deadline_s, self.left_s)
        when = end
        if silence_s is not None:
            # Nobody can say how long a server thinks, or whether it will be heard at all, before
            # it writes. Where a model does not beat from the beginning, only then silence counts.
            at_once = model.beats
            if at_once:
                when = min(end, loop.time() + silence_s)

            def beat(tokens: int) -> None:
                state.heard, state.tokens = self.now, tokens
                self.note(Heartbeat(state.heard, state.call, tokens))
                if (at_once or tokens) and not state.called_off and not limit.expired():
                    limit.reschedule(min(end, loop.time() + silence_s))

            request = replace(request, pulse=Pulse(silence_s / BEATS_TO_MISS, beat))
        try:
            async with asyncio.timeout_at(when) as limit:
                state.limit = limit
                return await model.complete(request)
        except TimeoutError:
            if not limit.expired():
                raise  # not ours
            state.cut = True
        if state.called_off is not None:
            raise CalledOff(f"called off: {state.called_off}")
        if self.left_s <= 0:
            raise BudgetSpent(f"the {self._seconds:g} s of the budget are over")
        if self._loop.time() < end:
            raise Silent(f"no sign of life for {silence_s:g} s")
        raise ModelTimeout(f"no reply within {self._recovery.deadline_s:g} s")

    def _paid(
        self,
        error: RunError | asyncio.CancelledError,
        model: Model,
        request: Request,
        state: InFlight,
        most: int,
    ) -> tuple[Usage | None, float | None]:
        """What a call took that brought no reply.

        Nobody states it where the call was cut under way, or broke off after it had been heard to
        write. It is then taken to have written what it was last heard to have written, or what
        calls of this run write in such a time, but not more than `most`: it was cut because it was
        slow, and hardly wrote at their speed.
        """
        if isinstance(error, ModelError) and not state.cut and (error.usage or not state.tokens):
            return error.usage, error.cost_usd
        written = state.tokens
        if not written and self._writing_s:
            rate = self._written / self._writing_s
            written = min(most, int(rate * (self.now - state.since)))
        written = min(written, request.max_output_tokens)
        usage = Usage(_size(request, model), written, estimated=True)
        return usage, model.price(usage)

    def _fail(
        self,
        state: InFlight,
        error: RunError | asyncio.CancelledError,
        usage: Usage | None,
        cost: float | None,
    ) -> None:
        kind, message = "cancelled", "cancelled before it ended"
        if isinstance(error, RunError):
            error.call = state.call
            kind, message = error.kind, str(error)
            self.failure = Failure(kind, message)
        self.note(CallFailed(self.now, state.call, kind, message, usage, cost))

    def _learn(self, kind: str, usage: Usage, seconds: float) -> None:
        """How much replies of a kind write, and how fast: so that a cut one can be estimated."""
        self._written += usage.output_tokens
        self._writing_s += seconds
        self._longest[kind] = max(self._longest.get(kind, 0), usage.output_tokens)

    def _take_note_of(self, ask: Ask[T], left_out: Sequence[Block]) -> None:
        self.read.update(b.id for b in ask.blocks if b.tag == "section" and b not in left_out)
        reports = [f"{b.tag} {b.id}" for b in left_out if b.tag in ("report", "draft", "post")]
        self.left_out.update(dict.fromkeys(reports))


def _understood(ask: Ask[T], reply: Reply, call: int) -> T:
    try:
        return ask.parse(reply.text, call)
    except MalformedReply as e:
        if reply.finish == "length":
            raise TruncatedReply(f"cut off at the output limit; {e}") from None
        raise


def _size(request: Request, model: Model) -> int:
    return sum(model.count_tokens(m.content) for m in request.messages)
