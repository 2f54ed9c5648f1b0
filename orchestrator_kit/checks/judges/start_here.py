"""Judges of the exercises on the first tour: what a fact costs, and where the tokens go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from random import Random
from typing import Any

from orchestrator_kit.answer import Answer, Statement
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part, first_fault
from orchestrator_kit.checks.watch import not_a_function, quoted, watched
from orchestrator_kit.comparison import Comparison, Row
from orchestrator_kit.events import (
    Answered,
    CallEnded,
    CallFailed,
    CallStarted,
    Event,
    RunEnded,
    RunStarted,
)
from orchestrator_kit.experiments import compare, run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Usage
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Fact, Task

_ROLES = ("orchestrator", "worker", "synthesizer", "peer")


@exercise(
    "cheapest-1",
    title=N_("The cheapest pattern by the fact"),
    level=1,
    notebook="00_start_here",
    hints=(
        N_(
            "The fewest tokens win nothing if little was found, and the most facts win nothing if "
            "each was dear. Which single number of a row puts the two together?"
        ),
        N_(
            "A row knows its tokens (`row.measures`) and the gold facts of its answer "
            "(`row.score`). Set aside the rows that have no price by the fact, and be ready for "
            "none being left."
        ),
        N_(
            "`min` takes a `key`. If the key is a pair, the second half decides where the first "
            "halves are equal; a minus sign turns an order round. And `min` takes a `default`."
        ),
    ),
)
def cheapest_1(cheapest: object) -> Iterator[Part]:
    """A function from a comparison to the name of the pattern that is the cheapest by the fact."""
    yield Part(_("a function"), not_a_function(cheapest), needed=True)
    assert callable(cheapest)
    clear, barren, tied = _made_up(stream("cheapest-1"))
    asks = _("{n} made-up comparisons in which every pattern found something")
    yield _priced(asks, cheapest, clear)
    asks = _("{n} in which some patterns, or all, found nothing")
    yield _priced(asks, cheapest, barren)
    asks = _("{n} in which two patterns are equally cheap")
    yield _priced(asks, cheapest, tied)
    asks = _("{n} real ones, of several tasks")
    yield _priced(asks, cheapest, _real())


def _priced(asks: str, cheapest: Callable[..., Any], tried: Sequence[Comparison]) -> Part:
    asks = asks.format(n=len(tried))
    return first_fault(asks, tried, partial(_fault_in_price, cheapest), _all_figures)


def _fault_in_price(cheapest: Callable[..., Any], comparison: Comparison) -> str | None:
    """What is wrong with the name that a function gives; None if it is right."""
    outcome = watched(cheapest, comparison)
    if outcome.complaint:
        return outcome.complaint
    name, rows = outcome.value, {row.pattern: row for row in comparison.rows}
    anything = any(map(_facts, rows.values()))
    if name is None:
        return (
            _(
                "The function returned None. But there are patterns here that found facts, so one "
                "of them is the cheapest."
            )
            if anything
            else None
        )
    if isinstance(name, Row):
        return _(
            "The function returned a whole row. Expected is only the name of its pattern, which "
            "the row knows."
        )
    if not isinstance(name, str) or name not in rows:
        return _(
            "The function returned {found}. Expected the name of one of the patterns of this "
            "comparison, as a text."
        ).format(found=quoted(name))
    if not anything:
        return _(
            "The function returned {found}. But no pattern of this comparison found a fact, so "
            "none has a price by the fact: expected None."
        ).format(found=quoted(name))
    if not _facts(rows[name]):
        return _(
            "The function returned {found}, which found no fact at all. However few tokens it "
            "took, it has no price by the fact."
        ).format(found=quoted(name))
    return _fault_in_choice(rows[name], comparison.rows)


def _fault_in_choice(chosen: Row, rows: Sequence[Row]) -> str | None:
    """Why a pattern that found something is not the one that was asked for; None if it is."""
    able = [row for row in rows if _facts(row)]
    for other in able:
        beats = _cost(other) * _facts(chosen) - _cost(chosen) * _facts(other)
        if beats < 0:
            return _why_dearer(chosen, able).format(
                found=quoted(chosen.pattern), mine=_figures(chosen), other=_figures(other)
            )
        if beats == 0 and _facts(other) > _facts(chosen):
            return _(
                "The function returned {found}. By the fact it is as cheap as another one ({mine}; "
                "{other}), and where two are equally cheap, the one that found more is expected."
            ).format(found=quoted(chosen.pattern), mine=_figures(chosen), other=_figures(other))
    return None


def _why_dearer(chosen: Row, able: Sequence[Row]) -> str:
    """The message for a pattern that is not the cheapest: what it may have been taken for."""
    if _cost(chosen) == min(map(_cost, able)):
        return _(
            "The function returned {found}, which took the fewest tokens. But a fact of its answer "
            "is dearer than one of another pattern: {mine}; {other}."
        )
    if _facts(chosen) == max(map(_facts, able)):
        return _(
            "The function returned {found}, which found the most. But each fact of its answer is "
            "dearer than one of another pattern: {mine}; {other}."
        )
    if all(_cost(chosen) * _facts(r) >= _cost(r) * _facts(chosen) for r in able):
        return _(
            "The function returned {found}, which is the dearest by the fact, not the cheapest: "
            "{mine}; {other}. Is the fraction upside down, or the order?"
        )
    return _(
        "The function returned {found}, but another pattern is cheaper by the fact: {mine}; "
        "{other}. Do you count all tokens, those read and those written, and only facts that "
        "were found?"
    )


def _facts(row: Row) -> int:
    return len(row.score.found)


def _cost(row: Row) -> int:
    return row.measures.tokens


def _all_figures(comparison: Comparison) -> str:
    return "; ".join(map(_figures, comparison.rows))


def _figures(row: Row) -> str:
    return _("{pattern} {tokens} tokens for {facts} facts").format(
        pattern=row.pattern, tokens=_cost(row), facts=_facts(row)
    )


@lru_cache
def _real() -> tuple[Comparison, ...]:
    humble = ("single_call", "pipeline", "master_slave")
    return tuple(compare(s.task, s.model, patterns=humble) for s in scenes("cheapest-1", 4))


def _made_up(rng: Random) -> tuple[list[Comparison], list[Comparison], list[Comparison]]:
    """Comparisons with one winner; some with patterns that found nothing; some with a tie."""
    # At first prices that differ by less than a token.
    clear = [_comparison(rng, [(100, 1), (301, 3), (5_000, 2), (900, 4)])]
    barren, tied = [], []
    for k in range(24):
        takings = _takings(rng, 4 + k // 12)
        clear.append(_comparison(rng, takings))
        nothing = [(rng.randrange(50, 90), 0) for _each in range(2)]
        barren.append(_comparison(rng, [*takings[1:], *nothing] if k % 4 < 3 else nothing))
        facts = rng.randint(1, 4)
        twins = [(90 * f, f) for f in (facts, facts + rng.randint(1, 4))]
        tied.append(_comparison(rng, [*twins, *takings[2:]]))
    return clear, barren, tied


def _takings(rng: Random, n: int) -> list[tuple[int, int]]:
    """Tokens and facts of n patterns. The cheapest by the fact is no other extreme as well."""
    while True:
        prices = rng.sample(range(100, 4_000, 7), n)
        takings = [(price * facts, facts) for price in prices for facts in [rng.randint(1, 9)]]
        rows = range(n)
        few = min(rows, key=lambda k: takings[k][0])
        most = max(rows, key=lambda k: takings[k][1])
        best, worst = prices.index(min(prices)), prices.index(max(prices))
        if len({few, most, best, worst}) == 4:
            return takings


def _comparison(rng: Random, takings: Sequence[tuple[int, int]]) -> Comparison:
    """A comparison of patterns that took so many tokens and found so many facts each."""
    facts = tuple(Fact(f"Item {k:02} is found.", (f"item {k:02}",)) for k in range(10))
    task = Task("Which items are there?", facts=facts, title="Items")
    names = rng.sample(list(PATTERNS), len(takings))
    rows = []
    for name, (tokens, found) in zip(names, rng.sample(takings, len(takings)), strict=True):
        said = tuple(Statement(f"Item {k:02} is there.") for k in rng.sample(range(10), found))
        written = rng.randrange(1, tokens - 1)
        made = [_call(0, "worker", "reader", 0.0, 1.0, Usage(tokens - written, written))]
        record = _record(name, made, Answer(said))
        rows.append(Row(record, measure(record), score(task, record.answer)))
    return Comparison(task, {"name": "made up"}, 4, None, tuple(rows))


@exercise(
    "roles-1",
    title=N_("Where did the tokens go?"),
    level=1,
    notebook="00_start_here",
    hints=(
        N_(
            "No single event holds both the role and the tokens of a call. Which event says who "
            "asks, which one what it took, and what do the two have in common?"
        ),
        N_(
            "Remember each call's role under its number when it starts. Replies come back in "
            "another order than that of the requests, so the number is all you can go by."
        ),
        N_(
            "A call may end in `CallEnded` or in `CallFailed`. A failed one may have a `usage` as "
            "well, and then it was paid for; where it is None, there is nothing to add."
        ),
    ),
)
def roles_1(tokens_by_role: object) -> Iterator[Part]:
    """A function from the events of a run to the tokens of each role."""
    yield Part(_("a function"), not_a_function(tokens_by_role), needed=True)
    assert callable(tokens_by_role)
    rng = stream("roles-1")
    asks = _("{n} small records, one call after another")
    yield _shared(asks, tokens_by_role, [_calls_in(rng, k // 6, 1) for k in range(30)])
    asks = _("{n} with calls at the same time")
    yield _shared(asks, tokens_by_role, [_calls_in(rng, 2 + k // 6, 4) for k in range(30)])
    asks = _("{n} with calls that failed or never ended")
    failing = [_calls_in(rng, 1 + k // 6, 3, failing=True) for k in range(30)]
    yield _shared(asks, tokens_by_role, failing)
    asks = _("{n} real runs, where the roles sum up to what all calls took")
    yield _shared(asks, tokens_by_role, _real_runs())


def _shared(asks: str, tokens_by_role: Callable[..., Any], records: Sequence[Run]) -> Part:
    asks = asks.format(n=len(records))
    return first_fault(asks, records, partial(_fault_in_shares, tokens_by_role), _in_short)


def _fault_in_shares(tokens_by_role: Callable[..., Any], record: Run) -> str | None:
    """What is wrong with a function's tokens by role; None if they are right."""
    outcome = watched(tokens_by_role, record.events)
    if outcome.complaint:
        return outcome.complaint
    found = outcome.value
    if found is None:
        return _(
            "The function returned None, not a dict. Is it written already, and does it return "
            "what it has counted?"
        )
    if not isinstance(found, dict):
        return _("Expected a dict from roles to tokens; the function returned {found}.").format(
            found=quoted(found)
        )
    due = {
        role: share.input_tokens + share.output_tokens
        for role, share in measure(record).roles.items()
    }
    if strange := [role for role in found if role not in due]:
        message = _("{role} is no role of a call in this record.").format(role=quoted(strange[0]))
        if any(call.agent == strange[0] for call in calls(record)):
            message = _(
                "{role} is an agent: a role is what a call is for, an agent who makes it. Several "
                "agents may have one role."
            ).format(role=quoted(strange[0]))
        return message
    for role, tokens in due.items():
        if found.get(role, 0) != tokens:
            return _why_not(record, role, found.get(role, 0), tokens, sum(found.values()))
    return None


def _why_not(record: Run, role: str, said: object, due: int, total: object) -> str:
    """The message for a number of tokens that is wrong: what it may have been taken for."""
    mine = [call for call in calls(record) if call.role == role]
    given, written = measure(record).roles[role].input_tokens, measure(record).roles[role]
    lost = sum(c.usage.total for c in mine if c.usage and c.failure)
    figures = {"role": quoted(role), "said": quoted(said), "due": due, "total": quoted(total)}
    if said == given and said != due:
        text = _(
            "For {role} the function returned {said}: what was read, without what was written."
        )
    elif said == written.output_tokens:
        text = _(
            "For {role} the function returned {said}: what was written, without what was read."
        )
    elif said == len(mine):
        text = _("For {role} the function returned {said}, its calls. Expected are its tokens.")
    elif lost and said == due - lost:
        text = _(
            "For {role} the function returned {said}; its calls took {due}. A call that failed may "
            "have been paid for all the same."
        )
    elif total == measure(record).tokens:
        text = _(
            "For {role} the function returned {said}; its calls took {due}. All roles together "
            "({total}) are right, so tokens of one role were booked on another. Which reply "
            "belongs to which request?"
        )
    else:
        text = _("For {role} the function returned {said}; its calls took {due}.")
    return text.format(**figures)


@lru_cache
def _real_runs() -> tuple[Run, ...]:
    """Runs of several patterns, sound and with replies that were paid for and brought nothing."""
    found = []
    for scene in scenes("roles-1", 2):
        spoiled = Faults(scene.model, ["refusal:role=worker,nth=2", "malformed:role=worker,nth=3"])
        found += [run(scene.task, name, scene.model) for name in ("single_call", "master_slave")]
        found += [run(scene.task, "orchestrator_worker", spoiled)]
    return tuple(found)


def _calls_in(rng: Random, n: int, at_once: int, *, failing: bool = False) -> Run:
    """A record with n calls, in which up to so many are under way at the same time."""
    made: list[list[Event]] = []
    free = [0.0] * at_once
    for number in range(n):
        slot = min(range(at_once), key=lambda k: free[k])
        began, role = free[slot], rng.choice(_ROLES)
        ended = free[slot] = began + rng.randint(1, 9)
        usage: Usage | None = Usage(rng.randrange(100, 3_000), rng.randrange(10, 99))
        how = rng.choice(("ended", "paid", "failed", "open", "spoiled")) if failing else "ended"
        if failing and number == 0:
            how = "paid"
        made.append(_call(number, role, rng.choice("ABC"), began, ended, usage, how))
    return _record("made up", made, Answer())


def _call(
    number: int,
    role: str,
    agent: str,
    began: float,
    ended: float,
    usage: Usage | None,
    how: str = "ended",
) -> list[Event]:
    """The events of one call. `paid`: it failed and was paid for; `spoiled`: its reply was bad."""
    start = CallStarted(began, number, role, agent, 0, None, (), None, (), 800)
    end = CallEnded(ended, number, "", usage or Usage(0, 0), None, "stop")
    kinds: dict[str, list[Event]] = {
        "ended": [end],
        "paid": [CallFailed(ended, number, "refusal", "It declines.", usage)],
        "failed": [CallFailed(ended, number, "crash", "It broke down.")],
        "spoiled": [end, CallFailed(ended, number, "malformed", "It is no report.")],
        "open": [],
    }
    return [start, *kinds[how]]


def _record(name: str, made: Sequence[Sequence[Event]], answer: Answer) -> Run:
    """A record of calls, their events in the order of time."""
    events = sorted((e for each in made for e in each), key=lambda e: e.t)
    end = max((e.t for e in events), default=0.0)
    first = RunStarted(0.0, name, "made up", "made up", 4)
    return Run((first, *events, Answered(end, answer), RunEnded(end, "done")))


def _in_short(record: Run) -> str:
    """The calls of a record, as far as they matter here."""
    told = []
    for event in record.events[:40]:
        if isinstance(event, CallStarted):
            told.append(f"CallStarted(call={event.call}, role={event.role!r})")
        elif isinstance(event, CallEnded | CallFailed):
            u = event.usage
            usage = f"Usage({u.input_tokens}, {u.output_tokens})" if u else "None"
            told.append(f"{type(event).__name__}(call={event.call}, usage={usage})")
    return ", ".join(told[:8]) + (", …" if len(told) > 8 else "")
