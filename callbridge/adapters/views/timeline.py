"""A call's story in plain words, told from its facts (as plain data, see ``stories.told``). Pure.

What the facts do not hold - how a queue picks, what an agent is called - is taken from the plan of today.
A kind of fact that has no words here is shown by its name and fields, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from callbridge.adapters.views.phrasing import ExplainedLine, count, span
from callbridge.core.model.plan import AgentOrder, Plan

Fact = Mapping[str, Any]

_SILENT = frozenset({"agent_alerted", "agent_changed", "wrap_up_ended", "campaign_changed", "opted_out"})
"""About agents, not about the call."""
_ENVELOPE = frozenset({"id", "seq", "at", "type", "call", "v", "leg", "day"})

_DIVERTED = {
    "bypass": "bypass was on",
    "overflow": "the waiting time of the queue was over",
    "unknown_entry": "the entry is in no configuration",
    "unknown_flow": "the flow is in no configuration",
    "flow": "the flow says so",
    "flow_failed": "the flow leads nowhere any more",
    "too_many_ways": "it went round in circles",
    "unknown_queue": "the queue is in no configuration",
    "queue_removed": "the queue was taken out of the configuration",
    "answer": "the PBX could not answer the call",
    "fault": "a fault of callbridge",
}
_LEFT = {
    "waited": "the steps were over",
    "moved": "somebody moved it",
    "key": "the caller pressed a key, and chose so",
    "queue_removed": "the queue was taken out of the configuration",
}
_STARTED = {
    "survey": "the agent has hung up",
    "entry": "as the entry says",
    "key": "the caller pressed a key",
    "flow": "as another flow says",
    "queue_removed": "the queue was taken out of the configuration",
}
_FLOW_ENDED = {
    "hung_up": "the caller hung up",
    "goodbye": "said goodbye",
    "moved": "somebody led the caller elsewhere",
    "failed": "it leads nowhere any more: to the fallback",
}
_PROMISE_ENDED = {
    "kept": "kept: they talk",
    "failed": "given up",
    "expired": "expired: nobody could keep it in time",
    "cancelled": "cancelled",
}
_TRIED = {
    "answered": "answers",
    "abandoned": "answered, and was gone before an agent was there",
    "busy": "is busy",
    "no_answer": "does not answer",
    "rejected": "rejects the call",
    "invalid": "has no such number",
    "congestion": "could not be reached: the line is congested",
    "agent_gone": "was rung when the agent hung up",
    "called_again": "was rung when the customer called us",
    "cancelled": "was rung when somebody cancelled it",
    "unknown": "was perhaps called; what became of it is not known",
}
_SAID = {
    "callback": "hears who calls back",
    "greeting": "hears the greeting",
    "periodic": "hears one of the messages",
    "busy": "hears the apology for the long wait",
    "connection_lost": "hears the apology for the broken connection, and is first in line",
}
_ENDED_BY = {
    "customer": "the caller hung up",
    "agent": "the agent hung up",
    "transfer": "transferred",
    "moved": "moved to another queue by somebody",
    "taken_over": "taken over by a supervisor",
    "supervisor": "ended by a supervisor",
    "taken": "somebody took the call away in the PBX",
    "fault": "ended by a fault",
    "lost": "the agent's phone is gone",
    "short": "the agent's phone hung up at once, so nobody has answered",
}
_HANDED = {
    "completed": "took the call",
    "returned": "left again, the agent went back to the caller",
    "no_answer": "did not pick up",
    "rejected": "rejected it",
    "offline": "could not be reached",
    "failed": "could not be connected",
    "cancelled": "was given up",
}
_MODES = {"listen": "listens to", "whisper": "whispers to", "barge": "barges in on", "take_over": "takes over from"}
_OFFER_ENDED = {
    "no_answer": "did not pick up within {rang}",
    "rejected": "rejected it after {rang}",
    "offline": "the phone could not be reached",
    "cancelled": "withdrawn after {rang}: the caller left, moved on, or another way was found",
    "answered": "picked up after {rang}",
}


def in_words(facts: Iterable[Fact], plan: Plan) -> list[ExplainedLine]:
    """The story, oldest first, a line for each thing that happened to the call."""
    timeline: list[ExplainedLine] = []
    arrived = 0.0
    for fact in facts:
        kind = str(fact.get("type", ""))
        if kind in ("call_arrived", "call_adopted"):
            arrived = float(fact.get("arrived_at", fact["at"]))
        if kind in _SILENT:
            continue
        tell = _WORDS.get(kind, _unknown)
        timeline.append(ExplainedLine(code=kind, text=tell(fact, plan, arrived), at=float(fact.get("at", 0.0))))
    return timeline


def _unknown(fact: Fact, plan: Plan, arrived: float) -> str:
    details = ", ".join(f"{key} {value}" for key, value in fact.items() if key not in _ENVELOPE and value not in ("", None))
    return f"{fact.get('type', '?')}: {details}"


def _arrived(fact: Fact, plan: Plan, arrived: float) -> str:
    tier = fact["tier"]
    why = "no list names the number" if tier == plan.default_tier else "by the number, from the lists of tiers"
    if fact.get("campaign"):
        return f"campaign {fact['campaign']} calls {fact['number'] or 'somebody'} for queue {fact['queue']}"
    if fact.get("direction") == "out":
        return f"we call back {fact['number'] or 'a customer'} for queue {fact['queue']}, tier {tier}: {fact.get('callback', '')}"
    found = "found waiting in the PBX after a restart" if fact.get("found_waiting") else "arrived"
    number = f", number {fact['number']}" if fact.get("number") else ", no number"
    return f"{found} at entry {fact['entry']}{number}; tier {tier} ({why})"


def _adopted(fact: Fact, plan: Plan, arrived: float) -> str:
    whom = f"agent {fact['agent']}" if fact.get("agent") else "somebody whom we do not know"
    return f"found in a conversation with {whom} after the saved world was lost; it goes on, and is counted in no queue"


def _diverted(fact: Fact, plan: Plan, arrived: float) -> str:
    reason = str(fact["reason"])
    return f"sent on into the dialplan: {_DIVERTED.get(reason, reason.replace('_', ' '))}"


def _visit_began(fact: Fact, plan: Plan, arrived: float) -> str:
    offset = float(fact["rank"]) - arrived
    order = f"{span(offset)} after its arrival" if offset >= 0 else f"{span(-offset)} before its arrival: ahead of the others"
    return f"waits in queue {fact['queue']}; its place there is that of a call due {order}"


def _step_began(fact: Fact, plan: Plan, arrived: float) -> str:
    if str(fact["needs"]).startswith("agent "):
        return f"waits for {fact['needs']} alone, before the steps begin"
    return f"step {int(fact['step']) + 1}: may be offered to agents with {fact['needs'] or 'any skills'}"


def _offer_made(fact: Fact, plan: Plan, arrived: float) -> str:
    needs, queue = str(fact["needs"]), plan.queues.get(str(fact["queue"]))
    if needs.startswith("pulled by"):
        why = needs
    elif needs.startswith("agent "):
        why = "the caller's own agent, or whom they talked to last"
    else:
        best = queue is not None and queue.pick is AgentOrder.HIGHEST_LEVEL
        why = f"fits {needs}; of the free agents who fit the one {'of the highest level' if best else 'idle for longest'}"
    freed = fact.get("freed_at")
    since = f"; had become free {span(float(fact['at']) - float(freed))} before" if freed is not None else ""
    return f"offered to {_who(fact, plan)} after waiting {span(float(fact['waited']))}: {why}{since}"


def _offer_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    result, cause = str(fact["result"]), int(fact.get("cause") or 0)
    text = _OFFER_ENDED.get(result, result).format(rang=span(float(fact["rang_for"])))
    return f"{_who(fact, plan)}: {text}" + (f" (cause {cause})" if cause and result in ("rejected", "offline") else "")


def _visit_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    outcome, waited, queue = str(fact["outcome"]), span(float(fact["waited"])), fact["queue"]
    about = " (time estimated)" if fact.get("estimated") else ""
    match outcome:
        case "answered":
            within = "within" if fact.get("within_target") else "later than"
            text = f"answered after {waited}, {within} the target"
        case "abandoned":
            text = f"hung up after waiting {waited}"
        case "short_abandoned":
            text = f"hung up after only {waited}: counts neither way"
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
    return f"could not be played: {str(fact['where']).replace(':', ' ', 1)}; is the sound on the PBX?"


def _survey_answered(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: answers {fact['answer']} to {fact['question']}"


def _survey_alerted(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: somebody should hear of the {fact['answer']} for {fact['question']}"


def _survey_missed(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: not asked, the caller hung up first"


def _survey_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: {fact['result']}, {count(int(fact['answers']), 'answer')}"


def _voicemail_left(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"left a message of {span(float(fact['lasted']))} for queue {fact['queue']}: {fact['recording']}"


def _callback_requested(fact: Fact, plan: Plan, arrived: float) -> str:
    by = f", asked for by {fact['by']}" if fact.get("by") else ""
    who = f" by agent {fact['agent']}" if fact.get("agent") else ""
    return f"is promised a callback{who} from queue {fact['queue']} at the place in line{by}: {fact['callback']}"


def _callback_tried(fact: Fact, plan: Plan, arrived: float) -> str:
    result = str(fact["result"])
    return f"callback, attempt {fact['attempt']}: the customer {_TRIED.get(result, result)}"


def _attempt_made(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"dialled for lead {fact['lead']}; the chance that nobody would be free was {float(fact['risk']):.1%}"


def _attempt_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    outcome = str(fact["outcome"])
    if outcome != "answered":
        told = {**_TRIED, "abandoned": "answered, and no agent was there in time"}
        return f"attempt ended: the customer {told.get(outcome, outcome)}"
    late = ", later than allowed" if fact.get("late") else ""
    return f"attempt ended: connected after {float(fact['delay']):.2f} s{late}"


def _dispositioned(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"{fact['by']} says that it came to: {fact['code']}"


def _callback_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    outcome, reason = str(fact["outcome"]), str(fact.get("reason", "")).replace("_", " ")
    why = f" ({reason})" if reason else ""
    tries = count(int(fact["attempts"]), "attempt")
    how, since = _PROMISE_ENDED.get(outcome, outcome), span(float(fact["waited"]))
    return f"the callback is {how}{why}, {since} after it was promised, {tries}"


def _recorded(fact: Fact, plan: Plan, arrived: float) -> str:
    paused = f", {span(float(fact['paused']))} of it paused" if fact.get("paused") else ""
    return f"recorded {span(float(fact['lasted']))}{paused}: {fact['file']}"


def _not_recorded(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"the recording {fact['file']} failed: {fact['why']}"


def _repeated(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"calls again: talked to {_who(fact, plan)} in queue {fact['queue']} {span(float(fact['after']))} before"


def _lookup_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    how = "answered" if fact["result"] == "found" else "gave no answer that could be used"
    return f"lookup {fact['lookup']} {how}, after {span(float(fact['lasted']))}"


def _announced(fact: Fact, plan: Plan, arrived: float) -> str:
    if fact["what"] != "position":
        return _SAID.get(str(fact["what"]), str(fact["what"]))
    minutes = fact.get("minutes")
    wait = f", and a wait of {count(int(minutes), 'minute')}" if minutes is not None else ""
    return f"is told position {fact['position']}{wait}"


def _talk_began(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"talks with {_who(fact, plan)}"


def _talk_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    by = str(fact["ended_by"])
    held = f", {span(float(fact['hold_seconds']))} of it on hold" if fact.get("hold_seconds") else ""
    about = " (time estimated)" if fact.get("estimated") else ""
    return f"talk with {_who(fact, plan)} ends after {span(float(fact['talked']))}{held}: {_ENDED_BY.get(by, by)}{about}"


def _transferred(fact: Fact, plan: Plan, arrived: float) -> str:
    how = "after consulting" if fact.get("attended") else "blind"
    return f"transferred {how} to {fact['target'] or 'somebody'} by {_who(fact, plan)}"


def _transfer_started(fact: Fact, plan: Plan, arrived: float) -> str:
    to, who = _target(fact), _who(fact, plan)
    match fact["way"]:
        case "consult":
            return f"{who} wants a word with {to}; the caller hears music"
        case "back":
            return f"comes back to {who}"
        case _:
            return f"{who} hands the call on to {to}; the caller hears music"


def _transfer_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    result, lasted = str(fact["result"]), span(float(fact["lasted"]))
    return f"{_target(fact)}: {_HANDED.get(result, result)} after {lasted}"


def _target(fact: Fact) -> str:
    return str(fact["to"]).replace(":", " ", 1)


def _supervision_started(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"{fact['by'] or 'somebody'} at {fact['phone']}: {_MODES.get(str(fact['mode']), fact['mode'])} {_who(fact, plan)}"


def _supervision_ended(fact: Fact, plan: Plan, arrived: float) -> str:
    mode = str(fact["mode"]).replace("_", " ")
    return f"{fact['by'] or 'somebody'} at {fact['phone']}: no more {mode}, after {span(float(fact['lasted']))}"


def _ended(fact: Fact, plan: Plan, arrived: float) -> str:
    segments = count(int(fact.get("segments") or 0), "agent") + " talked"
    return f"over after {span(float(fact['lasted']))}: {str(fact['outcome']).replace('_', ' ') or 'no visit'}, {segments}"


def _granted(fact: Fact, plan: Plan, arrived: float) -> str:
    to = f" to {str(fact['to']).replace(':', ' ', 1)}" if fact.get("to") else ""
    return f"{fact.get('by') or 'somebody'} asked: {str(fact['request']).replace('_', ' ')}{to}"


def _refused(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"{fact.get('by') or 'somebody'} asked: {str(fact['request']).replace('_', ' ')}; refused: {fact['reason']}"


def _gave_up(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"the PBX did not carry out {fact['order']} ({fact['why']}{' ' + str(fact['detail']) if fact.get('detail') else ''})"


def _quarantined(fact: Fact, plan: Plan, arrived: float) -> str:
    return f"a fault of callbridge: the {fact['kind']} was set aside; please report it"


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
    "lead_dispositioned": _dispositioned,
    "callback_tried": _callback_tried,
    "callback_ended": _callback_ended,
    "call_recorded": _recorded,
    "recording_failed": _not_recorded,
    "call_repeated": _repeated,
    "lookup_ended": _lookup_ended,
    "announced": _announced,
    "talk_began": _talk_began,
    "talk_ended": _talk_ended,
    "call_transferred": _transferred,
    "transfer_started": _transfer_started,
    "transfer_ended": _transfer_ended,
    "supervision_started": _supervision_started,
    "supervision_ended": _supervision_ended,
    "call_ended": _ended,
    "request_granted": _granted,
    "request_refused": _refused,
    "order_gave_up": _gave_up,
    "entity_quarantined": _quarantined,
}
