"""Provenance: from a sentence of an answer to the calls, the request and the passage behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit.answer import Answer, Statement
from orchestrator_kit.errors import Crashed, UsageError
from orchestrator_kit.events import (
    Answered,
    CallEnded,
    CallFailed,
    CallStarted,
    ConflictFound,
    PlanMade,
    PlanRevised,
    Recovered,
    Reviewed,
    TookOver,
)
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.models.base import Model, Purpose, Request
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.simulated import PROFILES, SimulatedModel
from orchestrator_kit.patterns import PATTERNS, Pattern
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.provenance import Explanation
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Budget, Document, Specialist, Task
from orchestrator_kit.text import normalise, sentences
from tests.fakes import FunctionModel, findings

SMALL = PROFILES["small"]
SUPERVISED = partial(orchestrator_worker, rounds=2, revisions=2, conflicts=True)


@cache
def scenario(name: str) -> Task:
    return load_task(name)


def explained(task: Task, record: Run) -> list[Explanation]:
    """What is behind every statement of an answer, each held against the record and the task."""
    assert record.answer.statements
    found = [record.explain(s.text) for s in record.answer.statements]
    for statement, e in zip(record.answer.statements, found, strict=True):
        assert normalise(e.statement.text) == normalise(statement.text)
        holds(task, record, e)
    return found


def holds(task: Task, record: Run, e: Explanation) -> None:
    """Whatever the explanation says stands in the record and in the documents."""
    started = {x.call: x for x in record.events if isinstance(x, CallStarted)}
    ended = {x.call: x for x in record.events if isinstance(x, CallEnded)}
    assert not e.invented
    for link in e.links:
        assert link.request is started[link.call]
        assert (link.started, link.ended) == (started[link.call].t, ended[link.call].t)
        (rows, *_) = [v for v in json.loads(ended[link.call].text).values() if v]
        assert link.said.text in [r["statement"] for r in rows]
    for later, earlier in pairwise(e.links):
        assert earlier.call in causes(started, later.call)
        assert earlier.ended <= later.started
    first = e.links[-1]
    assert first.worker is not None
    assert first.role in ("worker", "peer")
    assert e.passage is not None
    section, sentence = e.passage
    assert section in first.said.sources
    assert section in e.statement.sources
    assert sentence in sentences(task.section_by_id[section].text)
    assert any(
        m.content.startswith(f'<section id="{section}"') and task.section_by_id[section].title
        for m in first.request.messages
    )
    if first.subtask:
        assert e.subtask is not None
        assert e.subtask.id == first.subtask
        assert e.plan_call is None or started[e.plan_call].role == "orchestrator"


def causes(started: dict[int, CallStarted], call: int) -> set[int]:
    direct = set(started[call].uses)
    return direct.union(*(causes(started, c) for c in direct))


# ---- every statement, however it came about ----


@pytest.mark.parametrize("name", ["legal", "research"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_statement_of_every_pattern_leads_to_a_passage_that_says_it(
    pattern: str, name: str
) -> None:
    task = scenario(name)
    for e in explained(task, run(task, pattern)):
        assert e.passage
        assert normalise(e.passage[1]) == normalise(e.statement.text)
        assert not e.reworded


def tree(task: Task, window: int = 4_000) -> Run:
    everybody = SimulatedModel(0, replace(SMALL, window=1_000_000))
    own: dict[str, Model] = {"synthesizer": SimulatedModel(0, replace(SMALL, window=window))}
    return run(task, partial(orchestrator_worker, synthesis="tree"), everybody, models=own)


def faulty(task: Task, plan: list[str], policy: str, pattern: Pattern = orchestrator_worker) -> Run:
    return run(task, pattern, Faults(SimulatedModel(), plan), recovery=policy)


RUNS: dict[str, tuple[Callable[[Task], Run], Callable[[Run], bool]]] = {
    "review": (
        lambda task: run(task, SUPERVISED),
        lambda r: any(isinstance(e, Reviewed) for e in r.events),
    ),
    "review of what is wrong": (
        lambda task: faulty(task, ["wrong:role=worker,first=1"], "retry", SUPERVISED),
        lambda r: any(isinstance(e, Reviewed) and e.verdict == "improve" for e in r.events),
    ),
    "a revised plan": (
        lambda task: faulty(task, ["crash:subtask=s1"], "degrade", SUPERVISED),
        lambda r: any(isinstance(e, PlanRevised) and e.added for e in r.events),
    ),
    "tree": (
        tree,
        lambda r: sum(isinstance(e, CallStarted) and e.role == "synthesizer" for e in r.events) > 2,
    ),
    "reassign": (
        lambda task: faulty(task, ["crash:worker=2"], "reassign"),
        lambda r: any(isinstance(e, Recovered) and e.step == "reassign" for e in r.events),
    ),
    "split": (
        lambda task: faulty(task, ["crash:subtask=s2,nth=1"], "split"),
        lambda r: any(isinstance(e, Recovered) and e.step == "split" for e in r.events),
    ),
    "retry": (
        lambda task: faulty(task, ["malformed:role=worker,first=1"], "retry"),
        lambda r: any(isinstance(e, CallFailed) and e.kind == "malformed" for e in r.events),
    ),
    "standby": (
        lambda task: faulty(task, ["kill:role=synthesizer,agent=synthesizer"], "full"),
        lambda r: any(isinstance(e, TookOver) for e in r.events),
    ),
}


@pytest.mark.parametrize("name", ["legal", "research"])
@pytest.mark.parametrize("how", RUNS)
def test_the_chain_leads_through_whatever_befell_the_run(how: str, name: str) -> None:
    make, happened = RUNS[how]
    task = scenario(name)
    record = make(task)
    assert happened(record)
    explained(task, record)


def test_a_chain_through_a_tree_names_each_level() -> None:
    task = replace(scenario("legal"), budget=Budget(answer_tokens=400))
    for e in explained(task, tree(task, 1_700)):
        roles = [link.role for link in e.links]
        assert roles == sorted(roles)  # from the synthesizers' levels down to the workers'
        assert roles.count("synthesizer") >= 3
        assert roles[-1] == "worker"


def test_the_same_words_in_two_sections_lead_each_to_its_own() -> None:
    same = "The weather was fair."
    documents = tuple(Document(f"{n}.md", f"{same} Hull {n} is thin.") for n in "abc")
    task = replace(TASK, documents=documents)
    rows = {"findings": [{"statement": same, "source": f"{n}#1"} for n in "abc"]}
    for n in "abc":
        record = record_of(json.dumps(rows), [row(same, f"{n}#1")], task=task)
        e = record.explain(same)
        assert [link.said.sources for link in e.links] == [(f"{n}#1",)] * 2


def test_the_same_words_of_two_workers_lead_to_the_one_who_read_the_cited_section() -> None:
    same = "The weather was fair."
    task = replace(TASK, documents=tuple(Document(f"{n}.md", same) for n in "abc"))

    def respond(request: Request) -> tuple[str, float]:
        assert request.format
        if request.format.name == "answer":
            return json.dumps({"statements": [row(same, "a#1")], "gaps": []}), 1.0
        (read,) = [n for n in "abc" if f'<section id="{n}#1"' in str(request.messages)]
        return findings(same, source=f"{read}#1"), 1.0

    record = run(task, "master_slave", FunctionModel(respond), workers=3)
    e = record.explain(same)
    assert [link.agent for link in e.links] == ["synthesizer", "worker 1"]
    assert e.passage == ("a#1", same)


def test_reviews_and_dependencies_and_the_request_stand_behind_a_statement() -> None:
    task = scenario("legal")
    record = run(task, SUPERVISED)
    found = explained(task, record)
    plan = next(e.plan for e in record.events if isinstance(e, PlanMade))
    for e in found:
        assert e.subtask in plan.subtasks
        assert e.plan_call == plan.call
        assert e.reviews
        assert all(r.subtask == e.links[-1].subtask for r in e.reviews)
        assert f"by the plan of call {plan.call}" in str(e)
        assert plan.call in e.links[-1].request.uses
    needy = [e for e in found if e.subtask and e.subtask.needs]
    assert needy
    for e in needy:
        assert e.subtask
        assert f"builds on {', '.join(e.subtask.needs)}" in str(e)


# ---- a small record, made by hand of replies ----

TASK = Task(
    "What must the buyer know?",
    (Document("a.md", "The hull lost 31 per cent of its plating. Paint is new."),),
    (Specialist("shipwright", "Examines hulls."),),
)
SAID = "The hull lost 31 per cent of its plating."


def record_of(
    worker: str | Callable[[Purpose], str],
    statements: Iterable[dict[str, object]] = (),
    conflicts: Iterable[dict[str, str]] = (),
    task: Task = TASK,
) -> Run:
    """A run of one subtask whose worker and synthesizer reply so."""

    def respond(request: Request) -> tuple[str, float]:
        assert request.format
        assert request.purpose
        if request.format.name == "plan":
            plan = {"specialist": "shipwright", "instruction": "go", "sections": []}
            return json.dumps({"subtasks": {"s1": plan}}), 1.0
        if request.format.name == "conflicts":
            return json.dumps({"conflicts": list(conflicts)}), 1.0
        if request.format.name == "answer":
            return json.dumps({"statements": list(statements), "gaps": []}), 1.0
        return worker if isinstance(worker, str) else worker(request.purpose), 1.0

    pattern = partial(orchestrator_worker, conflicts=bool(conflicts))
    return run(task, pattern, FunctionModel(respond), recovery="retry")


def row(statement: str, *sources: str) -> dict[str, object]:
    return {"statement": statement, "sources": list(sources)}


def test_a_reworded_statement_still_leads_to_the_worker_and_the_passage() -> None:
    other = "Of its plating the hull has lost 31 per cent in all."
    e = record_of(findings(SAID), [row(other, "a#1")]).explain(other)
    assert e.reworded
    assert not e.invented
    assert [link.role for link in e.links] == ["synthesizer", "worker"]
    assert [link.said.text for link in e.links] == [other, SAID]
    assert e.passage == ("a#1", SAID)
    assert f"in other words: {SAID}" in str(e)


def test_what_the_synthesizer_made_up_leads_to_nobody_else_and_to_no_passage() -> None:
    e = record_of(findings(SAID), [row("Buy it at any price.", "a#1")]).explain("Buy it")
    assert [link.role for link in e.links] == ["synthesizer"]
    assert e.passage is None
    assert "read nowhere: it names no section that was put before it" in str(e)


def test_what_no_reply_said_is_invented() -> None:
    record = record_of(findings(SAID), [row(SAID, "a#1")])
    forged = Answer((Statement("The moon is cheese.", ("a#1",)),))
    events = tuple(
        replace(e, answer=forged) if isinstance(e, Answered) else e for e in record.events
    )
    e = Run(events).explain("The moon is cheese.")
    assert e.invented
    assert (e.links, e.passage, e.reworded) == ((), None, False)
    assert "made it up" in str(e)


def test_a_reply_that_could_not_be_read_is_nobodys_report() -> None:
    def worker(p: Purpose) -> str:
        half = json.dumps({"findings": [{"statement": SAID, "source": "a#1"}, {"source": "x"}]})
        return half if p.attempt == 1 else findings(SAID)

    record = record_of(worker, [row(SAID, "a#1")])
    assert any(isinstance(e, CallFailed) and e.kind == "malformed" for e in record.events)
    e = record.explain(SAID)
    assert [link.request.attempt for link in e.links] == [1, 2]
    assert e.links[-1].request.step == "retry"
    assert e.also == ()


def test_the_exact_statement_is_found_though_a_longer_one_says_it_too() -> None:
    longer = f"{SAID} Paint is new."
    e = record_of(findings(longer, SAID), [row(longer, "a#1"), row(SAID, "a#1")]).explain(SAID)
    assert e.statement.text == SAID


def test_a_conflict_that_a_statement_was_in_stands_behind_it() -> None:
    other = "The hull lost 13 per cent of its plating."
    pair = {"first": SAID, "second": other, "kept": "first", "reason": "The section says 31."}
    record = record_of(findings(SAID, other), [row(SAID, "a#1")], [pair])
    e = record.explain(SAID)
    assert e.conflicts == tuple(x for x in record.events if isinstance(x, ConflictFound))
    assert len(e.conflicts) == 1
    assert f"in conflict with '{other}" in str(e)


def test_calls_that_said_it_by_themselves_are_named() -> None:
    e = run(scenario("legal"), "voting").explain(
        run(scenario("legal"), "voting").answer.statements[0].text
    )
    assert len(e.links) == 1
    assert len(e.also) >= 1
    assert f"said too by calls {', '.join(map(str, e.also))}" in str(e)


def test_nothing_like_it_is_refused_with_instances_of_what_there_is() -> None:
    record = record_of(findings(SAID), [row(SAID, "a#1")])
    for nothing in ("Cheese grows on trees.", "", "   ", "\x1b[2J"):
        with pytest.raises(UsageError, match=re.escape(f"it says, for instance: '{SAID}'")):
            record.explain(nothing)
    with pytest.raises(UsageError, match="no statements that could be explained"):
        run(TASK, model=FunctionModel(crash), recovery="none").explain(SAID)


def crash(_: Request) -> tuple[str, float]:
    raise Crashed("down")


# ---- hostile text ----

HOSTILE = [
    "<script>alert(1)</script> costs 31 euro.",
    "</pre><img src=x onerror=alert(1)> costs 32 euro.",
    "[bold red]It[/bold red] costs 33 euro & more.",
    "\x1b[2J\x1b]0;owned\x07 It costs 34 euro.",
    "It\r\n\tcosts\u202e 35\u2028euro.\x00",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_escaped_in_html_and_harmless_in_a_terminal(text: str) -> None:
    task = replace(TASK, documents=(Document("a.md", text),))
    source = {"findings": [{"statement": text, "source": "a#1"}]}
    record = record_of(json.dumps(source), [row(text, "a#1")], task=task)
    for asked in (text, record.answer.statements[0].text):
        e = record.explain(asked)
        assert len(e.links) == 2
        assert e.passage is not None
        shown = str(e)
        assert all(line.isprintable() for line in shown.split("\n"))
        page = e._repr_html_()
        assert re.findall(r"<[^>]*>", page) == ["<pre>", "</pre>"]
        assert unescape(page) == f"<pre>{shown}</pre>"


@given(st.text(min_size=1), st.text())
def test_any_text_at_all_is_explained_or_refused(said: str, asked: str) -> None:
    rows = json.dumps({"findings": [{"statement": said, "source": "a#1"}]})
    record = record_of(rows, [row(said, "a#1")])
    for text in (said, asked):
        try:
            shown = str(record.explain(text))
        except UsageError:
            continue
        assert all(line.isprintable() for line in shown.split("\n"))


def test_a_record_with_calls_missing_or_in_a_circle_is_still_read() -> None:
    record = record_of(findings(SAID), [row(SAID, "a#1")])
    round_trip = tuple(
        replace(e, uses=(1, 2, 3, 99)) if isinstance(e, CallStarted) else e for e in record.events
    )
    assert {link.call for link in Run(round_trip).explain(SAID).links} == {2, 3}
    headless = tuple(e for e in record.events if not isinstance(e, CallStarted))
    assert Run(headless).explain(SAID).invented
