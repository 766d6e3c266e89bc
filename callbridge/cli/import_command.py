"""The ``import`` command: another system's files as a configuration of callbridge."""

from __future__ import annotations

import argparse
from pathlib import Path

from callbridge.settings.durations import seconds

_HELP = {
    "queues": "queues.conf; what it includes is read as well",
    "extensions": "the dialplan: how calls reach and leave each queue, and the hints of the phones",
    "members": "output of Asterisk's `queue show`, `database show Queue/PersistentMembers` or `database show QPENALTY`",
    "vicidial": "folder with tables of VICIdial as CSV: leads, do-not-call lists, statuses, pause codes",
    "issabel": "folder with tables of Issabel's call_center as CSV: calls, dont_call, break",
    "region": "with --vicidial and --issabel: country of numbers without a country code, two letters such as US",
    "out": "with --vicidial and --issabel: new folder for the configuration, the leads and the do-not-call list",
    "widen": "time a caller waits at each penalty before the next one is included",
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to the command's parser."""
    parser = commands.add_parser(
        "import", help="convert app_queue's, FreePBX's, VICIdial's or Issabel's settings to a configuration"
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("queues", type=Path, nargs="?", metavar="QUEUES.CONF", help=_HELP["queues"])
    source.add_argument("--vicidial", type=Path, metavar="DIR", help=_HELP["vicidial"])
    source.add_argument("--issabel", type=Path, metavar="DIR", help=_HELP["issabel"])
    parser.add_argument("--extensions", type=Path, metavar="EXTENSIONS.CONF", help=_HELP["extensions"])
    parser.add_argument("--members", type=Path, metavar="FILE", help=_HELP["members"])
    parser.add_argument("--widen", type=_duration, metavar="DURATION", help=_HELP["widen"])
    parser.add_argument("--region", metavar="US", help=_HELP["region"])
    parser.add_argument("--out", type=Path, metavar="DIR", help=_HELP["out"])
    parser.set_defaults(run=_run, parser=parser)


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _run(options: argparse.Namespace) -> int:
    tables = options.vicidial is not None or options.issabel is not None
    given = {name for name in ("extensions", "members", "widen", "region", "out") if getattr(options, name) is not None}
    if tables and (needed := {"region", "out"} - given):
        options.parser.error(f"--vicidial and --issabel need {' and '.join(f'--{name}' for name in sorted(needed))} as well")
    if odd := given & ({"extensions", "members", "widen"} if tables else {"region", "out"}):
        source = "QUEUES.CONF" if tables else "--vicidial and --issabel"
        options.parser.error(f"--{min(odd)} goes with {source} only")
    from callbridge.cli.importing import run

    return run(options)
