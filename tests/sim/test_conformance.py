"""The toy PBX says in every scenario what the real ones say (tests/live/test_conformance.py).

``pytest --rewrite-traces`` writes conformance.txt again: what the toy says is right only if the real ones say it too.
"""

from __future__ import annotations

import asyncio

import pytest

from callbridge.core.model import events
from callbridge.core.model.events import AnyEvent
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
