"""The worker slider, moved in Python: it shows what a run with these settings gives."""

from __future__ import annotations

import asyncio
import math
import re
import subprocess
import sys
from pathlib import Path

import ipywidgets  # type: ignore[import-untyped]
import pytest

from orchestrator_kit import (
    Document,
    Run,
    SimulatedModel,
    Specialist,
    Task,
    diary,
    laws,
    load_task,
    measure,
    run,
    scaling,
    svg,
    widgets,
)
from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.metrics import calls
from orchestrator_kit.widgets import WorkerSlider, worker_slider
from tests.fakes import FunctionModel, findings

LEGAL = load_task("legal")
LEASE = Document("a.md", "# Rent\n\nThe tenant owes 900 crowns a month.")
HOSTILE = "<script>alert(1)</script>"


class Live(FunctionModel):
    """A model on the wall clock, which answers at once and counts."""

    virtual = False


def shown(slider: WorkerSlider) -> str:
    measured = (slider.figures, slider.gantt, slider.curve, slider.notes)
    twins, said = (slider.table, slider.points), (slider.guess.said,)
    return "".join(part.value for part in (*measured, *twins, *said))


def runs(pattern: str = "orchestrator_worker", most: int = 4) -> dict[int, Run]:
    return {n: run(LEGAL, pattern, workers=n) for n in range(1, most + 1)}


def latencies(pattern: str = "orchestrator_worker", most: int = 4) -> dict[int, float]:
    return {n: measure(r).latency_s for n, r in runs(pattern, most).items()}


def predicted(workers: str, seconds: str, most: int = 4) -> WorkerSlider:
    """A slider that asked, was answered, and was told to show the run."""
    slider = worker_slider(LEGAL, most=most, predict=True)
    slider.guess.workers.value, slider.guess.seconds.value = workers, seconds
    slider.guess.button.click()
    return slider


def test_moving_the_slider_shows_the_run_with_that_many_workers() -> None:
    slider = worker_slider(LEGAL, most=6)
    for workers in (2, 6, 1):
        slider.workers.value = workers
        expected = run(LEGAL, workers=workers)
        assert slider.run == expected
        assert slider.gantt.value == svg.gantt(expected)
        assert f"latency {measure(expected).latency_s:.1f} s" in slider.figures.value
        assert f"{measure(expected).tokens:,} tokens" in slider.figures.value


def test_choosing_a_pattern_shows_its_run() -> None:
    slider = worker_slider(LEGAL, most=4)
    slider.pattern.value = "master_slave"
    assert slider.gantt.value == svg.gantt(run(LEGAL, "master_slave"))


def test_a_variant_that_is_no_member_of_the_six_can_be_shown() -> None:
    assert worker_slider(LEGAL, "voting", most=2).pattern.value == "voting"


def test_the_curve_has_every_number_of_workers_and_marks_the_chosen_one() -> None:
    slider = worker_slider(LEGAL, most=5)
    slider.workers.value = 3
    assert slider.curve.value.count("<circle") == 5 + 1  # and one in the legend
    assert slider.curve.value.count('r="7"') == 1
    assert f"3 workers: {measure(run(LEGAL, workers=3)).latency_s:.1f} s" in slider.curve.value


def test_the_other_runs_of_a_pattern_are_made_one_a_tick_and_then_the_ticking_ends() -> None:
    slider = worker_slider(LEGAL, most=6)
    slider.pattern.value = "master_slave"
    seen = []
    while slider.ticks.playing:
        seen.append(slider.curve.value.count("<circle") - 1)
        slider.ticks.value += 1
        assert len(seen) < 10
    assert seen == [1, 2, 3, 4, 5]
    assert slider.curve.value.count("<circle") == 6 + 1
    assert slider.run == run(LEGAL, "master_slave", workers=4)


def test_a_move_while_the_curve_is_being_made_shows_its_own_run_at_once() -> None:
    slider = worker_slider(LEGAL, most=16)
    slider.pattern.value = "parallelization"
    slider.ticks.value += 1
    slider.workers.value = 11
    assert slider.gantt.value == svg.gantt(run(LEGAL, "parallelization", workers=11))
    assert slider.ticks.playing


def test_a_prediction_is_asked_before_anything_but_one_worker_is_shown() -> None:
    slider = worker_slider(LEGAL, most=4, predict=True)
    slider.ticks.value += 1  # a browser may run ahead; the page does not
    took = latencies()
    assert f"1 worker: {took[1]:.1f} s" in slider.curve.value
    for n in (2, 3, 4):
        assert f"{n} workers" not in shown(slider)
    for part in (slider.figures, slider.gantt, slider.views, slider.controls, slider.twins):
        assert part.layout.display == "none"
    assert "asks for a prediction first" in repr(slider)
    slider.workers.value = 2
    assert slider.run is None


def test_the_prediction_is_drawn_while_it_is_written() -> None:
    slider = worker_slider(LEGAL, most=4, predict=True)
    assert "your prediction" not in slider.curve.value
    slider.guess.workers.value = "3"
    assert "your prediction" not in slider.curve.value
    slider.guess.seconds.value = "50"
    assert "your prediction: 3 workers, 50.0 s" in slider.curve.value
    assert "critical path" not in slider.curve.value


def test_a_prediction_is_noted_before_and_scored_after_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(diary.VARIABLE, str(tmp_path / "diary.jsonl"))
    slider = predicted("2", "30")
    took = latencies()
    assert min(took, key=lambda n: took[n]) == 4
    said = slider.guess.said.value
    assert "You said 2; the run says 4 workers: 2 workers too low" in said
    assert f"You said 30; the run says {took[4]:.1f} s: {took[4] - 30:.1f} s too low" in said
    kinds = [entry.kind for entry in diary.read()]
    assert kinds == ["begin", "prediction", "prediction", "outcome", "outcome"]
    assert [entry.data.get("right") for entry in diary.read()[3:]] == [False, False]


def test_a_right_prediction_is_called_right() -> None:
    took = latencies()
    said = predicted("4", f"{took[4] * 1.05:.2f} s").guess.said.value
    assert said.count("That is right") == 2


def test_the_run_that_was_predicted_is_shown_and_the_prediction_stays_in_the_picture() -> None:
    slider = predicted("3", "50")
    assert slider.run == run(LEGAL, workers=3)
    assert slider.gantt.layout.display is None
    assert slider.curve.value.count("<circle") == 4 + 1
    for view in ("latency", "speedup"):
        slider.view.value = view
        assert "your prediction: 3 workers, 50.0 s" in slider.curve.value
    assert "<td>50.0 s</td>" in slider.points.value
    slider.view.value = "latency"
    slider.pattern.value = "master_slave"
    assert "your prediction" not in slider.curve.value


def test_what_was_predicted_cannot_be_changed_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(diary.VARIABLE, str(tmp_path / "diary.jsonl"))
    slider = predicted("3", "50")
    fields = (slider.guess.workers, slider.guess.seconds, slider.guess.button)
    assert all(field.disabled for field in fields)
    said = slider.guess.said.value
    slider.guess.workers.value = "4"
    slider.guess.button.click()
    assert slider.curve.value.count("your prediction: 3 workers") == 2
    assert slider.guess.said.value == said
    assert len(diary.read()) == 1 + 4


@pytest.mark.parametrize(
    ("workers", "seconds", "lacks"),
    [
        ("", "50", "whole number from 1 to 4"),
        ("0", "50", "whole number from 1 to 4"),
        ("5", "50", "whole number from 1 to 4"),
        ("9" * 5000, "50", "whole number from 1 to 4"),
        ("2.5", "50", "whole number from 1 to 4"),
        ("²", "50", "whole number from 1 to 4"),
        (HOSTILE, "50", "whole number from 1 to 4"),
        ("2", "", "seconds, such as"),
        ("2", "-1", "seconds, such as"),
        ("2", "nan", "seconds, such as"),
        ("2", "inf", "seconds, such as"),
        ("2", HOSTILE, "seconds, such as"),
    ],
)
def test_what_is_no_prediction_is_asked_again(workers: str, seconds: str, lacks: str) -> None:
    slider = predicted(workers, seconds)
    assert lacks in slider.guess.said.value
    assert 'role="alert"' in slider.guess.said.value
    assert "<script" not in shown(slider)
    assert slider.run is None
    assert not slider.guess.button.disabled


def test_on_a_live_model_a_prediction_buys_one_run_and_the_workers_are_not_judged() -> None:
    model = Live(lambda request: (findings("The tenant owes 900 crowns."), 0.0))
    task = Task("What is owed?", (LEASE,))
    slider = worker_slider(task, "single_call", model=model, most=4, predict=True)
    slider.guess.workers.value, slider.guess.seconds.value = "2", "900"
    assert model.requests == []
    slider.guess.button.click()
    assert len(model.requests) == 1
    assert slider.run is not None
    assert slider.run.workers == 2
    assert "s too high" in slider.guess.said.value
    assert "not judged" in slider.guess.said.value
    assert "Fewest" not in slider.guess.said.value


@pytest.mark.parametrize("view", svg.VIEWS)
def test_each_view_says_the_figure_that_the_package_computes(view: str) -> None:
    slider = worker_slider(LEGAL, most=4)
    slider.view.value = view
    alone, three = measure(run(LEGAL, workers=1)), measure(run(LEGAL, workers=3))
    expected = {
        "latency": f"{three.latency_s:.1f} s",
        "speedup": f"{alone.latency_s / three.latency_s:.2f} times as fast",
        "tokens": f"{three.tokens:,} tokens",
        "cost": f"${three.cost_usd:.4f}",
    }
    assert f"3 workers: {expected[view]}" in slider.curve.value


def test_a_cost_that_nobody_knows_is_not_drawn_as_nothing() -> None:
    model = FunctionModel(lambda request: (findings("The tenant owes 900 crowns."), 1.0))
    task = Task("What is owed?", (LEASE,))
    slider = worker_slider(task, "single_call", model=model, most=2)
    slider.view.value = "cost"
    assert "no figures of cost yet" in slider.curve.value
    assert "$" not in slider.points.value


def test_the_lines_of_the_picture_are_told_apart_by_dash_or_mark_and_not_by_colour_alone() -> None:
    slider = worker_slider(LEGAL, most=16, rate=0.2)
    while slider.ticks.value < 16:  # as a browser would, on a machine too slow to have them all
        slider.ticks.value += 1
    samples = re.findall(
        r'points="(\S+),(\S+) (\S+),(\S+)" fill="none"([^/]*)/>', slider.curve.value
    )
    dashes = [re.findall('dasharray="(.*)"', m) for x, y, to, at, m in samples if is_32(x, to)]
    assert len(dashes) == 8  # the peak has a mark and no line
    assert dashes.count([]) == 2  # the measured, which has points, and one bound
    assert len({tuple(dash) for dash in dashes}) == 7


def is_32(x: str, to: str) -> bool:
    """Whether this is a piece of line in the legend."""
    return abs(float(to) - float(x) - 32) < 0.1


def test_what_the_laws_expect_is_what_they_say_of_the_run_with_one_worker() -> None:
    slider = worker_slider(LEGAL, most=4, rate=0.1)
    one = measure(run(LEGAL, workers=1))
    low = laws.least_makespan(one.work_s, one.critical_path_s, 4)
    high = laws.brent(one.work_s, one.critical_path_s, 4)
    assert f"4 workers would take {low:.1f} s to {high:.1f} s" in slider.notes.value
    assert f"{laws.little(0.1, one.work_s / one.calls):.1f} calls would be in" in slider.notes.value
    slider.laws.value = False
    assert slider.notes.value == ""
    assert "Brent" not in slider.curve.value


def test_a_run_that_beats_the_bound_of_one_worker_says_why() -> None:
    slider = worker_slider(LEGAL, most=5)
    outlook = scaling.outlook(run(LEGAL, workers=1))
    slider.workers.value = 5
    assert slider.run is not None
    assert measure(slider.run).latency_s < outlook.least(5)
    assert "its calls are others" in slider.notes.value
    slider.workers.value = 2
    assert "its calls are others" not in slider.notes.value


def test_the_overhead_is_the_time_in_which_no_worker_is_busy() -> None:
    one = run(LEGAL, workers=1)
    outlook = scaling.outlook(one)
    centre = [c for c in calls(one) if c.worker is None]  # with one worker nothing overlaps
    assert outlook.overhead_s == pytest.approx(sum(c.seconds for c in centre))
    assert outlook.amdahl(1) == pytest.approx(outlook.latency_s)
    assert outlook.amdahl(1e9) == pytest.approx(outlook.overhead_s)


@pytest.mark.parametrize("pattern", ["orchestrator_worker", "parallelization", "peer_agents"])
def test_every_run_keeps_the_bounds_of_its_own_calls(pattern: str) -> None:
    for n, made in runs(pattern).items():
        m = measure(made)
        assert m.latency_s >= laws.least_makespan(m.work_s, m.critical_path_s, n) - 1e-6


def test_the_fit_is_that_of_the_law_and_needs_enough_points() -> None:
    made = runs("master_slave", 8)
    points = [(n, 1 / measure(r).latency_s) for n, r in made.items()]
    found = scaling.fit(made)
    assert found is not None
    known = laws.fit_universal(points, alone=points[0][1], resamples=scaling.FEW)
    assert found == known
    assert scaling.fit({1: made[1]}) is None
    assert math.isfinite(found.peak)


def test_an_outlook_is_of_one_worker_and_a_rate_above_nothing() -> None:
    with pytest.raises(UsageError, match="had 2 workers"):
        scaling.outlook(run(LEGAL, workers=2))
    with pytest.raises(UsageError, match="calls a second"):
        scaling.outlook(run(LEGAL, workers=1), 0)
    with pytest.raises(UsageError, match="calls a second"):
        worker_slider(LEGAL, rate=math.nan)


def test_the_model_is_the_one_given() -> None:
    slider = worker_slider(LEGAL, model=SimulatedModel(7), most=4)
    assert slider.run == run(LEGAL, model=SimulatedModel(7))


def test_hostile_names_are_shown_as_text() -> None:
    task = Task("What is owed?", (LEASE,), (Specialist(HOSTILE, "Rent, tenants and crowns."),))
    slider = worker_slider(task, most=2)
    assert "<script" not in shown(slider)
    assert "&lt;script&gt;" in slider.table.value


def test_hostile_statements_are_not_markup_anywhere() -> None:
    model = FunctionModel(lambda request: (findings(HOSTILE), 1.0))
    slider = worker_slider(Task(HOSTILE, (LEASE,)), "single_call", model=model, most=2)
    assert slider.run is not None
    assert HOSTILE in str(slider.run.answer)
    assert "<script" not in shown(slider)


def test_an_error_is_shown_as_text_and_not_raised() -> None:
    named = Specialist("lawyer", "Rent.", model=HOSTILE)
    slider = worker_slider(Task("What is owed?", (LEASE,), (named,)), most=2)
    assert slider.run is None
    assert 'role="alert"' in slider.figures.value
    assert "&lt;script&gt;" in slider.figures.value
    assert "<script" not in shown(slider)


def test_a_model_that_takes_real_time_runs_only_when_the_button_is_pressed() -> None:
    model = Live(lambda request: (findings("The tenant owes 900 crowns."), 0.0))
    slider = worker_slider(Task("What is owed?", (LEASE,)), "single_call", model=model, most=4)
    slider.workers.value = 2
    assert model.requests == []
    assert "press Run" in slider.figures.value
    slider.button.click()
    assert len(model.requests) == 1
    assert slider.run is not None
    assert not slider.button.disabled
    slider.button.click()
    assert len(model.requests) == 2


def test_it_follows_inside_a_running_event_loop_as_in_a_notebook() -> None:
    async def cell() -> WorkerSlider:
        slider = worker_slider(LEGAL, most=4)
        slider.workers.value = 1
        return slider

    assert asyncio.run(cell()).gantt.value == svg.gantt(run(LEGAL, workers=1))


def test_controls_and_pictures_say_what_they_are() -> None:
    slider = worker_slider(LEGAL, most=4)
    for control in (slider.workers, slider.pattern, slider.guess.workers, slider.guess.seconds):
        assert control.description
        assert control.tooltip
    for picture in (slider.gantt, slider.curve):
        assert 'role="img"' in picture.value
        assert "<title>" in picture.value
        assert "<desc>" in picture.value
    assert 'aria-live="polite"' in slider.figures.value
    assert '<th scope="col">tokens</th>' in slider.table.value


def test_a_page_that_cannot_run_it_gets_the_figures_in_words() -> None:
    slider = worker_slider(LEGAL, most=4)
    text = slider._repr_mimebundle_()["text/plain"]
    assert text == repr(slider)
    assert "4 workers" in text
    assert f"critical path {measure(run(LEGAL)).critical_path_s:.1f} s" in text


def test_mistakes_in_the_call_are_the_callers() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        worker_slider(LEGAL, most=0)
    with pytest.raises(UnknownName, match="single_call"):
        worker_slider(LEGAL, "singel_call")


def test_without_ipywidgets_the_install_command_is_named() -> None:
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "from orchestrator_kit.errors import MissingExtra\n"
        "try: import orchestrator_kit.widgets\n"
        "except MissingExtra as e: print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'orchestrator-kit[notebook]'" in done.stdout


def test_nothing_in_any_widget_is_out_of_the_keyboards_reach() -> None:
    """An accordion's headings take no focus; what an Output shows cannot be tested."""
    task = load_task("legal")
    open_parts = [
        worker_slider(task),
        worker_slider(task, predict=True),
        widgets.pattern_lab(task),
        widgets.failure_panel(task),
        widgets.replay(run(task), task),
    ]
    while open_parts:
        part = open_parts.pop()
        assert not isinstance(part, ipywidgets.Accordion | ipywidgets.Output), type(part)
        open_parts.extend(getattr(part, "children", ()))
