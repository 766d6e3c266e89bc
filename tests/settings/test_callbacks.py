"""Callbacks, the agent who is tried first, lists of callers: what the settings mean, and every mistake with its place."""

# ruff: noqa: E501 - the messages stand here as they are printed

from __future__ import annotations

import pathlib

import pytest

from callbridge.core.model import plan as core
from callbridge.core.model.flow import CallbackNode, FlowNode, LookupNode, QueueNode, VoicemailNode
from callbridge.core.model.numbers import SPREADSHEET
from callbridge.settings.lists import BadList, read_list, read_never_called
from callbridge.wire.phone_numbers import PhoneNumbers
from tests.settings.conftest import RIGHT, Write, right, told

WHOLE = (
    RIGHT.replace(
        "entries:\n  help: {queue: support}\n",
        """\
redis: {url: "redis://127.0.0.1:6379/0"}
outside: {dial: "PJSIP/{number}@trunk"}
callbacks: {numbers: ["0Z."], do_not_call: ["0123"]}
calendars: {day: {week: {mon-fri: "08:00-18:00"}}}
entries: {help: {queue: support}, door: {flow: door}}
flows:
  door:
    nodes:
      ask: {callback: support, number: "{caller}", next: bye, otherwise: leave}
      leave: {voicemail: support, call_back: yes, next: bye}
      bye: {goodbye: }
""",
    )
    .replace(
        "    then: {queue: general}\n",
        "    then: {queue: general}\n"
        "    callback: {first: customer, ring_for: 25s, attempts: 4, retry_after: 10m, keep_for: 2d, calendar: day, number: '+4420', greeting: hello}\n"
        "    prefer: {for: 20s, last_agent: 30d}\n"
        "    avoid: {value: customer, for: 90s}\n"
        "    skip_rejecters: no\n"
        "    wait_for_audio: 35s\n"
        "    reclaim_within: 5m\n"
        '    whisper: "queue-{queue}"\n'
        '    read_out: "agent,digits:{agent}"\n',
    )
    .replace("connect: nailed_up,", "confirm: yes,")
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("", None), (', numbers: ["+44[1237].", "0[1237]."]', ("+44[1237].", "0[1237].")), (", numbers: []", ())],
)
def test_which_numbers_calls_may_be_transferred_to(write: Write, written: str, meant: tuple[str, ...] | None) -> None:
    text = WHOLE.replace('outside: {dial: "PJSIP/{number}@trunk"}', f'outside: {{dial: "PJSIP/{{number}}@trunk"{written}}}')
    assert right(write(text=text)).plan().transfer_to == meant


def test_what_callbacks_mean(write: Write) -> None:
    settings = right(write(text=WHOLE))
    plan = settings.plan()
    support = plan.queues["support"]
    assert support.callback == core.CallbackTerms(
        first=core.CallFirst.CUSTOMER,
        ring_for=25.0,
        attempts=4,
        retry_after=600.0,
        keep_for=172_800.0,
        calendar="day",
        number="+4420",
        greeting="sound:hello",
    )
    assert (support.prefer, support.reclaim_within) == (core.PreferredAgent(20.0, 2_592_000.0), 300.0)
    assert (support.avoid, support.skip_rejecters) == (core.AvoidedAgents("customer", 90.0), False)
    assert (support.wait_for_audio, plan.queues["general"].wait_for_audio) == (35.0, 0.0)
    assert (plan.queues["general"].avoid, plan.queues["general"].skip_rejecters) == (None, True)
    assert (support.whisper, support.read_out) == ("sound:queue-{queue}", "sound:agent,digits:{agent}")
    assert (plan.call_back_to, plan.do_not_call) == (("0Z.",), frozenset({"0123"}))
    door = plan.flows["door"].nodes
    assert door["ask"] == CallbackNode(queue="support", number="{caller}", next="bye", otherwise="leave")
    assert isinstance(door["leave"], VoicemailNode)
    assert door["leave"].callback
    assert plan.agents["ann"].confirm


def test_who_is_remembered_is_asked_about_at_every_entry(write: Write) -> None:
    plan = right(write(text=WHOLE)).plan()
    asked, led = plan.flows["memory:help"], plan.flows["memory:door"]
    assert asked.nodes == {
        "ask": LookupNode(lookup="memory:", next="on", otherwise="on", quiet=True),
        "on": QueueNode(queue="support"),
    }
    assert led.nodes["on"] == FlowNode(flow="door")
    assert plan.remembers
    plain = right(write(text=RIGHT)).plan()
    assert not plain.remembers
    assert not plain.flows
    again = right(write(("skills: [", "repeat_calls: {}\nskills: ["), text=RIGHT)).plan()
    assert again.remembers


WRONG = [
    (
        "no redis",
        ('redis: {url: "redis://127.0.0.1:6379/0"}\n', ""),
        "queues.support.callback: callbacks must survive a restart, but there is no section 'redis:'",
    ),
    (
        "no way out",
        ('outside: {dial: "PJSIP/{number}@trunk"}\n', ""),
        "queues.support.callback: nobody can be called back: the section 'outside:' is missing",
    ),
    (
        "no numbers",
        ('numbers: ["0Z."], ', ""),
        'queues.support.callback: nothing says which numbers may be dialled (hint: add callbacks: {numbers: ["0Z."]}, with patterns as in a dialplan)',
    ),
    (
        "calendar",
        ("calendar: day", "calendar: dya"),
        "queues.support.callback.calendar: no such calendar: 'dya' (hint: did you mean 'day'?)",
    ),
    (
        "first",
        ("first: customer", "first: nobody"),
        "queues.support.callback.first: must be 'agent' or 'customer', not 'nobody'",
    ),
    (
        "ring",
        ("ring_for: 25s", "ring_for: 1s"),
        "queues.support.callback.ring_for: must be 5 s to 2 minutes",
    ),
    (
        "pattern",
        ('"0Z."', '"no"'),
        "callbacks.numbers[0]: expected a pattern: X any digit, Z 1-9, N 2-9, [1-5], and . at the end for one or more digits; not 'no'",
    ),
    ("never", ('["0123"]', '["none"]'), "callbacks.do_not_call[0]: 'none' is not a phone number"),
    (
        "queue",
        ("callback: support, number", "callback: suport, number"),
        "flows.door.nodes.ask.callback: no such queue: 'suport' (hint: did you mean 'support'?)",
    ),
    (
        "other",
        ("callback: support, number", "callback: general, number"),
        "flows.door.nodes.ask.callback: queue 'general' has no callbacks (hint: add a section 'callback:' to it)",
    ),
    (
        "task",
        ("voicemail: support, call", "voicemail: general, call"),
        "flows.door.nodes.leave.call_back: queue 'general' has no callbacks (hint: add a section 'callback:' to it)",
    ),
    ("prefer", ("prefer: {for: 20s,", "prefer: {"), "queues.support.prefer.for: is missing"),
    (
        "hangup",
        ("bye: {goodbye: }", "bye: {hangup: }"),
        "flows.door.nodes.bye: the node that hangs up is called goodbye: {goodbye: SOUND}, or {goodbye: } in silence",
    ),
]


@pytest.mark.parametrize(("change", "message"), [pytest.param(*case[1:], id=case[0]) for case in WRONG])
def test_a_mistake_is_told_with_its_place_and_nothing_else_is(write: Write, change: tuple[str, str], message: str) -> None:
    faults = [fault.split(": ", 1)[1] for fault in told(write(change, text=WHOLE))]
    assert faults == [message]


def test_numbers_that_are_never_called_may_be_in_a_file(write: Write) -> None:
    text = "# asked us not to\n+44 20 7946 0001\n0049 30 12345, since May\n1001\n\n"
    pathlib.Path("never.txt").write_text(text, encoding="utf-8")
    settings = right(write(('do_not_call: ["0123"]', "do_not_call_file: never.txt"), text=WHOLE))
    assert settings.plan().do_not_call == {"+442079460001", "+493012345", "1001"}
    pathlib.Path("never.txt").write_text("nonsense\n", encoding="utf-8")
    (fault,) = told(write(('do_not_call: ["0123"]', "do_not_call_file: never.txt"), text=WHOLE))
    assert fault == "never.txt:1: callbacks.do_not_call_file: not a phone number"
    (gone,) = told(write(('do_not_call: ["0123"]', "do_not_call_file: gone.txt"), text=WHOLE))
    assert "cannot read 'gone.txt': no such file" in gone


def test_a_list_of_callers_is_a_lookup(write: Write) -> None:
    pathlib.Path("managers.csv").write_text(
        "number,agent,region\n+44 20 7946 0001,ann,北京\n00493012345,,south\n", encoding="utf-8"
    )
    text = RIGHT + "lookups: {managers: {csv: managers.csv}}\n"
    settings = right(write(text=text))
    assert settings.lists["managers"] == {"+442079460001": {"agent": "ann", "region": "北京"}, "+493012345": {"region": "south"}}
    assert not settings.warnings


def test_odd_rows_of_a_list_are_left_out_and_told(write: Write) -> None:
    pathlib.Path("managers.csv").write_text(f"number,agent\nhello,ann\n0123,ben\n0124,{'x' * 101}\n", encoding="utf-8")
    settings = right(write(text=RIGHT + "lookups: {managers: {csv: managers.csv}}\n"))
    assert settings.lists["managers"] == {"0123": {"agent": "ben"}}
    assert [str(warning) for warning in settings.warnings] == [
        "managers.csv: lookups.managers.csv: 2 rows left out, 1 used",
        "managers.csv:2: lookups.managers.csv: the first column is not a phone number",
        "managers.csv:4: lookups.managers.csv: a value of more than 100 characters",
    ]


def test_what_the_defaults_say_can_be_taken_away(write: Write) -> None:
    defaults = "queue_defaults:\n  record: {share: 0.5}\n  prefer: {for: 5s}\n"
    text = RIGHT.replace("queues:\n  support:\n", defaults + "queues:\n  support:\n    record: no\n    prefer: off\n")
    plan = right(write(text=text)).plan()
    assert (plan.queues["support"].record, plan.queues["support"].prefer) == (None, None)
    assert plan.queues["general"].record == core.RecordingPlan(share=0.5)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("x.wav", "must contain {call} and {part}"),
        ("{call}{part}.wav", "put something between {call} and {part}"),
        ("../{call}-{part}.wav", "expected a file below"),
        ("{call}-{part}.exe", "expected a file below"),
        ("{call}-{part}-{number}.wav", "there is no {number}"),
        ("a" * 200 + "{call}-{part}.wav", "is too long"),
    ],
)
def test_a_recording_s_file_is_one_of_its_own_below_the_folder(write: Write, file: str, why: str) -> None:
    (fault,) = told(write(("queues:\n  support:\n", f"queues:\n  support:\n    record: {{file: '{file}'}}\n"), text=RIGHT))
    assert why in fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected headings"),
        ("number\n", "expected headings"),
        ("number,Agent Name\n", "expected headings"),
        ("number,agent\n\udc81", "is neither UTF-8 nor .* save it as CSV UTF-8"),
        ("number,agent\n5511987654321,ann\n8613800138000,ben\n", r"2 of 2 numbers .* with a \+.*: set without_plus to"),
    ],
)
def test_a_list_that_cannot_be_used_is_told(tmp_path: pathlib.Path, text: str, why: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadList, match=why):
        read_list(path, PhoneNumbers("DE"))


def test_a_number_with_two_answers_in_a_list_is_told_and_the_last_one_counts(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("number,agent\n+442079460001,1001\n020 7946 0001,1002\n+442079460002,1003\n0044 20 7946 0002,1003\n")
    found, left_out = read_list(path, PhoneNumbers("GB"))
    assert found == {"+442079460001": {"agent": "1002"}, "+442079460002": {"agent": "1003"}}
    assert left_out.named == [(3, "the number has other values in an earlier row, which is not used")]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("number\n+442079460001\n", []),
        ("\ufeffTelefon;Name\r\n+442079460001;x\r\n", []),
        ("sep=;\nnumber;name\n+442079460001;x\n", []),
        ('# of 2026\n\n"phone number"\n+442079460001\n', []),
        ("number\nabc\n+442079460001\n", [2]),
        ("sep=;\nnumber;name\n+442079460001;x\n+44;y\n", [4]),
        ("+442079460001\nnumber\n", [2]),
        ("number\n", [1]),
        ("no1\n+442079460001\n", [1]),
    ],
)
def test_a_list_of_a_spreadsheet_may_have_a_heading(tmp_path: pathlib.Path, text: str, faults: list[int]) -> None:
    path = tmp_path / "never.csv"
    path.write_text(text, newline="")
    found, odd = read_never_called(path, PhoneNumbers("GB"))
    assert [line for line, _ in odd.named] == faults
    assert found == ["+442079460001"] * ("+44207" in text)


def test_a_stray_quote_in_a_list_costs_its_own_line_only(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('number,agent\n+442079460001,1001\n+442079460002,"1002\n"+442079460003","1003"\n+442079460004,1004\n')
    found, left_out = read_list(path, PhoneNumbers())
    assert found == {f"+44207946000{end}": {"agent": f"100{end}"} for end in (1, 3, 4)}
    assert (left_out.count, left_out.named) == (1, [(3, "a quote that is not closed")])


def test_numbers_of_a_spreadsheet_in_a_list_are_left_out_by_line(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        'number,agent\n493012345678.0,1001\n"030123457,0",1002\n4.93E+11,1003\n49,301,234,567\n4,93E+11\n'
        '030123457,0,1004\n+4930123459,"Ann\nSmith"\n030123458,0\n'
    )
    found, left_out = read_list(path, PhoneNumbers("DE"))
    assert found == {"+4930123459": {"agent": "Ann Smith"}, "+4930123458": {"agent": "0"}}
    wanted = [f"the first column is {SPREADSHEET}"] * 3 + [SPREADSHEET] * 3
    assert left_out.named == list(zip(range(2, 8), wanted, strict=True))


def test_a_number_of_a_spreadsheet_is_never_a_person_who_may_not_be_called(write: Write) -> None:
    lines = [
        "# never",
        "+4930123459, asked us",
        "493012345678.0",
        "030123457,0",
        '"030123457,0","x"',
        "4,93E+11",
        "49,301,234,567",
    ]
    pathlib.Path("never.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    faults = told(write(('do_not_call: ["0123"]', "do_not_call_file: never.txt"), text=WHOLE))
    assert faults == [f"never.txt:{line}: callbacks.do_not_call_file: {SPREADSHEET}" for line in range(3, 8)]


def test_a_list_of_those_never_called_may_have_rows_of_several_lines(write: Write) -> None:
    text = '+442079460001,"said:\nnever # again"\n+442079460002 # "by letter\n+442079460003, "Ann" # x\n'
    pathlib.Path("never.txt").write_text(text, encoding="utf-8")
    settings = right(write(('do_not_call: ["0123"]', "do_not_call_file: never.txt"), text=WHOLE))
    assert settings.plan().do_not_call == {f"+44207946000{n}" for n in (1, 2, 3)}


def test_many_odd_rows_are_named_up_to_a_bound(write: Write) -> None:
    pathlib.Path("never.txt").write_text("nobody\n" * 500, encoding="utf-8")
    faults = told(write(('do_not_call: ["0123"]', "do_not_call_file: never.txt"), text=WHOLE))
    assert len(faults) == 21
    assert "500 rows of 'never.txt' are not phone numbers; the first 20 are listed" in "".join(faults)


@pytest.mark.parametrize("empty", ['""', "~", '" "'])
def test_an_empty_entry_among_numbers_hides_no_other_fault(write: Write, empty: str) -> None:
    numbers = f"region: de\ntiers: {{numbers: {{gold: [{empty}, bob], silver: [030123456, 004930123456]}}}}\n"
    faults = [fault.split(": ", 1)[1] for fault in told(write(text=RIGHT + numbers))]
    shown = "' '" if " " in empty else "''"
    assert faults == [
        f"tiers.numbers.gold[0]: {shown} is not a phone number",
        "tiers.numbers.gold[1]: 'bob' is not a phone number",
        "tiers.numbers.silver[1]: '004930123456' is also listed at tiers.numbers.silver[0]",
    ]


def test_an_empty_entry_among_those_never_called_hides_no_other_fault(write: Write) -> None:
    faults = [fault.split(": ", 1)[1] for fault in told(write(('do_not_call: ["0123"]', 'do_not_call: ["", bob]'), text=WHOLE))]
    assert faults == [
        "callbacks.do_not_call[0]: '' is not a phone number",
        "callbacks.do_not_call[1]: 'bob' is not a phone number",
    ]


def test_numbers_of_the_configuration_are_text_whatever_they_look_like(write: Write) -> None:
    """YAML's own numbers: a float would have lost digits, and a leading nought would be octal."""
    numbers = "region: DE\ntiers: {numbers: {gold: [030123456, 0301234567.0, 4.93e11, 49301234567]}}\n"
    faults = [fault.split(": ", 1)[1] for fault in told(write(text=RIGHT + numbers))]
    assert faults == [
        f"tiers.numbers.gold[1]: '0301234567.0' is {SPREADSHEET}",
        f"tiers.numbers.gold[2]: '4.93e11' is {SPREADSHEET}",
    ]
    kept = right(write(text=RIGHT + numbers.replace("0301234567.0, 4.93e11, ", "")))
    assert kept.tiers.numbers["gold"] == ("030123456", "49301234567")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (('do_not_call: ["0123"]', "do_not_call: [030123456.0]"), "callbacks.do_not_call[0]"),
        (("number: '+4420'", "number: 442079460.0"), "queues.support.callback.number"),
        (('number: "{caller}"', "number: 030123456.0"), "flows.door.nodes.ask.number"),
    ],
)
def test_no_setting_takes_a_number_of_a_spreadsheet(write: Write, change: tuple[str, str], where: str) -> None:
    (fault,) = [fault for fault in told(write(change, text=WHOLE)) if where in fault]
    assert SPREADSHEET in fault


def test_a_second_attempt_must_be_possible(write: Write) -> None:
    late = "    callback: {retry_after: 2d, keep_for: 1d}\n"
    (fault,) = told(write(("queues:\n  support:\n", "queues:\n  support:\n" + late), text=RIGHT))
    assert "keep_for must be longer than retry_after, or there would never be a second attempt" in fault


def test_the_country_code_of_before_says_what_to_write_instead(write: Write) -> None:
    (fault,) = told(write(text=RIGHT + "tiers: {country_code: +44}\n"))
    wanted = (
        "tiers.country_code: is not a setting any more (hint: use region: GB (that of your country, ISO 3166) on the top level)"
    )
    assert fault.split(": ", 1)[1] == wanted


@pytest.mark.parametrize(("region", "why"), [("UK", "no such region: UK"), ("+44", "expected a region such as GB or CN")])
def test_a_region_that_there_is_not_is_named(write: Write, region: str, why: str) -> None:
    (fault,) = told(write(text=RIGHT + f"region: {region}\n"))
    assert f"region: {why}" in fault


def test_norway_is_a_region_whatever_yaml_says(write: Write) -> None:
    assert right(write(text=RIGHT + "region: no\n")).numbers.canonical("21 23 45 67") == "+4721234567"


def test_an_impossible_number_cannot_be_one_that_is_never_called(write: Write) -> None:
    """A digit is missing, so the person would be called."""
    faults = told(write(('do_not_call: ["0123"]', 'do_not_call: ["+44 20 7946", 1001]'), text=WHOLE))
    assert [fault.split(": ", 1)[1] for fault in faults] == [
        "callbacks.do_not_call[0]: '+44 20 7946' is a phone number that cannot exist"
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
@pytest.mark.parametrize("first", ["", "sep=;\r\n"])
def test_lists_are_read_as_spreadsheets_write_them(write: Write, encoding: str, first: str) -> None:
    text = first + "number;region\r\n+442079460001;北京\r\n"
    pathlib.Path("managers.csv").write_bytes(text.encode(encoding))
    never = "# 不要打\r\n+442079460002;王小明，要求\r\n"
    pathlib.Path("never.txt").write_bytes(never.encode(encoding))
    text = WHOLE.replace('do_not_call: ["0123"]', "do_not_call_file: never.txt") + "lookups: {managers: {csv: managers.csv}}\n"
    settings = right(write(text=text))
    assert settings.lists["managers"] == {"+442079460001": {"region": "北京"}}
    assert settings.do_not_call == {"+442079460002"}


def test_a_list_that_may_be_meant_in_two_ways_is_asked_about(write: Write) -> None:
    pathlib.Path("never.txt").write_text("5511987654321\n8613800138000\n")
    pathlib.Path("managers.csv").write_text("number,agent\n5511987654321,ann\n8613800138000,ben\n")
    asked = "region: DE\n" + WHOLE.replace('do_not_call: ["0123"]', "do_not_call_file: never.txt")
    asked += "lookups:\n  managers:\n    csv: managers.csv\n"
    faults = told(write(text=asked))
    assert len(faults) == 2
    assert all("2 of 2 numbers would be valid with a +" in fault for fault in faults)
    said = asked.replace("never.txt", "never.txt, without_plus: international")
    settings = right(write(text=said + "    without_plus: international\n"))
    assert settings.do_not_call == {"+5511987654321", "+8613800138000"}
    assert set(settings.lists["managers"]) == settings.do_not_call
