"""Files that the configuration names: secrets (``*_file``) and the tiers' CSV, relative to the file that names them."""

from __future__ import annotations

import pathlib
from typing import Any

from pydantic import SecretStr

from callbridge.settings.document import Document, Path
from callbridge.settings.schema import kind_of, plain


def anchor_files(document: Document) -> None:
    """Make file names relative to the file that says them, and read the secrets named by ``*_file``."""
    for section, value in list(document.values.items()):
        _read_secrets(document, (section,), value)
    _anchor_never_called(document)
    speech = document.values.get("speech")
    folder = speech.get("folder") if isinstance(speech, dict) else None
    if isinstance(speech, dict) and isinstance(folder, str) and folder:
        speech["folder"] = str(_beside(document, ("speech", "folder"), folder))
    lookups = document.values.get("lookups")
    for lookup_name, lookup in lookups.items() if isinstance(lookups, dict) else ():
        file = lookup.get("csv") if isinstance(lookup, dict) else None
        if isinstance(lookup, dict) and isinstance(file, str) and file:
            lookup["csv"] = str(_beside(document, ("lookups", lookup_name, "csv"), file))
    _anchor_tls(document)
    _anchor_report_folders(document)
    _anchor_csv(document, "shifts")
    _anchor_csv(document, "tiers")


def _anchor_csv(document: Document, name: str) -> None:
    """The file of a section, which must be one that can be read."""
    section = document.values.get(name)
    file = section.get("csv") if isinstance(section, dict) else None
    if isinstance(section, dict) and isinstance(file, str) and file:
        path = _beside(document, (name, "csv"), file)
        section["csv"] = str(path)
        try:
            with _regular(path).open("rb"):
                pass
        except (OSError, ValueError) as error:
            document.add((name, "csv"), f"cannot read {str(path)!r}: {_reason(error)}")


def _anchor_tls(document: Document) -> None:
    http = document.values.get("http")
    tls = http.get("tls") if isinstance(http, dict) else None
    for name in ("certificate", "key"):
        file = tls.get(name) if isinstance(tls, dict) else None
        if isinstance(tls, dict) and isinstance(file, str) and file:
            path = _beside(document, ("http", "tls", name), file)
            tls[name] = str(path)
            try:
                with _regular(path).open("rb"):
                    pass
            except (OSError, ValueError) as error:
                document.add(("http", "tls", name), f"cannot read {str(path)!r}: {_reason(error)}")


def _anchor_report_folders(document: Document) -> None:
    reports = document.values.get("reports")
    for index, report in enumerate(reports if isinstance(reports, list) else ()):
        targets = report.get("to") if isinstance(report, dict) else None
        for number, target in enumerate(targets if isinstance(targets, list) else ()):
            folder = target.get("folder") if isinstance(target, dict) else None
            if isinstance(folder, str) and folder:
                assert isinstance(target, dict)
                target["folder"] = str(_beside(document, ("reports", index, "to", number, "folder"), folder))


def _anchor_never_called(document: Document) -> None:
    """``do_not_call_file``: read when it is known how numbers are read."""
    section = document.values.get("callbacks")
    if not isinstance(section, dict) or "do_not_call_file" not in section:
        return
    at: Path = ("callbacks", "do_not_call_file")
    name = section.pop("do_not_call_file")
    if not isinstance(name, str) or not name:
        document.add(at, "expected the name of a file")
    else:
        document.never_called = _beside(document, at, name)


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
