"""What is asked of a reload, and what it answers."""

from __future__ import annotations

from typing import Literal

from callbridge.adapters.http.schemas import Body, ResponseBody


class ReloadBody(Body):
    """``dry_run``: change nothing, say what would change. ``force``: also when a queue is gone that has callers or callbacks
    in it."""

    dry_run: bool = False
    force: bool = False


class PlanChange(ResponseBody):
    """One thing of the configuration that is another. ``settings``: which of its settings changed; then the ids of whom it
    touches; ``note``: what becomes of them."""

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


class Reloaded(ResponseBody):
    """``reloaded`` is false after a dry run; ``refused``: why the reload would be refused without ``force``. ``warnings``: what
    works but is hardly meant so. ``campaigns_stopped``: those that ran or were paused, and are in the configuration no more."""

    reloaded: bool
    dry_run: bool
    forced: bool
    refused: list[str]
    warnings: list[str]
    campaigns_stopped: list[str]
    changes: list[PlanChange]
