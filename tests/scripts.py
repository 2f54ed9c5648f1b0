"""The repository's scripts, which belong to no package, as modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

REPO = Path(__file__).parent.parent


def load(path: str) -> ModuleType:
    """The script at `path`, counted from the repository's root."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, REPO / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
