"""A class's predictions on one question, counted: a vote before the talk, and one after it.

Names nobody. Answers that are numbers are counted one by one while they are few, and in ranges of
a round width where they are many.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from orchestrator_kit import tables
from orchestrator_kit.diary import Entry
from orchestrator_kit.errors import UnknownName
from orchestrator_kit.portfolio import Guess, prediction
from orchestrator_kit.predictions import folded
from orchestrator_kit.tables import Columns, Rows

FEW = 8  # different numbers that are still shown one by one; at most as many ranges, and one more

_LEAST = 1e-300  # width of a range, so that no rounding makes it 0


@dataclass(frozen=True, slots=True)
class Count:
    """An answer, how many gave it, and how sure they were on average (None for nobody)."""

    answer: str
    votes: int
    sure: float | None


@dataclass(frozen=True, slots=True)
class Vote:
    """The counts of a question, a row an answer; `after` has the same answers in the same order.

    `changed` are those whose last answer is another one than their first.
    """

    question: str
    first: tuple[Count, ...]
    after: tuple[Count, ...] = ()
    changed: int = 0

    @property
    def voters(self) -> int:
        return sum(c.votes for c in self.first)


def vote(students: Iterable[Sequence[Entry]], question: str, *, after: bool = False) -> Vote:
    """The first prediction of each student, and with `after` also the last.

    Entries whose seal does not fit do not count, and a line that several handed in counts once.
    UnknownName where nobody predicted on that question.
    """
    asked: set[str] = set()
    seen: set[str] = set()
    pairs: list[tuple[Guess, Guess]] = []
    for entries in students:
        made = [(e, g) for e in entries if e.sound and (g := prediction(e))]
        asked |= {g.question for _, g in made}
        own = [g for e, g in made if g.question == question and e.seal not in seen]
        seen |= {e.seal for e, _ in made}
        if own:
            pairs.append((own[0], own[-1]))
    if not pairs:
        if not asked:
            raise UnknownName("nobody has predicted anything yet")
        raise UnknownName.among("question with a prediction", question, asked)
    everybody = [g for pair in pairs for g in (pair if after else pair[:1])]
    ordered, binned = _answers([g.value for g in everybody])
    firsts = _counts([g for g, _ in pairs], ordered, binned)
    lasts = _counts([g for _, g in pairs], ordered, binned) if after else ()
    changed = sum(_key(a.value) != _key(b.value) for a, b in pairs)
    return Vote(question, firsts, lasts, changed)


def table(found: Vote) -> tuple[Columns, Rows]:
    """A row an answer: its votes, their share, the mean sureness, and a bar of them."""
    columns = ["answer", "votes", "share", "sure", ""]
    if not found.after:
        return columns, [_row(count, found.voters) for count in found.first]
    rows = []
    for before, later in zip(found.first, found.after, strict=True):
        rows.append([*_row(before, found.voters)[:4], *_row(later, found.voters)[1:]])
    return [*columns[:4], "after", "share", "sure", ""], rows


def words(found: Vote) -> str:
    """The same as a sentence, for those who do not see a picture."""
    said = f"{found.question}: {_told(found.first, found.voters)}"
    if not found.after:
        return f"{said}."
    return f"{said}. After: {_told(found.after, found.voters)}; {found.changed} changed their mind."


def _told(counts: Sequence[Count], voters: int) -> str:
    given = [c for c in counts if c.votes]
    parts = [f"{c.answer} {c.votes} of {voters} ({tables.percent(c.sure)} sure)" for c in given]
    return "; ".join(parts)


def _row(count: Count, voters: int) -> list[str]:
    share = count.votes / voters
    bar = "#" * round(30 * share)
    sure = tables.percent(count.sure)
    return [count.answer, str(count.votes), tables.percent(share), sure, bar]


def _counts(
    guesses: Sequence[Guess], ordered: Sequence[str], binned: Mapping[float | str, str]
) -> tuple[Count, ...]:
    sure: dict[str, list[float]] = {answer: [] for answer in ordered}
    for guess in guesses:
        sure[binned[_key(guess.value)]].append(guess.sure)
    return tuple(Count(a, len(s), fmean(s) if s else None) for a, s in sure.items())


def _answers(values: Sequence[float | str]) -> tuple[list[str], dict[float | str, str]]:
    """The answers in the order in which they are shown, and which of them each value belongs to."""
    numbers = sorted({float(v) for v in values if not isinstance(v, str)})
    binned: dict[float | str, str] = {}
    ordered: list[str] = []
    if len(numbers) <= FEW:
        for number in numbers:
            binned[number] = _said(number)
        ordered += dict.fromkeys(binned.values())
    else:
        ordered += _ranges(numbers, binned)
    spelled: dict[float | str, dict[str, int]] = {}
    for value in values:
        if isinstance(value, str):
            ways = spelled.setdefault(_key(value), {})
            ways[value.strip()] = ways.get(value.strip(), 0) + 1
    many = sorted(spelled.items(), key=lambda item: (-sum(item[1].values()), str(item[0])))
    for key, ways in many:  # as most spell it
        binned[key] = max(ways, key=lambda way: ways[way]) or "(nothing)"
        ordered.append(binned[key])
    return ordered, binned


def _ranges(numbers: Sequence[float], binned: dict[float | str, str]) -> list[str]:
    """Ranges of a round width over the numbers, those between without a number among them.

    Whole numbers have ranges such as 5 to 9, others such as 0.2 to below 0.4.
    """
    low, high = numbers[0], numbers[-1]
    step = _round(max(high / FEW - low / FEW, _LEAST))
    begin = math.floor(low / step)
    whole = step > 1 and all(number.is_integer() for number in (*numbers, step))
    names = []
    for n in range(begin, math.floor(high / step) + 1):
        end = (n + 1) * step
        last = _said(end - 1) if whole else f"below {_said(end)}"
        names.append(f"{_said(n * step)} to {last}")
    for number in numbers:
        binned[number] = names[math.floor(number / step) - begin]
    return names


def _round(width: float) -> float:
    """The next width of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(width))
    return next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= width * (1 - 1e-9))


def _said(number: float) -> str:
    whole = number.is_integer() and abs(number) < 1e15
    return f"{number:,.0f}" if whole else f"{number:,.6g}"


def _key(value: float | str) -> float | str:
    """The same for all spellings of a name."""
    if isinstance(value, str):
        return folded(value)
    return float(value)
