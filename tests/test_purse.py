"""The purse: what a call may take is set aside before it is made, so that budgets hold."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit.errors import BudgetSpent
from orchestrator_kit.events import CallRefused
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Reply, Request, Usage
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.purse import Estimate, Purse
from orchestrator_kit.tasks import Budget
from tests.fakes import FunctionModel


class Priced(FunctionModel):
    """A model whose input token costs one dollar and whose output token costs two."""

    def __init__(self) -> None:
        super().__init__(lambda _: ("", 0.0))

    def price(self, usage: Usage) -> float | None:
        return usage.input_tokens + 2.0 * usage.output_tokens


MODEL = Priced()
usages = st.builds(Usage, st.integers(0, 300), st.integers(0, 300))
budgets = st.builds(
    Budget,
    tokens=st.none() | st.integers(0, 3_000),
    usd=st.none() | st.integers(0, 5_000).map(float),
)
# What a call may take, what it takes in the end (None: it brought nothing), and when it ends.
plans = st.lists(st.tuples(usages, st.none() | usages, st.integers(0, 5)), max_size=30)


@given(budgets, plans)
def test_nothing_goes_beyond_the_budget_but_by_what_replies_exceeded_their_estimate(
    budget: Budget, plan: list[tuple[Usage, Usage | None, int]]
) -> None:
    purse = Purse(budget)
    flying: list[tuple[int, Estimate, Usage, Usage | None]] = []
    spent = reserved = over = 0
    cost = set_aside = over_usd = 0.0

    def land(until: float) -> None:
        nonlocal spent, cost, reserved, set_aside, over, over_usd
        for one in [f for f in flying if f[0] <= until]:
            flying.remove(one)
            _, estimate, at_most, took = one
            purse.settle(estimate, took, MODEL.price(took) if took else None)
            reserved -= estimate.tokens
            set_aside -= estimate.usd
            if took:
                spent += took.total
                cost += MODEL.price(took) or 0.0
                over += max(0, took.total - at_most.total)
                over_usd += max(0.0, (MODEL.price(took) or 0.0) - estimate.usd)

    for n, (at_most, took, later) in enumerate(plan):
        land(n)
        price = MODEL.price(at_most) or 0.0
        room = budget.tokens is None or at_most.total <= budget.tokens - spent - reserved
        money = budget.usd is None or price <= budget.usd - cost - set_aside
        if room and money:
            estimate = purse.reserve(MODEL, at_most)
            assert estimate == Estimate(at_most.total, price if budget.usd is not None else 0.0)
            reserved += estimate.tokens
            set_aside += estimate.usd
            flying.append((n + later, estimate, at_most, took))
        else:
            with pytest.raises(BudgetSpent):
                purse.reserve(MODEL, at_most)
    land(float("inf"))
    assert reserved == set_aside == 0
    if budget.tokens is not None:
        assert spent <= budget.tokens + over
    if budget.usd is not None:
        assert cost <= budget.usd + over_usd


@given(st.lists(usages, max_size=10), st.integers(0, 2_000))
def test_what_was_set_aside_and_not_used_comes_back(at_most: list[Usage], tokens: int) -> None:
    purse = Purse(Budget(tokens=tokens))
    for usage in at_most:
        if usage.total <= tokens:
            purse.settle(purse.reserve(MODEL, usage), None, None)
    assert purse.reserve(MODEL, Usage(tokens, 0)).tokens == tokens
    with pytest.raises(BudgetSpent):
        purse.reserve(MODEL, Usage(1, 0))


def test_a_refused_call_names_what_it_wanted_and_what_was_left() -> None:
    purse = Purse(Budget(tokens=10_000))
    purse.settle(purse.reserve(MODEL, Usage(5_000, 500)), Usage(5_000, 200), None)
    purse.reserve(MODEL, Usage(1_000, 1_000))
    line = "the call may take 2,801 tokens, 2,800 of 10,000 are left"
    with pytest.raises(BudgetSpent, match=re.escape(line)):
        purse.reserve(MODEL, Usage(2_801, 0))
    money = Purse(Budget(usd=10.0))
    money.settle(money.reserve(MODEL, Usage(2, 2)), Usage(2, 9), 20.0)
    line = "the call may cost $1.000000, $0.000000 of $10 are left"
    with pytest.raises(BudgetSpent, match=re.escape(line)):
        money.reserve(MODEL, Usage(1, 0))


def test_a_refused_call_sets_nothing_aside() -> None:
    purse = Purse(Budget(tokens=100, usd=10.0))
    with pytest.raises(BudgetSpent, match="may cost"):
        purse.reserve(MODEL, Usage(50, 0))
    with pytest.raises(BudgetSpent, match="may take"):
        purse.reserve(MODEL, Usage(101, 0))
    purse.reserve(MODEL, Usage(10, 0))


def test_without_a_limit_nothing_is_asked_for() -> None:
    assert not Purse(Budget(seconds=1.0)).limited
    assert Purse(Budget(tokens=1)).limited
    assert Purse(Budget(usd=1.0)).limited


# ---- in runs ----


class Wordy(SimulatedModel):
    """Writes more than it was allowed to, in one of its calls, and says so in its usage."""

    def __init__(self, nth: int, more: int) -> None:
        super().__init__()
        self.left, self.more = nth, more

    async def complete(self, request: Request) -> Reply:
        reply = await super().complete(request)
        self.left -= 1
        if self.left:
            return reply
        usage = Usage(reply.usage.input_tokens, request.max_output_tokens + self.more)
        return replace(reply, usage=usage, cost_usd=self.price(usage))


@given(
    st.sampled_from(sorted(PATTERNS)),
    st.integers(500, 60_000),
    st.integers(1, 6),
    st.integers(1, 10),
    st.integers(0, 5_000),
)
def test_a_run_exceeds_its_tokens_by_no_more_than_the_reply_that_was_too_long(
    pattern: str, tokens: int, workers: int, nth: int, more: int
) -> None:
    task = replace(load_task("legal"), budget=Budget(tokens=tokens))
    record = run(task, pattern, Wordy(nth, more), workers=workers, recovery="full")
    m = measure(record)
    assert m.tokens <= tokens + more
    for event in record.events:
        if isinstance(event, CallRefused) and event.kind == "budget":
            assert re.search(rf"[\d,]+ of {tokens:,} are left", event.message)


@given(st.sampled_from(sorted(PATTERNS)), st.floats(1e-5, 0.02), st.integers(1, 6))
def test_a_run_never_exceeds_its_dollars(pattern: str, usd: float, workers: int) -> None:
    task = replace(load_task("legal"), budget=Budget(usd=usd))
    record = run(task, pattern, SimulatedModel(), workers=workers, recovery="full")
    assert sum(c.cost_usd or 0.0 for c in calls(record)) <= usd


def test_how_a_server_counts_is_learnt_from_its_first_reply() -> None:
    class Talkative(SimulatedModel):
        """States a third more input than we count."""

        async def complete(self, request: Request) -> Reply:
            reply = await super().complete(request)
            stated = reply.usage.input_tokens * 4 // 3
            return replace(reply, usage=replace(reply.usage, input_tokens=stated))

    task = load_task("legal")
    whole = measure(run(task, "pipeline", Talkative())).tokens
    for part in (0.3, 0.5, 0.7, 0.9):
        budget = int(part * whole)
        limited = replace(task, budget=replace(task.budget, tokens=budget))
        record = run(limited, "pipeline", Talkative())
        assert measure(record).tokens <= budget
        assert any(isinstance(e, CallRefused) for e in record.events)
