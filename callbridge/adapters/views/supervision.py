"""Who supervises a call, for those who watch the floor. Agents must not learn that somebody listens to them.

Pure. A supervisor is named by the agent's id or by the name of the user or token that asked.
"""

from __future__ import annotations

from collections.abc import Callable

from callbridge.core.model.call import Call, SupervisionMode
from callbridge.core.model.events import CallRequest

_REQUESTS = frozenset({*(mode.value for mode in SupervisionMode), CallRequest.RELEASE.value})
_FACTS = frozenset({"supervision_started", "supervision_ended"})


def supervisors(call: Call, name_of: Callable[[str], str]) -> list[dict[str, object]]:
    """The supervisors of a call, in the order in which they joined. ``name_of``: the name by which people know them, or empty;
    ``connected`` is false while the supervisor's phone rings, ``since`` the moment of the present state."""
    return [
        {"by": one.by, "name": name_of(one.by), "mode": one.mode.value, "connected": one.up, "since": one.began_at}
        for one in call.supervisions
    ]


def tells_of_supervision(fact_type: str, request: object = "") -> bool:
    """Whether a fact says that somebody supervises, or asked to. ``request``: what was asked for, of a fact about a request."""
    return fact_type in _FACTS or (fact_type in ("request_granted", "request_refused") and request in _REQUESTS)
