"""How things look: a colour, and a hatch or a marker beside it, so that a grey print tells as much.

The colours are Okabe and Ito's, which colour-blind readers can tell apart, with a light green and
three greys; lines have a darker orange and sky blue, for the page is white. Names are those of
the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.patches import Patch

from orchestrator_kit.figures.canvas import EDGE, INK, literal
from orchestrator_kit.metrics import Call
from orchestrator_kit.svg import COLOURS, FAILED, OTHER

# Roles differ by hatch as well as by colour, so that a figure survives a grey printer.
HATCHES = {"orchestrator": "", "worker": "///", "synthesizer": "...", "peer": "xx"}
OTHER_HATCH = "--"
FAILED_HATCH = "XXX"


@dataclass(frozen=True, slots=True)
class Look:
    """A colour, its hatch, and the colour of the hatch's lines."""

    colour: str
    hatch: str
    lines: str = "white"

    @property
    def fill(self) -> dict[str, Any]:
        """How matplotlib fills a bar or a patch with it."""
        return {
            "facecolor": self.colour,
            "hatch": self.hatch,
            "hatchcolor": self.lines,
            "hatch_linewidth": 0.6,
        }

    @property
    def bar(self) -> dict[str, Any]:
        """The same with an edge, without which a pale one could not be told from the page."""
        return self.fill | {"edgecolor": EDGE, "linewidth": 0.6}

    def key(self, label: str) -> Patch:
        """Its entry in a legend."""
        return Patch(**self.fill, edgecolor=INK, linewidth=0.5, label=literal(label))


# What a call is for; none of two has the colour or the hatch of the other.
ACTIVITIES: dict[str, Look] = {
    "planning": Look(COLOURS["orchestrator"], HATCHES["orchestrator"]),
    "working": Look(COLOURS["worker"], HATCHES["worker"]),
    "peer's turn": Look(COLOURS["peer"], HATCHES["peer"]),
    "reviewing": Look(OTHER, "\\\\\\"),
    "improving": Look("#A8DDC9", "oo", INK),
    "synthesis": Look(COLOURS["synthesizer"], HATCHES["synthesizer"]),
    "retry": Look("#F0E442", "||", INK),
    "hedge": Look("#555555", "++"),
    "called off": Look("#B0B0B0", "**", INK),
    "failed": Look(FAILED, FAILED_HATCH),
    "waiting": Look("#EDEDED", "--", "#777777"),
    "other": Look("#FFFFFF", "OO", INK),
}
AGAIN = {"retry": "retry", "reassign": "other worker", "split": "in halves"}  # looks of "retry"
Line = Literal["-", "--", "-.", ":"] | tuple[float, tuple[float, ...]]
CYCLE: tuple[tuple[str, str, Line], ...] = (  # of series of points: colour, marker, line
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#009E73", "^", "-."),
    ("#CC79A7", "D", (0, (5, 1, 1, 1, 1, 1))),
    ("#B27700", "v", (0, (4, 2))),
    ("#2D8FCB", "P", (0, (1, 1))),
    ("#1b1b1b", "X", (0, (8, 2))),
    ("#7a7a00", "*", (0, (2, 2, 6, 2))),
)


def of_role(role: str) -> Look:
    """How a role looks."""
    return Look(COLOURS.get(role, OTHER), HATCHES.get(role, OTHER_HATCH))


def activity(call: Call, format_: str | None) -> str:
    """What a call was for or what became of it: a name in ACTIVITIES.

    `format_` is what was to come back of it, as its CallStarted says.
    """
    if call.failure:
        return "called off" if call.failure == "cancelled" else "failed"
    if call.step == "hedge":
        return "hedge"
    if call.step in AGAIN:
        return "retry"
    if call.step == "improve":
        return "improving"
    if call.role == "orchestrator":
        return "reviewing" if format_ in ("verdict", "conflicts") else "planning"
    known = {"worker": "working", "synthesizer": "synthesis", "peer": "peer's turn"}
    return known.get(call.role, "other")
