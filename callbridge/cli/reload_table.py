"""What a reload changes, or would change: what is wrong with it, a line per item with the number of those affected, then each
key with its old and new value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from callbridge.cli.tables import JsonRow, cell, printable, render, table_of

CHANGE_COLOURS = {"added": "green", "changed": "yellow", "renamed": "cyan", "gone": "red"}
TOUCHED = ("callers", "callbacks", "talks", "attempts")
WIDTH = 180
MAX_SETTINGS = 6


def reload_text(report: JsonRow, *, colour: bool | None = None) -> str:
    """The whole answer."""
    lines = [printable(_headline(report)), *(printable(line) for line in _besides(report))]
    changes, keys = report.get("changes", []), report.get("keys", [])
    if changes:
        lines.append(_changes_table(changes, colour=colour))
    if keys:
        lines.append(_keys_table(keys, colour=colour))
    return "\n".join(lines)


def _headline(report: JsonRow) -> str:
    if not report.get("dry_run"):
        gone = report.get("campaigns_stopped")
        stopped = f"; campaigns stopped: {', '.join(map(str, gone))}" if gone else ""
        return ("reloaded: " if report.get("changes") else "reloaded; nothing changed") + _summary(report) + stopped
    if report.get("refused"):
        return "dry run: would be refused; " + _summary(report)
    return "dry run: " + (_summary(report) if report.get("changes") else "nothing would change")


def _summary(report: JsonRow) -> str:
    """``1 queue renamed, 2 agents added``"""
    counts: dict[tuple[str, str], int] = {}
    for row in report.get("changes", []):
        key = str(row.get("kind")), str(row.get("change"))
        counts[key] = counts.get(key, 0) + 1
    return ", ".join(f"{count} {_several(kind, count)} {change}" for (kind, change), count in counts.items())


def _several(kind: str, count: int) -> str:
    if count == 1:
        return kind
    return {"entry": "entries"}.get(kind, f"{kind}s")


def _changes_table(changes: list[dict[str, Any]], *, colour: bool | None) -> str:
    table = table_of("what", "name", "change", *TOUCHED, "details")
    for row in changes:
        change = str(row.get("change", ""))
        before = f" from {row['renamed_from']}" if row.get("renamed_from") else ""
        counts = [cell(len(row.get(kind) or ()) or "-") for kind in TOUCHED]
        shown = Text(printable(change + before), style=CHANGE_COLOURS.get(change, ""))
        table.add_row(cell(row.get("kind")), cell(row.get("name")), shown, *counts, cell("; ".join(_notes(row))))
    return render(table, colour=colour, width=WIDTH)


def _keys_table(keys: list[dict[str, Any]], *, colour: bool | None) -> str:
    table = table_of("key", "old", "new")
    for row in keys:
        table.add_row(cell(row.get("key")), *(cell("-" if row.get(side) is None else row[side]) for side in ("old", "new")))
    return render(table, colour=colour, width=WIDTH)


def _notes(row: JsonRow) -> Iterator[str]:
    settings = [str(name) for name in row.get("settings") or ()]
    if settings:
        more = ", ..." if len(settings) > MAX_SETTINGS else ""
        yield ", ".join(settings[:MAX_SETTINGS]) + more
    if row.get("note"):
        yield str(row["note"])


def _besides(report: JsonRow) -> Iterator[str]:
    for sentence in report.get("refused") or ():
        yield f"refused: {sentence}"
    for sentence in report.get("warnings") or ():
        yield f"warning: {sentence}"
    if report.get("dry_run") and report.get("campaigns_stopped"):
        yield f"campaigns that would be stopped: {', '.join(map(str, report['campaigns_stopped']))}"
