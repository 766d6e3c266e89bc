"""Where callers go who leave a queue: another queue, a place in the dialplan, or a flow that hangs up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from callbridge.cli.importing.converted import Looks
from callbridge.cli.importing.queue_calls import DialplanTarget, QueueCall
from callbridge.cli.importing.yaml_lines import fresh, key, section, text

AFTER_QUEUE = "callbridge-after-queue"
"""Context that we ask people to add: callbridge sends calls to priority 1 of an extension only."""
HANG_UP = "hang-up"
_CONTEXT = re.compile(r"[\w.-]+", re.ASCII)
_EXTENSION = re.compile(r"[\w.*#+-]+", re.ASCII)


@dataclass(slots=True)
class Destinations:
    """``queues``: names of app_queue -> ours; ``calls``: how the dialplan leads into them."""

    queues: Mapping[str, str]
    calls: Iterable[QueueCall]
    looks: Looks
    flows: dict[str, str] = field(default_factory=dict)
    """Name of a flow -> its only node."""
    _names: dict[DialplanTarget, str] = field(default_factory=dict)

    def overflow(self, place: DialplanTarget, queue: str) -> str:
        """The destination of an overflow rule of this app_queue; empty when there is none that callbridge can reach."""
        if not place.context:
            return f"flow: {self._flow(place, HANG_UP)}"
        node = self._node(place, queue)
        return "" if f"queue: {text(self.queues.get(queue, ''))}" == node else node

    def key(self, place: DialplanTarget, wanted: str) -> str:
        """The name of a flow for a key that leads here."""
        return self._flow(place, wanted)

    def lines(self) -> list[str]:
        flows = [f"{key(name)}: {{nodes: {{away: {{{node}}}}}}}" for name, node in self.flows.items()]
        return section("flows", flows) if flows else []

    def _flow(self, place: DialplanTarget, wanted: str) -> str:
        if place not in self._names:
            self._names[place] = fresh(wanted, self._names.values(), "flow")
            self.flows[self._names[place]] = self._node(place, wanted) if place.context else 'goodbye: ""'
        return self._names[place]

    def _node(self, place: DialplanTarget, wanted: str) -> str:
        led = next((call.queue for call in self.calls if (call.context, call.extension) == (place.context, place.extension)), "")
        if led in self.queues and place.priority == "1":
            return f"queue: {text(self.queues[led])}"
        usable = _CONTEXT.fullmatch(place.context) and _EXTENSION.fullmatch(place.extension)
        if usable and place.priority == "1":
            return f"dialplan: {text(f'{place.context},{place.extension}')}"
        extension = re.sub(r"[^\w-]+", "-", wanted, flags=re.ASCII).strip("-") or "queue"
        line = f"[{AFTER_QUEUE}] exten => {extension},1,Goto({place.text})"
        self.looks.add(wanted, f"callbridge sends calls to priority 1 only; add to extensions.conf: {line}")
        return f"dialplan: {text(f'{AFTER_QUEUE},{extension}')}"
