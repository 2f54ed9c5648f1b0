"""Baselines that do not read: the first sentences of the documents, whatever is asked, and any.

A pattern that does not beat the first has not shown that it is of use, one that does not beat
the second has not shown that it reads. They need no model and no call.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from orchestrator_kit import Answer, Document, Statement, Task, tables
from orchestrator_kit.answer import Report, merge
from orchestrator_kit.models.simulated import count_tokens
from orchestrator_kit.scoring import score
from orchestrator_kit.tables import Columns, Rows
from orchestrator_kit.text import sentences
from orchestrator_kit.trials import Trials, bootstrap, table, verdict

FIRST, ANY = "first sentences", "any sentences"


def first_sentences(task: Task) -> Answer:
    """The first sentences of each document in turn, as long as an answer may be."""
    return _merged(task, *(_said(d) for d in task.documents))


def any_sentences(task: Task, seed: int) -> Answer:
    """Sentences drawn from all documents alike, as long as an answer may be."""
    drawn = [s for d in task.documents for s in _said(d)]
    Random(seed).shuffle(drawn)
    return _merged(task, drawn)


def _said(document: Document) -> list[Statement]:
    return [
        Statement(s, (section.id,))
        for section in document.sections
        for s in sentences(section.text)
    ]


def _merged(task: Task, *told: Sequence[Statement]) -> Answer:
    reports = [Report(str(n), tuple(findings)) for n, findings in enumerate(told)]
    return merge(reports, count_tokens, task.budget.answer_tokens)


def beside(found: Trials, tasks: Sequence[Task]) -> tuple[Columns, Rows]:
    """The table of recalls under a row for each baseline, and what each has over the first.

    `tasks` are those of the comparisons, in their order; all have gold facts. The n-th draws its
    sentences with the seed n.
    """
    first = [score(t, first_sentences(t)).recall or 0.0 for t in tasks]
    drawn = [score(t, any_sentences(t, n)).recall or 0.0 for n, t in enumerate(tasks)]
    columns, rows = table(found)

    def over(recalls: Sequence[float]) -> list[str]:
        more = bootstrap([r - f for r, f in zip(recalls, first, strict=True)])
        return [f"{100 * more.mean:+.1f} points", verdict(more)]

    def unread(name: str, recalls: Sequence[float]) -> list[str]:
        own = bootstrap(recalls)
        spread = f"{own.low:.1%} to {own.high:.1%}"
        return [name, "0", "0", "$0", "0 s", f"{own.mean:.1%}", spread, tables.NONE, ""]

    read = (
        [*row, *over([v or 0.0 for v in found.values(name, "recall")])]
        for row, name in zip(rows, found.patterns, strict=True)
    )
    return [*columns, f"over {FIRST}", "verdict"], [
        [*unread(FIRST, first), tables.NONE, ""],
        [*unread(ANY, drawn), *over(drawn)],
        *read,
    ]
