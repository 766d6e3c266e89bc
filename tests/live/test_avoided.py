"""Agents to whom a caller is not offered: named by a lookup, or because they rejected the call."""

from pathlib import Path
from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript, Talk, call
from tests.live.house import House, served

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {"test_who_has_rejected_a_call_is_not_rung_for_it_again_while_a_colleague_talks"}
FLOW = {"nodes": {"who": {"lookup": "managers", "next": "into", "otherwise": "into"}, "into": {"queue": "support"}}}


async def both(house: House, **more: Any) -> Callbridge:
    """Ann has been idle longer, because bob comes later."""
    agents = {"ann": agent("1001", {"support": 1}), "bob": agent("1002", {"support": 1}, login=False)} | more.pop("agents", {})
    queue = {"wrap_up": 0, "short_talk": 0, "rejected": {"rest": 0.3}, "steps": [{"skills": "support"}]}
    bridge = await house.open(floor(agents, {"support": queue | more.pop("queue", {})}, **more))
    await bridge.ask("bob", "login")
    return bridge


async def test_the_agent_whom_a_lookup_names_is_not_rung_for_this_caller(house: House, pbx: Pbx, tmp_path: Path) -> None:
    (tmp_path / "managers.csv").write_text("number,avoid\n+4915112345678,ann bob2\n")
    bridge = await both(
        house,
        queue={"avoid": {"value": "avoid", "for": "20s"}},
        lookups={"managers": {"csv": str(tmp_path / "managers.csv")}},
        flows={"hello": FLOW},
        entries={"support": {"flow": "hello"}},
        region="DE",
    )
    script = PhoneScript(ring=0.1, steps=[Talk(0.3)], hangs_up=True)
    async with Phone(pbx, "1001", script) as first, Phone(pbx, "1002", script) as second:
        await call(pbx, Call(dialled="support", number="015112345678"))
        await call(pbx, Call(dialled="support", number="015187654321"))
        await bridge.until("call_ended", count=2)
        assert served(second.records()) == ["015112345678"]
        assert served(first.records()) == ["015187654321"]


async def test_the_last_one_of_a_long_list_is_not_rung_either(house: House, pbx: Pbx, tmp_path: Path) -> None:
    away = {letter: agent(f"away-{letter}", {"support": 1}, login=False) for letter in "abcdefghijklmnopqrstuvwxyz"}
    (tmp_path / "managers.csv").write_text(f"number,avoid\n+4915112345678,{' '.join(away)} ann\n")
    bridge = await both(
        house,
        agents=away,
        queue={"avoid": {"value": "avoid", "for": "20s"}},
        lookups={"managers": {"csv": str(tmp_path / "managers.csv")}},
        flows={"hello": FLOW},
        entries={"support": {"flow": "hello"}},
        region="DE",
    )
    script = PhoneScript(ring=0.1, steps=[Talk(0.3)], hangs_up=True)
    async with Phone(pbx, "1001", script) as first, Phone(pbx, "1002", script) as second:
        await call(pbx, Call(dialled="support", number="015112345678"))
        await bridge.until("call_ended")
        assert served(second.records()) == ["015112345678"]
        assert first.records() == []


async def test_who_has_rejected_a_call_is_not_rung_for_it_again_while_a_colleague_talks(house: House, pbx: Pbx) -> None:
    bridge = await both(house)
    await bridge.ask("ann", "not-ready", reason="lunch")
    async with (
        Phone(pbx, "1001", PhoneScript.rejects(603)) as first,
        Phone(pbx, "1002", PhoneScript(ring=0.1, steps=[Talk(2.0)], hangs_up=True)) as second,
        Callers(pbx, [Call(dialled="support", number=str(n)) for n in (49301, 49302)], rate=2) as callers,
    ):
        await bridge.until("talk_began", agent="bob")
        await bridge.ask("ann", "ready")
        await callers.wait()
        await bridge.until("call_ended", count=2)
        at_once, later = served(second.records())
        assert [record.caller_number for record in first.records()] == [later], "once, in two seconds of waiting"
        assert at_once != later
