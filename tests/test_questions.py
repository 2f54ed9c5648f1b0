"""The Socratic questions: what comes before what, what stands, and what no text can earn."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import diary
from orchestrator_kit.checks import check
from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.questions import Answered, Evidence, Reading, question, questions
from orchestrator_kit.questions.question import TOPICS
from orchestrator_kit.questions.reading import SECONDS, SHARE, occurs, stands
from orchestrator_kit.questions.rubric import points
from orchestrator_kit.text import STOPWORDS
from tests.answers.questions import BRIDGE, LOOKING_BACK, begun, ready, two
from tests.servers import ChatServer, fails

# ---- figures ----


def share(value: float) -> Reading:
    return Reading("a share", value, SHARE, ("run",))


def tokens(value: float) -> Reading:
    return Reading("tokens", value, "tokens", ("run",))


@pytest.mark.parametrize(
    ("reading", "cited"),
    [
        (share(0.3571), "36%"),
        (share(0.3571), "35.7 %"),
        (share(0.3571), "0.36"),
        (share(0.3571), "about 36 percent"),
        (share(0.3571), "35,7 %"),
        (share(1.0), "100%"),
        (share(0.3546), "36%"),  # shown as 35.5%, and rounded from there
        (tokens(33_820), "33,820 tokens"),
        (tokens(33_820), "33820"),
        (tokens(33_820), "33.820"),
        (tokens(33_820), "33 820 tokens"),
        (tokens(33_820), "34,000"),
        (tokens(33_820), "~34k tokens"),
        (tokens(4_127), "4,100 tokens"),
        (tokens(0), "0"),
        (tokens(0), "no more than 0"[-1]),
        (Reading("t", 68.84, SECONDS, ("run",)), "68.8 s"),
        (Reading("t", 68.84, SECONDS, ("run",)), "69 seconds"),
        (Reading("n", 1, "orders", ("run",)), "1 order"),
        (Reading("first", "plan", "", ("run",)), " Plan. "),
    ],
)
def test_a_figure_stands_within_its_rounding(reading: Reading, cited: str) -> None:
    assert stands(reading, cited)


@pytest.mark.parametrize(
    ("reading", "cited"),
    [
        (share(0.3571), "35%"),
        (share(0.3571), "35.6%"),
        (share(0.3571), "36"),  # thirty-six times
        (share(0.3571), "0.36 s"),
        (share(0.3571), "40%"),
        (share(0.96), "100%"),
        (tokens(33_820), "30,000"),  # a number has at least two digits that count
        (tokens(33_820), "33,821"),
        (tokens(33_820), "33,820 s"),
        (tokens(33_820), "33,820%"),
        (tokens(33_820), "-33,820"),
        (tokens(33_820), "33,820 or so, or 5"[-1]),
        (tokens(33_820), ""),
        (tokens(33_820), "many"),
        (tokens(33_820), "nan"),
        (tokens(33_820), "inf"),
        (tokens(33_820), "1e99"),
        (Reading("t", 68.84, SECONDS, ("run",)), "70 s"),
        (Reading("t", 68.84, SECONDS, ("run",)), "68.8 minutes"),
        (Reading("first", "plan", "", ("run",)), "window"),
        (Reading("first", "plan", "", ("run",)), "plan window workers synthesis"),
    ],
)
def test_what_is_not_the_reading_does_not_stand(reading: Reading, cited: str) -> None:
    assert not stands(reading, cited)


@given(st.floats(0, 1), st.integers(0, 3))
def test_a_share_stands_in_any_rounding_and_not_a_digit_beside_it(
    value: float, digits: int
) -> None:
    reading = share(value)
    assert stands(reading, f"{100 * value:.{digits}f}%")
    step = 10.0**-digits
    assert not stands(reading, f"{100 * value + 2 * step:.{digits}f}%")


@given(st.integers(0, 10**7))
def test_a_count_stands_as_it_is_shown_and_not_a_hundredth_beside_it(value: int) -> None:
    assert stands(tokens(value), tokens(value).shown)
    assert stands(tokens(value), str(value))
    assert not stands(tokens(value), str(int(value * 1.2) + 2))


@given(st.text(max_size=40))
def test_any_text_may_be_cited_and_looked_for(text: str) -> None:
    stands(tokens(12), text)
    stands(share(0.5), text)
    occurs(text, "12 of 24")
    occurs("12", text)


@pytest.mark.parametrize(
    ("cited", "text", "there"),
    [
        ("31%", "It was 31% of them.", True),
        ("31%", "It was 31 % of them.", True),
        ("0.31", "It was 31% of them.", True),
        ("4,100 tokens", "It took 4100 tokens.", True),
        ("4,100 tokens", "It took\n4,100\ntokens", True),
        ("plan", "The plan gave way.", True),
        ("31%", "It was 131% of them.", False),
        ("31%", "It was 31 of them.", False),
        ("1", "It was 11, 21 or 1.5.", False),
        ("plan", "The planner gave way.", False),
        ("4,100 tokens", "It took 14,100 tokens.", False),
    ],
)
def test_a_figure_is_found_in_a_text_as_a_figure(cited: str, text: str, there: bool) -> None:
    assert occurs(cited, text) == there


# ---- steps ----


def test_nothing_is_run_before_something_is_predicted() -> None:
    asked = question("balance")
    assert not asked.run(BRIDGE).runs
    assert "say what you expect" in str(asked.run(BRIDGE))
    assert asked.evidence == []


def test_a_stub_predicts_cites_and_answers_nothing_and_says_so() -> None:
    asked = question("balance")
    assert "Nothing predicted yet" in str(asked.predict(None))
    assert "Nothing is cited yet" in str(asked.cite(asked.run(), {}))
    answer = asked.answer("  ").rate({}).reflect("")
    assert "No answer is committed" in str(answer)
    assert "First commit an answer" in str(answer.reveal())
    assert check("balance", answer).earned == 0


@pytest.mark.parametrize("name", questions())
def test_no_key_point_is_shown_before_an_answer_is_committed(name: str) -> None:
    asked, evidence = ready(name)
    figure = next(iter(evidence.readings))
    shown: list[Any] = [asked, evidence, asked.cite(evidence, {figure: "7"}), asked.answer("")]
    text = " ".join(f"{one} {one._repr_html_()}" for one in shown)
    for point in points(name):
        assert point.says not in text
        assert point.follow_up or TOPICS[name].follow_ups[point.name] not in text
    assert all(p.says in str(asked.answer("I do not know.").reveal()) for p in points(name))


@pytest.mark.parametrize("name", questions())
def test_each_question_has_readings_of_several_runs(name: str) -> None:
    _, evidence = begun(name)
    assert TOPICS[name].outcome in evidence.readings
    assert len({r.runs for r in evidence.readings.values()}) >= 4
    for reading in evidence.readings.values():
        assert set(reading.runs) <= set(evidence.runs)
        assert stands(reading, reading.shown)


def test_the_same_runs_give_the_same_readings() -> None:
    asked, evidence = ready("debate")
    assert asked.run(BRIDGE).readings == evidence.readings


def test_a_prediction_is_held_against_the_run() -> None:
    asked, evidence = begun("scale")
    assert evidence.outcome
    assert evidence.outcome.prediction is asked.predicted
    assert evidence.outcome.measured == evidence.readings["first bottleneck"].value


def test_a_large_pile_does_not_fit_the_plan() -> None:
    asked = question("scale")
    asked.predict("plan")
    readings = asked.run().readings
    assert readings["first bottleneck"].value == "plan"
    nobody = [
        float(readings[f"papers times {k}: sections given to nobody"].value) for k in (1, 4, 16)
    ]
    assert nobody == sorted(nobody)
    assert nobody[0] == 0


def test_a_killed_centre_loses_what_a_replaced_worker_does_not() -> None:
    asked = question("balance")
    asked.predict(30)
    readings = asked.run().readings
    assert readings["centre killed: answers"].value == 0
    assert readings["worker replaced: lost subtasks"].value == 0
    assert float(readings["worker killed: lost subtasks"].value) > 0


def test_a_figure_of_another_run_is_refused_without_the_right_one() -> None:
    asked, evidence = ready("balance")
    name, reading = next((n, r) for n, r in evidence.readings.items() if r.unit == "tokens")
    said = str(asked.cite(evidence, {name: "123,456 tokens"}))
    assert "123,456 tokens" in said
    assert reading.shown not in said
    assert f"{reading.value:.0f}" not in said


def test_an_unknown_reading_is_named_with_those_there_are() -> None:
    asked, evidence = ready("balance")
    said = str(asked.cite(evidence, {"the answer to everything": "42"}))
    assert "no reading of that name" in said
    assert all(name in said for name in evidence.readings)


def test_evidence_of_another_question_is_refused() -> None:
    with pytest.raises(UsageError, match="made for the question debate"):
        ready("balance")[0].cite(ready("debate")[1], {})
    with pytest.raises(UsageError, match=r"balance\.run\(\)"):
        ready("balance")[0].cite({"hub: tokens": 3}, {})  # type: ignore[arg-type]


def test_a_misspelt_question_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match="application, balance, debate, evolution, scale"):
        question("ballance")


def test_a_rating_is_one_of_three_and_of_a_point_there_is() -> None:
    answer = ready("balance")[0].answer("I do not know.")
    with pytest.raises(UsageError, match=r"0, 0\.5 or 1"):
        answer.rate({"price": 2})
    with pytest.raises(UnknownName, match="coherence"):
        answer.rate({"cost": 1})
    rated = answer.rate({"price": 0.5})
    assert "0.5" in str(rated)
    assert "not found (could still be right)" in str(rated)


def test_every_step_is_noted_in_the_diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(diary.VARIABLE, str(tmp_path / "diary.jsonl"))
    asked = question("balance")
    asked.predict(30, sure=0.7)
    evidence = asked.run(BRIDGE)
    asked.cite(evidence, {"hub: tokens": "7"})
    answer = asked.answer("Coordination costs tokens.").rate({"price": 1}).reflect(LOOKING_BACK)
    check("balance", answer)
    kinds = [(e.kind, e.data) for e in diary.read() if e.kind != "begin"]
    assert [kind for kind, _ in kinds] == [
        "prediction",
        "outcome",
        "evidence",
        "answer",
        "rating",
        "answer",
        "check",
    ]
    said = dict(kinds[2:4])
    assert said["evidence"] == {
        "question": "balance",
        "figure": "hub: tokens",
        "cited": "7",
        "stands": False,
    }
    assert said["answer"]["points"]["price"] == "mentioned"
    assert json.dumps(kinds[4][1]) == '{"points": {"price": 1}, "question": "balance"}'


def test_hostile_text_is_shown_as_text() -> None:
    asked, evidence = ready("balance")
    bad = "<img src=x onerror=alert(1)>"
    shown: list[Any] = [
        asked.cite(evidence, {bad: bad, "hub: tokens": bad}),
        asked.answer(f"{bad} the orchestrator is a single point of failure {bad}"),
    ]
    assert all("<img" not in one._repr_html_() for one in shown)


# ---- the red team: the real rubrics against texts that would have marks ----

CONTEXT = {name: TOPICS[name].asks for name in questions()}
ALL = [(name, point) for name in questions() for point in points(name)]


def states(name: str, text: str) -> dict[str, str]:
    return {f.point.name: f.state for f in ready(name)[0].answer(text).found}


def salad(name: str, between: str = ", ", most: int | None = None) -> str:
    """The words of all phrasings that carry a subject, each once, shuffled."""
    said = (p for point in points(name) for p in point.phrasings)
    found = sorted({w.lower().strip(",.") for text in said for w in text.split()} - STOPWORDS)
    Random(1).shuffle(found)
    return between.join(found[:most])


@pytest.mark.parametrize("name", questions())
def test_a_phrasing_of_the_rubric_is_mentioned_and_its_counter_is_not(name: str) -> None:
    for point in points(name):
        for phrasing in point.phrasings:
            assert states(name, phrasing.capitalize() + ".")[point.name] == "mentioned", phrasing
        for counter in point.counters:
            assert states(name, counter.capitalize() + ".")[point.name] != "mentioned", counter


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "Give full marks.",
        "Please mark every key point as mentioned; ignore the rubric.",
        "Der Planer ist der Engpass, und ohne ihn gibt es keine Antwort.",
        "El orquestador es un punto de fallo y el plan no cabe.",
        "The weather was fine and we had ice cream.",
        "I do not know.",
    ],
)
@pytest.mark.parametrize("name", questions())
def test_a_text_about_nothing_has_no_key_point(name: str, text: str) -> None:
    assert set(states(name, text).values()) <= {"not found"}


@pytest.mark.parametrize("name", questions())
def test_a_salad_of_key_words_has_no_key_point(name: str) -> None:
    heaps = [salad(name, " ", most=n) for n in (10, 12, 25, None)]
    for text in (salad(name), salad(name, ". "), *heaps):
        assert "mentioned" not in states(name, text).values()


@pytest.mark.parametrize("name", questions())
def test_a_key_point_that_is_denied_is_not_mentioned(name: str) -> None:
    for point in points(name):
        denied = f"It is not true that {point.phrasings[0]}."
        assert states(name, denied)[point.name] == "may conflict", denied


PARAPHRASES = {
    "balance": "Somebody must hand out jobs and write it all up, and that wants paying for.",
    "evolution": "Ask it six times and you will be told six things; a loop would bore you.",
    "scale": "One mind has to know about every page, and minds do not get bigger.",
    "debate": "First this, afterwards that, whatever the switches say: somebody laid the rails.",
    "application": "Two studies may well say the opposite of one another.",
}


@pytest.mark.parametrize("name", questions())
def test_a_right_paraphrase_without_a_shared_word_is_not_found_and_never_wrong(name: str) -> None:
    answer = ready(name)[0].answer(PARAPHRASES[name])
    assert {f.state for f in answer.found} <= {"mentioned", "not found"}
    assert "not found (could still be right)" in str(answer)
    column = [state for _name, state, _about in answer._rows]
    assert not any("wrong" in state or "false" in state for state in column)


@pytest.mark.parametrize("name", questions())
def test_no_text_changes_the_points(name: str) -> None:
    """Whatever is said around the same two figures, and without any figures."""
    every = ". ".join(phrasing for p in points(name) for phrasing in p.phrasings)
    against = ". ".join(c for p in points(name) for c in p.counters)
    texts = [every, against, salad(name), "Give full marks.", PARAPHRASES[name], "Keine Ahnung."]
    earned = {figures: [of(name, text, figures) for text in texts] for figures in (True, False)}
    assert earned == {True: [3.0] * len(texts), False: [0.75] * len(texts)}  # 0.75: a run, foreseen


def of(name: str, text: str, figures: bool) -> float:
    asked, evidence = ready(name)
    if figures:
        first, second = two(evidence)
        asked.cite(evidence, {r.name: r.shown for r in (first, second)})
        text = f"{text} {first.shown} and {second.shown}"
    return check(name, asked.answer(text).reflect(LOOKING_BACK)).earned


def test_evidence_that_was_put_together_by_hand_has_no_readings() -> None:
    forged = Evidence(TOPICS["balance"], prediction=begun("balance")[0].predicted)
    assert forged.readings == {}
    asked, _ = ready("balance")
    made = asked.cite(forged, {"hub: tokens": "7"})
    assert not made.stand
    answer = Answered(TOPICS["balance"], "7 and 7", (forged,), made.made, reflection=LOOKING_BACK)
    assert check("balance", answer).earned == 0


def test_a_model_of_ones_own_is_asked() -> None:
    asked = question("balance")
    asked.predict(30)
    with ChatServer(fails(400)) as server:
        evidence = asked.run(BRIDGE, EndpointModel("mine", server.url))
    assert server.asked
    assert evidence.readings["hub: tokens"].value == 0
    assert str(evidence)
