"""callbridge that stops itself at a chosen place, as a machine does that is frozen just there.

    python -m tests.lab.stall PLACE FLAG serve -c FILE

Rule of this file: what runs is the real command. All that is added is a SIGSTOP where PLACE says, once for every time that
the file FLAG is put there; the test that put it there sends SIGCONT.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callbridge.adapters.redis.store import RedisStore
from callbridge.cli import main
from callbridge.runtime import loop
from callbridge.service.publisher import Publisher

PLACES: dict[str, tuple[Any, str]] = {
    "step": (loop, "step"),
    "save": (RedisStore, "save"),
    "publish": (Publisher, "batch"),
}
"""Where it can be stopped: before this function does its work."""


def plant(place: str, flag: Path) -> None:
    owner, name = PLACES[place]
    real: Callable[..., Any] = getattr(owner, name)

    def stopping(*args: Any, **named: Any) -> Any:
        if flag.exists():
            flag.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)
        return real(*args, **named)

    setattr(owner, name, stopping)


def is_stopped(pid: int) -> bool:
    """Whether the kernel has stopped the process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


if __name__ == "__main__":
    plant(sys.argv[1], Path(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
