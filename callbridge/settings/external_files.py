"""Files that the configuration names: secrets (``*_file``) and the tiers' CSV, relative to the file that names them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import SecretStr

from callbridge.core.model.numbers import SPREADSHEET, fault_of, normalise
from callbridge.settings.document import Document, Path, where
from callbridge.settings.faults import Fault
from callbridge.settings.schema import kind_of, plain
from callbridge.wire.csv_rows import LeftOut, Quotes, is_separated, rows


def anchor_files(document: Document) -> None:
    """Make file names relative to the file that says them, and read the secrets named by ``*_file``."""
    for section in ("pbx", "http", "webhooks", "agents", "lookups", "ledger"):
        _read_secrets(document, (section,), document.values.get(section))
    _read_numbers(document)
    speech = document.values.get("speech")
    folder = speech.get("folder") if isinstance(speech, dict) else None
    if isinstance(speech, dict) and isinstance(folder, str) and folder:
        speech["folder"] = str(_beside(document, ("speech", "folder"), folder))
    lookups = document.values.get("lookups")
    for lookup_name, lookup in lookups.items() if isinstance(lookups, dict) else ():
        file = lookup.get("csv") if isinstance(lookup, dict) else None
        if isinstance(lookup, dict) and isinstance(file, str) and file:
            lookup["csv"] = str(_beside(document, ("lookups", lookup_name, "csv"), file))
    tiers = document.values.get("tiers")
    name = tiers.get("csv") if isinstance(tiers, dict) else None
    if isinstance(tiers, dict) and isinstance(name, str) and name:
        path = _beside(document, ("tiers", "csv"), name)
        tiers["csv"] = str(path)
        try:
            with _regular(path).open("rb"):
                pass
        except (OSError, ValueError) as error:
            document.add(("tiers", "csv"), f"cannot read {str(path)!r}: {_reason(error)}")


def _read_numbers(document: Document) -> None:
    """``do_not_call_file``: a number in each row, ``#`` begins a remark. One row that cannot be read is a fault of the whole
    configuration: the person would be called."""
    section = document.values.get("callbacks")
    if not isinstance(section, dict) or "do_not_call_file" not in section:
        return
    at: Path = ("callbacks", "do_not_call_file")
    name = section.pop("do_not_call_file")
    listed = section.get("do_not_call") or []
    if not isinstance(name, str) or not name:
        document.add(at, "expected the name of a file")
        return
    path = _beside(document, at, name)
    try:
        with _regular(path).open(encoding="utf-8-sig", newline="") as file:
            numbers, odd = _never(file)
    except (OSError, ValueError) as error:
        document.add(at, f"cannot read {str(path)!r}: {_reason(error)}")
        return
    document.faults += [Fault(str(path), line, 0, where(at), why) for line, why in odd.report(len(numbers)) if line]
    if odd.count > len(odd.named):
        document.add(at, f"{odd.count} rows of {str(path)!r} are not phone numbers; the first {len(odd.named)} are listed")
    section["do_not_call"] = [*(listed if isinstance(listed, list) else []), *numbers]


def _never(lines: Iterable[str]) -> tuple[list[str], LeftOut]:
    """The numbers of such a file, as they are written, and the rows that have none."""
    numbers, odd = list[str](), LeftOut()
    for row in rows(_without_remarks(lines)):
        number = row.cells[0].strip() if row.cells else ""
        if row.fault or is_separated(row.cells, surplus=True) or not normalise(number):
            odd.add(row.line, row.fault or (SPREADSHEET if is_separated(row.cells, surplus=True) else fault_of(number)))
        else:
            numbers.append(number)
    return numbers, odd


def _without_remarks(lines: Iterable[str]) -> Iterator[str]:
    """A ``#`` in quotes begins none."""
    quotes = Quotes()
    for line in lines:
        text = line
        if not quotes.inside:
            at = line.find("#")
            while at >= 0 and line.count('"', 0, at) % 2:
                at = line.find("#", at + 1)
            text = line if at < 0 else line[:at]
        quotes.take(text.rstrip("\r\n"))
        yield text


def _read_secrets(document: Document, at: Path, value: object) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _read_secrets(document, (*at, index), item)
    elif isinstance(value, dict):
        for key in list(value):
            bare, ending = key.removesuffix("_file"), key.endswith("_file")
            if ending and plain(kind_of((*at, bare))) is SecretStr:
                _read_secret(document, (*at, key), value, bare)
            else:
                _read_secrets(document, (*at, key), value[key])


def _read_secret(document: Document, at: Path, section: dict[str, Any], bare: str) -> None:
    name = section.pop(str(at[-1]))
    if bare in section:
        document.add(at, f"is given together with {bare}", "keep only one of them", key=True)
        return
    section[bare] = "unread"
    document.unread.add((*at[:-1], bare))
    if not isinstance(name, str) or not name:
        document.add(at, "expected the name of a file")
        return
    path = _beside(document, at, name)
    try:
        with _regular(path).open(encoding="utf-8") as file:
            text = file.read(65536).strip()
        if not text:
            raise ValueError("it is empty")
        section[bare] = text
        document.unread.discard((*at[:-1], bare))
    except (OSError, ValueError) as error:
        document.add(at, f"cannot read {str(path)!r}: {_reason(error)}")


def _regular(path: pathlib.Path) -> pathlib.Path:
    """``path``, unless opening it could wait for ever (a pipe)."""
    if path.exists() and not path.is_file():
        raise ValueError("not a regular file")
    return path


def _beside(document: Document, at: Path, name: str) -> pathlib.Path:
    return pathlib.Path(document.place(at).file).parent / name


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    return (error.strerror or "cannot be read").lower() if isinstance(error, OSError) else str(error)
