"""What a learner's diary comes to: exercises, questions, predictions, and what to revisit.

A reading like those of a run's record: it keeps nothing and judges nothing anew. Entries whose
seal does not fit are counted and otherwise left out, and so is what has not the form that the kit
writes. Knows no files.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import Any, Protocol

from orchestrator_kit.diary import Entry

_MOST = sys.float_info.max
UNSURE = 0.75  # of an item of the checklist: below it, it is worth another look
_EDGES = (0.0, 0.5, 0.7, 0.9, 1.0)  # of the shares of sureness that are held against what was right


class Known(Protocol):
    """What is known of an exercise that there is; `level` is also the points to earn."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def notebook(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Work:
    """An exercise and the best that was made of it. `title` is English until it is shown.

    `failed` are the attempts that did not pass; `first` and `last` are when it was checked, UTC in
    ISO 8601, empty where it never was. An exercise that the kit does not know has no notebook.
    """

    name: str
    title: str = ""
    level: int = 0
    notebook: str = ""
    earned: float = 0.0
    of: float = 0.0
    passed: bool = False
    attempts: int = 0
    failed: int = 0
    hints: int = 0
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that was answered: what is behind the answer, never a mark for its words.

    `predicted`: a prediction was noted before the first answer. `points` are the states of the
    key points in the last answer, `cited` and `stands` count the figures, each as it was cited
    last; `rating` is the mean of the learner's own, from 0 to 1.
    """

    name: str
    answers: int = 0
    predicted: bool = False
    points: Mapping[str, str] = field(default_factory=dict)
    cited: int = 0
    stands: int = 0
    rating: float | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """A prediction that stood when its question was first measured; `right` is None before."""

    question: str
    value: float | str
    sure: float
    right: bool | None = None

    @property
    def brier(self) -> float | None:
        """(how sure - whether right)²."""
        return None if self.right is None else (self.sure - self.right) ** 2


@dataclass(frozen=True, slots=True)
class Sureness:
    """Of the predictions of about one sureness: how many, how sure, and which share was right."""

    low: float
    high: float
    count: int
    sure: float
    right: float


@dataclass(frozen=True, slots=True)
class Portfolio:
    """All that a diary comes to. `unsound` counts the lines that were edited or are unreadable."""

    works: tuple[Work, ...] = ()
    questions: tuple[Question, ...] = ()
    guesses: tuple[Guess, ...] = ()
    checklist: Mapping[str, float] = field(default_factory=dict)
    entries: int = 0
    unsound: int = 0
    first: str = ""
    last: str = ""

    @property
    def passed(self) -> int:
        return sum(w.passed for w in self.works)

    @property
    def earned(self) -> float:
        return sum(w.earned for w in self.works)

    @property
    def of(self) -> float:
        return sum(w.of for w in self.works)

    @property
    def cited(self) -> int:
        return sum(q.cited for q in self.questions)

    @property
    def stands(self) -> int:
        return sum(q.stands for q in self.questions)

    @property
    def decided(self) -> tuple[Guess, ...]:
        """The predictions of which is known whether they were right."""
        return tuple(g for g in self.guesses if g.right is not None)

    @property
    def right(self) -> float | None:
        """The share of predictions that were right."""
        return fmean(bool(g.right) for g in self.decided) if self.decided else None

    @property
    def sure(self) -> float | None:
        """How sure the learner was of them, on average."""
        return fmean(g.sure for g in self.decided) if self.decided else None

    @property
    def brier(self) -> float | None:
        """The mean Brier score: 0 is best, and 0.25 is what "50% sure" always gets."""
        scores = [g.brier for g in self.guesses if g.brier is not None]
        return fmean(scores) if scores else None

    @property
    def next(self) -> Work | None:
        """The first exercise of the kit that has not been passed."""
        return next((w for w in self.works if w.notebook and not w.passed), None)

    def calibration(self) -> tuple[Sureness, ...]:
        """How sure against how often right, in steps; those without a prediction are left out."""
        found = []
        for low, high in pairwise(_EDGES):
            last = high == _EDGES[-1]
            these = [g for g in self.decided if low <= g.sure and (g.sure < high or last)]
            if these:
                right = fmean(bool(g.right) for g in these)
                mean = fmean(g.sure for g in these)
                found.append(Sureness(low, high, len(these), mean, right))
        return tuple(found)

    def revisit(self, below: float = UNSURE) -> tuple[str, ...]:
        """The checklist's items of which the learner was less sure, the least sure first."""
        unsure = [item for item, sure in self.checklist.items() if sure < below]
        return tuple(sorted(unsure, key=lambda item: self.checklist[item]))


def gather(entries: Iterable[Entry], known: Mapping[str, Known]) -> Portfolio:
    """The portfolio of a diary's entries; `known` are the exercises that there are, in order."""
    whole = tuple(entries)
    sound = [e for e in whole if e.sound]
    told = [e.at for e in sound]
    return Portfolio(
        works=tuple(_works(sound, known)),
        questions=tuple(_questions(sound)),
        guesses=tuple(_guesses(sound)),
        checklist=_checklist(sound),
        entries=len(whole),
        unsound=len(whole) - len(sound),
        first=min(told, default=""),
        last=max(told, default=""),
    )


def _works(entries: list[Entry], known: Mapping[str, Known]) -> Iterator[Work]:
    """The exercises of the kit, then others that were checked."""
    checks: dict[str, list[tuple[float, float, bool, str]]] = {}
    for e in entries:
        if e.kind == "check" and (name := _name(e, "exercise")):
            earned, of = _number(e.data.get("earned")), _number(e.data.get("of"))
            passed = e.data.get("passed")
            if earned is not None and of is not None and earned <= of and passed in (True, False):
                checks.setdefault(name, []).append((earned, of, bool(passed), e.at))
    asked = Counter(_name(e, "exercise") for e in entries if e.kind == "hint")
    for name in dict.fromkeys([*known, *checks]):
        about = known.get(name)
        title, level, notebook = (
            (about.title, about.level, about.notebook) if about else (name, 0, "")
        )
        tried = checks.get(name, [])
        earned, of, _, _ = max(
            tried, key=lambda c: c[0] / c[1] if c[1] else 0.0, default=(0.0, level, False, "")
        )
        passed = sum(c[2] for c in tried)
        times = [c[3] for c in tried]
        yield Work(
            name=name,
            title=title,
            level=level,
            notebook=notebook,
            earned=earned,
            of=of,
            passed=passed > 0,
            attempts=len(tried),
            failed=len(tried) - passed,
            hints=asked[name],
            first=min(times, default=""),
            last=max(times, default=""),
        )


def _questions(entries: list[Entry]) -> Iterator[Question]:
    answers: dict[str, list[Entry]] = {}
    predicted: set[str] = set()
    before: dict[str, bool] = {}
    cited: dict[str, dict[str, bool]] = {}
    ratings: dict[str, float] = {}
    for e in entries:
        name = _name(e, "question")
        if not name:
            continue
        if e.kind == "prediction":
            predicted.add(name)
        elif e.kind == "answer" and e.data.get("points"):  # without any, it is a look back
            before.setdefault(name, name in predicted)
            answers.setdefault(name, []).append(e)
        elif e.kind == "evidence":
            figure = str(e.data.get("figure", ""))
            cited.setdefault(name, {})[figure] = e.data.get("stands") is True
        elif e.kind == "rating":
            given = [
                s for s in map(_share, _mapping(e.data.get("points")).values()) if s is not None
            ]
            if given:
                ratings[name] = fmean(given)
    for name in dict.fromkeys([*answers, *cited]):
        last = answers[name][-1].data if name in answers else {}
        figures = cited.get(name, {})
        yield Question(
            name=name,
            answers=len(answers.get(name, ())),
            predicted=before.get(name, False),
            points={str(k): str(v) for k, v in _mapping(last.get("points")).items()},
            cited=len(figures),
            stands=sum(figures.values()),
            rating=ratings.get(name),
        )


def _guesses(entries: list[Entry]) -> Iterator[Guess]:
    """For each question the last prediction before it was measured for the first time.

    What is predicted later is no prediction any more.
    """
    found: dict[str, Guess] = {}
    for e in entries:
        name = _name(e, "question")
        guess = found.get(name)
        if guess and guess.right is not None:
            continue
        if e.kind == "prediction" and name and (made := prediction(e)):
            found[name] = made
        elif e.kind == "outcome" and guess and isinstance(e.data.get("right"), bool):
            found[name] = Guess(name, guess.value, guess.sure, e.data["right"])
    yield from found.values()


def prediction(entry: Entry) -> Guess | None:
    """The prediction that an entry notes, if it is one."""
    value, sure = entry.data.get("value"), _share(entry.data.get("sure"))
    known = isinstance(value, str) or _number(value, least=-_MOST) is not None
    if entry.kind != "prediction" or value is None or sure is None or not known:
        return None
    return Guess(_name(entry, "question"), value, sure)


def _checklist(entries: list[Entry]) -> dict[str, float]:
    """How sure the learner was of each item, the last time."""
    found = {}
    for e in entries:
        sure = _share(e.data.get("sure"))
        if e.kind == "review" and (item := _name(e, "item")) and sure is not None:
            found[item] = sure
    return found


def _name(entry: Entry, key: str) -> str:
    value = entry.data.get(key)
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object, least: float = 0.0) -> float | None:
    """A finite number of at least `least`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if least <= value <= _MOST else None


def _share(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number <= 1 else None
