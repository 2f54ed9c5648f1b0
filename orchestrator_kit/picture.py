"""A run's state as a picture for a terminal of any size. Reads a RunStatus; listens to nothing.

All text of models is shown as data: on one line, without marks of rich or of the terminal.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from orchestrator_kit import tables
from orchestrator_kit.status import Part, RunStatus, Slot, line

NOTES = 5  # lines of notable events
WIDE = 64  # columns from which on there is room for tokens and signs of life
_OVER = ("done", "failed", "dropped")


def picture(
    status: RunStatus, now: float, width: int, height: int, before: Sequence[str] = ()
) -> list[Text | Table]:
    """A run's state in at most so many columns and lines; `before` are lines about earlier runs.

    Where lines are scarce the head comes first, then the workers, the plan, the notes.
    """
    head = _head(status, now, width)[:height]
    left = height - len(head)
    notes = list(status.notes)[-NOTES:]
    few = min(2, len(notes), left // 3)  # lines that the notes have in any case
    every = status.parts
    slots = _busy_first(status.slots, left - few - min(len(every), left // 3))
    left -= len(slots)
    parts = _open_first(every, left - few)
    left -= len(parts)
    notes = notes[len(notes) - min(left, len(notes)) :]
    left -= len(notes)
    earlier = before[len(before) - min(left, len(before)) :]
    workers = [_slot_row(s, now, width >= WIDE) if isinstance(s, Slot) else [s] for s in slots]
    over = {p.id for p in every if p.state in _OVER}
    plan = [_part_row(p, over) if isinstance(p, Part) else [p] for p in parts]
    return [
        *(_text(t, "dim") for t in earlier),
        *(_text(t, "" if n else "bold") for n, t in enumerate(head)),
        *_grid(workers, width),
        *_grid(plan, width),
        *(_text(f"{tables.seconds(t)}  {said}", "dim") for t, said in notes),
    ]


def _head(status: RunStatus, now: float, width: int) -> list[str]:
    """The pattern, the time, the calls and what they took, against the budget."""
    begun = status.started
    if begun is None:
        return ["starting"]
    calls = [f"{status.done} done", f"{len(status.under_way)} under way"]
    calls[1:1] = [f"{status.failed} failed"] if status.failed else []
    calls += [f"{status.refused} refused"] if status.refused else []
    tokens = f"{'~' if status.estimated else ''}{status.tokens:,}"
    limit = begun.budget_tokens
    usd, most = status.cost_usd, begun.budget_usd
    pieces = [
        line(status.pattern),
        tables.seconds(now) + (f" of {begun.budget_seconds:g} s" if begun.budget_seconds else ""),
        f"calls: {', '.join(calls)}",
        f"{tokens} of {limit:,} tokens" if limit else f"{tokens} tokens",
    ]
    if most is not None:
        pieces.append(f"{tables.money(usd)} of ${most:g}")
    elif usd is not None:
        pieces.append(tables.money(usd))
    lines = [pieces[0]]
    for piece in pieces[1:]:
        joined = f"{lines[-1]}  {piece}"
        lines[-1:] = [joined] if cell_len(joined) <= width else [lines[-1], piece]
    return lines


def _busy_first(slots: Sequence[Slot], room: int) -> list[Slot | str]:
    """The slots that there is room for; how many more are at work, or idle, as a line."""
    if len(slots) <= room:
        return list(slots)
    busy = [s for s in slots if s.call or s.pause]
    shown: list[Slot | str] = [*busy[: max(0, room - 1)]]
    more = [(len(busy) - len(shown), "more at work"), (len(slots) - len(busy), "idle")]
    told = ", ".join(f"{n} {what}" for n, what in more if n)
    return [*shown, told][:room]


def _open_first(parts: Sequence[Part], room: int) -> list[Part | str]:
    """The subtasks that there is room for, those under way before others, in the plan's order."""
    if len(parts) <= room:
        return list(parts)
    rank = {"running": 0, "reviewed": 0, "improved": 0, "failed": 1, "waiting": 2}
    urgent = sorted(parts, key=lambda p: rank.get(p.state, 3))[: max(0, room - 1)]
    kept = {p.id for p in urgent}
    rest = [p.state for p in parts if p.id not in kept]
    told = ", ".join(f"{rest.count(state)} {state}" for state in dict.fromkeys(rest))
    shown: list[Part | str] = [p for p in parts if p.id in kept]
    return [*shown, f"and {told}"][:room]


def _slot_row(slot: Slot, now: float, wide: bool) -> list[str]:
    who = "centre" if slot.worker is None else str(slot.worker)
    who = f"worker {who}" if wide and slot.worker is not None else who
    if pause := slot.pause:
        left = f"in {max(0.0, pause.until - now):.0f} s"
        return [who, line(pause.agent), line(pause.subtask or ""), left, "retry", ""]
    call = slot.call
    if call is None:
        return [who, "idle", "", "", "", ""]
    what = line(call.subtask or call.format or "")
    if call.worker is None and call.subtask:
        what = f"{line(call.format or '')} {what}"
    remedy = f"{call.step}, attempt {call.attempt}" if wide else f"{call.step} {call.attempt}"
    heard = ""
    if wide and call.heard is not None:
        heard = f"{call.tokens:,} tokens, heard {max(0.0, now - call.heard):.0f} s ago"
    return [
        *(who, line(call.agent), what, tables.seconds(now - call.since)),
        *("" if call.step == "first" else remedy, heard),
    ]


def _part_row(part: Part, over: Collection[str]) -> list[str]:
    state = str(part)
    if part.state == "running" and part.agent == part.specialist:
        state = "running"  # the name stands beside it
    if part.state == "waiting" and (needs := [line(n) for n in part.needs if n not in over]):
        state += f" for {', '.join(needs)}"
    return [line(part.id), line(part.specialist), state]


def _grid(rows: Sequence[Sequence[str]], width: int) -> list[Text | Table]:
    """Rows in columns, each on one line; a row of one cell stands by itself below.

    Where they are too wide the second column gives way, for it holds names.
    """
    found: list[Text | Table] = []
    if cells := [row for row in rows if len(row) > 1]:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for n, column in enumerate(zip(*cells, strict=True)):
            if any(column):
                grid.add_column(no_wrap=n != 1, max_width=None if n == 1 else width // 2)
        for row in zip(*(c for c in zip(*cells, strict=True) if any(c)), strict=True):
            grid.add_row(*map(_text, row))
        found.append(grid)
    return found + [_text(row[0]) for row in rows if len(row) == 1]


def _text(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")
