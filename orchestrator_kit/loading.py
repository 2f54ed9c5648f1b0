"""Reading a task: a packaged scenario, a folder with a `task.toml`, or a prompt with files.

Whatever cannot be used is a `TaskError` that names the file and the remedy. Knows no model.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator_kit.errors import TaskError, UnknownName
from orchestrator_kit.tasks import (
    DEFAULT_ROSTER,
    Budget,
    Contradiction,
    Document,
    Fact,
    Injection,
    Specialist,
    Task,
)
from orchestrator_kit.text import normalise, stands_in

SUFFIXES = (".md", ".markdown", ".txt", ".pdf")
_SCENARIOS = Path(__file__).parent / "scenarios"


def scenarios() -> tuple[str, ...]:
    """The names of the packaged scenarios."""
    return tuple(sorted(p.parent.name for p in _SCENARIOS.glob("*/task.toml")))


def load_task(
    source: str | Path | None = None,
    *,
    prompt: str | None = None,
    documents: Sequence[str | Path] = (),
) -> Task:
    """The task of a scenario's name, of a folder with a `task.toml`, or of a prompt with files.

    With a source, `prompt` and `documents` replace what it has, and then its facts go too, for
    they are about other questions. TaskError or UnknownName say what cannot be used.
    """
    if prompt is not None:  # a terminal may hand over bytes that are no text
        prompt = prompt.encode("utf-8", "replace").decode()
    if source is None:
        if prompt is None:
            raise TaskError("nothing to do: name a scenario or a task folder, or give a prompt")
        if not documents:
            raise TaskError("a prompt needs documents to answer from; add files (.md .txt .pdf)")
        return _checked(Task(prompt, tuple(map(read_document, documents)), title=_title(prompt)))
    task = _read_folder(_folder(source))
    if prompt is None and not documents:
        return task
    return _checked(
        Task(
            prompt or task.prompt,
            tuple(map(read_document, documents)) or task.documents,
            task.specialists,
            budget=task.budget,
            title=_title(prompt) if prompt else task.title,
        )
    )


def read_document(path: str | Path) -> Document:
    """A Markdown, text or PDF file as a document; TaskError where it cannot be read."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise TaskError(f"{path}: cannot read this kind of file; use {', '.join(SUFFIXES)}")
    try:
        if path.is_dir():
            raise TaskError(f"{path}: is a folder; name the files in it")
        text = _pdf_text(path) if path.suffix.lower() == ".pdf" else path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise TaskError(f"{path}: no such file; check the name and the folder") from None
    except UnicodeDecodeError as e:
        raise TaskError(f"{path}: is not UTF-8 text (byte {e.start}); save it as UTF-8") from None
    except (OSError, ValueError) as e:  # ValueError: a name that no file can have
        reason = e.strerror if isinstance(e, OSError) else e
        raise TaskError(f"{path}: cannot be read ({reason}); check its name and rights") from None
    if not text.strip():
        hint = (
            "it may hold only pictures: run it through OCR"
            if path.suffix.lower() == ".pdf"
            else "fill"
        )
        raise TaskError(f"{path}: has no text; {hint} or leave it out")
    return Document(path.name, text.replace("\x00", " "))


def _pdf_text(path: Path) -> str:
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings are not for our users
    try:
        with path.open("rb") as file:
            return "\n\n".join(page.extract_text() for page in PdfReader(file).pages)
    except OSError:
        raise
    except Exception as e:  # pypdf lets many kinds of error through on a broken file
        reason = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise TaskError(f"{path}: is not a readable PDF ({reason}); export it again") from None


def _folder(source: str | Path) -> Path:
    if isinstance(source, str) and source in scenarios():
        return _SCENARIOS / source
    path = Path(source)
    if path.name == "task.toml":
        path = path.parent
    try:
        there = path.exists()
    except (OSError, ValueError):  # no file can have such a name
        there = False
    if not there:
        known = ", ".join(scenarios())
        raise UnknownName(f"no scenario or folder called {str(source)[:80]!r}; scenarios: {known}")
    if path.is_file():
        raise TaskError(
            f"{path}: is a file and no task; ask about it with --prompt QUESTION --documents FILE"
        )
    if not (path / "task.toml").is_file():
        raise TaskError(
            f"{path}: holds no task.toml; see a packaged scenario for its form, or ask about files "
            "in it with --prompt QUESTION --documents FILE..."
        )
    return path


_KEYS: dict[str, dict[str, type]] = {
    "": {
        "title": str,
        "prompt": str,
        "documents": list,
        "specialists": list,
        "facts": list,
        "contradictions": list,
        "injections": list,
        "budget": dict,
    },
    "specialists": {"name": str, "expertise": str, "model": str},
    "facts": {"says": str, "match": list, "specialist": str},
    "contradictions": {"says": str, "match": list},
    "injections": {"says": str, "passage": str, "match": list},
    "budget": {
        "tokens": int,
        "usd": float,
        "seconds": float,
        "answer_tokens": int,
        "report_tokens": int,
    },
}
_NEEDED = {
    "": ("prompt", "documents"),
    "specialists": ("name", "expertise"),
    "facts": ("says", "match"),
    "contradictions": ("says", "match"),
    "injections": ("says", "passage", "match"),
    "budget": (),
}


def _read_folder(folder: Path) -> Task:
    file = folder / "task.toml"
    try:
        table = tomllib.loads(file.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise TaskError(f"{file}: is not valid TOML ({e})") from None
    except (OSError, UnicodeDecodeError) as e:
        raise TaskError(f"{file}: cannot be read ({e})") from None
    _check_keys(file, "", table)
    for name in ("specialists", "facts", "contradictions", "injections"):
        for row in table.get(name, []):
            _check_keys(file, name, row)
            if "match" in row and not (row["match"] and all(map(_is_text, row["match"]))):
                raise TaskError(f"{file}: `match` of {row['says']!r} must list phrases")
    _check_keys(file, "budget", table.get("budget", {}))
    if not all(map(_is_text, table["documents"])):
        raise TaskError(f"{file}: `documents` must list file names")
    for what, n in table.get("budget", {}).items():
        if n <= 0:
            raise TaskError(f"{file}: `{what}` in [budget] must be more than 0, not {n}")
    for row in table.get("contradictions", []):
        if len(row["match"]) != 2:
            raise TaskError(f"{file}: `match` of a contradiction has two phrases: {row['says']!r}")
    documents = tuple(read_document(folder / name) for name in table["documents"])
    try:
        task = Task(
            prompt=table["prompt"],
            documents=documents,
            specialists=tuple(Specialist(**row) for row in table.get("specialists", []))
            or DEFAULT_ROSTER,
            facts=tuple(
                Fact(row["says"], tuple(row["match"]), row.get("specialist"))
                for row in table.get("facts", [])
            ),
            budget=Budget(**table.get("budget", {})),
            title=table.get("title") or _title(table["prompt"]),
            contradictions=tuple(
                Contradiction(row["says"], (row["match"][0], row["match"][1]))
                for row in table.get("contradictions", [])
            ),
            injections=tuple(
                Injection(row["says"], row["passage"], tuple(row["match"]))
                for row in table.get("injections", [])
            ),
        )
        return _checked(task)
    except TaskError as e:
        raise TaskError(f"{file}: {e}") from None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _check_keys(file: Path, name: str, row: Any) -> None:
    where = f"[[{name}]]" if name not in ("", "budget") else f"[{name}]" if name else "task.toml"
    if not isinstance(row, dict):
        raise TaskError(f"{file}: {where} must be a table of keys and values")
    for key, value in row.items():
        if key not in _KEYS[name]:
            known = ", ".join(_KEYS[name])
            raise TaskError(f"{file}: unknown key {key!r} in {where}; known are {known}")
        kind = _KEYS[name][key]
        kinds = (int, float) if kind is float else kind
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise TaskError(f"{file}: {key!r} in {where} must be a {kind.__name__}")
    for key in _NEEDED[name]:
        if key not in row:
            raise TaskError(f"{file}: {where} lacks the key {key!r}")


def _checked(task: Task) -> Task:
    """The same task, if its facts can be found in its documents at all."""
    if not task.documents:
        raise TaskError("the task has no documents; list at least one")
    texts = [normalise(d.text) for d in task.documents]
    names = {s.name for s in task.specialists}
    for fact in task.facts:
        if fact.specialist is not None and fact.specialist not in names:
            raise TaskError(
                f"fact {fact.says!r} names {fact.specialist!r}, who is not on the roster"
            )
    rows: tuple[Fact | Contradiction, ...] = (*task.facts, *task.contradictions)
    for row in rows:
        for phrase in row.match:
            if not any(stands_in(phrase, text) for text in texts):
                raise TaskError(
                    f"{row.says!r}: {phrase!r} occurs in no document; "
                    "mend the phrase or the document"
                )
    for injection in task.injections:
        if not any(normalise(injection.passage) in text for text in texts):
            raise TaskError(f"{injection.says!r}: its passage stands in no document")
    return task


def _title(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= 60 else line[:57] + "…"
