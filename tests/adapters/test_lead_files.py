"""Files of leads as spreadsheets write them: recognised and read, or refused with the way out, and no number guessed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from callbridge.adapters.ledger import LedgerStore
from callbridge.adapters.ledger.lead_files import BadFile, lead_file
from callbridge.adapters.ledger.leads import LeadReader, Loaded, load
from callbridge.core.model.numbers import SPREADSHEET
from callbridge.wire.phone_numbers import LETTERS, PREMIUM, TWO_NUMBERS, WITH_EXTENSION, PhoneNumbers, Written
from tests.examples import cases, examples
from tests.memory_ledger import opened

pytestmark = pytest.mark.slow

CASES = Path(__file__).parents[1] / "cases" / "leads"
BRITISH = LeadReader(numbers=PhoneNumbers("GB"), zone="Europe/London")
GERMAN = LeadReader(numbers=PhoneNumbers("DE"), zone="Europe/Berlin")
UTF8 = "UTF-8, columns separated by commas"
CHINESE = LeadReader(numbers=PhoneNumbers("CN"), zone="Asia/Shanghai")


@pytest.fixture
def book() -> Iterator[LedgerStore]:
    with closing(opened()) as made:
        yield made


def loaded(book: LedgerStore, path: Path, reader: LeadReader = BRITISH, **more: Any) -> Loaded:
    return load(book, "spring", path, reader, now=0.0, **more)


def why(result: Loaded) -> list[tuple[int, str]]:
    return [(line, reason) for line, _, reason in result.refused]


def names(book: LedgerStore, *numbers: str) -> list[str]:
    found = [book.lead("spring", number) for number in numbers]
    return ["" if lead is None else lead["name"] for lead in found]


def test_two_numbers_in_a_cell_and_extensions_are_refused_by_name(book: LedgerStore) -> None:
    result = loaded(book, CASES / "03-two-numbers-in-a-cell.csv")
    assert (result.entered, why(result)) == (
        0,
        [(2, TWO_NUMBERS), (3, TWO_NUMBERS), (4, WITH_EXTENSION.format(extension="12"))],
    )


def test_the_first_of_two_numbers_is_taken_where_that_is_wanted(book: LedgerStore) -> None:
    reader = LeadReader(numbers=PhoneNumbers("GB"), zone="Europe/London", first=True)
    result = loaded(book, CASES / "03-two-numbers-in-a-cell.csv", reader)
    assert (result.entered, [line for line, _ in why(result)]) == (2, [4])
    assert names(book, "+442079460001", "+442079460002") == ["Ann", "Ben"]


def test_a_column_that_may_be_meant_in_two_ways_is_asked_about_before_anything_is_entered(book: LedgerStore) -> None:
    path = CASES / "04-international-without-plus.csv"
    with pytest.raises(BadFile, match=r"4 of 4 numbers would be valid with a \+.*--international or --national"):
        loaded(book, path, GERMAN)
    assert book.count("spring") == {}
    told = LeadReader(numbers=PhoneNumbers("DE", Written.INTERNATIONAL), zone="Europe/Berlin")
    assert loaded(book, path, told).entered == 4
    assert names(book, "+5511987654321", "+8613800138000", "+493012345678", "+442079460002") == ["Ana", "Li", "Anna", "Ben"]
    national = LeadReader(numbers=PhoneNumbers("DE", Written.NATIONAL), zone="Europe/Berlin")
    assert loaded(book, path, national).entered == 3
    assert names(book, "+495511987654321") == ["Ana"]


def test_digits_that_can_only_be_international_are_no_question(book: LedgerStore) -> None:
    assert loaded(book, CASES / "04-international-without-plus.csv").entered == 4


@pytest.mark.parametrize(
    ("case", "reader", "read_as", "wanted"),
    [
        ("05-utf16-tab", BRITISH, "UTF-16, columns separated by tabs", {"+442079460001": "王小明", "+442079460002": "Jürgen"}),
        ("06-semicolons-cp1252", BRITISH, "Windows-1252, columns separated by semicolons", {"+442079460001": "Müller – Söhne"}),
        (
            "07-invisible-characters",
            BRITISH,
            UTF8,
            {"+442079460001": "Ann", "+442079460002": "Ben"},
        ),
        ("08-gb18030", CHINESE, "GB18030, columns separated by commas", {"+8613800138000": "王小明"}),
    ],
)
def test_encoding_and_separator_are_recognised_and_told(
    book: LedgerStore, case: str, reader: LeadReader, read_as: str, wanted: dict[str, str]
) -> None:
    result = loaded(book, CASES / f"{case}.csv", reader)
    assert (result.entered, why(result), result.read_as) == (len(wanted), [], read_as)
    assert dict(zip(wanted, names(book, *wanted), strict=True)) == wanted


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", cases(["", "sep={}\r\n"], fast=1))
def test_what_programs_write_is_read(book: LedgerStore, tmp_path: Path, encoding: str, delimiter: str, first: str) -> None:
    rows = [("number", "name", "note"), ("020 7946 0001", "王小明", '"第一行\n第二行"'), ("+442079460002", "Ben", '"a,b;c"')]
    text = first.format(delimiter) + "\r\n".join(delimiter.join(row) for row in rows)
    path = tmp_path / "leads.csv"
    path.write_bytes(text.encode(encoding))
    result = loaded(book, path)
    assert (result.entered, why(result)) == (2, [])
    lead = book.lead("spring", "+442079460001")
    assert lead is not None
    assert (lead["name"], json.loads(lead["details"])) == ("王小明", {"note": "第一行\n第二行"})


def test_what_is_said_of_a_file_holds(book: LedgerStore, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes("number^name\n02079460001^Łukasz\n".encode("cp1250"))
    assert loaded(book, path, encoding="cp1250", delimiter="^").entered == 1
    assert names(book, "+442079460001") == ["Łukasz"]
    with pytest.raises(BadFile, match="no such encoding: latin-99"):
        loaded(book, path, encoding="latin-99")
    with pytest.raises(BadFile, match="is not written in utf-8"):
        loaded(book, path, encoding="utf-8")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"number,name\n02079460001,\x81\x8d\x8f\n", r"is neither UTF-8 nor .*\(--encoding\)"),
        (b"\xd0\xcf\x11\xe0rest", "a workbook of Excel 97: save it as .xlsx or as CSV"),
        (b"PK\x03\x04rest", "is not a readable Excel workbook .*: save it as CSV UTF-8"),
        (b"\xff\xfen\x00u\x00", "no column 'number'"),
        (b"\xff\xfen\x00u", "begins as UTF-16 and does not go on so"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_way_out(book: LedgerStore, tmp_path: Path, raw: bytes, reason: str) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(raw)
    with pytest.raises(BadFile, match=reason):
        loaded(book, path)


def workbook(folder: Path, *rows: tuple[str | float | None, ...]) -> Path:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    path = folder / "leads.xlsx"
    made.save(path)
    return path


def test_a_workbook_is_read_and_its_numbers_are_numbers(book: LedgerStore, tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        ("number", "name", "contract"),
        ("020 7946 0001", "Ann", 17),
        (442079460002, "Ben", 2.5),
        (2079460003, "王小明", None),
        (None, None, None),
        (207946000.5, "Cy", None),
        ("020 7946 0004 ext 3", "Di", True),
    )
    result = loaded(book, path)
    assert (result.rows, result.entered, result.read_as) == (5, 3, "an Excel workbook")
    assert why(result) == [(6, SPREADSHEET), (7, WITH_EXTENSION.format(extension="3"))]
    assert names(book, "+442079460001", "+442079460002", "+442079460003") == ["Ann", "Ben", "王小明"]


def test_letters_and_premium_numbers_are_named(book: LedgerStore, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("number\nO2079460001\n0909 879 0000\n+44 20 7946\n")
    assert why(loaded(book, path)) == [(2, LETTERS), (3, PREMIUM), (4, "a phone number that cannot exist")]


CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["020 7946 0001", "+442079460002", '"', "1001", "4.9E11", "020 7946 0001 / 07700 900123", "", "1 High St"]),
    st.integers(0, 10**12).map(str),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=examples(150))
@given(
    st.lists(st.lists(CELLS, max_size=4), max_size=12),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
)
def test_each_row_of_any_file_is_entered_or_refused_by_its_line(
    tmp_path: Path, rows: list[list[str]], delimiter: str, encoding: str
) -> None:
    path = tmp_path / "any.csv"
    text = "\n".join([delimiter.join(["number", "name", "x"]), *(delimiter.join(row) for row in rows)])
    path.write_bytes(text.encode(encoding, "replace"))
    with closing(opened()) as book:
        try:
            result = loaded(book, path, LeadReader(numbers=PhoneNumbers("GB"), zone="Europe/London"))
        except BadFile:
            return
    assert result.entered + len(result.refused) == result.rows
    lines = [line for line, _, _ in result.refused]
    assert len(set(lines)) == len(lines)
    assert all(reason for _, _, reason in result.refused)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=examples(100))
@given(st.binary(max_size=200), st.sampled_from([b"", b"number,name\n", b"PK\x03\x04", b"\xff\xfe"]))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path: Path, raw: bytes, start: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(start + raw)
    try:
        found = list(lead_file(path, {}).rows())
    except BadFile as wrong:
        assert "\n" not in str(wrong).replace(str(path), "") or "column" in str(wrong)
    else:
        assert all(line > 1 for line, _, _ in found)


@given(st.integers(0, 2000), st.integers(0, 255))
@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_broken_workbook_is_refused_in_one_line(tmp_path: Path, at: int, value: int) -> None:
    made, stored = Workbook(), io.BytesIO()
    sheet = made.active
    assert sheet is not None
    sheet.append(("number", "name"))
    sheet.append(("020 7946 0001", "Ann"))
    made.save(stored)
    raw = bytearray(stored.getvalue())
    raw[4 + at % (len(raw) - 4)] = value
    path = tmp_path / "any.xlsx"
    path.write_bytes(raw)
    try:
        assert len(list(lead_file(path, {}).rows())) <= 1
    except BadFile as wrong:
        assert str(wrong)
