"""The gaps that an answer declares, held against those that its record shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator_kit import tables
from orchestrator_kit.answer import Answer, Statement, merge
from orchestrator_kit.crew import Crew
from orchestrator_kit.events import Answered
from orchestrator_kit.experiments import compare, run
from orchestrator_kit.gaps import GapScore, gap_score
from orchestrator_kit.loading import load_task, scenarios
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.faults import KINDS, Fault, Faults
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.roles import worker
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Document, Fact, Task
from tests import test_cli
from tests.test_cli import Okit
from tests.test_invariants import TASK as LEASE
from tests.test_invariants import Case, cases, dispatched
from tests.test_supervision import FERRY, supervised

okit = test_cli.okit


def failing(task: Task, fault: str, pattern: str = "master_slave", policy: str = "degrade") -> Run:
    """A run in which the fault strikes, with two workers."""
    return run(task, pattern, Faults(SimulatedModel(), [fault]), workers=2, recovery=policy)


def answering(found: Run, change: Callable[[Answer], Answer]) -> Run:
    """The same run with another answer."""
    return Run(
        tuple(
            replace(e, answer=change(e.answer)) if isinstance(e, Answered) else e
            for e in found.events
        )
    )


def declaring(found: Run, *gaps: str) -> Run:
    return answering(found, lambda answer: replace(answer, gaps=gaps))


def names(score: GapScore) -> tuple[list[str], list[str], list[str]]:
    return list(map(str, score.declared)), list(map(str, score.undeclared)), list(score.unfounded)


# ---- gaps that there are ----


def test_a_run_without_gaps_has_none_and_no_shares(small_task: Task) -> None:
    found = gap_score(small_task, run(small_task, "master_slave"))
    assert names(found) == ([], [], [])
    assert (found.recall, found.precision) == (None, None)


def test_a_worker_who_dies_unrecovered_leaves_a_gap_that_is_declared(small_task: Task) -> None:
    record = failing(small_task, "crash:agent=worker 2")
    found = gap_score(small_task, record)
    unread = ["section accounts#1", "section accounts#2"]
    assert names(found) == ([*unread, "work worker 2"], [], [])
    assert (found.recall, found.precision) == (1.0, 1.0)
    lost = {f.fact.says for f in found.lost if not f.read}
    assert "The line lost EUR 1.2 million in 2025." in lost
    assert "The certificate ends on 4 May 2027." not in lost
    assert all(f.declared for f in found.lost if not f.read)


def test_a_worker_who_is_recovered_leaves_none(small_task: Task) -> None:
    record = failing(small_task, "crash:agent=worker 2,first=1", policy="retry")
    assert measure(record).failures
    assert not gap_score(small_task, record).exist


async def drops_silently(crew: Crew, task: Task) -> Answer:
    """Turns of workers, of which those that fail are passed over; the centre looks at all."""
    asks = [worker.report(task, [s], name=f"reader of {s.id}") for s in task.sections]
    reports = [r for ask in asks if (r := await crew.turn(ask))]
    look = worker.report(task, task.sections, name="orchestrator")
    await crew.ask(replace(look, role="orchestrator"))
    return merge(reports, crew.count_tokens, 10_000)


def test_a_pattern_that_drops_a_failure_silently_is_found_out(small_task: Task) -> None:
    model = Faults(SimulatedModel(), ["crash:agent=reader of survey#2"])
    record = run(small_task, drops_silently, model, recovery="degrade")
    assert (record.status, record.answer.gaps) == ("done", ()), "or this pattern is no example"
    found = gap_score(small_task, record)
    assert names(found) == ([], ["section survey#2", "work reader of survey#2"], [])
    assert (found.recall, found.precision) == (0.0, None)
    engines = next(f for f in found.lost if "injectors" in f.fact.says)
    assert (engines.read, engines.declared) == (False, False)


def test_a_peer_who_never_came_to_word_is_declared(small_task: Task) -> None:
    record = failing(small_task, "kill:agent=bookkeeper", "peer_agents")
    assert "work bookkeeper" in names(gap_score(small_task, record))[0]


def test_gaps_of_a_plan_are_told_by_subtask_and_parts_of_them_too(small_task: Task) -> None:
    record = failing(small_task, "crash:role=worker,subtask=s1", "orchestrator_worker")
    found = gap_score(small_task, record)
    assert [g.what.partition(" ")[0] for g in found.declared if g.kind == "work"] == ["s1"]
    # The whole fails, then its first half; the second half comes through.
    faults = ["crash:agent=worker 1,nth=1+2"]
    record = run(
        small_task,
        "master_slave",
        Faults(SimulatedModel(), faults),
        workers=1,
        recovery=Recovery(retries=0, split=1),
    )
    (part,) = (g for g in record.answer.gaps if ", on " in g)
    found = gap_score(small_task, record)
    assert "work worker 1" in names(found)[0]
    assert (found.undeclared, found.unfounded) == ((), ())
    silent = declaring(record, *(g for g in record.answer.gaps if g != part))
    assert names(gap_score(small_task, silent))[1] == ["work worker 1"]


def test_a_synthesis_that_nobody_made_is_a_gap(small_task: Task) -> None:
    record = failing(small_task, "crash:role=synthesizer")
    assert names(gap_score(small_task, record)) == (["step synthesis"], [], [])
    assert names(gap_score(small_task, declaring(record)))[1] == ["step synthesis"]


def test_a_run_that_failed_without_saying_so_has_an_undeclared_gap(small_task: Task) -> None:
    record = failing(small_task, "kill:role=synthesizer", "orchestrator_worker")
    assert record.status == "failed"
    assert not gap_score(small_task, record).undeclared
    posing = answering(record, lambda a: Answer((Statement("All is well."),)))
    assert "step answer" in names(gap_score(small_task, posing))[1]


@pytest.mark.parametrize("name", PATTERNS)
def test_whatever_fails_patterns_declare_all_that_lacks_and_nothing_else(
    name: str, small_task: Task
) -> None:
    gaps = 0
    for seed, (kind, policy) in enumerate(product(KINDS, ("none", "degrade", "retry", "split"))):
        model = Faults(SimulatedModel(), [f"{kind}:p=0.35,seconds=40"], seed)
        found = run(small_task, PATTERNS[name], model, workers=(1, 3)[seed % 2], recovery=policy)
        result = gap_score(small_task, found)
        assert (result.undeclared, result.unfounded) == ((), ()), (kind, policy, found.answer.gaps)
        gaps += len(result.declared)
    assert gaps > 20


@given(cases())
def test_the_work_that_lacks_is_the_work_that_failed(case: Case) -> None:
    record, _ = dispatched(case)
    found = gap_score(LEASE, record)
    assert {g.what for g in found.exist if g.kind == "work"} == {
        f"{name} (generalist)" for name in case.failing
    }
    everybody = len(case.failing) == len(case.plan.subtasks)
    assert [g.what for g in found.exist if g.kind == "section"] == (
        [s.id for s in LEASE.sections] if everybody else []
    )
    assert (found.undeclared, found.unfounded) == ((), ())


@given(cases(), st.data())
def test_what_is_not_declared_any_more_is_real_and_what_is_made_up_is_not(
    case: Case, data: st.DataObject
) -> None:
    record, _ = dispatched(case)
    assume(record.status == "done")  # otherwise its end is a gap that any other declares
    whole = gap_score(LEASE, record)
    gaps = record.answer.gaps
    kept = data.draw(st.lists(st.sampled_from(gaps), unique=True) if gaps else st.just([]))
    fine = sorted({s.id for s in case.plan.subtasks} - case.failing.keys())
    made_up = [f"{name} (generalist): no report (crash)" for name in fine]
    found = gap_score(LEASE, declaring(record, *kept, *made_up))
    assert {g.what for g in found.exist} == {g.what for g in whole.exist}
    assert list(found.unfounded) == made_up
    assert sum(g.kind == "work" for g in found.declared) == len(kept)
    assert len(found.declared) + len(found.undeclared) == len(found.exist)


# ---- gaps that are declared ----


def test_a_gap_that_is_none_is_unfounded(small_task: Task) -> None:
    record = run(small_task, "master_slave", workers=2)
    made_up = (
        "worker 1: no report (crash)",
        "2 of 4 sections unread: survey#1, survey#2",
        "no answer: crash",
        "synthesis: none (crash); reports put together by code",
        "conflict: 'a' against 'b'",
        "conflicts: not looked for (crash)",
        "s1 (clerk): not reviewed (timeout)",
        "report s1 was left out: too long for the window",
        "Section accounts#2 was not read.",
    )
    found = gap_score(small_task, declaring(record, *made_up))
    assert not found.exist
    assert set(found.unfounded) == {
        "survey#1 unread",
        "survey#2 unread",
        *(g for g in made_up if "sections" not in g),
    }
    assert found.precision == 0.0


def test_a_count_of_sections_declares_those_that_it_does_not_name(small_task: Task) -> None:
    record = failing(small_task, "crash:agent=worker 2")
    told = declaring(record, "2 of 4 sections unread: accounts#1, …", "worker 2: nothing found")
    assert not gap_score(small_task, told).undeclared
    told = declaring(record, "1 of 4 sections unread: accounts#1")
    assert names(gap_score(small_task, told))[1] == ["section accounts#2", "work worker 2"]
    told = declaring(record, "3 of 4 sections unread: survey#1, accounts#1, …")
    assert names(gap_score(small_task, told)) == (
        ["section accounts#1", "section accounts#2"],
        ["work worker 2"],
        ["survey#1 unread"],
    )
    told = declaring(record, "4 of 4 sections unread: accounts#1, accounts#2, …")
    assert gap_score(small_task, told).unfounded == told.answer.gaps


def test_a_model_may_declare_in_its_own_words_and_what_nobody_can_check_is_left_open(
    small_task: Task,
) -> None:
    record = failing(small_task, "crash:agent=worker 2")
    remarks = ("The reports do not say who owns the ferry.", "Nothing was found on the weather.")
    told = declaring(
        record, "Of worker 2 there is no report.", "accounts#1 has not been read.", *remarks
    )
    found = gap_score(small_task, told)
    assert names(found) == (["section accounts#1", "work worker 2"], ["section accounts#2"], [])
    assert found.unchecked == remarks
    assert found.recall == pytest.approx(2 / 3)


def test_a_conflict_that_stays_open_is_a_gap_until_it_is_declared() -> None:
    record = supervised(SimulatedModel(), FERRY, conflicts=True)
    found = gap_score(FERRY, record)
    assert [g.kind for g in found.exist] == ["conflict"]
    assert (found.undeclared, found.unfounded) == ((), ())
    silent = gap_score(FERRY, declaring(record))
    assert silent.undeclared == tuple(replace(g, declared=False) for g in found.exist)


# ---- gold facts, and none ----


def test_a_fact_that_nobody_could_know_is_told_from_one_that_was_read_and_not_said(
    small_task: Task,
) -> None:
    record = failing(small_task, "crash:agent=worker 2")
    mute = answering(record, lambda a: Answer((), a.gaps))
    lost = {f.fact.says: f for f in gap_score(small_task, mute).lost}
    assert len(lost) == len(small_task.facts)
    certificate = lost["The certificate ends on 4 May 2027."]
    assert (certificate.read, certificate.declared) == (True, False)
    loss = lost["The line lost EUR 1.2 million in 2025."]
    assert (loss.read, loss.declared) == (False, True)
    # One of its two documents was read; that is not enough to know it.
    both = lost["The loan falls due four days before the certificate ends."]
    assert (both.read, both.declared) == (False, True)
    told = declaring(mute, "When the certificate ends, 4 May 2027 or later, is left open.")
    lost = {f.fact.says: f for f in gap_score(small_task, told).lost}
    assert lost[certificate.fact.says].declared


MEADOW = """# Meadow

## Debt

A debt of 640 crowns is due on 30 April.

## Fair

The fair is held on 30 April. A cow fetches 640 crowns.

## Ditch

It silts up. To clear it makes a debt of 90 crowns.

## Debt once more

By the deed, 640 crowns are to be paid on 30 April.
"""


async def one_reader_a_section(crew: Crew, task: Task) -> Answer:
    """A worker for each section, whose findings nobody puts into the answer."""
    asks = [worker.report(task, [s], name=f"reader of {s.title}") for s in task.sections]
    await crew.reports(asks)
    return Answer((Statement("Nothing."),))


@pytest.mark.parametrize(
    ("match", "unread", "read", "declared"),
    [
        # Its words stand elsewhere too, about another thing, and in two sections.
        (("debt of", "30 April"), ["Debt"], False, True),
        (("debt", "640 crowns"), ["Fair"], True, False),
        (("640 crowns", "30 April"), ["Debt"], True, False),
        (("640 crowns", "30 April"), ["Debt", "Fair", "Debt once more"], False, True),
        # Its words stand in the heading, or in no section together.
        (("ditch", "debt of"), ["Ditch"], False, True),
        (("ditch", "silts up"), ["Fair"], True, False),
        (("silts up", "fair is held"), ["Fair"], False, True),
        (("silts up", "fair is held"), ["Debt"], True, False),
    ],
)
def test_a_fact_is_read_where_a_section_that_says_it_was_read(
    match: tuple[str, ...], unread: list[str], read: bool, declared: bool
) -> None:
    task = Task("What lies on it?", (Document("a.md", MEADOW),), facts=(Fact("it", match),))
    faults = [Fault("crash", agent=f"reader of {title}") for title in unread]
    model = Faults(SimulatedModel(), faults)
    found = gap_score(task, run(task, one_reader_a_section, model, recovery="degrade"))
    assert [(f.read, f.declared) for f in found.lost] == [(read, declared)]


@pytest.mark.parametrize("name", scenarios())
def test_every_score_but_recall_and_precision_is_the_same_without_gold_facts(name: str) -> None:
    task = load_task(name)
    bare = replace(task, facts=())
    for pattern in PATTERNS:
        model = Faults(SimulatedModel(), ["crash:role=worker,p=0.3"])
        record = run(task, pattern, model, recovery="degrade")
        with_facts, without = gap_score(task, record), gap_score(bare, record)
        assert without == replace(with_facts, lost=())
        one, other = score(task, record.answer), score(bare, record.answer)
        empty: dict[str, Any] = {
            "recall": None,
            "precision": None,
            "found": (),
            "missed": (),
            "by_specialist": {},
        }
        assert other == replace(one, **empty)
        if record.answer.statements:
            assert other.groundedness is not None
            assert other.source_precision is not None
        assert len(other.contradictions) == len(task.contradictions) > 0
    assert measure(record).redundancy is not None, "read from the record, without a task"


# ---- where it is shown ----


def test_a_comparison_has_the_gap_score_in_its_figures_and_its_table(small_task: Task) -> None:
    model = Faults(SimulatedModel(), ["crash:agent=worker 2"])
    found = compare(small_task, model, patterns=["master_slave"], workers=2, recovery="degrade")
    (row,) = found.to_dict()["runs"]
    told = row["gap_score"]
    assert told["declared"] == ["section accounts#1", "section accounts#2", "work worker 2"]
    assert (told["undeclared"], told["unfounded"], told["recall"]) == ([], [], 1.0)
    assert "The line lost EUR 1.2 million in 2025." in told["facts_unread"]
    assert {*told["facts_unread"], *told["facts_unsaid"]} == {
        f.says for f in found.rows[0].score.missed
    }
    columns, (cells,) = tables.gaps(found)
    assert dict(zip(columns, cells, strict=True)) == {
        "gaps": "master_slave",
        "real": "3",
        "declared": "3",
        "undeclared": "0",
        "unfounded": "0",
        "facts unread": str(len(told["facts_unread"])),
        "unsaid": str(len(told["facts_unsaid"])),
    }
    bare = compare(replace(small_task, facts=()), patterns=["master_slave"])
    assert tables.gaps(bare)[1] == [["master_slave", "0", "0", "0", "0", "-", "-"]]


@pytest.mark.parametrize("words", [["run", "--pattern"], ["compare", "--patterns"]])
def test_the_commands_print_it_below_the_other_scores(okit: Okit, words: list[str]) -> None:
    faults = ["--workers", 2, "--faults", "crash:agent=worker 2", "--recovery", "degrade"]
    command, option = words
    done = okit(command, "ferry", option, "master_slave", *faults)
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    head = next(n for n, line in enumerate(lines) if line[:2] == ["gaps", "real"])
    assert lines[head + 1][:5] == ["master_slave", "3", "3", "0", "0"]
    assert lines[head - 1][0] == "master_slave"
    okit("run", "ferry", "--prompt", "What is thin?")
    assert "undeclared" not in okit("run", "ferry", "--prompt", "What is thin?").out
