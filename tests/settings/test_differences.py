"""What a reload changes, key by key: nothing is missing, and no secret is told."""

from __future__ import annotations

import pytest

from callbridge.settings.differences import HIDDEN, MOST, KeyChange, differences
from tests.settings.conftest import RIGHT, Write, right

HOOKS = RIGHT + "webhooks: [{name: crm, url: 'https://u:pw1@crm.example/x?key=k1', secret: 0123456789abcdef}]\n"


def test_the_same_configuration_differs_in_nothing(write: Write) -> None:
    assert differences(right(write()), right(write())) == []


def test_each_changed_key_is_told_with_both_values(write: Write) -> None:
    old = right(write())
    new = right(write(("for: 20s", "for: 30s"), ("{english: 2}", "{english: 5}"), ("login: yes", "login: no")))
    assert differences(old, new) == [
        KeyChange("queues.support.steps[0].for", "20", "30"),
        KeyChange("agents.ann.skills.english", "2", "5"),
        KeyChange("agents.ann.login", "yes", "no"),
    ]


def test_what_comes_and_what_goes_has_one_side_only(write: Write) -> None:
    old = right(write())
    new = right(write(("  ann: {phone: PJSIP/1002, ", "  eve: {phone: PJSIP/1002, ")))
    found = {one.key: (one.old, one.new) for one in differences(old, new)}
    assert found["agents.ann.phone"] == ("PJSIP/1002", None)
    assert found["agents.eve.phone"] == (None, "PJSIP/1002")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("0123456789abcdef", "fedcba9876543210"), "webhooks[crm].secret"),
        (("pw1", "pw2"), "webhooks[crm].url"),
        (("key=k1", "key=k2"), "webhooks[crm].url"),
        (("login: yes", "login: yes, pin: '4711'"), "agents.ann.pin"),
    ],
)
def test_that_a_secret_has_changed_is_told_but_not_the_secret(write: Write, change: tuple[str, str], key: str) -> None:
    found = differences(right(write(text=HOOKS)), right(write(change, text=HOOKS)))
    assert [one.key for one in found] == [key]
    said = str(found)
    assert HIDDEN in said
    assert not any(secret in said for secret in ("pw1", "pw2", "k1", "k2", "0123456", "fedcba", "4711"))


def test_a_new_house_is_told_in_part_and_how_much_more_there_is(write: Write) -> None:
    many = "".join(f"  a{number}: {{phone: PJSIP/{number}, skills: {{english: 1}}}}\n" for number in range(3000, 3200))
    found = differences(right(write()), right(write(text=RIGHT + many)))
    assert len(found) == MOST + 1
    assert found[-1].key == "..." and found[-1].new is not None and int(found[-1].new.split()[0]) > 200


def test_files_of_numbers_are_told_by_their_size(write: Write) -> None:
    looked_up = RIGHT + "lookups: {vips: {csv: vips.csv}}\n"
    path = write(text=looked_up)
    (path.parent / "vips.csv").write_text("number,level\n+442079460001,1\n")
    old = right(path)
    (path.parent / "vips.csv").write_text("number,level\n+442079460001,1\n+442079460002,1\n")
    assert differences(old, right(path)) == [KeyChange("(numbers of lookups.vips)", "1", "2")]
