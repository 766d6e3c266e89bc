"""Runs the models over the tree and turns their errors into plain words, each with its place.

A part with a fault is repaired (left out, or replaced by a stand-in) and validated again, so that the rules about names
still see all the rest: every fault of a configuration is reported at once.
"""

from __future__ import annotations

import copy
import re
from functools import cache
from typing import Annotated, Any

from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from callbridge.core.model.skills import RequirementError
from callbridge.settings.document import AnyNames, Document, Path, mapping
from callbridge.settings.faults import Fault, caret, did_you_mean, nearest
from callbridge.settings.models import Settings
from callbridge.settings.schema import kind_of, known_keys, plain
from callbridge.settings.section import ConfigSection
from callbridge.settings.values import ANYBODY

_ROUNDS = 8
_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is not a setting",
    "string_type": "expected text",
    "dict_type": "expected names with their settings",
    "model_type": "expected settings",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_parsing_size": "expected a smaller number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "path_type": "expected the name of a file",
    "string_too_short": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "too_short": "needs at least {min_length}",
    "too_long": "has more than {max_length}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "finite_number": "expected a number",
    "int_from_float": "expected a whole number",
    "set_type": "expected a list",
    "frozen_set_type": "expected a list",
    "model_attributes_type": "expected settings",
    "is_instance_of": "cannot be used here",
}
PATTERNS = {
    r"^[A-Z]{2}$": "expected a country of two capital letters, such as GB or DE",
    r"^[\w.:-]*(\{[\w.:-]+\})?[\w.:-]*$": "expected letters, digits and _ . : -, and a tag in braces at most",
    r"^[0-9]{1,10}$": "expected 1 to 10 digits",
    r"^[*#][0-9*#]{1,4}$": "expected a feature code such as *1: * or #, and one to four more of 0-9, * and #",
    r"^[a-z0-9][a-z0-9_-]{0,63}$": "expected a-z, 0-9, _ and - (at most 64), beginning with a letter or digit",
}
"""What the patterns of the settings ask for."""
_REPLACED: dict[Path, str] = {
    ("tiers", "country_code"): "use region: GB (that of your country, ISO 3166) on the top level",
}
"""Settings of before, and what to write instead."""


_DEFAULTS = {name: info.default for name, info in Settings.model_fields.items() if isinstance(info.default, ConfigSection)}
"""Sections are frozen, so all settings can share them; pydantic would copy each of them, which took a fifth of a load."""


def shape(document: Document) -> Settings:
    """The settings, repaired where they had faults; the faults go into the document."""
    values: dict[str, Any] = {}
    for name in sorted(document.values.keys() - Settings.model_fields.keys()):
        document.add((name,), "is not a section", did_you_mean(name, Settings.model_fields), key=True)
        meant = nearest(name, Settings.model_fields.keys() - document.values.keys())
        if meant:
            document.rename(name, meant)
    for name, info in Settings.model_fields.items():
        raw = document.values.get(name)
        if raw is not None:
            _section(document, name, _adapter(name), raw, values)
        elif info.is_required() and document.complete:
            document.add((name,), "is missing", f"add a section '{name}:'")
    return Settings.model_construct(_fields_set=set(values), **(_DEFAULTS | values))


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    """Made at the first use of a section: it takes longer than most sections take to validate."""
    info = Settings.model_fields[name]
    kind: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    return TypeAdapter(kind)


def _section(document: Document, name: str, adapter: TypeAdapter[Any], raw: object, values: dict[str, Any]) -> None:
    """Validate one section into ``values``; report the faults of the first round only."""
    repaired = copy.deepcopy(raw)
    for turn in range(_ROUNDS):
        try:
            values[name] = adapter.validate_python(repaired)
            return
        except ValidationError as error:
            details = error.errors(include_url=False)
        if turn == 0:
            reported = {fault.where for fault in document.faults}
            faults = [_fault(document, (name, *detail["loc"]), detail) for detail in details]
            document.faults += [fault for fault in faults if fault.where not in reported]
            document.unclear |= {(name, *detail["loc"]) for detail in details}
            if (name,) in document.unclear:
                document.values[name] = AnyNames()
        holder = {name: repaired}
        for detail in details:
            _repair(holder, (name, *detail["loc"]))
        if name not in holder:
            return
        repaired = holder[name]


def _repair(tree: Any, loc: Path) -> None:
    """Remove the faulty part at ``loc``, or replace it by a stand-in where it is required."""
    parent, above, step = tree, None, loc[0]
    for part in loc[:-1]:
        try:
            parent, above, step = parent[part], parent, part
        except (KeyError, IndexError, TypeError):
            return
    last = loc[-1]
    if isinstance(parent, list) and isinstance(last, int) and last < len(parent):
        parent[last] = {"skills": ANYBODY} if "steps" in loc else ""
    elif isinstance(parent, dict) and last == "skills" and "steps" in loc:
        parent["skills"] = ANYBODY
    elif isinstance(parent, dict) and last == "phone":
        parent["phone"] = f"none/{id(parent)}"
    elif isinstance(parent, dict) and last in parent:
        del parent[last]
        if "steps" in loc:
            parent["for"] = "1s"  # most likely meant to end: a misspelt "for", or one that could not be read
    elif above is not None and isinstance(above, dict):
        above.pop(step, None)


def _fault(document: Document, loc: Path, detail: ErrorDetails) -> Fault:
    if loc[-1:] == ("[key]",):
        loc = loc[:-1]
    cause = mapping(detail.get("ctx")).get("error")
    if isinstance(cause, RequirementError):
        picture = caret(cause.text, cause.position, cause.problem)
        return document.at(loc, str(cause), picture=picture)
    kind, given = detail["type"], detail["input"]
    if kind == "extra_forbidden" and loc in _REPLACED:
        return document.at(loc, _MESSAGES[kind] + " any more", _REPLACED[loc], key=True)
    if kind == "extra_forbidden":
        return document.at(loc, _MESSAGES[kind], did_you_mean(str(loc[-1]), known_keys(loc[:-1])), key=True)
    if kind == "missing":
        also = f"{loc[-1]}_file"
        return document.at(loc, _MESSAGES[kind], f"or {also}" if also in known_keys(loc[:-1]) else "")
    if given is None:
        return document.at(loc, "has no value")
    if cause is not None:
        return document.at(loc, str(cause))
    problem, hint = _in_words(detail)
    shown = isinstance(given, str) and given and not _secret(loc)
    return document.at(loc, f"{problem}, not {given!r:.60}" if shown else problem, hint if shown else "")


def _in_words(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a value, and a hint: never a validator's own sentence, never a regular expression."""
    kind, context = detail["type"], mapping(detail.get("ctx"))
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(str(context.get("pattern")), "is written wrongly"), ""
    if kind in ("enum", "literal_error"):
        expected = str(context.get("expected"))
        near = nearest(str(detail["input"]), re.findall("'([^']*)'", expected))
        return f"must be {expected}", f"did you mean {near!r}?" if near else ""
    words = _MESSAGES.get(kind, "cannot be used")
    return words.format(**context), ""


def _secret(loc: Path) -> bool:
    return plain(kind_of(loc)) is SecretStr or str(loc[-1]).endswith("url")
