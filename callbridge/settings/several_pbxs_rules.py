"""What must be said of a configuration with several PBXs: how one reaches the phones of another,
and what works with one only."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.core.model.plan import ConnectMode
from callbridge.settings import models
from callbridge.settings.document import Document
from callbridge.settings.faults import Fault, did_you_mean

TECHNOLOGIES = frozenset({"pjsip", "sip", "iax2", "local", "dahdi", "sccp", "custom"})
"""Begin the names of endpoints, so that a phone named after a PBX of this name would be one of another."""
TIE = 'such as tie: "PJSIP/{phone}@tie-{pbx}"'


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Every fault of this kind."""
    if not hasattr(settings, "pbx"):
        return  # it could not be read
    names = [pbx.name for pbx in settings.pbx]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield document.at(("pbx", index, "name"), f"{name!r} is already the name of another PBX")
        if len(names) > 1 and name.casefold() in TECHNOLOGIES:
            yield document.at(("pbx", index, "name"), f"{name!r} begins the names of endpoints", "choose another name")
    for campaign, given in settings.campaigns.items():
        if given.pbx is not None and given.pbx not in names:
            yield document.at(("campaigns", campaign, "pbx"), f"no such PBX: {given.pbx!r}", did_you_mean(given.pbx, names))
    yield from _sites(settings, document)
    if len(names) > 1:
        yield from _ties(settings, document)
        yield from _not_yet(settings, document)


def _sites(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """A queue can prefer a site only where there are some, and an entry is at one where agents are."""
    sites = {pbx.site for pbx in settings.pbx} | {agent.site for agent in settings.agents.values()}
    known = {site for site in sites if site is not None}
    for name, entry in settings.entries.items():
        if entry.site is not None and entry.site not in known:
            yield document.at(("entries", name, "site"), f"no such site: {entry.site!r}", did_you_mean(entry.site, known))
    levels = [(("queue_defaults",), settings.queue_defaults), *((("queues", name), one) for name, one in settings.queues.items())]
    for at, queue in levels:
        if queue.own_site and not known:
            problem = "requires sites: no PBX and no agent has one"
            yield document.at((*at, "own_site"), problem, "such as site: london, below pbx")


def _ties(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Every agent is offered the callers of every PBX."""
    homes = {phone.partition("/")[0] for agent in settings.agents.values() for phone in agent.all_phones}
    for index, pbx in enumerate(settings.pbx):
        others = [other.name for other in settings.pbx if other.name != pbx.name and other.name in homes]
        if others and pbx.tie is None and ("pbx", index, "tie") not in document.keys:  # one that is wrong is a fault already
            problem = f"tie is missing: nothing says how {pbx.name} reaches the phones of {' and '.join(others)}"
            yield document.at(("pbx", index), problem, TIE)
        elif len(others) > 1 and pbx.tie is not None and "{pbx}" not in pbx.tie:
            problem = f"leads to one PBX, but agents have phones on {' and '.join(others)}"
            yield document.at(("pbx", index, "tie"), problem, TIE)


def _not_yet(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """What works with one PBX only."""
    for id, agent in settings.agents.items():
        if agent.connect is ConnectMode.NAILED_UP:
            problem = "nailed_up serves the callers of one PBX, and there are several"
            yield document.at(("agents", id, "connect"), problem, "use auto_answer")
    if settings.observe is not None or document.observed:
        at: tuple[str | int, ...] = ("observe",) if settings.observe is not None else ("pbx", 1)
        yield document.at(at, "only the queues of one PBX can be observed, and there are several", key=True)
