"""Members that are in no file: listed by a running Asterisk, or kept in its database."""

from __future__ import annotations

from pathlib import Path

import pytest

from callbridge.cli.importing.members import read_members
from callbridge.cli.importing.phones import Member
from tests.ops.importing import run, tree

SHOWN = """\
600 has 0 calls (max unlimited) in 'rrordered' strategy (0s holdtime, 0s talktime), W:0, C:0, A:0, SL:0.0%, SL2:0.0% within 60s
   Members: 
      Agent One (Local/101@from-queue/n from hint:101@ext-local) (ringinuse enabled) (dynamic) (\x1b[1;32;40mNot in use\x1b[0m) has taken no calls yet
      Bob (night) (PJSIP/102) with penalty 2 (ringinuse disabled) (realtime) (paused:Lunch was 20 secs ago) (Unavailable) has taken 3 calls (last was 100 secs ago)
      PJSIP/103 (ringinuse disabled) (In use) has taken no calls yet
   No Callers

default has 0 calls (max unlimited) in 'ringall' strategy (0s holdtime, 0s talktime), W:0, C:0, A:0, SL:0.0%, SL2:0.0% within 0s
   No Members
   No Callers
"""  # noqa: W291, E501
STORED = """\
/Queue/PersistentMembers/600   : Local/101@from-queue/n;0;0;Agent One;hint:101@ext-local;0|PJSIP/102;2;1;Bob;PJSIP/102
1 results found.
"""
ALLOWED = """\
/QPENALTY/600/agents/104                          : 3
/QPENALTY/600/dynmemberonly                       : yes
2 results found.
"""


def test_queue_show_is_read_with_colours_names_and_penalties() -> None:
    listed = read_members(SHOWN)
    assert listed.members == {
        "600": [
            Member("Local/101@from-queue/n", 0, "Agent One", "hint:101@ext-local", fixed=False),
            Member("PJSIP/102", 2, "Bob (night)"),
            Member("PJSIP/103"),
        ],
        "default": [],
    }
    assert (listed.strategies["600"], listed.targets["600"]) == ("rrordered", "60")


def test_the_database_is_read() -> None:
    assert read_members(STORED).members == {
        "600": [
            Member("Local/101@from-queue/n", 0, "Agent One", "hint:101@ext-local", fixed=False),
            Member("PJSIP/102", 2, "Bob", "PJSIP/102", fixed=False),
        ]
    }
    assert read_members(ALLOWED).members == {"600": [Member("Local/104@from-queue/n", 3, fixed=False)]}
    assert read_members("No such command\n0 results found.\n").members == {}


@pytest.mark.parametrize("listing", [SHOWN, STORED, SHOWN + STORED + ALLOWED])
def test_members_from_elsewhere_become_agents_once(listing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = "[general]\npersistentmembers=yes\n[600]\nmember=Local/101@from-queue/n,0,Agent One,hint:101@ext-local\n"
    tree(tmp_path, {"queues.conf": written, "members.txt": listing})
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--members", tmp_path / "members.txt")
    agents = found.plan.agents
    assert {"101", "102"} <= agents.keys()
    assert agents["101"].login
    assert dict(agents["102"].skills)["skill-600"] < dict(agents["101"].skills)["skill-600"]
    assert not any("persistentmembers" in line for line in found.looks)


def test_a_queue_of_a_database_comes_from_what_asterisk_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extconfig = "[settings]\nqueues => odbc,asterisk,queues\nqueue_members => odbc,asterisk\nvoicemail => odbc,asterisk\n"
    tree(tmp_path, {"queues.conf": "[general]\n[601]\n", "extconfig.conf": extconfig, "members.txt": SHOWN})
    alone = run(capsys, tmp_path, tmp_path / "queues.conf")
    for table in ("queues", "queue_members"):
        assert "queue show" in alone.look(f"extconfig.conf keeps {table} ")
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--members", tmp_path / "members.txt")
    assert set(found.plan.queues) == {"600", "601"}
    assert "only in --members" in found.look("[600]", "is not in the file")
    assert found.plan.queues["600"].routings["standard"].answer_within == 60.0
