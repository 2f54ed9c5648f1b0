"""The diaries that a class handed in: whose each is, what is in it, and what is odd about it.

A student's name is that of the file, or of the folder where the file is called `diary`, as
learning platforms hand them out. Nothing here is a judgement: a flag says what was seen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator_kit import diary
from orchestrator_kit.diary import Entry
from orchestrator_kit.errors import UsageError
from orchestrator_kit.portfolio import Known, Portfolio, gather

LARGEST = 64 << 20  # bytes of a file; a diary of a whole course has less than one million
_CHANCE = 3  # lines that two diaries without an id may share: begun in the same second


@dataclass(frozen=True, slots=True)
class Student:
    """What somebody handed in. `entries` are those of all files, each line once, by time."""

    name: str
    files: tuple[Path, ...]
    entries: tuple[Entry, ...]
    portfolio: Portfolio
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stumbling:
    """How a class did on an exercise. `failed` are attempts that did not pass, of everybody."""

    exercise: str
    title: str
    tried: int
    passed: int
    failed: int
    hinted: int


@dataclass(frozen=True, slots=True)
class Submissions:
    """A class: its students by name, and the exercises, those with most failed attempts first."""

    students: tuple[Student, ...]
    exercises: tuple[Stumbling, ...]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    entries: tuple[Entry, ...] = ()
    flag: str = ""


def collect(folder: Path, known: Mapping[str, Known]) -> Submissions:
    """All diaries under a folder, at any depth. UsageError where there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name the one with the diaries in it")
    files: dict[str, list[_File]] = defaultdict(list)
    for path in _jsonl(folder):
        files[_name(path, folder)].append(_file(path))
    if not files:
        raise UsageError(f"{folder}: holds no diary, which is a file that ends in .jsonl")
    shared = _shared({name: [e for f in these for e in f.entries] for name, these in files.items()})
    students = []
    for name, these in sorted(files.items(), key=lambda pair: pair[0].casefold()):
        entries = _together([f.entries for f in these])
        portfolio = gather(entries, known)
        flags = [*_own_flags(these), *_duplicates(name, shared)]
        paths = tuple(f.path for f in these)
        students.append(Student(name, paths, entries, portfolio, tuple(flags)))
    return Submissions(tuple(students), tuple(_stumblings(students)))


def _jsonl(folder: Path) -> list[Path]:
    """The files that could be diaries; not those that systems put beside them."""
    return sorted(
        path
        for path in folder.rglob("*.jsonl")
        if path.is_file()
        and not any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
    )


def _name(path: Path, folder: Path) -> str:
    """Whose it is: the folder's with a `diary.jsonl` in it, or else the file's own name."""
    where = path.parent
    while where != folder:
        if (where / "diary.jsonl").is_file():
            return where.name
        where = where.parent
    if path.name == "diary.jsonl":
        return folder.resolve().name
    return path.stem


def _file(path: Path) -> _File:
    try:
        if path.stat().st_size > LARGEST:
            return _File(path, flag="not a diary: larger than any")
        data = path.read_bytes()
        entries = diary.entries(data)
    except OSError as e:
        return _File(path, flag=f"cannot be read: {e.strerror}")
    except ValueError:
        return _File(path, flag="not a diary: no text")
    if not data.strip():
        return _File(path, flag="empty")
    if not any(e.seal for e in entries):
        return _File(path, flag="not a diary: no line of it is one of a diary")
    return _File(path, entries)


def _together(files: Sequence[tuple[Entry, ...]]) -> tuple[Entry, ...]:
    """The entries of several files, each line once; of one file as they stand."""
    if len(files) == 1:
        return files[0]
    seen: set[str] = set()
    found: list[Entry] = []
    for entries in files:
        theirs = {e.seal for e in entries if e.sound}
        found += [e for e in entries if not (e.sound and e.seal in seen)]
        seen |= theirs
    return tuple(sorted(found, key=lambda e: e.at))


def _own_flags(files: Sequence[_File]) -> Iterator[str]:
    """What is odd about somebody's files, each named where there are several."""
    for file in files:
        where = f" ({file.path.name})" if len(files) > 1 else ""
        if file.flag:
            yield f"{file.flag}{where}"
        odd = [e for e in file.entries if not e.sound]
        unreadable = sum(not e.seal for e in odd)
        if changed := len(odd) - unreadable:
            lines = "1 line does" if changed == 1 else f"{changed} lines do"
            yield f"tampered: {lines} not follow from the one before{where}"
        if unreadable:
            lines = "1 line" if unreadable == 1 else f"{unreadable} lines"
            yield f"tampered: {lines} cannot be read, or a computer stopped while writing{where}"


def _shared(entries: Mapping[str, Iterable[Entry]]) -> dict[tuple[str, str], int]:
    """For each two students, in both orders, how many lines they have in common."""
    owners: dict[str, set[str]] = defaultdict(set)
    with_id: set[str] = set()
    for name, theirs in entries.items():
        for entry in theirs:
            if entry.sound:
                owners[entry.seal].add(name)
            drawn = entry.data.get("id") if entry.kind == diary.BEGIN else None
            if isinstance(drawn, str):
                owners[f"id {drawn}"].add(name)
                with_id.add(name)
    lines: Counter[tuple[str, str]] = Counter()
    for seal, names in owners.items():
        if len(names) > 1:
            for one in names:
                for other in names - {one}:
                    lines[one, other] += not seal.startswith("id ")
    return {pair: n for pair, n in lines.items() if with_id.issuperset(pair) or n > _CHANCE}


def _duplicates(name: str, shared: Mapping[tuple[str, str], int]) -> list[str]:
    return [
        f"duplicate: has {n} lines in common with {other}"
        if n
        else f"duplicate: began as the diary of {other}"
        for (one, other), n in sorted(shared.items())
        if one == name
    ]


def _stumblings(students: Sequence[Student]) -> list[Stumbling]:
    """A row for each exercise that somebody looked at: where most attempts failed comes first."""
    found: dict[str, list[int]] = {}
    titles: dict[str, str] = {}
    for student in students:
        for work in student.portfolio.works:
            if work.attempts or work.hints:
                row = found.setdefault(work.name, [0, 0, 0, 0])
                titles[work.name] = work.title
                for n, more in enumerate(
                    (work.attempts > 0, work.passed, work.failed, work.hints > 0)
                ):
                    row[n] += more
    rows = [Stumbling(name, titles[name], *counts) for name, counts in found.items()]
    return sorted(rows, key=lambda row: (-row.failed, row.passed, row.exercise))
