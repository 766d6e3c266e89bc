"""Somebody attacks HTTP while calls are routed: the link to the PBX stays up, and no agent waits longer for the next caller."""

import asyncio
import zlib
from itertools import pairwise

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
AT_ONCE, TIMES = 8, 3
HANDOVER = 0.25
"""Seconds from an agent's BYE to the next caller's INVITE; unpacking eight bodies took ten."""


def bomb() -> bytes:
    """200 MB of zeros in 194 kB."""
    packer, zeros = zlib.compressobj(9), b"\0" * 1_000_000
    return b"".join(packer.compress(zeros) for _ in range(200)) + packer.flush()


async def throw(port: int, body: bytes) -> bytes:
    """The first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Encoding: deflate\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        async with asyncio.timeout(20):
            return await reader.readline()
    finally:
        writer.transport.abort()


async def test_compressed_bodies_disturb_no_handover(house: House, pbx: Pbx) -> None:
    body = await asyncio.to_thread(bomb)
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1})}, queue_defaults={"wrap_up": 0}))
    calls = [Call(dialled="support", number=f"4930{number}") for number in range(12)]
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.4)) as phone, Callers(pbx, calls, rate=20) as callers:
        await bridge.until("talk_began")
        said: list[bytes] = []
        for _ in range(TIMES):
            said += await asyncio.gather(*(throw(bridge.port, body) for _ in range(AT_ONCE)))
            await asyncio.sleep(0.5)
        await callers.wait()
        records = sorted(phone.records(), key=lambda record: record.invite_at)
    first = records[0].invite_at
    rung = [
        f"{record.caller_number} {record.outcome}: "
        + ", ".join(
            f"{at - first:.3f}" for at in (record.invite_at, record.ringing_at, record.answered_at, record.ended_at) if at
        )
        for record in records
    ]
    assert len(rung) == len(calls), "\n".join(rung)
    waited = [later.invite_at - (one.ended_at or 0.0) for one, later in pairwise(records)]
    assert max(waited) < HANDOVER + house.slack, waited
    told = [line["event"] for line in bridge.lines()]
    assert told.count("ari link up") == 1
    assert not {"ari link down", "ari resync", "the event loop stalled"} & set(told)
    assert said == [b"HTTP/1.1 415 Unsupported Media Type\r\n"] * AT_ONCE * TIMES
    assert await counted(bridge.port) == AT_ONCE * TIMES


async def counted(port: int) -> float:
    """Requests that were refused for their coding."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode().partition("\r\n\r\n")[2]
    writer.close()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return next(
        sample.value
        for sample in samples
        if sample.name == "callbridge_http_refused_total" and sample.labels == {"reason": "content_coding"}
    )
