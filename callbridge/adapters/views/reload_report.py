"""What a reload changes, as plain data for publication: ids, no phone numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from callbridge.core.reload.plan_diff import CHANGED, ConfigChange, Difference


def reload_report(
    found: Difference,
    *,
    dry_run: bool,
    force: bool,
    sections: Iterable[str] = (),
    warnings: Iterable[str] = (),
    keys: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The answer to the requester. ``sections``: changed parts of the configuration outside the plan; ``warnings``: of the
    configuration itself; ``keys``: each changed key with its ``old`` and ``new`` value, without secrets."""
    refused = () if force else found.refusals
    others = [ConfigChange(kind="section", name=name, change=CHANGED) for name in sections]
    return {
        "reloaded": not dry_run and not refused,
        "dry_run": dry_run,
        "forced": force,
        "refused": list(refused),
        "warnings": [*found.warnings, *warnings],
        "campaigns_stopped": sorted(found.stopped),
        "changes": [_row(change) for change in (*found.changes, *others)],
        "keys": [dict(key) for key in keys],
    }


def _row(change: ConfigChange) -> Mapping[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(change).items()}
