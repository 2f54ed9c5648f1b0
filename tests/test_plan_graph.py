"""The plan as a graph: every subtask once, every need an arrow, and nothing drawn over another."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest

from orchestrator_kit import PATTERNS, Faults, Run, SimulatedModel, load_task, run, svg
from orchestrator_kit.answer import Answer
from orchestrator_kit.events import Answered, PlanMade, RunEnded, RunStarted
from orchestrator_kit.metrics import calls
from orchestrator_kit.patterns import VARIANTS
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.svg.plan import MOST, nodes, table

LEGAL = load_task("legal")
NS = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>"


def planned(*subtasks: Subtask) -> Run:
    return Run(
        (
            RunStarted(0.0, "orchestrator_worker", "t", "m", 4),
            PlanMade(1.0, Plan(subtasks, "because")),
            Answered(2.0, Answer()),
            RunEnded(2.0, "done"),
        )
    )


def boxes(picture: str) -> list[tuple[float, float, float, float]]:
    root = ET.fromstring(picture)
    rects = [r for r in root.iter(f"{NS}rect") if r.get("rx") == "4"]
    return [tuple(float(r.get(k) or 0) for k in ("x", "y", "width", "height")) for r in rects]  # type: ignore[misc]


@pytest.mark.parametrize("pattern", [*PATTERNS, *VARIANTS])
def test_no_box_lies_on_another_or_outside_of_the_picture(pattern: str) -> None:
    picture = svg.plan_graph(run(LEGAL, pattern))
    width, height = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', picture)[0])
    found = boxes(picture)
    assert found
    for x, y, w, h in found:
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
    for (x, y, w, h), (x2, y2, w2, h2) in combinations(found, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_the_subtasks_of_a_plan_stand_between_the_plan_and_the_answer() -> None:
    record = run(LEGAL)
    (made,) = (e for e in record.events if isinstance(e, PlanMade))
    found, is_plan = nodes(record)
    assert is_plan
    assert [n.id for n in found[1:-1]] == [s.id for s in made.plan.subtasks]
    for node, subtask in zip(found[1:-1], made.plan.subtasks, strict=True):
        assert node.needs == (subtask.needs or ("",))
        assert node.name == f"{subtask.id} {subtask.specialist}"
        assert node.state.startswith("done, ")
    arrows = sum(len(n.needs) for n in found)
    assert svg.plan_graph(record).count("<polyline") == 2 * arrows


def test_a_box_stands_to_the_right_of_what_it_needs() -> None:
    record = planned(
        Subtask("c", "x", "i", needs=("b", "a")),
        Subtask("a", "x", "i"),
        Subtask("b", "x", "i", needs=("a",)),
    )
    at = dict(zip([n.id for n in nodes(record)[0]], boxes(svg.plan_graph(record)), strict=True))
    assert at[""][0] < at["a"][0] < at["b"][0] < at["c"][0] < at["\n"][0]


def test_what_failed_is_hatched_and_says_its_kind() -> None:
    model = Faults(SimulatedModel(), ["crash:subtask=s2"])
    record = run(LEGAL, model=model, recovery="degrade")
    picture = svg.plan_graph(record)
    assert picture.count('fill="url(#failed)"') == 1
    assert "s2 competition counsel: failed: crash." in picture
    assert ["s2 competition counsel", "plan", "failed: crash"] in [r[:3] for r in table(record)[1]]


def test_a_pattern_without_a_plan_shows_its_calls_and_only_the_needs_that_are_not_implied() -> None:
    record = run(LEGAL, "pipeline")
    found, is_plan = nodes(record)
    assert not is_plan
    assert [n.id for n in found] == [str(c.id) for c in calls(record)]
    assert [n.needs for n in found] == [(), ("1",), ("2",), ("3",), ("4",)]
    assert all(n.critical for n in found)


def test_no_arrow_is_drawn_that_others_imply() -> None:
    found, _ = nodes(run(LEGAL, "peer_agents"))
    reached: dict[str, set[str]] = {}
    for node in found:
        for need in node.needs:
            assert not any(need in reached[other] for other in node.needs)
        reached[node.id] = set(node.needs).union(*(reached[n] for n in node.needs))
    used = {str(c.id): set(map(str, c.uses)) for c in calls(run(LEGAL, "peer_agents"))}
    assert all(used[i] <= reached[i] for i in used)


def test_a_plan_as_deep_as_it_is_long_is_drawn() -> None:
    chain = [Subtask("s0", "x", "i")]
    chain += [Subtask(f"s{n}", "x", "i", needs=(f"s{n - 1}",)) for n in range(1, 3_000)]
    for order in (chain, chain[::-1]):
        picture = svg.plan_graph(planned(*order))
        assert f"… and {3_002 - MOST} more" in picture
        found = boxes(picture)
        assert len(found) == MOST
        assert all(w > 50 for _, _, w, _ in found)


def test_names_are_escaped_and_stay_on_one_line() -> None:
    record = planned(Subtask("s\n1", HOSTILE, HOSTILE, sections=(HOSTILE,)))
    picture = svg.plan_graph(record)
    assert "<script" not in picture
    assert "&lt;script&gt;" in picture
    assert "\n" not in picture


def test_a_run_that_did_nothing_is_an_empty_picture() -> None:
    record = Run((RunStarted(0.0, "pipeline", "t", "m", 4), RunEnded(1.0, "interrupted")))
    assert ET.fromstring(svg.plan_graph(record)).find(f"{NS}title") is not None
    assert table(record)[1] == []


def test_a_gantt_reaches_as_far_as_it_is_told() -> None:
    record = run(LEGAL, "single_call")
    assert svg.gantt(record, until=1.0) == svg.gantt(record)
    longer = svg.gantt(record, until=1_000.0)
    assert ">1000 s</text>" in longer
