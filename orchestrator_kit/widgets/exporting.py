"""A run's picture and record as files, beside those that are there already."""

from __future__ import annotations

from pathlib import Path

from orchestrator_kit import tables
from orchestrator_kit.errors import UsageError
from orchestrator_kit.record import Run, write_atomic

MOST = 10_000  # files of one name in a folder


def export(folder: str | Path, run: Run, picture: str) -> tuple[Path, Path]:
    """Write a picture as .svg and a record as .jsonl; where they are then.

    No file that says something else is overwritten: the names get a number. RecordError where
    nothing can be written, UsageError where a folder is full of such files.
    """
    name = f"{run.pattern}-{tables.workers(run.workers).replace(' ', '-')}"
    record = run.to_jsonl()
    for n in range(1, MOST):
        stem = Path(folder) / (name if n == 1 else f"{name}-{n}")
        drawn, written = stem.with_suffix(".svg"), stem.with_suffix(".jsonl")
        if _free(drawn, picture) and _free(written, record):
            return write_atomic(drawn, picture), write_atomic(written, record)
    raise UsageError(f"{folder}: has too many files called {name}; name another folder")


def _free(path: Path, content: str) -> bool:
    """Whether a file is not there, or says just this."""
    try:
        return path.read_bytes() == content.encode("utf-8", "replace")
    except (OSError, ValueError):  # not there; or write_atomic will say why it cannot be
        return not path.is_file()
