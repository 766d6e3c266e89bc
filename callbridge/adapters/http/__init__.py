"""HTTP: health, metrics, views as JSON, requests, and facts as server-sent events.

It decides nothing; the core does. Every route is one line in ``routes``, from which the server, the rules about who
may use it and the OpenAPI document are made. Every error is ``application/problem+json``.
"""

from callbridge.adapters.http.accounts import Account, AccountKind, Accounts, BrowserPhone, Team, TokenRole, Wall
from callbridge.adapters.http.auth import ApiToken, HttpSettings
from callbridge.adapters.http.backend import Backend, NoStandby, ReloadResult
from callbridge.adapters.http.feed import EventFeed
from callbridge.adapters.http.handlers import make_app
from callbridge.adapters.http.limits import REFUSALS, ConnectionLimits
from callbridge.adapters.http.oidc import OidcSettings
from callbridge.adapters.http.probes import Probes, Role, make_starting_app
from callbridge.adapters.http.proxies import TrustedProxies
from callbridge.adapters.http.request_bodies import BODY_LIMIT
from callbridge.adapters.http.server import listening
from callbridge.adapters.http.sessions import Sessions, SessionTerms
from callbridge.adapters.http.standby_routes import StandbyReads, make_standby_app
from callbridge.adapters.http.tls import BadCertificate, ServedCertificate, TlsFiles
from callbridge.adapters.http.view_feed import ViewFeed

__all__ = [
    "BODY_LIMIT",
    "REFUSALS",
    "Account",
    "AccountKind",
    "Accounts",
    "ApiToken",
    "Backend",
    "BadCertificate",
    "BrowserPhone",
    "ConnectionLimits",
    "EventFeed",
    "HttpSettings",
    "NoStandby",
    "OidcSettings",
    "Probes",
    "ReloadResult",
    "Role",
    "ServedCertificate",
    "SessionTerms",
    "Sessions",
    "StandbyReads",
    "Team",
    "TlsFiles",
    "TokenRole",
    "TrustedProxies",
    "ViewFeed",
    "Wall",
    "listening",
    "make_app",
    "make_standby_app",
    "make_starting_app",
]
