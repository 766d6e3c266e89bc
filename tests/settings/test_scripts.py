"""Scripts: what they mean, and every mistake with its place."""

from __future__ import annotations

import pytest

from callbridge.service.agent_pages import agent_pages
from tests.settings.conftest import RIGHT, Write, right, told

SCRIPT = """\
values: {contract: {label: Contract}}
queue_defaults: {script: renewal}
scripts:
  renewal:
    steps:
      greet:
        text: "Good morning {name}, this is {agent}. Contract {contract}."
        fields:
          interested: {kind: yes_no, required: yes}
          period: {kind: choice, choices: [monthly, yearly], label: How often}
        branch: [{when: {interested: "no"}, to: bye}, {when: {interested: "yes", period: [monthly, yearly]}, to: order}]
        next: order
      order: {text: "So {period}.", fields: {persons: {kind: number, least: 1, most: 9}, until: {kind: date}}, next: bye}
      bye: {text: Thank you.}
"""
WHOLE = RIGHT.replace("queues:\n", SCRIPT + "queues:\n", 1)


def test_a_script_is_understood_and_belongs_to_its_queues(write: Write) -> None:
    pages = agent_pages(right(write(("  general:\n", "  general:\n    script: no\n"), text=WHOLE)))
    assert pages.queue_scripts == {"support": "renewal"}
    script = pages.scripts["renewal"]
    assert (script.start, list(script.steps)) == ("greet", ["greet", "order", "bye"])
    greet = script.steps["greet"]
    assert [(one.label, one.kind, one.choices, one.required) for one in greet.fields.values()] == [
        ("interested", "yes_no", (), True),
        ("How often", "choice", ("monthly", "yearly"), False),
    ]
    assert [(dict(one.when), one.to) for one in greet.branches] == [
        ({"interested": ("no",)}, "bye"),
        ({"interested": ("yes",), "period": ("monthly", "yearly")}, "order"),
    ]
    assert (greet.next, script.steps["bye"].next) == ("order", "")


AT = "scripts.renewal.steps"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("next: order", "next: ordr", f"{AT}.greet.next: no such step: 'ordr' (hint: did you mean 'order'?)"),
        ("to: order}", "to: nowhere}", f"{AT}.greet.branch[1].to: no such step: 'nowhere' (hint: known: bye, greet, order)"),
        (
            "    steps:\n      greet",
            "    start: gret\n    steps:\n      greet",
            "scripts.renewal.start: no such step: 'gret' (hint: did you mean 'greet'?)",
        ),
        (
            "bye: {text: Thank you.}",
            "bye: {text: Thank you., next: order}",
            f"{AT}.greet: the agent would be in a loop without exit: greet -> bye",
        ),
        (
            '{interested: "no"}',
            '{intrested: "no"}',
            f"{AT}.greet.branch[0].when.intrested: no such field: 'intrested' (hint: did you mean 'interested'?)",
        ),
        (
            '{interested: "no"}',
            '{interested: "perhaps"}',
            f"{AT}.greet.branch[0].when.interested: 'perhaps' is not an answer to 'interested' (hint: known answers: yes, no)",
        ),
        (
            "[monthly, yearly]}, to",
            "[monthly, weekly]}, to",
            f"{AT}.greet.branch[1].when.period: 'weekly' is not an answer to 'period' (hint: known answers: monthly, yearly)",
        ),
        ("So {period}.", "So {perod}.", f"{AT}.order.text: calls have no {{perod}} (hint: did you mean 'period'?)"),
        ("So {period}.", "Your {pin}.", f"{AT}.order.text: {{pin}} is secret: agents must not see it"),
        ("until: {kind: date}", "period: {kind: date}", f"{AT}.order.fields.period: is already a field of another step"),
        ("choices: [monthly, yearly], ", "", f"{AT}.greet.fields.period: choices are needed with kind: choice, and only there"),
        ("least: 1", "least: 10", f"{AT}.order.fields.persons: least must not be above most"),
        ("{kind: date}", "{kind: date, most: 3}", f"{AT}.order.fields.until: least and most require kind: number, not date"),
        ("script: renewal", "script: renewl", "queue_defaults.script: no such script: 'renewl' (hint: did you mean 'renewal'?)"),
    ],
)
def test_a_script_that_leads_nowhere_is_refused(write: Write, old: str, new: str, message: str) -> None:
    (fault,) = told(write((old, new), text=WHOLE))
    assert fault.partition(": ")[2] == message


def test_a_step_to_which_none_leads_and_a_script_without_a_queue_are_warned_of(write: Write) -> None:
    text = WHOLE.replace("      bye: {text: Thank you.}", "      bye: {text: Thank you.}\n      lost: {text: Lost.}")
    text = text.replace("queue_defaults: {script: renewal}\n", "")
    said = [str(one).partition(": ")[2] for one in right(write(text=text)).warnings if "scripts" in str(one)]
    assert said == ["scripts.renewal: no queue and no campaign uses this script", f"{AT}.lost: no other step leads to this one"]
