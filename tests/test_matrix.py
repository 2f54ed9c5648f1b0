"""Every fault, under every policy, in every pattern: the run ends, and what it lacks it declares.

The counts stand at the end of pytest's output (conftest): runs, faults, answers lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product

import pytest

from orchestrator_kit.experiments import run
from orchestrator_kit.models.faults import KINDS, Faults
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS, Pattern
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import POLICIES, Recovery
from orchestrator_kit.tasks import Budget, Task
from tests import audit

DEADLINE_S = 900.0  # of a run, on virtual time
Note = Callable[[str, object], None]


def tally(found: Run, struck: int, complaints: list[str]) -> dict[str, int]:
    """What one run adds to the counts."""
    survived = struck if found.status == "done" else 0
    return {
        "runs": 1,
        "faults injected": struck,
        "faults survived": survived,
        "answers lost": bool(complaints),
    }


def supervised(pattern: Pattern) -> Pattern:
    """Orchestrator-worker with all it can do switched on."""
    if pattern is not orchestrator_worker:
        return pattern
    return partial(orchestrator_worker, rounds=2, revisions=2, conflicts=True)


@pytest.mark.parametrize(
    "where", ["by chance", "at the first and third call", "at the first attempts"]
)
@pytest.mark.parametrize("name", PATTERNS)
def test_whatever_fails_the_run_ends_in_time_and_declares_what_it_lacks(
    name: str, where: str, small_task: Task, record_property: Note
) -> None:
    when = {
        "by chance": "p=0.35,seconds=40",
        "at the first and third call": "nth=1+3,seconds=40",
        "at the first attempts": "first=1,p=0.7,seconds=40",
    }[where]
    task = replace(small_task, budget=Budget(seconds=DEADLINE_S))
    counts: Counter[str] = Counter()
    wrong = []
    every = product(KINDS, POLICIES, dict.fromkeys((PATTERNS[name], supervised(PATTERNS[name]))))
    for seed, (kind, policy, pattern) in enumerate(every):
        model = Faults(SimulatedModel(), [f"{kind}:{when}"], seed)
        workers = (1, 3, 8)[seed % 3]
        found = run(task, pattern, model, workers=workers, recovery=policy)
        complaints = audit.complaints(found, task, DEADLINE_S)
        wrong += [f"{kind}, {policy}, {found.started.options}: {c}" for c in complaints]
        counts.update(tally(found, model.struck.total(), complaints))
    record_property("matrix", dict(counts))
    assert not wrong
    assert counts["faults injected"] > counts["runs"] / 4, "the faults hardly struck"


def test_the_audit_finds_what_is_wrong_with_a_run(small_task: Task) -> None:
    found = run(small_task, "orchestrator_worker", workers=3, recovery=Recovery())
    assert audit.complaints(found, small_task, DEADLINE_S) == []
    for left_out in range(1, len(found.events)):
        cut = Run((*found.events[:left_out], *found.events[left_out + 1 :]))
        kind = type(found.events[left_out]).__name__
        if kind in ("CallStarted", "CallEnded", "Answered", "RunEnded", "SubtaskEnded"):
            try:
                complaints = audit.complaints(cut, small_task, DEADLINE_S)
            except StopIteration:
                continue
            assert complaints, f"a record without its {kind} passes"
