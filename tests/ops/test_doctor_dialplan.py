"""What the doctor makes of a dialplan, of endpoints and of sounds. A real PBX is examined in tests/live."""

from __future__ import annotations

import pytest

from callbridge.cli.client import ApiError
from callbridge.cli.doctor import devices, dialplan, endpoints, rules
from callbridge.cli.doctor.dialplan import LoadedDialplan
from callbridge.cli.doctor.findings import Finding


def shown(*found: Finding) -> list[str]:
    return [f"{one.level}: {one.said}" for one in found]


def plan_of(text: str) -> LoadedDialplan:
    """``context: include other`` or ``context: extension Application(data)``, as ShowDialPlan would list them."""
    lines = []
    for line in text.strip().splitlines():
        context, _, rest = line.strip().partition(": ")
        word, _, what = rest.partition(" ")
        if word == "include":
            lines.append({"Context": context, "IncludeContext": what})
        else:
            application, _, data = what.partition("(")
            lines.append({"Context": context, "Extension": word, "Application": application, "AppData": data[:-1]})
    return dialplan.read(lines, "callbridge")


OURS = """
callbridge-features: *11 Goto(callbridge-feature,login,1)
callbridge-feature: _X Stasis(callbridge,feature,${EXTEN},)
callbridge-inbound: _X Stasis(callbridge,inbound,${EXTEN})
"""
TRUNK, PHONES = {"PJSIP/trunk": "from-trunk"}, {"PJSIP/1001": "from-phones", "PJSIP/1002": "from-phones"}


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("from-phones: include callbridge-features", ["ok: agents' phones can dial them, trunks cannot"]),
        (
            "from-trunk: include inside\ninside: include callbridge-features\nfrom-phones: include inside",
            [
                "fault: callbridge-features can be reached from [from-trunk], the context of PJSIP/trunk: outside callers can "
                "dial the feature codes"
            ],
        ),
        (
            "from-phones: include callbridge-features\nfrom-trunk: _X. Goto(from-phones,${EXTEN:1},1)",
            [
                "fault: callbridge-features can be reached from [from-trunk], the context of PJSIP/trunk: outside callers can "
                "dial the feature codes"
            ],
        ),
        (
            "from-phones: include callbridge-features\nfrom-trunk: 100 Goto(from-phones,1001,1)",
            ["ok: agents' phones can dial them, trunks cannot"],
        ),
        (
            "from-phones: 100 Answer()",
            [
                "warning: callbridge-features is not in [from-phones], the context of PJSIP/1001, PJSIP/1002: feature codes are "
                "not known there"
            ],
        ),
    ],
)
def test_who_can_dial_the_agents_codes(more: str, wanted: list[str]) -> None:
    assert shown(*dialplan.features(plan_of(OURS + more), TRUNK, PHONES)) == wanted


def test_codes_belong_in_the_custom_context_of_the_phones_where_there_is_one() -> None:
    """FreePBX's [from-internal] includes [from-internal-custom], which is the administrator's."""
    plan = plan_of(OURS + "from-phones: include inside\ninside: include from-phones-custom\nfrom-phones: include bad-number")
    (finding,) = dialplan.features(plan, TRUNK, PHONES)
    assert finding.todo.startswith("extensions.conf: [from-phones-custom] include => callbridge-features")
    (finding,) = dialplan.features(plan_of(OURS + "from-phones: include bad-number"), TRUNK, PHONES)
    assert finding.todo.startswith("extensions.conf: [from-phones] include => callbridge-features")


def test_sounds_beside_the_folders_of_languages_are_known_by_their_folder() -> None:
    """As ARI of Asterisk 22 lists sounds/custom/hello.wav and sounds/en/beep.gsm."""
    listed = [
        {"id": "hello", "formats": [{"language": "custom", "format": "slin"}]},
        {"id": "beep", "formats": [{"language": "en", "format": "gsm"}, {"language": "en", "format": "slin"}]},
        {"id": "no-formats"},
    ]
    known = endpoints.formats_of(listed)
    used = [("queues.a.greeting", "custom/hello"), ("queues.a.beep", "beep"), ("queues.a.gone", "custom/gone")]
    assert shown(*rules.sounds(used, known)) == [
        "warning: the PBX has no sound 'custom/gone', which queues.a.gone plays: callers hear nothing"
    ]
    assert known["beep"] == {"gsm", "slin"}


def test_codes_that_nobody_has_are_told_once() -> None:
    (finding,) = dialplan.features(plan_of("from-phones: 100 Answer()"), TRUNK, PHONES)
    assert finding.said.startswith("context callbridge-features does not exist")


@pytest.mark.parametrize(
    "line",
    [
        "100 Goto(callbridge-inbound,salez,1)",
        '100 GotoIf($["${X}" = "1"]?callbridge-inbound,salez,1:other,s,1)',
        '100 GotoIf($["${X}" = "1"]?other,s,1:callbridge-inbound,salez,1)',
        "100 GotoIfTime(9:00-17:00,mon-fri,*,*?callbridge-inbound,salez,1)",
        "100 Dial(Local/salez@callbridge-inbound/n)",
        "100 Stasis(callbridge,inbound,salez)",
    ],
)
def test_an_entry_that_is_not_configured_is_named_with_its_place(line: str) -> None:
    plan = plan_of(f"{OURS}from-trunk: {line}\nfrom-trunk: 200 Goto(callbridge-inbound,sales,1)")
    (finding,) = dialplan.entries(plan, ["sales"], {"sales"})
    assert shown(finding) == [
        "fault: the dialplan (from-trunk,100) sends calls to the entry salez, which is not configured: they go to the fallback "
        "(did you mean sales?)"
    ]


def test_an_entry_that_no_number_leads_to_is_named_unless_a_variable_may() -> None:
    plan = plan_of(OURS + "from-trunk: 100 Goto(callbridge-inbound,sales,1)")
    assert shown(*dialplan.entries(plan, ["sales"], {"sales"})) == ["ok: the dialplan names every entry of the configuration"]
    assert shown(*dialplan.entries(plan, ["sales", "vip"], {"sales", "vip"})) == [
        "warning: no line of the dialplan names vip: no call arrives there"
    ]
    varied = plan_of(OURS + "from-trunk: _X. Goto(callbridge-inbound,${EXTEN},1)")
    assert shown(*dialplan.entries(varied, ["vip"], {"vip"})) == [
        "ok: from-trunk,_X. names entries by a variable; entries without a line of their own: vip"
    ]


@pytest.mark.parametrize(
    ("dial", "endpoint"),
    [
        ("PJSIP/{number}@trunk", "PJSIP/trunk"),
        ("PJSIP/trunk/sip:{number}@example.net", "PJSIP/trunk"),
        ("SIP/trunk/{number}", "SIP/trunk"),
        ("Local/{number}@callbridge-outside/n", ""),
        ("PJSIP/{number}", ""),
    ],
)
def test_the_endpoint_of_a_dial_string(dial: str, endpoint: str) -> None:
    assert endpoints.dialled(dial) == endpoint


def test_trunks_and_dial_strings_that_lead_nowhere_are_named_with_their_setting() -> None:
    known = {"PJSIP/trunk": "online"}
    wanted = [("PJSIP/trunk", "trunks"), ("PJSIP/trnk", "outside.dial"), ("PJSIP/old", "campaigns.spring.dial")]
    assert shown(*endpoints.missing(wanted, known)) == [
        "fault: PJSIP/trnk of outside.dial is not an endpoint of the PBX",
        "fault: PJSIP/old of campaigns.spring.dial is not an endpoint of the PBX",
    ]
    assert shown(*endpoints.missing(wanted[:1], known)) == ["ok: every endpoint of trunks and dial strings exists"]
    assert shown(*endpoints.missing([], known)) == []


def test_phones_at_which_several_devices_may_register_are_named() -> None:
    most = {"PJSIP/1001": 1, "PJSIP/1002": 5, "PJSIP/1003": 0, "PJSIP/1004": 2}
    assert shown(*endpoints.several_contacts(most, {"PJSIP/1001", "PJSIP/1004"})) == [
        "ok: PJSIP/1002, PJSIP/1004: max_contacts is above 1: all devices at the account ring (a new one after 30 s at most)",
        "warning: PJSIP/1004: max_contacts is above 1: for auto_answer and nailed_up the PBX chooses which device is called",
    ]


def test_an_agent_whose_phone_only_chan_sip_knows_is_told_so() -> None:
    findings = [*rules.phones({"PJSIP/1001": "ann"}, {"SIP/1001": "online"})]
    assert shown(*findings) == [
        "fault: PJSIP/1001 of agent ann is not an endpoint of the PBX, but SIP/1001 is: a phone of chan_sip, which Asterisk 21 "
        "and newer do not have"
    ]


@pytest.mark.parametrize(
    ("formats", "allow", "told"),
    [
        ({"gsm"}, "(ulaw|alaw)", True),
        ({"gsm", "alaw"}, "(ulaw|alaw)", False),
        ({"slin"}, "(alaw)", False),
        ({"slin16"}, "(alaw)", True),
        ({"ulaw"}, "(alaw)", True),
        ({"slin"}, "(opus)", True),
        ({"gsm"}, "(all)", False),
        ({"gsm"}, "", False),
    ],
)
def test_sounds_that_are_transcoded_for_every_caller_are_told(formats: set[str], allow: str, told: bool) -> None:
    used = [("queues.support.greeting", "welcome"), ("queues.support.busy", "missing")]
    findings = [*endpoints.transcoded(used, {"welcome": frozenset(formats)}, {"PJSIP/trunk": {"allow": allow}})]
    assert len(findings) == told
    assert not told or findings[0].said.endswith(" of: welcome")


def test_devices_that_never_react_are_named_as_the_running_callbridge_knows_them() -> None:
    def explain(kind: str, name: str) -> dict[str, object]:
        if name == "eve":
            raise ApiError("no such agent")
        dead = {"code": "device_dead", "text": "PJSIP/1001-web has not reacted to the last 3 calls: it is off"}
        return {"lines": [{"code": "free", "text": "free for a call"}, *([dead] if name == "ann" else [])]}

    assert shown(*devices.examine(explain, ["eve", "ann", "bob"])) == [
        "warning: agent ann: PJSIP/1001-web has not reacted to the last 3 calls: it is off"
    ]
