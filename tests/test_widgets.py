"""The worker slider, moved in Python: it shows what a run with these settings gives."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from orchestrator_kit import (
    Document,
    SimulatedModel,
    Specialist,
    Task,
    load_task,
    measure,
    run,
    svg,
)
from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.widgets import WorkerSlider, worker_slider
from tests.fakes import FunctionModel, findings

LEGAL = load_task("legal")
LEASE = Document("a.md", "# Rent\n\nThe tenant owes 900 crowns a month.")
HOSTILE = "<script>alert(1)</script>"


class Live(FunctionModel):
    """A model on the wall clock, which answers at once and counts."""

    virtual = False


def shown(slider: WorkerSlider) -> str:
    parts = (slider.figures, slider.gantt, slider.curve, slider.table)
    return "".join(part.value for part in parts)


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
    for control in (slider.workers, slider.pattern):
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
