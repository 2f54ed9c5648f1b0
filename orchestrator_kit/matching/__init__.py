"""Key points in a learner's free text: mentioned, not found, or what may conflict with them.

Rules and a few fitted numbers, no model. A match is a hint and earns no marks; that nothing was
matched says almost nothing about the learner. Knows no questions, diaries or screens.
"""

from orchestrator_kit.matching.finding import (
    LONGEST,
    MAY_CONFLICT,
    MENTIONED,
    NOT_FOUND,
    Found,
    KeyPoint,
    State,
    find,
)

__all__ = [
    "LONGEST",
    "MAY_CONFLICT",
    "MENTIONED",
    "NOT_FOUND",
    "Found",
    "KeyPoint",
    "State",
    "find",
]
