"""Faults as a plan: what strikes which call, the same every time, and what it costs."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator_kit import clock
from orchestrator_kit.errors import (
    ConnectionLost,
    Crashed,
    EmptyReply,
    Killed,
    MalformedReply,
    ModelError,
    ModelTimeout,
    RateLimited,
    Refused,
    ServerFailed,
    UsageError,
)
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallStarted,
    PlanMade,
    Reported,
)
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.base import (
    Message,
    Model,
    PerRun,
    Pulse,
    Purpose,
    Reply,
    Request,
    Usage,
    for_run,
)
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.models.faults import KINDS, Fault, Faults
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.record import Run
from orchestrator_kit.roles.replies import read_object
from orchestrator_kit.tasks import Task
from orchestrator_kit.text import words
from tests.fakes import FunctionModel, findings
from tests.servers import ChatServer, says

RATES = (1e-6, 2e-6)  # US dollars for a token going in and coming out
TOOK = 2.0  # seconds of the priced model's reply
TEXT = findings("The hull lost 31 per cent.", "It is safe.")


class Priced(FunctionModel):
    """A function's model that has a price and gives signs of life."""

    beats = True

    def price(self, usage: Usage) -> float | None:
        return usage.input_tokens * RATES[0] + usage.output_tokens * RATES[1]

    async def complete(self, request: Request) -> Reply:
        left = TOOK
        while request.pulse and left > request.pulse.every_s:
            await asyncio.sleep(request.pulse.every_s)
            left -= request.pulse.every_s
            request.pulse.beat(int(10 * (TOOK - left)))
        await asyncio.sleep(left)
        reply = await super().complete(request)
        return replace(reply, cost_usd=self.price(reply.usage))


def priced(text: str = TEXT) -> Priced:
    return Priced(lambda _: (text, 0.0))


def asked(
    role: str = "worker",
    agent: str = "shipwright",
    *,
    worker: int | None = 1,
    subtask: str | None = "s1",
    attempt: int = 1,
    material: str = "The hull lost 31 per cent. It is safe.",
    sample: int = 0,
    pulse: Pulse | None = None,
) -> Request:
    messages = (Message("user", material), Message("user", "Report."))
    purpose = Purpose(role, agent, worker, subtask, attempt)
    return Request(messages, sample=sample, purpose=purpose, pulse=pulse)


Outcome = tuple[Reply | ModelError, float]


def outcomes(model: Model, *requests: Request) -> list[Outcome]:
    """What comes of the requests, one after another, and in how many virtual seconds."""

    async def main() -> list[Outcome]:
        loop, found = asyncio.get_running_loop(), list[Outcome]()
        for request in requests:
            began = loop.time()
            came: Reply | ModelError
            try:
                came = await model.complete(request)
            except ModelError as e:
                came = e
            found.append((came, loop.time() - began))
        return found

    return clock.run(main, virtual=True)


def struck(plan: Sequence[Fault | str], *requests: Request, seed: int = 0) -> list[str | None]:
    """The kinds of error that the requests meet, None for a reply."""
    met = outcomes(Faults(priced(), plan, seed), *requests)
    return [came.kind if isinstance(came, ModelError) else None for came, _ in met]


# ---- as text ----

names = st.text(min_size=1).filter(lambda t: t == t.strip())
numbers = st.floats(0, allow_nan=False, allow_infinity=False)
faults = st.builds(
    Fault,
    st.sampled_from(sorted(KINDS)),
    role=st.none() | names,
    agent=st.none() | names,
    worker=st.none() | st.integers(1),
    subtask=st.none() | names,
    nth=st.lists(st.integers(1), max_size=4).map(tuple),
    first=st.none() | st.integers(1),
    p=st.floats(0, 1),
    factor=st.floats(1, allow_infinity=False),
    seconds=numbers,
    retry_after=numbers,
)


@given(faults)
@example(Fault("crash", agent="Smith, Jones"))
@example(Fault("crash", agent="a:b=c,p=0.5", role="\\", subtask="s\\,"))
@example(Fault("crash", agent="one\\\ntwo"))
def test_a_fault_reads_its_own_text(fault: Fault) -> None:
    assert Fault.parse(str(fault)) == fault


def test_a_line_says_what_differs_from_the_usual() -> None:
    assert str(Fault("kill", role="orchestrator", nth=(2, 3))) == "kill:role=orchestrator,nth=2+3"
    assert str(Fault("hang")) == "hang"
    assert Fault.parse(" crash : role = worker , p = 0.25, ") == Fault("crash", "worker", p=0.25)


pieces = st.sampled_from(
    [
        *"crash wrong : , = role p nth worker first factor agent kind".split(),
        *("0.5", "2+3", "+", "-1", "nan", "inf", "1e999", " ", "\\", "\n", "٣", "9" * 5_000),
    ]
)
garbage = st.text() | st.lists(pieces, max_size=12).map("".join)


@given(garbage)
@example("crash:worker=" + "9" * 5_000)
@example("crash:p=nan")
@example("crash:kind=hang")
@example("crash:nth=")
def test_garbage_is_a_fault_or_one_clear_line(text: str) -> None:
    with suppress(UsageError):
        fault = Fault.parse(text)
        assert Fault.parse(str(fault)) == fault


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("crush:p=0.5", "no fault called 'crush'; there are: connection, crash, "),
        ("", "no fault called ''"),
        ("crash:rolle=worker", "no condition of a fault called 'rolle'; there are: agent, "),
        ("crash:p=often", "'p=often' in the fault 'crash:p=often' is no number"),
        ("crash:p=1.5", "p is 1.5"),
        ("crash:p=0.5,p=1", "p stands twice"),
        ("crash:nth=0", "counted from 1"),
        ("crash:first=0", "counted from 1"),
        ("crash:worker=0", "counted from 1"),
        ("straggler:factor=0.5", "factor is 0.5; it is a number from 1 on"),
        ("timeout:seconds=-1", "seconds is -1.0"),
        ("rate_limit:retry_after=inf", "retry_after is inf"),
        ("crash:role=", "role is ''"),
        ("crash:worker", "'worker' in the fault 'crash:worker' is no condition"),
        ("crash:agent=Smith, Jones", "a comma within a name is written \\,"),
    ],
)
def test_a_line_that_cannot_be_says_why(line: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        Faults(SimulatedModel(), [line])


# ---- what each kind does ----


@pytest.mark.parametrize(
    ("line", "error", "seconds"),
    [
        ("crash", Crashed, 0.0),
        ("kill", Killed, 0.0),
        ("server", ServerFailed, 0.0),
        ("connection", ConnectionLost, 0.0),
        ("rate_limit:retry_after=7", RateLimited, 0.0),
        ("timeout:seconds=12", ModelTimeout, 12.0),
        ("hang", ModelTimeout, 86_400.0),
    ],
)
def test_what_strikes_before_the_model_is_asked_costs_only_time(
    line: str, error: type[ModelError], seconds: float
) -> None:
    model = priced()
    ((came, took),) = outcomes(Faults(model, [line]), asked())
    assert type(came) is error
    assert took == seconds
    assert came.usage is None
    assert came.cost_usd is None
    assert model.requests == []
    assert came.retry_after == (7.0 if error is RateLimited else None)


@pytest.mark.parametrize("kind", ["empty", "refusal", "truncated", "malformed", "wrong"])
def test_a_spoiled_reply_takes_the_time_and_costs_the_price_of_the_whole_one(kind: str) -> None:
    ((whole, whole_took),) = outcomes(priced(), asked())
    ((came, took),) = outcomes(Faults(priced(), [kind]), asked())
    assert isinstance(whole, Reply)
    assert took == whole_took == TOOK
    assert came.usage == whole.usage
    assert came.cost_usd == whole.cost_usd
    assert came.cost_usd


def test_an_empty_reply_and_a_refusal_are_errors() -> None:
    kinds = [type(outcomes(Faults(priced(), [k]), asked())[0][0]) for k in ("empty", "refusal")]
    assert kinds == [EmptyReply, Refused]


def test_a_truncated_reply_is_the_first_half_and_says_that_it_was_cut() -> None:
    ((came, _),) = outcomes(Faults(priced(), ["truncated"]), asked())
    assert isinstance(came, Reply)
    assert came.text == TEXT[: len(TEXT) // 2]
    assert came.finish == "length"


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.builds(json.dumps, st.dictionaries(st.text(), trees, max_size=4), indent=st.none())
    | st.text()
)
@example('{"findings" : ["he said \\":\\""]}')
@example('{"a" : {"b" : "{}}"}}')
@example("")
def test_a_malformed_reply_is_never_the_object_that_was_asked_for(text: str) -> None:
    ((came, _),) = outcomes(Faults(priced(text), ["malformed"]), asked())
    assert isinstance(came, Reply)
    with pytest.raises(MalformedReply):
        read_object(came.text)


@pytest.mark.parametrize("factor", [1.0, 1.5, 10.0, 1_000.0])
@pytest.mark.parametrize("every_s", [None, 0.3, 0.7, 50.0])
def test_a_straggler_takes_so_many_times_as_long_with_signs_of_life_all_the_while(
    factor: float, every_s: float | None
) -> None:
    beats: list[tuple[float, int]] = []

    def beat(tokens: int) -> None:
        beats.append((asyncio.get_running_loop().time(), tokens))

    pulse = Pulse(every_s, beat) if every_s else None
    ((plain, _),) = outcomes(priced(), asked())
    ((came, took),) = outcomes(
        Faults(priced(), [Fault("straggler", factor=factor)]), asked(pulse=pulse)
    )
    assert came == plain
    assert took == pytest.approx(TOOK * factor)
    if every_s:
        times = [0.0, *(t for t, _ in beats), took]
        assert max(b - a for a, b in pairwise(times)) <= every_s + 1e-6
        told = [tokens for _, tokens in beats]
        assert told == sorted(told)
        assert isinstance(plain, Reply)
        assert all(0 <= n <= plain.usage.output_tokens for n in told)


def test_a_straggler_on_the_simulated_model_is_exactly_as_much_slower_in_a_run() -> None:
    task = load_task("legal")

    def seconds(faults: list[str], silence: bool) -> dict[int, float]:
        from orchestrator_kit.recovery import Recovery

        record = run(
            task,
            "single_call",
            Faults(SimulatedModel(), faults),
            recovery=Recovery(silence_s=6.0 if silence else None),
        )
        assert record.status == "done"
        starts = {e.call: e.t for e in record.events if isinstance(e, CallStarted)}
        return {e.call: e.t - starts[e.call] for e in record.events if isinstance(e, CallEnded)}

    (plain,) = seconds([], False).values()
    assert plain > 6.0  # longer than what is taken for silence
    for silence in (False, True):
        (slow,) = seconds(["straggler:factor=7"], silence).values()
        assert slow == pytest.approx(7 * plain, abs=1e-5)


# ---- which calls ----


@pytest.mark.parametrize(
    ("condition", "hits"),
    [
        ("role=worker", asked()),
        ("agent=shipwright", asked()),
        ("worker=1", asked()),
        ("subtask=s1", asked()),
        ("role=worker,agent=shipwright,worker=1,subtask=s1,first=1", asked()),
    ],
)
def test_a_fault_strikes_only_the_calls_that_it_names(condition: str, hits: Request) -> None:
    others = [
        asked("orchestrator", "orchestrator", worker=None, subtask=None),
        asked("peer", "bookkeeper", worker=2, subtask="s2", attempt=3),
        Request((Message("user", "x"),)),  # made for nothing that anybody said
    ]
    assert struck([f"crash:{condition}"], *others, hits) == [None, None, None, "crash"]


def test_first_strikes_so_many_attempts_of_each_piece_of_work() -> None:
    calls = [asked(subtask=s, attempt=n) for s in ("s1", "s2") for n in (1, 2, 3)]
    assert struck(["crash:first=2"], *calls) == ["crash", "crash", None] * 2


def test_nth_counts_the_calls_that_it_names_from_one_and_leaves_out_the_others() -> None:
    ours = [asked(subtask=f"s{n}") for n in range(5)]
    between = asked("orchestrator", worker=None)
    calls = [between, ours[0], between, ours[1], ours[2], between, ours[3], ours[4]]
    met = struck(["crash:role=worker,nth=2+4"], *calls)
    assert [n for n, kind in enumerate(met) if kind] == [3, 6]


def test_the_first_line_that_strikes_wins_and_the_others_count_all_the_same() -> None:
    plan = ["crash:nth=1", "server:nth=1+2", "connection"]
    assert struck(plan, *[asked()] * 4) == ["crash", "server", "connection", "connection"]
    model = Faults(priced(), plan)
    outcomes(model, *[asked()] * 4)
    assert model.struck == {"crash": 1, "server": 1, "connection": 2}


@pytest.mark.parametrize("p", [0.0, 0.1, 0.25, 0.75, 1.0])
def test_a_probability_is_the_share_of_calls_that_are_struck(p: float) -> None:
    n = 2_000
    met = struck([f"crash:p={p}"], *[asked(subtask=f"s{i}") for i in range(n)])
    spread = math.sqrt(p * (1 - p) / n)
    assert abs(sum(m is not None for m in met) / n - p) <= 5 * spread


calls = st.builds(
    asked,
    subtask=st.sampled_from(["s1", "s2"]),
    material=st.sampled_from(["first half", "second half"]),
    sample=st.integers(0, 3),
)


@given(st.lists(calls, max_size=12), st.randoms(use_true_random=False), st.integers(0, 9))
def test_whom_chance_strikes_does_not_hang_on_the_order_of_calls(
    requests: list[Request], rng: Any, seed: int
) -> None:
    plan = ["crash:p=0.3", "server:p=0.5"]

    def fates(order: list[int]) -> list[tuple[str, ...]]:
        met = struck(plan, *[requests[n] for n in order], seed=seed)
        asked = [repr((requests[n].messages, requests[n].sample)) for n in order]
        whose = [str(requests[n].purpose) for n in order]
        return sorted(zip(asked, whose, map(str, met), strict=True))

    order = list(range(len(requests)))
    rng.shuffle(order)
    assert fates(order) == fates(sorted(order))


def test_a_retry_draws_anew_and_another_seed_differs() -> None:
    same = [asked()] * 64
    met = struck(["crash:p=0.5"], *same)
    assert {None, "crash"} == set(met)
    assert struck(["crash:p=0.5"], *same) == met
    assert struck(["crash:p=0.5"], *same, seed=1) != met


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_same_plan_and_seed_give_the_same_record_whatever_strikes(pattern: str) -> None:
    def record(seed: int) -> Run:
        plan = [Fault(kind, p=0.08) for kind in KINDS if kind != "kill"]
        return run(
            load_task("legal"), pattern, Faults(SimulatedModel(), plan, seed), recovery="full"
        )

    records = [record(0) for _ in range(2)]
    assert records[0].to_jsonl() == records[1].to_jsonl()
    assert any(record(seed).events[1:] != records[0].events[1:] for seed in (1, 2, 3))


# ---- the killed ----


def test_who_was_killed_stays_dead_for_the_run_and_lives_in_the_next() -> None:
    plan = ["kill:role=worker,worker=2,nth=1"]
    model = Faults(priced(), plan)
    for settings in ("one run", "the next"):
        one = for_run(model, settings)
        met = outcomes(one, asked(worker=2), asked(worker=1), asked(worker=2, subtask="s9"))
        assert [type(came) for came, _ in met] == [Killed, Reply, Killed]
    assert model.struck == {"kill": 2}  # being dead is no further fault


def test_the_orchestrator_and_the_synthesizer_are_one_and_a_standby_is_another() -> None:
    centre = {"worker": None, "subtask": None}
    met = struck(
        ["kill:role=orchestrator,nth=1"],
        asked("orchestrator", "orchestrator", **centre),  # type: ignore[arg-type]
        asked("synthesizer", "synthesizer", **centre),  # type: ignore[arg-type]
        asked("orchestrator", "standby orchestrator", **centre),  # type: ignore[arg-type]
        asked("synthesizer", "standby synthesizer", **centre),  # type: ignore[arg-type]
        asked("synthesizer", "synthesizer", subtask=None),  # a worker's part of a synthesis
    )
    assert met == ["killed", "killed", None, None, None]


def test_a_peer_is_killed_by_name_whatever_slot_it_works_in() -> None:
    met = struck(
        ["kill:agent=shipwright,nth=1"],
        asked("peer", worker=1, subtask=None),
        asked("peer", worker=2, subtask=None),
        asked("peer", "bookkeeper", worker=1, subtask=None),
    )
    assert met == ["killed", "killed", None]


def test_a_killed_centre_costs_the_answer_and_a_standby_saves_it() -> None:
    task = load_task("legal")
    plan = ["kill:role=synthesizer,agent=synthesizer"]
    lost, saved = (
        run(task, model=Faults(SimulatedModel(), plan), recovery=policy)
        for policy in ("retry", "full")
    )
    assert (lost.status, lost.answer.statements) == ("failed", ())
    assert saved.status == "done"
    assert saved.answer.statements
    again = run(task, model=Faults(SimulatedModel(), plan), recovery="retry")
    assert again == lost


# ---- confidently wrong ----

said_words = st.sampled_from("is was hull loss pays twice 5 31 640,000 1.2 2027 not".split())
sentences = st.lists(said_words, max_size=8).map(lambda w: " ".join(["Board", *w]) + ".")


def figures(text: str) -> set[str]:
    return {w.strip("%") for w in words(text) if w[0].isdigit()}


@given(
    st.lists(sentences, min_size=1, max_size=8),
    st.integers(0, 99),
    st.text("0123456789 ., ", max_size=60),
)
@example(["Pay 5."], 0, " ".join(str(n) for n in range(10)))
@example(["Pay 5."], 0, "1 2 3 4 6 7 8 9")
@example(["No.5 of it."], 0, "See No.6, No.7")
def test_a_wrong_reply_is_fluent_and_what_it_changed_contradicts_the_documents(
    said: list[str], seed: int, more: str
) -> None:
    material = " ".join(said) + "\n" + more
    text = findings(*said)
    ((came, _),) = outcomes(Faults(priced(text), ["wrong"], seed), asked(material=material))
    assert isinstance(came, Reply)
    rows, before = (json.loads(t)["findings"] for t in (came.text, text))
    assert [r["source"] for r in rows] == [r["source"] for r in before]
    changed = [
        (was["statement"], now["statement"])
        for was, now in zip(before, rows, strict=True)
        if was != now
    ]
    assert changed
    for was, now in changed:
        invented = figures(now) - figures(was)
        denied = len(re.findall(r"\bnot\b", now)) > len(re.findall(r"\bnot\b", was))
        assert denied or (invented and not invented & figures(material))


def test_about_half_of_the_statements_of_a_wrong_reply_are_wrong() -> None:
    said = [f"Item {n} is here." for n in range(1_000, 1_400)]
    ((came, _),) = outcomes(Faults(priced(findings(*said)), ["wrong"]), asked(material=""))
    assert isinstance(came, Reply)
    rows = [row["statement"] for row in json.loads(came.text)["findings"]]
    assert 0.4 < sum(a != b for a, b in zip(rows, said, strict=True)) / len(said) < 0.6


@pytest.mark.parametrize(
    "text",
    [
        '{"why": "x", "workers": 2, "subtasks": {"s1": {"specialist": "a", "sections": ["a#1"]}}}',
        '{"verdict": "accept", "reason": "It is 31 per cent."}',
        '{"conflicts": [{"first": "It is 3.", "second": "It is 4.", "kept": "neither"}]}',
        '{"findings": []}',
        "It is 31 per cent.",
        '{"a": ' + "[" * 100_000,
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_a_wrong_reply_leaves_alone_what_makes_no_statements(text: str) -> None:
    ((came, _),) = outcomes(Faults(priced(text), ["wrong"]), asked())
    assert isinstance(came, Reply)
    assert came.text == text


def test_a_wrong_reply_is_found_in_a_fence_and_survives_half_characters() -> None:
    fenced = 'Here you are:\n```json\n{"findings": [{"statement": "It is \\ud800 31."}]}\n```'
    ((came, _),) = outcomes(Faults(priced(fenced), ["wrong"]), asked())
    assert isinstance(came, Reply)
    statement = json.loads(came.text)["findings"][0]["statement"]
    assert statement.startswith("It is ")
    assert "31" not in statement
    came.text.encode("utf-8")


def test_wrong_reports_in_a_run_are_read_like_any_others_and_plans_are_as_they_were() -> None:
    task = load_task("research")
    right = run(task)
    wrong = run(task, model=Faults(SimulatedModel(), ["wrong"]))
    plans = [[e.plan for e in r.events if isinstance(e, PlanMade)] for r in (right, wrong)]
    assert plans[0] == plans[1]
    assert wrong.status == "done"
    assert not any(isinstance(e, CallFailed) for e in wrong.events)
    documents = "\n".join(d.text for d in task.documents)
    for event in wrong.events:
        if isinstance(event, Reported):
            odd = [f for f in event.report.findings if f.text not in " ".join(documents.split())]
            assert odd


# ---- a model like any other ----


@pytest.mark.parametrize(
    "make",
    [
        lambda url: SimulatedModel(3),
        lambda url: EndpointModel("gpt-4o-mini", url, api_key="sk-test", window=9_000),
        lambda url: priced(),
    ],
)
def test_faults_around_a_model_are_a_model_with_its_face(make: Callable[[str], Model]) -> None:
    with ChatServer() as server:
        model = make(server.url)
        around = Faults(model, ["crash"], seed=5)
        assert isinstance(around, Model)
        assert isinstance(around, PerRun)
        for face in (around, for_run(around, "")):
            for name in ("name", "window", "max_output_tokens", "parallel", "virtual", "beats"):
                assert getattr(face, name) == getattr(model, name)
            assert face.count_tokens("a few words") == model.count_tokens("a few words")
            assert face.price(Usage(1_000, 10)) == model.price(Usage(1_000, 10))
        assert around.seed == getattr(model, "seed", None)
        asyncio.run(around.aclose())


def test_a_spoiled_reply_of_a_server_costs_what_the_server_stated(small_task: Task) -> None:
    stated = {"prompt_tokens": 700, "completion_tokens": 70, "total_tokens": 770}
    section = small_task.sections[0]
    body = says(findings("The hull lost 31 per cent.", source=section.id), usage=stated)
    with ChatServer(body) as server:
        model = EndpointModel("gpt-4o-mini", server.url, api_key="sk-test")
        plan = ["wrong:nth=1", "malformed:nth=2", "refusal:nth=3", "truncated:nth=4", "empty:nth=5"]
        for n in range(1, 6):
            record = run(
                small_task,
                "single_call",
                Faults(model, [f"{plan[n - 1].partition(':')[0]}"]),
                recovery="degrade",
            )
            m = measure(record)
            assert (m.input_tokens, m.output_tokens, m.estimated) == (700, 70, False)
        assert len(server.asked) == 5
