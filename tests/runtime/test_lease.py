"""The lease: who may claim it, and when; at no moment do two instances hold a lease that is verified."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from callbridge.adapters.redis.lease import Overwrites
from callbridge.runtime.lease import LeaseTimes, LeaseWatch, Tenure

TIMES = LeaseTimes()


@dataclass(frozen=True, kw_only=True)
class Lease:
    holder: str = ""
    beat: int = 0
    token: int = 0
    given_up: bool = False

    @property
    def missing(self) -> bool:
        return not self.holder


def watched(
    lease: Lease, until: float, *, every: float = 0.1, since: float = 100.0, watch: LeaseWatch | None = None
) -> LeaseWatch:
    """A standby that has read this lease regularly."""
    watch = watch or LeaseWatch()
    reads = round((until - since) / every)
    for turn in range(reads + 1):
        watch = watch.read(lease, since + turn * every - 0.01, since + turn * every, TIMES)
    return watch


def test_the_times_are_those_of_the_design() -> None:
    assert (TIMES.ttl, TIMES.renew_every, TIMES.echo_limit) == (1.5, 0.4, 1.0)


def test_a_lease_is_claimed_after_it_has_not_changed_for_its_whole_time() -> None:
    watch = watched(Lease(holder="a"), 101.4)
    assert not watch.claimable(101.39, TIMES)
    assert not watch.claimable(101.49, TIMES)
    assert watched(Lease(holder="a"), 101.6).claimable(101.51, TIMES)


def test_it_counts_when_redis_was_asked_and_not_when_it_answered() -> None:
    watch = watched(Lease(holder="a"), 101.4).read(Lease(holder="a"), 101.45, 101.9, TIMES)
    assert not watch.claimable(101.45, TIMES)


def test_each_renewal_starts_the_wait_again() -> None:
    watch = watched(Lease(holder="a"), 101.4)
    watch = watched(Lease(holder="a", beat=1), 102.9, since=101.5, watch=watch)
    assert not watch.claimable(102.89, TIMES)


def test_a_released_lease_is_free_at_once() -> None:
    assert watched(Lease(holder="a", given_up=True), 100.0).claimable(99.99, TIMES)


def test_a_missing_lease_is_unknown_for_four_times_as_long() -> None:
    assert not watched(Lease(), 105.9).claimable(105.89, TIMES)
    assert watched(Lease(), 106.1).claimable(106.09, TIMES)


@pytest.mark.parametrize("trouble", ["a failure", "a long stall", "a slow answer"])
def test_a_redis_that_did_not_answer_all_the_time_starts_the_wait_again(trouble: str) -> None:
    lease = Lease(holder="a")
    watch = watched(lease, 101.0)
    match trouble:
        case "a failure":
            watch = watch.failed()
            assert not watch.claimable(103.0, TIMES)
            watch = watch.read(lease, 101.1, 101.1, TIMES)
        case "a long stall":
            watch = watch.read(lease, 102.6, 102.6, TIMES)
            watch = watched(lease, 104.0, since=102.7, watch=watch)
            assert not watch.claimable(104.0, TIMES)
            return
        case _:
            watch = watch.read(lease, 101.05, 101.6, TIMES)
    watch = watched(lease, 102.5, since=101.7, watch=watch)
    assert not watch.claimable(102.49, TIMES)


def test_after_an_outage_of_redis_the_leader_has_twice_as_long_to_renew() -> None:
    lease = Lease(holder="a")
    away = watched(lease, 101.0).failed()
    watch = watched(lease, 106.9, since=104.0, watch=away)
    assert not watch.claimable(106.89, TIMES)
    assert watched(lease, 107.1, since=107.0, watch=watch).claimable(107.09, TIMES)
    blinked = watched(lease, 108.0, since=106.2, watch=watched(lease, 106.0, since=104.0, watch=away).failed())
    assert not blinked.claimable(107.99, TIMES)
    renewed = watched(Lease(holder="a", beat=1), 108.6, since=107.0, watch=watch)
    assert renewed.claimable(108.59, TIMES), "then as before"
    assert watched(Lease(holder="a", given_up=True), 104.0, since=104.0, watch=away).claimable(103.99, TIMES)


def test_an_answer_that_is_late_is_no_outage() -> None:
    watch = watched(Lease(holder="a"), 101.0).failed().failed()
    watch = watched(Lease(holder="a"), 104.0, since=102.4, watch=watch)
    assert watch.claimable(103.99, TIMES)


def test_a_short_stall_of_its_own_only_costs_a_standby_the_time_that_it_did_not_watch() -> None:
    lease = Lease(holder="a")
    watch = watched(lease, 101.0).read(lease, 102.0, 102.0, TIMES)  # 1 s, of which half counts
    watch = watched(lease, 102.1, since=102.1, watch=watch)
    assert not watch.claimable(101.99, TIMES)
    assert watch.claimable(102.01, TIMES)


def test_who_leads_is_known_as_long_as_the_lease_changes() -> None:
    watch = watched(Lease(holder="a"), 101.0)
    assert watch.is_led(101.0, TIMES)
    assert not watch.is_led(101.6, TIMES)
    assert not watched(Lease(holder="a", given_up=True), 100.0).is_led(100.0, TIMES)
    assert not watched(Lease(), 100.0).is_led(100.0, TIMES)


def test_a_leader_is_verified_for_one_time_since_it_sent_its_last_renewal() -> None:
    tenure = Tenure(times=TIMES, renewed_at=100.0)
    assert tenure.verified(101.49)
    assert not tenure.verified(101.5)
    tenure.renewed(101.0, 0)
    tenure.renewed(100.4, 0)  # an answer that was overtaken
    assert tenure.verified(102.49)
    tenure.displaced = True
    assert not tenure.verified(101.0)


def test_a_lease_that_is_not_verified_is_written_only_where_it_is_ours_or_stays_missing() -> None:
    tenure = Tenure(times=TIMES, renewed_at=100.0)
    assert tenure.overwrites(101.4) is Overwrites.ANY
    assert tenure.overwrites(101.6) is Overwrites.OWN
    tenure.renewed(102.0, None)
    tenure.renewed(102.4, None)
    assert tenure.overwrites(103.4) is Overwrites.OWN
    assert tenure.overwrites(103.6) is Overwrites.MISSING
    tenure.renewed(103.6, 0)
    assert tenure.overwrites(103.7) is Overwrites.ANY
    assert tenure.overwrites(106.0) is Overwrites.OWN


def test_a_leader_without_a_pbx_gives_up_only_for_a_standby_that_has_one() -> None:
    tenure = Tenure(times=TIMES, renewed_at=100.0)
    assert not tenure.gives_up(100.0, linked=False)
    assert not tenure.gives_up(101.0, linked=False)
    tenure.renewed(101.0, 1)
    assert tenure.gives_up(101.1, linked=False)
    assert not tenure.gives_up(101.2, linked=True)
    assert not tenure.gives_up(101.3, linked=False)
    assert not tenure.gives_up(101.9, linked=False)
    assert tenure.gives_up(102.1, linked=False)


# -- never two: any order of delays, lost requests, stops and a Redis that forgets ------------------------------------


@dataclass
class ToyRedis:
    lease: Lease = field(default_factory=Lease)
    away_until: float = 0.0

    def claim(self, seen: Lease, holder: str, wall: float) -> int | None:
        if self.lease != seen:
            return None
        self.lease = Lease(holder=holder, token=max(int(wall * 1000), self.lease.token + 1))
        return self.lease.token

    def renew(self, token: int, holder: str, beat: int, over: Overwrites) -> bool | str:
        others = self.lease.holder not in ("", holder)
        if self.lease.token > token or (others and (self.lease.token == token or over is not Overwrites.ANY)):
            return False
        if self.lease.missing and over is Overwrites.OWN:
            return "missing"
        self.lease = Lease(holder=holder, token=token, beat=beat)
        return True


@dataclass
class Instance:
    """Sends a request, which reaches Redis later, and whose answer reaches it later again; may be stopped at any moment."""

    name: str
    chance: random.Random
    clock_off: float
    watch: LeaseWatch = field(default_factory=LeaseWatch)
    tenure: Tenure | None = None
    token: int = 0
    beat: int = 0
    stopped_until: float = 0.0
    wakes_at: float = 0.0
    asked_at: float = 0.0
    arrives_at: float | None = None
    answered_at: float | None = None
    answer: object = None
    claims: Lease | None = None
    led: int = 0
    troubled: bool = True
    over: Overwrites = Overwrites.OWN

    def turn(self, now: float, redis: ToyRedis) -> None:
        if self.arrives_at is not None and now >= self.arrives_at:  # the network does not stop with the process
            self.arrives_at, self.answer = None, self._at(redis, now) if now >= redis.away_until else "failed"
            self.answered_at = now + self._delay()
        if now < self.stopped_until:
            return
        if self.answered_at is not None and now >= self.answered_at:
            self.answered_at = None
            self._answered(now)
        if self.arrives_at is None and self.answered_at is None and now >= self.wakes_at:
            self.asked_at, self.arrives_at = now, now + self._delay()
            self.over = self.tenure.overwrites(now) if self.tenure is not None else self.over

    def _delay(self) -> float:
        return self.chance.choice((*[0.001] * 60, *[0.02] * 6, 0.1, 0.4)) if self.troubled else 0.001

    def _at(self, redis: ToyRedis, now: float) -> object:
        if self.tenure is not None:
            self.beat += 1
            return redis.renew(self.token, self.name, self.beat, self.over)
        if self.claims is not None:
            return redis.claim(self.claims, self.name, now + self.clock_off)
        return redis.lease

    def _answered(self, now: float) -> None:
        self.wakes_at = now + (TIMES.renew_every if self.tenure is not None else TIMES.read_every)
        if self.tenure is not None:
            if self.answer in (True, "missing"):
                self.tenure.renewed(self.asked_at, 0 if self.answer is True else None)
            elif self.answer is False:
                self.tenure, self.watch = None, LeaseWatch()
        elif self.claims is not None:
            self.claims, self.watch = None, LeaseWatch()
            if isinstance(self.answer, int) and self.answer is not True:
                self.token, self.led = self.answer, self.led + 1
                self.tenure = Tenure(times=TIMES, renewed_at=self.asked_at)
        elif isinstance(self.answer, Lease):
            self.watch = self.watch.read(self.answer, self.asked_at, now, TIMES)
            if self.watch.claimable(self.asked_at, TIMES):
                self.claims, self.wakes_at = self.answer, now
        else:
            self.watch = self.watch.failed()


def simulate(seed: int, *, forgets: bool) -> list[Instance]:
    """Two minutes of three instances; returns them after ten quiet seconds."""
    chance = random.Random(seed)
    redis, all_of_them = ToyRedis(), [Instance(name, chance, chance.choice((-600.0, 0.0, 600.0))) for name in "abc"]
    now = 1000.0
    while now < 1130.0:
        now += 0.005
        if now < 1115.0:
            if chance.random() < 0.002:
                chance.choice(all_of_them).stopped_until = now + chance.choice((0.3, 1.0, 2.0, 6.0))
            if chance.random() < 0.0005:
                redis.away_until = now + chance.choice((0.2, 1.0, 3.0))
            if forgets and chance.random() < 0.0002:
                redis.lease = Lease()
        else:
            redis.away_until = 0.0
            for each in all_of_them:
                each.stopped_until, each.troubled = min(each.stopped_until, now), False
        for each in all_of_them:
            each.turn(now, redis)
        verified = [each.name for each in all_of_them if each.tenure is not None and each.tenure.verified(now)]
        assert len(verified) <= 1, f"seed {seed}, at {now - 1000.0:.3f} s: {verified} hold a verified lease"
    return all_of_them


@pytest.mark.parametrize("seed", range(10))
def test_never_do_two_instances_hold_a_verified_lease_and_in_the_end_one_does(seed: int) -> None:
    ended = simulate(seed, forgets=False)
    assert len([each for each in ended if each.tenure is not None]) == 1


@pytest.mark.parametrize("seed", range(10))
def test_after_a_redis_that_forgot_everything_the_leader_writes_its_lease_again(seed: int) -> None:
    ended = simulate(seed, forgets=True)
    assert len([each for each in ended if each.tenure is not None]) == 1


def test_in_the_simulation_the_lease_changes_hands() -> None:
    assert sum(each.led for seed in range(5) for each in simulate(seed, forgets=False)) > 10


def test_the_simulation_finds_a_standby_that_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaseWatch, "claimable", lambda self, asked_at, times: asked_at - self.since >= times.ttl / 2)
    with pytest.raises(AssertionError, match="hold a verified lease"):
        for seed in range(25):
            simulate(seed, forgets=False)
