"""Answers to the exercises of 07_compare_lab."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from orchestrator_kit.loading import load_task
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.reader import Habits
from orchestrator_kit.models.simulated import PROFILES, SimulatedModel
from orchestrator_kit.tasks import Budget, Task
from tests.answers import right, wrong

Table = dict[str, Any]
Setting = tuple[Task, Model]

# --- frontier-1, right ---


def _loses(mine: Any, other: Any) -> bool:
    return bool(
        other[0] <= mine[0]
        and other[1] >= mine[1]
        and other[2] <= mine[2]
        and (other[0] < mine[0] or other[1] > mine[1] or other[2] < mine[2])
    )


@right("frontier-1")
def by_the_book(rows: Table) -> list[str]:
    known = {n: r for n, r in rows.items() if all(x is not None for x in r)}
    return [n for n, r in known.items() if not any(_loses(r, o) for o in known.values())]


@right("frontier-1")
def by_sorting(rows: Table) -> set[str]:
    """In this order, whoever beats a row stands before it."""
    kept: dict[str, tuple[float, float, float]] = {}
    turned = [(t, -q, s, n) for n, (t, q, s) in rows.items() if None not in (t, q, s)]
    for t, q, s, name in sorted(turned):
        rivals = (k for k in kept.values() if k != (t, q, s))
        if not any(k[1] <= q and k[2] <= s for k in rivals):
            kept[name] = (t, q, s)
    return set(kept)


# --- frontier-1, plausible and wrong ---


@wrong("frontier-1", "returned None")
def frontier_not_written(rows: Table) -> None:
    """The stub of the exercise."""


@wrong("frontier-1", "is missing. Every other row is worse")
def best_of_each_column(rows: Table) -> list[str]:
    known = {n: r for n, r in rows.items() if None not in r}
    if not known:
        return []
    picks = (
        min(known, key=lambda n: known[n][0]),
        max(known, key=lambda n: known[n][1]),
        min(known, key=lambda n: known[n][2]),
    )
    return list(dict.fromkeys(picks))


@wrong("frontier-1", "is missing. Every other row is worse")
def without_latency(rows: Table) -> list[str]:
    known = {n: r for n, r in rows.items() if None not in r}
    return [
        n
        for n, r in known.items()
        if not any(
            o[0] <= r[0] and o[1] >= r[1] and (o[0], o[1]) != (r[0], r[1]) for o in known.values()
        )
    ]


@wrong("frontier-1", "nowhere worse than it and somewhere better")
def only_if_better_in_all(rows: Table) -> list[str]:
    known = {n: r for n, r in rows.items() if None not in r}
    return [
        n
        for n, r in known.items()
        if not any(o[0] < r[0] and o[1] > r[1] and o[2] < r[2] for o in known.values())
    ]


@wrong("frontier-1", "equal is not better")
def beaten_by_a_twin(rows: Table) -> list[str]:
    known = {n: r for n, r in rows.items() if None not in r}
    return [
        n
        for n, r in known.items()
        if not any(
            o[0] <= r[0] and o[1] >= r[1] and o[2] <= r[2] for m, o in known.items() if m != n
        )
    ]


@wrong("frontier-1", "raised TypeError")
def stumbles_over_none(rows: Table) -> list[str]:
    return [n for n, r in rows.items() if not any(_loses(r, o) for o in rows.values())]


@wrong("frontier-1", "not an unknown one")
def takes_nought_for_unknown(rows: Table) -> list[str]:
    return by_the_book({n: r for n, r in rows.items() if all(r)})


@wrong("frontier-1", "held against nobody")
def unknown_is_nought(rows: Table) -> list[str]:
    """Unknown rows take part, with the best that they could have."""
    known = {n: (r[0] or 0, 1.0 if r[1] is None else r[1], r[2] or 0) for n, r in rows.items()}
    return [n for n in by_the_book(known) if None not in rows[n]]


@wrong("frontier-1", "one of its figures is unknown")
def keeps_the_unknown(rows: Table) -> list[str]:
    return [*by_the_book(rows), *(n for n, r in rows.items() if None in r)]


@wrong("frontier-1", "nowhere worse than it")
def more_is_better(rows: Table) -> list[str]:
    return by_the_book({n: (-r[0], r[1], -r[2]) for n, r in rows.items() if None not in r})


@wrong("frontier-1", "is not the name of a row")
def rows_and_not_names(rows: Table) -> list[Any]:
    return [rows[n] for n in by_the_book(rows)]


@wrong("frontier-1", "Expected a list of names")
def frontier_one_by_one(rows: Table) -> Iterator[str]:
    yield from by_the_book(rows)


@wrong("frontier-1", "changed the rows")
def strikes_rows_out(rows: Table) -> list[str]:
    for name in set(rows) - set(by_the_book(rows)):
        del rows[name]
    return list(rows)


@wrong("frontier-1", "expected once")
def says_it_twice(rows: Table) -> list[str]:
    return by_the_book(rows) * 2


# --- rematch-1, right ---


@right("rematch-1")
def a_reader_who_never_tires(task: Task, seed: int) -> Setting:
    """Attention that does not fade, and a reply of twice the usual length."""
    large = PROFILES["large"]
    awake = replace(large, habits=Habits(fade=0.0, noise=0.1), max_output_tokens=8_000)
    roomy = replace(task.budget, answer_tokens=8_000)
    return replace(task, budget=roomy), SimulatedModel(seed, awake)


@right("rematch-1")
def a_quarter_of_the_window(task: Task, seed: int) -> list[Any]:
    """The small model, which may write as much as its window has room for."""
    small = PROFILES["small"]
    n = small.window // 4
    model = SimulatedModel(seed=seed, profile=replace(small, max_output_tokens=n))
    return [replace(task, budget=Budget(answer_tokens=n, report_tokens=1_000)), model]


# --- rematch-1, plausible and wrong ---


@wrong("rematch-1", "not a task and a model")
def setting_not_written(task: Task, seed: int) -> None:
    """The stub of the exercise."""


@wrong("rematch-1", "still finds more")
def as_it_was(task: Task, seed: int) -> Setting:
    return task, SimulatedModel(seed)


@wrong("rematch-1", "still finds more")
def the_task_only(task: Task, seed: int) -> Setting:
    """The model's own limit stays where it was."""
    return replace(task, budget=Budget(answer_tokens=4_000)), SimulatedModel(seed)


@wrong("rematch-1", "still finds more")
def the_model_only(task: Task, seed: int) -> Setting:
    return task, SimulatedModel(seed, replace(PROFILES["small"], max_output_tokens=8_000))


@wrong("rematch-1", "was refused a call (budget")
def starves_the_team(task: Task, seed: int) -> Setting:
    return replace(task, budget=replace(task.budget, tokens=14_000)), SimulatedModel(seed)


@wrong("rematch-1", "was refused a call (context")
def walls_too_near(task: Task, seed: int) -> Setting:
    return task, SimulatedModel(seed, replace(PROFILES["small"], window=600))


@wrong("rematch-1", "finds nothing at all")
def no_room_to_say_it(task: Task, seed: int) -> Setting:
    return replace(task, budget=replace(task.budget, answer_tokens=40)), SimulatedModel(seed)


@wrong("rematch-1", "did not come to an answer")
def nothing_to_find(task: Task, seed: int) -> Setting:
    return replace(task, documents=()), SimulatedModel(seed)


@wrong("rematch-1", "returned a model with the seed 0")
def always_the_same_luck(task: Task, seed: int) -> Setting:
    return a_reader_who_never_tires(task, 0)


@wrong("rematch-1", "changed `facts`")
def fewer_facts(task: Task, seed: int) -> Setting:
    return replace(task, facts=task.facts[:2]), SimulatedModel(seed)


@wrong("rematch-1", "changed `specialists`")
def a_team_of_one(task: Task, seed: int) -> Setting:
    return replace(task, specialists=task.specialists[:1]), SimulatedModel(seed)


@wrong("rematch-1", "No faults")
def breaks_a_worker(task: Task, seed: int) -> Setting:
    return task, Faults(SimulatedModel(seed), ("crash:worker=2",))


@wrong("rematch-1", "is no document of this task")
def another_task(task: Task, seed: int) -> Setting:
    return replace(task, documents=load_task("software").documents), SimulatedModel(seed)


@wrong("rematch-1", "Expected a SimulatedModel second")
def a_name_for_a_model(task: Task, seed: int) -> tuple[Task, str]:
    return task, "large"


@wrong("rematch-1", "Expected a task and a model")
def the_task_alone(task: Task, seed: int) -> Task:
    return task


@wrong("rematch-1", "Expected a task first")
def the_wrong_way_round(task: Task, seed: int) -> tuple[Model, Task]:
    return SimulatedModel(seed, replace(PROFILES["small"], habits=Habits(fade=0))), task
