"""A model that reads a learner's answer, point by point. Off until somebody asks for it.

Before its verdicts on the answer are shown, it is measured on short answers whose labels are known;
below a stated agreement they are shown only on request. It earns and costs no points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

from orchestrator_kit import tables
from orchestrator_kit.answer import Answer, Statement
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import UsageError
from orchestrator_kit.experiments import WORKERS, run
from orchestrator_kit.group import together
from orchestrator_kit.models.base import Model
from orchestrator_kit.questions.answered import Answered
from orchestrator_kit.questions.question import TOPICS
from orchestrator_kit.questions.rubric import labelled, points
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.roles import examiner
from orchestrator_kit.roles.ask import Ask
from orchestrator_kit.roles.examiner import WORDS, Opinion, Word
from orchestrator_kit.tasks import Budget, Task
from orchestrator_kit.text import one_line
from orchestrator_kit.verdicts import cohens_kappa

KAPPA = 0.6  # Cohen's kappa from which on its verdicts are shown unasked
NOTHING = N_("none that counts")  # no reply, or one whose quotation is not in the answer
_SHOWN = (
    N_("present"),
    N_("absent"),
    N_("contradicts"),
    N_("it quotes nothing"),
    N_("its quotation does not stand in the answer"),
    N_("its quotation is too short to say anything"),
)  # what the examiner's role says; here only so that the catalogue has it


@dataclass(frozen=True)
class Reliability:
    """How far a model says of labelled answers what their labels say, and the record of it.

    What does not count (no reply, or a quotation that does not stand in the answer) is a
    disagreement, so that a model gains nothing by it.
    """

    model: str
    pairs: tuple[tuple[Word, str], ...]
    record: Run

    @property
    def accuracy(self) -> float:
        """The share of the labelled answers of which it says the label."""
        return sum(label == said for label, said in self.pairs) / len(self.pairs)

    @property
    def kappa(self) -> float:
        """Cohen's kappa (1960): the agreement beyond that of chance; 0 where chance is all."""
        return cohens_kappa(Counter(self.pairs)) or 0.0

    @property
    def enough(self) -> bool:
        """Whether its verdicts are shown unasked."""
        return self.kappa >= KAPPA

    @property
    def _table(self) -> tuple[list[str], list[list[str]]]:
        said = [*WORDS, NOTHING]
        rows = [
            [label, *(str(self.pairs.count((label, word))) for word in said)] for label in WORDS
        ]
        return [_("label, and what it says"), *map(_, said)], rows

    @property
    def _says(self) -> str:
        return _(
            "{model} says the label of {share} of {n} short answers of ours; Cohen's kappa is "
            "{kappa:.2f} (0 is chance, 1 is always)."
        ).format(
            model=self.model,
            share=tables.percent(self.accuracy),
            n=len(self.pairs),
            kappa=self.kappa,
        )

    def __str__(self) -> str:
        return f"{self._says}\n{tables.as_text(*self._table)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<p role="status">{escape(self._says)}</p>{tables.as_html(*self._table)}'


@dataclass(frozen=True)
class Examination:
    """What a model says of an answer's key points, shown after how far it can be trusted."""

    answered: Answered
    reliability: Reliability
    opinions: tuple[Opinion | None, ...]
    record: Run
    asked: bool = False

    def anyway(self) -> Examination:
        """The same, with its verdicts shown whatever its agreement is."""
        return Examination(self.answered, self.reliability, self.opinions, self.record, asked=True)

    @property
    def shown(self) -> bool:
        """Whether its verdicts are shown."""
        return self.reliability.enough or self.asked

    @cached_property
    def _rows(self) -> list[list[str]]:
        rows = []
        for found, opinion in zip(self.answered.found, self.opinions, strict=True):
            if opinion is None:
                rows.append([found.point.name, _(NOTHING), _("no reply that can be read")])
            elif not opinion.counts:
                rows.append([found.point.name, _(NOTHING), _(opinion.why)])
            else:
                span = one_line(opinion.quotation)
                about = _("“{span}”").format(span=span) if span else _(found.point.follow_up)
                rows.append([found.point.name, _(opinion.word), about])
        return rows

    @property
    def _says(self) -> str:
        if self.reliability.enough:
            return _("Its verdicts on your answer, which earn and cost nothing:")
        if self.asked:
            return _("Its verdicts, as you wished; by the figures above do not rely on them:")
        return _(
            "That is below {kappa:.2f}, so its verdicts on your answer are not shown. To see them "
            "all the same: {call}"
        ).format(kappa=KAPPA, call="opinions.anyway()")

    @property
    def _table(self) -> tuple[list[str], list[list[str]]]:
        columns = [_("key point"), _("the model"), _("your words, or a question back")]
        return columns, self._rows

    def __str__(self) -> str:
        lines = [str(self.reliability), "", self._says]
        if self.shown:
            lines.append(tables.as_text(*self._table, left=True))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        table = tables.as_html(*self._table, left=True) if self.shown else ""
        return f"{self.reliability._repr_html_()}<p>{escape(self._says)}</p>{table}"


def reliability(
    model: Model,
    *,
    workers: int = WORKERS,
    budget: Budget | None = None,
    recovery: Recovery | str = "retry",
) -> Reliability:
    """Measure a model on the labelled answers: a call for each, nothing of the learner in it."""
    answers = labelled()
    asks = []
    for n, one in enumerate(answers, 1):
        says = next(p.says for p in points(one["question"]) if p.name == one["point"])
        asked = TOPICS[one["question"]].asks
        asks.append(examiner.opinion(asked, says, one["text"], name=f"labelled {n}"))
    opinions, record = _asked("Labelled answers", asks, model, workers, budget, recovery)
    labels = [next(w for w in WORDS if w == one["label"]) for one in answers]
    return Reliability(model.name, tuple(zip(labels, map(_word, opinions), strict=True)), record)


def examine(
    answered: Answered,
    model: Model,
    *,
    measured: Reliability | None = None,
    workers: int = WORKERS,
    budget: Budget | None = None,
    recovery: Recovery | str = "retry",
) -> Examination:
    """Have a model read an answer that was committed: one call for each key point.

    It is first measured on the labelled answers, unless `measured` has that already. A `budget` is
    for each of the two. UsageError before an answer is committed.
    """
    if not answered.committed:
        raise UsageError(
            _("First commit an answer, with {call}.").format(
                call=f"{answered.topic.name}.answer(…)"
            )
        )
    if measured is None:
        measured = reliability(model, workers=workers, budget=budget, recovery=recovery)
    asks = [
        examiner.opinion(answered.topic.asks, f.point.says, answered.text, name=f.point.name)
        for f in answered.found
    ]
    title = f"An answer to {answered.topic.name}"
    opinions, record = _asked(title, asks, model, workers, budget, recovery)
    return Examination(answered, measured, opinions, record)


def _word(opinion: Opinion | None) -> str:
    return opinion.word if opinion and opinion.counts else NOTHING


def _asked(
    title: str,
    asks: Sequence[Ask[Opinion]],
    model: Model,
    workers: int,
    budget: Budget | None,
    recovery: Recovery | str,
) -> tuple[tuple[Opinion | None, ...], Run]:
    """The opinions in the order of the asks, None where there is none, and the record."""
    got: dict[int, Opinion] = {}

    async def examine(crew: Crew, task: Task) -> Answer:
        left = iter(enumerate(asks))

        async def work() -> None:
            for n, ask in left:  # one iterator for all: each ask goes to whoever is free
                opinion = await crew.turn(ask)
                if opinion is not None:
                    got[n] = opinion

        async with together() as group:
            for _n in range(min(crew.workers, len(asks))):
                group.create_task(work())
        said = (f"{ask.agent}: {_word(got.get(n))}" for n, ask in enumerate(asks))
        return Answer(tuple(map(Statement, said)))

    task = Task(title, budget=budget or Budget())
    record = run(task, examine, model, workers=workers, recovery=recovery)
    return tuple(got.get(n) for n in range(len(asks))), record
