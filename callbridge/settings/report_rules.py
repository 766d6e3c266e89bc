"""What must fit together for reports that are sent by schedule."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from callbridge.core.model.sentence import Sentence
from callbridge.settings import models
from callbridge.settings.document import Document, Path, mapping
from callbridge.settings.faults import Fault, did_you_mean
from callbridge.settings.instance import DATABASE_URL
from callbridge.settings.values import is_loopback


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Every fault of the schedule."""
    if settings.reports and document.values.get("database") is None:
        hint = f"such as database: {{url: {DATABASE_URL}}}"
        yield document.at(("reports",), "reports need a database with the history", hint)
    elif settings.reports and not settings.history.keep:
        yield document.at(("reports",), "reports need the history, which history: {keep: no} turns off")
    names = [one.name for one in settings.reports]
    for index, one in enumerate(settings.reports):
        at: Path = ("reports", index)
        if one.name in names[:index]:
            yield document.at((*at, "name"), f"{one.name!r} is already the name of another report")
        names_of = {"queues": one.queues, "entries": one.entries, "agents": one.agents, "campaigns": one.campaigns}
        there: dict[str, tuple[Collection[str], Collection[str]]] = {
            "tiers": (one.tiers, document.known(("tiers", "order"), settings.tiers.order)),
            **{section: (given, mapping(document.values.get(section))) for section, given in names_of.items()},
        }
        for key, (given, known) in there.items():
            for name in given:
                if name not in known:
                    yield document.at((*at, key), f"no such name: {name!r}", did_you_mean(name, known))
        if any(target.email is not None for target in one.to) and document.values.get("mail") is None:
            yield document.at(
                (*at, "to"), "email needs the section mail", "such as mail: {host: smtp.example.com, from: cb@example.com}"
            )


def warnings(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Targets that will not work, or that others can read."""
    for index, one in enumerate(settings.reports):
        for number, target in enumerate(one.to):
            at: Path = ("reports", index, "to", number)
            if target.folder is not None and not target.folder.is_dir():
                problem = Sentence("no such folder here: {folder}", folder=str(target.folder))
                yield document.at((*at, "folder"), problem, Sentence("create it, writable for callbridge"))
            url = urlsplit(target.webhook.url) if target.webhook is not None else None
            if url is not None and url.scheme == "http" and not is_loopback(url.hostname or ""):
                problem = Sentence("does not use https: anyone on the network path can read the report")
                yield document.at((*at, "webhook", "url"), problem)
