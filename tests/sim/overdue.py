"""What may be so for a moment but not for long, seen from the PBX's side: ghosts, silence, stuck agents, leftovers.

Each wrong has a patience in seconds on an ordinary day. Near a refused order or a lost event the patience is TROUBLED;
after a broken link everything must be repaired RECOVERY seconds after the snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from callbridge.core.model.agent import Agent, Device, Intent, Work
from callbridge.core.model.call import Call, OfferStage, Phase, TransferKind
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.leg import LegRole
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.world import World
from callbridge.core.requests.feature_codes import MAX_CALL
from tests.sim.lanes import Lanes
from tests.sim.parts import Channel, Kind
from tests.sim.toy import ToyPbx
from tests.sim.watch import must

RECOVERY = 10.0
TROUBLED = 10.0
LONG_AGO = 15.0
GHOST = 1.0
OVERHEARD = 0.6
UNBRIDGED = 1.5
"""Seven orders may stand in a caller's lane before the last, in a network where each takes its time."""
ALONE = 2.0
SILENT = 2.0
UNKNOWN = 1.0
UNOWNED = 2.0
STUCK = 5.0
CLOSING = 3.5
"""The phone that transferred its caller may keep its own leg for a while."""
BELIEVED = 3.0
START_UP = 1.0
BUSY_UNSEEN = 2.0
TALKED_OUT = 45.0
"""What people type in these days takes no feature call longer than this."""

Wrong = tuple[str, str]


ALONE_WITH_MUSIC = (Phase.WAITING, Phase.OFFERED, Phase.JOINING, Phase.TRANSFERRING)


@dataclass(slots=True)
class Overdue:
    toy: ToyPbx
    lanes: Lanes
    since: dict[Wrong, float] = field(default_factory=dict)
    down_at: float = float("-inf")

    def look(self, world: World) -> None:
        now = self.toy.agenda.now
        if not self.toy.link.up or self.toy.link.holding or world.down:
            self.down_at = now
        seen: dict[Wrong, float] = {}
        for what, who, patience in self._wrongs(world):
            began = seen[what, who] = self.since.get((what, who), now)
            must(now <= self._until(began, patience), what, who, "for", round(now - began, 3), "s")
        self.since = seen
        self._nobody_thrown_out()

    def _until(self, began: float, patience: float) -> float:
        until = began + patience
        if self.toy.trouble_at > began - LONG_AGO:
            until = began + max(patience, TROUBLED)
        if self.down_at > began - LONG_AGO:
            until = max(until, self.down_at + RECOVERY)
        return until

    @property
    def _calm(self) -> bool:
        """Has nothing gone wrong so far?"""
        return max(self.toy.trouble_at, self.down_at - START_UP) <= self.toy.agenda.started_at

    def _nobody_thrown_out(self) -> None:
        """We hang up on no caller whom nobody has talked to, unless things went wrong badly."""
        must(not (self._calm and self.toy.thrown_out), "thrown out unheard:", self.toy.thrown_out)
        must(not (self._calm and self.toy.rung_twice), "two legs to one phone:", self.toy.rung_twice)
        dialling = self.toy.rung_while_dialling
        must(not (self._calm and dialling), "rung while the phone makes a feature call:", dialling)

    # -- wrongs ---------------------------------------------------------------------------------------------------

    def _wrongs(self, world: World) -> Iterator[tuple[str, str, float]]:
        for channel in self.toy.channels.values():
            if channel.kind in (Kind.AGENT, Kind.SESSION):
                yield from self._of_agent_leg(world, channel)
            elif channel.kind is Kind.CUSTOMER and channel.in_app:
                yield from self._of_customer(world, channel)
            elif channel.kind in (Kind.OUTSIDE, Kind.SUPERVISOR, Kind.SNOOP) and channel.id not in world.legs:
                yield f"a {channel.kind} leg that nobody owns", channel.id, UNOWNED
            elif channel.kind is Kind.FEATURE:
                yield from self._of_feature_call(world, channel)
            elif channel.kind is Kind.FAR_HALF and channel.in_app:
                yield "a transfer's far half at our entry", channel.id, ALONE
            elif channel.kind is Kind.NEAR_HALF and channel.bridge is None:
                yield "a transfer's near half in no bridge", channel.id, ALONE
        consulting = {call.bridge for call in world.calls.values() if call.transfer is not None}
        for bridge, legs in self.toy.bridges.items():
            if len(legs) < 2:
                yield "a bridge for fewer than two", bridge, ALONE
            agents = [leg for leg in legs if self.toy.channels[leg].kind in (Kind.AGENT, Kind.SESSION)]
            if len(agents) > 1 and bridge not in consulting:
                yield "two agents in a bridge", bridge, GHOST
        for agent in world.agents.values():
            yield from self._of_agent(world, agent)
        for call in world.calls.values():
            if call.transfer is not None and call.transfer.leg is not None and call.transfer.leg not in world.legs:
                yield "transferred to somebody who is gone", call.id, GHOST
            if self._overhears(call):
                yield "a caller hears what is said of them", call.id, OVERHEARD
            if call.transfer is not None and call.transfer.until is not None and call.transfer.until < world.now:
                yield "a target waited for too long", call.id, GHOST
        for leg in [one for one in world.legs.values() if pbx_of(one.id) == self.toy.name]:
            channel_of = self.toy.channels.get(leg.id)
            if (channel_of is None or not channel_of.in_app) and not self.lanes.outstanding(leg.id):
                yield "a leg believed to be there", leg.id, BELIEVED

    def _of_agent_leg(self, world: World, channel: Channel) -> Iterator[tuple[str, str, float]]:
        if channel.kind is Kind.AGENT:
            if not channel.up and channel.caller is not None and channel.caller not in self.toy.channels:
                yield "a ghost rings", channel.id, GHOST
            elif not channel.up and channel.rings_until < world.now:
                yield "a phone rings too long", channel.id, GHOST
            elif channel.up and channel.bridge is None and not self._hears_ringing(world, channel):
                yield "an answered phone in no bridge", channel.id, CLOSING if channel.handed_on else UNBRIDGED
        if self._waits_in_silence(world, channel):
            yield "an agent waits in silence", channel.id, SILENT
        if channel.id not in world.legs:
            yield "an agent's leg that nobody owns", channel.id, UNOWNED

    def _waits_in_silence(self, world: World, channel: Channel) -> bool:
        """Is this an agent who waits in a queue that was consulted, and hears nothing?"""
        leg = world.legs.get(channel.id)
        call = world.calls.get(leg.call) if leg is not None else None
        transfer = call.transfer if call is not None else None
        if call is None or transfer is None or call.segment is None or call.segment.leg != channel.id:
            return False
        return transfer.waits and not transfer.reached and channel.bridge is None and not channel.music

    def _hears_ringing(self, world: World, channel: Channel) -> bool:
        """Is this the phone of an agent who wants a word with somebody first?"""
        leg = world.legs.get(channel.id)
        call = world.calls.get(leg.call) if leg is not None else None
        if call is not None and call.phase is Phase.DIALLING:
            return True  # or whom a customer is called for
        if call is not None and call.offer is not None and call.offer.stage is OfferStage.TELLING and not self._calm:
            return True  # or who is told whom they get, which was not heard to end: Asterisk tells it on an ordinary day
        if call is None or call.segment is None:
            return False
        return call.segment.on_hold if call.transfer is None else not call.transfer.reached  # or who has put the caller on hold

    def _overhears(self, call: Call) -> bool:
        """Is the caller still with the agent who wants a word with somebody first, or who has put the caller on hold?"""
        consults = call.transfer is not None and call.transfer.kind is TransferKind.CONSULT and not call.transfer.together
        if call.segment is None or not (consults or call.segment.on_hold):
            return False
        pair = {call.leg, call.segment.leg}
        return any(pair <= set(legs) for legs in self.toy.bridges.values())

    def _of_feature_call(self, world: World, channel: Channel) -> Iterator[tuple[str, str, float]]:
        yield "a feature call that nobody ends", channel.id, TALKED_OUT if self._calm else MAX_CALL + RECOVERY
        if channel.id not in world.legs:
            yield "a feature call that nobody owns", channel.id, UNOWNED

    def _of_customer(self, world: World, channel: Channel) -> Iterator[tuple[str, str, float]]:
        leg = world.legs.get(channel.id)
        call = world.calls.get(leg.call) if leg is not None else None
        if call is not None and channel.given and (call.number != channel.number or call.tier != channel.tier):
            yield "a customer whom a receptionist has given us goes by another number or tier", channel.id, UNKNOWN
        if call is None:
            yield "a customer whom nobody owns", channel.id, UNOWNED
            return
        on_hold = call.transfer is not None or (call.segment is not None and call.segment.on_hold)
        if channel.bridge is None and not channel.music and (call.phase in ALONE_WITH_MUSIC or on_hold):
            yield "a customer in silence", channel.id, SILENT
        elif channel.bridge is None and call.phase in (Phase.TALKING, Phase.OUTSIDE) and not on_hold:
            yield "a customer who talks in no bridge", channel.id, SILENT
        elif channel.bridge is not None and channel.music:
            yield "a customer who talks and hears music", channel.id, SILENT
        elif call.phase in (Phase.ENDING, Phase.LEAVING):
            yield "a customer who should be gone", channel.id, ALONE

    def _of_agent(self, world: World, agent: Agent) -> Iterator[tuple[str, str, float]]:
        phones = [self.toy.phones[phone] for phone in agent.phones if phone in self.toy.phones]
        if not phones:
            return
        mine = [channel for channel in self.toy.channels.values() if channel.phone in agent.phones]
        online = any(phone.online for phone in phones)
        nailed = agent.connect is ConnectMode.NAILED_UP
        session = [channel for channel in mine if channel.kind is Kind.SESSION]
        resting = (
            agent.rest_until > world.now
            or bool(agent.reserved_for)
            or (agent.work is Work.WRAP_UP and agent.wrap_until > world.now)
        )
        dialling = any(channel.kind is Kind.FEATURE for channel in mine)
        idle = session and session[0].up and not (session[0].bridge or dialling) if nailed else not mine and online
        call = world.calls.get(agent.call)
        waits = call is not None and call.transfer is not None and call.transfer.waits
        holds = call is not None and call.segment is not None and call.segment.on_hold
        offered = agent.work is Work.OFFERED or (agent.work is Work.TALKING and (waits or holds))
        if agent.intent is Intent.READY and idle and not resting and not offered and not self._eligible(world, agent):
            yield f"a stuck agent ({agent.work}, {agent.device})", agent.id, STUCK
        if agent.intent is Intent.LOGGED_OUT and session and agent.work is Work.IDLE:
            yield "a session of an agent who is logged out", agent.id, STUCK
        ours = agent.leg is not None or any(channel.kind is not Kind.PRIVATE for channel in mine)
        if not nailed and mine and not ours and agent.device is Device.AVAILABLE:
            yield "a phone in use believed to be free", agent.id, BUSY_UNSEEN
        if not nailed and not online and agent.device is not Device.OFFLINE:
            yield "a phone offline believed to be there", agent.id, BUSY_UNSEEN
        if agent.return_at is not None and agent.return_at < world.now:
            yield "a pause that should be over", agent.id, GHOST
        if agent.reserved_for and agent.reserved_for not in world.calls:
            yield "held for a call that is over", agent.id, 0.0
        if agent.work is Work.OFFERED and agent.call not in world.calls:
            yield "offered a call that is over", agent.id, 0.0

    def _eligible(self, world: World, agent: Agent) -> bool:
        return agent.id in world.matcher._pool_of

    # -- the end --------------------------------------------------------------------------------------------------

    def nothing_left(self, world: World) -> None:
        """Everybody has gone home: the PBX and the books are empty."""
        left = [channel for channel in self.toy.channels.values() if channel.in_app]
        must(not left, "left in the PBX:", left)
        must(not self.toy.bridges, "bridges left:", self.toy.bridges)
        must(not len(world.calls), "calls left in the books:", world.calls.values())
        must(not len(world.legs), "legs left in the books:", world.legs.values())
        busy = [agent for agent in world.agents.values() if agent.work is not Work.IDLE]
        must(not busy, "agents left at work:", busy)
        must(not len(world.callbacks), "promises left:", world.callbacks.values())
        must(all(leg.role is not LegRole.PARKED for leg in world.legs.values()), "a parked leg left")
