"""What the agents' pages show, from the configuration."""

from __future__ import annotations

from callbridge.adapters.reports.contacts import KnownAs
from callbridge.adapters.views.in_hand import AgentPages, CrmLink, KnownValue
from callbridge.adapters.views.scripts import Script, ScriptBranch, ScriptField, ScriptStep
from callbridge.core.model.numbers import WITHHELD, spellings
from callbridge.service.adapter_settings import history_people
from callbridge.settings.agent_page import CrmConfig
from callbridge.settings.agent_page_rules import is_secret
from callbridge.settings.models import Settings
from callbridge.settings.scripts import ScriptConfig, ScriptFieldConfig


def agent_pages(settings: Settings) -> AgentPages:
    links = {name: _of_queue(settings, name) for name in settings.queues}
    return AgentPages(
        values={
            name: KnownValue(label=one.label or "", secret=is_secret(settings, name), choices=one.choices)
            for name, one in settings.values.items()
        },
        queue_links={name: _link(crm) for name, crm in links.items() if crm is not None},
        scripts={name: _script(name, one) for name, one in settings.scripts.items()},
        queue_scripts={name: script for name in settings.queues if (script := _script_of_queue(settings, name)) is not None},
        campaign_scripts={name: one.script for name, one in settings.campaigns.items() if one.script is not None},
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


def _script_of_queue(settings: Settings, name: str) -> str | None:
    queue = settings.queues[name]
    return queue.script if "script" in queue.model_fields_set else settings.queue_defaults.script


def _script(name: str, given: ScriptConfig) -> Script:
    return Script(
        name=name,
        start=given.start or next(iter(given.steps)),
        steps={
            step: ScriptStep(
                text=one.text,
                fields={field: _field(field, asked) for field, asked in one.fields.items()},
                branches=tuple(ScriptBranch(when=branch.when, to=branch.to) for branch in one.branch),
                next=one.next or "",
            )
            for step, one in given.steps.items()
        },
    )


def _field(name: str, asked: ScriptFieldConfig) -> ScriptField:
    return ScriptField(
        label=asked.label or name.replace("_", " "),
        kind=asked.kind,
        choices=asked.choices or (),
        required=asked.required,
        least=asked.least,
        most=asked.most,
    )


def _link(crm: CrmConfig) -> CrmLink:
    return CrmLink(crm.url, crm.open.value)
