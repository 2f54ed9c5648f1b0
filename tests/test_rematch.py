"""The rematch at equal budget, and the repetitions that it is played with."""

from __future__ import annotations

from functools import partial

import pytest

from orchestrator_kit.answer import merge
from orchestrator_kit.events import CallStarted, Reported
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.simulated import SimulatedModel, count_tokens
from orchestrator_kit.patterns.repetition import passes, self_review
from orchestrator_kit.rematch import rematch
from orchestrator_kit.tasks import Task


@pytest.mark.parametrize("against", ["orchestrator_worker", "peer_agents", "pipeline"])
def test_one_reader_gets_as_many_tokens_as_the_pattern_and_no_more(against: str) -> None:
    task = load_task("legal")
    (comparison,) = rematch(task, against=against).comparisons
    tokens = {row.pattern: row.measures.tokens for row in comparison.rows}
    assert list(tokens) == [against, "single_call", "voting", "passes", "self_review"]
    once, whole = tokens["single_call"], tokens[against]
    for name in ("voting", "passes", "self_review"):
        assert tokens[name] <= whole
        assert tokens[name] > whole - 1.5 * once, "one more repetition would not have fitted"


def test_a_pattern_cheaper_than_a_second_call_leaves_the_single_call_alone(
    small_task: Task,
) -> None:
    (comparison,) = rematch(small_task, against="single_call").comparisons
    calls = {row.pattern: row.measures.calls for row in comparison.rows}
    assert set(calls.values()) == {1}


def test_trials_of_a_rematch_are_paired(small_task: Task) -> None:
    found = rematch(small_task, SimulatedModel(3), trials=3)
    assert [c.seed for c in found.comparisons] == [3, 4, 5]
    assert found.difference("passes", "orchestrator_worker", "tokens")


def test_passes_are_merged_by_code(small_task: Task) -> None:
    record = run(small_task, partial(passes, times=4))
    reports = [e.report for e in record.events if isinstance(e, Reported)]
    assert len(reports) == 4
    expected = merge(reports, count_tokens, small_task.budget.answer_tokens)
    assert record.answer.statements == expected.statements
    asked = [e.messages for e in record.events if isinstance(e, CallStarted)]
    assert len(set(asked)) == 1, "all of them are asked the same"


def test_a_review_sees_the_draft_and_one_that_fails_leaves_it(small_task: Task) -> None:
    record = run(small_task, partial(self_review, rounds=2))
    first, second, third = (e for e in record.events if isinstance(e, CallStarted))
    assert (second.uses, third.uses) == ((first.call,), (second.call,))
    assert "<draft" in "".join(m.content for m in third.messages)
    broken = Faults(SimulatedModel(), ["crash:nth=2+3"])
    left = run(small_task, partial(self_review, rounds=2), broken, recovery="degrade")
    alone = run(small_task, "single_call")
    assert left.answer.statements == alone.answer.statements
    assert measure(left).calls == 3
