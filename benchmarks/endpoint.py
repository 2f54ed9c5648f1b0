"""What a live endpoint costs on top of its own latency, next to leaner ways to call it.

    python benchmarks/endpoint.py --workers 16 64 256 --rounds 5

One plan, N workers at once, one synthesis, the same messages in each way, on a server of its own
process on loopback that takes 50 ms a call and 1 ms an output token. The ways to call it
take turns, each round in another order; medians are shown, with their ratio to
the `openai` client on its aiohttp backend. Trust ratios, not milliseconds.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import groupby
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import openai
from aiohttp import web

from orchestrator_kit import Answer, Document, EndpointModel, Report, Task, run_async
from orchestrator_kit.crew import Crew
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.roles import worker
from orchestrator_kit.roles.ask import Ask

CALL_S, TOKEN_S = 0.050, 0.001
PLAN, WORK, SYNTHESIS = 60, 100, 160  # output tokens
CRITICAL_S = 3 * CALL_S + (PLAN + WORK + SYNTHESIS) * TOKEN_S
MODEL = "gpt-4o-mini"

Step = tuple[list[dict[str, str]], int]  # messages, and the output tokens allowed

PROSE = "The section says what was found, where it was found and how sure one can be. "
TASK = Task(
    "Say what was found and how sure one can be.",
    (Document("paper.md", f"# Paper\n\n{PROSE * 20}"),),
)


def report(name: str, tokens: int, text: str = "") -> Ask[Report]:
    """A call of the kit for one subtask, of which the others send the same messages."""
    return replace(
        worker.report(TASK, TASK.sections, subtask=Subtask(name, "generalist", f"{name} {text}")),
        output_tokens=tokens,
    )


@cache
def steps(n: int) -> tuple[Step, list[Step], Step]:
    """The calls of one run: plan, workers, synthesis; in the kit's own words."""

    def plain(ask: Ask[Report]) -> Step:
        messages = ask.request(EndpointModel(MODEL, "http://127.0.0.1"))[0].messages
        merged = [
            {"role": speaker, "content": "\n\n".join(m.content for m in group)}
            for speaker, group in groupby(messages, key=lambda m: m.speaker)
        ]
        return merged, ask.output_tokens

    plan, synthesis = report("plan", PLAN), report("synthesis", SYNTHESIS, PROSE * 2 * n)
    return plain(plan), [plain(report(f"s{i}", WORK)) for i in range(n)], plain(synthesis)


# The server


def serve(pipe: Connection) -> None:
    """Serve until the pipe's other end closes; send the port first."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    characters = 0

    async def handle(request: web.BaseRequest) -> web.Response:
        nonlocal characters
        if request.method == "GET":
            seen, characters = characters, 0
            return web.json_response(seen)
        body = json.loads(await request.read())
        prompt = sum(len(message["content"]) for message in body["messages"])
        characters += prompt
        tokens = body.get("max_tokens") or body["max_completion_tokens"]
        if not request.path.startswith("/fast"):
            await asyncio.sleep(CALL_S + tokens * TOKEN_S)
        said = {"statement": "word " * max(tokens - 30, 1), "source": "paper#1"}
        content = json.dumps({"findings": [said]})
        message = {"role": "assistant", "content": content, "refusal": None}
        usage = {"prompt_tokens": prompt // 5 + 1, "completion_tokens": tokens}
        answer = {
            "id": "chatcmpl-0",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": usage | {"total_tokens": sum(usage.values())},
        }
        return web.json_response(answer)

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
    pipe.send(runner.addresses[0][1])
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), closed.set)
    await closed.wait()


# The ways to call it


Call = Callable[[Step], Awaitable[object]]


async def fan_out(call: Call, n: int) -> None:
    """Plan, then all workers at once, then the synthesis."""
    plan, work, synthesis = steps(n)
    await call(plan)
    await asyncio.gather(*map(call, work))
    await call(synthesis)


async def openai_default(url: str, n: int) -> None:
    await _openai(openai.AsyncOpenAI(base_url=url, api_key="none"), n)


async def openai_aiohttp(url: str, n: int) -> None:
    http = openai.DefaultAioHttpClient()
    await _openai(openai.AsyncOpenAI(base_url=url, api_key="none", http_client=http), n)


async def _openai(client: openai.AsyncOpenAI, n: int) -> None:
    async def call(step: Step) -> object:
        messages, tokens = step
        return await client.chat.completions.create(
            model=MODEL,
            messages=messages,  # type: ignore[arg-type]
            max_tokens=tokens,
            temperature=0.0,
        )

    async with client:
        await fan_out(call, n)


async def bare_aiohttp(url: str, n: int) -> None:
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

        async def call(step: Step) -> object:
            messages, tokens = step
            body = {
                "model": MODEL,
                "messages": messages,
                "max_tokens": tokens,
                "temperature": 0.0,
            }
            async with session.post(f"{url}/chat/completions", json=body) as response:
                return await response.json()

        await fan_out(call, n)


async def kit(url: str, n: int) -> None:
    """The same work through the whole kit: crew, slots, record, prompts, parsers."""

    async def pattern(crew: Crew, task: Task) -> Answer:
        await crew.ask(report("plan", PLAN))
        plan = Plan(tuple(Subtask(f"s{i}", "generalist", "") for i in range(n)))
        reports = await crew.dispatch(plan, lambda subtask, _: report(subtask.id, WORK))
        last = await crew.ask(report("synthesis", SYNTHESIS, PROSE * 2 * n))
        assert all(r.findings for r in (*reports, last))
        return Answer(last.findings)

    found = await run_async(TASK, pattern, EndpointModel(MODEL, url), workers=n)
    assert found.status == "done"


WAYS: dict[str, Callable[[str, int], Awaitable[None]]] = {
    "openai, default backend": openai_default,
    "openai, aiohttp backend": openai_aiohttp,
    "bare aiohttp": bare_aiohttp,
    "orchestrator_kit": kit,
}
REFERENCE = "openai, aiohttp backend"


# Measuring


@dataclass
class Figures:
    """What the rounds gave for one way and one number of workers."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    fast_s: list[float] = field(default_factory=list)
    characters: int = 0


def timed(way: str, url: str, n: int) -> tuple[float, float]:
    """Seconds of wall and of processor time for one run, its connections included."""

    async def main() -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        await WAYS[way](url, n)
        return time.perf_counter() - wall, time.process_time() - cpu

    return asyncio.run(main())


def characters_seen(host: str) -> int:
    async def main() -> Any:
        async with aiohttp.ClientSession() as session, session.get(host) as response:
            return await response.json()

    return int(asyncio.run(main()))


def measure(host: str, workers: list[int], rounds: int) -> dict[tuple[str, int], Figures]:
    figures = {(way, n): Figures() for way in WAYS for n in workers}
    ways = list(WAYS)
    for way in ways:  # imports, and whatever else happens once
        timed(way, f"{host}/fast/v1", 4)
    characters_seen(host)
    for turn in range(rounds):
        for n in workers:
            for i in range(len(ways)):
                way = ways[(turn + i) % len(ways)]
                figure = figures[way, n]
                wall, cpu = timed(way, f"{host}/v1", n)
                figure.characters = characters_seen(host)
                figure.wall_s.append(wall)
                figure.cpu_s.append(cpu / (n + 2))
                figure.fast_s.append(timed(way, f"{host}/fast/v1", n)[0] / (n + 2))
                characters_seen(host)
    return figures


def table(figures: dict[tuple[str, int], Figures], workers: list[int]) -> str:
    """Markdown; in brackets the ratio to the reference."""

    def cells(of: Callable[[Figures], float], form: str) -> dict[str, str]:
        rows = {}
        for way in WAYS:
            pairs = [(of(figures[way, n]), of(figures[REFERENCE, n])) for n in workers]
            rows[way] = " / ".join(f"{a:{form}} ({a / b:.2f})" for a, b in pairs)
        return rows

    def plain(n: int) -> int:
        plan, work, synthesis = steps(n)
        sent = (plan, *work, synthesis)
        return sum(len(m["content"]) for messages, _ in sent for m in messages)

    columns = {
        "wall / critical path": cells(lambda f: statistics.median(f.wall_s) / CRITICAL_S, ".2f"),
        "CPU ms a call": cells(lambda f: statistics.median(f.cpu_s) * 1000, ".2f"),
        "calls/s at zero latency": cells(lambda f: 1 / statistics.median(f.fast_s), ",.0f"),
        "prompt / plain prompt": {
            way: " / ".join(f"{figures[way, n].characters / plain(n):.2f}" for n in workers)
            for way in WAYS
        },
    }
    at = "N = " + " / ".join(map(str, workers))
    lines = [
        f"| {at} | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
        *(
            f"| {way} | " + " | ".join(rows[way] for rows in columns.values()) + " |"
            for way in WAYS
        ),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    theirs.close()
    try:
        host = f"http://127.0.0.1:{ours.recv()}"
        print(table(measure(host, options.workers, options.rounds), options.workers))
    finally:
        ours.close()
        server.join()


if __name__ == "__main__":
    main()
