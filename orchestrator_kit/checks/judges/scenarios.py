"""Judges of the exercises on scenarios: choosing a pattern, building a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import isclose
from typing import Any

from orchestrator_kit.answer import Answer, Statement
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part, first_fault
from orchestrator_kit.checks.watch import not_a_function, quoted, watched
from orchestrator_kit.comparison import Comparison, Row
from orchestrator_kit.experiments import compare, run
from orchestrator_kit.loading import load_task, scenarios
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.scoring import needs_several, says, score
from orchestrator_kit.tasks import Fact, Task
from orchestrator_kit.text import normalise, sentences

# ---- choice-1 ----

PRIORITIES: dict[str, Callable[[Row], float]] = {
    "seconds": lambda row: row.measures.latency_s,
    "dollars": lambda row: row.measures.cost_usd or 0.0,
    "tokens": lambda row: float(row.measures.tokens),
}
_RUN = ("single_call", "parallelization", "master_slave", "orchestrator_worker")


@dataclass(frozen=True)
class _Wish:
    """A comparison, what counts, and the recall that is asked for at least."""

    found: Comparison
    priority: str
    least: float

    @property
    def enough(self) -> list[Row]:
        rows = (row for row in self.found.rows if row.run.status == "done")
        return [row for row in rows if (row.score.recall or 0.0) >= self.least]

    def __str__(self) -> str:
        figure = PRIORITIES[self.priority]
        rows = "; ".join(
            f"{r.pattern} {r.run.status}, recall {r.score.recall or 0:.3f}, {figure(r):.6g}"
            for r in self.found.rows
        )
        return _('"{priority}", recall at least {least:.3f}, rows: {rows}').format(
            priority=self.priority, least=self.least, rows=rows
        )


@exercise(
    "choice-1",
    title=N_("Choose a pattern by what counts"),
    level=1,
    notebook="20_scenarios",
    hints=(
        N_(
            "Two steps in this order: leave out what is not good enough, then take the best of "
            "the rest by the figure that counts."
        ),
        N_(
            "A row has `run.status`, `score.recall`, `pattern`, and `measures` with `latency_s`, "
            "`cost_usd` and `tokens`. A run that failed may have cost little and brought nothing."
        ),
        N_(
            "`min(rows, key=...)` takes the smallest by a figure; a dict can say which figure "
            "belongs to which priority. What is to be returned if no row is left?"
        ),
    ),
)
def choice_1(choose: object) -> Iterator[Part]:
    """A function from a comparison, a priority and a least recall to a pattern and its figure."""
    yield Part(_("a function"), not_a_function(choose), needed=True)
    assert callable(choose)
    wishes = _wishes()
    yield _wished(
        _("the least seconds, dollars or tokens of those with enough recall"),
        choose,
        wishes["some"],
    )
    yield _wished(
        _("a recall that only some or none of the patterns reach"), choose, wishes["high"]
    )
    yield _wished(_("comparisons in which a run failed"), choose, wishes["failed"])


@lru_cache(maxsize=1)
def _wishes() -> dict[str, list[_Wish]]:
    rng = stream("choice-1")
    found: dict[str, list[_Wish]] = {"some": [], "high": [], "failed": []}
    for scene in scenes("choice-1", 3):
        whole = compare(scene.task, scene.model, patterns=_RUN)
        crash = Faults(scene.model, [Fault("crash", role="worker")])
        broken = compare(scene.task, crash, patterns=["single_call"], recovery="none").rows[0]
        recalls = sorted(row.score.recall or 0.0 for row in whole.rows)
        for priority in PRIORITIES:
            rows = tuple(rng.sample(whole.rows, len(whole.rows)))
            some = replace(whole, rows=rows)
            found["some"] += [_Wish(some, priority, 0.0), _Wish(some, priority, recalls[1])]
            few = replace(whole, rows=rows[:3])
            for least in (recalls[-1], recalls[-2], recalls[-1] + 0.001, recalls[2] - 0.001):
                found["high"].append(_Wish(rng.choice((few, some)), priority, least))
            failed = replace(whole, rows=(*rows[1:], broken))
            found["failed"] += [_Wish(failed, priority, 0.0), _Wish(failed, priority, recalls[-1])]
            found["failed"].append(_Wish(replace(whole, rows=(broken,)), priority, 0.0))
    return found


def _wished(asks: str, choose: Callable[..., Any], wishes: Sequence[_Wish]) -> Part:
    return first_fault(asks, wishes, partial(_fault_in_choice, choose))


def _fault_in_choice(choose: Callable[..., Any], wish: _Wish) -> str | None:
    outcome = watched(choose, wish.found, wish.priority, wish.least)
    if outcome.complaint:
        return outcome.complaint
    said, enough = outcome.value, wish.enough
    if said is None:
        return (
            _(
                "The function returned None, but there is a pattern that was done with at least "
                "this recall. (Exactly as much is enough.)"
            )
            if enough
            else None
        )
    names = [row.pattern for row in wish.found.rows]
    if not (isinstance(said, tuple | list) and len(said) == 2 and said[0] in names):
        return _(
            "Expected a pair of the name of a pattern in the comparison and its figure, or None; "
            "the function returned {said}."
        ).format(said=quoted(said))
    figure = PRIORITIES[wish.priority]
    if not enough:
        return _(
            "The function chose {said}, but no run of this comparison was done with so much "
            "recall. Expected None: say so instead of choosing what is not good enough."
        ).format(said=said[0])
    # A pattern may stand there twice, done and failed: its best reading counts.
    mine = [row for row in enough if row.pattern == said[0]]
    if not mine:
        return _(
            "The function chose {said}, which was not done or has less recall than is asked for."
        ).format(said=said[0])
    least = min(map(figure, enough))
    if not any(isclose(figure(row), least) for row in mine):
        return _(
            "The function chose {said}. It is good enough, but another pattern that is too takes "
            "less of what counts here: {priority}. (Exactly the recall asked for is enough.)"
        ).format(said=said[0], priority=wish.priority)
    if not isinstance(said[1], int | float) or not isclose(said[1], least, rel_tol=1e-6):
        return _(
            "The function chose {said}, and rightly so, but gave {figure} as the reason. Expected "
            "this run's own {priority}."
        ).format(said=said[0], figure=quoted(said[1]), priority=wish.priority)
    return None


# ---- task-1 ----

SEEDS = 7
MOST = 5
FACTS = 6
_BROAD = 3  # more sentences than that are not one fact


@exercise(
    "task-1",
    title=N_("A task that rewards a team"),
    level=2,
    notebook="20_scenarios",
    hints=(
        N_(
            "First make the facts right: a phrase that stands word for word in one sentence of "
            "your documents, and in hardly any other. A figure with the word after it will do."
        ),
        N_(
            "A single reader loses what lies in the middle of a long context, and nothing in a "
            "short one. How long is your material, and where in it do the facts stand?"
        ),
        N_(
            "A specialist finds a sentence by the words of its expertise, and the planner gives it "
            "the sections whose titles speak those words. And an answer that has room for few "
            "statements has no room for what a team finds: look at `answer_tokens`."
        ),
    ),
)
def task_1(task: object) -> Iterator[Part]:
    """A task of the learner's own on which a team finds more than one reader does."""
    yield Part(_("a task of your own"), _not_a_task(task), needed=True)
    assert isinstance(task, Task)
    said = [normalise(s) for d in task.documents for s in sentences(d.text)]
    yield Part(_("facts that are found where they stand"), _fault_in_standing(task, said))
    yield Part(_("facts that tell a good answer from another"), _fault_in_telling(task, said))
    asks = _("a team that finds more than one reader, in at least {most} of {seeds} seeds")
    yield Part(asks.format(most=MOST, seeds=SEEDS), _fault_in_winning(task))


@lru_cache(maxsize=1)
def _packaged() -> tuple[Task, ...]:
    return tuple(map(load_task, scenarios()))


def _not_a_task(task: object) -> str | None:
    if not isinstance(task, Task):
        return _(
            "Expected a `Task`, made by `Task(...)` or `load_task(folder)`; what was given is of "
            "the type {kind}."
        ).format(kind=type(task).__name__)
    known = {normalise(d.text) for other in _packaged() for d in other.documents}
    own = [d for d in task.documents if normalise(d.text) not in known]
    if len(own) < 2:
        return _(
            "Expected at least two documents of your own; this task has {n} that did not come "
            "with the kit."
        ).format(n=len(own))
    if len(task.specialists) < 2:
        return _("A team needs at least two specialists; the roster of this task has one.")
    theirs = {fact.says for other in _packaged() for fact in other.facts}
    facts = [fact for fact in task.facts if fact.says not in theirs]
    if len(facts) < FACTS:
        return _(
            "Expected at least {least} gold facts of your own, so that recall is more than luck; "
            "this task has {n}."
        ).format(least=FACTS, n=len(facts))
    return None


def _fault_in_standing(task: Task, said: Sequence[str]) -> str | None:
    whole = Answer(tuple(Statement(s) for s in said))
    if missed := score(task, whole).missed:
        return _(
            "Not even an answer of all sentences of the documents has the fact {fact}: its phrases "
            "{match} do not stand there word for word, each within a sentence."
        ).format(fact=quoted(missed[0].says), match=quoted(missed[0].match))
    return None


def _fault_in_telling(task: Task, said: Sequence[str]) -> str | None:
    if found := score(task, Answer((Statement("Hm."),))).found:
        return _(
            "The fact {fact} is found in an answer that says nothing: it has no phrase to look for."
        ).format(fact=quoted(found[0].says))
    seen: dict[tuple[str, ...], Fact] = {}
    for fact in task.facts:
        if says([normalise(task.prompt)], fact):
            return _(
                "The fact {fact} is found in an answer that merely repeats the question. Choose "
                "phrases that only somebody who has read the documents can say."
            ).format(fact=quoted(fact.says))
        hits = sum(says([one], fact) for one in dict.fromkeys(said))
        if hits > _BROAD:
            return _(
                "The fact {fact} is found in each of {n} different sentences. Phrases that stand "
                "everywhere reward any answer; take rarer ones."
            ).format(fact=quoted(fact.says), n=hits)
        key = tuple(sorted(map(normalise, fact.match)))
        if key in seen:
            return _("The facts {one} and {other} have the same phrases, so they are one.").format(
                one=quoted(seen[key].says), other=quoted(fact.says)
            )
        seen[key] = fact
    return _in_one_place(task)


def _in_one_place(task: Task) -> str | None:
    holding = [
        d
        for d in task.documents
        if any(says([normalise(s) for s in sentences(d.text)], f, across=True) for f in task.facts)
    ]
    if len(holding) < 2 and not any(needs_several(task, f) for f in task.facts):
        return _("All facts stand in one document; whoever reads that one needs no team.")
    return None


def _fault_in_winning(task: Task) -> str | None:
    rng = stream("task-1")
    team = reader = 0.0
    more = 0
    for _k in range(SEEDS):
        model = SimulatedModel(rng.randrange(1_000, 1_000_000))
        alone, many = (
            score(task, run(task, pattern, model).answer).recall or 0.0
            for pattern in ("single_call", "orchestrator_worker")
        )
        more += many > alone
        team, reader = team + many / SEEDS, reader + alone / SEEDS
    if more >= MOST:
        return None
    figures = {"more": more, "seeds": SEEDS, "team": team, "reader": reader}
    if reader > 0.9:
        return _(
            "The team finds more in {more} of {seeds} seeds. A single reader finds {reader:.0%} "
            "of your facts in the mean: there is nothing left for a team. What makes it lose some?"
        ).format(**figures)
    if team < 0.5:
        return _(
            "The team finds more in {more} of {seeds} seeds. It finds only {team:.0%} of your "
            "facts in the mean: are they given to somebody whose words they speak, and do they "
            "fit into the reports and the answer?"
        ).format(**figures)
    return _(
        "The team finds more in {more} of {seeds} seeds, in the mean {team:.0%} of your facts; a "
        "single reader {reader:.0%}. What would hurt the reader and not the team?"
    ).format(**figures)
