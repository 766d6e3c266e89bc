"""What is wrong with a request's body is said in plain words: no validator's own sentence, no regular expression."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache

import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Request

import callbridge.adapters.http.server  # noqa: F401 - loads the modules that define bodies
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.request_bodies import Body, CallbackBody, NoteBody, ReasonBody, SecondsBody, body_of

TEXTS = ("", "x\x00y", "a" * 5000, "lunch\n")
ODD: tuple[object, ...] = (None, 5, -1, 1e300, 2.5, True, *TEXTS, [], {}, [[]], {"a": {"b": 1}}, [{}] * 501)
VALIDATORS = re.compile(r"should |Input|Extra |Value error|JSON:|pattern|\\x|\^|permitted|pydantic", re.IGNORECASE)


def bodies(kind: type[Body] = Body) -> Iterator[type[Body]]:
    yield kind
    for each in kind.__subclasses__():
        yield from bodies(each)


@cache
def a_request() -> Request:
    """Making one takes ten times as long as reading it."""
    return make_mocked_request("POST", "/")


async def problems(kind: type[Body], text: str) -> list[tuple[str, str]]:
    request = a_request()
    request._read_bytes = text.encode()  # as if it had arrived
    try:
        await body_of(request, kind)
    except Problem as problem:
        faults: list[dict[str, str]] = json.loads(problem.response().text or "")["faults"]
        return [(fault["field"], fault["problem"]) for fault in faults]
    return []


@pytest.mark.parametrize("kind", [*bodies()], ids=lambda kind: kind.__name__)
async def test_no_problem_is_a_validators_own_sentence_or_a_regular_expression(kind: type[Body]) -> None:
    texts = ["[]", "5", "{", "", '{"no-such-field": 1}', "{}"]
    texts += [json.dumps({name: value}) for name in kind.model_fields for value in ODD]
    told = {text for each in texts for text in await problems(kind, each)}
    assert told, "something is always wrong"
    assert [text for text in told if VALIDATORS.search(text[1])] == []


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (ReasonBody, '{"reason": 5}', ("reason", "expected text")),
        (ReasonBody, '{"reason": "lunch\\n"}', ("reason", "must not contain control characters")),
        (ReasonBody, '{"reason": "lunch \u202e"}', ("reason", "must not contain control characters")),
        (NoteBody, '{"text": "a\\n\u2066b"}', ("text", "must not contain control characters")),
        (ReasonBody, '{"reasn": "lunch"}', ("reasn", "is not a field of this request")),
        (ReasonBody, "[]", ("", "expected an object")),
        (ReasonBody, "{", ("", "not valid JSON")),
        (SecondsBody, "{}", ("seconds", "is missing")),
        (SecondsBody, '{"seconds": -1}', ("seconds", "must be 0 or more")),
        (CallbackBody, '{"queue": "", "number": "+442079460000"}', ("queue", "is empty")),
    ],
)
async def test_a_problem_says_what_is_expected(kind: type[Body], text: str, expected: tuple[str, str]) -> None:
    assert await problems(kind, text) == [expected]
