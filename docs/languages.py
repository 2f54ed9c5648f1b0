"""The catalogue of messages: read from the code, kept beside its translations.

    python docs/languages.py                    says what each language lacks
    python docs/languages.py --write            brings every okit.po and okit.mo up to date
    python docs/languages.py --write de MORE.po also takes translations from another file
    python docs/languages.py --write fr         begins a language

tests/test_catalogue.py fails when code and catalogue differ or a translation is missing.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
LOCALE = ROOT / "orchestrator_kit" / "locale"
HEADER = "# Messages of checks, questions and progress. Kept by docs/languages.py."
WHEN = datetime(2026, 1, 1, tzinfo=UTC)  # Babel writes a date; the same one gives the same file
MIME = [("Content-Type", "text/plain; charset=utf-8"), ("MIME-Version", "1.0")]

Id = str | tuple[str, str]  # one form, or the singular and the plural
Text = str | tuple[str, ...]


def messages() -> list[Id]:
    """The messages in the code, each once."""
    found = extract_from_dir(str(LOCALE.parent))
    return list(dict.fromkeys(m[2] for m in found))


def texts(path: Path) -> dict[str, Text]:
    """The translations in a file that are there and not doubtful, by (singular) message."""
    read = read_po(io.BytesIO(path.read_bytes()), locale=path.parents[1].name[:2])
    return {_key(m.id): m.string for m in read if m.id and _whole(m.string) and not m.fuzzy}


def catalogue(language: str, *more: Path) -> Catalog:
    """The catalogue of a language: every message in the code, translated as far as it was."""
    known: dict[str, Text] = {}
    for path in (po(language), *more):
        known |= texts(path) if path.exists() else {}
    made = Catalog(locale=language, header_comment=HEADER, fuzzy=False)
    for message in messages():
        empty: Text = "" if isinstance(message, str) else ("", "")
        made.add(message, known.get(_key(message), empty))
    return made


def po(language: str) -> Path:
    """Where the translations into a language stand, to be edited."""
    return LOCALE / language / "LC_MESSAGES" / "okit.po"


def as_po(made: Catalog) -> bytes:
    """The catalogue as a file to edit, sorted, without dates."""
    file = io.BytesIO()
    write_po(file, made, width=98, sort_output=True, omit_header=True)
    plural = f'"Plural-Forms: {made.plural_forms}\\n"\n'
    head = "".join(f'"{name}: {value}\\n"\n' for name, value in MIME)
    return f'{HEADER}\nmsgid ""\nmsgstr ""\n{head}{plural}\n'.encode() + file.getvalue()


def as_mo(po_file: Path) -> bytes:
    """What gettext reads, made of what people edit."""
    file = io.BytesIO()
    made = read_po(io.BytesIO(po_file.read_bytes()), locale=po_file.parents[1].name)
    made.mime_headers = [*MIME, ("Plural-Forms", made.plural_forms)]
    made.creation_date = made.revision_date = WHEN
    write_mo(file, made)
    return file.getvalue()


def missing(made: Catalog) -> list[str]:
    """The messages without a translation."""
    return [_key(m.id) for m in made if m.id and not _whole(m.string)]


def _key(message: object) -> str:
    return message if isinstance(message, str) else str(next(iter(message)))  # type: ignore[call-overload]


def _whole(text: object) -> bool:
    return bool(text) if isinstance(text, str) else all(text)  # type: ignore[call-overload]


def main() -> None:
    """Say what is missing, and write where asked to."""
    write, rest = "--write" in sys.argv, [a for a in sys.argv[1:] if a != "--write"]
    known = [path.parents[1].name for path in LOCALE.glob("*/LC_MESSAGES/okit.po")]
    more = [Path(a) for a in rest if a.endswith(".po")]
    for language in [a for a in rest if not a.endswith(".po")] or sorted(known):
        made = catalogue(language, *more)
        for message in missing(made):
            print(f"{language} lacks: {message}")
        print(f"{language}: {len(made)} messages, {len(missing(made))} without a translation")
        if write:
            po(language).parent.mkdir(parents=True, exist_ok=True)
            po(language).write_bytes(as_po(made))
            po(language).with_suffix(".mo").write_bytes(as_mo(po(language)))


if __name__ == "__main__":
    main()
