"""Figures for print and for notebooks, drawn by matplotlib. Knows no models and no crew.

Each function draws a reading of records onto an `Axes` (one of its own where none is given) and
returns it; `.figure` of the result is what a notebook shows. No global state of pyplot is touched,
so nothing has to be closed. `svg` draws the same for screens, without matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import Any

from orchestrator_kit import tables
from orchestrator_kit.comparison import Comparison, Row
from orchestrator_kit.errors import MissingExtra, UsageError
from orchestrator_kit.metrics import Call, calls, critical_path, measure
from orchestrator_kit.record import Run, write_atomic
from orchestrator_kit.svg import COLOURS, FAILED, INPUT, OTHER, OUTPUT

try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from matplotlib.ticker import PercentFormatter, StrMethodFormatter
except ModuleNotFoundError as e:  # pragma: no cover - tested in a process of its own
    raise MissingExtra(
        "figures need matplotlib; install it with: pip install 'orchestrator-kit[notebook]'"
    ) from e

FORMATS = (".png", ".pdf", ".svg")
# Roles differ by hatch as well as by colour, so that a figure survives a grey printer.
HATCHES = {"orchestrator": "", "worker": "///", "synthesizer": "...", "peer": "xx"}
FAILED_HATCH = "XXX"
# Dates and versions of software are left out, so that the same run gives the same bytes.
_NO_DATES: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".svg": {"Date": None, "Creator": None},
}
_EDGE = "#1b1b1b"
_LANE = 0.34  # inches of height for a lane or a bar


class Picture(Figure):
    """A figure that knows in words what it shows; a notebook displays both."""

    alt: str = ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """A sharp PNG with its alternative text, which is also the plain text."""
        width = round(self.get_figwidth() * 96)
        about = {"alt": self.alt, "width": width}
        return {"image/png": _bytes(self, ".png", 144), "text/plain": self.alt}, {
            "image/png": about
        }


def gantt(run: Run, ax: Axes | None = None) -> Axes:
    """Who worked when: a lane for the orchestrator and each worker, a bar for each call.

    Time is in seconds since the run began. Roles have a colour and a hatch, bars on the critical
    path a dark edge.
    """
    made = calls(run)
    lanes = sorted({c.worker or 0 for c in made})
    ax = ax or _axes(9.0, 1.4 + _LANE * max(len(lanes), 1), alt_text(run))
    path = {c.id for c in critical_path(run)}
    end = max(measure(run).latency_s, 1e-9)
    with matplotlib.rc_context({"hatch.linewidth": 0.6}):
        for call in made:
            _call(ax, call, lanes.index(call.worker or 0), critical=call.id in path, end=end)
    ax.set_yticks(
        range(len(lanes)), [f"worker {lane}" if lane else "orchestrator" for lane in lanes]
    )
    ax.set_ylim(max(len(lanes), 1) - 0.5, -0.5)
    ax.set_xlim(0, end * 1.01)
    ax.set_xlabel("seconds since the run began")
    ax.set_title(
        f"{run.pattern}, {run.workers} workers: {tables.seconds(end)}", loc="left", fontsize=11
    )
    keys = [_key(role, role) for role in dict.fromkeys(c.role for c in made)]
    if any(c.failure for c in made):
        keys.append(Patch(facecolor=FAILED, hatch=FAILED_HATCH, hatchcolor="white", label="failed"))
    keys.append(Patch(facecolor="none", edgecolor=_EDGE, linewidth=2, label="on the critical path"))
    ax.legend(
        handles=keys,
        ncols=len(keys),
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        fontsize=8,
        borderaxespad=0.2,
    )
    return _plain(ax)


def tokens(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """What each pattern took: input and output tokens, a bar a pattern."""
    rows = comparison.rows
    ax = ax or _axes(7.0, 1.2 + _LANE * len(rows), alt_text(comparison))
    inputs = [r.measures.input_tokens for r in rows]
    at = range(len(rows))
    ax.barh(at, inputs, color=INPUT, label="input")
    ax.barh(
        at,
        [r.measures.output_tokens for r in rows],
        left=inputs,
        color=OUTPUT,
        hatch="...",
        hatchcolor="white",
        label="output",
    )
    _names(ax, rows)
    _values(ax, [r.measures.tokens for r in rows], [f"{r.measures.tokens:,}" for r in rows])
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel("tokens")
    _legend_above(ax)
    return _plain(ax)


def latency(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """How long each pattern took, in seconds, and its critical path, which no worker shortens."""
    rows = comparison.rows
    ax = ax or _axes(7.0, 1.2 + _LANE * len(rows), alt_text(comparison))
    at = range(len(rows))
    took = [r.measures.latency_s for r in rows]
    ax.barh(at, took, color=COLOURS["worker"], hatch="///", hatchcolor="white", label="latency")
    ax.plot(
        [r.measures.critical_path_s for r in rows],
        at,
        linestyle="none",
        marker="D",
        color=FAILED,
        markeredgecolor="white",
        label="critical path",
    )
    _names(ax, rows)
    _values(ax, took, [tables.seconds(t) for t in took])
    ax.set_xlabel("seconds")
    _legend_above(ax)
    return _plain(ax)


def recall(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """How many of the gold facts each answer says; groundedness where a task has no gold facts."""
    rows = comparison.rows
    ax = ax or _axes(7.0, 1.2 + _LANE * len(rows), alt_text(comparison))
    name, shares = comparison.quality()
    ax.barh(range(len(rows)), [s or 0.0 for s in shares], color=COLOURS["synthesizer"], label=name)
    _names(ax, rows)
    _values(ax, [s or 0.0 for s in shares], [tables.percent(s) for s in shares])
    ax.set_xlim(0, 1.25)
    ax.set_xticks([0, 0.5, 1.0])
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    graded = name == "recall"
    ax.set_xlabel("share of the gold facts" if graded else "share of the statements")
    _legend_above(ax)
    return _plain(ax)


def overview(comparison: Comparison, run: Run) -> Figure:
    """Tokens, latency and recall of all patterns side by side; below, the Gantt of one run."""
    rows = len(comparison.rows)
    lanes = len({c.worker or 0 for c in calls(run)}) or 1
    figure = Picture(
        figsize=(10.0, 3.0 + _LANE * (rows + lanes)),
        layout="constrained",
    )
    figure.alt = f"{alt_text(comparison)} {alt_text(run)}"
    grid = figure.add_gridspec(2, 3, height_ratios=(rows + 2, lanes + 2))
    first = figure.add_subplot(grid[0, 0])
    tokens(comparison, first)
    for n, draw in enumerate((latency, recall), 1):
        ax = figure.add_subplot(grid[0, n])
        draw(comparison, ax)
        ax.tick_params(labelleft=False)
    gantt(run, figure.add_subplot(grid[1, :]))
    title = comparison.task.title or comparison.task.prompt[:60]
    figure.suptitle(
        f"{_literal(title)}: {rows} patterns, {comparison.workers} workers, "
        f"{_literal(comparison.model['name'])}",
        fontsize=12,
        fontweight="bold",
    )
    return figure


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure as .png, .pdf or .svg, all or nothing; the same run gives the same bytes.

    UsageError for another ending, RecordError where the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: a picture's file ends in {', '.join(FORMATS)}")
    return write_atomic(path, _bytes(figure, path.suffix, 150))


@singledispatch
def alt_text(shown: Run | Comparison) -> str:
    """What a picture of a run or a comparison shows, in words and with its figures."""
    raise UsageError(f"no picture is drawn of a {type(shown).__name__}; give a run or a comparison")


@alt_text.register
def _of_run(run: Run) -> str:
    m = measure(run)
    path = ", then ".join(c.agent for c in critical_path(run)) or "nobody"
    busy = len({c.worker for c in calls(run) if c.worker})
    failed = f" {len(m.failures)} calls failed or were refused." if m.failures else ""
    return (
        f"Gantt chart of {run.pattern}: {m.calls} calls in {tables.seconds(m.latency_s)}, "
        f"{busy} of {run.workers} workers had work. The critical path takes "
        f"{tables.seconds(m.critical_path_s)}: {path}.{failed}"
    )


@alt_text.register
def _of_comparison(comparison: Comparison) -> str:
    name, shares = comparison.quality()
    each = [
        f"{r.pattern} {r.measures.tokens:,} tokens, {tables.seconds(r.measures.latency_s)}, "
        f"{name} {tables.percent(s)}"
        for r, s in zip(comparison.rows, shares, strict=True)
    ]
    return f"Bars of {len(each)} patterns. " + "; ".join(each) + "."


def _axes(width: float, height: float, alt: str) -> Axes:
    figure = Picture(figsize=(width, height), layout="constrained")
    figure.alt = alt
    return figure.add_subplot()


def _bytes(figure: Figure, suffix: str, dpi: int) -> bytes:
    metadata = dict(_NO_DATES[suffix])
    if suffix == ".svg":
        metadata |= {"Title": "orchestrator-kit", "Description": getattr(figure, "alt", "")}
    buffer = BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "orchestrator-kit", "svg.fonttype": "none"}):
        figure.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def _call(ax: Axes, call: Call, lane: int, *, critical: bool, end: float) -> None:
    ax.barh(
        lane,
        max(call.seconds, end / 800),  # a call of no length is still seen
        left=call.started,
        height=0.74,
        color=FAILED if call.failure else COLOURS.get(call.role, OTHER),
        edgecolor=_EDGE if critical else "white",
        linewidth=2.0 if critical else 0.8,
        hatch=FAILED_HATCH if call.failure else HATCHES.get(call.role, "--"),
        hatchcolor="white",
        zorder=3 if critical else 2,
    )
    letters = max(int(call.seconds / end * 110), 1)  # about that many go into the bar
    label = wrap(call.agent, letters, break_long_words=False)
    if len(label) <= 2 and all(len(line) <= letters for line in label):
        ax.text(
            call.started + call.seconds / 2,
            lane,
            _literal("\n".join(label)),
            ha="center",
            va="center",
            fontsize=7.5,
            linespacing=0.9,
            zorder=4,
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0},
        )


def _key(role: str, label: str) -> Patch:
    return Patch(
        facecolor=COLOURS.get(role, OTHER),
        hatch=HATCHES.get(role, "--"),
        hatchcolor="white",
        label=_literal(label),
    )


def _names(ax: Axes, rows: Sequence[Row]) -> None:
    ax.set_yticks(range(len(rows)), [_literal(r.pattern) for r in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)


def _values(ax: Axes, values: Sequence[float], labels: Sequence[str]) -> None:
    """The value at the end of each bar, and room for it."""
    room = max(values, default=0) or 1
    for n, (value, label) in enumerate(zip(values, labels, strict=True)):
        ax.text(value + room * 0.05, n, label, va="center", fontsize=8)
    ax.set_xlim(0, room * 1.35)
    ax.locator_params(axis="x", nbins=4)


def _legend_above(ax: Axes) -> None:
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=2,
        frameon=False,
        fontsize=8,
        borderaxespad=0.2,
        handlelength=1.4,
    )


def _plain(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8.5)
    ax.xaxis.label.set_fontsize(8.5)
    return ax


def _literal(text: str) -> str:
    """A text as it is: a dollar sign would begin a formula."""
    return text.replace("$", r"\$")
