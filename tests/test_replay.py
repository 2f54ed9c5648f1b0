"""The replay, moved in Python: at every time it shows what the record says of that time."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import replace
from functools import cache
from html import escape, unescape
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_kit import (
    PATTERNS,
    Document,
    Faults,
    Recovery,
    Run,
    SimulatedModel,
    Specialist,
    Tape,
    Task,
    load_task,
    measure,
    run,
)
from orchestrator_kit.errors import RunError, UsageError
from orchestrator_kit.events import CallEnded, CallFailed, CallStarted, RunEnded, RunStarted
from orchestrator_kit.playback import CENTRE, Timeline, cast_of, messages, timeline
from orchestrator_kit.status import RunStatus
from orchestrator_kit.svg import Stage
from orchestrator_kit.widgets import Replay, replay
from tests.fakes import FunctionModel, findings

LEGAL = load_task("legal")
LEASE = Document("a.md", "# Rent\n\nThe tenant owes 900 crowns a month.")
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)>"
BROKEN = ("malformed:role=worker,nth=2,first=1", "timeout:subtask=s1", "server:subtask=s4,first=1")


@cache
def made(pattern: str = "orchestrator_worker") -> Run:
    return run(LEGAL, pattern)


@cache
def broken() -> Run:
    return run(LEGAL, model=Faults(SimulatedModel(), BROKEN))


def html(shown: Replay) -> str:
    """All HTML that it holds now."""
    parts = (shown.stage, shown.status, shown.clock, shown.call, shown.source, shown.linked)
    return "".join(part.value for part in (*parts, shown.events))


def text(markup: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", markup))


def ids(shown: Replay) -> list[int]:
    return [value for _, value in shown.calls.options]


def everything(shown: Replay) -> str:
    """All HTML that it can be made to show."""
    seen = []
    for n in range(shown.time.max + 1):
        shown.time.value = n
        seen.append(html(shown))
    for call in ids(shown):
        shown.calls.value = call
        seen.append(html(shown))
    for _, statement in shown.statements.options:
        shown.statements.value = statement
        for n in range(len(shown.links.options)):
            shown.links.index = n
            seen.append(html(shown))
    return "".join(seen)


def called_at(t: float, record: Run) -> tuple[int, int]:
    """How many calls are under way, and how many have failed, counted from the record itself."""
    begun = {e.call for e in record.events if isinstance(e, CallStarted) and e.t <= t}
    failed = {e.call for e in record.events if isinstance(e, CallFailed) and e.t <= t}
    over = {e.call for e in record.events if isinstance(e, CallEnded) and e.t <= t}
    return len(begun - failed - over), len(failed)


def test_at_every_time_the_picture_counts_what_the_record_counts() -> None:
    shown = replay(broken())
    for n in range(0, shown.time.max + 1, 7):
        shown.time.value = n
        under_way, failed = called_at(shown.t, broken())
        picture = text(shown.stage.value)
        assert (f"{under_way} under way" in picture) == bool(under_way), shown.t
        assert (f"{failed} failed" in picture) == bool(failed), shown.t


def test_the_boxes_say_who_is_at_what_and_nobody_else_is_at_work() -> None:
    shown = replay(broken())
    calls = {e.call: e for e in broken().events if isinstance(e, CallStarted)}
    over = {e.call: e.t for e in broken().events if isinstance(e, CallEnded | CallFailed)}
    for n in range(0, shown.time.max + 1, 5):
        shown.time.value = n
        at_work = {
            f"worker {c.worker}: {c.agent}" if c.worker else f"orchestrator: {c.agent}"
            for c in calls.values()
            if c.t <= shown.t < over[c.call]
        }
        boxes = re.findall(r'fill-opacity="0.22"[^>]*><title>([^<]*)</title>', shown.stage.value)
        drawn = set()
        for name, doing in (box.split(": ", 1) for box in boxes):
            drawn.add(f"{name}: {doing.split(', ')[-1] if ', ' in doing else name}")
        assert drawn == at_work, shown.t


def test_the_last_picture_has_all_tokens_and_all_the_money() -> None:
    shown = replay(made())
    shown.time.value = shown.time.max
    m = measure(made())
    assert m.cost_usd is not None
    assert f"{m.tokens:,} tokens · ${m.cost_usd:.4f}" in text(shown.stage.value)
    assert "Subtasks: 8 done" in text(shown.status.value)
    assert "the run is done" in text(shown.status.value)


def test_the_next_event_and_the_one_before_visit_every_moment_in_turn() -> None:
    shown = replay(made("peer_agents"))
    times = [m.t for m in shown.timeline.moments]
    visited = [shown.t]
    while not shown.next.disabled:
        shown.next.click()
        visited.append(shown.t)
    assert visited == times
    back = [shown.t]
    while not shown.before.disabled:
        shown.before.click()
        back.append(shown.t)
    assert back == times[::-1]


def test_from_between_two_moments_the_one_before_is_the_last_that_has_come() -> None:
    shown = replay(made())
    shown.t = 20.0
    shown.before.click()
    assert shown.t == pytest.approx(13.76, abs=0.01)


def test_the_line_for_screen_readers_changes_only_when_something_happens() -> None:
    shown = replay(made())
    said = []
    shown.status.observe(lambda change: said.append(change["new"]), "value")
    for n in range(shown.time.max + 1):
        shown.time.value = n
    assert len(said) == len(shown.timeline.moments) - 1
    assert 'role="status" aria-live="polite"' in shown.status.value


def test_the_table_has_the_events_so_far_and_no_later_ones() -> None:
    shown = replay(made())
    shown.t = 15.0
    assert "the plan is made: s1, s2" in shown.events.value
    assert "has replied" in shown.events.value
    assert "the answer is given" not in shown.events.value
    shown.time.value = shown.time.max
    assert "the answer is given" in shown.events.value


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0, 32.0])
def test_a_speed_is_that_many_recorded_seconds_a_second(speed: float) -> None:
    shown = replay(made())
    shown.speed.value = speed
    pace = shown.play.step * shown.timeline.tick / (shown.play.interval / 1000)
    assert pace == pytest.approx(speed, rel=0.02)
    assert shown.play.interval >= 60  # no quicker than a picture can be drawn and sent


@pytest.mark.parametrize("seconds", [0.01, 1.0, 60.0, 20_000.0])
def test_a_run_of_any_length_can_be_watched_in_a_sensible_time(seconds: float) -> None:
    model = FunctionModel(lambda request: (findings("The tenant owes 900 crowns."), seconds))
    shown = replay(run(Task("What is owed?", (LEASE,)), "single_call", model=model))
    took = shown.timeline.duration / shown.speed.value
    assert 4 <= took <= 60


def test_a_film_that_ends_within_a_step_of_the_end_ends_at_the_end() -> None:
    shown = replay(made())
    shown.speed.value = 32.0
    assert shown.play.step > 4
    shown.play.playing = True
    assert shown.playing.description == "Pause"
    shown.time.value = shown.time.max - 4
    shown.play.playing = False
    assert shown.time.value == shown.time.max
    assert shown.playing.description == "Play"


def test_pausing_in_the_middle_stays_there() -> None:
    shown = replay(made())
    shown.play.playing = True
    shown.time.value = 100
    shown.play.playing = False
    assert shown.time.value == 100


def test_playing_is_linked_in_the_browser_and_leaves_no_task_behind() -> None:
    shown = replay(made())
    value, playing = shown._links
    assert value.source == (shown.play, "value")
    assert value.target == (shown.time, "value")
    assert playing.source == (shown.playing, "value")
    assert playing.target == (shown.play, "playing")


def test_each_call_shows_its_prompt_its_reply_and_what_it_took() -> None:
    shown = replay(made())
    starts = [e for e in made().events if isinstance(e, CallStarted)]
    ends = {e.call: e for e in made().events if isinstance(e, CallEnded)}
    assert ids(shown) == [e.call for e in starts]
    for start in starts:
        shown.calls.value = start.call
        page = shown.call.value
        for message in start.messages:
            assert escape(message.content) in page
        assert escape(ends[start.call].text) in page
        assert f"{ends[start.call].usage.input_tokens:,} in" in page
        assert f"{start.t:.1f} to {ends[start.call].t:.1f} s" in page


def test_a_failed_call_says_what_failed_and_shows_the_reply_that_could_not_be_read() -> None:
    shown = replay(broken())
    for event in (e for e in broken().events if isinstance(e, CallFailed)):
        shown.calls.value = event.call
        assert f"{event.kind}: {escape(event.message)}" in shown.call.value
    unread = next(e for e in broken().events if isinstance(e, CallFailed) and e.kind == "malformed")
    reply = next(e for e in broken().events if isinstance(e, CallEnded) and e.call == unread.call)
    shown.calls.value = unread.call
    assert escape(reply.text) in shown.call.value
    assert "failed: malformed" in {v: k for k, v in shown.calls.options}[unread.call]


def test_the_moment_of_a_chosen_call_can_be_shown() -> None:
    shown = replay(made())
    shown.calls.value = 9
    shown.to_call.click()
    start = next(e for e in made().events if isinstance(e, CallStarted) and e.call == 9)
    assert shown.t == start.t
    assert "is asked for s8" in shown.status.value


def test_a_statement_leads_back_to_its_report_its_request_and_its_passage() -> None:
    shown = replay(made(), LEGAL)
    for n, statement in enumerate(made().answer.statements, 1):
        found = made().explain(str(statement))
        shown.statements.value = n
        assert [call for _, call in shown.links.options] == [link.call for link in found.links]
        assert shown.links.value == found.links[-1].call  # who read it is shown at once
        assert found.passage
        section, sentence = found.passage
        page = text(shown.source.value)
        assert f"read in {section}: {sentence}" in " ".join(page.split())
        assert escape(LEGAL.section_by_id[section].text) in re.sub(
            r"</?mark[^>]*>", "", shown.source.value
        )
        request = found.links[-1].request.messages[-1].content
        assert escape(request) in re.sub(r"</?mark[^>]*>", "", shown.linked.value)
        if sentence in request:
            assert f">{escape(sentence)}</mark>" in shown.linked.value


def test_every_step_on_the_way_back_shows_its_call() -> None:
    shown = replay(made())
    shown.statements.value = 1
    for name, call in shown.links.options:
        shown.links.value = call
        assert f"<h4>Call {call}:" in shown.linked.value
        assert f"call {call}" in name


def test_buttons_go_through_the_calls_and_the_statements_and_stop_at_their_ends() -> None:
    shown = replay(made())
    for steps, chosen in (
        (shown.call_steps, shown.calls),
        (shown.statement_steps, shown.statements),
    ):
        before, after = steps
        visited = []
        for _ in chosen.options:
            after.click()
            visited.append(chosen.index)
        assert visited == list(range(len(chosen.options)))
        after.click()
        assert chosen.index == len(chosen.options) - 1
        before.click()
        assert chosen.index == len(chosen.options) - 2


def test_one_view_is_shown_at_a_time_and_each_can_be_reached() -> None:
    shown = replay(made())
    for name, inside in (
        ("Calls", shown.calls),
        ("Answer and sources", shown.statements),
        ("Events so far", shown.events),
    ):
        shown.view.value = name
        (view,) = shown.shown.children
        assert inside is view or inside in view.children


@pytest.mark.parametrize("pattern", ["single_call", "peer_agents", "parallelization"])
def test_a_hostile_reply_is_text_wherever_it_is_shown(pattern: str) -> None:
    turn = f'{{"findings": [{{"statement": "{HOSTILE}", "source": "{HOSTILE}"}}], '
    turn += '"claims": [], "handovers": [], "done": true}'
    reply = turn if pattern == "peer_agents" else findings(HOSTILE, source=HOSTILE)
    model = FunctionModel(lambda request: (reply, 1.0))
    task = Task(HOSTILE, (LEASE,), (Specialist(HOSTILE, "Rent, tenants and crowns."),))
    seen = everything(replay(run(task, pattern, model=model)))
    assert "<script" not in seen
    assert "<img" not in seen
    assert escape(HOSTILE) in seen


def test_a_hostile_error_and_hostile_plan_are_text() -> None:
    def respond(request: object) -> tuple[str, float]:
        raise RunError(HOSTILE)

    none = Recovery(then="stop")
    model = FunctionModel(respond)
    failed = run(Task("What is owed?", (LEASE,)), "single_call", model=model, recovery=none)
    assert failed.status == "failed"
    seen = everything(replay(failed))
    assert "<script" not in seen
    assert "&lt;script&gt;" in seen
    named = made().to_jsonl().replace('"financial analyst"', json.dumps(HOSTILE))
    renamed = Run.from_jsonl(named.replace('"s8"', json.dumps(HOSTILE)))
    seen = everything(replay(renamed))
    assert "<script" not in seen
    assert "<img" not in seen


def test_a_run_without_a_single_call_has_one_moment_and_nothing_to_play() -> None:
    start = RunStarted(0.0, "single_call", "A task", "a model", 4)
    for events in ((start,), (start, RunEnded(0.0, "failed", "budget", "nothing left"))):
        shown = replay(Run(events))
        assert shown.playing.disabled
        assert shown.next.disabled
        assert shown.before.disabled
        assert shown.calls.options == ()
        assert "0 done" in text(shown.stage.value)
        assert "The answer has no statements" in shown.source.value
    assert "has failed: budget: nothing left" in shown.status.value


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(PATTERNS)), st.floats(0, 1), st.floats(0, 1))
def test_any_beginning_of_a_record_can_be_played(pattern: str, share: float, at: float) -> None:
    whole = made(pattern).events
    cut = Run(whole[: max(1, round(share * len(whole)))])
    shown = replay(cut)
    shown.time.value = round(at * shown.time.max)
    under_way, _ = called_at(shown.t, cut)
    if not cut.ended:
        assert (f"{under_way} under way" in text(shown.stage.value)) == bool(under_way)
    for call in ids(shown):
        shown.calls.value = call
    assert "Replay(" in repr(shown)


def test_a_record_played_from_a_tape_is_the_same_film(tmp_path: Path) -> None:
    first = run(LEGAL, model=Tape(tmp_path / "a.tape", SimulatedModel()))
    again = run(LEGAL, model=Tape(tmp_path / "a.tape"))
    one, other = replay(first), replay(again)
    for t in (0.0, 14.0, 30.0, 60.0):
        one.t = other.t = t
        assert one.stage.value == other.stage.value


def test_a_record_from_a_file_is_the_same_film(tmp_path: Path) -> None:
    loaded = replay(Run.load(broken().save(tmp_path / "run.jsonl")))
    here = replay(broken())
    loaded.t = here.t = 44.0
    assert loaded.stage.value == here.stage.value
    assert repr(loaded) == repr(here)


def test_a_page_that_cannot_run_it_gets_one_line_that_never_differs() -> None:
    said = replay(made())._repr_mimebundle_()["text/plain"]
    assert said == repr(replay(run(LEGAL)))
    assert "\n" not in said
    assert f"{measure(made()).tokens:,} tokens" in said
    assert "11 moments" in said


def test_mistakes_in_the_call_are_the_callers() -> None:
    with pytest.raises(UsageError, match=r"Run\.load"):
        replay("run.jsonl")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Merger agreement review"):
        replay(made(), load_task("medical"))


def test_controls_and_pictures_say_what_they_are() -> None:
    shown = replay(made())
    for control in (shown.time, shown.speed, shown.calls, shown.statements, shown.links):
        assert control.description
        assert control.tooltip
    for button in (shown.playing, shown.before, shown.next, shown.to_call):
        assert button.description
        assert button.tooltip
    assert 'role="img"' in shown.stage.value
    assert "<title>orchestrator_worker at 0.0 s</title>" in shown.stage.value
    assert text(shown.status.value).strip() in unescape(shown.stage.value)


def test_the_shape_is_read_from_what_happened() -> None:
    assert cast_of(made()).shape == "hub"
    assert cast_of(made()).centre == "orchestrator"
    assert cast_of(made("master_slave")).centre == "synthesizer"
    assert cast_of(made("parallelization")).centre == "code"
    assert cast_of(made("peer_agents")).shape == "mesh"
    for pattern in ("single_call", "pipeline"):
        assert cast_of(made(pattern)).shape == "chain"
    first, *rest = made("pipeline").events
    assert isinstance(first, RunStarted)
    renamed = Run((replace(first, pattern="my_own"), *rest))
    assert cast_of(renamed) == cast_of(made("pipeline"))


def test_in_a_hub_the_centre_asks_and_each_asked_worker_replies_once() -> None:
    told = messages(broken(), cast_of(broken()))
    asked = [m for m in told if m.sender == CENTRE]
    replies = [m for m in told if m.receivers == (CENTRE,)]
    calls = [e for e in broken().events if isinstance(e, CallStarted) and e.worker is not None]
    assert [m.receivers for m in asked] == [(c.worker,) for c in calls]
    assert len(replies) == len(calls)
    assert {m.what for m in replies if m.failed} == {"malformed", "timeout", "server"}


def test_in_a_chain_each_hands_its_draft_to_the_next() -> None:
    cast = cast_of(made("pipeline"))
    told = messages(made("pipeline"), cast)
    assert [(m.sender, *m.receivers) for m in told[:-1]] == list(pairwise(cast.nodes))
    assert told[-1].what.startswith("answer:")


def test_in_a_mesh_what_one_posts_goes_to_all_others() -> None:
    cast = cast_of(made("peer_agents"))
    told = messages(made("peer_agents"), cast)
    handed = [m for m in told if m.what.startswith("hands over")]
    assert 0 < len(handed) < len(told)
    for message in told:
        if message in handed:
            (to,) = message.receivers
            assert message.what.endswith(f" to {to}")
        else:
            assert {message.sender, *message.receivers} == set(cast.nodes)


def known(status: RunStatus) -> dict[str, object]:
    return {k: list(v) if isinstance(v, deque) else v for k, v in vars(status).items()}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(1, 20))
def test_the_status_at_any_time_is_that_of_all_events_until_then(
    shares: list[float], kept: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "KEPT", kept)
        line = Timeline(broken())
        for share in shares:  # in any order, back and forth
            t = share * line.duration
            fresh = RunStatus(e for e in broken().events if e.t <= t)
            assert known(line.status(t)) == known(fresh)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=12).map(sorted),
    st.floats(0, 50),
)
def test_the_frames_keep_the_pace_and_leave_out_no_moment(times: list[float], more: float) -> None:
    start = RunStarted(0.0, "single_call", "A task", "a model", 4)
    calls = [
        CallStarted(t, n, "worker", "a", 1, None, (), None, (), 10) for n, t in enumerate(times)
    ]
    line = Timeline(Run((start, *calls, RunEnded(times[-1] + more, "done"))))
    assert list(line.frames) == sorted(set(line.frames))
    assert {m.t for m in line.moments} <= set(line.frames)
    assert line.frames[-1] == line.duration
    assert all(b - a <= 1.5 * line.tick + 1e-9 for a, b in pairwise(line.frames))
    happened = [h for m in line.moments for h in m.happenings]
    assert len(happened) == len(calls) + 2
    assert all(h.t <= m.t for m in line.moments for h in m.happenings)


def test_the_picture_does_not_change_its_size_while_the_film_goes_on() -> None:
    for pattern in PATTERNS:
        line = Timeline(made(pattern))
        stage = Stage(line)
        sizes = {re.search(r'viewBox="([^"]*)"', stage.at(t))[1] for t in line.frames[::9]}  # type: ignore[index]
        assert len(sizes) == 1


@pytest.mark.parametrize("workers", [1, 2, 9, 30, 90])
def test_any_number_of_workers_has_room_on_the_stage(workers: int) -> None:
    record = run(LEGAL, "master_slave", workers=workers)
    picture = Stage(Timeline(record)).at(1.0)
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', picture).groups())  # type: ignore[union-attr]
    for x, y, w, h in re.findall(
        r'<rect x="([-.\d]+)" y="([-.\d]+)" width="([.\d]+)" height="([.\d]+)"', picture
    ):
        assert 0 <= float(x) <= float(x) + float(w) <= width
        assert 0 <= float(y) <= float(y) + float(h) <= height
