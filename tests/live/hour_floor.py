"""The floor of the compressed hour: its queues, agents, phones and customers, and who calls.

Rule of this file: every customer has a number of its own, even those who call again, and what a phone does is said by its line,
so that what became of a call can be read off the wire alone.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.sip import Call, Callers, CallerScript, CallRecord, Phone, PhoneRecord, PhoneScript, Press, Step, Talk, Transfer
from tests.live.campaign import BEHAVIOUR, campaign

TARGET, SHORT = 3.0, 1.5
RING_FOR = 2.5
AWAY_FOR = 0.3
"""Seconds after which callers leave the queues where nobody works."""
GOLD_EVERY = 4
"""Of the numbers every fourth is a gold customer's."""
TIERS = ("gold", "standard")
ASK = "sound:/lab/sounds/tones/third"

LINES: dict[str, tuple[PhoneScript, tuple[str, ...]]] = {
    "steady": (PhoneScript.answers(ring=0.3, talk=(1.0, 3.0)), ("1101", "1102", "1103", "1104", "1105")),
    "patient": (PhoneScript.answers(ring=0.5), ("1111", "1112", "1113", "1114")),
    "bell": (PhoneScript.rings_out(), ("1121",)),
    "busy": (PhoneScript.rejects(486, ring=0.3), ("1122",)),
    "prompt": (PhoneScript.answers(ring=0.2, talk=1.2), ("1123", "1131", "1132")),
    "refers": (PhoneScript(ring=0.2, steps=[Talk(0.8), Transfer("sales", linger=0.3)], hangs_up=True), ("1141",)),
    "desk": (PhoneScript.answers(ring=0.2), ("1151", "1152")),
    "brief": (PhoneScript.answers(ring=0.2, talk=1.0), ("1161",)),
    "seller": (PhoneScript.answers(ring=0.02), ("1171", "1172")),
    "home": (PhoneScript.answers(ring=0.4, talk=1.5), ("2000",)),
}
"""Line -> what its phones do, and which they are."""
TOWN = tuple(where for where, _ in BEHAVIOUR.values())
SKILLS: dict[str, tuple[str, ...]] = {
    "support": ("1101", "1102", "1103", "1104", "1105"),
    "sales": ("1111", "1112", "1113", "1114"),
    "bell": ("1121", "1122", "1123"),
    "care": ("1131", "1132"),
    "refer": ("1141",),
    "desk": ("1151", "1152"),
    "back": ("1161",),
    "spring": ("1171", "1172"),
    "night": ("1191",),
}
"""Queue -> the phones of its agents; each agent's id is that of the phone. Nobody is ever logged in as 1191."""
CALL_ME = {"request": {"callback": "back", "next": "bye", "otherwise": "bye"}, "bye": {"goodbye": "beep"}}
OUTSIDE = "PJSIP/{number}@2000"


def phone_specs() -> list[PhoneSpec]:
    lines = [PhoneSpec(name=name, line=line) for line, (_, names) in LINES.items() for name in names]
    return [*lines, *(PhoneSpec(name=name) for name in TOWN), PhoneSpec(name="1191", contact="none")]


def config(database: str) -> dict[str, Any]:
    agents = {phone: agent(phone, {skill: 1}, login=skill != "night") for skill, phones in SKILLS.items() for phone in phones}
    for phone in SKILLS["spring"]:
        agents[phone]["connect"] = "auto_answer"
    agents["1161"]["login"] = False
    agents["1123"]["skills"] = {"bell": 1}
    plain = {name: {"steps": [{"skills": name}]} for name in ("support", "sales", "refer", "desk", "night", "spring")}
    queues: dict[str, dict[str, Any]] = plain | {
        "bell": {"steps": [{"skills": "bell"}]},
        "care": {"steps": [{"skills": "care"}], "survey": "service"},
        "back": {"steps": [{"skills": "back"}], "keys": {"1": "call-me"}, "callback": {"ring_for": "5s", "retry_after": "2s"}},
        "away": {"steps": [{"skills": "night", "for": AWAY_FOR}], "then": {"queue": "support"}},
        "nobody": {"steps": [{"skills": "night", "for": AWAY_FOR}], "then": {"dialplan": "lab-then,bye"}},
    }
    defaults = {
        "target": {"answer_within": TARGET},
        "short_abandon": SHORT,
        "wrap_up": 0.5,
        "ring_for": RING_FOR,
        "no_answer": {"not_ready": "rona", "return_after": "8s"},
        "rejected": {"rest": 3},
    }
    return floor(
        agents,
        queues,
        queue_defaults=defaults,
        tiers={"order": [*TIERS], "default": "standard", "numbers": {"gold": [number(n) for n in range(0, 10_000, GOLD_EVERY)]}},
        instance={"timezone": zone_of_noon()},
        region="GB",
        database={"url": database},
        ledger={"per_day": 20, "gap": "0s"},
        callbacks={"numbers": ["+442."]},
        outside={"dial": OUTSIDE},
        surveys={"service": {"questions": [{"ask": ASK, "name": "friendly"}], "wait": "3s", "tries": 1, "again_after": 0}},
        flows={"call-me": {"nodes": CALL_ME}},
        campaigns={"spring": campaign(queue="spring", lines=4, per_second=2)},
        reasons={"lunch": {}},
        fallback={"mirror": False, "pull_back": True},
    )  # fmt: skip


def number(index: int) -> str:
    return f"+44207946{index:04}"


LEADS = 9000
"""The first number of those whom the campaign calls."""


def tier_of(caller: str) -> str:
    return "gold" if int(caller[-4:]) % GOLD_EVERY == 0 else "standard"


@dataclass(frozen=True, slots=True)
class Group:
    """Callers who do the same, spread over the hour. ``patience``: seconds after which each hangs up, cut at random from these
    pairs; None: never. ``again``: they are the first callers of the group before, who call again."""

    dialled: str
    share: int
    patience: tuple[tuple[float, float], ...] = ()
    steps: tuple[Step, ...] = ()
    again: bool = False


PRESSES = tuple(step for _ in range(6) for step in (Talk(1.6), Press("5", gap=0.1)))
GROUPS = (
    Group("support", 120, ((9.0, 14.0), (9.0, 14.0), (0.2, 0.9), (2.2, 4.0))),
    Group("support", 12, ((9.0, 14.0),), again=True),
    Group("sales", 48, ((3.0, 7.0),)),
    Group("bell", 24, ((18.0, 20.0),)),
    Group("refer", 16, ((6.0, 9.0),)),
    Group("desk", 22, ((9.0, 12.0),)),
    Group("away", 28, ((9.0, 14.0),)),
    Group("nobody", 12, ((9.0, 9.0),)),
    Group("night", 38, ((0.2, 0.9), (2.2, 5.0))),
    Group("care", 40, (), PRESSES),
    Group("back", 12, ((8.0, 8.0),), (Talk(1.2), Press("1"), Talk(2.0))),
)
"""Who calls, in calls of a whole hour. ``bell`` has phones that ring out and reject; ``refer`` and ``desk`` transfer."""
WHOLE = sum(group.share for group in GROUPS)


class Traffic:
    """Everybody who calls, and every phone that rings."""

    def __init__(self, pbx: Pbx, calls: int, seconds: float, seed: int = 1) -> None:
        self.pbx, self.seconds = pbx, seconds
        self.phones: dict[str, Phone] = {}
        self.groups = [self._callers(group, list(calls_of)) for group, calls_of in _split(calls, seed)]

    def _callers(self, group: Group, calls: list[Call]) -> Callers:
        rate = len(calls) / self.seconds
        return Callers(self.pbx, calls, rate=max(rate, 1 / 60), script=CallerScript(steps=group.steps))

    async def phones_ready(self, stack: AsyncExitStack) -> None:
        for line, (script, _) in LINES.items():
            self.phones[line] = await stack.enter_async_context(Phone(self.pbx, line, script))
        for where, script in BEHAVIOUR.values():
            self.phones[where] = await stack.enter_async_context(Phone(self.pbx, where, script))

    async def begin(self, stack: AsyncExitStack) -> None:
        for callers in self.groups:
            await stack.enter_async_context(callers)

    def pids(self) -> list[int]:
        """Of all SIPp processes that run."""
        return [one.process.pid for one in (*self.phones.values(), *self.groups) if one.is_running]

    def records(self) -> list[CallRecord]:
        """What every caller saw."""
        return [record for callers in self.groups for record in callers.records()]

    def rung(self) -> dict[str, list[PhoneRecord]]:
        """What the agents' phones saw, by call, in the order of the answers."""
        found: dict[str, list[PhoneRecord]] = defaultdict(list)
        for line in LINES:
            for record in self.phones[line].records():
                found[record.headers.get("x-callbridge-call", "")].append(record)
        for those in found.values():
            those.sort(key=lambda one: one.answered_at or one.invite_at)
        return found

    async def over(self, limit: float) -> None:
        for callers in self.groups:
            await callers.wait(limit)


def _split(calls: int, seed: int) -> Iterator[tuple[Group, Iterator[Call]]]:
    """The groups with their callers, each group in proportion, at least two."""
    rng, index, before = random.Random(seed), 0, 0
    for group in GROUPS:
        count = max(2, round(group.share * calls / WHOLE))
        index += 0 if group.again else before
        yield group, iter([_call(group, number(index + n), rng) for n in range(count)])
        before = before if group.again else count


def _call(group: Group, caller: str, rng: random.Random) -> Call:
    patience = rng.uniform(*rng.choice(group.patience)) if group.patience else None
    return Call(dialled=group.dialled, number=caller, hang_up_after=patience)


def zone_of_noon() -> str:
    """A time zone in which it is about noon now, so that no midnight divides the hour."""
    ahead = 12 - time.gmtime().tm_hour
    return f"Etc/GMT{-ahead:+d}"


def leads(folder: Path, count: int) -> Path:
    path = folder / "leads.csv"
    path.write_text("number\n" + "\n".join(number(LEADS + index) for index in range(count)) + "\n")
    return path
