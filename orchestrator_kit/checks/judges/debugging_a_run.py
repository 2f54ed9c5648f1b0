"""Judges of the exercises on debugging a run: reading a Gantt, finding a planted fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from random import Random
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import Scene, scenes, stream
from orchestrator_kit.checks.verdict import Part, first_fault
from orchestrator_kit.checks.watch import not_a_function, quoted, watched
from orchestrator_kit.events import RunStarted
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import Call, calls
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.record import Run, taken_down

# ---- gantt-1 ----

READ = ("busiest", "longest", "idle_from")


@exercise(
    "gantt-1",
    title=N_("Read a Gantt"),
    level=1,
    notebook="11_debugging_a_run",
    hints=(
        N_(
            "A lane of the picture is a worker, a bar is a call, and its width is its seconds. "
            "The picture shows you where to look; `calls(run)` has the same bars as numbers."
        ),
        N_(
            "For the busiest worker add up the seconds of each lane. A worker with more bars need "
            "not have more seconds, and the lane that ends last need not be the fullest one."
        ),
        N_(
            "All three readings are about the workers' lanes. Leave out the bars of the "
            "orchestrator and the synthesizer: the run ends with one of those, later than the "
            "last worker does."
        ),
    ),
)
def gantt_1(
    first: object, first_read: object, second: object, second_read: object
) -> Iterator[Part]:
    """Two runs of the learner's own, and what was read off the Gantt of each."""
    yield Part(_("two runs of your own"), _not_two_runs(first, second), needed=True)
    assert isinstance(first, Run)
    assert isinstance(second, Run)
    unread = _unread(first_read, 1) or _unread(second_read, 2)
    yield Part(_("two readings"), unread, needed=True)
    assert isinstance(first_read, dict)
    assert isinstance(second_read, dict)
    both = ((1, first, first_read), (2, second, second_read))
    for asks, key, fault in (
        (_("the busiest worker of both runs"), "busiest", _fault_in_busiest),
        (_("the longest call of both runs"), "longest", _fault_in_longest),
        (_("from when on all workers idle, in both runs"), "idle_from", _fault_in_idle),
    ):
        found = (fault(n, _bars(run), read[key]) for n, run, read in both)
        yield Part(asks, next((complaint for complaint in found if complaint), None))


def _not_two_runs(first: object, second: object) -> str | None:
    for n, given in ((1, first), (2, second)):
        if not isinstance(given, Run):
            return _(
                "Expected the record of a run as run {n}, as `run(...)` returns it; what "
                "was given is of the type {kind}."
            ).format(n=n, kind=type(given).__name__)
        if len({bar.worker for bar in _bars(given)}) < 2:
            return _(
                "In run {n} no two workers were at work, so there is nothing to compare. "
                "Choose a pattern with workers, and at least two of them."
            ).format(n=n)
    assert isinstance(first, Run)
    assert isinstance(second, Run)
    if (first.started.task, first.workers, first.started.seed) == (
        second.started.task,
        second.workers,
        second.started.seed,
    ):
        return _(
            "Both runs have the same task, number of workers and seed. One picture read twice is "
            "one reading: make the second run with other settings."
        )
    return None


def _unread(read: object, n: int) -> str | None:
    if not isinstance(read, dict):
        return _(
            "Expected a dict as the reading of run {n}; what was given is of the type {kind}."
        ).format(n=n, kind=type(read).__name__)
    missing = [key for key in READ if read.get(key) is None]
    if missing:
        return _("The reading of run {n} lacks {keys}. Read them off its Gantt.").format(
            n=n, keys=", ".join(missing)
        )
    return None


def _bars(run: Run) -> list[Call]:
    return [call for call in calls(run) if call.worker is not None and call.role == "worker"]


def _fault_in_busiest(n: int, bars: list[Call], said: object) -> str | None:
    seconds: Counter[int | None] = Counter()
    for bar in bars:
        seconds[bar.worker] += bar.seconds  # type: ignore[assignment]  # Counter adds floats too
    if said not in seconds:
        return _(
            "Expected the number of a worker of run {n}, such as it stands beside a lane; "
            "you read {said}."
        ).format(n=n, said=quoted(said))
    most = max(seconds.values())
    if seconds[said] >= most - 1e-6:  # type: ignore[index]
        return None
    if sum(bar.worker == said for bar in bars) >= max(Counter(b.worker for b in bars).values()):
        return _(
            "In run {n} worker {said} has as many bars as anybody, but another worker has "
            "more seconds of work. Add up widths; do not count bars."
        ).format(n=n, said=quoted(said))
    return _("In run {n} another worker than {said} has more seconds of work in its lane.").format(
        n=n, said=quoted(said)
    )


def _fault_in_longest(n: int, bars: list[Call], said: object) -> str | None:
    if said not in {bar.subtask for bar in bars}:
        return _(
            "Expected the id of a subtask that a worker of run {n} had a call for, such "
            "as {example}; you read {said}."
        ).format(n=n, example=quoted(bars[0].subtask), said=quoted(said))
    of_it = max(bar.seconds for bar in bars if bar.subtask == said)
    if of_it >= max(bar.seconds for bar in bars) - 1e-6:
        return None
    return _(
        "In run {n} a call for another subtask than {said} has the wider bar. (The "
        "numbers of `calls(run)` tell apart what the eye cannot.)"
    ).format(n=n, said=quoted(said))


def _fault_in_idle(n: int, bars: list[Call], said: object) -> str | None:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return _("Expected a number of seconds since run {n} began; you read {said}.").format(
            n=n, said=quoted(said)
        )
    decimals = len(text.partition(".")[2]) if "e" not in (text := str(said)) else 6
    allowed = 0.5 * 10**-decimals + 1e-6
    last = max(bar.ended for bar in bars)
    if abs(said - last) <= allowed:
        return None
    if abs(said - last) <= 1:
        return _(
            "In run {n} you read {said}; that is close, but a number is taken to be right "
            "to half a unit of its last digit, and this one is not. Round it properly."
        ).format(n=n, said=quoted(said))
    if said < last:
        return _(
            "In run {n} you read {said}, but at that second a worker still has a call "
            "under way or ahead. Look for the end of the last bar in any worker's lane."
        ).format(n=n, said=quoted(said))
    return _(
        "In run {n} you read {said}, but by then all workers had been idle for a while. "
        "What is at work at the end of a run is the centre, not a worker."
    ).format(n=n, said=quoted(said))


# ---- culprit-1 ----

LOUD = ("crash", "malformed", "timeout", "refusal", "truncated", "empty", "connection")
SLOW, LIE = "slow", "wrong"
_NAMED = {"straggler": SLOW, "wrong": LIE}  # what the exercise calls faults that leave no failure


@dataclass(frozen=True)
class _Case:
    """A run, and what is wrong with it: subtask and kind, or None."""

    run: Run
    wrong: tuple[str, str] | None
    tells: str  # the input in a few words


@exercise(
    "culprit-1",
    title=N_("Find the planted fault"),
    level=2,
    notebook="11_debugging_a_run",
    hints=(
        N_(
            "Take the three kinds of trace one after the other. A loud fault stands in the record "
            "as the failure of a call, also where a later call mended it. Look at calls, not only "
            "at how a subtask ended."
        ),
        N_(
            "For the slow one, compare tokens written a second, not seconds: a bar may be long "
            "because much was written. Compare each worker's call with the middle one of all."
        ),
        N_(
            "For the lie, take each report's figures and the request of the call that the report "
            "came from (`report.call`). A figure which stands nowhere in that request was made up "
            "by this worker; one that arrived in a report from somebody else stands there, and "
            "was only passed on."
        ),
    ),
)
def culprit_1(culprit: object) -> Iterator[Part]:
    """A function that finds in a run's record the subtask and the kind of the fault, or None."""
    yield Part(_("a function"), not_a_function(culprit), needed=True)
    assert callable(culprit)
    cases = _cases()
    yield _judged(_("calls that failed, and runs without a fault"), culprit, cases["loud"])
    yield _judged(
        _("failures that were mended, and runs without a fault"), culprit, cases["mended"]
    )
    yield _judged(_("calls that crawled, and runs without a fault"), culprit, cases["slow"])
    yield _judged(
        _("reports with made-up figures, and runs without a fault"), culprit, cases["lie"]
    )


def _judged(asks: str, culprit: Callable[..., Any], cases: list[_Case]) -> Part:
    return first_fault(asks, cases, partial(_fault_in_culprit, culprit), lambda case: case.tells)


def _fault_in_culprit(culprit: Callable[..., Any], case: _Case) -> str | None:
    outcome = watched(culprit, case.run)
    if outcome.complaint:
        return outcome.complaint
    said = outcome.value
    if said is not None and not (isinstance(said, tuple | list) and len(said) == 2):
        return _(
            "Expected a pair of a subtask's id and a kind of fault, or None; the function "
            "returned {said}."
        ).format(said=quoted(said))
    if case.wrong is None:
        return (
            None
            if said is None
            else _(
                "The function returned {said}, but nothing was planted in this run: no call "
                "failed, none crawled, and every figure stands in what its worker had read. "
                "Expected None."
            ).format(said=quoted(said))
        )
    subtask, kind = case.wrong
    if said is None:
        return _overlooked(kind)
    if tuple(said) == case.wrong:
        return None
    if said[0] == subtask:
        return _(
            "The function returned {said}. The subtask is the right one, but this is not the kind "
            "of fault. What trace did it leave in the record?"
        ).format(said=quoted(said))
    if said[1] == kind:
        return _misplaced(kind).format(said=quoted(said))
    return _(
        "The function returned {said}. Another subtask is at fault in this run, and in another way."
    ).format(said=quoted(said))


def _overlooked(kind: str) -> str:
    if kind == SLOW:
        return _(
            "The function returned None, but one worker's call wrote less than half as many "
            "tokens a second as its colleagues' do. Is that looked at already?"
        )
    if kind == LIE:
        return _(
            "The function returned None, but a report in this run has figures that stood nowhere "
            "in what its worker had been given to read. Is that looked at already?"
        )
    return _(
        "The function returned None, but a call of a worker failed in this run. Is that looked at "
        "already, also where the subtask came to a good end after all?"
    )


def _misplaced(kind: str) -> str:
    if kind == SLOW:
        return _(
            "The function returned {said}. The kind is right, but another subtask crawled. A call "
            "that takes long, or writes little, need not be slow: look at tokens a second."
        )
    if kind == LIE:
        return _(
            "The function returned {said}. The kind is right, but that worker did not make "
            "anything up: its figures stand in what it had been given. Who said them first?"
        )
    return _("The function returned {said}. The kind is right, but another subtask's call failed.")


@lru_cache(maxsize=1)
def _cases() -> dict[str, list[_Case]]:
    """Runs with one fault each and runs with none, by what the fault leaves behind."""
    rng = stream("culprit-1")
    staged = list(scenes("culprit-1", 4))
    found: dict[str, list[_Case]] = {"loud": [], "mended": [], "slow": [], "lie": []}
    for scene, kind in zip(staged, rng.sample(LOUD, len(staged)), strict=True):
        sound = run(scene.task, model=scene.model, recovery="degrade")
        plan, _reports = taken_down(sound.events)
        ids = [s.id for s in plan.subtasks] if plan else []
        handed_on = [n for s in (plan.subtasks if plan else ()) for n in s.needs]
        found["loud"].append(_planted(scene, Fault(kind, subtask=rng.choice(ids))))
        mended = Fault(kind, subtask=rng.choice(ids), first=1)
        found["mended"].append(_planted(scene, mended, recovery="retry"))
        crawls = Fault("straggler", subtask=rng.choice(ids), factor=rng.choice((2.3, 2.6, 4)))
        found["slow"].append(_planted(scene, crawls))
        lies = (_planted(scene, Fault("wrong", subtask=one)) for one in _shuffled(rng, handed_on))
        found["lie"] += [case for case in lies if _tells_figures(case, sound)][:1]
        nothing = _Case(_unmarked(sound), None, _told(scene))
        for cases in found.values():
            cases.append(nothing)
    return found


def _shuffled(rng: Random, ids: list[str]) -> list[str]:
    unique = list(dict.fromkeys(ids))
    return rng.sample(unique, len(unique))


def _planted(scene: Scene, fault: Fault, recovery: str = "degrade") -> _Case:
    broken = run(scene.task, model=Faults(scene.model, [fault]), recovery=recovery)
    assert fault.subtask is not None
    kind = _NAMED.get(fault.kind, fault.kind)
    return _Case(_unmarked(broken), (fault.subtask, kind), _told(scene))


def _told(scene: Scene) -> str:
    return _('a run of the task "{task}", seed {seed}').format(
        task=scene.task.title, seed=scene.seed
    )


def _unmarked(run: Run) -> Run:
    """The same record without the line in which the kit notes what was planted."""
    first = replace(run.started, faults=(), fault_seed=None)
    assert isinstance(run.events[0], RunStarted)
    return Run((first, *run.events[1:]))


def _tells_figures(case: _Case, sound: Run) -> bool:
    """Whether the planted lie changed a sentence that has a figure, so that it can be seen."""
    assert case.wrong is not None
    texts = []
    for record in (case.run, sound):
        _plan, reports = taken_down(record.events)
        texts.append({f.text for f in reports[case.wrong[0]].findings})
    return any(any(c.isdigit() for c in text) for text in texts[0] - texts[1])
