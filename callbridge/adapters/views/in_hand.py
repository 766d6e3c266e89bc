"""What an agent's page shows of the call in hand, besides what everybody sees of a call.

Pure. ``AgentPages`` is what the configuration says about it; secrets are left out here, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from callbridge.adapters.facts.privacy import scrub
from callbridge.adapters.views.scripts import Script
from callbridge.core.model.call import Call
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.personal import is_secret_name
from callbridge.core.model.plan import REMEMBERED
from callbridge.wire.crm_links import filled_link

_NOT_SHOWN = REMEMBERED | {"lead", "campaign"}
"""Values of our own that the page shows in another way, or that mean nothing to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownValue:
    """How a value of calls is shown. ``secret``: never. ``choices``: what is shown instead, by value."""

    label: str = ""
    secret: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)


_UNDESCRIBED = KnownValue()


@dataclass(frozen=True, slots=True)
class CrmLink:
    """``url``: with values in braces."""

    url: str
    open: Literal["on_answer", "by_hand"] = "on_answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPages:
    """What the agents' pages show, by the configuration in force. Links by queue, and by campaign, which comes first."""

    values: Mapping[str, KnownValue] = field(default_factory=dict)
    queue_links: Mapping[str, CrmLink] = field(default_factory=dict)
    campaign_links: Mapping[str, CrmLink] = field(default_factory=dict)
    scripts: Mapping[str, Script] = field(default_factory=dict)
    queue_scripts: Mapping[str, str] = field(default_factory=dict)
    campaign_scripts: Mapping[str, str] = field(default_factory=dict)

    def script(self, call: Call, queue: str) -> Script | None:
        """What the agent says and asks in this call."""
        return self.scripts.get(self.campaign_scripts.get(call.campaign) or self.queue_scripts.get(queue, ""))

    def details(self, call: Call, show: Callable[[str], str] = str) -> list[dict[str, str]]:
        """What was typed and looked up, by label. ``show``: how texts may be shown."""
        found = []
        for name, value in call.values:
            if self.is_secret(name) or name in _NOT_SHOWN:
                continue
            known = self.values.get(name, _UNDESCRIBED)
            label = known.label or name.replace("_", " ")
            found.append({"name": name, "label": label, "value": known.choices.get(value) or show(value)})
        return found

    def is_secret(self, name: str) -> bool:
        """Whether agents must not see this value of calls."""
        return self.values[name].secret if name in self.values else is_secret_name(name)

    def crm(self, call: Call, queue: str, agent: str) -> dict[str, str] | None:
        """The link to the customer, ready to be opened. A withheld number, and the name with it, are empty."""
        link = self.campaign_links.get(call.campaign) or self.queue_links.get(queue)
        if link is None:
            return None
        return {"url": filled_link(link.url, self.known(call, queue, agent)), "open": link.open}

    def known(self, call: Call, queue: str, agent: str) -> dict[str, str]:
        """What links and scripts may name, nothing secret among it."""
        withheld = call.number == WITHHELD
        values = {name: value for name, value in call.values if not self.is_secret(name)}
        return values | {
            "number": "" if withheld else call.number,
            "name": "" if withheld else call.name,
            "call": call.id,
            "queue": queue,
            "tier": call.tier,
            "entry": call.entry,
            "campaign": call.campaign,
            "agent": agent,
            "language": call.language,
        }


def in_hand(call: Call, queue: str, agent: str, pages: AgentPages, *, masked: bool = True) -> dict[str, Any]:
    """The fields that only the agent who has the call is shown. ``masked``: numbers in texts are. The link has the number in full
    in any case: it is there for the other system to find the customer by."""
    show: Callable[[str], str] = scrub if masked else str
    withheld = call.number == WITHHELD
    return {
        "name": "" if withheld else show(call.name),
        "withheld": withheld,
        "campaign": call.campaign,
        "details": pages.details(call, show),
        "crm": pages.crm(call, queue, agent),
        "script": script.name if (script := pages.script(call, queue)) is not None else "",
    }
