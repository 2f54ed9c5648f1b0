"""Every figure there is: its words, its table, that nothing is cut off, and their page."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from orchestrator_kit import figures
from orchestrator_kit.errors import UsageError
from tests.scripts import load

DOCS = Path(__file__).parents[1] / "docs"
gallery = load("docs/gallery.py")
HELPERS = {"alt_text", "panels", "save", "table"}


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    found: dict[str, Any] = gallery.drawn()
    return found


def whole(picture: Any) -> figures.Picture:
    figure = picture if isinstance(picture, Figure) else picture.get_figure(root=True)
    assert isinstance(figure, figures.Picture)
    return figure


def test_every_function_that_draws_stands_in_the_gallery() -> None:
    drawing = {n for n in figures.__all__ if n.islower()} - HELPERS
    called = {
        re.split(r"[.(]", call.splitlines()[-1], maxsplit=2)[1] for call in gallery.CALLS.values()
    }
    assert called == drawing


def test_the_page_and_its_images_are_those_of_the_code(shown: dict[str, Any]) -> None:
    page = (DOCS / "figures.md").read_text("utf-8")
    assert page == gallery.page(shown), "run: python docs/gallery.py --write"
    images = {p.stem: p.read_bytes() for p in gallery.IMAGES.iterdir()}
    assert set(images) == set(gallery.CALLS)
    for name, data in images.items():
        assert data.startswith(b"\x89PNG"), name
        assert len(data) < 60_000, f"{name} is {len(data)} bytes"


@pytest.mark.parametrize("name", gallery.CALLS)
def test_words_and_table_hold_the_figures_that_are_drawn(shown: dict[str, Any], name: str) -> None:
    figure = whole(shown[name])
    alt, table = figures.alt_text(shown[name]), figures.table(shown[name])
    cells = {c for t in (table, *table.more) for row in t.rows for c in row}
    assert table.rows
    assert all(len(row) == len(t.columns) for t in (table, *table.more) for row in t.rows)
    written = [t.get_text().replace("\\", "") for ax in figure.axes for t in ax.texts]
    values = [t for t in written if re.fullmatch(r"\$?[\d,.]+( s|%)?", t)]
    assert values or name in (
        "gantt",
        "plan_graph",
        "contexts",
        "speedup",
        "frontier",
        "lines",
        "history",
        "messages",
        "messages_of_peers",
    )
    for value in values:
        assert value in alt
        assert value in cells


@pytest.mark.parametrize("name", gallery.CALLS)
def test_nothing_is_cut_off_and_no_legend_touches_a_title(shown: dict[str, Any], name: str) -> None:
    figure = whole(shown[name])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    tight = figure.get_tightbbox(renderer)
    assert tight.x0 >= -0.02
    assert tight.y0 >= -0.02
    assert tight.x1 <= figure.get_figwidth() + 0.02
    assert tight.y1 <= figure.get_figheight() + 0.02
    titles = [ax.title for ax in figure.axes] + [ax._left_title for ax in figure.axes]  # type: ignore[attr-defined]
    titles += figure.texts
    blocks = [t.get_window_extent(renderer) for t in titles if t.get_text()]
    blocks += [
        legend.get_window_extent(renderer) for ax in figure.axes if (legend := ax.get_legend())
    ]
    assert blocks or name == "recall"
    assert not [1 for a, b in combinations(blocks, 2) if a.overlaps(b)]


@pytest.mark.parametrize("name", gallery.CALLS)
def test_a_cell_that_ends_with_a_figure_shows_it_with_its_words(
    shown: dict[str, Any], name: str
) -> None:
    data, about = shown[name]._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == about["image/png"]["alt"] == figures.alt_text(shown[name])


def test_every_axis_with_ticks_says_its_unit(shown: dict[str, Any]) -> None:
    for name, picture in shown.items():
        for ax in whole(picture).axes:
            if ax.axison:
                assert ax.get_xlabel(), name
                labels = [t.get_text() for t in ax.get_yticklabels()]
                named = any(re.search("[a-z]", label) for label in labels)
                bare = not labels or not ax.yaxis.get_tick_params().get("labelleft", True)
                assert ax.get_ylabel() or named or bare, name


def test_panels_side_by_side_have_the_words_and_tables_of_all() -> None:
    left, right = figures.panels(2)
    figures.lines({"a": {1: 10.0}}, left, x="workers", y="seconds")
    figures.lines({"b": {2: 30.0}}, right, x="workers", y="calls")
    figure = left.get_figure(root=True)
    assert isinstance(figure, figures.Picture)
    assert figure.alt == f"{figures.alt_text(left)} {figures.alt_text(right)}"
    table = figures.table(figure)
    assert [t.columns for t in (table, *table.more)] == [("workers", "a"), ("workers", "b")]
    assert table._repr_html_().count("<table>") == 2
    assert str(figures.table(right)).split() == ["workers", "b", "2", "30"]


def test_a_table_escapes_what_it_shows() -> None:
    ax = figures.lines({"<script>": {1: 1}}, x="n", y="m")
    assert "&lt;script&gt;" in figures.table(ax)._repr_html_()
    assert "<script>" not in figures.table(ax)._repr_html_()


@pytest.mark.parametrize("stranger", [Figure(), Figure().add_subplot(), "a text"])
def test_what_figures_did_not_draw_has_no_table(stranger: Any) -> None:
    with pytest.raises(UsageError, match=r"drawn on this|no table is known of a str"):
        figures.table(stranger)


@pytest.mark.parametrize("n", [0, 13])
def test_panels_that_could_not_be_read_are_refused(n: int) -> None:
    with pytest.raises(UsageError, match="1 to 12"):
        figures.panels(n)


def test_axes_of_anybody_get_words_too() -> None:
    ax: Axes = Figure().add_subplot()
    assert figures.lines({"a": {1: 2}}, ax, x="x", y="y") is ax
    assert "2 at 1" in figures.alt_text(ax)
