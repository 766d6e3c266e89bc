"""The world: one ledger of all calls, legs, agents and figures, with one owner and its indexes.

Rows are frozen values; ``Table.put`` is the only way to change one. Every change is written to a journal, so a step
that raises is undone as if it had never begun, and a step that ends well leaves the exact delta to save.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol, Unpack

from callbridge.core.model import waiting_groups
from callbridge.core.model.agent import Agent, Intent, eligible
from callbridge.core.model.attempt import Attempt, AttemptStage
from callbridge.core.model.call import Call, Visit
from callbridge.core.model.callback import Callback
from callbridge.core.model.campaign_state import CampaignState
from callbridge.core.model.changes import LegChanges
from callbridge.core.model.deadlines import Deadlines, awaited_from
from callbridge.core.model.device_record import DeviceRecord
from callbridge.core.model.events import DeadlinePassed
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.feature_call import FeatureCall, PhoneGuard, PinGuard
from callbridge.core.model.flow import Flow
from callbridge.core.model.ids import LegId, leg_id, pbx_of
from callbridge.core.model.leg import Leg
from callbridge.core.model.line import QueueLine
from callbridge.core.model.matcher import Matcher
from callbridge.core.model.orders import Order
from callbridge.core.model.pace import Pace
from callbridge.core.model.phones import pbx_of_phone
from callbridge.core.model.plan import Plan
from callbridge.core.model.rows import evolve
from callbridge.core.model.saved_tables import SAVED_TABLES, SavedTable, SavedTables
from callbridge.core.model.skills import Profile
from callbridge.core.model.table import Change, Table
from callbridge.core.model.tally import Tally, tally_key
from callbridge.core.model.tie_line import TieLine, with_phones_on


class _HasDeadline(Protocol):
    @property
    def deadline(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class DecisionFault:
    """A decision about an entity raised, so it was quarantined: ``error`` is for the runtime's log."""

    kind: str
    id: str
    error: Exception = field(compare=False)


@dataclass(slots=True)
class Outcome:
    """The result of one step."""

    orders: list[Order] = field(default_factory=list)
    facts: list[AnyFact] = field(default_factory=list)
    changed: dict[tuple[str, str], object | None] = field(default_factory=dict)
    """(table, key) -> the row as it is now, None when dropped."""
    faults: list[DecisionFault] = field(default_factory=list)
    """The runtime logs each of them and quarantines the entity."""
    answer: object | None = None
    """The answer to the requester, where granted or refused is not enough."""


class _Mark(NamedTuple):
    """Taken at every step, so it is a tuple: making one costs a fifth of making a frozen dataclass."""

    changes: int
    orders: int
    facts: int
    seq: int
    minted: int
    now: float
    day: str
    plan: Plan
    wall_offset: float
    clock_moved_at: float
    unsaved: bool
    know_agents: bool
    staffing_changed: bool
    down: frozenset[str]
    overtaken: tuple[tuple[str, str], ...]
    blocked: Mapping[tuple[str, str], float]
    old_flows: dict[tuple[str, str], Flow]
    answer: object | None


class World(SavedTables):
    """``boot`` is new at every start and take-over, so that ids are never minted twice. ``minted``: where their numbers begin."""

    def __init__(self, plan: Plan, boot: str, minted: int = 0) -> None:
        self.plan = plan
        self.boot = boot
        self.now = 0.0
        self.day = ""
        self.seq = 0
        self.minted = minted
        self.wall_offset = 0.0
        self.matcher = Matcher(plan)
        self._journal: list[Change] = []
        for saved in SAVED_TABLES:
            setattr(self, saved.name, Table(saved.name, self._journal, self._watcher(saved)))
        self.campaign_states: dict[str, CampaignState] = {}
        """What each campaign has learned, and its leads at hand. Estimates: never saved, and not undone with a step."""
        self.callers_by_tier: dict[str, float] = {}
        """How many new callers each tier has had lately. An estimate: never saved, and not undone with a step."""
        self.blocked: Mapping[tuple[str, str], float] = {}
        """(campaign or "", number) that went onto the list just now: attempts may have been written down before, until then.
        Replaced, never changed in place: so a step that raises is undone."""
        self.clock_moved_at = float("-inf")
        self.phones: Table[str] = Table("phones", self._journal, _unwatched)
        """Device states from AMI; listed again at every connect, so never saved."""
        self.contacts: Table[tuple[str, ...]] = Table("contacts", self._journal, _unwatched)
        """The addresses of a phone at whose account several devices have registered; listed all the time, so never saved."""
        self.hints: Table[tuple[str, ...]] = Table("hints", self._journal, self._hint_changed)
        """Agent -> the devices of the hint of the extension; read again after a start, so never saved."""
        self._agents_by_hint: dict[str, dict[str, None]] = {}
        self.devices: Table[DeviceRecord] = Table("devices", self._journal, _unwatched)
        """Devices that have not reacted to the last call, by what was dialled; learned again after a start, so never saved."""
        self.ties: Table[TieLine] = Table("ties", self._journal, self._tie_changed)
        """Tie lines over which calls came to nothing; learned again after a start, so never saved."""
        self.dialogues: Table[FeatureCall] = Table("dialogues", self._journal, partial(self._arm, "feature"))
        """Feature calls under way, by leg. They hold what people type, PINs among it: never saved."""
        self.pin_guards: Table[PinGuard] = Table("pin_guards", self._journal, _unwatched)
        """Wrong PINs for numbers that no agent with a PIN has, by the number as typed: never saved."""
        self.phone_guards: Table[PhoneGuard] = Table("phone_guards", self._journal, _unwatched)
        """Wrong PINs at phones, by phone: never saved."""
        self.paces: Table[Pace] = Table("paces", self._journal, _unwatched)
        """How fast queues are served; measured again after a start, so never saved."""
        self.down: set[str] = set()
        self.staffing_changed = False
        """An agent has logged in or out, or changed skills, since the last review."""
        self.reviews: tuple[str, ...] = ()
        self.review_at: float | None = None
        """Calls that wait and are to be looked at again, and when that goes on. Never saved: every connect begins it again."""
        self.unfinished: Iterator[DecisionFault | int] | None = None
        """What is left of a step that is taken in slices (``slices``). Never saved: every connect begins it again."""
        self.faults: list[DecisionFault] = []
        """What deciding has raised about since the last commit."""
        self.overtaken: list[tuple[str, str]] = []
        """Calls of callbacks that this step has made needless, or impossible, and why: the engine gives them up."""
        self.unsaved = False
        """The store is behind: no customer is called, since after a restart we would not know of the call."""
        self._old_flows: dict[tuple[str, str], Flow] = {}
        self._lines: dict[str, QueueLine] = {}
        self.kept: set[str] = set()
        """Calls that wait because an agent's phone died (``lost_phones``)."""
        self._rows_due = {saved.kind: self.saved(saved) for saved in SAVED_TABLES if saved.has_deadline}
        self._rows_due |= {"feature": self.dialogues, "tie": self.ties}
        """The tables whose rows have a deadline, by the kind of it."""
        self._deadlines = Deadlines(self._deadline_of, self._awaited_from)
        self._undoing = False
        self._agent_by_phone: dict[str, str] = {}
        self._waiting_for_phone: dict[str, set[str]] = {}
        self._leg_by_pair: dict[str, list[LegId]] = {}
        self._features_at: dict[str, set[LegId]] = {}
        self._callers: Counter[tuple[str, str]] = Counter()
        """Callers on each PBX, and by each entry, from arrival until they are hung up."""
        self._callbacks_owed: dict[str, dict[str, str]] = {}
        """Queue -> number -> callback."""
        self._attempts_of: dict[str, dict[str, None]] = {}
        self._talks_of: dict[str, dict[str, None]] = {}
        """Campaign -> its attempts; agent -> attempts that may still be given a disposition."""
        self._orders: list[Order] = []
        self._facts: list[AnyFact] = []
        self._answer: object | None = None

    # -- for the engine -----------------------------------------------------------------------------------------

    def order(self, order: Order) -> None:
        self._orders.append(order)

    def emit(self, fact: AnyFact) -> None:
        self._facts.append(fact)

    def answer(self, answer: object) -> None:
        """The answer for the requester of this step."""
        self._answer = answer

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def mint(self, kind: str) -> str:
        """A new id that no other run has used or will use; fit for Asterisk."""
        self.minted += 1
        return f"{self.plan.prefix}-{kind}-{self.boot}-{self.minted}"

    def mint_leg(self, pbx: str, kind: str) -> LegId:
        return leg_id(pbx, self.mint(kind))

    def agent_at(self, phone: str) -> Agent | None:
        """The agent who currently uses this phone, perhaps as one of several."""
        return self.agents.get(self._agent_by_phone.get(phone))

    def hinted_at(self, device: str) -> list[Agent]:
        """Agents to whose extension's hint this device belongs."""
        return [self.agents[who] for who in self._agents_by_hint.get(device, ()) if who in self.agents]

    def waiting_for(self, phone: str) -> list[Agent]:
        """Agents who will move to this phone as soon as it is free."""
        return [self.agents[who] for who in sorted(self._waiting_for_phone.get(phone, ()))]

    def features_at(self, phone: str) -> frozenset[LegId]:
        """The calls that this agent's phone makes to us now: feature calls, and calls to entries."""
        return frozenset(self._features_at.get(phone, ()))

    def legs_of_pair(self, pair: str) -> list[Leg]:
        """The halves of a Local channel that we know."""
        return [self.legs[leg] for leg in self._leg_by_pair.get(pair, [])]

    def tally(self, queue: str, day: str) -> Tally:
        return self.tallies.get(tally_key(queue, day)) or Tally(queue=queue, day=day)

    def line(self, queue: str) -> QueueLine:
        """The callers of this queue in order of service."""
        return self._lines.get(queue) or QueueLine()

    def callers_on(self, pbx: str) -> int:
        """Callers who are on this PBX now, waiting or in a conversation."""
        return self._callers["pbx", pbx]

    def callers_by(self, entry: str) -> int:
        """Callers there now who came by this entry."""
        return self._callers["entry", entry]

    def callback_for(self, queue: str, who: str) -> Callback | None:
        """The callback that this (normalised) number is owed in this queue."""
        return self.callbacks.get(self._callbacks_owed.get(queue, {}).get(who))

    def callbacks_owed(self, queue: str) -> int:
        """Callbacks that are owed in this queue."""
        return len(self._callbacks_owed.get(queue, ()))

    def attempts_of(self, campaign: str) -> list[str]:
        """The attempts that a campaign has under way, or not closed yet."""
        return [*self._attempts_of.get(campaign, ())]

    def talks_of(self, agent: str) -> list[str]:
        """The agent's attempts that may be given a disposition."""
        return [*self._talks_of.get(agent, ())]

    def quarantine(self, waiting: str) -> None:
        """Do not offer this call or callback until its row changes."""
        self.kept.discard(waiting)
        self.matcher.unwait(waiting)
        table: Table[Any] = self.callbacks if waiting in self.callbacks else self.calls
        if waiting in table:
            self._journal.append((table, waiting, table[waiting]))  # if this step is undone, it is offered again

    def emitted(self) -> list[AnyFact]:
        """The facts since the last commit."""
        return self._facts

    @property
    def changes(self) -> int:
        """How much was done since the last commit: rows put, orders and facts. It goes down when something is undone."""
        return len(self._journal) + len(self._orders) + len(self._facts)

    def wake(self, kind: str, key: str, at: float) -> None:
        """A deadline of something that is not a row."""
        self._deadlines.add(at, kind, key)

    def flow(self, name: str, version: str) -> Flow | None:
        """This version of a flow as long as a caller is in it; else the one in force."""
        return self._old_flows.get((name, version)) or self.plan.flows.get(name)

    def keep_flows(self, adapted: Callable[[Flow], Flow]) -> None:
        """The plan changes: callers finish on the flows that they are in, adapted to it."""
        flow_positions = [call.flow_position for call in self.calls.rows().values() if call.flow_position is not None]
        used = {
            (flow_position.flow, flow_position.version): self.flow(flow_position.flow, flow_position.version)
            for flow_position in flow_positions
        }
        kept = {key: flow for key, flow in used.items() if flow is not None and flow.version == key[1]}
        self._old_flows = {key: adapted(flow) for key, flow in kept.items()}

    # -- transactions -------------------------------------------------------------------------------------------

    def mark(self) -> _Mark:
        return _Mark(
            len(self._journal),
            len(self._orders),
            len(self._facts),
            self.seq,
            self.minted,
            self.now,
            self.day,
            self.plan,
            self.wall_offset,
            self.clock_moved_at,
            self.unsaved,
            self.matcher.know_agents,
            self.staffing_changed,
            frozenset(self.down),
            tuple(self.overtaken),
            self.blocked,
            self._old_flows,
            self._answer,
        )

    def undo_to(self, mark: _Mark) -> None:
        """Take back every change, order and fact since the mark. Two things stay: what a PBX was heard to say and the deadlines
        that were taken out (``Deadlines``), for they have happened; and what campaigns have learned (``campaign_states``), which
        are estimates that the next step corrects."""
        self.seq, self.minted, self.now, self.day = mark.seq, mark.minted, mark.now, mark.day
        self.wall_offset, self.clock_moved_at, self.unsaved = mark.wall_offset, mark.clock_moved_at, mark.unsaved
        self._old_flows, self.blocked = mark.old_flows, mark.blocked
        if self.plan is not mark.plan:
            self.plan = mark.plan
            self.matcher.adopt(mark.plan)
        for pbx in self.down - mark.down:
            self.matcher.open(pbx)
        for pbx in mark.down - self.down:
            self.matcher.close(pbx)
        self.down = set(mark.down)
        self._undoing = True
        while len(self._journal) > mark.changes:
            table, key, old = self._journal.pop()
            table.undo(key, old)
        self._undoing = False
        self.matcher.agents_known(mark.know_agents)
        self.staffing_changed = mark.staffing_changed  # after the tables, for undoing a log-in is a change of staffing, too
        self.overtaken[:] = mark.overtaken
        self._answer = mark.answer
        del self._orders[mark.orders :]
        del self._facts[mark.facts :]

    def commit(self) -> Outcome:
        """Everything since the last commit, as the outcome of one step."""
        changed = {(table.name, key): table.get(key) for table, key, _ in self._journal}
        outcome = Outcome(self._orders, self._facts, changed, self.faults, self._answer)
        self._orders, self._facts, self.faults, self._answer = [], [], [], None
        self._journal.clear()
        return outcome

    # -- time ---------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When the next thing is due; None when nothing is. What waits until a PBX has been heard is left out."""
        return self._deadlines.next() if self.unfinished is None else self.now

    def take_due(self, now: float) -> DeadlinePassed | None:
        """Take one due deadline out of the world; call again until None. A step that is not over goes on before anything else."""
        if self.unfinished is not None:
            return DeadlinePassed(at=self.now, kind="slice", id="")
        due = self._deadlines.take(now)
        if due is None:
            return None
        at, kind, key = due
        return DeadlinePassed(at=max(at, self.now), kind=kind, id=key)

    def hear(self, pbx: str, until: float) -> None:
        """Everything that a PBX said before ``until`` has been heard. That stays true when the step is undone."""
        self._deadlines.heard(pbx, until)

    def to_hear(self) -> frozenset[str]:
        """The PBXs of which deadlines that have come due since the last time wait to hear."""
        return self._deadlines.to_hear()

    def _awaited_from(self, kind: str, key: str) -> str:
        return awaited_from(kind, key, self.calls.get(key))

    def _deadline_of(self, kind: str, key: str) -> float | None:
        if kind == "announcing":
            call = self.calls.get(key)
            return call.announcing.at if call is not None and call.announcing is not None else None
        if kind == "campaign":
            campaign_state = self.campaign_states.get(key)
            return campaign_state.wakes_at if campaign_state is not None else None
        if kind == "review":
            return self.review_at
        row: _HasDeadline | None = self._rows_due[kind].get(key)
        return row.deadline if row is not None else None

    def _arm(self, kind: str, key: str, old: _HasDeadline | None, new: _HasDeadline | None) -> None:
        if self._undoing:
            return  # what was armed still is; a deadline that was taken out stays out
        at = new.deadline if new is not None else None
        # One that is due now may have been taken out just before: the same moment once more is a deadline of its own.
        if at is not None and (old is None or old.deadline != at or at <= self.now):
            self._deadlines.add(at, kind, key)

    def _stand_in_line(self, key: str, old: Visit | Callback | None, new: Visit | Callback | None) -> None:
        if old is not None and new is not None and (old.queue, old.rank) == (new.queue, new.rank):
            return
        if old is not None:
            self._lines[old.queue].remove(old.rank, key)
            if not self._lines[old.queue].count:
                del self._lines[old.queue]
        if new is not None:
            self._lines.setdefault(new.queue, QueueLine()).add(new.rank, key)

    def _arm_announcing(self, key: str, old: Call | None, new: Call | None) -> None:
        before = old.announcing.at if old is not None and old.announcing is not None else None
        at = new.announcing.at if new is not None and new.announcing is not None else None
        if at is not None and (at != before or at <= self.now) and not self._undoing:
            self._deadlines.add(at, "announcing", key)

    # -- indexes ------------------------------------------------------------------------------------------------

    def _watcher(self, saved: SavedTable) -> Callable[[str, Any, Any], None]:
        """What keeps the indexes of a saved table; it arms the deadlines of its rows, too."""
        index: dict[str, Callable[[str, Any, Any], None]] = {
            "calls": self._call_changed,
            "legs": self._leg_changed,
            "agents": self._agent_changed,
            "callbacks": self._callback_changed,
            "attempts": self._attempt_changed,
        }
        return index.get(saved.name) or (partial(self._arm, saved.kind) if saved.has_deadline else _unwatched)

    def _call_changed(self, key: str, old: Call | None, new: Call | None) -> None:
        self._arm("call", key, old, new)
        self._arm_announcing(key, old, new)
        self._stand_in_line(key, old.standing if old is not None else None, new.standing if new is not None else None)
        self._count_caller(old, new)
        if new is not None and new.may_be_offered and (visit := new.visit) is not None:
            (self.kept.add if visit.back_to else self.kept.discard)(key)
            self.matcher.wait(key, waiting_groups.of_call(new, visit), visit.rank)
        elif old is not None and old.may_be_offered:
            self.kept.discard(key)
            self.matcher.unwait(key)

    def _count_caller(self, old: Call | None, new: Call | None) -> None:
        was, is_ = old is not None and old.is_caller, new is not None and new.is_caller
        if was == is_ and (old is None or new is None or (old.leg == new.leg and old.entry == new.entry)):
            return
        for call, counts, by in ((old, was, -1), (new, is_, 1)):
            if call is not None and counts:
                for key in (("pbx", pbx_of(call.leg)), ("entry", call.entry)):
                    self._callers[key] += by
                    if not self._callers[key]:
                        del self._callers[key]

    def _leg_changed(self, key: str, old: Leg | None, new: Leg | None) -> None:
        self._arm("leg", key, old, new)
        before = old.pair if old is not None else ""
        now = new.pair if new is not None else ""
        if before != now:
            if before:
                halves = self._leg_by_pair[before]
                halves.remove(LegId(key))
                if not halves:
                    del self._leg_by_pair[before]
            if now:
                self._leg_by_pair.setdefault(now, []).append(LegId(key))

        phone_before, phone = old.phone if old is not None else "", new.phone if new is not None else ""
        if phone_before != phone:
            if phone_before:
                self._features_at[phone_before].discard(LegId(key))
                if not self._features_at[phone_before]:
                    del self._features_at[phone_before]
            if phone:
                self._features_at.setdefault(phone, set()).add(LegId(key))

    def _hint_changed(self, key: str, old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> None:
        for device in old or ():
            _refile(self._agents_by_hint, key, device, "")
        for device in new or ():
            _refile(self._agents_by_hint, key, "", device)

    def _callback_changed(self, key: str, old: Callback | None, new: Callback | None) -> None:
        self._arm("callback", key, old, new)
        stood, stands = old if old is not None and old.stands else None, new if new is not None and new.stands else None
        self._stand_in_line(key, stood, stands)
        if stands is not None:
            self.matcher.wait(key, waiting_groups.of_callback(stands), stands.rank)
        elif stood is not None:
            self.matcher.unwait(key)
        owed = [(row.queue, row.who) if row is not None else None for row in (old, new)]
        if owed[0] == owed[1]:
            return
        if old is not None:
            del self._callbacks_owed[old.queue][old.who]
            if not self._callbacks_owed[old.queue]:
                del self._callbacks_owed[old.queue]
        if new is not None:
            self._callbacks_owed.setdefault(new.queue, {})[new.who] = key

    def _attempt_changed(self, key: str, old: Attempt | None, new: Attempt | None) -> None:
        self._arm("attempt", key, old, new)
        _refile(self._attempts_of, key, old.campaign if old is not None else "", new.campaign if new is not None else "")
        talked = [row.agent if row is not None and row.stage is AttemptStage.TALKED else "" for row in (old, new)]
        _refile(self._talks_of, key, *talked)
        row = new or old
        if row is not None and row.campaign in self.campaign_states:
            self.campaign_states[row.campaign].changed = True

    def _agent_changed(self, key: str, old: Agent | None, new: Agent | None) -> None:
        self._arm("agent", key, old, new)
        if old is None or new is None or old.phone != new.phone or old.also != new.also:
            for phone in old.phones if old is not None else ():
                if self._agent_by_phone.get(phone) == key:
                    del self._agent_by_phone[phone]
            for phone in new.phones if new is not None else ():
                self._agent_by_phone[phone] = key
        before, now_wanted = old.next_phone if old is not None else "", new.next_phone if new is not None else ""
        if before != now_wanted:
            if before:
                self._waiting_for_phone[before].discard(key)
                if not self._waiting_for_phone[before]:
                    del self._waiting_for_phone[before]
            if now_wanted:
                self._waiting_for_phone.setdefault(now_wanted, set()).add(key)
        was, seen = self._profile(old), self._profile(new)
        if old is None or new is None or old.intent is not new.intent or was is not seen:
            self._duty_changed(key, old, new, was, seen)
        for campaign_state in self.campaign_states.values():
            campaign_state.changed = True
        if new is not None and seen is not None and eligible(new, self.now):
            self.matcher.idle(key, seen, new.idle_since)
        else:
            self.matcher.unidle(key)

    def _profile(self, agent: Agent | None) -> Profile | None:
        """The agent's skills, and where the phones are, as the matcher is to see them."""
        if agent is None or len(self.plan.pbxs) == 1:
            return agent.profile if agent is not None else None
        return with_phones_on(agent.profile, frozenset(pbx_of_phone(self.plan, phone) for phone in agent.phones))

    def _tie_changed(self, key: str, old: TieLine | None, new: TieLine | None) -> None:
        self._arm("tie", key, old, new)
        for line, cut in ((old, False), (new, True)):
            if line is not None and line.deadline is not None:
                self.matcher.cut_off(line.pbx, line.to, cut=cut)

    def _duty_changed(self, key: str, old: Agent | None, new: Agent | None, before: Profile | None, seen: Profile | None) -> None:
        """The agent has logged in or out, wants calls or wants none, or has other skills or phones elsewhere."""
        left = old is not None and old.intent is Intent.READY and (new is None or new.intent is not Intent.READY)
        if left and any(queue.prefer is not None for queue in self.plan.queues.values()):
            self.staffing_changed = True  # a caller may be waiting for this agent only
        was = old is not None and old.intent is not Intent.LOGGED_OUT
        now = new is not None and new.intent is not Intent.LOGGED_OUT
        if was != now or (was and now and before != seen):
            self.staffing_changed = True
            if was and before is not None:
                self.matcher.log(before, -1)
            if now and seen is not None:
                self.matcher.log(seen, +1)
        self.matcher.duty(key, seen if now else None, ready=new is not None and new.intent is Intent.READY)

    # -- saving and restoring -----------------------------------------------------------------------------------

    def saved(self, one: SavedTable) -> Table[Any]:
        """This table of the registry."""
        table: Table[Any] = getattr(self, one.name)
        return table

    def saved_tables(self) -> dict[str, Table[Any]]:
        return {one.name: self.saved(one) for one in SAVED_TABLES}

    def restore(self, rows: Mapping[str, Iterable[Any]]) -> None:
        """Fill an empty world with the saved rows of each table. Deadlines that passed meanwhile are due at once."""
        if unknown := rows.keys() - {one.name for one in SAVED_TABLES}:
            raise ValueError(f"rows of tables that no world has: {', '.join(sorted(unknown))}")
        for one in SAVED_TABLES:
            table = self.saved(one)
            for row in rows.get(one.name, ()):
                table.put(one.key(row), row)
        self._journal.clear()

    def put_leg(self, leg: Leg, **changes: Unpack[LegChanges]) -> Leg:
        """Change a leg; something was heard or ordered about it just now."""
        changes.setdefault("heard_at", self.now)
        new = evolve(leg, **changes)
        self.legs.put(leg.id, new)
        return new


def _refile(index: dict[str, dict[str, None]], key: str, before: str, now: str) -> None:
    """Move a key from one list of the index to another; the empty list is none."""
    if before == now:
        return
    if before:
        del index[before][key]
        if not index[before]:
            del index[before]
    if now:
        index.setdefault(now, {})[key] = None


def _unwatched(key: str, old: object, new: object) -> None:
    """Nothing is indexed by this table's rows."""
