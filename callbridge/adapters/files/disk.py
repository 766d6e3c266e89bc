"""Free space of a folder that may be on a disk which does not answer."""

from __future__ import annotations

import asyncio
import math
import shutil
from pathlib import Path

from callbridge.adapters.system.threads import Threads

DISK_TIMEOUT = 0.5
"""Seconds; a disk that takes longer is not waited for."""


class FreeSpace:
    """One look at a time: a disk that is stuck holds one thread, however often it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = Threads("disk")
        self._look: asyncio.Task[float] | None = None

    async def bytes(self) -> float:
        """NaN when that cannot be seen now."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._threads.run(self._free))
        done, _ = await asyncio.wait((self._look,), timeout=DISK_TIMEOUT)
        return self._look.result() if done else math.nan

    def _free(self) -> float:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return math.nan
