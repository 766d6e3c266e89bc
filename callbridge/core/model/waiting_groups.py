"""The group of the matcher in which a call or a callback waits."""

from __future__ import annotations

from callbridge.core.model.call import Call, Visit
from callbridge.core.model.callback import Callback
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.matcher import GroupKey


def of_call(call: Call, visit: Visit) -> GroupKey:
    """``visit``: the one in which the call waits."""
    return GroupKey(
        pbx_of(call.leg),
        visit.queue,
        call.tier,
        visit.window,
        visit.prefers,
        tuple(sorted(visit.avoids)),
        tuple(sorted(call.rejected_by)),
        visit.site,
    )


def of_callback(callback: Callback) -> GroupKey:
    return GroupKey(
        callback.pbx,
        callback.queue,
        callback.tier,
        callback.window,
        callback.agent,
        tuple(sorted(callback.avoids)),
        tuple(sorted(callback.rejected_by)),
    )
