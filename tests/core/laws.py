"""What is true after every step, whatever happened: the laws that all stories and the toy PBX are held to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from callbridge.core.model.agent import Agent, State, Work, eligible, published
from callbridge.core.model.attempt import Attempt, AttemptStage, PendingBlock
from callbridge.core.model.call import Call, Phase
from callbridge.core.model.callback import Callback, KeptPlace
from callbridge.core.model.facts import (
    AgentChanged,
    AnyFact,
    CallAdopted,
    CallArrived,
    CallbackEnded,
    CallbackRequested,
    CallEnded,
    OfferEnded,
    OfferMade,
    QueueRenamed,
    TalkBegan,
    TalkEnded,
    VisitBegan,
    VisitEnded,
)
from callbridge.core.model.feature_call import FeatureCall
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.matcher import GroupKey
from callbridge.core.model.world import World


def check_indexes(world: World) -> None:
    """Indexes and deadlines against a scan of the rows; one offer, one phone, one call for each agent."""
    calls, legs, agents = world.calls.values(), world.legs.values(), world.agents.values()
    matcher = world.matcher
    waiting = {
        call.id: GroupKey(pbx_of(call.leg), call.visit.queue, call.tier, call.visit.window, call.visit.prefers)
        for call in calls
        if call.phase is Phase.WAITING and call.visit is not None
    }
    assert {call.id for call in calls if call.phase is Phase.WAITING} == set(waiting), "who waits is in a queue"
    callbacks = world.callbacks.values()
    standing = {p.id: GroupKey(p.pbx, p.queue, p.tier, p.window, p.agent) for p in callbacks if p.stands}
    assert {call: group.key for call, group in matcher._group_of.items()} == waiting | standing
    assert {(p.queue, p.who): p.id for p in callbacks} == {
        (queue, number): key for queue, known in world._callbacks_owed.items() for number, key in known.items()
    }
    assert len({(p.queue, p.who) for p in callbacks}) == len(callbacks), "one promise for a number in a queue"
    assert all(p.deadline is not None for p in callbacks if not p.call), "every promise goes on, or ends"
    held = {agent.id: agent.reserved_for for agent in agents if agent.reserved_for}
    assert held == {call.reserved_agent: call.id for call in calls if call.reserved_agent}, (
        "held for a customer who is being called"
    )
    assert all(world.calls[key].phase is Phase.DIALLING for key in held.values())
    assert not world.overtaken
    first = {key for key, attempt in world.attempts.rows().items() if attempt.agent_first}
    there = [call for call in calls if call.phase is Phase.WAITING and call.attempt_id not in first]
    assert all(call.leg in world.legs for call in there), "who waits is there"
    check_attempts(world)
    assert all(p.call in world.calls for p in callbacks if p.call), "who keeps a promise is there"
    owed = {call.id: call.owed for call in calls if call.owed in world.callbacks}
    assert all(world.callbacks[owed[key]].call == key for key in owed)
    assert all(p.call in owed or world.calls[p.call].callback == p.id for p in callbacks if p.call)
    places = [(v.queue, v.rank, c.id) for c in calls if (v := c.visit) is not None and not c.is_uncertain]
    places += [(p.queue, p.rank, p.id) for p in callbacks if p.stands]
    for queue in {queue for queue, _, _ in places} | set(world._lines):
        in_line = sorted((rank, key) for name, rank, key in places if name == queue)
        assert world.line(queue).calls == [key for _, key in in_line]
    due = {agent.id for agent in agents if agent.deadline is not None and agent.deadline <= world.now}
    assert set(matcher._pool_of) - due == {agent.id for agent in agents if eligible(agent, world.now)} - due

    phones = Counter(agent.phone for agent in agents if agent.phone)
    assert not [phone for phone, users in phones.items() if users > 1], "one phone, one agent"
    by_phone = {phone: who for phone, who in world._agent_by_phone.items() if phone}
    assert by_phone == {agent.phone: agent.id for agent in agents if agent.phone}
    pairs = Counter((leg.pair, leg.id) for leg in legs if leg.pair)
    assert Counter((pair, leg) for pair, halves in world._leg_by_pair.items() for leg in halves) == pairs

    at_phones = {(leg.phone, leg.id) for leg in legs if leg.phone}
    assert {(phone, leg) for phone in world._features_at for leg in world.features_at(phone)} == at_phones
    assert set(world.dialogues) <= {leg.id for leg in legs if leg.role is LegRole.FEATURE}, "a dialogue has its leg"

    rows: list[Call | Leg | Agent | FeatureCall | Callback | KeptPlace | Attempt | PendingBlock] = [
        *calls,
        *legs,
        *agents,
        *world.dialogues.values(),
    ]
    rows += [*callbacks, *world.places.values(), *world.attempts.values(), *world.blocks.values()]
    deadlines = [row.deadline for row in rows if row.deadline is not None]
    deadlines += [call.announcing.at for call in calls if call.announcing is not None and call.announcing.at is not None]
    deadlines += [state.wakes_at for state in world.campaign_states.values() if state.wakes_at is not None]
    assert world.next_deadline() == min(deadlines, default=None), "every deadline of a row will be met"

    agents_by_id = {agent.id: agent for agent in agents}
    offered = {call.offer.agent: call.id for call in calls if call.offer is not None and not call.is_uncertain}
    talking = {call.segment.agent: call.id for call in calls if call.segment is not None}
    for call in calls:
        if call.transfer is not None and call.transfer.agent:
            joined = agents_by_id[call.transfer.agent].work is Work.TALKING
            (talking if joined else offered)[call.transfer.agent] = call.id
    assert {a.id: a.call for a in agents if a.work is Work.OFFERED} == offered, "one offer for each agent and caller"
    assert {a.id: a.call for a in agents if a.work is Work.TALKING} == talking
    assert {agent.leg for agent in agents if agent.leg} <= set(world.legs), "an agent's leg is in the books"
    assert {agent.session for agent in agents if agent.session} <= set(world.legs)
    undialled = {
        call.leg for call in calls if call.placed and not call.dial_result and call.phase in (Phase.OFFERED, Phase.WAITING)
    }
    assert {call.leg for call in calls} - undialled <= set(world.legs), "a call has its customer's leg"


def check_attempts(world: World) -> None:
    """An attempt that was dialled has its call, and the other way round; the indexes are those of a scan."""
    attempts = world.attempts.values()
    for attempt in attempts:
        call = world.calls.get(attempt.call)
        if attempt.stage in (AttemptStage.DIALLING, AttemptStage.LIVE):
            assert call is not None and call.attempt_id == attempt.id, "an attempt under way has its call"
        assert (attempt.stage is AttemptStage.CLOSING) <= bool(attempt.outcome)
        assert attempt.stage is not AttemptStage.RESERVING or attempt.deadline is not None or call is not None, "given up one day"
    for call in world.calls.values():
        closed = bool(call.segments) or call.dial_result in ("abandoned", "machine")
        assert not call.attempt_id or closed or call.attempt_id in world.attempts, "a campaign's call is an attempt"
    by_campaign = Counter((attempt.campaign, attempt.id) for attempt in attempts)
    names = {attempt.campaign for attempt in attempts}
    assert Counter((name, key) for name in names for key in world.attempts_of(name)) == by_campaign
    talks = Counter((attempt.agent, attempt.id) for attempt in attempts if attempt.stage is AttemptStage.TALKED)
    assert Counter((who, key) for who in {who for who, _ in talks} for key in world.talks_of(who)) == talks
    assert set(world._attempts_of) == names
    assert set(world._talks_of) == {who for who, _ in talks}


class Books:
    """What a reader of facts alone would keep; must agree with the world at every instant."""

    def __init__(self) -> None:
        self.seq = 0
        self.calls: set[str] = set()
        self.visits: dict[str, str] = {}
        self.offers: dict[str, str] = {}
        self.talks: dict[str, str] = {}
        self.callbacks: set[str] = set()
        self.agents: dict[str, tuple[str, str]] = {}
        self.logged_in: dict[str, float] = {}
        self.spent: dict[str, float] = {}
        """Seconds in all states since the log-in."""
        self.outcomes: list[tuple[str, str]] = []
        """(queue, outcome) of every visit that ended."""

    def enter(self, facts: Iterable[AnyFact]) -> None:
        for fact in facts:
            assert fact.seq > self.seq, "ids of facts go up"
            self.seq = fact.seq
            self._enter(fact)

    def _enter(self, fact: AnyFact) -> None:
        match fact:
            case CallArrived():
                assert fact.call not in self.calls
                self.calls.add(fact.call)
            case CallAdopted():
                self.calls.add(fact.call)
                if fact.agent:
                    self.talks[fact.call] = fact.agent
            case CallEnded():
                self.calls.remove(fact.call)
            case VisitBegan():
                assert fact.call not in self.visits
                self.visits[fact.call] = fact.queue
            case VisitEnded():
                assert self.visits.pop(fact.call) == fact.queue
                self.outcomes.append((fact.queue, fact.outcome))
            case QueueRenamed():
                names = {fact.previous_queue: fact.queue}
                self.visits = {call: names.get(queue, queue) for call, queue in self.visits.items()}
            case CallbackRequested():
                assert fact.callback not in self.callbacks
                self.callbacks.add(fact.callback)
            case CallbackEnded():
                self.callbacks.remove(fact.callback)
            case OfferMade():
                assert fact.call not in self.offers
                self.offers[fact.call] = fact.agent
            case OfferEnded():
                assert self.offers.pop(fact.call) == fact.agent
            case TalkBegan():
                assert fact.call not in self.talks
                self.talks[fact.call] = fact.agent
            case TalkEnded():
                assert self.talks.pop(fact.call) == fact.agent
                assert 0 <= fact.hold_seconds <= fact.talked
            case AgentChanged():
                before = self.agents.get(fact.agent, ("logged_out", ""))
                assert (fact.previous, fact.previous_reason) == before, "states follow one upon the other"
                self.agents[fact.agent] = (fact.state, fact.reason)
                self._clock_in(fact)
            case _:
                pass

    def _clock_in(self, fact: AgentChanged) -> None:
        """The seconds of all states sum to the time logged in, exactly, at every change."""
        if fact.previous == State.LOGGED_OUT:
            self.logged_in[fact.agent] = fact.at
            self.spent[fact.agent] = 0.0
            return
        self.spent[fact.agent] += fact.lasted
        logged_in = fact.at - self.logged_in[fact.agent]
        assert abs(self.spent[fact.agent] - logged_in) < 1e-6, (fact, self.spent[fact.agent], logged_in)

    def check(self, world: World) -> None:
        """The facts told add up to the world as it is."""
        calls = world.calls.values()
        assert self.calls == {call.id for call in calls}
        counted = [call for call in calls if not call.placed]
        assert self.visits == {call.id: call.visit.queue for call in counted if call.visit is not None}
        assert self.offers == {call.id: call.offer.agent for call in calls if call.offer is not None}
        assert self.talks == {call.id: call.segment.agent for call in calls if call.segment is not None}
        told = {agent.id: self.agents.get(agent.id, ("logged_out", "")) for agent in world.agents.values()}
        assert told == {agent.id: published(agent) for agent in world.agents.values()}
        assert self.callbacks == {callback.id for callback in world.callbacks.values()}
        waiting = Counter((call.visit.queue, call.visit.day) for call in counted if call.visit is not None)
        for tally in world.tallies.values():
            assert tally.offered == tally.ended + waiting[tally.queue, tally.day], "offered = ended + waiting"
