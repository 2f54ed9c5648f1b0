"""The packed rubrics: in step with their sources, whole, and in clear text nowhere."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit.questions import questions, rubric
from orchestrator_kit.questions.question import TOPICS

ROOT = Path(__file__).parent.parent
SOURCES = {"rubrics.toml": rubric.RUBRICS, "labelled.toml": rubric.LABELLED}
GIVEN_OUT = ("orchestrator_kit", "exercises", "notebooks", "docs")


def source(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "solutions" / name).read_text("utf-8"))


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w]+", " ", text.replace("\\n", " ")).lower().split())


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_packed_is_the_source(name: str) -> None:
    text = (ROOT / "solutions" / name).read_text("utf-8")
    packed = SOURCES[name].read_text("ascii")
    assert rubric.unpacked(packed) == text, "run: python solutions/pack.py"


@given(st.text())
def test_packing_loses_nothing(text: str) -> None:
    assert rubric.unpacked(rubric.packed(text)) == text


def test_each_question_has_its_points_and_each_point_its_follow_up() -> None:
    assert set(source("rubrics.toml")) == set(questions())
    for name in questions():
        found = rubric.key_points(name, TOPICS[name].follow_ups)
        assert 4 <= len(found) <= 6
        assert {p.name for p in found} == set(TOPICS[name].follow_ups)
        for point in found:
            assert point.follow_up.endswith((".", "?"))
            assert 3 <= len(point.phrasings) <= 6, point.name
            assert 1 <= len(point.counters) <= 3, point.name
            assert len({plain(p) for p in point.phrasings}) == len(point.phrasings)


def test_the_labelled_answers_are_enough_of_each_kind_and_of_each_question() -> None:
    answers = rubric.labelled()
    assert len(answers) >= 24
    labels = Counter(a["label"] for a in answers)
    assert set(labels) == {"present", "absent", "contradicts"}
    assert min(labels.values()) >= 8
    assert {a["question"] for a in answers} == set(questions())
    for one in answers:
        assert one["point"] in {p.name for p in rubric.points(one["question"])}


def test_no_rubric_stands_in_clear_text_in_what_learners_get() -> None:
    wanted: list[str] = []
    for found in source("rubrics.toml").values():
        for point in found:
            wanted += [point["says"], *point["phrasings"], *point["counters"]]
    wanted += [one["text"] for one in source("labelled.toml")["answers"]]
    texts = {
        path: plain(path.read_text("utf-8"))
        for folder in GIVEN_OUT
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".ipynb", ".md", ".toml", ".po", ".txt", ".dat", ".json")
    }
    assert len(texts) > 150
    for phrase in map(plain, wanted):
        assert not [str(path) for path, text in texts.items() if phrase in text], phrase
