"""Asks the models what may be written at a place: for hints, and for knowing what is secret."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Union

from pydantic import BaseModel, SecretStr, WithJsonSchema

from callbridge.settings.document import Path
from callbridge.settings.models import Settings
from callbridge.settings.spelling import Spelt
from callbridge.settings.waiting import CallbacksConfig

OTHER_FILES: dict[type[BaseModel], dict[str, str]] = {
    CallbacksConfig: {
        "do_not_call_file": "File of numbers that are never dialled, one in each line, relative to this file; "
        "`#` begins a comment. Example: `never.txt`"
    }
}
"""Keys that name a file whose content is read into another key before the models see it, with what they mean."""


def known_keys(loc: Path) -> list[str]:
    """The keys that may be written at ``loc``."""
    model = plain(kind_of(loc))
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    names: list[str] = []
    for name, info in model.model_fields.items():
        names.append(info.alias or name)
        if plain(info.annotation) is SecretStr:
            names.append(f"{name}_file")
    return names + list(OTHER_FILES.get(model, ()))


def kind_of(loc: Path) -> Any:
    """The type of the setting at ``loc``; None when there is none."""
    here: Any = Settings
    for part in loc:
        inner = plain(here)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found = {info.alias or name: info.annotation for name, info in inner.model_fields.items()}
            here = found.get(str(part))
        else:
            here = next((kind for kind in reversed(typing.get_args(inner)) if kind is not ...), None)
    return here


def allows_nothing(loc: Path) -> bool:
    """Whether an empty value means something at ``loc``: no hours, or nothing said."""
    return _takes_null(kind_of(loc))


def _takes_null(kind: Any) -> bool:
    if typing.get_origin(kind) in (Union, types.UnionType):
        return any(_takes_null(part) for part in typing.get_args(kind))
    if typing.get_origin(kind) is not Annotated:
        return False
    inner, *metadata = typing.get_args(kind)
    written = [way.ways for way in metadata if isinstance(way, Spelt)]
    schemas = [way.json_schema or {} for way in metadata if isinstance(way, WithJsonSchema)]
    types_named = [way.get("type") for ways in written for way in ways] + [schema.get("type") for schema in schemas]
    return any(named == "null" or (isinstance(named, list) and "null" in named) for named in types_named) or _takes_null(inner)


def plain(kind: Any) -> Any:
    """``X`` for ``Annotated[X, ...]`` and for ``X | None``."""
    origin = typing.get_origin(kind)
    if origin is Annotated:
        return plain(typing.get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return plain(next((part for part in typing.get_args(kind) if part is not type(None)), None))
    return kind
