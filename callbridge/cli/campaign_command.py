"""The ``campaign`` command: some actions go to the running callbridge, others directly to the database."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from callbridge.cli.argument_types import moment
from callbridge.cli.commands import client_of, server, show
from callbridge.cli.tables import campaign_text, campaigns_table
from callbridge.settings.durations import seconds

ACTS = ("status", "load", "start", "pause", "stop", "audit", "disposition", "block", "unblock")
HELP = {
    "campaign": "the campaign; with block and unblock: the number; with disposition: the agent",
    "file": "load: a CSV file or an Excel workbook with a header row; disposition: the disposition code",
    "config": "load, audit, block, unblock: configuration file (default: $CALLBRIDGE_CONFIG)",
    "column": "load: read number, name, timezone, agent, priority or due (OURS) from the column THEIRS",
    "encoding": "load: the file's encoding, such as gb18030 (default: recognised)",
    "delimiter": "load: what separates the columns, such as ';' or tab (default: recognised)",
    "international": "load: numbers without a prefix are international ones without their +",
    "national": "load: numbers without a prefix are national",
    "first_number": "load: of several numbers in one value take the first",
    "rejects": "load: write all rejected rows to FILE, with the reason",
    "csv": "audit: write all attempts to FILE",
    "reason": "block: the reason (default: asked)",
    "only": "block, unblock: only for this campaign",
    "for": "block: expire after this time (default: never)",
    "at": "disposition: when to call the customer again, such as 2026-11-30T14:00",
    "own": "disposition: only this agent calls again",
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to the command's parser."""
    parser = commands.add_parser("campaign", help="load leads; start, pause, stop and monitor campaigns; audit abandon rates")
    server(parser)
    parser.add_argument("act", nargs="?", default="status", choices=ACTS, metavar="ACT", help=" | ".join(ACTS))
    parser.add_argument("campaign", nargs="?", help=HELP["campaign"])
    parser.add_argument("file", nargs="?", metavar="FILE|CODE", help=HELP["file"])
    default = os.environ.get("CALLBRIDGE_CONFIG") or None
    parser.add_argument("-c", "--config", type=Path, default=default, metavar="FILE", help=HELP["config"])
    parser.add_argument("--column", action="append", default=[], metavar="OURS=THEIRS", help=HELP["column"])
    parser.add_argument("--encoding", default="", help=HELP["encoding"])
    parser.add_argument("--delimiter", type=_delimiter, metavar="CHARACTER", help=HELP["delimiter"])
    meant = parser.add_mutually_exclusive_group()
    meant.add_argument("--international", action="store_true", help=HELP["international"])
    meant.add_argument("--national", action="store_true", help=HELP["national"])
    parser.add_argument("--first-number", action="store_true", help=HELP["first_number"])
    parser.add_argument("--rejects", type=Path, metavar="FILE", help=HELP["rejects"])
    parser.add_argument("--csv", type=Path, metavar="FILE", help=HELP["csv"])
    parser.add_argument("--reason", default="asked", help=HELP["reason"])
    parser.add_argument("--only", default="", metavar="CAMPAIGN", help=HELP["only"])
    parser.add_argument("--for", dest="for_", type=_span, metavar="DURATION", help=HELP["for"])
    parser.add_argument("--at", type=moment, metavar="TIME", help=HELP["at"])
    parser.add_argument("--own", action="store_true", help=HELP["own"])
    parser.set_defaults(run=_run, parser=parser)


def _span(text: str) -> float:
    if re.fullmatch("[0-9]{1,4}d", text):
        return int(text[:-1]) * 86400.0
    try:
        return seconds(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _delimiter(text: str) -> str:
    text = {"tab": "\t", "\\t": "\t"}.get(text.lower(), text)
    if len(text) != 1 or text.isalnum() or text in '"\r\n':
        raise argparse.ArgumentTypeError(f"expected one character, such as ; or tab, got {text!r:.20}")
    return text


def _run(options: argparse.Namespace) -> int:
    name: str = options.campaign or ""
    match options.act:
        case "status" if not name:
            return show(options, client_of(options).campaigns(), campaigns_table)
        case "status":
            return show(options, client_of(options).campaign(name), campaign_text)
        case _ if not name:
            options.parser.error(f"{options.act} needs an argument: see {options.parser.prog} --help")
        case "start" | "pause" | "stop":
            return show(options, [client_of(options).run_campaign(name, options.act)], campaigns_table)
        case "disposition" if options.file:
            more: dict[str, object] = {"own": options.own} | ({"call_back_at": options.at} if options.at is not None else {})
            said = client_of(options).set_disposition(name, options.file, **more)
            return show(options, said, lambda row: f"{row.get('agent')}: {row.get('code')}")
        case "disposition":
            options.parser.error("disposition needs a code: disposition AGENT CODE")
        case "load" if not options.file:
            options.parser.error("load needs a file: load CAMPAIGN FILE")
    if options.config is None:
        options.parser.error(f"{options.act} needs the configuration: -c FILE")
    from callbridge.cli.campaigns import run
    from callbridge.settings.loading import load

    return run(load(options.config), options)
