"""What is done to a floor in the middle of a round.

Rule of this file: a fault returns when it is over, or healed; what it took away and callbridge does not bring back itself (a
process, a link, a setting of Redis) it puts back. Nothing is repaired in callbridge.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp

from tests.bench.chaos_floor import FRAGILE, ROAMING, Floor, Instance
from tests.lab.sip import register
from tests.live.forwarder import Forwarder

OUTAGE = (2.0, 5.0)
"""Seconds that a link or Redis is away, at random."""
STEPS = (-7200.0, -30.0, -2.0, 2.0, 30.0, 7200.0)
"""Seconds by which a clock is stepped."""
SAVED = ("calls", "agents", "meta", "outbox", "cursors")
LINKS = {"pbx": ("ari", "ami"), "redis": ("redis",), "all": ("ari", "ami", "redis")}


@dataclass
class Moment:
    """One round of a floor, when its fault begins."""

    floor: Floor
    leader: Instance
    standby: Instance
    rng: random.Random
    number: int

    async def outage(self) -> None:
        await asyncio.sleep(self.rng.uniform(*OUTAGE))


Fault = Callable[[Moment], Awaitable[None]]


async def none(_: Moment) -> None:
    """The control."""


async def kill(here: Moment) -> None:
    """kill -9 of the leader; it starts again, and stands by."""
    await here.leader.kill()
    await here.leader.launch()


async def kill_standby(here: Moment) -> None:
    await here.standby.kill()
    await asyncio.sleep(0.5)
    await here.standby.launch()


async def kill_both(here: Moment) -> None:
    await asyncio.gather(here.leader.kill(), here.standby.kill())
    await asyncio.gather(here.leader.launch(), here.standby.launch())


async def flush_kill(here: Moment) -> None:
    await here.floor.ask_redis("flushall")
    await kill(here)


async def step_down(here: Moment) -> None:
    await asyncio.to_thread(here.leader.client.step_down)


def freeze(seconds: float) -> Fault:
    async def stop_and_continue(here: Moment) -> None:
        here.leader.process.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        here.leader.process.signal(signal.SIGCONT)

    return stop_and_continue


def link(which: str, *, half_open: bool) -> Fault:
    """The leader's links are cut, or stay open and nothing passes."""

    async def break_and_heal(here: Moment) -> None:
        wires = [here.leader.wires[kind] for kind in LINKS[which]]
        async with broken(wires, half_open=half_open):
            await here.outage()

    return break_and_heal


@contextlib.asynccontextmanager
async def broken(wires: list[Forwarder], *, half_open: bool) -> AsyncIterator[None]:
    for wire in wires:
        if half_open:
            wire.hold()
        else:
            wire.cut(refuse=True)
    try:
        yield
    finally:
        for wire in wires:
            wire.restore()


async def redis_killed(here: Moment) -> None:
    """It comes back empty."""
    await here.floor.redis.kill()
    await here.outage()
    await here.floor.redis.start()


async def redis_flushed(here: Moment) -> None:
    await here.floor.ask_redis("flushall")


async def redis_paused(here: Moment) -> None:
    here.floor.redis.freeze()
    await here.outage()
    here.floor.redis.thaw()


async def redis_full(here: Moment) -> None:
    """At its memory limit it refuses whatever would take more."""
    await here.floor.ask_redis("config", "set", "maxmemory", "1mb")
    await here.outage()
    await here.floor.ask_redis("config", "set", "maxmemory", "0")


async def redis_read_only(here: Moment) -> None:
    """A replica whose server is away, as after a fail-over that went wrong."""
    await here.floor.ask_redis("replicaof", "127.0.0.1", "1")
    await here.outage()
    await here.floor.ask_redis("replicaof", "no", "one")


async def wrong_type(here: Moment) -> None:
    """One of the saved tables is something else when the standby comes to read it."""
    name = here.floor.key(SAVED[here.number % len(SAVED)])
    await here.leader.kill()
    await here.floor.ask_redis("del", name)
    await here.floor.ask_redis("set", name, "of another")
    await here.leader.launch()


async def bad_row(here: Moment) -> None:
    """One in three saved calls, whatever state it is in."""
    await here.leader.kill()
    saved = sorted((await here.floor.ask_redis("hkeys", here.floor.key("calls"))).split())
    for call in here.rng.sample(saved, min(len(saved), max(1, len(saved) // 3))):
        await here.floor.ask_redis("hset", here.floor.key("calls"), call, "[2,{}]")
    await here.leader.launch()


async def pbx_killed(here: Moment) -> None:
    """Its calls are gone with it; all that come after its start are served."""
    began = time.time()
    await here.floor.pbx.kill()
    await here.floor.pbx.start()
    here.floor.pbx_down.append((began, time.time()))


async def pbx_stopped(here: Moment) -> None:
    here.floor.pbx.freeze()
    await asyncio.sleep(here.rng.uniform(1.0, 3.0))
    here.floor.pbx.thaw()


async def pbx_reloaded(here: Moment) -> None:
    await here.floor.pbx.cli(here.rng.choice(["core reload", "module reload res_pjsip.so", "dialplan reload"]))


async def clock_stepped(here: Moment) -> None:
    """Of whichever instance can be stepped: by turns it leads or stands by."""
    one = here.leader if here.leader.clock else here.standby
    one.step_clock(here.rng.choice(STEPS))


async def neighbour_killed(here: Moment) -> None:
    """Another callbridge on the same PBX is not our business."""
    assert here.floor.neighbour is not None
    await here.floor.neighbour.kill()
    await here.floor.neighbour.start()


async def phone_died(here: Moment) -> None:
    """In mid-talk, without a word."""
    phone = here.floor.phones[FRAGILE]
    known = {record.call_id for record in phone.records()}
    await phone.until(lambda one: one.call_id not in known and one.answered_at and not one.ended_at, limit=15.0)
    await asyncio.sleep(0.5)
    await phone.process.kill()
    here.floor.dead.append(FRAGILE)


async def contacts_flapping(here: Moment) -> None:
    """Phones lose their registration and have it again, several times a second, some of them in mid-talk or while they ring."""
    for _ in range(here.rng.randint(10, 20)):
        name = here.rng.choice(ROAMING)
        await register(here.floor.pbx, name, expires=0)
        await asyncio.sleep(here.rng.uniform(0.05, 0.3))
        await register(here.floor.pbx, name)


FAULTS: Mapping[str, Fault] = {
    "none": none,
    "kill": kill,
    "kill_standby": kill_standby,
    "kill_both": kill_both,
    "step_down": step_down,
    "freeze_2": freeze(2.0),
    "freeze_10": freeze(10.0),
    "freeze_60": freeze(60.0),
    "pbx_link_cut": link("pbx", half_open=False),
    "pbx_link_half_open": link("pbx", half_open=True),
    "redis_link_cut": link("redis", half_open=False),
    "redis_link_half_open": link("redis", half_open=True),
    "all_links_cut": link("all", half_open=False),
    "redis_killed": redis_killed,
    "redis_flushed": redis_flushed,
    "redis_paused": redis_paused,
    "redis_full": redis_full,
    "redis_read_only": redis_read_only,
    "flush_kill": flush_kill,
    "wrong_type": wrong_type,
    "bad_row": bad_row,
    "pbx_killed": pbx_killed,
    "pbx_stopped": pbx_stopped,
    "pbx_reloaded": pbx_reloaded,
    "clock_stepped": clock_stepped,
    "neighbour_killed": neighbour_killed,
    "phone_died": phone_died,
    "contacts_flapping": contacts_flapping,
}
LEADER_GONE = frozenset({"kill", "freeze_10", "freeze_60"})
"""After these the next INVITE of ours is the new leader's."""


# Faults of the floor itself, to show that they are counted


async def plant_hang_up(here: Moment) -> None:
    """The PBX hangs up somebody who waits."""
    for _ in range(200):
        for line in (await here.floor.pbx.cli("core show channels concise")).splitlines():
            fields = line.split("!")
            if fields[0].startswith("PJSIP/trunk") and len(fields) > 12 and not fields[12]:
                await here.floor.pbx.cli(f"channel request hangup {fields[0]}")
                return
        await asyncio.sleep(0.02)


async def plant_ring(here: Moment, gone: str) -> None:
    """A phone rings for somebody who has left."""
    await _originate(here, f"Local/{gone}@chaos-plant")


async def plant_not_ready(here: Moment) -> None:
    """An agent whom nobody asked to pause is paused."""
    await asyncio.to_thread(here.leader.client.act, "3001", "not-ready", reason="planted")


async def plant_dialled(here: Moment) -> None:
    """The campaign's first number is dialled again."""
    first = here.floor.town.records()[0].phone
    await _originate(here, f"Local/{first}@lab-campaign")


async def _originate(here: Moment, endpoint: str) -> None:
    """Past callbridge."""
    pbx = here.floor.pbx
    where = {"endpoint": endpoint, "context": "lab", "extension": "music", "priority": "1"}
    login = {"Authorization": aiohttp.encode_basic_auth(pbx.ari_user, pbx.ari_password)}
    async with aiohttp.ClientSession(headers=login) as session, session.post(f"{pbx.ari_url}/channels", params=where) as answer:
        answer.raise_for_status()
