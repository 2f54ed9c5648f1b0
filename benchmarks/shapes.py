"""Whether measured figures have the shape of a claim: one function a rule, said in its docstring.

benchmarks/claims.py runs what is measured, prints the rule with the figures, and has the function
judge. Knows no runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from orchestrator_kit.trials import Interval, bootstrap

POINTS = 0.1  # what counts as a difference between accuracies: ten points
SAME_S = 1e-5  # times are kept to the microsecond


def exponent(figures: Mapping[int, float]) -> float:
    """The power with which a figure grows between the last two sizes: log(y2/y1) / log(x2/x1)."""
    (x1, y1), (x2, y2) = sorted(figures.items())[-2:]
    return math.log(y2 / y1) / math.log(x2 / x1)


def sending_again_is_quadratic(again: Mapping[int, float], once: Mapping[int, float]) -> bool:
    """From the last number of steps but one to the last, the input of the loop grows at least
    with the power 1.75 of the steps, that of the plan made once at most with the power 1.25.
    """
    return exponent(again) >= 1.75 and exponent(once) <= 1.25


def gains_with_parts(ratios: Mapping[int, float]) -> bool:
    """The ratio rises with every further number of parts, is at eight at least twice what it is
    at two, and never exceeds the number of parts.
    """
    return _rises(ratios) and ratios[8] >= 2 * ratios[2] and all(r <= k for k, r in ratios.items())


def skeleton_and_longest(
    ratios: Mapping[int, float], uneven: float, seconds: Sequence[tuple[float, float]]
) -> bool:
    """Every run takes as long as its skeleton and its longest point; the speed-up rises with
    the points, never exceeds their number, and is smaller where one of eight points is longer
    than the others.
    """
    exact = all(abs(took - parts) <= SAME_S for took, parts in seconds)
    below = all(r <= k for k, r in ratios.items())
    return bool(seconds) and exact and below and _rises(ratios) and uneven < ratios[8]


def dip(curve: Sequence[float]) -> float:
    """By how much the middle fifth of a curve lies below the lower of its two outer fifths."""
    n = len(curve)
    part = max(1, n // 5)
    start = (n - part) // 2
    return min(fmean(curve[:part]), fmean(curve[-part:])) - fmean(curve[start : start + part])


def is_u(curve: Sequence[float]) -> bool:
    """Whether the middle lies at least ten points below each of the ends."""
    return dip(curve) >= POINTS


def workers_flatten(single: Sequence[float], teams: Sequence[Sequence[float]]) -> bool:
    """The middle fifth of the single call's curve lies at least ten points below each of its
    outer fifths, and in no team's curve by half as much.
    """
    return is_u(single) and all(dip(team) < dip(single) / 2 for team in teams)


def gain(before: Sequence[float], after: Sequence[float]) -> Interval:
    """The mean of the paired differences, with its interval."""
    return bootstrap([b - a for a, b in zip(before, after, strict=True)])


def voting_helps_and_hurts(scattered: Interval, agreeing: Interval) -> bool:
    """From one vote to the largest ensemble, the 95% interval of the gain lies above zero where
    wrong answers scatter, and below zero where they agree.
    """
    return scattered.low > 0 and agreeing.high < 0


def backups_win_back(
    calm: Sequence[float], slow: Sequence[float], hedged: Sequence[float], more_tokens: float
) -> bool:
    """Stragglers make the runs at least a tenth longer; second copies win back at least half of
    that, for at most 15% more tokens (means).
    """
    lost = fmean(slow) - fmean(calm)
    won = fmean(slow) - fmean(hedged)
    return lost >= 0.1 * fmean(calm) and won >= lost / 2 and more_tokens <= 0.15


def one_reader_keeps_up(best: Sequence[Interval]) -> bool:
    """In no task does the 95% interval of the best single reader's recall, less the team's, lie
    below zero; the best is chosen after the fact.
    """
    return bool(best) and all(d.high >= 0 for d in best)


def coverage_grows_unevenly(coverage: Mapping[int, float], common: Mapping[int, float]) -> bool:
    """Coverage rises by at least a point with every further number of samples, and with the
    most of them lies at least ten points below what one rate, common to all, would give.
    """
    values = [coverage[k] for k in sorted(coverage)]
    most = max(coverage)
    return (
        all(b - a >= 0.01 for a, b in pairwise(values)) and common[most] - coverage[most] >= POINTS
    )


def errors_add_up(apart: Mapping[int, float], checked: Mapping[int, float]) -> bool:
    """The amplification rises with the workers, never exceeds their number, and is smaller with
    a centre that reviews, from two workers on.
    """
    within = all(a <= n + 1e-9 for n, a in apart.items())
    return within and _rises(apart) and all(checked[n] < a for n, a in apart.items() if n > 1)


def _rises(figures: Mapping[int, float]) -> bool:
    values = [figures[k] for k in sorted(figures)]
    return all(b > a for a, b in pairwise(values))
