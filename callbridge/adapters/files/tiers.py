"""Which tier a phone number belongs to: numbers of the config, and a CSV file that may have half a million rows.

The file is read in a thread and read again when it changes. Nothing here holds the interpreter for long: no list to
sort, no dictionary to grow, no object per row, and the reading thread pauses every few hundred rows.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import re
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from callbridge.core.model.numbers import SPREADSHEET
from callbridge.wire.csv_layout import UnreadableFile, layout_of
from callbridge.wire.csv_rows import LeftOut, Quotes, is_separated, rows
from callbridge.wire.number_column import NumberColumn
from callbridge.wire.phone_numbers import PhoneNumbers

LARGEST_TIER_FILE = 100_000_000
MAX_ROWS = 5_000_000
_MAX_LINE = 400
_BETWEEN = "\x1f"
_QUOTED = re.compile(r'"[^"]*"')
_ROWS_BETWEEN_PAUSES = 250
_READING_PAUSE = 0.0002


class BadTierFile(Exception):
    """A CSV file that cannot be used at all."""


def _key(number: str) -> int:
    """A number as ``PhoneNumbers`` reads it, as a positive integer; ``+1001`` and ``1001`` differ, and so do ``1`` and ``01``."""
    return int("2" + number[1:]) if number[0] == "+" else int("1" + number)


class NumberMap:
    """Number -> small integer in a table of fixed size: 18 to 36 bytes a row, nothing for the garbage collector."""

    def __init__(self, rows: int) -> None:
        self._bits = max(4, (2 * rows).bit_length())
        self._keys = array("Q", bytes(8 << self._bits))
        self._values = array("B", bytes(1 << self._bits))
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def put(self, key: int, value: int) -> None:
        """The last one put wins."""
        slot = self._slot(key)
        self.count += self._keys[slot] == 0
        self._keys[slot] = key
        self._values[slot] = value

    def get(self, key: int) -> int | None:
        slot = self._slot(key)
        return self._values[slot] if self._keys[slot] else None

    def _slot(self, key: int) -> int:
        """Where ``key`` is, or the free slot where it would be; at least half of the slots are free."""
        keys = self._keys
        slot = (key * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> (64 - self._bits)
        while keys[slot] not in (0, key):
            slot = slot + 1 & len(keys) - 1
        return slot


@dataclass(frozen=True, slots=True)
class TierTable:
    """One reading of the CSV file, and the rows that are not used."""

    numbers: NumberMap
    left_out: LeftOut

    def report(self) -> Iterator[str]:
        """One line per skipped row. Phone numbers are not quoted."""
        for line, why in self.left_out.report(len(self.numbers)):
            yield f"line {line}: {why}" if line else why


def read_tiers(path: pathlib.Path, tiers: Sequence[str], phone_numbers: PhoneNumbers) -> TierTable:
    """Read ``number,tier`` rows (a header is skipped; ``;`` and tab separate too). Raises BadTierFile."""
    try:
        if path.exists() and not path.is_file():
            raise BadTierFile("is not a regular file")  # opening a pipe could wait for ever
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise BadTierFile("is empty")
            if size > LARGEST_TIER_FILE:
                raise BadTierFile(f"is larger than {LARGEST_TIER_FILE // 1_000_000} MB")
            lines = sum(piece.count(b"\n") for piece in _pieces(file))
            if lines > MAX_ROWS:
                raise BadTierFile(f"has more than {MAX_ROWS:,} rows")
            layout = layout_of(lambda: _pieces(file))
        with path.open(encoding=layout.encoding, errors="replace", newline="\n") as text:
            table = _fill(iter(lambda: text.readline(_MAX_LINE), ""), lines + 1, tiers, phone_numbers)
    except UnreadableFile as error:
        raise BadTierFile(str(error)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadTierFile(f"cannot be read: {(reason or 'unknown error').lower()}") from None
    if not len(table.numbers):
        line, why = next(iter(table.left_out.named), (0, ""))
        more = f"{table.left_out.count} left out, the first in line {line}: {why}" if why else "expected number,tier in each line"
        raise BadTierFile(f"has no usable row: {more}")
    return table


def _fill(pieces: Iterable[str], most: int, tiers: Sequence[str], phone_numbers: PhoneNumbers) -> TierTable:
    numbers, left_out, column = NumberMap(most), LeftOut(), NumberColumn(phone_numbers)
    indexes = {tier: index for index, tier in enumerate(tiers)}
    for count, row in enumerate(rows(_lines(pieces), delimiter=_BETWEEN)):
        if count % _ROWS_BETWEEN_PAUSES == 0:
            time.sleep(_READING_PAUSE)
        written, tier = (*row.cells, "", "")[:2]
        key, index = phone_numbers.identity_of_row(written), indexes.get(tier.strip(' "'))
        column.add(written)
        if key and index is not None and len(row.cells) == 2 and numbers.count < most:
            known = numbers.get(_key(key))
            if known is None:
                numbers.put(_key(key), index)
            elif known != index:
                left_out.add(row.line, f"the number has the tier {tiers[known]!r} in an earlier row, which is used")
        elif count or len(row.cells) < 2 or any(char.isdigit() for char in written):
            left_out.add(row.line, row.fault or _reject_reason(row.cells, phone_numbers))
    if column.question:
        raise BadTierFile(f"{column.question}: set tiers.without_plus to international or national")
    return TierTable(numbers, left_out)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(65536), b"")


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines, with one mark between their cells; of an overlong line its beginning."""
    whole, quotes = True, Quotes()
    for count, piece in enumerate(pieces):
        if whole:
            text = piece.strip()
            if count == 0 and text.lower().startswith("sep="):
                text = ""  # Excel's word about the separator, which is found in each line
            yield text.replace(_separator(text), _BETWEEN) if '"' not in text else _marked(text, quotes) + "\n"
        whole = piece.endswith("\n")


def _marked(text: str, quotes: Quotes) -> str:
    """A line with quotes: what is in them is no separator, and blanks around one are of no meaning."""
    begin = text.index('"') + 1 if quotes.inside and text.count('"') % 2 else 0
    quotes.take(text)
    separator = _separator(_QUOTED.sub("", text[begin:]))
    marked = re.sub(rf"({_QUOTED.pattern})|[ \t]*{separator}[ \t]*", lambda found: found[1] or _BETWEEN, text[begin:])
    return text[:begin] + marked


def _separator(text: str) -> str:
    """What parts the cells of this line: ``;`` or a tab before a comma, which may be that of a decimal."""
    return ";" if ";" in text else "\t" if "\t" in text else ","


def _reject_reason(cells: Sequence[str], phone_numbers: PhoneNumbers) -> str:
    tier = cells[-1].strip() if len(cells) > 1 else ""
    if is_separated(cells, surplus=True):
        return SPREADSHEET
    if not phone_numbers.identity_of_row(cells[0]):
        return phone_numbers.read(cells[0]).fault
    if len(cells) > 2:
        return f"{len(cells)} columns; expected 2, number and tier"
    if not tier:
        return "no tier"
    # What has digits may be a phone number, which is not quoted.
    return "unknown tier" if any(char.isdigit() for char in tier) else f"unknown tier {tier[:20]!r}"


class TierFile:
    """Asked for every caller. Numbers of the config win over the file; an unknown number has the default tier."""

    def __init__(
        self,
        tiers: Sequence[str],
        default: str,
        numbers: Mapping[str, Iterable[str]],
        path: pathlib.Path | None = None,
        phone_numbers: PhoneNumbers | None = None,
        report: Callable[[str], None] = lambda line: None,
        in_file: PhoneNumbers | None = None,
    ) -> None:
        """``in_file``: how the file's numbers are read, if not as all others. ``report`` gets a line for each row that is not
        used, as far as they are named. At most 256 tiers."""
        self._tiers = tuple(tiers)
        self._default = default
        self._phone_numbers = phone_numbers or PhoneNumbers()
        self._in_file = in_file or self._phone_numbers
        self._own = {self._phone_numbers.identity(number): tier for tier, listed in numbers.items() for number in listed}
        self._path = path
        self._report = report
        self._table = TierTable(NumberMap(0), LeftOut())
        self._read: tuple[int, ...] | None = None
        self.fault = ""
        """Why the last reading failed."""

    def __len__(self) -> int:
        """How many numbers the file gave."""
        return len(self._table.numbers)

    def left_out(self) -> list[str]:
        """What is to be said of the rows of the file that are not used, a line each."""
        return list(self._table.report())

    def tier_of(self, number: str) -> str:
        """The tier of a caller's number, however it is written."""
        if not self._own and not len(self):
            return self._default  # without reading the number, which takes half a millisecond
        known = self._phone_numbers.identity(number)
        if not known:
            return self._default
        if known in self._own:
            return self._own[known]
        index = self._table.numbers.get(_key(known))
        return self._default if index is None else self._tiers[index]

    async def load(self) -> bool:
        """Read the file now. False, with the last good table kept, when it cannot be used."""
        if self._path is None:
            return True
        return await self._load(self._path, await asyncio.to_thread(_signature, self._path))

    async def watch(self, every: float = 5.0) -> None:
        """Read the file again when it has changed and then kept still for ``every`` seconds. Runs until cancelled."""
        if self._path is None:
            return
        last = self._read
        while True:
            await asyncio.sleep(every)
            now = await asyncio.to_thread(_signature, self._path)
            if now == last and now != self._read:
                await self._load(self._path, now)
            last = now

    async def _load(self, path: pathlib.Path, signature: tuple[int, ...]) -> bool:
        self._read = signature
        try:
            table = await asyncio.to_thread(read_tiers, path, self._tiers, self._in_file)
        except BadTierFile as bad:
            self.fault = str(bad)
            self._report(f"{path}: {bad}; keeping the {len(self)} numbers known before")
            return False
        self._table, self.fault = table, ""
        for line in table.report():
            self._report(f"{path}: {line}")
        return True


def _signature(path: pathlib.Path) -> tuple[int, ...]:
    """Changes when the file does; () when there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
