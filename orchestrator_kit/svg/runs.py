"""One run as a picture: who worked when."""

from __future__ import annotations

from orchestrator_kit import tables
from orchestrator_kit.metrics import Call, calls, critical_path, measure
from orchestrator_kit.record import Run
from orchestrator_kit.svg.canvas import COLOURS, LABEL, LANE, OTHER, Canvas, fitting, on


def gantt(run: Run, *, width: int = 820, which: str = "", until: float = 0.0) -> str:
    """Who worked when: a row for the orchestrator and each worker, a bar for each call.

    Bars on the critical path have a thick edge, failed ones are hatched; the axis is in seconds,
    and reaches `until` at least: so that two runs can be drawn on one scale. `which` of several
    runs it is may be said in the heading.
    """
    made = calls(run)
    path = {c.id for c in critical_path(run)}
    m = measure(run)
    lanes = sorted({c.worker or 0 for c in made})
    longest = max(m.latency_s, until)
    scale = (width - LABEL - 20) / max(longest, 1e-9)
    top = 48
    canvas = Canvas()
    heading = ", ".join(filter(None, (run.pattern, tables.workers(run.workers), which)))
    canvas.text(LABEL, 14, heading, size=13, weight="bold")
    for row, lane in enumerate(lanes):
        y = top + row * LANE
        canvas.text(LABEL - 8, y + 16, f"worker {lane}" if lane else "orchestrator", "end")
        for call in (c for c in made if (c.worker or 0) == lane):
            x, w = LABEL + call.started * scale, max(call.seconds * scale, 1.0)
            edge = f' stroke="currentColor" stroke-width="{2.5 if call.id in path else 0.5}"'
            fill = "url(#failed)" if call.failure else COLOURS.get(call.role, OTHER)
            canvas.bar(x, y + 3, w, LANE - 6, fill, _about(call), edge)
            canvas.text(x + w / 2, y + 16, fitting(call.agent, w), "middle", 10, on(fill))
    bottom = top + len(lanes) * LANE
    canvas.axis(LABEL, bottom, scale, longest)
    roles = [(r, COLOURS.get(r, OTHER)) for r in dict.fromkeys(c.role for c in made)]
    canvas.legend(LABEL, 26, [*roles, ("failed", "url(#failed)")] if m.failures else roles)
    words = (
        f"{run.pattern} with {tables.workers(run.workers)}: {m.calls} calls in "
        f"{tables.seconds(m.latency_s)}, critical path {tables.seconds(m.critical_path_s)}, "
        f"{m.tokens:,} tokens, {len(m.failures)} failed calls."
    )
    return canvas.svg(width, bottom + 34, f"Gantt of {run.pattern}", words)


def _about(call: Call) -> str:
    used = f", uses {', '.join(map(str, call.uses))}" if call.uses else ""
    tokens = f", {call.usage.total:,} tokens" if call.usage else ""
    failed = f", failed: {call.failure}" if call.failure else ""
    return f"call {call.id}: {call.agent}, {tables.seconds(call.seconds)}{tokens}{used}{failed}"
