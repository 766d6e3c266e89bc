"""What tests of campaigns have in common: a house, a town of phones, leads, and the command that lets them be dialled."""

import asyncio
import csv
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.lab import sounds
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Phone, PhoneScript, Talk

VOICE, REPLY, MESSAGE = (sounds.TONES[name] for name in ("caller", "agent", "apology"))
AGENTS = ("1001", "1002", "1003", "1004", "1010", "1011", "1012", "1013")
BEHAVIOUR = {
    "answered": ("1005", PhoneScript(ring=(0.2, 2.0), steps=[Talk(0.5, 1.5)], hangs_up=True)),
    "busy": ("1006", PhoneScript.rejects(486)),
    "no_answer": ("1007", PhoneScript.rings_out()),
    "rejected": ("1008", PhoneScript.rejects(603)),
    "invalid": ("1009", PhoneScript.rejects(404)),
}
BY_DIGIT = {
    digit: outcome
    for outcome, digits in {"answered": "01234", "busy": "56", "no_answer": "7", "rejected": "8", "invalid": "9"}.items()
    for digit in digits
}
"""The last digit of a number says what its phone does."""


def campaign(**more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "queue": "support",
        "mode": "progressive",
        "dial": "Local/{number}@lab-campaign/n",
        "number": "+442079460999",
        "ring_for": "15s",
        "lines": 40,
        "per_second": 20,
        "message": "/lab/sounds/tones/apology",
        "attempts": {"most": 1},
    }
    return given | more


def house_of(tmp_path: Path, agents: tuple[str, ...] = AGENTS, **more: Any) -> dict[str, Any]:
    staff = {name: agent(name, {"support": 1}) | {"connect": more.pop("connect", "auto_answer")} for name in agents}
    return floor(
        staff,
        {"support": {"steps": [{"skills": "support"}], "wrap_up": "0.3s"}},
        database={"url": f"sqlite:///{tmp_path}/ledger.db"},
        ledger={"per_day": 20, "gap": "0s"},
        campaigns={"spring": campaign(**more)},
        region="GB",
    )


@asynccontextmanager
async def people(pbx: Pbx, talk: tuple[float, float] = (0.5, 1.5)) -> AsyncIterator[dict[str, Phone]]:
    """The phones of agents and of the whole town, by what they do."""
    async with AsyncExitStack() as stack:
        for name in AGENTS:
            await stack.enter_async_context(Phone(pbx, name, PhoneScript.answers(ring=0.02)))
        town = {}
        for outcome, (where, script) in BEHAVIOUR.items():
            town[outcome] = await stack.enter_async_context(Phone(pbx, where, script))
        yield town


async def all_called(bridge: Callbridge, count: int, limit: float) -> None:
    try:
        async with asyncio.timeout(limit):
            while len(bridge.facts("attempt_ended")) < count:
                await asyncio.sleep(0.2)
    except TimeoutError:
        status = await asyncio.to_thread(bridge.client.campaign, "spring")
        raise AssertionError(f"{len(bridge.facts('attempt_ended'))} of {count}: {status}") from None
    await asyncio.sleep(1.5)


def wire(town: dict[str, Phone]) -> Counter[str]:
    """INVITEs by the number that they are for."""
    return Counter(record.phone for phone in town.values() for record in phone.records())


def number(index: int) -> str:
    return f"+44207946{index:04d}"


async def command(bridge: Callbridge, *arguments: str | Path, code: int = 0) -> str:
    """``callbridge campaign ...`` as somebody types it; it exits with ``code``."""
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
    assert process.returncode == code, said.decode()
    return said.decode()


def leads_file(folder: Path, indexes: Iterable[int]) -> Path:
    path = folder / "leads.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "name", "contract"])
        writer.writerows([number(index), f"Lead {index} 王", f"K{index}"] for index in indexes)
    return path
