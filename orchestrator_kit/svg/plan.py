"""A run's plan as a graph: which subtask needs which, and what became of each.

A pattern that makes no plan shows its calls instead, and which of them used which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from orchestrator_kit import tables
from orchestrator_kit.events import PlanMade, PlanRevised
from orchestrator_kit.metrics import calls, critical_path
from orchestrator_kit.record import Run
from orchestrator_kit.status import RunStatus, line
from orchestrator_kit.svg.canvas import COLOURS, OTHER, Canvas, fitting

DEEP, GAP, MARGIN = 38, 10, 34  # a box's height, what is between boxes, and between columns
NARROWEST = 110  # a column; a deep plan widens the picture
MOST = 80  # boxes that are drawn; more could not be read

# A box hides the lines behind it where the page says what its ground is, as Jupyter's themes do.
PAPER = "var(--jp-layout-color0, none)"

# The stripe at a box's left edge. The word in the box says the same, for who sees no colours.
_STATES = {"done": COLOURS["worker"], "failed": "url(#failed)", "running": COLOURS["synthesizer"]}


@dataclass(frozen=True, slots=True)
class Node:
    """A box of the graph: what it is called, what it needs, how it went, and more in words."""

    id: str
    name: str
    needs: tuple[str, ...]
    state: str
    fill: str
    about: str
    critical: bool = False


def plan_graph(run: Run, *, width: int = 820) -> str:
    """The plan of a run as a graph, from left to right; for want of one, its calls."""
    found, planned = nodes(run)
    shown = found[:MOST]
    columns = _columns(shown)
    each = max(width / max(len(columns), 1), NARROWEST)
    width = max(width, round(each * len(columns)))
    wide = min(each - MARGIN, 190.0)
    rows = max(map(len, columns), default=0)
    height = 30 + rows * (DEEP + GAP) + (16 if len(found) > MOST else 0)
    at = {
        node.id: (
            n * each + (each - wide) / 2,
            28 + (rows - len(column)) * (DEEP + GAP) / 2 + k * (DEEP + GAP),
        )
        for n, column in enumerate(columns)
        for k, node in enumerate(column)
    }
    canvas = Canvas()
    what = "plan: who needs whom" if planned else "calls: who used whose results"
    canvas.text(4, 14, f"{run.pattern}, {what}", size=13, weight="bold")
    for node in shown:
        for need in node.needs:
            if need in at:
                _arrow(canvas, at[need], at[node.id], wide)
    for node in shown:
        _box(canvas, node, *at[node.id], wide)
    if len(found) > MOST:
        canvas.text(4, height - 4, f"… and {len(found) - MOST} more", size=11)
    return canvas.svg(width, height, f"Graph of {run.pattern}", _words(run, found, planned))


def table(run: Run) -> tuple[tables.Columns, tables.Rows]:
    """The graph as rows."""
    found, planned = nodes(run)
    names = {n.id: n.name for n in found}
    return ["subtask" if planned else "call", "needs", "state", "about"], [
        [n.name, ", ".join(names.get(i, i) for i in n.needs) or tables.NONE, n.state, n.about]
        for n in found
    ]


@lru_cache(maxsize=256)
def nodes(run: Run) -> tuple[tuple[Node, ...], bool]:
    """The boxes of a run's graph in order, and whether they are those of a plan."""
    status = RunStatus(run.events)
    if not status.parts:
        return tuple(_of_calls(run)), False
    made = [e for e in run.events if isinstance(e, PlanMade | PlanRevised)]
    subtasks = {s.id: s for e in made for s in e.plan.subtasks}
    by = made[0].plan.call if made else None
    why = made[0].plan.why if made else ""
    who = "by code" if by is None else f"by call {by}"
    start = Node("", "plan", (), who, COLOURS["orchestrator"], line(why) or "the plan")
    found = [start]
    for part in status.parts:
        subtask = subtasks.get(part.id)
        about = line(subtask.instruction) if subtask else ""
        if subtask and subtask.sections:
            about = f"{about} Reads {line(', '.join(subtask.sections))}."
        name = f"{line(part.id)} {line(part.specialist)}"
        fill = _STATES.get(part.state, "none")
        found.append(Node(part.id, name, part.needs or ("",), str(part), fill, about))
    needed = {need for node in found for need in node.needs}
    last = tuple(n.id for n in found if n.id not in needed)
    fill = _STATES["failed" if run.status == "failed" else "done"]
    gaps = len(run.answer.gaps)
    said = f"{len(run.answer.statements)} statements, {gaps} gaps"
    found.append(Node("\n", "answer", last, run.status, fill, said))
    return tuple(found), True


def _of_calls(run: Run) -> list[Node]:
    made, path = calls(run), {c.id for c in critical_path(run)}
    reached: dict[int, set[int]] = {}
    found = []
    for call in made:
        before: set[int] = set().union(*(reached.get(u, set()) for u in call.uses))
        reached[call.id] = before | set(call.uses)
        needs = tuple(str(u) for u in call.uses if u not in before)  # the others are implied
        fill = "url(#failed)" if call.failure else COLOURS.get(call.role, OTHER)
        state = f"failed: {call.failure}" if call.failure else tables.seconds(call.seconds)
        tokens = f"{call.usage.total:,} tokens" if call.usage else "no reply"
        about = f"{call.role}, {tables.seconds(call.seconds)}, {tokens}"
        name = f"{call.id} {line(call.agent)}"
        found.append(Node(str(call.id), name, needs, state, fill, about, critical=call.id in path))
    return found


def _columns(found: Sequence[Node]) -> list[list[Node]]:
    """The boxes by their distance from the beginning; who needs nothing stands in the first."""
    known = {n.id: n for n in found}
    depth: dict[str, int] = {}
    for node in found:
        _depth(node, known, depth)
    columns: dict[int, list[Node]] = defaultdict(list)
    for node in found:
        columns[depth[node.id]].append(node)
    return [columns[n] for n in sorted(columns)]


def _depth(node: Node, known: Mapping[str, Node], depth: dict[str, int]) -> None:
    """Without recursion: a plan may be as deep as it is long. Records hold sound plans only."""
    waiting = [node]
    while waiting:
        top = waiting[-1]
        open_ = [known[n] for n in top.needs if n in known and n not in depth]
        if open_ and len(waiting) <= len(known):
            waiting += open_[:1]
            continue
        depth[top.id] = 1 + max((depth.get(n, -1) for n in top.needs if n in known), default=-1)
        waiting.pop()


def _box(canvas: Canvas, node: Node, x: float, y: float, wide: float) -> None:
    edge = 2 if node.critical else 1
    dash = ' stroke-dasharray="4 3"' if node.state in ("dropped", "waiting") else ""
    about = f"{node.name}: {node.state}. {node.about}"
    more = f' rx="4" stroke="currentColor" stroke-width="{edge}"{dash}'
    canvas.bar(x, y, wide, DEEP, PAPER, about, more)
    canvas.bar(x, y, 7, DEEP, node.fill, about, ' rx="3"')
    canvas.text(x + 12, y + 16, fitting(node.name, wide - 12), size=11, weight="bold")
    canvas.text(x + 12, y + 31, fitting(node.state, wide - 12), size=11)


def _arrow(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], wide: float
) -> None:
    x, y = start[0] + wide, start[1] + DEEP / 2
    to, down = end[0], end[1] + DEEP / 2
    turn = to - MARGIN / 2
    canvas.line([(x, y), (turn - 6, y), (turn + 4, down), (to - 1, down)], "currentColor", 1)
    canvas.line([(to - 6, down - 4), (to - 1, down), (to - 6, down + 4)], "currentColor", 1)


def _words(run: Run, found: Sequence[Node], planned: bool) -> str:
    names = {n.id: n.name for n in found}
    each = []
    for node in found[:MOST]:
        needs = ", ".join(names.get(i, i) for i in node.needs)
        each.append(f"{node.name} ({node.state}){f' needs {needs}' if needs else ''}")
    what = "plan" if planned else "calls"
    return f"The {what} of {run.pattern}: {'; '.join(each)}."
