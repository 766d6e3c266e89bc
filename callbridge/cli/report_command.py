"""The options of ``report``; what makes it is read only when it is asked for, because the database takes its time to load."""

from __future__ import annotations

import argparse

from callbridge.adapters.reports.intervals import By
from callbridge.cli.argument_types import output_file
from callbridge.cli.commands import Commands
from callbridge.wire.reports import CATALOGUE, NAME_OPTIONS, ReportOption

_HELP = {
    ReportOption.QUEUE: "only this queue; may be repeated, as all names may",
    ReportOption.TIER: "only this tier",
    ReportOption.ENTRY: "only this entry",
    ReportOption.AGENT: "only this agent",
    ReportOption.CAMPAIGN: "only this campaign",
    ReportOption.NUMBER: "only calls of this phone number",
    ReportOption.OUTCOME: "only calls with this outcome",
    ReportOption.SCORE: "only calls with a mean rating in this range: 1-2, or 5",
    ReportOption.CALL: "the call, by its ID",
}
IN_FILES = ("xlsx", "html")
"""Forms that are written to a file."""


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add it to the command's parser. The caller adds where the configuration is."""
    listed = "; ".join(f"{one.name}: {one.summary}" for one in CATALOGUE.values())
    report = commands.add_parser("report", help=f"figures of past days: {', '.join(CATALOGUE)}", epilog=listed)
    report.add_argument("name", choices=tuple(CATALOGUE), metavar="NAME", help=", ".join(CATALOGUE))
    report.add_argument("--from", dest="begin", metavar="DATE", help="first day, or moment such as 2026-11-28T09:30 (today)")
    report.add_argument("--to", dest="end", metavar="DATE", help="last day, or moment (now)")
    intervals = [str(one) for one in By]
    named = ", ".join(one for one in intervals if one != By.WHOLE)
    report.add_argument("--by", choices=intervals, metavar="INTERVAL", help=named)
    for option, text in _HELP.items():
        if option in NAME_OPTIONS:
            report.add_argument(f"--{option}", action="append", metavar="NAME", help=text)
        else:
            report.add_argument(f"--{option}", metavar=option.upper(), help=text)
    report.add_argument("--together", action="store_true", help="one row for all names, such as several queues")
    form = report.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV")
    form.add_argument("--excel", action="store_true", help="print CSV for Excel: byte order mark, phone numbers as text")
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--xlsx", type=output_file, metavar="FILE", help="write an Excel workbook")
    form.add_argument("--html", type=output_file, metavar="FILE", help="write an HTML page with plots and definitions")
    report.add_argument(
        "--language", default="en", choices=("en", "zh"), help="language of headings and definitions in files: en, zh"
    )
    report.add_argument(
        "--separator", default=",", choices=(",", ";", "\t"), help="separator of CSV; with ; decimals have a comma"
    )
    report.add_argument("--plot", action="store_true", help="draw the plots even if the output is not a terminal")
    report.set_defaults(parser=report)
    return report
