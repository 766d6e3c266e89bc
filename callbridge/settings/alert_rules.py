"""What must fit together for the built-in alerts."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.core.model.sentence import Sentence
from callbridge.settings import models
from callbridge.settings.document import Document
from callbridge.settings.faults import Fault, did_you_mean
from callbridge.settings.instance import DATABASE_URL


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Every fault of the alerts."""
    alerts = settings.alerts
    if alerts is None:
        return
    if alerts.mail_to and document.values.get("mail") is None:
        yield document.at(("alerts", "mail_to"), "requires the section 'mail'", "add mail: {host: ..., from: ...}")
    if not alerts.mail_to and alerts.webhook is None:
        yield document.at(("alerts",), "have no recipient", "add mail_to, or a webhook")
    tiers = document.known(("tiers", "order"), settings.tiers.order)
    for index, tier in enumerate(alerts.vip_tiers):
        if tier not in tiers:
            yield document.at(("alerts", "vip_tiers", index), f"no such tier: {tier!r}", did_you_mean(tier, tiers))


def warnings(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """A rule that can never send an alert."""
    alerts = settings.alerts
    if alerts is None or "calls_unusual" in alerts.off:
        return
    if settings.database is None:
        hint = Sentence("add {setting}, or off: [calls_unusual]", setting=f"database: {{url: {DATABASE_URL}}}")
        yield document.at(("alerts",), Sentence("the rule calls_unusual needs a database with the history"), hint)
    elif not settings.history.keep:
        off = "history: {keep: no}"
        problem = Sentence("the rule calls_unusual needs the history, which {setting} turns off", setting=off)
        yield document.at(("alerts",), problem, Sentence("add {setting}", setting="off: [calls_unusual]"))
