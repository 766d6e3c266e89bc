"""One frame of the wallboard: what `top` knows, laid out for a width and a height. Pure.

States are words and warnings have signs; colours only repeat them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from callbridge.adapters.views.phrasing import named
from callbridge.cli.fitting import fit, fit_columns, fit_list
from callbridge.cli.tables import STATE_COLOURS, printable

JsonRow = Mapping[str, Any]

WIDE_SCREEN = 120
"""Columns from which agents stand beside the queues instead of below them."""
FEWEST_LINES = 4
"""Lines of the queues, and of who waits, on a low screen: the heading, two rows, and how many are left out."""
_ORDER = ("ringing", "connecting", "talking", "wrap_up", "ready", "busy_elsewhere", "offline", "not_ready", "logged_out")
_STANDING = frozenset({"reason_limit", "offers_missed", "phone_silent", "phone_misconfigured", "pin_locked"})
"""Kinds of an agent's alerts that the server lists for as long as they last."""
_GOOD, _DOUBT, _BAD = "green", "yellow", "bold red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The latest data from the server. ``offset``: server clock minus local clock, in seconds; ``heard_at`` is local time."""

    queues: Sequence[JsonRow] = ()
    agents: Sequence[JsonRow] = ()
    waiting: Sequence[JsonRow] = ()
    """The first callers of each queue."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """Queue -> all callers who wait there."""
    missing: Sequence[str] = ()
    bypass: bool = False
    alerts: Sequence[JsonRow] = ()
    """Recent alerts, as facts of the event stream, newest first."""
    standing: Sequence[str] = ()
    """Alerts that are still active."""
    heard_at: float | None = None
    offset: float = 0.0
    trouble: str = ""
    """Why the data is stale; empty while the connection is up."""


@dataclass(slots=True)
class _ScreenLines:
    """Lines that are left on the screen; None: no end."""

    left: int | None
    width: int
    shown: list[RenderableType] = field(default_factory=list)

    def line(self, text: Text) -> None:
        if self.left != 0:
            self.shown.append(text)
            self._take(1)

    def table(
        self,
        columns: Sequence[str | tuple[str, int]],
        rows: Sequence[list[Text]],
        most: int | None,
        more: str,
        *,
        shrink: Sequence[tuple[int, int]],
        unlisted: int = 0,
    ) -> None:
        """At most ``most`` lines, heading and the word about what is left out included. ``unlisted``: rows that there are besides
        ``rows``; ``shrink``: see ``fit_columns``."""
        names = [column if isinstance(column, str) else column[0] for column in columns]
        floors = [0 if isinstance(column, str) else column[1] for column in columns]
        stay = fit_columns(names, rows, self.width, shrink, floors)
        table = _table(*(columns[at] for at in stay))
        rows = [[row[at] for at in stay] for row in rows]
        most = self.left if most is None or self.left is None else min(most, self.left)
        whole = most is None or len(rows) + 1 + bool(unlisted) <= most
        cut = len(rows) if whole else max(0, (most or 0) - 2)
        for row in rows[:cut]:
            table.add_row(*row)
        if most is None or most > 1:
            self.shown.append(table)
            self._take(cut + 1)
        if cut < len(rows) + unlisted:
            text = fit(f"... and {len(rows) + unlisted - cut} more {more}", self.width)
            self.line(Text(text, style="dim", no_wrap=True, overflow="ellipsis"))

    def _take(self, lines: int) -> None:
        if self.left is not None:
            self.left = max(0, self.left - lines)


def frame(known: Known, at: float, width: int, height: int | None) -> RenderableType:
    """The board as it is at ``at`` (our clock, epoch seconds). ``height`` None: as long as it takes."""
    now = at + known.offset
    room = _ScreenLines(height, width)
    room.line(_head(known, at, width))
    room.line(_alerts(known, now, width))
    if width >= WIDE_SCREEN:
        left = (width - 4) * 11 // 21
        side = _ScreenLines(room.left, left), _ScreenLines(room.left, width - 4 - left)
        _left(side[0], known, now, share=None)
        _agents(side[1], known, now)
        both = Table.grid(expand=True, padding=(0, 2, 0, 0))
        both.add_column(ratio=11)
        both.add_column(ratio=10)
        both.add_row(Group(*side[0].shown), Group(*side[1].shown))
        room.shown.append(both)
    else:
        _left(room, known, now, share=3)
        _agents(room, known, now)
    return Group(*room.shown)


def _left(room: _ScreenLines, known: Known, now: float, share: int | None) -> None:
    """Queues and who waits; ``share``: each may take one such part of what is left."""
    parts = None if room.left is None else max(FEWEST_LINES, room.left // (share or 2))
    _queues(room, known, now, parts)
    _waiting(room, known, now, room.left if share is None else parts)


def _head(known: Known, at: float, width: int) -> Text:
    text = Text("callbridge ", style="bold", no_wrap=True, overflow="ellipsis")
    text.append(_time(at + known.offset), style="bold")
    if known.heard_at is None:
        text.append("  no answer yet" if not known.trouble else f"  no answer: {printable(known.trouble)}", style=_BAD)
    elif known.trouble:
        old = _span(at - known.heard_at)
        text.append(f"  NO ANSWER for {old}, data is stale: {printable(known.trouble)}", style=_BAD)
    elif known.missing:
        text.append(f"  LINK: {printable('; '.join(known.missing))}", style=_BAD)
    else:
        text.append("  links up", style=_GOOD)
    if known.bypass:
        text.append("  BYPASS ON", style=_BAD)
    if text.cell_len > width:
        bypass = "BYPASS ON  " if known.bypass else ""  # what must not be cut comes first
        return Text(
            fit(f"{bypass}{text.plain.removesuffix('  BYPASS ON')}", width), style=_BAD, no_wrap=True, overflow="ellipsis"
        )
    return text


def _alerts(known: Known, now: float, width: int) -> Text:
    late = Counter(str(row.get("queue")) for row in known.waiting if _late(row, now))
    told = Counter(str(row.get("queue")) for row in known.waiting)
    more = {str(row.get("name")) for row in known.queues if int(row.get("waiting", 0)) > told[str(row.get("name"))]}
    over = [f"{queue}: {number}{'+' if queue in more else ''} over target" for queue, number in late.items()]
    said = [*dict.fromkeys([*known.standing, *_recent(known)]), *over]
    offline = [str(row.get("id")) for row in known.agents if row.get("state") == "offline"]
    if offline:
        said.append(f"offline: {', '.join(offline[:4])}{', ...' if len(offline) > 4 else ''}")
    if known.heard_at is None:
        return Text("no data yet", style="dim")
    text = fit_list([printable(each) for each in said], width - 2)
    return Text(f"! {text}" if said else "no alerts", style=_BAD if said else "dim", no_wrap=True, overflow="ellipsis")


def _queues(room: _ScreenLines, known: Known, now: float, most: int | None) -> None:
    columns = (("queue", 8), "wait", "oldest", "SL", "rdy", "ring", "talk", "wrap", "away", "ans", "lost")
    rows = [_queue(row, now) for row in known.queues]
    in_all = sum(int(row.get("waiting", 0)) for row in known.queues)
    shrink = [(0, 8), *((columns.index(name), 0) for name in ("wrap", "away", "ring", "SL", "ans"))]
    room.table(columns, rows, most, f"queues, {in_all} callers waiting in total", shrink=shrink)


def _queue(row: JsonRow, now: float) -> list[Text]:
    oldest, sl, waiting = row.get("oldest_arrived_at"), row.get("sl"), int(row.get("waiting", 0))
    share = Text("-") if sl in (None, "") else Text(f"{float(sl):.0%}", style=_GOOD if float(sl) >= 0.8 else _DOUBT)
    away = sum(int(row.get(f"agents_{state}", 0)) for state in ("not_ready", "busy_elsewhere", "offline"))
    ready = int(row.get("agents_ready", 0))
    return [
        _cell(row.get("name")),
        Text(str(waiting), style=_DOUBT if waiting else ""),
        Text(_span(now - float(oldest)) if oldest not in (None, "") else "-"),
        share,
        Text(str(ready), style=_GOOD if ready else _BAD if waiting else ""),
        _number({"busy": int(row.get("agents_ringing", 0)) + int(row.get("agents_connecting", 0))}, "busy"),
        *(_number(row, f"agents_{state}") for state in ("talking", "wrap_up")),
        Text(str(away) if away else "-"),
        _number(row, "answered"),
        Text(str(int(row.get("abandoned", 0))) if row.get("abandoned") else "-"),
    ]


def _waiting(room: _ScreenLines, known: Known, now: float, most: int | None) -> None:
    waiting = sorted(known.waiting, key=lambda row: (int(row.get("position", 0)), -_waited(row, now)))  # every queue's head first
    columns = (("#", 2), ("waiting in", 8), ("tier", 6), ("number", 8), ("for", 5), ("step", 4), ("now", 6))
    rows = [
        [
            _cell(row.get("position")),
            _cell(row.get("queue")),
            _cell(row.get("tier")),
            _cell(row.get("number")),
            Text(_span(_waited(row, now)) + ("!" if _late(row, now) else ""), style=_BAD if _late(row, now) else ""),
            Text(f"{int(row['step']) + 1}/{row.get('steps')}" if row.get("step") not in (None, "") else "-"),
            _cell(_now(row), style=_DOUBT if row.get("agent") else ""),
        ]
        for row in waiting
    ]
    unlisted = max(0, sum(known.totals.values()) - len(rows))
    if rows or unlisted:
        room.table(columns, rows, most, "callers", shrink=[(1, 10), (2, 6), (6, 6), (5, 0), (2, 0)], unlisted=unlisted)
    else:
        room.line(Text("nobody is waiting", style="dim"))


def _agents(room: _ScreenLines, known: Known, now: float) -> None:
    order = {state: place for place, state in enumerate(_ORDER)}
    agents = sorted(known.agents, key=lambda row: (order.get(str(row.get("state")), 9), str(row.get("id"))))
    columns = (("agent", 5), ("name", 10), ("state", 12), ("since", 6), ("queue", 6), ("call", 4))
    counted = Counter(str(row.get("state")) for row in agents)
    rows = [_agent(row, now) for row in agents]
    in_all = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in counted.items())
    shrink = [(1, 16), (4, 10), (5, 0), (2, 14), (1, 10), (4, 6), (4, 0)]
    room.table(columns, rows, room.left, f"agents; total {in_all}", shrink=shrink)


def _agent(row: JsonRow, now: float) -> list[Text]:
    state, reason = str(row.get("state", "")), str(row.get("reason") or "")
    return [
        _cell(row.get("id")),
        _cell(row.get("name")),
        _cell(f"{state.replace('_', ' ')}{f' ({reason})' if reason else ''}", style=STATE_COLOURS.get(state, "")),
        Text(_span(now - float(row["since"])) if row.get("since") not in (None, "") else "-"),
        _cell(row.get("queue") or "-"),
        _cell(str(row.get("call") or "-").rpartition("-")[2] or "-"),
    ]


def _table(*columns: str | tuple[str, int]) -> Table:
    """Columns by name: with a least width for words, else figures, to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold underline", expand=False)
    for column in columns:
        if isinstance(column, str):
            table.add_column(column, justify="right", no_wrap=True, min_width=len(column))
        else:
            table.add_column(column[0], no_wrap=True, overflow="ellipsis", min_width=column[1])
    return table


def _cell(value: object, style: str = "") -> Text:
    return Text(printable("" if value is None else str(value)), style=style, no_wrap=True, overflow="ellipsis")


def _number(row: JsonRow, key: str) -> Text:
    return Text(str(row[key]) if row.get(key) else "-")


def _recent(known: Known) -> list[str]:
    """Recent alerts that are not among the standing ones, of which each kind is there once for an agent, in other words."""
    names = {str(row.get("id")): str(row.get("name") or "") for row in known.agents}
    found = []
    for fact in known.alerts:
        agent = str(fact.get("agent", ""))
        who = named(agent, names.get(agent, ""))
        if fact.get("kind") not in _STANDING or not any(text.startswith(f"{who}: ") for text in known.standing):
            found.append(alert_text(fact, who))
    return found


def _now(row: JsonRow) -> str:
    if row.get("agent"):
        return f"rings {row['agent']}"
    return "waits" if row.get("reached", True) else "dialled" if row.get("state") == "dialling" else "to be called"


def _waited(row: JsonRow, now: float) -> float:
    return now - float(row["arrived_at"]) if row.get("arrived_at") not in (None, "") else 0.0


def _late(row: JsonRow, now: float) -> bool:
    """Whom a campaign or a callback has not reached yet does not wait."""
    return (
        row.get("reached", True)
        and row.get("answer_within") not in (None, "")
        and _waited(row, now) > float(row["answer_within"])
    )


def _span(seconds: float) -> str:
    """``9s``, ``4:05``, ``1:02:03``."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest}s"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def alert_text(fact: JsonRow, who: str) -> str:
    """A fact ``agent_alerted`` as a short text. ``who``: the agent, as people know them."""
    match fact.get("kind"):
        case "reason_limit":
            return f"{who}: {fact.get('reason')} for more than {_span(float(fact.get('limit') or 0))}"
        case "offers_missed":
            return f"{who}: {fact.get('count')} offers missed in a row"
        case "phone_lost":
            return f"{who}: the phone died" + (" during a call" if fact.get("call") else "")
        case "phone_silent":
            return f"{who}: the phone does not reply"
        case "device_dead":
            return f"{who}: {fact.get('device')} has not reacted to {fact.get('count')} calls in a row"
        case "phone_misconfigured":
            return f"{who}: the phone cannot be called: {str(fact.get('reason', '')).replace('_', ' ')}"
        case kind:
            return f"{who}: {kind}"
