"""Answers in the script of a call, each published when it is given or changed."""

from __future__ import annotations

from callbridge.core.entities import refusals
from callbridge.core.model.agent import Agent, Work
from callbridge.core.model.events import ScriptAnswersGiven
from callbridge.core.model.facts import ScriptAnswered
from callbridge.core.model.rows import evolve
from callbridge.core.model.script_answers import ScriptAnswers
from callbridge.core.model.sentence import Sentence, Unknown
from callbridge.core.model.world import World

KEPT_AFTER = 600.0
"""Seconds after the last answer until it is asked whether the agent still has the call."""


def answered(world: World, event: ScriptAnswersGiven) -> None:
    """The agent who has the call, or has just had it, answers; an empty answer takes one back."""
    agent = world.agents.get(event.agent)
    if agent is None:
        _refuse(world, event, Unknown("no such agent: {agent}", agent=event.agent))
        return
    if not _has(agent, event.call):
        _refuse(world, event, Sentence("the agent neither has this call nor wraps it up"))
        return
    row = world.script_answers.get(event.call)
    if row is None or row.script != event.script:
        row = ScriptAnswers(id=event.call, agent=agent.id, script=event.script, step=event.step)
    before = dict(row.answers)
    call = world.calls.get(event.call)
    queue = agent.wrap_queue if call is None or call.segment is None else call.segment.queue
    for field, answer in event.answers:
        if before.get(field, "") != answer:
            world.emit(
                ScriptAnswered(
                    seq=world.next_seq(),
                    at=world.now,
                    call=event.call,
                    agent=agent.id,
                    queue=queue,
                    script=event.script,
                    step=event.step,
                    field=field,
                    answer=answer,
                    by=event.by,
                )
            )
    known = {field: answer for field, answer in (before | dict(event.answers)).items() if answer}
    row = evolve(row, agent=agent.id, step=event.to or event.step, answers=tuple(known.items()), deadline=world.now + KEPT_AFTER)
    world.script_answers.put(row.id, row)


def deadline_passed(world: World, row: ScriptAnswers) -> None:
    """Forgotten, unless the agent still has the call."""
    agent = world.agents.get(row.agent)
    if agent is not None and _has(agent, row.id):
        world.script_answers.put(row.id, evolve(row, deadline=world.now + KEPT_AFTER))
    else:
        world.script_answers.drop(row.id)


def _has(agent: Agent, call: str) -> bool:
    return bool(call) and (agent.call == call or (agent.work is Work.WRAP_UP and agent.wrap_call == call))


def _refuse(world: World, event: ScriptAnswersGiven, reason: Sentence) -> None:
    refusals.refuse(world, "script_answer", reason, by=event.by, agent=event.agent, call=event.call)
