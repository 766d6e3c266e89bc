"""Issabel's call centre (database call_center): campaigns, calls and their attributes, do-not-call list, breaks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from callbridge.cli.importing.converted import Converted, Looks
from callbridge.cli.importing.dialler import Dialler
from callbridge.cli.importing.exports import ExportRow, ExportTable, ImportedNumbers, Kind, read_tables

ISSABEL_TABLES = {
    "attributes": Kind(("id_call", "columna", "value")),
    "calls": Kind(("id_campaign", "phone")),
    "campaigns": Kind(("id", "name", "trunk", "retries")),
    "breaks": Kind(("id", "name", "tipo")),
    "do_not_call": Kind(("caller_id", "date_income")),
}
"""call_attribute, calls, campaign, break and dont_call."""
_DONE = frozenset({"success"})
"""States of a call that is not dialled again."""
_HOLD = "H"
"""The kind of a break that stands for a call on hold."""


def convert(folder: Path, region: str) -> Converted:
    looks = Looks()
    tables = read_tables(folder, ISSABEL_TABLES, looks)
    dialler = Dialler(ImportedNumbers(region), looks)
    for table, row in _of(tables, "breaks"):
        if row["status"].upper() == "I" or row["tipo"].upper() == _HOLD:
            looks.add(f"{table.name}:{row.line}", f"break {row['name']!r:.60} was switched off, or stands for hold: left out")
        else:
            dialler.reasons.setdefault(row["name"], None)
    names = {row["id"]: row["name"] for _, row in _of(tables, "campaigns")}
    for name in names.values():
        dialler.campaign(name)
    if names:
        looks.add(
            "", "Issabel has forms instead of dispositions, and forms have no equivalent: write dispositions: of each campaign"
        )
    _leads(dialler, tables, names)
    for table, row in _of(tables, "do_not_call"):
        if row["status"].upper() == "I":
            looks.add(f"{table.name}:{row.line}", f"{row['caller_id']!r:.40} was switched off in the list: left out")
        else:
            dialler.never(table, row, row["caller_id"])
    return dialler.converted("Issabel's tables")


def _of(tables: Iterable[ExportTable], kind: str) -> Iterable[tuple[ExportTable, ExportRow]]:
    return ((table, row) for table in tables if table.kind == kind for row in table.rows)


def _leads(dialler: Dialler, tables: list[ExportTable], names: dict[str, str]) -> None:
    attributes: dict[str, dict[str, str]] = {}
    for _, row in _of(tables, "attributes"):
        attributes.setdefault(row["id_call"], {})[row["columna"]] = row["value"]
    done = 0
    for table, row in _of(tables, "calls"):
        if row["status"].lower() in _DONE:
            done += 1
            continue
        campaign = dialler.campaign(names.get(row["id_campaign"], f"campaign-{row['id_campaign']}"))
        dialler.lead(campaign, table, row, row["phone"], "", _values(attributes.get(row["id"], {})))
    if done:
        dialler.looks.add("", f"{done} calls with status Success were left out: they are not dialled again")


def _values(attributes: dict[str, str]) -> dict[str, str]:
    """Attributes of a call are shown to the agent; one that is the name is ours, too."""
    name = next((attributes[heading] for heading in attributes if heading.lower() in ("name", "nombre", "nome")), "")
    return {heading: value for heading, value in attributes.items() if heading.lower() != "number"} | {"name": name}
