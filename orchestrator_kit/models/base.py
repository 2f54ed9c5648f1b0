"""What a model is to this kit: a request goes in, a reply comes out.

Knows nothing of patterns, roles or records. Every model (simulated, endpoint,
local, a tape or a fault plan around another one) has this face, so all of them
are interchangeable.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol, runtime_checkable

Speaker = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a request. Consecutive ones of a speaker read as one."""

    speaker: Speaker
    content: str


@dataclass(frozen=True, slots=True)
class Format:
    """The JSON a reply must be: a name, and its JSON Schema as canonical text."""

    name: str
    schema_text: str

    @classmethod
    def of(cls, name: str, schema: Mapping[str, Any]) -> Format:
        return cls(name, json.dumps(schema, separators=(",", ":")))

    @property
    def schema(self) -> dict[str, Any]:
        return _schema(self.schema_text)


@lru_cache(maxsize=256)
def _schema(text: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(text)
    return schema


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a call is for: who asks, in which worker's slot, for which subtask, which attempt it is.

    `call` is its number in the run. Fault plans and tapes go by it; no model answers by it.
    """

    role: str
    agent: str
    worker: int | None = None
    subtask: str | None = None
    attempt: int = 1
    call: int = 0


@dataclass(frozen=True, slots=True)
class Pulse:
    """Who wants signs of life: `beat` is told, every `every_s` seconds, the tokens written.

    It is told nothing where nothing came in between. A model that cannot know does not beat.
    """

    every_s: float
    beat: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Request:
    """One call to a model, complete: equal requests are the same request.

    `sample` tells apart calls that are otherwise equal on purpose (votes).
    `max_output_tokens` is a hard limit on the reply. `purpose` and `pulse` are not part of what is
    asked, and not of equality.
    """

    messages: tuple[Message, ...]
    format: Format | None = None
    max_output_tokens: int = 512
    temperature: float = 0.0
    sample: int = 0
    purpose: Purpose | None = field(default=None, compare=False, repr=False)
    pulse: Pulse | None = field(default=None, compare=False, repr=False)

    def __hash__(self) -> int:  # in keeping with equality; what is asked stands in the last one
        return hash((self.messages[-1:], len(self.messages), self.format, self.sample))

    def __repr__(self) -> str:
        size = sum(len(m.content) for m in self.messages)
        form = self.format.name if self.format else "text"
        return f"Request({len(self.messages)} messages, {size:,} characters, {form})"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `estimated`: counted here, not stated by the server."""

    input_tokens: int
    output_tokens: int
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `cost_usd` is None where the model has no known price.

    `finish` is "length" where the reply ended at the output limit.
    """

    text: str
    usage: Usage
    cost_usd: float | None = None
    finish: Literal["stop", "length"] = "stop"


@runtime_checkable
class Model(Protocol):
    """Anything that completes requests.

    `name` is how records and tables call it, `window` the tokens of input and
    output it can hold together, `max_output_tokens` the most it writes in one
    reply, `parallel` how many requests it serves at once (None: no limit of
    its own), and `virtual` says that its time is simulated. `beats` says that
    a request with a pulse gets signs of life from its beginning on, so that
    silence tells something even before the first one; a model without it may
    beat all the same, once it writes.
    """

    @property
    def name(self) -> str: ...
    @property
    def window(self) -> int: ...
    @property
    def max_output_tokens(self) -> int: ...
    @property
    def parallel(self) -> int | None: ...
    @property
    def virtual(self) -> bool: ...
    @property
    def beats(self) -> bool: ...

    async def complete(self, request: Request) -> Reply:
        """Answer one request, or raise a `ModelError`."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text by this model's tokenizer, or the nearest known."""
        ...

    def price(self, usage: Usage) -> float | None:
        """US dollars for so many tokens; None where the price is not known."""
        ...

    async def aclose(self) -> None:
        """Give back connections and processes; the model may be used again."""
        ...


@runtime_checkable
class PerRun(Protocol):
    """A model around another one that counts calls, and so must know where a run begins."""

    def for_run(self, settings: str) -> Model:
        """The model for one run; `settings` is a text that equal runs have in common."""
        ...


def innermost(model: Model) -> Model:
    """The model inside of all fault plans and tapes around it."""
    while isinstance(inner := getattr(model, "model", None), Model):
        model = inner
    return model


def for_run(model: Model, settings: str) -> Model:
    """A model as one run uses it: with counters of its own where it has any."""
    return model.for_run(settings) if isinstance(model, PerRun) else model
