"""What a check says: part by part, in words, with the points. Judges nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Any, TypeVar

from orchestrator_kit.catalogue import _, ngettext

T = TypeVar("T")

# Set by nbgrader while it runs a submission; it reads a cell's points from the cell's output.
_GRADING = "NBGRADER_EXECUTION"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that an exercise asks for, and what is wrong with it; None is right.

    `asks` names it in a few words ("plans with a circle"). `tried` is the input that showed the
    fault. Without a part that is `needed`, nothing else is looked at, and no point earned; it
    earns none by itself.
    """

    asks: str
    complaint: str | None = None
    tried: str = ""
    needed: bool = False

    @property
    def holds(self) -> bool:
        """Whether this part is right."""
        return self.complaint is None


def first_fault(
    asks: str,
    cases: Iterable[T],
    fault: Callable[[T], str | None],
    told: Callable[[T], str] = str,
) -> Part:
    """The part that asks for all `cases`: the first `fault` in one, and that case as `told`."""
    for case in cases:
        if complaint := fault(case):
            return Part(asks, complaint, told(case))
    return Part(asks)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The parts of an exercise that were looked at, and its points; true if all is right."""

    exercise: str
    parts: tuple[Part, ...]
    of: int

    @property
    def passed(self) -> bool:
        """Whether every part holds."""
        return all(part.holds for part in self.parts)

    @property
    def earned(self) -> float:
        """Points: the share of the parts that hold, of `of`."""
        counted = [part for part in self.parts if not part.needed]
        if not counted or not all(part.holds for part in self.parts if part.needed):
            return 0.0
        return round(self.of * sum(part.holds for part in counted) / len(counted), 2)

    @property
    def says(self) -> str:
        """What was right, or what was expected and why the first part at fault falls short."""
        if fault := self._fault:
            return fault.complaint or ""
        asked = "; ".join(part.asks for part in self.parts if not part.needed)
        return _("Right: {parts}.").format(parts=asked)

    @property
    def tried(self) -> str:
        """The input that showed the fault, as Python writes it."""
        return self._fault.tried if self._fault else ""

    @property
    def _fault(self) -> Part | None:
        return next((part for part in self.parts if not part.holds), None)

    def __bool__(self) -> bool:
        return self.passed

    @property
    def _head(self) -> str:
        points = ngettext("{earned:g} of {of} point", "{earned:g} of {of} points", self.of)
        state = _("passed") if self.passed else _("not yet")
        return f"{self.exercise}: {state}, {points.format(earned=self.earned, of=self.of)}"

    @property
    def _rest(self) -> list[str]:
        lines = []
        if self.tried:
            lines.append(_("Tried on: {input}").format(input=self.tried))
        if not self.passed:
            for part in self.parts:
                if not part.needed:
                    lines.append(f"{'✔' if part.holds else '✘'} {part.asks}")
            lines.append(_("For a hint: {call}").format(call=f'hint("{self.exercise}")'))
        return lines

    def __str__(self) -> str:
        return "\n".join([f"{self._head}. {self.says}", *self._rest])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colour = "#009E73" if self.passed else "#D55E00"
        lines = "".join(f"<br>{escape(line)}" for line in self._rest)
        return (
            f'<div role="status" style="border-left:4px solid {colour};padding:0.2em 0.8em">'
            f"<strong>{'✔' if self.passed else '✘'} {escape(self._head)}.</strong> "
            f"{escape(self.says)}{lines}</div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Text and HTML; under nbgrader the text is the points, which is how it reads them."""
        text = f"{self.earned:g}" if os.environ.get(_GRADING) else str(self)
        return {"text/plain": text, "text/html": self._repr_html_()}


@dataclass(frozen=True, slots=True)
class Hint:
    """One step of help, and how many there are."""

    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__
