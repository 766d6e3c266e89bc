"""Leads from files: what is entered, what is not and why, row by row; and the proof of a campaign's figures."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callbridge.adapters.database.attempt_counts import MachineEstimate
from callbridge.adapters.ledger import BlockEntry, LedgerStore, LedgerTerms
from callbridge.adapters.ledger.lead_files import BadFile
from callbridge.adapters.ledger.leads import BadLead, LeadReader, Loaded, load
from callbridge.cli import audit
from callbridge.core.model.attempt import Attempt, AttemptStage, Lead
from callbridge.core.model.calendar import Calendar
from callbridge.core.model.dial_rules import DialLimits, Frequency
from callbridge.core.model.numbers import SPREADSHEET
from callbridge.wire.csv_rows import UNCLOSED
from callbridge.wire.phone_numbers import PhoneNumbers
from tests.adapters.postgres import new_database

GERMAN = LeadReader(numbers=PhoneNumbers("DE"), zone="Europe/Berlin")
BRITISH = LeadReader(numbers=PhoneNumbers("GB"), zone="Europe/London")
DAY = 86400.0
CASES = Path(__file__).parents[1] / "cases" / "leads"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def book(request: pytest.FixtureRequest) -> Iterator[LedgerStore]:
    with closing(LedgerStore("sqlite://" if request.param == "sqlite" else new_database())) as made:
        made.open()
        yield made


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "leads.csv"
    path.write_bytes(text.encode(encoding))
    return path


def loaded(book: LedgerStore, path: Path, reader: LeadReader = BRITISH, **more: Any) -> Loaded:
    return load(book, "spring", path, reader, now=0.0, **more)


def why(result: Loaded) -> list[tuple[int, str]]:
    return [(line, reason) for line, _, reason in result.refused]


def test_rows_are_entered_and_every_other_one_is_told_with_its_line(book: LedgerStore, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "number,name,contract\n"
        "020 7946 0000,王小明,K1\n"
        "+44 20 7946 0000,twice,K2\n"
        "abc,nobody,K3\n"
        ",empty,K4\n"
        "+44 20 7946 00001234567,too long,K5\n"
        "+81 90 1234 5678,東京,K6\n"
        "+442079460999,blocked,K7\n"
        "+442079460998,never,K8\n",
    )
    book.block([BlockEntry("+442079460999", "", "asked", "", 0.0)])
    result = loaded(book, path, never=frozenset({"+442079460998"}))
    assert (result.rows, result.entered) == (8, 2)
    assert why(result) == [
        (3, "the same number as in line 2"),
        (4, "not a phone number"),
        (5, "no number"),
        (6, "a phone number that cannot exist"),
        (8, "on the do-not-call list"),
        (9, "on the do-not-call list"),
    ]
    lead = book.lead("spring", "+442079460000")
    assert lead is not None
    assert (lead["name"], lead["details"], lead["zones"]) == ("王小明", '{"contract": "K1"}', "Europe/London")
    tokyo = book.lead("spring", "+819012345678")
    assert tokyo is not None
    assert tokyo["zones"] == "Asia/Tokyo"


def test_a_value_that_no_database_takes_is_its_rows_alone(book: LedgerStore, tmp_path: Path) -> None:
    result = loaded(book, write(tmp_path, "number,name\n+442079460000,a\0b\n+442079460001,good\n"))
    assert (result.entered, why(result)) == (1, [(2, "a value with a NUL in it")])


def test_a_second_load_enters_nothing_twice(book: LedgerStore, tmp_path: Path) -> None:
    path = write(tmp_path, "number\n" + "".join(f"+4420794600{n:02d}\n" for n in range(10)))
    assert loaded(book, path).entered == 10
    again = loaded(book, path)
    assert (again.entered, {reason for _, reason in why(again)}) == (0, {"the campaign has this number already"})


def test_columns_may_have_other_names_and_more_is_told(book: LedgerStore, tmp_path: Path) -> None:
    path = write(
        tmp_path, "Phone;x,Telefon,Name,when,who,tz,urgency\na,02079460001,Ann,2026-11-30T14:00,1001,America/New_York,7\n"
    )
    columns = {"number": "Telefon", "name": "Name", "due": "when", "agent": "who", "timezone": "tz", "priority": "urgency"}
    reader = LeadReader(numbers=PhoneNumbers("GB"), zone="Europe/London", columns=columns)
    assert loaded(book, path, reader, agents=frozenset({"1001"})).entered == 1
    lead = book.lead("spring", "+442079460001")
    assert lead is not None
    assert (lead["agent"], lead["zones"], lead["priority"]) == ("1001", "America/New_York", 7)
    assert lead["due_at"] == 1796065200.0  # 14:00 in New York


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("02079460001,,,nobody,", "no such agent: nobody"),
        ("02079460001,Mars/Base,,,", "no such time zone: Mars/Base"),
        ("02079460001,,tomorrow,,", "due is not a time such as 2026-11-30T14:00: tomorrow"),
        ("02079460001,,,,high", "priority is not a whole number: high"),
        (f"02079460001,,,,{'9' * 300}", "a value of more than 200 characters"),
    ],
)
def test_a_bad_value_says_which(book: LedgerStore, tmp_path: Path, row: str, reason: str) -> None:
    path = write(tmp_path, f"number,timezone,due,agent,priority\n{row}\n")
    assert why(loaded(book, path, agents=frozenset({"1001"}))) == [(2, reason)]


def test_a_national_number_needs_a_region() -> None:
    with pytest.raises(BadLead, match="not a phone number"):
        LeadReader(numbers=PhoneNumbers(), zone="UTC").lead({"number": "020 7946 0000"})


def test_all_places_count_where_a_number_may_be() -> None:
    zones = LeadReader(numbers=PhoneNumbers(), zone="UTC").lead({"number": "+1 800 253 0000"})["zones"]
    assert {"America/New_York", "America/Los_Angeles"} <= set(zones)


@pytest.mark.parametrize(
    ("text", "reason"), [("", "is empty"), ("name,phone\nx,y\n", "no column 'number' .there are: name, phone")]
)
def test_a_file_without_numbers_is_refused_whole(book: LedgerStore, tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadFile, match=reason):
        loaded(book, write(tmp_path, text))
    with pytest.raises(BadFile, match="No such file"):
        loaded(book, tmp_path / "none.csv")


def test_decimals_of_a_spreadsheet_are_refused_by_line_and_nobody_is_called(book: LedgerStore) -> None:
    result = loaded(book, CASES / "01-decimals-of-a-spreadsheet.csv", GERMAN)
    assert (result.rows, result.entered) == (6, 1)
    assert why(result) == [(line, SPREADSHEET) for line in range(2, 7)]
    assert [number for _, number, _ in result.refused][:2] == ["493012345678.0", "4930123456.0"]
    assert book.lead("spring", "+4930123459") is not None


@pytest.mark.parametrize("written", ["030123456.0", "030123457,0", "4,93E+11", "+4930123456.0"])
def test_what_a_spreadsheet_has_written_is_no_number_to_block_or_to_ask_about(written: str) -> None:
    assert GERMAN.numbers.canonical(written) == ""
    assert GERMAN.numbers.canonical("030 123456") == "+4930123456"


def test_a_decimal_comma_without_quotes_is_named_for_what_it_is(book: LedgerStore, tmp_path: Path) -> None:
    result = loaded(book, write(tmp_path, "name,number,city\nDora,030123457,0,Berlin\nEmil,4,93E+11\nFritz,+4930123459,Bonn\n"))
    assert (result.entered, why(result)) == (1, [(2, SPREADSHEET), (3, SPREADSHEET)])


def test_an_address_in_three_lines_is_one_row(book: LedgerStore) -> None:
    result = loaded(book, CASES / "02-address-in-three-lines.csv")
    assert (result.rows, result.entered, result.refused) == (2, 2, [])
    ann = book.lead("spring", "+442079460001")
    assert ann is not None
    assert json.loads(ann["details"]) == {"address": "1 High St\nLondon\nW1"}


def test_after_a_row_of_several_lines_the_lines_are_still_those_of_the_file(book: LedgerStore, tmp_path: Path) -> None:
    text = 'number,name\n+442079460001,"Ann\nSmith"\nnone,Bob\n+442079460002,"Carl\n+442079460003,Dan\n'
    result = loaded(book, write(tmp_path, text))
    assert (result.entered, why(result)) == (2, [(4, "not a phone number"), (5, UNCLOSED)])
    ann = book.lead("spring", "+442079460001")
    assert ann is not None
    assert ann["name"] == "Ann Smith", "a phone shows names in one line"


def test_a_stray_quote_costs_its_own_line_and_not_the_rest_of_the_file(book: LedgerStore, tmp_path: Path) -> None:
    text = 'number,name\n+442079460000,"Ann\n' + "".join(f"+4420794600{n},Bob\n" for n in range(10, 90))
    result = loaded(book, write(tmp_path, text))
    assert (result.entered, why(result)) == (80, [(2, UNCLOSED)])
    with pytest.raises(BadFile, match="line 1: a quote that is not closed"):
        loaded(book, write(tmp_path, 'number,"name\n+442079460000,Ann\n'))


def test_a_value_that_seems_to_hold_rows_is_refused_with_all_its_lines(book: LedgerStore, tmp_path: Path) -> None:
    text = 'number,name,note\n+442079460111,Bob,"said: call my wife\n+442079460222,any time"\n+442079460333,Eve,\n'
    result = loaded(book, write(tmp_path, text))
    assert (result.entered, [line for line, _ in why(result)]) == (1, [2, 3])


def test_a_number_that_may_be_where_it_is_never_open_at_once_needs_its_zone(book: LedgerStore, tmp_path: Path) -> None:
    calendar = Calendar("day", ZoneInfo("UTC"), (((9 * 60, 18 * 60),),) * 7)
    reader = LeadReader(numbers=PhoneNumbers("US"), zone="America/New_York", calendar=calendar)
    result = loaded(book, write(tmp_path, "number,timezone\n+1 800 253 0000,\n+1 800 253 0001,America/New_York\n"), reader)
    assert result.entered == 1
    assert "give its timezone" in why(result)[0][1]


# -- the proof --------------------------------------------------------------------------------------------------------

TERMS = LedgerTerms(DialLimits(), Frequency(99, 0.0))


def made(book: LedgerStore, day: int, outcome: str, *, delay: float = 0.5, first: bool = False) -> None:
    """One attempt on that day of the year."""
    index = sum(book.count("spring").values())
    at = 1_767_268_800.0 + day * DAY  # 2026-01-01 12:00 UTC
    number = f"+4420794{index:05d}"
    book.load("spring", [{"number": number}], at)
    lead = book.lead("spring", number)
    assert lead is not None
    book.reserve("spring", TERMS, [(f"a{index}", lead["id"])], at)
    known = Lead(id=lead["id"], number=number)
    answered_at = at if outcome in ("answered", "abandoned") else None
    attempt = Attempt(
        id=f"a{index}", campaign="spring", lead=known, stage=AttemptStage.CLOSING, outcome=outcome, answered_at=answered_at,
        agent_first=first,
    )  # fmt: skip
    book.record(attempt, TERMS, at + delay)


def test_days_and_windows_are_counted_call_by_call(book: LedgerStore) -> None:
    for outcome in ["answered"] * 8 + ["abandoned", "busy", "unknown"]:
        made(book, 0, outcome)
    made(book, 0, "answered", delay=2.5)
    made(book, 0, "answered", first=True)
    for _ in range(4):
        made(book, 29, "answered")
    made(book, 30, "abandoned")
    found = {day.day: day for day in audit.days(book.attempts("spring", 0.0, 1e12), ZoneInfo("UTC"))}
    assert len(found) == 31
    first, last = found["2026-01-01"], found["2026-01-31"]
    assert (first.attempts, first.live, first.abandoned) == (13, 11, 3)
    assert first.rate == pytest.approx(3 / 11)
    assert first.rate_uk(MachineEstimate()) == pytest.approx(3 / (3 + 8))
    assert (found["2026-01-30"].window_live, found["2026-01-30"].window_abandoned) == (15, 3)
    assert (last.window_live, last.window_abandoned) == (5, 1), "the first day has left the window"
    assert found["2026-01-15"].attempts == 0


def test_the_british_rate_is_that_of_a_known_example() -> None:
    """VICIdial's documents: 29 abandoned, 9 people and 7 machines that agents had."""
    day = audit.Day("2026-01-01", 60, 38, 29, 38, 29, told_as_machines=7)
    assert day.rate == pytest.approx(29 / 38), "any of the abandoned ones may have been a person"
    assert day.rate_uk(MachineEstimate()) == pytest.approx(16.3125 / 25.3125)
    assert audit.Day("2026-01-01", 3, 0, 0, 0, 0).rate_uk(MachineEstimate()) == 0.0
    assert audit.Day("2026-01-01", 3, 0, 0, 0, 0).rate_uk(MachineEstimate(True, 0.03)) == 0.0


def test_people_whom_an_agent_had_too_late_are_no_machines() -> None:
    day = audit.Day("2026-01-01", 120, 70, 20, 70, 20, told_as_machines=50, late=20)
    assert day.rate_uk(MachineEstimate()) == pytest.approx(20 / 70)


def test_a_campaign_that_listened_once_needs_its_estimate_still() -> None:
    day = audit.Day("2026-01-01", 13, 9, 2, 9, 2, taken_for_machines=4)
    assert day.rate_uk(MachineEstimate()) is None
    assert audit.Day("2026-01-01", 6, 5, 5, 5, 5, told_as_machines=1).rate_uk(MachineEstimate()) is None, "nobody knows"


def test_machines_of_agents_who_were_there_first_say_nothing_of_the_others(book: LedgerStore) -> None:
    made(book, 0, "unknown")
    for _ in range(3):
        made(book, 0, "machine", first=True)
    (day,) = audit.days(book.attempts("spring", 0.0, 1e12), ZoneInfo("UTC"))
    assert day.rate_uk(MachineEstimate()) == 1.0


def test_every_attempt_is_a_row_of_the_proof(book: LedgerStore, tmp_path: Path) -> None:
    for outcome in ("answered", "abandoned", "busy"):
        made(book, 0, outcome)
    assert audit.export(book.attempts("spring", 0.0, 1e12), tmp_path / "proof.csv", ZoneInfo("Europe/London")) == 3
    with (tmp_path / "proof.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["outcome"] for row in rows] == ["answered", "abandoned", "busy"]
    assert rows[0]["connected_at"] == "2026-01-01T12:00:00.500+00:00"
    assert rows[2]["answered_at"] == ""


def test_no_attempts_no_days(book: LedgerStore) -> None:
    assert audit.days(book.attempts("spring", 0.0, 1e12), ZoneInfo("UTC")) == []
