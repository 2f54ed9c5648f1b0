"""A class's vote as a picture: a bar an answer, and one below it for the vote after the talk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_kit import tables
from orchestrator_kit.svg.canvas import COLOURS, INPUT, LANE, Canvas, fitting

if TYPE_CHECKING:
    from orchestrator_kit.votes import Vote

FIRST, AFTER = INPUT, COLOURS["orchestrator"]
_NAMES = 190  # width of the answers at the left
_NOTE = 150  # width of what is said behind the longest bar


def histogram(found: Vote, *, width: int = 720) -> str:
    """The votes for each answer, all bars to one scale, with their number, share and sureness."""
    from orchestrator_kit import votes

    canvas = Canvas()
    canvas.text(0, 16, fitting(_title(found), width), weight="bold")
    y = 30.0
    if found.after:
        canvas.legend(0, y, [("before the talk", FIRST), ("after it", AFTER)])
        y += 24
    rounds = [(found.first, FIRST, "before" if found.after else "")]
    if found.after:
        rounds.append((found.after, AFTER, "after"))
    unit = (width - _NAMES - _NOTE) / max(c.votes for counts, _, _ in rounds for c in counts)
    for n, count in enumerate(found.first):
        height = LANE * len(rounds)
        canvas.text(_NAMES - 8, y + height / 2 + 4, fitting(count.answer, _NAMES - 24), "end")
        for k, (counts, colour, when) in enumerate(rounds):
            one = counts[n]
            said = f"{one.votes} ({tables.percent(one.votes / found.voters)})"
            if one.votes:
                said += f", {tables.percent(one.sure)} sure"
            about = f"{one.answer}{f', {when}' if when else ''}: {said}"
            top = y + k * LANE
            canvas.bar(_NAMES, top + 3, one.votes * unit, LANE - 6, colour, about)
            canvas.text(_NAMES + one.votes * unit + 6, top + 16, said, size=11)
        y += height + 6
    return canvas.svg(width, y + 4, _title(found), votes.words(found))


def _title(found: Vote) -> str:
    voters = "1 vote" if found.voters == 1 else f"{found.voters} votes"
    return f"{found.question}: {voters}"
