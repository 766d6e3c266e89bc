"""The differences between two configurations, key by key, as texts without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from callbridge.settings.models import Settings

MOST = 200
"""Most keys that are listed one by one."""
LONGEST = 200
"""Characters of a value."""
HIDDEN = "*****"
_USER = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class KeyChange:
    """``old``, ``new``: None where the key is not there."""

    key: str
    old: str | None
    new: str | None


def differences(old: Settings, new: Settings) -> list[KeyChange]:
    """The keys whose value differs, in the order of the configuration; if there are too many, the last entry counts the rest."""
    before, after = dict(_told("", old)), dict(_told("", new))
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    found = [KeyChange(key, *(_shown(key, values.get(key)) for values in (before, after))) for key in keys[:MOST]]
    if len(keys) > MOST:
        found.append(KeyChange("...", None, f"{len(keys) - MOST} more"))
    return [*found, *_of_files(old, new)]


def _told(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every key below this one with its value. An entry of a list that has a name is found by it, wherever it stands; others are
    counted from 0, as in faults."""
    match value:
        case BaseModel():
            for name, about in type(value).model_fields.items():
                yield from _told(_below(key, about.alias or name), getattr(value, name))
        case Mapping():
            for name, item in value.items():
                yield from _told(_below(key, str(name)), item)
        case list() | tuple() if any(isinstance(item, BaseModel) for item in value):
            for number, item in enumerate(value):
                yield from _told(f"{key}[{getattr(item, 'name', '') or number}]", item)
        case None:
            pass
        case _:
            yield key, value


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _shown(key: str, value: Any) -> str | None:
    match value:
        case None:
            return None
        case SecretStr():
            return HIDDEN
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            text = ", ".join(str(_shown(key, item)) for item in value)
        case set() | frozenset():
            text = ", ".join(sorted(str(_shown(key, item)) for item in value))
        case float():
            text = f"{value:g}"
        case _:
            text = _without_password(str(value)) if key.endswith("url") else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _without_password(url: str) -> str:
    """A user in front of the host, and what follows a question mark, may be a secret."""
    try:
        asked = urlsplit(url).query
    except ValueError:
        return HIDDEN
    return _USER.sub(f"//{HIDDEN}@", url).replace(f"?{asked}", f"?{HIDDEN}" if asked else "?")


def _of_files(old: Settings, new: Settings) -> Iterator[KeyChange]:
    """Files of numbers that were read with it: how many each has."""
    if old.do_not_call != new.do_not_call:
        yield KeyChange("(numbers that are not called)", *(str(len(one.do_not_call)) for one in (old, new)))
    for name in {**old.lists, **new.lists}:
        if old.lists.get(name) != new.lists.get(name):
            yield KeyChange(f"(numbers of lookups.{name})", *(_size(one.lists.get(name)) for one in (old, new)))


def _size(numbers: Mapping[str, object] | None) -> str | None:
    return None if numbers is None else str(len(numbers))
