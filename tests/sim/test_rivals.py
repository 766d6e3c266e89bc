"""Of several instances one decides: whatever stops, is cut off or forgets, no order of another one takes effect for long."""

from __future__ import annotations

import pytest

from callbridge.runtime.lease import LeaseTimes, LeaseWatch
from tests.sim.rivals import Faults, rival
from tests.sim.watch import Broken

LONG = True
HOUSES = {
    "stops and cuts": Faults(),
    "a redis that forgets": Faults(forgets=True),
    "a sentinel that goes back": Faults(rewinds=True),
    "clocks of other hours": Faults(skewed=7200.0),
    "one that may not lead": Faults(unable=True),
}


def holds(seed: int, faults: Faults) -> int:
    """How often the application changed hands."""
    try:
        rivals, app = rival(seed, faults)
        leaders = [one for one in rivals if one.tenure is not None]
        assert len(leaders) == 1, f"in peace {[one.name for one in leaders]} lead"
        (leader,) = leaders
        assert app.owner == leader.name
        assert leader.connected
        assert {name for name, sent_at, _ in app.orders if sent_at > app.orders[-1][1] - 5.0} == {leader.name}
        assert not any(one.led or one.opened for one in rivals if not one.able)
    except AssertionError as broken:
        broken.add_note(f"seed {seed}, {faults}")
        raise
    return sum(one.opened for one in rivals)


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
