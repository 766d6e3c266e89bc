"""Surveys after the conversation: who is asked, and what becomes of the answers. The questions are a flow, run by
``interpreter``.

A caller who hung up first is not asked, nobody is asked twice in one call, and (by the flow's first node) nobody twice within
the survey's ``again_after``. Answers given before a hang-up count.
"""

from __future__ import annotations

from zlib import crc32

from callbridge.core.model.call import Call, FlowPosition, Phase
from callbridge.core.model.facts import SurveyAlerted, SurveyAnswered, SurveyEnded, SurveyMissed
from callbridge.core.model.flow import Flow, MenuNode
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.plan import SKIPPED, SURVEY, SurveyPlan
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import segments, visits

_SHARES = 10_000


def after_talk(world: World, call: Call) -> None:
    """The agent has left and the caller is still on the line: start the survey, or hang up."""
    survey = _for(world, call)
    if survey is None:
        segments.end_call(world, call)
        return
    call = segments.out_of_bridge(world, evolve(call, surveyed=True, head_start=None))
    visits.into_flow(world, call, SURVEY + survey.name, "survey")


def hung_up_first(world: World, call: Call) -> None:
    """The caller ended the conversation: emit ``survey_missed`` if the survey would have been asked."""
    survey = _sampled(world, call)
    if survey is not None:
        agent, queue = call.served
        about = {"call": call.id, "agent": agent, "queue": queue, "survey": survey.name, "number": call.number}
        world.emit(SurveyMissed(seq=world.next_seq(), at=world.now, **about))


def _for(world: World, call: Call) -> SurveyPlan | None:
    leg = world.legs.get(call.leg)
    there = leg is not None and leg.hung_at is None and not leg.left and leg.missing_since is None
    connected = there and pbx_of(call.leg) not in world.down
    return _sampled(world, call) if connected and call.phase in (Phase.TALKING, Phase.OUTSIDE) else None


def _sampled(world: World, call: Call) -> SurveyPlan | None:
    queue = world.plan.queues.get(call.served[1])
    survey = world.plan.surveys.get(queue.survey) if queue is not None else None
    if survey is None or call.surveyed:
        return None
    if survey.tiers and call.tier not in survey.tiers:
        return None
    # Not by chance: the same call is always in the sample or out of it, also when a step is taken again.
    return survey if crc32(call.id.encode()) % _SHARES < survey.share * _SHARES else None


def answered(world: World, call: Call, flow: Flow, node: MenuNode, key: str) -> Call:
    """A question was answered. Returns the call with the answer counted."""
    flow_position = call.flow_position
    assert flow_position is not None
    agent, queue = call.served
    name = flow.name.removeprefix(SURVEY)
    world.emit(
        SurveyAnswered(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            agent=agent,
            queue=queue,
            survey=name,
            question=node.question,
            answer=key,
            segment=call.served_segment,
        )
    )
    if key in node.alerting:
        world.emit(
            SurveyAlerted(
                seq=world.next_seq(),
                at=world.now,
                call=call.id,
                agent=agent,
                queue=queue,
                survey=name,
                question=node.question,
                answer=key,
                number=call.number,
                segment=call.served_segment,
            )
        )
    return evolve(call, flow_position=evolve(flow_position, answers=flow_position.answers + 1))


def _result(flow_position: FlowPosition, flow: Flow | None, *, hung_up: bool) -> str:
    """A key that is no yes, or hanging up, refuses; a caller who was silent to the last question has said neither yes nor no."""
    if flow_position.node in ("", SKIPPED):
        return "skipped"
    if flow_position.answers:
        return "complete" if flow is not None and flow_position.answers >= flow.questions else "partial"
    return "no_answer" if flow_position.silences and not hung_up else "refused"


def ended(world: World, call: Call, flow_position: FlowPosition, flow: Flow | None, *, hung_up: bool) -> None:
    """The caller leaves the survey, one way or another."""
    if not flow_position.flow.startswith(SURVEY):
        return
    agent, queue = call.served
    world.emit(
        SurveyEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            agent=agent,
            queue=queue,
            survey=flow_position.flow.removeprefix(SURVEY),
            result=_result(flow_position, flow, hung_up=hung_up),
            answers=flow_position.answers,
            segment=call.served_segment,
        )
    )
