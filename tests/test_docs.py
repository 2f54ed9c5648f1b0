"""The commands of the pages under docs/ do what the pages say; headings, pictures and links."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator_kit.cli import main

PAGES = Path(__file__).parents[1] / "docs"
EVERY = sorted([*PAGES.parent.glob("*.md"), *PAGES.glob("*.md")])
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


def without_code(path: Path) -> str:
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`]*`", "code", text)


@pytest.mark.parametrize("path", EVERY, ids=lambda p: p.name)
def test_a_page_has_one_title_and_its_headings_come_in_order(path: Path) -> None:
    text = without_code(path)
    levels = [len(h) for h in re.findall(r"^(#{1,6}) \S", text, re.MULTILINE)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("path", EVERY, ids=lambda p: p.name)
def test_a_page_gives_words_to_every_picture_and_to_every_link(path: Path) -> None:
    text = without_code(path)
    assert all(words.strip() for words in re.findall(r"!\[(.*?)\]\(", text, re.DOTALL))
    assert all(re.search(r'\balt="[^"]+"', tag) for tag in re.findall(r"<img\b[^>]*>", text))
    links = re.findall(r"(?<!!)\[([^\]]*)\]\(", text)
    assert all(words.strip().lower() not in ("", "here", "link", "click here") for words in links)
