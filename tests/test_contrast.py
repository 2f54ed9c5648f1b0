"""Contrast of everything that is drawn, from the colours in the pictures themselves.

WCAG 2.2 asks for 4.5 between letters and their ground (1.4.3) and 3 for what else must be seen of
a picture (1.4.11). Figures are drawn on white, SVG on whatever page it stands: JupyterLab's themes
and nbconvert's are white and #111.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex, to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from orchestrator_kit import load_task, svg
from orchestrator_kit.checks import check
from orchestrator_kit.figures.canvas import EDGE, INK
from orchestrator_kit.figures.looks import ACTIVITIES, CYCLE
from orchestrator_kit.figures.traffic import KINDS
from orchestrator_kit.laws import fit_universal
from orchestrator_kit.metrics import measure
from orchestrator_kit.playback import Timeline
from orchestrator_kit.scaling import outlook
from orchestrator_kit.svg.canvas import DARKER, FAILED
from orchestrator_kit.widgets import pages
from tests.test_twins import DRAWINGS, FIGURES, SVG, Data, made, parsed

LETTERS, SHAPES = 4.5, 3.0
WHITE, DARK = "#ffffff", "#111111"
THEMES = {WHITE: INK, DARK: "#e0e0e0"}  # the page, and what is written on it
DECORATION = "#88888844"  # the lines of a grid, which nobody has to see


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG: 1 for the same colour, 21 for black on white."""

    def luminance(colour: str) -> float:
        channels = to_rgba(colour)[:3]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def blend(colour: str, opacity: float, ground: str) -> str:
    mixed = (
        opacity * a + (1 - opacity) * b
        for a, b in zip(to_rgba(colour)[:3], to_rgba(ground)[:3], strict=True)
    )
    return to_hex(tuple(mixed))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def data() -> Data:
    return made(load_task("software"), 0)


def test_the_ratio_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#ff0000", "#ffffff") == pytest.approx(4.0, abs=0.005)


# ---- figures, on white ----


@pytest.mark.parametrize("name", FIGURES)
def test_all_that_a_figure_draws_is_seen_on_white(name: str, data: Data) -> None:
    picture = FIGURES[name][0](data)
    axes = picture.axes if isinstance(picture, Figure) else [picture]
    for ax in axes:
        assert list(pale_in(ax)) == []
        for text in ax.texts:
            assert contrast(str(text.get_color()), WHITE) >= LETTERS, text


def pale_in(ax: Axes) -> Iterator[str]:
    """What of a figure and its legend cannot be told from the page."""
    legend = ax.get_legend()
    shapes = [*ax.patches, *ax.lines, *ax.collections, *(legend.legend_handles if legend else ())]
    for shape in shapes:
        if isinstance(shape, Line2D):
            colours = [to_hex(str(shape.get_color()))]
        elif isinstance(shape, LineCollection | PolyCollection):
            colours = [to_hex(c) for c in to_rgba_array(shape.get_edgecolor())]
        elif isinstance(shape, Patch):
            given = [shape.get_edgecolor()] if shape.get_linewidth() >= 0.5 else []
            given += [shape.get_facecolor()]
            colours = [blend(to_hex(c), to_rgba(c)[3], WHITE) for c in given]
        else:
            continue
        if max(contrast(c, WHITE) for c in colours) < SHAPES:
            yield f"{type(shape).__name__} {colours}"


def test_what_is_told_by_colour_is_told_by_a_hatch_or_a_line_as_well() -> None:
    assert len({look.hatch for look in ACTIVITIES.values()}) == len(ACTIVITIES)
    assert len({str((marker, line)) for _, marker, line in CYCLE}) == len(CYCLE)
    assert len({str((line, width)) for _, line, width in KINDS.values()}) == len(KINDS)
    assert contrast(EDGE, WHITE) >= SHAPES


# ---- drawings, on a light page and on a dark one ----


def drawings(data: Data) -> Iterator[tuple[str, ElementTree.Element]]:
    for name, draw in DRAWINGS.items():
        yield name, parsed(draw(data))
    seconds = {n: measure(r).latency_s for n, r in data.by_workers.items()}
    law = fit_universal((n, seconds[1] / s) for n, s in seconds.items())
    for show in svg.VIEWS:
        ahead = outlook(data.by_workers[1])
        picture = svg.curve(
            data.by_workers, 2, most=4, show=show, outlook=ahead, law=law, guess=(3, 50.0)
        )
        yield f"curve of {show}", parsed(picture)
    for chosen in (data.hard, *(row.run for row in data.found.rows)):
        line = Timeline(chosen)
        stage = svg.Stage(line)
        for part in range(9):
            yield f"{chosen.pattern}, stage", parsed(stage.at(line.duration * part / 8))


@pytest.mark.parametrize("page", THEMES, ids=["light", "dark"])
def test_all_that_a_drawing_shows_is_seen_on_either_page(page: str, data: Data) -> None:
    seen = 0
    for name, picture in drawings(data):
        for element in shapes_of(picture):
            found = max(contrast(c, page) for c in colours_of(element, page))
            assert found >= SHAPES, f"{name}: {ElementTree.tostring(element)!r} has {found:.2f}"
            seen += 1
    assert seen > 300


@pytest.mark.parametrize("page", THEMES, ids=["light", "dark"])
def test_all_letters_of_a_drawing_are_read_on_what_they_stand(page: str, data: Data) -> None:
    seen = set()
    for name, picture in drawings(data):
        for text, grounds in letters_of(picture, page):
            colour = THEMES[page] if text.attrib["fill"] == "currentColor" else text.attrib["fill"]
            for ground in grounds:
                found = contrast(colour, ground)
                assert found >= LETTERS, f"{name}: {text.text} on {ground} has {found:.2f}"
                seen.add(ground)
    assert len(seen) > 4, "letters stand on bars as well"


def shapes_of(picture: ElementTree.Element) -> Iterator[ElementTree.Element]:
    inside = {id(e) for defs in picture.iter(f"{SVG}defs") for e in defs.iter()}
    for tag in ("rect", "polyline", "circle", "path"):
        for element in picture.iter(f"{SVG}{tag}"):
            if id(element) not in inside and element.attrib.get("stroke") != DECORATION:
                yield element


def colours_of(element: ElementTree.Element, page: str) -> list[str]:
    """The colours in which a shape stands on the page; that of the page where it has none."""
    given = element.attrib
    found = [page]
    fill, opacity = given.get("fill", "none"), float(given.get("fill-opacity", 1))
    if fill.startswith("url(#failed)"):
        fill = FAILED
    if fill == "currentColor":
        fill = THEMES[page]
    if fill != "none" and not fill.startswith("var("):
        found.append(blend(fill, opacity, page))
    if "stroke" in given:
        stroke = THEMES[page] if given["stroke"] == "currentColor" else given["stroke"]
        found.append(blend(stroke, float(given.get("stroke-opacity", 1)), page))
    if element.tag == f"{SVG}rect" and not float(given["width"]):
        return [THEMES[page]]  # nothing is drawn of a bar without a length
    return found


def letters_of(
    picture: ElementTree.Element, page: str
) -> Iterator[tuple[ElementTree.Element, list[str]]]:
    """Each text, and the colours under its middle and its ends."""
    under: list[tuple[float, float, float, float, list[str]]] = []
    for element in picture:
        given = element.attrib
        if element.tag == f"{SVG}rect":
            x, y, w, h = (float(given[k]) for k in ("x", "y", "width", "height"))
            fill, opacity = given["fill"], float(given.get("fill-opacity", 1))
            stripes = [FAILED, WHITE] if fill.startswith("url(") else [fill]
            colours = [
                blend(THEMES[page] if c == "currentColor" else c, opacity, page)
                for c in stripes
                if c != "none" and not c.startswith("var(")
            ]
            under.append((x, y, x + w, y + h, colours))
        elif element.tag == f"{SVG}text":
            long = 5.0 * len(element.text or "")
            back = {"start": 0.0, "middle": long / 2, "end": long}[given["text-anchor"]]
            left, middle = float(given["x"]) - back, float(given["y"]) - 4
            grounds = []
            for at in (left, left + long / 2, left + long):
                here = [
                    cs for x, y, x2, y2, cs in under if x <= at <= x2 and y <= middle <= y2 and cs
                ]
                grounds += here[-1] if here else [page]
            yield element, grounds


def test_a_pale_colour_has_a_darker_tone_for_lines_that_both_pages_bear() -> None:
    for pale, darker in DARKER.items():
        assert contrast(pale, WHITE) < SHAPES
        assert min(contrast(darker, page) for page in THEMES) >= SHAPES


# ---- what stands in words ----


@pytest.mark.parametrize("page", THEMES, ids=["light", "dark"])
def test_the_edge_of_a_verdict_is_seen_and_its_words_say_the_same(page: str) -> None:
    verdicts = [check("plan-1", None), check("plan-1", lambda plan: [])]
    for html in (v._repr_html_() for v in verdicts):
        colours = re.findall(r"#[0-9A-Fa-f]{6}", html)
        assert colours
        assert all(contrast(c, page) >= SHAPES for c in colours)
        assert "not yet" in html


def test_a_marked_sentence_is_read() -> None:
    ground, letters = re.findall(r"#[0-9A-Fa-f]{3,6}", pages._MARK)
    assert contrast(letters, ground) >= LETTERS
