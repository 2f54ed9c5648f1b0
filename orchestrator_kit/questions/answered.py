"""An answer that was committed: what it rests on, and what the matcher finds in it.

The matcher reads English, and what it does not find may be there: it never says "wrong", and no
point depends on it. A learner's own rating stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape

from orchestrator_kit import diary, tables
from orchestrator_kit.catalogue import _
from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.matching import MAY_CONFLICT, MENTIONED, Found
from orchestrator_kit.questions.evidence import Citation, Evidence, Note
from orchestrator_kit.questions.reading import occurs
from orchestrator_kit.questions.topic import Topic
from orchestrator_kit.text import one_line

RATINGS = (0, 0.5, 1)


@dataclass(frozen=True)
class Answered:
    """A learner's answer to a question, with the evidence for it; `text` is "" where there is none.

    `found` is what the matcher says of each key point, `ratings` what the learner says, and
    `reflection` what was written after both were seen.
    """

    topic: Topic
    text: str
    evidence: tuple[Evidence, ...] = ()
    cited: tuple[Citation, ...] = ()
    found: tuple[Found, ...] = ()
    ratings: Mapping[str, float] = field(default_factory=dict)
    reflection: str = ""

    @property
    def committed(self) -> bool:
        """Whether there is an answer at all; before that no key point is shown."""
        return bool(self.text.strip())

    @property
    def missing(self) -> tuple[Citation, ...]:
        """The figures that stand but do not occur in the text."""
        return tuple(c for c in self.cited if c.stands and not occurs(c.cited, self.text))

    def rate(self, points: Mapping[str, float] | None = None) -> Answered:
        """Say of each key point whether your answer has it: 0 (no), 0.5 (in part) or 1 (yes)."""
        if not self.committed:
            return self
        rated = dict(self.ratings) | dict(points or {})
        names = {f.point.name for f in self.found}
        for name, value in rated.items():
            if name not in names:
                raise UnknownName.among("key point", name, names)
            if value not in RATINGS:
                raise UsageError(
                    _("{name} is rated {value}; it may be 0, 0.5 or 1").format(
                        name=name, value=value
                    )
                )
        if points:
            diary.note("rating", {"question": self.topic.name, "points": rated})
        return replace(self, ratings=rated)

    def reflect(self, text: str) -> Answered:
        """Look back: what your runs, the key points or the follow-up questions changed."""
        if self.committed and text.strip():
            name = f"{self.topic.name}, looking back"
            diary.note("answer", {"question": name, "text": text, "points": {}})
        return replace(self, reflection=text)

    def reveal(self) -> Revealed | Note:
        """The rubric: what each key point says. Before an answer is committed it stays closed."""
        if self.committed:
            return Revealed(self)
        call = f"{self.topic.name}.answer(…)"
        return Note(
            _("First commit an answer, with {call}; then the rubric is shown.").format(call=call)
        )

    @property
    def _head(self) -> list[str]:
        if not self.committed:
            return [_("No answer is committed yet. Write one, with the figures that you cited.")]
        lines = [
            _(
                "Committed. Beside each key point of the rubric stands what a matcher finds in "
                "your text. It reads English, goes by words, and overlooks much; no point of the "
                "check depends on it."
            )
        ]
        lines += [
            _("You cited {cited} ({name}), but your text does not have it.").format(
                cited=c.cited, name=c.name
            )
            for c in self.missing
        ]
        return lines

    @property
    def _rows(self) -> list[tuple[str, str, str]]:
        """Name, state and what rests on it, for each key point."""
        return [(f.point.name, _said(f), _about(f)) for f in self.found]

    @property
    def _foot(self) -> list[str]:
        if not self.committed:
            return []
        name = self.topic.name
        if not self.ratings:
            return [
                _("Next: read the rubric with {reveal}, and rate yourself with {rate}.").format(
                    reveal="answer.reveal()",
                    rate=f'answer.rate({{"{self.found[0].point.name}": 0.5}})',
                )
            ]
        if not self.reflection.strip():
            return [_("Next: look back, with {call}.").format(call="answer.reflect(…)")]
        return [_("Next: {call}").format(call=f'check("{name}", …)')]

    @property
    def _table(self) -> tuple[list[str], list[list[str]]]:
        rows = []
        for (name, state, about), found in zip(self._rows, self.found, strict=True):
            own = self.ratings.get(found.point.name)
            rows.append([name, state, *([f"{own:g}" if own is not None else "-"]), about])
        columns = [_("key point"), _("the matcher"), _("you"), _("your words, or a question back")]
        if not self.ratings:
            return [c for c in columns if c != _("you")], [[r[0], r[1], r[3]] for r in rows]
        return columns, rows

    def __str__(self) -> str:
        table = tables.as_text(*self._table, left=True) if self.found else ""
        return "\n".join(filter(None, [*self._head, table, *self._foot]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def lines(given: list[str]) -> str:
            said = "<br>".join(map(escape, given))
            return f'<p role="status">{said}</p>' if said else ""

        table = tables.as_html(*self._table, left=True) if self.found else ""
        return lines(self._head) + table + lines(self._foot)


@dataclass(frozen=True)
class Revealed:
    """The rubric of a question that has been answered."""

    answered: Answered

    @property
    def _rows(self) -> list[list[str]]:
        return [[f.point.name, f.point.says] for f in self.answered.found]

    def __str__(self) -> str:
        return tables.as_text([_("key point"), _("what it says")], self._rows, left=True)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return tables.as_html([_("key point"), _("what it says")], self._rows, left=True)


def _said(found: Found) -> str:
    if found.state == MENTIONED:
        return _("mentioned")
    if found.state == MAY_CONFLICT:
        return _("may conflict")
    return _("not found (could still be right)")


def _about(found: Found) -> str:
    if found.span:
        return _("“{span}”").format(span=one_line(found.span))
    return _(found.point.follow_up)
