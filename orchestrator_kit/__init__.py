"""Learn, test and measure the orchestrator-worker pattern of LLM systems.

    from orchestrator_kit import compare, load_task
    compare(load_task("legal"))

runs six coordination patterns on a packaged task, on a simulated model and virtual time, and
shows what each cost, how long it took and how good its answer is. See docs/architecture.md.

A name is imported from its module when it is first used, so that importing the kit costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_kit.answer import Answer, Report, Statement
    from orchestrator_kit.comparison import Comparison
    from orchestrator_kit.difference import first_difference
    from orchestrator_kit.errors import KitError, RunInterrupted
    from orchestrator_kit.estimates import estimate
    from orchestrator_kit.experiments import compare, compare_async, run, run_async
    from orchestrator_kit.loading import load_task, read_document, scenarios
    from orchestrator_kit.metrics import measure
    from orchestrator_kit.models.endpoint import EndpointModel
    from orchestrator_kit.models.faults import Fault, Faults
    from orchestrator_kit.models.local import LocalModel
    from orchestrator_kit.models.simulated import SimulatedModel
    from orchestrator_kit.models.tape import Tape
    from orchestrator_kit.patterns import PATTERNS
    from orchestrator_kit.predictions import predict
    from orchestrator_kit.record import Run
    from orchestrator_kit.recovery import POLICIES, Recovery
    from orchestrator_kit.scoring import score
    from orchestrator_kit.tasks import Budget, Document, Fact, Specialist, Task
    from orchestrator_kit.trials import compare_trials

__all__ = [
    "PATTERNS",
    "POLICIES",
    "Answer",
    "Budget",
    "Comparison",
    "Document",
    "EndpointModel",
    "Fact",
    "Fault",
    "Faults",
    "KitError",
    "LocalModel",
    "Recovery",
    "Report",
    "Run",
    "RunInterrupted",
    "SimulatedModel",
    "Specialist",
    "Statement",
    "Tape",
    "Task",
    "compare",
    "compare_async",
    "compare_trials",
    "estimate",
    "first_difference",
    "load_task",
    "measure",
    "predict",
    "read_document",
    "run",
    "run_async",
    "scenarios",
    "score",
]
__version__ = "0.1.0"

_MODULES = {
    "answer": "Answer Report Statement",
    "errors": "KitError RunInterrupted",
    "comparison": "Comparison",
    "difference": "first_difference",
    "estimates": "estimate",
    "experiments": "compare compare_async run run_async",
    "loading": "load_task read_document scenarios",
    "metrics": "measure",
    "models.endpoint": "EndpointModel",
    "models.faults": "Fault Faults",
    "models.local": "LocalModel",
    "models.simulated": "SimulatedModel",
    "models.tape": "Tape",
    "patterns": "PATTERNS",
    "predictions": "predict",
    "record": "Run",
    "recovery": "POLICIES Recovery",
    "scoring": "score",
    "tasks": "Budget Document Fact Specialist Task",
    "trials": "compare_trials",
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # found at once from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
