"""The options of ``quality``. The code behind them is loaded only when it is needed: the database takes its time to load."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from callbridge.cli.argument_types import plain_text
from callbridge.cli.commands import Commands

_ACTS = ("list", "next", "show", "score", "dispute")
_REVIEW = re.compile("[0-9]{1,9}")

_HELP = {
    "what": "list, next: a sample; show, score, dispute: a review's number",
    "config": "configuration file (default: $CALLBRIDGE_CONFIG)",
    "reviewer": "next, score: who reviews; list: only this reviewer's reviews",
    "mark": "score: points, pass, fail or na",
    "remark": "score: a comment on a criterion",
    "heard_at": "score: position in the recording, such as 1m20s",
}


def add(commands: Commands) -> None:
    """Add it to the command's parser."""
    parser = commands.add_parser("quality", help="review recordings: get the next one, score it, dispute a score")
    parser.add_argument("act", nargs="?", default="list", choices=_ACTS, metavar="ACT", help=" | ".join(_ACTS))
    parser.add_argument("what", nargs="?", metavar="SAMPLE|REVIEW", help=_HELP["what"])
    default = os.environ.get("CALLBRIDGE_CONFIG") or None
    parser.add_argument("-c", "--config", type=Path, default=default, metavar="FILE", help=_HELP["config"])
    parser.add_argument("--reviewer", type=plain_text, metavar="NAME", help=_HELP["reviewer"])
    parser.add_argument("--agent", type=plain_text, metavar="NAME", help="list: only reviews of this agent")
    parser.add_argument("--calibrate", action="store_true", help="next: a recording that somebody else has scored")
    parser.add_argument("--mark", type=plain_text, action="append", default=[], metavar="CRITERION=POINTS", help=_HELP["mark"])
    parser.add_argument("--remark", type=plain_text, action="append", default=[], metavar="CRITERION=TEXT", help=_HELP["remark"])
    parser.add_argument(
        "--heard-at", type=plain_text, action="append", default=[], metavar="CRITERION=TIME", help=_HELP["heard_at"]
    )
    parser.add_argument("--comment", type=plain_text, default="", metavar="TEXT", help="score: a comment on the whole")
    parser.add_argument("--by", type=plain_text, metavar="NAME", help="dispute: who disputes the score")
    parser.add_argument("--reason", type=plain_text, metavar="TEXT", help="dispute: why")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run, parser=parser)


def _run(options: argparse.Namespace) -> int:
    needed = {"next": ("what", "reviewer"), "show": ("what",), "score": ("what", "reviewer"), "dispute": ("what", "by", "reason")}
    for name in needed.get(options.act, ()):
        if not getattr(options, name):
            missing = ("a sample" if options.act == "next" else "the number of a review") if name == "what" else f"--{name}"
            options.parser.error(f"{options.act} needs {missing}")
    if options.act in ("show", "score", "dispute") and not _REVIEW.fullmatch(options.what):
        options.parser.error(f"{options.what:.40} is not the number of a review")
    if options.config is None:
        options.parser.error("quality needs the configuration: -c FILE")
    from callbridge.cli.quality import run
    from callbridge.settings.loading import load

    return run(load(options.config, observed=None), options)
