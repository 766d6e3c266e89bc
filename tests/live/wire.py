"""Calls whose outcome the wire alone tells: SIPp's logs, joined one by one by the number that callers and phones both saw."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, CallRecord, Phone, PhoneRecord, PhoneScript

TARGET, SHORT = 5.0, 1.5
"""Seconds; what everybody does is a second away from SHORT, and three from TARGET. The wire's begin with the INVITE and end
with the answer, callbridge's when it hears of the caller and with the bridge: with 1.3 s to TARGET, all agreed in 2 of 3 runs at
a load of 17 on two cores, and one answer was late by callbridge's clock only."""
TIERS = ("gold", "standard")
GOLD = "49307"
"""Numbers of gold callers begin so; at most fifty."""
OUTCOMES = ("answered", "abandoned", "short_abandoned", "overflowed", "failed")
FLOOR = floor(
    {
        "ann": agent("1001", {"support": 1}),
        "bob": agent("1002", {"support": 1}),
        "cid": agent("1003", {"sales": 1}),
        "dan": agent("1004", {"sales": 1}),
        "eve": agent("1005", {"night": 1}, login=False),
    },
    {
        "support": {"steps": [{"skills": "support"}]},
        "sales": {"steps": [{"skills": "sales"}]},
        "night": {"steps": [{"skills": "night"}]},
        "away": {"steps": [{"skills": "night", "for": 0.3}], "then": {"queue": "support"}},
    },
    queue_defaults={"target": {"answer_within": TARGET}, "short_abandon": SHORT, "wrap_up": 0.2, "ring_for": 12},
    tiers={"order": [*TIERS], "default": "standard", "numbers": {"gold": [f"{GOLD}{n:02}" for n in range(50)]}},
)
PROMPT = PhoneScript.answers(ring=0.1, talk=1.4)
SLOW = PhoneScript.answers(ring=8.0, talk=1.4)
Figures = Counter[tuple[str, ...]]
"""(metric, queue, tier, and of ended visits the outcome) -> calls."""


class Wire:
    """Everybody who called, and every phone that rang."""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx
        self.phones: list[Phone] = []
        self.calls: list[CallRecord] = []
        self._numbers = {"gold": (f"{GOLD}{n:02}" for n in range(50)), "standard": (f"49308{n:02}" for n in range(50))}

    async def call(self, *wanted: tuple[str, str, float | None]) -> None:
        """(queue, tier, seconds after which the caller gives up): all of them call, and all calls are over."""
        calls = [
            Call(dialled=queue, number=next(self._numbers[tier]), hang_up_after=patience) for queue, tier, patience in wanted
        ]
        async with Callers(self.pbx, calls) as callers:
            self.calls += await callers.wait()

    def figures(self) -> Figures:
        """What became of them, by the wire alone."""
        rang = [record for phone in self.phones for record in phone.records() if record.outcome == "answered"]
        answered = _who_answered(rang)
        figures: Figures = Counter()
        for call in self.calls:
            tier = "gold" if call.number.startswith(GOLD) else "standard"
            queue = call.dialled
            figures["offered", queue, tier] += 1
            if queue == "away":
                figures["ended", queue, tier, "overflowed"] += 1
                queue = "support"
                figures["offered", queue, tier] += 1
            outcome, within = _outcome(call, answered.get(call.number))
            figures["ended", queue, tier, outcome] += 1
            figures["within", queue, tier] += within
        return +figures


def _who_answered(rang: Sequence[PhoneRecord]) -> dict[str, PhoneRecord]:
    """By the caller's number. Where an order takes longer than the 1.4 s after which an agent hangs up, the bridge comes too
    late, and the caller is offered to the next agent: the last one has answered. Nobody is with two at once."""
    found: dict[str, PhoneRecord] = {}
    for record in sorted(rang, key=lambda record: record.answered_at or 0.0):
        before = found.get(record.caller_number)
        if before is not None:
            assert before.ended_by == "phone", (before, record)
            assert (before.ended_at or math.inf) < (record.answered_at or 0.0), (before, record)
        found[record.caller_number] = record
    return found


def _outcome(call: CallRecord, phone: PhoneRecord | None) -> tuple[str, bool]:
    if phone is not None and phone.answered_at is not None:
        return "answered", phone.answered_at - call.started_at <= TARGET
    assert call.ended_by == "caller", call
    assert call.ended_at is not None
    return "short_abandoned" if call.ended_at - call.started_at < SHORT else "abandoned", False


A_MIX: list[tuple[str, str, float | None]] = [
    *(("support", "gold", None), ("support", "standard", None), ("away", "standard", None)),
    *(("sales", "gold", None), ("sales", "standard", None)),
    *(("night", "gold", 3.0), ("night", "standard", 3.0), ("night", "standard", 0.2)),
]
"""Answered within target, after an overflow too, late, abandoned and given up at once."""
QUICK: list[tuple[str, str, float | None]] = [("support", "gold", None), ("support", "standard", None), ("night", "gold", 0.2)]
"""All over long before the next scrape."""


async def phones_of(pbx: Pbx) -> Wire:
    """The phones of the floor, started."""
    wire = Wire(pbx)
    scripts = {"1001": PROMPT, "1002": PROMPT, "1003": SLOW, "1004": PROMPT}
    wire.phones = [Phone(pbx, name, script) for name, script in scripts.items()]
    for phone in wire.phones:
        await phone.start()
    return wire
