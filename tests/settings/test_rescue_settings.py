"""What a rescue needs of a configuration is to be had in spite of everything else that is wrong with it."""

from __future__ import annotations

import pathlib

import pytest

from callbridge.settings.faults import ConfigFaults
from callbridge.settings.loading import load
from callbridge.settings.rescue_settings import load_links
from tests.settings.conftest import RIGHT, Write


def test_faults_elsewhere_are_told_and_do_no_harm(write: Write) -> None:
    path = write(("support >= 3", "suport >="), ("login: yes", "login: perhaps"), text=f"{RIGHT}colour: red\n")
    settings, faults = load_links(path, {})
    assert [pbx.ari.user for pbx in settings.pbx] == ["u"]
    assert (settings.instance.app, settings.fallback.context) == ("callbridge", "callbridge-fallback")
    assert len(faults) == 3


def test_a_right_configuration_has_no_faults(write: Write) -> None:
    assert load_links(write(), {})[1] == ()


def test_a_file_that_cannot_be_read_matters_only_when_it_may_say_whose_calls_are_ours(write: Write) -> None:
    path = write(text=f"include: [gone.yaml]\n{RIGHT}")
    with pytest.raises(ConfigFaults):
        load_links(path, {})
    path = write(text=f"include: [gone.yaml]\ninstance: {{app: mine}}\n{RIGHT}")
    instance = load_links(path, {})[0].instance
    assert (instance.app, instance.prefix) == ("mine", "cb_mine")


DOUBTFUL = ["instance: {app: 'a b'}", "fallback: {context: ''}"]
NO_PBX = ["", "queues: {}", "pbx: []", "pbx: [{name: x}]"]


@pytest.mark.parametrize("text", [*NO_PBX, *(f"{RIGHT}{line}\n" for line in DOUBTFUL)])
def test_without_a_pbx_or_in_doubt_about_what_is_ours_nothing_is_begun(write: Write, text: str) -> None:
    with pytest.raises(ConfigFaults):
        load_links(write(text=text), {})


def test_a_missing_configuration_is_said(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigFaults, match="no such file"):
        load_links(tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    ("instance", "prefix"),
    [
        ("{}", "cb"),
        ("{app: callbridge}", "cb"),
        ("{app: second}", "cb_second"),
        ("{app: second, prefix: x.y}", "x.y"),
        ("{app: A23456789B123456789C123456789D12}", "cb_A23456789B123456789C_3dff044a"),
    ],
)
def test_each_application_has_a_prefix_of_its_own(write: Write, instance: str, prefix: str) -> None:
    settings = load(write(("skills:", f"instance: {instance}\nskills:")), {})
    assert (settings.instance.prefix, settings.plan().prefix) == (prefix, prefix)
    assert len(prefix) <= 32
    assert not settings.warnings


def test_the_prefix_of_another_application_is_warned_of(write: Write) -> None:
    (warning,) = load(write(("skills:", "instance: {app: second, prefix: cb}\nskills:")), {}).warnings
    assert str(warning).startswith("cb.yaml:5: instance.prefix: 'cb' is the prefix of the application 'callbridge'")
    assert "'cb_second'" in str(warning)
