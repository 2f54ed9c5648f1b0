"""Verdicts: what a judge's record says of an answer, fact by fact, beside the gold matcher.

A fact was put to the judge twice, with the fact first and with the answer first. Where the two
replies differ, or a yes comes without words that stand in the answer, the verdict is "unsure". A
judge is no oracle, so its agreement with the gold matcher (`scoring`) belongs to its verdicts.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from orchestrator_kit import tables
from orchestrator_kit.answer import Answer
from orchestrator_kit.errors import ModelError
from orchestrator_kit.events import CallEnded, CallFailed, CallRefused, CallStarted
from orchestrator_kit.metrics import measure
from orchestrator_kit.record import Run
from orchestrator_kit.roles import juror
from orchestrator_kit.roles.juror import ORDERS, Opinion, Order
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Fact, Task

SCHEMA = 1
Word = Literal["carried", "absent", "unsure", "not judged"]
WORDS: tuple[Word, ...] = ("carried", "absent", "unsure", "not judged")

_NAME = re.compile(r"^fact (\d+), (fact first|answer first)$")


def cohens_kappa(counts: Mapping[tuple[str, str], int]) -> float | None:
    """The agreement of two raters beyond that of chance (Cohen, 1960), from how often which two
    words fell together. None where both always say the same one thing, so that chance alone agrees.
    """
    one: Counter[str] = Counter()
    other: Counter[str] = Counter()
    for (said, also_said), n in counts.items():
        one[said] += n
        other[also_said] += n
    n, same = one.total(), sum(n for (a, b), n in counts.items() if a == b)
    chance = sum(one[word] * other[word] for word in one)  # of n * n pairs
    return None if chance == n * n else (n * same - chance) / (n * n - chance)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one fact: the judge's word, and whether the gold matcher finds it (`gold`).

    `opinions` are the replies in the two orders, as far as there are any; `why` says what made the
    verdict unsure, or kept it from being made.
    """

    fact: Fact
    word: Word
    gold: bool
    opinions: dict[Order, Opinion]
    why: str = ""

    @property
    def quotes(self) -> tuple[str, ...]:
        """The words of the answer that carry the fact, each once."""
        if self.word != "carried":
            return ()
        return tuple(dict.fromkeys(q for o in self.opinions.values() for q in o.quotes))


@dataclass(frozen=True, slots=True)
class Agreement:
    """Judge against gold matcher: `counts[gold finds it][the judge's word]`."""

    counts: dict[bool, dict[Word, int]]

    @property
    def decided(self) -> int:
        """How many facts the judge was sure of."""
        return sum(row[word] for row in self.counts.values() for word in WORDS[:2])

    @property
    def share(self) -> float | None:
        """The share of those in which both say the same; None where there are none."""
        same = self.counts[True]["carried"] + self.counts[False]["absent"]
        return same / self.decided if self.decided else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa over those (Cohen, 1960): the agreement beyond that of chance.

        None where both always say the same one thing, and chance alone would agree.
        """
        label = {True: WORDS[0], False: WORDS[1]}
        return cohens_kappa({(label[g], w): self.counts[g][w] for g in label for w in WORDS[:2]})

    def total(self, word: Word) -> int:
        return sum(row[word] for row in self.counts.values())

    def __str__(self) -> str:
        kappa = "none" if self.kappa is None else f"{self.kappa:.2f}"
        return (
            f"agreement with the gold matcher: {tables.percent(self.share)} of the {self.decided} "
            f"facts that the judge is sure of, Cohen's kappa {kappa}; {self.total('unsure')} "
            f"unsure, {self.total('not judged')} not judged"
        )


@dataclass(frozen=True)
class Judgement:
    """The verdicts on one answer, in the order of the task's facts, and the record of the judge."""

    record: Run
    verdicts: tuple[Verdict, ...]

    @cached_property
    def agreement(self) -> Agreement:
        """How far the judge and the gold matcher say the same."""
        counts = {gold: dict.fromkeys(WORDS, 0) for gold in (True, False)}
        for v in self.verdicts:
            counts[v.gold][v.word] += 1
        return Agreement(counts)

    @property
    def recall(self) -> float | None:
        """The share of the facts that the judge is sure of that it finds carried."""
        a = self.agreement
        return a.total("carried") / a.decided if a.decided else None

    def to_dict(self) -> dict[str, Any]:
        """The judgement as plain data; docs/architecture.md has its keys."""
        a, m = self.agreement, measure(self.record)
        return {
            "schema": SCHEMA,
            "task": self.record.started.task,
            "model": self.record.started.model,
            "status": self.record.status,
            "recall": self.recall,
            "agreement": {
                "share": a.share,
                "kappa": a.kappa,
                "decided": a.decided,
                "unsure": a.total("unsure"),
                "not_judged": a.total("not judged"),
                "gold_carried": a.counts[True],
                "gold_absent": a.counts[False],
            },
            "verdicts": [
                {
                    "fact": v.fact.says,
                    "specialist": v.fact.specialist,
                    "verdict": v.word,
                    "gold": "carried" if v.gold else "absent",
                    "quotes": list(v.quotes),
                    "why": v.why,
                    "opinions": {
                        order: {"says": o.word, "quotes": list(o.quotes), "why": o.why}
                        for order, o in v.opinions.items()
                    },
                }
                for v in self.verdicts
            ],
            "calls": m.calls,
            "input_tokens": m.input_tokens,
            "output_tokens": m.output_tokens,
            "cost_usd": m.cost_usd,
            "failures": list(m.failures),
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text; the same replies give the same bytes on virtual time."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"

    def __str__(self) -> str:
        parts = [tables.as_text(*verdicts(self), left=True), tables.as_text(*confusion(self))]
        return "\n\n".join([*parts, str(self.agreement)])

    def __repr__(self) -> str:
        return f"Judgement({len(self.verdicts)} facts, {self.record.started.model})"

    def _repr_html_(self) -> str:
        return tables.as_html(*verdicts(self)) + tables.as_html(*confusion(self))


def read(record: Run, answer: Answer, task: Task) -> Judgement:
    """The verdicts that a judge's record holds on an answer, whether it came to its end or not."""
    said: dict[tuple[int, Order], Opinion] = {}
    failed: dict[tuple[int, Order], str] = {}
    whose: dict[int, tuple[int, Order]] = {}
    for event in record.events:
        if isinstance(event, CallStarted) and (key := _key(event.agent)):
            whose[event.call] = key
        elif isinstance(event, CallRefused) and (key := _key(event.agent)):
            failed[key] = event.kind
        elif isinstance(event, CallFailed) and event.call in whose:
            failed[whose[event.call]] = event.kind
        elif isinstance(event, CallEnded) and event.call in whose:
            try:
                said[whose[event.call]] = juror.read(answer, event.text)
            except ModelError as e:
                failed[whose[event.call]] = e.kind
    gold = set(score(task, answer).found)
    made = []
    for n, fact in enumerate(task.facts, 1):
        opinions = {order: said[n, order] for order in ORDERS if (n, order) in said}
        kinds = {order: failed.get((n, order), "not asked") for order in ORDERS}
        word, why = _together(opinions, kinds)
        made.append(Verdict(fact, word, fact in gold, opinions, why))
    return Judgement(record, tuple(made))


def verdicts(found: Judgement) -> tuple[tables.Columns, tables.Rows]:
    """A row a fact: what the judge says, what the gold matcher says, and the words it rests on."""
    rows = [
        [v.word, "carried" if v.gold else "absent", v.fact.says, v.why or "; ".join(v.quotes)]
        for v in found.verdicts
    ]
    return ["judge", "gold", "fact", "quotation, or why not"], rows


def confusion(found: Judgement) -> tuple[tables.Columns, tables.Rows]:
    """The gold matcher's word down, the judge's across."""
    counts = found.agreement.counts
    rows = [
        [name, *(str(counts[gold][word]) for word in WORDS)]
        for gold, name in ((True, "carried"), (False, "absent"))
    ]
    return ["gold, judge:", *WORDS], rows


def _together(opinions: dict[Order, Opinion], failed: dict[Order, str]) -> tuple[Word, str]:
    """One verdict of the two replies, and what keeps it from being a sure one."""
    if missing := [order for order in ORDERS if order not in opinions]:
        return "not judged", ", ".join(f"{order}: {failed[order]}" for order in missing)
    first, second = (opinions[order] for order in ORDERS)
    if whys := list(dict.fromkeys(o.why for o in (first, second) if o.why)):
        return "unsure", "; ".join(whys)
    if first.word != second.word:
        told = ", ".join(f"{order}: {opinions[order].word}" for order in ORDERS)
        return "unsure", f"it depends on the order ({told})"
    return first.word, "it says so itself" if first.word == "unsure" else ""


def _key(agent: str) -> tuple[int, Order] | None:
    """The fact's number and the order of a call, by the name that it goes by."""
    found = _NAME.match(agent)
    if not found:
        return None
    return int(found[1]), ORDERS[0] if found[2] == ORDERS[0] else ORDERS[1]
