"""The set-up lines of a golden story: what its configuration is.

    queue support wrap_up=10 keys=1:ask callback=agent survey=service : support >= 3 for 8 | support >= 1
    queue support/diamond ...                        steps of a tier only
    agent bob support=3 [auto_answer|nailed_up] [out]
    node welcome/choose menu choose 1>sales else>bye question=q alerting=1
    node welcome/say play hello >choose              also: collect, queue, callback, voicemail, do_not_call, goodbye
    survey service                                   asked by the flow survey:service
    campaign spring support connect_within=2 [amd]   its message is the flow campaign:spring
    lead kim +442079460001
    outside PJSIP/{number}@trunk
    calendar office                                  always open; a queue's closed=office:general names where it leads

A flow begins at its first node, and is an entry of its own name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from callbridge.core.model.attempt import Lead
from callbridge.core.model.calendar import MINUTES_A_DAY, Calendar
from callbridge.core.model.dial_rules import DialLimits
from callbridge.core.model.flow import (
    CallbackNode,
    CollectNode,
    Condition,
    DoNotCallNode,
    Flow,
    GoodbyeNode,
    MenuNode,
    Node,
    PlayNode,
    QueueNode,
    VoicemailNode,
)
from callbridge.core.model.plan import (
    AgentPlan,
    CallbackTerms,
    CallFirst,
    CampaignPlan,
    ConnectMode,
    DialMode,
    OverflowRule,
    Plan,
    QueuePlan,
    SurveyPlan,
    Then,
    TierRouting,
    ToDialplan,
    ToFlow,
    ToQueue,
)
from callbridge.core.pacing.budget import Rules
from tests.core.story import agent, plan, queue, routing

WORDS = frozenset({"queue", "agent", "node", "survey", "campaign", "lead", "outside", "calendar"})
LIMITS = DialLimits(retry={"busy": 600.0, "no_answer": 3600.0, "abandoned": 600.0, "unknown": 600.0})
ANY_NUMBER = ("X.", "+X.")


class SetUp:
    """Reads set-up lines; gives the plan."""

    def __init__(self) -> None:
        self.leads: dict[str, Lead] = {}
        self._routings: dict[tuple[str, str], TierRouting] = {}
        self._queues: list[tuple[str, dict[str, object]]] = []
        self._agents: list[AgentPlan] = []
        self._flows: dict[str, dict[str, Node]] = {}
        self._surveys: dict[str, SurveyPlan] = {}
        self._campaigns: dict[str, CampaignPlan] = {}
        self._calendars: dict[str, Calendar] = {}
        self._outside = ""

    def read(self, line: str, words: list[str]) -> None:
        match words:
            case ["queue", *_]:
                self._queue(line)
            case ["agent", name, *rest]:
                skills = {key: int(level) for key, _, level in (each.partition("=") for each in rest if "=" in each)}
                connect = next((kind for kind in ConnectMode if kind.value in rest), ConnectMode.RING)
                self._agents.append(agent(name, skills, connect, login="out" not in rest))
            case ["node", place, kind, *rest]:
                flow, _, name = place.partition("/")
                self._flows.setdefault(flow, {})[name] = _node(kind, rest)
            case ["survey", name]:
                self._surveys[name] = SurveyPlan(name)
            case ["campaign", name, served_by, *rest]:
                self._campaigns[name] = _campaign(name, served_by, rest)
            case ["lead", name, number]:
                self.leads[name] = Lead(id=len(self.leads) + 1, number=number, name=name)
            case ["calendar", name]:
                self._calendars[name] = Calendar(name=name, zone=ZoneInfo("UTC"), week=(((0, MINUTES_A_DAY),),) * 7)
            case ["outside", dial]:
                self._outside = dial
            case _:
                raise ValueError(f"a trace cannot set up: {' '.join(words)}")

    def plan(self) -> Plan:
        queues: list[QueuePlan] = []
        for name, more in self._queues:
            plain = self._routings[name, "standard"]
            queues.append(queue(name, plain, self._routings.get((name, "diamond"), plain), **more))
        made = plan(queues, self._agents)
        flows = {name: Flow(name=name, version="1", start=next(iter(nodes)), nodes=nodes) for name, nodes in self._flows.items()}
        return replace(
            made,
            flows=flows,
            entries={**made.entries, **{name: ToFlow(name) for name in flows if ":" not in name}},
            calendars=self._calendars,
            surveys=self._surveys,
            campaigns=self._campaigns,
            outside=self._outside,
            call_back_to=ANY_NUMBER,
        )

    def _queue(self, line: str) -> None:
        head, _, steps = line.partition(" : ")
        name, *settings = head.split()[1:]
        name, _, tier = name.partition("/")
        given = dict(each.split("=", 1) for each in settings)
        stages, then = [], None
        for each in steps.partition("#")[0].split("|"):
            needs, _, lasts = each.partition(" for ")
            if needs.strip().startswith("then "):
                then = _then(needs.split()[1:])
            else:
                stages.append((needs.strip(), float(lasts) if lasts else None))
        within, head_start = float(given.pop("within", 20.0)), float(given.pop("head_start", 0.0))
        self._routings[name, tier or "standard"] = routing(*stages, within=within, head_start=head_start, then=then)
        self._queues += [(name, _queue_settings(given))] if not tier else []


def _queue_settings(given: dict[str, str]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in given.items():
        match key:
            case "keys":
                made[key] = dict([value.split(":")])
            case "callback":
                terms = CallbackTerms(first=CallFirst(value), ring_for=20.0, attempts=2, retry_after=60.0, keep_for=3600.0)
                made[key] = replace(terms, greeting="here-we-are")
            case "survey":
                made[key] = value
            case "closed":
                calendar, _, to = value.partition(":")
                made["overflow"] = (OverflowRule(Condition(closed=calendar), ToQueue(to), "closed"),)
            case _:
                made[key] = float(value)
    return made


def _then(words: list[str]) -> Then:
    return ToQueue(words[1]) if words[0] == "queue" else ToDialplan(words[1], words[2])


def _campaign(name: str, served_by: str, rest: list[str]) -> CampaignPlan:
    more: dict[str, Any] = {key: float(value) for key, value in (each.split("=") for each in rest if "=" in each)}
    return CampaignPlan(
        name=name,
        queue=served_by,
        mode=DialMode.PROGRESSIVE,
        limits=LIMITS,
        rules=Rules(),
        dial="PJSIP/{number}@trunk",
        number="+4420",
        agent_first="agent_first" in rest,
        amd="amd" in rest,
        **more,
    )


def _node(kind: str, rest: list[str]) -> Node:
    ways = dict(each.split(">") for each in rest if ">" in each)
    more: dict[str, Any] = {
        key: int(value) if value.isdecimal() and key in ("tries", "least", "most") else value
        for key, value in (each.split("=") for each in rest if "=" in each)
    }
    plain = [each for each in rest if ">" not in each and "=" not in each]
    onward, otherwise = ways.pop("", ""), ways.pop("else", "")
    match kind:
        case "play":
            return PlayNode(media=plain[0], next=onward, interrupt="interrupt" in plain)
        case "menu":
            if "alerting" in more:
                more["alerting"] = frozenset(more["alerting"])
            return MenuNode(media=plain[0], keys=ways, otherwise=otherwise, **more)
        case "collect":
            return CollectNode(media=plain[0], next=onward, otherwise=otherwise, **more)
        case "queue":
            return QueueNode(queue=plain[0])
        case "callback":
            return CallbackNode(queue=plain[0], next=onward, otherwise=otherwise)
        case "voicemail":
            return VoicemailNode(queue=plain[0], media=plain[1], next=onward)
        case "do_not_call":
            return DoNotCallNode(next=onward)
        case "goodbye":
            return GoodbyeNode(media="".join(plain))
        case _:
            raise ValueError(f"a trace knows no such node: {kind}")
