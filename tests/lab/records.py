"""Reads SIPp's logs of the wire into records: when did what happen to each call, and who ended it.

Rule of this file: times come from the log of messages sent and received, never from what a scenario
believes; a log may be read while SIPp is still writing it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call as its caller saw it. Times are epoch seconds."""

    name: str
    number: str
    dialled: str
    started_at: float
    answered_at: float | None = None
    ended_at: float | None = None
    ended_by: Literal["caller", "pbx"] | None = None
    final_code: int | None = None  # of the INVITE


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRecord:
    """One call as the called phone saw it. Times are epoch seconds."""

    call_id: str
    phone: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # of the INVITE, names in lower case
    cancel: Mapping[str, str] = field(default_factory=dict)  # the headers of the CANCEL
    invite_at: float
    ringing_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    ended_by: Literal["phone", "pbx"] | None = None
    outcome: Literal["ringing", "answered", "cancelled", "rejected"] = "ringing"
    code: int | None = None

    @property
    def caller_number(self) -> str:
        return self.headers.get("from", "").partition("sip:")[2].partition("@")[0]

    @property
    def caller_name(self) -> str:
        shown = self.headers.get("from", "").rpartition("<")[0].strip()
        quoted = len(shown) >= 2 and shown[0] == shown[-1] == '"'
        return shown[1:-1].replace('\\"', '"').replace("\\\\", "\\") if quoted else shown


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the log: a SIP message on the wire."""

    at: float
    sent: bool
    call_id: str
    method: str  # of the CSeq
    first: str

    @property
    def code(self) -> int | None:
        """The status of a response; None for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else None


class Tail:
    """The complete lines that a growing file has gained since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rest = b""
        self._offset = 0

    def lines(self) -> Iterator[str]:
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            log.seek(self._offset)
            data = self._rest + log.read()
            self._offset = log.tell()
        *whole, self._rest = data.split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")


def messages(tail: Tail) -> Iterator[Message]:
    for line in tail.lines():
        fields = line.split("\t", 6)
        if len(fields) == 7:
            _, _, at, way, call_id, cseq, first = fields
            yield Message(float(at), way == "S", call_id, cseq.split()[-1], first)


class Logged(Tail):
    """What a phone's scenario logs: a mark with a Call-ID, then the request. SIPp writes one after the other, so that either may
    be there without the rest when the log is read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._begun = ("", "")  # the mark and the Call-ID of a request that is not complete yet
        self._lines: list[str] = []

    def requests(self, *marks: str) -> Iterator[tuple[str, str, str, dict[str, str]]]:
        """Mark, call id, request URI and headers of each request that has become complete."""
        for line in self.lines():
            mark, call_id = self._begun
            if found := next((one for one in marks if line.startswith(one)), ""):
                self._begun, self._lines = (found, line.removeprefix(found).strip()), []
            elif call_id and line:
                self._lines.append(line)
            elif call_id and self._lines:  # the empty line after the headers
                yield mark, call_id, self._lines[0], _headers(self._lines[1:])
                self._begun = ("", "")


def _headers(lines: Sequence[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, _, value in (line.partition(":") for line in lines if ":" in line):
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return headers


def advance_call(record: CallRecord, message: Message) -> CallRecord:
    """The caller's record after one more message."""
    code = message.code
    if message.first.startswith(("BYE", "CANCEL")) and record.ended_at is None:
        by: Literal["caller", "pbx"] = "caller" if message.sent else "pbx"
        return replace(record, ended_at=message.at, ended_by=by)
    if message.sent or message.method != "INVITE" or code is None or code < 200 or record.final_code:
        return record
    record = replace(record, final_code=code)
    if code < 300:
        return replace(record, answered_at=message.at)
    return record if record.ended_at else replace(record, ended_at=message.at, ended_by="pbx")


def advance_phone(record: PhoneRecord, message: Message) -> PhoneRecord:
    """The phone's record after one more message."""
    code = message.code
    if message.first.startswith(("BYE", "CANCEL")) and record.ended_at is None:
        by: Literal["phone", "pbx"] = "phone" if message.sent else "pbx"
        cancelled = message.first.startswith("CANCEL") and record.answered_at is None
        outcome = "cancelled" if cancelled else record.outcome
        if cancelled or message.first.startswith("BYE"):
            return replace(record, ended_at=message.at, ended_by=by, outcome=outcome)
    if not message.sent or message.method != "INVITE" or code is None or record.code is not None:
        return record
    if code < 200:
        return replace(record, ringing_at=record.ringing_at or message.at)
    if code < 300:
        return replace(record, code=code, answered_at=message.at, outcome="answered")
    if record.outcome == "cancelled":
        return replace(record, code=code)
    return replace(record, code=code, ended_at=message.at, ended_by="phone", outcome="rejected")
