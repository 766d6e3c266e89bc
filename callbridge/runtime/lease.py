"""The lease: which of several instances leads. Pure: what was read and when goes in, what may be done now comes out.

The leader changes the lease in Redis every ``renew_every``. A standby may claim it only after it has seen the same lease for
a full ``ttl`` of its own clock through a Redis that answered all the time; then no leader has written for at least that long. A
missing lease is *unknown*, not free: Redis may have lost its memory, and the leader is given three more ``ttl`` to write again.
After an outage of Redis leader and standby look for its new primary at the same time, and the leader is given one more ``ttl`` to
find it, for it needs several answers to renew where a standby needs one to look.

    watching --(the same lease for ttl, after an outage for 2 ttl; released; or missing for 4 ttl)
             --> claim: Redis compares the lease again, and writes
    leading  --(renewed less than ttl ago)--> verified: nobody else can have claimed it
             --(not renewed)--> unverified: goes on with the links it has, opens none
             --(another's lease)--> displaced
             --(missing for ttl)--> writes it again

No wall clock is read here: instances whose clocks differ agree all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from callbridge.adapters.redis.lease import Overwrites

MISSING_TTLS = 4
"""A missing lease may be claimed after so many ``ttl``: one as for any lease, three for the leader to write it again."""

OUTAGE_TTLS = 2
"""A lease that is still the same after an outage of Redis may be claimed after so many ``ttl``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """Seconds, all derived from the first."""

    ttl: float = 1.5

    @property
    def renew_every(self) -> float:
        """Two renewals may be lost."""
        return self.ttl * 4 / 15

    @property
    def read_every(self) -> float:
        return self.ttl / 15

    @property
    def silence(self) -> float:
        """An answer of Redis that took longer counts for nothing. A standby that was stalled itself for longer has not watched
        for the rest of that time; after a whole ``ttl`` it begins again."""
        return self.ttl / 3

    @property
    def echo_limit(self) -> float:
        """Age of the proof of a socket's ownership, beyond which a leader writes no orders: less than a claim takes."""
        return self.ttl * 2 / 3

    @property
    def without_pbx(self) -> float:
        """A leader that has had no link to any PBX for so long gives the lease to a standby that has one."""
        return self.ttl / 2


class SeenLease(Protocol):
    """As it was read; every renewal makes it another one (``==``)."""

    @property
    def missing(self) -> bool: ...

    @property
    def given_up(self) -> bool:
        """The holder has released it: nobody needs to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseWatch:
    """What a standby has seen. ``since``: from when on the lease was the same in every answer; later by the time not watched.
    ``failing``: the last answer did not come; ``after_outage``: it has not changed since Redis was away for ``ttl`` or longer."""

    lease: SeenLease | None = None
    since: float = 0.0
    answered_at: float = 0.0
    failing: bool = False
    after_outage: bool = False

    def read(self, lease: SeenLease, asked_at: float, now: float, times: LeaseTimes) -> LeaseWatch:
        """Redis has answered at ``now`` what was asked at ``asked_at``."""
        gap = now - self.answered_at
        watched = self.lease == lease and gap <= times.ttl and now - asked_at <= times.silence
        since = self.since + max(0.0, gap - times.silence) if watched else now
        after_outage = self.after_outage or gap > times.ttl if self.failing else self.after_outage and self.lease == lease
        return LeaseWatch(lease=lease, since=since, answered_at=now, after_outage=after_outage)

    def failed(self) -> LeaseWatch:
        """Redis has not answered: what it held meanwhile is not known."""
        return replace(self, lease=None, failing=True)

    def claimable(self, asked_at: float, times: LeaseTimes) -> bool:
        """May the lease be claimed, now that what was asked at ``asked_at`` has been answered?"""
        if self.lease is None:
            return False
        if self.lease.given_up:
            return True
        ttls = MISSING_TTLS if self.lease.missing else OUTAGE_TTLS if self.after_outage else 1
        return asked_at - self.since >= times.ttl * ttls

    def is_led(self, now: float, times: LeaseTimes) -> bool:
        """Does another instance lead, as far as we have seen?"""
        held = self.lease is not None and not self.lease.missing and not self.lease.given_up
        return held and now - self.since < times.ttl


@dataclass(slots=True, kw_only=True)
class Tenure:
    """A leader's view of its lease. Times are those at which a request was *sent*: Redis wrote later, a standby saw it later."""

    times: LeaseTimes
    renewed_at: float
    displaced: bool = False
    standbys: int = 0
    """Standbys that could take over, as of the last renewal."""
    _no_pbx_since: float | None = None
    _missing_since: float | None = None

    def renewed(self, sent_at: float, standbys: int | None) -> None:
        """Redis has written our lease. ``standbys``: None where it found none, and has not."""
        if standbys is None:
            self._missing_since = sent_at if self._missing_since is None else self._missing_since
        else:
            self._missing_since = None
            self.renewed_at, self.standbys = max(self.renewed_at, sent_at), standbys

    def overwrites(self, now: float) -> Overwrites:
        """A lease that we cannot verify is written only where it is ours. Where it stays missing for ``ttl``, there is no
        leader either who claimed it meanwhile and was forgotten by Redis, too."""
        if self.verified(now):
            return Overwrites.ANY
        missing = self._missing_since is not None and now - self._missing_since >= self.times.ttl
        return Overwrites.MISSING if missing else Overwrites.OWN

    def verified(self, now: float) -> bool:
        """Can nobody else have claimed the lease until now? Only then may an application be opened."""
        return not self.displaced and now - self.renewed_at < self.times.ttl

    def gives_up(self, now: float, *, linked: bool) -> bool:
        """Should we let a standby lead, because we have no link to any PBX and it has one? ``linked``: have we one?"""
        if linked:
            self._no_pbx_since = None
            return False
        if self._no_pbx_since is None:
            self._no_pbx_since = now
        return self.verified(now) and self.standbys > 0 and now - self._no_pbx_since >= self.times.without_pbx
