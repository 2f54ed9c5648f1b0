"""A model made of a function, for tests that need to say what comes back, when, or what fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from orchestrator_kit.models.base import Reply, Request, Usage
from orchestrator_kit.models.simulated import count_tokens


class FunctionModel:
    """Replies with `respond(request)`: (text, virtual seconds), or raises what that raises."""

    name = "function"
    virtual = True
    beats = False
    parallel = None

    def __init__(
        self, respond: Callable[[Request], tuple[str, float]], window: int = 1_000_000
    ) -> None:
        self.respond = respond
        self.window = window
        self.max_output_tokens = window
        self.requests: list[Request] = []

    def count_tokens(self, text: str) -> int:
        return count_tokens(text)

    async def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        text, seconds = self.respond(request)
        await asyncio.sleep(seconds)
        size = sum(count_tokens(m.content) for m in request.messages)
        return Reply(text, Usage(size, count_tokens(text)))

    def price(self, usage: Usage) -> float | None:
        return None

    async def aclose(self) -> None:
        pass


def findings(*statements: str, source: str = "a#1") -> str:
    """A report as a model would write it."""
    return json.dumps({"findings": [{"statement": s, "source": source} for s in statements]})
