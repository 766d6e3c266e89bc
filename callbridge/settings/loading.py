"""``load``: from a path to checked settings, or to every fault at once."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from callbridge.settings import pbx_rules, rules, warnings
from callbridge.settings.document import Document, where
from callbridge.settings.external_files import anchor_files
from callbridge.settings.faults import ConfigFaults, Fault, in_order
from callbridge.settings.lists import BadList, read_list, read_never_called
from callbridge.settings.models import Settings
from callbridge.settings.reader import read
from callbridge.settings.resolve import plan
from callbridge.settings.validators import shape


def _read_lists(settings: Settings, document: Document) -> list[Fault]:
    """Reads the CSV files of lookups; returns warnings about their rows."""
    warnings: list[Fault] = []
    for name, lookup in settings.lookups.items():
        if lookup.csv is not None:
            try:
                settings._lists[name], left_out = read_list(lookup.csv, settings.numbers_in(lookup))
                at = where(("lookups", name, "csv"))
                told = left_out.report(len(settings._lists[name]))
                warnings += [Fault(str(lookup.csv), line, 0, at, why) for line, why in told]
            except BadList as wrong:
                document.add(("lookups", name, "csv"), f"{lookup.csv}: {wrong}")
    return warnings


def _read_never_called(settings: Settings, document: Document) -> list[str]:
    """One row that cannot be read is a fault of the whole configuration: the person would be called."""
    path = document.never_called
    if path is None:
        return []
    at = ("callbacks", "do_not_call_file")
    try:
        found, odd = read_never_called(path, settings.numbers_in(settings.callbacks))
    except BadList as wrong:
        document.add(at, f"cannot read {str(path)!r}: {wrong}")
        return []
    document.faults += [Fault(str(path), line, 0, where(at), why) for line, why in odd.report(len(found)) if line]
    if odd.count > len(odd.named):
        document.add(at, f"{odd.count} rows of {str(path)!r} are not phone numbers; the first {len(odd.named)} are listed")
    return found


def load(path: str | os.PathLike[str], env: Mapping[str, str] | None = None, *, observed: bool | None = False) -> Settings:
    """Read and check the configuration at ``path``, a file or a folder. Blocks: it reads files.

    ``env`` is what ``${NAME}`` is taken from (default: the process's environment). ``observed``: the PBX is only observed, which
    takes no ARI; None: if that is what the configuration looks like. Raises ConfigFaults, and nothing else, whatever the files
    hold. What is merely doubtful is in the settings' ``warnings``.
    """
    document = read(pathlib.Path(path), os.environ if env is None else env)
    anchor_files(document)
    document.observed = pbx_rules.looks_observed(document) if observed is None else observed
    settings = shape(document)
    settings._resolver = plan
    settings._observes = document.observed
    rows: list[Fault] = []
    never = _read_never_called(settings, document)
    if document.complete:
        document.faults += rules.faults(settings, document)
        rows = _read_lists(settings, document)
    unread = {where(path) for path in document.unread}
    document.faults = [fault for fault in document.faults if fault.where not in unread]
    if document.faults:
        raise ConfigFaults(document.faults)
    settings._do_not_call = frozenset([*map(settings.numbers.identity, settings.callbacks.do_not_call), *never])
    settings._warnings = in_order(
        [
            *document.warnings,
            *rules.warnings_of_relations(settings, document),
            *warnings.warnings_of_values(settings, document),
            *rows,
        ]
    )
    return settings
