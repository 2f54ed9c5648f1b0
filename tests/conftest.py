"""A small task that several test files share: two documents, three specialists, six facts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from orchestrator_kit.loading import load_task
from orchestrator_kit.tasks import Task
from tests import jupyter

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ["OKIT_DIARY"] = "off"  # tests are nobody's study; those of the diary say where
os.environ["OKIT_LANG"] = "en"

# A busy machine is no failure. For a long search: pytest --hypothesis-profile=thorough
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=1_000, deadline=None)
settings.load_profile("quick")

_TASK = """\
title = "The ferry"
prompt = "Should the harbour board buy the ferry? Give the costs, the dates and the risks."
documents = ["survey.md", "accounts.md"]

[[specialists]]
name = "shipwright"
expertise = "Examines hulls, engines, corrosion, repairs and certificates of vessels."

[[specialists]]
name = "bookkeeper"
expertise = "Reads fares, subsidies, losses, loans and other sums in the accounts."

[[specialists]]
name = "risk assessor"
expertise = "Builds on the bookkeeper and weighs delays, penalties and insurance."

[[facts]]
says = "The hull has lost 31 per cent of its plating."
match = ["31 per cent|31%", "plating"]
specialist = "shipwright"

[[facts]]
says = "The certificate ends on 4 May 2027."
match = ["4 May 2027"]
specialist = "shipwright"

[[facts]]
says = "Both engines need new injectors for EUR 84,000."
match = ["injector", "EUR 84,000|€84,000"]
specialist = "shipwright"

[[facts]]
says = "The line lost EUR 1.2 million in 2025."
match = ["EUR 1.2 million|€1.2 million"]
specialist = "bookkeeper"

[[facts]]
says = "The loan of EUR 640,000 falls due on 30 April 2027."
match = ["EUR 640,000", "30 April 2027"]
specialist = "bookkeeper"

[[facts]]
says = "The loan falls due four days before the certificate ends."
match = ["30 April 2027", "4 May 2027"]
specialist = "risk assessor"

[[contradictions]]
says = "The survey puts the crew at nine, the accounts pay eleven."
match = ["nine hands", "eleven hands"]
"""

_SURVEY = """\
# Survey

## Hull

The surveyor hauled the ferry out in March. The hull has lost 31 per cent of its plating
below the waterline. Corrosion is worst around the stern tube.

## Engines

Both engines start, but they need new injectors for EUR 84,000. The certificate of the
vessel ends on 4 May 2027. The ferry is worked by nine hands.
"""

_ACCOUNTS = """\
# Accounts

The line carried 41,000 passengers. It lost EUR 1.2 million in 2025, before any subsidy.

| item | sum |
| --- | --- |
| fares | EUR 310,000 |
| wages | EUR 520,000 |

## Loan

The loan of EUR 640,000 falls due on 30 April 2027. Wages were paid to eleven hands. A
delay costs a penalty of EUR 900 a day, which no insurance covers.
"""


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small task; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("tasks") / "ferry"
    folder.mkdir()
    (folder / "task.toml").write_text(_TASK, "utf-8")
    (folder / "survey.md").write_text(_SURVEY, "utf-8")
    (folder / "accounts.md").write_text(_ACCOUNTS, "utf-8")
    return folder


@pytest.fixture(scope="session")
def small_task(small_folder: Path) -> Task:
    """The small task, loaded."""
    return load_task(small_folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser; its module says whether one is needed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        found = p.chromium.launch(executable_path=jupyter.chromium(), args=jupyter.FLAGS)
        yield found
        found.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The sums of what the tests of the matrix counted, each in its own process."""
    sums: dict[str, Counter[str]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, counts in getattr(report, "user_properties", ()):
            sums.setdefault(name, Counter()).update(counts)
    for name, counts in sums.items():
        told = ", ".join(f"{what} {n:,}" for what, n in counts.items())
        terminalreporter.write_line(f"{name}: {told}")
