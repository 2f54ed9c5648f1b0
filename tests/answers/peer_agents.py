"""Answers to the exercises of 06_peer_agents."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator_kit.answer import Answer, Report, Statement, merge
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import RunError
from orchestrator_kit.group import together
from orchestrator_kit.patterns.discretion import by_relevance, by_roster
from orchestrator_kit.patterns.master_slave import master_slave, split
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.patterns.single_call import single_call
from orchestrator_kit.patterns.synthesis import synthesize
from orchestrator_kit.roles import synthesizer, worker
from orchestrator_kit.roles.ask import Ask
from orchestrator_kit.tasks import Task
from tests.answers import right, wrong

# --- peers-1, right ---


@right("peers-1")
def by_division(post: int, order: int, report: int) -> int:
    return max(2, (order + report) // post + 2)


@right("peers-1")
def by_drawing_arrows(post: int, order: int, report: int) -> int:
    for n in range(2, 1_000):
        mesh = [(a, b) for a in range(n) for b in range(n) if a != b]
        if len(mesh) * post > sum(order + report for _ in range(n)):
            return n
    return 1_000


# --- peers-1, plausible and wrong ---


def first(cheaper: Callable[[int], bool]) -> int:
    return next(n for n in range(2, 10_000) if cheaper(n))


@wrong("peers-1", "returned None")
def no_count_yet(post: int, order: int, report: int) -> None:
    """The stub of the exercise."""


@wrong("peers-1", "not cheaper yet")
def as_many_will_do(post: int, order: int, report: int) -> int:
    return first(lambda n: n * (n - 1) * post >= n * (order + report))


@wrong("peers-1", "count each pair of peers once")
def pairs_once(post: int, order: int, report: int) -> int:
    return first(lambda n: n * (n - 1) / 2 * post > n * (order + report))


@wrong("peers-1", "what they said themselves")
def tell_themselves(post: int, order: int, report: int) -> int:
    return first(lambda n: n * n * post > n * (order + report))


@wrong("peers-1", "the order to it, and its report")
def orders_only(post: int, order: int, report: int) -> int:
    return first(lambda n: n * (n - 1) * post > n * order)


@wrong("peers-1", "the order to it, and its report")
def reports_only(post: int, order: int, report: int) -> int:
    return first(lambda n: n * (n - 1) * post > n * report)


@wrong("peers-1", "does not come to an end")
def one_post_on_the_board(post: int, order: int, report: int) -> int:
    n = 2
    while n * post <= n * (order + report):
        n += 1
    return n


@wrong("peers-1", "which is not fewer")
def always_three(post: int, order: int, report: int) -> int:
    return 3


@wrong("peers-1", "But in a measured round of")
def one_later(post: int, order: int, report: int) -> int:
    return by_division(post, order, report) + 1


@wrong("peers-1", "at least 2")
def not_rounded(post: int, order: int, report: int) -> float:
    return (order + report) / post + 1


# --- peers-2, right ---


def field_asks(task: Task) -> list[Ask[Report]]:
    return [
        worker.report(
            task,
            [task.section_by_id[i] for i in s.sections],
            specialist=task.specialist(s.specialist),
        )
        for s in by_relevance(task, by_roster(task)).subtasks
    ]


@right("peers-2")
async def experts_and_one_pen(crew: Crew, task: Task) -> Answer:
    """Each expert reads the sections of the field; a synthesizer, or code, writes the answer."""
    reports = await crew.reports(field_asks(task))
    try:
        return await crew.ask(synthesizer.answer(task, reports))
    except RunError as e:
        crew.declare(f"no synthesis ({e.kind})")
        return merge(reports, crew.count_tokens, task.budget.answer_tokens)


@right("peers-2")
async def neighbours(crew: Crew, task: Task) -> Answer:
    """Two halves of the crew read a half each; then each half reads on from the other's report."""
    parts = split(task.sections, 6)
    found: list[Report] = []

    async def pair(one: int, other: int) -> None:
        first = await crew.report(worker.report(task, parts[one], name=f"reader {one}"))
        second = worker.report(task, parts[other], received=[first], name=f"reader {other}")
        found.extend([first, await crew.report(second)])

    async with together() as group:
        for n in range(0, len(parts) - 1, 2):
            group.create_task(pair(n, n + 1))
    return merge(found, crew.count_tokens, task.budget.answer_tokens)


# --- peers-2, plausible and wrong ---


@wrong("peers-2", "Expected an Answer; the pattern returned None")
async def no_pattern_yet(crew: Crew, task: Task) -> None:
    """The stub of the exercise."""


@wrong("peers-2", "A pattern is an async function")
def not_async(crew: Crew, task: Task) -> Answer:
    return Answer((Statement("Nothing."),))


@wrong("peers-2", "Expected an Answer; the pattern returned [")
async def only_reports(crew: Crew, task: Task) -> list[Report]:
    return await crew.reports(field_asks(task))


@wrong("peers-2", "This is master_slave, by whatever name")
async def under_another_name(crew: Crew, task: Task) -> Answer:
    return await master_slave(crew, task)


@wrong("peers-2", "This is single_call, by whatever name")
async def just_one(crew: Crew, task: Task) -> Answer:
    return await single_call(crew, task)


@wrong("peers-2", "This is orchestrator_worker, by whatever name")
async def with_one_more(crew: Crew, task: Task) -> Answer:
    answer = await orchestrator_worker(crew, task)
    await crew.report(worker.report(task, task.sections[:1]))
    return answer


@wrong("peers-2", "The answer has no statements")
async def reads_for_nothing(crew: Crew, task: Task) -> Answer:
    await crew.reports(field_asks(task))
    return Answer()


@wrong("peers-2", "stand in the documents")
async def sums_it_up(crew: Crew, task: Task) -> Answer:
    answer = await experts_and_one_pen(crew, task)
    more = tuple(Statement(f"Point {n} deserves 7{n} more studies.") for n in range(40))
    return Answer(answer.statements[:20] + more)


@wrong("peers-2", "name as their source")
async def loses_the_sources(crew: Crew, task: Task) -> Answer:
    answer = await experts_and_one_pen(crew, task)
    return Answer(tuple(Statement(s.text) for s in answer.statements), answer.gaps)


@wrong("peers-2", "must not be better for being longer")
async def everything_found(crew: Crew, task: Task) -> Answer:
    reports = await crew.reports(field_asks(task))
    last = await crew.report(worker.report(task, task.sections[:2], received=reports))
    return Answer(tuple(f for r in [*reports, last] for f in r.findings))


@wrong("peers-2", "sections that nobody read")
async def the_first_pages(crew: Crew, task: Task) -> Answer:
    parts = split(task.sections, 6)[:4]
    reports = await crew.reports([worker.report(task, part) for part in parts])
    return await synthesize(crew, task, reports)


@wrong("peers-2", "All calls stand side by side")
async def side_by_side(crew: Crew, task: Task) -> Answer:
    reports = await crew.reports(field_asks(task))
    return merge(reports, crew.count_tokens, task.budget.answer_tokens)


@wrong("peers-2", "Who was it for?")
async def forgets_one(crew: Crew, task: Task) -> Answer:
    reports = await crew.reports(field_asks(task))
    return await synthesize(crew, task, reports[1:])


@wrong("peers-2", "which is less than half")
async def everybody_reads_all_twice(crew: Crew, task: Task) -> Answer:
    asks = [worker.report(task, task.sections[1:], specialist=s) for s in task.specialists]
    reports = await crew.reports(asks)
    last = await crew.report(worker.report(task, task.sections, received=reports))
    return merge([last, *reports], crew.count_tokens, task.budget.answer_tokens)


@wrong("peers-2", "awaited one by one")
async def one_by_one(crew: Crew, task: Task) -> Answer:
    reports = [await crew.report(ask) for ask in field_asks(task)]
    return await synthesize(crew, task, reports)


@wrong("peers-2", "the whole run fails with it")
async def trusts_the_centre(crew: Crew, task: Task) -> Answer:
    reports = await crew.reports(field_asks(task))
    return await crew.ask(synthesizer.answer(task, reports))


@wrong("peers-2", "declares no gap")
async def says_nothing_of_it(crew: Crew, task: Task) -> Answer:
    reports = await crew.reports(field_asks(task))
    try:
        return await crew.ask(synthesizer.answer(task, reports))
    except RunError:
        return merge(reports, crew.count_tokens, task.budget.answer_tokens)


@wrong("peers-2", "that it does not declare anyway")
async def always_modest(crew: Crew, task: Task) -> Answer:
    answer = await says_nothing_of_it(crew, task)
    return answer.declaring(["something may be missing"])


@wrong("peers-2", "Does it go round and round?")
async def never_content(crew: Crew, task: Task) -> Answer:
    async def again(n: int) -> None:
        while True:
            await crew.report(worker.report(task, task.sections[:3], name=f"reader {n}"))

    async with together() as group:
        for n in range(3):
            group.create_task(again(n))
    return Answer()


@wrong("peers-2", "raised UnknownName")
async def asks_a_stranger(crew: Crew, task: Task) -> Answer:
    ask = worker.report(task, task.sections, specialist=task.specialist("wizard"))
    return Answer((await crew.report(ask)).findings)
