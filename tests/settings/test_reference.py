"""The reference of the keys and the schema for editors: current, complete, and of the same mind as the models."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from callbridge.cli import main
from callbridge.settings.editor_schema import CoreLoader, descriptions, editor_schema, schema_text
from callbridge.settings.models import Settings
from callbridge.settings.reference import FILES, example_of, reference
from callbridge.settings.section import ConfigSection
from tests.editors import VALIDATOR, complaints
from tests.settings.conftest import RIGHT, Write, told

CONFIG = pathlib.Path(__file__).parents[2] / "config"
EXAMPLES = sorted(path for path in CONFIG.iterdir() if ".yaml" in path.suffixes)
MADE_BY = "python -m callbridge.settings.reference"


def _models(above: type[BaseModel] = ConfigSection) -> Iterator[type[BaseModel]]:
    for model in above.__subclasses__():
        yield model
        yield from _models(model)


MODELS = sorted(set(_models()), key=lambda one: one.__name__)
FIELDS = [(model, field) for model in MODELS for field in model.model_fields]


def test_the_committed_reference_is_current() -> None:
    assert (CONFIG / "README.md").read_text(encoding="utf-8") == reference(), f"run: {MADE_BY}"


def test_the_committed_schema_is_current() -> None:
    assert (CONFIG / "callbridge.schema.json").read_text(encoding="utf-8") == schema_text(), f"run: {MADE_BY}"


def test_check_prints_the_schema(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALLBRIDGE_CONFIG", raising=False)
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == editor_schema()
    with pytest.raises(SystemExit) as ended:
        main(["check"])
    assert ended.value.code == 2
    assert "required: -c/--config" in capsys.readouterr().err


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_of_every_model_is_described_in_one_sentence(model: type[BaseModel]) -> None:
    said = descriptions(model)
    for field in model.model_fields:
        sentence = re.sub(r"\s+Example: `.*`$", "", said.get(field, ""))
        assert re.fullmatch(r"[A-Z`].*[^. ]\.", sentence), f"a docstring below {model.__name__}.{field} says what the key means"
        assert ". " not in re.sub(r"`[^`]*`", "", sentence), field


def test_every_key_stands_in_the_reference() -> None:
    page = reference()
    keys = {name for one in (editor_schema(), *editor_schema()["$defs"].values()) for name in one["properties"]}
    assert [key for key in sorted(keys) if not re.search(rf"^\| `([^`]*\.)?{key}` \|", page, re.MULTILINE)] == []


def test_every_key_that_is_no_section_has_an_example_that_the_model_takes() -> None:
    whole = editor_schema()
    for model, field in FIELDS:
        info = model.model_fields[field]
        given = (whole if model is Settings else whole["$defs"].get(model.__name__, {})).get("properties", {})
        if not given:
            continue  # only other models are made of it
        about = given[info.alias or field]
        example = example_of(about)
        if example is None:
            assert "$ref" in json.dumps(about), f"{model.__name__}.{field} has no example"
            continue
        kind: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
        if "${" not in str(example):
            TypeAdapter(kind).validate_python(_as_read(example))


def _as_read(value: object) -> object:
    """As our reader gives it: scalars are text."""
    if isinstance(value, dict):
        return {key: _as_read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_read(item) for item in value]
    return str(value)


def test_the_reference_has_each_section_where_the_examples_have_it() -> None:
    assert sorted(name for names in FILES.values() for name in names) == sorted([*Settings.model_fields, "include"])
    for path in EXAMPLES:
        sections = yaml.load(path.read_text(encoding="utf-8"), CoreLoader)
        strange = sections.keys() - set(FILES[path.name])
        assert strange <= ({"calendars"} if path.suffix == ".sample" else set()), path.name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_editors_find_the_schema_of_each_example_and_have_no_complaint(path: pathlib.Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "# yaml-language-server: $schema=callbridge.schema.json"
    assert complaints(text) == []


def test_an_empty_file_and_one_with_a_single_section_are_files_of_their_own() -> None:
    assert complaints("") == complaints("redis: {prefix: mine}") == complaints("agents: {ann: {phone: PJSIP/1}}") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("skills: [", "skill: ["),
        ("then:", "than:"),
        ("for: 20s", "four: 20s"),
        ("connect: nailed_up", "conect: nailed_up"),
        ("user: u, password: p", "usr: u, password: p"),
    ],
)
def test_a_misspelt_key_is_underlined_and_refused(write: Write, old: str, new: str) -> None:
    path = write((old, new))
    assert complaints(RIGHT) == []
    assert any(new.partition(":")[0] in one for one in complaints(path.read_text(encoding="utf-8")))
    assert any(new.partition(":")[0] in one for one in told(path))


@pytest.mark.parametrize(
    "text",
    [
        "queue_defaults: {ring_for: ${RING}}".replace("${RING}", '"${RING:-20s}"'),
        "queue_defaults: {ring_for: 1h 30m, wrap_up: 90, short_talk: 1.5, reclaim_within: 500ms}",
        "queue_defaults: {target: {share: 0.8}, tiers: {gold: {target: {share: '0.8'}}}}",
        "queue_defaults: {callback: no, prefer: off, record: false, do_not_call: yes}",
        "http: {port: '8090', tokens: [{name: a, role: viewer, token_file: a.txt}]}",
        "http: {port: ${CALLBRIDGE_HTTP_PORT:-8090}}".replace("${CALLBRIDGE_HTTP_PORT:-8090}", '"${PORT}"'),
        "log: {level: INFO, mask_numbers: '${MASK:-true}'}",
        "reasons: {rona: , lunch: {digit: 1}}",
        "agents: {0101: {phone: PJSIP/1, pin: 4711, login: on}}",
        "calendars: {office: {week: {mon-fri: 08:00-18:00, sat: closed}, holidays: {2026-12-24: closed}}}",
        "skills: {support: , english: Speaks English}",
        "repeat_calls:",
        "campaigns: {spring: {queue: sales, opt_out: }}",
        "flows: {bye: {nodes: {bye: {goodbye: }}}}",
        "lookups: {crm: {url: 'https://crm.example/{caller}', deadline: 300ms}}",
        "callbacks: {do_not_call_file: never.txt}",
        "database: {url_file: url.txt}",
    ],
)
def test_values_are_accepted_as_people_write_them(text: str) -> None:
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "queue_defaults: {ring_for: twenty}",
        "queue_defaults: {target: {share: 80}}",
        "http: {port: 70000}",
        "http: {limits: {connections: many}}",
        "agents: {ann: {name: Ann}}",
        "agents: {ann: {phone: none}}",
        "agents: {ann: {phone: PJSIP/1, skills: {support: 9}}}",
        "agents: {ann: {phone: PJSIP/1, connect: rings}}",
        "pbx: [{name: pbx1, ari: {url: 'http://127.0.0.1', user: u}, ami: {user: u, secret: s}}]",
        "flows: {bye: {nodes: {bye: {next: bye}}}}",
        "flows: {ask: {nodes: {ask: {menu: welcome, keys: {1: bye}}}}}",
        "calendars: {office: {week: {mon: 8 to 6}}}",
        "keys: {'1': transfer}",
        "queues: []",
    ],
)
def test_a_value_that_check_refuses_anyhow_is_underlined(text: str) -> None:
    assert complaints(text)


def test_the_schema_is_valid_draft_2020_12() -> None:
    assert editor_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert VALIDATOR.is_valid({})


def test_a_misspelt_key_of_a_file_of_numbers_is_explained(write: Write) -> None:
    path = write(text=RIGHT + "callbacks: {do_not_call_fil: never.txt}\n")
    assert "did you mean 'do_not_call_file'?" in told(path)[0]
