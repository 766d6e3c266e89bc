"""The floor that faults are done to: a real Asterisk, a Redis, and two instances of callbridge, each behind wires of its own.

A floor lives for some rounds, so that what one fault leaves behind meets the next. The second instance has a wall clock that can
be stepped. Beside the callers a campaign dials a list of numbers, each of them once.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import struct
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callbridge.adapters.redis.connection import RedisSettings
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.process import output
from tests.lab.redis import RedisServer
from tests.lab.sip import Phone, PhoneScript, Talk, register
from tests.live.campaign import campaign, command, leads_file
from tests.live.forwarder import Forwarder

RESTORED_WITHIN = 40.0
"""Seconds after a round until one instance leads and the other stands by again."""
ROOM = 120.0
RTP_TIMEOUT = 3
LINES = {
    "a": tuple(str(name) for name in range(3001, 3011)),
    "b": tuple(str(name) for name in range(3011, 3021)),
    "c": tuple(str(name) for name in range(3021, 3031)),
}
"""Which SIPp process stands for which phones."""
FRAGILE = "3040"
"""The phone that dies, a process of its own. The PBX listens for its voice."""
ROAMING = ("3051", "3052", "3053", "3054")
"""Phones that register, as those behind NAT do. One SIPp process stands for them."""
SELLERS = ("3041", "3042")
NEIGHBOUR = "3099"
NOBODY = "3098"
"""A phone that rings for ever: for planted ghost rings."""
TOWN = "1005"
"""Answers for all people whom the campaign dials."""
RING, TALK = (0.2, 1.2), (0.8, 2.0)
SHORT_TALK = 0.3
"""An agent who is put through late, because a fault held callbridge up, hangs up at once: the caller keeps the place."""
QUEUE = "callbridge-fallback"
OUTSIDE = f"""
[lab-campaign]
exten => _[+0-9]!,1,Set(CALLERID(num)=4420)
 same => n,Dial(PJSIP/${{EXTEN}}@{TOWN},30)

[chaos-plant]
exten => _X!,1,Set(CALLERID(num)=${{EXTEN}})
 same => n,Dial(PJSIP/{NOBODY},4)
"""
CEL = {
    "modules.conf": "load=res_cdrel_custom.so\nload=cel_custom.so\n",
    "cel.conf": "[general](+)\nenable=yes\nevents=BRIDGE_ENTER\n",
    "cel_custom.conf": "[mappings]\nMaster.csv => ${eventtype},${eventtime},${CHANNEL(channame)}\n",
}
"""Asterisk's own event log: the witness for who was put through."""
LISTENED = f"[{FRAGILE}](+type=endpoint)\nrtp_timeout={RTP_TIMEOUT}\nrtp_timeout_hold={2 * RTP_TIMEOUT}\n"


class Instance(Callbridge):
    """One of a pair: its ARI, AMI and Redis lead through wires that can be cut or held; ``clock`` steps its wall clock."""

    def __init__(self, pbx: Pbx, config: Mapping[str, Any], wires: Mapping[str, Forwarder], clock: Path | None) -> None:
        module = ("tests.lab.another_host", f"stepped:{clock}") if clock else ("callbridge",)
        super().__init__(pbx, config, warm=clock is None, module=module)
        self.wires = wires
        self.clock = clock

    def step_clock(self, seconds: float) -> None:
        assert self.clock is not None
        with self.clock.open("r+b") as file:  # in place: the process has it mapped
            file.write(struct.pack("d", seconds))

    async def role(self) -> str:
        """``leader``, ``standby``, or nothing while it does neither."""
        if not self.pids():
            return ""
        try:
            status, said = await asyncio.wait_for(self.probe(), 1.0)
        except (TimeoutError, OSError, ValueError):
            return ""
        if status == 200:
            return "leader"
        missing = said.get("missing", [])
        return "standby" if len(missing) == 1 and missing[0].endswith(" leads") else ""


@dataclass
class Floor:
    """What a fault may lay hands on. ``dead``: phones that the harness killed; ``pbx_down``: when Asterisk was away."""

    pbx: Pbx
    redis: RedisServer
    instances: tuple[Instance, Instance]
    phones: dict[str, Phone]
    town: Phone
    leads: int
    neighbour: Callbridge | None = None
    dead: list[str] = field(default_factory=list)
    pbx_down: list[tuple[float, float]] = field(default_factory=list)

    async def register(self) -> None:
        """The phones that register do so, as they do every minute."""
        for name in ROAMING:
            await register(self.pbx, name)

    async def ask_redis(self, *words: str) -> str:
        return await output("redis-cli", "-u", self.redis.url, *words)

    def key(self, name: str) -> str:
        return RedisSettings(url=self.redis.url, world="callbridge").private(name)

    async def pair(self) -> tuple[Instance, Instance]:
        """Leader and standby, once both are what they are said to be."""
        limit = time.monotonic() + RESTORED_WITHIN
        roles: list[str] = []
        while time.monotonic() < limit:
            for one in self.instances:
                if not one.pids():
                    await one.launch()
            roles = [await one.role() for one in self.instances]
            if sorted(roles) == ["leader", "standby"]:
                leader = roles.index("leader")
                return self.instances[leader], self.instances[1 - leader]
            await asyncio.sleep(0.1)
        raise TimeoutError(f"no leader with a standby within {RESTORED_WITHIN:.0f} s: {roles}")

    def dialled_twice(self) -> list[str]:
        """Numbers of the campaign, which may dial each once, that were dialled again."""
        count = Counter(record.phone for record in self.town.records())
        return sorted(number for number, times in count.items() if times > 1)

    def bridged(self) -> dict[str, list[float]]:
        """When each phone entered a bridge, by the PBX's event log."""
        found: dict[str, list[float]] = {}
        path = self.pbx.folder / "log" / "cel-custom" / "Master.csv"
        for line in path.read_text().splitlines():
            kind, at, channel = line.split(",")
            if kind == "BRIDGE_ENTER":
                found.setdefault(channel.partition("/")[2].rpartition("-")[0], []).append(float(at))
        return found

    async def in_fallback(self) -> set[str]:
        """The numbers of those who wait in the PBX's queue."""
        waiting = set(re.findall(r"PJSIP/trunk-\w+", await self.pbx.cli(f"queue show {QUEUE}")))
        shown = [line.split("!") for line in (await self.pbx.cli("core show channels concise")).splitlines()]
        return {fields[7] for fields in shown if fields[0] in waiting and len(fields) > 7}

    def keep(self, folder: Path) -> None:
        """The logs of what went wrong."""
        folder.mkdir(parents=True, exist_ok=True)
        for index, one in enumerate(self.instances):
            if one.log.exists():
                shutil.copy(one.log, folder / f"callbridge-{index + 1}.log")
        shutil.copy(self.pbx.log_path, folder / "asterisk.log")
        shutil.copy(self.pbx.folder / "log" / "cel-custom" / "Master.csv", folder / "bridges.csv")


def config(app: str = "callbridge", database: Path | None = None) -> dict[str, Any]:
    names = [*(name for line in LINES.values() for name in line), FRAGILE, *ROAMING]
    instance = {"timezone": "UTC", "app": app}
    if app != "callbridge":
        other = {"other": agent(NEIGHBOUR, {"support": 1}, login=False)}
        return floor(other, instance=instance, fallback={"mirror": False, "pull_back": False})
    agents = {name: agent(name, {"support": 1}) for name in names}
    agents |= {name: agent(name, {"spring": 1}, "auto_answer") for name in SELLERS}
    queues = {name: {"steps": [{"skills": name}]} for name in ("support", "spring")}
    return floor(
        agents,
        queues,
        queue_defaults={"wrap_up": 0.3, "short_talk": SHORT_TALK},
        instance=instance,
        fallback={"mirror": True, "pull_back": True},
        database={"url": f"sqlite:///{database}"},
        ledger={"per_day": 20, "gap": "0s"},
        campaigns={"spring": campaign(queue="spring", lines=2, per_second=1)},
        region="GB",
    )


class Opening:
    """``async with Opening(...) as floor``: everything started, the pair in place, the campaign dialling."""

    def __init__(self, rounds: int, *, neighbour: bool = False, dead_phone: bool = False) -> None:
        self.rounds, self.neighbour, self.dead_phone = rounds, neighbour, dead_phone
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Floor:
        try:
            return await self._open()
        except BaseException:
            await self._stack.aclose()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> Floor:
        enter = self._stack.enter_async_context
        specs = [PhoneSpec(name=name, line=line) for line, names in LINES.items() for name in names]
        specs += [PhoneSpec(name=name, line="sellers") for name in SELLERS]
        specs += [PhoneSpec(name=name, line="roaming", contact="register") for name in ROAMING]
        specs += [PhoneSpec(name=name) for name in (FRAGILE, NEIGHBOUR, NOBODY, TOWN)]
        pbx = await _room(specs, CEL | {"extensions.conf": OUTSIDE} | ({"pjsip.conf": LISTENED} if self.dead_phone else {}))
        (pbx.folder / "log" / "cel-custom").mkdir()
        await enter(pbx)
        redis = await enter(RedisServer())
        lines = (*LINES, "roaming", "sellers", FRAGILE, NOBODY)
        phones = {line: await enter(Phone(pbx, line, _script(line, self.dead_phone))) for line in lines}
        town = await enter(Phone(pbx, TOWN, PhoneScript(ring=(0.2, 1.0), steps=[Talk(0.5, 1.5)], hangs_up=True)))
        first, second = [await enter(_Started(await self._instance(pbx, redis, name))) for name in ("first", "second")]
        here = Floor(pbx, redis, (first, second), phones, town, leads=30 * self.rounds)
        await here.register()
        if self.neighbour:
            here.neighbour = await enter(Callbridge(pbx, config("other"), warm=True))
        leader, _ = await here.pair()
        await self._campaign(leader, here.leads)
        return here

    async def _instance(self, pbx: Pbx, redis: RedisServer, name: str) -> Instance:
        wires = {kind: await self._stack.enter_async_context(Forwarder()) for kind in ("ari", "ami", "redis")}
        links = await wires["ari"].to(pbx) | await wires["ami"].to_ami(pbx)
        more = {"pbx": links, "redis": {"url": wires["redis"].to_port(redis.port)}}
        standby = {"standby": {"address": f"http://{name}.example:8090"}}
        clock = pbx.folder / "clock" if name == "second" else None
        if clock:
            clock.write_bytes(struct.pack("d", 0.0))
        return Instance(pbx, config(database=pbx.folder / "ledger.db") | standby | more, wires, clock)

    async def _campaign(self, leader: Instance, leads: int) -> None:
        path = leads_file(leader.folder, random.sample(range(10_000), min(leads, 10_000)))
        await command(leader, "load", "spring", path)
        await asyncio.to_thread(leader.client.run_campaign, "spring", "start")


class _Started:
    """An instance is launched, and whatever becomes of it, ended."""

    def __init__(self, one: Instance) -> None:
        self.one = one

    async def __aenter__(self) -> Instance:
        await self.one.launch()
        return self.one

    async def __aexit__(self, *_: object) -> None:
        await self.one.close()


def _script(line: str, dies: bool) -> PhoneScript:
    if line == NOBODY:
        return PhoneScript.rings_out()
    if line == "sellers":  # members of the fallback queue, too, whose callers stay until they are hung up
        return PhoneScript.answers(ring=0.02, talk=3.0)
    last = dies and line == FRAGILE
    steps = PhoneScript.answers(talk=(8.0, 9.0) if last else TALK).steps
    return PhoneScript(ring=RING, steps=steps, hangs_up=True, audio="agent" if last else None)


async def _room(specs: Sequence[PhoneSpec], extra: Mapping[str, str]) -> Pbx:
    """A run takes long, and other labs of the machine come and go: wait until there are ports for this one."""
    limit = time.monotonic() + ROOM
    while True:
        try:
            return Pbx(22, phones=specs, extra=extra)
        except RuntimeError:
            if time.monotonic() > limit:
                raise
            await asyncio.sleep(1.0)
