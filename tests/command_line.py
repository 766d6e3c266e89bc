"""The parser of the command line, which takes 15 ms to build: one for all tests that call ``callbridge.cli.main``."""

from __future__ import annotations

import argparse
import os
from functools import cache

from callbridge import cli

_REALLY_BUILD = cli._parser
DEFAULTS = ("CALLBRIDGE_CONFIG", "CALLBRIDGE_URL", "CALLBRIDGE_TOKEN")
"""Variables of the environment that it reads when it is built."""


def share() -> None:
    cli._parser = _parser


def _parser() -> argparse.ArgumentParser:
    return _built(tuple(os.environ.get(name) for name in DEFAULTS))


@cache
def _built(_defaults: tuple[str | None, ...]) -> argparse.ArgumentParser:
    return _REALLY_BUILD()
