"""``load_links``: the part of a configuration that a rescue needs, whatever else is wrong with it.

The rules of the other parts are not applied, so that their faults do not prevent a rescue.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from callbridge.settings.external_files import anchor_files
from callbridge.settings.faults import ConfigFaults, Fault, in_order
from callbridge.settings.models import Settings
from callbridge.settings.pbx_rules import missing_ari
from callbridge.settings.reader import read
from callbridge.settings.validators import shape

_PLACES = ("fallback", "fallback.context")


def load_links(path: str | os.PathLike[str], env: Mapping[str, str] | None = None) -> tuple[Settings, tuple[Fault, ...]]:
    """Settings of which only instance, pbx, fallback.context and log may be used, and the faults of the rest.

    For a rescue, which is needed most when the rest of the configuration is wrong. Raises ConfigFaults when a
    PBX or the name of the application cannot be read.
    """
    document = read(pathlib.Path(path), os.environ if env is None else env)
    anchor_files(document)
    settings = shape(document)
    doubtful = any(fault.where.startswith("instance") or fault.where in _PLACES for fault in document.faults)
    missing = not document.complete and "instance" not in document.values
    if doubtful or missing or not hasattr(settings, "pbx"):
        raise ConfigFaults(document.faults)
    if faults := [*missing_ari(document)]:
        raise ConfigFaults(faults)
    return settings, in_order(document.faults)
