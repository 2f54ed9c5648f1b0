"""Calling a learner's function, sync or async: what it returned, or in words what went wrong.

Async functions run on the virtual clock. An exception, an endless loop, a deadlock and too deep a
recursion become complaints; nothing is raised. Needs no thread. Knows no exercises.
"""

from __future__ import annotations

import asyncio
import inspect
import linecache
import re
import sys
import sysconfig
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

from orchestrator_kit import clock
from orchestrator_kit.catalogue import _
from orchestrator_kit.errors import Deadlock

STEPS = 3_000_000  # instructions of the learner's own, for one input

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_KIT = str(Path(__file__).parent.parent)
_LIBRARIES = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
_NOT_THEIRS = (_KIT, *_LIBRARIES, "<frozen")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a learner's function returned, or what went wrong, in words.

    `seconds` is the virtual time that an async function took.
    """

    value: Any = None
    complaint: str | None = None
    seconds: float = 0.0
    error: BaseException | None = None


def watched(function: Callable[..., Any], *arguments: object, **named: object) -> Outcome:
    """Call a learner's function; an exception or an endless loop becomes a complaint."""
    try:
        with _Patience(STEPS):
            value = function(*arguments, **named)
            if inspect.iscoroutine(value):
                return _awaited(value)
            return Outcome(value)
    except _OutOfPatience as e:
        return Outcome(
            complaint=_(
                "The function does not come to an end on this input{where}. "
                "Does it go round and round?"
            ).format(where=_line(function, e.__traceback__)),
            error=e,
        )
    except RecursionError as e:
        return Outcome(
            complaint=_("The function calls itself without an end{where}.").format(
                where=_line(function, e.__traceback__)
            ),
            error=e,
        )
    except Deadlock as e:
        return Outcome(
            complaint=_(
                "The function waits for something that never happens: everything in it waits, "
                "and nothing is left that could wake it."
            ),
            error=e,
        )
    except (Exception, asyncio.CancelledError) as e:
        first = _first(e)
        return Outcome(
            complaint=_("The function raised {error}{where}.").format(
                error=f"{type(first).__name__}: {first}" if str(first) else type(first).__name__,
                where=_line(function, first.__traceback__),
            ),
            error=first,
        )


def not_a_function(given: object) -> str | None:
    """The complaint about what should be a function and is none; None if it is one."""
    if callable(given):
        return None
    return _(
        "It is checked with a function, but what was given is of the type {kind}. "
        "Hand over the function itself, by its name and without brackets."
    ).format(kind=type(given).__name__)


def no_list() -> str:
    """The complaint about None where a list is expected: mostly a function not yet written."""
    return _(
        "The function returned None, not a list. Is it written already, and does every way "
        "through it end in a return?"
    )


def no_number() -> str:
    """The same where a number is expected."""
    return _(
        "The function returned None, not a number. Is it written already, and does every way "
        "through it end in a return?"
    )


def quoted(value: object) -> str:
    """A value as Python writes it, without addresses and cut where it is long."""
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    text = _ADDRESS.sub("", text)
    return text if len(text) <= 200 else text[:199] + "…"


def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Outcome:
    async def timed() -> Outcome:
        value = await coroutine
        return Outcome(value, seconds=asyncio.get_running_loop().time())

    return clock.run(timed, virtual=True)


def _first(error: BaseException) -> BaseException:
    """The first single error of a group, for a learner reads one at a time."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class _OutOfPatience(BaseException):
    """Beyond the reach of a learner's `except Exception`."""


class _Patience:
    """Counts the learner's instructions that run inside, and ends what runs too many.

    Lines would not do: a loop of one instruction, `while True: pass`, never comes to a new one.
    """

    def __init__(self, steps: int) -> None:
        self._left = steps
        self._theirs: dict[CodeType, bool] = {}

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        code = frame.f_code
        if event == "call":
            if code not in self._theirs:  # the kit's and Python's own are not counted
                file = code.co_filename
                if file == "<string>":  # a method that a dataclass wrote for itself, or the like
                    file = str(frame.f_globals.get("__file__", file))
                self._theirs[code] = not file.startswith(_NOT_THEIRS)
            if not self._theirs[code]:
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self._left -= 1
        if self._left < 0:
            raise _OutOfPatience
        return self._trace


def _line(function: Callable[..., Any], trace: TracebackType | None) -> str:
    """The last line of the learner's own that a traceback passed, in words."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    found = None
    while trace is not None:
        if code is not None and trace.tb_frame.f_code.co_filename == code.co_filename:
            found = trace
        trace = trace.tb_next
    if found is None:
        return ""
    source = linecache.getline(found.tb_frame.f_code.co_filename, found.tb_lineno).strip()
    where = _(", at line {number}").format(number=found.tb_lineno)
    return where + (f" ({source})" if source else "")
