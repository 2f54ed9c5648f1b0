"""The notebooks: how they are written, and that they do what they show.

The lint reads them as JSON, for importing nbformat takes seconds. What runs a kernel is marked
`notebook`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from orchestrator_kit import checks, exercises
from orchestrator_kit.errors import TaskError, UsageError

ROOT = Path(__file__).parent.parent
EXECUTED = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*.ipynb")])
BLANK = sorted(ROOT.glob("exercises/*.ipynb"))
ALL = [*EXECUTED, *BLANK]
Cell = dict[str, Any]

# What only a run can know: percentages, money, seconds, numbers of thousands.
_RESULT = re.compile(r"\d\s?%|\$\s?\d|\d\.\d+ s\b|\d,\d{3}")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(|<img\b([^>]*)>")


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.fixture(params=ALL, ids=named)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(params=EXECUTED, ids=named)
def executed(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def cells(path: Path, kind: str | None = None) -> list[Cell]:
    return [c for c in exercises.read(path)["cells"] if kind in (None, c["cell_type"])]


def code(path: Path) -> list[str]:
    return [exercises.source(c) for c in cells(path, "code")]


def prose(path: Path) -> list[str]:
    return [exercises.source(c) for c in cells(path, "markdown")]


def outputs(path: Path) -> list[dict[str, Any]]:
    return [o for c in cells(path, "code") for o in c["outputs"]]


def checked(path: Path) -> list[str]:
    """The exercises whose checks stand in a notebook."""
    return [m[1] for text in code(path) if (m := re.match(r'check\("([\w-]+)"', text))]


def verdicts(path: Path) -> dict[str, str]:
    """What each check in a notebook says, as text."""
    found = {}
    for cell in cells(path, "code"):
        if m := re.match(r'check\("([\w-]+)"', exercises.source(cell)):
            (output,) = cell["outputs"]
            found[m[1]] = "".join(output["data"]["text/plain"])
    return found


def lines(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip())


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)


def test_there_is_a_tour_and_a_first_exercise() -> None:
    names = [named(p) for p in ALL]
    assert "notebooks/00_start_here" in names
    assert {p.name for p in BLANK} == {p.name for p in EXECUTED if p.parent.name == "solutions"}


def test_cells_are_short(path: Path) -> None:
    sizes = [lines(text) for text in code(path)]
    assert median(sizes) <= 5
    assert sum(size <= 12 for size in sizes) >= 0.9 * len(sizes)
    assert max(sizes) <= 25


def test_a_tour_has_a_length_one_can_walk() -> None:
    for path in ROOT.glob("notebooks/*.ipynb"):
        assert 30 <= len(cells(path)) <= 60, path


def test_there_is_as_much_prose_as_code(path: Path) -> None:
    def words(texts: list[str]) -> int:
        return sum(len(text.split()) for text in texts)

    assert words(prose(path)) >= words(code(path))


def test_all_imports_stand_in_one_cell(path: Path) -> None:
    importing = [text for text in code(path) if re.search(r"^\s*(import|from)\s", text, re.M)]
    assert len(importing) == 1
    assert code(path)[0] == importing[0]


def test_nothing_is_installed_or_fetched_by_a_cell(path: Path) -> None:
    for text in code(path):
        assert not re.search(r"^\s*[%!]|sys\.path|https?://", text, re.M), text


def test_headings_come_in_order(path: Path) -> None:
    text = re.sub(r"```.*?```", "", "\n".join(prose(path)), flags=re.DOTALL)
    levels = [len(h) for h in re.findall(r"^(#{1,6}) ", text, re.M)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_it_opens_with_a_question_and_closes_with_explorations(path: Path) -> None:
    assert "?" in prose(path)[0]
    assert re.search(r"^## Further explorations$", prose(path)[-1], re.M)


def test_prose_holds_no_number_that_a_run_produces(path: Path) -> None:
    for text in prose(path):
        assert not _RESULT.search(without_code(text)), text


def test_links_lead_to_files_that_exist(path: Path) -> None:
    for target in _LINK.findall("\n".join(prose(path))):
        assert "://" in target or (path.parent / target).resolve().exists(), target


def test_cells_have_stable_ids(path: Path) -> None:
    ids = [c["id"] for c in cells(path)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in ids)


def test_every_picture_has_words(path: Path) -> None:
    for text in prose(path):
        for words, attributes in _IMAGE.findall(text):
            assert words.strip() or re.search(r'alt="[^"]+"', attributes), text
    for output in outputs(path):
        for kind in output.get("data", {}):
            if kind.startswith("image/"):
                assert output["metadata"][kind]["alt"]
        html = "".join(output.get("data", {}).get("text/html", ""))
        assert all(re.search(r'alt="[^"]+"', i) for i in re.findall(r"<img\b[^>]*>", html))
        assert all('role="img"' in s for s in re.findall(r"<svg\b[^>]*>", html))


def test_it_was_run_clean_from_the_first_cell_to_the_last(executed: Path) -> None:
    counts = [c["execution_count"] for c in cells(executed, "code")]
    assert counts == list(range(1, len(counts) + 1))


def test_no_output_is_an_error_or_a_warning(path: Path) -> None:
    for output in outputs(path):
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr"


def test_no_output_knows_this_machine_or_a_live_widget(path: Path) -> None:
    notebook = exercises.read(path)
    text = json.dumps([c.get("outputs", []) for c in notebook["cells"]])
    assert str(ROOT) not in text
    assert not re.search(r"/(home|root|tmp|Users)/", text)
    assert "widget-view" not in text
    assert "widgets" not in notebook["metadata"]


def test_it_is_small(path: Path) -> None:
    assert path.stat().st_size < 500_000


def test_exercises_hold_no_solutions_and_no_outputs() -> None:
    for path in BLANK:
        text = path.read_text("utf-8")
        assert "SOLUTION" not in text
        assert "HIDDEN TESTS" not in text
        assert exercises.STUB in text
        assert outputs(path) == []
        assert all(c["execution_count"] is None for c in cells(path, "code"))


def test_what_is_no_notebook_is_a_task_error(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("{}")
    with pytest.raises(TaskError, match=r"a\.ipynb"):
        exercises.read(tmp_path / "a.ipynb")


@pytest.mark.notebook
def test_exercises_are_in_step_with_their_solutions() -> None:
    assert exercises.check_in_step(ROOT / "solutions", ROOT / "exercises") == []


@pytest.mark.notebook
def test_a_copy_that_differs_or_is_missing_is_named(tmp_path: Path) -> None:
    exercises.build(ROOT / "solutions", tmp_path)
    copy = tmp_path / BLANK[0].name
    copy.write_text(copy.read_text("utf-8").replace("# Exercise", "# Task"), "utf-8")
    (tmp_path / "99_orphan.ipynb").write_text(copy.read_text("utf-8"), "utf-8")
    found = exercises.check_in_step(ROOT / "solutions", tmp_path)
    assert [line.split(": ")[1].split(" ")[0] for line in found] == ["is", "has"]
    copy.unlink()
    assert "is missing" in exercises.check_in_step(ROOT / "solutions", tmp_path)[0]


@pytest.mark.notebook
def test_building_does_not_overwrite_a_learners_work(tmp_path: Path) -> None:
    copy = exercises.build(ROOT / "solutions", tmp_path)[0]
    exercises.build(ROOT / "solutions", tmp_path)  # untouched: written again
    worked = copy.read_text("utf-8").replace(exercises.STUB, "return []", 1)
    copy.write_text(worked, "utf-8")
    with pytest.raises(UsageError, match="worked on"):
        exercises.build(ROOT / "solutions", tmp_path)
    assert copy.read_text("utf-8") == worked
    exercises.build(ROOT / "solutions", tmp_path, overwrite=True)
    assert exercises.check_in_step(ROOT / "solutions", tmp_path) == []


@pytest.mark.notebook
def test_a_fresh_run_gives_the_stored_outputs(executed: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(executed, tmp_path))
    exercises.execute(copy)
    assert copy.read_text("utf-8") == executed.read_text("utf-8")


@pytest.mark.notebook
@pytest.mark.parametrize("blank", BLANK, ids=named)
def test_an_exercise_runs_to_the_end_and_fails_exactly_its_checks(
    blank: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copy(blank, tmp_path))
    exercises.execute(copy)
    assert all(o["output_type"] != "error" for o in outputs(copy))
    for name, verdict in verdicts(copy).items():
        said = rf"{name}: not yet, 0 of \d points?\. [A-Z][^\n]{{20,}}[.?)]\n"
        assert re.match(said, verdict), verdict


@pytest.mark.parametrize("path", [p for p in EXECUTED if p.parent.name == "solutions"], ids=named)
def test_a_solution_passes_its_checks(path: Path) -> None:
    for name, verdict in verdicts(path).items():
        assert verdict.startswith(f"{name}: passed, "), verdict


def test_every_exercise_stands_in_the_notebook_that_it_names() -> None:
    for blank in BLANK:
        named_here = [e.name for e in checks.exercises().values() if e.notebook == blank.stem]
        assert sorted(checked(blank)) == sorted(named_here)
    assert {e.notebook for e in checks.exercises().values()} <= {p.stem for p in BLANK}


def test_the_cells_of_an_exercise_carry_its_name() -> None:
    for path in BLANK:
        ids = {c["id"] for c in cells(path)}
        for name in checked(path):
            assert {name, f"{name}-task", f"{name}-check", f"{name}-hint"} <= ids
            (task,) = [exercises.source(c) for c in cells(path) if c["id"] == f"{name}-task"]
            level = checks.exercises()[name].level
            assert re.search(rf"^#+ .*\({name}, {'★' * level}\)$", task, re.M), task


@pytest.mark.notebook
def test_a_changed_number_in_a_stored_output_fails_the_notebook_test(tmp_path: Path) -> None:
    copy = tmp_path / "changed.ipynb"
    text = (ROOT / "notebooks" / "00_start_here.ipynb").read_text("utf-8")
    number = re.search(r"(\d+),(\d{3}) tokens for each", text)
    assert number
    wrong = f"{number[1]},{(int(number[2]) + 1) % 1000:03} tokens for each"
    copy.write_text(text.replace(number[0], wrong), "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "nbval", "--nbval", "-q", str(copy)]
    tested = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert tested.returncode == 1
    assert "1 failed" in tested.stdout


@pytest.mark.parametrize(
    "path", [p for p in EXECUTED if p.parent.name == "solutions" and checked(p)], ids=named
)
def test_checks_bear_doubled_deleted_and_moved_cells(path: Path) -> None:
    """Solutions doubled, hints deleted, the checks at the end, in reverse and each twice."""
    names: dict[str, Any] = {"__name__": "__main__", "display": lambda *shown: None}
    calls = {}
    for cell in cells(path, "code"):
        text = exercises.source(cell)
        if cell["id"].endswith("-check"):
            calls[cell["id"]] = text
        elif not cell["id"].endswith("-hint"):
            for _ in range(2 if cell["id"] in checked(path) else 1):
                exec(compile(text, f"<{cell['id']}>", "exec"), names)
    assert len(calls) == len(checked(path))
    for call in reversed(list(calls.values())):
        assert eval(call, names)
        assert eval(call, names)
