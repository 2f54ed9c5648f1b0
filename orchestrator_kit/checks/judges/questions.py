"""Judges of the Socratic questions: they ask for evidence, and never for what a text means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator_kit.catalogue import N_, _, ngettext
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.questions.answered import Answered
from orchestrator_kit.questions.evidence import Citation
from orchestrator_kit.questions.question import TOPICS
from orchestrator_kit.questions.reading import occurs

FIGURES, WORDS = 2, 20  # figures to cite, of as many runs; different words to look back with

_HINTS = (
    N_(
        "Begin with the prediction, then run, and read the table that comes back row by row: "
        "which two rows, from two different runs, pull your answer in different directions?"
    ),
    N_(
        "Cite a reading by the name in its row, and write the figure as you would in a sentence, "
        "with its unit. Coarser is fine, other is not."
    ),
    N_(
        "Write the answer around the two figures: what the first shows, what the second shows, and "
        "for which task you would therefore decide how. Then say in the look back what surprised "
        "you."
    ),
)


def judged(answer: object, name: str) -> Iterator[Part]:
    """The parts of any of the questions; every one of them asks for evidence."""
    yield Part(_("an answer to this question"), _not_an_answer(answer, name), needed=True)
    assert isinstance(answer, Answered)
    stand = [c for c in answer.cited if c.stands]
    yield Part(_("a prediction before the run"), _unpredicted(answer))
    yield Part(_("two figures of two runs that stand"), _too_few(answer.cited, stand))
    yield Part(_("these figures in the text of the answer"), _unsaid(answer.text, stand))
    yield Part(_("a look back"), _no_look_back(answer, stand))


def _not_an_answer(answer: object, name: str) -> str | None:
    if not isinstance(answer, Answered):
        return _(
            "It is checked with what {call} gives back, but what was given is of the type {kind}."
        ).format(call=f"{name}.answer(…)", kind=type(answer).__name__)
    if answer.topic.name != name:
        return _("This is an answer to the question {theirs}, not to {ours}.").format(
            theirs=answer.topic.name, ours=name
        )
    return None


def _unpredicted(answer: Answered) -> str | None:
    made = [*answer.evidence, *(c.evidence for c in answer.cited)]
    if not any(e.runs for e in made):
        return _(
            "Expected a prediction, and then a run that it can be held against; nothing was run "
            "yet for this answer. If you did so only after the answer, answer once more."
        )
    if not any(e.runs and e.prediction for e in made):
        return _(
            "Something was run, but nothing was predicted before it. What one expects is easily "
            "found again in what one has already seen: predict, and run once more."
        )
    return None


def _too_few(cited: Iterable[Citation], stand: list[Citation]) -> str | None:
    fallen = [c for c in cited if not c.stands]
    if len(stand) < FIGURES and fallen:
        return _(
            "What you cite as {name} does not stand: your own runs say something else, or have no "
            "reading of that name. Expected are two figures that stand, as precise as you like."
        ).format(name=fallen[0].name)
    if len(stand) < FIGURES:
        message = ngettext(
            "Expected two figures that you cite of your own runs and that stand there; there is "
            "{n} so far.",
            "Expected two figures that you cite of your own runs and that stand there; there are "
            "{n} so far.",
            len(stand),
        )
        return message.format(n=len(stand))
    if len({c.reading.runs for c in stand if c.reading}) < FIGURES:
        return _(
            "All your figures are of the same run. A trade-off shows only between runs: cite one "
            "of another run beside it."
        )
    return None


def _unsaid(text: str, stand: list[Citation]) -> str | None:
    if not text.strip():
        return _("No answer is committed yet: expected is a text that has your figures in it.")
    if not stand:
        return _("Your text rests on no figure of your runs yet, so there is none to find in it.")
    said = [c for c in stand if occurs(c.cited, text)]
    if len({c.reading.runs for c in said if c.reading}) >= FIGURES:
        return None
    left = next((c for c in stand if c not in said), stand[0])
    return _(
        "Your text should have two of your figures, of two runs, so that a reader sees what it "
        "rests on. You cited {cited} ({name}); say in the text what it shows."
    ).format(cited=left.cited, name=left.name)


def _no_look_back(answer: Answered, stand: list[Citation]) -> str | None:
    if not (answer.text.strip() and stand):
        return _(
            "One can only look back on an answer that is committed and has at least one figure "
            "that stands."
        )
    different = {word.casefold() for word in answer.reflection.split()}
    if len(different) < WORDS:
        message = ngettext(
            "Look back in a few sentences of your own, with at least {least} different words: what "
            "did the runs, the rubric or a follow-up question change? There is {n} so far.",
            "Look back in a few sentences of your own, with at least {least} different words: what "
            "did the runs, the rubric or a follow-up question change? There are {n} so far.",
            len(different),
        )
        return message.format(least=WORDS, n=len(different))
    return None


def _enter(name: str) -> None:
    @exercise(
        name, title=TOPICS[name].title, level=3, notebook="13_socratic_questions", hints=_HINTS
    )
    def judge(answer: object) -> Iterator[Part]:
        yield from judged(answer, name)


for _name in TOPICS:
    _enter(_name)
