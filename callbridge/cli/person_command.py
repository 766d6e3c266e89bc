"""The command ``person``: what is kept about a person, found by number; exported, erased, or held for the law.

It works on the database and Redis of the configuration. Only ``erase`` asks the running callbridge, which has to forget, too; if
none answers at the address, the stores are erased without it.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from callbridge.adapters.facts.person_place import NoPerson, PersonHeld, PersonsAway
from callbridge.cli.argument_types import phone_number, plain_text
from callbridge.cli.client import ApiError, NotRunning
from callbridge.cli.commands import Commands, client_of, server
from callbridge.settings.faults import printable

if TYPE_CHECKING:
    from callbridge.settings.models import Settings

DONE, FAILED, USAGE = 0, 1, 2
_NOT_RUNNING = "callbridge is not running; callbacks owed stay in its saved state: erase again when it runs"
_ACTS = ("show", "export", "erase", "hold", "release")


def add(commands: Commands) -> argparse.ArgumentParser:
    person = commands.add_parser("person", help="show, export or erase the data kept about a person; legal hold")
    person.add_argument("number", type=phone_number, metavar="NUMBER", help="the person's number, in any format")
    person.add_argument("act", choices=_ACTS, metavar="|".join(_ACTS))
    person.add_argument("--reason", type=plain_text, default="", help="hold: why")
    server(person)
    return person


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print a line for each place."""
    if options.act == "hold" and not options.reason:
        print("callbridge: a hold needs a --reason", file=sys.stderr)
        return USAGE
    try:
        found, notes = _done(settings, options)
    except (NoPerson, PersonHeld, PersonsAway, ApiError) as wrong:
        print(printable(f"callbridge: {wrong}"), file=sys.stderr)
        return FAILED
    if options.json or options.act == "export":
        print(json.dumps(found, ensure_ascii=False, indent=None if options.json else 2))
    else:
        for line in (*lines(found), *notes):
            print(printable(line))
    return DONE


def _done(settings: Settings, options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    from callbridge.service.persons import PersonStores

    stores = PersonStores(settings, options.number)
    by, at = f"{getpass.getuser()} (command)", time.time()
    match options.act:
        case "erase":
            try:
                return client_of(options).erase_person(stores.number), []
            except NotRunning:
                found = stores.erase(by, at)
                return found.as_data(), [_NOT_RUNNING]
        case "export":
            return stores.export().as_data(), []
        case "hold":
            stores.hold(by, options.reason, at)
        case "release" if not stores.release(by, at):
            raise NoPerson("there is no hold on this person")
        case _:
            pass
    return stores.show().as_data(), []


def lines(found: dict[str, Any]) -> list[str]:
    """What was found, and erased, in each place; then the recordings."""
    told = []
    for row in found["places"]:
        erased = f", {row['erased']} erased" if row["erased"] else ""
        note = f" ({row['note']})" if row["note"] else ""
        told.append(f"{row['place']:<22} {row['found']:>6} found{erased}{note}")
    told += [f"recording              {file} (delete it in the PBX's folder monitor)" for file in found["files"]]
    if found["held"] is not None:
        told.append(f"legal hold             by {found['held']['by']}: {found['held']['reason']}")
    return told
