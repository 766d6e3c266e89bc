"""What the doctor makes of what it sees, and of a Redis that it can reach. A real PBX is examined in tests/live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from redis.asyncio import Redis

from callbridge.cli import main
from callbridge.cli.doctor import dead_phones, hints, limits, rules, store
from callbridge.cli.doctor.ami import AmiRefused, AmiSession, AmiTrouble, Message
from callbridge.cli.doctor.findings import Finding, Level, fault, findings_table, ok, summary, unseen, warning
from callbridge.cli.doctor.pbx import time_zone
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from callbridge.wire.asterisk_conf import parse
from tests.lab.build import ROOT
from tests.lab.redis import RedisServer
from tests.settings.conftest import RIGHT


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level.value for finding in findings]


@pytest.mark.parametrize(
    ("version", "level", "word"),
    [
        ("22.10.1", "ok", "22.10.1"),
        ("22.10.1+dfsg+~cs6.17-1", "ok", "22.10.1"),
        ("22.10.0", "warning", "fixed in 22.10.1"),
        ("22.12.0", "ok", ""),
        ("20.20.0", "warning", "fixed in 20.20.1"),
        ("22.11.0-rc1", "fault", "crash"),
        ("16.28.0~dfsg-0+deb11u4", "warning", "no more security fixes"),
        ("18.26.4", "warning", "no more security fixes"),
        ("13.38.3", "fault", "16 or newer"),
        ("21.0.0", "warning", "tested on 22 and 16"),
        ("GIT-master-abc", "not seen", "unrecognised version"),
    ],
)
def test_a_version_is_judged_by_what_is_known_against_it(version: str, level: str, word: str) -> None:
    (finding,) = rules.version(version)
    assert finding.level == level
    assert word in finding.said


def test_every_missing_module_is_named_with_its_use() -> None:
    assert levels([*rules.modules({*rules.MODULES, *rules.HELPFUL_MODULES})]) == ["ok"]
    findings = [*rules.modules({*rules.MODULES, *rules.HELPFUL_MODULES} - {"res_stasis", "app_queue"})]
    assert levels(findings) == ["fault", "warning"]
    assert "load = res_stasis.so" in findings[0].todo


def test_a_dialplan_that_does_not_tell_what_is_withheld_is_named() -> None:
    old = ["callbridge,inbound,${EXTEN}", "callbridge,inbound,${EXTEN},,${CALLERID(num-pres)},${CALLBRIDGE_WITHHELD}"]
    (finding,) = rules.withheld_numbers("callbridge-inbound", old)
    assert (finding.level, "callbridge-inbound" in finding.said) == ("fault", True)
    assert [*rules.withheld_numbers("callbridge-inbound", [old[1], "callbridge,feature,${EXTEN}", "other", ""])] == []


def test_rights_too_few_and_too_many_are_told() -> None:
    enough = {"QueueStatus", "QueueAdd", "QueueRemove", "QueuePause", "Redirect"}
    assert levels([*rules.actions(enough)]) == ["ok"]
    for one in enough:
        (finding,) = rules.actions(enough - {one})
        assert (finding.level, finding.said.partition(" ")[0]) == ("warning", one)
        assert finding.todo == "manager.conf: write = reporting,agent,call"
    (finding,) = rules.actions({*enough, "Originate", "Command"})
    assert "command, originate" in finding.said


def test_the_permissions_that_are_advised_are_those_of_the_sample() -> None:
    conf = parse((ROOT / "dialplan" / "samples" / "manager.conf").read_text(), "manager.conf")
    section = conf.section("callbridge")
    assert section is not None
    assert (section.last("read"), section.last("write")) == (rules.AMI_READ, rules.AMI_WRITE)


def test_an_application_subscribed_to_everything_is_told() -> None:
    apps = [{"name": "a", "channel_ids": ["1"]}, {"name": "b", "channel_ids": ["__AST_CHANNEL_ALL_TOPIC"]}]
    (finding,) = rules.applications(apps)
    assert "'b'" in finding.said


def test_another_application_with_ids_like_ours_is_told() -> None:
    ours = {"name": "callbridge", "channel_ids": ["cb-agent-1"], "bridge_ids": ["cb-bridge-1"]}
    apart = {"name": "second", "channel_ids": ["cb_second-agent-1", "1.2"], "bridge_ids": []}
    alike = {"name": "third", "channel_ids": ["cb-agent-9"], "bridge_ids": ["cb-bridge-9"]}
    assert [*rules.prefixes([ours, apart], "callbridge", "cb")] == []
    (finding,) = rules.prefixes([ours, apart, alike], "callbridge", "cb")
    assert (finding.level, finding.said) == (
        "warning",
        "2 channels and bridges of application 'third' have ids with our prefix, cb-",
    )


def test_phones_are_compared_without_case_and_named_with_their_agents() -> None:
    wanted = {"PJSIP/1001": "ann", "PJSIP/1002": "bob", "PJSIP/9": "eve"}
    findings = [*rules.phones(wanted, {"pjsip/1001": "online", "PJSIP/1002": "offline"})]
    assert levels(findings) == ["fault", "warning"]
    assert "PJSIP/9 of agent eve" in findings[0].said
    assert levels([*rules.phones({"PJSIP/1001": "ann"}, {"PJSIP/1001": "unknown"})]) == ["ok"]


def test_files_are_judged_by_what_they_leave_out() -> None:
    assert levels([*rules.ari_conf(parse("[general]\nwebsocket_write_timeout=1000\n", "ari.conf"))]) == ["fault"]
    twice = parse("[general]\nchannelvars=CALLBRIDGE_CALL, CALLBRIDGE_ROLE\n[general]\n", "ari.conf")
    assert levels([*rules.ari_conf(twice)]) == ["ok", "fault", "warning"]
    assert levels([*rules.http_conf(parse("[general]\nbindaddr=0.0.0.0\n", "http.conf"))]) == ["warning", "warning"]
    assert levels([*rules.http_conf(parse("[general]\nbindaddr=127.0.0.1\nsessionlimit=1000\n", "http.conf"))]) == []
    deaf = parse("[general]\nbindaddr=127.0.0.1\n[cb]\nread=agent\nwritetimeout=5000\n", "manager.conf")
    assert levels([*rules.manager_conf(deaf, "cb")]) == ["fault"]
    assert levels([*rules.manager_conf(deaf, "other")]) == ["not seen"]
    assert levels([*rules.music_conf(parse("[default]\nmode=files\n", "m"), ["default", "jazz"])]) == ["warning"]
    assert levels([*rules.stasis_conf(None)]) == ["warning"]


def test_time_zones_are_compared_at_the_moment_that_the_pbx_names() -> None:
    assert levels([*time_zone("2026-07-01T10:00:00.000+0100", "Europe/London")]) == ["ok"]
    assert levels([*time_zone("2026-07-01T10:00:00.000+0000", "Europe/London")]) == ["warning"]
    assert levels([*time_zone("", "Europe/London")]) == ["not seen"]


def test_few_open_files_are_told() -> None:
    assert levels([*limits(1024)]) == ["warning"]
    assert levels([*limits(-1)]) == ["ok"]


def test_the_table_says_what_to_do_and_sums_up() -> None:
    findings = [ok("a", "fine"), unseen("b", "hidden"), warning("c", "doubt", "look"), fault("d", "broken \x1b[31m", "repair it")]
    text = findings_table(findings, width=100)
    assert "-> repair it" in text
    assert "\x1b" not in text
    assert text.endswith("1 fault, 1 warning, 1 not seen")
    assert summary([]) == "0 faults, 0 warnings"


# -- Redis ----------------------------------------------------------------------------------------------------------


def settings(folder: Path, url: str = "") -> Settings:
    config = {
        "pbx": [
            {
                "name": "p",
                "ari": {"url": "http://127.0.0.1:1/ari", "user": "u", "password": "p"},
                "ami": {"user": "u", "secret": "s"},
            }
        ],
        "queues": {"q": {"steps": [{"skills": "s"}]}},
        "skills": ["s"],
    }
    if url:
        config["redis"] = {"url": url}
    path = folder / "callbridge.yaml"
    path.write_text(json.dumps(config))
    return load(path, {})


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    async with RedisServer() as running:
        yield running


async def of(config: Settings) -> list[Finding]:
    return [finding async for finding in store.examine(config)]


async def test_a_redis_that_keeps_nothing_and_holds_strange_keys_is_told(tmp_path: Path, server: RedisServer) -> None:
    client = Redis.from_url(server.url)
    await client.mset({"callbridge:queue:q": 1, "callbridge:facts": 1, "callbridge:{callbridge}:meta": 1, "other:x": 1})
    findings = await of(settings(tmp_path, server.url))
    assert [(finding.about, finding.level.value) for finding in findings] == [
        ("redis", "ok"),
        ("redis", "warning"),
        ("redis names", "ok"),
    ]
    await client.mset({"callbridge:{second}:meta": 1, "callbridge:session": 1})
    await client.config_set("maxmemory", "100mb")
    await client.config_set("maxmemory-policy", "allkeys-lru")
    await client.config_set("appendonly", "yes")
    findings = await of(settings(tmp_path, server.url))
    assert [finding.said.split(" (")[0] for finding in findings if finding.level is Level.FAULT] == [
        "evicts keys when memory runs low",
        "the prefix callbridge: is also used by another instance: second; public keys would clash",
    ]
    assert any("session" in finding.said for finding in findings if finding.level is Level.WARNING)
    await client.config_set("requirepass", "secret")
    (finding,) = await of(settings(tmp_path, server.url))
    assert "login refused" in finding.said or "permission denied" in finding.said
    await client.aclose()


async def test_a_redis_that_is_away_is_a_fault_and_none_a_warning(tmp_path: Path) -> None:
    assert levels(await of(settings(tmp_path, "redis://127.0.0.1:1/0"))) == ["fault"]
    assert levels(await of(settings(tmp_path))) == ["warning"]


# -- AMI ------------------------------------------------------------------------------------------------------------


async def answering(*texts: bytes) -> tuple[asyncio.Server, int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for text in texts:
            writer.write(text)
            await writer.drain()
            await reader.read(100)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def test_a_stranger_who_answers_is_not_taken_for_ami() -> None:
    server, port = await answering(b"SSH-2.0-OpenSSH\r\n")
    async with server:
        with pytest.raises(AmiTrouble, match="does not send an AMI greeting"):
            async with AmiSession("127.0.0.1", port, "u", "s"):
                raise AssertionError("was let in")


async def test_a_refusal_and_an_end_are_told_apart() -> None:
    banner = b"Asterisk Call Manager/5.0.4\r\n"
    server, port = await answering(banner, b"Response: Error\r\nActionID: doctor-1\r\nMessage: Permission denied\r\n\r\n")
    async with server, AmiSession("127.0.0.1", port, "u", "s") as session:
        with pytest.raises(AmiRefused, match="Permission denied"):
            await session.ask("QueueStatus")
        with pytest.raises(AmiTrouble, match="closed the session"):
            await session.ask("Ping")


def test_the_command_says_all_faults_at_once_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings(tmp_path, "redis://127.0.0.1:1/0")
    assert main(["doctor", "-c", str(tmp_path / "callbridge.yaml"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["about"] for each in found if each["level"] == "fault"] == ["redis", "ari", "ami"]


def test_endpoints_at_which_a_dead_phone_is_not_noticed_are_named() -> None:
    good = {"rtp_timeout": "20", "timers": "always"}
    assert levels([*dead_phones.judge({"PJSIP/1001": good})]) == ["ok"]
    findings = [*dead_phones.judge({"PJSIP/1001": good, "PJSIP/1002": good | {"rtp_timeout": "0"}})]
    assert levels(findings) == ["warning"]
    assert findings[0].said.startswith("PJSIP/1002: no rtp_timeout")
    findings = [*dead_phones.judge({f"PJSIP/{n}": good | {"timers": "no"} for n in range(8)})]
    assert levels(findings) == ["warning"]
    assert "PJSIP/5 and 2 more: session timers are off" in findings[0].said
    assert [*dead_phones.judge({})] == []


class HintedPbx(AmiSession):
    """A PBX with these hints: what ExtensionState answers, also for an extension without one."""

    def __init__(self, hints: Mapping[str, str], refused: str = "") -> None:
        super().__init__("", 0, "", "")
        self.hints, self.refused = hints, refused

    async def ask(self, action: str, **fields: str) -> list[Message]:
        if self.refused:
            raise AmiRefused(self.refused)
        assert action == "ExtensionState"
        return [{"Response": "Success", "Hint": self.hints.get(f"{fields['Exten']}@{fields['Context']}", "")}]


@pytest.mark.parametrize(
    ("known", "refused", "level", "words"),
    [
        ({"1@h": "PJSIP/1&Custom:DND1,CustomPresence:1"}, "", Level.OK, "all 1 hints"),
        ({"1@ext-local": "PJSIP/1"}, "", Level.WARNING, "1@h of agent ann"),
        ({"1@h": "CustomPresence:1"}, "", Level.WARNING, "without a device: 1@h"),
        ({}, "Permission denied", Level.UNSEEN, "ExtensionState is refused"),
    ],
)
async def test_hints_that_do_not_exist_are_named_with_their_agent(
    tmp_path: Path, known: Mapping[str, str], refused: str, level: Level, words: str
) -> None:
    settings = hinted(tmp_path)
    (finding,) = [finding async for finding in hints.examine(HintedPbx(known, refused), settings)]
    assert (finding.level, finding.about) == (level, "hints")
    assert words in finding.said


def hinted(folder: Path) -> Settings:
    path = folder / "cb.yaml"
    path.write_text(RIGHT.replace("ann: {phone: PJSIP/1002,", "ann: {phone: PJSIP/1002, hint: 1@h,"))
    return load(path, {})
