"""Campaigns: leads written down before they are dialled, people connected in time or told why not, every attempt closed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callbridge.adapters.ledger import BlockEntry, LedgerTerms
from callbridge.core.entities import attempts
from callbridge.core.entities.attempts import BLOCK_AGAIN, CLOSE_AGAIN, MAX_REFUSALS
from callbridge.core.model.agent import Work
from callbridge.core.model.attempt import AttemptStage, Running
from callbridge.core.model.calendar import Calendar
from callbridge.core.model.call import Phase
from callbridge.core.model.dial_rules import DialLimits, Frequency
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    AmdDetourEnded,
    AttemptClosed,
    AttemptsReserved,
    CallRequest,
    CallRequested,
    CampaignRecalled,
    CampaignRequested,
    ClockMoved,
    DispositionRequested,
    EntityFaulted,
    LegAnswered,
    NumberBlocked,
    OrderFailed,
    PbxLost,
    PbxSnapshot,
    PlanChanged,
    SeenLeg,
    StoreChanged,
    Why,
)
from callbridge.core.model.facts import (
    AttemptEnded,
    AttemptMade,
    CallArrived,
    CallEnded,
    CampaignChanged,
    DispositionSet,
    OfferEnded,
    OptedOut,
    OrderGivenUp,
    RequestRefused,
    TalkBegan,
    VisitBegan,
    WrapUpEnded,
)
from callbridge.core.model.flow import DoNotCallNode, Flow, GoodbyeNode, MenuNode
from callbridge.core.model.ids import leg_id, pbx_of
from callbridge.core.model.orders import (
    BlockNumber,
    CloseAttempt,
    HangUp,
    LeaveToDialplan,
    Play,
    ReserveAttempts,
    Ring,
    StartAmdDetour,
)
from callbridge.core.model.plan import (
    CAMPAIGN,
    MACHINE_CONTEXT,
    SAFE_HARBOUR_CONTEXT,
    CampaignPlan,
    ConnectMode,
    DialMode,
    Disposition,
    Plan,
    ToQueue,
)
from callbridge.core.pacing.budget import Counts, Rules
from tests.core.flows import flow
from tests.core.story import PBX, START, Story, agent, plan, queue
from tests.core.toy import NEVER, REJECTS, Toy

RETRY = {"busy": 600.0, "no_answer": 3600.0, "congestion": 60.0, "abandoned": 600.0, "unknown": 600.0}
LIMITS = DialLimits(retry=RETRY)
ALONE = Frequency(per_day=100, gap=0.0)
MESSAGE = flow(
    {
        "say": MenuNode(media="sound:harbour", keys={"9": "out"}, otherwise="bye", tries=1, wait=3.0),
        "out": DoNotCallNode(next="bye", reason="opted_out"),
        "bye": GoodbyeNode(),
    },
    CAMPAIGN + "spring",
)


def spring(**more: Any) -> CampaignPlan:
    given: dict[str, Any] = {"queue": "support", "mode": DialMode.PROGRESSIVE, "limits": LIMITS, "rules": Rules()}
    return CampaignPlan(name="spring", **given | {"dial": "PJSIP/{number}@trunk", "number": "+4420"} | more)


def house(
    *campaigns: CampaignPlan, agents: Mapping[str, ConnectMode] | None = None, harbour: Flow | None = MESSAGE, **more: Any
) -> Plan:
    who = agents if agents is not None else {"amy": ConnectMode.AUTO_ANSWER}
    base = plan([queue("support", wrap_up=10.0)], [agent(name, connect=connect) for name, connect in who.items()])
    flows = {harbour.name: harbour} if harbour is not None else {}
    return replace(base, campaigns={one.name: one for one in campaigns or (spring(),)}, flows=flows, **more)


def terms(limits: DialLimits = LIMITS, frequency: Frequency = ALONE, **more: Any) -> LedgerTerms:
    return LedgerTerms(limits, frequency, **more)


def number(index: int) -> str:
    return f"+4420794600{index:02d}"


def dialled(index: int) -> str:
    return f"PJSIP/{number(index)}@trunk"


def begin(
    the_plan: Plan, leads: int = 1, people: Mapping[int, float] | None = None, *, start: bool = True, **wishes: float
) -> Toy:
    """So many leads, of whom ``people`` answer after so many seconds (the others do after 5)."""
    story = Story(the_plan)
    picks_up = {dialled(index): 5.0 for index in range(leads)} | {dialled(index): at for index, at in (people or {}).items()}
    toy = Toy(story, picks_up | dict.fromkeys(the_plan.agents, 0.2) | wishes)
    toy.most = 20_000
    toy.ledger.adopt({name: terms(one.limits) for name, one in the_plan.campaigns.items()})
    for name in the_plan.campaigns:
        toy.ledger.store.load(name, [{"number": number(index), "name": f"Lead {index}"} for index in range(leads)], START)
    if start:
        for name in the_plan.campaigns:
            toy.tell(CampaignRequested(at=story.now, campaign=name, to=Running.RUNNING, by="sue"))
    return toy


def outcomes(toy: Toy) -> list[str]:
    return [fact.outcome for fact in toy.story.all_told(AttemptEnded)]


def rings(toy: Toy, role: str = "customer") -> list[Ring]:
    return [order for order in toy.obeyed if isinstance(order, Ring) and order.role == role]


def lead(toy: Toy, index: int = 0, campaign: str = "spring") -> dict[str, Any]:
    found = toy.ledger.store.lead(campaign, number(index))
    assert found is not None
    return found


# -- the ordinary way -------------------------------------------------------------------------------------------------


def test_a_person_who_answers_talks_to_an_agent_at_once() -> None:
    toy = begin(house())
    toy.run(START + 7.0)
    (began,) = toy.story.all_told(TalkBegan)
    (ended,) = toy.story.all_told(AttemptEnded)
    assert (ended.outcome, ended.late, ended.agent) == ("answered", False, "amy")
    assert 0.0 < ended.delay < 1.0
    assert began.agent == "amy"
    assert lead(toy)["state"] == "done"
    assert toy.story.all_told(VisitBegan) == []  # in no queue's figures
    assert toy.story.all_told(CallArrived)[0].campaign == "spring"
    assert rings(toy, "agent")[0].name.endswith("Lead 0")
    toy.hangs_up(rings(toy)[0].leg)
    toy.run(START + 60.0)
    assert toy.story.world.attempts.values() == []
    assert toy.channels == {}


def test_nobody_is_dialled_before_the_ledger_has_it() -> None:
    toy = begin(house(), start=False)
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 0.2)
    toy.ledger.silent = True
    toy.run(START + 3.0)
    assert [order for order in toy.obeyed if isinstance(order, ReserveAttempts)] != []
    assert rings(toy) == []
    toy.ledger.speak(toy.soon)
    toy.run(START + 4.0)
    assert len(rings(toy)) == 1


def test_an_attempt_that_the_ledger_never_confirms_is_taken_back() -> None:
    toy = begin(house(), start=False)
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 0.2)
    toy.ledger.silent = True
    toy.run(START + 15.0)
    toy.ledger.speak(toy.soon)
    toy.run(START + 40.0)
    assert len(rings(toy)) == 1  # the next attempt, not the one given up
    assert outcomes(toy) == ["answered"]
    assert lead(toy)["attempts"] == 1


@pytest.mark.parametrize(
    ("cause", "outcome", "state"),
    [
        (17, "busy", "ready"),
        (21, "rejected", "done"),
        (1, "invalid", "done"),
        (34, "congestion", "ready"),
        (19, "no_answer", "ready"),
    ],
)
def test_every_cause_is_an_outcome_and_says_when_the_lead_is_next(cause: int, outcome: str, state: str) -> None:
    toy = begin(house(), people={0: NEVER})
    toy.run(START + 2.0)
    toy.hangs_up(rings(toy)[0].leg, cause)
    toy.run(START + 3.0)
    assert outcomes(toy) == [outcome]
    assert (lead(toy)["state"], lead(toy)["outcome"]) == (state, outcome)
    if state == "ready":
        assert lead(toy)["due_at"] == pytest.approx(START + 2.0 + RETRY[outcome], abs=1.0)


def test_a_phone_that_rings_on_is_given_up_after_its_time() -> None:
    toy = begin(house(spring(ring_for=20.0)), people={0: NEVER})
    toy.run(START + 25.0)
    assert outcomes(toy) == ["no_answer"]
    assert toy.channels == {}


def test_a_person_who_answers_just_as_we_give_up_counts_as_left_without_an_agent() -> None:
    toy = begin(house(spring(ring_for=20.0)), people={0: NEVER})
    toy.always = HangUp
    toy.run(START + 20.2)
    leg = rings(toy)[0].leg
    toy.tell(LegAnswered(at=toy.story.now, leg=leg))
    toy.always = None
    toy.hangs_up(leg)
    toy.run(START + 22.0)
    assert outcomes(toy) == ["abandoned"]


# -- how many ---------------------------------------------------------------------------------------------------------


def test_progressive_dials_one_for_each_free_agent() -> None:
    who = dict.fromkeys(("amy", "bob", "eve"), ConnectMode.AUTO_ANSWER)
    toy = begin(house(agents=who), leads=10, people=dict.fromkeys(range(10), NEVER))
    toy.run(START + 5.0)
    assert len(rings(toy)) == 3


def test_power_dials_its_factor() -> None:
    who = dict.fromkeys(("amy", "bob"), ConnectMode.AUTO_ANSWER)
    toy = begin(house(spring(mode=DialMode.POWER, factor=2.0), agents=who), leads=10, people=dict.fromkeys(range(10), NEVER))
    toy.run(START + 5.0)
    assert len(rings(toy)) == 4


def test_predictive_says_why() -> None:
    who = {f"a{index}": ConnectMode.AUTO_ANSWER for index in range(10)}
    toy = begin(
        house(spring(mode=DialMode.PREDICTIVE, per_second=100.0), agents=who), leads=60, people=dict.fromkeys(range(60), NEVER)
    )
    toy.run(START + 1.0)
    assert len(rings(toy)) > 10
    decision = toy.story.world.campaign_states["spring"].decision
    assert decision.why in ("predicted", "progressive")
    assert decision.theta > 0


def test_without_agents_nobody_is_dialled() -> None:
    toy = begin(house(), start=False)
    toy.tell(AgentRequested(at=START, agent="amy", request=AgentRequest.NOT_READY))
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 10.0)
    assert rings(toy) == []


def test_lines_and_calls_per_second_are_kept() -> None:
    who = {f"a{index}": ConnectMode.AUTO_ANSWER for index in range(20)}
    toy = begin(house(spring(lines=8, per_second=2.0), agents=who), leads=30, people=dict.fromkeys(range(30), NEVER))
    toy.run(START + 2.0)
    assert 2 <= len(rings(toy)) <= 6
    toy.run(START + 15.0)
    assert len(rings(toy)) == 8


def test_campaigns_that_dial_from_one_pbx_share_its_lines() -> None:
    who = {f"a{index}": ConnectMode.AUTO_ANSWER for index in range(20)}
    summer = replace(spring(lines=8), name="summer", dial="PJSIP/{number}@other")
    made = house(spring(lines=8), summer, agents=who, lines={"pbx": 10, "elsewhere": 1})
    toy = begin(made, leads=30, people=dict.fromkeys(range(30), NEVER))
    toy.run(START + 15.0)
    assert len(rings(toy)) == 10


def test_a_campaign_dials_from_its_pbx_and_waits_while_that_is_lost() -> None:
    made = house(spring(pbx="west"), pbxs=("pbx", "west"))
    made = replace(made, agents={name: replace(one, phone=f"pbx/{one.phone}") for name, one in made.agents.items()})
    toy = begin(made, leads=2, people=dict.fromkeys(range(2), NEVER), start=False)
    toy.tell(PbxLost(at=START, pbx="west"))
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 3.0)
    assert rings(toy) == []
    row = toy.story.world.campaign_states["spring"]
    assert row.held_back == "the link to the PBX is down"
    toy.tell(PbxSnapshot(at=toy.story.now, pbx="west", requested_at=toy.story.now, last_heard_at=START, legs=(), bridges=()))
    toy.run(START + 6.0)
    assert [pbx_of(ring.leg) for ring in rings(toy)] == ["west"]


def test_a_reserve_and_inbound_callers_come_first() -> None:
    who = dict.fromkeys(("amy", "bob", "eve"), ConnectMode.AUTO_ANSWER)
    toy = begin(house(spring(reserve=1), agents=who), leads=10, people=dict.fromkeys(range(10), NEVER))
    toy.run(START + 5.0)
    assert len(rings(toy)) == 2
    toy.calls("ann")
    toy.run(START + 7.0)
    assert len(toy.story.all_told(TalkBegan)) == 1


def test_campaigns_share_agents_by_weight() -> None:
    who = {f"a{index}": ConnectMode.AUTO_ANSWER for index in range(4)}
    other = replace(spring(weight=3.0), name="summer", dial="PJSIP/{number}@other")
    toy = begin(house(spring(), other, agents=who), leads=20, people=dict.fromkeys(range(20), NEVER))
    toy.run(START + 1.0)
    by_campaign = [fact.campaign for fact in toy.story.all_told(AttemptMade)]
    assert (by_campaign.count("spring"), by_campaign.count("summer")) == (1, 3)


@pytest.mark.parametrize("reason", ["unsaved", "clock", "pbx", "paused", "stopped"])
def test_nothing_is_dialled_while(reason: str) -> None:
    toy = begin(house(), leads=3, people={0: NEVER, 1: NEVER, 2: NEVER}, start=False)
    match reason:
        case "unsaved":
            toy.tell(StoreChanged(at=START, safe=False))
        case "clock":
            toy.tell(ClockMoved(at=START, offset=30.0))
        case "pbx":
            toy.cut()
    if reason != "stopped":
        toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    if reason == "paused":
        toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.PAUSED))
    toy.run(START + 30.0)
    assert rings(toy) == []


def test_the_clock_rests_for_a_minute_only() -> None:
    toy = begin(house(), start=False)
    toy.tell(ClockMoved(at=START, offset=2.0))
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 59.0)
    assert rings(toy) == []
    toy.run(START + 65.0)
    assert len(rings(toy)) == 1


# -- nobody in time ---------------------------------------------------------------------------------------------------


def two_at_once(**more: Any) -> Toy:
    """One agent, two people who answer at the same time."""
    return begin(house(spring(mode=DialMode.POWER, factor=2.0, **more)), leads=2, people={0: 5.0, 1: 5.0})


def test_a_person_who_hears_no_agent_in_two_seconds_hears_the_message() -> None:
    toy = two_at_once()
    toy.run(START + 9.0)
    assert sorted(outcomes(toy)) == ["abandoned", "answered"]
    (message,) = [order for order in toy.obeyed if isinstance(order, Play) and order.media == "sound:harbour"]
    abandoned = next(fact for fact in toy.story.all_told(AttemptEnded) if fact.outcome == "abandoned")
    answered = next(fact for fact in toy.story.all_told(AttemptEnded) if fact.outcome == "answered")
    assert abandoned.at - answered.at == pytest.approx(2.0, abs=0.5)
    toy.run(START + 30.0)
    assert message.leg not in toy.channels  # and goodbye
    lost = 0 if lead(toy, 0)["outcome"] == "abandoned" else 1
    assert lead(toy, lost)["state"] == "ready"
    toy.run(START + 900.0)
    assert len(rings(toy)) == 2  # the retry after 600 s waits for the 72 h to be over


@pytest.mark.parametrize("hangs_up", [False, True])
def test_the_call_of_a_person_who_hears_the_message_ends_as_abandoned(hangs_up: bool) -> None:
    toy = two_at_once()
    toy.run(START + 9.0)
    (message,) = [order for order in toy.obeyed if isinstance(order, Play) and order.media == "sound:harbour"]
    (call,) = [call.id for call in toy.story.world.calls.values() if call.leg == message.leg]
    if hangs_up:
        toy.hangs_up(message.leg)
    toy.run(START + 30.0)
    assert [fact.outcome for fact in toy.story.all_told(CallEnded) if fact.call == call] == ["abandoned"]


def test_an_agent_who_is_freed_within_the_grace_takes_the_call() -> None:
    toy = two_at_once(connect_within=3.0)
    toy.run(START + 6.5)
    agents_leg = rings(toy, "agent")[0].leg
    toy.hangs_up(agents_leg)
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.END_WRAP_UP))
    toy.run(START + 6.7)
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.READY))
    toy.run(START + 12.0)
    assert outcomes(toy) == ["answered", "answered"]


def test_hanging_up_before_an_agent_came_is_abandoned() -> None:
    toy = two_at_once()
    toy.run(START + 6.0)
    waiting = next(ring.leg for ring in rings(toy) if toy.channels[ring.leg].bridge is None)
    toy.hangs_up(waiting)
    toy.run(START + 7.0)
    assert sorted(outcomes(toy)) == ["abandoned", "answered"]
    assert not any(isinstance(order, Play) and order.media == "sound:harbour" for order in toy.obeyed)


def test_the_key_of_the_message_is_never_again() -> None:
    toy = two_at_once()
    toy.run(START + 7.6)
    waiting = next(ring.leg for ring in rings(toy) if toy.channels[ring.leg].bridge is None)
    toy.presses(waiting, "9")
    toy.run(START + 12.0)
    (out,) = toy.story.all_told(OptedOut)
    assert out.reason == "opted_out"
    assert toy.ledger.store.blocks([out.number], "spring", START + 20.0) == {out.number}
    assert waiting not in toy.channels


def test_an_agent_whose_phone_does_not_answer_in_time_costs_the_call() -> None:
    toy = begin(house(), amy=NEVER)
    toy.run(START + 10.0)
    assert outcomes(toy) == ["abandoned"]
    assert toy.story.world.agents["amy"].work is Work.IDLE


def test_without_a_message_the_person_is_hung_up() -> None:
    toy = begin(house(spring(mode=DialMode.POWER, factor=2.0), harbour=None), leads=2, people={0: 5.0, 1: 5.0})
    toy.run(START + 9.0)
    assert sorted(outcomes(toy)) == ["abandoned", "answered"]
    assert len(toy.channels) == 2


# -- rules at the moment of dialling ----------------------------------------------------------------------------------


def test_a_number_blocked_while_it_is_being_written_down_is_not_dialled() -> None:
    toy = begin(house(), start=False)
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 0.2)
    toy.ledger.silent = True
    toy.run(START + 1.5)
    toy.tell(NumberBlocked(at=toy.story.now, number=number(0), campaign=""))
    toy.ledger.store.block([BlockEntry(number(0), "", "complaint", "x", toy.story.now)])
    toy.ledger.speak(toy.soon)
    toy.run(START + 20.0)
    assert rings(toy) == []
    assert outcomes(toy) == []


def test_people_are_called_when_their_own_clock_allows() -> None:
    week = (((9 * 60, 20 * 60),),) * 7
    limits = replace(LIMITS, calendar=Calendar("day", ZoneInfo("UTC"), week))  # START is 13:46 UTC
    toy = begin(house(spring(limits=limits)), start=False)
    toy.ledger.store.load("spring", [{"number": "+819012345678", "zones": ("Asia/Tokyo",)}], START)
    toy.picks_up = {**toy.picks_up, "PJSIP/+819012345678@trunk": 5.0}
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 600.0)
    assert [ring.phone for ring in rings(toy)] == [dialled(0)]
    asleep = toy.ledger.store.lead("spring", "+819012345678")
    assert asleep is not None
    assert asleep["reason"] == "hours"


def test_a_complaint_ends_all_calls_to_that_number() -> None:
    base = house()
    complaints = queue("complaints", do_not_call=True)
    the_plan = replace(
        base,
        queues={**base.queues, "complaints": complaints},
        entries={**base.entries, "complaints": ToQueue("complaints")},
    )
    toy = begin(the_plan, start=False)
    arrival = replace(toy.story.arrival("ann", entry="complaints"), number=number(0))
    toy.tell(arrival)
    toy.run(START + 1.0)
    assert toy.story.all_told(OptedOut)[0].reason == "complaint"
    toy.tell(CampaignRequested(at=toy.story.now, campaign="spring", to=Running.RUNNING))
    toy.run(START + 30.0)
    assert rings(toy) == []


def test_a_phone_that_should_answer_by_itself_and_does_not_takes_no_second_customer() -> None:
    toy = begin(house(agents=dict.fromkeys(("amy", "bob"), ConnectMode.AUTO_ANSWER)), 12, amy=NEVER)
    toy.run(START + 60.0)
    missed = [fact for fact in toy.story.all_told(OfferEnded) if fact.agent == "amy"]
    assert [fact.result for fact in missed] == ["no_answer"]
    assert sorted(outcomes(toy)) == ["abandoned", "answered"], "bob talks, and amy is not asked again"


def test_power_goes_back_to_one_line_for_each_agent_while_too_many_are_left_alone() -> None:
    toy = begin(house(spring(mode=DialMode.POWER, factor=4.0)), 60)
    toy.run(START + 60.0)
    out = [fact.at for fact in toy.story.all_told(AttemptEnded) if fact.outcome == "abandoned"]
    assert out, "four lines for one agent"
    assert toy.story.world.campaign_states["spring"].pacer.budget.is_over(toy.story.now)
    after = [fact for fact in toy.story.all_told(AttemptMade) if fact.at > out[2]]
    assert len({fact.at for fact in after}) == len(after), "one at a time"


# -- agents first -----------------------------------------------------------------------------------------------------


def test_agent_first_rings_the_agent_and_then_the_lead() -> None:
    toy = begin(house(spring(agent_first=True), agents={"amy": ConnectMode.RING}), amy=2.0)
    toy.run(START + 3.0)
    assert len(rings(toy, "agent")) == 1
    toy.run(START + 12.0)
    (ended,) = toy.story.all_told(AttemptEnded)
    assert (ended.outcome, ended.late) == ("answered", False)


def test_agent_first_takes_the_attempt_back_when_the_agent_does_not_answer() -> None:
    toy = begin(house(spring(agent_first=True), agents={"amy": ConnectMode.RING}), amy=NEVER)
    toy.run(START + 30.0)
    assert rings(toy) == []
    assert outcomes(toy) == []
    assert (lead(toy)["state"], lead(toy)["attempts"]) == ("ready", 0)


@pytest.mark.parametrize("how", ["hangs up", "pauses", "logs out"])
def test_a_phone_rings_on_when_the_agent_who_waited_is_gone(how: str) -> None:
    who = {"amy": ConnectMode.RING, "bob": ConnectMode.AUTO_ANSWER}
    toy = begin(house(spring(agent_first=True), agents=who), amy=2.0, start=False)
    toy.tell(AgentRequested(at=START, agent="bob", request=AgentRequest.NOT_READY))
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.picks_up = {**toy.picks_up, dialled(0): 9.0}
    toy.run(START + 5.0)
    assert len(rings(toy)) == 1
    if how == "hangs up":
        toy.hangs_up(rings(toy, "agent")[0].leg)
    else:
        toy.tell(
            AgentRequested(
                at=toy.story.now, agent="amy", request=AgentRequest.NOT_READY if how == "pauses" else AgentRequest.LOGOUT
            )
        )
    toy.run(START + 6.0)
    assert HangUp(leg=rings(toy)[0].leg) not in toy.obeyed
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.NOT_READY))
    toy.tell(AgentRequested(at=toy.story.now, agent="bob", request=AgentRequest.READY))
    toy.run(START + 20.0)
    assert [fact.agent for fact in toy.story.all_told(TalkBegan)] == ["bob"]
    (ended,) = toy.story.all_told(AttemptEnded)
    assert (ended.outcome, ended.late) == ("answered", False)
    assert live(toy) == [1], "nobody was there first"


def test_a_lead_for_one_agent_who_is_gone_is_for_the_one_who_is_there() -> None:
    who = dict.fromkeys(("amy", "bob"), ConnectMode.AUTO_ANSWER)
    toy = begin(house(agents=who), leads=0)
    toy.ledger.store.load("spring", [{"number": number(1), "agent": "bob", "priority": 100}], START)
    toy.picks_up = {**toy.picks_up, dialled(1): 13.0}
    while not rings(toy):
        toy.run(toy.story.now + 1.0)
    toy.tell(AgentRequested(at=toy.story.now, agent="bob", request=AgentRequest.LOGOUT))
    toy.run(toy.story.now + 30.0)
    assert [fact.agent for fact in toy.story.all_told(TalkBegan)] == ["amy"]


def test_a_phone_that_has_rung_for_long_enough_stops_when_the_agent_goes() -> None:
    toy = begin(house(spring(agent_first=True, ring_for=40.0), agents={"amy": ConnectMode.RING}), 1, {0: NEVER}, amy=2.0)
    toy.run(START + 6.0)
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.LOGOUT))
    (ring,) = rings(toy)
    toy.run(START + 12.0)
    assert HangUp(leg=ring.leg, reason="no_answer") not in toy.obeyed
    toy.run(START + 20.0)
    assert outcomes(toy) == ["no_answer"]


def test_two_agents_who_are_rung_first_do_not_wait_for_each_other() -> None:
    who = dict.fromkeys(("amy", "bob"), ConnectMode.RING)
    toy = begin(house(spring(agent_first=True), agents=who), 6, {0: NEVER, 1: REJECTS}, amy=0.5, bob=0.5)
    toy.run(START + 12.0)
    assert len(rings(toy)) > 2, "one phone rings for long, and the other agent goes on"


def test_a_person_who_answers_after_the_agent_is_gone_hears_the_message_when_nobody_else_is_there() -> None:
    toy = begin(house(spring(agent_first=True), agents={"amy": ConnectMode.RING}), amy=2.0)
    toy.picks_up = {**toy.picks_up, dialled(0): 9.0}
    toy.run(START + 5.0)
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.LOGOUT))
    toy.run(START + 40.0)
    assert outcomes(toy) == ["abandoned"]
    assert toy.longest_silence <= 2.5


@pytest.mark.parametrize("when", ["before", "reserving", "calling"])
def test_a_lead_for_one_agent_who_was_removed_is_for_everybody(when: str) -> None:
    toy = begin(house(agents=dict.fromkeys(("amy", "bob"), ConnectMode.AUTO_ANSWER)), leads=0)
    toy.picks_up = {**toy.picks_up, dialled(1): 13.0}
    toy.ledger.store.load("spring", [{"number": number(1), "agent": "bob", "priority": 100}], START)
    if when == "before":
        toy.tell(AgentRequested(at=START, agent="bob", request=AgentRequest.NOT_READY))
        toy.run(START + 20.0)
        assert rings(toy) == []
    elif when == "reserving":
        while not toy.story.world.attempts.values():
            toy.run(toy.story.now + 0.001)
    else:
        while not rings(toy):
            toy.run(toy.story.now + 1.0)
    made = toy.story.world.plan
    toy.tell(PlanChanged(at=toy.story.now, plan=replace(made, agents={"amy": made.agents["amy"]})))
    toy.run(toy.story.now + 60.0)
    assert [fact.agent for fact in toy.story.all_told(TalkBegan)] == ["amy"]


def test_a_lead_for_one_agent_waits_for_that_agent() -> None:
    who = dict.fromkeys(("amy", "bob"), ConnectMode.AUTO_ANSWER)
    toy = begin(house(agents=who), leads=0)
    toy.ledger.store.load("spring", [{"number": number(1), "agent": "bob", "priority": 100}], START)
    toy.picks_up = {**toy.picks_up, dialled(1): 3.0}
    toy.run(START + 30.0)
    assert [fact.agent for fact in toy.story.all_told(TalkBegan)] == ["bob"]


# -- dispositions -----------------------------------------------------------------------------------------------------

CODES = {
    "sold": Disposition("sold", digit="1", success=True),
    "no": Disposition("no", digit="2"),
    "later": Disposition("later", digit="3", again=True),
    "never": Disposition("never", digit="4", block=True),
    "nobody": Disposition("nobody", digit="5", reached=False, machine=True),
}


def talked() -> Toy:
    toy = begin(house(spring(dispositions=CODES)))
    toy.ledger.adopt({"spring": terms(again={"later": 720.0})})
    toy.run(START + 7.0)
    toy.hangs_up(rings(toy)[0].leg)
    toy.run(START + 8.0)
    return toy


def set_disposition(toy: Toy, code: str, **more: Any) -> None:
    toy.tell(DispositionRequested(at=toy.story.now, agent="amy", code=code, **more))
    toy.run(toy.story.now + 0.5)


def test_what_the_agent_says_in_wrap_up_is_kept() -> None:
    toy = talked()
    set_disposition(toy, "1")
    assert toy.story.all_told(DispositionSet)[0].code == "sold"
    assert toy.ledger.store.dispositions("spring", START) == {"sold": 1}
    assert lead(toy)["state"] == "done"


def test_a_callback_at_a_time_makes_the_lead_ready_then() -> None:
    toy = talked()
    set_disposition(toy, "later", call_back_at=START + 500.0, own=True)
    assert (lead(toy)["state"], lead(toy)["due_at"], lead(toy)["agent"]) == ("ready", START + 500.0, "amy")
    toy.run(START + 600.0)
    assert [fact.agent for fact in toy.story.all_told(TalkBegan)] == ["amy", "amy"]


def test_a_disposition_may_dial_again_and_may_block() -> None:
    toy = talked()
    set_disposition(toy, "later")
    assert lead(toy)["due_at"] == pytest.approx(START + 720.0, abs=10.0)
    toy.run(START + 820.0)
    assert len(rings(toy)) == 2, "and it is"


def test_a_disposition_may_block() -> None:
    toy = talked()
    set_disposition(toy, "never")
    assert toy.story.all_told(OptedOut)[0].number == number(0)


def test_a_machine_that_an_agent_had_is_no_live_answer_unless_the_agent_says_otherwise() -> None:
    toy = talked()
    budget = toy.story.world.campaign_states["spring"].pacer.budget
    assert (budget.counts(toy.story.now).answers, live(toy)) == (1, [1])
    set_disposition(toy, "nobody")
    assert (budget.counts(toy.story.now).answers, live(toy)) == (0, [0])
    assert toy.ledger.store.outcomes("spring", START) == {"machine": 1}
    set_disposition(toy, "sold")
    assert (budget.counts(toy.story.now).answers, live(toy)) == (1, [1])


def test_a_late_talk_that_was_a_machine_is_no_abandoned_call() -> None:
    toy = begin(house(spring(dispositions=CODES, amd=True)))
    toy.ledger.adopt({"spring": terms()})
    toy.heard, toy.listens = ("NOTSURE", "TOOLONG-5000"), 5.0
    toy.run(START + 14.0)
    budget = toy.story.world.campaign_states["spring"].pacer.budget
    assert (budget.counts(toy.story.now), live(toy)) == (Counts(1, 1), [1])
    for code, found in (("nobody", 0), ("sold", 1), ("nobody", 0)):
        set_disposition(toy, code)
        assert (budget.counts(toy.story.now), live(toy)) == (Counts(found, found), [found])


def live(toy: Toy) -> list[int]:
    return [row["live"] for row in toy.ledger.store.attempts("spring", 0.0, 1e12)]


@pytest.mark.parametrize("code", ["7", "fine", ""])
def test_an_unknown_code_is_refused(code: str) -> None:
    toy = talked()
    set_disposition(toy, code)
    assert "no such disposition" in toy.story.all_told(RequestRefused)[0].reason


def test_a_time_that_is_past_is_no_promise() -> None:
    toy = talked()
    set_disposition(toy, "later", call_back_at=START - 5.0)
    assert toy.story.all_told(RequestRefused)[0].reason == "call_back_at is in the past"


def test_after_wrap_up_it_is_too_late() -> None:
    toy = talked()
    toy.run(START + 60.0)
    assert toy.story.all_told(WrapUpEnded) != []
    set_disposition(toy, "1")
    assert "no call, and is not in wrap-up" in toy.story.all_told(RequestRefused)[0].reason


# -- started, stopped, restarted --------------------------------------------------------------------------------------


def test_a_campaign_is_started_paused_and_stopped_by_somebody() -> None:
    toy = begin(house(), leads=5, people=dict.fromkeys(range(5), NEVER))
    toy.run(START + 2.0)
    for to in (Running.PAUSED, Running.PAUSED, Running.RUNNING, Running.STOPPED):
        toy.tell(CampaignRequested(at=toy.story.now, campaign="spring", to=to, by="sue"))
    assert [fact.state for fact in toy.story.all_told(CampaignChanged)] == ["running", "paused", "running", "stopped"]
    toy.tell(CampaignRequested(at=toy.story.now, campaign="spring", to=Running.PAUSED))
    toy.tell(CampaignRequested(at=toy.story.now, campaign="autumn", to=Running.RUNNING))
    assert [fact.unknown for fact in toy.story.all_told(RequestRefused)] == [False, True]


def test_a_pause_lets_what_rings_ring_on() -> None:
    toy = begin(house(), people={0: 6.0})
    toy.run(START + 2.0)
    toy.tell(CampaignRequested(at=toy.story.now, campaign="spring", to=Running.PAUSED))
    toy.run(START + 10.0)
    assert outcomes(toy) == ["answered"]


def closes(toy: Toy) -> list[CloseAttempt]:
    return [order for order in toy.obeyed if isinstance(order, CloseAttempt)]


def closed_in_silence() -> Toy:
    """One attempt that ended while the ledger is silent."""
    toy = begin(house(), people={0: NEVER})
    toy.run(START + 2.0)
    toy.ledger.silent = True
    toy.hangs_up(rings(toy)[0].leg, 17)
    toy.run(START + 3.0)
    return toy


def test_a_closed_attempt_is_told_to_a_silent_ledger_once_and_kept_until_it_answers() -> None:
    toy = closed_in_silence()
    toy.run(START + 600.0)
    assert len(closes(toy)) == 1, "ten minutes of silence are one order, not one every 30 s"
    (attempt,) = toy.story.world.attempts.values()
    assert attempt.stage is AttemptStage.CLOSING
    toy.ledger.speak(toy.soon)
    toy.run(START + 601.0)
    assert toy.ledger.store.outcomes("spring", START) == {"busy": 1}
    assert toy.story.world.attempts.values() == []


@pytest.mark.parametrize("why", [Why.REFUSED, Why.UNSENT])
def test_an_outcome_that_the_ledger_cannot_write_is_told_again_after_a_while(why: Why) -> None:
    toy = closed_in_silence()
    toy.ledger.forget()
    (order,) = closes(toy)
    toy.tell(OrderFailed(at=toy.story.now, order=order, why=why))
    toy.run(START + 30.0)
    assert len(closes(toy)) == 1
    toy.run(START + 34.0)
    assert len(closes(toy)) == 2
    assert toy.story.world.attempts.values() == []
    assert toy.ledger.store.outcomes("spring", START) == {"busy": 1}


def test_after_a_restart_the_ledger_is_told_again() -> None:
    toy = closed_in_silence()
    toy.ledger.forget()
    toy.restart()
    toy.run(START + 60.0)
    assert toy.ledger.store.outcomes("spring", START) == {"busy": 1}
    assert toy.story.world.attempts.values() == []


def test_what_is_said_of_a_talk_while_the_ledger_is_silent_goes_when_it_has_answered() -> None:
    toy = begin(house(spring(dispositions=CODES)))
    toy.run(START + 4.0)
    toy.ledger.silent = True
    toy.run(START + 7.0)
    toy.hangs_up(rings(toy)[0].leg)
    toy.run(START + 8.0)
    set_disposition(toy, "sold")
    toy.run(START + 100.0)
    assert [order.attempt.disposition for order in closes(toy)] == [""]
    toy.ledger.speak(toy.soon)
    toy.run(START + 101.0)
    assert [order.attempt.disposition for order in closes(toy)] == ["", "sold"]
    assert toy.ledger.store.dispositions("spring", START) == {"sold": 1}


def test_news_about_attempts_that_nobody_knows_harms_nobody() -> None:
    toy = begin(house())
    toy.tell(AttemptClosed(at=START, attempt="x"))
    toy.tell(AttemptsReserved(at=START, campaign="spring", reserved=("x",), refused={"y": "?"}))
    toy.tell(AttemptsReserved(at=START, campaign="gone", reserved=("x",), refused={}))
    toy.tell(CampaignRecalled(at=START, campaign="gone", hours=()))
    toy.run(START + 7.0)
    assert outcomes(toy) == ["answered"]


def test_the_window_of_before_a_start_counts() -> None:
    toy = begin(house(spring(rules=Rules(window=86400.0, hard=True))), start=False)
    toy.tell(CampaignRecalled(at=START, campaign="spring", hours=((START - 7200.0, 100, 3), (START - 3600.0, 50, 2))))
    budget = toy.story.world.campaign_states["spring"].pacer.budget
    assert budget.counts(START) == Counts(150, 5)
    assert not budget.bears_one_more(START)


def test_a_new_plan_without_the_campaign_ends_it_gently() -> None:
    toy = begin(house(), leads=3, people={0: 6.0, 1: NEVER, 2: NEVER})
    toy.run(START + 2.0)
    toy.tell(PlanChanged(at=toy.story.now, plan=replace(toy.story.world.plan, campaigns={})))
    toy.run(START + 40.0)
    assert outcomes(toy) == ["answered"]
    assert len(rings(toy)) == 1


@pytest.mark.parametrize("renamed_from", ["support", ""], ids=["renamed", "removed"])
def test_a_live_person_is_served_by_the_queue_that_the_campaign_has_now(renamed_from: str) -> None:
    toy = begin(house())
    toy.run(START + 2.0)
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.NOT_READY))
    toy.run(START + 5.5)
    assert [call.phase for call in toy.story.world.calls.values()] == [Phase.WAITING]
    old = toy.story.world.plan
    helpdesk = queue("helpdesk", wrap_up=10.0, renamed_from=renamed_from)
    coming = replace(old, queues={"helpdesk": helpdesk}, entries={}, campaigns={"spring": spring(queue="helpdesk")})
    toy.tell(PlanChanged(at=toy.story.now, plan=coming, force=True))
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.READY))
    toy.run(START + 10.0)
    assert outcomes(toy) == ["answered"]
    assert [fact.queue for fact in toy.story.all_told(TalkBegan)] == ["helpdesk"]


# -- after gaps, deaths and faults ------------------------------------------------------------------------------------


def test_a_talk_that_the_ledger_has_not_written_down_is_not_forgotten() -> None:
    toy = begin(house())
    toy.run(START + 4.0)
    toy.ledger.silent = True
    toy.run(START + 7.0)
    toy.hangs_up(rings(toy)[0].leg)
    toy.run(START + 60.0)
    (attempt,) = toy.story.world.attempts.values()
    assert (attempt.stage, attempt.outcome) == (AttemptStage.CLOSING, "answered")
    toy.ledger.speak(toy.soon)
    toy.run(START + 61.0)
    assert toy.ledger.store.outcomes("spring", START) == {"answered": 1}
    assert toy.ledger.store.window("spring", 0.0)[0][2] == 0, "however late it was written down, the agent came in time"
    assert toy.story.world.attempts.values() == []


def test_an_opt_out_that_the_ledger_has_not_written_down_is_told_once_and_holds() -> None:
    toy = two_at_once()
    toy.run(START + 7.6)
    toy.ledger.silent = True
    waiting = next(ring.leg for ring in rings(toy) if toy.channels[ring.leg].bridge is None)
    toy.presses(waiting, "9")
    toy.run(START + 500.0)
    (order,) = [order for order in toy.obeyed if isinstance(order, BlockNumber)]
    assert len(toy.story.world.blocks) == 1
    toy.tell(OrderFailed(at=toy.story.now, order=order, why=Why.REFUSED))
    toy.run(START + 540.0)
    assert len([order for order in toy.obeyed if isinstance(order, BlockNumber)]) == 2
    assert len(toy.story.world.blocks) == 1
    toy.ledger.speak(toy.soon)
    toy.run(START + 541.0)
    assert len(toy.story.world.blocks) == 0


@pytest.mark.parametrize("talks", [True, False])
def test_an_outcome_that_the_ledger_can_never_write_down_is_given_up_and_told(talks: bool) -> None:
    toy = begin(house(), people=None if talks else {0: NEVER})
    toy.run(START + 4.0)
    toy.ledger.broken = True
    toy.run(START + 7.0)
    leg = rings(toy)[0].leg
    toy.hangs_up(leg) if talks else toy.hangs_up(leg, 17)
    toy.run(START + (MAX_REFUSALS + 3) * CLOSE_AGAIN)
    assert len(closes(toy)) == MAX_REFUSALS
    (told,) = toy.story.all_told(OrderGivenUp)
    assert (told.order, told.why, told.detail) == ("CloseAttempt", "refused", "DataError")
    assert toy.story.world.attempts.values() == []
    toy.ledger.broken = False
    toy.run(START + 2 * MAX_REFUSALS * CLOSE_AGAIN)
    assert len(rings(toy)) == 1, "nobody is dialled twice because the ledger does not know what became of the first time"
    assert toy.ledger.store.outcomes("spring", START) == {"under way": 1}
    assert toy.ledger.store.sweep((), {}, toy.story.now) == 1


def test_a_ledger_that_can_write_again_in_time_loses_nothing() -> None:
    toy = begin(house(), people={0: NEVER})
    toy.run(START + 4.0)
    toy.ledger.broken = True
    toy.hangs_up(rings(toy)[0].leg, 17)
    toy.run(START + (MAX_REFUSALS - 2) * CLOSE_AGAIN)
    toy.ledger.broken = False
    toy.run(START + MAX_REFUSALS * CLOSE_AGAIN)
    assert toy.ledger.store.outcomes("spring", START) == {"busy": 1}
    assert toy.story.all_told(OrderGivenUp) == []


def test_a_block_that_the_ledger_can_never_write_down_is_told_once_and_holds() -> None:
    toy = two_at_once()
    toy.run(START + 7.6)
    toy.ledger.broken = True
    waiting = next(ring.leg for ring in rings(toy) if toy.channels[ring.leg].bridge is None)
    toy.presses(waiting, "9")
    toy.run(START + (MAX_REFUSALS + 3) * CLOSE_AGAIN)
    assert len([order for order in toy.obeyed if isinstance(order, BlockNumber)]) == MAX_REFUSALS
    assert [told.order for told in toy.story.all_told(OrderGivenUp)].count("BlockNumber") == 1
    (block,) = toy.story.world.blocks.values()
    assert block.deadline == pytest.approx(START + 7.6 + (MAX_REFUSALS - 1) * CLOSE_AGAIN + BLOCK_AGAIN, abs=5.0)


@pytest.mark.parametrize(("until", "outcome"), [(2.0, "unknown"), (5.6, "abandoned")])
def test_an_attempt_whose_call_is_lost_ends_all_the_same(until: float, outcome: str) -> None:
    toy = begin(house(), amy=NEVER)
    toy.run(START + until)
    world = toy.story.world
    (attempt,) = world.attempts.values()
    world.calls.drop(attempt.call)
    attempts.reconcile(world)
    assert world.attempts[attempt.id].outcome == outcome


def test_somebody_who_answered_while_nobody_listened_hears_the_message() -> None:
    toy = begin(house())
    toy.run(START + 2.0)
    toy.cut()
    toy.run(START + 15.0)
    toy.reconnect(START + 2.0)
    toy.run(START + 20.0)
    assert outcomes(toy) == ["abandoned"]
    assert any(isinstance(order, Play) and order.media == "sound:harbour" for order in toy.obeyed)


def test_an_answered_channel_of_a_campaign_that_nobody_knows_goes_to_the_message_of_the_dialplan() -> None:
    story = Story(house())
    legs = (leg_id(PBX, f"cb-attempt.my-spring-x1-{n}") for n in (1, 2))
    up, ringing = (SeenLeg(leg=leg, name="PJSIP/t-1", up=leg.endswith("1"), created_at=START) for leg in legs)
    story.happens(PbxSnapshot(at=START, pbx=PBX, requested_at=START, last_heard_at=START, legs=(up, ringing), bridges=()))
    assert LeaveToDialplan(leg=up.leg, context=SAFE_HARBOUR_CONTEXT, extension="my-spring") in story.orders
    assert HangUp(leg=ringing.leg) in story.orders


def test_somebody_who_hears_the_message_of_the_dialplan_already_is_left_to_it() -> None:
    story = Story(house())
    leg = leg_id(PBX, "cb-attempt.spring-x1-1")
    order = LeaveToDialplan(leg=leg, context=SAFE_HARBOUR_CONTEXT, extension="spring")
    story.happens(OrderFailed(at=START, order=order, why=Why.REFUSED, status=409))
    assert story.orders == []
    story.happens(OrderFailed(at=START, order=order, why=Why.REFUSED, status=500))
    assert HangUp(leg=leg) in story.orders


def test_a_queue_that_is_removed_takes_back_what_waits_for_an_agent() -> None:
    toy = begin(house(spring(agent_first=True)), amy=NEVER)
    toy.tell(AgentRequested(at=START, agent="amy", request=AgentRequest.NOT_READY))
    toy.run(START + 0.5)
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.READY))
    toy.run(START + 2.0)
    toy.tell(AgentRequested(at=toy.story.now, agent="amy", request=AgentRequest.NOT_READY))
    gone = replace(toy.story.world.plan, queues={}, entries={}, campaigns={})
    toy.tell(PlanChanged(at=toy.story.now, plan=gone))
    toy.run(START + 60.0)
    assert toy.story.world.calls.values() == []
    assert toy.story.world.attempts.values() == []
    assert lead(toy)["state"] == "ready"


def test_a_lead_for_one_agent_is_for_nobody_else() -> None:
    who = dict.fromkeys(("amy", "bob"), ConnectMode.AUTO_ANSWER)
    toy = begin(house(agents=who), leads=0)
    toy.ledger.store.load("spring", [{"number": number(1), "agent": "bob", "priority": 100}], START)
    toy.tell(AgentRequested(at=START, agent="bob", request=AgentRequest.NOT_READY))
    toy.run(START + 60.0)
    assert rings(toy) == []
    toy.tell(AgentRequested(at=toy.story.now, agent="bob", request=AgentRequest.READY))
    toy.run(START + 80.0)
    assert [fact.agent for fact in toy.story.all_told(TalkBegan)] == ["bob"]


def test_a_stop_stops_those_who_are_not_dialled_yet() -> None:
    toy = begin(house(spring(agent_first=True), agents={"amy": ConnectMode.RING}), amy=3.0)
    toy.run(START + 2.0)
    toy.tell(CampaignRequested(at=toy.story.now, campaign="spring", to=Running.STOPPED))
    toy.run(START + 30.0)
    assert rings(toy) == []
    assert toy.story.world.attempts.values() == []


def test_a_number_that_may_be_called_again_is() -> None:
    toy = begin(house(), start=False)
    toy.tell(NumberBlocked(at=START, number=number(0), campaign=""))
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 50.0)
    assert rings(toy) == []
    assert len([order for order in toy.obeyed if isinstance(order, ReserveAttempts)]) < 8
    toy.run(START + 80.0)
    assert len(rings(toy)) == 1


def test_a_fault_about_an_attempt_ends_it_and_nobody_is_left_in_silence() -> None:
    toy = begin(house())
    toy.run(START + 2.0)
    (attempt,) = toy.story.world.attempts.values()
    toy.tell(EntityFaulted(at=toy.story.now, kind="attempt", id=attempt.id))
    toy.run(START + 30.0)
    assert outcomes(toy) == ["unknown"]
    assert toy.channels == {}
    assert toy.ledger.store.outcomes("spring", START) == {"unknown": 1}


def test_a_fault_of_pacing_stops_the_campaigns_and_nothing_else() -> None:
    toy = begin(house(), leads=3)
    toy.tell(EntityFaulted(at=toy.story.now, kind="campaign", id=""))
    assert toy.story.all_told(CampaignChanged)[-1].reason == "fault"
    toy.run(START + 20.0)
    assert rings(toy) == []


def test_a_campaign_without_leads_keeps_no_agents() -> None:
    who = {f"a{index}": ConnectMode.AUTO_ANSWER for index in range(4)}
    nobody = dict.fromkeys(range(10), NEVER)
    toy = begin(house(spring(), replace(spring(), name="summer"), agents=who), leads=10, people=nobody, start=False)
    with toy.ledger.store._engine.begin() as link:
        link.exec_driver_sql("DELETE FROM leads WHERE campaign = 'summer'")
    for name in ("spring", "summer"):
        toy.tell(CampaignRequested(at=START, campaign=name, to=Running.RUNNING))
    toy.run(START + 8.0)
    assert len(rings(toy)) == 4


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.1, 0.257, 0.27, 1.0, 5.2, 5.3, 5.5, 6.4, 7.3, 7.6, 9.0, 12.0])
@pytest.mark.parametrize("silent", [False, True])
def test_a_death_at_any_moment_loses_nobody_and_dials_nobody_twice(after: float, silent: bool) -> None:
    """Two people at once for one agent, so that all stages are passed; with ``silent`` the ledger is away meanwhile."""
    toy = two_at_once()
    toy.run(START + after)
    toy.ledger.silent = silent
    toy.run(START + after + 0.05)
    toy.restart()
    toy.run(START + after + 5.0)
    if silent:
        toy.ledger.speak(toy.soon)
    toy.run(START + 45.0)
    for leg in [ring.leg for ring in rings(toy)]:
        toy.hangs_up(leg)
    toy.run(START + 120.0)
    dialled_numbers = [ring.phone for ring in rings(toy)]
    assert len(dialled_numbers) == len(set(dialled_numbers)) == 2, "each once"
    recorded = toy.ledger.store.outcomes("spring", START)
    assert sum(recorded.values()) == 2
    assert set(recorded) <= {"answered", "abandoned", "unknown"}
    assert toy.story.world.attempts.values() == []
    assert toy.channels == {}
    ready = toy.ledger.store.count("spring")
    assert "dialling" not in ready


# -- machines ---------------------------------------------------------------------------------------------------------


def listening(heard: tuple[str, str] = ("HUMAN", "HUMAN-800-800"), listens: float = 1.0, **more: Any) -> Toy:
    toy = begin(house(spring(amd=True, **more)))
    toy.heard, toy.listens = heard, listens
    return toy


def test_a_person_is_put_through_and_the_clock_runs_from_the_end_of_the_greeting() -> None:
    toy = listening()
    toy.run(START + 8.0)
    (ended,) = toy.story.all_told(AttemptEnded)
    assert (ended.outcome, ended.late) == ("answered", False)
    assert ended.delay == pytest.approx(0.8 + 0.22, abs=0.05)
    (row,) = toy.ledger.store.attempts("spring", 0.0, 1e12)
    assert row["heard"] == "HUMAN HUMAN-800-800"
    assert row["spoken_at"] - row["answered_at"] == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("message", [False, True])
def test_a_machine_is_hung_up_or_left_a_message(message: bool) -> None:
    toy = listening(("MACHINE", "LONGGREETING-1500-1500"), leave_message=message)
    toy.run(START + 20.0)
    assert outcomes(toy) == ["machine"]
    assert toy.story.world.agents["amy"].work is Work.IDLE
    assert (LeaveToDialplan(leg=rings(toy)[0].leg, context=MACHINE_CONTEXT, extension="spring") in toy.obeyed) is message
    assert toy.ledger.store.window("spring", 0.0) == [], "a machine is no live answer"


def test_a_person_who_may_be_a_person_is_for_an_agent_and_counted_from_the_answer() -> None:
    toy = listening(("NOTSURE", "TOOLONG-2500"), listens=2.5)
    toy.run(START + 10.0)
    (ended,) = toy.story.all_told(AttemptEnded)
    assert (ended.outcome, ended.late) == ("answered", True)


def test_hanging_up_while_the_pbx_listens_is_abandoned() -> None:
    toy = listening(listens=3.0)
    toy.run(START + 6.0)
    toy.hangs_up(rings(toy)[0].leg)
    toy.run(START + 12.0)
    assert outcomes(toy) == ["abandoned"]


def test_a_dialplan_that_keeps_somebody_is_given_up() -> None:
    toy = listening(listens=60.0)
    toy.run(START + 80.0)
    assert outcomes(toy) == ["abandoned"]
    assert toy.channels == {}


def test_a_dialplan_that_cannot_listen_leads_to_an_agent() -> None:
    toy = listening()
    toy.always = StartAmdDetour
    toy.run(START + 10.0)
    assert outcomes(toy) == ["answered"]


def test_a_person_who_comes_back_to_nobody_hears_the_message_of_the_dialplan() -> None:
    story = Story(house())
    leg = leg_id(PBX, "cb-attempt.spring-x1-7")
    story.happens(AmdDetourEnded(at=START, leg=leg, verdict="HUMAN", cause=""))
    assert LeaveToDialplan(leg=leg, context=SAFE_HARBOUR_CONTEXT, extension="spring") in story.orders


@pytest.mark.parametrize("after", [5.3, 5.6, 6.2])
def test_a_death_while_the_pbx_listens(after: float) -> None:
    toy = listening(listens=1.0)
    toy.run(START + after)
    toy.restart()
    toy.run(START + 30.0)
    for ring in rings(toy):
        toy.hangs_up(ring.leg)
    toy.run(START + 60.0)
    assert len(rings(toy)) == 1
    assert len(outcomes(toy)) == 1
    assert toy.channels == {}
    assert toy.story.world.attempts.values() == []


def test_a_reply_that_comes_too_late_tears_nobody_away() -> None:
    toy = listening()
    toy.run(START + 7.5)
    (order,) = [order for order in toy.obeyed if isinstance(order, StartAmdDetour)]
    for why in (Why.TIMEOUT, Why.REFUSED):
        toy.tell(OrderFailed(at=toy.story.now, order=order, why=why, status=500))
    toy.run(START + 12.0)
    assert outcomes(toy) == ["answered"]
    assert toy.story.world.agents["amy"].work is Work.TALKING


@pytest.mark.parametrize("status", [0, 409])
def test_a_gap_while_the_pbx_listens_leads_to_the_message(status: int) -> None:
    """Where the dialplan still has it, it comes back from there, and is sent on."""
    toy = listening(listens=4.0)
    toy.run(START + 5.6)
    toy.cut()
    toy.run(START + 6.0)
    if status:
        toy.always, toy.refusal = LeaveToDialplan, status
    toy.reconnect()
    toy.run(START + 7.0)
    toy.always = None
    toy.run(START + 30.0)
    assert outcomes(toy) == ["abandoned"]
    assert any(isinstance(order, LeaveToDialplan) and order.context == SAFE_HARBOUR_CONTEXT for order in toy.obeyed)
    assert toy.story.world.calls.values() == []


def test_an_older_answer_of_the_ledger_forgets_nothing_that_was_said_since() -> None:
    toy = talked()
    toy.ledger.silent = True
    set_disposition(toy, "later", call_back_at=START + 5000.0)
    (attempt,) = toy.story.world.attempts.values()
    toy.tell(AttemptClosed(at=toy.story.now, attempt=attempt.id))
    toy.run(START + 60.0)
    assert len(toy.story.world.attempts) == 1
    toy.ledger.speak(toy.soon)
    toy.run(START + 61.0)
    assert (lead(toy)["state"], lead(toy)["due_at"]) == ("ready", START + 5000.0)
    assert toy.story.world.attempts.values() == []


@pytest.mark.parametrize("reached", [False, True])
def test_nothing_can_be_done_with_a_campaigns_call_until_an_agent_talks(reached: bool) -> None:
    toy = begin(house(agents={"amy": ConnectMode.RING}), people={0: 5.0}, amy=60.0)
    toy.run(START + (6.0 if reached else 2.0))
    (call,) = toy.story.world.calls.values()
    assert (toy.story.world.legs[call.leg].up_at is not None) == reached
    for request in (CallRequest.HANG_UP, CallRequest.MOVE, CallRequest.HEAD_START, CallRequest.PULL):
        toy.tell(CallRequested(at=toy.story.now, call=call.id, request=request, by="eva"))
        why = "a campaign is calling this customer: until an agent talks to them, nothing can be done with the call"
        assert (toy.story.all_told(RequestRefused)[-1].reason, toy.story.orders) == (why, [])
