"""Judges of the exercises on comparing patterns: the frontier, a rematch at equal tokens."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from random import Random
from statistics import fmean
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part, first_fault
from orchestrator_kit.checks.watch import no_list, not_a_function, quoted, watched
from orchestrator_kit.events import CallRefused
from orchestrator_kit.experiments import compare
from orchestrator_kit.loading import load_task
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.rematch import rematch
from orchestrator_kit.tasks import Task
from orchestrator_kit.trials import Trials

Figures = tuple[float | None, float | None, float | None]
Table = dict[str, Figures]

_TEAM = "orchestrator_worker"
_TASKS = ("legal", "medical")  # on both of which the team finds more, as things stand
_SEEDS = 3


@exercise(
    "frontier-1",
    title=N_("Find the rows that nobody beats"),
    level=2,
    notebook="07_compare_lab",
    hints=(
        N_(
            "Take one row, and go through all others with one question: would anybody who has "
            "seen that other row still want this one? What exactly must be true for a no?"
        ),
        N_(
            "A row is beaten by another that is nowhere worse, and somewhere better. Mind that "
            "fewer tokens and fewer seconds are better, but more recall is."
        ),
        N_(
            "If the other row is nowhere worse, then it is better somewhere exactly if the two "
            "are not equal. And set aside rows with an unknown figure before you compare; "
            "unknown is None, and a figure of 0 is known."
        ),
    ),
)
def frontier_1(frontier: object) -> Iterator[Part]:
    """A function that names the rows of a table that no other row beats."""
    yield Part(_("a function"), not_a_function(frontier), needed=True)
    assert callable(frontier)
    rng = stream("frontier-1")
    yield _tables(_("tables of different figures"), frontier, _different(rng))
    yield _tables(_("tables with ties"), frontier, _tied(rng))
    yield _tables(_("tables with unknown figures"), frontier, _unknown(rng))
    yield _tables(_("the rows of real comparisons"), frontier, _compared())


def _tables(asks: str, frontier: Callable[..., Any], tables: Iterable[Table]) -> Part:
    return first_fault(asks, sorted(tables, key=len), partial(_fault_in_names, frontier), repr)


def _fault_in_names(frontier: Callable[..., Any], table: Table) -> str | None:
    """What is wrong with the names that a function returns for a table; None if nothing."""
    given = copy.deepcopy(table)
    outcome = watched(frontier, given)
    if outcome.complaint:
        return outcome.complaint
    if given != table:
        return _("The function changed the rows that it was given. Only read them.")
    named = outcome.value
    if named is None:
        return no_list()
    if not isinstance(named, list | tuple | set | frozenset):
        return _("Expected a list of names; the function returned {found}.").format(
            found=quoted(named)
        )
    for name in named:
        if not isinstance(name, str) or name not in table:
            return _("{name} is not the name of a row of this table.").format(name=quoted(name))
    if len(set(named)) < len(named):
        return _("The function returned {found}; each name is expected once.").format(
            found=quoted(named)
        )
    for name, row in table.items():
        if complaint := _fault_in_place(name, row, name in named, table):
            return complaint
    return None


def _fault_in_place(name: str, row: Figures, chosen: bool, table: Table) -> str | None:
    """What is wrong with a row being chosen, or with its being left out; None if nothing."""
    if None in row:
        if not chosen:
            return None
        return _(
            "{name} is among the names returned, but one of its figures is unknown. A row that "
            "is not fully known is neither recommended nor held against others."
        ).format(name=quoted(name))
    # Turned so that less is better in all three: whoever loses nowhere is the smallest in each.
    spent = {n: [r[0], -(r[1] or 0.0), r[2]] for n, r in table.items() if None not in r}
    mine = spent[name]
    better = [n for n, s in spent.items() if s != mine and _least(s, mine) == s]
    if chosen and better:
        return _(
            "{name} is among the names returned, but {other} is nowhere worse than it and "
            "somewhere better. Nobody who has seen both wants {name}."
        ).format(name=quoted(name), other=quoted(better[0]))
    if chosen or better:
        return None
    if list(spent.values()).count(mine) > 1:
        return _(
            "{name} is missing. Another row has the very same figures; but equal is not better, "
            "and so neither of the two beats the other."
        ).format(name=quoted(name))
    if any(None in r for r in table.values()):
        return _(
            "{name} is missing. Every row that is fully known is worse than it in something, and "
            "a row with an unknown figure is held against nobody."
        ).format(name=quoted(name))
    if 0 in row:
        return _(
            "{name} is missing, and no other row beats it. One of its figures is 0: that is a "
            "figure like any other, and not an unknown one."
        ).format(name=quoted(name))
    return _(
        "{name} is missing. Every other row is worse than it in something: takes more tokens, "
        "finds less, or takes longer. So no other row beats it."
    ).format(name=quoted(name))


def _least(a: Sequence[float | None], b: Sequence[float | None]) -> list[float | None]:
    """The smaller one of each pair of figures."""
    return [min(pair, key=lambda x: x or 0.0) for pair in zip(a, b, strict=True)]


def _named(rng: Random, rows: Sequence[Figures]) -> Table:
    return dict(zip(rng.sample("abcdefghijklmnopq", len(rows)), rows, strict=True))


def _different(rng: Random) -> Iterator[Table]:
    """No figure twice in a table. In small ones, a row is best in one of the three alone."""
    yield {}
    for n in (1, 2, 2, 2, 3, 3, 3, 4, 5, 8, 12, 16):
        for _k in range(4):
            rows = zip(
                rng.sample(range(3_000, 90_000), n),
                (r / 64 for r in rng.sample(range(1, 64), n)),
                (s / 4 for s in rng.sample(range(40, 900), n)),
                strict=True,
            )
            yield _named(rng, list(rows))


def _tied(rng: Random) -> Iterator[Table]:
    """Figures from so few values that many are equal, and some rows altogether."""
    for same in (0, 1, 2):  # two rows that differ in one figure only
        rows = [[8_000, 0.25, 30.0], [8_000, 0.25, 30.0]]
        rows[1][same] *= 2
        yield _named(rng, [(r[0], r[1], r[2]) for r in rng.sample(rows, 2)])
    yield _named(rng, [(8_000, 0.25, 30.0), (8_000, 0.25, 30.0)])
    for n in (2, 3, 4, 6, 9, 14):
        for _k in range(8):
            yield _named(rng, [_few(rng) for _row in range(n)])


def _unknown(rng: Random) -> Iterator[Table]:
    """Rows of which some figures are None, and some 0."""
    yield _named(rng, [(8_000, None, 30.0), (9_000, 0.25, 40.0)])
    yield _named(rng, [(8_000, 0.0, 30.0), (9_000, 0.25, 40.0)])
    yield _named(rng, [(None, 0.5, 10.0), (0, 0.0, 0.0)])
    for n in (3, 4, 6, 9):
        for _k in range(6):
            rows: list[list[float | None]] = [list(_few(rng)) for _row in range(n)]
            for row in rows[1:]:
                if rng.random() < 0.4:
                    row[rng.randrange(3)] = rng.choice((None, None, 0))
            yield _named(rng, [(r[0], r[1], r[2]) for r in rng.sample(rows, n)])


def _few(rng: Random) -> tuple[float, float, float]:
    tokens = rng.choice((8_000, 16_000, 24_000))
    return tokens, rng.choice((0.25, 0.5, 0.75)), rng.choice((30.0, 60.0, 90.0))


@cache
def _compared() -> tuple[Table, ...]:
    """What the six patterns came to in each scene; the same at every check."""
    found = (compare(scene.task, scene.model).rows for scene in scenes("frontier-1"))
    return tuple(
        {r.pattern: (r.measures.tokens, r.score.recall, r.measures.latency_s) for r in rows}
        for rows in found
    )


@exercise(
    "rematch-1",
    title=N_("Make the single reader win at equal tokens"),
    level=3,
    notebook="07_compare_lab",
    hints=(
        N_(
            "What does a team have that one reader lacks? Look at a record of each: how much does "
            "either read, how much may either write, and what is lost on the way? Then take the "
            "reason away."
        ),
        N_(
            "A single reader loses the middle of what it reads, and it has to stop where its "
            "one reply ends. The first is a habit in the model's profile; for the second there "
            "are two limits, and the smaller of them holds."
        ),
        N_(
            "One limit stands in the task's budget (answer_tokens), one in the model's profile "
            "(max_output_tokens). Move both with dataclasses.replace, on their own and together, "
            "and look each time who gains more by it."
        ),
    ),
)
def rematch_1(setting: object) -> Iterator[Part]:
    """A function from a task and a seed to a task and a model with which the one reader wins."""
    yield Part(_("a function"), not_a_function(setting), needed=True)
    assert callable(setting)
    rng = stream("rematch-1")
    tasks = [load_task(name) for name in _TASKS]
    seeds = [rng.randrange(1_000, 1_000_000) for _task in tasks]
    found: list[Trials] = []
    for task, seed in zip(tasks, seeds, strict=True):
        tried = _("{title}, seed {seed}").format(title=task.title, seed=seed)
        complaint = _fault_in_setting(setting, task, seed)
        yield Part(_("a fair setting for any task and seed"), complaint, tried, needed=True)
        given, model = setting(task, seed)
        found.append(rematch(given, model, trials=_SEEDS))
        asks = _("a contest in which both can find something")
        yield Part(asks, _no_contest(found[-1]), tried, needed=True)
    for task, trials in zip(tasks, found, strict=True):
        yield Part(
            _("at equal tokens, a single reader who finds as much on: {title}").format(
                title=task.title
            ),
            _still_behind(trials),
        )


def _fault_in_setting(setting: Callable[..., Any], task: Task, seed: int) -> str | None:
    """What is unfair in a setting, or no setting at all; None if nothing."""
    for s in (seed, seed + 1):
        outcome = watched(setting, task, s)
        if outcome.complaint:
            return outcome.complaint
        found = outcome.value
        if found is None:
            return _(
                "The function returned None, not a task and a model. Is it written already, and "
                "does every way through it end in a return?"
            )
        if not (isinstance(found, tuple | list) and len(found) == 2):
            return _("Expected a task and a model; the function returned {found}.").format(
                found=quoted(found)
            )
        given, model = found
        if not isinstance(given, Task):
            return _("Expected a task first; the function returned {found}.").format(
                found=quoted(given)
            )
        if type(model) is not SimulatedModel:
            return _(
                "Expected a SimulatedModel second, with a profile of your own if you like; the "
                "function returned {found}. No faults, no other models: the two are to have the "
                "same reader, in good health."
            ).format(found=quoted(model))
        if model.seed != s:
            return _(
                "The function was given the seed {seed}, and returned a model with the seed "
                "{found}. The trials would then not be those that the seeds stand for."
            ).format(seed=s, found=model.seed)
        if complaint := _fault_in_task(given, task):
            return complaint
    return None


def _fault_in_task(given: Task, task: Task) -> str | None:
    """What was changed in a task that has to stay; None if nothing."""
    for what in ("prompt", "specialists", "facts"):
        if getattr(given, what) != getattr(task, what):
            return _(
                "The function changed `{what}` of the task. Documents may be left out, the "
                "budget may be another; what is asked, who is on the team and what counts as "
                "found stay as they are."
            ).format(what=what)
    if strangers := [d.name for d in given.documents if d not in task.documents]:
        return _(
            "{name} is no document of this task, or not as it was. Documents may be left out, "
            "but not written anew."
        ).format(name=quoted(strangers[0]))
    return None


def _no_contest(trials: Trials) -> str | None:
    """Why nobody could win here; None where both had their chance."""
    for comparison in trials.comparisons:
        record = comparison.row(_TEAM).run
        for event in record.events:
            if isinstance(event, CallRefused):
                return _(
                    "The orchestrator-worker was refused a call ({kind}: {message}). It did not "
                    "lose then, it was not allowed to play: leave both of them enough."
                ).format(kind=event.kind, message=event.message)
        if record.status != "done":
            return _("The orchestrator-worker did not come to an answer: {kind}.").format(
                kind=getattr(record.events[-1], "kind", record.status)
            )
    if not _recall(trials, _TEAM):
        return _(
            "With this setting the orchestrator-worker finds nothing at all, in any of {n} "
            "seeds. To find as much as nothing is no victory: leave them something to find, and "
            "room to say it."
        ).format(n=_SEEDS)
    return None


def _still_behind(trials: Trials) -> str | None:
    """By how much the best single reader is behind; None if it is not."""
    tokens = _mean(trials, _TEAM, "tokens")
    fair = [n for n in trials.patterns[1:] if _mean(trials, n, "tokens") <= tokens]
    best = max(fair, key=lambda name: _recall(trials, name), default=None)
    if best is None:
        return _(
            "Every way of the single reader took more tokens than the orchestrator-worker did; "
            "that is not equal."
        )
    team, one = _recall(trials, _TEAM), _recall(trials, best)
    if one >= team:
        return None
    return _(
        "The orchestrator-worker still finds more: {team:.1%} of the facts, mean of {n} seeds, "
        "against {one:.1%} in the best way of a single reader to spend no more tokens ({way})."
    ).format(team=team, one=one, n=_SEEDS, way=best)


def _recall(trials: Trials, name: str) -> float:
    return _mean(trials, name, "recall")


def _mean(trials: Trials, name: str, reading: str) -> float:
    return fmean(value or 0.0 for value in trials.values(name, reading))
