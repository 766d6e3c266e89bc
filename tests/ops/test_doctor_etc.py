"""`doctor --etc`: what the PBX's files show that no connection does."""

from __future__ import annotations

import pytest

from callbridge.cli.doctor import etc_files
from callbridge.wire.asterisk_conf import parse


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
        ("[cb]\nsecret=fine\n[other]\nsecret = a;b\n", ["manager.conf:4: the secret of [other] ends at a ';'"]),
        ("[cb]\nsecret=fine;ours\n", ["manager.conf:2: the secret of [cb] ends at a ';'"]),
        ("[cb]\nsecret=fine ;ours\n[other]\nsecret = a\\;b\nread = call;all\n", []),
        ("[cb]\nsecret=fine;-- a block --; \n", []),
    ],
)
def test_other_passwords_that_end_at_a_semicolon_are_doubted(text: str, lines: list[str]) -> None:
    findings = etc_files.passwords(parse(text, "manager.conf"), "manager.conf", "cb", "fine")
    found = [finding.said for finding in findings if finding.level == "warning"]
    assert [said.partition(", which")[0] for said in found] == lines


def test_an_encrypted_password_cannot_be_compared() -> None:
    conf = parse("[cb]\npassword_format = crypt\npassword = $6$x\n", "ari.conf")
    assert [*etc_files.passwords(conf, "ari.conf", "cb", "plain")] == []
    assert [*etc_files.passwords(parse("[x]\n", "ari.conf"), "ari.conf", "cb", "plain")] == []
