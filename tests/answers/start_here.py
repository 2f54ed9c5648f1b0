"""Answers to the exercises of 00_start_here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from orchestrator_kit.comparison import Comparison, Row
from orchestrator_kit.events import CallEnded, CallFailed, CallStarted
from orchestrator_kit.metrics import measure
from orchestrator_kit.record import Run
from tests.answers import right, wrong

# --- cheapest-1, right ---


@right("cheapest-1")
def with_fractions(comparison: Comparison) -> str | None:
    priced: list[tuple[Fraction, int, str]] = []
    for row in comparison.rows:
        facts = len(row.score.found)
        if facts > 0:
            priced.append((Fraction(row.measures.tokens, facts), -facts, row.pattern))
    return sorted(priced)[0][2] if priced else None


@right("cheapest-1")
def facts_for_a_token(comparison: Comparison) -> str | None:
    """The other way round: the yield of a token."""
    best, rate = None, (0.0, 0)
    for row in comparison.rows:
        facts = round((row.score.recall or 0) * len(comparison.task.facts))
        m = row.measures
        if (mine := (facts / (m.input_tokens + m.output_tokens), facts)) > rate:
            best, rate = row.pattern, mine
    return best


# --- cheapest-1, plausible and wrong ---


def _found(rows: Sequence[Row]) -> list[Row]:
    return [r for r in rows if r.score.found]


@wrong("cheapest-1", "returned None. But there are patterns")
def stub(comparison: Comparison) -> None: ...


@wrong("cheapest-1", "which took the fewest tokens")
def fewest_tokens(comparison: Comparison) -> str:
    return min(comparison.rows, key=lambda r: r.measures.tokens).pattern


@wrong("cheapest-1", "which found the most")
def most_facts(comparison: Comparison) -> str:
    return max(comparison.rows, key=lambda r: len(r.score.found)).pattern


@wrong("cheapest-1", "raised ZeroDivisionError")
def nothing_found_is_forgotten(comparison: Comparison) -> str:
    def price(row: Row) -> tuple[float, int]:
        facts = len(row.score.found)
        return row.measures.tokens / facts, -facts

    return min(comparison.rows, key=price).pattern


@wrong("cheapest-1", "found no fact at all")
def nothing_found_is_one(comparison: Comparison) -> str:
    rows = comparison.rows
    return min(rows, key=lambda r: r.measures.tokens / max(1, len(r.score.found))).pattern


@wrong("cheapest-1", "so none has a price by the fact: expected None")
def there_is_always_one(comparison: Comparison) -> str:
    def price(row: Row) -> tuple[float, int]:
        facts = len(row.score.found)
        return (row.measures.tokens / facts if facts else float("inf"), -facts)

    return min(comparison.rows, key=price).pattern


@wrong("cheapest-1", "raised ValueError")
def none_is_left(comparison: Comparison) -> str:
    rows = _found(comparison.rows)
    return min(rows, key=lambda r: r.measures.tokens / len(r.score.found)).pattern


@wrong("cheapest-1", "where two are equally cheap")
def the_smaller_of_two(comparison: Comparison) -> str | None:
    rows = _found(comparison.rows)
    key = lambda r: (r.measures.tokens / len(r.score.found), len(r.score.found))  # noqa: E731
    return min(rows, key=key).pattern if rows else None


@wrong("cheapest-1", "upside down")
def the_dearest(comparison: Comparison) -> str | None:
    rows = _found(comparison.rows)
    return max(rows, key=lambda r: r.measures.tokens / len(r.score.found)).pattern if rows else None


@wrong("cheapest-1", "is cheaper by the fact")
def the_second(comparison: Comparison) -> str | None:
    """Neither the fewest tokens nor the most facts, and not the dearest either."""
    rows = sorted(_found(comparison.rows), key=lambda r: r.measures.tokens / len(r.score.found))
    if not rows:
        return None
    most = max(len(r.score.found) for r in rows)
    least = min(r.measures.tokens for r in rows)
    middle = [r for r in rows[1:-1] if r.measures.tokens > least and len(r.score.found) < most]
    return (middle or rows)[0].pattern


@wrong("cheapest-1", "returned a whole row")
def the_row(comparison: Comparison) -> Row | None:
    rows = _found(comparison.rows)
    return min(rows, key=lambda r: r.measures.tokens / len(r.score.found)) if rows else None


@wrong("cheapest-1", "Expected the name of one of the patterns")
def the_price(comparison: Comparison) -> float:
    return min(r.measures.tokens / len(r.score.found) for r in comparison.rows if r.score.found)


# --- roles-1, right ---


@right("roles-1")
def by_the_kits_own_measures(events: Sequence[Any]) -> dict[str, int]:
    shares = measure(Run(tuple(events))).roles
    return {role: s.input_tokens + s.output_tokens for role, s in shares.items()}


@right("roles-1")
def by_searching_the_request(events: Sequence[Any]) -> Counter[str]:
    """For each reply, goes back to the request with its number."""
    tally: Counter[str] = Counter()
    for event in events:
        usage = getattr(event, "usage", None)
        if usage is not None:
            (start,) = [e for e in events if isinstance(e, CallStarted) and e.call == event.call]
            tally[start.role] += usage.total
    return tally


# --- roles-1, plausible and wrong ---


@wrong("roles-1", "returned None, not a dict")
def not_written(events: Sequence[Any]) -> None: ...


def _tally(events: Sequence[Any], kinds: Any, size: Any, who: Any = None) -> dict[str, int]:
    started = {e.call: e for e in events if isinstance(e, CallStarted)}
    tally: Counter[str] = Counter()
    for e in events:
        if isinstance(e, kinds) and e.usage:
            start = started[e.call]
            tally[who(start) if who else start.role] += size(e.usage)
    return dict(tally)


@wrong("roles-1", "may have been paid for all the same")
def only_those_that_ended(events: Sequence[Any]) -> dict[str, int]:
    return _tally(events, CallEnded, lambda u: u.total)


@wrong("roles-1", "without what was written")
def only_what_was_read(events: Sequence[Any]) -> dict[str, int]:
    return _tally(events, CallEnded | CallFailed, lambda u: u.input_tokens)


@wrong("roles-1", "without what was read")
def only_what_was_written(events: Sequence[Any]) -> dict[str, int]:
    return _tally(events, CallEnded | CallFailed, lambda u: u.output_tokens)


@wrong("roles-1", "is an agent")
def by_agent(events: Sequence[Any]) -> dict[str, int]:
    return _tally(events, CallEnded | CallFailed, lambda u: u.total, lambda s: s.agent)


@wrong("roles-1", "its calls. Expected are its tokens")
def calls_are_counted(events: Sequence[Any]) -> dict[str, int]:
    return dict(Counter(e.role for e in events if isinstance(e, CallStarted)))


@wrong("roles-1", "Which reply belongs to which request?")
def the_role_that_asked_last(events: Sequence[Any]) -> dict[str, int]:
    tally: Counter[str] = Counter()
    role = ""
    for e in events:
        if isinstance(e, CallStarted):
            role = e.role
        elif isinstance(e, CallEnded | CallFailed) and e.usage:
            tally[role] += e.usage.total
    return dict(tally)


@wrong("roles-1", "raised AttributeError")
def every_failed_call_has_a_usage(events: Sequence[Any]) -> dict[str, int]:
    started = {e.call: e.role for e in events if isinstance(e, CallStarted)}
    tally: Counter[str] = Counter()
    for e in events:
        if isinstance(e, CallEnded | CallFailed):
            usage: Any = e.usage
            tally[started[e.call]] += usage.input_tokens + usage.output_tokens
    return dict(tally)


@wrong("roles-1", "its calls took")
def the_last_call_only(events: Sequence[Any]) -> dict[str, int]:
    started = {e.call: e.role for e in events if isinstance(e, CallStarted)}
    ended = [e for e in events if isinstance(e, CallEnded | CallFailed)]
    return {started[e.call]: e.usage.total for e in ended if e.usage}


@wrong("roles-1", "is no role of a call")
def with_a_total(events: Sequence[Any]) -> dict[str, int]:
    tally = _tally(events, CallEnded | CallFailed, lambda u: u.total)
    return tally | {"total": sum(tally.values())}


@wrong("roles-1", "Expected a dict from roles to tokens")
def as_pairs(events: Sequence[Any]) -> list[tuple[str, int]]:
    return list(_tally(events, CallEnded | CallFailed, lambda u: u.total).items())
