"""One call in full: everything that the history has of it, in order of time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, Table, select

from callbridge.adapters.database.history_tables import (
    call_notes,
    callbacks,
    calls,
    changes,
    flow_steps,
    offers,
    recordings,
    segments,
    survey_answers,
    surveys,
    transfers,
    visits,
    voice_quality,
)
from callbridge.adapters.database.sentence_parts import with_parts
from callbridge.adapters.reports.masking import masked_row
from callbridge.adapters.reports.report import (
    FieldsText,
    FieldValue,
    FigureFamily,
    Report,
    ReportColumn,
    ReportQuery,
    ValueKind,
)
from callbridge.adapters.reports.rows import seconds
from callbridge.adapters.reports.terms import ReportTerms
from callbridge.core.model.sentence import Unknown

_COLUMNS = (
    ReportColumn("at", ValueKind.MOMENT, "at"),
    ReportColumn("what", ValueKind.TEXT, "what"),
    ReportColumn("queue", ValueKind.TEXT, "queue"),
    ReportColumn("agent", ValueKind.TEXT, "agent"),
    ReportColumn("lasted", ValueKind.SECONDS, "lasted", "duration of what ends here"),
    ReportColumn("details", ValueKind.FIELDS, "details"),
)


_NOTHING = FieldsText("", {})


class UnknownCall(LookupError):
    """The call is not in the history."""


@dataclass(frozen=True, slots=True)
class CallEvent:
    """``lasted``: of what ended; None for what began, or has no length."""

    at: float | None
    what: str
    queue: str = ""
    agent: str = ""
    lasted: float | None = None
    details: FieldsText = _NOTHING


def call_report(engine: Engine, query: ReportQuery) -> Report:
    """Of the query's call, whenever it was; with queues, only if it was in one of them. Raises UnknownCall, SQLAlchemyError."""
    events = _events(engine, query) if query.call else []
    if query.call and query.queues and not any(event.queue in query.queues for event in events):
        raise UnknownCall(Unknown("no call '{call}' in the history of these queues", call=query.call))
    rank = {what: place for place, what in enumerate(_ORDER)}
    events.sort(key=lambda event: (event.at or 0.0, rank.get(event.what, len(rank))))
    rows = ((one.at, one.what, one.queue, one.agent, seconds(one.lasted), one.details) for one in events)
    return Report("call", FigureFamily.ROWS, _COLUMNS, list(rows))


def _as_it_is(row: Any) -> Any:
    return row


def _events(engine: Engine, query: ReportQuery) -> list[CallEvent]:
    call, shown = query.call, masked_row if query.masked else _as_it_is
    with engine.connect() as link:
        own = link.execute(select(calls).where(calls.c.call == call)).one_or_none()
        if own is None:
            raise UnknownCall(Unknown("no call '{call}' in the history", call=call))
        events = list(_call(shown(own)))
        for table, told in _TOLD.items():
            number = tuple(table.primary_key)[-1].name
            found = link.execute(select(table).where(table.c.call == call)).all()
            for row in sorted(found, key=lambda row: _in_order(str(row._mapping[number]))):
                events += (event for event in told(shown(row)) if event.at is not None)
    return [_labelled(one, own.campaign or "", query.terms) for one in events]


def _labelled(event: CallEvent, campaign: str, terms: ReportTerms) -> CallEvent:
    """With the label of a disposition beside its code, which programs know."""
    fields = event.details.fields
    label = terms.disposition_label(str(fields.get("disposition", "")), event.queue, campaign)
    return replace(event, details=_details({**fields, "disposition_label": label})) if label else event


def _in_order(key: str) -> list[str | int]:
    """Numbers count as numbers: the fact 1-9 came before 1-10, which no order of texts knows."""
    return [int(part) if place % 2 else part for place, part in enumerate(_NUMBERS.split(key))]


_NUMBERS = re.compile("([0-9]+)")
_ORDER = ("call arrived", "flow began", "flow node", "flow ended", "queue entered", "offer", "offer ended", "queue left", "talk")
"""Of what happens at the same moment; then all the rest, and the call's end last."""


def _call(row: Any) -> Iterator[CallEvent]:
    who = {"number": row.number, "name": row.name, "entry": row.entry, "tier": row.tier}
    why = {"callback": row.callback, "campaign": row.campaign, "repeated_after": seconds(row.repeated_after) or None}
    yield CallEvent(row.arrived_at, "call arrived", details=_details(who | why))
    if row.ended_at is not None:
        how = {"outcome": row.outcome, "diverted": row.diverted_reason, "to": row.diverted_to, "estimated": row.estimated or None}
        yield CallEvent(row.ended_at, "call ended", lasted=row.lasted, details=_details(how))


def _visit(row: Any) -> Iterator[CallEvent]:
    which = {"expected": seconds(row.expected) or None, "consulted_by": row.consulted_by}
    yield CallEvent(row.began_at, "queue entered", row.queue or "", details=_details(which))
    if row.ended_at is not None:
        how = {"outcome": row.outcome, "to": row.went_to, "reason": row.reason, "estimated": row.estimated or None}
        yield CallEvent(row.ended_at, "queue left", row.queue or "", lasted=row.lasted, details=_details(how))


def _offer(row: Any) -> Iterator[CallEvent]:
    yield CallEvent(row.began_at, "offer", row.queue or "", row.agent or "", details=_details({"needs": row.needs}))
    if row.ended_at is not None:
        how = {"result": row.result, "trouble": row.trouble, "cause": row.cause or None}
        yield CallEvent(row.ended_at, "offer ended", row.queue or "", row.agent or "", row.rang_for, _details(how))


def _segment(row: Any) -> Iterator[CallEvent]:
    what = "talk" if row.kind == "talk" else "conference"
    yield CallEvent(row.began_at, what, row.queue or "", row.agent or "")
    if row.ended_at is not None:
        how = {"ended_by": row.ended_by, "hold": seconds(row.hold) or None, "disposition": row.disposition}
        how |= {"estimated": row.estimated or None}
        yield CallEvent(row.ended_at, f"{what} ended", row.queue or "", row.agent or "", row.talked, _details(how))
    if row.wrapped_up_at is not None:
        yield CallEvent(row.wrapped_up_at, "wrap-up ended", row.queue or "", row.agent or "", row.wrap_up)


def _note(row: Any) -> Iterator[CallEvent]:
    details = FieldsText(" ".join((row.text or "").split()), {"text": row.text or ""})
    yield CallEvent(row.at, "note", row.queue or "", row.agent or "", details=details)


def _voice(row: Any) -> Iterator[CallEvent]:
    packets = (row.received or 0) + (row.lost or 0)
    how = {"mos": row.mos, "worst_mos": row.worst_mos, "loss": round((row.lost or 0) / packets, 3) if packets else None}
    how |= {"jitter": row.jitter, "rtt": row.rtt, "codec": row.codec}
    yield CallEvent(row.at, "voice quality", row.queue or "", row.agent or "", details=_details(how))


def _transfer(row: Any) -> Iterator[CallEvent]:
    which = {"kind": row.kind, "to": row.target}
    yield CallEvent(row.began_at, "transfer", row.queue or "", row.agent or "", details=_details(which))
    if row.ended_at is not None:
        lasted = None if row.began_at is None else row.ended_at - row.began_at
        how = which | {"result": row.result}
        yield CallEvent(row.ended_at, "transfer ended", row.queue or "", row.agent or "", lasted, _details(how))


def _flow_step(row: Any) -> Iterator[CallEvent]:
    what = "flow node" if row.kind == "node" else f"flow {row.kind}"
    how = {"flow": row.flow, "node": row.node, "key": row.key, "result": row.result, "to": row.went_to, "reason": row.reason}
    yield CallEvent(row.at, what, lasted=row.lasted, details=_details(how))


def _answer(row: Any) -> Iterator[CallEvent]:
    line = ", ".join(f"{name} {value}" for name, value in (("survey", row.survey), (row.question, row.answer)) if value)
    said = FieldsText(line, _said({"survey": row.survey, "question": row.question, "answer": row.answer}))
    yield CallEvent(row.at, "survey answer", row.queue or "", row.agent or "", details=said)


def _survey(row: Any) -> Iterator[CallEvent]:
    details = _details({"survey": row.survey, "result": row.result, "answers": row.answers or None})
    yield CallEvent(row.at, "survey ended", row.queue or "", row.agent or "", details=details)


def _recording(row: Any) -> Iterator[CallEvent]:
    details = _details(
        {"file": row.file, "paused": seconds(row.paused) or None, "failure": with_parts(row.failure, row.failure_parts)}
    )
    what = "voicemail" if row.kind == "voicemail" else "recording"
    yield CallEvent(row.at, what, row.queue or "", row.agent or "", row.lasted, details)


def _callback(row: Any) -> Iterator[CallEvent]:
    """What was requested in this call; the call that keeps it is another one."""
    which = {"callback": row.callback, "by": row.requested_by}
    yield CallEvent(row.requested_at, "callback requested", row.queue or "", row.agent or "", details=_details(which))


def _change(row: Any) -> Iterator[CallEvent]:
    how = {"request": row.request, "granted": row.granted, "by": row.by, "to": row.target}
    how["reason"] = with_parts(row.reason, row.reason_parts)
    yield CallEvent(row.at, row.kind or "change", row.queue or "", row.agent or "", row.lasted, _details(how))


_TOLD: Mapping[Table, Callable[[Any], Iterator[CallEvent]]] = {
    visits: _visit,
    offers: _offer,
    segments: _segment,
    call_notes: _note,
    voice_quality: _voice,
    transfers: _transfer,
    flow_steps: _flow_step,
    survey_answers: _answer,
    surveys: _survey,
    recordings: _recording,
    callbacks: _callback,
    changes: _change,
}


def _details(values: Mapping[str, FieldValue | None]) -> FieldsText:
    """What there is to say. What is usual, as zero seconds on hold, is None."""
    said = _said(values)
    return FieldsText(", ".join(_in_words(name, value) for name, value in said.items()), said)


def _said(values: Mapping[str, FieldValue | None]) -> dict[str, FieldValue]:
    return {name: value for name, value in values.items() if value is not None and value != ""}


def _in_words(name: str, value: FieldValue) -> str:
    if name == "granted":
        return "granted" if value else "refused"
    label = _LABELS.get(name) or name.replace("_", " ")
    return label if value is True else f"{label} {_WRITTEN.get(name, str)(value)}"


def _milliseconds(value: float) -> str:
    return f"{value * 1000:.0f} ms"


_LABELS = {"number": "from", "mos": "MOS", "worst_mos": "worst", "loss": "lost", "rtt": "round trip"}
_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "loss": "{:.1%}".format,
    "jitter": _milliseconds,
    "rtt": _milliseconds,
    **dict.fromkeys(("repeated_after", "expected", "hold", "paused"), "{:.1f} s".format),
}
"""Of fields in seconds, and shares from 0 to 1."""
