"""Exercise checks: verdicts in words, and hints when asked for. Holds no answers.

A check tries a learner's work on inputs made from hidden seeds, over several tasks, and looks at
properties of what comes back, so that no constant passes. It takes what it checks as explicit
arguments, keeps nothing between calls but a line in the learner's own diary, and never raises for
a mistake in the learner's code.
"""

from orchestrator_kit.checks.book import Exercise, check, exercise, exercises, hint
from orchestrator_kit.checks.verdict import Hint, Part, Verdict

__all__ = ["Exercise", "Hint", "Part", "Verdict", "check", "exercise", "exercises", "hint"]
