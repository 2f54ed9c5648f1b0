"""Figures of several runs: bars, curves, frontiers; metrics, laws and trials are the oracles."""

from __future__ import annotations

from functools import partial
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from orchestrator_kit import (
    Comparison,
    Document,
    Faults,
    Run,
    SimulatedModel,
    Task,
    compare,
    compare_trials,
    figures,
    laws,
    load_task,
    measure,
    run,
    score,
)
from orchestrator_kit.errors import UsageError
from orchestrator_kit.figures import frontiers, looks, past
from orchestrator_kit.metrics import calls
from orchestrator_kit.models.base import Request
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.trials import Trials, bootstrap
from tests.fakes import FunctionModel

RENT = Document("lease.md", "# Rent\n\nThe tenant owes 900 crowns.\n\n# Term\n\nFive years.")


@pytest.fixture(scope="module")
def legal() -> Task:
    return load_task("legal")


@pytest.fixture(scope="module")
def found(legal: Task) -> Comparison:
    return compare(legal)


@pytest.fixture(scope="module")
def by_workers(legal: Task) -> dict[int, Run]:
    return {n: run(legal, workers=n) for n in (1, 2, 4, 8)}


def drawn(ax: Axes, label: str) -> tuple[list[float], list[float]]:
    (line,) = [x for x in ax.lines if x.get_label() == label]
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()


# ---- bars ----


def test_the_parts_of_a_bar_of_roles_are_the_roles_tokens(found: Comparison) -> None:
    ax = figures.roles(found)
    for container in ax.containers:
        role = str(container.get_label())
        shares = [r.measures.roles.get(role) for r in found.rows]
        expected = [s.input_tokens + s.output_tokens if s else 0 for s in shares]
        assert [bar.get_width() for bar in container] == expected
    assert {c.get_label() for c in ax.containers} == {
        role for r in found.rows for role in r.measures.roles
    }


def test_roles_of_one_run_are_one_bar(found: Comparison) -> None:
    ours = found.row("orchestrator_worker").run
    (row,) = figures.table(figures.roles(ours)).rows
    assert row[0] == "orchestrator_worker"
    assert row[-1] == f"{measure(ours).tokens:,}"


def test_bars_of_money_are_the_costs(found: Comparison) -> None:
    (bars,) = figures.money(found).containers
    assert [b.get_width() for b in bars] == [r.measures.cost_usd for r in found.rows]


def test_a_model_without_a_price_has_no_bar_of_money_and_is_said_to_have_none() -> None:
    def reply(request: Request) -> tuple[str, float]:
        return '{"findings": [{"statement": "900 crowns", "source": "lease.md#1"}]}', 1.0

    unpriced = compare(Task("?", (RENT,)), FunctionModel(reply), patterns=["single_call"])
    assert unpriced.rows[0].measures.cost_usd is None
    ax = figures.money(unpriced)
    assert "single_call no price" in figures.alt_text(ax)
    assert figures.table(ax).rows == (("single_call", "-"),)
    with pytest.raises(UsageError, match="choose another x"):
        figures.frontier(unpriced)


def test_the_parts_of_a_bar_of_latency_are_the_path_by_role_and_the_rest(
    found: Comparison,
) -> None:
    work, central, rest = figures.latency(found).containers
    for n, row in enumerate(found.rows):
        m = row.measures
        parts = [bars[n].get_width() for bars in (work, central, rest)]
        assert parts[0] + parts[1] == pytest.approx(m.critical_path_s)
        assert sum(parts) == pytest.approx(m.latency_s)
        if row.pattern == "master_slave":
            (last,) = [c for c in calls(row.run) if c.role == "synthesizer"]
            assert parts[1] == pytest.approx(last.seconds)


# ---- speedup ----


def test_speedup_is_latency_of_one_worker_over_that_of_many(by_workers: dict[int, Run]) -> None:
    workers, times = drawn(figures.speedup(by_workers), "measured")
    alone = measure(by_workers[1]).latency_s
    assert workers == list(by_workers)
    assert times == [alone / measure(r).latency_s for r in by_workers.values()]


def test_the_laws_are_those_of_the_kit_at_the_figures_of_the_run(
    by_workers: dict[int, Run],
) -> None:
    ax = figures.speedup(by_workers)
    m = measure(by_workers[1])
    shared = sum(c.seconds for c in calls(by_workers[1]) if c.worker) / m.work_s
    _, times = drawn(ax, "measured")
    fit = laws.fit_universal(list(zip(by_workers, times, strict=True)), alone=1.0)
    expected = {
        "linear": 8.0,
        f"Amdahl, {shared:.0%} divisible": laws.amdahl(shared, 8),
        "Brent, at least": m.latency_s / laws.brent(m.work_s, m.critical_path_s, 8),
        "universal, fitted": laws.universal(fit.contention, fit.coherence, 8),
    }
    rows = {r[0]: r for r in figures.table(ax).rows}
    columns = figures.table(ax).columns
    for label, value in expected.items():
        assert drawn(ax, label)[1][-1] == pytest.approx(value)
        assert rows["8"][list(columns).index(label)] == f"{value:.2f}"
        assert f"{label} {value:.2f}" in figures.alt_text(ax)


def test_the_band_of_the_universal_law_holds_its_curve(by_workers: dict[int, Run]) -> None:
    ax = figures.speedup(by_workers, laws=("universal",))
    (band,) = ax.collections
    xs, ys = drawn(ax, "universal, fitted")
    outline = np.asarray(band.get_paths()[0].vertices)
    for x, y in zip(xs, ys, strict=True):
        at = outline[np.isclose(outline[:, 0], x), 1]
        assert at.min() - 1e-9 <= y <= at.max() + 1e-9


def test_too_few_points_for_the_universal_law_are_said_to_be_too_few(
    by_workers: dict[int, Run],
) -> None:
    ax = figures.speedup({n: by_workers[n] for n in (1, 4)})
    assert "universal law is not fitted" in figures.alt_text(ax)
    assert "universal, fitted" not in figures.table(ax).columns


def test_speedup_without_one_worker_or_by_an_unknown_law_is_refused(
    by_workers: dict[int, Run],
) -> None:
    with pytest.raises(UsageError, match="against 1 worker"):
        figures.speedup({4: by_workers[4]})
    with pytest.raises(UsageError, match="no law 'moore'"):
        figures.speedup(by_workers, laws=("moore",))


# ---- frontier ----

POINTS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.tuples(st.integers(0, 5).map(float), st.integers(0, 5).map(float)),
    min_size=1,
    max_size=8,
)


@given(POINTS)
def test_the_efficient_are_those_that_nobody_beats(points: dict[str, tuple[float, float]]) -> None:
    best = frontiers.efficient(points)
    taken = [points[n][0] for n in best]
    assert taken == sorted(taken)
    for name, (t, q) in points.items():
        others = [p for p in points.values() if p != (t, q)]
        assert (name in best) == all(a > t or b < q for a, b in others)


@pytest.mark.parametrize("x", ["cost_usd", "latency_s", "tokens"])
def test_a_frontier_has_the_means_and_intervals_of_the_trials(legal: Task, x: str) -> None:
    trials = compare_trials(legal, trials=3, patterns=["single_call", "master_slave"])
    ax = figures.frontier(trials, x=x)
    for container, name in zip(ax.containers, trials.patterns, strict=True):
        spent, good = trials.mean(name, x), trials.mean(name, "recall")
        assert spent
        assert good
        (point, _, (across, along)) = container
        assert list(point.get_xdata()) == [spent.mean]
        assert list(point.get_ydata()) == [good.mean]
        (one,), (other,) = across.get_segments(), along.get_segments()
        assert one[:, 0].tolist() == pytest.approx([spent.low, spent.high])
        assert other[:, 1].tolist() == pytest.approx([good.low, good.high])
        assert f"{name} {good.mean:.1%} for" in figures.alt_text(ax)


def test_one_comparison_is_a_frontier_without_intervals(found: Comparison) -> None:
    ax = figures.frontier(found)
    rows = {r[0]: r for r in figures.table(ax).rows}
    assert set(rows) == {r.pattern for r in found.rows}
    assert all(r[3] == r[5] == "-" for r in rows.values())
    best = frontiers.efficient(
        {r.pattern: (r.measures.cost_usd or 0.0, r.score.recall or 0.0) for r in found.rows}
    )
    assert [n for n in rows if rows[n][6]] == [r.pattern for r in found.rows if r.pattern in best]
    assert len(drawn(ax, "efficient")[0]) == len(best)


def test_patterns_of_a_frontier_differ_by_colour_and_by_marker(found: Comparison) -> None:
    points = [c[0] for c in figures.frontier(found).containers]
    assert len({p.get_marker() for p in points}) == len(points)
    assert len({to_hex(p.get_color()) for p in points}) == len(points)
    with pytest.raises(UsageError, match="it can be tokens, cost_usd, latency_s"):
        figures.frontier(Trials((found,)), x="beauty")


# ---- review_gain ----


def test_review_gain_is_quality_over_cost_by_rounds(legal: Task) -> None:
    faults = ("wrong:role=worker,p=0.3",)
    reviewed = {
        n: [
            run(legal, partial(orchestrator_worker, rounds=n), Faults(SimulatedModel(s), faults, s))
            for s in range(3)
        ]
        for n in range(2)
    }
    ax = figures.review_gain(legal, reviewed)
    means = {}
    for name, container in zip(("recall", "groundedness"), ax.containers, strict=True):
        each = {
            n: [getattr(score(legal, r.answer), name) for r in rs] for n, rs in reviewed.items()
        }
        means[name] = [fmean(q) for q in each.values()]
        assert list(container[0].get_ydata()) == pytest.approx(means[name])
        assert list(container[0].get_xdata()) == [
            fmean(measure(r).tokens for r in rs) for rs in reviewed.values()
        ]
        (bars,) = container[2]
        intervals = [bootstrap(q) for q in each.values()]
        assert [s[:, 1].tolist() for s in bars.get_segments()] == [
            pytest.approx([i.low, i.high]) for i in intervals
        ]
    before, after = means["groundedness"]
    assert after > before, "the task of this test has nothing to review"
    gain = f"{100 * (after - before):+.1f} points"
    assert gain in figures.alt_text(ax)
    assert gain in figures.table(ax).rows[1]


def test_single_runs_of_a_task_without_gold_facts_are_judged_by_groundedness() -> None:
    task = Task("What does the tenant owe in crowns?", (RENT,))
    ax = figures.review_gain(task, {0: run(task)}, x="latency_s")
    assert [c.get_label() for c in ax.containers] == ["groundedness"]
    assert ax.get_xlabel() == "latency in seconds"


def test_review_gain_of_nothing_or_over_an_unknown_cost_is_refused(legal: Task) -> None:
    with pytest.raises(UsageError, match="at least one run"):
        figures.review_gain(legal, {})
    with pytest.raises(UsageError, match="at least one run"):
        figures.review_gain(legal, {1: []})
    with pytest.raises(UsageError, match="x is 'beauty'"):
        figures.review_gain(legal, {}, x="beauty")


# ---- lines and history ----


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.dictionaries(st.integers(1, 99), st.floats(-1e6, 1e6), max_size=5),
        max_size=9,
    )
)
def test_lines_draw_each_series_as_it_is_in_the_order_of_x(
    series: dict[str, dict[float, float]],
) -> None:
    ax = figures.lines(series, x="workers", y="seconds")
    points = [list(zip(x.get_xdata(), x.get_ydata(), strict=True)) for x in ax.lines]  # type: ignore[arg-type]
    assert points == [sorted(p.items()) for p in series.values()]
    rows = figures.table(ax).rows
    assert len(rows) == len({k for p in series.values() for k in p})


def test_series_differ_by_colour_marker_and_line() -> None:
    for n in range(3):
        assert len({str(style[n]) for style in looks.CYCLE}) == len(looks.CYCLE)


def test_a_band_of_no_series_is_refused() -> None:
    with pytest.raises(UsageError, match="no series 'b'"):
        figures.lines({"a": {1: 2}}, x="x", y="y", bands={"b": {1: (0, 1)}})


def test_the_history_tells_every_development_in_its_years() -> None:
    ax = figures.history()
    spans = [(b.get_x(), b.get_width()) for b in ax.patches]  # type: ignore[attr-defined]
    for era, (begun, width) in zip(past.ERAS, spans, strict=True):
        assert begun == era.begun
        if era.ended:
            assert begun + width == era.ended + 1  # its last year is a part of it
        assert era.name in figures.alt_text(ax)
        assert era.example in figures.alt_text(ax)
    assert [e.begun for e in past.ERAS] == sorted(e.begun for e in past.ERAS)
