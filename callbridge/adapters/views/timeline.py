"""The timeline of a call in plain English, made from its facts (as plain data, see ``timelines.plain_fact``). Pure.

What the facts do not hold - how a queue picks agents, the names of agents - is taken from the current plan.
A fact type without a sentence of its own is shown by its name and fields, never left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from callbridge.adapters.views.phrasing import PHONE_FAULTS, ExplainedLine, FactFields, Sentences, agent_in, count, span
from callbridge.adapters.views.timeline_services import SERVICE_SENTENCES
from callbridge.adapters.views.timeline_talks import TALK_SENTENCES
from callbridge.core.model.agent import State
from callbridge.core.model.call import DiversionReason
from callbridge.core.model.plan import AgentOrder, Plan

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
    DiversionReason.FULL: "a limit on callers was reached",
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
_SAID = {
    "callback": "hears the callback confirmation",
    "greeting": "hears the greeting",
    "periodic": "hears a periodic announcement",
    "busy": "hears the apology for the long wait",
    "connection_lost": "hears the apology for the lost connection, and is now first in line",
}
_INAUDIBLE = {
    "heard": "then audio came",
    "timed_out": "wait_for_audio is over, offered as usual",
    "hung_up": "then the caller hung up",
    "lost": "then the PBX gave up, because the answer was never acknowledged, or a request not answered",
}
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


def in_words(facts: Iterable[FactFields], plan: Plan) -> list[ExplainedLine]:
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
        tell = _connecting if connecting else _SENTENCES.get(kind, _unknown)
        timeline.append(ExplainedLine(code=kind, text=tell(fact, plan, arrived), at=float(fact.get("at", 0.0))))
    return timeline


def _unknown(fact: FactFields, plan: Plan, arrived: float) -> str:
    details = ", ".join(f"{key} {value}" for key, value in fact.items() if key not in _ENVELOPE and value not in ("", None))
    return f"{fact.get('type', '?')}: {details}"


def _arrived(fact: FactFields, plan: Plan, arrived: float) -> str:
    tier = fact["tier"]
    why = "the number is in no tier list" if tier == plan.default_tier else "from the tier lists, by number"
    if fact.get("campaign"):
        return f"campaign {fact['campaign']} calls {fact['number'] or 'somebody'} for queue {fact['queue']}"
    if fact.get("direction") == "out":
        return f"calling back {fact['number'] or 'a customer'} for queue {fact['queue']}, tier {tier}: {fact.get('callback', '')}"
    found = "found waiting in the PBX after a restart" if fact.get("found_waiting") else "arrived"
    number = f", number {fact['number']}" if fact.get("number") else ", no number"
    return f"{found} at entry {fact['entry']}{number}; tier {tier} ({why})"


def _adopted(fact: FactFields, plan: Plan, arrived: float) -> str:
    whom = f"agent {agent_in(fact, plan)}" if fact.get("agent") else "an unknown party"
    return f"found in a conversation with {whom} after the saved state was lost; it continues, and counts for no queue"


def _caller_changed(fact: FactFields, plan: Plan, arrived: float) -> str:
    who, tier, phone = fact["number"] or "somebody without a number", fact["tier"], fact.get("phone")
    by = f"transferred here by {phone}" if phone else "transferred here by a phone"
    return f"{by}: the caller is {who} from here on; tier {tier}"


def _inaudible(fact: FactFields, plan: Plan, arrived: float) -> str:
    outcome, lasted = str(fact["outcome"]), span(float(fact["lasted"]))
    return f"no audio from the caller for {lasted}, not offered meanwhile: {_INAUDIBLE.get(outcome, outcome)}"


def _diverted(fact: FactFields, plan: Plan, arrived: float) -> str:
    reason = str(fact["reason"])
    return f"sent to the dialplan: {_DIVERSION_TEXTS.get(reason, reason.replace('_', ' '))}"


def _call_refused(fact: FactFields, plan: Plan, arrived: float) -> str:
    place = {"queue": f"queue {fact['queue']}", "entry": f"entry {fact['entry']}"}.get(str(fact["full"]), "the PBX")
    if fact["full"] == "load":
        return f"refused ({fact['response']}): the PBX responded too slowly for more callers"
    return f"refused ({fact['response']}): {place} had {fact['most']} callers, as many as its limit allows"


def _visit_began(fact: FactFields, plan: Plan, arrived: float) -> str:
    offset = float(fact["rank"]) - arrived
    order = (
        f"{span(offset)} after its arrival" if offset >= 0 else f"{span(-offset)} before its arrival, because of its head start"
    )
    if by := fact.get("consulted_by"):
        return f"{agent_in({'agent': by}, plan)} waits in queue {fact['queue']} for one of its agents; ranked as if due {order}"
    return f"waits in queue {fact['queue']}; ranked as if due {order}"


def _step_began(fact: FactFields, plan: Plan, arrived: float) -> str:
    if str(fact["needs"]).startswith("agent "):
        return f"waits for {fact['needs']} only, before the first step begins"
    return f"step {int(fact['step']) + 1}: can be offered to agents with {fact['needs'] or 'any skills'}"


def _offer_made(fact: FactFields, plan: Plan, arrived: float) -> str:
    needs, queue = str(fact["needs"]), plan.queues.get(str(fact["queue"]))
    if needs.startswith("pulled by"):
        why = needs
    elif needs.startswith("agent "):
        why = "the caller's preferred agent, or the last one they talked to"
    else:
        best = queue is not None and queue.pick is AgentOrder.HIGHEST_LEVEL
        why = f"matches {needs or 'any skills'}; of the matching available agents, the one {'with the highest level' if best else 'idle longest'}"
    freed = fact.get("freed_at")
    since = f"; became free {span(float(fact['at']) - float(freed))} earlier" if freed is not None else ""
    return f"offered to {agent_in(fact, plan)} after waiting {span(float(fact['waited']))}: {why}{since}"


def _offer_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    result, cause = str(fact["result"]), int(fact.get("cause") or 0)
    said = _TROUBLES.get(str(fact.get("trouble", ""))) or _OFFER_ENDED.get(result, result)
    text = said.format(rang=span(float(fact["rang_for"])))
    shown = cause and result in ("rejected", "offline", "unavailable", "misconfigured")
    return f"{agent_in(fact, plan)}: {text}" + (f" (cause {cause})" if shown else "")


def _visit_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
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


def _repeated(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"calls again: talked to {agent_in(fact, plan)} in queue {fact['queue']} {span(float(fact['after']))} before"


def _announced(fact: FactFields, plan: Plan, arrived: float) -> str:
    if fact["what"] != "position":
        return _SAID.get(str(fact["what"]), str(fact["what"]))
    minutes = fact.get("minutes")
    wait = f" and an estimated wait of {count(int(minutes), 'minute')}" if minutes is not None else ""
    return f"hears position {fact['position']}{wait}"


def _connecting(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"{agent_in(fact, plan)} has picked up; the customer is being called"


def _ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    segments = count(int(fact.get("segments") or 0), "agent") + " talked to the caller"
    return f"call ended after {span(float(fact['lasted']))}: {str(fact['outcome']).replace('_', ' ') or 'no visit'}, {segments}"


def _granted(fact: FactFields, plan: Plan, arrived: float) -> str:
    to = f" to {str(fact['to']).replace(':', ' ', 1)}" if fact.get("to") else ""
    return f"{fact.get('by') or 'somebody'} requested: {str(fact['request']).replace('_', ' ')}{to}"


def _refused(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"{fact.get('by') or 'somebody'} requested: {str(fact['request']).replace('_', ' ')}; refused: {fact['reason']}"


def _given_up(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"the PBX did not execute {fact['order']} ({fact['why']}{' ' + str(fact['detail']) if fact.get('detail') else ''})"


def _quarantined(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"internal error in callbridge: the {fact['kind']} was quarantined; please report it"


_SENTENCES: Sentences = {
    "call_arrived": _arrived,
    "call_adopted": _adopted,
    "caller_changed": _caller_changed,
    "caller_inaudible": _inaudible,
    "call_diverted": _diverted,
    "call_refused": _call_refused,
    "visit_began": _visit_began,
    "step_began": _step_began,
    "offer_made": _offer_made,
    "offer_ended": _offer_ended,
    "visit_ended": _visit_ended,
    "call_repeated": _repeated,
    "announced": _announced,
    "call_ended": _ended,
    "request_granted": _granted,
    "request_refused": _refused,
    "order_given_up": _given_up,
    "entity_quarantined": _quarantined,
    **TALK_SENTENCES,
    **SERVICE_SENTENCES,
}
