"""Ending tasks that await code of others.

Python 3.11's ``asyncio.wait_for`` forgets a cancellation that arrives together with its result (CPython gh-86296), and
the Redis client waits with it: a task cancelled once may go on. What must end is therefore cancelled until it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

_CANCEL_AGAIN_AFTER = 0.05
"""Seconds for a task's own clean-up before it is cancelled again: none of ours needs longer."""


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks, and return when all have ended. Their results and exceptions stay in the tasks."""
    pending = set(tasks)
    while pending := {task for task in pending if not task.done()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_CANCEL_AGAIN_AFTER)
