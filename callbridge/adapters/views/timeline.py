"""The timeline of a call, made from its facts (as plain data, see ``timelines.plain_fact``): a sentence for each, in English,
with what other languages need to say it. Pure.

What the facts do not hold - how a queue picks agents, the names of agents - is taken from the current plan.
A fact type without a sentence of its own is shown by its name and fields, in English only, never left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from callbridge.adapters.views.phrasing import (
    PHONE_FAULTS,
    ExplainedLine,
    Number,
    Phrase,
    PhraseTable,
    TimeSpan,
    Value,
    phone_fault,
    say,
)
from callbridge.adapters.views.timeline_parts import (
    SOMEBODY,
    FactFields,
    Sentences,
    agent_in,
    by_whom,
    estimated,
    lasted,
    number_in,
    outcome,
    refusal,
    request,
    spaced,
    target,
)
from callbridge.adapters.views.timeline_services import SERVICE_SENTENCES
from callbridge.adapters.views.timeline_talks import TALK_SENTENCES
from callbridge.core.model.agent import State
from callbridge.core.model.call import DiversionReason
from callbridge.core.model.plan import AgentOrder, Plan

_SILENT = frozenset({"agent_alerted", "agent_changed", "campaign_changed", "opted_out"})
"""About agents, not about the call; but for one who has picked up and waits for the customer."""
_ENVELOPE = frozenset({"id", "seq", "at", "type", "call", "v", "leg", "day"})

_DIVERSIONS = PhraseTable(
    "diversion",
    {
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
    },
)
_LEFT = PhraseTable(
    "left",
    {
        "waited": "the last step ended",
        "moved": "somebody moved it",
        "key": "the caller pressed a key to leave",
        "queue_removed": "the queue was removed from the configuration",
        "nobody_free": "nobody free",
        "overflow": "overflow",
    },
)
"""Why a caller left a queue for somewhere else; rules of the configuration may have reasons of their own."""
_FAILED = PhraseTable(
    "visit_failed",
    {
        "answer": "answer",
        "bridge": "bridge",
        "fault": "fault",
        "flow_removed": "flow removed",
        "hung_up": "hung up",
        "key": "key",
        "lost": "lost",
        "queue_removed": "queue removed",
        "taken_away": "taken away",
    },
)
_HEARD = PhraseTable(
    "announced",
    {
        "callback": "hears the callback confirmation",
        "greeting": "hears the greeting",
        "periodic": "hears a periodic announcement",
        "busy": "hears the apology for the long wait",
        "connection_lost": "hears the apology for the lost connection, and is now first in line",
    },
)
_INAUDIBLE = PhraseTable(
    "inaudible",
    {
        "heard": "then audio came",
        "timed_out": "wait_for_audio is over, offered as usual",
        "hung_up": "then the caller hung up",
        "lost": "then the PBX gave up, because the answer was never acknowledged, or a request not answered",
    },
)
_OFFER_ENDED = PhraseTable(
    "offer_ended",
    {
        "no_answer": "did not answer within {rang}",
        "rejected": "rejected the call after {rang}",
        "offline": "the phone could not be reached",
        "misconfigured": "misconfigured",
        "unavailable": "the phone refused at once: do not disturb",
        "cancelled": "withdrawn after {rang}: the caller left, was moved or was connected elsewhere",
        "answered": "answered after {rang}",
    },
)
_NOT_EXECUTED = PhraseTable("not_executed", {"refused": "refused", "timeout": "timeout", "unsent": "unsent", "failed": "failed"})
_REFUSED_WITH = PhraseTable("refused_with", {"busy": "busy", "congestion": "congestion"})
_PULLED = "pulled by "
"""Begins what an offer needs that a supervisor has made."""


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
        tell = _connecting if connecting else _SENTENCES.get(kind)
        said = tell(fact, plan, arrived) if tell is not None else None
        text = said.text if said is not None else _unknown(fact)
        timeline.append(ExplainedLine(code=kind, text=text, at=float(fact.get("at", 0.0)), phrase=said))
    return timeline


def _unknown(fact: FactFields) -> str:
    details = ", ".join(f"{key} {value}" for key, value in fact.items() if key not in _ENVELOPE and value not in ("", None))
    return f"{fact.get('type', '?')}: {details}"


def _arrived(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    number, queue = number_in(fact), str(fact.get("queue", ""))
    if fact.get("campaign"):
        text = "campaign {campaign} calls {whom} for queue {queue}"
        return say("call_arrived.campaign", text, campaign=str(fact["campaign"]), whom=number or SOMEBODY, queue=queue)
    tier = str(fact["tier"])
    if fact.get("direction") == "out":
        return say(
            "call_arrived.callback",
            "calling back {whom} for queue {queue}, tier {tier}: {callback}",
            whom=number or say("a_customer", "a customer"),
            queue=queue,
            tier=tier,
            callback=str(fact.get("callback", "")),
        )
    return say(
        "call_arrived",
        "{how} at entry {entry}{caller}; tier {tier} ({why})",
        how=say("found_waiting", "found waiting in the PBX after a restart")
        if fact.get("found_waiting")
        else say("arrived", "arrived"),
        entry=str(fact["entry"]),
        caller=_with_number(number),
        tier=tier,
        why=say("default_tier", "the number is in no tier list")
        if tier == plan.default_tier
        else say("listed_tier", "from the tier lists, by number"),
    )


def _with_number(number: Value) -> Phrase:
    if isinstance(number, Phrase):
        return say("number_withheld", ", number {withheld}", withheld=number)
    return say("with_number", ", number {number}", number=number) if number else say("no_number", ", no number")


def _adopted(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    agent = say("with_agent", "agent {agent}", agent=agent_in(fact, plan))
    return say(
        "call_adopted",
        "found in a conversation with {whom} after the saved state was lost; it continues, and counts for no queue",
        whom=agent if fact.get("agent") else say("unknown_party", "an unknown party"),
    )


def _caller_changed(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say(
        "caller_changed",
        "transferred here by {phone}: the caller is {caller} from here on; tier {tier}",
        phone=str(fact.get("phone") or "") or say("a_phone", "a phone"),
        caller=number_in(fact) or say("somebody_without_number", "somebody without a number"),
        tier=str(fact["tier"]),
    )


def _inaudible(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    ended = str(fact["outcome"])
    text = "no audio from the caller for {lasted}, not offered meanwhile: {then}"
    return say("caller_inaudible", text, lasted=lasted(fact), then=_INAUDIBLE.of(ended) or ended)


def _diverted(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    reason = str(fact["reason"])
    return say("call_diverted", "sent to the dialplan: {why}", why=_DIVERSIONS.of(reason) or spaced(reason))


def _call_refused(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    full, response = str(fact["full"]), str(fact["response"])
    said = _REFUSED_WITH.of(response) or response
    if full == "load":
        return say("call_refused.load", "refused ({response}): the PBX responded too slowly for more callers", response=said)
    of_pbx = full not in ("queue", "entry")
    return say(
        "call_refused",
        "refused ({response}): {place} had {most} callers, as many as its limit allows",
        response=said,
        place=say("the_pbx", "the PBX") if of_pbx else target(f"{full}:{fact[full]}", plan),
        most=Number(int(fact["most"])),
    )


def _visit_began(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    queue, offset = str(fact["queue"]), float(fact["rank"]) - arrived
    due = (
        say("due_after_arrival", "{time} after its arrival", time=TimeSpan(offset))
        if offset >= 0
        else say("due_before_arrival", "{time} before its arrival, because of its head start", time=TimeSpan(-offset))
    )
    if fact.get("consulted_by"):
        text = "{agent} waits in queue {queue} for one of its agents; ranked as if due {due}"
        return say("visit_began.consult", text, agent=agent_in(fact, plan, "consulted_by"), queue=queue, due=due)
    return say("visit_began", "waits in queue {queue}; ranked as if due {due}", queue=queue, due=due)


def _step_began(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    needs = str(fact["needs"])
    if needs.startswith("agent "):
        text = "waits for {agent} only, before the first step begins"
        return say("step_began.preferred", text, agent=target(needs.replace(" ", ":", 1), plan))
    text = "step {step}: can be offered to agents with {needs}"
    return say("step_began", text, step=Number(int(fact["step"]) + 1), needs=needs or _any_skills())


def _any_skills() -> Phrase:
    return say("any_skills", "any skills")


def _offer_made(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    freed = fact.get("freed_at")
    return say(
        "offer_made",
        "offered to {agent} after waiting {waited}: {why}{since}",
        agent=agent_in(fact, plan),
        waited=lasted(fact, "waited"),
        why=_why_offered(fact, plan),
        since=say("free_since", "; became free {time} earlier", time=TimeSpan(float(fact["at"]) - float(freed)))
        if freed is not None
        else "",
    )


def _why_offered(fact: FactFields, plan: Plan) -> Phrase:
    needs, queue = str(fact["needs"]), plan.queues.get(str(fact["queue"]))
    if needs.startswith(_PULLED):
        return say("offered_pulled", _PULLED + "{by}", by=needs.removeprefix(_PULLED))
    if needs.startswith("agent "):
        return say("offered_preferred", "the caller's preferred agent, or the last one they talked to")
    skills = needs or _any_skills()
    if queue is not None and queue.pick is AgentOrder.HIGHEST_LEVEL:
        text = "matches {needs}; of the matching available agents, the one with the highest level"
        return say("offered_highest_level", text, needs=skills)
    return say("offered_longest_idle", "matches {needs}; of the matching available agents, the one idle longest", needs=skills)


def _offer_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    result, cause = str(fact["result"]), int(fact.get("cause") or 0)
    has_cause = cause and result in ("rejected", "offline", "unavailable", "misconfigured")
    return say(
        "offer_ended",
        "{agent}: {how}{cause}",
        agent=agent_in(fact, plan),
        how=_how_offered(result, str(fact.get("trouble", "")), TimeSpan(float(fact["rang_for"]))),
        cause=say("with_cause", " (cause {cause})", cause=Number(cause)) if has_cause else "",
    )


def _how_offered(result: str, trouble: str, rang: TimeSpan) -> Value:
    if trouble == "silent":
        return say("offer_silent", "the phone did not reply to the INVITE within {rang}", rang=rang)
    if trouble in PHONE_FAULTS:
        return say("offer_fault", "the phone cannot be called: {why}", why=phone_fault(trouble))
    return _OFFER_ENDED.of(result, rang=rang) or result


def _visit_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say(
        "visit_ended", "queue {queue}: {how}{about}", queue=str(fact["queue"]), how=_how_left(fact, plan), about=estimated(fact)
    )


def _how_left(fact: FactFields, plan: Plan) -> Phrase:
    how, waited, reason = str(fact["outcome"]), lasted(fact, "waited"), str(fact.get("reason") or "")
    match how:
        case "answered" if fact.get("within_target"):
            return say("visit_answered.within", "answered after {waited}, within the target", waited=waited)
        case "answered":
            return say("visit_answered", "answered after {waited}, outside the target", waited=waited)
        case "abandoned":
            return say("visit_abandoned", "hung up after waiting {waited}", waited=waited)
        case "short_abandoned":
            text = "hung up after only {waited}: a short abandon, not part of the service level"
            return say("visit_abandoned.short", text, waited=waited)
        case "overflowed":
            to, why = target(str(fact.get("to", "")), plan), _LEFT.of(reason) or spaced(reason)
            return say("visit_overflowed", "leaves for {to} after {waited}: {why}", to=to, waited=waited, why=why)
        case _:
            why = say("because", ": {reason}", reason=_FAILED.of(reason) or spaced(reason)) if reason else ""
            return say("visit_ended.other", "{outcome} after {waited}{why}", outcome=outcome(how), waited=waited, why=why)


def _repeated(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "calls again: talked to {agent} in queue {queue} {time} before"
    return say("call_repeated", text, agent=agent_in(fact, plan), queue=str(fact["queue"]), time=lasted(fact, "after"))


def _announced(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    what, minutes = str(fact["what"]), fact.get("minutes")
    if what != "position":
        return _HEARD.of(what) or say("announced", "{what}", what=what)
    position = str(fact["position"])
    if minutes is None:
        return say("announced.position", "hears position {position}", position=position)
    text = "hears position {position} and an estimated wait of {minutes:minute}"
    return say("announced.wait", text, position=position, minutes=Number(int(minutes)))


def _connecting(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say("agent_connecting", "{agent} has picked up; the customer is being called", agent=agent_in(fact, plan))


def _ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    how = str(fact["outcome"])
    return say(
        "call_ended",
        "call ended after {lasted}: {outcome}, {talks:conversation} with agents",
        lasted=lasted(fact),
        outcome=outcome(how) if how else say("no_visit", "no visit"),
        talks=Number(int(fact.get("segments") or 0)),
    )


def _granted(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "{by} requested: {request}{to}"
    return say("request_granted", text, by=by_whom(fact, plan), request=request(fact), to=_to(fact, plan))


def _refused(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "{by} requested: {request}{to}; refused: {reason}"
    values = {"by": by_whom(fact, plan), "request": request(fact), "to": _to(fact, plan), "reason": refusal(fact)}
    return say("request_refused", text, **values)


def _to(fact: FactFields, plan: Plan) -> Value:
    return say("request_to", " to {to}", to=target(str(fact["to"]), plan)) if fact.get("to") else ""


def _given_up(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    why, detail = str(fact["why"]), str(fact.get("detail") or "")
    return say(
        "order_given_up",
        "the PBX did not execute {order} ({why}{detail})",
        order=str(fact["order"]),
        why=_NOT_EXECUTED.of(why) or why,
        detail=f" {detail}" if detail else "",
    )


def _quarantined(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "internal error in callbridge: the {kind} was quarantined; please report it"
    return say("entity_quarantined", text, kind=str(fact["kind"]))


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
