"""Sweeps: a grid of trials in any executor, resumed where they were cut off, as one table."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import sweep as module
from orchestrator_kit.cli import main
from orchestrator_kit.errors import RecordError, UnknownName, UsageError
from orchestrator_kit.experiments import run
from orchestrator_kit.grid import AXES as ALL
from orchestrator_kit.grid import Point, grid
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.faults import Fault
from orchestrator_kit.models.simulated import PROFILES, SimulatedModel
from orchestrator_kit.scoring import score
from orchestrator_kit.sheet import Row, Sheet
from orchestrator_kit.sweep import sweep, trial
from orchestrator_kit.tasks import Task

AXES: dict[str, Iterable[Any]] = {
    "pattern": ["single_call", "orchestrator_worker"],
    "workers": [1, 3],
    "faults": ["", "crash:role=worker,p=0.3"],
    "seed": range(4),
}


@pytest.fixture(scope="module")
def whole(small_task: Task) -> list[Row]:
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
        ({"profile": ["huge"]}, UnknownName, "no profile called 'huge'"),
        ({"pattern": ["pipeline"], "decides": ["none"]}, UsageError, "orchestrator_worker alone"),
        ({"decides": ["split,stopp"]}, UnknownName, "no decision called 'stopp'"),
        ({"decides": [""]}, UnknownName, "no decision called ''"),
        ({"fault_rate": [0.1], "fault_kind": ["flood"]}, UnknownName, "no fault called 'flood'"),
        ({"fault_kind": ["crash"]}, UsageError, "says nothing without fault_rate"),
        ({"fault_rate": [1.5]}, UsageError, "fault_rate is 1.5; it is at most 1"),
        ({"fault_rate": [float("nan")]}, UsageError, "fault_rate is nan; it is 0 or more"),
        ({"workers": [0]}, UsageError, "workers is 0; it is 1 or more"),
        ({"workers": [20_000]}, UsageError, "workers is 20000; it is at most 10,000"),
        ({"workers": [None]}, UsageError, "workers: None is no whole number"),
        ({"workers": [True]}, UsageError, "workers: True is no whole number"),
        ({"workers": 3}, UsageError, "workers is 3; it takes a list of values"),
        ({"pattern": "pipeline"}, UsageError, "pattern is 'pipeline'; it takes a list"),
        ({"pattern": [7]}, UsageError, "pattern: 7 is no text"),
        ({"fault_rate": ["much"]}, UsageError, "fault_rate: 'much' is no number"),
        ({"window": [0]}, UsageError, "window is 0; it is 1 or more"),
        ({"budget_tokens": [-5]}, UsageError, "budget_tokens is -5; it is 1 or more"),
        ({"seed": []}, UsageError, "seed has no values"),
    ],
)
def test_an_axis_that_cannot_be_is_said_before_anything_runs(
    axes: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        grid(axes)


def test_numbers_of_numpy_are_values_as_others_are() -> None:
    found = grid(
        {"seed": np.arange(2), "fault_rate": np.linspace(0, 1, 2), "workers": [np.int8(3)]}
    )
    assert found == grid({"seed": [0, 1], "fault_rate": [0, 1], "workers": [3]})
    assert json.loads(json.dumps([asdict(p) for p in found]))


def test_a_fault_rate_is_a_plan_that_strikes_any_call(small_task: Task) -> None:
    (found,) = grid({"fault_rate": [0.4], "fault_kind": ["timeout"], "faults": ["hang:nth=2"]})
    assert found.plan == [Fault("hang", nth=(2,)), Fault("timeout", p=0.4)]
    axis = {"fault_rate", "fault_kind", "faults"}
    struck = 0
    for seed in range(4):
        simple = trial(small_task, Point(seed=seed, fault_rate=0.4))
        told = trial(small_task, Point(seed=seed, faults="crash:p=0.4"))
        assert {n: simple[n] for n in simple if n not in axis} == {
            n: told[n] for n in told if n not in axis
        }
        struck += simple["failures"]
    assert struck > 4


def test_the_lines_of_a_plan_may_hold_names_with_spaces() -> None:
    plan = Point(faults="crash:agent=risk analyst,p=0.5 empty kill:subtask=s 1 ").plan
    assert plan == [
        Fault("crash", agent="risk analyst", p=0.5),
        Fault("empty"),
        Fault("kill", subtask="s 1"),
    ]
    assert Point(faults="  ").plan == []


@pytest.mark.parametrize("window", [None, 4_000])
def test_trials_that_share_a_model_are_what_each_is_by_itself(
    small_task: Task, window: int | None
) -> None:
    axes: dict[str, Iterable[Any]] = AXES | {"window": [window], "profile": ["large"]}
    with ThreadPoolExecutor(1) as executor:
        together = sweep(small_task, axes, executor=executor)
    for point, row in zip(grid(axes), together, strict=True):
        module._model.cache_clear()
        assert trial(small_task, point) == row


def test_a_row_is_what_the_run_of_its_point_measures(small_task: Task) -> None:
    point = Point("master_slave", 2, 5, "large", decides=None)
    row = trial(small_task, point)
    record = run(small_task, "master_slave", SimulatedModel(5, "large"), workers=2)
    m = measure(record)
    assert (row["calls"], row["latency_s"], row["cost_usd"]) == (m.calls, m.latency_s, m.cost_usd)
    assert row["recall"] == score(small_task, record.answer).recall
    assert {name: row[name] for name in ALL} == {name: getattr(point, name) for name in ALL}


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


def test_a_row_of_another_window_is_what_a_model_with_that_window_gives(small_task: Task) -> None:
    narrow = replace(PROFILES["small"], window=480)
    record = run(small_task, "single_call", SimulatedModel(1, narrow))
    found = {w: trial(small_task, Point("single_call", seed=1, window=w)) for w in (None, 480)}
    assert found[480]["input_tokens"] == measure(record).input_tokens
    assert found[480]["status"] == record.status
    assert found[480]["input_tokens"] != found[None]["input_tokens"]


def test_the_table_is_the_same_in_any_executor(
    small_task: Task, whole: list[Row], monkeypatch: pytest.MonkeyPatch
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
    whole: list[Row],
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
    small_task: Task, whole: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "s.jsonl"
    monkeypatch.setattr(module, "CHUNK", 5)
    made: list[Point] = []

    def counted(task: Task, point: Point) -> Row:
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


def test_a_table_survives_as_csv(whole: list[Row]) -> None:
    read = list(csv.DictReader(io.StringIO(Sheet(whole).to_csv())))
    assert len(read) == len(whole)
    for line, row in zip(read, whole, strict=True):
        assert line == {k: "" if v is None else str(v) for k, v in row.items()}


def okit(*words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_sweep_whose_processes_are_cut_off_goes_on_to_the_same_table(
    small_folder: Path, tmp_path: Path, how: signal.Signals
) -> None:
    words = ["sweep", str(small_folder), "--axis", "pattern=single_call,pipeline,peer_agents"]
    words += ["workers=1,2,3", "fault_rate=0,0.2", "--seeds", "20", "--out"]
    okit(*words, str(tmp_path / "whole.csv"))
    call = "import sys; from orchestrator_kit.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", call, *words, str(tmp_path / "cut.csv")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        journal = tmp_path / "cut.jsonl"
        _until(lambda: journal.exists() and journal.stat().st_size > 4_000)
        os.killpg(process.pid, how)
        said, _ = process.communicate()
    if how == signal.SIGINT:
        assert said == "okit: interrupted; the same command goes on where it was\n"
        assert process.returncode == 130
    assert not (tmp_path / "cut.csv").exists()
    kept = journal.read_bytes().count(b"\n")
    assert 1 < kept < 361
    okit(*words, str(tmp_path / "cut.csv"))
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_table_is_written_in_every_form_that_is_named_and_no_trial_made_again(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["sweep", str(small_folder), "--axis", "workers=default,2", "window=default,9000"]
    words += ["--axis", "decides=default", "--axis", "decides=split,stop", "faults=default"]
    words += ["--out", str(tmp_path / "t.csv")]
    okit(*words)
    monkeypatch.setattr(module, "trial", None)  # there is none left to be made
    okit(*words, "--out", str(tmp_path / "t.parquet"))
    by_csv, by_parquet = Sheet.load(tmp_path / "t.csv"), Sheet.load(tmp_path / "t.parquet")
    assert by_csv == by_parquet
    told = [(r["workers"], r["window"], r["decides"]) for r in by_csv]
    assert told == list(product([4, 2], [None, 9_000], [None, "split,stop"]))


def test_the_seeds_may_be_an_axis(small_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    okit("sweep", str(small_folder), "--axis", "seed=7,9", "workers=1,2", "--out", str(out))
    assert [(r["seed"], r["workers"]) for r in Sheet.load(out)] == [(7, 1), (7, 2), (9, 1), (9, 2)]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--axis worker=1", "there is no axis 'worker'; there are: pattern, workers"),
        ("--axis workers", "'workers' is no axis such as workers=1,2,4"),
        ("--axis workers=two", "'workers=two': workers takes whole numbers"),
        ("--axis fault_rate=0.1,x", "'fault_rate=0.1,x': fault_rate takes numbers"),
        ("--axis pattern=pipelin", "no pattern called 'pipelin'; there are: master_slave"),
        ("--axis seed=1 --seeds 3", "--seeds and the axis seed both say which seeds"),
        ("--seeds 0", "--seeds is 0; at least 1 is needed"),
        ("--out t.xlsx", "t.xlsx: a table's file ends in .csv or .parquet"),
        ("--out t.csv --out t", "t: a table's file ends in .csv or .parquet"),
    ],
)
def test_a_mistaken_sweep_is_one_clear_line_and_writes_nothing(
    small_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    complaint: str,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(small_folder), *words.split()])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"okit: {complaint}")
    assert said.err.count("\n") == 1
    assert not list(Path().iterdir())


def _until(there: Callable[[], bool]) -> None:
    import time

    end = time.monotonic() + 30.0
    while not there():
        assert time.monotonic() < end
        time.sleep(0.001)
