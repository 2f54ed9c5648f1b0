"""Interactive views of runs, on ipywidgets. Pictures are SVG text, so they follow a slider.

Needs neither threads nor matplotlib. Whatever comes from a model or a task is escaped.
"""

import importlib.util

from orchestrator_kit.errors import MissingExtra

if importlib.util.find_spec("ipywidgets") is None:  # pragma: no cover - in a process of its own
    raise MissingExtra(
        "widgets need ipywidgets; install it with: pip install 'orchestrator-kit[notebook]'"
    )

from orchestrator_kit.widgets.failures import FailurePanel, failure_panel
from orchestrator_kit.widgets.lab import PatternLab, pattern_lab
from orchestrator_kit.widgets.replay import Replay, replay
from orchestrator_kit.widgets.slider import WorkerSlider, worker_slider

__all__ = [
    "FailurePanel",
    "PatternLab",
    "Replay",
    "WorkerSlider",
    "failure_panel",
    "pattern_lab",
    "replay",
    "worker_slider",
]
