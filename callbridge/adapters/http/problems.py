"""Problem details (RFC 9457): the form of all error responses, without internal details."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from callbridge.adapters.database import NotConfigured
from callbridge.adapters.views.phrasing import in_parts
from callbridge.core.model.facts import RequestRefused
from callbridge.core.model.sentence import Sentence

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"


class Problem(Exception):
    """An error response with ``status``; ``more`` goes into the body. ``retry_after``: seconds, as a header.
    ``detail``: a sentence, or the exception that carries it. The body of a ``Sentence`` has its template and values, too."""

    def __init__(self, status: int, detail: str | Exception = "", *, retry_after: float | None = None, **more: object) -> None:
        if isinstance(detail, Exception):
            detail = detail.args[0] if len(detail.args) == 1 and isinstance(detail.args[0], str) else str(detail)
        super().__init__(detail)
        self.status = status
        self.retry_after = retry_after
        self.body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
        self.body |= in_parts(detail) | more

    def response(self) -> web.Response:
        response = web.json_response(self.body, status=self.status, content_type=PROBLEM_JSON)
        if self.status == HTTPStatus.UNAUTHORIZED:
            response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="callbridge"'
        if self.status in _UNREAD:
            response.force_close()
        if self.retry_after is not None:
            response.headers[hdrs.RETRY_AFTER] = str(max(1, round(self.retry_after)))
        return response


def unavailable(trouble: Exception) -> Problem:
    """503: temporarily unavailable, try again later; 501: not configured."""
    if isinstance(trouble, NotConfigured):
        return Problem(501, trouble)
    return Problem(503, trouble, retry_after=10)


def check_granted(refused: RequestRefused | None, **about: object) -> None:
    """Raises Problem when the core refused a request."""
    if refused is not None:
        problem = Problem(404 if refused.unknown else 409, refused.reason, request=refused.request)
        problem.body |= about
        raise problem


_UNREAD = (413, 415)
"""Statuses that are sent before the body has arrived: the connection does not wait for it."""
_DETAILS = {
    404: Sentence("no such path"),
    405: Sentence("method not allowed; see the Allow header"),
    413: Sentence("the body is too large"),
}
"""For refusals by aiohttp itself."""


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every exception into a problem; log internal errors."""
    try:
        response = await handler(request)
    except Problem as problem:
        response = problem.response()
    except web.HTTPException as error:
        # aiohttp keeps it with the request, whose frames it refers to: a circle that only the garbage collector would free.
        error.__traceback__ = None
        if error.status == HTTPStatus.NOT_FOUND and _asks_for_a_page(request):
            return hardened(web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: "/"}))
        response = Problem(error.status, _DETAILS.get(error.status, "")).response()
        if hdrs.ALLOW in error.headers:
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    except TimeoutError:
        response = Problem(504, "no answer in time; the request may still be carried out").response()
    except ConnectionError:
        raise  # the client has gone
    except Exception:  # any bug of ours: it is logged, and the client gets an answer
        log.exception("http request failed", path=request.path, method=request.method)
        response = Problem(500).response()
    return response if response.prepared else hardened(response)


def _asks_for_a_page(request: web.Request) -> bool:
    """A person who has mistyped an address is led to the first page rather than shown a JSON object."""
    path = request.path
    return (
        request.method == hdrs.METH_GET
        and "text/html" in request.headers.get(hdrs.ACCEPT, "")
        and path not in ("/", "/api")
        and not path.startswith(("/api/", "/assets/"))
    )


def hardened(response: web.StreamResponse) -> web.StreamResponse:
    """Add the headers for browsers and proxies that every response has."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    return response
