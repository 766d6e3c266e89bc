"""Connections to every PBX that a standby keeps open and logged in: a leader's links begin with them.

They show, too, whether the PBX accepts this instance: an AMI login that is refused is known before somebody depends on it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from callbridge.adapters.ami.link import AmiConnection, AmiSettings
from callbridge.adapters.ami.warm import WarmAmi
from callbridge.adapters.ari.http import Pools
from callbridge.adapters.ari.ownership import OwnershipCheck, OwnershipChecks


class WarmLinks(OwnershipChecks):
    """``look`` opens what is not open; ``hand_over`` gives all of it to the links of a term, and ``close`` ends the rest."""

    def __init__(self, checks: Sequence[OwnershipCheck], amis: Sequence[AmiSettings], timeout: float) -> None:
        super().__init__(checks, timeout, warm=True)
        self._amis = {ami.name: WarmAmi(ami, now=time.time) for ami in amis}

    def start(self) -> None:
        for ami in self._amis.values():
            ami.start()

    def refused(self) -> list[str]:
        """Which AMI logins the PBXs refuse."""
        return [f"pbx {name}: AMI login refused: {ami.refused}" for name, ami in self._amis.items() if ami.refused]

    async def hand_over(self) -> GivenLinks:
        sessions = await asyncio.gather(*(ami.take() for ami in self._amis.values()))
        given = {name: session for name, session in zip(self._amis, sessions, strict=True) if session is not None}
        return GivenLinks({name: pools for name in list(self._open) if (pools := self.take(name)) is not None}, given)

    async def close(self) -> None:
        await asyncio.gather(*(ami.close() for ami in self._amis.values()))
        await super().close()


class GivenLinks:
    """What was handed over, each to be taken once."""

    def __init__(self, pools: dict[str, Pools] | None = None, sessions: dict[str, AmiConnection] | None = None) -> None:
        self._pools, self._sessions = pools or {}, sessions or {}

    def pools(self, pbx: str) -> Pools | None:
        return self._pools.pop(pbx, None)

    def session(self, pbx: str) -> AmiConnection | None:
        return self._sessions.pop(pbx, None)

    async def close(self) -> None:
        """What nobody has taken."""
        pools, sessions = self._pools, self._sessions
        self._pools, self._sessions = {}, {}
        for session in sessions.values():
            session.abort()
        for pool in pools.values():
            await pool.close()
