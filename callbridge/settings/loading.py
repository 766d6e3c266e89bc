"""``load``: from a path to checked settings, or to every fault at once."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from callbridge.settings import rules
from callbridge.settings.companions import anchor_files
from callbridge.settings.faults import ConfigFaults, in_order
from callbridge.settings.models import Settings
from callbridge.settings.reader import read
from callbridge.settings.shapes import shape


def load(path: str | os.PathLike[str], env: Mapping[str, str] | None = None) -> Settings:
    """Read and check the configuration at ``path``, a file or a folder. Blocks: it reads files.

    ``env`` is what ``${NAME}`` is taken from (default: the process's environment). Raises ConfigFaults, and nothing
    else, whatever the files hold. What is merely doubtful is in ``warnings`` of the settings.
    """
    document = read(pathlib.Path(path), os.environ if env is None else env)
    anchor_files(document)
    settings = shape(document)
    if document.complete:
        document.faults += rules.faults(settings, document)
    if document.faults:
        raise ConfigFaults(document.faults)
    settings._warnings = in_order(rules.doubts(settings, document))
    return settings
