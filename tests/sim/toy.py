"""A toy PBX that behaves towards the core as Asterisk behaves through our ARI and AMI adapters.

It keeps channels, bridges and phones, obeys orders with the real refusals, and tells what happens in the real order.
What people do with their phones is not decided here but in ``people``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Protocol

from callbridge.core.model.events import (
    AmdDetourEnded,
    AnyEvent,
    CallerArrived,
    CallerAudible,
    CallerIdentified,
    DeviceChanged,
    DevicesListed,
    FeatureDialled,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegJoined,
    LegLeft,
    LegMoved,
    LegParted,
    LegProbed,
    LegRinging,
    LookedUp,
    PartyFound,
    PbxSnapshot,
    PhoneInspected,
    PlaybackEnded,
    RecordingEnded,
    ReferralRead,
    SeenBridge,
    SeenLeg,
)
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import (
    Answer,
    BlockNumber,
    Bridge,
    CheckRecording,
    CloseAttempt,
    DropBridge,
    FindLeads,
    FindParty,
    HangUp,
    IdentifyCaller,
    InspectPhone,
    LeaveToDialplan,
    LookUp,
    Order,
    PauseRecording,
    Play,
    Probe,
    ReadReferral,
    Record,
    ReserveAttempts,
    Ring,
    ShowCaller,
    Snoop,
    StartAmdDetour,
    StartMusic,
    StartRecording,
    StartRinging,
    StopMusic,
    StopPlaying,
    StopRecording,
    StopRinging,
    Subscribe,
    WatchAudio,
)
from tests.sim.agenda import Agenda
from tests.sim.parts import Channel, Code, Kind, Link, Phone, Reply, Witness

PBX = "pbx"
LOSABLE = (LegRinging, LegAnswered, LegEnded, LegParted, LegMoved, PlaybackEnded)
"""Events whose loss the design can bear: each has a watchdog or a second witness."""
NOTICED = 0.3
"""Seconds after which a feature call has been heard of, and no Ring from before is still on its way."""
CAUSES = {"normal": 16, "no_answer": 19, "answered_elsewhere": 26}


RUNG = frozenset({Kind.AGENT, Kind.SESSION, Kind.OUTSIDE, Kind.SUPERVISOR})
"""Kinds of channels that we make and that ring somewhere."""

_ToOne = (
    Subscribe
    | Answer
    | StartAmdDetour
    | StartMusic
    | StopMusic
    | StartRinging
    | StopRinging
    | Snoop
    | Play
    | Record
    | StopPlaying
    | HangUp
    | LeaveToDialplan
    | Probe
    | WatchAudio
)


class TieLine(Protocol):
    """What a PBX asks of its trunk to the other one."""

    def is_calm(self) -> bool:
        """Has everything arrived for a while?"""

    def leads_to(self, toy: ToyPbx, phone: str) -> bool:
        """Is this a phone of the other PBX?"""

    def invite(self, toy: ToyPbx, channel: Channel, order: Ring) -> None: ...

    def answered(self, toy: ToyPbx, channel: Channel) -> None: ...

    def ended(self, toy: ToyPbx, channel: Channel, cause: int) -> None: ...

    def hang_up_phone(self, toy: ToyPbx, channel: Channel) -> None:
        """Who holds the phone at the other end of this channel hangs up."""


class ToyPbx:
    """``name``: of one of several PBXs; their phones' names begin with it."""

    def __init__(
        self, agenda: Agenda, rng: Random, hear: Callable[[AnyEvent], None], *, lose: float = 0.0, name: str = PBX
    ) -> None:
        self.name = name
        self.tie: TieLine | None = None
        self.running = True
        self.agenda = agenda
        self.rng = rng
        self.hear = hear
        self.lose = lose
        self.people = Witness()
        self.channels: dict[LegId, Channel] = {}
        self.bridges: dict[str, list[LegId]] = {}
        self.phones: dict[str, Phone] = {}
        self.link = Link()
        self.app_up = True
        self.trouble_at = float("-inf")
        """When something last went wrong that an ordinary day would not bring."""
        self.thrown_out: list[LegId] = []
        """Customers whom we hung up before anybody talked to them."""
        self.rung_twice: list[LegId] = []
        """Legs made to a phone that had a leg of ours already."""
        self.rung_while_dialling: list[LegId] = []
        """Legs made to a phone that had long been making a feature call."""
        self.customers: set[LegId] = set()
        self.given: dict[LegId, LegId] = {}
        """Who took the place of a receptionist's channel."""
        self.silent = 0.0
        """The share of callers from whom no audio comes."""
        self.few_numbers = False
        """Customers call again, and are called back at the numbers that they call from."""
        self.codes: dict[LegId, Code] = {}
        self._made = 0
        self._made_by: dict[str, tuple[Bridge, float]] = {}
        """Bridge -> the order that made it, and when."""
        self._ami_at = 0.0
        self._ami_epoch = 0

    # -- telling --------------------------------------------------------------------------------------------------

    def say(self, event: AnyEvent) -> None:
        """Put an event on the socket: heard in order, a little later, or never."""
        if not self.link.up:
            return
        if self.lose and isinstance(event, LOSABLE) and self.rng.random() < self.lose:
            self.trouble_at = self.agenda.now
            return
        self.link.last_at = max(self.link.last_at, self.agenda.now + self.rng.uniform(0.001, 0.02))
        epoch = self.link.epoch
        self.agenda.at(self.link.last_at, lambda: self._deliver(event, epoch))

    def _deliver(self, event: AnyEvent, epoch: int) -> None:
        if epoch != self.link.epoch:
            return
        if self.link.holding:
            self.link.held.append(event)
        else:
            self.hear(replace(event, at=self.agenda.now))

    def device_moved(self, name: str) -> None:
        """AMI tells a phone's state, later than ARI tells the same."""
        phone = self.phones.get(name)
        if not self.running or phone is None or (state := self.device_state(name)) == phone.told:
            return
        phone.told = state
        self._ami_at = max(self._ami_at, self.agenda.now + self.rng.uniform(0.01, 0.3))
        epoch = self._ami_epoch
        self.agenda.at(self._ami_at, lambda: self._deliver_device(name, state, epoch))

    def _deliver_device(self, name: str, state: str, epoch: int) -> None:
        if epoch == self._ami_epoch:
            self.hear(DeviceChanged(at=self.agenda.now, phone=name, state=state))

    def device_state(self, name: str) -> str:
        if not self.phones[name].online:
            return "UNAVAILABLE"
        mine = self.on_phone(name)
        if any(channel.up for channel in mine):
            return "INUSE"
        return "RINGING" if mine else "NOT_INUSE"

    def on_phone(self, name: str) -> list[Channel]:
        return [channel for channel in self.channels.values() if channel.phone == name]

    def devices(self) -> DevicesListed:
        for name, phone in self.phones.items():
            phone.told = self.device_state(name)
        return DevicesListed(at=self.agenda.now, states={name: phone.told for name, phone in self.phones.items()})

    # -- the link -------------------------------------------------------------------------------------------------

    def go_deaf(self) -> None:
        """From now on nothing is heard; Asterisk has not noticed yet."""
        self.link = Link(up=False, epoch=self.link.epoch + 1, last_at=self.link.last_at)

    def crash(self) -> None:
        """All channels are gone, and nothing is said of it."""
        self.go_deaf()
        self.forget_ami()
        self.app_up = self.running = False
        self.channels.clear()
        self.bridges.clear()

    def forget_ami(self) -> None:
        self._ami_epoch += 1

    def reconnect(self) -> None:
        """The socket is back: live events are held until the snapshot is applied."""
        self.link.up, self.link.holding, self.app_up = True, True, True

    def snapshot(self, requested_at: float, last_heard_at: float) -> PbxSnapshot:
        ours = [channel for channel in self.channels.values() if channel.in_app and channel.kind is not Kind.PRIVATE]
        seen = [
            SeenLeg(
                leg=channel.id,
                name=channel.name,
                up=channel.up,
                created_at=channel.created_at,
                entry=channel.entry or None,
                tier=channel.tier,
                transferred=channel.given,
                feature=channel.kind is Kind.FEATURE,
                role=channel.kind if channel.rung_for is not None or channel.kind is Kind.SNOOP else "",
                agent=channel.rung_for or "",
                customer=channel.named or channel.caller,
            )
            for channel in ours
        ]
        bridges = [self._seen(name, legs) for name, legs in self.bridges.items()]
        return PbxSnapshot(
            at=self.agenda.now,
            pbx=self.name,
            requested_at=requested_at,
            last_heard_at=last_heard_at,
            legs=tuple(seen),
            bridges=tuple(bridges),
        )

    def _seen(self, bridge: str, legs: list[LegId]) -> SeenBridge:
        order, created_at = self._made_by[bridge]
        members, about = tuple(legs), {"call": order.call, "queue": order.queue, "agent": order.agent}
        return SeenBridge(bridge=bridge, legs=members, created_at=created_at, **about)

    def release_held(self) -> None:
        held, self.link.held, self.link.holding = self.link.held, [], False
        for event in held:
            self.hear(replace(event, at=self.agenda.now))

    # -- what happens to channels ---------------------------------------------------------------------------------

    def new_id(self) -> LegId:
        """An id of Asterisk's own."""
        self._made += 1
        return leg_id(self.name, f"17000.{self._made}")

    def channel_name(self, phone: str, serial: int) -> str:
        """Of a new channel at this phone: Asterisk knows nothing of the names of several PBXs."""
        return f"{phone.removeprefix(self.name + '/')}-{serial:08x}"

    def open(self, channel: Channel) -> None:
        self.channels[channel.id] = channel
        self.device_moved(channel.phone)

    def arrive(self, channel: Channel) -> None:
        """A channel reaches ``Stasis(callbridge,inbound,<entry>)``; without us it goes on to the fallback."""
        if not self.app_up:
            self.channels.pop(channel.id, None)
            self.device_moved(channel.phone)
            return
        self.open(channel)
        if channel.kind is Kind.FEATURE:
            self._dialled(channel)
            return
        if channel.kind is Kind.CUSTOMER:
            self.customers.add(channel.id)
        number = channel.number = f"+4470{self._made % 10}" if self.few_numbers else f"+44{self._made:06d}"
        self.say(
            CallerArrived(
                at=0.0,
                leg=channel.id,
                entry=channel.entry,
                channel_name=channel.name,
                number=number,
                name="",
                tier=channel.tier,
                up=channel.up,
            )
        )

    def _dialled(self, channel: Channel) -> None:
        code = self.codes[channel.id]
        self.say(
            FeatureDialled(
                at=0.0,
                leg=channel.id,
                feature=code.feature,
                argument=code.argument,
                channel_name=channel.name,
                up=channel.up,
            )
        )

    def phone_rings(self, leg: LegId) -> None:
        self.say(LegRinging(at=0.0, leg=leg))

    def answer(self, leg: LegId) -> None:
        channel = self.channels.get(leg)
        if channel is None or channel.up:
            return
        channel.up = True
        if channel.kind is Kind.FAR_END and self.tie is not None:
            self.device_moved(channel.phone)
            self.tie.answered(self, channel)
            return
        self.say(LegAnswered(at=0.0, leg=leg))
        self.device_moved(channel.phone)
        self.people.answered(leg)

    def leave(self, leg: LegId) -> None:
        """Anybody who holds this phone hangs up."""
        channel = self.channels.get(leg)
        if channel is not None and channel.tied is not None and channel.kind is not Kind.FAR_END and self.tie is not None:
            self.tie.hang_up_phone(self, channel)
        elif channel is not None and channel.kind is Kind.CUSTOMER and not channel.up:
            self.end(leg, 127, sip=487)
        elif channel is not None:
            # The BYE of somebody who called and was never put through has no cause.
            self.end(leg, 0 if channel.kind in (Kind.CUSTOMER, Kind.FEATURE) and not channel.joined else 16)

    def end(self, leg: LegId | None, cause: int = 16, sip: int | None = None) -> None:
        """The channel is gone, with all that Asterisk tells about it; a Local channel ends with both halves."""
        channel = self.channels.pop(leg, None) if leg is not None else None
        if channel is None:
            return
        self._part(channel)
        for playback in channel.playing:
            self.say(PlaybackEnded(at=0.0, leg=channel.id, playback=playback, failed=True))
        if channel.in_app and channel.kind is not Kind.PRIVATE:
            self.say(LegLeft(at=0.0, leg=channel.id))
        if channel.told:
            self.say(LegEnded(at=0.0, leg=channel.id, cause=cause, sip=sip))
        self.device_moved(channel.phone)
        if channel.tied is not None and self.tie is not None:
            self.tie.ended(self, channel, cause)
        self.end(channel.other)
        for snoop in [one for one in self.channels.values() if one.spies_on == channel.id]:
            self.end(snoop.id)

    def _part(self, channel: Channel) -> None:
        if channel.bridge is not None:
            self.bridges[channel.bridge].remove(channel.id)
            self.say(LegParted(at=0.0, leg=channel.id, bridge=channel.bridge))
            channel.bridge = None

    def swap(self, out: Channel, new: Channel) -> None:
        """Put ``new`` in the place of ``out`` in its bridge, as a transfer does."""
        bridge = out.bridge
        assert bridge is not None
        self._part(out)
        new.bridge, new.joined = bridge, True
        self.bridges[bridge].append(new.id)
        self.say(LegJoined(at=0.0, leg=new.id, bridge=bridge))

    # -- orders ---------------------------------------------------------------------------------------------------

    def occupied(self, order: Order) -> float:
        """Seconds for which the order waits in the queue of a channel behind its playbacks."""
        if not isinstance(order, Answer | Bridge):
            return 0.0
        ends = [channel.plays_until for leg in order.legs if (channel := self.channels.get(leg)) is not None]
        return max(0.0, max(ends, default=0.0) - self.agenda.now)

    def perform(self, order: Order) -> Reply:
        """Do what an HTTP request asks for, now."""
        if not self.running:
            return Reply(503)
        match order:
            case Ring():
                return Reply(self._ring(order))
            case Bridge():
                return Reply(self._bridge(order))
            case DropBridge(bridge=bridge):
                return Reply(self._drop(bridge))
            case InspectPhone(phone=phone):
                legs = tuple(channel.id for channel in self.on_phone(phone))
                return Reply(200, PhoneInspected(at=0.0, phone=phone, legs=legs))
            case ReadReferral(leg=leg):
                return Reply(200, ReferralRead(at=0.0, leg=leg, host=""))
            case FindParty(leg=leg):
                party = self.party_of(leg)
                return Reply(200, PartyFound(at=0.0, leg=leg, phone=party.phone if party is not None else ""))
            case IdentifyCaller(leg=leg):
                return Reply(200, self._identified(leg))
            case ShowCaller():
                return Reply()
            case StartRecording() | CheckRecording() | PauseRecording() | StopRecording():
                return Reply(200)
            case LookUp(call=call, question=question):
                return Reply(200, LookedUp(at=0.0, call=call, question=question, found=None))
            case FindLeads() | ReserveAttempts() | CloseAttempt() | BlockNumber():
                return Reply(200)
            case _:
                channel = self.channels.get(order.of if isinstance(order, Snoop) else order.leg)
                return self._to_nobody(order) if channel is None else self._to_channel(order, channel)

    def party_of(self, leg: LegId) -> Channel | None:
        """Who is connected with the other half of a Local channel; None when nobody is, or there is no other half."""
        half = self.channels.get(leg)
        other = self.channels.get(half.other) if half is not None and half.other is not None else None
        return self.channels.get(other.talks_with) if other is not None and other.talks_with is not None else None

    def _identified(self, leg: LegId) -> CallerIdentified:
        channel = self.channels.get(leg)
        caller = self.party_of(leg) if channel is not None and channel.other is not None else channel
        if caller is None:
            return CallerIdentified(at=0.0, leg=leg, found=False)
        return CallerIdentified(at=0.0, leg=leg, number=caller.number, tier=caller.tier)

    def _to_nobody(self, order: Order) -> Reply:
        match order:
            case Probe(leg=leg):
                return Reply(404, LegEnded(at=0.0, leg=leg, estimated=True))
            case Subscribe():
                return Reply(422)
            case WatchAudio():
                return Reply()
            case _:
                return Reply(404)

    def _to_channel(self, order: _ToOne, channel: Channel) -> Reply:
        match order:
            case HangUp(reason=reason):
                self._hang_up(channel, CAUSES.get(reason, 16))
                return Reply()
            case Probe(leg=leg):
                replied = channel.replied if order.replies and channel.tied is not None else None
                return Reply(200, LegProbed(at=0.0, leg=leg, in_app=channel.in_app, up=channel.up, replied=replied))
            case Subscribe():
                channel.told = True
                return Reply()
            case WatchAudio():
                self._watch_audio(order, channel)
                return Reply()
        if not channel.in_app:
            return Reply(409)
        ringing = channel.kind in RUNG and not channel.up
        if ringing and isinstance(order, Play | StartMusic | LeaveToDialplan):
            return Reply(412)
        match order:
            case Answer(leg=leg):
                self.answer(leg)
            case StartMusic():
                channel.music = True
            case StopMusic():
                channel.music = False
            case StartRinging() | StopRinging():
                pass
            case Snoop():
                return Reply(self._snoop(order, channel))
            case Play():
                self._play(order, channel)
            case Record(leg=leg, recording=recording):
                ended = RecordingEnded(at=0.0, leg=leg, recording=recording, lasted=2.0, failed=False)
                self.agenda.at(self.agenda.now + 2.0, lambda: self.say(ended))
            case StopPlaying(playback=playback):
                return self._stop_playing(channel, playback)
            case LeaveToDialplan():
                self.agenda.at(channel.plays_until, lambda: self._send_on(channel))
            case StartAmdDetour():
                self._send_on(channel)
                self.agenda.after(self.rng.uniform(0.3, 2.5), lambda: self._come_back(channel))
        return Reply()

    def _watch_audio(self, order: WatchAudio, channel: Channel) -> None:
        """The watch ends with the link, as what is on the socket does."""
        if channel.silent:
            return

        def heard() -> None:
            if channel.id in self.channels and self.agenda.now < order.until:
                self.say(CallerAudible(at=0.0, leg=channel.id))

        self.agenda.after(order.after + self.rng.expovariate(1.0), heard)

    def _come_back(self, channel: Channel) -> None:
        """The dialplan has heard who has answered; without us, people hear its message."""
        if channel.id not in self.channels:
            return
        if self.app_up:
            channel.in_app = True
            verdict = self.rng.choice(["HUMAN", "HUMAN", "MACHINE", "NOTSURE"])
            self.say(AmdDetourEnded(at=0.0, leg=channel.id, verdict=verdict, cause="HUMAN-800-800" if verdict == "HUMAN" else ""))
        else:
            self.agenda.after(1.0, lambda: self.end(channel.id))

    def _snoop(self, order: Snoop, spied: Channel) -> int:
        """A Snoop channel lives as long as the one that it spies on."""
        if order.leg in self.channels:
            return 500
        snoop = Channel(
            id=order.leg,
            name=f"Snoop/{spied.id}",
            kind=Kind.SNOOP,
            created_at=self.agenda.now,
            up=True,
            told=True,
            spies_on=spied.id,
        )
        self.open(snoop)
        self.say(LegEntered(at=0.0, leg=order.leg))
        return 200

    def _play(self, order: Play, channel: Channel) -> None:
        """One after the other; missing media ends at once."""
        failed = "missing" in order.media
        channel.music = False
        channel.plays_until = max(channel.plays_until, self.agenda.now) + (0.0 if failed else 0.3)
        channel.playing.append(order.playback)

        def ended() -> None:
            if channel.id in self.channels and order.playback in channel.playing:
                channel.playing.remove(order.playback)
                self.say(PlaybackEnded(at=0.0, leg=channel.id, playback=order.playback, failed=failed))

        self.agenda.at(channel.plays_until, ended)
        if channel.kind is Kind.FEATURE:
            self.people.spoken_to(channel.id)

    def _stop_playing(self, channel: Channel, playback: str) -> Reply:
        """What plays ends like one that was heard to its end; what is over already is not found."""
        if playback not in channel.playing:
            return Reply(404)
        channel.playing.remove(playback)
        channel.plays_until = self.agenda.now
        self.say(PlaybackEnded(at=0.0, leg=channel.id, playback=playback, failed=False))
        return Reply()

    def _send_on(self, channel: Channel) -> None:
        if channel.id in self.channels and channel.in_app:
            self._part(channel)
            channel.in_app = channel.music = False
            self.say(LegMoved(at=0.0, leg=channel.id))

    def _hang_up(self, channel: Channel, cause: int) -> None:
        if channel.kind is Kind.CUSTOMER and not (channel.talked or channel.unwanted):
            self.thrown_out.append(channel.id)
        if not channel.up and channel.tied is None and self.people.races(channel.id):
            self.answer(channel.id)
        self.end(channel.id, cause, sip=480 if cause == 19 else None)

    def _ring(self, order: Ring) -> int:
        if order.leg in self.channels:
            return 409
        far = self.tie is not None and self.tie.leads_to(self, order.phone)
        if not far and not self.phones.setdefault(order.phone, Phone(order.phone)).online:
            return 500
        if (originator := self.channels.get(order.originator or LegId(""))) is not None:
            originator.told = True  # Asterisk subscribes us to it; one that is gone is no reason to refuse
        dialling = [channel for channel in self.on_phone(order.phone) if channel.kind is Kind.FEATURE]
        for_work = order.role in ("agent", "session")
        if for_work and any(self.agenda.now - channel.created_at > NOTICED for channel in dialling):
            self.rung_while_dialling.append(order.leg)
        kind = Kind(order.role)
        self._made += 1
        channel = Channel(
            id=order.leg,
            name=f"PJSIP/tie-{self._made:08x}" if far else self.channel_name(order.phone, self._made),
            kind=kind,
            created_at=self.agenda.now,
            phone="" if far else order.phone,
            told=True,
            caller=self.given.get(order.originator, order.originator) if order.originator is not None else None,
            named=order.originator if order.originator in self.given else None,
            rung_for=order.agent,
            rings_until=self.agenda.now + order.give_up - 5.0,
            unwanted=kind is Kind.CUSTOMER,
        )
        if not far:
            self.note_rung_twice(channel)
        self.open(channel)
        self.say(LegEntered(at=0.0, leg=order.leg))
        if far and self.tie is not None:
            self.tie.invite(self, channel, order)
        else:
            self.phone_rings(order.leg)
            self.people.rings(order.leg, order)
        self.agenda.after(order.give_up, lambda: None if channel.up else self.end(channel.id, 19, sip=480))
        return 204

    def note_rung_twice(self, channel: Channel) -> None:
        """Has the phone another leg of ours? What has died on the way to it, over the tie line, does not count."""
        calm = self.tie is None or self.tie.is_calm()
        if calm and any(other.kind in (Kind.AGENT, Kind.FAR_END) for other in self.on_phone(channel.phone)):
            self.rung_twice.append(channel.id)

    def _bridge(self, order: Bridge) -> int:
        if (first := self.channels.get(order.legs[0])) is not None:
            first.music = False
        members = self.bridges.setdefault(order.bridge, [])
        self._made_by.setdefault(order.bridge, (order, self.agenda.now))
        found = [self.channels.get(leg) for leg in order.legs]
        channels = [channel for channel in found if channel is not None]
        if len(channels) < len(found):
            return 400
        if not all(channel.in_app for channel in channels):
            return 422
        if self.lose and self.rng.random() < self.lose:
            self.trouble_at = self.agenda.now
            return 204  # it does not prove that anybody is in the bridge
        for channel in channels:
            if channel.bridge != order.bridge:
                self._part(channel)
                channel.bridge, channel.joined = order.bridge, True
                members.append(channel.id)
                self.say(LegJoined(at=0.0, leg=channel.id, bridge=order.bridge))
        self.people.together(order.bridge)
        return 204

    def _drop(self, bridge: str) -> int:
        if bridge not in self.bridges:
            return 404
        for leg in self.bridges[bridge][:]:
            self._part(self.channels[leg])
        del self.bridges[bridge]
        return 204
