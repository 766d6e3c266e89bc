"""The tier book: spelling of numbers, bad rows, changes of the file, and half a million rows beside a live loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import random
import time
from dataclasses import replace

import pytest

from callbridge.adapters.files.tiers import BadTierFile, TierFile, read_tiers
from callbridge.core.model.numbers import SPREADSHEET
from callbridge.wire.phone_numbers import PhoneNumbers, Written
from tests.adapters.waiting import HANGS

TIERS = ("diamond", "gold", "silver", "standard")


def book_of(path: pathlib.Path | None, said: list[str]) -> TierFile:
    return TierFile(TIERS, "standard", {"diamond": ["+44 20 7946 0009"]}, path, PhoneNumbers("GB"), said.append)


async def test_numbers_of_the_config_win_over_the_file(tmp_path: pathlib.Path) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_bytes(
        b'\xef\xbb\xbfNumber;Tier\r\n+442079460009;gold\r\n\r\n"02079460002";"silver"\r\n1001\tgold\n+441001,silver\n+442,gold'
    )
    book = book_of(path, said)
    assert book.tier_of("00442") == "standard"
    assert await book.load()
    assert [book.tier_of(number) for number in ("02079460009", "+442", "1001", "+441001", "442079460002", "")] == [
        "diamond", "gold", "gold", "silver", "silver", "standard",
    ]  # fmt: skip
    assert said == []


async def test_an_unknown_tier_that_may_be_a_number_is_not_quoted_and_still_called_unknown(tmp_path: pathlib.Path) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_text("number,tier\n+441,gold\n+442,vip1\n+443,+447700900123\n")
    assert await book_of(path, said).load()
    assert said[1:] == [f"{path}: line {line}: unknown tier" for line in (3, 4)]
    assert not any("7700" in line or "vip" in line for line in said)


async def test_bad_rows_are_named_by_line_and_the_good_ones_used(tmp_path: pathlib.Path) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_bytes(
        b"number,tier\n+441,gold\n\nbob,gold\n+442,gld\n+443\n\xff\xfe,gold\ngold,+445\n,\n+446,silver\n"
        + b"x" * 1000
        + b"\n+447,gold\n"
    )
    book = book_of(path, said)
    assert await book.load()
    assert [book.tier_of("+446"), book.tier_of("+447"), book.tier_of("+442")] == ["silver", "gold", "standard"]
    assert said == [
        f"{path}: {line}"
        for line in (
            "6 rows left out, 3 used",
            "line 4: not a phone number",
            "line 5: unknown tier 'gld'",
            "line 6: no tier",
            "line 7: not a phone number",
            "line 8: not a phone number",
            "line 11: not a phone number",
        )
    ]


async def test_numbers_of_a_spreadsheet_are_nobodys_and_named_by_line(tmp_path: pathlib.Path) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_text(
        "number,tier\n493012345678.0,gold\n030123456.0;gold\n030123457,0;gold\n4.93012E+11,gold\n"
        '"030123457,0",gold\n030123457,0,gold\n4,93E+11,gold\n49,301,234,567,gold\n+4930123459,gold\n'
    )
    book = TierFile(TIERS, "standard", {}, path, PhoneNumbers("DE"), said.append)
    assert await book.load()
    assert said == [f"{path}: 8 rows left out, 1 used", *(f"{path}: line {line}: {SPREADSHEET}" for line in range(2, 10))]
    assert [book.tier_of(number) for number in ("4930123456780", "+49301234560", "+4930123457", "+4930123459")] == [
        "standard", "standard", "standard", "gold",
    ]  # fmt: skip


async def test_a_stray_quote_costs_its_own_line_and_a_cell_may_have_two(tmp_path: pathlib.Path) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_text(
        'number,tier\n"+44 20 7946 0001\n","gold"\n+442079460002,"gold\n+442079460003,silver\n'
        '"+442079460004" ; "gold"\nbob,gold\n'
    )
    book = book_of(path, said)
    assert await book.load()
    assert [book.tier_of(f"+44207946000{n}") for n in range(1, 5)] == ["gold", "standard", "silver", "gold"]
    assert said == [
        f"{path}: 2 rows left out, 3 used",
        f"{path}: line 4: a quote that is not closed",
        f"{path}: line 7: not a phone number",
    ]


@pytest.mark.parametrize("raw", [b"", b"\0" * 100, b"nonsense\nmore nonsense\n", None])
async def test_a_bad_file_keeps_the_last_good_book(tmp_path: pathlib.Path, raw: bytes | None) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_text("+442,gold\n")
    book = book_of(path, said)
    await book.load()
    path.unlink() if raw is None else path.write_bytes(raw)
    assert not await book.load()
    assert book.tier_of("+442") == "gold"
    assert len(said) == 1
    assert "keeping the 1 numbers known before" in said[0]


async def test_a_changed_file_is_read_again_once_it_keeps_still(tmp_path: pathlib.Path) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_text("+442,gold\n")
    book = book_of(path, said)
    await book.load()
    supervisions = asyncio.create_task(book.watch(0.02))
    fresh = tmp_path / "fresh"
    fresh.write_text("+442,silver\n+443,gold\n")
    os.replace(fresh, path)
    async with asyncio.timeout(HANGS):
        while book.tier_of("+443") != "gold":
            await asyncio.sleep(0.01)
    path.unlink()
    async with asyncio.timeout(HANGS):
        while not said:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert len(said) == 1
    assert book.tier_of("+442") == "silver"
    supervisions.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await supervisions


def test_a_file_too_large_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(BadTierFile, match="larger than 100 MB"):
        read_tiers(path, TIERS, PhoneNumbers())


@pytest.mark.slow
async def test_loading_many_rows_leaves_the_loop_free(tmp_path: pathlib.Path) -> None:
    path, said, dice = tmp_path / "t.csv", list[str](), random.Random(7)
    path.write_text("".join(f"+44{dice.randrange(10**10):010},{dice.choice(TIERS)}\n" for _ in range(200_000)))
    book, lags = book_of(path, said), list[float]()

    async def tick() -> None:
        while True:  # what the loading calculates between two turns of the loop: other processes do not count
            began = time.process_time()
            await asyncio.sleep(0.002)
            lags.append(time.process_time() - began)

    ticking = asyncio.create_task(tick())
    start = time.process_time()
    assert await book.load()
    took = time.process_time() - start
    ticking.cancel()
    assert len(book) > 199_000
    assert took < 20
    assert sorted(lags)[len(lags) * 99 // 100] < 0.05, f"worst {max(lags) * 1000:.1f} ms in {took:.1f} s"


async def test_a_row_with_more_columns_is_named_as_such(tmp_path: pathlib.Path) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_text("number,tier\n+441,gold,Ann\n+442;gold;Ben;\n+443,gold\nbob,gold,x\n")
    book = book_of(path, said)
    assert await book.load()
    assert book.tier_of("+443") == "gold"
    assert said[1:] == [
        f"{path}: line 2: 3 columns; expected 2, number and tier",
        f"{path}: line 3: 4 columns; expected 2, number and tier",
        f"{path}: line 5: not a phone number",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030", "cp1252"])
@pytest.mark.parametrize("first", ["", "sep=;\r\n"])
async def test_the_file_is_read_as_spreadsheets_write_it(tmp_path: pathlib.Path, encoding: str, first: str) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    name = "é" if encoding == "cp1252" else "王小明"
    path.write_bytes(f"{first}number;tier\r\n+442079460001;gold\r\n{name};gold\r\n02079460002;silver\r\n".encode(encoding))
    book = book_of(path, said)
    assert await book.load()
    assert [book.tier_of(f"+44207946000{n}") for n in (1, 2)] == ["gold", "silver"]
    assert said[1:] == [f"{path}: line {3 + bool(first)}: not a phone number"]


async def test_a_file_that_may_be_meant_in_two_ways_is_asked_about(tmp_path: pathlib.Path) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_text("number,tier\n5511987654321,gold\n8613800138000,gold\n030123456,gold\n")
    german = PhoneNumbers("DE")
    assert not await TierFile(TIERS, "standard", {}, path, german, said.append).load()
    assert "2 of 3 numbers would be valid with a +" in said[0]
    assert "set tiers.without_plus to international or national" in said[0]
    told = TierFile(TIERS, "standard", {}, path, german, said.append, in_file=replace(german, digits=Written.INTERNATIONAL))
    assert await told.load()
    assert [told.tier_of(number) for number in ("+5511987654321", "030123456", "5511987654321")] == ["gold", "gold", "standard"]


def test_a_workbook_says_how_to_save_it(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"PK\x03\x04rest")
    with pytest.raises(BadTierFile, match="is an Excel workbook: save it as CSV UTF-8"):
        read_tiers(path, TIERS, PhoneNumbers())


async def test_a_number_with_two_tiers_keeps_the_first_and_is_named(tmp_path: pathlib.Path) -> None:
    path, said = tmp_path / "t.csv", list[str]()
    path.write_text("number,tier\n+442079460001,gold\n+442079460002,gold\n+44 20 7946 0001,silver\n+442079460002,gold\n")
    book = book_of(path, said)
    assert await book.load()
    assert (book.tier_of("+442079460001"), len(book)) == ("gold", 2)
    assert said[1:] == [f"{path}: line 4: the number has the tier 'gold' in an earlier row, which is used"]
