"""What an agent has answered in the script of a call: kept while the agent has the call or wraps it up, so that a page that was
closed goes on where it was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ScriptAnswers:
    """``id``: the call. ``step``: the one at which the agent is."""

    id: str
    agent: str
    script: str
    step: str
    answers: tuple[tuple[str, str], ...] = ()
    deadline: float | None = None
