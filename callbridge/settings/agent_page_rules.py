"""What the shape of the agent's page cannot show: links ask only for what calls have, and for nothing secret."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.core.model.personal import is_secret_name
from callbridge.settings import models
from callbridge.settings.agent_page import CrmConfig
from callbridge.settings.document import Document, Path
from callbridge.settings.faults import Fault, did_you_mean
from callbridge.wire.crm_links import CALL_FIELDS, link_fields


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    known = known_values(settings)
    for at, crm in _links(settings):
        for field in link_fields(crm.url):
            if field in CALL_FIELDS:
                continue
            if is_secret(settings, field):
                hint = f"values: {{{field}: {{secret: no}}}} allows it"
                yield document.at((*at, "url"), f"{{{field}}} is secret: browsers keep addresses in their history", hint)
            elif field not in known:
                yield unknown(document, (*at, "url"), field, known)


def unknown(document: Document, at: Path, field: str, known: set[str]) -> Fault:
    """The fault of a placeholder that stands for nothing."""
    near = did_you_mean(field, {*known, *CALL_FIELDS})
    hint = near if near.startswith("did") else f"if a lookup or a lead brings it, add it: values: {{{field}: {{label: ...}}}}"
    return document.at(at, f"calls have no {{{field}}}", hint)


def is_secret(settings: models.Settings, name: str) -> bool:
    """Whether agents must not see this value."""
    given = settings.values[name].secret if name in settings.values else None
    return is_secret_name(name) if given is None else given


def known_values(settings: models.Settings) -> set[str]:
    """The values that calls may have, as far as the configuration tells. What a web service or a lead brings is known by its
    name in ``values`` only."""
    nodes = [node for flow in settings.flows.values() for node in flow.nodes.values()]
    typed = {node.into for node in nodes if node.into}
    fixed = {value for node in nodes if node.set is not None for value in node.set.values}
    columns = {column for rows in settings.lists.values() for row in rows.values() for column in row}
    return typed | fixed | columns | settings.values.keys()


def _links(settings: models.Settings) -> Iterator[tuple[Path, CrmConfig]]:
    if settings.queue_defaults.crm is not None:
        yield ("queue_defaults", "crm"), settings.queue_defaults.crm
    for name, queue in settings.queues.items():
        if queue.crm is not None:
            yield ("queues", name, "crm"), queue.crm
    for campaign, plan in settings.campaigns.items():
        if plan.crm is not None:
            yield ("campaigns", campaign, "crm"), plan.crm
