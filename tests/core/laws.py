"""What is true after every step, whatever happened: the laws that all stories and the toy PBX are held to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from callbridge.core.model.agent import Agent, State, Work, eligible, published
from callbridge.core.model.attempt import Attempt, AttemptStage, PendingBlock
from callbridge.core.model.call import Call, Phase
from callbridge.core.model.callback import Callback, KeptPlace
from callbridge.core.model.closure import Closure
from callbridge.core.model.facts import (
    AgentChanged,
    AnyFact,
    CallAdopted,
    CallArrived,
    CallbackEnded,
    CallbackRequested,
    CallEnded,
    CallRecorded,
    ConferenceBegan,
    ConferenceEnded,
    OfferEnded,
    OfferMade,
    QueueRenamed,
    TalkBegan,
    TalkEnded,
    TransferEnded,
    TransferStarted,
    VisitBegan,
    VisitEnded,
    WrapUpEnded,
)
from callbridge.core.model.feature_call import FeatureCall
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.matcher import GroupKey
from callbridge.core.model.script_answers import ScriptAnswers
from callbridge.core.model.tie_line import TieLine
from callbridge.core.model.world import World


def check_indexes(world: World) -> None:
    """Indexes and deadlines against a scan of the rows; one offer, one phone, one call for each agent.

    After every step of every story, so it is quick: what is about rows of a kind is looked at where there are such rows, or the
    index of them is not empty.
    """
    calls, legs, agents = world.calls.values(), world.legs.values(), world.agents.values()
    callbacks = world.callbacks.values()
    check_lines(world, calls, callbacks)
    check_deadlines(world, calls, legs, agents)
    check_work(world, calls, agents)
    check_phones(world, legs, agents)
    if callbacks or world._callbacks_owed or any(call.owed for call in calls):
        check_callbacks(world, calls, callbacks)
    if world.attempts or world._attempts_of or world._talks_of or any(call.attempt_id for call in calls):
        check_attempts(world)
    for call in calls:
        assert world.callers_on(pbx_of(call.leg)) == sum(c.is_caller for c in calls if pbx_of(c.leg) == pbx_of(call.leg))
        assert world.callers_by(call.entry) == sum(c.is_caller for c in calls if c.entry == call.entry)
    assert not world.overtaken


def check_lines(world: World, calls: list[Call], callbacks: list[Callback]) -> None:
    """Who waits is in a queue, in line, with the matcher, and there."""
    matcher = world.matcher
    waiting: dict[str, GroupKey] = {}
    places: dict[str, list[tuple[float, str]]] = {}
    for call in calls:
        visit = call.visit
        if call.phase is Phase.WAITING:
            assert visit is not None, "who waits is in a queue"
            if call.audio_until is None:
                place = visit.queue, call.tier, visit.window, visit.prefers, visit.avoids
                waiting[call.id] = _group(call, pbx_of(call.leg), *place)
            attempt = world.attempts.get(call.attempt_id)
            assert call.leg in world.legs or (attempt is not None and attempt.agent_first), "who waits is there"
        transfer = call.transfer
        if visit is not None and transfer is not None and transfer.consulted:
            assert call.phase is Phase.TALKING, "a queue is consulted by an agent who has the caller"
            assert (transfer.offer is None) == (transfer.leg is None), "a consult is in line, or it is offered"
            if transfer.offer is None:
                place = visit.queue, call.tier, visit.window, visit.prefers, visit.avoids
                waiting[call.id] = _group(call, pbx_of(call.leg), *place)
        talks = transfer is not None and transfer.offer is not None and transfer.offer.certain_at is not None
        if visit is not None and not call.is_uncertain and not talks:
            places.setdefault(visit.queue, []).append((visit.rank, call.id))
    for p in callbacks:
        if p.stands:
            waiting[p.id] = _group(p, p.pbx, p.queue, p.tier, p.window, p.agent, p.avoids)
            places.setdefault(p.queue, []).append((p.rank, p.id))
    assert {call: group.key for call, group in matcher._group_of.items()} == waiting
    for queue in places.keys() | world._lines.keys():
        assert world.line(queue).calls == [key for _, key in sorted(places.get(queue, ()))]


def _group(row: Call | Callback, pbx: str, queue: str, tier: str, window: int, own: str, avoids: tuple[str, ...]) -> GroupKey:
    site = row.visit.site if isinstance(row, Call) and row.visit is not None else ""
    return GroupKey(pbx, queue, tier, window, own, tuple(sorted(avoids)), tuple(sorted(row.rejected_by)), site)


_Owed = Callback | Closure | KeptPlace | Attempt | PendingBlock | ScriptAnswers


def check_deadlines(world: World, calls: list[Call], legs: list[Leg], agents: list[Agent]) -> None:
    """Every deadline of a row will be met."""
    rows: list[Call | Leg | Agent | FeatureCall | TieLine | _Owed] = [*calls, *legs, *agents]
    owed = (world.callbacks, world.closures, world.places, world.attempts, world.blocks, world.script_answers)
    for table in (world.dialogues, world.ties, *owed):
        rows += table.rows().values()
    deadlines = [row.deadline for row in rows if row.deadline is not None]
    deadlines += [call.announcing.at for call in calls if call.announcing is not None and call.announcing.at is not None]
    deadlines += [state.wakes_at for state in world.campaign_states.values() if state.wakes_at is not None]
    assert world.next_deadline() == min(deadlines, default=None), "every deadline of a row will be met"


def check_work(world: World, calls: list[Call], agents: list[Agent]) -> None:
    """What agents do is what their calls say; who is idle and may be offered a call is with the matcher."""
    offered: dict[str, str] = {}
    talking: dict[str, str] = {}
    reserved: dict[str, str] = {}
    for call in calls:
        if call.offer is not None and not call.is_uncertain:
            offered[call.offer.agent] = call.id
        if call.segment is not None:
            talking[call.segment.agent] = call.id
        if call.reserved_agent:
            reserved[call.reserved_agent] = call.id
            assert call.phase is Phase.DIALLING
        undialled = call.placed and not call.dial_result and call.phase in (Phase.OFFERED, Phase.WAITING)
        assert undialled or call.leg in world.legs, "a call has its customer's leg"
    for call in calls:
        if call.transfer is not None and call.transfer.agent:
            joined = world.agents[call.transfer.agent].work is Work.TALKING
            (talking if joined else offered)[call.transfer.agent] = call.id
    works: dict[Work, dict[str, str]] = {work: {} for work in Work}
    held: dict[str, str] = {}
    idle = set()
    due = set()
    for agent in agents:
        works[agent.work][agent.id] = agent.call
        if agent.reserved_for:
            held[agent.id] = agent.reserved_for
        assert agent.leg is None or agent.leg in world.legs, "an agent's leg is in the books"
        assert agent.session is None or agent.session in world.legs
        if agent.deadline is not None and agent.deadline <= world.now:
            due.add(agent.id)
        elif eligible(agent, world.now):
            idle.add(agent.id)
    assert works[Work.OFFERED] == offered, "one offer for each agent and caller"
    assert works[Work.TALKING] == talking
    assert held == reserved, "held for a customer who is being called"
    assert world.matcher._pool_of.keys() - due == idle


def check_phones(world: World, legs: list[Leg], agents: list[Agent]) -> None:
    """One phone, one agent; and the indexes by phone and by pair."""
    by_phone = {phone: agent.id for agent in agents for phone in agent.phones}
    assert len(by_phone) == sum(len(agent.phones) for agent in agents), "one phone, one agent"
    assert {phone: who for phone, who in world._agent_by_phone.items() if phone} == by_phone
    pairs = sorted((leg.pair, leg.id) for leg in legs if leg.pair)
    assert sorted((pair, leg) for pair, halves in world._leg_by_pair.items() for leg in halves) == pairs
    at_phones = {(leg.phone, leg.id) for leg in legs if leg.phone}
    assert {(phone, leg) for phone in world._features_at for leg in world.features_at(phone)} == at_phones
    roles = {key: world.legs[key].role for key in world.dialogues if key in world.legs}
    assert len(roles) == len(world.dialogues) and set(roles.values()) <= {LegRole.FEATURE}, "a dialogue has its leg"


def check_callbacks(world: World, calls: list[Call], callbacks: list[Callback]) -> None:
    """One callback for a number in a queue, which goes on or ends; and who keeps it is there."""
    assert {(p.queue, p.who): p.id for p in callbacks} == {
        (queue, number): key for queue, known in world._callbacks_owed.items() for number, key in known.items()
    }
    assert len({(p.queue, p.who) for p in callbacks}) == len(callbacks), "one callback for a number in a queue"
    assert all(p.deadline is not None for p in callbacks if not p.call), "every callback goes on, or ends"
    assert all(p.call in world.calls for p in callbacks if p.call), "who keeps a callback is there"
    owed = {call.id: call.owed for call in calls if call.owed in world.callbacks}
    assert all(world.callbacks[owed[key]].call == key for key in owed)
    assert all(p.call in owed or world.calls[p.call].callback == p.id for p in callbacks if p.call)


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
        self.numbers: dict[tuple[str, str], int] = {}
        """The number of the open visit, offer, segment and transfer of a call, and of the segment that a wrap-up follows."""

    def enter(self, facts: Iterable[AnyFact]) -> None:
        for fact in facts:
            assert fact.seq > self.seq, "ids of facts go up"
            self.seq = fact.seq
            self._enter(fact)
            self._number(fact)

    def _enter(self, fact: object) -> None:
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

    def _number(self, fact: AnyFact) -> None:
        """What is told of a visit, an offer, a segment or a transfer names the fact with which it began. An end that was
        not heard is told without a number."""
        numbers, call = self.numbers, fact.call
        match fact:
            case VisitBegan():
                numbers["visit", call] = fact.seq
            case VisitEnded():
                assert fact.visit == numbers.pop(("visit", call)) or (fact.estimated and not fact.visit), fact
            case OfferMade():
                assert fact.visit == numbers.get(("visit", call), 0), fact
                numbers["offer", call] = fact.seq
            case OfferEnded():
                assert fact.offer in (numbers["offer", call], 0), fact
                numbers["offered", call] = numbers.pop(("offer", call))
            case TalkBegan():
                assert fact.offer in (0, numbers.get(("offer", call)), numbers.get(("offered", call))), fact
                numbers["segment", call] = fact.seq
            case CallAdopted() if fact.agent:
                numbers["segment", call] = fact.seq
            case ConferenceBegan() if fact.agent:
                numbers["share", call] = fact.seq
            case ConferenceEnded() if fact.agent:
                assert fact.segment == numbers.get(("share", call), 0), fact
                numbers["wrap_up", fact.agent] = fact.segment
            case CallRecorded():
                assert fact.segment == numbers["segment", call], fact
            case TalkEnded():
                assert fact.segment == numbers.pop(("segment", call)) or (fact.estimated and not fact.segment), fact
                numbers["wrap_up", fact.agent] = fact.segment
            case WrapUpEnded():
                assert fact.segment == numbers.get(("wrap_up", fact.agent), 0), fact
            case TransferStarted():
                numbers["transfer", call] = fact.seq
            case TransferEnded():
                assert fact.transfer in (0, numbers.get(("transfer", call))), fact
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
        visits: dict[str, str] = {}
        offers: dict[str, str] = {}
        talks: dict[str, str] = {}
        waiting: Counter[tuple[str, str]] = Counter()
        for call in world.calls.values():
            if call.visit is not None and not call.placed:
                visits[call.id] = call.visit.queue
                waiting[call.visit.queue, call.visit.day] += 1
            if call.offer is not None:
                offers[call.id] = call.offer.agent
            elif call.transfer is not None and call.transfer.offer is not None:
                offers[call.id] = call.transfer.offer.agent
            if call.segment is not None:
                talks[call.id] = call.segment.agent
        assert self.calls == world.calls.rows().keys()
        assert (self.visits, self.offers, self.talks) == (visits, offers, talks)
        for agent in world.agents.rows().values():
            assert self.agents.get(agent.id, ("logged_out", "")) == published(agent)
        assert self.callbacks == world.callbacks.rows().keys()
        for tally in world.tallies.values():
            assert tally.offered == tally.ended + waiting[tally.queue, tally.day], "offered = ended + waiting"
