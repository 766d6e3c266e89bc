"""The command ``report``: figures of the past from the history, in any form. No running callbridge is needed."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, Database, cause_of, file_of
from callbridge.adapters.report_forms.as_csv import as_csv
from callbridge.adapters.report_forms.as_json import as_json
from callbridge.adapters.report_forms.words import Language
from callbridge.adapters.reports.catalogue import ReportOption
from callbridge.adapters.reports.intervals import BadPeriod, By, moment_of
from callbridge.adapters.reports.names import UnknownName, check_names
from callbridge.adapters.reports.registry import REPORTS
from callbridge.adapters.reports.report import Report, ReportQuery
from callbridge.cli.report_command import check_options
from callbridge.cli.report_table import NARROW, report_text
from callbridge.settings.faults import printable
from callbridge.settings.models import Settings

DONE, FAILED = 0, 1


class NoReport(Exception):
    """The error in one line."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print a report, or write it to a file."""
    check_options(options)
    try:
        with closing(_database(settings)) as database:
            database.open()
            query = _query(settings, options)
            check_names(database.engine, query, configured_names(settings))
            _write(REPORTS[options.name](database.engine, query), query, options)
    except (NoReport, BadPeriod, BadDatabase, UnknownName) as wrong:
        print(printable(f"callbridge: {wrong}"), file=sys.stderr)
        return FAILED
    except SQLAlchemyError as trouble:
        print(printable(f"callbridge: the history cannot be read: {cause_of(trouble)}"), file=sys.stderr)
        return FAILED
    return DONE


def configured_names(settings: Settings) -> Mapping[ReportOption, Collection[str]]:
    """What a report can be narrowed to, also before anything has happened there."""
    return {
        ReportOption.QUEUE: settings.queues,
        ReportOption.TIER: settings.tiers.order,
        ReportOption.ENTRY: settings.entries,
        ReportOption.AGENT: settings.agents,
        ReportOption.CAMPAIGN: settings.campaigns,
    }


def _database(settings: Settings) -> Database:
    if settings.database is None:
        raise NoReport("there is no history: the configuration has no section 'database:'")
    url = settings.database.url.get_secret_value()
    file = file_of(url)
    if file is not None and not file.exists():
        raise NoReport(f"there is no history yet: {file} does not exist")
    return Database(url)


def _query(settings: Settings, options: argparse.Namespace) -> ReportQuery:
    zone, now = ZoneInfo(settings.instance.timezone), time.time()
    return ReportQuery(
        begin=moment_of(options.begin or f"{datetime.fromtimestamp(now, zone):%Y-%m-%d}", zone),
        end=min(moment_of(options.end, zone, end=True), now) if options.end else now,
        now=now,
        zone=zone,
        by=By(options.by or By.WHOLE),
        queues=frozenset(options.queue or ()),
        tiers=frozenset(options.tier or ()),
        entries=frozenset(options.entry or ()),
        agents=frozenset(options.agent or ()),
        campaigns=frozenset(options.campaign or ()),
        person=_person(settings, options.number) if options.number else "",
        outcome=options.outcome or "",
    )


def _person(settings: Settings, number: str) -> str:
    from callbridge.service.adapter_settings import history_people  # loads most adapters

    identity = settings.numbers.identity(number)
    if not identity:
        raise NoReport(f"{number!r} is no phone number")
    return history_people(settings).identity(identity)


def _write(report: Report, query: ReportQuery, options: argparse.Namespace) -> None:
    if options.json:
        sys.stdout.writelines(as_json(report))
    elif options.csv or options.excel:
        sys.stdout.writelines(as_csv(report, query.zone, excel=options.excel, separator=options.separator))
    elif options.xlsx:
        from callbridge.adapters.report_forms.as_xlsx import write_xlsx

        _to_file(options.xlsx, lambda file: write_xlsx(report, query, file, Language(options.language)))
    else:
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else NARROW
        for line in report_text(report, query.zone, width, plot=terminal or options.plot):
            print(line)


def _to_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Whole or not at all: it takes the place of a former one when it is complete."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            write(file)
        part.replace(path)
    except OSError as trouble:
        raise NoReport(f"cannot write {path}: {trouble.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
