"""What a reload changes, as plain data for publication: ids, no phone numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from callbridge.adapters.views.phrasing import in_parts
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


def report_in_parts(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with the template and the values of each of its sentences beside it, for screens in other languages."""
    parts = {f"{name}_parts": texts_in_parts(report[name]) for name in ("refused", "warnings") if name in report}
    rows = [{**row, "note_parts": in_parts(row["note"])} for row in report.get("changes", ())]
    return {**report, **parts, **({"changes": rows} if "changes" in report else {})}


def texts_in_parts(texts: Iterable[str]) -> list[dict[str, object]]:
    """As ``in_parts``, for each text."""
    return [in_parts(text) for text in texts]


def _row(change: ConfigChange) -> Mapping[str, Any]:
    row = {field.name: getattr(change, field.name) for field in fields(ConfigChange)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
