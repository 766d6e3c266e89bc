"""Sentences of the timeline about flows, surveys, messages, callbacks, campaigns and lookups. Pure."""

from __future__ import annotations

from callbridge.adapters.views.phrasing import Number, Phrase, PhraseTable, Several, Value, say
from callbridge.adapters.views.timeline_parts import (
    FactFields,
    Sentences,
    agent_in,
    disposition_label,
    lasted,
    outcome,
    refusal,
    spaced,
    target,
)
from callbridge.core.model.plan import Plan

_STARTED = PhraseTable(
    "flow_began",
    {
        "survey": "the agent has hung up",
        "entry": "set by the entry",
        "key": "the caller pressed a key",
        "flow": "sent by another flow",
        "queue_removed": "the queue was removed from the configuration",
        "full": "a limit on callers was reached",
        "abandoned": "no agent was connected in time",
    },
)
_FLOW_ENDED = PhraseTable(
    "flow_ended",
    {
        "hung_up": "the caller hung up",
        "goodbye": "ended normally",
        "moved": "somebody moved the caller elsewhere",
        "failed": "it had no way to continue: sent to the fallback",
    },
)
_CALLBACK_ENDED = PhraseTable(
    "callback_ended",
    {
        "kept": "kept: the customer is talking to an agent",
        "failed": "failed",
        "expired": "expired: it could not be made in time",
        "cancelled": "cancelled",
    },
)
_TRY_TEXTS = PhraseTable(
    "tried",
    {
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
    },
)
_ATTEMPTED = PhraseTable(
    "attempted",
    {
        "abandoned": "answered, and no agent was connected in time",
        "machine": "has an answering machine",
        "fax": "has a fax machine",
    },
)
"""What is different from a callback."""
_LEFT = PhraseTable("left_queue", {"moved": "moved", "overflow": "overflow", "waited": "waited"})
_SURVEY_ENDED = PhraseTable(
    "survey_ended",
    {"complete": "complete", "partial": "partial", "refused": "refused", "no_answer": "no_answer", "skipped": "skipped"},
)


def _flow_began(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    reason = str(fact["reason"])
    why = _STARTED.of(reason) or say("flow_began.left", "left a queue, {reason}", reason=_LEFT.of(reason) or spaced(reason))
    return say("flow_began", "enters flow {flow}: {why}", flow=str(fact["flow"]), why=why)


def _flow_stepped(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    node = f"{fact['flow']}/{fact['node']}"
    if fact.get("key"):
        return say("flow_stepped.pressed", "pressed {pressed}; at {node}", pressed=str(fact["key"]), node=node)
    return say("flow_stepped", "at {node}", node=node)


def _flow_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    result, to = str(fact["result"]), str(fact.get("to") or "")
    how = say("leads_to", "leads to {to}", to=target(to, plan)) if to else _FLOW_ENDED.of(result) or result
    return say("flow_ended", "flow {flow} ends after {lasted}: {how}", flow=str(fact["flow"]), lasted=lasted(fact), how=how)


def _prompt_failed(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "prompt could not be played: {where}; check that the sound file is on the PBX"
    return say("prompt_failed", text, where=target(str(fact["where"]), plan))


def _survey_answered(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say("survey_answered", "survey {survey}: answered {answer} to {question}", **_answer(fact))


def _survey_alerted(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say("survey_alerted", "survey {survey}: alert for the answer {answer} to {question}", **_answer(fact))


def _answer(fact: FactFields) -> dict[str, Value]:
    return {name: str(fact[name]) for name in ("survey", "answer", "question")}


def _script_answered(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    agent, script, field, answer = agent_in(fact, plan), str(fact["script"]), str(fact["field"]), str(fact["answer"])
    if not answer:
        return say(
            "script_answered.cleared", "{agent}, script {script}: {field} cleared", agent=agent, script=script, field=field
        )
    text = "{agent}, script {script}: {field} = {answer}"
    return say("script_answered", text, agent=agent, script=script, field=field, answer=answer)


def _survey_missed(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say("survey_missed", "survey {survey}: not asked, the caller hung up first", survey=str(fact["survey"]))


def _survey_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    result, answers = str(fact["result"]), Number(int(fact["answers"]))
    how = _SURVEY_ENDED.of(result) or result
    return say("survey_ended", "survey {survey}: {how}, {answers:answer}", survey=str(fact["survey"]), how=how, answers=answers)


def _voicemail_left(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "left a message of {lasted} for queue {queue}: {recording}"
    return say("voicemail_left", text, lasted=lasted(fact), queue=str(fact["queue"]), recording=str(fact["recording"]))


def _callback_requested(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say(
        "callback_requested",
        "callback scheduled{agent} from queue {queue}, keeping the caller's place in line{by}: {callback}",
        agent=say("callback_by_agent", " by agent {agent}", agent=agent_in(fact, plan)) if fact.get("agent") else "",
        queue=str(fact["queue"]),
        by=say("callback_requested_by", ", requested by {by}", by=str(fact["by"])) if fact.get("by") else "",
        callback=str(fact["callback"]),
    )


def _callback_refused(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "asks for a callback from queue {queue}, which is refused: {reason}"
    return say("callback_refused", text, queue=str(fact["queue"]), reason=refusal(fact))


def _callback_tried(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    result = str(fact["result"])
    text = "callback, attempt {attempt}: the customer {how}"
    return say("callback_tried", text, attempt=str(fact["attempt"]), how=_TRY_TEXTS.of(result) or result)


def _attempt_made(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    text = "dialled for lead {lead}; the probability that no agent would be free was {risk}"
    return say("attempt_made", text, lead=str(fact["lead"]), risk=f"{float(fact['risk']):.1%}")


def _attempt_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    how = str(fact["outcome"])
    if how != "answered":
        said = _ATTEMPTED.of(how) or _TRY_TEXTS.of(how) or how
        return say("attempt_ended", "attempt ended: the customer {how}", how=said)
    return say(
        "attempt_ended.connected",
        "attempt ended: connected to an agent after {delay} s{late}",
        delay=f"{float(fact['delay']):.2f}",
        late=say("too_late", ", later than allowed") if fact.get("late") else "",
    )


def _disposition_set(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    code = disposition_label(plan, str(fact["code"]), str(fact.get("queue", "")), str(fact.get("campaign", "")))
    return say("disposition_set", "disposition set by {by}: {code}", by=str(fact["by"]), code=code)


def _call_noted(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    return say("call_noted", "note by {by}: {note}", by=str(fact["by"]), note=" ".join(str(fact["text"]).split()))


def _call_quality(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    packets = int(fact["received"]) + int(fact["lost"])
    lost = 100 * int(fact["lost"]) / packets if packets else 0.0
    return say(
        "call_quality",
        "voice quality at {agent}: MOS {mos}, at worst {worst}, {lost} % of packets lost",
        agent=agent_in(fact, plan),
        mos=f"{fact['mos']:.1f}",
        worst=f"{fact['worst_mos']:.1f}",
        lost=f"{lost:.1f}",
    )


def _call_scored(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    failed = tuple(str(fact["failed"] or "").split(","))
    return say(
        "call_scored",
        "{what} is scored{again} by {by}, form {form}: {score}{failed}{callback}",
        what=say("conversation_with", "the conversation with {agent}", agent=agent_in(fact, plan))
        if fact.get("agent")
        else say("conversation", "the conversation"),
        again=say("again", " again") if fact["rescored"] else "",
        by=str(fact["by"]),
        form=str(fact["form"]),
        score=say("nothing_applied", "nothing applied") if fact["score"] is None else f"{float(fact['score']):.1%}",
        failed=say("criteria_failed", "; failed: {criteria}", criteria=Several(failed)) if fact["failed"] else "",
        callback=_called_back(fact),
    )


def _called_back(fact: FactFields) -> Value:
    """By which campaign the customer of a scored call is called back, or why not."""
    campaign, result = str(fact.get("callback") or ""), str(fact.get("callback_outcome"))
    if not campaign:
        return ""
    if result == "entered":
        return say("called_back", "; campaign {campaign}: the customer is called back", campaign=campaign)
    text = "; campaign {campaign}: the customer is not called back, {why}"
    return say("called_back.not", text, campaign=campaign, why=result)


def _callback_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    how, reason = str(fact["outcome"]), str(fact.get("reason") or "")
    return say(
        "callback_ended",
        "callback {how}{why}, {waited} after it was scheduled, {attempts:attempt}",
        how=_CALLBACK_ENDED.of(how) or how,
        why=say("callback_ended.why", " ({reason})", reason=outcome(reason)) if reason else "",
        waited=lasted(fact, "waited"),
        attempts=Number(int(fact["attempts"])),
    )


def _lookup_ended(fact: FactFields, plan: Plan, arrived: float) -> Phrase:
    if fact["result"] == "found":
        return say(
            "lookup_ended.found", "lookup {lookup} answered, after {lasted}", lookup=str(fact["lookup"]), lasted=lasted(fact)
        )
    text = "lookup {lookup} returned no usable answer, after {lasted}"
    return say("lookup_ended", text, lookup=str(fact["lookup"]), lasted=lasted(fact))


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
