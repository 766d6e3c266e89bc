"""Of several instances one decides: whatever stops, is cut off or forgets, no order of another one takes effect for long."""

from __future__ import annotations

import pytest

from callbridge.runtime.lease import LeaseTimes, LeaseWatch, Tenure
from tests.sim.rivals import HOUSES, Faults, holds, rival
from tests.sim.watch import Broken

LONG = True
LATE = (52, 59)
"""Seeds on which a former leader's orders arrive."""


@pytest.mark.parametrize("house", HOUSES)
def test_no_order_of_a_former_leader_takes_effect_for_long_and_in_peace_one_leads(house: str) -> None:
    assert holds(0, HOUSES[house]) > 4


@pytest.mark.slow
@pytest.mark.parametrize("house", HOUSES)
def test_no_order_of_a_former_leader_takes_effect_for_long_in_many_houses(house: str) -> None:
    for seed in range(1, 40):
        holds(seed, HOUSES[house])


def test_old_orders_do_come_late_and_no_later_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise nothing would be shown. Here no leader gives up by itself."""
    monkeypatch.setattr(Tenure, "gives_up", lambda self, now, *, linked: False)
    late = [rival(seed, Faults())[1][0].late for seed in LATE]
    assert max(late) > 0.3


def test_a_leader_cut_off_from_one_pbx_of_two_keeps_the_lease() -> None:
    for seed in range(2):
        rivals, apps = rival(seed, Faults(pbxs=2, only_one_link=True))
        (leader,) = [one for one in rivals if one.led]
        assert leader.led == 1
        assert leader.links[0].opened > 1, "its link was cut, and opened again"
        assert {name for name, _, _ in apps[1].orders} == {leader.name}


@pytest.mark.slow
def test_a_leader_cut_off_from_all_pbxs_gives_the_lease_to_a_standby_that_has_one() -> None:
    assert sum(one.gave_up for seed in range(3) for one in rival(seed, Faults(stops=False))[0]) > 1


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


def test_a_leader_that_gives_up_for_one_pbx_of_two_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    gives_up = Tenure.gives_up
    monkeypatch.setattr(Tenure, "gives_up", lambda self, now, *, linked: gives_up(self, now, linked=False))
    with pytest.raises(Broken, match="gave the lease up with a PBX that it can use"):
        rival(0, Faults(pbxs=2, only_one_link=True))
