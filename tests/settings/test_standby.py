"""The section of an instance that is one of several: what it means, what it requires, and what is hardly meant."""

from __future__ import annotations

import pytest

from callbridge.cli.check import summary
from callbridge.service.adapter_settings import ari_settings, lease_times
from callbridge.settings.models import Settings
from tests.settings.conftest import Write, right

REDIS = "redis: {url: 'redis://127.0.0.1'}\n"
PAIR = REDIS + "standby: {address: 'http://cb1.example:8090/'}\n"


def settings(write: Write, more: str) -> Settings:
    return right(write(("skills: [", f"{more}skills: [")))


def test_it_has_the_times_of_a_lease_and_a_stricter_proof_of_ownership(write: Write) -> None:
    one = settings(write, PAIR)
    assert one.standby is not None
    assert one.standby.address == "http://cb1.example:8090"
    times = lease_times(one)
    assert times is not None
    assert times.ttl == 1.5
    ari = ari_settings(one, one.pbx[0])
    assert (ari.echo_limit, ari.verified) == (1.0, True)
    said = "this is http://cb1.example:8090; one of several instances leads, another takes over after 1.5s"
    assert f"standby   {said}" in list(summary(one, None))


def test_without_it_nothing_changes(write: Write) -> None:
    one = settings(write, REDIS)
    assert lease_times(one) is None
    ari = ari_settings(one, one.pbx[0])
    assert (ari.echo_limit, ari.verified) == (3.0, False)
    assert not [line for line in summary(one, None) if line.startswith("standby")]


@pytest.mark.parametrize(
    ("url", "warned"), [("sqlite:////var/lib/callbridge/callbridge.db", True), ("postgresql+psycopg://db/callbridge", False)]
)
def test_a_database_that_is_a_file_on_one_machine_is_warned_of(write: Write, url: str, warned: bool) -> None:
    one = settings(write, PAIR + f"database: {{url: '{url}'}}\n")
    said = "is a file: unless both instances share it, each has a history and leads of its own"
    assert any(said in str(warning) for warning in one.warnings) is warned
