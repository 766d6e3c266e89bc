"""https by callbridge itself: the commands and a call work over it, and SIGHUP brings a renewed certificate without a restart."""

import asyncio
import signal
import socket
import ssl

import pytest

from tests.adapters.certificates import self_signed
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House
from tests.live.https import serve_https

pytestmark = [pytest.mark.live, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]


def shown(port: int) -> bytes:
    """The certificate that a new connection gets."""
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 5) as plain, anything.wrap_socket(plain) as wire:
        return wire.getpeercert(binary_form=True) or b""


async def over_https(house: House, monkeypatch: pytest.MonkeyPatch) -> Callbridge:
    """It has started without, and starts again with a certificate; the commands trust that."""
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1})}))
    files = self_signed(bridge.folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(files.certificate))
    await serve_https(bridge, files)
    await bridge.until("agent_changed", state="ready")
    return bridge


async def test_a_call_and_the_commands_over_https_and_a_certificate_renewed(
    monkeypatch: pytest.MonkeyPatch, house: House, pbx: Pbx
) -> None:
    """``monkeypatch`` comes first: the house asks over https at its end."""
    house.explains("reload refused")
    bridge = await over_https(house, monkeypatch)
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)):
        async with Callers(pbx, [Call(dialled="support")], rate=5) as callers:
            await callers.wait()
        await bridge.until("call_ended")
    assert [row["id"] for row in await asyncio.to_thread(bridge.client.agents)] == ["ann"]
    before = await asyncio.to_thread(shown, bridge.port)

    key = bridge.folder / "key.pem"
    good = key.read_text()
    key.write_text("nothing")
    bridge.process.signal(signal.SIGHUP)
    await bridge.eventually(lambda: any(line["event"] == "reload refused" for line in bridge.lines()))
    assert await asyncio.to_thread(shown, bridge.port) == before

    key.write_text(good)
    self_signed(bridge.folder)
    bridge.process.signal(signal.SIGHUP)
    await bridge.eventually(lambda: any(line["event"] == "reloaded" for line in bridge.lines()))
    assert await asyncio.to_thread(shown, bridge.port) != before
    assert [row["id"] for row in await asyncio.to_thread(bridge.client.agents)] == ["ann"]
