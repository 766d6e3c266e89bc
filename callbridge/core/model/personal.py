"""Whose data a text is: declared once, as the type of the fact's field.

Every text field of a fact has one of the types below; a plain ``str`` is refused where facts are made public. From the type
follows what others may see of it, in every output, when numbers are masked.

A text from the configuration is ``Plain`` when it is a name or a code that the configuration defines (a queue, a campaign, a
reason of its list). It is ``FreeText`` when people may fill it in with anything (the phone of an agent, a reason that is
typed), and ``TargetText`` when it may be a number to call.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated


class Content(Enum):
    PLAIN = "plain"
    """Our own texts, names from the configuration, and IDs of calls, legs and files: nothing about an outside person."""
    NUMBER = "number"
    """A phone number, or what stands in its place (``anonymous``, an extension)."""
    NAME = "name"
    """What a customer is called."""
    ANSWERS = "answers"
    """What a customer typed, and what other systems know about them."""
    TARGET = "target"
    """Where a call goes: ``queue:support``, ``agent:1001``, ``number:+493012345``, ``dialplan:context,extension``."""
    KEY = "key"
    """The key of a row of any kind: an id, or ``queue|number`` and ``campaign|number``."""
    TEXT = "text"
    """Texts chosen by people, phones or the PBX; they may contain a number (``PJSIP/+493012345@trunk``)."""


Plain = Annotated[str, Content.PLAIN]
PersonalNumber = Annotated[str, Content.NUMBER]
PersonName = Annotated[str, Content.NAME]
SurveyAnswers = Annotated[str, Content.ANSWERS]
TargetText = Annotated[str, Content.TARGET]
RowKey = Annotated[str, Content.KEY]
FreeText = Annotated[str, Content.TEXT]

_SECRET = re.compile(r"(?:^|_)(?:pin|puk|tan|cvv|cvc|card|password|passcode|secret)(?:_|$)")


def is_secret_name(name: str) -> bool:
    """Whether a value of a call with this name counts as secret unless the configuration says otherwise."""
    return _SECRET.search(name) is not None
