"""The table of a sweep, a row a trial: as CSV, as Parquet, as a pandas frame. Runs nothing.

Every column is of one kind: whole numbers, numbers or words. What does not exist is None in a row,
nothing between two commas in CSV, null in Parquet, and missing in a frame. CSV needs nothing but
Python; the others need the extra `tables`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_kit.errors import MissingExtra, RecordError, UsageError
from orchestrator_kit.grid import Kind, Point, kinds_of
from orchestrator_kit.record import write_atomic

if TYPE_CHECKING:
    from pandas import DataFrame

Row = dict[str, Any]
ENDINGS = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial, by the names of the contract for scripts; `gaps` counts them.

    None where there is nothing to measure by, or no price.
    """

    status: str
    recall: float | None
    groundedness: float | None
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    latency_s: float
    critical_path_s: float
    work_s: float
    failures: int
    gaps: int


COLUMNS: dict[str, Kind] = kinds_of(Point) | kinds_of(Outcome)
# How pandas calls a kind; its `int64` has no place for what is missing.
_DTYPES = {
    Kind(int): "int64",
    Kind(int, optional=True): "Int64",
    Kind(float): "float64",
    Kind(float, optional=True): "float64",
    Kind(str): "str",
    Kind(str, optional=True): "str",
}


class Sheet(list[Row]):
    """Rows of a sweep, in the order of its grid."""

    def __repr__(self) -> str:
        return f"Sheet({len(self):,} trials)"

    def frame(self) -> DataFrame:
        """The rows as a pandas frame. MissingExtra without pandas."""
        pandas = _extra("pandas")
        return pandas.DataFrame(
            {
                name: pandas.Series([row[name] for row in self], dtype=_DTYPES[kind])
                for name, kind in COLUMNS.items()
            }
        )

    def to_csv(self) -> str:
        """The rows as CSV text with a head."""
        text = io.StringIO()
        writer = csv.DictWriter(_Lines(text), list(COLUMNS))
        writer.writeheader()
        writer.writerows(self)
        return text.getvalue()

    def to_parquet(self) -> bytes:
        """The rows as a Parquet file. MissingExtra without pandas or pyarrow."""
        _extra("pyarrow")
        buffer = io.BytesIO()
        self.frame().to_parquet(buffer, engine="pyarrow", index=False)
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the rows as .csv or .parquet, all or nothing.

        UsageError for another ending, MissingExtra, or RecordError where it cannot be written.
        """
        path = check_form(path)
        return write_atomic(path, self.to_csv() if path.suffix == ".csv" else self.to_parquet())

    @classmethod
    def load(cls, path: str | Path) -> Sheet:
        """The rows that `save` wrote; RecordError where a file is missing or holds others."""
        path = check_form(path)
        try:
            data = path.read_bytes()
            rows = _from_csv(data) if path.suffix == ".csv" else _from_parquet(data)
            return cls({n: kind.read(row[n]) for n, kind in COLUMNS.items()} for row in rows)
        except (OSError, ValueError, KeyError) as e:
            raise RecordError(f"{path}: is no table of a sweep ({e})") from None


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines that end as they do on every system but one.

    The writer itself is left with its own ends, or it would not quote a carriage return.
    """

    text: io.StringIO

    def write(self, line: str) -> int:
        """Take one line."""
        return self.text.write(line.removesuffix("\r\n") + "\n")


def check_form(path: str | Path) -> Path:
    """The path, if a table can be written as its ending says: asked before anything is spent.

    UsageError for another ending, MissingExtra for a Parquet file without the extra.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise UsageError(f"{path}: a table's file ends in .csv or .parquet")
    if path.suffix == ".parquet":
        _extra("pyarrow"), _extra("pandas")
    return path


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise MissingExtra(
            f"{name} is not installed, which frames and Parquet need; install it with: "
            "pip install 'orchestrator-kit[tables]'"
        ) from None


def _from_csv(data: bytes) -> Iterable[Row]:
    lines = csv.reader(io.StringIO(data.decode("utf-8"), newline=""))
    head = next(lines, [])
    if head != list(COLUMNS):
        raise ValueError("its columns are others")
    for cells in lines:
        if len(cells) != len(head):
            raise ValueError(f"line {lines.line_num} has {len(cells)} cells")
        yield {
            name: None if kind.optional and not cell else kind.type(cell)
            for (name, kind), cell in zip(COLUMNS.items(), cells, strict=True)
        }


def _from_parquet(data: bytes) -> Iterable[Row]:
    _extra("pyarrow")
    rows: list[Row] = import_module("pyarrow.parquet").read_table(io.BytesIO(data)).to_pylist()
    return rows
