"""Reports over HTTP: which of them a token may access, and the response, streamed as the history is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aiohttp import hdrs, web

from callbridge.adapters.http.accounts import TokenRole
from callbridge.adapters.http.auth import Caller
from callbridge.adapters.http.limited import OUTSIDE
from callbridge.adapters.http.problems import Problem, hardened, unavailable
from callbridge.adapters.http.scope import Scope
from callbridge.adapters.report_forms.forms import MEDIA, SUFFIX, ReportForm
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.report_forms.words import Language
from callbridge.adapters.reports.asking import BadReportRequest, NoHistory, NoSuchName, ReportRequest, check_options
from callbridge.core.model.sentence import Sentence
from callbridge.wire.reports import CATALOGUE, NAME_OPTIONS, ReportDescription, ReportOption

MOST_ROWS_ASKED, MOST_SKIPPED = 100_000, 10_000
"""Of a page of a report, and before it: for more, narrow the period."""
_READERS = frozenset({TokenRole.SUPERVISOR, TokenRole.ADMIN})


async def catalogue_answer(request: web.Request, reports: ReportService, who: Caller) -> web.Response:
    """The reports that this token may access."""
    language = _language(request)
    try:
        listed = await reports.catalogue(language)
    except NoHistory as trouble:
        raise unavailable(trouble) from None
    return web.json_response([one for one in listed if _allowed(CATALOGUE[one["name"]], who)])


async def report_answer(request: web.Request, reports: ReportService, who: Caller, *, masked: bool) -> web.StreamResponse:
    """The status is sent before the rows; if reading fails later, the response ends without the final HTTP chunk. ``masked``:
    numbers and names are shown as others may see them."""
    name = request.match_info["name"]
    if name not in CATALOGUE:
        raise Problem(404, "no such report", reports=[one for one in CATALOGUE if _allowed(CATALOGUE[one], who)])
    if not _allowed(CATALOGUE[name], who):
        raise Problem(403, "this token has no access to this report")
    form = ReportForm(_one_of(ReportForm, "format", request.query.get("format", ReportForm.JSON)))
    language = _language(request)
    pieces = reports.stream(replace(_asked(request, name, who), masked=masked), form, language)
    response = hardened(web.StreamResponse(headers={hdrs.CONTENT_TYPE: _media(form)}))
    file = f"{name}.{SUFFIX.get(form, form)}"
    if form is not ReportForm.JSON:
        response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="{file}"'
    try:
        async for piece in pieces:
            if not response.prepared:
                await response.prepare(request)
            await response.write(piece)
        await response.write_eof()
    except (BadReportRequest, NoHistory) as trouble:
        if response.prepared:
            raise ConnectionAbortedError from trouble
        if isinstance(trouble, NoHistory):
            raise unavailable(trouble) from None
        raise Problem(404 if isinstance(trouble, NoSuchName) else 400, trouble) from None
    finally:
        await pieces.aclose()
    return response


def _language(request: web.Request) -> Language:
    return Language(_one_of(Language, "language", request.query.get("language", Language.ENGLISH)))


def _number(request: web.Request, name: str, most: int) -> int:
    """A parameter that is a number; 0: it is not given."""
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 9) or int(text) > most:
        raise Problem(400, Sentence("{name} must be a number up to {most}", name=name, most=most))
    return int(text)


def _one_of(there: Iterable[str], what: str, text: str) -> str:
    if text not in tuple(there):
        raise Problem(
            400, Sentence("no such {what}: '{name}' (known: {known})", what=what, name=text[:40], known=", ".join(there))
        )
    return text


def _allowed(report: ReportDescription, who: Caller) -> bool:
    """Rows about callers require a role that may act on calls; agents see only their own figures."""
    if not who.scope.whole and not report.options & {ReportOption.QUEUE, ReportOption.AGENT}:
        return False  # it cannot be narrowed to what the client's teams do
    if who.role in _READERS:
        return True
    return report.own if who.agent else not report.about_callers


def _asked(request: web.Request, name: str, who: Caller) -> ReportRequest:
    query = request.query
    names: dict[ReportOption, Any] = {option: tuple(filter(None, query.get(option, "").split(","))) for option in NAME_OPTIONS}
    if who.agent:
        if set(names[ReportOption.AGENT]) - {who.agent}:
            raise Problem(403, "this token is for one agent")
        names[ReportOption.AGENT] = (who.agent,)
    if not who.scope.whole:
        _narrow(names, CATALOGUE[name], who.scope)
    asked = ReportRequest(
        name=name,
        begin=query.get("from", ""),
        end=query.get("to", ""),
        by=query.get("by", ""),
        names=names,
        number=query.get("number", ""),
        outcome=query.get("outcome", ""),
        score=query.get("score", ""),
        call=query.get("call", ""),
        together=_yes(request, "together"),
        newest=_yes(request, "newest"),
        limit=_number(request, "limit", MOST_ROWS_ASKED),
        offset=_number(request, "offset", MOST_SKIPPED),
    )
    try:
        check_options(asked, "")
    except BadReportRequest as wrong:
        raise Problem(400, wrong) from None
    return asked


def _yes(request: web.Request, name: str) -> bool:
    return _one_of(("true", "false"), f"choice of {name}", request.query.get(name, "false")) == "true"


def _narrow(names: dict[ReportOption, Any], report: ReportDescription, scope: Scope) -> None:
    """To the teams of the client: a report on agents to their agents, all others to their queues, one on both to both. Nothing
    else may be asked for, but among the calls of these queues those of any agent, whom their rows name as well."""
    of_agents = report.own or ReportOption.QUEUE not in report.options
    about = {ReportOption.AGENT if of_agents else ReportOption.QUEUE} | ({ReportOption.AGENT} if report.mixed else set())
    for option, there in ((ReportOption.QUEUE, scope.queues), (ReportOption.AGENT, scope.agents)):
        searched = report.name == "calls" and option not in about
        if there is not None and set(names[option]) - there and not searched:
            raise Problem(403, OUTSIDE)
        if option in about and not names[option]:
            names[option] = tuple(sorted(there or ()))
    if not all(names[option] for option in about):
        raise Problem(403, OUTSIDE)


def _media(form: ReportForm) -> str:
    return MEDIA[form] + ("; charset=utf-8" if MEDIA[form].startswith("text/") else "")
