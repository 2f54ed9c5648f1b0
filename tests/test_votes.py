"""A vote of a class: everybody once, nobody named, and a picture that says it in words too."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import diary, svg, votes
from orchestrator_kit.diary import Entry
from orchestrator_kit.errors import UnknownName

SVG = "{http://www.w3.org/2000/svg}"
Said = tuple[float | str, float]


def entries(*said: Said, question: str = "q", student: str = "s") -> list[Entry]:
    """The predictions of a student, each with a seal of its own."""
    return [
        Entry(
            "2026",
            "prediction",
            {"question": question, "value": value, "sure": sure},
            seal=f"{student}{n}",
        )
        for n, (value, sure) in enumerate(said)
    ]


def counted(*students: Said, after: bool = False) -> votes.Vote:
    everybody = [entries(said, student=f"{n}-") for n, said in enumerate(students)]
    return votes.vote(everybody, "q", after=after)


def as_pairs(counts: tuple[votes.Count, ...]) -> list[tuple[str, int]]:
    return [(c.answer, c.votes) for c in counts]


def test_the_first_prediction_counts_and_the_last_after_the_talk() -> None:
    ada = entries((6, 0.9), (7, 0.8), (8, 0.7), student="ada")
    ben = entries((8, 0.4), student="ben")
    before = votes.vote([ada, ben], "q")
    assert as_pairs(before.first) == [("6", 1), ("8", 1)]
    assert before.after == ()
    both = votes.vote([ada, ben], "q", after=True)
    assert as_pairs(both.first) == [("6", 1), ("8", 1)]
    assert as_pairs(both.after) == [("6", 0), ("8", 2)]
    assert both.after[1].sure == pytest.approx(0.55)
    assert (both.voters, both.changed) == (2, 1)


def test_names_are_one_answer_however_they_are_spelled() -> None:
    found = counted(("peer agents", 1), ("Peer-Agents", 0.5), ("pipeline", 0), ("peer agents", 0.3))
    assert as_pairs(found.first) == [("peer agents", 3), ("pipeline", 1)]
    assert found.first[0].sure == pytest.approx(0.6)


def test_a_few_different_numbers_are_shown_one_by_one_and_many_in_ranges() -> None:
    few = counted(*((n, 0.5) for n in (1, 2, 2.0, 4, 1_000_000)))
    assert as_pairs(few.first) == [("1", 1), ("2", 2), ("4", 1), ("1,000,000", 1)]
    many = counted(*((n, 0.5) for n in range(3, 43)))
    assert as_pairs(many.first) == [
        ("0 to 4", 2),
        *[(f"{low} to {low + 4}", 5) for low in range(5, 40, 5)],
        ("40 to 44", 3),
    ]
    parts = counted(*((n / 8, 0.5) for n in range(9)))
    assert as_pairs(parts.first)[:2] == [("0 to below 0.2", 2), ("0.2 to below 0.4", 2)]


numbers = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False)
answers = st.tuples(numbers | st.sampled_from(["a", "A", "b c", ""]), st.floats(0, 1))


@given(st.lists(answers, min_size=1, max_size=40), st.booleans())
def test_every_student_is_counted_once_whatever_they_answer(said: list[Said], after: bool) -> None:
    found = counted(*said, after=after)
    assert sum(c.votes for c in found.first) == found.voters == len(said)
    assert len(found.first) <= 2 * votes.FEW + 4
    if after:
        assert [c.answer for c in found.after] == [c.answer for c in found.first]
        assert as_pairs(found.after) == as_pairs(found.first)
        assert found.changed == 0
    assert all((c.sure is None) == (c.votes == 0) for c in found.first)
    columns, rows = votes.table(found)
    assert all(len(row) == len(columns) for row in rows)
    ElementTree.fromstring(svg.histogram(found))


def test_a_copied_diary_does_not_vote_twice_and_an_edited_line_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "ada.jsonl"
    diary.note("prediction", {"question": "q", "value": 6, "sure": 0.5}, path)
    ada = diary.read(path)
    assert votes.vote([ada, ada], "q").voters == 1
    edited = diary.entries(path.read_bytes().replace(b'"value": 6', b'"value": 7'))
    assert not edited[-1].sound
    assert as_pairs(votes.vote([ada, edited], "q").first) == [("6", 1)]
    with pytest.raises(UnknownName, match="nobody has predicted anything"):
        votes.vote([edited], "q")


def test_a_question_that_nobody_predicted_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UnknownName, match=r"'z'; there are: q"):
        votes.vote([entries((1, 1))], "z")


def drawn(found: votes.Vote) -> tuple[ElementTree.Element, list[ElementTree.Element]]:
    picture = ElementTree.fromstring(svg.histogram(found))
    bars = [r for r in picture.iter(f"{SVG}rect") if r.find(f"{SVG}title") is not None]
    return picture, [b for b in bars if re.search(r": \d", b.findtext(f"{SVG}title") or "")]


def test_the_bars_are_the_votes_and_the_words_say_the_same() -> None:
    found = counted(("a", 1), ("a", 0.5), ("<b>", 0))
    picture, bars = drawn(found)
    assert picture.attrib["role"] == "img"
    wide = [float(bar.attrib["width"]) for bar in bars]
    assert wide[0] == pytest.approx(2 * wide[1], abs=0.2)
    assert picture.findtext(f"{SVG}desc") == votes.words(found)
    assert votes.words(found) == "q: a 2 of 3 (75% sure); <b> 1 of 3 (0% sure)."


def test_the_second_vote_stands_under_the_first_to_the_same_scale() -> None:
    ada = entries(("a", 1), ("b", 1), student="ada")
    ben = entries(("b", 1), student="ben")
    picture, bars = drawn(votes.vote([ada, ben], "q", after=True))
    assert [float(bar.attrib["width"]) for bar in bars] == [190, 380, 190, 0]
    assert "After: b 2 of 2 (100% sure); 1 changed their mind." in picture.findtext(
        f"{SVG}desc", ""
    )
    shown = [t.text for t in picture.iter(f"{SVG}text")]
    assert "before the talk" in shown


def test_no_text_of_the_picture_leaves_it() -> None:
    found = counted(
        *((f"a very long answer indeed, of somebody who explains it, {n}", 1.0) for n in range(8))
    )
    picture, _ = drawn(found)
    assert len(list(picture.iter(f"{SVG}text"))) == 17
    for text in picture.iter(f"{SVG}text"):
        x, long = float(text.attrib["x"]), 6.6 * len(text.text or "")
        left = x - long if text.attrib["text-anchor"] == "end" else x
        assert left >= 0
        assert left + long <= 720
