"""Rows of CSV text: values that go on over lines, and quotes that would swallow the rows after them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callbridge.wire.csv_rows import HELD, MAX_LINES, SWALLOWS, UNCLOSED, CsvRow, LeftOut, is_separated, one_line, rows


def read(text: str, number_at: int = 0) -> list[CsvRow]:
    return list(rows(text.splitlines(keepends=True), number_at=number_at))


def faults(text: str) -> dict[int, str]:
    return {row.line: row.fault for row in read(text) if row.fault}


def lines(text: str) -> list[int]:
    return [row.line for row in read(text) if not row.fault]


def test_a_value_in_quotes_may_go_on_over_lines_and_its_row_begins_in_the_first() -> None:
    text = 'a,"1 High St\r\nLondon\r\n\r\nW1"\r\n\r\nb,"2 ""Low"" St"\r\n"c\n","d\n"\nlast'
    assert [(row.line, row.cells) for row in read(text)] == [
        (1, ("a", "1 High St\nLondon\n\nW1")),
        (6, ("b", '2 "Low" St')),
        (7, ("c\n", "d\n")),
        (10, ("last",)),
    ]


def test_a_quote_that_nobody_closes_costs_its_own_line_only() -> None:
    text = '+442079460001,"Ann\n+442079460002,Bob\n' + "+442079460003,Carl\n" * 300
    assert faults(text) == {1: UNCLOSED}
    assert lines(text) == list(range(2, 303))


def test_a_quote_that_the_next_row_seems_to_close_is_stray() -> None:
    text = '+442079460001,"Ann\n+442079460002,"Bob"\n+442079460003,"Carl"\n'
    assert faults(text) == {1: UNCLOSED}
    assert lines(text) == [2, 3]


def test_rows_in_a_quoted_value_are_refused_with_it_by_line() -> None:
    text = '+442079460001,Ann,"call my wife\n+442079460002,any time"\n+442079460003,Carl,\n'
    assert faults(text) == {1: SWALLOWS.format(line=2), 2: HELD.format(line=1)}
    assert lines(text) == [3]


def test_quotes_within_quotes_that_are_not_doubled_take_their_own_lines_with_them() -> None:
    text = '+442079460001,"said "yes" to\n+442079460002, tomorrow"\n+442079460003,Carl\n'
    assert faults(text) == {1: UNCLOSED, 2: HELD.format(line=1)}
    assert lines(text) == [3]


def test_a_postcode_or_a_number_alone_in_a_line_is_part_of_an_address() -> None:
    text = '+442079460001,"1 High St\n10115, Berlin\n+49 30 1234567"\n'
    assert [row.cells[1].count("\n") for row in read(text)] == [2]


def test_the_column_of_the_number_says_what_looks_like_a_row() -> None:
    text = '"1 High St\nLondon",+442079460001\n"2 Low St,+442079460002\nParis",+442079460003\n'
    assert [(row.line, bool(row.fault)) for row in read(text, number_at=1)] == [(1, False), (3, True), (4, True)]


def test_a_quote_amid_a_value_is_a_character() -> None:
    assert [row.cells for row in read('1,5" pipe\n2,Bob "the man" Smith\n')] == [("1", '5" pipe'), ("2", 'Bob "the man" Smith')]


def test_a_value_of_more_lines_than_any_row_has_is_stray() -> None:
    most = '1,"' + "x\n" * (MAX_LINES - 1) + '"\n2,b\n'
    assert (faults(most), lines(most)) == ({}, [1, MAX_LINES + 1])
    assert faults('1,"' + "x\n" * MAX_LINES + '"\n2,b\n')[1] == UNCLOSED


def test_one_line_is_all_of_its_row_or_none() -> None:
    assert one_line('a,"b",c\r\n') == ("a", "b", "c")
    assert one_line('a,"b\n') is None


@given(st.lists(st.lists(st.text("ab\"', \n;1é", max_size=6), min_size=2, max_size=3), max_size=6))
def test_whatever_is_written_by_the_book_is_read_as_it_was(table: list[list[str]]) -> None:
    text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in table)
    wanted = [tuple(row) for row in table if any(cell.strip() for cell in row)]
    assert [row.cells for row in rows(text.splitlines(keepends=True))] == wanted


@given(st.text('a1",\n', max_size=80))
def test_every_line_is_told_or_in_a_row_whatever_the_file_holds(text: str) -> None:
    found = read(text)
    begins = [row.line for row in found]
    assert begins == sorted(set(begins))
    ends = [row.line + sum(cell.count("\n") for cell in row.cells) for row in found]
    blank = {line for line, content in enumerate(text.splitlines(), 1) if not content.strip(' ,"')}
    seen = {line for row, end in zip(found, ends, strict=True) for line in range(row.line, end + 1)}
    assert set(range(1, len(text.splitlines()) + 1)) - blank <= seen


def test_a_decimal_comma_parts_a_number_in_two() -> None:
    assert is_separated(("030123457", "0", "Dora"), surplus=True)
    assert is_separated(("49", "301", "234", "567"), surplus=True)
    assert is_separated(("4", "93E+11"), surplus=False)
    assert not is_separated(("030123457", "0"), surplus=False), "a column of noughts is one"
    assert not is_separated(("030123457", "Dora"), surplus=True)


def test_rows_left_out_are_named_up_to_a_bound_and_counted_beyond() -> None:
    odd = LeftOut()
    assert list(odd.report(3)) == []
    odd.add(4, "not a phone number")
    assert list(odd.report(3)) == [(0, "1 row left out, 3 used"), (4, "not a phone number")]
    for line in range(5, 60):
        odd.add(line, "no tier")
    head, *named = odd.report(3)
    assert head == (0, "56 rows left out, 3 used; the first 20:")
    assert (len(named), named[-1]) == (20, (23, "no tier"))
