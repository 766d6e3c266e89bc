"""The shape of spoken texts: texts in the configuration, and the operator's command that turns them into sound files."""

from __future__ import annotations

import pathlib
import shlex
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import Spelt
from callbridge.settings.values import LanguageCode, Text

OURS = "callbridge/"
"""The folder of the PBX's sounds in which ours are: ``play: callbridge/welcome``."""


def _words(value: object) -> object:
    try:
        return shlex.split(value) if isinstance(value, str) else value
    except ValueError as wrong:
        raise ValueError(f"cannot be read as a command: {str(wrong).lower()}") from None


def _some(value: object) -> object:
    if not value:
        raise ValueError("expected the PBX's folder of sounds, such as /usr/share/asterisk/sounds")
    return value


def _said(value: object) -> object:
    """Spaces and line breaks of YAML do not matter."""
    return " ".join(value.split()) if isinstance(value, str) else value


PromptFileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
SpokenText = Annotated[str, BeforeValidator(_said), Field(min_length=1, max_length=2000)]


_ONE_LINE = Spelt(({"type": "string"},))


class SpeechConfig(ConfigSection):
    """``texts`` by name and language; ``voices`` are the languages, and what ``command`` calls them. ``folder`` is the PBX's
    folder of sounds."""

    folder: Annotated[pathlib.Path, BeforeValidator(_some)]
    """The PBX's folder of sounds; files are written to `LANGUAGE/callbridge/NAME.wav` below it. Example:
    `/usr/share/asterisk/sounds`"""
    command: Annotated[tuple[Text, ...], BeforeValidator(_words), Spelt(({"type": "string"},))] = (
        "espeak-ng",
        "-v",
        "{voice}",
        "-w",
        "{file}",
        "{text}",
    )
    """Command that writes a WAV file, with `{voice}`, `{file}` and `{text}`. Example: `espeak-ng -v {voice} -w {file}
    {text}`"""
    voices: dict[LanguageCode, Text]
    """Languages, and the voice of each as the command names it. Example: `{en: en-gb, zh: cmn}`"""
    texts: dict[PromptFileName, dict[LanguageCode, SpokenText]] = {}
    """Prompts by name, each as text by language. Example: `{welcome: {en: Welcome.}}`"""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        words = " ".join(self.command)
        if any(text.startswith("-") for said in self.texts.values() for text in said.values()):
            raise ValueError("texts: one begins with '-', which a command would take for an option")
        missing = [field for field in ("{file}", "{text}") if field not in words]
        if missing:
            raise ValueError(f"command: needs {' and '.join(missing)}: where the sound goes, and what is said")
        odd = [(name, language) for name, said in self.texts.items() for language in said if language not in self.voices]
        if odd:
            raise ValueError(f"texts: {odd[0][0]}: no voice is configured for {odd[0][1]!r} (voices: {', '.join(self.voices)})")
        if not self.voices:
            raise ValueError("voices: at least one language, such as {en: en-gb}")
        return self
