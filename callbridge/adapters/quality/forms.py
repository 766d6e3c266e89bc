"""Score forms: sections with weights, and criteria that are fatal (passed or failed) or worth points.

The points of a section are those given / those possible; the form's are the mean of its sections by weight. A criterion that
does not apply counts nowhere, nor does a section without any that does. With a failed fatal criterion the score is 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from callbridge.core.model.sentence import Sentence

_NOT_APPLICABLE = "na"
_PASSED, _FAILED = "pass", "fail"


class BadMark(ValueError):
    """A mark that the form does not know, or that is missing; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """``points``: the most that is given; of a fatal one none. ``optional``: it may be marked as not applicable."""

    name: str
    text: str = ""
    points: float = 1.0
    fatal: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSection:
    name: str
    weight: float = 1.0
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class ScoreForm:
    name: str
    sections: tuple[FormSection, ...]

    @property
    def version(self) -> str:
        """Changes whenever anything in the form changes: scores by two versions are not comparable."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    def criteria(self) -> Iterator[Criterion]:
        for section in self.sections:
            yield from section.criteria


@dataclass(frozen=True, slots=True)
class FormScore:
    """``points``: 0 to 1, of the criteria that are not fatal (non-fatal accuracy); None: none of them applied. ``failed``: the
    fatal criteria that were not met. ``marks``: points by criterion, of a fatal one 1 or 0; None: not applicable."""

    points: float | None
    failed: tuple[str, ...]
    marks: Mapping[str, float | None]

    @property
    def score(self) -> float | None:
        return 0.0 if self.failed else self.points


def score(form: ScoreForm, written: Mapping[str, str]) -> FormScore:
    """``written``: criterion -> points, ``pass``, ``fail`` or ``na``. Raises BadMark."""
    known = {criterion.name for criterion in form.criteria()}
    for name in written:
        if name not in known:
            there = ", ".join(sorted(known))
            raise BadMark(
                Sentence("the form {form} has no criterion '{name}': it has {known}", form=form.name, name=name, known=there)
            )
    missing = [criterion.name for criterion in form.criteria() if criterion.name not in written]
    if missing:
        raise BadMark(Sentence("no mark for {criteria}", criteria=", ".join(missing)))
    marks = {criterion.name: _mark(criterion, written[criterion.name]) for criterion in form.criteria()}
    failed = tuple(one.name for one in form.criteria() if one.fatal and marks[one.name] == 0.0)
    given = [(section.weight, share) for section in form.sections if (share := _share(section, marks)) is not None]
    weight = sum(one for one, _ in given)
    points = sum(one * share for one, share in given) / weight if weight else None
    return FormScore(points, failed, marks)


def _mark(criterion: Criterion, written: str) -> float | None:
    text = written.strip().lower()
    if text == _NOT_APPLICABLE:
        if criterion.optional:
            return None
        raise BadMark(Sentence("{criterion} always applies: {expected}", criterion=criterion.name, expected=_expected(criterion)))
    if criterion.fatal:
        if text in (_PASSED, _FAILED):
            return float(text == _PASSED)
        raise _not(criterion, written)
    try:
        points = float(text)
    except ValueError:
        points = -1.0
    if 0.0 <= points <= criterion.points:
        return points
    raise _not(criterion, written)


def _not(criterion: Criterion, written: str) -> BadMark:
    words = {"criterion": criterion.name, "expected": _expected(criterion), "written": written[:30]}
    return BadMark(Sentence("{criterion}: {expected}, not '{written}'", **words))


def _expected(criterion: Criterion) -> Sentence:
    if criterion.fatal:
        return Sentence("expected pass, fail or na") if criterion.optional else Sentence("expected pass or fail")
    points = f"{criterion.points:g}"
    if criterion.optional:
        return Sentence("expected 0 to {points} points or na", points=points)
    return Sentence("expected 0 to {points} points", points=points)


def _share(section: FormSection, marks: Mapping[str, float | None]) -> float | None:
    given = [(marks[one.name], one.points) for one in section.criteria if not one.fatal]
    possible = sum(points for mark, points in given if mark is not None)
    return sum(mark for mark, _ in given if mark is not None) / possible if possible else None
