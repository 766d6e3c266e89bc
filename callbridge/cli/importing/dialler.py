"""What a dialler's tables become: campaigns with dispositions, reasons, leads and a do-not-call list, as one configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from callbridge.cli.importing.converted import PBX, Converted, Looks
from callbridge.cli.importing.exports import LONGEST_VALUE_OF_A_LEAD, ExportRow, ExportTable, ImportedNumbers, Refused, csv_text
from callbridge.cli.importing.yaml_lines import clean, fresh, fresh_entry, key, section, text
from callbridge.settings.durations import duration_text

DIGITS = "1234567890"
LEAD_COLUMNS = ("number", "name", "agent", "priority", "due")
DO_NOT_CALL = "do-not-call.csv"
QUEUE = "campaigns"
_USUAL_HOURS = 'people: {week: {mon-fri: "09:00-20:00", sat: "10:00-16:00"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedDisposition:
    reached: bool = True
    success: bool = False
    do_not_call: bool = False
    machine: bool = False
    again_after: float | None = None

    def settings(self, digit: str) -> str:
        given = {
            "digit": digit,
            "reached": "" if self.reached else "false",
            "success": "true" if self.success else "",
            "do_not_call": "true" if self.do_not_call else "",
            "machine": "true" if self.machine else "",
            "again_after": duration_text(self.again_after) if self.again_after else "",
        }
        return "{" + ", ".join(f"{name}: {value}" for name, value in given.items() if value) + "}"


@dataclass(slots=True)
class ImportedCampaign:
    """``leads``: number -> values by heading."""

    name: str
    dispositions: dict[str, ImportedDisposition] = field(default_factory=dict)
    leads: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Dialler:
    """Collects what the tables say, under the other system's names."""

    numbers: ImportedNumbers
    looks: Looks = field(default_factory=Looks)
    campaigns: dict[str, ImportedCampaign] = field(default_factory=dict)
    reasons: dict[str, float | None] = field(default_factory=dict)
    """Reason -> the limit after which an alert is raised."""
    do_not_call: dict[str, None] = field(default_factory=dict)
    refused: Refused = field(default_factory=Refused)

    def campaign(self, name: str) -> ImportedCampaign:
        if name not in self.campaigns:
            taken = [one.name for one in self.campaigns.values()]
            self.campaigns[name] = ImportedCampaign(fresh_entry(name, taken, "campaign"))
        return self.campaigns[name]

    def lead(
        self,
        campaign: ImportedCampaign,
        table: ExportTable,
        row: ExportRow,
        number: str,
        country_code: str,
        values: Mapping[str, str],
    ) -> None:
        found, why = self.numbers.read(number, country_code, dialled=True)
        if not why and found in campaign.leads:
            why = "the campaign has this number already"
        if why:
            self.refused.add(table, row, number, why)
            return
        campaign.leads[found] = {name: value[:LONGEST_VALUE_OF_A_LEAD] for name, value in values.items() if value}
        longer = [name for name, value in values.items() if len(value) > LONGEST_VALUE_OF_A_LEAD]
        if longer:
            self.looks.add(f"{table.name}:{row.line}", f"{longer[0]} was cut to {LONGEST_VALUE_OF_A_LEAD} characters")

    def never(self, table: ExportTable, row: ExportRow, number: str, country_code: str = "") -> None:
        found, why = self.numbers.read(number, country_code)
        if why:
            self.refused.add(table, row, number, f"{why}; it is on no do-not-call list now")
        else:
            self.do_not_call[found] = None

    def converted(self, source: str) -> Converted:
        """The configuration and its files."""
        self.refused.report(self.looks)
        result = Converted(looks=self.looks, found=bool(self.campaigns or self.reasons or self.do_not_call or self.refused.lines))
        for campaign in self.campaigns.values():
            if campaign.leads:
                result.files[f"leads-{campaign.name}.csv"] = _leads(campaign)
        if self.do_not_call:
            result.files[DO_NOT_CALL] = "".join(f"{number}\n" for number in self.do_not_call)
        if self.refused.lines:
            result.files["left-out.csv"] = self.refused.text()
        result.lines = [
            f"# Converted from {source} by `callbridge import`. Replace what is invented: queue, skill, dial, hours.",
            *PBX.splitlines(),
            "",
            *section("reasons", list(self._reasons())),
            *(self._outbound() if self.campaigns or self.do_not_call else []),
            *section("skills", [f"{QUEUE}: {text('Can take the calls of campaigns')}"]),
            *section("entries", [f"{QUEUE}: {{queue: {QUEUE}}}"]),
            *section("queues", [f"{QUEUE}:", "  steps:", f"    - {{skills: {QUEUE}}}"]),
            *section("agents", []),
        ]
        return result

    def _reasons(self) -> Iterator[str]:
        taken: list[str] = []
        for name, limit in self.reasons.items():
            taken.append(fresh(name, taken, "reason"))
            digit = DIGITS[len(taken) - 1] if len(taken) <= len(DIGITS) else ""
            if not digit:
                self.looks.add(f"reason {taken[-1]}", "no key is left for it: agents choose it on the screen or by command")
            given = [f'digit: "{digit}"'] if digit else []
            given += [f"limit: {duration_text(limit)}"] if limit else []
            yield f"{key(taken[-1])}: {{{', '.join(given)}}}"

    def _outbound(self) -> Iterator[str]:
        yield from section("redis", ['url: "redis://127.0.0.1:6379/0"'])
        yield from (f"region: {key(self.numbers.region)}", "")
        if self.do_not_call:
            yield from section("callbacks", [f"do_not_call_file: {DO_NOT_CALL}"])
        if not self.campaigns:
            return
        yield from section("database", ["url: sqlite:////var/lib/callbridge/callbridge.db"])
        yield from section("calendars", [_USUAL_HOURS])
        yield from section("campaigns", [line for campaign in self.campaigns.values() for line in self._campaign(campaign)])

    def _campaign(self, campaign: ImportedCampaign) -> Iterator[str]:
        yield f"{key(campaign.name)}:"
        yield f"  queue: {QUEUE}"
        yield "  mode: progressive"
        yield "  first: agent"
        yield '  dial: "PJSIP/{number}@trunk"'
        yield "  calendar: people"
        if campaign.dispositions:
            yield "  dispositions:"
        taken: list[str] = []
        for name, disposition in campaign.dispositions.items():
            taken.append(fresh(name, taken, "disposition"))
            digit = f'"{DIGITS[len(taken) - 1]}"' if len(taken) <= len(DIGITS) else ""
            if not digit:
                self.looks.add(f"disposition {taken[-1]}", "no key is left for it: `callbridge campaign disposition` gives it")
            yield f"    {key(taken[-1])}: {disposition.settings(digit)}"


def _leads(campaign: ImportedCampaign) -> str:
    used = {name for values in campaign.leads.values() for name in values}
    details = sorted(used - set(LEAD_COLUMNS))
    headings = [name for name in LEAD_COLUMNS if name == "number" or name in used] + details
    rows = ([clean({**values, "number": number}.get(name, "")) for name in headings] for number, values in campaign.leads.items())
    return csv_text(headings, rows)
