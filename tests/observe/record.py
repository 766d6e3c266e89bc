"""Records what a real app_queue says over AMI, one file a scenario: ``python -m tests.observe.record 22``.

The user has the least rights that the guide names. Times are seconds since the listing with which each recording begins; the
PBX's own queue_log of the scenario stands beside it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.lab.audio import Softphone
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.sip import Call, Callers, Phone, PhoneScript

FOLDER = Path(__file__).parent / "recorded"
PHONES = ("1001", "1002", "1003", "1004", "1005")
_QUEUE = "musicclass=default\nretry=1\nautofill=yes\nringinuse=no\njoinempty=yes\nleavewhenempty=no\nwrapuptime=0\n"
QUEUES = (
    f"[support]\nstrategy=linear\ntimeout=10\n{_QUEUE}member => PJSIP/1001,0,Ann\n"
    f"[sales]\nstrategy=linear\ntimeout=10\n{_QUEUE}member => PJSIP/1005,0,Eve\n"
    f"[slow]\nstrategy=linear\ntimeout=2\n{_QUEUE}member => PJSIP/1004,0,Dan\n"
    f"[all]\nstrategy=ringall\ntimeout=10\n{_QUEUE}member => PJSIP/1001,0,Ann\n"
    "member => PJSIP/1002,0,Bob\nmember => PJSIP/1004,0,Dan\n"
    f"[local]\nstrategy=linear\ntimeout=10\n{_QUEUE}member => Local/1003@members/n,0,Cid\n"
    f"[both]\nstrategy=linear\ntimeout=10\n{_QUEUE.replace('ringinuse=no', 'ringinuse=yes')}member => PJSIP/1002,0,Bob\n"
    f"[empty]\nstrategy=linear\ntimeout=10\n{_QUEUE}"
    f"[closed]\nstrategy=linear\n{_QUEUE.replace('joinempty=yes', 'joinempty=no')}"
)
NAMES = ("support", "sales", "slow", "all", "local", "both", "empty", "closed")
_NUMBERS = "".join(f"exten => q-{name},1,Answer()\n same => n,Queue({name},tT)\n same => n,Hangup()\n" for name in NAMES)
DIALPLAN = (
    f"[from-phones](+)\n{_NUMBERS}[from-trunk](+)\n{_NUMBERS}"
    "exten => q-two,1,Answer()\n same => n,Queue(slow,tT,,,3)\n same => n,Queue(support,tT)\n same => n,Hangup()\n"
    + "exten => q-late,1,Answer()\n same => n,Queue(empty,tT,,,2)\n same => n,Hangup()\n"
    + "[members]\nexten => _X!,1,Dial(PJSIP/${EXTEN},20)\n"
    + "[elsewhere]\nexten => echo,1,Answer()\n same => n,Echo()\n"
)
MANAGER = (
    "[observer]\nsecret=only-listens\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.1/255.255.255.255\nread=agent,call\n"
    "eventfilter=!Event: VarSet\n"
)
Message = dict[str, str]


class Ear:
    """A connection that hears everything the user may hear."""

    def __init__(self, port: int, user: str = "observer", secret: str = "only-listens") -> None:
        self._port, self._login = port, {"Action": "Login", "Username": user, "Secret": secret}
        self.heard: list[tuple[float, Message]] = []
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await reader.readline()
        self._task = asyncio.create_task(self._listen(reader))
        await self.send(self._login)

    async def send(self, fields: Message) -> None:
        assert self._writer is not None
        self._writer.write(("".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode())
        await self._writer.drain()

    async def until(self, seen: Callable[[Message], bool], since: int = 0, limit: float = 20.0) -> Message:
        async with asyncio.timeout(limit):
            while True:
                for _, message in self.heard[since:]:
                    if seen(message):
                        return message
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        if self._task is not None and self._writer is not None:
            self._task.cancel()
            self._writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        message: Message = {}
        while line := (await reader.readline()).decode().rstrip("\r\n") or "\n":
            if line == "\n":
                if reader.at_eof():
                    return
                if message:
                    self.heard.append((time.time(), message))
                message = {}
            else:
                name, _, value = line.partition(":")
                message[name] = value.strip()


@asynccontextmanager
async def app_queue_pbx(version: int) -> AsyncIterator[Pbx]:
    extra = {"queues.conf": QUEUES, "extensions.conf": DIALPLAN, "manager.conf": MANAGER}
    async with Pbx(version, phones=[PhoneSpec(name=name) for name in PHONES], extra=extra) as pbx:
        yield pbx


class Recorder:
    def __init__(self, pbx: Pbx, ear: Ear, ops: Ear, phones: dict[str, Phone]) -> None:
        self.pbx, self.ear, self.ops, self.phones = pbx, ear, ops, phones

    @asynccontextmanager
    async def softphone(self, name: str) -> AsyncIterator[Softphone]:
        """One with a transfer key in the place of the phone that is there."""
        await self.phones[name].stop()
        try:
            async with Softphone(self.pbx, name) as phone:
                yield phone
        finally:
            await self.phones[name].start()

    async def record(self, name: str, scene: Callable[[Recorder], Awaitable[None]]) -> None:
        log = self.pbx.folder / "log" / "queue_log"
        read = log.stat().st_size if log.exists() else 0
        began = len(self.ear.heard)
        await self.ear.send({"Action": "QueueStatus"})
        await self.ear.until(lambda message: message.get("Event") == "QueueStatusComplete", began)
        await scene(self)
        await self.pbx.quiet(15.0)
        await asyncio.sleep(0.3)
        heard = self.ear.heard[began:]
        zero = heard[0][0]
        lines = [json.dumps([round(at - zero, 3), message]) for at, message in heard if message.get("Event") not in _NOISE]
        (FOLDER / f"{self.pbx.version}-{name}.jsonl").write_text("\n".join(lines) + "\n")
        with log.open() as file:
            file.seek(read)
            (FOLDER / f"{self.pbx.version}-{name}.queue_log").write_text(file.read())
        print(name, len(lines), flush=True)

    async def calls(self, *calls: Call, rate: float = 2.0) -> None:
        async with Callers(self.pbx, calls, rate=rate) as callers:
            await callers.wait(60.0)

    async def event(self, kind: str, since: int, **fields: str) -> Message:
        wanted = {"Event": kind, **fields}
        return await self.ear.until(lambda message: wanted.items() <= message.items(), since)


_NOISE = frozenset({"VarSet", "Newexten", "DeviceStateChange", "ExtensionStatus", "ChallengeSent", "SuccessfulAuth"})


def _one(queue: str, number: str = "4930100", patience: float | None = 3.0) -> Call:
    return Call(dialled=f"q-{queue}", number=number, hang_up_after=patience)


async def _answered(r: Recorder) -> None:
    await r.calls(_one("support", "4930101", 2.5), _one("sales", "4930102", None))


async def _abandoned(r: Recorder) -> None:
    await r.calls(_one("empty", "4930103", 1.5), _one("closed", "4930104", 1.5), _one("late", "4930105", None))


async def _unanswered(r: Recorder) -> None:
    await r.calls(_one("slow", "4930106", 4.0), _one("two", "4930107", 9.0), rate=1.0)


async def _ringall(r: Recorder) -> None:
    await r.calls(_one("all", "4930108", 3.0), _one("all", "4930109", 3.0), _one("all", "4930110", 1.0))


async def _local(r: Recorder) -> None:
    await r.calls(_one("local", "4930111", 2.5))


async def _two_at_once(r: Recorder) -> None:
    await r.calls(_one("both", "4930112", 4.0), _one("both", "4930113", 2.0), rate=1.0)


async def _members(r: Recorder) -> None:
    who = {"Queue": "empty", "Interface": "PJSIP/1003"}
    since = len(r.ear.heard)
    await r.ops.send({"Action": "QueueAdd", **who, "MemberName": "Cid"})
    await r.event("QueueMemberAdded", since)
    await r.ops.send({"Action": "QueuePause", **who, "Paused": "true", "Reason": "lunch"})
    await r.event("QueueMemberPause", since, Paused="1")
    await asyncio.sleep(0.5)
    await r.ops.send({"Action": "QueuePause", **who, "Paused": "false"})
    await r.event("QueueMemberPause", since, Paused="0")
    await r.ops.send({"Action": "QueueReset"})
    await r.ops.send({"Action": "QueueRemove", **who})
    await r.event("QueueMemberRemoved", since)


async def _transfer(r: Recorder, action: Message, number: str) -> None:
    since = len(r.ear.heard)
    async with Callers(r.pbx, [_one("support", number, 6.0)]) as callers:
        connected = await r.event("AgentConnect", since)
        await asyncio.sleep(1.0)
        await r.ops.send({"Channel": connected["DestChannel"], "Context": "elsewhere", "Exten": "echo", "Priority": "1"} | action)
        if action["Action"] == "Atxfer":
            await asyncio.sleep(2.0)
            await r.pbx.cli(f"channel request hangup {connected['DestChannel']}")
        await callers.wait(30.0)


async def _blind(r: Recorder) -> None:
    await _transfer(r, {"Action": "BlindTransfer"}, "4930114")


async def _attended(r: Recorder) -> None:
    await _transfer(r, {"Action": "Atxfer"}, "4930115")


async def _by_phone(r: Recorder, member: str, queue: str, number: str, transfer: Callable[[Softphone], Awaitable[None]]) -> None:
    since = len(r.ear.heard)
    async with r.softphone(member) as phone, Callers(r.pbx, [_one(queue, number, 7.0)]) as callers:
        await r.event("AgentConnect", since)
        await asyncio.sleep(1.5)
        await transfer(phone)
        await callers.wait(40.0)


def _blindly(target: str) -> Callable[[Softphone], Awaitable[None]]:
    async def transfer(phone: Softphone) -> None:
        phone.transfer(target)

    return transfer


def _after_a_consult(target: str) -> Callable[[Softphone], Awaitable[None]]:
    async def transfer(phone: Softphone) -> None:
        phone.hold()
        consult = await phone.call(target)
        await phone.until_state("CONFIRMED", consult)
        await asyncio.sleep(1.0)
        phone.transfer_to(consult)

    return transfer


async def _phone_blind(r: Recorder) -> None:
    await _by_phone(r, "1001", "support", "4930116", _blindly("echo"))


async def _phone_blind_to_queue(r: Recorder) -> None:
    await _by_phone(r, "1001", "support", "4930117", _blindly("q-sales"))


async def _phone_attended(r: Recorder) -> None:
    await _by_phone(r, "1001", "support", "4930118", _after_a_consult("1002"))


async def _phone_attended_to_queue(r: Recorder) -> None:
    await _by_phone(r, "1001", "support", "4930119", _after_a_consult("q-both"))


async def _phone_attended_to_line(r: Recorder) -> None:
    await _by_phone(r, "1001", "support", "4930123", _after_a_consult("q-empty"))


async def _phone_attended_to_application(r: Recorder) -> None:
    await _by_phone(r, "1001", "support", "4930120", _after_a_consult("echo"))


async def _local_phone_blind(r: Recorder) -> None:
    await _by_phone(r, "1003", "local", "4930121", _blindly("echo"))


async def _local_phone_attended(r: Recorder) -> None:
    await _by_phone(r, "1003", "local", "4930122", _after_a_consult("1002"))


SCENES: dict[str, Callable[[Recorder], Awaitable[None]]] = {
    "answered": _answered,
    "abandoned": _abandoned,
    "unanswered": _unanswered,
    "ringall": _ringall,
    "local-member": _local,
    "two-at-once": _two_at_once,
    "members": _members,
    "blind-transfer": _blind,
    "attended-transfer": _attended,
    "phone-blind": _phone_blind,
    "phone-blind-to-queue": _phone_blind_to_queue,
    "phone-attended": _phone_attended,
    "phone-attended-to-queue": _phone_attended_to_queue,
    "phone-attended-to-line": _phone_attended_to_line,
    "phone-attended-to-application": _phone_attended_to_application,
    "local-phone-blind": _local_phone_blind,
    "local-phone-attended": _local_phone_attended,
}


async def main(version: int, only: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    scripts = {name: PhoneScript.answers(ring=0.5) for name in PHONES}
    scripts |= {"1004": PhoneScript.rings_out(), "1005": PhoneScript.answers(ring=0.3, talk=1.0)}
    async with app_queue_pbx(version) as pbx:
        ear, ops = Ear(pbx.ami_port), Ear(pbx.ami_port, pbx.ami_user, pbx.ami_secret)
        await ear.open()
        await ops.open()
        phones = {name: Phone(pbx, name, script) for name, script in scripts.items()}
        for phone in phones.values():
            await phone.start()
        recorder = Recorder(pbx, ear, ops, phones)
        try:
            for name, scene in SCENES.items():
                if not only or name in only:
                    try:
                        await recorder.record(name, scene)
                    except TimeoutError:
                        print(name, "FAILED: a time limit", flush=True)
                        await pbx.hang_up_all()
        finally:
            for phone in phones.values():
                await phone.stop()
            await ear.close()
            await ops.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2:]))
