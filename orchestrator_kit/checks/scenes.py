"""The inputs that checks try a learner's work on: made from hidden seeds, over several tasks.

Every exercise has its own stream, so that a new one does not change what the others are tried on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from orchestrator_kit.loading import load_task
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.tasks import Task

SEED = 1_969
_TASKS = ("legal", "medical", "research", "software", "marketing")


@dataclass(frozen=True, slots=True)
class Scene:
    """A packaged task, a model to run it on, and the model's seed."""

    task: Task
    model: SimulatedModel
    seed: int


def stream(exercise: str) -> Random:
    """Random numbers for the inputs of one exercise, the same at every check."""
    return Random(f"{SEED}/{exercise}")  # noqa: S311 - inputs, not secrets


def scenes(exercise: str, n: int = 2) -> Iterator[Scene]:
    """`n` scenes, each of another task and seed."""
    rng = stream(exercise)
    names = itertools.cycle(rng.sample(_TASKS, len(_TASKS)))
    for name in itertools.islice(names, n):
        seed = rng.randrange(1_000, 1_000_000)
        yield Scene(_task(name), SimulatedModel(seed), seed)


@lru_cache
def _task(name: str) -> Task:
    return load_task(name)
