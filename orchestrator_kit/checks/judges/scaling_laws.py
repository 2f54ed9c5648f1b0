"""Judges of the exercises on scaling laws: bounds of a plan, fitting Amdahl's law."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isclose, isfinite
from random import Random
from typing import Any

from orchestrator_kit import laws
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import stream
from orchestrator_kit.checks.verdict import Part, first_fault
from orchestrator_kit.checks.watch import not_a_function, quoted, watched
from orchestrator_kit.plan import Plan, Subtask, urgency

# ---- bounds-1 ----


@dataclass(frozen=True)
class _Job:
    """What each subtask needs, how many seconds it takes, and how many workers there are."""

    needs: dict[str, list[str]]
    seconds: dict[str, float]
    workers: int

    @property
    def work(self) -> float:
        return float(sum(self.seconds.values()))

    @property
    def path(self) -> float:
        subtasks = [Subtask(s, "w", "", needs=tuple(n)) for s, n in self.needs.items()]
        return max(urgency(Plan(tuple(subtasks)), self.seconds).values(), default=0.0)


@exercise(
    "bounds-1",
    title=N_("Bound a plan before it runs"),
    level=1,
    notebook="10_scaling_laws",
    hints=(
        N_(
            "Two things keep a crew from being faster: there is only so much each of them can do "
            "in a second, and some subtasks have to wait for others. Each gives a figure by itself."
        ),
        N_(
            "The longest chain to a subtask is its own seconds plus the longest of the chains to "
            "what it needs: a function that asks the same of each need."
        ),
        N_(
            "Nobody beats either figure, so the lower bound is the larger of the two. Whoever "
            "never idles needlessly is done once both are over: for the upper bound, they add up."
        ),
    ),
)
def bounds_1(bounds: object) -> Iterator[Part]:
    """A function from a plan with durations and a number of workers to two bounds in seconds."""
    yield Part(_("a function"), not_a_function(bounds), needed=True)
    assert callable(bounds)
    rng = stream("bounds-1")
    loose = [_job(rng, n, 0.0, p) for n, p in ((1, 1), (2, 2), (3, 2), (4, 3), (5, 9))]
    chains = [_job(rng, n, 1.0, p) for n, p in ((2, 1), (3, 2), (3, 4), (5, 3))]
    mixed = [_job(rng, rng.randint(4, 9), 0.35, rng.randint(1, 6)) for _k in range(30)]
    mixed.sort(key=lambda job: len(job.seconds))
    yield _bounded(_("plans in which nobody waits for anybody"), bounds, loose)
    yield _bounded(_("plans in which everybody waits for the one before"), bounds, chains)
    yield _bounded(_("plans in between, with one to six workers"), bounds, mixed)


def _job(rng: Random, n: int, density: float, workers: int) -> _Job:
    """A plan of n subtasks in random order; of all possible needs, the given share is there."""
    ids = [f"s{k}" for k in rng.sample(range(1, 10), n)]
    needs = {
        name: [
            other
            for k, other in enumerate(ids[:n_])
            if rng.random() < density or _next(density, k, n_)
        ]
        for n_, name in enumerate(ids)
    }
    order = rng.sample(ids, n)
    return _Job(
        {name: needs[name] for name in order},
        {name: rng.randint(2, 80) / 2 for name in rng.sample(ids, n)},
        workers,
    )


def _next(density: float, k: int, n: int) -> bool:
    return density == 1.0 and k == n - 1


def _bounded(asks: str, bounds: Callable[..., Any], jobs: Sequence[_Job]) -> Part:
    for job in jobs:
        if complaint := _fault_in_bounds(bounds, job):
            tried = f"{job.needs!r}, {job.seconds!r}, {job.workers!r}"
            return Part(asks, complaint, tried)
    return Part(asks)


def _fault_in_bounds(bounds: Callable[..., Any], job: _Job) -> str | None:
    needs, seconds = copy.deepcopy(job.needs), dict(job.seconds)
    outcome = watched(bounds, needs, seconds, job.workers)
    if outcome.complaint:
        return outcome.complaint
    if (needs, seconds) != (job.needs, job.seconds):
        return _("The function changed the plan that it was given. Only read it.")
    said = outcome.value
    if not (isinstance(said, tuple | list) and len(said) == 2 and all(map(_is_number, said))):
        return _(
            "Expected two numbers, the lower and the upper bound in seconds; the function "
            "returned {said}."
        ).format(said=quoted(said))
    low, high = float(said[0]), float(said[1])
    work, path, p = job.work, job.path, job.workers
    least = laws.least_makespan(work, path, p)
    if not _same(low, least):
        return _wrong_low(job, low, least)
    if _same(high, work / p + path) or _same(high, laws.brent(work, path, p)):
        return None  # Brent's own form is a little sharper, and as good
    if high < laws.brent(work, path, p):
        return _(
            "The lower bound is right, but the upper one, {high:g} seconds, is no bound: a crew "
            "that never idles needlessly may take longer than that. Two figures add up here."
        ).format(high=high)
    return _(
        "The lower bound is right. The upper one, {high:g} seconds, holds, but it is far too "
        "cautious: more workers must bring it down, and it is not the same as for one worker."
    ).format(high=high)


def _wrong_low(job: _Job, low: float, least: float) -> str:
    if low > least:
        return _(
            "The function returned a lower bound of {low:g} seconds, but a crew can be done "
            "sooner. Nobody has to wait for more than the longest chain, nor for more than an "
            "even share of the work; and of the two bounds the lower one comes first."
        ).format(low=low)
    if _same(low, job.work / job.workers):
        return _(
            "The function returned a lower bound of {low:g} seconds: the work, evenly shared. But "
            "in this plan a chain of subtasks, each waiting for the one before, takes longer."
        ).format(low=low)
    if _same(low, job.path):
        return _(
            "The function returned a lower bound of {low:g} seconds: the longest chain. But so "
            "few workers cannot do all the work in that time, even evenly shared."
        ).format(low=low)
    return _(
        "The function returned a lower bound of {low:g} seconds. That is less than this crew "
        "can reach. Is the longest chain the sum of its seconds, through all needs, and not only "
        "the longest single subtask?"
    ).format(low=low)


# ---- serial-1 ----

_NEAR = 0.03  # three times what a least-squares line is off on the noisy points below
_EXACT = 1e-6
_SIZES = (1, 2, 3, 4, 6, 8, 12, 16)


@dataclass(frozen=True)
class _Series:
    """Measured points (workers, seconds), and the serial share that they were made from."""

    share: float
    points: tuple[tuple[int, float], ...]


@exercise(
    "serial-1",
    title=N_("Fit Amdahl's law to measured runs"),
    level=2,
    notebook="10_scaling_laws",
    hints=(
        N_(
            "Write the law down for the seconds, not for the speedup: a part that stays, and a "
            "part that is divided by the workers. As a function of one over the workers, what "
            "kind of curve is that?"
        ),
        N_(
            "It is a straight line in x = 1 / workers. Fit it through all points by least "
            "squares: `statistics.linear_regression` does it, or the two well-known sums."
        ),
        N_(
            "Where the line meets x = 0 (infinitely many workers) it shows what cannot be "
            "divided, at x = 1 the whole time of one worker. The share is the one over the other; "
            "noise may push it a little out of 0 to 1, where no share can be."
        ),
    ),
)
def serial_1(serial_share: object) -> Iterator[Part]:
    """A function from points (workers, seconds) to the share that no worker can divide."""
    yield Part(_("a function"), not_a_function(serial_share), needed=True)
    assert callable(serial_share)
    rng = stream("serial-1")
    exact = [
        _series(rng, f, sizes, 1, 0.0)
        for f in (0.25, 0.6, 0.0, 1.0, 0.1)
        for sizes in ((1, 2, 4), _SIZES)
    ]
    some = [_series(rng, rng.uniform(0.1, 0.7), _SIZES, 20, 0.05) for _k in range(24)]
    apart = [_series(rng, rng.uniform(0.1, 0.7), (2, 3, 5, 8, 20), 40, 0.03) for _k in range(12)]
    apart.insert(0, _series(rng, 0.4, (2, 4, 8), 1, 0.0))
    edge = [_series(rng, f, _SIZES, 12, 0.03) for f in (0.0, 1.0) * 8]
    yield _fitted(_("points without noise"), serial_share, exact)
    yield _fitted(_("measured points, each a little off"), serial_share, some)
    yield _fitted(_("points of which none is for a single worker"), serial_share, apart)
    yield _fitted(_("runs that divide entirely, or not at all"), serial_share, edge)


def _series(rng: Random, share: float, sizes: Sequence[int], repeats: int, noise: float) -> _Series:
    alone = rng.uniform(40, 400)
    points = [
        (n, alone / laws.amdahl(1 - share, n) * rng.gauss(1, noise))
        for n in sizes
        for _k in range(repeats)
    ]
    rng.shuffle(points)
    return _Series(share, tuple((n, round(t, 9)) for n, t in points))


def _fitted(asks: str, serial_share: Callable[..., Any], found: Sequence[_Series]) -> Part:
    return first_fault(asks, found, partial(_fault_in_share, serial_share), _told)


def _told(series: _Series) -> str:
    if len(series.points) <= 4:
        return repr(list(series.points))
    first = ", ".join(f"({n}, {t:.2f})" for n, t in series.points[:4])
    return _("[{first}, ...], {n} points for a share of {share:.2f}").format(
        first=first, n=len(series.points), share=series.share
    )


def _fault_in_share(serial_share: Callable[..., Any], series: _Series) -> str | None:
    given = list(series.points)
    outcome = watched(serial_share, given)
    if outcome.complaint:
        return outcome.complaint
    if given != list(series.points):
        return _("The function changed the list of points that it was given. Only read it.")
    said = outcome.value
    if not _is_number(said):
        return _(
            "Expected a number, the share of one worker's time that cannot be divided; the "
            "function returned {said}."
        ).format(said=quoted(said))
    measured = len({n for n, _t in given}) < len(given)
    allowed = _NEAR if measured else _EXACT
    if not 0 <= said <= 1 and (abs(said - series.share) <= allowed or not measured):
        return _(
            "The function returned {said:.4f}. A share is never below 0 nor above 1, whatever the "
            "noise makes of the line."
        ).format(said=said)
    if abs(said - series.share) <= allowed:
        return None
    if abs(said - (1 - series.share)) <= allowed:
        return _(
            "The function returned {said:.4f}. That is the share that *can* be divided; what is "
            "asked for is the rest."
        ).format(said=said)
    if not measured:
        return _(
            "The function returned {said:.4f}, but these points lie exactly on the curve of "
            "{share:.4f}. Are they taken for what they are: seconds, which fall with the workers, "
            "and no speedups?"
        ).format(said=said, share=series.share)
    return _(
        "The function returned {said:.4f}; these measured points were made from {share:.4f}, and "
        "a line through all of them comes much nearer. Does every point count, and none alone?"
    ).format(said=said, share=series.share)


# ---- both ----


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _same(a: float, b: float) -> bool:
    return isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
