"""The command line: what it writes, and that every mistake ends in one line."""

import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator_kit import cli, trials
from orchestrator_kit.errors import RunInterrupted
from orchestrator_kit.events import CallFailed, CallRefused, RunEnded
from orchestrator_kit.metrics import measure
from orchestrator_kit.models import recorded_name
from orchestrator_kit.models.base import Reply, Request
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.models.local import LocalModel
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Task
from tests.shared import NOTICES, with_notices


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of a mistake."""
        assert self.code != 0
        (line,) = self.err.splitlines()
        assert line.startswith("okit: ")
        return line.removeprefix("okit: ")


Okit = Callable[..., Ended]


@pytest.fixture
def okit(
    small_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Okit:
    """Runs a command in a folder of its own, where the small task is at "ferry"."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # typer sets one of its own
    shutil.copytree(small_folder, tmp_path / "ferry")

    def run(*words: object) -> Ended:
        capsys.readouterr()
        code: Any = 0
        try:
            cli.main([str(word) for word in words])
        except SystemExit as e:
            code = e.code or 0
        found = capsys.readouterr()
        assert "Traceback" not in found.out + found.err
        return Ended(code, found.out, found.err)

    return run


def process(words: Sequence[str], cwd: Path, hash_seed: str = "0") -> Ended:
    """The same command in a process of its own."""
    call = "import sys; from orchestrator_kit.cli import main; sys.argv[0] = 'okit'; main()"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", call, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def figures(path: str = "found.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return found


def own(model: str) -> None:
    """Gives the shipwright of the task a model of its own."""
    path = Path("ferry/task.toml")
    name = 'name = "shipwright"\n'
    path.write_text(path.read_text("utf-8").replace(name, f"{name}model = {model}\n"), "utf-8")


# ---- what a comparison writes ----


def test_a_comparison_prints_a_row_for_each_pattern_and_draws_a_picture(okit: Okit) -> None:
    done = okit("compare", "ferry")
    assert (done.code, done.err) == (0, "")
    title, head, *rows = done.out.splitlines()
    assert title == "The ferry - simulated-small, 4 workers, seed 0"
    assert head.split()[:4] == ["pattern", "calls", "input", "output"]
    assert [row.split()[0] for row in rows[:6]] == list(PATTERNS)
    assert "picture: " in done.out
    picture = Path("out/compare-ferry.svg").read_text("utf-8")
    assert picture.startswith("<svg ")
    assert all(name in picture for name in PATTERNS)


def test_the_json_keeps_the_contract_for_scripts(okit: Okit) -> None:
    assert okit("compare", "ferry", "--json", "found.json", "--workers", 3, "--seed", 5).code == 0
    found = figures()
    assert {"schema", "task", "model", "workers", "seed", "runs"} <= found.keys()
    assert (found["schema"], found["workers"], found["seed"]) == (1, 3, 5)
    assert found["task"]["title"] == "The ferry"
    assert [run["pattern"] for run in found["runs"]] == list(PATTERNS)
    for run in found["runs"]:
        assert {
            "pattern",
            "answer",
            "gaps",
            "calls",
            "input_tokens",
            "output_tokens",
            "cost_usd",
            "latency_s",
            "critical_path_s",
            "work_s",
            "recall",
            "groundedness",
            "failures",
            "roles",
        } <= run.keys()
        for role in run["roles"].values():
            assert set(role) == {"calls", "input_tokens", "output_tokens"}
        for key in ("calls", "input_tokens", "output_tokens"):
            assert run[key] == sum(role[key] for role in run["roles"].values())
        assert isinstance(run["answer"], str)
        assert 0 < run["critical_path_s"] <= run["latency_s"] <= run["work_s"] + 1e-6
        assert run["cost_usd"] > 0
        assert 0 <= run["recall"] <= 1
        assert run["groundedness"] == 1.0
        assert run["gaps"] == run["failures"] == []


def test_a_figure_that_does_not_exist_is_null(okit: Okit) -> None:
    okit("compare", "ferry", "--prompt", "What is the crew?", "--json", "found.json")
    assert {run["recall"] for run in figures()["runs"]} == {None}
    assert {run["groundedness"] for run in figures()["runs"]} == {1.0}
    okit("compare", "ferry", "--budget-tokens", 1, "--json", "found.json")
    for run in figures()["runs"]:
        assert (run["calls"], run["cost_usd"], run["groundedness"]) == (0, None, None)
        assert (run["recall"], run["latency_s"], run["overhead"]) == (0.0, 0.0, None)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(okit: Okit) -> None:
    for seed, name in ((3, "a"), (3, "b"), (4, "c")):
        assert okit("compare", "ferry", "--seed", seed, "--json", f"{name}.json").code == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    assert Path("a.json").read_bytes() != Path("c.json").read_bytes()
    latencies = [{run["latency_s"] for run in figures(f"{n}.json")["runs"]} for n in "ac"]
    assert latencies[0] != latencies[1]


def test_two_processes_write_the_same_bytes_whatever_their_hash_seed(
    small_folder: Path, tmp_path: Path
) -> None:
    for n in "12":
        words = ["compare", str(small_folder), "--json", f"{n}.json", "--figure", f"{n}.svg"]
        done = process([*words, "--records", n], tmp_path, hash_seed=n)
        assert (done.code, done.err) == (0, "")
    files = sorted(p.relative_to(tmp_path / "1") for p in (tmp_path / "1").iterdir())
    assert [f.name for f in files] == sorted(f"{name}.jsonl" for name in PATTERNS)
    pairs = [("1.json", "2.json"), ("1.svg", "2.svg"), *((f"1/{f}", f"2/{f}") for f in files)]
    for one, other in pairs:
        assert (tmp_path / one).read_bytes() == (tmp_path / other).read_bytes()


def test_the_records_folder_holds_every_run_and_they_load(okit: Okit) -> None:
    okit("compare", "ferry", "--records", "deep/records", "--json", "found.json")
    loaded = {p.stem: Run.load(p) for p in Path("deep/records").iterdir()}
    assert set(loaded) == set(PATTERNS)
    for run in figures()["runs"]:
        record = loaded[run["pattern"]]
        assert record.status == "done"
        assert measure(record).calls == run["calls"]
        assert measure(record).input_tokens == run["input_tokens"]
        assert str(record.answer) == run["answer"]


@pytest.mark.parametrize(
    "words",
    [
        ["--documents", "ferry/survey.md", "ferry/accounts.md"],
        ["--documents", "ferry/survey.md", "--documents", "ferry/accounts.md"],
        ["--documents=ferry/survey.md", "--documents=ferry/accounts.md"],
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_documents_are_taken_as_a_shell_spreads_them(
    okit: Okit, words: list[str], first: bool
) -> None:
    rest = ["--prompt", "What is the crew?", "--json", "found.json", "--patterns", "single_call"]
    done = okit("compare", *(words + rest if first else rest + words))
    assert (done.code, done.err) == (0, "")
    assert figures()["task"]["documents"] == ["survey.md", "accounts.md"]
    assert figures()["task"]["prompt"] == "What is the crew?"


def test_a_task_may_stand_after_the_documents(okit: Okit) -> None:
    words = ["compare", "--patterns=single_call", "--json", "found.json"]
    assert okit(*words, "--documents", "ferry/survey.md", "ferry").code == 0
    assert figures()["task"]["documents"] == ["survey.md"]
    assert figures()["task"]["title"] == "The ferry"


@pytest.mark.parametrize(
    "words",
    [
        ["--patterns", "voting", "pipeline"],
        ["--patterns", "voting,pipeline"],
        ["--patterns", "voting", "--patterns", "pipeline"],
        ["--patterns", "voting,pipeline,voting"],
    ],
)
def test_some_patterns_only_are_run_in_the_order_named(okit: Okit, words: list[str]) -> None:
    assert okit("compare", "ferry", "--json", "found.json", *words).code == 0
    assert [run["pattern"] for run in figures()["runs"]] == ["voting", "pipeline"]


def test_another_profile_is_another_model(okit: Okit) -> None:
    okit("compare", "ferry", "--model", "simulated:large", "--json", "found.json")
    assert figures()["model"]["name"] == "simulated-large"
    assert figures()["model"]["window"] == 128_000


def test_a_specialist_works_on_the_model_that_the_task_names_for_it(
    okit: Okit, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = SimulatedModel.complete
    asked: list[tuple[str, str]] = []

    async def noted(self: SimulatedModel, request: Request) -> Reply:
        asked.append((self.name, request.messages[-1].content))
        return await complete(self, request)

    monkeypatch.setattr(SimulatedModel, "complete", noted)
    own('"simulated:large"')
    done = okit("compare", "ferry", "--patterns", "parallelization", "--json", "found.json")
    assert (done.code, done.err) == (0, "")
    assert {name for name, brief in asked if "shipwright" in brief} == {"simulated-large"}
    assert {name for name, brief in asked if "shipwright" not in brief} == {"simulated-small"}
    assert len(asked) == 3
    assert figures()["model"]["name"] == "simulated-small"
    assert okit("compare", "ferry", "--json", "found.json").code == 0
    assert {run["status"] for run in figures()["runs"]} == {"done"}


def test_its_replies_are_played_back_from_the_tape_without_naming_a_model(okit: Okit) -> None:
    own('"simulated:large"')
    words = ("compare", "ferry", "--patterns", "parallelization", "--tape", "a.okit", "--json")
    assert okit(*words, "first.json").code == 0
    again = okit(*words, "again.json")
    assert (again.code, again.err) == (0, "")
    first, second = figures("first.json")["runs"], figures("again.json")["runs"]
    assert first == second
    assert first[0]["cost_usd"] > 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("simulated", SimulatedModel()),
        ("simulated:large", SimulatedModel(0, "large")),
        ("endpoint:a:b", EndpointModel("a:b", "http://127.0.0.1:9", "sk-test")),
        ("local", LocalModel),
    ],
)
def test_a_model_is_recorded_under_a_name_that_is_known_without_it(name: str, kind: Any) -> None:
    made = kind() if isinstance(kind, type) else kind
    assert recorded_name(name) == made.name
    assert recorded_name(made.name) == made.name


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ('"gpt"', "no model called 'gpt'; there are: endpoint:NAME"),
        ('"simulated:huge"', "no profile called 'huge'"),
    ],
)
def test_a_model_that_a_task_names_and_nobody_knows_ends_in_one_line(
    okit: Okit, model: str, said: str
) -> None:
    own(model)
    assert said in okit("compare", "ferry").complaint


def test_a_prompt_with_bytes_that_are_no_text_is_asked_with_question_marks(okit: Okit) -> None:
    words = [
        "--prompt",
        "\udcff why \udc80?",
        "--documents",
        "ferry/survey.md",
        "--patterns=pipeline",
    ]
    done = okit("compare", *words, "--json", "found.json", "--records", "records")
    assert (done.code, done.err) == (0, "")
    assert figures()["task"]["prompt"] == "? why ??"
    assert Run.load("records/pipeline.jsonl").started.task == "? why ??"


def test_a_terminal_that_lacks_a_letter_shows_a_question_mark(
    okit: Okit, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", terminal)
    words = ["--prompt", "Größe? " * 30, "--documents", "ferry/survey.md"]
    with pytest.raises(SystemExit) as caught:
        cli.main(["compare", *words])
    assert not caught.value.code
    assert written.getvalue().decode("ascii").startswith("Gr??e? Gr??e?")


def test_a_picture_may_be_a_png(okit: Okit) -> None:
    pytest.importorskip("matplotlib")
    done = okit("compare", "ferry", "--patterns", "pipeline", "--figure", "new/found.png")
    assert (done.code, done.err) == (0, "")
    assert Path("new/found.png").read_bytes().startswith(b"\x89PNG")


def test_a_scenario_is_run_by_its_name(okit: Okit) -> None:
    done = okit("compare", "legal", "--patterns", "single_call", "--json", "found.json")
    assert done.code == 0
    assert Path("out/compare-legal.svg").is_file()
    assert figures()["task"]["facts"] >= 24


def test_scenarios_are_listed(okit: Okit) -> None:
    done = okit("scenarios")
    assert (done.code, done.err) == (0, "")
    head, *rows = done.out.splitlines()
    assert head.split()[0] == "scenario"
    assert {"legal", "research"} <= {row.split()[0] for row in rows}


@pytest.mark.parametrize("name", [*PATTERNS, "voting"])
def test_show_prints_the_source_of_a_pattern(okit: Okit, name: str) -> None:
    done = okit("show", name)
    assert (done.code, done.err) == (0, "")
    assert f"async def {name}(" in done.out
    compile(done.out, name, "exec")


@pytest.mark.parametrize("words", [["--help"], ["compare", "--help"], ["show", "--help"]])
def test_help_is_printed_on_standard_output(okit: Okit, words: list[str]) -> None:
    done = okit(*words)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: okit")


# ---- what a user can get wrong ----


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare"], "name a scenario or a task folder, or give a prompt"),
        (["compare", "nowhere"], "no scenario or folder called 'nowhere'; scenarios: legal"),
        (["compare", "out"], "no scenario or folder called 'out'"),
        (["compare", "."], "holds no task.toml"),
        (["compare", "ferry/survey.md"], "is a file and no task"),
        (["compare", "--prompt", "Why?"], "a prompt needs documents"),
        (["compare", "--prompt", " ", "--documents", "ferry/survey.md"], "the prompt is empty"),
        (["compare", "--documents", "ferry/survey.md"], "or give a prompt"),
        (["compare", "ferry", "--documents", "gone.md"], "gone.md: no such file"),
        (["compare", "ferry", "--documents", "ferry"], "ferry: cannot read this kind of file"),
        (["compare", "ferry", "--patterns", "swarm"], "no pattern called 'swarm'; there are: mas"),
        (["compare", "ferry", "--patterns", "pipeline,swarm"], "no pattern called 'swarm'"),
        (["compare", "ferry", "--model", "gpt"], "no model called 'gpt'; there are: endpoint:NAME"),
        (["compare", "ferry", "--model", ""], "no model called ''"),
        (["compare", "ferry", "--model", "simulated:huge"], "no profile called 'huge'"),
        (["compare", "ferry", "--model", "endpoint:"], "write endpoint:NAME"),
        (["compare", "ferry", "--workers", "0"], "workers is 0; 1 to 10,000 can be had"),
        (
            ["compare", "ferry", "--workers", "100000000"],
            "workers is 100000000; 1 to 10,000 can be had",
        ),
        (["compare", "ferry", "--workers", "-1"], "workers is -1; 1 to 10,000 can be had"),
        (["compare", "ferry", "--budget-tokens", "0"], "--budget-tokens is 0; it must be more"),
        (["compare", "ferry", "--budget-tokens", "-5"], "--budget-tokens is -5; it must be more"),
        (["compare", "ferry", "--json", "ferry"], "ferry: cannot be written"),
        (["compare", "ferry", "--json", "ferry/survey.md/x.json"], "x.json: cannot be written"),
        (["compare", "ferry", "--records", "ferry/survey.md"], "cannot be written"),
        (["compare", "ferry", "--figure", "ferry/survey.md/x.svg"], "x.svg: cannot be written"),
        (["compare", "ferry", "--figure", "x.gif"], "x.gif: a picture's file ends in .svg"),
        (["compare", "ferry", "--figure", "picture"], "picture: a picture's file ends in"),
        (["show", "swarm"], "no pattern called 'swarm'; there are: "),
    ],
)
def test_a_mistake_ends_in_one_line_and_a_code(okit: Okit, words: list[str], said: str) -> None:
    done = okit(*words)
    assert said in done.complaint
    assert done.code == 2


def test_lab_says_what_is_missing(okit: Okit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "JupyterLab is not installed; install it with: pip" in okit("lab").complaint
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    assert okit("lab", "nowhere").complaint.startswith("nowhere: no such folder")


@pytest.mark.parametrize("user", [0, 1000])
def test_lab_may_be_opened_by_root_who_alone_is_in_a_container(
    okit: Okit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int
) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(subprocess, "call", lambda command, **_: called.append(command))
    assert okit("lab", str(tmp_path)).code == 0
    assert ("--allow-root" in called[0]) == (user == 0)


@pytest.mark.parametrize(
    "words",
    [
        ["frobnicate"],
        ["show"],
        ["compare", "ferry", "extra"],
        ["compare", "ferry", "--workers", "many"],
        ["compare", "ferry", "--workers", "1.5"],
        ["compare", "ferry", "--seed", "x"],
        ["compare", "ferry", "--budget-tokens", "lots"],
        ["compare", "ferry", "--frobnicate"],
        ["compare", "ferry", "--json"],
        ["compare", "ferry", "--documents"],
        ["scenarios", "legal"],
    ],
)
def test_a_wrong_word_ends_with_the_usage_and_one_reason(okit: Okit, words: list[str]) -> None:
    done = okit(*words)
    assert (done.code, done.out) == (2, "")
    *usage, reason = filter(None, done.err.splitlines())
    assert reason.startswith(("Error: ", "okit: "))
    assert len(usage) <= 2


def test_a_task_file_that_cannot_be_used_is_named_in_one_line(okit: Okit) -> None:
    Path("ferry/task.toml").write_text("prompt = 5\n")
    assert (
        "ferry/task.toml: 'prompt' in task.toml must be a str" in okit("compare", "ferry").complaint
    )


def test_a_message_with_marks_of_the_terminal_library_is_printed_as_it_is(okit: Okit) -> None:
    assert "'[bold]x[/bold]'" in okit("compare", "[bold]x[/bold]").complaint
    assert "'[/]'" in okit("show", "[/]").complaint


def test_nothing_is_run_or_written_where_a_name_is_wrong(okit: Okit) -> None:
    before = sorted(Path.cwd().rglob("*"))
    for words in (["--patterns", "swarm"], ["--figure", "x.gif"], ["--model", "gpt"]):
        okit("compare", "ferry", "--json", "found.json", "--records", "records", *words)
    okit("compare", "ferry", "--json", "found.json", "--workers", 0)
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.mark.parametrize("option", ["--json", "--figure", "--records"])
def test_nothing_is_spent_where_its_results_could_not_be_written(
    okit: Okit, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spend(*_: object, **__: object) -> None:
        raise AssertionError("a call was made")

    monkeypatch.setattr(trials, "compare", spend)
    complaint = okit("compare", "ferry", option, "ferry/survey.md/deep/x.svg").complaint
    assert complaint.endswith("cannot be written (ferry/survey.md is no folder)")


def test_debug_shows_the_traceback_of_a_mistake(
    okit: Okit, small_folder: Path, tmp_path: Path
) -> None:
    words = ["compare", str(small_folder), "--workers", "0"]
    assert process(words, tmp_path).complaint == "workers is 0; 1 to 10,000 can be had"
    shown = process([*words, "--debug"], tmp_path)
    assert shown.code != 0
    assert "Traceback" in shown.err
    assert "workers is 0" in shown.err


# ---- a budget in which nothing fits ----


def test_a_pattern_whose_first_call_does_not_fit_ends_with_a_code_and_a_reason(okit: Okit) -> None:
    words = ["ferry", "--patterns", "orchestrator_worker", "--budget-tokens", 50]
    done = okit("compare", *words, "--json", "found.json", "--records", "records")
    assert done.code == 1
    assert done.complaint == "no pattern came to an answer; the lines above say why"
    assert "orchestrator_worker: orchestrator: budget: " in done.out
    (run,) = figures()["runs"]
    assert (run["status"], run["calls"], run["latency_s"]) == ("failed", 0, 0.0)
    assert run["gaps"][0] == "no answer: budget"
    (failure,) = run["failures"]
    assert (failure["kind"], failure["role"]) == ("budget", "orchestrator")
    record = Run.load("records/orchestrator_worker.jsonl")
    assert [type(e) for e in record.events if isinstance(e, CallRefused | CallFailed)] == [
        CallRefused
    ]
    assert record.ended is not None
    assert (record.ended.status, record.ended.kind) == ("failed", "budget")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_refused_call_is_named_and_nothing_is_spent(okit: Okit, pattern: str) -> None:
    words = ["ferry", "--patterns", pattern, "--budget-tokens", 50, "--json", "found.json"]
    assert okit("compare", *words).code == 1
    (run,) = figures()["runs"]
    assert (run["calls"], run["input_tokens"], run["output_tokens"]) == (0, 0, 0)
    assert run["answer"].startswith("\nNot covered:\n")
    assert run["failures"]
    for failure in run["failures"]:
        assert failure["kind"] == "budget"
        assert failure["message"].endswith("50 of 50 are left")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_tight_budget_is_never_overspent(okit: Okit, pattern: str) -> None:
    words = ["compare", "ferry", "--patterns", pattern, "--json", "found.json"]
    for budget in (1_500, 3_000, 6_000):
        okit(*words, "--budget-tokens", budget)
        (run,) = figures()["runs"]
        assert run["input_tokens"] + run["output_tokens"] <= budget


# ---- the end by Ctrl-C ----


def test_an_interrupted_comparison_keeps_its_records_and_ends_in_one_line(
    okit: Okit, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = SimulatedModel.complete
    asked: list[Request] = []

    async def interrupted(self: SimulatedModel, request: Request) -> Reply:
        asked.append(request)
        if len(asked) == 4:  # the third call of the pipeline
            signal.raise_signal(signal.SIGINT)
        return await complete(self, request)

    monkeypatch.setattr(SimulatedModel, "complete", interrupted)
    done = okit("compare", "ferry", "--records", "records", "--json", "found.json")
    assert done.code == 130
    assert done.complaint == "interrupted; nothing more is spent; the records so far are in records"
    assert len(asked) == 4
    assert not Path("found.json").exists()
    records = {p.stem: Run.load(p) for p in Path("records").iterdir()}
    assert {name: run.status for name, run in records.items()} == {
        "single_call": "done",
        "pipeline": "interrupted",
    }
    assert isinstance(records["pipeline"].events[-1], RunEnded)
    assert measure(records["pipeline"]).calls == 3


def test_an_interrupted_comparison_without_records_ends_in_one_line(
    okit: Okit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise RunInterrupted(())

    monkeypatch.setattr(trials, "compare", interrupted)
    done = okit("compare", "ferry")
    assert (done.code, done.complaint) == (130, "interrupted; nothing more is spent")


# ---- real documents that nobody here wrote ----


@with_notices
def test_on_real_documents_every_pattern_says_what_stands_in_them(okit: Okit) -> None:
    done = okit(
        "compare",
        "--prompt",
        "What went wrong, which law was broken, and what was the penalty?",
        "--documents",
        *sorted(NOTICES.glob("*.md")),
        "--json",
        "found.json",
    )
    assert (done.code, done.err) == (0, "")
    runs = figures()["runs"]
    assert [run["pattern"] for run in runs] == list(PATTERNS)
    assert all(run["statements"] for run in runs)
    assert {run["pattern"]: run["groundedness"] for run in runs if run["groundedness"] < 0.95} == {}
    assert all(run["failures"] == [] for run in runs)


def test_the_task_is_the_same_however_its_folder_is_named(okit: Okit, small_task: Task) -> None:
    for name in ("ferry", "ferry/", "ferry/task.toml", Path("ferry").resolve()):
        okit("compare", name, "--patterns=single_call", "--json", "found.json")
        assert figures()["task"]["title"] == small_task.title
