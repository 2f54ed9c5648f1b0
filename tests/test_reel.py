"""The reel: whatever is done to its file, nothing is read wrongly and nothing is made worse."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestrator_kit.errors import TapeError
from orchestrator_kit.experiments import run
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.reel_file import FORMAT
from orchestrator_kit.models.reel_text import damage, exported, imported
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.models.tape import Tape
from orchestrator_kit.tasks import Task
from tests.fakes import FunctionModel, findings
from tests.test_cli import Ended, process


@pytest.fixture(scope="module")
def sound(small_task: Task, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A tape with two models, three runs, a failure and counts, as bytes."""
    file = tmp_path_factory.mktemp("sound") / "tape"

    def respond(_: object) -> tuple[str, float]:
        return findings("The hull is thin.", source="survey#1"), 1.0

    with Reel(file, record=True) as reel:
        for pattern in ("orchestrator_worker", "pipeline"):
            run(small_task, pattern, Tape(reel, SimulatedModel()))
        run(small_task, "parallelization", Tape(reel, FunctionModel(respond)))
    assert damage(file) == []
    return file.read_bytes()


@pytest.fixture
def file(tmp_path: Path, sound: bytes) -> Path:
    path = tmp_path / "tape"
    path.write_bytes(sound)
    return path


def said(reel: Reel) -> list[object]:
    """All that a replay goes by."""
    return [list(reel.models.items()), reel.runs, reel.calls, reel.counts]


def alone(file: Path) -> bool:
    """Whether nothing was left beside a file."""
    return [f.name for f in file.parent.iterdir()] == [file.name]


def unsound(file: Path) -> bool:
    try:
        return bool(damage(file))
    except TapeError:
        return True


# ---- damage ----


def test_a_bit_that_is_flipped_anywhere_is_noticed_or_changes_nothing(
    file: Path, sound: bytes
) -> None:
    whole, text = said(Reel(file)), list(exported(file))
    rng = Random(3)
    heads = [page + n for page in range(0, len(sound), 4_096) for n in range(14)]
    places = [*range(100), *heads, *(rng.randrange(100, len(sound)) for _ in range(300))]
    noticed = 0
    for place in places:
        data = bytearray(sound)
        data[place] ^= 1 << rng.randrange(8)
        file.write_bytes(data)
        try:
            assert said(Reel(file)) == whole
        except TapeError:
            noticed += 1
            with pytest.raises(TapeError, match=r"damaged|no tape|newer|writing here|nothing"):
                Reel(file, record=True)
        else:
            assert unsound(file) or list(exported(file)) == text
        assert file.read_bytes() == data
        assert alone(file)
    assert noticed > len(places) / 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE texts SET text = x'20'", "text .* is not what was"),
        ("UPDATE calls SET outcome = outcome || x'20' WHERE id = 3", "call 3 is not what was"),
        ("UPDATE calls SET ordinal = 7 WHERE id = 2", "call 2 is not what was"),
        ("UPDATE calls SET run = 3 WHERE id = 1", "call 1 is not what was"),
        ("UPDATE calls SET request = x'7b7d' WHERE id = 4", "call 4 is not what was"),
        ("UPDATE models SET body = body || x'20' WHERE id = 1", "model 1 is not what was"),
        ("UPDATE runs SET settings = x'20' WHERE id = 2", "run 2 is not what was"),
        ("UPDATE counts SET tokens = tokens + 1", "count .* is not what was"),
        ("DELETE FROM texts", "a call lacks the text"),
    ],
)
def test_a_check_names_what_is_damaged(file: Path, change: str, says: str) -> None:
    db = sqlite3.connect(file)
    db.execute(change)
    db.commit()
    db.close()
    done = process(["tape", "check", str(file)], file.parent)
    assert done.code == 2
    assert done.complaint.startswith(str(file))
    assert re.search(says, done.complaint)


def foreign_database(file: Path) -> None:
    file.unlink()
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY)")
    db.commit()
    db.close()


def newer(file: Path) -> None:
    db = sqlite3.connect(file)
    db.execute(f"PRAGMA user_version={FORMAT + 1}")
    db.close()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5_000])


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "another database": (foreign_database, "is no tape of this kit"),
    "a newer format": (newer, "newer version of the kit"),
    "a text": (lambda f: f.write_text("Dear diary,\n" * 30), "is no tape of this kit"),
    "a picture": (lambda f: f.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 99), "is no tape of"),
    "zeros": (lambda f: f.write_bytes(b"\0" * 8_192), "is no tape of this kit"),
    "noise": (lambda f: f.write_bytes(Random(1).randbytes(9_999)), "is no tape of this kit"),
    "a head": (lambda f: f.write_bytes(f.read_bytes()[:100]), "is damaged"),
    "a page": (lambda f: f.write_bytes(f.read_bytes()[:4_096]), "is damaged"),
    "cut off": (cut, "is damaged"),
    "noise behind a head": (
        lambda f: f.write_bytes(f.read_bytes()[:100] + Random(1).randbytes(20_000)),
        "is damaged",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_sound_tape_is_refused_and_left_as_it_is(
    kind: str, file: Path, small_folder: Path
) -> None:
    spoil, says = WRONG[kind]
    spoil(file)
    was = file.read_bytes()
    for record in (False, True):
        with pytest.raises(TapeError, match=says):
            Reel(file, record=record)
        assert file.read_bytes() == was
        assert alone(file)
    done = process(["run", str(small_folder), "--tape", str(file)], file.parent)
    assert done.code == 2
    assert says in done.complaint
    assert file.read_bytes() == was


@pytest.mark.parametrize("words", [["run", "TASK", "--tape"], ["tape", "show"], ["tape", "export"]])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        (".", "is no file"),
        ("missing/tape", "there is no such folder"),
        ("tape/tape", "cannot be read"),
        ("x" * 300, "cannot be read"),
    ],
)
def test_what_cannot_be_a_tape_is_one_clear_line(
    words: list[str], name: str, says: str, file: Path, small_folder: Path
) -> None:
    words = [str(small_folder) if w == "TASK" else w for w in words]
    done = process([*words, str(file.parent / name)], file.parent)
    assert done.code == 2
    assert says in done.complaint
    assert [f.name for f in file.parent.iterdir()] == ["tape"]


# ---- where nothing can be written ----


def unprivileged(words: list[str], cwd: Path) -> Ended:
    """A command for which permissions count even where root runs it."""
    call = "import sys; from orchestrator_kit.cli import main; main(sys.argv[1:])"
    drop = (  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, out of what a new program may have
        "import ctypes, os, sys; libc = ctypes.CDLL(None)\n"
        "libc.prctl(24, 1); libc.prctl(24, 2); os.execv(sys.executable, sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", drop, sys.executable, "-c", call, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder, while nothing can be made in it."""
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("mode", [0o444, 0o666])
def test_a_tape_that_cannot_be_written_to_can_be_read_but_not_recorded_on(
    mode: int, file: Path, small_folder: Path, sound: bytes
) -> None:
    file.chmod(mode)
    words = ["run", str(small_folder), "--model", "simulated", "--tape"]
    with read_only(file.parent):
        for command in ("show", "check", "export"):
            done = unprivileged(["tape", command, str(file)], file.parent)
            assert (done.code, done.err) == (0, "")
        for name in ("tape", "new"):
            done = unprivileged([*words, str(file.parent / name)], file.parent)
            assert done.code == 2
            assert "cannot be opened for writing here" in done.complaint
    assert file.read_bytes() == sound
    assert alone(file)


def limited(words: list[str], cwd: Path, size: int) -> Ended:
    """A command whose files cannot grow beyond a size, as on a full disk."""
    call = (
        "import resource, sys; from orchestrator_kit.cli import main\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", call, *words], cwd=cwd, capture_output=True, text=True, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("kilobytes", [0, 1, 20, 45, 70])
def test_where_there_is_no_room_the_run_ends_and_what_was_recorded_stays(
    kilobytes: int, tmp_path: Path, small_folder: Path
) -> None:
    file = tmp_path / "tape"
    words = ["run", str(small_folder), "--tape", str(file), "--pattern", "peer_agents"]
    done = limited(words, tmp_path, 1024 * kilobytes)
    assert done.code == 2
    assert "no room" in done.complaint or "disk is full" in done.complaint
    kept: set[Any] = set()
    if file.exists() and file.stat().st_size:
        kept = set(Reel(file).calls)
        assert damage(file) == []
    assert bool(kept) == (kilobytes > 40)
    again = process(words, tmp_path)
    assert again.code == 0
    assert kept <= set(Reel(file).calls)
    assert alone(file)


def test_a_call_that_found_no_room_can_be_stored_once_there_is_some(file: Path) -> None:
    with Reel(file, record=True) as reel:
        taken, request = next(reel.requests())
        other = replace(taken, key=b"x" * 16)
        assert reel._db
        reel._db.execute("PRAGMA max_page_count=1")  # SQLite takes it for the pages there are
        with pytest.raises(TapeError, match="the disk is full"):
            reel.add(other, request, ["long " * 10_000])
        assert (other.key, 1) not in reel.calls
        reel._db.execute("PRAGMA max_page_count=1000000")
        reel.add(other, request, ["long " * 10_000])
    assert Reel(file).calls[other.key, other.ordinal] == other
    assert damage(file) == []


def test_on_a_disk_that_is_full_too(tmp_path: Path, small_folder: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    unshare = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]
    mount = f"mount -t tmpfs -o size=96k none {room}"
    probe = subprocess.run([*unshare, "sh", "-c", mount], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("a file system of a given size cannot be mounted here")
    call = "from orchestrator_kit.cli import main; import sys; main(sys.argv[1:])"
    okit = f"{sys.executable} -c '{call}'"
    record = f"{okit} run {small_folder} --tape {room}/tape --pattern peer_agents"
    script = f"{mount} && {record}; echo $?; cp {room}/tape* {tmp_path}"
    done = subprocess.run(
        [*unshare, "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "the disk is full; what was recorded before is safe" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout.splitlines()[-1] == "2"
    assert len(Reel(tmp_path / "tape").calls) > 0
    assert damage(tmp_path / "tape") == []


# ---- several processes ----


class Recording:
    """A process that records on a file until it is told what to do next."""

    def __init__(self, file: Path, task: Path) -> None:
        call = (
            "import sys\n"
            "from orchestrator_kit.experiments import run\n"
            "from orchestrator_kit.loading import load_task\n"
            "from orchestrator_kit.models.reel import Reel\n"
            "from orchestrator_kit.models.simulated import SimulatedModel\n"
            "from orchestrator_kit.models.tape import Tape\n"
            "reel = Reel(sys.argv[1], record=True)\n"
            "run(load_task(sys.argv[2]), 'peer_agents', Tape(reel, SimulatedModel()))\n"
            "print(len(reel.calls), flush=True)\n"
            "sys.stdin.readline()\n"
            "reel.close()\n"
        )
        pipe = subprocess.PIPE
        words = [sys.executable, "-c", call, str(file), str(task)]
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdout
        self.calls = int(self.process.stdout.readline())

    def end(self) -> None:
        """Put the file to rest and go."""
        self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=30)


def test_a_second_process_is_told_that_the_tape_is_in_use_and_harms_nothing(
    file: Path, small_folder: Path
) -> None:
    first = Recording(file, small_folder)
    was = [f.read_bytes() for f in sorted(file.parent.glob("tape*"))]
    commands = [["run", str(small_folder), "--tape", str(file), "--model", "simulated"]]
    commands.append(["tape", "check", str(file)])
    for words in commands:
        done = process(words, file.parent)
        assert done.code == 2
        assert "is in use by another process" in done.complaint
    assert [f.read_bytes() for f in sorted(file.parent.glob("tape*"))] == was
    first.end()
    assert len(Reel(file).calls) == first.calls
    assert damage(file) == []


def test_a_second_process_waits_for_one_that_is_about_to_end(
    file: Path, small_folder: Path
) -> None:
    first = Recording(file, small_folder)
    second = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(file)], stdout=subprocess.PIPE, text=True
    )
    assert second.stdout
    assert second.stdout.readline() == "asking\n"
    first.end()
    assert second.stdout.read() == f"{first.calls}\n"
    assert second.wait(30) == 0
    second.stdout.close()


WAITING = """
import sys
from orchestrator_kit.models import reel, reel_file
reel_file._PATIENCE_S = 60.0
print("asking", flush=True)
with reel.Reel(sys.argv[1], record=True) as found:
    print(len(found.calls))
"""


def test_a_program_that_looks_into_its_own_recording_does_not_open_it_to_others(
    file: Path, small_folder: Path
) -> None:
    with Reel(file, record=True):
        for record in (False, True):
            with pytest.raises(TapeError, match="in use by this very program"):
                Reel(file, record=record)
        done = process(["tape", "show", str(file)], file.parent)
        assert "in use by another process" in done.complaint
    assert Reel(file).calls


@pytest.mark.parametrize("command", ["show", "check", "export"])
def test_what_a_killed_process_left_is_put_in_order_by_any_command(
    command: str, file: Path, small_folder: Path
) -> None:
    killed = Recording(file, small_folder)
    killed.kill()
    assert file.with_name("tape-wal").stat().st_size
    done = process(["tape", command, str(file)], file.parent)
    assert (done.code, done.err) == (0, "")
    assert alone(file)
    assert len(Reel(file).calls) == killed.calls


def test_where_that_cannot_be_done_it_is_said(file: Path, small_folder: Path) -> None:
    Recording(file, small_folder).kill()
    was = [f.read_bytes() for f in sorted(file.parent.iterdir())]
    file.chmod(0o444)
    with read_only(file.parent):
        for command in ("show", "check", "export"):
            done = unprivileged(["tape", command, str(file)], file.parent)
            assert done.code == 2
            assert "its recording was cut off" in done.complaint
            assert "tape-wal" in done.complaint
    assert [f.read_bytes() for f in sorted(file.parent.iterdir())] == was


# ---- there and back as text ----


def test_a_tape_survives_as_text(file: Path, small_task: Task, tmp_path: Path) -> None:
    lines = list(exported(file))
    other = imported(lines, tmp_path / "other")
    assert list(exported(tmp_path / "other")) == lines
    assert said(other) == said(Reel(file))
    assert damage(tmp_path / "other") == []
    one, two = (
        run(small_task, "pipeline", Tape(path, name="simulated-small"))
        for path in (file, tmp_path / "other")
    )
    assert one == two
    assert one.status == "done"


def test_a_tape_with_runs_and_counts_but_no_calls_does_too(tmp_path: Path) -> None:
    with Reel(tmp_path / "one", record=True) as reel:
        Tape(reel, SimulatedModel())
        reel.add_run("a run")
        reel.add_count(b"x" * 16, 3)
    lines = list(exported(tmp_path / "one"))
    imported(lines, tmp_path / "two")
    assert [json.loads(line)["kind"] for line in lines] == ["tape", "model", "run", "count"]
    assert list(exported(tmp_path / "two")) == lines


def test_the_commands_do_the_same(file: Path, tmp_path: Path) -> None:
    shown = process(["tape", "export", str(file)], tmp_path)
    assert shown.out.splitlines() == list(exported(file))
    assert process(["tape", "export", str(file), "--to", "lines"], tmp_path).code == 0
    assert (tmp_path / "lines").read_text("utf-8") == shown.out
    done = process(["tape", "import", "lines", "other"], tmp_path)
    assert done.out == f"written: other, {len(Reel(file).calls)} calls\n"
    assert process(["tape", "check", "other"], tmp_path).out.startswith("other: sound, ")
    table = process(["tape", "show", "other"], tmp_path).out
    for word in ("simulated-small", "function", "orchestrator_worker", "pipeline", "The ferry"):
        assert word in table


def test_a_tape_is_not_written_over(file: Path, sound: bytes, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("\n".join(exported(file)), "utf-8")
    assert "is there already" in process(["tape", "import", "lines", "tape"], tmp_path).complaint
    done = process(["tape", "export", "tape", "--to", str(file)], tmp_path)
    assert "is the tape itself" in done.complaint
    assert file.read_bytes() == sound


BAD: dict[str, Callable[[list[str]], object]] = {
    "no JSON": lambda lines: lines.__setitem__(4, "{"),
    "no object": lambda lines: lines.__setitem__(4, "[]"),
    "no kind": lambda lines: lines.__setitem__(4, "{}"),
    "an unknown kind": lambda lines: lines.__setitem__(4, '{"kind":"song"}'),
    "a second head": lambda lines: lines.__setitem__(4, lines[0]),
    "a text that is a number": lambda lines: lines.__setitem__(4, '{"kind":"text","text":7}'),
    "a run that is a number": lambda lines: lines.__setitem__(4, '{"kind":"run","settings":7}'),
    "nesting": lambda lines: lines.__setitem__(4, "[" * 100_000),
    "a count that is none": lambda lines: lines.__setitem__(
        4, '{"kind":"count","digest":"00","tokens":"7"}'
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_line_is_named_and_nothing_is_made(kind: str, file: Path, tmp_path: Path) -> None:
    lines = list(exported(file))
    BAD[kind](lines)
    with pytest.raises(TapeError, match=r"^line 5: is no line of an exported tape"):
        imported(lines, tmp_path / "other")
    assert alone(file)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "no hex"),
        ("key", 7),
        ("ordinal", 0),
        ("ordinal", "1"),
        ("run", -1),
        ("run", 99),
        ("run", True),
        ("request", []),
        ("request", {}),
        ("outcome", None),
        ("outcome", {"started": "now", "ended": 1.0, "seconds": 1.0}),
        ("outcome", {"started": 0.0, "ended": 1.0}),
        ("outcome", {"started": 0.0, "ended": 1.0, "seconds": 1.0, "colour": "red"}),
        ("outcome", {"started": 0.0, "ended": 1.0, "seconds": 1.0, "beats": ["x"]}),
    ],
)
def test_so_is_a_call_that_cannot_be(field: str, value: object, file: Path, tmp_path: Path) -> None:
    lines = list(exported(file))
    body = json.loads(lines[-1])
    lines[-1] = json.dumps(body | {field: value})
    with pytest.raises(TapeError, match=f"^line {len(lines)}: is no line of an exported tape"):
        imported(lines, tmp_path / "other")
    assert alone(file)


def test_lines_without_a_head_or_of_another_format_are_refused(file: Path, tmp_path: Path) -> None:
    lines = list(exported(file))
    for wrong in ([], lines[1:], ['{"kind":"tape","format":2}', *lines[1:]], [*lines, lines[-1]]):
        with pytest.raises(TapeError, match="is no line of an exported tape"):
            imported(wrong, tmp_path / "other")
    with pytest.raises(TapeError, match="other: there is no such folder"):
        imported(lines, tmp_path / "missing" / "other")
    done = process(["tape", "import", "none", "other"], tmp_path)
    assert "none: cannot be read" in done.complaint
    assert alone(file)


def test_runs_with_settings_of_any_kind_are_shown(tmp_path: Path) -> None:
    with Reel(tmp_path / "tape", record=True) as reel:
        for settings in ("", "no JSON", "7", '{"pattern": 8}'):
            reel.add_run(settings)
    done = process(["tape", "show", "tape"], tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.count("(no run)") == 3


def test_models_and_runs_stay_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    names = ["zeta", "alpha", "midway"]
    with Reel(tmp_path / "tape", record=True) as reel:
        for name in names:
            model = FunctionModel(lambda _: ("", 0.0))
            model.name = name
            Tape(reel, model)
            reel.add_run(name)
    again = Reel(tmp_path / "tape")
    assert list(again.models) == list(again.runs) == names
    assert asdict(again.models["zeta"])["counter"] == "recorded"
