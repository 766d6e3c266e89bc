"""Two sets of books about the same calls, joined call by call: what the wire saw and what callbridge says.

Rule of this file: every caller has a number of its own, which is the key; totals are never compared with totals.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.lab.bridge import Fact
from tests.lab.records import CallRecord, PhoneRecord

WAIT_TOLERANCE = 0.2
"""Seconds by which the two books may differ about a wait."""


@dataclass(slots=True)
class Entry:
    """One call in callbridge's book."""

    call: str
    number: str
    tier: str
    arrived_at: float
    uniqueid: str
    outcomes: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    waited: float | None = None
    ended: bool = False
    diverted: bool = False
    overflowed: bool = False


def book(facts: Iterable[Fact]) -> dict[str, Entry]:
    """callbridge's book by caller number, from the facts in its log."""
    entries: dict[str, Entry] = {}
    for fact in facts:
        kind = fact.get("event")
        if kind == "call_arrived" and fact.get("direction") == "out":
            continue  # a callback: the customer has called before
        if kind == "call_arrived":
            number = str(fact["pii.number"])
            assert all(entry.number != number for entry in entries.values()), f"two calls of {number}"
            entries[fact["call"]] = Entry(
                call=fact["call"],
                number=number,
                tier=fact["tier"],
                arrived_at=fact["at"],
                uniqueid=fact["leg"].partition("/")[2],
            )
            continue
        entry = entries.get(str(fact.get("call", "")))
        if entry is not None:
            _enter(entry, kind, fact)
    return {entry.number: entry for entry in entries.values()}


def _enter(entry: Entry, kind: object, fact: Fact) -> None:
    match kind:
        case "visit_ended":
            entry.outcomes.append(fact["outcome"])
            entry.overflowed |= fact["outcome"] == "overflowed"
            entry.waited = fact["waited"]
        case "talk_began":
            entry.agents.append(fact["agent"])
        case "call_diverted":
            entry.diverted = True
        case "call_ended":
            entry.ended = True


@dataclass(frozen=True, slots=True)
class Joined:
    """One call in both books. ``wait_gap``: seconds by which they differ about the wait, None where nobody answered."""

    caller: CallRecord
    entry: Entry | None
    phone: PhoneRecord | None
    wait_gap: float | None
    differences: tuple[str, ...]


def join(
    callers: Sequence[CallRecord],
    phones: Mapping[str, Sequence[PhoneRecord]],
    facts: Iterable[Fact],
    *,
    nailed: Mapping[str, float] | None = None,
) -> list[Joined]:
    """Join the books. ``phones``: records by agent; ``nailed``: when Asterisk itself saw a customer (by unique id) enter a
    bridge, for agents whose phone gets no INVITE of its own for the call."""
    ours = book(facts)
    rung = {(agent, _call_of(record)): record for agent, records in phones.items() for record in records}
    return [_join_one(caller, ours.get(caller.number), rung, nailed or {}) for caller in callers]


def _call_of(record: PhoneRecord) -> str:
    return record.headers.get("x-callbridge-call", "")


def _join_one(
    caller: CallRecord,
    entry: Entry | None,
    rung: Mapping[tuple[str, str], PhoneRecord],
    nailed: Mapping[str, float],
) -> Joined:
    if entry is None:
        return Joined(caller, None, None, None, ("not in callbridge's book",))
    answered = [rung[key] for agent in entry.agents if (key := (agent, entry.call)) in rung]
    phone = next((record for record in answered if record.outcome == "answered"), None)
    began = phone.answered_at if phone is not None else nailed.get(entry.uniqueid)
    gap = None
    if "answered" in entry.outcomes and began is not None and entry.waited is not None:
        gap = abs(entry.waited - (began - caller.started_at))
    return Joined(caller, entry, phone, gap, tuple(_differences(caller, entry, phone, began, gap)))


def _differences(
    caller: CallRecord, entry: Entry, phone: PhoneRecord | None, began: float | None, gap: float | None
) -> Iterator[str]:
    if not entry.ended:
        yield "never ended in callbridge's book"
    if sum(outcome != "overflowed" for outcome in entry.outcomes) != 1 and not entry.diverted:
        yield f"outcomes {entry.outcomes}"
    if entry.agents and began is None:
        yield f"answered by {entry.agents[0]}, but no phone of that agent answered"
    if gap is not None and gap > WAIT_TOLERANCE:
        seen = f"{began - caller.started_at:.3f} s on the wire" if began is not None else ""
        yield f"wait with agent {entry.agents[0]}: {entry.waited:.3f} s in the book, {seen}"
    if caller.ended_at is None:
        yield "the caller's phone saw no end"
    if caller.ended_by == "pbx" and "answered" not in entry.outcomes and not entry.diverted:
        yield "hung up by the PBX without having been served"
    if phone is not None and phone.ended_at is None:
        yield "the agent's phone saw no end"
