"""What must be said of a PBX. Light: the rescue needs it, too."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.settings.document import Document
from callbridge.settings.faults import Fault


def looks_observed(document: Document) -> bool:
    """Is it for `callbridge observe`? It has PBXs, none of them with ARI, and no queue of callbridge's own."""
    listed = document.values.get("pbx")
    pbxs = listed if isinstance(listed, list) else []
    return bool(pbxs) and not any(isinstance(pbx, dict) and "ari" in pbx for pbx in pbxs) and "queues" not in document.values


def missing_ari(document: Document) -> Iterator[Fault]:
    """To serve calls takes ARI; to observe those of app_queue does not."""
    listed = document.values.get("pbx")
    for index, pbx in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(pbx, dict) and "ari" not in pbx and not document.observed:
            yield document.at(("pbx", index, "ari"), "is missing")
