"""queues.conf as our configuration: it passes `check`, means the same, and says what it could not carry over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callbridge.cli import main
from callbridge.cli.conf_files import read_conf
from callbridge.cli.importing.asterisk import Sources, convert
from callbridge.cli.importing.converted import Converted
from callbridge.core.model.flow import DialplanNode
from callbridge.core.model.plan import AgentOrder, AnnouncementPlan, ToQueue
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from callbridge.wire.asterisk_conf import parse
from tests.adapters.waiting import HANGS
from tests.examples import examples

REAL = """\
[general]
persistentmembers = yes
autofill = yes
monitor-type = MixMonitor

[standard](!)          ; what our queues share
strategy = rrmemory
timeout = 20
wrapuptime = 10
joinempty = yes
ringinuse = no
musicclass = jazz

[support](standard)
servicelevel = 30
weight = 5
announce-frequency = 60
member => PJSIP/1001,0,Alice Morgan
member => PJSIP/1002,1,王小明
member => SIP/1003,2,"Zoë Ó Briain"
member = PJSIP/1004

[sales team](standard)
strategy = linear
member => PJSIP/1001,3,Alice Morgan
member => Local/1005@from-queue/n,0,Ben Carter,hint:1005@ext-local

[500]
timeout = soon
#include members.conf
"""
MEMBERS = "member => pjsip/1002,0,Wang Xiaoming\nmember => Local/s@somewhere,0\nthis line is broken\n"
EXTENSIONS = """\
[from-trunk]
exten => 4420,1,Answer()
 same => n,Queue(support,t,,,300)
exten => 4421,1,Queue(sales team)
exten => 4422,1,Queue(gone)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "queues.conf").write_text(REAL)
    (tmp_path / "members.conf").write_text(MEMBERS)
    (tmp_path / "extensions.conf").write_text(EXTENSIONS)
    return tmp_path


def converted(queues: str, extensions: str | None = None) -> Converted:
    dialplan = parse(extensions, "extensions.conf") if extensions is not None else None
    return convert(Sources(queues=parse(queues, "queues.conf"), extensions=dialplan))


def both(folder: Path) -> Sources:
    return Sources(queues=read_conf(folder / "queues.conf"), extensions=read_conf(folder / "extensions.conf"))


def loaded(result: Converted, folder: Path) -> Settings:
    path = folder / "callbridge.yaml"
    path.write_text(result.text)
    return load(path, {})


def test_a_real_file_comes_over_with_members_penalties_and_times(folder: Path) -> None:
    result = convert(both(folder))
    plan = loaded(result, folder).plan()
    support = plan.queues["support"]
    assert (support.ring_for, support.wrap_up, support.music) == (20.0, 10.0, "jazz")
    routing = support.routings["standard"]
    assert [(step.needs.text, step.lasts) for step in routing.steps] == [("support >= 3", None)]
    assert support.pick is AgentOrder.HIGHEST_LEVEL
    assert plan.queues["500"].pick is AgentOrder.LONGEST_IDLE
    assert routing.answer_within == 30.0
    assert dict(plan.agents["1001"].skills) == {"support": 5, "sales-team": 4}
    assert dict(plan.agents["1002"].skills) == {"support": 4, "skill-500": 5}
    assert (plan.agents["1003"].name, plan.agents["1003"].phone) == ("Zoë Ó Briain", "SIP/1003")
    assert plan.agents["1005"].phone == "PJSIP/1005"
    assert plan.entries == {name: ToQueue(name) for name in ("support", "sales-team", "500")}


def test_callers_may_wait_for_the_lower_penalties_first(folder: Path) -> None:
    plan = loaded(convert(Sources(queues=read_conf(folder / "queues.conf")), 30.0), folder).plan()
    steps = [(step.needs.text, step.lasts) for step in plan.queues["support"].routings["standard"].steps]
    assert steps == [("support >= 5", 30.0), ("support >= 4", 30.0), ("support >= 3", None)]


def test_what_could_not_be_carried_over_stands_in_comments(folder: Path) -> None:
    result = convert(both(folder))
    for said in (
        "# was: persistentmembers = yes: agents who logged in are in Asterisk's database (AstDB), not in this file: asterisk -rx",
        "# was: strategy = linear",
        "# was: weight = 5",
        "# was: [sales team]",
        "# was: also called Wang Xiaoming",
        "# from-trunk,4420 called Queue(support); now: Goto(callbridge-inbound,support,1)",
        "# not read: ",
    ):
        assert said in result.text
    doubts = "\n".join(result.looks.lines)
    for said in ("Local/s@somewhere", "timeout = soon", "Queue(gone)", "was converted to PJSIP/1005", "this line is broken"):
        assert said in doubts


WAITING = """\
[support]
announce-frequency = 90
announce-holdtime = once
queue-thereare = our-thereare
periodic-announce = please-wait,/var/sounds/or-call-back
periodic-announce-frequency = 30
announce = for-support
context = leave
monitor-format = wav49
monitor-type = MixMonitor

[sales]
announce-frequency = 60
announce-position = no
periodic-announce-frequency = 45
context = leave
monitor-format = mp3

[quiet]
announce-position = yes
periodic-announce = never-heard
context = gone
announce = bad name!
reportholdtime = yes
"""
LEAVE = "[leave]\nexten => 1,1,Voicemail(1)\nexten => *,1,Hangup()\n same => n,Hangup()\nexten => 22,1,Hangup()\n"


def test_what_callers_hear_press_and_leave_behind_comes_over(tmp_path: Path) -> None:
    plan = loaded(converted(WAITING, LEAVE), tmp_path).plan()
    support, sales, quiet = (plan.queues[name] for name in ("support", "sales", "quiet"))
    said = support.announcements
    assert (said.first, said.every) == (0.0, 90.0)
    assert said.position == "sound:our-thereare,number:{position},sound:queue-callswaiting"
    assert said.wait == "sound:queue-holdtime,number:{minutes},sound:queue-minutes,sound:queue-thankyou"
    assert (said.periodic, said.periodic_every) == (("sound:please-wait", "sound:/var/sounds/or-call-back"), 30.0)
    assert support.whisper == "sound:for-support"
    assert support.record is not None
    assert support.record.file == "{day}/{queue}/{call}-{part}.WAV"
    assert (sales.announcements.position, sales.announcements.every) == ("", 60.0)
    assert sales.announcements.periodic == ("sound:queue-periodic-announce",)
    assert sales.record is not None
    assert sales.record.file.endswith(".wav")
    assert support.keys == sales.keys == {"1": "leave-1", "*": "leave-star"}
    ways = {name: plan.flows[name].nodes["away"] for name in ("leave-1", "leave-star")}
    assert ways == {
        "leave-1": DialplanNode(context="leave", extension="1"),
        "leave-star": DialplanNode(context="leave", extension="*"),
    }
    assert (quiet.announcements, quiet.keys, quiet.whisper, quiet.record) == (AnnouncementPlan(), {}, "", None)


def test_what_is_to_be_done_by_hand_for_who_waits_is_said(tmp_path: Path) -> None:
    text = converted(WAITING).text
    for said in (
        "# was: announce-holdtime = once: the estimated wait is said every time",
        "# was: periodic-announce = never-heard: nothing was announced without periodic-announce-frequency",
        '# was: context = gone: callers left by a key. For each key write flows: {leave: {nodes: {away: {dialplan: "gone,1"}}}}, '
        'and here keys: {"1": leave}; --extensions FILE does it',
        "# was: announce = bad name!: no name of a sound; whisper: SOUND plays one",
        "# was: monitor-format = mp3: recorded as wav; file: says how",
        "# was: recorded by Monitor, a file for each side",
        "# was: reportholdtime = yes: whisper: tells the agent {queue} and {tier}",
    ):
        assert said in text
    assert "not configured here" not in text
    loaded(converted(WAITING), tmp_path)


def test_the_order_in_which_agents_are_asked_is_that_of_the_penalties(tmp_path: Path) -> None:
    lines = "".join(f"member => PJSIP/{number},{number * 10}\n" for number in range(8))
    result = converted(f"[q]\n{lines}")
    agents = loaded(result, tmp_path).plan().agents
    levels = [dict(agents[str(number)].skills)["q"] for number in range(8)]
    assert levels == sorted(levels, reverse=True)
    assert set(levels) == {1, 2, 3, 4, 5}
    assert "8 different penalties" in "\n".join(result.looks.lines)


@pytest.mark.parametrize(
    "text",
    [
        "[empty]\n",
        "[q]\nmember => PJSIP/1\n[q]\nmember => PJSIP/2\n",
        "[a b]\n[a-b]\n[a.b]\n[and]\n[yes]\n[x]\n[客服]\nmember => PJSIP/1,0,李娜\n",
        "[q]\nmember =>\nmember => ,,\nmember => PJSIP/1,x,Name\nmember => Agent/1\nmember => PJSIP/1@trunk\n",
        "[q]\nmember => PJSIP/1,0,\"${NAME} : # 'x' \\ ok\"\nmusicclass = ${M}\n",
        "[q]\ntimeout=0\nwrapuptime=99999999\nservicelevel=-1\nstrategy=unheard\n",
        "[q]\nmember => PJSIP/1,0,Tab\tand\x07bell\n",
        "[q]\n" + "".join(f"member => PJSIP/{number},{number % 3},{'N' * 300}\n" for number in range(50)),
    ],
)
def test_whatever_the_file_holds_the_result_passes_check(text: str, tmp_path: Path) -> None:
    loaded(converted(text), tmp_path)


WORDS = st.text(alphabet="ab1 ,=>[](){}:#'\"\\$%&*!?|-_/@.\tü客\x00\x1b", max_size=12)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples: each overwrites the file of the last one."""
    return tmp_path_factory.mktemp("odd")


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=6))
@settings(max_examples=examples(150, fast=10), deadline=None)
def test_odd_names_never_break_the_result(odd: Path, rows: list[tuple[str, str, str]]) -> None:
    text = "".join(
        f"[{queue}]\nmember => PJSIP/{agent},1,{name}\nmember => {name}\nmusicclass={agent}\n"
        f"announce={name}\ncontext={agent}\nmonitor-format={name}\nannounce-frequency=9\nqueue-thereare={queue}\n"
        f"periodic-announce={name},{agent}\nperiodic-announce-frequency=9\n"
        for queue, agent, name in rows
    )
    dialplan = "".join(
        f"[in-{place}]\nexten => 1,1,Set({queue}={agent})\nsame => n,ExecIf($[{name}]?Set(CALLERID(name)={queue}))\n"
        f"same => n,Playback({name})\nsame => n,Queue({queue},{agent},,,{name})\nsame => n,Goto({name},{agent},{place})\n"
        f"[{agent}]\nexten => 1,1,Goto({queue})\nexten => {name},hint,{agent}\nexten => _{name},1,Dial({agent}/${{EXTEN}})\n"
        for place, (queue, agent, name) in enumerate(rows)
    )
    loaded(converted(f"[one]\nmaxlen=3\n{text}", dialplan), odd)


def test_a_file_in_latin_letters_is_read_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "queues.conf"
    path.write_bytes("[q]\r\nmember => PJSIP/1,0,Zoë\r\n".encode("cp1252"))
    assert main(["import", str(path)]) == 0
    said = capsys.readouterr()
    assert 'name: "Zoë"' in said.out
    assert "read as Windows-1252" in said.err
    assert "1 queue and 1 agent converted" in said.err


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_that_an_editor_saved_as_utf_16_is_read_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    path = tmp_path / "queues.conf"
    path.write_bytes("[600]\r\nmember => PJSIP/1,0,王小明\r\n".encode(encoding))
    assert main(["import", str(path)]) == 0
    said = capsys.readouterr()
    assert 'name: "王小明"' in said.out
    assert f"{encoding.upper()}, which Asterisk itself cannot read" in said.err
    assert "1 queue and 1 agent converted" in said.err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "[ext-queues]\nexten => 600,1,Queue(600)\n",
            "[ext-queues] has extensions, so it is a dialplan, which --extensions takes",
        ),
        ("[101]\ntype = endpoint\n", "[101] has type = endpoint"),
    ],
)
def test_another_file_than_queues_conf_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    path = tmp_path / "other.conf"
    path.write_text(text)
    assert main(["import", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"callbridge: {path} is not a queues.conf: {why}")
    assert said.err.count("\n") == 1


def test_files_in_which_nothing_is_found_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "queues.conf"
    path.write_text("[600]\nmember => PJSIP/1\n")
    assert main(["import", str(path), "--extensions", str(path), "--members", str(path)]) == 0
    said = capsys.readouterr().err
    assert f"look at: {path} has no extension: is it the dialplan, with the files that it includes?\n" in said
    assert f"look at: {path} lists no queue: it takes what `queue show` prints, or `database show`\n" in said


@pytest.mark.slow
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    members = "".join(f"member => PJSIP/{number}\n" for number in range(1000, 1400))  # more than a buffer holds
    (tmp_path / "queues.conf").write_text(f"[600]\nstrategy=leastrecent\n{members}")
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "callbridge", "import", str(tmp_path / "queues.conf")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=HANGS)
    assert (done.returncode, done.stderr) == (1, "callbridge: cannot write the output: No space left on device\n")


def test_our_own_fallback_queue_is_not_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An import after the installation, as when a queue was added meanwhile."""
    shown = "{} has 0 calls (max unlimited) in 'rrmemory' strategy (0s holdtime, 0s talktime), W:0, C:0, A:0, SL:0.0% within 0s\n"
    member = "      Ann (PJSIP/1) (ringinuse disabled) (dynamic) (Not in use) has taken no calls yet\n"
    (tmp_path / "queues.conf").write_text("[600]\nmember => PJSIP/1\n[callbridge-fallback]\njoinempty=yes\n")
    (tmp_path / "members.txt").write_text(shown.format("callbridge-fallback") + member + shown.format("600") + member)
    assert main(["import", str(tmp_path / "queues.conf"), "--members", str(tmp_path / "members.txt")]) == 0
    said = capsys.readouterr()
    assert "callbridge-fallback" not in said.out + said.err
    assert "1 queue and 1 agent converted" in said.err


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path / "none.conf")]) == 1
    assert capsys.readouterr().err == f"callbridge: {tmp_path / 'none.conf'}: No such file or directory\n"
    assert main(["import", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "[general]\nautofill=yes\n", "[t](!)\n"])
def test_a_file_without_queues_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "queues.conf").write_text(text)
    assert main(["import", str(tmp_path / "queues.conf")]) == 1
    assert capsys.readouterr() == ("", f"callbridge: {tmp_path / 'queues.conf'}: contains no queue\n")


def test_the_printed_configuration_passes_the_command_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(folder / "queues.conf"), "--extensions", str(folder / "extensions.conf")]) == 0
    (folder / "callbridge.yaml").write_text(capsys.readouterr().out)
    assert main(["check", "-c", str(folder / "callbridge.yaml")]) == 0
    assert "queue support: highest_level, rings 20s, wrap-up 10s" in capsys.readouterr().out
