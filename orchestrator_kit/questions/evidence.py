"""Evidence: the learner's own runs for a question, the figures in them, and figures cited of them.

A figure stands if it is read from these runs, rounded as it was cited. What does not stand is
refused without saying what would. Knows no rubric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape

from orchestrator_kit import tables
from orchestrator_kit.catalogue import _, ngettext
from orchestrator_kit.predictions import Outcome, Prediction
from orchestrator_kit.questions.reading import Reading, stands
from orchestrator_kit.questions.topic import Topic
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Task


@dataclass(frozen=True)
class Note:
    """A sentence or two that a question says back."""

    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<p role="status">{escape(self.text)}</p>'


@dataclass(frozen=True)
class Evidence:
    """Runs that bear on a question, made after a prediction; without one nothing is run.

    `readings` are read from the runs anew, by name.
    """

    topic: Topic
    task: Task | None = None
    runs: Mapping[str, Run] = field(default_factory=dict)
    prediction: Prediction | None = None
    outcome: Outcome | None = None

    @cached_property
    def readings(self) -> dict[str, Reading]:
        """The figures of these runs, by name."""
        if self.task is None or not self.runs:
            return {}
        return {r.name: r for r in self.topic.read(self.task, self.runs)}

    @property
    def _rows(self) -> list[list[str]]:
        return [[r.name, r.shown] for r in self.readings.values()]

    @property
    def _says(self) -> list[str]:
        if not self.runs:
            return [
                _("Nothing was run: first say what you expect, with {call}.").format(
                    call=f"{self.topic.name}.predict(…)"
                )
            ]
        n = len(self.runs)
        counted = ngettext("{n} run is yours.", "{n} runs are yours.", n).format(n=n)
        cite = f'{self.topic.name}.cite(…, {{"{next(iter(self.readings))}": "…"}})'
        return [
            *([str(self.outcome)] if self.outcome else []),
            counted,
            _("Cite figures by their names: {call}").format(call=cite),
        ]

    def __str__(self) -> str:
        table = tables.as_text([_("reading"), _("value")], self._rows) if self.runs else ""
        return "\n".join(filter(None, (table, *self._says)))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        table = tables.as_html([_("reading"), _("value")], self._rows) if self.runs else ""
        said = "".join(f"<br>{escape(line)}" for line in self._says).removeprefix("<br>")
        return f'{table}<p role="status">{said}</p>'


@dataclass(frozen=True)
class Citation:
    """A figure that a learner cites of evidence, under the name of a reading."""

    evidence: Evidence
    name: str
    cited: str

    @property
    def reading(self) -> Reading | None:
        """The reading of that name; None where the evidence has none."""
        return self.evidence.readings.get(self.name)

    @property
    def stands(self) -> bool:
        """Whether the figure is in the learner's own record, within its rounding."""
        return self.reading is not None and stands(self.reading, self.cited)

    def __str__(self) -> str:
        if self.reading is None:
            return _("✘ {name}: your runs have no reading of that name.").format(name=self.name)
        if self.stands:
            return _("✔ {name}: {cited} stands.").format(name=self.name, cited=self.cited)
        return _(
            "✘ {name}: you cite {cited}, and that is not what your runs say, to that precision. "
            "Look once more at the reading, its unit included."
        ).format(name=self.name, cited=self.cited)


@dataclass(frozen=True)
class Citations:
    """What became of the figures that were cited in one go."""

    made: tuple[Citation, ...]
    known: tuple[str, ...] = ()

    @property
    def stand(self) -> tuple[Citation, ...]:
        """Those that stand."""
        return tuple(c for c in self.made if c.stands)

    @property
    def _lines(self) -> list[str]:
        if not self.made:
            return [_("Nothing is cited yet.")]
        lines = [str(c) for c in self.made]
        if any(c.reading is None for c in self.made):
            lines.append(_("There are: {names}").format(names="; ".join(self.known) or "-"))
        return lines

    def __str__(self) -> str:
        return "\n".join(self._lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        said = "<br>".join(escape(line) for line in self._lines)
        return f'<p role="status">{said}</p>'
