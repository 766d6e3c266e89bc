"""The world for those who only read it: adapters and what they call. A write to it, or to one of its tables, is a type error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol, TypeVar

from callbridge.core.model.agent import Agent
from callbridge.core.model.attempt import Attempt, Campaign
from callbridge.core.model.call import Call
from callbridge.core.model.callback import Callback
from callbridge.core.model.campaign_state import CampaignState
from callbridge.core.model.closure import Closure
from callbridge.core.model.device_record import DeviceRecord
from callbridge.core.model.leg import Leg
from callbridge.core.model.matcher import GroupKey
from callbridge.core.model.plan import Plan, QueuePlan, TierRouting
from callbridge.core.model.score_cursor import ScoreCursor
from callbridge.core.model.skills import Profile, Requirement
from callbridge.core.model.switch import Switch
from callbridge.core.model.tie_line import TieLine

Row = TypeVar("Row", covariant=True)


class TableView(Protocol[Row]):
    """A table that cannot be changed through this."""

    def __getitem__(self, key: str) -> Row: ...

    def __contains__(self, key: object) -> bool: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[str]: ...

    def get(self, key: str | None) -> Row | None: ...

    def values(self) -> Sequence[Row]: ...

    def rows(self) -> Mapping[str, Row]: ...


class MatcherView(Protocol):
    """What the matcher says of skill requirements; nobody joins or leaves a line through this."""

    def routing(self, queue: str, tier: str) -> TierRouting | None: ...

    def needs_of(self, key: GroupKey) -> str: ...

    def barred_from(self, key: GroupKey) -> AbstractSet[str]: ...

    def serves(self, profile: Profile, queue: QueuePlan) -> bool: ...

    def strength(self, requirement: Requirement, profile: Profile) -> int | None: ...


class WorldView(Protocol):
    """What adapters see of ``World``."""

    @property
    def plan(self) -> Plan: ...

    @property
    def now(self) -> float: ...

    @property
    def day(self) -> str: ...

    @property
    def seq(self) -> int: ...

    @property
    def wall_offset(self) -> float: ...

    @property
    def down(self) -> AbstractSet[str]: ...

    @property
    def matcher(self) -> MatcherView: ...

    @property
    def legs(self) -> TableView[Leg]: ...

    @property
    def agents(self) -> TableView[Agent]: ...

    @property
    def calls(self) -> TableView[Call]: ...

    @property
    def observed_calls(self) -> TableView[Call]: ...

    @property
    def switches(self) -> TableView[Switch]: ...

    @property
    def closures(self) -> TableView[Closure]: ...

    @property
    def score_cursors(self) -> TableView[ScoreCursor]: ...

    @property
    def callbacks(self) -> TableView[Callback]: ...

    @property
    def campaigns(self) -> TableView[Campaign]: ...

    @property
    def campaign_states(self) -> Mapping[str, CampaignState]: ...

    @property
    def attempts(self) -> TableView[Attempt]: ...

    @property
    def phones(self) -> TableView[str]: ...

    @property
    def ties(self) -> TableView[TieLine]: ...

    @property
    def contacts(self) -> TableView[tuple[str, ...]]: ...
    @property
    def devices(self) -> TableView[DeviceRecord]: ...

    def agent_at(self, phone: str) -> Agent | None: ...

    def attempts_of(self, campaign: str) -> Sequence[str]: ...

    def callback_for(self, queue: str, who: str) -> Callback | None: ...

    def saved_tables(self) -> Mapping[str, TableView[Any]]: ...
