"""Who told whom what, and when: the messages of a run on a time line."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from orchestrator_kit import tables
from orchestrator_kit.events import Posted
from orchestrator_kit.figures.canvas import (
    EDGE,
    LANE,
    describe,
    legend_below,
    literal,
    new_axes,
    plain,
    short,
    titled,
)
from orchestrator_kit.figures.looks import Line, of_role
from orchestrator_kit.figures.words import count
from orchestrator_kit.metrics import Call, calls, measure
from orchestrator_kit.record import Run
from orchestrator_kit.svg.canvas import DARKER

HUB = "orchestrator"
# Each kind of message: its colour, its line, its width.
KINDS: dict[str, tuple[str, Line, float]] = {
    "task": ("#0072B2", "-", 1.3),
    "result": ("#009E73", "--", 1.3),
    "failure": ("#D55E00", ":", 1.6),
    "post read": ("#CC79A7", "-", 0.7),
    "handover": ("#B27700", "-.", 1.6),
}


@dataclass(frozen=True, slots=True)
class Message:
    """Something that one told another; seconds since the run began."""

    kind: str
    sender: str
    receiver: str
    sent: float
    received: float


def sent(run: Run) -> list[Message]:
    """The messages of a run, in the order in which they were received.

    Where an orchestrator makes calls, everything goes through it: a task to whoever is called,
    and what came of it back. Elsewhere a message goes from each call to those that use its
    result, the first time that an agent does; of peers that is what they read on the board.
    """
    made = calls(run)
    hub = any(c.role == HUB for c in made)
    found = _by_hub(made) if hub else _by_use(made)
    names = {c.agent for c in made}
    for event in run.events:
        if isinstance(event, Posted) and event.what == "handover" and event.items[1:2]:
            to = event.items[1]
            if to in names:
                found.append(Message("handover", event.agent, to, event.t, event.t))
    return sorted(found, key=lambda m: (m.received, m.sent))


def _by_hub(made: tuple[Call, ...]) -> list[Message]:
    found = []
    for c in made:
        if c.role != HUB:
            found.append(Message("task", HUB, c.agent, c.started, c.started))
            kind = "failure" if c.failure else "result"
            found.append(Message(kind, c.agent, HUB, c.ended, c.ended))
    return found


def _by_use(made: tuple[Call, ...]) -> list[Message]:
    by_id = {c.id: c for c in made}
    known: dict[str, set[int]] = {}
    found = []
    for c in made:
        read = known.setdefault(c.agent, set())
        for u in c.uses:
            used = by_id.get(u)
            if used and u not in read and used.agent != c.agent:
                kind = "failure" if used.failure else "post read" if c.role == "peer" else "result"
                found.append(Message(kind, used.agent, c.agent, used.ended, c.started))
            read.add(u)
    return found


def messages(run: Run, ax: Axes | None = None) -> Axes:
    """Who told whom what and when: a row for each agent, an arrow for each message.

    Time is in seconds since the run began. With an orchestrator it is a hub with spokes; among
    peers a mesh. Thick bars are the calls.
    """
    made = calls(run)
    found = sent(run)
    people: dict[str, str] = {}
    for c in made:
        people.setdefault(HUB if c.role == HUB else c.agent, c.role)
    order = sorted(people, key=lambda name: people[name] != HUB)  # the hub on top
    row = {name: n for n, name in enumerate(order)}
    end = max(measure(run).latency_s, 1e-9)
    ax = ax or new_axes(9.0, 1.5 + (LANE + 0.1) * max(len(order), 2))
    for c in made:
        colour = of_role(c.role).colour
        y = row[HUB if c.role == HUB else c.agent]
        ax.plot(
            [c.started, max(c.ended, c.started + end / 800)],
            [y, y],
            color=DARKER.get(colour, colour),
            linewidth=6,
            solid_capstyle="butt",
            zorder=1,
        )
    for m in found:
        colour, line, width = KINDS[m.kind]
        ax.annotate(
            "",
            (m.received, row[m.receiver]),
            (m.sent, row[m.sender]),
            arrowprops={
                "arrowstyle": "-|>",
                "color": colour,
                "linestyle": line,
                "linewidth": width,
                "shrinkA": 1,
                "shrinkB": 2,
                "mutation_scale": 8,
            },
            zorder=3 if m.kind in ("failure", "handover") else 2,
        )
    ax.set_yticks(range(len(order)), [literal(short(name, 34)) for name in order])
    ax.set_ylim(max(len(order), 1) - 0.5, -0.5)
    ax.set_xlim(-end * 0.01, end * 1.01)
    ax.grid(axis="y", color="#DDDDDD", linewidth=0.7, zorder=0)
    ax.set_axisbelow(True)
    ax.set_xlabel("seconds since the run began")
    shape = (
        "all through the orchestrator"
        if HUB in row
        else "among peers"
        if "peer" in people.values()
        else "no orchestrator"
    )
    title = f"{run.pattern}: {count(len(found), 'message')}, {shape}"
    titled(ax, title)
    kinds = [k for k in KINDS if any(m.kind == k for m in found)]
    keys = [
        Line2D([], [], color=KINDS[k][0], linestyle=KINDS[k][1], linewidth=KINDS[k][2], label=k)
        for k in kinds
    ]
    keys.append(Line2D([], [], color=EDGE, linewidth=6, label="a call"))
    legend_below(ax, keys)
    each = ", ".join(f"{k} {sum(m.kind == k for m in found)}" for k in kinds) or "none"
    alt = (
        f"Messages of {title}, in {tables.seconds(end)} between {count(len(order), 'agent')}. "
        f"By kind: {each}."
    )
    rows = [
        [m.kind, m.sender, m.receiver, tables.seconds(m.sent), tables.seconds(m.received)]
        for m in found
    ]
    return describe(plain(ax), alt, ["kind", "from", "to", "sent", "received"], rows)
