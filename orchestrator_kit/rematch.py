"""The rematch: a pattern against one reader who may spend as many tokens. Draws nothing.

"Many agents win" is often "more tokens win" (arXiv 2604.02460 and others hold one agent against
teams at equal budgets). So the single call gets the pattern's tokens too: as votes, as several
passes, as reviews of its own answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from orchestrator_kit.experiments import WORKERS, Listener, run
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.base import Model
from orchestrator_kit.patterns import Pattern, pattern_named
from orchestrator_kit.patterns.parallelization import voting
from orchestrator_kit.patterns.repetition import passes, self_review
from orchestrator_kit.patterns.single_call import single_call
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.tasks import Task
from orchestrator_kit.trials import Trials, compare_trials


def rematch(
    task: Task,
    model: Model | None = None,
    *,
    against: Pattern | str = "orchestrator_worker",
    trials: int = 1,
    workers: int = WORKERS,
    models: Mapping[str, Model] | None = None,
    recovery: Recovery | str = "retry",
    listen: Listener | None = None,
) -> Trials:
    """A pattern, the single call, and what that makes of the pattern's tokens; the pattern first.

    How often one may repeat for them is measured by a run of each beforehand, with the first seed;
    in the trials the tokens are then nearly equal, never more by a whole repetition.
    """
    pattern = pattern_named(against) if isinstance(against, str) else against

    def tokens(one: Pattern) -> int:
        record = run(
            task,
            one,
            model,
            workers=workers,
            models=models,
            recovery=recovery,
            listen=listen,
        )
        return measure(record).tokens

    whole, once, reviewed = tokens(pattern), tokens(single_call), tokens(self_review)
    times = max(1, whole // once) if once else 1
    rounds = max(0, whole - once) // (reviewed - once) if reviewed > once else 0
    return compare_trials(
        task,
        model,
        trials=trials,
        patterns=[
            pattern,
            single_call,
            partial(voting, voters=times),
            partial(passes, times=times),
            partial(self_review, rounds=rounds),
        ],
        workers=workers,
        models=models,
        recovery=recovery,
        listen=listen,
    )
