"""English sentences in a form that screens can say in other languages. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self, TypedDict


class Word(str):
    """A word within a sentence for which screens have a text: ``Word("state.wrap_up")`` reads ``wrap up``."""

    __slots__ = ("key",)
    key: str

    def __new__(cls, key: str) -> Self:
        self = super().__new__(cls, key.rpartition(".")[2].replace("_", " "))
        self.key = key
        return self


class Sentence(str):
    """What people are told, such as why a request is refused: the English sentence, and the ``template`` (as of ``str.format``)
    with the ``values`` that were filled into it. The template is what other languages translate, as with gettext:
    ``web/src/texts/zh.js`` has each."""

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, str | int]

    def __new__(cls, template: str, **values: str | int) -> Self:
        self = super().__new__(cls, template.format_map(values) if values else template)
        self.template = template
        self.values = values
        return self


class Unknown(Sentence):
    """A refusal because there is no such agent, call, queue or the like."""

    __slots__ = ()


class PackedParts(TypedDict):
    """The parts of a sentence as fields of a fact, which are texts: ``values`` as JSON."""

    template: str
    values: str


def packed(text: str) -> PackedParts:
    """Both empty for a text that is its own template."""
    if not isinstance(text, Sentence) or not text.values:
        return {"template": "", "values": ""}
    values = json.dumps(_plain_all(text.values), ensure_ascii=False, separators=(",", ":"))
    return {"template": text.template, "values": values}


def unpacked(text: str, template: str, values: str) -> Sentence:
    """The sentence ``text`` with its parts. Facts of older versions have none, and a mask may hide more of the one or the other:
    where the parts do not make the sentence, it is its own template."""
    try:
        made = Sentence(template, **_read_all(json.loads(values))) if template else Sentence(text)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return Sentence(text)
    return made if made == text else Sentence(text)


def _plain(value: str | int) -> object:
    match value:
        case Word():
            return {"word": value.key}
        case Sentence():
            return {"template": value.template} | ({"values": _plain_all(value.values)} if value.values else {})
        case _:
            return str(value)


def _plain_all(values: Mapping[str, str | int]) -> dict[str, object]:
    return {name: _plain(value) for name, value in values.items()}


def _read(plain: Any) -> str:
    match plain:
        case {"word": str(key)}:
            return Word(key)
        case {"template": str(template)}:
            return Sentence(template, **_read_all(plain.get("values", {})))
        case _:
            return str(plain)


def _read_all(plain: Any) -> dict[str, str]:
    return {str(name): _read(value) for name, value in plain.items()}
