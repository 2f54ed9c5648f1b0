"""The commands that list what there is: faults to inject, recovery policies, published claims."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator_kit import claims as published
from orchestrator_kit import recovery
from orchestrator_kit.cli.console import out, print_table, show
from orchestrator_kit.models.faults import KINDS, Fault
from orchestrator_kit.record import check_writable, write_atomic

# What each field of a Fault means, for whoever writes one on the command line.
CONDITIONS = {
    "role": "only calls of this role: orchestrator, worker, synthesizer or peer",
    "agent": "only calls of this specialist or peer, by its name",
    "worker": "only calls in the slot of this number, from 1",
    "subtask": "only calls for this subtask of the plan, such as s1",
    "nth": "only these of the calls that the other conditions fit, from 1: nth=2 or nth=1+3",
    "first": "only the first so many attempts at a piece of work, so that a retry helps",
    "p": "with this probability, from 0 to 1",
    "factor": "of a straggler: how many times as long",
    "seconds": "of a timeout: how long nothing comes",
    "retry_after": "of a rate_limit: after how many seconds to come back",
}
EXAMPLES = {
    "crash:role=worker,p=0.25": "each call of a worker fails with a chance of one in four",
    "kill:role=synthesizer,nth=1": "the orchestrator is gone when it is to make the answer",
    "straggler:worker=1,factor=20": "one worker is twenty times as slow",
}


def faults() -> None:
    """List the faults that --faults can inject, and the conditions of one."""
    out.print("A fault is KIND or KIND:CONDITION=VALUE,...; several go after one --faults.\n")
    print_table(None, ["kind", "what happens"], list(map(list, KINDS.items())), left=True)
    out.print()
    defaults = {f.name: f.default for f in fields(Fault)}
    rows = [
        [name, "any" if defaults[name] in (None, ()) else f"{defaults[name]:g}", meaning]
        for name, meaning in CONDITIONS.items()
    ]
    print_table(None, ["condition", "default", "meaning"], rows, left=True)
    out.print()
    print_table(None, ["example", "meaning"], list(map(list, EXAMPLES.items())), left=True)


def policies() -> None:
    """List the recovery policies that --recovery names."""
    rows = [[name, str(policy)] for name, policy in recovery.POLICIES.items()]
    print_table(None, ["policy", "what it does"], rows, left=True)
    if recovery.__doc__:  # python -OO has none
        out.print()
        out.print(recovery.__doc__.split("\n\n")[1].strip(), markup=False, soft_wrap=True)


def claims(
    name: Annotated[str | None, typer.Argument(help="The id of one, to see all of it.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the claims to this file.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print them in Markdown.")] = False,
) -> None:
    """List the published claims that the kit speaks of, and how sure of them it is."""
    if json:
        check_writable(json)
    found = published.claims() if name is None else (published.claim_named(name),)
    if markdown:
        out.out(published.markdown(found), end="")
    elif name is not None:
        show(found[0])
    else:
        rows = [[c.id, c.source, c.version, c.figures or "-", c.sure] for c in found]
        columns = ["claim", "source", "version", "numbers", "how sure"]
        print_table(None, columns, rows, left=True)
    if json:
        write_atomic(json, published.as_json(found))
        out.print(f"claims: {escape(str(json))}")
