"""The tape: a model that records another one, and plays back what was recorded.

A call is known by what is asked of which model, for which role and subtask, and by its number
among equal calls of one run. What became of it is stored before the caller sees it. So a run that
was killed is resumed by running it again: what was answered is not bought twice. Runs of several
patterns on one tape share the answers to equal calls, which makes their comparison a paired one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

from orchestrator_kit.errors import ModelError, NotOnTape, TapeError, UsageError
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
from orchestrator_kit.models.course import Course, joined
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.models.prices import price_of
from orchestrator_kit.models.reel import CUT, ModelOnTape, Outcome, Reel, Taken, digest, text_digest
from orchestrator_kit.models.tokens import tokenizer_of


class Tape:
    """A recording of a model.

    With a `model` it goes on recording, and what is on the reel is played back: at once where time
    is real, in the order in which it was recorded; in the recorded time where it is virtual.
    Without one it only plays back, on virtual time, and what the reel lacks is a NotOnTape. Where
    there is a model, an outage (a failure that nobody paid for and that nothing came after) is
    asked again, and so is a call that was cut off. `name` says whose recording is meant where a
    reel has several.
    """

    late_s = 1.0  # by how much, on virtual time, a call may be cut off later than when recorded

    def __init__(
        self, reel: Reel | str | Path, model: Model | None = None, *, name: str | None = None
    ) -> None:
        self._owned = not isinstance(reel, Reel)
        self.reel = reel if isinstance(reel, Reel) else Reel(reel, record=model is not None)
        self.model = model
        try:
            self.about = self._which(model, name)
        except BaseException:
            if self._owned:
                self.reel.close()
            raise
        self._course: Course | None = None

    def _which(self, model: Model | None, name: str | None) -> ModelOnTape:
        """Whose recording this is."""
        if model is not None:
            self.reel.add_model(_described(model))
            name = model.name
        path, names = self.reel.path, list(self.reel.models)
        if not names:
            raise TapeError(f"{path}: there is nothing recorded")
        if name is None and len(names) != 1:
            raise UsageError(f"{path}: which recording? it has {', '.join(names)}")
        if (name or names[0]) not in self.reel.models:
            raise UsageError(f"{path}: has {', '.join(names)}, but no {name}")
        return self.reel.models[name or names[0]]

    def for_run(self, settings: str) -> Tape:
        """The same tape at the beginning of a run."""
        self.reel.open()
        model = None if self.model is None else of_run(self.model, settings)
        run = Tape(self.reel, model, name=self.name)
        run._course = joined(self.reel, settings, self, run._fresh(settings))
        with suppress(RuntimeError):  # no loop is running: then it begins with its first call
            run._course.begin()
        return run

    def _fresh(self, settings: str) -> Course:
        """The course of a run that begins now."""
        if self.virtual:
            return Course(settings, 0.0, ())
        mine = [t for t in self.reel.calls.values() if t.settings == settings]
        mine.sort(key=lambda t: t.outcome.ended)
        before = mine[-1].outcome.ended if mine else 0.0
        return Course(settings, before, filter(self._stands, mine))

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
        known = self.reel.counts.get(key)
        if known is None:
            if self.model is None:
                raise NotOnTape(f"{self.reel.path}: does not say how long a text of this run is")
            known = self.model.count_tokens(text)
            self.reel.add_count(key, known)
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
        if self._course is None:
            self._course = self._fresh("")
        key = self._key(request, purpose)
        self._course.asked[key] += 1
        ordinal = self._course.asked[key]
        taken = self.reel.calls.get((key, ordinal))
        if taken is not None and self._stands(taken):
            self.reel.played += 1
            await self._pass_time(self._course, taken, request.pulse)
            return self._again(taken.outcome)
        if self.model is not None:
            return await self._taken_down(self.model, request, purpose, self._course, key, ordinal)
        raise NotOnTape(
            f"{self.reel.path}: has no reply to this request of {purpose.agent or 'nobody'}"
            f"{f' for {purpose.subtask}' if purpose.subtask else ''}; "
            "run it as it was recorded, or with the model"
        )

    def _stands(self, taken: Taken) -> bool:
        """Whether what was recorded is final, and not an outage that may be over by now."""
        followed = (taken.key, taken.ordinal + 1) in self.reel.calls
        return self.model is None or taken.outcome.paid or (followed and not taken.outcome.cut)

    async def _pass_time(self, course: Course, taken: Taken, pulse: Pulse | None) -> None:
        """Wait as long as it takes for calls to end in the order in which they were recorded."""
        if not self.virtual:
            await course.turn(taken)
            return
        outcome, now = taken.outcome, course.now
        # A recorded second had overhead in it, which virtual time has not: calls begin earlier.
        early = taken.settings == course.settings and now <= outcome.started + 1e-6
        left = outcome.ended - now if early else outcome.seconds
        loop = asyncio.get_running_loop()
        end = loop.time() + left
        if pulse is not None and self.beats:
            for at, tokens in _beats(outcome, pulse.every_s):
                await asyncio.sleep(max(0.0, end - outcome.seconds + at - loop.time()))
                pulse.beat(tokens)
        if outcome.cut:
            end += self.late_s
        if end - loop.time() > 1e-6:  # what failed at once gave nobody else a turn
            await asyncio.sleep(end - loop.time())

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
        if outcome.cut:
            raise NotOnTape(
                f"{self.reel.path}: nobody knows what this call would have brought; it was cut off "
                f"after {outcome.seconds:g} s"
            )
        error = _error_of(outcome.kind)(outcome.text)
        error.usage, error.cost_usd = usage, outcome.cost_usd
        error.retry_after = outcome.retry_after
        raise error

    async def _taken_down(
        self,
        model: Model,
        request: Request,
        purpose: Purpose,
        course: Course,
        key: bytes,
        ordinal: int,
    ) -> Reply:
        """The model's answer, on the reel before anybody sees it."""
        loop = asyncio.get_running_loop()
        started, began = course.before + course.now, loop.time()

        def take_down(outcome: Outcome, usage: Usage | None, cost: float | None) -> None:
            if usage is not None:
                outcome = replace(
                    outcome,
                    input_tokens=usage.input_tokens,
                    output_tokens=usage.output_tokens,
                    estimated=usage.estimated,
                    cost_usd=cost,
                )
            taken = Taken(key, ordinal, course.settings, outcome)
            self.reel.add(taken, self._asked(request, purpose), _texts(request))

        def so_far() -> Outcome:
            ended = course.before + course.now
            return Outcome(started, ended, loop.time() - began, beats=beats)

        pulse, beats = request.pulse, None
        if pulse is not None:
            beats = []

            def beat(tokens: int) -> None:
                beats.append((loop.time() - began, tokens))
                pulse.beat(tokens)

            request = replace(request, pulse=Pulse(pulse.every_s, beat))
        try:
            reply = await model.complete(request)
        except ModelError as e:
            failed = replace(so_far(), text=str(e), kind=e.kind, retry_after=e.retry_after)
            take_down(failed, e.usage, e.cost_usd)
            raise
        except asyncio.CancelledError:
            take_down(replace(so_far(), kind=CUT), None, None)
            raise
        take_down(
            replace(so_far(), text=reply.text, finish=reply.finish), reply.usage, reply.cost_usd
        )
        return reply

    def _asked(self, request: Request, purpose: Purpose) -> dict[str, Any]:
        """A request as it stands on the reel; its texts are named by their digests."""
        *messages, schema = map(text_digest, _texts(request))
        return {
            "model": self.name,
            "role": purpose.role,
            "agent": purpose.agent,
            "subtask": purpose.subtask,
            "messages": [
                [m.speaker, d.hex()] for m, d in zip(request.messages, messages, strict=True)
            ],
            "format": request.format.name if request.format else None,
            "schema": schema.hex(),
            "max_output_tokens": request.max_output_tokens,
            "temperature": request.temperature,
            "sample": request.sample,
        }

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
        counter = "named" if isinstance(inner, EndpointModel) else "recorded"
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


def _texts(request: Request) -> list[str]:
    """The texts of a request: its messages, and the schema of what it wants."""
    return [
        *(m.content for m in request.messages),
        request.format.schema_text if request.format else "",
    ]


def _beats(outcome: Outcome, every_s: float) -> list[tuple[float, int]]:
    """The signs of life of a call; where none were wanted then, as a steady writer gives them."""
    if outcome.beats is not None:
        return outcome.beats
    written, whole = outcome.output_tokens or 0, outcome.seconds
    times = [every_s * n for n in range(1, ceil(whole / every_s))]
    return [(at, int(written * at / whole)) for at in times]
