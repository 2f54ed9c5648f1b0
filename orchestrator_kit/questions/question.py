"""A Socratic question at work: predict, run, cite, answer. Each step is noted in the diary.

It remembers what was predicted, run and cited in this session, so that an answer is committed
together with what it rests on. Knows what is asked, not what is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from orchestrator_kit import diary
from orchestrator_kit.catalogue import _
from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.loading import load_task
from orchestrator_kit.matching import find
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.predictions import Prediction, Value, predict
from orchestrator_kit.questions.answered import Answered
from orchestrator_kit.questions.application import APPLICATION
from orchestrator_kit.questions.balance import BALANCE
from orchestrator_kit.questions.debate import DEBATE
from orchestrator_kit.questions.evidence import Citation, Citations, Evidence, Note
from orchestrator_kit.questions.evolution import EVOLUTION
from orchestrator_kit.questions.reading import SHARE
from orchestrator_kit.questions.rubric import key_points
from orchestrator_kit.questions.scale import SCALE
from orchestrator_kit.questions.topic import Topic
from orchestrator_kit.tasks import Task

TOPICS: dict[str, Topic] = {t.name: t for t in (BALANCE, EVOLUTION, SCALE, DEBATE, APPLICATION)}


class Question:
    """One of the five questions, in the hands of a learner."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.predicted: Prediction | None = None
        self.evidence: list[Evidence] = []
        self.cited: dict[str, Citation] = {}

    def predict(self, value: Value | None, *, sure: float = 0.5) -> Prediction | Note:
        """Commit what you expect, before anything is run; None predicts nothing yet."""
        if value is None:
            return Note(_("Nothing predicted yet. {what}").format(what=_(self.topic.predicts)))
        self.predicted = predict(self.topic.name, value, sure=sure)
        return self.predicted

    def run(self, task: Task | str | None = None, model: Model | None = None) -> Evidence:
        """Run the experiment that bears on the question, if there is a prediction to hold it to.

        The packaged task and the simulated model are used where none is given.
        """
        if self.predicted is None:
            return Evidence(self.topic)
        chosen = task if isinstance(task, Task) else load_task(task or self.topic.task)
        runs = self.topic.make(chosen, model or SimulatedModel())
        made = Evidence(self.topic, chosen, runs, self.predicted)
        outcome = None
        if reading := made.readings.get(self.topic.outcome):
            measured, unit = reading.value, reading.unit
            if unit == SHARE and not isinstance(measured, str):
                measured, unit = round(100 * measured, 1), "percent"
            outcome = self.predicted.against(measured, unit, within=self.topic.within)
        self.evidence.append(Evidence(self.topic, chosen, runs, self.predicted, outcome))
        return self.evidence[-1]

    def cite(self, evidence: Evidence, figures: Mapping[str, str | float]) -> Citations:
        """Cite figures of your runs by the names of their readings, as precisely as you wish.

        Evidence of another question is refused with UsageError. What is cited under a name again
        takes the place of what was cited before.
        """
        if not isinstance(evidence, Evidence):
            raise UsageError(
                _("Cite from what {call} gave you, not from {what}.").format(
                    call=f"{self.topic.name}.run()", what=type(evidence).__name__
                )
            )
        if evidence.topic.name != self.topic.name:
            raise UsageError(
                _("Those runs were made for the question {theirs}; this is {ours}.").format(
                    theirs=evidence.topic.name, ours=self.topic.name
                )
            )
        made = tuple(Citation(evidence, name, str(cited)) for name, cited in figures.items())
        for one in made:
            self.cited[one.name] = one
            diary.note(
                "evidence",
                {
                    "question": self.topic.name,
                    "figure": one.name,
                    "cited": one.cited,
                    "stands": one.stands,
                },
            )
        return Citations(made, tuple(evidence.readings))

    def answer(self, text: str) -> Answered:
        """Commit an answer; only then is anything of the rubric shown. Nothing comes of no text."""
        if not isinstance(text, str):
            raise UsageError(_("An answer is a text, not {what}.").format(what=type(text).__name__))
        rests_on = (tuple(self.evidence), tuple(self.cited.values()))
        if not text.strip():
            return Answered(self.topic, "", *rests_on)
        found = tuple(
            find(text, point, context=self.topic.asks)
            for point in key_points(self.topic.name, self.topic.follow_ups)
        )
        states = {f.point.name: f.state for f in found}
        diary.note("answer", {"question": self.topic.name, "text": text, "points": states})
        return Answered(self.topic, text, *rests_on, found)

    @property
    def next(self) -> str:
        """The next step."""
        name = self.topic.name
        if self.predicted is None:
            return f"{name}.predict(…, sure=0.5)"
        if not self.evidence:
            return f"{name}.run()"
        return f"{name}.cite(…, …)" if not self.cited else f"{name}.answer(…)"

    @property
    def _parts(self) -> list[tuple[str, str]]:
        return [
            (_(self.topic.title), _(self.topic.asks)),
            (_("Predict"), _(self.topic.predicts)),
            (_("Run"), _(self.topic.tries)),
            (_("Next"), self.next),
        ]

    def __str__(self) -> str:
        return "\n".join(f"{head}: {text}" for head, text in self._parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        said = "<br>".join(f"<strong>{escape(h)}.</strong> {escape(t)}" for h, t in self._parts)
        return f"<p>{said}</p>"


def question(name: str) -> Question:
    """One of the five questions by its name; UnknownName lists them."""
    if name not in TOPICS:
        raise UnknownName.among("question", name, TOPICS)
    return Question(TOPICS[name])


def questions() -> tuple[str, ...]:
    """The names of the five questions."""
    return tuple(TOPICS)
