"""The JSON Schema of the configuration files (draft 2020-12), generated from the models, for completion in editors.

It is wider than ``check`` where one file alone cannot decide: a section may be in another file, a variable may hold anything.
It is never narrower.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import json
import re
import sys
from collections.abc import Hashable
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticUndefined, core_schema

from callbridge.core.model import plan as core
from callbridge.settings.campaigns import RETRIES, RetryConfig
from callbridge.settings.durations import duration_text
from callbridge.settings.flows import NODE_KINDS, NodeConfig
from callbridge.settings.models import Settings
from callbridge.settings.queues import QueueConfig, TargetConfig
from callbridge.settings.resolve import ANSWER_WITHIN, SHARE
from callbridge.settings.schema import OTHER_FILES, plain
from callbridge.settings.spelling import VARIABLE, JsonSchema
from callbridge.settings.staff import AgentConfig, PromptsConfig

_YES_NO = "^([Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF)$"
_EXAMPLE = re.compile(r"\s+Example: `(.*)`$")
_CORES: dict[type[BaseModel], type[Any]] = {QueueConfig: core.QueuePlan, PromptsConfig: core.Prompts}
"""The effective default of a setting without one here is that of the field of the same name in the core's row."""
_DAY = 86400.0


@functools.cache
def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Field -> the docstring below it, including inherited fields.

    Pydantic can read these itself, but would do so at every start of every command, which costs more than all models together.
    """
    found: dict[str, str] = {}
    for above in reversed(model.__mro__):
        if issubclass(above, BaseModel) and above.__module__.startswith("callbridge."):
            body = next(
                part.body
                for part in _source(above.__module__).body
                if isinstance(part, ast.ClassDef) and part.name == above.__name__
            )
            for line, text in itertools.pairwise(body):
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and isinstance(text, ast.Expr):
                    value = text.value
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        found[line.target.id] = " ".join(value.value.split())
    return found


@functools.cache
def _source(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))


@functools.cache
def editor_schema() -> JsonSchema:
    """The schema of one configuration file, which may hold only some of the sections. Made once: not to be changed."""
    made = Settings.model_json_schema(schema_generator=_Generator, mode="validation")
    made.pop("required", None)
    for section in made["properties"].values():  # a section may be spread over files
        name = str(section.get("$ref") or next((part["$ref"] for part in section.get("anyOf", ()) if "$ref" in part), ""))
        made["$defs"].get(name.rpartition("/")[2], {}).pop("required", None)
        made["$defs"].get(name.rpartition("/")[2], {}).pop("allOf", None)
    choices = {f"#/$defs/{name}": one for name, one in made["$defs"].items() if "properties" not in one}
    made = _inlined({**made, "$defs": {name: one for name, one in made["$defs"].items() if "properties" in one}}, choices)
    include = {"title": "file", "type": "string"}
    made["properties"] = {
        "include": {
            "description": "Further files, or folders of them, that belong to the configuration, relative to this file.",
            "anyOf": [{"type": "array", "items": include}, include],
            "examples": [["queues.yaml", "agents.yaml"]],
        },
        **made["properties"],
    }
    made["type"] = ["object", "null"]
    title = {"title": "callbridge configuration", "$comment": "made by: callbridge check --schema"}
    return {"$schema": GenerateJsonSchema.schema_dialect, **title, **made}


def _inlined(part: Any, choices: JsonSchema) -> Any:
    """Lists of words where they are used: pydantic gives each a definition."""
    if isinstance(part, list):
        return [_inlined(item, choices) for item in part]
    if not isinstance(part, dict):
        return part
    whole = {key: _inlined(value, choices) for key, value in part.items()}
    if part.get("$ref") in choices:
        del whole["$ref"]
        whole = {"title": "choice", "anyOf": choices[part["$ref"]]["anyOf"], **whole}
    return whole


def schema_text() -> str:
    """As it stands in ``config/callbridge.schema.json``."""
    return json.dumps(editor_schema(), indent=1, ensure_ascii=False) + "\n"


def default_of(model: type[BaseModel], field: str) -> object:
    """The default as one would write it in YAML; None when there is none, or none that fits in a word."""
    info = model.model_fields[field]
    value: Any = None if info.default is PydanticUndefined else info.default
    if value is None and model in _CORES:
        known = {one.name: one for one in fields(_CORES[model])}
        found = known[field].default if field in known else MISSING
        value = None if found is MISSING or found == "" else found
    elif value is None and model is RetryConfig:
        value = RETRIES.get(field)
    elif value is None and model is TargetConfig:
        value = {"answer_within": ANSWER_WITHIN, "share": SHARE}[field]
    if isinstance(value, Enum):
        value = value.value
    elif isinstance(value, core.Penalty):
        value = {"not_ready": value.not_ready} if value.not_ready else {"rest": duration_text(value.rest)}
    elif isinstance(value, tuple):
        value = list(value) if all(isinstance(item, str) for item in value) else None
    return value if isinstance(value, str | bool | int | float | list | dict) and value not in ([], {}, "") else None


def _length(value: float) -> str:
    return f"{value / _DAY:g}d" if value and value % _DAY == 0 else duration_text(value)


class _Generator(GenerateJsonSchema):
    """Schemas of values as people write them: any scalar may be quoted, or be a ``${VARIABLE}``."""

    def sort(self, value: JsonSchema, parent_key: str | None = None) -> JsonSchema:
        return value  # in the order of the models

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchema:
        return self.generate_inner(schema["schema"])

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchema:
        made = super().str_schema(schema)
        made.pop("minLength", None)  # of texts only, and a number may stand there
        if "pattern" in made:
            made["pattern"] += f"|{VARIABLE}"
        return {"title": "text", **made, "type": ["string", "number", "boolean"]}

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchema:
        return self._number("whole number", super().int_schema(schema), r"^\s*[+-]?[0-9_]+\s*$")

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchema:
        return self._number("number", super().float_schema(schema), r"^\s*[+-]?[0-9_.]+(e[+-]?[0-9]+)?\s*$")

    def _number(self, title: str, made: JsonSchema, pattern: str) -> JsonSchema:
        return {"title": title, "anyOf": [made, {"type": "string", "pattern": f"{pattern}|{VARIABLE}"}]}

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchema:
        text = {"type": "string", "pattern": f"{_YES_NO}|{VARIABLE}"}
        return {"title": "true or false", "anyOf": [super().bool_schema(schema), text, {"enum": [0, 1]}]}

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchema:
        return self._choice(schema["expected"])

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchema:
        return self._choice([member.value for member in schema["members"]])

    def _choice(self, values: list[Any]) -> JsonSchema:
        return {"title": "choice", "anyOf": [{"enum": list(values)}, {"type": "string", "pattern": VARIABLE}]}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchema:
        keys, values = self.generate_inner(schema["keys_schema"]), self.generate_inner(schema["values_schema"])
        made: JsonSchema = {"type": "object", "additionalProperties": values, "x-key": keys.get("title", "text")}
        if "pattern" in keys:
            made["propertyNames"] = {"pattern": str(keys["pattern"]).removesuffix(f"|{VARIABLE}")}
        return made

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchema:
        made = self.generate_inner(schema["schema"])
        if "anyOf" in made:
            return {**made, "anyOf": [*made["anyOf"], {"type": "null"}]}
        if "type" in made and "$ref" not in made:
            given = made["type"]
            return {**made, "type": [*(given if isinstance(given, list) else [given]), "null"]}
        return {"anyOf": [made, {"type": "null"}]}

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchema:
        model: type[BaseModel] = schema["cls"]
        made = super().model_schema(schema)
        told = descriptions(model)
        required = list(made.pop("required", []))
        properties: JsonSchema = {}
        either = []
        for field, info in model.model_fields.items():
            key = info.alias or field
            of_type = made["properties"][key]
            properties[key] = {**of_type, **_about(model, field, told.get(field, ""), of_type)}
            if key in required:
                properties[key]["x-required"] = True
            if plain(info.annotation) is SecretStr:
                kinds = ["string", "number", *([] if key in required else ["null"])]
                properties[key] |= {"title": "secret", "type": kinds, "writeOnly": True}
                for word in ("anyOf", "format"):
                    properties[key].pop(word, None)
                about = f"File that holds what `{key}` would say, relative to this file; give one of the two."
                properties[f"{key}_file"] = {"title": "file", "type": "string", "description": about, "examples": [f"{key}.txt"]}
                if key in required:
                    required.remove(key)
                    either.append({"anyOf": [{"required": [key]}, {"required": [f"{key}_file"]}]})
        for key, about in OTHER_FILES.get(model, {}).items():
            example = _EXAMPLE.search(about)
            properties[key] = {"title": "file", "type": "string", "description": _EXAMPLE.sub("", about)}
            properties[key]["examples"] = [example[1] if example else key]
        found: JsonSchema = {"type": "object" if required or either else ["object", "null"], "properties": properties}
        found |= {"additionalProperties": False}
        found |= {"required": required} if required else {}
        found |= {"allOf": either} if either else {}
        if model is NodeConfig:
            found |= {"type": "object", "oneOf": [{"required": [kind]} for kind in NODE_KINDS]}
            found["dependentRequired"] = {kind: list(needs) for kind, (needs, _) in NODE_KINDS.items() if needs}
        if model is AgentConfig:
            found |= {"type": "object", "anyOf": [{"required": ["phone"]}, {"required": ["phones"]}]}
        return found


def _about(model: type[BaseModel], field: str, told: str, of_type: JsonSchema) -> JsonSchema:
    """Meaning, default and example of a field."""
    example = _EXAMPLE.search(told)
    about: JsonSchema = {"description": _EXAMPLE.sub("", told)}
    default = default_of(model, field)
    if isinstance(default, float):
        default = _length(default) if of_type.get("title") == "duration" else int(default) if default.is_integer() else default
    if default is not None:
        about["default"] = default
    if example:
        about["examples"] = [yaml.load(example[1], CoreLoader)]
    elif default is not None and "examples" in of_type:
        about["examples"] = [default]
    return about


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it: ``yes`` and ``2026-12-24`` are text, keys are text always."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping whose keys are the texts that were written."""
        self.flatten_mapping(node)
        return {str(key.value): self.construct_object(value, deep=True) for key, value in node.value}

    def read_mapping(self, node: yaml.MappingNode) -> dict[Hashable, Any]:
        """The constructor of mappings for PyYAML, which calls it without ``deep``."""
        return self.construct_mapping(node)


CoreLoader.add_constructor("tag:yaml.org,2002:map", CoreLoader.read_mapping)
CoreLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("null", "float", "merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
CoreLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^[-+]?[0-9]+$"), list("-+0123456789"))
CoreLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
