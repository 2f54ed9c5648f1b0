"""The difference of two runs: None for equal ones, else the first event where they part."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
from orchestrator_kit.difference import Difference, first_difference
from orchestrator_kit.events import CallEnded, CallFailed, CallStarted, Event
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.models.base import Request
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.record import Run
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Document, Specialist, Task
from tests.fakes import FunctionModel, findings

SEVEN = Task(
    "What must the buyer know?",
    tuple(Document(f"{n}.md", f"Plate {n} of the hull is thin.") for n in range(7)),
    tuple(Specialist(f"expert {n}", "Examines hulls.") for n in range(7)),
)


@cache
def legal(
    pattern: str = "orchestrator_worker", seed: int = 0, workers: int = 4, faults: str = ""
) -> Run:
    model = Faults(SimulatedModel(seed), faults.split())
    return run(load_task("legal"), pattern, model, workers=workers)


def parted(a: Run, b: Run, **how: Any) -> Difference:
    found = first_difference(a, b, **how)
    assert found is not None
    return found


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("order", [True, False])
def test_equal_runs_do_not_differ(pattern: str, order: bool) -> None:
    again = Run.from_jsonl(legal(pattern).to_jsonl())
    assert first_difference(legal(pattern), again, order=order) is None


@pytest.mark.parametrize(
    ("other", "name", "values"),
    [
        ({"seed": 1}, "seed", ("0", "1")),
        ({"workers": 2}, "workers", ("4", "2")),
        ({"faults": "crash:subtask=s2,first=1"}, "faults", ("()", "('crash:subtask=s2,first=1',)")),
        ({"pattern": "pipeline"}, "pattern", ("orchestrator_worker", "pipeline")),
    ],
)
def test_other_settings_are_named_and_so_is_the_first_event_that_differs(
    other: dict[str, Any], name: str, values: tuple[str, str]
) -> None:
    a, b = legal(), legal(**other)
    found = parted(a, b)
    assert found.settings == ((name, *values),)
    assert found.at is not None
    assert a.events[1 : found.at] == b.events[1 : found.at]
    assert (found.first, found.second) == (a.events[found.at], b.events[found.at])
    assert found.first != found.second
    assert f"setting {name}: {values[0]} against {values[1]}" in str(found)
    assert f"they part at event {found.at}" in str(found)


def test_a_setting_alone_is_told_where_it_changed_nothing() -> None:
    a = legal()
    b = Run((replace(a.started, recovery="none at all"), *a.events[1:]))
    found = parted(a, b)
    assert (found.at, found.first, found.second) == (None, None, None)
    assert "the events are the same" in str(found)


def live(seconds: dict[int, float]) -> Run:
    """A run of seven independent workers, each of which takes its time."""

    def respond(request: Request) -> tuple[str, float]:
        assert request.purpose
        n = int(request.purpose.agent[-1])
        return findings(f"Plate {n} is thin.", source=f"{n}#1"), seconds[n]

    async def everybody(crew: Crew, task: Task) -> Answer:
        asks = [worker.report(task, task.sections, specialist=s) for s in task.specialists]
        return Answer(tuple(f for r in await crew.reports(asks) for f in r.findings))

    return run(SEVEN, everybody, FunctionModel(respond), workers=3)


times = st.lists(st.floats(0.1, 50), min_size=7, max_size=7).map(lambda s: dict(enumerate(s)))


@given(times, times)
def test_runs_whose_workers_only_ended_in_another_order_differ_by_position_alone(
    one: dict[int, float], other: dict[int, float]
) -> None:
    a, b = live(one), live(other)
    assert first_difference(a, b, order=False) is None
    ends = [[e.call for e in r.events if isinstance(e, CallEnded)] for r in (a, b)]
    who = [[e.agent for e in r.events if isinstance(e, CallStarted)] for r in (a, b)]
    if ends[0] != ends[1] or who[0] != who[1]:
        assert first_difference(a, b, times=False) is not None


def changed(record: Run, at: int, event: Event) -> Run:
    return Run((*record.events[:at], event, *record.events[at + 1 :]))


@pytest.mark.parametrize("order", [True, False])
def test_a_changed_reply_is_found_with_the_place_where_the_texts_part(order: bool) -> None:
    a = legal()
    at = max(n for n, e in enumerate(a.events) if isinstance(e, CallEnded))
    reply = a.events[at]
    assert isinstance(reply, CallEnded)
    middle = len(reply.text) // 2
    text = reply.text[:middle] + "<b>\x1b[2J" + reply.text[middle + 1 :]
    found = parted(a, changed(a, at, replace(reply, text=text)), order=order)
    assert found.first == reply
    assert found.at == (at if order else None)
    ((name, ours, theirs),) = found.fields
    assert name == "text"
    assert "<b> [2J" in theirs
    assert ours.split("…")[1][:20] == theirs.split("…")[1][:20]
    assert all(line.isprintable() for line in str(found).split("\n"))
    assert "<b>" not in found._repr_html_()
    assert unescape(found._repr_html_()) == f"<pre>{found}</pre>"


@pytest.mark.parametrize("order", [True, False])
def test_a_record_that_ends_earlier_parts_where_it_ends(order: bool) -> None:
    a = legal()
    ends = [n for n, e in enumerate(a.events) if isinstance(e, CallEnded)]
    b = Run(a.events[: ends[-1]])
    for one, other in ((a, b), (b, a)):
        found = parted(one, other, order=order)
        there, missing = (found.first, found.second) if one is a else (found.second, found.first)
        assert (there, missing) == (a.events[ends[-1]], None)
        assert "(the record has ended)" in str(found)


def test_times_count_within_a_tolerance_or_not_at_all() -> None:
    a = legal()
    later = Run((a.events[0], *(replace(e, t=e.t + 0.5) for e in a.events[1:])))
    assert parted(a, later).at == 1
    assert parted(a, later).fields[0][0] == "t"
    assert first_difference(a, later, seconds=0.6) is None
    assert first_difference(a, later, times=False) is None


@given(st.data())
def test_the_first_mutated_event_is_where_two_records_part(data: st.DataObject) -> None:
    a = legal(faults="crash:p=0.2")
    places = data.draw(st.sets(st.integers(1, len(a.events) - 1), min_size=1, max_size=4))
    b = a
    for n in places:
        b = changed(b, n, mutated(a.events[n], data))
    found = parted(a, b)
    assert found.at == min(places)
    assert (found.first, found.second) == (a.events[found.at], b.events[found.at])
    assert first_difference(b, b) is None
    assert str(found)


def mutated(event: Event, data: st.DataObject) -> Event:
    """The event with one of its fields changed, or another event."""
    told = [f.name for f in fields(event) if type(getattr(event, f.name)) in (int, float, str)]
    name = data.draw(st.sampled_from([*told, "all of it"]))
    if name == "all of it":
        return CallFailed(event.t, 10_000, "crash", "another event")
    value = getattr(event, name)
    other: Any = {name: value + "!" if isinstance(value, str) else value + 1}
    return replace(event, **other)


def test_call_by_call_a_call_more_is_found() -> None:
    a, b = legal(), legal(faults="crash:subtask=s2,first=1")
    found = parted(a, b, order=False)
    assert isinstance(found.first, CallEnded)
    assert isinstance(found.second, CallFailed)
    assert "the calls part" in str(found)


def test_call_by_call_each_turn_of_an_agent_is_held_against_the_same_turn() -> None:
    a = legal("peer_agents")
    for at, event in enumerate(a.events):
        if isinstance(event, CallEnded):
            b = changed(a, at, replace(event, text=event.text + " "))
            assert parted(a, b, order=False).first == event
