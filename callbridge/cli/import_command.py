"""The ``import`` command: another system's files as a configuration of callbridge."""

from __future__ import annotations

import argparse
from pathlib import Path

from callbridge.settings.durations import seconds

_HELP = {
    "queues": "queues.conf; what it includes is read as well",
    "extensions": "the dialplan: how calls reach and leave each queue, and the hints of the phones",
    "members": "output of Asterisk's `queue show`, `database show Queue/PersistentMembers` or `database show QPENALTY`",
    "widen": "time a caller waits at each penalty before the next one is included",
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to the command's parser."""
    parser = commands.add_parser("import", help="convert queues.conf and FreePBX's dialplan to a callbridge configuration")
    parser.add_argument("queues", type=Path, metavar="QUEUES.CONF", help=_HELP["queues"])
    parser.add_argument("--extensions", type=Path, metavar="EXTENSIONS.CONF", help=_HELP["extensions"])
    parser.add_argument("--members", type=Path, metavar="FILE", help=_HELP["members"])
    parser.add_argument("--widen", type=_duration, metavar="DURATION", help=_HELP["widen"])
    parser.set_defaults(run=_run, parser=parser)


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _run(options: argparse.Namespace) -> int:
    from callbridge.cli.importing import run

    return run(options)
