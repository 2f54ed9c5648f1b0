"""The commands about tapes: what is on one, whether it is sound, and its way to text and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator_kit import tables
from orchestrator_kit.cli.console import out, print_table
from orchestrator_kit.errors import TapeError
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.reel_text import damage, exported, imported
from orchestrator_kit.record import write_atomic

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
TapeFile = Annotated[Path, typer.Argument(help="A tape.")]


@app.command()
def show(file: TapeFile) -> None:
    """Say which models and runs are on a tape, and what their calls took."""
    reel = Reel(file)
    models = [
        [m.name, f"{m.window:,}", tables.NONE if m.seed is None else str(m.seed)]
        for m in reel.models.values()
    ]
    print_table(None, ["model", "window", "seed"], models)
    rows = []
    for settings in reel.runs:
        calls = [t.outcome for t in reel.calls.values() if t.settings == settings]
        about = _about(settings)
        cost = [c.cost_usd for c in calls if c.cost_usd is not None]
        rows.append(
            [
                str(about.get("pattern", "(no run)")),
                str(about.get("task", ""))[:40],
                str(about.get("workers", "")),
                str(len(calls)),
                str(sum(c.kind is not None for c in calls)),
                f"{sum(c.input_tokens or 0 for c in calls):,}",
                f"{sum(c.output_tokens or 0 for c in calls):,}",
                tables.money(sum(cost) if cost else None),
                tables.seconds(max((c.ended for c in calls), default=0.0)),
            ]
        )
    columns = ["first asked by", "task", "workers", "calls", "failed", "input", "output", "cost"]
    print_table(None, [*columns, "until"], rows)


@app.command()
def check(file: TapeFile) -> None:
    """Look for damage in a tape."""
    if found := damage(file):
        raise TapeError(f"{file}: {'; '.join(found[:5])}")
    out.print(f"{escape(str(file))}: sound, {len(Reel(file).calls)} calls")


@app.command("export")
def export_tape(
    file: TapeFile,
    to: Annotated[Path | None, typer.Option(help="Write to this file, not to the screen.")] = None,
) -> None:
    """Write a tape as JSON Lines."""
    lines = exported(file)
    if to is None:
        for line in lines:
            print(line)
        return
    if to.exists() and to.samefile(file):
        raise TapeError(f"{to}: is the tape itself; name another file")
    write_atomic(to, "".join(f"{line}\n" for line in lines))
    out.print(f"written: {escape(str(to))}")


@app.command("import")
def import_tape(
    lines: Annotated[Path, typer.Argument(help="What okit tape export wrote.")],
    file: Annotated[Path, typer.Argument(help="The tape to make.")],
) -> None:
    """Make a tape of exported lines."""
    try:
        with lines.open(encoding="utf-8") as text:
            reel = imported(text, file)
    except (OSError, UnicodeDecodeError) as e:
        raise TapeError(f"{lines}: cannot be read ({e})") from None
    out.print(f"written: {escape(str(file))}, {len(reel.calls)} calls")


def _about(settings: str) -> dict[str, object]:
    """What is known of a run by the first line of its record, or nothing."""
    try:
        found = json.loads(settings)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
