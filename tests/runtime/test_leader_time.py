"""The leader's time as a standby reads it: the least delayed reading counts, and only of the present leader."""

from __future__ import annotations

import random

from callbridge.runtime.leader_time import KEPT, LeaderTime

AHEAD = 1_800_000_000.0
"""Of a made-up leader: its time at monotonic 0."""


def test_the_least_delayed_reading_counts() -> None:
    rng, known, at = random.Random(1), LeaderTime(), 0.0
    for _ in range(50):
        at += 0.3
        known.read("1", AHEAD + at, at + rng.uniform(0.01, 0.25))
    assert known.ahead is not None
    assert -0.05 < known.ahead - AHEAD <= 0.0


def test_a_leader_that_has_gone_silent_tells_nothing_new() -> None:
    known = LeaderTime()
    known.read("1", AHEAD + 1.0, 1.1)
    for at in range(2, 60):
        known.read("1", AHEAD + 1.0, float(at))
    assert known.ahead is not None
    assert abs(known.ahead - AHEAD) < 0.2


def test_a_new_leader_has_a_time_of_its_own_and_none_until_it_says_so() -> None:
    known = LeaderTime()
    known.read("1", AHEAD, 0.0)
    known.read("2", None, 1.0)
    assert known.ahead is None
    known.read("2", AHEAD - 3600.0 + 2.0, 2.0)
    assert known.ahead == AHEAD - 3600.0


def test_old_readings_are_forgotten_because_clocks_drift() -> None:
    known = LeaderTime()
    for count in range(KEPT * 3):
        at = count * 0.3
        known.read("1", AHEAD + at - 0.1 * count, at)  # a clock far slower than any real one
    assert known.ahead is not None
    assert abs(known.ahead - (AHEAD - 0.1 * (KEPT * 2))) < 1e-6
