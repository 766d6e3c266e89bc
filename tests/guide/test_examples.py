"""Every example of the README and the guide works: configurations pass the real check, commands and requests the real parsers."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from callbridge.adapters.http.routes import ROUTES
from callbridge.cli import _parser, main
from callbridge.settings.faults import ConfigFaults
from callbridge.settings.loading import load
from tests.guide.pages import PAGES, README, Block, page, spelled_out
from tests.guide.shown import blocks

REST = {
    "pbx": '[{name: pbx1, ari: {url: "http://127.0.0.1:8088/ari", user: u, password: p}, ami: {user: u, secret: s}}]',
    "redis": '{url: "redis://127.0.0.1:6379/0"}',
    "skills": "[support]",
    "queues": "{support: {steps: [{skills: support}]}}",
}
"""What an example that is only a part of a configuration is put beside: of these the sections that it does not have."""
ENVIRONMENT = {"CALLBRIDGE_ARI_PASSWORD": "a-long-secret", "CALLBRIDGE_AMI_SECRET": "another-secret"}
FILES = {
    "managers.csv": "number,agent\n+442079460001,1001\n",
    **{
        name: f"a-secret-of-at-least-sixteen-characters-{name}\n"
        for name in (
            "ami.secret",
            "crm.secret",
            "crm.token",
            "admin.token",
            "wallboard.token",
            "anna.token",
            "lead.token",
            "mail.password",
            "alerts.secret",
        )
    },
}
"""Files that examples name."""
CONFIGURATIONS = [block for each in PAGES for block in each.blocks("yaml")]
COMMANDS = [
    (block.where, line.strip())
    for each in PAGES
    for block in each.blocks("sh")
    for line in block.text.splitlines()
    if line.strip()
]
OURS = [(where, line) for where, line in COMMANDS if line.split()[0] == "callbridge"]
NAMED = sorted({(each.name, span) for each in PAGES for span in each.spans() if re.match(r"callbridge [a-z-]", span)})
ASKING = ("agents", "queues", "calls", "callbacks", "hours", "bypass", "reload")
"""Commands that do nothing but talk to a server."""


def loaded(text: str, folder: Path, *, observed: bool = False) -> None:
    for name, content in FILES.items():
        (folder / name).write_text(content)
    path = folder / "callbridge.yaml"
    added = {} if observed else REST
    rest = [f"{name}: {value}" for name, value in added.items() if not re.search(rf"^{name}:", text, re.MULTILINE)]
    path.write_text("\n".join([text, *rest]), encoding="utf-8")
    try:
        load(path, ENVIRONMENT, observed=observed)
    except ConfigFaults as wrong:
        pytest.fail("\n".join(map(str, wrong.faults)))


def arguments(line: str) -> list[str]:
    return shlex.split(line.partition(" > ")[0], comments=True)[1:]


@cache
def parser(config: str) -> argparse.ArgumentParser:
    """Made once, and once more where ``CALLBRIDGE_CONFIG`` says what ``--config`` need not."""
    assert config == os.environ.get("CALLBRIDGE_CONFIG", "")
    return _parser()


def parsed(words: Sequence[str]) -> bool:
    try:
        parser(os.environ.get("CALLBRIDGE_CONFIG", "")).parse_args(words)
    except SystemExit as ended:
        return ended.code == 0  # --help, --version
    return True


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=[block.where for block in CONFIGURATIONS])
def test_every_configuration_passes_the_check(block: Block, tmp_path: Path) -> None:
    loaded(block.text, tmp_path, observed="ami:" in block.text and "ari:" not in block.text)


def test_a_wrong_example_would_be_noticed(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"queues\.support"):
        loaded("queues: {support: {no_such_key: 1}}\n", tmp_path)


@pytest.mark.parametrize(("where", "line"), OURS)
def test_every_command_is_one(where: str, line: str) -> None:
    assert parsed(arguments(line)), f"{where}: {line}"


@pytest.mark.parametrize(("where", "span"), NAMED)
def test_every_command_that_is_named_is_one(where: str, span: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBRIDGE_CONFIG", "callbridge.yaml")
    for command in spelled_out(span):
        assert parsed(arguments(command)), f"{where}: {command}"


@pytest.mark.parametrize("line", [line for _, line in OURS if line.split()[1] in ASKING])
def test_every_request_is_complete(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is missing that only the command itself knows: it gets as far as asking the server, which is not there."""
    assert main([*arguments(line), "--url", "http://127.0.0.1:1"]) == 1
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_a_wrong_command_would_be_noticed() -> None:
    assert not parsed(["agents", "dismiss", "1001"])


def test_every_command_of_the_program_is_in_the_table() -> None:
    named = {
        span.split()[1] for row in page("commands.md").rows("command") for span in re.findall(r"`(callbridge [^`]+)`", row[0])
    }
    helped = re.findall(r"^    ([\w-]+)(?: |$)", _parser().format_help(), re.MULTILINE)
    assert helped
    assert named == set(helped)


def test_what_commands_print_is_what_the_page_shows() -> None:
    shown = [block.text for block in page("commands.md").blocks("text")]
    assert shown == list(blocks()), "run: .venv/bin/python -m tests.guide.shown"


POSTED = re.findall(r"^post (\S+) '(.+?)'", page("http-api.md").text, re.MULTILINE)


@pytest.mark.parametrize(("path", "body"), POSTED)
def test_every_request_by_http_is_one(path: str, body: str) -> None:
    (route,) = (
        route
        for route in ROUTES
        if route.method == "POST" and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), f"/api/{path}")
    )
    assert route.body is not None
    route.body.model_validate(json.loads(body))


def test_the_first_call_of_the_readme_is_checked_as_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config,) = (block for block in README.blocks("yaml") if "ari:" in block.text)
    (tmp_path / "callbridge.yaml").write_text(config.text)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        assert main(["check", "-c", str(tmp_path / "callbridge.yaml")]) == 0
    said = capsys.readouterr()
    (warning,) = said.err.splitlines()
    assert "http.token: is missing" in warning
    assert said.out.startswith("queue support: longest_idle")
