"""Single sign-on by OpenID Connect: the authorization code flow with PKCE, and what an ID token has to prove.

The provider says who somebody is; what they may do is said by ``users`` and ``agents``. The log-in that begins here is bound to
the browser by a cookie, so that nobody can be logged in by a link of somebody else; each code has its own verifier and nonce.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from aiohttp import hdrs

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ALGORITHMS = ("RS256", "PS256", "ES256")
"""With keys of the provider only: never none, and no secret that a client has, too."""
SIGN_ON_WITHIN = 600.0
"""Seconds that somebody may take at the provider."""
MOST_SIGNING_ON = 1000
CLOCKS_APART = 60.0
"""Seconds by which the provider's clock may differ from ours."""
DOCUMENTS_KEPT = 3600.0
KEYS_AGAIN = 60.0
"""Seconds after which unknown keys are a reason to ask for the provider's again."""
_ANSWERED_WITHIN = 10.0
_LARGEST_ANSWER = 256 * 1024


class SignOnFailed(Exception):
    """Nobody is logged in; the message says why, for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """``address``: under which browsers reach us; ``claim``: of the ID token, which names the user."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False, default="")
    address: str
    claim: str = "preferred_username"

    @property
    def redirect_uri(self) -> str:
        return f"{self.address}/oidc/callback"


@dataclass(frozen=True, slots=True)
class _SigningOn:
    browser: str
    """The hash of the cookie that binds it."""
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    until: float


class Oidc:
    """``wall``: epoch seconds."""

    def __init__(self, settings: OidcSettings, wall: Callable[[], float]) -> None:
        self.settings, self._wall = settings, wall
        self._signing_on: OrderedDict[str, _SigningOn] = OrderedDict()
        self._session: aiohttp.ClientSession | None = None
        self._document: Mapping[str, Any] = {}
        self._document_at = self._keys_at = float("-inf")
        self._keys: KeySet | None = None
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def begin(self) -> tuple[str, str]:
        """Where the browser goes, and the secret of the cookie that it takes along. Raises SignOnFailed."""
        document = await self._provider()
        state, browser, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        until = self._wall() + SIGN_ON_WITHIN
        self._signing_on[state] = _SigningOn(_hash(browser), nonce, verifier, until)
        while len(self._signing_on) > MOST_SIGNING_ON:
            self._signing_on.popitem(last=False)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_uri,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint(document, "authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", browser

    async def finish(self, state: str, code: str, browser: str) -> str:
        """The name of who has signed on. Raises SignOnFailed."""
        begun = self._signing_on.pop(state, None)
        if begun is None or begun.until < self._wall():
            raise SignOnFailed("it did not begin here, or took too long")
        if not hmac.compare_digest(begun.browser, _hash(browser)):
            raise SignOnFailed("it began in another browser")
        if not code:
            raise SignOnFailed("the provider refused it")
        return await self._name_in(await self._id_token(code, begun.verifier), begun.nonce)

    # -- the ID token -------------------------------------------------------------------------------------------

    async def _id_token(self, code: str, verifier: str) -> str:
        said = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.settings.redirect_uri}
        said |= {"client_id": self.settings.client_id, "code_verifier": verifier}
        headers = {hdrs.ACCEPT: "application/json"}
        if self.settings.client_secret:
            pair = f"{quote(self.settings.client_id, safe='')}:{quote(self.settings.client_secret, safe='')}"
            headers[hdrs.AUTHORIZATION] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        endpoint = self._endpoint(await self._provider(), "token_endpoint")
        answer = await self._ask("POST", endpoint, data=said, headers=headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignOnFailed("the provider gave no ID token")
        return token

    async def _name_in(self, token: str, nonce: str) -> str:
        claims = await self._claims(token)
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        ours, now = self.settings.client_id, self._wall()
        wrong = {
            "iss": claims.get("iss") != self.settings.issuer,
            "aud": ours not in audiences,
            "azp": (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != ours,
            "exp": not _is_time(claims.get("exp")) or claims["exp"] < now - CLOCKS_APART,
            "iat": not _is_time(claims.get("iat")) or claims["iat"] > now + CLOCKS_APART,
            "nonce": not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()),
        }
        if faults := [name for name, fault in wrong.items() if fault]:
            raise SignOnFailed(f"the ID token is not for us or not valid now: {', '.join(faults)}")
        name = claims.get(self.settings.claim)
        if not isinstance(name, str) or not name:
            raise SignOnFailed(f"the ID token has no {self.settings.claim}")
        if self.settings.claim == "email" and claims.get("email_verified") is not True:
            raise SignOnFailed("the provider has not verified the mail address")
        return name

    async def _claims(self, token: str) -> Mapping[str, Any]:
        """Of a token that is signed with a key of the provider's."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        keys_at = self._keys_at
        for again in (False, True):
            try:
                claims: Mapping[str, Any] = jwt.decode(token, await self._provider_keys(again), algorithms=ALGORITHMS).claims
            except (JoseError, ValueError, TypeError, KeyError) as trouble:
                if again or self._keys_at > keys_at or asyncio.get_running_loop().time() < self._keys_at + KEYS_AGAIN:
                    raise SignOnFailed(f"the ID token is not signed by the provider: {type(trouble).__name__}") from None
            else:
                return claims
        raise AssertionError("it was returned or raised")

    # -- the provider -------------------------------------------------------------------------------------------

    async def _provider(self) -> Mapping[str, Any]:
        """What the provider says of itself."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now >= self._document_at + DOCUMENTS_KEPT:
                found = await self._ask("GET", f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
                if found.get("issuer") != self.settings.issuer:
                    raise SignOnFailed("the provider names another issuer: http.oidc.issuer must be as it writes it")
                self._document, self._document_at = found, now
        return self._document

    async def _provider_keys(self, again: bool) -> KeySet:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        document, now = await self._provider(), asyncio.get_running_loop().time()
        async with self._lock:
            if self._keys is None or again or now >= self._keys_at + DOCUMENTS_KEPT:
                found: Any = await self._ask("GET", self._endpoint(document, "jwks_uri"))
                try:
                    self._keys = KeySet.import_key_set(found)
                except (JoseError, ValueError, TypeError, KeyError):
                    raise SignOnFailed("the provider's keys cannot be read") from None
                self._keys_at = now
            return self._keys

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        """As safe as the issuer: with https, unless the issuer has none, which only a test on this machine has."""
        found = document.get(name)
        schemes = {"https", urlsplit(self.settings.issuer).scheme}
        if not isinstance(found, str) or urlsplit(found).scheme not in schemes:
            raise SignOnFailed(f"the provider has no {name} with https")
        return found

    async def _ask(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWERED_WITHIN))
        where = urlsplit(url).hostname
        try:
            async with self._session.request(method, url, allow_redirects=False, **more) as answer:
                raw = await answer.content.read(_LARGEST_ANSWER)
                if answer.status != 200 or not answer.content.at_eof():
                    raise SignOnFailed(f"{where} answered {answer.status} or too much")
            return _object(raw)
        except (aiohttp.ClientError, TimeoutError, ValueError) as trouble:
            raise SignOnFailed(f"{where} cannot be asked: {type(trouble).__name__}") from None


def _object(raw: bytes) -> Mapping[str, Any]:
    """Raises ValueError."""
    found = json.loads(raw)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
