"""Sentences of the timeline about conversations, recordings, transfers and supervision. Pure."""

from __future__ import annotations

from callbridge.adapters.views.phrasing import Phrase, PhraseTable, TimeSpan, Value, say
from callbridge.adapters.views.timeline_parts import (
    SOMEBODY,
    FactFields,
    Sentences,
    agent_in,
    by_whom,
    estimated,
    lasted,
    refusal,
    target,
)
from callbridge.core.model.plan import Plan

_ENDED_BY = PhraseTable(
    "ended_by",
    {
        "customer": "the caller hung up",
        "caller_lost": "the connection to the caller was lost: no reply to a request, or no ACK for the answer",
        "agent": "the agent hung up",
        "transfer": "transferred",
        "moved": "moved to another queue by somebody",
        "taken_over": "taken over by a supervisor",
        "supervisor": "ended by a supervisor",
        "taken": "somebody redirected the call in the PBX",
        "fault": "ended by an internal error",
        "lost": "the connection to the agent's phone was lost",
        "short": "the agent's phone hung up at once; not counted as answered",
    },
)
_TRANSFER_ENDED = PhraseTable(
    "transfer_ended",
    {
        "completed": "took the call",
        "nobody_free": "nobody took the consult",
        "returned": "released; the agent returned to the caller",
        "conference": "left after the conference",
        "no_answer": "did not pick up",
        "rejected": "rejected the call",
        "offline": "could not be reached",
        "unavailable": "was on do not disturb",
        "misconfigured": "has a phone that is not set up to be called",
        "failed": "could not be connected",
        "cancelled": "was cancelled",
    },
)
_MODES = PhraseTable(
    "supervises", {"listen": "listens to", "whisper": "whispers to", "barge": "barges in on", "take_over": "takes over from"}
)
_SUPERVISED = PhraseTable(
    "supervised", {"listen": "listening", "whisper": "whispering", "barge": "barging in", "take_over": "taking over"}
)


def _talk_began(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say("talk_began", "connected to {agent}{about}", agent=agent_in(fact, plan), about=estimated(fact))


def _wrap_up_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "{agent} finished the wrap-up after {lasted}"
    return say("wrap_up_ended", text, agent=agent_in(fact, plan), lasted=lasted(fact))


def _talk_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    by = str(fact["ended_by"])
    held = fact.get("hold_seconds")
    return say(
        "talk_ended",
        "conversation with {agent} ended after {talked}{held}: {how}{about}",
        agent=agent_in(fact, plan),
        talked=lasted(fact, "talked"),
        held=say("held", ", {held} of it on hold", held=TimeSpan(float(held))) if held else "",
        how=_ENDED_BY.of(by) or by,
        about=estimated(fact),
    )


def _recorded(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    paused = fact.get("paused")
    return say(
        "call_recorded",
        "recorded {lasted}{paused}: {file}",
        lasted=lasted(fact),
        paused=say("paused", ", {paused} of it paused", paused=TimeSpan(float(paused))) if paused else "",
        file=str(fact["file"]),
    )


def _not_recorded(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say("recording_failed", "the recording {file} failed: {why}", file=str(fact["file"]), why=refusal(fact, "why"))


def _transferred(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    how = say("after_consult", "after a consult") if fact.get("attended") else say("blind", "blind")
    to, party = target(str(fact["target"]), plan) or SOMEBODY, fact.get("party", "agent")
    if party == "customer":
        text = "transferred {how} to {to} by the caller's own phone; from here on the call is with that party"
        return say("call_transferred.customer", text, how=how, to=to)
    outside = say("outside_party", "the party that it had been transferred to")
    by = agent_in(fact, plan) if party == "agent" else outside
    return say("call_transferred", "transferred {how} to {to} by {by}", how=how, to=to, by=by)


def _transfer_started(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    to, agent = _to(fact, plan), agent_in(fact, plan)
    match fact["kind"]:
        case "consult":
            return say("transfer_started.consult", "{agent} consults {to}; the caller hears music", agent=agent, to=to)
        case "back":
            return say("transfer_started.back", "returned to {agent}", agent=agent)
        case _:
            return say("transfer_started", "{agent} transfers the call to {to}; the caller hears music", agent=agent, to=to)


def _transfer_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    result = str(fact["result"])
    how = _TRANSFER_ENDED.of(result) or result
    return say("transfer_ended", "{to}: {how} after {lasted}", to=_to(fact, plan), how=how, lasted=lasted(fact))


def _conference_began(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "conference: the caller, {agent} and {to} talk"
    return say("conference_began", text, agent=agent_in(fact, plan, "by"), to=_to(fact, plan))


def _conference_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "conference over: {to} talked with the caller for {talked}"
    return say("conference_ended", text, to=_to(fact, plan), talked=lasted(fact, "talked"))


def _to(fact: FactFields, plan: Plan) -> Value:
    return target(str(fact["to"]), plan)


def _supervision_started(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    mode = str(fact["mode"])
    return say(
        "supervision_started",
        "{by} at {phone}: {mode} {agent}",
        by=by_whom(fact, plan),
        phone=str(fact["phone"]),
        mode=_MODES.of(mode) or mode,
        agent=agent_in(fact, plan),
    )


def _supervision_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    mode = str(fact["mode"])
    return say(
        "supervision_ended",
        "{by} at {phone}: stopped {mode} after {lasted}",
        by=by_whom(fact, plan),
        phone=str(fact["phone"]),
        mode=_SUPERVISED.of(mode) or mode,
        lasted=lasted(fact),
    )


TALK_SENTENCES: Sentences = {
    "call_recorded": _recorded,
    "recording_failed": _not_recorded,
    "talk_began": _talk_began,
    "talk_ended": _talk_ended,
    "wrap_up_ended": _wrap_up_ended,
    "call_transferred": _transferred,
    "transfer_started": _transfer_started,
    "transfer_ended": _transfer_ended,
    "conference_began": _conference_began,
    "conference_ended": _conference_ended,
    "supervision_started": _supervision_started,
    "supervision_ended": _supervision_ended,
}
"""By type of fact."""
