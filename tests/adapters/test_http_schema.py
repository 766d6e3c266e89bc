"""The API against its own OpenAPI document: schemathesis asks what the document allows, and what it does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.schemas import BaseSchema

from callbridge.adapters.http import HttpSettings
from callbridge.adapters.http.openapi import document
from tests.adapters.http_house import open_house

TOKEN = "s3cret"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
THERE = {"agents": "a0", "calls": "cb-call-t-1", "queues": "q0", "campaigns": "spring", "hours": "q0"}
"""Who is there, by what stands before the name in a path."""

api = schemathesis.openapi.from_dict(document(), config=SchemathesisConfig(seed=1))
sound = schemathesis.openapi.from_dict(document(), config=SchemathesisConfig(seed=2))
sound.config.generation.update(modes=[GenerationMode.POSITIVE])
"""What is asked rightly, of those who are there: the core gets to see it."""

ALL_BUT_THE_STREAMS = r"(?!/api/events$|/api/views$|/api/walls/\{name\}/views$)"
"""They have no end. Their tests are in test_http_events and test_http_views."""
OF_SOMEBODY = rf".*/({'|'.join(THERE)})/\{{"

pytestmark = pytest.mark.slow

Check = Callable[[schemathesis.Case[Any], str], None]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with open_house(HttpSettings(token=TOKEN, wrong_tokens=1_000_000, logins=1_000_000)) as (where, _):
        yield where


def does_what_its_document_says(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, headers=BEARER)


def answers_about_those_who_are_there(case: schemathesis.Case[Any], url: str) -> None:
    (known,) = (THERE[part] for part in case.path.split("/") if part in THERE)
    case.path_parameters = dict.fromkeys(case.path_parameters, known)
    answer = case.call_and_validate(base_url=url, headers=BEARER)
    assert answer.status_code == 200 if case.method.upper() == "GET" else answer.status_code in (200, 404, 409)


def makes_what_is_asked_for_rightly(case: schemathesis.Case[Any], url: str) -> None:
    """Which options and names are right depends on the report and the site; intervals and forms are the same for all."""
    case.path_parameters = {"name": "queues"}
    case.query = {name: value for name, value in case.query.items() if name in ("by", "format", "language")}
    assert case.call_and_validate(base_url=url, headers=BEARER).status_code == 200


def each_of(schema: BaseSchema, paths: str, check: Check, examples: int) -> Iterator[tuple[str, object]]:
    """A test for each operation, by a name of its own: those that schemathesis makes of one function have one id, and xdist
    runs one test for each id."""
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if not re.match(paths, operation.path):
            continue

        def ask(case: schemathesis.Case[Any], url: str) -> None:
            check(case, url)

        settled = hypothesis.settings(max_examples=examples, derandomize=True, database=None)(ask)
        only = schema.include(method=operation.method, path=operation.path)
        yield f"test_{re.sub('[^a-z]+', '_', operation.label.lower())}_{check.__name__}", only.parametrize()(settled)


globals().update(each_of(api, ALL_BUT_THE_STREAMS, does_what_its_document_says, 15))
globals().update(each_of(sound, OF_SOMEBODY, answers_about_those_who_are_there, 8))
globals().update(each_of(sound, r"/api/reports/", makes_what_is_asked_for_rightly, 8))
