"""Golden stories as text that a supervisor can read: what happened, and what callbridge did and told about it.

A line that begins with a time or a name is an input; indented lines are what came of it (``->`` orders, ``::`` facts).
A trace is read by its inputs alone and written again whole, so the comparison is one of texts.

    queue support wrap_up=10 : support >= 3 for 8 | support >= 1        diamond: `queue support/diamond ...` steps only
    agent bob support=3 [auto_answer|nailed_up] [out]
    0.0  ann calls support [diamond]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from callbridge.core.model.events import (
    AgentRequest,
    DeviceChanged,
    LegAnswered,
    LegHeld,
    LegJoined,
    LegLeft,
    LegMoved,
    LegReplaced,
    LegRinging,
    LegTransferred,
    LegUnheld,
    PbxLost,
    PlaybackEnded,
    SeenLeg,
)
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import Bridge, Order, Play, Ring
from callbridge.core.model.plan import AgentPlan, ConnectMode, QueuePlan, Then, TierRouting, ToDialplan, ToQueue
from tests.core.story import PBX, START, Story, agent, ladder, plan, queue

SHOWN_ORDERS = {"leg", "legs", "phone", "music", "bridge", "reason", "context", "extension", "auto_answer"}
HIDDEN_FACTS = {
    "direction",
    "seq",
    "at",
    "day",
    "rank",
    "tier",
    "linkedid",
    "uniqueid",
    "number",
    "name",
    "phone",
    "previous_reason",
    "entry",
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
        self.heard_at = START
        self._story: Story | None = None
        self._ladders: dict[tuple[str, str], TierRouting] = {}
        self._queues: list[tuple[str, dict[str, object]]] = []
        self._agents: list[AgentPlan] = []

    @property
    def story(self) -> Story:
        if self._story is None:
            queues: list[QueuePlan] = []
            for name, more in self._queues:
                plain = self._ladders[name, "standard"]
                queues.append(queue(name, plain, self._ladders.get((name, "diamond"), plain), **more))
            self._story = Story(plan(queues, self._agents))
            self._learn(self._story.orders)
        return self._story

    def rewritten(self) -> str:
        for line in self.text.splitlines():
            if line.startswith(" ") or (not line and self.out and not self.out[-1]):
                continue
            self.out.append(line)
            words = line.partition("#")[0].split()
            if words and words[0] == "queue":
                self._queue(line)
            elif words and words[0] == "agent":
                self._agent(words[1:])
            elif words:
                self._event(float(words[0]), words[1:])
        return "\n".join(self.out).rstrip() + "\n"

    # -- the set-up ---------------------------------------------------------------------------------------------

    def _queue(self, line: str) -> None:
        head, _, steps = line.partition(":")
        name, *settings = head.split()[1:]
        name, _, tier = name.partition("/")
        numbers = {key: float(value) for key, _, value in (each.partition("=") for each in settings)}
        stages, then = [], None
        for each in steps.split("|"):
            needs, _, lasts = each.partition(" for ")
            if needs.strip().startswith("then "):
                then = self._then(needs.split()[1:])
            else:
                stages.append((needs.strip(), float(lasts) if lasts else None))
        within, head_start = numbers.pop("within", 20.0), numbers.pop("head_start", 0.0)
        self._ladders[name, tier or "standard"] = ladder(*stages, within=within, head_start=head_start, then=then)
        self._queues += [(name, dict(numbers))] if not tier else []

    def _then(self, words: list[str]) -> Then:
        return ToQueue(words[1]) if words[0] == "queue" else ToDialplan(words[1], words[2])

    def _agent(self, words: list[str]) -> None:
        skills = {key: int(level) for key, _, level in (each.partition("=") for each in words[1:] if "=" in each)}
        connect = next((kind for kind in ConnectMode if kind.value in words), ConnectMode.RING)
        self._agents.append(agent(words[0], skills, connect, login="out" not in words))

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

    # -- what came of it ----------------------------------------------------------------------------------------

    def _learn(self, orders: list[Order]) -> None:
        for call in self.story.world.calls.values():
            self.names[call.id] = self.names.get(call.leg, call.id)
        for order in orders:
            match order:
                case Ring():
                    self.legs[order.agent] = order.leg
                    self.names[order.leg] = f"{order.agent}'s phone"
                case Play():
                    who = next(one.id for one in self.story.world.agents.values() if one.session == order.leg)
                    self.beeps[who] = order.playback
                case Bridge():
                    self.names[order.bridge] = "bridge of " + self.names[order.call]
                    for who in [name for name, leg in self.legs.items() if leg in order.legs]:
                        self.bridges[who] = order

    def _tell(self, orders: list[Order], facts: list[AnyFact]) -> None:
        self._learn(orders)
        self.out += [f"    -> {self._line(order, SHOWN_ORDERS, shown=True)}" for order in orders]
        self.out += [f"    :: {self._line(fact, HIDDEN_FACTS, shown=False)}" for fact in facts]

    def _line(self, thing: Order | AnyFact, names: set[str], *, shown: bool) -> str:
        parts = [type(thing).__name__]
        for field in fields(thing):
            value = getattr(thing, field.name)
            if (field.name in names) is shown and value not in (None, "", (), False):
                parts.append(f"{field.name}={self._value(field.name, value)}")
        return " ".join(parts)

    def _value(self, name: str, value: object) -> str:
        if isinstance(value, tuple):
            return "+".join(self._short(str(each)) for each in value)
        if isinstance(value, float):
            return f"{value - START if name == 'freed_at' else value:.1f}"
        text = self._short(str(value))
        return f'"{text}"' if " " in text and name == "needs" else text

    def _short(self, key: str) -> str:
        return self.names.get(key, key)
