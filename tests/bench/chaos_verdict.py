"""What became of every caller of a round: the caller's record beside the records of all phones, joined by the caller's number.

Rule of this file: pure functions of records. Nothing of callbridge's own books is read here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.lab.records import CallRecord, PhoneRecord

GHOST = 1.0
"""Seconds that a phone may ring on after its caller has left."""
CROSSING = 1.0
"""Seconds within which the PBX ends the other side of a talk that somebody ended."""
CLOCK = 0.02
"""Seconds by which the PBX and SIPp may differ about one moment, on one machine."""
CALL_HEADER = "x-callbridge-call"
"""The PBX's own queue rings without it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One caller: what became of the call (``answered``, ``fallback``, ``abandoned``, ``lost``, ``pbx_killed``), its cut talks
    and ghost rings.

    ``unbridged``: pick-ups without being put through, although the caller was there; ``double_rings``: phones that rang while
    another one did, for the same caller."""

    number: str
    became: str
    cut: int = 0
    ghost_rings: int = 0
    unbridged: int = 0
    double_rings: int = 0

    @property
    def is_wrong(self) -> bool:
        return self.became == "lost" or bool(self.cut or self.ghost_rings or self.unbridged or self.double_rings)


def judge(
    numbers: Iterable[str],
    callers: Iterable[CallRecord],
    phones: Iterable[PhoneRecord],
    bridged: Mapping[str, Sequence[float]],
    in_fallback: Collection[str],
    *,
    over_at: float,
    dead: Collection[str] = (),
    pbx_down: Sequence[tuple[float, float]] = (),
) -> list[Verdict]:
    """``numbers``: who was to call; ``bridged``: when the PBX saw each phone enter a bridge; ``in_fallback``: who waited in the
    PBX's queue at the end; ``over_at``: when the lab stopped looking; ``dead``: phones that the harness killed; ``pbx_down``:
    when it had killed the PBX, and when that was back."""
    by_number = {record.number: record for record in callers}
    rung: dict[str, list[PhoneRecord]] = {}
    for record in sorted(phones, key=lambda one: one.invite_at):
        rung.setdefault(record.caller_number, []).append(record)
    found = []
    for number in numbers:
        caller, rings = by_number.get(number), rung.get(number, [])
        if caller is None:
            found.append(Verdict(number, "lost"))
            continue
        if any(_died_with(caller, killed, back) for killed, back in pbx_down):
            found.append(Verdict(number, "pbx_killed"))
            continue
        talks = [ring for ring in rings if _is_talk(caller, ring, bridged.get(ring.phone, ()))]
        alone = [ring for ring in rings if ring.outcome == "answered" and ring not in talks]
        verdict = Verdict(
            number,
            _became(caller, talks, number in in_fallback, dead),
            cut=sum(_is_cut(caller, talk, talks) for talk in talks),
            ghost_rings=sum(_rang_on(caller, ring, over_at) for ring in rings),
            unbridged=sum(_came_to_nothing(caller, ring) for ring in alone),
            double_rings=sum(_rang_beside(rings[index - 1], ring, over_at) for index, ring in enumerate(rings) if index),
        )
        found.append(verdict)
    return found


def _died_with(caller: CallRecord, killed: float, back: float) -> bool:
    """Was the call there when the PBX was killed, or did it come while there was none?"""
    return caller.started_at < back and (caller.ended_at is None or caller.ended_at > killed)


def _rang_beside(before: PhoneRecord, ring: PhoneRecord, over_at: float) -> bool:
    """Did both ring at the same time, for longer than it takes to withdraw an offer?"""
    ends = [one.answered_at or one.ended_at or over_at for one in (before, ring)]
    return min(ends) - ring.invite_at > GHOST


def _is_talk(caller: CallRecord, ring: PhoneRecord, entered: Sequence[float]) -> bool:
    """Did this phone, which has one call at a time, enter a bridge while it was off the hook and its caller there?"""
    if ring.answered_at is None:
        return False
    until = min(one for one in (ring.ended_at, caller.ended_at, float("inf")) if one is not None)
    return any(ring.answered_at - CLOCK <= at <= until + CLOCK for at in entered)


def _came_to_nothing(caller: CallRecord, ring: PhoneRecord) -> bool:
    """Somebody picked up, was not put through, and the caller did not leave at that moment."""
    if ring.answered_at is None or (ring.ended_at is not None and ring.answered_at > ring.ended_at):
        return False  # picked up while the CANCEL was on its way
    return caller.ended_at is None or caller.ended_at > ring.answered_at + CROSSING


def _became(caller: CallRecord, talks: Sequence[PhoneRecord], waits_there: bool, dead: Collection[str]) -> str:
    """A caller who is still there at the end and in nobody's queue has been forgotten, anybody who answered before."""
    if caller.ended_at is None:
        return "fallback" if waits_there else "lost"
    if caller.ended_by == "pbx" and talks and all(talk.phone in dead and talk.ended_at is None for talk in talks):
        return "lost"  # hung up because the phone died
    if talks:
        return "answered" if any(CALL_HEADER in talk.headers for talk in talks) else "fallback"
    return "abandoned" if caller.ended_by == "caller" else "lost"


def _is_cut(caller: CallRecord, talk: PhoneRecord, talks: Sequence[PhoneRecord]) -> bool:
    """Did the PBX end the phone's side of it, or the caller's, although neither of them had hung up?"""
    if talk.ended_by == "pbx" and talk.ended_at is not None:
        return caller.ended_by != "caller" or caller.ended_at is None or caller.ended_at > talk.ended_at + CROSSING
    if talk.ended_at is None and caller.ended_by == "pbx":
        return not any(later.invite_at > talk.invite_at for later in talks)
    return False


def _rang_on(caller: CallRecord, ring: PhoneRecord, over_at: float) -> bool:
    """Also a phone that begins to ring when its caller has left already."""
    if caller.ended_at is None:
        return False
    until = ring.answered_at or ring.ended_at or over_at
    return until - max(caller.ended_at, ring.invite_at) > GHOST


def seconds_to_serve(phones: Iterable[PhoneRecord], fault_at: float) -> float | None:
    """From the fault to the next answer of a phone that callbridge rang after it."""
    answers = [
        ring.answered_at
        for ring in phones
        if ring.invite_at > fault_at and ring.answered_at is not None and CALL_HEADER in ring.headers
    ]
    return round(min(answers) - fault_at, 2) if answers else None


def row(
    fault: str, verdicts: Sequence[Verdict], stuck: Sequence[str], served_after: float | None, *, dialled_twice: int = 0
) -> dict[str, Any]:
    became = Counter(verdict.became for verdict in verdicts)
    return {
        "fault": fault,
        "calls": len(verdicts),
        "answered": became["answered"],
        "abandoned": became["abandoned"],
        "fallback": became["fallback"],
        "lost": became["lost"],
        "pbx_killed": became["pbx_killed"],
        "cut": sum(verdict.cut for verdict in verdicts),
        "unbridged": sum(verdict.unbridged for verdict in verdicts),
        "ghost_rings": sum(verdict.ghost_rings for verdict in verdicts),
        "double_rings": sum(verdict.double_rings for verdict in verdicts),
        "dialled_twice": dialled_twice,
        "stuck_agents": len(stuck),
        "seconds_to_serve": served_after,
    }


def shown(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """A line for each call that went wrong."""
    for one in verdicts:
        signs = {
            "lost": one.became == "lost",
            "cut": one.cut,
            "picked up, not put through": one.unbridged,
            "ghost ring": one.ghost_rings,
            "rang at two phones": one.double_rings,
        }
        wrong = [word for word, is_so in signs.items() if is_so]
        if wrong:
            yield f"{one.number}: {', '.join(wrong)}"


SUMMED = (
    "calls",
    "pbx_killed",
    "lost",
    "cut",
    "unbridged",
    "ghost_rings",
    "double_rings",
    "dialled_twice",
    "stuck_agents",
    "failed",
)


def totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Sums of the rounds; ``faults``: how many rounds had one; ``failed``: rounds that did not run as they should."""
    faults = sum(one["fault"] != "none" for one in rows)
    return {"rounds": len(rows), "faults": faults, **{name: sum(int(one.get(name, 0)) for one in rows) for name in SUMMED}}
