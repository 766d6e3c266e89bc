"""Runs callbridge as another machine would, with a fault of its own: ``python -m tests.lab.another_host FAULT serve -c FILE``.

``clock:3600`` sets its wall clock so many seconds ahead of ours (a minus: behind); ``stepped:FILE`` sets it ahead by the double
in this file, which may change at any time; ``older`` makes it a version that cannot read yet what ours saves. All else of the
process is callbridge itself.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path


def _ahead(seconds: Callable[[], float]) -> None:
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds()
    time.time_ns = lambda: real_ns() + int(seconds() * 1e9)


def _in_file(path: Path) -> Callable[[], float]:
    with path.open("rb") as file:
        shared = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
    return lambda: float(struct.unpack_from("d", shared)[0])


def _older() -> None:
    from callbridge.adapters.facts import codec

    vars(codec)["SCHEMA"] -= 1


def main(fault: str, *words: str) -> int:
    kind, _, value = fault.partition(":")
    if kind == "clock":
        _ahead(lambda: float(value))  # before callbridge is imported, which may keep the function
    elif kind == "stepped":
        _ahead(_in_file(Path(value)))
    else:
        _older()
    from callbridge.cli import main as callbridge

    return callbridge(words)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
