"""How rows that an older version has saved become rows of this one: plain data in, plain data out, one version at a time.

The registry (``core.model.saved_tables``) names the former name of a table that was renamed; rows found under it arrive here
under the present name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

SCHEMA = 3
"""Raised by the first change of a saved row after a release: an older callbridge would misread it, a new enum value above all."""

Json = dict[str, Any]
Migration = Callable[[str, Json], Json]
"""(table, row of version n) -> row of version n + 1."""


def _as_it_was(_table: str, row: Json) -> Json:
    """New fields have defaults, new values are in no old row: nothing is to be changed."""
    return row


# -- 2 -> 3: the field's words ----------------------------------------------------------------------------------------

_CALL = {
    "handing": "transfer",
    "walk": "flow_position",
    "hearing": "announcing",
    "promise": "callback",
    "attempt": "dial_result",
    "dialled_for": "attempt_id",
    "held": "reserved_agent",
    "handed_by": "transferred_by",
    "handed_queue": "transferred_from",
    "watching": "supervisions",
    "hushed": "recording_paused",
}
_COUNTERS = {"asks_refused": "requests_refused"}
_LABELS = {
    ("requests_refused", "hand_on"): "transfer",
    ("requests_refused", "dispose"): "set_disposition",
    ("quarantines", "promise"): "callback",
}
"""(metric, value of its label) -> the value today."""


def _renamed(row: Json, names: Mapping[str, str]) -> Json:
    return {names.get(name, name): value for name, value in row.items()}


def _in_the_fields_words(table: str, row: Json) -> Json:
    match table:
        case "calls":
            return _call(row)
        case "legs":
            return _renamed(row, {"handed_on": "transferred_call"})
        case "agents":
            return _renamed(row, {"held": "reserved_for"})
        case "totals":
            return row | {"id": _series(row["id"])} if isinstance(row.get("id"), str) else row
        case _:
            return row


def _call(row: Json) -> Json:
    parts = {"segment": {"held": "hold_seconds"}, "handing": {"way": "kind"}, "walk": {"doing": "activity"}}
    for name, names in parts.items():
        if isinstance(part := row.get(name), dict):
            row = row | {name: _renamed(part, names)}
    if row.get("phase") == "handing":
        row = row | {"phase": "transferring"}
    return _renamed(row, _CALL)


def _series(key: str) -> str:
    """The id of a series, a JSON list of the metric's name and the values of its labels."""
    try:
        parts = json.loads(key)
    except (ValueError, RecursionError):
        return key
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts) or not parts:
        return key
    former = str(parts[0])
    name = _COUNTERS.get(former, former)
    labels = [_LABELS.get((name, value), value) for value in parts[1:]]
    return json.dumps([name, *labels], ensure_ascii=False, separators=(",", ":"))


MIGRATIONS: dict[int, Migration] = {1: _as_it_was, 2: _in_the_fields_words}
"""By the version that each starts from."""
