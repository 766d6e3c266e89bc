"""Sentences of the timeline about conversations, recordings, transfers and supervision. Pure."""

from __future__ import annotations

from callbridge.adapters.views.phrasing import FactFields, Sentences, agent_in, span
from callbridge.core.model.plan import Plan

_ENDED_BY = {
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
}
_TRANSFER_TEXTS = {
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
}
_MODES = {"listen": "listens to", "whisper": "whispers to", "barge": "barges in on", "take_over": "takes over from"}
_SUPERVISED = {"listen": "listening", "whisper": "whispering", "barge": "barging in", "take_over": "taking over"}


def _talk_began(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"connected to {agent_in(fact, plan)}" + (" (time estimated)" if fact.get("estimated") else "")


def _wrap_up_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"{agent_in(fact, plan)} finished the wrap-up after {span(float(fact['lasted']))}"


def _talk_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    by = str(fact["ended_by"])
    held = f", {span(float(fact['hold_seconds']))} of it on hold" if fact.get("hold_seconds") else ""
    about = " (time estimated)" if fact.get("estimated") else ""
    talked = f"{span(float(fact['talked']))}{held}"
    return f"conversation with {agent_in(fact, plan)} ended after {talked}: {_ENDED_BY.get(by, by)}{about}"


def _recorded(fact: FactFields, plan: Plan, arrived: float) -> str:
    paused = f", {span(float(fact['paused']))} of it paused" if fact.get("paused") else ""
    return f"recorded {span(float(fact['lasted']))}{paused}: {fact['file']}"


def _not_recorded(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"the recording {fact['file']} failed: {fact['why']}"


def _transferred(fact: FactFields, plan: Plan, arrived: float) -> str:
    how = "after a consult" if fact.get("attended") else "blind"
    to, party = fact["target"] or "somebody", fact.get("party", "agent")
    if party == "customer":
        return f"transferred {how} to {to} by the caller's own phone; from here on the call is with that party"
    by = agent_in(fact, plan) if party == "agent" else "the party that it had been transferred to"
    return f"transferred {how} to {to} by {by}"


def _transfer_started(fact: FactFields, plan: Plan, arrived: float) -> str:
    to, who = _target(fact), agent_in(fact, plan)
    match fact["kind"]:
        case "consult":
            return f"{who} consults {to}; the caller hears music"
        case "back":
            return f"returned to {who}"
        case _:
            return f"{who} transfers the call to {to}; the caller hears music"


def _transfer_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    result, lasted = str(fact["result"]), span(float(fact["lasted"]))
    return f"{_target(fact)}: {_TRANSFER_TEXTS.get(result, result)} after {lasted}"


def _conference_began(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"conference: the caller, {agent_in({'agent': fact['by']}, plan)} and {_target(fact)} talk"


def _conference_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"conference over: {_target(fact)} talked with the caller for {span(float(fact['talked']))}"


def _target(fact: FactFields) -> str:
    return str(fact["to"]).replace(":", " ", 1)


def _supervision_started(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"{fact['by'] or 'somebody'} at {fact['phone']}: {_MODES.get(str(fact['mode']), fact['mode'])} {agent_in(fact, plan)}"


def _supervision_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    mode, lasted = str(fact["mode"]), span(float(fact["lasted"]))
    return f"{fact['by'] or 'somebody'} at {fact['phone']}: stopped {_SUPERVISED.get(mode, mode)} after {lasted}"


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
