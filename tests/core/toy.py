"""A toy PBX that obeys at once: small enough to trust, complete enough to run a call from end to end.

It exists to make single orders fail and to be found changed after a silence; the seeded one with delays and rude
people lives in tests/sim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from callbridge.core.model.events import (
    AmdDetourEnded,
    AnyEvent,
    CallerAudible,
    CallerIdentified,
    DayBegan,
    DevicesListed,
    DigitPressed,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegLeft,
    LegMoved,
    LegParted,
    LegProbed,
    LegRinging,
    LookedUp,
    OrderFailed,
    PartyFound,
    PbxLost,
    PbxSnapshot,
    PhoneInspected,
    PlanChanged,
    PlaybackEnded,
    RecordingEnded,
    ReferralRead,
    SeenBridge,
    SeenLeg,
    Why,
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
from callbridge.core.model.plan import Plan
from callbridge.core.model.world import World
from callbridge.core.reload import plan_change
from tests.core.ledger import ToyLedger
from tests.core.story import DAY, PBX, Story

NEVER = 1e9
REJECTS = -1.0
SOON = 0.01


@dataclass(slots=True)
class Channel:
    leg: LegId
    name: str
    created_at: float
    up: bool = False
    bridge: str | None = None
    entry: str | None = None
    phone: str = ""
    customer: bool = False
    """Called by us."""
    order: Ring | None = None
    """By which we made it."""
    music: bool = False
    playing: str = ""
    tier: str = "standard"
    silent_since: float | None = None
    """Up, and nothing is heard: no music, no prompt, no bridge."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Order number ``nth`` comes to nothing; ``done``: it was carried out all the same (a reply that got lost);
    ``link_up``: it was not sent, and the link is not lost over it."""

    nth: int
    why: Why
    done: bool = False
    link_up: bool = False


class Toy:
    """``picks_up``: seconds that each phone rings before it is answered, NEVER or REJECTS."""

    def __init__(
        self, story: Story, picks_up: Mapping[str, float], fault: Fault | None = None, always: type | None = None
    ) -> None:
        self.story = story
        self.picks_up = picks_up
        self.fault = fault
        self.always = always
        """Every order of this kind is refused."""
        self.channels: dict[LegId, Channel] = {}
        self.bridges: dict[str, tuple[Bridge, float]] = {}
        """By which order each was made, and when."""
        self.deaf = False
        self.obeyed: list[Order] = []
        self.knows: Mapping[str, str] | None = None
        """What other systems answer; they never do when ``knows_nothing``."""
        self.knows_nothing = False
        self.parties: dict[LegId, str] = {}
        """The phone at the other half of a Local channel."""
        self.identities: dict[LegId, dict[str, Any]] = {}
        """What the PBX knows of who is at a leg that a transfer has put here."""
        self.audio_after: float | None = 0.1
        """Seconds until audio comes from a caller, where it is watched for; None: it never does."""
        self.lasts = 0.3
        """Seconds of a prompt. One with ``missing`` in its name cannot be played, the end of an ``endless`` one is not told."""
        self.longest_silence = 0.0
        self.message = 4.0
        """Seconds that callers speak when they are recorded."""
        self.ledger = ToyLedger(lambda: self.story.now)
        self.refusal = 500
        self.heard = ("HUMAN", "HUMAN-800-800")
        self.listens = 1.0
        """What AMD() makes of anybody who answers, and how long that takes."""
        self.most = 1000
        """Orders; more are orders without end."""
        self._diary: list[tuple[float, int, Callable[[], None]]] = []
        self._n = 0

    # -- time ---------------------------------------------------------------------------------------------------

    def at(self, when: float, what: Callable[[], None]) -> None:
        self._n += 1
        heappush(self._diary, (when, self._n, what))

    def tell(self, event: AnyEvent) -> None:
        """An event goes out, unless nobody listens."""
        if not self.deaf:
            self.story.happens(event)
            for order in self.story.orders:
                self._receive(order)

    def run(self, until: float) -> None:
        """Let things happen, those of the PBX and the core's deadlines, in the order of time."""
        story = self.story
        while True:
            due = None if self.deaf else story.world.next_deadline()
            at = min(self._diary[0][0] if self._diary else NEVER * 10, due if due is not None else NEVER * 10)
            if at > until:
                break
            story.now = max(story.now, at)
            self._listen()
            if self._diary and self._diary[0][0] <= at:
                heappop(self._diary)[2]()
            else:
                passed = story.world.take_due(story.now)
                assert passed is not None
                self.tell(passed)
            assert len(self.obeyed) < self.most, "orders without end"
        story.now = until
        self._listen()

    def _listen(self) -> None:
        """How long has each caller heard nothing?"""
        now = self.story.now
        for channel in self.channels.values():
            heard = channel.music or channel.playing or channel.bridge is not None
            if not (channel.entry is not None or channel.customer) or not channel.up or heard:
                channel.silent_since = None
                continue
            channel.silent_since = now if channel.silent_since is None else channel.silent_since
            self.longest_silence = max(self.longest_silence, now - channel.silent_since)

    def soon(self, make: Callable[[float], AnyEvent], after: float = SOON) -> None:
        self.at(self.story.now + after, lambda: self.tell(make(self.story.now)))

    # -- people -------------------------------------------------------------------------------------------------

    def calls(self, name: str, *, entry: str = "support", tier: str = "standard") -> LegId:
        leg = leg_id(PBX, name)
        self.channels[leg] = Channel(leg, f"PJSIP/trunk-{name}", self.story.now, entry=entry, tier=tier)
        self.tell(self.story.arrival(name, entry=entry, tier=tier))
        return leg

    def hangs_up(self, leg: LegId, cause: int = 16) -> None:
        """The far end hangs up, or the channel dies."""
        channel = self.channels.pop(leg, None)
        if channel is None:
            return
        bridge = channel.bridge
        if bridge is not None:
            self.soon(lambda at: LegParted(at=at, leg=leg, bridge=bridge))
        self.soon(lambda at: LegLeft(at=at, leg=leg))
        self.soon(lambda at: LegEnded(at=at, leg=leg, cause=cause), 2 * SOON)

    def _phone(self, leg: LegId, agent: str) -> None:
        def answers() -> None:
            channel = self.channels.get(leg)
            if channel is not None and not channel.up:
                channel.up = True
                self.tell(LegAnswered(at=self.story.now, leg=leg))

        wish = self.picks_up.get(agent, 1.0)
        self.soon(lambda at: LegRinging(at=at, leg=leg), 2 * SOON)
        if wish == REJECTS:
            self.at(self.story.now + 1.0, lambda: self.hangs_up(leg, 21))
        elif wish < NEVER:
            self.at(self.story.now + wish, answers)

    # -- orders -------------------------------------------------------------------------------------------------

    def _receive(self, order: Order) -> None:
        nth = len(self.obeyed)
        self.obeyed.append(order)
        fault = self.fault
        if self.always is not None and isinstance(order, self.always):
            self._refuse(order, self.refusal)
        elif fault is None or fault.nth != nth:
            self._obey(order)
        else:
            if fault.done:
                self._obey(order)
            status = 500 if fault.why is Why.REFUSED else 0
            self.soon(lambda at: OrderFailed(at=at, order=order, why=fault.why, status=status), 3 * SOON)
            if fault.why is Why.UNSENT and not fault.link_up:
                self.at(self.story.now + 4 * SOON, self.cut)
                self.at(self.story.now + 1.0, self.reconnect)

    def _refuse(self, order: Order, status: int) -> None:
        self.soon(lambda at: OrderFailed(at=at, order=order, why=Why.REFUSED, status=status))

    def _obey(self, order: Order) -> None:
        match order:
            case Ring(leg=leg):
                self.channels[leg] = Channel(leg, f"{order.phone}-{len(self.obeyed):08x}", self.story.now, phone=order.phone)
                self.channels[leg].customer = order.role == "customer"
                self.channels[leg].order = order
                self._phone(leg, order.agent or order.phone)
            case Bridge():
                self._bridge(order)
            case DropBridge():
                self._drop(order.bridge)
            case HangUp(leg=leg):
                self.hangs_up(leg)
            case Probe(leg=leg):
                self._probe(leg)
            case InspectPhone(phone=phone):
                there = tuple(channel.leg for channel in self.channels.values() if channel.phone == phone)
                self.soon(lambda at: PhoneInspected(at=at, phone=phone, legs=there))
            case ReadReferral(leg=leg):
                self.soon(lambda at: ReferralRead(at=at, leg=leg, host=""))
            case FindParty(leg=leg):
                self.soon(lambda at: PartyFound(at=at, leg=leg, phone=self.parties.get(leg, "")))
            case IdentifyCaller(leg=leg):
                self.soon(lambda at: CallerIdentified(at=at, leg=leg, **self.identities.get(leg, {"found": False})))
            case ShowCaller():
                pass
            case WatchAudio(leg=leg):
                if self.audio_after is not None:
                    self.soon(lambda at: CallerAudible(at=at, leg=leg), order.after + self.audio_after)
            case LookUp(call=call, question=question):
                if not self.knows_nothing:
                    self.soon(lambda at: LookedUp(at=at, call=call, question=question, found=self.knows))
            case StartAmdDetour(leg=leg) if leg in self.channels:
                self.soon(lambda at: LegMoved(at=at, leg=leg))
                verdict, cause = self.heard
                self.soon(lambda at: AmdDetourEnded(at=at, leg=leg, verdict=verdict, cause=cause), self.listens)
            case FindLeads() | ReserveAttempts() | CloseAttempt() | BlockNumber():
                self.ledger.obey(order, self.soon)
            case _ if order.leg not in self.channels:
                self._refuse(order, 404)
            case Answer(leg=leg):
                self.channels[leg].up = True
                self.soon(lambda at: LegAnswered(at=at, leg=leg))
            case Play():
                self._play(order)
            case Record(leg=leg, recording=recording):
                self.channels[leg].music, self.channels[leg].playing = False, recording
                self.at(self.story.now + self.message, lambda: self._end_recording(leg, recording))
            case StopPlaying(leg=leg, playback=playback):
                if self.channels[leg].playing == playback:
                    self.channels[leg].playing = ""
                    self.soon(lambda at: PlaybackEnded(at=at, leg=leg, playback=playback, failed=False))
            case StartMusic(leg=leg):
                self.channels[leg].music = True
            case StopMusic(leg=leg):
                self.channels[leg].music = False
            case LeaveToDialplan(leg=leg):
                del self.channels[leg]
                self.soon(lambda at: LegMoved(at=at, leg=leg))
            case (
                StartRinging()
                | StopRinging()
                | Subscribe()
                | StartRecording()
                | CheckRecording()
                | PauseRecording()
                | StopRecording()
            ):
                pass

    def _play(self, order: Play) -> None:
        """A playback stops the music for good, as Asterisk does."""
        channel = self.channels[order.leg]
        channel.music, channel.playing = False, order.playback

        def ends(failed: bool) -> None:
            known = self.channels.get(order.leg)
            if known is not None and known.playing == order.playback:
                known.playing = ""
                self.tell(PlaybackEnded(at=self.story.now, leg=order.leg, playback=order.playback, failed=failed))

        if "missing" in order.media:
            self.at(self.story.now + SOON, lambda: ends(True))
        elif "endless" not in order.media:
            self.at(self.story.now + self.lasts, lambda: ends(False))

    def _end_recording(self, leg: LegId, recording: str) -> None:
        channel = self.channels.get(leg)
        if channel is not None and channel.playing == recording:
            channel.playing = ""
            self.tell(RecordingEnded(at=self.story.now, leg=leg, recording=recording, lasted=self.message, failed=False))

    def presses(self, leg: LegId, digits: str) -> None:
        for digit in digits:
            if leg in self.channels:
                self.tell(DigitPressed(at=self.story.now, leg=leg, digit=digit))

    def _bridge(self, order: Bridge) -> None:
        if not all(leg in self.channels for leg in order.legs):
            self._refuse(order, 400)
            return
        self.bridges.setdefault(order.bridge, (order, self.story.now))
        self.channels[order.legs[0]].music = False
        for leg in order.legs:
            self.channels[leg].bridge = order.bridge
            self.soon(lambda at, leg=leg: LegJoined(at=at, leg=leg, bridge=order.bridge))  # type: ignore[misc]

    def _drop(self, bridge: str) -> None:
        for channel in self.channels.values():
            if channel.bridge == bridge:
                channel.bridge = None
                self.soon(lambda at, leg=channel.leg: LegParted(at=at, leg=leg, bridge=bridge))  # type: ignore[misc]

    def _probe(self, leg: LegId) -> None:
        channel = self.channels.get(leg)
        if channel is None:
            self.soon(lambda at: LegEnded(at=at, leg=leg, estimated=True))
        else:
            self.soon(lambda at: LegProbed(at=at, leg=leg, in_app=True, up=channel.up))

    # -- the link -----------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """The socket breaks: what is under way is never heard."""
        self.tell(PbxLost(at=self.story.now, pbx=PBX))
        self.deaf = True

    def reconnect(self, heard_at: float | None = None) -> None:
        """A new socket and a listing of all there is. What went out to the old one is lost. ``heard_at``: until when the old one
        was good; a second ago."""
        self.deaf = False
        bridges: dict[str, list[LegId]] = {}
        for channel in self.channels.values():
            if channel.bridge is not None:
                bridges.setdefault(channel.bridge, []).append(channel.leg)
        legs = tuple(
            SeenLeg(
                leg=c.leg,
                name=c.name,
                up=c.up,
                created_at=c.created_at,
                entry=c.entry,
                tier=c.tier,
                role=c.order.role if c.order is not None else "",
                agent=c.order.agent if c.order is not None else "",
                customer=c.order.originator if c.order is not None else None,
            )
            for c in self.channels.values()
        )
        seen = tuple(self._seen(bridge, inside) for bridge, inside in bridges.items())
        now = self.story.now
        self.tell(
            PbxSnapshot(
                at=now,
                pbx=PBX,
                requested_at=now,
                last_heard_at=now - 1.0 if heard_at is None else heard_at,
                legs=legs,
                bridges=seen,
            )
        )

    def _seen(self, bridge: str, inside: list[LegId]) -> SeenBridge:
        order, created_at = self.bridges[bridge]
        about = {"call": order.call, "queue": order.queue, "agent": order.agent}
        return SeenBridge(bridge=bridge, legs=tuple(inside), created_at=created_at, **about)

    def restart(self, *, saved: bool = True, plan: Plan | None = None, unreadable: tuple[str, str] | None = None) -> None:
        """The core dies and comes back, with its saved rows (but for an ``unreadable`` one: table and key, or a whole table and
        no key) or with nothing, and with another plan if one is given."""
        story, old = self.story, self.story.world
        plan = plan or old.plan
        story.world = World(plan, "u" if saved else "v")
        story.world.now = old.now
        if saved:
            story.world.seq = old.seq
            rows = {name: dict(table.rows()) for name, table in old.saved_tables().items()}
            if unreadable is not None:
                table, key = unreadable
                rows[table] = {kept: row for kept, row in rows[table].items() if key and kept != key}
                story.unsettled = True
            story.world.restore({name: kept.values() for name, kept in rows.items()})
            plan_change.restored(story.world)
        else:
            story.books = type(story.books)()
        self.deaf = False
        self.tell(DayBegan(at=story.now, day=DAY))
        self.tell(PlanChanged(at=story.now, plan=plan, force=True))
        self.reconnect()
        self.tell(DevicesListed(at=story.now, states={}))
