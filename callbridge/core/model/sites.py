"""Sites: where PBXs, agents and entries are. A queue may prefer the agents of the caller's own site for a while.

To the matcher the site of an agent is one more thing that the agent can do, under a name that no skill has.
"""

from __future__ import annotations

from functools import lru_cache

from callbridge.core.model.skills import AllOf, AtLeast, Profile, Requirement, profile

MARK = "@"


def at_site(skills: Profile, site: str) -> Profile:
    """The profile of an agent of this site."""
    return profile({**dict(skills), MARK + site: 1}) if site else skills


@lru_cache(maxsize=4096)
def of_site(needs: Requirement, site: str) -> Requirement:
    """The requirement, of agents of this site only. Each who fits is as strong as for the requirement itself, by one."""
    return Requirement(AllOf((needs.node, AtLeast(MARK + site, 1))))


def is_site(skill: str) -> bool:
    return skill.startswith(MARK)
