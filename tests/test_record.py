"""Run records: every event survives JSON Lines, and a bad file is told by file and line."""

import dataclasses
import json
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit.errors import RecordError, UsageError
from orchestrator_kit.events import (
    SCHEMA,
    Answered,
    CallStarted,
    Event,
    RunEnded,
    RunStarted,
    from_json,
    to_json,
)
from orchestrator_kit.experiments import run
from orchestrator_kit.record import Run, check_writable, write_atomic
from orchestrator_kit.tasks import Task

KINDS: tuple[type[Any], ...] = get_args(Event)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type; new kinds of event are covered without a change here."""
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        hints = get_type_hints(hint)
        return st.builds(hint, **{f.name: values(hints[f.name]) for f in dataclasses.fields(hint)})
    if origin in (Union, types.UnionType):
        return st.one_of(*map(values, get_args(hint)))
    if origin is Literal:
        return st.sampled_from(get_args(hint))
    if origin is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=3).map(tuple)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(),
        int: st.integers(),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        type(None): st.none(),
    }
    return plain[hint]


EVENTS: st.SearchStrategy[Any] = st.one_of(*map(values, KINDS))
STARTED = values(RunStarted)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Runs of any events in any order, after their start."""
    return Run((draw(STARTED), *draw(st.lists(EVENTS, max_size=4))))


START = RunStarted(0.0, "single_call", "The ferry", "fake", 4, seed=7)
END = RunEnded(2.5, "done")
SMALL = Run((START, Answered(2.5, Run((START, END)).answer), END))

# ---- there and back ----


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
@given(st.data())
def test_every_event_survives_json(kind: type[Any], data: st.DataObject) -> None:
    event = data.draw(values(kind))
    line = to_json(event)
    assert from_json(line) == event
    assert "\n" not in line


@given(EVENTS)
def test_an_event_is_one_object_with_its_name_and_schema(event: Any) -> None:
    body = json.loads(to_json(event))
    assert body["event"] == type(event).__name__
    assert body["schema"] == SCHEMA
    assert list(body)[2:] == [f.name for f in dataclasses.fields(event)]


@given(EVENTS)
def test_an_event_that_came_back_can_be_hashed(event: Any) -> None:
    assert hash(from_json(to_json(event))) == hash(event)


@given(runs())
def test_a_run_survives_json_lines(record: Run) -> None:
    assert Run.from_jsonl(record.to_jsonl()) == record


@given(st.integers(0, 400))
def test_a_record_that_was_cut_is_a_shorter_one_or_an_error(end: int) -> None:
    text = SMALL.to_jsonl()
    end = min(end, len(text))
    try:
        found = Run.from_jsonl(text[:end])
    except RecordError:
        complete = text[:end].count("\n")
        assert end == 0 or text[:end] not in _whole_lines(text)
        assert complete < len(SMALL.events)
    else:
        assert found.events == SMALL.events[: len(found.events)]
        assert text[:end] in _whole_lines(text)


def _whole_lines(text: str) -> set[str]:
    lines = text.splitlines(keepends=True)
    whole = {"".join(lines[:n]) for n in range(1, len(lines) + 1)}
    return whole | {part.rstrip("\n") for part in whole}


def test_a_real_run_is_saved_and_loaded_event_by_event(small_task: Task, tmp_path: Path) -> None:
    record = run(small_task, "orchestrator_worker")
    path = record.save(tmp_path / "new" / "folder" / "run.jsonl")
    assert Run.load(path) == record
    assert Run.load(str(path)).events == record.events
    assert any(isinstance(e, CallStarted) for e in Run.load(path).events)


def test_saving_twice_gives_the_same_bytes(small_task: Task, tmp_path: Path) -> None:
    record = run(small_task, "peer_agents")
    first = record.save(tmp_path / "run.jsonl").read_bytes()
    assert Run.load(tmp_path / "run.jsonl").save(tmp_path / "run.jsonl").read_bytes() == first


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c", "\r", "\r\n", "\n"])
def test_a_line_end_of_any_kind_in_a_text_is_no_end_of_a_line(mark: str, tmp_path: Path) -> None:
    record = Run((RunStarted(0.0, "p", f"a{mark}b", "m", 1), END))
    assert Run.load(record.save(tmp_path / "run.jsonl")) == record


def test_text_in_any_script_is_kept_readable(tmp_path: Path) -> None:
    record = Run((RunStarted(0.0, "p", "Größe, договор, 契約 🚢", "m", 1), END))
    path = record.save(tmp_path / "run.jsonl")
    assert "契約 🚢" in path.read_text("utf-8")
    assert Run.load(path) == record


# ---- files that are no records ----


def refused(text: str | bytes, tmp_path: Path) -> str:
    """The one line that says why a file is refused."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RecordError) as caught:
        Run.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert len(message.splitlines()) == 1
    return message


def test_a_missing_record_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"gone\.jsonl: cannot be read"):
        Run.load(tmp_path / "gone.jsonl")
    with pytest.raises(RecordError, match="cannot be read"):
        Run.load(tmp_path)


def test_a_record_error_is_the_callers_mistake() -> None:
    assert issubclass(RecordError, UsageError)


def test_a_file_that_is_no_text_is_named_in_one_line(tmp_path: Path) -> None:
    assert "cannot be read" in refused(b"\xff\xfe\x00", tmp_path)


@pytest.mark.parametrize("text", ["", to_json(END) + "\n"])
def test_a_file_that_does_not_begin_with_a_start_is_no_record(text: str, tmp_path: Path) -> None:
    assert "does not begin with RunStarted" in refused(text, tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not JSON",
        "{",
        "[]",
        "{}",
        "5",
        "null",
        '"RunEnded"',
        '{"event": "RunEnded"}',
        '{"event": "Launched", "schema": 1, "t": 0.0}',
        '{"event": ["RunEnded"], "schema": 1}',
        '{"event": "RunEnded", "schema": 1}',
        '{"event": "RunEnded", "schema": 1, "t": 1.0, "status": "done", "extra": 1}',
        '{"event": "CallEnded", "schema": 1, "t": 1.0, "call": 1, "text": "", "usage": 5, '
        '"cost_usd": null, "finish": "stop"}',
        '{"event": "PlanMade", "schema": 1, "t": 1.0, "plan": {"subtasks": [{}]}}',
        '{"event": "CallEnded", "schema": 1, "t": 1.0, "call": 1, "text": "", "usage": null, '
        '"cost_usd": null, "finish": "stop"}',
        '{"event": "CallEnded", "schema": 1, "t": 1.0, "call": 1, "text": "", "usage": [], '
        '"cost_usd": null, "finish": "stop"}',
        '{"event": "RunEnded", "schema": 1, "t": "soon", "status": "done"}',
        '{"event": "RunEnded", "schema": 1, "t": true, "status": "done"}',
        '{"event": "RunEnded", "schema": 1, "t": 1.0, "status": "perhaps"}',
        '{"event": "SubtaskStarted", "schema": 1, "t": 1.0, "subtask": "s1", "agent": null, '
        '"worker": 1}',
        '{"event": "PlanMade", "schema": 1, "t": 1.0, "plan": []}',
        '{"event": "Answered", "schema": 1, "t": 1.0, "answer": {"statements": 5, "gaps": []}}',
        to_json(END)[:-9],
        to_json(END)[9:],
        "\x00" * 30,
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"event":' * 100_000, id="deeper"),
    ],
)
def test_a_foreign_or_damaged_line_is_named_by_its_number(line: str, tmp_path: Path) -> None:
    text = "\n".join([to_json(START), to_json(END), line, to_json(END)])
    assert "run.jsonl, line 3: not an event of this kit" in refused(text, tmp_path)


@pytest.mark.parametrize("event", ["RunEnded", "Hedged"])
def test_a_record_of_a_newer_kit_is_told_apart_from_a_damaged_one(
    event: str, tmp_path: Path
) -> None:
    newer = to_json(END).replace(f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 1}')
    newer = newer.replace('"RunEnded"', f'"{event}"')
    message = refused("\n".join([to_json(START), newer]), tmp_path)
    assert "line 2" in message
    assert f"another version of the kit (this one reads schema {SCHEMA})" in message


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["event", "schema", "t", "plan", "usage", "answer", "messages", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(_JSON)
def test_any_json_in_a_line_is_an_event_or_a_named_error(value: Any) -> None:
    line = json.dumps(value)
    with pytest.raises(RecordError, match=r"^r, line 2: "):
        Run.from_jsonl(f"{to_json(START)}\n{line}\n", origin="r")


@given(st.sampled_from(KINDS), st.data())
def test_any_value_in_a_field_gives_an_event_or_a_named_error(
    kind: type[Any], data: st.DataObject
) -> None:
    body = json.loads(to_json(data.draw(values(kind))))
    name = data.draw(st.sampled_from(sorted(set(body) - {"event", "schema"})))
    body[name] = data.draw(_JSON)
    line = json.dumps(body)
    message, found = "", None
    try:
        found = Run.from_jsonl(f"{to_json(START)}\n{line}\n", origin="r")
    except RecordError as e:
        message = str(e)
    assert message.startswith("r, line 2: ") or (found and isinstance(found.events[1], kind))


@given(st.text(min_size=1, max_size=60))
def test_any_text_is_no_record(text: str) -> None:
    with pytest.raises(RecordError, match=r"^r(, line \d+)?: "):
        Run.from_jsonl(text, origin="r")


# ---- readings ----


def test_a_record_that_just_stops_was_interrupted() -> None:
    cut = Run((START,))
    assert (cut.status, cut.ended) == ("interrupted", None)
    assert cut.answer.gaps == ("no answer",)
    assert (cut.pattern, cut.workers) == ("single_call", 4)


def test_a_run_without_an_answer_declares_why() -> None:
    failed = Run((START, RunEnded(1.0, "failed", "budget", "spent")))
    assert failed.status == "failed"
    assert failed.answer.gaps == ("no answer: budget",)
    cut = Run((START, RunEnded(1.0, "interrupted")))
    assert cut.answer.gaps == ("no answer: interrupted",)


# ---- writing all or nothing ----


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond so many bytes."""
    import resource  # there is none on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text("utf-8") for p in folder.iterdir()}


def test_an_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomic(path, "a long first text, größer")
    assert write_atomic(str(path), "second") == path
    assert contents(tmp_path) == {"file.txt": "second"}


def test_a_letter_that_utf_8_cannot_hold_is_written_as_a_question_mark(tmp_path: Path) -> None:
    write_atomic(tmp_path / "file.txt", "größer \ud800 than")
    assert contents(tmp_path) == {"file.txt": "größer ? than"}


@pytest.mark.parametrize("path", ["", ".", "/", "..", "x" * 300])
def test_a_path_that_no_file_can_have_is_refused_in_one_line(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecordError, match=r": cannot be written \(") as caught:
        write_atomic(path, "x")
    assert len(str(caught.value).splitlines()) == 1
    assert contents(tmp_path) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert write_atomic(path, "größer") == path
        assert os.read(reader, 99).decode() == "größer"
    finally:
        os.close(reader)
    assert path.is_fifo()
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_a_path_below_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(RecordError) as caught:
        SMALL.save(tmp_path / "file" / "run.jsonl")
    assert str(caught.value).startswith(f"{tmp_path / 'file' / 'run.jsonl'}: cannot be written (")
    assert len(str(caught.value).splitlines()) == 1
    assert contents(tmp_path) == {"file": "kept"}


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").mkdir()
    with pytest.raises(RecordError, match=r"run\.jsonl: cannot be written \("):
        SMALL.save(tmp_path / "run.jsonl")
    assert [p.name for p in tmp_path.iterdir()] == ["run.jsonl"]
    assert (tmp_path / "run.jsonl").is_dir()


@pytest.mark.parametrize("before", [None, "the old text"])
def test_a_disk_that_refuses_to_rename_leaves_all_as_it_was(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if before is not None:
        (tmp_path / "run.jsonl").write_text(before)
    for owner, name in ((os, "replace"), (os, "rename"), (Path, "replace"), (Path, "rename")):
        monkeypatch.setattr(owner, name, refuse)
    with pytest.raises(RecordError, match=r"run\.jsonl: cannot be written \(No space left"):
        SMALL.save(tmp_path / "run.jsonl")
    assert contents(tmp_path) == ({} if before is None else {"run.jsonl": before})


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is set as Unix does it")
@pytest.mark.parametrize("before", [None, "the old text"])
def test_a_disk_that_is_full_in_the_middle_leaves_no_half_file(
    before: str | None, tmp_path: Path
) -> None:
    if before is not None:
        (tmp_path / "run.jsonl").write_text(before)
    with small_disk(40), pytest.raises(RecordError, match=r"run\.jsonl: cannot be written \("):
        write_atomic(tmp_path / "run.jsonl", "x" * 200_000)
    assert contents(tmp_path) == ({} if before is None else {"run.jsonl": before})


# ---- asked beforehand ----


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file/run.jsonl", "file is no folder"),
        ("file/new/folder/run.jsonl", "file is no folder"),
        ("folder", "it is a folder"),
        ("folder/..", "it is a folder"),
        ("", "it is a folder"),
        (".", "it is a folder"),
        ("/", "it is a folder"),
        ("x" * 300, "File name too long"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_where_no_file_can_be_written_is_told_beforehand_in_one_line(
    path: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    Path("folder").mkdir()
    with pytest.raises(RecordError) as caught:
        check_writable(path)
    assert str(caught.value) == f"{Path(path)}: cannot be written ({reason})"
    with pytest.raises(RecordError):
        write_atomic(path, "x")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]
    assert Path("file").read_text() == "kept"


@pytest.mark.parametrize("path", ["run.jsonl", "new/folder/run.jsonl", "folder/run.jsonl", "file"])
@pytest.mark.parametrize("whole", [True, False])
def test_where_a_file_can_be_written_nothing_is_created_by_asking(
    path: str, whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    Path("folder").mkdir()
    check_writable(tmp_path / path if whole else path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]
    assert Path("file").read_text() == "kept"
    write_atomic(path, "x")
    assert Path(path).read_text() == "x"


def test_a_folder_without_the_right_to_write_is_told_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def refuse(path: Path, mode: int) -> bool:
        asked.append(path)
        return False

    monkeypatch.setattr(os, "access", refuse)  # the tests may run as root, who may write all
    with pytest.raises(RecordError, match=r"run\.jsonl: cannot be written \(permission denied\)"):
        check_writable(tmp_path / "new" / "run.jsonl")
    assert asked == [tmp_path]
