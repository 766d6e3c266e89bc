"""Flows for stories: short words for nodes, and a floor on which callers walk through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from callbridge.core.model.call import Call
from callbridge.core.model.flow import CollectNode, Flow, GoodbyeNode, MenuNode, Node, PlayNode
from callbridge.core.model.plan import Plan, QueuePlan, ToFlow
from tests.core.story import Story, agent, plan, queue
from tests.core.toy import NEVER, Toy

NOBODY: dict[str, float] = {}


def play(media: str = "hello", to: str = "bye", *, interrupt: bool = False) -> PlayNode:
    return PlayNode(media=media, next=to, interrupt=interrupt)


def menu(keys: Mapping[str, str], otherwise: str = "bye", **more: object) -> MenuNode:
    return MenuNode(media="choose", keys=keys, otherwise=otherwise, **more)  # type: ignore[arg-type]


def collect(to: str = "bye", otherwise: str = "bye", **more: object) -> CollectNode:
    return CollectNode(**{"media": "type", "into": "customer", "next": to, "otherwise": otherwise} | more)  # type: ignore[arg-type]


BYE = GoodbyeNode(media="thanks")


def flow(nodes: Mapping[str, Node], name: str = "welcome", version: str = "1") -> Flow:
    return Flow(name=name, version=version, start=next(iter(nodes)), nodes={"bye": BYE, **nodes} if "bye" not in nodes else nodes)


def floor(*flows: Flow, queues: list[QueuePlan] | None = None, agents: Mapping[str, bool] | None = None, **more: object) -> Plan:
    """One entry for each flow and queue, by its name; agents who are logged in or not."""
    made = plan(queues or [queue("support")], [agent(name, login=login) for name, login in (agents or {"amy": True}).items()])
    entries = {**made.entries, **{one.name: ToFlow(one.name) for one in flows}}
    return replace(made, entries=entries, flows={one.name: one for one in flows}, **more)  # type: ignore[arg-type]


def stage(the_plan: Plan, picks_up: Mapping[str, float] | None = None) -> Toy:
    """A PBX where prompts last two seconds; agents do not pick up unless said otherwise."""
    toy = Toy(Story(the_plan), picks_up if picks_up is not None else {"amy": NEVER})
    toy.lasts = 2.0
    return toy


def the_call(toy: Toy) -> Call:
    (call,) = toy.story.world.calls.values()
    return call


def said(toy: Toy) -> list[str]:
    """All that was ordered to be said, in order."""
    from callbridge.core.model.orders import Play as PlayOrder

    return [order.media for order in toy.obeyed if isinstance(order, PlayOrder)]
