"""The API against its own OpenAPI document: schemathesis asks what the document allows, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig

from callbridge.adapters.http import HttpSettings
from callbridge.adapters.http.openapi import document
from tests.adapters.http_house import open_house

TOKEN = "s3cret"

api = schemathesis.openapi.from_dict(document(), config=SchemathesisConfig(seed=1)).exclude(path="/api/events")
"""Without the stream: it has no end. Its tests are in test_http_events."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with open_house(HttpSettings(token=TOKEN, wrong_tokens=1_000_000, logins=1_000_000)) as (where, _):
        yield where


@api.parametrize()
@hypothesis.settings(max_examples=40, derandomize=True, database=None)
def test_the_api_does_what_its_document_says(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"})
