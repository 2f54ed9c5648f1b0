"""What a model's tokens cost, from the price list bundled with `genai-prices`.

Knows prices per token. Does not know which calls were made, and never goes to
the network: a price is as recent as the installed package.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from orchestrator_kit.models.base import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, going in and coming out.

    `long` holds the prices of longer prompts, if they differ: (input tokens
    above which it holds, input price, output price), shortest first.
    """

    input_usd_per_mtok: float
    output_usd_per_mtok: float
    long: tuple[tuple[int, float, float], ...] = ()

    def cost(self, usage: Usage) -> float:
        """US dollars for one call. The length of its prompt sets all its prices."""
        per_input, per_output = self.input_usd_per_mtok, self.output_usd_per_mtok
        for above, step_input, step_output in self.long:
            if usage.input_tokens > above:
                per_input, per_output = step_input, step_output
        return (usage.input_tokens * per_input + usage.output_tokens * per_output) / 1e6


@cache
def price_of(model: str) -> Price | None:
    """The price of a model by name; None, never zero, where none is known.

    A provider may stand before a slash ("openai/gpt-4o-mini"). Discounts for
    cached input are left out, so that a cost is rather too high than too low.
    """
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    provider, slash, name = model.partition("/")
    try:
        if slash:
            found = calc_price(Tokens(), name, provider_id=provider).model_price
        else:
            found = calc_price(Tokens(), model).model_price
    except LookupError:
        return None
    per_input = getattr(found, "input_mtok", None)
    per_output = getattr(found, "output_mtok", None)
    if per_input is None or per_output is None:
        return None
    steps = {
        step.start for price in (per_input, per_output) for step in getattr(price, "tiers", ())
    }
    return Price(
        _at(per_input, 0),
        _at(per_output, 0),
        tuple((start, _at(per_input, start), _at(per_output, start)) for start in sorted(steps)),
    )


def _at(price: Any, start: int) -> float:
    """A price in the step that begins at `start` input tokens."""
    value = getattr(price, "base", price)
    for step in getattr(price, "tiers", ()):  # shortest first
        if step.start <= start:
            value = step.price
    return float(value)
