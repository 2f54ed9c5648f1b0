"""What the package shows to the world, and that importing it does no work."""

import json
import re
import subprocess
import sys

import pytest

import orchestrator_kit

FACE = [
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
HEAVY = (
    "openai matplotlib pandas pyarrow numpy ipywidgets xllamacpp typer rich aiohttp pydantic pypdf "
    "genai_prices bpe_openai IPython httpx"
).split()


def in_a_fresh_interpreter(code: str) -> str:
    """What the code prints as its last line; nothing else may be printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    return line


def test_the_public_names_are_these_and_no_others() -> None:
    assert orchestrator_kit.__all__ == FACE


def test_the_public_names_are_in_the_order_of_the_linter() -> None:
    def place(name: str) -> tuple[int, str]:
        kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
        return kind, name

    assert sorted(orchestrator_kit.__all__, key=place) == orchestrator_kit.__all__


@pytest.mark.parametrize("name", FACE)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(orchestrator_kit, name)
    assert found is getattr(orchestrator_kit, name)
    assert isinstance(found, dict) or (found.__doc__ and found.__name__ == name)


def test_all_public_names_come_with_a_star() -> None:
    code = (
        "from orchestrator_kit import *; import json; print(json.dumps(sorted(n for n in globals() "
        "if not n.startswith('_') and n != 'json')))"
    )
    assert json.loads(in_a_fresh_interpreter(code)) == sorted(FACE)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="orchestra"):
        orchestrator_kit.orchestra  # noqa: B018 - it must raise


def test_the_version_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", orchestrator_kit.__version__)


@pytest.mark.parametrize(
    "code",
    [
        "import orchestrator_kit",
        f"from orchestrator_kit import {', '.join(FACE)}",
        "from orchestrator_kit import load_task, run; run(load_task('legal'))",
    ],
    ids=["import", "every name", "a run"],
)
def test_importing_and_running_needs_nothing_heavy(code: str) -> None:
    report = f"{code}; import json, sys; print(json.dumps(sorted({HEAVY} & sys.modules.keys())))"
    report = report.replace(str(HEAVY), str(set(HEAVY)))
    assert json.loads(in_a_fresh_interpreter(report)) == []


def test_no_import_of_any_module_prints_or_warns() -> None:
    code = """
import importlib, pkgutil, orchestrator_kit
from orchestrator_kit.errors import MissingExtra
found = 0
for module in pkgutil.walk_packages(orchestrator_kit.__path__, "orchestrator_kit."):
    if not module.name.endswith("__main__"):
        try:
            found += bool(importlib.import_module(module.name))
        except MissingExtra:  # a part that was not installed says so, and nothing else
            continue
print(found)
"""
    assert int(in_a_fresh_interpreter(code)) >= 25


def test_importing_starts_no_thread_and_opens_no_loop() -> None:
    code = (
        "import threading, asyncio, orchestrator_kit.experiments, orchestrator_kit.cli; "
        "print(threading.active_count(), asyncio._get_running_loop())"
    )
    assert in_a_fresh_interpreter(code) == "1 None"
