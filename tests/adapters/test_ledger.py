"""The campaigns' ledger: nothing lost, nothing dialled twice, and no rule broken whatever happens in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy.exc import OperationalError

from callbridge.adapters.database import BadDatabase
from callbridge.adapters.ledger import BlockEntry, LedgerStore, LedgerTerms, LedgerWriter
from callbridge.adapters.system.tasks import end
from callbridge.core.model.attempt import Attempt, AttemptStage, Lead
from callbridge.core.model.calendar import Calendar
from callbridge.core.model.dial_rules import DAY, DialLimits, Frequency
from callbridge.core.model.events import AnyEvent, AttemptClosed, AttemptsReserved, LeadsFound, NumberBlocked
from callbridge.core.model.orders import BlockNumber, CloseAttempt, FindLeads, OfLedger, ReserveAttempts
from tests.adapters.postgres import new_database
from tests.adapters.waiting import HANGS

T0 = 1_000_000.0
TERMS = LedgerTerms(
    DialLimits(retry={"busy": 600.0, "no_answer": 3600.0}), Frequency(per_day=50, gap=0.0), again={"later": 900.0}
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def book(request: pytest.FixtureRequest) -> Iterator[LedgerStore]:
    with closing(LedgerStore("sqlite://" if request.param == "sqlite" else new_database())) as made:
        made.open()
        yield made


def number(index: int) -> str:
    return f"+4420794{index:05d}"


def fill(book: LedgerStore, count: int = 3, campaign: str = "spring", **more: Any) -> None:
    book.load(campaign, [{"number": number(index), "name": f"王 {index}", **more} for index in range(count)], T0)


def attempt(id: str, lead: int = 1, outcome: str = "busy", **more: Any) -> Attempt:
    known = Lead(id=lead, number=number(lead - 1))
    return Attempt(id=id, campaign="spring", lead=known, stage=AttemptStage.CLOSING, outcome=outcome, reserved_at=T0, **more)


def state(book: LedgerStore, index: int = 0) -> tuple[str, str, int]:
    lead = book.lead("spring", number(index))
    assert lead is not None
    return lead["state"], lead["outcome"], lead["attempts"]


def test_leads_are_entered_once(book: LedgerStore) -> None:
    fill(book)
    assert book.load("spring", [{"number": number(0)}, {"number": number(9)}], T0) == {number(0)}
    assert book.count("spring") == {"ready": 4}
    assert book.load("summer", [{"number": number(0)}], T0) == set()


def test_the_most_urgent_are_found_first_and_those_at_hand_left_out(book: LedgerStore) -> None:
    fill(book)
    book.load("spring", [{"number": number(7), "priority": 5, "details": {"contract": "K7"}, "zones": ("Asia/Tokyo",)}], T0)
    found, ready = book.find("spring", TERMS, 2, {1}, T0)
    assert [lead.number for lead in found] == [number(7), number(1)]
    assert ready == 4
    assert (found[0].values, found[0].zones) == ((("contract", "K7"),), ("Asia/Tokyo",))


def test_leads_for_one_agent_are_found_unless_the_agent_is_busy(book: LedgerStore) -> None:
    for index, agent in enumerate(("", "amy", "bob", "gone")):
        book.load("spring", [{"number": number(index), "agent": agent}], T0)
    found, ready = book.find("spring", TERMS, 9, (), T0, {"bob"})
    assert ([lead.agent for lead in found], ready) == (["", "amy", "gone"], 3)


def test_an_agent_has_the_own_leads_and_calls_one_now(book: LedgerStore) -> None:
    later = {"agent": "amy", "due_at": T0 + 5000.0}
    book.load("spring", [{"number": number(index), **later} for index in range(3)], T0)
    book.load("summer", [{"number": number(0), "agent": "amy", "due_at": T0 + 10.0}], T0)
    book.load("spring", [{"number": number(7)}, {"number": number(8), "agent": "bob"}], T0)
    own = book.own_leads("amy", 3)
    assert [(lead["campaign"], lead["number"]) for lead in own] == [
        ("summer", number(0)),
        ("spring", number(0)),
        ("spring", number(1)),
    ]
    assert book.own_leads("", 9) == []
    chosen = own[2]["id"]
    assert not book.call_now("bob", chosen, T0)
    assert not book.call_now("", own[0]["id"] + 3, T0)
    assert not book.call_now("amy", 4711, T0)
    assert book.call_now("amy", chosen, T0)
    assert [lead.id for lead in book.find("spring", TERMS, 1, (), T0)[0]] == [chosen]
    book.reserve("spring", TERMS, [("a1", chosen)], T0)
    assert not book.call_now("amy", chosen, T0), "it is being called"
    assert chosen not in [lead["id"] for lead in book.own_leads("amy", 9)]


def test_a_reservation_is_made_once_and_taken_back_whole(book: LedgerStore) -> None:
    fill(book)
    assert book.reserve("spring", TERMS, [("a1", 1), ("a2", 1), ("a3", 99)], T0)[0] == ("a1",)
    assert state(book) == ("dialling", "", 1)
    book.record(attempt("a1", outcome="unsent"), TERMS, T0)
    assert state(book) == ("ready", "", 0)
    assert book.outcomes("spring", 0.0) == {}
    assert book.reserve("spring", TERMS, [("a4", 1)], T0)[0] == ()
    assert book.reserve("spring", TERMS, [("a4", 1)], T0 + 10)[0] == ("a4",)
    assert book.reserve("spring", TERMS, [("a4", 1)], T0 + 10)[0] == ("a4",), "asked twice, as after an answer that was lost"


def test_an_outcome_is_written_once_however_often_it_is_told(book: LedgerStore) -> None:
    fill(book)
    book.reserve("spring", TERMS, [("a1", 1)], T0)
    for _ in range(3):
        book.record(attempt("a1"), TERMS, T0 + 5)
    assert state(book) == ("ready", "busy", 1)
    assert book.outcomes("spring", 0.0) == {"busy": 1}
    assert book.find("spring", TERMS, 1, {2, 3}, T0 + 604)[0] == ()
    assert [lead.id for lead in book.find("spring", TERMS, 1, {2, 3}, T0 + 606)[0]] == [1]


def test_unsent_never_undoes_an_outcome(book: LedgerStore) -> None:
    fill(book)
    book.reserve("spring", TERMS, [("a1", 1)], T0)
    book.record(attempt("a1"), TERMS, T0)
    book.record(attempt("a1", outcome="unsent"), TERMS, T0)
    assert book.outcomes("spring", 0.0) == {"busy": 1}


@pytest.mark.parametrize(("outcome", "left"), [("answered", "done"), ("invalid", "done"), ("no_answer", "ready")])
def test_where_a_lead_stands_after_an_attempt(book: LedgerStore, outcome: str, left: str) -> None:
    fill(book)
    book.reserve("spring", TERMS, [("a1", 1)], T0)
    book.record(attempt("a1", outcome=outcome, answered_at=T0), TERMS, T0 + 1)
    assert state(book)[0] == left


def test_a_late_agent_counts_as_abandoned_and_an_agent_who_was_first_never(book: LedgerStore) -> None:
    fill(book)
    book.reserve("spring", TERMS, [("a1", 1), ("a2", 2), ("a3", 3)], T0)
    for name, lead, more in (("a1", 1, {}), ("a2", 2, {"agent_first": True}), ("a3", 3, {})):
        book.record(attempt(name, lead, "answered", answered_at=T0, **more), TERMS, T0 + (1.9 if name == "a3" else 2.5))
    counted = {row["id"]: (row["live"], row["abandoned"]) for row in book.attempts("spring", 0.0, 1e12)}
    assert counted == {"a1": (1, 1), "a2": (0, 0), "a3": (1, 0)}
    assert book.window("spring", 0.0) == [(T0 // 3600 * 3600, 2, 1)]


def test_what_nobody_knows_any_more_is_unknown_and_counts(book: LedgerStore) -> None:
    fill(book)
    book.reserve("spring", TERMS, [("a1", 1), ("a2", 2)], T0)
    assert book.sweep({"a2"}, {"spring": TERMS}, T0 + 60) == 1
    assert state(book)[1] == "unknown"
    assert state(book, 1)[0] == "dialling"
    assert book.window("spring", 0.0) == [(T0 // 3600 * 3600, 1, 1)]


def test_a_disposition_ends_a_lead_or_calls_back(book: LedgerStore) -> None:
    fill(book)
    for name, lead in (("a1", 1), ("a2", 2), ("a3", 3)):
        book.reserve("spring", TERMS, [(name, lead)], T0)
        book.record(attempt(name, lead, "answered", answered_at=T0), TERMS, T0)
    said: list[tuple[str, int, dict[str, Any]]] = [
        ("a1", 1, {"disposition": "sold"}),
        ("a2", 2, {"disposition": "later"}),
        ("a3", 3, {"disposition": "date", "call_back_at": T0 + 50, "call_back_by": "amy"}),
    ]
    for name, lead, more in said * 2:
        book.record(attempt(name, lead, "answered", answered_at=T0, connected_at=T0, **more), TERMS, T0)
    assert book.dispositions("spring", 0.0) == {"sold": 1, "later": 1, "date": 1}
    rows = [book.lead("spring", number(index)) or {} for index in range(3)]
    assert [(row["state"], row["due_at"], row["agent"]) for row in rows] == [
        ("done", 0.0, ""),
        ("ready", T0 + 900, ""),
        ("ready", T0 + 50, "amy"),
    ]


def test_the_do_not_call_list(book: LedgerStore) -> None:
    book.block([BlockEntry(number(0), "", "asked", "sue", T0), BlockEntry(number(1), "spring", "asked", "sue", T0, T0 + 10)])
    book.block([BlockEntry(number(0), "", "complaint", "bob", T0)])
    assert book.blocks([number(0), number(1), number(2)], "spring", T0) == {number(0), number(1)}
    assert book.blocks([number(0), number(1)], "summer", T0) == {number(0)}
    assert book.blocks([number(1)], "spring", T0 + 11) == set()
    assert [one.reason for one in book.list_blocks() if one.number == number(0)] == ["complaint"]
    assert book.unblock(number(0).lstrip("+"), "")
    assert not book.unblock(number(0), "")


def test_blocked_after_it_was_found_is_not_reserved(book: LedgerStore) -> None:
    fill(book)
    (lead, *_), _ = book.find("spring", TERMS, 3, (), T0)
    book.block([BlockEntry(lead.number, "", "asked", "sue", T0)])
    reserved, refused = book.reserve("spring", TERMS, [("a1", lead.id)], T0)
    assert reserved == ()
    assert "a1" in refused
    assert book.count("spring") == {"ready": 2, "done: do_not_call": 1}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "not a database"),
        ("oracle+nothing://x", "not a database"),
        ("sqlite:////no/such/folder/x.db", "unable to open"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(url: str, why: str) -> None:
    with pytest.raises(BadDatabase, match=why) as caught:
        LedgerStore(url).open()
    assert "\n" not in str(caught.value)


def test_a_newer_ledger_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    with closing(LedgerStore(url)) as first:
        first.open()
        with first._engine.begin() as link:
            link.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with closing(LedgerStore(url)) as second, pytest.raises(BadDatabase, match="newer"):
        second.open()


def test_it_is_all_there_after_a_restart_and_two_may_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    with closing(LedgerStore(url)) as first, closing(LedgerStore(url)) as second:
        first.open()
        second.open()
        fill(first)
        second.reserve("spring", TERMS, [("a1", 1)], T0)
        first.block([BlockEntry(number(1), "", "asked", "", T0)])
    with closing(LedgerStore(url)) as third:
        third.open()
        assert third.count("spring") == {"ready": 2, "dialling": 1}
        assert third.blocks([number(1)], "spring", T0) == {number(1)}


def test_what_an_agent_says_of_a_machine_holds_against_the_campaigns_own_delay(book: LedgerStore) -> None:
    terms = LedgerTerms(DialLimits(retry={"machine": DAY}), Frequency(per_day=50, gap=0.0), again={"nobody": 900.0})
    fill(book, 1)
    book.reserve("spring", terms, [("a1", 1)], T0)
    book.record(attempt("a1", outcome="machine", agent="amy", disposition="nobody"), terms, T0)
    assert book.find("spring", terms, 1, (), T0 + 800.0)[0] == ()
    assert len(book.find("spring", terms, 1, (), T0 + 1000.0)[0]) == 1


# -- the keeper -------------------------------------------------------------------------------------------------------


class Flaky(LedgerStore):
    """A database that is away for a while."""

    away = 0

    def reserve(self, *args: Any, **more: Any) -> Any:
        if self.away:
            self.away -= 1
            raise OperationalError("INSERT", {}, Exception("disk full"))
        return super().reserve(*args, **more)


async def told_by(book: LedgerStore, *orders: OfLedger) -> tuple[list[AnyEvent], LedgerWriter]:
    told: list[AnyEvent] = []
    keeper = LedgerWriter(book, told.append, lambda: T0, lambda: T0)
    keeper.adopt({"spring": TERMS})
    running = asyncio.create_task(keeper.run())
    for order in orders:
        keeper.perform(order)
    async with asyncio.timeout(HANGS):
        while keeper.waiting:
            await asyncio.sleep(0.01)
    await end((running,))
    return told, keeper


async def test_orders_are_carried_out_one_after_the_other_and_answered(book: LedgerStore) -> None:
    fill(book)
    told, _ = await told_by(
        book,
        FindLeads(campaign="spring", count=2),
        ReserveAttempts(campaign="spring", attempts=(("a1", 1),)),
        CloseAttempt(attempt=attempt("a1", outcome="answered", answered_at=T0), at=T0 + 1),
        CloseAttempt(attempt=attempt("a1", outcome="answered", answered_at=T0, disposition="later"), at=T0 + 9),
        BlockNumber(number=number(2), campaign="", reason="asked", by="amy"),
    )
    assert [type(event) for event in told] == [LeadsFound, AttemptsReserved, AttemptClosed, NumberBlocked], "the later word"
    assert book.dispositions("spring", 0.0) == {"later": 1}
    assert state(book)[0] == "ready"
    assert book.blocks([number(2)], "spring", T0) == {number(2)}


async def test_a_campaign_that_is_no_more_gets_an_answer_all_the_same(book: LedgerStore) -> None:
    told, _ = await told_by(book, FindLeads(campaign="gone", count=2), ReserveAttempts(campaign="gone", attempts=(("a1", 1),)))
    assert isinstance(told[0], LeadsFound)
    assert isinstance(told[1], AttemptsReserved)
    assert told[1].reserved == ()


async def test_a_database_that_is_away_is_waited_for() -> None:
    with closing(Flaky("sqlite://")) as book:
        book.open()
        fill(book)
        book.away = 1
        told, keeper = await told_by(book, ReserveAttempts(campaign="spring", attempts=(("a1", 1),)))
        assert keeper.troubled == ""
        (reserved,) = told
        assert isinstance(reserved, AttemptsReserved)
        assert reserved.reserved == ("a1",)


# -- no rule is ever broken -------------------------------------------------------------------------------------------

ZONES = ("Europe/London", "Asia/Tokyo", "America/New_York")
WEEK = (((8 * 60, 20 * 60),),) * 6 + ((),)
CALENDAR = Calendar("day", ZoneInfo("UTC"), WEEK)
RETRY = {"busy": 600.0, "no_answer": 7200.0, "abandoned": 60.0, "unknown": 60.0}
WAITS = RETRY | {"final": float("inf")}
CAMPAIGNS = {
    "spring": LedgerTerms(DialLimits(CALENDAR, per_day=2, most=4, retry=RETRY), Frequency(2, 900.0)),
    "summer": LedgerTerms(DialLimits(CALENDAR, per_day=1, most=9, retry=RETRY), Frequency(2, 900.0)),
}


class Dialling(RuleBasedStateMachine):
    """Two campaigns, the same five people, in any order of events; the clock jumps and the machine restarts. What may not be is
    written down a second time here, in other words."""

    @staticmethod
    def new_database() -> str:
        return "sqlite://"

    def __init__(self) -> None:
        super().__init__()
        self.book = LedgerStore(self.new_database())
        self.book.open()
        self.wall = 1_795_000_000.0
        self.open: dict[str, tuple[str, int, int]] = {}
        """Attempt -> campaign, lead, person."""
        self.dialled: list[tuple[float, str, int, str]] = []
        """(when, campaign, person, attempt)"""
        self.outcome: dict[str, str] = {}
        self.blocked: dict[tuple[str, int], float] = {}
        self.minted = 0
        for campaign in CAMPAIGNS:
            rows = [{"number": number(person), "zones": (ZONES[person % 3],)} for person in range(5)]
            self.book.load(campaign, rows, self.wall)

    def teardown(self) -> None:
        self.book.close()

    @rule(campaign=st.sampled_from(sorted(CAMPAIGNS)), count=st.integers(1, 5))
    def dial(self, campaign: str, count: int) -> None:
        found, _ = self.book.find(campaign, CAMPAIGNS[campaign], count, (), self.wall)
        wanted = []
        for lead in found:
            self.minted += 1
            wanted.append((f"a{self.minted}", lead.id))
        reserved, refused = self.book.reserve(campaign, CAMPAIGNS[campaign], wanted, self.wall)
        assert {*reserved, *refused} == {name for name, _ in wanted}
        by_id = {lead.id: lead for lead in found}
        for name, lead_id in wanted:
            if name in reserved:
                person = next(index for index in range(5) if number(index) == by_id[lead_id].number)
                self.check(campaign, person)
                self.open[name] = (campaign, lead_id, person)
                self.dialled.append((self.wall, campaign, person, name))

    def check(self, campaign: str, person: int) -> None:
        from datetime import datetime

        zone = ZoneInfo(ZONES[person % 3])
        here = datetime.fromtimestamp(self.wall, zone)
        assert here.weekday() < 6, "never on a Sunday"
        assert 8 <= here.hour < 20, "not at night"
        for scope in ("", campaign):
            assert self.blocked.get((scope, person), 0.0) <= self.wall, "never again means never again"
        theirs = [(at, by, name) for at, by, who, name in self.dialled if who == person]
        own = [(at, name) for at, by, name in theirs if by == campaign]
        assert all(self.wall - at >= 900 for at, _, _ in theirs), "the gap between campaigns"

        def today(at: float) -> bool:
            return datetime.fromtimestamp(at, zone).date() == here.date()

        assert sum(today(at) for at, _, _ in theirs) < 2
        assert sum(today(at) for at, _ in own) < (2 if campaign == "spring" else 1)
        assert len(own) < (4 if campaign == "spring" else 9)
        for at, _, name in theirs:
            if self.outcome.get(name) in ("abandoned", "unknown"):
                assert self.wall - at >= 3 * DAY, "anybody who was left alone is left in peace"
        if own:
            at, name = max(own)
            assert name in self.outcome, "one attempt at a time"
            assert self.wall - at >= WAITS[self.outcome[name]]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), outcome=st.sampled_from([*RETRY, "answered", "invalid", "unsent"]))
    def end(self, data: st.DataObject, outcome: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        campaign, lead, person = self.open.pop(name)
        known = Lead(id=lead, number=number(person))
        done = Attempt(id=name, campaign=campaign, lead=known, stage=AttemptStage.CLOSING, outcome=outcome, answered_at=self.wall)
        self.book.record(done, CAMPAIGNS[campaign], self.wall)
        if outcome == "unsent":
            self.dialled = [one for one in self.dialled if one[3] != name]
        else:
            self.outcome[name] = outcome
            if outcome in ("answered", "invalid"):
                self.outcome[name] = "final"

    @rule()
    def restart(self) -> None:
        """The saved world is lost: what was under way is unknown."""
        self.book.sweep((), CAMPAIGNS, self.wall)
        for name in self.open:
            self.outcome[name] = "unknown"
        self.open.clear()

    @rule(person=st.integers(0, 4), scope=st.sampled_from(["", "spring"]), lasts=st.sampled_from([None, 3600.0, 2 * DAY]))
    def block(self, person: int, scope: str, lasts: float | None) -> None:
        ends = None if lasts is None else self.wall + lasts
        self.book.block([BlockEntry(number(person), scope, "asked", "", self.wall, ends)])
        self.blocked[scope, person] = float("inf") if ends is None else ends

    @rule(person=st.integers(0, 4), scope=st.sampled_from(["", "spring"]))
    def unblock(self, person: int, scope: str) -> None:
        assert self.book.unblock(number(person), scope) == ((scope, person) in self.blocked)
        self.blocked.pop((scope, person), None)

    @rule(seconds=st.sampled_from([1.0, 60.0, 900.0, 3600.0, 6 * 3600.0, DAY, 3 * DAY]))
    def pass_time(self, seconds: float) -> None:
        self.wall += seconds

    @rule(seconds=st.sampled_from([-3600.0, -30.0, 30.0, 3600.0]))
    def set_clock(self, seconds: float) -> None:
        """Somebody sets the wall clock; the past is what was written."""
        if seconds > 0 or not self.dialled or self.wall + seconds > max(at for at, *_ in self.dialled):
            self.wall += seconds

    @invariant()
    def nothing_is_lost(self) -> None:
        for campaign in CAMPAIGNS:
            counts = self.book.count(campaign)
            assert sum(counts.values()) == 5
            under_way = sum(1 for by, _, _ in self.open.values() if by == campaign)
            assert counts.get("dialling", 0) == under_way


class DiallingOnPostgres(Dialling):
    new_database = staticmethod(new_database)


TestDialling = pytest.mark.timeout(240)(pytest.mark.slow(Dialling.TestCase))
TestDialling.settings = settings(
    max_examples=25, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestDiallingOnPostgres = pytest.mark.timeout(240)(pytest.mark.slow(DiallingOnPostgres.TestCase))
TestDiallingOnPostgres.settings = settings(
    max_examples=25, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
