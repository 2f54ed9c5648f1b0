"""Supervision: verdicts, improvements, revisions of the plan, conflicts, each within its bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator_kit import clock
from orchestrator_kit.answer import Report, Statement
from orchestrator_kit.errors import Crashed, EmptyReply, MalformedReply, ModelError
from orchestrator_kit.events import (
    CallEnded,
    CallStarted,
    ConflictFound,
    PlanRejected,
    PlanRevised,
    Reported,
    Reviewed,
    SubtaskEnded,
    SubtaskStarted,
)
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.models.base import Model, Reply, Request, for_run
from orchestrator_kit.models.critic import disagreement, stands
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.record import Run
from orchestrator_kit.roles import review
from orchestrator_kit.tasks import Document, Specialist, Task
from orchestrator_kit.text import normalise, sentences
from tests.fakes import FunctionModel, findings

TASK = Task(
    "What must the buyer know?",
    tuple(Document(f"{n}.md", f"Plate {n} of the hull is thin.") for n in "abcd"),
    (Specialist("shipwright", "Examines hulls."), Specialist("painter", "Examines paint.")),
)


def subtask(*sections: str, specialist: str = "shipwright", **more: Any) -> dict[str, Any]:
    return {"specialist": specialist, "instruction": f"see {sections}", "sections": sections} | more


TWO = {"s1": subtask("a#1"), "s2": subtask("b#1")}
Said = str | dict[str, Any]
Voice = Callable[[Request], Said]


def team(plan: dict[str, Any] = TWO, **voices: Voice | Said) -> FunctionModel:
    """A model that replies by the form asked for: by a voice of that name, or soberly."""
    sober: dict[str, Voice | Said] = {
        "plan": {"subtasks": plan},
        "report": lambda r: findings(f"Report on {whose(r)}.", source="a#1"),
        "verdict": {"verdict": "accept", "reason": ""},
        "improvement": {"findings": [], "withdrawn": []},
        "revision": {"why": "", "add": {}, "drop": []},
        "conflicts": {"conflicts": []},
        "answer": {"statements": [{"statement": "So it is.", "sources": []}], "gaps": []},
    }

    def respond(request: Request) -> tuple[str, float]:
        assert request.format
        name = request.format.name
        voice = voices.get(name, sober[name])
        said = voice(request) if callable(voice) else voice
        return said if isinstance(said, str) else json.dumps(said), 1.0

    return FunctionModel(respond)


def whose(request: Request) -> str | None:
    assert request.purpose
    return request.purpose.subtask


def supervised(model: Model, task: Task = TASK, *, workers: int = 2, **options: Any) -> Run:
    pattern = partial(orchestrator_worker, **options)
    return run(task, pattern, model, workers=workers, recovery="degrade")


def events(record: Run, kind: type[Any]) -> list[Any]:
    return [e for e in record.events if isinstance(e, kind)]


def formats(record: Run) -> list[str | None]:
    return [e.format for e in events(record, CallStarted)]


def reports(record: Run) -> dict[str | None, Report]:
    """The last report of each subtask."""
    return {e.report.subtask: e.report for e in events(record, Reported)}


# ---- rounds of review ----


@pytest.mark.parametrize("rounds", [0, 1, 2, 5])
def test_a_report_that_never_pleases_is_improved_as_often_as_allowed(rounds: int) -> None:
    model = team(verdict={"verdict": "improve", "reason": "More."})
    record = supervised(model, rounds=rounds)
    for name in ("s1", "s2"):
        own = [e for e in events(record, Reviewed) if e.subtask == name]
        told = [(e.round, e.verdict, e.reason) for e in own]
        assert told == [(n, "improve", "More.") for n in range(1, rounds + 1)]
    assert formats(record).count("verdict") == formats(record).count("improvement") == 2 * rounds


def test_an_accepted_report_is_reviewed_once_and_stays() -> None:
    record = supervised(team(), rounds=5)
    assert [(e.round, e.verdict) for e in events(record, Reviewed)] == [(1, "accept")] * 2
    assert len(events(record, Reported)) == 2


def test_an_improvement_replaces_the_report_and_what_is_withdrawn_vanishes() -> None:
    def improvement(request: Request) -> dict[str, Any]:
        new = [{"statement": "Plate a is thin.", "source": "a#1"}]
        return {"findings": new, "withdrawn": [f"Report on {whose(request)}."]}

    shown: list[str] = []

    def answer(request: Request) -> dict[str, Any]:
        shown.append("".join(m.content for m in request.messages))
        return {"statements": [{"statement": "Plate a is thin.", "sources": ["a#1"]}], "gaps": []}

    model = team(
        verdict={"verdict": "improve", "reason": "Wrong."}, improvement=improvement, answer=answer
    )
    record = supervised(model, rounds=1)
    first, last = events(record, Reported)[0].report, reports(record)["s1"]
    assert [f.text for f in first.findings] == ["Report on s1."]
    assert [f.text for f in last.findings] == ["Plate a is thin."]
    assert first.call in last.calls
    assert last.call != first.call
    assert "Plate a is thin." in shown[0]
    assert "Report on" not in shown[0]
    improve = next(e for e in events(record, CallStarted) if e.step == "improve")
    verdict = next(e for e in events(record, Reviewed) if e.subtask == improve.subtask)
    assert {first.call, verdict.call} <= set(improve.uses)
    assert "<complaint>Wrong.</complaint>" in improve.messages[-1].content


def test_a_verdict_that_fails_leaves_the_report_and_is_declared() -> None:
    record = supervised(team(verdict="perhaps"), rounds=3)
    assert events(record, Reviewed) == []
    assert {f.text for r in reports(record).values() for f in r.findings} == {
        "Report on s1.",
        "Report on s2.",
    }
    assert "s1 (shipwright): not reviewed (malformed)" in record.answer.gaps


def test_an_improvement_that_fails_leaves_the_report_as_it_was() -> None:
    model = team(verdict={"verdict": "improve", "reason": "More."}, improvement="no")
    record = supervised(model, rounds=3)
    assert [e.round for e in events(record, Reviewed)] == [1, 1]
    assert len(events(record, Reported)) == 2
    assert record.status == "done"


def test_nothing_is_reviewed_where_there_is_nothing_to_review() -> None:
    record = supervised(team(report={"findings": []}), rounds=3)
    assert "verdict" not in formats(record)


# ---- the confidently wrong ----


class WrongReports(Faults):
    """Faults that strike reports alone, so that all wrong statements are there from the first."""

    def for_run(self, settings: str) -> Faults:
        return WrongReports(for_run(self.model, settings), self.plan, self.fault_seed)

    async def complete(self, request: Request) -> Reply:
        if request.format and request.format.name == "report":
            return await super().complete(request)
        return await self.model.complete(request)


# Shares of injected contradictions that review caught over these seeds when this was written:
# legal 93 % in one round and 98 % in two, research 86 % and 93 %.
FLOORS = {("legal", 1): 0.88, ("legal", 2): 0.93, ("research", 1): 0.80, ("research", 2): 0.87}


@pytest.mark.parametrize(("name", "rounds"), FLOORS)
def test_review_catches_most_of_what_is_confidently_wrong(name: str, rounds: int) -> None:
    task = load_task(name)
    true = {normalise(s) for section in task.sections for s in sentences(section.text)}
    injected = caught = lost = right = 0
    for seed in range(20):
        model = WrongReports(SimulatedModel(seed), ["wrong:role=worker,p=0.5"], seed)
        record = supervised(model, task, workers=4, rounds=rounds)
        first = {e.report.subtask: e.report for e in reversed(events(record, Reported))}
        for key, last in reports(record).items():
            kept = {normalise(f.text) for f in last.findings}
            said = [normalise(f.text) for f in first[key].findings]
            injected += sum(s not in true for s in said)
            caught += sum(s not in true and s not in kept for s in said)
            right += sum(s in true for s in said)
            lost += sum(s in true and s not in kept for s in said)
    assert injected > 300
    assert caught / injected >= FLOORS[name, rounds], (injected, caught)
    assert lost == 0, (right, lost)  # and nothing true was withdrawn


def test_without_review_nothing_wrong_is_caught() -> None:
    task = load_task("legal")
    model = WrongReports(SimulatedModel(), ["wrong:role=worker"])
    record = supervised(model, task, workers=4)
    assert len(events(record, Reported)) == len(reports(record))


SECTION = "The fee is 31 per cent. It was not paid in May. Nobody knows the new owner."


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ("The fee is 31 per cent.", True),
        ("The fee is 41 per cent.", False),
        ("The fee is not 31 per cent.", False),
        ("It is not true that the fee is 31 per cent.", False),
        ("It was paid in May.", False),
        ("It is not true that it was not paid in May.", False),
        ("The fee, 31 per cent, was not paid in May.", True),
    ],
)
def test_a_claim_stands_by_its_words_figures_and_nots(claim: str, holds: bool) -> None:
    assert stands(claim, SECTION) is holds


@given(st.sampled_from([s for x in load_task("legal").sections for s in sentences(x.text)]))
def test_what_a_section_says_stands_in_it_and_contradicts_itself_never(sentence: str) -> None:
    (home, *_) = [x for x in load_task("legal").sections if sentence in sentences(x.text)]
    assert stands(sentence, home.text)
    assert disagreement(sentence, sentence) is None


# ---- revisions of the plan ----


def failing(*names: str) -> Voice:
    def voice(request: Request) -> str:
        if whose(request) in names:
            raise Crashed("down")
        return findings(f"Report on {whose(request)}.", source="a#1")

    return voice


def test_a_failed_subtask_is_made_good_once_and_nobody_reads_what_others_are_about_to() -> None:
    task = load_task("legal")
    model = Faults(SimulatedModel(), ["crash:subtask=s1"])
    plain = supervised(model, task, workers=4)
    record = supervised(model, task, workers=4, revisions=3)
    (revised,) = events(record, PlanRevised)  # asked three times, changed once
    assert revised.why
    (again,) = [s for s in revised.plan.subtasks if s.id in revised.added]
    (lost,) = [s for s in revised.plan.subtasks if s.id == "s1"]
    assert (again.specialist, again.sections) == (lost.specialist, lost.sections)
    assert reports(record)[again.id].findings
    assert "s1 (contract lawyer): no report (crash)" in record.answer.gaps

    def read(r: Run) -> set[str]:
        ended = {e.call for e in events(r, CallEnded)}
        starts = [e for e in events(r, CallStarted) if e.call in ended]
        text = "".join(m.content for e in starts for m in e.messages)
        return {s.id for s in task.sections if f'<section id="{s.id}"' in text}

    assert read(plain) < read(record)
    assert set(lost.sections) <= read(record)


def test_sections_that_the_plan_forgot_are_read_after_a_revision() -> None:
    forgetful = {"s1": subtask("a#1"), "s2": subtask("b#1")}
    offered: list[str] = []

    def more(request: Request) -> dict[str, Any]:
        offered.append("".join(m.content for m in request.messages if "<outline" in m.content))
        return {"why": "", "add": {"r1": subtask("c#1", "d#1")}, "drop": []}

    record = supervised(team(forgetful, revision=more), revisions=1)
    assert [f'id="{n}#1"' in offered[0] for n in "abcd"] == [False, False, True, True]
    assert not any("sections unread" in gap for gap in record.answer.gaps)
    without = supervised(team(forgetful, revision=more))
    assert "2 of 4 sections unread: c#1, d#1" in without.answer.gaps


@pytest.mark.parametrize("revisions", [0, 1, 2, 3])
def test_the_plan_is_revised_at_most_as_often_as_allowed(revisions: int) -> None:
    def more(request: Request) -> dict[str, Any]:
        properties = request.format.schema["properties"]["add"]["properties"]  # type: ignore[union-attr]
        return {"why": "Once more.", "add": {next(iter(properties)): subtask("c#1")}, "drop": []}

    record = supervised(team(revision=more), revisions=revisions)
    assert formats(record).count("revision") == revisions
    assert len(events(record, PlanRevised)) == revisions
    assert len(events(record, SubtaskStarted)) == 2 + revisions


def test_a_waiting_subtask_is_split_by_dropping_it_and_adding_its_parts() -> None:
    plan = {
        "s1": subtask("a#1"),
        "s2": subtask("b#1", "c#1", needs=["s1"]),
        "s3": subtask("d#1", needs=["s2"]),
    }
    parts = {"r1": subtask("b#1"), "r2": subtask("c#1", needs=["r1"])}
    change = {"why": "Too much for one.", "add": parts, "drop": ["s2"]}
    record = supervised(team(plan, report=failing("s1"), revision=change), revisions=1)
    (revised,) = events(record, PlanRevised)
    assert (revised.added, revised.dropped, revised.why) == (
        ("r1", "r2"),
        ("s2",),
        "Too much for one.",
    )
    ended = {e.subtask: e for e in events(record, SubtaskEnded)}
    begun = {e.subtask: e for e in events(record, SubtaskStarted)}
    assert set(begun) == {"s1", "s3", "r1", "r2"}
    assert begun["r2"].t >= ended["r1"].t
    assert record.status == "done"
    assert "s1 (shipwright): no report (crash)" in record.answer.gaps


def test_what_has_begun_cannot_be_dropped() -> None:
    record = supervised(
        team(report=failing("s1"), revision={"why": "", "add": {}, "drop": ["s2", "s9"]}),
        revisions=1,
    )
    assert set(reports(record)) == {"s1", "s2"}
    for e in events(record, PlanRevised):
        assert (e.added, e.dropped) == ((), ())


@pytest.mark.parametrize(
    ("add", "complaint"),
    [
        ({"r1": subtask("a#1", specialist="cook")}, "'cook' is not on the roster"),
        ({"r1": subtask("z#9")}, "there is no section 'z#9'"),
        ({"s1": subtask("c#1")}, "the id 's1' is used 2 times"),
        ({"r1": subtask("c#1", needs=["r7"])}, "needs 'r7', which is no subtask of the plan"),
        ({"r1": subtask("c#1", needs=["r1"])}, "wait for each other in a circle"),
        ({f"r{n}": subtask("c#1") for n in range(9)}, "at most 6 are allowed"),
    ],
)
def test_an_unsound_revision_is_rejected_with_an_event(add: Any, complaint: str) -> None:
    record = supervised(team(revision={"why": "", "add": add, "drop": []}), revisions=1)
    (rejected,) = events(record, PlanRejected)
    assert any(complaint in c for c in rejected.complaints)
    assert events(record, PlanRevised) == []
    assert len(events(record, SubtaskStarted)) == 2
    assert record.status == "done"


def test_a_revision_that_fails_leaves_the_plan_and_is_declared() -> None:
    record = supervised(team(revision="perhaps"), revisions=2)
    assert events(record, PlanRevised) == []
    assert "plan: not revised (malformed)" in record.answer.gaps


def test_two_who_fail_at_once_get_a_revision_each_that_sees_the_one_before() -> None:
    def again(request: Request) -> dict[str, Any]:
        properties = request.format.schema["properties"]["add"]["properties"]  # type: ignore[union-attr]
        return {"why": "", "add": {next(iter(properties)): subtask("c#1")}, "drop": []}

    record = supervised(team(report=failing("s1", "s2"), revision=again), revisions=2)
    assert events(record, PlanRejected) == []
    assert [e.added for e in events(record, PlanRevised)] == [("r1",), ("r2",)]
    assert reports(record)["r1"].findings
    assert reports(record)["r2"].findings


# ---- conflicts ----


def conflicting(first: str, second: str, kept: str) -> dict[str, Any]:
    row = {"first": first, "second": second, "kept": kept, "reason": "They cannot both hold."}
    return {"conflicts": [row]}


@pytest.mark.parametrize("kept", ["first", "second", "neither"])
def test_a_conflict_is_settled_or_declared_and_always_an_event(kept: str) -> None:
    shown: list[str] = []

    def answer(request: Request) -> dict[str, Any]:
        shown.append("".join(m.content for m in request.messages if "<report" in m.content))
        return {"statements": [{"statement": "So it is.", "sources": []}], "gaps": []}

    one, other = "Report on s1.", "Report on s2."
    model = team(conflicts=conflicting(one, other, kept), answer=answer)
    record = supervised(model, conflicts=True)
    (found,) = events(record, ConflictFound)
    assert (found.first.text, found.second.text) == (one, other)
    stays = {"first": one, "second": other, "neither": None}[kept]
    assert (found.kept.text if found.kept else None) == stays
    gap = f"conflict: '{found.first}' against '{found.second}'"
    assert (gap in record.answer.gaps) == (kept == "neither")
    assert (one in shown[0]) == (kept != "second")
    assert (other in shown[0]) == (kept != "first")


def test_a_conflict_with_what_nobody_said_is_passed_over() -> None:
    model = team(conflicts=conflicting("Report on s1.", "The moon is cheese.", "second"))
    record = supervised(model, conflicts=True)
    assert events(record, ConflictFound) == []
    assert len(reports(record)) == 2


def test_conflicts_that_could_not_be_looked_for_are_declared() -> None:
    record = supervised(team(conflicts="none that I know of"), conflicts=True)
    assert "conflicts: not looked for (malformed)" in record.answer.gaps
    assert record.status == "done"


FERRY = Task(
    "How many hands work the ferry, and what did the line lose?",
    (
        Document("survey.md", "The ferry of the harbour line is worked by 9 hands in summer."),
        Document("accounts.md", "The ferry of the harbour line is worked by 11 hands in summer."),
    ),
    (
        Specialist("surveyor", "Examines the survey of the ferry and its hands."),
        Specialist("bookkeeper", "Reads the accounts of the ferry and its hands."),
    ),
)


def test_documents_that_contradict_each_other_are_both_told_and_declared() -> None:
    record = supervised(SimulatedModel(), FERRY, conflicts=True)
    (found,) = events(record, ConflictFound)
    assert found.kept is None
    assert {found.first.sources, found.second.sources} == {("survey#1",), ("accounts#1",)}
    assert any(g.startswith("conflict: ") for g in record.answer.gaps)
    assert len(record.answer.statements) == 2


def test_of_a_wrong_finding_and_a_right_one_the_right_one_is_kept() -> None:
    right = "The ferry of the harbour line is worked by 9 hands in summer."
    task = replace(
        FERRY,
        documents=(Document("survey.md", right), Document("log.md", right)),
    )
    wrong = right.replace("9", "7")

    class Twisted(SimulatedModel):
        """Reads the log wrongly."""

        async def complete(self, request: Request) -> Reply:
            reply = await super().complete(request)
            if request.format and request.format.name == "report" and "log#1" in reply.text:
                rows = json.loads(reply.text)["findings"]
                for row in rows:
                    if row["source"] == "log#1":
                        row["statement"] = wrong
                return replace(reply, text=json.dumps({"findings": rows}))
            return reply

    plan = Plan(
        (
            Subtask("s1", "surveyor", "read", ("survey#1",)),
            Subtask("s2", "bookkeeper", "read", ("log#1",)),
        )
    )
    record = run(task, partial(with_plan, plan), Twisted(), workers=2)
    (found,) = events(record, ConflictFound)
    assert found.kept is not None
    assert found.kept.text == right
    assert [s.text for s in record.answer.statements] == [right]
    assert not any(g.startswith("conflict") for g in record.answer.gaps)


async def with_plan(plan: Plan, crew: Any, task: Task) -> Any:
    """Orchestrator-worker from the plan on."""
    from orchestrator_kit.patterns.steps import settle
    from orchestrator_kit.patterns.synthesis import synthesize
    from orchestrator_kit.roles import worker

    found = await crew.dispatch(
        plan,
        lambda s, _: worker.report(
            task,
            [task.section_by_id[s.sections[0]]],
            specialist=task.specialist(s.specialist),
            subtask=s,
        ),
    )
    return await synthesize(crew, task, await settle(crew, task, found))


def test_a_finding_that_names_no_section_loses_against_one_whose_section_says_it() -> None:
    said = "The ferry of the harbour line is worked by 9 hands in summer."
    right = Statement(said, ("survey#1",))
    rumour = Statement(said.replace("9", "5"))
    found = [Report("bookkeeper", (rumour,), "s1", 1), Report("surveyor", (right,), "s2", 2)]
    ask, model = review.conflicts(FERRY, found), SimulatedModel()
    reply = clock.run(lambda: model.complete(ask.request(model)[0]), virtual=True)
    (conflict,) = ask.parse(reply.text, 3)
    assert conflict.kept == right
    assert [r.findings for r in review.settled(found, [conflict])] == [(), (right,)]


# ---- replies of strangers ----

SAID = Report("shipwright", (Statement("Plate a is thin.", ("a#1",)), Statement("b.")), "s1", 3)
PLAN = Plan((Subtask("s1", "shipwright", "go", ("a#1",)),))
ASKS = {
    "verdict": review.verdict(TASK, PLAN.subtasks[0], SAID, round=1),
    "improvement": review.improvement(
        TASK,
        TASK.sections,
        specialist=TASK.specialists[0],
        subtask=PLAN.subtasks[0],
        draft=SAID,
        verdict=review.Verdict(False, "More.", 4),
    ),
    "revision": review.revision(
        TASK, PLAN, [SAID], waiting=(), running={}, unread=TASK.sections, limit=2
    ),
    "conflicts": review.conflicts(TASK, [SAID, SAID]),
}
words = st.sampled_from(
    "verdict reason accept improve findings statement source withdrawn add drop why conflicts "
    "first second kept neither r1 s1 specialist instruction sections needs a#1 b.".split()
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("name", ASKS)
@given(text=st.dictionaries(words, values, max_size=5).map(json.dumps) | st.text())
@example(text='{"a": ' * 100_000 + "1" + "}" * 100_000)
@example(text='{"verdict": "improve"}')
@example(text='{"conflicts": [{"first": "b.", "second": "b.", "kept": "third"}]}')
@example(text='{"add": null, "drop": [1]}')
@example(text='{"findings": [{"statement": "' + "x" * 5_000 + '"}]}')
def test_a_hostile_reply_is_understood_or_malformed_and_nothing_else(name: str, text: str) -> None:
    error = None
    try:
        assert ASKS[name].parse(text, 7) is not None
    except ModelError as e:
        error = e
    if error:
        assert type(error) is (MalformedReply if text.strip() else EmptyReply)
        assert "\n" not in str(error)
        assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("verdict", '{"verdict": "maybe", "reason": "x"}'),
        ("verdict", '{"verdict": "improve"}'),
        ("verdict", '{"verdict": "accept", "verdict": "improve", "reason": "x"}'),
        ("improvement", '{"withdrawn": []}'),
        ("improvement", '{"findings": [], "withdrawn": "all"}'),
        ("revision", '{"add": []}'),
        ("revision", '{"add": {"r1": {"specialist": "painter"}}}'),
        ("conflicts", '{"conflicts": [{"first": "b.", "second": "b.", "kept": "third"}]}'),
        ("conflicts", '{"conflicts": [{"first": "b.", "kept": "first"}]}'),
    ],
)
def test_what_is_not_of_the_form_is_malformed_and_never_half_understood(
    name: str, text: str
) -> None:
    with pytest.raises(MalformedReply):
        ASKS[name].parse(text, 7)
