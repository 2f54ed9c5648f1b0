"""The simulated model is a reader: it depends on what it is given to read, and on nothing else."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_kit import (
    PATTERNS,
    Document,
    SimulatedModel,
    Specialist,
    Task,
    clock,
    compare,
    load_task,
    run,
    scenarios,
    score,
)
from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import ContextOverflow, UnknownName
from orchestrator_kit.events import CallStarted, PlanMade
from orchestrator_kit.models import marks, reader, simulated
from orchestrator_kit.models.base import Format, Message, Reply, Request
from orchestrator_kit.models.reader import Habits
from orchestrator_kit.models.simulated import Profile, count_tokens
from orchestrator_kit.plan import complaints
from orchestrator_kit.roles import orchestrator, worker

REPO = Path(__file__).parent.parent
STEADY = Profile(name="steady", jitter=0.0, habits=Habits(fade=0.0, noise=0.0))


def ask(model: SimulatedModel, request: Request) -> Reply:
    return clock.run(lambda: model.complete(request), virtual=True)


def reading(text: str, question: str, output: int = 200) -> Request:
    section = Message("user", f'<section id="x#1" title="t">\n{text}\n</section>')
    return Request((section, Message("user", f"<task>{question}</task>")), worker.REPORT, output)


def texts(task: Task, pattern: str, model: SimulatedModel) -> list[str]:
    return [s.text for s in run(task, pattern, model).answer.statements]


def renamed(task: Task, names: list[str]) -> Task:
    """The task with other names for its specialists, and no mention of the old ones."""
    roster = tuple(
        Specialist(name, s.expertise.split(".")[0])
        for name, s in zip(names, task.specialists, strict=True)
    )
    return replace(task, specialists=roster, facts=(), title=names[0])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    task = load_task("research")
    first, again, other = (compare(task, SimulatedModel(seed)).to_json() for seed in (0, 0, 1))
    assert first == again
    assert json.loads(first)["runs"] != json.loads(other)["runs"]


def interpreter(version: str) -> str | None:
    """A Python of that version on this machine: on the path, or among pyenv's."""
    places = [shutil.which(f"python{version}")]
    places += map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for place in filter(None, places):
        probe = subprocess.run([place, "-c", ""], capture_output=True, check=False)
        if probe.returncode == 0:
            return place
    return None


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_another_python_gives_the_same_bytes(version: str, tmp_path: Path) -> None:
    found = interpreter(version)
    if not found:
        pytest.skip(f"there is no Python {version} on this machine")
    program = (
        "from orchestrator_kit import *\n"
        "print(compare(load_task('legal'), SimulatedModel(3), workers=3).to_json(), end='')"
    )
    out = [
        subprocess.run(
            [python, "-c", program],
            capture_output=True,
            check=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPO), "PYTHONHASHSEED": seed},
        ).stdout
        for python, seed in ((sys.executable, "1"), (found, "2"))
    ]
    assert out[0] == out[1]


def test_its_source_names_no_pattern_scenario_specialist_or_fact() -> None:
    source = "".join(map(inspect.getsource, (marks, reader, simulated)))
    names = [*PATTERNS, *scenarios()]
    for name in scenarios():
        task = load_task(name)
        names += [s.name for s in task.specialists]
        names += [phrase for f in task.facts for phrase in f.match]
    assert [n for n in names if n in source] == []


def test_the_name_of_a_pattern_changes_nothing() -> None:
    async def some_other_name(crew: Crew, task: Task) -> Answer:
        return await PATTERNS["orchestrator_worker"](crew, task)

    task = load_task("legal")
    ours, theirs = run(task, "orchestrator_worker"), run(task, some_other_name)
    assert theirs.pattern == "some_other_name"
    assert ours.events[1:] == theirs.events[1:]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_names_of_specialists_change_nothing(pattern: str) -> None:
    task = load_task("legal")
    first = renamed(task, ["qzva", "qzvb", "qzvc", "qzvd", "qzve"])
    second = renamed(task, ["jwxa", "jwxb", "jwxc", "jwxd", "jwxe"])
    model = SimulatedModel(0, STEADY)
    assert texts(first, pattern, model) == texts(second, pattern, model) != []


def test_the_name_of_a_role_never_reaches_the_model() -> None:
    task, model = load_task("legal"), SimulatedModel()
    call = worker.answer(task)
    assert replace(call, role="zebra").request(model) == call.request(model)


def test_gold_facts_never_reach_the_model() -> None:
    task = load_task("legal")
    for pattern in PATTERNS:
        with_facts, without = run(task, pattern), run(replace(task, facts=()), pattern)
        assert with_facts == without


def test_the_order_of_documents_matters_only_by_attention() -> None:
    task = load_task("research")
    turned = replace(task, documents=task.documents[::-1])
    steady = SimulatedModel(0, STEADY)
    fading = SimulatedModel(0, replace(STEADY, habits=Habits(noise=0.0)))
    assert set(texts(task, "single_call", steady)) == set(texts(turned, "single_call", steady))
    assert set(texts(task, "single_call", fading)) != set(texts(turned, "single_call", fading))


sentence = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9), min_size=4, max_size=12
).map(lambda ws: " ".join(ws).capitalize() + f" {len(ws)} kilograms.")


@pytest.mark.parametrize("pattern", PATTERNS)
@given(rows=st.lists(sentence, min_size=3, max_size=25, unique=True), seed=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_on_documents_never_seen_all_that_it_says_stands_in_them(
    pattern: str, rows: list[str], seed: int
) -> None:
    half = len(rows) // 2
    documents = tuple(
        Document(f"{name}.md", "# Notes\n\n" + "\n\n## More\n\n".join(part))
        for name, part in (("one", rows[:half]), ("two", rows[half:]))
        if part
    )
    task = Task("How many kilograms?", documents)
    found = run(task, pattern, SimulatedModel(seed))
    assert score(task, found.answer).groundedness in (1.0, None)
    known = {s.id for s in task.sections}
    assert all(set(s.sources) <= known for s in found.answer.statements)


def test_attention_fades_towards_the_middle() -> None:
    """The same sentence, moved through a long context, ranks lowest in its middle."""
    lines = [f"Report {n} of the harbour counts {n + 100} ships." for n in range(800)]

    def place_among_rest(at: int) -> int:
        rows = lines.copy()
        rows.insert(at, "Report zero of the harbour counts 99 ships.")
        sections = [
            Message("user", f'<section id="x#{i}">\n{" ".join(rows[i : i + 20])}\n</section>')
            for i in range(0, len(rows), 20)
        ]
        question = Message("user", "<task>How many ships does the harbour count?</task>")
        profile = replace(STEADY, window=200_000, habits=Habits(noise=0.0, floor=0.0))
        request = Request((*sections, question), worker.REPORT, 100_000)
        reply = json.loads(ask(SimulatedModel(0, profile), request).text)
        said = [row["statement"] for row in reply["findings"]]
        return said.index("Report zero of the harbour counts 99 ships.")

    first, middle, last = (place_among_rest(at) for at in (0, 400, 800))
    assert middle > 2 * max(first, last, 1)


@given(st.text(max_size=400), st.integers(20, 120))
@settings(deadline=None)
def test_a_reply_never_exceeds_its_output_limit(text: str, limit: int) -> None:
    reply = ask(SimulatedModel(), reading(text, "What is said?", limit))
    assert count_tokens(reply.text) == reply.usage.output_tokens <= limit
    json.loads(reply.text)


def test_without_a_schema_it_writes_lines() -> None:
    request = replace(reading("The rent is 900 crowns.", "What is the rent?"), format=None)
    assert ask(SimulatedModel(), request).text == "- The rent is 900 crowns. [x#1]"


def test_beyond_its_window_it_fails_as_an_endpoint_would() -> None:
    model = SimulatedModel(0, Profile(window=300))
    with pytest.raises(ContextOverflow, match="window of 300"):
        ask(model, reading("word " * 500, "What?"))


def test_a_call_takes_the_time_that_its_profile_states() -> None:
    async def timed() -> tuple[Reply, float]:
        loop = asyncio.get_running_loop()
        reply = await SimulatedModel(0, STEADY).complete(reading("Rent is 9.", "What is rent?"))
        return reply, loop.time()

    reply, seconds = clock.run(timed, virtual=True)
    usage = reply.usage
    stated = 0.4 + usage.input_tokens / 5_000 + usage.output_tokens / 80
    assert seconds == pytest.approx(stated, abs=1e-6)
    assert reply.cost_usd == pytest.approx(
        (usage.input_tokens * 0.15 + usage.output_tokens * 0.60) / 1e6
    )


def test_votes_on_the_same_question_differ() -> None:
    task, model = load_task("legal"), SimulatedModel()
    requests = [worker.answer(task, sample=n).request(model)[0] for n in (1, 2)]
    assert ask(model, requests[0]).text != ask(model, requests[1]).text


@pytest.mark.parametrize("name", ["legal", "research"])
@pytest.mark.parametrize("seed", range(5))
def test_its_plans_are_sound_and_come_from_the_roster_and_the_outline(name: str, seed: int) -> None:
    task = load_task(name)
    found = run(task, "orchestrator_worker", SimulatedModel(seed))
    plan = next(e.plan for e in found.events if isinstance(e, PlanMade))
    roster = {s.name for s in task.specialists}
    assert not complaints(plan, specialists=roster, sections=task.section_by_id, limit=10)
    assert any(s.needs for s in plan.subtasks), "one expertise names another specialist"


def test_it_plans_fewer_subtasks_where_fewer_are_allowed() -> None:
    task = load_task("legal")
    call = orchestrator.plan(task, limit=2, workers=4)
    model = SimulatedModel()
    plan = call.parse(ask(model, call.request(model)[0]).text, 1)
    assert len(plan.subtasks) == 2


def test_a_specialist_with_little_to_read_is_not_called() -> None:
    task = load_task("legal")
    idle = Specialist("zoologist", "Beetles, larvae, plumage.")
    found = run(replace(task, specialists=(*task.specialists, idle)), "orchestrator_worker")
    assert not any(isinstance(e, CallStarted) and e.agent == "zoologist" for e in found.events)


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(UnknownName, match="large, small"):
        SimulatedModel(profile="huge")


def test_a_format_survives_as_text() -> None:
    assert Format.of("x", {"type": "object"}).schema == {"type": "object"}


def a_roster_of_strangers() -> Task:
    """A task about lighthouses, and experts on matters that no document speaks of."""
    towers = Document("towers.md", "# Lighthouses\n\nThe northern lighthouse was lit in 1821.")
    keepers = Document("keepers.md", "# Keepers\n\nThe lighthouse had three keepers until 1968.")
    other = Document("other.md", "# Gardens\n\nRoses were planted in 1902 behind a house.")
    experts = tuple(Specialist(name, f"Knows {name}.") for name in ("opera", "chess"))
    return Task("When was the northern lighthouse lit?", (towers, other, keepers), experts)


def test_what_the_task_asks_about_and_no_expertise_names_is_dealt_out_among_all() -> None:
    found = run(a_roster_of_strangers(), "orchestrator_worker", SimulatedModel(0, STEADY))
    plan = next(e.plan for e in found.events if isinstance(e, PlanMade))
    assert {s.specialist: s.sections for s in plan.subtasks} == {
        "opera": ("towers#1",),
        "chess": ("keepers#1",),
    }


def test_peers_claim_what_is_asked_about_where_it_is_nobodys() -> None:
    found = run(a_roster_of_strangers(), "peer_agents", SimulatedModel(0, STEADY))
    assert "The northern lighthouse was lit in 1821." in [s.text for s in found.answer.statements]
