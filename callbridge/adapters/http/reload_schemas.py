"""The request and the response of a reload."""

from __future__ import annotations

from typing import Any, Literal

from callbridge.adapters.http.request_bodies import Body
from callbridge.adapters.http.response_bodies import ResponseBody


class ReloadBody(Body):
    """``dry_run``: preview the changes only. ``force``: reload even if a removed queue has callers or callbacks
    in it."""

    dry_run: bool = False
    force: bool = False


class PlanChange(ResponseBody):
    """One changed item of the configuration. ``settings``: which of its settings changed; then the ids of the calls and others it
    affects; ``note``: what happens to them, with its template and values in ``note_parts``."""

    kind: Literal["queue", "entry", "flow", "survey", "calendar", "campaign", "agent", "tier", "section"]
    name: str
    change: Literal["added", "changed", "renamed", "gone"]
    renamed_from: str
    settings: list[str]
    callers: list[str]
    callbacks: list[str]
    talks: list[str]
    attempts: list[str]
    note: str
    note_parts: dict[str, Any]


class ChangedKey(ResponseBody):
    """A key of the configuration whose value differs. ``old``, ``new``: as text, null where the key is not set; secrets are
    hidden and long values cut."""

    key: str
    old: str | None
    new: str | None


class Reloaded(ResponseBody):
    """``reloaded`` is false after a dry run; ``refused``: why the reload would be refused without ``force``. ``warnings``: what
    is valid but probably unintended; ``refused_parts``, ``warnings_parts``: the template and values of each, as in the problem
    of a refusal, empty for a sentence without values. ``campaigns_stopped``: running or paused campaigns that were removed.
    ``keys``: every changed key, at most 200."""

    reloaded: bool
    dry_run: bool
    forced: bool
    refused: list[str]
    refused_parts: list[dict[str, Any]]
    warnings: list[str]
    warnings_parts: list[dict[str, Any]]
    campaigns_stopped: list[str]
    changes: list[PlanChange]
    keys: list[ChangedKey]
