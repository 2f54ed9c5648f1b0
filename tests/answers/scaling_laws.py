"""Answers to the exercises of 10_scaling_laws."""

from __future__ import annotations

from functools import cache
from graphlib import TopologicalSorter
from statistics import fmean, linear_regression, median

from tests.answers import right, wrong

Needs = dict[str, list[str]]
Seconds = dict[str, float]
Points = list[tuple[int, float]]

# --- bounds-1, right ---


@right("bounds-1")
def in_order(needs: Needs, seconds: Seconds, workers: int) -> tuple[float, float]:
    """When each subtask would end if there were a worker for everybody."""
    ends: dict[str, float] = {}
    for name in TopologicalSorter(needs).static_order():
        ends[name] = seconds[name] + max((ends[n] for n in needs[name]), default=0)
    share, span = sum(seconds.values()) / workers, max(ends.values())
    return max(share, span), share + span


@right("bounds-1")
def by_following(needs: Needs, seconds: Seconds, workers: int) -> list[float]:
    """Brent's form of the upper bound, and chains walked from the front."""

    @cache
    def ahead(name: str) -> float:
        return seconds[name] + max([ahead(n) for n in needs if name in needs[n]] or [0])

    work, span = sum(seconds.values()), max(map(ahead, needs))
    return [max(span, work / workers), (work - span) / workers + span]


# --- bounds-1, plausible and wrong ---


@wrong("bounds-1", "Expected two numbers")
def no_bounds(needs: Needs, seconds: Seconds, workers: int) -> None:
    """The stub of the exercise."""


@wrong("bounds-1", "the work, evenly shared")
def only_work(needs: Needs, seconds: Seconds, workers: int) -> tuple[float, float]:
    _low, high = in_order(needs, seconds, workers)
    return sum(seconds.values()) / workers, high


@wrong("bounds-1", "the longest chain. But so few workers")
def only_path(needs: Needs, seconds: Seconds, workers: int) -> tuple[float, float]:
    low, high = in_order(needs, seconds, workers)
    share = sum(seconds.values()) / workers
    return (high - share if len(seconds) > 1 else low), high


@wrong("bounds-1", "longest single subtask")
def longest_subtask(needs: Needs, seconds: Seconds, workers: int) -> tuple[float, float]:
    share, span = sum(seconds.values()) / workers, max(seconds.values())
    return max(share, span) * (1 - 1e-5 * (share > span)), share + span


@wrong("bounds-1", "the lower one comes first")
def upside_down(needs: Needs, seconds: Seconds, workers: int) -> tuple[float, ...]:
    return tuple(reversed(in_order(needs, seconds, workers)))


@wrong("bounds-1", "is no bound")
def high_is_low(needs: Needs, seconds: Seconds, workers: int) -> tuple[float, float]:
    low, _high = in_order(needs, seconds, workers)
    return low, low


@wrong("bounds-1", "far too cautious")
def as_if_alone(needs: Needs, seconds: Seconds, workers: int) -> tuple[float, float]:
    low, high = in_order(needs, seconds, workers)
    return low, sum(seconds.values()) + high


@wrong("bounds-1", "raised ZeroDivisionError")
def divided_by_zero(needs: Needs, seconds: Seconds, workers: int) -> float:
    return sum(seconds.values()) / (workers - 1)


@wrong("bounds-1", "changed the plan")
def uses_it_up(needs: Needs, seconds: Seconds, workers: int) -> tuple[float, float]:
    found = in_order(needs, seconds, workers)
    seconds.clear()
    return found


# --- serial-1, right ---


def clipped(share: float) -> float:
    return min(max(share, 0.0), 1.0)


@right("serial-1")
def by_library(points: Points) -> float:
    line = linear_regression([1 / n for n, _ in points], [t for _, t in points])
    return clipped(line.intercept / (line.intercept + line.slope))


@right("serial-1")
def by_sums(points: Points) -> float:
    """Normal equations by hand, each point weighed by how exact it is in seconds."""
    a = b = c = d = e = 0.0
    for n, t in points:
        x, w = 1 / n, 1 / (t * t)
        a, b, c, d, e = a + w, b + w * x, c + w * x * x, d + w * t, e + w * x * t
    stays, divided = d * c - e * b, a * e - b * d
    return clipped(stays / (stays + divided))


# --- serial-1, plausible and wrong ---


@wrong("serial-1", "Expected a number")
def no_share(points: Points) -> None:
    """The stub of the exercise."""


@wrong("serial-1", "*can* be divided")
def the_other_share(points: Points) -> float:
    return 1 - by_library(points)


@wrong("serial-1", "comes much nearer")
def two_points(points: Points) -> float:
    """Only the fewest and the most workers, one measurement of each."""
    (n, t), (m, u) = min(points), max(points)
    slope = (t - u) / (1 / n - 1 / m)
    return clipped((u - slope / m) / (u - slope / m + slope))


@wrong("serial-1", "no speedups")
def seconds_for_speedups(points: Points) -> float:
    return by_library([(n, 1 / t) for n, t in points])


@wrong("serial-1", "no speedups")
def straight_in_workers(points: Points) -> float:
    line = linear_regression([n for n, _ in points], [t for _, t in points])
    return clipped(1 + line.slope / line.intercept)


@wrong("serial-1", "raised StatisticsError")
def needs_one_worker(points: Points) -> float:
    """Divides by the mean time of one worker, which nobody measured in some series."""
    alone = fmean(t for n, t in points if n == 1)
    return clipped(by_library([(n, t / alone) for n, t in points]))


@wrong("serial-1", "never below 0 nor above 1")
def outside(points: Points) -> float:
    line = linear_regression([1 / n for n, _ in points], [t for _, t in points])
    return line.intercept / (line.intercept + line.slope)


@wrong("serial-1", "no speedups")
def most_workers_over_one(points: Points) -> float:
    """What is left with the most workers, as if they were infinitely many."""
    most = max(n for n, _ in points)
    alone = max(t for _, t in points)
    return clipped(median(t for n, t in points if n == most) / alone)


@wrong("serial-1", "changed the list")
def sorts_it(points: Points) -> float:
    found = by_library(points)
    points.sort(reverse=True)
    points.append(points[0])
    return found
