"""Learn, test and measure the orchestrator-worker pattern of LLM systems.

    from orchestrator_kit import compare, load_task
    compare(load_task("legal"))

runs six coordination patterns on a packaged task, on a simulated model and virtual time, and
shows what each cost, how long it took and how good its answer is. See docs/architecture.md.
"""

from orchestrator_kit.answer import Answer, Report, Statement
from orchestrator_kit.errors import KitError, RunInterrupted
from orchestrator_kit.experiments import Comparison, compare, compare_async, run, run_async
from orchestrator_kit.loading import load_task, read_document, scenarios
from orchestrator_kit.metrics import measure
from orchestrator_kit.models import EndpointModel, LocalModel, SimulatedModel
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Budget, Document, Fact, Specialist, Task

__all__ = [
    "PATTERNS",
    "Answer",
    "Budget",
    "Comparison",
    "Document",
    "EndpointModel",
    "Fact",
    "KitError",
    "LocalModel",
    "Report",
    "Run",
    "RunInterrupted",
    "SimulatedModel",
    "Specialist",
    "Statement",
    "Task",
    "compare",
    "compare_async",
    "load_task",
    "measure",
    "read_document",
    "run",
    "run_async",
    "scenarios",
    "score",
]
__version__ = "0.1.0"
