"""Callers and phones without ears: SIPp processes that call and answer, and say afterwards what happened.

Rule of this file: one object is one SIPp process. Its folder below the PBX's keeps scenario, logs and
output; its records can be read at any time, also while it runs.
"""

import asyncio
import contextlib
import csv
import io
import itertools
import re
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tests.lab import build, scripts
from tests.lab.pbx import PBX_HOST, PHONES_HOST, TRUNK_HOST, Pbx
from tests.lab.process import Process
from tests.lab.records import (
    CallRecord,
    Logged,
    PhoneRecord,
    Tail,
    advance_call,
    advance_phone,
    messages,
)
from tests.lab.scenario import Hold, Press, Step, Talk, Transfer
from tests.lab.scripts import CallerScript, PhoneScript

__all__ = [
    "Call", "CallRecord", "CallerScript", "Callers", "Hold", "Phone", "PhoneRecord", "PhoneScript",
    "Press", "Step", "Talk", "Transfer", "call", "register",
]  # fmt: skip

GRACE = 2.0  # seconds for the last answer of the last call
TIMER_SLACK = 0.004
"""Seconds. SIPp asks for the time every millisecond, calls or none: that takes 3 % of a core for each process, with this 1 %."""
LIMIT = 600.0  # seconds that a caller stays when nobody says otherwise
ENTRY = re.compile(r"\d{4}-\d\d-\d\d\t[\d:.]+\t[\d.]+: ")
_number = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call to make. `hang_up_after` counts from the answer; None stays until the PBX hangs up."""

    dialled: str
    name: str = "caller"
    number: str = "4930100"
    hang_up_after: float | None = None

    @property
    def patience(self) -> int:
        """Milliseconds."""
        return round((LIMIT if self.hang_up_after is None else self.hang_up_after) * 1000)

    def row(self) -> list[str]:
        return [self.number, self.dialled, self.name, str(self.patience)]


class Sipp:
    """What callers and phones share: a folder, a process, two logs."""

    def __init__(self, pbx: Pbx, kind: str, host: str, port: int) -> None:
        self.pbx, self.host, self.port = pbx, host, port
        self.folder = pbx.folder / "sip" / f"{kind}-{next(_number)}"
        self.folder.mkdir(parents=True)
        self._process: Process | None = None
        self._runs = 0
        self._wire = Tail(self.folder / "wire-0.log")
        self._logged = Logged(self.folder / "logged-0.log")

    async def _start(self, files: dict[str, bytes], *options: str) -> None:
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        self._runs += 1  # SIPp begins its logs at the beginning: each run has files of its own
        self._wire = Tail(self.folder / f"wire-{self._runs}.log")
        self._logged = Logged(self.folder / f"logged-{self._runs}.log")
        media, _ = self.pbx.ports.take_range(4)  # sound, and two ports on a picture that never comes; RTCP beside each
        self._process = await Process.start(
            [
                "sipp", "-nostdin", "-sf", "scenario.xml", "-i", self.host, "-p", str(self.port),
                "-mi", self.host, "-mp", str(media), "-timer_resol", "1", "-deadcall_wait", "4000",
                # A message that comes between two steps is sent again; SIPp would end the call instead.
                "-default_behaviors", "none",
                "-trace_shortmsg", "-shortmessage_file", self._wire.path.name, "-trace_logs", "-log_file", self._logged.path.name,
                "-trace_err", "-error_file", "errors.log", *options, f"{PBX_HOST}:{self.pbx.sip_port}",
            ],
            self.folder / "output",
            cwd=self.folder,
        )  # fmt: skip
        self._process.set_timer_slack(TIMER_SLACK)
        async with asyncio.timeout(10):
            while not _is_bound(self.host, self.port):
                if not self._process.running:
                    if self._wire.path.exists() and self._wire.path.stat().st_size:
                        return  # short calls, and a machine on which they were over before we looked
                    raise RuntimeError(f"SIPp did not start: {self._last_words()}")
                await asyncio.sleep(0.01)

    @property
    def process(self) -> Process:
        if self._process is None:
            raise RuntimeError("not started")
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.running

    def freeze(self) -> None:
        """Let the wire be dead: nothing is answered until `thaw`."""
        self.process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.signal(signal.SIGCONT)

    def complaints(self) -> str:
        """What SIPp found wrong; time-outs are how its scripts wait, and no fault."""
        path = self.folder / "errors.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        entries = (entry.strip() for entry in ENTRY.split(text)[1:])  # SIPp ends no line
        return " | ".join(entry for entry in entries if "receive timeout" not in entry)

    def _last_words(self) -> str:
        return (self.folder / "output").read_text(errors="replace")[-300:].strip()

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.kill()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        raise NotImplementedError


class Callers(Sipp):
    """Calls from the trunk, begun `rate` per second. From PHONES_HOST, a call's number is the phone that makes it."""

    def __init__(
        self,
        pbx: Pbx,
        calls: Sequence[Call],
        *,
        rate: float = 10.0,
        script: CallerScript | None = None,
        host: str = TRUNK_HOST,
    ) -> None:
        super().__init__(pbx, "callers", host, pbx.ports.take(host))
        self.calls = tuple(calls)
        self.rate = rate
        self.script = script or CallerScript()
        self._records: dict[str, CallRecord] = {}

    async def start(self) -> None:
        table = io.StringIO()
        writer = csv.writer(table, delimiter=";", quoting=csv.QUOTE_NONE, lineterminator="\n")
        writer.writerows(call.row() for call in self.calls)
        (self.folder / "calls.csv").write_text("SEQUENTIAL\n" + table.getvalue())
        per_minute = max(1, round(self.rate * 60))
        count = str(len(self.calls))
        stays = all(call.hang_up_after is None for call in self.calls)
        most = None if stays else max(call.patience for call in self.calls)
        await self._start(
            scripts.caller(self.script, _tone(self.script.audio), most),
            "-inf", "calls.csv", "-cid_str", "%u-%p@lab", "-m", count, "-l", count,
            "-r", str(per_minute), "-rp", "60000",
        )  # fmt: skip

    async def wait(self, limit: float = 60.0) -> list[CallRecord]:
        """The records once all calls are over; `TimeoutError` when some are not.

        A caller to whom the PBX said nothing at all has no final code.
        """
        async with asyncio.timeout(limit):
            while self.process.running and not self._over(self.records()):
                await asyncio.sleep(0.02)
        # Anybody who hung up still waits for the PBX to confirm it; a dead PBX never will.
        with contextlib.suppress(TimeoutError):
            await self.process.wait(GRACE)
        if (self.process.returncode or 0) < 0:  # a caller that crashes must not pass for one that was lost
            raise RuntimeError(f"SIPp crashed: {self._last_words()}")
        return self.records()

    def _over(self, records: Sequence[CallRecord]) -> bool:
        return len(records) == len(self.calls) and all(record.ended_at for record in records)

    def records(self) -> list[CallRecord]:
        """What happened so far, in the order of the calls."""
        for message in messages(self._wire):
            known = self._records.get(message.call_id)
            if known is None:
                index = int(message.call_id.partition("-")[0]) - 1
                call = self.calls[index % len(self.calls)]
                known = CallRecord(name=call.name, number=call.number, dialled=call.dialled, started_at=message.at)
            self._records[message.call_id] = advance_call(known, message)
        return list(self._records.values())

    def numbers(self) -> dict[str, str]:
        """Who calls, by the Call-IDs that this process has used."""
        self.records()
        return {call_id: record.number for call_id, record in self._records.items()}


class Phone(Sipp):
    """The phone, or all phones, at one address of the PBX."""

    def __init__(self, pbx: Pbx, name: str, script: PhoneScript | None = None) -> None:
        super().__init__(pbx, "phone", *pbx.address(name))
        self.name = name
        self.script = script or PhoneScript()
        self._records: dict[str, PhoneRecord] = {}

    async def start(self) -> None:
        self.records()  # of the run before, if it is started again
        await self._start(scripts.phone(self.script, _tone(self.script.audio)))

    def records(self) -> list[PhoneRecord]:
        """What happened so far, in the order of the INVITEs."""
        # SIPp logs a message's headers after the message: read in the other order, an INVITE that comes between the two reads
        # would have headers and no record, and they would be lost.
        logged = list(self._logged.requests(scripts.INVITE_MARK, scripts.CANCEL_MARK))
        for message in messages(self._wire):
            known = self._records.get(message.call_id)
            if known is None:
                if message.sent or message.method != "INVITE":
                    continue  # meant for somebody who had this address before
                known = PhoneRecord(call_id=message.call_id, invite_at=message.at)
            self._records[message.call_id] = advance_phone(known, message)
        for mark, call_id, line, headers in logged:
            known = self._records.get(call_id)
            if known and mark == scripts.CANCEL_MARK:
                self._records[call_id] = replace(known, cancel=headers)
            elif known:
                user = line.partition("sip:")[2].partition("@")[0]
                self._records[call_id] = replace(known, phone=user, headers=headers)
        return list(self._records.values())

    async def until(self, seen: Callable[[PhoneRecord], object], limit: float = 10.0) -> PhoneRecord:
        """The first record for which `seen` holds, waiting for it."""
        async with asyncio.timeout(limit):
            while True:
                for record in self.records():
                    if seen(record):
                        return record
                await asyncio.sleep(0.01)


async def call(pbx: Pbx, one: Call, script: CallerScript | None = None, limit: float = 30.0) -> CallRecord:
    """Make one call and see it end."""
    async with Callers(pbx, [one], script=script) as callers:
        return (await callers.wait(limit))[0]


async def register(pbx: Pbx, phone: str, expires: int = 3600, *, at: tuple[str, int] | None = None) -> None:
    """Register a phone's address with the PBX, or with `expires=0` take it back."""
    host, port = at or pbx.address(phone)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.setblocking(False)
        wire.bind((PHONES_HOST, 0))
        here = "{}:{}".format(*wire.getsockname())
        one = f"{phone}-{next(_number)}"
        head = [
            f"REGISTER sip:{PBX_HOST}:{pbx.sip_port} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK-{one}",
            f"From: <sip:{phone}@{PBX_HOST}>;tag={one}",
            f"To: <sip:{phone}@{PBX_HOST}>",
            f"Call-ID: register-{one}@lab",
            "CSeq: 1 REGISTER",
            f"Contact: <sip:{phone}@{host}:{port}>",
            f"Expires: {expires}",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        await loop.sock_sendto(wire, "\r\n".join([*head, "", ""]).encode(), (PBX_HOST, pbx.sip_port))
        async with asyncio.timeout(5):
            answer = (await loop.sock_recv(wire, 4096)).decode(errors="replace")
    if not answer.startswith("SIP/2.0 200"):
        raise RuntimeError(f"the PBX refused to register {phone}: {answer.splitlines()[0]}")


def _tone(name: str | Path | None) -> Path | None:
    if isinstance(name, Path):
        return name
    return build.LAB / "sounds" / "tones" / f"{name}.ulaw" if name else None


def _is_bound(host: str, port: int) -> bool:
    """Whether somebody listens there; asking the kernel, since a try would take the port away."""
    packed = int.from_bytes(socket.inet_aton(host), "little")
    wanted = f"{packed:08X}:{port:04X}"
    return any(line.split()[1] == wanted for line in Path("/proc/net/udp").read_text().splitlines()[1:])
