"""`callbridge import`: another system's files as our configuration. What cannot be carried over is said."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from callbridge.cli.conf_files import read_conf
from callbridge.cli.importing.asterisk import Sources, convert
from callbridge.cli.importing.converted import Converted
from callbridge.cli.importing.members import Listed, read_members
from callbridge.settings.faults import printable
from callbridge.wire.asterisk_conf import Conf, decode

DONE, FAILED = 0, 1
_REALTIME = ("queues", "queue_members")
"""What extconfig.conf may keep in a database."""


def run(options: argparse.Namespace) -> int:
    """Print the configuration, and on stderr each line to look at."""
    try:
        result = _from_asterisk(options)
    except OSError as trouble:
        print(f"callbridge: {trouble.filename}: {trouble.strerror}", file=sys.stderr)
        return FAILED
    if not result.queues:
        print(f"callbridge: {options.queues}: contains no queue", file=sys.stderr)
        return FAILED
    print(result.text, end="")
    for line in result.looks.lines:
        print(f"look at: {printable(line)}", file=sys.stderr)
    print(
        f"{result.queues} queues and {result.agents} agents converted, {len(result.looks.lines)} lines to look at; "
        "add them to yours, then run `callbridge check`",
        file=sys.stderr,
    )
    return DONE


def _from_asterisk(options: argparse.Namespace) -> Converted:
    beside: Path = options.queues.parent
    sources = Sources(
        queues=read_conf(options.queues),
        extensions=read_conf(options.extensions) if options.extensions else None,
        rules=_beside(beside / "queuerules.conf"),
        listed=_listed(options.members) if options.members else None,
        realtime=_realtime(_beside(beside / "extconfig.conf")),
    )
    return convert(sources, options.widen)


def _beside(path: Path) -> Conf | None:
    return read_conf(path) if path.is_file() else None


def _listed(path: Path) -> Listed:
    return read_members(decode(path.read_bytes())[0])


def _realtime(conf: Conf | None) -> list[str]:
    settings = conf.section("settings") if conf is not None else None
    return [entry.key for entry in settings.entries if entry.key in _REALTIME] if settings is not None else []
