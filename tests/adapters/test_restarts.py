"""A process that starts again and again stops stamping, until it has run for a while."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from callbridge.adapters.ari.http import Reply
from callbridge.adapters.ari.restarts import MOST_STARTS, STARTS_WITHIN, Restarts
from callbridge.adapters.pbx_link import OrderTrouble
from callbridge.wire import ari as wire


class ToyPbx:
    """Its global variables, and the time."""

    def __init__(self) -> None:
        self.now, self.ahead = 1_000.0, 1_700_000_000.0
        self.variables: dict[str, str] = {}
        self.away = False

    async def ask(self, request: wire.Request) -> Reply:
        if self.away:
            raise OrderTrouble("no answer in time")
        fields = {name: value for name, (value,) in parse_qs(urlsplit(request.path).query).items()}
        if request.method == "POST":
            self.variables[fields["variable"]] = fields["value"]
        return Reply(200, b'{"value": "%s"}' % self.variables.get(fields["variable"], "").encode())

    def process(self) -> Restarts:
        return Restarts(now=lambda: self.now, wall=lambda: self.now + self.ahead)

    async def stamped(self, process: Restarts, value: str) -> str:
        await process.stamp("pbx1", "app", value, self.ask, self.ask)
        return self.variables["CALLBRIDGE_OWNER_app"]


async def test_the_start_that_is_one_too_many_stamps_no_more_until_it_has_run_for_a_while() -> None:
    pbx = ToyPbx()
    for number in range(MOST_STARTS):
        process = pbx.process()
        assert await pbx.stamped(process, f"a{number}:1") == f"a{number}:1"
        assert await pbx.stamped(process, f"a{number}:2") == f"a{number}:2"
        pbx.now += 10.0
    process = pbx.process()
    for _ in range(int(STARTS_WITHIN // 3)):
        assert await pbx.stamped(process, "b:1") == wire.RESTARTING
        assert process.too_many() == MOST_STARTS + 1
        pbx.now += 3.0
    assert await pbx.stamped(process, "b:20") == "b:20"
    assert process.too_many() == 0
    assert await pbx.stamped(pbx.process(), "c:1") == "c:1"


async def test_starts_that_are_far_apart_are_not_too_many() -> None:
    pbx = ToyPbx()
    for number in range(4 * MOST_STARTS):
        assert await pbx.stamped(pbx.process(), f"{number}:1") == f"{number}:1"
        pbx.now += STARTS_WITHIN / MOST_STARTS
    assert len(pbx.variables["CALLBRIDGE_OWNER_app_STARTS"].split()) <= MOST_STARTS + 1


async def test_one_process_counts_once_however_often_it_leads() -> None:
    pbx, process = ToyPbx(), None
    process = pbx.process()
    for number in range(4 * MOST_STARTS):
        assert await pbx.stamped(process, f"{number}:1") == f"{number}:1"


@pytest.mark.parametrize("kept", ["nonsense", "1 2 3 4 5 6 7", "99999999999999 " * 9, "1e9 " * 9])
async def test_what_somebody_else_wrote_there_stops_no_stamp(kept: str) -> None:
    pbx = ToyPbx()
    pbx.variables["CALLBRIDGE_OWNER_app_STARTS"] = kept
    assert await pbx.stamped(pbx.process(), "a:1") == "a:1"


async def test_a_pbx_that_does_not_answer_is_asked_again() -> None:
    pbx = ToyPbx()
    process, pbx.away = pbx.process(), True
    with pytest.raises(OrderTrouble):
        await pbx.stamped(process, "a:1")
    pbx.away = False
    assert await pbx.stamped(process, "a:2") == "a:2"
    assert len(pbx.variables["CALLBRIDGE_OWNER_app_STARTS"].split()) == 1


async def test_starts_of_processes_that_ended_in_order_are_not_counted() -> None:
    pbx = ToyPbx()
    crashed = pbx.process()
    assert await pbx.stamped(crashed, "a:1") == "a:1"
    for number in range(4 * MOST_STARTS):
        process = pbx.process()
        assert await pbx.stamped(process, f"{number}:1") == f"{number}:1"
        await process.leave("pbx1", "app", pbx.ask, pbx.ask)
        pbx.now += 1.0
    assert len(pbx.variables["CALLBRIDGE_OWNER_app_STARTS"].split()) == 1
    await pbx.process().leave("pbx1", "app", pbx.ask, pbx.ask)  # one that never stamped
    assert len(pbx.variables["CALLBRIDGE_OWNER_app_STARTS"].split()) == 1
