"""Fitting the matcher of free text, and judging it on questions that it was not fitted on.

What is tuned is tuned on other questions: they are dealt into folds, and each is judged with
weights and thresholds from the others. The plain overlap of words is tuned in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

import numpy as np

from orchestrator_kit.matching.comparing import FEATURES
from orchestrator_kit.matching.finding import (
    MAY_CONFLICT,
    MENTIONED,
    Fit,
    Reading,
    decide,
    eligible,
)

FOLDS, SEED, RESAMPLES, ROUNDS = 8, 0, 2_000, 4
CAUTIOUS = 0.08  # of the contradictory answers the kit may take for mentioned
OVERLAP_CAUTIOUS, OVERLAP_LENIENT = 0.10, 0.20  # the overlap may take more
DOUBTED = 0.05  # of the correct answers may be marked as what may conflict
CONFLICTS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
SLACK = 1e-9  # so that equal scores, summed in another order, fall on one side
LABELS = ("correct", "contradictory", "incorrect")
NOTHING = (1.0, *[0.0] * (len(FEATURES) - 1))


@dataclass(frozen=True)
class Answer:
    """A student's answer beside the reference answers of its question."""

    label: str
    readings: tuple[Reading, ...]
    overlap: float

    @cached_property
    def eligible(self) -> list[Reading]:
        """The readings that may count as a mention."""
        return [r for r in self.readings if eligible(r)]

    @cached_property
    def features(self) -> np.ndarray:
        """Their features, a row each."""
        return np.array([r.likeness.features for r in self.eligible] or [NOTHING])

    @cached_property
    def against(self) -> float:
        """The largest share of a reference answer that it turns around."""
        odd = (r.likeness.topic for r in self.readings if r.likeness.turned % 2)
        return max(odd, default=0.0)


@dataclass(frozen=True)
class Question:
    """A question's answers."""

    name: str
    answers: tuple[Answer, ...]


def answers_of(questions: Sequence[Question]) -> list[Answer]:
    return [a for q in questions for a in q.answers]


def logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights of a logistic regression with a small ridge, by Newton's method."""
    weights, ridge = np.zeros(x.shape[1]), np.eye(x.shape[1])
    ridge[0, 0] = 0
    for _ in range(12):
        p = 1 / (1 + np.exp(-x @ weights))
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + ridge
        weights += np.linalg.solve(hessian, x.T @ (y - p) - ridge @ weights)
    return weights


def weights_of(answers: Sequence[Answer]) -> np.ndarray:
    """Weights that tell correct answers from others, each by its best reading.

    Which is its best depends on the weights, so both are found in turns.
    """
    y = np.array([a.label == "correct" for a in answers], float)
    weights = np.array([0.0, 2.0, 1.0, *[0.0] * (len(FEATURES) - 3)])
    for _ in range(ROUNDS):
        x = np.array([a.features[np.argmax(a.features @ weights)] for a in answers])
        weights = logistic(x, y)
    return weights


def best(answers: Sequence[Answer], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The score of each answer's best reading, and how much of its phrasing that has."""
    scores, topics = [], []
    for a in answers:
        each = a.features @ weights
        at = int(np.argmax(each))
        scores.append(float(each[at]))
        topics.append(a.eligible[at].likeness.topic if a.eligible else -1.0)
    return np.array(scores), np.array(topics)


def effective(answers: Sequence[Answer], weights: np.ndarray, conflict: float) -> np.ndarray:
    """The score of each answer that `decide` holds against the threshold; -inf in conflict."""
    scores, topics = best(answers, weights)
    against = np.array([a.against for a in answers])
    return np.where((against >= conflict) & (against >= topics), -np.inf, scores)


def threshold(scores: np.ndarray, labels: np.ndarray, cap: float | None) -> float:
    """From which score on an answer counts as mentioned.

    Without a cap the one that sets the shares of correct and of contradictory answers that count
    as mentioned furthest apart; else the lowest with which at most that share of the contradictory
    ones does.
    """
    levels = np.unique(scores[np.isfinite(scores)])
    levels = np.append(levels, levels[-1] + 1)
    of = {label: np.sort(scores[labels == label]) for label in LABELS}
    above = {label: 1 - np.searchsorted(v, levels) / len(v) for label, v in of.items()}
    if cap is None:
        return float(levels[np.argmax(above["correct"] - above["contradictory"])]) - SLACK
    few = above["contradictory"] <= cap
    return float(levels[np.argmax(few) if few.any() else -1]) - SLACK


def fits(answers: Sequence[Answer], caps: Sequence[float | None]) -> list[Fit]:
    """Weights and thresholds for the matcher, from these answers alone; one for each cap."""
    weights = weights_of(answers)
    labels = np.array([a.label for a in answers])
    scores, topics = best(answers, weights)
    against = np.array([a.against for a in answers])
    for conflict in CONFLICTS:
        doubted = (against >= conflict) & (against >= topics)
        if doubted[labels == "correct"].mean() <= DOUBTED:
            break
    scores = np.where(doubted, -np.inf, scores)
    plain = tuple(map(float, weights))
    return [Fit(plain, threshold(scores, labels, cap), conflict) for cap in caps]


def fit_overlap(answers: Sequence[Answer], cap: float | None) -> float:
    """The same for the plain overlap: its threshold."""
    scores = np.array([a.overlap for a in answers])
    return threshold(scores, np.array([a.label for a in answers]), cap)


def folds(questions: Sequence[Question]) -> Iterator[tuple[list[Question], list[Question]]]:
    """(the others, the judged) for each fold."""
    dealt = list(range(len(questions)))
    Random(SEED).shuffle(dealt)
    for k in range(FOLDS):
        mine = set(dealt[k::FOLDS])
        yield (
            [q for i, q in enumerate(questions) if i not in mine],
            [q for i, q in enumerate(questions) if i in mine],
        )


Measure = Callable[[Counter[tuple[str, str]]], tuple[int, int]]


@dataclass(frozen=True)
class Outcome:
    """What became of the answers of each question: how many of each mark came to each state."""

    name: str
    counts: tuple[Counter[tuple[str, str]], ...]

    def matrix(self, measure: Measure) -> np.ndarray:
        """(of how many, how many) a question, for a share."""
        return np.array([measure(c) for c in self.counts], float)


def _of(label: str, state: str) -> Measure:
    """The share of the answers with a mark that come to a state."""

    def measure(counts: Counter[tuple[str, str]]) -> tuple[int, int]:
        return sum(n for (was, _), n in counts.items() if was == label), counts[label, state]

    return measure


def _right(counts: Counter[tuple[str, str]]) -> tuple[int, int]:
    """The share that is judged rightly: mentioned if and only if it is correct."""
    right = sum(n for (was, now), n in counts.items() if (was == LABELS[0]) == (now == MENTIONED))
    return counts.total(), right


MEASURES: dict[str, Measure] = {
    "correct, mentioned": _of("correct", MENTIONED),
    "contradictory, mentioned": _of("contradictory", MENTIONED),
    "incorrect, mentioned": _of("incorrect", MENTIONED),
    "contradictory, may conflict": _of("contradictory", MAY_CONFLICT),
    "correct, may conflict": _of("correct", MAY_CONFLICT),
    "accuracy": _right,
}


def share(outcome: Outcome, measure: str) -> float:
    """A share over all answers."""
    of, some = outcome.matrix(MEASURES[measure]).sum(0)
    return float(some / of)


def interval(outcome: Outcome, measure: str, than: Outcome | None = None) -> tuple[float, float]:
    """The 95% interval of a share, or of its difference from another's; questions drawn again."""
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(len(outcome.counts), size=(RESAMPLES, len(outcome.counts)))
    sums = outcome.matrix(MEASURES[measure])[drawn].sum(1)
    values = sums[:, 1] / sums[:, 0]
    if than:
        others = than.matrix(MEASURES[measure])[drawn].sum(1)
        values = values - others[:, 1] / others[:, 0]
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


@dataclass(frozen=True)
class Validation:
    """All questions, judged with what was fitted on others; the scores are for the curve.

    `outcomes` are overlap and matcher by name and aim: tuned to set the two shares apart, cautious,
    and lenient (the overlap alone). `labels`, `overlaps` and `scores` hold an answer each.
    """

    outcomes: dict[str, Outcome]
    labels: np.ndarray
    overlaps: np.ndarray
    scores: np.ndarray


AIMS = {"apart": None, "cautious": OVERLAP_CAUTIOUS, "lenient": OVERLAP_LENIENT}
OURS = {"apart": None, "cautious": CAUTIOUS}


def validate(questions: Sequence[Question]) -> Validation:
    """Cross-validation by question."""
    counts: dict[str, list[Counter[tuple[str, str]]]] = {}
    labels: list[str] = []
    overlaps: list[float] = []
    scores: list[float] = []
    for others, judged in folds(questions):
        known, those = answers_of(others), answers_of(judged)
        for aim, cap in AIMS.items():
            level = fit_overlap(known, cap)
            counts.setdefault(f"overlap, {aim}", []).extend(
                Counter((a.label, MENTIONED if a.overlap >= level else "") for a in q.answers)
                for q in judged
            )
        for aim, fitted in zip(OURS, fits(known, list(OURS.values())), strict=True):
            counts.setdefault(f"matcher, {aim}", []).extend(
                Counter((a.label, decide(a.readings, fitted)[0]) for a in q.answers) for q in judged
            )
        labels += [a.label for a in those]
        overlaps += [a.overlap for a in those]
        scores += list(effective(those, np.array(fitted.weights), fitted.conflict))
    outcomes = {name: Outcome(name, tuple(each)) for name, each in counts.items()}
    return Validation(outcomes, np.array(labels), np.array(overlaps), np.array(scores))


def found_at(scores: np.ndarray, labels: np.ndarray, rate: float) -> float:
    """The share of correct answers found where so many of the contradictory ones are accepted.

    Between two thresholds that the scores allow it is on the straight line.
    """
    wrong, right = (np.sort(scores[labels == label]) for label in ("contradictory", "correct"))
    levels = np.unique(scores)[::-1]
    x = 1 - np.searchsorted(wrong, levels) / len(wrong)
    y = 1 - np.searchsorted(right, levels) / len(right)
    return float(np.interp(rate, np.append(0, x), np.append(0, y)))
