"""One child process of the lab: started with its output in a file, ended by its own process id.

Rule of this file: no shell, no search by name, and no survivor; the kernel kills the child should
the test run itself be killed.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tests.lab.warm import Warm


class Child(Protocol):
    """What the ways to start a process have in common."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def send_signal(self, signal: int, /) -> None: ...
    async def wait(self) -> int: ...


class Process:
    """A running or ended child."""

    def __init__(self, child: Child) -> None:
        self._child = child

    @classmethod
    async def start(cls, command: Sequence[str | Path], log: Path, cwd: Path | None = None) -> "Process":
        """Start the command; what it prints is appended to the log."""
        with log.open("ab") as out:
            child = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", *map(str, command),
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                env=_env(),
            )  # fmt: skip
        return cls(child)

    @classmethod
    async def callbridge(cls, *words: str | Path, log: Path) -> "Process":
        """Start ``callbridge WORDS`` without waiting for its imports."""
        return cls(await Warm.start([str(word) for word in words], log, _env()))

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        return self._child.returncode

    @property
    def running(self) -> bool:
        return self._child.returncode is None

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            self._child.send_signal(number)

    def set_timer_slack(self, seconds: float) -> None:
        """Let its timers expire so much later (prctl(2), PR_SET_TIMERSLACK); what arrives at a socket still wakes it at once."""
        with contextlib.suppress(FileNotFoundError):  # it has ended
            Path(f"/proc/{self.pid}/timerslack_ns").write_text(str(round(seconds * 1e9)))

    async def wait(self, limit: float | None = None) -> int:
        """The exit code; `TimeoutError` when it still runs after so many seconds."""
        return await asyncio.wait_for(self._child.wait(), limit)

    async def end(self, grace: float = 5.0) -> None:
        """Ask politely, then do not ask. A stopped process is woken so that it can hear."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            await self.wait(grace)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.wait()


def _env() -> dict[str, str]:
    return os.environ | {"TZ": "UTC", "LC_ALL": "C"}


async def output(*command: str | Path, limit: float = 10.0) -> str:
    """What a short command prints; `RuntimeError` with its last words when it fails."""
    child = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await asyncio.wait_for(child.communicate(), limit)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise
    text = printed.decode(errors="replace")
    if child.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {child.returncode}: {text.strip()}")
    return text
