"""Keys that Asterisk reports twice: the reports are those of real calls to version 22, with what its log of DTMF says of them."""

from __future__ import annotations

import json

import pytest

from callbridge.core.model.events import DigitPressed
from callbridge.wire.ari.events import read
from callbridge.wire.ari.keys import RepeatedKeys, ReportedKey

PROMPT_ENDS = "-"
Reports = list[tuple[float, str]]


def typed(reports: Reports, lasted: float = 0.16) -> str:
    """What is left of these reports of one channel, at these seconds of the PBX's clock."""
    keys, left = RepeatedKeys(), ""
    for at, what in reports:
        if what == PROMPT_ENDS:
            keys.prompt_ended("one", at + 100.0)
        elif not keys.repeats("one", ReportedKey(digit=what, lasted=lasted, said_at=at, at=at + 100.0)):
            left += what
    return left


@pytest.mark.parametrize(
    ("reports", "left"),
    [
        # Keys of 160 ms, 200 ms apart; the prompt ends while the second is pressed, which is "emulated" until 54.668.
        (
            [(54.310, "1"), (54.483, PROMPT_ENDS), (54.507, "0"), (54.708, "0"), (54.724, "0"), (54.908, "5"), (56.069, "1")],
            "10051",
        ),
        # The phone was stopped for 400 ms: two keys in one burst, and both that were put back are reported again.
        (
            [(55.067, "1"), (55.070, PROMPT_ENDS), (55.510, "0"), (55.510, "0"), (55.716, "0"), (55.716, "5"), (55.921, "5")],
            "1005",
        ),
        # The phone was late: the first two come while the prompt is played, and the third is the first to be drawn out.
        (
            [(26.993, "1"), (26.995, "0"), (26.996, PROMPT_ENDS), (27.123, "0"), (27.323, "5"), (27.330, "5"), (28.391, "1")],
            "10051",
        ),
        # The second key's beginning came after the prompt: it was not drawn out, but the third was.
        (
            [(50.686, "1"), (50.700, PROMPT_ENDS), (50.885, "0"), (51.082, "0"), (51.283, "5"), (51.302, "5"), (52.202, "1")],
            "10051",
        ),
        # No prompt: the beginning of the first 0 came 40 ms after the 8, whose end had come late.
        (
            [
                (51.901, "*"),
                (52.102, "2"),
                (52.321, "8"),
                (52.501, "0"),
                (52.701, "0"),
                (52.722, "0"),
                (52.901, "#"),
                (52.927, "#"),
            ],
            "*2800#",
        ),
        # No prompt: the PBX was late, and everything after the first key is drawn out.
        (
            [
                *[(9.138, "*"), (9.251, "2"), (9.450, "1"), (9.468, "1"), (9.654, "0"), (9.708, "0"), (9.876, "0"), (9.915, "0")],
                *[(10.060, "7"), (10.121, "7"), (10.251, "#"), (10.326, "#")],
            ],
            "*21007#",
        ),
    ],
    ids=[
        *["the second is drawn out", "in bursts", "the phone is late", "the third is drawn out"],
        *["40 ms after another", "the PBX is late"],
    ],
)
def test_a_key_that_asterisk_put_back_counts_once(reports: Reports, left: str) -> None:
    assert typed(reports) == left


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize(("lasted", "pause"), [(0.16, 0.04), (0.1, 0.1), (0.05, 0.05), (0.3, 0.05)])
def test_the_same_key_pressed_again_and_again_counts_each_time(prompt: bool, lasted: float, pause: float) -> None:
    reports = [(n * (lasted + pause), "7") for n in range(10)]
    assert typed([*([(-0.01, PROMPT_ENDS)] if prompt else []), *reports], lasted) == "7" * 10


def test_the_shortest_keys_and_pauses_that_receivers_must_tell_apart_count_each_time() -> None:
    """40 ms each (ITU-T Q.24)."""
    assert typed([(n * 0.08, "7") for n in range(10)], 0.04) == "7" * 10


def test_keys_in_a_burst_that_are_not_put_back_count_each_time() -> None:
    assert typed([(1.0, "0"), (1.0, "0"), (1.0, "0")]) == "000"


def test_another_key_or_one_pressed_for_another_time_is_no_repetition() -> None:
    keys = RepeatedKeys()
    keys.prompt_ended("one", 0.95)
    first = [ReportedKey(digit="0", lasted=0.16, said_at=at, at=at) for at in (1.0, 1.2)]
    assert [keys.repeats("one", key) for key in first] == [False, False]
    assert not keys.repeats("one", ReportedKey(digit="0", lasted=0.1, said_at=1.22, at=1.22))
    assert not keys.repeats("other", ReportedKey(digit="0", lasted=0.16, said_at=1.22, at=1.22))


def frame(kind: str, ms: int, more: dict[str, object]) -> str:
    channel = {"channel": {"id": "c1"}, "timestamp": f"2026-11-30T17:45:{54 + ms // 1000}.{ms % 1000:03}+0000"}
    return json.dumps({"type": kind, "application": "callbridge"} | channel | more)


def test_the_second_report_is_counted_and_is_no_event() -> None:
    keys, pressed = RepeatedKeys(), list[str]()
    ended: dict[str, object] = {"playback": {"id": "p1", "target_uri": "channel:c1", "state": "done"}}
    for ms, digit in [(310, "1"), (483, ""), (507, "0"), (708, "0"), (724, "0"), (908, "5")]:
        key: dict[str, object] = {"digit": digit, "duration_ms": 160}
        text = frame("ChannelDtmfReceived", ms, key) if digit else frame("PlaybackFinished", ms, ended)
        heard = read(text, pbx="pbx1", at=7.0 + ms / 1000, app="callbridge", keys=keys)
        assert heard.kind == ("ChannelDtmfReceived" if digit else "PlaybackFinished")
        pressed += [event.digit for event in heard.events if isinstance(event, DigitPressed)]
    assert pressed == ["1", "0", "0", "5"]


@pytest.mark.parametrize("odd", [{"duration_ms": "long"}, {"duration_ms": None}, {"timestamp": "now"}])
def test_a_report_without_its_times_always_counts(odd: dict[str, object]) -> None:
    keys = RepeatedKeys()
    text = frame("ChannelDtmfReceived", 0, {"digit": "1", "duration_ms": 160} | odd)
    assert [len(read(text, pbx="pbx1", at=7.0, app="callbridge", keys=keys).events) for _ in range(3)] == [1, 1, 1]
