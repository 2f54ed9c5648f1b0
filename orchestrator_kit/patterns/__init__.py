"""The patterns: plain async functions from a crew and a task to an answer, one a file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import UnknownName
from orchestrator_kit.patterns.master_slave import master_slave
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.patterns.parallelization import parallelization, voting
from orchestrator_kit.patterns.peer_agents import peer_agents
from orchestrator_kit.patterns.pipeline import pipeline
from orchestrator_kit.patterns.repetition import passes, self_review
from orchestrator_kit.patterns.single_call import single_call
from orchestrator_kit.tasks import Task

Pattern = Callable[[Crew, Task], Awaitable[Answer]]

# The six that a comparison runs, from the humblest on.
PATTERNS: dict[str, Pattern] = {
    p.__name__: p
    for p in (
        single_call,
        pipeline,
        parallelization,
        master_slave,
        peer_agents,
        orchestrator_worker,
    )
}
VARIANTS: dict[str, Pattern] = {p.__name__: p for p in (voting, passes, self_review)}


def pattern_named(name: str) -> Pattern:
    """The pattern or variant of that name; UnknownName lists them."""
    known = PATTERNS | VARIANTS
    if name not in known:
        raise UnknownName.among("pattern", name, known)
    return known[name]
