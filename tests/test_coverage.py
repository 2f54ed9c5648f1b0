"""The page on coverage, held against the notebooks: what it promises is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from orchestrator_kit import exercises
from orchestrator_kit.questions.checklist import CHECKLIST

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "coverage.md").read_text("utf-8")
PLACE = re.compile(r"\[(\w+)\]\(\.\./((?:notebooks|exercises)/\w+)\.ipynb\) \*([^*]+)\*")

# How many items each part of the curriculum has.
ITEMS = {
    "Key terms": 9,
    "People and events": 7,
    "Architecture: the orchestrator": 7,
    "Architecture: the workers": 5,
    "Architecture: the communication layer": 3,
    "Advantages": 5,
    "Challenges": 5,
    "Beside its relatives": 3,
    "Socratic questions": 5,
    "Further resources": 9,
    "Checklist 1: the core difference": 1,
    "Checklist 2: the orchestrator's hats": 5,
    "Checklist 2: the workers' hats": 4,
    "Checklist 3: advantages": 5,
    "Checklist 3: challenges": 5,
    "Checklist 4: relatives": 3,
    "Checklist 5: the bridge": 9,
    "Checklist 6: real cases": 5,
}


def parts() -> dict[str, list[tuple[str, str]]]:
    """The rows of each part: an item, and where it is learned."""
    found: dict[str, list[tuple[str, str]]] = {}
    for block in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        title, _, table = block.partition("\n")
        rows = re.findall(r"^\| (.+?) \| (.+) \|$", table, re.MULTILINE)
        found[title] = [row for row in rows if row[0] not in ("item", "---")]
    return found


ROWS = [(part, *row) for part, rows in parts().items() for row in rows]


@cache
def headings(notebook: str) -> frozenset[str]:
    path = ROOT / f"{notebook}.ipynb"
    assert path.exists(), f"there is no notebook {notebook}"
    prose = [exercises.source(c) for c in exercises.read(path)["cells"] if "markdown" in c.values()]
    text = re.sub(r"```.*?```", "", "\n".join(prose), flags=re.DOTALL)
    return frozenset(re.findall(r"^#{1,6} (.+?)\s*$", text, re.MULTILINE))


def test_every_part_of_the_curriculum_has_all_its_items() -> None:
    assert {part: len(rows) for part, rows in parts().items()} == ITEMS
    for part, rows in parts().items():
        assert len({item for item, _ in rows}) == len(rows), part


@pytest.mark.parametrize(("part", "item", "where"), ROWS, ids=[f"{p}-{i}" for p, i, _ in ROWS])
def test_what_is_to_be_learned_stands_under_the_heading_that_is_named(
    part: str, item: str, where: str
) -> None:
    places = PLACE.findall(where)
    assert places
    assert "; ".join(f"[{n}](../{b}.ipynb) *{h}*" for n, b, h in places) == where
    for shown, notebook, heading in places:
        assert shown == notebook.split("/")[1]
        assert heading in headings(notebook), f"{part}, {item}: {notebook} has no '{heading}'"


def test_every_notebook_is_named_on_the_page() -> None:
    named = {notebook for _, notebook, _ in PLACE.findall(PAGE)}
    assert {f"notebooks/{p.stem}" for p in ROOT.glob("notebooks/*.ipynb")} <= named


def test_the_review_has_the_items_of_the_page_and_their_places() -> None:
    on_page = {
        part: [(item, [(n, h) for n, _, h in PLACE.findall(where)]) for item, where in rows]
        for part, rows in parts().items()
        if part.startswith("Checklist")
    }
    assert on_page == {c.page: [(i.says, [*i.places]) for i in c.items] for c in CHECKLIST}
