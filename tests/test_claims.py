"""The published claims: the file, what quotes from it, and the rules that judge our own runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import cli
from orchestrator_kit.claims import Claim, as_json, claim_named, claims, markdown
from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.trials import Interval
from tests.quotations import complaints, figures, python_prose
from tests.scripts import load

REPO = Path(__file__).parents[1]
PAGE = REPO / "docs" / "claims.md"
ENTRY: dict[str, object] = {
    "id": "towers",
    "work": "Towers",
    "source": "Ada et al., OSDI 1999, arXiv 9901.12345",
    "version": "v1",
    "claim": "Towers are higher than huts.",
    "setting": "a plain, 12 towers",
    "numbers": ["up to 3.7x higher", "40% of them", "about 20 points"],
    "sure": "paper read",
}


shapes = load("benchmarks/shapes.py")


def file_of(folder: Path, *entries: dict[str, object]) -> Path:
    path = folder / "claims.toml"
    lines = []
    for entry in entries:
        lines.append("[[claims]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    path.write_text("\n".join(lines), "utf-8")
    return path


TOWERS = (
    Claim(
        **ENTRY  # type: ignore[arg-type]
        | {"numbers": ("up to 3.7x higher", "40% of them", "about 20 points"), "names": ("Towers",)}
    ),
)


# ---- the file ----


def test_the_kits_own_claims_load_and_say_where_they_are_from() -> None:
    found = claims()
    assert len(found) >= 20
    assert {c.sure for c in found} == {"paper read", "secondary", "memory"}
    for claim in found:
        assert claim.source in str(claim)
        assert claim.sure in str(claim)
    assert claim_named("rewoo").numbers == ("5x token efficiency", "+4% accuracy")


def test_what_is_from_memory_has_no_figure_anywhere() -> None:
    for claim in claims():
        if claim.sure == "memory":
            assert claim.numbers == ()
            sayings = [claim.claim, claim.setting, claim.version]
            assert not [f for text in sayings for f in figures(text)], claim.id


def test_an_unknown_claim_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UnknownName, match=r"no claim called 'babel'; there are: .*rewoo"):
        claim_named("babel")


def test_a_whole_entry_loads_and_its_work_is_its_name(tmp_path: Path) -> None:
    assert claims(file_of(tmp_path, ENTRY)) == TOWERS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sure": "certain"}, "sure is 'certain'; it is one of paper read, secondary, memory"),
        ({"sure": "memory"}, "is from memory, so it has no numbers"),
        ({"numbers": "3.7x"}, "'numbers' must be a list of texts"),
        ({"numbers": [3.7]}, "'numbers' must be a list of texts"),
        ({"numbers": ["many"]}, "'many' under 'numbers' has no figure"),
        ({"names": [""]}, "'names' must be a list of texts"),
        ({"claim": ""}, "'claim' must be a text of one line, and not empty"),
        ({"claim": "one\ntwo"}, "'claim' must be a text of one line"),
        ({"source": 7}, "'source' must be a text of one line"),
        ({"year": 1999}, "unknown key 'year'; known are id, work, source"),
        ({"version": None}, "lacks the key 'version'"),
    ],
)
def test_a_broken_entry_is_refused_in_one_clear_line(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    entry = {key: value for key, value in (ENTRY | change).items() if value is not None}
    with pytest.raises(UsageError, match=re.escape(says)) as refused:
        claims(file_of(tmp_path, ENTRY | {"id": "first"}, entry))
    assert "\n" not in str(refused.value)
    assert "claims.toml: claim 2 (towers)" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[claims", "is not valid TOML"),
        ("", "must hold [[claims]]"),
        ("claims = 3", "must hold [[claims]]"),
        ("claims = [3]", "claim 1 must be a table"),
        ("title = 'x'\n[[claims]]\nid = 'x'", "and nothing else"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "other.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=re.escape(says)) as refused:
        claims(path)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_text_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        claims(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        claims(tmp_path / "bytes.toml")


def test_an_id_may_be_used_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"claim 2: the id 'towers' is used twice"):
        claims(file_of(tmp_path, ENTRY, ENTRY))


def test_the_file_is_part_of_the_package() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", "orchestrator_kit/claims.toml"], cwd=REPO, check=False
    )
    assert ignored.returncode != 0, "hatchling leaves out what git ignores"
    assert (REPO / "orchestrator_kit" / "claims.toml").is_file()


# ---- okit claims, and the page ----


def okit(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(["claims", *words])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_okit_claims_prints_a_line_for_each_and_all_of_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = okit(capsys).splitlines()
    for claim in claims():
        (line,) = [one for one in lines if one.startswith(f"{claim.id} ")]
        assert line.endswith(claim.sure)
    assert okit(capsys, "rewoo").strip() == str(claim_named("rewoo"))


def test_okit_claims_writes_them_as_json_and_as_markdown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    okit(capsys, "--json", str(tmp_path / "claims.json"))
    found = json.loads((tmp_path / "claims.json").read_text("utf-8"))
    assert [c["id"] for c in found] == [c.id for c in claims()]
    assert set(found[0]) == set(ENTRY) | {"names"}
    assert as_json(claims()) == (tmp_path / "claims.json").read_text("utf-8")
    assert okit(capsys, "--markdown") == markdown(claims())


def test_okit_claims_of_an_unknown_one_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["claims", "babel"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("okit: no claim called 'babel'")


def test_the_page_has_the_claims_as_they_are() -> None:
    page = PAGE.read_text("utf-8")
    assert markdown(claims()) in page, "run: python benchmarks/claims.py --table"


def test_the_page_has_a_verdict_for_each_check_and_its_claims_as_they_are() -> None:
    page = PAGE.read_text("utf-8")
    shown = page.split("<!-- shapes:")[1].split("<!-- /shapes -->")[0]
    rows = re.findall(r"^\| ([^|]+) \| (`.*`) \| ([^|]+) \|$", shown, re.MULTILINE)
    assert len(rows) >= 6
    for title, ids, verdict in rows:
        assert verdict in ("shape holds", "does not hold here")
        section = shown.split(f"### {title}\n")[1].split("\n### ")[0]
        assert f"**{verdict.capitalize()}.**" in section
        for name in re.findall(r"`([^`]+)`", ids):
            claim = claim_named(name)
            stale = "run: python benchmarks/claims.py --write"
            assert f"(`{name}`; {claim.sure}): {claim.claim}" in section, stale
            assert claim.figures in section, stale


# ---- what quotes a number ----


def texts() -> Iterator[tuple[str, str]]:
    """(where, prose) of all that this project says to its readers."""
    notes = REPO.glob("orchestrator_kit/scenarios/*/TEACHER.md")  # their documents are fiction
    pages = [*REPO.glob("*.md"), *REPO.glob("docs/*.md"), *notes]
    for path in sorted(pages):
        yield str(path.relative_to(REPO)), path.read_text("utf-8")
    for folder in ("notebooks", "solutions", "exercises"):
        for path in sorted((REPO / folder).glob("*.ipynb")):
            cells = json.loads(path.read_text("utf-8"))["cells"]
            prose = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
            yield f"{folder}/{path.name}", "\n\n".join(prose)
            for n, cell in enumerate(cells):
                if cell["cell_type"] == "code":
                    source = "".join(cell["source"])
                    for text in python_prose(source) if _parses(source) else [source]:
                        yield f"{folder}/{path.name}, cell {n}", text
    for folder in ("orchestrator_kit", "benchmarks", "docs"):
        for path in sorted((REPO / folder).rglob("*.py")):
            for text in python_prose(path.read_text("utf-8")):
                yield str(path.relative_to(REPO)), text


def _parses(source: str) -> bool:
    try:
        compile(source, "cell", "exec")
    except SyntaxError:
        return False
    return True


def test_no_text_quotes_a_published_number_that_has_no_entry() -> None:
    read = list(texts())
    assert {where for where, _ in read} >= {"README.md", "docs/results.md", "docs/claims.md"}
    found = [f"{where}: {c}" for where, text in read for c in complaints(text, claims())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "Towers are up to 3.7x higher (arXiv 9901.12345).",
        "Towers stand on a plain. Of 12 towers, 40 percent are higher by about 20 points.",
        "[A paper](https://arxiv.org/abs/9901.12345v2) has 40%.",
        "Ada et al., 1999, saw 40 per cent. It is one of 3 such works, in 2 groups.",
        "Towers: `n=55` and\n\n```python\nx = 77.5\n```\n\nare code.",
        "Our own huts are 81% lower.\n\nTowers are not.",
        "On 12 March, 2026 there were 55 huts, and the Group (GPT-4) met.",
        "## Towers\n\nOf them 40%.\n\n## What we measured\n\nHuts: 81%.",
        "| hut | 81% |\n| --- | --- |\n| Towers | 40% |",
    ],
)
def test_a_text_may_quote_what_its_works_list_and_say_its_own_elsewhere(text: str) -> None:
    assert complaints(text, TOWERS) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Towers are up to 4.1x higher.", "up to 4.1x is not listed by towers"),
        ("Towers are 3.7x higher.", "3.7x is not listed by towers"),  # it was "up to"
        ("Towers hold. It was 41% of them.", "41% is not listed"),
        ("Towers:\n\n- are 41%, says arXiv 9901.12345", "41% is not listed"),
        ("As [said](https://arxiv.org/abs/9901.12345), 41%.", "41% is not listed"),
        ("Towers are five times as high.", "5x is not listed"),
        ("Towers are fifteen; that is 15 of us.", "15 is not listed"),
        ("Towers are 40x higher.", "40x is not listed"),  # 40% is not 40x
        ("## Towers\n\nWe found 81%.", "81% is not listed by towers"),
        ("## Towers\nWe found 81%.", "81% is not listed by towers"),
        ("| hut | 81% |\n| --- | --- |\n| Towers | 81% |", "81% is not listed"),
        ("It is 41% (arXiv 2401.00001).", "arXiv 2401.00001 has no entry"),
        ("It is said so (arXiv 2401.00001).", "arXiv 2401.00001 has no entry"),
        ("It took 44% longer (OSDI 2004).", "OSDI 2004 has no entry"),
        ("Babbage and Hopper, 1952, said so.", "Babbage and Hopper, 1952 has no entry"),
        ("Lovelace (1943) said so.", "Lovelace 1943 has no entry"),
        ("The authors report a gain of 41%.", "says what a paper reports, but not which"),
        ("The paper found 7 times as many.", "says what a paper reports, but not which"),
    ],
)
def test_a_number_that_no_entry_lists_is_found(text: str, says: str) -> None:
    found = complaints(text, TOWERS)
    assert any(says in c for c in found), found


def test_a_number_from_memory_cannot_be_quoted_even_where_its_entry_has_it() -> None:
    said = "Without backup tasks the sort of MapReduce took 44% longer."
    assert any("44% is not listed by mapreduce-backup" in c for c in complaints(said, claims()))


def test_docstrings_strings_and_comments_of_code_are_read() -> None:
    source = '"""Towers: 41%."""\n# Towers\n# are 42%.\nx = f"Towers {1} are 43%"\n# Huts\n'
    found = [c for text in python_prose(source) for c in complaints(text, TOWERS)]
    assert [c.split(" is ")[0] for c in found] == ["41%", "42%"]
    whole = [text for text in python_prose(source) if "43%" in text]
    assert whole == [" are 43%"]  # a name in another part of an f-string is out of reach


@given(st.text(alphabet="Towers 0123456789.,%x-()|#`\n"))
def test_any_text_can_be_read(text: str) -> None:
    for complaint in complaints(text, TOWERS):
        assert "\n" not in complaint


# ---- the rules ----

FLAT = [0.9] * 20
U = [0.9] * 6 + [0.3] * 8 + [0.9] * 6
SLOPE = [n / 20 for n in range(20)]
HILL = [1 - v for v in U]


def test_only_a_u_is_called_a_u() -> None:
    assert shapes.is_u(U)
    assert shapes.is_u([0.9, 0.5, 0.9])
    for curve in (FLAT, SLOPE, SLOPE[::-1], HILL, [0.5], [0.9] * 10 + [0.85] * 10):
        assert not shapes.is_u(curve)


def test_workers_flatten_nothing_where_there_is_no_u_or_they_have_one_too() -> None:
    assert shapes.workers_flatten(U, [FLAT, SLOPE])
    assert not shapes.workers_flatten(FLAT, [FLAT])
    assert not shapes.workers_flatten(U, [FLAT, U])


@given(st.floats(0.1, 100), st.floats(0.1, 100))
def test_only_what_grows_with_the_square_is_quadratic(a: float, b: float) -> None:
    squares = {n: a * n * n for n in (2, 4, 8)}
    lines = {n: b * n for n in (2, 4, 8)}
    assert shapes.exponent(squares) == pytest.approx(2)
    assert shapes.sending_again_is_quadratic(squares, lines)
    assert not shapes.sending_again_is_quadratic(lines, lines)
    assert not shapes.sending_again_is_quadratic(squares, squares)


def test_a_gain_that_does_not_grow_or_exceeds_its_parts_has_not_the_shape() -> None:
    good = {1: 0.5, 2: 1.0, 4: 1.8, 8: 3.0}
    assert shapes.gains_with_parts(good)
    assert not shapes.gains_with_parts(dict.fromkeys(good, 1.0))
    assert not shapes.gains_with_parts(good | {8: 1.9})
    assert not shapes.gains_with_parts(good | {8: 8.5})
    assert shapes.skeleton_and_longest(good, 2.0, [(3.0, 3.0)])
    assert not shapes.skeleton_and_longest(good, 3.5, [(3.0, 3.0)])
    assert not shapes.skeleton_and_longest(good, 2.0, [(3.0, 3.0), (3.1, 3.0)])
    assert not shapes.skeleton_and_longest(good, 2.0, [])


def test_voting_has_to_help_here_and_to_hurt_there() -> None:
    up, down = shapes.gain([0.0] * 30, [1.0] * 25 + [0.0] * 5), Interval(-0.3, -0.4, -0.2, 30)
    unsure = shapes.gain([0.0, 1.0] * 15, [1.0, 0.0] * 15)
    assert shapes.voting_helps_and_hurts(up, down)
    assert not shapes.voting_helps_and_hurts(up, unsure)
    assert not shapes.voting_helps_and_hurts(unsure, down)
    assert not shapes.voting_helps_and_hurts(down, up)


def test_backups_must_win_something_back_and_cost_little() -> None:
    calm, slow = [10.0, 12.0], [20.0, 24.0]
    assert shapes.backups_win_back(calm, slow, [12.0, 14.0], 0.1)
    assert not shapes.backups_win_back(calm, slow, [12.0, 14.0], 0.2)
    assert not shapes.backups_win_back(calm, slow, [18.0, 22.0], 0.1)
    assert not shapes.backups_win_back(calm, calm, calm, 0.0)


def test_one_reader_keeps_up_only_where_it_is_nowhere_behind() -> None:
    even, behind = Interval(0.0, -0.1, 0.1, 10), Interval(-0.2, -0.3, -0.1, 10)
    assert shapes.one_reader_keeps_up([even, even])
    assert not shapes.one_reader_keeps_up([even, behind])
    assert not shapes.one_reader_keeps_up([])


def test_coverage_that_stands_still_or_fits_one_rate_has_not_the_shape() -> None:
    grows, common = {1: 0.2, 10: 0.4, 100: 0.6}, {1: 0.2, 10: 0.9, 100: 1.0}
    assert shapes.coverage_grows_unevenly(grows, common)
    assert not shapes.coverage_grows_unevenly(grows | {100: 0.4}, common)
    assert not shapes.coverage_grows_unevenly(common, common)


def test_errors_add_up_within_the_number_of_workers() -> None:
    apart, checked = {1: 1.0, 2: 1.9, 4: 3.4}, {1: 0.0, 2: 0.2, 4: 1.0}
    assert shapes.errors_add_up(apart, checked)
    assert not shapes.errors_add_up(apart | {4: 4.5}, checked)
    assert not shapes.errors_add_up(apart, apart)
    assert not shapes.errors_add_up({1: 1.0, 2: 1.0, 4: 1.0}, checked)


def test_the_benchmark_judges_by_the_rule_that_it_prints() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/claims.py", "--only", "transcripts"],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ReWOO, arXiv 2305.18323" in done.stdout
    rule = " ".join((shapes.sending_again_is_quadratic.__doc__ or "").split())
    assert f"*Rule:* {rule}" in done.stdout
    rows = {
        row[0]: [float(cell.replace(",", "")) for cell in row[1:]]
        for line in done.stdout.splitlines()
        if (row := line.strip("| ").split(" | "))[0].startswith("input of")
    }
    loop, once = (dict(zip((1, 2, 4, 8, 16), r, strict=True)) for r in rows.values())
    holds = shapes.sending_again_is_quadratic(loop, once)
    assert ("**Shape holds.**" in done.stdout) == holds
    assert ("**Does not hold here.**" in done.stdout) != holds
