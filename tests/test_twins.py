"""Every picture has words made of its data, and a table that says what is drawn.

What is drawn is read off the picture: the ends of bars, points, arrows, the letters. A new function
of `figures` or `svg` fails here until it is entered, with its table.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation

from orchestrator_kit import (
    Faults,
    SimulatedModel,
    compare,
    compare_trials,
    exercises,
    figures,
    load_task,
    measure,
    run,
    svg,
    tables,
)
from orchestrator_kit.comparison import Comparison
from orchestrator_kit.figures.canvas import TWIN, Table, short
from orchestrator_kit.metrics import calls
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.playback import Timeline
from orchestrator_kit.record import Run
from orchestrator_kit.svg.canvas import INPUT, LABEL, OUTPUT
from orchestrator_kit.svg.plan import table as plan_table
from orchestrator_kit.tasks import Task
from orchestrator_kit.trials import Trials
from orchestrator_kit.trials import table as trials_table
from orchestrator_kit.widgets.expected import curve_table
from orchestrator_kit.widgets.pages import event_rows
from orchestrator_kit.widgets.parts import table as gantt_table

SVG = "{http://www.w3.org/2000/svg}"
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?%?")


@dataclass(frozen=True)
class Data:
    """What all pictures are drawn from."""

    task: Task
    found: Comparison
    trials: Trials
    hard: Run
    by_workers: dict[int, Run]
    reviewed: dict[int, list[Run]]


def made(task: Task, seed: int) -> Data:
    model = SimulatedModel(seed)
    patterns = ["single_call", "parallelization", "orchestrator_worker"]
    wrong = Faults(model, ["crash:role=worker,p=0.3", "wrong:role=worker,p=0.4"], seed)
    return Data(
        task,
        compare(task, model, patterns=patterns, workers=3 + seed),
        compare_trials(task, model, trials=3, patterns=patterns),
        run(task, partial(orchestrator_worker, rounds=1), wrong, recovery="full"),
        {n: run(task, model=model, workers=n) for n in (1, 2, 3, 4)},
        {n: [run(task, partial(orchestrator_worker, rounds=n), wrong)] for n in (0, 1)},
    )


@pytest.fixture(scope="module")
def data() -> Data:
    return made(load_task("software"), 0)


@pytest.fixture(scope="module")
def other(small_task: Task) -> Data:
    return made(small_task, 1)


def latencies(d: Data) -> dict[str, dict[float, float]]:
    took = {float(n): measure(r).latency_s for n, r in d.by_workers.items()}
    path = {float(n): measure(r).critical_path_s for n, r in d.by_workers.items()}
    return {"latency": took, "critical path": path}


# Each public figure, and the columns of its table that say more than is drawn.
FIGURES: dict[str, tuple[Callable[[Data], Axes | Figure], set[str]]] = {
    "contexts": (lambda d: figures.contexts(d.hard), {"call", "share"}),
    "frontier": (lambda d: figures.frontier(d.trials), {"runs"}),
    "gantt": (lambda d: figures.gantt(d.hard), {"subtask", "tokens"}),
    "history": (lambda d: figures.history(), {"years", "example"}),
    "latency": (lambda d: figures.latency(d.found), set()),
    "lines": (lambda d: figures.lines(latencies(d), x="workers", y="seconds"), set()),
    "means": (lambda d: figures.means(d.trials, "recall"), set()),
    "messages": (lambda d: figures.messages(d.hard), set()),
    "money": (lambda d: figures.money(d.found), set()),
    "overview": (lambda d: figures.overview(d.found, d.hard), set()),
    "plan_graph": (lambda d: figures.plan_graph(d.hard), {"needs", "layer", "agent"}),
    "recall": (lambda d: figures.recall(d.found), set()),
    "review_gain": (
        lambda d: figures.review_gain(d.task, d.reviewed),
        {"runs", "more", "recall gained", "groundedness gained"},
    ),
    "roles": (lambda d: figures.roles(d.found), set()),
    "speedup": (lambda d: figures.speedup(d.by_workers), {"latency"}),
    "tokens": (lambda d: figures.tokens(d.found), set()),
}


def test_no_figure_and_no_drawing_is_left_out() -> None:
    def draws(module: Any, ends: tuple[str, ...]) -> set[str]:
        public = {n: getattr(module, n) for n in module.__all__}
        return {
            name
            for name, each in public.items()
            if inspect.isfunction(each) and inspect.signature(each).return_annotation in ends
        }

    assert draws(figures, ("Axes", "Figure")) == set(FIGURES)
    assert draws(svg, ("str",)) - ELSEWHERE | {"Stage"} == set(DRAWINGS)


@pytest.fixture(params=FIGURES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_words_of_a_figure_are_made_of_its_data(name: str, data: Data, other: Data) -> None:
    draw, _ = FIGURES[name]
    words = figures.alt_text(draw(data))
    numbers = {n for t in parts(figures.table(draw(data))) for row in t.rows for n in said(row)}
    told = {n for n, _ in numbers_in(words)}
    if name == "messages":  # the words count the rows
        kinds = [kind for kind, *_ in figures.table(draw(data)).rows]
        assert all(f"{kind} {kinds.count(kind)}" in words for kind in kinds)
    else:
        assert len(told & {n for n, _ in numbers}) >= 2, words
    if name != "history":  # which is the same for everybody
        assert words != figures.alt_text(draw(other))


def test_every_number_in_the_table_of_a_figure_is_drawn(name: str, data: Data) -> None:
    draw, more = FIGURES[name]
    picture = draw(data)
    axes = picture.axes if isinstance(picture, Figure) else [picture]
    checked = 0
    for table, ax in zip(parts(figures.table(picture)), axes, strict=True):
        undrawn = FIGURES["gantt"][1] if "lane" in table.columns else more
        for n, row in enumerate(table.rows):
            for column, cell in zip(table.columns, row, strict=True):
                if column in undrawn:
                    continue
                for value, half in numbers_in(cell):
                    if column in (series := bars_of(ax)):
                        assert series[column][n] == pytest.approx(value, abs=half), column
                    assert is_drawn(ax, row, column, value, half), f"{column} {cell} of {row}"
                    checked += 1
    assert checked >= 2 or name == "history"


def test_every_bar_of_a_figure_is_in_its_table(name: str, data: Data) -> None:
    picture = FIGURES[name][0](data)
    axes = picture.axes if isinstance(picture, Figure) else [picture]
    for table, ax in zip(parts(figures.table(picture)), axes, strict=True):
        if not ax.containers or name == "history":
            continue
        known = [pair for row in table.rows for cell in row for pair in numbers_in(cell)]
        for bar in (p for p in ax.patches if isinstance(p, Rectangle)):
            x, y, w, h = bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()
            found = any(abs(v - n) <= half for v in (w, h, x + w, y + h) for n, half in known)
            assert found or w == 0, (w, h)


def test_a_table_that_says_something_else_is_noticed(data: Data) -> None:
    picture = figures.tokens(data.found)
    first, *_ = figures.table(picture).rows
    ((value, half),) = numbers_in(first[1])
    assert is_drawn(picture, first, "input", value, half)
    assert not is_drawn(picture, first, "input", value + 1, half)


def test_the_plan_as_a_table_has_the_names_and_the_states_that_are_drawn(data: Data) -> None:
    ax = figures.plan_graph(data.hard)
    letters = {t.get_text() for t in ax.texts}
    for subtask, specialist, *_ in figures.table(ax).rows:
        assert {short(subtask, 22), short(specialist, 28)} <= letters


def test_the_table_of_the_overview_is_that_of_its_pictures(data: Data) -> None:
    found = [figures.tokens(data.found), figures.latency(data.found), figures.recall(data.found)]
    each = [figures.table(ax) for ax in (*found, figures.gantt(data.hard))]
    assert parts(figures.table(figures.overview(data.found, data.hard))) == each


def parts(table: Table) -> list[Table]:
    return [Table(table.columns, table.rows), *table.more]


def said(row: Any) -> Iterator[tuple[float, float]]:
    for cell in row:
        yield from numbers_in(cell)


def numbers_in(text: str) -> list[tuple[float, float]]:
    """The numbers of a text, and how far off what was rounded to each of them may be."""
    found = []
    for written in _NUMBER.findall(text):
        plain = written.rstrip("%").replace(",", "")
        half = 0.5 * 10.0 ** -len(plain.partition(".")[2]) * 1.0001
        by = 100 if written.endswith("%") else 1
        found.append((float(plain) / by, half / by))
    return found


def bars_of(ax: Axes) -> dict[str, list[float]]:
    """The lengths of the bars of each part, in the order of the rows, by the column of the part."""
    named = {"work on the critical path": "work on it"}
    return {
        named.get(label, label): [bar.get_width() for bar in container]
        for container in ax.containers
        if (label := str(container.get_label())) and isinstance(container, BarContainer)
    }


def is_drawn(ax: Axes, row: Any, column: str, value: float, half: float) -> bool:
    """Whether a picture has this value: in letters, as a point, or as the end of a bar."""
    letters = " ".join(
        t.get_text() for t in [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
    )
    titles = [ax.get_title(loc) for loc in ("left", "center", "right")]
    if any(abs(v - value) <= half for t in (letters, *titles) for v, _ in numbers_in(t)):
        return True
    for line in ax.lines:
        xs: list[float] = list(line.get_xdata())  # type: ignore[arg-type]
        ys: list[float] = list(line.get_ydata())  # type: ignore[arg-type]
        if line.get_label() == column and len(xs) > 50:  # a law: between its points as well
            at = numbers_in(row[0])[0][0]
            near = [y for x, y in zip(xs, ys, strict=True) if abs(x - at) <= 0.1]
            return any(abs(y - value) <= half + 0.1 for y in near)
        if any(abs(v - value) <= half for v in (*xs, *ys)):
            return True
    ends = [
        end
        for p in ax.patches
        if isinstance(p, Rectangle)
        for x, y, w, h in [(p.get_x(), p.get_y(), p.get_width(), p.get_height())]
        for end in (x, w, h, x + w, y + h)
    ]
    ends += [
        coordinate
        for c in ax.collections
        if isinstance(c, LineCollection)
        for segment in c.get_segments()
        for point in segment
        for coordinate in point
    ]
    for arrow in (t for t in ax.texts if isinstance(t, Annotation)):
        ends += [arrow.xy[0], arrow.xyann[0]]
    return any(abs(float(end) - value) <= half for end in ends)


# ---- drawings for screens ----

ELSEWHERE = {"document", "histogram"}  # a frame; of no runs, so tests/test_votes.py holds it
DRAWINGS: dict[str, Callable[[Data], str]] = {
    "Stage": lambda d: svg.Stage(Timeline(d.hard)).at(Timeline(d.hard).duration / 2),
    "bars": lambda d: svg.bars(d.found),
    "curve": lambda d: svg.curve(d.by_workers, 2, most=4),
    "gantt": lambda d: svg.gantt(d.hard),
    "intervals": lambda d: svg.intervals(d.trials),
    "plan_graph": lambda d: svg.plan_graph(d.hard),
}


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def titles(picture: str, tag: str) -> list[tuple[ElementTree.Element, str]]:
    """The elements of a kind that have words of their own, and those."""
    found = [(e, e.findtext(f"{SVG}title")) for e in parsed(picture).iter(f"{SVG}{tag}")]
    return [(e, words) for e, words in found if words]


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_a_drawing_says_in_words_made_of_its_data_what_it_shows(
    drawing: str, data: Data, other: Data
) -> None:
    one, two = (parsed(DRAWINGS[drawing](d)) for d in (data, other))
    assert one.attrib["role"] == "img"
    assert one.findtext(f"{SVG}title")
    words = one.findtext(f"{SVG}desc") or ""
    assert len(numbers_in(words)) >= 2
    assert words != two.findtext(f"{SVG}desc")


def test_bars_are_as_long_as_their_table_says(data: Data) -> None:
    columns, rows = tables.comparison(data.found)
    bars = titles(DRAWINGS["bars"](data), "rect")
    for column, fill in (("input", INPUT), ("output", OUTPUT)):
        wide = [float(e.attrib["width"]) for e, _ in bars if e.attrib["fill"] == fill]
        numbers = [numbers_in(row[columns.index(column)])[0][0] for row in rows]
        unit = max(wide) / max(numbers)
        assert wide == pytest.approx([n * unit for n in numbers], abs=0.11)
    for row in rows:
        for column in ("latency", "recall"):
            cell = row[columns.index(column)]
            assert any(t.startswith(f"{row[0]}:") and t.endswith(cell) for _, t in bars)


def test_the_bars_of_a_gantt_begin_and_end_as_its_table_says(data: Data) -> None:
    _, rows = gantt_table(data.hard)
    unit = (820 - LABEL - 20) / measure(data.hard).latency_s
    drawn = sorted(
        (x / unit, (x + float(e.attrib["width"])) / unit)
        for e, words in titles(DRAWINGS["gantt"](data), "rect")
        if words.startswith("call ")
        for x in [float(e.attrib["x"]) - LABEL]
    )
    told = sorted((numbers_in(r[2])[0][0], numbers_in(r[3])[0][0]) for r in rows)
    assert len(drawn) == len(told) == len(calls(data.hard))
    for one, other in zip(drawn, told, strict=True):
        assert one == pytest.approx(other, abs=0.05 + 1.1 / unit)


def test_the_points_of_a_curve_are_those_of_its_table(data: Data) -> None:
    columns, rows = curve_table(data.by_workers, None, None, None)
    points = titles(DRAWINGS["curve"](data), "circle")
    at = {words: float(e.attrib["cy"]) for e, words in points}
    heights = []
    for row in rows:
        n, cell = int(row[0]), row[columns.index("latency")]
        heights.append((numbers_in(cell)[0][0], at[f"{tables.workers(n)}: {cell}"]))
    (low, y_low), (high, y_high) = min(heights), max(heights)
    pixels = (y_high - y_low) / (high - low)
    for value, y in heights:
        assert y - y_low == pytest.approx((value - low) * pixels, abs=0.1 * abs(pixels) + 0.1)


def test_means_and_intervals_are_those_of_their_table(data: Data) -> None:
    words = parsed(DRAWINGS["intervals"](data)).findtext(f"{SVG}desc") or ""
    columns, rows = trials_table(data.trials)
    for row in rows:
        of_pattern = words.split(row[0])[1]
        for column in ("tokens", "cost", "latency"):
            assert row[columns.index(column)] in of_pattern


def test_the_boxes_of_a_plan_are_the_rows_of_its_table(data: Data) -> None:
    _, rows = plan_table(data.hard)
    boxes = [words for _, words in titles(DRAWINGS["plan_graph"](data), "rect")]
    assert sorted(set(boxes)) == sorted(f"{r[0]}: {r[2]}. {r[3]}" for r in rows)


def test_what_a_moment_says_stands_in_the_table_of_events(data: Data) -> None:
    timeline = Timeline(data.hard)
    moment = timeline.moments[timeline.moment(timeline.duration / 2)]
    words = parsed(DRAWINGS["Stage"](data)).findtext(f"{SVG}desc") or ""
    rows = event_rows(moment.happenings)
    assert rows
    assert all(h.says in words for h in moment.happenings[:5])
    assert len(rows) == len(moment.happenings)


# ---- notebooks ----

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*.ipynb")])


def outputs(path: Path) -> Iterator[dict[str, Any]]:
    for cell in exercises.read(path)["cells"]:
        yield from cell.get("outputs", ())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_stored_picture_has_words_of_its_own_and_both_twins_below(path: Path) -> None:
    found = list(outputs(path))
    words = []
    for n, output in enumerate(found):
        if "image/png" not in output.get("data", {}):
            continue
        alt = output["metadata"]["image/png"]["alt"]
        below = "".join(found[n + 1]["data"]["text/html"])
        summary, paragraph, table = re.fullmatch(
            r"<details><summary>(.+?)</summary>\n<p>(.+?)</p>\n(<table>.+</table>)</details>",
            below,
            re.DOTALL,
        ).groups()  # type: ignore[union-attr]
        assert "in words and as a table" in summary
        assert unescape(paragraph) == alt
        assert len(re.findall(r"<tr>", table)) >= 2 or "made no plan" in alt
        words.append(alt)
    assert len(set(words)) == len(words)
    assert all(len(alt.split()) >= 8 for alt in words)


def test_the_tour_says_once_where_the_words_and_the_table_of_a_picture_are() -> None:
    cells = exercises.read(ROOT / "notebooks" / "00_start_here.ipynb")["cells"]
    prose = "".join(exercises.source(c) for c in cells if c["cell_type"] == "markdown")
    assert prose.count(TWIN) == 1
    assert "`figures.table(" in prose
