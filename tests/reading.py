"""A chat server's script that answers as the simulated reader would, from what was sent alone.

So a test can put the whole kit in front of a real HTTP server and still get sound plans, findings
and verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from orchestrator_kit.models.base import Format, Message, Request
from orchestrator_kit.models.reader import Habits, write
from orchestrator_kit.models.simulated import count_tokens
from tests.servers import Answer, Asked, says


def read(asked: Asked) -> str:
    """What the reader makes of a request; the same for the same request."""
    request = _request(asked)
    return write(request, Habits(), Random(asked.prompt), count_tokens)


def reads(delay_s: Callable[[Asked], float] = lambda _: 0.0) -> Callable[[Asked], Answer]:
    """An entry of a script that answers every request properly, after so many seconds."""
    return lambda asked: says(read(asked), delay_s=delay_s(asked))(asked)


def _request(asked: Asked) -> Request:
    """The request as it was before it went over the wire, in as much as a reply depends on it.

    An endpoint gets the messages of one speaker as one; the brief begins with the task's mark.
    """
    user = next(m["content"] for m in asked.body["messages"] if m["role"] == "user")
    material, mark, brief = user.rpartition("<task>")
    form = asked.body["response_format"]["json_schema"]
    return Request(
        (Message("user", material), Message("user", mark + brief)),
        Format.of(form["name"], form["schema"]),
        asked.body["max_tokens"],
    )
