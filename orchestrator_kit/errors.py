"""Every error of the kit, in one tree. Knows nothing else of the kit.

::

    KitError
    ├── UsageError            the caller's mistake: the message says what to change
    │   ├── TaskError         a task, document or fact that cannot be used
    │   ├── UnknownName       no pattern, scenario or model of that name
    │   ├── MissingExtra      an optional part is not installed: names the command
    │   ├── RecordError       a record file that cannot be read or written
    │   └── TapeError         a tape that cannot be read or written, or is not ours
    ├── CentreGone            the orchestrator was killed, and what it knew is gone with it
    └── RunError              something went wrong while running; has a `kind`
        ├── ModelError        the model's misbehaviour
        │   ├── ModelTimeout        timeout
        │   ├── Silent              silent: no sign of life for too long
        │   ├── Crashed             crash: the worker broke down over this call
        │   ├── Killed              killed: it is gone for the rest of the run
        │   ├── CalledOff           cancelled: the crew or the orchestrator called it off
        │   ├── RateLimited         rate_limit
        │   ├── ServerFailed        server
        │   ├── ConnectionLost      connection
        │   ├── RequestRejected     rejected
        │   ├── ContextOverflow     context
        │   ├── Refused             refusal
        │   ├── EmptyReply          empty
        │   ├── TruncatedReply      truncated
        │   ├── MalformedReply      malformed
        │   └── NotOnTape           tape: a recording that has no reply to this request
        ├── PlanRefused       plan: still invalid after the complaint
        ├── BudgetSpent       budget: the next call would not fit
        └── Deadlock          deadlock: nothing left that could ever happen

    RunInterrupted (a KeyboardInterrupt) carries the records so far.

A caller's mistake is raised. A `RunError` that befalls a worker becomes a
failure in the record, by its `kind`, and a gap in the answer; only where
nothing can be answered any more does it end the run.
"""

from __future__ import annotations

from typing import Any, ClassVar


class KitError(Exception):
    """Anything the kit itself complains about."""


class UsageError(KitError):
    """The caller's mistake; the message names what to change."""


class TaskError(UsageError):
    """A task folder, document, fact or roster that cannot be used."""


class UnknownName(UsageError):
    """A name that stands for nothing here; the message lists what there is."""

    @classmethod
    def among(cls, what: str, name: str, known: Any) -> UnknownName:
        return cls(f"no {what} called {name!r}; there are: {', '.join(sorted(known))}")


class MissingExtra(UsageError):
    """An optional part is not installed; the message is the install command."""


class RecordError(UsageError):
    """A record file that cannot be read or written."""


class TapeError(UsageError):
    """A tape that cannot be read or written, is in use, damaged, newer, or no tape at all."""


class RunError(KitError):
    """Something went wrong while running; `kind` is how the record names it.

    `call` is the number of the call that it befell, where it was one.
    """

    kind: ClassVar[str] = "run"
    call: int | None = None


class ModelError(RunError):
    """The model, or the way to it, misbehaved. `retryable`: a retry can help.

    `usage` and `cost_usd` are those of a reply that came and was of no use: it was paid for.
    `retry_after` are the seconds that the server asks to wait.
    """

    kind = "model"
    retryable: ClassVar[bool] = False
    usage: Any = None
    cost_usd: float | None = None
    retry_after: float | None = None


class ModelTimeout(ModelError):
    """No reply in time."""

    kind = "timeout"
    retryable = True


class Silent(ModelTimeout):
    """The model gave no sign of life for so long that it was taken for lost."""

    kind = "silent"


class Crashed(ModelError):
    """The worker broke down over this call; the next one may go well."""

    kind = "crash"
    retryable = True


class Killed(ModelError):
    """Whoever made this call is gone for the rest of the run, with all it knew."""

    kind = "killed"


class CalledOff(ModelError):
    """The call was under way and was called off."""

    kind = "cancelled"


class RateLimited(ModelError):
    """Too many requests; `retry_after` in seconds where the server said so."""

    kind = "rate_limit"
    retryable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerFailed(ModelError):
    """The server answered with an error of its own (5xx)."""

    kind = "server"
    retryable = True


class ConnectionLost(ModelError):
    """No connection, or it broke before the reply was whole."""

    kind = "connection"
    retryable = True


class RequestRejected(ModelError):
    """The server will not take this request (key, model name, parameters)."""

    kind = "rejected"


class ContextOverflow(ModelError):
    """The request does not fit into the model's context window."""

    kind = "context"


class Refused(ModelError):
    """The model declined to answer."""

    kind = "refusal"


class EmptyReply(ModelError):
    """The reply has no content."""

    kind = "empty"
    retryable = True


class TruncatedReply(ModelError):
    """The reply ended at the output limit, in the middle of its content."""

    kind = "truncated"


class MalformedReply(ModelError):
    """The reply is not what was asked for; the message quotes it."""

    kind = "malformed"


class NotOnTape(ModelError):
    """The recording has no reply to this request, and there is no model to ask."""

    kind = "tape"


class PlanRefused(RunError):
    """The orchestrator's plan stayed invalid after it was told why."""

    kind = "plan"


class BudgetSpent(RunError):
    """The next call would go beyond the budget, so it was not made."""

    kind = "budget"


class Deadlock(RunError):
    """Everything waits and nothing left could ever wake it."""

    kind = "deadlock"


class CentreGone(KitError):
    """The orchestrator was killed. It ends the run, unless a standby takes over.

    No RunError, so that whatever copes with a failed call lets it pass.
    """

    kind: ClassVar[str] = Killed.kind


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C, or the notebook's stop button; `runs` are the records so far, the last one cut."""

    def __init__(self, runs: tuple[Any, ...]) -> None:
        super().__init__("interrupted")
        self.runs = runs
