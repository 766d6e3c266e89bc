"""What a rescue needs of a configuration is to be had in spite of everything else that is wrong with it."""

from __future__ import annotations

import pathlib

import pytest

from callbridge.settings.faults import ConfigFaults
from callbridge.settings.loading import load_links
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
    assert load_links(path, {})[0].instance.app == "mine"


DOUBTFUL = ["instance: {app: 'a b'}", "fallback: {context: ''}"]
NO_PBX = ["", "queues: {}", "pbx: []", "pbx: [{name: x}]"]


@pytest.mark.parametrize("text", [*NO_PBX, *(f"{RIGHT}{line}\n" for line in DOUBTFUL)])
def test_without_a_pbx_or_in_doubt_about_what_is_ours_nothing_is_begun(write: Write, text: str) -> None:
    with pytest.raises(ConfigFaults):
        load_links(write(text=text), {})


def test_a_missing_configuration_is_said(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigFaults, match="no such file"):
        load_links(tmp_path / "none.yaml", {})
