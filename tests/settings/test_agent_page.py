"""What agents are shown of callers: labels, secrets, and links that ask only for what calls have."""

# ruff: noqa: E501 - the messages stand here as they are printed

from __future__ import annotations

import pytest

from callbridge.adapters.views.in_hand import CrmLink, KnownValue
from callbridge.core.model.flow import MenuNode
from callbridge.service.agent_pages import agent_pages
from tests.settings.conftest import RIGHT, Write, right, told

FLOWS = """\
entries: {help: {flow: door}}
values:
  customer: {label: Customer number}
  topic: {label: Topic, choices: {1: Invoice, 2: Delivery}}
  iban: {secret: yes}
  pin: {}
  contract: {}
flows:
  door:
    nodes:
      ask: {menu: choose, keys: {1: number, 2: number}, into: topic, otherwise: wait}
      number: {collect: type, into: customer, next: pin, otherwise: wait}
      pin: {collect: type, into: pin, next: wait, otherwise: wait}
      wait: {queue: support}
queue_defaults:
  crm: {url: "https://crm.example/find?phone={number}&customer={customer}"}
"""
WHOLE = RIGHT.replace("entries:\n  help: {queue: support}\n", FLOWS)


def test_queues_have_the_link_of_the_defaults_their_own_or_none(write: Write) -> None:
    quiet = "  quiet:\n    steps: [{skills: english}]\n    crm: no\n"
    own = '  general:\n    crm: {url: "https://crm.example/{contract}", open: by_hand}\n'
    pages = agent_pages(right(write(("  general:\n", quiet + own), text=WHOLE)))
    assert pages.queue_links == {
        "support": CrmLink("https://crm.example/find?phone={number}&customer={customer}", "on_answer"),
        "general": CrmLink("https://crm.example/{contract}", "by_hand"),
    }


def test_values_have_labels_and_what_sounds_secret_is(write: Write) -> None:
    assert agent_pages(right(write(text=WHOLE))).values == {
        "customer": KnownValue(label="Customer number"),
        "topic": KnownValue(label="Topic", choices={"1": "Invoice", "2": "Delivery"}),
        "iban": KnownValue(secret=True),
        "pin": KnownValue(secret=True),
        "contract": KnownValue(),
    }
    assert not agent_pages(right(write(("pin: {}", "pin: {secret: no}"), text=WHOLE))).values["pin"].secret


def test_a_menu_keeps_the_key_that_was_pressed(write: Write) -> None:
    node = right(write(text=WHOLE)).plan().flows["door"].nodes["ask"]
    assert isinstance(node, MenuNode)
    assert node.into == "topic"


URL = "https://crm.example/find?phone={number}&customer={customer}"
AT = "cb.yaml:21: queue_defaults.crm"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{customer}", "{custmer}", f"{AT}.url: calls have no {{custmer}} (hint: did you mean 'customer'?)"),
        (
            "{customer}",
            "{vip_since}",
            f"{AT}.url: calls have no {{vip_since}} (hint: if a lookup or a lead brings it, add it: values: {{vip_since: {{label: ...}}}})",
        ),
        (
            "{customer}",
            "{pin}",
            f"{AT}.url: {{pin}} is secret: browsers keep addresses in their history (hint: values: {{pin: {{secret: no}}}} allows it)",
        ),
        (
            "{customer}",
            "{iban}",
            f"{AT}.url: {{iban}} is secret: browsers keep addresses in their history (hint: values: {{iban: {{secret: no}}}} allows it)",
        ),
        (URL, "javascript:x({number})", f"{AT}.url: expected a URL such as https://crm.example/find?phone={{number}}"),
        (
            URL,
            "https://{customer}.example/",
            f"{AT}.url: values may only appear after the host, or callers could choose which server is opened",
        ),
        ('{customer}"', '{customer}", open: never', f"{AT}.open: must be 'on_answer' or 'by_hand', not 'never'"),
    ],
)
def test_a_link_that_cannot_work_is_refused(write: Write, old: str, new: str, message: str) -> None:
    head, _, tail = WHOLE.partition("queue_defaults:")
    assert told(write(text=f"{head}queue_defaults:{tail.replace(old, new, 1)}")) == [message]
