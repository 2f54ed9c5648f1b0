"""The pattern lab, worked in Python: it shows what the package computes, and asks to spend."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator_kit import (
    PATTERNS,
    POLICIES,
    Document,
    EndpointModel,
    Faults,
    Run,
    SimulatedModel,
    Specialist,
    Tape,
    Task,
    estimate,
    load_task,
    measure,
    run,
    score,
    svg,
    tables,
)
from orchestrator_kit.cli import main
from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.models.base import Request, Usage
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.simulated import PROFILES
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.widgets import PatternLab, pattern_lab
from orchestrator_kit.widgets.controls import Fold
from orchestrator_kit.widgets.later import Later
from tests.fakes import FunctionModel, findings
from tests.servers import Answer, Asked, ChatServer, says

LEGAL = load_task("legal")
LEASE = Document("a.md", "# Rent\n\nThe tenant owes 900 crowns a month.")
OWED = Task("What is owed?", (LEASE,), (Specialist("clerk", "Rent and crowns."),))
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class Live(FunctionModel):
    """A model on the wall clock that answers at once, counts, and has a price."""

    virtual = False

    def price(self, usage: Usage) -> float | None:
        return 0.001 * usage.total


def answering() -> Live:
    return Live(lambda request: (findings("The tenant owes 900 crowns."), 0.0))


class Stalled:
    """A server's answer that never comes; `there` is set when it is asked for."""

    def begin(self) -> None:
        self.loop, self.there = asyncio.get_running_loop(), asyncio.Event()

    def __call__(self, asked: Asked) -> Answer:
        self.loop.call_soon_threadsafe(self.there.set)
        return says("", ending="stall")(asked)


def html(lab: PatternLab) -> str:
    """Everything that the page shows as markup."""
    parts = (lab.figures, lab.gantt, lab.plan, lab.bars, lab.before, lab.difference, lab.table)
    more = (lab.answer, lab.exported, lab.live.said)
    return "".join(part.value for part in (*parts, *more))


def shows(lab: PatternLab, expected: Run) -> None:
    assert lab.run == expected
    assert lab.gantt.value == svg.gantt(expected)
    assert lab.plan.value == svg.plan_graph(expected)
    m = measure(expected)
    assert f"{m.tokens:,} tokens, cost {tables.money(m.cost_usd)}" in lab.figures.value
    assert f"latency {m.latency_s:.1f} s" in lab.figures.value
    recall = score(LEGAL, expected.answer).recall
    assert f"recall {tables.percent(recall)}" in lab.figures.value


def executed(code: str, **given: Any) -> dict[str, Any]:
    """The names of a cell after it was executed; what it prints is not shown."""
    names: dict[str, Any] = dict(given)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "cell", "exec"), names)
    return names


# ---- the picture follows ----


def test_the_picture_follows_the_worker_slider() -> None:
    lab = pattern_lab(most=6)
    for workers in (4, 2, 6, 1):
        lab.controls.workers.value = workers
        shows(lab, run(LEGAL, workers=workers))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_is_shown_with_its_own_run(pattern: str) -> None:
    lab = pattern_lab(most=4)
    lab.controls.pattern.value = pattern
    shows(lab, run(LEGAL, pattern))


def test_every_setting_is_in_the_run() -> None:
    lab = pattern_lab(most=8)
    c = lab.controls
    c.set(
        [
            (c.workers, 3),
            (c.model, "simulated:large"),
            (c.seed, 5),
            (c.window, 6_000),
            (c.budget_tokens, 60_000),
            (c.budget_usd, 0.5),
            (c.budget_seconds, 900.0),
            (c.rounds, 1),
            (c.revisions, 1),
            (c.conflicts, True),
            (c.synthesis, "tree"),
            (c.decides, frozenset({"split", "assign"})),
            (c.failing.kind, "crash"),
            (c.failing.rate, 0.3),
            (c.failing.plan, "straggler:p=0.1,factor=3; server:role=orchestrator,p=0.1"),
            (c.failing.recovery, "reassign"),
            (c.failing.standby, True),
        ]
    )
    model = SimulatedModel(5, replace(PROFILES["large"], window=6_000))
    plan = [
        "crash:role=worker,p=0.3",
        "straggler:p=0.1,factor=3",
        "server:role=orchestrator,p=0.1",
    ]
    budget = replace(LEGAL.budget, tokens=60_000, usd=0.5, seconds=900.0)
    expected = run(
        replace(LEGAL, budget=budget),
        partial(
            orchestrator_worker,
            rounds=1,
            revisions=1,
            conflicts=True,
            synthesis="tree",
            decides={"split", "assign"},
        ),
        Faults(model, plan, 5),
        workers=3,
        recovery=replace(POLICIES["reassign"], standby=True),
    )
    assert lab.run == expected
    c.window.value = 0
    assert lab.run != expected


def test_a_tape_that_was_given_is_played_back(tmp_path: Path) -> None:
    path = tmp_path / "class.okit"
    with Reel(path, record=True) as reel:
        recorded = run(LEGAL, "pipeline", Tape(reel, SimulatedModel(9)))
    with Reel(path) as reel:
        lab = pattern_lab("legal", models={"recorded": Tape(reel)}, pattern="pipeline")
        lab.controls.model.value = "recorded"
        assert lab.run is not None
        assert measure(lab.run) == measure(recorded)
        assert lab.controls.window.disabled
        assert f"--tape {path}" in lab.line.value


def test_a_prompt_and_a_document_of_ones_own_replace_those_of_the_task() -> None:
    lab = pattern_lab(pattern="single_call")
    lab.controls.prompt.value = "What is owed for the premises?"
    assert lab.run == run(
        load_task("legal", prompt="What is owed for the premises?"), "single_call"
    )
    assert "recall -" in lab.figures.value
    lab.controls.document.value = "# Rent\n\nThe tenant owes 4711 crowns a month."
    assert "4711" in lab.answer.value


def test_other_patterns_are_run_beside_it_and_drawn_as_bars() -> None:
    lab = pattern_lab(most=4, pattern="pipeline")
    lab.beside.value = ("single_call", "master_slave", "pipeline")
    for name in ("pipeline", "single_call", "master_slave"):
        assert f"{measure(run(LEGAL, name)).tokens:,}" in lab.bars.value
    assert lab.bars.value.count("recall ") == 3


def test_options_that_a_pattern_does_not_have_are_off_and_no_part_of_the_run() -> None:
    lab = pattern_lab(most=4)
    lab.controls.rounds.value = 2
    lab.controls.pattern.value = "master_slave"
    assert lab.controls.rounds.disabled
    assert lab.controls.decides.disabled
    shows(lab, run(LEGAL, "master_slave"))
    lab.controls.pattern.value = "orchestrator_worker"
    assert not lab.controls.rounds.disabled
    assert lab.run == run(LEGAL, partial(orchestrator_worker, rounds=2))


def test_a_run_is_made_once() -> None:
    model = FunctionModel(lambda request: (findings("The tenant owes 900 crowns."), 1.0))
    lab = pattern_lab(OWED, model=model, pattern="single_call", most=4)
    for workers in (1, 2, 1, 2, 4):
        lab.controls.workers.value = workers
    assert len(model.requests) == 3


def test_in_a_running_loop_the_neighbours_of_the_slider_are_made_when_it_rests() -> None:
    made = asyncio.Event()

    def respond(request: Request) -> tuple[str, float]:
        if len(model.requests) == 5:
            made.set()
        return findings("The tenant owes 900 crowns."), 1.0

    model = FunctionModel(respond)

    async def cell() -> None:
        lab = pattern_lab(OWED, model=model, pattern="single_call", most=16)
        assert len(model.requests) == 1
        await made.wait()
        lab.controls.workers.value = 5
        assert len(model.requests) == 5
        lab.close()

    asyncio.run(asyncio.wait_for(cell(), 10))
    assert len(model.requests) == 5


def test_what_was_put_off_is_called_off_by_the_next_move() -> None:
    done: list[str] = []

    async def cell() -> None:
        finished = asyncio.Event()
        later = Later()
        later.put([partial(done.append, "old")], [partial(done.append, "old, too")])
        later.put([partial(done.append, "new")], [finished.set])
        await asyncio.wait_for(finished.wait(), 10)

    asyncio.run(cell())
    assert done == ["new"]


def test_without_a_loop_what_is_needed_is_done_at_once_and_nothing_else() -> None:
    done: list[str] = []
    Later().put([partial(done.append, "needed")], [partial(done.append, "other")])
    assert done == ["needed"]


# ---- what cannot be ----


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("budget_tokens", -1, "budget, tokens is -1; it must not be negative"),
        ("window", -5, "window is -5; it must not be negative"),
        ("task", "gone", "no scenario or folder called &#x27;gone&#x27;"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line_and_the_next_one_is_shown(
    name: str, value: Any, said: str
) -> None:
    lab = pattern_lab(most=4)
    each = getattr(lab.controls, name)
    before = each.value
    if name == "task":
        each.options = [*each.options, value]
    each.value = value
    assert lab.run is None
    assert said in lab.figures.value
    assert lab.figures.value.count('role="alert"') == 1
    assert (lab.gantt.value, lab.plan.value, lab.bars.value, lab.code.value) == ("", "", "", "")
    assert lab.pin.disabled
    assert lab.export.disabled
    each.value = before
    shows(lab, run(LEGAL))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("explode", "explode"),
        ("crash:p=2", "a probability is between 0 and 1"),
        ("crash:<script>", "&lt;script&gt;"),
    ],
)
def test_a_fault_that_cannot_be_read_is_one_line(plan: str, said: str) -> None:
    lab = pattern_lab(most=4)
    lab.controls.failing.plan.value = plan
    assert lab.run is None
    assert said in lab.figures.value
    assert "<script" not in html(lab)


def test_a_fault_that_struck_no_call_is_named() -> None:
    lab = pattern_lab(most=4)
    lab.controls.failing.plan.value = "crash:agent=nobody"
    assert "The fault crash:agent=nobody struck no call." in lab.figures.value


def test_a_budget_in_dollars_on_a_model_without_a_price_is_one_line() -> None:
    model = FunctionModel(lambda request: (findings("The tenant owes 900 crowns."), 1.0))
    lab = pattern_lab(OWED, model=model, pattern="single_call", most=4)
    lab.controls.budget_usd.value = 1.0
    assert "a budget in dollars needs a price" in lab.figures.value


def test_a_window_that_is_too_small_is_a_failed_run_and_its_gaps() -> None:
    lab = pattern_lab(most=4)
    lab.controls.window.value = 300
    assert lab.run is not None
    assert lab.run.status == "failed"
    assert "the run failed" in lab.figures.value


def test_mistakes_in_the_call_are_the_callers() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        pattern_lab(most=0)
    with pytest.raises(UsageError, match="at least 1"):
        pattern_lab(workers=0)
    with pytest.raises(UnknownName, match="single_call"):
        pattern_lab(pattern="singel_call")
    with pytest.raises(UnknownName, match="degrade"):
        pattern_lab(recovery="hope")
    with pytest.raises(UnknownName, match="legal"):
        pattern_lab("leagl")
    with pytest.raises(UnknownName, match="endpoint:NAME"):
        pattern_lab(model="gpt")


# ---- hostile text ----


def test_a_reply_that_holds_markup_is_shown_as_text() -> None:
    model = FunctionModel(lambda request: (findings(HOSTILE), 1.0))
    task = Task(HOSTILE, (LEASE,), (Specialist(HOSTILE, "Rent and crowns."),), title=HOSTILE)
    for pattern in reversed(PATTERNS):
        lab = pattern_lab(task, model=model, pattern=pattern, most=2)
        lab.pin.click()
        lab.beside.value = ("single_call",)
        assert "<script" not in html(lab)
        assert "<img" not in html(lab)
    assert "&lt;script&gt;" in lab.answer.value


# ---- pinned for comparison ----


def test_a_pinned_run_stays_and_the_difference_is_told_in_figures_and_per_cent() -> None:
    lab = pattern_lab(most=8, workers=4)
    lab.pin.click()
    before = run(LEGAL)
    assert "+0" in lab.difference.value
    lab.controls.pattern.value = "single_call"
    after = run(LEGAL, "single_call")
    longest = max(measure(r).latency_s for r in (before, after))
    assert svg.gantt(before, until=longest) in lab.before.value
    assert svg.gantt(after, until=longest) in lab.gantt.value
    old, new = measure(before).tokens, measure(after).tokens
    expected = (
        f"<td>{old:,}</td><td>{new:,}</td><td>{new - old:+,}</td><td>{new / old - 1:+.0%}</td>"
    )
    assert expected in lab.difference.value
    recalls = [score(LEGAL, r.answer).recall or 0.0 for r in (before, after)]
    assert f"<td>{100 * (recalls[1] - recalls[0]):+.0f} points</td>" in lab.difference.value
    lab.unpin.click()
    assert lab.difference.value == ""
    assert lab._pinned.layout.display == "none"
    shows(lab, after)


def test_a_figure_that_one_of_two_runs_lacks_has_no_difference() -> None:
    lab = pattern_lab(most=4, pattern="single_call")
    lab.pin.click()
    lab.controls.prompt.value = "What is owed?"  # for which there are no gold facts
    rows = lab.difference.value.split("<tr>")
    (recall,) = (r for r in rows if ">recall<" in r)
    assert recall.count(f"<td>{tables.NONE}</td>") == 3


# ---- copied as code ----

CELLS: list[dict[str, Any]] = [
    {},
    {"pattern": "pipeline", "workers": 2},
    {"pattern": "voting", "seed": 3},
    {"model": "simulated:large", "window": 6_000},
    {"prompt": "What is said of 'data' and \"fines\"?\nAnswer \\ briefly."},
    {"document": '# Rent\n\nIt\'s 900 crowns, \\ "a month".'},
    {"prompt": "What is owed?", "document": "# Rent\n\nIt is 900 crowns a month."},
    {"budget_tokens": 20_000, "budget_usd": 0.5, "budget_seconds": 90.5},
    {"rounds": 1, "revisions": 1, "conflicts": True, "synthesis": "tree"},
    {"decides": frozenset()},
    {"decides": frozenset({"split", "assign", "count"})},
    {"kind": "crash", "rate": 0.5, "recovery": "full"},
    {"kind": "kill", "whom": "orchestrator", "nth": 2, "rounds": 1, "standby": True},
    {"plan": "straggler:p=0.5,factor=3;wrong:p=0.2", "recovery": "hedge", "seed": 4},
]


def settle(lab: PatternLab, settings: dict[str, Any]) -> None:
    c = lab.controls
    lab.controls.set(
        [
            (getattr(c, name, None) or getattr(c.failing, name), value)
            for name, value in settings.items()
        ]
    )


@pytest.mark.parametrize("settings", CELLS, ids=lambda s: "+".join(s) or "as it begins")
def test_the_copied_cell_makes_the_same_run(settings: dict[str, Any]) -> None:
    lab = pattern_lab(most=8)
    settle(lab, settings)
    assert lab.run is not None
    record = executed(lab.code.value)["record"]
    assert record == lab.run
    assert measure(record) == measure(lab.run)


@pytest.mark.parametrize("settings", CELLS, ids=lambda s: "+".join(s) or "as it begins")
def test_the_okit_line_makes_the_same_run(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lab = pattern_lab(most=8)
    settle(lab, settings)
    if "window" in settings or "document" in settings:
        assert lab.line.value.startswith("# no such line: ")
        return
    kit, *words = shlex.split(lab.line.value)
    assert kit == "okit"
    with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main([*words, "--record", "a.jsonl"])
    assert Run.load("a.jsonl") == lab.run


def test_the_copied_cell_calls_what_was_given_by_name() -> None:
    task = replace(
        OWED, specialists=(Specialist("clerk", "Rent.", "mine"), Specialist("aid", "Crowns."))
    )
    mine = FunctionModel(lambda request: (findings("The tenant owes 900 crowns."), 1.0))
    lab = pattern_lab(task, models={"mine": mine}, pattern="parallelization", most=4)
    settle(lab, {"kind": "crash", "rate": 0.5, "prompt": "What is owed, and by whom?"})
    assert "# my_task is the Task and my_models are the models that you gave" in lab.code.value
    names = executed(lab.code.value, my_task=task, my_models={"mine": mine})
    assert names["record"] == lab.run
    assert lab.line.value.startswith("# no such line: the task is an object")


# ---- exports ----


def test_an_export_is_the_picture_and_the_record_and_says_where(tmp_path: Path) -> None:
    lab = pattern_lab(most=4, folder=tmp_path / "new" / "folder")
    lab.export.click()
    stem = tmp_path / "new" / "folder" / "orchestrator_worker-4-workers"
    assert Run.load(f"{stem}.jsonl") == lab.run
    picture = Path(f"{stem}.svg").read_text("utf-8")
    assert picture.count("<svg ") == 4
    assert str(stem) in lab.exported.value
    lab.export.click()
    assert len(list(stem.parent.iterdir())) == 2
    lab.controls.seed.value = 1
    lab.export.click()
    assert Run.load(f"{stem}-2.jsonl") == lab.run
    assert Run.load(f"{stem}.jsonl") != lab.run


def test_an_export_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    lab = pattern_lab(most=4, folder=tmp_path / "file" / "below")
    lab.export.click()
    assert "Not written" in lab.exported.value
    assert 'role="alert"' in lab.exported.value


# ---- models on the wall clock ----


def test_a_live_model_is_asked_nothing_before_its_estimate_is_confirmed() -> None:
    model = answering()
    lab = pattern_lab(OWED, model=model, pattern="single_call", most=4)
    lab.controls.workers.value = 2
    lab.beside.value = ("parallelization",)
    assert "press Run" in lab.figures.value
    lab.live.run.click()
    found = [estimate(OWED, p, 2, model) for p in ("single_call", "parallelization")]
    assert f"about {sum(e.calls for e in found)} calls" in lab.live.said.value
    assert tables.money(sum(e.cost_usd or 0 for e in found)) in lab.live.said.value
    lab.live.decline.click()
    assert "nothing was spent" in lab.live.said.value
    lab.live.run.click()
    lab.controls.workers.value = 3  # another run than was estimated
    lab.live.confirm.click()
    assert model.requests == []
    lab.live.run.click()
    assert "2 runs: about 2 calls" in lab.live.said.value
    lab.live.confirm.click()
    assert len(model.requests) == 2
    assert lab.run is not None
    assert lab.run.workers == 3
    assert "parallelization" in lab.bars.value


def test_a_live_run_in_a_notebook_shows_progress_and_then_its_picture() -> None:
    seen: list[str] = []

    async def cell() -> PatternLab:
        with ChatServer(says(findings("The tenant owes 900 crowns."))) as server:
            model = EndpointModel("m", server.url)
            lab = pattern_lab(OWED, model=model, pattern="parallelization", most=4)
            lab.live.said.observe(lambda change: seen.append(change["new"]), "value")
            lab.live.run.click()
            lab.live.confirm.click()
            assert lab.controls.workers.disabled
            assert lab.live.stop.layout.display is None
            assert lab.live.task is not None
            await lab.live.task
            assert lab.live.bar.value == lab.live.bar.max == 1
            return lab

    lab = asyncio.run(cell())
    assert any("1 of about 1 calls" in said for said in seen)
    assert any("at work: clerk" in said for said in seen)
    assert lab.run is not None
    assert lab.gantt.value == svg.gantt(lab.run)
    assert "The tenant owes 900 crowns." in lab.answer.value
    assert not lab.controls.workers.disabled
    assert lab.live.stop.layout.display == "none"


def test_stop_ends_the_spending_and_what_was_paid_stays_in_the_record() -> None:
    task = replace(OWED, specialists=tuple(Specialist(f"clerk {n}", "Rent.") for n in range(4)))
    stalled = Stalled()

    async def cell(server: ChatServer) -> PatternLab:
        stalled.begin()
        lab = pattern_lab(task, model=EndpointModel("m", server.url), pattern="pipeline", most=4)
        lab.live.run.click()
        lab.live.confirm.click()
        await stalled.there.wait()
        assert lab.live.task is not None
        before = asyncio.all_tasks() - {lab.live.task}
        lab.live.stop.click()
        await asyncio.wait([lab.live.task], timeout=10)
        assert lab.live.task.done()
        assert asyncio.all_tasks() <= before
        return lab

    with ChatServer(says(findings("The tenant owes 900 crowns.")), stalled) as server:
        lab = asyncio.run(asyncio.wait_for(cell(server), 20))
        assert len(server.asked) == 2
    assert "Stopped; nothing more is spent" in lab.live.said.value
    assert lab.run is not None
    assert lab.run.status == "interrupted"
    assert measure(lab.run).calls == 2
    assert measure(lab.run).failures[0]["kind"] == "cancelled"
    assert "the run interrupted" in lab.figures.value
    assert not lab.controls.workers.disabled


def test_stop_before_the_first_step_spends_nothing_and_leaves_the_lab_usable() -> None:
    model = answering()

    async def cell() -> PatternLab:
        lab = pattern_lab(OWED, model=model, pattern="single_call", most=4)
        lab.live.run.click()
        lab.live.confirm.click()
        lab.live.stop.click()
        assert lab.live.task is not None
        await asyncio.wait([lab.live.task])
        assert not lab.live.busy
        lab.live.run.click()
        lab.live.confirm.click()
        await lab.live.task
        return lab

    lab = asyncio.run(cell())
    assert len(model.requests) == 1
    assert lab.run is not None
    assert not lab.controls.workers.disabled


def test_the_bar_counts_the_calls_of_all_runs_that_were_estimated() -> None:
    async def cell() -> list[int]:
        lab = pattern_lab(OWED, model=answering(), pattern="single_call", most=4)
        lab.beside.value = ("voting",)
        seen: list[int] = []
        lab.live.bar.observe(lambda change: seen.append(change["new"]), "value")
        lab.live.run.click()
        lab.live.confirm.click()
        assert lab.live.bar.max == 4
        assert lab.live.task is not None
        await lab.live.task
        return seen

    assert asyncio.run(cell())[-1] == 4


def test_a_second_press_on_yes_buys_nothing_twice() -> None:
    async def cell() -> int:
        with ChatServer(says(findings("The tenant owes 900 crowns."))) as server:
            model = EndpointModel("m", server.url)
            lab = pattern_lab(OWED, model=model, pattern="single_call", most=4)
            lab.live.run.click()
            lab.live.confirm.click()
            lab.live.confirm.click()
            assert lab.live.task is not None
            await lab.live.task
            return len(server.asked)

    assert asyncio.run(cell()) == 1


def test_closing_the_lab_stops_a_run_under_way() -> None:
    stalled = Stalled()

    async def cell(server: ChatServer) -> None:
        stalled.begin()
        model = EndpointModel("m", server.url)
        lab = pattern_lab(OWED, model=model, pattern="single_call", most=4)
        lab.live.run.click()
        lab.live.confirm.click()
        await stalled.there.wait()
        lab.close()
        assert lab.live.task is not None
        await asyncio.wait([lab.live.task], timeout=10)
        assert lab.live.task.done()

    with ChatServer(stalled) as server:
        asyncio.run(asyncio.wait_for(cell(server), 20))


def test_a_model_that_breaks_down_is_one_line_and_the_record_so_far() -> None:
    def broken(request: object) -> tuple[str, float]:
        raise ValueError(HOSTILE)

    lab = pattern_lab(OWED, model=Live(broken), pattern="single_call", most=4)
    lab.live.run.click()
    lab.live.confirm.click()
    assert "the run broke off: ValueError" in lab.live.said.value
    assert "<script" not in html(lab)
    assert lab.run is not None
    assert lab.run.status == "interrupted"


# ---- for everybody ----


def controls_of(lab: PatternLab) -> list[Any]:
    return [*lab.controls.all, lab.beside, lab.folder, lab.code, lab.line]


def test_every_control_says_what_it_is_and_every_picture_has_words_and_a_table() -> None:
    lab = pattern_lab(most=4)
    for each in controls_of(lab):
        assert each.description
        assert len(each.tooltip) > 10
    live = lab.live
    for each in (lab.pin, lab.unpin, lab.export, live.run, live.confirm, live.decline, live.stop):
        assert each.description
        assert each.tooltip
    for picture in (lab.gantt, lab.plan, lab.bars):
        assert 'role="img"' in picture.value
        assert "<title>" in picture.value
        assert "<desc>" in picture.value
    assert 'aria-live="polite"' in lab.figures.value
    assert lab.run is not None
    for word in ("subtask", "needs", "critical path", "grounded"):
        assert f'<th scope="col">{word}</th>' in lab.table.value


def seen(widget: Any) -> set[str]:
    """The ids of what is in the page and not hidden."""
    if widget.layout.display == "none":
        return set()
    below = (seen(child) for child in getattr(widget, "children", ()))
    return {widget.model_id}.union(*below)


def test_the_pictures_and_every_control_are_in_the_page() -> None:
    lab = pattern_lab(most=4)
    there = seen(lab)
    assert {p.model_id for p in (lab.figures, lab.gantt, lab.bars, lab.plan)} <= there
    assert lab.before.model_id not in there
    assert lab.live.run.model_id not in there
    lab.pin.click()
    assert {lab.before.model_id, lab.unpin.model_id} <= seen(lab)
    for child in lab.children:
        if isinstance(child, Fold):
            child.button.value = True
    opened = seen(lab)
    for each in (*controls_of(lab), lab.table, lab.answer):
        assert each.model_id in opened


def test_folds_open_and_close_by_a_button() -> None:
    lab = pattern_lab(most=4)
    fold = next(c for c in lab.children if getattr(c, "button", None) and c.button.value is False)
    assert fold.body.layout.display == "none"
    fold.button.value = True
    assert fold.body.layout.display is None


def test_a_page_that_cannot_run_it_gets_the_figures_in_words() -> None:
    lab = pattern_lab(most=4)
    text = lab._repr_mimebundle_()["text/plain"]
    assert text == repr(lab)
    assert f"{measure(run(LEGAL)).tokens:,} tokens" in text


def test_the_record_of_an_export_is_json_lines(tmp_path: Path) -> None:
    lab = pattern_lab(most=4, folder=tmp_path, pattern="single_call")
    lab.export.click()
    (file,) = tmp_path.glob("*.jsonl")
    events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert events[0]["event"] == "RunStarted"
