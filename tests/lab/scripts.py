"""The two scripts of the lab's SIPp: someone who calls, and a phone that is called.

Rule of this file: a script is data; what it means in SIP is written here once, as a scenario whose
every end is reached in order, so that SIPp itself never has to improvise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.lab.scenario import (
    FAILURES,
    INVITE_BRANCH,
    PHONE,
    VIA,
    Dialog,
    Scenario,
    Step,
    Talk,
    literal,
    sdp,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerScript:
    """What all callers of one process do; when each hangs up is said call by call."""

    cancel_after: float = 60.0  # seconds without an answer; one that comes first wins
    steps: Sequence[Step] = ()
    display: str = ""
    audio: str | None = None  # a tone's name


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneScript:
    """What a phone does with every call that it gets."""

    trying: float = 0.0  # seconds of 100 before the 180
    ring: float | tuple[float, float] = 0.2  # seconds of 180 before the reply
    reply: int | None = 200  # None rings for ever
    steps: Sequence[Step] = ()  # what happens after the answer
    hangs_up: bool = False  # after the steps; else the phone waits for the BYE
    audio: str | Path | None = None
    codec: Literal["ulaw", "g729"] | None = "ulaw"  # None answers without SDP; the PBX has no g729

    @classmethod
    def answers(
        cls, ring: float = 0.2, talk: float | tuple[float, float] | None = None, audio: str | None = None
    ) -> "PhoneScript":
        """Answers; hangs up first after `talk` seconds, else last."""
        match talk:
            case None:
                return cls(ring=ring, audio=audio)
            case (least, most):
                return cls(ring=ring, audio=audio, steps=[Talk(least, most)], hangs_up=True)
            case seconds:
                return cls(ring=ring, audio=audio, steps=[Talk(seconds)], hangs_up=True)

    @classmethod
    def rejects(cls, code: int = 486, ring: float = 0.1) -> "PhoneScript":
        return cls(ring=ring, reply=code)

    @classmethod
    def rings_out(cls) -> "PhoneScript":
        return cls(reply=None)


INVITE_MARK, CANCEL_MARK = "--- INVITE ", "--- CANCEL "
_LOG = f'<log message="{INVITE_MARK}[call_id]"/><log message="[last_message]"/>'
FOREVER_MS = 3_600_000
SILENCE_MS = 32_000  # after which a request that nobody answers is given up
REASONS = {
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 480: "Unavailable", 486: "Busy Here",
    488: "Not Acceptable Here", 503: "Unavailable", 603: "Decline",
}  # fmt: skip


def caller(script: CallerScript, audio: Path | None, most: int | None) -> dict[str, bytes]:
    """CSV fields: number, dialled, name, milliseconds of patience after the answer, of which the longest is ``most``; None when
    nobody hangs up first."""
    display = f'"{literal(_quoted(script.display))}" ' if script.display else ""
    us = f"{display}<sip:[field0]@[local_ip]:[local_port]>;tag=[pid]c[call_number]"
    them = "<sip:[field1]@[remote_ip]:[remote_port]>"
    s = Scenario(Dialog(us=us, them=them + "[peer_tag_param]"), "[field0]", audio)
    answered, failed, gone = "answered", "failed", "gone"
    named = ["Call-ID: [call_id]", "Max-Forwards: 70", "X-Call-Name: [field2]", s.contact]

    def opening(method: str, to: str = f"To: {them}") -> list[str]:
        """A request outside or at the edge of the dialog: same address and branch as the INVITE."""
        line = f"{method} sip:[field1]@[remote_ip]:[remote_port] SIP/2.0"
        return [line, VIA + INVITE_BRANCH, f"From: {us}", to, f"CSeq: 1 {method}", *named]

    # Not sent again: while SIPp repeats a request it obeys no time-out, and nobody could hang up.
    s.send(opening("INVITE"), sdp(port=s.media_port))
    patience = round(script.cancel_after * 1000)
    _await_answer(s, patience, answered, failed, "unheard", provisional="heard")
    # A PBX that has said nothing may not be sent a CANCEL yet (RFC 3261, 9.1): Asterisk would refuse it.
    s.label("unheard")
    _await_answer(s, SILENCE_MS, "crossed", failed, "end", provisional="cancel")
    s.label("heard")
    _await_answer(s, patience, answered, failed, "cancel")
    s.label("cancel")
    s.send(opening("CANCEL"))
    _await_cancelled(s, "crossed", failed)
    s.label(failed)
    s.send(opening("ACK", "[last_To:]"), next="end")
    s.label("crossed")
    _acknowledge(s)
    s.jump("bye")
    s.label(answered)
    _acknowledge(s)
    s.start_audio()
    s.steps(script.steps, gone=gone)
    if most is None:
        s.wait(FOREVER_MS, gone=gone)
    else:
        s.do('<assignstr assign_to="text" value="[field3]"/>', '<todouble assign_to="left" variable="text"/>')
        s.uses("text", "left")
        s.wait_variable("left", most, gone=gone)
    s.label("bye")
    s.hang_up()
    s.jump("end")
    s.label(gone)
    s.reply(200, "OK")
    s.label("end")
    s.do()
    return s.finished("caller")


def _await_answer(s: Scenario, milliseconds: int, answered: str, failed: str, late: str, provisional: str | None = None) -> None:
    timing = {"timeout": str(milliseconds), "ontimeout": late}
    _expect_others(s, timing, failed, {"next": provisional} if provisional else {})
    s.recv(response="200", rrs="true", next=answered, **timing)


def _await_cancelled(s: Scenario, crossed: str, failed: str) -> None:
    """Two answers are to come, in either order, and a 200 does not say to SIPp which of them it is."""
    timing = {"timeout": "5000", "ontimeout": "end"}
    which = '<ereg regexp="CANCEL" search_in="hdr" header="CSeq:" assign_to="confirmed"/>'
    s.uses("confirmed")
    # Optional, for SIPp takes whatever resembles an earlier mandatory message as its repetition.
    s.recv(which, response="200", optional="true", rrs="true", next="which", **timing)
    _expect_others(s, timing, failed, {})
    s.recv(response="699", **timing)
    s.label("which")
    s.do(test="confirmed", next="confirmed")
    s.jump(crossed)
    s.label("confirmed")
    _await_answer(s, 5000, crossed, failed, "end")


def _expect_others(s: Scenario, timing: dict[str, str], failed: str, provisional: dict[str, str]) -> None:
    for code in (100, 180, 181, 182, 183):
        s.recv(response=str(code), optional="true", **timing, **provisional)
    for code in FAILURES:
        s.recv(response=str(code), optional="true", next=failed, **timing)


def _acknowledge(s: Scenario) -> None:
    head = ["ACK [next_url] SIP/2.0", f"{VIA}[branch]", f"From: {s.dialog.us}", f"To: {s.dialog.them}"]
    s.send([*head, "Call-ID: [call_id]", "CSeq: 1 ACK", "Max-Forwards: 70", s.contact])


def phone(script: PhoneScript, audio: Path | None) -> dict[str, bytes]:
    s = Scenario(PHONE, "[$user]", audio)
    kept = {"us": "To:", "them": "From:", "via": "Via:", "cseq": "CSeq:"}
    user = '<ereg regexp="sip:([^@]*)@" search_in="msg" assign_to="whole,user"/>'
    keep = [_keep(header, name) for name, header in kept.items()]
    s.recv(*keep, user, request="INVITE", rrs="true")
    s.do(_LOG)
    s.uses(*kept, "whole", "user")
    way = {"CANCEL": "cancelled"}
    if script.trying:
        _respond(s, 100, "Trying")
        s.wait(round(script.trying * 1000), gone="gone", also=way)
    _respond(s, 180, "Ringing")
    match script.ring:
        case _ if script.reply is None:
            s.wait(FOREVER_MS, gone="gone", also=way)
        case (least, most):
            s.uses("left")
            s.wait_random(least, most, gone="gone", also=way)
        case seconds if seconds > 0:
            s.wait(round(seconds * 1000), gone="gone", also=way)
    if script.reply == 200:
        _answer(s, script)
    else:
        _respond(s, script.reply or 480, REASONS.get(script.reply or 480, "Refused"), retrans="500")
        s.recv(request="CANCEL", optional="true", timeout="5000", ontimeout="end")
        s.recv(request="ACK", next="end", timeout="5000", ontimeout="end")
    s.label("cancelled")
    s.do(f'<log message="{CANCEL_MARK}[call_id]"/><log message="[last_message]"/>')
    s.reply(200, "OK")
    _respond(s, 487, "Request Terminated", retrans="500")
    s.recv(request="ACK", next="end", timeout="5000", ontimeout="end")
    s.label("gone")
    s.reply(200, "OK")
    s.label("end")
    s.do()
    return s.finished("phone")


def _answer(s: Scenario, script: PhoneScript) -> None:
    """Answer, do the steps, and end the call or wait for its end."""
    timing = {"timeout": "5000", "ontimeout": "bye"}
    body = sdp(port=s.media_port) if script.codec else []
    if script.codec == "g729":
        body = [line.replace("RTP/AVP 0 ", "RTP/AVP 18 ") for line in body if "PCMU" not in line]
    _respond(s, 200, "OK", body=body, retrans="500")
    s.label("answered")
    s.recv(request="CANCEL", optional="true", next="too-late", **timing)
    s.recv(request="BYE", optional="true", next="gone", **timing)
    s.recv(request="ACK", next="talking", **timing)
    s.label("too-late")
    s.reply(200, "OK", next="answered")
    s.label("talking")
    s.start_audio()
    s.steps(script.steps, gone="gone")
    if not script.hangs_up:
        s.wait(FOREVER_MS, gone="gone")
    s.label("bye")
    s.hang_up()
    s.jump("end")


def _respond(s: Scenario, code: int, reason: str, body: Sequence[str] = (), **attributes: str) -> None:
    """Answer the INVITE, also when something else came since."""
    head = [f"SIP/2.0 {code} {reason}", "Via:[$via]", "From:[$them]", f"To:{PHONE.us}", "Call-ID: [call_id]"]
    s.send([*head, "CSeq:[$cseq]", s.contact], body, **attributes)


def _keep(header: str, variable: str) -> str:
    return f'<ereg regexp=".*" search_in="hdr" header="{header}" assign_to="{variable}"/>'


def _quoted(display: str) -> str:
    return display.replace("\\", "\\\\").replace('"', '\\"')
