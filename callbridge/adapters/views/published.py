"""The public hashes, read back as the views that they were written from, and what an instance without a world can say of them.

Pure. The leader never reads them; a standby shows them. Callers are put in line by tier and arrival, which is the leader's own
order but for head starts that were given to single callers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from callbridge.adapters.views.rows import View
from callbridge.core.model.call import Phase
from callbridge.core.model.plan import Plan, TierRouting
from callbridge.core.model.rank import rank_of

_TEXTS = frozenset(
    {"name", "state", "reason", "next_state", "next_reason", "queue", "call", "phone", "device", "tier", "number", "agent"}
    | {"agent_name"}
)
"""All other fields are numbers, as Python writes them: what has no point or exponent is a whole one."""


def view_of(fields: Mapping[bytes, bytes]) -> View:
    """A hash as the view that was written there. A value of another program's that is no number stays text."""
    return {name.decode(errors="replace"): _value(name.decode(errors="replace"), data) for name, data in fields.items()}


def _value(name: str, data: bytes) -> str | int | float:
    text = data.decode(errors="replace")
    if name in _TEXTS or not text:
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def waiting_view(calls: Mapping[str, View], plan: Plan, now: float, most: int) -> dict[str, Any]:
    """The first ``most`` callers of every queue by tier and arrival, and how many there are."""
    lines: dict[str, list[tuple[float, str, View]]] = {}
    for name, view in calls.items():
        if _waits(view):
            queue = str(view["queue"])
            rank = rank_of(_routing(plan, view), float(view["arrived_at"] or 0.0))
            lines.setdefault(queue, []).append((rank, name, view))
    rows = [
        _row(name, view, position, _routing(plan, view), now)
        for line in lines.values()
        for position, (_, name, view) in enumerate(sorted(line, key=lambda one: one[:2])[:most], 1)
    ]
    totals = Counter({queue: len(line) for queue, line in lines.items()})
    return {"now": now, "waiting": rows, "total": totals.total(), "totals": dict(totals)}


def live(calls: Iterable[tuple[str, View]]) -> list[tuple[str, View]]:
    """Oldest first."""
    return sorted(calls, key=lambda one: (float(one[1].get("arrived_at") or 0.0), one[0]))


def _waits(view: View) -> bool:
    """Has the call a place in a queue? A conversation whose answer does not count yet has none."""
    return view.get("step", "") != "" and view.get("state") != Phase.TALKING and bool(view.get("queue"))


def _routing(plan: Plan, view: View) -> TierRouting | None:
    queue = plan.queues.get(str(view.get("queue", "")))
    return queue.routings.get(str(view.get("tier", ""))) if queue is not None else None


def _row(name: str, view: View, position: int, routing: TierRouting | None, now: float) -> dict[str, Any]:
    return {
        "id": name,
        **view,
        "position": position,
        "waited": round(max(0.0, now - float(view["arrived_at"] or 0.0)), 3),
        "needs": "",  # it depends on who is logged in, as the leader's matcher sees it
        "steps": len(routing.steps) if routing is not None else 0,
        "answer_within": routing.answer_within if routing is not None else "",
    }
