"""Socratic questions: predict, run, cite what the run says, answer, and look at the answer again.

Marks are given only for evidence (`checks`): figures that stand in the learner's own record. What
is in a free text is shown and never marked.
"""

from orchestrator_kit.questions.answered import Answered
from orchestrator_kit.questions.evidence import Citation, Citations, Evidence
from orchestrator_kit.questions.question import Question, question, questions
from orchestrator_kit.questions.reading import Reading
from orchestrator_kit.questions.review import Review, Revisit, review

__all__ = [
    "Answered",
    "Citation",
    "Citations",
    "Evidence",
    "Question",
    "Reading",
    "Review",
    "Revisit",
    "question",
    "questions",
    "review",
]
