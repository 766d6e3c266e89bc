"""The shape of what an agent's page shows of a call: labels of values, and the customer's page in another system."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import text
from callbridge.settings.values import Text
from callbridge.wire.crm_links import template_fault


def _crm_url(value: str) -> str:
    if fault := template_fault(value):
        raise ValueError(fault)
    return value


CrmUrl = Annotated[
    str, AfterValidator(_crm_url), text("URL", "^https?://", "https://crm.example/find?phone={number}&call={call}")
]


class CrmOpening(StrEnum):
    """When the page opens the link."""

    ON_ANSWER = "on_answer"
    BY_HAND = "by_hand"


class CrmConfig(ConfigSection):
    """The customer in another system: a link on the agent's page."""

    url: CrmUrl
    """URL of the customer's page; `{number}`, `{call}` and other values are inserted, percent-encoded, behind the host."""
    open: CrmOpening = CrmOpening.ON_ANSWER
    """`on_answer` opens the link once, in a tab of its own, when customer and agent are connected; `by_hand` shows the link
    only. Example: `by_hand`"""


class ValueConfig(ConfigSection):
    """How agents see a value that callers type, or that a lookup or a lead brings."""

    label: Text | None = None
    """What the value is called on the agent's page; by default its name. Example: `Customer number`"""
    secret: bool | None = None
    """Whether agents must not see the value; by default `yes` for names such as `pin`, `card_number`, `cvv` or `password`.
    Example: `yes`"""
    choices: dict[Text, Text] = {}
    """What is shown instead of the value, such as the meaning of a key. Example: `{"1": Invoice, "2": Delivery}`"""
