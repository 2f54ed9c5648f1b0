"""Answers to the exercises of 04_master_slave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator_kit import estimate, run
from orchestrator_kit.answer import Report, Statement, merge
from orchestrator_kit.models.base import Model
from orchestrator_kit.patterns.master_slave import split
from orchestrator_kit.roles import synthesizer, worker
from orchestrator_kit.roles.ask import SYSTEM, Ask
from orchestrator_kit.tasks import Task
from orchestrator_kit.text import normalise
from tests.answers import right, wrong

Reports = Sequence[Report]
Findings = list[Statement]

# --- shards-1, right ---


@right("shards-1")
def by_looking_back(reports: Reports) -> Findings:
    found: Findings = []
    for report in reports:
        for finding in report.findings:
            for i, one in enumerate(found):
                if normalise(one.text) == normalise(finding.text):
                    more = [s for s in finding.sources if s not in one.sources]
                    found[i] = replace(one, sources=(*one.sources, *more))
                    break
            else:
                found.append(finding)
    return found


@right("shards-1")
def by_two_passes(reports: Reports) -> tuple[Statement, ...]:
    said = [f for r in reports for f in r.findings]
    names = [normalise(f.text) for f in said]
    return tuple(
        Statement(
            said[names.index(name)].text,
            tuple({s: 1 for f, n in zip(said, names, strict=True) if n == name for s in f.sources}),
        )
        for name in dict.fromkeys(names)
    )


# --- shards-1, plausible and wrong ---


@wrong("shards-1", "returned None")
def no_merge_yet(reports: Reports) -> None:
    """The stub of the exercise."""


@wrong("shards-1", "came back 2 times")
def one_after_another(reports: Reports) -> Findings:
    return [f for r in reports for f in r.findings]


@wrong("shards-1", "does not name it")
def the_first_is_enough(reports: Reports) -> Findings:
    found: dict[str, Statement] = {}
    for f in (f for r in reports for f in r.findings):
        found.setdefault(normalise(f.text), f)
    return list(found.values())


@wrong("shards-1", "whoever said it first")
def the_last_is_enough(reports: Reports) -> Findings:
    return list({normalise(f.text): f for r in reports for f in r.findings}.values())


@wrong("shards-1", "spaces and capitals")
def letter_by_letter(reports: Reports) -> Findings:
    found: dict[str, tuple[str, ...]] = {}
    for f in (f for r in reports for f in r.findings):
        found[f.text] = tuple(dict.fromkeys((*found.get(f.text, ()), *f.sources)))
    return [Statement(text, sources) for text, sources in found.items()]


@wrong("shards-1", "names a source more than once")
def sources_piled_up(reports: Reports) -> Findings:
    found: dict[str, Statement] = {}
    for f in (f for r in reports for f in r.findings):
        name = normalise(f.text)
        old = found.get(name)
        found[name] = replace(old, sources=old.sources + f.sources) if old else f
    return [replace(f, sources=tuple(f.sources)) for f in found.values()]


@wrong("shards-1", "whoever said it first")
def in_small_letters(reports: Reports) -> Findings:
    return [replace(f, text=normalise(f.text)) for f in by_looking_back(reports)]


@wrong("shards-1", "order in which they were first reported")
def in_turn(reports: Reports) -> Findings:
    """As the kit's merge: the first finding of each, then the second of each."""
    first = merge(reports, len, 10**9).statements
    by_text = {normalise(f.text): f for f in by_looking_back(reports)}
    return [by_text[normalise(f.text)] for f in first]


@wrong("shards-1", "not in the order in which they were named")
def sources_sorted(reports: Reports) -> Findings:
    return [replace(f, sources=tuple(sorted(f.sources))) for f in by_looking_back(reports)]


@wrong("shards-1", "all their words and figures")
def by_the_first_words(reports: Reports) -> Findings:
    found: dict[str, Statement] = {}
    for f in by_looking_back(reports):
        found.setdefault(normalise(f.text)[:20], f)
    return list(found.values())


@wrong("shards-1", "Expected a list of statements; the function returned Answer")
def an_answer(reports: Reports) -> object:
    return merge(reports, len, 10**9)


@wrong("shards-1", "in it is none")
def only_texts(reports: Reports) -> list[str]:
    return [f.text for f in by_looking_back(reports)]


@wrong("shards-1", "changed the list")
def uses_reports_up(reports: list[Report]) -> Findings:
    found = by_looking_back(reports)
    reports.clear()
    return found


# --- shards-2, right ---


def prompt(model: Model, ask: Ask[object]) -> int:
    return sum(map(model.count_tokens, (SYSTEM, ask.brief)))


def material(model: Model, ask: Ask[object]) -> int:
    return sum(model.count_tokens(str(block)) for block in ask.blocks)


@right("shards-2")
def by_parts(task: Task, model: Model, workers: int) -> float:
    total = 0.0
    for shard in split(task.sections, workers):
        ask = worker.report(task, shard)
        total += prompt(model, ask) + material(model, ask) + 0.72 * task.budget.report_tokens
    return total + prompt(model, synthesizer.answer(task, []))


@right("shards-2")
def by_one_pile(task: Task, model: Model, workers: int) -> int:
    """The documents once, the prompts as often as there are calls."""
    one = worker.report(task, task.sections)
    shards = min(workers, len(split(task.sections, workers)))
    merging = prompt(model, synthesizer.answer(task, ()))
    each = prompt(model, one) + task.budget.report_tokens * 3 // 4
    return material(model, one) + shards * each + merging


# --- shards-2, plausible and wrong ---


@wrong("shards-2", "returned None")
def no_estimate_yet(task: Task, model: Model, workers: int) -> None:
    """The stub of the exercise."""


@wrong("shards-2", "reads for that as well")
def without_the_merge(task: Task, model: Model, workers: int) -> int:
    asks = [worker.report(task, shard) for shard in split(task.sections, workers)]
    return sum(prompt(model, ask) + material(model, ask) for ask in asks)


@wrong("shards-2", "if every worker read all documents")
def everybody_reads_everything(task: Task, model: Model, workers: int) -> int:
    more = material(model, worker.report(task, task.sections)) * (workers - 1)
    return by_one_pile(task, model, workers) + more


@wrong("shards-2", "number of characters")
def in_characters(task: Task, model: Model, workers: int) -> int:
    return sum(len(d.text) for d in task.documents)


@wrong("shards-2", "number of words")
def in_words(task: Task, model: Model, workers: int) -> int:
    return sum(s.words for s in task.sections)


@wrong("shards-2", "what the documents have alone")
def documents_only(task: Task, model: Model, workers: int) -> int:
    return sum(model.count_tokens(s.text) for s in task.sections)


@wrong("shards-2", "without the prompts")
def without_prompts(task: Task, model: Model, workers: int) -> float:
    reports = 0.75 * workers * task.budget.report_tokens
    return material(model, worker.report(task, task.sections)) + reports


@wrong("shards-2", "Every worker is sent a prompt of its own")
def one_prompt_for_all(task: Task, model: Model, workers: int) -> int:
    ask = worker.report(task, task.sections)
    shards = len(split(task.sections, workers))
    return by_one_pile(task, model, workers) - (shards - 1) * prompt(model, ask)


@wrong("shards-2", "stands first in every request")
def briefs_without_system(task: Task, model: Model, workers: int) -> int:
    made = len(split(task.sections, workers)) + 1
    return by_one_pile(task, model, workers) - made * model.count_tokens(SYSTEM)


@wrong("shards-2", "prompt of the merging call")
def merging_without_a_brief(task: Task, model: Model, workers: int) -> int:
    return by_one_pile(task, model, workers) - prompt(model, synthesizer.answer(task, ()))


@wrong("shards-2", "It reads lists, not JSON")
def reports_at_their_limit(task: Task, model: Model, workers: int) -> float:
    shards = len(split(task.sections, workers))
    return by_parts(task, model, workers) + 0.28 * shards * task.budget.report_tokens


@wrong("shards-2", "more workers than sections")
def nobody_idle(task: Task, model: Model, workers: int) -> float:
    ask = worker.report(task, task.sections)
    each = prompt(model, ask) + 0.75 * task.budget.report_tokens
    return material(model, ask) + workers * each + prompt(model, synthesizer.answer(task, ()))


@wrong("shards-2", "too little by more than a twentieth")
def four_letters_a_token(task: Task, model: Model, workers: int) -> float:
    """A rule of thumb for another tokenizer."""

    class ByLetters:
        count_tokens = staticmethod(lambda text: len(text) / 9)

    return by_parts(task, ByLetters(), workers)  # type: ignore[arg-type]


@wrong("shards-2", "had the model answer")
def buys_it(task: Task, model: Model, workers: int) -> int:
    bought = run(task, "master_slave", model, workers=workers)
    return sum(getattr(e, "usage", None) is not None for e in bought.events)


@wrong("shards-2", "had a whole run rehearsed")
def rehearses_it(task: Task, model: Model, workers: int) -> int:
    return estimate(task, "master_slave", workers, model).input_tokens


@wrong("shards-2", "input and output together")
def with_the_output(task: Task, model: Model, workers: int) -> float:
    shards = len(split(task.sections, workers))
    written = shards * task.budget.report_tokens + task.budget.answer_tokens
    return by_parts(task, model, workers) + 0.95 * written


@wrong("shards-2", "Expected a number of tokens")
def in_a_sentence(task: Task, model: Model, workers: int) -> str:
    return f"{by_parts(task, model, workers)} tokens"
