"""What the widgets share: lines that screen readers say, a run in words, its bars as a table."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit import tables
from orchestrator_kit.metrics import calls, critical_path, measure
from orchestrator_kit.record import Run

# Often enough to outdo ipywidgets, which takes the ring away and only tints an edge instead.
_RING = (
    "<style>.okit.okit.okit.okit :focus-visible{"
    "outline:2px solid var(--jp-ui-font-color0,currentColor)!important;outline-offset:1px}</style>"
)


def ringed(widget: Any) -> None:
    """Draw a ring around whatever of a widget has the keyboard's focus."""
    widget.add_class("okit")
    style = ipywidgets.HTML(_RING, layout=ipywidgets.Layout(display="none"))
    widget.children = [*widget.children, style]


def status(text: str) -> str:
    """A line that screen readers say when it changes."""
    return f'<p role="status" aria-live="polite">{escape(text)}</p>'


def words(run: Run) -> str:
    """What a run took, in one line."""
    m = measure(run)
    took, path = tables.seconds(m.latency_s), tables.seconds(m.critical_path_s)
    failed = f", {len(m.failures)} calls failed" if m.failures else ""
    ended = "" if run.status == "done" else f", the run {run.status}"
    return (
        f"{m.tokens:,} tokens, cost {tables.money(m.cost_usd)}, "
        f"latency {took}, critical path {path}, "
        f"speedup {m.speedup:.2f}{failed}{ended}"
    )


def table(run: Run) -> tuple[tables.Columns, tables.Rows]:
    """The bars of the Gantt as rows."""
    path = {c.id for c in critical_path(run)}
    return ["who", "lane", "from", "to", "tokens", "critical path", "failed"], [
        [
            c.agent,
            f"worker {c.worker}" if c.worker else "orchestrator",
            tables.seconds(c.started),
            tables.seconds(c.ended),
            f"{c.usage.total:,}" if c.usage else tables.NONE,
            "yes" if c.id in path else "",
            c.failure or "",
        ]
        for c in calls(run)
    ]
