"""Flows, calendars, lookups and what queues say about them: what they mean, and every mistake with its place."""

# ruff: noqa: E501 - the messages stand here as they are printed

from __future__ import annotations

import pytest

from callbridge.cli.flow_drawing import mermaid
from callbridge.core.model.flow import CollectNode, GoodbyeNode, MenuNode, QueueNode, VoicemailNode, fits, is_pattern, spoken
from callbridge.core.model.plan import ToFlow
from tests.settings.conftest import RIGHT, Write, right, told

FLOWS = """\
entries: {help: {queue: support}, door: {flow: door}}
calendars:
  office:
    timezone: Asia/Shanghai
    week: {mon-fri: "08:00-18:00", sat: ["09:00-12:00", "13:00-15:00"]}
    holidays: {2026-12-25: closed, "2026-12-24": "08:00-12:00"}
lookups:
  crm: {url: "https://crm.example/{caller}", deadline: 500ms}
flows:
  door:
    language: zh
    nodes:
      欢迎: {play: "hello,digits:{customer}", next: open}
      open: {hours: office, open: who, closed: bye}
      who: {lookup: crm, next: ask, otherwise: ask}
      ask:
        menu: choose
        keys: {1: number, "*": other}
        otherwise: wait
      number: {collect: type, into: customer, length: 4-8, pattern: "NXX.", next: split, otherwise: wait, read_back: "digits:{customer}"}
      split:
        branch:
          - {when: {tiers: standard, queue: support, waiting: 3}, to: other}
          - {when: {value: customer, pattern: "7."}, to: set}
        otherwise: wait
      set: {set: {tier: standard, head_start: 1m, values: {known: "yes"}}, next: wait}
      wait: {queue: support}
      other: {flow: second}
      bye: {voicemail: support, greeting: speak, longest: 1m, next: end}
      end: {goodbye: }
  second:
    nodes:
      out: {dialplan: "ctx,1"}
"""
WHOLE = RIGHT.replace("entries:\n  help: {queue: support}\n", FLOWS).replace(
    "    then: {queue: general}\n",
    "    then: {flow: second}\n"
    "    keys: {5: second}\n"
    '    announce: {greeting: hello, position: "number:{position}", busy: {say: sorry, head_start: 5m}}\n'
    "    overflow: [{when: {closed: office}, flow: second, reason: night}, {when: {waited: 90s}, queue: general}]\n",
)


def test_a_whole_flow_is_understood(write: Write) -> None:
    plan = right(write(text=WHOLE)).plan()
    door = plan.flows["door"]
    assert plan.entries["door"] == ToFlow("door")
    assert (door.start, door.language) == ("欢迎", "zh")
    assert isinstance(door.nodes["ask"], MenuNode)
    assert door.nodes["ask"].keys == {"1": "number", "*": "other"}
    number = door.nodes["number"]
    assert isinstance(number, CollectNode)
    assert (number.least, number.most, number.media) == (4, 8, "sound:type")
    assert isinstance(door.nodes["wait"], QueueNode)
    assert door.nodes["end"] == GoodbyeNode()
    assert door.nodes["bye"] == VoicemailNode(queue="support", media="sound:speak", next="end", longest=60.0)
    assert plan.calendars["office"].week[5] == ((540, 720), (780, 900))
    assert plan.lookups == {"crm": 0.5}
    support = plan.queues["support"]
    assert [rule.reason for rule in support.overflow] == ["night", "overflow"]
    assert (support.announcements.busy_head_start, support.keys) == (300.0, {"5": "second"})


def test_the_version_of_a_flow_changes_with_it_and_only_with_it(write: Write) -> None:
    one = right(write(text=WHOLE)).plan().flows
    two = right(write(("menu: choose", "menu: chosen"), text=WHOLE)).plan().flows
    assert one["door"].version != two["door"].version
    assert one["second"].version == two["second"].version


def test_a_flow_is_drawn_with_every_node_and_way(write: Write) -> None:
    picture = mermaid(right(write(text=WHOLE)).plan().flows["door"])
    assert picture.startswith("flowchart TD\n")
    for name in ("欢迎", "ask", "number", "split", "bye"):
        assert f'"{name}<br/>' in picture
    assert '-->|"3x wrong or silent"|' in picture
    assert '-->|"tier standard, support: 3 or more ahead"|' in picture
    assert picture.count("-->") == 16


SURVEY = """\
surveys:
  service:
    opt_in: will-you
    share: 0.5
    tiers: [standard]
    questions:
      - {ask: how, name: friendly, alert: [1, 2], connect: {1: general}}
      - {ask: solved, name: solved, kind: yes_no}
      - {ask: why, name: why, kind: choice, choices: {1: price, 2: quality}}
      - {ask: say, name: comment, kind: comment}
    thanks: thanks
"""


def test_a_survey_becomes_a_flow(write: Write) -> None:
    text = RIGHT.replace("queues:\n  support:\n", SURVEY + "queues:\n  support:\n    survey: service\n")
    plan = right(write(text=text)).plan()
    flow = plan.flows["survey:service"]
    assert (flow.start, flow.questions, plan.queues["support"].survey, plan.surveys["service"].share) == (
        "once",
        3,
        "service",
        0.5,
    )
    opt_in, friendly = flow.nodes["opt in"], flow.nodes["friendly"]
    assert isinstance(opt_in, MenuNode)
    assert opt_in.keys == {"1": "friendly", "2": "bye"}
    assert isinstance(friendly, MenuNode)
    assert friendly.keys == {"1": "to general", "2": "solved", "3": "solved", "4": "solved", "5": "solved"}
    assert friendly.alerting == {"1", "2"}
    assert isinstance(flow.nodes["comment"], VoicemailNode)
    assert plan.lookups["survey:service"] > 0


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            ("survey: service", "survey: servce"),
            "queues.support.survey: no such survey: 'servce' (hint: did you mean 'service'?)",
        ),
        (
            ("connect: {1: general}", "connect: {1: generl}"),
            "surveys.service.questions[0].connect.1: no such queue: 'generl' (hint: did you mean 'general'?)",
        ),
        (("alert: [1, 2]", "alert: [7]"), "surveys.service.questions[0]: 7 is not one of its answers"),
        (("kind: choice, ", ""), "surveys.service.questions[2]: choices require kind: choice, which needs at least one"),
        (("name: solved", "name: friendly"), "surveys.service.questions: two questions have the same name"),
        (
            ("tiers: [standard]", "tiers: [golden]"),
            "surveys.service.tiers: no such tier: 'golden' (hint: did you mean 'gold'?)",
        ),
    ],
)
def test_a_mistake_in_a_survey_is_told(write: Write, change: tuple[str, str], fault: str) -> None:
    text = RIGHT.replace("queues:\n  support:\n", SURVEY + "queues:\n  support:\n    survey: service\n")
    assert fault in [each.split(": ", 1)[1] for each in told(write(change, text=text))]


WRONG = [
    ("node", ("otherwise: wait\n      number", "otherwise: wiat\n      number"), "cb.yaml:21: flows.door.nodes.ask.otherwise: no such node: 'wiat' (hint: did you mean 'wait'?)"),
    ("queue", ("wait: {queue: support}", "wait: {queue: suport}"), "cb.yaml:29: flows.door.nodes.wait.queue: no such queue: 'suport' (hint: did you mean 'support'?)"),
    ("flow", ("other: {flow: second}", "other: {flow: secnd}"), "cb.yaml:30: flows.door.nodes.other.flow: no such flow: 'secnd' (hint: did you mean 'second'?)"),
    ("calendar", ("hours: office", "hours: offce"), "cb.yaml:16: flows.door.nodes.open.hours: no such calendar: 'offce' (hint: did you mean 'office'?)"),
    ("lookup", ("lookup: crm", "lookup: cmr"), "cb.yaml:17: flows.door.nodes.who.lookup: no such lookup: 'cmr' (hint: did you mean 'crm'?)"),
    ("tier", ("set: {tier: standard", "set: {tier: stndard"), "cb.yaml:28: flows.door.nodes.set.set.tier: no such tier: 'stndard' (hint: did you mean 'standard'?)"),
    ("start", ("    language: zh\n", "    language: zh\n    start: begin\n"), "cb.yaml:13: flows.door.start: no such node: 'begin' (hint: known: ask, bye, end, number, open, other, set, split, wait, who, 欢迎)"),
    ("two kinds", ("wait: {queue: support}", "wait: {queue: support, goodbye: x}"), "cb.yaml:29: flows.door.nodes.wait: expected exactly one of play, menu, collect, hours, lookup, set, branch, voicemail, callback, queue, survey, flow, dialplan, goodbye, not queue and goodbye"),
    ("lacks", ("{hours: office, open: who, closed: bye}", "{hours: office, open: who}"), "cb.yaml:16: flows.door.nodes.open: a node with 'hours' needs 'closed' as well"),
    ("odd", ("wait: {queue: support}", "wait: {queue: support, next: bye}"), "cb.yaml:29: flows.door.nodes.wait: 'next' is not a key of a node with 'queue'"),
    ("key", ('"*": other}', 'A: other}'), "cb.yaml:20: flows.door.nodes.ask.keys.A: expected one key: 0 to 9, * or #, not 'A'"),
    ("length", ("length: 4-8", "length: 8-4"), "cb.yaml:22: flows.door.nodes.number.length: expected a number of digits such as 6 or 4-8 (at most 40), not '8-4'"),
    ("pattern", ('"NXX."', '"(a+)+"'), "cb.yaml:22: flows.door.nodes.number.pattern: expected a pattern: X any digit, Z 1-9, N 2-9, [1-5], and . at the end for one or more digits; not '(a+)+'"),
    ("value", ("into: customer", "into: caller"), "cb.yaml:22: flows.door.nodes.number.into: 'caller' cannot name a value: use a-z, 0-9 and _ (at most 32), but none of caller, entry, tier, call, language, position, minutes"),
    ("media", ("menu: choose", 'menu: "http://x y"'), "cb.yaml:19: flows.door.nodes.ask.menu: expected a sound such as welcome, or several separated by commas, such as digits:{number}, not 'http://x y'"),
    ("hours", ('mon-fri: "08:00-18:00"', 'mon-fri: "18:00-08:00"'), "cb.yaml:5: calendars.office.week: mon-fri: '18:00-08:00' ends before it begins: split hours past midnight between the two days (22:00-24:00)"),
    ("holiday", ("2026-12-25: closed", "christmas: closed"), "cb.yaml:6: calendars.office.holidays.christmas: expected a day such as 2026-12-25, not 'christmas'"),
    ("both", ('{url: "https://crm.example/{caller}"', '{redis: x, url: "https://crm.example/{caller}"'), "cb.yaml:8: lookups.crm: expected one of url: https://..., redis: key, csv: file"),
    ("patience", ("deadline: 500ms", "deadline: 60s"), "cb.yaml:8: lookups.crm: deadline: must not be longer than 10 s"),
    ("empty", ("when: {waited: 90s}", "when: {}"), "cb.yaml:43: queues.support.overflow[1].when: is an empty condition: it would always hold"),
    ("descending", ('"NXX."', '"[9-1]"'), "cb.yaml:22: flows.door.nodes.number.pattern: expected a pattern: X any digit, Z 1-9, N 2-9, [1-5], and . at the end for one or more digits; not '[9-1]'"),
    ("itself", ("{when: {waited: 90s}, queue: general}", "{when: {closed: office}, queue: support}"), "cb.yaml:43: queues.support.overflow[1].queue: sends callers of queue 'support' back into it"),
    ("null", ("when: {waited: 90s}", "when: {tiers: }"), "cb.yaml:43: queues.support.overflow[1].when: is an empty condition: it would always hold"),
    ("only a queue", ("when: {waited: 90s}", "when: {queue: general}"), "cb.yaml:43: queues.support.overflow[1].when: says nothing about the queue: add waiting, wait or agents"),
    ("no redis", ('{url: "https://crm.example/{caller}"', '{redis: "c:{caller}"'), "cb.yaml:8: lookups.crm.redis: requires a section 'redis:'"),
    ("any key", ('{url: "https://crm.example/{caller}"', '{redis: "{caller}"'), "cb.yaml:8: lookups.crm: redis: must begin with fixed text, such as customers:{caller}, or callers could choose any key"),
    ("any host", ("https://crm.example/{caller}", "https://{caller}/x"), "cb.yaml:8: lookups.crm: url: values may only appear after the host, or callers could choose which server is asked"),
    ("pressed", ("keys: {5: second}", "keys: {5: thrd}"), "cb.yaml:41: queues.support.keys.5: no such flow: 'thrd' (hint: known: door, second)"),
    ("entry", ("door: {flow: door}", "door: {flow: door, queue: support}"), "cb.yaml:1: entries.door: expected either {queue: NAME} or {flow: NAME}"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), [pytest.param(*case[1:], id=case[0]) for case in WRONG])
def test_a_mistake_is_told_with_its_place_and_nothing_else_is(write: Write, change: tuple[str, str], message: str) -> None:
    faults = [fault.split(": ", 1)[1] for fault in told(write(change, text=WHOLE))]
    assert faults == [message.split(": ", 1)[1]]


@pytest.mark.parametrize(
    ("nodes", "path"),
    [
        ("{a: {play: x, next: b}, b: {set: {tier: standard}, next: a}}", "door/a -> door/b -> door/a"),
        ("{a: {flow: second}}", "door/a -> second/out -> door/a"),
    ],
)
def test_a_circle_without_a_key_is_refused(write: Write, nodes: str, path: str) -> None:
    text = WHOLE.replace('out: {dialplan: "ctx,1"}', "out: {flow: door}" if "second" in nodes else 'out: {dialplan: "ctx,1"}')
    begin, end = text.index("    nodes:\n      欢迎"), text.index("  second:\n")
    faults = told(write(text=f"{text[:begin]}    nodes: {nodes}\n{text[end:]}"))
    assert [fault for fault in faults if f"callers would be in a loop without exit: {path}" in fault]


def test_a_circle_that_only_a_key_leaves_is_refused_too(write: Write) -> None:
    faults = told(write(("otherwise: wait\n      number", "otherwise: ask\n      number"), text=WHOLE))
    assert [fault.split(": ", 1)[1] for fault in faults] == [
        "flows.door.nodes.ask: callers would be in a loop without exit: door/ask -> door/ask"
    ]


def test_a_circle_by_a_key_is_right(write: Write) -> None:
    right(write(('"*": other}', '"*": ask}'), text=WHOLE))


def test_announcements_of_a_queue_are_added_to_those_of_all(write: Write) -> None:
    text = WHOLE.replace("queues:\n", "queue_defaults: {announce: {periodic: [a, b], greeting: all}}\nqueues:\n", 1)
    plan = right(write(text=text)).plan()
    assert plan.queues["support"].announcements.greeting == "sound:hello"
    assert plan.queues["support"].announcements.periodic == ("sound:a", "sound:b")
    assert plan.queues["general"].announcements.greeting == "sound:all"


def test_nodes_and_flows_that_nothing_leads_to_are_doubted(write: Write) -> None:
    settings = right(write(('"*": other}', '"*": wait}'), ("      end:", "      lonely: {goodbye: x}\n      end:"), text=WHOLE))
    doubts = [str(doubt).split(": ", 1)[1] for doubt in settings.warnings]
    assert "flows.door.nodes.lonely: no other node leads to this one" in doubts


def test_a_value_that_nothing_sets_is_doubted(write: Write) -> None:
    nodes = 'nodes: {hello: {play: "digits:{custmer}", next: out}, out: {queue: support}}'
    settings = right(write(("entries:\n", f"flows: {{door: {{{nodes}}}}}\nentries:\n  door: {{flow: door}}\n")))
    assert "nothing sets {custmer}: it is left out" in str(settings.warnings[0])


def test_patterns_are_those_of_dialplans() -> None:
    assert [is_pattern(text) for text in ("X", "NXX.", "[1-5]Z", "0800X.", "", ".", "X.X", "[", "a", "(X)")] == [True] * 4 + [
        False
    ] * 6
    assert fits("NXX.", "2345")
    assert not fits("NXX.", "1345")
    assert not fits("NXX.", "234")
    assert fits("[1-3]*#", "2*#")
    assert not fits("X", "12")


def test_digits_are_spoken_as_sounds_that_can_be_cut_short() -> None:
    assert spoken("sound:a,digits:{n}", {"n": "1*#"}) == "sound:a,sound:digits/1,sound:digits/star,sound:digits/pound"
    assert spoken("number:{n}", {"n": "12"}) == "number:12"
    assert spoken("number:{n},sound:b", {"n": "1*"}) == "sound:b"
    assert spoken("digits:{gone}", {}) == ""


def test_a_way_on_which_nothing_is_said_for_long_is_refused(write: Write) -> None:
    """The walk would give up every caller who takes it."""
    for count, refused in ((40, False), (41, True)):
        silent = "".join(f"      n{n}: {{set: {{tier: standard}}, next: n{n + 1}}}\n" for n in range(count))
        flow = f"flows:\n  long:\n    nodes:\n{silent}      n{count}: {{goodbye: bye}}\n"
        path = write(("entries:\n  help: {queue: support}\n", "entries:\n  help: {flow: long}\n" + flow), text=RIGHT)
        if refused:
            (fault,) = told(path)
            assert "more than 40 nodes in a row from here play and ask nothing" in fault
        else:
            right(path)


def test_a_node_of_a_kind_that_is_misspelt_gets_a_hint(write: Write) -> None:
    flow = "entries: {help: {flow: f}}\nflows: {f: {nodes: {a: {quue: support}}}}\n"
    faults = told(write(("entries:\n  help: {queue: support}\n", flow), text=RIGHT))
    assert any("no such node: 'quue', did you mean 'queue'?" in fault for fault in faults)


def test_what_queues_say_may_only_hold_what_somebody_sets(write: Write) -> None:
    odd = "    announce: {position: 'number:{positon}', wait: 'number:{minutes}'}\n    read_out: 'digits:{agnt}'\n    whisper: 'for-{queue}'\n"
    settings = right(write(("queues:\n  support:\n", "queues:\n  support:\n" + odd), text=RIGHT))
    assert sorted(str(doubt).split(": ")[2] for doubt in settings.warnings if "nothing sets" in str(doubt)) == [
        "nothing sets {agnt}",
        "nothing sets {positon}",
    ]


def test_whispers_are_looked_at_for_every_queue_and_tier(write: Write) -> None:
    odd = "    whisper: 'callbridge/for-{queue}-{tier}'\n"
    settings = right(write(("queues:\n  support:\n", "queues:\n  support:\n" + odd), text=RIGHT))
    doubts = [str(doubt) for doubt in settings.warnings]
    for tier in settings.tiers.order:
        assert any(
            f"no text for 'callbridge/for-support-{tier}', which queues.support.whisper plays" in doubt for doubt in doubts
        )
