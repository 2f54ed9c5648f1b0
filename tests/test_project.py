"""The project's own files keep step with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conda_pip import sections

REPO = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = (REPO / "requirements.lock").read_text("utf-8")


def canonical(requirement: str) -> str:
    name = re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: str) -> set[str]:
    return {canonical(line) for line in lock.splitlines() if line and not line.startswith("#")}


LOCKED = locked(LOCK)


def test_environment_yml_brings_python_and_pip_and_leaves_the_rest_to_pyproject() -> None:
    conda, pip = sections()
    assert [canonical(c) for c in conda] == ["python", "pip"]
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert conda[0].startswith(f"python>={oldest}")
    (line,) = pip
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", line)
    assert extras
    assert set(extras[1].split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_lock_names_all_that_pyproject_wants_and_no_address() -> None:
    extras = PROJECT["optional-dependencies"].values()
    wanted = [r for group in (PROJECT["dependencies"], *extras) for r in group]
    assert {canonical(r) for r in wanted} - {"orchestrator-kit"} <= LOCKED
    assert "://" not in LOCK
    assert "llama-cpp-python" not in LOCKED, "it would have to be compiled"


def test_the_learners_lock_is_that_lock_without_what_developers_need() -> None:
    learners = (REPO / "requirements-learners.lock").read_text("utf-8")
    assert set(learners.splitlines()[1:]) <= set(LOCK.splitlines())
    extras = PROJECT["optional-dependencies"].values()
    wanted = {canonical(r) for group in (PROJECT["dependencies"], *extras) for r in group}
    assert wanted - {"orchestrator-kit"} <= locked(learners)
    assert not locked(learners) & {"nbgrader", "pytest", "playwright", "mypy"}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPO, capture_output=True, check=False, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [REPO / name for name in listed.stdout.split("\0") if name]


def test_no_lock_file_with_addresses_is_committed() -> None:
    assert not [p.name for p in tracked() if p.name in ("uv.lock", "pylock.toml")]


def test_no_file_holds_a_key_or_the_path_of_somebodys_machine() -> None:
    secret = re.compile(rb"\bsk-[A-Za-z0-9]{20,}|(?<![\w.~])/(?:home|root|Users)/[a-z]\w+")
    for path in tracked():
        if path.is_file():
            found = secret.search(path.read_bytes())
            assert not found, f"{path.relative_to(REPO)}: {found and found[0]!r}"


def test_the_readme_begins_with_two_commands_and_ci_runs_just_these() -> None:
    readme = (REPO / "README.md").read_text("utf-8")
    commands = re.findall(r"```sh\n(python3 -m venv .*)\n```", readme)
    assert len(commands) == 2
    assert commands[0].endswith("okit compare legal")
    assert commands[1].endswith("pytest -n 2")
    ci = (REPO / ".ci" / "run").read_text("utf-8")
    assert "README.md" in ci
    assert "|| true" not in ci


def test_links_in_the_pages_lead_somewhere() -> None:
    for page in [*REPO.glob("*.md"), *REPO.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
