"""What editors and the reference know about a value: how it is written in YAML, its unit, and an example.

These are metadata in a type's ``Annotated`` and do not change what is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

JsonSchema = dict[str, Any]
VARIABLE = r"\$\{"
"""The value of a ``${NAME}`` in a text is not known until the configuration is read."""


def text(title: str, pattern: str = "", example: str = "") -> WithJsonSchema:
    """Text that matches this pattern; digits need no quotes because the reader takes every scalar as text."""
    schema: JsonSchema = {"title": title, "type": ["string", "number"]}
    if pattern:
        schema["pattern"] = f"{pattern}|{VARIABLE}"
    if example:
        schema["examples"] = [example]
    return WithJsonSchema(schema)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts."""

    name: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return {**handler(core), "x-unit": self.name}


@dataclass(frozen=True, slots=True, eq=False)
class Spelt:
    """Other spellings that are accepted beside those of the type."""

    ways: tuple[Mapping[str, Any], ...]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return {"anyOf": [handler(core), *(dict(way) for way in self.ways)]}


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """A list, or its only item without the brackets."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        many = handler(core)
        return {"anyOf": [many, many["items"]]}


OFF = Spelt(({"enum": ["no", "off", False]},))
EMPTY = Spelt(({"type": "null"},))
