"""The toy PBX says in every scenario what the real ones say (tests/live/test_conformance.py).

``pytest --rewrite-traces`` writes conformance.txt again: what the toy says is right only if the real ones say it too.
"""

from __future__ import annotations

import asyncio

import pytest

from callbridge.core.model import events
from callbridge.core.model.events import AnyEvent
from callbridge.core.model.ids import leg_id
from tests.sim import expected
from tests.sim.conformance import OFFLINE, PHONES, SCENARIOS, play
from tests.sim.toy import ToyPbx
from tests.sim.toy_stage import ToyStage

SAID: list[type[AnyEvent]] = [
    events.CallerArrived,
    events.FeatureDialled,
    events.LegRinging,
    events.LegAnswered,
    events.LegEnded,
    events.LegLeft,
    events.LegMoved,
    events.LegJoined,
    events.LegParted,
    events.LegHeld,
    events.LegUnheld,
    events.LegReplaced,
    events.LegTransferred,
    events.DigitPressed,
    events.PlaybackEnded,
]


async def _record(name: str) -> str:
    return await play(ToyStage(PHONES, OFFLINE), name)


@pytest.fixture(scope="module", autouse=True)
def _the_text(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--rewrite-traces"):
        expected.PATH.write_text(expected.text({name: asyncio.run(_record(name)) for name in SCENARIOS}))


def test_each_scenario_is_expected_and_nothing_else() -> None:
    assert set(expected.read()) == set(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_toy_says_what_is_expected(name: str) -> None:
    assert await _record(name) == expected.read()[name]


@pytest.mark.parametrize("kind", SAID, ids=lambda kind: str(kind.__name__))
async def test_a_pbx_that_keeps_something_to_itself_is_noticed(kind: type[AnyEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    say = ToyPbx.say
    monkeypatch.setattr(ToyPbx, "say", lambda toy, event: None if isinstance(event, kind) else say(toy, event))
    records = expected.read()
    assert [name for name in SCENARIOS if await _differs(name, records[name])]


async def _differs(name: str, record: str) -> bool:
    try:
        return await _record(name) != record
    except AssertionError:
        return True


@pytest.mark.parametrize("licence", expected.LICENCES, ids=lambda licence: licence.why)
def test_no_licence_is_idle(licence: expected.Licence) -> None:
    others = [one for one in expected.LICENCES if one is not licence]
    version = licence.version
    needed = {name for name in SCENARIOS if expected.accepted(name, version) != expected.accepted(name, version, others)}
    assert needed
    assert set(licence.scenarios) <= needed


@pytest.mark.parametrize("race", expected.RACES, ids=lambda race: race.why)
def test_no_race_is_idle(race: expected.Race) -> None:
    others = [one for one in expected.RACES if one is not race]
    needed = {name for name in SCENARIOS if expected.accepted(name, 22) != expected.accepted(name, 22, races=others)}
    assert needed
    assert set(race.scenarios) <= needed
    for name in needed:
        lengths = {len(line) > 1 for record in expected.accepted(name, 22) for line in record.splitlines()}
        assert lengths == {True}, "a line is missing or broken"


def _record_of_late_hang_up(*after: AnyEvent) -> str:
    """The record of a leg whose HangUp finds nothing, before these events of its end are told."""
    stage = ToyStage(PHONES, OFFLINE)
    stage.call(LEG, "phone")
    stage.told += [events.LegJoined(at=1.0, leg=LEG, bridge="talk"), events.LegEnded(at=2.0, leg=LEG, estimated=True), *after]
    return stage.record()


LEG = leg_id("pbx", "cb-1")
ITS_END = (events.LegParted(at=2.0, leg=LEG, bridge="talk"), events.LegLeft(at=2.0, leg=LEG), events.LegEnded(at=2.0, leg=LEG))


def test_an_answer_that_overtakes_the_events_of_an_end_is_no_news() -> None:
    record = _record_of_late_hang_up(*ITS_END)
    assert "estimated" not in record
    assert record.count("LegEnded") == 1


@pytest.mark.parametrize("life", [(events.LegAnswered(at=2.0, leg=LEG), *ITS_END), ()], ids=["lives", "never ends"])
def test_a_leg_that_is_told_gone_wrongly_is_noticed(life: tuple[AnyEvent, ...]) -> None:
    assert "estimated" in _record_of_late_hang_up(*life)
