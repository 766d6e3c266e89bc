"""Links into another system with what is known of a call: ``https://crm.example/find?phone={number}``.

Pure. Scheme and host are the template's own; whatever is put in is percent-encoded, so that it stays inside the part of the
address where the template has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

CALL_FIELDS = ("number", "name", "call", "queue", "tier", "entry", "campaign", "lead", "agent", "language")
"""What every call has; besides these a link may name the call's values."""
LONGEST_FIELD = 200
_FIELD = re.compile(r"{(\w+)}")


def link_fields(template: str) -> list[str]:
    """The names in braces, each once."""
    return list(dict.fromkeys(_FIELD.findall(template)))


def template_fault(template: str) -> str:
    """Why nothing can be a link by this template; empty when it can."""
    try:
        parts = urlsplit(template)
        host = parts.hostname
    except ValueError:
        return "expected a URL such as https://crm.example/find?phone={number}"
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f\\]", template):
        return "expected a URL such as https://crm.example/find?phone={number}"
    if "{" in parts.netloc or "}" in parts.netloc:
        return "values may only appear after the host, or callers could choose which server is opened"
    if "@" in parts.netloc:
        return "cannot contain a user name or a password: browsers would show them to everybody"
    if "{" in _FIELD.sub("", template) or "}" in _FIELD.sub("", template):
        return "a brace without a name in it: write {number}, or %7B and %7D for braces"
    return ""


def filled_link(template: str, values: Mapping[str, str]) -> str:
    """The link of one call; a missing value is empty. So are ``.`` and ``..``, which would go up in a path, even encoded."""
    return _FIELD.sub(lambda field: _encoded(values.get(field[1], "")), template)


def _encoded(value: str) -> str:
    value = value[:LONGEST_FIELD]
    return quote(value, safe="", errors="replace") if value.strip(".") else ""
