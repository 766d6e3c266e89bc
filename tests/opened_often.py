"""What every application reads again when it is opened, and what never changes in a run of the tests: the screens' files, which
are compressed each time (20 ms of a processor), and the versions of packages (redis-py looks up its own for each connection)."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from pathlib import Path
from typing import Any

from callbridge.adapters.http import pages

_REALLY_READ = pages.read_bundle
_REALLY_LOOK_UP = importlib.metadata.version


def share() -> None:
    """Have all applications of this process, and of those forked from it, share them."""
    metadata: Any = importlib.metadata
    metadata.version = _version
    pages.read_bundle = _read_bundle
    _screens()


def _read_bundle(folder: Path) -> dict[str, pages.PageFile]:
    return dict(_screens()) if folder == pages.DIST else _REALLY_READ(folder)


@cache
def _screens() -> dict[str, pages.PageFile]:
    return _REALLY_READ(pages.DIST)


@cache
def _version(package: str) -> str:
    return _REALLY_LOOK_UP(package)
