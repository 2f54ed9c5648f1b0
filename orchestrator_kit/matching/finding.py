"""Whether a learner's text has a key point: mentioned, not found, or what may conflict with it.

Never "wrong": a text that was not matched may well be right (docs/teaching.md says how often).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from orchestrator_kit.errors import UsageError
from orchestrator_kit.matching.comparing import Likeness, compare, weights
from orchestrator_kit.matching.reading import WINDOW, Statement, sentences, windows

State = Literal["mentioned", "not found", "may conflict"]
MENTIONED: State = "mentioned"
NOT_FOUND: State = "not found"
MAY_CONFLICT: State = "may conflict"
LONGEST = 8_000  # characters of an answer that are read


@dataclass(frozen=True, slots=True)
class KeyPoint:
    """One point of a rubric: what it says, the phrasings that are accepted, and what counters it.

    A phrasing is a plain sentence, or part of one, in the words a learner would use. `counters`
    are sentences that contradict the point in other words than a denial of a phrasing. UsageError
    where there is no phrasing, or one without a word that carries a subject.
    """

    name: str
    says: str
    phrasings: tuple[str, ...]
    counters: tuple[str, ...] = ()
    follow_up: str = ""

    def __post_init__(self) -> None:
        if not self.phrasings:
            raise UsageError(f"the key point {self.name!r} has no phrasing")
        for text in (*self.phrasings, *self.counters):
            if not any(t.content for s in sentences(text) for t in s):
                raise UsageError(f"the key point {self.name!r}: nothing can be found by {text!r}")


@dataclass(frozen=True, slots=True)
class Fit:
    """What turns likeness into a state: `weights` of the features, and two thresholds.

    A statement has the point if its weighted sum reaches `mentioned`; it may conflict if it turns
    a phrasing around of which it has at least the share `conflict`.
    """

    weights: tuple[float, ...]
    mentioned: float
    conflict: float


# Fitted by benchmarks/matcher.py on all questions of its data; the page that it writes says how.
FITTED = Fit((-2.59, 2.41, 1.42, 1.58, 0.24, -1.2, 0.86, -0.87), mentioned=0.36, conflict=0.95)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a key point in an answer.

    `span` is the piece of the answer on which the state rests, "" for what was not found. `cut`
    says that the answer was too long and only its first `LONGEST` characters were read.
    """

    point: KeyPoint
    state: State
    span: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch of an answer beside a phrasing."""

    stretch: Statement
    likeness: Likeness
    counter: bool = False


def find(answer: str, point: KeyPoint, *, context: str = "", fit: Fit = FITTED) -> Found:
    """What a text has of a key point; `context` is the question, whose own words prove little."""
    state, on = decide(readings(answer[:LONGEST], point, context=context), fit)
    return Found(point, state, _span(answer, on) if on else "", len(answer) > LONGEST)


def decide(found: Iterable[Reading], fit: Fit) -> tuple[State, Reading | None]:
    """The state that readings of an answer lead to, and the reading on which it rests.

    What may conflict goes before what is mentioned, unless it has less of its phrasing.
    """
    best: tuple[float, Reading] | None = None
    worst: tuple[float, Reading] | None = None
    for reading in found:
        like = reading.likeness
        if like.turned:
            if not reading.counter and like.turned % 2 and like.topic >= fit.conflict:
                worst = _better(worst, like.topic, reading)
        elif (total := score(like, fit.weights)) >= fit.mentioned:
            if reading.counter:
                worst = _better(worst, like.topic, reading)
            elif eligible(reading):
                best = _better(best, total, reading)
    if worst and (best is None or worst[0] >= best[1].likeness.topic):
        return MAY_CONFLICT, worst[1]
    return (MENTIONED, best[1]) if best else (NOT_FOUND, None)


def _better(
    known: tuple[float, Reading] | None, value: float, reading: Reading
) -> tuple[float, Reading]:
    """The one with the higher value; the earlier of equals."""
    return known if known and known[0] >= value else (value, reading)


def score(likeness: Likeness, weights: Sequence[float]) -> float:
    """The weighted sum of the features: the log-odds that a statement has the point."""
    return sum(w * x for w, x in zip(weights, likeness.features, strict=True))


def readings(answer: str, point: KeyPoint, *, context: str = "") -> Iterator[Reading]:
    """Each stretch of an answer beside each phrasing of a point, and beside what counters it."""
    asked = _stems(context)
    phrasings, counters = (tuple(map(_whole, texts)) for texts in (point.phrasings, point.counters))
    weight, other = weights(phrasings), weights(counters)
    longest = max(len(sentences(p)) for p in point.phrasings)
    for stretch in _stretches(answer, longest):
        likes = [compare(stretch, p, weight, asked) for p in phrasings]
        rival = max((like.topic for like in likes if like.turned % 2), default=0.0)
        for like in likes:
            by = max(0.0, rival - like.topic + 0.3) if rival else 0.0
            yield Reading(stretch, replace(like, features=(*like.features[:-1], by)))
        for counter in counters:
            yield Reading(stretch, compare(stretch, counter, other, asked), counter=True)


def eligible(reading: Reading) -> bool:
    """Whether a stretch may count as a mention: it turns nothing around, and is a sentence."""
    like = reading.likeness
    return not like.turned and (like.exact or not jumbled(reading))


MANY, THIN = 8, 4  # content words in a stretch, and to each word between them


def jumbled(reading: Reading) -> bool:
    """Whether a stretch is a heap of key words and no sentence.

    Words without anything between them pass only in the phrasing's own order and without many
    others; a list of many short items does not, nor do many words with hardly one between them.
    """
    said = [t for t in reading.stretch if t.content]
    if 2 <= len(said) <= 1.5 * len({t.clause for t in said}):
        return True
    between = sum((t.glue and t.word not in ("and", "or")) or t.cue for t in reading.stretch)
    if len(said) > MANY and between * THIN < len(said):
        return True
    bare = not between
    place = {p.met.start: i for i, p in enumerate(reading.likeness.pairs)}
    places = [place[t.start] for t in said if t.start in place]
    ordered = places == sorted(places) and len(said) <= len(places) + 2
    return bare and len(said) > 2 and not ordered


def _stretches(answer: str, longest: int) -> Iterator[Statement]:
    """The sentences of an answer, and runs of them, at least two and as many as phrasings have."""
    told = sentences(answer)
    for sentence in told:
        yield from windows(sentence)
    for size in range(2, max(2, min(longest, 4)) + 1):
        for start in range(len(told) - size + 1):
            run = tuple(t for sentence in told[start : start + size] for t in sentence)
            if len(run) <= 2 * WINDOW:
                yield run


@lru_cache(maxsize=1_024)
def _whole(text: str) -> Statement:
    """A phrasing as one statement."""
    return tuple(t for s in sentences(text) for t in s)


@lru_cache(maxsize=256)
def _stems(text: str) -> frozenset[str]:
    """The content words of a question."""
    return frozenset(t.stem for s in sentences(text) for t in s if t.content)


def _span(answer: str, reading: Reading) -> str:
    """The piece of the answer from the first word that was met to the last, denials included."""
    met = [p.met for p in reading.likeness.pairs]
    start, end = min(t.start for t in met), max(t.end for t in met)
    cues = [t for t in reading.stretch if t.cue]
    start = min([start, *(t.start for t in cues)])
    return answer[start : max([end, *(t.end for t in cues)])]
