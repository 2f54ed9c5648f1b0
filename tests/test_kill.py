"""A run that is killed with SIGKILL, wherever it is, is resumed by running it again.

Real processes, a real HTTP server, and a tape between them. `pytest -s tests/test_kill.py` prints
how many were killed where, and what was bought twice.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestrator_kit.errors import TapeError
from orchestrator_kit.events import CallEnded, CallStarted
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.record import Run
from tests.reading import reads
from tests.servers import Answer, Asked, ChatServer, Entry, stalls

SLOW: Entry = reads(delay_s=lambda _: 0.01)  # so that calls are under way at the same time
WORKERS = {"orchestrator_worker": 3, "peer_agents": 1}  # peers in parallel look at what is there
Prompt = str
Die = tuple[Any, ...]


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody killed."""

    calls: Counter[tuple[object, ...]]
    requests: int
    statements: int


class Doomed:
    """Makes runs in processes of their own, which may be killed."""

    def __init__(self, task: Path, folder: Path) -> None:
        self.task, self.folder, self.n = task, folder, 0
        words = [sys.executable, "-W", "error", "-m", "tests.doomed"]
        pipe = subprocess.PIPE
        root = Path(__file__).parents[1]
        self._process = subprocess.Popen(words, cwd=root, stdin=pipe, stdout=pipe, text=True)

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        assert self._process.wait(10) == 0
        self._process.stdout.close()

    def new_folder(self) -> Path:
        self.n += 1
        folder = self.folder / str(self.n)
        folder.mkdir()
        return folder

    def begin(self, pattern: str, url: str, folder: Path, die: Die = ("never", 0)) -> int:
        """Begin a run; the number of its process."""
        job = {
            "task": str(self.task),
            "pattern": pattern,
            "workers": WORKERS[pattern],
            "url": url,
            "tape": str(folder / "tape"),
            "record": str(folder / "record.jsonl"),
            "die": die,
        }
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def ended(self) -> int:
        """Wait for the end of what was begun; its exit status."""
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def doomed(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doomed]:
    made = Doomed(small_folder, tmp_path_factory.mktemp("doomed"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(doomed: Doomed) -> dict[str, Undisturbed]:
    found = {}
    for pattern in WORKERS:
        folder = doomed.new_folder()
        with ChatServer(SLOW) as server:
            doomed.begin(pattern, server.url, folder)
            assert doomed.ended() == 0
        prompts = [asked.prompt for asked in server.asked]
        assert len(set(prompts)) == len(prompts)  # so that a prompt says which call it is
        statements = int((folder / "record.statements").read_text("utf-8"))
        calls = calls_of(folder / "record.jsonl")
        assert calls.total() == len(prompts) >= 5
        found[pattern] = Undisturbed(calls, len(prompts), statements)
    return found


def calls_of(record: Path) -> Counter[tuple[object, ...]]:
    """The calls of a run: who asked what, and what came of it; not when."""
    run = Run.load(record)
    assert run.status == "done"
    ends = {e.call: e for e in run.events if isinstance(e, CallEnded)}
    return Counter(
        (
            *(e.role, e.agent, e.subtask, e.messages, e.max_output_tokens),
            *(ends[e.call].text, ends[e.call].usage, ends[e.call].finish),
        )
        for e in run.events
        if isinstance(e, CallStarted)
    )


def answered(folder: Path) -> list[Prompt]:
    """What the tape of a killed process holds, read from a copy so that it stays as it was left."""
    copy = folder / "copy"
    copy.mkdir()
    for file in folder.glob("tape*"):
        shutil.copy(file, copy)
    try:
        reel = Reel(copy / "tape")
    except TapeError as e:
        if "there is nothing recorded" in str(e):  # it was killed before there was a tape
            return []
        raise
    texts = reel.texts()
    found = [request["messages"] for taken, request in reel.requests() if taken.outcome.paid]
    return ["\n\n".join(texts[bytes.fromhex(d)] for _, d in rows[1:]) for rows in found]


def prompts(asked: list[Asked]) -> list[Prompt]:
    """What a server was asked by the user, which says which call it is."""
    return [request.body["messages"][-1]["content"] for request in asked]


@dataclass
class Tally:
    """What came of killing a process, and of running it again."""

    killed: int
    stored: int
    again: int
    bought_twice: int


def killed_and_resumed(
    doomed: Doomed, whole: Undisturbed, pattern: str, script: list[Entry], die: Die, wait: int
) -> Tally:
    """Kill a run at one point, run it again, and hold it against the undisturbed one."""
    folder = doomed.new_folder()
    with ChatServer(*script) as first:
        pid = doomed.begin(pattern, first.url, folder, die)
        if wait:
            first.wait_for(wait)
            os.kill(pid, signal.SIGKILL)
        status = doomed.ended()
    assert -status in (signal.SIGKILL, signal.SIGXFSZ)
    assert not (folder / "record.jsonl").exists()
    stored = answered(folder)
    with ChatServer(SLOW) as second:
        doomed.begin(pattern, second.url, folder)
        assert doomed.ended() == 0
    assert calls_of(folder / "record.jsonl") == whole.calls
    asked = prompts(second.asked)
    in_flight = len(first.asked) - len(stored)
    assert in_flight >= 0
    assert len(first.asked) + len(asked) <= whole.requests + in_flight
    assert not [file.name for file in folder.glob("tape?*")]  # the tape is at rest, alone
    twice = sum(prompt in stored for prompt in asked)
    assert (twice, len(asked)) == (0, whole.requests - len(stored))
    return Tally(status == -signal.SIGKILL, len(stored), len(asked), twice)


def points(whole: dict[str, Undisturbed]) -> Iterator[tuple[str, str, list[Entry], Die, int]]:
    """Sixty seeded points: (where, pattern, the server's script, how to die, after how many
    requests to be killed from outside)."""
    rng = Random(20_260)
    for where, times in (
        *(("commit", 12), ("stored", 9), ("statement", 13), ("torn", 10)),
        ("on the wire", 16),
    ):
        for n in range(times):
            pattern = list(WORKERS)[n % 2]
            calls, statements = whole[pattern].requests, whole[pattern].statements
            if where == "on the wire":
                k = rng.randint(1, calls)
                script: list[Entry] = [*[SLOW] * (k - 1), stalls()]
                yield where, pattern, script, ("never", 0), k
            elif where == "commit":  # a tape, a model and a run are stored before the calls
                yield where, pattern, [SLOW], (where, rng.randint(1, calls + 3)), 0
            elif where == "torn":
                torn = (where, rng.randint(1, calls + 3), rng.randint(0, 4_000))
                yield where, pattern, [SLOW], torn, 0
            else:
                last = calls if where == "stored" else statements
                yield where, pattern, [SLOW], (where, rng.randint(1, last)), 0


def test_a_run_that_is_killed_anywhere_is_resumed_and_nothing_is_bought_twice(
    doomed: Doomed,
    undisturbed: dict[str, Undisturbed],
    record_property: Callable[[str, object], None],
) -> None:
    tallies: dict[str, list[Tally]] = {}
    for where, pattern, script, die, wait in points(undisturbed):
        tally = killed_and_resumed(doomed, undisturbed[pattern], pattern, script, die, wait)
        tallies.setdefault(where, []).append(tally)
    everything = [t for rows in tallies.values() for t in rows]
    print()
    for where, rows in [*tallies.items(), ("all", everything)]:
        print(
            f"{where:12} {len(rows):3} killed ({sum(t.killed for t in rows)} by SIGKILL); "
            f"calls: {sum(t.stored for t in rows):3} stored before, "
            f"{sum(t.again for t in rows):3} bought after, "
            f"{sum(t.bought_twice for t in rows)} bought twice"
        )
    record_property(
        "kills",
        {
            "by SIGKILL": sum(t.killed for t in everything),
            "by the kernel in the middle of a write": sum(not t.killed for t in everything),
            "calls stored before": sum(t.stored for t in everything),
            "bought after": sum(t.again for t in everything),
            "bought twice": sum(t.bought_twice for t in everything),
        },
    )
    assert sum(t.killed for t in everything) == 50
    assert sum(t.bought_twice for t in everything) == 0
    assert all(sum(t.stored for t in rows) for rows in tallies.values())


def okit(task: Path, folder: Path, url: str, words: list[str], die: Die) -> subprocess.Popen[str]:
    """The command itself, on the folder's tape, in a process that may be told where to die."""
    call = (
        f"from tests.doomed import arm; arm(*{die!r}); "
        "import sys; from orchestrator_kit.cli import main; main(sys.argv[1:])"
    )
    command = [*words[:1], str(task), *words[1:], "--tape", str(folder / "tape")]
    command += ["--model", "endpoint:test", "--base-url", url, "--workers", "1"]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", call, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("words", "die", "wait"),
    [
        (["run", "--pattern", "peer_agents", "--record", "record.jsonl"], ("commit", 6), 0),
        (["compare", "--patterns", "orchestrator_worker", "--records", "."], ("never", 0), 4),
    ],
)
def test_so_is_the_command_itself(
    small_folder: Path,
    tmp_path: Path,
    undisturbed: dict[str, Undisturbed],
    words: list[str],
    die: Die,
    wait: int,
) -> None:
    pattern = words[2]
    script: list[Entry] = [*[SLOW] * (wait - 1), stalls() if wait else SLOW]
    with ChatServer(*script) as first:
        with okit(small_folder, tmp_path, first.url, words, die) as process:
            if wait:
                first.wait_for(wait)
                process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    stored = answered(tmp_path)
    assert stored
    with ChatServer(SLOW) as second:
        with okit(small_folder, tmp_path, second.url, words, ("never", 0)) as process:
            complaint = process.communicate(timeout=60)[1]
        assert process.returncode == 0, complaint
    asked = prompts(second.asked)
    assert not set(stored) & set(asked)
    assert len(stored) + len(asked) == undisturbed[pattern].requests
    (record,) = tmp_path.glob("*.jsonl")
    assert calls_of(record).total() == undisturbed[pattern].requests


def test_peers_who_work_at_once_are_given_again_what_was_paid_for(
    doomed: Doomed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WORKERS, "peer_agents", 4)
    rng = Random(7)

    def unevenly(asked: Asked) -> Answer:
        return reads(delay_s=lambda _: rng.uniform(0.001, 0.03))(asked)

    for k in (6, 9, 11):
        folder = doomed.new_folder()
        with ChatServer(*[unevenly] * (k - 1), stalls()) as first:
            pid = doomed.begin("peer_agents", first.url, folder)
            first.wait_for(k)
            os.kill(pid, signal.SIGKILL)
            assert doomed.ended() == -signal.SIGKILL
        stored = answered(folder)
        assert stored
        with ChatServer(SLOW) as second:
            doomed.begin("peer_agents", second.url, folder)
            assert doomed.ended() == 0
        calls = calls_of(folder / "record.jsonl")
        # All that was paid for is made use of: nobody saw another board than when it was paid.
        assert calls.total() == len(stored) + len(second.asked)
