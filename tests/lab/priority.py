"""Priority over everything else on the machine, for tests of how soon something happens: without it they measure the machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

PRIORITY = -15


@contextmanager
def before_others() -> Iterator[None]:
    """This process, and what it starts meanwhile."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)
