"""Trials: comparisons repeated over seeds, paired, with bootstrap intervals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import trials as module
from orchestrator_kit.comparison import Comparison
from orchestrator_kit.errors import RunInterrupted, UsageError
from orchestrator_kit.events import Event, RunStarted
from orchestrator_kit.experiments import compare
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.models.tape import Tape
from orchestrator_kit.tasks import Task
from orchestrator_kit.trials import READINGS, Interval, bootstrap, compare_trials, table, verdict

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@given(values)
def test_the_interval_holds_the_mean_and_lies_within_the_values(found: list[float]) -> None:
    interval = bootstrap(found)
    assert interval.n == len(found)
    slack = 1e-9 * max(1.0, max(map(abs, found)))
    assert min(found) - slack <= interval.low <= interval.high <= max(found) + slack
    assert interval.mean == pytest.approx(fmean(found))
    assert bootstrap(found) == interval, "the same values have the same interval"


@given(st.floats(-1e3, 1e3), st.integers(1, 20))
def test_equal_values_leave_no_doubt(value: float, n: int) -> None:
    interval = bootstrap([value] * n)
    assert interval.low == pytest.approx(value)
    assert interval.high == pytest.approx(value)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = Random(5)
    covered = 0
    for n in range(200):
        found = bootstrap([rng.gauss(3.0, 1.0) for _ in range(20)], seed=n)
        covered += found.low <= 3.0 <= found.high
    assert 0.86 <= covered / 200 <= 0.99  # percentile intervals of 20 values are a little short


def test_no_values_have_no_mean() -> None:
    with pytest.raises(UsageError, match="no values"):
        bootstrap([])


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Interval(0.1, 0.02, 0.2, 20), "more"),
        (Interval(-0.1, -0.2, -0.02, 20), "less"),
        (Interval(0.1, -0.02, 0.2, 20), "no difference shown"),
        (Interval(0.0, 0.0, 0.0, 20), "no difference shown"),
        (Interval(0.1, 0.1, 0.1, 1), "no difference shown"),  # one trial shows nothing
        (None, "not measured"),
    ],
)
def test_a_difference_is_said_in_words(difference: Interval | None, words: str) -> None:
    assert verdict(difference) == words


def test_each_trial_is_the_comparison_with_the_next_seed(small_task: Task) -> None:
    found = compare_trials(small_task, SimulatedModel(7, "large"), trials=3, workers=2)
    for n, trial in enumerate(found.comparisons):
        assert trial == compare(small_task, SimulatedModel(7 + n, "large"), workers=2)
    faulty = Faults(SimulatedModel(7), ["crash:p=0.5"], 40)
    found = compare_trials(small_task, faulty, trials=3, patterns=["pipeline"])
    for n, trial in enumerate(found.comparisons):
        alone = Faults(SimulatedModel(7 + n), ["crash:p=0.5"], 40 + n)
        assert trial == compare(small_task, alone, patterns=["pipeline"])


def test_differences_are_taken_trial_by_trial(small_task: Task) -> None:
    found = compare_trials(small_task, trials=5)
    for reading in READINGS:
        pairs = zip(
            found.values("peer_agents", reading), found.values("single_call", reading), strict=True
        )
        difference = found.difference("peer_agents", "single_call", reading)
        assert difference is not None
        expected = fmean(a - b for a, b in pairs if a is not None and b is not None)
        assert difference.mean == pytest.approx(expected)
    same = found.difference("pipeline", "pipeline", "tokens")
    assert same == Interval(0.0, 0.0, 0.0, 5)


def test_without_gold_facts_groundedness_is_compared(small_task: Task) -> None:
    found = compare_trials(replace(small_task, facts=()), trials=2)
    columns, rows = table(found)
    assert "groundedness" in columns
    assert found.mean("single_call", "recall") is None
    assert found.to_dict()["intervals"]["single_call"]["recall"] is None
    assert rows[0][5].endswith("%")


def test_trials_on_a_tape_are_refused_before_anything_is_asked(
    small_task: Task, tmp_path: Path
) -> None:
    with Reel(tmp_path / "a.okit", record=True) as reel:
        with pytest.raises(UsageError, match="would share their answers"):
            compare_trials(small_task, Tape(reel, SimulatedModel()), trials=2)
        assert reel.calls == {}
        assert compare_trials(small_task, Tape(reel, SimulatedModel()), trials=1)
    with pytest.raises(UsageError, match="trials is 0"):
        compare_trials(small_task, trials=0)


def test_an_interrupt_keeps_the_records_of_all_trials(
    small_task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = 0

    def listen(event: Event) -> None:
        nonlocal began
        began += isinstance(event, RunStarted)
        if began == 4:
            raise KeyboardInterrupt

    names = ["single_call", "pipeline"]
    with pytest.raises(RunInterrupted) as caught:
        compare_trials(small_task, trials=5, patterns=names, listen=listen)
    assert [r.pattern for r in caught.value.runs] == [*names, *names]
    assert [r.status for r in caught.value.runs] == ["done", "done", "done", "interrupted"]


def test_trials_as_json_are_the_comparisons_and_the_intervals(small_task: Task) -> None:
    found = compare_trials(small_task, trials=2, patterns=["single_call", "voting"])
    body = json.loads(found.to_json())
    assert body["trials"] == [json.loads(c.to_json()) for c in found.comparisons]
    mean, low, high = body["intervals"]["voting"]["tokens"]
    assert low <= mean <= high
    assert isinstance(found.comparisons[0], Comparison)
    assert module.RESAMPLES >= 1_000
