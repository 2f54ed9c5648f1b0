"""Processes that make one recorded run each, and may be told where to die.

As a program it takes jobs, a line of JSON each, and forks a process for each: so that only the
first one has to import the kit. It answers with the process's number when it has begun and with
its exit status when it has ended. `arm` also serves processes of their own.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.models import endpoint, reel, reel_file
from orchestrator_kit.models.tape import Tape

Statement = Callable[[str], None]


def arm(kind: str, n: int, more: int = 0) -> None:
    """Have this process die by its own hand, so that no clean-up is made.

    "statement" and "commit": when the n-th statement, or COMMIT, begins. "torn": in the middle of
    what the n-th COMMIT writes to the log, after `more` bytes of it; there the kernel kills.
    "stored": when the n-th call is stored and nobody has seen its reply. "never": not at all.
    """
    if kind == "stored":
        _after_the_call(n)
    elif kind != "never":
        _on_statements(_at(kind, n, more))


def _at(kind: str, n: int, more: int) -> Statement:
    seen = 0

    def heard(statement: str) -> None:
        nonlocal seen
        seen += kind == "statement" or statement == "COMMIT"
        if seen != n:
            return
        if kind == "torn":
            resource.setrlimit(resource.RLIMIT_FSIZE, (_largest_log() + more,) * 2)
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    return heard


def _largest_log() -> int:
    """The size of the write-ahead log that this process writes."""
    logs = (os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _open(fd))
    return max((os.path.getsize(log) for log in logs if log.endswith("-wal")), default=0)


def _open(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


def _after_the_call(n: int) -> None:
    add, stored = reel.Reel.add, 0

    def added(self: reel.Reel, *what: Any) -> None:
        nonlocal stored
        add(self, *what)
        stored += 1
        if stored == n:
            os.kill(os.getpid(), signal.SIGKILL)

    reel.Reel.add = added  # type: ignore


def _on_statements(heard: Statement) -> None:
    connected = reel_file.connected

    def traced(*where: Any) -> sqlite3.Connection:
        db = connected(*where)
        db.set_trace_callback(heard)
        return db

    reel.connected = traced  # type: ignore


def make_run(job: dict[str, Any]) -> None:
    """Make the run of a job, and save its record and the number of SQL statements it took."""
    statements: list[str] = []
    if job["die"] == ["never", 0]:
        _on_statements(statements.append)
    arm(*job["die"])
    model = endpoint.EndpointModel("test", job["url"])
    found = run(
        load_task(job["task"]), job["pattern"], Tape(job["tape"], model), workers=job["workers"]
    )
    found.save(job["record"])
    Path(job["record"]).with_suffix(".statements").write_text(str(len(statements)), "utf-8")


def main() -> None:
    """Take jobs until there are no more."""
    import aiohttp  # noqa: F401 - as the first request would
    import httpx2  # noqa: F401
    import openai  # noqa: F401

    endpoint._tls()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                make_run(json.loads(line))
            except BaseException as e:
                print(f"{type(e).__name__}: {e}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
