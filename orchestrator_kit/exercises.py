"""Notebooks in the making: run clean for their stored outputs, and the learner's copies cut out.

An exercise has one source, its solution, written and executed. What stands between
`### BEGIN SOLUTION` and `### END SOLUTION` is taken out by nbgrader's own preprocessors, so that a
course which grades with nbgrader can take the same files: cells with a solution, and cells that
begin with `check("name", ...)`, get nbgrader's marks. Imports nothing heavy before it works.
"""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from orchestrator_kit import catalogue, checks, diary
from orchestrator_kit.errors import MissingExtra, TaskError, UsageError
from orchestrator_kit.record import write_atomic

Notebook = dict[str, Any]

STUB = "# your code here"
TEXT_STUB = "*Your answer here.*"
CELL_SECONDS = 60
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"},
}
_CHECK = re.compile(r'check\("([\w-]+)"')
_WIDGET = "application/vnd.jupyter.widget-view+json"


def build(solutions: Path, exercises: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the learner's copy of every solution; returns the files written.

    A copy that somebody has worked on is left alone: UsageError names it, unless `overwrite`.
    """
    made = {exercises / source.name: _learners(source) for source in _notebooks(solutions)}
    if not overwrite:
        for path in made:
            if path.exists() and worked_on(read(path)):
                raise UsageError(f"{path}: somebody has worked on it; move it away, or overwrite")
    return [write_atomic(path, _text(notebook)) for path, notebook in made.items()]


def check_in_step(solutions: Path, exercises: Path) -> list[str]:
    """What differs between the exercises and those that the solutions would give; a line each."""
    found = []
    expected = {source.name: _learners(source) for source in _notebooks(solutions)}
    for name, notebook in expected.items():
        path = exercises / name
        if not path.exists():
            found.append(f"{path}: is missing")
        elif path.read_text("utf-8") != _text(notebook):
            found.append(f"{path}: is not what {solutions / name} gives")
    for path in _notebooks(exercises):
        if path.name not in expected:
            found.append(f"{path}: has no solution in {solutions}")
    return found


def execute(path: Path, *, seconds: float = CELL_SECONDS) -> Path:
    """Run a notebook from a fresh kernel and store its outputs, or raise at the first error.

    No cell may take longer than `seconds`. Nothing that differs from run to run is stored: no
    times, no versions, no ids of live widgets (their text stays).
    """
    try:
        import nbformat
        from nbclient import NotebookClient
    except ModuleNotFoundError as e:
        raise MissingExtra(
            "running notebooks needs JupyterLab; install it with: "
            "pip install 'orchestrator-kit[notebook]'"
        ) from e
    notebook = nbformat.from_dict(_joined(read(path)))  # type: ignore[no-untyped-call]
    NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute(env=os.environ | {diary.VARIABLE: "off", catalogue.VARIABLE: "en"})
    return write_atomic(path, _text(marked(_settled(notebook))))


def marked(notebook: Notebook) -> Notebook:
    """The notebook with nbgrader's marks on the cells that hold solutions and checks.

    A check brings the points of its exercise; words that a person must read bring none.
    TaskError for a check of an exercise that there is none of.
    """
    known = checks.exercises()
    copied: Notebook = json.loads(json.dumps(notebook))
    for cell in copied["cells"]:
        text = source(cell)
        solution, checked = "### BEGIN SOLUTION" in text, _CHECK.match(text)
        cell["metadata"].pop("nbgrader", None)
        if checked and checked[1] not in known:
            raise TaskError(f"cell {cell['id']}: there is no exercise {checked[1]!r}")
        if solution or checked:
            graded = bool(checked) or cell["cell_type"] == "markdown"
            marks = {"grade_id": cell["id"], "grade": graded, "locked": bool(checked)}
            marks |= {"solution": solution, "task": False, "schema_version": 3}
            if graded:
                marks["points"] = known[checked[1]].level if checked else 0
            cell["metadata"]["nbgrader"] = marks
    return copied


def read(path: Path) -> Notebook:
    """A notebook as plain data; TaskError where it is none."""
    try:
        notebook: Notebook = json.loads(path.read_text("utf-8"))
        notebook["cells"][0]["cell_type"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as e:
        raise TaskError(f"{path}: cannot be read as a notebook ({e})") from None
    return notebook


def source(cell: dict[str, Any]) -> str:
    """The text of a cell, which the format keeps as one string or as lines."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def _notebooks(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*.ipynb") if not p.name.startswith("."))


def _learners(path: Path) -> Notebook:
    """The learner's copy of a solution: no solutions, no outputs, and a seal on its text."""
    try:
        import nbformat
        from nbgrader.preprocessors import (  # type: ignore[import-untyped]
            ClearHiddenTests,
            ClearOutput,
            ClearSolutions,
        )
        from traitlets.config import Config
    except ModuleNotFoundError as e:
        raise MissingExtra(
            "building exercises needs nbgrader; install it with: pip install nbgrader"
        ) from e
    config = Config({"ClearSolutions": {"code_stub": {"python": STUB}, "text_stub": TEXT_STUB}})
    notebook = nbformat.from_dict(_joined(read(path)))  # type: ignore[no-untyped-call]
    for step in (ClearSolutions, ClearHiddenTests, ClearOutput):
        try:
            notebook, _ = step(config=config).preprocess(notebook, {})
        except RuntimeError as e:
            raise TaskError(f"{path}: {e}") from None
    notebook = _settled(notebook)
    notebook["metadata"]["orchestrator_kit"] = {"made_from": path.name, "seal": _seal(notebook)}
    return notebook


def worked_on(notebook: Notebook) -> bool:
    """Whether the text of a generated notebook is no longer the generated one."""
    about = notebook.get("metadata", {}).get("orchestrator_kit", {})
    return bool(about.get("seal") != _seal(notebook))


def _seal(notebook: Notebook) -> str:
    cells = [(c["cell_type"], source(c)) for c in notebook["cells"]]
    return sha256(json.dumps(cells).encode()).hexdigest()[:16]


def _settled(notebook: Notebook) -> Notebook:
    """The notebook without what differs between machines and runs."""
    settled: Notebook = json.loads(json.dumps(notebook))
    settled["metadata"] = dict(_METADATA)
    for cell in settled["cells"]:
        cell["metadata"].pop("execution", None)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(_WIDGET, None)
    return settled


def _joined(notebook: Notebook) -> Notebook:
    """The notebook with every text as one string, as Jupyter's libraries expect it."""
    cells = [cell | {"source": source(cell)} for cell in notebook["cells"]]
    return notebook | {"cells": [c | ({"outputs": []} if "outputs" in c else {}) for c in cells]}


def _text(notebook: Notebook) -> str:
    """A notebook as Jupyter writes it: text as lines, so that changes read well."""
    split = json.loads(json.dumps(notebook))
    for cell in split["cells"]:
        cell["source"] = source(cell).splitlines(keepends=True)
        for output in cell.get("outputs", ()):
            if isinstance(output.get("text"), str):
                output["text"] = output["text"].splitlines(keepends=True)
            for kind, value in output.get("data", {}).items():
                if isinstance(value, str) and kind.startswith("text/"):
                    output["data"][kind] = value.splitlines(keepends=True)
    return json.dumps(split, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
