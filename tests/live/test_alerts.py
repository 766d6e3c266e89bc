"""Alerts without Prometheus on a live floor: a trouble is told by webhook and by mail once, and its end once."""

import asyncio

import pytest

from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.smtp_server import smtp_server
from tests.adapters.waiting import until
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Phone, PhoneScript, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(150), pytest.mark.asyncio(loop_scope="module")]
LONG = True
ON_16: set[str] = set()
"""An alert is raised and ended by callbridge alone, whatever the PBX is."""


async def test_nobody_on_duty_is_told_by_webhook_and_mail_and_so_is_its_end(house: House, pbx: Pbx) -> None:
    async with Receiver() as receiver, smtp_server() as server, Phone(pbx, "1001", PhoneScript.answers(talk=1.0)):
        alerts = {
            "mail_to": "ops@example.com",
            "webhook": {"url": f"http://127.0.0.1:{receiver.port}/alerts", "secret": SECRET},
            "for": {"nobody_on_duty": "1s"},
        }
        mail = {"host": "127.0.0.1", "port": server.port, "from": "cb@example.com", "tls": "off"}
        bridge = await house.open(floor({"ann": agent("1001", {"support": 1}, login=False)}, alerts=alerts, mail=mail))
        calling = asyncio.create_task(call(pbx, Call(dialled="support", number="4930777")))
        await until(lambda: receiver.got and server.messages, 20)
        assert [(event["rule"], event["about"], event["state"]) for event in receiver.got] == [
            ("nobody_on_duty", "support", "raised")
        ]
        text = "1 caller waiting in support, and no agent is on duty"
        assert (receiver.got[0]["text"], receiver.got[0]["severity"]) == (text, "page")
        assert server.messages[0]["Subject"].endswith(f"page: {text}")
        await bridge.ask("ann", "login")
        await calling
        await until(lambda: len(receiver.got) == 2 and len(server.messages) == 2, 90)
        assert (receiver.got[1]["state"], receiver.forged) == ("resolved", 0)
        assert "resolved" in server.messages[1]["Subject"]
