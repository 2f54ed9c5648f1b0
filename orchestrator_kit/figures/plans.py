"""The plan as a graph: what needs what, who does it, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from orchestrator_kit import tables
from orchestrator_kit.errors import UsageError
from orchestrator_kit.events import PlanRevised, Recovered, Reviewed
from orchestrator_kit.figures.canvas import (
    INK,
    describe,
    legend_below,
    literal,
    new_axes,
    short,
    titled,
)
from orchestrator_kit.figures.looks import ACTIVITIES, AGAIN, Look
from orchestrator_kit.figures.words import count, listed
from orchestrator_kit.metrics import calls
from orchestrator_kit.record import Run
from orchestrator_kit.status import Part, RunStatus

# What became of a subtask. A remedy or a review that it took stands for it, if it was done.
STATES: dict[str, Look] = {
    "done": ACTIVITIES["working"],
    "improved": ACTIVITIES["improving"],
    "reassigned": Look("#CC79A7", "xx"),
    "retried": ACTIVITIES["retry"],
    "hedged": ACTIVITIES["hedge"],
    "failed": ACTIVITIES["failed"],
    "dropped": ACTIVITIES["called off"],
    "not begun": ACTIVITIES["other"],
}
_WIDE, _LINE, _GAP, _BETWEEN = 2.05, 0.19, 0.16, 0.55  # inches: a node, the room around it
_DEEP = 10  # nodes above each other; more of one layer stand in further columns


@dataclass(frozen=True, slots=True)
class Node:
    """A subtask as it is drawn.

    Its state is a name in STATES; `told` says how it ended, `notes` what it took until then.
    """

    part: Part
    state: str
    told: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join([self.told, *self.notes])


def nodes(run: Run) -> list[Node]:
    """The subtasks of a run's plan, those added and dropped by revisions among them."""
    tried: dict[str | None, set[str]] = defaultdict(set)
    added: set[str] = set()
    for event in run.events:
        match event:
            case Recovered() if event.subtask and event.step in (*AGAIN, "hedge"):
                tried[event.subtask].add("retry" if event.step == "retry" else event.step)
            case Reviewed(verdict="improve"):
                tried[event.subtask].add("review")
            case PlanRevised():
                added.update(event.added)
    improved = {c.subtask for c in calls(run) if c.step == "improve" and not c.failure}
    found = []
    for part in RunStatus(run.events).parts:
        steps = tried[part.id]
        notes = [
            *(["improved"] if part.id in improved else []),
            *(["reassigned"] if "reassign" in steps else []),
            *(["retried"] if "retry" in steps else []),
            *(["hedged"] if "hedge" in steps else []),
            *(["split"] if "split" in steps else []),
            *(["added by a revision"] if part.id in added else []),
        ]
        state = next((n for n in notes if n in STATES), "done")
        if part.state in ("failed", "dropped"):
            state = part.state
        elif part.state == "waiting":
            state = "not begun"
        said = "not begun" if part.state == "waiting" else str(part)
        found.append(Node(part, state, said, tuple(notes)))
    return found


def layers(run: Run) -> list[list[Node]]:
    """The subtasks in layers: each needs only what stands in layers before its own."""
    by_id = {n.part.id: n for n in nodes(run)}
    depth: dict[str, int] = {}
    try:
        order = list(
            TopologicalSorter(
                {i: [p for p in n.part.needs if p in by_id] for i, n in by_id.items()}
            ).static_order()
        )
    except CycleError as e:
        raise UsageError(f"this plan goes in a circle: {' -> '.join(e.args[1])}") from None
    for name in order:
        needs = [depth[p] for p in by_id[name].part.needs if p in depth]
        depth[name] = max(needs, default=-1) + 1
    found: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name, node in by_id.items():  # the plan's order, within a layer
        found[depth[name]].append(node)
    return found


def plan_graph(run: Run, ax: Axes | None = None) -> Axes:
    """The plan's subtasks in layers, from left to right, with arrows to those that need them.

    A box says the id, the specialist and the state; the state has a colour and a hatch. A pattern
    without a plan gets a sentence that says so.
    """
    found = layers(run)
    columns = [
        layer[i : i + _DEEP] for layer in found for i in range(0, len(layer), _DEEP)
    ]  # a deep layer is broken
    deep = max(map(len, columns), default=1)
    width = max(len(columns) * (_WIDE + _BETWEEN) - _BETWEEN, 4.2)
    tall = _LINE * (4 if any(n.notes for layer in found for n in layer) else 3) + 0.09
    height = deep * (tall + _GAP)
    ax = ax or new_axes(width + 0.3, height + 0.85)
    ax.set_axis_off()
    ax.set_xlim(-0.05, width + 0.05)
    ax.set_ylim(height, 0)
    everyone = [n for layer in found for n in layer]
    needs = sum(len(n.part.needs) for n in everyone)
    if not everyone:
        said = f"{run.pattern} made no plan: there are no subtasks to draw."
        ax.text(0, height / 2, literal(said), fontsize=9, color=INK, va="center")
        return describe(ax, said, ["subtask"], [])
    at: dict[str, tuple[float, float]] = {}
    for n, column in enumerate(columns):
        top = (height - len(column) * (tall + _GAP) + _GAP) / 2
        for k, node in enumerate(column):
            at[node.part.id] = (n * (_WIDE + _BETWEEN), top + k * (tall + _GAP))
    for node in everyone:
        x, y = at[node.part.id]
        _node(ax, node, x, y, tall)
        for need in node.part.needs:
            if need in at:
                start = (at[need][0] + _WIDE, at[need][1] + tall / 2)
                _arrow(ax, start, (x, y + tall / 2))
    title = f"{run.pattern}: {count(len(everyone), 'subtask')} in {count(len(found), 'layer')}"
    titled(ax, title)
    states = [s for s in STATES if any(n.state == s for n in everyone)]
    legend_below(ax, [STATES[s].key(s) for s in states], gap=0.08)
    arrows = count(needs, "arrow")
    each = [
        f"{n.part.id} ({n.part.specialist}) {n}"
        + (f", needs {' and '.join(n.part.needs)}" if n.part.needs else "")
        for n in everyone
    ]
    rows = [
        [
            n.part.id,
            n.part.specialist,
            n.part.agent or tables.NONE,
            ", ".join(n.part.needs) or tables.NONE,
            str(layer),
            n.state,
            str(n),
        ]
        for layer, members in enumerate(found, 1)
        for n in members
    ]
    alt = f"Plan of {title}, {arrows}: {listed(each)}"
    head = ["subtask", "specialist", "agent", "needs", "layer", "state", "in words"]
    return describe(ax, alt, head, rows)


def _node(ax: Axes, node: Node, x: float, y: float, tall: float) -> None:
    look = STATES[node.state]
    box: dict[str, Any] = {"edgecolor": INK, "linewidth": 1.0}
    ax.add_patch(Rectangle((x, y), _WIDE, tall, facecolor="white", zorder=2, **box))
    ax.add_patch(Rectangle((x, y), 0.24, tall, zorder=3, **box, **look.fill))
    lines = (
        (short(node.part.id, 22), "bold", 8.5),
        (short(node.part.specialist, 28), "normal", 7.5),
        (short(node.told, 31), "normal", 7.0),
        (short(", ".join(node.notes), 31), "normal", 7.0),
    )
    for n, (line, weight, size) in enumerate(lines):
        ax.text(
            x + 0.32,
            y + 0.15 + n * _LINE,
            literal(line),
            fontsize=size,
            fontweight=weight,
            va="center",
            color=INK,
            zorder=4,
        )


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=9,
            linewidth=0.9,
            color="#555555",
            shrinkA=0,
            shrinkB=1,
            connectionstyle="arc3,rad=0.0",
            zorder=1,
        )
    )
