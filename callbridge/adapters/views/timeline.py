"""The timeline of a call in plain English, made from its facts (as plain data, see ``timelines.plain_fact``). Pure.

What the facts do not hold - how a queue picks agents, the names of agents - is taken from the current plan.
A fact type without a sentence of its own is shown by its name and fields, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from callbridge.adapters.views.phrasing import PHONE_FAULTS, ExplainedLine, count, span
from callbridge.core.model.agent import State
from callbridge.core.model.attempt import OUTCOMES
from callbridge.core.model.call import DiversionReason
from callbridge.core.model.plan import AgentOrder, Plan

Fact = Mapping[str, Any]

_SILENT = frozenset({"agent_alerted", "agent_changed", "campaign_changed", "opted_out"})
"""About agents, not about the call; but for one who has picked up and waits for the customer."""
_ENVELOPE = frozenset({"id", "seq", "at", "type", "call", "v", "leg", "day"})

_DIVERSION_TEXTS: dict[str, str] = {
    DiversionReason.BYPASS: "bypass was on",
    DiversionReason.OVERFLOW: "the maximum wait of the queue had passed",
    DiversionReason.UNKNOWN_ENTRY: "the entry is not configured",
    DiversionReason.UNKNOWN_FLOW: "the flow is not configured",
    DiversionReason.FLOW: "the flow says so",
    DiversionReason.FLOW_FAILED: "the flow has no way to continue",
    DiversionReason.TOO_MANY_WAYS: "it was sent around too many times (a loop in the routing)",
    DiversionReason.UNKNOWN_QUEUE: "the queue is not configured",
    DiversionReason.QUEUE_REMOVED: "the queue was removed from the configuration",
    DiversionReason.ANSWER: "the PBX could not answer the call",
    DiversionReason.BRIDGE: "the PBX could not connect it to an agent",
    DiversionReason.OVERLOAD: "callbridge was overloaded",
    DiversionReason.MACHINE: "an answering machine answered",
    DiversionReason.ABANDONED: "no agent was connected in time",
    DiversionReason.FAULT: "an internal error in callbridge",
}
_LEFT = {
    "waited": "the last step ended",
    "moved": "somebody moved it",
    "key": "the caller pressed a key to leave",
    "queue_removed": "the queue was removed from the configuration",
}
_STARTED = {
    "survey": "the agent has hung up",
    "entry": "set by the entry",
    "key": "the caller pressed a key",
    "flow": "sent by another flow",
    "queue_removed": "the queue was removed from the configuration",
}
_FLOW_ENDED = {
    "hung_up": "the caller hung up",
    "goodbye": "ended normally",
    "moved": "somebody moved the caller elsewhere",
    "failed": "it had no way to continue: sent to the fallback",
}
_CALLBACK_TEXTS = {
    "kept": "kept: the customer is talking to an agent",
    "failed": "failed",
    "expired": "expired: it could not be made in time",
    "cancelled": "cancelled",
}
_TRY_TEXTS = {
    "answered": "answers",
    "abandoned": "answered, and hung up before an agent was connected",
    "busy": "is busy",
    "no_answer": "does not answer",
    "rejected": "rejects the call",
    "invalid": "could not be called: the number does not exist",
    "congestion": "could not be reached: the line is congested",
    "agent_gone": "was being rung when the agent hung up",
    "called_again": "was being rung when the customer called in",
    "cancelled": "was being rung when the callback was cancelled",
    "unknown": "may have been called; the result is unknown",
}
_ATTEMPT_TEXTS = {
    **{result: _TRY_TEXTS[result] for result in OUTCOMES if result in _TRY_TEXTS},
    "abandoned": "answered, and no agent was connected in time",
    "machine": "has an answering machine",
    "fax": "has a fax machine",
}
_SAID = {
    "callback": "hears the callback confirmation",
    "greeting": "hears the greeting",
    "periodic": "hears a periodic announcement",
    "busy": "hears the apology for the long wait",
    "connection_lost": "hears the apology for the lost connection, and is now first in line",
}
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
_OFFER_ENDED = {
    "no_answer": "did not answer within {rang}",
    "rejected": "rejected the call after {rang}",
    "offline": "the phone could not be reached",
    "unavailable": "the phone refused at once: do not disturb",
    "cancelled": "withdrawn after {rang}: the caller left, was moved or was connected elsewhere",
    "answered": "answered after {rang}",
}

_TROUBLES = {
    "silent": "the phone did not reply to the INVITE within {rang}",
    **{trouble: f"the phone cannot be called: {why}" for trouble, why in PHONE_FAULTS.items()},
}


def in_words(facts: Iterable[Fact], plan: Plan) -> list[ExplainedLine]:
    """The timeline, oldest first: one line for each fact about the call."""
    timeline: list[ExplainedLine] = []
    arrived = 0.0
    for fact in facts:
        kind = str(fact.get("type", ""))
        if kind in ("call_arrived", "call_adopted"):
            arrived = float(fact.get("arrived_at", fact["at"]))
        connecting = kind == "agent_changed" and fact.get("state") == State.CONNECTING
        if kind in _SILENT and not connecting:
            continue
        tell = _connecting if connecting else _WORDS.get(kind, _unknown)
        timeline.append(ExplainedLine(code=kind, text=tell(fact, plan, arrived), at=float(fact.get("at", 0.0))))
    return timeline


def _unknown(fact: Fact, plan: Plan, arrived: float) -> str:
    details = ", ".join(f"{key} {value}" for key, value in fact.items() if key not in _ENVELOPE and value not in ("", None))
    return f"{fact.get('type', '?')}: {details}"


def _arrived(fact: Fact, plan: Plan, arrived: float) -> str:
    tier = fact["tier"]
    why = "the number is in no tier list" if tier == plan.default_tier else "from the tier lists, by number"
    if fact.get("campaign"):
        return f"campaign {fact['campaign']} calls {fact['number'] or 'somebody'} for queue {fact['queue']}"
    if fact.get("direction") == "out":
        return f"calling back {fact['number'] or 'a customer'} for queue {fact['queue']}, tier {tier}: {fact.get('callback', '')}"
    found = "found waiting in the PBX after a restart" if fact.get("found_waiting") else "arrived"
    number = f", number {fact['number']}" if fact.get("number") else ", no number"
    return f"{found} at entry {fact['entry']}{number}; tier {tier} ({why})"


def _adopted(fact: Fact, plan: Plan, arrived: float) -> str:
    whom = f"agent {fact['agent']}" if fact.get("agent") else "an unknown party"
    return f"found in a conversation with {whom} after the saved state was lost; it continues, and counts for no queue"


def _diverted(fact: Fact, plan: Plan, arrived: float) -> str:
    reason = str(fact["reason"])
    return f"sent to the dialplan: {_DIVERSION_TEXTS.get(reason, reason.replace('_', ' '))}"


def _visit_began(fact: Fact, plan: Plan, arrived: float) -> str:
    offset = float(fact["rank"]) - arrived
    order = (
        f"{span(offset)} after its arrival" if offset >= 0 else f"{span(-offset)} before its arrival, because of its head start"
    )
    return f"waits in queue {fact['queue']}; ranked as if due {order}"


def _step_began(fact: Fact, plan: Plan, arrived: float) -> str:
    if str(fact["needs"]).startswith("agent "):
        return f"waits for {fact['needs']} only, before the first step begins"
    return f"step {int(fact['step']) + 1}: can be offered to agents with {fact['needs'] or 'any skills'}"


def _offer_made(fact: Fact, plan: Plan, arrived: float) -> str:
    needs, queue = str(fact["needs"]), plan.queues.get(str(fact["queue"]))
    if needs.startswith("pulled by"):
        why = needs
    elif needs.startswith("agent "):
        why = "the caller's preferred agent, or the last one they talked to"
    else:
        best = queue is not None and queue.pick is AgentOrder.HIGHEST_LEVEL
        why = f"matches {needs}; of the matching available agents, the one {'with the highest level' if best else 'idle longest'}"
    freed = fact.get("freed_at")
    since = f"; became free {span(float(fact['at']) - float(freed))} earlier" if freed is not None else ""
    return f"offered to {_who(fact, plan)} after waiting {span(float(fact['waited']))}: {why}{since}"


def _offer_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    result, cause = str(fact["result"]), int(fact.get("cause") or 0)
    said = _TROUBLES.get(str(fact.get("trouble", ""))) or _OFFER_ENDED.get(result, result)
    text = said.format(rang=span(float(fact["rang_for"])))
    shown = cause and result in ("rejected", "offline", "unavailable", "misconfigured")
    return f"{_who(fact, plan)}: {text}" + (f" (cause {cause})" if shown else "")


def _visit_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    outcome, waited, queue = str(fact["outcome"]), span(float(fact["waited"])), fact["queue"]
    about = " (time estimated)" if fact.get("estimated") else ""
    match outcome:
        case "answered":
            within = "within" if fact.get("within_target") else "outside"
            text = f"answered after {waited}, {within} the target"
        case "abandoned":
            text = f"hung up after waiting {waited}"
        case "short_abandoned":
            text = f"hung up after only {waited}: a short abandon, not part of the service level"
        case "overflowed":
            reason = str(fact.get("reason", ""))
            why = _LEFT.get(reason, reason.replace("_", " "))
            text = f"leaves for {str(fact.get('to', '')).replace(':', ' ', 1)} after {waited}: {why}"
        case _:
            text = f"{outcome} after {waited}" + (f": {str(fact['reason']).replace('_', ' ')}" if fact.get("reason") else "")
    return f"queue {queue}: {text}{about}"


def _flow_began(fact: Fact, plan: Plan, arrived: float) -> str:
    reason = str(fact["reason"])
    return f"enters flow {fact['flow']}: {_STARTED.get(reason, 'left a queue, ' + reason.replace('_', ' '))}"


def _flow_stepped(fact: Fact, plan: Plan, arrived: float) -> str:
    return (f"pressed {fact['key']}; " if fact.get("key") else "") + f"at {fact['flow']}/{fact['node']}"


def _flow_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    result, to = str(fact["result"]), str(fact.get("to", "")).replace(":", " ", 1)
    where = f"leads to {to}" if to else _FLOW_ENDED.get(result, result)
    return f"flow {fact['flow']} ends after {span(float(fact['lasted']))}: {where}"


def _prompt_failed(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"prompt could not be played: {str(fact['where']).replace(':', ' ', 1)}; check that the sound file is on the PBX"


def _survey_answered(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: answered {fact['answer']} to {fact['question']}"


def _survey_alerted(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: alert for the answer {fact['answer']} to {fact['question']}"


def _survey_missed(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: not asked, the caller hung up first"


def _survey_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: {fact['result']}, {count(int(fact['answers']), 'answer')}"


def _voicemail_left(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"left a message of {span(float(fact['lasted']))} for queue {fact['queue']}: {fact['recording']}"


def _callback_requested(fact: Fact, plan: Plan, arrived: float) -> str:
    by = f", requested by {fact['by']}" if fact.get("by") else ""
    who = f" by agent {fact['agent']}" if fact.get("agent") else ""
    return f"callback scheduled{who} from queue {fact['queue']}, keeping the caller's place in line{by}: {fact['callback']}"


def _callback_tried(fact: Fact, plan: Plan, arrived: float) -> str:
    result = str(fact["result"])
    return f"callback, attempt {fact['attempt']}: the customer {_TRY_TEXTS.get(result, result)}"


def _attempt_made(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"dialled for lead {fact['lead']}; the probability that no agent would be free was {float(fact['risk']):.1%}"


def _attempt_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    outcome = str(fact["outcome"])
    if outcome != "answered":
        return f"attempt ended: the customer {_ATTEMPT_TEXTS.get(outcome, outcome)}"
    late = ", later than allowed" if fact.get("late") else ""
    return f"attempt ended: connected to an agent after {float(fact['delay']):.2f} s{late}"


def _disposition_set(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"disposition set by {fact['by']}: {fact['code']}"


def _callback_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    outcome, reason = str(fact["outcome"]), str(fact.get("reason", "")).replace("_", " ")
    why = f" ({reason})" if reason else ""
    tries = count(int(fact["attempts"]), "attempt")
    how, since = _CALLBACK_TEXTS.get(outcome, outcome), span(float(fact["waited"]))
    return f"callback {how}{why}, {since} after it was scheduled, {tries}"


def _recorded(fact: Fact, plan: Plan, arrived: float) -> str:
    paused = f", {span(float(fact['paused']))} of it paused" if fact.get("paused") else ""
    return f"recorded {span(float(fact['lasted']))}{paused}: {fact['file']}"


def _not_recorded(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"the recording {fact['file']} failed: {fact['why']}"


def _repeated(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"calls again: talked to {_who(fact, plan)} in queue {fact['queue']} {span(float(fact['after']))} before"


def _lookup_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    how = "answered" if fact["result"] == "found" else "returned no usable answer"
    return f"lookup {fact['lookup']} {how}, after {span(float(fact['lasted']))}"


def _announced(fact: Fact, plan: Plan, arrived: float) -> str:
    if fact["what"] != "position":
        return _SAID.get(str(fact["what"]), str(fact["what"]))
    minutes = fact.get("minutes")
    wait = f"and an estimated wait of {count(int(minutes), 'minute')}" if minutes is not None else ""
    return f"hears position {fact['position']}{wait}"


def _talk_began(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"connected to {_who(fact, plan)}"


def _wrap_up_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"{_who(fact, plan)} finished the wrap-up after {span(float(fact['lasted']))}"


def _talk_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    by = str(fact["ended_by"])
    held = f", {span(float(fact['hold_seconds']))} of it on hold" if fact.get("hold_seconds") else ""
    about = " (time estimated)" if fact.get("estimated") else ""
    return f"conversation with {_who(fact, plan)} ended after {span(float(fact['talked']))}{held}: {_ENDED_BY.get(by, by)}{about}"


def _transferred(fact: Fact, plan: Plan, arrived: float) -> str:
    how = "after a consult" if fact.get("attended") else "blind"
    to, party = fact["target"] or "somebody", fact.get("party", "agent")
    if party == "customer":
        return f"transferred {how} to {to} by the caller's own phone; from here on the call is with that party"
    by = _who(fact, plan) if party == "agent" else "the party that it had been transferred to"
    return f"transferred {how} to {to} by {by}"


def _transfer_started(fact: Fact, plan: Plan, arrived: float) -> str:
    to, who = _target(fact), _who(fact, plan)
    match fact["kind"]:
        case "consult":
            return f"{who} consults {to}; the caller hears music"
        case "back":
            return f"returned to {who}"
        case _:
            return f"{who} transfers the call to {to}; the caller hears music"


def _transfer_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    result, lasted = str(fact["result"]), span(float(fact["lasted"]))
    return f"{_target(fact)}: {_TRANSFER_TEXTS.get(result, result)} after {lasted}"


def _conference_began(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"conference: the caller, {_who({'agent': fact['by']}, plan)} and {_target(fact)} talk"


def _conference_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"conference over: {_target(fact)} talked with the caller for {span(float(fact['talked']))}"


def _target(fact: Fact) -> str:
    return str(fact["to"]).replace(":", " ", 1)


def _supervision_started(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"{fact['by'] or 'somebody'} at {fact['phone']}: {_MODES.get(str(fact['mode']), fact['mode'])} {_who(fact, plan)}"


def _supervision_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    mode, lasted = str(fact["mode"]), span(float(fact["lasted"]))
    return f"{fact['by'] or 'somebody'} at {fact['phone']}: stopped {_SUPERVISED.get(mode, mode)} after {lasted}"


def _connecting(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"{_who(fact, plan)} has picked up; the customer is being called"


def _ended(fact: Fact, plan: Plan, arrived: float) -> str:
    segments = count(int(fact.get("segments") or 0), "agent") + " talked to the caller"
    return f"call ended after {span(float(fact['lasted']))}: {str(fact['outcome']).replace('_', ' ') or 'no visit'}, {segments}"


def _granted(fact: Fact, plan: Plan, arrived: float) -> str:
    to = f" to {str(fact['to']).replace(':', ' ', 1)}" if fact.get("to") else ""
    return f"{fact.get('by') or 'somebody'} requested: {str(fact['request']).replace('_', ' ')}{to}"


def _refused(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"{fact.get('by') or 'somebody'} requested: {str(fact['request']).replace('_', ' ')}; refused: {fact['reason']}"


def _gave_up(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"the PBX did not execute {fact['order']} ({fact['why']}{' ' + str(fact['detail']) if fact.get('detail') else ''})"


def _quarantined(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"internal error in callbridge: the {fact['kind']} was quarantined; please report it"


def _who(fact: Fact, plan: Plan) -> str:
    agent = str(fact.get("agent", ""))
    known = plan.agents.get(agent)
    return f"{agent} ({known.name})" if known is not None and known.name != agent else agent or "somebody"


_WORDS: Mapping[str, Callable[[Fact, Plan, float], str]] = {
    "call_arrived": _arrived,
    "call_adopted": _adopted,
    "call_diverted": _diverted,
    "visit_began": _visit_began,
    "step_began": _step_began,
    "offer_made": _offer_made,
    "offer_ended": _offer_ended,
    "visit_ended": _visit_ended,
    "flow_began": _flow_began,
    "flow_stepped": _flow_stepped,
    "flow_ended": _flow_ended,
    "prompt_failed": _prompt_failed,
    "survey_answered": _survey_answered,
    "survey_alerted": _survey_alerted,
    "survey_ended": _survey_ended,
    "survey_missed": _survey_missed,
    "voicemail_left": _voicemail_left,
    "callback_requested": _callback_requested,
    "attempt_made": _attempt_made,
    "attempt_ended": _attempt_ended,
    "disposition_set": _disposition_set,
    "callback_tried": _callback_tried,
    "callback_ended": _callback_ended,
    "call_recorded": _recorded,
    "recording_failed": _not_recorded,
    "call_repeated": _repeated,
    "lookup_ended": _lookup_ended,
    "announced": _announced,
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
    "call_ended": _ended,
    "request_granted": _granted,
    "request_refused": _refused,
    "order_gave_up": _gave_up,
    "entity_quarantined": _quarantined,
}
