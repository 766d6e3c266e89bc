"""The command ``campaign``: leads in, campaigns on and off, the proof out."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from callbridge.adapters.database import BadDatabase, not_roots
from callbridge.adapters.database.attempt_counts import MachineEstimate
from callbridge.adapters.ledger import BlockEntry, LedgerStore
from callbridge.adapters.ledger.lead_files import BadFile
from callbridge.adapters.ledger.leads import LeadReader, Loaded, load
from callbridge.adapters.system.private_files import open_private
from callbridge.cli import audit
from callbridge.cli.tables import moment
from callbridge.settings.faults import printable
from callbridge.settings.models import Settings
from callbridge.wire.phone_numbers import Written

DONE, FAILED = 0, 1
WIDE_TABLE = 110
"""Columns that the proof needs to be readable, also in a file."""
PROGRESS_EVERY = 100_000
"""Rows between two progress lines where there is no progress bar."""
ROWS_SHOWN = 20
"""Rows that were not entered which are shown; all of them go into the file of ``--rejects``."""


class Trouble(Exception):
    """The error in one line."""


def store_of(settings: Settings) -> LedgerStore:
    """The ledger of this configuration, open. Raises Trouble."""
    if settings.database is None:
        raise Trouble("the configuration has no section 'database:'")
    url = settings.database.url.get_secret_value()
    if owner := not_roots(url):
        raise Trouble(
            f"there is no database yet, and {owner} could not write one that root makes: run it as {owner}: runuser -u {owner} --"
        )
    try:
        store = LedgerStore(url)
        store.open()
    except BadDatabase as wrong:
        raise Trouble(f"the database: {wrong}") from None
    return store


def run(settings: Settings, options: argparse.Namespace) -> int:
    try:
        match options.act:
            case "load":
                return _load(settings, options)
            case "audit":
                return _audit(settings, options)
            case "block":
                return _block(settings, options)
            case "unblock":
                return _unblock(settings, options)
    except (Trouble, BadFile) as wrong:
        print(printable(f"callbridge: {wrong}"), file=sys.stderr)
    except SQLAlchemyError as wrong:
        cause = wrong.orig if isinstance(wrong, DBAPIError) else wrong
        print(printable(f"callbridge: the database: {' '.join(str(cause).split())}"), file=sys.stderr)
    except OSError as wrong:
        print(printable(f"callbridge: {wrong.filename}: {wrong.strerror}"), file=sys.stderr)
    return FAILED


def _known(settings: Settings, name: str) -> str:
    if name not in settings.campaigns:
        raise Trouble(f"no such campaign: {name} (known: {', '.join(settings.campaigns) or 'none'})")
    return name


def _load(settings: Settings, options: argparse.Namespace) -> int:
    name, file = _known(settings, options.campaign), Path(options.file)
    columns = {}
    for pair in options.column:
        ours, _, theirs = pair.partition("=")
        if not theirs:
            raise Trouble(f"--column {pair}: expected OURS=THEIRS, such as number=Phone")
        columns[ours] = theirs
    calendar = settings.plan().campaigns[name].limits.calendar
    digits = Written.INTERNATIONAL if options.international else Written.NATIONAL if options.national else Written.ANY
    reader = LeadReader(
        numbers=replace(settings.numbers_of(name), digits=digits),
        zone=settings.instance.timezone,
        columns=columns,
        calendar=calendar,
        first=options.first_number,
    )
    store, result = store_of(settings), Loaded()
    if options.rejects is not None:
        options.rejects.touch(mode=0o600)  # before anything is entered: it must be possible
    try:
        _load_all(settings, store, name, file, reader, result, options)
    except BaseException:
        if result.rows:
            _print_result(result, options)
        raise
    finally:
        store.close()
    _print_result(result, options)
    return FAILED if result.failed else DONE


def _load_all(
    settings: Settings, store: LedgerStore, name: str, file: Path, reader: LeadReader, result: Loaded, options: argparse.Namespace
) -> None:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        total = _lines(file)
        task, told = shown.add_task(f"loading {name}", total=total), 0

        def progress(rows: int) -> None:
            nonlocal told
            shown.update(task, completed=rows)
            if not console.is_terminal and rows - told >= PROGRESS_EVERY:
                told = rows
                print(f"{rows:,} of {total:,} lines", file=sys.stderr, flush=True)

        load(
            store,
            name,
            file,
            reader,
            now=time.time(),
            agents=frozenset(settings.agents),
            never=settings.do_not_call,
            progress=progress,
            result=result,
            encoding=options.encoding,
            delimiter=options.delimiter or "",
        )


def _lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    except OSError as trouble:
        raise BadFile(f"{path}: cannot be read: {trouble.strerror}") from None


def _print_result(result: Loaded, options: argparse.Namespace) -> None:
    refused = [{"line": line, "number": number, "why": why} for line, number, why in result.refused]
    if options.json:
        _json(
            {
                "campaign": options.campaign,
                "rows": result.rows,
                "entered": result.entered,
                "refused": refused,
                "read_as": result.read_as,
            }
        )
    else:
        print(f"{result.rows} rows: {result.entered} loaded, {len(result.refused)} rejected")
        for line, number, why in result.refused[:ROWS_SHOWN]:
            print(printable(f"  line {line}: {number}: {why}" if number else f"  line {line}: {why}"))
        if options.rejects is None and len(refused) > ROWS_SHOWN:
            print(f"  and {len(refused) - ROWS_SHOWN} more: use --rejects FILE to write all of them")
        if result.read_as:
            print(f"read as {result.read_as}")
    if options.rejects is not None:
        with open_private(options.rejects) as file:
            file.writelines(f"{line}\t{printable(number)}\t{why}\n".encode() for line, number, why in result.refused)


def _json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _audit(settings: Settings, options: argparse.Namespace) -> int:
    name, store = str(options.campaign), store_of(settings)
    if not any(True for _ in store.attempts(name, 0.0, time.time() + 1e6)):
        _known(settings, name)  # the proof outlives the campaign
    zone = ZoneInfo(settings.instance.timezone)
    campaign = settings.campaigns.get(name)
    estimate = MachineEstimate(campaign.amd, campaign.false_positives) if campaign is not None else MachineEstimate()
    found = audit.days(store.attempts(name, 0.0, time.time() + audit.REPORT_DAYS * 86400.0), zone)
    cap = campaign.cap if campaign is not None else 0.03
    outcomes, codes = store.outcomes(name, 0.0), store.dispositions(name, 0.0)
    written = None
    if options.csv is not None:
        written = audit.export(store.attempts(name, 0.0, time.time() + 1e6), options.csv, zone)
    store.close()
    if options.json:
        days = [asdict(day) | _rates_of(day, estimate) for day in found]
        proof = {
            "campaign": name,
            "cap": cap,
            "window_days": audit.REPORT_DAYS,
            "days": days,
            "outcomes": outcomes,
            "dispositions": codes,
        }
        _json(proof)
        return DONE
    console = Console(highlight=False)
    console.width = max(console.width, WIDE_TABLE)
    console.print(_proof(name, cap, found, estimate) if found else f"{name}: no attempts yet")
    listened = estimate.listens or any(day.taken_for_machines for day in found)
    if found and listened and estimate.false_positives is None:
        console.print(f"rate (UK): needs the AMD false-positive rate: set false_positives in campaigns.{name}")
    if outcomes:
        console.print("outcomes: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    if codes:
        _rates(settings, name, codes, console)
    if written is not None:
        console.print(f"{written} attempts written to {options.csv}")
    return DONE


def _rates_of(day: audit.Day, estimate: MachineEstimate) -> dict[str, float | None]:
    return {"rate": day.rate, "rate_uk": day.rate_uk(estimate), "window_rate": day.window_rate}


def _proof(name: str, cap: float, found: list[audit.Day], estimate: MachineEstimate) -> Table:
    table = Table(title=f"{name}: abandoned calls: answered, but no agent in time (cap {cap:.1%})")
    for column in (
        "day",
        "attempts",
        "live answers",
        "abandoned",
        "rate",
        "rate (UK)",
        f"{audit.REPORT_DAYS} days: live",
        "abandoned",
        "rate",
    ):
        table.add_column(column, justify="left" if column == "day" else "right")
    for day in found:
        over = "red" if day.window_rate > cap else None
        cells = [day.day, str(day.attempts), str(day.live), str(day.abandoned), f"{day.rate:.2%}", _share(day.rate_uk(estimate))]
        table.add_row(*cells, str(day.window_live), str(day.window_abandoned), f"{day.window_rate:.2%}", style=over)
    return table


def _share(value: float | None) -> str:
    return "?" if value is None else f"{value:.2%}"


def _rates(settings: Settings, name: str, codes: dict[str, int], console: Console) -> None:
    """Contact and success: of the talks, those with the right person, and those that came to what it is for."""
    known = settings.campaigns[name].dispositions if name in settings.campaigns else {}
    talks = sum(count for code, count in codes.items() if code in known)
    reached = sum(count for code, count in codes.items() if code in known and known[code].reached)
    good = sum(count for code, count in codes.items() if code in known and known[code].success)
    listed = ", ".join(f"{count} {code}" for code, count in sorted(codes.items()))
    rates = f"contact rate {reached / talks:.1%}, success rate {good / talks:.1%}" if talks else "no known code"
    console.print(f"talks: {sum(codes.values())} ({listed}); of those with a code: {rates}")


def _block(settings: Settings, options: argparse.Namespace) -> int:
    number = _number(settings, options.campaign)
    scope = _known(settings, options.only) if options.only else ""
    ends = time.time() + options.for_ if options.for_ is not None else None
    store = store_of(settings)
    store.block([BlockEntry(number, scope, options.reason, "command", time.time(), ends)])
    store.close()
    if options.json:
        _json({"number": number, "campaign": scope, "expires_at": ends})
        return DONE
    until = f" until {moment(ends)}" if ends is not None else ""
    print(f"{number} is on the do-not-call list" + (f" by {scope}" if scope else "") + until)
    return DONE


def _unblock(settings: Settings, options: argparse.Namespace) -> int:
    number = _number(settings, options.campaign)
    store = store_of(settings)
    gone = store.unblock(number, options.only or "")
    store.close()
    if not gone:
        raise Trouble(f"{number} is not on the do-not-call list")
    if options.json:
        _json({"number": number, "campaign": options.only or ""})
        return DONE
    print(f"{number} was removed from the do-not-call list")
    return DONE


def _number(settings: Settings, text: str) -> str:
    found = settings.numbers.read(text)
    if not found.e164:
        raise Trouble(f"{text:.40}: {found.fault}")
    return found.e164
