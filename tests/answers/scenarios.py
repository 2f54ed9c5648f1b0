"""Answers to the exercises of 20_scenarios."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from orchestrator_kit import Comparison, Task, load_task
from orchestrator_kit.comparison import Row
from orchestrator_kit.tasks import Budget, Document, Fact, Specialist
from tests.answers import right, wrong

# --- choice-1, right ---

Choice = tuple[str, float] | None


def figure(row: Row, priority: str) -> float:
    m = row.measures
    return {"seconds": m.latency_s, "dollars": m.cost_usd or 0, "tokens": m.tokens}[priority]


@right("choice-1")
def by_sorting(found: Comparison, priority: str, least: float) -> Choice:
    ordered = sorted(found.rows, key=lambda row: figure(row, priority))
    for row in ordered:
        if row.run.status == "done" and row.score.recall is not None and row.score.recall >= least:
            return row.pattern, figure(row, priority)
    return None


@right("choice-1")
def by_plain_data(found: Comparison, priority: str, least: float) -> list[object] | None:
    """From the figures for scripts, which are rounded to a millionth."""
    best: dict[str, object] | None = None
    for row in found.to_dict()["runs"]:
        row["tokens"] = row["input_tokens"] + row["output_tokens"]
        key = {"seconds": "latency_s", "dollars": "cost_usd"}.get(priority, priority)
        if row["status"] != "done" or row["recall"] < least:
            continue
        if best is None or row[key] < best["figure"]:
            best = {"pattern": row["pattern"], "figure": row[key]}
    return list(best.values()) if best else None


# --- choice-1, plausible and wrong ---


@wrong("choice-1", "returned None, but there is a pattern")
def not_written(found: Comparison, priority: str, least: float) -> None:
    """The stub of the exercise."""


@wrong("choice-1", "less recall than is asked for")
def recall_forgotten(found: Comparison, priority: str, least: float) -> Choice:
    return by_sorting(found, priority, 0.0)


@wrong("choice-1", "takes less of what counts here")
def seconds_always(found: Comparison, priority: str, least: float) -> Choice:
    chosen = by_sorting(found, "seconds", least)
    return chosen and (chosen[0], figure(found.row(chosen[0]), priority))


@wrong("choice-1", "Expected None: say so")
def best_of_a_bad_lot(found: Comparison, priority: str, least: float) -> Choice:
    if chosen := by_sorting(found, priority, least):
        return chosen
    row = max(found.rows, key=lambda row: row.score.recall or 0)
    return row.pattern, figure(row, priority)


@wrong("choice-1", "Exactly the recall asked for is enough")
def more_than(found: Comparison, priority: str, least: float) -> Choice:
    return by_sorting(found, priority, least + 1e-9)


@wrong("choice-1", "takes less of what counts")
def highest_recall(found: Comparison, priority: str, least: float) -> Choice:
    rows = [row for row in found.rows if (row.score.recall or 0) >= least]
    row = max(rows, key=lambda row: row.score.recall or 0, default=None)
    return (row.pattern, figure(row, priority)) if row else None


@wrong("choice-1", "takes less of what counts")
def most(found: Comparison, priority: str, least: float) -> Choice:
    rows = [row for row in found.rows if (row.score.recall or 0) >= least]
    row = max(rows, key=lambda row: figure(row, priority), default=None)
    return (row.pattern, figure(row, priority)) if row else None


@wrong("choice-1", "was not done")
def failed_are_cheap(found: Comparison, priority: str, least: float) -> Choice:
    rows = [row for row in found.rows if (row.score.recall or 0) >= least]
    row = min(rows, key=lambda row: figure(row, priority), default=None)
    return (row.pattern, figure(row, priority)) if row else None


@wrong("choice-1", "as the reason")
def recall_as_reason(found: Comparison, priority: str, least: float) -> Choice:
    chosen = by_sorting(found, priority, least)
    return chosen and (chosen[0], found.row(chosen[0]).score.recall or 0.0)


@wrong("choice-1", "Expected a pair")
def only_the_name(found: Comparison, priority: str, least: float) -> str | None:
    chosen = by_sorting(found, priority, least)
    return chosen[0] if chosen else None


# --- task-1 ---

ROSTER = {
    "shipwright": "Hull: planks, keel, frames, rot, rivets, caulking.",
    "rigger": "Rigging: masts, sails, shrouds, canvas, blocks, rope.",
    "surveyor": "Stability: ballast, heel, draught, freeboard, load.",
    "purser": "Money: insurance, premium, wages, berth, dues, invoice.",
    "harbour master": "Port: lock, tide, mooring, quay, permission, tug.",
}
SAID = {
    "shipwright": {
        "Four planks below the keel are soft with rot.": "Four planks",
        "The hull's frames were last caulked in 1998.": "last caulked in 1998",
    },
    "rigger": {
        "The masts carry 620 square metres of canvas.": "620 square metres",
        "Two shrouds and the rope of the foresail are worn.": "Two shrouds",
    },
    "surveyor": {
        "With full load the ship heels by 31 degrees.": "31 degrees",
        "The ballast is nine tonnes short of the draught's mark.": "nine tonnes short",
    },
    "purser": {
        "The insurance premium rises to 48,000 crowns.": "48,000",
        "Berth dues for two years are not paid.": "dues for two years",
    },
    "harbour master": {
        "The lock admits no ship that draws more than 4.1 metres.": "4.1 metres",
        "A tug is needed at every tide but the spring tide.": "tug is needed",
    },
}


def chatter(rng: Random, n: int) -> list[str]:
    who = ("The cook", "A guest", "The mate", "A boy", "Somebody's aunt", "The band")
    did = ("saw", "counted", "fed", "drew", "named", "chased")
    what = ("gulls", "seals", "clouds", "dolphins", "stars", "lanterns")
    return [
        f"{rng.choice(who)} {rng.choice(did)} {rng.randint(2, 99)} {rng.choice(what)} on the "
        f"{rng.randint(1, 30)}th of {rng.choice(('May', 'June', 'July', 'August'))}."
        for _ in range(n)
    ]


def ship(length: int = 70, **other: object) -> Task:
    """A log a specialist, in which two sentences matter and many do not."""
    rng = Random(11)
    logs = []
    for name, said in SAID.items():
        title = ROSTER[name].split(":")[0]
        parts = [
            f"## {title}, part {n}\n\n{' '.join([*chatter(rng, length), s, *chatter(rng, length)])}"
            for n, s in enumerate(said, 1)
        ]
        logs.append(Document(f"{title.lower()}.md", f"# {title}\n\n" + "\n\n".join(parts)))
    facts = [Fact(s, (m,), name) for name, said in SAID.items() for s, m in said.items()]
    roster = [Specialist(name, skill) for name, skill in ROSTER.items()]
    task = Task(
        "May the old ship sail again?",
        tuple(logs),
        tuple(roster),
        tuple(facts),
        Budget(),
        "The ship",
    )
    return replace(task, **other)  # type: ignore[arg-type]


def hidden_in_a_pile() -> Task:
    """Notes of one's own, in the middle of the long papers of a packaged task."""
    pile = load_task("medical").documents
    made = ship(4)
    roster = made.specialists
    return replace(made, documents=(*pile[:2], *made.documents, *pile[2:]), specialists=roster)


SHIP = ship()
right("task-1", SHIP)
right("task-1", hidden_in_a_pile())


def fact(says: str, *match: str) -> tuple[Fact, ...]:
    return (*SHIP.facts[1:], Fact(says, match))


SHORT = ship(3)
wrong("task-1", "Expected a `Task`", "my task")
wrong("task-1", "of your own; this task has 0", load_task("legal"))
wrong("task-1", "the roster of this task has one", replace(SHIP, specialists=SHIP.specialists[:1]))
wrong("task-1", "at least 6 gold facts", replace(SHIP, facts=SHIP.facts[:3]))
wrong("task-1", "do not stand there", replace(SHIP, facts=fact("It sinks.", "sinks at once")))
wrong("task-1", "each within a sentence", replace(SHIP, facts=fact("A", "May. The cook")))
wrong("task-1", "says nothing", replace(SHIP, facts=fact("Anything.")))
wrong("task-1", "repeats the question", replace(SHIP, facts=fact("A ship.", "ship")))
wrong("task-1", "different sentences", replace(SHIP, facts=fact("Gulls.", "gulls")))
wrong("task-1", "the same phrases", replace(SHIP, facts=fact("Again.", *SHIP.facts[1].match)))
wrong("task-1", "nothing left for a team", SHORT)
wrong(
    "task-1", "hurt the reader and not the team", replace(SHORT, budget=Budget(answer_tokens=300))
)
wrong(
    "task-1",
    "do they fit into the reports",
    replace(SHIP, budget=Budget(answer_tokens=120, report_tokens=120)),
)


def in_one_log() -> Task:
    """Facts of one log only, the rest of the ship unread."""
    words = ("Four planks", "soft with rot", "frames", "caulked", "1998", "last caulked")
    return replace(SHIP, facts=tuple(Fact(w, (w,)) for w in words))


wrong("task-1", "needs no team", in_one_log())
