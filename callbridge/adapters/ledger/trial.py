"""Can the database be opened? Asked at start, before anything is taken over."""

from __future__ import annotations

import asyncio

from callbridge.adapters.database import Database, NotAnswering
from callbridge.adapters.system.threads import Threads

TRIAL_TIMEOUT = 2.0
"""Seconds."""


async def trouble_of(url: str) -> str:
    """Why it cannot be opened now; empty when it can. Raises BadDatabase when it never will be of use."""
    store, threads = Database(url), Threads("the database at start")
    try:
        async with asyncio.timeout(TRIAL_TIMEOUT):
            await threads.run(store.open, store.cut)
    except NotAnswering as trouble:
        return str(trouble)
    except TimeoutError:
        return f"no answer within {TRIAL_TIMEOUT:g} s"
    finally:
        threads.close()
        store.close()
    return ""
