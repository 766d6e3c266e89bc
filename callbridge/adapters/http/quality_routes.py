"""Reviews of recordings over HTTP: the routes and their handlers. The reviewer is always the client of the request, so nobody
can review in another's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from callbridge.adapters.http import quality_schemas as schemas
from callbridge.adapters.http.auth import caller
from callbridge.adapters.http.limited import OUTSIDE, Limited
from callbridge.adapters.http.problems import Problem, unavailable
from callbridge.adapters.http.request_bodies import PLAIN_TEXT, body_of
from callbridge.adapters.http.response_bodies import ResponseBody
from callbridge.adapters.http.route import NOT_NOW, STAFF, SUPERVISORS, Query, get, post
from callbridge.adapters.http.scope import Scope
from callbridge.adapters.quality.forms import BadMark
from callbridge.adapters.quality.service import QualityAway, QualityService, UnknownSample, WrittenReview
from callbridge.adapters.quality.store import NoReview, OfTeam, UnknownReview
from callbridge.core.model.sentence import Sentence

_NAME = {"type": "string", "pattern": PLAIN_TEXT}
_NOT_YOURS = Sentence("this token is for one agent and can see and dispute only that agent's scored reviews")

QUALITY_ROUTES = (
    get(
        "/api/quality/samples",
        "quality_samples",
        "list the samples of recordings by period, with the progress of their review",
        list[schemas.SampleView],
        roles=SUPERVISORS,
        faults=NOT_NOW,
        limited=Limited.ROWS,
    ),
    post(
        "/api/quality/next",
        "next_review",
        "get the next recording for this token's user to review, with its form; the same one until it is scored",
        schemas.OpenReviewView,
        roles=SUPERVISORS,
        body=schemas.NextReviewBody,
        faults=(404, *NOT_NOW),
        recorded="review_next",
        limited=Limited.ROWS,
    ),
    get(
        "/api/quality/reviews",
        "reviews",
        "list the latest 100 reviews, newest first; an agent token returns only that agent's scored ones",
        list[schemas.ReviewView],
        roles=STAFF,
        query=(Query("agent", "only reviews of this agent", _NAME), Query("reviewer", "only reviews by this reviewer", _NAME)),
        faults=NOT_NOW,
        limited=Limited.ROWS,
    ),
    get(
        "/api/quality/reviews/{id}",
        "review",
        "get a review with its marks",
        schemas.ReviewDetails,
        roles=STAFF,
        faults=(404, *NOT_NOW),
        limited=Limited.ROWS,
    ),
    post(
        "/api/quality/reviews/{id}/score",
        "score_review",
        "score a recording assigned to this token's user; a second score is accepted only after a dispute, and settles it",
        schemas.ReviewScored,
        roles=SUPERVISORS,
        body=schemas.ScoreBody,
        faults=(404, 409, *NOT_NOW),
        limited=Limited.ROWS,
    ),
    post(
        "/api/quality/reviews/{id}/dispute",
        "dispute_review",
        "dispute a score, once; its reviewer can then score again",
        schemas.ReviewDisputed,
        roles=STAFF,
        body=schemas.DisputeBody,
        faults=(404, 409, *NOT_NOW),
        recorded="review_dispute",
        limited=Limited.ROWS,
    ),
)


class QualityHandlers:
    def __init__(self, quality: QualityService) -> None:
        self._quality = quality

    async def quality_samples(self, _request: web.Request) -> web.Response:
        with _refusals():
            return web.json_response(await self._quality.samples(caller().scope.queues))

    async def next_review(self, request: web.Request) -> web.Response:
        body = await body_of(request, schemas.NextReviewBody)
        with _refusals():
            found = await self._quality.next(body.sample, caller().by, calibrate=body.calibrate, queues=caller().scope.queues)
        if found is None:
            raise Problem(404, "nothing is left to review", sample=body.sample)
        return _answer(schemas.OpenReviewView, found)

    async def reviews(self, request: web.Request) -> web.Response:
        own, asked = caller().agent, {name: request.query.get(name, "") for name in ("agent", "reviewer")}
        if own and asked["agent"] not in ("", own):
            raise Problem(403, _NOT_YOURS)
        with _refusals():
            rows = await self._quality.reviews(
                reviewer=asked["reviewer"], agent=own or asked["agent"], scored=bool(own), team=_team(caller().scope)
            )
        return web.json_response([_view(schemas.ReviewView, row) for row in rows])

    async def review(self, request: web.Request) -> web.Response:
        return _answer(schemas.ReviewDetails, await self._seen(_review_id(request)))

    async def score_review(self, request: web.Request) -> web.Response:
        number, body = _review_id(request), await body_of(request, schemas.ScoreBody)
        if not caller().scope.whole:
            await self._seen(number)
        marks = {name: str(mark) for name, mark in body.marks.items()}
        written = WrittenReview(marks=marks, remarks=body.remarks, heard_at=body.heard_at, comment=body.comment)
        with _refusals():
            scored = await self._quality.score(number, caller().by, written)
        result = scored.result
        answer: dict[str, Any] = {"id": number, "score": result.score, "points": result.points, "failed": list(result.failed)}
        answer |= {"callback": scored.callback, "callback_outcome": scored.callback_outcome}
        return _answer(schemas.ReviewScored, answer)

    async def dispute_review(self, request: web.Request) -> web.Response:
        number, body = _review_id(request), await body_of(request, schemas.DisputeBody)
        if caller().agent or not caller().scope.whole:
            await self._seen(number)
        with _refusals():
            await self._quality.dispute(number, caller().by, body.reason)
        return web.json_response({"id": number, "disputed": True})

    async def _seen(self, number: int) -> dict[str, Any]:
        """The review, if this token may see it. An agent does not learn which recordings are under review, nor which reviews of
        others there are."""
        own, scope = caller().agent, caller().scope
        try:
            with _refusals():
                found = await self._quality.review(number)
        except Problem as refused:
            raise (Problem(403, _NOT_YOURS) if own and refused.status == 404 else refused) from None
        if not scope.row(found):
            raise Problem(403, OUTSIDE)
        if own and (found["agent"] != own or found["state"] == "open"):
            raise Problem(403, _NOT_YOURS)
        return found


def _team(scope: Scope) -> OfTeam | None:
    return None if scope.whole else (scope.queues or frozenset(), scope.agents or frozenset())


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (UnknownReview, UnknownSample) as unknown:
        raise Problem(404, unknown) from None
    except NoReview as refused:
        raise Problem(409, refused) from None
    except BadMark as wrong:
        raise Problem(400, wrong) from None
    except QualityAway as trouble:
        raise unavailable(trouble) from None


def _review_id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem(404, "no such review: its ID is a number")
    return int(text)


def _answer(kind: type[ResponseBody], found: Mapping[str, Any]) -> web.Response:
    return web.json_response(_view(kind, found))


def _view(kind: type[ResponseBody], found: Mapping[str, Any]) -> dict[str, Any]:
    """What the view has of a row; an absent value is the empty string."""
    return {name: _present(found[name]) for name in kind.model_fields}


def _present(value: Any) -> Any:
    if isinstance(value, list):
        return [{name: _present(each) for name, each in one.items()} if isinstance(one, dict) else one for one in value]
    return "" if value is None else value
