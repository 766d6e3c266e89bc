"""The rows that others see of the world: a queue, an agent, a call, each as a flat dict.

Pure. Absent values are the empty string; times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callbridge.adapters.facts.privacy import mask, scrub
from callbridge.core.entities.estimates import at_pace
from callbridge.core.model.agent import Agent, State, Work, follows, published
from callbridge.core.model.call import Call, TransferKind
from callbridge.core.model.pace import Pace
from callbridge.core.model.plan import Plan
from callbridge.core.model.skills import Profile
from callbridge.core.model.tally import Tally

View = dict[str, str | int | float]

ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Stamp:
    """The moment of a change: ``updated_at`` and ``seq`` of the views."""

    now: float = 0.0
    seq: int = 0

    def or_later(self, other: Stamp | None) -> Stamp:
        return self if other is None or (other.seq, other.now) < (self.seq, self.now) else other


def call_view(call: Call, stamp: Stamp, *, agent_name: str = "", ended: bool = False, masked: bool = True) -> View:
    """A call's published fields; ``queue`` and ``agent`` are the ones handling it now, ``agent_name`` is that agent's."""
    visit, (to, result) = call.visit, call.failed_transfer
    return {
        "state": ENDED if ended else call.phase.value,
        "queue": queue_of(call),
        "tier": call.tier,
        "number": mask(call.number) if masked else call.number,
        "arrived_at": call.arrived_at,
        "step": visit.window if visit is not None else "",
        "agent": agent_of(call),
        "agent_name": agent_name,
        "transfer": _transfer_state(call),
        "transfer_failed": "" if call.transfer is not None else result,
        "transfer_failed_to": "" if call.transfer is not None else scrub(to) if masked else to,
        "recording": _recording_state(call),
        "held_since": _held(call)[0],
        "held_by": _held(call)[1],
        "updated_at": stamp.now,
        "seq": stamp.seq,
    }


def _transfer_state(call: Call) -> str:
    """How far a transfer is: the target is being reached, or has answered, or all three talk; or nobody took the call, and it
    returns to the agent."""
    if call.transfer is not None and call.transfer.kind is TransferKind.BACK:
        return "returning"
    if call.transfer is None:
        return ""
    if call.transfer.together:
        return "conference"
    return "consulting" if call.transfer.reached else "ringing"


def _held(call: Call) -> tuple[float | str, str]:
    """Since when the customer is on hold, and how: by request, or by the agent's phone."""
    segment = call.segment
    if segment is None or segment.held_since is None:
        return "", ""
    return segment.held_since, "request" if segment.on_hold else "phone"


def _recording_state(call: Call) -> str:
    recording = call.segment.recording if call.segment is not None else None
    if recording is None:
        return ""
    return "on" if recording.paused_since is None else "paused"


def agent_view(agent: Agent, call: Call | None, stamp: Stamp, *, masked: bool = True) -> View:
    """An agent's published fields; ``call`` is the current call. During wrap-up ``queue`` is the queue of the call just ended."""
    state, reason = published(agent)
    next_state, next_reason = follows(agent)
    queue = agent.wrap_queue if agent.work is Work.WRAP_UP else queue_of(call, agent.id) if call is not None else ""
    return {
        "name": agent.name,
        "state": state.value,
        "reason": scrub(reason) if masked else reason,
        "since": agent.since,
        "until": _until(agent),
        "next_state": next_state.value if next_state is not None else "",
        "next_reason": scrub(next_reason) if masked else next_reason,
        "queue": queue,
        "call": agent.call,
        "phone": scrub(agent.phone) if masked else agent.phone,
        "device": agent.device.value,
        "updated_at": stamp.now,
        "seq": stamp.seq,
    }


def _until(agent: Agent) -> float | str:
    """When the state is to end, or is over its limit: wrap-up, and being not ready for a reason that has one."""
    state, _ = published(agent)
    if state is State.WRAP_UP:
        return agent.wrap_until
    ends = [at for at in (agent.return_at, agent.limit_at) if at is not None] if state is State.NOT_READY else []
    return min(ends, default="")


def queue_view(
    waiting: Iterable[float],
    states: Mapping[str, int],
    tally: Tally,
    stamp: Stamp,
    pace: Pace | None,
    callbacks: int = 0,
    standing: int = 0,
    waiting_today: int = 0,
) -> View:
    """A queue's published fields, from the arrival times of waiting callers, its agents by state, its open callbacks and
    how many of them hold a place in line (``standing``). The estimated wait is for a caller arriving now. ``waiting_today``: of
    the waiting callers those who arrived today, as all figures of today."""
    arrivals = list(waiting)
    level = tally.service_level
    agents = {f"agents_{state}": states.get(state, 0) for state in State if state is not State.LOGGED_OUT}
    staffed = sum(agents.values()) > 0
    expected = at_pace(pace, len(arrivals) + standing + 1, stamp.now) if staffed else None
    return {
        "waiting": len(arrivals),
        "oldest_arrived_at": min(arrivals, default=""),
        "agents_logged_in": sum(agents.values()),
        **agents,
        "callbacks_waiting": callbacks,
        "ewt_seconds": "" if expected is None else round(expected, 1),
        "waiting_today": waiting_today,
        "offered": tally.offered,
        "answered": tally.answered,
        "abandoned": tally.abandoned,
        "short_abandoned": tally.short_abandoned,
        "overflowed": tally.overflowed,
        "failed": tally.failed,
        "sl": "" if level is None else round(level, 4),
        "updated_at": stamp.now,
        "seq": stamp.seq,
    }


def queue_of(call: Call, agent: str = "") -> str:
    """The queue that handles the call now; for an ``agent`` who is consulted as one of a queue, that queue."""
    if agent and call.transfer is not None and call.transfer.agent == agent:
        return call.transfer.target_queue
    holder = call.segment or call.visit or call.transfer
    return holder.queue if holder is not None else ""


def queues_for(plan: Plan, profile: Profile) -> frozenset[str]:
    """The queues that an agent with this profile can serve: those where any step of any tier matches."""
    return frozenset(
        name
        for name, queue in plan.queues.items()
        if any(step.needs.strength(profile) is not None for routing in queue.routings.values() for step in routing.steps)
    )


def agent_of(call: Call) -> str:
    """The agent who has the call, or is being called; empty for none."""
    holder = call.segment or call.offer or call.transfer
    return holder.agent if holder is not None else ""
