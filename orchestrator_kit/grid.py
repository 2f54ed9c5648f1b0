"""The grid of a sweep: its axes, its points, and what is wrong with one. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from operator import index
from types import UnionType
from typing import Any, get_args, get_type_hints

from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.experiments import MOST_WORKERS
from orchestrator_kit.models.faults import KINDS, Fault
from orchestrator_kit.models.simulated import PROFILES
from orchestrator_kit.patterns import pattern_named
from orchestrator_kit.patterns.discretion import DECISIONS
from orchestrator_kit.recovery import policy_named


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a grid: everything that determines a run.

    `window` and `budget_tokens` are in tokens, None those of the profile and of the task.
    `fault_rate` is the probability with which a call is struck by a fault of `fault_kind`,
    whoever makes it; `faults` is a fault plan for whatever is less simple, its lines joined by
    spaces. `decides` is the discretion of orchestrator_worker: what its model decides, joined by
    commas ("none": nothing; None: everything).
    """

    pattern: str = "orchestrator_worker"
    workers: int = 4
    seed: int = 0
    profile: str = "small"
    window: int | None = None
    budget_tokens: int | None = None
    fault_rate: float = 0.0
    fault_kind: str = "crash"
    faults: str = ""
    recovery: str = "retry"
    decides: str | None = None

    @property
    def plan(self) -> list[Fault]:
        """Its faults; UsageError or UnknownName where they cannot be read."""
        told = [Fault.parse(line) for line in _LINES.split(self.faults) if line]
        return told + ([Fault(self.fault_kind, p=self.fault_rate)] if self.fault_rate else [])

    @property
    def decisions(self) -> frozenset[str] | None:
        """What the model decides; None: everything. UnknownName for what is no decision."""
        if self.decides is None:
            return None
        words = [] if self.decides == "none" else [w.strip() for w in self.decides.split(",")]
        for word in words:
            if word not in DECISIONS:
                raise UnknownName.among("decision", word, DECISIONS)
        return frozenset(words)


# A line of a plan may hold a name with spaces, so it ends where another one begins.
_LINES = re.compile(rf"(?:^|\s+)(?=\w+:|(?:{'|'.join(KINDS)})(?:\s|$))|\s+$")
AXES = tuple(f.name for f in fields(Point))
DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Point)}


@dataclass(frozen=True, slots=True)
class Kind:
    """What the values of a column are: whole numbers, numbers or words, and None if `optional`."""

    type: type[int] | type[float] | type[str]
    optional: bool = False

    def read(self, value: object) -> int | float | str | None:
        """The value as this kind has it; ValueError where it is of another."""
        if value is None and self.optional:
            return None
        try:
            if self.type is str and isinstance(value, str):
                return value
            if self.type is int and not isinstance(value, bool):
                return index(value)  # type: ignore[arg-type] # whole numbers of numpy as well
            if self.type is float and not isinstance(value, str | bool):
                return float(value)  # type: ignore[arg-type]
        except TypeError:
            pass
        raise ValueError(f"{value!r} is no {_WORDS[self.type]}")


_WORDS: dict[type, str] = {int: "whole number", float: "number", str: "text"}


def kinds_of(record: type) -> dict[str, Kind]:
    """The kinds of a dataclass's fields, by its annotations."""
    found = {}
    for name, hint in get_type_hints(record).items():
        types = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        found[name] = Kind(types[0], type(None) in types)
    return found


_KINDS = kinds_of(Point)


def kind_of(axis: str) -> Kind:
    """What the values of an axis are; UnknownName where there is none of that name."""
    if axis not in _KINDS:
        raise UsageError(f"there is no axis {axis!r}; there are: {', '.join(AXES)}")
    return _KINDS[axis]


def grid(axes: Mapping[str, Iterable[Any]]) -> list[Point]:
    """All combinations of the values of some axes, the last axis fastest.

    UsageError or UnknownName for an axis, or a value of one, that cannot be: nothing has run then.
    """
    values = [_values(name, axes[name]) for name in axes]
    if "fault_kind" in axes and "fault_rate" not in axes:
        raise UsageError("fault_kind says nothing without fault_rate, which is 0")
    points = [Point(**dict(zip(axes, row, strict=True))) for row in product(*values)]
    for point in dict.fromkeys(replace(p, seed=0, workers=1) for p in points):
        _check(point)
    return points


def _values(axis: str, given: Iterable[Any]) -> list[Any]:
    """The values of an axis as they stand in the table."""
    kind = kind_of(axis)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UsageError(f"{axis} is {given!r}; it takes a list of values")
    try:
        values = [kind.read(value) for value in given]
    except ValueError as e:
        raise UsageError(f"{axis}: {e}") from None
    if not values:
        raise UsageError(f"{axis} has no values")
    for value in values:
        least, most = _BOUNDS.get(axis, (None, None))
        if isinstance(value, int | float) and least is not None:
            if value < least or value != value:
                raise UsageError(f"{axis} is {value}; it is {least} or more")
            if most is not None and value > most:
                raise UsageError(f"{axis} is {value}; it is at most {most:,}")
    return values


_BOUNDS: dict[str, tuple[int, int | None]] = {
    "workers": (1, MOST_WORKERS),
    "window": (1, None),
    "budget_tokens": (1, None),
    "fault_rate": (0, 1),
}


def _check(point: Point) -> None:
    """UsageError or UnknownName for a point that cannot be run."""
    pattern_named(point.pattern)
    policy_named(point.recovery)
    if point.fault_kind not in KINDS:
        raise UnknownName.among("fault", point.fault_kind, KINDS)
    if point.profile not in PROFILES:
        raise UnknownName.among("profile", point.profile, PROFILES)
    _ = point.plan, point.decisions
    if point.decides is not None and point.pattern != "orchestrator_worker":
        raise UsageError("`decides` is an axis of orchestrator_worker alone")
