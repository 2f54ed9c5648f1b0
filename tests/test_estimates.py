"""Estimates: what a run would take, before anything is sent, held against the run afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_kit.estimates import Rehearsal, estimate
from orchestrator_kit.events import CallStarted
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Model, Usage
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.prices import Price
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.simulated import PROFILES, SimulatedModel
from orchestrator_kit.models.tape import Tape
from orchestrator_kit.patterns import PATTERNS, VARIANTS
from orchestrator_kit.tasks import Task
from tests.servers import ChatServer


@pytest.mark.parametrize("pattern", [*PATTERNS, *VARIANTS])
@pytest.mark.parametrize("workers", [1, 3, 8])
@pytest.mark.parametrize("name", ["legal", "research"])
def test_on_a_simulated_model_the_estimate_is_the_run(
    pattern: str, workers: int, name: str
) -> None:
    task, model = load_task(name), SimulatedModel(workers, "large" if workers == 3 else "small")
    found = estimate(task, pattern, workers, model)
    record = run(task, pattern, model, workers=workers)
    m = measure(record)
    assert (found.pattern, found.model, found.workers) == (pattern, model.name, workers)
    assert (found.calls, found.input_tokens, found.output_tokens) == (
        m.calls,
        m.input_tokens,
        m.output_tokens,
    )
    assert (found.cost_usd, found.seconds) == (m.cost_usd, m.latency_s)
    assert found.at_most_tokens >= m.tokens
    assert found.at_most_usd is not None
    assert m.cost_usd is not None
    assert found.at_most_usd >= m.cost_usd
    # And what it may come to is all the output that its calls were allowed.
    starts = [e for e in record.events if isinstance(e, CallStarted)]
    limits = sum(e.max_output_tokens for e in starts)
    assert found.at_most_tokens == m.input_tokens + limits


@pytest.mark.parametrize("pattern", PATTERNS)
def test_nothing_is_sent_and_the_price_is_that_of_the_named_model(
    pattern: str, small_task: Task
) -> None:
    with ChatServer() as server:
        model = EndpointModel("gpt-4o-mini", server.url, api_key="sk-test", price=Price(3.0, 7.0))
        found = estimate(small_task, pattern, 2, model)
        assert server.asked == []
    assert found.model == "gpt-4o-mini"
    assert found.seconds is None
    assert found.cost_usd == pytest.approx(
        (3.0 * found.input_tokens + 7.0 * found.output_tokens) / 1e6
    )
    most = found.at_most_tokens - found.input_tokens
    assert found.at_most_usd == pytest.approx((3.0 * found.input_tokens + 7.0 * most) / 1e6)


def test_input_is_counted_by_the_named_models_own_tokenizer(small_task: Task) -> None:
    with ChatServer() as server:
        model = EndpointModel("gpt-4o-mini", server.url, api_key="sk-test")
        found = estimate(small_task, "single_call", 1, model)
        record = run(small_task, "single_call", Rehearsal(model), workers=1)
        (start,) = [e for e in record.events if isinstance(e, CallStarted)]
        assert found.input_tokens == sum(model.count_tokens(m.content) for m in start.messages)
        assert found.input_tokens != sum(
            SimulatedModel().count_tokens(m.content) for m in start.messages
        )
        assert server.asked == []


def test_the_named_models_window_and_output_limit_hold_in_the_rehearsal() -> None:
    with ChatServer() as server:
        model = EndpointModel(
            "gpt-4o-mini", server.url, api_key="sk-test", window=4_000, max_output_tokens=300
        )
        record = run(load_task("legal"), "single_call", Rehearsal(model))
        assert server.asked == []
    for start in record.events:
        if isinstance(start, CallStarted):
            assert start.max_output_tokens == 300
            assert sum(model.count_tokens(m.content) for m in start.messages) <= 3_700


def test_a_price_that_goes_by_the_length_of_a_prompt_goes_by_that_of_each_call() -> None:
    with ChatServer() as server:
        long = Price(1.0, 1.0, long=((20_000, 100.0, 100.0),))
        model = EndpointModel("gpt-4o-mini", server.url, api_key="sk-test", price=long)
        found = estimate(load_task("legal"), "orchestrator_worker", 4, model)
    assert found.input_tokens > 20_000  # all together, and no call by itself
    assert found.at_most_usd == pytest.approx(found.at_most_tokens / 1e6)


def test_a_model_without_a_price_has_a_bill_in_tokens_only(small_task: Task) -> None:
    with ChatServer() as server:
        found = estimate(small_task, "pipeline", 2, EndpointModel("nobody-knows-me", server.url))
    assert (found.cost_usd, found.at_most_usd) == (None, None)
    assert found.calls == 3
    assert "unknown" in str(found) or "-" in str(found)


def test_specialists_models_are_rehearsed_too(small_task: Task) -> None:
    own = replace(small_task.specialists[0], model="own")
    task = replace(small_task, specialists=(own, *small_task.specialists[1:]))
    with ChatServer() as server:
        dear = EndpointModel("gpt-4o-mini", server.url, api_key="sk-test", price=Price(9.0, 9.0))
        models: dict[str, Model] = {"own": dear}
        found = estimate(task, "parallelization", 3, SimulatedModel(), models=models)
        assert server.asked == []
    assert found.seconds is None  # of one of them no speed is known
    assert found.at_most_usd is None
    plain = estimate(small_task, "parallelization", 3, SimulatedModel())
    assert found.cost_usd is not None
    assert plain.cost_usd is not None
    assert found.cost_usd > plain.cost_usd


def test_it_says_what_it_is(small_task: Task) -> None:
    found = estimate(small_task, "orchestrator_worker", 2)
    for part in (
        "orchestrator_worker on simulated-small, 2 workers",
        f"about {found.calls} calls",
        f"{found.input_tokens:,} tokens in and {found.output_tokens:,} out",
        f"those calls at most {found.at_most_tokens:,} tokens",
        "From a rehearsal on the simulated reader: real replies differ",
    ):
        assert part in str(found)


def test_the_prices_of_a_rehearsal_add_up_over_its_calls() -> None:
    task, model = load_task("legal"), SimulatedModel(profile=PROFILES["large"])
    found = estimate(task, "orchestrator_worker", 4, model)
    made = calls(run(task, "orchestrator_worker", model, workers=4))
    prices = [model.price(c.usage or Usage(0, 0)) for c in made]
    assert found.cost_usd == pytest.approx(sum(p for p in prices if p))


def test_an_estimate_of_a_recorded_or_faulty_model_records_and_breaks_nothing(
    tmp_path: Path, small_task: Task
) -> None:
    with Reel(tmp_path / "a.okit", record=True) as reel:
        model = Tape(reel, Faults(SimulatedModel(3), ["crash:p=0.9"]))
        found = estimate(small_task, "pipeline", model=model)
        assert found == estimate(small_task, "pipeline", model=SimulatedModel(3))
        assert reel.calls == {}
