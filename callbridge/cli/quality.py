"""The command ``quality``: which recordings are to be reviewed, and how they were scored. No running callbridge is needed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, Database, cause_of, file_of
from callbridge.adapters.quality.forms import BadMark, Criterion, ScoreForm
from callbridge.adapters.quality.service import WrittenReview, draw_due, settle_callback, state_of
from callbridge.adapters.quality.store import ENTERED, NoReview, QualityStore
from callbridge.cli.tables import cell, moment, render, table_of
from callbridge.service.fatal_callbacks import FatalCallbacks
from callbridge.service.quality_settings import fatal_callbacks, quality_site, score_forms
from callbridge.settings.durations import seconds
from callbridge.settings.faults import did_you_mean, printable
from callbridge.settings.models import Settings

DONE, FAILED = 0, 1
_SHOWN = ("id", "sample", "reviewer", "agent", "queue", "call", "score", "state")


class NoQuality(Exception):
    """The error in one line."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    acts: dict[str, Callable[[Settings, QualityStore, argparse.Namespace], None]]
    acts = {"list": _list, "next": _next, "show": _show, "score": _score, "dispute": _dispute}
    try:
        with closing(_database(settings)) as database:
            database.open()
            acts[options.act](settings, QualityStore(database.engine), options)
    except (NoQuality, NoReview, BadMark, BadDatabase) as wrong:
        print(printable(f"callbridge: {wrong}"), file=sys.stderr)
        return FAILED
    except SQLAlchemyError as trouble:
        print(printable(f"callbridge: the database: {cause_of(trouble)}"), file=sys.stderr)
        return FAILED
    return DONE


def _database(settings: Settings) -> Database:
    if settings.database is None or not settings.quality.samples:
        raise NoQuality("quality reviews are off: the configuration needs the sections 'database:' and 'quality:' with samples")
    url = settings.database.url.get_secret_value()
    file = file_of(url)
    if file is not None and not file.exists():
        raise NoQuality(f"there are no recordings yet: {file} does not exist")
    return Database(url)


def _known(settings: Settings, sample: str) -> str:
    if sample not in settings.quality.samples:
        hint = did_you_mean(sample, settings.quality.samples)
        raise NoQuality(f"no such sample: {sample}" + (f" ({hint})" if hint else ""))
    return sample


def _list(settings: Settings, store: QualityStore, options: argparse.Namespace) -> None:
    if options.reviewer or options.agent:
        rows = [_review(row) for row in store.reviews(reviewer=options.reviewer or "", agent=options.agent or "")]
        _print(options, rows, _SHOWN)
        return
    names = [_known(settings, options.what)] if options.what else list(settings.quality.samples)
    rows = []
    for name in names:
        draw_due(store, quality_site(settings), name, time.time())
        rows += [{"sample": name} | row for row in store.progress(name)]
    _print(options, rows, ("sample", "period", "drawn", "taken", "scored"))


def _next(settings: Settings, store: QualityStore, options: argparse.Namespace) -> None:
    sample = _known(settings, options.what)
    draw_due(store, quality_site(settings), sample, time.time())
    twice = settings.quality.samples[sample].second_review
    row = store.next(sample, options.reviewer, time.time(), calibrate=options.calibrate, second_review=twice)
    if row is None:
        raise NoQuality(f"{options.reviewer} has nothing to review in the sample {sample}")
    form = _form(settings, row["form"])
    if options.json:
        print(json.dumps(_review(row) | {"file": row["file"], "criteria": [_criterion(one) for one in form.criteria()]}))
        return
    print(printable(f"review {row['id']}: {row['agent']} in {row['queue'] or 'no queue'}, {moment(row['recorded_at'])}"))
    print(printable(f"recording {row['file']} of call {row['call']}"))
    for section in form.sections:
        print(printable(f"{section.name} (weight {section.weight:g}):"))
        for one in section.criteria:
            print(printable(f"  {one.name}: {_worth(one)}" + (f": {one.text}" if one.text else "")))


def _show(_settings: Settings, store: QualityStore, options: argparse.Namespace) -> None:
    marks = store.marks(int(options.what))
    if not marks:
        raise NoReview(f"review {options.what} is not scored yet or does not exist")
    _print(options, marks, ("criterion", "section", "mark", "most", "fatal", "comment", "heard_at"))


def _score(settings: Settings, store: QualityStore, options: argparse.Namespace) -> None:
    form = _form(settings, store.form_of(int(options.what)))
    marks, remarks = dict(_pairs(options.mark, "mark")), dict(_pairs(options.remark, "remark"))
    heard = {name: _seconds(text) for name, text in _pairs(options.heard_at, "heard-at")}
    written = WrittenReview(marks=marks, remarks=remarks, heard_at=heard, comment=options.comment)
    review, number = written.by_form(form, fatal_callbacks(settings).get(form.name, "")), int(options.what)
    store.score(number, options.reviewer, review, time.time())
    settle_callback(store, number, FatalCallbacks(lambda: settings))
    row, result = store.review(number), review.result
    if options.json:
        said = {"id": number, "score": result.score, "points": result.points, "failed": list(result.failed)}
        print(json.dumps(said | {"callback": row["callback"] or "", "callback_outcome": row["callback_outcome"] or ""}))
        return
    failed = f", fatal: {', '.join(result.failed)}" if result.failed else ""
    print(printable(f"review {number}: score {_share(result.score)}{failed}"))
    if row["callback"] and result.failed:
        outcome = "the customer is a lead" if row["callback_outcome"] == ENTERED else row["callback_outcome"]
        print(printable(f"callback by campaign {row['callback']}: {outcome}"))


def _dispute(_settings: Settings, store: QualityStore, options: argparse.Namespace) -> None:
    store.dispute(int(options.what), options.by, options.reason, time.time())
    print(json.dumps({"id": int(options.what)}) if options.json else f"review {options.what} is disputed: it can be scored again")


# -- how it is written ------------------------------------------------------------------------------------------------


def _form(settings: Settings, name: str) -> ScoreForm:
    forms = score_forms(settings)
    if name not in forms:
        raise NoQuality(f"the form {name} is no longer in the configuration")
    return forms[name]


def _criterion(one: Criterion) -> dict[str, Any]:
    return {
        "name": one.name,
        "text": one.text,
        "points": None if one.fatal else one.points,
        "fatal": one.fatal,
        "optional": one.optional,
    }


def _worth(one: Criterion) -> str:
    return ("fatal, pass or fail" if one.fatal else f"0 to {one.points:g}") + (" or na" if one.optional else "")


def _pairs(texts: Sequence[str], option: str) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, given, value = text.partition("=")
        if not given or not name:
            raise BadMark(f"--{option} {text:.40}: expected CRITERION=VALUE")
        yield name, value


def _seconds(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as wrong:
        raise BadMark(str(wrong)) from None


def _review(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "file"} | {"state": state_of(row)}


def _print(options: argparse.Namespace, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if options.json:
        print(json.dumps(list(rows)))
        return
    if not rows:
        print("nothing yet")
        return
    table = table_of(*columns, right=len(columns))
    for row in rows:
        table.add_row(*(cell(_cell(name, row[name])) for name in columns))
    print(render(table))


def _cell(name: str, value: object) -> object:
    if isinstance(value, float):
        return _share(value) if name == "score" else f"{value:g}"
    return "-" if value is None else value


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
