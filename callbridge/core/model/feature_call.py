"""The feature call: prompts and keys from the dialled code to the hang-up.

Every move of a feature call is in FEATURE_CALL_TRANSITIONS; ``feature_codes`` makes them with ``after``.

    opened -> number -> pin -> saying -> over      log-in at a strange phone
    opened -> pin -> saying -> over                log-in at one's own phone, or with the number behind the code
    opened -> saying -> over                       everything else
    pin -> number, pin -> pin                      something was wrong: once more
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from callbridge.core.model.ids import LegId
from callbridge.core.model.illegal_move import IllegalMove


class FeatureCallStage(StrEnum):
    OPENED = "opened"
    NUMBER = "number"
    """Asking for the agent's number."""
    PIN = "pin"
    SAYING = "saying"
    """Playing the result; then we hang up."""
    OVER = "over"


class FeatureCallMove(StrEnum):
    ASK_NUMBER = "ask_number"
    ASK_PIN = "ask_pin"
    SAY = "say"
    END = "end"


FEATURE_CALL_TRANSITIONS: dict[FeatureCallStage, dict[FeatureCallMove, FeatureCallStage]] = {
    FeatureCallStage.OPENED: {
        FeatureCallMove.ASK_NUMBER: FeatureCallStage.NUMBER,
        FeatureCallMove.ASK_PIN: FeatureCallStage.PIN,
        FeatureCallMove.SAY: FeatureCallStage.SAYING,
        FeatureCallMove.END: FeatureCallStage.OVER,
    },
    FeatureCallStage.NUMBER: {
        FeatureCallMove.ASK_PIN: FeatureCallStage.PIN,
        FeatureCallMove.SAY: FeatureCallStage.SAYING,
        FeatureCallMove.END: FeatureCallStage.OVER,
    },
    FeatureCallStage.PIN: {
        FeatureCallMove.ASK_NUMBER: FeatureCallStage.NUMBER,
        FeatureCallMove.ASK_PIN: FeatureCallStage.PIN,
        FeatureCallMove.SAY: FeatureCallStage.SAYING,
        FeatureCallMove.END: FeatureCallStage.OVER,
    },
    FeatureCallStage.SAYING: {FeatureCallMove.END: FeatureCallStage.OVER},
    FeatureCallStage.OVER: {},
}


def after(stage: FeatureCallStage, move: FeatureCallMove) -> FeatureCallStage:
    """The stage that ``move`` leads to. Raises IllegalMove."""
    try:
        return FEATURE_CALL_TRANSITIONS[stage][move]
    except KeyError:
        raise IllegalMove(f"a feature call that is {stage} cannot {move}") from None


@dataclass(frozen=True, kw_only=True)
class FeatureCall:
    """``phone`` is the endpoint that dialled. What was typed is in no repr: it may be a PIN."""

    leg: LegId
    phone: str
    stage: FeatureCallStage = FeatureCallStage.OPENED
    who: str = ""
    """The agent who logs in, as typed or known from the phone."""
    typed: bool = False
    """Whether ``who`` was typed (or dialled after the code), and may be mistyped."""
    digits: str = field(default="", repr=False)
    tries: int = 0
    """Log-ins that were wrong."""
    playback: str = ""
    """The current playback."""
    ends_at: float
    """When we hang up at the latest, whatever is going on."""
    deadline: float | None = None
    others: bool | None = None
    """Whether the phone has another call; None while unknown."""


@dataclass(frozen=True, kw_only=True)
class PinGuard:
    """Wrong PINs for a number without an agent, at all phones: counted and locked in the same way, so that nobody learns which
    numbers exist. Not saved; an agent's count is in the agent's row."""

    wrong: int = 0
    locked_until: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PhoneGuard:
    """Wrong PINs at a phone, of all agents together. Not saved."""

    numbers: tuple[str, ...] = ()
    """Whose they were to be."""
    wrong_at: float = 0.0
    """When the last one was entered."""
    locked_until: float = 0.0
