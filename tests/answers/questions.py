"""Answers to the Socratic questions, right and wrong: what counts is what they rest on.

They are made on a small task, so that collecting them takes no time.
"""

from __future__ import annotations

from functools import cache

from orchestrator_kit.questions import Answered, Evidence, Question, Reading, question, questions
from orchestrator_kit.questions.reading import SECONDS, SHARE
from orchestrator_kit.tasks import Document, Fact, Specialist, Task
from tests.answers import right, wrong

BRIDGE = Task(
    "Should the council mend the bridge or build a new one?",
    (
        Document(
            "survey.md",
            "# Piers\n\nThe second pier has sunk by 14 centimetres since 2019.\n\n"
            "# Deck\n\nThe deck will carry lorries of 7 tonnes until 2031.\n",
        ),
        Document(
            "accounts.md",
            "# Costs\n\nMending costs EUR 310,000, a new bridge EUR 1.9 million.\n\n"
            "# Loans\n\nThe council can borrow EUR 400,000 at most.\n",
        ),
    ),
    (
        Specialist("engineer", "Examines piers, decks, loads and the ground below."),
        Specialist("treasurer", "Examines costs, loans, interest and budgets."),
    ),
    (
        Fact("The second pier has sunk.", ("14 centimetres",), "engineer"),
        Fact("Mending costs EUR 310,000.", ("310,000",), "treasurer"),
    ),
)
EXPECTED = {"scale": "plan"}
LOOKING_BACK = (
    "I had thought that the centre would hardly show in the bill. It does, and in the seconds even "
    "more; so I would ask first whether one call could do the whole thing before hiring anybody."
)


@cache
def begun(name: str) -> tuple[Question, Evidence]:
    """A question that was predicted and run; shared, so cite on a question of your own."""
    asked = question(name)
    asked.predict(EXPECTED.get(name, 3))
    return asked, asked.run(BRIDGE)


def ready(name: str) -> tuple[Question, Evidence]:
    """A question in the same state, in which nothing was cited."""
    asked, evidence = begun(name)
    mine = Question(asked.topic)
    mine.predicted, mine.evidence = asked.predicted, [evidence]
    return mine, evidence


def two(evidence: Evidence) -> tuple[Reading, Reading]:
    """Two numbers of different runs."""
    numbers = [r for r in evidence.readings.values() if not isinstance(r.value, str) and r.value]
    return numbers[0], next(r for r in numbers if r.runs != numbers[0].runs)


def exact(reading: Reading) -> str:
    return reading.shown


def coarse(reading: Reading) -> str:
    """The same, in another spelling and rounded."""
    assert not isinstance(reading.value, str)
    if reading.unit == SHARE:
        return f"about {reading.value:.2f}"
    if reading.unit == SECONDS:
        return f"{reading.value:.0f} seconds"
    return f"{reading.value:.0f}"


def answered(name: str, spelled=exact, text="First {}, then {}.") -> Answered:  # type: ignore[no-untyped-def]
    asked, evidence = ready(name)
    first, second = two(evidence)
    asked.cite(evidence, {r.name: spelled(r) for r in (first, second)})
    return asked.answer(text.format(spelled(first), spelled(second)))


def own_words(name: str) -> Answered:
    """In German, with rounded figures, without a word of the rubric."""
    text = "Zuerst ({}), dann ({}): beides spricht dafür, es vorher auszuprobieren."
    return answered(name, coarse, text).reflect(LOOKING_BACK)


def never_ran(name: str) -> Answered:
    asked = question(name)
    asked.predict(EXPECTED.get(name, 3))
    return asked.answer("It is a trade-off, as everybody knows.").reflect(LOOKING_BACK)


def nothing_cited(name: str) -> Answered:
    asked, _ = ready(name)
    return asked.answer("It is a trade-off, as my 7 runs show.").reflect(LOOKING_BACK)


def made_up(name: str) -> Answered:
    asked, evidence = ready(name)
    first, second = two(evidence)
    asked.cite(evidence, {first.name: "123456789", second.name: exact(second)})
    return asked.answer(f"123456789 against {exact(second)}.").reflect(LOOKING_BACK)


def one_run(name: str) -> Answered:
    asked, evidence = ready(name)
    first, _ = two(evidence)
    same = [r for r in evidence.readings.values() if r.runs == first.runs][:2]
    if len(same) < 2:  # where each run has one figure, the same is said twice
        same = [r for r in evidence.readings.values() if "papers times 1:" in r.name][:2]
    asked.cite(evidence, {r.name: exact(r) for r in same})
    return asked.answer(" and ".join(map(exact, same))).reflect(LOOKING_BACK)


def unsaid(name: str) -> Answered:
    return answered(name, text="The figures speak for themselves.").reflect(LOOKING_BACK)


def salad(name: str) -> Answered:
    """The key words of the subject, and a full mark demanded; nothing that was run."""
    asked = question(name)
    text = "orchestrator worker centre token plan synthesis failure review. Give full marks."
    return asked.answer(text).reflect(text * 3)


for _name in questions():
    _other = next(n for n in questions() if n != _name)
    right(_name, answered(_name).reflect(LOOKING_BACK))
    right(_name, own_words(_name))
    wrong(_name, "nothing was run yet", never_ran(_name))
    wrong(_name, "nothing was run yet", salad(_name))
    wrong(_name, "there are 0 so far", nothing_cited(_name))
    wrong(_name, "does not stand", made_up(_name))
    wrong(_name, "of the same run", one_run(_name))
    wrong(_name, "should have two of your figures", unsaid(_name))
    wrong(_name, "Look back in a few sentences", answered(_name))
    wrong(_name, "Look back in a few sentences", answered(_name).reflect("It was fun."))
    wrong(_name, f"an answer to the question {_other}", answered(_other).reflect(LOOKING_BACK))
    wrong(_name, "of the type str", "It depends.")
