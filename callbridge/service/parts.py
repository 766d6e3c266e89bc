"""Named tasks that end together; a failure of any of them is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from callbridge.adapters.system.tasks import end


class Parts:
    """``failed`` is called with the name and the exception of every task that ends with one."""

    def __init__(self, failed: Callable[[str, BaseException], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def stop(self, name: str) -> None:
        """Cancel the tasks of this name, without reporting a failure."""
        await end([task for task in self._tasks if task.get_name() == name])

    async def close(self) -> None:
        await end(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._failed(task.get_name(), fault)
