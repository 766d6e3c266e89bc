"""Rounds of faults on a real Asterisk 22 with a leader and a standby, every call joined one by one between the wire's two ends.

A round is 15 s of callers, some of whom leave while they wait, and one fault in the middle; then everybody is served, and the
pair is whole again. A floor lives for ten rounds (`chaos_floor`), the faults are drawn by turns (`chaos_faults`).
*Lost*: a caller neither put through, nor in the fallback, nor gone by the caller's own hang-up. *Cut*: a talk that neither side
ended. *Unbridged*: an agent picks up and is not put through, though the caller is there. *Ghost ring*: a phone that rings over
1 s after its caller left. *Double ring*: two phones that ring over 1 s for one caller. *Dialled twice*: a number that a campaign
may dial once. *Stuck agent*: not ready 5 s after the last call, with a phone that works. *PBX killed*: calls on an Asterisk that
the harness killed.
Rounds with one seed have the same callers and faults, not the same rings and talks: SIPp draws them.

``python -m tests.bench chaos [--rounds N] [--faults a,b] [--seed N] [--labs N] [--rate N]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from callbridge.cli.client import ApiError
from tests.bench.chaos_faults import FAULTS, LEADER_GONE, Moment
from tests.bench.chaos_floor import FRAGILE, SELLERS, Floor, Instance, Opening
from tests.bench.chaos_verdict import CALL_HEADER, Verdict, judge, row, seconds_to_serve, shown, totals
from tests.bench.handover import percentile
from tests.lab.records import CallRecord, PhoneRecord
from tests.lab.sip import Call, Callers

ROUNDS, PER_FLOOR = 20, 10
DRAIN = 30.0
"""Seconds for the last callers to be served, after the last one has called."""
STUCK = 5.0
BUSY = ("ringing", "connecting", "talking", "wrap_up")
"""What the campaign's agents may be at any time."""
SAVED = Path("build") / "chaos"


@dataclass(frozen=True)
class Pace:
    """Of a round: calls a second, for how many seconds, and from when to when the fault may begin."""

    rate: float = 10.0
    seconds: float = 15.0
    fault_at: tuple[float, float] = (3.0, 8.0)


def callers(rng: random.Random, prefix: str, count: int) -> list[Call]:
    """One in four leaves early, one in eight hangs up later, mostly in a talk; the others stay until they are hung up."""
    made = []
    for index in range(count):
        dice = rng.random()
        patience = rng.uniform(0.5, 4.0) if dice < 0.25 else rng.uniform(5.0, 12.0) if dice < 0.375 else None
        made.append(Call(dialled="support", number=f"49{prefix}{index:04}", name=f"chaos-{index}", hang_up_after=patience))
    return made


@dataclass
class Played:
    """What is known of a round when it is over."""

    records: list[CallRecord]
    rings: list[PhoneRecord]
    verdicts: list[Verdict]
    wrong: list[str]
    row: dict[str, Any]


async def play(here: Floor, fault: str, seed: int, number: int, pace: Pace) -> Played:
    """One round. What went wrong apart from calls is in ``wrong``, a line each."""
    rng = random.Random(seed * 10_007 + number)
    leader, standby = await here.pair()
    await _revived(here, leader)
    await here.register()
    calls = callers(rng, f"{number:04}", round(pace.rate * pace.seconds))
    known, twice, wrong = len(here.pbx_down), set(here.dialled_twice()), []
    async with Callers(here.pbx, calls, rate=pace.rate) as traffic:
        began = time.time()
        await asyncio.sleep(rng.uniform(*pace.fault_at))
        fault_at = time.time()
        try:
            await FAULTS[fault](Moment(here, leader, standby, rng, number))
        except (TimeoutError, RuntimeError, AssertionError, ApiError) as error:
            wrong.append(f"the fault failed: {type(error).__name__}: {error}")
        await asyncio.sleep(max(0.0, began + pace.seconds - time.time()))
        down = here.pbx_down[known:]
        records = await _until_over(traffic, down)
        over_at, waiting = time.time(), await here.in_fallback()
    stuck = await _restored(here, wrong)
    rings = [ring for phone in here.phones.values() for ring in phone.records()]
    numbers = [call.number for call in calls]
    verdicts = judge(numbers, records, rings, here.bridged(), waiting, over_at=over_at, dead=here.dead, pbx_down=down)
    again = sorted(set(here.dialled_twice()) - twice)
    made = row(fault, verdicts, stuck, seconds_to_serve(rings, fault_at), dialled_twice=len(again))
    if fault in LEADER_GONE:
        made["takeover_s"] = _first_invite(rings, fault_at)
    lines = [*wrong, *shown(verdicts), *(f"{one}: dialled twice" for one in again), *stuck]
    return Played(records, rings, verdicts, lines, {"round": number, **made, "failed": len(wrong)})


async def _until_over(traffic: Callers, down: Sequence[tuple[float, float]]) -> list[CallRecord]:
    """Nobody is cut off here: anybody who is still there at the end was forgotten, or is in a queue."""
    limit = time.monotonic() + DRAIN
    while time.monotonic() < limit:
        records = traffic.records()
        ended = [record for record in records if record.ended_at or any(record.started_at < back for _, back in down)]
        if len(ended) == len(traffic.calls):
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.5)  # a ring that outlives its caller is seen
    return traffic.records()


async def _restored(here: Floor, wrong: list[str]) -> list[str]:
    """Wait for the pair; which agents are not ready ``STUCK`` seconds later. Nobody here asked for a pause."""
    try:
        leader, _ = await here.pair()
    except TimeoutError as late:
        wrong.append(str(late))
        return []
    last: dict[str, str] = {}
    for _ in range(round(STUCK / 0.5) + 1):
        with suppress(ApiError):
            last = {
                one["id"]: one["state"]
                for one in await asyncio.to_thread(leader.client.agents)
                if one["state"] != "ready" and one["id"] not in here.dead and not (one["id"] in SELLERS and one["state"] in BUSY)
            }
            if not last:
                break
        await asyncio.sleep(0.5)
    return [f"agent {name} is {state}" for name, state in sorted(last.items())]


async def _revived(here: Floor, leader: Instance) -> None:
    """The phone that died in an earlier round is plugged in again."""
    if FRAGILE in here.dead:
        here.dead.remove(FRAGILE)
        await here.phones[FRAGILE].start()
        with suppress(ApiError):
            await asyncio.to_thread(leader.client.act, FRAGILE, "ready")


def _first_invite(rings: Sequence[PhoneRecord], fault_at: float) -> float | None:
    """Seconds from the fault to the first INVITE after it; a hundredth of a second is for those under way."""
    later = [ring.invite_at for ring in rings if CALL_HEADER in ring.headers and ring.invite_at > fault_at + 0.1]
    return round(min(later) - fault_at, 2) if later else None


class Chaos:
    """All rounds of a run, in some labs side by side."""

    def __init__(self, faults: Sequence[str], rounds: int, seed: int, pace: Pace) -> None:
        self.seed, self.pace = seed, pace
        self.rows: list[dict[str, Any]] = []
        drawn = list(_by_turns(faults, rounds, random.Random(seed)))
        numbered = list(enumerate(drawn, 1))
        self._floors = [numbered[start : start + PER_FLOOR] for start in range(0, rounds, PER_FLOOR)]
        self._rounds, self._began = rounds, time.monotonic()

    async def run(self, labs: int) -> list[dict[str, Any]]:
        SAVED.mkdir(parents=True, exist_ok=True)
        async with asyncio.TaskGroup() as group:
            for _ in range(labs):
                group.create_task(self._lab())
        return sorted(self.rows, key=lambda one: int(one["round"]))

    async def _lab(self) -> None:
        while self._floors:
            plan = self._floors.pop(0)
            names = [fault for _, fault in plan]
            opening = Opening(len(plan), neighbour="neighbour_killed" in names, dead_phone="phone_died" in names)
            try:
                async with opening as here:
                    for number, fault in plan:
                        self._note(here, fault, number, await play(here, fault, self.seed, number, self.pace))
            except (TimeoutError, RuntimeError) as broken:
                print(f"floor of rounds {plan[0][0]} to {plan[-1][0]}: {broken}", flush=True)
                done = {one["round"] for one in self.rows}
                self.rows += [{"round": number, "fault": fault, "failed": 1} for number, fault in plan if number not in done]

    def _note(self, here: Floor, fault: str, number: int, played: Played) -> None:
        """Rows as they come: a run takes long, and may be broken off."""
        self.rows.append(played.row)
        with (SAVED / "rounds.jsonl").open("a") as file:
            file.write(json.dumps({"seed": self.seed, **played.row}) + "\n")
        spent = (time.monotonic() - self._began) / 60
        figures = ", ".join(f"{name} {value}" for name, value in played.row.items() if name not in ("fault", "round"))
        print(f"{spent:5.1f} min {len(self.rows):4}/{self._rounds} {number:4} {fault:>20}: {figures}", flush=True)
        for line in played.wrong:
            print(f"{'':>41}{line}", flush=True)
        if played.wrong:
            folder = SAVED / f"{fault}-{self.seed}-{number}"
            here.keep(folder)
            (folder / "calls.txt").write_text("\n".join([*_calls(played), ""]))


def _by_turns(faults: Sequence[str], rounds: int, rng: random.Random) -> Iterator[str]:
    """Each fault as often as any other, in another order each time."""
    left: list[str] = []
    for _ in range(rounds):
        left = left or rng.sample(faults, len(faults))
        yield left.pop()


def _calls(played: Played) -> Iterator[str]:
    """The records of the calls in question."""
    wrong = {one.number for one in played.verdicts if one.is_wrong}
    for record in played.records:
        if record.number in wrong:
            yield str(record)
    for ring in played.rings:
        if ring.caller_number in wrong:
            yield f"{ring.caller_number} {ring.headers.get(CALL_HEADER)} {replace(ring, headers={}, cancel={})}"


def run(*words: str) -> Mapping[str, Any]:
    parser = argparse.ArgumentParser(prog="tests.bench chaos")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--labs", type=int, default=1, help="labs side by side")
    parser.add_argument("--rate", type=float, default=Pace.rate, help="calls a second in each lab")
    options = parser.parse_args(words)
    faults = options.faults.split(",")
    if unknown := [name for name in faults if name not in FAULTS]:
        raise SystemExit(f"chaos: no fault {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    rows = asyncio.run(Chaos(faults, options.rounds, options.seed, Pace(options.rate)).run(options.labs))
    took = [one["takeover_s"] for one in rows if one.get("takeover_s") is not None]
    over: dict[str, float] = {"takeovers": len(took)}
    if took:
        over |= {f"takeover_p{share}_s": round(percentile(took, share / 100), 2) for share in (50, 99)}
    return {"seed": options.seed, "rate": options.rate, "labs": options.labs, **totals(rows), **over, "rows": rows}
