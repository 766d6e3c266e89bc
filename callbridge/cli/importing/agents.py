"""Members of app_queues as agents: one for each phone, with a level of each queue's skill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from callbridge.cli.importing.converted import Looks
from callbridge.cli.importing.dialplan import Dialplan
from callbridge.cli.importing.phones import Member, phone_of
from callbridge.cli.importing.yaml_lines import comment, fresh, key, text


@dataclass(slots=True)
class ImportedAgent:
    """``skills`` by the queue's skill; ``comments``: lines above the agent; ``always``: listed as a member in a file."""

    id: str
    name: str
    phone: str
    skills: dict[str, int] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    always: bool = False


def enlist(
    queue: str,
    members: Sequence[Member],
    skill: str,
    levels: Mapping[int, int],
    agents: dict[str, ImportedAgent],
    dialplan: Dialplan,
    looks: Looks,
) -> None:
    """Add a queue's members to ``agents``, which are kept by their phones."""
    for member in members:
        phone = phone_of(member, dialplan)
        if not phone.endpoint:
            for said in phone.looks:
                looks.add(f"[{queue}]", said)
            continue
        agent = agents.get(phone.endpoint.upper())
        if agent is None:
            id = fresh(phone.endpoint.partition("/")[2], [one.id for one in agents.values()], "agent")
            agent = agents[phone.endpoint.upper()] = ImportedAgent(id, member.name or id, phone.endpoint)
            agent.comments = [looks.add(f"agent {id}", said) for said in phone.looks]
        elif member.name and member.name not in (agent.name, agent.id):
            if agent.name == agent.id:
                agent.name = member.name
            else:
                agent.comments.append(comment(f"was: also called {member.name}"))
        agent.always = agent.always or member.fixed
        agent.skills[skill] = max(agent.skills.get(skill, 0), levels[member.penalty])
        if any(part not in ("yes", "no", "0") for part in member.more):
            looks.add(
                f"[{queue}]", f"member {member.interface}: {','.join(member.more)}: members have no settings of their own here"
            )


def agent_lines(agent: ImportedAgent) -> list[str]:
    skills = ", ".join(f"{key(skill)}: {level}" for skill, level in agent.skills.items())
    login = ", login: true" if agent.always else ""
    settings = f"name: {text(agent.name)}, phone: {text(agent.phone)}{login}, skills: {{{skills}}}"
    return [*(f"# {said}" for said in agent.comments), f"{key(agent.id)}: {{{settings}}}"]
