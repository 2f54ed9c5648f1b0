"""The review: a learner's own ratings, and the list that comes of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator_kit import diary
from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.portfolio import UNSURE
from orchestrator_kit.questions import review
from orchestrator_kit.questions.checklist import CHECKLIST

ROOT = Path(__file__).parent.parent


def test_every_item_has_a_name_of_its_own_a_question_and_a_place() -> None:
    items = [i for c in CHECKLIST for i in c.items]
    assert len({i.name for i in items}) == len(items) == 37
    for item in items:
        assert item.asks.endswith("?")
        assert item.places
    assert {c.page.split(":")[0] for c in CHECKLIST} == {f"Checklist {n}" for n in range(1, 7)}


def test_the_list_has_what_is_shaky_the_shakiest_first() -> None:
    mine = review().rate("planner", 0.5).rate(split=0, reporter=UNSURE, single_point=0.5)
    found = mine.revisit()
    assert [(i.name, sure) for i, sure in found.items] == [
        ("split", 0),
        ("planner", 0.5),
        ("single-point", 0.5),
    ]
    assert "33 items are not rated yet" in str(found)


def test_rated_again_the_later_counts() -> None:
    assert not review().rate(split=0).rate(split=1).revisit().items


def test_nothing_rated_is_nothing_known_rather_than_everything() -> None:
    said = str(review().revisit())
    assert "37 items are not rated yet" in said
    assert "Nothing that you rated" not in said
    everything = review().rate(**{i.replace("-", "_"): 1 for i in review().items})
    assert "needs a second look" in str(everything.revisit())
    assert "Everything is rated" in str(everything)


@pytest.mark.parametrize("value", [-0.1, 1.1, "high", None, True, float("nan")])
def test_a_rating_that_is_none_is_refused_and_nothing_is_kept(value: object) -> None:
    mine = review()
    with pytest.raises(UsageError, match="from 0 to 1"):
        mine.rate(split=0.5, planner=value)  # type: ignore[arg-type]
    assert mine.ratings == {}


def test_a_misspelt_item_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match="planner"):
        review().rate("planer", 1)


def test_ratings_are_noted_in_the_diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(diary.VARIABLE, str(tmp_path / "diary.jsonl"))
    review().rate(split=0.5).rate("single_point", 1)
    assert [e.data for e in diary.read() if e.kind == "review"] == [
        {"item": "split", "sure": 0.5},
        {"item": "single-point", "sure": 1.0},
    ]


def test_links_lead_to_a_notebook_and_to_a_heading_as_jupyter_anchors_it() -> None:
    mine = review().rate(**{i.replace("-", "_"): 0 for i in review().items})
    html = mine.revisit()._repr_html_()
    links = re.findall(r'<a href="\.\./notebooks/(\w+)\.ipynb#([^"]+)"', html)
    assert len(links) == sum(len(i.places) for i in mine.items.values())
    assert all((ROOT / "notebooks" / f"{name}.ipynb").exists() for name, _ in links)
    assert not any(" " in anchor or "%20" in anchor or "%60" in anchor for _, anchor in links)
    assert ("08_failures_and_recovery", "Kill-the-orchestrator") in links


# ---- the form ----


def test_a_choice_in_the_form_is_a_rating_and_the_list_follows() -> None:
    mine = review().rate(planner=0.3)
    form = mine.form()
    form.fields["split"].value = 0.5
    assert mine.ratings == {"planner": 0.3, "split": 0.5}
    assert "a model splits, or code does" in form.list.value
    form.fields["split"].value = 1.0
    assert "a model splits, or code does" not in form.list.value
    form.fields["split"].value = None
    assert mine.ratings == {"planner": 0.3}
    assert form.fields["planner"].value == 0.3


def test_every_field_of_the_form_has_a_label_and_its_question() -> None:
    mine = review()
    form = mine.form()
    assert [f.description for f in form.fields.values()] == [i.says for i in mine.items.values()]
    assert all(f.tooltip == mine.items[name].asks for name, f in form.fields.items())
    assert 'aria-live="polite"' in form.list.value
    assert repr(form).startswith("A form with 37 fields")
