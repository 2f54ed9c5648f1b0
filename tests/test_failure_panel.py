"""The failure panel, worked in Python: what it breaks is broken, and the price is what runs say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from orchestrator_kit import (
    POLICIES,
    EndpointModel,
    Faults,
    Run,
    SimulatedModel,
    Specialist,
    Task,
    load_task,
    measure,
    run,
    score,
    svg,
    tables,
)
from orchestrator_kit.models.faults import KINDS
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.widgets import FailurePanel, failure_panel
from orchestrator_kit.widgets.controls import Fold
from tests.fakes import FunctionModel, findings
from tests.servers import ChatServer, says
from tests.test_lab import HOSTILE, LEASE, OWED, seen

LEGAL = load_task("legal")


def disturbed(fault: str, recovery: str = "retry", **options: Any) -> Run:
    pattern = partial(orchestrator_worker, **options)
    return run(LEGAL, pattern, Faults(SimulatedModel(), [fault]), recovery=recovery)


def cells(markup: str) -> dict[str, list[str]]:
    """The rows of a table by their headers."""
    found = {}
    for row in markup.split("<tr>")[2:]:
        name, _, rest = row.partition("</th>")
        found[name.rpartition(">")[2]] = [c.partition("</td>")[0] for c in rest.split("<td>")[1:]]
    return found


def html(panel: FailurePanel) -> str:
    parts = (panel.figures, panel.gantt, panel.plan, panel.before, panel.price, panel.remedies)
    return "".join(p.value for p in (*parts, panel.policies, panel.table, panel.live.said))


BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "Break a worker": ("crash:worker=2", {}),
    "Kill a worker": ("kill:worker=2,nth=1", {}),
    "Slow it": ("straggler:worker=2", {}),
    "Make it lie": ("wrong:role=worker,p=0.4", {}),
    "Garble it": ("malformed:role=worker,p=0.4", {}),
    "Break the orchestrator": ("kill:role=orchestrator,nth=2", {"rounds": 1, "revisions": 1}),
}


@pytest.mark.parametrize("preset", BROKEN)
def test_a_button_breaks_what_it_says_and_the_price_is_that_of_the_two_runs(preset: str) -> None:
    fault, options = BROKEN[preset]
    panel = failure_panel(most=4)
    panel.presets[preset].click()
    after = disturbed(fault, **options)
    before = run(LEGAL, partial(orchestrator_worker, **options), recovery="degrade")
    assert panel.run == after
    assert panel.calm is not None
    assert panel.calm.events[1:] == before.events[1:]
    longest = max(measure(r).latency_s for r in (before, after))
    assert panel.gantt.value == svg.gantt(after, until=longest)
    price = cells(panel.price.value)
    old, new = measure(before), measure(after)
    assert price["tokens"][:3] == [
        f"{old.tokens:,}",
        f"{new.tokens:,}",
        f"{new.tokens - old.tokens:+,}",
    ]
    assert price["latency"][2] == f"{new.latency_s - old.latency_s:+.1f} s"
    assert price["calls"][2] == f"{new.calls - old.calls:+}"
    assert price["failed calls"][1] == str(len(new.failures))
    assert price["gaps declared"][1] == str(len(after.answer.gaps))
    recalls = [score(LEGAL, r.answer).recall or 0.0 for r in (before, after)]
    assert price["recall"][2] == f"{100 * (recalls[1] - recalls[0]):+.0f} points"
    assert f"recall {price['recall'][2]}" in panel.figures.value
    assert fault in panel.figures.value


def test_mend_all_is_the_run_without_faults() -> None:
    panel = failure_panel(most=4)
    panel.presets["Break the orchestrator"].click()
    assert "the run failed" in panel.figures.value
    panel.presets["Mend all"].click()
    assert panel.run == run(LEGAL)
    assert panel.policies.value == ""
    assert set(cells(panel.price.value)["tokens"][2:]) == {"+0", "+0%"}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_is_tried_on_the_chosen_fault_and_stands_among_the_others(policy: str) -> None:
    panel = failure_panel(most=4)
    panel.presets["Garble it"].click()
    panel.controls.failing.recovery.value = policy
    after = disturbed("malformed:role=worker,p=0.4", policy)
    assert panel.run == after
    assert panel.calm is not None
    assert panel.calm.started.recovery == str(POLICIES["degrade"])
    rows = cells(panel.policies.value)
    assert len(rows) == len(POLICIES)
    m = measure(after)
    expected = [after.status, str(m.calls), str(len(m.failures)), f"{m.tokens:,}"]
    assert rows[f"{policy}, chosen"][:4] == expected
    for step, price in m.recovery.items():
        name = "calls that failed" if step == "failed" else step
        assert cells(panel.remedies.value)[name][:2] == [
            str(price.calls),
            f"{price.input_tokens:,}",
        ]


def test_a_standby_takes_over_from_a_broken_orchestrator() -> None:
    panel = failure_panel(most=4)
    panel.presets["Break the orchestrator"].click()
    panel.controls.failing.standby.value = True
    assert panel.run is not None
    assert panel.run.status == "done"
    assert "took over" not in panel.price.value
    assert measure(panel.run).calls > 3


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_can_be_chosen_for_every_place_it_strikes(kind: str) -> None:
    panel = failure_panel(most=4)
    f = panel.controls.failing
    panel.controls.set([(f.kind, kind), (f.whom, "worker 1"), (f.rate, 1.0), (f.once, True)])
    assert panel.run == disturbed(f"{kind}:worker=1,first=1")
    f.nth.value = 1
    assert panel.run == disturbed(f"{kind}:worker=1,nth=1,first=1")


def test_how_slow_a_straggler_is_can_be_chosen_and_is_off_for_other_faults() -> None:
    panel = failure_panel(most=4)
    panel.presets["Slow it"].click()
    panel.controls.failing.factor.value = 3.0
    assert panel.run == disturbed("straggler:worker=2,factor=3.0")
    panel.presets["Garble it"].click()
    assert panel.controls.failing.factor.disabled


def test_a_fault_that_struck_nobody_is_named() -> None:
    panel = failure_panel(pattern="single_call", most=4)
    panel.controls.failing.whom.value = "peers"
    assert "The fault crash:role=peer,p=0.25 struck no call" in panel.figures.value


def test_bad_faults_are_one_line() -> None:
    panel = failure_panel(most=4)
    panel.controls.failing.plan.value = "crash:p=lots"
    assert panel.run is None
    assert panel.figures.value.count('role="alert"') == 1
    assert html(panel).count("<svg") == 0


def test_hostile_text_is_text() -> None:
    model = FunctionModel(lambda request: (findings(HOSTILE), 1.0))
    task = Task(HOSTILE, (LEASE,), (Specialist(HOSTILE, "Rent."),), title=HOSTILE)
    panel = failure_panel(task, model=model, pattern="pipeline", most=2)
    panel.controls.failing.plan.value = f"crash:agent={HOSTILE}"
    assert panel.run is not None
    assert "&lt;script&gt;" in panel.figures.value
    assert "<script" not in html(panel)
    assert "<img" not in html(panel)


def test_a_live_model_pays_for_both_runs_once_they_are_confirmed() -> None:
    async def cell() -> FailurePanel:
        with ChatServer(says(findings("The tenant owes 900 crowns."))) as server:
            model = EndpointModel("m", server.url)
            panel = failure_panel(OWED, model=model, pattern="single_call", most=2)
            f = panel.controls.failing
            panel.controls.set(
                [(f.kind, "malformed"), (f.whom, "any call"), (f.rate, 1.0), (f.recovery, "retry")]
            )
            assert not server.asked
            panel.live.run.click()
            assert "2 runs" in panel.live.said.value
            assert not server.asked
            panel.live.confirm.click()
            assert panel.live.task is not None
            await panel.live.task
            assert panel.run is not None
            assert panel.calm is not None
            paid = measure(panel.run).calls + measure(panel.calm).calls
            assert len(server.asked) == paid
            return panel

    panel = asyncio.run(cell())
    assert panel.run is not None
    assert panel.run.status == "failed"
    assert cells(panel.price.value)["gaps declared"][1] != "0"
    assert list(cells(panel.policies.value)) == ["retry, chosen"]


def test_every_control_and_button_says_what_it_is() -> None:
    panel = failure_panel(most=4)
    for each in (*panel.controls.all, *panel.presets.values()):
        assert each.description
        assert len(each.tooltip) > 10
    for picture in (panel.gantt, panel.plan, panel.before):
        assert "<title>" in picture.value
        assert "<desc>" in picture.value
    assert 'aria-live="polite"' in panel.figures.value
    assert '<th scope="col">needs</th>' in panel.table.value


def test_the_gantt_the_price_and_every_control_are_in_the_page() -> None:
    panel = failure_panel(most=4)
    assert {p.model_id for p in (panel.figures, panel.gantt, panel.price)} <= seen(panel)
    for child in panel.children:
        if isinstance(child, Fold):
            child.button.value = True
    opened = seen(panel)
    for each in (*panel.controls.all, *panel.presets.values(), panel.before, panel.plan):
        assert each.model_id in opened


def test_its_words_stand_in_for_it_where_no_widget_can_run() -> None:
    panel = failure_panel(most=4)
    assert repr(panel).startswith("FailurePanel(orchestrator_worker, 4 workers: ")
    assert panel._repr_mimebundle_()["text/plain"] == repr(panel)


def test_the_undisturbed_run_of_a_task_with_a_budget_has_the_same_budget() -> None:
    panel = failure_panel(replace(LEGAL, budget=replace(LEGAL.budget, tokens=15_000)), most=4)
    assert panel.calm is not None
    assert panel.calm.started.budget_tokens == 15_000
    assert tables.NONE not in cells(panel.price.value)["tokens"]
