from __future__ import annotations

import io
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

import pytest
import structlog

from callbridge.adapters.facts.privacy import label, mask
from callbridge.adapters.logs.log import Drain, FactLog, configure
from callbridge.adapters.views.timelines import Timelines
from callbridge.core.model.facts import CallArrived, CallEnded, CallTransferred, EntityQuarantined
from tests.adapters.waiting import HANGS


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = io.StringIO()
    configure(stream=made)
    yield made
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def arrived(name: str = "Ann", number: str = "+442079460123", call: str = "c1", at: float = 5.0) -> CallArrived:
    return CallArrived(
        seq=1,
        at=at,
        call=call,
        queue="q",
        leg="p/1",
        entry="e",
        tier="gold",
        number=number,
        name=name,
        uniqueid="1.1",
        linkedid="1.1",
    )


def test_a_fact_is_one_line_with_its_values_in_fields(stream: io.StringIO) -> None:
    FactLog(stream=stream).on_facts([arrived()], inbox_depth=3, event_age=0.25)
    (line,) = lines(stream)
    assert line["event"] == "call_arrived"
    assert (line["call"], line["queue"], line["tier"], line["inbox_depth"], line["event_age"]) == ("c1", "q", "gold", 3, 0.25)
    assert (line["pii.number"], line["pii.name"]) == ("+44*****123", "*****")
    assert "2079460" not in stream.getvalue()
    assert "number" not in line


def test_numbers_are_plain_by_request(stream: io.StringIO) -> None:
    FactLog(stream=stream, mask=False).on_facts([arrived()])
    assert lines(stream)[0]["pii.number"] == "+442079460123"


def test_the_target_of_a_transfer_is_personal_too(stream: io.StringIO) -> None:
    FactLog(stream=stream).on_facts([CallTransferred(seq=1, at=1.0, call="c1", target="07700900123", attended=False)])
    assert lines(stream)[0]["pii.target"] == "*****123"


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "\u2028", "\x85\x9b", "\x7f", "\ud800", '"}', "安娜"])
def test_no_value_breaks_a_line(stream: io.StringIO, name: str) -> None:
    FactLog(stream=stream, mask=False).on_facts([arrived(name)])
    structlog.get_logger("x").info("said", value=name)
    logging.getLogger("y").warning("said %s", name)
    text = stream.getvalue()
    assert text.isascii()
    assert all(char.isprintable() or char == "\n" for char in text)
    assert len(lines(stream)) == text.count("\n") == 3


def test_a_quarantine_is_an_error(stream: io.StringIO) -> None:
    FactLog(stream=stream).on_facts([EntityQuarantined(seq=1, at=1.0, kind="call", id="c1")])
    assert lines(stream)[0]["level"] == "error"


SHOWN = {"+442079460123": "+44*****123", "02079460123": "*****123", "1001": "*****", "": "", "+44\ud8001234567": "+44*****567"}


@pytest.mark.parametrize(("number", "shown"), SHOWN.items())
def test_masking(number: str, shown: str) -> None:
    assert mask(number) == shown


def test_labels_are_printable_and_not_endless() -> None:
    assert label("a\x00b\u2028") == "a\ufffdb\ufffd"
    assert len(label("x" * 1000)) == 100


def test_stories_of_ended_calls_are_kept_for_a_while() -> None:
    stories = Timelines(longest=3, most_ended=2, kept=100.0)
    for number in range(4):
        stories.on_facts([arrived(call=f"c{number}", at=float(number)) for _ in range(5)])
        stories.on_facts([CallEnded(seq=2, at=float(number), call=f"c{number}", lasted=1.0, outcome="answered", segments=1)])
    assert stories.timeline("c0") is None
    kept = stories.timeline("c3")
    assert kept is not None
    assert [fact["type"] for fact in kept] == ["call_arrived", "call_arrived", "call_ended"]
    stories.on_facts([CallEnded(seq=2, at=500.0, call="late", lasted=1.0, outcome="answered", segments=1)])
    assert stories.timeline("c3") is None


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_costs_lines_and_nothing_else() -> None:
    drain = Drain(Full())
    FactLog(stream=drain).on_facts([arrived("ann")])
    drain.close()
    assert drain.lost == 1


def test_a_log_that_nobody_reads_holds_nobody_up() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as out:
        drain = Drain(out, most=100)
        for _ in range(1000):
            drain.write("x" * 1000 + "\n")
        assert drain.lost > 0
        with os.fdopen(reader) as late:
            late.read(1)
            drain.close(0.1)


def test_a_drain_writes_all_in_order() -> None:
    out = io.StringIO()
    drain = Drain(out)
    for number in range(100):
        drain.write(f"{number}\n")
    drain.close()
    assert out.getvalue().split() == [str(number) for number in range(100)]


class Held:
    """Holds the thread of a drain before the ``nth`` line of its code that it comes to, and makes it slow from there on."""

    def __init__(self, nth: int) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._left = nth

    def __enter__(self) -> Self:
        threading.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        threading.settrace(None)
        self.go_on.set()

    def _trace(self, frame: FrameType, _event: str, _arg: object) -> Any:
        return self._line if frame.f_code is Drain._run.__code__ else None

    def _line(self, _frame: FrameType, event: str, _arg: object) -> Any:
        self._left -= event == "line"
        if self._left <= 0:
            self.reached.set()
            self.go_on.wait(0.1)  # no longer: it may hold what the writer waits for
            time.sleep(0.01)
        return self._line


@pytest.mark.parametrize("nth", range(1, 16))
def test_the_last_line_is_written_wherever_the_drain_is_when_it_comes(nth: int) -> None:
    out = io.StringIO()
    with Held(nth) as held:
        drain = Drain(out)
        drain.write("first\n")
        held.reached.wait(0.3)
        drain.write("last\n")
        held.go_on.set()
        drain.close(HANGS)
        assert out.getvalue() == "first\nlast\n"


def test_a_line_that_is_lost_does_not_keep_the_end_waiting() -> None:
    drain = Drain(Full())
    drain.write("x\n")
    began = time.monotonic()
    drain.close(10 * HANGS)
    assert time.monotonic() - began < HANGS
    assert drain.lost == 1


def test_the_name_of_a_key_in_redis_can_be_copied_from_the_log(stream: io.StringIO) -> None:
    kept = "callbridge:{main}:unreadable:1795910812786:meta"
    structlog.get_logger("x").error("moved", redis_key="callbridge:{main}:meta", kept_as=kept, why="by +442079460123")
    (line,) = lines(stream)
    assert line["kept_as"] == kept
    assert "2079460123" not in line["why"]
