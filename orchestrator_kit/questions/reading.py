"""A reading: one figure of a learner's own runs, under a name by which it can be cited.

Knows how a figure is written and read back; does not know what was run, or why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator_kit.text import one_line

Value = float | str
SHARE = "share"
SECONDS = "s"
_LARGE = 1_000  # from here on zeros at the end of a cited number may stand for rounding
_MINUS, _APART = "\u2212-", " '\u2019\u00a0\u202f"  # a sign; what may part thousands
_NUMBER = rf"[+{_MINUS}]?\d+(?:[{_APART}]\d{{3}}\b|[.,]\d+)*"
_FIGURE = re.compile(rf"({_NUMBER}(?:k\b)?)\s*(%|\w*)(.*)", re.DOTALL)
_PERCENT = ("%", "percent", "prozent", "pct")
_SECONDS = ("s", "sec", "secs", "second", "seconds", "sekunde", "sekunden")
_HEDGES = re.compile(r"^(?:about|around|roughly|ca\.?|circa|etwa|rund|≈|~)\s*", re.IGNORECASE)
_IN_TEXT = re.compile(rf"(?<![\w.,])({_NUMBER}(?:k\b)?)(?:\s?(%|percent\b|Prozent\b))?(?!\w*\d)")


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure, or a name, that was read from the runs called `runs`.

    A share is between 0 and 1 and has the unit "share"; "" is the unit of a name. Others are
    counts in the plural ("tokens"), or seconds ("s").
    """

    name: str
    value: Value
    unit: str
    runs: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The value as it is shown, with its unit."""
        if isinstance(self.value, str):
            return self.value
        if self.unit == SHARE:
            return f"{100 * self.value:.1f}%"
        if self.unit == SECONDS:
            return f"{self.value:,.1f} s"
        number = f"{self.value:,.1f}" if self.value % 1 else f"{self.value:,.0f}"
        one = self.value == 1 and self.unit.endswith("s")
        return f"{number} {self.unit[:-1] if one else self.unit}"


def stands(reading: Reading, cited: str | float) -> bool:
    """Whether a cited figure is the reading, rounded to the precision in which it is cited.

    "31%" and "0.31" are the same share, "4,100 tokens" may be 4,127: a number from a thousand on
    may end in zeros that stand for rounding, but for its first two digits. A unit may be left out;
    another one than the reading's is another figure.
    """
    text = one_line(str(cited)).strip()
    if isinstance(reading.value, str):
        return _folded(text) == _folded(reading.value)
    found = _FIGURE.fullmatch(_HEDGES.sub("", text))
    if not found or not _fits(found[2] + found[3], reading.unit):
        return False
    percent = reading.unit == SHARE and found[2].casefold() in _PERCENT
    scale = 100 if percent else 1
    places = 3 if reading.unit == SHARE else 1  # of the value as it is shown
    for number, step in _numbers(found[1], whole=reading.unit not in (SHARE, SECONDS)):
        values = [reading.value]
        if step / scale >= 10**-places * (1 - 1e-9):  # who rounds what was shown is right, too
            values.append(round(reading.value, places))
        if any(abs(v * scale - number) <= step / 2 * (1 + 1e-6) + 1e-9 for v in values):
            return True
    return False


def occurs(cited: str | float, text: str) -> bool:
    """Whether a cited figure, or name, stands in a text, also where it is spelled otherwise."""
    wanted, text = one_line(str(cited)).strip(), one_line(text)
    if re.search(rf"(?<![\w.,]){re.escape(wanted)}(?![\w%]|[.,]\d)", text, re.IGNORECASE):
        return True
    said = _FIGURE.fullmatch(_HEDGES.sub("", wanted))
    return bool(said) and any(
        _spelled(found[1], found[2] or "") == _spelled(said[1], said[2])  # type: ignore[index]
        for found in _IN_TEXT.finditer(text)
    )


def _spelled(number: str, unit: str) -> frozenset[float]:
    """What a figure may mean, so that 31% and 0.31, 4,100 and 4100 are one."""
    scale = 0.01 if unit.casefold() in _PERCENT else 1.0
    return frozenset(round(n * scale, 9) for n, _ in _numbers(number, whole=True)[:1])


def _numbers(text: str, *, whole: bool) -> list[tuple[float, float]]:
    """The numbers that a text may mean, each with the size of its last digit that counts."""
    sign = -1 if text[0] in _MINUS else 1
    thousand = 1_000 if text.endswith("k") else 1
    text = re.sub(f"[{_APART}]", "", text.lstrip(f"+{_MINUS}").rstrip("k"))
    thousands = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
    readings = []
    if thousands.fullmatch(text) or "," not in text:
        readings.append(text.replace(",", ""))
    if "," in text and "." not in text and not thousands.fullmatch(text):
        readings.append(text.replace(",", "."))  # a decimal comma
    if whole and re.fullmatch(r"\d{1,3}(?:\.\d{3})+", text):
        readings.append(text.replace(".", ""))  # thousands as other languages write them
    found = []
    for one in readings:
        if re.fullmatch(r"\d+(?:\.\d+)?", one):
            found.append((sign * float(one) * thousand, _step(one) * thousand))
    return found


def _step(digits: str) -> float:
    whole, _, decimals = digits.partition(".")
    if decimals:
        return float(10 ** -len(decimals))
    zeros = len(whole) - len(whole.rstrip("0"))
    return float(10 ** min(zeros, len(whole) - 2)) if int(whole) >= _LARGE else 1.0


def _fits(said: str, unit: str) -> bool:
    """Whether the words after a number may be said of such a reading."""
    words = said.split()
    if not words:
        return True
    first = words[0].casefold().rstrip(".,;")
    if unit == SHARE:
        return first in _PERCENT or first == SHARE
    if unit == SECONDS:
        return first in _SECONDS
    return first not in (*_PERCENT, *_SECONDS)


def _folded(text: str) -> str:
    return text.strip(" .\"'").casefold()
