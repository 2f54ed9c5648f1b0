"""The simulated model: a deterministic reader with a window, a price and a speed.

The product's default, not a test double: everything that a run measures on it comes from
executing the run. Its time is virtual. Randomness comes from a hash of the seed and the request,
never from the order of calls. `reader` says what it makes of a text.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from random import Random

from orchestrator_kit.errors import ContextOverflow, UnknownName
from orchestrator_kit.models.base import Message, Pulse, Reply, Request, Usage
from orchestrator_kit.models.reader import Habits, write

_TOKEN = re.compile(r"\w{1,8}|[^\w\s]")


@lru_cache(maxsize=65_536)
def count_tokens(text: str) -> int:
    """Tokens of the simulated tokenizer: up to eight letters or digits, or one mark."""
    return len(_TOKEN.findall(text))


@dataclass(frozen=True, slots=True)
class Profile:
    """What kind of model is simulated. All of it is stated, none of it measured from a product.

    A call takes `first_token_s` plus its input at `prefill` and its output at `decode` tokens a
    second, give or take `jitter`. Prices are US dollars for a million tokens.
    """

    name: str = "small"
    window: int = 32_000
    max_output_tokens: int = 4_000
    first_token_s: float = 0.4
    prefill: float = 5_000.0
    decode: float = 80.0
    jitter: float = 0.1
    input_usd_per_mtok: float = 0.15
    output_usd_per_mtok: float = 0.60
    habits: Habits = field(default_factory=Habits)


PROFILES = {
    p.name: p
    for p in (
        Profile(),
        Profile(
            "large",
            window=128_000,
            first_token_s=0.8,
            prefill=3_000.0,
            decode=50.0,
            input_usd_per_mtok=2.50,
            output_usd_per_mtok=10.0,
            habits=Habits(fade=0.3, noise=0.1),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class _Written:
    """What a request gives, and how long it takes."""

    reply: Reply
    seconds: float


class SimulatedModel:
    """A deterministic model on the virtual clock; the same seed gives the same bytes anywhere."""

    virtual = True
    beats = True
    parallel = None

    def __init__(self, seed: int = 0, profile: Profile | str = "small") -> None:
        if isinstance(profile, str):
            if profile not in PROFILES:
                raise UnknownName.among("profile", profile, PROFILES)
            profile = PROFILES[profile]
        self.seed = seed
        self.profile = profile
        # A reply is a function of seed, profile and request, so it is worked out once.
        self._known: OrderedDict[Request, _Written] = OrderedDict()

    @property
    def name(self) -> str:
        return f"simulated-{self.profile.name}"

    @property
    def window(self) -> int:
        return self.profile.window

    @property
    def max_output_tokens(self) -> int:
        return self.profile.max_output_tokens

    def __repr__(self) -> str:
        return f"SimulatedModel(seed={self.seed}, profile={self.profile.name!r})"

    def count_tokens(self, text: str) -> int:
        return count_tokens(text)

    async def complete(self, request: Request) -> Reply:
        """Read, wait (in virtual seconds) as long as it takes, and reply.

        ContextOverflow, as from a real endpoint, where input and output exceed the window.
        """
        written = self._known.get(request)
        if written is None:
            written = self._write(request)
            # Without its purpose, which would keep alive the run that it was made for.
            self._known[replace(request, purpose=None, pulse=None)] = written
            if len(self._known) > 4_096:
                self._known.popitem(last=False)
        if request.pulse is None:
            await asyncio.sleep(written.seconds)
        else:
            await self._write_aloud(written, request.pulse)
        return written.reply

    async def _write_aloud(self, written: _Written, pulse: Pulse) -> None:
        """Take as long as it takes, with a sign of life every so often."""
        told, tokens = 0.0, written.reply.usage.output_tokens
        while written.seconds - told > pulse.every_s:
            await asyncio.sleep(pulse.every_s)
            told += pulse.every_s
            pulse.beat(int(tokens * told / written.seconds))
        await asyncio.sleep(written.seconds - told)

    def price(self, usage: Usage) -> float | None:
        """US dollars, by the profile."""
        p = self.profile
        cost = usage.input_tokens * p.input_usd_per_mtok
        cost += usage.output_tokens * p.output_usd_per_mtok
        return cost / 1e6

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _write(self, request: Request) -> _Written:
        p = self.profile
        size = sum(self.count_tokens(m.content) for m in request.messages)
        if size + request.max_output_tokens > self.window:
            raise ContextOverflow(
                f"{size:,} tokens of input and {request.max_output_tokens:,} of output exceed "
                f"the window of {self.window:,}"
            )
        rng = Random(self._hash(request))  # noqa: S311 - a simulation, not a secret
        text = write(request, p.habits, rng, self.count_tokens)
        usage = Usage(size, self.count_tokens(text))
        seconds = p.first_token_s + size / p.prefill + usage.output_tokens / p.decode
        seconds *= 1.0 + p.jitter * (2.0 * rng.random() - 1.0)
        return _Written(Reply(text, usage, self.price(usage)), round(seconds, 6))

    def _hash(self, request: Request) -> int:
        form = request.format.schema_text if request.format else ""
        head = f"{self.seed} {request.max_output_tokens} {request.temperature} {request.sample}"
        digest = blake2b(f"{head} {form}".encode(), digest_size=8)
        for message in request.messages:
            digest.update(_digest(message))
        return int.from_bytes(digest.digest(), "big")


@lru_cache(maxsize=16_384)
def _digest(message: Message) -> bytes:
    text = f"{message.speaker}\n{message.content}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
