"""What is a phone number, and what a spreadsheet has made of one."""

from __future__ import annotations

import pytest

from callbridge.core.model.numbers import NO_NUMBER, SPREADSHEET, AsWritten, fault_of, is_of_spreadsheet, plain

OF_SPREADSHEETS = (
    "493012345678.0",
    "4930123456.0",
    "+4930123456.0",
    "030123456.0",
    "030123457,0",
    "030123456.00",
    "030123456.000000",
    "4930123456.5",
    "1001.0",
    "-1.00",
    "4.93012E+11",
    "4,93E+11",
    "4.93012e11",
    "4E+11",
    "4.93 E+11",
    "49,301,234,567",
    "4,93,01,23,456",
    "49,301,234,567.0",
    "49.301.234.567,00",
    "49 301 234 567,0",
    "49\u202f301\u202f234\u202f567,0",
    "49'301'234'567.0",
    " 030123456.0 ",
    "'030123456.0",
    '="030123456.0"',
    "tel:030123456.0",
    "030 123456.0",
    "+49 30 123457.0",
    "030/123458.0",
    "030-123459,0",
    "(030)123460.0",
    "030123461.0.0",
    "030123462 .0",
    "030123462. 0",
    "493012345678.0\u200b",
    "\uff14\uff19\uff13\uff10\uff11\uff12\uff13\uff14\uff15\uff0e\uff10",
)
OF_PEOPLE = {
    "030.1234567": "0301234567",
    "030.123.456": "030123456",
    "030 1234-0": "03012340",
    "030.1234.0": "03012340",
    "01.23.45.67.00": "0123456700",
    "01 23 45 67 00": "0123456700",
    "49.301.234.567": "49301234567",
    "+49 (0)30 / 123 456": "+4930123456",
    "0049 30 123456": "+4930123456",
    "0800.000000": "0800000000",
    "1001": "1001",
}


@pytest.mark.parametrize("written", OF_SPREADSHEETS)
def test_what_a_spreadsheet_has_written_is_no_number(written: str) -> None:
    assert is_of_spreadsheet(written)
    assert (plain(written), AsWritten().identity(written)) == ("", "")
    assert fault_of(written) == SPREADSHEET


@pytest.mark.parametrize(("written", "meant"), OF_PEOPLE.items())
def test_what_people_write_between_digits_is_left_out(written: str, meant: str) -> None:
    assert AsWritten().identity(written) == meant


def test_full_width_digits_are_digits() -> None:
    assert plain("＋４４ ２０７９ ４６００１８") == "+442079460018"


def test_what_is_no_number_at_all_is_called_so() -> None:
    assert [fault_of(text) for text in ("anonymous", "", "1E", "E5", "12.a", "1..0")] == [NO_NUMBER] * 6
