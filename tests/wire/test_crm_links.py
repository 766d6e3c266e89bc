"""Links to the customer in another system: host and shape are the template's, whatever callers call themselves."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.wire.crm_links import filled_link, link_fields, template_fault

TEMPLATE = "https://crm.example/find/{name}?phone={number}&call={call}#{queue}"


def test_the_link_has_the_values_of_the_call() -> None:
    values = {"name": "Ann Lee", "number": "+442079460000", "call": "cb-call-1", "queue": "support"}
    assert filled_link(TEMPLATE, values) == "https://crm.example/find/Ann%20Lee?phone=%2B442079460000&call=cb-call-1#support"
    assert link_fields(TEMPLATE) == ["name", "number", "call", "queue"]


def test_what_is_not_known_is_empty() -> None:
    assert filled_link(TEMPLATE, {}) == "https://crm.example/find/?phone=&call=#"


@given(st.fixed_dictionaries(dict.fromkeys(("name", "number", "call", "queue"), st.text(max_size=300))))
def test_no_value_leaves_its_place(values: dict[str, str]) -> None:
    parts = urlsplit(filled_link(TEMPLATE, values))
    assert (parts.scheme, parts.netloc) == ("https", "crm.example")
    assert parts.path.startswith("/find/")
    assert parts.path.count("/") == 2
    assert parse_qs(parts.query, keep_blank_values=True).keys() == {"phone", "call"}


@pytest.mark.parametrize(
    "name", [".", "..", "%2e%2e", "../../admin", "..\\..", "a/../..", "//evil.example", "\ud800", "\r\nX: y"]
)
def test_no_name_goes_up_in_the_path(name: str) -> None:
    path = urlsplit(filled_link(TEMPLATE, {"name": name})).path
    assert path.removeprefix("/find/") not in (".", "..", "%2e%2e", "%2E%2E")
    assert path.count("/") == 2


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("javascript:alert({number})", "expected a URL"),
        ("ftp://crm.example/{number}", "expected a URL"),
        ("//crm.example/{number}", "expected a URL"),
        ("/{number}", "expected a URL"),
        ("https:///{number}", "expected a URL"),
        ("https://[crm/{number}", "expected a URL"),
        ("https://crm.example/a b", "expected a URL"),
        ("https://crm.example\\@evil.example/{number}", "expected a URL"),
        ("https://{name}/", "only appear after the host"),
        ("https://crm.example{number}/", "only appear after the host"),
        ("https://crm.example:{number}/", "only appear after the host"),
        ("https://me:secret@crm.example/{number}", "user name or a password"),
        ("https://crm.example/{number", "a brace without a name"),
        ("https://crm.example/{}", "a brace without a name"),
        ("https://crm.example/number}", "a brace without a name"),
    ],
)
def test_a_template_that_callers_could_turn_is_refused(template: str, problem: str) -> None:
    assert problem in template_fault(template)


@pytest.mark.parametrize(
    "template", [TEMPLATE, "http://127.0.0.1:8000/?q={number}", "https://crm.example", "https://客户.example/{name}"]
)
def test_other_templates_are_fine(template: str) -> None:
    assert template_fault(template) == ""
