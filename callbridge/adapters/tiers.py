"""Which tier a phone number belongs to: numbers of the config, and a CSV file that may have half a million rows.

The file is read in a thread and read again when it changes. Nothing here holds the interpreter for long: no list to
sort, no dictionary to grow, no object per row, and the reading thread pauses every few hundred rows.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from callbridge.core.numbers import normalise

MAX_BYTES = 100_000_000
MAX_ROWS = 5_000_000
_MAX_LINE = 400
_NAMED_ROWS = 5
_PAUSE_EVERY = 250
_PAUSE = 0.0002


class BadBook(Exception):
    """A CSV file that cannot be used at all."""


def _key(number: str) -> int:
    """A normalised number as a positive integer; ``+1001`` and ``1001`` differ, and so do ``1`` and ``01``."""
    return int("2" + number[1:]) if number[0] == "+" else int("1" + number)


class Numbers:
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
class Book:
    """One reading of the CSV file. ``bad`` counts the rows left out; ``named`` says why for the first few."""

    numbers: Numbers
    bad: int = 0
    named: tuple[str, ...] = ()

    def complaint(self) -> str:
        """One line about the rows left out; "" when there are none. Phone numbers are not quoted."""
        if not self.bad:
            return ""
        rows = "1 row" if self.bad == 1 else f"{self.bad} rows"
        why = "; ".join(self.named) + ("; ..." if self.bad > len(self.named) else "")
        return f"{rows} left out ({why}), {len(self.numbers)} used"


def read_book(path: pathlib.Path, tiers: Sequence[str], country_code: str = "") -> Book:
    """Read ``number,tier`` rows (a header is skipped; ``;`` and tab separate too). Raises BadBook."""
    try:
        if path.exists() and not path.is_file():
            raise BadBook("is not a regular file")  # opening a pipe could wait for ever
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise BadBook("is empty")
            if size > MAX_BYTES:
                raise BadBook(f"is larger than {MAX_BYTES // 1_000_000} MB")
            rows = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(65536), b""))
            if rows > MAX_ROWS:
                raise BadBook(f"has more than {MAX_ROWS:,} rows")
            file.seek(0)
            book = _fill(iter(lambda: file.readline(_MAX_LINE), b""), rows + 1, tiers, country_code)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadBook(f"cannot be read: {(reason or 'unknown error').lower()}") from None
    if book.bad and not len(book.numbers):
        raise BadBook(f"has no usable row: {book.complaint()}")
    return book


def _fill(pieces: Iterable[bytes], rows: int, tiers: Sequence[str], country_code: str) -> Book:
    numbers, bad = Numbers(rows), 0
    named: list[str] = []
    indexes = {tier: index for index, tier in enumerate(tiers)}
    for row, (line, text) in enumerate(_lines(pieces)):
        if row % _PAUSE_EVERY == 0:
            time.sleep(_PAUSE)
        number, comma, tier = text.replace(";", ",").replace("\t", ",").partition(",")
        key, index = normalise(number, country_code), indexes.get(tier.strip(' "'))
        if key and index is not None and numbers.count < rows:
            numbers.put(_key(key), index)
        elif row or not comma or any(char.isdigit() for char in number):
            bad += 1
            if len(named) < _NAMED_ROWS:
                named.append(f"line {line}: {_blame(tier.strip(), bool(key))}")
    return Book(numbers, bad, tuple(named))


def _lines(pieces: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Line numbers and texts of the lines that are not blank; of an overlong line every piece, under one number."""
    line = 1
    for piece in pieces:
        text = piece.decode("utf-8-sig" if line == 1 else "utf-8", "replace").strip()
        if text:
            yield line, text
        line += piece.endswith(b"\n")


def _blame(tier: str, number_is_good: bool) -> str:
    if not number_is_good:
        return "no phone number"
    if not tier or any(char.isdigit() for char in tier):
        return "no tier"
    return f"unknown tier {tier[:20]!r}"


class TierBook:
    """Asked for every caller. Numbers of the config win over the file; an unknown number has the default tier."""

    def __init__(
        self,
        tiers: Sequence[str],
        default: str,
        numbers: Mapping[str, Iterable[str]],
        path: pathlib.Path | None = None,
        country_code: str = "",
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        """``report`` gets one line for every reading of the file that was not clean. At most 256 tiers."""
        self._tiers = tuple(tiers)
        self._default = default
        self._country_code = country_code
        self._own = {normalise(number, country_code): tier for tier, listed in numbers.items() for number in listed}
        self._path = path
        self._report = report
        self._book = Book(Numbers(0))
        self._read: tuple[int, ...] | None = None

    def __len__(self) -> int:
        """How many numbers the file gave."""
        return len(self._book.numbers)

    def tier_of(self, number: str) -> str:
        """The tier of a caller's number, however it is written."""
        known = normalise(number, self._country_code)
        if not known:
            return self._default
        if known in self._own:
            return self._own[known]
        index = self._book.numbers.get(_key(known))
        return self._default if index is None else self._tiers[index]

    async def load(self) -> bool:
        """Read the file now. False, with the last good book kept, when it cannot be used."""
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
            book = await asyncio.to_thread(read_book, path, self._tiers, self._country_code)
        except BadBook as bad:
            self._report(f"{path}: {bad}; keeping the {len(self)} numbers known before")
            return False
        self._book = book
        if book.bad:
            self._report(f"{path}: {book.complaint()}")
        return True


def _signature(path: pathlib.Path) -> tuple[int, ...]:
    """Changes when the file does; () when there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
