"""`callbridge doctor` beside a real PBX: a healthy one has no fault, each planted defect is found and named, nothing changes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from callbridge.cli.doctor import examine
from callbridge.cli.doctor.findings import Finding, Level
from callbridge.settings.loading import load
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.lab.redis import RedisServer
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

AGENTS = {"ann": agent("1001", {"support": 1}), "bob": agent("1002", {"support": 1}, "nailed_up")}


def config(pbx: Pbx, **changes: Any) -> dict[str, Any]:
    ari = {"url": pbx.ari_url, "user": pbx.ari_user, "password": pbx.ari_password} | changes.pop("ari", {})
    ami = {"port": pbx.ami_port, "user": pbx.ami_user, "secret": pbx.ami_secret} | changes.pop("ami", {})
    return floor(AGENTS) | {"instance": {"timezone": "UTC"}, "pbx": [{"name": "pbx1", "ari": ari, "ami": ami}]} | changes


async def found(folder: Path, settings: Mapping[str, Any], etc: Path | None = None) -> list[Finding]:
    path = folder / "callbridge.yaml"
    path.write_text(json.dumps(settings))
    return [finding async for finding in examine(load(path), etc)]


def faults(findings: list[Finding]) -> list[str]:
    return [f"{finding.about}: {finding.said}" for finding in findings if finding.level is Level.FAULT]


def of(findings: list[Finding], about: str) -> list[str]:
    return [f"{finding.level}: {finding.said}" for finding in findings if finding.about == about]


@asynccontextmanager
async def added(pbx: Pbx, name: str, text: str, reload: str) -> AsyncIterator[None]:
    """Some lines more in a configuration file of the PBX, for a while."""
    path = pbx.folder / "etc" / name
    before = path.read_text()
    path.write_text(f"{before}\n{text}\n")
    try:
        await pbx.cli(reload)
        yield
    finally:
        path.write_text(before)
        await pbx.cli(reload)


async def test_a_healthy_pbx_has_no_fault_and_is_left_as_it_was(pbx: Pbx, tmp_path: Path) -> None:
    before = [await pbx.cli(command) for command in ("ari show apps", "module show", "dialplan show", "queue show")]
    async with RedisServer(appendonly=True) as redis:
        findings = await found(tmp_path, config(pbx, redis={"url": redis.url}), pbx.folder / "etc")
    assert faults(findings) == []
    assert of(findings, "application") == ["ok: the name callbridge is free"]
    assert [finding for finding in findings if finding.level is Level.UNSEEN] == []
    assert [await pbx.cli(command) for command in ("ari show apps", "module show", "dialplan show", "queue show")] == before


async def test_beside_a_running_callbridge_it_finds_the_name_in_good_hands(pbx: Pbx, house: House) -> None:
    bridge = await house.open(floor({"ann": AGENTS["ann"]}))
    findings = [finding async for finding in examine(load(bridge.path))]
    assert faults(findings) == []
    assert of(findings, "application") == ["ok: callbridge is used by the callbridge running here"]
    assert of(findings, "redis names") == ["ok: the prefix callbridge: is used by this instance only"]


async def test_a_name_that_somebody_else_has_is_told(pbx: Pbx, house: House, tmp_path: Path) -> None:
    await house.open(floor({"ann": AGENTS["ann"]}))
    (said,) = of(await found(tmp_path, config(pbx, http={"port": 1})), "application")
    assert said.startswith("warning: the name callbridge is already in use")


async def test_endpoints_where_silence_never_ends_a_call_are_told(pbx: Pbx, tmp_path: Path) -> None:
    settings = config(pbx, trunks=["PJSIP/trunk"])
    (said,) = of(await found(tmp_path, settings), "dead phones")
    assert said.startswith("warning: PJSIP/1001, PJSIP/1002, PJSIP/trunk: no rtp_timeout")
    path = pbx.folder / "etc" / "pjsip.conf"
    before = path.read_text()
    path.write_text(before.replace("rtp_timeout=0", "rtp_timeout=20"))
    try:
        await pbx.cli("module reload res_pjsip.so")
        (said,) = of(await found(tmp_path, settings), "dead phones")
    finally:
        path.write_text(before)
        await pbx.cli("module reload res_pjsip.so")
    assert said == "ok: lost media ends calls at all 3 endpoints of agents and trunks"


async def test_a_phone_for_the_browser_is_examined_line_by_line(pbx: Pbx, tmp_path: Path) -> None:
    own = {"pin": "4711", "browser_phone": {"password": "change-me-1101"}}
    settings = config(pbx, agents={"ann": agent("1101", {"support": 1}) | own, "bob": agent("1001", {"support": 1}) | own})
    sample = (Path(__file__).parents[2] / "dialplan/samples/pjsip-browser.conf").read_text()
    async with added(pbx, "pjsip.conf", sample, "module reload res_pjsip.so"):
        findings = await found(tmp_path, settings)
    said = of(findings, "browser phones")
    assert f"ok: the PBX takes SIP over WebSocket at http://127.0.0.1:{pbx.http_port}/ws" in said
    assert [text for text in said if "PJSIP/1101" in text] == []
    assert any("PJSIP/1001: no WebRTC: use_avpf is false, media_encryption is no" in text for text in said)
    assert any("PJSIP/1001: transport = transport-udp is udp" in text for text in said)


async def test_wrong_passwords_are_named(pbx: Pbx, tmp_path: Path) -> None:
    findings = await found(tmp_path, config(pbx, ari={"password": "wrong"}, ami={"secret": "wrong"}))
    assert [text.partition(":")[0] for text in faults(findings)] == ["ari user", "ami user"]
    assert "Authentication failed" in faults(findings)[1]


async def test_a_pbx_that_does_not_answer_is_named_twice(pbx: Pbx, tmp_path: Path) -> None:
    findings = await found(tmp_path, config(pbx, ari={"url": "http://127.0.0.1:1/ari"}, ami={"port": 1}))
    assert [text.partition(":")[0] for text in faults(findings)] == ["ari", "ami"]


async def test_what_is_not_ami_and_what_is_not_ari_is_named(pbx: Pbx, tmp_path: Path) -> None:
    crossed = config(pbx, ari={"url": f"http://127.0.0.1:{pbx.ami_port}/ari"}, ami={"port": pbx.http_port})
    assert [text.partition(":")[0] for text in faults(await found(tmp_path, crossed))] == ["ari", "ami"]


async def test_a_missing_module_is_named_with_what_it_is_for(pbx: Pbx, tmp_path: Path) -> None:
    await pbx.cli("module unload res_manager_devicestate.so")
    try:
        findings = await found(tmp_path, config(pbx))
    finally:
        await pbx.cli("module load res_manager_devicestate.so")
    modules, rights = faults(findings)
    assert modules.startswith("modules: res_manager_devicestate is not loaded")
    assert rights.startswith("ami rights: DeviceStateList is refused")
    assert "modules.conf: load = res_manager_devicestate.so" in [finding.todo for finding in findings]


async def test_a_read_only_ari_user_is_found_out_without_an_order(pbx: Pbx, tmp_path: Path) -> None:
    async with added(pbx, "ari.conf", "[looker]\ntype=user\nread_only=yes\npassword=looking", "module reload res_ari.so"):
        findings = await found(tmp_path, config(pbx, ari={"user": "looker", "password": "looking"}))
    assert faults(findings) == ["ari user: looker is read-only: callbridge cannot control calls"]


async def test_an_ami_user_without_rights_is_named_and_the_rest_examined(pbx: Pbx, tmp_path: Path) -> None:
    poor = "[poor]\nsecret=poor\nread=call\nwrite=\n"
    async with added(pbx, "manager.conf", poor, "manager reload"):
        findings = await found(tmp_path, config(pbx, ami={"user": "poor", "secret": "poor"}))
    (said,) = faults(findings)
    assert said.startswith("ami rights: DeviceStateList is refused")
    assert any(text.startswith("warning: QueueAdd is refused") for text in of(findings, "ami rights"))
    assert all(text.startswith("not seen:") for text in of(findings, "dialplan"))


async def test_an_ami_user_with_all_rights_is_told_as_dangerous_and_shows_the_files(pbx: Pbx, tmp_path: Path) -> None:
    rich = "[rich]\nsecret=rich\nread=all\nwrite=all\n"
    async with added(pbx, "manager.conf", rich, "manager reload"):
        findings = await found(tmp_path, config(pbx, ami={"user": "rich", "secret": "rich"}))
    assert faults(findings) == []
    assert any("command, config, originate" in text for text in of(findings, "ami rights"))
    assert of(findings, "ari.conf") == ["ok: channelvars contains the required variables"]
    assert of(findings, "stasis.conf") == ["ok: VarSet messages are declined"]


async def test_missing_contexts_are_named(pbx: Pbx, tmp_path: Path) -> None:
    findings = await found(tmp_path, config(pbx, fallback={"context": "nowhere"}, instance={"app": "other", "timezone": "UTC"}))
    wrong, missing = faults(findings)
    assert wrong == "dialplan: context callbridge-inbound sends calls to the application callbridge, but instance.app is other"
    assert missing == "dialplan: context nowhere does not exist"


async def test_a_dialplan_that_does_not_keep_withheld_numbers_off_the_phones_is_named(pbx: Pbx, tmp_path: Path) -> None:
    try:
        await pbx.cli("dialplan remove context callbridge-connected-line")
        said = faults(await found(tmp_path, config(pbx)))
    finally:
        path = pbx.folder / "etc" / "extensions.conf"
        path.write_text(path.read_text())
        await pbx.cli("dialplan reload")
    assert said == ["dialplan: context callbridge-connected-line does not exist"]


async def test_a_context_that_hands_no_call_over_is_found_out(pbx: Pbx, tmp_path: Path) -> None:
    try:
        await pbx.cli("dialplan remove extension _[A-Za-z0-9][A-Za-z0-9]!@callbridge-inbound")
        said = faults(await found(tmp_path, config(pbx)))
    finally:
        path = pbx.folder / "etc" / "extensions.conf"
        path.write_text(path.read_text())
        await pbx.cli("dialplan reload")
    assert said == ["dialplan: context callbridge-inbound exists, but does not call Stasis(callbridge,...): no call arrives"]
    assert faults(await found(tmp_path, config(pbx))) == []


async def test_what_campaigns_need_of_the_pbx_is_looked_for(pbx: Pbx, tmp_path: Path) -> None:
    spring = {"queue": "support", "message": "sound:beep", "amd": True, "false_positives": 0.02, "leave_message": True}
    people = {who: values | {"connect": "auto_answer"} for who, values in AGENTS.items()}
    async with RedisServer(appendonly=True) as redis:
        more = {
            "redis": {"url": redis.url},
            "agents": people,
            "outside": {"dial": "PJSIP/{number}@trunk"},
            "region": "GB",
            "database": {"url": f"sqlite:///{tmp_path}/campaigns.db"},
            "campaigns": {"spring": spring},
        }
        assert faults(await found(tmp_path, config(pbx, **more))) == []
        path = pbx.folder / "etc" / "extensions.conf"
        before = path.read_text()
        try:
            await pbx.cli("dialplan remove context callbridge-machine")
            assert faults(await found(tmp_path, config(pbx, **more))) == ["dialplan: context callbridge-machine does not exist"]
        finally:
            path.write_text(before)
            await pbx.cli("dialplan reload")


async def test_a_phone_that_the_pbx_does_not_know_is_named_with_its_agent(pbx: Pbx, tmp_path: Path) -> None:
    agents = {"eve": agent("9999", {"support": 1}), "tom": agent("2002", {"support": 1})}
    findings = await found(tmp_path, config(pbx, agents=agents))
    assert faults(findings) == ["phones: PJSIP/9999 of agent eve is not an endpoint of the PBX"]
    assert any("cannot be reached: PJSIP/2002" in text for text in of(findings, "phones"))


async def test_a_hint_that_the_pbx_does_not_have_is_named_with_its_agent(pbx: Pbx, tmp_path: Path) -> None:
    await pbx.cli("dialplan add extension 77,hint,PJSIP/1001&Custom:DND77 into lab-hints")
    agents = {"ann": agent("1001", {"support": 1}) | {"hint": "77@lab-hints"}}
    findings = await found(tmp_path, config(pbx, agents=agents))
    assert of(findings, "hints") == ["ok: all 1 hints of agents exist"]
    agents |= {"bob": agent("1002", {"support": 1}) | {"hint": "78@lab-hints"}}
    findings = await found(tmp_path, config(pbx, agents=agents))
    (said,) = of(findings, "hints")
    assert said.startswith("warning: no such hint, or one without a device: 78@lab-hints of agent bob")


async def test_missing_tags_are_seen_where_the_files_can_be_read(pbx: Pbx, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    for name in ("http.conf", "manager.conf", "musiconhold.conf"):
        (etc / name).write_text((pbx.folder / "etc" / name).read_text())
    (etc / "ari.conf").write_text("[general]\nenabled=yes\nchannelvars=OTHER\n")
    findings = await found(tmp_path, config(pbx), etc)
    assert faults(findings) == [
        "ari.conf: channelvars lacks CALLBRIDGE_CALL, CALLBRIDGE_ROLE: calls cannot be recovered after a restart"
    ]
    assert any("VarSet is more than half" in text for text in of(findings, "stasis.conf"))


async def test_the_command_ends_with_1_on_a_fault_and_0_without(pbx: Pbx, tmp_path: Path) -> None:
    path = tmp_path / "callbridge.yaml"
    codes = []
    for settings in (config(pbx), config(pbx, ari={"password": "wrong"})):
        path.write_text(json.dumps(settings))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "callbridge", "doctor", "-c", str(path)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, trouble = await process.communicate()
        assert trouble == b""
        assert b" faults" in said or b" fault," in said
        codes.append(process.returncode)
    assert codes == [0, 1]


async def test_agents_codes_open_to_the_trunk_or_unknown_to_phones_are_named(pbx: Pbx, tmp_path: Path) -> None:
    settings = config(pbx, trunks=["PJSIP/trunk"])
    assert of(await found(tmp_path, settings), "feature codes") == ["ok: agents' phones can dial them, trunks cannot"]
    async with added(pbx, "extensions.conf", "[from-trunk](+)\ninclude => callbridge-features", "dialplan reload"):
        (said,) = of(await found(tmp_path, settings), "feature codes")
        assert said.startswith("fault: callbridge-features can be reached from [from-trunk], the context of PJSIP/trunk:")
    path = pbx.folder / "etc" / "extensions.conf"
    before = path.read_text()
    path.write_text(before.replace("[from-phones]\ninclude => callbridge-features\n", "[from-phones]\n"))
    try:
        await pbx.cli("dialplan reload")
        (said,) = of(await found(tmp_path, settings), "feature codes")
    finally:
        path.write_text(before)
        await pbx.cli("dialplan reload")
    assert said.startswith("warning: callbridge-features is not in [from-phones], the context of PJSIP/1001, PJSIP/1002")


async def test_entries_that_only_one_side_knows_are_named(pbx: Pbx, tmp_path: Path) -> None:
    planted = "[planted]\nexten => 100,1,Goto(callbridge-inbound,suport,1)\n"
    async with added(pbx, "extensions.conf", planted, "dialplan reload"):
        assert of(await found(tmp_path, config(pbx)), "entries")[0] == (
            "fault: the dialplan (planted,100) sends calls to the entry suport, which is not configured: they go to the fallback "
            "(did you mean support?)"
        )


async def test_trunks_dial_strings_and_shared_accounts_are_compared_with_pjsip(pbx: Pbx, tmp_path: Path) -> None:
    settings = config(pbx, trunks=["PJSIP/trunk", "PJSIP/trnk"], outside={"dial": "PJSIP/{number}@carrier"})
    findings = await found(tmp_path, settings)
    assert faults(findings) == [
        "trunks: PJSIP/trnk of trunks is not an endpoint of the PBX",
        "trunks: PJSIP/carrier of outside.dial is not an endpoint of the PBX",
    ]
    assert not any("max_contacts" in text for text in of(findings, "phones"))
    path = pbx.folder / "etc" / "pjsip.conf"
    before = path.read_text()
    changed = before.replace("[1001]\ntype=aor\n", "[1001]\ntype=aor\nmax_contacts=3\n")
    assert changed.count("max_contacts=3") == 1
    path.write_text(changed)
    try:
        await pbx.cli("module reload res_pjsip.so")
        findings = await found(tmp_path, config(pbx))
    finally:
        path.write_text(before)
        await pbx.cli("module reload res_pjsip.so")
    (said,) = [text for text in of(findings, "phones") if "max_contacts" in text]
    assert said.startswith("ok: PJSIP/1001: max_contacts is above 1: all devices at the account ring")


async def test_a_sound_that_is_transcoded_for_every_caller_is_named(pbx: Pbx, tmp_path: Path) -> None:
    """The lab's core sounds are 8 kHz .wav files: nothing to speak of for ulaw, resampled for g722."""
    settings = config(pbx, trunks=["PJSIP/trunk"])
    settings["queues"]["support"]["announce"] = {"greeting": "sound:im-sorry"}
    assert of(await found(tmp_path, settings), "sounds") == ["ok: all configured sounds exist"]
    path = pbx.folder / "etc" / "pjsip.conf"
    before = path.read_text()
    path.write_text(before.replace("allow=ulaw", "allow=g722"))
    try:
        await pbx.cli("module reload res_pjsip.so")
        said = of(await found(tmp_path, settings), "sounds")
    finally:
        path.write_text(before)
        await pbx.cli("module reload res_pjsip.so")
    (said_of_codecs,) = said[1:]
    assert said_of_codecs.startswith("warning: transcoded for every caller (to g722), because there is only slin of:")
    assert "im-sorry" in said_of_codecs
