"""Figures of one run: time line, plan, messages, windows; the record is the oracle."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.text import Annotation

from orchestrator_kit import Faults, Recovery, Run, SimulatedModel, Task, figures, load_task, run
from orchestrator_kit.errors import UsageError
from orchestrator_kit.events import (
    CallStarted,
    PlanMade,
    PlanRevised,
    Recovered,
    Reviewed,
    RunEnded,
    RunStarted,
    SubtaskEnded,
    SubtaskStarted,
)
from orchestrator_kit.figures import plans, runs, traffic
from orchestrator_kit.metrics import calls
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.plan import Plan, Subtask

TROUBLE = ("straggler:role=worker,p=0.3,factor=6", "crash:role=worker,p=0.3")


@pytest.fixture(scope="module")
def legal() -> Task:
    return load_task("legal")


@pytest.fixture(scope="module")
def hard(legal: Task) -> Run:
    """A run with reviews, pauses before retries, hedges, calls called off, and failures."""
    policy = Recovery(retries=2, reassign=2, hedge=0.5, first_wait_s=4)
    pattern = partial(orchestrator_worker, rounds=1, revisions=2)
    model = Faults(SimulatedModel(1), TROUBLE, 3)
    found = run(legal, pattern, model, workers=8, recovery=policy)
    steps = {c.step for c in calls(found)} | {c.failure for c in calls(found)}
    assert {"retry", "hedge", "improve", "crash", "cancelled"} <= steps
    return found


def made(*events: object) -> Run:
    """A record of these events, a second after each other where they say nothing else."""
    return Run((RunStarted(0.0, "by_hand", "t", "m", 4), *events, RunEnded(9.0, "done")))  # type: ignore[arg-type]


def bars(ax: Axes) -> list[Rectangle]:
    return [p for p in ax.patches if isinstance(p, Rectangle)]


# ---- gantt ----


def test_no_two_activities_share_a_colour_or_a_hatch() -> None:
    looks = figures.ACTIVITIES.values()
    assert len({to_hex(look.colour) for look in looks}) == len(looks)
    assert len({look.hatch for look in looks}) == len(looks)


def test_what_a_call_was_for_and_what_became_of_it_has_a_look_of_its_own(hard: Run) -> None:
    found = runs.spans(hard)
    drawn = [(to_hex(b.get_facecolor()), b.get_hatch()) for b in bars(figures.gantt(hard))]
    for span, look in zip(found, drawn, strict=True):
        expected = figures.ACTIVITIES[span.what]
        assert look == (to_hex(expected.colour), expected.hatch)
    named = {
        "called off": {c.id for c in calls(hard) if c.failure == "cancelled"},
        "failed": {c.id for c in calls(hard) if c.failure not in (None, "cancelled")},
        "reviewing": {e.call for e in hard.events if isinstance(e, Reviewed)},
        "hedge": {c.id for c in calls(hard) if c.step == "hedge" and not c.failure},
        "improving": {c.id for c in calls(hard) if c.step == "improve" and not c.failure},
        "synthesis": {c.id for c in calls(hard) if c.role == "synthesizer" and not c.failure},
    }
    for what, ids in named.items():
        assert {s.call.id for s in found if s.what == what and s.call} == ids, what


def test_a_pause_before_a_retry_is_drawn_in_the_lane_of_the_worker_that_waits(hard: Run) -> None:
    by_id = {c.id: c for c in calls(hard)}
    pauses = [e for e in hard.events if isinstance(e, Recovered) and e.wait_s and e.call]
    expected = [(by_id[e.call].worker or 0, e.t, e.t + e.wait_s) for e in pauses if e.call]
    waits = [s for s in runs.spans(hard) if s.what == "waiting"]
    assert [(s.lane, s.started, s.ended) for s in waits] == expected
    again = [s for s in runs.spans(hard) if s.call and s.call.step == "retry"]
    starts = {(s.lane, round(s.started, 3)) for s in again}
    assert all((s.lane, round(s.ended, 3)) in starts for s in waits)


def test_no_two_bars_of_a_row_overlap(hard: Run) -> None:
    rows: dict[float, list[tuple[float, float]]] = {}
    for span, bar in zip(runs.spans(hard), bars(figures.gantt(hard)), strict=True):
        middle = round(bar.get_y() + bar.get_height() / 2, 6)
        rows.setdefault(middle, []).append((span.started, span.ended))
    for spans in rows.values():
        spans.sort()
        assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(spans))


def test_calls_that_overlap_in_a_lane_get_rows_of_their_own() -> None:
    def call(n: int, t: float) -> CallStarted:
        return CallStarted(t, n, "orchestrator", "orchestrator", None, None, (), "plan", (), 9)

    overlapping = made(call(1, 1.0), call(2, 2.0))
    labels = [t.get_text() for t in figures.gantt(overlapping).get_yticklabels()]
    assert labels == ["orchestrator", "orchestrator (2)"]


def test_the_table_of_a_gantt_has_every_call_and_every_pause(hard: Run) -> None:
    table = figures.table(figures.gantt(hard))
    assert len(table.rows) == len(runs.spans(hard))
    tokens = [r[6].replace(",", "") for r in table.rows]
    assert tokens[: len(calls(hard))] == [
        str(c.usage.total) if c.usage else "-" for c in calls(hard)
    ]


def test_the_words_of_a_gantt_tell_remedies_and_pauses(hard: Run) -> None:
    said = figures.alt_text(hard)
    hedges = sum(c.step == "hedge" for c in calls(hard))
    assert f"hedge {hedges}" in said
    assert f"{sum(c.failure == 'cancelled' for c in calls(hard))} calls were called off" in said
    waited = sum(e.wait_s for e in hard.events if isinstance(e, Recovered))
    assert f"Pauses before a retry take {waited:.1f} s" in said


# ---- plan_graph ----


@st.composite
def some_plans(draw: st.DrawFn) -> Plan:
    n = draw(st.integers(1, 30))
    parts = []
    for i in range(n):
        needs = draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set()
        parts.append(Subtask(f"s{i}", "x", "", (), tuple(f"s{k}" for k in sorted(needs))))
    return Plan(tuple(draw(st.permutations(parts))))


@settings(max_examples=60, deadline=None)
@given(some_plans())
def test_what_a_subtask_needs_stands_in_a_layer_before_its_own(plan: Plan) -> None:
    found = plans.layers(made(PlanMade(1.0, plan)))
    layer = {n.part.id: k for k, members in enumerate(found) for n in members}
    assert set(layer) == {s.id for s in plan.subtasks}
    for s in plan.subtasks:  # the longest way from what needs nothing
        assert layer[s.id] == max((layer[n] + 1 for n in s.needs), default=0)


def test_a_plan_has_a_box_for_each_subtask_and_an_arrow_for_each_need(legal: Task) -> None:
    ours = run(legal)
    (plan,) = (e.plan for e in ours.events if isinstance(e, PlanMade))
    ax = figures.plan_graph(ours)
    assert len(bars(ax)) == 2 * len(plan.subtasks)  # the box and its band
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    assert len(arrows) == sum(len(s.needs) for s in plan.subtasks)
    texts = {t.get_text() for t in ax.texts}
    assert {s.id for s in plan.subtasks} | {s.specialist for s in plan.subtasks} <= texts
    rows = figures.table(ax).rows
    assert [(r[0], r[3]) for r in rows if r[3] != "-"] == [
        (s.id, ", ".join(s.needs)) for s in plan.subtasks if s.needs
    ]


def test_each_subtask_has_the_state_that_the_record_tells() -> None:
    plan = Plan(tuple(Subtask(f"s{n}", "x", "") for n in range(6)))
    grown = Plan((*plan.subtasks, Subtask("s6", "y", "")))
    work = [SubtaskStarted(2.0, f"s{n}", "x", n) for n in range(1, 4)]
    ends = [
        SubtaskEnded(4.0, "s1", "x", 3),
        SubtaskEnded(4.0, "s2", "x", 0, "crash"),
        SubtaskEnded(4.0, "s3", "x", 1),
    ]
    moved = Recovered(3.0, None, "x", "s3", "crash", "reassign")
    change = PlanRevised(5.0, grown, ("s6",), ("s4",), "s4 is idle")
    found = plans.nodes(made(PlanMade(1.0, plan), *work, moved, *ends, change))
    assert [n.state for n in found] == [
        *("not begun", "done", "failed", "reassigned", "dropped", "not begun", "not begun")
    ]
    assert str(found[2]) == "failed: crash"
    assert str(found[3]) == "done, 1 finding, reassigned"
    assert str(found[6]) == "not begun, added by a revision"


def test_remedies_and_reviews_of_a_real_run_show_in_its_plan(hard: Run) -> None:
    nodes = {n.part.id: n for n in plans.nodes(hard)}
    for call in calls(hard):
        if call.step == "improve" and not call.failure and call.subtask:
            assert "improved" in nodes[call.subtask].notes
        if call.step == "hedge" and call.subtask:
            assert "hedged" in nodes[call.subtask].notes
    states = {n.state for n in nodes.values()}
    legend = figures.plan_graph(hard).get_legend()
    assert legend
    assert {t.get_text() for t in legend.get_texts()} == states


def test_a_pattern_without_a_plan_gets_a_sentence_that_says_so(legal: Task) -> None:
    ax = figures.plan_graph(run(legal, "single_call"))
    assert "made no plan" in figures.alt_text(ax)
    assert [t.get_text() for t in ax.texts] == [figures.alt_text(ax)]


def test_a_record_whose_plan_goes_in_a_circle_is_refused() -> None:
    plan = Plan((Subtask("a", "x", "", (), ("b",)), Subtask("b", "x", "", (), ("a",))))
    with pytest.raises(UsageError, match="goes in a circle"):
        figures.plan_graph(made(PlanMade(1.0, plan)))


# ---- messages ----


def test_with_an_orchestrator_every_message_goes_through_it(hard: Run) -> None:
    found = traffic.sent(hard)
    assert all(traffic.HUB in (m.sender, m.receiver) for m in found)
    others = [c for c in calls(hard) if c.role != "orchestrator"]
    assert len(found) == 2 * len(others)
    assert sum(m.kind == "failure" for m in found) == sum(c.failure is not None for c in others)


def test_peers_form_a_mesh_in_which_each_reads_a_post_once(legal: Task) -> None:
    peers = run(legal, "peer_agents")
    found = [m for m in traffic.sent(peers) if m.kind == "post read"]
    pairs = {(m.sender, m.receiver) for m in found}
    agents = {c.agent for c in calls(peers)}
    assert pairs == {(a, b) for a in agents for b in agents if a != b}
    assert len({(m.sender, m.sent, m.receiver) for m in found}) == len(found)
    assert all(m.sent <= m.received for m in found)


def test_stages_of_a_pipeline_hand_on_and_sections_say_nothing(legal: Task) -> None:
    chain = run(legal, "pipeline")
    agents = [c.agent for c in calls(chain)]
    assert [(m.sender, m.receiver) for m in traffic.sent(chain)] == list(pairwise(agents))
    assert traffic.sent(run(legal, "parallelization")) == []


def test_every_message_is_an_arrow_and_a_row_of_the_table(hard: Run) -> None:
    ax = figures.messages(hard)
    arrows = [t for t in ax.texts if isinstance(t, Annotation)]
    assert len(arrows) == len(traffic.sent(hard)) == len(figures.table(ax).rows)


# ---- contexts ----


def test_the_bars_of_contexts_are_what_each_call_read_and_wrote(hard: Run) -> None:
    ax = figures.contexts(hard)
    used = [c.usage for c in calls(hard) if c.usage]
    heights = [b.get_height() for b in bars(ax)]
    assert heights[::2] == [u.input_tokens for u in used]
    assert heights[1::2] == [u.output_tokens for u in used]
    assert [b.get_y() for b in bars(ax)[1::2]] == heights[::2]  # what was written, on top


def test_the_window_is_a_line_and_the_fullest_call_a_share_of_it(hard: Run) -> None:
    full = max(c.usage.total for c in calls(hard) if c.usage)
    ax = figures.contexts(hard, window=2 * full)
    (line,) = ax.lines
    assert np.asarray(line.get_ydata()).tolist() == [2 * full] * 2
    assert "fullest call 50%" in figures.alt_text(ax)


def test_the_window_of_a_simulated_model_is_known_and_of_another_is_not(hard: Run) -> None:
    window = SimulatedModel().window
    assert f"window {window:,} tokens" in figures.alt_text(figures.contexts(hard))
    unknown = Run((RunStarted(0.0, "p", "t", "somebody's", 4), *hard.events[1:]))
    assert "the window is not known" in figures.alt_text(figures.contexts(unknown))


def test_a_run_without_calls_is_drawn_as_empty() -> None:
    empty = made()
    for draw in (figures.gantt, figures.messages, figures.contexts, figures.plan_graph):
        assert figures.table(draw(empty)).rows == ()
