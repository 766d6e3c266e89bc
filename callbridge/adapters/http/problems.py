"""Problems (RFC 9457): the one form in which everything that is not a success is said, with nothing about our inside."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"


class Problem(Exception):
    """To be answered with ``status``; ``more`` goes into the body. ``retry_after``: seconds, as a header."""

    def __init__(self, status: int, detail: str = "", *, retry_after: float | None = None, **more: object) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after = retry_after
        self.body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}

    def response(self) -> web.Response:
        response = web.json_response(self.body, status=self.status, content_type=PROBLEM_JSON)
        if self.status == HTTPStatus.UNAUTHORIZED:
            response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="callbridge"'
        if self.status in _UNREAD:
            response.force_close()
        if self.retry_after is not None:
            response.headers[hdrs.RETRY_AFTER] = str(max(1, round(self.retry_after)))
        return response


_UNREAD = (413, 415)
"""What is answered while the body is still to come: it is not waited for on this connection."""
_DETAILS = {404: "no such path", 405: "not with this method; Allow says which", 413: "the body is too large"}
"""Of what aiohttp itself refuses."""


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever is raised becomes a problem; what is our own fault is logged, too."""
    try:
        response = await handler(request)
    except Problem as problem:
        response = problem.response()
    except web.HTTPException as error:
        response = Problem(error.status, _DETAILS.get(error.status, "")).response()
        if hdrs.ALLOW in error.headers:
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    except TimeoutError:
        response = Problem(504, "no answer in time; the request may still be carried out").response()
    except ConnectionError:
        raise  # nobody is there to be told
    except Exception:  # whatever our own bug is: it is logged, and who asked gets an answer
        log.exception("http request failed", path=request.path, method=request.method)
        response = Problem(500).response()
    return response if response.prepared else hardened(response)


def hardened(response: web.StreamResponse) -> web.StreamResponse:
    """With what every answer of ours says to browsers and proxies."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response
