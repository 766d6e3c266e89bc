"""Parts that the sentences of a timeline have in common. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from callbridge.adapters.views.phrasing import Phrase, PhraseTable, TimeSpan, Value, named, say, word
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.plan import Plan
from callbridge.core.model.sentence import Sentence, unpacked

FactFields = Mapping[str, Any]
"""A fact as plain data, see ``timelines.plain_fact``."""
Sentences = Mapping[str, Callable[[FactFields, Plan, float], Phrase]]
"""For a type of fact: its sentence, from the fact, the present plan and the time at which the call arrived."""

SOMEBODY = say("somebody", "somebody")
_TARGETS = PhraseTable(
    "target",
    {
        "queue": "queue {name}",
        "agent": "agent {name}",
        "number": "number {name}",
        "phone": "phone {name}",
        "flow": "flow {name}",
        "dialplan": "dialplan {name}",
        "entry": "entry {name}",
        "campaign": "campaign {name}",
        "callback": "callback {name}",
    },
)
_REQUESTS = PhraseTable("request", {"script_answer": "script answer"})
"""Without a button of their own."""
_NAMELESS_TARGETS = PhraseTable("target", {"goodbye": "goodbye", "fallback": "fallback"})


def disposition_label(plan: Plan, code: str, queue: str, campaign: str = "") -> str:
    """What an agent reads in place of a code that a call was given: of its campaign, else of its queue. The code itself where it
    has no label, or is not configured any more."""
    for one in (plan.campaigns.get(campaign), plan.queues.get(queue)):
        if one is not None and code in one.dispositions:
            return one.dispositions[code].label or code
    return code


def agent_in(fact: FactFields, plan: Plan, field: str = "agent") -> Value:
    """The agent in this field of a fact, with the name."""
    agent = str(fact.get(field, ""))
    known = plan.agents.get(agent)
    return named(agent, known.name if known is not None else "") or SOMEBODY


def by_whom(fact: FactFields, plan: Plan) -> Value:
    """Who requested or did it: the name of a token or a user, or an agent."""
    by = str(fact.get("by") or "")
    return agent_in(fact, plan, "by") if by in plan.agents else by or SOMEBODY


def number_in(fact: FactFields) -> Value:
    """The caller's number; empty if there is none."""
    number = str(fact.get("number") or "")
    return Phrase("withheld", WITHHELD, {}) if number == WITHHELD else number


def target(text: str, plan: Plan) -> Value:
    """Where a call goes, in the form of facts: ``queue:sales`` becomes ``queue sales``."""
    kind, colon, name = text.partition(":")
    known = plan.agents.get(name) if kind == "agent" else None
    said = _TARGETS.of(kind, name=named(name, known.name) if known is not None else name) if colon else _NAMELESS_TARGETS.of(text)
    return said or text.replace(":", " ", 1)


def lasted(fact: FactFields, field: str = "lasted") -> TimeSpan:
    return TimeSpan(float(fact[field]))


def estimated(fact: FactFields) -> Value:
    """Added where a time in the sentence is not exact."""
    return say("estimated", " (time estimated)") if fact.get("estimated") else ""


def outcome(name: str) -> Phrase:
    """How a call or an attempt to reach a customer ended: screens have these texts for their tables, too."""
    return word("outcome", name)


def refusal(fact: FactFields, field: str = "reason") -> Sentence:
    """Why something was refused, or failed; of a fact that was read from the archive it is put together again."""
    reason = fact[field]
    if isinstance(reason, Sentence):
        return reason
    return unpacked(str(reason), str(fact.get("template", "")), str(fact.get("values", "")))


def request(fact: FactFields) -> Phrase:
    """What was requested, in the words of the buttons of the screens."""
    name = str(fact["request"])
    return _REQUESTS.of(name) or Phrase(f"act.{name.replace('_', '-')}", spaced(name), {})


def spaced(name: str) -> str:
    """A value without a text: newer than this version, or from the configuration."""
    return name.replace("_", " ")
