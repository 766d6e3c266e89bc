"""How a CSV file is written: its encoding, and what separates its columns. Spreadsheets write neither of it down.

Bytes in, a ``CsvLayout`` out, by which the caller opens the file. What cannot be recognised is refused with the way out.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

WORKBOOK = "is an Excel workbook: save it as CSV UTF-8"
OLD_WORKBOOK = "is a workbook of Excel 97: save it as .xlsx or as CSV UTF-8"
UNKNOWN_ENCODING = "is neither UTF-8 nor UTF-16, GB18030 or Windows-1252: save it as CSV UTF-8, or name its encoding"
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WITHOUT_MARK = ((b"\0\0\0.", "utf-32-be"), (b".\0\0\0", "utf-32-le"), (b"\0.\0.", "utf-16-be"), (b".\0.\0", "utf-16-le"))
_SAMPLE = 64 * 1024
_PEOPLE = 0.7
"""Share of common characters from which on text is taken for Chinese."""

Pieces = Callable[[], Iterable[bytes]]
"""The bytes of a file in pieces, as often as they are asked for."""


class UnreadableFile(ValueError):
    """The file as a whole cannot be read; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """``first_line``: that of the headings, 2 below Excel's ``sep=;``."""

    encoding: str
    delimiter: str
    first_line: int = 1

    def __str__(self) -> str:
        name = self.encoding.removesuffix("-sig").upper().replace("CP1252", "Windows-1252")
        return f"{name}, columns separated by {SEPARATORS.get(self.delimiter, repr(self.delimiter))}"


def layout_of(pieces: Pieces, encoding: str = "", delimiter: str = "", column: str = "") -> CsvLayout:
    """Recognise what is not given. ``column``: a heading that is there; else the most frequent separator of the first line
    counts. Raises UnreadableFile."""
    head = b"".join(_until(pieces(), _SAMPLE))
    if head.startswith(b"PK\x03\x04"):
        raise UnreadableFile(WORKBOOK)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile(OLD_WORKBOOK)
    encoding = _checked(pieces, encoding) if encoding else _recognised(pieces, head)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head).lstrip("\ufeff")
    first = text.partition("\n")[0]
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        return CsvLayout(encoding, delimiter or first.strip()[4], 2)
    if first.strip("\r").lower() == "sep=\t":
        return CsvLayout(encoding, delimiter or "\t", 2)
    return CsvLayout(encoding, delimiter or separator_of(first, column))


def _until(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[:most]
        most -= len(piece)
        if most <= 0:
            return


def _checked(pieces: Pieces, encoding: str) -> str:
    try:
        encoding = codecs.lookup(encoding).name
        readable = _decodes(pieces, encoding)
    except (LookupError, TypeError, AttributeError):
        raise UnreadableFile(f"no such encoding: {encoding:.40}") from None
    if not readable:
        raise UnreadableFile(f"is not written in {encoding}")
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _recognised(pieces: Pieces, head: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "") or _by_zero_bytes(head)
    if encoding:
        if not _decodes(pieces, encoding):
            raise UnreadableFile(f"begins as {encoding.upper().removesuffix('-SIG')} and does not go on so: save it as CSV UTF-8")
        return encoding
    if _decodes(pieces, "utf-8"):
        return "utf-8-sig"
    foreign = b"".join(_until(_foreign_lines(pieces()), _SAMPLE))
    for name in ("gb18030", "cp1252") if _is_chinese(foreign) else ("cp1252",):
        if _decodes(pieces, name):
            return name
    raise UnreadableFile(UNKNOWN_ENCODING)


def _by_zero_bytes(head: bytes) -> str:
    """UTF-16 or UTF-32 without its mark: numbers and separators have zero bytes beside them."""
    start = bytes(b"."[0] if byte else 0 for byte in head[:4])
    return next((name for pattern, name in _WITHOUT_MARK if start == pattern), "")


def _decodes(pieces: Pieces, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for piece in pieces():
            decoder.decode(piece)
        decoder.decode(b"", True)
    except UnicodeError:
        return False
    return True


def _foreign_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that are not ASCII."""
    left = b""
    for piece in pieces:
        *lines, left = (left + piece).split(b"\n")
        yield from (line + b"\n" for line in lines if not line.isascii())
    if not left.isascii():
        yield left


def _is_chinese(sample: bytes) -> bool:
    """Is it Chinese as mainland computers write it? Western text may be read so, too, but then comes to rare characters only."""
    text = sample[: sample.rfind(b"\n") + 1 or len(sample)].decode("gb18030", "replace")
    foreign = [char for char in text if not char.isascii()]
    return bool(foreign) and sum(map(_is_common, foreign)) >= _PEOPLE * len(foreign)


def _is_common(char: str) -> bool:
    """One of the 3,755 characters of everyday use, or punctuation."""
    try:
        lead, trail = char.encode("gb2312")
    except (UnicodeEncodeError, ValueError):
        return False
    return (0xB0 <= lead <= 0xD7 or 0xA1 <= lead <= 0xA3) and trail >= 0xA1


def separator_of(first: str, column: str = "") -> str:
    """Of a line, the one by which it has the column, else the most frequent one outside of quotes."""
    outside = "".join(part for at, part in enumerate(first.split('"')) if at % 2 == 0)
    found = sorted(SEPARATORS, key=lambda one: -outside.count(one))
    having = [one for one in found if column and column in (cell.strip().strip('"').strip() for cell in first.split(one))]
    if having:
        return max(having, key=outside.count)
    return found[0] if outside.count(found[0]) else ","
