"""Softphones with real audio, driven from asyncio, and the proof of who hears whom.

Rule of this file: it never imports pjsua2. A phone is a child process (softphone.py); orders go in and
events come out as JSON lines; what was heard is measured in the recordings.
"""

import asyncio
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.lab import build, sounds
from tests.lab.pbx import PBX_HOST, TRUNK_HOST, Pbx

AUDIBLE = 0.02  # of full scale; a tone that arrives has about 0.25, none has below 0.001
_number = itertools.count(1)

Event = dict[str, Any]


def heard(wav: Path, frequency: float, last: float = 1.0) -> bool:
    """Whether the end of the recording holds a tone of this frequency."""
    return loudness(wav, frequency, last) > AUDIBLE


def loudness(wav: Path, frequency: float, last: float = 1.0) -> float:
    """How loud the frequency is in the last seconds of a recording, as a share of full scale."""
    if not wav.exists():
        return 0.0
    rate, samples = sounds.read_wav(wav)
    return sounds.level(samples[-round(last * rate) :], rate, frequency) if rate else 0.0


def longest_silence(wav: Path, below: float = 0.00316) -> float:
    """Seconds of the longest stretch below a level (of full scale; -50 dBFS), from the first sound to the last."""
    rate, samples = sounds.read_wav(wav)
    frame = rate // 50 if rate else 1
    loud = [max(map(abs, samples[start : start + frame])) / 32768 >= below for start in range(0, len(samples) - frame + 1, frame)]
    if True not in loud:
        return len(loud) / 50
    first, last = loud.index(True), len(loud) - 1 - loud[::-1].index(True)
    longest = run = 0
    for here in loud[first : last + 1]:
        run = 0 if here else run + 1
        longest = max(longest, run)
    return longest / 50


class Softphone:
    """A phone of the PBX (`user` names an endpoint), or a caller from the trunk (`trunk=True`)."""

    def __init__(
        self,
        pbx: Pbx,
        user: str,
        *,
        trunk: bool = False,
        tone: float | None = None,
        answers: bool = True,
        registers: bool = False,
    ) -> None:
        self.pbx, self.user = pbx, user
        host, port = (TRUNK_HOST, pbx.ports.take(TRUNK_HOST)) if trunk else pbx.address(user)
        self.folder = pbx.folder / "audio" / f"{user}-{next(_number)}"
        self.folder.mkdir(parents=True)
        self._settings = {
            "user": user, "host": host, "port": port, "pbx": f"{PBX_HOST}:{pbx.sip_port}",
            "folder": str(self.folder), "tone": round(tone or 0), "answers": answers,
            "registers": registers, "media_port": pbx.ports.take_range(20)[0],
        }  # fmt: skip
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        # A phone does not share its processor with the PBX: one that falls behind sends bursts, which recordings lose.
        with (self.folder / "errors").open("wb") as errors:
            self._child = await asyncio.create_subprocess_exec(
                "nice", "-n", "-10", "setpriv", "--pdeathsig", "KILL",
                sys.executable, "-m", "tests.lab.softphone", json.dumps(self._settings),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
                cwd=build.ROOT,
            )  # fmt: skip
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: self._changed.set())
        await self.until("ready")
        if self._settings["registers"]:
            await self.until("registered", code=200)

    async def stop(self) -> None:
        """Hang up and go."""
        if self._child is None or self._reader is None:
            return
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            await asyncio.wait_for(self._child.wait(), 5)
        except TimeoutError:
            await self.kill()
        await self._reader

    async def kill(self) -> None:
        """Vanish without a word, like a phone that loses its power."""
        if self._child is not None and self._child.returncode is None:
            self._child.kill()
            await self._child.wait()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # Orders. Calls are numbered from 1, incoming and outgoing alike, in the order in which they began.

    async def call(self, to: str) -> int:
        """Call a number of the PBX; the new call's number."""
        seen = len(self.events)
        self._tell("call", to=to)
        return int((await self.until("calling", after=seen))["call"])

    def answer(self, call: int = 1) -> None:
        self._tell("answer", call=call)

    def hang_up(self, call: int = 1, code: int = 0) -> None:
        """End a call; one that still rings is refused with the code."""
        self._tell("hang_up", call=call, code=code)

    def hold(self, call: int = 1) -> None:
        self._tell("hold", call=call)

    def unhold(self, call: int = 1) -> None:
        self._tell("unhold", call=call)

    def press(self, digits: str, call: int = 1, *, info: bool = False) -> None:
        """Press keys, as RTP events or as SIP INFO."""
        self._tell("press", call=call, digits=digits, info=info)

    def fall_silent(self, call: int = 1) -> None:
        """The tone ends; the call goes on."""
        self._tell("fall_silent", call=call)

    def transfer(self, to: str, call: int = 1, *, stays: bool = False) -> None:
        """Blind: the other side is sent to a number; then the phone hangs up, unless it `stays`."""
        self._tell("transfer", call=call, to=to, stays=stays)

    def transfer_to(self, other: int, call: int = 1) -> None:
        """Attended: the other sides of two of our calls are joined."""
        self._tell("attended", call=call, other=other)

    def _tell(self, do: str, **fields: object) -> None:
        if self._child is None or self._child.stdin is None:
            raise RuntimeError("not started")
        self._child.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")

    # News

    async def until(self, event: str, *, after: int = 0, limit: float = 10.0, **fields: object) -> Event:
        """The first event of this kind with these fields, waiting for it."""

        def fits(each: Event) -> bool:
            return each["event"] == event and all(each.get(name) == value for name, value in fields.items())

        return await self._first(fits, after, limit)

    async def until_state(self, state: str, call: int = 1, limit: float = 10.0) -> Event:
        """Wait for CALLING, INCOMING, EARLY, CONNECTING, CONFIRMED or DISCONNECTED."""
        return await self.until("state", call=call, state=state, limit=limit)

    async def _first(self, fits: Callable[[Event], bool], after: int, limit: float) -> Event:
        async with asyncio.timeout(limit):
            while True:
                self._changed.clear()
                for event in self.events[after:]:
                    if fits(event):
                        return event
                if self._reader is None or self._reader.done():
                    raise RuntimeError(f"the softphone is gone: {(self.folder / 'errors').read_text()[-300:]}")
                await self._changed.wait()

    def recording(self, call: int = 1) -> Path:
        return self.folder / f"call-{call}.wav"

    def hears(self, frequency: float, call: int = 1, last: float = 1.0) -> bool:
        """Whether the tone was in the last second of what this call has brought so far."""
        return heard(self.recording(call), frequency, last)

    async def until_hears(self, frequency: float, call: int = 1, limit: float = 5.0) -> None:
        """Wait for a tone that fills half a second; `TimeoutError` when it does not come."""
        async with asyncio.timeout(limit):
            while loudness(self.recording(call), frequency, 0.5) < 5 * AUDIBLE:
                await asyncio.sleep(0.1)

    async def until_hears_no_more(self, frequency: float, call: int = 1, limit: float = 5.0) -> None:
        """Wait until half a second is free of a tone; a recording lags behind what was heard."""
        async with asyncio.timeout(limit):
            while self.hears(frequency, call, last=0.5):
                await asyncio.sleep(0.1)

    async def _read(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        while line := await self._child.stdout.readline():
            self.events.append(json.loads(line))
            self._changed.set()
