"""The command ``history``: pack the database, export it to a folder, import such a folder, delete recordings that are old enough.
No running callbridge is needed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from callbridge.cli.commands import Commands
from callbridge.settings.faults import printable

if TYPE_CHECKING:
    from callbridge.adapters.database import Database
    from callbridge.adapters.history.archive import Moved
    from callbridge.settings.models import Settings

DONE, FAILED = 0, 1
_ACTS = ("vacuum", "export", "import", "recordings")


def add(commands: Commands) -> argparse.ArgumentParser:
    history = commands.add_parser("history", help="compact, export or import the history's database, or delete old recordings")
    history.add_argument("act", choices=_ACTS, metavar="|".join(_ACTS))
    history.add_argument("folder", nargs="?", type=Path, help="export: a new folder; import: an exported folder")
    history.add_argument("--from", dest="begin", metavar="DAY", help="export: only calls from this day on, such as 2026-11-01")
    history.add_argument("--to", dest="end", metavar="DAY", help="export: only calls up to this day")
    history.add_argument("--dry-run", action="store_true", help="recordings: only list those that would be deleted")
    history.add_argument("--json", action="store_true", help="print JSON")
    history.set_defaults(parser=history)
    return history


def run(settings: Settings, options: argparse.Namespace) -> int:
    from sqlalchemy.exc import SQLAlchemyError

    from callbridge.adapters.database import BadDatabase, Database, cause_of
    from callbridge.adapters.history.archive import BadArchive
    from callbridge.adapters.reports.intervals import BadPeriod

    if options.act in ("export", "import") and options.folder is None:
        options.parser.error(f"history {options.act} needs a folder")
    try:
        period = _period(settings, options)
    except BadPeriod as wrong:
        options.parser.error(printable(str(wrong)))
    try:
        if settings.database is None:
            raise BadDatabase("the configuration has no section 'database:'")
        with closing(Database(settings.database.url.get_secret_value())) as database:
            database.open()
            return _act(settings, options, database, period)
    except (BadDatabase, BadArchive) as wrong:
        print(printable(f"callbridge: {wrong}"), file=sys.stderr)
    except SQLAlchemyError as trouble:
        print(printable(f"callbridge: the database: {cause_of(trouble)}"), file=sys.stderr)
    except OSError as trouble:
        print(printable(f"callbridge: {trouble.filename}: {trouble.strerror}"), file=sys.stderr)
    return FAILED


def _act(settings: Settings, options: argparse.Namespace, database: Database, period: tuple[float, float] | None) -> int:
    from callbridge.adapters.history.archive import export, import_
    from callbridge.adapters.history.vacuum import vacuum
    from callbridge.service.adapter_settings import history_days

    match options.act:
        case "vacuum":
            done = vacuum(database, history_days(settings), time.time())
            if options.json:
                print(json.dumps(asdict(done)))
            else:
                print(f"{done.deleted:,} rows deleted; {done.before / 1e6:,.1f} MB before, {done.after / 1e6:,.1f} MB now")
        case "recordings":
            return _recordings(settings, options, database)
        case "export":
            _tell(options, export(database.engine, options.folder, time.time(), period))
        case _:
            _tell(options, import_(database.engine, options.folder))
    return DONE


def _recordings(settings: Settings, options: argparse.Namespace, database: Database) -> int:
    from callbridge.adapters.database import BadDatabase
    from callbridge.adapters.history.recording_retention import FolderAway, delete_due
    from callbridge.cli.tables import moment
    from callbridge.service.adapter_settings import recording_terms

    terms = recording_terms(settings)
    if terms is None:
        raise BadDatabase("no recordings are deleted: the configuration has no section 'recordings:' with days")
    listed: list[Mapping[str, Any]] = []
    try:
        done = delete_due(database.engine, terms, time.time(), dry_run=options.dry_run, each=listed.append)
    except FolderAway as away:
        raise BadDatabase(str(away)) from None
    failed = [{"queue": queue, "file": file, "why": why} for queue, file, why in done.failed]
    if options.json:
        missing = done.missing.total()
        print(json.dumps({"files": [dict(row) for row in listed], "missing": missing, "bytes": done.bytes, "failed": failed}))
        return FAILED if failed else DONE
    for row in listed if options.dry_run else ():
        print(printable(f"{row['file']} ({row['queue'] or 'no queue'}, {moment(row['at'])})"))
    verb = "would be deleted" if options.dry_run else "deleted"
    print(f"{done.deleted.total():,} recordings {verb}, {done.bytes / 1e6:,.1f} MB; {done.missing.total():,} were missing")
    for one in failed:
        print(printable(f"callbridge: {one['file']}: {one['why']}"), file=sys.stderr)
    return FAILED if failed else DONE


def _period(settings: Settings, options: argparse.Namespace) -> tuple[float, float] | None:
    from callbridge.adapters.reports.intervals import moment_of

    if not options.begin and not options.end:
        return None
    zone = ZoneInfo(settings.instance.timezone)
    begin = moment_of(options.begin, zone) if options.begin else 0.0
    return begin, moment_of(options.end, zone, end=True) if options.end else time.time()


def _tell(options: argparse.Namespace, moved: Sequence[Moved]) -> None:
    if options.json:
        print(json.dumps([asdict(one) for one in moved]))
        return
    for one in moved:
        there = f", {one.there:,} were there already" if one.there else ""
        print(f"{one.table:<18} {one.rows:>12,} rows{there}")
