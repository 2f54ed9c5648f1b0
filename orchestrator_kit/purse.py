"""The purse: a run's budget. What a call may take is set aside before it is made. Makes no calls.

An estimate before each call (its input, counted, and all the output it may write), a
reconciliation after it: so nothing is spent beyond the budget, unless a server writes more than
it was allowed to.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_kit.errors import BudgetSpent
from orchestrator_kit.models.base import Model, Usage
from orchestrator_kit.tasks import Budget


@dataclass(frozen=True, slots=True)
class Estimate:
    """The most that one call may take."""

    tokens: int = 0
    usd: float = 0.0


class Purse:
    """What is spent of a budget, and what the calls in flight may still take."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._tokens = self._reserved_tokens = 0
        self._usd = self._reserved_usd = 0.0

    @property
    def limited(self) -> bool:
        """Whether there is a limit that a call's size matters for."""
        return self._budget.tokens is not None or self._budget.usd is not None

    def reserve(self, model: Model, at_most: Usage) -> Estimate:
        """Set aside what a call may take; BudgetSpent where it is not there."""
        tokens, budget = at_most.total, self._budget
        usd = model.price(at_most) or 0.0 if budget.usd is not None else 0.0
        if budget.tokens is not None:
            left = budget.tokens - self._tokens - self._reserved_tokens
            if tokens > left:
                raise BudgetSpent(
                    f"the call may take {tokens:,} tokens, {max(0, left):,} of "
                    f"{budget.tokens:,} are left"
                )
        if budget.usd is not None:
            rest = budget.usd - self._usd - self._reserved_usd
            if usd > rest:
                raise BudgetSpent(
                    f"the call may cost ${usd:.6f}, ${max(0.0, rest):.6f} of "
                    f"${budget.usd:g} are left"
                )
        self._reserved_tokens += tokens
        self._reserved_usd += usd
        return Estimate(tokens, usd)

    def settle(
        self, estimate: Estimate | None, usage: Usage | None, cost_usd: float | None
    ) -> None:
        """Put an estimate back, and take out what the call took in truth."""
        if estimate:
            self._reserved_tokens -= estimate.tokens
            self._reserved_usd -= estimate.usd
        if usage:
            self._tokens += usage.total
            self._usd += cost_usd or 0.0
