"""callbridge with a bug of ours in a chosen place, which shows when the test wants it.

    python -m tests.lab.bug PLACE FLAG serve -c FILE

Rule of this file: what runs is the real command. All that is added is an exception where PLACE says, from the moment on at
which the file FLAG exists.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from callbridge.cli import main
from callbridge.core.reload import plan_change
from callbridge.runtime.saver import Saver
from callbridge.service.publisher import Publisher

PLACES: dict[str, tuple[Any, str]] = {
    "publish": (Publisher, "batch"),
    "save": (Saver, "save"),
    "adopt": (plan_change, "_adopt"),
}
"""Where it is: before this function does its work."""


class PlantedBug(RuntimeError):
    """What is raised there."""


def plant(place: str, flag: Path) -> None:
    owner, name = PLACES[place]
    real = getattr(owner, name)

    def raising(*args: Any, **named: Any) -> Any:
        if flag.exists():
            raise PlantedBug(f"a bug in {name}")
        return real(*args, **named)

    setattr(owner, name, raising)


if __name__ == "__main__":
    plant(sys.argv[1], Path(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
