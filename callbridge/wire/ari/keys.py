"""Pressed keys that Asterisk reports twice.

Asterisk reports a key (ChannelDtmfReceived) whenever the end of a key is read from the channel. Where the beginning was not
accepted, it then lets the key last as long as it was pressed; a key that ends meanwhile, or within 45 ms, is put back, and is
read and reported again (``__ast_read`` in main/channel.c, 16 to 22). A beginning is not accepted during a prompt, or when it
comes in the same burst of packets as the end. So somebody whose phone dials "1005" into a prompt, which the first key stops,
would have typed "10005".

Which of two equal reports is a repetition is known from the times: it comes as soon as Asterisk may read again what it put
back, and earlier than the same key could have been released and pressed for as long again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KEY_GAP = 0.045
"""Seconds that Asterisk keeps between two keys (AST_MIN_DTMF_GAP)."""
SHORTEST = 0.08
"""Seconds that it lets a key last at least (AST_MIN_DTMF_DURATION)."""
EARLY, LATE = 0.01, 0.04
"""Seconds around the moment at which a key that was put back is read: timestamps are in ms, audio comes every 20 ms."""
PROMPT_ENDED = 0.3
"""Seconds by which the beginning of a key may be late: a prompt that ended so long before may still have been played then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedKey:
    """A key as it was reported. ``said_at``: by the PBX's clock; ``at``: by ours; ``lasted``: in seconds."""

    digit: str
    lasted: float
    said_at: float
    at: float


@dataclass(slots=True)
class _Channel:
    prompt_ended_at: float = float("-inf")
    last: ReportedKey | None = None
    drawn_out: bool = False
    """Whether Asterisk may have let the last key last for as long as it was pressed after its report."""
    put_back: list[ReportedKey] = field(default_factory=list)
    """Which may be reported again, in this order."""


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
        if known.last is not None and known.put_back and _is_repetition(known, known.last, key):
            known.put_back.pop(0)
            known.last, known.drawn_out = key, True
            return True
        if known.last is not None and key.said_at < _until(known, known.last, key) + KEY_GAP:
            known.put_back.append(key)
            return False
        began_at = key.at - key.lasted - PROMPT_ENDED
        known.last, known.drawn_out, known.put_back = key, known.prompt_ended_at >= began_at, []
        return False

    def forget(self, channel: str) -> None:
        self._channels.pop(channel, None)

    def clear(self) -> None:
        self._channels.clear()


def _until(known: _Channel, last: ReportedKey, key: ReportedKey) -> float:
    """Until when Asterisk may have let the last key last, when this one ended."""
    if known.drawn_out:
        return last.said_at + max(last.lasted, SHORTEST)
    in_a_burst = key.said_at - last.said_at < key.lasted  # it began before the last one ended
    return last.said_at + SHORTEST if in_a_burst else float("-inf")


def _is_repetition(known: _Channel, last: ReportedKey, key: ReportedKey) -> bool:
    first = known.put_back[0]
    if (first.digit, first.lasted) != (key.digit, key.lasted):
        return False
    until = _until(known, last, first)
    soonest = (until if known.drawn_out else last.said_at) + KEY_GAP - EARLY
    latest = max(until + KEY_GAP + LATE, first.said_at + first.lasted)
    return soonest <= key.said_at <= latest
