"""VICIdial's tables: lists and leads, do-not-call lists, statuses, pause codes, lead recycling and callbacks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from callbridge.cli.importing.converted import Converted, Looks
from callbridge.cli.importing.dialler import Dialler, ImportedDisposition
from callbridge.cli.importing.exports import ExportRow, ExportTable, ImportedNumbers, Kind, read_tables

VICIDIAL_TABLES = {
    "callbacks": Kind(("lead_id", "callback_time")),
    "leads": Kind(("lead_id", "list_id", "phone_number", "status", "last_name")),
    "lists": Kind(("list_id", "list_name", "campaign_id")),
    "recycle": Kind(("campaign_id", "status", "attempt_delay")),
    "statuses": Kind(("status", "status_name")),
    "pause_codes": Kind(("pause_code", "pause_code_name")),
    "do_not_call": Kind(("phone_number",), most=("phone_number", "campaign_id")),
}
"""vicidial_callbacks, vicidial_list, vicidial_lists, vicidial_lead_recycle, vicidial_statuses and vicidial_campaign_statuses,
vicidial_pause_codes, vicidial_dnc and vicidial_campaign_dnc."""
NO_LIMIT = 65000
"""VICIdial's time_limit of a pause code that has none."""
_DETAILS = (
    *("lead_id", "vendor_lead_code", "source_id", "title", "address1", "address2", "address3", "city", "state", "province"),
    *("postal_code", "country_code", "gender", "date_of_birth", "alt_phone", "email", "security_phrase", "comments", "owner"),
)


def convert(folder: Path, region: str) -> Converted:
    looks = Looks()
    tables = read_tables(folder, VICIDIAL_TABLES, looks)
    dialler = Dialler(ImportedNumbers(region), looks)
    for table, row in _of(tables, "pause_codes"):
        _pause_code(dialler, table, row)
    ended = _statuses(dialler, tables)
    _leads(dialler, tables, ended)
    for table, row in _of(tables, "do_not_call"):
        dialler.never(table, row, row["phone_number"])
        if row["campaign_id"]:
            what = "campaigns have no do-not-call list of their own in a file: its numbers are never dialled by any campaign now"
            looks.add(table.name, f"{what}; `campaign block NUMBER --only {row['campaign_id'][:40]}` is for one")
    return dialler.converted("VICIdial's tables")


def _of(tables: Iterable[ExportTable], kind: str) -> Iterable[tuple[ExportTable, ExportRow]]:
    return ((table, row) for table in tables if table.kind == kind for row in table.rows)


def _pause_code(dialler: Dialler, table: ExportTable, row: ExportRow) -> None:
    limit, code = row["time_limit"], row["pause_code"]
    seconds = float(limit) if limit.isascii() and limit.isdigit() and 0 < int(limit) < NO_LIMIT else None
    if code in dialler.reasons and dialler.reasons[code] != seconds:
        dialler.looks.add(f"{table.name}:{row.line}", f"pause code {code}: a reason has one limit for all; the first holds")
        return
    dialler.reasons.setdefault(code, seconds)
    if row.is_yes("require_mgr_approval"):
        dialler.looks.add(f"{table.name}:{row.line}", f"pause code {code}: nobody approves a reason; see its limit")


# -- statuses -------------------------------------------------------------------------------------------------------


def _statuses(dialler: Dialler, tables: list[ExportTable]) -> dict[str, str]:
    """Dispositions of every campaign; and the statuses of leads that are not to be dialled again, with the reason."""
    again = {(row["campaign_id"], row["status"]): row["attempt_delay"] for _, row in _of(tables, "recycle")}
    names = {row["campaign_id"] for kind in ("lists", "statuses", "recycle") for _, row in _of(tables, kind)} - {""}
    if not names and any(True for _ in _of(tables, "leads")):
        names = {f"list-{row['list_id']}" for _, row in _of(tables, "leads")}
    if not names and any(True for _ in _of(tables, "statuses")):
        names = {"campaign"}
    for name in sorted(names):
        dialler.campaign(name)
    ended: dict[str, str] = {}
    for table, row in _of(tables, "statuses"):
        status = row["status"]
        if row.is_yes("dnc"):
            ended[status] = "do not call"
        elif row.is_yes("sale") or row.is_yes("completed"):
            ended[status] = "completed"
        if not row.is_yes("selectable"):
            continue
        for name in [row["campaign_id"]] if row["campaign_id"] else sorted(names):
            campaign = dialler.campaign(name)
            delay = again.get((name, status), "")
            campaign.dispositions[status] = _disposition(dialler, table, row, delay)
    return ended


def _disposition(dialler: Dialler, table: ExportTable, row: ExportRow, delay: str) -> ImportedDisposition:
    machine = row.is_yes("answering_machine")
    refused = machine and (row.is_yes("sale") or row.is_yes("dnc"))
    if refused:
        dialler.looks.add(f"{table.name}:{row.line}", f"status {row['status']}: a machine can be neither a sale nor opt out")
    again = float(delay) if delay.isascii() and delay.isdigit() and int(delay) else None
    if row.is_yes("scheduled_callback"):
        again = again or 86_400.0
        said = "the agent gives the time with `campaign disposition ... --at TIME`; without one, it is a day later"
        dialler.looks.add(f"{table.name}:{row.line}", f"status {row['status']}: {said}")
    return ImportedDisposition(
        reached=not machine and (row.is_yes("human_answered") or row.is_yes("customer_contact")),
        success=row.is_yes("sale") and not machine,
        do_not_call=row.is_yes("dnc") and not machine,
        machine=machine,
        again_after=again,
    )


# -- leads ----------------------------------------------------------------------------------------------------------


def _leads(dialler: Dialler, tables: list[ExportTable], ended: dict[str, str]) -> None:
    lists = {row["list_id"]: row["campaign_id"] for _, row in _of(tables, "lists")}
    due = {row["lead_id"]: row["callback_time"].replace(" ", "T") for _, row in _of(tables, "callbacks")}
    left: dict[str, int] = {}
    for table, row in _of(tables, "leads"):
        why = ended.get(row["status"], "")
        if why == "do not call" or row["status"] in ("DNC", "DNCL", "DNCC"):
            dialler.never(table, row, row["phone_number"], row["phone_code"])
        if why:
            left[f"{row['status']} ({why})"] = left.get(f"{row['status']} ({why})", 0) + 1
            continue
        campaign = dialler.campaign(lists.get(row["list_id"]) or f"list-{row['list_id']}")
        values = {name: row[name] for name in _DETAILS} | {
            "name": " ".join(filter(None, (row["first_name"], row["middle_initial"], row["last_name"]))),
            "priority": row["rank"] if row["rank"].lstrip("-").isdigit() and row["rank"] != "0" else "",
            "due": due.get(row["lead_id"], ""),
        }
        dialler.lead(campaign, table, row, row["phone_number"], row["phone_code"], values)
    for status, count in left.items():
        dialler.looks.add("", f"{count} leads with status {status} were left out: they are not dialled again")
