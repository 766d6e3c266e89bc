"""Several PBXs in the configuration: whose phone is whose, and how one PBX reaches the phones of another."""

from __future__ import annotations

import pytest

from callbridge.core.model.plan import Plan
from tests.settings.conftest import Write, right, told

TWO = """\
pbx:
  - {name: east, ari: {url: "http://e/ari", user: u, password: p}, ami: {user: u, secret: s}, tie: "PJSIP/{phone}@tie-{pbx}"}
  - {name: west, ari: {url: "http://w/ari", user: u, password: p}, ami: {user: u, secret: s}, tie: "PJSIP/{phone}@tie-{pbx}"}
skills: [support]
entries: {help: {queue: support}}
queues: {support: {steps: [{skills: support}]}}
agents:
  ann: {phone: east/PJSIP/1001, skills: {support: 4}}
  bob: {phones: [west/PJSIP/1001, east/pjsip/1002], skills: {support: 4}}
"""
TIED = ', tie: "PJSIP/{phone}@tie-{pbx}"'


def test_a_phone_is_one_of_its_pbx_and_may_have_the_name_of_another(write: Write) -> None:
    plan: Plan = right(write(text=TWO)).plan()
    assert plan.pbxs == ("east", "west")
    assert plan.ties == {"east": "PJSIP/{phone}@tie-{pbx}", "west": "PJSIP/{phone}@tie-{pbx}"}
    assert plan.agents["ann"].phones == ("east/PJSIP/1001",)
    assert plan.agents["bob"].phones == ("west/PJSIP/1001", "east/PJSIP/1002")


def test_the_only_pbx_may_be_named_and_says_nothing(write: Write) -> None:
    plan = right(write(("phone: PJSIP/1002", "phone: pbx1/PJSIP/1002"))).plan()
    assert plan.agents["ann"].phones == ("PJSIP/1002",)


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        (
            [("east/PJSIP/1001", "PJSIP/1001")],
            [
                "cb.yaml:8: agents.ann.phone: PJSIP/1001 names no PBX, and there are several"
                " (hint: write east/PJSIP/1001 or west/PJSIP/1001)"
            ],
        ),
        (
            [("east/PJSIP/1001", "eats/PJSIP/1001")],
            ["cb.yaml:8: agents.ann.phone: no such PBX: 'eats' (hint: did you mean 'east'?)"],
        ),
        (
            [("west/PJSIP/1001", "east/PJSIP/1001")],
            ["cb.yaml:9: agents.bob.phones[0]: east/PJSIP/1001 is already the phone of agent 'ann' (hint: see cb.yaml:8)"],
        ),
        (
            [(TIED, "")],
            [
                "cb.yaml:2: pbx[0]: tie is missing: nothing says how east reaches the phones of west"
                ' (hint: such as tie: "PJSIP/{phone}@tie-{pbx}")'
            ],
        ),
        (
            [("PJSIP/{phone}@tie-{pbx}", "PJSIP/@tie-{pbx}")],
            [
                "cb.yaml:2: pbx[0].tie: expected a dial string of Asterisk,"
                " such as \"PJSIP/{phone}@tie-{pbx}\", not 'PJSIP/@tie-{pbx}'"
            ],
        ),
        (
            [("name: west", "name: east"), ("west/", "east/"), ("east/PJSIP/1001, east", "east/PJSIP/1003, east")],
            ["cb.yaml:3: pbx[1].name: 'east' is already the name of another PBX"],
        ),
        (
            [("name: west", "name: SIP"), ("west/", "SIP/")],
            ["cb.yaml:3: pbx[1].name: 'SIP' begins the names of endpoints (hint: choose another name)"],
        ),
        (
            [("ann: {", "ann: {connect: nailed_up, ")],
            [
                "cb.yaml:8: agents.ann.connect: nailed_up serves the callers of one PBX, and there are several"
                " (hint: use auto_answer)"
            ],
        ),
        (
            [("agents:", "observe: {queues: [x], user: u, secret: s}\nagents:")],
            ["cb.yaml:7: observe: only the queues of one PBX can be observed, and there are several"],
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_is(write: Write, changes: list[tuple[str, str]], faults: list[str]) -> None:
    assert told(write(*changes, text=TWO)) == faults


def test_a_tie_line_that_leads_to_one_pbx_does_not_do_for_three(write: Write) -> None:
    third = (
        '  - {name: third, ari: {url: "http://127.0.0.3:8088/ari", user: u, password: p}, ami: {user: u, secret: s}%s}\nskills'
    )
    changes = [("skills", third % TIED), ("east/pjsip/1002", "third/PJSIP/1"), ("tie-{pbx}", "tie-west")]
    assert told(write(*changes, text=TWO)) == [
        "cb.yaml:2: pbx[0].tie: leads to one PBX, but agents have phones on west and third"
        ' (hint: such as tie: "PJSIP/{phone}@tie-{pbx}")'
    ]


def test_a_pbx_without_phones_of_agents_needs_no_tie_line_to_it(write: Write) -> None:
    alone = right(write(("west/PJSIP/1001, ", ""), (TIED, ""), text=TWO))
    assert alone.plan().ties == {"west": "PJSIP/{phone}@tie-{pbx}"}


def test_the_site_of_an_agent_is_that_of_the_first_phones_pbx_unless_given(write: Write) -> None:
    changes = [
        ("name: east, ", "name: east, site: london, "),
        ("name: west, ", "name: west, site: paris, "),
        ("ann: {", "ann: {site: rome, "),
    ]
    changes += [("help: {", "help: {site: rome, "), ("support: {steps", "support: {own_site: 10s, steps")]
    plan = right(write(*changes, text=TWO)).plan()
    assert {id: dict(one.skills) for id, one in plan.agents.items()} == {
        "ann": {"support": 4, "@rome": 1},
        "bob": {"support": 4, "@paris": 1},
    }
    assert plan.queues["support"].own_site == 10.0
    assert (plan.site_of("west", "other"), plan.site_of("west", "help")) == ("paris", "rome")


def test_sites_that_are_nowhere_are_refused(write: Write) -> None:
    changes = [("help: {", "help: {site: rome, "), ("support: {steps", "support: {own_site: 10s, steps")]
    assert told(write(*changes, text=TWO)) == [
        "cb.yaml:5: entries.help.site: no such site: 'rome' (hint: none is configured)",
        "cb.yaml:6: queues.support.own_site: requires sites: no PBX and no agent has one (hint: such as site: london, below pbx)",
    ]
