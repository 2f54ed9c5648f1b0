"""Predictions: said before a run, held against it afterwards.

    guess = predict("enough-workers", 6, sure=0.7)
    guess.against(fastest, "workers")

A prediction is noted in the learner's diary before anything is measured, and so is what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from orchestrator_kit import diary
from orchestrator_kit.errors import UsageError

Value = float | str


@dataclass(frozen=True, slots=True)
class Prediction:
    """What somebody expects of `question`, and how sure they are, from 0 to 1."""

    question: str
    value: Value
    sure: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.value, int | float | str):
            raise UsageError(f"{self.value!r}: predict a number or a name")
        if isinstance(self.value, float) and self.value != self.value:
            raise UsageError("nan is no prediction; give a number or a name")
        if not 0 <= self.sure <= 1:
            raise UsageError(f"sure is {self.sure}; it goes from 0 (a guess) to 1 (certain)")

    def __str__(self) -> str:
        return f"Noted: {_said(self.value)}, {self.sure:.0%} sure. Now run it."

    __repr__ = __str__

    def against(self, measured: Value, unit: str = "", *, within: float = 0.0) -> Outcome:
        """Hold it against what was measured; right is what is no further off than `within` of it.

        `within` is a share of the measured number: 0.1 accepts a tenth more or less.
        """
        outcome = Outcome(self, measured, unit, within)
        diary.note(
            "outcome",
            {"question": self.question, "measured": measured, "unit": unit, "right": outcome.right},
        )
        return outcome


@dataclass(frozen=True, slots=True)
class Outcome:
    """A prediction beside what was measured."""

    prediction: Prediction
    measured: Value
    unit: str = ""
    within: float = 0.0

    @property
    def right(self) -> bool:
        """Whether the prediction holds, within what was allowed."""
        said, found = self.prediction.value, self.measured
        if isinstance(said, str) or isinstance(found, str):
            return folded(said) == folded(found)
        return abs(said - found) <= self.within * abs(found) + 1e-9

    @property
    def off(self) -> float | None:
        """Predicted less measured, in the unit; None for names."""
        said, found = self.prediction.value, self.measured
        return None if isinstance(said, str) or isinstance(found, str) else said - found

    @property
    def brier(self) -> float:
        """(how sure - whether right)²: 0 is sure and right, 1 is sure and wrong (Brier, 1950)."""
        return (self.prediction.sure - self.right) ** 2

    def __str__(self) -> str:
        found = _with(self.measured, self.unit)
        text = f"You said {_said(self.prediction.value)}; the run says {found}"
        if self.right:
            return f"{text}. That is right."
        if self.off is None:
            return f"{text}. Look why."
        side = "too high" if self.off > 0 else "too low"
        share = f" ({abs(self.off / self.measured):.0%})" if self.measured else ""  # type: ignore[operator]
        return f"{text}: {_with(abs(self.off), self.unit)} {side}{share}. Look why."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<p role="status">{escape(str(self))}</p>'


def predict(question: str, value: Value, *, sure: float = 0.5) -> Prediction:
    """Note what you expect, before you run it. UsageError for what is neither number nor name."""
    if not question.strip():
        raise UsageError("a prediction needs the name of its question")
    made = Prediction(question, value, sure)
    diary.note("prediction", {"question": question, "value": value, "sure": sure})
    return made


def folded(value: Value) -> str:
    """A name without what its spellings differ in: case, hyphens and spaces."""
    return str(value).strip().casefold().replace("-", "_").replace(" ", "_")


def _with(value: Value, unit: str) -> str:
    """A value in its unit, which is in the plural: 1 worker, 2 workers."""
    one = value == 1 and unit.endswith("s") and " " not in unit
    return f"{_said(value)} {unit[:-1] if one else unit}".rstrip()


def _said(value: Value) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
