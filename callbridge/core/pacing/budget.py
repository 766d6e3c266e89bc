"""The share of abandoned calls: what it was in the window, and what the next answers may add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

AHEAD_PER_AGENT = 8.0
BANK, BANK_PER_AGENT = 4.0, 0.2
"""Abandoned calls that the window must still bear for theta to be whole."""
ANSWERS_KEPT_FOR = 30 * 86400.0
"""Seconds for which answers are remembered, whatever the window is."""
MINUTE, HOUR = 60.0, 3600.0
LONGEST_DIAL = 180.0
"""Seconds within which a number that was dialled has been answered, if at all."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a campaign allows. ``cap`` and ``aim`` are shares of the calls answered by people; ``window``: seconds over which the
    cap holds; ``hard``: never over-dial when one more abandoned call would break it."""

    cap: float = 0.03
    aim: float = 0.028
    window: float = 30 * 86400.0
    hard: bool = False


@dataclass(slots=True)
class Bucket:
    """Answers between ``begin`` and ``end``, counted together: when each of them came is not known."""

    begin: float
    end: float
    answers: int = 0
    abandoned: int = 0

    @property
    def clean(self) -> int:
        return self.answers - self.abandoned


@dataclass(frozen=True, slots=True)
class Counts:
    """Answers in the window, and those of them that were abandoned."""

    answers: int = 0
    abandoned: int = 0

    @property
    def rate(self) -> float:
        """Abandoned of answered; 0 when nobody has answered."""
        return self.abandoned / self.answers if self.answers else 0.0


@dataclass(slots=True)
class Budget:
    """The share of abandoned calls so far in the window, and what the next answers may add.

    Answers are kept in buckets, so one bucket at a time straddles the beginning of the window. Of that one the abandoned calls
    count and the others do not: the share that is counted is never below the true one."""

    rules: Rules
    ahead: float = 200.0
    """Answers over which the share is brought back to the aim."""
    buckets: list[Bucket] = field(default_factory=list)
    """Oldest first."""
    predicted: float = 0.0
    missed: float = 0.0
    """Recent abandoned calls as they were predicted, and as they came: their ratio is the bias of the predictions."""
    _counts: Counts = Counts()
    _holds: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """The window, and from when until when ``_counts`` is right for it, if nobody answers."""

    def answered(self, at: float, *, abandoned: bool, risk: float) -> None:
        """A person answered; ``risk`` is what was predicted for it."""
        if not self.buckets or at >= self.buckets[-1].end:
            self._tidy(at)
            self.buckets.append(Bucket(at, at + self._span()))
        self._add(self.buckets[-1], 1, int(abandoned))
        keep = 0.995
        self.predicted = self.predicted * keep + risk
        self.missed = self.missed * keep + abandoned

    def correct(self, at: float, answers: int, abandoned: int) -> None:
        """``answers`` more people had answered at ``at``, ``abandoned`` of them abandoned; negative: a machine after all."""
        clean = answers - abandoned
        for bucket in reversed(self.buckets):
            if bucket.begin <= at and bucket.clean + clean >= 0 and bucket.abandoned + abandoned >= 0:
                self._add(bucket, answers, abandoned)
                if answers > 0:
                    bucket.end = max(bucket.end, at)
                return
        if answers > 0:
            first = Bucket(at, at + self._span())
            self.buckets.insert(0, first)
            self._add(first, answers, abandoned)

    def recall(self, hours: Sequence[tuple[float, int, int]]) -> None:
        """What the ledger holds: (begin of an hour, answers, abandoned), oldest first. The hour is that of the dialling."""
        self.buckets = [Bucket(at, at + HOUR + LONGEST_DIAL, answers, abandoned) for at, answers, abandoned in hours]
        self._forget_counts()

    def counts(self, now: float) -> Counts:
        """What the window that ends now holds."""
        window, since, until = self._holds
        if window != self.rules.window or not since <= now < until:
            self._count(now)
        return self._counts

    def over(self, since: float) -> float:
        """Abandoned of answered since then, in whole buckets; 0 when nobody has answered."""
        within = [bucket for bucket in self.buckets if bucket.end > since]
        return Counts(sum(bucket.answers for bucket in within), sum(bucket.abandoned for bucket in within)).rate

    def is_over(self, now: float) -> bool:
        """Is the window over its cap? One abandoned call is not: there is no share of one."""
        counts = self.counts(now)
        return counts.abandoned > max(1.0, self.rules.cap * counts.answers)

    def bears_one_more(self, now: float) -> bool:
        """Would the window keep its cap if the next one were abandoned?"""
        counts = self.counts(now)
        return counts.abandoned + 1 <= self.rules.cap * (counts.answers + 1)

    def theta(self, now: float, agents: int = 0) -> float:
        """The chance that one more dial may have of finding nobody, on a floor of so many agents: the more there are, the more
        answers a burst of abandoned calls may take to be made good."""
        counts = self.counts(now)
        ahead = self.ahead + AHEAD_PER_AGENT * agents
        answers = min(counts.answers, 4000.0)
        share = counts.rate
        wanted = (self.rules.aim * (answers + ahead) - share * answers) / ahead
        bias = min(3.0, max(0.4, (self.missed + 3.0) / (self.predicted + 3.0)))
        theta = min(0.25, max(0.0, wanted / bias))
        # The nearer the cap, the more slowly: to be held back by it costs far more than keeping away.
        left = self.rules.cap * (counts.answers + 1) - counts.abandoned - 1.0
        return theta * min(1.0, max(0.02, left / (BANK + BANK_PER_AGENT * agents)))

    # -- buckets --------------------------------------------------------------------------------------------------

    def _span(self) -> float:
        """Seconds of a new bucket: short against the window, but not so short that they become many."""
        return min(HOUR, max(MINUTE, self.rules.window / 60))

    def _add(self, bucket: Bucket, answers: int, abandoned: int) -> None:
        bucket.answers += answers
        bucket.abandoned += abandoned
        self._forget_counts()

    def _forget_counts(self) -> None:
        self._holds = (0.0, 0.0, 0.0)

    def _count(self, now: float) -> None:
        """Count, and note when the next bucket begins to leave the window, or has left it."""
        window = self.rules.window
        since, answers, abandoned, until = now - window, 0, 0, float("inf")
        for bucket in self.buckets:
            if bucket.begin >= since:
                answers, abandoned = answers + bucket.answers, abandoned + bucket.abandoned
                until = min(until, bucket.begin + window)
            elif bucket.end >= since:
                answers, abandoned = answers + bucket.abandoned, abandoned + bucket.abandoned
                until = min(until, bucket.end + window)
        self._counts, self._holds = Counts(answers, abandoned), (window, now, until)

    def _tidy(self, now: float) -> None:
        """Drop what is too old to matter; what has left the window is kept by the hour, for longer windows and the metrics."""
        kept: list[Bucket] = []
        for bucket in self.buckets:
            last = kept[-1] if kept else None
            if bucket.end < now - ANSWERS_KEPT_FOR:
                continue
            if last is not None and bucket.end < now - self.rules.window and bucket.end - last.begin <= HOUR:
                last.end = max(last.end, bucket.end)
                self._add(last, bucket.answers, bucket.abandoned)
            else:
                kept.append(bucket)
        self.buckets = kept
