"""``python -m tests.bench NAME [--json]``: runs one benchmark, prints a table, and with ``--json`` one object."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "chaos",
    "core",
    "handover",
    "history",
    "overload",
    "pacing",
    "publish",
    "soak",
    "steps",
    "takeover",
    "throughput",
    "viewers",
    "waiting",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    options, rest = parser.parse_known_args()
    module = importlib.import_module(f"tests.bench.{options.name}")
    before = ticks()
    result: dict[str, Any] = module.run(*rest)
    show(options.name, result)
    keep(options.name, result, stolen_share(before, ticks()))
    if options.json:
        print(json.dumps(result))


def ticks() -> tuple[int, int]:
    """What the cores did since boot: ticks that the machine below took from us, ticks in all (Linux, ``/proc/stat``)."""
    spent = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return spent[7], sum(spent)


def stolen_share(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Of the cores' time in between: on a virtual machine with busy neighbours, times say little when this is not about 0."""
    return round((after[0] - before[0]) / max(1, after[1] - before[1]), 3)


def keep(name: str, result: dict[str, Any], stolen: float) -> None:
    """Append the result, with what it was measured on, to the record from which documents quote."""
    with (ROOT / "tests" / "bench" / "results" / f"{name}.jsonl").open("a") as record:
        record.write(json.dumps({**circumstances(name), "stolen": stolen, **result}) + "\n")


def circumstances(name: str) -> dict[str, Any]:
    """When, with which commit and on what machine something was run."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=ROOT)
    return {
        "name": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


LOG_WIDTH = 240
"""Characters of a table's line in a file, which has no width of its own."""


def show(name: str, result: dict[str, Any]) -> None:
    """Figures as a table; lists of rows as tables of their own."""
    table = Table(title=name, show_header=False)
    for key, value in result.items():
        if not isinstance(value, list) or not value or not isinstance(value[0], dict):
            table.add_row(key, str(value))
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    console.print(table)
    for key, value in result.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            columns = list(dict.fromkeys(column for row in value for column in row))
            rows = Table(*columns, title=key)
            for row in value:
                rows.add_row(*[str(row.get(column, "")) for column in columns])
            console.print(rows)


if __name__ == "__main__":
    main()
