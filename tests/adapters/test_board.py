"""The board: what a queue shows of those who wait."""

from __future__ import annotations

from dataclasses import replace

from callbridge.adapters.views.board import Board
from callbridge.adapters.views.rows import Stamp, call_view
from callbridge.cli.tables import queues_table
from callbridge.core.model.call import Recording, Segment, Transfer, TransferKind
from callbridge.core.model.events import AgentRequest, DayBegan, PlanChanged
from callbridge.core.model.ids import leg_id
from callbridge.core.model.plan import Reason
from tests.core.story import PBX, START, Story, agent, one_queue


def waiting(board: Board, story: Story) -> object:
    board.note(story.world, {("calls", key): story.world.calls.get(key) for key in [*board.calls, *story.world.calls]})
    assert board.figures()["support"].waiting == (board.queue("support") or {})["waiting"]
    return (board.queue("support") or {})["waiting"]


def test_after_midnight_those_who_arrived_before_wait_and_are_not_of_today() -> None:
    story = one_queue(agent("bob", login=False))
    for name in ("ann", "eve"):
        story.caller(name)
    board = Board.of(story.world)
    story.happens(DayBegan(at=story.now, day="2026-11-30"))
    story.caller("zoe")
    tables = story.world.saved_tables().items()
    board.note(story.world, {(name, key): row for name, table in tables for key, row in table.rows().items()})
    for made in (board, Board.of(story.world)):
        view = made.queue("support") or {}
        assert (view["waiting"], view["waiting_today"], view["offered"]) == (3, 1, 1)
        assert made.figures()["support"].waiting_today == 1
        shown = queues_table([{"name": "support"} | view])
        assert shown.endswith("\nsupport: 2 of those waiting arrived before midnight and count for that day")
    story.gone(leg_id(PBX, "ann"))
    assert waiting(board, story) == 2
    assert (board.queue("support") or {})["waiting_today"] == 1


def test_who_waits_too_long_is_told_by_tier() -> None:
    story = one_queue(agent("bob", login=False))
    story.caller("ann")
    story.wait(5.0)
    story.caller("eve")
    due = Board.of(story.world).figures()["support"].due["standard"]
    target = story.world.plan.queues["support"].routings["standard"].answer_within
    assert due == (START + target, START + 5.0 + target)


def test_the_longest_pause_of_each_reason_is_told_and_an_unknown_reason_is_another() -> None:
    story = one_queue(agent("bob"), agent("cid"), agent("dee"))
    story.ask("bob", AgentRequest.NOT_READY, "4930123456")
    plan = replace(story.world.plan, reasons={"lunch": Reason("lunch")})
    story.happens(PlanChanged(at=story.now, plan=plan))
    story.ask("cid", AgentRequest.NOT_READY, "lunch")
    story.wait(5.0)
    story.ask("dee", AgentRequest.NOT_READY, "lunch")
    assert Board.of(story.world).not_ready() == {"": None, "lunch": START, "other": START}


def test_who_talks_waits_no_more_though_the_answer_does_not_count_yet() -> None:
    story = one_queue(agent("bob"), short_talk=1.0)
    board = Board.of(story.world)
    story.caller("ann")
    assert waiting(board, story) == 1
    leg = story.ring().leg
    story.connect(leg)
    assert waiting(board, story) == 0
    story.wait(0.5)
    story.gone(leg)
    assert waiting(board, story) == 1, "nobody has answered after all"
    assert waiting(Board.of(story.world), story) == 1


def test_a_queue_is_shown_with_the_longest_target_of_its_tiers() -> None:
    story = one_queue(agent("bob", login=False))
    queue = story.world.plan.queues["support"]
    gold = replace(queue.routings["standard"], answer_within=5.0)
    standard = replace(gold, answer_within=45.0)
    changed = replace(queue, routings={**queue.routings, "gold": gold, "standard": standard}, sl_target=0.9)
    story.happens(PlanChanged(at=story.now, plan=replace(story.world.plan, queues={"support": changed})))
    view = Board.of(story.world).queue("support") or {}
    assert (view["answer_within"], view["sl_target"]) == (45.0, 0.9)


def test_a_call_says_how_far_its_transfer_is_and_whether_it_is_recorded() -> None:
    story = one_queue(agent("bob"))
    story.caller("ann")
    (call,) = story.world.calls.values()
    shown = call_view(call, Stamp())
    assert (shown["transfer"], shown["recording"]) == ("", "")
    consult = Transfer(
        to="agent:cid", leg=None, agent="cid", by="bob", queue="support", began_at=1.0, until=None, kind=TransferKind.CONSULT
    )
    recording = Recording(file="a.wav", began_at=1.0)
    segment = Segment(agent="bob", leg=call.leg, queue="support", began_at=1.0, recording=recording)
    seen = []
    for reached, together, paused in (False, False, None), (True, False, 2.0), (True, True, None):
        transfer = replace(consult, reached=reached, together=together)
        now = replace(segment, recording=replace(recording, paused_since=paused))
        shown = call_view(replace(call, transfer=transfer, segment=now), Stamp())
        seen.append((shown["transfer"], shown["recording"]))
    assert seen == [("ringing", "on"), ("consulting", "paused"), ("conference", "on")]
    back = replace(consult, to="agent:bob", agent="bob", kind=TransferKind.BACK)
    assert call_view(replace(call, transfer=back, segment=None), Stamp())["transfer"] == "returning"
    failed = replace(call, failed_transfer=("number:+442079460999", "rejected"))
    for one, told in ((failed, ("rejected", "number:+44*****999")), (replace(failed, transfer=back), ("", ""))):
        view = call_view(one, Stamp())
        assert (view["transfer_failed"], view["transfer_failed_to"]) == told
    assert call_view(failed, Stamp(), masked=False)["transfer_failed_to"] == "number:+442079460999"


def test_a_call_names_its_agent_also_after_the_agent_was_renamed() -> None:
    story = one_queue(agent("bob"))
    story.caller("ann")
    (call,) = story.world.calls
    board = Board.of(story.world)
    bob = story.world.agents["bob"]
    names = [(board.call(call) or {})["agent_name"]]
    for name in ("Bob Baker", ""):
        assert ("call", call) in board.note(story.world, {("agents", "bob"): replace(bob, name=name)})
        names.append((board.call(call) or {})["agent_name"])
    assert names == [bob.name, "Bob Baker", ""]
    assert [name for *_, name in board.live_calls()] == [""]


def test_what_was_requested_for_the_end_of_the_talk_is_shown_until_it_is_taken_back() -> None:
    story = one_queue(agent("bob"), wrap_up=10.0)
    _, bob = story.talk()

    def shown() -> tuple[object, ...]:
        view = Board.of(story.world).agent("bob") or {}
        return view["state"], view["reason"], view["next_state"], view["next_reason"]

    assert shown() == ("talking", "", "", "")
    story.ask("bob", AgentRequest.NOT_READY, "break")
    assert shown() == ("talking", "", "not_ready", "break")
    story.ask("bob", AgentRequest.READY)
    assert shown() == ("talking", "", "", "")
    story.ask("bob", AgentRequest.LOGOUT)
    assert shown() == ("talking", "", "logged_out", "")
    story.ask("bob", AgentRequest.LOGIN)
    story.ask("bob", AgentRequest.NOT_READY, "break")
    story.gone(bob)
    assert shown() == ("wrap_up", "", "not_ready", "break")
    story.wait(11.0)
    assert shown() == ("not_ready", "break", "", "")
