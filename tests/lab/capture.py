"""Listens to the wire of the lab with tcpdump, and tells which calls really carried voice both ways.

Rule of this file: proof is the caller's own sound. What a caller sends reaches the agent's phone, which echoes it, and
comes back unchanged: only a bridge between the two makes that happen, and music has another frequency.
"""

import asyncio
import re
import signal
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.lab.process import Process

_RTP_HEADER = 12
_FRAME = 160
_MEDIA = re.compile(rb"^m=audio (\d+) ", re.MULTILINE)
_CALL_ID = re.compile(rb"^Call-ID: *([^\r\n]+)", re.MULTILINE | re.IGNORECASE)


class Capture:
    """Everything that goes over loopback to or from one address, into a file."""

    def __init__(self, path: Path, host: str) -> None:
        self.path = path
        self.host = host
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        options = f"-i lo -n -U -B 16384 -w {self.path}".split()
        self._process = await Process.start(["tcpdump", *options, f"udp and host {self.host}"], self.path.with_suffix(".log"))
        async with asyncio.timeout(10):
            while not (self.path.exists() and self.path.stat().st_size >= 24):
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.signal(signal.SIGINT)
            await self._process.wait(10)

    def of_port(self, port: int) -> list[bytes]:
        """What was sent to or from a port of the address, in order."""
        return [text for _, source, _, target, text in _packets(self.path) if port in (source, target)]

    def echoed(self, tone: Path, least: int = 5) -> set[str]:
        """The Call-IDs of calls whose own sound came back to the caller, in at least so many packets."""
        frames = _frames(tone)
        calls: dict[int, list[str]] = {}
        heard: dict[int, int] = {}
        good: set[str] = set()
        for source, source_port, target, payload in _datagrams(self.path):
            if target != self.host:
                continue
            if payload.startswith(b"SIP/2.0 200"):
                _note_answer(payload, calls, heard)
            elif payload[_RTP_HEADER : _RTP_HEADER + _FRAME] in frames and source != self.host:
                heard[source_port] = heard.get(source_port, 0) + 1
                if heard[source_port] == least and calls.get(source_port):
                    good.add(calls[source_port][-1])
        return good


def _note_answer(message: bytes, calls: dict[int, list[str]], heard: dict[int, int]) -> None:
    """The PBX says at which port it speaks in this call; ports are used again by later calls."""
    media, call_id = _MEDIA.search(message), _CALL_ID.search(message)
    if media is None or call_id is None:
        return
    name, port = call_id[1].decode(errors="replace").strip(), int(media[1])
    known = calls.setdefault(port, [])
    if name not in known:
        known.append(name)
        heard[port] = 0


def _frames(tone: Path) -> set[bytes]:
    data = tone.read_bytes()
    double = data + data
    return {double[start : start + _FRAME] for start in range(len(data))}


def _datagrams(path: Path) -> Iterator[tuple[str, int, str, bytes]]:
    """(source, source port, target, payload) of each UDP packet."""
    for source, source_port, target, _, payload in _packets(path):
        yield source, source_port, target, payload


def _packets(path: Path) -> Iterator[tuple[str, int, str, int, bytes]]:
    """(source, source port, target, target port, payload) of each UDP packet in a capture of loopback's Ethernet frames."""
    data = path.read_bytes()
    at = 24
    while at + 16 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 8)
        packet = data[at + 16 : at + 16 + length]
        at += 16 + length
        if len(packet) < 42 or packet[12:14] != b"\x08\x00" or packet[23] != 17:
            continue
        begin = 14 + (packet[14] & 0x0F) * 4
        port, target = struct.unpack_from("!HH", packet, begin)
        yield ".".join(map(str, packet[26:30])), port, ".".join(map(str, packet[30:34])), target, packet[begin + 8 :]
