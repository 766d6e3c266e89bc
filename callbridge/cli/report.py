"""The command ``report``: figures of the past from the history, in any form. No running callbridge is needed."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, Database, cause_of, file_of
from callbridge.adapters.report_forms.forms import ReportForm, written
from callbridge.adapters.report_forms.words import Language
from callbridge.adapters.reports.asking import BadReportRequest, NoHistory, NoSuchName, ReportRequest, make_report, query_of
from callbridge.adapters.reports.report import Report, ReportQuery
from callbridge.adapters.system.private_files import open_private
from callbridge.cli.report_command import IN_FILES
from callbridge.cli.report_table import NARROW, report_text
from callbridge.service.report_site import report_site
from callbridge.settings.faults import printable
from callbridge.settings.models import Settings
from callbridge.wire.reports import NAME_OPTIONS

DONE, FAILED = 0, 1


class CannotWrite(Exception):
    """The file cannot be written; the message says why, in one line."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print a report, or write it to a file."""
    request, site, now = _request(options), report_site(settings), time.time()
    try:
        query_of(site, request, now)
    except BadReportRequest as wrong:
        options.parser.error(printable(str(wrong)))
    try:
        with closing(_database(settings)) as database:
            database.open()
            report, query = make_report(database.engine, site, request, now)
            _write(report, query, options)
    except (NoHistory, CannotWrite, NoSuchName, BadDatabase) as wrong:
        print(printable(f"callbridge: {wrong}"), file=sys.stderr)
        return FAILED
    except BadReportRequest as wrong:
        options.parser.error(printable(str(wrong)))
    except SQLAlchemyError as trouble:
        print(printable(f"callbridge: the history cannot be read: {cause_of(trouble)}"), file=sys.stderr)
        return FAILED
    return DONE


def _request(options: argparse.Namespace) -> ReportRequest:
    return ReportRequest(
        name=options.name,
        begin=options.begin or "",
        end=options.end or "",
        by=options.by or "",
        names={option: getattr(options, option) or () for option in NAME_OPTIONS},
        number=options.number or "",
        outcome=options.outcome or "",
        score=options.score or "",
        call=options.call or "",
        together=options.together,
    )


def _database(settings: Settings) -> Database:
    if settings.database is None:
        raise NoHistory("there is no history: the configuration has no section 'database:'")
    url = settings.database.url.get_secret_value()
    file = file_of(url)
    if file is not None and not file.exists():
        raise NoHistory(f"there is no history yet: {file} does not exist")
    return Database(url)


def _write(report: Report, query: ReportQuery, options: argparse.Namespace) -> None:
    form = next((one for one in ReportForm if getattr(options, one)), None)
    if form is None:
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else NARROW
        for line in report_text(report, query.zone, width, plot=terminal or options.plot, terms=query.terms):
            print(line)
        return
    pieces = written(report, query, form, Language(options.language), options.separator)
    if form in IN_FILES:
        _to_file(getattr(options, form), pieces)
    else:
        for piece in pieces:
            print(piece.decode(), end="")


def _to_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Whole or not at all: it takes the place of a former one when it is complete."""
    part = path.with_name(f".{path.name}.part")
    try:
        with open_private(part, new=True) as file:
            file.writelines(pieces)
        part.replace(path)
    except OSError as trouble:
        raise CannotWrite(f"cannot write {path}: {trouble.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
