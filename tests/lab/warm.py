"""callbridge from an interpreter that has imported it already: started in a tenth of a second of CPU, not in two.

Rule of this file: what runs is the real command with its arguments, in a process of its own with its own signals, streams and
exit code; only the imports were done before, once for hundreds of tests. Demo, benches and tests of commands start it cold.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""See prctl(2)."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, "tests.lab.rehearsal"])


class Warm:
    """A running or ended child, with what `Process` asks of one."""

    def __init__(self, child: ForkServerProcess) -> None:
        self._child = child

    @classmethod
    async def start(cls, words: Sequence[str], log: Path, env: Mapping[str, str]) -> Warm:
        """Start ``callbridge WORDS``; what it prints is appended to the log."""
        log.touch()
        child = _FORKS.Process(target=_run, args=(list(words), str(log), dict(env)), daemon=True)
        starting = asyncio.ensure_future(asyncio.to_thread(child.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting
            child.kill()
            raise
        return cls(child)

    @property
    def pid(self) -> int:
        pid = self._child.pid
        assert pid is not None
        return pid

    @property
    def returncode(self) -> int | None:
        return self._child.exitcode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    async def wait(self) -> int:
        while (code := self.returncode) is None:
            await asyncio.sleep(0.01)
        return code


def _run(words: list[str], log: str, env: dict[str, str]) -> None:
    """In the child. Nothing of the fork server's is kept: it would live on for as long as we do, and we with it."""
    from callbridge.cli import main

    gc.freeze()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.closerange(3, 1024)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["callbridge", *words]
    sys.exit(main(words))
