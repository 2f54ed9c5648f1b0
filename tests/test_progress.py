"""The live view: within any terminal, nothing but data, and gone when the run has ended."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import urllib.request
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, Group

from orchestrator_kit import clock
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallStarted,
    Event,
    Heartbeat,
    PlanMade,
    Recovered,
    RunEnded,
    RunStarted,
    SubtaskStarted,
)
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.models.base import Message, Usage
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.picture import picture
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.progress import LiveView, Watch
from orchestrator_kit.record import Run
from orchestrator_kit.status import RunStatus
from orchestrator_kit.tasks import Task
from tests.fakes import FunctionModel, findings
from tests.screens import Screen, Terminal
from tests.servers import Answer, Asked, ChatServer, says

TROUBLE = ("crash:role=worker,p=0.3", "straggler:role=worker,p=0.3,factor=8", "wrong:p=0.2")
HOSTILE = "[red]\x1b[31m\x1b]0;title\x07[/red]\r\nnext\x9bA 船 \u202etxt [/]"


@cache
def supervised() -> Run:
    """A run in which everything happens that the view can show."""
    pattern = partial(orchestrator_worker, rounds=2, revisions=2, conflicts=True)
    model = Faults(SimulatedModel(), TROUBLE, 1)
    return run(load_task("legal"), pattern, model, workers=4, recovery="full")


def drawn(status: RunStatus, now: float, width: int, height: int, before: int = 0) -> list[str]:
    """The picture as plain lines."""
    earlier = [f"pattern {n}: done" for n in range(before)]
    file = io.StringIO()
    console = Console(file=file, width=width, height=height)
    console.print(Group(*picture(status, now, width, height, earlier)))
    return file.getvalue().splitlines()


# ---- the picture ----


@given(st.data())
def test_the_picture_fits_any_terminal_at_any_moment(data: st.DataObject) -> None:
    events = supervised().events
    status = RunStatus(events[: data.draw(st.integers(0, len(events)))])
    width, height = data.draw(st.integers(1, 200)), data.draw(st.integers(1, 60))
    lines = drawn(status, status.t + 1.0, width, height, before=data.draw(st.integers(0, 9)))
    assert 1 <= len(lines) <= height
    assert all(cell_len(line.rstrip()) <= width for line in lines)


@given(st.integers(0, 200))
def test_where_there_is_room_everything_is_shown(n: int) -> None:
    status = RunStatus(supervised().events[:n])
    text = "\n".join(drawn(status, status.t, 200, 60))
    assert f"{len(status.under_way)} under way" in text or not n
    for slot in status.slots:
        assert f"worker {slot.worker}" in text if slot.worker else "centre" in text
    for part in status.parts:
        assert f"{part.id}  {part.specialist}" in text
    for _, said in list(status.notes)[-5:]:
        assert said[:100] in text


def test_a_narrow_and_short_terminal_shows_the_head_the_busy_workers_and_the_last_notes() -> None:
    events = supervised().events
    n = max(range(len(events)), key=lambda n: len(RunStatus(events[:n]).under_way))
    status = RunStatus(events[:n])
    lines = drawn(status, status.t, 40, 10)
    assert lines[0].startswith("orchestrator_worker")
    assert any(f"{len(status.under_way)} under way" in line for line in lines)
    assert any(line.startswith("and ") for line in lines)  # the subtasks that there is no room for
    assert len(lines) == 10


def test_budgets_and_unknown_prices_are_told_as_they_are() -> None:
    start = RunStarted(0.0, "p", "t", "m", 1, None, 9_000, 0.5, 60.0)
    assert drawn(RunStatus([start]), 2.0, 120, 5)[0] == (
        "p  2.0 s of 60 s  calls: 0 done, 0 under way  0 of 9,000 tokens  - of $0.5"
    )
    unpriced = RunStatus([RunStarted(0.0, "p", "t", "m", 1), *_calls("a", None)])
    assert drawn(unpriced, 2.0, 120, 5)[0] == ("p  2.0 s  calls: 1 done, 1 under way  ~110 tokens")


def _calls(name: str, usd: float | None) -> Iterator[CallStarted | CallEnded | Heartbeat]:
    """One call that ended, and one under way that was heard of."""
    for n in (1, 2):
        asked = (0.0, n, "worker", name, n, name, (), "report", (Message("user", "go"),), 9)
        yield CallStarted(*asked, step="retry", attempt=2)
    yield CallEnded(1.0, 1, "…", Usage(100, 10, estimated=True), usd, "stop")
    yield Heartbeat(1.5, 2, 70)


def hostile() -> list[Event]:
    plan = Plan((Subtask(HOSTILE, HOSTILE, "go"), Subtask("s2", HOSTILE, "go", needs=(HOSTILE,))))
    return [
        RunStarted(0.0, HOSTILE, HOSTILE, HOSTILE, 2),
        PlanMade(0.0, plan),
        *_calls(HOSTILE, 0.1),
        CallFailed(2.0, 2, "crash", HOSTILE),
    ]


@pytest.mark.parametrize("width", [40, 100])
def test_what_a_model_writes_is_shown_as_data(width: int) -> None:
    more: list[Event] = [
        SubtaskStarted(2.0, HOSTILE, HOSTILE, 1),
        Recovered(2.0, 2, HOSTILE, HOSTILE, "crash", "retry", 5.0),
    ]
    console = Console(record=True, width=width, height=30, force_terminal=True, file=io.StringIO())
    with LiveView(console) as view:
        for event in (*hostile(), *more):
            view(event)
        console.print(view)
    text = console.export_text()
    assert "[red]" in text
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31m" not in written
    assert "\x1b]" not in written
    screen = Screen(width, 30)
    screen.feed(written.replace("\n", "\r\n"))  # which refuses any command that rich does not use
    assert not set(text) & set("\x07\x9b\u202e\r")


# ---- the listener ----


def test_a_virtual_run_is_shown_and_leaves_nothing_on_the_screen() -> None:
    console = Console(width=60, height=20, force_terminal=True, file=io.StringIO())
    with LiveView(console) as view:
        record = run(
            load_task("legal"), "orchestrator_worker", SimulatedModel(), workers=2, listen=view
        )
    screen = Screen(60, 20)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "orchestrator_worker" in written
    screen.feed(written.replace("\n", "\r\n"))
    assert screen.text == ""
    assert screen.cursor_shown
    assert view.status.ended == record.ended
    assert view.status.tokens == RunStatus(record.events).tokens


def test_listening_changes_nothing_about_a_run() -> None:
    task = load_task("legal")
    with LiveView(Console(force_terminal=True, file=io.StringIO())) as view:
        heard = run(task, "orchestrator_worker", SimulatedModel(), listen=view)
    assert heard == run(task, "orchestrator_worker", SimulatedModel())


def test_where_nobody_looks_it_writes_nothing_and_knows_everything() -> None:
    file = io.StringIO()
    with LiveView(Console(file=file)) as view:
        for event in supervised().events:
            view(event)
    assert file.getvalue() == ""
    assert view.status.done > 10


class Counting(io.StringIO):
    """A file that counts the pictures drawn on it, and tells when there are four."""

    pictures = 0
    four: asyncio.Event | None = None

    def write(self, text: str) -> int:
        self.pictures += "calls: " in text
        if self.four and self.pictures >= 4:
            self.four.set()
        return super().write(text)


def test_a_burst_of_events_is_drawn_once_or_so() -> None:
    file = Counting()
    with LiveView(Console(width=80, height=24, force_terminal=True, file=file)) as view:
        for event in supervised().events[:-1]:
            view(event)
    assert 1 <= file.pictures <= 10
    assert len(supervised().events) > 100


def test_on_virtual_time_there_is_no_timer() -> None:
    model = FunctionModel(lambda _: (findings("The hull is thin.", source="survey#1"), 1_000.0))
    file = Counting()
    with LiveView(Console(width=80, height=24, force_terminal=True, file=file)) as view:
        run(load_task("legal"), "parallelization", model, listen=view)
    assert view.status.t >= 1_000.0
    assert file.pictures <= 10  # and not four for each of these seconds


class Broken(io.StringIO):
    """A terminal that is gone."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone_does_not_end_the_run() -> None:
    console = Console(width=80, height=24, force_terminal=True, file=io.StringIO())
    with LiveView(console) as view:
        console.file = Broken()
        for event in supervised().events:
            view(event)
        console.file = io.StringIO()
    assert view.status.ended is not None


def test_on_the_wall_clock_the_seconds_go_on_while_nothing_happens() -> None:
    console = Console(width=80, height=24, force_terminal=True, file=(file := Counting()))

    async def waits(view: LiveView) -> None:
        view(RunStarted(0.0, "p", "t", "m", 1))
        for event in list(_calls("a", None))[:2]:
            view(event)
        file.four = asyncio.Event()
        await file.four.wait()  # drawn by nothing but the timer
        view(RunEnded(9.0, "done"))
        drawn_by_then = file.pictures
        await asyncio.sleep(0)
        assert file.pictures == drawn_by_then

    with LiveView(console) as view:
        clock.run(lambda: asyncio.wait_for(waits(view), 30), virtual=False)
    shown = file.getvalue()
    seconds = [float(s.removesuffix(" s")) for s in _seconds(shown)]
    assert seconds == sorted(seconds)
    assert len({s for s in seconds if 0 < s < 9}) >= 2
    assert "p: 2 calls, 9.0 s, done" in shown


def _seconds(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if "under way" in line:
            yield line.split("p  ")[-1].split("  ")[0]


def test_the_single_line_keeps_to_a_terminal_even_where_colours_are_forced() -> None:
    file = io.StringIO()
    with Watch(Console(file=file, force_terminal=True), lines=True) as watch:
        for event in supervised().events:
            watch(event)
    (line,) = file.getvalue().splitlines()
    assert line.startswith("orchestrator_worker: ")
    assert line.endswith(", done")


# ---- okit on a real terminal, with a real server ----

ASKED_BY_THE_TEST = "go on"


def answers(asked: Asked) -> Answer:
    """A plan of two subtasks, whose workers wait until the test asks something, and an answer."""
    if ASKED_BY_THE_TEST in asked.prompt:
        return says("gone on", together=3)(asked)
    found = {"statement": "The hull has lost 31 per cent of its plating.", "source": "survey#1"}
    form = asked.body["response_format"]["json_schema"]["name"]
    if form == "plan":
        subtasks = {
            i: {"specialist": s, "instruction": "Look.", "sections": [], "needs": []}
            for i, s in (("s1", "shipwright"), ("s2", "bookkeeper"))
        }
        return says(json.dumps({"why": "two", "workers": 2, "subtasks": subtasks}))(asked)
    if form == "report":
        return says(json.dumps({"findings": [found]}), together=3)(asked)
    statement = {"statement": found["statement"], "sources": [found["source"]]}
    return says(json.dumps({"statements": [statement], "gaps": []}))(asked)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(answers) as server:
        yield server


def go_on(server: ChatServer) -> None:
    """Let the workers' calls end, for which the server waits."""
    body = {"messages": [{"role": "user", "content": ASKED_BY_THE_TEST}]}
    request = urllib.request.Request(
        f"{server.url}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 200


def okit(server: ChatServer, folder: Path, *more: str) -> list[str]:
    call = "import sys; from orchestrator_kit.cli import main; sys.argv[0] = 'okit'; main()"
    words = ["run", str(folder), "--model", "endpoint:m", "--base-url", server.url]
    return [sys.executable, "-W", "error", "-c", call, *words, *more]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 8)])
def test_on_a_terminal_a_run_is_watched_and_its_results_are_all_that_stays(
    server: ChatServer, small_folder: Path, tmp_path: Path, width: int, height: int
) -> None:
    words = okit(server, small_folder)
    with Terminal(words, cwd=tmp_path, width=width, height=height) as terminal:
        terminal.show_until(lambda screen: "2 under way" in screen.text)
        first = terminal.screen.lines
        assert first[0].startswith("orchestrator_worker")
        assert "s1" in terminal.screen.text
        assert "running" in terminal.screen.text
        if width == 80:
            assert {"worker 1", "worker 2", "worker 3"} <= {line[:8] for line in first}
            assert "worker 3  idle" in first
        terminal.show_until(lambda screen: screen.lines[:3] != first[:3])  # the clock goes on
        assert not terminal.screen.history
        go_on(server)
        assert terminal.end() == 0
        screen = terminal.screen
    assert screen.text.startswith("- The hull has lost 31 per cent")
    assert "under way" not in screen.text
    assert "worker 1" not in screen.text
    assert "orchestrator_worker" in screen.text
    assert screen.cursor_shown


def test_only_the_view_goes_to_the_terminal_where_the_results_go_into_a_file(
    server: ChatServer, small_folder: Path, tmp_path: Path
) -> None:
    with Terminal(okit(server, small_folder), cwd=tmp_path, piped=True) as terminal:
        terminal.show_until(lambda screen: "2 under way" in screen.text)
        go_on(server)
        terminal.show_until(lambda screen: not screen.text)
        results = terminal.piped
        assert terminal.end() == 0
        assert (terminal.screen.text, terminal.screen.cursor_shown) == ("", True)
    assert results.startswith("- The hull has lost")
    assert "\x1b" not in results


def test_an_interrupted_run_leaves_one_line_and_its_record(
    server: ChatServer, small_folder: Path, tmp_path: Path
) -> None:
    with Terminal(okit(server, small_folder), cwd=tmp_path, width=120) as terminal:
        terminal.show_until(lambda screen: "2 under way" in screen.text)
        terminal.interrupt()
        assert terminal.end() == 130
        assert terminal.screen.lines == [
            "records: out/interrupted",
            "okit: interrupted; nothing more is spent; the records so far are in out/interrupted",
        ]
        assert terminal.screen.cursor_shown
    record = Run.load(tmp_path / "out" / "interrupted" / "orchestrator_worker.jsonl")
    assert record.status == "interrupted"


def test_a_terminal_that_cannot_move_its_cursor_gets_the_plain_line(
    server: ChatServer, small_folder: Path, tmp_path: Path
) -> None:
    words = okit(server, small_folder)
    with Terminal(words, cwd=tmp_path, piped=True, TERM="dumb") as terminal:
        server.wait_for(3)
        go_on(server)
        terminal.show_until(lambda screen: "done" in screen.text)
        assert terminal.piped.startswith("- The hull")
        assert terminal.end() == 0
        (line,) = terminal.screen.lines
    assert line.startswith("orchestrator_worker: 4 calls, ")


def test_a_virtual_run_on_a_terminal_leaves_its_results_only(
    small_task: Task, small_folder: Path, tmp_path: Path
) -> None:
    call = "import sys; from orchestrator_kit.cli import main; sys.argv[0] = 'okit'; main()"
    words = [sys.executable, "-W", "error", "-c", call, "run", str(small_folder)]
    with Terminal(words, cwd=tmp_path, width=160, height=40) as terminal:
        assert terminal.end() == 0
        text = terminal.screen.text
    assert text.startswith("- ")
    assert "calls done" not in text
    assert "under way" not in text
