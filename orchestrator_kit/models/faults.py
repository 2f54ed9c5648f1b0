"""Faults as a plan: a model around another one that fails as it is told to, the same every time.

Some faults strike before the model is asked, and cost nothing but time; others spoil a reply that
came, which is paid for. Knows no patterns and no records.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from typing import Any, get_args, get_type_hints
from unicodedata import normalize

from orchestrator_kit.errors import (
    ConnectionLost,
    Crashed,
    EmptyReply,
    Killed,
    ModelError,
    ModelTimeout,
    RateLimited,
    Refused,
    ServerFailed,
    UnknownName,
    UsageError,
)
from orchestrator_kit.models.base import Model, Pulse, Purpose, Reply, Request, Usage, for_run

KINDS = {
    "crash": "the worker breaks down over the call",
    "kill": "whoever makes the call is gone for the rest of the run",
    "timeout": "nothing for so many `seconds`, then a time-out",
    "hang": "nothing at all, for a day",
    "rate_limit": "too many requests: come back `retry_after` seconds later",
    "server": "the server's own error",
    "connection": "the connection breaks",
    "straggler": "the reply takes `factor` times as long",
    "empty": "a reply without content",
    "refusal": "the model declines",
    "truncated": "the reply is cut off at the output limit",
    "malformed": "the reply is not of the form asked for",
    "wrong": "a fluent reply whose figures contradict its sources",
}
_DAY_S = 86_400.0
_BEFORE: dict[str, type[ModelError]] = {
    "crash": Crashed,
    "server": ServerFailed,
    "connection": ConnectionLost,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of a fault plan: what goes wrong, and with which calls.

    A call is struck if it is of this `role`, `agent`, `worker` and `subtask` (those that are
    given), is one of the `nth` such calls of the run, counted from 1 (none given: any), is among
    the `first` attempts at its piece of work, and with probability `p`. As text:
    "crash:role=worker,p=0.25", "kill:role=orchestrator,nth=2+3"; a comma or a backslash within a
    name has a backslash before it: "crash:agent=Smith\\, Jones".
    """

    kind: str
    role: str | None = None
    agent: str | None = None
    worker: int | None = None
    subtask: str | None = None
    nth: tuple[int, ...] = ()
    first: int | None = None
    p: float = 1.0
    factor: float = 10.0
    seconds: float = 30.0
    retry_after: float = 1.0

    def __post_init__(self) -> None:
        """UnknownName for a kind, UsageError for a number, that cannot be."""
        if self.kind not in KINDS:
            raise UnknownName.among("fault", self.kind, KINDS)
        if not 0 <= self.p <= 1:
            raise UsageError(f"p is {self.p} in {self}; a probability is between 0 and 1")
        for name, least in (("factor", 1), ("seconds", 0), ("retry_after", 0)):
            if not least <= getattr(self, name) < float("inf"):
                raise UsageError(f"{name} is {getattr(self, name)}; it is a number from {least} on")
        for name in ("role", "agent", "subtask"):
            text = getattr(self, name)
            if text is not None and (not text or text != text.strip()):
                raise UsageError(f"{name} is {text!r}; it is a name without spaces around it")
        if any(n is not None and n < 1 for n in (*self.nth, self.first, self.worker)):
            raise UsageError(f"calls and workers are counted from 1: {self}")

    def __str__(self) -> str:
        told = []
        for f in fields(self)[1:]:
            value = getattr(self, f.name)
            if value != f.default:
                text = "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
                text = re.sub(r"[\\,]", r"\\\g<0>", text)
                told.append(f"{f.name}={text}")
        return ":".join(filter(None, (self.kind, ",".join(told))))

    @classmethod
    def parse(cls, text: str) -> Fault:
        """The fault that a line says; UsageError names the part that cannot be read."""
        kind, _, rest = text.partition(":")
        hints = get_type_hints(cls)
        given: dict[str, Any] = {}
        for part in filter(str.strip, _PART.findall(rest)):
            name, equals, value = part.partition("=")
            name = name.strip()
            if not equals:
                raise UsageError(
                    f"{name!r} in the fault {text!r} is no condition such as p=0.5; "
                    "a comma within a name is written \\,"
                )
            if name not in hints or name == "kind":
                raise UnknownName.among("condition of a fault", name, hints.keys() - {"kind"})
            if name in given:
                raise UsageError(f"{name} stands twice in the fault {text!r}")
            try:
                given[name] = _value(hints[name], _ESCAPE.sub(r"\1", value.strip()))
            except ValueError:
                raise UsageError(f"{part.strip()!r} in the fault {text!r} is no number") from None
        return cls(kind.strip(), **given)

    def concerns(self, purpose: Purpose) -> bool:
        """Whether it may strike a call made for this, leaving chance and counting aside."""
        for name in ("role", "agent", "worker", "subtask"):
            wanted = getattr(self, name)
            if wanted is not None and wanted != getattr(purpose, name):
                return False
        return self.first is None or purpose.attempt <= self.first


_PART = re.compile(r"(?:\\.|[^,])+", re.DOTALL)  # up to a comma that has no backslash before it
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def _value(hint: Any, text: str) -> object:
    kinds = get_args(hint) or (hint,)
    if str in kinds:
        return text
    if Ellipsis in kinds:
        return tuple(int(n) for n in text.split("+"))
    return int(text) if int in kinds else float(text)


class Faults:
    """A model that fails by a plan; the first fault that strikes a call wins.

    Chance comes from a hash of `seed` and the call, never from the order of calls, so that a run
    on virtual time is the same every time and a retry draws anew. Counts, and who was killed, are
    those of one run. `struck` counts what struck, in all runs, by kind; `idle` are the faults that
    never did, for which perhaps there was no such call.
    """

    def __init__(self, model: Model, plan: Iterable[Fault | str], seed: int = 0) -> None:
        self.model = model
        self.plan = tuple(f if isinstance(f, Fault) else Fault.parse(f) for f in plan)
        self.fault_seed = seed
        self.struck: Counter[str] = Counter()
        self._hits = [0] * len(self.plan)
        self._matched = [0] * len(self.plan)
        self._asked: Counter[tuple[object, ...]] = Counter()
        self._dead: set[object] = set()

    def for_run(self, settings: str) -> Faults:
        """The same plan with counts of its own."""
        run = Faults(for_run(self.model, settings), self.plan, self.fault_seed)
        run.struck, run._hits = self.struck, self._hits
        return run

    @property
    def idle(self) -> tuple[Fault, ...]:
        return tuple(f for f, hits in zip(self.plan, self._hits, strict=True) if not hits)

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def window(self) -> int:
        return self.model.window

    @property
    def max_output_tokens(self) -> int:
        return self.model.max_output_tokens

    @property
    def parallel(self) -> int | None:
        return self.model.parallel

    @property
    def virtual(self) -> bool:
        return self.model.virtual

    @property
    def beats(self) -> bool:
        return self.model.beats

    @property
    def seed(self) -> int | None:
        return getattr(self.model, "seed", None)

    def count_tokens(self, text: str) -> int:
        return self.model.count_tokens(text)

    def price(self, usage: Usage) -> float | None:
        return self.model.price(usage)

    async def aclose(self) -> None:
        await self.model.aclose()

    async def complete(self, request: Request) -> Reply:
        """The wrapped model's reply, or what the plan makes of it."""
        purpose = request.purpose or Purpose("", "")
        if _body(purpose) in self._dead:
            raise Killed(f"{_who(purpose)} is gone")
        fault = self._strikes(request, purpose)
        if fault is None:
            return await self.model.complete(request)
        self.struck[fault.kind] += 1
        if fault.kind == "kill":
            self._dead.add(_body(purpose))
            raise Killed(f"{_who(purpose)} was killed")
        if fault.kind in _BEFORE:
            raise _BEFORE[fault.kind](f"injected: {KINDS[fault.kind]}")
        if fault.kind == "rate_limit":
            raise RateLimited("injected: too many requests", fault.retry_after)
        if fault.kind in ("timeout", "hang"):
            seconds = fault.seconds if fault.kind == "timeout" else _DAY_S
            await asyncio.sleep(seconds)
            raise ModelTimeout(f"injected: nothing for {seconds:g} s")
        if fault.kind == "straggler":
            return await self._slowly(request, fault.factor)
        return self._spoiled(await self.model.complete(request), request, fault.kind)

    def _strikes(self, request: Request, purpose: Purpose) -> Fault | None:
        """The first fault of the plan that strikes this call."""
        # All of what is asked: halves of one work have their last message in common, votes all.
        key = (purpose.role, purpose.agent, purpose.subtask, request.sample, request.messages)
        self._asked[key] += 1
        struck = None
        for n, fault in enumerate(self.plan):
            if not fault.concerns(purpose):
                continue
            self._matched[n] += 1
            if struck or (fault.nth and self._matched[n] not in fault.nth):
                continue
            if fault.p >= 1 or self._chance(n, *key, self._asked[key]) < fault.p:
                struck = fault
                self._hits[n] += 1
        return struck

    def _chance(self, *parts: object) -> float:
        digest = blake2b(repr((self.fault_seed, *parts)).encode("utf-8", "replace"), digest_size=8)
        return int.from_bytes(digest.digest(), "big") / 2**64

    async def _slowly(self, request: Request, factor: float) -> Reply:
        """The reply, after so many times the time it takes, with its signs of life."""
        loop, pulse = asyncio.get_running_loop(), request.pulse
        if pulse:
            slower = Pulse(pulse.every_s, lambda tokens: pulse.beat(int(tokens / factor)))
            request = replace(request, pulse=slower)
        began = loop.time()
        reply = await self.model.complete(request)
        took = loop.time() - began
        rest = took * (factor - 1)
        if pulse and rest:
            rest = await _beating(pulse, rest, took * factor, reply.usage.output_tokens)
        await asyncio.sleep(rest)
        return reply

    def _spoiled(self, reply: Reply, request: Request, kind: str) -> Reply:
        """What a fault makes of a reply, at the price of that reply: it was paid for."""
        if kind in ("empty", "refusal"):
            error: ModelError = EmptyReply("injected: nothing in it")
            if kind == "refusal":
                error = Refused("injected: I would rather not")
            error.usage, error.cost_usd = reply.usage, reply.cost_usd
            raise error
        text = reply.text
        if kind == "truncated":
            return replace(reply, text=text[: len(text) // 2], finish="length")
        if kind == "malformed":  # no object ends any more, whatever stands in its texts
            text = text.replace("}", ")") if "}" in text else f"Well: {text[::-1]}"
        else:
            text = _contradicting(text, request, self._chance)
        return replace(reply, text=text)


def _body(purpose: Purpose) -> tuple[str, object]:
    """Who is gone when a call is killed: the centre, a peer, or whoever works in that slot.

    The orchestrator and the synthesizer are one; a standby has a name of its own.
    """
    if purpose.role in ("orchestrator", "synthesizer") and purpose.worker is None:
        return ("the standby" if purpose.agent.startswith("standby") else "the", "orchestrator")
    if purpose.worker is None or purpose.role == "peer":
        return ("agent", purpose.agent)
    return ("worker", purpose.worker)


def _who(purpose: Purpose) -> str:
    return " ".join(map(str, _body(purpose)))


async def _beating(pulse: Pulse, left: float, whole: float, tokens: int) -> float:
    """Wait for the seconds left of the whole, with signs of life; what remains at the end."""
    while left > 0:
        pulse.beat(int(tokens * (1 - left / whole)))
        if left <= pulse.every_s:
            break
        await asyncio.sleep(pulse.every_s)
        left -= pulse.every_s
    return left


# ---- confidently wrong ----

_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_NOT = re.compile(r"\b(is|are|was|were|has|have|must|may|will|shall|can)\b(?! not)")


def _contradicting(text: str, request: Request, chance: Callable[..., float]) -> str:
    """The reply with half of its statements, at least one, turned against their sources.

    A reply without a list of statements (a plan, a verdict) stays as it is.
    """
    try:
        found = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return text
    for rows in found.values() if isinstance(found, dict) else ():
        if not (isinstance(rows, list) and rows and all(isinstance(r, dict) for r in rows)):
            continue
        if not all(isinstance(r.get("statement"), str) for r in rows):
            continue
        material = "\n".join(m.content for m in request.messages)
        drawn = [n for n, r in enumerate(rows) if chance(n, r["statement"]) < 0.5]
        for n in drawn or [0]:
            rows[n]["statement"] = _contradicted(rows[n]["statement"], material)
        return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text


def _contradicted(statement: str, material: str) -> str:
    """The statement with a figure that stands nowhere in the material, or with a "not"."""
    figures: Sequence[re.Match[str]] = list(_FIGURE.finditer(statement))
    known = {*_FIGURE.findall(normalize("NFKC", material)), *(f[0] for f in figures)}
    for figure in reversed(figures):
        for more in range(1, 10):
            if (other := _other(figure[0], more)) not in known:
                return statement[: figure.start()] + other + statement[figure.end() :]
    turned, times = _NOT.subn(r"\1 not", statement, count=1)
    return turned if times else f"It is not true that {statement[:1].lower()}{statement[1:]}"


def _other(figure: str, more: int) -> str:
    """The same number of digits with its first digit another one."""
    return str((int(figure[0]) + more - 1) % 9 + 1) + figure[1:]
