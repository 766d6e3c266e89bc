"""A random contact centre and its day, all from one seed: who works there, what is promised, what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from callbridge.core.model.dial_rules import DialLimits
from callbridge.core.model.plan import (
    AgentOrder,
    AgentPlan,
    AnnouncementPlan,
    CallbackTerms,
    CallFirst,
    CampaignPlan,
    ConnectMode,
    DialMode,
    Disposition,
    Penalty,
    Plan,
    QueuePlan,
    Reason,
    Step,
    Then,
    TierRouting,
    ToDialplan,
    ToQueue,
)
from callbridge.core.model.skills import parse, profile
from callbridge.core.pacing.budget import Rules
from tests.sim.lanes import Weather
from tests.sim.people import Manners
from tests.sim.toy import PBX

SKILLS = ("sales", "support", "french")
TIERS = ("standard", "diamond")
WEATHERS = (
    Weather(),
    Weather(slowest=0.2),
    Weather(),
    Weather(slowest=0.1, refuse=0.08),
    Weather(slowest=0.1, time_out=0.06),
    Weather(lose=0.1),
    Weather(outages=2),
    Weather(kills=3),
    Weather(slowest=0.1, refuse=0.03, time_out=0.02, lose=0.03, outages=1, kills=1),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """``length``: seconds in which callers come; then everybody leaves and the house must be empty."""

    plan: Plan
    weather: Weather
    manners: Manners
    length: float = 45.0
    callers: int = 10
    asks: int = 8
    acts: int = 0
    """What a supervisor does to calls."""
    callbacks: int = 0
    """Times that somebody asks for a callback, or takes one back."""
    leads: int = 0
    """Of the campaign, when there is one."""
    private_calls: int = 2
    codes: int = 4
    """Feature codes that are dialled."""
    unplugs: int = 1
    reloads: int = 0


TALKATIVE = AnnouncementPlan(
    greeting="hello",
    position="number:{position}",
    wait="number:{minutes}",
    first=2.0,
    every=3.0,
    periodic=("missing", "hello"),
    periodic_every=4.0,
    busy="sorry",
    busy_after=6.0,
    busy_head_start=30.0,
)


def scenario(rng: Random, *, talkative: bool = False, calling: bool = False, dialling: bool = False) -> Scenario:
    """``talkative``: waiting callers are told things, too; ``calling``: customers are called back; ``dialling``: a campaign."""
    queues = [_queue(rng, index) for index in range(rng.choice([1, 1, 2, 3]))]
    agents = [_agent(rng, index) for index in range(rng.choice([1, 2, 3, 4]))]
    plan = Plan(
        queues={queue.name: queue for queue in queues},
        entries={f"in-{queue.name}": ToQueue(queue.name) for queue in queues},
        agents={agent.id: agent for agent in agents},
        reasons={"lunch": Reason("lunch", 20.0, "1")},
        pbxs=(PBX,),
        outside="Local/{number}@outside/n",
    )
    manners = Manners(
        rude=rng.choice([0.02, 0.1]),
        patience=rng.choice([5.0, 15.0, 40.0]),
        talk=rng.choice([1.0, 3.0, 6.0, 15.0]),
        transfer=rng.choice([0.1, 0.4]),
    )
    if talkative:
        plan = replace(plan, queues={name: replace(one, announcements=TALKATIVE) for name, one in plan.queues.items()})
    if calling:
        plan = _calling(rng, plan)
    if dialling:
        plan = _dialling(rng, plan)
    return Scenario(
        plan=plan,
        callbacks=rng.choice([4, 12]) if calling else 0,
        leads=rng.choice([4, 20]) if dialling else 0,
        weather=rng.choice(WEATHERS),
        manners=manners,
        callers=rng.choice([6, 10, 14]),
        asks=rng.choice([2, 6, 10]),
        acts=rng.choice([0, 0, 30, 100]),
        private_calls=rng.choice([0, 2]),
        codes=rng.choice([0, 6, 12]),
        unplugs=rng.choice([0, 1, 2]),
        reloads=rng.choice([0, 0, 0, 1]),
    )


def _calling(rng: Random, plan: Plan) -> Plan:
    first = rng.choice(list(CallFirst))
    terms = CallbackTerms(first=first, ring_for=6.0, attempts=2, retry_after=4.0, keep_for=40.0)
    whisper = rng.choice(["", "hello"])
    queues = {name: replace(one, callback=terms, whisper=whisper, reclaim_within=10.0) for name, one in plan.queues.items()}
    return replace(plan, queues=queues, call_back_to=("X.", "+X."))


def _dialling(rng: Random, plan: Plan) -> Plan:
    """Agents who are there at once, unless they are rung first."""
    mode, first = rng.choice(
        [(DialMode.PROGRESSIVE, True), (DialMode.PROGRESSIVE, False), (DialMode.POWER, False), (DialMode.PREDICTIVE, False)]
    )
    agents = {
        name: one if first or one.connect is ConnectMode.NAILED_UP else replace(one, connect=ConnectMode.AUTO_ANSWER)
        for name, one in plan.agents.items()
    }
    retry = {"busy": 2.0, "no_answer": 4.0, "congestion": 1.0, "rejected": 6.0, "abandoned": 8.0, "unknown": 8.0, "machine": 4.0}
    spring = CampaignPlan(
        name="spring",
        queue=rng.choice(list(plan.queues)),
        mode=mode,
        limits=DialLimits(most=4, per_day=99, retry=retry, after_abandoned=8.0),
        rules=rng.choice([Rules(), Rules(window=86400.0, hard=True)]),
        dial=plan.outside,
        factor=2.0,
        ring_for=15.0,
        connect_within=1.0,
        agent_first=first,
        amd=not first and rng.random() < 0.4,
        lines=rng.choice([2, 30]),
        dispositions={
            code: Disposition(code, block=code == "never", machine=code == "nobody", again=code == "later")
            for code in ("sold", "later", "never", "nobody")
        },
    )
    return replace(plan, agents=agents, campaigns={"spring": spring})


def _queue(rng: Random, index: int) -> QueuePlan:
    tiers = {"standard": _routing(rng, index), "diamond": _routing(rng, index, head_start=rng.choice([5.0, 60.0]))}
    return QueuePlan(
        name=f"q{index}",
        routings=tiers,
        pick=rng.choice(list(AgentOrder)),
        short_abandon=rng.choice([1.0, 5.0]),
        short_talk=0.0 if index % 2 else 1.0,
        wrap_up=rng.choice([0.0, 1.0, 3.0]),
        ring_for=rng.choice([3.0, 6.0]),
        no_answer=rng.choice([Penalty(not_ready="rona", return_after=4.0), Penalty(not_ready="rona"), Penalty(rest=3.0)]),
        rejected=Penalty(rest=rng.choice([0.0, 2.0])),
        offline=Penalty(rest=3.0),
    )


def _routing(rng: Random, index: int, head_start: float = 0.0) -> TierRouting:
    count = rng.choice([1, 2, 3])
    steps = tuple(Step(parse(_needs(rng)), rng.choice([2.0, 4.0, 8.0])) for _ in range(count - 1))
    then: Then | None = rng.choice([None, ToDialplan("fallback", f"q{index}"), ToQueue(f"q{index - 1}") if index else None])
    last = rng.choice([None, 10.0]) if then is None else rng.choice([6.0, 15.0])
    return TierRouting(
        answer_within=rng.choice([5.0, 20.0]),
        head_start=head_start,
        steps=(*steps, Step(parse(_needs(rng)), last)),
        then=then,
    )


def _needs(rng: Random) -> str:
    one, two = rng.sample(SKILLS, 2)
    low, high = rng.randint(1, 2), rng.randint(2, 5)
    return rng.choice([one, one, f"{one} >= {high}", f"{one} >= {low} and {two}", f"{one} >= {high} or {two} >= {low}"])


def _agent(rng: Random, index: int) -> AgentPlan:
    name = f"a{index}"
    levels = {skill: rng.randint(1, 5) for skill in SKILLS if rng.random() < 0.75}
    connect = rng.choice([ConnectMode.RING, ConnectMode.RING, ConnectMode.RING, ConnectMode.AUTO_ANSWER, ConnectMode.NAILED_UP])
    return AgentPlan(
        id=name,
        name=name,
        skills=profile(levels),
        phone=f"PJSIP/{name}",
        connect=connect,
        login=rng.random() < 0.9,
        pin=rng.choice(["", f"47{index:02}", f"47{index:02}"]),
    )


def with_second_phones(plan: Plan) -> Plan:
    """Every other agent has a second phone."""
    agents = {agent.id: replace(agent, also=(f"{agent.phone}-web",)) for agent in [*plan.agents.values()][::2]}
    return replace(plan, agents={**plan.agents, **agents})


def with_silent_callers(plan: Plan, wait: float) -> Plan:
    """Audio is waited for in every queue; how long differs."""
    queues = {name: replace(one, wait_for_audio=wait - index) for index, (name, one) in enumerate(plan.queues.items())}
    return replace(plan, queues=queues)


def changed_plan(rng: Random, plan: Plan) -> Plan:
    """The same house after a reload: other routings in one queue, other skills for one agent."""
    queue, agent = rng.choice(list(plan.queues.values())), rng.choice(list(plan.agents.values()))
    index = int(queue.name[1:])
    routings = {"standard": _routing(rng, index), "diamond": _routing(rng, index, head_start=30.0)}
    other = replace(agent, skills=profile({skill: rng.randint(1, 5) for skill in SKILLS}))
    return replace(
        plan,
        queues={**plan.queues, queue.name: replace(queue, routings=routings)},
        agents={**plan.agents, agent.id: other},
    )


def simple_plan(agents: int) -> Plan:
    """One queue that asks for ``sales``, and so many agents who can, and log in by themselves."""
    steps = (Step(parse("sales"), None),)
    routing = TierRouting(answer_within=20.0, head_start=0.0, steps=steps, then=None)
    people = [
        AgentPlan(id=f"a{index}", name=f"a{index}", skills=profile({"sales": 3}), phone=f"PJSIP/a{index}", login=True)
        for index in range(agents)
    ]
    return Plan(
        queues={"q0": QueuePlan(name="q0", routings={"standard": routing})},
        entries={"in-q0": ToQueue("q0")},
        agents={agent.id: agent for agent in people},
        pbxs=(PBX,),
    )
