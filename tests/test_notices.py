"""The benchmarks on real notices: facts that stand where they are said to, a fair baseline, a page.

The notices are not part of the project; what needs them is skipped where they are not found
beside it, or in the folder that OKIT_NOTICES names.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import baseline
import notices
import page
import pytest

from orchestrator_kit.errors import TaskError
from orchestrator_kit.models.simulated import count_tokens
from orchestrator_kit.scoring import needs_several, says, score
from orchestrator_kit.tasks import Budget, Document, Fact, Task
from orchestrator_kit.text import normalise, sentences, stands_in, words
from orchestrator_kit.trials import Trials, compare_trials
from tests.shared import NOTICES, with_notices

STEMS = ("cabinet-office", "dpp-law", "ticketmaster")
_NUMBERED = re.compile(r"^(\d+(?:\.\d+)+|\d+(?=\.\s))\.?\s")
_COPIED = 9  # so many words in a row are no longer words of our own


@pytest.fixture(params=STEMS)
def notice(request: pytest.FixtureRequest) -> tuple[Task, dict[Fact, tuple[str, ...]]]:
    """A real notice's task, and where its facts stand."""
    return dict(zip(STEMS, notices.tasks(NOTICES), strict=True))[request.param]


def paragraphs(text: str) -> dict[str, list[str]]:
    """The normalised statements of each numbered paragraph."""
    number, found = "", dict[str, list[str]]()
    for block in re.split(r"\n\s*\n", text):
        if head := _NUMBERED.match(block.strip()):
            number = head[1]
        found.setdefault(number, []).extend(map(normalise, sentences(block)))
    return found


# ---- the facts ----


@with_notices
def test_a_fact_stands_in_the_paragraphs_it_names_and_in_no_other(
    notice: tuple[Task, dict[Fact, tuple[str, ...]]],
) -> None:
    task, where = notice
    stand = paragraphs(task.documents[0].text)
    for fact, named in where.items():
        if needs_several(task, fact):
            at = {n for n, said in stand.items() for p in fact.match if any_has(p, said)}
            assert not any(says(said, fact) for said in stand.values())
        else:
            at = {n for n, said in stand.items() if says(said, fact)}
        assert at == set(named), fact.says


def any_has(phrase: str, statements: list[str]) -> bool:
    return any(stands_in(phrase, s) for s in statements)


@with_notices
def test_a_notice_has_facts_of_every_specialist_of_figures_and_of_several_passages(
    notice: tuple[Task, dict[Fact, tuple[str, ...]]],
) -> None:
    task, where = notice
    assert len(task.facts) == len(where) >= 24
    assert {f.specialist for f in task.facts} == {s.name for s in task.specialists}
    assert sum(any(re.search(r"\d", p) for p in f.match) for f in task.facts) >= 10
    assert sum(needs_several(task, f) for f in task.facts) >= 2


@with_notices
def test_the_facts_of_the_long_notice_are_spread_over_the_whole_of_it() -> None:
    *_, (task, _) = notices.tasks(NOTICES)
    said = [list(map(normalise, sentences(s.text))) for s in task.sections]
    told = [
        n
        for n, section in enumerate(said)
        for f in task.facts
        if any(any_has(p, section) for p in f.match)
    ]
    quarter = len(said) / 4
    assert all(sum(int(n // quarter) == q for n in told) >= 5 for q in range(4))


@with_notices
def test_nothing_is_copied_from_a_notice(
    notice: tuple[Task, dict[Fact, tuple[str, ...]]],
) -> None:
    task, _ = notice
    text = f" {' '.join(words(task.documents[0].text))} "
    own = [task.prompt, task.title, *(s.expertise for s in task.specialists)]
    own += [f.says for f in task.facts]
    own += [alternative for f in task.facts for p in f.match for alternative in p.split("|")]
    for sentence in own:
        row = words(sentence)
        runs = [row[i : i + _COPIED] for i in range(len(row) - _COPIED + 1)]
        assert not [run for run in runs if f" {' '.join(run)} " in text]


def test_a_missing_notice_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TaskError, match="cabinet-office"):
        next(notices.tasks(tmp_path))
    monkeypatch.setattr(sys, "argv", ["notices.py", str(tmp_path)])
    assert notices.main() == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)


# ---- the baseline ----

_LONG = Document("long.md", "\n\n".join(f"The tide of day {n} was high." for n in range(60)))
_FACTS = (Fact("first", ("day 0",)), Fact("last", ("day 59",)))
_TASK = Task("How high?", (_LONG,), facts=_FACTS, budget=Budget(answer_tokens=100))


def test_the_baseline_says_the_first_sentences_and_no_more_than_an_answer_may() -> None:
    answer = baseline.first_sentences(_TASK)
    assert [s.text for s in answer.statements] == list(
        sentences(_LONG.text)[: len(answer.statements)]
    )
    assert 0 < count_tokens(str(answer)) <= 100
    assert score(_TASK, answer).found == _FACTS[:1]


def test_sentences_are_drawn_from_the_whole_document_and_the_same_for_a_seed() -> None:
    drawn = [baseline.any_sentences(_TASK, seed) for seed in range(200)]
    assert drawn[3] == baseline.any_sentences(_TASK, 3)
    assert all(0 < count_tokens(str(a)) <= 100 for a in drawn)
    assert {s.text for a in drawn for s in a.statements} == set(sentences(_LONG.text))


def test_the_baseline_stands_above_the_patterns_which_are_held_against_it() -> None:
    found = compare_trials(_TASK, trials=2, patterns=["single_call", "master_slave"])
    columns, rows = baseline.beside(found, [_TASK] * 2)
    assert {len(row) for row in rows} == {len(columns)}
    assert [row[0] for row in rows] == ["first sentences", "any sentences", *found.patterns]
    assert rows[0][columns.index("recall")] == "50.0%"
    for row in rows[2:]:
        recall = float(row[columns.index("recall")].rstrip("%"))
        over = float(row[columns.index("over first sentences")].split()[0])
        assert recall - 50.0 == pytest.approx(over, abs=0.11)


def test_each_comparison_is_held_against_the_baseline_of_its_own_task() -> None:
    # on the first task the baseline finds all, on the second nothing; the patterns are no matter
    easy = Task("How high?", (_LONG,), facts=_FACTS[:1], budget=_TASK.budget)
    hard = Task("How high?", (_LONG,), facts=_FACTS[1:], budget=_TASK.budget)
    both = Trials(
        tuple(
            compare_trials(t, trials=1, patterns=["single_call"]).comparisons[0]
            for t in (easy, hard)
        )
    )
    columns, (base, *_) = baseline.beside(both, [easy, hard])
    assert base[columns.index("recall")] == "50.0%"
    assert base[columns.index("95%")] == "0.0% to 100.0%"


# ---- the page ----

_PAGE = "# Results\n\n<!-- tables: made by benchmarks/a.py -->\nold\n<!-- /tables -->\n\n" + (
    "<!-- tables: made by benchmarks/b.py -->\nkept\n<!-- /tables -->\nend\n"
)


def test_a_command_writes_between_its_own_marks_and_nowhere_else(tmp_path: Path) -> None:
    file = tmp_path / "results.md"
    file.write_text(_PAGE, "utf-8")
    page.show("a.py", ["one\n", "two\n"], write=True, page=file)
    assert file.read_text("utf-8") == _PAGE.replace("old", "\none\n\ntwo\n")
    page.show("a.py", ["old"], write=True, page=file)
    page.show("a.py", ["one\n", "two\n"], write=True, page=file)
    assert file.read_text("utf-8") == _PAGE.replace("old", "\none\n\ntwo\n")


def test_a_page_without_the_marks_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "results.md"
    file.write_text(_PAGE, "utf-8")
    with pytest.raises(SystemExit, match="lacks the marks"):
        page.show("c.py", ["new\n"], write=True, page=file)
    assert file.read_text("utf-8") == _PAGE


def test_tables_that_cannot_all_be_made_leave_the_page_as_it_was(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield "one\n"
        raise RuntimeError("no second one")

    file = tmp_path / "results.md"
    file.write_text(_PAGE, "utf-8")
    with pytest.raises(RuntimeError):
        page.show("a.py", broken(), write=True, page=file)
    assert file.read_text("utf-8") == _PAGE


@pytest.mark.parametrize("maker", ["results.py", "notices.py", "hotpotqa.py"])
def test_the_page_of_results_has_the_marks_of_each_command(maker: str) -> None:
    text = page.PAGE.read_text("utf-8")
    assert text.count(f"<!-- tables: made by benchmarks/{maker} -->\n") == 1
    assert text.count(page.END) == 3
