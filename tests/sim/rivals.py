"""Several instances beside one Redis and one or two PBXs, which may be cut off, stop, restart or forget: who orders, and when.

The lease's own rules are those of ``tests.runtime.test_lease``; here each leader opens the application, proves by echoes that it
is its own, and orders only while the proof is fresh. What counts is what arrives at the PBX, which checks no token.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from callbridge.runtime.lease import LeaseWatch, Tenure
from tests.runtime.test_lease import TIMES, Instance, Lease, ToyRedis
from tests.sim.watch import must

TURN = 0.005
BEAT_EVERY = 0.4
ORDER_EVERY = 0.05
LISTING = 0.02
"""Seconds from the handshake until the PBX has been listed: nothing is ordered before."""
SLOWEST = 0.4
"""Seconds that a message may take, one way."""
LATEST = TIMES.echo_limit + SLOWEST
"""Seconds after the loss of its application at which an order of a former leader may still arrive."""
BACK_AFTER = 0.4
"""Seconds after which a leader takes back an application that somebody opened."""
TROUBLED, QUIET = 60.0, 15.0
"""Seconds with faults, and without at the end."""


@dataclass
class ToyApp:
    """The application on the PBX: the newest socket owns it. ``orders``: from whom, when sent, when arrived."""

    owner: str = ""
    holder: RivalLink | None = None
    """The owner's socket."""
    owned: dict[str, float] = field(default_factory=dict)
    """Name -> until when, or since when it has been, the owner; kept up to date while it is."""
    orders: list[tuple[str, float, float]] = field(default_factory=list)
    late: float = 0.0
    """The longest time after the loss of the application at which an order of the former owner arrived."""

    def turn(self, now: float) -> None:
        if self.owner:
            self.owned[self.owner] = now

    def order(self, name: str, sent_at: float, now: float) -> None:
        self.orders.append((name, sent_at, now))
        self.late = max(self.late, now - self.owned[name])


@dataclass
class RivalLink:
    """One instance's link to one PBX."""

    owner: Rival = field(repr=False)
    app: ToyApp
    cut_until: float = 0.0
    deaf_until: float = 0.0
    """Nothing comes from the PBX, though requests reach it."""
    connected: bool = False
    opened: int = 0
    ready_at: float = 0.0
    proven_at: float = float("-inf")
    beat_at: float = 0.0
    order_at: float = 0.0
    open_at: float = 0.0
    _mail: list[tuple[float, Callable[[float], None]]] = field(default_factory=list)
    """What is on its way from the PBX to us: read when we run."""
    _sent: list[tuple[float, Callable[[float], None]]] = field(default_factory=list)
    """What is on its way from us to the PBX: it arrives although we stop."""

    def works(self, now: float) -> bool:
        """Are orders sent over it?"""
        return self.connected and now >= self.ready_at and now - self.proven_at < TIMES.echo_limit

    def arrive(self, now: float) -> None:
        for _, action in _due(self._sent, now):
            action(now)

    def read(self, now: float) -> None:
        for _, action in _due(self._mail, now):
            action(now)

    def turn(self, now: float, tenure: Tenure) -> None:
        if not self.connected:
            if tenure.verified(now) and now >= self.open_at:
                self._open(now)
            return
        if now - self.proven_at >= TIMES.echo_limit:
            self.connected, self.open_at = False, now + 0.1
            return
        if now >= self.beat_at:
            self.beat_at = now + BEAT_EVERY
            self._to_pbx(now, partial(self._echo, now, self.opened))
        if now >= max(self.order_at, self.ready_at):  # fresh, as was just seen
            self.order_at = now + ORDER_EVERY
            self._to_pbx(now, partial(self.app.order, self.owner.name, now))

    def _open(self, now: float) -> None:
        self.connected, self.opened, self.proven_at = True, self.opened + 1, now
        self.ready_at = self.beat_at = float("inf")  # until the handshake is over
        self._to_pbx(now, partial(self._take, self.opened))

    def _take(self, opened: int, at: float) -> None:
        """The handshake arrives: the instance that had the application is told."""
        former = self.app.holder
        self.app.owner, self.app.holder = self.owner.name, self
        self.app.owned[self.owner.name] = at
        if former is not None and former is not self:
            former.heard(at, former.replaced)
        self.heard(at, lambda now: self._listed(opened, now))

    def _listed(self, opened: int, now: float) -> None:
        if self.connected and opened == self.opened:
            self.ready_at, self.beat_at = now + LISTING, now

    def _echo(self, sent: float, opened: int, at: float) -> None:
        if self.app.holder is self:
            self.heard(at, lambda _: self._proven(sent, opened))

    def _proven(self, sent: float, opened: int) -> None:
        if opened == self.opened:
            self.proven_at = max(self.proven_at, sent)

    def replaced(self, now: float) -> None:
        """Another client has our application: it is taken back while the lease says that we lead."""
        self.connected, self.open_at = False, now + BACK_AFTER
        self.owner.replaced(now)

    # -- the network ------------------------------------------------------------------------------------------------

    def heard(self, at: float, action: Callable[[float], None]) -> None:
        if at >= max(self.cut_until, self.deaf_until):
            self._mail.append((at + self.owner.delay(), action))

    def _to_pbx(self, now: float, action: Callable[[float], None]) -> None:
        if now >= self.cut_until:
            self._sent.append((now + self.owner.delay(), action))


@dataclass
class Rival(Instance):
    """``able``: False for a wrong password or an older version: it may look, and never claims."""

    able: bool = True
    links: list[RivalLink] = field(default_factory=list)
    cut_from_redis_until: float = 0.0
    gave_up: int = 0
    rivals: dict[str, Rival] = field(default_factory=dict, repr=False)

    @property
    def opened(self) -> int:
        return sum(link.opened for link in self.links)

    def turn(self, now: float, redis: ToyRedis) -> None:
        away = redis.away_until
        if now < self.cut_from_redis_until:
            redis.away_until = float("inf")
        super().turn(now, redis)
        reachable, redis.away_until = now >= redis.away_until, away
        for link in self.links:
            link.arrive(now)
        if now < self.stopped_until:
            return
        for link in self.links:  # the sockets are read before anything is written
            link.read(now)
        if self.tenure is not None and self.tenure.gives_up(now, linked=any(link.works(now) for link in self.links)):
            self._give_up(now, redis, reachable=reachable)
        for link in self.links:
            if self.tenure is None:
                link.connected = False
            else:
                link.turn(now, self.tenure)

    def _give_up(self, now: float, redis: ToyRedis, *, reachable: bool) -> None:
        must(not any(link.works(now) for link in self.links), f"{self.name} gave the lease up with a PBX that it can use")
        if reachable and redis.lease.holder == self.name and redis.lease.token == self.token:
            redis.lease = replace(redis.lease, given_up=True)
        self.tenure, self.watch = None, LeaseWatch()
        self.gave_up += 1

    def _answered(self, now: float) -> None:
        super()._answered(now)
        if not self.able:
            self.claims, self.watch = None, LeaseWatch()
        if self.tenure is not None:
            others = [one for one in self.rivals.values() if one is not self and one.able and now >= one.stopped_until]
            self.tenure.standbys = sum(any(now >= link.cut_until for link in one.links) for one in others)

    def replaced(self, now: float) -> None:
        """On any PBX, by an instance that has the lease: stand down on all."""
        if self.tenure is not None and not self.tenure.verified(now):
            self.tenure, self.watch = None, LeaseWatch()

    def delay(self) -> float:
        return self._delay()


def _due(things: list[tuple[float, Callable[[float], None]]], now: float) -> Iterator[tuple[float, Callable[[float], None]]]:
    """In the order in which they were sent: it is a stream."""
    while things and things[0][0] <= now:
        yield things.pop(0)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Which there are."""

    stops: bool = True
    cuts: bool = True
    forgets: bool = False
    rewinds: bool = False
    skewed: float = 600.0
    unable: bool = False
    """The third instance has a wrong password, or an older version."""
    pbxs: int = 1
    only_one_link: bool = False
    """Nothing but one instance's link to the first of several PBXs is ever cut."""


def rival(seed: int, faults: Faults) -> tuple[list[Rival], list[ToyApp]]:
    """A minute of three instances in trouble, and then in peace; checks what must always hold."""
    chance, apps, redis = random.Random(seed), [ToyApp() for _ in range(faults.pbxs)], ToyRedis()
    rivals: dict[str, Rival] = {}
    for name in "abc":
        clock, able = chance.choice((-faults.skewed, 0.0, faults.skewed)), name != "c" or not faults.unable
        one = rivals[name] = Rival(name, chance, clock, able=able, rivals=rivals)
        one.links = [RivalLink(one, app) for app in apps]
    now, end, old = 1000.0, 1000.0 + TROUBLED, Lease()
    while now < end + QUIET:
        now += TURN
        if now < end:
            old = _trouble(chance, faults, rivals, redis, now, old)
        else:
            redis.away_until = 0.0
            for each in rivals.values():
                each.stopped_until = each.cut_from_redis_until = 0.0
                each.troubled = False
                for link in each.links:
                    link.cut_until = link.deaf_until = 0.0
        for each in rivals.values():
            each.turn(now, redis)
        for app in apps:
            app.turn(now)
            must(app.late <= LATEST, f"at {now - 1000.0:.3f} s an order came {app.late:.2f} s too late")
        verified = [each.name for each in rivals.values() if each.tenure is not None and each.tenure.verified(now)]
        must(len(verified) <= 1 or faults.rewinds, f"at {now - 1000.0:.3f} s {verified} hold a verified lease")
    return list(rivals.values()), apps


def _trouble(chance: random.Random, faults: Faults, rivals: dict[str, Rival], redis: ToyRedis, now: float, old: Lease) -> Lease:
    one = chance.choice([*rivals.values()])
    if faults.only_one_link:
        if chance.random() < 0.002:
            one.links[0].cut_until = now + chance.choice((1.0, 3.0, 8.0))
        return old
    if faults.stops and chance.random() < 0.002:
        one.stopped_until = now + chance.choice((0.3, 1.0, 2.0, 6.0))
    if faults.cuts and chance.random() < 0.002:
        until = now + chance.choice((0.3, 1.0, 3.0, 8.0))
        what = chance.choice(("pbx", "redis", "both", "events", "redis and events"))
        if what in ("redis", "both", "redis and events"):
            one.cut_from_redis_until = until
        for link in _some(chance, one.links):
            if what in ("pbx", "both"):
                link.cut_until = until
            elif what in ("events", "redis and events"):
                link.deaf_until = until
    if chance.random() < 0.0005:
        redis.away_until = now + chance.choice((0.2, 1.0, 3.0))
    if faults.forgets and chance.random() < 0.0003:
        redis.lease = Lease()
    if faults.rewinds and chance.random() < 0.0005:
        redis.lease = old
    return redis.lease if chance.random() < 0.001 else old


def _some(chance: random.Random, links: list[RivalLink]) -> list[RivalLink]:
    """One of them, or all."""
    return links if len(links) == 1 or chance.random() < 0.3 else [chance.choice(links)]


HOUSES = {
    "stops and cuts": Faults(),
    "a redis that forgets": Faults(forgets=True),
    "a sentinel that goes back": Faults(rewinds=True),
    "clocks of other hours": Faults(skewed=7200.0),
    "one that may not lead": Faults(unable=True),
    "two PBXs": Faults(pbxs=2),
    "two PBXs and a redis that forgets": Faults(pbxs=2, forgets=True),
}


def holds(seed: int, faults: Faults) -> int:
    """How often the application changed hands."""
    try:
        rivals, apps = rival(seed, faults)
        leaders = [one for one in rivals if one.tenure is not None]
        must(len(leaders) == 1, f"in peace {[one.name for one in leaders]} lead")
        (leader,) = leaders
        for app, link in zip(apps, leader.links, strict=True):
            assert app.owner == leader.name
            assert link.connected
            assert {name for name, sent_at, _ in app.orders if sent_at > app.orders[-1][1] - 5.0} == {leader.name}
        assert not any(one.led or one.opened for one in rivals if not one.able)
    except AssertionError as broken:
        broken.add_note(f"seed {seed}, {faults}")
        raise
    return sum(one.opened for one in rivals)
