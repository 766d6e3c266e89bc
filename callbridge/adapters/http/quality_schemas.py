"""Requests about reviews of recordings, and their answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from callbridge.adapters.http.request_bodies import PLAIN_TEXT, Body
from callbridge.adapters.http.response_bodies import Absent, Count, ResponseBody

CriterionName = Annotated[str, Field(min_length=1, max_length=64, pattern=PLAIN_TEXT)]
Comment = Annotated[str, Field(max_length=1000, pattern=PLAIN_TEXT)]
HeardAt = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
_MOST_CRITERIA = 200


class NextReviewBody(Body):
    """``calibrate``: a recording that somebody else has scored, to compare the two."""

    sample: str = Field(min_length=1, max_length=64, pattern=PLAIN_TEXT)
    calibrate: bool = False


class ScoreBody(Body):
    """``marks``: of each criterion its points, `pass`, `fail` or `na`. ``remarks`` and ``heard_at`` (seconds into the recording)
    are by criterion, too. ``comment`` is about the whole."""

    marks: dict[CriterionName, Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=30)]] = Field(
        min_length=1, max_length=_MOST_CRITERIA, examples=[{"greeting": 5, "identified": "pass"}]
    )
    remarks: dict[CriterionName, Comment] = Field(default={}, max_length=_MOST_CRITERIA)
    heard_at: dict[CriterionName, HeardAt] = Field(default={}, max_length=_MOST_CRITERIA)
    comment: Comment = ""


class DisputeBody(Body):
    """Why the score is not right."""

    reason: str = Field(min_length=1, max_length=1000, pattern=PLAIN_TEXT)


class SampleView(ResponseBody):
    """The recordings of a sample's period: how many were drawn, assigned to a reviewer, and scored."""

    sample: str
    period: str
    drawn: Count
    taken: Count
    scored: Count


class CriterionView(ResponseBody):
    """``points``: the maximum; absent for a fatal criterion."""

    name: str
    text: str
    points: float | Absent
    fatal: bool
    optional: bool


class MarkView(ResponseBody):
    """``mark``: the points given of ``most``, of a fatal criterion 1 or 0; absent: it does not apply. ``heard_at``: seconds into
    the recording."""

    criterion: str
    section: str
    fatal: bool
    mark: float | Absent
    most: float
    comment: str
    heard_at: float | Absent


class ReviewView(ResponseBody):
    """``recording``: its ID. ``score`` and ``points`` (of the criteria that are not fatal): 0 to 1; ``failed``: how many fatal
    criteria were not met. ``calibrates``: somebody else has reviewed the recording, too. ``callback``: the campaign that is to
    call the customer back, because a fatal criterion failed; ``callback_outcome``: `entered`, or why not."""

    id: int
    sample: str
    recording: str
    call: str
    agent: str
    queue: str
    campaign: str
    recorded_at: float
    reviewer: str
    state: Literal["open", "scored", "disputed"]
    calibrates: bool
    form: str
    form_version: str
    assigned_at: float
    scored_at: float | Absent
    score: float | Absent
    points: float | Absent
    failed: Count | Absent
    comment: str
    disputed_at: float | Absent
    disputed_by: str
    dispute: str
    settled_at: float | Absent
    callback: str
    callback_outcome: str


class OpenReviewView(ReviewView):
    """A review to be made. ``file``: the recording, below the PBX's folder `monitor`."""

    file: str
    criteria: list[CriterionView]


class ReviewDetails(ReviewView):
    criteria: list[CriterionView]
    marks: list[MarkView]


class ReviewScored(ResponseBody):
    """``failed``: the fatal criteria that failed. ``callback``, ``callback_outcome``: as in a review."""

    id: int
    score: float | Absent
    points: float | Absent
    failed: list[str]
    callback: str
    callback_outcome: str


class ReviewDisputed(ResponseBody):
    id: int
    disputed: Literal[True]
