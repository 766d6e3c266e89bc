"""What webhooks tell: which fact is which event and says what, and what a link may ask for.

Pure. One table: which facts are told, without Redis too, and which of them name the caller, follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Literal

from callbridge.core.model.facts import (
    AgentAlerted,
    AnyFact,
    ApplicationReplaced,
    CallEnded,
    CallerChanged,
    CallRecorded,
    CallScored,
    OfferMade,
    RecordingFailed,
    SurveyAlerted,
    SurveyMissed,
    SwitchChanged,
    TalkBegan,
    TieLineFailed,
)

EventName = Literal["offer", "caller", "answer", "end", "alert", "survey", "recording", "score"]
EVENTS: tuple[EventName, ...] = ("offer", "caller", "answer", "end", "alert", "survey", "recording", "score")
PLACEHOLDERS = ("number", "name", "tier", "queue", "agent", "call", "uniqueid")
"""What a link may ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """A fact as webhooks tell it. ``says``: those of its fields that are told; ``kind``: of an alert whose fact has none."""

    name: EventName
    says: tuple[str, ...] = ()
    kind: str = ""


TOLD: Mapping[type[AnyFact], WebhookEvent] = {
    OfferMade: WebhookEvent(name="offer", says=("queue", "agent", "waited")),
    CallerChanged: WebhookEvent(name="caller", says=("queue", "agent", "talking", "phone")),
    TalkBegan: WebhookEvent(name="answer", says=("queue", "agent", "waited")),
    CallEnded: WebhookEvent(name="end", says=("outcome", "segments", "lasted")),
    CallRecorded: WebhookEvent(name="recording", says=("file", "agent", "queue", "lasted", "paused")),
    CallScored: WebhookEvent(
        name="score",
        says=(
            *("review", "recording", "sample", "form", "by", "agent", "queue", "score", "fatal_accuracy", "non_fatal_accuracy"),
            *("failed", "calibrates", "rescored", "callback", "callback_outcome"),
        ),
    ),
    SurveyMissed: WebhookEvent(name="survey", says=("survey", "agent", "queue")),
    AgentAlerted: WebhookEvent(name="alert", says=("kind", "agent", "queue", "reason", "limit", "count", "device")),
    SwitchChanged: WebhookEvent(name="alert", kind="switch", says=("switch", "on", "by")),
    SurveyAlerted: WebhookEvent(name="alert", kind="survey", says=("survey", "question", "answer", "agent", "queue")),
    RecordingFailed: WebhookEvent(name="alert", kind="recording", says=("file", "why", "agent", "queue")),
    ApplicationReplaced: WebhookEvent(name="alert", kind="application"),
    TieLineFailed: WebhookEvent(name="alert", kind="tie_line", says=("to", "lasts")),
}
"""Every fact that webhooks tell. The event of a fact about a call names its caller."""

_SCHEME = re.compile(r"(?!(?:javascript|data|vbscript):)[A-Za-z][A-Za-z0-9+.-]*:[^\s{]")


def placeholders(link: str) -> list[str]:
    """What the template asks for. Raises ValueError when it is none: the message says why."""
    try:
        parts = list(Formatter().parse(link))
    except ValueError as error:
        raise ValueError(f"{error}; a brace itself is written twice") from None
    asked: list[str] = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in PLACEHOLDERS or spec or conversion:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise ValueError(f"{{{name}}} is not a placeholder; known: {known}")
        asked.append(name)
    if not _SCHEME.match(link):
        raise ValueError("expected a link such as https://crm.example/?number={number}")
    return asked
