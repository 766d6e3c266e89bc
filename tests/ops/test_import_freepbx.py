"""FreePBX keeps half of a queue in the dialplan: what stands around `Queue()`, and the hints, come over with the queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from callbridge.core.model.flow import Condition, DialplanNode, GoodbyeNode, QueueNode
from callbridge.core.model.plan import OverflowRule, Penalty, Plan, QueuePlan, ToDialplan, ToFlow, ToQueue
from tests.ops.importing import Import, run, tree

pytestmark = pytest.mark.slow

CASE = Path(__file__).parents[1] / "cases" / "freepbx"


@pytest.fixture
def case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    return run(capsys, tmp_path, CASE / "queues.conf", "--extensions", CASE / "extensions.conf")


def overflows(queue: QueuePlan) -> list[OverflowRule]:
    return list(queue.overflow)


def test_the_maximum_wait_and_what_comes_after_it_are_kept(case: Import) -> None:
    assert overflows(case.plan.queues["600"]) == [
        OverflowRule(when=Condition(waited=30.0), to=ToDialplan("ext-local", "vmu101"), reason="waited_too_long")
    ]


def test_a_limit_of_waiting_callers_is_kept(case: Import) -> None:
    (rule,) = overflows(case.plan.queues["601"])
    assert (rule.when, rule.to, rule.reason) == (Condition(waiting=12), ToFlow("hang-up"), "full")
    assert case.plan.flows["hang-up"].nodes == {"away": GoodbyeNode(media="")}


def test_recording_music_announcements_and_keys_are_kept(case: Import) -> None:
    first, second = case.plan.queues["600"], case.plan.queues["601"]
    assert first.record is not None
    assert second.record is not None
    assert (first.music, second.music) == ("waiting", "jazz")
    assert second.announcements.greeting == "sound:welcome-601"
    assert second.announcements.every == 30.0
    assert second.announcements.position
    assert second.keys == {"1": "ivr-601-1", "9": "ivr-601-9"}
    assert case.plan.flows["ivr-601-1"].nodes["away"] == QueueNode(queue="600")
    assert case.plan.flows["ivr-601-9"].nodes["away"] == DialplanNode(context="ivr-601", extension="9")


def test_phones_are_those_of_the_hints_and_an_outside_number_is_none(case: Import) -> None:
    assert {name: agent.phone for name, agent in case.plan.agents.items()} == {
        "101": "SIP/101",
        "102": "PJSIP/102",
        "103": "PJSIP/103",
    }
    assert "chan_sip" in case.look("agent 101")
    assert case.plan.agents["102"].phones == ("PJSIP/102", "PJSIP/99102"), "both rang, so both ring"
    assert "outside number" in case.look("Local/5551234567@from-queue/n")
    assert case.plan.agents["101"].login


def test_nonsense_is_doubted_and_defaults_are_silent(case: Import) -> None:
    assert case.plan.queues["600"].ring_for == 30.0, "no longer than callers may wait"
    assert "2h30m" in case.look("[600]", "timeout = 9000")
    assert set(case.plan.queues) == {"600", "601"}
    for silent in (": announce-frequency", "joinempty", "maxlen", "retry", "weight", "rrordered", "not configured here"):
        assert silent not in "\n".join(case.looks)
    assert "--members" in case.look("persistentmembers")
    assert len(case.looks) == 6, case.looks


# -- as FreePBX 15 to 17 write it -------------------------------------------------------------------------------------

GENERATED = {
    "queues.conf": """\
[general]
#include queues_general_additional.conf
#include queues_custom_general.conf
#include queues_additional.conf
#include queues_custom.conf
""",
    "queues_general_additional.conf": "persistentmembers=yes\nautofill=yes\nmonitor-type=MixMonitor\nshared_lastcall=yes\n",
    "queues_custom_general.conf": "",
    "queues_custom.conf": "",
    "queues_additional.conf": """\
[400]
announce-frequency=0
announce-holdtime=no
announce-position=no
autofill=no
autopause=no
autopausebusy=no
autopausedelay=0
autopauseunavail=no
cron_random=false
cron_schedule=never
joinempty=strict
leavewhenempty=no
maxlen=5
memberdelay=0
min-announce-frequency=15
monitor-format=
monitor-join=yes
penaltymemberslimit=0
periodic-announce-frequency=0
queue-callswaiting=silence/1
queue-thankyou=
queue-thereare=silence/1
queue-youarenext=silence/1
reportholdtime=no
retry=none
ringinuse=yes
servicelevel=60
strategy=ringall
timeout=0
timeoutpriority=app
timeoutrestart=no
weight=0
wrapuptime=0
rvolume=0
rtone=0
context=ivr-2
member=Local/201@from-queue/n,0,\"Doe, Jane\",hint:201@ext-local

[401]
strategy=rrmemory
timeout=20

[402]
joinempty=no
leavewhenempty=no
""",
    "extensions.conf": "#include extensions_additional.conf\n#include extensions_gone.conf\n",
    "extensions_additional.conf": """\
[globals]
QUEUEMUSIC = rock

[ext-queues]
include => ext-queues-custom
exten => 400,1,Macro(user-callerid,)
exten => 400,n,Answer
exten => 400,n,Macro(blkvm-set,reset)
exten => 400,n,Set(__NODEST=${EXTEN})
exten => 400,n,Set(QCIDPP=${IF($[${LEN(${VQ_CIDPP})}>0]?${VQ_CIDPP}:Sales)})
exten => 400,n,Set(VQ_CIDPP=)
exten => 400,n,ExecIf($["${QCIDPP}"!=""]?Macro(prepend-cid,${QCIDPP}))
exten => 400,n,Set(QMOH=${IF($["${VQ_MOH}"!=""]?${VQ_MOH}:${QUEUEMUSIC})})
exten => 400,n,ExecIf($["${QMOH}"!=""]?Set(__MOHCLASS=${QMOH}))
exten => 400,n,Set(QJOINMSG=${IF($[${LEN(${VQ_JOINMSG})}>0]?${IF($["${VQ_JOINMSG}"!="0"]?${VQ_JOINMSG}: )}:custom/hello)})
exten => 400,n,ExecIf($["${QJOINMSG}"!=""]?Playback(${QJOINMSG}, ))
exten => 400,n,Set(QOPTIONS=${IF($[${LEN(${VQ_OPTIONS})}>0]?${VQ_OPTIONS}:tR)})
exten => 400,n,Set(QGOSUB=${IF($[${LEN(${VQ_GOSUB})}>0]?${VQ_GOSUB}:)})
exten => 400,n,Gosub(sub-record-check,s,1(q,400,force))
exten => 400,n,Set(QMAXWAIT=${IF($[${LEN(${VQ_MAXWAIT})}>0]?${VQ_MAXWAIT}:300)})
exten => 400,n,Set(VQ_MAXWAIT=)
exten => 400,n,Set(QAANNOUNCE=${IF($[${LEN(${VQ_AANNOUNCE})}>0]?${VQ_AANNOUNCE}:custom/whisper)})
exten => 400,n(qcall),Queue(400,${QOPTIONS},,${QAANNOUNCE},${QMAXWAIT},${QAGI},,${QGOSUB},${QRULE},${QPOSITION})
exten => 400,n,Macro(blkvm-clr)
exten => 400,n,Gosub(sub-record-cancel,s,1())
exten => 400,n,Set(__NODEST=)
exten => 400,n(gotodest),Goto(ext-queues,401,1)
exten => 401,1,Answer
exten => 401,n,Gosub(sub-record-check,s,1(q,401,dontcare))
exten => 401,n,Queue(401,t,,,)
exten => 401,n(gotodest),Goto(app-blackhole,hangup,1)

[ivr-2]
include => ivr-2-custom
exten => 1,1(ivrsel-1),Macro(blkvm-clr,)
exten => 1,n,Goto(ext-queues,401,1)
exten => 10,1,Goto(ext-local,201,1)
exten => s,1,Hangup
exten => t,1,Hangup

[ivr-2-custom]
exten => _[34],1,Hangup

[ext-local]
exten => 201,1,Macro(exten-vm,novm,201,0,0,0)
exten => 201,hint,PJSIP/201&Custom:DND201,CustomPresence:201
""",
}


@pytest.fixture
def generated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    tree(tmp_path, GENERATED)
    return run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf")


def test_what_the_program_sets_by_variables_is_kept(generated: Import) -> None:
    queue = generated.plan.queues["400"]
    assert queue.announcements.greeting == "sound:custom/hello"
    assert queue.record is not None
    assert queue.record.file.endswith(".wav")
    assert queue.music == "rock"
    assert [(rule.when, rule.to, rule.reason) for rule in queue.overflow] == [
        (Condition(waiting=5), ToQueue("401"), "full"),
        (Condition(agents=0), ToQueue("401"), "nobody"),
        (Condition(waited=300.0), ToQueue("401"), "waited_too_long"),
    ]
    assert queue.keys == {"1": "ivr-2-1", "3": "ivr-2-3", "4": "ivr-2-4"}
    assert generated.plan.agents["201"].name == "Doe, Jane"
    assert generated.plan.agents["201"].phone == "PJSIP/201"
    assert generated.plan.queues["401"].overflow == ()


@pytest.mark.parametrize(
    "words",
    [
        ("[400]", "'Sales'", "display:"),
        ("[400]", "option R"),
        ("[400]", "argument 4", "announcement", "custom/whisper"),
        ("[400]", "joinempty = strict", "leave as well"),
        ("[400]", "joinempty = strict", "logged in"),
        ("[400]", "context = ivr-2", "10"),
        ("[400]", "retry = none"),
        ("[400]", "strategy = ringall"),
        ("[402]", "strategy = ringall"),
        ("[400]", "timeout = 0", "1m was written"),
        ("[401]", "dontcare"),
        ("extensions_gone.conf",),
    ],
    ids=" ".join,
)
def test_what_cannot_be_kept_is_a_line_each(generated: Import, words: tuple[str, ...]) -> None:
    generated.look(*words)


# -- one small dialplan each ------------------------------------------------------------------------------------------

QUEUES = "[600]\nstrategy=leastrecent\nmaxlen=3\nmember=PJSIP/101\n[601]\nstrategy=leastrecent\n"


def of(plan: Plan, queue: str = "600") -> list[tuple[Condition, object]]:
    return [(rule.when, rule.to) for rule in plan.queues[queue].overflow]


MODULE = """\
[ext-queues]
exten => 600,1,Gosub(macro-user-callerid,s,1())
exten => 600,n,Answer
exten => 600,n,Set(QCIDPP=${IF($[${LEN(${VQ_CIDPP})}>0]?"${VQ_CIDPP}":Sales: )})
exten => 600,n,ExecIf($["${QCIDPP}"!=""]?Gosub(macro-prepend-cid,s,1(${QCIDPP})))
exten => 600,n,Set(QRETRY=${IF($[${LEN(${VQ_RETRY})}>0]?${VQ_RETRY}: )})
exten => 600,n(qoptions),Set(QOPTIONS=${IF($[${LEN(${VQ_OPTIONS})}>0]?${VQ_OPTIONS}:t)}${QCANCELMISSED}${QRINGOPTS}${QRETRY})
exten => 600,n(qgosub),Set(QGOSUB=${IF($[${LEN(${VQ_GOSUB})}>0]?${VQ_GOSUB}:${QGOSUB})})
exten => 600,n(qagi),Set(QAGI=${IF($[${LEN(${VQ_AGI})}>0]?${VQ_AGI}:${QAGI})})
exten => 600,n(qrule),Set(QRULE=${IF($[${LEN(${VQ_RULE})}>0]?${IF($["${VQ_RULE}"!="0"]?${VQ_RULE}: )}:${QRULE})})
exten => 600,n(qposition),Set(QPOSITION=${IF($[${LEN(${VQ_POSITION})}>0]?${VQ_POSITION}:${QPOSITION})})
exten => 600,n,Set(QMAXWAIT=${IF($[${LEN(${VQ_MAXWAIT})}>0]?${VQ_MAXWAIT}:30)})
exten => 600,n(qcall),Queue(600,${QOPTIONS},,${QAANNOUNCE},${QMAXWAIT},${QAGI},,${QGOSUB},${QRULE},${QPOSITION})
exten => 600,n,Gosub(macro-blkvm-clr,s,1())
exten => 600,n,Set(QDEST=${VQ_DEST})
exten => 600,n,Set(VQ_DEST=)
exten => 600,n(gotodest),GotoIf($["${QDEST}"=""]?GOTODEST:${CUT(QDEST,^,1)},${CUT(QDEST,^,2)},${CUT(QDEST,^,3)})
"""
"""As the module for queues writes it since 2014: the fail-over destination is the first branch, variables name themselves."""


@pytest.mark.parametrize(
    ("destination", "to"),
    [("ext-local,vmu101,1", ToDialplan("ext-local", "vmu101")), ("ext-queues,601,1", ToQueue("601"))],
)
def test_the_destination_before_the_colon_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], destination: str, to: object
) -> None:
    more = "exten => 601,1,Queue(601,t)\n"
    tree(tmp_path, {"queues.conf": QUEUES, "extensions.conf": MODULE.replace("GOTODEST", destination) + more})
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf")
    assert of(found.plan) == [(Condition(waiting=3), to), (Condition(waited=30.0), to)]
    assert found.looks == [
        "[600] ext-queues,600: 'Sales:' stood before the caller's name: display: says what phones show ({queue}, {tier})"
    ]


@pytest.mark.parametrize(
    ("lines", "to"),
    [
        ("Set(X=1)\n same => n,GotoIf($[${X}=1]?2,1:3,1)", "in,2"),
        ("Set(X=1)\n same => n,GotoIf($[${X}!=1]?2,1:3,1)", "in,3"),
        ("Set(X=1)\n same => n,GotoIf($[${X}!=1]?2,1)\n same => n,Goto(3,1)", "in,3"),
        ("Set(X=1)\n same => n,GotoIf($[${X}=1]?:2,1)\n same => n,Hangup", "hang-up"),
        ("Set(X=1)\n same => n,GotoIf($[${X}=2]?${EXTEN:1},1:3,1)", "in,3"),
        ("Gosub(macro-hangupcall,s,1())", "hang-up"),
        ("GotoIf($[${CALLERID(num)}=1]?2,1:3,1)", "callbridge-after-queue,600"),
    ],
)
def test_a_choice_behind_the_queue_is_followed_where_it_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: str, to: str
) -> None:
    dialplan = f"[in]\nexten => 1,1,Queue(600)\n same => n,{lines}\nexten => 2,1,Playback(a)\nexten => 3,1,Playback(b)\n"
    tree(tmp_path, {"queues.conf": QUEUES, "extensions.conf": dialplan})
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf")
    ((when, way),) = of(found.plan)
    assert when == Condition(waiting=3)
    expected = ToFlow(to) if to == "hang-up" else ToDialplan(*to.split(","))
    assert way == expected


@pytest.mark.parametrize(
    ("dialplan", "rules", "look"),
    [
        ("exten => 1,1,Queue(600,t,,,40)", [(Condition(waiting=3), "hang-up"), (Condition(waited=40.0), "hang-up")], ""),
        ("exten => 1,1,Queue(600)\n same => n,Hangup()", [(Condition(waiting=3), "hang-up")], ""),
        ("exten => 1,1,Queue(600)\n same => n,Goto(more,s,1)", [(Condition(waiting=3), "more,s")], ""),
        ("exten => 1,1,Queue(600)\n same => n,Goto(2,1)\nexten => 2,1,Hangup", [(Condition(waiting=3), "in,2")], ""),
        (
            "exten => 1,1,Queue(600)\n same => n,Voicemail(600)",
            [(Condition(waiting=3), "callbridge-after-queue,600")],
            "[callbridge-after-queue] exten => 600,1,Goto(in,1,2)",
        ),
        (
            "exten => 1,1,Queue(600)\n same => n,Goto(away)\n same => n(away),Playback(sorry)",
            [(Condition(waiting=3), "callbridge-after-queue,600")],
            "Goto(in,1,3)",
        ),
        ("exten => 1,1,Queue(600)\n same => n,Goto(1,1)", [], "where callers went cannot be determined"),
        ("exten => _6XX,1,Queue(${EXTEN})\n same => n,Hangup", [(Condition(waiting=3), "hang-up")], ""),
        ("exten => 9,1,Queue(601)", [], "where callers went cannot be determined"),
        (
            "exten => 1,1,Queue(600,,,,20)\nexten => 2,1,Queue(600,,,,40)",
            [(Condition(waiting=3), "hang-up"), (Condition(waited=20.0), "hang-up")],
            "callers waited differently, by where they came from: in,1 20s, in,2 40s",
        ),
        ("exten => 1,1,Queue(600,,,,${LONG})", [(Condition(waiting=3), "hang-up")], "depends on the call"),
        ("exten => 1,1,Set(QUEUE_PRIO=9)\n same => n,Queue(600)", [(Condition(waiting=3), "hang-up")], "head_start"),
        ("exten => 1,1,Queue(600,n)", [(Condition(waiting=3), "hang-up")], "option n of Queue()"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_where_callers_go_who_are_not_served(
    dialplan: str, rules: list[tuple[Condition, str]], look: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree(tmp_path, {"queues.conf": QUEUES, "extensions.conf": f"[in]\n{dialplan}\n"})
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf")
    texts = [
        (when, to.flow if isinstance(to, ToFlow) else f"{to.context},{to.extension}" if isinstance(to, ToDialplan) else "?")
        for when, to in of(found.plan)
    ]
    assert texts == rules
    assert look in "\n".join(found.looks)


def test_without_the_dialplan_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(tmp_path, {"queues.conf": QUEUES})
    found = run(capsys, tmp_path, tmp_path / "queues.conf")
    assert found.plan.queues["600"].overflow == ()
    assert "--extensions" in found.look("[600]", "waiting: 3")


@pytest.mark.parametrize(
    ("member", "phone", "look"),
    [
        ("PJSIP/101", "PJSIP/101", ""),
        ("pjsip/101,0,Ann", "PJSIP/101", ""),
        ("SIP/101", "SIP/101", "chan_sip"),
        ("Local/101@agents/n", "PJSIP/alice", ""),
        ("Local/7001@agents/n", "PJSIP/7001", ""),
        ("Local/101@elsewhere/n,0,Ann,PJSIP/5", "PJSIP/5", ""),
        ("Local/102@agents/n", None, "outside number or a group"),
        ("Local/00441234567@from-internal/n", None, "outside number"),
        ("Agent/1001", None, "agent of agents.conf"),
        ("PJSIP/0123@trunk", None, "dials out through a trunk"),
        ("Console/dsp", None, "not a phone that can be called"),
    ],
)
def test_the_phone_behind_a_member(
    member: str, phone: str | None, look: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dialplan = (
        "[agents]\nexten => 101,1,Dial(PJSIP/alice,20)\nexten => _7XXX,1,NoOp()\n same => n,Dial(PJSIP/${EXTEN})\n"
        "exten => 102,1,Dial(PJSIP/0123@trunk)\n[hints]\nexten => 300,hint,PJSIP/300\n"
    )
    tree(tmp_path, {"queues.conf": f"[600]\nmember => {member}\n", "extensions.conf": dialplan})
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf")
    assert [agent.phone for agent in found.plan.agents.values()] == ([phone] if phone else [])
    assert look in "\n".join(found.looks)


@pytest.mark.parametrize(
    ("hint", "agent", "look"),
    [
        ("PJSIP/101&Custom:DND101", "phone: PJSIP/101", ""),
        ("pjsip/101&PJSIP/101&PJSIP/99101", "phones: [PJSIP/101, PJSIP/99101]", ""),
        ("PJSIP/5001&Custom:DND101", "phone: PJSIP/5001, hint: 101@ext-local", ""),
        ("SIP/101&PJSIP/99101", "phones: [SIP/101, PJSIP/99101]", "SIP/101 is a chan_sip phone"),
        ("&".join(f"PJSIP/10{number}" for number in range(1, 10)), "", "PJSIP/109 will not ring"),
    ],
)
def test_all_devices_of_an_extension_ring_and_its_hint_is_kept_where_no_phone_is_named_like_it(
    hint: str, agent: str, look: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    member = "member=Local/101@from-queue/n,0,Ann,hint:101@ext-local\n"
    tree(tmp_path, {"queues.conf": f"[600]\n{member}", "extensions.conf": f"[ext-local]\nexten => 101,hint,{hint}\n"})
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf")
    assert agent in found.text.replace('"', "")
    assert look in "\n".join(found.looks)


def test_an_outside_number_with_a_penalty_makes_no_level_and_no_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members = "member=Local/101@from-queue/n,0,Ann\nmember=Local/5551234567@from-queue/n,5,Night\n"
    hint = "[ext-local]\nexten => 101,hint,PJSIP/101\n"
    tree(tmp_path, {"queues.conf": f"[600]\n{members}", "extensions.conf": hint})
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf", "--widen", "30s")
    assert "pick: longest_idle" in found.text
    assert found.text.count("- {skills:") == 1


def test_members_that_share_a_device_are_one_agent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queues = "[600]\nmember=PJSIP/99101\n[601]\nmember=Local/101@from-queue/n,0,Ann\n[602]\nmember=PJSIP/101\n"
    hint = "[ext-local]\nexten => 101,hint,PJSIP/101&PJSIP/99101\n"
    tree(tmp_path, {"queues.conf": queues, "extensions.conf": hint})
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf")
    (agent,) = found.plan.agents.values()
    assert (agent.name, agent.phones) == ("Ann", ("PJSIP/99101", "PJSIP/101"))
    assert len(agent.skills) == 3


@pytest.mark.parametrize(
    ("text", "no_answer", "rejected"),
    [
        ("", Penalty(rest=5), Penalty(rest=10)),
        ("autopause=no\nretry=2\n", Penalty(rest=2), Penalty(rest=10)),
        ("autopause=yes\nautopausebusy=yes\n", Penalty(not_ready="rona"), Penalty(not_ready="rona")),
        ("autopause=all\nretry=none\n", Penalty(not_ready="rona"), Penalty(rest=10)),
    ],
)
def test_agents_who_miss_a_call_are_paused_only_if_they_were(
    text: str, no_answer: Penalty, rejected: Penalty, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree(tmp_path, {"queues.conf": f"[600]\n{text}"})
    queue = run(capsys, tmp_path, tmp_path / "queues.conf").plan.queues["600"]
    assert (queue.no_answer, queue.rejected) == (no_answer, rejected)


@pytest.mark.parametrize(
    ("text", "queues", "look"),
    [
        ("[general]\n[600]\n[general]\nautofill=yes\n", {"600"}, "[general]: occurs 2 times"),
        ("[600]\n[600]\nmaxlen=0\n", {"600"}, "[600]: occurs twice"),
        ("[default]\n\n[600]\n", {"600"}, ""),
        ("[default]\nmember=PJSIP/1\n[600]\n", {"600", "default"}, ""),
        ("[both](!)\nweight=2\n[600](both)\n[601](both)\nweight=0\n", {"600", "601"}, "[600]: weight = 2"),
        ("[600]\nannounce=semi\\;colon\nmusic=a ; not this\n", {"600"}, "announce = semi;colon"),
        ("[600]\nwrapuptime=99999\n", {"600"}, "wrapuptime = 99999 is 27h46m39s; 1h was written instead"),
        ("[600]\nannounce-frequency=90000\n", {"600"}, "25h between two announcements"),
    ],
)
def test_files_as_people_write_them(
    text: str, queues: set[str], look: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree(tmp_path, {"queues.conf": text})
    found = run(capsys, tmp_path, tmp_path / "queues.conf")
    assert set(found.plan.queues) == queues
    assert look in "\n".join(found.looks)


WIDENING = [("skill-600 >= 5", 30.0), ("skill-600 >= 4", 30.0), ("skill-600 >= 3", None)]
MEMBERS = "member => PJSIP/1\nmember => PJSIP/2,3\nmember => PJSIP/3,9\n"


@pytest.mark.parametrize(
    ("rule", "highest", "steps", "look"),
    [
        ("", "", [("skill-600 >= 3", None)], ""),
        ("", "0", [("skill-600 >= 5", None)], ""),
        ("penaltychange => 30,3\npenaltychange => 60,9", "0", WIDENING, ""),
        ("penaltychange => 60,+9\npenaltychange => 30,+1", "2", WIDENING, ""),
        ("penaltychange => 0,3\npenaltychange => 10,9", "0", [("skill-600 >= 4", 10.0), ("skill-600 >= 3", None)], ""),
        ("penaltychange => 30,9,5", "0", [("skill-600 >= 5", 30.0), ("skill-600 >= 3", None)], "only the highest penalty"),
        ("penaltychange => soon,9", "0", [("skill-600 >= 5", None)], "no such rule"),
    ],
)  # fmt: skip
def test_penalties_that_change_while_a_caller_waits_are_steps(
    rule: str,
    highest: str,
    steps: list[tuple[str, float | None]],
    look: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ruled = "defaultrule=wide\n" if rule else ""
    first = f" same => n,Set(QUEUE_MAX_PENALTY={highest})\n" if highest else ""
    tree(
        tmp_path,
        {
            "queues.conf": f"[600]\n{ruled}{MEMBERS}",
            "queuerules.conf": f"[general]\n[wide]\n{rule}\n",
            "extensions.conf": f"[in]\nexten => 1,1,Answer()\n{first} same => n,Queue(600)\n",
        },
    )
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf")
    routing = found.plan.queues["600"].routings["standard"]
    assert [(step.needs.text, step.lasts) for step in routing.steps] == steps
    assert look in "\n".join(found.looks)


def test_an_outside_number_is_no_phone_though_a_pattern_would_dial_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dialplan = "[from-queue]\nexten => _X.,1,Dial(PJSIP/${EXTEN},15)\n[ext-local]\nexten => 101,hint,PJSIP/101\n"
    members = "member=Local/5551234567@from-queue/n,0,Night\nmember=Local/102@from-queue/n,0,Two\n"
    tree(tmp_path, {"queues.conf": "[600]\n" + members, "extensions.conf": dialplan})
    found = run(capsys, tmp_path, tmp_path / "queues.conf", "--extensions", tmp_path / "extensions.conf")
    assert [agent.phone for agent in found.plan.agents.values()] == ["PJSIP/102"]
    found.look("Local/5551234567@from-queue/n is an outside number", "overflow:")
