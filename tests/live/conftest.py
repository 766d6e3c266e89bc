"""A real PBX for each module, and for each test a house: Redis, callbridge and what must be true at the end of the day."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.lab import build
from tests.lab.pbx import Pbx, PhoneSpec
from tests.live.house import House

PHONES = [
    *(PhoneSpec(name=str(number)) for number in range(1001, 1014)),
    PhoneSpec(name="2001", contact="register"),
    PhoneSpec(name="2002", contact="none"),
    *(PhoneSpec(name=str(number), line="bank") for number in range(3001, 3005)),
]
DIALPLAN = """
[lab-then]
exten => bye,1,Verbose(1,left for the dialplan)
 same => n,Wait(0.3)
 same => n,Hangup()

; With nothing after Dial() a busy number would mean ten seconds of busy tone.
[from-phones](+)
exten => _try-.,1,Dial(PJSIP/${EXTEN:4},20)
 same => n,Hangup()

; A town: what a phone does is said by the last digit of its number.
[lab-campaign]
exten => _+X!,1,Goto(digit-${EXTEN:-1}-${EXTEN},1)
exten => _digit-[0-4]-.,1,Dial(PJSIP/${EXTEN:8}@1005,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => _digit-[56]-.,1,Dial(PJSIP/${EXTEN:8}@1006,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => _digit-7-.,1,Dial(PJSIP/${EXTEN:8}@1007,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => _digit-8-.,1,Dial(PJSIP/${EXTEN:8}@1008,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => _digit-9-.,1,Dial(PJSIP/${EXTEN:8}@1009,60)
 same => n,Hangup(${HANGUPCAUSE})

[callbridge-safe-harbour](+)
exten => spring,1,Answer()
 same => n,Playback(/lab/sounds/tones/apology&/lab/sounds/tones/apology)
 same => n,Hangup()

[callbridge-machine](+)
exten => spring,1,WaitForSilence(1000,1,25)
 same => n,Playback(/lab/sounds/tones/apology&/lab/sounds/tones/apology)
 same => n,Hangup()

[from-trunk](+)
exten => forwarded,1,Dial(Local/support@callbridge-inbound/n)
 same => n,Hangup()
exten => _try-.,1,Dial(PJSIP/${EXTEN:4},20)
 same => n,Hangup()
exten => longname,1,Set(CALLERID(name)=FOUR_KILOBYTES)
 same => n,Set(CALLERID(num)=FOUR_KILOBYTES)
 same => n,Goto(callbridge-inbound,support,1)
""".replace("FOUR_KILOBYTES", "N" * 4000)


def must_be_built(version: int) -> None:
    if not build.is_built(version):
        missing = f"Asterisk {version} is not built: run `python -m tests.lab.build`"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[22, 16])
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    version: int = request.param
    must_be_built(version)
    extra = {"extensions.conf": DIALPLAN, "amd.conf": "[general](+)\ntotal_analysis_time=2000\n"}
    if getattr(request.module, "RECORDS", False):
        extra["manager.conf"] = "[callbridge](+)\nwrite=reporting,agent,call,system\n"
    extra["pjsip.conf"] = getattr(request.module, "PJSIP", "")
    silence = getattr(request.module, "RTP_TIMEOUT", 0)
    async with Pbx(version, phones=PHONES, extra=extra, verbose=3, rtp_timeout=silence) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def house(pbx: Pbx) -> AsyncIterator[House]:
    """Opened by the test with a configuration; closed and looked over when the test is done."""
    house = House(pbx)
    async with house:
        yield house
        await house.at_the_end()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A module's ``ON_16`` names the tests that show each of its ways on version 16, too, or single cases of them
    (``test_x[refused]``); the others are of 22 only."""
    left_out = [item for item in items if isinstance(item, pytest.Function) and _of_22_only(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _of_22_only(item: pytest.Function) -> bool:
    on_16 = getattr(item.module, "ON_16", None)
    callspec = getattr(item, "callspec", None)
    version = callspec.params.get("pbx") if callspec is not None else None
    case = item.name.replace("[16-", "[")
    return on_16 is not None and version == 16 and not {item.originalname, case} & set(on_16)
