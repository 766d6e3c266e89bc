"""Gives every lab ports that no other lab on this machine will use, also one in another process.

Rule of this file: a block is owned while its lock files are open; the kernel frees what a dead lab
held. All blocks lie below the kernel's ephemeral range, so no outgoing connection can take one.
"""

import fcntl
import random
import socket
from pathlib import Path
from typing import IO

FIRST, SMALL, LAST, UNIT = 7000, 28000, 32000, 100
"""Blocks of one unit lie from SMALL on: between large ones they would leave no room for another."""

LOCKS = Path("/tmp/callbridge-lab-ports")
"""The same for everybody, whatever TMPDIR says: ranges of RTP ports are not tried out."""


class PortBlock:
    """A block of consecutive ports, handed out one by one from its start."""

    def __init__(self, size: int) -> None:
        self.first, self._locks = _claim(-(-size // UNIT))
        self.end = self.first + len(self._locks) * UNIT
        self._next = self.first

    def take(self, host: str, kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
        """The next port of the block that is free on this host."""
        while self._next < self.end:
            port, self._next = self._next, self._next + 1
            if _is_free(host, port, kind):
                return port
        raise RuntimeError(f"no free port left in {self.first}-{self.end - 1}")

    def take_range(self, size: int) -> tuple[int, int]:
        """The first and last port of a run of `size` ports, beginning at an even one."""
        first = self._next + self._next % 2
        if first + size > self.end:
            raise RuntimeError(f"no {size} ports left in {self.first}-{self.end - 1}")
        self._next = first + size
        return first, self._next - 1

    def release(self) -> None:
        for lock in self._locks:
            lock.close()


def _claim(units: int) -> tuple[int, list[IO[str]]]:
    """Lock a run of free units, searching from a random place. Equally large ones stand side by side, without gaps, as long as
    there is room for that."""
    first, last = (SMALL, LAST) if units == 1 else (FIRST, SMALL)
    starts = list(range(first, last - units * UNIT + 1, units * UNIT))
    turn = random.randrange(len(starts))
    anywhere = range(first, last - units * UNIT + 1, UNIT)
    for start in (*starts[turn:], *starts[:turn], *anywhere):
        locks: list[IO[str]] = []
        for port in range(start, start + units * UNIT, UNIT):
            lock = lock_of(port)
            if lock is None:
                break
            locks.append(lock)
        else:
            return start, locks
        for lock in locks:
            lock.close()
    raise RuntimeError(f"all ports from {first} to {last} are in use by other labs")


def lock_of(port: int) -> IO[str] | None:
    """Lock the block that begins at this port; none if another lab has it."""
    LOCKS.mkdir(exist_ok=True)
    lock = (LOCKS / str(port)).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
