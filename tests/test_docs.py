"""The commands of the pages under docs/ do what the pages say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from orchestrator_kit.cli import main

PAGES = Path(__file__).parents[1] / "docs"
FENCED = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_page_on_failures_run_and_end_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (PAGES / "failures.md").read_text("utf-8")
    commands = [line for block in FENCED.findall(page) for line in block.splitlines()]
    assert len(commands) > 20
    for command in commands:
        kit, *words = shlex.split(command)
        assert kit == "okit"
        with pytest.raises(SystemExit) as ended:
            main(words)
        shot = "kill:role=orchestrator" in command and "--standby" not in command
        differs = words[0] == "diff"
        assert ended.value.code == (1 if shot or differs else 0), command
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        if shot:
            assert "the orchestrator was killed" in said.err
        if differs:
            assert "setting seed: 0 against 1" in said.out


def test_the_python_of_the_page_on_failures_runs() -> None:
    page = (PAGES / "failures.md").read_text("utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        names: dict[str, object] = {}
        exec(block, names)
        assert names["record"]
