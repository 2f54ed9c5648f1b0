"""The folder that a teacher hands out: notebooks, exercises, the kit and its lock; no solutions.

It is made from a clone of the project, and made again in place when the clone has moved on. What
the teacher added to it stays; what an earlier version brought and this one does not is taken away.
Knows nothing of git: a teacher may keep the folder in a repository of its own.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator_kit import exercises
from orchestrator_kit.errors import RecordError, TapeError, UsageError
from orchestrator_kit.models.reel_text import damage, exported
from orchestrator_kit.record import write_atomic

LIST = "bundle.json"  # what the folder got from here, so that it can be brought up to date
_FILES = ("pyproject.toml", "requirements-learners.lock", "environment.yml", "LICENSE")
_NOTEBOOKS = ("notebooks", "exercises")
_PACKAGE = "orchestrator_kit"
_OWN = (*_NOTEBOOKS, _PACKAGE, "solutions", "tests", "docs", "benchmarks", ".git")

# What keys and logins look like; those of this very machine are looked for as well.
_SECRET = re.compile(
    r"\bsk-[\w-]{20,}|\b(?:gh[pousr]_|glpat-|hf_|xox[abp]-|AKIA)[\w-]{16,}"
    r"|\bBearer\s+[\w.~+/-]{20,}|://[^/\s:@\"]+:[^/\s@\"]+@|-----BEGIN [A-Z ]*PRIVATE KEY"
)
_KEYS = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)$")

README = """\
# The orchestrator-worker pattern: your copy of the course

You need Python 3.11 or newer. Two commands, in this folder. The first sets up (a minute or two):

```sh
{install}
```

The second opens the notebooks:

```sh
.venv/bin/okit lab
```

On Windows write `.venv\\Scripts\\` for `.venv/bin/`, and `py` for `python3`.

Begin with `notebooks/00_start_here.ipynb`. Your own work goes into `exercises/`; open them with
`.venv/bin/okit lab exercises`.

## What you have done, and handing it in

```sh
.venv/bin/okit progress
.venv/bin/okit progress hand-in YOUR-NAME.jsonl
```

The first shows what you have solved and what is next. The second copies your diary (what you
predicted, checked and answered) to a file; give that to your teacher in the way you agreed on. A
diary is a plain text file on your own computer. **Nothing is ever sent anywhere by itself**, and no
key and no network are needed. With `OKIT_DIARY=off` in the environment, none is kept.
{tapes}"""
_TAPES = """
## Recorded runs

In `tapes/` are recordings of real models. They are played back without a key, without a network
and at no cost, for instance: `.venv/bin/okit tape show {first}`
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was done to a folder: files written anew or changed, and taken away."""

    folder: Path
    files: int
    written: tuple[str, ...]
    removed: tuple[str, ...]


def bundle(project: Path, folder: Path, tapes: Sequence[Path] = ()) -> Bundle:
    """Make or update the folder. Where anything is in the way nothing is changed.

    UsageError for a project that is none, a folder with other things in it, and an exercise that
    somebody has worked on, in the project or in the folder; TapeError for a damaged tape, and for
    one that seems to hold a key or a login.
    """
    sources = _sources(project)
    earlier = _earlier(project, folder)
    for name, path in sources.items():
        if name.startswith("exercises/"):
            _check_unworked(path, f"run: okit exercises build {project / 'solutions'} --overwrite")
            _check_unworked(folder / name, "move it out of the folder that is handed out")
    for tape in tapes:
        check_tape(tape)
        name = f"tapes/{tape.name}"
        if name in sources:
            raise UsageError(f"{tape}: another tape has the same name; rename one")
        sources[name] = tape
    for name in earlier:  # a tape stays, once it was handed out
        if name.startswith("tapes/") and (folder / name).is_file():
            sources.setdefault(name, folder / name)
    recorded = sorted(name for name in sources if name.startswith("tapes/"))
    contents = {"README.md": _readme(project, recorded).encode()}
    contents |= {name: _read(path) for name, path in sources.items()}
    there = (name for name in earlier if (folder / name).is_file())
    gone = tuple(sorted(name for name in there if name not in {*contents, LIST}))
    for name in gone:
        if name.startswith("exercises/"):
            _check_unworked(folder / name, "this version has no such exercise; move it away")
    files = json.dumps({"schema": 1, "files": sorted(contents)}, indent=1)
    contents[LIST] = f"{files}\n".encode()
    written = tuple(_write(folder, contents))
    for name in gone:
        (folder / name).unlink()
    return Bundle(folder, len(contents), written, gone)


def check_tape(path: Path) -> None:
    """TapeError where a tape is damaged or still being recorded, or holds what looks like a key."""
    if found := damage(path):
        raise TapeError(f"{path}: {'; '.join(found[:5])}")
    if beside := [p for s in ("-wal", "-journal") if (p := path.with_name(path.name + s)).exists()]:
        raise TapeError(
            f"{path}: its recording was cut off ({beside[0].name} is beside it); play it back once "
            "where it can be written to, and it is in order again"
        )
    own = {v for k, v in os.environ.items() if _KEYS.search(k.upper()) and len(v) >= 8}
    for line in exported(path):
        if _SECRET.search(line) or any(key in line for key in own):
            raise TapeError(
                f"{path}: holds what looks like a key, a token or a login; look for it in the "
                "lines of okit tape export, and do not hand it out"
            )


def _sources(project: Path) -> dict[str, Path]:
    """What goes into the folder, by its name there."""
    try:
        about = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        about = {}
    if about.get("project", {}).get("name") != "orchestrator-kit":
        raise UsageError(f"{project}: is no clone of the project; run this command in one")
    found = {name: project / name for name in _FILES}
    for place in _NOTEBOOKS:
        found |= {f"{place}/{p.name}": p for p in sorted((project / place).glob("[!.]*.ipynb"))}
    for path in sorted((project / _PACKAGE).rglob("*")):
        name = path.relative_to(project)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
        if path.is_file() and not hidden and path.suffix != ".pyc":
            found[name.as_posix()] = path
    if lacking := [name for name in _FILES if not found[name].is_file()]:
        raise UsageError(f"{project}: lacks {', '.join(lacking)}; take a whole clone")
    return found


def _earlier(project: Path, folder: Path) -> list[str]:
    """What the folder got the last time; UsageError for a folder that must not be written to."""
    here, there = project.resolve(), folder.resolve()
    inside = there.relative_to(here).parts[:1] if there.is_relative_to(here) else ()
    if here.is_relative_to(there) or inside in {(name,) for name in _OWN}:
        raise UsageError(f"{folder}: is part of the project itself; name a new folder")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder")
    if not folder.is_dir() or not any(p for p in folder.iterdir() if p.name != ".git"):
        return []
    try:
        names = json.loads((folder / LIST).read_text("utf-8"))["files"]
        safe = [str(n) for n in names if _is_inside(n)]
    except FileNotFoundError:
        raise UsageError(
            f"{folder}: has other things in it and was not made by okit class bundle; "
            "name a new folder"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise UsageError(f"{folder / LIST}: cannot be read ({e})") from None
    return safe


def _is_inside(name: str) -> bool:
    """Whether a name leads to nowhere but into the folder that it is taken from."""
    return not (PurePosixPath(name).is_absolute() or ".." in name.split("/") or {*"\\:"} & {*name})


def _check_unworked(path: Path, then: str) -> None:
    if path.exists() and exercises.worked_on(exercises.read(path)):
        raise UsageError(f"{path}: somebody has worked on it; {then}")


def _readme(project: Path, tapes: Sequence[str]) -> str:
    """The students' page, with the command by which the project's own README installs."""
    text = (project / "README.md").read_text("utf-8")
    found = re.search(r"^(python3 -m venv .*) && \.venv/bin/okit compare legal$", text, re.M)
    if not found:
        raise UsageError(f"{project / 'README.md'}: lacks the command that installs the kit")
    more = _TAPES.format(first=tapes[0]) if tapes else ""
    return README.format(install=found[1], tapes=more)


def _write(folder: Path, contents: Mapping[str, bytes]) -> Iterator[str]:
    """Write what differs, so that a repository sees only what has changed."""
    for name, content in contents.items():
        path = folder / name
        if path.is_file() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
        yield name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise RecordError(f"{path}: cannot be read ({e.strerror})") from None
