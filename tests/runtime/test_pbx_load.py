"""The share of callers that is let in, on a PBX in miniature: what it cannot do at once waits, and so does the heartbeat."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from callbridge.runtime.pbx_load import LEAST_ADMITTED, PbxLoad

CAPACITY = 100.0
"""Calls a second."""
TARGET, EVERY, TICK = 0.3, 0.4, 0.02


@dataclass(slots=True)
class SmallPbx:
    load: PbxLoad = field(default_factory=PbxLoad)
    now: float = 1000.0
    backlog: float = 0.0
    served: float = 0.0
    delays: list[float] = field(default_factory=list)
    _beat: float = 1000.0

    def run(self, seconds: float, offered: float, rng: Random | None = None) -> None:
        """So many calls a second, of which the share that is admitted comes in. ``rng``: a machine that is busy with other
        things now and then."""
        until = self.now + seconds
        while self.now < until:
            can = CAPACITY * TICK * (rng.choice((0.5, 1.0, 1.5)) if rng else 1.0)
            self.backlog += offered * TICK * self.load.admitted
            done = min(self.backlog, can)
            self.backlog -= done
            self.served += done
            self.now += TICK
            if self.now >= self._beat:
                self._beat += EVERY
                delay = self.backlog / CAPACITY
                self.delays.append(delay)
                self.load.heard(self.now - delay, self.now, TARGET)


@pytest.mark.parametrize("offered", [50.0, 90.0])
def test_nobody_is_refused_while_the_pbx_keeps_up(offered: float) -> None:
    pbx = SmallPbx()
    pbx.run(60.0, offered)
    assert pbx.load.admitted == 1.0


@pytest.mark.parametrize("times", [1.1, 1.5, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_beyond_its_capacity_as_many_are_served_as_it_can(times: float, seed: int | None) -> None:
    pbx = SmallPbx()
    pbx.run(300.0, CAPACITY * times, Random(seed) if seed is not None else None)
    assert pbx.served >= 0.97 * CAPACITY * 300.0
    assert max(pbx.delays[10:]) < 2 * TARGET or times > 3.0, "after 4 s it responds in time"
    assert max(pbx.delays[25:]) < 2 * TARGET


def test_when_the_load_has_gone_all_come_in_again_soon() -> None:
    pbx = SmallPbx()
    pbx.run(60.0, 3 * CAPACITY)
    pbx.run(5.0, 0.0)
    assert pbx.load.admitted == 1.0
    pbx.run(20.0, 0.8 * CAPACITY)
    assert pbx.load.admitted == 1.0


def test_a_pbx_that_responds_to_nothing_lets_ever_fewer_in() -> None:
    load, shares = PbxLoad(), []
    load.heard(1000.0, 1000.05, TARGET)
    for tenth in range(1, 40):
        load.late(1000.05 + tenth / 10, TARGET, EVERY)
        shares.append(load.admitted)
    assert shares[5] == 1.0, "a heartbeat may be on its way"
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == LEAST_ADMITTED, "a few show whether it has recovered"


def test_a_link_that_was_down_says_nothing_about_the_load() -> None:
    load = PbxLoad()
    load.heard(999.0, 1000.0, TARGET)
    assert load.admitted == 1.0, "the first one waited for the lists"
    load.heard(1000.0, 1002.0, TARGET)
    assert load.admitted < 0.6
    load.lost()
    load.late(1100.0, TARGET, EVERY)
    assert load.admitted == 1.0
