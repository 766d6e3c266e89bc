"""Where conformance scenarios are played: a PBX, people with phones, and the record of what the core would hear.

Rule of this file: a scenario knows a stage only by this interface, and a record is text. What is written of an event
is what the core acts upon; ids are written by the names that the scenario gave them, and order is kept per leg only,
for across legs a real PBX keeps none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable

from callbridge.core.model.events import (
    AnyEvent,
    CallerArrived,
    DigitPressed,
    FeatureDialled,
    LegEnded,
    LegJoined,
    LegLeft,
    LegParted,
    LegProbed,
    LegReplaced,
    LegTransferred,
    OrderFailed,
    PbxLost,
    PbxSnapshot,
    PhoneInspected,
    PlaybackEnded,
    SeenLeg,
)
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import Order, Ring
from tests.sim.toy import PBX

PATIENCE = 10.0
"""Seconds after which what a scenario waits for is not going to come."""

PARTS_OF_AN_END = (PlaybackEnded, LegParted, LegLeft, LegEnded, OrderFailed)


class Stage(ABC):
    """One scenario's PBX. What people do is done when the method returns; what it leads to is heard later."""

    def __init__(self) -> None:
        self.told: list[AnyEvent] = []
        self.names: dict[str, str] = {}

    # -- what a scenario can do

    def mint(self, name: str) -> str:
        """An id for Asterisk, written as ``name`` in the record."""
        minted = self.fresh_id()
        self.names[minted] = name
        return minted

    def mint_leg(self, name: str) -> LegId:
        return self.call(leg_id(PBX, self.fresh_id()), name)

    def call(self, leg: LegId, name: str) -> LegId:
        """Give a leg its name in the record."""
        self.names[leg] = name
        return leg

    @abstractmethod
    def fresh_id(self) -> str: ...

    @abstractmethod
    async def call_in(self, name: str, entry: str) -> LegId:
        """A caller dials an entry; returns when the arrival is heard."""

    @abstractmethod
    async def dial(self, name: str, phone: str, code: str) -> LegId:
        """A phone dials a feature code; returns when that is heard."""

    @abstractmethod
    async def order(self, *orders: Order) -> None:
        """Put orders into the lanes together; returns when each of them is carried out or refused."""

    @abstractmethod
    async def answer(self, leg: LegId) -> None: ...

    @abstractmethod
    async def refuse(self, leg: LegId, code: int) -> None: ...

    @abstractmethod
    async def hang_up(self, leg: LegId) -> None: ...

    @abstractmethod
    async def hold(self, leg: LegId) -> None: ...

    @abstractmethod
    async def unhold(self, leg: LegId) -> None: ...

    @abstractmethod
    async def press(self, leg: LegId, digit: str) -> None: ...

    @abstractmethod
    async def transfer(self, leg: LegId, to: str, *, stays: bool = False) -> None:
        """The phone sends its peer to a number by REFER (blind); it hangs up once that has worked, unless it ``stays``."""

    @abstractmethod
    async def race(self, leg: LegId, order: Order, *, answer_first: bool) -> None:
        """The phone answers and the order comes in the same moment, as seen by the PBX."""

    @abstractmethod
    async def lose_link(self) -> None: ...

    @abstractmethod
    async def regain_link(self) -> None:
        """Connect again; returns when the snapshot is heard."""

    @abstractmethod
    async def rest(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    async def until(self, leg: LegId | str, kind: type[AnyEvent], count: int = 1) -> AnyEvent:
        """The ``count``-th event of this kind about a leg (``""``: about the PBX), waited for."""

    @abstractmethod
    async def until_arrived(self, *before: LegId) -> LegId:
        """The first arrival that is none of these legs, waited for."""

    # -- the record

    def arrival(self, *before: LegId) -> LegId | None:
        arrived = (event.leg for event in self.told if isinstance(event, CallerArrived))
        return next((leg for leg in arrived if leg not in before), None)

    def dialled(self, *before: LegId) -> LegId | None:
        """The first feature call that is none of those."""
        legs = (event.leg for event in self.told if isinstance(event, FeatureDialled))
        return next((leg for leg in legs if leg not in before), None)

    def found(self, leg: LegId | str, kind: type[object], count: int = 1) -> AnyEvent | None:
        fits = [event for event in self.told if isinstance(event, kind) and about(event) == leg]
        return fits[count - 1] if len(fits) >= count else None

    def record(self) -> str:
        """What was told, leg by leg, without the answers to a HangUp that found nothing any more."""
        lines: defaultdict[str, list[str]] = defaultdict(list)
        for place, event in enumerate(self.told):
            who = about(event)
            if isinstance(event, LegEnded) and event.estimated and self._ends_anyway(event.leg, place):
                continue
            lines[self.named(who) if who else "pbx"] += self.said(event)
        return "".join(f"  {who}\n" + "".join(f"    {line}\n" for line in said) for who, said in sorted(lines.items()))

    def _ends_anyway(self, leg: LegId, place: int) -> bool:
        """Is the leg's end told as an event, too, and nothing but that after this place? An answer overtakes the events of an end
        that is under way, for it comes by another connection."""
        after = [event for event in self.told[place + 1 :] if about(event) == leg]
        ended = any(isinstance(event, LegEnded) and event.leg == leg and not event.estimated for event in self.told)
        return ended and all(isinstance(event, PARTS_OF_AN_END) for event in after)

    def named(self, id_: str) -> str:
        return self.names.get(id_, f"stranger {id_}")

    def said(self, event: object) -> list[str]:
        """An event in words: its kind, and what of it matters."""
        kind = type(event).__name__
        match event:
            case PbxSnapshot():
                return [kind, *self._listed(event)]
            case CallerArrived():
                return [f"{kind} {event.entry} {_state(event.up)} {_technology(event.channel_name)}"]
            case FeatureDialled():
                said = f"{event.feature} {event.argument}".strip()
                return [f"{kind} {said} {_state(event.up)} {_technology(event.channel_name)}"]
            case LegEnded(sip=None):
                return [f"{kind} estimated" if event.estimated else f"{kind} cause={event.cause}"]
            case LegEnded():
                return [f"{kind} cause={event.cause} sip={event.sip}"]
            case LegJoined() | LegParted():
                return [f"{kind} {self.named(event.bridge)}"]
            case LegReplaced():
                return [f"{kind} by {self.named(event.by)} {_technology(event.by_name)}"]
            case LegTransferred():
                how = "attended" if event.attended else "blind"
                return [f"{kind} to {event.target} {how} {'worked' if event.worked else 'failed'}"]
            case LegProbed():
                return [f"{kind} {'in' if event.in_app else 'not in'} app {_state(event.up)}"]
            case PhoneInspected():
                return [f"{kind} {event.phone}: {self._set(event.legs)}"]
            case DigitPressed():
                return [f"{kind} {event.digit}"]
            case PlaybackEnded():
                return [f"{kind} {self.named(event.playback)} {'failed' if event.failed else 'done'}"]
            case OrderFailed():
                return [f"{kind} {type(event.order).__name__} {event.why} {event.status}"]
            case _:
                return [kind]

    def _set(self, legs: Iterable[LegId]) -> str:
        return " ".join(sorted(map(self.named, legs)))

    def _made_for(self, leg: SeenLeg) -> str:
        return self.named(leg.customer) if leg.customer is not None else "nobody"

    def _listed(self, seen: PbxSnapshot) -> list[str]:
        legs = sorted(
            f"leg {self.named(leg.leg)} {_technology(leg.name)} {_state(leg.up)}"
            + (f" entry={leg.entry}" if leg.entry is not None else "")
            + (" feature" if leg.feature else "")
            + (f" {leg.role} of {leg.agent or 'nobody'} for {self._made_for(leg)}" if leg.role else "")
            for leg in seen.legs
        )
        bridges = sorted(
            f"bridge {self.named(one.bridge)} of {one.call or 'no call'}: {self._set(one.legs)}" for one in seen.bridges
        )
        return [f"  {line}" for line in [*legs, *bridges]]


def about(event: object) -> str:
    """The leg that an event is about; empty when it is about the PBX."""
    match event:
        case OrderFailed(order=order):
            return order.legs[0] if order.legs else ""
        case PbxSnapshot() | PbxLost() | PhoneInspected():
            return ""
        case _:
            return _leg_of(event)


def _leg_of(event: object) -> str:
    """mypy tries getattr with each kind of event that is left."""
    leg: str = getattr(event, "leg", "")
    return leg


def phone_of(order: Ring) -> str:
    return order.phone.partition("/")[2]


def _state(up: bool) -> str:
    return "up" if up else "not up"


def _technology(channel_name: str) -> str:
    """``PJSIP/1001`` of ``PJSIP/1001-0000002a``; the halves of a Local channel keep their numbers."""
    endpoint, _, serial = channel_name.rpartition("-")
    return f"{endpoint.partition('@')[0]}{serial[8:]}"
