"""`callbridge import`: another system's files as our configuration. What cannot be carried over is said."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from callbridge.adapters.system.private_files import open_private
from callbridge.cli.conf_files import read_conf
from callbridge.cli.importing import issabel, vicidial
from callbridge.cli.importing.asterisk import Sources, convert
from callbridge.cli.importing.converted import Converted
from callbridge.cli.importing.members import Listed, read_members
from callbridge.settings.faults import printable
from callbridge.wire.asterisk_conf import Conf, decode
from callbridge.wire.phone_numbers import is_region

DONE, FAILED = 0, 1
_DIALPLAN = frozenset({"exten", "same"})
_REALTIME = ("queues", "queue_members")
"""What extconfig.conf may keep in a database."""


def run(options: argparse.Namespace) -> int:
    """Print the configuration or write it with its files, and on stderr each line to look at."""
    try:
        return _tables(options) if options.queues is None else _queues(options)
    except OSError as trouble:
        if trouble.filename is None:
            raise  # the output cannot be written
        print(printable(f"callbridge: {trouble.filename}: {trouble.strerror}"), file=sys.stderr)
        return FAILED


def _queues(options: argparse.Namespace) -> int:
    queues = read_conf(options.queues)
    if mistaken := _mistaken(queues):
        print(printable(f"callbridge: {options.queues} is not a queues.conf: {mistaken}"), file=sys.stderr)
        return FAILED
    result = _from_asterisk(options, queues)
    if not result.queues:
        print(f"callbridge: {options.queues}: contains no queue", file=sys.stderr)
        return FAILED
    print(result.text, end="")
    _report(result, f"{_counted(result.queues, 'queue')} and {_counted(result.agents, 'agent')} converted")
    return DONE


def _tables(options: argparse.Namespace) -> int:
    if not is_region(options.region):
        options.parser.error(printable(f"--region {options.region}: expected two letters of ISO 3166, such as US"))
    folder: Path = options.vicidial or options.issabel
    result = (vicidial if options.vicidial else issabel).convert(folder, options.region)
    if not result.found:
        why = "; ".join(result.looks.lines) or "there is no .csv, .tsv or .txt"
        print(printable(f"callbridge: {folder}: contains no table that could be read: {why}"), file=sys.stderr)
        return FAILED
    options.out.mkdir(mode=0o700, parents=True)  # it holds people's numbers
    for name, text in {"callbridge.yaml": result.text, **result.files}.items():
        with open_private(options.out / name) as file:  # which is moved out of the folder
            file.write(text.encode())
    _report(result, f"{', '.join(['callbridge.yaml', *result.files])} written to {options.out}")
    return DONE


def _report(result: Converted, done: str) -> None:
    for line in result.looks.lines:
        print(f"look at: {printable(line)}", file=sys.stderr)
    looks = _counted(len(result.looks.lines), "line")
    print(printable(f"{done}, {looks} to look at; then run `callbridge check`"), file=sys.stderr)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _mistaken(conf: Conf) -> str:
    """What kind of file was given instead, for people who name the wrong one; empty for a file of queues."""
    for section in conf.sections:
        if any(entry.key.lower() in _DIALPLAN for entry in section.entries):
            return f"[{section.name}] has extensions, so it is a dialplan, which --extensions takes"
        if section.last("type") is not None and not section.all("strategy"):
            return f"[{section.name}] has type = {section.last('type')}"
    return ""


def _from_asterisk(options: argparse.Namespace, queues: Conf) -> Converted:
    beside: Path = options.queues.parent
    sources = Sources(
        queues=queues,
        extensions=read_conf(options.extensions) if options.extensions else None,
        rules=_beside(beside / "queuerules.conf"),
        listed=_listed(options.members) if options.members else None,
        realtime=_realtime(_beside(beside / "extconfig.conf")),
    )
    result = convert(sources, options.widen)
    if sources.extensions is not None and not any(each.all("exten") for each in sources.extensions.sections):
        result.looks.add("", f"{options.extensions} has no extension: is it the dialplan, with the files that it includes?")
    if sources.listed is not None and not sources.listed.members:
        result.looks.add("", f"{options.members} lists no queue: it takes what `queue show` prints, or `database show`")
    return result


def _beside(path: Path) -> Conf | None:
    return read_conf(path) if path.is_file() else None


def _listed(path: Path) -> Listed:
    return read_members(decode(path.read_bytes())[0])


def _realtime(conf: Conf | None) -> list[str]:
    settings = conf.section("settings") if conf is not None else None
    return [entry.key for entry in settings.entries if entry.key in _REALTIME] if settings is not None else []
