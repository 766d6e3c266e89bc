"""A configuration for `callbridge observe`: AMI is enough, and own queues have no place in it."""

from __future__ import annotations

from pathlib import Path

import pytest

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
