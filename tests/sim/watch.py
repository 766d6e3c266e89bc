"""What must hold in our books after every step: told facts against rows, rows against each other, rows against rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from callbridge.core.model.agent import Agent, Intent, Work, published
from callbridge.core.model.call import Call, OfferResult, Phase, TransferKind
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    AnyEvent,
    CallerArrived,
    CallerAudible,
    CallRequest,
    DeadlinePassed,
    DigitPressed,
    FeatureDialled,
    LegReplaced,
    OrderFailed,
    PbxSnapshot,
    PlanChanged,
)
from callbridge.core.model.facts import (
    AgentChanged,
    AnyFact,
    CallAdopted,
    CallArrived,
    CallbackEnded,
    CallbackRequested,
    CallbackTried,
    CallEnded,
    ConferenceEnded,
    OfferEnded,
    OfferMade,
    RequestGranted,
    RequestRefused,
    TalkBegan,
    TalkEnded,
    TransferEnded,
    VisitBegan,
    VisitEnded,
    WrapUpEnded,
)
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import Ring, WatchAudio
from callbridge.core.model.plan import Penalty
from callbridge.core.model.world import Outcome, World
from tests.sim import oracle
from tests.sim.changes import LEG_IDS, Changes
from tests.sim.parts import Code
from tests.sim.portrait import indexes, scanned

_FIGURES = ("offered", "answered", "abandoned", "short_abandoned", "overflowed", "failed")
_FIGURES_OF = attrgetter(*_FIGURES)


class Broken(AssertionError):
    """Something that must always hold does not."""


def must(holds: bool, *said: object) -> None:
    if not holds:
        raise Broken(" ".join(str(word) for word in said))


@dataclass(slots=True)
class Watch:
    """Keeps its own account from the facts alone and compares it with the world."""

    told: list[AnyFact] = field(default_factory=list)
    visiting: dict[str, VisitBegan] = field(default_factory=dict)
    offered: dict[str, OfferMade] = field(default_factory=dict)
    talking: dict[str, TalkBegan | CallAdopted] = field(default_factory=dict)
    living: dict[str, float] = field(default_factory=dict)
    """Call -> arrival."""
    arrived_legs: set[str] = field(default_factory=set)
    callbacks_owed: dict[str, int] = field(default_factory=dict)
    """Promise -> attempts."""
    counts: defaultdict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By queue and day."""
    state_since: dict[str, tuple[str, str, float]] = field(default_factory=dict)
    asked_at: dict[str, float] = field(default_factory=dict)
    wrap: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Agent -> end of talk, and the wrap-up that the queue gives."""
    held: dict[str, float] = field(default_factory=dict)
    """Call -> until when it is held, because no audio has come from the caller."""
    on_hold: dict[str, tuple[float | None, float]] = field(default_factory=dict)
    """Call -> since when it is on hold by request, and the seconds of such holds before."""
    consulted: dict[str, OfferEnded] = field(default_factory=dict)
    """Call -> the answer of the agent of a queue with whom its agent talks."""
    unscanned: set[str] = field(default_factory=set)
    """Tables that have changed since the indexes were compared with a scan."""
    changes: Changes = field(default_factory=Changes)

    def after_step(
        self,
        world: World,
        before: dict[str, Agent],
        event: AnyEvent,
        outcome: Outcome,
        codes: Mapping[LegId, Code],
        *,
        closed: frozenset[str] = frozenset(),
    ) -> None:
        """``closed``: PBXs from which the core was told that nothing is heard."""
        if isinstance(event, PbxSnapshot):
            self._offers_again(world, event)
        offered = [world.calls.get(fact.call) for fact in outcome.facts if isinstance(fact, OfferMade)]
        must(not any(call is not None and pbx_of(call.leg) in closed for call in offered), "an offer over a broken link")
        must(not outcome.faults, "deciding raised about", outcome.faults)
        code = _code(event, codes)
        if isinstance(event, AgentRequested):
            self.asked_at[event.agent] = world.now
        elif code is not None:
            self.asked_at |= {agent.id: world.now for agent in before.values() if code.phone in agent.phones}
            self.asked_at[code.knows] = world.now
        for fact in outcome.facts:
            self._fact(world, fact)
        self._without_audio(world, event, outcome)
        self.told += outcome.facts
        if code is not None:
            self._asked_at_the_phone(world, before, code)
        else:
            self._intents(world, before, event, outcome.facts)
        changed = self._changed(world, event, outcome)
        if outcome.facts or changed & {"agents", "calls", LEG_IDS}:
            self._rows(world)
            self._agents(world)
        if changed & {"calls", "legs"}:
            self._legs(world)
        if outcome.facts or changed & {"calls", "tallies"}:
            self._figures(world)
        for call in world.calls.values():
            self._in_time(world, call)
        self.unscanned |= changed
        must(self.callbacks_owed.keys() == world.callbacks.rows().keys(), "promises in the books and told of differ")
        rings = [order for order in outcome.orders if isinstance(order, Ring) and order.agent]
        must(len(rings) == len({order.phone for order in rings}), "one phone was rung twice in one step")
        rung_for = {(order.agent, order.call) for order in rings}
        must(len(rung_for) == len({agent for agent, _ in rung_for}), "one agent was rung for two calls in one step")
        if (due := world.next_deadline()) is not None and due <= world.now:
            return  # another step of this very moment may change what the rules say of it
        self._order_of_offers(world, outcome.facts, closed)
        must(not (gap := oracle.missed(world, closed)), gap)
        kept, found = indexes(world, self.unscanned), scanned(world, self.unscanned)
        for name, value in found.items():
            must(kept[name] == value, "index", name, kept[name], "but a scan says", value)
        self.unscanned = set()

    def begin_life(self) -> None:
        """The next world is another one: check every rule of it."""
        self.changes = Changes()

    def _changed(self, world: World, event: AnyEvent, outcome: Outcome) -> set[str]:
        if isinstance(event, PlanChanged | PbxSnapshot):
            self.changes = Changes()
        return self.changes.since_last_time(world, [name for name, _ in outcome.changed])

    def _without_audio(self, world: World, event: AnyEvent, outcome: Outcome) -> None:
        """A caller of whom nothing is known yet is held, and not offered before audio comes or the time is over."""
        heard = _told_about(event)
        for fact in outcome.facts:
            call = world.calls.get(fact.call) if isinstance(fact, OfferMade) else None
            if isinstance(fact, OfferMade) and call is not None and call.leg != heard and not fact.needs.startswith("pulled by"):
                must(self.held.get(fact.call, 0.0) <= world.now + 1e-6, "offered before any audio came:", fact)
        arrived = event.leg if isinstance(event, CallerArrived) and event.channel_name.startswith("PJSIP/") else None
        for call in world.calls.values():
            if arrived is not None and call.leg == arrived and call.phase is Phase.WAITING and call.visit is not None:
                waits = world.plan.queues[call.visit.queue].wait_for_audio
                must(not waits or call.audio_until is not None, "offered whether audio has come or not:", call)
        self.held = {call.id: call.audio_until for call in world.calls.values() if call.audio_until is not None}
        over = [world.calls[call] for call, until in self.held.items() if until < world.now - 1e-6]
        late = [call for call in over if call.phase is Phase.WAITING]
        must(not late or (world.next_deadline() or 0.0) <= world.now, "held for too long:", late)

    def _offers_again(self, world: World, event: PbxSnapshot) -> None:
        """Half-made offers are hung up and made again when the PBX is back."""
        there = {seen.leg for seen in event.legs}
        for call in world.calls.values():
            # Whom we called may have answered meanwhile.
            ours = call.phase is Phase.DIALLING or (call.placed and call.phase is Phase.JOINING) or call.is_uncertain
            if call.offer is not None and call.leg in there and not ours:
                must(call.offer.at == world.now, "an offer from before the snapshot goes on:", call)

    # -- facts ----------------------------------------------------------------------------------------------------

    def _fact(self, world: World, fact: object) -> None:
        match fact:
            case CallArrived():
                must(fact.leg not in self.arrived_legs, "arrived twice:", fact.leg)
                self.arrived_legs.add(fact.leg)
                self.living[fact.call] = fact.at
            case CallAdopted():
                must(fact.call not in self.living and fact.leg not in self.arrived_legs, "adopted a call that was known:", fact)
                self.arrived_legs.add(fact.leg)
                self.living[fact.call] = fact.arrived_at
                if fact.agent:
                    self.talking[fact.call] = fact
            case CallbackRequested():
                must(fact.callback not in self.callbacks_owed, "promised twice:", fact)
                self.callbacks_owed[fact.callback] = 0
            case CallbackTried():
                # Of a customer who calls again meanwhile the try is taken back, and made again if that comes to nothing.
                self.callbacks_owed[fact.callback] = self.callbacks_owed.get(fact.callback, 0) + (fact.result != "called_again")
                must(self.callbacks_owed[fact.callback] <= 2, "tried too often:", fact)
            case CallbackEnded():
                must(self.callbacks_owed.pop(fact.callback, None) is not None, "a promise ended that was not owed:", fact)
            case VisitBegan():
                must(fact.call in self.living and fact.call not in self.visiting, "a second visit at once:", fact)
                if fact.consulted_by:
                    consults = self.talking.get(fact.call)
                    must(consults is not None and consults.agent == fact.consulted_by, "a consult without the caller:", fact)
                self.visiting[fact.call] = fact
                self.counts[fact.queue, fact.day]["offered"] += 1
            case VisitEnded():
                began = self.visiting.pop(fact.call, None)
                must(began is not None and began.queue == fact.queue, "a visit ended that was not on:", fact)
                self.counts[fact.queue, fact.day][fact.outcome] += 1
                self._rightly_ended(world, fact)
            case OfferMade():
                must(fact.call not in self.offered, "two offers of one call:", fact)
                must(all(offer.agent != fact.agent for offer in self.offered.values()), "two offers to one agent:", fact)
                self.offered[fact.call] = fact
            case OfferEnded():
                must(self.offered.pop(fact.call, None) is not None, "an offer ended that was not on:", fact)
                talk = self.talking.get(fact.call)
                if fact.result == "answered" and talk is not None and talk.agent != fact.agent:
                    self.consulted[fact.call] = fact
            case TransferEnded():
                answered = self.consulted.pop(fact.call, None)
                if answered is not None and fact.result not in ("completed", "conference"):
                    self._wrap_up_begins(world, answered)
            case TalkBegan():
                must(fact.call not in self.talking, "two agents in one call:", fact)
                self.talking[fact.call] = fact
            case TalkEnded():
                began_talk = self.talking.pop(fact.call, None)
                must(began_talk is not None and began_talk.agent == fact.agent, "a talk ended that was not on:", fact)
                must(0 <= fact.hold_seconds <= fact.talked + 1e-6, "held longer than talked:", fact)
                self._held_as_requested(fact)
                self._talked(world, fact)
            case ConferenceEnded(agent=agent) if agent in world.agents and world.agents[agent].work is not Work.TALKING:
                self._wrap_up_begins(world, fact)
            case WrapUpEnded():
                self._rightly_wrapped(world, fact)
            case AgentChanged():
                self._chain(fact)
            case RequestGranted(request=CallRequest.HOLD):
                self.on_hold[fact.call] = fact.at, self.on_hold.get(fact.call, (None, 0.0))[1]
            case RequestGranted(request=CallRequest.UNHOLD | CallRequest.CONSULT):
                self._hold_ends(fact.call, fact.at)
            case CallEnded():
                must(fact.call in self.living, "a call ended that was not alive:", fact)
                busy = fact.call in self.visiting or fact.call in self.offered or fact.call in self.talking
                must(not busy, "a call ended with business open:", fact)
                del self.living[fact.call]

    def _held_as_requested(self, fact: TalkEnded) -> None:
        """At least the time between the requests is on hold; the phone may have held the caller besides."""
        self._hold_ends(fact.call, fact.at)
        requested = self.on_hold.pop(fact.call, (None, 0.0))[1]
        must(fact.estimated or fact.hold_seconds >= min(requested, fact.talked) - 1e-6, "held longer than told:", requested, fact)

    def _hold_ends(self, call: str, at: float) -> None:
        since, before = self.on_hold.get(call, (None, 0.0))
        if since is not None:
            self.on_hold[call] = None, before + max(0.0, at - since)

    def _rightly_ended(self, world: World, fact: VisitEnded) -> None:
        queue = world.plan.queues[fact.queue]
        within = oracle.routing(world.plan, fact.queue, fact.tier).answer_within
        must(fact.within_target == (fact.outcome in ("answered", "abandoned") and fact.waited <= within), "service level:", fact)
        if fact.outcome in ("abandoned", "short_abandoned"):
            must((fact.outcome == "short_abandoned") == (fact.waited < queue.short_abandon), "which abandon:", fact)

    def _talked(self, world: World, fact: TalkEnded) -> None:
        """Whose phone hangs up at once has not answered: no wrap-up, and the caller has the place or goes back."""
        if fact.ended_by != "short" or fact.call not in self.offered:  # else it was transferred to this agent
            self._wrap_up_begins(world, fact)
        if fact.ended_by != "short":
            return
        must(fact.talked < world.plan.queues[fact.queue].short_talk, "a talk that was long enough:", fact)
        call = world.calls.get(fact.call)
        if call is None or call.dial_result != "abandoned":  # whom a campaign has called may have no time for another agent
            kept = (Phase.WAITING, Phase.OFFERED, Phase.TRANSFERRING, Phase.LEAVING)
            must(call is not None and call.phase in kept, "not kept:", fact)

    def _wrap_up_begins(self, world: World, fact: TalkEnded | ConferenceEnded | OfferEnded) -> None:
        agent = world.agents.get(fact.agent)
        if agent is None or agent.intent is Intent.LOGGED_OUT:
            return
        lasts = world.plan.queues[fact.queue].wrap_up
        if isinstance(fact, TalkEnded) and fact.estimated and agent.work is Work.TALKING:
            lasts = 0.0  # found in another conversation after a crash
        self.wrap[fact.agent] = (world.now, lasts)
        if lasts > 0:
            must(agent.work is Work.WRAP_UP, "no wrap-up after talking:", fact)
            must(abs(agent.wrap_until - world.now - lasts) < 1e-6, "wrap-up of another length:", agent)

    def _rightly_wrapped(self, world: World, fact: WrapUpEnded) -> None:
        began, lasts = self.wrap.pop(fact.agent)
        call = world.calls.get(world.agents[fact.agent].call)
        if call is not None and call.transfer is not None and call.transfer.kind is TransferKind.BACK:
            return  # nobody took the call: the agent who handed it on has it again
        must(abs(fact.at - began - fact.lasted) < 1e-6, "wrap-up counted wrongly:", fact)
        if self.asked_at.get(fact.agent, 0.0) < began:
            must(fact.lasted >= lasts - 1e-6, "wrap-up too short:", fact)

    def _chain(self, fact: AgentChanged) -> None:
        """Seconds per state sum to the time: each state begins where the one before ended."""
        known = self.state_since.get(fact.agent)
        if known is not None:
            must(known[:2] == (fact.previous, fact.previous_reason), "a state was skipped:", fact)
            must(abs(known[2] + fact.lasted - fact.at) < 1e-6, "seconds of a state lost:", fact)
        self.state_since[fact.agent] = (fact.state, fact.reason, fact.at)

    # -- rows -----------------------------------------------------------------------------------------------------

    def _intents(self, world: World, before: dict[str, Agent], event: AnyEvent, facts: list[AnyFact]) -> None:
        """An intent changes because somebody asked, because an offer came to nothing, or because a pause is over."""
        if isinstance(event, PlanChanged):
            return
        refused = any(isinstance(fact, RequestRefused) for fact in facts)
        concerned = {fact.agent for fact in facts if isinstance(fact, OfferEnded)}
        if isinstance(event, AgentRequested):
            concerned.add(event.agent)
        elif isinstance(event, DeadlinePassed):
            concerned.add(event.id)
        for agent in world.agents.values():
            old = before.get(agent.id)
            if old is None or (old is agent and agent.id not in concerned):
                continue
            wanted = old.intent
            if isinstance(event, AgentRequested) and event.agent == agent.id:
                # Whose phone somebody else has taken cannot log in without naming another.
                wanted = old.intent if refused and not old.phone else self._wanted(old, event.request)
            elif isinstance(event, DeadlinePassed) and self._pause_over(world, event, old):
                wanted = Intent.READY
            if self._penalties(world, agent, facts):
                continue
            if isinstance(event, PbxSnapshot) and (old.work, agent.work) == (Work.IDLE, Work.TALKING):
                wanted = Intent.READY if old.intent is Intent.LOGGED_OUT else old.intent  # found in a conversation
            asked = (
                isinstance(event, AgentRequested)
                and event.agent == agent.id
                and event.request in (AgentRequest.NOT_READY, AgentRequest.LOGOUT)
            )
            call = world.calls.get(agent.call)
            rings = agent.work is Work.OFFERED and call is not None and call.phase is Phase.OFFERED
            must(not (asked and rings), "still offered a call after a pause was asked for:", agent)
            must(agent.intent is wanted, "intent of", agent.id, "is", agent.intent, "and should be", wanted, "after", event)

    def _asked_at_the_phone(self, world: World, before: dict[str, Agent], code: Code) -> None:
        """By a feature call logs in who proved it; for the rest it acts for the agent of that phone alone."""
        for agent in world.agents.values():
            old = before[agent.id]
            if agent.intent is old.intent:
                continue
            if code.feature == AgentRequest.LOGIN:
                must(agent.id == code.knows, "logged in without a proof:", agent, code)
            else:
                wanted = {
                    AgentRequest.READY: Intent.READY,
                    AgentRequest.NOT_READY: Intent.NOT_READY,
                    AgentRequest.LOGOUT: Intent.LOGGED_OUT,
                }
                rightly = code.phone in old.phones and wanted.get(AgentRequest(code.feature)) is agent.intent
                must(rightly, "a feature call asked for another agent:", agent, code)

    def _pause_over(self, world: World, event: DeadlinePassed, old: Agent) -> bool:
        """Is this the deadline that ends the agent's pause? Pauses of several agents may be over at the same time."""
        return (event.kind, event.id) == ("agent", old.id) and old.return_at is not None and old.return_at <= world.now

    def _wanted(self, old: Agent, ask: AgentRequest) -> Intent:
        if ask is AgentRequest.LOGIN:
            return Intent.READY
        if ask is AgentRequest.LOGOUT or old.intent is Intent.LOGGED_OUT:
            return Intent.LOGGED_OUT
        return {AgentRequest.READY: Intent.READY, AgentRequest.NOT_READY: Intent.NOT_READY}.get(ask, old.intent)

    def _penalties(self, world: World, agent: Agent, facts: list[AnyFact]) -> bool:
        """Was a penalty due in this step; and was it paid?"""
        for fact in facts:
            if isinstance(fact, OfferEnded) and fact.agent == agent.id and fact.queue:
                queue = world.plan.queues[fact.queue]
                due: Penalty | None = {
                    OfferResult.NO_ANSWER: queue.no_answer,
                    OfferResult.REJECTED: queue.rejected,
                    OfferResult.OFFLINE: queue.offline,
                }.get(OfferResult(fact.result))
                if due is not None and agent.intent is not Intent.LOGGED_OUT and self.asked_at.get(agent.id) != world.now:
                    paid = agent.intent is Intent.NOT_READY if due.not_ready else agent.rest_until >= world.now + due.rest - 1e-6
                    must(paid or (due.rest == 0 and not due.not_ready), "no penalty for", fact)
                return due is not None and due.not_ready is not None
        return False

    def _rows(self, world: World) -> None:
        must({call.id: call.arrived_at for call in world.calls.values()} == self.living, "calls in the books and told of differ")
        for call in world.calls.values():
            self._call(world, call)

    def _legs(self, world: World) -> None:
        for leg in world.legs.values():
            if leg.role is LegRole.CUSTOMER:
                call_of = world.calls.get(leg.call)
                must(call_of is not None and call_of.leg == leg.id, "a customer's leg without a call:", leg)

    def _call(self, world: World, call: Call) -> None:
        offer, segment = call.offer, call.segment
        dialling = call.phase is Phase.DIALLING
        reached = call.phase in (Phase.OFFERED, Phase.JOINING) or call.is_uncertain
        must(dialling or (offer is not None) == reached, "offer and phase:", call)
        must((segment is not None) == (call.phase is Phase.TALKING), "segment and phase:", call)
        must(call.transfer is not None or call.phase is not Phase.TRANSFERRING, "transferred to nobody:", call)
        on_hold = segment is not None and segment.on_hold
        must(not on_hold or (call.bridge is None and call.transfer is None), "on hold and with somebody:", call)
        must(not on_hold or call.id not in self.on_hold or self.on_hold[call.id][0] is not None, "on hold unasked:", call)
        alone = call.transfer is not None and call.transfer.kind is TransferKind.CONSULT and not call.transfer.reached
        must(not alone or call.bridge is None, "the caller hears a consult:", call)
        must(call.phase is not Phase.WAITING or call.visit is not None, "waiting in no queue:", call)
        counted = call.visit is not None and not call.placed
        must(counted == (call.id in self.visiting), "visit told and kept differ:", call)
        consult = call.transfer if call.transfer is not None and call.transfer.consulted else None
        offered = offer is not None or (consult is not None and consult.offer is not None)
        must(offered == (call.id in self.offered), "offer told and kept differ:", call)
        if consult is not None and call.visit is not None:
            must(call.phase is Phase.TALKING and call.visit.queue == consult.consulted, "a consult of another queue:", call)
            must((consult.offer is None) == (consult.leg is None), "a consult rings without an offer:", call)
        must((segment is not None) == (call.id in self.talking), "segment told and kept differ:", call)
        undialled = call.placed and call.phase in (Phase.OFFERED, Phase.WAITING)  # the agent comes first
        must(call.leg in world.legs or undialled or call.phase is Phase.ENDING, "a call without its leg:", call)
        if call.visit is not None:
            must(call.placed or abs(call.visit.rank - oracle.rank(world.plan, call)) < 1e-6, "rank of", call)
        if offer is not None and not call.is_uncertain:
            agent = world.agents[offer.agent]
            must(agent.work is Work.OFFERED and agent.call == call.id and agent.leg == offer.leg, "offer and agent:", agent, call)
        if segment is not None:
            agent = world.agents[segment.agent]
            must(agent.work is Work.TALKING and agent.call == call.id, "segment and agent:", agent, call)

    def _in_time(self, world: World, call: Call) -> None:
        """What becomes wrong by the passing of time; the deadline that ends it may be due in this very moment."""
        wrong = self._uncounted(world, call)
        if call.visit is not None and call.phase is Phase.WAITING and oracle.over(world, call):
            wrong = "waits though all windows are over:"
        elif call.transfer is not None and call.transfer.consulted and not call.transfer.waits and call.transfer.offer is None:
            leg = world.legs.get(call.leg)
            doubted = leg is not None and leg.missing_since is not None  # after a snapshot without it: it is being probed
            if call.visit is not None and not doubted and pbx_of(call.leg) not in world.down:
                wrong = "a consult waits that was only to be offered:"
        must(not wrong or (world.next_deadline() or 0.0) <= world.now, wrong, call)

    def _uncounted(self, world: World, call: Call) -> str:
        """An answer counts, at the latest, when the talk has lasted for as long as its queue asks."""
        if call.phase is not Phase.TALKING or call.segment is None or not call.is_uncertain:
            return ""
        short = world.plan.queues[call.segment.queue].short_talk
        must(call.visit is not None, "an answer without a visit:", call)
        must(short > 0, "an answer that counts at once does not:", call)
        return "an answer that never counts:" if world.now > call.segment.began_at + short + 1e-6 else ""

    def _agents(self, world: World) -> None:
        for agent in world.agents.values():
            call = world.calls.get(agent.call)
            target = call is not None and call.transfer is not None and call.transfer.agent == agent.id
            if agent.work is Work.OFFERED and not target:
                must(call is not None and call.offer is not None and call.offer.agent == agent.id, "offered nothing:", agent)
            if agent.work is Work.TALKING and not target:
                must(call is not None and call.segment is not None and call.segment.agent == agent.id, "talks to nobody:", agent)
            must(agent.leg is None or agent.leg in world.legs, "an agent's leg that is not in the books:", agent)
            must(agent.session is None or agent.session in world.legs, "a session that is not in the books:", agent)
            known = self.state_since.setdefault(agent.id, (*published(agent), agent.since))
            must(known[:2] == published(agent), "a state that nobody was told:", agent)

    def _figures(self, world: World) -> None:
        waiting: dict[tuple[str, str], int] = {}
        for call in world.calls.values():
            if call.visit is not None and not call.placed:
                place = call.visit.queue, call.visit.day
                waiting[place] = waiting.get(place, 0) + 1
        for tally in world.tallies.values():
            here = waiting.get((tally.queue, tally.day), 0)
            must(tally.offered == tally.ended + here, "figures do not add up:", tally, "waiting", here)
            counts = self.counts[tally.queue, tally.day]
            must(_FIGURES_OF(tally) == tuple([counts[name] for name in _FIGURES]), "figures of", tally, "counted", counts)

    # -- order of service -----------------------------------------------------------------------------------------

    def _order_of_offers(self, world: World, facts: list[AnyFact], closed: frozenset[str]) -> None:
        """Anybody who was served was, of all whom that agent fits, the first in line; the agent was the one to take."""
        made = [fact for fact in facts if isinstance(fact, OfferMade)]
        if not made or any(fact.needs.startswith(("pulled by", "agent ")) for fact in made):
            return
        kept = any((call := world.calls.get(fact.call)) is not None and call.callback for fact in made)
        if kept or any(callback.stands for callback in world.callbacks.values()):
            return  # who is called back has left the line for good when the offer is seen
        calls = {call.id: call for call in oracle.waiting(world) if pbx_of(call.leg) not in closed}
        if any(call.visit is not None and call.visit.prefers for call in calls.values()):
            return  # for one agent alone
        agents = {agent.id: agent for agent in oracle.free(world)}
        for fact in reversed(made):
            call = world.calls.get(fact.call)
            if call is None or call.visit is None or oracle.on_the_edge(world, call):
                return
            calls[call.id] = call
            agents[fact.agent] = world.agents[fact.agent]
        standing = oracle.Standing(
            {
                call.id: (oracle.rank(world.plan, call), oracle.needs(world, call), world.plan.queues[call.visit.queue].pick)
                for call in calls.values()
                if call.visit is not None
            },
            {agent.id: (agent.idle_since, agent.profile) for agent in agents.values()},
            {call.id: oracle.barred(world, call) for call in calls.values() if call.visit is not None},
        )
        rule = standing.pairs()
        must([(fact.call, fact.agent) for fact in made] == rule, "offers", [(f.call, f.agent) for f in made], "rule", rule)


def _told_about(event: object) -> LegId | None:
    """The caller's leg of which this event says that audio has come, or that there is no telling."""
    match event:
        case CallerAudible(leg=leg) | DigitPressed(leg=leg) | LegReplaced(by=leg) | OrderFailed(order=WatchAudio(leg=leg)):
            return leg
        case _:
            return None


def _code(event: object, codes: Mapping[LegId, Code]) -> Code | None:
    """The feature call that an event is about."""
    match event:
        case FeatureDialled(leg=leg) | DigitPressed(leg=leg):
            return codes.get(leg)
        case DeadlinePassed(kind="feature", id=key):
            return codes.get(LegId(key))
        case _:
            return None
