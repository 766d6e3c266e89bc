"""A phone, or a trunk's caller, that writes SIP by hand: it answers whatever comes and can do what softphones do badly.

Rule of this file: many calls at once cost next to nothing, so that the PBX can be kept busy; no audio, no retransmissions,
loopback only. It says that it understands UPDATE, as phones do that let a PBX correct their display.
"""

import asyncio
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tests.lab.pbx import PBX_HOST, Pbx

_number = itertools.count(1)
_ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, REFER, NOTIFY"
_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")


@dataclass(slots=True, eq=False)
class Dialog:
    """One call of the phone. ``us`` and ``them``: From and To of its own requests."""

    call_id: str
    us: str
    them: str
    target: str
    cseq: int = 1


class RawPhone(asyncio.DatagramProtocol):
    """``user``: the endpoint, or the user part of From. ``name``: what From says besides."""

    def __init__(self, pbx: Pbx, user: str, host: str, port: int, name: str = "") -> None:
        self.pbx, self.user, self.name = pbx, user, name
        self.host, self.port = host, port
        self.incoming: list[Dialog] = []
        self.heard: list[str] = []
        """Every message that has come."""
        self._answers: dict[tuple[str, str], asyncio.Future[str]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, self.port))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._transport is not None
        self._transport.close()

    # What it does

    async def call(self, to: str, headers: Sequence[str] = ()) -> Dialog:
        """Call a number of the PBX, which must answer."""
        here, target = f"{self.host}:{self.port}", f"sip:{to}@{PBX_HOST}:{self.pbx.sip_port}"
        one = next(_number)
        shown = f'"{self.name}" ' if self.name else ""
        dialog = Dialog(f"phone-{one}-{self.port}@lab", f"{shown}<sip:{self.user}@{here}>;tag=phone{one}", f"<{target}>", target)
        answer = await self._invite(dialog, headers)
        dialog.them, dialog.target = _header(answer, "To"), _uri(_header(answer, "Contact"))
        self._send("ACK", dialog)
        return dialog

    async def invite_again(self, dialog: Dialog, headers: Sequence[str] = ()) -> None:
        """A re-INVITE, as of a trunk that has something new to say about its caller."""
        dialog.cseq += 1
        await self._invite(dialog, headers)
        self._send("ACK", dialog)

    async def transfer(self, customer: Dialog, consult: Dialog) -> None:
        """Attended: the other sides of two of our calls are joined."""
        replaces = f"{consult.call_id};to-tag={_tag(consult.them)};from-tag={_tag(consult.us)}"
        quoted = replaces.replace("@", "%40").replace(";", "%3B").replace("=", "%3D")
        customer.cseq += 1
        refer = f"Refer-To: <{_uri(consult.them)}?Replaces={quoted}>"
        status = _status(await self._ask("REFER", customer, (refer, f"Referred-By: <sip:{self.user}@{self.host}>")))
        assert status == 202, status

    async def hang_up(self, dialog: Dialog) -> None:
        dialog.cseq += 1
        await self._ask("BYE", dialog)

    async def _invite(self, dialog: Dialog, headers: Sequence[str]) -> str:
        answer = await self._ask("INVITE", dialog, (*headers, "Content-Type: application/sdp"), self._sdp())
        assert _status(answer) == 200, answer.partition("\r\n")[0]
        return answer

    async def _ask(self, method: str, dialog: Dialog, headers: Sequence[str] = (), body: str = "") -> str:
        key = dialog.call_id, f"{dialog.cseq} {method}"
        waiting = self._answers[key] = asyncio.get_running_loop().create_future()
        self._send(method, dialog, headers, body)
        try:
            return await asyncio.wait_for(waiting, 20)
        finally:
            del self._answers[key]

    def _send(self, method: str, dialog: Dialog, headers: Sequence[str] = (), body: str = "") -> None:
        head = (
            f"{method} {dialog.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK-{dialog.call_id.partition('@')[0]}-{method}-{dialog.cseq}",
            f"From: {dialog.us}",
            f"To: {dialog.them}",
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {dialog.cseq} {method}",
            "Max-Forwards: 70",
            *headers,
        )
        self._write(head, body)

    def _write(self, head: Sequence[str], body: str = "") -> None:
        assert self._transport is not None
        contact = f"Contact: <sip:{self.user}@{self.host}:{self.port}>"
        text = "\r\n".join((*head, contact, _ALLOW, f"Content-Length: {len(body)}", "", body))
        self._transport.sendto(text.encode(), (PBX_HOST, self.pbx.sip_port))

    def _sdp(self) -> str:
        return f"v=0\r\no=- 1 1 IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\nm=audio {self.port} RTP/AVP 0\r\n"

    # What it hears

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:1] in (b"\x80", b"\x00"):
            return  # audio
        message = data.decode(errors="replace")
        self.heard.append(message)
        if message.startswith("SIP/2.0 "):
            waiting = self._answers.get((_header(message, "Call-ID"), _header(message, "CSeq")))
            if waiting is not None and not waiting.done() and _status(message) >= 200:
                waiting.set_result(message)
            return
        method = message.partition(" ")[0]
        if method == "ACK":
            return
        copied = [f"{name}: {_header(message, name)}" for name in _COPIED]
        if method == "INVITE" and "tag=" not in _header(message, "To"):
            copied[2] = f"To: {self._offered(message).us}"
            self._write(("SIP/2.0 180 Ringing", *copied))
        if method == "INVITE":
            self._write(("SIP/2.0 200 OK", *copied, "Content-Type: application/sdp"), self._sdp())
        else:
            self._write(("SIP/2.0 200 OK", *copied))

    def _offered(self, invite: str) -> Dialog:
        """The call that comes with this INVITE, which the PBX repeats when this machine is slow."""
        call_id = _header(invite, "Call-ID")
        for known in self.incoming:
            if known.call_id == call_id:
                return known
        us = f"{_header(invite, 'To')};tag=phone{next(_number)}"
        self.incoming.append(Dialog(call_id, us, _header(invite, "From"), _uri(_header(invite, "Contact")), 100))
        return self.incoming[-1]


def _status(message: str) -> int:
    return int(message.split(" ", 2)[1])


def _header(message: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def _uri(value: str) -> str:
    return value.partition("<")[2].partition(">")[0]


def _tag(value: str) -> str:
    return value.partition(";tag=")[2].partition(";")[0]
