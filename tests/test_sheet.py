"""The table of a sweep as CSV, as Parquet and as a frame: the same values of the same kinds."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from orchestrator_kit.errors import RecordError, UsageError
from orchestrator_kit.grid import Kind
from orchestrator_kit.sheet import COLUMNS, Row, Sheet
from orchestrator_kit.sweep import sweep
from orchestrator_kit.tasks import Document, Task

VALUES: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**53), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
}


def cells(kind: Kind) -> st.SearchStrategy[Any]:
    values = VALUES[kind.type]
    if not kind.optional:
        return values
    return st.none() | (values.filter(bool) if kind.type is str else values)


def rows() -> st.SearchStrategy[list[Row]]:
    return st.lists(st.fixed_dictionaries({n: cells(k) for n, k in COLUMNS.items()}), max_size=4)


def kinds_in(found: list[Row]) -> list[list[type]]:
    return [[type(row[name]) for name in COLUMNS] for row in found]


@settings(max_examples=30)
@given(rows())
def test_rows_survive_csv_and_parquet_and_both_give_the_same_frame(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("sheet")
    sheet = Sheet(given_rows)
    by_csv = Sheet.load(sheet.save(folder / "s.csv"))
    by_parquet = Sheet.load(sheet.save(folder / "s.parquet"))
    assert by_csv == by_parquet == given_rows
    for found in (by_csv, by_parquet):
        assert kinds_in(found) == kinds_in(given_rows)
    assert_frame_equal(by_csv.frame(), by_parquet.frame())
    assert_frame_equal(pandas.read_parquet(folder / "s.parquet"), sheet.frame())


def test_columns_have_the_kinds_they_say_and_what_is_missing_is_null() -> None:
    task = Task("What is owed?", (Document("lease.md", "# Rent\n\nThe tenant owes 900 crowns."),))
    sheet = sweep(task, {"pattern": ["single_call"], "window": [None, 4_000], "seed": range(2)})
    for row in sheet:
        for name, kind in COLUMNS.items():
            value = row[name]
            assert type(value) is kind.type or (value is None and kind.optional), name
    frame = sheet.frame()
    kinds = {name: str(frame[name].dtype) for name in frame}
    assert kinds["workers"] == kinds["calls"] == "int64"
    assert kinds["window"] == kinds["budget_tokens"] == "Int64"
    assert kinds["fault_rate"] == kinds["recall"] == kinds["latency_s"] == "float64"
    assert kinds["pattern"] == kinds["decides"] == "str"
    assert frame["recall"].isna().all(), "a task without gold facts has no recall"
    assert frame["window"].isna().tolist() == [True, True, False, False]
    stored = pyarrow.parquet.read_table(BytesIO(sheet.to_parquet()))
    assert stored.column_names == list(COLUMNS)
    assert stored.schema.field("window").type == pyarrow.int64()
    assert stored.schema.field("recall").type == pyarrow.float64()
    assert pyarrow.types.is_large_string(stored.schema.field("status").type)
    nulls = {name: stored[name].null_count for name in COLUMNS}
    assert (nulls["recall"], nulls["window"], nulls["decides"], nulls["calls"]) == (4, 2, 4, 0)
    assert stored["faults"].to_pylist() == [""] * 4, "no faults are a value to group by"


def test_the_same_rows_give_the_same_bytes() -> None:
    row = {n: None if k.optional else k.type(1) for n, k in COLUMNS.items()}
    assert Sheet([row]).to_parquet() == Sheet([dict(row)]).to_parquet()
    assert repr(Sheet([row] * 1_000)) == "Sheet(1,000 trials)"


@pytest.mark.parametrize("name", ["s.xlsx", "s", "s.csv.gz"])
def test_a_table_of_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"ends in \.csv or \.parquet"):
        Sheet().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_table_of_a_sweep_is_said(tmp_path: Path) -> None:
    head = ",".join(COLUMNS)
    pandas.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    texts = {
        "other.csv": "a,b\n1,2\n",
        "empty.csv": "",
        "short.csv": f"{head}\npipeline,1\n",
        "words.csv": f"{head}\n" + ",".join(["many"] * len(COLUMNS)) + "\n",
        "text.parquet": "hello",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe")
    for name in [*texts, "bytes.csv", "other.parquet", "none.csv", "none.parquet"]:
        with pytest.raises(RecordError, match=f"{name}: is no table of a sweep"):
            Sheet.load(tmp_path / name)


@pytest.mark.parametrize("missing", ["pandas", "pyarrow"])
def test_without_the_extra_a_parquet_file_is_refused_in_one_line_before_anything_runs(
    tmp_path: Path, missing: str
) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from orchestrator_kit import sweep\n"
        "from orchestrator_kit.cli import main\n"
        "def spend(*_, **__): raise AssertionError\n"
        "sweep.sweep = spend\n"
        "main(['sweep', 'legal', '--out', 't.parquet'])\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"okit: {missing} is not installed, which frames and Parquet need; install it with: "
        "pip install 'orchestrator-kit[tables]'\n"
    )
    assert not list(tmp_path.iterdir())
