"""The house of a live test: Redis and callbridge beside a real PBX, and the accounts that must balance at the end.

Rule of this file: what every test must leave behind - a silent PBX, no bridge, free agents, one outcome for each visit,
clean logs - is asked here once, for all of them.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

import aiohttp

from tests import forks
from tests.lab.bridge import Callbridge, Fact
from tests.lab.pbx import Pbx
from tests.lab.proxy import AmiProxy, AriProxy
from tests.lab.redis import RedisServer
from tests.lab.sip import CallRecord, PhoneRecord

OUTCOMES = ("answered", "abandoned", "short_abandoned", "overflowed", "failed")
AT_WORK = {"ringing", "talking"}
TICK_16 = 0.2
"""Seconds for which version 16 may leave an order lying (MAX_WAIT_MS)."""
CROWDED = 0.4
"""Seconds that everything may take longer while several labs share the machine; alone a test is as strict as it says."""


def crowded() -> float:
    """Seconds to be allowed for everything that has a time of its own."""
    return CROWDED if forks.is_child else 0.0


class House:
    """``bridge = await house.open(floor(...))``; more than one may be opened, one after the other."""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx
        self.redis = RedisServer()
        self.proxy: AriProxy | None = None
        self.ami: AmiProxy | None = None
        self.bridges: list[Callbridge] = []
        self._stack = AsyncExitStack()
        self._explained: list[str] = []
        self._explained_by_pbx: list[str] = []
        self._read = 0

    async def __aenter__(self) -> Self:
        self._read = len(self.pbx.problems())
        await self._forget_starts()
        await self._stack.enter_async_context(self.redis)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pbx.hang_up_all()
        await self._stack.aclose()

    async def open(self, config: Mapping[str, Any], *, redis: bool = True, module: Sequence[str] = ()) -> Callbridge:
        """Start callbridge with this configuration; ``module`` is what Python runs in its place."""
        using = {"module": module} if module else {"warm": True}
        bridge = Callbridge(self.pbx, config, redis=self.redis if redis else None, **using)
        self.bridges.append(await self._stack.enter_async_context(bridge))
        return bridge

    async def open_through_proxy(self, config: Mapping[str, Any]) -> tuple[Callbridge, AriProxy]:
        """The same, with a fault proxy before ARI."""
        self.proxy = await self._stack.enter_async_context(AriProxy(self.pbx))
        return await self.open(dict(config) | self.proxy.config()), self.proxy

    def explains(self, event: str) -> None:
        """Lines of callbridge's log that this test means to bring about."""
        self._explained.append(event)

    def explains_pbx(self, pattern: str) -> None:
        """The same of the PBX's log."""
        self._explained_by_pbx.append(pattern)

    @property
    def slack(self) -> float:
        return (TICK_16 if self.pbx.version == 16 else 0.0) + crowded()

    # At the end

    async def at_the_end(self) -> None:
        """Nothing is left, nobody is stuck, the figures add up, and no log complains."""
        for bridge in self.bridges:
            await self._log_out_nailed_up(bridge)
        await self.pbx.quiet()
        await self._until_no_bridge()
        for bridge in self.bridges:
            await self._balance(bridge)
        told = [line for bridge in self.bridges for line in bridge.trouble() if line["event"] not in self._explained]
        # The budget of 50 ms for a save is a promise for a machine of one's own.
        trouble = [line for line in told if (line["event"], line.get("why")) != ("store degraded", "slow")]
        assert trouble == [], trouble
        known = [*self._explained_by_pbx, *PBX_SAYS, *(CUT_OFF for bridge in self.bridges if bridge.was_killed)]
        lines = [line for line in self.pbx.problems()[self._read :] if not any(re.search(each, line) for each in known)]
        assert lines == [], lines

    async def _log_out_nailed_up(self, bridge: Callbridge) -> None:
        """Their phones, which have gone with the test, are called again a few seconds after the line to them was lost."""
        agents = json.loads(bridge.path.read_text()).get("agents", {})
        if bridge.process.running and any(one.get("connect") == "nailed_up" for one in agents.values()):
            for row in await asyncio.to_thread(bridge.client.agents):
                if agents.get(row["id"], {}).get("connect") == "nailed_up" and row["state"] != "logged_out":
                    await bridge.ask(row["id"], "logout")

    async def _balance(self, bridge: Callbridge) -> None:
        if not bridge.process.running:
            return
        if not bridge.was_killed or whole(bridge.lines()):
            await bridge.eventually(lambda: len(bridge.facts("call_arrived")) == len(bridge.facts("call_ended")))
            assert_accounts(bridge.lines())
        rows = await asyncio.to_thread(bridge.client.agents)
        assert [(row["id"], row["state"]) for row in rows if row["state"] in AT_WORK] == []
        for row in await asyncio.to_thread(bridge.client.queues):
            assert int(row["waiting"]) == 0
            assert int(row["offered"]) == sum(int(row[outcome]) for outcome in OUTCOMES), row

    async def _until_no_bridge(self) -> None:
        async with asyncio.timeout(5):
            while await self.our_bridges():
                await asyncio.sleep(0.05)

    async def our_bridges(self) -> list[str]:
        """Bridges of callbridge that the PBX has now."""
        async with self._ari() as session, session.get(f"{self.pbx.ari_url}/bridges") as answer:
            return [bridge["id"] for bridge in await answer.json() if bridge["id"].startswith("cb-")]

    async def _forget_starts(self) -> None:
        """Tests kill callbridge more often than somebody's machine does, and the PBX counts that (``Restarts``)."""
        starts = {"variable": "CALLBRIDGE_OWNER_STARTS", "value": "none"}
        async with self._ari() as session, session.post(f"{self.pbx.ari_url}/asterisk/variable", params=starts) as answer:
            answer.raise_for_status()

    def _ari(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            headers={"Authorization": aiohttp.encode_basic_auth(self.pbx.ari_user, self.pbx.ari_password)}
        )


CUT_OFF = r"[wW]eb ?[sS]ocket:? (closed abruptly|read error|Connection reset)"
"""What the PBX says of the socket of somebody who was killed, depending on what it was about to do with it."""
PBX_SAYS = (
    # Version 16 tells the application of our first beat while the socket's handshake is still being finished.
    r"Queued 'ChannelUserevent' message for Stasis app ''; websocket is not ready",
    # Somebody hung up in the middle of a prompt. One that is missing is told by ourselves, as prompt_failed.
    r"res_stasis_playback.c: .*Playback failed for (sound|number):",
    # The far half of a transfer may be gone before we have asked for its events; a probe finds that out.
    r"res_stasis.c: Event source not found: channel:",
    # The near half of a transfer, answered as a caller would be, may be hung up in the same moment: the other half was heard of.
    r"res_stasis_answer.c: .*Failed to answer channel",
    # A phone's leg ended while the subroutine ran that keeps what it shows.
    r"app_stack.c: .*Abnormal 'Gosub\(callbridge-connected-line,s,1\)' exit",
    # A test ends the PBX in order, and an action of ours comes in that moment: the link is lost anyway.
    r"manager.c: Unable to process manager action '\w+'. Asterisk is shutting down",
    # Our application was opened again before that of a callbridge that has just ended was gone. The context is for calls into
    # an application by its name; nobody here makes any.
    r"Not creating context 'stasis-callbridge' for Stasis application 'callbridge' because it already exists",
    # A caller hung up between two frames of the music, at a phone or through a forwarded call's Local channel.
    r"res_musiconhold.c: .*Failed to write frame to '(PJSIP|Local)/",
)
"""Warnings of the PBX that mean nothing here, each with its reason."""


def whole(lines: Sequence[Fact]) -> bool:
    """Whether every fact has a line: who is killed takes the last ones along, which are saved all the same."""
    seqs = {line["seq"] for line in lines if "seq" in line}
    return len(seqs) == max(seqs, default=0) - min(seqs, default=1) + 1


def assert_accounts(lines: Sequence[Fact]) -> None:
    """Every call ended once, every visit ended once, every segment and every offer too."""
    told = Counter((line["event"], line.get("call", "")) for line in lines if "seq" in line)
    for begin, end in (
        ("call_arrived", "call_ended"),
        ("visit_began", "visit_ended"),
        ("offer_made", "offer_ended"),
        ("talk_began", "talk_ended"),
    ):
        began = {call: count for (kind, call), count in told.items() if kind == begin}
        ended = {call: count for (kind, call), count in told.items() if kind == end}
        assert began == ended, f"{begin} and {end} differ"
    assert all(count == 1 for (kind, _), count in told.items() if kind == "call_arrived")


def arrived(records: Sequence[CallRecord], number: str) -> CallRecord:
    return next(record for record in records if record.number == number)


def served(records: Sequence[PhoneRecord]) -> list[str]:
    """Whose calls a phone got, in order."""
    return [record.caller_number for record in sorted(records, key=lambda record: record.invite_at)]
