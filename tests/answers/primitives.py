"""Answers to the exercises of 01_primitives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any

from tests.answers import right, wrong

Plan = dict[str, list[str]]
Reports = dict[str, Any]
Work = Callable[[str, Reports], Awaitable[Any]]

# --- plan-1, right ---


@right("plan-1")
def by_library(plan: Plan) -> list[str]:
    try:
        TopologicalSorter(plan).prepare()
    except CycleError as e:
        return list(e.args[1])  # the first is said again at the end, and it runs backwards
    return []


@right("plan-1")
def by_recursion(plan: Plan) -> list[str]:
    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        for need in plan.get(name, []):
            if circle := walk(need, [*path, name]):
                return circle
        return []

    return next((circle for name in plan if (circle := walk(name, []))), [])


@right("plan-1")
def by_taking_away(plan: Plan) -> tuple[str, ...]:
    """Takes away what can start, then follows what is left until it comes round."""
    left = {name: [n for n in needs if n in plan] for name, needs in plan.items()}
    while free := [name for name, needs in left.items() if not needs]:
        left = {
            name: [n for n in needs if n not in free]
            for name, needs in left.items()
            if name not in free
        }
    if not left:
        return ()
    walk = [next(iter(left))]
    while walk.count(walk[-1]) == 1:
        walk.append(left[walk[-1]][0])
    return tuple(walk[walk.index(walk[-1]) : -1])


# --- plan-1, plausible and wrong ---


@wrong("plan-1", "returned None")
def not_written(plan: Plan) -> None:
    """The stub of the exercise."""


@wrong("plan-1", "But in this plan a subtask waits")
def never_a_circle(plan: Plan) -> list[str]:
    return []


@wrong("plan-1", "nobody in this plan waits for itself")
def everybody(plan: Plan) -> list[str]:
    return list(plan)


@wrong("plan-1", "But in this plan a subtask waits")
def only_itself(plan: Plan) -> list[str]:
    return next(([name] for name, needs in plan.items() if name in needs), [])


@wrong("plan-1", "But in this plan a subtask waits")
def only_pairs(plan: Plan) -> list[str]:
    pairs = ([a, b] for a in plan for b in plan if a in plan.get(b, []) and b in plan[a])
    return next(pairs, [])


@wrong("plan-1", "does not need")
def met_before(plan: Plan) -> list[str]:
    """Takes meeting a subtask a second time, on any walk, for a circle."""
    seen: list[str] = []

    def walk(name: str) -> bool:
        if name in seen:
            return True
        seen.append(name)
        return any(walk(need) for need in plan.get(name, []))

    return seen if any(walk(name) for name in plan if name not in seen) else []


@wrong("plan-1", "does not need")
def with_the_way_there(plan: Plan) -> list[str]:
    """Returns the whole walk, also what only leads to the circle."""

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path
        for need in plan.get(name, []):
            if circle := walk(need, [*path, name]):
                return circle
        return []

    return next((circle for name in plan if (circle := walk(name, []))), [])


@wrong("plan-1", "raised KeyError")
def stumbles_over_unknown_needs(plan: Plan) -> list[str]:
    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        for need in plan[name]:
            if circle := walk(need, [*path, name]):
                return circle
        return []

    return next((circle for name in plan if (circle := walk(name, []))), [])


@wrong("plan-1", "But in this plan a subtask waits")
def first_need_only(plan: Plan) -> list[str]:
    """Follows only the first need of each subtask."""
    return by_recursion({name: needs[:1] for name, needs in plan.items()})


@wrong("plan-1", "does not come to an end")
def goes_round_and_round(plan: Plan) -> list[str]:
    for name in plan:
        while plan.get(name):
            name = plan[name][0]
    return []


@wrong("plan-1", "calls itself without an end")
def calls_itself(plan: Plan) -> list[str]:
    def walk(name: str) -> None:
        for need in plan.get(name, []):
            walk(need)

    for name in plan:
        walk(name)
    return []


@wrong("plan-1", "changed the plan")
def takes_the_plan_apart(plan: Plan) -> list[str]:
    found = by_recursion(plan)
    plan.clear()
    return found


@wrong("plan-1", "Expected a list of ids; the function returned False")
def yes_or_no(plan: Plan) -> bool:
    return bool(by_recursion(plan))


@wrong("plan-1", "<generator object one_by_one>")
def one_by_one(plan: Plan) -> Iterator[str]:
    yield from by_recursion(plan)


@wrong("plan-1", "is not the id of a subtask")
def strangers(plan: Plan) -> list[str]:
    return [name.upper() for name in by_recursion(plan)]


@wrong("plan-1", "named once")
def round_twice(plan: Plan) -> list[str]:
    return by_recursion(plan) * 2


@wrong("plan-1", "nobody in this plan waits for itself")
def a_constant(plan: Plan) -> list[str]:
    return ["s1", "s2"]


# --- dispatch-1, right ---


@right("dispatch-1")
async def by_a_pool(plan: Plan, work: Work, workers: int) -> Reports:
    """As many loops as workers, and a queue of what is ready."""
    ready: asyncio.Queue[str | None] = asyncio.Queue()
    missing = {name: len(needs) for name, needs in plan.items()}
    reports: Reports = {}
    left = len(plan)

    def end(name: str) -> None:
        nonlocal left
        left -= 1
        for follower in plan:
            if name in plan[follower]:
                missing[follower] -= 1
                if not missing[follower]:
                    ready.put_nowait(follower)
        if not left:
            for _worker in range(workers):
                ready.put_nowait(None)

    async def worker() -> None:
        while (name := await ready.get()) is not None:
            if all(need in reports for need in plan[name]):
                with suppress(Exception):
                    reports[name] = await work(name, {n: reports[n] for n in plan[name]})
            end(name)

    for name in plan:
        if not plan[name]:
            ready.put_nowait(name)
    if plan:
        await asyncio.gather(*(worker() for _worker in range(workers)))
    return reports


@right("dispatch-1")
async def by_waiting_for_the_first(plan: Plan, work: Work, workers: int) -> Reports:
    """One loop that starts what it can and then waits until anything has ended."""
    sorter = TopologicalSorter(plan)
    sorter.prepare()
    reports: Reports = {}
    under_way: dict[asyncio.Task[Any], str] = {}
    waiting: list[str] = []
    while sorter.is_active():
        waiting += sorter.get_ready()
        while waiting and len(under_way) < workers:
            name = waiting.pop()
            if set(plan[name]) <= reports.keys():
                given = {need: reports[need] for need in plan[name]}
                under_way[asyncio.ensure_future(work(name, given))] = name
            else:
                sorter.done(name)
                waiting += sorter.get_ready()
        if under_way:
            done, _rest = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name = under_way.pop(task)
                if task.exception() is None:
                    reports[name] = task.result()
                sorter.done(name)
    return reports


# --- dispatch-1, plausible and wrong ---


@wrong("dispatch-1", "No subtask was ever started")
async def nothing_yet(plan: Plan, work: Work, workers: int) -> None: ...


async def _attempt(name: str, plan: Plan, work: Work, reports: Reports) -> None:
    """What is right in most of what follows: done if it has what it needs, and noted."""
    if all(need in reports for need in plan[name]):
        with suppress(Exception):
            reports[name] = await work(name, {need: reports[need] for need in plan[name]})


@wrong("dispatch-1", "Nothing ever ran at the same time")
async def one_after_another(plan: Plan, work: Work, workers: int) -> Reports:
    reports: Reports = {}
    for name in TopologicalSorter(plan).static_order():
        await _attempt(name, plan, work, reports)
    return reports


@wrong("dispatch-1", "That is work in waves")
async def in_waves(plan: Plan, work: Work, workers: int) -> Reports:
    sorter = TopologicalSorter(plan)
    sorter.prepare()
    reports: Reports = {}
    slots = asyncio.Semaphore(workers)

    async def one(name: str) -> None:
        async with slots:
            await _attempt(name, plan, work, reports)

    while sorter.is_active():
        wave = sorter.get_ready()
        await asyncio.gather(*map(one, wave))
        sorter.done(*wave)
    return reports


@wrong("dispatch-1", "before")
async def all_at_once(plan: Plan, work: Work, workers: int) -> Reports:
    slots = asyncio.Semaphore(workers)
    reports: Reports = {}

    async def one(name: str) -> None:
        async with slots:
            reports[name] = await work(name, {n: reports[n] for n in plan[name] if n in reports})

    await asyncio.gather(*map(one, plan), return_exceptions=True)
    return reports


async def _as_tasks(
    plan: Plan, work: Work, workers: int, one: Callable[..., Awaitable[None]]
) -> Reports:
    """A task for each subtask, which first waits for the tasks of its needs."""
    slots = asyncio.Semaphore(workers)
    reports: Reports = {}
    tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(name: str) -> None:
        await one(name, [tasks[need] for need in plan[name]], slots, reports)

    async with asyncio.TaskGroup() as group:
        for name in plan:
            tasks[name] = group.create_task(begin(name))
    return reports


@wrong("dispatch-1", "The number of workers is 1")
async def without_a_limit(plan: Plan, work: Work, workers: int) -> Reports:
    async def one(name: str, needs: Any, slots: Any, reports: Reports) -> None:
        await asyncio.gather(*needs)
        await _attempt(name, plan, work, reports)

    return await _as_tasks(plan, work, workers, one)


@wrong("dispatch-1", "waits for something that never happens")
async def holds_a_worker_while_it_waits(plan: Plan, work: Work, workers: int) -> Reports:
    async def one(name: str, needs: Any, slots: Any, reports: Reports) -> None:
        async with slots:
            await asyncio.gather(*needs)
            await _attempt(name, plan, work, reports)

    return await _as_tasks(plan, work, workers, one)


@wrong("dispatch-1", "hold a worker while it only waits")
async def holds_a_worker_in_the_plans_order(plan: Plan, work: Work, workers: int) -> Reports:
    """Never stuck, for whoever waits comes after what it waits for."""
    ordered = {name: plan[name] for name in TopologicalSorter(plan).static_order()}
    return await holds_a_worker_while_it_waits(ordered, work, workers)


@wrong("dispatch-1", "its exception came out")
async def a_failure_ends_all(plan: Plan, work: Work, workers: int) -> Reports:
    async def one(name: str, needs: Any, slots: Any, reports: Reports) -> None:
        await asyncio.gather(*needs)
        async with slots:
            reports[name] = await work(name, {need: reports[need] for need in plan[name]})

    return await _as_tasks(plan, work, workers, one)


@wrong("dispatch-1", "It would work without the report")
async def goes_on_without_the_report(plan: Plan, work: Work, workers: int) -> Reports:
    async def one(name: str, needs: Any, slots: Any, reports: Reports) -> None:
        await asyncio.gather(*needs)
        async with slots:
            with suppress(Exception):
                given = {need: reports[need] for need in plan[name] if need in reports}
                reports[name] = await work(name, given)

    return await _as_tasks(plan, work, workers, one)


@wrong("dispatch-1", "A failure is no report")
async def a_failure_as_a_report(plan: Plan, work: Work, workers: int) -> Reports:
    async def one(name: str, needs: Any, slots: Any, reports: Reports) -> None:
        await asyncio.gather(*needs)
        async with slots:
            if any(isinstance(reports[need], str) for need in plan[name]):
                reports[name] = "not done"
                return
            try:
                reports[name] = await work(name, {need: reports[need] for need in plan[name]})
            except Exception as e:
                reports[name] = f"failed: {e}"

    return await _as_tasks(plan, work, workers, one)


@wrong("dispatch-1", "waits for something that never happens")
async def a_failure_is_waited_for(plan: Plan, work: Work, workers: int) -> Reports:
    """Whoever fails never says that it has ended."""
    slots = asyncio.Semaphore(workers)
    over = {name: asyncio.Event() for name in plan}
    reports: Reports = {}

    async def one(name: str) -> None:
        for need in plan[name]:
            await over[need].wait()
        async with slots:
            reports[name] = await work(name, {need: reports[need] for need in plan[name]})
        over[name].set()

    await asyncio.gather(*map(one, plan), return_exceptions=True)
    return reports


@wrong("dispatch-1", "never started, though nothing that it needs has failed")
async def an_empty_report_is_a_failure(plan: Plan, work: Work, workers: int) -> Reports:
    async def one(name: str, needs: Any, slots: Any, reports: Reports) -> None:
        await asyncio.gather(*needs)
        async with slots:
            if all(reports.get(need) for need in plan[name]):
                await _attempt(name, plan, work, reports)

    return await _as_tasks(plan, work, workers, one)


@wrong("dispatch-1", "was started 2 times")
async def asked_for_by_each_follower(plan: Plan, work: Work, workers: int) -> Reports:
    """Recursion along the needs, without remembering what has been asked for."""
    slots = asyncio.Semaphore(workers)
    reports: Reports = {}

    async def one(name: str) -> None:
        await asyncio.gather(*map(one, plan[name]))
        async with slots:
            await _attempt(name, plan, work, reports)

    needed = {need for needs in plan.values() for need in needs}
    await asyncio.gather(*(one(name) for name in plan if name not in needed))
    return reports


@wrong("dispatch-1", "which it does not need")
async def passes_on_everything(plan: Plan, work: Work, workers: int) -> Reports:
    async def one(name: str, needs: Any, slots: Any, reports: Reports) -> None:
        await asyncio.gather(*needs)
        async with slots:
            if all(need in reports for need in plan[name]):
                await _attempt(name, plan, lambda n, _given: work(n, dict(reports)), reports)

    return await _as_tasks(plan, work, workers, one)


@wrong("dispatch-1", "needs the report of")
async def passes_on_nothing(plan: Plan, work: Work, workers: int) -> Reports:
    return await by_a_pool(plan, lambda name, _given: work(name, {}), workers)


@wrong("dispatch-1", "came to its end while")
async def waits_for_nobody(plan: Plan, work: Work, workers: int) -> Reports:
    tasks = [asyncio.ensure_future(work(name, {})) for name in plan]
    await asyncio.sleep(0)
    return dict.fromkeys(plan, tasks and ())


@wrong("dispatch-1", "was never awaited")
async def forgets_to_await(plan: Plan, work: Work, workers: int) -> Reports:
    return {name: work(name, {}) for name in plan}


@wrong("dispatch-1", "Let the end of a need start it")
async def looks_at_the_clock(plan: Plan, work: Work, workers: int) -> Reports:
    reports: Reports = {}
    tasks: dict[str, asyncio.Task[None]] = {}
    while len(tasks) < len(plan):
        for name in plan:
            ready = all(need in tasks and tasks[need].done() for need in plan[name])
            busy = sum(not task.done() for task in tasks.values())
            if name not in tasks and ready and busy < workers:
                tasks[name] = asyncio.create_task(_attempt(name, plan, work, reports))
        await asyncio.sleep(0.75)
    await asyncio.gather(*tasks.values())
    return reports


@wrong("dispatch-1", "does not come to an end")
async def never_gives_way(plan: Plan, work: Work, workers: int) -> Reports:
    """Asks again and again, and so never lets the virtual clock move on."""
    tasks = {name: asyncio.ensure_future(work(name, {})) for name in plan}
    while not all(task.done() for task in tasks.values()):  # noqa: ASYNC110
        await asyncio.sleep(0)
    return {name: task.result() for name, task in tasks.items()}


@wrong("dispatch-1", "Expected a dict from the ids")
async def only_the_reports(plan: Plan, work: Work, workers: int) -> list[Any]:
    return list((await by_a_pool(plan, work, workers)).values())


@wrong("dispatch-1", "did not come back as it was")
async def returns_the_last_only(plan: Plan, work: Work, workers: int) -> Reports:
    reports = await by_a_pool(plan, work, workers)
    return dict(list(reports.items())[-1:])


@wrong("dispatch-1", "a loop of its own")
def a_loop_of_its_own(plan: Plan, work: Work, workers: int) -> Reports:
    return asyncio.run(by_a_pool(plan, work, workers))
