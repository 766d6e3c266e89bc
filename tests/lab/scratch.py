"""Where a lab keeps its files while it runs: in memory if there is room, because a disk that is shared stalls for seconds.

Rule of this file: what is measured and asserted is the same in both places; only a stall of the disk is missing in memory.
"""

import functools
import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 1 << 30
"""Bytes that must be free: the labs that run side by side leave logs, captures and databases of a few hundred MB."""


@functools.cache
def place(memory: Path = MEMORY, room: int = ROOM) -> Path:
    """The folder below which temporary folders are made: in memory with enough room, else the usual one."""
    fits = os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free >= room
    return memory if fits else Path(tempfile.gettempdir())


def folder(prefix: str) -> Path:
    """A new folder, which its owner removes."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=place()))
