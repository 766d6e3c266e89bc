"""The API against its own OpenAPI document: schemathesis asks what the document allows, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from callbridge.adapters.http import HttpSettings
from callbridge.adapters.http.openapi import document
from tests.adapters.http_house import open_house

TOKEN = "s3cret"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

CONFIG = SchemathesisConfig(seed=1)

api = schemathesis.openapi.from_dict(document(), config=CONFIG).exclude(path="/api/events")
"""Without the stream: it has no end. Its tests are in test_http_events."""

sound = schemathesis.openapi.from_dict(document(), config=SchemathesisConfig(seed=2)).include(path_regex=r"\{")
sound.config.generation.update(modes=[GenerationMode.POSITIVE])
"""What is asked rightly, of those who are there: the core gets to see it."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with open_house(HttpSettings(token=TOKEN, wrong_tokens=1_000_000, logins=1_000_000)) as (where, _):
        yield where


@api.parametrize()
@hypothesis.settings(max_examples=15, derandomize=True, database=None)
def test_the_api_does_what_its_document_says(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, headers=BEARER)


@sound.parametrize()
@hypothesis.settings(max_examples=8, derandomize=True, database=None)
def test_what_is_asked_of_those_who_are_there_is_answered_as_the_document_says(case: schemathesis.Case[Any], url: str) -> None:
    kinds = {"agents": "a0", "calls": "cb-call-t-1", "queues": "q0"}
    (known,) = (kinds[part] for part in case.path.split("/") if part in kinds)
    case.path_parameters = dict.fromkeys(case.path_parameters, known)
    answer = case.call_and_validate(base_url=url, headers=BEARER)
    assert answer.status_code in (200, 404, 409)
