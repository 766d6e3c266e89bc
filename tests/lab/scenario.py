"""Writes SIPp scenarios: a caller's or a phone's whole behaviour as one XML text.

Rule of this file: everything that waits goes through `Scenario.wait`, which also answers whatever the
PBX sends meanwhile; a plain SIPp pause would take a BYE or a re-INVITE for an error.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from tests.lab import dtmf

TICK_MS = 25  # the step of variable waits
FAILURES = (
    *(300, 302, 400, 401, 403, 404, 405, 408, 410, 415, 420, 480, 481, 484, 486, 487, 488, 491),
    *(500, 501, 502, 503, 504, 600, 603, 604, 606),
)


@dataclass(frozen=True, slots=True)
class Talk:
    """Say nothing in SIP for so many seconds; with two values, a random time between them."""

    seconds: float
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys, as RTP events or as SIP INFO."""

    digits: str
    info: bool = False
    gap: float = 0.3


@dataclass(frozen=True, slots=True)
class Hold:
    """Put the other side on hold by re-INVITE, and come back."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send the other side to a number by REFER (blind), then hang up."""

    to: str
    linger: float = 0.5


Step = Talk | Press | Hold | Transfer


@dataclass(frozen=True, slots=True)
class Dialog:
    """The headers of our own requests within the dialog."""

    us: str
    them: str


PHONE = Dialog(us="[$us];tag=[pid]p[call_number]", them="[$them]")
INVITE_BRANCH = "z9hG4bK-[pid]-[call_number]-invite"
VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch="
ECHOED = ("[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]")


def sdp(direction: str = "sendrecv", version: int = 1, port: str = "media_port") -> list[str]:
    return [
        "v=0",
        f"o=lab 1 {version} IN IP[local_ip_type] [local_ip]",
        "s=-",
        "c=IN IP[media_ip_type] [media_ip]",
        "t=0 0",
        f"m=audio [{port}] RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        f"a={direction}",
    ]


class Scenario:
    """A scenario that grows line by line."""

    def __init__(self, dialog: Dialog, user: str, audio: Path | None = None) -> None:
        self.dialog = dialog
        self.contact = f"Contact: <sip:{user}@[local_ip]:[local_port]>"
        self.audio = audio
        self.media_port = "rtpstream_audio_port" if audio else "media_port"
        self.files: dict[str, bytes] = {}  # to stand beside the scenario
        self._pressed = 1.0  # seconds of the stream of pressed keys that are over
        self._lines: list[str] = []
        self._labels = itertools.count(1)
        self._cseq = itertools.count(101)
        self._variables: set[str] = set()

    def finished(self, name: str) -> dict[str, bytes]:
        """The files that SIPp needs, `scenario.xml` among them."""
        return self.files | {"scenario.xml": self._text(name).encode()}

    def _text(self, name: str) -> str:
        # SIPp refuses a variable that is mentioned only once.
        used = ",".join(sorted(self._variables))
        tail = [f'<Reference variables="{used}"/>'] if used else []
        head = ['<?xml version="1.0" encoding="UTF-8" ?>', f'<scenario name="{name}">']
        return "\n".join([*head, *self._lines, *tail, "</scenario>", ""])

    # Bricks

    def new_label(self) -> str:
        return f"l{next(self._labels)}"

    def label(self, name: str) -> None:
        self._lines.append(f'<label id="{name}"/>')

    def send(self, head: Sequence[str], body: Sequence[str] = (), kind: str = "", **attributes: str) -> None:
        """Send a message; its length is filled in."""
        length = "Content-Length: [len]" if body else "Content-Length: 0"
        types = [f"Content-Type: {kind or 'application/sdp'}"] if body else []
        message = "\n".join([*head, *types, length, "", *body])
        self._lines.append(f"<send{_attributes(attributes)}><![CDATA[\n\n{message}\n\n]]></send>")

    def recv(self, *actions: str, **attributes: str) -> None:
        """Receive a message; only actions given here can read it (in a nop, ereg crashes SIPp)."""
        inner = f"<action>{''.join(actions)}</action>" if actions else ""
        self._lines.append(f"<recv{_attributes(attributes)}>{inner}</recv>")

    def do(self, *actions: str, **attributes: str) -> None:
        inner = f"<action>{''.join(actions)}</action>" if actions else ""
        self._lines.append(f"<nop{_attributes(attributes)}>{inner}</nop>")

    def jump(self, label: str) -> None:
        self.do(next=label)

    def uses(self, *variables: str) -> None:
        self._variables.update(variables)

    def reply(self, code: int, reason: str, body: Sequence[str] = (), **attributes: str) -> None:
        """Answer the request that came last."""
        self.send([f"SIP/2.0 {code} {reason}", *ECHOED, self.contact], body, **attributes)

    def request(self, method: str, *more: str, body: Sequence[str] = (), kind: str = "", **attributes: str) -> None:
        """Send a request of ours within the dialog."""
        cseq = next(self._cseq)
        self.send(self._request(method, cseq, *more), body, kind, **attributes)

    def _request(self, method: str, cseq: int, *more: str) -> list[str]:
        return [
            f"{method} [next_url] SIP/2.0",
            f"{VIA}[branch]",
            f"From: {self.dialog.us}",
            f"To: {self.dialog.them}",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            self.contact,
            *more,
        ]

    # Waiting

    def wait(self, milliseconds: int, *, gone: str, also: dict[str, str] | None = None) -> None:
        """Stay for a fixed time, answering what comes; a BYE goes on at `gone`."""
        here, over = self.new_label(), self.new_label()
        offer, other = self.new_label(), self.new_label()
        ways = {"BYE": gone, "INVITE": offer, "UPDATE": offer, **(also or {})}
        ways |= dict.fromkeys(("INFO", "NOTIFY", "OPTIONS", "REFER", "MESSAGE"), other)
        timing = {"timeout": str(milliseconds), "ontimeout": over}
        self.label(here)
        for method, label in ways.items():
            self.recv(request=method, optional="true", next=label, **timing)
        self.recv(request="ACK", next=here, **timing)
        self.label(offer)
        self.reply(200, "OK", sdp(port=self.media_port), next=here)
        self.label(other)
        self.reply(200, "OK", next=here)
        self.label(over)

    def wait_variable(self, variable: str, most: int, *, gone: str, also: dict[str, str] | None = None) -> None:
        """Stay for the milliseconds in a variable, at most so many, bit by bit: SIPp knows only fixed time-outs.

        The many small steps make it some 20 to 30 ms longer. No more bits than needed: SIPp reads a scenario in a time that grows
        with the square of its length: 16 bits took it 0.06 s of processor time for every caller.
        """
        self.uses(variable, "shorter")
        for bit in reversed(range(max(1, (most // TICK_MS).bit_length()))):  # SIPp refuses a variable that is never set
            part, skip = TICK_MS << bit, self.new_label()
            self.do(
                f'<test assign_to="shorter" variable="{variable}" compare="less_than" value="{part}"/>',
                test="shorter",
                next=skip,
            )
            self.do(f'<subtract assign_to="{variable}" value="{part}"/>')
            self.wait(part, gone=gone, also=also)
            self.label(skip)

    def wait_random(self, least: float, most: float, *, gone: str, also: dict[str, str] | None = None) -> None:
        bounds = f'min="{round(least * 1000)}" max="{round(most * 1000)}"'
        self.do(f'<sample assign_to="left" distribution="uniform" {bounds}/>')
        self.wait_variable("left", round(most * 1000), gone=gone, also=also)

    # What a person does

    def start_audio(self) -> None:
        if self.audio:
            self.do(f'<exec rtp_stream="{self.audio},-1,0,PCMU/8000"/>')

    def steps(self, steps: Sequence[Step], *, gone: str) -> None:
        for step in steps:
            match step:
                case Talk(seconds, None):
                    self.wait(round(seconds * 1000), gone=gone)
                case Talk(least, float(most)):
                    self.wait_random(least, most, gone=gone)
                case Press():
                    self._press(step, gone)
                case Hold(seconds):
                    self._offer("sendonly", 2, gone)
                    self.wait(round(seconds * 1000), gone=gone)
                    self._offer("sendrecv", 3, gone)
                case Transfer():
                    self._transfer(step, gone)
                case _:
                    raise TypeError(f"not a step: {step}")

    def hang_up(self) -> None:
        self.request("BYE", retrans="500")
        done = self.new_label()
        for code in (481, 500):
            self.recv(response=str(code), optional="true", next=done, timeout="4000", ontimeout=done)
        # Their BYE may cross ours.
        crossed = self.new_label()
        self.recv(request="BYE", optional="true", next=crossed, timeout="4000", ontimeout=done)
        self.recv(response="200", next=done, timeout="4000", ontimeout=done)
        self.label(crossed)
        self.reply(200, "OK")
        self.label(done)

    def _press(self, press: Press, gone: str) -> None:
        if press.info:
            for digit in press.digits:
                body = [f"Signal={digit}", "Duration=160"]
                self.request("INFO", body=body, kind="application/dtmf-relay", retrans="500")
                self._expect_200(gone)
                self.wait(round(press.gap * 1000), gone=gone)
            return
        name, seconds = f"keys-{len(self.files) + 1}.pcap", len(press.digits) * press.gap
        self.files[name] = dtmf.capture(press.digits, press.gap, self._pressed)
        self._pressed += seconds + 1
        self.do(f'<exec play_pcap_audio="{name}"/>')
        self.wait(round(seconds * 1000), gone=gone)

    def _offer(self, direction: str, version: int, gone: str) -> None:
        cseq = next(self._cseq)
        self.send(self._request("INVITE", cseq), sdp(direction, version, self.media_port), retrans="500")
        self.recv(response="100", optional="true")
        self._expect_200(gone)
        self.send(self._request("ACK", cseq))

    def _transfer(self, transfer: Transfer, gone: str) -> None:
        target = f"Refer-To: <sip:{transfer.to}@[remote_ip]:[remote_port]>"
        self.request("REFER", target, f"Referred-By: {self.dialog.us}", retrans="500")
        refused = self.new_label()
        self.recv(response="603", optional="true", next=refused)
        self._expect_200(gone, code=202)
        self.label(refused)
        self.wait(round(transfer.linger * 1000), gone=gone)

    def _expect_200(self, gone: str, code: int = 200) -> None:
        self.recv(request="BYE", optional="true", next=gone)
        self.recv(response=str(code))


def _attributes(attributes: dict[str, str]) -> str:
    return "".join(f' {name}="{escape(value, {chr(34): "&quot;"})}"' for name, value in attributes.items())


def literal(text: str) -> str:
    """Any text as a SIPp message part: what SIPp or XML would read is given by number."""
    plain = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .-_+")
    return "".join(c if c in plain else "".join(f"\\x{b:02x}" for b in c.encode()) for c in text)
