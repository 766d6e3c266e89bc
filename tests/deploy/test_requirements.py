"""deploy/requirements.txt: what an installation gets, pinned with hashes; and what its audit says."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import audit
from tests.deploy.files import ROOT

TEXT = audit.LOCK.read_text()
WANTED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^ ;\\]+)", TEXT, re.MULTILINE)}


@pytest.mark.parametrize("wanted", [*WANTED["dependencies"], *WANTED["optional-dependencies"]["postgresql"]])
def test_every_dependency_is_pinned_within_its_range(wanted: str) -> None:
    one = Requirement(wanted)
    assert one.specifier.contains(PINNED[canonicalize_name(one.name)], prereleases=True), "run make lock"


def test_every_package_has_hashes_and_no_address() -> None:
    packages = re.split(r"^(?=\w)", TEXT, flags=re.MULTILINE)[1:]
    assert len(packages) == len(PINNED) > 20
    assert [one.split()[0] for one in packages if "--hash=sha256:" not in one] == []
    assert "://" not in TEXT


REPORT = {
    "dependencies": [
        {"name": "redis", "version": "8.0", "vulns": [{"id": "CVE-1", "fix_versions": ["8.1"]}, {"id": "CVE-2"}]},
        {"name": "yarl", "version": "1.0", "vulns": []},
        {"name": "rich", "skip_reason": "Dependency not found"},
    ]
}


def test_each_vulnerability_is_a_line_that_says_what_to_do() -> None:
    assert [*audit.found(REPORT)] == [
        "audit: redis 8.0 has CVE-1, fixed in 8.1: change pyproject, then make lock",
        "audit: redis 8.0 has CVE-2, fixed in no version yet: change pyproject, then make lock",
    ]
    assert audit.not_audited(REPORT) == ["rich"]


def test_one_that_does_not_concern_us_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.IGNORED, "CVE-1", "we do not use it")
    assert len([*audit.found(REPORT)]) == 1


@pytest.mark.parametrize("said", ["", "Connection refused"])
def test_without_the_network_everything_else_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str
) -> None:
    def run(*args: object, **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, stdout=said, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    assert audit.main() == 0
    assert capsys.readouterr().out == "audit: the registry does not answer; vulnerabilities were not looked for\n"
