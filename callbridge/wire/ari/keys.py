"""Pressed keys that Asterisk reports twice.

Asterisk reports a key (ChannelDtmfReceived) whenever the end of a key is read from the channel. Where the beginning was not
accepted, it lets the key last as long as it was pressed; a key that ends meanwhile, or within 45 ms, is put back, and is read and
reported again (``__ast_read`` in main/channel.c, 16 to 22). A beginning is not accepted while a prompt is played, and within
45 ms of the key before: phones that dial by themselves leave 40 to 60 ms between keys, and a late packet or a busy PBX does the
rest. So somebody whose phone dials "1005" would have typed "10005".

Which of two equal reports is a repetition is known from the times: it comes as soon as Asterisk may read again what it put
back, and earlier than the same key could have been released and pressed for as long again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KEY_GAP = 0.045
"""Seconds that Asterisk keeps between two keys (AST_MIN_DTMF_GAP)."""
SHORTEST = 0.08
"""Seconds that it lets a key last at least (AST_MIN_DTMF_DURATION)."""
EARLY, LATE = 0.01, 0.03
"""Seconds around the moment at which a key that was put back is read: timestamps are in ms, audio comes every 20 ms."""
BEGAN_LATER = 0.03
"""Seconds by which a key may have begun later than its length says, which counts whole packets of 20 ms."""
PROMPT_ENDED = 0.3
"""Seconds by which the beginning of a key may be late: a prompt that ended so long before may still have been played then."""
FORGOTTEN = 2.0
"""Seconds after which a report has no repetition any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedKey:
    """A key as it was reported. ``said_at``: by the PBX's clock; ``at``: by ours; ``lasted``: in seconds."""

    digit: str
    lasted: float
    said_at: float
    at: float


@dataclass(slots=True)
class _Report:
    key: ReportedKey
    drawn_out: bool
    """Whether Asterisk may have let it last for as long as it was pressed, beginning with the report."""
    repeated: bool = False
    """Whether it is a repetition, or has one."""

    @property
    def next_read_at(self) -> float:
        """When Asterisk goes on to read keys, if it was drawn out."""
        return self.key.said_at + max(self.key.lasted, SHORTEST) + KEY_GAP


@dataclass(slots=True)
class _Channel:
    prompt_ended_at: float = float("-inf")
    reports: list[_Report] = field(default_factory=list)


class RepeatedKeys:
    """Of all channels of one PBX."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}

    def prompt_ended(self, channel: str, at: float) -> None:
        """``at``: by our clock, for ARI gives no time for it."""
        self._channels.setdefault(channel, _Channel()).prompt_ended_at = at

    def repeats(self, channel: str, key: ReportedKey) -> bool:
        """Whether this is the second report of a key that was pressed once."""
        known = self._channels.setdefault(channel, _Channel())
        known.reports = [one for one in known.reports if key.said_at - one.key.said_at < FORGOTTEN]
        first = _first_report(known.reports, key)
        if first is not None:
            first.repeated = True
            known.reports.append(_Report(key, drawn_out=True, repeated=True))
            return True
        prompted = known.prompt_ended_at >= key.at - key.lasted - PROMPT_ENDED
        known.reports.append(_Report(key, drawn_out=prompted or _follows_closely(known.reports, key)))
        return False

    def forget(self, channel: str) -> None:
        self._channels.pop(channel, None)

    def clear(self) -> None:
        self._channels.clear()


def _follows_closely(reports: list[_Report], key: ReportedKey) -> bool:
    """Whether it may have begun within Asterisk's gap after the key before."""
    return bool(reports) and key.said_at - key.lasted < reports[-1].key.said_at + KEY_GAP + BEGAN_LATER


def _first_report(reports: list[_Report], key: ReportedKey) -> _Report | None:
    """The report that this one repeats."""
    for index, first in enumerate(reports):
        if first.repeated or (first.key.digit, first.key.lasted) != (key.digit, key.lasted):
            continue
        ended_at = first.key.said_at
        for before in reports[:index]:
            again_at = before.next_read_at
            put_back = before.drawn_out and ended_at < again_at
            if put_back and again_at - EARLY <= key.said_at <= max(again_at + LATE, ended_at + key.lasted):
                return first
    return None
