"""Deadlines: what is due next, and which deadlines must wait for events of a PBX.

A heap with lazy deletion: an entry counts only while its owner still has that deadline. A deadline that means "this event did
not come in time" is held until all events that the PBX sent before it have been processed.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from callbridge.core.model.call import Call, NodeActivity, Phase
from callbridge.core.model.ids import LegId, pbx_of

HeapEntry = tuple[float, str, str]
"""The time, and the kind and ID of the owner."""
REACHING = frozenset({Phase.OFFERED, Phase.DIALLING, Phase.JOINING, Phase.TALKING, Phase.TRANSFERRING, Phase.LEAVING})
"""Phases in which a call's deadline means that somebody has not answered, pressed a key, joined or left in time."""


class Deadlines:
    """``current`` returns the present deadline of an owner; ``awaited_from`` the PBX that a deadline depends on, or ""."""

    def __init__(self, current: Callable[[str, str], float | None], awaited_from: Callable[[str, str], str]) -> None:
        self._current = current
        self._awaited_from = awaited_from
        self._heap: list[HeapEntry] = []
        self._held: dict[str, list[HeapEntry]] = {}
        self._heard: dict[str, float] = {}
        """PBX -> its events before this time have been processed. A PBX without a link holds up nothing."""
        self._to_hear: set[str] = set()

    def add(self, at: float, kind: str, key: str) -> None:
        heappush(self._heap, (at, kind, key))

    def next(self) -> float | None:
        """When the next thing is due that waits for the time alone; None when nothing is."""
        while self._heap:
            at, kind, key = self._heap[0]
            if self._current(kind, key) == at:
                return at
            heappop(self._heap)
        return None

    def take(self, now: float) -> HeapEntry | None:
        """Take out one due deadline that need not wait for a PBX; call again until None."""
        while (due := self.next()) is not None and due <= now:
            entry = heappop(self._heap)
            pbx = self._awaited_from(entry[1], entry[2])
            if not pbx or self._heard.get(pbx, due) >= due:
                return entry
            self._held.setdefault(pbx, []).append(entry)
            self._to_hear.add(pbx)
        return None

    def pending(self) -> list[HeapEntry]:
        """All that are to come or held; some may be there twice."""
        held = [entry for entries in self._held.values() for entry in entries]
        return [entry for entry in [*self._heap, *held] if self._current(entry[1], entry[2]) == entry[0]]

    def heard(self, pbx: str, until: float) -> None:
        """All events that this PBX sent before ``until`` have been processed."""
        self._heard[pbx] = max(until, self._heard.get(pbx, until))
        for entry in self._held.pop(pbx, ()):
            heappush(self._heap, entry)

    def to_hear(self) -> frozenset[str]:
        """The PBXs that deadlines have started to wait for since the last call."""
        asked, self._to_hear = frozenset(self._to_hear), set()
        return asked


def awaited_from(kind: str, key: str, call: Call | None) -> str:
    """The PBX whose event this deadline waits for; empty when it is about time alone (a step of the queue, the end of wrap-up, a
    callback). ``call`` is the owner, for the kinds that belong to a call."""
    if kind in ("leg", "feature"):
        return pbx_of(LegId(key))
    if call is None:
        return ""
    match kind:
        case "call":
            awaits = (call.phase in REACHING and not call.is_in_line) or _flow_listens(call)
        case "announcing":
            awaits = call.announcing is not None and bool(call.announcing.playback)
        case _:
            awaits = False
    return pbx_of(call.leg) if awaits else ""


def _flow_listens(call: Call) -> bool:
    """Whether a flow waits for its caller or for the end of a prompt; the first node and look-ups wait for no PBX."""
    flow_position = call.flow_position
    return (
        call.phase is Phase.FLOW
        and flow_position is not None
        and bool(flow_position.node)
        and flow_position.activity is not NodeActivity.LOOKING
    )
