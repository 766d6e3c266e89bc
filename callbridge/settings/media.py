"""Every sound that a configuration plays, and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from callbridge.core.model.flow import CollectNode, Flow, GoodbyeNode, MenuNode, PlayNode, VoicemailNode, fields_of
from callbridge.core.model.plan import ConnectMode, Plan, Prompts, QueuePlan

Used = tuple[str, str]
"""Where, and the sound's name in the PBX."""


def sounds(plan: Plan) -> Iterator[Used]:
    """Sounds by name; what depends on a value, and media that are no sounds, are left out. A sound may come more than once."""
    for where, media in _media(plan):
        for part in media.split(","):
            scheme, _, name = part.partition(":")
            if scheme == "sound" and name and not fields_of(part):
                yield where, name


def _media(plan: Plan) -> Iterator[Used]:
    for flow in plan.flows.values():
        yield from _of_flow(flow)
    for queue in plan.queues.values():
        yield from _of_queue(queue)
        for tier in queue.routings:  # who is asked for is known: every queue and tier
            yield f"queues.{queue.name}.whisper", queue.whisper.replace("{queue}", queue.name).replace("{tier}", tier)
    if any(agent.connect is ConnectMode.NAILED_UP for agent in plan.agents.values()):
        yield "beep", plan.beep
    if any(agent.confirm for agent in plan.agents.values()):
        yield "prompts.confirm", plan.prompts.confirm
    for field in fields(Prompts):
        if field.name != "confirm" and (media := getattr(plan.prompts, field.name)) != field.default:
            yield f"prompts.{field.name}", media  # the defaults are Asterisk's own


def _of_flow(flow: Flow) -> Iterator[Used]:
    for name, node in flow.nodes.items():
        at = f"{flow.name}/{name}"
        if isinstance(node, PlayNode | MenuNode | CollectNode | GoodbyeNode | VoicemailNode):
            yield at, node.media
        if isinstance(node, MenuNode | CollectNode):
            yield at, node.wrong
            yield at, node.silent
        if isinstance(node, CollectNode):
            yield at, node.read_back


def _of_queue(queue: QueuePlan) -> Iterator[Used]:
    announced = queue.announcements
    for what, media in (
        ("greeting", announced.greeting),
        ("position", announced.position),
        ("wait", announced.wait),
        ("busy", announced.busy),
        ("connection_lost", announced.connection_lost),
        *(("periodic", each) for each in announced.periodic),
        ("read_out", queue.read_out),
        ("record.consent", queue.record.consent if queue.record is not None else ""),
        ("callback.greeting", queue.callback.greeting if queue.callback is not None else ""),
    ):
        yield f"queues.{queue.name}.{what}", media
