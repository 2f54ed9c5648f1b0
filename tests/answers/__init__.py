"""Answers to the exercises, right and wrong, each written differently from the solution.

A file for each notebook. `tests/test_answers.py` holds them against the checks:

    @right("plan-1")
    def by_library(plan): ...

    @wrong("plan-1", "nobody in this plan waits for itself")
    def everybody(plan): ...

    right("law-1", 0.25, "workers")  # where the evidence is no function
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F")


@dataclass(frozen=True)
class Given:
    """Evidence for an exercise; `says` is what a wrong one is told, None for a right one."""

    exercise: str
    evidence: tuple[Any, ...]
    says: str | None = None

    def __str__(self) -> str:
        names = (getattr(e, "__name__", type(e).__name__) for e in self.evidence)
        return f"{self.exercise}/{'+'.join(names)}"


GIVEN: list[Given] = []


def right(exercise: str, *evidence: Any) -> Callable[[F], F]:
    """Enter a right answer: the evidence, or the function under this decorator."""
    return _entered(exercise, evidence, None)


def wrong(exercise: str, says: str, *evidence: Any) -> Callable[[F], F]:
    """Enter a wrong answer, with a piece of the message that fits it."""
    return _entered(exercise, evidence, says)


def every() -> list[Given]:
    """All answers of all notebooks."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        import_module(f"{__name__}.{path.stem}")
    return GIVEN


def _entered(exercise: str, evidence: tuple[Any, ...], says: str | None) -> Callable[[F], F]:
    if evidence:
        GIVEN.append(Given(exercise, evidence, says))

    def enter(function: F) -> F:
        if not evidence:
            GIVEN.append(Given(exercise, (function,), says))
        return function

    return enter
