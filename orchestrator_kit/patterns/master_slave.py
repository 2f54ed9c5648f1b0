"""Master-slave: identical workers on shards of the documents, then a reduce.

The name is the literature's; map-reduce is its kin. Replication, where orchestrator-worker has
specialization.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
from orchestrator_kit.patterns.synthesis import synthesize
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Section, Task


async def master_slave(crew: Crew, task: Task) -> Answer:
    """Give each worker the same instruction and a shard of its own; reduce their reports."""
    shards = split(task.sections, crew.workers)
    asks = [worker.report(task, shard, name=f"worker {n}") for n, shard in enumerate(shards, 1)]
    return await synthesize(crew, task, await crew.reports(asks))


def split(sections: Sequence[Section], parts: int) -> list[list[Section]]:
    """Sections in at most so many runs of neighbours, of about as many words each."""
    total = sum(s.words for s in sections)
    shards: list[list[Section]] = [[] for _ in range(parts)]
    before = 0
    for s in sections:
        middle = before + s.words / 2
        shards[min(parts - 1, int(parts * middle / total)) if total else 0].append(s)
        before += s.words
    return [shard for shard in shards if shard]
