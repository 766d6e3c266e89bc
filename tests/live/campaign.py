"""What tests of campaigns have in common: leads, and the command that enters them and lets them be dialled."""

import asyncio
import csv
import sys
from pathlib import Path

from tests.lab.bridge import Callbridge


def number(index: int) -> str:
    return f"+44207946{index:04d}"


async def command(bridge: Callbridge, *arguments: str | Path) -> str:
    """``callbridge campaign ...`` as somebody types it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "callbridge",
        "campaign",
        *map(str, arguments),
        "--url",
        bridge.url,
        "-c",
        str(bridge.path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


def leads_file(folder: Path, indexes: range) -> Path:
    path = folder / "leads.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "name", "contract"])
        writer.writerows([number(index), f"Lead {index} 王", f"K{index}"] for index in indexes)
    return path
