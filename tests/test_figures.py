"""Figures for print: what they show, in which form, and that they can be written again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from orchestrator_kit import (
    Comparison,
    Document,
    Run,
    SimulatedModel,
    Specialist,
    Task,
    compare,
    figures,
    load_task,
    measure,
    run,
)
from orchestrator_kit.errors import RecordError, Refused, UsageError
from orchestrator_kit.metrics import calls, critical_path
from orchestrator_kit.models.base import Request
from orchestrator_kit.svg import COLOURS
from tests.fakes import FunctionModel

RENT = Document("lease.md", "# Rent\n\nThe tenant owes 900 crowns.\n\n# Term\n\nFive years.")


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(load_task("legal"), SimulatedModel(0))


@pytest.fixture(scope="module")
def ours(found: Comparison) -> Run:
    return found.row("orchestrator_worker").run


def bars(run: Run) -> list[Rectangle]:
    return [p for p in figures.gantt(run).patches if isinstance(p, Rectangle)]


def picture(run: Run) -> figures.Picture:
    figure = figures.gantt(run).figure
    assert isinstance(figure, figures.Picture)
    return figure


def words(figure: Figure) -> str:
    return "\n".join(t.get_text() for t in figure.findobj() if hasattr(t, "get_text"))


def test_a_gantt_has_a_bar_for_each_call_as_long_as_the_call(ours: Run) -> None:
    spans = [(bar.get_x(), bar.get_width()) for bar in bars(ours)]
    assert spans == [(c.started, c.seconds) for c in calls(ours)]


def test_bars_on_the_critical_path_have_a_dark_edge_and_no_others(ours: Run) -> None:
    path = {c.id for c in critical_path(ours)}
    dark = [to_hex(bar.get_edgecolor()) == "#1b1b1b" for bar in bars(ours)]
    assert dark == [c.id in path for c in calls(ours)]


def test_roles_differ_by_colour_and_by_hatch(ours: Run) -> None:
    looks = {
        c.role: (to_hex(bar.get_facecolor()), bar.get_hatch())
        for c, bar in zip(calls(ours), bars(ours), strict=True)
    }
    assert len(looks) == 3
    assert len({colour for colour, _ in looks.values()}) == 3
    assert len({hatch for _, hatch in looks.values()}) == 3
    assert set(figures.HATCHES) == set(COLOURS)


def test_lanes_are_named_after_the_workers(ours: Run) -> None:
    names = [t.get_text() for t in figures.gantt(ours).get_yticklabels()]
    assert names == ["orchestrator", "worker 1", "worker 2", "worker 3", "worker 4"]


def test_every_axis_says_its_unit(found: Comparison, ours: Run) -> None:
    assert "seconds" in figures.gantt(ours).get_xlabel()
    assert figures.tokens(found).get_xlabel() == "tokens"
    assert figures.latency(found).get_xlabel() == "seconds"
    assert figures.recall(found).get_xlabel() == "share of the gold facts"


def test_a_figure_is_drawn_onto_the_axes_that_are_given(found: Comparison, ours: Run) -> None:
    ax = Figure().add_subplot()
    assert figures.gantt(ours, ax) is ax
    for draw in (figures.tokens, figures.latency, figures.recall):
        ax = Figure().add_subplot()
        assert draw(found, ax) is ax


def test_the_bars_are_the_measures(found: Comparison) -> None:
    inputs, outputs = figures.tokens(found).containers
    drawn = [a.get_width() + b.get_width() for a, b in zip(inputs, outputs, strict=True)]
    assert drawn == [r.measures.tokens for r in found.rows]
    parts = zip(*figures.latency(found).containers, strict=True)
    took = [sum(bar.get_width() for bar in bars) for bars in parts]
    assert took == pytest.approx([r.measures.latency_s for r in found.rows])


def test_the_mark_on_a_latency_bar_is_the_critical_path(found: Comparison) -> None:
    (marks,) = figures.latency(found).lines
    expected = [r.measures.critical_path_s for r in found.rows]
    assert np.asarray(marks.get_xdata()).tolist() == expected


def test_without_gold_facts_groundedness_is_drawn() -> None:
    ax = figures.recall(compare(Task("What is owed?", (RENT,)), patterns=["single_call"]))
    assert ax.get_xlabel() == "share of the statements"


def test_an_overview_shows_every_pattern_and_the_run(found: Comparison, ours: Run) -> None:
    text = words(figures.overview(found, ours))
    assert all(row.pattern in text for row in found.rows)
    assert "orchestrator_worker, 4 workers" in text
    assert "Merger agreement review: 6 patterns" in text


def test_the_words_of_a_picture_hold_its_figures(found: Comparison, ours: Run) -> None:
    of_run, of_bars = figures.alt_text(ours), figures.alt_text(found)
    assert f"{measure(ours).latency_s:.1f} s" in of_run
    assert all(c.agent in of_run for c in critical_path(ours))
    assert all(f"{r.measures.tokens:,} tokens" in of_bars for r in found.rows)


def test_a_notebook_gets_the_picture_with_its_words(ours: Run) -> None:
    data, about = picture(ours)._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == figures.alt_text(ours) == about["image/png"]["alt"]


@pytest.mark.parametrize("ending", figures.FORMATS)
def test_the_same_run_gives_the_same_bytes(ours: Run, tmp_path: Path, ending: str) -> None:
    a = figures.save(picture(ours), tmp_path / f"a{ending}")
    b = figures.save(picture(ours), tmp_path / f"b{ending}")
    assert a.read_bytes() == b.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"a{ending}", f"b{ending}"]


def test_a_saved_svg_keeps_its_words_as_text(ours: Run, tmp_path: Path) -> None:
    path = figures.save(picture(ours), tmp_path / "a.svg")
    text = path.read_text("utf-8")
    assert "seconds since the run began" in text
    assert figures.alt_text(ours) in text


def test_a_picture_that_cannot_be_written_is_a_record_error(ours: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="cannot be written"):
        figures.save(Figure(), tmp_path / "file" / "a.png")


def test_a_picture_of_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.png, \.pdf, \.svg"):
        figures.save(Figure(), tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_names_are_drawn_as_they_are_even_if_they_look_like_formulas(tmp_path: Path) -> None:
    task = Task("What is owed?", (RENT,), (Specialist("$x^{", "Rent of $9 and <b>more</b>."),))
    found = compare(task, patterns=["orchestrator_worker"])
    figure = figures.overview(found, found.rows[0].run)
    figures.save(figure, tmp_path / "a.svg")
    assert "$x^{" in (tmp_path / "a.svg").read_text("utf-8")


def test_failed_calls_are_hatched_and_in_the_legend() -> None:
    def refuse(request: Request) -> tuple[str, float]:
        raise Refused("no")

    failed = run(Task("What is owed?", (RENT,)), "master_slave", FunctionModel(refuse))
    assert {bar.get_hatch() for bar in bars(failed)} == {figures.FAILED_HATCH}
    assert "failed" in words(picture(failed))
    assert "failed or were refused" in figures.alt_text(failed)


def test_importing_figures_leaves_pyplot_alone_and_says_what_is_missing() -> None:
    code = (
        "import sys; import orchestrator_kit.figures\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "del sys.modules['orchestrator_kit.figures']; sys.modules['matplotlib'] = None\n"
        "from orchestrator_kit.errors import MissingExtra\n"
        "try: import orchestrator_kit.figures\n"
        "except MissingExtra as e: print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'orchestrator-kit[notebook]'" in done.stdout
