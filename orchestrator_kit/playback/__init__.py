"""A run on a time line: its moments, what is the case at each of them, who tells whom what.

A reading of a record, in words and data; draws nothing.
"""

from orchestrator_kit.playback.messages import CENTRE, Cast, Node, Sent, cast_of, messages
from orchestrator_kit.playback.timeline import Happening, Moment, Timeline

__all__ = [
    "CENTRE",
    "Cast",
    "Happening",
    "Moment",
    "Node",
    "Sent",
    "Timeline",
    "cast_of",
    "messages",
]
