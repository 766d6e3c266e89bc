"""Runs callbridge as another machine would, with a fault of its own: ``python -m tests.lab.another_host FAULT serve -c FILE``.

``clock:3600`` sets its wall clock so many seconds ahead of ours (a minus: behind); ``older`` makes it a version that cannot read
yet what ours saves. All else of the process is callbridge itself.
"""

from __future__ import annotations

import sys
import time


def _ahead(seconds: float) -> None:
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)


def _older() -> None:
    from callbridge.adapters.facts import codec

    vars(codec)["SCHEMA"] -= 1


def main(fault: str, *words: str) -> int:
    kind, _, value = fault.partition(":")
    if kind == "clock":
        _ahead(float(value))  # before callbridge is imported, which may keep the function
    else:
        _older()
    from callbridge.cli import main as callbridge

    return callbridge(words)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
