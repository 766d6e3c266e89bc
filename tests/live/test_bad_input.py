"""What strangers and broken peers send: served or refused, counted, and never injected into anything."""

import asyncio
import json
from typing import Any

import pytest
import redis.asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.proxy import AmiProxy
from tests.lab.sip import Call, Callers, Phone, PhoneScript, call
from tests.live.house import House
from tests.live.raw_caller import RawCall

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

NAMES: dict[str, bytes] = {
    "empty": b"",
    "blank": b"   ",
    "quotes": b'Robert\\"); DROP \\"x\\\\',
    "crlf-words": b"a\\r\\nAction: Hangup\\r\\n",
    "percent": b"%0d%0aAction: Hangup%00",
    "controls": b"a\x01\x1b[31mred\x07\x7f",
    "tab": b"a\tb",
    "invalid-utf8": b"Zo\xff\xc3\x28 caf\xe9",
    "overlong-utf8": b"a\xc0\xafb",
    "surrogate": b"a\xed\xa0\x80b",
    "chinese": "王小明 客服".encode(),
    "emoji": "📞👩‍💻🇩🇪".encode(),
    "bidi": "abc\u202edef\u2066\u2028x".encode(),
    "expression": b"${SHELL(touch /tmp/x)} $[1+1] ${EXTEN}",
    "json": b'\\",\\"type\\":\\"ApplicationReplaced\\",\\"x\\":\\"',
    "redis": b"*1\\r\\n$8\\r\\nFLUSHALL\\r\\n",
    "label": b'x\\"} 1\\ncallbridge_up{a=\\"',
    "long": b"N" * 1200,
}
USERS: dict[str, bytes] = {
    "no-number": b"anonymous",
    "escaped-quotes": b"%22%3B%0d%0aX%3A",
    "escaped-zero": b"49%0030",
    "chinese": b"%E7%8E%8B",
    "plus": b"+49%2030%20100",
    "separators": b"a,d/e;x=1",
    "long": b"9" * 1200,
}

UNFIT = {*map(chr, range(32)), "\x7f", "\u2028", "\u2029", *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
"""Characters that no display should get: they begin lines, or turn the reading direction of what follows."""
REPLACED = "invalid UTF-8 characters which were replaced|No space left for connected line"


def config() -> dict[str, Any]:
    return floor({"ann": agent("1001", {"support": 1})}, queue_defaults={"wrap_up": 0})


async def assert_nothing_injected(house: House, bridge: Callbridge) -> None:
    """Log lines are JSON, metrics parse, Redis has the keys that it should have, all text is text."""
    raw = bridge.log.read_bytes()
    assert [line for line in raw.splitlines() if not isinstance(json.loads(line), dict)] == []
    assert all(32 <= byte < 127 or byte == 10 for byte in raw)
    families = list(text_string_to_metric_families(await metrics(bridge)))
    assert {family.name.partition("_")[0] for family in families} <= {"callbridge"}
    store = redis.asyncio.Redis.from_url(house.redis.url)
    try:
        keys = [key.decode() async for key in store.scan_iter()]
        kinds = {key.split(":")[1] for key in keys}
        assert kinds <= {"queue", "agent", "call", "facts", "{callbridge}"}, keys
        for key in keys:
            assert key.isascii()
            assert key.isprintable()
    finally:
        await store.aclose()


async def metrics(bridge: Callbridge) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    answer = (await reader.read()).decode()
    writer.close()
    return answer.partition("\r\n\r\n")[2]


async def counted(bridge: Callbridge, kind: str) -> float:
    """How many messages of a kind callbridge has heard."""
    families = text_string_to_metric_families(await metrics(bridge))
    samples = [sample for family in families for sample in family.samples if sample.name == "callbridge_pbx_events_total"]
    return sum(sample.value for sample in samples if sample.labels["type"] == kind)


async def served(house: House, pbx: Pbx, bridge: Callbridge, raw: RawCall) -> None:
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.05, talk=0.5)) as phone:
        assert await raw.make() == 200
        await bridge.until("talk_ended")
        seen = await phone.until(lambda record: record.headers)
    assert raw.ended_by_pbx
    assert not UNFIT & set(seen.headers["from"])
    assert seen.headers["from"].count("<sip:") == 1
    assert not {"action", "x"} & set(seen.headers)
    await assert_nothing_injected(house, bridge)


@pytest.mark.parametrize("name", NAMES)
async def test_a_caller_with_a_strange_name_is_served(house: House, pbx: Pbx, name: str) -> None:
    house.explains_pbx(REPLACED)
    bridge = await house.open(config())
    await served(house, pbx, bridge, RawCall(pbx, "support", name=NAMES[name]))


@pytest.mark.parametrize("user", USERS)
async def test_a_caller_with_a_strange_number_is_served(house: House, pbx: Pbx, user: str) -> None:
    house.explains_pbx(REPLACED)
    bridge = await house.open(config())
    await served(house, pbx, bridge, RawCall(pbx, "support", user=USERS[user]))


async def test_a_name_of_four_kilobytes_is_cut_and_served(house: House, pbx: Pbx) -> None:
    house.explains_pbx(REPLACED)
    bridge = await house.open(config())
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.05, talk=0.5)) as phone:
        await call(pbx, Call(dialled="longname"))
        seen = await phone.until(lambda record: record.headers)
    assert len(seen.headers["from"]) < 1000
    (arrived,) = bridge.facts("call_arrived")
    assert len(arrived.get("pii.name", "")) <= 128
    assert len(arrived["pii.number"]) <= 80
    await assert_nothing_injected(house, bridge)


async def test_an_unknown_entry_goes_to_the_fallback_and_is_counted(house: House, pbx: Pbx) -> None:
    bridge = await house.open(config())
    await call(pbx, Call(dialled="nowhere", hang_up_after=0.6))
    diverted = await bridge.until("call_diverted")
    assert (diverted["entry"], diverted["reason"]) == ("nowhere", "unknown_entry")
    assert 'callbridge_calls_diverted_total{pbx="pbx1",reason="unknown_entry"} 1.0' in await metrics(bridge)
    assert "callbridge-fallback: entry nowhere" in pbx.log_path.read_text(errors="replace")
    assert bridge.facts("call_arrived") == []


async def test_an_entry_with_odd_characters_never_reaches_us(house: House, pbx: Pbx) -> None:
    house.explains_pbx("Priority 'sales' must be")  # the lab's own Goto: the comma splits its arguments
    bridge = await house.open(config())
    assert await RawCall(pbx, "support%2Csales").make(patience=0.3) >= 400
    for dialled in ("sup%22port", "suppo%C3%A9rt"):
        assert await RawCall(pbx, dialled).make(patience=0.3) == 200  # by people, in the fallback
    assert pbx.log_path.read_text(errors="replace").count("callbridge-fallback: entry unknown") == 2
    assert bridge.facts("call_arrived") == []


MALFORMED = [
    "",
    "{",
    "[]",
    "null",
    "7",
    '"StasisStart"',
    "{}",
    '{"type":7,"application":"callbridge"}',
    '{"type":"StasisStart","application":"callbridge"}',
    '{"type":"StasisStart","application":"callbridge","channel":{},"args":["inbound","support"]}',
    '{"type":"StasisStart","application":"callbridge","channel":{"id":7},"args":["inbound","support"]}',
    '{"type":"StasisStart","application":"callbridge","channel":{"id":"a/b\\u0000c"},"args":["inbound","support"]}',
    '{"type":"ChannelDestroyed","application":"callbridge","channel":null}',
    '{"type":"ChannelDtmfReceived","application":"callbridge","channel":{"id":"x"},"digit":"12"}',
    "[" * 5000,
    '{"type":"ChannelEnteredBridge","application":"callbridge","channel":{"id":"x"},"bridge":[]}',
]
UNKNOWN = [
    '{"type":"ChannelSneezed","application":"callbridge","channel":{"id":"x"}}',
    '{"type":"StasisStart","application":"other","channel":{"id":"x"},"args":["inbound","support"]}',
]


async def test_malformed_and_unknown_ari_events_are_counted_and_ignored(house: House, pbx: Pbx) -> None:
    bridge, proxy = await house.open_through_proxy(config())
    async with (
        Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=1.0)) as phone,
        Callers(pbx, [Call(dialled="support")]) as callers,
    ):
        await bridge.until("talk_began")
        for frame in (*MALFORMED, *UNKNOWN):
            await proxy.inject(frame)
        async with asyncio.timeout(5):
            while await counted(bridge, "malformed") + await counted(bridge, "unknown") < len(MALFORMED):
                await asyncio.sleep(0.05)
        assert (await counted(bridge, "unknown"), await counted(bridge, "foreign")) >= (1.0, 1.0)
        (made,) = await callers.wait()
        assert (await phone.until(lambda record: record.ended_at)).ended_by == "phone"
    assert made.ended_by == "pbx"
    assert len(bridge.facts("call_arrived")) == 1


WORDS = [
    b"Event: Sneeze\r\nChannel: x\r\n\r\n",
    b"\r\n\r\n",
    b"no colon at all\r\n\r\n",
    b"Event: DeviceStateChange\r\n\r\n",
    b"Event: DeviceStateChange\r\nDevice: PJSIP/9\xff\xfe\r\nState: NOT\x00INUSE\r\n\r\n",
    b"Event: DeviceStateChange\r\nDevice: PJSIP/9999\r\nState: SNEEZING\r\n\r\n",
    b"Response: Success\r\nActionID: nobody/asked/1\r\n\r\n",
    b"Event: " + b"x" * 20000 + b"\r\n\r\n",
]


async def test_malformed_and_unknown_ami_messages_are_ignored(house: House, pbx: Pbx) -> None:
    async with AmiProxy(pbx) as ami:
        bridge = await house.open(config() | ami.config())
        async with Phone(pbx, "1001", PhoneScript.answers(ring=0.1, talk=0.5)):
            for words in WORDS:
                await ami.inject(words)
            await call(pbx, Call(dialled="support"))
            # The link lives: what the phone does elsewhere is still seen.
            async with Callers(pbx, [Call(dialled="dial-1001")]) as private:
                await bridge.until("agent_changed", state="busy_elsewhere")
                await private.wait()
            await bridge.until("agent_changed", state="ready", previous="busy_elsewhere")
        assert len([line for line in bridge.lines() if line["event"] == "ami link changed"]) == 1
        await bridge.stop()
