"""What must be said of queues of the PBX's own that are observed."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.settings import models
from callbridge.settings.document import Document
from callbridge.settings.faults import Fault


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Next to callbridge's own calls, observing needs a separate user, and no name may mean two queues."""
    observe = settings.observe
    if observe is None or document.observed:
        return
    for field in ("user", "secret"):
        if getattr(observe, field) is None:
            yield document.at(("observe", field), "is missing", "configure a user of manager.conf with read = agent,call")
    for index, name in enumerate(observe.queues):
        if name in settings.queues:
            yield document.at(("observe", "queues", index), f"{name!r} is one of callbridge's own queues", "leave it out")
    if not observe.queues and settings.fallback.queue in settings.queues:
        yield document.at(("observe",), f"{settings.fallback.queue!r} is one of callbridge's own queues, too", "rename one")
