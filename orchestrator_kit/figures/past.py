"""Where the pattern comes from: the related developments by decade, as a small table."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes

from orchestrator_kit.figures.canvas import INK, describe, literal, new_axes, plain, titled
from orchestrator_kit.figures.looks import CYCLE, Look
from orchestrator_kit.figures.words import listed


@dataclass(frozen=True, slots=True)
class Era:
    """A development: its first and its last year (None: it goes on), and an example of it."""

    begun: int
    ended: int | None
    name: str
    brought: str
    example: str

    @property
    def years(self) -> str:
        return f"{self.begun} to {self.ended}" if self.ended else f"since {self.begun}"


ERAS = (
    Era(
        1970,
        1989,
        "distributed computing",
        "master-slave: one divides, many do the same work",
        "Contract net protocol, 1980",
    ),
    Era(
        1990,
        1999,
        "multi-agent systems",
        "coordination and collaboration made formal",
        "KQML, an agents' language, 1994",
    ),
    Era(
        2000,
        2009,
        "service-oriented architecture, microservices",
        "systems decomposed into tasks",
        "SOAP, a standard in 2003",
    ),
    Era(
        2010,
        2019,
        "MapReduce and its kin mature",
        "large tasks coordinated and restarted",
        "MapReduce at OSDI 2004; Spark, 2010",
    ),
    Era(
        2020,
        None,
        "LLM orchestration",
        "a model divides the work and joins the results",
        "ReAct, 2022",
    ),
    Era(
        2023,
        2024,
        "the patterns are named",
        "orchestrator-workers as a workflow",
        "Anthropic, Building effective agents, 2024",
    ),
)
_HATCHES = ("", "///", "...", "xx", "\\\\\\", "++")
_LAST = 2030  # the end of the axis, not a forecast


def history(ax: Axes | None = None) -> Axes:
    """The developments that led to the pattern, by decade; the axis is in years."""
    ax = ax or new_axes(9.0, 1.1 + 0.56 * len(ERAS))
    for n, era in enumerate(ERAS):
        until = (era.ended or _LAST - 1) + 1
        ax.barh(
            n,
            until - era.begun,
            left=era.begun,
            height=0.72,
            **Look(CYCLE[n][0], _HATCHES[n]).bar,
        )
        if era.ended is None:
            ax.plot(until, n, marker=">", color=CYCLE[n][0], markersize=13, clip_on=False)
        after = era.begun < 2000  # there is room to the right of the early ones
        ax.text(
            until + 0.8 if after else era.begun - 0.8,
            n,
            literal(f"{era.name}\n{era.brought} ({era.example})"),
            ha="left" if after else "right",
            va="center",
            fontsize=8,
            linespacing=1.3,
            color=INK,
        )
    ax.set_yticks([])
    ax.set_ylim(len(ERAS) - 0.5, -0.5)
    ax.set_xlim(1968, _LAST)
    ax.set_xticks(range(1970, _LAST + 1, 10))
    ax.set_xlabel("year")
    titled(ax, "What led to LLM orchestration")
    rows = [[e.years, e.name, e.brought, e.example] for e in ERAS]
    each = [f"{e.years} {e.name}: {e.brought} ({e.example})" for e in ERAS]
    ax.spines["left"].set_visible(False)
    alt = f"Time line of related developments. {listed(each)}"
    return describe(plain(ax), alt, ["years", "development", "what it brought", "example"], rows)
