"""Tables for people: queues, agents, calls, and the explanation of one."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

JsonRow = Mapping[str, Any]

STATE_COLOURS = {
    "ready": "green",
    "talking": "cyan",
    "ringing": "yellow",
    "connecting": "yellow",
    "wrap_up": "blue",
    "not_ready": "magenta",
    "offline": "red",
    "busy_elsewhere": "red",
    "logged_out": "dim",
    "waiting": "yellow",
    "offered": "yellow",
}


_AWAY = ("agents_not_ready", "agents_busy_elsewhere", "agents_offline")
_OUTCOMES = ("answered", "abandoned", "short_abandoned", "overflowed", "failed")
_COUNTS = ("waiting", "agents_ready", "agents_ringing", "agents_talking", "agents_wrap_up", "away", "offered", *_OUTCOMES)


def queues_table(rows: Iterable[JsonRow], *, colour: bool | None = None) -> str:
    """Queues: who is there now, and today's visits, of which offered = waiting + all that follows it."""
    now, today = ("waiting", "ready", "ringing", "talking", "wrap-up", "away"), ("offered", "answered", "abandoned")
    table = table_of("queue", *now, *today, "short", "overflowed", "failed", "SL", right=1)
    counted = [{**row, "away": sum(int(row.get(state) or 0) for state in _AWAY)} for row in rows]
    for row in counted:
        sl = row.get("sl")
        share = f"{float(sl):.0%}" if sl not in (None, "") else "-"
        table.add_row(cell(row.get("name")), *(cell(row.get(key, 0)) for key in _COUNTS), share)
    if len(counted) > 1:  # visits add up; an agent counts in every queue that the skills fit
        sums = [
            "" if key.startswith("agents_") or key == "away" else str(sum(int(row.get(key) or 0) for row in counted))
            for key in _COUNTS
        ]
        table.add_row("total", *sums, "")
    return "\n".join([render(table, colour=colour), *_of_yesterday(counted)])


def _of_yesterday(rows: Iterable[JsonRow]) -> Iterator[str]:
    """Shortly after midnight some still wait who arrived before: they count as offered on the day before."""
    for row in rows:
        before = int(row.get("waiting") or 0) - int(row.get("waiting_today", row.get("waiting")) or 0)
        if before > 0:
            yield printable(f"{row.get('name')}: {before} of those waiting arrived before midnight and count for that day")


def agents_table(rows: Iterable[JsonRow], *, colour: bool | None = None) -> str:
    """Agents and their states."""
    table = table_of("agent", "name", "state", "since", "phone", "call")
    for row in rows:
        state = str(row.get("state", ""))
        shown = f"{state} ({row['reason']})" if row.get("reason") else state
        cells: list[Text | str] = [
            cell(row.get("id")),
            cell(row.get("name")),
            Text(shown, style=STATE_COLOURS.get(state, "")),
            clock(row.get("since")),
        ]
        table.add_row(*cells, cell(row.get("phone")), cell(row.get("call")))
    return render(table, colour=colour)


def calls_table(rows: Iterable[JsonRow], *, colour: bool | None = None) -> str:
    """Live calls."""
    table = table_of("call", "state", "queue", "tier", "number", "arrived", "agent")
    for row in rows:
        state = str(row.get("state", ""))
        cells: list[Text | str] = [
            cell(row.get("id")),
            Text(state, style=STATE_COLOURS.get(state, "")),
            cell(row.get("queue")),
            cell(row.get("tier")),
        ]
        table.add_row(*cells, cell(row.get("number")), clock(row.get("arrived_at")), cell(row.get("agent")))
    return render(table, colour=colour)


def hours_table(rows: Iterable[JsonRow], *, colour: bool | None = None) -> str:
    """Calendars, whether each is open, and why."""
    table = table_of("calendar", "now", "because", "opens")
    for row in rows:
        state = Text("open" if row.get("open") else "closed", style="green" if row.get("open") else "yellow")
        by = f" by {row['by']}" if row.get("by") else ""
        why = f"closed{by} at {clock(row.get('since'))}" if row.get("closed") else "opening hours"
        table.add_row(cell(row.get("name")), state, why, clock(row.get("opens")) if row.get("opens") else "")
    return render(table, colour=colour)


def closures_table(rows: Iterable[JsonRow], *, colour: bool | None = None) -> str:
    """What is closed for a time, the next to begin first."""
    table = table_of("closure", "closed", "from", "until", "now", "reason", "by")
    for row in rows:
        state = Text("closed" if row.get("closed") else "open", style="yellow" if row.get("closed") else "green")
        times = [clock(row.get("begins")), clock(row.get("ends"))]
        table.add_row(cell(row.get("id")), cell(row.get("target")), *times, state, cell(row.get("reason")), cell(row.get("by")))
    return render(table, colour=colour)


def callbacks_table(rows: Iterable[JsonRow], *, colour: bool | None = None) -> str:
    """Open callbacks, per queue in the order in which they will be made."""
    table = table_of("callback", "queue", "number", "name", "tier", "state", "requested", "due", "expires", "attempts", "agent")
    for row in rows:
        cells = [cell(row.get(key)) for key in ("id", "queue", "number", "name", "tier", "state")]
        times = [clock(row.get("made_at")), clock(row["due"]) if row.get("due") else "", clock(row.get("expires_at"))]
        table.add_row(*cells, *times, cell(row.get("attempts")), cell(row.get("agent")))
    return render(table, colour=colour)


def campaigns_table(rows: Iterable[JsonRow], *, colour: bool | None = None) -> str:
    """Campaigns: dialling, agents and abandon rate."""
    names = ("campaign", "state", "mode", "agents", "busy", "out", "live", "due", "why", "answers", "abandoned", "rate", "cap")
    table = table_of(*names)
    for row in rows:
        over = float(row.get("abandon_rate", 0)) > float(row.get("cap", 1))
        state = Text(str(row.get("state")), style="green" if row.get("state") == "running" else "yellow")
        counts = [cell(row.get(key)) for key in ("agents", "busy", "outstanding", "live", "leads_ready")]
        counts += [cell(row.get("why_not") or row.get("why")), cell(row.get("answers")), cell(row.get("abandoned"))]
        rate = Text(f"{float(row.get('abandon_rate', 0)):.2%}", style="red" if over else "")
        table.add_row(cell(row.get("name")), state, cell(row.get("mode")), *counts, rate, cell(f"{float(row.get('cap', 0)):.1%}"))
    return render(table, colour=colour)


LEADS = {"ready": "to be dialled", "dialling": "being dialled"}
"""The ledger's states of leads in words: "ready" would be read as "at once"."""


def campaign_text(row: JsonRow) -> str:
    """One campaign, with the figures of its database."""
    lines = [campaigns_table([row]), ""]
    risk = f"{float(row.get('risk', 0)):.2%} of at most {float(row.get('risk_allowed', 0)):.2%}"
    chance = f"{float(row.get('answer_chance', 0)):.1%}"
    if row.get("why_not"):
        lines.append(f"not dialling: {row['why_not']}")
    lines.append(f"last decision: {row.get('decided')} dials ({row.get('why')}); risk {risk}; answer probability {chance}")
    for title in ("leads", "outcomes_today", "dispositions_today"):
        counts = row.get(title) or {}
        listed = ", ".join(f"{count} {LEADS.get(name, name)}" for name, count in sorted(counts.items())) or "none"
        lines.append(f"{title.replace('_', ' ')}: {listed}")
    if row.get("next_due_at") is not None and not row.get("leads_ready"):
        lines.append(f"next lead can be dialled at {moment(row['next_due_at'])}")
    return "\n".join(printable(line) if "\n" not in line else line for line in lines)


def explained(found: JsonRow, *, what: str) -> str:
    """The explanation of one agent, queue or call: a line with its state, then one line per reason."""
    name = found.get("id") or found.get("name", "")
    shown = [str(name), *_known(found, what)]
    lines = [f"{what} {', '.join(part for part in shown if part)}"]
    for line in found.get("lines", []):
        time = f"{clock(line['at'])}  " if "at" in line else ""
        lines.append(f"  {time}{line.get('text', '')}")
    return "\n".join(printable(line) for line in lines)


def _known(found: JsonRow, what: str) -> Iterable[str]:
    match what:
        case "agent":
            reason = f" ({found['reason']})" if found.get("reason") else ""
            yield str(found.get("name", ""))
            yield f"{found.get('state', '')}{reason} since {clock(found.get('since'))}"
            yield f"phone {found.get('phone') or '-'}"
        case "queue":
            yield f"{found.get('waiting', 0)} waiting"
        case _:
            yield str(found.get("state", ""))


def bypass_line(switch: JsonRow) -> str:
    """Whether bypass is on, since when, and who set it."""
    on = bool(switch.get("on"))
    since = f" since {clock(switch['since'])}" if switch.get("since") else ""
    by = f", set by {switch['by']}" if switch.get("by") else ""
    meaning = "new calls go to the fallback" if on else "new calls are accepted"
    return printable(f"bypass is {'on' if on else 'off'}{since}{by}: {meaning}")


def render(table: Table, *, colour: bool | None = None, width: int | None = None) -> str:
    """A table as text; coloured only on request."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=colour, width=width or 140, highlight=False)
    console.print(table)
    return out.getvalue().rstrip("\n")


def table_of(*columns: str, right: int | None = None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if right is not None and index >= right else "left", min_width=cell_len(column))
    return table


def cell(value: object) -> Text:
    return Text(printable("" if value is None else str(value)))


def clock(value: object) -> str:
    try:
        return datetime.fromtimestamp(float(str(value))).astimezone().strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "-"


def moment(value: object) -> str:
    """Date and time, for times that may be on another day."""
    try:
        return datetime.fromtimestamp(float(str(value))).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "-"


def printable(text: str) -> str:
    """Replaces control characters, so that a caller's name cannot move the cursor."""
    return "".join(char if char.isprintable() else "�" for char in text)
