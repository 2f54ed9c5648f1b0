"""The same matrix against a real HTTP server that misbehaves, on the wall clock.

Every way in which such a server goes wrong by every policy by all six patterns.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from random import Random

import pytest

from orchestrator_kit.experiments import run_async
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.recovery import POLICIES
from orchestrator_kit.tasks import Budget, Task
from tests import audit
from tests.reading import read
from tests.servers import Answer, Asked, ChatServer, Entry, drops, fails, says, sends, stalls
from tests.test_matrix import Note, supervised, tally

DEADLINE_S = 20.0  # of a run
SILENCE_S = 0.3  # of a call: what a stalled one costs
AT_ONCE = 12  # runs


def half(asked: Asked) -> str:
    text = read(asked)
    return text[: len(text) // 2]


def saying(text: Callable[[Asked], str | None], **how: object) -> Callable[[Asked], Answer]:
    return lambda asked: says(text(asked), **how)(asked)  # type: ignore[arg-type]


WELL = saying(read)
WAYS: dict[str, Entry] = {
    "500": fails(500, "injected"),
    "503 with Retry-After": fails(503, "injected", retry_after="0.02"),
    "429": fails(429, "injected"),
    "429 with Retry-After": fails(429, "injected", retry_after="0.02"),
    "429 with a Retry-After beyond the run": fails(429, "injected", retry_after="3600"),
    "408": fails(408, "injected"),
    "401": fails(401, "injected"),
    "404": fails(404, "injected"),
    "context length": fails(400, "injected", code="context_length_exceeded"),
    "connection dropped": drops(),
    "half a body": saying(read, ending="half"),
    "nothing": stalls(),
    "half a body and then nothing": saying(read, ending="stall halfway"),
    "slow": saying(read, delay_s=0.15),
    "no content": saying(lambda asked: None),
    "empty content": saying(lambda asked: " "),
    "a refusal": saying(lambda asked: None, refusal="injected"),
    "content filter": saying(lambda asked: None, finish="content_filter"),
    "cut off": saying(half, finish="length"),
    "half a JSON": saying(half),
    "prose": saying(lambda asked: "As a language model, I have injected this."),
    "an HTML page": sends("<html><body>injected</body></html>"),
    "no choices": sends({"object": "chat.completion", "choices": []}),
    "an error with status 200": sends({"error": {"code": 502, "message": "injected"}}),
    "no usage": saying(read, usage=None),
    "a usage that cannot be": saying(
        read, usage={"prompt_tokens": -5, "completion_tokens": 10**9, "total_tokens": "many"}
    ),
}


class Misbehaving:
    """A server's script: about every third request goes wrong in the given way, by a seed."""

    def __init__(self, way: Entry, seed: int) -> None:
        self.way = way
        self.seed = seed
        self.times = 0
        self._asked: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Answer:
        self._asked[asked.prompt] += 1
        chance = Random(f"{self.seed} {self._asked[asked.prompt]} {asked.prompt}").random()
        if chance >= 0.35:
            return WELL(asked)
        self.times += 1
        return self.way if isinstance(self.way, Answer) else self.way(asked)


@pytest.mark.parametrize("name", PATTERNS)
def test_whatever_a_server_does_the_run_ends_in_time_and_declares_what_it_lacks(
    name: str, small_task: Task, record_property: Note
) -> None:
    task = replace(small_task, budget=Budget(seconds=DEADLINE_S))
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def case(seed: int, way: str, policy: str) -> None:
        recovery = replace(
            POLICIES[policy], first_wait_s=0.01, longest_wait_s=0.05, deadline_s=SILENCE_S
        )
        script = Misbehaving(WAYS[way], seed)
        pattern = supervised(PATTERNS[name]) if seed % 2 else PATTERNS[name]
        async with gate:
            with ChatServer(script) as server:
                model = EndpointModel("test", server.url)
                found = await run_async(
                    task, pattern, model, workers=(1, 3, 8)[seed % 3], recovery=recovery
                )
        complaints = audit.complaints(found, task, DEADLINE_S + 1.0)
        wrong.extend(f"{way}, {policy}, {found.started.options}: {c}" for c in complaints)
        counts.update(tally(found, script.times, complaints))

    async def every() -> None:
        async with asyncio.TaskGroup() as group:
            for seed, (way, policy) in enumerate(product(WAYS, POLICIES)):
                group.create_task(case(seed, way, policy))

    asyncio.run(every())
    record_property("matrix on HTTP", dict(counts))
    assert not wrong
    assert counts["faults injected"] > counts["runs"] / 4, "the server hardly misbehaved"
