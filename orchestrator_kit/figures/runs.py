"""One run on a time line and call by call: who worked when, and how full the windows were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from orchestrator_kit import tables
from orchestrator_kit.events import CallStarted, Recovered
from orchestrator_kit.figures.canvas import (
    EDGE,
    INK,
    LANE,
    describe,
    legend_below,
    literal,
    new_axes,
    plain,
    titled,
)
from orchestrator_kit.figures.looks import ACTIVITIES, AGAIN, activity
from orchestrator_kit.figures.words import alt_text, count
from orchestrator_kit.metrics import Call, calls, critical_path, measure
from orchestrator_kit.models.simulated import PROFILES
from orchestrator_kit.record import Run


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in a lane (0: the orchestrator's): a call, or a pause before a retry."""

    lane: int
    what: str
    agent: str
    subtask: str | None
    started: float
    ended: float
    call: Call | None = None


def spans(run: Run) -> list[Span]:
    """What fills a run's time, by lane and in the order in which it began; seconds."""
    formats = formats_of(run)
    made = {c.id: c for c in calls(run)}
    found = [
        Span(c.worker or 0, activity(c, formats[c.id]), c.agent, c.subtask, c.started, c.ended, c)
        for c in made.values()
    ]
    last = run.events[-1].t
    for event in run.events:
        if isinstance(event, Recovered) and event.wait_s and event.call in made:
            lane = made[event.call].worker or 0
            until = min(event.t + event.wait_s, last)
            found.append(Span(lane, "waiting", event.agent, event.subtask, event.t, until))
    return found


def formats_of(run: Run) -> dict[int, str | None]:
    """What was to come back of each call."""
    return {e.call: e.format for e in run.events if isinstance(e, CallStarted)}


def gantt(run: Run, ax: Axes | None = None) -> Axes:
    """Who worked when: a lane for the orchestrator and each worker, a bar for each call.

    Time is in seconds since the run began. What a call was for, what became of it, and the pause
    before a retry have each a colour and a hatch; bars on the critical path a dark edge.
    """
    found = spans(run)
    rows, labels = _rows(found)
    path = {c.id for c in critical_path(run)}
    end = max(measure(run).latency_s, 1e-9)
    kinds = [k for k in ACTIVITIES if any(s.what == k for s in found)]
    height = 1.25 + LANE * max(len(labels), 1) + 0.17 * -(-(len(kinds) + 1) // 5)
    ax = ax or new_axes(9.0, height)
    for span, row in zip(found, rows, strict=True):
        _bar(ax, span, row, critical=bool(span.call and span.call.id in path), end=end)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    ax.set_xlim(0, end * 1.01)
    ax.set_xlabel("seconds since the run began")
    titled(ax, f"{run.pattern}, {tables.workers(run.workers)}: {tables.seconds(end)}")
    keys = [ACTIVITIES[k].key(_named(k, found)) for k in kinds]
    keys.append(Patch(facecolor="none", edgecolor=INK, linewidth=2, label="on the critical path"))
    legend_below(ax, keys)
    columns = ["lane", "what", "agent", "subtask", "from", "to", "tokens", "critical"]
    table = [
        [
            labels[row],
            _named(s.what, [s]),
            s.agent,
            s.subtask or tables.NONE,
            tables.seconds(s.started),
            tables.seconds(s.ended),
            f"{s.call.usage.total:,}" if s.call and s.call.usage else tables.NONE,
            "yes" if s.call and s.call.id in path else "",
        ]
        for s, row in zip(found, rows, strict=True)
    ]
    return describe(plain(ax), alt_text(run), columns, table)


def _rows(found: Sequence[Span]) -> tuple[list[int], list[str]]:
    """The row of each span and the rows' names; what overlaps in a lane gets a row of its own."""
    free: dict[int, list[float]] = defaultdict(list)  # by lane: when each of its rows is free
    tracks = []
    for n in sorted(range(len(found)), key=lambda n: (found[n].started, n)):
        ends = free[found[n].lane]
        track = next((t for t, end in enumerate(ends) if end <= found[n].started + 1e-9), len(ends))
        ends[track:] = [found[n].ended, *ends[track + 1 :]]
        tracks.append((n, track))
    names: list[str] = []
    first: dict[int, int] = {}
    for lane in sorted(free):
        first[lane] = len(names)
        name = f"worker {lane}" if lane else "orchestrator"
        names += [name, *(f"{name} ({t})" for t in range(2, len(free[lane]) + 1))]
    return [first[found[n].lane] + track for n, track in sorted(tracks)], names


def _bar(ax: Axes, span: Span, row: int, *, critical: bool, end: float) -> None:
    look = ACTIVITIES[span.what]
    seconds = span.ended - span.started
    ax.barh(
        row,
        max(seconds, end / 400),  # a call of no length is still seen
        left=span.started,
        height=0.74 if span.call else 0.36,
        edgecolor=INK if critical else EDGE,
        linewidth=2.0 if critical else 0.8,
        **look.fill,
        zorder=3 if critical else 2,
    )
    letters = max(int(seconds / end * 110), 1)  # about that many go into the bar
    label = wrap(span.agent, letters, break_long_words=False)
    if span.call and len(label) <= 2 and all(len(line) <= letters for line in label):
        ax.text(
            span.started + seconds / 2,
            row,
            literal("\n".join(label)),
            ha="center",
            va="center",
            fontsize=7.5,
            linespacing=0.9,
            zorder=4,
            color=INK,
            bbox={"facecolor": "white", "alpha": 0.88, "edgecolor": "none", "pad": 1.0},
        )


def _named(what: str, found: Sequence[Span]) -> str:
    """An activity's name; of attempts after a failure, which kinds of them there are."""
    if what != "retry":
        return what
    steps = {s.call.step for s in found if s.what == what and s.call}
    return ", ".join(name for step, name in AGAIN.items() if step in steps)


def contexts(run: Run, ax: Axes | None = None, *, window: int | None = None) -> Axes:
    """How full the context window is in each call: tokens read and written, a bar a call.

    `window` is the model's, in tokens; where it is not given, that of the simulated profile which
    the record names. A record does not hold it, so for another model there is no line without it.
    A call that brought no reply has no bar, and a specialist's own model may have another window.
    """
    window = window or window_of(run)
    formats = formats_of(run)
    made = calls(run)
    full = max((c.usage.total for c in made if c.usage), default=0)
    ax = ax or new_axes(max(5.0, min(12.0, 1.6 + 0.28 * len(made))), 3.4)
    for n, call in enumerate(made):
        if call.usage:
            look, read = ACTIVITIES[activity(call, formats[call.id])], call.usage.input_tokens
            ax.bar(n, read, edgecolor=INK, linewidth=0.5, **look.fill)
            ax.bar(n, call.usage.output_tokens, bottom=read, color="white", edgecolor=INK)
    keys: list[Patch | Line2D] = [
        look.key(what)
        for what, look in ACTIVITIES.items()
        if any(c.usage and activity(c, formats[c.id]) == what for c in made)
    ]
    keys.append(Patch(facecolor="white", edgecolor=INK, linewidth=0.8, label="written"))
    top = max(full * 1.15, 1.0)
    if window:
        fits = window <= 5 * full
        top = max(top, window * 1.12) if fits else top
        if fits:
            ax.axhline(window, color=INK, linestyle=(0, (6, 3)), linewidth=1.4)
            keys.append(Line2D([], [], color=INK, linestyle=(0, (6, 3)), label="the window"))
    ax.set_ylim(0, top)
    ax.set_xlim(-0.6, max(len(made), 8) - 0.4)
    ids = [c.id for c in made]
    step = max(1, -(-len(ids) // 24))
    ax.set_xticks(range(0, len(ids), step), [str(i) for i in ids[::step]])
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel("call, in the order in which they began")
    ax.set_ylabel("tokens")
    said = (
        f"window {window:,} tokens, fullest call {tables.percent(full / window)}"
        if window
        else f"fullest call {full:,} tokens, the window is not known"
    )
    titled(ax, f"{run.pattern}: {said}")
    legend_below(ax, keys)
    rows = [
        [
            str(c.id),
            c.agent,
            activity(c, formats[c.id]),
            f"{c.usage.input_tokens:,}" if c.usage else tables.NONE,
            f"{c.usage.output_tokens:,}" if c.usage else tables.NONE,
            tables.percent(c.usage.total / window if c.usage and window else None),
        ]
        for c in made
    ]
    most = max(
        (c for c in made if c.usage), key=lambda c: c.usage.total if c.usage else 0, default=None
    )
    alt = f"Bars of the tokens in {count(len(made), 'call')} of {run.pattern}: {said}"
    alt += f", call {most.id} of {most.agent} with {full:,} tokens." if most else "."
    return describe(plain(ax), alt, ["call", "agent", "what", "read", "written", "share"], rows)


def window_of(run: Run) -> int | None:
    """The window in tokens of the simulated model that a record names; None for any other."""
    name = run.started.model.removeprefix("simulated-")
    return (
        PROFILES[name].window
        if f"simulated-{name}" == run.started.model and name in PROFILES
        else None
    )
