"""What the shape of the section ``recordings`` cannot show: queues that must exist, and what deleting files needs."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.settings import models
from callbridge.settings.document import Document, mapping
from callbridge.settings.faults import Fault, did_you_mean


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    kept = settings.recordings
    known = mapping(document.values.get("queues"))
    for name in kept.queues:
        if name not in known:
            yield document.at(("recordings", "queues", name), f"no such queue: {name!r}", did_you_mean(name, known), key=True)
    periods = [days for days in (kept.keep_days, *kept.queues.values()) if days is not None]
    if not periods:
        return
    if document.values.get("database") is None or not settings.history.keep:
        yield document.at(("recordings",), "requires the history, which records their age", "add database: {}", key=True)
    if mapping(document.values.get("metrics")).get("recordings") is None:
        hint = "add metrics: {recordings: /var/spool/asterisk/monitor}"
        yield document.at(("recordings",), "requires the folder of the recordings", hint, key=True)
    if max(periods) > settings.history.days:
        problem = f"the history forgets them after {settings.history.days} days, so their files would never be deleted"
        yield document.at(("recordings",), problem, f"set history: {{days: {max(periods)}}}", key=True)
