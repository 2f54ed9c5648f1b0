"""The picture of several trials: means as bars, intervals as whiskers, and both in words."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from orchestrator_kit import compare_trials, figures, svg, tables
from orchestrator_kit.comparison import Comparison
from orchestrator_kit.tasks import Document, Task
from orchestrator_kit.trials import Trials

PATTERNS = ["single_call", "parallelization", "orchestrator_worker"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def found(small_task: Task) -> Trials:
    trials = compare_trials(small_task, trials=5, patterns=PATTERNS)
    assert trials.shown == ("recall", "tokens", "latency_s", "cost_usd")
    return trials


def drawn(found: Trials) -> ElementTree.Element:
    return ElementTree.fromstring(svg.intervals(found))


def test_bars_are_the_means_and_whiskers_the_intervals_each_column_to_one_scale(
    found: Trials,
) -> None:
    picture = drawn(found)
    bars = [r for r in picture.iter(f"{SVG}rect") if r.find(f"{SVG}title") is not None]
    whiskers = [p.attrib["d"] for p in picture.findall(f"{SVG}path")]
    assert len(bars) == len(whiskers) == 4 * len(PATTERNS)
    wide = 0.0
    for n, reading in enumerate(found.shown):
        means = [found.mean(name, reading) for name in PATTERNS]
        full = max(m.high for m in means if m)
        for k, mean in enumerate(means):
            assert mean is not None
            bar, path = bars[n * len(PATTERNS) + k], whiskers[n * len(PATTERNS) + k]
            x, width = float(bar.attrib["x"]), float(bar.attrib["width"])
            ends = re.match(r"M([\d.]+) [\d.]+H([\d.]+)M", path)
            assert ends
            unit = 91.5 / full  # what a column leaves beside its labels
            assert width == pytest.approx(mean.mean * unit, abs=0.11)
            assert float(ends[1]) - x == pytest.approx(mean.low * unit, abs=0.11)
            assert float(ends[2]) - x == pytest.approx(mean.high * unit, abs=0.11)
            wide = max(wide, float(ends[2]) - float(ends[1]))
    assert wide > 3, "some interval is to be seen"


def test_the_words_of_the_picture_hold_every_mean_and_interval(found: Trials) -> None:
    picture = drawn(found)
    words = picture.findtext(f"{SVG}desc") or ""
    assert picture.attrib["role"] == "img"
    assert "3 patterns, 4 workers, 5 trials" in (picture.findtext(f"{SVG}title") or "")
    spoken = figures.alt_text(found)
    for name in PATTERNS:
        for reading in found.shown:
            m = found.mean(name, reading)
            assert m is not None
            low, high = (tables.reading(reading, v) for v in (m.low, m.high))
            told = f"{tables.reading(reading, m.mean)} ({low} to {high})"
            assert told in words.split(name)[1].split(";")[0]
            assert f"{reading} {told}" in spoken


def test_the_picture_is_readable_on_light_and_on_dark_and_by_the_colour_blind(
    found: Trials,
) -> None:
    picture = drawn(found)
    for text in picture.iter(f"{SVG}text"):
        assert text.attrib["fill"] == "currentColor"
    for path in picture.findall(f"{SVG}path"):
        assert path.attrib["stroke"] == "currentColor"
    fills = {r.attrib["fill"] for r in picture.findall(f"{SVG}rect")}
    assert fills == {svg.COLOURS["worker"]}


def test_what_no_trial_has_is_no_column() -> None:
    lease = Document("lease.md", "# Rent\n\nThe tenant owes 900 crowns.")
    task = Task("What is owed?", (lease,), title="<b>Rent & more")
    found = compare_trials(task, trials=2, patterns=["single_call"])
    assert found.shown == ("groundedness", "tokens", "latency_s", "cost_usd")
    free = Trials(tuple(map(without_price, found.comparisons)))
    assert free.shown == ("groundedness", "tokens", "latency_s")
    heads = [t.text for t in drawn(free).iter(f"{SVG}text")]
    assert "latency" in heads
    assert "cost" not in heads
    assert (drawn(free).findtext(f"{SVG}title") or "").startswith("<b>Rent & more: 1 pattern")


def test_a_pattern_that_was_not_measured_has_a_dash_and_no_bar(found: Trials) -> None:
    missing = [replace(c, rows=(without_price(c).rows[0], *c.rows[1:])) for c in found.comparisons]
    picture = drawn(Trials(tuple(missing)))
    bars = picture.findall(f"{SVG}rect")
    assert len(bars) == len(picture.findall(f"{SVG}path")) == 4 * len(PATTERNS) - 1
    assert tables.NONE in [t.text for t in picture.iter(f"{SVG}text")]
    assert "cost not measured" in (picture.findtext(f"{SVG}desc") or "")


def without_price(found: Comparison) -> Comparison:
    rows = (replace(r, measures=replace(r.measures, cost_usd=None)) for r in found.rows)
    return replace(found, rows=tuple(rows))


def test_in_print_too_bars_are_means_and_whiskers_intervals(found: Trials, tmp_path: Path) -> None:
    for reading in found.shown:
        ax = figures.means(found, reading)
        whiskers = [c for c in ax.collections if hasattr(c, "get_segments")]
        for name, bar, whisker in zip(PATTERNS, ax.patches, whiskers, strict=True):
            m = found.mean(name, reading)
            assert m is not None
            assert bar.get_width() == m.mean  # type: ignore[attr-defined]
            ((start, end),) = whisker.get_segments()
            assert (start[0], end[0]) == pytest.approx((m.low, m.high))
        assert ax.get_xlabel() in ("share of the gold facts", "tokens", "seconds", "US dollars")
    run = found.comparisons[0].rows[-1].run
    figure = figures.overview(found, run)
    assert isinstance(figure, figures.Picture)
    assert figure.alt == f"{figures.alt_text(found)} {figures.alt_text(run)}"
    one = figures.save(figure, tmp_path / "a.svg").read_text("utf-8")
    assert "means of 5 trials, 95% intervals" in one
    assert figures.save(figures.overview(found, run), tmp_path / "b.svg").read_text("utf-8") == one
