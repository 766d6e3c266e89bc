"""`doctor --etc`: what the PBX's files show that no connection does, and in which file advice stays on FreePBX."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from callbridge.cli.conf_files import read_conf
from callbridge.cli.doctor import endpoints, etc_files, examine, rules
from callbridge.cli.doctor.findings import Finding, fault, ok, warning
from callbridge.cli.doctor.freepbx import FreePbxTree, tree_of
from callbridge.settings.loading import load
from callbridge.wire.asterisk_conf import parse
from tests.ops.importing import tree


@pytest.mark.parametrize(
    ("text", "ours", "level", "said"),
    [
        ("[cb]\nsecret = one;two\n", "one;two", "fault", "manager.conf:2: the secret of [cb] ends at a ';'"),
        ("[cb]\nsecret = one;\n", "one;", "fault", "manager.conf:2: the secret of [cb] ends at a ';'"),
        ("[x]\n\n[t](!)\nsecret=a;b\n[cb](t)\n", "a;b", "fault", "manager.conf:4: the secret of [cb] ends at a ';'"),
        ("[cb]\nsecret = one\\;two\n", "one;two", "ok", "the secret of [cb] is the one of callbridge's configuration"),
        ("[cb]\nsecret = one ; ours\n", "one", "ok", "the secret of [cb] is the one of callbridge's configuration"),
        ("[cb]\nsecret = one\n", "two", "fault", "manager.conf:2: the secret of [cb] is not the one"),
    ],
)
def test_the_password_of_our_user_is_compared(text: str, ours: str, level: str, said: str) -> None:
    findings = [*etc_files.passwords(parse(text, "manager.conf"), "manager.conf", "cb", ours)]
    assert findings[-1].level == level
    assert findings[-1].said.startswith(said)
    assert "one;two" not in str(findings), "passwords are shown to nobody"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[cb]\nsecret=fine\n[other]\nsecret = a;b\n", ["manager.conf:4: this secret ends at a ';'"]),
        ("[cb]\nsecret=fine;ours\n", ["manager.conf:2: this secret ends at a ';'"]),
        ("[cb]\nsecret=fine ;ours\n[other]\nsecret = a\\;b\nread = call;all\n", []),
        ("[cb]\nsecret=fine;-- a block --; \n", []),
    ],
)
def test_other_passwords_that_end_at_a_semicolon_are_doubted(text: str, lines: list[str]) -> None:
    findings = etc_files.passwords(parse(text, "manager.conf"), "manager.conf", "cb", "fine")
    found = [finding.said for finding in findings if finding.level == "warning"]
    assert [said.partition(", which")[0] for said in found] == lines


def test_passwords_of_phones_are_looked_at_once_each() -> None:
    conf = parse("[auth](!)\npassword=a;b\n[101](auth)\n[102](auth)\n[103]\npassword = fine\n", "pjsip.conf")
    (finding,) = etc_files.cut_at_semicolons(conf, "pjsip.conf", "password")
    assert finding.said == "pjsip.conf:2: this password ends at a ';', which begins a comment"


def test_an_encrypted_password_cannot_be_compared() -> None:
    conf = parse("[cb]\npassword_format = crypt\npassword = $6$x\n", "ari.conf")
    assert [*etc_files.passwords(conf, "ari.conf", "cb", "plain")] == []
    assert [*etc_files.passwords(parse("[x]\n", "ari.conf"), "ari.conf", "cb", "plain")] == []


@pytest.mark.parametrize(
    ("phone", "level", "word"),
    [
        ("SIP/101", "warning", "is a chan_sip phone"),
        ("SIP/102", "warning", "PJSIP/102 exists as well"),
        ("PJSIP/101", "fault", "registered by chan_sip only"),
        ("PJSIP/102", None, ""),
        ("PJSIP/103", None, ""),
        ("SIP/104", None, ""),
    ],
)
def test_agents_whose_phone_is_one_of_chan_sip_are_found(phone: str, level: str | None, word: str) -> None:
    sip = parse("[general]\n[101]\ntype=friend\n[102]\n[t](!)\n", "sip.conf")
    pjsip = parse("[102]\ntype=endpoint\n[103]\ntype=endpoint\n", "pjsip.conf")
    found = [*etc_files.chan_sip({phone: "ann"}, sip, pjsip)]
    assert [finding.level.value for finding in found] == ([level] if level else [])
    assert all(word in finding.said for finding in found)
    assert [*etc_files.chan_sip({"PJSIP/1": "ann"}, None, None)] == []


# -- FreePBX ----------------------------------------------------------------------------------------------------------

WRITTEN = {
    "ari.conf": "[general]\n#include ari_general_additional.conf\n#include ari_general_custom.conf\n\n"
    "#include ari_additional.conf\n#include ari_additional_custom.conf\n",
    "ari_general_additional.conf": "enabled=yes\n",
    "ari_general_custom.conf": "",
    "ari_additional.conf": "[freepbxuser]\ntype=user\npassword=x\n",
    "ari_additional_custom.conf": "[callbridge]\ntype=user\npassword=one;two\n",
    "manager.conf": "[general]\nenabled=yes\nbindaddr=0.0.0.0\n#include manager_additional.conf\n#include manager_custom.conf\n",
    "manager_additional.conf": "",
    "manager_custom.conf": "[callbridge]\nsecret=three\nread=agent\n",
    "http.conf": "[general]\n#include http_additional.conf\n#include http_custom.conf\n",
    "http_additional.conf": "sessionlimit=100\n",
    "http_custom.conf": "",
    "extensions.conf": "#include extensions_additional.conf\n#include extensions_custom.conf\n",
    "extensions_additional.conf": "[from-internal]\n",
    "extensions_custom.conf": "",
    "queues.conf": "[general]\n#include queues_additional.conf\n",
    "queues_additional.conf": "",
}


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    return tree(tmp_path, WRITTEN)


def advised(etc: Path, finding: Finding) -> str:
    found = tree_of(etc)
    assert found is not None
    return found.advised(finding).todo


@pytest.mark.parametrize(
    ("finding", "file"),
    [
        (fault("ari.conf", "x", "[general] channelvars = A"), "ari_general_custom.conf, without the heading"),
        (fault("ari user", "x", "ari.conf: [callbridge] read_only = no"), "ari_additional_custom.conf"),
        (fault("manager.conf", "x", "read = system,call,agent,user"), "manager_custom.conf"),
        (warning("ami rights", "x", "manager.conf: write = reporting,agent"), "manager_custom.conf"),
        (warning("http.conf", "x", "[general] sessionlimit = 1000"), "http_custom.conf"),
        (fault("dialplan", "x", "extensions.conf: #include callbridge.conf"), "extensions_custom.conf"),
        (
            warning("fallback", "x", "queues.conf: add a section [callbridge-fallback]"),
            "does not include queues_custom.conf here",
        ),
        (warning("manager.conf", "x", "[general] bindaddr = 127.0.0.1"), "does not include manager_general_custom.conf here"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.about,
)
def test_advice_names_the_file_that_the_program_leaves_alone(etc: Path, finding: Finding, file: str) -> None:
    assert advised(etc, finding).startswith(f"{finding.todo} - FreePBX ")
    assert file in advised(etc, finding)


def test_advice_about_a_single_phone_names_the_page(etc: Path) -> None:
    tree(etc, {"pjsip.conf": "#include pjsip.endpoint_custom_post.conf\n", "pjsip.endpoint_custom_post.conf": ""})
    _, finding = endpoints.several_contacts({"PJSIP/1001": 3}, single={"PJSIP/1001"})
    assert advised(etc, finding).endswith("set it on the extension's page, tab Advanced, Max Contacts")
    other = warning("phones", "x", "pjsip.conf: rtp_timeout = 30")
    assert advised(etc, other).endswith("so put it into pjsip.endpoint_custom_post.conf")


def test_advice_about_other_things_stays_as_it_is(etc: Path) -> None:
    for finding in (ok("ari.conf", "fine"), warning("redis", "x", "redis.conf: save 60 1"), warning("modules", "x")):
        assert advised(etc, finding) == finding.todo


def test_files_that_people_write_themselves_need_no_such_advice(tmp_path: Path) -> None:
    tree(tmp_path, {"ari.conf": "[general]\n#include users.conf\n", "users.conf": "", "http.conf": "[general]\n"})
    assert tree_of(tmp_path) is None
    assert FreePbxTree().advised(warning("ari.conf", "x", "do")).todo == "do"


def test_what_the_files_of_the_program_say_is_followed_through_their_includes(etc: Path) -> None:
    assert [finding.said for finding in rules.http_conf(read_conf(etc / "http.conf"))] == [
        "sessionlimit is 100 connections: further ones are closed without an answer"
    ]
    (finding,) = etc_files.passwords(read_conf(etc / "ari.conf"), "ari.conf", "callbridge", "one;two")
    assert "ari_additional_custom.conf:3" in finding.said
    assert "ari.conf" in advised(etc, finding)


async def test_the_doctor_itself_looks_at_the_files_and_gives_this_advice(etc: Path) -> None:
    config = {
        "pbx": [
            {
                "name": "p",
                "ari": {"url": "http://127.0.0.1:1/ari", "user": "callbridge", "password": "one;two"},
                "ami": {"port": 1, "user": "callbridge", "secret": "three"},
            }
        ],
        "skills": ["s"],
        "entries": {"qq": {"queue": "q"}},
        "queues": {"q": {"steps": [{"skills": "s"}]}},
        "agents": {"ann": {"phone": "PJSIP/101", "skills": {"s": 1}}},
    }
    tree(etc, {"callbridge.yaml": json.dumps(config), "sip.conf": "[101]\ntype=friend\n", "pjsip.conf": "[transport]\n"})
    found = {finding.said: finding for finding in [each async for each in examine(load(etc / "callbridge.yaml", {}), etc)]}
    (cut,) = (finding for said, finding in found.items() if "ends at a ';'" in said)
    assert cut.level == "fault"
    assert "ari_additional_custom.conf" in cut.todo
    (tags,) = (finding for said, finding in found.items() if said.startswith("channelvars lacks"))
    assert tags.todo.endswith("so put it into ari_general_custom.conf, without the heading")
    assert any("registered by chan_sip only" in said for said in found)
    assert "the secret of [callbridge] is the one of callbridge's configuration" in found


def test_accounts_at_which_several_devices_may_register_are_read_from_the_file() -> None:
    pjsip = parse(
        "[agent-aor](!)\ntype=aor\nmax_contacts=4\n[1001]\ntype=endpoint\naors=1001\n[1001](agent-aor)\n"
        "[1002]\ntype=endpoint\naors=1002\n[1002]\ntype=aor\nmax_contacts=1\n",
        "pjsip.conf",
    )
    phones = ["PJSIP/1001", "PJSIP/1002", "PJSIP/1003", "SIP/1001"]
    assert etc_files.contacts(phones, pjsip) == {"PJSIP/1001": 4, "PJSIP/1002": 1, "PJSIP/1003": 0, "SIP/1001": 0}
