"""One moment of a run as a picture: who is at what, who tells whom what, the plan, what is spent.

The centre stands in the middle of its workers, peers stand around a board, and a chain in a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import cos, hypot, pi, sin

from orchestrator_kit import tables
from orchestrator_kit.events import CallStarted
from orchestrator_kit.playback import CENTRE, Node, Sent, Timeline
from orchestrator_kit.playback.messages import work
from orchestrator_kit.status import Part, RunStatus, line
from orchestrator_kit.svg.canvas import COLOURS, DARKER, FAILED, OTHER, Canvas, fitting

WIDTH = 820
HEAD = 44  # height of the lines above the stage
RECENT = 8  # frames for which a message stays in the picture
ROW = 4  # boxes side by side in a chain
CHIP, CHIPS = 98, 8  # width of a subtask's chip, and how many stand side by side
MOST_CHIPS = 32


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node is drawn: its middle and its size."""

    x: float
    y: float
    w: float
    h: float

    def towards(self, x: float, y: float) -> tuple[float, float]:
        """Where a line from the middle to a point leaves the box."""
        dx, dy = x - self.x, y - self.y
        share = max(abs(dx) / (self.w / 2 + 3), abs(dy) / (self.h / 2 + 3), 1e-9)
        return self.x + dx / share, self.y + dy / share


class Stage:
    """The pictures of one run; what is the same in all of them is worked out once."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        cast = timeline.cast
        self._idle: dict[Node, str] = {}
        self.places, self.deep = _places(cast.shape, cast.nodes)
        self.plan = _plan(Canvas(), timeline.status(timeline.duration).parts, 0)
        ys = [p.y for p in self.places.values()]
        ring = cast.shape != "chain" and len(ys) > 2
        self.middle = (min(ys) + max(ys)) / 2 - 1 if ring else 0.0

    def at(self, t: float) -> str:
        """The picture of the run as it is at a time."""
        timeline = self.timeline
        status = timeline.status(t)
        canvas = Canvas()
        moment = timeline.moments[timeline.moment(t)]
        age = (t - moment.t) / timeline.tick if timeline.tick else 0.0
        sent = moment.sent if age < RECENT else ()
        self._idle = self._not_at_work(status, t)
        busy = {timeline.cast.node(timeline.made[c]): c for c in status.under_way}
        self._head(canvas, status, t)
        self._lines(canvas, busy)
        for n, message in enumerate(sent):
            self._arrows(canvas, message, min(age / RECENT, 1.0), n)
        for node in self.places:
            self._box(canvas, node, busy.get(node), t, sent)
        _plan(canvas, status.parts, HEAD + self.deep)
        deep = HEAD + self.deep + self.plan  # the same in all, so that nothing jumps
        title = f"{timeline.run.pattern} at {tables.seconds(t)}"
        return canvas.svg(WIDTH, deep, title, words(timeline, t, status))

    def _not_at_work(self, status: RunStatus, t: float) -> dict[Node, str]:
        """What those do who are at no call, where it is not simply nothing."""
        hub = self.timeline.cast.shape == "hub"
        slots = status.slots
        here = {s.worker for s in slots}
        idle: dict[Node, str] = {}
        if hub and status.ended is None:
            idle = {n: "not here" for n in self.timeline.cast.nodes if n not in here}
        if status.under_way:
            idle[CENTRE] = "waits"
        for pause in (s.pause for s in slots if s.pause):
            node: Node = pause.agent
            if hub:
                node = next((s.worker for s in slots if s.pause is pause), None) or CENTRE
            idle[node] = f"again in {max(0.0, pause.until - t):.1f} s"
        return idle

    def _head(self, canvas: Canvas, status: RunStatus, t: float) -> None:
        """The time, the calls, and what is spent so far."""
        canvas.text(
            0,
            16,
            f"{tables.seconds(t)} of {tables.seconds(self.timeline.duration)}",
            size=15,
            weight="bold",
        )
        canvas.text(WIDTH, 16, line(spent(status)), "end", 13)
        share = t / self.timeline.duration if self.timeline.duration else 1.0
        canvas.line([(0, 27), (WIDTH, 27)], "currentColor", 0.5)
        canvas.bar(0, 25, WIDTH * share, 4, COLOURS["orchestrator"], "time")

    def _lines(self, canvas: Canvas, busy: dict[Node, int]) -> None:
        """Who can tell whom: thin, and stronger where somebody is at work for the other."""
        shape, nodes = self.timeline.cast.shape, self.timeline.cast.nodes
        pairs: list[tuple[Node, Node]] = []
        if shape == "hub":
            pairs = [(CENTRE, n) for n in nodes if n in self.places]
        elif shape == "chain":
            pairs = list(pairwise(nodes))
        elif len(nodes) <= 12:
            pairs = [(a, b) for k, a in enumerate(nodes) for b in nodes[k + 1 :]]
        for a, b in pairs:
            strong = shape == "hub" and b in busy
            ends = self._between(a, b)
            canvas.line(ends, "currentColor", 1.6 if strong else 0.5, "" if strong else "3 4")

    def _between(self, a: Node, b: Node, aside: float = 0.0) -> list[tuple[float, float]]:
        """The line from one box to another, so many pixels to its right."""
        one, other = self.places[a], self.places[b]
        (x1, y1), (x2, y2) = one.towards(other.x, other.y), other.towards(one.x, one.y)
        long = hypot(x2 - x1, y2 - y1) or 1.0
        dx, dy = -(y2 - y1) / long * aside, (x2 - x1) / long * aside
        return [(x1 + dx, y1 + dy), (x2 + dx, y2 + dy)]

    def _arrows(self, canvas: Canvas, message: Sent, way: float, n: int) -> None:
        """A message on its way to each who gets it: an arrow, and a dot as far as the time is."""
        colour = FAILED if message.failed else self._colour(message.sender)
        for to in message.receivers:
            if to == message.sender or not {to, message.sender} <= self.places.keys():
                continue
            about = line(f"{self._name(message.sender)} to {self._name(to)}: {message.what}")
            ends = self._between(message.sender, to, 5.0)
            _arrow(canvas, ends, colour, "6 4" if message.failed else "")
            (x1, y1), (x2, y2) = ends
            canvas.dot(x1 + (x2 - x1) * way, y1 + (y2 - y1) * way, 5, colour, about)

    def _box(
        self, canvas: Canvas, node: Node, call: int | None, t: float, sent: tuple[Sent, ...]
    ) -> None:
        """A node, what it is at and for how long, and below it what it tells and is told."""
        place = self.places[node]
        x, y = place.x - place.w / 2, place.y - place.h / 2
        made = self.timeline.made[call] if call is not None else None
        name, doing = self._name(node), self._idle.get(node, "idle")
        colour, more = "currentColor", ' stroke-dasharray="3 3" stroke-opacity="0.5"'
        if made:
            colour, more = COLOURS.get(made.role, OTHER), ""
            colour = DARKER.get(colour, colour)
            doing = ", ".join(_lines(made, name, doing))
        about = line(f"{name}: {doing}")
        more = (
            f' fill-opacity="{0.22 if made else 0}" stroke="{colour}" stroke-width="2" rx="6"{more}'
        )
        canvas.bar(x, y, place.w, place.h, colour, about, more)
        if made:
            self._progress(canvas, place, made, t, colour)
        if place.h < 40:
            short = str(node) if isinstance(node, int) else name
            canvas.text(place.x, place.y + 3, _fit(short, place.w), "middle", 11)
            return
        canvas.text(place.x, y + 18, _fit(name, place.w), "middle", 12, weight="bold")
        lines = _lines(made, name, doing)
        for k, words_ in enumerate(lines):
            canvas.text(place.x, y + 33 + 13 * k, _fit(words_, place.w), "middle", 11)
        if node == CENTRE and self.timeline.cast.shape == "hub":
            return
        told = [m for m in sent if m.sender == node]
        heard = [m for m in sent if node in m.receivers and self.timeline.cast.shape == "hub"]
        says = "tells: " if self.timeline.cast.shape == "hub" else ""
        marks = [(says, m) for m in told] + [("is asked: ", m) for m in heard]
        foot = y - 20 if place.y < self.middle else y + place.h + 14  # on the side of no arrows
        for k, (how, m) in enumerate(marks[:2]):
            more_ = f" (+{len(marks) - 2})" if k == 1 and len(marks) > 2 else ""
            room = place.w + 30
            canvas.text(
                *(place.x, foot + 13 * k + 13 * (foot < y and len(marks) == 1)),
                _fit(f"{how}{line(m.what)}{more_}", room),
                "middle",
                11,
                weight="bold" if m.failed else "normal",
            )

    def _progress(
        self, canvas: Canvas, place: _Place, call: CallStarted, t: float, colour: str
    ) -> None:
        """How much of a call's time is over, at the foot of its box."""
        end = self.timeline.over.get(call.call, self.timeline.duration)
        share = (t - call.t) / (end - call.t) if end > call.t else 1.0
        about = f"{tables.seconds(t - call.t)} of {tables.seconds(end - call.t)}"
        thick = 3 if place.h >= 40 else 2
        x, y = place.x - place.w / 2 + 4, place.y + place.h / 2 - thick * 2 + (thick == 2)
        canvas.bar(x, y - (thick == 3), (place.w - 8) * min(share, 1.0), thick, colour, about)

    def _name(self, node: Node) -> str:
        if node == CENTRE:
            return self.timeline.cast.centre
        return f"worker {node}" if isinstance(node, int) else line(node)

    def _colour(self, node: Node) -> str:
        if node == CENTRE:
            return COLOURS.get(self.timeline.cast.centre, OTHER)
        mesh = self.timeline.cast.shape == "mesh"
        return COLOURS["peer" if mesh else "worker"]


def spent(status: RunStatus) -> str:
    """Calls, tokens and money so far, against the budget where there is one."""
    begun = status.started
    calls = [f"{status.done} done"]
    calls += [f"{len(status.under_way)} under way"] if status.under_way else []
    calls += [f"{status.failed} failed"] if status.failed else []
    calls += [f"{status.refused} refused"] if status.refused else []
    tokens = f"{'~' if status.estimated else ''}{status.tokens:,}"
    if begun and begun.budget_tokens:
        tokens += f" of {begun.budget_tokens:,}"
    pieces = [f"calls: {', '.join(calls)}", f"{tokens} tokens"]
    usd = status.cost_usd
    if begun and begun.budget_usd is not None:
        pieces.append(f"{tables.money(usd)} of ${begun.budget_usd:g}")
    elif usd is not None:
        pieces.append(tables.money(usd))
    return " · ".join(pieces)


def words(timeline: Timeline, t: float, status: RunStatus | None = None) -> str:
    """What the picture of a time shows: what has just happened, who is at what, what is spent."""
    status = status or timeline.status(t)
    moment = timeline.moments[timeline.moment(t)]
    said = [h.says for h in moment.happenings]
    some = said if len(said) <= 6 else [*said[:5], f"and {len(said) - 5} more events"]
    busy = [
        line(f"{c.agent} ({c.subtask or c.format or 'a call'})") for c in status.under_way.values()
    ]
    some_busy = busy if len(busy) <= 8 else [*busy[:7], f"{len(busy) - 7} more"]
    at_work = f"At work: {', '.join(some_busy)}." if busy else "Nobody is at work."
    parts = status.parts
    states = [p.state for p in parts]
    counted = ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states))
    plan = f" Subtasks: {counted}." if parts else ""
    spent_ = f" So far {spent(status)}."
    return f"At {tables.seconds(moment.t)}: {'; '.join(some)}. {at_work}{plan}{spent_}"


def _places(shape: str, nodes: tuple[Node, ...]) -> tuple[dict[Node, _Place], float]:
    """Where everybody stands, and how much room that takes."""
    if shape == "chain":
        return _row(nodes)
    return _ring(nodes, hub=shape == "hub")


def _row(nodes: tuple[Node, ...]) -> tuple[dict[Node, _Place], float]:
    """A chain: from left to right, the next row from left to right again."""
    each = WIDTH / ROW
    places: dict[Node, _Place] = {}
    for n, node in enumerate(nodes):
        x, y = each * (n % ROW + 0.5), HEAD + 42 + 104 * (n // ROW)
        places[node] = _Place(x, y, each - 40, 64)
    return places, 104 * -(-len(nodes) // ROW) + 4


def _ring(nodes: tuple[Node, ...], *, hub: bool) -> tuple[dict[Node, _Place], float]:
    """Around a middle, the first at the top; the more there are, the smaller the boxes."""
    many = len(nodes)
    w, h, below = (168, 64, 30) if many <= 8 else (66, 26, 4) if many <= 28 else (26, 20, 4)
    rx = (WIDTH - w) / 2 - 2
    ry = 70 if many <= 2 else 128 if many <= 6 else 168
    middle = HEAD + 26 + h / 2 + ry
    places: dict[Node, _Place] = {}
    start = pi if many == 2 else -pi / 2
    for n, node in enumerate(nodes[:80]):
        angle = start + 2 * pi * n / many
        places[node] = _Place(WIDTH / 2 + rx * cos(angle), middle + ry * sin(angle), w, h)
    if hub:
        places[CENTRE] = _Place(WIDTH / 2, middle, 176, 64)
    return places, 2 * ry + h + below + 34


def _plan(canvas: Canvas, parts: tuple[Part, ...], top: float) -> float:
    """The plan's subtasks by state, a chip each; how much room they take."""
    if not parts:
        return 0.0
    canvas.text(0, top + 12, "subtasks of the plan", size=12, weight="bold")
    shown = parts if len(parts) <= MOST_CHIPS else parts[: MOST_CHIPS - 1]
    for n, part in enumerate(shown):
        x, y = (n % CHIPS) * (CHIP + 5), top + 20 + 38 * (n // CHIPS)
        fill, opacity, dash = _CHIP.get(part.state, _CHIP["waiting"])
        more = (
            f' fill-opacity="{opacity}" stroke="currentColor" stroke-width="1" rx="4"'
            f'{f""" stroke-dasharray="{dash}" """.rstrip() if dash else ""}'
        )
        canvas.bar(x, y, CHIP, 33, fill, line(f"{part.id}, {part.specialist}: {part}"), more)
        canvas.text(x + CHIP / 2, y + 14, _fit(line(part.id), CHIP), "middle", 11, weight="bold")
        canvas.text(x + CHIP / 2, y + 27, _fit(_state(part), CHIP), "middle", 10)
    if len(shown) < len(parts):
        n = len(shown)
        x, y = (n % CHIPS) * (CHIP + 5), top + 20 + 38 * (n // CHIPS)
        canvas.text(x + 4, y + 20, f"and {len(parts) - n} more", size=11)
        return 20 + 38 * (n // CHIPS + 1)
    return 20 + 38 * -(-len(shown) // CHIPS)


_CHIP = {
    "waiting": ("none", 0, "3 3"),
    "running": (COLOURS["worker"], 0.25, ""),
    "reviewed": (COLOURS["orchestrator"], 0.25, ""),
    "improved": (COLOURS["synthesizer"], 0.25, ""),
    "done": (COLOURS["worker"], 0.0, ""),
    "failed": (FAILED, 0.3, ""),
    "dropped": ("none", 0, "1 3"),
}


def _state(part: Part) -> str:
    """A subtask's state in a word or two; who works on it stands in its worker's box."""
    if part.state == "done":
        return f"✓ {part.findings} findings" if part.findings != 1 else "✓ 1 finding"
    if part.state in ("reviewed", "improved"):
        return f"{part.state}, round {part.round}"
    return f"✗ {line(part.failure or 'failed')}" if part.state == "failed" else part.state


def _lines(made: CallStarted | None, name: str, idle: str) -> list[str]:
    """What a box says below its name: what it is at, and as whom."""
    if made is None:
        return [idle]
    return [line(work(made)), *([line(made.agent)] if line(made.agent) != name else [])]


def _fit(text: str, width: float) -> str:
    return fitting(text, width) or text[:2]


def _arrow(canvas: Canvas, ends: list[tuple[float, float]], colour: str, dash: str) -> None:
    (x1, y1), (x2, y2) = ends
    canvas.line(ends, colour, 2.5, dash)
    long = hypot(x2 - x1, y2 - y1) or 1.0
    ux, uy = (x2 - x1) / long, (y2 - y1) / long
    left = (x2 - 9 * ux + 5 * uy, y2 - 9 * uy - 5 * ux)
    right = (x2 - 9 * ux - 5 * uy, y2 - 9 * uy + 5 * ux)
    canvas.line([left, (x2, y2), right], colour, 2.5)
