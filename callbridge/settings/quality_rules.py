"""What the shape of the section ``quality`` cannot show: names that must exist, and the database that it needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from callbridge.settings import models
from callbridge.settings.document import Document, mapping
from callbridge.settings.faults import Fault, did_you_mean


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    quality = settings.quality
    if quality.samples and document.values.get("database") is None:
        yield document.at(("quality", "samples"), "requires the section database", "add database: {}")
    sections = document.values  # as written: what is wrong in itself is there, too
    campaigns = mapping(sections.get("campaigns"))
    for name, form in quality.forms.items():
        callback = form.on_fatal.callback
        if callback is not None and callback.campaign not in campaigns:
            place = ("quality", "forms", name, "on_fatal", "callback", "campaign")
            yield document.at(place, f"no such campaign: {callback.campaign!r}", did_you_mean(callback.campaign, campaigns))
    for name, sample in quality.samples.items():
        at = ("quality", "samples", name)
        known: tuple[tuple[str, str, tuple[str, ...], Collection[str]], ...] = (
            ("form", "form", (sample.form,), mapping(mapping(sections.get("quality")).get("forms"))),
            ("queues", "queue", sample.queues or (), mapping(sections.get("queues"))),
            ("campaigns", "campaign", sample.campaigns or (), campaigns),
            ("agents", "agent", sample.agents or (), mapping(sections.get("agents"))),
        )
        for key, kind, names, there in known:
            for one in names:
                if one not in there:
                    yield document.at((*at, key), f"no such {kind}: {one!r}", did_you_mean(one, there))
