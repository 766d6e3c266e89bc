"""The options of ``report``; what makes it is read only when it is asked for, because the database takes its time to load."""

from __future__ import annotations

import argparse

from callbridge.cli.commands import Commands

NAMES = ("queues", "tiers", "entries", "agents")
INTERVALS = ("whole", "15m", "30m", "1h", "day", "week", "month", "quarter", "year", "hour-of-day", "weekday")


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add it to the command's parser. The caller adds where the configuration is."""
    report = commands.add_parser("report", help="figures of past days: queues, tiers, entries or agents, by any interval")
    report.add_argument("name", choices=NAMES, metavar="|".join(NAMES))
    report.add_argument("--from", dest="begin", metavar="DATE", help="first day, or moment such as 2026-11-28T09:30 (today)")
    report.add_argument("--to", dest="end", metavar="DATE", help="last day, or moment (now)")
    report.add_argument("--by", choices=INTERVALS, default="whole", metavar="INTERVAL", help=", ".join(INTERVALS[1:]))
    report.add_argument("--only", action="append", default=[], metavar="NAME", help="only this queue, tier, entry or agent")
    form = report.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV")
    form.add_argument("--excel", action="store_true", help="print CSV as Excel reads it, with a byte order mark")
    form.add_argument("--json", action="store_true", help="print JSON")
    return report
