"""Golden stories as text that a supervisor can read: what happened, what callbridge ordered, and what it published.

A line that begins with a time or a name is an input; indented lines are what came of it (``->`` orders, ``::`` facts).
A trace is read by its inputs alone and written again whole, so the comparison is one of texts.

    queue support wrap_up=10 : support >= 3 for 8 | support >= 1        set-up lines: ``trace_setup``
    agent bob support=3
    0.0  ann calls support [diamond]
    9.0  ann presses 1             9.5  ann hears the prompt
    20.0 bob requests consult agent:cid                 about the call that bob is in
    30.0 sue requests listen of ann at PJSIP/sue        about somebody's call, by a supervisor
    1.0  the ledger finds kim lou                       also: has reserved, has closed, has blocked

Everybody has a name: callers and leads by their own, agents and supervisors by their phones', a number outside by its digits,
what a supervisor listens through as ``sue-listen``. Every verb is a ``case`` of ``Trace._happen``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from callbridge.core.model.attempt import Attempt, Running
from callbridge.core.model.events import (
    AgentRequest,
    AmdDetourEnded,
    AnyEvent,
    AttemptClosed,
    AttemptsReserved,
    CallRequest,
    CallRequested,
    CampaignRequested,
    ClosureRequested,
    DeviceChanged,
    DigitPressed,
    LeadsFound,
    LegAnswered,
    LegEntered,
    LegHeld,
    LegJoined,
    LegLeft,
    LegMoved,
    LegReplaced,
    LegRinging,
    LegTransferred,
    LegUnheld,
    NumberBlocked,
    PbxLost,
    PlaybackEnded,
    RecordingEnded,
    ReopeningRequested,
    SeenLeg,
)
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import Bridge, CloseAttempt, Order, Play, Record, Ring, Snoop
from callbridge.core.model.plan import Target, ToAgent, ToNumber, ToQueue
from tests.core.story import PBX, START, Story
from tests.core.trace_setup import WORDS, SetUp

SHOWN_ORDERS = {"leg", "legs", "phone", "music", "bridge", "reason", "context", "extension", "auto_answer", "media"} | {
    "of",
    "whisper",
    "campaign",
    "count",
    "attempts",
    "attempt",
}
HIDDEN_FACTS = {
    "seq",
    "at",
    "day",
    "rank",
    "tier",
    "linkedid",
    "source",
    "uniqueid",
    "number",
    "name",
    "phone",
    "previous_reason",
    "entry",
    "template",
    "values",
}


class Trace:
    """One story: reads inputs, drives a Story, writes what came of each."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.names: dict[str, str] = {}
        self.legs: dict[str, LegId] = {}
        """The latest leg of everybody by name."""
        self.bridges: dict[str, Bridge] = {}
        self.beeps: dict[str, str] = {}
        self.prompts: dict[LegId, str] = {}
        self.recordings: dict[LegId, str] = {}
        self.heard_at = START
        self._story: Story | None = None
        self._set_up = SetUp()

    @property
    def story(self) -> Story:
        if self._story is None:
            self._story = Story(self._set_up.plan())
            self._learn(self._story.orders)
        return self._story

    def rewritten(self) -> str:
        for line in self.text.splitlines():
            if line.startswith(" ") or (not line and self.out and not self.out[-1]):
                continue
            self.out.append(line)
            words = [] if line.startswith("#") else line.partition(" #")[0].split()
            if words and words[0] in WORDS:
                self._set_up.read(line, words)
            elif words:
                self._event(float(words[0]), words[1:])
        return "\n".join(self.out).rstrip() + "\n"

    # -- events -------------------------------------------------------------------------------------------------

    def _event(self, at: float, words: list[str]) -> None:
        line = self.out.pop()
        story = self.story
        while (due := story.world.take_due(START + at)) is not None:
            story.now = max(story.now, due.at)
            owner = self._short(due.id)
            story.happens(due)
            if story.orders or story.facts:
                self.out.append(f"    ({story.now - START:.1f}  it is time: {due.kind} {owner})")
                self._tell(story.orders, story.facts)
        self.out.append(line)
        story.now = START + at
        orders: list[Order] = []
        facts: list[AnyFact] = []
        for _ in self._happen(words):
            self._learn(story.orders)
            orders += story.orders
            facts += story.facts
        self._tell(orders, facts)

    def _happen(self, words: list[str]) -> Iterator[None]:
        """Every yield is one event that was stepped."""
        story, now = self.story, self.story.now
        match words:
            case ["time", "passes"]:
                return
            case [who, "calls", entry, *tier]:
                self.legs[who] = leg_id(PBX, who)
                self.names[self.legs[who]] = who
                story.caller(who, entry=entry, tier=(tier or ["standard"])[0])
                yield
            case [who, "rings"]:
                story.happens(LegRinging(at=now, leg=self.legs[who]))
                yield
            case [who, "picks", "up"]:
                story.happens(LegAnswered(at=now, leg=self.legs[who]))
                yield
            case [who, "hears", "the", "beep"]:
                story.happens(PlaybackEnded(at=now, leg=self.legs[who], playback=self.beeps[who], failed=False))
                yield
            case [who, "is", "through"]:
                bridge = self.bridges[who]
                for leg in bridge.legs:
                    story.happens(LegJoined(at=now, leg=leg, bridge=bridge.bridge))
                    yield
            case [who, "hangs", "up"]:
                story.happens(LegLeft(at=now, leg=self.legs[who]))
                yield
                story.gone(self.legs[who])
                yield
            case [who, "rejects"]:
                story.gone(self.legs[who], 21)
                yield
            case [who, "is", "busy"]:
                story.gone(self.legs[who], 17)
                yield
            case [who, "is", "gone"]:
                story.gone(self.legs[who])
                yield
            case [who, "was", "gone"]:
                story.gone(self.legs[who], estimated=True)
                yield
            case [who, "has", "left"]:
                story.happens(LegMoved(at=now, leg=self.legs[who]))
                yield
            case [who, "holds"]:
                story.happens(LegHeld(at=now, leg=self.legs[who]))
                yield
            case [who, "takes", "back"]:
                story.happens(LegUnheld(at=now, leg=self.legs[who]))
                yield
            case [who, "asks", ask, *rest]:
                phone = next((each for each in rest if "/" in each), "")
                story.ask(who, AgentRequest(ask), " ".join(each for each in rest if "/" not in each), phone)
                yield
            case ["phone", phone, "says", state]:
                story.happens(DeviceChanged(at=now, phone=phone, state=state))
                yield
            case [who, "transfers", "to", entry]:
                yield from self._transfer(who, entry)
            case [who, "hears", "the", "prompt"]:
                story.happens(PlaybackEnded(at=now, leg=self.legs[who], playback=self.prompts[self.legs[who]], failed=False))
                yield
            case [who, "presses", digits]:
                for digit in digits:
                    story.happens(DigitPressed(at=now, leg=self.legs[who], digit=digit))
                    yield
            case [who, "has", "spoken", "for", seconds]:
                story.happens(self._recorded(who, float(seconds)))
                yield
            case [who, "comes", "back", "as", verdict, cause]:
                story.happens(AmdDetourEnded(at=now, leg=self.legs[who], verdict=verdict, cause=cause))
                yield
            case [who, "enters"]:
                story.happens(LegEntered(at=now, leg=self.legs[who]))
                yield
            case [who, "requests", request, *rest]:
                story.happens(self._request(who, CallRequest(request), rest))
                yield
            case [who, "starts" | "pauses" | "stops" as what, campaign]:
                to = {"starts": Running.RUNNING, "pauses": Running.PAUSED, "stops": Running.STOPPED}[what]
                story.happens(CampaignRequested(at=now, campaign=campaign, to=to, by=who))
                yield
            case [who, "closes", target, "from", begins, "to", ends]:
                kind, _, name = target.partition(":")
                first, last = START + float(begins), START + float(ends)
                story.happens(ClosureRequested(at=now, kind=kind, name=name, begins=first, ends=last, by=who))
                yield
            case [who, "reopens", target]:
                closure = next(one.id for one in story.world.closures.values() if one.target == target)
                story.happens(ReopeningRequested(at=now, closure=closure, by=who))
                yield
            case ["the", "ledger", *what]:
                story.happens(self._ledger(what))
                yield
            case ["the", "link", "breaks"]:
                self.heard_at = now
                story.happens(PbxLost(at=now, pbx=PBX))
                yield
            case ["the", "link", "is", "back", "with", *who]:
                legs = [self.legs[name] for name in who]
                seen = [SeenLeg(leg=leg, name=leg, up=True, created_at=START, entry="support") for leg in legs]
                bridges = {b.bridge: b.legs for name, b in self.bridges.items() if name in who}
                story.snapshot(*seen, bridges=bridges, heard_at=self.heard_at)
                yield
            case _:
                raise ValueError(f"a trace does not know: {' '.join(words)}")

    def _transfer(self, who: str, entry: str) -> Iterator[None]:
        story, now, leg = self.story, self.story.now, self.legs[who]
        far, near = leg_id(PBX, "far-half"), leg_id(PBX, "near-half")
        self.names |= {far: "far-half", near: "near-half"}
        self.legs |= {"far-half": far, "near-half": near}
        story.happens(LegReplaced(at=now, leg=leg, by=far, by_name="Local/x@y-1;1"))
        yield
        story.happens(LegTransferred(at=now, leg=leg, target=entry, attended=False, worked=True))
        yield
        story.happens(replace(story.arrival("near-half", entry=entry), channel_name="Local/x@y-1;2"))
        yield

    def _recorded(self, who: str, lasted: float) -> RecordingEnded:
        leg = self.legs[who]
        return RecordingEnded(at=self.story.now, leg=leg, recording=self.recordings[leg], lasted=lasted, failed=False)

    def _request(self, who: str, request: CallRequest, rest: list[str]) -> CallRequested:
        """``of NAME``: whose call; without it the call of the agent who asks. ``at PHONE``: where to ring a supervisor."""
        said = dict(zip(rest[::2], rest[1::2], strict=False)) if "of" in rest or "at" in rest else {}
        world = self.story.world
        call = (
            next((c.id for c in world.calls.values() if self.names[c.id] == said["of"]), "") if said else world.agents[who].call
        )
        to: Target | None = None
        match rest[0].partition(":") if rest and not said else ("", "", ""):
            case ("queue", _, name):
                to = ToQueue(name)
            case ("agent", _, name):
                to = ToAgent(name)
            case ("number", _, name):
                to = ToNumber(name)
        return CallRequested(at=self.story.now, call=call, request=request, to=to, phone=said.get("at", ""), by=who)

    def _ledger(self, what: list[str]) -> AnyEvent:
        now, leads = self.story.now, self._set_up.leads
        of = {attempt.lead.name: attempt for attempt in self.story.world.attempts.values()}
        (campaign,) = self.story.world.plan.campaigns
        match what:
            case ["finds", *names]:
                return LeadsFound(at=now, campaign=campaign, leads=tuple(leads[name] for name in names), ready=len(names))
            case ["has", "reserved", *names]:
                return AttemptsReserved(at=now, campaign=campaign, reserved=tuple(of[name].id for name in names), refused={})
            case ["has", "closed", name]:
                known = of[name]
                return AttemptClosed(at=now, attempt=known.id, disposition=known.disposition, call_back_at=known.call_back_at)
            case ["has", "blocked", name]:
                number = leads[name].number
                (block,) = [one for one in self.story.world.blocks.values() if one.number == number]
                return NumberBlocked(at=now, number=number, campaign=block.campaign, block=block.id)
            case _:
                raise ValueError(f"the ledger of a trace does not know: {' '.join(what)}")

    # -- what came of it ----------------------------------------------------------------------------------------

    def _learn(self, orders: list[Order]) -> None:
        world = self.story.world
        for callback in world.callbacks.values():
            self.names[callback.id] = f"{callback.name}'s callback"
        for closure in world.closures.values():
            self.names[closure.id] = f"closure of {closure.target}"
        for attempt in world.attempts.values():
            self.names[attempt.id] = f"{attempt.lead.name}'s attempt"
        for call in world.calls.values():
            ours = f"call back to {call.name}" if call.callback else call.name
            self.names.setdefault(call.leg, call.name)
            self.names[call.id] = ours if call.callback else self.names[call.leg]
        for order in orders:
            match order:
                case Ring():
                    who = self._rung(order)
                    self.legs[who] = order.leg
                    self.names[order.leg] = who if order.role in ("customer", "outside") else f"{who}'s phone"
                case Snoop():
                    taking_part = [one for call in world.calls.values() for one in call.supervisions]
                    (who,) = [f"{one.by}-{one.mode}" for one in taking_part if one.snoop == order.leg]
                    self.legs[who], self.names[order.leg] = order.leg, who
                case Play():
                    self.prompts[order.leg] = order.playback
                    for one in world.agents.values():
                        if one.session == order.leg:
                            self.beeps[one.id] = order.playback
                case Record():
                    self.recordings[order.leg] = order.recording
                case Bridge():
                    snoops = [self.names[leg] for leg in order.legs if world.legs[leg].role is LegRole.SNOOP]
                    self.names[order.bridge] = f"bridge of {next(iter(snoops), self.names[order.call])}"
                    for who in [name for name, leg in self.legs.items() if leg in order.legs]:
                        self.bridges[who] = order

    def _rung(self, order: Ring) -> str:
        """Whose phone it is."""
        if order.agent:
            return order.agent
        phone = order.phone.partition("/")[2].partition("@")[0]
        return self.story.world.calls[order.call].name if order.role == "customer" else phone

    def _tell(self, orders: list[Order], facts: list[AnyFact]) -> None:
        self._learn(orders)
        self.out += [f"    -> {self._line(order, SHOWN_ORDERS, shown=True)}" for order in orders]
        self.out += [f"    :: {self._line(fact, HIDDEN_FACTS, shown=False)}" for fact in facts]

    def _line(self, thing: Order | AnyFact, names: set[str], *, shown: bool) -> str:
        parts = [type(thing).__name__]
        for field in fields(thing):
            value = getattr(thing, field.name)
            if (field.name in names) is shown and value not in (None, "", (), False) and value != "in":
                parts.append(f"{field.name}={self._value(field.name, value)}")
        if isinstance(thing, CloseAttempt):
            parts.append(f"outcome={thing.attempt.outcome}")
        return " ".join(parts)

    def _value(self, name: str, value: object) -> str:
        if isinstance(value, tuple):
            return "+".join(self._short(str(each[0] if isinstance(each, tuple) else each)) for each in value)
        if isinstance(value, Attempt):
            return self._short(value.id)
        if isinstance(value, float):
            return f"{value - START if value >= START else value:.1f}"
        text = self._short(str(value))
        return f'"{text}"' if " " in text and name == "needs" else text

    def _short(self, key: str) -> str:
        return self.names.get(key, key)
