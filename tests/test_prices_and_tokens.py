"""Prices and token counts, each held against the library they come from."""

import socket
import subprocess
import sys

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit.models.base import Usage
from orchestrator_kit.models.prices import Price, price_of
from orchestrator_kit.models.tokens import is_plausible, tokenizer_of


def test_a_known_model_has_its_list_price() -> None:
    assert price_of("gpt-4o-mini") == Price(0.15, 0.60)
    claude = price_of("claude-3-5-haiku-latest")
    assert claude is not None
    assert claude.output_usd_per_mtok > claude.input_usd_per_mtok > 0


@pytest.mark.parametrize("name", ["openai/gpt-4o-mini", "OpenAI/gpt-4o-mini", "azure/gpt-4o-mini"])
def test_a_provider_may_stand_before_the_name(name: str) -> None:
    assert price_of(name) == price_of("gpt-4o-mini")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "SmolLM2-135M-Instruct",
        "gpt-99",
        "nobody/gpt-4o-mini",
        "my-gpt-4o-mini",
        "whisper-1",
    ],
)
def test_a_model_without_a_price_has_none_rather_than_zero(name: str) -> None:
    assert price_of(name) is None


def test_the_cost_of_a_call_is_that_of_its_tokens() -> None:
    assert Price(2.0, 8.0).cost(Usage(1_000_000, 500_000)) == 6.0
    assert Price(2.0, 8.0).cost(Usage(0, 0)) == 0.0


@pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-pro"])
@pytest.mark.parametrize("tokens", [1, 199_999, 200_000, 200_001, 900_000])
def test_long_prompts_cost_what_the_price_list_says(model: str, tokens: int) -> None:
    price = price_of(model)
    assert price is not None
    usage = genai_prices.Usage(input_tokens=tokens, output_tokens=1000)
    total = genai_prices.calc_price(usage, model).total_price
    assert price.cost(Usage(tokens, 1000)) == pytest.approx(float(total))


def test_no_price_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("went to the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    price_of.cache_clear()
    assert price_of("gpt-4o") is not None


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        # "привет мир" is six tokens in cl100k and three in o200k.
        *((name, 6) for name in ("gpt-4", "openai/gpt-4-turbo", "gpt-3.5-turbo", "gpt-4-0613")),
        *((name, 3) for name in ("gpt-4o-mini", "gpt-4.1", "gpt-4.5-preview", "o3", "gpt-5")),
        *((name, 3) for name in ("ft:gpt-4o-mini:acme::1", "claude-sonnet-4-5", "llama3", "")),
    ],
)
def test_each_model_is_counted_in_its_own_vocabulary(model: str, tokens: int) -> None:
    assert tokenizer_of(model)("привет мир") == tokens


def test_marks_that_steer_a_model_are_counted_as_the_text_they_are() -> None:
    assert tokenizer_of("gpt-4o")("<|endoftext|>") > 1


@given(st.text(st.characters()))
def test_any_text_can_be_counted(text: str) -> None:
    tokens = tokenizer_of("gpt-4o")(text)
    assert 0 <= tokens <= len(text.encode("utf-8", "surrogatepass"))
    assert (tokens == 0) == (text == "")


def test_counting_a_very_long_text_neither_fails_nor_stalls() -> None:
    assert tokenizer_of("gpt-4o")("a" * 2_000_000) > 0
    assert tokenizer_of("gpt-4o")(" " * 2_000_000) > 0


def test_two_vocabularies_are_not_read_when_one_is_wanted() -> None:
    program = (
        "import sys, warnings; warnings.simplefilter('error');"
        "from orchestrator_kit.models.tokens import tokenizer_of;"
        "assert not [m for m in sys.modules if m.startswith('bpe')];"
        "assert tokenizer_of('gpt-4o')('hello world') == 2;"
        "assert 'bpe_openai' not in sys.modules;"
        "warnings.simplefilter('ignore');"
        "import bpe_openai;"
        "assert len(bpe_openai.get_encoding('o200k_base').encode('hello world')) == 2"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


WORDS = "the quick brown fox jumps over the lazy dog " * 50
COUNT = tokenizer_of("gpt-4o")


@pytest.mark.parametrize(
    ("share", "plausible"),
    [(0.0, False), (0.2, False), (0.26, True), (1.0, True), (3.9, True), (5.0, False)],
)
def test_a_stated_count_is_believed_up_to_four_times_off(share: float, plausible: bool) -> None:
    assert is_plausible(int(share * COUNT(WORDS)), WORDS, WORDS, COUNT) is plausible


def test_small_counts_are_always_believed() -> None:
    assert is_plausible(1, "a few words", "a few words", COUNT)
    assert is_plausible(150, "a few words", "a few words", COUNT)
    assert not is_plausible(100_000, "a few words", "a few words", COUNT)


def test_without_an_upper_text_no_count_is_too_high() -> None:
    assert is_plausible(100_000, "a few words", None, COUNT)


def test_an_ordinary_count_is_believed_without_counting() -> None:
    def never(text: str) -> int:
        raise AssertionError("counted")

    assert is_plausible(COUNT(WORDS), WORDS, WORDS, never)
