"""Campaigns: the report is equal to the audit and the live figures, attempt by attempt, and its intervals add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from callbridge.adapters.database.attempt_counts import MachineEstimate
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.ledger import LedgerStore, LedgerTerms
from callbridge.adapters.reports.campaigns import campaigns_report
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.terms import CampaignTerms, ReportTerms
from callbridge.cli import audit
from callbridge.core.model.attempt import OUTCOMES, Attempt, AttemptStage, Lead
from callbridge.core.model.dial_rules import DialLimits, Frequency
from callbridge.core.model.facts import AgentChanged
from tests.examples import cases, seeds

from .postgres import new_database
from .told import DAY, MORNING, ZONE, adds_up, asked, read, tell

pytestmark = pytest.mark.slow

LIMITS = DialLimits(per_day=99, retry={"busy": 60.0, "no_answer": 60.0}, after_abandoned=0.0)
LEDGER_TERMS = LedgerTerms(LIMITS, Frequency(99, 0.0))
SPRING = CampaignTerms(
    number="+442079460001",
    most_attempts=6,
    estimate=MachineEstimate(listens=True, false_positives=0.1),
    codes=frozenset({"sold", "no", "wrong"}),
    reached=frozenset({"sold", "no"}),
    successes=frozenset({"sold"}),
)
TERMS = ReportTerms(campaigns={"spring": SPRING, "summer": CampaignTerms(most_attempts=6)})
NOW_ONLY = ("leads_to_retry", "retries_left")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/both.db" if request.param == "sqlite" else new_database()


@pytest.fixture
def store(url: str) -> Iterator[HistoryStore]:
    with closing(HistoryStore(url, People())) as made:
        made.open()
        yield made


@pytest.fixture
def book(url: str) -> Iterator[LedgerStore]:
    with closing(LedgerStore(url)) as made:
        made.open()
        yield made


class Dialler:
    """Dials one lead after the other, as the running callbridge writes it down."""

    def __init__(self, book: LedgerStore) -> None:
        self.book = book
        self.made = 0

    def load(self, number: str, at: float = MORNING - DAY, campaign: str = "spring") -> Lead:
        self.book.load(campaign, [{"number": number}], at)
        row = self.book.lead(campaign, number)
        assert row is not None
        return Lead(id=row["id"], number=number)

    def dial(self, lead: Lead, at: float, outcome: str, *, campaign: str = "spring", delay: float = 0.5, **more: Any) -> None:
        self.made += 1
        name = f"a{self.made}"
        (reserved,), _ = self.book.reserve(campaign, LEDGER_TERMS, [(name, lead.id)], at)
        assert reserved == name
        picked_up = at + 9 if outcome in ("answered", "abandoned", "machine") else None
        agent = {"agent": "amy"} if outcome == "answered" else {}
        about = agent | more
        attempt = Attempt(
            id=name, campaign=campaign, lead=lead, stage=AttemptStage.CLOSING, outcome=outcome, answered_at=picked_up, **about
        )
        self.book.record(attempt, LEDGER_TERMS, at + 9 + delay)


def test_a_days_attempts_and_what_came_of_them(store: HistoryStore, book: LedgerStore) -> None:
    dialler, at = Dialler(book), MORNING + 9 * 3600
    people = [dialler.load(f"+4420794600{index:02}") for index in range(12)]
    for lead, code in zip(people[:4], ("sold", "sold", "no", "wrong"), strict=True):
        dialler.dial(lead, at, "answered", disposition=code)
    dialler.dial(people[4], at, "answered", delay=3.0)
    dialler.dial(people[5], at, "abandoned")
    dialler.dial(people[6], at, "machine")
    dialler.dial(people[7], at, "unknown")
    dialler.dial(people[8], at, "answered", agent_first=True)
    dialler.dial(people[9], at, "busy")
    dialler.dial(people[9], at + 600, "busy")
    tell(store, [*logged_in("amy", MORNING + 8 * 3600, 2 * 3600)])
    (row,) = read(campaigns_report(store.database.engine, asked(terms=TERMS)))
    counts = ("attempts", "connected", "live", "machines", "live_abandoned", "dialled_talks", "coded", "contacts", "successes")
    assert [row[name] for name in counts] == [11, 8, 7, 1, 3, 6, 4, 3, 2]
    assert (row["campaign"], row["presented"], row["cap"], row["answer_rate"]) == ("spring", "+442079460001", 0.03, 0.6364)
    assert (row["rate_us"], row["rate_us_window"], row["rate_uk"]) == (0.4286, 0.4286, round(3.1 / 7.1, 4))
    assert (row["conversion"], row["agent_time"], row["contacts_per_hour"]) == (0.5, 7200.0, 1.5)
    assert (row["first_attempts"], row["penetration"]) == (10, round(10 / 12, 4))
    assert (row["leads_to_retry"], row["retries_left"]) == (1, 4)


def test_a_list_that_waits_has_a_row_and_divides_by_nothing(store: HistoryStore, book: LedgerStore) -> None:
    Dialler(book).load("+442079460000")
    (row,) = read(campaigns_report(store.database.engine, asked(terms=TERMS)))
    assert (row["campaign"], row["attempts"], row["penetration"], row["leads_to_retry"]) == ("spring", 0, 0.0, 0)
    nothing = ("rate_us", "rate_us_window", "rate_uk", "answer_rate", "conversion", "contacts_per_hour")
    assert {row[name] for name in nothing} == {None}
    assert read(campaigns_report(store.database.engine, asked(campaigns=frozenset({"summer"})))) == []


def test_of_a_campaign_that_is_gone_the_dispositions_say_nothing(store: HistoryStore, book: LedgerStore) -> None:
    dialler = Dialler(book)
    dialler.dial(dialler.load("+442079460000"), MORNING, "answered", disposition="sold")
    (row,) = read(campaigns_report(store.database.engine, asked()))
    unknown = ("cap", "coded", "contacts", "successes", "conversion", "contacts_per_hour", "retries_left")
    assert {row[name] for name in unknown} == {None}
    assert (row["dialled_talks"], row["rate_us"], row["rate_uk"]) == (1, 0.0, 0.0)


def logged_in(agent: str, at: float, lasted: float) -> Iterator[AgentChanged]:
    about: dict[str, Any] = {"seq": 0, "agent": agent, "name": "", "phone": "", "reason": "", "previous_reason": ""}
    yield AgentChanged(at=at, state="ready", previous="logged_out", lasted=0.0, **about)
    yield AgentChanged(at=at + lasted, state="logged_out", previous="ready", lasted=lasted, **about)


PEOPLE = pytest.mark.parametrize("people", cases([60, 160], fast=1))


def made_up(book: LedgerStore, seed: int, people: int) -> None:
    """40 days of two campaigns."""
    rng, dialler = Random(seed), Dialler(book)
    for index in range(people):
        campaign = rng.choice(("spring", "spring", "summer"))
        lead = dialler.load(f"+4420794{index:05}", MORNING - 50 * DAY, campaign)
        at = MORNING + rng.choice((0.0, 0.0, -rng.random() * 39)) * DAY + rng.random() * DAY / 2
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            outcome = rng.choice((*OUTCOMES, "answered", "answered"))
            more = {"disposition": rng.choice(("sold", "no", "wrong", ""))} if outcome == "answered" else {}
            more |= {"agent": "bob"} if outcome == "machine" and rng.random() < 0.2 else {}
            first = rng.random() < 0.1
            dialler.dial(lead, at, outcome, campaign=campaign, delay=rng.random() * 4, agent_first=first, **more)
            row = book.lead(campaign, lead.number)
            assert row is not None
            if row["state"] != "ready":
                break
            at = max(at, row["due_at"]) + rng.random() * 9000


@PEOPLE
@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_the_report_by_day_is_the_audit(store: HistoryStore, book: LedgerStore, seed: int, people: int) -> None:
    made_up(book, seed, people)
    begin, end = MORNING - 39 * DAY, MORNING + DAY
    rows = read(campaigns_report(store.database.engine, asked(begin, end, By.DAY, terms=TERMS)))
    for campaign in ("spring", "summer"):
        estimate = TERMS.campaigns[campaign].estimate
        of_days = {day.day: day for day in audit.days(book.attempts(campaign, 0.0, 1e12), ZONE)}
        reported = {row["interval"]: row for row in rows if row["campaign"] == campaign and row["attempts"]}
        assert set(reported) == {name for name, day in of_days.items() if day.attempts}
        for name, row in reported.items():
            day = of_days[name]
            assert (row["attempts"], row["live"], row["live_abandoned"]) == (day.attempts, day.live, day.abandoned)
            assert row["rate_us_window"] == (round(day.window_rate, 4) if day.window_live else None)
            assert row["rate_us"] == (round(day.rate, 4) if day.live else None)
            rate_uk = day.rate_uk(estimate)
            assert row["rate_uk"] == (None if rate_uk is None else pytest.approx(rate_uk, abs=1e-4)) or not day.live


@PEOPLE
@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_the_report_is_equal_to_the_live_figures_and_any_intervals_add_up(
    store: HistoryStore, book: LedgerStore, seed: int, people: int
) -> None:
    made_up(book, seed, people)
    tell(store, [*logged_in("amy", MORNING, DAY / 2), *logged_in("bob", MORNING - 3 * DAY, 4 * DAY)])
    engine = store.database.engine
    adds_up(lambda query: campaigns_report(engine, query), *NOW_ONLY)
    begin = MORNING // 3600 * 3600 - 39 * DAY
    for row in read(campaigns_report(engine, asked(begin, MORNING + DAY, terms=TERMS))):
        name = row["campaign"]
        live = [sum(hour[at] for hour in book.window(name, begin)) for at in (1, 2)]
        assert [row["live"], row["live_abandoned"]] == live
        outcomes = book.outcomes(name, begin)
        assert (row["attempts"], row["machines"], row["dialled_talks"]) == (
            sum(outcomes.values()),
            outcomes.get("machine", 0),
            outcomes["answered"],
        )
        codes = Counter(book.dispositions(name, begin))
        if name == "spring":
            assert (row["coded"], row["successes"]) == (codes["sold"] + codes["no"] + codes["wrong"], codes["sold"])
        leads = book.count(name)
        dialled = len({one["lead"] for one in book.attempts(name, 0.0, 1e12)})
        assert row["penetration"] == round(dialled / sum(leads.values()), 4)
        assert row["first_attempts"] == dialled


def test_agents_of_a_campaign_have_the_same_time_in_all_intervals_together(store: HistoryStore, book: LedgerStore) -> None:
    dialler = Dialler(book)
    dialler.dial(dialler.load("+442079460000"), MORNING + 3600, "answered", disposition="sold")
    tell(store, [*logged_in("amy", MORNING + 1800, 7200), *logged_in("bob", MORNING, 7200)])
    rows = read(campaigns_report(store.database.engine, asked(by=By.HOUR, terms=TERMS)))
    assert [row["agent_time"] for row in rows if row["agent_time"]] == [1800.0, 3600.0, 1800.0]
    assert [row["contacts_per_hour"] for row in rows if row["agent_time"]] == [0.0, 1.0, 0.0]
