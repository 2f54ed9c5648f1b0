"""The commands run, estimate, diff, faults and policies: what they print, and how mistakes end."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from orchestrator_kit import experiments
from orchestrator_kit.cli.reference import CONDITIONS, EXAMPLES
from orchestrator_kit.errors import ServerFailed
from orchestrator_kit.events import (
    CallFailed,
    CallRefused,
    ConflictFound,
    Event,
    PlanRevised,
    Recovered,
    Reviewed,
    TookOver,
)
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.base import Reply, Request, Usage
from orchestrator_kit.models.faults import KINDS, Fault
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS, VARIANTS
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import POLICIES
from tests import test_cli
from tests.fakes import findings
from tests.reading import reads
from tests.servers import ChatServer
from tests.test_cli import Okit, figures

okit = test_cli.okit
RECORD = ("--record", "run.jsonl")


def recorded() -> Run:
    return Run.load("run.jsonl")


def of(kind: type[Event]) -> list[Event]:
    return [e for e in recorded().events if isinstance(e, kind)]


# ---- run ----


def test_a_run_prints_its_answer_its_figures_and_nothing_on_standard_error(okit: Okit) -> None:
    done = okit("run", "ferry", *RECORD, "--json", "found.json")
    assert (done.code, done.err) == (0, "")
    record = recorded()
    assert done.out.startswith(f"{record.answer}\n\npattern ")
    assert re.search(r"^orchestrator_worker +\d", done.out, re.MULTILINE)
    assert done.out.endswith("record: run.jsonl\nfigures: found.json\n")
    (run,) = figures()["runs"]
    assert (run["pattern"], run["calls"]) == ("orchestrator_worker", measure(record).calls)
    assert run["answer"] == str(record.answer)


@pytest.mark.parametrize("pattern", [*PATTERNS, *VARIANTS])
def test_every_pattern_can_be_run_by_its_name(okit: Okit, pattern: str) -> None:
    assert okit("run", "ferry", "--pattern", pattern, "--workers", 2, *RECORD).code == 0
    assert (recorded().pattern, recorded().workers) == (pattern, 2)
    assert recorded().started.options == ()


def test_a_prompt_and_documents_stand_for_a_task(okit: Okit) -> None:
    words = ["--documents", "ferry/survey.md", "ferry/accounts.md", "--prompt", "What is thin?"]
    assert okit("run", *words, *RECORD).code == 0
    assert recorded().started.task == "What is thin?"


def test_the_options_of_the_pattern_stand_in_the_record(okit: Okit) -> None:
    words = ["--rounds", 1, "--revisions", 2, "--conflicts", "--synthesis", "tree"]
    assert okit("run", "ferry", *words, "--decides", "split,stop", *RECORD).code == 0
    assert recorded().started.options == (
        "conflicts=True",
        "decides=split,stop",
        "revisions=2",
        "rounds=1",
        "synthesis=tree",
    )


def test_rounds_are_rounds_of_review_and_nothing_is_reviewed_without_them(okit: Okit) -> None:
    okit("run", "ferry", "--rounds", 2, *RECORD)
    rounds = {e.round for e in of(Reviewed) if isinstance(e, Reviewed)}
    assert 1 in rounds
    assert rounds <= {1, 2}
    okit("run", "ferry", "--rounds", 0, *RECORD)
    assert not of(Reviewed)


def test_of_peers_rounds_are_those_of_their_turns(okit: Okit) -> None:
    turns = []
    for rounds in (1, 2):
        okit("run", "ferry", "--pattern", "peer_agents", "--rounds", rounds, *RECORD)
        turns.append(measure(recorded()).calls)
    assert turns == [4, 8]  # every one of four peers in each round


def test_revisions_change_the_plan_where_a_subtask_fails(okit: Okit) -> None:
    words = ["run", "ferry", "--faults", "refusal:subtask=s1", *RECORD]
    assert okit(*words, "--revisions", 1).code == 0
    assert len(of(PlanRevised)) == 1
    assert okit(*words).code == 0
    assert not of(PlanRevised)


def test_conflicts_are_looked_for_where_that_is_asked(okit: Okit) -> None:
    okit("run", "ferry", "--conflicts", *RECORD)
    found = measure(recorded()).calls
    okit("run", "ferry", *RECORD)
    assert measure(recorded()).calls == found - 1
    assert not of(ConflictFound)


def test_where_the_model_decides_nothing_it_is_not_asked_for_a_plan(okit: Okit) -> None:
    assert okit("run", "ferry", "--decides", "none", *RECORD).code == 0
    assert recorded().started.options == ("decides=",)
    assert "orchestrator" not in measure(recorded()).roles
    okit("run", "ferry", *RECORD)
    assert measure(recorded()).roles["orchestrator"].calls == 1


def test_a_standby_takes_over_from_a_killed_orchestrator(okit: Okit) -> None:
    words = ["run", "ferry", "--faults", "kill:role=synthesizer,nth=1", *RECORD]
    done = okit(*words, "--standby")
    assert (done.code, done.err) == (0, "")
    assert len(of(TookOver)) == 1
    alone = okit(*words)
    assert alone.code == 1
    assert alone.complaint == "the run failed: the orchestrator was killed"
    assert not of(TookOver)


def test_several_faults_stand_after_one_option_and_the_policy_remedies_them(okit: Okit) -> None:
    faults = ["--faults", "crash:role=worker,p=0.5", "straggler"]
    done = okit("run", "legal", *faults, "--recovery", "reassign", *RECORD)
    assert (done.code, done.err) == (0, "")
    start = recorded().started
    assert start.faults == ("crash:role=worker,p=0.5", "straggler")
    assert start.recovery == str(POLICIES["reassign"])
    steps = {e.step for e in of(Recovered) if isinstance(e, Recovered)}
    assert "reassign" in steps
    assert "remedies" in done.out
    assert "orchestrator_worker: " in done.out
    assert okit("run", "--faults", "crash", "straggler", "--seed", 1, "legal").code == 1


@pytest.mark.parametrize(
    ("budget", "field", "value"),
    [
        (("--budget-tokens", 3_000), "budget_tokens", 3_000),
        (("--budget-usd", 0.0018), "budget_usd", 0.0018),
        (("--budget-seconds", 8.5), "budget_seconds", 8.5),
    ],
)
def test_a_budget_in_tokens_money_or_seconds_is_kept(
    okit: Okit, budget: tuple[object, object], field: str, value: float
) -> None:
    done = okit("run", "ferry", "--pattern", "pipeline", *budget, *RECORD)
    record = recorded()
    assert getattr(record.started, field) == value
    measures = measure(record)
    spent = {
        "budget_tokens": measures.tokens,
        "budget_usd": measures.cost_usd or 0.0,
        "budget_seconds": measures.latency_s,
    }
    assert 0 < spent[field] <= value
    assert [e for e in record.events if isinstance(e, CallRefused | CallFailed)]
    assert "budget" in done.out
    assert done.code == (record.status == "failed")


def test_what_is_behind_a_sentence_is_shown(okit: Okit) -> None:
    done = okit("run", "ferry", "--explain", "The certificate ends on 4 May 2027", *RECORD)
    assert (done.code, done.err) == (0, "")
    assert str(recorded().explain("The certificate ends on 4 May 2027")) in done.out


def test_what_was_paid_for_is_kept_where_the_sentence_to_explain_is_not_said(okit: Okit) -> None:
    done = okit("run", "ferry", "--explain", "zebras", *RECORD, "--json", "found.json")
    assert done.code == 2
    assert done.complaint.startswith("the answer says nothing like 'zebras'; it says")
    assert done.out.startswith(str(recorded().answer))
    assert str(figures()["runs"][0]["answer"]) == str(recorded().answer)


def test_a_failed_run_ends_with_a_code_and_keeps_what_was_found(okit: Okit) -> None:
    words = ["--faults", "kill:role=synthesizer", "--explain", "zebras", "--recovery", "degrade"]
    done = okit("run", "ferry", *words, *RECORD, "--json", "found.json")
    assert done.code == 1
    assert done.complaint == "the run failed: the orchestrator was killed"
    record = recorded()
    assert record.status == "failed"
    assert figures()["runs"][0]["status"] == "failed"
    assert "  orchestrator_worker: synthesizer: killed: " in done.out
    done = okit("run", "ferry", "--faults", "crash:role=synthesizer", "--recovery", "none", *RECORD)
    assert done.code == 1
    assert recorded().answer.statements  # of the reports, put together by code
    assert str(recorded().answer) in done.out


def test_what_a_model_or_a_server_says_is_no_command_to_the_terminal(
    okit: Okit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hostile(_: SimulatedModel, request: Request) -> Reply:
        assert request.purpose
        if request.purpose.agent == "bookkeeper":
            raise ServerFailed("\x1b]0;title\x07 \x9b31m [red]no[/red]")
        return Reply(
            findings("The hull \x1b[2J\x07 \u202e is thin.\r", source="survey#1"), Usage(9, 9)
        )

    monkeypatch.setattr(SimulatedModel, "complete", hostile)
    words = ["run", "ferry", "--recovery", "degrade", "--explain", "hull", *RECORD]
    done = okit(*words, "--pattern", "parallelization")
    assert (done.code, done.err) == (0, "")
    assert "[red]no[/red]" in done.out
    assert "- The hull [2J is thin." in done.out
    failed = okit(*words[:4], "--pattern", "orchestrator_worker", "--faults", "\x1b[2J")
    assert not set(done.out + failed.err) & set("\x1b\x07\x9b\u202e\r")


@pytest.mark.parametrize("command", ["run", "compare"])
def test_a_fault_that_struck_no_call_is_named(okit: Okit, command: str) -> None:
    done = okit(command, "ferry", "--faults", "crash:role=wurker", "straggler:p=0.9")
    assert done.code == 0
    assert "okit: the fault crash:role=wurker struck no call\n" in done.err
    assert "straggler" not in done.err


# ---- estimate and diff ----


def test_an_estimate_of_all_patterns_is_made_before_anything_is_spent_and_needs_no_key(
    okit: Okit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    remote = ["--model", "endpoint:gpt-4o-mini", "--base-url", "https://model.invalid/v1"]
    done = okit("estimate", "ferry", "--workers", 2, *remote)
    assert (done.code, done.err) == (0, "")
    rows = {line.split()[0]: line.split() for line in done.out.splitlines()[2:-1]}
    assert list(rows) == [*PATTERNS, "all"]
    for column in (1, 2, 3):
        numbers = [int(rows[name][column].replace(",", "")) for name in rows]
        assert numbers[-1] == sum(numbers[:-1]) > 0
    assert all("$" in rows[name][4] for name in rows)
    assert sorted(p.name for p in Path().iterdir()) == ["ferry"]
    one = okit("estimate", "ferry", "--patterns", "pipeline", "--workers", 2, *remote)
    assert one.out.splitlines()[2].split() == rows["pipeline"]


def test_two_equal_records_are_the_same_and_others_part_at_an_event(okit: Okit) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        okit("run", "ferry", "--seed", seed, "--record", f"{name}.jsonl")
    same = okit("diff", "a.jsonl", "b.jsonl")
    assert (same.code, same.out) == (0, "the records are the same\n")
    for more in ([], ["--no-order"], ["--no-times"], ["--no-order", "--no-times"]):
        other = okit("diff", "a.jsonl", "c.jsonl", *more)
        assert other.code == 1
        assert "the records are the same" not in other.out
        assert other.err == ""


# ---- mistakes ----


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "name a scenario or a task folder, or give a prompt"),
        (["run", "nowhere"], "no scenario or folder called 'nowhere'"),
        (["run", "ferry", "--pattern", "swarm"], "no pattern called 'swarm'; there are: "),
        (["run", "ferry", "--pattern", ""], "no pattern called ''"),
        (["run", "ferry", "--workers", "0"], "workers is 0; 1 to 10,000 can be had"),
        (["run", "ferry", "--model", "gpt"], "no model called 'gpt'"),
        (["run", "ferry", "--model", "endpoint:m", "--base-url", "x"], "base_url must look like"),
        (["run", "ferry", "--recovery", "prayer"], "no recovery policy called 'prayer'; there are"),
        (["run", "ferry", "--rounds", "-1"], "--rounds is -1; it cannot be negative"),
        (["run", "ferry", "--revisions", "-2"], "--revisions is -2; it cannot be negative"),
        (
            ["run", "ferry", "--pattern", "pipeline", "--rounds", "1"],
            "--rounds is no option of pipeline, but of peer_agents, orchestrator_worker",
        ),
        (
            ["run", "ferry", "--pattern", "pipeline", "--rounds", "0"],
            "--rounds is no option of pipeline",
        ),
        (
            ["run", "ferry", "--pattern", "voting", "--revisions", "1"],
            "--revisions is no option of voting, but of orchestrator_worker",
        ),
        (
            ["run", "ferry", "--pattern", "pipeline", "--decides", "none"],
            "--decides is no option of pipeline, but of orchestrator_worker",
        ),
        (
            ["run", "ferry", "--pattern", "peer_agents", "--conflicts"],
            "--conflicts is no option of peer_agents",
        ),
        (
            ["run", "ferry", "--pattern", "single_call", "--synthesis", "tree"],
            "--synthesis is no option of single_call",
        ),
        (["run", "ferry", "--synthesis", "heap"], "--synthesis is 'heap'; it is auto, flat or"),
        (["run", "ferry", "--decides", "much"], "no decision called 'much'; there are: assign, "),
        (["run", "ferry", "--decides", ""], "no decision called ''"),
        (["run", "ferry", "--decides", "none,split"], "no decision called 'none'"),
        (["run", "ferry", "--explain", " "], "--explain is empty"),
        (["run", "ferry", "--budget-tokens", "0"], "--budget-tokens is 0; it must be more than 0"),
        (["run", "ferry", "--budget-usd", "-1"], "--budget-usd is -1.0; it must be more than 0"),
        (["run", "ferry", "--budget-usd", "nan"], "--budget-usd is nan; it must be more than 0"),
        (["run", "ferry", "--budget-seconds", "nan"], "--budget-seconds is nan; it must be more"),
        (["run", "ferry", "--json", "ferry"], "ferry: cannot be written"),
        (["run", "ferry", "--record", "ferry/survey.md/x"], "x: cannot be written"),
        (["run", "ferry", "--faults", "boom"], "no fault called 'boom'; there are: connection, "),
        (["run", "ferry", "--faults", ""], "no fault called ''"),
        (["run", "ferry", "--faults", "crash", "ferry"], "no fault called 'ferry'"),
        (["run", "ferry", "--faults", "crash:p=2"], "a probability is between 0 and 1"),
        (["run", "ferry", "--faults", "crash:p=nan"], "a probability is between 0 and 1"),
        (["run", "ferry", "--faults", "crash:p=often"], "'p=often' in the fault 'crash:p=often'"),
        (["run", "ferry", "--faults", "crash:nth=0"], "workers are counted from 1"),
        (["run", "ferry", "--faults", "crash:who=me"], "no condition of a fault called 'who'"),
        (["run", "ferry", "--faults", "crash:role"], "'role' in the fault 'crash:role' is no"),
        (["run", "ferry", "--faults", "crash:role="], "role is ''"),
        (["run", "ferry", "--faults", "timeout:seconds=inf"], "seconds is inf"),
        (["estimate"], "name a scenario or a task folder"),
        (["estimate", "ferry", "--patterns", "swarm"], "no pattern called 'swarm'"),
        (["estimate", "ferry", "--workers", "0"], "workers is 0; 1 to 10,000 can be had"),
        (["estimate", "ferry", "--model", "gpt"], "no model called 'gpt'"),
        (["diff", "a", "b"], "a: cannot be read"),
        (["diff", "ferry/survey.md", "ferry/survey.md"], "survey.md, line 1: not an event"),
    ],
)
def test_a_mistake_ends_in_one_line_and_a_code_and_nothing_is_spent(
    okit: Okit, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    played = []
    play = experiments._Series.play

    async def noted(series: experiments._Series) -> None:
        played.append(series)
        await play(series)

    monkeypatch.setattr(experiments._Series, "play", noted)
    done = okit(*words)
    assert said in done.complaint
    assert (done.code, done.out, played) == (2, "", [])


@pytest.mark.parametrize(
    "words",
    [
        ["run", "ferry", "--rounds", "x"],
        ["run", "ferry", "--budget-usd", "much"],
        ["run", "ferry", "--record"],
        ["run", "ferry", "--explain"],
        ["estimate", "ferry", "--workers", "x"],
        ["diff", "a"],
        ["faults", "crash"],
        ["policies", "retry"],
    ],
)
def test_a_wrong_word_ends_with_the_usage_and_a_code(okit: Okit, words: list[str]) -> None:
    done = okit(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("Error: ")


# ---- faults and policies ----


def test_faults_are_listed_with_what_each_does_their_conditions_and_examples(okit: Okit) -> None:
    done = okit("faults")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    for kind, what in KINDS.items():
        assert f"{kind} {what}" in lines
    for f in fields(Fault)[1:]:
        default = "any" if f.default in (None, ()) else f"{f.default:g}"
        assert f"{f.name} {default} {CONDITIONS[f.name]}" in lines
    assert CONDITIONS.keys() == {f.name for f in fields(Fault)[1:]}
    for example, meaning in EXAMPLES.items():
        assert f"{example} {meaning}" in lines


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_of_a_fault_can_be_used_as_it_stands(okit: Okit, example: str) -> None:
    done = okit("run", "ferry", "--standby", "--faults", example, *RECORD)
    assert (done.code, done.err) == (0, "")
    assert recorded().started.faults == (str(Fault.parse(example)),)


def test_policies_are_listed_with_what_each_does(okit: Okit) -> None:
    done = okit("policies")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    for name, policy in POLICIES.items():
        assert any(line.split(maxsplit=1) == [name, str(policy)] for line in lines)
    assert "A *hedge* is a second call beside a slow one." in done.out


def test_the_help_names_only_commands_that_there_are(okit: Okit) -> None:
    named = set()
    for command in ("run", "compare", "estimate"):
        text = " ".join(re.sub("[│|]", " ", okit(command, "--help").out).split())
        named |= set(re.findall(r"see okit (\w+)", text))
    assert named == {"faults", "policies"}
    for command in named:
        assert okit(command).code == 0


# ---- on a tape ----


def test_what_comes_out_is_not_written_over_the_tape(okit: Okit) -> None:
    okit("run", "ferry", "--tape", "a.okit")
    before = Path("a.okit").read_bytes()
    for option in ("--record", "--json"):
        done = okit("run", "ferry", "--tape", "a.okit", option, "./a.okit")
        assert (done.code, done.complaint) == (
            2,
            "a.okit: is the tape; write what comes out to another file",
        )
    assert Path("a.okit").read_bytes() == before


def test_calls_of_a_live_run_that_came_from_the_tape_are_told(okit: Okit) -> None:
    with ChatServer(reads()) as server:
        words = ["run", "ferry", "--pattern", "pipeline", "--tape", "a.okit"]
        live = ["--model", "endpoint:test", "--base-url", server.url]
        first = okit(*words, *live)
        again = okit(*words, *live)
        alone = okit(*words)
        assert len(server.asked) == 3
    assert "came from" not in first.err + alone.err
    assert "okit: 3 calls came from a.okit, at once" in again.err
    assert first.out.splitlines()[:3] == again.out.splitlines()[:3] == alone.out.splitlines()[:3]


# ---- trials ----


def test_several_trials_are_compared_with_intervals(okit: Okit) -> None:
    patterns = ["--patterns", "single_call,pipeline"]
    done = okit("compare", "ferry", "--trials", 3, *patterns, "--json", "t.json", "--records", "r")
    assert (done.code, done.err) == (0, "")
    assert "3 trials, seeds 0 to 2" in done.out
    row = next(line for line in done.out.splitlines() if line.startswith("pipeline"))
    assert " to " in row
    assert row.endswith(("more", "less", "no difference shown"))
    assert len(json.loads(Path("t.json").read_text("utf-8"))["trials"]) == 3
    assert len(list(Path("r").iterdir())) == 6
    for n in (1, 2, 3):
        assert Run.load(f"r/pipeline-{n}.jsonl").started.seed == n - 1
    picture = Path("out/compare-ferry.svg").read_text("utf-8")
    assert "bars: means of 3 trials; whiskers: 95% intervals" in picture
    assert "4 workers, the first trial<" in picture
    okit("compare", "ferry", *patterns)
    picture = Path("out/compare-ferry.svg").read_text("utf-8")
    assert "trial" not in picture
    printed = okit("compare", "ferry", "--trials", 2, *patterns, "--figure", "t.pdf")
    assert (printed.code, printed.err) == (0, "")
    assert Path("t.pdf").read_bytes().startswith(b"%PDF")
    wrong = okit("compare", "ferry", "--trials", 0)
    assert (wrong.code, wrong.complaint) == (2, "trials is 0; at least 1 is needed")


def test_a_rematch_is_printed_and_written(okit: Okit) -> None:
    done = okit("rematch", "ferry", "--trials", 2, "--json", "r.json")
    assert (done.code, done.err) == (0, "")
    names = [line.split()[0] for line in done.out.splitlines()[2:7]]
    assert names == ["orchestrator_worker", "single_call", "voting", "passes", "self_review"]
    assert set(json.loads(Path("r.json").read_text("utf-8"))["intervals"]) == set(names)
    wrong = okit("rematch", "ferry", "--against", "swarm")
    assert (wrong.code, wrong.complaint.split(";")[0]) == (2, "no pattern called 'swarm'")
