"""Of several instances one decides: whatever stops, is cut off or forgets, no order of another one takes effect for long."""

from __future__ import annotations

import pytest

from callbridge.runtime.lease import LeaseTimes, LeaseWatch
from tests.sim.rivals import HOUSES, Faults, holds, rival
from tests.sim.watch import Broken

LONG = True


@pytest.mark.parametrize("house", HOUSES)
def test_no_order_of_a_former_leader_takes_effect_for_long_and_in_peace_one_leads(house: str) -> None:
    assert holds(0, HOUSES[house]) > 4


@pytest.mark.slow
@pytest.mark.parametrize("house", HOUSES)
def test_no_order_of_a_former_leader_takes_effect_for_long_in_many_houses(house: str) -> None:
    for seed in range(1, 40):
        holds(seed, HOUSES[house])


def test_old_orders_do_come_late_and_no_later_than_they_may() -> None:
    """Otherwise nothing would be shown."""
    late = [rival(seed, Faults())[1].late for seed in (52, 59)]
    assert max(late) > 0.3


def _notices(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    with pytest.raises(Broken, match=words):
        for seed in range(80):
            rival(seed, Faults())


def test_a_leader_that_does_not_doubt_its_application_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaseTimes, "echo_limit", property(lambda times: 30.0))
    _notices(monkeypatch, "an order came")


def test_a_standby_that_does_not_wait_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaseWatch, "claimable", lambda self, asked_at, times: asked_at - self.since >= times.ttl / 2)
    _notices(monkeypatch, "hold a verified lease")
