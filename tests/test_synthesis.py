"""Synthesis: one call where the reports fit, a tree of calls where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_kit.answer import Answer, Failure, Report, Statement
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import UnknownName
from orchestrator_kit.events import CallRefused, CallStarted, Event
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.simulated import PROFILES, SimulatedModel
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.patterns.synthesis import Shape, synthesize
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Budget, Document, Specialist, Task

TASK = Task(
    "What has to be repaired?",
    (Document("ship.md", "The ship is old."),),
    (Specialist("shipwright", "Examines hulls and repairs."),),
)


def reports(*sizes: int) -> list[Report]:
    """Reports of so many findings each."""
    return [
        Report(
            "shipwright",
            tuple(
                Statement(f"Plate {n} of deck {i} needs repairs of {100 * i} crowns.", ("ship#1",))
                for n in range(size)
            ),
            f"s{i}",
            i,
        )
        for i, size in enumerate(sizes, 1)
    ]


def synthesized(
    found: Sequence[Report],
    window: int,
    shape: Shape = "auto",
    answer_tokens: int = 2_400,
    faults: Sequence[str] = (),
) -> Run:
    async def pattern(crew: Crew, task: Task) -> Answer:
        return await synthesize(crew, task, found, shape=shape)

    task = replace(TASK, budget=Budget(answer_tokens=answer_tokens))
    model = Faults(SimulatedModel(0, replace(PROFILES["small"], window=window)), faults)
    return run(task, pattern, model, workers=4, recovery="degrade")


def synthesizers(record: Run) -> list[CallStarted]:
    return [e for e in record.events if isinstance(e, CallStarted) and e.role == "synthesizer"]


def gaps(record: Run) -> list[str]:
    """What is declared missing, but for the document, which nobody read for these reports."""
    return [g for g in record.answer.gaps if "unread" not in g]


def said(record: Run) -> set[str]:
    return {s.text for s in record.answer.statements}


def test_one_call_does_where_the_reports_fit() -> None:
    record = synthesized(reports(5, 5, 5), 32_000)
    (call,) = synthesizers(record)
    assert call.worker is None, "it is the centre's own"
    assert len(said(record)) == 15


def test_a_flat_synthesis_refuses_what_it_cannot_hold_and_says_so() -> None:
    record = synthesized(reports(*[40] * 6), 3_000, "flat")
    (refused,) = [e for e in record.events if isinstance(e, CallRefused)]
    assert (refused.role, refused.kind) == ("synthesizer", "context")
    assert "put them together as a tree" in refused.message
    assert "synthesis: none (context); reports put together by code" in record.answer.gaps
    assert synthesizers(record) == []


def test_what_flat_refuses_a_tree_takes_in_by_levels() -> None:
    found = reports(*[40] * 6)
    record = synthesized(found, 4_000, "tree", answer_tokens=400)
    calls = synthesizers(record)
    assert record.status == "done"
    assert [c.format for c in calls][-1] == "answer"
    assert {c.format for c in calls[:-1]} == {"part"}
    assert all(c.worker is not None for c in calls[:-1]), "workers do the levels, at once"
    assert gaps(record) == []
    everything = {f.text for r in found for f in r.findings}
    assert said(record) <= everything
    last = calls[-1]
    assert set(last.uses) <= {c.call for c in calls[:-1]}


def test_where_no_reply_can_hold_the_answer_it_is_written_in_portions() -> None:
    found = reports(*[6] * 10)
    record = synthesized(found, 2_500, "tree")
    assert len(synthesizers(record)) >= 3
    assert said(record) == {f.text for r in found for f in r.findings}
    assert gaps(record) == []


def test_a_tree_whose_levels_get_no_shorter_ends() -> None:
    """Parts of a third of a small window, of which no two fit: halved again, level after level."""
    small = SimulatedModel(0, replace(PROFILES["small"], window=1_200))
    calls: list[CallStarted] = []

    def count(event: Event) -> None:
        if isinstance(event, CallStarted) and event.role == "synthesizer":
            calls.append(event)
            assert len(calls) < 200, "it condenses the same findings again and again"

    task = load_task("legal")
    pattern = partial(orchestrator_worker, synthesis="tree")
    done = run(task, pattern, SimulatedModel(0), models={"synthesizer": small}, listen=count)
    assert done.status == "done"
    assert calls
    assert done.answer.statements


def test_a_part_that_fails_loses_nothing_and_is_declared() -> None:
    found = reports(*[6] * 10)
    record = synthesized(found, 2_500, "tree", faults=["crash:role=synthesizer,nth=2"])
    assert record.status == "done"
    assert said(record) == {f.text for r in found for f in r.findings}
    assert any(g.startswith("synthesis: ") and "not condensed" in g for g in record.answer.gaps)


@pytest.mark.parametrize("shape", ["auto", "flat", "tree"])
@pytest.mark.parametrize("window", [1_500, 4_000, 32_000])
def test_a_failed_report_is_a_gap_whatever_the_shape(shape: Shape, window: int) -> None:
    lost = Report("diver", subtask="s99", failure=Failure("crash", "SECRET TEXT"))
    record = synthesized([*reports(20, 20, 20), lost], window, shape)
    assert any(g.startswith("s99 (diver): no report (crash)") for g in record.answer.gaps)
    asked = "".join(m.content for c in synthesizers(record) for m in c.messages)
    assert "SECRET TEXT" not in asked


@given(
    st.lists(st.integers(0, 60), max_size=12),
    st.integers(600, 20_000),
    st.sampled_from(["auto", "flat", "tree"]),
    st.integers(400, 3_000),  # the gaps of twelve empty reports take half of that from the reply
)
@settings(max_examples=150)
def test_whatever_the_window_synthesis_ends_and_invents_nothing(
    sizes: list[int], window: int, shape: Shape, answer_tokens: int
) -> None:
    found = reports(*sizes)
    record = synthesized(found, window, shape, answer_tokens)
    everything = {f.text for r in found for f in r.findings}
    assert said(record) <= everything
    assert len(synthesizers(record)) <= 2 * max(1, len(everything))
    if everything:
        assert said(record)
        assert record.status == "done"
    for n, size in enumerate(sizes, 1):
        empty = f"s{n} (shipwright): nothing found"
        assert (empty in record.answer.gaps) == (size == 0)


def test_a_shape_that_is_none_is_named() -> None:
    async def pattern(crew: Crew, task: Task) -> Answer:
        return await synthesize(crew, task, reports(1), shape="ring")  # type: ignore[arg-type]

    with pytest.raises(UnknownName, match="no shape of a synthesis called 'ring'"):
        run(TASK, pattern)
