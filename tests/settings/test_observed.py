"""Observed queues: AMI is enough for `callbridge observe`; beside own queues it takes a user of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from callbridge.cli.check import check
from callbridge.settings.faults import ConfigFaults
from callbridge.settings.loading import load

TEXT = "pbx:\n  - name: pbx1\n    ami: {user: u, secret: s}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "observe.yaml"
    path.write_text(text)
    return path


def test_ami_is_enough_to_observe_but_not_to_serve(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    assert load(path, {}, observed=True).pbx[0].ami.user == "u"
    with pytest.raises(ConfigFaults) as wrong:
        load(path, {})
    assert any("pbx[0].ari" in str(fault) for fault in wrong.value.faults)


def test_own_queues_and_agents_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT + "queues:\n  support: {steps: [{skills: support}]}\nskills: [support]\n")
    with pytest.raises(ConfigFaults) as wrong:
        load(path, {}, observed=True)
    assert [fault.where for fault in wrong.value.faults] == ["queues"]


def test_commands_other_than_serve_take_it_for_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, TEXT)
    assert load(path, {}, observed=None).observes
    assert not load(written(tmp_path, SERVING), {}, observed=None).observes
    assert check(written(tmp_path, TEXT), {}) == 0
    assert capsys.readouterr().out == "for `callbridge observe`: all queues of pbx1; no call is served\n"


def test_serving_asks_for_ari_and_queues_and_so_does_every_command_where_there_is_one_of_them(tmp_path: Path) -> None:
    for text, missing in (
        (TEXT + "queues: {support: {steps: [{skills: s}]}}\nskills: [s]\n", "pbx[0].ari"),
        (SERVING.replace("queues:", "tiers: # "), "queues"),
    ):
        with pytest.raises(ConfigFaults) as wrong:
            load(written(tmp_path, text), {}, observed=None)
        assert missing in [fault.where for fault in wrong.value.faults]


SERVING = """
pbx:
  - name: pbx1
    ari: {url: "http://127.0.0.1:8088/ari", user: u, password: p}
    ami: {user: u, secret: s}
skills: [support]
entries: {support: {queue: support}}
queues: {support: {steps: [{skills: support}]}}
agents: {ann: {name: Ann, phone: PJSIP/1001, skills: {support: 1}}}
"""


def test_beside_own_queues_it_takes_a_user_that_is_told_of_queues(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults) as wrong:
        load(written(tmp_path, SERVING + "observe: {}\n"), {})
    assert {fault.where for fault in wrong.value.faults} == {"observe.user", "observe.secret"}
    observe = load(written(tmp_path, SERVING + "observe: {user: listener, secret: s}\n"), {}).observe
    assert observe is not None
    assert (observe.user, observe.queues) == ("listener", ())


def test_a_queue_is_served_or_observed_but_not_both(tmp_path: Path) -> None:
    user = "observe: {user: u, secret: s"
    for more in (user + ", queues: [support]}\n", user + "}\nfallback: {queue: support}\n"):
        with pytest.raises(ConfigFaults) as wrong:
            load(written(tmp_path, SERVING + more), {})
        assert ["callbridge's own" in str(fault) for fault in wrong.value.faults] == [True]


def test_callbridge_observe_may_be_told_which_queues(tmp_path: Path) -> None:
    observe = load(written(tmp_path, TEXT + "observe: {queues: [sales]}\n"), {}, observed=True).observe
    assert observe is not None
    assert observe.queues == ("sales",)
