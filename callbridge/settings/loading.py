"""``load``: from a path to checked settings, or to every fault at once."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from callbridge.core.model.numbers import normalise
from callbridge.settings import doubts, rules
from callbridge.settings.document import Document, where
from callbridge.settings.external_files import anchor_files
from callbridge.settings.faults import ConfigFaults, Fault, in_order
from callbridge.settings.lists import BadList, read_list
from callbridge.settings.models import Settings
from callbridge.settings.reader import read
from callbridge.settings.resolve import plan
from callbridge.settings.validators import shape


def _read_lists(settings: Settings, document: Document) -> list[Fault]:
    """Reads the CSV files of lookups; returns warnings about their rows."""
    doubts: list[Fault] = []
    for name, lookup in settings.lookups.items():
        if lookup.csv is not None:
            try:
                settings._lists[name], left_out = read_list(lookup.csv, settings.tiers.country_code or "")
                at = where(("lookups", name, "csv"))
                told = left_out.report(len(settings._lists[name]))
                doubts += [Fault(str(lookup.csv), line, 0, at, why) for line, why in told]
            except BadList as wrong:
                document.add(("lookups", name, "csv"), f"{lookup.csv}: {wrong}")
    return doubts


def load(path: str | os.PathLike[str], env: Mapping[str, str] | None = None) -> Settings:
    """Read and check the configuration at ``path``, a file or a folder. Blocks: it reads files.

    ``env`` is what ``${NAME}`` is taken from (default: the process's environment). Raises ConfigFaults, and nothing
    else, whatever the files hold. What is merely doubtful is in the settings' ``warnings``.
    """
    document = read(pathlib.Path(path), os.environ if env is None else env)
    anchor_files(document)
    settings = shape(document)
    settings._resolver = plan
    rows: list[Fault] = []
    if document.complete:
        document.faults += rules.faults(settings, document)
        rows = _read_lists(settings, document)
    unread = {where(path) for path in document.unread}
    document.faults = [fault for fault in document.faults if fault.where not in unread]
    if document.faults:
        raise ConfigFaults(document.faults)
    country = settings.tiers.country_code or ""
    settings._do_not_call = frozenset(normalise(number, country) for number in settings.callbacks.do_not_call)
    settings._warnings = in_order(
        [*document.doubts, *rules.doubts(settings, document), *doubts.doubts(settings, document), *rows]
    )
    return settings
