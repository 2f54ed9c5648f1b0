"""Exercise checks: verdicts in words, and hints when asked for. Holds no answers.

A check tries a learner's work on inputs made from a hidden seed and looks at properties of what
comes back, so that no constant passes. It takes what it checks as explicit arguments, keeps
nothing between calls, and never raises for a mistake in the learner's code.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import linecache
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from html import escape
from random import Random
from types import FrameType, TracebackType
from typing import Any

from orchestrator_kit.errors import UnknownName, UsageError

SEED = 1_969  # of the hidden inputs
STEPS = 300_000  # lines that a learner's code may run for one input, before it counts as endless

Plan = dict[str, list[str]]
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an exercise is solved, what was expected, and why the given falls short."""

    exercise: str
    passed: bool
    says: str
    tried: str = ""  # the input that showed it

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        lines = [f"{self.exercise}: {'passed' if self.passed else 'not yet'}. {self.says}"]
        if self.tried:
            lines.append(f"Tried on: {self.tried}")
        if not self.passed:
            lines.append(f'For a hint: hint("{self.exercise}")')
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colour = "#009E73" if self.passed else "#D55E00"
        first, *more = str(self).split("\n")
        head, _, rest = first.partition(". ")
        lines = "".join(f"<br>{escape(line)}" for line in more)
        return (
            f'<div role="status" style="border-left:4px solid {colour};padding:0.2em 0.8em">'
            f"<strong>{'✔' if self.passed else '✘'} {escape(head)}.</strong> {escape(rest)}"
            f"{lines}</div>"
        )


@dataclass(frozen=True, slots=True)
class Hint:
    """One step of help, and how many there are."""

    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Exercise:
    """An exercise: what judges it, how that is called, and its hints from faint to plain."""

    name: str
    judge: Callable[..., Verdict]
    hints: tuple[str, ...]

    @property
    def usage(self) -> str:
        """The call that checks it, as a learner writes it."""
        return f'check("{self.name}", {", ".join(inspect.signature(self.judge).parameters)})'


EXERCISES: dict[str, Exercise] = {}


def exercise(name: str, *hints: str) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """Enter a judge, a function from evidence to a verdict, under an exercise's name."""

    def enter(judge: Callable[..., Verdict]) -> Callable[..., Verdict]:
        EXERCISES[name] = Exercise(name, judge, hints)
        return judge

    return enter


def check(name: str, *evidence: object) -> Verdict:
    """The verdict on an exercise, given what the learner made: `check("plan-1", find_cycle)`."""
    found = _exercise(name)
    try:
        inspect.signature(found.judge).bind(*evidence)
    except TypeError:
        raise UsageError(f"{name} is checked with {found.usage}") from None
    return found.judge(*evidence)


def hint(name: str, step: int = 1) -> Hint:
    """A hint for an exercise; `step` 2 says more than 1."""
    hints = _exercise(name).hints
    if not 1 <= step <= len(hints):
        raise UsageError(f"{name} has {len(hints)} hints; {step} is not one of them")
    more = f' For more: hint("{name}", {step + 1})' if step < len(hints) else " (The last one.)"
    return Hint(f"Hint {step} of {len(hints)}: {hints[step - 1]}{more}")


def _exercise(name: str) -> Exercise:
    if name not in EXERCISES:
        raise UnknownName.among("exercise", name, EXERCISES)
    return EXERCISES[name]


@exercise(
    "plan-1",
    "Walk along the needs, as a worker would who asks: what do I wait for, and what does that "
    "wait for? When does such a walk tell you that nobody on it can ever start?",
    "Start a walk at every subtask, and remember the walk itself, in order, not only which "
    "subtasks were seen: two walks may meet in one subtask without any harm.",
    "When the next step leads to a subtask that is already on the walk, only the part of the walk "
    "from that subtask on is a circle; what came before merely leads there.",
)
def _plan_1(find_cycle: object) -> Verdict:
    """A function that finds a circle of needs in a plan, or says that there is none."""
    if not callable(find_cycle):
        return Verdict(
            "plan-1",
            False,
            f"It is checked with a function, but what was given is a {type(find_cycle).__name__}. "
            "Hand over the function itself, by its name and without brackets.",
        )
    plans = sorted(_plans(Random(SEED)), key=_size)  # noqa: S311 - inputs, not secrets
    for plan in plans:  # the smallest first, so that the first fault is the easiest to see
        if complaint := _fault_in_cycle(find_cycle, plan):
            return Verdict("plan-1", False, complaint, repr(plan))
    circles = sum(_waits_for_itself(p) for p in plans)
    return Verdict(
        "plan-1",
        True,
        f"Right on {len(plans)} plans, {circles} of them with a circle.",
    )


def _fault_in_cycle(find_cycle: Callable[..., Any], plan: Plan) -> str | None:
    """What is wrong with what a function says about a plan; None if it is right."""
    given = copy.deepcopy(plan)
    outcome = watched(find_cycle, given)
    if outcome.complaint:
        return outcome.complaint
    if given != plan:
        return f"The function changed the plan that it was given, to {quoted(given)}. Only read it."
    found = outcome.value
    if found is None:
        return (
            "The function returned None, not a list. Is it written already, and does every way "
            "through it end in a return?"
        )
    if not isinstance(found, list | tuple):
        return f"Expected a list of ids; the function returned {quoted(found)}."
    cyclic = _waits_for_itself(plan)
    if not found:
        return (
            "The function returned an empty list: no circle. But in this plan a subtask waits, "
            "directly or by way of others, for itself, and could never start."
            if cyclic
            else None
        )
    return _fault_in_circle(list(found), plan, cyclic)


def _fault_in_circle(found: list[Any], plan: Plan, cyclic: bool) -> str | None:
    """What is wrong with a circle that a function claims to have found."""
    claim = f"The function returned {quoted(found)}"
    if not cyclic:
        return (
            f"{claim}. But nobody in this plan waits for itself: there is an order in which all "
            "its subtasks can start, so an empty list is expected. (Needs that are no subtasks "
            "of the plan cannot close a circle.)"
        )
    if len(found) > 1 and found[0] == found[-1]:
        found = found[:-1]  # the first said again at the end, to close the circle
    for name in found:
        if not isinstance(name, str) or name not in plan:
            return f"{claim}. {quoted(name)} is not the id of a subtask of this plan."
    if len(set(found)) < len(found):
        return f"{claim}. Each subtask of a circle is named once; here one comes several times."
    steps = list(zip(found, [*found[1:], found[0]], strict=True))
    if all(b in plan[a] for a, b in steps) or all(a in plan[b] for a, b in steps):
        return None  # either way round is a fair reading
    a, b = next((a, b) for a, b in steps if b not in plan[a])
    return (
        f"{claim}. Expected ids of which each needs the next, and the last the first; but "
        f"{quoted(a)} does not need {quoted(b)}, so this is not a circle."
    )


def _waits_for_itself(plan: Mapping[str, Sequence[str]]) -> bool:
    try:
        TopologicalSorter(plan).prepare()
    except CycleError:
        return True
    return False


def _plans(rng: Random) -> Iterator[Plan]:
    """Plans with and without circles: every shape of up to three subtasks, and larger ones."""
    for n in range(4):
        pairs = [(a, b) for a in range(n) for b in range(n)]
        for kept in itertools.product((False, True), repeat=len(pairs)):
            yield _plan(rng, n, [pair for pair, keep in zip(pairs, kept, strict=True) if keep])
    for _ in range(120):  # acyclic: needs go one way only; some are diamonds, some fall apart
        n = rng.randint(4, 9)
        ordered = [(b, a) for a, b in itertools.combinations(range(n), 2)]
        needs = rng.sample(ordered, rng.randint(2, min(len(ordered), 2 * n)))
        yield _plan(rng, n, needs, stray=rng.random() < 0.3)
        length = rng.randint(1, n)  # the same, with one circle closed through some of them
        ring = rng.sample(range(n), length)
        closed = [(ring[i], ring[(i + 1) % length]) for i in range(length)]
        yield _plan(rng, n, list(dict.fromkeys(needs + closed)), stray=rng.random() < 0.3)
    for n in (1, 2, 4):  # needs that are no subtasks
        yield _plan(rng, n, [], stray=True)
    yield _plan(rng, 60, [(i, i + 1) for i in range(59)])  # a long chain
    yield _plan(rng, 60, [(i, (i + 1) % 60) for i in range(60)])  # a long circle


def _plan(rng: Random, n: int, needs: Sequence[tuple[int, int]], *, stray: bool = False) -> Plan:
    """A plan of n subtasks under random ids, in random order."""
    ids = [f"s{k}" for k in rng.sample(range(1, 10 if n < 9 else 100), n)]
    plan: Plan = {ids[k]: [] for k in rng.sample(range(n), n)}
    for a, b in rng.sample(needs, len(needs)):
        plan[ids[a]].append(ids[b])
    if stray:
        rng.choice(list(plan.values())).append("s0")
    return plan


def _size(plan: Plan) -> tuple[int, int]:
    return len(plan), sum(map(len, plan.values()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a learner's function returned, or what went wrong, in words."""

    value: Any = None
    complaint: str | None = None


def watched(function: Callable[..., Any], *arguments: object) -> Outcome:
    """Call a learner's function; an exception or an endless loop becomes a complaint."""
    try:
        with _Patience(STEPS):
            return Outcome(function(*arguments))
    except _OutOfPatience as e:
        where = _line(function, e.__traceback__)
        return Outcome(
            complaint=f"The function does not come to an end on this input{where}. "
            "Does it go round and round?"
        )
    except RecursionError as e:
        where = _line(function, e.__traceback__)
        return Outcome(complaint=f"The function calls itself without an end{where}.")
    except Exception as e:
        where = _line(function, e.__traceback__)
        message = f": {e}" if str(e) else ""
        return Outcome(complaint=f"The function raised {type(e).__name__}{message}{where}.")


def quoted(value: object) -> str:
    """A value as Python writes it, without addresses and cut where it is long."""
    try:
        text = repr(value)
    except Exception:
        text = f"an object of the class {type(value).__name__}"
    text = _ADDRESS.sub("", text)
    return text if len(text) <= 200 else text[:199] + "…"


class _OutOfPatience(BaseException):
    """Beyond the reach of a learner's `except Exception`."""


class _Patience:
    """Counts the lines that run inside, and ends what runs too many. Needs no thread."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _OutOfPatience
        return self._trace


def _line(function: Callable[..., Any], trace: TracebackType | None) -> str:
    """The last line of the learner's own that a traceback passed, in words."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    found = None
    while trace is not None:
        if code is not None and trace.tb_frame.f_code.co_filename == code.co_filename:
            found = trace
        trace = trace.tb_next
    if found is None:
        return ""
    source = linecache.getline(found.tb_frame.f_code.co_filename, found.tb_lineno).strip()
    return f", at line {found.tb_lineno}" + (f" ({source})" if source else "")
