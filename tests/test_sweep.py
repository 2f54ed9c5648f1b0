"""Sweeps: a grid of trials in any executor, resumed where they were cut off, as one table."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import sweep as module
from orchestrator_kit.cli import main
from orchestrator_kit.errors import RecordError, UnknownName, UsageError
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.scoring import score
from orchestrator_kit.sweep import Point, grid, sweep, to_csv, trial
from orchestrator_kit.tasks import Task

AXES: dict[str, Iterable[Any]] = {
    "pattern": ["single_call", "orchestrator_worker"],
    "workers": [1, 3],
    "faults": ["", "crash:role=worker,p=0.3"],
    "seed": range(4),
}


@pytest.fixture(scope="module")
def whole(small_task: Task) -> list[module.Row]:
    with ThreadPoolExecutor(1) as executor:
        return sweep(small_task, AXES, executor=executor)


def test_a_grid_is_all_combinations_the_last_axis_fastest() -> None:
    points = grid({"pattern": ["pipeline", "voting"], "seed": range(3)})
    expected = [Point(p, seed=s) for p, s in product(["pipeline", "voting"], range(3))]
    assert points == expected


@pytest.mark.parametrize(
    ("axes", "kind", "message"),
    [
        ({"zebra": [1]}, UsageError, "no axis 'zebra'; there are: pattern, workers"),
        ({"pattern": ["swarm"]}, UnknownName, "no pattern called 'swarm'"),
        ({"recovery": ["hope"]}, UnknownName, "no recovery policy"),
        ({"faults": ["flood"]}, UnknownName, "no fault called 'flood'"),
        ({"profile": ["huge"]}, UsageError, "no profile 'huge'"),
        ({"pattern": ["pipeline"], "decides": ["none"]}, UsageError, "orchestrator_worker alone"),
    ],
)
def test_an_axis_that_cannot_be_is_said_before_anything_runs(
    axes: dict[str, list[Any]], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        grid(axes)


def test_a_row_is_what_the_run_of_its_point_measures(small_task: Task) -> None:
    point = Point("master_slave", 2, 5, "large", decides=None)
    row = trial(small_task, point)
    record = run(small_task, "master_slave", SimulatedModel(5, "large"), workers=2)
    m = measure(record)
    assert (row["calls"], row["latency_s"], row["cost_usd"]) == (m.calls, m.latency_s, m.cost_usd)
    assert row["recall"] == score(small_task, record.answer).recall
    assert {name: row[name] for name in module.AXES} == {
        name: getattr(point, name) for name in module.AXES
    }


def test_window_budget_and_discretion_are_axes(small_task: Task) -> None:
    rows = sweep(
        small_task,
        {"decides": [None, "none", "split,stop"], "budget_tokens": [None, 900], "window": [4_000]},
    )
    by = {(r["decides"], r["budget_tokens"]): r for r in rows}
    assert by[None, None]["calls"] > by["none", None]["calls"]
    for (_, budget), row in by.items():
        if budget:
            assert row["input_tokens"] + row["output_tokens"] <= budget


def test_the_table_is_the_same_in_any_executor(
    small_task: Task, whole: list[module.Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [tuple(r[name] for name in AXES) for r in whole] == list(product(*AXES.values()))
    assert sweep(small_task, AXES) == whole  # a pool of processes
    monkeypatch.setattr(module, "CHUNK", 3)
    with ProcessPoolExecutor(2) as executor:
        assert sweep(small_task, AXES, executor=executor) == whole
        assert executor.submit(int).result() == 0, "who owns an executor shuts it down"


def test_progress_counts_up_to_the_end(small_task: Task) -> None:
    heard: list[tuple[int, int]] = []
    sweep(small_task, AXES, progress=lambda done, of: heard.append((done, of)))
    assert heard[0] == (0, 32)
    assert heard[-1] == (32, 32)
    assert heard == sorted(heard)


@given(st.data())
def test_a_journal_that_was_cut_anywhere_is_gone_on_with(
    small_task: Task,
    whole: list[module.Row],
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    journal = tmp_path_factory.mktemp("sweep") / "s.jsonl"
    with ThreadPoolExecutor(1) as executor:
        assert sweep(small_task, AXES, journal=journal, executor=executor) == whole
        text = journal.read_bytes()
        journal.write_bytes(text[: data.draw(st.integers(0, len(text)))])
        assert sweep(small_task, AXES, journal=journal, executor=executor) == whole
    assert sorted(journal.read_bytes().splitlines()) == sorted(text.splitlines())


def test_what_a_journal_has_is_not_made_again(
    small_task: Task, whole: list[module.Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "s.jsonl"
    monkeypatch.setattr(module, "CHUNK", 5)
    made: list[Point] = []

    def counted(task: Task, point: Point) -> module.Row:
        made.append(point)
        if len(made) == 17:
            raise KeyboardInterrupt
        return trial(task, point)

    monkeypatch.setattr(module, "trial", counted)
    with ThreadPoolExecutor(1) as executor, pytest.raises(KeyboardInterrupt):
        sweep(small_task, AXES, journal=journal, executor=executor)
    kept = len(journal.read_text("utf-8").splitlines()) - 1
    assert kept >= 10
    made.clear()
    made.extend([Point()] * 17)  # nobody interrupts any more
    with ThreadPoolExecutor(1) as executor:
        assert sweep(small_task, AXES, journal=journal, executor=executor) == whole
    assert len(made) - 17 == 32 - kept


def test_a_journal_of_another_task_or_of_none_is_refused_and_left(
    small_task: Task, tmp_path: Path
) -> None:
    journal = tmp_path / "s.jsonl"
    sweep(small_task, {"pattern": ["single_call"]}, journal=journal)
    before = journal.read_bytes()
    other = Task("Another one?", small_task.documents)
    with pytest.raises(RecordError, match="is the journal of another sweep"):
        sweep(other, {"pattern": ["single_call"]}, journal=journal)
    assert journal.read_bytes() == before
    for text in ("hello\n", before.decode() + "{}\n", before.decode() + "[1]\n"):
        journal.write_text(text, "utf-8")
        with pytest.raises(RecordError, match=r"s\.jsonl"):
            sweep(small_task, {"pattern": ["single_call"]}, journal=journal)
        assert journal.read_text("utf-8") == text
    with pytest.raises(RecordError, match="cannot be read"):
        sweep(small_task, {"pattern": ["single_call"]}, journal=tmp_path)


def test_a_table_survives_as_csv(whole: list[module.Row]) -> None:
    read = list(csv.DictReader(io.StringIO(to_csv(whole))))
    assert len(read) == len(whole)
    for line, row in zip(read, whole, strict=True):
        assert line == {k: "" if v is None else str(v) for k, v in row.items()}
    with pytest.raises(UsageError, match="no rows"):
        to_csv([])


def test_a_sweep_whose_process_is_killed_goes_on_to_the_same_table(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["sweep", str(small_folder), "--axis", "pattern=single_call,pipeline,peer_agents"]
    words += ["workers=1,2,3", "--seeds", "40", "--csv"]

    def okit(*more: str) -> None:
        with pytest.raises(SystemExit) as ended:
            main([*words, *more])
        assert ended.value.code == 0

    okit(str(tmp_path / "whole.csv"))
    call = "import sys; from orchestrator_kit.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", call, *words, str(tmp_path / "cut.csv")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        journal = tmp_path / "cut.jsonl"
        _until(lambda: journal.exists() and journal.stat().st_size > 10_000)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (tmp_path / "cut.csv").exists()
    kept = journal.read_bytes().count(b"\n")
    assert 1 < kept < 361
    okit(str(tmp_path / "cut.csv"))
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def _until(there: Callable[[], bool]) -> None:
    import time

    end = time.monotonic() + 30.0
    while not there():
        assert time.monotonic() < end
        time.sleep(0.001)
