"""Members of app_queues as agents: one for each phone or extension, with a level of each queue's skill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from callbridge.cli.importing.converted import Looks
from callbridge.cli.importing.dialplan import Dialplan
from callbridge.cli.importing.phones import Member, Phones, phones_of
from callbridge.cli.importing.yaml_lines import comment, fresh, key, text
from callbridge.settings.phone_rules import MAX_PHONES


@dataclass(slots=True)
class ImportedAgent:
    """``skills`` by the queue's skill; ``comments``: lines above the agent; ``always``: listed as a member in a file."""

    id: str
    name: str
    phones: list[str]
    hint: str = ""
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
    """Add a queue's members to ``agents``, which are kept by each of their phones."""
    for member in members:
        phones = phones_of(member, dialplan)
        if not phones.endpoints:
            for said in phones.looks:
                looks.add(f"[{queue}]", said)
            continue
        agent = _agent_at(phones, member, agents, looks)
        if member.name and member.name not in (agent.name, agent.id):
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


def _agent_at(phones: Phones, member: Member, agents: dict[str, ImportedAgent], looks: Looks) -> ImportedAgent:
    """The agent to whom one of the phones belongs already, or a new one; the phones that are nobody's are the agent's, too."""
    keys = {endpoint.upper(): endpoint for endpoint in phones.endpoints}
    agent = next((agents[key] for key in keys if key in agents), None)
    if agent is None:
        taken = [one.id for one in agents.values()]
        id = fresh(phones.endpoints[0].partition("/")[2], taken, "agent")
        agent = ImportedAgent(id, member.name or id, [])
    new = [key for key in keys if key not in agents][: MAX_PHONES - len(agent.phones)]
    if new:
        agent.phones += [keys[key] for key in new]
        agents |= dict.fromkeys(new, agent)
        agent.hint = agent.hint or phones.hint
        agent.comments += [looks.add(f"agent {agent.id}", said) for said in phones.looks]
    return agent


def agent_lines(agent: ImportedAgent) -> list[str]:
    skills = ", ".join(f"{key(skill)}: {level}" for skill, level in agent.skills.items())
    login = ", login: true" if agent.always else ""
    one, *more = map(text, agent.phones)
    phones = f"phones: [{', '.join([one, *more])}]" if more else f"phone: {one}"
    hint = f", hint: {text(agent.hint)}" if agent.hint else ""
    settings = f"name: {text(agent.name)}, {phones}{hint}{login}, skills: {{{skills}}}"
    return [*(f"# {said}" for said in agent.comments), f"{key(agent.id)}: {{{settings}}}"]
