"""The book of exercises: what judges each, its level and its hints. Judges stand in `judges/`."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

from orchestrator_kit import diary
from orchestrator_kit.catalogue import _, ngettext
from orchestrator_kit.checks.verdict import Hint, Part, Verdict
from orchestrator_kit.checks.watch import quoted
from orchestrator_kit.errors import UnknownName, UsageError

Judge = Callable[..., Iterable[Part]]


@dataclass(frozen=True, slots=True)
class Exercise:
    """An exercise, and what judges it: a function from evidence to the parts of a verdict.

    `level` is 1 (a few lines), 2 (some thought) or 3 (a piece of work), and the points to earn.
    `notebook` is the stem of the notebook that it stands in; `hints` go from faint to plain.
    """

    name: str
    title: str
    level: int
    notebook: str
    hints: tuple[str, ...]
    judge: Judge

    @property
    def usage(self) -> str:
        """The call that checks it, as a learner writes it."""
        return f'check("{self.name}", {", ".join(inspect.signature(self.judge).parameters)})'


_BOOK: dict[str, Exercise] = {}


def exercise(
    name: str, *, title: str, level: int, notebook: str, hints: tuple[str, ...]
) -> Callable[[Judge], Judge]:
    """Enter a judge under an exercise's name. `title` and `hints` are marked with `N_`."""

    def enter(judge: Judge) -> Judge:
        _BOOK[name] = Exercise(name, title, level, notebook, hints, judge)
        return judge

    return enter


def exercises() -> Mapping[str, Exercise]:
    """All exercises by name, in the order of their notebooks and in each of their difficulty."""
    from orchestrator_kit.checks import judges

    for module in pkgutil.iter_modules(judges.__path__):
        import_module(f"{judges.__name__}.{module.name}")
    ordered = sorted(_BOOK.values(), key=lambda e: (e.notebook, e.level, e.name))
    return MappingProxyType({e.name: e for e in ordered})


def check(name: str, *evidence: object) -> Verdict:
    """The verdict on an exercise, given what the learner made: `check("plan-1", find_cycle)`.

    It is noted in the learner's diary. UsageError for evidence that is too much or too little,
    UnknownName for an exercise that there is none of; a mistake in the evidence never raises.
    """
    found = _named(name)
    try:
        inspect.signature(found.judge).bind(*evidence)
    except TypeError:
        raise UsageError(
            _("{name} is checked with {call}").format(name=name, call=found.usage)
        ) from None
    verdict = Verdict(name, tuple(_parts(found, evidence)), found.level)
    diary.note(
        "check",
        {
            "exercise": name,
            "earned": verdict.earned,
            "of": verdict.of,
            "passed": verdict.passed,
        },
    )
    return verdict


def hint(name: str, step: int = 1) -> Hint:
    """A hint for an exercise; `step` 2 says more than 1."""
    hints = _named(name).hints
    if not 1 <= step <= len(hints):
        message = ngettext(
            "{name} has {n} hint; {step} is not one of them",
            "{name} has {n} hints; {step} is not one of them",
            len(hints),
        )
        raise UsageError(message.format(name=name, n=len(hints), step=step))
    diary.note("hint", {"exercise": name, "step": step})
    told = _("Hint {step} of {n}: {hint}").format(step=step, n=len(hints), hint=_(hints[step - 1]))
    if step == len(hints):
        return Hint(_("{hint} (The last one.)").format(hint=told))
    more = f'hint("{name}", {step + 1})'
    return Hint(_("{hint} For more: {call}").format(hint=told, call=more))


def _parts(found: Exercise, evidence: tuple[object, ...]) -> Iterable[Part]:
    """The parts that a judge looks at, up to the first that is needed and missing."""
    try:
        for part in found.judge(*evidence):
            yield part
            if part.needed and not part.holds:
                return
    except Exception as e:  # a learner's object can do anything, also when it is only compared
        yield Part(
            _("can be read"),
            _("What came back cannot be judged: looking at it raised {error}.").format(
                error=f"{type(e).__name__}: {quoted(str(e))}"
            ),
            needed=True,
        )


def _named(name: str) -> Exercise:
    known = exercises()
    if name not in known:
        raise UnknownName.among("exercise", name, known)
    return known[name]
