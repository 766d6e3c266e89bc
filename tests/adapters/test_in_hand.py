"""What the agent who has the call is shown: values by label, nothing secret, and the link to the customer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.adapters.views.in_hand import AgentPages, CrmLink, KnownValue, in_hand
from callbridge.core.model.call import Call
from callbridge.core.model.ids import leg_id
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.personal import is_secret_name

CALL = Call(
    id="cb-call-1",
    leg=leg_id("pbx1", "a"),
    entry="help",
    tier="gold",
    number="+442079460000",
    name="Ann",
    arrived_at=1.0,
    values=(("customer", "4711"), ("pin", "9876"), ("topic", "1"), ("last_agent", "bob"), ("plan_code", "P7")),
)
PAGES = AgentPages(
    values={
        "customer": KnownValue(label="Customer number"),
        "topic": KnownValue(label="Topic", choices={"1": "Invoice"}),
        "iban": KnownValue(secret=True),
    },
    queue_links={"support": CrmLink("https://crm.example/{customer}?n={number}&who={name}&pin={pin}", "by_hand")},
    campaign_links={"spring": CrmLink("https://crm.example/leads/{lead}")},
)


def shown(call: Call = CALL, queue: str = "support", pages: AgentPages = PAGES, *, masked: bool = True) -> dict[str, object]:
    return in_hand(call, queue, "anna", pages, masked=masked)


def test_values_have_their_labels_and_choices_their_words() -> None:
    assert shown()["details"] == [
        {"name": "customer", "label": "Customer number", "value": "4711"},
        {"name": "topic", "label": "Topic", "value": "Invoice"},
        {"name": "plan_code", "label": "plan code", "value": "P7"},
    ]


def test_a_key_without_a_meaning_is_shown_itself() -> None:
    call = replace(CALL, values=(("topic", "7"),))
    assert shown(call)["details"] == [{"name": "topic", "label": "Topic", "value": "7"}]


@pytest.mark.parametrize("name", ["pin", "card_number", "my_pin", "cvv", "password", "tan", "secret_word"])
def test_what_sounds_secret_is_never_shown(name: str) -> None:
    assert is_secret_name(name)
    assert shown(replace(CALL, values=((name, "9876"),)))["details"] == []


@pytest.mark.parametrize("name", ["pinned", "opinion", "discard", "tangent", "customer", "cardinal"])
def test_what_only_contains_such_letters_is_shown(name: str) -> None:
    assert not is_secret_name(name)


def test_the_configuration_decides_what_is_secret() -> None:
    call = replace(CALL, values=(("iban", "GB1"), ("pin", "9876")))
    pages = replace(PAGES, values={**PAGES.values, "pin": KnownValue(secret=False)})
    assert [one["name"] for one in pages.details(call)] == ["pin"]


def test_the_link_has_the_number_in_full_and_no_secret() -> None:
    assert shown()["crm"] == {"url": "https://crm.example/4711?n=%2B442079460000&who=Ann&pin=", "open": "by_hand"}


def test_a_withheld_number_and_its_name_are_empty_in_the_link() -> None:
    assert shown(replace(CALL, number=WITHHELD))["crm"] == {"url": "https://crm.example/4711?n=&who=&pin=", "open": "by_hand"}


def test_a_campaigns_link_comes_before_its_queues() -> None:
    call = replace(CALL, campaign="spring", values=(("lead", "17"),))
    assert shown(call)["crm"] == {"url": "https://crm.example/leads/17", "open": "on_answer"}
    assert shown(replace(call, campaign="autumn"))["crm"] is not None


def test_without_a_link_there_is_none() -> None:
    assert shown(queue="general")["crm"] is None


def test_a_caller_cannot_pass_for_the_calls_own_fields() -> None:
    call = replace(CALL, values=(("customer", "4711"), ("number", "+1900"), ("call", "other")))
    pages = AgentPages(queue_links={"support": CrmLink("https://crm.example/{number}/{call}")})
    assert shown(call, pages=pages)["crm"] == {"url": "https://crm.example/%2B442079460000/cb-call-1", "open": "on_answer"}


def test_numbers_in_values_are_masked_when_numbers_are() -> None:
    call = replace(CALL, values=(("note", "call +442079461111 back"),))
    assert shown(call)["details"] == [{"name": "note", "label": "note", "value": "call +44*****111 back"}]
    assert shown(call, masked=False)["details"] == [{"name": "note", "label": "note", "value": "call +442079461111 back"}]
