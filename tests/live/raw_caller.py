"""A caller who writes SIP by hand: any bytes may stand in the name and the number.

Rule of this file: one call, no retransmissions, loopback only; SIPp would clean up what is to be tested.
"""

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field

from tests.lab.pbx import PBX_HOST, TRUNK_HOST, Pbx

PACKET = 0.02
_number = itertools.count(1)


class _Wire(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.put_nowait(data)


@dataclass(slots=True)
class RawCall:
    """``name``: the display name between its quotes, as bytes; ``user``: the user part of From."""

    pbx: Pbx
    dialled: str
    name: bytes = b""
    user: bytes = b"4930100"
    headers: tuple[str, ...] = ()
    """Further headers of the INVITE."""
    ended_by_pbx: bool = False
    acknowledges: bool = True
    """Whether the answer is acknowledged: without an ACK there is no call, whatever the PBX thinks."""
    speaks: asyncio.Event = field(default_factory=asyncio.Event)
    """Once it is set, audio is sent to the PBX: 50 packets a second of silence in mu-law."""

    _leaves: asyncio.Event = field(default_factory=asyncio.Event)

    def hang_up(self) -> None:
        """End the call, if it has not ended."""
        self._leaves.set()

    async def make(self, patience: float = 6.0) -> int:
        """Call and stay until the PBX hangs up, or until ``hang_up`` or ``patience``; gives the INVITE's final status."""
        port = self.pbx.ports.take(TRUNK_HOST)
        loop = asyncio.get_running_loop()
        there = (PBX_HOST, self.pbx.sip_port)
        transport, wire = await loop.create_datagram_endpoint(_Wire, local_addr=(TRUNK_HOST, port))
        one = next(_number)
        here = f"{TRUNK_HOST}:{port}"
        to = f"<sip:{self.dialled}@{PBX_HOST}:{there[1]}>"
        shown = b'"' + self.name + b'" ' if self.name else b""
        us = shown + b"<sip:" + self.user + f"@{here}>;tag=raw{one}".encode()

        def request(method: str, cseq: int, to: str, body: str = "") -> bytes:
            head = [
                f"{method} sip:{self.dialled}@{PBX_HOST}:{there[1]} SIP/2.0",
                f"Via: SIP/2.0/UDP {here};branch=z9hG4bK-raw-{one}-{method}-{cseq}",
                f"To: {to}",
                f"Call-ID: raw-{one}-{port}@lab",
                f"CSeq: {cseq} {method}",
                f"Contact: <sip:raw@{here}>",
                "Max-Forwards: 70",
                *(self.headers if method == "INVITE" else ()),
                *(["Content-Type: application/sdp"] if body else []),
                f"Content-Length: {len(body)}",
            ]
            return "\r\n".join(head).encode() + b"\r\nFrom: " + us + b"\r\n\r\n" + body.encode()

        sdp = f"v=0\r\no=- 1 1 IN IP4 {TRUNK_HOST}\r\ns=-\r\nc=IN IP4 {TRUNK_HOST}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        try:
            transport.sendto(request("INVITE", 1, to, sdp), there)
            async with asyncio.timeout(5):
                while (status := _status(answer := await wire.heard.get())) < 200:
                    pass
            to = _header(answer, b"To").decode(errors="replace")
            if self.acknowledges:
                transport.sendto(request("ACK", 1, to), there)
            if status != 200:
                return status
            talk = asyncio.create_task(self._speak(transport, (PBX_HOST, _audio_port(answer))))
            try:
                heard = await self._bye(wire, patience)
            finally:
                talk.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await talk
            if heard is None:
                transport.sendto(request("BYE", 2, to), there)
                await asyncio.wait_for(wire.heard.get(), 2)
                return status
            self.ended_by_pbx = True
            names = (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
            lines = [b"SIP/2.0 200 OK", *(name + b": " + _header(heard, name) for name in names), b"Content-Length: 0"]
            transport.sendto(b"\r\n".join(lines) + b"\r\n\r\n", there)
            return status
        finally:
            transport.close()

    async def _bye(self, wire: _Wire, patience: float) -> bytes | None:
        """The PBX's BYE; None when it is for us to hang up."""
        hearing, leaving = asyncio.create_task(_first_bye(wire)), asyncio.create_task(self._leaves.wait())
        try:
            await asyncio.wait((hearing, leaving), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            return hearing.result() if hearing.done() else None
        finally:
            hearing.cancel()
            leaving.cancel()

    async def _speak(self, transport: asyncio.DatagramTransport, there: tuple[str, int]) -> None:
        await self.speaks.wait()
        for packet in itertools.count(1):
            header = b"\x80\x00" + (packet & 0xFFFF).to_bytes(2, "big") + (packet * 160 & 0xFFFFFFFF).to_bytes(4, "big")
            transport.sendto(header + b"call" + b"\xff" * 160, there)
            await asyncio.sleep(PACKET)


async def _first_bye(wire: _Wire) -> bytes:
    while not (heard := await wire.heard.get()).startswith(b"BYE"):
        pass
    return heard


def _audio_port(answer: bytes) -> int:
    """Where the answer's SDP wants audio."""
    return int(answer.partition(b"m=audio ")[2].split(b" ", 1)[0])


def _status(message: bytes) -> int:
    return int(message.split(b" ", 2)[1]) if message.startswith(b"SIP/2.0 ") else 0


def _header(message: bytes, name: bytes) -> bytes:
    for line in message.split(b"\r\n"):
        if line.lower().startswith(name.lower() + b":"):
            return line.partition(b":")[2].strip()
    return b""
