"""From facts to rows: what each fact writes, as a pure function, so that facts told twice or in other batches write the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from callbridge.adapters.database.history_tables import (
    agent_states,
    call_notes,
    callback_attempts,
    callbacks,
    calls,
    changes,
    flow_steps,
    offers,
    recordings,
    script_answers,
    segments,
    survey_answers,
    surveys,
    transfers,
    visits,
    voice_quality,
)
from callbridge.adapters.database.sentence_parts import kept_parts
from callbridge.adapters.facts.masking import masked
from callbridge.adapters.history.people import People
from callbridge.adapters.outbox.envelope import Envelope
from callbridge.core.model.sentence import unpacked

Fields = Mapping[str, Any]
NOW = "now"
"""Stands for the fact with which an agent's present state will end."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """``values`` of the row of ``table`` with this ``key``; columns that are not named keep what they have."""

    table: Table
    key: tuple[Any, ...]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EndOpen:
    """The end of a visit, an offer or a segment that was told without its number: of the one of ``call`` that is open, or, if
    there is none, of one of which nothing else is known (``number``)."""

    table: Table
    call: str
    number: int
    values: dict[str, Any]


HistoryChange = RowChange | EndOpen


def rows_of(fact: Envelope, people: People) -> Iterator[HistoryChange]:
    """What this fact writes; nothing, if the history does not keep such facts."""
    told = _ROWS.get(fact.type)
    if told is not None:
        yield from told(fact, _kept(fact, people), people)


def _kept(fact: Envelope, people: People) -> Fields:
    """What the fact says, as far as it may be kept. Where numbers are not, one may stand in any text of people's: the target of a
    transfer, a reason, an agent's phone. The caller's own number, in ``number``, is what ``people`` hash."""
    data: dict[str, Any] = json.loads(fact.data)
    if not people.key:
        return data
    own = {"number": data["number"]} if "number" in data else {}
    return masked(fact.type, data, fact.personal) | own


# -- calls ------------------------------------------------------------------------------------------------------------


def _call_arrived(fact: Envelope, data: Fields, people: People) -> Iterator[HistoryChange]:
    values = _caller(fact, data, people) | {"arrived_at": fact.at}
    values |= {name: data[name] for name in ("direction", "callback", "campaign")}
    values["source"] = data.get("source") or "callbridge"
    yield RowChange(calls, (fact.call,), values | {"uniqueid": fact.uniqueid, "linkedid": fact.linkedid})


def _call_adopted(fact: Envelope, data: Fields, people: People) -> Iterator[HistoryChange]:
    values = _caller(fact, data, people) | {"arrived_at": data["arrived_at"], "estimated": True}
    yield RowChange(calls, (fact.call,), values)
    if data["agent"]:
        values = {"agent": data["agent"], "queue": data["queue"], "began_at": data["began_at"], "estimated": True}
        yield RowChange(segments, (fact.call, fact.seq), values)


def _caller(fact: Envelope, data: Fields, people: People) -> dict[str, Any]:
    number = data["number"]
    who = {"person": people.identity(number), "number": people.shown(number), "name": people.name(data["name"])}
    return who | {"pbx": fact.pbx, "entry": data["entry"], "tier": data["tier"]}


def _call_diverted(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    """A call diverted on arrival has no call ID: it is identified by its leg, and nothing else is known of it."""
    values = {"diverted_to": data["entry"], "diverted_reason": data["reason"]}
    if fact.call:
        yield RowChange(calls, (fact.call,), values)
    else:
        values |= {"entry": data["entry"], "pbx": fact.pbx, "outcome": "diverted"}
        yield RowChange(calls, (data["leg"],), values | {"arrived_at": fact.at, "ended_at": fact.at, "lasted": 0.0})


def _call_repeated(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"repeated_after": data["after"], "repeated_agent": data["agent"], "repeated_queue": data["queue"]}
    yield RowChange(calls, (fact.call,), values)


def _call_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"ended_at": fact.at, "lasted": data["lasted"], "outcome": data["outcome"], "segments": data["segments"]}
    yield RowChange(calls, (fact.call,), values | _estimated(data))


# -- visits, offers, segments -----------------------------------------------------------------------------------------


def _visit_began(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"queue": data["queue"], "tier": data["tier"], "began_at": fact.at, "consulted_by": data["consulted_by"]}
    values["entered_at_position"] = data.get("position") or None
    yield RowChange(visits, (fact.call, fact.seq), values)


def _visit_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {
        name: data[name] for name in ("queue", "tier", "outcome", "waited", "lasted", "within_target", "expected", "reason")
    }
    values |= {"ended_at": fact.at, "went_to": data["to"], "left_at_position": data.get("position") or None} | _estimated(data)
    yield _end(visits, fact, data["visit"], values, began_at=fact.at - data["lasted"])


def _offer_made(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("visit", "queue", "tier", "agent", "needs", "waited")}
    yield RowChange(offers, (fact.call, fact.seq), values | {"began_at": fact.at})


def _offer_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("agent", "result", "rang_for", "cause", "trouble")} | {"ended_at": fact.at}
    yield _end(offers, fact, data["offer"], values, began_at=fact.at - data["rang_for"])


def _talk_began(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("visit", "offer", "transfer", "queue", "agent", "waited")}
    yield RowChange(segments, (fact.call, fact.seq), values | {"began_at": fact.at} | _estimated(data))


def _talk_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("queue", "agent", "talked", "ended_by")}
    values |= {"ended_at": fact.at, "hold": data["hold_seconds"]} | _estimated(data)
    yield _end(segments, fact, data["segment"], values, began_at=fact.at - data["talked"])


def _conference_began(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    if data["agent"]:
        values = {"queue": data["queue"], "agent": data["agent"], "kind": "conference", "began_at": fact.at}
        yield RowChange(segments, (fact.call, fact.seq), values)


def _conference_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    if data["agent"]:
        values = {"queue": data["queue"], "agent": data["agent"], "kind": "conference", "ended_at": fact.at}
        values |= {"talked": data["talked"], "hold": 0.0, "ended_by": "conference"}
        yield _end(segments, fact, data["segment"], values, began_at=fact.at - data["talked"])


def _wrap_up_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    if data["segment"]:
        yield RowChange(segments, (fact.call, data["segment"]), {"wrap_up": data["lasted"], "wrapped_up_at": fact.at})


def _end(table: Table, fact: Envelope, number: int, values: dict[str, Any], *, began_at: float) -> HistoryChange:
    """``began_at``: of one whose beginning was not told, because nobody listened then."""
    if number:
        return RowChange(table, (fact.call, number), values)
    return EndOpen(table, fact.call, fact.seq, values | {"began_at": began_at})


def _estimated(data: Fields) -> dict[str, Any]:
    return {"estimated": True} if data["estimated"] else {}


def _call_noted(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("segment", "queue", "agent", "text")}
    yield RowChange(call_notes, (fact.id,), values | {"call": fact.call, "at": fact.at})


def _call_quality(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("queue", "agent", "codec", "received", "lost", "mos", "worst_mos")}
    values |= {name: data[name] for name in ("jitter", "rtt", "loss_sent")}
    yield RowChange(voice_quality, (fact.id,), values | {"call": fact.call, "at": fact.at})


def _disposition_set(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    if data.get("segment"):
        yield RowChange(segments, (fact.call, data["segment"]), {"disposition": data["code"]})


# -- transfers, agents ------------------------------------------------------------------------------------------------


def _transfer_started(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"agent": data["agent"], "queue": data["queue"], "kind": data["kind"], "target": data["to"]}
    yield RowChange(transfers, (fact.call, fact.seq), values | {"party": "agent", "began_at": fact.at})


def _transfer_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"agent": data["agent"], "queue": data["queue"], "kind": data["kind"], "target": data["to"]}
    values |= {"party": "agent", "ended_at": fact.at, "result": data["result"]}
    if not data["transfer"]:
        values["began_at"] = fact.at - data["lasted"]
    yield RowChange(transfers, (fact.call, data["transfer"] or fact.seq), values)


def _call_transferred(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    """A transfer to an agent or a number, and every consult, has facts of its own; a blind one to a queue, or one made on a
    phone, has only this one."""
    target, attended = data["target"], data["attended"]
    if target.startswith(("agent:", "number:", "phone:")) or (attended and target.startswith("queue:")):
        return
    kind = "blind" if target.startswith("queue:") else "phone_attended" if attended else "phone"
    values = {"agent": data["agent"], "queue": data["queue"], "kind": kind, "target": target, "party": data["party"]}
    yield RowChange(transfers, (fact.call, fact.seq), values | {"began_at": fact.at, "ended_at": fact.at, "result": "completed"})


def _agent_changed(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    if data["lasted"] > 0:
        values = {"state": data["previous"], "reason": data["previous_reason"], "phone": data["phone"]}
        values |= {"began_at": fact.at - data["lasted"], "ended_at": fact.at}
        yield RowChange(agent_states, (data["agent"], fact.id), values)
    values = {name: data[name] for name in ("state", "reason", "phone")}
    yield RowChange(agent_states, (data["agent"], NOW), values | {"began_at": fact.at})


# -- flows, surveys, recordings, callbacks ----------------------------------------------------------------------------


def _flow_began(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    yield _flow(fact, {"kind": "began", "flow": data["flow"], "reason": data["reason"]})


def _flow_stepped(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    yield _flow(fact, {"kind": "node"} | {name: data[name] for name in ("flow", "node", "key")})


def _flow_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("flow", "node", "result", "lasted")}
    yield _flow(fact, values | {"kind": "ended", "went_to": data["to"]})


def _flow(fact: Envelope, values: dict[str, Any]) -> HistoryChange:
    return RowChange(flow_steps, (fact.id,), values | {"call": fact.call, "at": fact.at})


def _survey_answered(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("segment", "survey", "queue", "agent", "question", "answer")}
    yield RowChange(survey_answers, (fact.id,), values | {"call": fact.call, "at": fact.at})


def _script_answered(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("step", "queue", "agent", "answer")} | {"at": fact.at}
    yield RowChange(script_answers, (fact.call, data["script"], data["field"]), values)


def _survey_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("segment", "survey", "queue", "agent", "result", "answers")}
    yield RowChange(surveys, (fact.id,), values | {"call": fact.call, "at": fact.at})


def _survey_missed(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"survey": data["survey"], "queue": data["queue"], "agent": data["agent"], "result": "missed", "answers": 0}
    yield RowChange(surveys, (fact.id,), values | {"call": fact.call, "at": fact.at})


def _call_recorded(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("segment", "queue", "agent", "file", "lasted", "paused")}
    yield RowChange(recordings, (fact.id,), values | {"call": fact.call, "kind": "talk", "at": fact.at})


def _recording_failed(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("segment", "queue", "agent", "file")}
    why = {"failure": data["why"], "failure_parts": _parts(data, "why")}
    yield RowChange(recordings, (fact.id,), values | why | {"call": fact.call, "kind": "talk", "at": fact.at})


def _voicemail_left(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"queue": data["queue"], "file": data["recording"], "lasted": data["lasted"], "paused": 0.0}
    yield RowChange(recordings, (fact.id,), values | {"call": fact.call, "kind": "voicemail", "at": fact.at})


def _callback_requested(fact: Envelope, data: Fields, people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("queue", "tier", "agent", "expires_at")}
    values |= {"person": people.identity(data["number"]), "number": people.shown(data["number"])}
    values |= {"call": fact.call, "requested_at": fact.at, "requested_by": data["by"]}
    yield RowChange(callbacks, (data["callback"],), values)


def _callback_tried(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"queue": data["queue"], "at": fact.at, "result": data["result"]}
    yield RowChange(callback_attempts, (data["callback"], data["attempt"]), values)


def _callback_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {name: data[name] for name in ("queue", "outcome", "reason", "waited", "attempts")}
    yield RowChange(callbacks, (data["callback"],), values | {"ended_at": fact.at, "ended_by": data["by"]})


def _callback_changed(_fact: Envelope, data: Fields, people: People) -> Iterator[HistoryChange]:
    values = {"person": people.identity(data["number"]), "number": people.shown(data["number"])}
    yield RowChange(callbacks, (data["callback"],), values | {"expires_at": data["expires_at"]})


def _callback_moved(_fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    yield RowChange(callbacks, (data["callback"],), {"queue": data["queue"]})


# -- who asked for what -----------------------------------------------------------------------------------------------


def _request(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    granted = fact.type == "request_granted"
    values = {"request": data["request"], "granted": granted, "reason": data["reason"], "target": data.get("to", "")}
    yield _change(fact, data, "request", values | {"reason_parts": _parts(data, "reason")})


def _switch_changed(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    yield _change(fact, data, "switch", {"request": data["switch"], "target": "on" if data["on"] else "off"})


def _closure_made(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    details = json.dumps({name: data[name] for name in ("closure", "begins", "ends")})
    values = {"request": "close", "target": data["target"], "reason": data["reason"], "details": details}
    yield _change(fact, data, "closure", values)


def _closure_ended(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    """One that ended by itself is no change by anybody."""
    if data["outcome"] == "reopened":
        details = json.dumps({"closure": data["closure"]})
        yield _change(fact, data, "closure", {"request": "reopen", "target": data["target"], "details": details})


def _campaign_changed(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    yield _change(fact, data, "campaign", {"campaign": data["campaign"], "request": data["state"], "reason": data["reason"]})


def _callback_refused(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"request": "callback", "granted": False, "reason": data["reason"], "reason_parts": _parts(data, "reason")}
    yield _change(fact, data, "callback_refused", values)


def _queue_renamed(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    yield _change(fact, data, "queue_renamed", {"target": data["previous_queue"]})


def _supervision(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"request": data["mode"], "target": data["phone"], "lasted": data.get("lasted")}
    yield _change(fact, data, "supervision" if fact.type == "supervision_started" else fact.type, values)


def _opted_out(fact: Envelope, data: Fields, people: People) -> Iterator[HistoryChange]:
    values = {"campaign": data["campaign"], "target": people.identity(data["number"]), "reason": data["reason"]}
    yield _change(fact, data, "opted_out", values)


def _config_reloaded(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    values = {"request": "reload", "granted": True, "reason": "forced" if data["forced"] else "", "details": data["details"]}
    yield _change(fact, data, "reload", values)


def _api_logged_in(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    yield _change(fact, data, "login", {"role": data["role"], "origin": data["origin"]})


def _call_scored(fact: Envelope, data: Fields, _people: People) -> Iterator[HistoryChange]:
    """The score itself is the reviews': this says who gave it, and up to which it is published."""
    said = ("change", "recording", "sample", "form_version", "score", "fatal_accuracy", "non_fatal_accuracy", "failed")
    details = json.dumps({name: data[name] for name in (*said, "calibrates", "rescored", "callback_outcome")})
    values = {"request": data["form"], "target": str(data["review"]), "campaign": data["callback"], "details": details}
    yield _change(fact, data, "score", values)


def _parts(data: Fields, field: str) -> str | None:
    """Of the sentence in this field; facts of older versions have none."""
    return kept_parts(unpacked(data[field], data.get("template", ""), data.get("values", "")))


def _change(fact: Envelope, data: Fields, kind: str, values: dict[str, Any]) -> HistoryChange:
    about = {"kind": kind, "at": fact.at, "call": fact.call, "agent": data["agent"], "queue": data["queue"]}
    return RowChange(changes, (fact.id,), about | {"by": data.get("by", "")} | values)


_Told = Callable[[Envelope, Fields, People], Iterable[HistoryChange]]
_ROWS: dict[str, _Told] = {
    "call_arrived": _call_arrived,
    "call_adopted": _call_adopted,
    "call_diverted": _call_diverted,
    "call_repeated": _call_repeated,
    "call_ended": _call_ended,
    "visit_began": _visit_began,
    "visit_ended": _visit_ended,
    "offer_made": _offer_made,
    "offer_ended": _offer_ended,
    "talk_began": _talk_began,
    "talk_ended": _talk_ended,
    "conference_began": _conference_began,
    "conference_ended": _conference_ended,
    "wrap_up_ended": _wrap_up_ended,
    "call_noted": _call_noted,
    "disposition_set": _disposition_set,
    "call_quality": _call_quality,
    "transfer_started": _transfer_started,
    "transfer_ended": _transfer_ended,
    "call_transferred": _call_transferred,
    "agent_changed": _agent_changed,
    "flow_began": _flow_began,
    "flow_stepped": _flow_stepped,
    "flow_ended": _flow_ended,
    "survey_answered": _survey_answered,
    "script_answered": _script_answered,
    "survey_ended": _survey_ended,
    "survey_missed": _survey_missed,
    "call_recorded": _call_recorded,
    "recording_failed": _recording_failed,
    "voicemail_left": _voicemail_left,
    "callback_requested": _callback_requested,
    "callback_tried": _callback_tried,
    "callback_ended": _callback_ended,
    "callback_changed": _callback_changed,
    "callback_moved": _callback_moved,
    "request_granted": _request,
    "request_refused": _request,
    "switch_changed": _switch_changed,
    "closure_made": _closure_made,
    "closure_ended": _closure_ended,
    "campaign_changed": _campaign_changed,
    "callback_refused": _callback_refused,
    "queue_renamed": _queue_renamed,
    "supervision_started": _supervision,
    "supervision_ended": _supervision,
    "opted_out": _opted_out,
    "config_reloaded": _config_reloaded,
    "api_logged_in": _api_logged_in,
    "call_scored": _call_scored,
}
WANTED = frozenset(_ROWS)
"""The types of facts that the history keeps."""
