"""What the agents' pages show, from the configuration."""

from __future__ import annotations

from callbridge.adapters.reports.contacts import KnownAs
from callbridge.adapters.views.in_hand import AgentPages, CrmLink, KnownValue
from callbridge.core.model.numbers import WITHHELD, spellings
from callbridge.service.adapter_settings import history_people
from callbridge.settings.agent_page import CrmConfig
from callbridge.settings.agent_page_rules import is_secret
from callbridge.settings.models import Settings


def agent_pages(settings: Settings) -> AgentPages:
    links = {name: _of_queue(settings, name) for name in settings.queues}
    return AgentPages(
        values={
            name: KnownValue(label=one.label or "", secret=is_secret(settings, name), choices=one.choices)
            for name, one in settings.values.items()
        },
        queue_links={name: _link(crm) for name, crm in links.items() if crm is not None},
        campaign_links={name: _link(one.crm) for name, one in settings.campaigns.items() if one.crm is not None},
    )


def known_as(settings: Settings, number: str) -> KnownAs:
    """How the database may know who has this number; older rows may lack the ``+``."""
    identity = settings.numbers.identity(number)
    if number == WITHHELD or not identity:
        return KnownAs()
    people, numbers = history_people(settings), {number, *spellings(identity)}
    return KnownAs(persons={people.identity(one) for one in numbers} - {""}, numbers=numbers)


def _of_queue(settings: Settings, name: str) -> CrmConfig | None:
    queue = settings.queues[name]
    return queue.crm if "crm" in queue.model_fields_set else settings.queue_defaults.crm


def _link(crm: CrmConfig) -> CrmLink:
    return CrmLink(crm.url, crm.open.value)
