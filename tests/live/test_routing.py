"""Who gets which caller, and when: skills and levels, tiers, widening steps, overflow, and what is said about the wait."""

from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript, Talk, call
from tests.live.house import House, served

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

VIP = "4930777"
TIERS: dict[str, Any] = {"numbers": {"diamond": [VIP]}}
QUICK = PhoneScript.answers(ring=0.1, talk=0.5)


def one_queue(agents: dict[str, dict[str, Any]], **queue: Any) -> dict[str, Any]:
    return floor(agents, {"support": queue}, tiers=TIERS, skills=("support", "expert"), queue_defaults={"wrap_up": 0})


async def test_skills_and_levels_decide_who_rings(house: House, pbx: Pbx) -> None:
    agents = {
        "low": agent("1001", {"support": 2, "english": 5, "expert": 5}),
        "half": agent("1002", {"support": 5, "expert": 1}),
        "right": agent("1003", {"support": 3, "expert": 2}),
    }
    needs = "support >= 3 and (english >= 1 or expert >= 2)"
    bridge = await house.open(floor(agents, {"support": {"steps": [{"skills": needs}]}}, queue_defaults={"wrap_up": 0}))
    numbers = ["49301", "49302", "49303"]
    async with (
        Phone(pbx, "1001", QUICK) as low,
        Phone(pbx, "1002", QUICK) as half,
        Phone(pbx, "1003", QUICK) as right,
        Callers(pbx, [Call(dialled="support", number=number) for number in numbers], rate=10) as callers,
    ):
        await callers.wait()
        assert (served(low.records()), served(half.records()), served(right.records())) == ([], [], numbers)
    assert {offer["agent"] for offer in bridge.facts("offer_made")} == {"right"}


async def test_a_vip_rings_at_the_expert_first_and_others_at_the_one_who_was_idle_longest(house: House, pbx: Pbx) -> None:
    agents = {"novice": agent("1001", {"support": 1}), "expert": agent("1002", {"support": 5}, login=False)}
    config = one_queue(
        agents,
        steps=[{"skills": "support"}],
        tiers={"diamond": {"steps": [{"skills": "support >= 4", "for": 20}, {"skills": "support"}]}},
    )
    bridge = await house.open(config)
    await bridge.ask("expert", "login")
    async with Phone(pbx, "1001", QUICK) as novice, Phone(pbx, "1002", QUICK) as expert:
        await call(pbx, Call(dialled="support", number=VIP))
        assert (served(novice.records()), served(expert.records())) == ([], [VIP])
        await call(pbx, Call(dialled="support", number="49301"))
        assert served(novice.records()) == ["49301"]
    assert [fact["tier"] for fact in bridge.facts("call_arrived")] == ["diamond", "standard"]


async def test_a_head_start_overtakes_those_who_came_before(house: House, pbx: Pbx) -> None:
    config = one_queue(
        {"ann": agent("1001", {"support": 1})},
        steps=[{"skills": "support"}],
        tiers={"diamond": {"head_start": "10m"}},
    )
    bridge = await house.open(config)
    await bridge.ask("ann", "not-ready")
    order = ["49301", "49302", "49303", VIP]
    calls = [Call(dialled="support", number=number) for number in order]
    async with Phone(pbx, "1001", QUICK) as phone, Callers(pbx, calls, rate=8) as callers:
        await bridge.until("call_arrived", count=4)
        await bridge.ask("ann", "ready")
        await callers.wait()
        assert served(phone.records()) == [VIP, "49301", "49302", "49303"]


async def test_the_next_step_begins_when_its_time_has_come(house: House, pbx: Pbx) -> None:
    agents = {"novice": agent("1001", {"support": 1}), "expert": agent("1002", {"support": 4}, login=False)}
    bridge = await house.open(one_queue(agents, steps=[{"skills": "support >= 4", "for": 1.2}, {"skills": "support"}]))
    await bridge.ask("expert", "login")
    await bridge.ask("expert", "not-ready")  # logged in, so the first step could be served
    async with Phone(pbx, "1001", QUICK) as novice:
        made = await call(pbx, Call(dialled="support"))
        seen = novice.records()[0]
    assert seen.invite_at - made.started_at == pytest.approx(1.2, abs=0.15 + house.slack)
    assert [fact["step"] for fact in bridge.facts("step_began")] == [0, 1]


async def test_a_step_that_nobody_logged_in_could_serve_is_passed_over(house: House, pbx: Pbx) -> None:
    agents = {"novice": agent("1001", {"support": 1}), "expert": agent("1002", {"support": 4}, login=False)}
    await house.open(one_queue(agents, steps=[{"skills": "support >= 4", "for": 20}, {"skills": "support"}]))
    async with Phone(pbx, "1001", QUICK) as novice:
        made = await call(pbx, Call(dialled="support"))
        seen = novice.records()[0]
    assert seen.invite_at - made.started_at < 0.2 + house.slack


async def test_a_step_comes_into_force_again_when_somebody_for_it_logs_in(house: House, pbx: Pbx) -> None:
    agents = {"novice": agent("1001", {"support": 1}), "expert": agent("1002", {"support": 4}, login=False)}
    bridge = await house.open(one_queue(agents, steps=[{"skills": "support >= 4", "for": 20}, {"skills": "support"}]))
    await bridge.ask("novice", "not-ready")
    async with (
        Phone(pbx, "1001", QUICK) as novice,
        Phone(pbx, "1002", QUICK) as expert,
        Callers(pbx, [Call(dialled="support")]) as callers,
    ):
        await bridge.until("call_arrived")
        await bridge.ask("expert", "login")
        await bridge.ask("expert", "not-ready")
        await bridge.ask("novice", "ready")  # but now the first step can be served
        await bridge.ask("expert", "ready")
        await callers.wait()
        assert [record.outcome for record in expert.records()][-1] == "answered"
        assert novice.records() == []


async def test_then_leads_to_another_queue_and_the_wait_goes_on(house: House, pbx: Pbx) -> None:
    queues: dict[str, dict[str, Any]] = {
        "support": {"steps": [{"skills": "support", "for": 1.0}], "then": {"queue": "general"}},
        "general": {"steps": [{"skills": "general"}]},
    }
    agents = {"ann": agent("1001", {"support": 1}), "bob": agent("1002", {"general": 1})}
    bridge = await house.open(floor(agents, queues, queue_defaults={"wrap_up": 0}))
    await bridge.ask("ann", "not-ready")
    async with Phone(pbx, "1002", QUICK) as phone:
        made = await call(pbx, Call(dialled="support"))
        seen = phone.records()[0]
    assert seen.answered_at
    talk = await bridge.until("talk_began")
    assert seen.invite_at - made.started_at == pytest.approx(1.0, abs=0.15 + house.slack)
    assert talk["waited"] == pytest.approx(seen.answered_at - made.started_at, abs=0.2 + house.slack)
    assert await _figures(bridge, "support") == (1, 0, 1)
    assert await _figures(bridge, "general") == (1, 1, 0)
    (overflow,) = bridge.facts("visit_ended", outcome="overflowed")
    assert overflow["to"] == "queue:general"


async def test_then_leads_to_the_dialplan(house: House, pbx: Pbx) -> None:
    config = one_queue(
        {"ann": agent("1001", {"support": 1})},
        steps=[{"skills": "support", "for": 0.6}],
        then={"dialplan": "lab-then,bye"},
    )
    bridge = await house.open(config)
    await bridge.ask("ann", "not-ready")
    made = await call(pbx, Call(dialled="support"))
    assert made.ended_by == "pbx"
    assert made.ended_at
    assert made.ended_at - made.started_at == pytest.approx(0.9, abs=0.25 + house.slack)
    assert "left for the dialplan" in pbx.log_path.read_text(errors="replace")
    assert await _figures(bridge, "support") == (1, 0, 1)
    assert (await bridge.until("call_diverted"))["reason"] == "overflow"


@pytest.mark.parametrize(("pick", "chosen"), [("longest_idle", "idle"), ("highest_level", "able")])
async def test_among_those_who_fit_the_queue_says_who_is_picked(house: House, pbx: Pbx, pick: str, chosen: str) -> None:
    agents = {"idle": agent("1001", {"support": 2}), "able": agent("1002", {"support": 5}, login=False)}
    bridge = await house.open(one_queue(agents, steps=[{"skills": "support"}], pick=pick))
    await bridge.ask("able", "login")
    async with Phone(pbx, "1001", QUICK) as idle, Phone(pbx, "1002", QUICK) as able:
        await call(pbx, Call(dialled="support"))
        rang = {"idle": len(idle.records()), "able": len(able.records())}
    assert rang == {"idle": 0, "able": 0} | {chosen: 1}


async def test_agents_take_turns_by_their_idle_time(house: House, pbx: Pbx) -> None:
    agents = {"ann": agent("1001", {"support": 1}), "bob": agent("1002", {"support": 1}, login=False)}
    bridge = await house.open(one_queue(agents, steps=[{"skills": "support"}]))
    await bridge.ask("bob", "login")
    async with Phone(pbx, "1001", QUICK) as first, Phone(pbx, "1002", QUICK) as second:
        for number in ("49301", "49302", "49303", "49304"):
            await call(pbx, Call(dialled="support", number=number))
            await bridge.until("call_ended", count=int(number[-1]))
            await bridge.eventually(lambda: len(bridge.facts("wrap_up_ended")) == len(bridge.facts("call_ended")))
        assert (served(first.records()), served(second.records())) == (["49301", "49303"], ["49302", "49304"])


async def test_a_caller_whom_nobody_can_serve_holds_back_nobody(house: House, pbx: Pbx) -> None:
    queues = {"expert": {"steps": [{"skills": "expert"}]}, "support": {"steps": [{"skills": "support"}]}}
    agents = {"ann": agent("1001", {"support": 1}), "guru": agent("1002", {"expert": 1})}
    bridge = await house.open(floor(agents, queues))
    await bridge.ask("guru", "not-ready")
    async with (
        Phone(pbx, "1001", QUICK) as phone,
        Callers(pbx, [Call(dialled="expert", number="49301", hang_up_after=1.5)]) as stuck,
    ):
        await bridge.until("call_arrived")
        made = await call(pbx, Call(dialled="support", number="49302"))
        assert served(phone.records()) == ["49302"]
        assert made.ended_by == "pbx"
        await stuck.wait()


async def test_what_is_told_of_the_waits_is_what_happened_on_the_wire(house: House, pbx: Pbx) -> None:
    agents = {name: agent(phone, {"support": 1}) for name, phone in (("ann", "1001"), ("bob", "1002"))}
    bridge = await house.open(one_queue(agents, steps=[{"skills": "support"}]))
    calls = [Call(dialled="support", number=f"4930{n:03}") for n in range(16)]
    script = PhoneScript(ring=(0.1, 0.3), steps=[Talk(0.5, 0.8)], hangs_up=True)
    async with Phone(pbx, "1001", script) as first, Phone(pbx, "1002", script) as second, Callers(pbx, calls, rate=8) as callers:
        made = await callers.wait()
        rung = sorted((*first.records(), *second.records()), key=lambda seen: seen.answered_at or 0.0)
        # The last one counts: on a crowded machine a phone may hang up by its own clock before it is put through.
        answered = {seen.caller_number: seen.answered_at for seen in rung}
    await bridge.until("call_ended", count=len(calls))
    numbers = {fact["call"]: fact["pii.number"] for fact in bridge.facts("call_arrived")}
    told = {numbers[fact["call"]]: fact["waited"] for fact in bridge.facts("talk_began")}
    seen = {one.number: (answered[one.number] or 0.0) - one.started_at for one in made}
    assert told == pytest.approx(seen, abs=0.2 + house.slack)


async def _figures(bridge: Callbridge, name: str) -> tuple[int, int, int]:
    row = await bridge.queue(name)
    return int(row["offered"]), int(row["answered"]), int(row["overflowed"])
