"""What the replay shows beside its picture, as HTML: a call, a statement's way back, the events.

Prompts, replies, names and errors are data from strangers: all of it is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from orchestrator_kit import tables
from orchestrator_kit.events import CallEnded, CallFailed, CallStarted
from orchestrator_kit.metrics import Call
from orchestrator_kit.playback import Happening
from orchestrator_kit.provenance import Explanation, Link
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Task

LONGEST = 40_000  # characters of one text that are shown
ROWS = 100  # events that the table shows
_BOX = (
    "white-space:pre-wrap;overflow-wrap:anywhere;max-height:22em;overflow:auto;"
    "border:1px solid currentColor;border-radius:4px;padding:6px;margin:2px 0"
)
_MARK = "background:#E69F00;color:#000"


def call_page(run: Run, call: Call, marked: Sequence[str] = ()) -> str:
    """One call: who and when, what it was asked, what came back, what it took, what failed.

    Of the `marked` sentences those that stand there word for word are highlighted.
    """
    request = next(e for e in run.events if isinstance(e, CallStarted) and e.call == call.id)
    reply = next((e for e in run.events if isinstance(e, CallEnded) and e.call == call.id), None)
    failure = next((e for e in run.events if isinstance(e, CallFailed) and e.call == call.id), None)
    parts = [f"<h4>Call {call.id}: {escape(call.agent)}</h4>"]
    if failure:
        said = escape(f"{failure.kind}: {failure.message}")
        parts.append(f"<p><strong>Failed:</strong> {said}</p>")
    elif call.failure:
        parts.append("<p><strong>No reply:</strong> the run was over before one came.</p>")
    parts.append(_facts(call, request, reply))
    for n, message in enumerate(request.messages, 1):
        name = f"message {n} of {len(request.messages)}, {message.speaker}"
        parts.append(_text(name, message.content, marked))
    if reply:
        parts.append(_text("reply", reply.text, marked))
    return "".join(parts)


def _facts(call: Call, request: CallStarted, reply: CallEnded | None) -> str:
    """What can be said of a call in numbers."""
    usage = call.usage
    mark = "~" if usage and usage.estimated else ""
    tokens = f"{mark}{usage.input_tokens:,} in, {mark}{usage.output_tokens:,} out" if usage else ""
    rows = [
        ["role", call.role if call.worker is None else f"{call.role}, worker {call.worker}"],
        ["subtask", call.subtask or tables.NONE],
        ["time", f"{call.started:.1f} to {call.ended:.1f} s, {tables.seconds(call.seconds)}"],
        ["tokens", tokens or tables.NONE],
        ["cost", tables.money(call.cost_usd)],
        ["asked for", f"{request.format or 'text'}, at most {request.max_output_tokens:,} tokens"],
        ["builds on calls", ", ".join(map(str, call.uses)) or tables.NONE],
    ]
    if call.step != "first":
        rows.append(["made as", f"{call.step}, attempt {request.attempt}"])
    if reply and reply.finish != "stop":
        rows.append(["ended by", reply.finish])
    return tables.as_html(["what", "of this call"], rows)


def _text(name: str, text: str, marked: Sequence[str]) -> str:
    """A text from a stranger in a box that the keyboard can scroll."""
    shown, more = text[:LONGEST], len(text) - LONGEST
    rest = f"<p>… and {more:,} more characters, which the record has.</p>" if more > 0 else ""
    body = _marked(shown, marked)
    label = escape(name, quote=True)
    return (
        f"<p><strong>{label}</strong></p>"
        f'<pre tabindex="0" role="region" aria-label="{label}" style="{_BOX}">{body}</pre>{rest}'
    )


def _marked(text: str, marked: Sequence[str]) -> str:
    """A text escaped, with the first of these sentences that stands in it highlighted."""
    for sentence in filter(None, marked):
        before, found, after = text.partition(sentence)
        if found:
            return f'{escape(before)}<mark style="{_MARK}">{escape(found)}</mark>{escape(after)}'
    return escape(text)


def link_name(link: Link, first: bool) -> str:
    """A step of the way back from a statement, in words."""
    slot = "" if link.worker is None else f", worker {link.worker}"
    what = "report" if link.role in ("worker", "peer") else "answer"
    begins = f"{what} of {link.agent}{slot}"
    return f"{begins}, call {link.call}" + (", which read it" if first else "")


def source_page(found: Explanation, task: Task | None) -> str:
    """From a statement of the answer to the passage that it rests on, step by step."""
    rows = [f"<li><strong>the answer says</strong> {escape(str(found.statement))}</li>"]
    for n, link in enumerate(found.links):
        name = link_name(link, n == len(found.links) - 1)
        rows.append(f"<li><strong>{escape(name)}:</strong> {escape(str(link.said))}</li>")
    if found.invented:
        rows.append("<li>No reply of this run says so: whoever wrote the answer made it up.</li>")
    if found.subtask:
        asked = f"{found.subtask.id}, {found.subtask.instruction}"
        by = f" by the plan of call {found.plan_call}" if found.plan_call is not None else ""
        rows.append(f"<li><strong>asked{by}:</strong> {escape(asked)}</li>")
    if found.passage:
        section, sentence = found.passage
        rows.append(f"<li><strong>read in {escape(section)}:</strong> {escape(sentence)}</li>")
        whole = task.section_by_id.get(section) if task else None
        if whole:
            rows.append(f"<li>{_text(f'{section}: {whole.title}', whole.text, [sentence])}</li>")
    elif found.links:
        rows.append("<li>Read nowhere: it names no section that was put before it.</li>")
    for review in found.reviews:
        said = f"{review.verdict}; {review.reason}"
        rows.append(f"<li><strong>reviewed in call {review.call}:</strong> {escape(said)}</li>")
    for c in found.conflicts:
        said = f"'{c.first.text}' against '{c.second.text}': {c.reason}"
        rows.append(f"<li><strong>in conflict:</strong> {escape(said)}</li>")
    if found.also:
        rows.append(f"<li>said too by calls {', '.join(map(str, found.also))}</li>")
    return f"<ol>{''.join(rows)}</ol>"


def event_rows(happenings: Sequence[Happening]) -> list[str]:
    """Each event as the row of a table."""
    return [
        f'<tr><th scope="row" style="text-align:right">{tables.seconds(h.t)}</th>'
        f"<td>{'' if h.call is None else h.call}</td>"
        f'<td style="text-align:left">{escape(h.says)}</td></tr>'
        for h in happenings
    ]


def events_page(rows: Sequence[str]) -> str:
    """The table of the events so far, the latest first."""
    left = len(rows) - ROWS
    before = f"<p>and {left:,} before these</p>" if left > 0 else ""
    head = "".join(f'<th scope="col">{name}</th>' for name in ("time", "call", "what happened"))
    body = "".join(reversed(rows[-ROWS:]))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{before}"
