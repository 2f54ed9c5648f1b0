"""The difference of two runs: the first event where their records part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from html import escape
from typing import Any

from orchestrator_kit.events import CallEnded, CallFailed, CallStarted, Event, RunStarted
from orchestrator_kit.record import Run
from orchestrator_kit.text import one_line

_SHOWN = 60  # characters of a text around the place where it parts


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two records part.

    `settings` are those in which the runs differ: (name, first, second). `at` is the number of
    the first event that differs, counted from 0, or (compared call by call) None; `first` and
    `second` are the events there, None where a record has ended. `fields` names what differs.
    """

    settings: tuple[tuple[str, str, str], ...]
    at: int | None = None
    first: Event | None = None
    second: Event | None = None
    fields: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        lines = [f"setting {name}: {a} against {b}" for name, a, b in self.settings]
        if self.first is None and self.second is None:
            return "\n".join([*lines, "the events are the same"])
        where = "the calls part" if self.at is None else f"they part at event {self.at}"
        lines += [where, f"  first:  {_short(self.first)}", f"  second: {_short(self.second)}"]
        lines += [f"  {name}: {a} against {b}" for name, a, b in self.fields]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def first_difference(
    a: Run, b: Run, *, order: bool = True, times: bool = True, seconds: float = 1e-6
) -> Difference | None:
    """The first event where two records part, or None where they are the same.

    Times count as equal within so many `seconds`, or at all unless `times`. Without `order`, calls
    are compared by what they are for (role, agent, subtask, step, attempt) and not by position, so
    that two live runs in which workers merely ended in another order do not differ.
    """
    settings = _fields(a.started, b.started, seconds)
    if not order:
        found = _by_calls(a.events, b.events)
    else:
        found = _by_position(a.events[1:], b.events[1:], times, seconds)
    if found is None:
        return Difference(settings) if settings else None
    return replace(found, settings=settings)


def _by_position(
    a: Sequence[Event], b: Sequence[Event], times: bool, seconds: float
) -> Difference | None:
    for n in range(max(len(a), len(b))):
        one, other = (side[n] if n < len(side) else None for side in (a, b))
        differs = _fields(one, other, seconds if times else float("inf"))
        if type(one) is not type(other) or differs:
            return Difference((), n + 1, one, other, differs)
    return None


def _by_calls(a: Iterable[Event], b: Iterable[Event]) -> Difference | None:
    ours, theirs = _calls(a), _calls(b)
    for key in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(key, ()), theirs.get(key, ())
        for n in range(max(len(one), len(other))):
            x, y = (side[n] if n < len(side) else None for side in (one, other))
            differs = tuple(row for row in _fields(x, y, float("inf")) if row[0] not in _BY_CHANCE)
            if type(x) is not type(y) or differs:
                return Difference((), None, x, y, differs)
    return None


_BY_CHANCE = ("call", "uses", "worker")  # numbers that depend on who came first


def _calls(events: Iterable[Event]) -> dict[tuple[Any, ...], tuple[Event, ...]]:
    """The events of each call, by what it is for and its number among those."""
    keys: dict[int, tuple[Any, ...]] = {}
    known: Counter[tuple[Any, ...]] = Counter()
    found: dict[tuple[Any, ...], tuple[Event, ...]] = {}
    for event in events:
        if isinstance(event, CallStarted):
            purpose = (event.role, event.agent, event.subtask, event.step, event.attempt)
            keys[event.call] = (*purpose, known[purpose])
            known[purpose] += 1
            found[keys[event.call]] = (event,)
        elif isinstance(event, CallEnded | CallFailed) and event.call in keys:
            found[keys[event.call]] += (event,)
    return found


def _fields(
    one: Event | RunStarted | None, other: Event | RunStarted | None, seconds: float
) -> tuple[tuple[str, str, str], ...]:
    """The fields in which two events of one type differ, with the place where texts part."""
    if one is None or other is None or type(one) is not type(other):
        return ()
    found = []
    for f in fields(one):
        x, y = getattr(one, f.name), getattr(other, f.name)
        if f.name == "t" and abs(x - y) <= seconds:
            continue
        if x != y:
            found.append((f.name, *_apart(str(x), str(y))))
    return tuple(found)


def _apart(x: str, y: str) -> tuple[str, str]:
    """Two texts around the first place where they differ, on one line each."""
    at = next(
        (n for n, (c, d) in enumerate(zip(x, y, strict=False)) if c != d), min(len(x), len(y))
    )
    begin = max(0, at - _SHOWN // 2)
    return tuple(
        ("…" if begin else "")
        + one_line(text[begin:][:_SHOWN])
        + ("…" if len(text) > begin + _SHOWN else "")
        for text in (x, y)
    )  # type: ignore[return-value]


def _short(event: Event | None) -> str:
    """An event in one line."""
    if event is None:
        return "(the record has ended)"
    told = [
        f"{f.name}={_cut(getattr(event, f.name))}"
        for f in fields(event)
        if f.name not in ("messages", "plan", "answer", "text", "report")
    ]
    return f"{type(event).__name__}({', '.join(told)})"


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
