"""The command ``report``: figures of the past from the history, as a table, CSV or JSON. No running callbridge is needed."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, Database, cause_of, file_of
from callbridge.adapters.reports import (
    BadPeriod,
    By,
    ClippedFigures,
    CohortFigures,
    Interval,
    Of,
    intervals,
    moment_of,
    report_agents,
    report_queues,
)
from callbridge.cli.tables import cell, render, table_of
from callbridge.settings.faults import printable
from callbridge.settings.models import Settings

DONE, FAILED = 0, 1
_OF: Mapping[str, Of] = {"queues": "queue", "tiers": "tier", "entries": "entry"}
_COUNTS = ("offered", "answered", "abandoned", "short_abandoned", "overflowed", "failed", "waiting")
_STATES = ("ready", "ringing", "talking", "wrap_up", "not_ready", "busy_elsewhere", "offline")
BOM = "\ufeff"

Row = dict[str, Any]


class NoReport(Exception):
    """The error in one line."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print a report."""
    try:
        rows, notes = _report(settings, options)
    except (NoReport, BadPeriod, BadDatabase) as wrong:
        print(printable(f"callbridge: {wrong}"), file=sys.stderr)
        return FAILED
    except SQLAlchemyError as trouble:
        print(printable(f"callbridge: the history cannot be read: {cause_of(trouble)}"), file=sys.stderr)
        return FAILED
    if options.json:
        print(json.dumps(rows, ensure_ascii=False))
    elif options.csv or options.excel:
        write_csv(sys.stdout, rows, excel=options.excel)
    else:
        print(_table(rows))
        for note in notes:
            print(note)
    return DONE


def _report(settings: Settings, options: argparse.Namespace) -> tuple[list[Row], Sequence[str]]:
    if settings.database is None:
        raise NoReport("there is no history: the configuration has no section 'database:'")
    zone, now = ZoneInfo(settings.instance.timezone), time.time()
    begin = moment_of(options.begin or f"{_today(now, zone)}", zone)
    end = min(moment_of(options.end, zone, end=True), now) if options.end else now
    pieces = intervals(begin, end, By(options.by), zone)
    url = settings.database.url.get_secret_value()
    file = file_of(url)
    if file is not None and not file.exists():
        raise NoReport(f"there is no history yet: {file} does not exist")
    database = Database(url)
    try:
        database.open()
        if options.name == "agents":
            agents = report_agents(database.engine, pieces, now, options.only)
            return _in_order(pieces, agents, agent_row), AGENT_NOTES
        queues = report_queues(database.engine, pieces, _OF[options.name], options.only)
        return _in_order(pieces, queues, queue_row), QUEUE_NOTES
    finally:
        database.close()


def _in_order(pieces: Iterable[Interval], found: Mapping[tuple[str, str], Any], row: Any) -> list[Row]:
    """A row for each interval and name; intervals in which nothing was have one without a name."""
    by_label: dict[str, list[Row]] = {piece.label: [] for piece in pieces}
    for (label, name), figures in found.items():
        by_label[label].append({"interval": label, "name": name} | row(figures))
    if len(by_label) == 1:
        return [one for those in by_label.values() for one in those]
    return [one for label, those in by_label.items() for one in (those or [{"interval": label, "name": ""}])]


QUEUE_NOTES = (
    "A visit counts in the interval in which it began. SL = within / (answered + abandoned); ASA = wait of the answered /",
    "answered; AHT = (talk with hold + wrap-up) / talks. Calls that callbridge made are in no queue's figures.",
)
AGENT_NOTES = (
    "Seconds of a state count in the interval in which they pass. Occupancy = (talk + wrap-up) / (talk + wrap-up + ready +",
    "ringing); utilisation = (talk + wrap-up + ready) / logged in; AHT = (talk with hold + wrap-up) / handled.",
)


def queue_row(figures: CohortFigures) -> Row:
    """The columns of a queue, tier or entry. Shares from 0 to 1, times in seconds; None where there is nothing to divide by."""
    row: Row = {name: getattr(figures, name) for name in _COUNTS}
    row |= {"service_level": _share(figures.service_level), "abandon_rate": _share(figures.abandon_rate)}
    row |= {"asa": _seconds(figures.asa), "longest_wait": _seconds(figures.longest_answered)}
    row |= {"mean_abandoned": _seconds(figures.mean_abandoned), "longest_abandoned": _seconds(figures.longest_abandoned)}
    return row | {"talks": figures.segments, "aht": _seconds(figures.aht), "hold": _seconds(figures.hold)}


def agent_row(figures: ClippedFigures) -> Row:
    """The columns of an agent."""
    row: Row = {"logged_in": _seconds(figures.staffed)}
    row |= {state: _seconds(figures.seconds.get(state, 0.0)) for state in _STATES}
    row["ringing"] = _seconds(figures.seconds.get("ringing", 0.0) + figures.seconds.get("connecting", 0.0))
    row |= {"handled": figures.handled, "aht": _seconds(figures.aht), "hold": _seconds(figures.hold)}
    row |= {"missed": figures.missed, "rejected": figures.rejected}
    row |= {"occupancy": _share(figures.occupancy), "utilisation": _share(figures.utilisation)}
    return row | {"reasons": {reason: _seconds(seconds) for reason, seconds in sorted(figures.reasons.items())}}


def write_csv(out: TextIO, rows: Sequence[Row], *, excel: bool = False) -> None:
    """CSV with a heading. A reason for being not ready has a column of its own. ``excel``: it shows text in any language."""
    reasons = sorted({reason for row in rows for reason in row.get("reasons", {})})
    flat = [_flat(row, reasons) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\r\n")
    if excel:
        out.write(BOM)
    writer.writeheader()
    writer.writerows(flat)


def _flat(row: Row, reasons: Sequence[str]) -> Row:
    kept = {name: "" if value is None else _harmless(value) for name, value in row.items() if name != "reasons"}
    if "reasons" in row:
        kept |= {f"not_ready: {reason or 'no reason'}": row["reasons"].get(reason, 0.0) for reason in reasons}
    return kept


def _harmless(value: Any) -> Any:
    """A name that a spreadsheet would take for a formula is shown as the text that it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value


_QUEUE_COLUMNS = {
    "offered": "offered",
    "answered": "answ.",
    "abandoned": "aband.",
    "short_abandoned": "short",
    "overflowed": "over",
    "failed": "fail",
    "waiting": "wait",
    "service_level": "SL",
    "asa": "ASA",
    "aht": "AHT",
}
_AGENT_COLUMNS = {
    "logged_in": "logged in",
    "ready": "ready",
    "talking": "talk",
    "wrap_up": "wrap-up",
    "not_ready": "not ready",
    "handled": "handled",
    "aht": "AHT",
    "missed": "missed",
    "occupancy": "occup.",
}
_SHARES = frozenset({"service_level", "occupancy"})
_NUMBERS = frozenset({*_COUNTS, "handled", "missed"})


def _table(rows: Sequence[Row]) -> str:
    if not any(row["name"] or len(row) > 2 for row in rows):
        return "nothing happened in this period"
    columns = _AGENT_COLUMNS if any("logged_in" in row for row in rows) else _QUEUE_COLUMNS
    several = len({row["interval"] for row in rows}) > 1
    table = table_of(*(("interval",) if several else ()), "name", *columns.values(), right=2 if several else 1)
    for row in rows:
        cells = [_shown(name, row.get(name)) if name in row else "" for name in columns]
        table.add_row(*((cell(row["interval"]),) if several else ()), cell(row["name"]), *cells)
    return render(table)


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in _SHARES:
        return f"{value:.1%}"
    return str(value) if name in _NUMBERS else _clock(float(value))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _today(now: float, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(now, zone):%Y-%m-%d}"
