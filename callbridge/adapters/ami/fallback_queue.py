"""The fallback queue of one PBX: its members mirror our agents, and its callers are taken back when we can serve them.

Rules of this file. The core decides who is a member and who comes back; this file only carries it out, one action at a time,
over the existing AMI link. A failed action is retried later and costs no call; a problem that only the administrator of the PBX
can fix is logged once, with what to add.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import structlog

from callbridge.adapters.ami.link import Ami
from callbridge.adapters.pbx_link import Backoff, OrderRefused, OrderTrouble
from callbridge.core.model.agent import Agent
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.ids import channel_of
from callbridge.core.model.world_view import WorldView
from callbridge.core.recovery.fallback import (
    MAX_RETURNS,
    Departures,
    FallbackCaller,
    MembershipAction,
    MembershipChange,
    QueueMember,
    SeenMember,
    differences,
    may_return,
    member_of,
    membership,
)
from callbridge.wire.ari.requests import STAYS
from callbridge.wire.queue import being_rung_for, membership_action, queue_seen, variable

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

AWAY_CHECK = 0.25
"""Seconds between checks whether the AMI link is back."""
_NO_MIRROR = "agents cannot be added to the fallback queue"
_NO_RETURN = "waiting callers cannot be taken back from the fallback queue"
_MISSING = "the PBX has no fallback queue"
_DENIED_IN_LOWER_CASE = "permission denied"
_NO_ACTION = "invalid/unknown command"
_NO_QUEUE = "no such queue"
_ADDED_ALREADY = "already there"
_NOT_THERE = "not there"
_NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackSettings:
    """Times in seconds. ``mark`` is the prefix of the names of our members."""

    pbx: str
    queue: str = "callbridge-fallback"
    return_context: str = "callbridge-return"
    mark: str = "callbridge"
    mirror: bool = True
    pull_back: bool = True
    leave_alone: float = 600.0
    look_every: float = 5.0
    retry_first: float = 0.5
    retry_most: float = 30.0


class FallbackQueue:
    """``run`` keeps the members up to date and takes callers back; ``note`` records changes and returns at once."""

    def __init__(
        self,
        settings: FallbackSettings,
        ami: Ami,
        world: WorldView,
        *,
        serving: Callable[[], bool],
        now: Callable[[], float],
    ) -> None:
        """``serving``: would a caller who came back to our application on this PBX be served now?"""
        self.settings = settings
        self._ami = ami
        self._world = world
        self._serving = serving
        self._now = now
        self._departures = Departures(settings.leave_alone)
        self._backoff = Backoff(settings.retry_first, settings.retry_most)
        self._agents_changed = asyncio.Event()
        self._members: dict[str, SeenMember] | None = None
        """As last listed, with our own changes since; None: must be listed before anything is changed."""
        self._wanted: dict[str, QueueMember | None] = {}
        """By agent, as last noted."""
        self._said: set[str] = set()

    def note(self, facts: Iterable[AnyFact], changed: Mapping[tuple[str, str], object | None]) -> None:
        """Record the facts and changes of a batch."""
        self._departures.note(facts)
        for (table, key), row in changed.items():
            if table == "agents":
                # Most changes concern the agent's work, which does not matter here: wake up only for changes of membership.
                member = self._member_of(row) if isinstance(row, Agent) else None
                if self._wanted.get(key) != member:
                    self._wanted[key] = member
                    self._agents_changed.set()

    async def run(self) -> NoReturn:
        """Until cancelled."""
        settings = self.settings
        while True:
            while not self._ami.up:
                self._members = None
                await asyncio.sleep(AWAY_CHECK)
            try:
                await self._look()
                await self._keep_until(asyncio.get_running_loop().time() + settings.look_every)
                self._backoff.reset()
            except OrderTrouble as trouble:
                self._members = None
                wait = self._backoff.next()
                log.info("fallback queue could not be updated", pbx=settings.pbx, why=str(trouble), retry_in=round(wait, 3))
                await asyncio.sleep(wait)

    async def _look(self) -> None:
        """List the queue, correct its members, and take back the callers who may return."""
        settings = self.settings
        try:
            messages = await self._ami.send_action("QueueStatus", {"Queue": settings.queue}, many=True)
        except OrderRefused as refusal:
            self._explain(refusal, "the fallback queue cannot be read", "load = app_queue.so to modules.conf")
            raise
        seen = queue_seen(messages, pbx=settings.pbx, queue=settings.queue)
        if seen is None:
            self._say(_MISSING, settings.queue, f"a section [{settings.queue}] to queues.conf")
            self._members = None
            return
        self._said.discard(_MISSING)
        self._members = dict(seen.members)
        await self._update_members()
        if settings.pull_back and seen.waiting and self._serving():
            await self._pull_back(seen.waiting)

    async def _keep_until(self, end: float) -> None:
        """Follow the changes of our agents until the next listing is due."""
        while (left := end - asyncio.get_running_loop().time()) > 0.0:
            try:
                async with asyncio.timeout(left):
                    await self._agents_changed.wait()
            except TimeoutError:
                return
            await self._update_members()

    # Members

    def _member_of(self, agent: Agent) -> QueueMember | None:
        return member_of(agent, self.settings.mark, self._world.plan, self.settings.pbx)

    async def _update_members(self) -> None:
        self._agents_changed.clear()
        if not self.settings.mirror or self._members is None:
            return
        settings = self.settings
        wanted = membership(self._world.agents.values(), settings.mark, self._world.plan, settings.pbx)
        for change in differences(wanted, self._members, self.settings.mark):
            if not await self._change(change):
                return

    async def _change(self, change: MembershipChange) -> bool:
        """Carry out one change; False when no change can be made at all."""
        action, fields = membership_action(self.settings.queue, change)
        try:
            await self._ami.send_action(action, fields)
        except OrderRefused as refusal:
            if any(words in refusal.detail.lower() for words in (_ADDED_ALREADY, _NOT_THERE, _NOT_FOUND)):
                raise  # somebody else changed it: list again
            self._explain(refusal, _NO_MIRROR, "agent to this AMI user's write= in manager.conf")
            self._members = None
            return False
        self._said.discard(_NO_MIRROR)
        member, members = change.member, self._members
        if members is None:
            return False
        if change.act is MembershipAction.REMOVE:
            members.pop(member.phone, None)
        else:
            members[member.phone] = SeenMember(member.phone, member.name, member.paused, dynamic=True)
        log.info("fallback member changed", pbx=self.settings.pbx, act=change.act, member=member.name, paused=member.paused)
        return True

    # Callers who return

    async def _pull_back(self, waiting: Iterable[FallbackCaller]) -> None:
        """Callers come back in the order in which they wait; a caller for whom a phone is already ringing stays."""
        world, now = self._world, self._now()
        callers = [one for one in waiting if may_return(world, self._departures, one, now)]
        try:
            found = [(caller, entry) for caller in callers if (entry := await self._entry(caller))]
            if not found or not await self._return_context_exists():
                return
            rung = being_rung_for(await self._ami.send_action("CoreShowChannels", many=True))
            for caller, entry in found:
                if channel_of(caller.leg) not in rung and self._serving():
                    await self._redirect(caller, entry)
            self._said.discard(_NO_RETURN)
        except OrderRefused as refusal:
            self._explain(refusal, _NO_RETURN, "call and reporting to this AMI user's write= in manager.conf")

    async def _return_context_exists(self) -> bool:
        """Asterisk hangs up a channel that is redirected to a missing context."""
        context = self.settings.return_context
        try:
            await self._ami.send_action("ShowDialPlan", {"Context": context}, many=True)
        except OrderRefused as refusal:
            if _DENIED_IN_LOWER_CASE in refusal.detail.lower():
                raise
            self._say(_NO_RETURN, refusal.detail, f"the context [{context}] of callbridge.conf")
            return False
        return True

    async def _entry(self, caller: FallbackCaller) -> str:
        """The present name of the caller's entry; empty for a caller who is to stay, did not come from us, has returned too
        often, or whose entry no longer exists."""
        plan = self._world.plan
        came_by = await self._variable(caller, "CALLBRIDGE_ENTRY")
        if came_by and await self._variable(caller, STAYS):
            return ""
        entry = plan.entry_named(came_by) if plan.destination_of(came_by) is not None else ""
        returns = await self._variable(caller, "CALLBRIDGE_RETURNS") if entry else ""
        return "" if returns.isascii() and returns.isdigit() and int(returns) >= MAX_RETURNS else entry

    async def _variable(self, caller: FallbackCaller, name: str) -> str:
        try:
            (answer,) = await self._ami.send_action("Getvar", {"Channel": caller.channel, "Variable": name})
        except OrderRefused as refusal:
            if _DENIED_IN_LOWER_CASE in refusal.detail.lower():
                raise
            return ""  # the channel has ended meanwhile
        return variable(answer)

    async def _redirect(self, caller: FallbackCaller, entry: str) -> None:
        fields = {"Channel": caller.channel, "Context": self.settings.return_context, "Exten": entry, "Priority": "1"}
        try:
            await self._ami.send_action("Redirect", fields)
        except OrderRefused as refusal:
            if _DENIED_IN_LOWER_CASE in refusal.detail.lower():
                raise
            log.info(
                "a waiting caller could not be taken back from the fallback queue",
                pbx=self.settings.pbx,
                leg=caller.leg,
                why=refusal.detail,
            )
            return
        log.info("a waiting caller was taken back from the fallback queue", pbx=self.settings.pbx, leg=caller.leg, entry=entry)

    # Problems that only an administrator can fix

    def _explain(self, refusal: OrderRefused, what: str, permission: str) -> None:
        detail = refusal.detail.lower()
        add = permission
        if _NO_ACTION in detail:
            add = "load = app_queue.so to modules.conf"
        elif _NO_QUEUE in detail:
            add = f"a section [{self.settings.queue}] to queues.conf"
        self._say(what, refusal.detail, add)

    def _say(self, what: str, why: str, add: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning(what, pbx=self.settings.pbx, queue=self.settings.queue, why=why, add=add)
