"""Sentences of the timeline about flows, surveys, messages, callbacks, campaigns and lookups. Pure."""

from __future__ import annotations

from callbridge.adapters.views.phrasing import FactFields, Sentences, agent_in, count, span
from callbridge.core.model.attempt import OUTCOMES
from callbridge.core.model.plan import Plan

_STARTED = {
    "survey": "the agent has hung up",
    "entry": "set by the entry",
    "key": "the caller pressed a key",
    "flow": "sent by another flow",
    "queue_removed": "the queue was removed from the configuration",
    "full": "a limit on callers was reached",
    "abandoned": "no agent was connected in time",
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


def _flow_began(fact: FactFields, plan: Plan, arrived: float) -> str:
    reason = str(fact["reason"])
    return f"enters flow {fact['flow']}: {_STARTED.get(reason, 'left a queue, ' + reason.replace('_', ' '))}"


def _flow_stepped(fact: FactFields, plan: Plan, arrived: float) -> str:
    return (f"pressed {fact['key']}; " if fact.get("key") else "") + f"at {fact['flow']}/{fact['node']}"


def _flow_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    result, to = str(fact["result"]), str(fact.get("to", "")).replace(":", " ", 1)
    where = f"leads to {to}" if to else _FLOW_ENDED.get(result, result)
    return f"flow {fact['flow']} ends after {span(float(fact['lasted']))}: {where}"


def _prompt_failed(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"prompt could not be played: {str(fact['where']).replace(':', ' ', 1)}; check that the sound file is on the PBX"


def _survey_answered(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: answered {fact['answer']} to {fact['question']}"


def _script_answered(fact: FactFields, plan: Plan, arrived: float) -> str:
    answer = fact["answer"]
    text = f"{fact['field']} = {answer}" if answer else f"{fact['field']} cleared"
    return f"{agent_in(fact, plan)}, script {fact['script']}: {text}"


def _survey_alerted(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: alert for the answer {fact['answer']} to {fact['question']}"


def _survey_missed(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: not asked, the caller hung up first"


def _survey_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"survey {fact['survey']}: {fact['result']}, {count(int(fact['answers']), 'answer')}"


def _voicemail_left(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"left a message of {span(float(fact['lasted']))} for queue {fact['queue']}: {fact['recording']}"


def _callback_requested(fact: FactFields, plan: Plan, arrived: float) -> str:
    by = f", requested by {fact['by']}" if fact.get("by") else ""
    who = f" by agent {agent_in(fact, plan)}" if fact.get("agent") else ""
    return f"callback scheduled{who} from queue {fact['queue']}, keeping the caller's place in line{by}: {fact['callback']}"


def _callback_refused(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"asks for a callback from queue {fact['queue']}, which is refused: {fact['reason']}"


def _callback_tried(fact: FactFields, plan: Plan, arrived: float) -> str:
    result = str(fact["result"])
    return f"callback, attempt {fact['attempt']}: the customer {_TRY_TEXTS.get(result, result)}"


def _attempt_made(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"dialled for lead {fact['lead']}; the probability that no agent would be free was {float(fact['risk']):.1%}"


def _attempt_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    outcome = str(fact["outcome"])
    if outcome != "answered":
        return f"attempt ended: the customer {_ATTEMPT_TEXTS.get(outcome, outcome)}"
    late = ", later than allowed" if fact.get("late") else ""
    return f"attempt ended: connected to an agent after {float(fact['delay']):.2f} s{late}"


def _disposition_set(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"disposition set by {fact['by']}: {fact['code']}"


def _call_noted(fact: FactFields, plan: Plan, arrived: float) -> str:
    return f"note by {fact['by']}: {' '.join(str(fact['text']).split())}"


def _call_quality(fact: FactFields, plan: Plan, arrived: float) -> str:
    packets = int(fact["received"]) + int(fact["lost"])
    lost = 100 * int(fact["lost"]) / packets if packets else 0.0
    scores = f"MOS {fact['mos']:.1f}, at worst {fact['worst_mos']:.1f}"
    return f"voice quality at {agent_in(fact, plan)}: {scores}, {lost:.1f} % of packets lost"


def _call_scored(fact: FactFields, plan: Plan, arrived: float) -> str:
    score = "nothing applied" if fact["score"] is None else f"{float(fact['score']):.1%}"
    failed = f"; failed: {str(fact['failed']).replace(',', ', ')}" if fact["failed"] else ""
    again = " again" if fact["rescored"] else ""
    whose = f"the conversation with {agent_in(fact, plan)}" if fact.get("agent") else "the conversation"
    callback, outcome = fact.get("callback"), fact.get("callback_outcome")
    how = "the customer is called back" if outcome == "entered" else f"the customer is not called back, {outcome}"
    called = f"; campaign {callback}: {how}" if callback else ""
    return f"{whose} is scored{again} by {fact['by']}, form {fact['form']}: {score}{failed}{called}"


def _callback_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    outcome, reason = str(fact["outcome"]), str(fact.get("reason", "")).replace("_", " ")
    why = f" ({reason})" if reason else ""
    tries = count(int(fact["attempts"]), "attempt")
    how, since = _CALLBACK_TEXTS.get(outcome, outcome), span(float(fact["waited"]))
    return f"callback {how}{why}, {since} after it was scheduled, {tries}"


def _lookup_ended(fact: FactFields, plan: Plan, arrived: float) -> str:
    how = "answered" if fact["result"] == "found" else "returned no usable answer"
    return f"lookup {fact['lookup']} {how}, after {span(float(fact['lasted']))}"


SERVICE_SENTENCES: Sentences = {
    "flow_began": _flow_began,
    "flow_stepped": _flow_stepped,
    "flow_ended": _flow_ended,
    "prompt_failed": _prompt_failed,
    "survey_answered": _survey_answered,
    "script_answered": _script_answered,
    "survey_alerted": _survey_alerted,
    "survey_ended": _survey_ended,
    "survey_missed": _survey_missed,
    "voicemail_left": _voicemail_left,
    "callback_requested": _callback_requested,
    "callback_refused": _callback_refused,
    "call_quality": _call_quality,
    "call_scored": _call_scored,
    "attempt_made": _attempt_made,
    "attempt_ended": _attempt_ended,
    "disposition_set": _disposition_set,
    "call_noted": _call_noted,
    "callback_tried": _callback_tried,
    "callback_ended": _callback_ended,
    "lookup_ended": _lookup_ended,
}
"""By type of fact."""
