"""Why a request is refused, in a form that screens can say in other languages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self


class Word(str):
    """A word within a sentence for which screens have a text: ``Word("state.wrap_up")`` reads ``wrap up``."""

    __slots__ = ("key",)
    key: str

    def __new__(cls, key: str) -> Self:
        self = super().__new__(cls, key.rpartition(".")[2].replace("_", " "))
        self.key = key
        return self


class RefusalText(str):
    """Why a request is refused, or nothing is done: the English sentence, and the ``template`` (as of ``str.format``) with the
    ``values`` that were filled into it. The template is what other languages translate, as with gettext:
    ``web/src/texts/zh.js`` has each."""

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, str | int]

    def __new__(cls, template: str, **values: str | int) -> Self:
        self = super().__new__(cls, template.format_map(values) if values else template)
        self.template = template
        self.values = values
        return self


class Unknown(RefusalText):
    """A refusal because there is no such agent, call, queue or the like."""

    __slots__ = ()
