"""The laws that bound a run: what more workers can bring, and what no schedule can beat.

Plain functions of numbers; each names its formula and its source. Arguments that no run could
have are a UsageError. `fit_universal` fits one law to what was measured. Knows no records and no
models.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from numbers import Real
from random import Random

from orchestrator_kit.errors import UsageError


def _number(
    name: str, value: object, low: float = -math.inf, high: float = math.inf, *, above: bool = False
) -> float:
    """A finite number from `low` (or, if `above`, from beyond it) to `high`, or a UsageError."""
    try:
        found = float(value) if isinstance(value, Real) else math.nan
    except OverflowError:  # an integer too long for a float
        found = math.inf
    if math.isfinite(found) and low <= found <= high and not (above and found == low):
        return found
    least = f"above {low:g}" if above else f"of at least {low:g}" if low > -math.inf else ""
    wanted = f"from {low:g} to {high:g}" if math.isfinite(high) else least
    raise UsageError(f"{name} must be a finite number {wanted}, not {value!r}".replace("  ", " "))


def amdahl(parallel: float, workers: float) -> float:
    """Speedup of a fixed amount of work: 1 / ((1 - f) + f / N); never above 1 / (1 - f).

    `parallel` is f, the share (0 to 1) of one worker's time that can be divided; `workers` is N.
    Amdahl, 1967, Validity of the single processor approach to achieving large scale computing
    capabilities.
    """
    f, n = _number("parallel", parallel, 0, 1), _number("workers", workers, 1)
    return 1 / ((1 - f) + f / n)


def gustafson(parallel: float, workers: float) -> float:
    """Scaled speedup, where the work grows with the workers: (1 - f) + f N.

    `parallel` is f, the share (0 to 1) of the time of the run on N workers in which all of them
    are at work: not Amdahl's f. Gustafson, 1988, Reevaluating Amdahl's law.
    """
    f, n = _number("parallel", parallel, 0, 1), _number("workers", workers, 1)
    return (1 - f) + f * n


def universal(contention: float, coherence: float, workers: float) -> float:
    """Relative capacity (speedup) under the USL: N / (1 + a (N - 1) + b N (N - 1)).

    `contention` is a, the share (0 to 1) of one worker's time that all have to take in turn;
    `coherence` is b, at least 0, what each pair of workers costs to be kept in agreement, in
    units of the same time. With b = 0 it is Amdahl's law for f = 1 - a. Gunther, 1993, A simple
    capacity model of massively parallel transaction systems; 2007, Guerrilla capacity planning.
    """
    a, b = _number("contention", contention, 0, 1), _number("coherence", coherence, 0)
    n = _number("workers", workers, 1)
    return n / (1 + a * (n - 1) + b * n * (n - 1))


def universal_peak(contention: float, coherence: float) -> float:
    """The number of workers, not rounded, at which `universal` is highest: sqrt((1 - a) / b).

    1 where no further worker helps, infinity where each does (b = 0, a < 1). Gunther, 2007,
    Guerrilla capacity planning.
    """
    a, b = _number("contention", contention, 0, 1), _number("coherence", coherence, 0)
    return _peak(a, b)


def _peak(a: float, b: float) -> float:
    return max(1.0, math.sqrt((1 - a) / b)) if b else math.inf if a < 1 else 1.0


def least_makespan(work: float, path: float, workers: float) -> float:
    """No schedule on p workers ends sooner: max(T1 / p, Tinf).

    `work` is T1, the sum of all durations; `path` is Tinf, the longest chain of them; the result
    is in their unit. The work law and the span law: Brent, 1974, The parallel evaluation of
    general arithmetic expressions; Graham, 1966, Bounds for certain multiprocessing anomalies.
    """
    t1, tinf = _work_and_path(work, path)
    return max(t1 / _number("workers", workers, 1), tinf)


def brent(work: float, path: float, workers: float) -> float:
    """The latest that a schedule can end which leaves nobody idle while something is ready.

    T1 / p + (1 - 1 / p) Tinf, with `work` T1, `path` Tinf and the result in one unit, and p
    `workers`. Brent, 1974, The parallel evaluation of general arithmetic expressions, for steps
    of one length; Graham, 1966, Bounds for certain multiprocessing anomalies, for any durations.
    """
    t1, tinf = _work_and_path(work, path)
    p = _number("workers", workers, 1)
    return t1 / p + (1 - 1 / p) * tinf


def graham(workers: float) -> float:
    """The most that such a schedule, as for `brent`, may take over the shortest one: 2 - 1 / p.

    A ratio; it holds for any order of what is ready, on p `workers`. Graham, 1966, Bounds for
    certain multiprocessing anomalies; 1969, Bounds on multiprocessing timing anomalies.
    """
    return 2 - 1 / _number("workers", workers, 1)


def little(rate: float, seconds: float) -> float:
    """The mean number in a system: L = lambda W.

    `rate` is lambda, arrivals a second; `seconds` is W, the mean time that one stays, waiting
    included. Exact over any stretch of time at whose ends the system is empty. Little, 1961, A
    proof for the queuing formula: L = lambda W.
    """
    return _number("rate", rate, 0) * _number("seconds", seconds, 0)


def _work_and_path(work: float, path: float) -> tuple[float, float]:
    t1, tinf = _number("work", work, 0), _number("path", path, 0)
    if tinf > t1 * (1 + 1e-9):  # sums of the same figures differ by their order
        raise UsageError(f"path {path!r} is longer than all the work, {work!r}: it is a part of it")
    return t1, tinf


@dataclass(frozen=True, slots=True)
class Scalability:
    """The Universal Scalability Law as fitted to points; each interval is (low, high).

    `alone` is the throughput of one worker in the points' unit, `error` the root mean square of
    the relative errors at the points, `level` the share of intervals meant to hold the truth.
    """

    contention: float
    coherence: float
    alone: float
    contention_interval: tuple[float, float]
    coherence_interval: tuple[float, float]
    peak_interval: tuple[float, float]
    level: float
    error: float

    @property
    def peak(self) -> float:
        """The workers at which throughput is highest; infinity where nothing limits it."""
        return universal_peak(self.contention, self.coherence)

    def throughput(self, workers: float) -> float:
        """The throughput of so many workers, in the points' unit."""
        return self.alone * universal(self.contention, self.coherence, workers)

    def __repr__(self) -> str:
        shown = (
            f"{name} {value:.3g} [{low:.3g}, {high:.3g}]"
            for name, value, (low, high) in (
                ("contention", self.contention, self.contention_interval),
                ("coherence", self.coherence, self.coherence_interval),
                ("peak", self.peak, self.peak_interval),
            )
        )
        return f"Scalability({', '.join(shown)}, alone {self.alone:.3g})"


def fit_universal(
    points: Iterable[tuple[float, float]],
    *,
    alone: float | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Scalability:
    """The USL nearest to measured points (workers, throughput), with intervals.

    `alone` is one worker's throughput where that is known (1.0 where the points are speedups);
    None: it is fitted as well. N / X(N) is linear in N - 1 and N (N - 1), so this is linear least
    squares of the relative errors, with contention held to 0 to 1 and coherence to at least 0
    (points that grow faster than their workers give 0). The intervals are percentiles of a
    bootstrap: the fit is repeated on its own curve with errors drawn from those at the points, as
    ratios, times a size drawn from the chi-squared distribution that their degrees of freedom
    give it.

    Needs more points than unknowns (2, or 3 without `alone`), at as many different numbers of
    workers; else a UsageError. Gunther, 2007, Guerrilla capacity planning, for the linear form;
    Efron, 1979, Bootstrap methods: another look at the jackknife.
    """
    measured = [_point(n, point) for n, point in enumerate(points, 1)]
    known = None if alone is None else _number("alone", alone, 0, above=True)
    _number("level", level, 0.5, 0.999)
    _number("resamples", resamples, 20, 1e6)
    unknowns = 3 if known is None else 2
    telling = {n for n, _ in measured if known is None or n > 1}
    if len(telling) < unknowns or len(measured) <= unknowns:
        raise UsageError(
            f"{len(measured)} points at {len(telling)} telling numbers of workers are too few: "
            f"{unknowns + 1} points at {unknowns} different numbers"
            f"{' above 1' if known is not None else ''} are needed"
        )
    sizes = [x for _, x in measured] + ([known] if known else [])
    if max(sizes) / 1e12 > min(sizes):
        raise UsageError(f"throughputs from {min(sizes):g} to {max(sizes):g} are of no one system")
    workers = [n for n, _ in measured]
    found = _fitted(workers, [x for _, x in measured], known)
    if math.isinf(found[0]):
        raise UsageError("these points do not tell what one worker does: give it as `alone`")
    curve = [found[0] * universal(*found[1:], n) for n in workers]
    errors = [math.log(x / y) for (_, x), y in zip(measured, curve, strict=True)]
    mean = math.fsum(errors) / len(errors)
    free = len(errors) - unknowns
    rng = Random(seed)  # noqa: S311 - to draw errors, not secrets
    again = []
    for _ in range(int(resamples)):
        # Few errors say little of their own size: it is drawn as well, as Student's t has it.
        wider = math.sqrt(len(errors) / max(rng.gammavariate(free / 2, 2), 1e-9))
        drawn = zip(curve, rng.choices(errors, k=len(curve)), strict=True)
        strayed = [y * math.exp(max(-99.0, min(99.0, (e - mean) * wider))) for y, e in drawn]
        again.append(_fitted(workers, strayed, known))
    return Scalability(
        contention=found[1],
        coherence=found[2],
        alone=found[0],
        contention_interval=_middle([a for _, a, _ in again], level),
        coherence_interval=_middle([b for _, _, b in again], level),
        peak_interval=_middle([_peak(a, b) for _, a, b in again], level),
        level=level,
        error=math.sqrt(
            math.fsum((x / y - 1) ** 2 for (_, x), y in zip(measured, curve, strict=True))
            / len(curve)
        ),
    )


def _point(n: int, point: object) -> tuple[float, float]:
    if not isinstance(point, tuple | list) or len(point) != 2:
        raise UsageError(f"point {n} must be (workers, throughput), not {point!r}")
    return (
        _number(f"the workers of point {n}", point[0], 1, 1e9),
        _number(f"the throughput of point {n}", point[1], 0, above=True),
    )


def _fitted(
    workers: Sequence[float], measured: Sequence[float], alone: float | None
) -> tuple[float, float, float]:
    """One worker's throughput c (infinite where the points leave it open), a and b.

    With u = X / N in some unit, every point says u ((1 - a) / c + N a / c + N (N - 1) b / c) = 1:
    linear in three unknowns of at least 0. Where c is known, it is the unit, and
    u ((N - 1) a + N (N - 1) b) = 1 - u.
    """
    unit = alone or max(measured)
    us = [x / n / unit for n, x in zip(workers, measured, strict=True)]
    pairs = [u * n * (n - 1) for n, u in zip(workers, us, strict=True)]
    if alone is None:
        rows = [(u, u * n, pair) for n, u, pair in zip(workers, us, pairs, strict=True)]
        free, shared, agreed = _nonnegative(rows, [1.0] * len(us))
        once = free + shared
        return (unit / once, shared / once, agreed / once) if once else (math.inf, 1.0, math.inf)
    steps = [u * (n - 1) for n, u in zip(workers, us, strict=True)]
    a, b = _nonnegative(list(zip(steps, pairs, strict=True)), [1 - u for u in us])
    if a > 1:  # the optimum under a <= 1 lies where it holds, then
        left = [1 - u - step for u, step in zip(us, steps, strict=True)]
        a, b = 1.0, *_nonnegative([(pair,) for pair in pairs], left)
    return alone, a, b


def _nonnegative(rows: Sequence[Sequence[float]], wanted: Sequence[float]) -> list[float]:
    """Least squares with no unknown below 0: the best of the fits with some of them held at 0.

    The optimum is the free fit of those that it leaves above 0; of two or three unknowns every
    choice can be tried.
    """
    width = len(rows[0])
    best, least = [0.0] * width, math.fsum(w * w for w in wanted)
    for size in range(width, 0, -1):
        for kept in combinations(range(width), size):
            values = _least_squares([[row[i] for i in kept] for row in rows], wanted)
            if values is None or min(values) < 0:
                continue
            found = [0.0] * width
            for i, value in zip(kept, values, strict=True):
                found[i] = value + 0.0  # no -0.0
            if size == width:
                return found  # nothing had to be held
            off = math.fsum(
                (sum(map(float.__mul__, row, found)) - w) ** 2
                for row, w in zip(rows, wanted, strict=True)
            )
            if off < least:
                best, least = found, off
    return best


def _least_squares(rows: Sequence[Sequence[float]], wanted: Sequence[float]) -> list[float] | None:
    """The normal equations by elimination, columns scaled; None where they have no one answer."""
    width = len(rows[0])
    scale = [math.sqrt(sum(row[i] ** 2 for row in rows)) for i in range(width)]
    if not all(scale):
        return None
    table = [
        [sum(r[i] * r[j] for r in rows) / scale[i] / scale[j] for j in range(width)]
        + [sum(r[i] * w for r, w in zip(rows, wanted, strict=True)) / scale[i]]
        for i in range(width)
    ]
    for i in range(width):
        top = max(range(i, width), key=lambda k: abs(table[k][i]))
        table[i], table[top] = table[top], table[i]
        if abs(table[i][i]) < 1e-14:
            return None
        for k in range(width):
            if k != i:
                share = table[k][i] / table[i][i]
                table[k] = [x - share * y for x, y in zip(table[k], table[i], strict=True)]
    return [table[i][width] / table[i][i] / scale[i] for i in range(width)]


def _middle(values: list[float], level: float) -> tuple[float, float]:
    """The smallest and the largest of the middle share of the values."""
    values.sort()
    cut = int(len(values) * (1 - level) / 2)
    return values[cut], values[-1 - cut]
