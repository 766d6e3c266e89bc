"""Two real PBXs with a tie line between them, and one callbridge that serves both.

Rule of this file: ``PJSIP/1001`` is a phone of each of them, so that nothing works because names happen to differ.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.lab.bridge import Callbridge, floor
from tests.lab.pbx import PBX_HOST, Pbx, PhoneSpec
from tests.lab.redis import RedisServer

EAST, WEST = "east", "west"
PHONES = [PhoneSpec(name="1001"), PhoneSpec(name="1002")]
LOST_AFTER = 2
"""Seconds without RTP after which a leg over the tie line ends."""
TIE = "PJSIP/{phone}@tie-{pbx}"


@dataclass(frozen=True, slots=True)
class Pair:
    """Each by its name."""

    east: Pbx
    west: Pbx

    def config(self, agents: Mapping[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
        return floor(agents, **more) | {"pbx": [_link(EAST, self.east), _link(WEST, self.west)]}

    @contextlib.asynccontextmanager
    async def bridge(self, agents: Mapping[str, dict[str, Any]], **more: Any) -> AsyncIterator[Callbridge]:
        """callbridge for both, which is ready for calls."""
        async with self.bridge_with(self.config(agents, **more)) as bridge:
            yield bridge

    @contextlib.asynccontextmanager
    async def bridge_with(self, config: dict[str, Any]) -> AsyncIterator[Callbridge]:
        """The same with a configuration of its own. It begins with nothing saved: neither in Redis nor on the PBXs, where many
        tests in a row would look like a process that starts again and again."""
        for pbx in (self.east, self.west):
            await pbx.cli("dialplan set global CALLBRIDGE_OWNER_STARTS 0")
        async with RedisServer() as redis, Callbridge(self.east, config, redis=redis, warm=True) as bridge:
            yield bridge
        for pbx in (self.east, self.west):
            await pbx.hang_up_all()
            await pbx.quiet()


def _link(name: str, pbx: Pbx) -> dict[str, Any]:
    return {
        "name": name,
        "ari": {"url": pbx.ari_url, "user": pbx.ari_user, "password": pbx.ari_password},
        "ami": {"port": pbx.ami_port, "user": pbx.ami_user, "secret": pbx.ami_secret},
        "tie": TIE,
    }


def _tie(pbx: Pbx, name: str, other: Pbx) -> None:
    """The trunk of ``pbx`` to the other one, known by this name."""
    pbx.add(
        "pjsip.conf",
        f"[tie-{name}](lab-endpoint)\ncontext=callbridge-tie\naors=tie-{name}\ntrust_id_inbound=yes\nrtp_timeout={LOST_AFTER}\n\n"
        f"[tie-{name}]\ntype=aor\ncontact=sip:{PBX_HOST}:{other.sip_port}\nqualify_frequency=0\n\n"
        f"[tie-{name}]\ntype=identify\nendpoint=tie-{name}\nmatch={PBX_HOST}\n",
    )


@contextlib.asynccontextmanager
async def pair(east: int, west: int) -> AsyncIterator[Pair]:
    """Two PBXs of these versions, and Redis."""
    async with contextlib.AsyncExitStack() as stack:
        pbxs = [Pbx(version, phones=PHONES, rtp_ports=200, verbose=3) for version in (east, west)]
        for pbx in pbxs:
            stack.push_async_callback(pbx.close)
        _tie(pbxs[0], WEST, pbxs[1])
        _tie(pbxs[1], EAST, pbxs[0])
        for pbx in pbxs:
            await pbx.start()
        yield Pair(*pbxs)


@contextlib.asynccontextmanager
async def dead_tie(pbx: Pbx, name: str, to: int, *, qualified: bool) -> AsyncIterator[None]:
    """What this PBX sends over its tie line to the one of this name, at port ``to``, is swallowed meanwhile. ``qualified``: the
    PBX itself notices that, and finds the line unreachable."""
    config = pbx.folder / "etc" / "pjsip.conf"
    before = config.read_text()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind((PBX_HOST, 0))
        working = f"[tie-{name}]\ntype=aor\ncontact=sip:{PBX_HOST}:{to}\nqualify_frequency=0\n"
        assert working in before
        dead = working.replace(f":{to}", f":{hole.getsockname()[1]}")
        if qualified:
            dead = dead.replace("qualify_frequency=0", "qualify_frequency=1\nqualify_timeout=0.5")
        config.write_text(before.replace(working, dead))
        await pbx.cli("module reload res_pjsip.so")
        if qualified:
            async with asyncio.timeout(10):
                while "Unavail" not in await pbx.cli(f"pjsip show aor tie-{name}"):
                    await asyncio.sleep(0.1)
        try:
            yield
        finally:
            config.write_text(before)
            await pbx.cli("module reload res_pjsip.so")


def desk(pbx: str, phone: str, skills: Mapping[str, int], connect: str = "ring", *, login: bool = True) -> dict[str, Any]:
    """An agent at a phone of one of the two."""
    return {"skills": dict(skills), "phone": f"{pbx}/PJSIP/{phone}", "connect": connect, "login": login}
