"""The tape: a model that records another one, and plays back what was recorded.

A call is known by what is asked of which model, for which role and subtask, and by its number
among equal calls of one run. What became of it is stored before the caller sees it. So a run that
was killed is resumed by running it again: what was answered is not bought twice. Runs of several
patterns on one tape share the answers to equal calls, which makes their comparison a paired one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from orchestrator_kit.errors import ModelError, NotOnTape, UsageError
from orchestrator_kit.models import simulated
from orchestrator_kit.models.base import (
    Message,
    Model,
    Pulse,
    Purpose,
    Reply,
    Request,
    Usage,
    innermost,
)
from orchestrator_kit.models.base import for_run as of_run
from orchestrator_kit.models.prices import price_of
from orchestrator_kit.models.reel import ModelOnTape, Outcome, Reel, Taken, digest
from orchestrator_kit.models.tokens import tokenizer_of

_SETTLE = 20  # turns of the loop after which everybody has asked who is going to
_GIVE_UP_S = 5.0  # on a recorded call that nobody asks for again


class Tape:
    """A recording of a model.

    With a `model` it goes on recording, and what is on the reel is played back: at once where time
    is real, in the order in which it was recorded; in the recorded time where it is virtual.
    Without one it only plays back, on virtual time, and what the reel lacks is a NotOnTape. A
    failure that nobody paid for and that nothing came after (an outage) is asked again where there
    is a model. `name` says whose recording is meant where a reel has several.
    """

    def __init__(
        self, reel: Reel | str | Path, model: Model | None = None, *, name: str | None = None
    ) -> None:
        self._owned = not isinstance(reel, Reel)
        self.reel = reel if isinstance(reel, Reel) else Reel(reel, record=model is not None)
        self.model = model
        if model is not None:
            self.reel.add_model(_described(model))
            name = model.name
        names = list(self.reel.models)
        if name is None and len(names) != 1:
            raise UsageError(f"{self.reel.path}: which recording? it has {', '.join(names)}")
        if (name or names[0]) not in self.reel.models:
            raise UsageError(f"{self.reel.path}: has {', '.join(names)}, but no {name}")
        self.about = self.reel.models[name or names[0]]
        self._settings = ""
        self._asked: Counter[bytes] = Counter()
        self._new_counts: dict[bytes, int] = {}
        self._began: float | None = None
        self._before = 0.0  # seconds of this run that were recorded by an earlier process
        self._queue: _InOrder | None = None

    def for_run(self, settings: str) -> Tape:
        """The same tape at the beginning of a run."""
        model = None if self.model is None else of_run(self.model, settings)
        run = Tape(self.reel, model, name=self.name)
        run._settings = settings
        return run

    @property
    def name(self) -> str:
        return self.about.name

    @property
    def window(self) -> int:
        return self.about.window

    @property
    def max_output_tokens(self) -> int:
        return self.about.max_output_tokens

    @property
    def parallel(self) -> int | None:
        return self.about.parallel

    @property
    def beats(self) -> bool:
        return self.about.beats

    @property
    def seed(self) -> int | None:
        return self.about.seed

    @property
    def virtual(self) -> bool:
        return self.model is None or self.model.virtual

    def __repr__(self) -> str:
        return f"Tape({str(self.reel.path)!r}, {self.model or self.name!r})"

    def count_tokens(self, text: str) -> int:
        """Tokens as the recorded model counts them; NotOnTape where nobody can tell."""
        if self.about.counter == "simulated":
            return simulated.count_tokens(text)
        if self.about.counter == "named":
            return tokenizer_of(self.name)(text)
        key = digest(self.name, text)
        known = self.reel.counts.get(key) or self._new_counts.get(key)
        if known is None:
            if self.model is None:
                raise NotOnTape(f"{self.reel.path}: does not say how long a text of this run is")
            known = self._new_counts[key] = self.model.count_tokens(text)
        return known

    def price(self, usage: Usage) -> float | None:
        """US dollars by the recorded model's prices, as far as they are known."""
        if self.model is not None:
            return self.model.price(usage)
        if self.about.counter == "simulated":
            return _simulated(self.about).price(usage)
        price = price_of(self.name)
        return price.cost(usage) if price else None

    async def aclose(self) -> None:
        """Give back the model's connections, and the file where it was opened here."""
        if self.model is not None:
            await self.model.aclose()
        if self._owned:
            self.reel.close()

    async def complete(self, request: Request) -> Reply:
        """What was recorded, or what the model says now."""
        purpose = request.purpose or Purpose("", "")
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
            if not self.virtual:
                self._before = self.reel.last_end(self._settings)
        key = self._key(request, purpose)
        self._asked[key] += 1
        ordinal = self._asked[key]
        taken = self.reel.calls.get((key, ordinal))
        if taken is not None and self._stands(taken):
            await self._pass_time(taken, request.pulse)
            return self._again(taken.outcome)
        if self.model is None:
            raise NotOnTape(
                f"{self.reel.path}: has no reply to this request of {purpose.agent}"
                f"{f' for {purpose.subtask}' if purpose.subtask else ''}; "
                "run it as it was recorded, or with the model"
            )
        return await self._taken_down(self.model, request, purpose, key, ordinal)

    def _stands(self, taken: Taken) -> bool:
        """Whether what was recorded is final, and not an outage that may be over by now."""
        return (
            self.model is None
            or taken.outcome.paid
            or (taken.key, taken.ordinal + 1) in self.reel.calls
        )

    @property
    def _now(self) -> float:
        assert self._began is not None
        return round(asyncio.get_running_loop().time() - self._began, 6)

    async def _pass_time(self, taken: Taken, pulse: Pulse | None) -> None:
        """Wait as long as it takes for calls to end in the order in which they were recorded."""
        outcome, same_run = taken.outcome, taken.settings == self._settings
        if not self.virtual:
            if same_run:
                if self._queue is None:
                    self._queue = _InOrder(self.reel, self._settings)
                await self._queue.turn(taken)
            return
        # A recorded second had overhead in it, which virtual time has not: calls begin earlier.
        now = self._now
        early = same_run and now <= outcome.started + 1e-6
        left = outcome.ended - now if early else outcome.seconds
        if pulse is not None and self.beats:
            written, whole = outcome.output_tokens or 0, left
            while left > pulse.every_s:
                await asyncio.sleep(pulse.every_s)
                left -= pulse.every_s
                pulse.beat(int(written * (1 - left / whole)))
        await asyncio.sleep(max(0.0, left))

    def _again(self, outcome: Outcome) -> Reply:
        """The recorded reply, or the recorded failure raised."""
        usage = None
        if outcome.input_tokens is not None:
            written = outcome.output_tokens or 0
            usage = Usage(outcome.input_tokens, written, outcome.estimated)
        if outcome.kind is None:
            assert usage is not None
            cut = outcome.finish == "length"
            return Reply(outcome.text, usage, outcome.cost_usd, "length" if cut else "stop")
        error = _error_of(outcome.kind)(outcome.text)
        error.usage, error.cost_usd = usage, outcome.cost_usd
        error.retry_after = outcome.retry_after
        raise error

    async def _taken_down(
        self, model: Model, request: Request, purpose: Purpose, key: bytes, ordinal: int
    ) -> Reply:
        """The model's answer, on the reel before anybody sees it."""
        loop = asyncio.get_running_loop()
        began, started = loop.time(), self._before + self._now
        error: ModelError | None = None
        reply: Reply | None = None
        try:
            reply = await model.complete(request)
        except ModelError as e:
            error = e
        seconds = round(loop.time() - began, 6)
        outcome = Outcome(started, self._before + self._now, seconds)
        if reply is not None:
            usage, cost = reply.usage, reply.cost_usd
            outcome = replace(outcome, text=reply.text, finish=reply.finish)
        else:
            assert error is not None
            usage, cost = error.usage, error.cost_usd
            outcome = replace(
                outcome, text=str(error), kind=error.kind, retry_after=error.retry_after
            )
        if usage is not None:
            outcome = replace(
                outcome,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                estimated=usage.estimated,
                cost_usd=cost,
            )
        schema = request.format.schema_text if request.format else ""
        self.reel.add(
            Taken(key, ordinal, self._settings, outcome),
            {
                "model": self.name,
                "role": purpose.role,
                "agent": purpose.agent,
                "subtask": purpose.subtask,
                "messages": [[m.speaker, digest(m.content).hex()] for m in request.messages],
                "format": request.format.name if request.format else None,
                "schema": digest(schema).hex(),
                "max_output_tokens": request.max_output_tokens,
                "temperature": request.temperature,
                "sample": request.sample,
            },
            [*(m.content for m in request.messages), schema],
            self._new_counts,
        )
        self._new_counts = {}
        if error is not None:
            raise error
        assert reply is not None
        return reply

    def _key(self, request: Request, purpose: Purpose) -> bytes:
        form = request.format
        return digest(
            self.name,
            purpose.role,
            purpose.subtask or "",
            f"{request.max_output_tokens} {request.temperature} {request.sample}",
            f"{form.name} {form.schema_text}" if form else "",
            *map(_message_digest, request.messages),
        )


class _InOrder:
    """Lets recorded calls end in the order in which they were recorded, without their waits.

    Patterns in which agents look at what others did until now ask the same again only so.
    """

    def __init__(self, reel: Reel, settings: str) -> None:
        mine = [t for t in reel.calls.values() if t.settings == settings]
        mine.sort(key=lambda t: t.outcome.ended)
        self._line = [(t.key, t.ordinal) for t in mine]
        self._place = {call: n for n, call in enumerate(self._line)}
        self._at = 0  # whose turn it is
        self._gone: set[int] = set()
        self._here: dict[int, asyncio.Event] = {}

    async def turn(self, taken: Taken) -> None:
        """Wait for this call's turn, and so long at most for one before it to be asked for."""
        place = self._place[taken.key, taken.ordinal]
        mine = self._here[place] = asyncio.Event()
        try:
            for _ in range(_SETTLE):
                await asyncio.sleep(0)
            while self._at < place:
                at = self._at
                try:
                    async with asyncio.timeout(_GIVE_UP_S):
                        await mine.wait()
                except TimeoutError:
                    if self._at == at and at not in self._here:
                        self._leaves(at)
        finally:
            del self._here[place]
            self._leaves(place)

    def _leaves(self, place: int) -> None:
        self._gone.add(place)
        while self._at in self._gone:
            self._gone.discard(self._at)
            self._at += 1
        if following := self._here.get(self._at):
            following.set()


def simulated_of(reel: Reel) -> simulated.SimulatedModel | None:
    """The model of a reel that has only a simulated one, made again; None for any other reel."""
    about = list(reel.models.values())
    return _simulated(about[0]) if [m.counter for m in about] == ["simulated"] else None


def _simulated(about: ModelOnTape) -> simulated.SimulatedModel:
    profile = about.name.removeprefix("simulated-")
    return simulated.SimulatedModel(about.seed or 0, profile)


def _described(model: Model) -> ModelOnTape:
    inner = innermost(model)  # a fault plan around it counts as it does
    if isinstance(inner, simulated.SimulatedModel):
        known = simulated.PROFILES.get(inner.profile.name) == inner.profile
        counter = "simulated" if known else "recorded"
    else:
        counter = "named" if type(inner).__name__ == "EndpointModel" else "recorded"
    return ModelOnTape(
        model.name,
        model.window,
        model.max_output_tokens,
        model.parallel,
        model.beats,
        model.virtual,
        getattr(model, "seed", None),
        counter,
    )


def _error_of(kind: str) -> type[ModelError]:
    """The class of a failure's kind."""
    classes = [ModelError]
    for one in classes:
        if one.kind == kind:
            return one
        classes += one.__subclasses__()
    return ModelError


@lru_cache(maxsize=16_384)
def _message_digest(message: Message) -> bytes:
    return digest(message.speaker, message.content)
