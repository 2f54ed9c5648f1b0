"""The rules of docs/architecture.md, held against the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.scripts import load

REPO = Path(__file__).parent.parent
PACKAGE = REPO / "orchestrator_kit"


rooms = load("docs/rooms.py")


def test_every_room_has_its_storey() -> None:
    assert set(rooms.imports()) == {room for storey in rooms.STOREYS for room in storey}


@pytest.mark.parametrize("room", sorted(rooms.imports()))
def test_a_room_imports_only_from_storeys_below(room: str) -> None:
    height = {r: n for n, storey in enumerate(rooms.STOREYS) for r in storey}
    above = {other for other in rooms.imports()[room] if height[other] >= height[room]}
    assert not above, f"{room} must not import {sorted(above)}; see docs/architecture.md"


def test_the_rule_sees_imports_in_functions_and_relative_ones() -> None:
    tree = ast.parse("def f():\n    from ..crew import Crew\n    import orchestrator_kit.svg")
    assert rooms._rooms(tree, ("models", "local")) == {"crew", "svg"}


def test_the_page_shows_the_code_as_it_is() -> None:
    page = (REPO / "docs" / "architecture.md").read_text("utf-8")
    assert rooms.drawing() in page, "run: python docs/rooms.py --write"


def test_models_know_nothing_of_patterns_records_or_roles() -> None:
    assert rooms.imports()["models"] <= {"errors", "text", "ranking"}


@pytest.mark.parametrize("room", ["tasks", "plan", "answer", "metrics", "scoring", "svg", "tables"])
def test_what_only_reads_knows_no_crew_and_no_engine(room: str) -> None:
    assert not rooms.imports()[room] & {"crew", "patterns", "roles", "loading", "experiments"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_a_module_is_short_and_says_what_it_is_for(path: Path) -> None:
    source = path.read_text("utf-8")
    assert ast.get_docstring(ast.parse(source)), f"{path.name} has no docstring"
    assert source.count("\n") <= 420, f"{path.name} is too long for one noun"


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "patterns").glob("[!_]*.py")), ids=lambda p: p.stem
)
def test_a_pattern_fits_one_screen(path: Path) -> None:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 40
