"""What a configuration with several PBXs wants of one of them: its own phones, named as it knows them, and its tie lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from callbridge.cli.doctor.endpoints import dialled
from callbridge.cli.doctor.findings import Finding
from callbridge.settings.instance import PbxConfig
from callbridge.settings.models import Settings
from callbridge.settings.staff import AgentConfig
from callbridge.settings.values import endpoint_of

TIE_CONTEXT = "callbridge-tie"


def own(settings: Settings, pbx: PbxConfig) -> Settings:
    """The settings with the agents who have a phone on this PBX, and with these phones only."""
    agents = {id: _with_phones(agent, _phones(settings, agent, pbx)) for id, agent in settings.agents.items()}
    return settings.model_copy(update={"agents": {id: agent for id, agent in agents.items() if agent.all_phones}})


def _phones(settings: Settings, agent: AgentConfig, pbx: PbxConfig) -> list[str]:
    alone = len(settings.pbx) == 1
    return [endpoint_of(phone) for phone in agent.all_phones if alone or phone.partition("/")[0] == pbx.name]


def _with_phones(agent: AgentConfig, phones: list[str]) -> AgentConfig:
    return agent.model_copy(update={"phone": None, "phones": phones})


def tie_lines(settings: Settings, pbx: PbxConfig) -> Iterator[tuple[str, str]]:
    """Endpoint of the PBX, and the setting that names it."""
    homes = {phone.partition("/")[0] for agent in settings.agents.values() for phone in agent.all_phones}
    for index, one in enumerate(settings.pbx):
        if one.name == pbx.name and one.tie is not None:
            for other in [each.name for each in settings.pbx if each.name != pbx.name and each.name in homes]:
                endpoint = dialled(one.tie.replace("{pbx}", other).replace("{phone}", "0"))
                if endpoint:
                    yield endpoint, f"pbx[{index}].tie"


def contexts(settings: Settings, pbx: PbxConfig) -> Iterator[str]:
    """Where calls over a tie line arrive, if agents have phones here."""
    if len(settings.pbx) > 1 and own(settings, pbx).agents:
        yield TIE_CONTEXT


def named(finding: Finding, settings: Settings, pbx: PbxConfig) -> Finding:
    """The finding says which of several PBXs it is about."""
    return replace(finding, said=f"{pbx.name}: {finding.said}") if len(settings.pbx) > 1 else finding
