"""The shape of what stands between a browser and the HTTP interface: TLS, proxies, sessions."""

from __future__ import annotations

import ipaddress
import pathlib
from typing import Annotated

from pydantic import AfterValidator, Field

from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import text
from callbridge.settings.values import Lasting


class TlsConfig(ConfigSection):
    """The certificate with which the HTTP interface serves https by itself; both files are read again at each reload."""

    certificate: pathlib.Path
    """File in PEM format with the certificate, followed by those of its issuers. Example: `/etc/callbridge/tls/cert.pem`"""
    key: pathlib.Path
    """File in PEM format with the private key of the certificate. Example: `/etc/callbridge/tls/key.pem`"""


class SessionsConfig(ConfigSection):
    """How long somebody who has logged in stays logged in."""

    idle: Annotated[Lasting, Field(ge=60.0)] = 3600.0
    """A session ends when it was not used for this long; an open screen uses it. Example: `1h`"""
    lasts: Annotated[Lasting, Field(ge=60.0)] = 43_200.0
    """A session ends this long after the log-in in any case. Example: `12h`"""


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(f"expected an address or a network such as 10.0.0.0/24, not {value!r:.60}") from None


AddressRange = Annotated[str, AfterValidator(_network), text("address", r"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$")]
