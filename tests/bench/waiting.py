"""What callers who wait cost the PBX, by what they hear and how it is played: CPU of Asterisk, for each caller.

The callers of one codec are answered once and stay in a Stasis application of the benchmark's own, without callbridge. All hear
the same for a while, in one way after the other. Music and announcement are there as 8 kHz PCM (``wav``), which is encoded for
every caller, and in the callers' codec (``native``), which is sent as it is. In every way one caller presses a key, and another
one is played something alone: who waits in a queue needs both.

``python -m tests.bench waiting [--callers N] [--seconds N] [--rounds N] [--codecs ulaw,alaw,g722]``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.bench.throughput import cpu
from tests.lab import build
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, CallerScript, Press

PAYLOADS = {"ulaw": (0, "PCMU"), "alaw": (8, "PCMA"), "g722": (9, "G722")}
"""Codec -> payload type and name in SDP."""
APP, MUSIC = "waiting", "/lab/music"
CALLERS, SECONDS, ROUNDS = 100, 5.0, 3
RATE = 30.0
SETTLE = 2.0
"""Seconds that a way is left to begin before it is measured."""
KEY, KEY_EVERY = "5", 2.0
ARRIVED_WITHIN = HEARD_WITHIN = 10.0
PLAYED_WITHIN = 25.0
"""Seconds; behind an announcement that has to end first."""


class CodecCallers(Callers):
    """Callers who offer one codec, and send nothing but keys."""

    codec = "ulaw"

    async def _start(self, files: dict[str, bytes], *options: str) -> None:
        number, name = PAYLOADS[self.codec]
        scenario = files["scenario.xml"].replace(b"RTP/AVP 0 ", b"RTP/AVP %d " % number)
        scenario = scenario.replace(b"rtpmap:0 PCMU/", b"rtpmap:%d %s/" % (number, name.encode()))
        await super()._start(files | {"scenario.xml": scenario}, *options)


@dataclass
class Stasis:
    """The application on the PBX: who is in it, and what it is told."""

    pbx: Pbx
    session: aiohttp.ClientSession
    inside: list[str] = field(default_factory=list)
    keys: int = 0
    played: set[str] = field(default_factory=set)
    """Playbacks that ended well."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        async with self.session.ws_connect(f"{self.pbx.ari_url}/events", params={"app": APP}) as socket:
            self.news.set()
            async for message in socket:
                self._told(message.json())
                self.news.set()

    def _told(self, event: dict[str, Any]) -> None:
        match event:
            case {"type": "StasisStart", "channel": {"id": channel}}:
                self.inside.append(channel)
            case {"type": "ChannelDtmfReceived", "digit": key}:
                self.keys += key == KEY
            case {"type": "PlaybackFinished", "playback": {"id": playback, "state": "done"}}:
                self.played.add(playback)

    async def until(self, true: Callable[[], bool], limit: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while not true():
                    self.news.clear()
                    await self.news.wait()
        return true()

    async def ask(self, method: str, path: str, **query: str) -> int:
        """Send a request; its status."""
        async with self.session.request(method, f"{self.pbx.ari_url}/{path}", params=query) as answer:
            await answer.read()
            return answer.status

    async def sent(self) -> int:
        """RTP packets that the first caller has been sent."""
        async with self.session.get(f"{self.pbx.ari_url}/channels/{self.inside[0]}/rtp_statistics") as answer:
            statistics: dict[str, Any] = await answer.json()
        return int(statistics["txcount"])


Act = Callable[[Stasis], Awaitable[object]]


@dataclass(frozen=True)
class Way:
    """One way of waiting. ``begin`` puts all callers into it, ``end`` takes them out again."""

    name: str
    source: str
    begin: Act
    end: Act


def ways(codec: str) -> list[Way]:
    """What is compared, for callers of this codec."""
    found = [Way("silence", "", _each(), _each()), Way("holding bridge alone", "", _held("", ""), _released)]
    for source in ("wav", "native"):
        of = codec if source == "native" else source
        found += [
            Way(
                "music of the channel",
                source,
                _each(("POST", "channels/{}/moh"), mohClass=of),
                _each(("DELETE", "channels/{}/moh")),
            ),
            Way("holding bridge, music of the channel", source, _held(of, "channels/{}/moh"), _released),
            Way("holding bridge, music of the bridge", source, _held(of, f"bridges/{APP}/moh"), _released),
            Way(
                "announcement",
                source,
                _each(("POST", "channels/{}/play/{}-say"), media=f"sound:{MUSIC}/{of}/music"),
                _each(("DELETE", "playbacks/{}-say")),
            ),
        ]
    return found


def _each(*requests: tuple[str, str], **query: str) -> Act:
    """These requests for each caller."""

    async def act(stasis: Stasis) -> None:
        for channel in stasis.inside:
            for method, path in requests:
                await stasis.ask(method, path.format(channel, channel), **query)

    return act


def _held(music: str, path: str) -> Act:
    """All in one holding bridge, with music by these requests."""

    async def act(stasis: Stasis) -> None:
        await stasis.ask("POST", f"bridges/{APP}", type="holding")
        for channel in stasis.inside:
            await stasis.ask("POST", f"bridges/{APP}/addChannel", channel=channel)
        for one in dict.fromkeys(path.format(channel) for channel in stasis.inside if path):
            await stasis.ask("POST", one, mohClass=music)

    return act


async def _released(stasis: Stasis) -> None:
    await stasis.ask("DELETE", f"bridges/{APP}")


async def _measured(stasis: Stasis, seconds: float) -> tuple[float, float]:
    """For each caller: milliseconds of Asterisk's CPU in a second, and packets sent."""
    sent, before, began = await stasis.sent(), cpu(stasis.pbx.pid), time.monotonic()
    await asyncio.sleep(seconds)
    used, lasted = cpu(stasis.pbx.pid) - before, time.monotonic() - began
    return used / lasted / len(stasis.inside) * 1000, (await stasis.sent() - sent) / lasted


async def _works(stasis: Stasis, name: str) -> tuple[bool, bool]:
    """Is a key of one caller reported, and can another one be played something alone?"""
    keys = stasis.keys
    heard = await stasis.until(lambda: stasis.keys > keys, HEARD_WITHIN)
    status = await stasis.ask("POST", f"channels/{stasis.inside[0]}/play/{name}", media=f"sound:{MUSIC}/beep")
    return heard, status < 300 and await stasis.until(lambda: name in stasis.played, PLAYED_WITHIN)


async def _compared(stasis: Stasis, codec: str, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """All ways in turn, several times: the medians."""
    measured: dict[Way, list[tuple[float, float]]] = {way: [] for way in ways(codec)}
    works: dict[Way, tuple[bool, bool]] = {}
    for _ in range(rounds):
        for number, way in enumerate(measured):
            await way.begin(stasis)
            await asyncio.sleep(SETTLE)
            measured[way].append(await _measured(stasis, seconds))
            if way not in works:
                works[way] = await _works(stasis, f"alone-{number}")
            await way.end(stasis)
    return [
        {
            "codec": codec,
            "way": way.name,
            "source": way.source,
            "ms_per_s": round(statistics.median(used for used, _ in found), 2),
            "ms_per_s_each": [round(used, 2) for used, _ in found],
            "packets_per_s": round(statistics.median(sent for _, sent in found)),
            "keys": works[way][0],
            "played_alone": works[way][1],
        }
        for way, found in measured.items()
    ]


async def _rows(codec: str, callers: int, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """All ways for the callers of one codec, on a PBX of their own."""
    async with _pbx(codec, callers) as pbx, contextlib.AsyncExitStack() as stack:
        login = aiohttp.BasicAuth(pbx.ari_user, pbx.ari_password)
        session = await stack.enter_async_context(aiohttp.ClientSession(auth=login))
        stasis = Stasis(pbx, session)
        listening = asyncio.create_task(stasis.listen())
        stack.callback(listening.cancel)
        await stasis.until(stasis.news.is_set, ARRIVED_WITHIN)
        silent = [Call(dialled=APP, number=f"49{n:06}") for n in range(callers - 1)]
        longest = len(ways(codec)) * (rounds * (seconds + 2 * SETTLE) + HEARD_WITHIN + PLAYED_WITHIN)
        presses = [Press(KEY * round(longest / KEY_EVERY), gap=KEY_EVERY)]
        for calls, script in ((silent, CallerScript()), (silent[:1], CallerScript(steps=presses))):
            crowd = CodecCallers(pbx, calls, rate=RATE, script=script)
            crowd.codec = codec
            await stack.enter_async_context(crowd)
        if not await stasis.until(lambda: len(stasis.inside) == callers, callers / RATE + ARRIVED_WITHIN):
            raise SystemExit(f"waiting: {len(stasis.inside)} of {callers} callers with {codec} arrived")
        return await _compared(stasis, codec, seconds, rounds)


@contextlib.asynccontextmanager
async def _pbx(codec: str, callers: int) -> AsyncIterator[Pbx]:
    classes = "".join(f"[{name}]\nmode=files\ndirectory={MUSIC}/{name}\n" for name in ("wav", codec))
    extra = {
        "extensions.conf": f"[from-trunk](+)\nexten => {APP},1,Answer()\n same => n,Stasis({APP})\n same => n,Hangup()\n",
        "pjsip.conf": f"[trunk](+type=endpoint)\ndisallow=all\nallow={codec}\n",
        "musiconhold.conf": classes,
        "modules.conf": "load=res_convert.so\n",
    }
    pbx = Pbx(22, extra=extra, rtp_ports=4 * callers)
    for name in ("wav", codec):
        (pbx.folder / "music" / name).mkdir(parents=True)
    shutil.copy(build.LAB / "sounds" / "moh" / "music.wav", pbx.folder / "music" / "wav" / "music.wav")
    shutil.copy(build.LAB / "sounds" / "tones" / "agent.wav", pbx.folder / "music" / "beep.wav")
    async with pbx:
        said = await pbx.cli(f"file convert {MUSIC}/wav/music.wav {MUSIC}/{codec}/music.{codec}")
        if not (pbx.folder / "music" / codec / f"music.{codec}").exists():
            raise SystemExit(f"waiting: no music in {codec}: {said.strip()}")
        await pbx.cli("moh reload")
        yield pbx


async def _all(codecs: Sequence[str], callers: int, seconds: float, rounds: int) -> list[dict[str, Any]]:
    return [row for codec in codecs for row in await _rows(codec, callers, seconds, rounds)]


def run(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--callers", type=int, default=CALLERS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--codecs", default=",".join(PAYLOADS))
    options = parser.parse_args(words)
    rows = asyncio.run(_all(options.codecs.split(","), options.callers, options.seconds, options.rounds))
    return {"callers": options.callers, "seconds": options.seconds, "rounds": options.rounds, "rows": rows}
